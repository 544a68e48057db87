/* train_auto_runs.c: what a comparison of algorithms leaves behind: a run for every candidate that
 * was measured, a child of the training's run, and the table.
 *
 * All of it is written in the transaction that publishes the training: a training that was
 * killed or cancelled leaves none of them. The candidates' models are not kept; that of the best
 * is fitted again, on all rows. */
#include "app/train_auto.h"
#include "base/mem.h"

#include <math.h>

/* Metrics of a child beside those of `metrics`. */
struct figure {
    const char *key;
    double value;
};

static const char *text_of(struct arena *a, const struct val *v)
{
    STR_AUTO text = STR_INIT;

    val_write_text(&text, v);
    return arena_strdup(a, str_c(&text));
}

static int log_params(struct training *t, const struct candidate *c, struct err *e)
{
    const struct comparison *x = t->comparison;
    struct arena *a = t->c->arena;
    VEC(struct kv) all = { 0 };

    for (size_t i = 0; i < val_len(c->params); i++)
        vec_push(&all, ((struct kv){ val_key(c->params, i), text_of(a, val_at(c->params, i)) }));
    vec_push(&all, ((struct kv){ "algorithm", c->learner->name }));
    vec_push(&all, ((struct kv){ "data", t->plan.data }));
    vec_push(&all, ((struct kv){ "target", t->plan.target }));
    vec_push(&all,
             ((struct kv){ "seed", arena_printf(a, "%llu", (unsigned long long)t->plan.seed) }));
    if (!val_has(c->params, "folds"))
        vec_push(&all, ((struct kv){ "folds", arena_printf(a, "%d", c->folds) }));
    vec_push(&all, ((struct kv){ "rows", arena_printf(a, "%zu", x->rows) }));
    int rc = store_run_log_params(t->c->app->store, c->run_id, all.p, all.n, e);
    vec_done(&all);
    return rc;
}

static int log_metrics(struct training *t, const struct candidate *c, struct err *e)
{
    const struct figure more[] = { { "score_low", c->low },
                                   { "score_high", c->high },
                                   { "fit_s", c->fit_s },
                                   { "row_us", c->row_us },
                                   { "model_bytes", (double)c->bytes } };
    struct store *s = t->c->app->store;
    struct arena *a = t->c->arena;
    VEC(struct metric_point) all = { 0 };

    for (int i = 0; metrics[i].name; i++) {
        const char *std = arena_printf(a, "%s_std", metrics[i].name);
        struct metric_point mean = { metrics[i].name, c->mean[i], 0, store_now(s) };
        struct metric_point spread = { std, c->deviation[i], 0, store_now(s) };
        if (!isnan(mean.value)) vec_push(&all, mean);
        if (!isnan(spread.value)) vec_push(&all, spread);
    }
    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        struct metric_point p = { more[i].key, more[i].value, 0, store_now(s) };
        if (!isnan(p.value)) vec_push(&all, p);
    }
    int rc = store_run_log_metrics(s, c->run_id, all.p, all.n, e);
    vec_done(&all);
    return rc;
}

static int write_run(struct training *t, struct candidate *c, struct err *e)
{
    struct store *s = t->c->app->store;
    struct arena *a = t->c->arena;
    char *id = arena_alloc(a, RUN_ID_LEN + 1);

    id_run(id);
    const char *name = arena_printf(a, "%s-%.8s", c->row->name, id);
    struct run r = { .id = id,
                     .experiment_id = t->experiment_id,
                     .name = name,
                     .status = "RUNNING",
                     .user = t->c->job->actor,
                     .start_us = store_now(s) };
    const struct kv tags[] = {
        { "mlflow.parentRunId", t->run_id },     { "mlflow.runName", name },
        { "mlflow.user", t->c->job->actor },     { "signalbox.job_id", t->c->job->id },
        { "signalbox.candidate", c->row->name },
    };
    int rc = store_run_create(s, a, &r, e);

    c->run_id = id;
    if (rc == 0) rc = store_run_set_tags(s, id, tags, ARRAY_LEN(tags), e);
    if (rc == 0) rc = log_params(t, c, e);
    if (rc == 0) rc = log_metrics(t, c, e);
    return rc == 0 ? store_run_finish(s, id, "FINISHED", store_now(s), e) : rc;
}

static void set_real(struct val *o, const char *key, double v, struct arena *a)
{
    if (isnan(v)) val_set(o, key, val_null(a));
    else val_set_real(o, key, v);
}

static void add_row(struct training *t, const struct candidate *c, struct val *list)
{
    struct arena *a = t->c->arena;
    struct val *o = val_push_obj(list);
    bool done = c->folds > 0;

    val_set_str(o, "name", c->row->name);
    val_set_str(o, "algorithm", c->learner->name);
    val_set_bool(o, "chosen", c == t->comparison->best);
    set_real(o, "score", c->score, a);
    set_real(o, "low", c->low, a);
    set_real(o, "high", c->high, a);
    val_set_int(o, "folds", c->folds);
    set_real(o, "fit_s", done ? c->fit_s : (double)NAN, a);
    set_real(o, "row_us", done ? c->row_us : (double)NAN, a);
    if (done) val_set_int(o, "bytes", (int64_t)c->bytes);
    else val_set(o, "bytes", val_null(a));
    val_set_str(o, "run_id", c->run_id);
    val_set_str(o, "note", c->note);
}

int auto_write_runs(struct training *t, struct val *result, struct err *e)
{
    struct comparison *x = t->comparison;
    struct val *list = val_set_list(result, "candidates");
    int rc = 0;

    for (size_t i = 0; i < x->n && rc == 0; i++) {
        if (x->c[i].folds > 0) rc = write_run(t, &x->c[i], e);
        add_row(t, &x->c[i], list);
    }
    val_set_str(result, "metric", x->metric->name);
    val_set_str(result, "interval", "95 %, Nadeau and Bengio's corrected t over the folds");
    val_set_int(result, "rows_compared", (int64_t)x->rows);
    val_set_real(result, "compared_s", x->used_s);
    return rc;
}

void auto_table(struct reply *r)
{
    static const struct reply_column columns[] = {
        { "name", "algorithm", NULL }, { "score", "score", NULL },   { "low", "low", NULL },
        { "high", "high", NULL },      { "folds", "folds", NULL },   { "fit_s", "fit s", NULL },
        { "row_us", "row µs", NULL },  { "bytes", "size", "bytes" }, { "chosen", "chosen", NULL },
        { "note", "note", NULL },      { "run_id", "run", "id" },    { NULL, NULL, NULL },
    };
    struct reply_column *c = arena_alloc(&r->arena, sizeof columns);

    for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
        c[i] = columns[i];
        if (str_eq(c[i].key, "score")) c[i].title = val_get_str(r->v, "metric", "score");
    }
    reply_table(r, "candidates", c);
}
