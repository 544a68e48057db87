/* frame.c: the table in memory.
 *
 * Columns own their value arrays; dictionaries are shared. All columns have n_rows values, and
 * names are unique. Value arrays come from mem_try, because their size follows the input, so
 * running out of memory is an error that reaches the user; the bookkeeping around them is not.
 * Fingerprints hash what a table says, not how it is coded: the order of dictionary codes does
 * not matter, 0 equals -0, and every NaN is the same missing value. */
#include "engine/frame/frame.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/str.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const type_names[] = {
    [COL_INT] = "integer",    [COL_REAL] = "real",         [COL_BOOL] = "boolean",
    [COL_TIME] = "timestamp", [COL_CATEGORY] = "category", [COL_TEXT] = "text",
};

const char *col_type_name(enum col_type t)
{
    assert((size_t)t < ARRAY_LEN(type_names));
    return type_names[t];
}

bool col_type_parse(const char *s, enum col_type *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(type_names); i++)
        if (str_eq(type_names[i], s)) {
            *ret = (enum col_type)i;
            return true;
        }
    return false;
}

struct frame *frame_new(void)
{
    return mem_zalloc(1, sizeof(struct frame));
}

void frame_free(struct frame *f)
{
    if (!f) return;
    for (size_t j = 0; j < f->n_cols; j++) {
        struct column *c = &f->cols[j];
        free(c->name);
        free(c->num);
        free(c->code);
        dict_unref(c->dict);
    }
    free(f->cols);
    free(f);
}

ptrdiff_t frame_index(const struct frame *f, const char *name)
{
    for (size_t j = 0; j < f->n_cols; j++)
        if (!strcmp(f->cols[j].name, name)) return (ptrdiff_t)j;
    return -1;
}

const struct column *frame_col(const struct frame *f, const char *name)
{
    ptrdiff_t j = frame_index(f, name);

    return j < 0 ? NULL : &f->cols[j];
}

/* Room for one more column and the checks every way of adding one shares. */
static int check_new(const struct frame *f, const char *name, size_t n_rows, struct err *e)
{
    if (f->n_cols > 0 && f->n_rows != n_rows)
        return err_set(e, ERR_INTERNAL, "column %s has %zu rows, the table has %zu", name, n_rows,
                       f->n_rows);
    if (frame_index(f, name) >= 0)
        return err_set(e, ERR_EXISTS, "the table has a column named %s already", name);
    return 0;
}

static struct column *append(struct frame *f, const char *name, enum col_type type, size_t n_rows)
{
    struct column *c;

    if ((f->n_cols & (f->n_cols - 1)) == 0) { /* full at every power of two */
        size_t cap = f->n_cols ? 2 * f->n_cols : 1;
        f->cols = mem_realloc(f->cols, cap * sizeof *f->cols);
    }
    c = &f->cols[f->n_cols++];
    *c = (struct column){ .name = mem_strdup(name), .type = type };
    f->n_rows = n_rows;
    return c;
}

/* Room for n_rows values; one at least, so that an empty column is no failed allocation. */
static void *alloc_values(size_t n_rows, size_t size, const char *name, struct err *e)
{
    void *p = mem_try(n_rows ? n_rows : 1, size);

    if (!p) err_set(e, ERR_NOMEM, "no memory for the %zu rows of column %s", n_rows, name);
    return p;
}

int frame_add(struct frame *f, const char *name, enum col_type type, size_t n_rows,
              struct column **ret, struct err *e)
{
    bool coded = col_is_coded(type);
    int r = check_new(f, name, n_rows, e);
    void *values;
    struct column *c;

    if (r < 0) return r;
    values = alloc_values(n_rows, coded ? sizeof(int32_t) : sizeof(double), name, e);
    if (!values) return -ERR_NOMEM;
    c = append(f, name, type, n_rows);
    if (coded) {
        c->code = values;
        c->dict = dict_new();
    } else {
        c->num = values;
    }
    *ret = c;
    return 0;
}

int frame_adopt(struct frame *f, const char *name, enum col_type type, size_t n_rows, double *num,
                int32_t *code, struct dict *dict, struct err *e)
{
    int r = check_new(f, name, n_rows, e);
    struct column *c;

    if (r < 0) return r;
    assert(col_is_coded(type) ? code && dict && !num : num && !code && !dict);
    c = append(f, name, type, n_rows);
    c->num = num;
    c->code = code;
    c->dict = dict;
    return 0;
}

static int take_column(struct frame *to, const struct column *c, const uint32_t *rows, size_t n,
                       struct err *e)
{
    bool coded = col_is_coded(c->type);
    double *num = coded ? NULL : alloc_values(n, sizeof *num, c->name, e);
    int32_t *code = coded ? alloc_values(n, sizeof *code, c->name, e) : NULL;

    if (!num && !code) return -ERR_NOMEM;
    if (coded)
        for (size_t i = 0; i < n; i++) code[i] = c->code[rows[i]];
    else
        for (size_t i = 0; i < n; i++) num[i] = c->num[rows[i]];
    return frame_adopt(to, c->name, c->type, n, num, code, coded ? dict_ref(c->dict) : NULL, e);
}

int frame_take(const struct frame *f, const uint32_t *rows, size_t n, struct frame **ret,
               struct err *e)
{
    struct frame *to = frame_new();

    for (size_t i = 0; i < n; i++) assert(rows[i] < f->n_rows);
    for (size_t j = 0; j < f->n_cols; j++) {
        int r = take_column(to, &f->cols[j], rows, n, e);
        if (r < 0) {
            frame_free(to);
            return r;
        }
    }
    to->n_rows = n;
    *ret = to;
    return 0;
}

size_t column_missing(const struct column *c, size_t n_rows)
{
    size_t n = 0;

    if (col_is_coded(c->type))
        for (size_t i = 0; i < n_rows; i++) n += c->code[i] < 0;
    else
        for (size_t i = 0; i < n_rows; i++) n += isnan(c->num[i]) != 0;
    return n;
}

static const char *number_text(enum col_type type, double v, char buf[40])
{
    if (isnan(v)) return "";
    if (type == COL_BOOL) return v != 0 ? "true" : "false";
    if (fabs(v) < 0x1p63) {
        if (type == COL_TIME) return clock_format(buf, (int64_t)v);
        if (type == COL_INT && v == trunc(v)) {
            snprintf(buf, 40, "%" PRId64, (int64_t)v);
            return buf;
        }
    }
    return str_real(buf, v);
}

const char *column_text(const struct column *c, size_t row, char buf[40])
{
    if (!col_is_coded(c->type)) return number_text(c->type, c->num[row], buf);
    return c->code[row] < 0 ? "" : dict_str(c->dict, c->code[row], NULL);
}

static uint64_t hash_schema(uint64_t h, const struct column *c)
{
    h = rng_mix(h ^ fnv1a64(c->name, strlen(c->name)));
    return rng_mix(h ^ (uint64_t)c->type);
}

static uint64_t hash_numbers(uint64_t h, const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double x = v[i] + 0.0; /* -0 becomes 0 */
        uint64_t bits = UINT64_MAX;
        if (!isnan(x)) memcpy(&bits, &x, sizeof bits);
        h = rng_mix(h ^ bits);
    }
    return h;
}

static uint64_t hash_codes(uint64_t h, const struct column *c, size_t n)
{
    size_t levels = dict_len(c->dict);
    uint64_t *of = mem_alloc((levels + 1) * sizeof *of); /* of[0]: missing */

    of[0] = UINT64_MAX;
    for (size_t i = 0; i < levels; i++) {
        size_t len;
        const char *s = dict_str(c->dict, (int32_t)i, &len);
        of[i + 1] = fnv1a64(s, len);
    }
    for (size_t i = 0; i < n; i++) h = rng_mix(h ^ of[c->code[i] + 1]);
    free(of);
    return h;
}

uint64_t frame_schema_fingerprint(const struct frame *f)
{
    uint64_t h = rng_mix(f->n_cols);

    for (size_t j = 0; j < f->n_cols; j++) h = hash_schema(h, &f->cols[j]);
    return h;
}

uint64_t frame_fingerprint(const struct frame *f)
{
    uint64_t h = rng_mix(f->n_rows);

    for (size_t j = 0; j < f->n_cols; j++) {
        const struct column *c = &f->cols[j];
        h = hash_schema(h, c);
        h = col_is_coded(c->type) ? hash_codes(h, c, f->n_rows)
                                  : hash_numbers(h, c->num, f->n_rows);
    }
    return h;
}
