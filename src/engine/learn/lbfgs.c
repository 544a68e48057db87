/* lbfgs.c: see lbfgs.h. The last PAIRS steps and gradient differences stand for the curvature;
 * a step of 1 is tried first and, near the minimum, nearly always taken. The line search keeps
 * an interval: a point that does not lower enough bounds it from above, one that still
 * descends too steeply from below; bisection, or doubling while there is no upper bound. */
#include "engine/learn/lbfgs.h"

#include "base/mem.h"
#include "engine/learn/vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS 10
#define LOWER 1e-4 /* share of the predicted decrease that must be reached */
#define CURVE 0.9  /* share of the slope that may be left */
#define TRIES 40

struct state {
    const struct lbfgs *p;
    double *x, *g, *dir; /* point, gradient, direction */
    double *x2, *g2;     /* trial point */
    double *s[PAIRS], *y[PAIRS], rho[PAIRS];
    int pairs, newest; /* how many, and which is the last */
    double f;
};

static double largest(const double *v, size_t n)
{
    double m = 0;

    for (size_t i = 0; i < n; i++)
        if (fabs(v[i]) > m) m = fabs(v[i]);
    return m;
}

/* Two-loop recursion: dir = -H g. */
static void direction(struct state *t)
{
    size_t n = t->p->n;
    double alpha[PAIRS];

    for (size_t i = 0; i < n; i++) t->dir[i] = -t->g[i];
    for (int k = 0; k < t->pairs; k++) {
        int i = (t->newest - k + PAIRS) % PAIRS;
        alpha[i] = t->rho[i] * vec_dot(t->s[i], t->dir, n);
        vec_axpy(t->dir, -alpha[i], t->y[i], n);
    }
    if (t->p->solve) {
        t->p->solve(t->p->arg, t->dir);
    } else if (t->pairs) {
        int i = t->newest;
        double scale = 1 / (t->rho[i] * vec_dot(t->y[i], t->y[i], n));
        for (size_t j = 0; j < n; j++) t->dir[j] *= scale;
    }
    for (int k = t->pairs - 1; k >= 0; k--) {
        int i = (t->newest - k + PAIRS) % PAIRS;
        double beta = t->rho[i] * vec_dot(t->y[i], t->dir, n);
        vec_axpy(t->dir, alpha[i] - beta, t->s[i], n);
    }
}

/* Finds a step along dir; x2, g2 and *ret_f describe its end. */
static bool search(struct state *t, double step, double *ret_f)
{
    size_t n = t->p->n;
    double slope = vec_dot(t->g, t->dir, n), lo = 0, hi = HUGE_VAL;

    if (!(slope < 0)) return false;
    for (int tries = 0; tries < TRIES; tries++) {
        double f;
        memcpy(t->x2, t->x, n * sizeof *t->x2);
        vec_axpy(t->x2, step, t->dir, n);
        f = t->p->eval(t->p->arg, t->x2, t->g2);
        if (!(f <= t->f + LOWER * step * slope)) hi = step;
        else if (vec_dot(t->g2, t->dir, n) < CURVE * slope) lo = step;
        else {
            *ret_f = f;
            return true;
        }
        step = isfinite(hi) ? (lo + hi) / 2 : 2 * step;
    }
    return false;
}

/* Takes the trial point over and remembers the pair, if it shows positive curvature. */
static void accept(struct state *t, double f)
{
    size_t n = t->p->n;
    int i = (t->newest + 1) % PAIRS;
    double sy;

    for (size_t j = 0; j < n; j++) {
        t->s[i][j] = t->x2[j] - t->x[j];
        t->y[i][j] = t->g2[j] - t->g[j];
    }
    memcpy(t->x, t->x2, n * sizeof *t->x);
    memcpy(t->g, t->g2, n * sizeof *t->g);
    t->f = f;
    sy = vec_dot(t->s[i], t->y[i], n);
    if (!(sy > 1e-300)) return;
    t->rho[i] = 1 / sy;
    t->newest = i;
    if (t->pairs < PAIRS) t->pairs++;
}

static enum lbfgs_end iterate(struct state *t)
{
    const struct lbfgs *p = t->p;

    t->f = p->eval(p->arg, t->x, t->g);
    for (int i = 1;; i++) {
        double size = largest(t->g, p->n), f;
        if (size <= p->tol) return LBFGS_CONVERGED;
        if (i > p->max_iter) return LBFGS_MAX_ITER;
        direction(t);
        if (!search(t, t->pairs || p->solve ? 1 : 1 / size, &f)) {
            if (!t->pairs) return LBFGS_NO_PROGRESS;
            t->pairs = 0; /* once more along the plain gradient */
            continue;
        }
        accept(t, f);
        if (!p->step(p->arg, i, t->f, t->x)) return LBFGS_STOPPED;
    }
}

int lbfgs_minimise(const struct lbfgs *p, double *x, enum lbfgs_end *ret, struct err *e)
{
    struct state t = { .p = p, .x = x, .newest = PAIRS - 1 };
    double *all = mem_try(p->n * (4 + 2 * PAIRS), sizeof *all);

    if (!all) return err_set(e, ERR_NOMEM, "no memory to fit %zu coefficients", p->n);
    t.g = all;
    t.dir = all + p->n;
    t.x2 = all + 2 * p->n;
    t.g2 = all + 3 * p->n;
    for (size_t i = 0; i < PAIRS; i++) {
        t.s[i] = all + (4 + 2 * i) * p->n;
        t.y[i] = all + (5 + 2 * i) * p->n;
    }
    *ret = iterate(&t);
    free(all);
    return 0;
}
