/* test_canvas.c: clipping, wide characters, ASCII replacement, text forms of a canvas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "views/canvas.h"
#include <string.h>

static const char *text_of(const struct canvas *cv, struct str *s)
{
    str_clear(s);
    canvas_write_text(cv, s);
    return str_c(s);
}

static void test_text_is_clipped(void **state)
{
    (void)state;
    STR_AUTO s = STR_INIT;
    struct canvas cv;
    canvas_init(&cv, 8, 3, false);
    struct rect old = canvas_clip(&cv, rect_make(2, 1, 3, 1));
    assert_int_equal(canvas_text(&cv, 0, 1, ROLE_TEXT, "abcdefgh"), 8);
    canvas_text(&cv, 2, 0, ROLE_TEXT, "no");
    canvas_unclip(&cv, old);
    assert_string_equal(text_of(&cv, &s), "\n  cde\n");
    canvas_done(&cv);
}

static void test_wide_characters_stay_whole(void **state)
{
    (void)state;
    STR_AUTO s = STR_INIT;
    struct canvas cv;
    canvas_init(&cv, 6, 1, false);
    canvas_text(&cv, 0, 0, ROLE_TEXT, "日本x");
    assert_int_equal(canvas_at(&cv, 1, 0)->cp, 0);
    canvas_put(&cv, 1, 0, ROLE_TEXT, 'b'); /* overwrites a right half */
    assert_string_equal(text_of(&cv, &s), " b本x\n");
    canvas_put(&cv, 2, 0, ROLE_TEXT, 'c'); /* overwrites a left half */
    assert_string_equal(text_of(&cv, &s), " bc x\n");
    canvas_text(&cv, 5, 0, ROLE_TEXT, "日"); /* does not fit: a blank */
    assert_string_equal(text_of(&cv, &s), " bc x\n");
    canvas_done(&cv);
}

static void test_controls_never_reach_cells(void **state)
{
    (void)state;
    struct canvas cv;
    canvas_init(&cv, 20, 1, false);
    canvas_text(&cv, 0, 0, ROLE_TEXT, "a\033[2Jb\rc\tz\xff");
    for (int x = 0; x < 20; x++) assert_true(canvas_at(&cv, x, 0)->cp >= 32);
    canvas_put(&cv, 0, 0, ROLE_TEXT, 27);
    assert_int_equal(canvas_at(&cv, 0, 0)->cp, ' ');
    canvas_done(&cv);
}

static void test_ascii(void **state)
{
    (void)state;
    STR_AUTO s = STR_INIT;
    struct canvas cv;
    canvas_init(&cv, 12, 3, true);
    canvas_box(&cv, rect_make(0, 0, 12, 3), ROLE_RULE, NULL);
    canvas_text(&cv, 1, 1, ROLE_TEXT, "é日→█…");
    assert_string_equal(text_of(&cv, &s), "+----------+\n|\?\?>#~     |\n+----------+\n");
    canvas_done(&cv);
}

static void test_fit_and_right(void **state)
{
    (void)state;
    STR_AUTO s = STR_INIT;
    struct canvas cv;
    canvas_init(&cv, 10, 4, false);
    assert_int_equal(canvas_fit(&cv, rect_make(0, 0, 5, 1), ROLE_TEXT, "abcdef"), 5);
    canvas_fit(&cv, rect_make(0, 1, 6, 1), ROLE_TEXT, "abcdef");
    canvas_right(&cv, rect_make(0, 2, 10, 1), ROLE_TEXT, "12");
    canvas_fit(&cv, rect_make(0, 3, 4, 1), ROLE_TEXT, "日本語");
    assert_string_equal(text_of(&cv, &s), "abcd…\nabcdef\n        12\n日…\n");
    canvas_done(&cv);
}

static void test_wrap(void **state)
{
    (void)state;
    STR_AUTO s = STR_INIT;
    struct canvas cv;
    canvas_init(&cv, 7, 4, false);
    int n = canvas_wrap(&cv, rect_make(0, 0, 7, 4), ROLE_TEXT, "one two three\n\nabcdefghij");
    assert_int_equal(n, 5);
    assert_string_equal(text_of(&cv, &s), "one two\nthree\n\nabcdefg\n");
    canvas_done(&cv);
}

/* Whatever is drawn wherever: no write outside the clip, no torn wide character. */
static void test_random_drawing_stays_inside(void **state)
{
    (void)state;
    struct rng r;
    struct canvas cv;
    rng_seed(&r, 7);
    canvas_init(&cv, 40, 12, false);
    for (int i = 0; i < 3000; i++) {
        canvas_clear(&cv);
        struct rect clip = { (int)rng_below(&r, 50) - 5, (int)rng_below(&r, 20) - 5,
                             (int)rng_below(&r, 30), (int)rng_below(&r, 10) };
        struct rect in = rect_cut(clip, rect_make(0, 0, 40, 12));
        canvas_clip(&cv, clip);
        struct rect any = { (int)rng_below(&r, 60) - 10, (int)rng_below(&r, 30) - 10,
                            (int)rng_below(&r, 50), (int)rng_below(&r, 20) };
        canvas_box(&cv, any, ROLE_RULE, "title");
        canvas_heading(&cv, any, ROLE_TITLE, "head 日", "right");
        canvas_wrap(&cv, any, ROLE_TEXT, "日本 wide 語 text and more");
        for (int y = 0; y < 12; y++) {
            for (int x = 0; x < 40; x++) {
                const struct cell *c = canvas_at(&cv, x, y);
                bool out = x < in.x || y < in.y || x >= in.x + in.w || y >= in.y + in.h;
                if (out) assert_int_equal(c->cp, ' ');
                if (c->width == 2) assert_int_equal(canvas_at(&cv, x + 1, y)->cp, 0);
                if (c->cp == 0) assert_int_equal(canvas_at(&cv, x - 1, y)->width, 2);
            }
        }
    }
    canvas_done(&cv);
}

static void test_golden_form(void **state)
{
    (void)state;
    STR_AUTO s = STR_INIT;
    struct canvas cv;
    canvas_init(&cv, 6, 2, false);
    canvas_text(&cv, 0, 0, ROLE_BAD, "bad");
    canvas_text(&cv, 4, 0, ROLE_TEXT, "ok");
    canvas_reground(&cv, rect_make(0, 1, 6, 1), GROUND_SELECT);
    canvas_write_golden(&cv, "x", &s);
    assert_string_equal(str_c(&s), "x 6x2\n|bad ok|\n|      |\n0 0-2 BAD\n1 0-5 TEXT select\n");
    int x, y;
    assert_true(canvas_find(&cv, "ok", &x, &y));
    assert_int_equal(x, 4);
    assert_int_equal(y, 0);
    assert_false(canvas_find(&cv, "nothing", NULL, NULL));
    canvas_done(&cv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_clipped),
        cmocka_unit_test(test_wide_characters_stay_whole),
        cmocka_unit_test(test_controls_never_reach_cells),
        cmocka_unit_test(test_ascii),
        cmocka_unit_test(test_fit_and_right),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_random_drawing_stays_inside),
        cmocka_unit_test(test_golden_form),
    };
    return cmocka_run_group_tests_name("views.canvas", tests, NULL, NULL);
}
