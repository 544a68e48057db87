/* grid.c: every combination once, in the order of the file, the last parameter fastest. */
#include "engine/search/search.h"

extern const struct sampler sampler_grid;

static int size(const struct space *s, int64_t *ret, struct err *e)
{
    int64_t n = 1;

    for (size_t i = 0; i < s->n; i++) {
        const struct dim *d = &s->dims[i];
        if (d->levels == 0) {
            err_set(e, ERR_INVALID, "parameters.%s: a grid cannot go through %s", d->name,
                    d->dist->name);
            return err_hint(e, "list its values, give whole bounds or a q_ distribution with min "
                               "and max, or use method random with run_cap");
        }
        if (__builtin_mul_overflow(n, (int64_t)d->levels, &n) || n > 1000000000) {
            err_set(e, ERR_INVALID, "parameters.%s: the grid has more than 1e9 points", d->name);
            return err_hint(e, "use coarser steps, or method random with run_cap");
        }
    }
    *ret = n;
    return 0;
}

static int suggest(const struct space *s, const struct search_past *past, uint64_t seed,
                   uint64_t number, double *u, struct err *e)
{
    (void)past, (void)seed, (void)e;
    for (size_t i = s->n; i-- > 0;) {
        const struct dim *d = &s->dims[i];
        u[i] = dim_middle(d, (size_t)(number % d->levels));
        number /= d->levels;
    }
    return 0;
}

const struct sampler sampler_grid = {
    .name = "grid", .title = "every combination in turn", .size = size, .suggest = suggest
};
