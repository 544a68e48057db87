/* two_sample.h: how two numeric samples differ: one merge of the sorted samples gives the
 * statistics of Kolmogorov-Smirnov, Wasserstein, energy, Cramer-von Mises, Anderson-Darling and
 * Mann-Whitney together; p-values are asked for one by one. Ties are handled throughout.
 * Statistics agree with SciPy 1.10's of the same names. Pure functions. */
#pragma once
#include "engine/stats/sample.h"

#include <stdbool.h>
#include <stdint.h>

struct two_sample {
    size_t n1, n2;
    int64_t ks_steps;     /* max |i n2 - j n1|: the KS statistic as an integer */
    double ks;            /* D = ks_steps / (n1 n2) */
    double ks_at;         /* value where it is reached first */
    int ks_sign;          /* +1: F1 above F2 there */
    double wasserstein;   /* W1 = integral of |F1 - F2| */
    double energy;        /* sqrt(2 integral of (F1 - F2)^2) */
    double cvm;           /* T (Anderson 1962), midranks */
    double ad;            /* normalised A2 (Scholz and Stephens 1987), midranks; NaN: undefined */
    double u1;            /* Mann-Whitney U of the first sample */
    double tie_sum;       /* sum of t^3 - t over tied groups */
};

/* Both samples must have values (asserted). */
void two_sample_merge(const struct sample *a, const struct sample *b, struct two_sample *ret);

/* P(D >= observed). Exact by lattice paths, given the pattern of ties, when n1 n2 is at most
 * `cells` (0: 4e6); else the one-sample law at the effective size. *ret_exact tells which. */
double ks_p(const struct sample *a, const struct sample *b, const struct two_sample *t,
            double cells, bool *ret_exact);
/* The exact law as if there were no ties (the classical table). NaN without memory. */
double ks_p_untied(const struct two_sample *t);
double ks_p_asymptotic(const struct two_sample *t);

double cvm_p(const struct two_sample *t);       /* exact for sizes up to 20, else limit law */
double cvm_p_asymptotic(const struct two_sample *t);
/* Interpolated from the table of critical values; beyond it the bounds 0.25 and 0.001. */
double ad_p(const struct two_sample *t);
/* Normal approximation with tie and continuity corrections, two-sided. */
double mwu_p(const struct two_sample *t);
double mwu_p_less(const struct two_sample *t);  /* alternative: the first sample is smaller */
double mwu_p_exact(const struct two_sample *t); /* two-sided; only without ties: NaN otherwise */
double mwu_auc(const struct two_sample *t);     /* P(first > second) + half of ties */

struct t_test {
    double t, df, p; /* two-sided */
};
struct t_test welch_t(const struct sample *a, const struct sample *b);
struct t_test student_t(const struct sample *a, const struct sample *b);
double cohens_d(const struct sample *a, const struct sample *b); /* (mean2 - mean1) / pooled sd */
