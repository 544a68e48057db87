/* table.c: see table.h. */
#include "engine/stats/table.h"

#include "base/err.h"
#include "base/mem.h"
#include "engine/stats/special.h"

#include <math.h>
#include <stdlib.h>

struct margins {
    double ref, cur, all;
    size_t used;
};

static struct margins margins_of(const double *ref, const double *cur, size_t k)
{
    struct margins m = { 0, 0, 0, 0 };
    for (size_t i = 0; i < k; i++) {
        m.ref += ref[i];
        m.cur += cur[i];
        m.used += ref[i] + cur[i] > 0;
    }
    m.all = m.ref + m.cur;
    return m;
}

static struct table_test no_test(void)
{
    return (struct table_test){ .p = 1, .min_expected = NAN };
}

struct table_test table_chi2(const double *ref, const double *cur, size_t k, int yates)
{
    struct margins m = margins_of(ref, cur, k);
    struct table_test t = no_test();
    if (m.used < 2 || !(m.ref > 0) || !(m.cur > 0)) return t;
    long double stat = 0;
    for (size_t i = 0; i < k; i++) {
        double column = ref[i] + cur[i];
        if (!(column > 0)) continue;
        double e1 = column * m.ref / m.all, e2 = column * m.cur / m.all;
        double gap = fabs(ref[i] - e1);
        if (yates && m.used == 2) gap -= fmin(0.5, gap);
        stat += (long double)gap * gap / e1 + (long double)gap * gap / e2;
        t.min_expected = fmin(t.min_expected, fmin(e1, e2));
    }
    t.stat = (double)stat;
    t.df = m.used - 1;
    t.p = chi2_sf(t.stat, (double)t.df);
    t.cramers_v = sqrt(t.stat / m.all);
    return t;
}

struct table_test table_g(const double *ref, const double *cur, size_t k)
{
    struct margins m = margins_of(ref, cur, k);
    struct table_test t = no_test();
    if (m.used < 2 || !(m.ref > 0) || !(m.cur > 0)) return t;
    long double stat = 0;
    for (size_t i = 0; i < k; i++) {
        long double column = (long double)ref[i] + cur[i];
        if (ref[i] > 0) stat += 2 * ref[i] * logl(ref[i] * (long double)m.all / (column * m.ref));
        if (cur[i] > 0) stat += 2 * cur[i] * logl(cur[i] * (long double)m.all / (column * m.cur));
    }
    t.stat = stat > 0 ? (double)stat : 0;
    t.df = m.used - 1;
    t.p = chi2_sf(t.stat, (double)t.df);
    t.cramers_v = sqrt(t.stat / m.all);
    return t;
}

static long double log_choose(long double n, long double k)
{
    return lgammal(n + 1) - lgammal(k + 1) - lgammal(n - k + 1);
}

double table_fisher(double a, double b, double c, double d)
{
    double row = a + b, column = a + c, n = row + c + d;
    double low = fmax(0, row + column - n), high = fmin(row, column);
    long double all = log_choose(n, column);
    long double seen = log_choose(row, a) + log_choose(n - row, column - a) - all, sum = 0;
    for (double x = low; x <= high; x++) {
        long double lp = log_choose(row, x) + log_choose(n - row, column - x) - all;
        if (lp <= seen + 1e-7L) sum += expl(lp); /* equal up to rounding counts as equal */
    }
    return fmin(1, (double)sum);
}

struct z_test two_proportion_z(double k1, double n1, double k2, double n2)
{
    double pooled = (k1 + k2) / (n1 + n2), se = sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2));
    if (!(se > 0)) return (struct z_test){ NAN, 1 };
    double z = (k1 / n1 - k2 / n2) / se;
    return (struct z_test){ z, 2 * norm_sf(fabs(z)) };
}

struct interval wilson_interval(double k, double n, double confidence)
{
    if (!(n > 0)) return (struct interval){ 0, 1 };
    double z = -norm_ppf((1 - confidence) / 2), p = k / n, z2 = z * z;
    double centre = (p + z2 / (2 * n)) / (1 + z2 / n);
    double half = z / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    return (struct interval){ centre - half, centre + half };
}

/* x with I_x(a, b) = p: bisection to the last bit but few, then it cannot be wrong by more. */
static double beta_quantile(double p, double a, double b)
{
    double low = 0, high = 1;
    for (int i = 0; i < 200 && high - low > 1e-17 * high; i++) {
        double mid = (low + high) / 2;
        if (beta_inc(a, b, mid) < p) low = mid;
        else high = mid;
    }
    return (low + high) / 2;
}

struct interval clopper_interval(double k, double n, double confidence)
{
    double tail = (1 - confidence) / 2;
    return (struct interval){
        k > 0 ? beta_quantile(tail, k, n - k + 1) : 0,
        k < n ? beta_quantile(1 - tail, k + 1, n - k) : 1,
    };
}

struct ranked {
    double p;
    size_t at;
};

static int by_p(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    if (a->p != b->p) return a->p < b->p ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

/* Factor of the i-th smallest of m p-values (i from 1); step-up methods go from the largest
 * down taking minima, step-down ones from the smallest up taking maxima. */
static double factor_of(enum p_adjust method, size_t i, size_t m, double harmonic)
{
    double rest = (double)(m - i + 1), all = (double)m;
    switch (method) {
    case P_BONFERRONI: return all;
    case P_HOLM:
    case P_HOCHBERG: return rest;
    case P_BH: return all / (double)i;
    case P_BY: return harmonic * all / (double)i;
    case P_SIDAK: return 1; /* not a factor: see below */
    }
    return 1;
}

static void adjust_sorted(enum p_adjust method, const struct ranked *r, size_t m, double *out)
{
    double harmonic = 0, run = method == P_HOLM ? 0 : 1;
    for (size_t i = 1; i <= m; i++) harmonic += 1 / (double)i;
    for (size_t step = 1; step <= m; step++) {
        size_t i = method == P_HOLM ? step : m - step + 1;
        double p = r[i - 1].p;
        double v = fmin(1, factor_of(method, i, m, harmonic) * p);
        if (method == P_SIDAK) v = -expm1((double)m * log1p(-p));
        else if (method == P_HOLM) v = run = fmax(run, v);
        else if (method != P_BONFERRONI) v = run = fmin(run, v);
        out[r[i - 1].at] = v;
    }
}

int p_adjust(enum p_adjust method, const double *p, size_t n, double *out)
{
    struct ranked *r = mem_try(n ? n : 1, sizeof *r);
    if (!r) return -(int)ERR_NOMEM;
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        out[i] = NAN;
        if (!isnan(p[i])) r[m++] = (struct ranked){ p[i], i };
    }
    qsort(r, m, sizeof *r, by_p);
    adjust_sorted(method, r, m, out);
    free(r);
    return 0;
}
