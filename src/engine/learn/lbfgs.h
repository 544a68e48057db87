/* lbfgs.h: minimises a smooth convex function of many variables from its gradient: limited-memory
 * BFGS (Nocedal 1980) with a line search for the weak Wolfe conditions. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>

struct lbfgs {
    size_t n;
    int max_iter;
    double tol; /* ends when no component of the gradient is larger */
    /* Value at x; g gets the gradient. */
    double (*eval)(void *arg, const double *x, double *g);
    /* After every iteration; false ends. */
    bool (*step)(void *arg, int iteration, double f, const double *x);
    /* NULL, or v becomes about the inverse Hessian times v: the better it does, the fewer the
     * iterations. The same symmetric positive map every time. */
    void (*solve)(void *arg, double *v);
    void *arg;
};

enum lbfgs_end {
    LBFGS_CONVERGED,
    LBFGS_MAX_ITER,
    LBFGS_NO_PROGRESS, /* the function cannot be lowered in double precision */
    LBFGS_STOPPED,     /* step() said so */
};

/* x: start on entry, minimum on return. ERR_NOMEM. */
int lbfgs_minimise(const struct lbfgs *p, double *x, enum lbfgs_end *ret, struct err *e);
