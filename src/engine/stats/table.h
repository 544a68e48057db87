/* table.h: tests on counts: 2 x k tables of a reference and a current sample, proportions, and
 * corrections for many tests at once. Columns that are zero in both rows do not count. */
#pragma once
#include <stddef.h>

struct table_test {
    double stat, p;
    size_t df;             /* 0: one category only, p = 1 */
    double min_expected;   /* smallest expected cell */
    double cramers_v;      /* effect size (Cramer 1946) */
};

/* Homogeneity: both rows are samples (Pearson 1900; no continuity correction unless yates is
 * set, which then applies to 2 x 2 only). */
struct table_test table_chi2(const double *ref, const double *cur, size_t k, int yates);
struct table_test table_g(const double *ref, const double *cur, size_t k); /* likelihood ratio */
/* Two-sided Fisher test of a 2 x 2 table: tables at most as probable as the observed one. */
double table_fisher(double a, double b, double c, double d);

/* Pooled two-proportion z test: k1 of n1 against k2 of n2; two-sided p, 1 when undefined. */
struct z_test {
    double z, p;
};
struct z_test two_proportion_z(double k1, double n1, double k2, double n2);

struct interval {
    double low, high;
};
struct interval wilson_interval(double k, double n, double confidence);      /* Wilson 1927 */
struct interval clopper_interval(double k, double n, double confidence);     /* exact, 1934 */

enum p_adjust { P_BONFERRONI, P_HOLM, P_HOCHBERG, P_BH, P_BY, P_SIDAK };
/* Adjusted p-values in the order given; NaN stays NaN and is not counted. 0 or -ERR_NOMEM. */
int p_adjust(enum p_adjust method, const double *p, size_t n, double *out);
