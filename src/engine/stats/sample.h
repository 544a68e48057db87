/* sample.h: one numeric sample, sorted once, from which everything else is computed.
 * NaN is dropped (and counted) on entry; infinities are kept and sort to the ends. */
#pragma once
#include "base/err.h"

#include <stddef.h>

struct sample {
    double *x;      /* ascending, no NaN; owned */
    size_t n;
    size_t missing; /* NaN dropped */
};

/* Copies and sorts (sorted values cost one look). ERR_NOMEM. An all-NaN input gives n = 0. */
int sample_new(const double *x, size_t n, struct sample *ret, struct err *e);
void sample_done(struct sample *s);

struct moments {
    double mean;
    double var;         /* population (divisor n) */
    double std;         /* divisor n - 1; NaN for n < 2 */
    double skew, kurt;  /* population skewness and excess kurtosis; NaN for a constant */
};
struct moments sample_moments(const struct sample *s);
/* Quantile of type 7 (Hyndman and Fan 1996; NumPy's default), p in [0,1]; NaN when empty. */
double sample_quantile(const struct sample *s, double p);
double sample_mad(const struct sample *s, struct err *e); /* median |x - median|, unscaled */
size_t sample_distinct(const struct sample *s);
