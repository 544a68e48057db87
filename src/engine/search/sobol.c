/* sobol.c: see sobol.h. A point is the exclusive or of the direction numbers of the bits set in
 * its index: 32 steps a dimension, no state. */
#include "engine/search/sobol.h"
#include "base/rng.h"
#include "engine/search/search.h"

extern const struct sampler sampler_sobol;

enum { BITS = 32, DEGREE_MAX = 8 };

/* Primitive polynomials over GF(2) as bits, highest first, and the first direction numbers. */
static const struct direction {
    uint16_t polynomial;
    uint8_t m[DEGREE_MAX];
} directions[SOBOL_DIMS - 1] = {
    { 3, { 1 } },
    { 7, { 1, 3 } },
    { 11, { 1, 3, 1 } },
    { 13, { 1, 1, 1 } },
    { 19, { 1, 1, 3, 3 } },
    { 25, { 1, 3, 5, 13 } },
    { 37, { 1, 1, 5, 5, 17 } },
    { 41, { 1, 1, 5, 5, 5 } },
    { 47, { 1, 1, 7, 11, 19 } },
    { 55, { 1, 1, 5, 1, 1 } },
    { 59, { 1, 1, 1, 3, 11 } },
    { 61, { 1, 3, 5, 5, 31 } },
    { 67, { 1, 3, 3, 9, 7, 49 } },
    { 91, { 1, 1, 1, 15, 21, 21 } },
    { 97, { 1, 3, 1, 13, 27, 49 } },
    { 103, { 1, 1, 1, 15, 7, 5 } },
    { 109, { 1, 3, 1, 15, 13, 25 } },
    { 115, { 1, 1, 5, 5, 19, 61 } },
    { 131, { 1, 3, 7, 11, 23, 15, 103 } },
    { 137, { 1, 3, 7, 13, 13, 15, 69 } },
    { 143, { 1, 1, 3, 13, 7, 35, 63 } },
    { 145, { 1, 3, 5, 9, 1, 25, 53 } },
    { 157, { 1, 3, 1, 13, 9, 35, 107 } },
    { 167, { 1, 3, 1, 5, 27, 61, 31 } },
    { 171, { 1, 1, 5, 11, 19, 41, 61 } },
    { 185, { 1, 3, 5, 3, 3, 13, 69 } },
    { 191, { 1, 1, 7, 13, 1, 19, 1 } },
    { 193, { 1, 3, 7, 5, 13, 19, 59 } },
    { 203, { 1, 1, 3, 9, 25, 29, 41 } },
    { 211, { 1, 3, 5, 13, 23, 1, 55 } },
    { 213, { 1, 3, 7, 3, 13, 59, 17 } },
    { 229, { 1, 3, 1, 3, 5, 53, 69 } },
};

/* Dimension j of the unshifted point. */
static uint32_t digits(size_t j, uint32_t index)
{
    uint32_t v[BITS], x = 0;
    int degree = 0;

    if (j == 0) {
        for (int i = 0; i < BITS; i++) v[i] = 1u << (BITS - 1 - i);
    } else {
        const struct direction *d = &directions[j - 1];
        while (d->polynomial >> (degree + 1)) degree++;
        for (int i = 0; i < degree; i++) v[i] = (uint32_t)d->m[i] << (BITS - 1 - i);
        for (int i = degree; i < BITS; i++) {
            v[i] = v[i - degree] ^ (v[i - degree] >> degree);
            for (int k = 1; k < degree; k++)
                if (d->polynomial >> (degree - k) & 1) v[i] ^= v[i - k];
        }
    }
    for (int i = 0; i < BITS && index >> i; i++)
        if (index >> i & 1) x ^= v[i];
    return x;
}

void sobol_point(uint64_t seed, uint32_t index, size_t d, double *u)
{
    struct rng r;

    for (size_t j = 0; j < d; j++) {
        if (j >= SOBOL_DIMS) {
            rng_stream(&r, seed ^ rng_mix(j), index);
            u[j] = rng_unit(&r);
            continue;
        }
        uint32_t shift = (uint32_t)(rng_mix(seed ^ rng_mix(j + 1)) >> 32);
        u[j] = ((double)(digits(j, index) ^ shift) + 0.5) / 4294967296.0;
    }
}

static int suggest(const struct space *s, const struct search_past *past, uint64_t seed,
                   uint64_t number, double *u, struct err *e)
{
    (void)past, (void)e;
    sobol_point(seed, (uint32_t)number, s->n, u);
    for (size_t i = 0; i < s->n; i++) u[i] = dim_snap(&s->dims[i], u[i]);
    return 0;
}

const struct sampler sampler_sobol = { .name = "sobol",
                                       .title = "evenly over the space (Sobol's sequence)",
                                       .suggest = suggest };
