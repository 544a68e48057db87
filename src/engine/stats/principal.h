/* principal.h: principal components of standardised columns (Pearson 1901, Hotelling 1933), and
 * how far rows lie from the space the first ones span. Columns are standardised by mean and
 * population deviation (divisor n); a constant column counts as 0 everywhere. Matrices are
 * column-major, x[j * n + row], without NaN. Pure; the same bytes for any number of threads. */
#pragma once
#include "engine/engine.h"

struct principal {
    size_t d, k;   /* columns; components kept */
    double *mean, *scale; /* d each; scale 0: constant */
    double *ratio; /* d: share of the variance each component explains, largest first */
    double *axes;  /* d by d: component c is axes[c * d + j]; its largest entry is positive */
};
/* Keeps as few components as explain more than `share` of the variance. ERR_NOMEM. */
int principal_fit(const struct engine *en, const double *x, size_t n, size_t d, double share,
                  struct principal *ret, struct err *e);
void principal_done(struct principal *p);
/* Euclidean distance of each of n rows from the space kept, in standard deviations. squares, if
 * not NULL: d sums over the rows of the squared distance by column. ERR_NOMEM. */
int principal_distance(const struct principal *p, const double *x, size_t n, double *ret,
                       double *squares, struct err *e);
