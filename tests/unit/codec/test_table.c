/* test_table.c: which type a column gets, that widening keeps the original text, dictionaries,
 * missing values, and the counters of the report. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"
#include "codec/csv.h"
#include "codec/scan.h"
#include "codec/table.h"
#include "same_table.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_text(const char *text, size_t n, const char *name, const struct table_options *o,
                     struct table *t, struct err *e)
{
    struct input *in;
    struct block b;
    int rc;

    assert_int_equal(input_memory(&in, text, n, name, e), 0);
    assert_int_equal(block_open(&b, in, e), 0);
    rc = table_read(&b, codec_choose(&b), o, t, NULL, e);
    block_done(&b);
    input_close(in);
    return rc;
}

static void read_ok(const char *text, struct table *t)
{
    const struct table_options o = { 0 };
    struct err e = ERR_INIT;

    if (read_text(text, strlen(text), "t.csv", &o, t, &e)) fail_msg("%s", e.msg);
}

/* One CSV column from values joined by |. */
static void read_column(const char *values, struct table *t)
{
    STR_AUTO s = STR_INIT;

    str_add(&s, "id,c\n0,");
    for (const char *p = values; *p; p++) {
        if (*p == '|') str_add(&s, "\n0,");
        else str_addc(&s, *p);
    }
    str_add(&s, "\n");
    read_ok(str_c(&s), t);
}

static const char *key(const struct table_column *c, size_t row)
{
    return c->code[row] < 0 ? "~" : map_key(c->dict, (size_t)c->code[row], NULL);
}

static void t_types(void **state)
{
    static const struct {
        const char *values;
        enum cell_type type;
        size_t reread;
    } cases[] = {
        { "1|2|3", CELL_INT, 0 },
        { "0|1|0", CELL_INT, 0 },
        { " 1 |-2|+3|007", CELL_INT, 0 },
        { "1|2.0", CELL_REAL, 0 },
        { "1e3|NA|?", CELL_REAL, 0 },
        { "NA||?|null|NULL|NaN|nan|N/A|   ", CELL_REAL, 0 },
        { "true|FALSE|True", CELL_BOOL, 0 },
        { "true|1", CELL_CATEGORY, 1 },
        { "yes|no", CELL_CATEGORY, 0 },
        { "2020-01-01|2020-01-01 10:00:00|2020-01-01T00:00:00Z", CELL_TIME, 0 },
        { "2020-01-01|20200101", CELL_CATEGORY, 1 },
        { "2020-13-01|2020-01-01", CELL_CATEGORY, 0 },
        { "2020|2021", CELL_INT, 0 },
        { "a|b", CELL_CATEGORY, 0 },
        { "None|unknown|None", CELL_CATEGORY, 0 },
        { "1|2|x", CELL_CATEGORY, 1 },
        { "NA|NA|x", CELL_CATEGORY, 0 },
        { "1|inf", CELL_INT, 0 },
        { "inf|inf", CELL_CATEGORY, 1 },
        { "9007199254740992", CELL_INT, 0 },
        { "9007199254740993|1", CELL_CATEGORY, 1 },
        { "9007199254740993|1.5", CELL_REAL, 0 },
        { "0x10|1_000", CELL_CATEGORY, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct table t;
        read_column(cases[i].values, &t);
        assert_int_equal(t.n_cols, 2);
        if (t.cols[1].type != cases[i].type)
            fail_msg("%s: %s", cases[i].values, cell_type_name(t.cols[1].type));
        assert_int_equal(t.reread, cases[i].reread);
        assert_true((t.cols[1].num != NULL) != (t.cols[1].code != NULL));
        table_done(&t);
    }
}

static void t_original_text(void **state)
{
    static const char *const want[] = {
        "007", "1.50", "~", "+3", "12345678901234567890", "x", "007"
    };
    struct table t;

    (void)state;
    read_column("007|1.50|NA|+3|12345678901234567890|x|007", &t);
    assert_int_equal(t.n_rows, 7);
    for (size_t i = 0; i < 7; i++) assert_string_equal(key(&t.cols[1], i), want[i]);
    assert_int_equal(t.cols[1].code[6], 0);
    assert_int_equal(t.cols[0].type, CELL_INT); /* the other column is untouched */
    assert_true(t.cols[0].num[6] == 0);
    table_done(&t);
}

static void t_values(void **state)
{
    struct table t;

    (void)state;
    read_ok("i,r,b,t\n1,.5,true,1970-01-01T00:00:01Z\n,NA,,\n-3,1e300,False,1970-01-02\n", &t);
    assert_true(t.cols[0].num[0] == 1 && isnan(t.cols[0].num[1]) && t.cols[0].num[2] == -3);
    assert_true(t.cols[1].num[0] == .5 && isnan(t.cols[1].num[1]) && t.cols[1].num[2] == 1e300);
    assert_true(t.cols[2].num[0] == 1 && isnan(t.cols[2].num[1]) && t.cols[2].num[2] == 0);
    assert_true(t.cols[3].num[0] == 1e6 && isnan(t.cols[3].num[1]) && t.cols[3].num[2] == 864e8);
    table_done(&t);
}

static void t_not_utf8(void **state)
{
    struct table t;

    (void)state;
    read_ok("c\ncaf\xe9\ncaf\xc3\xa9\n\x93q\x94\n", &t);
    assert_int_equal(t.not_utf8, 2);
    assert_int_equal(map_len(t.cols[0].dict), 2); /* both spellings are one level */
    assert_string_equal(key(&t.cols[0], 0), "caf\xc3\xa9");
    assert_string_equal(key(&t.cols[0], 2), "\xe2\x80\x9cq\xe2\x80\x9d");
    table_done(&t);
}

static void t_infinite(void **state)
{
    struct table t;

    (void)state;
    read_column("1.5|-inf|1e999|2", &t);
    assert_int_equal(t.cols[1].type, CELL_REAL);
    assert_int_equal(t.infinite, 2);
    assert_true(isnan(t.cols[1].num[1]) && isnan(t.cols[1].num[2]) && t.cols[1].num[3] == 2);
    table_done(&t);
}

static enum cell_type type_of_levels(size_t rows, size_t levels)
{
    STR_AUTO s = STR_INIT;
    struct table t;
    enum cell_type type;

    str_add(&s, "c\n");
    for (size_t i = 0; i < rows; i++) str_addf(&s, "v%zu\n", i % levels);
    read_ok(str_c(&s), &t);
    type = t.cols[0].type;
    table_done(&t);
    return type;
}

static void t_text_or_category(void **state)
{
    (void)state;
    assert_int_equal(type_of_levels(20, 20), CELL_CATEGORY);
    assert_int_equal(type_of_levels(21, 21), CELL_TEXT);
    assert_int_equal(type_of_levels(100, 50), CELL_CATEGORY);
    assert_int_equal(type_of_levels(100, 51), CELL_TEXT);
    assert_int_equal(type_of_levels(200000, 65535), CELL_CATEGORY);
    assert_int_equal(type_of_levels(200000, 65536), CELL_TEXT);
}

static void t_as_text(void **state)
{
    static const char *const names[] = { "zip", "absent" };
    const struct table_options o = { .as_text = names, .n_as_text = 2 };
    static const char in[] = "zip,n\n01234,1\n,2\n01234,3\n";
    struct err e = ERR_INIT;
    struct table t;

    (void)state;
    assert_int_equal(read_text(in, sizeof in - 1, "t.csv", &o, &t, &e), 0);
    assert_int_equal(t.cols[0].type, CELL_CATEGORY);
    assert_string_equal(key(&t.cols[0], 2), "01234");
    assert_int_equal(t.cols[1].type, CELL_INT);
    assert_int_equal(t.reread, 0);
    table_done(&t);
}

static void t_json(void **state)
{
    struct table t;

    (void)state;
    read_ok("{\"n\":1,\"s\":\"1\",\"b\":true}\n{\"n\":2.5,\"s\":\"x\",\"late\":7}\n"
            "{\"n\":\"oops\",\"s\":null,\"late\":\"2020-01-01\",\"t\":\"2020-01-01\"}\n{}\n",
            &t);
    assert_int_equal(t.n_cols, 5);
    assert_int_equal(t.n_rows, 4);
    assert_int_equal(t.cols[0].type, CELL_CATEGORY);
    assert_string_equal(key(&t.cols[0], 1), "2.5");
    assert_string_equal(key(&t.cols[0], 3), "~");
    assert_int_equal(t.cols[1].type, CELL_CATEGORY);
    assert_string_equal(key(&t.cols[1], 0), "1");
    assert_int_equal(t.cols[2].type, CELL_BOOL);
    assert_int_equal(t.cols[3].type, CELL_CATEGORY); /* late: known from the second row on */
    assert_string_equal(key(&t.cols[3], 0), "~");
    assert_string_equal(key(&t.cols[3], 1), "7");
    assert_int_equal(t.cols[4].type, CELL_TIME);
    assert_true(isnan(t.cols[4].num[0]));
    table_done(&t);
}

static void t_no_rows(void **state)
{
    struct table t;

    (void)state;
    read_ok("a,b\n", &t);
    assert_int_equal(t.n_rows, 0);
    assert_int_equal(t.n_cols, 2);
    assert_int_equal(t.cols[0].type, CELL_REAL);
    table_done(&t);
}

/* Many rows, so that arrays grow, with the surprise in the last one. */
static void t_late_surprise(void **state)
{
    STR_AUTO s = STR_INIT;
    struct table t;
    enum { N = 50000 };

    (void)state;
    str_add(&s, "a,b\n");
    for (int i = 0; i < N; i++) str_addf(&s, "%05d,%d\n", i % 1000, i);
    str_add(&s, "last,\n");
    read_ok(str_c(&s), &t);
    assert_int_equal(t.n_rows, N + 1);
    assert_int_equal(t.cols[0].type, CELL_CATEGORY);
    assert_string_equal(key(&t.cols[0], 42), "00042");
    assert_string_equal(key(&t.cols[0], N), "last");
    assert_int_equal(map_len(t.cols[0].dict), 1001);
    assert_int_equal(t.cols[1].type, CELL_INT);
    assert_true(t.cols[1].num[N - 1] == N - 1 && isnan(t.cols[1].num[N]));
    table_done(&t);
}

static void t_error_frees_all(void **state)
{
    const struct table_options o = { 0 };
    static const char in[] = "a,b\nx,1\n2\n";
    struct err e = ERR_INIT;
    struct table t;

    (void)state;
    assert_int_equal(read_text(in, sizeof in - 1, "t.csv", &o, &t, &e), -ERR_PARSE);
    assert_string_equal(e.msg, "t.csv: line 3: 1 field, expected 2: column 2 b is missing");
}

static const char *changing_path;

/* A reader during which somebody adds a row to the file. */
static int read_and_change(struct block *b, const struct row_options *o,
                           const struct row_sink *sink, struct row_report *r, struct err *e)
{
    int rc = csv_read(b, o, sink, r, e);
    FILE *f = fopen(changing_path, "a");

    assert_non_null(f);
    fputs("5\n", f);
    fclose(f);
    return rc;
}

static void t_changed_file(void **state)
{
    const struct codec codec = { .name = "csv", .endings = "", .read = read_and_change };
    const struct table_options o = { 0 };
    char path[] = "/tmp/test_table_XXXXXX";
    struct err e = ERR_INIT;
    struct input *in;
    struct block b;
    struct table t;

    (void)state;
    close(mkstemp(path));
    changing_path = path;
    assert_int_equal(file_write_atomic(path, "a\n1\nx\n", 6, &e), 0);
    assert_int_equal(input_open(&in, path, "some.csv", &e), 0);
    assert_int_equal(block_open(&b, in, &e), 0);
    assert_int_equal(table_read(&b, &codec, &o, &t, NULL, &e), -ERR_CONFLICT);
    assert_string_equal(e.msg, "some.csv was changed while it was read");
    block_done(&b);
    input_close(in);
    unlink(path);
}

static void t_cancelled(void **state)
{
    const atomic_bool cancel = true;
    const struct table_options o = { .cancel = &cancel };
    struct err e = ERR_INIT;
    struct table t;

    (void)state;
    assert_int_equal(read_text("a\n1\n", 4, "t.csv", &o, &t, &e), -ERR_CANCELLED);
}

static void t_row_limit(void **state)
{
    const struct table_options o = { 0 };
    STR_AUTO s = STR_INIT;
    struct err e = ERR_INIT;
    struct table t;

    (void)state;
    for (size_t i = 0; i < 65; i++) {
        str_pad(&s, 'x', (size_t)1 << 20);
        str_addc(&s, ',');
    }
    assert_int_equal(read_text(s.p, s.len, "t.csv", &o, &t, &e), -ERR_LIMIT);
    assert_string_equal(e.msg, "t.csv: a row is longer than 64 MiB");
}

/* -- in pieces, by several threads ------------------------------------------------------------ */

static void random_cell(struct rng *r, struct str *s, uint64_t style)
{
    static const char *const odd[] = {
        "",      "NA",          "inf",       "-1e999",      "true",        "False",
        "x",     "caf\xe9",     "\"\"",      "\"a,b\"",     "\"1\n2\"",    "\"q \"\"z\"\" \"",
        "5\" p", "9007199254740993", "2020-01-01", "\"\r\n\"", "\"12\"",      "?",
    };

    switch (rng_below(r, 40) == 0 ? 9 : style) {
    case 0: str_addf(s, "%d", (int)rng_below(r, 100)); break;
    case 1: str_addf(s, "%.*f", (int)rng_below(r, 18), rng_normal(r)); break;
    case 2: str_addf(s, "level %d", (int)rng_below(r, 7)); break;
    case 3: str_addf(s, "\"k,%d\n\"", (int)rng_below(r, 1000)); break;
    case 4: str_add(s, rng_below(r, 2) ? "true" : "FALSE"); break;
    case 5: str_addf(s, "2020-01-%02d", 1 + (int)rng_below(r, 28)); break;
    case 6: break; /* nothing, mostly */
    default: str_add(s, odd[rng_below(r, ARRAY_LEN(odd))]);
    }
}

/* A table whose columns have their styles, with a few odd cells, rows too long or too short,
 * empty lines, and any kind of line end. */
static void random_text(struct rng *r, struct str *s, bool broken)
{
    static const char *const line_ends[] = { "\n", "\r\n", "\r" };
    size_t cols = 1 + rng_below(r, 6), rows = rng_below(r, 120);
    const char *line_end = line_ends[rng_below(r, 3)];
    uint64_t style[8];

    str_clear(s);
    for (size_t j = 0; j < cols; j++) {
        style[j] = rng_below(r, 8);
        str_addf(s, "%sc%zu", j ? "," : "", j);
    }
    str_add(s, line_end);
    for (size_t i = 0; i < rows; i++) {
        size_t n = cols;
        if (broken && rng_below(r, 50) == 0) n += rng_below(r, 3) - 1;
        for (size_t j = 0; j < n; j++) {
            if (j) str_addc(s, ',');
            random_cell(r, s, style[j % cols]);
        }
        if (broken && rng_below(r, 60) == 0) str_add(s, "\"open");
        str_add(s, rng_below(r, 30) ? line_end : line_ends[rng_below(r, 3)]);
        if (rng_below(r, 30) == 0) str_add(s, line_end);
    }
    if (rng_below(r, 2) && s->len) s->len--;
}

static void t_pieces(void **state)
{
    STR_AUTO s = STR_INIT;
    struct rng rng;

    (void)state;
    rng_seed(&rng, 5);
    for (int round = 0; round < 900; round++) {
        struct table_options o = { .rows.bad_row = (enum bad_row)(round % 3), .threads = 1 };
        struct reading serial, parted;
        const char *differs;
        random_text(&rng, &s, round % 2);
        reading_make(&serial, &codecs[CODEC_CSV], s.p, s.len, &o);
        o.threads = 2 + (int)rng_below(&rng, 3);
        o.piece = 1 + rng_below(&rng, 1 + s.len / 4);
        reading_make(&parted, &codecs[CODEC_CSV], s.p, s.len, &o);
        if ((differs = reading_differs(&serial, &parted)))
            fail_msg("round %d, pieces of %zu: %s: %s | %s", round, o.piece, differs, serial.e.msg,
                     parted.e.msg);
        reading_done(&serial);
        reading_done(&parted);
    }
}

/* A column that begins as text in one piece and looks like numbers in the next of the same round;
 * an error far behind many quoted line ends. */
static void t_pieces_of_a_large_text(void **state)
{
    STR_AUTO s = STR_INIT;
    struct table_options o = { .threads = 3, .piece = 1000 };
    struct reading got;

    (void)state;
    str_add(&s, "zip,note\nx,\n");
    for (int i = 0; i < 3000; i++) str_addf(&s, "%05d,\"line\n%d\"\n", i % 50, i);
    reading_make(&got, &codecs[CODEC_CSV], s.p, s.len, &o);
    assert_int_equal(got.rc, 0);
    assert_int_equal(got.t.n_rows, 3001);
    assert_int_equal(got.t.reread, 0);
    assert_int_equal(map_len(got.t.cols[0].dict), 51);
    assert_string_equal(key(&got.t.cols[0], 8), "00007");
    assert_string_equal(key(&got.t.cols[1], 3000), "line\n2999");
    assert_int_equal(got.t.cols[1].code[3000], 2999);
    reading_done(&got);
    str_add(&s, "1,2,3\n");
    reading_make(&got, &codecs[CODEC_CSV], s.p, s.len, &o);
    assert_int_equal(got.rc, -ERR_PARSE);
    assert_string_equal(got.e.msg, "text: line 6003: 3 fields, expected 2: field 3 \"3\" is one too many");
}

static void t_pieces_cancelled(void **state)
{
    const atomic_bool cancel = true;
    STR_AUTO s = STR_INIT;
    struct table_options o = { .threads = 2, .piece = 100, .cancel = &cancel };
    struct reading got;

    (void)state;
    str_add(&s, "a\n");
    for (int i = 0; i < 1000; i++) str_addf(&s, "%d\n", i);
    reading_make(&got, &codecs[CODEC_CSV], s.p, s.len, &o);
    assert_int_equal(got.rc, -ERR_CANCELLED);
}

static void t_scanners_agree(void **state)
{
    static const char bytes[] = "0123,;\n\r\"x.\t\x80\xff";
    char text[1000 + BLOCK_PAD];
    uint64_t a[17], b[17];
    struct rng rng;

    (void)state;
    rng_seed(&rng, 6);
    for (int round = 0; round < 300; round++) {
        size_t n = 1 + rng_below(&rng, 1000);
        for (size_t i = 0; i < sizeof text; i++) text[i] = bytes[rng_below(&rng, sizeof bytes - 1)];
        scan_marks_plain(text, n, ';', a);
        scan_marks_best()(text, n, ';', b);
        assert_memory_equal(a, b, (n + 63) / 64 * sizeof *a);
        for (size_t i = 0; i < (n + 63) / 64 * 64; i++) {
            bool mark = i < n && strchr(";\n\r\"", text[i]) != NULL;
            assert_int_equal(a[i / 64] >> i % 64 & 1, mark);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_types),           cmocka_unit_test(t_original_text),
        cmocka_unit_test(t_values),          cmocka_unit_test(t_not_utf8),
        cmocka_unit_test(t_infinite),        cmocka_unit_test(t_text_or_category),
        cmocka_unit_test(t_as_text),         cmocka_unit_test(t_json),
        cmocka_unit_test(t_no_rows),         cmocka_unit_test(t_late_surprise),
        cmocka_unit_test(t_error_frees_all), cmocka_unit_test(t_changed_file),
        cmocka_unit_test(t_cancelled),       cmocka_unit_test(t_row_limit),
        cmocka_unit_test(t_pieces),          cmocka_unit_test(t_pieces_of_a_large_text),
        cmocka_unit_test(t_pieces_cancelled), cmocka_unit_test(t_scanners_agree),
    };

    return cmocka_run_group_tests_name("codec.table", tests, NULL, NULL);
}
