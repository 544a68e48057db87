/* test_frame.c: columns, dictionaries, row subsets, cell texts and fingerprints. */
#include "enginetest.h"

static struct frame *sample(void)
{
    struct frame *f = frame_new();
    const double n[] = { 1, NAN, -3 };
    const double r[] = { 0.5, 2, NAN };
    const double b[] = { 1, 0, NAN };
    const double t[] = { 0, 1e6, NAN };
    const char *const c[] = { "red", NULL, "blue" };

    put_nums(f, "n", COL_INT, n, 3);
    put_nums(f, "r", COL_REAL, r, 3);
    put_nums(f, "b", COL_BOOL, b, 3);
    put_nums(f, "t", COL_TIME, t, 3);
    put_texts(f, "c", COL_CATEGORY, c, 3);
    return f;
}

static void test_types_have_names(void **state)
{
    (void)state;
    for (int t = COL_INT; t <= COL_TEXT; t++) {
        enum col_type back;
        assert_true(col_type_parse(col_type_name((enum col_type)t), &back));
        assert_int_equal(back, t);
    }
    enum col_type kept = COL_TIME;
    assert_false(col_type_parse("number", &kept));
    assert_int_equal(kept, COL_TIME);
}

static void test_dict(void **state)
{
    struct dict *d = dict_new();
    size_t len;

    (void)state;
    assert_int_equal(dict_add(d, "b", 1), 0);
    assert_int_equal(dict_add(d, "a", 1), 1);
    assert_int_equal(dict_add(d, "b", 1), 0);
    assert_int_equal(dict_add(d, "a\0b", 3), 2);
    assert_int_equal(dict_add(d, "", 0), 3);
    assert_int_equal(dict_find(d, "a", 1), 1);
    assert_int_equal(dict_find(d, "c", 1), -1);
    assert_string_equal(dict_str(d, 0, &len), "b");
    assert_int_equal(len, 1);
    dict_str(d, 2, &len);
    assert_int_equal(len, 3);
    assert_int_equal(dict_len(d), 4);
    struct dict *same = dict_ref(d);
    dict_unref(d);
    assert_int_equal(dict_len(same), 4);
    dict_unref(same);
    dict_unref(NULL);
}

static void test_names_and_lengths(void **state)
{
    struct frame *f = sample();
    struct column *c = NULL;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(f->n_rows, 3);
    assert_int_equal(frame_index(f, "b"), 2);
    assert_int_equal(frame_index(f, "nothing"), -1);
    assert_null(frame_col(f, "nothing"));
    assert_string_equal(frame_col(f, "c")->name, "c");
    check_err(frame_add(f, "r", COL_INT, 3, &c, &e), ERR_EXISTS, &e, "named r");
    check_err(frame_add(f, "x", COL_INT, 4, &c, &e), ERR_INTERNAL, &e, "4 rows");
    check_err(frame_add(f, "x", COL_INT, SIZE_MAX / 4, &c, &e), ERR_INTERNAL, &e, "rows");
    assert_null(c);
    assert_int_equal(f->n_cols, 5);
    frame_free(f);
    frame_free(NULL);
}

static void test_too_large_is_an_error(void **state)
{
    struct frame *f = frame_new();
    struct column *c = NULL;
    struct err e = ERR_INIT;

    (void)state;
    check_err(frame_add(f, "x", COL_REAL, SIZE_MAX / 8, &c, &e), ERR_NOMEM, &e, "column x");
    assert_int_equal(f->n_cols, 0);
    frame_free(f);
}

static void test_cell_texts(void **state)
{
    struct frame *f = sample();
    char buf[40];
    static const char *const want[5][3] = { { "1", "", "-3" },
                                            { "0.5", "2", "" },
                                            { "true", "false", "" },
                                            { "1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z", "" },
                                            { "red", "", "blue" } };

    (void)state;
    for (size_t j = 0; j < 5; j++)
        for (size_t i = 0; i < 3; i++)
            assert_string_equal(column_text(&f->cols[j], i, buf), want[j][i]);
    f->cols[0].num[0] = 1e300;
    assert_string_equal(column_text(&f->cols[0], 0, buf), "1e+300");
    f->cols[0].num[0] = 9007199254740993.0;
    assert_string_equal(column_text(&f->cols[0], 0, buf), "9007199254740992");
    frame_free(f);
}

static void test_take(void **state)
{
    struct frame *f = sample(), *g = NULL, *none = NULL;
    const uint32_t rows[] = { 2, 0, 0, 1 };
    struct err e = ERR_INIT;

    (void)state;
    check_ok(frame_take(f, rows, 4, &g, &e), &e);
    assert_int_equal(g->n_rows, 4);
    assert_true(g->cols[0].num[0] == -3 && g->cols[0].num[2] == 1 && isnan(g->cols[0].num[3]));
    assert_int_equal(g->cols[4].code[0], f->cols[4].code[2]);
    assert_ptr_equal(g->cols[4].dict, f->cols[4].dict);
    check_ok(frame_take(f, rows, 0, &none, &e), &e);
    assert_int_equal(none->n_rows, 0);
    assert_int_equal(none->n_cols, 5);
    frame_free(f); /* the dictionary lives on in g */
    assert_string_equal(dict_str(g->cols[4].dict, g->cols[4].code[1], NULL), "red");
    assert_int_equal(column_missing(&g->cols[0], 4), 1);
    assert_int_equal(column_missing(&g->cols[4], 4), 1);
    frame_free(g);
    frame_free(none);
}

/* A table reached on another way, with other dictionary codes, has the same fingerprint; any
 * change of a cell, name, type or order has another. */
static void test_fingerprints(void **state)
{
    struct frame *f = sample(), *g = NULL, *h = NULL;
    const uint32_t swap[] = { 2, 0 }, back[] = { 1, 0 }, direct[] = { 0, 2 };
    struct err e = ERR_INIT;

    (void)state;
    check_ok(frame_take(f, swap, 2, &g, &e), &e);
    check_ok(frame_take(g, back, 2, &h, &e), &e);
    frame_free(g);
    check_ok(frame_take(f, direct, 2, &g, &e), &e);
    assert_true(frame_fingerprint(g) == frame_fingerprint(h));
    struct frame *k = frame_new();
    const char *const one[] = { "blue", "red" }, *const two[] = { "red", "blue" };
    put_texts(k, "c", COL_CATEGORY, one, 2);
    struct frame *l = frame_new();
    put_texts(l, "c", COL_CATEGORY, two, 2);
    assert_true(frame_fingerprint(k) != frame_fingerprint(l));
    k->cols[0].code[0] = 1;
    k->cols[0].code[1] = 0;
    assert_true(frame_fingerprint(k) == frame_fingerprint(l));
    assert_true(frame_schema_fingerprint(g) == frame_schema_fingerprint(f));
    uint64_t before = frame_fingerprint(g);
    g->cols[1].num[0] = nextafter(g->cols[1].num[0], 1);
    assert_true(frame_fingerprint(g) != before);
    h->cols[2].type = COL_INT;
    assert_true(frame_fingerprint(h) != before);
    assert_true(frame_schema_fingerprint(h) != frame_schema_fingerprint(f));
    frame_free(f);
    frame_free(g);
    frame_free(h);
    frame_free(k);
    frame_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_types_have_names),      TEST(test_dict),       TEST(test_names_and_lengths),
        TEST(test_too_large_is_an_error), TEST(test_cell_texts), TEST(test_take),
        TEST(test_fingerprints),
    };
    return cmocka_run_group_tests_name("engine/frame", tests, NULL, NULL);
}
