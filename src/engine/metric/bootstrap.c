/* bootstrap.c: see bootstrap.h. Every thread has its own weights; which thread computes a
 * replicate decides nothing. */
#include "engine/metric/bootstrap.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/pool.h"
#include "engine/stats/special.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define Z95 1.959963984540054
enum { DRAWS = 20000000, REPLICATES_MIN = 200, REPLICATES_MAX = 1000 };

size_t bootstrap_replicates(size_t rows)
{
    size_t r = DRAWS / (rows + 1);

    return r < REPLICATES_MIN ? REPLICATES_MIN : r > REPLICATES_MAX ? REPLICATES_MAX : r;
}

struct work {
    const struct engine *en;
    const struct bootstrap *b;
    double *weights, *each; /* per thread: n weights; k figures */
    double *out;
};

static void replicate(void *arg, size_t task, int thread)
{
    struct work *w = arg;
    const struct bootstrap *b = w->b;
    double *weights = w->weights + (size_t)thread * b->n, *each = w->each + (size_t)thread * b->k;
    struct rng r;

    if (engine_cancelled(w->en)) return;
    rng_stream(&r, b->seed, task);
    memset(weights, 0, b->n * sizeof *weights);
    for (size_t i = 0; i < b->n; i++) weights[rng_below(&r, b->n)]++;
    b->fn(b->user, weights, each);
    for (size_t f = 0; f < b->k; f++) w->out[f * b->replicates + task] = each[f];
}

int bootstrap_run(const struct engine *en, const struct bootstrap *b, double *out, struct err *e)
{
    size_t threads = (size_t)pool_size(en->pool);
    struct work w = { en, b, mem_try(threads * b->n + 1, sizeof(double)),
                      mem_try(threads * b->k + 1, sizeof(double)), out };

    if (w.weights && w.each && b->n) pool_run(en->pool, b->replicates, replicate, &w);
    for (size_t i = 0; b->n == 0 && i < b->k * b->replicates; i++) out[i] = (double)NAN;
    bool memory = w.weights && w.each;
    free(w.weights);
    free(w.each);
    if (!memory) return err_set(e, ERR_NOMEM, "no memory to draw %zu rows again", b->n);
    return engine_cancelled(en) ? err_set(e, ERR_CANCELLED, "cancelled") : 0;
}

static int ascending(const void *pa, const void *pb)
{
    const double *a = pa, *b = pb;

    return (*a > *b) - (*a < *b);
}

static double quantile(const double *sorted, size_t n, double q)
{
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;

    return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[i];
}

/* How far, in deviations, the estimate is from the middle of its replicates. */
static double bias(const double *sorted, size_t n, double estimate)
{
    double below = 0;

    for (size_t i = 0; i < n; i++)
        below += sorted[i] < estimate ? 1 : sorted[i] == estimate ? .5 : 0;
    return norm_ppf(fmin(fmax(below, .5), (double)n - .5) / (double)n);
}

/* Drops undefined values and sorts; how many there are, 0: too few of them. */
static size_t defined(double *values, size_t replicates)
{
    size_t n = 0;

    for (size_t i = 0; i < replicates; i++)
        if (!isnan(values[i])) values[n++] = values[i];
    qsort(values, n, sizeof *values, ascending);
    return n * 20 < replicates * 19 ? 0 : n;
}

struct interval bootstrap_bca(double *values, size_t replicates, double estimate,
                              double acceleration)
{
    size_t n = isnan(estimate) ? 0 : defined(values, replicates);

    if (n == 0) return (struct interval){ (double)NAN, (double)NAN };
    double z = bias(values, n, estimate), low = z - Z95, high = z + Z95;
    return (struct interval){
        quantile(values, n, norm_cdf(z + low / (1 - acceleration * low))),
        quantile(values, n, norm_cdf(z + high / (1 - acceleration * high))),
    };
}

struct interval bootstrap_percentile(double *values, size_t replicates, double estimate)
{
    size_t n = isnan(estimate) ? 0 : defined(values, replicates);

    if (n == 0) return (struct interval){ (double)NAN, (double)NAN };
    return (struct interval){ quantile(values, n, norm_cdf(-Z95)),
                              quantile(values, n, norm_cdf(Z95)) };
}

/* ---- acceleration ------------------------------------------------------------------------ */

static void leave_one_out(void *arg, size_t task, int thread)
{
    struct work *w = arg;
    const struct bootstrap *b = w->b;
    double *weights = w->weights + (size_t)thread * b->n, *each = w->each + (size_t)thread * b->k;

    if (engine_cancelled(w->en)) return;
    for (size_t i = 0; i < b->n; i++) weights[i] = i != task;
    b->fn(b->user, weights, each);
    for (size_t f = 0; f < b->k; f++) w->out[f * b->n + task] = each[f];
}

static double acceleration(const double *v, size_t n)
{
    double mean = 0, squares = 0, cubes = 0;

    for (size_t i = 0; i < n; i++) mean += v[i] / (double)n;
    for (size_t i = 0; i < n; i++) {
        double d = mean - v[i];
        squares += d * d;
        cubes += d * d * d;
    }
    double a = cubes / (6 * squares * sqrt(squares));
    return isfinite(a) ? a : 0;
}

int bootstrap_acceleration(const struct engine *en, const struct bootstrap *b, double *out,
                           struct err *e)
{
    size_t threads = (size_t)pool_size(en->pool);
    struct work w = { .en = en, .b = b };

    for (size_t f = 0; f < b->k; f++) out[f] = 0;
    if (b->n < 2 || b->n > ACCELERATED) return 0;
    w.weights = mem_zalloc(threads * b->n, sizeof(double));
    w.each = mem_zalloc(threads * b->k + 1, sizeof(double));
    w.out = mem_zalloc(b->n * b->k + 1, sizeof(double));
    pool_run(en->pool, b->n, leave_one_out, &w);
    for (size_t f = 0; f < b->k; f++) out[f] = acceleration(w.out + f * b->n, b->n);
    free(w.weights);
    free(w.each);
    free(w.out);
    return engine_cancelled(en) ? err_set(e, ERR_CANCELLED, "cancelled") : 0;
}
