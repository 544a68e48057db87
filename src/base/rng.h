/* rng.h: seeded random numbers (xoshiro256**, Blackman and Vigna 2018; seeded by splitmix64).
 * Same seed, same sequence, on every machine. One owner. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct rng { uint64_t s[4]; };

void rng_seed(struct rng *r, uint64_t seed);
/* Independent stream for (seed, stream): for per-tree or per-fold generators. */
void rng_stream(struct rng *r, uint64_t seed, uint64_t stream);
uint64_t rng_u64(struct rng *r);
double rng_unit(struct rng *r);                    /* [0,1), 53 bits */
uint64_t rng_below(struct rng *r, uint64_t bound); /* [0,bound), unbiased; bound > 0 */
double rng_normal(struct rng *r);                  /* mean 0, variance 1 */
double rng_exponential(struct rng *r);             /* mean 1 */
void rng_shuffle(struct rng *r, uint32_t *v, size_t n);
uint64_t rng_mix(uint64_t x);                      /* one splitmix64 step: a 64-bit finaliser */
