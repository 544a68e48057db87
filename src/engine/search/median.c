/* median.c: ends a trial whose best value so far is worse than the median of the other trials'
 * values at the same step, once `startup` of them have run to their end; not before step
 * `warmup`, and every `interval` steps. */
#include "base/mem.h"
#include "engine/search/search.h"

#include <math.h>
#include <stdlib.h>

extern const struct pruner pruner_median;

static int64_t next(const struct pruner_options *o, int64_t step)
{
    int64_t every = o->interval > 0 ? o->interval : 1;

    if (step < o->warmup) step = o->warmup;
    return (step / every + 1) * every;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static bool stop(const struct pruner_options *o, const struct search_curve *own,
                 const struct search_curve *others, size_t n, size_t done)
{
    int64_t step = own->step[own->n - 1];
    double best = curve_best(own, step), *v;
    size_t k = 0;
    bool worse = false;

    if (done < (size_t)o->startup || n == 0) return isnan(best);
    v = mem_alloc(n * sizeof *v);
    for (size_t i = 0; i < n; i++) {
        const struct search_curve *c = &others[i];
        if (c->n && c->step[c->n - 1] >= step && !isnan(curve_at(c, step)))
            v[k++] = curve_at(c, step);
    }
    if (k > 0) {
        qsort(v, k, sizeof *v, ascending);
        worse = best > (k % 2 ? v[k / 2] : (v[k / 2 - 1] + v[k / 2]) / 2);
    }
    free(v);
    return worse || isnan(best);
}

static const char *const keys[] = { "startup", "warmup", "interval", NULL };
const struct pruner pruner_median = { .name = "median", .keys = keys, .next = next, .stop = stop };
