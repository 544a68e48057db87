/* run.c: writing runs: creation, status, params, metrics, tags, artifacts. Reading is in
 * run_read.c, finding in search.c.
 *
 * Rules worth knowing: a param is written once; identical metric points are one; the latest
 * metric is the one with the greatest (step, time, value), whatever came last; too long values
 * of params and tags are cut, not refused; a deleted run takes no writes. The tag mlflow.runName
 * and the run's name are one value. */
#include "base/id.h"
#include "base/utf8.h"
#include "store/run_priv.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PARAM_MAX 6000
#define TAG_MAX   8000
#define NAME_TAG  "mlflow.runName"

static int check_status(const char *status, struct err *e)
{
    static const char *const known[] = { "RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED" };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (str_eq(status, known[i])) return 0;
    err_set(e, ERR_INVALID, "'%s' is not a status of a run", status ? status : "");
    return err_hint(e, "RUNNING, SCHEDULED, FINISHED, FAILED or KILLED");
}

/* -- creation ----------------------------------------------------------------------------- */
static int check_id(const char *id, struct err *e)
{
    static const char word[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-";
    size_t n = strlen(id);
    if (n > 0 && n <= 256 && strspn(id, word) == n && id[0] != '_' && id[0] != '-') return 0;
    return err_set(e, ERR_INVALID, "'%.80s' is not an id of a run", id);
}

static int insert(struct store *s, const struct run *r, const char *id, int64_t experiment,
                  struct err *e)
{
    int64_t rid = 0;
    int rc = db_number(s->db, "SELECT max(rid) + 1 FROM run", DB_NOARGS, 1, &rid, e);
    if (rc < 0) return rc;
    rc = store_exec(s,
                    "INSERT INTO run (rid, id, experiment_id, name, status, user_name, start_us,"
                    " end_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                    DB_ARGS(db_i(rid), db_t(id), db_i(experiment), db_t(r->name ? r->name : ""),
                            db_t(r->status ? r->status : "RUNNING"), db_t(r->user ? r->user : ""),
                            db_i(r->start_us ? r->start_us : store_now(s)), db_i(r->end_us)),
                    NULL, e);
    return rc == -ERR_EXISTS ? err_set(e, ERR_EXISTS, "run %s exists already", id) : rc;
}

static int create(struct store *s, struct run *r, const char *id, struct err *e)
{
    const char *x = r->experiment_id ? r->experiment_id : r->experiment ? r->experiment : "0";
    int64_t experiment;
    bool active;
    int rc = experiment_find(s, x, &experiment, &active, e);
    if (rc < 0) return rc;
    if (!active) {
        err_set(e, ERR_STATE, "experiment '%s' is deleted and takes no new runs", x);
        return -ERR_STATE;
    }
    rc = insert(s, r, id, experiment, e);
    if (rc == 0 && r->n_params) rc = store_run_log_params(s, id, r->params, r->n_params, e);
    if (rc == 0 && r->n_metrics) rc = store_run_log_metrics(s, id, r->metrics, r->n_metrics, e);
    if (rc == 0 && r->n_tags) rc = store_run_set_tags(s, id, r->tags, r->n_tags, e);
    return rc;
}

int store_run_create(struct store *s, struct arena *a, struct run *r, struct err *e)
{
    char made[RUN_ID_LEN + 1];
    const char *id = r->id;
    if (!id) {
        id_run(made);
        id = made;
    }
    int rc = check_id(id, e);
    if (rc == 0 && r->status) rc = check_status(r->status, e);
    if (rc < 0) return rc;
    bool own;
    struct run whole;
    rc = tx_enter(s, &own, e);
    if (rc < 0) return rc;
    rc = create(s, r, id, e);
    if (rc == 0) rc = store_run_get(s, a, id, &whole, e);
    rc = tx_leave(s, own, rc, e);
    if (rc == 0) *r = whole;
    return rc;
}

int store_run_finish(struct store *s, const char *id, const char *status, int64_t end_us,
                     struct err *e)
{
    bool own;
    int64_t rid;
    int r = check_status(status, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = run_find(s, id, true, &rid, e);
    if (r == 0)
        r = store_exec(s, "UPDATE run SET status = $2, end_us = $3 WHERE rid = $1",
                       DB_ARGS(db_i(rid), db_t(status), db_i(end_us)), NULL, e);
    return tx_leave(s, own, r, e);
}

/* Restoring a run of a deleted experiment would hide it; refuse. */
static int set_lifecycle(struct store *s, const char *id, const char *lifecycle, struct err *e)
{
    int64_t rid, homeless = 0;
    int r = run_find(s, id, false, &rid, e);
    if (r == 0 && !strcmp(lifecycle, "active"))
        r = db_number(s->db,
                      "SELECT count(*) FROM run r JOIN experiment x ON x.id = r.experiment_id"
                      " WHERE r.rid = $1 AND x.lifecycle = 'deleted'",
                      DB_ARGS(db_i(rid)), 0, &homeless, e);
    if (r < 0) return r;
    if (homeless) {
        err_set(e, ERR_STATE, "run %s is in a deleted experiment", id);
        return err_hint(e, "restore the experiment instead");
    }
    return store_exec(s, "UPDATE run SET lifecycle = $2 WHERE rid = $1",
                      DB_ARGS(db_i(rid), db_t(lifecycle)), NULL, e);
}

int store_run_set_lifecycle(struct store *s, const char *id, const char *lifecycle, struct err *e)
{
    if (strcmp(lifecycle, "active") != 0 && strcmp(lifecycle, "deleted") != 0)
        return err_set(e, ERR_INVALID, "lifecycle '%s' is neither active nor deleted", lifecycle);
    bool own;
    int r = tx_enter(s, &own, e);
    return r < 0 ? r : tx_leave(s, own, set_lifecycle(s, id, lifecycle, e), e);
}

/* -- params, tags ------------------------------------------------------------------------- */
/* The value as it is stored: at most max characters. */
static struct db_arg cut_value(const char *value, size_t max)
{
    struct db_arg v = db_t(value ? value : "");
    if (v.n <= max) return v;
    const char *p = v.p;
    size_t bytes = 0;
    uint32_t cp;
    for (size_t chars = 0; chars < max && bytes < v.n; chars++)
        bytes += utf8_next(p + bytes, v.n - bytes, &cp);
    v.n = bytes;
    return v;
}

static int check_keys(const char *what, const struct kv *kv, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        int r = key_check(what, kv[i].key, e);
        if (r < 0) return r;
    }
    return 0;
}

struct old {
    char value[64]; /* for the message */
    bool same;
};

static void read_old(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    struct old *o = ret;
    const char *v = db_text(st, 0);
    snprintf(o->value, sizeof o->value, "%s", v ? v : "");
    o->same = db_i64(st, 1) != 0;
}

static int log_param(struct store *s, int64_t rid, const char *id, const struct kv *kv,
                     struct err *e)
{
    int64_t changed = 0;
    struct db_arg value = cut_value(kv->value, PARAM_MAX);
    int r = store_exec(s,
                       "INSERT INTO param (rid, key, value) VALUES ($1, $2, $3)"
                       " ON CONFLICT (rid, key) DO NOTHING",
                       DB_ARGS(db_i(rid), db_t(kv->key), value), &changed, e);
    if (r < 0 || changed) return r;
    struct old old = { "", true };
    r = store_one(s, NULL,
                  "SELECT value, CASE WHEN value = $3 THEN 1 ELSE 0 END FROM param"
                  " WHERE rid = $1 AND key = $2",
                  DB_ARGS(db_i(rid), db_t(kv->key), value), read_old, &old, e);
    if (r < 0) return r;
    if (old.same) return 0;
    err_set(e, ERR_CONFLICT,
            "Changing param values is not allowed: '%s' of run %s is '%s', not "
            "'%.60s'",
            kv->key, id, old.value, kv->value);
    return err_hint(e, "log it under another name, or as a tag");
}

int store_run_log_params(struct store *s, const char *id, const struct kv *kv, size_t n,
                         struct err *e)
{
    bool own;
    int64_t rid;
    int r = check_keys("param", kv, n, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = run_find(s, id, true, &rid, e);
    for (size_t i = 0; r == 0 && i < n; i++) r = log_param(s, rid, id, &kv[i], e);
    return tx_leave(s, own, r, e);
}

static int set_tag(struct store *s, int64_t rid, const struct kv *kv, struct err *e)
{
    struct db_arg value = cut_value(kv->value, TAG_MAX);
    int r = store_exec(s,
                       "INSERT INTO tag (rid, key, value) VALUES ($1, $2, $3)"
                       " ON CONFLICT (rid, key) DO UPDATE SET value = excluded.value",
                       DB_ARGS(db_i(rid), db_t(kv->key), value), NULL, e);
    if (r < 0 || strcmp(kv->key, NAME_TAG) != 0) return r;
    return store_exec(s, "UPDATE run SET name = $2 WHERE rid = $1", DB_ARGS(db_i(rid), value), NULL,
                      e);
}

int store_run_set_tags(struct store *s, const char *id, const struct kv *kv, size_t n,
                       struct err *e)
{
    bool own;
    int64_t rid;
    int r = check_keys("tag", kv, n, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = run_find(s, id, true, &rid, e);
    for (size_t i = 0; r == 0 && i < n; i++) r = set_tag(s, rid, &kv[i], e);
    return tx_leave(s, own, r, e);
}

int store_run_delete_tag(struct store *s, const char *id, const char *key, struct err *e)
{
    bool own;
    int64_t rid, changed = 0;
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = run_find(s, id, true, &rid, e);
    if (r == 0)
        r = store_exec(s, "DELETE FROM tag WHERE rid = $1 AND key = $2",
                       DB_ARGS(db_i(rid), db_t(key)), &changed, e);
    if (r == 0 && !changed) r = err_set(e, ERR_NOTFOUND, "No tag with name: %s in run %s", key, id);
    return tx_leave(s, own, r, e);
}

/* -- metrics ------------------------------------------------------------------------------ */
static int check_metrics(const struct metric_point *m, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        int r = key_check("metric", m[i].key, e);
        if (r < 0) return r;
        if (m[i].time_us < 0)
            return err_set(e, ERR_INVALID, "metric '%s': its time is before 1970", m[i].key);
    }
    return 0;
}

static int log_metric(struct store *s, int64_t rid, const struct metric_point *m, struct err *e)
{
    bool nan = isnan(m->value);
    struct db_arg args[] = {
        db_i(rid), db_t(m->key), db_i(m->step), db_i(m->time_us), db_f(nan ? 0 : m->value),
        db_i(nan),
    };
    struct db_args all = { args, sizeof args / sizeof *args };
    int r = store_exec(s,
                       "INSERT INTO metric (rid, key, step, time_us, value, is_nan)"
                       " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
                       all, NULL, e);
    if (r < 0) return r;
    return store_exec(s,
                      "INSERT INTO metric_latest AS old (rid, key, step, time_us, value, is_nan)"
                      " VALUES ($1, $2, $3, $4, $5, $6)"
                      " ON CONFLICT (rid, key) DO UPDATE SET step = excluded.step,"
                      " time_us = excluded.time_us, value = excluded.value,"
                      " is_nan = excluded.is_nan"
                      " WHERE (excluded.step, excluded.time_us, excluded.value)"
                      " > (old.step, old.time_us, old.value)",
                      all, NULL, e);
}

int store_run_log_metrics(struct store *s, const char *id, const struct metric_point *m, size_t n,
                          struct err *e)
{
    bool own;
    int64_t rid;
    int r = check_metrics(m, n, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = run_find(s, id, true, &rid, e);
    for (size_t i = 0; r == 0 && i < n; i++) r = log_metric(s, rid, &m[i], e);
    return tx_leave(s, own, r, e);
}

/* -- artifacts and inputs ----------------------------------------------------------------- */
int store_run_add_artifact(struct store *s, const char *id, const struct artifact *f, struct err *e)
{
    bool own;
    int64_t rid;
    int r = key_check("artifact", f->path, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = run_find(s, id, true, &rid, e);
    if (r == 0)
        r = store_exec(s,
                       "INSERT INTO artifact (rid, path, digest, size) VALUES ($1, $2, $3, $4)"
                       " ON CONFLICT (rid, path) DO UPDATE SET digest = excluded.digest,"
                       " size = excluded.size",
                       DB_ARGS(db_i(rid), db_t(f->path), db_t(f->digest), db_i(f->size)), NULL, e);
    return tx_leave(s, own, r, e);
}

int store_run_add_input(struct store *s, const char *id, const struct run_input *in, struct err *e)
{
    bool own;
    int64_t rid;
    int r = name_check("data set", in->name, 500, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = run_find(s, id, true, &rid, e);
    if (r == 0)
        r = store_exec(s,
                       "INSERT INTO run_input (rid, name, digest, context)"
                       " VALUES ($1, $2, $3, $4) ON CONFLICT (rid, name, digest) DO NOTHING",
                       DB_ARGS(db_i(rid), db_t(in->name), db_t(in->digest ? in->digest : ""),
                               db_t(in->context ? in->context : "")),
                       NULL, e);
    return tx_leave(s, own, r, e);
}
