/* exact.h: exact null laws of rank statistics by dynamic programming; private to the folder.
 * All return NaN when there is not enough memory, and keep the relative accuracy of tiny
 * probabilities because they only add positive terms. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* P(max |i n2 - j n1| >= steps) over random lattice paths from (0,0) to (n1,n2). ends[i + j]
 * says at which path lengths the statistic is looked at (ties hide the rest); NULL: at all. */
double exact_ks(size_t n1, size_t n2, int64_t steps, const bool *ends);
/* P(U >= u) for Mann-Whitney's U without ties. */
double exact_mwu_sf(size_t n1, size_t n2, size_t u);
/* P(T >= t) for the two-sample Cramer-von Mises statistic without ties (Xiao, Gordon and
 * Yakovlev 2006); sizes up to 20. */
double exact_cvm(size_t n1, size_t n2, double t);
