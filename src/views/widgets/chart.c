/* chart.c: see chart.h. Dots are collected in a bitmap of the plot area (one byte a cell, the
 * bits of U+2800) next to the role of the series drawn last in that cell, then written out. A
 * plot of more than PLOT_MAX cells is no terminal's and is not drawn. */
#include "views/widgets/chart.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "views/fmt.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLOT_MAX = 32768, LABEL_W = 8, DOTS_X = 2, DOTS_Y = 4, BAND = 0x80 /* in plot.role */ };

struct plot {
    struct rect r; /* cells of the plot area */
    int dx, dy;    /* dots in a cell: 2x4, or 1x1 for ASCII */
    double x0, x1, y0, y1, y_step;
    unsigned char *bits, *role; /* one a cell */
    unsigned series;            /* being drawn */
};

void chart_nice(double lo, double hi, int ticks, double *ret_lo, double *ret_hi, double *ret_step)
{
    static const double steps[] = { 1, 2, 2.5, 5, 10 };
    if (!(hi > lo)) {
        double pad = lo == 0 ? 1 : fabs(lo) * 0.1;
        lo -= pad;
        hi += pad;
    }
    double raw = (hi - lo) / (ticks > 0 ? ticks : 1);
    double power = pow(10, floor(log10(raw)));
    double step = 10 * power;
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        if (steps[i] * power < raw * (1 - 1e-9)) continue;
        step = steps[i] * power;
        break;
    }
    *ret_lo = floor(lo / step + 1e-9) * step;
    *ret_hi = ceil(hi / step - 1e-9) * step;
    *ret_step = step;
}

/* -- scale ------------------------------------------------------------------------------ */

static void stretch(struct plot *p, double y)
{
    if (!isfinite(y)) return;
    p->y0 = fmin(p->y0, y);
    p->y1 = fmax(p->y1, y);
}

static bool data_range(const struct chart *c, struct plot *p)
{
    bool any = false;
    p->x0 = p->y0 = INFINITY;
    p->x1 = p->y1 = -INFINITY;
    for (size_t s = 0; s < c->n_series; s++) {
        for (size_t i = 0; i < c->series[s].n; i++) {
            struct chart_point q = c->series[s].p[i];
            if (!isfinite(q.x) || !isfinite(q.y)) continue;
            any = true;
            p->x0 = fmin(p->x0, q.x);
            p->x1 = fmax(p->x1, q.x);
            stretch(p, q.y);
            if (!c->series[s].band) continue;
            stretch(p, c->series[s].band[i].low);
            stretch(p, c->series[s].band[i].high);
        }
    }
    if (any) stretch(p, c->threshold);
    for (size_t i = 0; any && i < c->n_lines; i++) stretch(p, c->lines[i].y);
    return any;
}

static void scale(const struct chart *c, struct plot *p)
{
    double step;
    int ticks = p->r.h >= 12 ? 5 : 4; /* those without room get no label */
    chart_nice(p->y0, p->y1, ticks, &p->y0, &p->y1, &p->y_step);
    if (c->x_time) {
        if (p->x1 <= p->x0) p->x1 = p->x0 + 1;
        return;
    }
    double lo = p->x0 >= 0 && p->x0 <= p->x1 / 2 ? 0 : p->x0;
    double hi = fmax(p->x1, c->x_max);
    if (hi <= lo) hi = lo + 1;
    double ignored;
    chart_nice(lo, hi, 4, &ignored, &p->x1, &step);
    if (c->x_max > 0 && c->x_max >= hi) p->x1 = c->x_max; /* the plan is known: no rounding */
    p->x0 = lo;
}

/* -- dots ------------------------------------------------------------------------------- */

static int dot_x(const struct plot *p, double x)
{
    return (int)lround((x - p->x0) / (p->x1 - p->x0) * (p->r.w * p->dx - 1));
}

static int dot_y(const struct plot *p, double y)
{
    return (int)lround((p->y1 - y) / (p->y1 - p->y0) * (p->r.h * p->dy - 1));
}

static void set_dot(struct plot *p, int x, int y)
{
    static const unsigned char bit[DOTS_Y][DOTS_X] = {
        { 0x01, 0x08 }, { 0x02, 0x10 }, { 0x04, 0x20 }, { 0x40, 0x80 }
    };
    if (x < 0 || y < 0 || x >= p->r.w * p->dx || y >= p->r.h * p->dy) return;
    size_t at = (size_t)(y / p->dy) * (size_t)p->r.w + (size_t)(x / p->dx);
    p->bits[at] |= p->dx == 1 ? 1 : bit[y % DOTS_Y][x % DOTS_X];
    p->role[at] = (unsigned char)p->series;
}

static void line(struct plot *p, int x0, int y0, int x1, int y1)
{
    int dx = abs(x1 - x0), sx = x0 < x1 ? 1 : -1;
    int dy = -abs(y1 - y0), sy = y0 < y1 ? 1 : -1;
    int gap = dx + dy;
    for (;;) {
        set_dot(p, x0, y0);
        if (x0 == x1 && y0 == y1) return;
        int twice = 2 * gap;
        if (twice >= dy) {
            gap += dy;
            x0 += sx;
        }
        if (twice <= dx) {
            gap += dx;
            y0 += sy;
        }
    }
}

static void plot_series(struct plot *p, const struct chart_series *s)
{
    bool have = false;
    int px = 0, py = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!isfinite(s->p[i].x) || !isfinite(s->p[i].y)) {
            have = false;
            continue;
        }
        int x = dot_x(p, s->p[i].x), y = dot_y(p, s->p[i].y);
        line(p, have ? px : x, have ? py : y, x, y);
        px = x;
        py = y;
        have = true;
    }
}

/* Every other dot between low and high, as a chessboard, from one point to the next. */
static void plot_band(struct plot *p, const struct chart_series *s)
{
    for (size_t i = 0; i < s->n; i++) {
        size_t next = i + 1 < s->n ? i + 1 : i;
        const struct chart_band *a = &s->band[i], *b = &s->band[next];
        if (!isfinite(a->low) || !isfinite(a->high)) continue;
        if (!isfinite(b->low) || !isfinite(b->high)) {
            b = a;
            next = i;
        }
        int from = dot_x(p, s->p[i].x), to = dot_x(p, s->p[next].x);
        for (int x = from; x <= to; x++) {
            double t = to > from ? (double)(x - from) / (to - from) : 0;
            int top = dot_y(p, a->high + (b->high - a->high) * t);
            int bottom = dot_y(p, a->low + (b->low - a->low) * t);
            for (int y = top; y <= bottom; y++)
                if (p->dx == 1 || (x + y) % 2 == 0) set_dot(p, x, y);
        }
    }
}

/* The cells of bands, or those of lines: between the two come the straight lines, so that no
 * band hides a threshold and no threshold a value. */
static void write_dots(struct canvas *cv, const struct chart *c, const struct plot *p, bool bands)
{
    static const char mark[CHART_SERIES_MAX] = { '*', '+', 'o', 'x', '#', '@', '%', '&' };
    for (int y = 0; y < p->r.h; y++) {
        for (int x = 0; x < p->r.w; x++) {
            size_t at = (size_t)y * (size_t)p->r.w + (size_t)x;
            bool band = p->role[at] & BAND;
            if (!p->bits[at] || band != bands) continue;
            unsigned s = p->role[at] & ~(unsigned)BAND;
            uint32_t cp = !cv->ascii ? 0x2800u + p->bits[at] : band ? '.' : (uint32_t)mark[s];
            canvas_put(cv, p->r.x + x, p->r.y + y, band ? ROLE_RULE : c->series[s].role, cp);
        }
    }
}

/* -- axes ------------------------------------------------------------------------------- */

static void draw_y_axis(struct canvas *cv, const struct plot *p)
{
    char buf[FMT_LEN];
    canvas_vline(cv, p->r.x - 1, p->r.y, p->r.h, ROLE_RULE);
    int last = -2;
    for (double v = p->y1; v >= p->y0 - p->y_step / 2; v -= p->y_step) {
        if (fabs(v) < p->y_step / 1e6) v = 0;
        int y = dot_y(p, v) / p->dy;
        if (y < 0 || y >= p->r.h || y - last < 2) continue;
        struct rect at = rect_make(p->r.x - 1 - LABEL_W, p->r.y + y, LABEL_W - 1, 1);
        if (strlen(fmt_metric(buf, v)) > LABEL_W - 2 && v < 0) /* the sign must be seen */
            snprintf(buf, sizeof buf, "%.3g", v);
        canvas_right(cv, at, ROLE_DIM, buf);
        canvas_put(cv, p->r.x - 1, p->r.y + y, ROLE_RULE, 0x2524);
        last = y;
    }
}

static const char *x_text(char buf[FMT_LEN], double v)
{
    if (fabs(v - round(v)) < 1e-9 && fabs(v) < 1e7) snprintf(buf, FMT_LEN, "%.0f", v);
    else fmt_metric(buf, v);
    return buf;
}

/* "11-21 14:05", or "14:05" and "11-21" where the hours or the days say nothing. */
static const char *time_text(char buf[FMT_LEN], double seconds, double span)
{
    char text[32];
    clock_format(text, (int64_t)llround(seconds) * 1000000);
    if (span < 86400) snprintf(buf, FMT_LEN, "%.5s", text + 11);
    else if (span > 4 * 86400) snprintf(buf, FMT_LEN, "%.5s", text + 5);
    else snprintf(buf, FMT_LEN, "%.5s %.5s", text + 5, text + 11);
    return buf;
}

static void draw_x_axis(struct canvas *cv, const struct chart *c, const struct plot *p)
{
    char left[FMT_LEN], right[FMT_LEN];
    int y = p->r.y + p->r.h;
    canvas_put(cv, p->r.x - 1, y, ROLE_RULE, 0x2514);
    canvas_hline(cv, p->r.x, y, p->r.w, ROLE_RULE);
    double span = p->x1 - p->x0;
    c->x_time ? time_text(left, p->x0, span) : x_text(left, p->x0);
    c->x_time ? time_text(right, p->x1, span) : x_text(right, p->x1);
    int used = canvas_text(cv, p->r.x, y, ROLE_DIM, left);
    struct rect at = rect_make(p->r.x, y, p->r.w, 1);
    canvas_right(cv, at, ROLE_DIM, right);
    int width = c->x_label ? (int)utf8_width(c->x_label) : 0;
    int mid = p->r.x + (p->r.w - width) / 2;
    if (width && mid > p->r.x + used && mid + width < p->r.x + p->r.w - (int)strlen(right))
        canvas_printf(cv, mid - 1, y, ROLE_DIM, " %s ", c->x_label);
}

/* Under everything: where values are beyond the threshold. Sparse, and it never moves. */
static void draw_zone(struct canvas *cv, const struct chart *c, const struct plot *p)
{
    if (!c->bad_side || !isfinite(c->threshold)) return;
    int at = dot_y(p, c->threshold) / p->dy;
    int from = c->bad_side > 0 ? 0 : at + 1, to = c->bad_side > 0 ? at : p->r.h;
    canvas_fill(cv, rect_make(p->r.x, p->r.y + from, p->r.w, to - from), ROLE_RULE, ' ');
    for (int y = from; y < to; y++)
        for (int x = y % 2 * 2; x < p->r.w; x += 4)
            canvas_put(cv, p->r.x + x, p->r.y + y, ROLE_RULE, cv->ascii ? '.' : 0x00b7);
}

/* The cursor: little enough to be moved over a slow line. */
static void draw_cursor(struct canvas *cv, const struct chart *c, const struct plot *p)
{
    if (!(c->cursor > 0) || c->cursor < p->x0 || c->cursor > p->x1) return;
    int x = p->r.x + dot_x(p, c->cursor) / p->dx;
    canvas_put(cv, x, p->r.y, ROLE_MARK, 0x25bc);
    for (size_t i = 0; c->n_series && i < c->series[0].n; i++) {
        const struct chart_point *q = &c->series[0].p[i];
        if (fabs(q->x - c->cursor) > 0.5 || !isfinite(q->y)) continue;
        int y = dot_y(p, q->y) / p->dy;
        uint32_t glyph = cv->ascii ? 'O' : 0x25cf;
        canvas_put(cv, x, p->r.y + (y ? y : 1), ROLE_MARK, y ? glyph : 0x2502);
    }
}

/* Under the dots: lines that only say where something is. */
static void draw_lines(struct canvas *cv, const struct chart *c, const struct plot *p)
{
    for (size_t i = 0; i < c->n_lines; i++) {
        if (!isfinite(c->lines[i].y)) continue;
        int y = p->r.y + dot_y(p, c->lines[i].y) / p->dy;
        canvas_fill(cv, rect_make(p->r.x, y, p->r.w, 1), ROLE_DIM, cv->ascii ? '.' : 0x2504);
    }
}

/* Over everything: what happened. */
static void draw_marks(struct canvas *cv, const struct chart *c, const struct plot *p)
{
    for (size_t i = 0; i < c->n_marks; i++) {
        const struct chart_mark *m = &c->marks[i];
        if (m->x < p->x0 || m->x > p->x1) continue;
        int x = p->r.x + dot_x(p, m->x) / p->dx, y = p->r.y + p->r.h;
        if (isfinite(m->y)) y = p->r.y + dot_y(p, m->y) / p->dy;
        else if (x < p->r.x + 12 || x >= p->r.x + p->r.w - 12) y--; /* not over the labels */
        canvas_put(cv, x, y, m->role, m->glyph);
    }
}

static void draw_threshold(struct canvas *cv, const struct chart *c, const struct plot *p)
{
    if (!isfinite(c->threshold)) return;
    int y = p->r.y + dot_y(p, c->threshold) / p->dy;
    canvas_fill(cv, rect_make(p->r.x, y, p->r.w, 1), ROLE_WARN, cv->ascii ? '-' : 0x2508);
}

/* Returns the columns used; 0 when there is no room. */
static int legend_line(struct canvas *cv, struct rect at, const struct chart_line *l,
                       enum role role, uint32_t glyph)
{
    char num[FMT_LEN], text[80];
    if (!isfinite(l->y) || !l->name) return 0;
    snprintf(text, sizeof text, "%.40s %s", l->name, fmt_metric(num, l->y));
    int width = (int)utf8_width(text);
    if (2 + width > at.w) return 0;
    canvas_put(cv, at.x, at.y, role, glyph);
    canvas_text(cv, at.x + 2, at.y, role, text);
    return width + 4;
}

/* The value under the cursor, else the last known one. */
static double legend_value(const struct chart *c, const struct chart_series *q)
{
    double last = (double)NAN;
    for (size_t i = 0; c->cursor > 0 && i < q->n; i++)
        if (fabs(q->p[i].x - c->cursor) < 0.5) return q->p[i].y;
    for (size_t i = q->n; i-- > 0 && !isfinite(last);) last = q->p[i].y;
    return last;
}

static void draw_legend(struct canvas *cv, struct rect r, const struct chart *c)
{
    int x = r.x;
    for (size_t s = 0; s < c->n_series && s < CHART_SERIES_MAX; s++) {
        const struct chart_series *q = &c->series[s];
        if (!q->name) continue;
        char num[FMT_LEN], text[160];
        bool pointed = c->cursor > 0 && s == 0 && c->cursor_name;
        snprintf(text, sizeof text, "%.100s %s", pointed ? c->cursor_name : q->name,
                 fmt_metric(num, legend_value(c, q)));
        int width = (int)utf8_width(text);
        if (x + 2 + width > r.x + r.w) return;
        canvas_put(cv, x, r.y, q->role, cv->ascii ? (uint32_t) "*+ox#@%&"[s] : 0x25cf);
        canvas_text(cv, x + 2, r.y, ROLE_TEXT, text);
        x += width + 4;
    }
    const struct chart_line limit = { c->threshold, c->threshold_name };
    x += legend_line(cv, rect_make(x, r.y, r.x + r.w - x, 1), &limit, ROLE_WARN,
                     cv->ascii ? '-' : 0x2508);
    for (size_t i = 0; i < c->n_lines; i++)
        x += legend_line(cv, rect_make(x, r.y, r.x + r.w - x, 1), &c->lines[i], ROLE_DIM,
                         cv->ascii ? '.' : 0x2504);
}

void chart_draw(struct canvas *cv, struct rect r, const struct chart *c)
{
    struct plot p = { .dx = cv->ascii ? 1 : DOTS_X, .dy = cv->ascii ? 1 : DOTS_Y };
    struct rect old = canvas_clip(cv, r);
    draw_legend(cv, rect_make(r.x, r.y, r.w, 1), c);
    p.r = rect_make(r.x + LABEL_W, r.y + 1, r.w - LABEL_W, r.h - 2);
    bool room = p.r.w >= 8 && p.r.h >= 2;
    size_t cells = (size_t)p.r.w * (size_t)p.r.h;
    if (room && cells <= PLOT_MAX && c->n_series <= CHART_SERIES_MAX && data_range(c, &p)) {
        scale(c, &p);
        p.bits = mem_zalloc(cells, 2);
        p.role = p.bits + cells;
        for (unsigned s = 0; s < c->n_series; s++) {
            p.series = s | BAND;
            if (c->series[s].band) plot_band(&p, &c->series[s]);
        }
        for (p.series = 0; p.series < c->n_series; p.series++)
            plot_series(&p, &c->series[p.series]);
        draw_zone(cv, c, &p);
        draw_y_axis(cv, &p);
        draw_x_axis(cv, c, &p);
        write_dots(cv, c, &p, true);
        draw_lines(cv, c, &p);
        draw_threshold(cv, c, &p);
        write_dots(cv, c, &p, false);
        draw_marks(cv, c, &p);
        draw_cursor(cv, c, &p);
        free(p.bits);
    }
    canvas_unclip(cv, old);
}
