/* fuzz_protocols.c: bytes as the body of a request of another serving program. Build with clang
 * -fsanitize=fuzzer,address, or with replay.c. The first byte says which: a tensor request all of
 * JSON, one with packed tensors behind as many bytes of JSON as the next two say, a dataframe, CSV.
 *
 * Beyond not crashing: rows that were read are bounded and readable to their last byte, and a
 * failure says what was wrong and is the caller's fault. */
#include "base/mem.h"
#include "engine/pool.h"
#include "http/dataframe.h"
#include "http/oip.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/http/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { ROWS = 40 };

static void demand(bool truth)
{
    if (!truth) abort();
}

static struct column *add(struct frame *f, const char *name, enum col_type type)
{
    struct column *c;
    demand(frame_add(f, name, type, ROWS, &c, NULL) == 0);
    return c;
}

/* age, balance, member: numbers alone; with text a city, too. */
static struct model *small_model(bool text)
{
    static const char *const cities[] = { "Bern", "Genf", "Chur" };
    const char *const none[] = { NULL };
    struct model_spec spec = { .algorithm = "linear", .target = "y", .drop = none };
    struct engine en = { .pool = pool_new(1) };
    struct frame *f = frame_new();
    struct model *m = NULL;

    double *age = add(f, "age", COL_INT)->num, *balance = add(f, "balance", COL_REAL)->num;
    double *member = add(f, "member", COL_BOOL)->num, *y = add(f, "y", COL_REAL)->num;
    struct column *city = text ? add(f, "city", COL_CATEGORY) : NULL;
    for (int i = 0; i < ROWS; i++) {
        age[i] = i;
        balance[i] = i * 0.37 + i % 5;
        member[i] = i % 2;
        y[i] = 2 * i + i % 7;
        if (city) city->code[i] = dict_add(city->dict, cities[i % 3], 4);
    }
    demand(model_fit(&en, &spec, f, NULL, &m, NULL) == 0);
    frame_free(f);
    pool_free(en.pool);
    return m;
}

static int read_body(struct route *r, unsigned what, const char *p, size_t n, struct err *e)
{
    struct oip_request asked = { 0 };
    enum dataframe_form form;

    if (what == 2)
        return dataframe_read_json(
            &r->infer, p, n,
            DATAFRAME_SPLIT | DATAFRAME_RECORDS | DATAFRAME_INSTANCES | DATAFRAME_INPUTS, &form, e);
    if (what == 3) return dataframe_read_csv(&r->infer, p, n, e);
    size_t json = n;
    if (what == 1) {
        if (n < 2) return -ERR_INVALID;
        json = (size_t)(unsigned char)p[0] | (size_t)(unsigned char)p[1] << 8;
        p += 2;
        n -= 2;
        if (json > n) json = n;
    }
    int rc = oip_read(&r->infer, p, n, json, &asked, e);
    if (rc == 0) demand(asked.prediction || asked.probabilities);
    return rc;
}

static size_t touch(const struct rows *r)
{
    size_t sum = 0, cells = r->n * schema_width(r->schema);

    for (size_t i = 0; i < cells; i++) {
        const struct cell *c = &r->cells[i];
        demand(c->kind <= CELL_TEXT && c->n <= SERVE_MAX_TEXT);
        for (size_t k = 0; c->text && k < c->n; k++) sum += (unsigned char)c->text[k];
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct route routes[2];
    struct err e = ERR_INIT;

    if (!routes[0].schema)
        for (int i = 0; i < 2; i++) route_open(&routes[i], small_model(i == 0));
    if (n == 0) return 0;
    struct route *r = &routes[data[0] >> 2 & 1];
    char *copy = mem_alloc(n); /* of its own size: one byte too many is seen */
    memcpy(copy, data + 1, n - 1);
    copy = mem_realloc(copy, n - 1 + (n == 1));
    route_clear(r);
    int rc = read_body(r, data[0] & 3, copy, n - 1, &e);
    demand(rc == 0 ? r->rows.n > 0 : rc < 0);
    demand(r->rows.n <= SERVE_MAX_ROWS);
    if (rc && e.msg[0]) demand(err_http(e.kind) == 400 || err_http(e.kind) == 413);
    if (rc == 0) {
        demand(touch(&r->rows) < SIZE_MAX);
        rows_own(&r->rows);
    }
    free(copy);
    return 0;
}
