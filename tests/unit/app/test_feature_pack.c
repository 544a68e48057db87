/* test_feature_pack.c: features into bytes and back: values, missing ones, columns that come,
 * go and change their kind, and bytes that are no features. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/feature_pack.h"
#include "base/mem.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct column *add(struct frame *f, const char *name, enum col_type type, size_t n)
{
    struct column *c;
    struct err e = ERR_INIT;
    if (frame_add(f, name, type, n, &c, &e)) fail_msg("%s", e.msg);
    return c;
}

static void put(struct column *c, size_t row, const char *s)
{
    c->code[row] = s ? dict_add(c->dict, s, strlen(s)) : -1;
}

/* Two rows: amount 1.5 and missing, shop "web" and missing. */
static struct frame *sample(void)
{
    struct frame *f = frame_new();
    struct column *amount = add(f, "amount", COL_REAL, 2);
    amount->num[0] = 1.5;
    amount->num[1] = NAN;
    struct column *shop = add(f, "shop", COL_CATEGORY, 2);
    put(shop, 0, "web");
    put(shop, 1, NULL);
    return f;
}

static void give(struct feature_rows *r, int64_t id, const struct feature_packer *p, size_t row)
{
    STR_AUTO bytes = STR_INIT;
    struct err e = ERR_INIT;
    if (!feature_rows_knows(r, id))
        assert_int_equal(feature_rows_schema(r, id, feature_packer_schema(p), &e), 0);
    feature_pack(p, row, &bytes);
    if (feature_rows_add(r, id, bytes.p, bytes.len, &e)) fail_msg("%s", e.msg);
}

static const char *text(const struct frame *f, const char *name, size_t row)
{
    static char buf[40];
    const struct column *c = frame_col(f, name);
    assert_non_null(c);
    return column_text(c, row, buf);
}

static void bytes_are_as_documented(void **state)
{
    (void)state;
    struct frame *f = sample();
    static const char *const skip[] = { "amount", NULL };
    struct feature_packer *p = feature_packer_new(f, NULL), *q = feature_packer_new(f, skip);
    STR_AUTO b = STR_INIT;
    feature_pack(p, 0, &b);
    assert_int_equal(b.len, 12);
    assert_memory_equal(b.p, "\0\0\0\0\0\0\xf8\x3f\x04web", 12);
    str_clear(&b);
    feature_pack(q, 1, &b);
    assert_int_equal(b.len, 1);
    assert_int_equal(b.p[0], 0);
    assert_string_equal(feature_packer_schema(q), "[{\"name\":\"shop\",\"type\":\"category\"}]");
    assert_int_equal(feature_packer_columns(p), 2);
    feature_packer_free(p);
    feature_packer_free(q);
    frame_free(f);
}

static void rows_come_back(void **state)
{
    (void)state;
    struct frame *f = sample(), *g;
    struct feature_packer *p = feature_packer_new(f, NULL);
    struct feature_rows *r = feature_rows_new(NULL);
    for (int i = 0; i < 1500; i++) give(r, 7, p, (size_t)i % 2); /* more than one growth */
    assert_int_equal(feature_rows_frame(r, &g, NULL), 0);
    assert_int_equal(g->n_rows, 1500);
    assert_int_equal(g->n_cols, 2);
    assert_string_equal(text(g, "amount", 1498), "1.5");
    assert_string_equal(text(g, "shop", 1498), "web");
    assert_string_equal(text(g, "amount", 1499), "");
    assert_string_equal(text(g, "shop", 1499), "");
    frame_free(g);
    frame_free(f);
    feature_packer_free(p);
    feature_rows_free(r);
}

/* A long text takes two bytes of length. */
static void long_texts_come_back(void **state)
{
    (void)state;
    struct frame *f = frame_new(), *g;
    char s[301];
    memset(s, 'x', 300);
    s[300] = '\0';
    put(add(f, "t", COL_TEXT, 1), 0, s);
    struct feature_packer *p = feature_packer_new(f, NULL);
    struct feature_rows *r = feature_rows_new(NULL);
    give(r, 1, p, 0);
    assert_int_equal(feature_rows_frame(r, &g, NULL), 0);
    assert_string_equal(text(g, "t", 0), s);
    frame_free(g);
    frame_free(f);
    feature_packer_free(p);
    feature_rows_free(r);
}

/* Columns appear and vanish between schemas; rows without features count too. */
static void schemas_are_joined_by_name(void **state)
{
    (void)state;
    struct frame *f = sample(), *other = frame_new(), *g;
    add(other, "age", COL_INT, 1)->num[0] = 42;
    struct feature_packer *p = feature_packer_new(f, NULL), *q = feature_packer_new(other, NULL);
    struct feature_rows *r = feature_rows_new(NULL);
    give(r, 1, p, 0);
    give(r, 2, q, 0);
    assert_int_equal(feature_rows_add(r, 0, NULL, 0, NULL), 0);
    assert_int_equal(feature_rows_seen(r, "amount").rows, 1);
    assert_int_equal(feature_rows_seen(r, "age").rows, 1);
    assert_int_equal(feature_rows_seen(r, "none").rows, 0);
    assert_int_equal(feature_rows_frame(r, &g, NULL), 0);
    assert_int_equal(g->n_rows, 3);
    assert_string_equal(text(g, "amount", 0), "1.5");
    assert_string_equal(text(g, "amount", 1), "");
    assert_string_equal(text(g, "age", 0), "");
    assert_string_equal(text(g, "age", 1), "42");
    assert_string_equal(text(g, "shop", 2), "");
    frame_free(g);
    frame_free(f);
    frame_free(other);
    feature_packer_free(p);
    feature_packer_free(q);
    feature_rows_free(r);
}

/* Only the columns of `like`, of its kinds: 3 becomes "3", "2.5" becomes 2.5, "web" is missing. */
static void kinds_follow_the_model(void **state)
{
    (void)state;
    struct frame *like = frame_new(), *f = frame_new(), *g;
    add(like, "zip", COL_CATEGORY, 0);
    add(like, "amount", COL_REAL, 0);
    struct column *amount = add(f, "amount", COL_CATEGORY, 2);
    put(amount, 0, "2.5");
    put(amount, 1, "web");
    struct column *zip = add(f, "zip", COL_INT, 2);
    zip->num[0] = 3;
    zip->num[1] = NAN;
    struct column *extra = add(f, "extra", COL_TEXT, 2);
    put(extra, 0, "a");
    put(extra, 1, "b");
    struct feature_packer *p = feature_packer_new(f, NULL);
    struct feature_rows *r = feature_rows_new(like);
    give(r, 1, p, 0);
    give(r, 1, p, 1);
    struct feature_seen seen = feature_rows_seen(r, "amount");
    assert_int_equal(seen.rows, 2);
    assert_int_equal(seen.other, 2);
    assert_int_equal(seen.type, COL_CATEGORY);
    assert_int_equal(feature_rows_seen(r, "zip").other, 1);
    assert_int_equal(feature_rows_frame(r, &g, NULL), 0);
    assert_int_equal(g->n_cols, 2);
    assert_string_equal(g->cols[0].name, "zip");
    assert_string_equal(text(g, "zip", 0), "3");
    assert_string_equal(text(g, "zip", 1), "");
    assert_true(frame_col(g, "amount")->num[0] == 2.5);
    assert_true(isnan(frame_col(g, "amount")->num[1]));
    frame_free(g);
    frame_free(f);
    frame_free(like);
    feature_packer_free(p);
    feature_rows_free(r);
}

static void broken_bytes_are_refused(void **state)
{
    (void)state;
    struct frame *f = sample();
    struct feature_packer *p = feature_packer_new(f, NULL);
    struct feature_rows *r = feature_rows_new(NULL);
    struct err e = ERR_INIT;
    STR_AUTO b = STR_INIT;
    feature_pack(p, 0, &b);
    assert_int_equal(feature_rows_schema(r, 1, feature_packer_schema(p), &e), 0);
    for (size_t n = 0; n < b.len; n++) {
        char *cut = mem_alloc(n + 1); /* so that reading past the end is seen */
        memcpy(cut, b.p, n);
        assert_int_equal(feature_rows_add(r, 1, cut, n, &e), -ERR_CORRUPT);
        free(cut);
    }
    b.p[8] = (char)0xff; /* a length far beyond the bytes */
    assert_int_equal(feature_rows_add(r, 1, b.p, b.len, &e), -ERR_CORRUPT);
    assert_true(feature_rows_schema(r, 2, "{}", &e) < 0);
    assert_true(feature_rows_schema(r, 2, "[{\"name\":\"a\",\"type\":\"blob\"}]", &e) < 0);
    assert_true(feature_rows_schema(r, 2, "[", &e) < 0);
    assert_false(feature_rows_knows(r, 2));
    frame_free(f);
    feature_packer_free(p);
    feature_rows_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_as_documented), cmocka_unit_test(rows_come_back),
        cmocka_unit_test(long_texts_come_back),    cmocka_unit_test(schemas_are_joined_by_name),
        cmocka_unit_test(kinds_follow_the_model),  cmocka_unit_test(broken_bytes_are_refused),
    };
    return cmocka_run_group_tests_name("feature_pack", tests, NULL, NULL);
}
