/* gp.h: regression with a Gaussian process: Matern 5/2 kernel with a length scale for every
 * dimension, noise, and hyper-parameters at the maximum of their posterior. Private to the
 * sampler in gp.c and its test. Deterministic; memory and time grow with n^2 and n^3. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

struct gp {
    size_t n, d;
    const bool *choice;  /* by dimension: equal or not, instead of a distance */
    double *x;           /* n by d */
    double *y;           /* n, standardised by the caller */
    double *w;           /* by dimension: 1 / length scale^2 */
    double scale, noise; /* variances */
    double *inv;         /* n by n, lower: inverse of the Cholesky factor of the covariance */
    double *alpha;       /* covariance^-1 y */
    double *work;        /* the functions' own */
};
/* Room for n points; x, y and the rest are the caller's to fill in. ERR_NOMEM. */
int gp_new(struct gp *g, size_t n, size_t d, const bool *choice, struct err *e);
void gp_free(struct gp *g);
/* Finds w, scale and noise for the first n points, from the same start every time. */
int gp_fit(struct gp *g, struct err *e);
/* Makes inv and alpha for the hyper-parameters it has. ERR_INVALID: not positive definite. */
int gp_factor(struct gp *g, struct err *e);
/* Mean and variance of the function at u. dmean, dvar: their gradients, or NULL. */
void gp_predict(struct gp *g, const double *u, double *mean, double *var, double *dmean,
                double *dvar);
