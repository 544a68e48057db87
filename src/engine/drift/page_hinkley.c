/* page_hinkley.c: Page-Hinkley test with forgetting (Page 1954; Mouss et al. 2004): summed
 * excess over the running mean. */
#include "engine/drift/detector.h"

#include <math.h>

struct ph {
    int64_t min_values;
    double delta, threshold, alpha;
    double n, mean, sum;
};

static const struct param params[] = {
    { .name = "min_values", .type = PARAM_INT, .dflt = "30", .min = 1, .max = 1e6,
      .help = "values before it speaks" },
    { .name = "delta", .type = PARAM_REAL, .dflt = "0.005", .min = 0, .max = 1e6,
      .help = "change that is allowed" },
    { .name = "threshold", .type = PARAM_REAL, .dflt = "50", .min = 1e-6, .max = 1e9,
      .help = "summed excess that alarms" },
    { .name = "alpha", .type = PARAM_REAL, .dflt = "0.9999", .min = 0.5, .max = 1,
      .help = "forgetting factor" },
    { .name = NULL },
};

static void start(void *state, const struct val *p, uint64_t seed)
{
    struct ph *h = state;
    (void)seed;
    h->min_values = val_get_int(p, "min_values", 30);
    h->delta = val_get_real(p, "delta", 0.005);
    h->threshold = val_get_real(p, "threshold", 50);
    h->alpha = val_get_real(p, "alpha", 0.9999);
}

static enum detector_state add(void *state, double x)
{
    struct ph *h = state;
    h->n++;
    h->mean += (x - h->mean) / h->n;
    h->sum = fmax(0, h->alpha * h->sum + (x - h->mean - h->delta));
    bool speaks = h->n + 1 >= (double)h->min_values;
    return speaks && h->sum >= h->threshold ? DETECTOR_DRIFT : DETECTOR_STEADY;
}

const struct detector detector_page_hinkley = {
    .name = "page_hinkley", .title = "Page-Hinkley test", .params = params,
    .help = "rises of the mean of any stream (Page 1954)",
    .size = sizeof(struct ph), .start = start, .add = add,
};
