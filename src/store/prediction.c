/* prediction.c: writing the prediction log: predictions, labels, packed features' schemas, and
 * retention. Reading is in prediction_read.c.
 *
 * The hot path is prediction_add: one prepared statement a row, which touches the end of the
 * table (rows arrive nearly in order of time) and one place of the index by request.
 * A label is kept in the row of its prediction, so reading a window is one scan and no join;
 * a label without a prediction waits in label_orphan, and only models that have such labels
 * look there. Counters change in the same transaction as the rows they count (monitored.c). */
#include "store/prediction.h"
#include "store/monitor_priv.h"
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
static int insert(struct store *s, int64_t model, const struct prediction *p, bool *ret_new,
                  struct err *e)
{
    static const struct db_arg none = { .type = DB_NULL };
    bool packed = p->schema_id != 0;
    int64_t changed = 0;
    int r = store_exec(s,
                       "INSERT INTO prediction (model, at_us, request, version, answer,"
                       " probability, latency_ms, schema_id, features)"
                       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING",
                       DB_ARGS(db_i(model), db_i(p->at_us), db_t(p->request_id), db_i(p->version),
                               db_t(p->answer), db_f_or_null(p->probability),
                               db_f_or_null(p->latency_ms), packed ? db_i(p->schema_id) : none,
                               packed ? db_b(p->features, p->n_bytes) : none),
                       &changed, e);
    if (r == 0) *ret_new = changed > 0;
    return r;
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

static int add_prediction(struct store *s, const char *model, const struct prediction *p,
                          bool *ret_new, struct err *e)
{
    struct monitored m;
    int r = monitored_ensure(s, model, &m, e);
    if (r == 0) r = insert(s, m.id, p, ret_new, e);
    if (r < 0 || !*ret_new) return r;
    monitored_count(s, (struct monitored_news){ .rows = 1 });
    return m.orphans ? adopt(s, m.id, p, e) : 0;
}

int prediction_add(struct store *s, const char *model, const struct prediction *p, bool *ret_new,
                   struct err *e)
{
    bool own, added = false;
    int r = check_prediction(p, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = tx_leave(s, own, add_prediction(s, model, p, &added, e), e);
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
    struct db_arg args[] = { db_i(m.id), db_t(l->request_id), db_t(l->text), db_i(l->at_us) };
    struct db_args all = { args, sizeof args / sizeof *args };
    r = store_one(
        s, NULL, "SELECT at_us," COMPARE_LABEL " FROM prediction WHERE model = $1 AND request = $2",
        all, read_target, &t, e);
    if (r < 0) return r;
    bool joined = r > 0;
    *ret = (struct label_effect){ .joined = joined, .prediction_us = t.at_us };
    if (!joined)
        r = store_one(s, NULL,
                      "SELECT 0," COMPARE_LABEL " FROM label_orphan"
                      " WHERE model = $1 AND request = $2",
                      all, read_target, &t, e);
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
struct chunk {
    int64_t rows, labels;
};

static void read_chunk(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(struct chunk *)ret = (struct chunk){ db_i64(st, 0), db_i64(st, 1) };
}

#define OLDEST " FROM prediction WHERE model = $1 AND at_us < $2 ORDER BY at_us, request LIMIT $3"

static int prune_chunk(struct store *s, int64_t model, int64_t before_us, int64_t *ret_n,
                       struct err *e)
{
    struct chunk c = { 0 };
    struct db_arg args[] = { db_i(model), db_i(before_us), db_i(PRUNE_CHUNK) };
    struct db_args oldest = { args, sizeof args / sizeof *args };
    int r = store_one(s, NULL, "SELECT count(*), count(label) FROM (SELECT label" OLDEST ") o",
                      oldest, read_chunk, &c, e);
    if (r < 0) return r;
    *ret_n = c.rows;
    if (!c.rows) return 0;
    r = store_exec(s,
                   "DELETE FROM prediction WHERE model = $1 AND (at_us, request) IN"
                   " (SELECT at_us, request" OLDEST ")",
                   oldest, NULL, e);
    if (r < 0) return r;
    return store_exec(s,
                      "UPDATE monitored SET n_rows = n_rows - $2, n_labels = n_labels - $3"
                      " WHERE id = $1",
                      DB_ARGS(db_i(model), db_i(c.rows), db_i(c.labels)), NULL, e);
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

int prediction_prune(struct store *s, const char *model, int64_t before_us, int64_t *ret_n,
                     struct err *e)
{
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
    while (r == 0 && m.id && n > 0) {
        r = tx_enter(s, &own, e);
        if (r < 0) return r;
        r = tx_leave(s, own, prune_chunk(s, m.id, before_us, &n, e), e);
        if (r == 0) total += n;
    }
    if (r == 0 && ret_n) *ret_n = total;
    return r;
}
