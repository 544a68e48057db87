/* model_quantize.c: the verb that turns a net into its 8-bit form and says what that costs:
 * the metric, the size and the time of a row, before and after on the same rows, and how often
 * both decide alike. The result is a version of its own, so it is promoted, tried as a canary and
 * rolled back like any other. */
#include "app/model_file.h"
#include "app/modelform.h"
#include "app/scoring.h"
#include "app/verb.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/metric/metric.h"
#include "engine/pool.h"

#include <math.h>
#include <stdlib.h>

#define TIMED_ROWS 200
#define TIMED_RUNS 5

/* One of the two, as measured. */
struct side {
    const struct model *model;
    double *p;
    double value; /* of the metric; NaN: the rows have no target */
    double row_us;
    size_t size;
};

struct quantizing {
    struct app *app;
    const struct val *args;
    struct engine en;
    struct scoring s; /* the model and the rows to measure on */
    struct model *small;
    struct str bytes;    /* of the small one */
    struct side side[2]; /* before, after */
};

static const char *metric_of(const struct model *m)
{
    return model_task(m) == TASK_REGRESSION ? "rmse" : "accuracy";
}

/* ---- making -------------------------------------------------------------------------- */

/* At most `most` rows of a frame, evenly taken. */
static int sample(const struct frame *f, size_t most, struct frame **ret, struct err *e)
{
    size_t n = f->n_rows < most ? f->n_rows : most;
    MEM_AUTO uint32_t *rows = mem_try(n + 1, sizeof *rows);

    if (!rows) return err_set(e, ERR_NOMEM, "no memory for a sample of %zu rows", n);
    if (n == 0) return err_set(e, ERR_INVALID, "data: there are no rows to find ranges on");
    for (size_t i = 0; i < n; i++) rows[i] = (uint32_t)(i * f->n_rows / n);
    return frame_take(f, rows, n, ret, e);
}

static int make(struct quantizing *q, const struct frame *data, struct err *e)
{
    struct frame *some = NULL;
    int rc = sample(data, (size_t)val_get_int(q->args, "rows", 2000), &some, e);

    if (!rc) rc = model_quantise(&q->en, q->s.model, some, &q->small, e);
    if (!rc) rc = modelform_save(q->small, &q->bytes, e);
    frame_free(some);
    return rc;
}

/* Rows to measure on are in q->s; those to find ranges on may be others. */
static int make_from_data(struct quantizing *q, struct err *e)
{
    struct frame *f = NULL;
    int rc;

    if (!val_has(q->args, "test")) return make(q, q->s.rows, e);
    rc = ingest_data(q->app, val_get_str(q->args, "data", ""), NULL, &f, NULL, e);
    if (!rc) rc = make(q, f, e);
    frame_free(f);
    return rc;
}

/* ---- measuring ----------------------------------------------------------------------- */

/* The least of some runs over the first rows, one at a time: what nobody disturbed. */
static double row_us(const struct model *m, const struct frame *f)
{
    size_t n = f->n_rows < TIMED_ROWS ? f->n_rows : TIMED_ROWS, d = model_features(m);
    MEM_AUTO double *x = mem_zalloc(n * d + 1, sizeof *x);
    MEM_AUTO double *scratch = mem_zalloc(model_scratch(m) + 1, sizeof *scratch);
    MEM_AUTO double *out = mem_zalloc((size_t)model_outputs(m), sizeof *out);
    double best = HUGE_VAL;

    for (size_t j = 0; j < d; j++) {
        const struct column *c = frame_col(f, model_feature(m, j, NULL));
        for (size_t i = 0; c && c->num && i < n; i++) x[i * d + j] = c->num[i];
    }
    for (int run = 0; n > 0 && run < TIMED_RUNS; run++) {
        int64_t before = clock_mono_ns();
        for (size_t i = 0; i < n; i++) model_predict_row(m, x + i * d, scratch, out);
        best = fmin(best, (double)(clock_mono_ns() - before) / 1e3 / (double)n);
    }
    return best;
}

static int measure(struct quantizing *q, struct side *s, const double *y, struct err *e)
{
    size_t n = q->s.rows->n_rows;
    struct metric_input in = { .task = model_task(s->model),
                               .n_classes = model_classes(s->model),
                               .n = n,
                               .y = y,
                               .p = s->p };
    const struct metric *metric = metric_find(metric_of(s->model));
    double all[64];
    int rc = y ? metric_all(&in, all, e) : 0;

    s->value = rc || !y ? (double)NAN : all[metric - metrics];
    s->row_us = row_us(s->model, q->s.rows);
    return rc;
}

static int measure_both(struct quantizing *q, struct err *e)
{
    size_t n = q->s.rows->n_rows, k = (size_t)model_outputs(q->small);
    bool labelled = frame_col(q->s.rows, model_target(q->s.model)) != NULL;
    MEM_AUTO double *y = mem_try(n + 1, sizeof *y);
    STR_AUTO before = STR_INIT;
    int rc = modelform_save(q->s.model, &before, e);

    q->side[0] = (struct side){ .model = q->s.model, .p = q->s.p, .size = before.len };
    q->side[1] = (struct side){ .model = q->small, .size = q->bytes.len };
    q->side[1].p = mem_try(n * k + 1, sizeof(double));
    if (!rc && (!y || !q->side[1].p)) rc = err_set(e, ERR_NOMEM, "no memory to score %zu rows", n);
    if (!rc) rc = model_predict(&q->en, q->small, q->s.rows, q->side[1].p, e);
    if (!rc && labelled) rc = model_encode_target(q->s.model, q->s.rows, y, e);
    for (int i = 0; !rc && i < 2; i++) rc = measure(q, &q->side[i], labelled ? y : NULL, e);
    return rc;
}

/* Share of the rows both decide alike. */
static double agreement(const struct quantizing *q)
{
    size_t n = q->s.rows->n_rows, k = (size_t)model_outputs(q->small), same = 0;

    for (size_t i = 0; i < n; i++)
        same += model_decide(q->small, q->side[0].p + i * k) ==
                model_decide(q->small, q->side[1].p + i * k);
    return n ? (double)same / (double)n : (double)NAN;
}

/* How much worse the metric got; negative: better. */
static double loss(const struct quantizing *q)
{
    const struct metric *m = metric_find(metric_of(q->small));
    double change = q->side[1].value - q->side[0].value;

    return m->greater_is_better ? -change : change;
}

/* ---- answer -------------------------------------------------------------------------- */

static void reply_costs(const struct quantizing *q, struct reply *r)
{
    const struct side *b = &q->side[0], *a = &q->side[1];
    struct val *v = r->v, *o;

    val_set_str(v, "metric", metric_of(q->small));
    val_set_int(v, "rows", (int64_t)q->s.rows->n_rows);
    for (int i = 0; i < 2; i++) {
        const struct side *s = &q->side[i];
        o = val_set_obj(v, i ? "after" : "before");
        if (!isnan(s->value)) val_set_real(o, metric_of(q->small), s->value);
        val_set_int(o, "size", (int64_t)s->size);
        val_set_real(o, "row_us", s->row_us);
    }
    if (!isnan(a->value)) val_set_real(v, "loss", loss(q));
    if (model_task(q->small) != TASK_REGRESSION) val_set_real(v, "agreement", agreement(q));
    STR_AUTO text = STR_INIT;
    if (val_has(v, "version"))
        str_addf(&text, "%s version %lld, 8-bit integers\n", val_get_str(v, "name", ""),
                 (long long)val_get_int(v, "version", 0));
    if (!isnan(a->value))
        str_addf(&text, "%-9s %.4f before, %.4f after (%zu rows)\n", metric_of(q->small), b->value,
                 a->value, q->s.rows->n_rows);
    if (val_has(v, "agreement"))
        str_addf(&text, "decisions %.2f %% alike\n", 100 * val_get_real(v, "agreement", 0));
    str_addf(&text, "size      %zu bytes before, %zu after\n", b->size, a->size);
    str_addf(&text, "a row     %.1f us before, %.1f us after\n", b->row_us, a->row_us);
    r->text = arena_strdup(&r->arena, str_c(&text));
}

static int enter(struct quantizing *q, const char *name, struct reply *r, struct err *e)
{
    struct registry_new in = { .name = name,
                               .run_id = q->s.ref.run_id,
                               .description = val_get_str(q->args, "description",
                                                          "8-bit integers, by model quantize"),
                               .reason = val_get_str(q->args, "reason", NULL),
                               .fp_data = "" };
    int rc = model_file_data(q->app, &r->arena, in.run_id, &in.fp_data, e);

    if (!rc) rc = model_file_blob(q->app, &r->arena, &q->bytes, &in, e);
    if (rc) return rc;
    modelref_describe(&r->arena, q->small, &in);
    return model_file_enter(q->app, &in, r, e);
}

static int finish(struct quantizing *q, struct reply *r, struct err *e)
{
    const char *name = val_get_str(q->args, "name", q->s.ref.name);
    bool too_dear =
        val_has(q->args, "max-loss") && !(loss(q) <= val_get_real(q->args, "max-loss", 0));
    int rc = 0;

    if (!name) {
        err_set(e, ERR_INVALID, "name: %.200s belongs to no registered model", q->s.ref.uri);
        return err_hint(e, "say which model gets the version, with --name");
    }
    if (too_dear) r->v = val_obj(&r->arena);
    else rc = enter(q, name, r, e);
    if (rc) return rc;
    reply_costs(q, r);
    if (val_has(q->args, "max-loss")) val_set_bool(r->v, "passed", !too_dear);
    if (too_dear) r->exit = 3;
    return 0;
}

int verb_model_quantize(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct quantizing q = { .app = app, .args = args, .bytes = STR_INIT };
    int threads = (int)val_get_int(args, "threads", 0);
    struct val *scored = val_obj(&r->arena);
    int rc;

    val_set_str(scored, "model", val_get_str(args, "model", ""));
    val_set_str(scored, "data", val_get_str(args, "test", val_get_str(args, "data", "")));
    val_set_int(scored, "threads", threads);
    rc = scoring_run(app, &r->arena, scored, &q.s, e);
    if (rc) return rc;
    q.en.pool = pool_new(threads ? threads : app->threads);
    if (!q.en.pool) rc = err_set(e, ERR_NOMEM, "no memory for threads");
    if (!rc) rc = make_from_data(&q, e);
    if (!rc) rc = measure_both(&q, e);
    if (!rc) rc = finish(&q, r, e);
    free(q.side[1].p);
    str_done(&q.bytes);
    model_free(q.small);
    pool_free(q.en.pool);
    scoring_done(&q.s);
    return rc;
}
