/* report_markdown.c: a report as markdown that pull requests and terminals show: tables, and of
 * charts what can be said in one: bars of blocks, the matrix, the points that matter. */
#include "app/report.h"
#include "app/svg.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BAR = 24, POINTS = 12 };

/* Text from data means nothing to markdown: neither links nor HTML nor a new cell. */
static void add_text(struct str *out, const char *text)
{
    for (const char *s = text; s && *s; s++) {
        if (*s == '<') str_add(out, "&lt;");
        else if (*s == '>') str_add(out, "&gt;");
        else if (*s == '&') str_add(out, "&amp;");
        else if ((unsigned char)*s < 32) str_addc(out, ' ');
        else {
            if (strchr("\\`*_[]|#!~", *s)) str_addc(out, '\\');
            str_addc(out, *s);
        }
    }
}

static void add_scalar(struct str *out, const struct val *v)
{
    char buf[48];
    STR_AUTO s = STR_INIT;

    if (val_type(v) == VAL_NULL) return;
    if (val_type(v) == VAL_REAL || val_type(v) == VAL_INT) {
        str_add(out, report_number(buf, val_as_real(v, 0)));
        return;
    }
    val_write_text(&s, v);
    add_text(out, str_c(&s));
}

static void add_spark(struct str *out, const struct val *counts)
{
    static const char *const levels[] = { " ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    double top = 0;

    for (size_t i = 0; i < val_len(counts); i++) top = fmax(top, val_as_real(val_at(counts, i), 0));
    for (size_t i = 0; i < val_len(counts) && top > 0; i++) {
        double v = val_as_real(val_at(counts, i), 0);
        str_add(out, levels[v > 0 ? 1 + (int)(v / top * 7) : 0]);
    }
}

static void add_cell(struct str *out, const struct val *v)
{
    if (val_has(v, "spark")) add_spark(out, val_get(v, "spark"));
    else if (val_type(v) == VAL_OBJ) {
        str_add(out, "**");
        add_scalar(out, val_get(v, "strong"));
        str_add(out, "**");
    } else add_scalar(out, v);
}

static void add_title(struct str *out, const struct val *b)
{
    if (!val_has(b, "title")) return;
    str_add(out, "### ");
    add_text(out, val_get_str(b, "title", ""));
    str_add(out, "\n\n");
}

static void add_table(struct str *out, const struct val *b)
{
    const struct val *columns = val_get(b, "columns"), *rows = val_get(b, "rows");

    add_title(out, b);
    for (size_t c = 0; c < val_len(columns); c++) {
        if (!report_column_used(b, c)) continue;
        str_add(out, "| ");
        add_text(out, val_get_str(val_at(columns, c), "title", ""));
        str_addc(out, ' ');
    }
    str_add(out, "|\n");
    for (size_t c = 0; c < val_len(columns); c++)
        if (report_column_used(b, c))
            str_add(out, val_get_bool(val_at(columns, c), "right", false) ? "|---:" : "|---");
    str_add(out, "|\n");
    for (size_t i = 0; i < val_len(rows); i++) {
        for (size_t c = 0; c < val_len(columns); c++) {
            if (!report_column_used(b, c)) continue;
            str_add(out, "| ");
            add_cell(out, val_at(val_at(rows, i), c));
            str_addc(out, ' ');
        }
        str_add(out, "|\n");
    }
    str_addc(out, '\n');
}

static void add_items(struct str *out, const struct val *b)
{
    const struct val *items = val_get(b, "items");
    char buf[48];

    for (size_t i = 0; i < val_len(items); i++) {
        const struct val *o = val_at(items, i);
        str_add(out, "- **");
        add_text(out, val_get_str(o, "label", ""));
        str_add(out, "** ");
        add_scalar(out, val_get(o, "value"));
        if (val_has(o, "low")) {
            str_addf(out, " [%s, ", report_number(buf, val_get_real(o, "low", (double)NAN)));
            str_addf(out, "%s]", report_number(buf, val_get_real(o, "high", (double)NAN)));
        }
        str_addc(out, '\n');
    }
    str_addc(out, '\n');
}

/* ---- charts ------------------------------------------------------------------------------ */

static void add_bars(struct str *out, const struct val *items)
{
    double top = 0;
    char buf[48];

    for (size_t i = 0; i < val_len(items); i++)
        top = fmax(top, fabs(val_get_real(val_at(items, i), "value", 0)));
    str_add(out, "| | | |\n|---|---:|---|\n");
    for (size_t i = 0; i < val_len(items); i++) {
        double v = val_get_real(val_at(items, i), "value", (double)NAN);
        str_add(out, "| ");
        add_text(out, val_get_str(val_at(items, i), "label", ""));
        str_addf(out, " | %s | ", report_number(buf, v));
        for (int k = 0; top > 0 && k < (int)lround(fabs(v) / top * BAR); k++) str_add(out, "█");
        str_add(out, " |\n");
    }
    str_addc(out, '\n');
}

/* Points are thinned evenly, first and last stay. */
static void add_lines(struct str *out, const struct val *chart)
{
    const struct val *series = val_get(chart, "series");
    char x[48], y[48];

    for (size_t s = 0; s < val_len(series); s++) {
        const struct val *points = val_get(val_at(series, s), "points");
        size_t n = val_len(points), k = n < POINTS ? n : POINTS;
        str_add(out, "- **");
        add_text(out, val_get_str(val_at(series, s), "name", ""));
        str_add(out, "**");
        for (size_t i = 0; i < k; i++) {
            const struct val *p = val_at(points, k > 1 ? i * (n - 1) / (k - 1) : 0);
            str_addf(out, "%s (%s, %s)", i ? "," : "",
                     report_number(x, val_as_real(val_at(p, 0), (double)NAN)),
                     report_number(y, val_as_real(val_at(p, 1), (double)NAN)));
        }
        str_addc(out, '\n');
    }
    str_addc(out, '\n');
}

static void add_matrix(struct str *out, const struct val *chart)
{
    const struct val *columns = val_get(chart, "columns"), *m = val_get(chart, "matrix");
    char buf[48];

    str_add(out, "| ");
    for (size_t j = 0; j < val_len(columns); j++) {
        str_add(out, "| ");
        add_text(out, val_as_str(val_at(columns, j), ""));
    }
    str_add(out, "|\n|---");
    for (size_t j = 0; j < val_len(columns); j++) str_add(out, "|---:");
    str_add(out, "|\n");
    for (size_t i = 0; i < val_len(m); i++) {
        str_add(out, "| ");
        add_text(out, val_as_str(val_at(val_get(chart, "rows"), i), ""));
        for (size_t j = 0; j < val_len(columns); j++)
            str_addf(out, " | %s",
                     report_number(buf, val_as_real(val_at(val_at(m, i), j), (double)NAN)));
        str_add(out, " |\n");
    }
    str_addc(out, '\n');
}

static void add_chart(struct str *out, const struct val *b)
{
    const char *kind = val_get_str(b, "chart", "");

    add_title(out, b);
    if (str_eq(kind, "bars")) add_bars(out, val_get(b, "items"));
    else if (str_eq(kind, "line")) add_lines(out, b);
    else if (str_eq(kind, "heat")) add_matrix(out, b);
    else {
        char lo[48], hi[48];
        const struct val *counts = val_get(b, "counts");
        double from = val_get_real(b, "lo", 0), width = val_get_real(b, "width", 0);
        str_addf(out, "%s `", report_number(lo, from));
        add_spark(out, counts);
        str_addf(out, "` %s\n\n", report_number(hi, from + width * (double)val_len(counts)));
    }
}

void report_write_markdown(struct str *out, const struct val *doc)
{
    const struct val *sections = val_get(doc, "sections");

    str_add(out, "# ");
    add_text(out, val_get_str(doc, "title", ""));
    str_add(out, "\n\n");
    add_text(out, val_get_str(doc, "subtitle", ""));
    str_add(out, "\n\n");
    for (size_t i = 0; i < val_len(sections); i++) {
        const struct val *s = val_at(sections, i), *blocks = val_get(s, "blocks");
        if (!val_len(blocks)) continue;
        str_add(out, *val_get_str(s, "title", "") ? "## " : "");
        add_text(out, val_get_str(s, "title", ""));
        str_add(out, "\n\n");
        for (size_t b = 0; b < val_len(blocks); b++) {
            const struct val *block = val_at(blocks, b);
            const char *type = val_get_str(block, "type", "");
            if (str_eq(type, "table")) add_table(out, block);
            else if (str_eq(type, "facts") || str_eq(type, "tiles")) add_items(out, block);
            else if (str_eq(type, "chart")) add_chart(out, block);
            else {
                add_text(out, val_get_str(block, "text", ""));
                str_add(out, "\n\n");
            }
        }
    }
    str_add(out, "_signalbox report, ");
    add_text(out, val_get_str(doc, "made_at", ""));
    str_add(out, "; intervals are 95 %_\n");
}
