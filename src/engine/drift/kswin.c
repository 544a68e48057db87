/* kswin.c: Kolmogorov-Smirnov windowing (Raab, Heusinger and Schleif 2020): the newest values of
 * a window against a random draw from the older ones. The draw comes from the seed and the
 * position, so a replay gives the same alarms. Besides significance a distance of at least
 * min_distance is asked for, since every look is a test. */
#include "base/mem.h"
#include "base/rng.h"
#include "engine/drift/detector.h"
#include "engine/stats/two_sample.h"

#include <string.h>

#define MAX_WINDOW 10000

struct kswin {
    double alpha, min_distance;
    size_t window, recent, n;
    struct rng rng;
    double *values; /* oldest first; owned */
};

static const struct param params[] = {
    { .name = "alpha", .type = PARAM_REAL, .dflt = "0.005", .min = 1e-12, .max = 0.5,
      .help = "significance of one look" },
    { .name = "window", .type = PARAM_INT, .dflt = "100", .min = 20, .max = MAX_WINDOW,
      .help = "values in the window" },
    { .name = "recent", .type = PARAM_INT, .dflt = "30", .min = 5, .max = MAX_WINDOW / 2,
      .help = "newest values that are compared" },
    { .name = "min_distance", .type = PARAM_REAL, .dflt = "0.1", .min = 0, .max = 1,
      .help = "least KS distance that counts" },
    { .name = NULL },
};

static void start(void *state, const struct val *p, uint64_t seed)
{
    struct kswin *k = state;
    k->alpha = val_get_real(p, "alpha", 0.005);
    k->min_distance = val_get_real(p, "min_distance", 0.1);
    k->window = (size_t)val_get_int(p, "window", 100);
    k->recent = (size_t)val_get_int(p, "recent", 30);
    if (k->recent * 2 > k->window) k->recent = k->window / 2;
    k->values = mem_zalloc(k->window, sizeof *k->values);
    rng_seed(&k->rng, seed);
}

static void stop(void *state)
{
    struct kswin *k = state;
    mem_freep(&k->values);
}

/* `recent` of the older values without replacement, by a partial shuffle of their places. */
static void draw_old(struct kswin *k, double *out)
{
    size_t old = k->window - k->recent;
    uint32_t place[MAX_WINDOW];
    for (size_t i = 0; i < old; i++) place[i] = (uint32_t)i;
    for (size_t i = 0; i < k->recent; i++) {
        size_t j = i + rng_below(&k->rng, old - i);
        uint32_t t = place[j];
        place[j] = place[i];
        place[i] = t;
        out[i] = k->values[t];
    }
}

static bool differs(struct kswin *k)
{
    double old[MAX_WINDOW / 2];
    struct sample a = { 0 }, b = { 0 };
    struct two_sample t;
    bool yes = false;
    draw_old(k, old);
    if (sample_new(old, k->recent, &a, NULL) == 0 &&
        sample_new(k->values + k->window - k->recent, k->recent, &b, NULL) == 0) {
        two_sample_merge(&a, &b, &t);
        yes = t.ks > k->min_distance && ks_p(&a, &b, &t, 0, NULL) <= k->alpha;
    }
    sample_done(&a);
    sample_done(&b);
    return yes;
}

static enum detector_state add(void *state, double x)
{
    struct kswin *k = state;
    if (k->n == k->window) memmove(k->values, k->values + 1, (k->window - 1) * sizeof x);
    else k->n++;
    k->values[k->n - 1] = x;
    return k->n == k->window && differs(k) ? DETECTOR_DRIFT : DETECTOR_STEADY;
}

const struct detector detector_kswin = {
    .name = "kswin", .title = "Kolmogorov-Smirnov windowing", .params = params,
    .help = "any change of distribution of a real stream; slow (Raab et al. 2020)",
    .size = sizeof(struct kswin), .start = start, .add = add, .stop = stop,
};
