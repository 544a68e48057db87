/* ddm.c: drift detection method (Gama, Medas, Castillo and Rodrigues 2004): the error rate plus
 * its standard deviation against the lowest such sum seen so far. */
#include "engine/drift/detector.h"

#include <math.h>

struct ddm {
    int64_t warm_up;
    double warning, drift;
    double n, p, low_p, low_s;
};

static const struct param params[] = {
    { .name = "warm_up", .type = PARAM_INT, .dflt = "30", .min = 1, .max = 1e6,
      .help = "values before it speaks" },
    { .name = "warning", .type = PARAM_REAL, .dflt = "2", .min = 0.1, .max = 20,
      .help = "standard deviations that warn" },
    { .name = "drift", .type = PARAM_REAL, .dflt = "3", .min = 0.1, .max = 20,
      .help = "standard deviations that alarm" },
    { .name = NULL },
};

static void start(void *state, const struct val *p, uint64_t seed)
{
    struct ddm *d = state;
    (void)seed;
    d->warm_up = val_get_int(p, "warm_up", 30);
    d->warning = val_get_real(p, "warning", 2);
    d->drift = val_get_real(p, "drift", 3);
    d->low_p = d->low_s = INFINITY;
}

static enum detector_state add(void *state, double x)
{
    struct ddm *d = state;
    d->n++;
    d->p += (x - d->p) / d->n;
    double s = sqrt(d->p * (1 - d->p) / d->n), level = d->p + s;
    if (d->n <= (double)d->warm_up) return DETECTOR_STEADY;
    if (level <= d->low_p + d->low_s) {
        d->low_p = d->p;
        d->low_s = s;
    }
    if (level > d->low_p + d->drift * d->low_s) return DETECTOR_DRIFT;
    return level > d->low_p + d->warning * d->low_s ? DETECTOR_WARNING : DETECTOR_STEADY;
}

const struct detector detector_ddm = {
    .name = "ddm", .title = "drift detection method", .params = params,
    .help = "sudden rises of an error rate; many false alarms (Gama et al. 2004)",
    .size = sizeof(struct ddm), .start = start, .add = add,
};
