/* special.h: distribution functions behind the statistical tests.
 *
 * Tails are computed as tails, never as 1 - cdf, so tiny p-values keep their relative accuracy
 * (about 1e-12 over the ranges the tests of this folder ask for). Evaluated in long double.
 * Arguments outside a function's domain give NaN. Pure functions; any thread. */
#pragma once

double norm_cdf(double z);
double norm_sf(double z);   /* P(Z > z) */
double norm_ppf(double p);  /* quantile; -inf at 0, inf at 1 */

double gamma_p(double a, double x); /* regularised lower incomplete gamma; a > 0, x >= 0 */
double gamma_q(double a, double x); /* upper */
double beta_inc(double a, double b, double x); /* regularised incomplete beta, I_x(a, b) */

double chi2_sf(double x, double df);
double t_sf(double t, double df);              /* one-sided */
double t_isf(double p, double df);             /* t with t_sf(t) = p */
double f_sf(double f, double d1, double d2);
double binom_sf(double k, double n, double p); /* P(X > k) for X ~ Bin(n, p) */

/* Limit law of sqrt(n) D: P(K > x) (Kolmogorov 1933). */
double kolmogorov_sf(double x);
/* Exact law of the two-sided one-sample statistic: P(D_n > d). Exact matrix form (Marsaglia,
 * Tsang and Wang 2003) where it is cheap, the exact one-sided tail doubled where both sides
 * cannot happen at once (Smirnov; Birnbaum and Tingey 1951), else the expansion of Pelz and
 * Good (1976). Choice of regions after Simard and L'Ecuyer (2011). */
double ks_one_sample_sf(double d, double n);
/* Limit law of the Cramer-von Mises statistic: P(W > x) (Csorgo and Faraway 1996). */
double cvm_limit_sf(double x);
