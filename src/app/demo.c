/* demo.c: the demo workspace: a bank's card transactions, a first model in Production and a
 * better challenger in Staging, with the runs somebody made on the way there, and a day of
 * traffic with a drift in it (demo_day.c).
 *
 * Everything goes through the verbs a user would type, so the jobs, runs, audit rows and stage
 * events are real. Each step looks first whether it was done, from the rows alone: run again
 * on a demo that was interrupted it completes it, on a complete one it changes nothing. Where
 * the front end can follow a job it is followed; otherwise (the console, whose job runner
 * works beside) its row is watched. Runs on the thread of a verb. */
#include "app/demo.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "codec/rowout.h"
#include "engine/frame/frame.h"
#include "store/dataset.h"
#include "store/job.h"
#include "store/registry.h"
#include "store/run.h"
#include <string.h>
#include <time.h>

#define DATA_SET   "card_transactions"
#define EXPERIMENT "fraud-detection"
#define MODEL      DEMO_MODEL

struct demo_run {
    const char *name, *algorithm, *purpose;
    const char *params[5][2]; /* key NULL ends */
    const char *stage;        /* registered and promoted to this; NULL: an exploration */
    const char *reason;
};
static const struct demo_run demo_runs[] = {
    { "baseline-logistic",
      "logistic",
      "baseline",
      { { NULL } },
      "Production",
      "first model: better than the rules it replaces" },
    { "gbdt-small",
      "gbdt",
      "exploration",
      { { "n_estimators", "20" }, { "num_leaves", "4" }, { NULL } },
      NULL,
      NULL },
    { "gbdt-hasty",
      "gbdt",
      "exploration",
      { { "n_estimators", "40" }, { "learning_rate", "0.3" }, { NULL } },
      NULL,
      NULL },
    { "challenger-gbdt",
      "gbdt",
      "challenger",
      { { "n_estimators", "200" },
        { "learning_rate", "0.05" },
        { "num_leaves", "8" },
        { "lambda_l2", "5" },
        { NULL } },
      "Staging",
      "ranks fraud better than the model in Production" },
};

/* ---- data ------------------------------------------------------------------------------- */

int demo_csv(const struct demo_spec *spec, struct str *out, struct err *e)
{
    struct frame *f = NULL;
    int rc = demo_frame(spec, &f, e);
    if (rc) return rc;
    struct arena a = ARENA_INIT;
    const char **names = arena_array(&a, f->n_cols, const char *);
    for (size_t c = 0; c < f->n_cols; c++) names[c] = f->cols[c].name;
    struct rowout w;
    rowout_start(&w, out, CODEC_CSV, names, f->n_cols);
    for (size_t row = 0; row < f->n_rows; row++) {
        char buf[40];
        for (size_t c = 0; c < f->n_cols; c++) {
            const char *text = column_text(&f->cols[c], row, buf);
            rowout_text(&w, text, strlen(text));
        }
        rowout_end(&w);
    }
    arena_done(&a);
    frame_free(f);
    return 0;
}

/* Writes dir/demo/NAME.csv and returns its path. */
static int write_csv(struct app *app, struct arena *a, const char *name,
                     const struct demo_spec *spec, const char **ret, struct err *e)
{
    STR_AUTO text = STR_INIT;
    const char *folder = arena_printf(a, "%s/demo", app->dir);
    const char *path = arena_printf(a, "%s/%s.csv", folder, name);
    int rc = demo_csv(spec, &text, e);
    if (!rc) rc = file_mkdirs(folder, e);
    if (!rc) rc = file_write_atomic(path, text.p, text.len, e);
    if (!rc) *ret = path;
    return rc;
}

/* ---- calling verbs ---------------------------------------------------------------------- */

static int call(struct app *app, const char *verb, const struct val *in, struct err *e)
{
    struct reply r;
    reply_init(&r);
    const struct verb *v = verb_find(verb);
    int rc = v ? verb_call(app, v, in, &r, e)
               : err_set(e, ERR_INTERNAL, "this program has no verb '%s'", verb);
    reply_done(&r);
    return rc ? err_prefix(e, "demo, %s", verb) : 0;
}

/* Waits for a job somebody else runs; its error becomes ours. */
static int watch_job(struct app *app, const char *id, struct err *e)
{
    for (;;) {
        struct arena a = ARENA_INIT;
        struct job job;
        int rc = store_job_get(app->store, &a, id, &job, e);
        bool done = rc || str_eq(job.state, "succeeded");
        if (!rc && (str_eq(job.state, "dead") || str_eq(job.state, "cancelled"))) {
            rc = err_set(e, ERR_STATE, "job %s is %s: %s", id, job.state,
                         job.error ? job.error : "no error was recorded");
            done = true;
        }
        arena_done(&a);
        if (done) return rc;
        nanosleep(&(struct timespec){ .tv_nsec = 100 * 1000 * 1000 }, NULL);
    }
}

static int train(struct app *app, struct val *in, struct err *e)
{
    struct reply r;
    reply_init(&r);
    bool follow = app->ports->job_follow != NULL;
    val_set_bool(in, "wait", follow);
    int rc = verb_call(app, verb_find("train"), in, &r, e);
    if (!rc && !follow) rc = watch_job(app, val_get_str(r.v, "job_id", ""), e);
    reply_done(&r);
    return rc ? err_prefix(e, "demo, train") : 0;
}

/* ---- steps ------------------------------------------------------------------------------- */

static int import(struct app *app, struct arena *a, const struct val *args, bool *changed,
                  struct err *e)
{
    struct dataset d;
    int rc = store_dataset_get(app->store, a, DATA_SET, &d, e);
    if (rc != -ERR_NOTFOUND) return rc;
    err_clear(e);
    const char *history = NULL, *fresh = NULL;
    struct demo_spec spec = {
        .seed = (uint64_t)val_get_int(args, "seed", 7),
        .rows = (size_t)val_get_int(args, "rows", 20000),
        .start_us = DEMO_START_US,
    };
    rc = write_csv(app, a, DATA_SET, &spec, &history, e);
    spec.seed++;
    spec.rows /= 10;
    spec.start_us = DEMO_NEW_START_US;
    if (!rc) rc = write_csv(app, a, "new_transactions", &spec, &fresh, e);
    if (rc) return rc;
    struct val *in = val_obj(a);
    val_set_str(in, "file", history);
    val_set_str(in, "name", DATA_SET);
    *changed = true;
    return call(app, "data import", in, e);
}

/* The finished run of a step; *ret NULL: not made yet. */
static int find_run(struct app *app, struct arena *a, const char *name, const char **ret,
                    struct err *e)
{
    static const char *const experiments[] = { EXPERIMENT, NULL };
    struct run *runs = NULL;
    size_t n = 0;
    const struct run_query q = {
        .experiments = experiments,
        .filter =
            arena_printf(a, "attributes.run_name = '%s' AND attributes.status = 'FINISHED'", name),
        .limit = 1,
    };
    *ret = NULL;
    int rc = store_run_search(app->store, a, &q, &runs, &n, e);
    if (rc == -ERR_NOTFOUND) {
        err_clear(e);
        return 0;
    }
    if (!rc && n) *ret = runs[0].id;
    return rc;
}

static int make_run(struct app *app, struct arena *a, const struct demo_run *d, const char **ret,
                    struct err *e)
{
    struct val *in = val_obj(a);
    val_set_str(in, "data", DATA_SET);
    val_set_str(in, "target", "fraud");
    val_set_str(in, "algorithm", d->algorithm);
    val_set_str(in, "split", "stratified");
    val_set_str(in, "experiment", EXPERIMENT);
    val_set_str(in, "run-name", d->name);
    /* a worker of an interrupted demo goes on; its job is then followed instead of a second one */
    val_set_strf(in, "dedup-key", "demo:%s", d->name);
    if (d->stage) val_set_str(in, "register", MODEL);
    struct val *drop = val_set_list(in, "drop");
    val_push_str(drop, "transaction_id");
    val_push_str(drop, "timestamp");
    struct val *params = val_set_obj(in, "param");
    for (size_t i = 0; d->params[i][0]; i++) val_set_str(params, d->params[i][0], d->params[i][1]);
    int rc = train(app, in, e);
    if (!rc) rc = find_run(app, a, d->name, ret, e);
    if (!rc && !*ret)
        rc = err_set(e, ERR_INTERNAL, "the run '%s' was trained but not found", d->name);
    if (rc) return rc;
    struct val *tag = val_obj(a);
    val_set_str(tag, "run", *ret);
    val_set_str(val_set_obj(tag, "tag"), "purpose", d->purpose);
    return call(app, "run tag", tag, e);
}

/* The version a run of that name left behind; *ret NULL: none. The name decides, not the run: a
 * run repeated after an interruption finds the version the first one made. */
static int version_of(struct app *app, struct arena *a, const char *run_name,
                      const struct reg_version **ret, struct err *e)
{
    struct reg_version *v = NULL;
    size_t n = 0;
    *ret = NULL;
    int rc = store_version_list(app->store, a, MODEL, &v, &n, e);
    for (size_t i = 0; !rc && i < n; i++) {
        struct run run;
        if (!v[i].run_id) continue;
        rc = store_run_get(app->store, a, v[i].run_id, &run, e);
        if (!rc && str_eq(run.name, run_name)) *ret = &v[i];
    }
    return rc;
}

/* Moves the version of a run to its stage, unless the stage was filled before. */
static int promote(struct app *app, struct arena *a, const struct demo_run *d, bool *changed,
                   struct err *e)
{
    struct reg_version in_stage;
    const struct reg_version *v = NULL;
    int rc = store_version_by_stage(app->store, a, MODEL, d->stage, &in_stage, e);
    if (rc != -ERR_NOTFOUND) return rc;
    err_clear(e);
    rc = version_of(app, a, d->name, &v, e);
    if (rc || !v || !str_eq(v->stage, "None")) return rc; /* or somebody moved it on */
    struct val *in = val_obj(a);
    val_set_str(in, "name", MODEL);
    val_set_strf(in, "version", "%lld", (long long)v->version);
    val_set_str(in, "to", d->stage);
    val_set_str(in, "reason", d->reason);
    *changed = true;
    return call(app, "model promote", in, e);
}

static void say(struct app *app, size_t step, const char *message)
{
    if (!app->ports->progress) return;
    const struct job_news news = {
        .progress = (double)step / (double)(ARRAY_LEN(demo_runs) + 1),
        .message = message,
        .state = "running",
    };
    app->ports->progress(app->ports->user, &news);
}

static int build(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct arena *a = &r->arena;
    bool changed = false;
    struct reg_model m;
    r->v = val_obj(a);
    val_set_str(r->v, "workspace", app->dir);
    say(app, 0, "making transactions");
    int rc = import(app, a, args, &changed, e);
    struct val *ids = val_list(a);
    for (size_t i = 0; !rc && i < ARRAY_LEN(demo_runs); i++) {
        const struct demo_run *d = &demo_runs[i];
        const char *id = NULL;
        say(app, i + 1, d->name);
        rc = find_run(app, a, d->name, &id, e);
        if (!rc && !id) {
            changed = true;
            rc = make_run(app, a, d, &id, e);
        }
        if (!rc && d->stage) rc = promote(app, a, d, &changed, e);
        if (!rc) val_push_str(ids, id);
    }
    if (!rc) say(app, ARRAY_LEN(demo_runs), "a day of traffic");
    if (!rc) rc = demo_day(app, a, (uint64_t)val_get_int(args, "seed", 7), &changed, e);
    if (!rc) rc = store_model_get(app->store, a, MODEL, &m, e);
    if (rc) return rc;
    val_set_bool(r->v, "created", changed);
    val_set_str(r->v, "model", MODEL);
    val_set_int(r->v, "production", m.production);
    val_set_int(r->v, "staging", m.staging);
    val_set(r->v, "run_ids", ids);
    r->text = arena_printf(a, "%s %s: model %s, version %lld in Production, %lld in Staging\n",
                           changed ? "demo workspace" : "demo already complete in", app->dir, MODEL,
                           (long long)m.production, (long long)m.staging);
    return 0;
}

int verb_demo(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *dir = val_get_str(args, "dir", NULL);
    if (app->store && (!dir || str_eq(dir, app->dir))) return build(app, args, r, e);
    struct app own;
    const struct app_config cfg = {
        .dir = dir ? dir : app->dir,
        .create = true,
        .actor = app->actor,
        .log = app->log,
        .clock = app->clock,
        .ports = app->ports,
        .threads = app->threads,
    };
    int rc = app_open(&own, &cfg, e);
    if (rc) return rc;
    rc = build(&own, args, r, e);
    app_close(&own);
    return rc;
}
