/* dense_body.h: bodies of the kernels over rows of a dense matrix, for dense.c alone. The order of
 * additions is written out (four lanes, then a tree over them), as vec_body.h says. */
#pragma once
#include "engine/kernel/kernel.h"
#include "engine/kernel/vec_body.h"

BODY body_lanes(const v4d *s, double rest, double *out)
{
    double p[4];

    STORE(p, *s);
    *out = ((p[0] + p[1]) + (p[2] + p[3])) + rest;
}

/* Four rows by two vectors at a time: eight sums for six loads. */
BODY body_dots42(const double *const x[4], const double *const w[2], size_t d, double out[8])
{
    v4d s[8];
    double rest[8] = { 0 };
    size_t j = 0;

    for (int i = 0; i < 8; i++) s[i] = SPLAT(v4d, 0.0);
    for (; j + 4 <= d; j += 4) {
        v4d w0, w1, v;
        LOAD(w0, w[0] + j);
        LOAD(w1, w[1] + j);
        for (int r = 0; r < 4; r++) {
            LOAD(v, x[r] + j);
            s[2 * r] += v * w0;
            s[2 * r + 1] += v * w1;
        }
    }
    for (; j < d; j++)
        for (int r = 0; r < 4; r++) {
            rest[2 * r] += x[r][j] * w[0][j];
            rest[2 * r + 1] += x[r][j] * w[1][j];
        }
    for (int i = 0; i < 8; i++) body_lanes(&s[i], rest[i], &out[i]);
}

BODY body_dots41(const double *const x[4], const double *w, size_t d, double out[4])
{
    v4d s[4];
    double rest[4] = { 0 };
    size_t j = 0;

    for (int r = 0; r < 4; r++) s[r] = SPLAT(v4d, 0.0);
    for (; j + 4 <= d; j += 4) {
        v4d a, v;
        LOAD(a, w + j);
        for (int r = 0; r < 4; r++) {
            LOAD(v, x[r] + j);
            s[r] += v * a;
        }
    }
    for (; j < d; j++)
        for (int r = 0; r < 4; r++) rest[r] += x[r][j] * w[j];
    for (int r = 0; r < 4; r++) body_lanes(&s[r], rest[r], &out[r]);
}

/* Rows i..i+3; behind the last one it stands again. */
#define FOUR_ROWS(a, i)                                                                            \
    {                                                                                              \
        (a)->x + (i) * (a)->d, (a)->x + ((i) + 1 < (a)->n ? (i) + 1 : (i)) * (a)->d,               \
            (a)->x + ((i) + 2 < (a)->n ? (i) + 2 : (i)) * (a)->d,                                  \
            (a)->x + ((i) + 3 < (a)->n ? (i) + 3 : (i)) * (a)->d                                   \
    }

BODY body_dots(const struct kernel_rows *a, const double *w, size_t k, double *out)
{
    double few[8];

    for (size_t i = 0; i < a->n; i += 4) {
        const double *const x[4] = FOUR_ROWS(a, i);
        size_t m = a->n - i < 4 ? a->n - i : 4, c = 0;
        for (; c + 2 <= k; c += 2) {
            const double *const pair[2] = { w + c * a->d, w + (c + 1) * a->d };
            body_dots42(x, pair, a->d, few);
            for (size_t r = 0; r < m; r++) memcpy(out + (i + r) * k + c, few + 2 * r, 16);
        }
        if (c == k) continue;
        body_dots41(x, w + c * a->d, a->d, few);
        for (size_t r = 0; r < m; r++) out[(i + r) * k + c] = few[r];
    }
}

/* y += a[0] x[0] + … + a[3] x[3] */
BODY body_axpy4(double *y, const double *a, const double *const x[4], size_t n)
{
    size_t j = 0;

    for (; j + 4 <= n; j += 4) {
        v4d v, x0, x1, x2, x3;
        LOAD(v, y + j);
        LOAD(x0, x[0] + j);
        LOAD(x1, x[1] + j);
        LOAD(x2, x[2] + j);
        LOAD(x3, x[3] + j);
        v += (x0 * a[0] + x1 * a[1]) + (x2 * a[2] + x3 * a[3]);
        STORE(y + j, v);
    }
    for (; j < n; j++)
        y[j] += (x[0][j] * a[0] + x[1][j] * a[1]) + (x[2][j] * a[2] + x[3][j] * a[3]);
}

/* Weights of four rows, 0 for those that are not there. */
BODY body_weights(const double *w, size_t m, double out[4])
{
    for (size_t r = 0; r < 4; r++) out[r] = r < m ? w[r] : 0;
}

BODY body_slopes(const struct kernel_rows *a, const double *slope, double *g)
{
    for (size_t i = 0; i < a->n; i += 4) {
        const double *const x[4] = FOUR_ROWS(a, i);
        double s[4];
        body_weights(slope + i, a->n - i, s);
        body_axpy4(g, s, x, a->d);
        g[a->d] += (s[0] + s[1]) + (s[2] + s[3]);
    }
}

/* A column that is 0 in all four rows is passed over: most of them behind one-hot encoding. */
BODY body_products(const struct kernel_rows *a, const double *weight, double *h)
{
    size_t d = a->d;

    for (size_t i = 0; i < a->n; i += 4) {
        const double *const x[4] = FOUR_ROWS(a, i);
        double w[4], s[4];
        body_weights(weight + i, a->n - i, w);
        for (size_t j = 0; j < d; j++) {
            if (x[0][j] == 0 && x[1][j] == 0 && x[2][j] == 0 && x[3][j] == 0) continue;
            for (int r = 0; r < 4; r++) s[r] = w[r] * x[r][j];
            body_axpy4(h + j * (d + 1), s, x, j + 1);
        }
        body_axpy4(h + d * (d + 1), w, x, d);
        h[d * (d + 1) + d] += (w[0] + w[1]) + (w[2] + w[3]);
    }
}
