/* curve.h: what a two-class model does at every threshold: the points of its ROC curve, and what
 * follows from them: lift by tenths, the Kolmogorov-Smirnov distance of the classes, and the
 * threshold that costs least. Rows with equal scores are one step; where a tenth cuts through
 * such rows, it gets its share of their positives, so the order of rows never matters. Pure. */
#pragma once
#include "engine/engine.h"
#include "engine/stats/table.h"

struct curve_point {
    double threshold; /* rows with p >= threshold count as positive; the first is above all */
    double tp, fp;
};
struct curve {
    struct curve_point *at; /* by falling threshold; the last counts all rows */
    size_t n;
    double pos, neg;
};
/* y in {0, 1}; NaN rows are left out. ERR_NOMEM. */
int curve_make(const double *y, const double *p, size_t n, struct curve *ret, struct err *e);
void curve_done(struct curve *c);
double curve_tpr(const struct curve *c, const struct curve_point *p); /* NaN: no positives */
double curve_fpr(const struct curve *c, const struct curve_point *p);
/* Index of the point with the largest TPR - FPR, the first of equals. */
size_t curve_ks(const struct curve *c);
/* At most max (>= 2) indices into the points, first and last among them, evenly along the
 * curve. Returns how many. */
size_t curve_thin(const struct curve *c, size_t max, size_t *ret);

enum { LIFT_BINS = 10 };
struct lift_bin {
    double n, positives;       /* rows of this tenth, highest scores first */
    double low, high;          /* scores in it */
    double rate, lift;         /* share of positives; that over all rows' share */
    double gain, cumulative;   /* share of all positives up to here; lift up to here */
    double ks;                 /* TPR - FPR up to here */
};
void curve_lift(const struct curve *c, struct lift_bin out[LIFT_BINS]);

struct costs {
    double fp, fn;
};
/* Cost of a row on average at a point, and the cheapest point: of equals the one nearest 0.5. */
double curve_cost(const struct curve *c, const struct curve_point *p, const struct costs *k);
size_t curve_cheapest(const struct curve *c, const struct costs *k);
/* 95 % intervals, by bootstrap, of the cheapest threshold and of the cost at `threshold`. */
int curve_cost_intervals(const struct engine *en, const double *y, const double *p, size_t n,
                         const struct costs *k, double threshold, size_t replicates,
                         struct interval *ret_threshold, struct interval *ret_cost, struct err *e);
