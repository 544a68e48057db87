/* fns.h: the functions behind metrics.def and what they share; for the files of this folder
 * alone. */
#pragma once
#include "engine/metric/metric.h"

#define METRIC(name, tasks, greater, help) double metric_fn_##name(const struct metric_input *in);
#include "engine/metric/metrics.def"
#undef METRIC

static inline double metric_weight(const struct metric_input *in, size_t i)
{
    return in->w ? in->w[i] : 1;
}

/* Probability of the class in row i; binary: p is that of class 1. */
static inline double metric_prob(const struct metric_input *in, size_t i, size_t class)
{
    if (in->task == TASK_MULTICLASS) return in->p[i * (size_t)in->n_classes + class];
    return class ? in->p[i] : 1 - in->p[i];
}

size_t metric_n_classes(const struct metric_input *in); /* >= 2 */
/* Decision for row i: p >= 0.5, or the first class with the largest probability. */
size_t metric_decision(const struct metric_input *in, size_t i);
