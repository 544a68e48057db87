/* two_sample.c: see two_sample.h: the merge and the p-values in closed form. Exact laws that
 * need a table of paths are in exact.c. */
#include "engine/stats/two_sample.h"

#include "base/mem.h"
#include "engine/stats/exact.h"
#include "engine/stats/special.h"

#include <assert.h>
#include <math.h>

#define KS_EXACT_CELLS 4e6

/* A run of equal values: i and j come before it, a and b of the samples are in it. */
struct block {
    double value, next; /* next: the following distinct value, or value itself at the end */
    size_t i, j, a, b;
};

struct sums {
    size_t n1, n2;
    double scale; /* 1 / (n1 n2) */
    long double w1, energy, cvm1, cvm2, ad, rank1, ties;
};

/* Terms are doubles, sums are long doubles: two million terms lose no digit that matters. */
static void add_ecdf(struct sums *s, const struct block *k, struct two_sample *t)
{
    int64_t n1 = (int64_t)s->n1, n2 = (int64_t)s->n2;
    int64_t steps = (int64_t)(k->i + k->a) * n2 - (int64_t)(k->j + k->b) * n1;
    int64_t size = steps < 0 ? -steps : steps;
    if (size > t->ks_steps) {
        t->ks_steps = size;
        t->ks_at = k->value;
        t->ks_sign = steps < 0 ? -1 : 1;
    }
    if (size == 0) return; /* also keeps inf - inf out */
    double gap = (double)size * s->scale;
    long double area = ((long double)k->next - k->value) * gap;
    s->w1 += area;
    s->energy += area * gap;
}

/* Sum of (mid - r)^2 for r = first … first + n - 1. */
static double squared_distance(double mid, double first, double n)
{
    double d = mid - first;
    return n == 1 ? d * d : n * d * d - d * n * (n - 1) + (n - 1) * n * (2 * n - 1) / 6;
}

static void add_ranks(struct sums *s, const struct block *k)
{
    double a = (double)k->a, b = (double)k->b, ties = a + b;
    double mid = (double)(k->i + k->j) + (ties + 1) / 2;
    if (k->a) s->cvm1 += squared_distance(mid, (double)k->i + 1, a);
    if (k->b) s->cvm2 += squared_distance(mid, (double)k->j + 1, b);
    s->rank1 += mid * a;
    if (ties > 1) s->ties += ties * ties * ties - ties;
}

static void add_anderson(struct sums *s, const struct block *k)
{
    double n1 = (double)s->n1, n2 = (double)s->n2, n = n1 + n2, l = (double)(k->a + k->b);
    double before = (double)(k->i + k->j) + l / 2;
    double weight = l / (before * (n - before) - n * l / 4);
    /* n m1 - before n1 = -(n m2 - before n2): one distance serves both samples */
    double e = n * ((double)k->i + (double)k->a / 2) - before * n1;
    s->ad += weight * e * e;
}

/* h = sum of 1/i and g = sum over i < j of 1 / ((n - i) j), both below n. */
static void harmonic_sums(size_t n, double *ret_h, double *ret_g)
{
    double tail = 0, g = 0;
    for (size_t i = n - 1; i >= 2; i--) {
        tail += 1 / (double)i; /* 1/i + … + 1/(n - 1) */
        g += tail / (double)(n - i + 1);
    }
    *ret_h = tail + 1;
    *ret_g = g;
}

/* (A2 - 1) / sd for two samples. */
static double anderson_normalised(const struct sums *s)
{
    size_t n = s->n1 + s->n2;
    if (n < 4) return NAN;
    double N = (double)n, n1 = (double)s->n1, n2 = (double)s->n2, H = 1 / n1 + 1 / n2, h, g;
    harmonic_sums(n, &h, &g);
    const double k = 2;
    double a = (4 * g - 6) * (k - 1) + (10 - 6 * g) * H;
    double b = (2 * g - 4) * k * k + 8 * h * k + (2 * g - 14 * h - 4) * H - 8 * h + 4 * g - 6;
    double c = (6 * h + 2 * g - 2) * k * k + (4 * h - 4 * g + 6) * k + (2 * h - 6) * H + 4 * h;
    double d = (2 * h + 6) * k * k - 4 * h * k;
    double var = (a * N * N * N + b * N * N + c * N + d) / ((N - 1) * (N - 2) * (N - 3));
    double a2 = (double)s->ad / N * H * (N - 1) / N;
    return (a2 - (k - 1)) / sqrt(var);
}

static struct block next_block(const struct sample *a, const struct sample *b, size_t i, size_t j)
{
    struct block k = { .i = i, .j = j };
    k.value = j == b->n || (i < a->n && a->x[i] <= b->x[j]) ? a->x[i] : b->x[j];
    while (i < a->n && a->x[i] == k.value) i++;
    while (j < b->n && b->x[j] == k.value) j++;
    k.a = i - k.i;
    k.b = j - k.j;
    k.next = k.value;
    if (i < a->n) k.next = a->x[i];
    if (j < b->n && (i == a->n || b->x[j] < k.next)) k.next = b->x[j];
    return k;
}

void two_sample_merge(const struct sample *a, const struct sample *b, struct two_sample *ret)
{
    assert(a->n > 0 && b->n > 0);
    struct sums s = { .n1 = a->n, .n2 = b->n, .scale = 1 / ((double)a->n * (double)b->n) };
    struct two_sample t = { .n1 = a->n, .n2 = b->n, .ks_at = NAN };
    size_t blocks = 0;
    for (size_t i = 0, j = 0; i < a->n || j < b->n; blocks++) {
        struct block k = next_block(a, b, i, j);
        add_ecdf(&s, &k, &t);
        add_ranks(&s, &k);
        add_anderson(&s, &k);
        i += k.a;
        j += k.b;
    }
    long double n1 = (long double)s.n1, n2 = (long double)s.n2, n = n1 + n2;
    t.ks = (double)t.ks_steps / ((double)s.n1 * (double)s.n2);
    t.wasserstein = (double)s.w1;
    t.energy = (double)sqrtl(2 * s.energy);
    t.cvm = (double)((n1 * s.cvm1 + n2 * s.cvm2) / (n1 * n2 * n) - (4 * n1 * n2 - 1) / (6 * n));
    t.ad = blocks > 1 ? anderson_normalised(&s) : (double)NAN;
    t.u1 = (double)(s.rank1 - n1 * (n1 + 1) / 2);
    t.tie_sum = (double)s.ties;
    *ret = t;
}

double ks_p_asymptotic(const struct two_sample *t)
{
    double m = (double)t->n1, n = (double)t->n2;
    double size = nearbyint(m * n / (m + n));
    return t->ks_steps == 0 ? 1 : ks_one_sample_sf(t->ks, size < 1 ? 1 : size);
}

double ks_p_untied(const struct two_sample *t)
{
    return exact_ks(t->n1, t->n2, t->ks_steps, NULL);
}

double ks_p(const struct sample *a, const struct sample *b, const struct two_sample *t,
            double cells, bool *ret_exact)
{
    double p = NAN;
    if ((double)t->n1 * (double)t->n2 <= (cells > 0 ? cells : KS_EXACT_CELLS)) {
        bool *ends = mem_try(t->n1 + t->n2 + 1, sizeof *ends);
        if (ends) {
            for (size_t i = 0, j = 0, k = 1; i < a->n || j < b->n; k++) {
                double v = j == b->n || (i < a->n && a->x[i] <= b->x[j]) ? a->x[i++] : b->x[j++];
                ends[k] = !(i < a->n && a->x[i] == v) && !(j < b->n && b->x[j] == v);
            }
            p = exact_ks(t->n1, t->n2, t->ks_steps, ends);
        }
        mem_freep(&ends);
    }
    if (ret_exact) *ret_exact = !isnan(p);
    return isnan(p) ? ks_p_asymptotic(t) : p;
}

double cvm_p_asymptotic(const struct two_sample *t)
{
    double m = (double)t->n1, n = (double)t->n2, N = m + n;
    double mean = (1 + 1 / N) / 6;
    double var = (N + 1) * (4 * m * n * N - 3 * (m * m + n * n) - 2 * m * n) /
                 (45 * N * N * 4 * m * n);
    double z = 1.0 / 6 + (t->cvm - mean) / sqrt(45 * var);
    return z < 0.003 ? 1 : cvm_limit_sf(z);
}

double cvm_p(const struct two_sample *t)
{
    double p = t->n1 <= 20 && t->n2 <= 20 ? exact_cvm(t->n1, t->n2, t->cvm) : (double)NAN;
    return isnan(p) ? cvm_p_asymptotic(t) : p;
}

double ad_p(const struct two_sample *t)
{
    static const double level[] = { 0.25, 0.1, 0.05, 0.025, 0.01, 0.005, 0.001 };
    static const double critical[] = { 0.325, 1.226, 1.961, 2.718, 3.752, 4.592, 6.546 };
    enum { N = 7 };
    if (isnan(t->ad)) return NAN;
    if (t->ad <= critical[0]) return level[0];
    if (t->ad >= critical[N - 1]) return level[N - 1];
    /* least squares of log p on 1, A, A^2, as Scholz and Stephens suggest */
    double m[3][4] = { { 0 } };
    for (int i = 0; i < N; i++) {
        double row[4] = { 1, critical[i], critical[i] * critical[i], log(level[i]) };
        for (int r = 0; r < 3; r++)
            for (int c = 0; c < 4; c++) m[r][c] += row[r] * row[c];
    }
    for (int r = 0; r < 3; r++)
        for (int q = 0; q < 3; q++) {
            if (q == r) continue;
            double f = m[q][r] / m[r][r];
            for (int c = r; c < 4; c++) m[q][c] -= f * m[r][c];
        }
    return exp(m[0][3] / m[0][0] + m[1][3] / m[1][1] * t->ad + m[2][3] / m[2][2] * t->ad * t->ad);
}

/* P(U >= u) by the normal law, u already the larger or the wanted side. */
static double mwu_tail(const struct two_sample *t, double u)
{
    double m = (double)t->n1, n = (double)t->n2, N = m + n;
    double var = m * n / 12 * ((N + 1) - t->tie_sum / (N * (N - 1)));
    if (!(var > 0)) return 1; /* all values equal: nothing to tell apart */
    return norm_sf((u - m * n / 2 - 0.5) / sqrt(var));
}

double mwu_p(const struct two_sample *t)
{
    double u2 = (double)t->n1 * (double)t->n2 - t->u1;
    return fmin(1, 2 * mwu_tail(t, fmax(t->u1, u2)));
}

double mwu_p_less(const struct two_sample *t)
{
    return mwu_tail(t, (double)t->n1 * (double)t->n2 - t->u1);
}

double mwu_p_exact(const struct two_sample *t)
{
    if (t->tie_sum > 0) return NAN;
    double u2 = (double)t->n1 * (double)t->n2 - t->u1;
    return fmin(1, 2 * exact_mwu_sf(t->n1, t->n2, (size_t)fmax(t->u1, u2)));
}

double mwu_auc(const struct two_sample *t)
{
    return t->u1 / ((double)t->n1 * (double)t->n2);
}

static struct t_test t_of(double diff, double se2, double df)
{
    struct t_test r = { NAN, df, NAN };
    if (!(se2 > 0) || !(df > 0)) return r;
    r.t = diff / sqrt(se2);
    r.p = 2 * t_sf(fabs(r.t), df);
    return r;
}

struct t_test welch_t(const struct sample *a, const struct sample *b)
{
    struct moments m = sample_moments(a), k = sample_moments(b);
    double n1 = (double)a->n, n2 = (double)b->n;
    double v1 = m.std * m.std / n1, v2 = k.std * k.std / n2;
    double df = (v1 + v2) * (v1 + v2) / (v1 * v1 / (n1 - 1) + v2 * v2 / (n2 - 1));
    return t_of(m.mean - k.mean, v1 + v2, df);
}

static double pooled_variance(const struct sample *a, const struct sample *b)
{
    double n1 = (double)a->n, n2 = (double)b->n;
    return n1 + n2 > 2 ? (sample_moments(a).var * n1 + sample_moments(b).var * n2) / (n1 + n2 - 2)
                       : (double)NAN;
}

struct t_test student_t(const struct sample *a, const struct sample *b)
{
    double n1 = (double)a->n, n2 = (double)b->n;
    double diff = sample_moments(a).mean - sample_moments(b).mean;
    return t_of(diff, pooled_variance(a, b) * (1 / n1 + 1 / n2), n1 + n2 - 2);
}

double cohens_d(const struct sample *a, const struct sample *b)
{
    double v = pooled_variance(a, b);
    return v > 0 ? (sample_moments(b).mean - sample_moments(a).mean) / sqrt(v) : (double)NAN;
}
