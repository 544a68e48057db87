/* rng.c: see rng.h. */
#include "base/rng.h"

#include <assert.h>
#include <math.h>

uint64_t rng_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        r->s[i] = rng_mix(seed);
        seed += 0x9e3779b97f4a7c15u;
    }
}

void rng_stream(struct rng *r, uint64_t seed, uint64_t stream)
{
    rng_seed(r, rng_mix(seed) ^ rng_mix(~stream));
}

static inline uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }

uint64_t rng_u64(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

double rng_unit(struct rng *r) { return (double)(rng_u64(r) >> 11) * 0x1p-53; }

uint64_t rng_below(struct rng *r, uint64_t bound)
{
    assert(bound > 0);
    uint64_t limit = -bound % bound; /* 2^64 mod bound: values below it would be biased */
    uint64_t x;
    do x = rng_u64(r);
    while (x < limit);
    return x % bound;
}

double rng_normal(struct rng *r)
{
    /* Box-Muller; the second value is dropped so that a call is a fixed two draws. */
    double u = 1 - rng_unit(r), v = rng_unit(r);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

double rng_exponential(struct rng *r) { return -log(1 - rng_unit(r)); }

void rng_shuffle(struct rng *r, uint32_t *v, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = rng_below(r, i);
        uint32_t t = v[i - 1];
        v[i - 1] = v[j];
        v[j] = t;
    }
}
