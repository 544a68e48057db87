/* sequential.c: see sequential.h. The variance is the sample's own, which is why callers wait
 * for a minimum of samples; with that, tests simulate that the error stays below alpha. */
#include "engine/stats/sequential.h"

#include <math.h>

/* An arm without a sample says nothing. */
static const struct sequential nothing_known = {
    .difference = NAN, .low = -INFINITY, .high = INFINITY, .log_ratio = 0, .p = 1
};

/* s2: variance of d for the ratio; w2: for the interval. */
static struct sequential judge(const struct sequential_spec *s, double d, double s2, double w2)
{
    double t2 = s->tau * s->tau, bound = -log(s->alpha);
    struct sequential r = { .difference = d };

    r.log_ratio = 0.5 * log(s2 / (s2 + t2)) + t2 * d * d / (2 * s2 * (s2 + t2));
    r.p = fmin(1, exp(-r.log_ratio));
    r.reject = r.log_ratio >= bound;
    /* the true differences that the same ratio would not reject */
    double half = sqrt((bound + 0.5 * log((w2 + t2) / w2)) * 2 * w2 * (w2 + t2) / t2);
    r.low = d - half;
    r.high = d + half;
    return r;
}

/* x of n with k successes and k failures added. */
static double smoothed(int64_t x, int64_t n, double k)
{
    return ((double)x + k) / ((double)n + 2 * k);
}

static double variance(double p)
{
    return p * (1 - p);
}

struct sequential sequential_rates(const struct sequential_spec *s, int64_t x0, int64_t n0,
                                   int64_t x1, int64_t n1)
{
    if (n0 < 1 || n1 < 1) return nothing_known;
    double w0 = 1 / (double)n0, w1 = 1 / (double)n1;
    double p0 = smoothed(x0, n0, 0.5), p1 = smoothed(x1, n1, 0.5);
    double apart = variance(p0) * w0 + variance(p1) * w1;
    double together = variance(smoothed(x0 + x1, n0 + n1, 1)) * (w0 + w1);
    double wide = variance(smoothed(x0, n0, 2)) * w0 + variance(smoothed(x1, n1, 2)) * w1;
    return judge(s, p1 - p0, (apart + together) / 2, wide);
}

struct sequential sequential_means(const struct sequential_spec *s, double m0, double v0,
                                   int64_t n0, double m1, double v1, int64_t n1)
{
    if (n0 < 1 || n1 < 1) return nothing_known;
    double s2 = v0 / (double)n0 + v1 / (double)n1;
    if (!(s2 > 0) || !isfinite(m0) || !isfinite(m1)) return nothing_known;
    return judge(s, m1 - m0, s2, s2);
}
