/* hddm_a.c: Hoeffding's bound on moving averages (Frias-Blanco et al. 2015, A-test): the mean of
 * everything against the mean up to the best cut point so far. */
#include "engine/drift/detector.h"

#include <math.h>

struct part {
    double n, sum;
};

struct hddm {
    double drift, warning;
    bool both;
    struct part all, low, high; /* low, high: prefix with the smallest and largest bound */
};

static const struct param params[] = {
    { .name = "drift", .type = PARAM_REAL, .dflt = "0.001", .min = 1e-12, .max = 0.5,
      .help = "confidence that alarms" },
    { .name = "warning", .type = PARAM_REAL, .dflt = "0.005", .min = 1e-12, .max = 0.5,
      .help = "confidence that warns" },
    { .name = "two_sided", .type = PARAM_BOOL, .dflt = "false", .help = "also report falls" },
    { .name = NULL },
};

static void start(void *state, const struct val *p, uint64_t seed)
{
    struct hddm *h = state;
    (void)seed;
    h->drift = val_get_real(p, "drift", 0.001);
    h->warning = val_get_real(p, "warning", 0.005);
    h->both = val_get_bool(p, "two_sided", false);
}

static double mean(struct part p)
{
    return p.sum / p.n;
}

static double margin(const struct hddm *h, struct part p)
{
    return sqrt(log(1 / h->drift) / (2 * p.n));
}

/* The mean of everything is away from the prefix's by more than chance; sign: which way. */
static bool moved(const struct hddm *h, struct part prefix, double sign, double confidence)
{
    double rest = h->all.n - prefix.n;
    if (!(rest > 0)) return false;
    double m = rest / prefix.n / h->all.n;
    return sign * (mean(h->all) - mean(prefix)) >= sqrt(m / 2 * log(2 / confidence));
}

static enum detector_state judge(const struct hddm *h, double confidence, enum detector_state s)
{
    if (moved(h, h->low, 1, confidence)) return s;
    return h->both && moved(h, h->high, -1, confidence) ? s : DETECTOR_STEADY;
}

static enum detector_state add(void *state, double x)
{
    struct hddm *h = state;
    h->all.n++;
    h->all.sum += x;
    double level = mean(h->all), width = margin(h, h->all);
    if (h->low.n == 0 || mean(h->low) + margin(h, h->low) >= level + width) h->low = h->all;
    if (h->high.n == 0 || mean(h->high) - margin(h, h->high) <= level - width) h->high = h->all;
    if (judge(h, h->drift, DETECTOR_DRIFT) == DETECTOR_DRIFT) return DETECTOR_DRIFT;
    return judge(h, h->warning, DETECTOR_WARNING);
}

const struct detector detector_hddm_a = {
    .name = "hddm_a", .title = "Hoeffding bound on averages", .params = params,
    .help = "sudden rises of an error rate, few false alarms (Frias-Blanco et al. 2015)",
    .size = sizeof(struct hddm), .start = start, .add = add,
};
