/* gbdt_cuts.c: how many of a few sorted bounds a value exceeds: its bin in training, its rank
 * among a model's thresholds in prediction.
 *
 * A bucket of equal width says how many bounds lie in lower buckets; those of the same bucket
 * are searched (tree.h). Bounds far away from the others would make all buckets wide, so the
 * range of the buckets may leave some out at either end: the one is taken whose fullest bucket
 * has the fewest bounds. Pure; any thread. */
#include "engine/kernel/rank.h"
#include "engine/learn/gbdt.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

#define ENOUGH 4 /* so many bounds of a bucket can be compared at once; less is faster */

/* Puts the range of the buckets over bounds [skip, n - skip); returns the fullest's bounds. */
static unsigned try_range(struct kernel_cuts *c, const double *bound, unsigned n, unsigned skip)
{
    unsigned most = 0, here = 0, last = 0;

    c->lo = n ? bound[skip] : 0;
    c->scale = n ? c->top / (bound[n - 1 - skip] - c->lo) : 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned b = kernel_bucket(c, bound[i]);
        here = i > 0 && b == last ? here + 1 : 1;
        if (here > most) most = here;
        last = b;
    }
    return most;
}

/* Chooses the range; returns the number of bounds in the fullest bucket. */
static unsigned choose_range(struct kernel_cuts *c, const double *bound, unsigned n)
{
    unsigned best = 0, least = try_range(c, bound, n, 0);

    for (unsigned part = 64; part >= 4 && least > 1 && n >= 8; part /= 2) {
        unsigned skip = n / part, most = try_range(c, bound, n, skip);
        if (most >= least) continue;
        least = most;
        best = skip;
    }
    return try_range(c, bound, n, best);
}

static void fill(struct kernel_cuts *c, const double *bound, unsigned n, uint8_t *below)
{
    unsigned most = choose_range(c, bound, n), at = 0;

    for (unsigned b = 0; b <= (unsigned)c->top; b++) {
        below[b] = (uint8_t)at;
        while (at < n && kernel_bucket(c, bound[at]) == b) at++;
    }
    c->half = 0;
    c->near = most <= 1 ? 1 : most == 2 ? 2 : ENOUGH;
    for (unsigned s = 4; most > ENOUGH && s <= most; s *= 2) c->half = s;
    c->bound = bound;
    c->below = below;
}

void gbdt_cuts_index(struct gbdt_cuts *c, unsigned n)
{
    struct kernel_cuts k = { .top = GBDT_BUCKETS - 1 };

    for (size_t i = n; i < ARRAY_LEN(c->bound); i++) c->bound[i] = HUGE_VAL;
    fill(&k, c->bound, n, c->below);
    c->lo = k.lo;
    c->scale = k.scale;
    c->half = k.half;
    c->near = k.near;
}

size_t gbdt_cuts_small(struct kernel_cuts *c, const double *bound, unsigned n, uint8_t *below)
{
    size_t buckets = 16;

    while (buckets < n) buckets *= 2;
    for (; buckets < GBDT_BUCKETS; buckets *= 2) {
        c->top = (double)(buckets - 1);
        if (choose_range(c, bound, n) <= 1) break;
    }
    c->top = (double)(buckets - 1);
    c->n = (uint8_t)n;
    fill(c, bound, n, below);
    return buckets;
}

static struct kernel_cuts view(const struct gbdt_cuts *c, uint8_t missing)
{
    return (struct kernel_cuts){ .bound = c->bound,
                                 .below = c->below,
                                 .lo = c->lo,
                                 .scale = c->scale,
                                 .top = GBDT_BUCKETS - 1,
                                 .half = c->half,
                                 .near = c->near,
                                 .missing = missing };
}

uint8_t gbdt_cuts_rank1(const struct gbdt_cuts *c, double x, uint8_t missing)
{
    struct kernel_cuts k = view(c, missing);

    return kernel_rank(&k, x);
}

void gbdt_cuts_rank(const struct gbdt_cuts *c, const double *x, size_t n, uint8_t missing,
                    uint8_t *out)
{
    struct kernel_cuts k = view(c, missing);

    kernels_best()->ranks(&k, x, n, out);
}
