/* importance.c: which parameters mattered, see search.h. The forest is the learner of that name
 * on the unit cube, so the spread is over the distributions that the sweep file gives. The
 * marginal mean of a dimension at a value is the mean prediction over BACKGROUND points of the
 * space with that dimension set to the value; GRID values a dimension. */
#include "base/mem.h"
#include "engine/learn/learner.h"
#include "engine/search/search.h"
#include "engine/search/sobol.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TREES = 48, BACKGROUND = 128, GRID = 24, LEAST = 4 };

struct anova {
    const struct space *s;
    const struct learner *forest;
    void *state;
    double *points; /* BACKGROUND by n */
    double *mean;   /* the marginal means of one dimension */
};

/* Finished trials as the matrix of a learner: column-major; *ret_n rows. */
static size_t rows_of(const struct space *s, const struct search_past *past, double *x, double *y,
                      int32_t *levels)
{
    size_t n = 0, row = 0;

    for (size_t i = 0; i < past->n; i++) n += past->trials[i].state == SEARCH_DONE;
    for (size_t j = 0; j < s->n; j++)
        levels[j] = dim_is_choice(&s->dims[j]) ? (int32_t)s->dims[j].levels : 0;
    for (size_t i = 0; i < past->n; i++) {
        const struct search_trial *t = &past->trials[i];
        if (t->state != SEARCH_DONE) continue;
        for (size_t j = 0; j < s->n; j++)
            x[j * n + row] = levels[j] ? (double)dim_level(&s->dims[j], t->u[j]) : t->u[j];
        y[row++] = t->value;
    }
    return n;
}

static int grow(const struct engine *en, struct anova *v, const struct search_past *past,
                struct err *e)
{
    struct arena a = ARENA_INIT;
    struct val *in = val_obj(&a), *params;
    size_t d = v->s->n;
    double *x = mem_zalloc(past->n * d + past->n + 1, sizeof *x), *y = x + past->n * d;
    int32_t *levels = mem_zalloc(d, sizeof *levels);
    size_t n = rows_of(v->s, past, x, y, levels);
    int rc;

    val_set_int(in, "n_estimators", TREES);
    rc = n < LEAST ? err_set(e, ERR_STATE, "importance needs %d finished trials", LEAST)
                   : param_bind_val(v->forest->params, &a, in, &params, e);
    if (rc == 0) {
        struct fit_input f = {
            .task = TASK_REGRESSION, .train = { n, d, x, levels }, .y = y, .params = params
        };
        rc = v->forest->fit(en, &f, &v->state, e);
    }
    free(x);
    free(levels);
    arena_done(&a);
    return rc;
}

static double predict(const struct anova *v, const double *u)
{
    double out;

    v->forest->predict_row(v->state, u, &out);
    return out;
}

/* A choice by its number, as the forest knows it. */
static double seen(const struct dim *d, double u)
{
    return dim_is_choice(d) ? (double)dim_level(d, u) : dim_snap(d, u);
}

static double variance(const double *v, size_t n)
{
    double mean = 0, sum = 0;

    for (size_t i = 0; i < n; i++) mean += v[i] / (double)n;
    for (size_t i = 0; i < n; i++) sum += (v[i] - mean) * (v[i] - mean);
    return sum / (double)n;
}

static double marginal_variance(struct anova *v, size_t j)
{
    size_t d = v->s->n;

    for (size_t k = 0; k < GRID; k++) {
        double x = seen(&v->s->dims[j], ((double)k + 0.5) / GRID);
        v->mean[k] = 0;
        for (size_t i = 0; i < BACKGROUND; i++) {
            double *p = v->points + i * d, kept = p[j];
            p[j] = x;
            v->mean[k] += predict(v, p) / BACKGROUND;
            p[j] = kept;
        }
    }
    return variance(v->mean, GRID);
}

int search_importance(const struct engine *en, const struct space *s,
                      const struct search_past *past, double *out, struct err *e)
{
    struct anova v = { .s = s, .forest = learner_find("forest") };
    double total, all[BACKGROUND], mean[GRID];
    int rc = grow(en, &v, past, e);

    if (rc < 0) return rc;
    v.points = mem_zalloc(BACKGROUND * s->n + 1, sizeof *v.points);
    v.mean = mean;
    for (uint32_t i = 0; i < BACKGROUND; i++) {
        double *p = v.points + i * s->n;
        sobol_point(en->seed, i, s->n, p);
        for (size_t j = 0; j < s->n; j++) p[j] = seen(&s->dims[j], p[j]);
        all[i] = predict(&v, p);
    }
    total = variance(all, BACKGROUND);
    for (size_t j = 0; j < s->n; j++)
        out[j] = total > 0 ? fmin(1, marginal_variance(&v, j) / total) : 0;
    v.forest->free(v.state);
    free(v.points);
    return 0;
}
