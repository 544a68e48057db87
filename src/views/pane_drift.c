/* pane_drift.c: which features of a model moved when: windows from left to right, features from
 * top to bottom, worst first and the model's own answers above all; of the feature at rest how
 * its values lie now and in the reference, and its trend. h and l move the time cursor, which
 * the other panes about monitoring follow. What is drawn beside and in place of the map is in
 * drift_detail.c. */
#include "base/mem.h"
#include "views/drift.h"
#include "views/escalation.h"
#include "views/moment.h"
#include "views/monitor.h"
#include "views/widgets/heat.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TIME_W = 11 }; /* "03-14 02:00" */

/* What cells can show; of effects the floor says what much is, of the rest the largest. */
static const char *const metrics[] = { "effect", "psi", "js", "missing", "unseen" };

/* -- feeds ------------------------------------------------------------------------------ */

static const struct val *models(const struct view *v)
{
    return val_get(view_data(v, DF_MODELS), "models");
}

static const struct val *model_named(const struct view *v, const char *name)
{
    const struct val *list = models(v);
    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), "model", ""), name)) return val_at(list, i);
    return NULL;
}

/* The one the other panes are about, else the one in most trouble. */
static const struct val *chosen(const struct view *v)
{
    const struct val *list = models(v), *best = model_named(v, v->focus->model);
    int most = -2;
    for (size_t i = 0; !model_named(v, v->focus->model) && i < val_len(list); i++) {
        int rank = escalation_rank(val_get_str(val_get(val_at(list, i), "escalation"), "state", 0));
        if (rank > most) best = val_at(list, i);
        if (rank > most) most = rank;
    }
    return best;
}

static const char *drift_model(const struct view *v)
{
    return val_get_str(chosen(v), "model", "");
}

/* A model that was never measured has no map, and asking would be an error. */
static bool name_args(const struct view *v, struct val *args)
{
    const struct val *model = chosen(v);
    if (!val_has(model, "window_start")) return false;
    val_set_str(args, "name", val_get_str(model, "model", ""));
    return true;
}

static bool map_args(const struct view *v, struct val *args)
{
    const struct drift *s = v->state;
    size_t windows = monitor_ranges[s->range].windows;
    val_set_str(args, "metric", metrics[s->metric]);
    val_set_int(args, "last", windows ? (int64_t)windows : DRIFT_WINDOWS_MAX);
    return name_args(v, args);
}

static bool trend_args(const struct view *v, struct val *args)
{
    if (!v->rest[0] || !view_data(v, DF_MAP) || !name_args(v, args)) return false;
    val_set_str(args, "metric", v->rest);
    val_set_int(args, "last", DRIFT_WINDOWS_MAX);
    return true;
}

static bool window_args(const struct view *v, struct val *args)
{
    return name_args(v, args) && moment_args(v, args);
}

static const struct feed_ops feeds[] = {
    [DF_MODELS] = { "monitor status", NULL, false },
    [DF_MAP] = { "monitor heatmap", map_args, false },
    [DF_TREND] = { "monitor trend", trend_args, false },
    [DF_WINDOW] = { "monitor status", window_args, false },
    { NULL, NULL, false },
};

/* -- rows ------------------------------------------------------------------------------- */

static double largest(const struct val *rows)
{
    double top = 0;
    for (size_t i = 0; i < val_len(rows); i++) {
        const struct val *values = val_get(val_at(rows, i), "values");
        for (size_t k = 0; k < val_len(values); k++)
            top = fmax(top, fabs(val_as_real(val_at(values, k), 0)));
    }
    return top;
}

/* A cursor set in another pane may be before the windows on show: then more of them. */
static void widen(struct view *v)
{
    struct drift *s = v->state;
    const struct val *windows = val_get(view_data(v, DF_MAP), "windows");
    size_t asked = monitor_ranges[s->range].windows;
    bool outside = val_len(windows) && moment_index(v->focus, windows, "start") < 0;
    if (outside && asked && val_len(windows) >= asked) s->range++; /* the last range has all */
}

static void drift_update(struct view *v, int feed)
{
    struct drift *s = v->state;
    const struct val *map = view_data(v, DF_MAP), *rows = val_get(map, "rows");
    if (feed != DF_MAP && feed != 0) return;
    arena_reset(&s->arena);
    s->shown = view_filter(&s->arena, v->filter, rows);
    s->top = str_eq(val_get_str(map, "metric", ""), "effect") ? 0 : largest(rows);
    widen(v);
}

static struct listing_rows drift_rows(const struct view *v, int part)
{
    const struct drift *s = v->state;
    (void)part;
    return (struct listing_rows){ s->shown, 0, (long)val_len(s->shown),
                                  v->filter[0] ? "no feature matches the filter"
                                               : "no window was compared with a reference yet" };
}

/* -- cells ------------------------------------------------------------------------------ */

static enum heat step_of(const struct drift *s, const struct val *row, size_t i)
{
    const char *state = val_as_str(val_at(val_get(row, "states"), i), NULL);
    double value = fabs(val_as_real(val_at(val_get(row, "values"), i), (double)NAN));
    double floor = val_get_real(row, "floor", (double)NAN);
    /* three floors are far, and so is more than half of the largest */
    double far = s->top > 0 ? s->top / 2 : 3 * floor, warm = s->top > 0 ? s->top / 6 : floor / 2;
    if (!state || str_eq(state, "not tested")) return HEAT_NONE;
    if (str_eq(state, "too few rows")) return HEAT_FEW;
    if (str_eq(state, "drifted")) return value >= far ? HEAT_FAR : HEAT_DRIFTED;
    if (!str_eq(state, "ok")) return HEAT_NEAR; /* negligible, or a known season */
    return value >= warm ? HEAT_WARM : HEAT_CALM;
}

/* Scrolls so that the cursor's column is on show; by itself the map shows the newest windows. */
static void place(struct drift *s, struct rect at, long n, long cursor)
{
    s->heat = at;
    s->cell = n ? (int)(at.w / n) : 1;
    s->cell = s->cell < 1 ? 1 : s->cell > 4 ? 4 : s->cell;
    long page = at.w / s->cell;
    if (cursor == n - 1) s->first = n - page;
    if (cursor >= s->first + page) s->first = cursor - page + 1;
    if (cursor < s->first) s->first = cursor;
    if (s->first > n - page) s->first = n - page;
    if (s->first < 0) s->first = 0;
    s->shown_windows = n - s->first < page ? n - s->first : page;
}

static void draw_cells(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    const struct view *v = c->user;
    struct drift *s = v->state;
    const struct val *windows = val_get(view_data(v, DF_MAP), "windows");
    (void)col;
    place(s, at, (long)val_len(windows), moment_index(v->focus, windows, "start"));
    /* No selection bar over the cells: colours stay what they are, and moving stays cheap. */
    uint8_t ground = cv->ground;
    cv->ground = GROUND_PLAIN;
    canvas_fill(cv, at, ROLE_TEXT, ' ');
    for (long i = 0; i < s->shown_windows; i++)
        heat_put(cv, rect_make(at.x + (int)i * s->cell, at.y, s->cell, 1),
                 step_of(s, c->row, (size_t)(s->first + i)));
    cv->ground = ground;
}

static const struct val *at_cursor(const struct view *v, const struct val *row, const char *list)
{
    long i = moment_index(v->focus, val_get(view_data(v, DF_MAP), "windows"), "start");
    return i < 0 ? NULL : val_at(val_get(row, list), (size_t)i);
}

static void draw_name(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                      const struct listing_column *col)
{
    bool score = str_eq(val_get_str(c->row, "kind", ""), "score");
    canvas_fit(cv, at, score ? ROLE_STRONG : ROLE_TEXT,
               score ? "→ predictions" : val_as_str(fmt_path(c->row, col->path), ""));
}

static void draw_value(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    char text[FMT_LEN];
    double value = val_as_real(at_cursor(c->user, c->row, col->path), (double)NAN);
    canvas_right(cv, at, isfinite(value) ? ROLE_TEXT : ROLE_DIM, fmt_metric(text, value));
}

static void draw_verdict(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                         const struct listing_column *col)
{
    struct status_look look = drift_look(val_as_str(at_cursor(c->user, c->row, col->path), NULL));
    canvas_text(cv, at.x, at.y, look.role, look.glyph);
    if (at.w > 2) canvas_fit(cv, rect_make(at.x + 2, at.y, at.w - 2, 1), look.role, look.word);
}

#define HEAT_COLUMNS(name, word)                                                                   \
    {                                                                                              \
        { .title = "Features", .path = "name", .width = (name), .draw = draw_name },               \
            { .title = " ", .path = "values", .draw = draw_cells },                                \
            { .title = " ", .path = "values", .width = 7, .right = true, .draw = draw_value },     \
            { .title = " ", .path = "states", .width = (word), .drop = 1, .draw = draw_verdict },  \
            { .title = NULL },                                                                     \
    }
static const struct listing_column narrow[] = HEAT_COLUMNS(13, 1);
static const struct listing_column middle[] = HEAT_COLUMNS(17, 1);
static const struct listing_column wide[] = HEAT_COLUMNS(22, 12);

/* -- drawing ---------------------------------------------------------------------------- */

static bool is_blank(const struct canvas *cv, struct rect at)
{
    struct rect seen = rect_cut(at, rect_make(0, 0, cv->w, cv->h));
    for (int x = seen.x; x < seen.x + seen.w; x++)
        if (canvas_at(cv, x, at.y)->cp != ' ') return false;
    return seen.w == at.w && seen.h == 1;
}

/* The time of a window, where no mark is in the way. */
static void draw_time(struct canvas *cv, int x, int y, const struct val *window)
{
    char text[FMT_LEN];
    moment_text(text, val_get_str(window, "start", NULL));
    if (is_blank(cv, rect_make(x, y, TIME_W + 1, 1))) canvas_text(cv, x, y, ROLE_DIM, text);
}

/* Column of the window that contains a time; -1: not on show. */
static int column_of(const struct view *v, int64_t at_us)
{
    const struct drift *s = v->state;
    const struct focus when = { .at_us = at_us };
    long i = moment_index(&when, val_get(view_data(v, DF_MAP), "windows"), "start") - s->first;
    return i >= 0 && i < s->shown_windows ? s->heat.x + (int)i * s->cell : -1;
}

/* Over the cells: promotions, where the cursor is, and when it was. */
static void draw_axis(const struct view *v, struct canvas *cv, int y)
{
    const struct drift *s = v->state;
    const struct val *map = view_data(v, DF_MAP), *windows = val_get(map, "windows");
    const struct val *deploys = val_get(map, "deploys");
    long last = s->first + s->shown_windows - 1;
    int x = s->heat.x, w = (int)s->shown_windows * s->cell;
    if (s->shown_windows < 1) return;
    if (s->first > 0) canvas_put(cv, x - 1, y, ROLE_KEY, 0x25c0);
    if (last + 1 < (long)val_len(windows)) canvas_put(cv, x + w, y, ROLE_KEY, 0x25b6);
    for (size_t i = 0; i < val_len(deploys); i++) {
        int at = column_of(v, moment_us(val_get_str(val_at(deploys, i), "at", NULL)));
        if (at >= 0) canvas_put(cv, at, y, ROLE_PROD, 0x25b2);
    }
    int at = column_of(v, v->focus->at_us);
    if (at >= 0) canvas_put(cv, at, y, v->focus->at_us ? ROLE_MARK : ROLE_KEY, 0x25bc);
    if (w > TIME_W + 1) draw_time(cv, x, y, val_at(windows, (size_t)s->first));
    draw_time(cv, x + w - s->cell - TIME_W - 1, y, val_at(windows, (size_t)last));
}

static void draw_map(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    struct drift *s = v->state;
    struct listing_rows rows = drift_rows(v, 0);
    struct listing_look look = { .columns = r.w >= 96   ? wide
                                            : r.w >= 60 ? middle
                                                        : narrow,
                                 .sort = -1,
                                 .section = true,
                                 .now_us = ctx->now_us,
                                 .focus = ctx->focus,
                                 .user = v };
    s->shown_windows = 0;
    listing_draw(cv, r, &v->tables[0], &rows, &look);
    draw_axis(v, cv, r.y);
}

static const char *summary(const struct view *v, enum role *ret_role, char *buf, size_t cap)
{
    const struct drift *s = v->state;
    const struct val *windows = val_get(view_data(v, DF_MAP), "windows");
    long at = moment_index(v->focus, windows, "start");
    const struct val *w = at < 0 ? NULL : val_at(windows, (size_t)at);
    char when[FMT_LEN], n[FMT_LEN];
    int drifted = 0, compared = 0;
    bool score = false;
    for (size_t i = 0; i < val_len(s->shown); i++) {
        const struct val *row = val_at(s->shown, i);
        const char *state = val_as_str(at_cursor(v, row, "states"), NULL);
        bool is_score = str_eq(val_get_str(row, "kind", ""), "score");
        if (is_score) score = str_eq(state, "drifted");
        else compared += state && !str_eq(state, "not tested");
        drifted += !is_score && str_eq(state, "drifted");
    }
    *ret_role = drifted || score ? ROLE_WARN : compared ? ROLE_OK : ROLE_DIM;
    snprintf(buf, cap, "%s %d of %d drifted%s · %s, %s rows",
             drifted || score ? "!"
             : compared       ? "✓"
                              : "·",
             drifted, compared, score ? ", predictions too" : "",
             moment_text(when, val_get_str(w, "start", NULL)),
             fmt_count(n, val_get_int(w, "volume", 0)));
    return buf;
}

static void draw_head(const struct view *v, struct canvas *cv, struct rect r)
{
    const struct drift *s = v->state;
    char title[160], right[80], text[200];
    enum role role;
    snprintf(title, sizeof title, "%.60s · %s", drift_model(v), metrics[s->metric]);
    snprintf(right, sizeof right, "%s%s", r.w >= 60 ? "h l time  n metric  z " : "z ",
             monitor_ranges[s->range].title);
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), ROLE_TITLE, title, right);
    if (r.h < 2) return;
    summary(v, &role, text, sizeof text);
    int legend = r.w >= 110 ? HEAT_LEGEND_W : 0;
    canvas_fit(cv, rect_make(r.x, r.y + 1, r.w - legend, 1), role, text);
    if (legend) heat_legend(cv, rect_make(r.x + r.w - legend + 2, r.y + 1, legend - 2, 1));
}

static void draw_hint(struct canvas *cv, struct rect r)
{
    canvas_text(cv, r.x + 2, r.y, ROLE_STRONG, "Drift");
    canvas_wrap(cv, rect_make(r.x + 2, r.y + 1, r.w - 4, r.h - 1), ROLE_DIM,
                "No window has been measured yet, so nothing can have moved.\n\n"
                "signalbox monitor ingest NAME --data PREDICTIONS.csv\nsignalbox monitor check");
}

static void drift_draw(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    if (!view_data(v, DF_MAP)) {
        if (models(v) && !val_has(chosen(v), "window_start")) draw_hint(cv, r);
        return;
    }
    int head = r.h >= 9 ? 2 : 1;
    draw_head(v, cv, rect_make(r.x, r.y, r.w, head));
    struct rect rest = rect_make(r.x, r.y + head, r.w, r.h - head);
    if (v->zoom) {
        drift_detail_draw(v, cv, rest);
        return;
    }
    int want = (int)drift_rows(v, 0).total + 1, below = rest.h - want - 1;
    if (below < DRIFT_STRIP) below = rest.h >= 16 ? DRIFT_STRIP : 0;
    want = below ? rest.h - below - 1 : rest.h;
    draw_map(v, cv, rect_make(rest.x, rest.y, rest.w, want), ctx);
    if (below) drift_detail_draw(v, cv, rect_make(rest.x, rest.y + want + 1, rest.w, below));
}

/* -- requests --------------------------------------------------------------------------- */

static const char *drift_why_not(const struct view *v, enum request req)
{
    bool many = val_len(models(v)) > 1;
    if ((req == REQ_MODEL_NEXT || req == REQ_MODEL_PREV) && !many) return "there is no other model";
    if (req == REQ_OPEN && !view_selected(v, 0)) return "there is no feature here";
    if (req == REQ_RETRAIN && !chosen(v)) return "no model is monitored yet";
    return NULL;
}

static void step_model(struct view *v, long by)
{
    const struct val *list = models(v);
    long n = (long)val_len(list), at = 0;
    while (at < n && val_at(list, (size_t)at) != chosen(v)) at++;
    if (n == 0) return;
    at = (at + by + n) % n;
    snprintf(v->focus->model, sizeof v->focus->model, "%s",
             val_get_str(val_at(list, (size_t)at), "model", ""));
}

static bool step_time(struct view *v, long by, struct intent *out)
{
    const struct val *windows = val_get(view_data(v, DF_MAP), "windows");
    if (moment_step(v->focus, windows, "start", by, 0)) return true;
    return intent_say(out, by > 0 ? "this is now" : "z shows earlier windows");
}

static bool drift_request(struct view *v, enum request req, struct intent *out)
{
    struct drift *s = v->state;
    int n = (int)ARRAY_LEN(metrics);
    switch ((int)req) {
    case REQ_OPEN:
        if (v->zoom) return intent_go(out, VIEW_monitor, drift_model(v));
        v->zoom = true;
        return true;
    case REQ_LEFT: return step_time(v, -1, out);
    case REQ_RIGHT: return step_time(v, 1, out);
    case REQ_METRIC_NEXT: s->metric = (s->metric + 1) % n; return true;
    case REQ_METRIC_PREV: s->metric = (s->metric + n - 1) % n; return true;
    case REQ_RANGE: s->range = (s->range + 1) % MONITOR_RANGES; return true;
    case REQ_MODEL_NEXT: step_model(v, 1); return true;
    case REQ_MODEL_PREV: step_model(v, -1); return true;
    case REQ_RETRAIN: intent_retrain(out, drift_model(v)); return true;
    default: return false;
    }
}

static void drift_init(struct view *v)
{
    v->tables[0].id_key = "metric";
}

static void drift_done(struct view *v)
{
    arena_done(&((struct drift *)v->state)->arena);
}

const struct view_ops view_drift = {
    .feeds = feeds,
    .state_size = sizeof(struct drift),
    .init = drift_init,
    .done = drift_done,
    .update = drift_update,
    .enter = widen,
    .model = drift_model,
    .rows = drift_rows,
    .draw = drift_draw,
    .request = drift_request,
    .why_not = drift_why_not,
};
