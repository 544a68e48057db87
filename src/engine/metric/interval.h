/* interval.h: every metric of a task with its 95 % interval. Accuracy, and precision and recall
 * of two classes, are shares: Wilson 1927. AUC of two classes: DeLong, DeLong and
 * Clarke-Pearson 1988. All others: bias-corrected percentiles of a bootstrap of rows. Rows
 * without a target and row weights do not count. Pure. */
#pragma once
#include "engine/metric/bootstrap.h"
#include "engine/metric/metric.h"

struct metric_interval {
    double value, low, high; /* NaN: undefined */
    const char *method;      /* "wilson", "delong", "bootstrap"; NULL: not of this task */
};
/* threshold: a row counts as positive from this probability on (two classes; else 0.5).
 * out: a slot per row of `metrics`. replicates 0: by the number of rows; BOOTSTRAP_NONE: those
 * of the bootstrap stay undefined. *ret_replicates: how many there were. ERR_NOMEM, ERR_CANCELLED. */
int metric_intervals(const struct engine *en, const struct metric_input *in, double threshold,
                     size_t replicates, struct metric_interval *out, size_t *ret_replicates,
                     struct err *e);

/* Probabilities moved, in their order, so that what was `threshold` is 0.5: then metrics of
 * decisions are about that threshold. Metrics of probabilities lose their meaning. */
void metric_move_threshold(const double *p, size_t n, double threshold, double *out);
bool metric_is_decision(const struct metric *m); /* depends on decided classes alone */
