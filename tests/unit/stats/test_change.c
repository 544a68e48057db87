/* test_change.c: steps, ramps and steady series told apart, and how often noise is taken for a
 * change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "engine/drift/change.h"
#include <math.h>

static void steady_series_do_not_change(void **state)
{
    (void)state;
    double flat[40], wave[40];
    for (int i = 0; i < 40; i++) {
        flat[i] = 0.1 + 0.2; /* a sum that rounds */
        wave[i] = 5 + (i % 2);
    }
    assert_int_equal(change_find(flat, 40).kind, CHANGE_NONE);
    assert_int_equal(change_find(wave, 40).kind, CHANGE_NONE);
    assert_int_equal(change_find(flat, 0).kind, CHANGE_NONE);
    assert_int_equal(change_find(wave, CHANGE_MIN - 1).kind, CHANGE_NONE);
}

static void a_step_is_sudden(void **state)
{
    (void)state;
    double x[12];
    for (int i = 0; i < 12; i++) x[i] = (i < 7 ? 2 : 3) + 0.01 * (i % 3);
    struct change c = change_find(x, 12);
    assert_int_equal(c.kind, CHANGE_SUDDEN);
    assert_int_equal(c.at, 7);
    assert_true(fabs(c.before - 2.01) < 0.01 && fabs(c.after - 3.01) < 0.01);
}

static void a_step_without_noise_is_found_where_it_is(void **state)
{
    (void)state;
    double x[9] = { 0, 0, 0, 0, 0, 0, 1, 1, 1 };
    struct change c = change_find(x, 9);
    assert_int_equal(c.kind, CHANGE_SUDDEN);
    assert_int_equal(c.at, 6);
    assert_true(c.before == 0 || fabs(c.before) < 1e-12);
    assert_true(fabs(c.after - 1) < 1e-12);
}

static void one_value_alone_is_no_change(void **state)
{
    (void)state;
    double x[20] = { 0 };
    for (int i = 0; i < 20; i++) x[i] = 0.1 * (i % 4);
    x[19] = 5;
    assert_int_equal(change_find(x, 20).kind, CHANGE_NONE);
}

static void a_ramp_is_gradual(void **state)
{
    (void)state;
    double x[30];
    for (int i = 0; i < 30; i++)
        x[i] = (i < 10 ? 0 : i > 22 ? 1.2 : (i - 10) * 0.1) + 0.02 * ((i * 7) % 5 - 2);
    struct change c = change_find(x, 30);
    assert_int_equal(c.kind, CHANGE_GRADUAL);
    assert_in_range(c.at, 9, 13);
    assert_true(fabs(c.before) < 0.05 && fabs(c.after - 1.2) < 0.05);
}

/* Up, down and up again: what counts is the latest. */
static void the_latest_change_counts(void **state)
{
    (void)state;
    static const double x[12] = { 6, 6, 0, 0, 0, 0, 0, 0, 0, 6, 6, 6 };
    struct change c = change_find(x, 12);
    assert_int_equal(c.kind, CHANGE_SUDDEN);
    assert_int_equal(c.at, 9);
    assert_int_equal(c.end, 9);
}

/* Of long series the newest values count, and positions are those of the whole. */
static void long_series_are_cut(void **state)
{
    (void)state;
    static double x[1000];
    for (int i = 0; i < 1000; i++) x[i] = (i < 900 ? 1 : 2) + 0.1 * (i % 2) + (i < 500 ? 40 : 0);
    struct change c = change_find(x, 1000);
    assert_int_equal(c.kind, CHANGE_SUDDEN);
    assert_int_equal(c.at, 900);
}

static void noise_is_seldom_taken_for_a_change(void **state)
{
    (void)state;
    int alarms = 0;
    for (uint64_t seed = 0; seed < 400; seed++) {
        struct rng r;
        double x[30];
        rng_seed(&r, seed);
        for (int i = 0; i < 30; i++) x[i] = 0.9 + 0.01 * rng_normal(&r);
        alarms += change_find(x, 30).kind != CHANGE_NONE;
    }
    assert_in_range(alarms, 0, 20); /* 5 % */
}

/* A shift of three deviations is nearly always seen, and where it is. */
static void clear_shifts_are_seen(void **state)
{
    (void)state;
    int seen = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct rng r;
        double x[24];
        rng_seed(&r, seed);
        for (int i = 0; i < 24; i++) x[i] = rng_normal(&r) + (i < 14 ? 0 : 3);
        struct change c = change_find(x, 24);
        seen += c.kind != CHANGE_NONE && c.at >= 12 && c.at <= 16;
    }
    assert_in_range(seen, 190, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steady_series_do_not_change),
        cmocka_unit_test(a_step_is_sudden),
        cmocka_unit_test(a_step_without_noise_is_found_where_it_is),
        cmocka_unit_test(one_value_alone_is_no_change),
        cmocka_unit_test(a_ramp_is_gradual),
        cmocka_unit_test(the_latest_change_counts),
        cmocka_unit_test(long_series_are_cut),
        cmocka_unit_test(noise_is_seldom_taken_for_a_change),
        cmocka_unit_test(clear_shifts_are_seen),
    };
    return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
