/* random.c: independent draws from the parameters' distributions. The draw of a trial depends on
 * seed and number alone, so any number of trials at once makes the same sweep. */
#include "base/rng.h"
#include "engine/search/search.h"

extern const struct sampler sampler_random;

static int suggest(const struct space *s, const struct search_past *past, uint64_t seed,
                   uint64_t number, double *u, struct err *e)
{
    struct rng r;

    (void)past, (void)e;
    rng_stream(&r, seed, number);
    for (size_t i = 0; i < s->n; i++) u[i] = dim_snap(&s->dims[i], rng_unit(&r));
    return 0;
}

const struct sampler sampler_random = { .name = "random",
                                        .title = "independent draws",
                                        .suggest = suggest };
