/* vec.h: the three loops linear learners live in, written with the compiler's vectors because
 * -O2 does not vectorise reductions, and must not: the order of additions is part of the
 * result. Four lanes on every machine, so that the bytes do not depend on it. */
#pragma once
#include <stddef.h>

typedef double vec4 __attribute__((vector_size(32), aligned(8), may_alias));

static inline vec4 *vec_at(double *p)
{
    return (vec4 *)p;
}
static inline const vec4 *vec_in(const double *p)
{
    return (const vec4 *)p;
}

/* x . y, summed in four lanes. */
static inline double vec_dot(const double *x, const double *y, size_t n)
{
    vec4 s = { 0, 0, 0, 0 };
    double rest = 0;
    size_t i = 0;

    for (; i + 4 <= n; i += 4) s += *vec_in(x + i) * *vec_in(y + i);
    for (; i < n; i++) rest += x[i] * y[i];
    return ((s[0] + s[1]) + (s[2] + s[3])) + rest;
}

/* y += a * x */
static inline void vec_axpy(double *y, double a, const double *x, size_t n)
{
    size_t i = 0;

    for (; i + 4 <= n; i += 4) *vec_at(y + i) += a * *vec_in(x + i);
    for (; i < n; i++) y[i] += a * x[i];
}

/* y += a[0] x[0] + a[1] x[1] + a[2] x[2] + a[3] x[3] */
static inline void vec_axpy4(double *y, const double a[4], const double *const x[4], size_t n)
{
    size_t i = 0;

    for (; i + 4 <= n; i += 4)
        *vec_at(y + i) += (a[0] * *vec_in(x[0] + i) + a[1] * *vec_in(x[1] + i)) +
                          (a[2] * *vec_in(x[2] + i) + a[3] * *vec_in(x[3] + i));
    for (; i < n; i++)
        y[i] += (a[0] * x[0][i] + a[1] * x[1][i]) + (a[2] * x[2][i] + a[3] * x[3][i]);
}
