/* exact.c: see exact.h. */
#include "engine/stats/exact.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

/* Shares of the paths to (i, j): `in` never reached the boundary, `out` did. Both are divided
 * by the number of all paths to (i, j), which turns the sum into a weighted mean and keeps
 * every number in [0,1]. One row of j is kept. */
struct cell {
    long double in, out;
};

double exact_ks(size_t n1, size_t n2, int64_t steps, const bool *ends)
{
    if (steps <= 0) return 1;
    struct cell *row = mem_try(n2 + 1, sizeof *row);
    if (!row) return NAN;
    for (size_t i = 0; i <= n1; i++)
        for (size_t j = 0; j <= n2; j++) {
            size_t k = i + j;
            struct cell c = { 1, 0 };
            if (k > 0) {
                long double up = (long double)i / (long double)k, left = 1 - up;
                struct cell a = i ? row[j] : (struct cell){ 0, 0 };
                struct cell b = j ? row[j - 1] : (struct cell){ 0, 0 };
                c.in = a.in * up + b.in * left;
                c.out = a.out * up + b.out * left;
            }
            int64_t d = (int64_t)i * (int64_t)n2 - (int64_t)j * (int64_t)n1;
            if ((d >= steps || d <= -steps) && (!ends || (k > 0 && ends[k]))) {
                c.out += c.in;
                c.in = 0;
            }
            row[j] = c;
        }
    double p = (double)row[n2].out;
    free(row);
    return p;
}

/* Counts of U: the coefficients of prod (1 - q^(n2+i)) / (1 - q^i), built factor by factor. */
double exact_mwu_sf(size_t n1, size_t n2, size_t u)
{
    size_t top = n1 * n2;
    long double *f = mem_try_zero(top + 1, sizeof *f);
    if (!f) return NAN;
    f[0] = 1;
    for (size_t i = 1; i <= n1; i++) {
        for (size_t k = top + 1; k-- > n2 + i;) f[k] -= f[k - n2 - i];
        for (size_t k = i; k <= top; k++) f[k] += f[k - i];
    }
    long double tail = 0, all = 0;
    for (size_t k = 0; k <= top; k++) {
        all += f[k];
        if (k >= u) tail += f[k];
    }
    free(f);
    return (double)(tail / all);
}

/* A distribution as ascending values with counts. */
struct law {
    int64_t *value;
    double *count;
    size_t n;
};

static void law_done(struct law *l)
{
    free(l->value);
    free(l->count);
    *l = (struct law){ 0 };
}

/* a + b with `shift` added to every value; false without memory. */
static bool law_sum(const struct law *a, const struct law *b, int64_t shift, struct law *ret)
{
    struct law s = { mem_try(a->n + b->n, sizeof *s.value), mem_try(a->n + b->n, sizeof *s.count),
                     0 };
    if (!s.value || !s.count) {
        law_done(&s);
        return false;
    }
    for (size_t i = 0, j = 0; i < a->n || j < b->n; s.n++) {
        bool from_a = j == b->n || (i < a->n && a->value[i] <= b->value[j]);
        bool from_b = i == a->n || (j < b->n && b->value[j] <= a->value[i]);
        s.value[s.n] = (from_a ? a->value[i] : b->value[j]) + shift;
        s.count[s.n] = (from_a ? a->count[i] : 0) + (from_b ? b->count[j] : 0);
        i += from_a;
        j += from_b;
    }
    *ret = s;
    return true;
}

static int64_t gcd(int64_t a, int64_t b)
{
    return b ? gcd(b, a % b) : a;
}

/* Law of the sum of (a v - b u)^2 over the points (v, u) of a path to (m, n). */
static bool path_law(int64_t m, int64_t n, int64_t a, int64_t b, struct law *ret)
{
    struct law *column = mem_zalloc((size_t)m + 1, sizeof *column);
    struct law none = { 0 };
    bool ok = true;
    for (int64_t u = 0; u <= n && ok; u++)
        for (int64_t v = 0; v <= m && ok; v++) {
            struct law next;
            int64_t d = a * v - b * u;
            if (u == 0 && v == 0) {
                int64_t zero = 0;
                double one = 1;
                struct law start = { &zero, &one, 1 };
                ok = law_sum(&start, &none, 0, &next);
            } else {
                ok = law_sum(u ? &column[v] : &none, v ? &column[v - 1] : &none, d * d, &next);
            }
            if (!ok) break;
            law_done(&column[v]);
            column[v] = next;
        }
    if (ok) {
        *ret = column[m];
        column[m] = none;
    }
    for (int64_t v = 0; v <= m; v++) law_done(&column[v]);
    free(column);
    return ok;
}

double exact_cvm(size_t n1, size_t n2, double t)
{
    int64_t m = (int64_t)n1, n = (int64_t)n2, lcm = m / gcd(m, n) * n, a = lcm / m, b = lcm / n;
    /* T = m n / (m + n)^2 / lcm^2 * sum: the observed sum, with ties a little off an integer */
    double N = (double)(m + n);
    double sum = t * N * N * (double)lcm * (double)lcm / ((double)m * (double)n);
    struct law l;
    if (!path_law(m, n, a, b, &l)) return NAN;
    int64_t least = (int64_t)floor(sum + 1e-6);
    double tail = 0, all = 0;
    for (size_t i = 0; i < l.n; i++) {
        all += l.count[i];
        if (l.value[i] >= least) tail += l.count[i];
    }
    law_done(&l);
    return tail / all;
}
