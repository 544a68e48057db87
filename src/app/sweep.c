/* sweep.c: the verbs of sweeps: start, list, show, stop, cancel, resume.
 *
 * Starting one stores the file, the arguments that all trainings share with their data pinned,
 * and the first trials with their jobs, in one transaction; from then on workers carry it on by
 * themselves (sweep_flow.h). Who waits follows one job after another until the sweep is over;
 * an interrupt cancels it. */
#include "app/jobs.h"
#include "app/runval.h"
#include "app/sweep_flow.h"
#include "app/sweep_plan.h"
#include "app/sweepval.h"
#include "app/train.h"
#include "app/verb.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/audit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PARALLEL_DEFAULT_MAX = 4 };
#define START_EVERY_US (2 * 1000000LL)

static const struct reply_column list_columns[] = {
    { "sweep_id", "sweep", "id" },       { "name", "name", NULL },
    { "state", "state", NULL },          { "method", "method", NULL },
    { "metric", "metric", NULL },        { "best.metric", "best", "real" },
    { "counts.trials", "trials", NULL }, { "planned", "of", NULL },
    { "created_at", "created", "age" },  { NULL, NULL, NULL },
};
static const struct reply_column trial_columns[] = {
    { "trial", "trial", NULL },   { "state", "state", NULL },
    { "value", "value", "real" }, { "algorithm", "algorithm", NULL },
    { "params", "params", NULL }, { "duration_s", "seconds", "real" },
    { "run_id", "run", "id" },    { "error", "error", NULL },
    { NULL, NULL, NULL },
};

/* ---- the reply -------------------------------------------------------------------------- */

static int answer(struct app *app, const char *id, struct reply *r, struct err *e)
{
    struct sweep w;
    int rc = store_sweep_get(app->store, &r->arena, id, &w, e);

    if (rc < 0) return rc;
    r->v = sweep_to_val(&r->arena, &w, clock_now(app->clock));
    reply_table(r, "trials", trial_columns);
    return sweep_show_val(app, &r->arena, &w, r->v, e);
}

/* ---- arguments -------------------------------------------------------------------------- */

static bool for_the_sweep(const char *key)
{
    static const char *const keys[] = { "file", "wait", "name", "run-cap", "parallel", "reason" };

    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (str_eq(keys[i], key)) return true;
    return false;
}

/* The object `signalbox` of the file through the rows of the verb: same names, same checks. */
static int bind_ours(struct arena *a, const struct val *ours, struct val **ret, struct err *e)
{
    struct val *in = val_obj(a);

    for (size_t i = 0; i < val_len(ours); i++) {
        char *key = arena_strdup(a, val_key(ours, i));
        for (char *p = key; *p; p++)
            if (*p == '_') *p = '-';
        val_set(in, key, val_copy(a, val_at(ours, i)));
    }
    val_set_str(in, "file", "-");
    int rc = param_bind_val(verb_find("sweep")->params, a, in, ret, e);
    if (rc < 0) err_prefix(e, "signalbox");
    return rc;
}

/* Options over the file: what a training gets; *all also has what is for the sweep itself. */
static int merge(struct arena *a, const struct sweep_plan *p, const struct val *args,
                 struct val **ret, struct val **all, struct err *e)
{
    struct val *ours = NULL;
    int rc = bind_ours(a, p->ours, &ours, e);
    const struct val *sources[] = { ours, args };

    if (rc < 0) return rc;
    *ret = val_obj(a);
    *all = val_obj(a);
    for (size_t k = 0; k < ARRAY_LEN(sources); k++)
        for (size_t i = 0; i < val_len(sources[k]); i++) {
            const char *key = val_key(sources[k], i);
            if (!val_has(sources[k], key)) continue;
            val_set(*all, key, val_copy(a, val_at(sources[k], i)));
            if (!for_the_sweep(key)) val_set(*ret, key, val_copy(a, val_at(sources[k], i)));
        }
    if (*val_get_str(*ret, "data", "") && *val_get_str(*ret, "target", "")) return 0;
    const char *missing = *val_get_str(*ret, "data", "") ? "target" : "data";
    err_set(e, ERR_INVALID, "%s: is missing", missing);
    return err_hint(e, "give --%s, or in the file  signalbox: {%s: …}", missing, missing);
}

/* Samplers that learn work one after another unless asked otherwise: then the same seed gives
 * the same sweep. */
static int64_t parallel_of(const struct sweep_plan *p, const struct val *all)
{
    int64_t cpus = cpu_count();
    int64_t dflt = p->sampler->learns            ? 1
                   : cpus < PARALLEL_DEFAULT_MAX ? cpus
                                                 : PARALLEL_DEFAULT_MAX;
    int64_t n = val_get_int(all, "parallel", dflt);

    return n < p->planned ? n : p->planned;
}

/* Data pinned and columns checked as `train` does; algorithm and parameters stay as they were. */
static int pin(struct app *app, struct arena *a, const struct sweep_plan *p, struct val *base,
               struct val **ret, struct err *e)
{
    double *u = arena_array(a, p->space.n + 1, double);
    struct val *params = val_obj(a), *pinned = NULL;
    struct train_plan plan;
    STR_AUTO text = STR_INIT;

    for (size_t i = 0; i < p->space.n; i++) u[i] = dim_snap(&p->space.dims[i], 0.5);
    space_values(&p->space, a, u, params);
    int rc = train_plan_read(a, sweep_trial_args(a, base, params), &plan, e);
    if (rc == 0) rc = train_payload(app, a, &plan, &text, e);
    if (rc == 0) rc = val_parse_json(a, str_c(&text), text.len, &pinned, e);
    if (rc < 0) return rc;
    val_set(pinned, "param",
            val_has(base, "param") ? val_copy(a, val_get(base, "param")) : val_obj(a));
    val_set_str(pinned, "algorithm", val_get_str(base, "algorithm", "gbdt"));
    *ret = pinned;
    return 0;
}

/* ---- starting --------------------------------------------------------------------------- */

static int audit(struct app *app, struct arena *a, const char *verb, const struct sweep *w,
                 const char *reason, struct err *e)
{
    struct val *detail = val_obj(a);
    STR_AUTO json = STR_INIT;
    int64_t seq;

    val_set_str(detail, "name", w->name);
    val_set_str(detail, "method", w->method);
    val_set_int(detail, "planned", w->planned);
    val_write_json(&json, detail, 0);
    const struct audit_row row = { .at_us = clock_now(app->clock),
                                   .actor = app->actor,
                                   .verb = verb,
                                   .object = arena_printf(a, "sweep:%s", w->id),
                                   .reason = reason ? reason : "",
                                   .detail = str_c(&json) };
    return audit_append(app->store, &row, &seq, e);
}

/* Runs fn in a transaction. */
static int in_tx(struct app *app, int (*fn)(struct app *, void *, struct err *), void *arg,
                 struct err *e)
{
    int rc = store_begin(app->store, e);

    if (rc < 0) return rc;
    rc = fn(app, arg, e);
    if (rc == 0) return store_commit(app->store, e);
    store_rollback(app->store);
    return rc;
}

struct change {
    struct arena *a;
    struct sweep w;
    const char *verb, *reason;
    int64_t run_cap;
    char id[27];
};

static int add_sweep(struct app *app, void *arg, struct err *e)
{
    struct change *c = arg;
    int rc = store_sweep_add(app->store, &c->w, c->id, e);

    c->w.id = c->id;
    if (rc == 0) rc = sweep_advance(app->store, c->id, NULL, e);
    return rc < 0 ? rc : audit(app, c->a, c->verb, &c->w, c->reason, e);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static int check(struct arena *a, const char *file, const struct sweep_plan *p,
                 const struct val *base, struct err *e)
{
    STR_AUTO text = STR_INIT;
    struct err local = ERR_INIT, *why = e ? e : &local;
    int rc = sweep_check(a, p, base, why);

    if (rc < 0 && file_read(file, 4 << 20, &text, NULL) == 0) sweep_where(file, str_c(&text), why);
    return rc;
}

static int make(struct app *app, struct arena *a, const struct val *args, struct change *c,
                struct err *e)
{
    const char *file = val_get_str(args, "file", "");
    struct sweep_plan p;
    struct val *doc = NULL, *base = NULL, *all = NULL, *pinned = NULL;
    int rc = sweep_plan_file(a, file, val_get_int(args, "run-cap", 0), &doc, &p, e);

    if (rc == 0) rc = merge(a, &p, args, &base, &all, e);
    if (rc < 0) return rc;
    int64_t parallel = parallel_of(&p, all);
    if (val_get_int(base, "threads", 0) == 0)
        val_set_int(base, "threads", parallel < cpu_count() ? cpu_count() / parallel : 1);
    if (!val_has(base, "seed")) val_set_int(base, "seed", 0);
    rc = check(a, file, &p, base, e);
    if (rc == 0) rc = pin(app, a, &p, base, &pinned, e);
    if (rc < 0) return rc;
    STR_AUTO spec = STR_INIT;
    STR_AUTO text = STR_INIT;
    val_write_json(&spec, doc, 0);
    val_write_json(&text, pinned, 0);
    const char *name = val_get_str(args, "name", p.name ? p.name : base_name(file));
    *c = (struct change){ .a = a, .verb = "sweep", .reason = val_get_str(args, "reason", NULL) };
    c->w = (struct sweep){ .name = name,
                           .actor = app->actor,
                           .spec = arena_strdup(a, str_c(&spec)),
                           .args = arena_strdup(a, str_c(&text)),
                           .method = p.method,
                           .metric = p.metric,
                           .maximise = p.maximise,
                           .seed = val_get_int(base, "seed", 0),
                           .parallel = parallel,
                           .planned = p.planned };
    return in_tx(app, add_sweep, c, e);
}

/* ---- following -------------------------------------------------------------------------- */

struct following {
    struct app *app;
    const char *id;
    struct sweep w;
    double best;        /* NaN: none yet */
    int64_t started_us; /* when workers were started last; monotonic */
    bool cancelled;
};

static void pass_on(void *arg, const struct job_news *n)
{
    const struct following *f = arg;
    const struct sweep *w = &f->w;
    const struct ports *ports = f->app->ports;
    int64_t ended = w->n.complete + w->n.pruned + w->n.failed + w->n.cancelled;
    STR_AUTO text = STR_INIT;

    if (!ports->progress) return;
    str_addf(&text, "%lld of %lld trials", (long long)ended, (long long)w->planned);
    if (w->n.pruned) str_addf(&text, ", %lld pruned", (long long)w->n.pruned);
    if (w->n.failed) str_addf(&text, ", %lld failed", (long long)w->n.failed);
    if (!isnan(f->best)) str_addf(&text, ", best %s %.5g", w->metric, f->best);
    if (n->message && *n->message) str_addf(&text, "; %s", n->message);
    ports->progress(ports->user, &(struct job_news){ .progress = (double)ended / (double)w->planned,
                                                     .message = str_c(&text),
                                                     .state = "running" });
}

static int start(struct app *app, const char *job_id, struct err *e)
{
    return app->ports->job_start ? app->ports->job_start(app->ports->user, app->dir, job_id, e) : 0;
}

/* One job to follow, a running one if there is; *ret NULL: there is none. Ready ones besides it
 * get workers, but not in every turn: those started may not have claimed them yet. */
static int pick(struct following *f, struct arena *a, const char **ret, struct err *e)
{
    struct app *app = f->app;
    struct trial *all = NULL, *wait = NULL;
    struct job j;
    size_t n = 0;
    bool may_start = clock_mono_us() - f->started_us > START_EVERY_US;
    int rc = store_trial_list(app->store, a, f->w.id, &all, &n, e);

    *ret = NULL;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (!str_eq(all[i].state, "waiting") && !str_eq(all[i].state, "running")) continue;
        rc = store_job_get(app->store, a, all[i].job_id, &j, e);
        if (rc < 0) break;
        if (str_eq(j.state, "running") && !*ret) *ret = j.id;
        else if (!str_eq(j.state, "running") && !wait) wait = &all[i];
        else if (str_eq(j.state, "ready") && may_start) rc = start(app, j.id, e);
    }
    if (rc < 0) return rc;
    if (may_start) f->started_us = clock_mono_us();
    if (wait && *ret && may_start) return start(app, wait->job_id, e);
    if (wait && !*ret) *ret = wait->job_id;
    return 0;
}

static int refresh(struct following *f, struct arena *a, struct err *e)
{
    struct trial best;
    bool found = false;
    int rc = store_sweep_get(f->app->store, a, f->id, &f->w, e);

    if (rc == 0) rc = sweep_best(f->app->store, a, &f->w, &best, &found, e);
    f->best = found ? best.value : (double)NAN;
    return rc;
}

static int cancel_sweep(struct app *app, void *arg, struct err *e);

static int interrupt(struct following *f, struct arena *a, struct err *e)
{
    const struct ports *p = f->app->ports;
    struct change c = { .a = a, .w = f->w, .verb = "sweep cancel", .reason = "interrupted" };

    if (f->cancelled || !p->interrupted || !p->interrupted(p->user)) return 0;
    f->cancelled = true;
    return in_tx(f->app, cancel_sweep, &c, e);
}

static int follow_step(struct following *f, struct arena *a, bool *ret_over, struct err *e)
{
    const struct ports *p = f->app->ports;
    const char *job = NULL;
    int rc = refresh(f, a, e);

    *ret_over = rc == 0 && !sweep_open(&f->w);
    if (rc < 0 || *ret_over) return rc;
    rc = interrupt(f, a, e);
    if (rc == 0) rc = pick(f, a, &job, e);
    if (rc < 0 || !job) return rc;
    rc = p->job_follow(p->user, f->app->dir, job, pass_on, f, e);
    return rc;
}

static int follow(struct app *app, const char *id, struct err *e)
{
    struct following f = { .app = app, .id = id, .started_us = clock_mono_us() };
    bool over = false;
    int rc = 0;

    while (rc == 0 && !over) {
        struct arena a = ARENA_INIT;
        rc = follow_step(&f, &a, &over, e);
        arena_done(&a);
    }
    if (rc < 0 || !f.cancelled) return rc;
    err_set(e, ERR_CANCELLED, "sweep %s was cancelled", id);
    return err_hint(e, "signalbox sweep resume %s goes on with it", id);
}

static int start_all(struct app *app, const char *id, bool but_one, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct trial *all = NULL;
    size_t n = 0;
    int rc = store_trial_list(app->store, &a, id, &all, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (!str_eq(all[i].state, "waiting")) continue;
        if (!but_one) rc = start(app, all[i].job_id, e);
        but_one = false;
    }
    arena_done(&a);
    return rc;
}

/* Workers for all trials under way, then the end or an answer at once. */
static int carry_on(struct app *app, const char *id, bool wait, struct reply *r, struct err *e)
{
    struct sweep w;
    bool follows = wait && app->ports->job_follow;
    int rc = start_all(app, id, follows, e);

    if (rc == 0 && follows) rc = follow(app, id, e);
    if (rc == 0) rc = answer(app, id, r, e);
    if (rc == 0) rc = store_sweep_get(app->store, &r->arena, id, &w, e);
    if (rc == 0 && follows && str_eq(w.state, "failed")) {
        const char *why = val_get_str(val_at(val_get(r->v, "trials"), 0), "error", "");
        err_set(e, ERR_INVALID, "sweep %s failed: %s; trial 0: %s", id,
                w.error ? w.error : "no reason is known", why);
        return err_hint(e, "signalbox sweep show %s shows all trials", id);
    }
    return rc;
}

/* ---- verbs ------------------------------------------------------------------------------ */

int verb_sweep(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct change c;
    int rc = make(app, &r->arena, args, &c, e);

    return rc < 0 ? rc : carry_on(app, c.id, val_get_bool(args, "wait", true), r, e);
}

int verb_sweep_list(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct sweep *list = NULL;
    size_t n = 0;
    int rc = store_sweep_list(app->store, &r->arena, val_get_int(args, "limit", 50), &list, &n, e);

    if (rc < 0) return rc;
    r->v = val_obj(&r->arena);
    struct val *out = val_set_list(r->v, "sweeps");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct val *o = sweep_to_val(&r->arena, &list[i], clock_now(app->clock));
        struct trial best;
        bool found = false;
        rc = sweep_best(app->store, &r->arena, &list[i], &best, &found, e);
        if (rc == 0 && found) {
            struct val *b = val_set_obj(o, "best");
            val_set_str(b, "run_id", best.run_id);
            val_set_int(b, "trial", best.number);
            val_set_real(b, "metric", best.value);
        }
        val_push(out, o);
    }
    reply_table(r, "sweeps", list_columns);
    return rc;
}

int verb_sweep_show(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    return answer(app, val_get_str(args, "sweep", ""), r, e);
}

static int stop_sweep(struct app *app, void *arg, struct err *e)
{
    struct change *c = arg;
    int rc = store_sweep_set_state(app->store, c->w.id, "stopping", c->w.error, e);

    if (rc == 0) rc = sweep_advance(app->store, c->w.id, NULL, e);
    return rc < 0 ? rc : audit(app, c->a, c->verb, &c->w, c->reason, e);
}

static int cancel_sweep(struct app *app, void *arg, struct err *e)
{
    struct change *c = arg;
    struct trial *all = NULL;
    struct job j;
    size_t n = 0;
    int rc = store_sweep_set_state(app->store, c->w.id, "cancelling", c->w.error, e);

    if (rc == 0) rc = store_trial_list(app->store, c->a, c->w.id, &all, &n, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (!str_eq(all[i].state, "waiting") && !str_eq(all[i].state, "running")) continue;
        rc = store_job_get(app->store, c->a, all[i].job_id, &j, e);
        if (rc == 0 && !job_ended(&j)) rc = store_job_cancel(app->store, j.id, e);
        if (rc == 0) rc = sweep_job_moved(app->store, &j, NULL, e);
    }
    if (rc == 0) rc = sweep_advance(app->store, c->w.id, NULL, e);
    return rc < 0 ? rc : audit(app, c->a, c->verb, &c->w, c->reason, e);
}

static int change(struct app *app, const struct val *args, struct reply *r,
                  int (*fn)(struct app *, void *, struct err *), const char *verb, struct err *e)
{
    struct change c = { .a = &r->arena, .verb = verb, .reason = val_get_str(args, "reason", NULL) };
    int rc = store_sweep_get(app->store, &r->arena, val_get_str(args, "sweep", ""), &c.w, e);

    if (rc < 0) return rc;
    if (!sweep_open(&c.w)) {
        err_set(e, ERR_STATE, "sweep %s is %s", c.w.id, c.w.state);
        return err_hint(e, "only one that is under way can be stopped");
    }
    rc = in_tx(app, fn, &c, e);
    return rc < 0 ? rc : answer(app, c.w.id, r, e);
}

int verb_sweep_stop(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    return change(app, args, r, stop_sweep, "sweep stop", e);
}

int verb_sweep_cancel(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    return change(app, args, r, cancel_sweep, "sweep cancel", e);
}

/* Trials that were cancelled, and where it failed the failed ones, are tried again under their
 * numbers. */
static int resume_sweep(struct app *app, void *arg, struct err *e)
{
    struct change *c = arg;
    bool failed = str_eq(c->w.state, "failed");
    struct trial *all = NULL;
    size_t n = 0;
    int rc = store_trial_list(app->store, c->a, c->w.id, &all, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (!str_eq(all[i].state, "cancelled") && !(failed && str_eq(all[i].state, "failed")))
            continue;
        rc = store_job_retry(app->store, all[i].job_id, e);
        if (rc == 0) rc = store_trial_again(app->store, c->w.id, all[i].number, e);
    }
    if (rc == 0 && c->run_cap > c->w.planned)
        rc = store_sweep_set_planned(app->store, c->w.id, c->run_cap, e);
    if (rc == 0) rc = store_sweep_set_state(app->store, c->w.id, "running", NULL, e);
    if (rc == 0) rc = sweep_advance(app->store, c->w.id, NULL, e);
    return rc < 0 ? rc : audit(app, c->a, c->verb, &c->w, c->reason, e);
}

static int check_resume(const struct change *c, struct err *e)
{
    bool grid = str_eq(c->w.method, "grid");

    if (str_eq(c->w.state, "cancelling"))
        return err_set(e, ERR_STATE, "sweep %s is being cancelled; wait until that is done",
                       c->w.id);
    if (c->run_cap && grid)
        return err_set(e, ERR_INVALID, "run-cap: the points of a grid are given");
    if (!str_eq(c->w.state, "finished") || c->run_cap > c->w.planned) return 0;
    err_set(e, ERR_STATE, "sweep %s is finished", c->w.id);
    return err_hint(e, "--run-cap N, more than %lld, makes further trials",
                    (long long)c->w.planned);
}

int verb_sweep_resume(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct change c = { .a = &r->arena,
                        .verb = "sweep resume",
                        .run_cap = val_get_int(args, "run-cap", 0),
                        .reason = val_get_str(args, "reason", NULL) };
    int64_t rescued;
    int rc = store_sweep_get(app->store, &r->arena, val_get_str(args, "sweep", ""), &c.w, e);

    if (rc == 0) rc = check_resume(&c, e);
    if (rc == 0) rc = job_rescue(app->store, &rescued, e);
    if (rc == 0) rc = in_tx(app, resume_sweep, &c, e);
    return rc < 0 ? rc : carry_on(app, c.w.id, val_get_bool(args, "wait", true), r, e);
}
