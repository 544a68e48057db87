/* evaluate.h: what the parts of the verb evaluate share; for evaluate*.c alone. */
#pragma once
#include "app/reply.h"
#include "app/scoring.h"
#include "engine/metric/interval.h"

struct evaluation {
    struct reply *r; /* parts add their fields to r->v */
    const struct scoring *s;
    const struct val *args;
    struct engine en;
    struct metric_input in;      /* all rows; y NaN where the answer is not known */
    struct metric_input decided; /* the same as decided by the threshold */
    double threshold;            /* two classes */
    size_t replicates;           /* as metric_intervals takes it */
};
/* {value, low, high} under key; nothing for an undefined value. */
void evaluate_put_figure(struct val *o, const char *key, double value, double low, double high);
/* metrics{} of some rows of the task: of probabilities in, of decisions decided. */
int evaluate_put_metrics(struct val *into, const struct metric_input *in,
                         const struct metric_input *decided, struct err *e);

/* confusion, classes, calibration; of two classes lift, ks, curves and the threshold's costs. */
int evaluate_classes(struct evaluation *ev, struct err *e);
int evaluate_groups(struct evaluation *ev, const char *column, struct err *e); /* by_group, fairness */
int evaluate_residuals(struct evaluation *ev, struct err *e); /* residuals, by_decile */
const char *evaluate_text(struct reply *r); /* what a person wants to see first */
