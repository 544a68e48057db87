/* test_jsonl.c: the JSON-lines reader on good lines, on every message it can give, and on the
 * policies for bad rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/jsonl.h"
#include "collect.h"
#include <string.h>

struct sample {
    const char *in, *out;
    struct row_options o;
};

static void check_samples(const struct sample *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct collected c;
        collect(&c, jsonl_read, s[i].in, strlen(s[i].in), s[i].o);
        if (c.rc) fail_msg("%s: %s", s[i].in, c.err.msg);
        assert_string_equal(strchr(str_c(&c.text), '\n') + 1, s[i].out);
        collected_done(&c);
    }
}

static void t_values(void **state)
{
    static const struct sample samples[] = {
        { "{\"a\":1,\"b\":\"x\"}\n", "1|'x'\n", { 0 } },
        { "{\"a\":1,\"b\":\"x\"}", "1|'x'\n", { 0 } },
        { "{\"a\":1}\r\n\r\n \t\n{\"a\":2}\r\n", "1\n2\n", { 0 } },
        { "  { \"a\" : -1.5e+3 , \"b\" : true }  \n", "-1.5e+3|true\n", { 0 } },
        { "{\"a\":0,\"b\":-0,\"c\":0.1,\"d\":1E5}\n", "0|-0|0.1|1E5\n", { 0 } },
        { "{\"a\":null,\"b\":false,\"c\":NaN,\"d\":-Infinity}\n", "~|false|~|-Infinity\n", { 0 } },
        { "{\"a\":\"\"}\n", "''\n", { 0 } },
        { "{\"a\":\"q\\\"b\\\\s\\/t\\tn\\nu\\u00e9\"}\n", "'q\"b\\s/t\tn\\nu\xc3\xa9'\n", { 0 } },
        { "{\"a\":\"\\ud83d\\ude00!\"}\n", "'\xf0\x9f\x98\x80!'\n", { 0 } },
        { "{\"\\u0061\":1}\n{\"a\":2}\n", "1\n2\n", { 0 } },
        { "\xef\xbb\xbf{\"a\":1}\n", "1\n", { 0 } },
    };

    (void)state;
    check_samples(samples, ARRAY_LEN(samples));
}

static void t_columns(void **state)
{
    static const char in[] = "{\"a\":1,\"b\":2}\n{\"b\":3,\"a\":4}\n{\"c\":5,\"a\":6}\n{}\n";
    struct collected c;

    (void)state;
    collect(&c, jsonl_read, in, sizeof in - 1, (struct row_options){ 0 });
    assert_int_equal(c.rc, 0);
    assert_string_equal(str_c(&c.text), "a|b\n1|2\n4|3\na|b|c\n6|~|5\n~|~|~\n");
    assert_int_equal(c.report.rows, 4);
    collected_done(&c);
}

static void t_errors(void **state)
{
    static const struct {
        const char *in, *message;
    } cases[] = {
        { "", "t.csv has no rows, expected one JSON object a line" },
        { "\n\n", "t.csv has no rows, expected one JSON object a line" },
        { "{\"a\":1}\n[1]\n", "t.csv: line 2: column 1: expected one JSON object a line, which "
                              "starts with {" },
        { "{\"a\":1}x\n", "t.csv: line 1: column 8: expected the end of the line behind '}'" },
        { "{\"a\" 1}\n", "t.csv: line 1: column 6: expected ':' behind the key" },
        { "{\"a\":1 \"b\":2}\n", "t.csv: line 1: column 8: expected ',' or '}' behind the value" },
        { "{\"a\":1", "t.csv: line 1: column 7: expected ',' or '}' behind the value" },
        { "{\"a\":1,}\n", "t.csv: line 1: column 8: expected a key in quotes" },
        { "{\"\":1}\n", "t.csv: line 1: column 2: expected a key that is not empty" },
        { "{a:1}\n", "t.csv: line 1: column 2: expected a key in quotes" },
        { "{\"a\":}\n", "t.csv: line 1: column 6: expected a string, number, true, false or null" },
        { "{\"a\":01}\n",
          "t.csv: line 1: column 6: expected a string, number, true, false or null" },
        { "{\"a\":1.}\n",
          "t.csv: line 1: column 6: expected a string, number, true, false or null" },
        { "{\"a\":+1}\n",
          "t.csv: line 1: column 6: expected a string, number, true, false or null" },
        { "{\"a\":1e}\n",
          "t.csv: line 1: column 6: expected a string, number, true, false or null" },
        { "{\"a\":\"x\n\"}",
          "t.csv: line 1: column 6: expected a closing quote for the string that "
          "starts here" },
        { "{\"a\":\"\tx\"}", "t.csv: line 1: column 7: expected no control character inside a "
                             "string" },
        { "{\"a\":\"\\x\"}",
          "t.csv: line 1: column 8: expected an escape sequence of JSON behind the backslash" },
        { "{\"a\":\"\\u12g4\"}",
          "t.csv: line 1: column 9: expected an escape sequence of JSON behind the backslash" },
        { "{\"a\":\"\\ud83d\"}",
          "t.csv: line 1: column 9: expected an escape sequence of JSON behind the backslash" },
        { "{\"a\":\"\\ude00\"}",
          "t.csv: line 1: column 9: expected an escape sequence of JSON behind the backslash" },
        { "{\"a\":[1,2", "t.csv: line 1: column 6: expected an end to the list or object that "
                         "starts here" },
        { "\n{\"a\":{\"b\":\"}\"}}\n", "t.csv: line 2: column 6: key \"a\" holds a list or an "
                                       "object, expected a string, number, "
                                       "true, false or null" },
        { "{\"a\":1,\"a\":2}\n", "t.csv: line 1: column 12: key \"a\" stands there for the second "
                                 "time, expected it once" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct collected c;
        collect(&c, jsonl_read, cases[i].in, strlen(cases[i].in), (struct row_options){ 0 });
        assert_string_equal(c.err.msg, cases[i].message);
        assert_int_equal(c.rc, -ERR_PARSE);
        collected_done(&c);
    }
}

static void t_policies(void **state)
{
    static const char in[] =
        "{\"a\":1}\n{\"a\":2,\"x\":[{\"y\":\"]\"}]}\n{\"a\":3,\"a\":4}\nnonsense\n"
        "{\"a\":5}\n";
    struct collected c;

    (void)state;
    collect(&c, jsonl_read, in, sizeof in - 1, (struct row_options){ .bad_row = BAD_ROW_SKIP });
    assert_int_equal(c.rc, 0);
    assert_string_equal(str_c(&c.text), "a\n1\n5\n");
    assert_int_equal(c.report.skipped, 3);
    assert_string_equal(c.report.first_bad,
                        "line 2: column 12: key \"x\" holds a list or an object, expected a "
                        "string, number, true, false or null");
    collected_done(&c);
    collect(&c, jsonl_read, in, sizeof in - 1, (struct row_options){ .bad_row = BAD_ROW_NULL });
    assert_int_equal(c.rc, 0);
    assert_string_equal(str_c(&c.text), "a\n1\na|x\n2|~\n~|~\n5|~\n");
    assert_int_equal(c.report.repaired, 2);
    assert_int_equal(c.report.skipped, 1);
    collected_done(&c);
}

/* A column that only a row left out had does not come to be, and may come later. */
static void t_forgotten_column(void **state)
{
    static const char in[] = "{\"a\":1}\n{\"n\":1,\"a\":[]}\n{\"a\":2}\n{\"m\":3,\"n\":4}\n";
    struct collected c;

    (void)state;
    collect(&c, jsonl_read, in, sizeof in - 1, (struct row_options){ .bad_row = BAD_ROW_SKIP });
    assert_int_equal(c.rc, 0);
    assert_string_equal(str_c(&c.text), "a\n1\n2\na|m|n\n~|3|4\n");
    collected_done(&c);
}

static void t_window_borders(void **state)
{
    (void)state;
    for (size_t len = 262144 - 40; len < 262144 + 4; len++) {
        STR_AUTO s = STR_INIT;
        struct collected c;
        str_add(&s, "{\"a\":\"");
        str_pad(&s, 'x', len);
        str_add(&s, "\",\"b\":7}\n{\"a\":\"y\",\"b\":8}\n");
        collect(&c, jsonl_read, s.p, s.len, (struct row_options){ 0 });
        assert_int_equal(c.rc, 0);
        assert_int_equal(c.text.len, 4 + len + 5 + 6);
        assert_string_equal(str_c(&c.text) + c.text.len - 6, "'y'|8\n");
        collected_done(&c);
    }
}

static void add_object(struct str *s, int keys)
{
    for (int i = 0; i < keys; i++) str_addf(s, "%c\"k%d\":1", i ? ',' : '{', i);
    str_add(s, "}\n");
}

static void t_too_many_keys(void **state)
{
    STR_AUTO s = STR_INIT;
    struct collected c;

    (void)state;
    add_object(&s, ROWS_MAX_COLUMNS);
    str_add(&s, "{\"one more\":1}\n");
    collect(&c, jsonl_read, s.p, s.len, (struct row_options){ 0 });
    assert_int_equal(c.rc, -ERR_LIMIT);
    assert_string_equal(c.err.msg, "t.csv: line 2: more than 65536 different keys");
    collected_done(&c);
    str_clear(&s);
    add_object(&s, ROWS_MAX_COLUMNS + 1);
    collect(&c, jsonl_read, s.p, s.len, (struct row_options){ 0 });
    assert_int_equal(c.rc, -ERR_PARSE);
    assert_non_null(strstr(c.err.msg, "expected at most 65536 keys"));
    collected_done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_values),           cmocka_unit_test(t_columns),
        cmocka_unit_test(t_errors),           cmocka_unit_test(t_policies),
        cmocka_unit_test(t_forgotten_column), cmocka_unit_test(t_window_borders),
        cmocka_unit_test(t_too_many_keys),
    };

    return cmocka_run_group_tests_name("codec.jsonl", tests, NULL, NULL);
}
