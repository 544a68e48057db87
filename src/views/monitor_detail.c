/* monitor_detail.c: one monitored model: state and what to do, figures, the trend of a metric or a
 * feature with its threshold, what drifted and by how much, data quality in words, decisions on
 * retraining. From the top in the order in which somebody woken up asks; a small screen cuts
 * from below. */
#include "base/mem.h"
#include "views/escalation.h"
#include "views/monitor.h"
#include "views/trend.h"
#include "views/widgets/meter.h"
#include "views/widgets/overlap.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUALITY_MAX = 8 };

/* -- data ------------------------------------------------------------------------------- */

static const struct val *snapshot(const struct view *v)
{
    const struct val *model = view_data(v, MF_MODEL);
    return val_has(model, "snapshot") ? val_get(model, "snapshot") : model;
}

/* Effect in units of the least one that counts. */
static double weight(const struct val *feature)
{
    double effect = fabs(val_get_real(feature, "effect", (double)NAN));
    double least = val_get_real(feature, "effect_floor", (double)NAN);
    return least > 0 ? effect / least : effect;
}

struct ranked {
    const struct val *v;
    double weight;
    bool drifted;
    size_t at;
};

static int worse_first(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    if (a->drifted != b->drifted) return a->drifted ? -1 : 1;
    if (isnan(a->weight) != isnan(b->weight)) return isnan(a->weight) ? 1 : -1;
    if (a->weight > b->weight || a->weight < b->weight) return a->weight > b->weight ? -1 : 1;
    return a->at < b->at ? -1 : 1;
}

void monitor_detail_update(struct view *v)
{
    struct monitor *s = v->state;
    const struct val *list = fmt_path(snapshot(v), "drift.features");
    size_t n = val_len(list);
    arena_reset(&s->arena);
    s->features = NULL;
    struct val *out = val_list(&s->arena);
    struct ranked *r = mem_alloc((n + 1) * sizeof *r);
    for (size_t i = 0; i < n; i++) {
        const struct val *f = val_at(list, i);
        r[i] = (struct ranked){ f, weight(f), val_get_bool(f, "drifted", false), i };
    }
    qsort(r, n, sizeof *r, worse_first);
    for (size_t i = 0; i < n; i++) val_push(out, val_copy(&s->arena, r[i].v));
    free(r);
    s->features = out;
}

/* -- state and figures ------------------------------------------------------------------- */

static int draw_state(const struct val *model, struct canvas *cv, struct rect r)
{
    const struct val *e = val_get(model, "escalation");
    const char *state = val_get_str(e, "state", "none"), *rule = val_get_str(e, "rule", NULL);
    struct status_look look = escalation_look(state);
    long long streak = val_get_int(e, "streak", 0);
    char text[200];
    if (escalation_rank(state) <= 0) {
        canvas_printf(cv, r.x, r.y, ROLE_OK, "✓ no alert");
        return 1;
    }
    int used = canvas_printf(cv, r.x, r.y, look.role, "%s %s", look.glyph, look.word);
    snprintf(text, sizeof text, "%.40s, %lld in a row · %s", rule ? rule : "?", streak,
             action_text(val_get_str(e, "recommended_action", "none")));
    canvas_fit(cv, rect_make(r.x + used + 2, r.y, r.w - used - 2, 1), ROLE_STRONG, text);
    return 1;
}

/* "label value  label value" as far as they fit; returns the columns used. */
static int draw_figure(struct canvas *cv, struct rect at, const char *label, const char *value,
                       enum role role)
{
    int need = (int)(strlen(label) + 1 + strlen(value));
    if (need > at.w) return 0;
    int used = canvas_text(cv, at.x, at.y, ROLE_DIM, label) + 1;
    used += canvas_text(cv, at.x + used, at.y, role, value);
    return used + 2;
}

static int draw_figures(const struct val *model, struct canvas *cv, struct rect r)
{
    char a[FMT_LEN], b[FMT_LEN], c[FMT_LEN], text[4 * FMT_LEN];
    int x = r.x, end = r.x + r.w, y = r.y;
    fmt_count(a, val_get_int(model, "volume", 0));
    x += draw_figure(cv, rect_make(x, y, end - x, 1), "volume", a, ROLE_TEXT);
    double share = monitor_figure(model, "label_coverage");
    if (isfinite(share)) snprintf(text, sizeof text, "%.0f %%", share * 100);
    else snprintf(text, sizeof text, "–");
    x += draw_figure(cv, rect_make(x, y, end - x, 1), "labelled", text,
                     share < 0.2 ? ROLE_WARN : ROLE_TEXT);
    share = monitor_figure(model, "share_drifted");
    if (isfinite(share)) snprintf(text, sizeof text, "%.0f %%", share * 100);
    else snprintf(text, sizeof text, "–");
    x += draw_figure(cv, rect_make(x, y, end - x, 1), "drifted", text,
                     share > 0.2 ? ROLE_WARN : ROLE_TEXT);
    fmt_duration(a, monitor_figure(model, "data_freshness_s"));
    draw_figure(cv, rect_make(x, y, end - x, 1), "newest", a, ROLE_TEXT);
    if (r.h < 2) return 1;
    snprintf(text, sizeof text, "%.0f / %.0f / %.0f ms", monitor_figure(model, "p50_ms"),
             monitor_figure(model, "p95_ms"), monitor_figure(model, "p99_ms"));
    if (!isfinite(monitor_figure(model, "p50_ms"))) snprintf(text, sizeof text, "not recorded");
    x = r.x + draw_figure(cv, rect_make(r.x, y + 1, r.w, 1), "p50/p95/p99", text, ROLE_TEXT);
    snprintf(text, sizeof text, "%s to %s", fmt_time(b, val_get_str(model, "window_start", NULL)),
             fmt_time(c, val_get_str(model, "window_end", NULL)) + 5);
    draw_figure(cv, rect_make(x, y + 1, end - x, 1), "window", text, ROLE_TEXT);
    return 2;
}

/* -- trend ------------------------------------------------------------------------------ */

static void draw_trend(struct view *v, struct canvas *cv, struct rect r)
{
    const struct monitor *s = v->state;
    const struct monitor_range *range = &monitor_ranges[s->range];
    char title[120], right[60];
    struct trend_look look = { .trend = view_data(v, MF_TREND),
                               .moves = val_get(view_data(v, MF_HISTORY), "history"),
                               .model = v->rest,
                               .focus = v->focus,
                               .windows = range->windows,
                               .title = title,
                               .right = right,
                               .limit = (double)NAN };
    const char *asked = val_get_str(look.trend, "metric", monitor_metric(v));
    bool feature = str_starts(asked, "feature:");
    snprintf(title, sizeof title, "%s%s", feature ? "effect of " : "", feature ? asked + 8 : asked);
    snprintf(right, sizeof right, "%s%s", r.w >= 60 ? "h l time  n metric  z " : "z ",
             range->title);
    look.bad_side = feature;
    trend_draw(cv, r, &look);
}

/* -- features --------------------------------------------------------------------------- */

static void draw_verdict(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                         const struct listing_column *col)
{
    struct status_look look = drift_look(val_as_str(fmt_path(c->row, col->path), NULL));
    canvas_text(cv, at.x, at.y, look.role, look.glyph);
    canvas_fit(cv, rect_make(at.x + 2, at.y, at.w - 2, 1), look.role, look.word);
}

/* A quarter of the bar is the least effect that counts. */
static void draw_effect(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                        const struct listing_column *col)
{
    double w = weight(c->row);
    (void)col;
    if (!isfinite(w)) return;
    bool floored = val_get_real(c->row, "effect_floor", 0) > 0;
    meter_gauge(cv, at, val_get_bool(c->row, "drifted", false) ? ROLE_WARN : ROLE_S1,
                floored ? w / 4 : w);
}

static void draw_p(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                   const struct listing_column *col)
{
    char text[FMT_LEN];
    double p = val_as_real(fmt_path(c->row, col->path), (double)NAN);
    if (p < 0.0001) snprintf(text, sizeof text, "<.0001");
    else if (isfinite(p)) snprintf(text, sizeof text, "%.4f", p);
    else snprintf(text, sizeof text, "–");
    canvas_right(cv, at, ROLE_TEXT, text);
}

static const struct listing_column feature_columns[] = {
    { .title = "Features", .path = "name" },
    { .title = "verdict", .path = "state", .width = 12, .draw = draw_verdict },
    { .title = "effect", .path = "effect", .width = 10, .draw = draw_effect },
    { .title = " ", .path = "effect", .format = "real", .width = 7, .right = true, .drop = 2 },
    { .title = "p adj.",
      .path = "p_adjusted",
      .width = 7,
      .right = true,
      .drop = 1,
      .draw = draw_p },
    { .title = "method", .path = "method", .width = 12, .drop = 3 },
    { .title = NULL },
};

static enum role decision_role(const struct listing_ctx *c, const struct listing_column *col)
{
    (void)col;
    return val_get_bool(c->row, "should_retrain", false) ? ROLE_WARN : ROLE_DIM;
}

static void draw_decision(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                          const struct listing_column *col)
{
    const struct val *reasons = val_get(c->row, "reasons");
    const char *why = val_as_str(val_at(reasons, 0), "");
    bool yes = val_get_bool(c->row, "should_retrain", false);
    char text[200], id[FMT_LEN];
    const char *job = val_get_str(c->row, "job_id", NULL);
    snprintf(text, sizeof text, "%s%s%s%s%.120s", yes ? "! retrain" : "· leave",
             job ? ", job " : "", job ? fmt_id(id, job) : "", *why ? ": " : "", why);
    canvas_fit(cv, at, decision_role(c, col), text);
}

static const struct listing_column decision_columns[] = {
    { .title = "Retraining", .path = "reasons", .draw = draw_decision },
    { .title = "model", .path = "model", .width = 10, .drop = 3 },
    { .title = "trigger", .path = "trigger", .width = 10, .drop = 2 },
    { .title = "age", .path = "at", .format = "age", .width = 4, .right = true, .drop = 1 },
    { .title = NULL },
};

static void draw_part(struct view *v, struct canvas *cv, struct rect r, int part,
                      const struct draw_ctx *ctx)
{
    struct listing_rows rows = v->ops->rows(v, part);
    struct listing_look look = {
        .columns = part == MP_FEATURES ? feature_columns : decision_columns,
        .sort = -1,
        .section = true,
        .now_us = ctx->now_us,
        .focus = ctx->focus && v->part == part,
    };
    if (r.h >= 2) listing_draw(cv, r, &v->tables[part], &rows, &look);
}

/* -- data quality in words --------------------------------------------------------------- */

struct words {
    struct canvas *cv;
    struct rect r;
    int n;
};

static void say(struct words *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct words *w, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (w->cv && w->n < w->r.h) {
        canvas_text(w->cv, w->r.x, w->r.y + w->n, ROLE_WARN, "!");
        canvas_fit(w->cv, rect_make(w->r.x + 2, w->r.y + w->n, w->r.w - 2, 1), ROLE_TEXT, text);
    }
    w->n++;
}

static void say_schema(struct words *w, const struct val *v)
{
    const char *name = val_get_str(v, "name", "?");
    if (str_eq(val_get_str(v, "issue", ""), "missing"))
        say(w, "%.40s: the column is missing", name);
    else
        say(w, "%.40s: %.20s instead of %.20s", name, val_get_str(v, "found", "another type"),
            val_get_str(v, "expected", "its type"));
}

static void say_nulls(struct words *w, const struct val *v)
{
    say(w, "%.40s: %.1f %% missing, %.1f %% in the reference", val_get_str(v, "name", "?"),
        100 * val_get_real(v, "current", 0), 100 * val_get_real(v, "reference", 0));
}

static void say_unseen(struct words *w, const struct val *v)
{
    say(w, "%.40s: %.1f %% of rows have values never seen, such as '%.30s'",
        val_get_str(v, "name", "?"), 100 * val_get_real(v, "share", 0),
        val_get_str(v, "example", ""));
}

static void say_range(struct words *w, const struct val *v)
{
    char low[FMT_LEN], high[FMT_LEN];
    say(w, "%.40s: %.1f %% outside %s to %s", val_get_str(v, "name", "?"),
        100 * val_get_real(v, "share", 0), fmt_metric(low, val_get_real(v, "low", (double)NAN)),
        fmt_metric(high, val_get_real(v, "high", (double)NAN)));
}

static void say_stuck(struct words *w, const struct val *v)
{
    say(w, "%.40s: stands still at %.40s", val_get_str(v, "name", "?"),
        val_get_str(v, "value", "one value"));
}

/* Returns the lines there are; with cv NULL it only counts. */
static int draw_quality(const struct val *quality, struct canvas *cv, struct rect r)
{
    static const struct {
        const char *key;
        void (*say)(struct words *w, const struct val *v);
    } kinds[] = { { "schema", say_schema },
                  { "nulls", say_nulls },
                  { "unseen", say_unseen },
                  { "stuck", say_stuck },
                  { "out_of_range", say_range } };
    struct words w = { cv, r, 0 };
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        const struct val *list = val_get(quality, kinds[k].key);
        for (size_t i = 0; i < val_len(list); i++) kinds[k].say(&w, val_at(list, i));
    }
    long long twice = val_get_int(quality, "duplicates", 0);
    if (twice) say(&w, "%lld rows are exact copies of others", twice);
    if (w.n == 0 && cv && val_type(quality) == VAL_OBJ)
        canvas_text(cv, r.x, r.y, ROLE_OK, "✓ data quality: nothing found");
    return w.n;
}

/* -- all -------------------------------------------------------------------------------- */

/* The feature on show: the table, and below it how its values lie. */
static void draw_feature_below(struct view *v, struct canvas *cv, struct rect r,
                               const struct draw_ctx *ctx)
{
    const struct val *feature = view_selected(v, MP_FEATURES);
    const struct val *histogram = val_get(feature, "bins");
    int bins = (int)val_len(val_get(histogram, "labels"));
    int table = r.h - bins - 2;
    if (table < 4) table = 4;
    draw_part(v, cv, rect_make(r.x, r.y, r.w, table), MP_FEATURES, ctx);
    overlap_draw(cv, rect_make(r.x, r.y + table + 1, r.w, r.h - table - 1), histogram,
                 val_get_str(feature, "name", ""), "this window");
}

/* Features, quality, decisions; what finds no room is left out from below, except the part that
 * has the focus. */
static void draw_below(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    const struct monitor *s = v->state;
    const struct val *quality = val_get(snapshot(v), "quality");
    struct listing_rows decided = v->ops->rows(v, MP_DECISIONS);
    int issues = draw_quality(quality, NULL, r);
    int words = issues > QUALITY_MAX ? QUALITY_MAX : issues ? issues : 1;
    int decisions = r.h < 16 ? 0 : decided.total > 2 ? 4 : (int)decided.total + 1 + !decided.total;
    int features = (int)val_len(s->features) + 1;
    if (s->feature && r.h >= 10) {
        draw_feature_below(v, cv, r, ctx);
        return;
    }
    if (v->part == MP_DECISIONS && !decisions) {
        draw_part(v, cv, r, MP_DECISIONS, ctx);
        return;
    }
    if (decisions)
        draw_part(v, cv, rect_make(r.x, r.y + r.h - decisions, r.w, decisions), MP_DECISIONS, ctx);
    if (decisions) r.h -= decisions + 1;
    if (words > r.h / 3) words = r.h / 3;
    if (features < 2) features = 2;
    if (features > r.h - words - 1) features = r.h - words - 1;
    if (features < 2) {
        features = r.h;
        words = 0;
    }
    draw_part(v, cv, rect_make(r.x, r.y, r.w, features), MP_FEATURES, ctx);
    if (words) draw_quality(quality, cv, rect_make(r.x, r.y + features + 1, r.w, words));
}

void monitor_detail_draw(struct view *v, struct canvas *cv, struct rect r,
                         const struct draw_ctx *ctx)
{
    const struct val *model = view_data(v, MF_MODEL);
    if (!model || r.h < 3) return;
    char age[FMT_LEN], right[FMT_LEN + 16];
    snprintf(right, sizeof right, "window ended %s",
             fmt_ago(age, val_get_str(model, "window_end", NULL), ctx->now_us));
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), ROLE_TITLE, val_get_str(model, "model", ""),
                   right);
    int y = r.y + 1;
    bool feature = ((const struct monitor *)v->state)->feature;
    if (r.h >= 8 || !feature) y += draw_state(model, cv, rect_make(r.x, y, r.w, 1));
    if (r.h >= 12) y += draw_figures(model, cv, rect_make(r.x, y, r.w, r.h >= 16 ? 2 : 1));
    int left = r.y + r.h - y;
    int chart = left >= 30                          ? 13
                : left >= 14                        ? left / 2
                : left >= 8 && v->part == MP_MODELS ? left
                                                    : 0;
    if (left < 14 && v->part != MP_MODELS && feature) chart = left;
    if (chart) {
        int gap = left >= 24;
        draw_trend(v, cv, rect_make(r.x, y + gap, r.w, chart - gap));
        y += chart;
    }
    left = r.y + r.h - y;
    if (left > 2) draw_below(v, cv, rect_make(r.x, y + (left >= 8), r.w, left - (left >= 8)), ctx);
}
