/* test_table.c: aligned text: widths, cutting, numbers, formats, hostile characters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "batch/table.h"
#include <string.h>

static const struct table_style plain = { .now_us = 1700000000000000 };

static struct val *parse(struct arena *a, const char *json)
{
    struct val *v = NULL;
    struct err e = ERR_INIT;
    if (val_parse_json(a, json, strlen(json), &v, &e)) fail_msg("%s", e.msg);
    return v;
}

static void expect_rows(const char *json, const struct reply_column *columns,
                        const struct table_style *st, const char *text)
{
    struct arena a = ARENA_INIT;
    STR_AUTO s = STR_INIT;
    table_rows(&s, parse(&a, json), columns, st);
    assert_string_equal(str_c(&s), text);
    arena_done(&a);
}

static void t_columns_are_found(void **state)
{
    (void)state;
    expect_rows("[{\"a\":\"x\",\"n\":5,\"o\":{}},{\"a\":\"long\",\"n\":10,\"b\":true}]", NULL,
                &plain,
                "a      n  b\n"
                "x      5  -\n"
                "long  10  yes\n");
    expect_rows("[]", NULL, &plain, "");
}

static void t_declared_columns(void **state)
{
    (void)state;
    static const struct reply_column columns[] = {
        { "name", "MODEL", NULL },   { "m.auc", "AUC", "real" }, { "at", "AGE", "age" },
        { "size", "SIZE", "bytes" }, { "p", "P", "percent" },    { "run", "RUN", "id" },
        { "t", NULL, "time" },       { NULL, NULL, NULL },
    };
    expect_rows("[{\"name\":\"m\",\"m\":{\"auc\":0.91234},\"at\":\"2023-11-14T22:10:20Z\","
                "\"size\":1234567,\"p\":0.5,\"run\":\"0123456789abcdef0123456789abcdef\","
                "\"t\":\"2023-11-14T22:10:20.5Z\"}]",
                columns, &plain,
                "MODEL     AUC  AGE    SIZE      P  RUN           t\n"
                "m      0.9123  3m   1.2 MB  50.0%  0123456789ab  2023-11-14 22:10:20\n");
}

static void t_dots_in_keys(void **state)
{
    (void)state;
    static const struct reply_column columns[] = { { "a.b", "X", NULL }, { NULL, NULL, NULL } };
    expect_rows("[{\"a.b\":1},{\"a\":{\"b\":2}},{\"a\":3}]", columns, &plain, "X\n1\n2\n-\n");
}

static void t_wide_characters(void **state)
{
    (void)state;
    expect_rows("[{\"a\":\"日本\",\"b\":\"x\"},{\"a\":\"é\",\"b\":\"y\"}]", NULL, &plain,
                "a     b\n日本  x\né     y\n");
}

static void t_cut_to_the_terminal(void **state)
{
    (void)state;
    const struct table_style narrow = { .width = 20 }, ascii = { .width = 20, .ascii = true };
    const char *json = "[{\"name\":\"abcdefghijklmnopqrstuvwxyz\",\"n\":1234567}]";
    expect_rows(json, NULL, &narrow,
                "name               n\n"
                "abcdefghij…  1234567\n");
    expect_rows(json, NULL, &ascii,
                "name               n\n"
                "abcdefgh...  1234567\n");
    expect_rows("[{\"name\":\"日本日本日本日本日本日本\",\"n\":1234567}]", NULL, &narrow,
                "name               n\n"
                "日本日本日…  1234567\n");
}

static void t_columns_that_do_not_fit(void **state)
{
    (void)state;
    const struct table_style st = { .width = 30 };
    expect_rows("[{\"run\":\"0123456789abcdef0123456789abcdef\",\"name\":\"a name of 18 chars\","
                "\"n\":12345,\"more\":\"x\"}]",
                NULL, &st,
                "run           name\n"
                "0123456789ab  a name of 18 ch…\n");
    const struct table_style tiny = { .width = 5 };
    expect_rows("[{\"n\":123456789,\"more\":\"x\"}]", NULL, &tiny, "        n\n123456789\n");
}

static void t_no_terminal_control(void **state)
{
    (void)state;
    expect_rows("[{\"a\\u001b[2J\":\"x\\u001b[31m\\u0007\\u009b\\ny\"}]", NULL, &plain,
                "a?[2J\nx?[31m?? y\n");
}

static void t_color(void **state)
{
    (void)state;
    const struct table_style color = { .color = true };
    expect_rows("[{\"a\":1}]", NULL, &color, "\033[1ma\033[0m\n1\n");
}

static void t_object(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    STR_AUTO s = STR_INIT;
    table_object(&s,
                 parse(&a, "{\"name\":\"m\",\"metrics\":{\"auc\":0.5,\"n\":null},\"empty\":{},"
                           "\"tags\":[\"a\",\"b\"],\"rows\":[{\"x\":1},{\"x\":2}]}"),
                 &plain);
    assert_string_equal(str_c(&s), "name         m\n"
                                   "metrics.auc  0.5\n"
                                   "metrics.n    -\n"
                                   "tags         a, b\n"
                                   "\nrows:\nx\n1\n2\n");
    arena_done(&a);
}

static void t_looks(void **state)
{
    (void)state;
    const char *json =
        "[{\"at\":\"2023-11-14T22:10:20.123456Z\","
        "\"run\":\"0123456789abcdef0123456789abcdef\",\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\","
        "\"word\":\"beef\"}]";
    expect_rows(json, NULL, &plain,
                "at                   run           id                          word\n"
                "2023-11-14 22:10:20  0123456789ab  01ARZ3NDEKTSV4RRFFQ69G5FAV  beef\n");
    struct arena a = ARENA_INIT;
    STR_AUTO s = STR_INIT;
    table_object(&s, val_at(parse(&a, json), 0), &plain);
    assert_non_null(strstr(str_c(&s), "at    2023-11-14 22:10:20\n"));
    assert_non_null(strstr(str_c(&s), "run   0123456789abcdef0123456789abcdef\n"));
    arena_done(&a);
}

static void t_bytes(void **state)
{
    (void)state;
    static const struct {
        double n;
        const char *text;
    } cases[] = {
        { 0, "0 B" },       { 999, "999 B" },   { 1000, "1.0 kB" },
        { 9949, "9.9 kB" }, { 12345, "12 kB" }, { 999600, "1.0 MB" },
        { 5e9, "5.0 GB" },  { 2e15, "2.0 PB" }, { 5e18, "5000 PB" },
    };
    struct arena a = ARENA_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        STR_AUTO s = STR_INIT;
        table_cell(&s, val_real(&a, cases[i].n), "bytes", &plain);
        assert_string_equal(str_c(&s), cases[i].text);
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_columns_are_found),
        cmocka_unit_test(t_declared_columns),
        cmocka_unit_test(t_dots_in_keys),
        cmocka_unit_test(t_wide_characters),
        cmocka_unit_test(t_cut_to_the_terminal),
        cmocka_unit_test(t_no_terminal_control),
        cmocka_unit_test(t_color),
        cmocka_unit_test(t_object),
        cmocka_unit_test(t_bytes),
        cmocka_unit_test(t_looks),
        cmocka_unit_test(t_columns_that_do_not_fit),
    };
    return cmocka_run_group_tests_name("batch.table", tests, NULL, NULL);
}
