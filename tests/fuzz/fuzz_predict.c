/* fuzz_predict.c: bytes as the body of a prediction request. Build with clang
 * -fsanitize=fuzzer,address, or with replay.c.
 *
 * Beyond not crashing: what the scanner reads, the JSON library reads the same; and what it calls
 * no JSON, the library refuses as well. The library in turn refuses some that the scanner takes
 * (NaN, halves of surrogate pairs, unknown names twice): those are not compared, nor is text with
 * NUL bytes, which the library passes over like blanks. */
#include "base/mem.h"
#include "engine/pool.h"
#include "serve/rows.h"
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { ROWS = 40 };

static struct column *add(struct frame *f, const char *name, enum col_type type)
{
    struct column *c;

    if (frame_add(f, name, type, ROWS, &c, NULL)) abort();
    return c;
}

static struct model *small_model(void)
{
    static const char *const cities[] = { "Bern", "Genf", "Z\xc3\xbcrich" };
    const char *const none[] = { NULL };
    struct model_spec spec = { .algorithm = "linear", .target = "y", .drop = none };
    struct engine en = { .pool = pool_new(1) };
    struct frame *f = frame_new();
    struct model *m;

    double *age = add(f, "age", COL_INT)->num, *balance = add(f, "balance", COL_REAL)->num;
    double *member = add(f, "member", COL_BOOL)->num, *y = add(f, "y", COL_REAL)->num;
    struct column *city = add(f, "city", COL_CATEGORY);
    for (int i = 0; i < ROWS; i++) {
        const char *name = cities[i % 3];
        age[i] = i;
        balance[i] = i * 0.37 + i % 5;
        member[i] = i % 2;
        y[i] = 2 * i + i % 7;
        city->code[i] = dict_add(city->dict, name, strlen(name));
    }
    if (model_fit(&en, &spec, f, NULL, &m, NULL)) abort();
    frame_free(f);
    pool_free(en.pool);
    return m;
}

static void demand(bool truth)
{
    if (!truth) abort();
}

static void compare_cell(const struct cell *c, const struct val *v)
{
    switch (v ? val_type(v) : VAL_NULL) {
    case VAL_NULL: demand(c->kind == CELL_NULL || c->kind == CELL_ABSENT); break;
    case VAL_BOOL: demand(c->kind == CELL_NUM && (c->num > 0) == val_as_bool(v, false)); break;
    case VAL_INT:
    case VAL_REAL: {
        double x = val_as_real(v, 0);
        demand(c->kind == CELL_NUM && !(c->num < x) && !(c->num > x));
        break;
    }
    case VAL_STR:
        demand(c->kind == CELL_TEXT);
        demand(strlen(val_as_str(v, "")) == c->n);
        demand(memcmp(val_as_str(v, ""), c->text, c->n) == 0);
        break;
    case VAL_LIST:
    case VAL_OBJ: abort();
    }
}

static void compare_row(const struct rows *r, size_t row, const struct val *o)
{
    size_t width = schema_width(r->schema);

    for (size_t i = 0; i < width; i++)
        compare_cell(&r->cells[row * width + i], val_get(o, schema_field(r->schema, i)->name));
}

static bool holds_rows(const struct val *v)
{
    if (val_type(v) == VAL_OBJ) return true;
    if (val_type(v) != VAL_LIST) return false;
    for (size_t i = 0; i < val_len(v); i++)
        if (val_type(val_at(v, i)) != VAL_OBJ) return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct schema *schema;
    static struct rows rows;
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct val *v = NULL;
    char *copy = mem_alloc(n + !n); /* of its own size: one byte too many is seen */

    if (!schema) {
        struct model *m = small_model();
        const struct model *const one[] = { m };
        schema = schema_new(one, 1);
        model_free(m);
        rows_init(&rows);
    }
    memcpy(copy, data, n);
    rows_clear(&rows, schema);
    int rc = rows_scan_json(&rows, copy, n, NULL, &e);
    demand((rc == 0) == (e.msg[0] == '\0'));
    if (!memchr(copy, 0, n) && val_parse_json(&a, copy, n, &v, NULL) == 0) {
        if (rc == -ERR_PARSE) demand(!holds_rows(v));
        if (rc == 0 && val_type(v) == VAL_OBJ) compare_row(&rows, 0, v);
        for (size_t i = 0; rc == 0 && val_type(v) == VAL_LIST && i < val_len(v); i++)
            compare_row(&rows, i, val_at(v, i));
    }
    if (rc == 0) rows_own(&rows);
    arena_done(&a);
    free(copy);
    return 0;
}
