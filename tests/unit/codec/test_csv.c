/* test_csv.c: the CSV reader on every dialect it promises, every error it can give, random
 * tables that make the round trip through rowout, rows across window borders, and the dirty
 * files of the shared data with their published counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "codec/csv.h"
#include "codec/rowout.h"
#include "collect.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sample {
    const char *in, *out;
    struct row_options o;
};

static void check_samples(const struct sample *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct collected c;
        collect(&c, csv_read, s[i].in, strlen(s[i].in), s[i].o);
        if (c.rc) fail_msg("%s: %s", s[i].in, c.err.msg);
        assert_string_equal(str_c(&c.text), s[i].out);
        collected_done(&c);
    }
}

static void t_dialects(void **state)
{
    static const struct sample samples[] = {
        { "a,b\n1,2\n", "a|b\n1|2\n", { 0 } },
        { "a,b\n1,2", "a|b\n1|2\n", { 0 } },
        { "a,b\r\n1,2\r\n3,4\r\n", "a|b\n1|2\n3|4\n", { 0 } },
        { "a,b\r1,2\r3,4\r", "a|b\n1|2\n3|4\n", { 0 } },
        { "a,b\r1,2\r\n", "a|b\n1|2\n", { 0 } },
        { "a,b\n1,2\r\n3,4\r5,6", "a|b\n1|2\n3|4\n5|6\n", { 0 } },
        { "\xef\xbb\xbf"
          "a,b\n1,2\n",
          "a|b\n1|2\n",
          { 0 } },
        { "\xef\xbb\xbf\"a\",b\n1,2\n", "a|b\n1|2\n", { 0 } },
        { "a;b;c\n1,5;2;3\n", "a|b|c\n1,5|2|3\n", { 0 } },
        { "a\tb\n1\t2\n", "a|b\n1|2\n", { 0 } },
        { "a|b\n1|2\n", "a|b\n1|2\n", { 0 } },
        { "\"x,y,z\";b\n1;2\n", "x,y,z|b\n1|2\n", { 0 } },
        { "a,b;c\n1,2;3\n", "a|b;c\n1|2;3\n", { 0 } },
        { "a:b\n1:2\n", "a|b\n1|2\n", { .delimiter = ':' } },
        { "a\n1\n2\n", "a\n1\n2\n", { 0 } },
        { "a,b\n", "a|b\n", { 0 } },
        { "a,b\n,\n", "a|b\n|\n", { 0 } },
        { "a,b\n1,", "a|b\n1|\n", { 0 } },
        { "a,b\n\n\n1,2\n\n", "a|b\n1|2\n", { 0 } },
        { "\n\na,b\n1,2\n", "a|b\n1|2\n", { 0 } },
        { "a,b\n  \n1,2\n", "a|b\n1|2\n", { 0 } },
        { "a\n\"\"\n", "a\n\n", { 0 } },
    };

    (void)state;
    check_samples(samples, ARRAY_LEN(samples));
}

static void t_quotes(void **state)
{
    static const struct sample samples[] = {
        { "a,b\n\"1\",\"2\"\n", "a|b\n1|2\n", { 0 } },
        { "a,b\n\"1,5\",2\n", "a|b\n1,5|2\n", { 0 } },
        { "a,b\n\"x \"\"y\"\" z\",2\n", "a|b\nx \"y\" z|2\n", { 0 } },
        { "a,b\n\"\"\"\",2\n", "a|b\n\"|2\n", { 0 } },
        { "a,b\n\"\"\"\"\"\",\"\"\n", "a|b\n\"\"|\n", { 0 } },
        { "a,b\n\"l1\nl2\",2\n", "a|b\nl1\\nl2|2\n", { 0 } },
        { "a,b\n\"l1\r\nl2\",2\r\n", "a|b\nl1\\r\\nl2|2\n", { 0 } },
        { "a,b\n1,\"2\"", "a|b\n1|2\n", { 0 } },
        { "a,b\n1,\"2\"\r\n3,4", "a|b\n1|2\n3|4\n", { 0 } },
        { "a,b\n5\" pipe,2\n", "a|b\n5\" pipe|2\n", { 0 } },
        { "a,b\n1, \"2\"\n", "a|b\n1| \"2\"\n", { 0 } },
    };

    (void)state;
    check_samples(samples, ARRAY_LEN(samples));
}

static void t_names(void **state)
{
    static const struct sample samples[] = {
        { " a ,b\t\n1,2\n", "a|b\n1|2\n", { .delimiter = ',' } },
        { "a,a,a\n1,2,3\n", "a|a_2|a_3\n1|2|3\n", { 0 } },
        { "a,a_2,a\n1,2,3\n", "a|a_2|a_3\n1|2|3\n", { 0 } },
        { "a,,\n1,2,3\n", "a|column_2|column_3\n1|2|3\n", { 0 } },
        { ",column_1\n1,2\n", "column_1_2|column_1\n1|2\n", { 0 } },
        { "caf\xe9,\x80\n1,2\n", "caf\xc3\xa9|\xe2\x82\xac\n1|2\n", { 0 } },
    };
    struct collected c;

    (void)state;
    check_samples(samples, ARRAY_LEN(samples));
    collect(&c, csv_read, "a,,a,\n", 6, (struct row_options){ 0 });
    assert_int_equal(c.report.unnamed, 2);
    assert_int_equal(c.report.renamed, 1);
    collected_done(&c);
}

static void t_errors(void **state)
{
    static const struct {
        const char *in, *message;
        enum err_kind kind;
        struct row_options o;
    } cases[] = {
        { "", "t.csv is empty, expected a header line with column names", ERR_PARSE, { 0 } },
        { "\n\n", "t.csv is empty, expected a header line with column names", ERR_PARSE, { 0 } },
        { "a,b,c\n1,2,3\n4,5\n",
          "t.csv: line 3: 2 fields, expected 3: column 3 c is missing",
          ERR_PARSE,
          { 0 } },
        { "a,b\n1,2,3\n",
          "t.csv: line 2: 3 fields, expected 2: field 3 \"3\" is one too many",
          ERR_PARSE,
          { 0 } },
        { "a,b\n\"x\ny\",2\n\r\n1\n",
          "t.csv: line 5: 1 field, expected 2: column 2 b is missing",
          ERR_PARSE,
          { 0 } },
        { "a,b\r\"x\ry\",2\r1\r",
          "t.csv: line 4: 1 field, expected 2: column 2 b is missing",
          ERR_PARSE,
          { 0 } },
        { "a,b\n1,\"2\" x\n",
          "t.csv: line 2: column 2 b: text behind a closing quote, expected ',' or the end of the "
          "line",
          ERR_PARSE,
          { 0 } },
        { "a,b\n1,2\n3,\"4\n5,6\n",
          "t.csv: line 3, column 2 b: the quote that opens here is never closed, expected \" "
          "before "
          "the end of the file",
          ERR_PARSE,
          { 0 } },
        { "a,b\n1,2\n3,\"4\n5,6\n",
          "t.csv: line 3, column 2 b: the quote that opens here is never closed, expected \" "
          "before "
          "the end of the file",
          ERR_PARSE,
          { .bad_row = BAD_ROW_SKIP } },
        { "a,\"b\"x\n",
          "t.csv: line 1, column 2: text behind a closing quote, expected ',' or the end of the "
          "line",
          ERR_PARSE,
          { 0 } },
        { "a,b\n",
          "delimiter must be one ASCII character other than a quote or a line end",
          ERR_INVALID,
          { .delimiter = '"' } },
        { "PAR1xxxx",
          "t.csv is a Parquet file, expected CSV or JSON lines, also as .gz or .zst",
          ERR_PARSE,
          { 0 } },
        { "\xff\xfe"
          "a",
          "t.csv is UTF-16 text, expected CSV or JSON lines, also as .gz or .zst",
          ERR_PARSE,
          { 0 } },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct collected c;
        collect(&c, csv_read, cases[i].in, strlen(cases[i].in), cases[i].o);
        assert_string_equal(c.err.msg, cases[i].message);
        assert_int_equal(c.rc, -(int)cases[i].kind);
        collected_done(&c);
    }
}

static void t_policies(void **state)
{
    static const char in[] = "a,b,c\n1,2,3\n4,5\n6,7,8,9\n\"x\"y,1,2\n10,11,12\n";
    struct collected c;

    (void)state;
    collect(&c, csv_read, in, sizeof in - 1, (struct row_options){ .bad_row = BAD_ROW_SKIP });
    assert_int_equal(c.rc, 0);
    assert_string_equal(str_c(&c.text), "a|b|c\n1|2|3\n10|11|12\n");
    assert_int_equal(c.report.rows, 2);
    assert_int_equal(c.report.skipped, 3);
    assert_string_equal(c.report.first_bad, "line 3: 2 fields, expected 3: column 3 c is missing");
    collected_done(&c);
    collect(&c, csv_read, in, sizeof in - 1, (struct row_options){ .bad_row = BAD_ROW_NULL });
    assert_int_equal(c.rc, 0);
    assert_string_equal(str_c(&c.text), "a|b|c\n1|2|3\n4|5|~\n6|7|8\n~|1|2\n10|11|12\n");
    assert_int_equal(c.report.rows, 5);
    assert_int_equal(c.report.repaired, 3);
    assert_int_equal(c.report.skipped, 0);
    collected_done(&c);
}

/* Rows and quoted fields of every length around the window size and the 64-byte steps. */
static void t_window_borders(void **state)
{
    (void)state;
    for (size_t len = 262144 - 70; len < 262144 + 10; len++) {
        STR_AUTO s = STR_INIT, want = STR_INIT;
        struct collected c;
        str_add(&s, "a,b\n\"");
        str_add(&want, "a|b\n");
        str_pad(&s, 'x', len);
        str_pad(&want, 'x', len);
        str_add(&s, "\"\"\",2\r\n\"3\",4\r\n");
        str_add(&want, "\"|2\n3|4\n");
        collect(&c, csv_read, s.p, s.len, (struct row_options){ 0 });
        assert_int_equal(c.rc, 0);
        assert_true(strcmp(str_c(&c.text), str_c(&want)) == 0);
        collected_done(&c);
    }
}

static void t_limits(void **state)
{
    STR_AUTO s = STR_INIT;
    struct collected c;

    (void)state;
    str_add(&s, "a,b\n1,");
    str_pad(&s, 'x', ROWS_MAX_FIELD + 1);
    str_add(&s, "\n");
    collect(&c, csv_read, s.p, s.len, (struct row_options){ 0 });
    assert_int_equal(c.rc, -ERR_LIMIT);
    assert_string_equal(c.err.msg, "t.csv: line 2, column 2: field is longer than 16 MiB");
    collected_done(&c);

    str_clear(&s);
    for (int i = 0; i <= ROWS_MAX_COLUMNS; i++) str_add(&s, "a,");
    collect(&c, csv_read, s.p, s.len, (struct row_options){ 0 });
    assert_int_equal(c.rc, -ERR_LIMIT);
    assert_string_equal(c.err.msg, "t.csv: line 1: more than 65536 fields");
    collected_done(&c);
}

/* The same name in every one of many columns must not take quadratic time. */
static void t_many_equal_names(void **state)
{
    STR_AUTO s = STR_INIT;
    struct collected c;

    (void)state;
    str_add(&s, "a");
    for (int i = 1; i < 60000; i++) str_add(&s, ",a");
    collect(&c, csv_read, s.p, s.len, (struct row_options){ 0 });
    assert_int_equal(c.rc, 0);
    assert_int_equal(c.columns, 60000);
    assert_int_equal(c.report.renamed, 59999);
    collected_done(&c);
}

static void random_cell(struct rng *r, char *buf, size_t *ret_n)
{
    static const char bytes[] = "ab1\",;\t\n\r 'x\xc3\xa9";
    size_t n = (size_t)rng_below(r, 12);

    for (size_t i = 0; i < n; i++) buf[i] = bytes[rng_below(r, sizeof bytes - 1)];
    *ret_n = n;
}

/* Any table of any bytes written by rowout reads back as it was. */
static void t_round_trip(void **state)
{
    static const char *const names[] = { "n1", "n,2", "n\"3", "n\n4", "n5" };
    struct rng rng;

    (void)state;
    rng_seed(&rng, 20);
    for (int round = 0; round < 400; round++) {
        STR_AUTO file = STR_INIT, want = STR_INIT;
        size_t cols = 1 + (size_t)rng_below(&rng, 5), rows = (size_t)rng_below(&rng, 30);
        enum codec_id format = round % 2 ? CODEC_TSV : CODEC_CSV;
        struct rowout w;
        struct collected c;
        rowout_start(&w, &file, format, names, cols);
        for (size_t i = 0; i < cols; i++) str_addf(&want, "%s%s", i ? "|" : "", names[i]);
        str_add(&want, "\n");
        for (size_t i = 0; i < rows * cols; i++) {
            char buf[16];
            size_t n;
            random_cell(&rng, buf, &n);
            rowout_text(&w, buf, n);
            if (i % cols) str_addc(&want, '|');
            for (size_t k = 0; k < n; k++) {
                if (buf[k] == '\n') str_add(&want, "\\n");
                else if (buf[k] == '\r') str_add(&want, "\\r");
                else str_addc(&want, buf[k]);
            }
            if ((i + 1) % cols) continue;
            rowout_end(&w);
            str_addc(&want, '\n');
        }
        collect(&c, csv_read, str_c(&file), file.len,
                (struct row_options){ .delimiter = round % 2 ? '\t' : ',' });
        if (c.rc) fail_msg("round %d: %s", round, c.err.msg);
        assert_string_equal(str_c(&c.text), str_c(&want));
        collected_done(&c);
    }
}

/* -- the dirty files of the shared data ------------------------------------------------------ */

static const char *shared_file(char *buf, size_t n, const char *name)
{
    const char *shared = getenv("SIGNALBOX_SHARED"), *top = getenv("top_srcdir");

    if (shared) snprintf(buf, n, "%s/data/csv_dirty/%s.csv.gz", shared, name);
    else snprintf(buf, n, "%s/../shared/data/csv_dirty/%s.csv.gz", top ? top : ".", name);
    return buf;
}

static int count_columns(void *user, char *const *names, size_t n, struct err *e)
{
    (void)names, (void)e;
    ((size_t *)user)[1] = n;
    return 0;
}

static int count_rows(void *user, const struct field *fields, size_t n, struct err *e)
{
    (void)fields, (void)n, (void)e;
    ((size_t *)user)[0]++;
    return 0;
}

static void t_dirty_files(void **state)
{
    static const struct {
        const char *name;
        size_t rows, columns;
        unsigned unnamed;
    } files[] = { { "castle_solutions", 1349, 11, 0 },  { "low_numbers", 3660, 2, 0 },
                  { "star_wars_survey", 1187, 38, 23 }, { "partisan_lean_districts", 435, 2, 0 },
                  { "bachelorette", 921, 23, 0 },       { "avengers", 173, 21, 0 } };
    char path[4096];

    (void)state;
    if (!file_exists(shared_file(path, sizeof path, files[0].name))) {
        print_message("skipped: %s is not there (set SIGNALBOX_SHARED)\n", path);
        skip();
    }
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        size_t count[2] = { 0 };
        struct row_sink sink = { count_columns, count_rows, count };
        struct row_options o = { 0 };
        struct row_report r = { 0 };
        struct input *in;
        struct block b;
        struct err e = ERR_INIT;
        assert_int_equal(input_open(&in, shared_file(path, sizeof path, files[i].name), NULL, &e),
                         0);
        assert_int_equal(block_open(&b, in, &e), 0);
        if (csv_read(&b, &o, &sink, &r, &e)) fail_msg("%s", e.msg);
        assert_int_equal(count[0], files[i].rows);
        assert_int_equal(count[1], files[i].columns);
        assert_int_equal(r.rows, files[i].rows);
        assert_int_equal(r.unnamed, files[i].unnamed);
        block_done(&b);
        input_close(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_dialects),   cmocka_unit_test(t_quotes),
        cmocka_unit_test(t_names),      cmocka_unit_test(t_errors),
        cmocka_unit_test(t_policies),   cmocka_unit_test(t_window_borders),
        cmocka_unit_test(t_limits),     cmocka_unit_test(t_many_equal_names),
        cmocka_unit_test(t_round_trip), cmocka_unit_test(t_dirty_files),
    };

    return cmocka_run_group_tests_name("codec.csv", tests, NULL, NULL);
}
