/* train_publish.c: the rows of a training: its run while it goes on, and everything it leaves
 * behind when it is done.
 *
 * Each attempt has a run of its own, so what a worker that lost its lease still writes can
 * mix with nothing. The run becomes FINISHED in the same fenced transaction that adds its
 * model, registers it and ends the job: there is no finished run without a model, and none is
 * finished twice. The model's bytes are stored durably before that. */
#include "app/jobs.h"
#include "app/modelref.h"
#include "app/registry.h"
#include "app/train_auto.h"
#include "app/train_run.h"
#include "engine/model/buf.h"
#include "store/audit.h"
#include "store/blob.h"
#include "store/dataset.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* -- params and tags --------------------------------------------------------- */

/* The learner's own parameters come first and keep their names. */
static void param(struct training *t, const char *key, const char *value)
{
    struct kv kv = { key, value };

    for (size_t i = 0; i < t->params.n; i++)
        if (str_eq(t->params.p[i].key, key)) return;
    if (value) vec_push(&t->params, kv);
}

static void param_int(struct training *t, const char *key, long long v)
{
    param(t, key, arena_printf(t->c->arena, "%lld", v));
}

static void param_real(struct training *t, const char *key, double v)
{
    char buf[32];

    param(t, key, arena_strdup(t->c->arena, str_real(buf, v)));
}

static int log_params(struct training *t, struct err *e)
{
    size_t from = t->params_logged;
    int rc = store_run_log_params(t->c->app->store, t->run_id, t->params.p + from,
                                  t->params.n - from, e);

    if (rc == 0) t->params_logged = t->params.n;
    return rc;
}

static void params_asked_for(struct training *t)
{
    const struct train_plan *p = &t->plan;
    STR_AUTO drop = STR_INIT;

    for (size_t i = 0; i < val_len(p->params); i++) {
        STR_AUTO text = STR_INIT;
        val_write_text(&text, val_at(p->params, i));
        param(t, val_key(p->params, i), arena_strdup(t->c->arena, str_c(&text)));
    }
    if (p->learner) param(t, "algorithm", p->learner->name);
    param(t, "data", p->data);
    param(t, "target", p->target);
    param(t, "weight", p->weight);
    param(t, "positive", p->positive);
    param_int(t, "seed", (long long)p->seed);
    if (p->valid) param(t, "valid", p->valid);
    else if (p->folds) param_int(t, "folds", p->folds);
    else if (p->target) param_real(t, "holdout", p->holdout);
    if (p->target && !p->valid)
        param(t, "split", val_get_str(p->args, "split", train_split_name(p->split)));
    for (size_t i = 0; p->drop[i]; i++) str_addf(&drop, "%s%s", i ? "," : "", p->drop[i]);
    if (drop.len) param(t, "drop", arena_strdup(t->c->arena, str_c(&drop)));
}

static void params_found(struct training *t)
{
    param_int(t, "rows", (long long)t->rows);
    param_int(t, "rows_train", (long long)t->train->n_rows);
    if (t->valid) param_int(t, "rows_valid", (long long)t->valid->n_rows);
    if (!t->model) return;
    param(t, "task", task_name(model_task(t->model)));
    param_int(t, "features", (long long)model_features(t->model));
    if (model_classes(t->model)) param_int(t, "classes", model_classes(t->model));
    if (model_task(t->model) == TASK_BINARY) param(t, "positive", model_class(t->model, 1));
}

/* -- beginning ---------------------------------------------------------------- */

static int ensure_experiment(struct training *t, struct err *e)
{
    struct store *s = t->c->app->store;
    const char *name = t->plan.experiment;
    struct experiment x;
    int rc = store_experiment_get(s, t->c->arena, name, &x, e);

    if (rc == -ERR_NOTFOUND) rc = store_experiment_create(s, t->c->arena, name, &x, e);
    if (rc == 0) t->experiment_id = x.id;
    return rc;
}

static int create_run(struct training *t, struct err *e)
{
    struct store *s = t->c->app->store;
    struct arena *a = t->c->arena;
    const struct job *j = t->c->job;
    id_run(t->run_id);
    t->run_name = t->plan.run_name ? t->plan.run_name
                                   : arena_printf(a, "%s-%.8s", train_algorithm(&t->plan), t->run_id);
    struct run r = { .id = t->run_id,
                     .experiment_id = t->experiment_id,
                     .name = t->run_name,
                     .status = "RUNNING",
                     .user = j->actor,
                     .start_us = store_now(s) };
    const struct kv tags[] = {
        { "mlflow.user", j->actor },
        { "mlflow.source.name", arena_printf(a, "signalbox %s", j->kind) },
        { "mlflow.source.type", "LOCAL" },
        { "mlflow.runName", t->run_name },
        { "signalbox.job_id", j->id },
        { "signalbox.attempt", arena_printf(a, "%lld", (long long)j->attempt) },
        { "signalbox.data", t->plan.data },
    };
    int rc = store_run_create(s, a, &r, e);

    if (rc == 0) rc = store_run_set_tags(s, t->run_id, tags, ARRAY_LEN(tags), e);
    return rc;
}

static int begin_in_tx(struct training *t, struct err *e)
{
    struct store *s = t->c->app->store;
    const struct job *j = t->c->job;
    int rc = ensure_experiment(t, e);

    if (rc == 0 && j->run_id)
        rc = job_end_run(s, j->run_id, "FAILED", "this attempt ended without a result", e);
    if (rc == 0) rc = create_run(t, e);
    if (rc == 0) rc = store_job_set_run(s, (struct fence){ j->id, j->attempt }, t->run_id, e);
    if (rc == 0) rc = log_params(t, e);
    if (rc == 0 && t->trial) rc = t->trial->begun(t, e);
    return rc;
}

int train_run_begin(struct training *t, struct err *e)
{
    struct store *s = t->c->app->store;
    int rc;

    params_asked_for(t);
    rc = store_begin(s, e);
    if (rc < 0) return rc;
    rc = begin_in_tx(t, e);
    if (rc < 0) {
        store_rollback(s);
        return rc;
    }
    return store_commit(s, e);
}

/* -- the curve ------------------------------------------------------------------ */

static void point(struct training *t, const char *key, double value, int64_t step)
{
    struct metric_point m = {
        .key = key, .value = value, .step = step, .time_us = store_now(t->c->app->store)
    };

    vec_push(&t->curve.points, m);
}

void train_curve_add(struct training *t, const struct engine_progress *p)
{
    struct train_curve *c = &t->curve;
    size_t stride = p->total / TRAIN_CURVE_POINTS + 1;
    int64_t now = clock_mono_us();

    if (!p->metric) return;
    if (!str_eq(c->metric, p->metric)) {
        c->metric = arena_strdup(t->c->arena, p->metric);
        c->train_key = arena_printf(t->c->arena, "train_%s", p->metric);
    }
    if (p->done % stride == 0 || p->done == p->total) {
        c->last_step = (int64_t)p->done;
        if (!isnan(p->train)) point(t, c->train_key, p->train, c->last_step);
        if (!isnan(p->valid)) point(t, c->metric, p->valid, c->last_step);
    }
    if (c->points.n == 0 || now - c->flushed_us < TRAIN_FLUSH_US) return;
    c->flushed_us = now;
    struct err e = ERR_INIT;
    if (store_run_log_metrics(t->c->app->store, t->run_id, c->points.p, c->points.n, &e) == 0)
        c->points.n = 0;
    else log_line(t->c->app->log, LOG_WARN, "train", "loss curve: %s", e.msg);
}

/* -- the end ---------------------------------------------------------------------- */

/* What is left of the curve, then the final values one step later. */
static int log_metrics(struct training *t, struct val *result, struct err *e)
{
    struct val *all = val_set_obj(result, "metrics");
    struct val *std = t->plan.folds ? val_set_obj(result, "metrics_std") : NULL;
    int64_t step = t->curve.last_step + 1;

    for (int i = 0; metrics[i].name; i++) {
        const char *name = metrics[i].name;
        const char *train = arena_printf(t->c->arena, "train_%s", name);
        assert(i < TRAIN_METRICS_MAX);
        if (!isnan(t->measured[i])) {
            point(t, name, t->measured[i], step);
            val_set_real(all, name, t->measured[i]);
        }
        if (std && !isnan(t->deviation[i])) {
            point(t, arena_printf(t->c->arena, "%s_std", name), t->deviation[i], step);
            val_set_real(std, name, t->deviation[i]);
        }
        if (!isnan(t->trained[i])) {
            point(t, train, t->trained[i], step);
            val_set_real(all, train, t->trained[i]);
        }
    }
    for (size_t i = 0; !t->plan.target && i < val_len(t->told); i++) {
        const struct val *v = val_at(t->told, i);
        if (val_type(v) != VAL_REAL) continue;
        point(t, val_key(t->told, i), val_as_real(v, 0), step);
        val_set_real(all, val_key(t->told, i), val_as_real(v, 0));
    }
    return store_run_log_metrics(t->c->app->store, t->run_id, t->curve.points.p, t->curve.points.n,
                                 e);
}

static int log_tags(struct training *t, struct err *e)
{
    struct store *s = t->c->app->store;
    struct arena *a = t->c->arena;
    struct dataset d;
    struct kv tags[3] = { { RUN_TAG_FP_DATA, t->fp_data } };
    size_t n = 1;

    if (ingest_dataset(t->c->app, a, t->plan.data, &d)) {
        tags[n++] = (struct kv){ "signalbox.dataset",
                                 arena_printf(a, "%s:%lld", d.name, (long long)d.version) };
        tags[n++] = (struct kv){ "signalbox.data_digest", d.digest };
    }
    return store_run_set_tags(s, t->run_id, tags, n, e);
}

static int register_model(struct training *t, const struct artifact *f, struct val *result,
                          struct err *e)
{
    struct arena *a = t->c->arena;
    struct registry_new in = { .name = t->plan.model,
                               .run_id = t->run_id,
                               .digest = f->digest,
                               .size = f->size,
                               .fp_data = t->fp_data,
                               .reason = val_get_str(t->plan.args, "reason", NULL) };
    struct registry_done done;
    int rc;

    modelref_describe(a, t->model, &in);
    if (t->settle) return t->settle(t, &in, result, e);
    if (!t->plan.model) {
        val_set(result, "version", val_null(a));
        return 0;
    }
    rc = registry_register(t->c->app, a, &in, &done, e);
    if (rc < 0) return rc;
    val_set_int(result, "version", done.version.version);
    val_set_str(result, "model", done.version.name);
    val_set_str(result, "semver", done.version.semver);
    return 0;
}

static int append_audit(struct training *t, const struct artifact *f, struct err *e)
{
    struct arena *a = t->c->arena;
    struct app *app = t->c->app;
    struct val *detail = val_obj(a);
    STR_AUTO json = STR_INIT;
    int64_t seq;

    val_set_str(detail, "job_id", t->c->job->id);
    val_set_str(detail, "algorithm", t->plan.learner->name);
    val_set_str(detail, "data", t->plan.data);
    val_set_str(detail, "digest", f->digest);
    val_write_json(&json, detail, 0);
    const struct audit_row row = { .at_us = clock_now(app->clock),
                                   .actor = app->actor,
                                   .verb = t->c->job->kind,
                                   .object = arena_printf(a, "run:%s", t->run_id),
                                   .reason = "",
                                   .detail = str_c(&json) };
    return audit_append(app->store, &row, &seq, e);
}

static void describe(struct training *t, struct val *r)
{
    val_set_str(r, "run_id", t->run_id);
    val_set_str(r, "run_name", t->run_name);
    val_set_str(r, "experiment", t->plan.experiment);
    val_set_str(r, "status", t->pruned ? "KILLED" : "FINISHED");
    val_set_str(r, "algorithm", t->plan.learner->name);
    if (t->model) val_set_str(r, "task", task_name(model_task(t->model)));
    val_set_int(r, "rows", (int64_t)t->rows);
    if (t->model) val_set_int(r, "features", (int64_t)model_features(t->model));
    struct val *params = val_set_obj(r, "params");
    for (size_t i = 0; i < t->params.n; i++)
        val_set_str(params, t->params.p[i].key, t->params.p[i].value);
    val_set(r, "fit", t->told);
    val_set_real(r, "duration_s", (double)(clock_mono_us() - t->started_us) / 1e6);
    val_set_real(r, "fit_s", t->fit_s);
    if (!t->no_model) val_set_strf(r, "model_uri", "runs:/%s/model", t->run_id);
}

static int publish_in_tx(struct training *t, const struct artifact *f, struct val *result,
                         struct err *e)
{
    struct store *s = t->c->app->store;
    int rc = log_params(t, e);

    if (rc == 0 && t->comparison) rc = auto_write_runs(t, result, e);
    if (rc == 0) rc = log_metrics(t, result, e);
    if (rc == 0) rc = log_tags(t, e);
    if (rc == 0 && !t->no_model) rc = store_run_add_artifact(s, t->run_id, f, e);
    if (rc == 0)
        rc = store_run_finish(s, t->run_id, t->pruned ? "KILLED" : "FINISHED", store_now(s), e);
    if (rc == 0 && t->trial) rc = t->trial->ended(t, result, e);
    if (rc == 0 && !t->trial) rc = register_model(t, f, result, e);
    if (rc == 0 && !t->trial) rc = append_audit(t, f, e);
    if (rc < 0) store_rollback(s);
    return rc;
}

static int store_model(struct training *t, struct artifact *ret, struct err *e)
{
    struct buf bytes = BUF_INIT;
    char digest[65];
    int rc = model_save(t->model, &bytes, e);

    if (rc == 0) rc = blob_put(t->c->app->store, bytes.p, bytes.n, digest, e);
    if (rc == 0)
        *ret = (struct artifact){ .path = "model",
                                  .digest = arena_strdup(t->c->arena, digest),
                                  .size = (int64_t)bytes.n };
    buf_done(&bytes);
    return rc;
}

int train_publish(struct training *t, struct val *result, struct err *e)
{
    struct artifact file = { .path = NULL };
    int rc = t->no_model ? 0 : store_model(t, &file, e);

    if (rc < 0) return rc;
    if (t->comparison) params_asked_for(t); /* those of the algorithm it became */
    t->told = val_obj(t->c->arena);
    if (t->model) model_describe(t->model, t->told);
    params_found(t);
    describe(t, result);
    rc = job_publish_begin(t->c, e);
    if (rc == 0) rc = publish_in_tx(t, &file, result, e);
    return rc < 0 ? rc : job_publish_end(t->c, result, e);
}
