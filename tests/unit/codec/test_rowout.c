/* test_rowout.c: the exact bytes written, and that every value reads back as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "codec/rowout.h"
#include "codec/table.h"
#include <math.h>
#include <string.h>

static const char *const names[] = { "text", "real", "int", "bool" };

static void write_rows(struct str *s, enum codec_id format)
{
    struct rowout w;

    rowout_start(&w, s, format, names, 4);
    rowout_text(&w, "a,b \"c\"\n", 8);
    rowout_real(&w, 0.1);
    rowout_int(&w, -5);
    rowout_bool(&w, true);
    rowout_end(&w);
    rowout_missing(&w);
    rowout_real(&w, (double)NAN);
    rowout_missing(&w);
    rowout_bool(&w, false);
    rowout_end(&w);
}

static void t_bytes(void **state)
{
    STR_AUTO csv = STR_INIT, tsv = STR_INIT, jsonl = STR_INIT;

    (void)state;
    write_rows(&csv, CODEC_CSV);
    assert_string_equal(str_c(&csv), "text,real,int,bool\n\"a,b \"\"c\"\"\n\",0.1,-5,true\n"
                                     ",,,false\n");
    write_rows(&tsv, CODEC_TSV);
    assert_string_equal(str_c(&tsv), "text\treal\tint\tbool\n\"a,b \"\"c\"\"\n\"\t0.1\t-5\ttrue\n"
                                     "\t\t\tfalse\n");
    write_rows(&jsonl, CODEC_JSONL);
    assert_string_equal(str_c(&jsonl),
                        "{\"text\":\"a,b \\\"c\\\"\\n\",\"real\":0.1,\"int\":-5,\"bool\":true}\n"
                        "{\"text\":null,\"real\":null,\"int\":null,\"bool\":false}\n");
}

static void t_single_empty(void **state)
{
    STR_AUTO s = STR_INIT;
    struct rowout w;

    (void)state;
    rowout_start(&w, &s, CODEC_CSV, names, 1);
    rowout_missing(&w);
    rowout_end(&w);
    rowout_text(&w, "", 0);
    rowout_end(&w);
    assert_string_equal(str_c(&s), "text\n\"\"\n\"\"\n");
}

/* Real numbers of every size make the way through the file bit by bit, in all formats. */
static void t_reals_round_trip(void **state)
{
    static const char *const name[] = { "x" };
    enum { N = 20000 };
    static double want[N];
    struct rng r;

    (void)state;
    rng_seed(&r, 9);
    for (int i = 0; i < N; i++) {
        uint64_t bits = rng_u64(&r);
        memcpy(&want[i], &bits, 8);
        if (!isfinite(want[i]) || i % 2) want[i] = rng_normal(&r);
    }
    for (int format = 0; format < CODEC_COUNT; format++) {
        const struct table_options o = { 0 };
        if (!codecs[format].written) continue;
        STR_AUTO s = STR_INIT;
        struct rowout w;
        struct input *in;
        struct block b;
        struct table t;
        rowout_start(&w, &s, (enum codec_id)format, name, 1);
        for (int i = 0; i < N; i++) {
            rowout_real(&w, want[i]);
            rowout_end(&w);
        }
        assert_int_equal(input_memory(&in, s.p, s.len, "x", NULL), 0);
        assert_int_equal(block_open(&b, in, NULL), 0);
        assert_int_equal(table_read(&b, &codecs[format], &o, &t, NULL, NULL), 0);
        assert_int_equal(t.n_rows, N);
        assert_int_equal(t.cols[0].type, CELL_REAL);
        assert_memory_equal(t.cols[0].num, want, sizeof want);
        table_done(&t);
        block_done(&b);
        input_close(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_bytes),
        cmocka_unit_test(t_single_empty),
        cmocka_unit_test(t_reals_round_trip),
    };

    return cmocka_run_group_tests_name("codec.rowout", tests, NULL, NULL);
}
