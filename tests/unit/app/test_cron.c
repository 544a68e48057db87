/* test_cron.c: slots of cron expressions and intervals: lists, ranges, steps, names, month ends,
 * leap years, and a comparison with plain stepping through the calendar minute by minute. */
#include "app/cron.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#define MINUTE_US 60000000LL

static int64_t at(const char *text)
{
    int64_t us = 0;
    assert_true(clock_parse(text, strlen(text), &us));
    return us;
}

static struct cron parse(const char *text)
{
    struct cron c;
    struct err e = ERR_INIT;
    if (cron_parse(text, &c, &e)) fail_msg("%s: %s", text, e.msg);
    return c;
}

static void slots_are_the_expected_ones(void **state)
{
    static const struct {
        const char *expression, *from, *next, *previous;
    } cases[] = {
        { "0 3 * * 1", "2026-11-21 14:00", "2026-11-23 03:00", "2026-11-16 03:00" },
        { "0 3 * * 1", "2026-11-23 03:00", "2026-11-30 03:00", "2026-11-23 03:00" },
        { "*/15 * * * *", "2026-01-01 00:07:30", "2026-01-01 00:15", "2026-01-01 00:00" },
        { "*/15 * * * *", "2025-12-31 23:59:59", "2026-01-01 00:00", "2025-12-31 23:45" },
        { "5,35 8-17 * * mon-fri", "2026-11-20 17:40", "2026-11-23 08:05", "2026-11-20 17:35" },
        { "10-50/20 0 * * *", "2026-02-03 00:30", "2026-02-03 00:50", "2026-02-03 00:30" },
        { "0 0 31 * *", "2026-01-31 00:00", "2026-03-31 00:00", "2026-01-31 00:00" },
        { "0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00", "2024-02-29 00:00" },
        { "0 0 29 feb *", "2096-03-01 00:00", "2104-02-29 00:00", "2096-02-29 00:00" },
        { "30 12 1 1,7 *", "2026-01-01 12:30", "2026-07-01 12:30", "2026-01-01 12:30" },
        { "0 0 13 * 5", "2026-11-21 00:00", "2026-11-27 00:00", "2026-11-20 00:00" },
        { "0 0 * * 7", "2026-11-21 00:00", "2026-11-22 00:00", "2026-11-15 00:00" },
        { "0 0 28-31 * *", "2026-02-28 00:00", "2026-03-28 00:00", "2026-02-28 00:00" },
        { "7/20 * * * *", "2026-02-28 00:08", "2026-02-28 00:27", "2026-02-28 00:07" },
        { "@daily", "2024-02-28 10:00", "2024-02-29 00:00", "2024-02-28 00:00" },
        { "@yearly", "1969-06-01 00:00", "1970-01-01 00:00", "1969-01-01 00:00" },
        { "15m", "2026-11-21 14:07", "2026-11-21 14:15", "2026-11-21 14:00" },
        { "1d", "2026-11-21 00:00", "2026-11-22 00:00", "2026-11-21 00:00" },
        { "1w", "2026-11-21 00:00", "2026-11-23 00:00", "2026-11-16 00:00" },
        { "1h", "1969-12-31 23:30", "1970-01-01 00:00", "1969-12-31 23:00" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cron c = parse(cases[i].expression);
        char buf[32];
        int64_t next = cron_next(&c, at(cases[i].from));
        int64_t previous = cron_previous(&c, at(cases[i].from));
        if (next != at(cases[i].next))
            fail_msg("%s after %s: %s", cases[i].expression, cases[i].from,
                     clock_format(buf, next));
        if (previous != at(cases[i].previous))
            fail_msg("%s until %s: %s", cases[i].expression, cases[i].from,
                     clock_format(buf, previous));
    }
}

static void nonsense_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "off",
        "* * * *",
        "* * * * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "* * 32 * *",
        "* * * 13 *",
        "* * * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "1,,2 * * * *",
        "1, * * * *",
        "a * * * *",
        "-5 * * * *",
        "0 0 30 2 *",
        "0 0 31 4,6 *",
        "0s",
        "5x",
        "1 2 3 4 5x",
        "99999999999 * * * *",
        "@fortnightly",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct cron c = { .every_us = 42 };
        struct err e = ERR_INIT;
        if (cron_parse(bad[i], &c, &e) != -ERR_INVALID) fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(c.every_us, 42);
        assert_non_null(strstr(e.msg, bad[i]));
        assert_true(*e.hint);
    }
}

/* Whether a minute matches, from the C library's calendar and the bits. */
static bool matches(const struct cron *c, int64_t us)
{
    time_t t = (time_t)(us / 1000000);
    struct tm tm;
    gmtime_r(&t, &tm);
    bool d = c->days >> tm.tm_mday & 1, w = c->weekdays >> tm.tm_wday & 1;
    bool day = c->any_day || c->any_weekday ? d && w : d || w;
    return day && (c->minutes >> tm.tm_min & 1) && (c->hours >> tm.tm_hour & 1) &&
           (c->months >> (tm.tm_mon + 1) & 1);
}

static void slots_are_those_of_plain_stepping(void **state)
{
    static const char *const expressions[] = {
        "0 3 * * 1", "*/7 */5 * * *", "59 23 31 * *", "0 12 1-7 * 6", "1 1 * 2 *", "0 0 29 2 *",
    };
    struct rng r;

    (void)state;
    rng_seed(&r, 11);
    for (size_t i = 0; i < ARRAY_LEN(expressions); i++) {
        struct cron c = parse(expressions[i]);
        for (int k = 0; k < 4; k++) {
            int64_t from = at("2023-06-01") + (int64_t)(rng_unit(&r) * 400 * 1440) * MINUTE_US;
            int64_t next = cron_next(&c, from), step = from + MINUTE_US;
            while (!matches(&c, step)) step += MINUTE_US;
            assert_int_equal(next, step);
            assert_int_equal(cron_previous(&c, next), next);
            assert_int_equal(cron_next(&c, next - 1), next);
            assert_true(cron_previous(&c, next - 1) <= from);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_are_the_expected_ones),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(slots_are_those_of_plain_stepping),
    };

    return cmocka_run_group_tests_name("cron", tests, NULL, NULL);
}
