/* paired.h: is one model better than another on the same rows? The difference of a metric with
 * its 95 % interval, from what both said about each row, so that what is hard or easy for both
 * cancels out. Pure, and with one seed the same on every machine. */
#pragma once
#include "engine/metric/metric.h"

struct comparison {
    double difference, low, high; /* positive: a is better; NaN: undefined for these rows */
    const char *method;           /* "paired DeLong" or "paired bootstrap" */
    size_t n;                     /* rows that both have a target for */
};
/* a and b have the same n; their classes may be numbered differently. Weights are ignored.
 * Binary AUC: DeLong, DeLong and Clarke-Pearson 1988. Else percentiles of a bootstrap of rows;
 * undefined when the metric is for more than one in twenty of its replicates. ERR_NOMEM. */
int metric_compare(const struct metric *m, const struct metric_input *a,
                   const struct metric_input *b, uint64_t seed, struct comparison *ret,
                   struct err *e);
/* What says the same of every row and needs no features: class shares or the mean of the
 * targets `train` has, for n rows; p has the slots of model_predict. */
void metric_trivial(const struct metric_input *train, size_t n, double *p);
