/* dataframe.c: see dataframe.h. The members of the object are found first, because columns may
 * come after the data; then the data go straight into cells. Columns that no model behind the
 * route knows are passed over, as in the own API; rows as lists must have all of them. */
#include "http/dataframe.h"
#include "base/vec.h"
#include "codec/csv.h"
#include "codec/input.h"
#include "http/jread.h"
#include <stdlib.h>
#include <string.h>

enum { MAX_COLUMNS = 65536, ABSENT = -1 };

struct reading {
    struct jread j;
    struct infer *s;
    size_t table; /* where it begins */
};

/* Slots of the columns of a table, -1: not of interest. */
struct columns {
    int32_t *slots;
    size_t n;
};

static struct rows *rows_of(const struct infer *s)
{
    return (struct rows *)(uintptr_t)s->call.rows;
}

/* The slot of a column; a column that is there twice is refused. */
static int note_column(struct rows *rows, const struct columns *c, const char *name, size_t n,
                       int32_t *ret, struct err *e)
{
    *ret = schema_find(rows->schema, name, n);
    if (*ret < 0) rows->unknown++;
    for (size_t i = 0; *ret >= 0 && i < c->n; i++)
        if (c->slots[i] == *ret)
            return err_set(e, ERR_INVALID, "the column '%.*s' is there twice",
                           (int)(n < 200 ? n : 200), name);
    return 0;
}

static int read_columns(struct reading *r, struct columns *ret)
{
    struct jread *j = &r->j;
    VEC(int32_t) slots = VEC_INIT;
    struct jtext name;
    int32_t slot = ABSENT;
    int rc = 0, more;

    for (more = jread_open(j, '['); more > 0 && !rc; more = rc ? rc : jread_more(j, ']')) {
        rc = jread_text(j, "a column's name", &name);
        if (!rc && slots.n == MAX_COLUMNS)
            rc = err_set(j->e, ERR_LIMIT, "more than %d columns", MAX_COLUMNS);
        const struct columns known = { slots.p, slots.n };
        if (!rc) rc = note_column(j->rows, &known, name.p, name.n, &slot, j->e);
        vec_push(&slots, slot);
    }
    ret->slots = arena_array(&j->rows->text, slots.n, int32_t);
    if (slots.n) memcpy(ret->slots, slots.p, slots.n * sizeof *slots.p);
    ret->n = slots.n;
    vec_done(&slots);
    return more < 0 ? more : rc;
}

/* One row, a list with a value for each column. */
static int read_list(struct reading *r, const struct columns *c)
{
    struct jread *j = &r->j;
    struct cell *cells, value;
    size_t i = 0;
    int rc = rows_add(j->rows, &cells, j->e), more;

    if (rc) return rc;
    for (more = jread_open(j, '['); more > 0; more = jread_more(j, ']'), i++) {
        if (i == c->n) break;
        if ((rc = jread_cell(j, &value))) return rc;
        if (c->slots[i] >= 0) cells[c->slots[i]] = value;
    }
    if (more < 0) return more;
    if (i == c->n && !more) return 0;
    return err_set(j->e, ERR_INVALID, "row %zu has %s than %zu values", j->rows->n,
                   more ? "more" : "fewer", c->n);
}

static int read_lists(struct reading *r, const struct columns *c)
{
    int more;

    for (more = jread_open(&r->j, '['); more > 0; more = jread_more(&r->j, ']')) {
        int rc = read_list(r, c);
        if (rc) return rc;
    }
    return more;
}

static int read_split(struct reading *r)
{
    struct jread *j = &r->j;
    struct columns c = { NULL, 0 };
    size_t columns = 0, data = 0;
    struct jtext key;
    int rc, more;

    j->at = r->table;
    for (more = jread_open(j, '{'); more > 0; more = jread_more(j, '}')) {
        if ((rc = jread_key(j, &key))) return rc;
        jread_peek(j);
        if (jtext_is(key, "columns")) columns = j->at;
        if (jtext_is(key, "data")) data = j->at;
        if ((rc = jread_skip(j))) return rc;
    }
    if (more < 0) return more;
    if (!columns || !data)
        return err_set(j->e, ERR_INVALID, "dataframe_split needs columns and data");
    j->at = columns;
    if ((rc = read_columns(r, &c))) return rc;
    j->at = data;
    return read_lists(r, &c);
}

static int read_records(struct reading *r)
{
    struct jread *j = &r->j;

    j->at = r->table;
    if (jread_peek(j) != '[') return err_set(j->e, ERR_INVALID, "a list of rows is expected");
    return rows_scan_json(j->rows, j->text, j->n, &j->at, j->e);
}

/* Rows as objects, or as lists in the model's order; a model of one column also takes values. */
static int read_rows(struct reading *r)
{
    struct jread *j = &r->j;
    const struct arm *arm = infer_arm(r->s);
    const struct columns all = { (int32_t *)(uintptr_t)arm->slot, model_features(arm->by->model) };
    struct cell *cells;
    int more, rc;

    j->at = r->table;
    more = jread_open(j, '[');
    if (more > 0 && jread_peek(j) == '{') return read_records(r);
    for (; more > 0; more = jread_more(j, ']')) {
        if (jread_peek(j) == '[') {
            rc = read_list(r, &all);
        } else if (all.n != 1) {
            rc = err_set(j->e, ERR_INVALID, "a row is a list of %zu values, or an object", all.n);
        } else {
            rc = rows_add(j->rows, &cells, j->e);
            if (!rc) rc = jread_cell(j, &cells[all.slots[0]]);
        }
        if (rc) return rc;
    }
    return more;
}

/* One column's values, each plain or a list of one. */
static int read_column(struct reading *r, int32_t slot, bool first)
{
    struct jread *j = &r->j;
    struct rows *rows = j->rows;
    struct cell *cells, value;
    size_t i = 0, width = schema_width(rows->schema);
    int rc = 0, more;

    for (more = jread_open(j, '['); more > 0; more = jread_more(j, ']'), i++) {
        bool nested = jread_peek(j) == '[';
        if (nested && (rc = jread_open(j, '[')) <= 0)
            return rc ? rc : err_set(j->e, ERR_INVALID, "a value is missing");
        if ((rc = jread_cell(j, &value))) return rc;
        if (nested && (rc = jread_more(j, ']')))
            return rc < 0 ? rc : err_set(j->e, ERR_INVALID, "a value of a column is no list");
        if (first && (rc = rows_add(rows, &cells, j->e))) return rc;
        if (i >= rows->n) break;
        if (slot >= 0) rows->cells[i * width + (size_t)slot] = value;
    }
    if (more < 0) return more;
    if (more || i != rows->n)
        return err_set(j->e, ERR_INVALID, "columns have different numbers of values");
    return 0;
}

static int read_inputs(struct reading *r)
{
    struct jread *j = &r->j;
    VEC(int32_t) seen = VEC_INIT;
    struct jtext key;
    int32_t slot = ABSENT;
    int rc = 0, more;

    j->at = r->table;
    if (jread_peek(j) == '[') return read_rows(r);
    for (more = jread_open(j, '{'); more > 0 && !rc; more = rc ? rc : jread_more(j, '}')) {
        rc = jread_key(j, &key);
        const struct columns known = { seen.p, seen.n };
        if (!rc) rc = note_column(j->rows, &known, key.p, key.n, &slot, j->e);
        if (!rc) rc = read_column(r, slot, seen.n == 0);
        vec_push(&seen, slot);
    }
    vec_done(&seen);
    return more < 0 ? more : rc;
}

/* ---- the object ------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    enum dataframe_form form;
} forms_known[] = {
    { "dataframe_split", DATAFRAME_SPLIT },
    { "dataframe_records", DATAFRAME_RECORDS },
    { "instances", DATAFRAME_INSTANCES },
    { "inputs", DATAFRAME_INPUTS },
};

static int find_member(struct reading *r, unsigned forms, enum dataframe_form *found)
{
    struct jread *j = &r->j;
    struct jtext key;
    int rc = jread_key(j, &key);

    if (rc) return rc;
    char c = jread_peek(j);
    if (jtext_is(key, "params") && c != '{' && c != 'n')
        return err_set(j->e, ERR_INVALID, "params must be an object");
    for (size_t i = 0; i < ARRAY_LEN(forms_known); i++) {
        if (!(forms & forms_known[i].form) || !jtext_is(key, forms_known[i].name)) continue;
        if (*found) return err_set(j->e, ERR_INVALID, "more than one table is given");
        *found = forms_known[i].form;
        r->table = j->at;
    }
    return jread_skip(j);
}

static int no_table(struct reading *r, unsigned forms)
{
    STR_AUTO names = STR_INIT;

    for (size_t i = 0; i < ARRAY_LEN(forms_known); i++)
        if (forms & forms_known[i].form)
            str_addf(&names, "%s%s", names.len ? ", " : "", forms_known[i].name);
    return err_set(r->j.e, ERR_INVALID, "an object with exactly one of %s is expected",
                   str_c(&names));
}

static int read_form(struct reading *r, enum dataframe_form form)
{
    if (form == DATAFRAME_SPLIT) return read_split(r);
    if (form == DATAFRAME_RECORDS) return read_records(r);
    return form == DATAFRAME_INPUTS ? read_inputs(r) : read_rows(r);
}

static int finish(struct rows *rows, int rc, struct err *e)
{
    if (rc) return rc;
    if (rows->n == 0) return err_set(e, ERR_INVALID, "the table has no rows");
    rows->list = true;
    rows_changed(rows);
    return 0;
}

int dataframe_read_json(struct infer *s, const char *text, size_t n, unsigned forms,
                        enum dataframe_form *ret, struct err *e)
{
    struct reading r = { .s = s, .j = { rows_of(s), text, n, 0, e } };
    enum dataframe_form found = (enum dataframe_form)0;
    int rc, more;

    if (jread_peek(&r.j) != '{') return no_table(&r, forms);
    for (more = jread_open(&r.j, '{'); more > 0; more = jread_more(&r.j, '}'))
        if ((rc = find_member(&r, forms, &found))) return rc;
    rc = more < 0 ? more : jread_end(&r.j);
    if (!rc && !found) rc = no_table(&r, forms);
    if (!rc) rc = read_form(&r, found);
    if (!rc) *ret = found;
    return finish(rows_of(s), rc, e);
}

/* ---- CSV ------------------------------------------------------------------------------------- */

struct csv {
    struct rows *rows;
    struct columns c;
};

static int csv_columns(void *user, char *const *names, size_t n, struct err *e)
{
    struct csv *v = user;

    v->c.slots = arena_array(&v->rows->text, n, int32_t);
    for (v->c.n = 0; v->c.n < n; v->c.n++) {
        const char *name = names[v->c.n];
        int rc = note_column(v->rows, &v->c, name, strlen(name), &v->c.slots[v->c.n], e);
        if (rc) return rc;
    }
    return 0;
}

static int csv_row(void *user, const struct field *fields, size_t n, struct err *e)
{
    struct csv *v = user;
    struct cell *cells;
    int rc = rows_add(v->rows, &cells, e);

    for (size_t i = 0; i < n && !rc; i++) {
        const struct field *f = &fields[i];
        if (v->c.slots[i] < 0) continue;
        struct cell *c = &cells[v->c.slots[i]];
        if (f->flags & FIELD_ABSENT || (!f->len && !(f->flags & FIELD_QUOTED))) {
            c->kind = CELL_NULL;
            continue;
        }
        if (f->len > SERVE_MAX_TEXT)
            return err_set(e, ERR_LIMIT, "row %zu: a text has more than %zu bytes", v->rows->n,
                           SERVE_MAX_TEXT);
        *c = (struct cell){ .kind = CELL_TEXT,
                            .n = f->len,
                            .text = arena_strndup(&v->rows->text, f->p, f->len) };
    }
    return rc;
}

static int read_csv(struct csv *v, struct input *in, struct err *e)
{
    const struct row_options options = { .bad_row = BAD_ROW_ERROR, .delimiter = ',' };
    const struct row_sink sink = { .columns = csv_columns, .row = csv_row, .user = v };
    struct row_report report = { 0 };
    struct block b;

    if (input_packing(in) != INPUT_PLAIN)
        return err_set(e, ERR_INVALID, "packed bodies are not taken");
    int rc = block_open(&b, in, e);
    if (!rc) rc = csv_read(&b, &options, &sink, &report, e);
    block_done(&b);
    if (!rc && report.renamed) rc = err_set(e, ERR_INVALID, "the header has a name twice");
    return rc;
}

int dataframe_read_csv(struct infer *s, const char *text, size_t n, struct err *e)
{
    struct csv v = { .rows = rows_of(s) };
    struct input *in = NULL;
    int rc = input_memory(&in, text, n, "body", e);

    if (rc) return rc;
    rc = read_csv(&v, in, e);
    input_close(in);
    return finish(v.rows, rc, e);
}
