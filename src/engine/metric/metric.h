/* metric.h: how good predictions are. A new metric is a function and a row in metrics.def.
 * Rows whose target is NaN are skipped by metric_all before any metric sees them. Formulas and
 * conventions follow scikit-learn 1.2 (binary: positive class 1, decision at 0.5; multiclass
 * precision, recall, f1: macro average). Pure functions. */
#pragma once
#include "engine/engine.h"

struct metric_input {
    enum task task;
    int n_classes;       /* 2 for binary */
    size_t n;
    const double *y;     /* class index or value */
    const double *p;     /* n * (multiclass ? n_classes : 1) */
    const double *w;     /* NULL: all 1 */
};

struct metric {
    const char *name;       /* "auc" */
    unsigned tasks;         /* mask of enum task it is defined for */
    bool greater_is_better;
    double (*fn)(const struct metric_input *in); /* NaN: undefined for these rows */
    const char *help;       /* with the formula's source */
};
extern const struct metric metrics[]; /* ends with name NULL; metrics.def's order */
const struct metric *metric_find(const char *name);

/* Every metric of the task, in table order; out has as many slots as `metrics` has rows;
 * slots of other tasks are NaN. */
int metric_all(const struct metric_input *in, double *out, struct err *e);

/* counts[actual * k + predicted], k = max(2, n_classes). */
void metric_confusion(const struct metric_input *in, size_t *counts);
struct calibration_bin { size_t n; double mean_p, rate; };
/* Ten equal-width bins of the positive (multiclass: of the top) probability. */
void metric_calibration(const struct metric_input *in, struct calibration_bin out[10]);
