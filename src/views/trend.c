/* trend.c: see trend.h. */
#include "views/trend.h"
#include "views/moment.h"
#include "views/widgets/chart.h"
#include <math.h>
#include <stdio.h>

enum { POINTS_MAX = 2000, MARKS_MAX = 64 };
#define DEPLOY 0x25b2
#define CHANGE 0x25c6

struct trend {
    struct chart_point *p;
    struct chart_band *band;
    struct chart_mark marks[MARKS_MAX];
    size_t n, n_marks, breaches;
    long long deployed; /* version of the last move within the chart; 0: none */
};

static double seconds(const char *rfc3339)
{
    int64_t us = moment_us(rfc3339);
    return us == INT64_MIN ? (double)NAN : (double)us / 1e6;
}

static void add_mark(struct trend *t, struct chart_mark m)
{
    if (t->n_marks < MARKS_MAX && isfinite(m.x)) t->marks[t->n_marks++] = m;
}

/* The newest windows, and those back to the cursor. */
static void read_points(const struct trend_look *look, struct arena *a, struct trend *t)
{
    const struct val *list = val_get(look->trend, "points");
    size_t all = val_len(list), first = 0;
    long at = moment_index(look->focus, list, "window_start");
    if (look->windows && all > look->windows) first = all - look->windows;
    if (at >= 0 && (size_t)at < first) first = (size_t)at;
    if (all - first > POINTS_MAX) first = all - POINTS_MAX;
    t->n = all - first;
    t->p = arena_array(a, t->n + 1, struct chart_point);
    t->band = arena_array(a, t->n + 1, struct chart_band);
    for (size_t i = 0; i < t->n; i++) {
        const struct val *v = val_at(list, first + i);
        t->p[i] = (struct chart_point){ seconds(val_get_str(v, "window_start", NULL)),
                                        val_get_real(v, "value", (double)NAN) };
        t->band[i] = (struct chart_band){ val_get_real(v, "low", (double)NAN),
                                          val_get_real(v, "high", (double)NAN) };
        if (!val_get_bool(v, "breach", false)) continue;
        t->breaches++;
        add_mark(t, (struct chart_mark){ t->p[i].x, t->p[i].y, 0x2717, ROLE_BAD });
    }
}

/* Promotions and rollbacks of the model, and where the trend changed, on the time axis. */
static void read_events(const struct trend_look *look, struct trend *t)
{
    for (size_t i = 0; i < val_len(look->moves); i++) {
        const struct val *h = val_at(look->moves, i);
        if (!str_eq(val_get_str(h, "to", "Production"), "Production") ||
            !str_eq(val_get_str(h, "name", look->model), look->model))
            continue;
        double x = seconds(val_get_str(h, "at", NULL));
        if (t->n == 0 || x < t->p[0].x || x > t->p[t->n - 1].x) continue;
        long long version = val_get_int(h, "version", 0);
        if (version > t->deployed) t->deployed = version;
        add_mark(t, (struct chart_mark){ x, (double)NAN, DEPLOY, ROLE_PROD });
    }
    const char *at = val_get_str(val_get(look->trend, "change"), "at", NULL);
    if (at) add_mark(t, (struct chart_mark){ seconds(at), (double)NAN, CHANGE, ROLE_WARN });
}

/* "✗ 3 breaches  ◆ sudden 03-14 01:00  ▲ v3 promoted". */
static void draw_words(const struct trend_look *look, const struct trend *t, struct canvas *cv,
                       struct rect at)
{
    const struct val *change = val_get(look->trend, "change");
    const char *when = val_get_str(change, "at", NULL), *like = val_get_str(change, "like", NULL);
    char text[FMT_LEN], past[FMT_LEN];
    int x = at.x;
    if (t->breaches)
        x += canvas_printf(cv, x, at.y, ROLE_BAD, "✗ %zu breach%s", t->breaches,
                           t->breaches == 1 ? "" : "es") +
             2;
    if (when)
        x += canvas_printf(cv, x, at.y, ROLE_WARN, "◆ %s %s%s%s", val_get_str(change, "kind", ""),
                           moment_text(text, when), like ? ", like " : "",
                           like ? moment_text(past, like) : "") +
             2;
    if (t->deployed && x + 10 <= at.x + at.w)
        canvas_printf(cv, x, at.y, ROLE_PROD, "▲ v%lld promoted", t->deployed);
}

void trend_draw(struct canvas *cv, struct rect r, const struct trend_look *look)
{
    struct trend t = { .n = 0 };
    struct arena a = ARENA_INIT;
    char name[FMT_LEN] = "now";
    const struct val *points = val_get(look->trend, "points");
    int words = r.h >= 6;
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), ROLE_TITLE, look->title, look->right);
    read_points(look, &a, &t);
    read_events(look, &t);
    struct chart_series series = { t.p, t.n, "now", ROLE_S1, t.band };
    const struct chart_line baseline = { val_get_real(look->trend, "baseline", (double)NAN),
                                         "promoted" };
    struct chart c = { .series = &series,
                       .n_series = 1,
                       .threshold = val_get_real(look->trend, "threshold", look->limit),
                       .threshold_name = "limit",
                       .x_time = true,
                       .lines = &baseline,
                       .n_lines = 1,
                       .marks = t.marks,
                       .n_marks = t.n_marks,
                       .bad_side = look->bad_side };
    long at = moment_index(look->focus, points, "window_start");
    if (look->focus->at_us && at >= 0) {
        const char *start = val_get_str(val_at(points, (size_t)at), "window_start", NULL);
        c.cursor = seconds(start);
        c.cursor_name = moment_text(name, start);
    }
    if (t.n == 0)
        canvas_text(cv, r.x, r.y + 1, ROLE_DIM, look->trend ? "no measured window yet" : "");
    else chart_draw(cv, rect_make(r.x, r.y + 1, r.w, r.h - 1 - words), &c);
    if (t.n && words) draw_words(look, &t, cv, rect_make(r.x, r.y + r.h - 1, r.w, 1));
    arena_done(&a);
}
