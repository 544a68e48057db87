/* test_chart.c: line charts and one-line meters: shape, axes, growth without movement. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "views/widgets/chart.h"
#include "views/widgets/meter.h"
#include <math.h>
#include <string.h>

static void test_nice_covers_the_range(void **state)
{
    (void)state;
    static const double v[][2] = { { 0, 1 }, { 0.2, 0.21 },  { -3, 7 },      { 5, 5 },
                                   { 0, 0 }, { 1e-9, 2e-9 }, { 1e6, 1.5e6 }, { -1, -0.5 } };
    for (size_t i = 0; i < sizeof v / sizeof v[0]; i++) {
        for (int ticks = 1; ticks <= 8; ticks++) {
            double lo, hi, step;
            chart_nice(v[i][0], v[i][1], ticks, &lo, &hi, &step);
            assert_true(lo <= v[i][0] && hi >= v[i][1] && step > 0);
            assert_true((hi - lo) / step <= ticks + 2.01);
        }
    }
}

static struct chart_point curve[200];

static struct chart line_chart(struct chart_series *s, size_t n)
{
    for (size_t i = 0; i < 200; i++)
        curve[i] = (struct chart_point){ (double)i, exp(-(double)i / 40) };
    *s = (struct chart_series){ curve, n, "log_loss", ROLE_S1, NULL };
    return (struct chart){ .series = s, .n_series = 1, .threshold = NAN, .x_label = "round" };
}

static void test_ascii_chart(void **state)
{
    (void)state;
    STR_AUTO out = STR_INIT;
    struct chart_point p[] = { { 0, 0 }, { 10, 10 } };
    struct chart_series s = { p, 2, "v", ROLE_S1, NULL };
    struct chart c = { .series = &s, .n_series = 1, .threshold = 4, .x_label = "step" };
    struct canvas cv;
    canvas_init(&cv, 30, 8, true);
    chart_draw(&cv, rect_make(0, 0, 30, 8), &c);
    canvas_write_text(&cv, &out);
    assert_string_equal(str_c(&out), "* v 10.00\n"
                                     " 10.00 +                   ***\n"
                                     "       |               ****\n"
                                     "       |           ****\n"
                                     "5.0000 +-------****-----------\n"
                                     "       |   ****\n"
                                     "0.0000 +***\n"
                                     "       +0------- step ------10\n");
    canvas_done(&cv);
}

/* A curve that grows within its planned range changes only the cells it newly touches, except
 * at the few points where the y axis must give way. */
static void test_growth_moves_nothing(void **state)
{
    (void)state;
    struct canvas a, b;
    int rescaled = 0;
    canvas_init(&a, 80, 20, false);
    canvas_init(&b, 80, 20, false);
    for (size_t n = 50; n < 199; n++) {
        struct chart_series s;
        struct chart c = line_chart(&s, n);
        c.x_max = 200;
        s.name = NULL;
        canvas_clear(&a);
        chart_draw(&a, rect_make(0, 0, 80, 20), &c);
        s.n = n + 1;
        canvas_clear(&b);
        chart_draw(&b, rect_make(0, 0, 80, 20), &c);
        int changed = 0;
        for (int i = 0; i < 80 * 20; i++) changed += a.cells[i].cp != b.cells[i].cp;
        rescaled += changed > 4;
    }
    assert_in_range(rescaled, 0, 2);
    canvas_done(&a);
    canvas_done(&b);
}

static void test_every_size_and_odd_data(void **state)
{
    (void)state;
    struct chart_point odd[] = {
        { 0, NAN }, { 1, 1e300 }, { 2, -1e300 }, { NAN, 2 }, { 3, INFINITY }
    };
    struct chart_point one[] = { { 5, 0.5 } };
    struct chart_series s[] = { { odd, 5, "odd", ROLE_S1, NULL },
                                { one, 1, "one", ROLE_S2, NULL },
                                { NULL, 0, "none", ROLE_S3, NULL } };
    struct chart c = { .series = s, .n_series = 3, .threshold = 0.2, .x_label = "step" };
    for (int w = 0; w < 60; w += 3) {
        for (int h = 0; h < 20; h++) {
            struct canvas cv;
            canvas_init(&cv, 60, 20, h % 2 == 0);
            chart_draw(&cv, rect_make(1, 1, w, h), &c);
            for (int x = 0; x < 60; x++) assert_int_equal(canvas_at(&cv, x, 0)->cp, ' ');
            canvas_done(&cv);
        }
    }
}

static void test_meters(void **state)
{
    (void)state;
    STR_AUTO out = STR_INIT;
    struct canvas cv;
    const double v[] = { 1, 2, NAN, 3, 8 };
    canvas_init(&cv, 10, 5, false);
    meter_gauge(&cv, rect_make(0, 0, 10, 1), ROLE_OK, 0.55);
    meter_gauge(&cv, rect_make(0, 1, 4, 1), ROLE_OK, NAN);
    meter_gauge(&cv, rect_make(0, 2, 4, 1), ROLE_OK, 7);
    meter_bar(&cv, rect_make(0, 3, 4, 1), ROLE_OK, 0.5);
    meter_spark(&cv, rect_make(0, 4, 5, 1), ROLE_S1, v, 5);
    canvas_write_text(&cv, &out);
    assert_string_equal(str_c(&out), "█████▌░░░░\n░░░░\n████\n██\n▁▂ ▃█\n");
    canvas_done(&cv);
    canvas_init(&cv, 10, 1, true);
    meter_gauge(&cv, rect_make(0, 0, 10, 1), ROLE_OK, 0.6);
    assert_true(canvas_find(&cv, "######----", NULL, NULL));
    canvas_done(&cv);
}

static void test_time_limits_and_marks(void **state)
{
    (void)state;
    STR_AUTO out = STR_INIT;
    struct chart_point p[] = { { 0, 8 }, { 3600, 8 }, { 7200, 2 } }; /* from 1970-01-01 00:00 */
    const struct chart_line was = { 10, "before" };
    const struct chart_mark marks[] = { { 7200, 2, 'x', ROLE_BAD }, { 3600, NAN, '^', ROLE_PROD } };
    struct chart_series s = { p, 3, "v", ROLE_S1, NULL };
    struct chart c = { .series = &s,
                       .n_series = 1,
                       .threshold = 5,
                       .threshold_name = "limit",
                       .x_time = true,
                       .lines = &was,
                       .n_lines = 1,
                       .marks = marks,
                       .n_marks = 2 };
    struct canvas cv;
    canvas_init(&cv, 50, 8, true);
    chart_draw(&cv, rect_make(0, 0, 50, 8), &c);
    canvas_write_text(&cv, &out);
    assert_string_equal(str_c(&out), "* v 2.0000  - limit 5.0000  . before 10.00\n"
                                     " 10.00 +..........................................\n"
                                     "       |************************\n"
                                     "       |                        *****\n"
                                     "6.0000 +-----------------------------*****--------\n"
                                     "       |                                  *****\n"
                                     "2.0000 +                                       **x\n"
                                     "       +00:00----------------^---------------02:00\n");
    canvas_done(&cv);
}

static void test_band_lies_behind_the_line(void **state)
{
    (void)state;
    STR_AUTO out = STR_INIT;
    struct chart_point p[] = { { 0, 5 }, { 10, 5 } };
    struct chart_band band[] = { { 0, 10 }, { 0, 10 } };
    struct chart_series s = { p, 2, "v", ROLE_S1, band };
    struct chart c = { .series = &s, .n_series = 1, .threshold = NAN };
    struct canvas cv;
    canvas_init(&cv, 20, 7, true);
    chart_draw(&cv, rect_make(0, 0, 20, 7), &c);
    canvas_write_text(&cv, &out);
    assert_string_equal(str_c(&out), "* v 5.0000\n"
                                     " 10.00 +............\n"
                                     "       |............\n"
                                     "5.0000 +************\n"
                                     "       |............\n"
                                     "0.0000 +............\n"
                                     "       +0---------10\n");
    canvas_done(&cv);
}

/* The cursor is a mark on top and one on the value, the legend has that value under its name;
 * beyond the threshold the ground is dotted. */
static void test_cursor_and_bad_side(void **state)
{
    (void)state;
    STR_AUTO out = STR_INIT;
    struct chart_point p[] = { { 100, 0 }, { 110, 4 }, { 120, 10 } };
    struct chart_series s = { p, 3, "now", ROLE_S1, NULL };
    struct chart c = { .series = &s,
                       .n_series = 1,
                       .threshold = 5,
                       .bad_side = 1,
                       .cursor = 110,
                       .cursor_name = "then" };
    struct canvas cv;
    canvas_init(&cv, 29, 8, true);
    chart_draw(&cv, rect_make(0, 0, 29, 8), &c);
    canvas_write_text(&cv, &out);
    assert_string_equal(str_c(&out), "* then 4.0000\n"
                                     " 10.00 +.   .   . v .   .  **\n"
                                     "       |  .   .   .   .****\n"
                                     "       |.   .   .   *** .   .\n"
                                     "5.0000 +--------**O*---------\n"
                                     "       |   *****\n"
                                     "0.0000 +***\n"
                                     "       +100---------------120\n");
    canvas_done(&cv);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nice_covers_the_range),
        cmocka_unit_test(test_ascii_chart),
        cmocka_unit_test(test_growth_moves_nothing),
        cmocka_unit_test(test_every_size_and_odd_data),
        cmocka_unit_test(test_meters),
        cmocka_unit_test(test_time_limits_and_marks),
        cmocka_unit_test(test_cursor_and_bad_side),
        cmocka_unit_test(test_band_lies_behind_the_line),
    };
    return cmocka_run_group_tests_name("views.chart", tests, NULL, NULL);
}
