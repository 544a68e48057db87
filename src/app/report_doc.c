/* report_doc.c: building the tree of a report; see report.h. */
#include "app/report.h"

#include "app/verb.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

void doc_begin(struct doc *d, const char *kind, const char *title, const char *subtitle)
{
    char at[32];

    d->v = val_obj(d->a);
    val_set_str(d->v, "kind", kind);
    val_set_str(d->v, "title", title);
    val_set_str(d->v, "subtitle", subtitle);
    val_set_str(d->v, "made_at", clock_format(at, clock_now(d->app->clock)));
    d->sections = val_set_list(d->v, "sections");
    d->blocks = NULL;
}

void doc_section(struct doc *d, const char *title)
{
    struct val *s = val_push_obj(d->sections);

    val_set_str(s, "title", title);
    d->blocks = val_set_list(s, "blocks");
}

struct val *doc_block(struct doc *d, const char *type, const char *title)
{
    struct val *b = val_push_obj(d->blocks);

    val_set_str(b, "type", type);
    if (title) val_set_str(b, "title", title);
    return b;
}

void doc_text(struct doc *d, const char *text)
{
    val_set_str(doc_block(d, "text", NULL), "text", text);
}

struct val *doc_facts(struct doc *d)
{
    return val_set_list(doc_block(d, "facts", NULL), "items");
}

void doc_fact(struct val *facts, const char *label, const char *value)
{
    if (!value || !*value) return;
    struct val *o = val_push_obj(facts);
    val_set_str(o, "label", label);
    val_set_str(o, "value", value);
}

void doc_factf(struct val *facts, const char *label, const char *fmt, ...)
{
    STR_AUTO s = STR_INIT;
    va_list ap;

    va_start(ap, fmt);
    str_vaddf(&s, fmt, ap);
    va_end(ap);
    doc_fact(facts, label, str_c(&s));
}

struct val *doc_table(struct doc *d, const char *title, const char *columns)
{
    struct val *b = doc_block(d, "table", title), *list = val_set_list(b, "columns");

    for (const char *s = columns; *s;) {
        size_t n = strcspn(s, "|");
        bool right = *s == '>';
        struct val *c = val_push_obj(list);
        val_set(c, "title", val_strn(d->a, s + right, n - right));
        val_set_bool(c, "right", right);
        s += n + (s[n] == '|');
    }
    return val_set_list(b, "rows");
}

struct val *doc_row(struct doc *d, struct val *rows)
{
    struct val *row = val_list(d->a);

    val_push(rows, row);
    return row;
}

void doc_cell(struct doc *d, struct val *row, const struct val *v)
{
    val_push(row, v ? val_copy(d->a, v) : val_null(d->a));
}

void doc_cell_str(struct doc *d, struct val *row, const char *s)
{
    val_push(row, val_str(d->a, s));
}

void doc_cell_real(struct doc *d, struct val *row, double v)
{
    val_push(row, isnan(v) ? val_null(d->a) : val_real(d->a, v));
}

void doc_cell_strong(struct doc *d, struct val *row, const struct val *v)
{
    struct val *o = val_obj(d->a);

    val_set(o, "strong", val_copy(d->a, v));
    val_push(row, o);
}

struct val *doc_chart(struct doc *d, const char *chart, const char *title)
{
    struct val *b = doc_block(d, "chart", title);

    val_set_str(b, "chart", chart);
    return b;
}

struct doc_plot doc_line(struct doc *d, const char *title, const char *x_label, const char *y_label)
{
    struct val *c = doc_chart(d, "line", title);

    val_set_str(c, "x_label", x_label);
    val_set_str(c, "y_label", y_label);
    return (struct doc_plot){ c, val_set_list(c, "series") };
}

struct val *doc_series(struct doc_plot p, const char *name)
{
    struct val *s = val_push_obj(p.series);

    val_set_str(s, "name", name);
    return val_set_list(s, "points");
}

struct val *doc_bars(struct doc *d, const char *title)
{
    return val_set_list(doc_chart(d, "bars", title), "items");
}

void doc_point(struct doc *d, struct val *points, double x, double y)
{
    struct val *p = val_list(d->a);

    val_push(p, val_real(d->a, x));
    val_push(p, val_real(d->a, y));
    val_push(points, p);
}

void doc_point_range(struct doc *d, struct val *points, double x, double y, double low, double high)
{
    struct val *p = val_list(d->a);

    val_push(p, val_real(d->a, x));
    val_push(p, val_real(d->a, y));
    val_push(p, val_real(d->a, low));
    val_push(p, val_real(d->a, high));
    val_push(points, p);
}

void doc_bar(struct val *bars, const char *label, double value, double low, double high)
{
    struct val *o = val_push_obj(bars);

    val_set_str(o, "label", label);
    val_set_real(o, "value", value);
    if (isnan(low)) return;
    val_set_real(o, "low", low);
    val_set_real(o, "high", high);
}

void doc_tile(struct val *tiles, const char *label, double value, double low, double high)
{
    struct val *o = val_push_obj(tiles);

    val_set_str(o, "label", label);
    val_set_real(o, "value", value);
    if (isnan(low)) return;
    val_set_real(o, "low", low);
    val_set_real(o, "high", high);
}

int report_ask(struct doc *d, const char *verb, const struct val *args, const struct val **ret,
               struct err *e)
{
    struct reply r;
    reply_init(&r);
    int rc = verb_call(d->app, verb_find(verb), args, &r, e);

    if (rc == 0) *ret = val_copy(d->a, r.v);
    reply_done(&r);
    return rc;
}

bool report_column_used(const struct val *table, size_t column)
{
    const struct val *rows = val_get(table, "rows");

    for (size_t i = 0; i < val_len(rows); i++) {
        const struct val *v = val_at(val_at(rows, i), column);
        if (val_type(v) != VAL_NULL && !str_eq(val_as_str(v, NULL), "")) return true;
    }
    return !val_len(rows);
}
