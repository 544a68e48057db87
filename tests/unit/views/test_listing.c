/* test_listing.c: the cursor follows its row, marks are by id, columns fit every width. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "views/widgets/listing.h"
#include <string.h>

static const struct listing_column columns[] = {
    { .title = "name", .path = "id", .width = 0 },
    { .title = "auc", .path = "m.auc", .format = "real", .width = 8, .right = true, .drop = 1 },
    { .title = "state", .path = "state", .width = 10, .drop = 2 },
    { .title = NULL },
};
static const struct listing_look look = {
    .columns = columns, .sort = 1, .descending = true, .focus = true
};

static struct listing_rows rows_of(struct arena *a, const char *ids)
{
    struct val *list = val_list(a);
    for (; *ids; ids++) {
        struct val *row = val_push_obj(list);
        val_set_strf(row, "id", "%c", *ids);
        val_set_str(row, "state", "done");
        val_set_real(val_set_obj(row, "m"), "auc", 0.5 + (*ids - 'a') / 100.0);
    }
    return (struct listing_rows){ list, 0, (long)val_len(list), "nothing here" };
}

static void test_cursor_follows_the_row(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct listing t;
    listing_init(&t, "id");
    struct listing_rows r = rows_of(&a, "abcdef");
    listing_update(&t, &r);
    assert_string_equal(t.id, "a");
    assert_true(listing_key(&t, &r, K_DOWN));
    assert_true(listing_key(&t, &r, K_DOWN));
    assert_string_equal(t.id, "c");
    r = rows_of(&a, "xyabcdef"); /* two new rows above */
    listing_update(&t, &r);
    assert_string_equal(t.id, "c");
    assert_int_equal(t.cursor, 4);
    r = rows_of(&a, "xyab"); /* the row is gone */
    listing_update(&t, &r);
    assert_int_equal(t.cursor, 3);
    assert_string_equal(t.id, "b");
    r = rows_of(&a, "");
    listing_update(&t, &r);
    assert_string_equal(t.id, "");
    assert_null(listing_selected(&t, &r));
    assert_false(listing_key(&t, &r, K_ENTER));
    listing_done(&t);
    arena_done(&a);
}

static void test_window_on_a_longer_list(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct listing t;
    listing_init(&t, "id");
    struct listing_rows r = rows_of(&a, "abcdef");
    r.base = 1000;
    r.total = 5000;
    listing_update(&t, &r);
    listing_move(&t, &r, 1002);
    assert_string_equal(t.id, "c");
    listing_key(&t, &r, K_END);
    assert_int_equal(t.cursor, 4999);
    assert_string_equal(t.id, ""); /* not loaded: nothing to act on */
    listing_done(&t);
    arena_done(&a);
}

static void test_marks(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct listing t;
    listing_init(&t, "id");
    struct listing_rows r = rows_of(&a, "abc");
    listing_update(&t, &r);
    listing_toggle_mark(&t);
    listing_move(&t, &r, 2);
    listing_toggle_mark(&t);
    assert_int_equal(t.marks.n, 2);
    assert_true(listing_marked(&t, "a"));
    assert_false(listing_marked(&t, "b"));
    listing_toggle_mark(&t);
    assert_int_equal(t.marks.n, 1);
    listing_clear_marks(&t);
    assert_false(listing_marked(&t, "a"));
    listing_done(&t);
    arena_done(&a);
}

static void test_drawing(void **state)
{
    (void)state;
    STR_AUTO s = STR_INIT;
    struct arena a = ARENA_INIT;
    struct canvas cv;
    struct listing t;
    listing_init(&t, "id");
    struct listing_rows r = rows_of(&a, "abcdef");
    listing_update(&t, &r);
    listing_toggle_mark(&t);
    listing_move(&t, &r, 3);
    canvas_init(&cv, 40, 4, false);
    listing_draw(&cv, rect_make(0, 0, 40, 4), &t, &r, &look);
    canvas_write_text(&cv, &s);
    assert_string_equal(str_c(&s), "  name                   auc▼ state\n"
                                   "  b                    0.5100 done\n"
                                   "  c                    0.5200 done\n"
                                   "▸ d                    0.5300 done\n");
    assert_int_equal(canvas_at(&cv, 39, 3)->ground, GROUND_SELECT);
    assert_int_equal(canvas_at(&cv, 39, 2)->ground, GROUND_PLAIN);
    canvas_done(&cv);
    for (int w = 0; w < 60; w++) {
        canvas_init(&cv, 60, 5, false);
        listing_draw(&cv, rect_make(0, 0, w, 5), &t, &r, &look);
        for (int x = w; x < 60; x++) assert_int_equal(canvas_at(&cv, x, 1)->cp, ' ');
        canvas_done(&cv);
    }
    listing_done(&t);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cursor_follows_the_row),
        cmocka_unit_test(test_window_on_a_longer_list),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_drawing),
    };
    return cmocka_run_group_tests_name("views.listing", tests, NULL, NULL);
}
