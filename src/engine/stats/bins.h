/* bins.h: samples counted into bins, and distances between two rows of counts.
 *
 * End bins are always open: a value outside the reference's range counts in the outermost bin
 * and is never lost. Counts are doubles holding integers. Zero rules are part of each name,
 * because they decide the number: *_eps adds 0.0001 to every count, *_jeffreys 0.5 (Krichevsky
 * and Trofimov 1981); the plain ones let 0 log 0 = 0 and are infinite where theory says so. */
#pragma once
#include "engine/stats/sample.h"

#define BINS_MAX 256

struct bins {
    size_t n;               /* number of bins, >= 1 */
    double edge[BINS_MAX];  /* n - 1 inner edges, ascending */
    int closed_right;       /* 1: (e, f]; 0: [e, f) */
};

/* k equal-width bins over [min, max] of the reference: e_i = min + i (max - min) / k. A constant
 * or empty reference gives one bin. */
void bins_equal_width(const struct sample *ref, size_t k, struct bins *ret);
/* k bins between type-7 quantiles of the reference, equal edges merged. */
void bins_quantile(const struct sample *ref, size_t k, struct bins *ret);
void bins_count(const struct bins *b, const struct sample *s, double *counts /* [b->n] */);

/* p: reference counts, q: current counts, k of each; sums must be positive. Natural logarithm
 * unless said otherwise. */
double dist_psi_eps(const double *p, const double *q, size_t k);
double dist_psi_jeffreys(const double *p, const double *q, size_t k);
/* P(PSI >= psi) when nothing changed: PSI / (1/n1 + 1/n2) is chi-square, k - 1 df
 * (Yurdakul 2018). */
double dist_psi_p(double psi, double n1, double n2, size_t k);
double dist_kl(const double *p, const double *q, size_t k);     /* KL(p || q), may be inf */
double dist_kl_eps(const double *p, const double *q, size_t k);
double dist_js(const double *p, const double *q, size_t k);     /* distance, base 2, in [0,1] */
double dist_hellinger(const double *p, const double *q, size_t k);
double dist_tvd(const double *p, const double *q, size_t k);
double dist_linf(const double *p, const double *q, size_t k);
/* Cramer's V as two equally large samples with these shares would have it, in [0,1]: of unequal
 * ones V itself shrinks towards 0 whatever the change (Vincze 1981, Le Cam 1986). */
double dist_balanced_v(const double *p, const double *q, size_t k);
double dist_entropy(const double *p, size_t k);                 /* bits */
