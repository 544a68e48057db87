/* test_rng.c: unit tests of base/rng. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#include <math.h>

static void same_seed_same_sequence(void **state)
{
    (void)state;
    struct rng a, b, c;
    rng_seed(&a, 7);
    rng_seed(&b, 7);
    rng_stream(&c, 7, 1);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = rng_u64(&a);
        assert_int_equal(x, rng_u64(&b));
        same += x == rng_u64(&c);
    }
    assert_int_equal(same, 0);
}

/* The generator's published reference output for the state 1, 2, 3, 4. */
static void reference_values(void **state)
{
    (void)state;
    struct rng r = { { 1, 2, 3, 4 } };
    static const uint64_t want[] = { 11520u, 0u, 1509978240u, 1215971899390074240u };
    for (int i = 0; i < 4; i++) assert_int_equal(rng_u64(&r), want[i]);
    assert_int_equal(rng_mix(0), 0xe220a8397b1dcdafu);
}

static void moments(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 3);
    double u = 0, n = 0, n2 = 0, x = 0;
    enum { N = 200000 };
    for (int i = 0; i < N; i++) {
        double v = rng_unit(&r), z = rng_normal(&r);
        assert_true(v >= 0 && v < 1);
        u += v;
        n += z;
        n2 += z * z;
        x += rng_exponential(&r);
    }
    /* five standard errors */
    assert_true(fabs(u / N - 0.5) < 5 * sqrt(1.0 / 12 / N));
    assert_true(fabs(n / N) < 5 / sqrt(N));
    assert_true(fabs(n2 / N - 1) < 5 * sqrt(2.0 / N));
    assert_true(fabs(x / N - 1) < 5 / sqrt(N));
}

static void below_is_uniform(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 11);
    int count[7] = { 0 };
    for (int i = 0; i < 70000; i++) count[rng_below(&r, 7)]++;
    double chi2 = 0;
    for (int k = 0; k < 7; k++) chi2 += (count[k] - 10000.0) * (count[k] - 10000.0) / 10000.0;
    assert_true(chi2 < 27.9); /* 6 degrees of freedom, p = 1e-4 */
}

static void shuffle_permutes(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 5);
    uint32_t v[100];
    for (uint32_t i = 0; i < 100; i++) v[i] = i;
    rng_shuffle(&r, v, 100);
    int seen[100] = { 0 }, moved = 0;
    for (uint32_t i = 0; i < 100; i++) {
        seen[v[i]]++;
        moved += v[i] != i;
    }
    for (int i = 0; i < 100; i++) assert_int_equal(seen[i], 1);
    assert_true(moved > 80);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(same_seed_same_sequence), cmocka_unit_test(reference_values),
        cmocka_unit_test(moments),                 cmocka_unit_test(below_is_uniform),
        cmocka_unit_test(shuffle_permutes),
    };
    return cmocka_run_group_tests_name("base.rng", t, NULL, NULL);
}
