/* datasets_detail.c: the page beside the lists of the Data pane: a column with its histogram,
 * quantiles, levels and outliers; the strongest pairs with a heat map of all; what each column
 * tells about the target. */
#include "base/mem.h"
#include "base/utf8.h"
#include "views/datasets.h"
#include "views/page.h"
#include "views/widgets/heat.h"
#include "views/widgets/meter.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BINS = 40, NAME_W = 14, HEAT_W = 3 };

static double number(const struct val *o, const char *key)
{
    return val_get_real(o, key, (double)NAN);
}

/* "12.4", or a time as it is. */
static const char *text_of(char buf[FMT_LEN], const struct val *v)
{
    double x = val_as_real(v, (double)NAN);
    if (val_type(v) == VAL_STR) return fmt_time(buf, val_as_str(v, ""));
    if (!isfinite(x)) return fmt_metric(buf, x);
    if (fabs(x) >= 10000 && fabs(x) < 1e15) return fmt_count(buf, (int64_t)x);
    snprintf(buf, FMT_LEN, "%.4g", x);
    return buf;
}

/* -- a column --------------------------------------------------------------------------- */

/* Columns of eighths, one or more cells a bin, as high as the rectangle. */
static void draw_bars(struct canvas *cv, struct rect r, const double *v, size_t n)
{
    double top = 0;
    int w = n ? r.w / (int)n : 0;
    for (size_t i = 0; i < n; i++) top = fmax(top, v[i]);
    if (w < 1 || !(top > 0)) return;
    if (w > 4) w = 4;
    for (size_t i = 0; i < n; i++) {
        int eighths = (int)lround(v[i] / top * 8 * r.h);
        if (v[i] > 0 && eighths == 0) eighths = 1;
        for (int y = 0; y < r.h && eighths > 0; y++, eighths -= 8) {
            uint32_t glyph = eighths >= 8 ? 0x2588u : 0x2580u + (uint32_t)eighths;
            int gap = w > 2 ? 1 : 0;
            canvas_fill(cv, rect_make(r.x + (int)i * w, r.y + r.h - 1 - y, w - gap, 1), ROLE_S1,
                        glyph);
        }
    }
}

static void draw_histogram(struct page *p, const struct val *c)
{
    double counts[BINS];
    char low[FMT_LEN], high[FMT_LEN];
    size_t n = data_counts(c, counts, BINS);
    int h = p->r.h >= 26 ? 10 : p->r.h >= 16 ? 6 : p->r.h >= 9 ? 4 : 2;
    struct rect at = page_take(p, h);
    draw_bars(p->cv, at, counts, n);
    at = page_take(p, 1);
    int w = n ? at.w / (int)n : 0;
    if (w > 4) w = 4;
    canvas_fit(p->cv, rect_make(at.x, at.y, at.w / 2, 1), ROLE_DIM,
               text_of(low, val_get(c, "min")));
    if (w > 0)
        canvas_right(p->cv, rect_make(at.x + (int)n * w / 2, at.y, (int)n * w - (int)n * w / 2, 1),
                     ROLE_DIM, text_of(high, val_get(c, "max")));
}

static void draw_levels(struct page *p, const struct val *c, double rows)
{
    const struct val *top = val_get(c, "top");
    double most = val_get_real(val_at(top, 0), "count", 1);
    for (size_t i = 0; i < val_len(top) && p->r.h > 6; i++) {
        const struct val *o = val_at(top, i);
        double k = val_get_real(o, "count", 0);
        char share[FMT_LEN];
        struct rect at = page_take(p, 1);
        int name = at.w / 3;
        canvas_fit(p->cv, rect_make(at.x, at.y, name, 1), ROLE_TEXT, val_get_str(o, "value", ""));
        meter_bar(p->cv, rect_make(at.x + name + 1, at.y, at.w - name - 9, 1), ROLE_S1, k / most);
        canvas_right(p->cv, rect_make(at.x + at.w - 7, at.y, 7, 1), ROLE_DIM,
                     fmt_percent(share, rows > 0 ? k / rows : 0));
    }
}

static void draw_quantiles(struct page *p, const struct val *c)
{
    const struct val *q = val_get(c, "quantiles"), *o = val_get(c, "outliers");
    char a[FMT_LEN], b[FMT_LEN], m[FMT_LEN], text[160];
    if (!q) return;
    snprintf(text, sizeof text, "%s   half within %s to %s", text_of(m, val_get(q, "p50")),
             text_of(a, val_get(q, "p25")), text_of(b, val_get(q, "p75")));
    page_fact(p, "median", ROLE_TEXT, text);
    snprintf(text, sizeof text, "%s to %s", text_of(a, val_get(q, "p05")),
             text_of(b, val_get(q, "p95")));
    page_fact(p, "90 % within", ROLE_TEXT, text);
    snprintf(text, sizeof text, "%s ± %s", text_of(m, val_get(c, "mean")),
             text_of(a, val_get(c, "std")));
    page_fact(p, "mean", ROLE_TEXT, text);
    if (!o) return;
    snprintf(text, sizeof text, "%s beyond %s and %s", fmt_count(m, val_get_int(o, "iqr", 0)),
             text_of(a, val_get(o, "low")), text_of(b, val_get(o, "high")));
    page_fact(p, "outliers", val_get_int(o, "iqr", 0) ? ROLE_WARN : ROLE_TEXT, text);
    const struct val *worst = val_at(val_get(o, "extreme"), 0);
    snprintf(text, sizeof text, "%s in row %lld", text_of(m, val_get(worst, "value")),
             (long long)val_get_int(worst, "row", 0));
    if (worst) page_fact(p, "farthest", ROLE_TEXT, text);
}

/* Its strongest partner among the pairs of the profile. */
static void draw_partner(struct page *p, const struct val *profile, const char *name)
{
    const struct val *pairs = fmt_path(profile, "correlations.pairs");
    for (size_t i = 0; i < val_len(pairs); i++) {
        const struct val *o = val_at(pairs, i);
        const char *a = val_get_str(o, "a", ""), *b = val_get_str(o, "b", "");
        char text[160], v[FMT_LEN];
        if (!str_eq(a, name) && !str_eq(b, name)) continue;
        snprintf(text, sizeof text, "%.60s (%s %s)", str_eq(a, name) ? b : a, val_key(o, 2),
                 fmt_metric(v, val_as_real(val_at(o, 2), 0)));
        page_fact(p, "goes with", ROLE_TEXT, text);
        return;
    }
}

static void draw_column(const struct view *v, struct page *p)
{
    const struct val *profile = view_data(v, DT_PROFILE), *c = data_column(v),
                     *flags = val_get(c, "flags");
    double rows = val_get_real(profile, "rows", 0);
    char text[160], n[FMT_LEN], share[FMT_LEN];
    if (!c) return;
    if (val_has(c, "histogram")) draw_histogram(p, c);
    else draw_levels(p, c, rows);
    snprintf(text, sizeof text, "%s (%s)", fmt_count(n, val_get_int(c, "missing", 0)),
             fmt_percent(share, rows > 0 ? val_get_real(c, "missing", 0) / rows : 0));
    page_fact(p, "missing", val_get_int(c, "missing", 0) ? ROLE_WARN : ROLE_TEXT, text);
    page_fact(p, "distinct", ROLE_TEXT, fmt_count(n, val_get_int(c, "distinct", 0)));
    draw_quantiles(p, c);
    draw_partner(p, profile, val_get_str(c, "name", ""));
    for (size_t i = 0; i < val_len(flags); i++)
        page_fact(p, i ? "" : "note", ROLE_WARN, val_as_str(val_at(flags, i), ""));
}

/* -- pairs ------------------------------------------------------------------------------ */

static enum heat step_of(double v)
{
    double s = fabs(v);
    return isnan(v) ? HEAT_NONE
           : s < .1 ? HEAT_CALM
           : s < .3 ? HEAT_WARM
           : s < .5 ? HEAT_NEAR
           : s < .7 ? HEAT_DRIFTED
                    : HEAT_FAR;
}

static void draw_map(struct page *p, const struct val *c)
{
    const struct val *names = val_get(c, "columns"), *m = val_get(c, "matrix");
    int n = (int)val_len(names), room = (p->r.w - NAME_W) / HEAT_W, rows = p->r.h * 3 / 5;
    int k = n < room ? n : room;
    if (rows < 4) return;
    for (int i = 0; i < n && i < rows; i++) {
        struct rect at = page_take(p, 1);
        canvas_fit(p->cv, rect_make(at.x, at.y, NAME_W - 1, 1), ROLE_TEXT,
                   val_as_str(val_at(names, (size_t)i), ""));
        for (int j = 0; j < k; j++) {
            double v = val_as_real(val_at(val_at(m, (size_t)i), (size_t)j), (double)NAN);
            heat_put(p->cv, rect_make(at.x + NAME_W + j * HEAT_W, at.y, HEAT_W, 1), step_of(v));
        }
    }
    canvas_fit(p->cv, page_take(p, 1), ROLE_DIM, "over  .7 █  .5 ▓  .3 ▒  .1 ░   either sign");
}

static void draw_together(const struct view *v, struct page *p)
{
    const struct val *c = val_get(view_data(v, DT_PROFILE), "correlations"),
                     *pairs = val_get(c, "pairs");
    if (!val_len(pairs)) {
        page_fact(p, "", ROLE_DIM,
                  "no two columns to compare; a data set imported by an older "
                  "version has no correlations");
        return;
    }
    draw_map(p, c);
    page_section(p, "Strongest", "Pearson, Cramér's V, ratio");
    for (size_t i = 0; i < val_len(pairs) && p->r.h > 0; i++) {
        const struct val *o = val_at(pairs, i);
        char text[200], n[FMT_LEN];
        struct rect at = page_take(p, 1);
        snprintf(text, sizeof text, "%.80s · %.80s", val_get_str(o, "a", ""),
                 val_get_str(o, "b", ""));
        canvas_fit(p->cv, rect_make(at.x, at.y, at.w - 9, 1), ROLE_TEXT, text);
        canvas_right(p->cv, rect_make(at.x + at.w - 8, at.y, 8, 1), ROLE_TEXT,
                     fmt_metric(n, val_as_real(val_at(o, 2), (double)NAN)));
    }
}

/* -- target ----------------------------------------------------------------------------- */

static void draw_target(const struct view *v, struct page *p)
{
    const struct data *s = v->state;
    const struct val *t = view_data(v, DT_TARGET), *list = val_get(t, "target_relation");
    if (!s->target[0]) {
        page_fact(p, "", ROLE_DIM, "e makes the column under the cursor the target");
        return;
    }
    if (!str_eq(val_get_str(t, "target", ""), s->target)) return; /* not yet answered */
    for (size_t i = 0; i < val_len(list) && p->r.h > 0; i++) {
        const struct val *o = val_at(list, i);
        char share[FMT_LEN];
        struct rect at = page_take(p, 1);
        int name = at.w * 2 / 5;
        canvas_fit(p->cv, rect_make(at.x, at.y, name, 1),
                   val_has(o, "note") ? ROLE_WARN : ROLE_TEXT, val_get_str(o, "name", ""));
        meter_bar(p->cv, rect_make(at.x + name + 1, at.y, at.w - name - 9, 1), ROLE_S1,
                  number(o, "share"));
        canvas_right(p->cv, rect_make(at.x + at.w - 7, at.y, 7, 1), ROLE_DIM,
                     fmt_percent(share, number(o, "share")));
    }
}

void data_detail_draw(struct view *v, struct canvas *cv, struct rect r)
{
    const struct data *s = v->state;
    struct page p = { cv, r };
    char title[160];
    if (!view_data(v, DT_PROFILE) || r.h < 2) return;
    if (s->page == PAGE_COLUMN)
        snprintf(title, sizeof title, "%.100s", val_get_str(data_column(v), "name", ""));
    else if (s->page == PAGE_TOGETHER) snprintf(title, sizeof title, "How columns hang together");
    else
        snprintf(title, sizeof title, "What tells about %.100s",
                 s->target[0] ? s->target : "a target");
    canvas_heading(cv, page_take(&p, 1), ROLE_TITLE, title, "n next page");
    if (s->page == PAGE_COLUMN) draw_column(v, &p);
    else if (s->page == PAGE_TOGETHER) draw_together(v, &p);
    else draw_target(v, &p);
}
