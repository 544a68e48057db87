/* sweep_trial.c: the job `trial`: one point of a sweep.
 *
 *   choose the point -> run begins -> train and measure ----------> publish: run, trial,
 *        (kept for later attempts)      '-- report at steps --'      job, next trial
 *                                            worse: pruned
 *
 * The point is chosen from what is known when the job begins, and stored with its run: another
 * attempt finds it and takes the same. All that the trial leaves appears in the transaction that
 * ends its job under the fence, together with the sweep's next trial, already claimed for this
 * worker, which goes on with it in the same process: data are read once a worker. Of models only
 * those are kept that were the best so far. */
#include "app/jobs.h"
#include "app/sweep_past.h"
#include "app/sweep_plan.h"
#include "app/train_run.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Rows as they were split for one sweep. */
struct trial_data {
    char key[27]; /* the sweep */
    struct frame *train, *valid;
    size_t rows;
    char fp[32];
};

struct trial_run {
    struct training t;
    struct sweep w;
    struct sweep_plan plan;
    struct trial row; /* its params and unit are those of this attempt */
    atomic_bool stop; /* the engine's: cancelled or pruned */
    int64_t look;     /* the step at which early termination is asked next; 0: never */
    bool greater;     /* the curve's metric is better when greater */
};

static struct trial_run *run_of(struct training *t)
{
    return (struct trial_run *)t; /* its first member */
}

/* ---- the point -------------------------------------------------------------------------- */

static int choose(struct trial_run *r, struct err *e)
{
    struct job_ctx *c = r->t.c;
    struct arena *a = c->arena;
    struct search_past past;
    struct trial *all = NULL;
    size_t n = 0;
    double *u = arena_array(a, r->plan.space.n + 1, double);
    struct val *params = val_obj(a), *unit = val_list(a);
    int rc = store_trial_list(c->app->store, a, r->w.id, &all, &n, e);

    if (rc == 0) rc = sweep_past(a, &r->w, &r->plan.space, all, n, r->row.number, &past, e);
    if (rc == 0)
        rc = r->plan.sampler->suggest(&r->plan.space, &past, (uint64_t)r->w.seed,
                                      (uint64_t)r->row.number, u, e);
    if (rc < 0) return rc;
    space_values(&r->plan.space, a, u, params);
    for (size_t i = 0; i < r->plan.space.n; i++) val_push(unit, val_real(a, u[i]));
    STR_AUTO text = STR_INIT;
    val_write_json(&text, params, 0);
    r->row.params = arena_strdup(a, str_c(&text));
    str_clear(&text);
    val_write_json(&text, unit, 0);
    r->row.unit = arena_strdup(a, str_c(&text));
    return 0;
}

static int read_sweep(struct trial_run *r, struct err *e)
{
    struct job_ctx *c = r->t.c;
    struct val *doc = NULL, *base = NULL, *params = NULL;
    int rc = store_trial_by_job(c->app->store, c->arena, c->job->id, &r->row, e);

    if (rc == 0) rc = store_sweep_get(c->app->store, c->arena, r->row.sweep_id, &r->w, e);
    if (rc == 0) rc = val_parse_json(c->arena, r->w.spec, strlen(r->w.spec), &doc, e);
    if (rc == 0) rc = val_parse_json(c->arena, r->w.args, strlen(r->w.args), &base, e);
    if (rc == 0) rc = sweep_plan_read(c->arena, doc, r->w.planned, &r->plan, e);
    if (rc == 0 && !r->row.params) rc = choose(r, e);
    if (rc == 0) rc = val_parse_json(c->arena, r->row.params, strlen(r->row.params), &params, e);
    if (rc < 0) return rc;
    struct val *args = sweep_trial_args(c->arena, base, params);
    val_set_str(args, "run-name",
                arena_printf(c->arena, "%.60s-%lld", r->w.name, (long long)r->row.number));
    return train_plan_read(c->arena, args, &r->t.plan, e);
}

/* ---- early termination ------------------------------------------------------------------ */

struct curves {
    struct search_curve own, *others;
    size_t n, done;
};

/* Points of the sweep's trials, by number and step, as curves; others come first. */
static void gather(struct trial_run *r, struct arena *a, const struct trial_step *p, size_t n,
                   struct curves *ret)
{
    int64_t *step = arena_array(a, n + 1, int64_t);
    double *value = arena_array(a, n + 1, double);

    ret->others = arena_array(a, n + 1, struct search_curve);
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || p[i].number != p[i - 1].number;
        struct search_curve *c = p[i].number == r->row.number ? &ret->own
                                 : first                      ? &ret->others[ret->n++]
                                                              : &ret->others[ret->n - 1];
        step[i] = p[i].step;
        value[i] = r->greater ? -p[i].value : p[i].value;
        if (first) *c = (struct search_curve){ step + i, value + i, 0 };
        c->n++;
    }
}

static int judge(struct trial_run *r, struct arena *a, const struct engine_progress *p,
                 bool *ret_stop, struct err *e)
{
    struct store *s = r->t.c->app->store;
    const char *algorithm = r->t.plan.learner->name;
    const struct trial_step here = { r->row.number, (int64_t)p->done, p->valid };
    struct curves c = { .n = 0 };
    struct trial_step *steps = NULL;
    struct sweep w;
    size_t n = 0;
    int rc = store_trial_report(s, r->w.id, &here, e);

    if (rc == 0) rc = store_trial_steps(s, a, r->w.id, algorithm, &steps, &n, e);
    if (rc == 0) rc = store_sweep_get(s, a, r->w.id, &w, e);
    if (rc < 0) return rc;
    gather(r, a, steps, n, &c);
    /* what an earlier attempt reported beyond here has not happened yet in this one */
    while (c.own.n > 1 && c.own.step[c.own.n - 1] > here.step) c.own.n--;
    c.done = (size_t)w.n.complete;
    *ret_stop = r->plan.pruner->stop(&r->plan.prune, &c.own, c.others, c.n, c.done);
    return 0;
}

/* Reported are the first fold's steps only: those of another are not comparable. */
static void look(struct trial_run *r, const struct engine_progress *p)
{
    const struct metric *m = p->metric ? metric_find(p->metric) : NULL;
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    bool stop = false;

    r->greater = m && m->greater_is_better;
    if (judge(r, &a, p, &stop, &e) < 0)
        log_line(r->t.c->app->log, LOG_WARN, "sweep", "step %zu: %s", p->done, e.msg);
    while (r->look && r->look <= (int64_t)p->done)
        r->look = r->plan.pruner->next(&r->plan.prune, r->look);
    if (stop && p->done < p->total) {
        r->t.pruned = true;
        r->row.value = str_eq(p->metric, r->w.metric) ? p->valid : (double)NAN;
        r->row.step = (int64_t)p->done;
        atomic_store(&r->stop, true);
    }
    arena_done(&a);
}

static void on_progress(void *user, const struct engine_progress *p)
{
    struct trial_run *r = user;

    train_progress(&r->t, p);
    if (atomic_load_explicit(r->t.c->cancel, memory_order_relaxed)) atomic_store(&r->stop, true);
    if (r->look && (int64_t)p->done >= r->look && r->t.fold <= 1 && !isnan(p->valid)) look(r, p);
}

/* ---- rows ------------------------------------------------------------------------------- */

static int on_begin(struct training *t, struct err *e)
{
    struct trial_run *r = run_of(t);

    r->row.algorithm = t->plan.learner->name;
    r->row.run_id = t->run_id;
    const struct kv tags[] = {
        { "signalbox.sweep_id", r->w.id },
        { "signalbox.trial", arena_printf(t->c->arena, "%lld", (long long)r->row.number) },
    };
    int rc = store_trial_begin(t->c->app->store, &r->row, e);
    return rc < 0 ? rc : store_run_set_tags(t->c->app->store, t->run_id, tags, ARRAY_LEN(tags), e);
}

static int on_end(struct training *t, struct val *result, struct err *e)
{
    struct trial_run *r = run_of(t);
    struct store *s = t->c->app->store;
    struct sweep_claim claim = { .worker = t->c->job->worker, .pid = t->c->job->worker_pid };
    int rc = 0;

    if (t->pruned) {
        const struct kv tag = { "signalbox.pruned",
                                arena_printf(t->c->arena, "%lld", (long long)r->row.step) };
        rc = store_run_set_tags(s, t->run_id, &tag, 1, e);
    }
    r->row.state = t->pruned ? "pruned" : "complete";
    r->row.error = NULL;
    val_set_str(result, "sweep_id", r->w.id);
    val_set_int(result, "trial", r->row.number);
    if (rc == 0) rc = store_trial_end(s, &r->row, e);
    if (rc == 0) rc = sweep_advance(s, r->w.id, &claim, e);
    if (rc == 0) memcpy(t->c->next, claim.job_id, sizeof t->c->next);
    return rc;
}

/* ---- data ------------------------------------------------------------------------------- */

static void data_free(void *p)
{
    struct trial_data *d = p;

    frame_free(d->train);
    frame_free(d->valid);
    free(d);
}

/* Hands what was read to the worker, from whom the training borrows it. */
static void keep_data(struct trial_run *r)
{
    struct job_keep *keep = r->t.c->keep;
    struct trial_data *d;

    if (!keep) return;
    if (keep->p) keep->free(keep->p);
    d = mem_zalloc(1, sizeof *d);
    memcpy(d->key, r->w.id, sizeof d->key - 1);
    d->train = r->t.train;
    d->valid = r->t.valid;
    d->rows = r->t.rows;
    memcpy(d->fp, r->t.fp_data, strnlen(r->t.fp_data, sizeof d->fp - 1));
    *keep = (struct job_keep){ d, data_free };
}

static int load(struct trial_run *r, struct err *e)
{
    struct job_keep *keep = r->t.c->keep;
    const struct trial_data *d = keep && keep->free == data_free ? keep->p : NULL;

    if (d && str_eq(d->key, r->w.id)) {
        r->t.train = d->train;
        r->t.valid = d->valid;
        r->t.rows = d->rows;
        r->t.fp_data = arena_strdup(r->t.c->arena, d->fp);
        return 0;
    }
    int rc = train_load(&r->t, e);
    if (rc == 0) keep_data(r);
    return rc;
}

/* ---- the trial -------------------------------------------------------------------------- */

/* The sweep's metric; where the file names none, the loss of the task. */
static int score(struct trial_run *r, struct err *e)
{
    const char *name = r->w.metric;
    int i = 0;

    if (!*name) {
        for (int k = 0; metrics[k].name; k++)
            if (!isnan(r->t.measured[k]) &&
                (str_eq(metrics[k].name, "log_loss") || str_eq(metrics[k].name, "rmse")))
                name = metrics[k].name;
        int rc = store_sweep_set_metric(r->t.c->app->store, r->w.id, name, false, e);
        if (rc < 0) return rc;
        r->w.metric = name;
        r->w.maximise = false;
    }
    while (metrics[i].name && !str_eq(metrics[i].name, name)) i++;
    r->row.value = metrics[i].name ? r->t.measured[i] : (double)NAN;
    if (isfinite(r->row.value)) return 0;
    err_set(e, ERR_INVALID, "%s is not defined for this data", name);
    return err_hint(e, "name another metric in the sweep file");
}

static int best_so_far(struct trial_run *r, bool *ret, struct err *e)
{
    struct trial best;
    bool found = false;
    int rc = sweep_best(r->t.c->app->store, r->t.c->arena, &r->w, &best, &found, e);

    *ret = !found || sweep_is_better(&r->w, r->row.value, best.value);
    return rc;
}

static int fit_all(struct trial_run *r, struct err *e)
{
    struct training *t = &r->t;

    train_step(t, 0.85, 0.95, "the best so far: fitting all rows");
    r->look = 0;
    int64_t t0 = clock_mono_us();
    int rc = train_fit(t, t->train, NULL, &t->model, e);
    t->fit_s = (double)(clock_mono_us() - t0) / 1e6;
    return rc;
}

static int compute(struct trial_run *r, struct err *e)
{
    struct training *t = &r->t;
    bool best = false;
    int64_t t0;
    int rc = load(r, e);

    if (rc < 0) return rc;
    train_step(t, 0.05, 0.9, "fitting");
    t->draws_curve = !t->plan.folds;
    t0 = clock_mono_us();
    if (t->plan.folds) rc = train_cross_validate(t, e);
    else rc = train_fit(t, t->train, t->valid, &t->model, e);
    t->fit_s = (double)(clock_mono_us() - t0) / 1e6;
    if (rc == 0 && !t->plan.folds) rc = train_measure(t, t->model, t->valid, t->measured, e);
    if (rc == 0) rc = score(r, e);
    if (rc == 0) rc = best_so_far(r, &best, e);
    t->no_model = !best;
    if (rc == 0 && best && t->plan.folds) rc = fit_all(r, e);
    if (rc == 0 && engine_cancelled(&t->en))
        rc = err_set(e, ERR_CANCELLED, "the trial was stopped");
    return rc;
}

/* Stopped early is an outcome, unless the job was stopped as well. */
static int after(struct trial_run *r, int rc, struct err *e)
{
    if (rc != -ERR_CANCELLED || !r->t.pruned || atomic_load(r->t.c->cancel)) return rc;
    if (e) err_clear(e);
    r->t.no_model = true;
    for (int i = 0; i < TRAIN_METRICS_MAX; i++) r->t.measured[i] = r->t.deviation[i] = NAN;
    return 0;
}

static int run(struct trial_run *r, struct val *result, struct err *e)
{
    static const struct train_trial hooks = { .begun = on_begin, .ended = on_end };
    struct training *t = &r->t;
    int rc = read_sweep(r, e);

    if (rc < 0) return rc;
    t->trial = &hooks;
    rc = train_begin(t, e);
    if (rc < 0) return rc;
    t->en.progress = on_progress;
    t->en.cancel = &r->stop;
    if (r->plan.pruner) r->look = r->plan.pruner->next(&r->plan.prune, 0);
    rc = after(r, compute(r, e), e);
    return rc < 0 ? rc : train_publish(t, result, e);
}

int job_trial(struct job_ctx *c, struct val *result, struct err *e)
{
    struct trial_run r = { .t = { .c = c, .step = "", .started_us = clock_mono_us() } };
    int rc = run(&r, result, e);

    if (c->keep && r.t.train) r.t.train = r.t.valid = NULL; /* the worker's */
    train_done(&r.t);
    return rc;
}
