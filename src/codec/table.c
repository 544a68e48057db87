/* table.c: see table.h. Two passes at most; what happens to a column in between is drawn in
 * table_build.h. */
#include "codec/table.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "codec/csv.h"
#include "codec/table_build.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FEW_LEVELS  20
#define MANY_LEVELS 65535

const char *cell_type_name(enum cell_type t)
{
    static const char *const names[] = { "integer",   "real",     "boolean",
                                         "timestamp", "category", "text" };

    return names[t];
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
        if (b->mode <= MODE_TIME && !numeric_type(b->kinds, &b->c.type)) {
            builder_drop_numbers(t, b);
        }
        reread += b->mode == MODE_REREAD;
    }
    return reread;
}

static int start_second(struct builder *t, struct err *e)
{
    int rc;

    t->n_rows = 0;
    for (size_t i = 0; i < t->n_cols; i++) {
        struct build *b = &t->cols[i];
        if (b->mode != MODE_REREAD) b->mode = MODE_DONE;
        else if ((rc = builder_start_codes(t, b, e))) return rc;
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
        if (!b->c.num && !b->c.code && (rc = builder_start_numbers(t, b, e))) return rc;
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

static int threads_wanted(const struct table_options *o)
{
    int n = o->threads > 0 ? o->threads : cpu_count();

    return n > TABLE_MAX_THREADS ? TABLE_MAX_THREADS : n;
}

/* Rows into the builder: CSV in parts on several threads, anything else row by row. */
static int read_rows(struct builder *t, struct block *b, const struct codec *codec,
                     const struct row_options *o, struct row_report *r, struct err *e)
{
    struct row_sink sink = builder_sink(t);
    struct csv_head h;
    int threads = threads_wanted(t->o), rc;

    if (codec->read != csv_read || threads == 1) return codec->read(b, o, &sink, r, e);
    if ((rc = csv_open(b, o, &sink, r, &h, e))) return rc;
    rc = builder_read_parts(t, b, &h, &(struct part_options){ o, t->o->piece, threads }, r, e);
    csv_close(&h);
    return rc;
}

static int second_pass(struct builder *t, struct block *b, const struct codec *codec,
                       const struct row_options *o, struct err *e)
{
    struct row_report again = { 0 };
    size_t rows = t->n_rows, cols = t->n_cols;
    int rc;

    if ((rc = block_rewind(b, e)) || (rc = start_second(t, e))) return rc;
    rc = read_rows(t, b, codec, o, &again, e);
    if (rc == 0 && (t->n_rows != rows || t->n_cols != cols))
        return err_set(e, ERR_CONFLICT, "%s was changed while it was read", input_name(b->in));
    return rc;
}

static int read_all(struct builder *t, struct block *b, const struct codec *codec,
                    struct table *ret, struct row_report *report, struct err *e)
{
    struct row_options o = t->o->rows;
    int rc;

    if (!o.delimiter) o.delimiter = codec->delimiter;
    if ((rc = read_rows(t, b, codec, &o, report, e))) return rc;
    for (size_t i = 0; i < t->n_cols; i++) ret->infinite += t->cols[i].infinite;
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
        made.cols = mem_zalloc(t.n_cols, sizeof *made.cols);
        for (size_t i = 0; i < t.n_cols; i++) {
            made.cols[i] = t.cols[i].c;
            made.not_utf8 += t.cols[i].not_utf8;
        }
        *ret = made;
        if (report) *report = rep;
        t.n_cols = 0; /* the columns have moved */
    }
    builder_done(&t);
    return rc;
}

void table_done(struct table *t)
{
    for (size_t i = 0; i < t->n_cols; i++) free_column(&t->cols[i]);
    free(t->cols);
    *t = (struct table){ 0 };
}
