/* probability.c: metrics of probabilities as such: log loss, Brier score, calibration.
 *
 * Log loss takes probabilities as at least 2^-52 and at most 1 - 2^-52 (scikit-learn's eps for
 * doubles) and scales multiclass rows to a sum of 1. Bins are [lo, hi) of width 1/10, the last
 * one closed; multiclass calibration looks at the decided class: its probability against how
 * often it is right. */
#include "engine/metric/fns.h"

#include <float.h>
#include <math.h>

#define BINS 10

static double clipped(double p)
{
    return fmin(fmax(p, DBL_EPSILON), 1 - DBL_EPSILON);
}

double metric_fn_log_loss(const struct metric_input *in)
{
    size_t k = metric_n_classes(in);
    double sum = 0, total = 0;

    for (size_t i = 0; i < in->n; i++) {
        double all = 0, w = metric_weight(in, i);
        for (size_t c = 0; c < k; c++) all += clipped(metric_prob(in, i, c));
        sum -= w * log(clipped(metric_prob(in, i, (size_t)in->y[i])) / all);
        total += w;
    }
    return total > 0 ? sum / total : (double)NAN;
}

double metric_fn_brier(const struct metric_input *in)
{
    size_t from = in->task == TASK_BINARY; /* binary: the positive class alone */
    double sum = 0, total = 0;

    for (size_t i = 0; i < in->n; i++) {
        double w = metric_weight(in, i);
        for (size_t c = from; c < metric_n_classes(in); c++) {
            double d = metric_prob(in, i, c) - (in->y[i] == (double)c);
            sum += w * d * d;
        }
        total += w;
    }
    return total > 0 ? sum / total : (double)NAN;
}

struct bin {
    size_t n;
    double weight, p, hits;
};

static void fill(const struct metric_input *in, struct bin bins[BINS])
{
    for (int b = 0; b < BINS; b++) bins[b] = (struct bin){ 0 };
    for (size_t i = 0; i < in->n; i++) {
        size_t class = in->task == TASK_BINARY ? 1 : metric_decision(in, i);
        double p = metric_prob(in, i, class), w = metric_weight(in, i);
        struct bin *b = &bins[(size_t)fmin(fmax(floor(p * BINS), 0), BINS - 1)];
        if (isnan(in->y[i])) continue;
        b->n++;
        b->weight += w;
        b->p += w * p;
        b->hits += w * (in->y[i] == (double)class);
    }
}

double metric_fn_ece(const struct metric_input *in)
{
    struct bin bins[BINS];
    double gap = 0, total = 0;

    fill(in, bins);
    for (int b = 0; b < BINS; b++) {
        gap += fabs(bins[b].p - bins[b].hits);
        total += bins[b].weight;
    }
    return total > 0 ? gap / total : (double)NAN;
}

void metric_calibration(const struct metric_input *in, struct calibration_bin out[BINS])
{
    struct bin bins[BINS];

    fill(in, bins);
    for (int b = 0; b < BINS; b++) {
        out[b].n = bins[b].n;
        out[b].mean_p = bins[b].n ? bins[b].p / bins[b].weight : (double)NAN;
        out[b].rate = bins[b].n ? bins[b].hits / bins[b].weight : (double)NAN;
    }
}
