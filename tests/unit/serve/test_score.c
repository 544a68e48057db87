/* test_score.c: what a cell means to a model: numbers, times, categories, and what is none; and
 * rows as numbers, alone and many at once, in the order of each model. */
#include "base/mem.h"
#include "sample.h"
#include "serve/priv.h"
#include "workspace.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct cell text(const char *s)
{
    return (struct cell){ .kind = CELL_TEXT, .text = s, .n = (uint32_t)strlen(s) };
}

static struct cell number(double v)
{
    return (struct cell){ .kind = CELL_NUM, .num = v };
}

static void is(struct cell c, enum arm_input input, double expected)
{
    double v = 99;

    assert_true(cell_number(&c, input, &v));
    if (isnan(expected)) assert_true(isnan(v));
    else assert_true(v == expected && !signbit(v) == !(expected < 0));
}

static void is_none(struct cell c, enum arm_input input)
{
    double v;

    assert_false(cell_number(&c, input, &v));
}

static void numbers(void **state)
{
    (void)state;
    is(number(1.5), INPUT_NUMBER, 1.5);
    is(number(-0.0), INPUT_NUMBER, 0);
    is(number(INFINITY), INPUT_NUMBER, (double)NAN);
    is(text("39"), INPUT_NUMBER, 39);
    is(text(" -2.5e1 "), INPUT_NUMBER, -25);
    is(text("true"), INPUT_NUMBER, 1);
    is(text("False"), INPUT_NUMBER, 0);
    is(text(""), INPUT_NUMBER, (double)NAN);
    is(text("NA"), INPUT_NUMBER, (double)NAN);
    is(text("?"), INPUT_NUMBER, (double)NAN);
    is(text("inf"), INPUT_NUMBER, (double)NAN);
    is((struct cell){ .kind = CELL_NULL }, INPUT_NUMBER, (double)NAN);
    is((struct cell){ .kind = CELL_ABSENT }, INPUT_NUMBER, (double)NAN);
    is_none(text("old"), INPUT_NUMBER);
    is_none(text("39 years"), INPUT_NUMBER);
    is_none(text("2026-01-31"), INPUT_NUMBER);
}

static void times(void **state)
{
    (void)state;
    is(text("1970-01-01T00:00:01Z"), INPUT_TIME, 1e6);
    is(text("1970-01-02"), INPUT_TIME, 86400e6);
    is(text("null"), INPUT_TIME, (double)NAN);
    is_none(text("noon"), INPUT_TIME);
    is_none(number(12), INPUT_TIME);
}

static void is_text(struct cell c, const char *expected)
{
    char buf[32];
    size_t n;
    const char *s = cell_text(&c, buf, &n);

    if (!expected) assert_null(s);
    else assert_true(s && n == strlen(expected) && memcmp(s, expected, n) == 0);
}

static void categories(void **state)
{
    (void)state;
    is_text(text("Bern"), "Bern");
    is_text(text(" Bern"), " Bern"); /* as in training */
    is_text(text("?"), NULL);
    is_text(text(""), NULL);
    is_text(number(0.25), "0.25");
    is_text(number(7), "7");
    is_text((struct cell){ .kind = CELL_NUM, .num = 1.5, .text = "1.50", .n = 4 }, "1.50");
    is_text(number((double)NAN), NULL);
    is_text((struct cell){ .kind = CELL_NULL }, NULL);
}

/* Two versions that know other columns, of one request. */
static void each_arm_has_its_own_order(void **state)
{
    static const char body[] =
        "[{\"age\":40,\"balance\":1,\"city\":\"Genf\",\"member\":1,\"since\":"
        "null},{\"age\":20,\"balance\":2,\"city\":\"x\",\"member\":0}]";
    struct bench b;
    const double *x;

    (void)state;
    bench_open(&b);
    bench_register(&b, "m", sample_model("gbdt", "buys", NULL, NULL), "Production");
    bench_register(&b, "m", sample_model("gbdt", "buys", "age", NULL), NULL);
    bench_start(&b);
    struct predict_call c = { .version = 2 };
    bench_predict(&b, "m", body, &c); /* asks for it to be loaded */
    bench_reload(&b);
    const struct serve_route *r = catalog_route(serve_io_catalog(b.io), "m", 1);
    const struct arm *one = &r->arms[0], *two = catalog_version(b.io->catalog, r, 2);
    struct rows *rows = serve_io_rows(b.io);
    assert_non_null(two);
    rows_clear(rows, r->schema);
    assert_int_equal(rows_scan_json(rows, body, sizeof body - 1, NULL, NULL), 0);
    assert_int_equal(rows_encode(rows, one, &x, NULL), 0);
    assert_true(x[0] == 40 && x[1] == 1 && x[3] == 1 && isnan(x[4]) && x[5] == 20 && isnan(x[7]));
    assert_int_equal(rows_encode(rows, two, &x, NULL), 0);
    assert_true(x[0] == 1 && x[4] == 2 && isnan(x[5]) && isnan(x[7]));
    double p[2], single[2], us;
    assert_int_equal(score_now(one, rows, p, &us, NULL), 0);
    for (int i = 0; i < 2; i++) { /* alone as in company */
        struct cell kept[8];
        size_t width = schema_width(r->schema);
        memcpy(kept, rows->cells + (size_t)i * width, width * sizeof *kept);
        struct rows alone;
        struct cell *cells;
        rows_init(&alone);
        rows_clear(&alone, r->schema);
        assert_int_equal(rows_add(&alone, &cells, NULL), 0);
        memcpy(cells, kept, width * sizeof *kept);
        for (size_t k = 0; k < width; k++)
            if (cells[k].kind == CELL_ABSENT) cells[k].kind = CELL_NULL;
        assert_int_equal(score_now(one, &alone, &single[i], &us, NULL), 0);
        rows_done(&alone);
    }
    assert_memory_equal(p, single, sizeof p);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(numbers),
        cmocka_unit_test(times),
        cmocka_unit_test(categories),
        cmocka_unit_test(each_arm_has_its_own_order),
    };
    return cmocka_run_group_tests_name("serve.score", t, NULL, NULL);
}
