/* logistic.c: logistic regression with an L2 penalty, binary and multinomial; elastic.h has the
 * penalty on absolute values.
 *
 *   minimise  sum w * log loss + l2/2 * sum of squared coefficients   (intercepts are free)
 *
 * which is scikit-learn's LogisticRegression with C = 1/l2, on the encoder's columns. The
 * function is convex and, with l2 > 0, has one minimum, so two ways lead to the same place:
 *   binary, up to NEWTON_MAX columns: Newton's method with step halving; a pass sums loss,
 *     gradient and, while steps are large, the Hessian, and passes over zeros (design.h);
 *   otherwise: L-BFGS, one pass an iteration. Multinomial coefficients are kept for all k
 *     classes (the penalty makes them unique).
 * Rows are summed in fixed chunks, chunks in order: same bytes for any thread count. */
#include "base/mem.h"
#include "engine/kernel/kernel.h"
#include "engine/learn/elastic.h"
#include "engine/learn/gram.h"
#include "engine/learn/lbfgs.h"
#include "engine/learn/linmodel.h"
#include "engine/learn/solve.h"
#include "engine/learn/vec.h"
#include "engine/pool.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEWTON_MAX   1000
#define MAX_HALVINGS 30
#define GOOD_STEP    8
#define SAMPLE       16
#define SAMPLED_ROWS 16384 /* tables of so many rows are worth a sample … */
#define SAMPLE_ROWS  20    /* … if it has so many times the columns */
#define BORROWED_MAX 20    /* iterations with its Hessian */
#define CHUNKS       64    /* at most, for the gradient of L-BFGS */
#define CHUNK_ROWS   256   /* at least */

static const struct param params[] = {
    { "l2", PARAM_REAL, 0, "1", 0, 1e15, NULL,
      "penalty: half of it times the squares of the coefficients; 1/C elsewhere" },
    { "max_iter", PARAM_INT, 0, "200", 1, 100000, NULL, "iterations at most" },
    { "tol", PARAM_REAL, 0, "1e-7", 0, 1, NULL,
      "stop when no component of the mean gradient is larger" },
    ELASTIC_PARAMS,
    { 0 },
};

/* log(1 + exp(z)) without overflow */
static double softplus(double z)
{
    return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
}

static double sigmoid(double z)
{
    double t = exp(-fabs(z));

    return (z >= 0 ? 1 : t) / (1 + t);
}

/* Scores to probabilities; returns log of the sum of exp(score). */
static double softmax(double *z, size_t k)
{
    double top = z[0], sum = 0;

    for (size_t c = 1; c < k; c++)
        if (z[c] > top) top = z[c];
    for (size_t c = 0; c < k; c++) sum += z[c] = exp(z[c] - top);
    for (size_t c = 0; c < k; c++) z[c] /= sum;
    return top + log(sum);
}

/* Loss of a row; z: its scores, becomes probabilities. */
static double row_loss(const struct linmodel *m, double *z, double y)
{
    double own;

    if (m->k == 1) {
        double loss = softplus(y > 0.5 ? -*z : *z);
        *z = sigmoid(*z);
        return loss;
    }
    own = z[(size_t)y];
    return softmax(z, m->k) - own;
}

static double mean_loss(const struct linmodel *m, const struct matrix *x, const double *y)
{
    double z[LINMODEL_MAX_SCORES], sum = 0;

    if (!x->n) return (double)NAN;
    for (size_t i = 0; i < x->n; i++) {
        linmodel_scores(m, x->x + i * x->d, z);
        sum += row_loss(m, z, y[i]);
    }
    return sum / (double)x->n;
}

/* What both ways share. */
struct fitting {
    const struct engine *en;
    const struct fit_input *in;
    struct linmodel *m;
    double l2, tol, total_weight;
    size_t max_iter;
    bool converged, quiet;
    const struct kernels *kernels;
};

static double row_weight(const struct fit_input *in, size_t i)
{
    return in->w ? in->w[i] : 1;
}

static double squares(const struct linmodel *m)
{
    return vec_dot(m->w, m->w, m->d * m->k);
}

/* penalised: the value of the whole sum at the present coefficients. */
static void report(const struct fitting *f, size_t iteration, double penalised)
{
    double loss = penalised - f->l2 / 2 * squares(f->m);

    if (f->quiet) return;
    engine_progress(f->en, &(struct engine_progress){
                               .what = "iteration",
                               .done = iteration,
                               .total = f->max_iter,
                               .metric = "log_loss",
                               .train = loss / f->total_weight,
                               .valid = mean_loss(f->m, &f->in->valid, f->in->y_valid),
                           });
}

static int cancelled(struct err *e)
{
    return err_set(e, ERR_CANCELLED, "training was cancelled");
}

/* ---- Newton -------------------------------------------------------------------------- */

/* The scores of a batch become probabilities; returns the sum of w * log loss. With t = e^-|z| the
 * loss is log(1 + t), plus |z| on the wrong side; the logarithm is taken of products of 64. */
static double batch_loss(double *z, const double *y, const double *w, size_t n,
                         const struct kernels *kernels)
{
    double t[GRAM_BATCH], sum = 0;

    for (size_t i = 0; i < n; i++) t[i] = -fabs(z[i]);
    kernels->exp(t, n, t);
    for (size_t from = 0; from < n; from += 64) {
        size_t to = from + 64 < n ? from + 64 : n;
        double product = 1, wrong = 0;
        for (size_t i = from; i < to; i++) {
            double weight = w ? w[i] : 1;
            double beyond = y[i] > 0.5 ? fmax(-z[i], 0) : fmax(z[i], 0);
            wrong += weight * beyond;
            if (w) wrong += weight * log1p(t[i]);
            else product *= 1 + t[i];
            z[i] = (z[i] >= 0 ? 1 : t[i]) / (1 + t[i]);
        }
        sum += wrong + log(product);
    }
    return sum;
}

/* Newton's method, and how fresh its Hessian is. */
struct newton {
    struct fitting *f;
    struct design x; /* of the rows to learn from */
    double *w;       /* the present coefficients in its order */
    struct gram s;   /* s.h: the decomposed Hessian */
    double *scratch; /* 5 (d + 1): a point, a step, and what solve.h needs */
    size_t rank;
    double scale; /* of the steps: the Hessian may be that of a sample */
    double value; /* at the model's present coefficients, with the penalty */
};

static void newton_rows(const void *arg, size_t from, size_t to, double *weight, double *slope,
                        double *loss)
{
    const struct newton *t = arg;
    const struct fitting *f = t->f;
    const double *y = f->in->y + from, *w = f->in->w ? f->in->w + from : NULL;
    double p[GRAM_BATCH];
    size_t n = to - from;

    design_dots(&t->x, f->kernels, from, to, t->w, p);
    for (size_t i = 0; i < n; i++) p[i] += f->m->b[0];
    *loss += batch_loss(p, y, w, n, f->kernels);
    for (size_t i = 0; i < n; i++) {
        double v = w ? w[i] : 1;
        slope[i] = v * (p[i] - y[i]);
        weight[i] = v * p[i] * (1 - p[i]);
    }
}

/* Value and gradient at the model's present coefficients; with_hessian: that too. */
static double newton_pass(struct newton *t, bool with_hessian)
{
    const struct fitting *f = t->f;
    size_t d = f->m->d;

    design_order(&t->x, f->m->w, t->w);
    if (with_hessian) {
        gram_run(&t->s, f->en, &t->x, newton_rows, t);
        for (size_t j = 0; j < d; j++) t->s.h[j * (d + 1) + j] += f->l2;
        t->rank = solve_factor(t->s.h, d + 1, t->scratch + 2 * (d + 1));
        t->scale = 1;
    } else {
        gram_run_slope(&t->s, f->en, &t->x, newton_rows, t);
    }
    vec_axpy(t->s.g, f->l2, f->m->w, d);
    return t->s.loss + f->l2 / 2 * squares(f->m);
}

static double largest(const double *v, size_t n)
{
    double top = 0;

    for (size_t i = 0; i < n; i++)
        if (fabs(v[i]) > top) top = fabs(v[i]);
    return top;
}

/* A step, halved until it lowers the function. False: none does. The model's w and b lie behind
 * one another: d + 1 unknowns from w on. */
static bool newton_step(struct newton *t, bool with_hessian)
{
    size_t n = t->f->m->d + 1;
    double *x = t->f->m->w, *from = t->scratch, *step = t->scratch + n, share = 1, slope;

    memcpy(from, x, n * sizeof *from);
    memcpy(step, t->s.g, n * sizeof *step);
    solve_with(t->s.h, n, t->rank, step, t->scratch + 2 * n);
    for (size_t j = 0; j < n; j++) step[j] *= t->scale;
    slope = -vec_dot(t->s.g, step, n);
    for (int i = 0; i < MAX_HALVINGS; i++, share /= 2) {
        double value;
        memcpy(x, from, n * sizeof *x);
        vec_axpy(x, -share, step, n);
        value = newton_pass(t, with_hessian);
        if (!(value <= t->value + 1e-4 * share * slope)) continue;
        t->value = value;
        return true;
    }
    memcpy(x, from, n * sizeof *x);
    t->value = newton_pass(t, true);
    return false;
}

/* A Hessian is used as long as it makes the gradient GOOD_STEP times smaller a step: near the
 * minimum a pass without a new one is many times cheaper and nearly as good. */
static int newton(struct newton *t, struct err *e)
{
    struct fitting *f = t->f;
    size_t n = f->m->d + 1;
    bool fresh = true, renew = true;

    assert(f->m->b == f->m->w + f->m->d);
    t->value = newton_pass(t, true);
    for (size_t i = 1; i <= f->max_iter; i++) {
        double before = largest(t->s.g, n);
        bool lowered;
        f->converged = before <= f->tol * f->total_weight;
        if (f->converged) return 0;
        lowered = newton_step(t, renew);
        if (!lowered && fresh) { /* rounding: nothing lower can be told from here */
            f->converged = true;
            return 0;
        }
        fresh = renew || !lowered;
        renew = !(lowered && largest(t->s.g, n) < before / GOOD_STEP);
        if (renew && !fresh) {
            t->value = newton_pass(t, true);
            fresh = true;
        }
        if (lowered) report(f, i, t->value);
        if (engine_cancelled(f->en)) return cancelled(e);
    }
    return 0;
}

static int newton_init(struct newton *t, struct fitting *f, struct err *e)
{
    size_t n = f->m->d + 1;
    int r = design_sparse(f->en, &f->in->train, &t->x, e);

    if (r == 0) r = gram_init(&t->s, &t->x, e);
    t->f = f;
    t->scratch = mem_try(6 * n, sizeof *t->scratch);
    if (r == 0 && !t->scratch) r = err_set(e, ERR_NOMEM, "no memory for %zu coefficients", n);
    t->w = t->scratch + 5 * n;
    return r;
}

static void newton_done(struct newton *t)
{
    free(t->scratch);
    gram_done(&t->s);
    design_done(&t->x);
}

/* Every SAMPLEth row of a large table gives a start that is right to a few percent, at that share
 * of the cost, and its Hessian times SAMPLE is as good as the whole's for all steps that follow,
 * so that those take passes for the gradient alone. False: no such sample; t is left alone. */
static int warm_up(struct newton *t, const struct fitting *f, bool *ret, struct err *e)
{
    const struct fit_input *in = f->in;
    size_t n = in->train.n / SAMPLE, d = in->train.d;
    MEM_AUTO double *x = mem_try(n, (d + 2) * sizeof *x);
    double *y = x + n * d, *w = y + n;
    struct fit_input sample = *in;
    struct fitting part = *f;
    struct newton own = { 0 };
    int r;

    if (!x) return err_set(e, ERR_NOMEM, "no memory for a sample of %zu rows", n);
    part.total_weight = 0;
    for (size_t i = 0; i < n; i++) {
        memcpy(x + i * d, in->train.x + i * SAMPLE * d, d * sizeof *x);
        y[i] = in->y[i * SAMPLE];
        w[i] = row_weight(in, i * SAMPLE);
        part.total_weight += w[i];
    }
    if (!(part.total_weight > 0)) return 0;
    sample.train.n = n;
    sample.train.x = x;
    sample.y = y;
    sample.w = in->w ? w : NULL;
    part.in = &sample;
    part.l2 = f->l2 / SAMPLE;
    part.tol = fmax(f->tol, 1e-4);
    part.quiet = true;
    r = newton_init(&own, &part, e);
    if (r == 0) r = newton(&own, e);
    if (r == 0) {
        size_t u = d + 1;
        memcpy(t->s.h, own.s.h, u * u * sizeof *t->s.h);
        memcpy(t->scratch, own.scratch, 5 * u * sizeof *t->scratch);
        t->rank = own.rank;
        t->scale = 1.0 / SAMPLE;
        *ret = true;
    }
    newton_done(&own);
    return r;
}

static double borrowed_eval(void *arg, const double *x, double *g)
{
    struct newton *t = arg;
    size_t n = t->f->m->d + 1;
    double value;

    memcpy(t->f->m->w, x, n * sizeof *x);
    value = newton_pass(t, false);
    memcpy(g, t->s.g, n * sizeof *g);
    return value;
}

static void borrowed_solve(void *arg, double *v)
{
    struct newton *t = arg;
    size_t n = t->f->m->d + 1;

    solve_with(t->s.h, n, t->rank, v, t->scratch + 2 * n);
    for (size_t j = 0; j < n; j++) v[j] *= t->scale;
}

static bool borrowed_step(void *arg, int iteration, double value, const double *x)
{
    const struct newton *t = arg;

    (void)x;
    report(t->f, (size_t)iteration, value);
    return !engine_cancelled(t->f->en);
}

/* With the sample's Hessian, which the differences of gradients correct: no other is made. */
static int borrowed(struct newton *t, struct err *e)
{
    struct fitting *f = t->f;
    size_t n = f->m->d + 1;
    struct lbfgs how = { .n = n,
                         .max_iter = f->max_iter < BORROWED_MAX ? (int)f->max_iter : BORROWED_MAX,
                         .tol = f->tol * f->total_weight,
                         .eval = borrowed_eval,
                         .step = borrowed_step,
                         .solve = borrowed_solve,
                         .arg = t };
    MEM_AUTO double *x = mem_try(n, sizeof *x);
    enum lbfgs_end end;
    int r;

    if (!x) return err_set(e, ERR_NOMEM, "no memory for %zu coefficients", n);
    memcpy(x, f->m->w, n * sizeof *x);
    r = lbfgs_minimise(&how, x, &end, e);
    memcpy(f->m->w, x, n * sizeof *x);
    if (r == 0 && end == LBFGS_STOPPED) return cancelled(e);
    f->converged = end == LBFGS_CONVERGED;
    return r;
}

static int fit_newton(struct fitting *f, struct err *e)
{
    size_t n = f->in->train.n;
    struct newton t = { 0 };
    bool warm = false;
    int r = newton_init(&t, f, e);

    if (r == 0 && n >= SAMPLED_ROWS && n / SAMPLE >= SAMPLE_ROWS * f->m->d)
        r = warm_up(&t, f, &warm, e);
    if (r == 0 && warm) r = borrowed(&t, e);
    if (r == 0 && !f->converged) r = newton(&t, e);
    newton_done(&t);
    return r;
}

/* ---- L-BFGS -------------------------------------------------------------------------- */

struct passes {
    struct fitting *f;
    size_t chunks, size; /* size: unknowns and the loss */
    double *sums;        /* chunks * size */
};

static void add_row(const struct fitting *f, size_t i, double *sums)
{
    const struct linmodel *m = f->m;
    const double *x = f->in->train.x + i * m->d;
    double z[LINMODEL_MAX_SCORES], w = row_weight(f->in, i), *g_b = sums + m->d * m->k;

    linmodel_scores(m, x, z);
    g_b[m->k] += w * row_loss(m, z, f->in->y[i]);
    z[m->k == 1 ? 0 : (size_t)f->in->y[i]] -= m->k == 1 ? f->in->y[i] : 1;
    for (size_t c = 0; c < m->k; c++) z[c] *= w;
    if (m->k == 1) vec_axpy(sums, z[0], x, m->d);
    else
        for (size_t j = 0; j < m->d; j++)
            if (x[j] != 0) vec_axpy(sums + j * m->k, x[j], z, m->k);
    vec_axpy(g_b, 1, z, m->k);
}

static void add_chunk(void *arg, size_t task, int thread)
{
    const struct passes *p = arg;
    size_t n = p->f->in->train.n;
    double *sums = p->sums + task * p->size;

    (void)thread;
    memset(sums, 0, p->size * sizeof *sums);
    for (size_t i = task * n / p->chunks; i < (task + 1) * n / p->chunks; i++)
        add_row(p->f, i, sums);
}

static double lbfgs_eval(void *arg, const double *x, double *g)
{
    struct passes *p = arg;
    struct linmodel *m = p->f->m;
    size_t n = m->d * m->k;

    memcpy(m->w, x, (p->size - 1) * sizeof *x);
    pool_run(p->f->en->pool, p->chunks, add_chunk, p);
    for (size_t c = 1; c < p->chunks; c++) vec_axpy(p->sums, 1, p->sums + c * p->size, p->size);
    memcpy(g, p->sums, (p->size - 1) * sizeof *g);
    vec_axpy(g, p->f->l2, m->w, n);
    return p->sums[p->size - 1] + p->f->l2 / 2 * squares(m);
}

static bool lbfgs_step(void *arg, int iteration, double value, const double *x)
{
    const struct passes *p = arg;

    (void)x; /* the accepted point was evaluated last, so the model holds it */
    report(p->f, (size_t)iteration, value);
    return !engine_cancelled(p->f->en);
}

static int fit_lbfgs(struct fitting *f, struct err *e)
{
    struct linmodel *m = f->m;
    struct passes p = { .f = f, .size = m->d * m->k + m->k + 1 };
    struct lbfgs how = { .n = p.size - 1,
                         .max_iter = (int)f->max_iter,
                         .tol = f->tol * f->total_weight,
                         .eval = lbfgs_eval,
                         .step = lbfgs_step,
                         .arg = &p };
    MEM_AUTO double *x = mem_try(p.size, sizeof *x);
    enum lbfgs_end end;
    int r;

    p.chunks = f->in->train.n / CHUNK_ROWS;
    p.chunks = p.chunks < 1 ? 1 : p.chunks > CHUNKS ? CHUNKS : p.chunks;
    p.sums = mem_try(p.chunks * p.size, sizeof *p.sums);
    if (!x || !p.sums) {
        free(p.sums);
        return err_set(e, ERR_NOMEM, "no memory for %zu coefficients", p.size);
    }
    memcpy(x, m->w, how.n * sizeof *x);
    r = lbfgs_minimise(&how, x, &end, e);
    memcpy(m->w, x, how.n * sizeof *x);
    free(p.sums);
    if (r == 0 && end == LBFGS_STOPPED) return cancelled(e);
    f->converged = end == LBFGS_CONVERGED || end == LBFGS_NO_PROGRESS;
    return r;
}

/* ---- the learner --------------------------------------------------------------------- */

/* Intercepts that give the classes their shares: the best start without any column. */
static void start(const struct fitting *f)
{
    struct linmodel *m = f->m;
    MEM_AUTO double *share = mem_zalloc(m->k + 1, sizeof *share);

    for (size_t i = 0; i < f->in->train.n; i++)
        share[(size_t)f->in->y[i]] += row_weight(f->in, i) / f->total_weight;
    if (m->k == 1) {
        if (share[0] > 0 && share[1] > 0) m->b[0] = log(share[1] / share[0]);
        return;
    }
    for (size_t c = 0; c < m->k; c++) m->b[c] = log(share[c] > 1e-9 ? share[c] : 1e-9);
}

static int fit(const struct engine *en, const struct fit_input *in, void **ret, struct err *e)
{
    size_t k = in->task == TASK_BINARY ? 1 : (size_t)in->n_classes;
    struct fitting f = { .en = en,
                         .kernels = kernels_best(),
                         .in = in,
                         .l2 = val_get_real(in->params, "l2", 1),
                         .tol = val_get_real(in->params, "tol", 1e-7),
                         .max_iter = (size_t)val_get_int(in->params, "max_iter", 200) };
    bool newton_fits = k == 1 && in->train.d <= NEWTON_MAX;
    int r;

    assert(k <= LINMODEL_MAX_SCORES);
    for (size_t i = 0; i < in->train.n; i++) f.total_weight += row_weight(in, i);
    f.m = linmodel_new(in->train.d, k);
    if (!f.m) return err_set(e, ERR_NOMEM, "no memory for %zu coefficients", in->train.d * k);
    start(&f);
    if (elastic_wanted(in->params)) {
        const struct elastic net = elastic_from(in->params);
        r = elastic_logistic(en, in, &net, f.m, e);
        f.converged = true; /* a step of the path that stops early is no fault */
    } else {
        r = newton_fits ? fit_newton(&f, e) : fit_lbfgs(&f, e);
    }
    if (r < 0) {
        linmodel_free(f.m);
        return r;
    }
    if (!f.converged)
        engine_note(en, "logistic: stopped after %zu iterations before the gradient was below tol",
                    f.max_iter);
    linmodel_weigh(f.m, en, &in->train);
    *ret = f.m;
    return 0;
}

static void predict_row(const void *state, const double *x, double *out)
{
    const struct linmodel *m = state;

    linmodel_scores(m, x, out);
    if (m->k == 1) *out = sigmoid(*out);
    else softmax(out, m->k);
}

static void predict(const void *state, const struct matrix *m, size_t from, size_t to, double *out)
{
    size_t k = ((const struct linmodel *)state)->k;

    for (size_t i = from; i < to; i++) predict_row(state, m->x + i * m->d, out + (i - from) * k);
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
    int r = linmodel_load(in, d, task == TASK_BINARY ? 1 : (size_t)n_classes, &m, e);

    if (r == 0) *ret = m;
    return r;
}

static void free_state(void *state)
{
    linmodel_free(state);
}

extern const struct learner learner_logistic;
const struct learner learner_logistic = {
    .name = "logistic",
    .title = "logistic regression, ridge or elastic net",
    .tasks = TASK_BINARY | TASK_MULTICLASS,
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
