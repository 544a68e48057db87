/* test_sequential.c: the sequential test as it is used: simulated rollouts looked at again and
 * again. Healthy candidates are rejected in at most alpha of them, harmful ones are found about
 * as fast as the theory says, and the confidence sequence covers the truth at all looks at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/rng.h"
#include "engine/stats/sequential.h"

#include <math.h>
#include <stdio.h>

static const struct sequential_spec spec = { .alpha = 0.01, .tau = 0.01 };

/* Binomial(n, p) by inversion of the gaps between successes. */
static int64_t binomial(struct rng *r, int64_t n, double p)
{
    int64_t hits = 0;
    double l = log1p(-p), at = 0;
    for (;;) {
        at += floor(log1p(-rng_unit(r)) / l) + 1;
        if (at > (double)n) return hits;
        hits++;
    }
}

struct outcome {
    double rejected; /* share of simulations that said "worse" */
    double covered;  /* share whose sequence held the truth at every look */
    double median;   /* requests until then */
};

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

/* Up to 40,000 requests, a look every 200, none before 100 of the candidate. */
static struct outcome simulate(double share, double p0, double p1, int sims, uint64_t seed)
{
    struct outcome o = { 0 };
    double *when = calloc((size_t)sims, sizeof *when);
    int64_t step = (int64_t)(200 * share);
    struct rng r;
    rng_seed(&r, seed);
    for (int i = 0; i < sims; i++) {
        int64_t n[2] = { 0 }, x[2] = { 0 };
        bool inside = true;
        when[i] = 1e9;
        while (n[0] + n[1] < 40000) {
            x[0] += binomial(&r, 200 - step, p0);
            x[1] += binomial(&r, step, p1);
            n[0] += 200 - step;
            n[1] += step;
            if (n[1] < 100) continue;
            struct sequential s = sequential_rates(&spec, x[0], n[0], x[1], n[1]);
            inside &= s.low <= p1 - p0 && p1 - p0 <= s.high;
            if (when[i] > 40000 && s.reject && s.difference > 0) when[i] = (double)(n[0] + n[1]);
        }
        o.rejected += when[i] < 1e9;
        o.covered += inside;
    }
    o.rejected /= sims;
    o.covered /= sims;
    qsort(when, (size_t)sims, sizeof *when, by_value);
    o.median = when[sims / 2];
    free(when);
    printf("share %.2f, %.3f -> %.3f: worse %.4f, covered %.4f, median %.0f\n", share, p0, p1,
           o.rejected, o.covered, o.median);
    return o;
}

static void healthy_candidates_are_left_alone(void **state)
{
    (void)state;
    static const double of[][2] = { { 0.5, 0.02 },  { 0.1, 0.02 },   { 0.05, 0.02 },
                                    { 0.1, 0.002 }, { 0.05, 0.005 }, { 0.1, 0.1 } };
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        struct outcome o = simulate(of[i][0], of[i][1], of[i][1], 2000, 11 + i);
        assert_true(o.rejected <= 0.01);
        assert_true(o.covered >= 0.985);
    }
}

static void harm_is_found(void **state)
{
    (void)state;
    struct outcome o = simulate(0.1, 0.02, 0.04, 400, 21);
    assert_true(o.rejected >= 0.99);
    assert_true(o.median > 8500 && o.median < 11500);
    assert_true(o.covered >= 0.98);
    o = simulate(0.05, 0.02, 0.06, 400, 22);
    assert_true(o.rejected >= 0.99);
    assert_true(o.median > 6000 && o.median < 11000);
    o = simulate(0.1, 0.02, 0.03, 400, 23);
    assert_true(o.rejected > 0.6 && o.rejected < 0.85);
}

static void means_are_covered(void **state)
{
    (void)state;
    const struct sequential_spec wide = { .alpha = 0.05, .tau = 0.1 };
    enum { SIMS = 1000 };
    int covered = 0;
    struct rng r;
    rng_seed(&r, 5);
    for (int i = 0; i < SIMS; i++) {
        double sum[2] = { 0 }, sq[2] = { 0 };
        bool inside = true;
        for (int n = 1; n <= 2000; n++) {
            for (int k = 0; k < 2; k++) {
                double v = rng_normal(&r) + (k ? 0.05 : 0);
                sum[k] += v;
                sq[k] += v * v;
            }
            if (n < 50 || n % 10) continue;
            double m0 = sum[0] / n, m1 = sum[1] / n;
            struct sequential s =
                sequential_means(&wide, m0, sq[0] / n - m0 * m0, n, m1, sq[1] / n - m1 * m1, n);
            inside &= s.low <= 0.05 && 0.05 <= s.high;
        }
        covered += inside;
    }
    printf("means covered %.3f\n", (double)covered / SIMS);
    assert_true(covered >= SIMS * 0.94);
}

static void the_formula(void **state)
{
    (void)state;
    const struct sequential_spec s = { .alpha = 0.05, .tau = 0.1 };
    struct sequential r = sequential_means(&s, 1, 1, 100, 1.5, 1, 100);
    /* s2 = 0.02, tau^2 = 0.01, d = 0.5 */
    double expect = 0.5 * log(0.02 / 0.03) + 0.01 * 0.25 / (2 * 0.02 * 0.03);
    assert_true(fabs(r.log_ratio - expect) < 1e-12);
    assert_true(fabs(r.p - fmin(1, exp(-expect))) < 1e-12);
    assert_true(fabs(r.difference - 0.5) < 1e-12);
    assert_true(fabs((r.low + r.high) / 2 - 0.5) < 1e-12);
    /* at the edge of the sequence the ratio is exactly the bound */
    double edge = r.high - r.difference;
    double at = 0.5 * log(0.02 / 0.03) + 0.01 * edge * edge / (2 * 0.02 * 0.03);
    assert_true(fabs(at - log(20)) < 1e-9);
    r = sequential_rates(&s, 0, 9, 9, 9);
    assert_true(fabs(r.difference - 0.9) < 1e-12);
}

static void no_samples_no_verdict(void **state)
{
    (void)state;
    struct sequential r = sequential_rates(&spec, 0, 0, 5, 10);
    assert_false(r.reject);
    assert_true(r.p == 1 && isinf(r.low) && isinf(r.high) && isnan(r.difference));
    r = sequential_rates(&spec, 5, 10, 0, 0);
    assert_false(r.reject);
    r = sequential_means(&spec, 1, 0, 5, 2, 0, 5);
    assert_false(r.reject);
    r = sequential_means(&spec, (double)NAN, 1, 5, 2, 1, 5);
    assert_false(r.reject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_candidates_are_left_alone),
        cmocka_unit_test(harm_is_found),
        cmocka_unit_test(means_are_covered),
        cmocka_unit_test(the_formula),
        cmocka_unit_test(no_samples_no_verdict),
    };
    return cmocka_run_group_tests_name("sequential", tests, NULL, NULL);
}
