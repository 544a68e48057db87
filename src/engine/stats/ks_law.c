/* ks_law.c: see special.h: the laws of the Kolmogorov-Smirnov and Cramer-von Mises statistics.
 * Private to the folder; called through special.h. Memory: the matrix form needs at most
 * (2 * 71)^2 doubles, on the heap; without memory it falls back to the expansion. */
#include "base/mem.h"
#include "engine/stats/special.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PI 3.14159265358979323846264338327950288L

double kolmogorov_sf(double x)
{
    if (isnan(x)) return NAN;
    if (x <= 0.03) return 1; /* differs from 1 by less than 1e-500 */
    long double sum = 0;
    if (x < 1) { /* theta function transformed: fast for small x */
        for (int k = 1; k < 40; k += 2) {
            long double term = expl(-(long double)k * k * PI * PI / (8 * (long double)x * x));
            sum += term;
            if (term < 1e-22L * sum) break;
        }
        return (double)(1 - sum * sqrtl(2 * PI) / x);
    }
    for (int k = 1; k < 20; k++) {
        long double term = expl(-2 * (long double)k * k * x * x);
        sum += k & 1 ? term : -term;
        if (term < 1e-22L * sum) break;
    }
    return (double)(2 * sum);
}

/* ---- exact matrix form: P(D_n < d) = n! / n^n (H^n)[k][k] ------------------------------- */

static void multiply(const double *a, const double *b, double *out, int m)
{
    for (int i = 0; i < m; i++) {
        double *row = out + (size_t)i * (size_t)m;
        memset(row, 0, (size_t)m * sizeof *row);
        for (int k = 0; k < m; k++) {
            double f = a[(size_t)i * (size_t)m + (size_t)k];
            const double *from = b + (size_t)k * (size_t)m;
            for (int j = 0; j < m; j++) row[j] += f * from[j];
        }
    }
}

/* Keeps the middle element, which stands for the size of all, below 1e140. */
static void rescale(double *a, int m, int *exponent)
{
    size_t size = (size_t)m * (size_t)m;
    if (a[size / 2] <= 1e140) return;
    for (size_t i = 0; i < size; i++) a[i] *= 1e-140;
    *exponent += 140;
}

/* out * 10^*exponent := a^n; scratch holds two matrices. */
static void power(const double *a, double *out, int m, int n, int *exponent, double *scratch)
{
    size_t size = (size_t)m * (size_t)m;
    double *base = scratch, *tmp = scratch + size;
    int base_exp = 0;
    memcpy(base, a, size * sizeof *a);
    memset(out, 0, size * sizeof *out);
    for (int i = 0; i < m; i++) out[(size_t)i * (size_t)m + (size_t)i] = 1;
    *exponent = 0;
    for (; n > 0; n >>= 1) {
        if (n & 1) {
            multiply(out, base, tmp, m);
            memcpy(out, tmp, size * sizeof *out);
            *exponent += base_exp;
            rescale(out, m, exponent);
        }
        multiply(base, base, tmp, m);
        memcpy(base, tmp, size * sizeof *base);
        base_exp *= 2;
        rescale(base, m, &base_exp);
    }
}

static void fill_matrix(double *h, int m, double frac)
{
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++) h[i * m + j] = i - j + 1 >= 0;
    for (int i = 0; i < m; i++) {
        h[i * m] -= pow(frac, i + 1);
        h[(m - 1) * m + i] -= pow(frac, m - i);
    }
    h[(m - 1) * m] += 2 * frac - 1 > 0 ? pow(2 * frac - 1, m) : 0;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < m; j++)
            for (int g = 2; g <= i - j + 1; g++) h[i * m + j] /= g;
}

/* P(D_n < d), or NaN without memory. */
static double matrix_cdf(double d, int n)
{
    int k = (int)(n * d) + 1, m = 2 * k - 1, exponent;
    double frac = k - n * d;
    size_t size = (size_t)m * (size_t)m;
    double *h = mem_try(4 * size, sizeof *h);
    if (!h) return NAN;
    double *q = h + size;
    fill_matrix(h, m, frac);
    power(h, q, m, n, &exponent, h + 2 * size);
    double s = q[(k - 1) * m + k - 1];
    for (int i = 1; i <= n; i++) {
        s = s * i / n;
        if (s < 1e-140) {
            s *= 1e140;
            exponent -= 140;
        }
    }
    free(h);
    return s * pow(10, exponent);
}

/* ---- exact one-sided tail ------------------------------------------------------------- */

/* log of the j-th term of P(D_n^+ > d) = d sum_j C(n,j) (d + j/n)^(j-1) (1 - d - j/n)^(n-j). */
static long double log_term(double d, double n, double j)
{
    long double up = d + (long double)j / n, down = 1 - up;
    if (n - j > 0 && down <= 0) return -INFINITY;
    long double choose = lgammal(n + 1) - lgammal(j + 1) - lgammal(n - j + 1);
    return choose + (j - 1) * logl(up) + (n - j > 0 ? (n - j) * logl(down) : 0);
}

/* Distance between the terms that are added. The terms are a smooth function of j / n which,
 * with all its derivatives, vanishes at both ends when the first and last term do; its sum over
 * every step-th integer times step is then the whole sum up to an exponentially small rest, far
 * below rounding at forty steps to a standard deviation of the bell. Otherwise every term. */
static double stride_at(double d, double n, double peak, double last)
{
    double h = fmax(1, floor(n / 1000));
    if (peak < h || peak + h > last) return 1;
    long double top = log_term(d, n, peak);
    if (log_term(d, n, 0) > top - 60 || log_term(d, n, last) > top - 60) return 1;
    long double bend = 2 * top - log_term(d, n, peak - h) - log_term(d, n, peak + h);
    return bend > 0 ? fmax(1, floor(h / sqrt((double)bend) / 40)) : 1;
}

/* The terms rise to one peak and fall: from there outwards, until nothing more counts. */
static long double one_sided_sf(double d, double n)
{
    double low = 0, last = floor(n * (1 - d)), high = last;
    while (high - low > 2) {
        double a = floor(low + (high - low) / 3), b = ceil(high - (high - low) / 3);
        if (log_term(d, n, a) < log_term(d, n, b)) low = a;
        else high = b;
    }
    double step = stride_at(d, n, low, last);
    long double peak = expl(log_term(d, n, low)), sum = 0, term;
    for (double j = low; j >= 0; j -= step) {
        sum += term = expl(log_term(d, n, j));
        if (term < 1e-22L * sum && term < peak) break;
    }
    for (double j = low + step; j <= last; j += step) {
        sum += term = expl(log_term(d, n, j));
        if (term < 1e-22L * sum && term < peak) break;
    }
    return d * step * sum;
}

/* ---- expansion for large n ------------------------------------------------------------ */

/* Pelz and Good's four terms of P(sqrt(n) D <= z) in powers of 1/sqrt(n). */
static double expansion_cdf(double d, double n)
{
    long double s = sqrtl(n), z = s * d, z2 = z * z, z4 = z2 * z2, z6 = z4 * z2, p2 = PI * PI;
    long double k0 = 0, k1 = 0, k2a = 0, k2b = 0, k3a = 0, k3b = 0;
    for (int k = 0; k < 60; k++) { /* half-integers */
        long double h = k + 0.5L, h2 = h * h, e = expl(-h2 * p2 / (2 * z2));
        k0 += e;
        k1 += (p2 * h2 - z2) * e;
        k2a += (6 * z6 + 2 * z4 + p2 * (2 * z4 - 5 * z2) * h2 + p2 * p2 * (1 - 2 * z2) * h2 * h2) * e;
        k3a += (-30 * z6 - 90 * z6 * z2 + p2 * (135 * z4 - 96 * z6) * h2 +
                p2 * p2 * (212 * z4 - 60 * z2) * h2 * h2 +
                p2 * p2 * p2 * h2 * h2 * h2 * (5 - 30 * z2)) * e;
        if (e < 1e-24L * k0) break;
    }
    for (int k = 1; k < 60; k++) { /* integers */
        long double h2 = (long double)k * k, e = expl(-h2 * p2 / (2 * z2));
        k2b += p2 * h2 * e;
        k3b += (3 * p2 * h2 * z2 - p2 * p2 * h2 * h2) * e;
        if (e < 1e-24L) break;
    }
    long double r = sqrtl(PI / 2), r2 = sqrtl(2 * PI);
    long double t0 = r2 / z * k0, t1 = 2 * r * k1 / (6 * z4);
    long double t2 = 2 * r * k2a / (72 * z6 * z) - 2 * r * k2b / (36 * z2 * z);
    long double t3 = 2 * r * k3a / (6480 * z6 * z4) + 2 * r * k3b / (216 * z6);
    return (double)(t0 + t1 / s + t2 / n + t3 / (n * s));
}

static double clamp01(double p)
{
    return p < 0 ? 0 : p > 1 ? 1 : p;
}

double ks_one_sample_sf(double d, double n)
{
    if (isnan(d) || !(n >= 1)) return NAN;
    if (d >= 1) return 0;
    if (d <= 0.5 / n) return 1;
    double nd2 = n * d * d;
    if (nd2 >= 370) return 0; /* below the smallest double */
    if (d >= 0.5 || nd2 >= (n <= 140 ? 4.0 : 2.2)) return clamp01((double)(2 * one_sided_sf(d, n)));
    if (n <= 140 || (n <= 100000 && n * pow(d, 1.5) <= 1.4)) {
        double cdf = matrix_cdf(d, (int)n);
        if (!isnan(cdf)) return clamp01(1 - cdf);
    }
    return clamp01(1 - expansion_cdf(d, n));
}

/* 1 - sum_k C(k-1/2, k) sqrt(4k+1) e^-u K_1/4(u) / (pi sqrt x), u = (4k+1)^2 / (16 x).
 * K_1/4 through its integral: K_v(u) e^u = int_0^inf exp(-u (cosh t - 1)) cosh(v t) dt. */
static long double bessel_k_quarter_scaled(long double u)
{
    long double step = 1.0L / 64, sum = 0.5L;
    for (int i = 1; i < 4096; i++) {
        long double t = i * step, term = expl(-u * (coshl(t) - 1)) * coshl(t / 4);
        sum += term;
        if (term < 1e-22L * sum) break;
    }
    return sum * step;
}

double cvm_limit_sf(double x)
{
    if (isnan(x)) return NAN;
    if (x <= 0.002) return 1;
    long double sum = 0, coef = 1; /* Gamma(k + 1/2) / (Gamma(1/2) k!) */
    for (int k = 0; k < 200; k++) {
        long double b = 4 * k + 1, u = b * b / (16 * (long double)x);
        long double term = coef * sqrtl(b) * expl(-2 * u) * bessel_k_quarter_scaled(u);
        sum += term;
        if (k > 0 && term < 1e-22L * sum) break;
        coef *= (k + 0.5L) / (k + 1);
    }
    return clamp01((double)(1 - sum / (PI * sqrtl(x))));
}
