/* linmodel.h: what a fitted linear learner is: coefficients and how strongly each column moves
 * the result. Shared by learn/logistic.c and learn/linear.c. Constant after fit; any thread. */
#pragma once
#include "engine/learn/learner.h"

#define LINMODEL_MAX_SCORES 1024

/* A path of penalties: what each left of the coefficients. */
struct path_step {
    double lambda, loss, error; /* mean loss on rows not fitted, its standard error; NaN: not
                                   measured */
    uint32_t nonzero;
};
struct path {
    size_t n, chosen;
    struct path_step step[];
};

struct linmodel {
    size_t d;          /* columns */
    size_t k;          /* scores a row gets: 1, or one a class */
    double *w;         /* d * k: coefficient of column j for score c is w[j * k + c] */
    double *b;         /* k intercepts */
    struct path *path; /* NULL: there was one penalty from the start */
    double *influence; /* d: mean |coefficient| times the column's deviation in training */
};

struct linmodel *linmodel_new(size_t d, size_t k); /* zeros; NULL: no memory */
void linmodel_free(struct linmodel *m);            /* NULL is fine */
struct path *linmodel_path(struct linmodel *m, size_t n); /* a new path; NULL: no memory */
/* As learner.h's describe. */
void linmodel_describe(const void *state, struct val *out);
/* z gets k scores: b + w' x. */
void linmodel_scores(const struct linmodel *m, const double *x, double *z);
/* Computes influence from the training matrix. */
void linmodel_weigh(struct linmodel *m, const struct engine *en, const struct matrix *train);
void linmodel_importance(const struct linmodel *m, size_t d, double *out);
/* As learner.h's contributions. */
int linmodel_contributions(const void *state, const double *x, double *out, struct err *e);
/* As learner.h's to_dense: one layer. */
void linmodel_to_dense(const void *state, struct dense *ret);
int linmodel_save(const struct linmodel *m, struct buf *out, struct err *e);
/* want_k: the number of scores that fits the model's header. ERR_CORRUPT. */
int linmodel_load(struct cursor *in, size_t d, size_t want_k, struct linmodel **ret, struct err *e);
