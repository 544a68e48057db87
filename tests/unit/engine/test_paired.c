/* test_paired.c: comparing two models on the same rows: DeLong against numbers of an independent
 * program, the bootstrap against the normal interval of a paired mean, how often two equal models
 * are told apart, rows without a target, classes in another order, the trivial predictor. */
#include "base/rng.h"
#include "engine/metric/paired.h"
#include "enginetest.h"

#include <math.h>
#include <stdlib.h>

static struct metric_input binary(size_t n, const double *y, const double *p)
{
    return (struct metric_input){ TASK_BINARY, 2, n, y, p, NULL };
}

static struct comparison compare(const char *metric, const struct metric_input *a,
                                 const struct metric_input *b)
{
    struct comparison c;
    struct err e = ERR_INIT;

    check_ok(metric_compare(metric_find(metric), a, b, 5, &c, &e), &e);
    return c;
}

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.17g, expected %.17g", got, want);
}

/* The definition over all pairs of a positive and a negative gives these. */
static void test_delong(void **state)
{
    enum { N = 30 };
    double y[N + 1], a[N + 1], b[N + 1];

    (void)state;
    for (int i = 0; i < N; i++) {
        y[i] = i * 7 % 10 < 4;
        a[i] = i * 37 % 30 / 30.0 + (y[i] > 0 ? 0.3 : 0);
        b[i] = i * 11 % 15 / 15.0 + (y[i] > 0 ? 0.1 : 0);
    }
    struct metric_input ia = binary(N, y, a), ib = binary(N, y, b);
    struct comparison c = compare("auc", &ia, &ib);
    assert_string_equal(c.method, "paired DeLong");
    assert_int_equal(c.n, N);
    near(c.difference, 0.06481481481481488, 1e-14);
    near(c.low, -0.1938462338996605, 1e-12);
    near(c.high, 0.32347586352929025, 1e-12);
    struct comparison back = compare("auc", &ib, &ia);
    near(back.low, -c.high, 1e-15);
    y[N] = NAN; /* a row without a target changes nothing */
    a[N] = b[N] = 0.5;
    ia.n = ib.n = N + 1;
    struct comparison again = compare("auc", &ia, &ib);
    assert_int_equal(again.n, N);
    near(again.low, c.low, 1e-15);
    c = compare("auc", &ia, &ia);
    assert_true(c.difference == 0 && c.low == 0 && c.high == 0);
}

static void test_what_cannot_be_compared(void **state)
{
    const double y[] = { 1, 1, 1 }, a[] = { 0.1, 0.2, 0.3 }, b[] = { 0.3, 0.2, 0.1 };
    struct metric_input ia = binary(3, y, a), ib = binary(3, y, b);

    (void)state;
    assert_true(isnan(compare("auc", &ia, &ib).low));
    assert_true(isnan(compare("average_precision", &ia, &ib).difference) == 0);
    ia.n = ib.n = 0;
    assert_true(isnan(compare("auc", &ia, &ib).difference));
    assert_true(isnan(compare("accuracy", &ia, &ib).low));
}

/* Accuracy is a mean over rows, so its difference has a normal interval to compare with. */
static void test_bootstrap(void **state)
{
    enum { N = 2000 };
    static double y[N], a[N], b[N];
    double sum = 0, squares = 0;
    struct rng r;

    (void)state;
    rng_seed(&r, 3);
    for (int i = 0; i < N; i++) {
        y[i] = rng_unit(&r) < 0.5;
        bool ra = rng_unit(&r) < 0.8, rb = rng_unit(&r) < (ra ? 0.85 : 0.5);
        a[i] = (y[i] > 0) == ra ? 0.9 : 0.1;
        b[i] = (y[i] > 0) == rb ? 0.9 : 0.1;
        sum += ra - rb;
        squares += (ra - rb) * (ra - rb);
    }
    double mean = sum / N, half = 1.96 * sqrt((squares / N - mean * mean) / N);
    struct metric_input ia = binary(N, y, a), ib = binary(N, y, b);
    struct comparison c = compare("accuracy", &ia, &ib);
    assert_string_equal(c.method, "paired bootstrap");
    near(c.difference, mean, 1e-12);
    near(c.low, mean - half, 0.1 * half);
    near(c.high, mean + half, 0.1 * half);
    struct comparison again = compare("accuracy", &ia, &ib);
    assert_true(again.low == c.low && again.high == c.high); /* same seed */
    c = compare("log_loss", &ia, &ib);                       /* less is better */
    assert_true((c.difference > 0) == (mean > 0));
}

/* Two models of the same worth, whose scores are alike: a loss can be excluded by chance only. */
static void test_false_alarms(void **state)
{
    enum { N = 400, TRIALS = 400 };
    double y[N], a[N], b[N];
    int wins = 0, losses = 0;

    (void)state;
    for (int t = 0; t < TRIALS; t++) {
        struct rng r;
        rng_stream(&r, 11, (uint64_t)t);
        for (int i = 0; i < N; i++) {
            y[i] = rng_unit(&r) < 0.2;
            double truth = y[i] + rng_normal(&r);
            a[i] = truth + 0.5 * rng_normal(&r);
            b[i] = truth + 0.5 * rng_normal(&r);
        }
        struct metric_input ia = binary(N, y, a), ib = binary(N, y, b);
        struct comparison c = compare("auc", &ia, &ib);
        wins += c.low >= 0;
        losses += c.high < 0;
    }
    printf("equal models told apart: %d better, %d worse of %d\n", wins, losses, TRIALS);
    assert_in_range(wins, 1, 22); /* 2.5 % are 10 */
    assert_in_range(losses, 1, 22);
}

static void test_classes_in_another_order(void **state)
{
    const double ya[] = { 0, 1, 2, 0, 1, NAN }, yb[] = { 2, 0, 1, 2, 0, 1 };
    double pa[18] = { 0 }, pb[18] = { 0 };

    (void)state;
    for (int i = 0; i < 5; i++) {
        pa[3 * i + (int)ya[i]] = 1; /* both know everything */
        pb[3 * i + (int)yb[i]] = 1;
    }
    const struct metric_input ia = { TASK_MULTICLASS, 3, 6, ya, pa, NULL },
                              ib = { TASK_MULTICLASS, 3, 6, yb, pb, NULL };
    struct comparison c = compare("accuracy", &ia, &ib);
    assert_int_equal(c.n, 5);
    assert_true(c.difference == 0 && c.low == 0 && c.high == 0);
}

static void test_trivial(void **state)
{
    const double y[] = { 0, 2, 2, NAN, 1, 2 };
    double p[6];
    struct metric_input in = { TASK_MULTICLASS, 3, 6, y, NULL, NULL };

    (void)state;
    metric_trivial(&in, 2, p);
    for (int i = 0; i < 2; i++) {
        near(p[3 * i], 0.2, 1e-15);
        near(p[3 * i + 1], 0.2, 1e-15);
        near(p[3 * i + 2], 0.6, 1e-15);
    }
    in.task = TASK_REGRESSION;
    in.n_classes = 0;
    metric_trivial(&in, 3, p);
    near(p[2], 7.0 / 5, 1e-15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delong),
        cmocka_unit_test(test_what_cannot_be_compared),
        cmocka_unit_test(test_bootstrap),
        cmocka_unit_test(test_false_alarms),
        cmocka_unit_test(test_classes_in_another_order),
        cmocka_unit_test(test_trivial),
    };

    return cmocka_run_group_tests_name("paired", tests, NULL, NULL);
}
