/* performance.h: how well a binary model does on a window of labelled predictions, each figure
 * with a 95 % interval, and what can be expected where labels are still missing. Pure. */
#pragma once
#include "base/err.h"

#include <stddef.h>

struct figure {
    double value, low, high; /* NaN: undefined for these rows */
    size_t n;                /* rows behind it */
};

struct performance {
    struct figure accuracy, precision, recall; /* Wilson 1927; decision at 0.5 */
    struct figure brier, log_loss;             /* normal interval of the mean */
    struct figure auc;                         /* DeLong, DeLong and Clarke-Pearson 1988 */
    struct figure ece;                         /* ten equal-width bins; no interval */
    double reliability, resolution, uncertainty; /* of the Brier score (Murphy 1973), binned */
    size_t positives;
};
/* y in {0, 1}, p the probability of 1. ERR_NOMEM. n == 0: all undefined. */
int performance_measure(const double *y, const double *p, size_t n, struct performance *ret,
                        struct err *e);

/* Expected figures if the probabilities are right: confidence-based estimation, which is blind
 * to a change of the relation between features and label. */
struct expected {
    double accuracy, precision, recall, brier, auc;
    double tp, fp, fn, tn; /* expected counts */
};
int performance_expect(const double *p, size_t n, struct expected *ret, struct err *e);
