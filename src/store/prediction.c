/* prediction.c: writing the prediction log: predictions, labels, packed features' schemas, and
 * retention. Reading is in prediction_read.c.
 *
 * The hot path is prediction_add_all: two statements for every DB_ROWS rows. The first claims the
 * requests and goes through the batch in the order of prediction_request, the second adds what is
 * new and goes in the order of time, so that both stay on the same few pages for long.
 * A label is kept in the row of its prediction, so reading a window is one scan and no join;
 * a label without a prediction waits in label_orphan, and only models that have such labels
 * look there. Counters change in the same transaction as the rows they count (monitored.c). */
#include "store/prediction.h"
#include "base/mem.h"
#include "store/monitor_priv.h"
#include <stdlib.h>
#include <string.h>

#define REQUEST_MAX  255
#define TEXT_MAX     1000
#define FEATURES_MAX (1024 * 1024)
#define PRUNE_CHUNK  5000
#define YEAR_0_US    (-62167219200 * 1000000LL)
#define YEAR_9999_US (253402300799 * 1000000LL)

/* -- checks ------------------------------------------------------------------------------- */
static int check_request(const char *id, int64_t at_us, struct err *e)
{
    size_t n = id ? strlen(id) : 0;
    if (n == 0) return err_set(e, ERR_INVALID, "a prediction needs a request id");
    if (n > REQUEST_MAX)
        return err_set(e, ERR_INVALID, "request id '%.40s…' is longer than %d bytes", id,
                       REQUEST_MAX);
    if (at_us >= YEAR_0_US && at_us <= YEAR_9999_US) return 0;
    err_set(e, ERR_INVALID, "request '%s': its time is outside the years 0 to 9999", id);
    return err_hint(e, "times are microseconds since 1970 here");
}

static int check_text(const char *what, const char *id, const char *text, struct err *e)
{
    if (text && strlen(text) <= TEXT_MAX) return 0;
    if (!text) return err_set(e, ERR_INVALID, "request '%s' has no %s", id, what);
    return err_set(e, ERR_INVALID, "request '%s': its %s is longer than %d bytes", id, what,
                   TEXT_MAX);
}

static int check_prediction(const struct prediction *p, struct err *e)
{
    int r = check_request(p->request_id, p->at_us, e);
    if (r == 0) r = check_text("prediction", p->request_id, p->answer, e);
    if (r < 0) return r;
    if (p->n_bytes > FEATURES_MAX)
        return err_set(e, ERR_INVALID, "request '%s': its features take more than %d bytes",
                       p->request_id, FEATURES_MAX);
    return 0;
}

/* -- predictions -------------------------------------------------------------------------- */
/* q: of n new rows among p */
static int insert_some(struct store *s, int64_t model, const struct prediction *p,
                       const struct request *q, size_t n, struct err *e)
{
    enum { WIDTH = 9 };
    static const struct db_arg none = { .type = DB_NULL };
    struct db_arg v[DB_ROWS * WIDTH], *at = v;
    for (size_t i = 0; i < n; i++) {
        const struct prediction *row = &p[q[i].row];
        bool packed = row->schema_id != 0;
        *at++ = db_i(model);
        *at++ = db_i(row->at_us);
        *at++ = db_t(row->request_id);
        *at++ = db_i(row->version);
        *at++ = db_t(row->answer);
        *at++ = db_f_or_null(row->probability);
        *at++ = db_f_or_null(row->latency_ms);
        *at++ = packed ? db_i(row->schema_id) : none;
        *at++ = packed ? db_b(row->features, row->n_bytes) : none;
    }
    return db_exec_rows(s->db,
                        "INSERT INTO prediction (model, at_us, request, version, answer,"
                        " probability, latency_ms, schema_id, features) VALUES $rows",
                        n, (struct db_args){ v, n * WIDTH }, NULL, e);
}

/* Gives a new prediction the label that came before it. */
static int adopt(struct store *s, int64_t model, const struct prediction *p, struct err *e)
{
    int64_t changed = 0;
    int r = store_exec(s,
                       "UPDATE prediction SET label = o.label, label_us = o.label_us"
                       " FROM label_orphan o WHERE o.model = $1 AND o.request = $3"
                       " AND prediction.model = $1 AND prediction.at_us = $2"
                       " AND prediction.request = $3",
                       DB_ARGS(db_i(model), db_i(p->at_us), db_t(p->request_id)), &changed, e);
    if (r < 0 || !changed) return r;
    r = store_exec(s, "DELETE FROM label_orphan WHERE model = $1 AND request = $2",
                   DB_ARGS(db_i(model), db_t(p->request_id)), NULL, e);
    if (r == 0) monitored_count(s, (struct monitored_news){ .labels = 1, .orphans = -1 });
    return r;
}

static int add_rows(struct store *s, const char *model, const struct prediction *p,
                    struct request *q, size_t n, bool *ret_new, struct err *e)
{
    struct monitored m;
    int r = monitored_ensure(s, model, &m, e);
    if (r == 0) r = request_claim(s, m.id, q, &n, ret_new, e);
    request_sort_by_time(q, n);
    for (size_t i = 0, k; r == 0 && i < n; i += k) {
        k = db_rows(n - i);
        r = insert_some(s, m.id, p, &q[i], k, e);
        if (r == 0) monitored_count(s, (struct monitored_news){ .rows = (int64_t)k });
    }
    for (size_t i = 0; r == 0 && m.orphans && i < n; i++) r = adopt(s, m.id, &p[q[i].row], e);
    return r;
}

int prediction_add_all(struct store *s, const char *model, const struct prediction *p, size_t n,
                       bool *ret_new, struct err *e)
{
    bool own;
    int r = 0;
    for (size_t i = 0; r == 0 && i < n; i++) r = check_prediction(&p[i], e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    struct request *q = mem_alloc((n ? n : 1) * sizeof *q);
    for (size_t i = 0; i < n; i++)
        q[i] = (struct request){ p[i].request_id, request_hash(p[i].request_id), p[i].at_us, i };
    r = tx_leave(s, own, add_rows(s, model, p, q, n, ret_new, e), e);
    free(q);
    return r;
}

int prediction_add(struct store *s, const char *model, const struct prediction *p, bool *ret_new,
                   struct err *e)
{
    bool added = false;
    int r = prediction_add_all(s, model, p, 1, &added, e);
    if (r == 0 && ret_new) *ret_new = added;
    return r;
}

/* -- labels ------------------------------------------------------------------------------- */
struct target {
    int64_t at_us;
    bool labelled, same, newer; /* newer: than the label that is there */
};

static void read_target(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(struct target *)ret = (struct target){
        .at_us = db_i64(st, 0),
        .labelled = db_i64(st, 1) != 0,
        .same = db_i64(st, 2) != 0,
        .newer = db_i64(st, 3) != 0,
    };
}

#define COMPARE_LABEL                                                                              \
    " CASE WHEN label IS NULL THEN 0 ELSE 1 END, CASE WHEN label = $3 THEN 1 ELSE 0 END,"          \
    " CASE WHEN label IS NULL OR ($4, $3) > (label_us, label) THEN 1 ELSE 0 END"

static int store_label(struct store *s, int64_t model, const struct label *l,
                       const struct target *t, struct err *e)
{
    if (t)
        return store_exec(s,
                          "UPDATE prediction SET label = $4, label_us = $5"
                          " WHERE model = $1 AND at_us = $2 AND request = $3",
                          DB_ARGS(db_i(model), db_i(t->at_us), db_t(l->request_id), db_t(l->text),
                                  db_i(l->at_us)),
                          NULL, e);
    return store_exec(s,
                      "INSERT INTO label_orphan (model, request, label, label_us, since_us)"
                      " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (model, request)"
                      " DO UPDATE SET label = excluded.label, label_us = excluded.label_us",
                      DB_ARGS(db_i(model), db_t(l->request_id), db_t(l->text), db_i(l->at_us),
                              db_i(store_now(s))),
                      NULL, e);
}

static int add_label(struct store *s, const char *model, const struct label *l,
                     struct label_effect *ret, struct err *e)
{
    struct monitored m;
    struct target t = { 0 };
    int r = monitored_ensure(s, model, &m, e);
    if (r < 0) return r;
    struct db_arg args[] = { db_i(m.id), db_t(l->request_id), db_t(l->text), db_i(l->at_us),
                             db_i(request_hash(l->request_id)) };
    r = store_one(s, NULL, "SELECT p.at_us," COMPARE_LABEL REQUEST_JOIN("$5"),
                  (struct db_args){ args, 5 }, read_target, &t, e);
    if (r < 0) return r;
    bool joined = r > 0;
    *ret = (struct label_effect){ .joined = joined, .prediction_us = t.at_us };
    if (!joined)
        r = store_one(s, NULL,
                      "SELECT 0," COMPARE_LABEL " FROM label_orphan"
                      " WHERE model = $1 AND request = $2",
                      (struct db_args){ args, 4 }, read_target, &t, e);
    if (r < 0) return r;
    if (r > 0 && !t.newer) return 0;
    ret->changed = !t.labelled || !t.same;
    r = store_label(s, m.id, l, joined ? &t : NULL, e);
    if (r < 0) return r;
    monitored_count(s, (struct monitored_news){ .labels = joined && !t.labelled,
                                                .orphans = !joined && !t.labelled });
    return 0;
}

int label_add(struct store *s, const char *model, const struct label *l, struct label_effect *ret,
              struct err *e)
{
    bool own;
    struct label_effect effect = { 0 };
    int r = check_request(l->request_id, l->at_us, e);
    if (r == 0) r = check_text("label", l->request_id, l->text, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = tx_leave(s, own, add_label(s, model, l, &effect, e), e);
    if (r == 0 && ret) *ret = effect;
    return r;
}

/* -- schemas of packed features ----------------------------------------------------------- */
static int find_schema(struct store *s, const char *json, int64_t *ret, struct err *e)
{
    return db_number(s->db, "SELECT id FROM feature_schema WHERE columns_json = $1",
                     DB_ARGS(db_t(json)), 0, ret, e);
}

static int add_schema(struct store *s, const char *json, int64_t *ret, struct err *e)
{
    int r = store_exec(s,
                       "INSERT INTO feature_schema (id, columns_json)"
                       " VALUES ((SELECT coalesce(max(id), 0) + 1 FROM feature_schema), $1)"
                       " ON CONFLICT (columns_json) DO NOTHING",
                       DB_ARGS(db_t(json)), NULL, e);
    return r < 0 ? r : find_schema(s, json, ret, e);
}

int prediction_schema_id(struct store *s, const char *columns_json, int64_t *ret, struct err *e)
{
    bool own;
    int64_t id = 0;
    int r = find_schema(s, columns_json, &id, e);
    if (r == 0 && !id) {
        r = tx_enter(s, &own, e);
        if (r < 0) return r;
        r = tx_leave(s, own, add_schema(s, columns_json, &id, e), e);
    }
    if (r == 0) *ret = id;
    return r;
}

/* -- retention ---------------------------------------------------------------------------- */
#define OLDEST " FROM prediction WHERE model = $1 AND at_us < $2 ORDER BY at_us, request LIMIT $3"

struct old {
    struct request q;
    bool labelled;
};

static void read_old(struct db_stmt *st, struct arena *a, void *ret)
{
    struct old *o = ret;
    o->q.at_us = db_i64(st, 0);
    o->q.id = db_dup_or(st, 1, a);
    o->q.hash = request_hash(o->q.id);
    o->labelled = !db_is_null(st, 2);
}

static int drop_requests(struct store *s, int64_t model, const struct old *o, size_t n,
                         struct err *e)
{
    int r = 0;
    struct request *q = mem_alloc(n * sizeof *q);
    for (size_t i = 0; i < n; i++) q[i] = o[i].q;
    request_sort(q, n);
    for (size_t i = 0; r == 0 && i < n; i++) r = request_drop(s, model, &q[i], e);
    free(q);
    return r;
}

static int prune_chunk(struct store *s, struct arena *a, int64_t model, int64_t before_us,
                       int64_t *ret_n, struct err *e)
{
    struct old *o = NULL;
    size_t n = 0;
    int64_t labels = 0;
    struct db_arg args[] = { db_i(model), db_i(before_us), db_i(PRUNE_CHUNK) };
    struct db_args oldest = { args, sizeof args / sizeof *args };
    int r = store_all(s, a, "SELECT at_us, request, label" OLDEST, oldest, sizeof *o, read_old, &o,
                      &n, e);
    if (r < 0) return r;
    *ret_n = (int64_t)n;
    if (!n) return 0;
    for (size_t i = 0; i < n; i++) labels += o[i].labelled;
    r = drop_requests(s, model, o, n, e);
    if (r == 0)
        r = store_exec(s,
                       "DELETE FROM prediction WHERE model = $1 AND (at_us, request) IN"
                       " (SELECT at_us, request" OLDEST ")",
                       oldest, NULL, e);
    if (r < 0) return r;
    return store_exec(s,
                      "UPDATE monitored SET n_rows = n_rows - $2, n_labels = n_labels - $3"
                      " WHERE id = $1",
                      DB_ARGS(db_i(model), db_i(*ret_n), db_i(labels)), NULL, e);
}

/* Closes what began before the limit, first, so that no window is measured half-emptied. */
static int close_windows(struct store *s, int64_t model, int64_t before_us, struct err *e)
{
    int64_t orphans = 0;
    int r = store_exec(s,
                       "UPDATE monitored SET pruned_us = $2"
                       " WHERE id = $1 AND (pruned_us IS NULL OR pruned_us < $2)",
                       DB_ARGS(db_i(model), db_i(before_us)), NULL, e);
    if (r == 0)
        r = store_exec(s,
                       "UPDATE monitor_window SET measured = mark"
                       " WHERE model = $1 AND start_us < $2 AND mark > measured",
                       DB_ARGS(db_i(model), db_i(before_us)), NULL, e);
    if (r == 0)
        r = store_exec(s, "DELETE FROM label_orphan WHERE model = $1 AND label_us < $2",
                       DB_ARGS(db_i(model), db_i(before_us)), &orphans, e);
    if (r < 0) return r;
    return store_exec(s, "UPDATE monitored SET n_orphans = n_orphans - $2 WHERE id = $1",
                      DB_ARGS(db_i(model), db_i(orphans)), NULL, e);
}

/* One transaction of it. */
static int prune_some(struct store *s, struct arena *a, int64_t model, int64_t before_us,
                      int64_t *ret_n, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = tx_leave(s, own, prune_chunk(s, a, model, before_us, ret_n, e), e);
    arena_reset(a);
    return r;
}

int prediction_prune(struct store *s, const char *model, int64_t before_us, int64_t *ret_n,
                     struct err *e)
{
    struct arena a = ARENA_INIT;
    struct monitored m;
    bool own;
    int64_t n = 1, total = 0;
    int r = monitored_flush(s, e);
    if (r == 0) r = monitored_find(s, model, &m, e);
    monitored_forget(s); /* what it knows changes here */
    if (r == 0 && m.id) {
        r = tx_enter(s, &own, e);
        if (r < 0) return r;
        r = tx_leave(s, own, close_windows(s, m.id, before_us, e), e);
    }
    for (; r == 0 && m.id && n > 0; total += n) r = prune_some(s, &a, m.id, before_us, &n, e);
    arena_done(&a);
    if (r == 0 && ret_n) *ret_n = total;
    return r;
}
