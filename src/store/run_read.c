/* run_read.c: reading runs: one by id, a page at once, metric history, artifacts. Params, tags
 * and metrics of a page come in one statement per table and 64 runs, not one per run. */
#include "base/mem.h"
#include "base/vec.h"
#include "store/run_priv.h"
#include <math.h>
#include <string.h>

#define PREFIX_MIN 4
#define CHUNK      64
#define IN_CHUNK                                                                                   \
    "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,$25," \
    "$26,$27,$28,$29,$30,$31,$32,$33,$34,$35,$36,$37,$38,$39,$40,$41,$42,$43,$44,$45,$46,$47,$48," \
    "$49,$50,$51,$52,$53,$54,$55,$56,$57,$58,$59,$60,$61,$62,$63,$64)"

void run_read(struct db_stmt *st, struct arena *a, void *ret)
{
    struct run_row *row = ret;
    row->rid = db_i64(st, 0);
    row->run = (struct run){
        .id = db_dup_or(st, 1, a),
        .experiment_id = db_dup_or(st, 2, a),
        .experiment = db_dup_or(st, 3, a),
        .name = db_dup_or(st, 4, a),
        .status = db_dup_or(st, 5, a),
        .user = db_dup_or(st, 6, a),
        .lifecycle = db_dup_or(st, 7, a),
        .start_us = db_i64(st, 8),
        .end_us = db_i64(st, 9),
    };
}

/* -- finding ------------------------------------------------------------------------------ */
struct hit {
    int64_t rid;
    bool active;
};

static void read_hit(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(struct hit *)ret = (struct hit){ db_i64(st, 0), str_eq(db_text(st, 1), "active") };
}

/* The only run whose id begins so: 1, 0 or -kind. */
static int by_prefix(struct store *s, const char *id, struct hit *ret, struct err *e)
{
    if (strlen(id) < PREFIX_MIN) return 0;
    struct arena a = ARENA_INIT;
    struct hit *hits = NULL;
    size_t n = 0;
    int r = store_all(
        s, &a, "SELECT rid, lifecycle FROM run WHERE id > $1 AND id < $2 ORDER BY id LIMIT 2",
        DB_ARGS(db_t(id), db_t(arena_printf(&a, "%s~", id))), sizeof *hits, read_hit, &hits, &n, e);
    if (r == 0 && n == 1) *ret = hits[0];
    arena_done(&a);
    if (r < 0) return r;
    if (n < 2) return (int)n;
    err_set(e, ERR_CONFLICT, "several runs begin with '%s'", id);
    return err_hint(e, "give more digits of the id");
}

int run_find(struct store *s, const char *id, bool active, int64_t *ret_rid, struct err *e)
{
    struct hit hit;
    int r = store_one(s, NULL, "SELECT rid, lifecycle FROM run WHERE id = $1", DB_ARGS(db_t(id)),
                      read_hit, &hit, e);
    if (r == 0) r = by_prefix(s, id, &hit, e);
    if (r < 0) return r;
    if (r == 0) {
        err_set(e, ERR_NOTFOUND, "Run '%.80s' not found", id);
        return err_hint(e, "`signalbox run list` shows the runs; an id can be cut to %d digits",
                        PREFIX_MIN);
    }
    if (active && !hit.active) {
        err_set(e, ERR_STATE, "The run %s must be in the 'active' state: it is deleted", id);
        return err_hint(e, "`signalbox run restore %s` brings it back", id);
    }
    *ret_rid = hit.rid;
    return 0;
}

/* -- params, tags, metrics ---------------------------------------------------------------- */
struct child {
    int64_t rid;
    union {
        struct kv kv;
        struct metric_point metric;
    } v;
};

static void read_kv(struct db_stmt *st, struct arena *a, void *ret)
{
    struct child *c = ret;
    c->rid = db_i64(st, 0);
    c->v.kv = (struct kv){ db_dup_or(st, 1, a), db_dup_or(st, 2, a) };
}

static void read_metric(struct db_stmt *st, struct arena *a, void *ret)
{
    struct child *c = ret;
    c->rid = db_i64(st, 0);
    c->v.metric = (struct metric_point){
        .key = db_dup_or(st, 1, a),
        .value = db_i64(st, 3) ? (double)NAN : db_f64(st, 2),
        .step = db_i64(st, 4),
        .time_us = db_i64(st, 5),
    };
}

static struct kv *copy_kv(struct arena *a, const struct child *c, size_t n)
{
    struct kv *kv = arena_array(a, n, struct kv);
    for (size_t i = 0; i < n; i++) kv[i] = c[i].v.kv;
    return kv;
}

static void give_params(struct arena *a, struct run *r, const struct child *c, size_t n)
{
    r->params = copy_kv(a, c, n);
    r->n_params = n;
}

static void give_tags(struct arena *a, struct run *r, const struct child *c, size_t n)
{
    r->tags = copy_kv(a, c, n);
    r->n_tags = n;
}

static void give_metrics(struct arena *a, struct run *r, const struct child *c, size_t n)
{
    r->metrics = arena_array(a, n, struct metric_point);
    r->n_metrics = n;
    for (size_t i = 0; i < n; i++) r->metrics[i] = c[i].v.metric;
}

static const struct {
    const char *sql;
    row_fn read;
    void (*give)(struct arena *a, struct run *r, const struct child *c, size_t n);
} children[] = {
    { "SELECT rid, key, value FROM param WHERE rid IN " IN_CHUNK " ORDER BY rid, key", read_kv,
      give_params },
    { "SELECT rid, key, value FROM tag WHERE rid IN " IN_CHUNK " ORDER BY rid, key", read_kv,
      give_tags },
    { "SELECT rid, key, value, is_nan, step, time_us FROM metric_latest WHERE rid IN " IN_CHUNK
      " ORDER BY rid, key",
      read_metric, give_metrics },
};

static struct run *run_of(struct run_row *rows, size_t n, int64_t rid)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].rid == rid) return &rows[i].run;
    return NULL;
}

static int load_chunk(struct store *s, struct arena *a, struct run_row *rows, size_t n,
                      struct err *e)
{
    struct db_arg ids[CHUNK];
    for (size_t i = 0; i < CHUNK; i++) ids[i] = db_i(rows[i < n ? i : 0].rid);
    for (size_t k = 0; k < ARRAY_LEN(children); k++) {
        struct child *c = NULL;
        size_t m = 0;
        int r = store_all(s, a, children[k].sql, (struct db_args){ ids, CHUNK }, sizeof *c,
                          children[k].read, &c, &m, e);
        if (r < 0) return r;
        for (size_t i = 0, j; i < m; i = j) {
            for (j = i + 1; j < m && c[j].rid == c[i].rid; j++) continue;
            children[k].give(a, run_of(rows, n, c[i].rid), c + i, j - i);
        }
    }
    return 0;
}

int run_load(struct store *s, struct arena *a, struct run_row *rows, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i += CHUNK) {
        int r = load_chunk(s, a, rows + i, n - i < CHUNK ? n - i : CHUNK, e);
        if (r < 0) return r;
    }
    return 0;
}

int store_run_get(struct store *s, struct arena *a, const char *id, struct run *ret, struct err *e)
{
    int64_t rid;
    struct run_row row;
    int r = run_find(s, id, false, &rid, e);
    if (r < 0) return r;
    r = store_one(s, a, "SELECT " RUN_COLUMNS " FROM run r WHERE r.rid = $1", DB_ARGS(db_i(rid)),
                  run_read, &row, e);
    if (r > 0) r = run_load(s, a, &row, 1, e);
    if (r == 0) *ret = row.run;
    return r;
}

/* -- history, artifacts, inputs ----------------------------------------------------------- */
static void read_point(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(struct metric_point *)ret = (struct metric_point){
        .value = db_i64(st, 1) ? (double)NAN : db_f64(st, 0),
        .step = db_i64(st, 2),
        .time_us = db_i64(st, 3),
    };
}

int store_run_history(struct store *s, struct arena *a, const char *id, const char *key,
                      struct metric_point **ret, size_t *n, struct err *e)
{
    int64_t rid;
    struct metric_point *m = NULL;
    size_t count = 0;
    int r = run_find(s, id, false, &rid, e);
    if (r == 0)
        r = store_all(s, a,
                      "SELECT value, is_nan, step, time_us FROM metric"
                      " WHERE rid = $1 AND key = $2 ORDER BY step, time_us, value",
                      DB_ARGS(db_i(rid), db_t(key)), sizeof *m, read_point, &m, &count, e);
    if (r < 0) return r;
    const char *name = arena_strdup(a, key);
    for (size_t i = 0; i < count; i++) m[i].key = name;
    *ret = m;
    *n = count;
    return 0;
}

static void read_artifact(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct artifact *)ret = (struct artifact){
        .path = db_dup_or(st, 0, a),
        .digest = db_dup_or(st, 1, a),
        .size = db_i64(st, 2),
    };
}

int store_run_artifacts(struct store *s, struct arena *a, const char *id, struct artifact **ret,
                        size_t *n, struct err *e)
{
    int64_t rid;
    int r = run_find(s, id, false, &rid, e);
    if (r < 0) return r;
    return store_all(s, a, "SELECT path, digest, size FROM artifact WHERE rid = $1 ORDER BY path",
                     DB_ARGS(db_i(rid)), sizeof **ret, read_artifact, ret, n, e);
}

static void read_input(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct run_input *)ret = (struct run_input){
        .name = db_dup_or(st, 0, a),
        .digest = db_dup_or(st, 1, a),
        .context = db_dup_or(st, 2, a),
    };
}

int store_run_inputs(struct store *s, struct arena *a, const char *id, struct run_input **ret,
                     size_t *n, struct err *e)
{
    int64_t rid;
    int r = run_find(s, id, false, &rid, e);
    if (r < 0) return r;
    return store_all(s, a,
                     "SELECT name, digest, context FROM run_input WHERE rid = $1"
                     " ORDER BY name, digest",
                     DB_ARGS(db_i(rid)), sizeof **ret, read_input, ret, n, e);
}
