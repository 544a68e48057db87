/* fhddm.c: fast Hoeffding drift detection (Pesaranghader and Viktor 2016): the share of right
 * answers in a sliding window against the best share seen. */
#include "engine/drift/detector.h"

#include <math.h>

#define MAX_WINDOW 10000

struct fhddm {
    int64_t window, n, at;
    double bound, right, best;
    unsigned char recent[MAX_WINDOW]; /* 1: right; a ring */
};

static const struct param params[] = {
    { .name = "window", .type = PARAM_INT, .dflt = "100", .min = 5, .max = MAX_WINDOW,
      .help = "values in the window" },
    { .name = "delta", .type = PARAM_REAL, .dflt = "1e-6", .min = 1e-12, .max = 0.5,
      .help = "probability of a false alarm" },
    { .name = NULL },
};

static void start(void *state, const struct val *p, uint64_t seed)
{
    struct fhddm *f = state;
    (void)seed;
    f->window = val_get_int(p, "window", 100);
    f->bound = sqrt(log(1 / val_get_real(p, "delta", 1e-6)) / (2 * (double)f->window));
}

static enum detector_state add(void *state, double x)
{
    struct fhddm *f = state;
    unsigned char right = x == 0;
    if (f->n == f->window) f->right -= f->recent[f->at];
    else f->n++;
    f->recent[f->at] = right;
    f->right += right;
    f->at = (f->at + 1) % f->window;
    if (f->n < f->window) return DETECTOR_STEADY;
    double share = f->right / (double)f->window;
    f->best = fmax(f->best, share);
    return f->best - share > f->bound ? DETECTOR_DRIFT : DETECTOR_STEADY;
}

const struct detector detector_fhddm = {
    .name = "fhddm", .title = "fast Hoeffding detection", .params = params,
    .help = "large sudden rises of an error rate (Pesaranghader and Viktor 2016)",
    .size = sizeof(struct fhddm), .start = start, .add = add,
};
