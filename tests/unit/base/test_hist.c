/* test_hist.c: unit tests of base/hist: quantiles against sorted values, merging, text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/hist.h"
#include "base/rng.h"

#include <math.h>

static int by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static void quantiles_are_within_nine_percent(void **state)
{
    (void)state;
    enum { N = 20001 };
    static double v[N];
    static const double qs[] = { 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999 };
    struct hist h = { 0 };
    struct rng r;
    rng_seed(&r, 1);
    for (int i = 0; i < N; i++) {
        v[i] = exp(-7 + 2 * rng_normal(&r));
        hist_add(&h, v[i]);
    }
    qsort(v, N, sizeof v[0], by_value);
    for (size_t i = 0; i < sizeof qs / sizeof qs[0]; i++) {
        double exact = v[(int)(qs[i] * N)], got = hist_quantile(&h, qs[i]);
        assert_true(got / exact < 1.0951 && exact / got < 1.0951);
    }
    assert_true(hist_quantile(&h, 1) == v[N - 1]);
    assert_true(h.max == v[N - 1]);
    assert_int_equal(h.n, N);
}

static void every_value_is_below_its_bound(void **state)
{
    (void)state;
    for (int b = 0; b < HIST_BUCKETS - 1; b++) {
        struct hist h = { 0 };
        hist_add(&h, hist_bound(b) * 0.999);
        assert_int_equal(h.bucket[b], 1);
        hist_add(&h, hist_bound(b) * 1.001);
        assert_int_equal(h.bucket[b + 1], 1);
        assert_true(b == 0 || fabs(hist_bound(b) / hist_bound(b - 1) - pow(2, 0.25)) < 1e-12);
    }
}

static void odd_values_are_counted_somewhere(void **state)
{
    (void)state;
    struct hist h = { 0 };
    assert_true(isnan(hist_quantile(&h, 0.5)));
    hist_add(&h, 0);
    hist_add(&h, -1);
    hist_add(&h, (double)NAN);
    hist_add(&h, 1e9);
    hist_add(&h, (double)INFINITY);
    assert_int_equal(h.n, 5);
    assert_int_equal(h.bucket[0], 3);
    assert_int_equal(h.bucket[HIST_BUCKETS - 1], 2);
    assert_true(hist_quantile(&h, 0.5) < 2e-6);
}

static void below_counts_to_the_bucket(void **state)
{
    (void)state;
    struct hist h = { 0 };
    for (int i = 1; i <= 1000; i++) hist_add(&h, i * 1e-3);
    for (double s = 0.01; s < 1; s += 0.037) {
        double n = (double)hist_below(&h, s);
        assert_true(n >= 1000 * s * 0.89 - 1 && n <= 1000 * s * 1.11 + 1);
    }
    assert_int_equal(hist_below(&h, 1), 1000);
    assert_int_equal(hist_below(&h, 0), 0);
}

static void merging_is_adding(void **state)
{
    (void)state;
    struct hist both = { 0 }, parts[2] = { { 0 }, { 0 } };
    struct rng r;
    rng_seed(&r, 2);
    for (int i = 0; i < 1000; i++) {
        double v = ldexp(1, (int)rng_below(&r, 20) - 20);
        hist_add(&both, v);
        hist_add(&parts[i & 1], v);
    }
    hist_merge(&parts[0], &parts[1]);
    assert_memory_equal(&parts[0], &both, sizeof both);
}

static void full_buckets_stay_full(void **state)
{
    (void)state;
    struct hist h = { .n = UINT32_MAX }, more = { 0 };
    h.bucket[0] = UINT32_MAX;
    hist_add(&h, 0);
    hist_add(&more, 0);
    hist_merge(&h, &more);
    assert_int_equal(h.bucket[0], UINT32_MAX);
    assert_int_equal(h.n, (uint64_t)UINT32_MAX + 2);
}

static void text_reads_back(void **state)
{
    (void)state;
    struct hist h = { 0 }, back = { .n = 7 };
    STR_AUTO s = STR_INIT;
    for (int i = 0; i < 100; i++) hist_add(&h, i * 0.0037);
    hist_write(&h, &s);
    assert_int_equal(hist_read(&back, str_c(&s)), 0);
    assert_memory_equal(&back, &h, sizeof h);
    struct hist none = { 0 };
    str_clear(&s);
    hist_write(&none, &s);
    assert_string_equal(str_c(&s), "0 0 0");
    assert_int_equal(hist_read(&back, "0 0 0"), 0);
    assert_memory_equal(&back, &none, sizeof none);
}

static void what_is_no_text_of_one_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "",          "1",           "1 2",
                                       "x 0 0",     "1 0 0 ",      "1 0 0 5",
                                       "1 0 0 5:",  "1 0 0 128:1", "1 0 0 -1:1",
                                       "1 nan 0",   "1 0 -1",      "1 0 0 5:1 5:1",
                                       "1 0 0 5:0", "1 0 0 5:1x",  "1 0 0 1:5000000000" };
    struct hist h = { .n = 3 };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(hist_read(&h, bad[i]), -ERR_PARSE);
        assert_int_equal(h.n, 3);
    }
    assert_int_equal(hist_read(&h, NULL), -ERR_PARSE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_within_nine_percent),
        cmocka_unit_test(every_value_is_below_its_bound),
        cmocka_unit_test(odd_values_are_counted_somewhere),
        cmocka_unit_test(below_counts_to_the_bucket),
        cmocka_unit_test(merging_is_adding),
        cmocka_unit_test(full_buckets_stay_full),
        cmocka_unit_test(text_reads_back),
        cmocka_unit_test(what_is_no_text_of_one_is_refused),
    };
    return cmocka_run_group_tests_name("hist", tests, NULL, NULL);
}
