/* cusum.c: one-sided Bernoulli CUSUM with a known error rate (Page 1954; Reynolds and Stoumbos
 * 1999): the log-likelihood ratio of p1 against p0, kept from falling below zero. A monitor
 * knows p0, the error measured in validation, which makes this the quickest of the folder at an
 * equal number of false alarms; p1 defaults to one and a half times p0. */
#include "engine/drift/detector.h"

#include <math.h>

struct cusum {
    double up, down, threshold, sum;
};

static const struct param params[] = {
    { .name = "p0", .type = PARAM_REAL, .dflt = "0.1", .min = 1e-6, .max = 0.95,
      .help = "error rate without drift" },
    { .name = "p1", .type = PARAM_REAL, .min = 1e-6, .max = 0.999,
      .help = "error rate to detect; default 1.5 times p0" },
    { .name = "threshold", .type = PARAM_REAL, .dflt = "8", .min = 0.1, .max = 1000,
      .help = "height that alarms; e^threshold is about the false-alarm run length" },
    { .name = NULL },
};

static void start(void *state, const struct val *p, uint64_t seed)
{
    struct cusum *c = state;
    (void)seed;
    double p0 = val_get_real(p, "p0", 0.1);
    double p1 = fmin(0.999, val_get_real(p, "p1", fmin(0.95, 1.5 * p0)));
    if (p1 <= p0) p1 = (1 + p0) / 2;
    c->up = log(p1 / p0);
    c->down = log((1 - p1) / (1 - p0));
    c->threshold = val_get_real(p, "threshold", 8);
}

static enum detector_state add(void *state, double x)
{
    struct cusum *c = state;
    c->sum = fmax(0, c->sum + (x != 0 ? c->up : c->down));
    if (c->sum >= c->threshold) return DETECTOR_DRIFT;
    return c->sum >= c->threshold / 2 ? DETECTOR_WARNING : DETECTOR_STEADY;
}

const struct detector detector_cusum = {
    .name = "cusum", .title = "Bernoulli CUSUM", .params = params,
    .help = "errors when their rate before drift is known; the default (Page 1954)",
    .size = sizeof(struct cusum), .start = start, .add = add,
};
