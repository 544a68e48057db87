/* hddm_w.c: McDiarmid's bound on exponentially weighted averages (Frias-Blanco et al. 2015,
 * W-test): weighted mean before the best cut point against the weighted mean after it. */
#include "engine/drift/detector.h"

#include <math.h>

struct ewma {
    double mean, weight; /* weight: sum of squared weights, the independent bounded sum */
    bool any;
};

struct hddm {
    double drift, warning, lambda;
    bool both;
    struct ewma all, low, after_low, high, after_high;
    double low_bound, high_bound;
};

static const struct ewma empty = { 0, 1, false };

static const struct param params[] = {
    { .name = "drift", .type = PARAM_REAL, .dflt = "0.001", .min = 1e-12, .max = 0.5,
      .help = "confidence that alarms" },
    { .name = "warning", .type = PARAM_REAL, .dflt = "0.005", .min = 1e-12, .max = 0.5,
      .help = "confidence that warns" },
    { .name = "lambda", .type = PARAM_REAL, .dflt = "0.05", .min = 0.001, .max = 1,
      .help = "weight of the newest value" },
    { .name = "two_sided", .type = PARAM_BOOL, .dflt = "false", .help = "also report falls" },
    { .name = NULL },
};

static void start(void *state, const struct val *p, uint64_t seed)
{
    struct hddm *h = state;
    (void)seed;
    h->drift = val_get_real(p, "drift", 0.001);
    h->warning = val_get_real(p, "warning", 0.005);
    h->lambda = val_get_real(p, "lambda", 0.05);
    h->both = val_get_bool(p, "two_sided", false);
    h->all = h->low = h->after_low = h->high = h->after_high = empty;
    h->low_bound = INFINITY;
    h->high_bound = -INFINITY;
}

static void take(struct ewma *w, double x, double lambda)
{
    w->mean = w->any ? lambda * x + (1 - lambda) * w->mean : x;
    w->weight = lambda * lambda + (1 - lambda) * (1 - lambda) * w->weight;
    w->any = true;
}

static double bound(double weight, double confidence)
{
    return sqrt(weight * log(1 / confidence) / 2);
}

static bool rises(const struct ewma *a, const struct ewma *b, double confidence)
{
    return a->any && b->any && b->mean - a->mean > bound(a->weight + b->weight, confidence);
}

static bool moved(const struct hddm *h, double confidence)
{
    if (rises(&h->low, &h->after_low, confidence)) return true;
    return h->both && rises(&h->after_high, &h->high, confidence);
}

static enum detector_state add(void *state, double x)
{
    struct hddm *h = state;
    take(&h->all, x, h->lambda);
    double width = bound(h->all.weight, h->drift);
    if (h->all.mean + width < h->low_bound) {
        h->low_bound = h->all.mean + width;
        h->low = h->all;
        h->after_low = empty;
    } else {
        take(&h->after_low, x, h->lambda);
    }
    if (h->all.mean - width > h->high_bound) {
        h->high_bound = h->all.mean - width;
        h->high = h->all;
        h->after_high = empty;
    } else {
        take(&h->after_high, x, h->lambda);
    }
    if (moved(h, h->drift)) return DETECTOR_DRIFT;
    return moved(h, h->warning) ? DETECTOR_WARNING : DETECTOR_STEADY;
}

const struct detector detector_hddm_w = {
    .name = "hddm_w", .title = "McDiarmid bound on weighted averages", .params = params,
    .help = "gradual and sudden rises, short memory (Frias-Blanco et al. 2015)",
    .size = sizeof(struct hddm), .start = start, .add = add,
};
