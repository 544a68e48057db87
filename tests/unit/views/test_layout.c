/* test_layout.c: every layout over all sizes: inside the screen, no overlap, something to see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "views/layout.h"

static bool within(struct rect r, struct rect in)
{
    return rect_empty(r) ||
           (r.x >= in.x && r.y >= in.y && r.x + r.w <= in.x + in.w && r.y + r.h <= in.y + in.h);
}

static void check(const struct rect *r, int n, struct rect in)
{
    for (int i = 0; i < n; i++) {
        assert_true(within(r[i], in));
        for (int k = i + 1; k < n; k++) assert_true(rect_empty(rect_cut(r[i], r[k])));
    }
}

static void test_frame(void **state)
{
    (void)state;
    for (int w = 1; w <= 300; w++) {
        for (int h = 1; h <= 100; h++) {
            struct frame_layout f;
            layout_frame(w, h, &f);
            struct rect all[] = { f.header, f.tabs, f.body, f.footer };
            check(all, 4, rect_make(0, 0, w, h));
            assert_int_equal(f.too_small, w < 40 || h < 10);
            if (!f.too_small) assert_true(f.body.w >= 38 && f.body.h >= 7);
        }
    }
}

static void test_split(void **state)
{
    (void)state;
    for (int w = 0; w <= 300; w++) {
        for (int h = 0; h <= 100; h++) {
            struct rect r = rect_make(3, 2, w, h);
            struct split_layout s;
            layout_split(r, false, &s);
            struct rect both[] = { s.list, s.detail };
            check(both, 2, r);
            if (!rect_empty(r)) assert_false(rect_empty(s.list));
            int rows = s.list.h + s.detail.h;
            layout_shrink(&s, h / 5);
            struct rect shrunk[] = { s.list, s.detail };
            check(shrunk, 2, r);
            if (!s.beside) assert_int_equal(s.list.h + s.detail.h, rows);
            if (!s.beside && s.detail.h) assert_true(s.list.h <= (h / 5 > 1 ? h / 5 : 1));
            layout_split(r, true, &s);
            assert_true(rect_empty(s.list));
            assert_int_equal(s.detail.h, h);
        }
    }
}

static void test_overview(void **state)
{
    (void)state;
    static const struct overview_want wants[] = { { 0, 0, 0, 0, 0, 0 },
                                                  { 1, 2, 1, 4, 10, 5 },
                                                  { 3, 1, 0, 0, 5, 0 },
                                                  { 50, 50, 50, 50, 50, 5 },
                                                  { 0, 40, 2, 9, 3, 5 } };
    for (int w = 38; w <= 300; w++) {
        for (int h = 1; h <= 100; h++) {
            for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
                struct rect r = rect_make(1, 2, w, h);
                struct overview_layout o;
                layout_overview(r, &wants[i], &o);
                struct rect all[] = { o.attention, o.models, o.jobs, o.changes, o.runs, o.tiles };
                check(all, 6, r);
                if (h >= 42 && wants[i].tiles) assert_int_equal(o.tiles.h, wants[i].tiles);
                if (h >= 7 && wants[i].attention) assert_true(o.attention.h >= 2);
                if (h >= 7 && wants[i].models) assert_true(o.models.h >= 2);
            }
        }
    }
}

static void test_columns(void **state)
{
    (void)state;
    struct rect out[8];
    for (int w = 0; w <= 200; w++) {
        struct rect r = rect_make(1, 1, w, 5);
        int n = layout_columns(r, 4, 20, out);
        check(out, n, r);
        if (w >= 83) assert_int_equal(n, 4);
        for (int i = 0; i < n && w >= 20; i++) assert_true(out[i].w >= 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_overview),
        cmocka_unit_test(test_columns),
    };
    return cmocka_run_group_tests_name("views.layout", tests, NULL, NULL);
}
