/* test_limit.c: token buckets: rate and burst to the token, refilling, how long to wait, and that
 * memory stays bounded whatever names come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "http/limit.h"
#include <pthread.h>
#include <stdatomic.h>

#define S 1000000LL

static int after, left;

static bool take(struct limit *l, const char *name, int64_t at)
{
    return limit_take(l, name, at, &after, &left);
}

static int take_all(struct limit *l, const char *name, int64_t at)
{
    int n = 0;
    while (take(l, name, at)) n++;
    return n;
}

static void no_rate_is_no_limit(void **state)
{
    (void)state;
    struct limit *l = limit_new(0, 5, 10);
    for (int i = 0; i < 1000; i++) assert_true(take(l, "a", 0));
    assert_int_equal(left, -1);
    assert_false(limit_set(l));
    assert_int_equal(limit_burst(l), 0);
    limit_free(l);
}

static void a_full_bucket_then_the_rate(void **state)
{
    (void)state;
    struct limit *l = limit_new(10, 25, 8);
    assert_int_equal(limit_burst(l), 25);
    for (int i = 24; i >= 0; i--) {
        assert_true(take(l, "a", 5 * S));
        assert_int_equal(left, i);
    }
    assert_false(take(l, "a", 5 * S));
    assert_int_equal(after, 1);
    assert_int_equal(left, 0);
    assert_int_equal(take_all(l, "a", 5 * S + S / 10), 1); /* a token each tenth of a second */
    assert_int_equal(take_all(l, "a", 6 * S + S / 10), 10);
    assert_int_equal(take_all(l, "a", 100 * S), 25); /* never more than a full bucket */
    int n = 0;
    for (int64_t t = 100 * S; t < 110 * S; t += 1000) n += take(l, "a", t);
    assert_in_range(n, 99, 100);
    limit_free(l);
}

static void slow_rates_say_how_long_to_wait(void **state)
{
    (void)state;
    struct limit *l = limit_new(1.0 / 60, 1, 8);
    assert_true(take(l, "a", S));
    assert_false(take(l, "a", S));
    assert_int_equal(after, 60);
    assert_false(take(l, "a", 31 * S));
    assert_int_equal(after, 30);
    assert_false(take(l, "a", 60 * S + S - 10));
    assert_int_equal(after, 1);
    assert_true(take(l, "a", 61 * S));
    limit_free(l);
}

static void the_burst_is_a_second_of_the_rate_unless_said(void **state)
{
    (void)state;
    struct limit *l = limit_new(7, 0, 8), *slow = limit_new(0.1, 0, 8);
    assert_int_equal(take_all(l, "a", 0), 7);
    assert_int_equal(take_all(slow, "a", 0), 1);
    limit_free(l);
    limit_free(slow);
}

static void names_do_not_share(void **state)
{
    (void)state;
    struct limit *l = limit_new(1, 3, 8);
    assert_int_equal(take_all(l, "a", 0), 3);
    assert_int_equal(take_all(l, "b", 0), 3);
    assert_int_equal(take_all(l, "", 0), 3);
    assert_int_equal(take_all(l, "a", 0), 0);
    limit_free(l);
}

static void the_name_unused_the_longest_is_forgotten(void **state)
{
    (void)state;
    enum { ROOM = 100 };
    struct limit *l = limit_new(1, 2, ROOM);
    char name[16];

    assert_int_equal(take_all(l, "kept", 0), 2);
    assert_int_equal(take_all(l, "lost", 0), 2);
    for (int i = 0; i < 50 * ROOM; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_true(take(l, name, 0));
        if (i % (ROOM / 2) == 0) assert_false(take(l, "kept", 0));
    }
    assert_false(take(l, "kept", 0));
    assert_true(take(l, "lost", 0));
    for (int i = 50 * ROOM - 60; i < 50 * ROOM; i++) { /* the newest are all still known */
        snprintf(name, sizeof name, "n%d", i);
        assert_true(take(l, name, 0));
        assert_false(take(l, name, 0));
    }
    limit_free(l);
}

static atomic_int granted;

static void *hammer(void *arg)
{
    int a, n;
    for (int i = 0; i < 20000; i++)
        if (limit_take(arg, "shared", S, &a, &n)) atomic_fetch_add(&granted, 1);
    return NULL;
}

static void threads_share_one_bucket(void **state)
{
    (void)state;
    struct limit *l = limit_new(1000, 5000, 8);
    pthread_t t[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&t[i], NULL, hammer, l), 0);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    assert_int_equal(granted, 5000);
    limit_free(l);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(no_rate_is_no_limit),
        cmocka_unit_test(a_full_bucket_then_the_rate),
        cmocka_unit_test(slow_rates_say_how_long_to_wait),
        cmocka_unit_test(the_burst_is_a_second_of_the_rate_unless_said),
        cmocka_unit_test(names_do_not_share),
        cmocka_unit_test(the_name_unused_the_longest_is_forgotten),
        cmocka_unit_test(threads_share_one_bucket),
    };
    return cmocka_run_group_tests_name("http.limit", t, NULL, NULL);
}
