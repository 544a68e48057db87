/* elastic_logistic.c: the log loss with the penalty of elastic.h.
 *
 * A Newton step is a pass over the rows for gradient and Hessian of one class's coefficients, the
 * coordinate descent on them, and a pass for the value where that ends; the step is halved until
 * the value is lower. Binary models have one set of coefficients and keep a Hessian as long as
 * it makes the violation of the conditions for a minimum several times smaller; multinomial ones
 * go round the classes with a new Hessian each. */
#include "base/mem.h"
#include "engine/kernel/kernel.h"
#include "engine/learn/elastic.h"
#include "engine/learn/gram.h"
#include "engine/learn/vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HALVINGS 30
#define GOOD_STEP    3
#define CLASSES_TOL  1e-5 /* least tol for more than two classes */
#define LEAST_WEIGHT 1e-5 /* of p (1 - p), so that certain rows do not make steps endless */
#define NO_GAIN      1e-5 /* the path ends when the loss falls by less, as a share of the first */

struct passes {
    const struct engine *en;
    const struct elastic *o;
    const struct kernels *kernels;
    struct matrix x;
    const double *y, *w;
    size_t fold, folds; /* rows of this fold count only, or all but they: inside */
    bool inside;
    size_t k, class; /* classes (1: binary) and the present one */
    double *c;       /* k times d + 1: coefficients, then the intercept */
    double rows;     /* sum of weights */
    double l1, l2;
    struct gram s;
    double *scratch; /* 2 (d + 1) */
    bool fresh;      /* the Hessian is of the present point */
};

static double weight_of(const struct passes *p, size_t i)
{
    if (p->folds && (i % p->folds == p->fold) != p->inside) return 0;
    return p->w ? p->w[i] : 1;
}

/* Probability of the present class, and the row's loss. */
static double chance(const struct passes *p, const double *x, double y, double *loss)
{
    size_t d = p->x.d, n = d + 1;
    double top = -HUGE_VAL, sum = 0, mine = 0, own = 0, z[LINMODEL_MAX_SCORES];

    if (p->k == 1) {
        double s = p->c[d] + vec_dot(p->c, x, d), t = exp(-fabs(s));
        *loss = log1p(t) + fmax(y > 0.5 ? -s : s, 0);
        return (s >= 0 ? 1 : t) / (1 + t);
    }
    for (size_t c = 0; c < p->k; c++) {
        z[c] = p->c[c * n + d] + vec_dot(p->c + c * n, x, d);
        top = fmax(top, z[c]);
        if ((double)c == y) own = z[c];
    }
    for (size_t c = 0; c < p->k; c++) {
        double t = exp(z[c] - top);
        sum += t;
        if (c == p->class) mine = t;
    }
    *loss = top + log(sum) - own;
    return mine / sum;
}

static void log_rows(const void *arg, size_t from, size_t to, double *weight, double *slope,
                     double *loss)
{
    const struct passes *p = arg;

    for (size_t i = from; i < to; i++) {
        double w = weight_of(p, i), one, chosen, own = p->k == 1 ? 1 : (double)p->class;
        weight[i - from] = slope[i - from] = 0;
        if (w == 0) continue;
        chosen = chance(p, p->x.x + i * p->x.d, p->y[i], &one);
        *loss += w * one;
        slope[i - from] = w * (chosen - (p->y[i] == own));
        weight[i - from] = w * fmax(chosen * (1 - chosen), LEAST_WEIGHT);
    }
}

static double penalty(const struct passes *p)
{
    size_t d = p->x.d;
    double sum = 0;

    for (size_t c = 0; c < p->k; c++)
        for (size_t j = 0; j < d; j++) {
            double v = p->c[c * (d + 1) + j];
            sum += p->l1 * fabs(v) + p->l2 / 2 * v * v;
        }
    return sum;
}

/* Value at the present point, and the present class's gradient; with its Hessian if asked. */
static double pass(struct passes *p, bool hessian)
{
    const struct design x = design_plain(&p->x);

    if (hessian) {
        gram_run(&p->s, p->en, &x, log_rows, p);
        quadratic_mirror(p->s.h, p->x.d + 1);
    } else {
        gram_run_slope(&p->s, p->en, &x, log_rows, p);
    }
    p->fresh = hessian;
    return p->s.loss + penalty(p);
}

static double violation(const struct passes *p)
{
    return elastic_violation(p->s.g, p->c + p->class * (p->x.d + 1), p->x.d, p->l1, p->l2);
}

/* One step of the present class from a point with that value. False: nothing lower is found. */
static bool step(struct passes *p, double *value)
{
    size_t n = p->x.d + 1;
    double *c = p->c + p->class * n, *from = p->scratch, *to = p->scratch + n, share = 1;
    struct quadratic q = { n, p->s.h, p->s.g, c, p->l1, p->l2, 0.1 * p->o->tol * p->rows };

    memcpy(from, c, n * sizeof *c);
    quadratic_solve(&q);
    memcpy(to, c, n * sizeof *c);
    for (int i = 0; i < MAX_HALVINGS; i++, share /= 2) {
        double got;
        for (size_t j = 0; share < 1 && j < n; j++) c[j] = from[j] + share * (to[j] - from[j]);
        got = pass(p, false);
        if (!(got <= *value + 1e-14 * fabs(*value))) continue;
        *value = got;
        return true;
    }
    memcpy(c, from, n * sizeof *c);
    *value = pass(p, true);
    return false;
}

/* Steps of a binary model's only coefficients; the Hessian is kept while it serves. */
static void fit_one(struct passes *p)
{
    double value = pass(p, true), before = violation(p);

    for (size_t i = 0; i < p->o->max_iter && before > p->o->tol * p->rows; i++) {
        bool fresh = p->fresh, lowered = step(p, &value);
        double now = violation(p);
        if (!lowered && fresh) return; /* rounding */
        if (lowered && !(now < before / GOOD_STEP)) value = pass(p, true);
        before = now;
        if (engine_cancelled(p->en)) return;
    }
}

/* One class after the other comes near to the minimum soon and to its last digits slowly. */
static void fit_classes(struct passes *p)
{
    const double enough = fmax(p->o->tol, CLASSES_TOL) * p->rows;

    for (size_t i = 0; i < p->o->max_iter; i++) {
        bool rest = true;
        for (p->class = 0; p->class < p->k; p->class++) {
            double value = pass(p, true);
            if (violation(p) <= enough) continue;
            if (step(p, &value)) rest = false;
            if (engine_cancelled(p->en)) return;
        }
        if (rest) return;
    }
}

/* Intercepts alone, then the steepest gradient of any coefficient. */
static double start(struct passes *p)
{
    size_t n = p->x.d + 1;
    double most = 0;

    memset(p->c, 0, p->k * n * sizeof *p->c);
    p->rows = 0;
    for (size_t i = 0; i < p->x.n; i++) {
        double w = weight_of(p, i);
        size_t class = p->k == 1 ? 0 : (size_t)p->y[i];
        p->rows += w;
        p->c[class * n + n - 1] += p->k == 1 ? w * p->y[i] : w;
    }
    for (size_t c = 0; c < p->k; c++) {
        double share = fmin(fmax(p->c[c * n + n - 1] / p->rows, 1e-9), 1 - 1e-9);
        p->c[c * n + n - 1] = p->k == 1 ? log(share / (1 - share)) : log(share);
    }
    for (p->class = 0; p->class < p->k; p->class++) {
        pass(p, false);
        for (size_t j = 0; j + 1 < n; j++) most = fmax(most, fabs(p->s.g[j]));
    }
    p->class = 0;
    return most / p->rows;
}

/* Mean loss on other rows. */
static double loss_on(const struct passes *p, const struct passes *rows)
{
    const struct design x = design_plain(&rows->x);
    struct passes q = *p;
    double total = 0;

    q.x = rows->x;
    q.y = rows->y;
    q.w = rows->w;
    q.fold = rows->fold;
    q.folds = rows->folds;
    q.inside = rows->inside;
    for (size_t i = 0; i < q.x.n; i++) total += weight_of(&q, i);
    gram_run_slope(&q.s, q.en, &x, log_rows, &q);
    return total > 0 ? q.s.loss / total : (double)NAN;
}

/* Walks the path; losses on the rows of `test`, if any; keep: gets the chosen coefficients. Ends
 * early when fitting more closely changes nothing any more: *ret_n steps were made. */
static int walk(struct passes *p, const struct passes *test, struct path *path, double *losses,
                double *keep, size_t *ret_n, struct err *e)
{
    size_t n = p->x.d + 1, i;
    double first, before;

    start(p);
    first = before = p->s.loss;
    for (i = 0; i < path->n; i++) {
        p->l1 = p->rows * path->step[i].lambda * p->o->l1_ratio;
        p->l2 = p->rows * path->step[i].lambda * (1 - p->o->l1_ratio);
        if (p->k == 1) fit_one(p);
        else fit_classes(p);
        if (engine_cancelled(p->en)) return err_set(e, ERR_CANCELLED, "training was cancelled");
        if (test) losses[i] = loss_on(p, test);
        if (keep) {
            path->step[i].nonzero = 0;
            for (size_t c = 0; c < p->k; c++)
                path->step[i].nonzero += (uint32_t)elastic_nonzero(p->c + c * n, n - 1);
            if (i == path->chosen) memcpy(keep, p->c, p->k * n * sizeof *keep);
        }
        if (i > 4 && !keep && before - p->s.loss < NO_GAIN * first) {
            i++;
            break;
        }
        before = p->s.loss;
    }
    *ret_n = i;
    return 0;
}

static int cross_validate(struct passes *p, struct path *path, struct err *e)
{
    size_t folds = p->o->folds, shortest = path->n;
    MEM_AUTO double *losses = mem_try(folds * path->n, sizeof *losses);
    int r = 0;

    if (!losses) return err_set(e, ERR_NOMEM, "no memory for %zu penalties", path->n);
    for (size_t f = 0; f < folds && r == 0; f++) {
        struct passes test = *p;
        size_t n = 0;
        p->fold = test.fold = f;
        p->folds = test.folds = folds;
        p->inside = false;
        test.inside = true;
        r = walk(p, &test, path, losses + f * path->n, NULL, &n, e);
        if (r == 0 && n < shortest) shortest = n;
    }
    p->folds = 0;
    if (r < 0) return r;
    for (size_t f = 0; f < folds; f++) /* the rows of the table close up */
        memmove(losses + f * shortest, losses + f * path->n, shortest * sizeof *losses);
    path->n = shortest;
    elastic_choose(path, losses, folds);
    return 0;
}

static int choose(struct passes *p, const struct fit_input *in, struct path *path, struct err *e)
{
    struct passes test = { .x = in->valid, .y = in->y_valid };
    size_t n = 0;
    int r;

    if (path->n == 1) return 0;
    if (in->valid.n == 0) {
        if (in->train.n < 2 * p->o->folds)
            return err_set(e, ERR_INVALID, "%zu rows are too few for %zu folds", in->train.n,
                           p->o->folds);
        return cross_validate(p, path, e);
    }
    MEM_AUTO double *losses = mem_try(path->n, sizeof *losses);
    if (!losses) return err_set(e, ERR_NOMEM, "no memory for %zu penalties", path->n);
    r = walk(p, &test, path, losses, NULL, &n, e);
    if (r < 0) return r;
    path->n = n;
    elastic_choose(path, losses, 1);
    return 0;
}

static int fit(struct passes *p, const struct fit_input *in, struct linmodel *m, struct err *e)
{
    size_t d = m->d, n = d + 1, made;
    MEM_AUTO double *keep = mem_try(p->k * n, sizeof *keep);
    int r;

    if (!keep) return err_set(e, ERR_NOMEM, "no memory for %zu coefficients", p->k * n);
    r = elastic_path(p->o, start(p), m, e);
    if (r == 0) r = choose(p, in, m->path, e);
    if (r == 0) r = walk(p, NULL, m->path, NULL, keep, &made, e);
    if (r < 0) return r;
    for (size_t c = 0; c < p->k; c++) {
        for (size_t j = 0; j < d; j++) m->w[j * p->k + c] = keep[c * n + j];
        m->b[c] = keep[c * n + d];
    }
    return 0;
}

int elastic_logistic(const struct engine *en, const struct fit_input *in, const struct elastic *o,
                     struct linmodel *m, struct err *e)
{
    size_t n = m->d + 1;
    struct passes p = { .en = en, .o = o, .kernels = kernels_best(), .x = in->train, .y = in->y,
                        .w = in->w, .k = m->k };
    const struct design x = design_plain(&in->train);
    int r;

    if (n > ELASTIC_COLUMNS)
        return err_set(e, ERR_LIMIT, "%zu encoded columns are too many for l1_ratio (%d at most)",
                       n - 1, ELASTIC_COLUMNS - 1);
    r = gram_init(&p.s, &x, e);
    p.c = mem_try_zero(m->k * n, sizeof *p.c);
    p.scratch = mem_try(2 * n, sizeof *p.scratch);
    if (r == 0 && (!p.c || !p.scratch))
        r = err_set(e, ERR_NOMEM, "no memory for %zu coefficients", m->k * n);
    if (r == 0) r = fit(&p, in, m, e);
    gram_done(&p.s);
    free(p.c);
    free(p.scratch);
    return r;
}
