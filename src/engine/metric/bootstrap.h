/* bootstrap.h: intervals of any figure by drawing rows again (Efron 1979): replicate r weights
 * the rows by how often they were drawn, in a generator of its own for (seed, r), so that the
 * figures are the same for any number of threads. Pure. */
#pragma once
#include "engine/engine.h"
#include "engine/stats/table.h"

enum { ACCELERATED = 1000 };
#define BOOTSTRAP_NONE ((size_t)-1) /* for those who take replicates: no such intervals */

struct bootstrap {
    size_t n, k;       /* rows; figures */
    size_t replicates;
    uint64_t seed;
    /* The k figures of weighted rows; on any thread of the pool. NaN: undefined. */
    void (*fn)(const void *user, const double *w, double *out);
    const void *user;
};
/* 1,000, fewer of large tables, never under 200. */
size_t bootstrap_replicates(size_t rows);
/* out[f * replicates + r] is figure f of replicate r. ERR_NOMEM, ERR_CANCELLED. */
int bootstrap_run(const struct engine *en, const struct bootstrap *b, double *out, struct err *e);
/* How fast the spread of each figure changes with its value, from leaving out one row after the
 * other; 0 for tables of more rows than `ACCELERATED`, where it no longer matters. */
int bootstrap_acceleration(const struct engine *en, const struct bootstrap *b, double *out,
                           struct err *e);
/* What replicates say of a figure, 95 %; they are sorted. NaN when the figure is undefined, or
 * is in more than one of twenty replicates. */
struct interval bootstrap_percentile(double *values, size_t replicates, double estimate);
/* The same corrected for the bias that their position around the estimate shows, and for
 * acceleration (Efron 1987). */
struct interval bootstrap_bca(double *values, size_t replicates, double estimate,
                              double acceleration);
