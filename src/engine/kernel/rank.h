/* rank.h: the search of tree.h's cuts, one value at a time, without branches on the value.
 *
 * Buckets rise with x, also for infinite and missing x and for bounds so close or far that scale
 * is infinite or 0: so a bound in a lower bucket than x's is below x, one in a higher above. */
#pragma once
#include "engine/kernel/tree.h"

#define KERNEL_RANK static inline __attribute__((always_inline))

KERNEL_RANK unsigned kernel_bucket(const struct kernel_cuts *c, double x)
{
    double t = (x - c->lo) * c->scale;

    t = t > 0 ? t : 0; /* also when it is not a number */
    t = t < c->top ? t : c->top;
    return (unsigned)(int)t;
}

/* A number of bounds below x, at most four less than all of them. */
KERNEL_RANK unsigned kernel_rank_near(const struct kernel_cuts *c, unsigned p, double x)
{
    for (unsigned s = c->half; s >= 4; s /= 2) p += -(unsigned)(x > c->bound[p + s - 1]) & s;
    return p;
}

KERNEL_RANK uint8_t kernel_rank(const struct kernel_cuts *c, double x)
{
    unsigned p = kernel_rank_near(c, c->below[kernel_bucket(c, x)], x);
    const double *b = c->bound + p;

    p += x > b[0];
    if (c->near > 1) p += x > b[1];
    if (c->near > 2) p += (unsigned)(x > b[2]) + (x > b[3]);
    return x != x ? c->missing : (uint8_t)(p + c->first);
}
