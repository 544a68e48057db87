/* test_profile.c: counts, moments, type-7 quantiles and histograms against values worked out by
 * hand or by a slow sort, and the most frequent levels in order. */
#include "base/rng.h"
#include "engine/frame/profile.h"
#include "enginetest.h"

static struct profile profile_of(const struct frame *f, size_t col)
{
    struct profile p;
    struct err e = ERR_INIT;

    check_ok(profile_column(&f->cols[col], f->n_rows, &p, &e), &e);
    return p;
}

static void test_small(void **state)
{
    const double v[] = { 4, NAN, -0.0, 2, 0, 10, NAN, 2 };
    struct frame *f = frame_new();
    struct profile p;

    (void)state;
    put_nums(f, "x", COL_REAL, v, 8);
    p = profile_of(f, 0);
    assert_int_equal(p.rows, 8);
    assert_int_equal(p.missing, 2);
    assert_int_equal(p.distinct, 4); /* -0 and 0 are one */
    check_near(p.min, 0, 0, 0, "min");
    check_near(p.max, 10, 0, 0, "max");
    check_near(p.mean, 3, 1e-15, 0, "mean");
    check_near(p.std, sqrt((1 + 9 + 1 + 9 + 49 + 1) / 5.0), 1e-15, 0, "std");
    check_near(p.q[3], 2, 0, 0, "median");
    check_near(p.q[2], 0.5, 0, 1e-15, "p25"); /* 0 0 2 2 4 10: at 1.25 */
    check_near(p.q[6], 9.7, 0, 1e-15, "p99");
    assert_int_equal(p.bins, PROFILE_BINS);
    check_near(p.width, 0.5, 0, 0, "width");
    assert_int_equal(p.count[0], 2);
    assert_int_equal(p.count[4], 2);
    assert_int_equal(p.count[8], 1);
    assert_int_equal(p.count[19], 1);
    frame_free(f);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void test_against_sort(void **state)
{
    enum { N = 20000 };
    double *v = malloc(N * sizeof *v);
    struct frame *f = frame_new();
    struct profile p;
    struct rng r;
    size_t total = 0, distinct = 1;

    (void)state;
    rng_seed(&r, 3);
    for (size_t i = 0; i < N; i++) v[i] = rng_normal(&r) * 1e3 + (i % 3 ? 0 : -1e5);
    for (size_t i = 0; i < N; i += 7) v[i] = floor(v[i]);
    put_nums(f, "x", COL_REAL, v, N);
    p = profile_of(f, 0);
    qsort(v, N, sizeof *v, by_value);
    for (size_t i = 1; i < N; i++) distinct += v[i] != v[i - 1];
    assert_int_equal(p.distinct, distinct);
    for (size_t k = 0; k < 7; k++) {
        double at = profile_probs[k] * (N - 1), below = floor(at);
        size_t i = (size_t)below;
        check_near(p.q[k], v[i] + (at - below) * (v[i + 1] - v[i]), 1e-9, 0, "quantile");
    }
    for (size_t b = 0; b < p.bins; b++) total += p.count[b];
    assert_int_equal(total, N);
    check_near(p.min, v[0], 0, 0, "min");
    check_near(p.max, v[N - 1], 0, 0, "max");
    free(v);
    frame_free(f);
}

/* A large offset must not eat the digits of the deviation. */
static void test_offset(void **state)
{
    double v[1000];
    struct frame *f = frame_new();
    struct profile p;

    (void)state;
    for (size_t i = 0; i < 1000; i++) v[i] = 1.6e15 + (double)(i % 2);
    put_nums(f, "t", COL_TIME, v, 1000);
    p = profile_of(f, 0);
    check_near(p.std, sqrt(1000.0 * 0.25 / 999), 0, 1e-12, "std");
    check_near(p.mean, 1.6e15 + 0.5, 0, 0, "mean");
    frame_free(f);
}

static void test_constant_and_empty(void **state)
{
    const double v[] = { 7, 7, 7 }, none[] = { NAN, NAN, NAN };
    struct frame *f = frame_new();
    struct profile p;

    (void)state;
    put_nums(f, "c", COL_INT, v, 3);
    put_nums(f, "n", COL_REAL, none, 3);
    p = profile_of(f, 0);
    assert_int_equal(p.bins, 1);
    assert_int_equal(p.count[0], 3);
    check_near(p.std, 0, 0, 0, "std");
    assert_int_equal(p.distinct, 1);
    p = profile_of(f, 1);
    assert_int_equal(p.missing, 3);
    assert_int_equal(p.distinct, 0);
    assert_int_equal(p.bins, 0);
    assert_true(isnan(p.min) && isnan(p.max) && isnan(p.mean) && isnan(p.std) && isnan(p.q[3]));
    frame_free(f);
}

static void test_no_rows_and_one(void **state)
{
    const double v[] = { 5 };
    struct frame *f = frame_new(), *one = frame_new();
    struct profile p;

    (void)state;
    put_nums(f, "x", COL_REAL, v, 0);
    p = profile_of(f, 0);
    assert_int_equal(p.rows, 0);
    assert_true(isnan(p.mean));
    put_nums(one, "x", COL_REAL, v, 1);
    p = profile_of(one, 0);
    check_near(p.q[0], 5, 0, 0, "p01");
    assert_true(isnan(p.std));
    frame_free(f);
    frame_free(one);
}

static void test_infinite_range(void **state)
{
    const double v[] = { -1e308, 1e308, 1 };
    struct frame *f = frame_new();
    struct profile p;

    (void)state;
    put_nums(f, "x", COL_REAL, v, 3);
    p = profile_of(f, 0);
    assert_int_equal(p.bins, 0);
    check_near(p.q[3], 1, 0, 0, "median");
    frame_free(f);
}

static void test_levels(void **state)
{
    const char *v[200];
    static char names[14][4];
    struct frame *f = frame_new();
    struct profile p;
    size_t n = 0;

    (void)state;
    for (size_t k = 0; k < 14; k++) {
        snprintf(names[k], sizeof names[k], "l%zu", k);
        for (size_t i = 0; i < (k == 5 ? 20 : k == 13 ? 9 : 3); i++) v[n++] = names[k];
    }
    v[n++] = NULL;
    put_texts(f, "c", COL_CATEGORY, v, n);
    p = profile_of(f, 0);
    assert_int_equal(p.missing, 1);
    assert_int_equal(p.distinct, 14);
    assert_int_equal(p.n_top, PROFILE_TOP);
    assert_int_equal(p.top_code[0], 5);
    assert_int_equal(p.top_count[0], 20);
    assert_int_equal(p.top_code[1], 13);
    for (int i = 2; i < PROFILE_TOP; i++) {
        assert_int_equal(p.top_count[i], 3);
        assert_int_equal(p.top_code[i], i - 2 < 5 ? i - 2 : i - 1);
    }
    frame_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_small),          TEST(test_against_sort),       TEST(test_offset),
        TEST(test_infinite_range), TEST(test_constant_and_empty), TEST(test_no_rows_and_one),
        TEST(test_levels),
    };

    return cmocka_run_group_tests_name("engine.profile", tests, NULL, NULL);
}
