/* profile.h: what a column holds, in one pass plus a sort: the numbers behind `data profile`. */
#pragma once
#include "engine/frame/frame.h"

#define PROFILE_BINS 20
#define PROFILE_TOP 10

struct profile {
    size_t rows, missing, distinct;
    double min, max, mean, std;          /* numbers; std with n-1; NaN when undefined */
    double q[7];                         /* type-7 quantiles at .01 .05 .25 .50 .75 .95 .99 */
    size_t mode_count;                   /* of the most frequent value */
    size_t bins;                         /* histogram of equal width over [min,max] */
    double lo, width;
    size_t count[PROFILE_BINS];
    size_t n_top;                        /* coded: most frequent levels, ties by code */
    int32_t top_code[PROFILE_TOP];
    size_t top_count[PROFILE_TOP];
};
extern const double profile_probs[7];
int profile_column(const struct column *c, size_t n_rows, struct profile *ret, struct err *e);
