/* retrain_job.c: the job `retrain`: a challenger from the labelled predictions of production.
 *
 *   log --labelled rows--> frame --oldest 80 %--> fit with the incumbent's parameters
 *                            '----newest 20 %--> measure challenger and incumbent
 *
 * Both see the same rows, which neither has learned from: the incumbent's training came before
 * it served. The challenger becomes a version in Staging only when retrain_compare.c finds it
 * better by the margin and beyond doubt; its run, with report and evidence, stays either way.
 * All of it is published in the one fenced transaction of train_publish.c, which also makes sure
 * that the incumbent still serves: a comparison with something else counts for nothing. */
#include "app/feature_pack.h"
#include "app/modelref.h"
#include "app/retrain.h"
#include "app/retrain_compare.h"
#include "app/settings.h"
#include "app/train_run.h"
#include "base/mem.h"
#include "store/blob.h"
#include "store/prediction.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { ROWS_MAX = 5000000 };
#define HOLDOUT 0.2

struct retraining {
    struct training t;
    struct retrain_settings set;
    const char *model;
    int64_t version, from_us, to_us;
    const struct val *decision;
    struct model *incumbent;
    double incumbent_measured[TRAIN_METRICS_MAX];
    const struct metric *metric;
    struct retrain_verdict verdict;
};

/* ---- rows ------------------------------------------------------------------------------------ */

struct rows {
    struct retraining *r;
    struct feature_rows *packed;
    struct dict *labels;
    VEC(int32_t) code;
    struct err *e;
};

/* The incumbent's columns without rows: what the log is read into. */
static int features_of(const struct model *m, struct frame **ret, struct err *e)
{
    struct frame *f = frame_new();
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < model_features(m); i++) {
        enum col_type type;
        struct column *c;
        const char *name = model_feature(m, i, &type);
        rc = frame_add(f, name, type, 0, &c, e);
    }
    if (rc) frame_free(f);
    else *ret = f;
    return rc;
}

/* A label as the incumbent writes it: "1.0" and "1" are one class. */
static const char *spelling(const struct model *m, const char *label)
{
    double v, w;
    bool number = str_to_real(label, &v);

    for (int i = 0; i < model_classes(m); i++) {
        const char *class = model_class(m, i);
        if (str_eq(class, label) || (number && str_to_real(class, &w) && v == w)) return class;
    }
    return label;
}

static int add_row(void *user, const struct prediction *p)
{
    struct rows *rows = user;
    struct retraining *r = rows->r;
    struct store *s = r->t.c->app->store;
    const char *json, *label;
    int rc = 0;

    if (!p->label || !p->schema_id) return 0;
    if (rows->code.n == ROWS_MAX) {
        err_set(rows->e, ERR_LIMIT, "%s has more than %d labelled predictions in %lld days",
                r->model, ROWS_MAX, (long long)(r->set.train_window_us / 86400000000));
        return err_hint(rows->e, "set retrain.train_window in signalbox.yaml to less");
    }
    if (!feature_rows_knows(rows->packed, p->schema_id)) {
        rc = prediction_schema(s, r->t.c->arena, p->schema_id, &json, rows->e);
        if (rc == 0) rc = feature_rows_schema(rows->packed, p->schema_id, json, rows->e);
    }
    if (rc == 0)
        rc = feature_rows_add(rows->packed, p->schema_id, p->features, p->n_bytes, rows->e);
    if (rc) return err_prefix(rows->e, "request '%s'", p->request_id);
    label = spelling(r->incumbent, p->label);
    vec_push(&rows->code, dict_add(rows->labels, label, strlen(label)));
    return engine_cancelled(&r->t.en) ? err_set(rows->e, ERR_CANCELLED, "the job was stopped") : 0;
}

static void fill_target(const struct rows *rows, struct column *c)
{
    for (size_t i = 0; i < rows->code.n; i++) {
        size_t n;
        const char *text = dict_str(rows->labels, rows->code.p[i], &n);
        if (c->code) c->code[i] = dict_add(c->dict, text, n);
        else if (!str_to_real(text, &c->num[i])) c->num[i] = NAN;
    }
}

static int to_frame(struct rows *rows, const struct model *m, struct frame **ret, struct err *e)
{
    bool number = model_task(m) == TASK_REGRESSION;
    struct frame *f = NULL;
    struct column *c;
    int rc = feature_rows_frame(rows->packed, &f, e);

    if (rc) return rc;
    rc = frame_add(f, model_target(m), number ? COL_REAL : COL_CATEGORY, rows->code.n, &c, e);
    if (rc) {
        frame_free(f);
        return rc;
    }
    fill_target(rows, c);
    *ret = f;
    return 0;
}

/* Labelled predictions with features, in the order of events. */
static int read_rows(struct retraining *r, struct frame **ret, struct err *e)
{
    struct frame *like;
    int rc = features_of(r->incumbent, &like, e);

    if (rc) return rc;
    struct rows rows = { .r = r, .packed = feature_rows_new(like), .labels = dict_new(), .e = e };
    rc = prediction_each(r->t.c->app->store, r->model, r->from_us, r->to_us, add_row, &rows, e);
    if (rc == 0 && rows.code.n < 10) {
        err_set(e, ERR_STATE, "%s has only %zu labelled predictions with features", r->model,
                rows.code.n);
        rc = err_hint(e, "ingest predictions with their features, and their labels");
    }
    if (rc == 0) rc = to_frame(&rows, r->incumbent, ret, e);
    feature_rows_free(rows.packed);
    dict_unref(rows.labels);
    vec_done(&rows.code);
    frame_free(like);
    return rc;
}

static int load(struct retraining *r, struct err *e)
{
    struct training *t = &r->t;
    struct frame *all = NULL;
    struct split s = { 0 };

    train_step(t, 0, 0.1, "reading the prediction log");
    int rc = read_rows(r, &all, e);
    if (rc) return rc;
    t->rows = all->n_rows;
    rc = split_holdout(all->n_rows, SPLIT_TIME, HOLDOUT, NULL, t->plan.seed, &s, e);
    if (rc == 0) rc = frame_take(all, s.train, s.n_train, &t->train, e);
    if (rc == 0) rc = frame_take(all, s.test, s.n_test, &t->valid, e);
    if (rc == 0)
        t->fp_data =
            arena_printf(t->c->arena, "%016llx", (unsigned long long)frame_fingerprint(t->train));
    split_done(&s);
    frame_free(all);
    return rc;
}

/* ---- the comparison ----------------------------------------------------------------------------
 */

static int metric_index(const char *name)
{
    for (int i = 0; metrics[i].name; i++)
        if (str_eq(metrics[i].name, name)) return i;
    return -1;
}

static int compare(struct retraining *r, struct err *e)
{
    const struct retrain_rivals rivals = { .en = &r->t.en,
                                           .challenger = r->t.model,
                                           .incumbent = r->incumbent,
                                           .train = r->t.train,
                                           .holdout = r->t.valid,
                                           .metric = r->metric,
                                           .margin = r->set.margin };
    return retrain_compare(&rivals, r->t.c->arena, &r->verdict, e);
}

/* No rows stop the fitting early: the holdout has to stay unseen. */
static int compute(struct retraining *r, struct err *e)
{
    struct training *t = &r->t;
    int rc = load(r, e);

    if (rc) return rc;
    train_step(t, 0.1, 0.85, "fitting the challenger");
    t->draws_curve = true;
    int64_t t0 = clock_mono_us();
    rc = train_fit(t, t->train, NULL, &t->model, e);
    t->fit_s = (double)(clock_mono_us() - t0) / 1e6;
    if (rc) return rc;
    t->draws_curve = false;
    train_step(t, 0.85, 1, "measuring both");
    rc = train_measure(t, t->model, t->valid, t->measured, e);
    if (rc == 0) rc = train_measure(t, t->model, t->train, t->trained, e);
    if (rc == 0) rc = train_measure(t, r->incumbent, t->valid, r->incumbent_measured, e);
    if (rc == 0) rc = compare(r, e);
    if (rc == 0 && engine_cancelled(&t->en)) rc = err_set(e, ERR_CANCELLED, "the job was stopped");
    return rc;
}

/* ---- what is left behind
 * ------------------------------------------------------------------------- */

static double holdout_accuracy(const double *measured)
{
    return measured[metric_index("accuracy")];
}

/* As the decision says, but never above what the challenger itself promises less the drop that
 * would ask for retraining: a version must not be rolled back for being as good as expected. */
static double rollback_below(const struct retraining *r)
{
    const struct val *c = val_get(r->decision, "rollback_criteria");
    double agreed = val_get_real(c, "threshold", NAN);
    double promise = holdout_accuracy(r->t.measured) - r->set.accuracy_drop;

    return fmin(agreed, promise); /* the other one when one is NaN */
}

static void report_list(struct str *s, const char *title, const struct val *list)
{
    str_addf(s, "\n## %s\n\n", title);
    for (size_t i = 0; i < val_len(list); i++)
        str_addf(s, "- %s\n", val_as_str(val_at(list, i), ""));
}

static void report_evidence(struct str *s, const struct val *list)
{
    static const char *const keys[] = { "value", "threshold", "low", "high" };

    str_add(s, "\n## Evidence\n\n| rule | value | threshold | low | high | n | vote |\n"
               "|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *v = val_at(list, i);
        str_addf(s, "| %s |", val_get_str(v, "rule", ""));
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            if (val_has(v, keys[k])) str_addf(s, " %.4g |", val_get_real(v, keys[k], 0));
            else str_add(s, " |");
        }
        str_addf(s, " %lld | %s |\n", (long long)val_get_int(v, "n", 0),
                 val_get_bool(v, "vote", false) ? "yes" : "");
    }
}

static void report_metrics(struct str *s, const struct retraining *r)
{
    str_add(s, "\n## On the same holdout\n\n| metric | challenger | incumbent |\n|---|---|---|\n");
    for (int i = 0; metrics[i].name; i++)
        if (!isnan(r->t.measured[i]) || !isnan(r->incumbent_measured[i]))
            str_addf(s, "| %s | %.6g | %.6g |\n", metrics[i].name, r->t.measured[i],
                     r->incumbent_measured[i]);
}

static void report_verdict(struct str *s, const struct retraining *r)
{
    const struct retrain_verdict *v = &r->verdict;

    str_addf(s, "- %s: challenger %.6g, incumbent %.6g; margin %g\n", r->metric->name,
             v->challenger, v->incumbent, r->set.margin);
    str_addf(s, "- gain over the incumbent: %.4g, 95 %% interval %.4g to %.4g (%s, %zu rows)\n",
             v->gain.difference, v->gain.low, v->gain.high, v->gain.method, v->gain.n);
    str_addf(s, "- gain in %s over a guess without features (%.6g): %.4g, interval %.4g to %.4g\n",
             v->chance_metric, v->trivial, v->chance.difference, v->chance.low, v->chance.high);
    str_add(s, "- rule: the gain exceeds the margin, its interval contains no loss, and that over "
               "a guess is above 0\n");
}

static void write_report(struct str *s, const struct retraining *r, const char *outcome)
{
    char from[32], to[32];

    str_addf(s, "# Retraining of %s\n\n%s\n\n", r->model, outcome);
    str_addf(s, "- incumbent: version %lld (%s)\n", (long long)r->version,
             model_algorithm(r->incumbent));
    str_addf(s, "- data: labelled predictions from %s to %s, %zu rows\n",
             clock_format(from, r->from_us), clock_format(to, r->to_us), r->t.rows);
    str_addf(s, "- trained on the oldest %zu rows, both measured on the newest %zu\n",
             r->t.train->n_rows, r->t.valid->n_rows);
    report_verdict(s, r);
    report_list(s, "Why", val_get(r->decision, "reasons"));
    report_evidence(s, val_get(r->decision, "evidence"));
    report_metrics(s, r);
}

static int add_report(struct retraining *r, const char *outcome, struct err *e)
{
    struct store *s = r->t.c->app->store;
    STR_AUTO text = STR_INIT;
    char digest[65];

    write_report(&text, r, outcome);
    int rc = blob_put(s, text.p, text.len, digest, e);
    if (rc) return rc;
    const struct artifact f = { .path = "report.md", .digest = digest, .size = (int64_t)text.len };
    return store_run_add_artifact(s, r->t.run_id, &f, e);
}

static int add_metrics(struct retraining *r, struct err *e)
{
    struct store *s = r->t.c->app->store;
    struct metric_point m[TRAIN_METRICS_MAX];
    size_t n = 0;

    for (int i = 0; metrics[i].name && i < TRAIN_METRICS_MAX; i++) {
        if (isnan(r->incumbent_measured[i])) continue;
        m[n++] = (struct metric_point){
            .key = arena_printf(r->t.c->arena, "incumbent_%s", metrics[i].name),
            .value = r->incumbent_measured[i],
            .time_us = store_now(s),
        };
    }
    return store_run_log_metrics(s, r->t.run_id, m, n, e);
}

static int add_tags(struct retraining *r, const char *outcome, struct err *e)
{
    struct arena *a = r->t.c->arena;
    double below = rollback_below(r);
    char number[32];
    STR_AUTO evidence = STR_INIT;

    val_write_json(&evidence, val_get(r->decision, "evidence"), 0);
    struct kv tags[] = {
        { "signalbox.retrain_of",
          arena_printf(a, "models:/%s/%lld", r->model, (long long)r->version) },
        { "signalbox.retrain_outcome", outcome },
        { "signalbox.evidence", str_c(&evidence) },
        { RUN_TAG_ROLLBACK, str_real(number, below) },
    };
    return store_run_set_tags(r->t.c->app->store, r->t.run_id, tags, ARRAY_LEN(tags) - isnan(below),
                              e);
}

/* ---- the outcome
 * ----------------------------------------------------------------------------------- */

static int still_serves(struct retraining *r, bool *ret, struct err *e)
{
    struct reg_version v;
    int rc =
        store_version_by_stage(r->t.c->app->store, r->t.c->arena, r->model, "Production", &v, e);

    if (rc == -ERR_NOTFOUND) {
        err_clear(e);
        *ret = false;
        return 0;
    }
    if (rc == 0) *ret = v.version == r->version;
    return rc;
}

/* The next version, in Staging. */
static int stage_challenger(struct retraining *r, struct registry_new *in, struct reg_version *ret,
                            struct err *e)
{
    struct app *app = r->t.c->app;
    struct arena *a = r->t.c->arena;
    struct registry_done done;
    struct registry_moved moved;
    char better[32], worse[32];

    in->name = r->model;
    in->reason = arena_printf(a, "retrained: %s %s against %s of version %lld", r->metric->name,
                              str_real(better, r->verdict.challenger),
                              str_real(worse, r->verdict.incumbent), (long long)r->version);
    in->description = in->reason;
    int rc = registry_register(app, a, in, &done, e);
    if (rc) return rc;
    *ret = done.version;
    if (str_eq(done.version.stage, "Staging") || str_eq(done.version.stage, "Production")) return 0;
    return registry_promote(app, a, r->model, done.version.version, "Staging", in->reason, &moved,
                            e);
}

static const char *outcome_of(struct retraining *r, bool serves, const struct reg_version *v)
{
    struct arena *a = r->t.c->arena;

    if (v)
        return arena_printf(a, "The challenger is better and is version %lld in Staging: %s.",
                            (long long)v->version, r->verdict.why);
    if (!serves)
        return arena_printf(a,
                            "Version %lld does not serve any more, so the comparison with it "
                            "decides nothing; the challenger was not registered.",
                            (long long)r->version);
    return arena_printf(a, "The challenger was not registered: %s.", r->verdict.why);
}

static void put_comparison(struct val *o, const struct comparison *c)
{
    val_set_real(o, "difference", c->difference);
    val_set_real(o, "low", c->low);
    val_set_real(o, "high", c->high);
    val_set_int(o, "n", (int64_t)c->n);
    val_set_str(o, "method", c->method);
}

static void answer(const struct retraining *r, const struct reg_version *v, const char *outcome,
                   struct val *result)
{
    struct val *challenger = val_set_obj(result, "challenger");
    struct val *incumbent = val_set_obj(result, "incumbent");

    val_set_str(challenger, "run_id", r->t.run_id);
    val_set_real(challenger, "value", r->verdict.challenger);
    val_set_int(incumbent, "version", r->version);
    val_set_real(incumbent, "value", r->verdict.incumbent);
    val_set_str(result, "metric", r->metric->name);
    val_set_real(result, "margin", r->set.margin);
    put_comparison(val_set_obj(result, "gain"), &r->verdict.gain);
    struct val *chance = val_set_obj(result, "chance");
    val_set_str(chance, "metric", r->verdict.chance_metric);
    val_set_real(chance, "value", r->verdict.trivial);
    put_comparison(chance, &r->verdict.chance);
    val_set_str(result, "why", r->verdict.why);
    val_set_bool(result, "registered", v != NULL);
    val_set_str(result, "model", r->model);
    val_set_str(result, "version", NULL);
    if (v) val_set_int(result, "version", v->version);
    val_set_str(result, "stage", v ? "Staging" : NULL);
    val_set_str(result, "outcome", outcome);
}

static int settle(struct training *t, struct registry_new *in, struct val *result, struct err *e)
{
    struct retraining *r = t->settle_arg;
    struct reg_version v;
    bool serves = false;
    int rc = still_serves(r, &serves, e);
    bool stage = serves && r->verdict.better;

    if (rc == 0 && stage) rc = stage_challenger(r, in, &v, e);
    if (rc) return rc;
    const char *outcome = outcome_of(r, serves, stage ? &v : NULL);
    answer(r, stage ? &v : NULL, outcome, result);
    rc = add_metrics(r, e);
    if (rc == 0) rc = add_tags(r, outcome, e);
    return rc ? rc : add_report(r, outcome, e);
}

/* ---- the job
 * --------------------------------------------------------------------------------------- */

static int open_incumbent(struct retraining *r, struct modelref *ref, struct err *e)
{
    struct job_ctx *c = r->t.c;
    const char *uri = arena_printf(c->arena, "models:/%s/%lld", r->model, (long long)r->version);

    return modelref_open(c->app, c->arena, uri, ref, &r->incumbent, e);
}

/* Seed and experiment of the incumbent's run; without one the defaults. */
static void follow_run(struct retraining *r, const char *run_id)
{
    struct train_plan *p = &r->t.plan;
    struct run run;
    long long seed;

    if (!run_id || store_run_get(r->t.c->app->store, r->t.c->arena, run_id, &run, NULL)) return;
    p->experiment = run.experiment;
    for (size_t i = 0; i < run.n_params; i++)
        if (str_eq(run.params[i].key, "seed") && str_to_i64(run.params[i].value, &seed))
            p->seed = (uint64_t)seed;
}

static int choose_metric(struct retraining *r, struct err *e)
{
    enum task task = model_task(r->incumbent);

    r->metric = metric_find(r->set.metric);
    if (!r->metric) {
        err_set(e, ERR_INVALID, "retrain.metric: there is no metric '%s'", r->set.metric);
        return err_hint(e, "auc, log_loss, brier, accuracy, rmse …");
    }
    if (!(r->metric->tasks & task)) /* the usual one of the task instead */
        r->metric = metric_find(task == TASK_REGRESSION ? "rmse" : "log_loss");
    assert(r->metric && r->metric->tasks & task);
    return 0;
}

static int plan(struct retraining *r, struct err *e)
{
    static const char *const nothing[] = { NULL };
    struct job_ctx *c = r->t.c;
    struct train_plan *p = &r->t.plan;
    struct modelref ref;
    struct val *args = val_obj(c->arena);
    int rc = retrain_settings_read(c->app, c->arena, &r->set, e);

    if (rc == 0) rc = open_incumbent(r, &ref, e);
    if (rc == 0) rc = choose_metric(r, e);
    if (rc) return rc;
    val_set_str(args, "split", "time");
    *p = (struct train_plan){ .data = arena_printf(c->arena, "predictions of %s", r->model),
                              .target = model_target(r->incumbent),
                              .task = task_name(model_task(r->incumbent)),
                              .drop = nothing,
                              .learner = learner_find(model_algorithm(r->incumbent)),
                              .params = model_params(r->incumbent),
                              .holdout = HOLDOUT,
                              .split = SPLIT_TIME,
                              .threads = c->app->threads,
                              .experiment = "Default",
                              .args = args };
    if (model_task(r->incumbent) == TASK_BINARY) p->positive = model_class(r->incumbent, 1);
    if (!p->learner)
        return err_set(e, ERR_STATE, "version %lld of %s: there is no learner '%s' here",
                       (long long)r->version, r->model, model_algorithm(r->incumbent));
    follow_run(r, ref.run_id);
    return 0;
}

int job_retrain(struct job_ctx *c, struct val *result, struct err *e)
{
    struct retraining r = {
        .t = { .c = c, .step = "", .started_us = clock_mono_us(), .settle = settle },
        .model = val_get_str(c->args, "model", ""),
        .version = val_get_int(c->args, "version", 0),
        .from_us = val_get_int(c->args, "from_us", 0),
        .to_us = val_get_int(c->args, "to_us", 0),
        .decision = val_get(c->args, "decision"),
    };
    r.t.settle_arg = &r;
    for (int i = 0; i < TRAIN_METRICS_MAX; i++) r.incumbent_measured[i] = NAN;
    int rc = plan(&r, e);

    if (rc == 0) rc = train_begin(&r.t, e);
    if (rc == 0) rc = compute(&r, e);
    if (rc == 0) rc = train_publish(&r.t, result, e);
    model_free(r.incumbent);
    train_done(&r.t);
    return rc;
}
