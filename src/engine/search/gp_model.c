/* gp_model.c: see gp.h. Rows are contiguous everywhere, so the cubic parts are dot products and
 * sums of rows. Priors are those of Optuna's sampler: they keep length scales between what the
 * range of [0, 1] can show. The floor of the noise is a hundredth of Optuna's: with more, a
 * smooth minimum is found to a digit less; the matrix stays positive definite in doubles. */
#include "base/mem.h"
#include "engine/learn/lbfgs.h"
#include "engine/learn/vec.h"
#include "engine/search/gp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROOT5       2.2360679774997896964
#define NOISE_FLOOR 1e-8
enum { FIT_ITERATIONS = 40 };

int gp_new(struct gp *g, size_t n, size_t d, const bool *choice, struct err *e)
{
    size_t all = n * d + n + d + n * n + n + 4 * n + 3 * n * n;
    double *p = mem_try(all, sizeof *p);

    if (!p) return err_set(e, ERR_NOMEM, "no memory for a sweep's next trial");
    *g = (struct gp){ .n = n, .d = d, .choice = choice, .x = p };
    g->y = g->x + n * d;
    g->w = g->y + n;
    g->inv = g->w + d;
    g->alpha = g->inv + n * n;
    g->work = g->alpha + n;
    return 0;
}

void gp_free(struct gp *g)
{
    free(g->x);
    g->x = NULL;
}

/* ---- kernel --------------------------------------------------------------------------------- */

static inline double part(const struct gp *g, size_t j, double a, double b)
{
    return g->choice[j] ? (a != b ? 1 : 0) : (a - b) * (a - b);
}

static double distance(const struct gp *g, const double *a, const double *b)
{
    double r2 = 0;

    for (size_t j = 0; j < g->d; j++) r2 += g->w[j] * part(g, j, a[j], b[j]);
    return sqrt(r2);
}

/* Correlation at distance r, and minus twice its derivative by r^2. */
static inline double matern(double r, double *slope)
{
    double t = ROOT5 * r, fall = exp(-t);

    *slope = 5.0 / 3 * (1 + t) * fall;
    return (1 + t + t * t / 3) * fall;
}

/* Lower triangle of the covariance into c, slopes into s (NULL: not wanted). */
static void covariance(const struct gp *g, double *c, double *s)
{
    size_t n = g->n;

    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            double slope;
            c[i * n + k] = g->scale * matern(distance(g, g->x + i * g->d, g->x + k * g->d), &slope);
            if (s) s[i * n + k] = slope;
        }
        c[i * n + i] = g->scale + g->noise;
    }
}

/* ---- factor --------------------------------------------------------------------------------- */

static bool cholesky(double *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++)
            c[i * n + k] = (c[i * n + k] - vec_dot(c + i * n, c + k * n, k)) / c[k * n + k];
        double left = c[i * n + i] - vec_dot(c + i * n, c + i * n, i);
        if (!(left > 0)) return false;
        c[i * n + i] = sqrt(left);
    }
    return true;
}

/* Lower triangle of l^-1, zeros above. */
static void invert(const double *l, double *inv, size_t n)
{
    memset(inv, 0, n * n * sizeof *inv);
    for (size_t i = 0; i < n; i++) {
        double *row = inv + i * n;
        for (size_t k = 0; k < i; k++) vec_axpy(row, -l[i * n + k], inv + k * n, k + 1);
        for (size_t k = 0; k < i; k++) row[k] /= l[i * n + i];
        row[i] = 1 / l[i * n + i];
    }
}

/* alpha = inv' inv y; tmp: n. Returns y' alpha. */
static double solve(const struct gp *g, double *tmp)
{
    size_t n = g->n;
    double quadratic = 0;

    memset(g->alpha, 0, n * sizeof *g->alpha);
    for (size_t i = 0; i < n; i++) {
        tmp[i] = vec_dot(g->inv + i * n, g->y, i + 1);
        quadratic += tmp[i] * tmp[i];
        vec_axpy(g->alpha, tmp[i], g->inv + i * n, i + 1);
    }
    return quadratic;
}

static bool factor(struct gp *g, double *c, double *tmp, double *ret_quadratic)
{
    if (!cholesky(c, g->n)) return false;
    invert(c, g->inv, g->n);
    *ret_quadratic = solve(g, tmp);
    return true;
}

int gp_factor(struct gp *g, struct err *e)
{
    double *tmp = g->work, *c = tmp + 4 * g->n, quadratic;

    for (int i = 0; i < 8; i++, g->noise *= 10) {
        covariance(g, c, NULL);
        if (factor(g, c, tmp, &quadratic)) return 0;
    }
    return err_set(e, ERR_INVALID, "the trials of the sweep give no positive definite matrix");
}

/* ---- hyper-parameters ----------------------------------------------------------------------- */

/* theta: log w, log scale, log of the noise above its floor. */
static void take(struct gp *g, const double *theta)
{
    for (size_t j = 0; j < g->d; j++) g->w[j] = exp(theta[j]);
    g->scale = exp(theta[g->d]);
    g->noise = NOISE_FLOOR + exp(theta[g->d + 1]);
}

/* Minus the logarithm of the priors, and its gradient by theta. */
static double prior(const struct gp *g, double *grad)
{
    double sum = 0, extra = g->noise - NOISE_FLOOR;

    for (size_t j = 0; j < g->d; j++) {
        sum += 0.1 / g->w[j] + 0.1 * g->w[j];
        grad[j] = -0.1 / g->w[j] + 0.1 * g->w[j];
    }
    sum += g->scale - log(g->scale);
    grad[g->d] = g->scale - 1;
    sum += 30 * g->noise - 0.1 * log(g->noise);
    grad[g->d + 1] = extra * (30 - 0.1 / g->noise);
    return sum;
}

/* Lower triangle of inv' inv. */
static void square(const double *inv, double *out, size_t n)
{
    memset(out, 0, n * n * sizeof *out);
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i <= k; i++) vec_axpy(out + i * n, inv[k * n + i], inv + k * n, i + 1);
}

/* Adds half the trace of (K^-1 - alpha alpha') dK/dtheta. */
static void likelihood_gradient(const struct gp *g, const double *inverse, const double *slope,
                                double *grad)
{
    size_t n = g->n, d = g->d;
    double trace = 0, noise = 0;

    for (size_t i = 0; i < n; i++) {
        const double *xi = g->x + i * d;
        for (size_t k = 0; k < i; k++) {
            const double *xk = g->x + k * d;
            double m = inverse[i * n + k] - g->alpha[i] * g->alpha[k];
            double by_r2 = -0.5 * g->scale * slope[i * n + k] * m;
            for (size_t j = 0; j < d; j++) grad[j] += by_r2 * g->w[j] * part(g, j, xi[j], xk[j]);
        }
        noise += inverse[i * n + i] - g->alpha[i] * g->alpha[i];
        trace += 1 - g->alpha[i] * g->y[i]; /* of (K^-1 - alpha alpha') K */
    }
    grad[d] += 0.5 * (trace - g->noise * noise);
    grad[d + 1] += 0.5 * (g->noise - NOISE_FLOOR) * noise;
}

static double objective(void *arg, const double *theta, double *grad)
{
    struct gp *g = arg;
    size_t n = g->n, d = g->d;
    double *tmp = g->work, *c = tmp + 4 * n, *slope = c + n * n, *inverse = slope + n * n;
    double quadratic, logs = 0, sum;

    for (size_t j = 0; j < d + 2; j++)
        if (!(fabs(theta[j]) < 25)) return HUGE_VAL;
    take(g, theta);
    covariance(g, c, slope);
    if (!factor(g, c, tmp, &quadratic)) return HUGE_VAL;
    for (size_t i = 0; i < n; i++) logs += log(c[i * n + i]);
    sum = prior(g, grad);
    square(g->inv, inverse, n);
    likelihood_gradient(g, inverse, slope, grad);
    return sum + 0.5 * quadratic + logs;
}

static bool go_on(void *arg, int iteration, double f, const double *x)
{
    (void)arg, (void)iteration, (void)f, (void)x;
    return true;
}

int gp_fit(struct gp *g, struct err *e)
{
    const struct lbfgs p = { .n = g->d + 2,
                             .max_iter = FIT_ITERATIONS,
                             .tol = 1e-2,
                             .eval = objective,
                             .step = go_on,
                             .arg = g };
    double *theta = mem_zalloc(g->d + 2, sizeof *theta);
    enum lbfgs_end end;

    theta[g->d + 1] = 0; /* from much noise: a broad trend is found before ripples are believed */
    int rc = lbfgs_minimise(&p, theta, &end, e);
    if (rc == 0) take(g, theta);
    free(theta);
    return rc < 0 ? rc : gp_factor(g, e);
}

/* ---- prediction ----------------------------------------------------------------------------- */

static void gradients(const struct gp *g, const double *u, const double *slope, const double *beta,
                      double *dmean, double *dvar)
{
    size_t n = g->n, d = g->d;

    for (size_t j = 0; j < d; j++) dmean[j] = dvar[j] = 0;
    for (size_t i = 0; i < n; i++) {
        const double *x = g->x + i * d;
        double common = -g->scale * slope[i];
        for (size_t j = 0; j < d; j++) {
            double dk = g->choice[j] ? 0 : common * g->w[j] * (u[j] - x[j]);
            dmean[j] += g->alpha[i] * dk;
            dvar[j] -= 2 * beta[i] * dk;
        }
    }
}

void gp_predict(struct gp *g, const double *u, double *mean, double *var, double *dmean,
                double *dvar)
{
    size_t n = g->n;
    double *k = g->work, *slope = k + n, *v = slope + n, *beta = v + n, explained = 0;

    for (size_t i = 0; i < n; i++)
        k[i] = g->scale * matern(distance(g, u, g->x + i * g->d), &slope[i]);
    for (size_t i = 0; i < n; i++) {
        v[i] = vec_dot(g->inv + i * n, k, i + 1);
        explained += v[i] * v[i];
    }
    *mean = vec_dot(g->alpha, k, n);
    *var = fmax(g->scale - explained, 1e-12 * g->scale);
    if (!dmean) return;
    memset(beta, 0, n * sizeof *beta);
    for (size_t i = 0; i < n; i++) vec_axpy(beta, v[i], g->inv + i * n, i + 1);
    gradients(g, u, slope, beta, dmean, dvar);
}
