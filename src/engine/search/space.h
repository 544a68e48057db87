/* space.h: what a sweep may vary: parameters with their distributions, as a unit cube.
 *
 * Every parameter that varies is a dimension, and a point of the space has one number of [0, 1]
 * for each. The quantile function of the parameter's distribution makes it a value, so that a
 * uniform point is a draw from the distributions, logarithmic scales become straight, and what
 * samplers do is the same for all of them. What is countable (choices, whole numbers, multiples
 * of q) cuts [0, 1] into cells; points are kept in the middle of theirs (dim_snap).
 *
 * Parsed from the `parameters` of a sweep file. Immutable afterwards; any thread. */
#pragma once
#include "base/val.h"
#include <stddef.h>

enum { SPACE_DIMS_MAX = 128, SPACE_LEVELS_MAX = 10000 };

enum dist_family {
    DIST_INT,
    DIST_LINEAR,
    DIST_EXP,
    DIST_INVEXP,
    DIST_LOG,
    DIST_INVLOG,
    DIST_NORMAL,
    DIST_LOGNORMAL,
    DIST_BETA
};
struct dist {
    const char *name;
    enum dist_family family;
    bool quantised;
    const char *first, *second, *help;
};
extern const struct dist dists[]; /* name NULL ends */

struct dim {
    const char *name;         /* path: "learning_rate", "gbdt.learning_rate" */
    const struct dist *dist;  /* NULL: one of `values` */
    double a, b, q;           /* bounds, or the two shape numbers; step */
    const struct val *values; /* list; NULL: a number */
    const double *upto;       /* values: cumulated probabilities, ending in 1 */
    size_t levels;            /* how many values there are; 0: not countable, or without end */
};

struct space {
    const struct dim *dims;
    size_t n;
    const struct val *fixed; /* object path -> value of parameters that do not vary */
};

/* parameters: the object of that name. Strings and values are copied into the arena.
 * ERR_INVALID with the path of the key. */
int space_parse(struct arena *a, const struct val *parameters, struct space *ret, struct err *e);
/* Values at a point, fixed ones too, by path; out is an object in arena a. */
void space_values(const struct space *s, struct arena *a, const double *u, struct val *out);

static inline bool dim_is_choice(const struct dim *d)
{
    return d->values != NULL;
}
/* Values come in steps, countable or not. */
static inline bool dim_is_discrete(const struct dim *d)
{
    return d->values || d->dist->quantised || d->dist->family == DIST_INT;
}
double dim_number(const struct dim *d, double u); /* numeric: value at u */
struct val *dim_value(const struct dim *d, struct arena *a, double u);
/* Discrete: the cell of points that mean the same value; else false. */
bool dim_cell(const struct dim *d, double u, double *lo, double *hi);
double dim_snap(const struct dim *d, double u);
/* Countable: the number of the value at u, in order, and the middle of a value's cell. */
size_t dim_level(const struct dim *d, double u);
double dim_middle(const struct dim *d, size_t level);
