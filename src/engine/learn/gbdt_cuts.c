/* gbdt_cuts.c: how many of a few sorted bounds a value exceeds: its bin in training, its rank
 * among a model's thresholds in prediction.
 *
 * A bucket of equal width says how many bounds lie in lower buckets; those of the same bucket
 * are searched by halving. No step branches on the value, and several values are searched at a
 * time so that their loads overlap. Pure; any thread. */
#include "engine/learn/gbdt.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

#define LANES 8 /* values searched at a time */

/* Rising in x, also for infinite and missing x and for bounds so close or far that scale is
 * infinite or 0: so a bound in a lower bucket than x's is below x, one in a higher above. */
static inline unsigned bucket_of(const struct gbdt_cuts *c, double x)
{
    double t = (x - c->lo) * c->scale;

    t = t > 0 ? t : 0;
    t = t < GBDT_BUCKETS - 1 ? t : GBDT_BUCKETS - 1;
    return (unsigned)t;
}

void gbdt_cuts_index(struct gbdt_cuts *c, unsigned n)
{
    unsigned most = 0, at = 0;

    for (size_t i = n; i < ARRAY_LEN(c->bound); i++) c->bound[i] = HUGE_VAL;
    c->lo = n ? c->bound[0] : 0;
    c->scale = n ? (GBDT_BUCKETS - 1) / (c->bound[n - 1] - c->lo) : 0;
    for (unsigned b = 0; b < GBDT_BUCKETS; b++) {
        c->below[b] = (uint8_t)at;
        while (at < n && bucket_of(c, c->bound[at]) == b) at++;
        if (at - c->below[b] > most) most = at - c->below[b];
    }
    c->half = 0;
    for (unsigned s = 1; s <= most; s *= 2) c->half = s;
}

uint8_t gbdt_cuts_rank1(const struct gbdt_cuts *c, double x, uint8_t missing)
{
    unsigned p = c->below[bucket_of(c, x)];

    for (unsigned s = c->half; s > 0; s /= 2) p += -(unsigned)(x > c->bound[p + s - 1]) & s;
    return x != x ? missing : (uint8_t)p;
}

static inline void rank_lanes(const struct gbdt_cuts *c, const double *x, uint8_t missing,
                              uint8_t *out)
{
    unsigned p[LANES];

#pragma GCC unroll 8
    for (int j = 0; j < LANES; j++) p[j] = c->below[bucket_of(c, x[j])];
    for (unsigned s = c->half; s > 0; s /= 2)
#pragma GCC unroll 8
        for (int j = 0; j < LANES; j++) p[j] += -(unsigned)(x[j] > c->bound[p[j] + s - 1]) & s;
#pragma GCC unroll 8
    for (int j = 0; j < LANES; j++) out[j] = x[j] != x[j] ? missing : (uint8_t)p[j];
}

void gbdt_cuts_rank(const struct gbdt_cuts *c, const double *x, size_t n, uint8_t missing,
                    uint8_t *out)
{
    size_t i = 0;

    for (; i + LANES <= n; i += LANES) rank_lanes(c, x + i, missing, out + i);
    for (; i < n; i++) out[i] = gbdt_cuts_rank1(c, x[i], missing);
}
