/* test_moment.c: the time cursor: on the window that contains an instant, clamped at both ends,
 * and the newest window is now. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "views/moment.h"
#include <string.h>

#define HOUR (3600 * 1000000LL)
#define T0   (1773370800 * 1000000LL) /* 2026-03-13T03:00:00Z */

static const char windows[] = "[{\"start\":\"2026-03-13T03:00:00Z\"},"
                              "{\"start\":\"2026-03-13T04:00:00Z\"},"
                              "{\"start\":\"2026-03-13T06:00:00Z\"}]";

static struct val *parse(struct arena *a)
{
    struct val *v = NULL;
    assert_int_equal(val_parse_json(a, windows, strlen(windows), &v, NULL), 0);
    return v;
}

static void the_window_that_began_by_then(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    const struct val *list = parse(&a);
    static const struct {
        int64_t at_us;
        long index;
    } cases[] = { { 0, 2 },           { T0 - 1, -1 },          { T0, 0 }, { T0 + HOUR / 2, 0 },
                  { T0 + 2 * HOUR, 1 }, { T0 + 3 * HOUR, 2 }, { T0 + 99 * HOUR, 2 } };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct focus f = { .at_us = cases[i].at_us };
        assert_int_equal(moment_index(&f, list, "start"), cases[i].index);
    }
    const struct focus now = { 0 };
    assert_int_equal(moment_index(&now, NULL, "start"), -1);
    arena_done(&a);
}

static void steps_end_at_both_ends(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    const struct val *list = parse(&a);
    struct focus f = { 0 };
    assert_false(moment_step(&f, list, "start", 1, 0));
    assert_int_equal(f.at_us, 0);
    assert_true(moment_step(&f, list, "start", -1, 0));
    assert_int_equal(f.at_us, T0 + HOUR);
    assert_true(moment_step(&f, list, "start", -1, 0));
    assert_false(moment_step(&f, list, "start", -1, 0));
    assert_int_equal(f.at_us, T0);
    assert_true(moment_step(&f, list, "start", 9, 0)); /* the newest window is now */
    assert_int_equal(f.at_us, 0);
    assert_true(moment_step(&f, list, "start", -9, 1)); /* not before what is on show */
    assert_int_equal(f.at_us, T0 + HOUR);
    f.at_us = T0 + HOUR + 1; /* of another model's windows: joins these */
    assert_true(moment_step(&f, list, "start", -1, 0));
    assert_int_equal(f.at_us, T0);
    assert_false(moment_step(&f, NULL, "start", -1, 0));
    arena_done(&a);
}

static void times_are_short(void **state)
{
    char buf[FMT_LEN];
    (void)state;
    assert_string_equal(moment_text(buf, "2026-03-13T04:00:00Z"), "03-13 04:00");
    assert_string_equal(moment_text(buf, NULL), "–");
    assert_int_equal(moment_us("2026-03-13T03:00:00Z"), T0);
    assert_true(moment_us("soon") == INT64_MIN && moment_us(NULL) == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_window_that_began_by_then),
        cmocka_unit_test(steps_end_at_both_ends),
        cmocka_unit_test(times_are_short),
    };
    return cmocka_run_group_tests_name("views.moment", tests, NULL, NULL);
}
