/* test_heat.c: cells of heat maps, and histograms laid over each other: every step can be told
 * without colour, shares are compared and not counts, labels stay short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "views/widgets/heat.h"
#include "views/widgets/overlap.h"
#include <stdio.h>
#include <string.h>

static void steps_differ_without_colour(void **state)
{
    (void)state;
    for (int ascii = 0; ascii < 2; ascii++) {
        struct canvas cv;
        canvas_init(&cv, HEAT_STEPS, 1, ascii);
        for (int i = 0; i < HEAT_STEPS; i++) heat_put(&cv, rect_make(i, 0, 1, 1), (enum heat)i);
        for (int i = 0; i < HEAT_STEPS; i++) {
            if (ascii) assert_in_range(canvas_at(&cv, i, 0)->cp, 32, 126);
            for (int k = 0; k < i; k++)
                assert_int_not_equal(canvas_at(&cv, i, 0)->cp, canvas_at(&cv, k, 0)->cp);
        }
        canvas_done(&cv);
    }
}

static void wide_cells_leave_a_gap(void **state)
{
    (void)state;
    struct canvas cv;
    canvas_init(&cv, 5, 1, false);
    heat_put(&cv, rect_make(0, 0, 2, 1), HEAT_FAR);
    heat_put(&cv, rect_make(2, 0, 3, 1), HEAT_FAR);
    const uint32_t want[] = { 0x2588, 0x2588, 0x2588, 0x2588, ' ' };
    for (int x = 0; x < 5; x++) assert_int_equal(canvas_at(&cv, x, 0)->cp, want[x]);
    canvas_done(&cv);
}

static void the_legend_fits_in_what_it_says(void **state)
{
    (void)state;
    struct canvas cv;
    canvas_init(&cv, HEAT_LEGEND_W + 20, 1, false);
    heat_legend(&cv, rect_make(0, 0, HEAT_LEGEND_W - 2, 1));
    assert_true(canvas_find(&cv, "▓ drifted", NULL, NULL));
    assert_true(canvas_find(&cv, "· as ever", NULL, NULL));
    for (int x = HEAT_LEGEND_W - 2; x < cv.w; x++) assert_int_equal(canvas_at(&cv, x, 0)->cp, ' ');
    canvas_done(&cv);
}

static struct val *parse(struct arena *a, const char *json)
{
    struct val *v = NULL;
    assert_int_equal(val_parse_json(a, json, strlen(json), &v, NULL), 0);
    return v;
}

/* Reference 50, 25, 25 of a hundred, current 1, 2, 1 of four: the counts differ, shares count. */
static void rows_show_shares(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    STR_AUTO out = STR_INIT;
    struct canvas cv;
    const struct val *bins = parse(&a, "{\"labels\":[\"..0.00219275039\",\"0.00219275039..12.5\","
                                       "\"12.5..\"],\"reference\":[50,25,25],"
                                       "\"current\":[1,2,1]}");
    canvas_init(&cv, 38, 4, true);
    overlap_draw(&cv, rect_make(0, 0, 38, 4), bins, "x", "now");
    canvas_write_text(&cv, &out);
    assert_string_equal(str_c(&out), "x . now          # both x more . less\n"
                                     "   up to 0.00219 ##########..........\n"
                                     "    0.00219-12.5 ##########xxxxxxxxxx\n"
                                     "       from 12.5 ##########\n");
    canvas_done(&cv);
    arena_done(&a);
}

static void columns_where_rows_are_too_few(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    STR_AUTO out = STR_INIT;
    struct canvas cv;
    const struct val *bins =
        parse(&a, "{\"labels\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"],"
                  "\"reference\":[4,2,1,1,1,1],\"current\":[2,4,1,1,1,1]}");
    canvas_init(&cv, 18, 4, true);
    overlap_draw(&cv, rect_make(0, 0, 18, 4), bins, "x", "");
    canvas_write_text(&cv, &out);
    assert_string_equal(str_c(&out), "x\n"
                                     ".. xx\n"
                                     "## ## ## ## ## ##\n"
                                     "a----------------f\n");
    canvas_done(&cv);
    arena_done(&a);
}

static void nothing_to_compare_is_said(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    static const char *const empty[] = { "null", "{}", "{\"reference\":[1],\"current\":[0]}" };
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        struct canvas cv;
        canvas_init(&cv, 40, 5, false);
        overlap_draw(&cv, rect_make(0, 0, 40, 5), parse(&a, empty[i]), "x", "now");
        assert_true(canvas_find(&cv, "no histogram of this window", NULL, NULL));
        canvas_done(&cv);
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_differ_without_colour),
        cmocka_unit_test(wide_cells_leave_a_gap),
        cmocka_unit_test(the_legend_fits_in_what_it_says),
        cmocka_unit_test(rows_show_shares),
        cmocka_unit_test(columns_where_rows_are_too_few),
        cmocka_unit_test(nothing_to_compare_is_said),
    };
    return cmocka_run_group_tests_name("views.heat", tests, NULL, NULL);
}
