/* bins.c: see bins.h. */
#include "engine/stats/bins.h"

#include "engine/stats/special.h"

#include <assert.h>
#include <math.h>

#define EPS_COUNT      1e-4
#define JEFFREYS_COUNT 0.5

void bins_equal_width(const struct sample *ref, size_t k, struct bins *ret)
{
    assert(k >= 1 && k <= BINS_MAX);
    *ret = (struct bins){ .n = 1 };
    if (ref->n == 0) return;
    double lo = ref->x[0], hi = ref->x[ref->n - 1], step = (hi - lo) / (double)k;
    if (!(step > 0) || !isfinite(step)) return;
    ret->n = k;
    for (size_t i = 1; i < k; i++) ret->edge[i - 1] = lo + (double)i * step;
}

void bins_quantile(const struct sample *ref, size_t k, struct bins *ret)
{
    assert(k >= 1 && k <= BINS_MAX);
    *ret = (struct bins){ .n = 1, .closed_right = 1 };
    if (ref->n == 0) return;
    double lo = ref->x[0], hi = ref->x[ref->n - 1];
    for (size_t i = 1; i < k; i++) {
        double q = sample_quantile(ref, (double)i / (double)k);
        double last = ret->n > 1 ? ret->edge[ret->n - 2] : lo;
        if (q > last && q < hi) ret->edge[ret->n++ - 1] = q;
    }
}

void bins_count(const struct bins *b, const struct sample *s, double *counts)
{
    size_t at = 0;
    for (size_t k = 0; k < b->n; k++) {
        size_t from = at;
        if (k + 1 == b->n) at = s->n;
        else
            while (at < s->n &&
                   (s->x[at] < b->edge[k] || (b->closed_right && s->x[at] == b->edge[k])))
                at++;
        counts[k] = (double)(at - from);
    }
}

/* Both rows as shares after adding `add` to every count. */
struct shares {
    double add, p_sum, q_sum;
};

static struct shares shares_of(const double *p, const double *q, size_t k, double add)
{
    struct shares s = { add, 0, 0 };
    for (size_t i = 0; i < k; i++) {
        s.p_sum += p[i] + add;
        s.q_sum += q[i] + add;
    }
    return s;
}

static double psi(const double *p, const double *q, size_t k, double add)
{
    struct shares s = shares_of(p, q, k, add);
    long double sum = 0;
    for (size_t i = 0; i < k; i++) {
        double a = (p[i] + add) / s.p_sum, b = (q[i] + add) / s.q_sum;
        sum += (long double)(b - a) * log(b / a);
    }
    return (double)sum;
}

double dist_psi_eps(const double *p, const double *q, size_t k)
{
    return psi(p, q, k, EPS_COUNT);
}

double dist_psi_jeffreys(const double *p, const double *q, size_t k)
{
    return psi(p, q, k, JEFFREYS_COUNT);
}

double dist_psi_p(double value, double n1, double n2, size_t k)
{
    return k > 1 ? chi2_sf(value / (1 / n1 + 1 / n2), (double)(k - 1)) : 1;
}

static double kl(const double *p, const double *q, size_t k, double add)
{
    struct shares s = shares_of(p, q, k, add);
    long double sum = 0;
    for (size_t i = 0; i < k; i++) {
        double a = (p[i] + add) / s.p_sum, b = (q[i] + add) / s.q_sum;
        if (a > 0) sum += b > 0 ? (long double)a * log(a / b) : (long double)INFINITY;
    }
    return (double)sum;
}

double dist_kl(const double *p, const double *q, size_t k)
{
    return kl(p, q, k, 0);
}

double dist_kl_eps(const double *p, const double *q, size_t k)
{
    return kl(p, q, k, EPS_COUNT);
}

double dist_js(const double *p, const double *q, size_t k)
{
    struct shares s = shares_of(p, q, k, 0);
    long double sum = 0;
    for (size_t i = 0; i < k; i++) {
        long double a = p[i] / s.p_sum, b = q[i] / s.q_sum, m = (a + b) / 2;
        if (a > 0) sum += a * log2l(a / m);
        if (b > 0) sum += b * log2l(b / m);
    }
    return sum > 0 ? (double)sqrtl(sum / 2) : 0;
}

double dist_hellinger(const double *p, const double *q, size_t k)
{
    struct shares s = shares_of(p, q, k, 0);
    long double sum = 0;
    for (size_t i = 0; i < k; i++) {
        long double d = sqrtl((long double)p[i] / s.p_sum) - sqrtl((long double)q[i] / s.q_sum);
        sum += d * d;
    }
    return (double)sqrtl(sum / 2);
}

double dist_tvd(const double *p, const double *q, size_t k)
{
    struct shares s = shares_of(p, q, k, 0);
    long double sum = 0;
    for (size_t i = 0; i < k; i++)
        sum += fabsl((long double)p[i] / s.p_sum - (long double)q[i] / s.q_sum);
    return (double)(sum / 2);
}

double dist_balanced_v(const double *p, const double *q, size_t k)
{
    struct shares s = shares_of(p, q, k, 0);
    long double sum = 0;
    for (size_t i = 0; i < k; i++) {
        long double a = p[i] / s.p_sum, b = q[i] / s.q_sum;
        if (a + b > 0) sum += (a - b) * (a - b) / (a + b);
    }
    return (double)sqrtl(sum / 2);
}

double dist_linf(const double *p, const double *q, size_t k)
{
    struct shares s = shares_of(p, q, k, 0);
    double most = 0;
    for (size_t i = 0; i < k; i++) most = fmax(most, fabs(p[i] / s.p_sum - q[i] / s.q_sum));
    return most;
}

double dist_entropy(const double *p, size_t k)
{
    long double total = 0, sum = 0;
    for (size_t i = 0; i < k; i++) total += p[i];
    for (size_t i = 0; i < k; i++)
        if (p[i] > 0) sum -= p[i] / total * log2l(p[i] / total);
    return (double)sum;
}
