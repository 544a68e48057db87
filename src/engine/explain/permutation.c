/* permutation.c: see permutation.h. A column is shuffled in a copy of the table and put back
 * afterwards, so that one copy serves all columns. */
#include "engine/explain/permutation.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/metric/metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct trial {
    const struct engine *en;
    const struct model *m;
    struct frame *rows; /* own copy */
    const struct metric *metric;
    double *y, *p;
    uint32_t *order;
};

static const char *metric_of(enum task t)
{
    return t == TASK_BINARY ? "auc" : t == TASK_MULTICLASS ? "log_loss" : "rmse";
}

static int measure(struct trial *t, double *ret, struct err *e)
{
    const struct metric_input in = {
        model_task(t->m), model_classes(t->m), t->rows->n_rows, t->y, t->p, NULL
    };
    int r = model_predict(t->en, t->m, t->rows, t->p, e);

    if (r == 0) *ret = t->metric->fn(&in);
    return r;
}

/* The rows that have a target, thinned out. */
static int choose_rows(struct trial *t, const struct frame *f, struct err *e)
{
    size_t n = 0, keep;
    MEM_AUTO double *y = mem_try(f->n_rows + 1, sizeof *y);
    MEM_AUTO uint32_t *rows = mem_try(f->n_rows + 1, sizeof *rows);

    if (!y || !rows) return err_set(e, ERR_NOMEM, "no memory for %zu rows", f->n_rows);
    int r = model_encode_target(t->m, f, y, e);
    if (r < 0) return r;
    for (size_t i = 0; i < f->n_rows; i++)
        if (!isnan(y[i])) rows[n++] = (uint32_t)i;
    if (n < 2)
        return err_set(e, ERR_INVALID, "only %zu rows have a known %s", n, model_target(t->m));
    keep = n < PERMUTATION_ROWS ? n : PERMUTATION_ROWS;
    t->y = mem_alloc(keep * sizeof *t->y);
    for (size_t i = 0; i < keep; i++) {
        rows[i] = rows[i * n / keep];
        t->y[i] = y[rows[i]];
    }
    return frame_take(f, rows, keep, &t->rows, e);
}

static void put(struct column *c, const struct column *from, const uint32_t *order, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (c->code) c->code[i] = from->code[order[i]];
        else c->num[i] = from->num[order[i]];
    }
}

/* Loss of quality with column c shuffled, a mean over the repeats. */
static int shuffle_column(struct trial *t, struct column *c, size_t at, int repeats,
                          double baseline, double *ret, struct err *e)
{
    size_t n = t->rows->n_rows, size = c->code ? sizeof *c->code : sizeof *c->num;
    void *now = c->code ? (void *)c->code : (void *)c->num;
    MEM_AUTO void *saved = mem_alloc(n * size);
    struct column from = *c;
    double sum = 0;
    int r = 0;

    memcpy(saved, now, n * size);
    if (c->code) from.code = saved;
    else from.num = saved;
    for (int i = 0; i < repeats && r == 0; i++) {
        struct rng rng;
        double v = 0;
        rng_stream(&rng, t->en->seed, at * 1000 + (size_t)i + 1);
        for (size_t j = 0; j < n; j++) t->order[j] = (uint32_t)j;
        rng_shuffle(&rng, t->order, n);
        put(c, &from, t->order, n);
        r = measure(t, &v, e);
        sum += t->metric->greater_is_better ? baseline - v : v - baseline;
    }
    memcpy(now, saved, n * size);
    *ret = sum / repeats;
    return r;
}

static int run(struct trial *t, int repeats, double *out, struct permutation *ret, struct err *e)
{
    size_t n = model_features(t->m);
    int r = measure(t, &ret->baseline, e);

    for (size_t i = 0; i < n && r == 0; i++) {
        ptrdiff_t at = frame_index(t->rows, model_feature(t->m, i, NULL));
        if (engine_cancelled(t->en)) return err_set(e, ERR_CANCELLED, "explaining was cancelled");
        if (at < 0) return err_set(e, ERR_INVALID, "no column %s", model_feature(t->m, i, NULL));
        r = shuffle_column(t, &t->rows->cols[at], i, repeats, ret->baseline, &out[i], e);
        engine_progress(t->en, &(struct engine_progress){ .what = "column",
                                                          .done = i + 1,
                                                          .total = n,
                                                          .train = (double)NAN,
                                                          .valid = (double)NAN });
    }
    return r;
}

int permutation_importance(const struct engine *en, const struct model *m, const struct frame *f,
                           int repeats, double *out, struct permutation *ret, struct err *e)
{
    struct trial t = { .en = en, .m = m, .metric = metric_find(metric_of(model_task(m))) };
    int r = choose_rows(&t, f, e);

    if (r == 0) {
        size_t n = t.rows->n_rows;
        *ret = (struct permutation){ t.metric->name, (double)NAN, n };
        t.p = mem_try(n * (size_t)model_outputs(m) + 1, sizeof *t.p);
        t.order = mem_try(n + 1, sizeof *t.order);
        if (t.p && t.order) r = run(&t, repeats, out, ret, e);
        else r = err_set(e, ERR_NOMEM, "no memory for %zu rows", n);
    }
    frame_free(t.rows);
    free(t.y);
    free(t.p);
    free(t.order);
    return r;
}
