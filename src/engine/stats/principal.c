/* principal.c: see principal.h. Eigenvectors of the correlation matrix by cyclic Jacobi
 * rotations (Rutishauser 1966): slower than reduction to tridiagonal form, but as accurate as
 * the matrix itself, and short. */
#include "engine/stats/principal.h"

#include "base/mem.h"
#include "engine/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SWEEPS 60

/* ---- the correlation matrix ------------------------------------------------------------- */

struct correlation {
    const double *x;
    size_t n, d;
    struct principal *p;
    double *z; /* standardised */
    double *c; /* d by d */
};

static void standardise(void *arg, size_t j, int thread)
{
    struct correlation *w = arg;
    const double *x = w->x + j * w->n;
    double *z = w->z + j * w->n;
    long double sum = 0, squares = 0, n = (long double)w->n;

    (void)thread;
    for (size_t i = 0; i < w->n; i++) sum += x[i];
    long double mean = sum / n;
    for (size_t i = 0; i < w->n; i++) squares += (x[i] - mean) * (x[i] - mean);
    double deviation = (double)sqrtl(squares / n);
    bool constant = !(deviation > 1e-12 * (1 + fabs((double)mean)));
    w->p->mean[j] = (double)mean;
    w->p->scale[j] = constant ? 0 : deviation;
    for (size_t i = 0; i < w->n; i++) z[i] = constant ? 0 : (x[i] - (double)mean) / deviation;
}

static void correlate(void *arg, size_t j, int thread)
{
    struct correlation *w = arg;
    const double *a = w->z + j * w->n;

    (void)thread;
    for (size_t k = 0; k <= j; k++) {
        const double *b = w->z + k * w->n;
        double sum[4] = { 0 };
        size_t i = 0;
        for (; i + 4 <= w->n; i += 4)
            for (size_t l = 0; l < 4; l++) sum[l] += a[i + l] * b[i + l];
        for (; i < w->n; i++) sum[0] += a[i] * b[i];
        w->c[j * w->d + k] = (sum[0] + sum[1] + (sum[2] + sum[3])) / (double)w->n;
    }
}

/* ---- eigenvectors ----------------------------------------------------------------------- */

/* Rotates rows p and q of a d by d matrix. */
static void rotate_rows(double *m, size_t d, size_t p, size_t q, double cos, double sin)
{
    double *a = m + p * d, *b = m + q * d;

    for (size_t i = 0; i < d; i++) {
        double x = a[i], y = b[i];
        a[i] = cos * x - sin * y;
        b[i] = sin * x + cos * y;
    }
}

static void rotate_columns(double *m, size_t d, size_t p, size_t q, double cos, double sin)
{
    for (size_t i = 0; i < d; i++) {
        double x = m[i * d + p], y = m[i * d + q];
        m[i * d + p] = cos * x - sin * y;
        m[i * d + q] = sin * x + cos * y;
    }
}

/* Makes a diagonal; rows of v become its eigenvectors. a is symmetric, all of it. */
static void jacobi(double *a, double *v, size_t d)
{
    memset(v, 0, d * d * sizeof *v);
    for (size_t i = 0; i < d; i++) v[i * d + i] = 1;
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        bool done = true;
        for (size_t p = 0; p + 1 < d; p++)
            for (size_t q = p + 1; q < d; q++) {
                double off = a[p * d + q];
                if (fabs(off) <= 1e-17 * (fabs(a[p * d + p]) + fabs(a[q * d + q])) ||
                    fabs(off) < 1e-300)
                    continue;
                double theta = (a[q * d + q] - a[p * d + p]) / (2 * off);
                double t = copysign(1, theta) / (fabs(theta) + hypot(theta, 1));
                double cos = 1 / hypot(t, 1), sin = t * cos;
                rotate_rows(a, d, p, q, cos, sin);
                rotate_columns(a, d, p, q, cos, sin);
                a[p * d + q] = a[q * d + p] = 0;
                rotate_rows(v, d, p, q, cos, sin);
                done = false;
            }
        if (done) break;
    }
}

/* The sign of an eigenvector is free: the largest entry decides it. */
static void copy_axis(const double *from, double *to, size_t d)
{
    size_t best = 0;

    for (size_t j = 1; j < d; j++)
        if (fabs(from[j]) > fabs(from[best])) best = j;
    for (size_t j = 0; j < d; j++) to[j] = from[best] < 0 ? -from[j] : from[j];
}

/* Components by falling variance, as many as are needed. */
static void choose(const double *a, const double *v, double share, struct principal *p)
{
    size_t d = p->d;
    double all = 0, sum = 0;

    for (size_t i = 0; i < d; i++) all += fmax(0, a[i * d + i]);
    MEM_AUTO bool *used = mem_zalloc(d + 1, sizeof *used);
    p->k = 0;
    for (size_t c = 0; c < d; c++) {
        size_t best = d;
        for (size_t i = 0; i < d; i++)
            if (!used[i] && (best == d || a[i * d + i] > a[best * d + best])) best = i;
        used[best] = true;
        p->ratio[c] = all > 0 ? fmax(0, a[best * d + best]) / all : 0;
        copy_axis(v + best * d, p->axes + c * d, d);
        if (sum <= share) p->k = c + 1;
        sum += p->ratio[c];
    }
}

/* ---- the interface ---------------------------------------------------------------------- */

int principal_fit(const struct engine *en, const double *x, size_t n, size_t d, double share,
                  struct principal *ret, struct err *e)
{
    struct principal p = { .d = d, .mean = mem_try_zero(d + 1, sizeof(double)),
                           .scale = mem_try_zero(d + 1, sizeof(double)),
                           .ratio = mem_try_zero(d + 1, sizeof(double)),
                           .axes = mem_try_zero(d * d + 1, sizeof(double)) };
    MEM_AUTO double *z = mem_try(n * d + 1, sizeof *z);
    MEM_AUTO double *c = mem_try(d * d + 1, sizeof *c);
    MEM_AUTO double *v = mem_try(d * d + 1, sizeof *v);
    struct correlation w = { x, n, d, &p, z, c };

    if (!p.mean || !p.scale || !p.ratio || !p.axes || !z || !c || !v) {
        principal_done(&p);
        return err_set(e, ERR_NOMEM, "no memory for the components of %zu columns", d);
    }
    pool_run(en->pool, d, standardise, &w);
    pool_run(en->pool, d, correlate, &w);
    for (size_t i = 0; i < d; i++)
        for (size_t j = i + 1; j < d; j++) c[i * d + j] = c[j * d + i];
    jacobi(c, v, d);
    choose(c, v, share, &p);
    *ret = p;
    return 0;
}

void principal_done(struct principal *p)
{
    free(p->mean);
    free(p->scale);
    free(p->ratio);
    free(p->axes);
    *p = (struct principal){ 0 };
}

int principal_distance(const struct principal *p, const double *x, size_t n, double *ret,
                       double *squares, struct err *e)
{
    size_t d = p->d;
    MEM_AUTO double *z = mem_try(d + 1, sizeof *z);
    MEM_AUTO double *rest = mem_try(d + 1, sizeof *rest);

    if (!z || !rest) return err_set(e, ERR_NOMEM, "no memory for a row of %zu columns", d);
    for (size_t j = 0; squares && j < d; j++) squares[j] = 0;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (size_t j = 0; j < d; j++)
            rest[j] = z[j] = p->scale[j] > 0 ? (x[j * n + i] - p->mean[j]) / p->scale[j] : 0;
        for (size_t c = 0; c < p->k; c++) {
            const double *axis = p->axes + c * d;
            double along = 0;
            for (size_t j = 0; j < d; j++) along += axis[j] * z[j];
            for (size_t j = 0; j < d; j++) rest[j] -= along * axis[j];
        }
        for (size_t j = 0; j < d; j++) {
            sum += rest[j] * rest[j];
            if (squares) squares[j] += rest[j] * rest[j];
        }
        ret[i] = sqrt(sum);
    }
    return 0;
}
