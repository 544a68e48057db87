/* test_codec.c: how a format is chosen, and the questions of text.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "codec/codec.h"
#include "codec/text.h"
#include <string.h>

static void t_by_name(void **state)
{
    static const struct {
        const char *name, *format;
    } cases[] = { { "a.csv", "csv" },      { "x/A.CSV.GZ", "csv" }, { "a.tsv", "tsv" },
                  { "a.tab.zst", "tsv" },  { "a.txt", "csv" },      { "a.jsonl.gz", "jsonl" },
                  { "a.ndjson", "jsonl" }, { "a.json", "jsonl" },   { "a", NULL },
                  { ".csv", NULL },        { "a.csvx", NULL },      { "csv", NULL },
                  { "a.gz", NULL } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct codec *c = codec_of_name(cases[i].name);
        if ((c == NULL) != (cases[i].format == NULL)) fail_msg("%s", cases[i].name);
        if (c) assert_string_equal(c->name, cases[i].format);
    }
}

static void t_by_format(void **state)
{
    (void)state;
    assert_ptr_equal(codec_of_format("csv"), &codecs[CODEC_CSV]);
    assert_ptr_equal(codec_of_format("jsonl.zst"), &codecs[CODEC_JSONL]);
    assert_null(codec_of_format("json"));
    assert_null(codec_of_format(""));
}

static void t_by_content(void **state)
{
    static const struct {
        const char *name, *text;
        enum codec_id id;
    } cases[] = { { "a.csv", "{\"a\":1}", CODEC_JSONL }, { "a", " \n{", CODEC_JSONL },
                  { "a.tsv", "a,b", CODEC_TSV },         { "a", "a,b", CODEC_CSV },
                  { "a.jsonl", "[1]", CODEC_JSONL },     { "a", "", CODEC_CSV } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct input *in;
        struct block b;
        assert_int_equal(
            input_memory(&in, cases[i].text, strlen(cases[i].text), cases[i].name, NULL), 0);
        assert_int_equal(block_open(&b, in, NULL), 0);
        assert_ptr_equal(codec_choose(&b), &codecs[cases[i].id]);
        block_done(&b);
        input_close(in);
    }
}

static void t_missing(void **state)
{
    static const char *const yes[] = { "",    " ",    "\t",   "NA", "N/A", "NaN",
                                       "nan", "null", "NULL", "?",  " ? ", "NA " };
    static const char *const no[] = { "None", "none", "unknown", "na",  "-",  "0",
                                      "Null", "NAN",  "n/a",     "N A", "??", "nil" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) assert_true(text_missing(yes[i], strlen(yes[i])));
    for (size_t i = 0; i < ARRAY_LEN(no); i++) assert_false(text_missing(no[i], strlen(no[i])));
}

static void t_bool(void **state)
{
    bool v = false;

    (void)state;
    assert_true(text_bool("true", 4, &v) && v);
    assert_true(text_bool(" FALSE", 6, &v) && !v);
    assert_true(text_bool("True", 4, &v) && v);
    assert_false(text_bool("tRUE", 4, &v));
    assert_false(text_bool("1", 1, &v));
    assert_false(text_bool("yes", 3, &v));
    assert_false(text_bool("truer", 5, &v));
    assert_true(v);
}

static void t_repair(void **state)
{
    static const struct {
        const char *in;
        size_t n;
        const char *out;
    } cases[] = { { "abc", 3, "abc" },
                  { "\xc3\xa9", 2, "\xc3\xa9" },
                  { "\xe9t\xe9", 3, "\xc3\xa9t\xc3\xa9" },
                  { "\x80", 1, "\xe2\x82\xac" },
                  { "\x81", 1, "\xef\xbf\xbd" },
                  { "a\0b", 3,
                    "a\xef\xbf\xbd"
                    "b" },
                  { "\xef\xbf\xbd", 3, "\xef\xbf\xbd" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        STR_AUTO s = STR_INIT;
        text_repair(&s, cases[i].in, cases[i].n);
        assert_string_equal(str_c(&s), cases[i].out);
        assert_true(text_clean(str_c(&s), s.len));
    }
    assert_false(text_clean("\xe9", 1));
    assert_false(text_clean("a\0b", 3));
    assert_false(text_clean("\xc3\xa9\0", 3));
    assert_true(text_clean("", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_by_name), cmocka_unit_test(t_by_format), cmocka_unit_test(t_by_content),
        cmocka_unit_test(t_missing), cmocka_unit_test(t_bool),      cmocka_unit_test(t_repair),
    };

    return cmocka_run_group_tests_name("codec.codec", tests, NULL, NULL);
}
