/* pane_monitor.c: models in production on the left; of the model at rest everything that says
 * whether it still does its work on the right (monitor_detail.c). */
#include "base/mem.h"
#include "views/escalation.h"
#include "views/moment.h"
#include "views/monitor.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct monitor_range monitor_ranges[MONITOR_RANGES] = {
    { 24, "last 24 windows" },
    { 72, "last 72 windows" },
    { 168, "last 168 windows" },
    { 0, "all windows" },
};

/* What can be charted, in the order in which it is shown. */
static const char *const metrics[] = {
    "auc",
    "accuracy",
    "rmse",
    "brier",
    "log_loss",
    "share_drifted",
    "estimated_accuracy",
    "label_coverage",
    "precision",
    "recall",
    "ece",
    "mae",
    "p99_ms",
    "p50_ms",
    "volume",
};

double monitor_figure(const struct val *status, const char *metric)
{
    const struct val *v = val_get(status, metric);
    if (!v) v = val_get(fmt_path(status, "snapshot.performance"), metric); /* of regressions */
    if (val_type(v) == VAL_OBJ) v = val_get(v, "value");
    return val_as_real(v, (double)NAN);
}

/* The figure that the worst alert is about: what one comes here to see. NULL: it has no chart. */
static const char *in_trouble(const struct val *status)
{
    static const char *const charts[][2] = {
        /* rule, metric; others have the metric's name */
        { "drift", "share_drifted" },
        { "latency", "p99_ms" },
    };
    const char *rule = val_get_str(val_get(status, "escalation"), "rule", "");
    for (size_t i = 0; i < ARRAY_LEN(charts); i++)
        if (str_eq(charts[i][0], rule)) rule = charts[i][1];
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
        if (str_eq(metrics[i], rule) && isfinite(monitor_figure(status, rule))) return metrics[i];
    return NULL;
}

const char *monitor_metric(const struct view *v)
{
    const struct monitor *s = v->state;
    const struct val *status = view_data(v, MF_MODEL);
    if (s->metric[0]) return s->metric;
    const char *trouble = in_trouble(status);
    if (trouble) return trouble;
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++)
        if (isfinite(monitor_figure(status, metrics[i]))) return metrics[i];
    return "share_drifted";
}

static void step_metric(struct view *v, int by)
{
    struct monitor *s = v->state;
    const struct val *status = view_data(v, MF_MODEL);
    int n = (int)ARRAY_LEN(metrics), at = 0;
    const char *now = monitor_metric(v);
    while (at < n && !str_eq(metrics[at], now)) at++;
    for (int i = 0; i < n; i++) {
        at = (at + by + n) % n;
        if (!isfinite(monitor_figure(status, metrics[at]))) continue;
        snprintf(s->metric, sizeof s->metric, "%s", metrics[at]);
        break;
    }
    s->feature = false;
}

/* -- feeds ------------------------------------------------------------------------------ */

static bool name_args(const struct view *v, struct val *args)
{
    if (!v->rest[0]) return false;
    val_set_str(args, "name", v->rest);
    return true;
}

static bool model_args(const struct view *v, struct val *args)
{
    return name_args(v, args) && moment_args(v, args);
}

static bool trend_args(const struct view *v, struct val *args)
{
    const struct monitor *s = v->state;
    /* A model that was never measured has no trend, and asking would be an error. */
    if (!val_has(view_data(v, MF_MODEL), "window_start") || !name_args(v, args)) return false;
    const char *feature = v->tables[MP_FEATURES].id;
    if (s->feature && feature[0]) val_set_strf(args, "metric", "feature:%s", feature);
    else val_set_str(args, "metric", monitor_metric(v));
    return true;
}

/* Of all models: one that is monitored need not be registered, and asking for it would be an
 * error. */
static bool history_args(const struct view *v, struct val *args)
{
    (void)v;
    val_set_int(args, "limit", 200);
    return true;
}

static const struct feed_ops feeds[] = {
    [MF_STATUS] = { "monitor status", moment_args, false },
    [MF_MODEL] = { "monitor status", model_args, false },
    [MF_TREND] = { "monitor trend", trend_args, false },
    [MF_HISTORY] = { "model history", history_args, false },
    [MF_DECISIONS] = { "retrain list", NULL, false },
    { NULL, NULL, false },
};

/* -- models ----------------------------------------------------------------------------- */

static void draw_share(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    char buf[FMT_LEN];
    double share = val_as_real(fmt_path(c->row, col->path), (double)NAN);
    canvas_right(cv, at, isfinite(share) ? ROLE_TEXT : ROLE_DIM, fmt_percent(buf, share));
}

static void draw_drift_share(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                             const struct listing_column *col)
{
    char buf[FMT_LEN], text[FMT_LEN + 4];
    double share = val_as_real(fmt_path(c->row, col->path), (double)NAN);
    bool much = share > 0.2;
    snprintf(text, sizeof text, "%s%s", much ? "!" : "", fmt_percent(buf, share));
    canvas_right(cv, at, much ? ROLE_WARN : isfinite(share) ? ROLE_TEXT : ROLE_DIM, text);
}

static const struct listing_column model_columns[] = {
    { .title = "Models", .path = "model" },
    { .title = "state", .path = "escalation.state", .width = 12, .draw = draw_escalation },
    { .title = "volume",
      .path = "volume",
      .format = "count",
      .width = 7,
      .right = true,
      .drop = 3 },
    { .title = "labels",
      .path = "label_coverage",
      .width = 6,
      .right = true,
      .drop = 2,
      .draw = draw_share },
    { .title = "drift",
      .path = "share_drifted",
      .width = 6,
      .right = true,
      .drop = 1,
      .draw = draw_drift_share },
    { .title = NULL },
};

static struct listing_rows monitor_rows(const struct view *v, int part)
{
    const struct monitor *s = v->state;
    const struct val *list = part == MP_MODELS ? val_get(view_data(v, MF_STATUS), "models")
                             : part == MP_FEATURES
                                 ? s->features
                                 : val_get(view_data(v, MF_DECISIONS), "decisions");
    static const char *const empty[] = { "no model is monitored yet",
                                         "no drift figures in the newest window",
                                         "no decision yet: x asks whether to retrain" };
    return (struct listing_rows){ list, 0, (long)val_len(list), empty[part] };
}

/* -- drawing ---------------------------------------------------------------------------- */

static void draw_hint(struct canvas *cv, struct rect r)
{
    static const char *const lines[] = {
        "No predictions have been recorded yet, so there is nothing to watch.",
        "",
        "signalbox monitor ingest NAME --data PREDICTIONS.csv",
        "signalbox monitor label NAME --data LABELS.csv",
        "signalbox monitor check",
        "",
        "Files need request_id, timestamp and prediction; labels need request_id and label.",
    };
    int y = r.y;
    canvas_text(cv, r.x + 2, y++, ROLE_STRONG, "Monitor");
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        enum role role = str_starts(lines[i], "signalbox ") ? ROLE_TEXT : ROLE_DIM;
        int n = canvas_wrap(cv, rect_make(r.x + 2, y, r.w - 2, r.y + r.h - y), role, lines[i]);
        y += n > 0 ? n : 1;
    }
}

static void monitor_draw(struct view *v, struct canvas *cv, struct rect r,
                         const struct draw_ctx *ctx)
{
    struct listing_rows rows = monitor_rows(v, MP_MODELS);
    struct listing_look look = { .columns = model_columns,
                                 .sort = -1,
                                 .section = true,
                                 .now_us = ctx->now_us,
                                 .focus = ctx->focus && v->part == MP_MODELS };
    if (rows.total == 0) {
        if (rows.list || v->feeds[MF_STATUS].error[0]) draw_hint(cv, r);
        return;
    }
    int left = r.w >= 150 ? 54 : r.w >= 110 ? 42 : r.w >= 70 ? 27 : 0;
    if (left && !v->zoom) {
        listing_draw(cv, rect_make(r.x, r.y, left, r.h), &v->tables[MP_MODELS], &rows, &look);
        monitor_detail_draw(v, cv, rect_make(r.x + left + 2, r.y, r.w - left - 2, r.h), ctx);
    } else if (v->part == MP_MODELS && !v->zoom) {
        listing_draw(cv, r, &v->tables[MP_MODELS], &rows, &look);
    } else {
        monitor_detail_draw(v, cv, r, ctx);
    }
}

/* -- requests --------------------------------------------------------------------------- */

static const char *monitor_why_not(const struct view *v, enum request req)
{
    bool selection = binding_of(req)->flags & KEY_SELECTION;
    if (req == REQ_OPEN && !view_selected(v, v->part)) return "there is nothing here";
    if (selection && !view_selected(v, MP_MODELS)) return "no model is monitored yet";
    return NULL;
}

static bool monitor_open(struct view *v, struct intent *out)
{
    struct monitor *s = v->state;
    if (v->part == MP_MODELS) {
        v->part = MP_FEATURES;
    } else if (v->part == MP_FEATURES) {
        s->feature = !s->feature;
    } else {
        const char *job = val_get_str(view_selected(v, MP_DECISIONS), "job_id", NULL);
        return job ? intent_go(out, VIEW_jobs, job)
                   : intent_say(out, "this decision started no job");
    }
    return true;
}

/* The metric stays while time moves, also over windows that do not have it. */
static bool step_time(struct view *v, long by, struct intent *out)
{
    struct monitor *s = v->state;
    const struct val *points = val_get(view_data(v, MF_TREND), "points");
    long n = (long)val_len(points), shown = (long)monitor_ranges[s->range].windows;
    if (!s->metric[0]) snprintf(s->metric, sizeof s->metric, "%s", monitor_metric(v));
    if (!moment_step(v->focus, points, "window_start", by, shown && n > shown ? n - shown : 0))
        return intent_say(out, by > 0 ? "this is now"
                               : n    ? "z shows earlier windows"
                                      : "no window was measured yet");
    return true;
}

static bool monitor_back(struct view *v)
{
    struct monitor *s = v->state;
    bool was = s->feature;
    s->feature = false;
    return was;
}

static bool monitor_request(struct view *v, enum request req, struct intent *out)
{
    struct monitor *s = v->state;
    switch ((int)req) {
    case REQ_OPEN: return monitor_open(v, out);
    case REQ_METRIC_NEXT: step_metric(v, 1); return true;
    case REQ_METRIC_PREV: step_metric(v, -1); return true;
    case REQ_RANGE: s->range = (s->range + 1) % MONITOR_RANGES; return true;
    case REQ_RETRAIN: intent_retrain(out, v->tables[MP_MODELS].id); return true;
    case REQ_LEFT: return step_time(v, -1, out);
    case REQ_RIGHT: return step_time(v, 1, out);
    case REQ_SHOW_DRIFT: return intent_go(out, VIEW_drift, NULL);
    case REQ_BACK: return monitor_back(v);
    default: return false;
    }
}

static void monitor_update(struct view *v, int feed)
{
    if (feed == MF_MODEL) monitor_detail_update(v);
}

static const char *monitor_model(const struct view *v)
{
    return v->tables[MP_MODELS].id;
}

static void monitor_enter(struct view *v)
{
    const char *model = v->focus->model;
    if (*model && !str_eq(model, v->tables[MP_MODELS].id)) view_reveal(v, model);
}

static void monitor_init(struct view *v)
{
    v->parts = 3;
    v->tables[MP_MODELS].id_key = "model";
    v->tables[MP_FEATURES].id_key = "name";
}

static void monitor_done(struct view *v)
{
    arena_done(&((struct monitor *)v->state)->arena);
}

const struct view_ops view_monitor = {
    .feeds = feeds,
    .state_size = sizeof(struct monitor),
    .init = monitor_init,
    .done = monitor_done,
    .update = monitor_update,
    .enter = monitor_enter,
    .model = monitor_model,
    .rows = monitor_rows,
    .draw = monitor_draw,
    .request = monitor_request,
    .why_not = monitor_why_not,
};
