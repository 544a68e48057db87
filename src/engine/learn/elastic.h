/* elastic.h: linear and logistic models with a penalty on absolute values, over a path of
 * penalties.
 *
 *   minimise  loss / W + lambda * (a |c|_1 + (1 - a)/2 |c|^2)          W: sum of weights
 *
 * with a = l1_ratio, loss half the squared errors or the log loss, the intercept free; on the
 * encoder's columns. Cyclic coordinate descent on the quadratic of a Newton step (Friedman,
 * Hastie, Tibshirani 2010), each lambda starting where the one above it ended. Bytes do not
 * depend on the thread count. */
#pragma once
#include "engine/learn/linmodel.h"

struct elastic {
    double l1_ratio;
    double lambda;   /* NaN: the one of the path with the least loss on rows not fitted */
    size_t n_lambda; /* of the path, from the least that leaves no coefficient to 1/1000 of it */
    size_t folds;    /* where there are no validation rows */
    size_t max_iter; /* Newton steps a lambda */
    double tol;      /* of the mean gradient */
};
#define ELASTIC_COLUMNS 4096 /* at most */
#define ELASTIC_PARAMS                                                                             \
    { "l1_ratio", PARAM_REAL, 0, "0", 0, 1, NULL,                                                  \
      "share of the penalty on absolute values: 0 ridge (with l2), 1 lasso" },                     \
        { "lambda", PARAM_REAL, 0, NULL, 0, 1e15, NULL,                                            \
          "penalty with l1_ratio, on the mean loss; not given: chosen from a path" },              \
        { "n_lambda", PARAM_INT, 0, "50", 2, 1000, NULL, "penalties of the path" },                \
        { "folds", PARAM_INT, 0, "5", 2, 50, NULL,                                                 \
          "parts for choosing lambda where no validation rows are given" }

/* Whether the parameters ask for this rather than for ridge. */
bool elastic_wanted(const struct val *params);
struct elastic elastic_from(const struct val *params);
/* Fits m's coefficients and its path. ERR_LIMIT, ERR_NOMEM, ERR_CANCELLED. */
int elastic_linear(const struct engine *en, const struct fit_input *in, const struct elastic *o,
                   struct linmodel *m, struct err *e);
int elastic_logistic(const struct engine *en, const struct fit_input *in, const struct elastic *o,
                     struct linmodel *m, struct err *e);

/* For the files of the two losses. */
struct quadratic {
    size_t n;              /* unknowns, the last of which is free of penalty */
    const double *h;       /* n * n, both triangles */
    double *r, *c;         /* gradient of the smooth part at c, and c: both are kept up */
    double l1, l2, enough; /* enough: largest change of a gradient that does not matter */
};
/* Minimises 1/2 c'Hc + … + l1 |c|_1 + l2/2 |c|^2. */
void quadratic_solve(const struct quadratic *q);
/* Copies the lower triangle to the upper one. */
void quadratic_mirror(double *h, size_t n);
/* The largest violation of the conditions for a minimum; r: gradient of the smooth part. */
double elastic_violation(const double *r, const double *c, size_t d, double l1, double l2);
/* Fills the path's penalties from the largest |gradient| / W with no coefficients. */
int elastic_path(const struct elastic *o, double steepest, struct linmodel *m, struct err *e);
/* The step with the least loss; losses: folds rows of path->n each, which become mean and
 * standard error. */
void elastic_choose(struct path *p, const double *losses, size_t folds);
size_t elastic_nonzero(const double *w, size_t n);
