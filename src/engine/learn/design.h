/* design.h: the matrix of a linear learner in the form that passes over its rows are cheapest with.
 *
 * Behind one-hot encoding most columns are nearly always 0. Such a column is a sparse one: a row
 * lists what it has in those that is not 0. The others are full: side by side they make a
 * narrower matrix. A design of a matrix without enough sparse columns is the matrix itself.
 * Constant once made; any thread. */
#pragma once
#include "engine/engine.h"
#include "engine/learn/learner.h"

struct design_entry {
    double value;
    uint32_t column; /* 0 .. sparse - 1 */
};

struct design {
    size_t n, full, sparse;
    const double *x;              /* n * full */
    double *copy;                 /* that, where it is not the matrix itself */
    struct design_entry *entries; /* by row, columns ascending */
    uint64_t *start;              /* n + 1: where the entries of a row begin */
    uint32_t *column; /* full + sparse: which of the matrix, full ones first; NULL: all are full */
};

/* The matrix as it is; nothing to free. */
static inline struct design design_plain(const struct matrix *m)
{
    return (struct design){ .n = m->n, .full = m->d, .x = m->x };
}
/* With sparse columns apart where that pays; m must outlive it. ERR_NOMEM. */
int design_sparse(const struct engine *en, const struct matrix *m, struct design *ret,
                  struct err *e);
void design_done(struct design *x);

static inline size_t design_columns(const struct design *x)
{
    return x->full + x->sparse;
}
/* Which column of the matrix the k-th of the design is. */
static inline size_t design_column(const struct design *x, size_t k)
{
    return x->column ? x->column[k] : k;
}
/* A value a column from the matrix's order to the design's. */
void design_order(const struct design *x, const double *w, double *ret);
/* out[i] = row from + i times w, which is in the design's order. */
struct kernels;
void design_dots(const struct design *x, const struct kernels *kernels, size_t from, size_t to,
                 const double *w, double *out);
