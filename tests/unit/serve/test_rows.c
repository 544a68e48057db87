/* test_rows.c: the schema of a route and the scanner of JSON: what it reads, to the bit, and
 * what it refuses, with the message a caller gets. */
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "sample.h"
#include "serve/rows.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct bench {
    struct model *m, *other;
    struct schema *schema;
    struct rows rows;
};

static int setup(void **state)
{
    static struct bench b;

    b.m = sample_model("logistic", "buys", "since", NULL);
    b.other = sample_model("linear", "price", "age", NULL);
    const struct model *const both[] = { b.m, b.other };
    b.schema = schema_new(both, 2);
    rows_init(&b.rows);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    rows_done(&b->rows);
    schema_free(b->schema);
    model_free(b->m);
    model_free(b->other);
    return 0;
}

/* The text in memory of its own size, so that a byte read too many is seen. */
static int scan_n(struct bench *b, const char *text, size_t n, struct err *e)
{
    static char *copy; /* cells point into it until the next call */

    free(copy);
    copy = mem_alloc(n + !n);
    memcpy(copy, text, n);
    rows_clear(&b->rows, b->schema);
    return rows_scan_json(&b->rows, copy, n, NULL, e);
}

static void scan(struct bench *b, const char *text)
{
    struct err e = ERR_INIT;

    if (scan_n(b, text, strlen(text), &e)) fail_msg("%s: %s", text, e.msg);
}

static void refused(struct bench *b, const char *text, int kind, const char *part)
{
    struct err e = ERR_INIT;
    int rc = scan_n(b, text, strlen(text), &e);

    if (rc != -kind || !strstr(e.msg, part))
        fail_msg("%s: %d '%s', expected %d '%s'", text, rc, e.msg, -kind, part);
}

static const struct cell *cell(struct bench *b, size_t row, const char *name)
{
    int slot = schema_find(b->schema, name, strlen(name));

    assert_true(slot >= 0 && row < b->rows.n);
    return &b->rows.cells[row * schema_width(b->schema) + (size_t)slot];
}

static void is_text(struct bench *b, size_t row, const char *name, const char *expected)
{
    const struct cell *c = cell(b, row, name);

    assert_int_equal(c->kind, CELL_TEXT);
    assert_int_equal(c->n, strlen(expected));
    assert_memory_equal(c->text, expected, c->n);
}

static void is_number(struct bench *b, size_t row, const char *name, double expected)
{
    const struct cell *c = cell(b, row, name);

    assert_int_equal(c->kind, CELL_NUM);
    assert_true(memcmp(&c->num, &expected, sizeof expected) == 0);
}

static void a_schema_is_the_union_of_its_models(void **state)
{
    struct bench *b = *state;

    assert_int_equal(schema_width(b->schema), 5);
    assert_int_equal(schema_find(b->schema, "price", 5), -1);
    assert_int_equal(schema_find(b->schema, "ag", 2), -1);
    int city = schema_find(b->schema, "city", 4), since = schema_find(b->schema, "since", 5);
    assert_true(schema_field(b->schema, (size_t)city)->text);
    assert_int_equal(schema_field(b->schema, (size_t)since)->type, COL_TIME);
}

static void an_object_is_one_row(void **state)
{
    struct bench *b = *state;

    scan(b, "{\"age\":39,\"balance\":1.5e2,\"city\":\"Bern\",\"member\":true,\"since\":null}");
    assert_int_equal(b->rows.n, 1);
    assert_false(b->rows.list);
    is_number(b, 0, "age", 39);
    is_number(b, 0, "balance", 150);
    is_text(b, 0, "city", "Bern");
    is_number(b, 0, "member", 1);
    assert_int_equal(cell(b, 0, "since")->kind, CELL_NULL);
    assert_memory_equal(cell(b, 0, "balance")->text, "1.5e2", 5);
    scan(b, " \n{ \"member\" : false ,\t\"age\" : -0 }\r\n ");
    is_number(b, 0, "member", 0);
    is_number(b, 0, "age", -0.0);
    assert_int_equal(cell(b, 0, "city")->kind, CELL_ABSENT);
    scan(b, "{}");
    assert_int_equal(b->rows.n, 1);
}

static void a_list_is_many(void **state)
{
    struct bench *b = *state;

    scan(b, "[{\"age\":1},{\"city\":\"x\",\"age\":2}, {} ]");
    assert_true(b->rows.list);
    assert_int_equal(b->rows.n, 3);
    is_number(b, 0, "age", 1);
    is_number(b, 1, "age", 2);
    is_text(b, 1, "city", "x");
    assert_int_equal(cell(b, 2, "age")->kind, CELL_ABSENT);
    scan(b, "[]");
    assert_int_equal(b->rows.n, 0);
    assert_true(b->rows.list);
}

static void unknown_names_are_passed_over(void **state)
{
    struct bench *b = *state;

    scan(b, "{\"id\":\"x\",\"meta\":{\"a\":[1,{\"b\":[]},{}],\"c\":\"}\\\"\"},\"age\":3,"
            "\"tags\":[],\"more\":[[[]],null,-1.5]}");
    assert_int_equal(b->rows.unknown, 4);
    is_number(b, 0, "age", 3);
    refused(b, "{\"x\":[1,]}", ERR_PARSE, "a value expected");
    refused(b, "{\"x\":{\"a\" 1}}", ERR_PARSE, "':' expected");
    refused(b, "{\"x\":{1:2}}", ERR_PARSE, "a name in quotes");
    refused(b, "{\"x\":[1}", ERR_PARSE, "',' or the end");
    STR_AUTO deep = STR_INIT;
    str_add(&deep, "{\"x\":");
    str_pad(&deep, '[', 100);
    refused(b, str_c(&deep), ERR_LIMIT, "nested");
}

static void escapes_are_resolved(void **state)
{
    struct bench *b = *state;

    scan(b, "{\"c\\u0069ty\":\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\u20ac\\ud83d\\ude00z\"}");
    is_text(b, 0, "city", "a\"\\/\b\f\n\r\t\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z");
    scan(b, "{\"city\":\"Z\xc3\xbcrich\"}");
    is_text(b, 0, "city", "Z\xc3\xbcrich");
    scan(b, "{\"city\":\"\\u0000\\ud83dx\\udc00\\ud83d\\u0041\"}"); /* NUL and half pairs */
    is_text(b, 0, "city",
            "\xef\xbf\xbd\xef\xbf\xbdx\xef\xbf\xbd\xef\xbf\xbd"
            "A");
    scan(b, "{\"city\":\"\"}");
    is_text(b, 0, "city", "");
    refused(b, "{\"city\":\"\\x\"}", ERR_PARSE, "an escape");
    refused(b, "{\"city\":\"\\u12g4\"}", ERR_PARSE, "hexadecimal");
    refused(b, "{\"city\":\"\\ud83d\\u12\"}", ERR_PARSE, "hexadecimal");
    refused(b, "{\"city\":\"\\u12\"}", ERR_PARSE, "hexadecimal");
    refused(b, "{\"city\":\"a\nb\"}", ERR_PARSE, "an escape");
    refused(b, "{\"city\":\"\\n\nb\"}", ERR_PARSE, "an escape");
    refused(b, "{\"city\":\"\xff\"}", ERR_PARSE, "UTF-8");
    refused(b, "{\"city\":\"\xc3\"}", ERR_PARSE, "UTF-8");
    refused(b, "{\"city\":\"\\n\xc3\"}", ERR_PARSE, "UTF-8");
    refused(b, "{\"city\":\"abc\\", ERR_PARSE, "closing quote");
}

static void numbers_have_strtods_bits(void **state)
{
    static const char *const some[] = {
        "0",
        "-0",
        "1",
        "-12345678",
        "123456789012345678901234567890",
        "0.1",
        "1.7976931348623157e308",
        "5e-324",
        "2.2250738585072014E-308",
        "1e400",
        "-1e400",
        "9007199254740993",
        "1E+2",
        "1e-7",
        "0.30000000000000004",
        "179769313486231580793728971405303415079934132710037826936173778980"
    };
    struct bench *b = *state;
    char buf[160], pad[] = "                                        ";
    struct rng r;

    for (size_t i = 0; i < ARRAY_LEN(some); i++) {
        snprintf(buf, sizeof buf, "{\"age\":%s}%s", some[i], i % 2 ? pad : "");
        scan(b, buf);
        is_number(b, 0, "age", strtod(some[i], NULL));
    }
    rng_seed(&r, 3);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rng_u64(&r);
        double v;
        char text[64];
        memcpy(&v, &bits, sizeof v);
        if (!isfinite(v)) continue;
        snprintf(text, sizeof text, "%.*g", (int)(1 + rng_below(&r, 20)), i % 2 ? v : rng_unit(&r));
        snprintf(buf, sizeof buf, "{\"balance\":%s%s}", text, i % 3 ? pad : "");
        scan(b, buf);
        is_number(b, 0, "balance", strtod(text, NULL));
    }
}

static void words_for_missing_numbers(void **state)
{
    struct bench *b = *state;

    scan(b, "{\"age\":NaN,\"balance\":Infinity,\"member\":-Infinity,\"since\":null}");
    assert_int_equal(cell(b, 0, "age")->kind, CELL_NULL);
    assert_int_equal(cell(b, 0, "balance")->kind, CELL_NULL);
    assert_int_equal(cell(b, 0, "member")->kind, CELL_NULL);
    assert_int_equal(cell(b, 0, "since")->kind, CELL_NULL);
}

static void malformed_text_is_refused(void **state)
{
    static const char *const numbers[] = {
        "01",  "+1",  ".5",  "5.",  "1e",  "1e+", "-",    "0x10",
        "--1", "1_0", "nan", "inf", "tru", "nul", "-Inf", "1.5.2"
    };
    static const char *const texts[] = { "",
                                         " ",
                                         "{",
                                         "{\"age\"",
                                         "{\"age\":",
                                         "{\"age\":1",
                                         "{\"age\":1,",
                                         "{\"age\":1,}",
                                         "{\"age\" 1}",
                                         "[",
                                         "[{}",
                                         "[{},",
                                         "[{},]",
                                         "{}{}",
                                         "[]x",
                                         "1",
                                         "\"x\"",
                                         "null",
                                         "[1]",
                                         "[[{}]]",
                                         "{age:1}",
                                         "{'age':1}",
                                         "{\"age\":1 \"city\":2}",
                                         "\xef\xbb\xbf{}",
                                         "{\"city\":\"abc",
                                         "{,}",
                                         "[,{}]" };
    struct bench *b = *state;
    char buf[64];

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        snprintf(buf, sizeof buf, "{\"age\":%s}", numbers[i]);
        refused(b, buf, ERR_PARSE, "expected");
    }
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) refused(b, texts[i], ERR_PARSE, "expected");
    refused(b, "{\"age\":1,\"age\":2}", ERR_INVALID, "'age' twice");
    refused(b, "[{},{\"age\":null,\"age\":2}]", ERR_INVALID, "row 2");
    refused(b, "{\"age\":{}}", ERR_INVALID, "not a nested object");
    refused(b, "{\"age\":[1]}", ERR_INVALID, "not a list");
    refused(b, "{\"age\":x}", ERR_PARSE, "byte 8, 'x'");
}

static void every_prefix_is_refused(void **state)
{
    static const char whole[] =
        "[{\"age\":1.5,\"x\":{\"a\":[true,\"\\u00e9\"]},\"city\":\"a\\nb\"},{}]";
    struct bench *b = *state;

    for (size_t n = 0; n + 1 < sizeof whole; n++) {
        struct err e = ERR_INIT;
        assert_int_equal(scan_n(b, whole, n, &e), -ERR_PARSE);
        assert_true(e.msg[0]);
    }
    scan(b, whole);
}

static void sizes_are_bounded(void **state)
{
    struct bench *b = *state;
    struct err e = ERR_INIT;
    STR_AUTO s = STR_INIT;

    str_add(&s, "{\"city\":\"");
    str_pad(&s, 'a', SERVE_MAX_TEXT);
    str_add(&s, "\"}");
    scan(b, str_c(&s));
    str_clear(&s);
    str_add(&s, "{\"city\":\"");
    str_pad(&s, 'a', SERVE_MAX_TEXT + 1);
    str_add(&s, "\"}");
    refused(b, str_c(&s), ERR_LIMIT, "more than");
    str_clear(&s);
    str_add(&s, "[{}");
    for (int i = 1; i <= SERVE_MAX_ROWS; i++) str_add(&s, ",{}");
    str_add(&s, "]");
    assert_int_equal(scan_n(b, s.p, s.len, &e), -ERR_LIMIT);
    assert_int_equal(b->rows.n, SERVE_MAX_ROWS);
    scan(b, "{\"age\":1}"); /* and the memory was given back */
    assert_true(b->rows.room < 1000);
}

static void a_value_inside_a_document(void **state)
{
    static const char doc[] = "{\"rows\":[{\"age\":7}],\"v\":  -2.5e1,\"w\":\"\\t\"}";
    struct bench *b = *state;
    struct err e = ERR_INIT;
    struct cell c;
    size_t at = 8;

    rows_clear(&b->rows, b->schema);
    assert_int_equal(rows_scan_json(&b->rows, doc, sizeof doc - 1, &at, &e), 0);
    is_number(b, 0, "age", 7);
    assert_memory_equal(doc + at, ",\"v\"", 4);
    at += 5;
    assert_int_equal(cell_scan_json(&b->rows, doc, sizeof doc - 1, &at, &c, &e), 0);
    assert_true(c.kind == CELL_NUM && c.num == -25);
    at += 5;
    assert_int_equal(cell_scan_json(&b->rows, doc, sizeof doc - 1, &at, &c, &e), 0);
    assert_true(c.kind == CELL_TEXT && c.n == 1 && *c.text == '\t');
    assert_int_equal(cell_scan_json(&b->rows, doc, sizeof doc - 1, &at, &c, &e), -ERR_PARSE);
}

static void rows_can_outlive_the_body(void **state)
{
    struct bench *b = *state;
    char body[] = "{\"city\":\"Bern\",\"age\":12}";

    rows_clear(&b->rows, b->schema);
    assert_int_equal(rows_scan_json(&b->rows, body, sizeof body - 1, NULL, NULL), 0);
    rows_own(&b->rows);
    memset(body, 'x', sizeof body);
    is_text(b, 0, "city", "Bern");
    assert_memory_equal(cell(b, 0, "age")->text, "12", 2);
}

static void missing_columns_are_named(void **state)
{
    struct bench *b = *state;
    struct err e = ERR_INIT;

    scan(b, "[{\"age\":1,\"balance\":2,\"member\":null},{\"city\":\"x\"}]");
    assert_int_equal(rows_check(&b->rows, b->m, &e), 0);
    assert_int_equal(rows_check(&b->rows, b->other, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "'since' is missing"));
    assert_non_null(strstr(e.hint, "balance, city, member, since"));
    scan(b, "[]");
    assert_int_equal(rows_check(&b->rows, b->m, &e), 0);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(a_schema_is_the_union_of_its_models),
        cmocka_unit_test(an_object_is_one_row),
        cmocka_unit_test(a_list_is_many),
        cmocka_unit_test(unknown_names_are_passed_over),
        cmocka_unit_test(escapes_are_resolved),
        cmocka_unit_test(numbers_have_strtods_bits),
        cmocka_unit_test(words_for_missing_numbers),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(every_prefix_is_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(a_value_inside_a_document),
        cmocka_unit_test(rows_can_outlive_the_body),
        cmocka_unit_test(missing_columns_are_named),
    };
    return cmocka_run_group_tests_name("serve.rows", t, setup, teardown);
}
