/* svg.c: see svg.h: line charts, bars, histograms and sparks; heat maps are in svg_heat.c. */
#include "app/svg.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    COLOURS = 6,
    BAR = 17,
    BAR_GAP = 7,
    BAR_LABEL = 168,
    BARS_MAX = 40,
    SPARK_W = 84,
    SPARK_H = 18
};

static double at(const struct val *list, size_t i)
{
    return val_as_real(val_at(list, i), (double)NAN);
}

/* ---- lines ------------------------------------------------------------------------------- */

static void widen(double v, double *lo, double *hi)
{
    if (!isfinite(v)) return;
    if (isnan(*lo) || v < *lo) *lo = v;
    if (isnan(*hi) || v > *hi) *hi = v;
}

static void limits(const struct val *chart, struct svg_plot *p)
{
    const struct val *series = val_get(chart, "series");

    p->x0 = p->x1 = p->y0 = p->y1 = (double)NAN;
    for (size_t s = 0; s < val_len(series); s++) {
        const struct val *points = val_get(val_at(series, s), "points");
        for (size_t i = 0; i < val_len(points); i++) {
            const struct val *q = val_at(points, i);
            widen(at(q, 0), &p->x0, &p->x1);
            for (size_t k = 1; k < val_len(q); k++) widen(at(q, k), &p->y0, &p->y1);
        }
    }
    if (isnan(p->x0)) {
        p->x0 = 0;
        p->x1 = 1;
    }
    if (isnan(p->y0)) {
        p->y0 = 0;
        p->y1 = 1;
    }
    if (p->x1 <= p->x0) p->x1 = p->x0 + 1;
    svg_nice(&p->y0, &p->y1, 5);
    p->x0 = val_get_real(chart, "x_min", p->x0);
    p->x1 = val_get_real(chart, "x_max", p->x1);
    p->y0 = val_get_real(chart, "y_min", p->y0);
    p->y1 = val_get_real(chart, "y_max", p->y1);
}

static void add_path(struct str *out, const struct svg_plot *p, const struct val *points)
{
    bool drawing = false;

    for (size_t i = 0; i < val_len(points); i++) {
        double x = at(val_at(points, i), 0), y = at(val_at(points, i), 1);
        if (!isfinite(x) || !isfinite(y)) {
            drawing = false;
            continue;
        }
        str_addf(out, "%c%.1f %.1f", drawing ? 'L' : 'M', svg_x(p, x), svg_y(p, y));
        drawing = true;
    }
}

static void add_dots(struct str *out, const struct svg_plot *p, const struct val *points,
                     size_t colour)
{
    for (size_t i = 0; i < val_len(points); i++) {
        const struct val *q = val_at(points, i);
        double x = svg_x(p, at(q, 0)), low = at(q, 2), high = at(q, 3);
        if (!isfinite(at(q, 1)) || !isfinite(at(q, 0))) continue;
        if (isfinite(low) && isfinite(high))
            str_addf(out, "<path class=\"w s%zu\" d=\"M%.1f %.1fV%.1f\"/>", colour, x,
                     svg_y(p, fmax(low, p->y0)), svg_y(p, fmin(high, p->y1)));
        str_addf(out, "<circle class=\"f%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"3.4\"/>", colour, x,
                 svg_y(p, at(q, 1)));
    }
}

static void add_series(struct str *out, const struct svg_plot *p, const struct val *series,
                       size_t colour)
{
    const struct val *points = val_get(series, "points");
    size_t n = val_len(points);

    if (val_get_bool(series, "area", false) && n > 1) {
        str_addf(out, "<path class=\"f%zu\" fill-opacity=\".12\" d=\"", colour);
        add_path(out, p, points);
        str_addf(out, "L%.1f %.1fL%.1f %.1fZ\"/>", svg_x(p, at(val_at(points, n - 1), 0)),
                 p->bottom, svg_x(p, at(val_at(points, 0), 0)), p->bottom);
    }
    str_addf(out, "<path class=\"n s%zu\" d=\"", colour);
    add_path(out, p, points);
    str_add(out, "\"/>");
    if (val_get_bool(series, "dots", false) || n == 1) add_dots(out, p, points, colour);
}

static void add_legend(struct str *out, const struct svg_plot *p, const struct val *series)
{
    double x = p->left;

    for (size_t s = 0; s < val_len(series); s++) {
        STR_AUTO cut = STR_INIT;
        svg_short(&cut, val_get_str(val_at(series, s), "name", ""), 28);
        str_addf(out, "<path class=\"n s%zu\" d=\"M%.1f 12h16\"/>", s % COLOURS, x);
        svg_text(out, x + 21, 16, "class=\"t\"", str_c(&cut));
        x += 36 + 6.6 * (double)cut.len;
    }
}

static void draw_line(struct str *out, const struct val *chart)
{
    struct svg_plot p = { .left = 70, .top = 26, .right = SVG_W - 14, .bottom = SVG_H - 46 };
    const struct val *series = val_get(chart, "series"), *marks = val_get(chart, "marks");

    limits(chart, &p);
    svg_begin(out, SVG_W, SVG_H, chart);
    svg_axes(out, &p, chart);
    if (val_get_bool(chart, "diagonal", false))
        str_addf(out, "<path class=\"d\" d=\"M%.1f %.1fL%.1f %.1f\"/>", svg_x(&p, p.x0),
                 svg_y(&p, p.y0), svg_x(&p, p.x1), svg_y(&p, p.y1));
    for (size_t i = 0; i < val_len(marks); i++) {
        double x = svg_x(&p, val_get_real(val_at(marks, i), "x", p.x0));
        str_addf(out, "<path class=\"d\" d=\"M%.1f %.1fV%.1f\"/>", x, p.top, p.bottom);
        svg_text(out, x + (x > (p.left + p.right) / 2 ? -5 : 5), p.top + 12,
                 x > (p.left + p.right) / 2 ? "class=\"t\" text-anchor=\"end\"" : "class=\"t\"",
                 val_get_str(val_at(marks, i), "label", ""));
    }
    for (size_t s = 0; s < val_len(series); s++)
        add_series(out, &p, val_at(series, s), s % COLOURS);
    if (val_len(series) > 1) add_legend(out, &p, series);
    svg_end(out);
}

/* ---- bars -------------------------------------------------------------------------------- */

static void add_bar(struct str *out, const struct svg_plot *p, const struct val *item, double y)
{
    double v = val_get_real(item, "value", (double)NAN),
           low = val_get_real(item, "low", (double)NAN),
           high = val_get_real(item, "high", (double)NAN);
    double zero = svg_x(p, fmax(p->x0, 0)), end = svg_x(p, isnan(v) ? 0 : v), mid = y + BAR / 2.;
    char buf[48];
    STR_AUTO label = STR_INIT;

    svg_short(&label, val_get_str(item, "label", ""), 25);
    svg_text(out, BAR_LABEL - 9, mid + 4, "class=\"t\" text-anchor=\"end\"", str_c(&label));
    str_addf(out,
             "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"2\"/>",
             v < 0 ? "f3" : "f0", fmin(zero, end), y, fmax(fabs(end - zero), .8), BAR);
    if (isfinite(low) && isfinite(high))
        str_addf(out, "<path class=\"w a\" d=\"M%.1f %.1fH%.1fM%.1f %.1fv6M%.1f %.1fv6\"/>",
                 svg_x(p, low), mid, svg_x(p, high), svg_x(p, low), mid - 3, svg_x(p, high),
                 mid - 3);
    double right = fmax(fmax(zero, end), isfinite(high) ? svg_x(p, high) : 0);
    svg_text(out, right + 6, mid + 4, "class=\"t\"", report_number(buf, v));
}

static void draw_bars(struct str *out, const struct val *chart)
{
    const struct val *items = val_get(chart, "items");
    size_t n = val_len(items) < BARS_MAX ? val_len(items) : BARS_MAX;
    double lo = 0, hi = 0, h = 8 + (double)n * (BAR + BAR_GAP);

    for (size_t i = 0; i < n; i++) {
        widen(val_get_real(val_at(items, i), "value", (double)NAN), &lo, &hi);
        widen(val_get_real(val_at(items, i), "high", (double)NAN), &lo, &hi);
        widen(val_get_real(val_at(items, i), "low", (double)NAN), &lo, &hi);
    }
    if (hi <= lo) hi = lo + 1;
    const struct svg_plot p = { BAR_LABEL, 4, SVG_W - 62, h, lo, hi, 0, 1 };
    svg_begin(out, SVG_W, h, chart);
    for (size_t i = 0; i < n; i++)
        add_bar(out, &p, val_at(items, i), 4 + (double)i * (BAR + BAR_GAP));
    str_addf(out, "<path class=\"a\" d=\"M%.1f 0V%.1f\"/>", svg_x(&p, 0), h);
    svg_end(out);
}

static double largest(const struct val *counts)
{
    double top = 0;

    for (size_t i = 0; i < val_len(counts); i++) top = fmax(top, at(counts, i));
    return top > 0 ? top : 1;
}

static void draw_histogram(struct str *out, const struct val *chart)
{
    const struct val *counts = val_get(chart, "counts");
    size_t n = val_len(counts);
    double lo = val_get_real(chart, "lo", 0), width = val_get_real(chart, "width", 1);
    struct svg_plot p = { .left = 70,
                          .top = 14,
                          .right = SVG_W - 14,
                          .bottom = SVG_H - 46,
                          .x0 = lo,
                          .x1 = lo + width * (double)n,
                          .y1 = largest(counts) };

    if (!(p.x1 > p.x0)) {
        p.x0 -= .5;
        p.x1 += .5;
        width = 1;
    }
    svg_nice(&p.y0, &p.y1, 5);
    svg_begin(out, SVG_W, SVG_H, chart);
    svg_axes(out, &p, chart);
    for (size_t i = 0; i < n; i++) {
        double x = svg_x(&p, p.x0 + width * (double)i), y = svg_y(&p, at(counts, i));
        double w = svg_x(&p, p.x0 + width * (double)(i + 1)) - x;
        str_addf(out, "<rect class=\"f0\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                 x + .5, y, fmax(.5, w - 1), p.bottom - y);
    }
    if (p.x0 < 0 && p.x1 > 0)
        str_addf(out, "<path class=\"d\" d=\"M%.1f %.1fV%.1f\"/>", svg_x(&p, 0), p.top, p.bottom);
    svg_end(out);
}

void svg_spark(struct str *out, const struct val *counts)
{
    size_t n = val_len(counts);
    double top = largest(counts), w = SPARK_W / (double)(n ? n : 1);

    str_addf(out, "<svg class=\"spark\" viewBox=\"0 0 %d %d\" aria-hidden=\"true\">", SPARK_W,
             SPARK_H);
    for (size_t i = 0; i < n; i++) {
        double v = at(counts, i), h = v > 0 ? fmax(1, v / top * SPARK_H) : 0;
        str_addf(out, "<rect class=\"f0\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>",
                 w * (double)i, SPARK_H - h, fmax(.5, w - .6), h);
    }
    str_add(out, "</svg>");
}

void svg_chart(struct str *out, const struct val *chart)
{
    static const struct {
        const char *kind;
        void (*draw)(struct str *, const struct val *);
    } kinds[] = {
        { "line", draw_line },
        { "bars", draw_bars },
        { "histogram", draw_histogram },
        { "heat", svg_heat },
    };
    const char *kind = val_get_str(chart, "chart", "");

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].kind, kind)) kinds[i].draw(out, chart);
}
