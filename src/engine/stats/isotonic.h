/* isotonic.h: isotonic regression by pooling adjacent violators (Ayer et al. 1955): the monotone
 * map from score to rate that fits labelled rows best. Monitoring expects with it, models are
 * calibrated with it (Zadrozny and Elkan 2002). Pure; any thread. */
#pragma once
#include "base/err.h"

#include <stddef.h>

/* Rates at the least and the greatest score of every pool; a pool of one score is there once. So
 * the map is exact on the rows it was fitted on. x ascends, rate does not descend. */
struct isotonic {
    double *x, *rate;
    size_t n;
};
/* w: weight of every row; NULL: all 1. Rows of weight 0 say nothing. ERR_NOMEM. */
int isotonic_fit(const double *score, const double *y, const double *w, size_t n,
                 struct isotonic *ret, struct err *e);
double isotonic_at(const struct isotonic *f, double score); /* linear between, flat outside */
void isotonic_done(struct isotonic *f);
