/* table.c: laying out rows and objects as text. Two passes: all cells are made, then widths
 * follow from them; when a row is wider than the terminal, the widest column gives way first
 * and cut cells end in an ellipsis. Numbers are set to the right. */
#include "batch/table.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/vec.h"
#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    COLUMNS_MAX = 64,  /* of a table without declared columns */
    SAMPLE_ROWS = 200, /* rows looked at to find them */
    MIN_WIDTH = 10,    /* a cut column keeps this */
    GAP = 2,
};

const struct val *table_field(const struct val *row, const char *path)
{
    const struct val *v = val_get(row, path);
    const char *dot = v ? NULL : strchr(path, '.');
    if (!dot) return v;
    struct arena a = ARENA_INIT;
    const struct val *inner = val_get(row, arena_strndup(&a, path, (size_t)(dot - path)));
    arena_done(&a);
    if (val_type(inner) == VAL_LIST) {
        long long i;
        return str_to_i64(dot + 1, &i) && i >= 0 ? val_at(inner, (size_t)i) : NULL;
    }
    return val_type(inner) == VAL_OBJ ? table_field(inner, dot + 1) : NULL;
}

/* ---- cells --------------------------------------------------------------------------- */

/* Appends text with control characters replaced, newlines by blanks. */
static void add_safe(struct str *out, const char *s)
{
    for (size_t n = strlen(s), used; n; s += used, n -= used) {
        uint32_t cp;
        used = utf8_next(s, n, &cp);
        char buf[4];
        if (cp == '\n' || cp == '\t') str_addc(out, ' ');
        else if (cp < 0x20 || (cp >= 0x7f && cp < 0xa0)) str_addc(out, '?');
        else str_addn(out, buf, utf8_put(buf, cp));
    }
}

static void add_bytes(struct str *out, double n)
{
    static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
    size_t u = 0;
    for (; fabs(n) >= 999.5 && u + 1 < ARRAY_LEN(units); u++) n /= 1000;
    str_addf(out, n < 9.95 && u ? "%.1f %s" : "%.0f %s", n, units[u]);
}

static void add_time(struct str *out, const char *s, const char *format,
                     const struct table_style *st)
{
    int64_t us;
    char buf[32];
    if (!clock_parse(s, strlen(s), &us)) {
        add_safe(out, s);
    } else if (str_eq(format, "age")) {
        str_add(out, clock_age(buf, st->now_us - us));
    } else {
        clock_format(buf, us);
        str_addf(out, "%.10s %.8s", buf, buf + 11);
    }
}

static bool is_number(const struct val *v)
{
    return val_type(v) == VAL_INT || val_type(v) == VAL_REAL;
}

static void add_number(struct str *out, const struct val *v, const char *format)
{
    double d = val_as_real(v, 0);
    if (str_eq(format, "bytes")) add_bytes(out, d);
    else if (str_eq(format, "percent")) str_addf(out, "%.1f%%", d * 100);
    else if (val_type(v) == VAL_INT) str_addf(out, "%" PRId64, val_as_int(v, 0));
    else if (str_eq(format, "real")) str_addf(out, "%.4f", d);
    else str_addf(out, "%.6g", d);
}

static void add_list(struct str *out, const struct val *v, const struct table_style *st)
{
    for (size_t i = 0; i < val_len(v); i++) {
        if (i) str_add(out, val_type(v) == VAL_OBJ ? " " : ", ");
        if (val_type(v) == VAL_OBJ) {
            add_safe(out, val_key(v, i));
            str_addc(out, '=');
        }
        table_cell(out, val_at(v, i), NULL, st);
    }
}

/* Run ids and digests, which a table shortens; ULIDs made together differ only at the end. */
static bool is_hex_id(const char *s)
{
    size_t n = strspn(s, "0123456789abcdef");
    return !s[n] && n >= 32;
}

/* The format of a field whose verb declared none: times and long ids are known by their look. */
static const char *guess_format(const struct val *v)
{
    const char *s = val_as_str(v, "");
    if (strlen(s) >= 20 && s[10] == 'T' && str_ends(s, "Z")) return "time";
    return is_hex_id(s) ? "id" : NULL;
}

void table_cell(struct str *out, const struct val *v, const char *format,
                const struct table_style *st)
{
    const char *s = val_as_str(v, NULL);
    switch (val_type(v)) {
    case VAL_NULL: str_add(out, "-"); break;
    case VAL_BOOL: str_add(out, val_as_bool(v, false) ? "yes" : "no"); break;
    case VAL_INT:
    case VAL_REAL: add_number(out, v, format); break;
    case VAL_LIST:
    case VAL_OBJ: add_list(out, v, st); break;
    case VAL_STR:
        if (str_eq(format, "time") || str_eq(format, "age")) add_time(out, s, format, st);
        else if (str_eq(format, "id") && is_hex_id(s)) str_addn(out, s, 12);
        else add_safe(out, s);
    }
}

/* ---- columns ------------------------------------------------------------------------- */

struct column {
    const char *key, *title, *format;
    bool guess; /* no format was declared */
    size_t width;
    bool numbers, others; /* kinds of values in it */
    bool right;           /* numbers only */
    bool whole;           /* has a format: a cut time or id says nothing */
};
struct grid {
    struct arena a;
    struct column *col;
    size_t n_cols, n_rows;
    size_t shown;      /* columns that fit */
    const char **cell; /* row-major */
};

static size_t declared_columns(struct grid *g, const struct reply_column *columns)
{
    size_t n = 0;
    while (columns[n].key) n++;
    g->col = arena_array(&g->a, n, struct column);
    for (size_t i = 0; i < n; i++)
        g->col[i] = (struct column){ .key = columns[i].key,
                                     .title = columns[i].title ? columns[i].title : columns[i].key,
                                     .format = columns[i].format };
    return n;
}

static bool has_column(const struct grid *g, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(g->col[i].key, key)) return true;
    return false;
}

static size_t found_columns(struct grid *g, const struct val *rows)
{
    size_t n = 0;
    g->col = arena_array(&g->a, COLUMNS_MAX, struct column);
    for (size_t r = 0; r < val_len(rows) && r < SAMPLE_ROWS; r++) {
        const struct val *row = val_at(rows, r);
        for (size_t i = 0; i < val_len(row) && n < COLUMNS_MAX; i++) {
            const char *key = val_key(row, i);
            enum val_type t = val_type(val_at(row, i));
            if (t == VAL_LIST || t == VAL_OBJ || has_column(g, n, key)) continue;
            g->col[n++] = (struct column){ .key = key, .title = key, .guess = true };
        }
    }
    return n;
}

static void make_cells(struct grid *g, const struct val *rows, const struct table_style *st)
{
    STR_AUTO s = STR_INIT;
    g->cell = arena_array(&g->a, g->n_rows * g->n_cols, const char *);
    for (size_t c = 0; c < g->n_cols; c++) {
        str_clear(&s);
        add_safe(&s, g->col[c].title);
        g->col[c].title = arena_strdup(&g->a, str_c(&s));
        g->col[c].width = utf8_width(str_c(&s));
    }
    for (size_t i = 0; i < g->n_rows * g->n_cols; i++) {
        struct column *c = &g->col[i % g->n_cols];
        const struct val *row = val_at(rows, i / g->n_cols);
        const struct val *v = val_type(row) == VAL_OBJ ? table_field(row, c->key) : row;
        str_clear(&s);
        const char *format = c->guess ? guess_format(v) : c->format;
        c->whole |= format != NULL;
        table_cell(&s, v, format, st);
        size_t w = utf8_width(str_c(&s));
        if (w > c->width) c->width = w;
        c->numbers |= is_number(v);
        c->others |= !is_number(v) && val_type(v) != VAL_NULL;
        g->cell[i] = arena_strdup(&g->a, str_c(&s));
    }
    for (size_t c = 0; c < g->n_cols; c++) g->col[c].right = g->col[c].numbers && !g->col[c].others;
}

/* What a column keeps however narrow the terminal: numbers, times and ids are useless when cut. */
static size_t least_width(const struct column *c)
{
    bool never = c->right || c->whole || c->width < MIN_WIDTH;
    return never ? c->width : MIN_WIDTH;
}

/* Leaves out the last columns that do not fit even at their narrowest, then narrows the widest
 * of the others until a row fits. */
static void fit_width(struct grid *g, size_t width)
{
    size_t least = 0, total = 0;
    for (size_t c = 0; c < g->n_cols; c++) {
        least += least_width(&g->col[c]) + (c ? GAP : 0);
        if (c && least > width) break;
        total += g->col[c].width + (c ? GAP : 0);
        g->shown = c + 1;
    }
    while (total > width) {
        struct column *widest = NULL;
        for (size_t c = 0; c < g->shown; c++) {
            struct column *k = &g->col[c];
            if (k->width > least_width(k) && (!widest || k->width > widest->width)) widest = k;
        }
        if (!widest) return;
        widest->width--;
        total--;
    }
}

static void add_cell(struct str *out, const struct column *c, const char *text, bool last,
                     const struct table_style *st)
{
    STR_AUTO shown = STR_INIT;
    if (utf8_width(text) <= c->width) {
        str_add(&shown, text);
    } else {
        const char *dots = st->ascii ? "..." : "…";
        str_addn(&shown, text, utf8_fit(text, c->width - utf8_width(dots)));
        str_add(&shown, dots);
    }
    size_t pad = c->width - utf8_width(str_c(&shown));
    if (c->right) str_pad(out, ' ', pad);
    str_add(out, str_c(&shown));
    if (last) return;
    str_pad(out, ' ', GAP + (c->right ? 0 : pad));
}

static void add_header(struct str *out, const struct grid *g, const struct table_style *st)
{
    if (st->color) str_add(out, "\033[1m");
    for (size_t c = 0; c < g->shown; c++)
        add_cell(out, &g->col[c], g->col[c].title, c + 1 == g->shown, st);
    str_add(out, st->color ? "\033[0m\n" : "\n");
}

void table_rows(struct str *out, const struct val *rows, const struct reply_column *columns,
                const struct table_style *st)
{
    struct grid g = { .n_rows = val_len(rows) };
    arena_init(&g.a);
    g.n_cols = columns ? declared_columns(&g, columns) : found_columns(&g, rows);
    make_cells(&g, rows, st);
    g.shown = g.n_cols;
    if (st->width) fit_width(&g, st->width);
    if (g.n_cols) add_header(out, &g, st);
    for (size_t r = 0; r < g.n_rows; r++) {
        for (size_t c = 0; c < g.shown; c++)
            add_cell(out, &g.col[c], g.cell[r * g.n_cols + c], c + 1 == g.shown, st);
        if (g.n_cols) str_addc(out, '\n');
    }
    arena_done(&g.a);
}

/* ---- objects ------------------------------------------------------------------------- */

struct field {
    const char *name;
    const struct val *v;
};
typedef VEC(struct field) field_list;

static bool is_table(const struct val *v)
{
    return val_type(v) == VAL_LIST && val_type(val_at(v, 0)) == VAL_OBJ;
}

static void flatten(struct arena *a, const char *prefix, const struct val *obj, field_list *out)
{
    for (size_t i = 0; i < val_len(obj); i++) {
        const struct val *v = val_at(obj, i);
        const char *name =
            *prefix ? arena_printf(a, "%s.%s", prefix, val_key(obj, i)) : val_key(obj, i);
        if (val_type(v) == VAL_OBJ && val_len(v)) flatten(a, name, v, out);
        else if (val_type(v) != VAL_OBJ) vec_push(out, ((struct field){ name, v }));
    }
}

static void add_lines(struct str *out, struct arena *a, const field_list *fields,
                      const struct table_style *st)
{
    size_t width = 0;
    for (size_t i = 0; i < fields->n; i++) {
        size_t w = utf8_width(fields->p[i].name);
        if (!is_table(fields->p[i].v) && w > width) width = w;
    }
    for (size_t i = 0; i < fields->n; i++) {
        const struct field *f = &fields->p[i];
        if (is_table(f->v)) continue;
        STR_AUTO name = STR_INIT;
        STR_AUTO text = STR_INIT;
        add_safe(&name, f->name);
        const char *format = guess_format(f->v);
        table_cell(&text, f->v, str_eq(format, "time") ? format : NULL, st);
        size_t room = st->width > width + GAP ? st->width - width - GAP : 0;
        struct column c = { .width = room ? room : SIZE_MAX };
        str_add(out, str_c(&name));
        str_pad(out, ' ', width + GAP - utf8_width(str_c(&name)));
        add_cell(out, &c, arena_strdup(a, str_c(&text)), true, st);
        str_addc(out, '\n');
    }
}

void table_object(struct str *out, const struct val *obj, const struct table_style *st)
{
    struct arena a = ARENA_INIT;
    field_list fields = VEC_INIT;
    flatten(&a, "", obj, &fields);
    add_lines(out, &a, &fields, st);
    for (size_t i = 0; i < fields.n; i++) {
        if (!is_table(fields.p[i].v)) continue;
        str_addc(out, '\n');
        add_safe(out, fields.p[i].name);
        str_add(out, ":\n");
        table_rows(out, fields.p[i].v, NULL, st);
    }
    vec_done(&fields);
    arena_done(&a);
}
