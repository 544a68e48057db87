/* gram.h: sums of weighted outer products over the rows of a design: what Newton's method and
 * normal equations need, in one pass.
 *
 * With z = (x, 1) for a row x: H = sum of weight * z z', g = sum of slope * z, and a sum of
 * losses. Rows are cut into chunks whose number depends on the sizes alone; a chunk is summed
 * in row order, chunks are added in order: the bytes do not depend on the thread count. */
#pragma once
#include "engine/engine.h"
#include "engine/learn/design.h"

/* Fills weight, slope and loss of rows [from, to), at most GRAM_BATCH of them. */
typedef void gram_row_fn(const void *arg, size_t from, size_t to, double *weight, double *slope,
                         double *loss);
#define GRAM_BATCH 256

struct kernels;

struct gram {
    size_t d; /* d + 1 unknowns: coefficients in the matrix's order, then the intercept */
    size_t full, sparse; /* of the d columns: see design.h */
    double *h;           /* (d + 1)^2, lower triangle */
    double *g;           /* d + 1 */
    double loss;
    double *sums; /* the chunks' own; without sparse columns h and g are those of the first */
    size_t chunks;
    const struct kernels *kernels;
};

/* For designs with as many columns of both kinds as x. */
int gram_init(struct gram *s, const struct design *x, struct err *e);
void gram_done(struct gram *s);
void gram_run(struct gram *s, const struct engine *en, const struct design *x, gram_row_fn *fn,
              const void *arg);
/* Only g and the loss, at a fraction of the cost; h is left as it is. */
void gram_run_slope(struct gram *s, const struct engine *en, const struct design *x,
                    gram_row_fn *fn, const void *arg);
