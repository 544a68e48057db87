/* prediction_read.c: reading the prediction log: a span of time in its order, and the figures
 * of a model. Writing is in prediction.c.
 *
 * prediction_each is one scan of the table in its own order and hands out pointers into the
 * engine's page, so a window of millions is read without a copy and in constant memory. */
#include "store/monitor_priv.h"
#include "store/prediction.h"
#include <math.h>

static void read_prediction(struct db_stmt *st, struct prediction *p)
{
    *p = (struct prediction){
        .request_id = db_text(st, 0),
        .at_us = db_i64(st, 1),
        .version = db_i64(st, 2),
        .answer = db_text(st, 3),
        .probability = db_f64_or_nan(st, 4),
        .latency_ms = db_f64_or_nan(st, 5),
        .label = db_text(st, 6),
        .label_at_us = db_i64(st, 7),
        .schema_id = db_i64(st, 8),
    };
    p->features = db_blob(st, 9, &p->n_bytes);
}

int prediction_each(struct store *s, const char *model, int64_t from_us, int64_t to_us,
                    int (*fn)(void *user, const struct prediction *p), void *user, struct err *e)
{
    struct monitored m;
    struct db_stmt *st;
    int r = monitored_find(s, model, &m, e);
    if (r < 0 || !m.id) return r;
    r = db_query(s->db, &st,
                 "SELECT request, at_us, version, answer, probability, latency_ms, label,"
                 " label_us, schema_id, features FROM prediction"
                 " WHERE model = $1 AND at_us >= $2 AND at_us < $3 ORDER BY at_us, request",
                 DB_ARGS(db_i(m.id), db_i(from_us), db_i(to_us)), e);
    if (r < 0) return r;
    while ((r = db_step(st, e)) > 0) {
        struct prediction p;
        read_prediction(st, &p);
        r = fn(user, &p);
        if (r != 0) break;
    }
    db_end(st);
    return r;
}

static void read_totals(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(struct prediction_totals *)ret = (struct prediction_totals){
        .rows = db_i64(st, 0),
        .labels = db_i64(st, 1),
        .orphan_labels = db_i64(st, 2),
        .last_ingest_us = db_i64(st, 3),
        .first_us = db_i64(st, 4),
        .last_us = db_i64(st, 5),
    };
}

int prediction_totals(struct store *s, const char *model, struct prediction_totals *ret,
                      struct err *e)
{
    struct prediction_totals t = { 0 };
    int r = monitored_flush(s, e);
    if (r < 0) return r;
    r = store_one(s, NULL,
                  "SELECT n_rows, n_labels, n_orphans, ingest_us,"
                  " (SELECT min(at_us) FROM prediction WHERE model = m.id),"
                  " (SELECT max(at_us) FROM prediction WHERE model = m.id)"
                  " FROM monitored m WHERE name = $1",
                  DB_ARGS(db_t(model)), read_totals, &t, e);
    if (r < 0) return r;
    *ret = t;
    return 0;
}

int label_orphans(struct store *s, int64_t before_us, int64_t *ret, struct err *e)
{
    return db_number(s->db, "SELECT count(*) FROM label_orphan WHERE since_us < $1",
                     DB_ARGS(db_i(before_us)), 0, ret, e);
}

static void read_name(struct db_stmt *st, struct arena *a, void *ret)
{
    *(const char **)ret = db_dup_or(st, 0, a);
}

int prediction_models(struct store *s, struct arena *a, const char *const **ret, struct err *e)
{
    const char **names = NULL;
    size_t n = 0;
    /* the empty name after the others is replaced by the end of the list */
    int r = monitored_flush(s, e);
    if (r < 0) return r;
    r = store_all(s, a,
                  "SELECT name, 0 AS last FROM monitored WHERE n_rows > 0"
                  " UNION ALL SELECT '', 1 ORDER BY last, name",
                  DB_NOARGS, sizeof *names, read_name, &names, &n, e);
    if (r < 0) return r;
    names[n - 1] = NULL;
    *ret = names;
    return 0;
}

static void read_schema(struct db_stmt *st, struct arena *a, void *ret)
{
    *(const char **)ret = db_dup_or(st, 0, a);
}

int prediction_schema(struct store *s, struct arena *a, int64_t id, const char **ret_json,
                      struct err *e)
{
    int r = store_one(s, a, "SELECT columns_json FROM feature_schema WHERE id = $1",
                      DB_ARGS(db_i(id)), read_schema, ret_json, e);
    if (r > 0) return 0;
    if (r < 0) return r;
    return err_set(e, ERR_NOTFOUND, "no schema of packed features has the number %lld",
                   (long long)id);
}
