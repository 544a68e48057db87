/* table.c: see table.h. A column goes through these modes while rows stream in:
 *
 *            number          other kind later            end of pass 1
 *   EMPTY ----------> NUM ---------------------> REREAD ---------------> CODED (pass 2)
 *     |    boolean                                  ^
 *     |----------> BOOL ---------------------------'|
 *     |    time                                     |
 *     |----------> TIME ----------------------------'
 *     '----------> CODED  (text first: nothing to re-read)
 *
 * EMPTY columns own no array; the first value makes one and fills the rows above it with
 * missing. In pass 2 every column but those in REREAD is DONE and untouched.
 * Invariant: arrays of a column that has them are cap_rows long; rows [0,n_rows) are set. */
#include "codec/table.h"
#include "base/clock.h"
#include "base/mem.h"
#include "codec/num.h"
#include "codec/text.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROWS  4096
#define MAX_ROWS    ((size_t)UINT32_MAX - 1)
#define FEW_LEVELS  20
#define MANY_LEVELS 65535
#define CANCEL_ROWS 1024

enum mode { EMPTY, NUM, BOOL, TIME, CODED, REREAD, DONE };
enum kind { K_INT = 1, K_BIG = 2, K_REAL = 4, K_INF = 8, K_BOOL = 16, K_TIME = 32, K_TEXT = 64 };

struct build {
    struct table_column c;
    enum mode mode;
    unsigned kinds;
    size_t values; /* not missing; counted for CODED */
};

struct builder {
    const struct table_options *o;
    struct build *cols;
    size_t n_cols, n_rows, cap_rows;
    uint64_t not_utf8, infinite;
    struct str scratch;
};

const char *cell_type_name(enum cell_type t)
{
    static const char *const names[] = { "integer",   "real",     "boolean",
                                         "timestamp", "category", "text" };

    return names[t];
}

/* -- storage ------------------------------------------------------------------------------ */

static int no_memory(const struct builder *t, struct err *e)
{
    err_set(e, ERR_NOMEM, "not enough memory for %zu rows of %zu columns", t->cap_rows, t->n_cols);
    return err_hint(e, "use fewer rows or columns, or a machine with more memory");
}

static int grow_rows(struct builder *t, struct err *e)
{
    t->cap_rows = t->cap_rows ? t->cap_rows * 2 : FIRST_ROWS;
    if (t->n_rows >= MAX_ROWS) return err_set(e, ERR_LIMIT, "more than %zu rows", MAX_ROWS);
    for (size_t i = 0; i < t->n_cols; i++) {
        struct table_column *c = &t->cols[i].c;
        void *p;
        if (c->num) {
            if (!(p = mem_try_grow(c->num, t->cap_rows, sizeof *c->num))) return no_memory(t, e);
            c->num = p;
        }
        if (c->code) {
            if (!(p = mem_try_grow(c->code, t->cap_rows, sizeof *c->code))) return no_memory(t, e);
            c->code = p;
        }
    }
    return 0;
}

static int start_numbers(struct builder *t, struct build *b, enum mode mode, struct err *e)
{
    b->c.num = mem_try(t->cap_rows, sizeof *b->c.num);
    if (!b->c.num) return no_memory(t, e);
    for (size_t r = 0; r < t->n_rows; r++) b->c.num[r] = (double)NAN;
    b->mode = mode;
    return 0;
}

static int start_codes(struct builder *t, struct build *b, struct err *e)
{
    b->c.code = mem_try(t->cap_rows, sizeof *b->c.code);
    if (!b->c.code) return no_memory(t, e);
    for (size_t r = 0; r < t->n_rows; r++) b->c.code[r] = -1;
    b->c.dict = map_new();
    b->mode = CODED;
    return 0;
}

static void drop_numbers(struct build *b)
{
    free(b->c.num);
    b->c.num = NULL;
}

/* -- cells -------------------------------------------------------------------------------- */

static bool scan_time(const char *p, size_t n, double *ret)
{
    struct slice s = text_trim(p, n);
    int64_t us;

    if (s.len < 10 || s.p[4] != '-' || !clock_parse(s.p, s.len, &us)) return false;
    *ret = (double)us;
    return true;
}

static enum kind classify(const struct field *f, double *ret)
{
    static const enum kind of_num[] = {
        [NUM_INT] = K_INT, [NUM_BIG] = K_BIG, [NUM_REAL] = K_REAL, [NUM_INF] = K_INF
    };
    bool truth;

    if (!(f->flags & FIELD_STRING)) {
        enum num_kind k = num_scan(f->p, f->len, ret);
        if (k != NUM_NONE) return of_num[k];
        if (text_bool(f->p, f->len, &truth)) {
            *ret = truth;
            return K_BOOL;
        }
    }
    return scan_time(f->p, f->len, ret) ? K_TIME : K_TEXT;
}

static enum mode mode_of(enum kind k)
{
    if (k & (K_INT | K_BIG | K_REAL | K_INF)) return NUM;
    if (k == K_BOOL) return BOOL;
    return k == K_TIME ? TIME : CODED;
}

static int add_code(struct builder *t, struct build *b, const struct field *f, struct err *e)
{
    const char *p = f->p;
    size_t n = f->len;
    int64_t *slot;
    bool fresh;

    if (!text_clean(p, n)) {
        str_clear(&t->scratch);
        text_repair(&t->scratch, p, n);
        p = str_c(&t->scratch);
        n = t->scratch.len;
        t->not_utf8++;
    }
    slot = map_at(b->c.dict, p, n, &fresh);
    if (fresh) {
        size_t code = map_len(b->c.dict) - 1;
        if (code > INT32_MAX)
            return err_set(e, ERR_LIMIT, "column %s has too many different values", b->c.name);
        *slot = (int64_t)code;
    }
    b->c.code[t->n_rows] = (int32_t)*slot;
    b->values++;
    return 0;
}

static void set_number(struct builder *t, struct build *b, enum kind k, double v)
{
    b->kinds |= k;
    if (k == K_INF) {
        v = (double)NAN;
        t->infinite++;
    }
    b->c.num[t->n_rows] = v;
}

static void set_missing(struct builder *t, struct build *b)
{
    if (b->c.num) b->c.num[t->n_rows] = (double)NAN;
    if (b->c.code) b->c.code[t->n_rows] = -1;
}

static int add_cell(struct builder *t, struct build *b, const struct field *f, struct err *e)
{
    double v = 0;
    enum kind k;
    enum mode mode;
    int rc;

    if (b->mode >= REREAD) return 0;
    if ((f->flags & FIELD_ABSENT) || text_missing(f->p, f->len)) {
        set_missing(t, b);
        return 0;
    }
    if (b->mode == CODED) return add_code(t, b, f, e);
    k = classify(f, &v);
    mode = mode_of(k);
    if (b->mode == EMPTY) {
        if (mode == CODED) return (rc = start_codes(t, b, e)) ? rc : add_code(t, b, f, e);
        if ((rc = start_numbers(t, b, mode, e))) return rc;
    }
    if (mode != b->mode) {
        drop_numbers(b);
        b->mode = REREAD;
        return 0;
    }
    set_number(t, b, k, v);
    return 0;
}

static bool cancelled(const struct builder *t)
{
    return t->n_rows % CANCEL_ROWS == 0 && t->o->cancel &&
           atomic_load_explicit(t->o->cancel, memory_order_relaxed);
}

/* Most cells are numbers in columns of numbers: those take the short way. */
static int on_row(void *user, const struct field *fields, size_t n, struct err *e)
{
    static const enum kind of_num[] = { [NUM_INT] = K_INT, [NUM_REAL] = K_REAL };
    struct builder *t = user;
    int rc;

    assert(n <= t->n_cols);
    if (cancelled(t)) return err_set(e, ERR_CANCELLED, "reading was cancelled");
    if (t->n_rows == t->cap_rows && (rc = grow_rows(t, e))) return rc;
    for (size_t i = 0; i < n; i++) {
        struct build *b = &t->cols[i];
        if (b->mode == NUM && fields[i].flags == 0) {
            double v;
            enum num_kind k = num_scan_padded(fields[i].p, fields[i].len, &v);
            if (k == NUM_INT || k == NUM_REAL) {
                b->kinds |= of_num[k];
                b->c.num[t->n_rows] = v;
                continue;
            }
        }
        if ((rc = add_cell(t, b, &fields[i], e))) return rc;
    }
    for (size_t i = n; i < t->n_cols; i++) /* second pass: a key of a later JSON line */
        if (t->cols[i].mode == CODED) set_missing(t, &t->cols[i]);
    t->n_rows++;
    return 0;
}

static bool wanted_as_text(const struct table_options *o, const char *name)
{
    for (size_t i = 0; i < o->n_as_text; i++)
        if (strcmp(o->as_text[i], name) == 0) return true;
    return false;
}

static int on_columns(void *user, char *const *names, size_t n, struct err *e)
{
    struct builder *t = user;
    size_t known = t->n_cols;
    int rc;

    if (n <= known) return 0; /* the second pass knows them */
    if (!t->cap_rows && (rc = grow_rows(t, e))) return rc;
    t->cols = mem_realloc(t->cols, n * sizeof *t->cols);
    memset(t->cols + known, 0, (n - known) * sizeof *t->cols);
    t->n_cols = n;
    for (size_t i = known; i < n; i++) {
        t->cols[i].c.name = mem_strdup(names[i]);
        if (wanted_as_text(t->o, names[i]) && (rc = start_codes(t, &t->cols[i], e))) return rc;
    }
    return 0;
}

/* -- types -------------------------------------------------------------------------------- */

/* The numeric type for a set of kinds; false: such a column can only be text. */
static bool numeric_type(unsigned kinds, enum cell_type *ret)
{
    static const struct {
        unsigned within, needs; /* no other kinds; at least one of these */
        enum cell_type type;
    } rules[] = {
        { 0, 0, CELL_REAL },
        { K_INT | K_INF, K_INT, CELL_INT },
        { K_INT | K_BIG | K_REAL | K_INF, K_REAL, CELL_REAL },
        { K_BOOL, K_BOOL, CELL_BOOL },
        { K_TIME, K_TIME, CELL_TIME },
    };

    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        if (kinds & ~rules[i].within || (rules[i].needs && !(kinds & rules[i].needs))) continue;
        *ret = rules[i].type;
        return true;
    }
    return false;
}

/* Ends pass 1: columns whose kinds do not fit together join those to be re-read. */
static size_t settle(struct builder *t)
{
    size_t reread = 0;

    for (size_t i = 0; i < t->n_cols; i++) {
        struct build *b = &t->cols[i];
        if (b->mode <= TIME && !numeric_type(b->kinds, &b->c.type)) {
            drop_numbers(b);
            b->mode = REREAD;
        }
        reread += b->mode == REREAD;
    }
    return reread;
}

static int start_second(struct builder *t, struct err *e)
{
    int rc;

    t->n_rows = 0;
    for (size_t i = 0; i < t->n_cols; i++) {
        struct build *b = &t->cols[i];
        if (b->mode != REREAD) b->mode = DONE;
        else if ((rc = start_codes(t, b, e))) return rc;
    }
    return 0;
}

static enum cell_type coded_type(const struct build *b)
{
    size_t levels = map_len(b->c.dict);

    if (levels > MANY_LEVELS) return CELL_TEXT;
    return levels > FEW_LEVELS && levels > b->values / 2 ? CELL_TEXT : CELL_CATEGORY;
}

/* Arrays shrink to the rows there are; columns without a value get theirs. */
static int finish(struct builder *t, struct err *e)
{
    size_t n = t->n_rows ? t->n_rows : 1;

    for (size_t i = 0; i < t->n_cols; i++) {
        struct build *b = &t->cols[i];
        void *p;
        int rc;
        if (!b->c.num && !b->c.code && (rc = start_numbers(t, b, NUM, e))) return rc;
        if (b->c.code) {
            b->c.type = coded_type(b);
            if ((p = realloc(b->c.code, n * sizeof *b->c.code))) b->c.code = p;
        } else if ((p = realloc(b->c.num, n * sizeof *b->c.num))) {
            b->c.num = p;
        }
    }
    return 0;
}

/* -- reading ------------------------------------------------------------------------------ */

static int second_pass(struct builder *t, struct block *b, const struct codec *codec,
                       const struct row_options *o, struct err *e)
{
    struct row_sink sink = { on_columns, on_row, t };
    struct row_report again = { 0 };
    size_t rows = t->n_rows, cols = t->n_cols;
    int rc;

    if ((rc = block_rewind(b, e)) || (rc = start_second(t, e))) return rc;
    rc = codec->read(b, o, &sink, &again, e);
    if (rc == 0 && (t->n_rows != rows || t->n_cols != cols))
        return err_set(e, ERR_CONFLICT, "%s was changed while it was read", input_name(b->in));
    return rc;
}

static int read_all(struct builder *t, struct block *b, const struct codec *codec,
                    struct table *ret, struct row_report *report, struct err *e)
{
    struct row_options o = t->o->rows;
    struct row_sink sink = { on_columns, on_row, t };
    int rc;

    if (!o.delimiter) o.delimiter = codec->delimiter;
    if ((rc = codec->read(b, &o, &sink, report, e))) return rc;
    ret->infinite = t->infinite;
    ret->reread = settle(t);
    if (ret->reread && (rc = second_pass(t, b, codec, &o, e))) return rc;
    return finish(t, e);
}

static void free_column(struct table_column *c)
{
    free(c->name);
    free(c->num);
    free(c->code);
    map_free(c->dict);
}

int table_read(struct block *b, const struct codec *codec, const struct table_options *o,
               struct table *ret, struct row_report *report, struct err *e)
{
    struct builder t = { .o = o };
    struct table made = { 0 };
    struct row_report rep = { 0 };
    int rc = read_all(&t, b, codec, &made, &rep, e);

    if (rc == 0) {
        made.n_rows = t.n_rows;
        made.n_cols = t.n_cols;
        made.not_utf8 = t.not_utf8;
        made.cols = mem_zalloc(t.n_cols, sizeof *made.cols);
        for (size_t i = 0; i < t.n_cols; i++) made.cols[i] = t.cols[i].c;
        *ret = made;
        if (report) *report = rep;
    } else {
        for (size_t i = 0; i < t.n_cols; i++) free_column(&t.cols[i].c);
    }
    free(t.cols);
    str_done(&t.scratch);
    return rc;
}

void table_done(struct table *t)
{
    for (size_t i = 0; i < t->n_cols; i++) free_column(&t->cols[i]);
    free(t->cols);
    *t = (struct table){ 0 };
}
