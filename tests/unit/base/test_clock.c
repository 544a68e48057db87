/* test_clock.c: unit tests of base/clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

static int64_t parse(const char *s)
{
    int64_t us = -1;
    if (!clock_parse(s, strlen(s), &us)) fail_msg("not parsed: %s", s);
    return us;
}

static void formats(void **state)
{
    (void)state;
    char b[32];
    assert_string_equal(clock_format(b, 0), "1970-01-01T00:00:00Z");
    assert_string_equal(clock_format(b, 951782400LL * 1000000), "2000-02-29T00:00:00Z");
    assert_string_equal(clock_format(b, 1500), "1970-01-01T00:00:00.001500Z");
    assert_string_equal(clock_format(b, -1000), "1969-12-31T23:59:59.999Z");
}

static void parses(void **state)
{
    (void)state;
    assert_int_equal(parse("1970-01-01"), 0);
    assert_int_equal(parse("1970-01-02 00:01"), 86460LL * 1000000);
    assert_int_equal(parse("2000-02-29T00:00:00Z"), 951782400LL * 1000000);
    assert_int_equal(parse("2000-02-29T01:00:00+01:00"), 951782400LL * 1000000);
    assert_int_equal(parse("1970-01-01T00:00:00.25-00:30"), 1800LL * 1000000 + 250000);
}

static void refuses(void **state)
{
    (void)state;
    static const char *const bad[] = { "",           "1970",       "1970-13-01",  "1999-02-29",
                                       "1970-01-01T", "1970-01-01x", "1970-01-01 25:00",
                                       "1970-01-01T00:00:00.", "70-01-01", "1970-01-01T00:00Zz" };
    int64_t us;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (clock_parse(bad[i], strlen(bad[i]), &us)) fail_msg("accepted: %s", bad[i]);
}

static void round_trip(void **state)
{
    (void)state;
    char b[32];
    for (int64_t us = -62135596800LL * 1000000; us < 4102444800LL * 1000000;
         us += 3456789012345678LL)
        assert_int_equal(parse(clock_format(b, us)), us);
}

static void ages(void **state)
{
    (void)state;
    char b[16];
    assert_string_equal(clock_age(b, 5 * 1000000LL), "5s");
    assert_string_equal(clock_age(b, 600 * 1000000LL), "10m");
    assert_string_equal(clock_age(b, 86400 * 1000000LL), "24h");
    assert_string_equal(clock_age(b, 30 * 86400 * 1000000LL), "30d");
    assert_string_equal(clock_age(b, -1), "0s");
}

static void clocks_are_values(void **state)
{
    (void)state;
    struct clock c = clock_fixed(42);
    assert_int_equal(clock_now(&c), 42);
    assert_true(clock_now(&clock_system) > 1600000000LL * 1000000);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(formats),    cmocka_unit_test(parses), cmocka_unit_test(refuses),
        cmocka_unit_test(round_trip), cmocka_unit_test(ages),   cmocka_unit_test(clocks_are_values),
    };
    return cmocka_run_group_tests_name("base.clock", t, NULL, NULL);
}
