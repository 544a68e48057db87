/* runs_detail.c: one run: what it is, its curves (live while it runs), metrics and parameters.
 * Curves with the same metric's name on training and validation rows share a chart. */
#include "base/mem.h"
#include "views/runs.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* -- histories -------------------------------------------------------------------------- */

size_t runs_history(struct arena *a, const struct val *run, const char *metric,
                    struct chart_point **ret)
{
    const struct val *h = val_get(val_get(run, "history"), metric);
    size_t n = val_len(h);
    *ret = n ? arena_array(a, n, struct chart_point) : NULL;
    for (size_t i = 0; i < n; i++) {
        (*ret)[i].x = val_get_real(val_at(h, i), "step", (double)NAN);
        (*ret)[i].y = val_get_real(val_at(h, i), "value", (double)NAN);
    }
    return n;
}

static const char *base_name(const char *metric)
{
    if (str_starts(metric, "train_")) return metric + 6;
    return str_starts(metric, "valid_") ? metric + 6 : metric;
}

int runs_groups(const struct val *run, const char *out[], int cap)
{
    const struct val *h = val_get(run, "history");
    int n = 0;
    for (size_t i = 0; i < val_len(h); i++) {
        const char *name = base_name(val_key(h, i));
        int k = 0;
        if (val_len(val_at(h, i)) < 2) continue;
        while (k < n && !str_eq(out[k], name)) k++;
        if (k == n && n < cap) out[n++] = name;
    }
    return n;
}

/* -- data -----------------------------------------------------------------------------------------
 */

void runs_detail_update(struct view *v)
{
    struct runs *s = v->state;
    const struct val *metrics = val_get(view_data(v, RF_SHOW), "metrics");
    arena_reset(&s->arena);
    struct val *rows = val_list(&s->arena);
    for (size_t i = 0; i < val_len(metrics); i++) {
        const char *name = val_key(metrics, i);
        if (str_starts(name, "train_") && val_has(metrics, name + 6)) continue;
        struct val *row = val_push_obj(rows);
        char train[128];
        snprintf(train, sizeof train, "train_%.100s", name);
        val_set_str(row, "name", name);
        val_set_real(row, "value", val_as_real(val_at(metrics, i), (double)NAN));
        if (val_has(metrics, train))
            val_set_real(row, "train", val_get_real(metrics, train, (double)NAN));
    }
    s->metrics = rows;
}

/* -- drawing ---------------------------------------------------------------------------- */

/* How many steps the learner was asked for; 0: not known. Params are text. */
static double planned_steps(const struct val *run)
{
    double n = 0;
    str_to_real(val_get_str(val_get(run, "params"), "n_estimators", ""), &n);
    return n;
}

static void draw_chart(struct view *v, struct canvas *cv, struct rect r)
{
    struct runs *s = v->state;
    const struct val *run = view_data(v, RF_SHOW), *h = val_get(run, "history");
    const char *groups[16];
    int n = runs_groups(run, groups, 16);
    if (n == 0 || r.h < 4) return;
    struct arena a = ARENA_INIT;
    struct chart_series series[CHART_SERIES_MAX];
    struct chart c = { .series = series, .threshold = (double)NAN, .x_label = "step" };
    const char *group = groups[s->chart % n];
    for (size_t i = 0; i < val_len(h) && c.n_series < CHART_SERIES_MAX; i++) {
        const char *name = val_key(h, i);
        struct chart_point *p;
        if (!str_eq(base_name(name), group)) continue;
        size_t points = runs_history(&a, run, name, &p);
        series[c.n_series] =
            (struct chart_series){ p, points, name, theme_series((unsigned)c.n_series), NULL };
        c.n_series++;
    }
    if (str_eq(val_get_str(run, "status", ""), "RUNNING")) c.x_max = planned_steps(run);
    chart_draw(cv, r, &c);
    char more[32];
    snprintf(more, sizeof more, "n: %d of %d", s->chart % n + 1, n);
    if (n > 1 && r.w > 60) canvas_right(cv, rect_make(r.x, r.y, r.w, 1), ROLE_DIM, more);
    arena_done(&a);
}

static int draw_facts(const struct val *run, struct canvas *cv, struct rect r, int64_t now_us)
{
    char age[FMT_LEN], took[FMT_LEN], text[400];
    struct status_look look = status_look(val_get_str(run, "status", NULL));
    const struct val *job = val_get(run, "job");
    int used = canvas_printf(cv, r.x, r.y, look.role, "%s %s", look.glyph, look.word);
    snprintf(text, sizeof text, "%.60s · %.60s · %s · took %s · %.40s",
             val_get_str(val_get(run, "params"), "algorithm", "–"),
             val_get_str(run, "experiment", "–"),
             fmt_ago(age, val_get_str(run, "start_time", NULL), now_us),
             fmt_duration(took, val_get_real(run, "duration_s", (double)NAN)),
             val_get_str(run, "user", ""));
    canvas_fit(cv, rect_make(r.x + used + 2, r.y, r.w - used - 2, 1), ROLE_DIM, text);
    if (look.role != ROLE_TITLE || val_type(job) != VAL_OBJ || r.h < 2) return 1;
    draw_progress(cv, rect_make(r.x, r.y + 1, r.w < 30 ? r.w : 30, 1), job);
    canvas_fit(cv, rect_make(r.x + 32, r.y + 1, r.w - 32, 1), ROLE_DIM,
               val_get_str(job, "message", ""));
    return 2;
}

static const struct listing_column metric_columns[] = {
    { .title = "metric", .path = "name" },
    { .title = "value", .path = "value", .format = "real", .width = 8, .right = true },
    { .title = "train", .path = "train", .format = "real", .width = 9, .right = true, .drop = 1 },
    { .title = NULL },
};

static void draw_metrics(struct view *v, struct canvas *cv, struct rect r,
                         const struct draw_ctx *ctx)
{
    struct listing_rows rows = v->ops->rows(v, RP_METRICS);
    struct listing_look look = { .columns = metric_columns,
                                 .sort = -1,
                                 .now_us = ctx->now_us,
                                 .focus = ctx->focus && v->part == RP_METRICS };
    listing_draw(cv, r, &v->tables[RP_METRICS], &rows, &look);
}

static void draw_params(const struct val *run, struct canvas *cv, struct rect r)
{
    const struct val *p = val_get(run, "params");
    int n = (int)val_len(p);
    canvas_text(cv, r.x, r.y, ROLE_DIM, "parameter");
    for (int i = 0; i < n && i + 1 < r.h; i++) {
        int y = r.y + 1 + i;
        if (i + 2 == r.h && n - i > 1) {
            canvas_printf(cv, r.x, y, ROLE_DIM, "… %d more (Enter)", n - i);
            return;
        }
        char buf[128];
        int w = r.w / 2;
        canvas_fit(cv, rect_make(r.x, y, w - 1, 1), ROLE_TEXT, val_key(p, (size_t)i));
        canvas_fit(cv, rect_make(r.x + w, y, r.w - w, 1), ROLE_TEXT,
                   fmt_val(buf, sizeof buf, val_at(p, (size_t)i), NULL, 0));
    }
}

/* Metrics and parameters side by side, or metrics alone. */
static void draw_values(struct view *v, struct canvas *cv, struct rect r,
                        const struct draw_ctx *ctx)
{
    int half = r.w >= 46 ? r.w / 2 : r.w;
    if (r.h < 2) return;
    draw_metrics(v, cv, rect_make(r.x, r.y, half, r.h), ctx);
    if (half < r.w)
        draw_params(view_data(v, RF_SHOW), cv, rect_make(r.x + half + 2, r.y, r.w - half - 2, r.h));
}

void runs_detail_draw(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    const struct val *run = view_data(v, RF_SHOW);
    char id[FMT_LEN];
    if (!run || v->tables[RP_LIST].id[0] == '\0') return;
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), ROLE_TITLE, val_get_str(run, "name", "run"),
                   fmt_id(id, val_get_str(run, "run_id", NULL)));
    int y = r.y + 1 + draw_facts(run, cv, rect_make(r.x, r.y + 1, r.w, r.h - 1), ctx->now_us);
    const char *groups[1];
    bool curves = runs_groups(run, groups, 1) > 0;
    struct rect rest = rect_make(r.x, y, r.w, r.y + r.h - y);
    if (curves && rest.h < 16 && rest.h >= 5 && r.w >= 64) {
        /* Flat: the curve on the left, metrics on the right; Enter shows the rest. */
        int w = r.w * 3 / 5;
        draw_chart(v, cv, rect_make(rest.x, rest.y, w, rest.h));
        draw_metrics(v, cv, rect_make(rest.x + w + 2, rest.y, r.w - w - 2, rest.h), ctx);
        return;
    }
    if (curves && rest.h >= 12) {
        int h = rest.h / 2 > 16 ? 16 : rest.h / 2;
        draw_chart(v, cv, rect_make(rest.x, rest.y + 1, r.w, h));
        rest = rect_make(rest.x, rest.y + h + 2, r.w, rest.h - h - 2);
    } else if (rest.h > 8) {
        rest = rect_make(rest.x, rest.y + 1, r.w, rest.h - 1);
    }
    draw_values(v, cv, rest, ctx);
}
