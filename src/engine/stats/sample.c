/* sample.c: see sample.h. Sums are in long double over sorted values, two passes, so that large
 * offsets do not cancel the spread away. */
#include "engine/stats/sample.h"

#include "base/mem.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DIGIT 11 /* bits a pass: six passes for 64 bits, counters stay in the first cache */
#define PASSES 6

/* Bits in the order of the numbers they stand for: negative ones are turned around. */
static uint64_t key_of(double x)
{
    uint64_t u;
    memcpy(&u, &x, sizeof u);
    return u ^ (u >> 63 ? UINT64_MAX : (uint64_t)1 << 63);
}

static double value_of(uint64_t k)
{
    double x;
    k ^= k >> 63 ? (uint64_t)1 << 63 : UINT64_MAX;
    memcpy(&x, &k, sizeof x);
    return x;
}

/* Least significant digit first; a digit that all keys share costs one look. */
static void radix_sort(uint64_t *k, uint64_t *other, size_t n, uint64_t **ret)
{
    size_t count[PASSES][1 << DIGIT];
    memset(count, 0, sizeof count);
    for (size_t i = 0; i < n; i++)
        for (int p = 0; p < PASSES; p++) count[p][k[i] >> (p * DIGIT) & ((1 << DIGIT) - 1)]++;
    for (int p = 0; p < PASSES; p++) {
        size_t *c = count[p], sum = 0;
        int shift = p * DIGIT;
        if (n > 0 && c[k[0] >> shift & ((1 << DIGIT) - 1)] == n) continue;
        for (size_t d = 0; d < (1 << DIGIT); d++) {
            size_t m = c[d];
            c[d] = sum;
            sum += m;
        }
        for (size_t i = 0; i < n; i++) other[c[k[i] >> shift & ((1 << DIGIT) - 1)]++] = k[i];
        uint64_t *t = k;
        k = other;
        other = t;
    }
    *ret = k;
}

static int ascending(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Sorts in place; large samples by radix with a second array of the same size. */
static int sort_values(double *v, size_t n)
{
    if (n < 2000) {
        qsort(v, n, sizeof *v, ascending);
        return 0;
    }
    uint64_t *k = mem_try(n, 2 * sizeof *k), *sorted;
    if (!k) return -1;
    for (size_t i = 0; i < n; i++) k[i] = key_of(v[i]);
    radix_sort(k, k + n, n, &sorted);
    for (size_t i = 0; i < n; i++) v[i] = value_of(sorted[i]);
    free(k);
    return 0;
}

int sample_new(const double *x, size_t n, struct sample *ret, struct err *e)
{
    double *v = mem_try(n ? n : 1, sizeof *v);
    if (!v) return err_set(e, ERR_NOMEM, "no memory for a sample of %zu values", n);
    size_t k = 0, falls = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(x[i])) continue;
        v[k] = x[i] + 0.0; /* -0 becomes 0: equal values, equal bits */
        falls += k > 0 && v[k] < v[k - 1];
        k++;
    }
    if (falls > 0 && sort_values(v, k) < 0) {
        free(v);
        return err_set(e, ERR_NOMEM, "no memory to sort %zu values", k);
    }
    *ret = (struct sample){ v, k, n - k };
    return 0;
}

void sample_done(struct sample *s)
{
    free(s->x);
    *s = (struct sample){ 0 };
}

struct moments sample_moments(const struct sample *s)
{
    struct moments m = { NAN, NAN, NAN, NAN, NAN };
    if (s->n == 0) return m;
    long double n = (long double)s->n, sum = 0, c2 = 0, c3 = 0, c4 = 0;
    for (size_t i = 0; i < s->n; i++) sum += s->x[i];
    long double mean = sum / n;
    for (size_t i = 0; i < s->n; i++) {
        long double d = s->x[i] - mean, d2 = d * d;
        c2 += d2;
        c3 += d2 * d;
        c4 += d2 * d2;
    }
    long double var = c2 / n;
    m.mean = (double)mean;
    m.var = (double)var;
    if (s->n > 1) m.std = (double)sqrtl(c2 / (n - 1));
    if (s->x[0] != s->x[s->n - 1] && var > 0) {
        m.skew = (double)(c3 / n / (var * sqrtl(var)));
        m.kurt = (double)(c4 / n / (var * var) - 3);
    }
    return m;
}

double sample_quantile(const struct sample *s, double p)
{
    if (s->n == 0 || !(p >= 0 && p <= 1)) return NAN;
    double at = p * (double)(s->n - 1), low = floor(at);
    size_t i = (size_t)low;
    if (i + 1 >= s->n) return s->x[s->n - 1];
    double a = s->x[i], b = s->x[i + 1], f = at - low;
    /* from the nearer end, so that f = 1 would give b exactly */
    return f < 0.5 ? a + f * (b - a) : b - (1 - f) * (b - a);
}

double sample_mad(const struct sample *s, struct err *e)
{
    double median = sample_quantile(s, 0.5);
    struct sample d = { mem_try(s->n ? s->n : 1, sizeof(double)), s->n, 0 };
    if (!d.x) {
        err_set(e, ERR_NOMEM, "no memory for %zu deviations", s->n);
        return NAN;
    }
    for (size_t i = 0; i < s->n; i++) d.x[i] = fabs(s->x[i] - median);
    double mad = sort_values(d.x, d.n) == 0 ? sample_quantile(&d, 0.5) : (double)NAN;
    sample_done(&d);
    return mad;
}

size_t sample_distinct(const struct sample *s)
{
    size_t n = s->n > 0;
    for (size_t i = 1; i < s->n; i++) n += s->x[i] != s->x[i - 1];
    return n;
}
