/* elastic.c: what the two losses share, and the linear one. See elastic.h.
 *
 * The linear path never looks at a row twice: with H = sum of w z z', b = sum of w z y and the
 * sum of w y^2 of all rows, and of the rows of each fold, both the steps and the errors on rows
 * that were left out are sums over d^2 numbers. */
#include "engine/learn/elastic.h"

#include "base/mem.h"
#include "engine/learn/gram.h"
#include "engine/learn/vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SWEEPS     10000
#define PATH_SPAN  1e-3 /* last lambda of the path, as a share of the first */
#define LEAST_L1   1e-3 /* share of l1 that the first lambda is computed with, at least */

bool elastic_wanted(const struct val *params)
{
    return val_get_real(params, "l1_ratio", 0) > 0 || val_get(params, "lambda");
}

struct elastic elastic_from(const struct val *params)
{
    return (struct elastic){
        .l1_ratio = val_get_real(params, "l1_ratio", 0),
        .lambda = val_get_real(params, "lambda", (double)NAN),
        .n_lambda = (size_t)val_get_int(params, "n_lambda", 50),
        .folds = (size_t)val_get_int(params, "folds", 5),
        .max_iter = (size_t)val_get_int(params, "max_iter", 200),
        .tol = val_get_real(params, "tol", 1e-7),
    };
}

/* ---- coordinate descent -------------------------------------------------------------- */

static double shrink(double z, double by)
{
    return z > by ? z - by : z < -by ? z + by : 0;
}

/* Moves coordinate j to its minimum; returns how far its gradient moved. */
static double settle_one(const struct quadratic *q, size_t j)
{
    const double *row = q->h + j * q->n;
    bool free = j + 1 == q->n;
    double h = row[j], old = q->c[j], z = old * h - q->r[j], delta;

    if (!(h > 0)) return 0;
    delta = (free ? z / h : shrink(z, q->l1) / (h + q->l2)) - old;
    if (delta == 0) return 0;
    q->c[j] = old + delta;
    vec_axpy(q->r, delta, row, q->n);
    return fabs(delta) * h;
}

static double sweep(const struct quadratic *q, bool all)
{
    double most = 0;

    for (size_t j = 0; j < q->n; j++)
        if (all || q->c[j] != 0) most = fmax(most, settle_one(q, j));
    return most;
}

/* All coordinates, then those that are not 0 until they rest, and again. */
void quadratic_solve(const struct quadratic *q)
{
    for (size_t n = 0; n < SWEEPS && sweep(q, true) > q->enough; n++)
        while (n < SWEEPS && sweep(q, false) > q->enough) n++;
}

void quadratic_mirror(double *h, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++) h[j * n + i] = h[i * n + j];
}

double elastic_violation(const double *r, const double *c, size_t d, double l1, double l2)
{
    double most = fabs(r[d]);

    for (size_t j = 0; j < d; j++) {
        double v = c[j] > 0   ? fabs(r[j] + l2 * c[j] + l1)
                   : c[j] < 0 ? fabs(r[j] + l2 * c[j] - l1)
                              : fabs(r[j]) - l1;
        most = fmax(most, v);
    }
    return most;
}

/* ---- the path ------------------------------------------------------------------------ */

int elastic_path(const struct elastic *o, double steepest, struct linmodel *m, struct err *e)
{
    bool one = !isnan(o->lambda);
    double top = steepest / fmax(o->l1_ratio, LEAST_L1);
    struct path *p = linmodel_path(m, one ? 1 : o->n_lambda);

    if (!p) return err_set(e, ERR_NOMEM, "no memory for a path of %zu penalties", o->n_lambda);
    for (size_t i = 0; i < p->n; i++) {
        double share = p->n > 1 ? (double)i / (double)(p->n - 1) : 0;
        p->step[i].lambda = one ? o->lambda : top * pow(PATH_SPAN, share);
        p->step[i].loss = p->step[i].error = (double)NAN;
    }
    return 0;
}

void elastic_choose(struct path *p, const double *losses, size_t folds)
{
    for (size_t i = 0; i < p->n; i++) {
        double sum = 0, squares = 0;
        for (size_t f = 0; f < folds; f++) sum += losses[f * p->n + i];
        sum /= (double)folds;
        for (size_t f = 0; f < folds; f++) {
            double delta = losses[f * p->n + i] - sum;
            squares += delta * delta;
        }
        p->step[i].loss = sum;
        p->step[i].error =
            folds > 1 ? sqrt(squares / (double)(folds - 1) / (double)folds) : (double)NAN;
        if (sum < p->step[p->chosen].loss) p->chosen = i;
    }
}

size_t elastic_nonzero(const double *w, size_t n)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) count += w[i] != 0;
    return count;
}

/* ---- squared errors ------------------------------------------------------------------ */

/* Rows whose number mod folds is `fold` count, or all of them. */
struct squares {
    const double *y, *w;
    double mean; /* taken off y */
    size_t fold, folds;
};

static void square_rows(const void *arg, size_t from, size_t to, double *weight, double *slope,
                        double *loss)
{
    const struct squares *s = arg;

    for (size_t i = from; i < to; i++) {
        bool in = s->folds == 0 || i % s->folds == s->fold;
        double w = in ? (s->w ? s->w[i] : 1) : 0, r = s->y[i] - s->mean;
        weight[i - from] = w;
        slope[i - from] = w * r;
        *loss += w * r * r;
    }
}

static int square_sums(const struct engine *en, const struct matrix *m, const struct squares *s,
                       struct gram *ret, struct err *e)
{
    const struct design x = design_plain(m);
    int r = gram_init(ret, &x, e);

    if (r < 0) return r;
    gram_run(ret, en, &x, square_rows, s);
    quadratic_mirror(ret->h, m->d + 1);
    return engine_cancelled(en) ? err_set(e, ERR_CANCELLED, "training was cancelled") : 0;
}

/* Mean squared error of coefficients on the rows whose sums these are; NaN without rows. */
static double mean_square(const struct gram *s, const double *c)
{
    size_t n = s->d + 1;
    double sum = s->loss, rows = s->h[n * n - 1];

    for (size_t j = 0; j < n; j++)
        if (c[j] != 0) sum += c[j] * (vec_dot(s->h + j * n, c, n) - 2 * s->g[j]);
    return rows > 0 ? fmax(sum, 0) / rows : (double)NAN;
}

/* Walks the path on the rows of `s`; out of it the errors on those of `test`, if any. keep: gets
 * the coefficients of the chosen step and the counts of the path. */
static int walk(const struct gram *s, const struct gram *test, const struct elastic *o,
                struct path *p, double *errors, double *keep, struct err *e)
{
    size_t n = s->d + 1;
    MEM_AUTO double *c = mem_try_zero(2 * n, sizeof *c);
    double rows = s->h[n * n - 1];
    struct quadratic q = { n, s->h, c + n, c, 0, 0, 0.01 * o->tol * rows };

    if (!c) return err_set(e, ERR_NOMEM, "no memory for %zu coefficients", n);
    for (size_t j = 0; j < n; j++) q.r[j] = -s->g[j];
    for (size_t i = 0; i < p->n; i++) {
        q.l1 = rows * p->step[i].lambda * o->l1_ratio;
        q.l2 = rows * p->step[i].lambda * (1 - o->l1_ratio);
        quadratic_solve(&q);
        if (test) errors[i] = mean_square(test, c);
        if (!keep) continue;
        p->step[i].nonzero = (uint32_t)elastic_nonzero(c, n - 1);
        if (i == p->chosen) memcpy(keep, c, n * sizeof *keep);
    }
    return 0;
}

static void subtract(struct gram *from, const struct gram *s)
{
    size_t n = s->d + 1;

    for (size_t i = 0; i < n * n; i++) from->h[i] = s->h[i] - from->h[i];
    for (size_t i = 0; i < n; i++) from->g[i] = s->g[i] - from->g[i];
    from->loss = s->loss - from->loss;
}

/* Each fold's errors with the others' rows. */
static int cross_validate(const struct engine *en, const struct fit_input *in,
                          const struct squares *all, const struct gram *s, const struct elastic *o,
                          struct path *p, struct err *e)
{
    MEM_AUTO double *errors = mem_try(o->folds * p->n, sizeof *errors);
    int r = 0;

    if (!errors) return err_set(e, ERR_NOMEM, "no memory for %zu penalties", p->n);
    for (size_t f = 0; f < o->folds && r == 0; f++) {
        struct squares fold = *all;
        const struct design x = design_plain(&in->train);
        struct gram test = { 0 }, train = { 0 };
        fold.fold = f;
        fold.folds = o->folds;
        r = square_sums(en, &in->train, &fold, &test, e);
        if (r == 0) r = gram_init(&train, &x, e);
        if (r == 0) {
            size_t n = s->d + 1;
            memcpy(train.h, test.h, n * n * sizeof *train.h);
            memcpy(train.g, test.g, n * sizeof *train.g);
            train.loss = test.loss;
            subtract(&train, s);
            r = walk(&train, &test, o, p, errors + f * p->n, NULL, e);
        }
        gram_done(&test);
        gram_done(&train);
    }
    if (r == 0) elastic_choose(p, errors, o->folds);
    return r;
}

static int choose_linear(const struct engine *en, const struct fit_input *in,
                         const struct squares *all, const struct gram *s, const struct elastic *o,
                         struct path *p, struct err *e)
{
    struct squares rest = { in->y_valid, NULL, all->mean, 0, 0 };
    struct gram test = { 0 };
    int r;

    if (p->n == 1) return 0;
    if (in->valid.n == 0) {
        if (in->train.n < o->folds)
            return err_set(e, ERR_INVALID, "%zu rows are too few for %zu folds", in->train.n,
                           o->folds);
        return cross_validate(en, in, all, s, o, p, e);
    }
    MEM_AUTO double *errors = mem_try(p->n, sizeof *errors);
    if (!errors) return err_set(e, ERR_NOMEM, "no memory for %zu penalties", p->n);
    r = square_sums(en, &in->valid, &rest, &test, e);
    if (r == 0) r = walk(s, &test, o, p, errors, NULL, e);
    if (r == 0) elastic_choose(p, errors, 1);
    gram_done(&test);
    return r;
}

static double steepest(const double *g, size_t d)
{
    double most = 0;

    for (size_t j = 0; j < d; j++) most = fmax(most, fabs(g[j]));
    return most;
}

static double mean_target(const struct fit_input *in)
{
    double sum = 0, total = 0;

    for (size_t i = 0; i < in->train.n; i++) {
        sum += (in->w ? in->w[i] : 1) * in->y[i];
        total += in->w ? in->w[i] : 1;
    }
    return total > 0 ? sum / total : 0;
}

int elastic_linear(const struct engine *en, const struct fit_input *in, const struct elastic *o,
                   struct linmodel *m, struct err *e)
{
    struct squares all = { in->y, in->w, mean_target(in), 0, 0 };
    size_t n = in->train.d + 1;
    struct gram s = { 0 };
    MEM_AUTO double *c = mem_zalloc(n, sizeof *c);
    int r;

    if (n > ELASTIC_COLUMNS)
        return err_set(e, ERR_LIMIT, "%zu encoded columns are too many for l1_ratio (%d at most)",
                       n - 1, ELASTIC_COLUMNS - 1);
    r = square_sums(en, &in->train, &all, &s, e);
    if (r == 0) r = elastic_path(o, steepest(s.g, n - 1) / s.h[n * n - 1], m, e);
    if (r == 0) r = choose_linear(en, in, &all, &s, o, m->path, e);
    if (r == 0) r = walk(&s, NULL, o, m->path, NULL, c, e);
    if (r == 0) {
        memcpy(m->w, c, (n - 1) * sizeof *c);
        m->b[0] = c[n - 1] + all.mean;
    }
    gram_done(&s);
    return r;
}
