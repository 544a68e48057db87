/* linear.c: linear regression with a ridge penalty, or an elastic net (elastic.h).
 *
 *   minimise  sum w (y - b - x'c)^2 + l2 * sum c^2          (the intercept is free)
 *
 * which is scikit-learn's Ridge with alpha = l2, on the encoder's columns. The normal equations
 * are summed in one pass and solved by pivoted Cholesky; the target is centred first, so that
 * its mean does not use up the digits. Columns are standardised by the encoder, which keeps
 * the equations well conditioned; those that depend on one another get 0 when l2 is 0. */
#include "base/mem.h"
#include "engine/learn/elastic.h"
#include "engine/learn/gram.h"
#include "engine/learn/linmodel.h"
#include "engine/learn/solve.h"

#include <math.h>
#include <stdlib.h>

static const struct param params[] = {
    { "l2", PARAM_REAL, 0, "1", 0, 1e15, NULL, "penalty on the squares of the coefficients" },
    ELASTIC_PARAMS,
    { 0 },
};

struct target {
    const double *y, *w;
    double mean; /* taken off y */
};

static void row_terms(const void *arg, size_t from, size_t to, double *weight, double *slope,
                      double *loss)
{
    const struct target *t = arg;

    for (size_t i = from; i < to; i++) {
        double w = t->w ? t->w[i] : 1, r = t->y[i] - t->mean;
        weight[i - from] = w;
        slope[i - from] = w * r;
        *loss += w * r * r;
    }
}

static double weighted_mean(const double *y, const double *w, size_t n)
{
    double sum = 0, total = 0;

    for (size_t i = 0; i < n; i++) {
        sum += (w ? w[i] : 1) * y[i];
        total += w ? w[i] : 1;
    }
    return total > 0 ? sum / total : 0;
}

static double rmse(const struct linmodel *m, const struct matrix *x, const double *y,
                   const double *w)
{
    double sum = 0, total = 0;

    if (!x->n) return (double)NAN;
    for (size_t i = 0; i < x->n; i++) {
        double z, wi = w ? w[i] : 1;
        linmodel_scores(m, x->x + i * x->d, &z);
        sum += wi * (z - y[i]) * (z - y[i]);
        total += wi;
    }
    return sqrt(sum / total);
}

static int fit_ridge(const struct engine *en, const struct fit_input *in, struct linmodel *m,
                     struct err *e)
{
    size_t d = in->train.d;
    struct target t = { in->y, in->w, weighted_mean(in->y, in->w, in->train.n) };
    double l2 = val_get_real(in->params, "l2", 1);
    MEM_AUTO double *scratch = mem_try(3 * (d + 1), sizeof *scratch);
    const struct design x = design_plain(&in->train);
    struct gram s = { 0 };
    int r = gram_init(&s, &x, e);

    if (r == 0 && !scratch) r = err_set(e, ERR_NOMEM, "no memory for %zu coefficients", d);
    if (r == 0) {
        gram_run(&s, en, &x, row_terms, &t);
        for (size_t j = 0; j < d; j++) s.h[j * (d + 1) + j] += l2;
        solve_spd(s.h, d + 1, s.g, scratch);
        for (size_t j = 0; j < d; j++) m->w[j] = s.g[j];
        m->b[0] = s.g[d] + t.mean;
    }
    gram_done(&s);
    return r;
}

static int fit(const struct engine *en, const struct fit_input *in, void **ret, struct err *e)
{
    struct linmodel *m = linmodel_new(in->train.d, 1);
    const struct elastic net = elastic_from(in->params);
    int r;

    if (!m) return err_set(e, ERR_NOMEM, "no memory for %zu coefficients", in->train.d);
    r = elastic_wanted(in->params) ? elastic_linear(en, in, &net, m, e) : fit_ridge(en, in, m, e);
    if (r < 0) {
        linmodel_free(m);
        return r;
    }
    linmodel_weigh(m, en, &in->train);
    engine_progress(en, &(struct engine_progress){
                            .what = "iteration",
                            .done = 1,
                            .total = 1,
                            .metric = "rmse",
                            .train = rmse(m, &in->train, in->y, in->w),
                            .valid = rmse(m, &in->valid, in->y_valid, NULL),
                        });
    if (engine_cancelled(en)) {
        linmodel_free(m);
        return err_set(e, ERR_CANCELLED, "training was cancelled");
    }
    *ret = m;
    return 0;
}

static void predict_row(const void *state, const double *x, double *out)
{
    linmodel_scores(state, x, out);
}

static void predict(const void *state, const struct matrix *m, size_t from, size_t to, double *out)
{
    for (size_t i = from; i < to; i++) linmodel_scores(state, m->x + i * m->d, out + (i - from));
}

static void importance(const void *state, size_t d, double *out)
{
    linmodel_importance(state, d, out);
}

static int save(const void *state, struct buf *out, struct err *e)
{
    return linmodel_save(state, out, e);
}

static int load(struct cursor *in, enum task task, int n_classes, size_t d, void **ret,
                struct err *e)
{
    struct linmodel *m;
    int r = linmodel_load(in, d, 1, &m, e);

    (void)task;
    (void)n_classes;
    if (r == 0) *ret = m;
    return r;
}

static void free_state(void *state)
{
    linmodel_free(state);
}

extern const struct learner learner_linear;
const struct learner learner_linear = {
    .name = "linear",
    .title = "linear regression, ridge or elastic net",
    .tasks = TASK_REGRESSION,
    .encoding = ENC_DENSE,
    .params = params,
    .fit = fit,
    .predict_row = predict_row,
    .predict = predict,
    .importance = importance,
    .contributions = linmodel_contributions,
    .to_dense = linmodel_to_dense,
    .describe = linmodel_describe,
    .save = save,
    .load = load,
    .free = free_state,
};
