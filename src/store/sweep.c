/* sweep.c: rows of sweeps and trials; see sweep.h. */
#include "store/sweep.h"
#include "base/id.h"
#include "store/store_priv.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

/* In the order sweep_read expects; w: the sweep, t: its trials, grouped. */
#define SWEEP_COLUMNS                                                                              \
    "w.id, w.name, w.state, w.actor, w.spec, w.args, w.method, w.metric, w.maximise, w.seed,"      \
    " w.parallel, w.planned, w.error, w.created_us, w.finished_us, count(t.number),"               \
    " count(t.number) FILTER (WHERE t.state = 'waiting'),"                                         \
    " count(t.number) FILTER (WHERE t.state = 'running'),"                                         \
    " count(t.number) FILTER (WHERE t.state = 'complete'),"                                        \
    " count(t.number) FILTER (WHERE t.state = 'pruned'),"                                          \
    " count(t.number) FILTER (WHERE t.state = 'failed'),"                                          \
    " count(t.number) FILTER (WHERE t.state = 'cancelled')"
#define SWEEP_FROM " FROM sweep w LEFT JOIN sweep_trial t ON t.sweep_id = w.id"
#define TRIAL_COLUMNS                                                                              \
    "sweep_id, number, state, job_id, params, unit, algorithm, run_id, error, value, step,"        \
    " created_us, started_us, finished_us"

/* -- sweeps ------------------------------------------------------------------------------- */

static void sweep_read(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct sweep *)ret = (struct sweep){
        .id = db_dup_or(st, 0, a),
        .name = db_dup_or(st, 1, a),
        .state = db_dup_or(st, 2, a),
        .actor = db_dup_or(st, 3, a),
        .spec = db_dup_or(st, 4, a),
        .args = db_dup_or(st, 5, a),
        .method = db_dup_or(st, 6, a),
        .metric = db_dup_or(st, 7, a),
        .maximise = db_i64(st, 8) != 0,
        .seed = db_i64(st, 9),
        .parallel = db_i64(st, 10),
        .planned = db_i64(st, 11),
        .error = db_dup(st, 12, a),
        .created_us = db_i64(st, 13),
        .finished_us = db_i64(st, 14),
        .n = { .trials = db_i64(st, 15),
               .waiting = db_i64(st, 16),
               .running = db_i64(st, 17),
               .complete = db_i64(st, 18),
               .pruned = db_i64(st, 19),
               .failed = db_i64(st, 20),
               .cancelled = db_i64(st, 21) },
    };
}

int store_sweep_add(struct store *s, const struct sweep *w, char ret_id[27], struct err *e)
{
    char id[ULID_LEN + 1];
    int r = name_check("sweep", w->name, 200, e);

    if (r < 0) return r;
    id_ulid(id, store_now(s));
    r = store_exec(s,
                   "INSERT INTO sweep (id, name, state, actor, spec, args, method, metric,"
                   " maximise, seed, parallel, planned, created_us)"
                   " VALUES ($1, $2, 'running', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                   DB_ARGS(db_t(id), db_t(w->name), db_t(w->actor), db_t(w->spec), db_t(w->args),
                           db_t(w->method), db_t(w->metric), db_i(w->maximise), db_i(w->seed),
                           db_i(w->parallel), db_i(w->planned), db_i(store_now(s))),
                   NULL, e);
    if (r == 0) memcpy(ret_id, id, sizeof id);
    return r;
}

int store_sweep_get(struct store *s, struct arena *a, const char *id, struct sweep *ret,
                    struct err *e)
{
    struct sweep *found = NULL;
    size_t n = 0;
    char *low = arena_strdup(a, id);

    for (char *p = low; *p; p++) *p = (char)toupper((unsigned char)*p);
    if (!*low) return err_set(e, ERR_INVALID, "a sweep id is needed");
    int r = store_all(s, a,
                      "SELECT " SWEEP_COLUMNS SWEEP_FROM " WHERE w.id >= $1 AND w.id < $2"
                      " GROUP BY w.id ORDER BY w.id LIMIT 2",
                      DB_ARGS(db_t(low), db_t(arena_printf(a, "%s~", low))), sizeof *found,
                      sweep_read, &found, &n, e);
    if (r < 0) return r;
    if (n == 0) {
        err_set(e, ERR_NOTFOUND, "no sweep '%s'", id);
        return err_hint(e, "`signalbox sweep list` shows them");
    }
    if (n > 1)
        return err_set(e, ERR_CONFLICT, "'%s' is the beginning of several sweep ids, %s and %s", id,
                       found[0].id, found[1].id);
    *ret = found[0];
    return 0;
}

int store_sweep_list(struct store *s, struct arena *a, int64_t limit, struct sweep **ret,
                     size_t *ret_n, struct err *e)
{
    return store_all(
        s, a, "SELECT " SWEEP_COLUMNS SWEEP_FROM " GROUP BY w.id ORDER BY w.id DESC LIMIT $1",
        DB_ARGS(db_i(limit > 0 ? limit : 100)), sizeof **ret, sweep_read, ret, ret_n, e);
}

static int changed_one(int r, int64_t changed, const char *what, const char *id, struct err *e)
{
    if (r < 0 || changed == 1) return r;
    return err_set(e, ERR_NOTFOUND, "no %s '%s'", what, id);
}

int store_sweep_set_state(struct store *s, const char *id, const char *state, const char *error,
                          struct err *e)
{
    bool open =
        !strcmp(state, "running") || !strcmp(state, "stopping") || !strcmp(state, "cancelling");
    int64_t changed = 0;
    int r = store_exec(s, "UPDATE sweep SET state = $2, error = $3, finished_us = $4 WHERE id = $1",
                       DB_ARGS(db_t(id), db_t(state), db_t(error), db_i(open ? 0 : store_now(s))),
                       &changed, e);
    return changed_one(r, changed, "sweep", id, e);
}

int store_sweep_set_metric(struct store *s, const char *id, const char *metric, bool maximise,
                           struct err *e)
{
    int64_t changed = 0;
    int r = store_exec(s, "UPDATE sweep SET metric = $2, maximise = $3 WHERE id = $1",
                       DB_ARGS(db_t(id), db_t(metric), db_i(maximise)), &changed, e);
    return changed_one(r, changed, "sweep", id, e);
}

int store_sweep_set_planned(struct store *s, const char *id, int64_t planned, struct err *e)
{
    int64_t changed = 0;
    int r = store_exec(s, "UPDATE sweep SET planned = $2 WHERE id = $1",
                       DB_ARGS(db_t(id), db_i(planned)), &changed, e);
    return changed_one(r, changed, "sweep", id, e);
}

/* -- trials ------------------------------------------------------------------------------- */

static void trial_read(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct trial *)ret = (struct trial){
        .sweep_id = db_dup_or(st, 0, a),
        .number = db_i64(st, 1),
        .state = db_dup_or(st, 2, a),
        .job_id = db_dup_or(st, 3, a),
        .params = db_dup(st, 4, a),
        .unit = db_dup(st, 5, a),
        .algorithm = db_dup(st, 6, a),
        .run_id = db_dup(st, 7, a),
        .error = db_dup(st, 8, a),
        .value = db_f64_or_nan(st, 9),
        .step = db_i64(st, 10),
        .created_us = db_i64(st, 11),
        .started_us = db_i64(st, 12),
        .finished_us = db_i64(st, 13),
    };
}

int store_trial_add(struct store *s, const char *sweep_id, int64_t number, const char *job_id,
                    struct err *e)
{
    return store_exec(s,
                      "INSERT INTO sweep_trial (sweep_id, number, state, job_id, created_us)"
                      " VALUES ($1, $2, 'waiting', $3, $4)",
                      DB_ARGS(db_t(sweep_id), db_i(number), db_t(job_id), db_i(store_now(s))), NULL,
                      e);
}

int store_trial_by_job(struct store *s, struct arena *a, const char *job_id, struct trial *ret,
                       struct err *e)
{
    int r = store_one(s, a, "SELECT " TRIAL_COLUMNS " FROM sweep_trial WHERE job_id = $1",
                      DB_ARGS(db_t(job_id)), trial_read, ret, e);

    if (r == 0) return err_set(e, ERR_NOTFOUND, "job %s is the trial of no sweep", job_id);
    return r < 0 ? r : 0;
}

int store_trial_list(struct store *s, struct arena *a, const char *sweep_id, struct trial **ret,
                     size_t *ret_n, struct err *e)
{
    return store_all(s, a,
                     "SELECT " TRIAL_COLUMNS " FROM sweep_trial WHERE sweep_id = $1"
                     " ORDER BY number",
                     DB_ARGS(db_t(sweep_id)), sizeof **ret, trial_read, ret, ret_n, e);
}

int store_trial_begin(struct store *s, const struct trial *t, struct err *e)
{
    int64_t changed = 0;
    int r = store_exec(s,
                       "UPDATE sweep_trial SET state = 'running', params = $3, unit = $4,"
                       " algorithm = $5, run_id = $6, started_us = $7, value = NULL, error = NULL,"
                       " step = 0, finished_us = 0 WHERE sweep_id = $1 AND number = $2",
                       DB_ARGS(db_t(t->sweep_id), db_i(t->number), db_t(t->params), db_t(t->unit),
                               db_t(t->algorithm), db_t(t->run_id), db_i(store_now(s))),
                       &changed, e);
    return changed_one(r, changed, "trial of sweep", t->sweep_id, e);
}

int store_trial_again(struct store *s, const char *sweep_id, int64_t number, struct err *e)
{
    int64_t changed = 0;
    int r = store_exec(s,
                       "UPDATE sweep_trial SET state = 'waiting', error = NULL, value = NULL,"
                       " finished_us = 0 WHERE sweep_id = $1 AND number = $2",
                       DB_ARGS(db_t(sweep_id), db_i(number)), &changed, e);
    return changed_one(r, changed, "trial of sweep", sweep_id, e);
}

int store_trial_end(struct store *s, const struct trial *t, struct err *e)
{
    int64_t changed = 0;
    int r = store_exec(s,
                       "UPDATE sweep_trial SET state = $3, value = $4, error = $5,"
                       " finished_us = $6 WHERE sweep_id = $1 AND number = $2",
                       DB_ARGS(db_t(t->sweep_id), db_i(t->number), db_t(t->state),
                               db_f_or_null(t->value), db_t(t->error), db_i(store_now(s))),
                       &changed, e);
    return changed_one(r, changed, "trial of sweep", t->sweep_id, e);
}

/* -- steps -------------------------------------------------------------------------------- */

static int report(struct store *s, const char *sweep_id, const struct trial_step *p, struct err *e)
{
    int r = store_exec(
        s,
        "INSERT INTO sweep_step (sweep_id, number, step, value)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT (sweep_id, number, step)"
        " DO UPDATE SET value = excluded.value",
        DB_ARGS(db_t(sweep_id), db_i(p->number), db_i(p->step), db_f_or_null(p->value)), NULL, e);
    if (r < 0) return r;
    return store_exec(s, "UPDATE sweep_trial SET step = $3 WHERE sweep_id = $1 AND number = $2",
                      DB_ARGS(db_t(sweep_id), db_i(p->number), db_i(p->step)), NULL, e);
}

int store_trial_report(struct store *s, const char *sweep_id, const struct trial_step *p,
                       struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);

    return r < 0 ? r : tx_leave(s, own, report(s, sweep_id, p, e), e);
}

static void step_read(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(struct trial_step *)ret = (struct trial_step){ .number = db_i64(st, 0),
                                                     .step = db_i64(st, 1),
                                                     .value = db_f64_or_nan(st, 2) };
}

int store_trial_steps(struct store *s, struct arena *a, const char *sweep_id, const char *algorithm,
                      struct trial_step **ret, size_t *ret_n, struct err *e)
{
    return store_all(s, a,
                     "SELECT p.number, p.step, p.value FROM sweep_step p JOIN sweep_trial t"
                     " ON t.sweep_id = p.sweep_id AND t.number = p.number"
                     " WHERE p.sweep_id = $1 AND t.algorithm = $2 ORDER BY p.number, p.step",
                     DB_ARGS(db_t(sweep_id), db_t(algorithm)), sizeof **ret, step_read, ret, ret_n,
                     e);
}
