/* table_build.c: see table_build.h. */
#include "codec/table_build.h"
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
#define CANCEL_ROWS 1024

/* -- storage ------------------------------------------------------------------------------ */

static int no_memory(const struct builder *t, struct err *e)
{
    err_set(e, ERR_NOMEM, "not enough memory for %zu rows of %zu columns", t->cap_rows, t->n_cols);
    return err_hint(e, "use fewer rows or columns, or a machine with more memory");
}

static int too_many_rows(struct err *e)
{
    return err_set(e, ERR_LIMIT, "more than %zu rows", MAX_ROWS);
}

/* Makes the arrays there are cap rows long. */
static int set_cap(struct builder *t, size_t cap, struct err *e)
{
    t->cap_rows = cap;
    for (size_t i = 0; i < t->n_cols; i++) {
        struct table_column *c = &t->cols[i].c;
        void *p;
        if (c->num) {
            if (!(p = mem_try_large(c->num, t->cap_rows, sizeof *c->num))) return no_memory(t, e);
            c->num = p;
        }
        if (c->code) {
            if (!(p = mem_try_large(c->code, t->cap_rows, sizeof *c->code))) return no_memory(t, e);
            c->code = p;
        }
    }
    return 0;
}

static int grow_rows(struct builder *t, struct err *e)
{
    if (t->n_rows >= MAX_ROWS) return too_many_rows(e);
    return set_cap(t, t->cap_rows ? t->cap_rows * 2 : FIRST_ROWS, e);
}

static int start_numbers(struct builder *t, struct build *b, enum mode mode, size_t rows,
                         struct err *e)
{
    if (!b->c.num) b->c.num = mem_try_large(NULL, t->cap_rows, sizeof *b->c.num);
    if (!b->c.num) return no_memory(t, e);
    for (size_t r = 0; r < rows; r++) b->c.num[r] = (double)NAN;
    b->mode = mode;
    return 0;
}

static int start_codes(struct builder *t, struct build *b, size_t rows, struct err *e)
{
    if (!b->c.code) b->c.code = mem_try_large(NULL, t->cap_rows, sizeof *b->c.code);
    if (!b->c.code) return no_memory(t, e);
    for (size_t r = 0; r < rows; r++) b->c.code[r] = -1;
    if (!b->c.dict) b->c.dict = map_new();
    b->mode = MODE_CODED;
    return 0;
}

static void reread_later(struct builder *t, struct build *b)
{
    b->mode = MODE_REREAD;
    if (t->whole) return; /* a part keeps its arrays */
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
    if (k & (K_INT | K_BIG | K_REAL | K_INF)) return MODE_NUM;
    if (k == K_BOOL) return MODE_BOOL;
    return k == K_TIME ? MODE_TIME : MODE_CODED;
}

/* The number of a text in a part: the whole's where it has one. */
static int part_code(const struct builder *t, struct build *b, const char *p, size_t n)
{
    const struct build *w = &t->whole->cols[b - t->cols];
    const int64_t *known = w->mode == MODE_CODED ? map_find(w->c.dict, p, n) : NULL;
    int64_t *slot;
    bool fresh;

    if (known) return (int)*known;
    slot = map_at(b->c.dict, p, n, &fresh);
    if (fresh) *slot = (int64_t)map_len(b->c.dict) - 1;
    return (int)(-2 - *slot);
}

static int new_code(struct build *b, const char *p, size_t n, int32_t *ret, struct err *e)
{
    bool fresh;
    int64_t *slot = map_at(b->c.dict, p, n, &fresh);

    if (fresh) {
        size_t code = map_len(b->c.dict) - 1;
        if (code > INT32_MAX)
            return err_set(e, ERR_LIMIT, "column %s has too many different values", b->c.name);
        *slot = (int64_t)code;
    }
    *ret = (int32_t)*slot;
    return 0;
}

static int add_code(struct builder *t, struct build *b, const struct field *f, struct err *e)
{
    const char *p = f->p;
    size_t n = f->len;

    if (!text_clean(p, n)) {
        str_clear(&t->scratch);
        text_repair(&t->scratch, p, n);
        p = str_c(&t->scratch);
        n = t->scratch.len;
        b->not_utf8++;
    }
    b->values++;
    if (!t->whole) return new_code(b, p, n, &b->c.code[t->n_rows], e);
    b->c.code[t->n_rows] = part_code(t, b, p, n);
    return 0;
}

static void set_number(struct builder *t, struct build *b, enum kind k, double v)
{
    b->kinds |= k;
    if (k == K_INF) {
        v = (double)NAN;
        b->infinite++;
    }
    b->c.num[t->n_rows] = v;
}

static void set_missing(struct builder *t, struct build *b)
{
    if (b->mode == MODE_CODED) b->c.code[t->n_rows] = -1;
    else if (b->mode >= MODE_NUM && b->mode <= MODE_TIME) b->c.num[t->n_rows] = (double)NAN;
}

static int add_cell(struct builder *t, struct build *b, const struct field *f, struct err *e)
{
    double v = 0;
    enum kind k;
    enum mode mode;
    int rc;

    if (b->mode >= MODE_REREAD) return 0;
    if ((f->flags & FIELD_ABSENT) || text_missing(f->p, f->len)) {
        set_missing(t, b);
        return 0;
    }
    if (b->mode == MODE_CODED) return add_code(t, b, f, e);
    k = classify(f, &v);
    mode = mode_of(k);
    if (b->mode == MODE_EMPTY) {
        b->first = mode;
        if (mode == MODE_CODED)
            return (rc = start_codes(t, b, t->n_rows, e)) ? rc : add_code(t, b, f, e);
        if ((rc = start_numbers(t, b, mode, t->n_rows, e))) return rc;
    }
    if (mode != b->mode) {
        reread_later(t, b);
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
        if (b->mode == MODE_NUM && !(fields[i].flags & ~(unsigned)FIELD_QUOTED)) {
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
        if (t->cols[i].mode == MODE_CODED) set_missing(t, &t->cols[i]);
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
        if (!wanted_as_text(t->o, names[i])) continue;
        if ((rc = start_codes(t, &t->cols[i], t->n_rows, e))) return rc;
    }
    return 0;
}

struct row_sink builder_sink(struct builder *t)
{
    return (struct row_sink){ on_columns, on_row, t };
}

void builder_done(struct builder *t)
{
    for (size_t i = 0; i < t->n_cols; i++) {
        struct table_column *c = &t->cols[i].c;
        free(c->num);
        free(c->code);
        map_free(c->dict);
        if (!t->whole) free(c->name);
    }
    free(t->cols);
    str_done(&t->scratch);
}

int builder_start_numbers(struct builder *t, struct build *b, struct err *e)
{
    return start_numbers(t, b, MODE_NUM, t->n_rows, e);
}

int builder_start_codes(struct builder *t, struct build *b, struct err *e)
{
    return start_codes(t, b, t->n_rows, e);
}

void builder_drop_numbers(struct builder *t, struct build *b)
{
    reread_later(t, b);
}

/* -- parts -------------------------------------------------------------------------------- */

int builder_part(struct builder *part, const struct builder *whole, size_t rows, struct err *e)
{
    *part = (struct builder){ .o = whole->o, .whole = whole, .n_cols = whole->n_cols };
    part->cols = mem_try_zero(whole->n_cols + 1, sizeof *part->cols);
    if (!part->cols) return no_memory(whole, e);
    for (size_t j = 0; j < part->n_cols; j++) part->cols[j].c.name = whole->cols[j].c.name;
    part->cap_rows = rows;
    return 0;
}

int builder_restart(struct builder *part, struct err *e)
{
    part->n_rows = 0;
    for (size_t j = 0; j < part->n_cols; j++) {
        struct build *b = &part->cols[j];
        enum mode now = part->whole->cols[j].mode;
        int rc;
        if (b->c.dict && map_len(b->c.dict)) {
            map_free(b->c.dict);
            b->c.dict = NULL;
        }
        b->kinds = 0;
        b->values = b->not_utf8 = b->infinite = 0;
        b->first = b->mode = now >= MODE_REREAD ? now : MODE_EMPTY;
        if (now != MODE_CODED && !b->forced) continue;
        b->first = MODE_CODED;
        if ((rc = start_codes(part, b, 0, e))) return rc;
    }
    return 0;
}

int builder_reserve(struct builder *whole, size_t n, size_t expected, struct err *e)
{
    size_t cap = whole->cap_rows;

    if (n > MAX_ROWS - whole->n_rows) return too_many_rows(e);
    if (cap >= whole->n_rows + n && whole->n_rows > 0) return 0;
    if (expected > cap) cap = expected < MAX_ROWS ? expected : MAX_ROWS;
    while (cap < whole->n_rows + n) cap *= 2;
    return cap == whole->cap_rows ? 0 : set_cap(whole, cap, e);
}

/* Codes of a part into those of the whole; new texts in the order in which the part met them. */
static int append_codes(struct build *b, size_t at, const struct build *p, size_t n, struct err *e)
{
    size_t fresh = map_len(p->c.dict);
    MEM_AUTO int32_t *code = mem_try(fresh + 1, sizeof *code);

    if (!code) return err_set(e, ERR_NOMEM, "no memory for %zu texts", fresh);
    for (size_t i = 0; i < fresh; i++) {
        size_t len;
        const char *text = map_key(p->c.dict, i, &len);
        int rc = new_code(b, text, len, &code[i], e);
        if (rc) return rc;
    }
    for (size_t r = 0; r < n; r++) {
        int32_t c = p->c.code[r];
        b->c.code[at + r] = c < -1 ? code[-2 - c] : c;
    }
    b->values += p->values;
    b->not_utf8 += p->not_utf8;
    return 0;
}

static void append_missing(struct build *b, size_t at, size_t n)
{
    if (b->mode == MODE_CODED)
        for (size_t r = 0; r < n; r++) b->c.code[at + r] = -1;
    else if (b->mode != MODE_EMPTY)
        for (size_t r = 0; r < n; r++) b->c.num[at + r] = (double)NAN;
}

int builder_append(struct builder *whole, size_t j, size_t at, const struct builder *part,
                   struct err *e)
{
    struct build *b = &whole->cols[j];
    const struct build *p = &part->cols[j];
    size_t n = part->n_rows;
    int rc = 0;

    if (b->mode >= MODE_REREAD) return 0;
    if (p->mode == MODE_EMPTY) {
        append_missing(b, at, n);
        return 0;
    }
    if (b->mode == MODE_EMPTY)
        rc = p->first == MODE_CODED ? start_codes(whole, b, at, e)
                                    : start_numbers(whole, b, p->first, at, e);
    if (rc) return rc;
    if (b->mode == MODE_CODED) {
        assert(p->mode == MODE_CODED);
        return append_codes(b, at, p, n, e);
    }
    if (p->first == b->mode) b->infinite += p->infinite;
    if (p->mode != b->mode) {
        reread_later(whole, b);
        return 0;
    }
    b->kinds |= p->kinds;
    memcpy(b->c.num + at, p->c.num, n * sizeof *p->c.num);
    return 0;
}
