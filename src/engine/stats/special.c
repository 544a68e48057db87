/* special.c: see special.h: normal, incomplete gamma and beta, and what follows from them.
 *
 * The incomplete functions use a power series on one side of the mean and a continued fraction
 * (modified Lentz, Thompson and Barnett 1986) on the other; both converge in O(sqrt(a)) steps.
 * Their common prefactor is a difference of large logarithms, hence long double. */
#include "engine/stats/special.h"

#include <float.h>
#include <math.h>

#define TINY      1e-4000L
#define EPS       1e-19L
#define MAX_STEPS 1000000

double norm_sf(double z)
{
    return (double)(0.5L * erfcl((long double)z * M_SQRT1_2l));
}

double norm_cdf(double z)
{
    return norm_sf(-z);
}

/* Rational start (Acklam's central and tail forms are good to 1e-9), then two Halley steps on
 * the smaller tail. */
static long double ppf_start(double p)
{
    static const double a[] = { -3.969683028665376e+01, 2.209460984245205e+02,
                                -2.759285104469687e+02, 1.383577518672690e+02,
                                -3.066479806614716e+01, 2.506628277459239e+00 };
    static const double b[] = { -5.447609879822406e+01, 1.615858368580409e+02,
                                -1.556989798598866e+02, 6.680131188771972e+01,
                                -1.328068155288572e+01 };
    static const double c[] = { -7.784894002430293e-03, -3.223964580411365e-01,
                                -2.400758277161838e+00, -2.549732539343734e+00,
                                4.374664141464968e+00,  2.938163982698783e+00 };
    static const double d[] = { 7.784695709041462e-03, 3.224671290700398e-01,
                                2.445134137142996e+00, 3.754408661907416e+00 };
    if (p < 0.02425) {
        double q = sqrt(-2 * log(p));
        return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
               ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    }
    double q = p - 0.5, r = q * q;
    return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
           (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

double norm_ppf(double p)
{
    if (!(p >= 0 && p <= 1)) return NAN;
    if (p == 0) return -INFINITY;
    if (p == 1) return INFINITY;
    if (p > 0.5) return -norm_ppf(1 - p); /* exact subtraction there */
    long double x = ppf_start(p);
    for (int i = 0; i < 3; i++) {
        /* tail minus p: near the middle the half is taken off both, exactly */
        long double diff = p < 0.25 ? 0.5L * erfcl(-x * M_SQRT1_2l) - p
                                    : (0.5L - p) - 0.5L * erfl(-x * M_SQRT1_2l);
        long double density = expl(-0.5L * x * x) * 0.39894228040143267793994605993438L;
        long double u = diff / density;
        x -= u / (1 + 0.5L * x * u);
    }
    return (double)x;
}

/* log(x^a e^-x / Gamma(a + 1)) */
static long double gamma_log_factor(long double a, long double x)
{
    return a * logl(x) - x - lgammal(a + 1);
}

static long double gamma_series(long double a, long double x) /* P */
{
    long double term = 1, sum = 1;
    for (int n = 1; n < MAX_STEPS && term > sum * EPS; n++) {
        term *= x / (a + n);
        sum += term;
    }
    return sum * expl(gamma_log_factor(a, x));
}

static long double gamma_fraction(long double a, long double x) /* Q */
{
    long double b = x + 1 - a, c = 1 / TINY, d = 1 / b, h = d;
    for (int n = 1; n < MAX_STEPS; n++) {
        long double an = -n * (n - a);
        b += 2;
        d = an * d + b;
        if (fabsl(d) < TINY) d = TINY;
        c = b + an / c;
        if (fabsl(c) < TINY) c = TINY;
        d = 1 / d;
        long double step = d * c;
        h *= step;
        if (fabsl(step - 1) < EPS) break;
    }
    return h * a * expl(gamma_log_factor(a, x));
}

double gamma_q(double a, double x)
{
    if (!(a > 0) || !(x >= 0)) return NAN;
    if (x == 0) return 1;
    if (isinf(x)) return 0;
    return (double)(x < a + 1 ? 1 - gamma_series(a, x) : gamma_fraction(a, x));
}

double gamma_p(double a, double x)
{
    if (!(a > 0) || !(x >= 0)) return NAN;
    if (x == 0) return 0;
    if (isinf(x)) return 1;
    return (double)(x < a + 1 ? gamma_series(a, x) : 1 - gamma_fraction(a, x));
}

static long double beta_fraction(long double a, long double b, long double x)
{
    long double c = 1, d = 1 - (a + b) * x / (a + 1);
    if (fabsl(d) < TINY) d = TINY;
    d = 1 / d;
    long double h = d;
    for (int m = 1; m < MAX_STEPS; m++) {
        long double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
        long double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
        for (int half = 0; half < 2; half++) {
            long double k = half ? odd : even;
            d = 1 + k * d;
            if (fabsl(d) < TINY) d = TINY;
            c = 1 + k / c;
            if (fabsl(c) < TINY) c = TINY;
            d = 1 / d;
            h *= c * d;
        }
        if (fabsl(c * d - 1) < EPS) break;
    }
    return h;
}

/* I_x(a, b), with y = 1 - x given apart so that neither is lost next to 0 or 1. */
static long double beta_tail(long double a, long double b, long double x, long double y)
{
    if (x <= 0) return 0;
    if (y <= 0) return 1;
    long double front = expl(a * logl(x) + b * logl(y) + lgammal(a + b) - lgammal(a) - lgammal(b));
    if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
    return 1 - front * beta_fraction(b, a, y) / b;
}

double beta_inc(double a, double b, double x)
{
    if (!(a > 0) || !(b > 0) || !(x >= 0 && x <= 1)) return NAN;
    return (double)beta_tail(a, b, x, 1 - (long double)x);
}

double chi2_sf(double x, double df)
{
    if (!(df > 0) || isnan(x)) return NAN;
    return gamma_q(df / 2, x > 0 ? x / 2 : 0);
}

double t_sf(double t, double df)
{
    if (!(df > 0) || isnan(t)) return NAN;
    long double v = df, s = (long double)t * t, x = v / (v + s), y = s / (v + s);
    long double half = 0.5L * beta_tail(v / 2, 0.5L, x, y); /* P(T > |t|) */
    return (double)(t > 0 ? half : 1 - half);
}

double t_isf(double p, double df)
{
    double low = 0, high = 1, tail = p <= 0.5 ? p : 1 - p;

    if (!(df > 0) || !(p >= 0 && p <= 1)) return NAN;
    if (tail == 0) return p < 0.5 ? INFINITY : -INFINITY;
    while (t_sf(high, df) > tail && high < 1e300) high *= 2;
    for (int i = 0; i < 200 && high - low > 1e-15 * high; i++) {
        double mid = low + (high - low) / 2;
        *(t_sf(mid, df) > tail ? &low : &high) = mid;
    }
    return p <= 0.5 ? high : -high;
}

double f_sf(double f, double d1, double d2)
{
    if (!(d1 > 0) || !(d2 > 0) || isnan(f)) return NAN;
    if (f <= 0) return 1;
    long double num = (long double)d1 * f, den = d2 + num;
    return (double)beta_tail(d2 / 2.0L, d1 / 2.0L, d2 / den, num / den);
}

double binom_sf(double k, double n, double p)
{
    if (!(n >= 0) || !(p >= 0 && p <= 1)) return NAN;
    k = floor(k);
    if (k < 0) return 1;
    if (k >= n) return 0;
    return (double)beta_tail(k + 1, n - k, p, 1 - (long double)p);
}
