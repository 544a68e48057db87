/* runs_compare.c: marked runs side by side: their curves over each other, then every metric with
 * the best one starred, then parameters, those that differ first and highlighted. */
#include "base/mem.h"
#include "views/runs.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { NAME_W = 20 };

static size_t curves(const struct view *v, struct arena *a, struct chart_series *out)
{
    const struct runs *s = v->state;
    const char *groups[16];
    size_t n = 0;
    int have = runs_groups(view_data(v, RF_CURVE), groups, 16);
    if (have == 0) return 0;
    const char *group = groups[s->chart % have];
    for (int i = 0; i < RUN_CURVES && (size_t)i < v->tables[RP_LIST].marks.n; i++) {
        const struct val *run = view_data(v, RF_CURVE + i);
        struct chart_point *p;
        size_t points = runs_history(a, run, group, &p);
        if (!points) points = runs_history(a, run, arena_printf(a, "valid_%s", group), &p);
        if (!points) points = runs_history(a, run, arena_printf(a, "train_%s", group), &p);
        const char *name = val_get_str(run, "name", "");
        out[n++] = (struct chart_series){ p, points, arena_printf(a, "%s %s", name, group),
                                          theme_series((unsigned)i), NULL };
    }
    return n;
}

static void draw_curves(const struct view *v, struct canvas *cv, struct rect r)
{
    struct arena a = ARENA_INIT;
    struct chart_series series[CHART_SERIES_MAX];
    struct chart c = { .series = series, .threshold = (double)NAN, .x_label = "step" };
    c.n_series = curves(v, &a, series);
    if (c.n_series) chart_draw(cv, r, &c);
    arena_done(&a);
}

static void draw_names(const struct view *v, struct canvas *cv, struct rect r, int n, int w)
{
    const struct val *c = view_data(v, RF_COMPARE);
    for (int i = 0; i < n; i++) {
        struct rect at = rect_make(r.x + NAME_W + i * w, r.y, w - 1, 1);
        char id[FMT_LEN];
        canvas_put(cv, at.x, at.y, theme_series((unsigned)i), 0x25cf);
        at = rect_make(at.x + 2, at.y, at.w - 2, 1);
        const char *name = val_as_str(val_at(val_get(c, "names"), (size_t)i), NULL);
        canvas_fit(cv, at, ROLE_STRONG,
                   name ? name : fmt_id(id, val_as_str(val_at(val_get(c, "runs"), (size_t)i), "")));
    }
}

static void draw_field(const struct val *f, struct canvas *cv, struct rect r, int n, int w)
{
    bool metric = str_eq(val_get_str(f, "kind", ""), "metric");
    bool differs = val_get_bool(f, "differs", false);
    int64_t best = val_has(f, "best") ? val_get_int(f, "best", -1) : -1;
    canvas_put(cv, r.x, r.y, ROLE_MARK, differs && !metric ? 0x2260 : ' ');
    canvas_fit(cv, rect_make(r.x + 2, r.y, NAME_W - 3, 1), differs ? ROLE_TEXT : ROLE_DIM,
               val_get_str(f, "name", ""));
    for (int i = 0; i < n; i++) {
        char text[128];
        const struct val *value = val_at(val_get(f, "values"), (size_t)i);
        fmt_val(text, sizeof text - 8, value, metric ? "real" : NULL, 0);
        if (i == best) strcat(text, " ★");
        enum role role = i == best ? ROLE_OK : !differs ? ROLE_DIM : metric ? ROLE_TEXT : ROLE_MARK;
        canvas_fit(cv, rect_make(r.x + NAME_W + i * w, r.y, w - 1, 1), role, text);
    }
}

/* Draws fields of one kind from line *at on; returns how many there were. */
static int draw_kind(struct view *v, struct canvas *cv, struct rect r, int *at, const char *kind,
                     bool differs)
{
    struct listing_rows rows = v->ops->rows(v, RP_COMPARE);
    int n = (int)val_len(val_get(view_data(v, RF_COMPARE), "runs")), found = 0;
    int w = n ? (r.w - NAME_W) / n : r.w;
    long top = v->tables[RP_COMPARE].top;
    for (long i = 0; i < rows.total; i++) {
        const struct val *f = val_at(rows.list, (size_t)i);
        if (!str_eq(val_get_str(f, "kind", ""), kind)) continue;
        if (val_get_bool(f, "differs", false) != differs) continue;
        int y = r.y + *at - (int)top;
        if (y >= r.y && y < r.y + r.h) draw_field(f, cv, rect_make(r.x, y, r.w, 1), n, w);
        ++*at;
        found++;
    }
    return found;
}

static void draw_fields(struct view *v, struct canvas *cv, struct rect r)
{
    struct listing *t = &v->tables[RP_COMPARE];
    int n = (int)val_len(val_get(view_data(v, RF_COMPARE), "runs")), at = 0;
    if (n == 0) return;
    draw_names(v, cv, r, n, (r.w - NAME_W) / n);
    struct rect body = rect_make(r.x, r.y + 1, r.w, r.h - 1);
    long total = v->ops->rows(v, RP_COMPARE).total;
    t->page = body.h > 1 ? body.h : 1;
    t->top = t->cursor < total - body.h ? t->cursor : total - body.h; /* the cursor scrolls */
    if (t->top < 0) t->top = 0;
    struct rect old = canvas_clip(cv, body);
    draw_kind(v, cv, body, &at, "metric", true);
    draw_kind(v, cv, body, &at, "metric", false);
    draw_kind(v, cv, body, &at, "param", true);
    draw_kind(v, cv, body, &at, "attribute", true);
    draw_kind(v, cv, body, &at, "tag", true);
    draw_kind(v, cv, body, &at, "param", false);
    draw_kind(v, cv, body, &at, "attribute", false);
    draw_kind(v, cv, body, &at, "tag", false);
    canvas_unclip(cv, old);
}

void runs_compare_draw(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    (void)ctx;
    char title[64];
    snprintf(title, sizeof title, "Compare %zu runs", v->tables[RP_LIST].marks.n);
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), ROLE_TITLE, title, "≠ differs  ★ best");
    struct rect rest = rect_make(r.x, r.y + 1, r.w, r.h - 1);
    if (!view_data(v, RF_COMPARE)) return;
    const char *groups[1];
    if (rest.h >= 14 && runs_groups(view_data(v, RF_CURVE), groups, 1)) {
        int h = rest.h * 2 / 5;
        draw_curves(v, cv, rect_make(rest.x, rest.y, rest.w, h));
        rest = rect_make(rest.x, rest.y + h + 1, rest.w, rest.h - h - 1);
    }
    draw_fields(v, cv, rest);
}
