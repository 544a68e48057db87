/* eddm.c: early drift detection method (Baena-Garcia et al. 2006): distances between errors
 * shrink when drift sets in slowly. */
#include "engine/drift/detector.h"

#include <math.h>

struct eddm {
    int64_t warm_up;
    double warning, drift;
    double n, last, errors, mean, squares, high;
    enum detector_state level;
};

static const struct param params[] = {
    { .name = "warm_up", .type = PARAM_INT, .dflt = "30", .min = 1, .max = 1e6,
      .help = "errors before it speaks" },
    { .name = "warning", .type = PARAM_REAL, .dflt = "0.95", .min = 0.01, .max = 1,
      .help = "share of the largest distance that warns" },
    { .name = "drift", .type = PARAM_REAL, .dflt = "0.9", .min = 0.01, .max = 1,
      .help = "share of the largest distance that alarms" },
    { .name = NULL },
};

static void start(void *state, const struct val *p, uint64_t seed)
{
    struct eddm *d = state;
    (void)seed;
    d->warm_up = val_get_int(p, "warm_up", 30);
    d->warning = val_get_real(p, "warning", 0.95);
    d->drift = val_get_real(p, "drift", 0.9);
    d->high = -1;
}

static enum detector_state compare(struct eddm *d)
{
    double std = d->errors > 1 ? sqrt(d->squares / (d->errors - 1)) : 0;
    double level = d->mean + 2 * std;
    if (level > d->high) {
        d->high = level;
        return d->level;
    }
    if (d->errors <= (double)d->warm_up) return d->level;
    double share = level / d->high;
    if (share < d->drift) return DETECTOR_DRIFT;
    return share < d->warning ? DETECTOR_WARNING : DETECTOR_STEADY;
}

static enum detector_state add(void *state, double x)
{
    struct eddm *d = state;
    d->n++;
    if (x == 0) return d->level;
    double distance = d->n - d->last, gap = distance - d->mean;
    d->errors++;
    d->mean += gap / d->errors;
    d->squares += gap * (distance - d->mean);
    d->last = d->n;
    if (d->n > (double)d->warm_up) d->level = compare(d);
    return d->level;
}

const struct detector detector_eddm = {
    .name = "eddm", .title = "early drift detection method", .params = params,
    .help = "slow rises of an error rate; very many false alarms (Baena-Garcia et al. 2006)",
    .size = sizeof(struct eddm), .start = start, .add = add,
};
