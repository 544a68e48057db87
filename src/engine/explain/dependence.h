/* dependence.h: what a model answers when one or two columns are set to the values of a grid and
 * everything else stays: on average over rows, the partial dependence (Friedman 2001), and row by
 * row, the individual expectations (Goldstein and others 2015). For any model.
 *
 * The grid of a number is quantiles of the rows, all values where there are few; of a category
 * its most frequent levels; the last point is "missing" where rows have that. Rows are taken
 * evenly from the table, so that the same table gives the same answer. */
#pragma once
#include "engine/model/model.h"

#define DEPENDENCE_GRID 200    /* points of an axis at most */
#define DEPENDENCE_ROWS 100000 /* rows at most */

struct dependence_wish {
    const char *column[2]; /* second NULL: one column */
    size_t grid[2], rows;  /* at most; 1 at least */
    int output;            /* -1: of several classes the one with the greatest mean */
};

struct dependence_axis {
    const struct column *column; /* of the table */
    size_t n;
    double *value; /* numbers, or codes of the column; NaN: missing */
};

struct dependence {
    struct dependence_axis axis[2]; /* second n = 1 for one column */
    int output;
    size_t n_rows;
    uint32_t *row; /* of the table */
    double *mean;  /* mean[i * axis[1].n + j] over the rows */
    /* One column: curve[r * axis[0].n + i] of row r, and by point the deviation of the rows'
     * curves, each taken about its own mean: 0 everywhere when no other column matters to how
     * this one acts. Two: NULL. */
    double *curve, *spread;
    /* Two: share of the surface's variance that no sum of two curves explains (after Friedman
     * and Popescu 2008); by point what is left of it. */
    double interaction, *left;
};
/* *ret lives in the arena. ERR_INVALID: a column the model does not use or the table lacks. */
int dependence_measure(const struct engine *en, const struct model *m, const struct frame *f,
                       const struct dependence_wish *wish, struct arena *a, struct dependence *ret,
                       struct err *e);
