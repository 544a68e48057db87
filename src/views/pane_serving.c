/* pane_serving.c: where the traffic of each model goes: its routes, the versions behind the one
 * at rest with share, load, errors and latency, and below them what is known of a candidate
 * (serving_detail.c). The daemon may be another process, or not there at all: figures come from
 * the store, and the pane says when nobody serves. */
#include "base/clock.h"
#include "base/mem.h"
#include "views/layout.h"
#include "views/moment.h"
#include "views/serving.h"
#include "views/widgets/meter.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ALIVE_US 10000000LL

const struct serving_series serving_series[SERVING_SERIES] = {
    { "p95_ms", "p95 ms" }, { "p50_ms", "p50 ms" }, { "p99_ms", "p99 ms" },
    { "rps", "req/s" },     { "errors", "errors" },
};
static const char *const windows[] = { "10m", "1h", "6h", "1d" };

/* -- feeds ------------------------------------------------------------------------------ */

static bool route_args(const struct view *v, struct val *args)
{
    const struct serving *s = v->state;
    if (!v->rest[0]) return false;
    val_set_str(args, "name", v->rest);
    val_set_str(args, "window", windows[s->range]);
    val_set_bool(args, "labels", false); /* the log is long and this is asked every second */
    return true;
}

static const struct feed_ops feeds[] = {
    [SF_ROUTES] = { "route show", NULL, false },
    [SF_ROUTE] = { "route show", route_args, false },
    { NULL, NULL, false },
};

const struct val *serving_route(const struct view *v)
{
    const struct val *route = view_data(v, SF_ROUTE);
    return str_eq(val_get_str(route, "model", NULL), v->rest) ? route : NULL;
}

const struct val *serving_canary(const struct val *route)
{
    return str_eq(val_get_str(route, "mode", ""), "canary") ? val_get(route, "canary") : NULL;
}

const double *serving_values(struct arena *a, const struct val *arm, const char *key, size_t *n)
{
    const struct val *list = val_get(val_get(arm, "series"), key);
    *n = val_len(list);
    double *x = arena_array(a, *n + 1, double);
    for (size_t i = 0; i < *n; i++) x[i] = val_as_real(val_at(list, i), (double)NAN);
    return x;
}

double serving_rps(const struct val *arm)
{
    const struct val *s = val_get(arm, "series"), *list = val_get(s, "rps");
    double width = val_get_real(s, "width_s", 60), sum = 0;
    size_t n = val_len(list), last = n > 1 ? n - 1 : n; /* the last one is not over yet */
    size_t points = width < 60 ? (size_t)(60 / width) : 1;
    if (n == 0) return (double)NAN;
    if (points > last) points = last;
    for (size_t i = 0; i < points; i++) sum += val_as_real(val_at(list, last - 1 - i), 0);
    return sum / (double)points;
}

const char *serving_share(char buf[FMT_LEN], double share)
{
    snprintf(buf, FMT_LEN, "%.4g %%", 100 * share);
    return buf;
}

bool serving_alive(const struct val *daemon, int64_t now_us)
{
    int64_t seen = moment_us(val_get_str(daemon, "seen_at", NULL));
    return seen != INT64_MIN && now_us - seen < ALIVE_US;
}

/* -- routes ----------------------------------------------------------------------------- */

static struct status_look route_look(const struct val *route)
{
    const char *canary = val_get_str(route, "canary", NULL), *mode = val_get_str(route, "mode", "");
    if (!str_eq(mode, "canary"))
        return (struct status_look){ str_eq(mode, "single") ? "✓" : "◆", mode,
                                     str_eq(mode, "single") ? ROLE_OK : ROLE_STAGING };
    if (str_eq(canary, "paused")) return (struct status_look){ "!", "canary paused", ROLE_WARN };
    if (str_eq(canary, "held")) return (struct status_look){ "·", "canary held", ROLE_STAGING };
    return (struct status_look){ "▶", "canary", ROLE_STAGING };
}

static void draw_mode(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                      const struct listing_column *col)
{
    struct status_look look = route_look(c->row);
    char text[60];
    (void)col;
    snprintf(text, sizeof text, "%s %.40s", look.glyph, look.word);
    canvas_fit(cv, at, look.role, text);
}

/* "v3 90 %  v4 10 %". */
static void draw_shares(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                        const struct listing_column *col)
{
    const struct val *arms = val_get(c->row, "arms");
    STR_AUTO s = STR_INIT;
    (void)col;
    for (size_t i = 0; i < val_len(arms); i++) {
        const struct val *arm = val_at(arms, i);
        char share[FMT_LEN];
        str_addf(&s, "%sv%lld %s", i ? "  " : "", (long long)val_get_int(arm, "version", 0),
                 str_eq(val_get_str(arm, "role", ""), "shadow")
                     ? "shadow"
                     : serving_share(share, val_get_real(arm, "share", 0)));
    }
    canvas_fit(cv, at, ROLE_TEXT, str_c(&s));
}

static const struct listing_column route_columns[] = {
    { .title = "Routes", .path = "model", .width = 20 },
    { .title = "mode", .path = "mode", .width = 15, .draw = draw_mode },
    { .title = "traffic", .path = "shares", .draw = draw_shares },
    { .title = "since",
      .path = "started_at",
      .format = "age",
      .width = 6,
      .right = true,
      .drop = 1 },
    { .title = NULL },
};

/* -- versions --------------------------------------------------------------------------- */

static void draw_version(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                         const struct listing_column *col)
{
    const char *role = val_get_str(c->row, "role", "");
    bool prod = str_eq(val_get_str(c->row, "stage", ""), "Production");
    char text[60];
    (void)col;
    snprintf(text, sizeof text, "v%lld %.40s", (long long)val_get_int(c->row, "version", 0), role);
    canvas_fit(cv, at, prod ? ROLE_PROD : ROLE_STRONG, text);
}

static void draw_share(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    double share = val_get_real(c->row, "share", (double)NAN);
    char text[FMT_LEN];
    (void)col;
    if (str_eq(val_get_str(c->row, "role", ""), "shadow")) {
        canvas_fit(cv, at, ROLE_DIM, "asked beside");
        return;
    }
    if (at.w > 8) meter_gauge(cv, rect_make(at.x, at.y, at.w - 6, 1), ROLE_S1, share);
    canvas_right(cv, rect_make(at.x + at.w - 5, at.y, 5, 1), ROLE_TEXT, fmt_percent(text, share));
}

static void draw_rps(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                     const struct listing_column *col)
{
    double rps = serving_rps(c->row);
    char text[FMT_LEN];
    (void)col;
    snprintf(text, sizeof text, "%.*f", rps < 10 ? 1 : 0, rps);
    canvas_right(cv, at, rps > 0 ? ROLE_TEXT : ROLE_DIM, isfinite(rps) ? text : "–");
}

static void draw_errors(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                        const struct listing_column *col)
{
    double rate = val_get_real(c->row, "error_rate", (double)NAN);
    char text[FMT_LEN];
    (void)col;
    snprintf(text, sizeof text, rate > 0 ? "! %.2f %%" : "%.0f %%", 100 * rate);
    canvas_right(cv, at, rate > 0 ? ROLE_WARN : ROLE_TEXT, isfinite(rate) ? text : "–");
}

static void draw_ms(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                    const struct listing_column *col)
{
    double ms = val_as_real(fmt_path(c->row, col->path), (double)NAN);
    char text[FMT_LEN];
    snprintf(text, sizeof text, "%.*f", ms < 1 ? 3 : ms < 10 ? 2 : ms < 100 ? 1 : 0, ms);
    canvas_right(cv, at, isfinite(ms) ? ROLE_TEXT : ROLE_DIM, isfinite(ms) ? text : "–");
}

static void draw_spark(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    const struct serving *s = ((const struct view *)c->user)->state;
    struct arena a = ARENA_INIT;
    size_t n;
    const double *x = serving_values(&a, c->row, serving_series[s->series].key, &n);
    (void)col;
    meter_spark(cv, rect_make(at.x + 1, at.y, at.w - 1, 1), ROLE_S1, x, n);
    arena_done(&a);
}

/* Titles of the versions' columns; the last one says what is charted. */
enum { SPARK_COLUMN = 7 };
static const struct listing_column version_columns[] = {
    { .title = "version", .path = "version", .width = 14, .draw = draw_version },
    { .title = "share", .path = "share", .width = 14, .draw = draw_share, .drop = 3 },
    { .title = "req/s", .path = "rps", .width = 7, .right = true, .draw = draw_rps },
    { .title = "errors", .path = "error_rate", .width = 8, .right = true, .draw = draw_errors },
    { .title = "p50 ms", .path = "p50_ms", .width = 6, .right = true, .draw = draw_ms, .drop = 4 },
    { .title = "p95 ms", .path = "p95_ms", .width = 6, .right = true, .draw = draw_ms, .drop = 1 },
    { .title = "p99 ms", .path = "p99_ms", .width = 6, .right = true, .draw = draw_ms, .drop = 5 },
    [SPARK_COLUMN] = { .title = "p95 ms", .path = "series", .draw = draw_spark, .drop = 2 },
    { .title = NULL },
};

static void draw_versions(struct view *v, struct canvas *cv, struct rect r,
                          const struct draw_ctx *ctx)
{
    const struct serving *s = v->state;
    struct listing_column columns[ARRAY_LEN(version_columns)];
    struct listing_rows rows = v->ops->rows(v, SP_VERSIONS);
    char title[40];
    memcpy(columns, version_columns, sizeof columns);
    snprintf(title, sizeof title, " %s, %s", serving_series[s->series].title, windows[s->range]);
    columns[SPARK_COLUMN].title = title;
    struct listing_look look = { .columns = columns,
                                 .sort = -1,
                                 .now_us = ctx->now_us,
                                 .focus = ctx->focus && v->part == SP_VERSIONS,
                                 .user = v };
    listing_draw(cv, r, &v->tables[SP_VERSIONS], &rows, &look);
}

/* -- pane ------------------------------------------------------------------------------- */

static struct listing_rows serving_rows(const struct view *v, int part)
{
    const struct val *list = part == SP_ROUTES ? val_get(view_data(v, SF_ROUTES), "models")
                                               : val_get(serving_route(v), "arms");
    return (struct listing_rows){ list, 0, (long)val_len(list), "" };
}

/* "● 127.0.0.1:5000" or "✗ no daemon serves". */
static void draw_daemon(const struct val *daemons, struct canvas *cv, struct rect at,
                        int64_t now_us)
{
    const struct val *last = NULL;
    char text[120], age[FMT_LEN];
    int alive = 0;
    for (size_t i = 0; i < val_len(daemons); i++) {
        const struct val *d = val_at(daemons, i);
        bool lives = serving_alive(d, now_us);
        alive += lives;
        if (!last || moment_us(val_get_str(d, "seen_at", NULL)) >
                         moment_us(val_get_str(last, "seen_at", NULL)))
            last = d;
    }
    const char *listen = val_get_str(last, "listen", "");
    if (alive > 1) snprintf(text, sizeof text, "● %d daemons", alive);
    else if (alive) snprintf(text, sizeof text, "● %.60s", *listen ? listen : "serving");
    else if (last)
        snprintf(text, sizeof text, "✗ no daemon, last seen %s",
                 fmt_ago(age, val_get_str(last, "seen_at", NULL), now_us));
    else snprintf(text, sizeof text, "✗ no daemon: signalbox serve");
    canvas_right(cv, at, alive ? ROLE_OK : ROLE_BAD, text);
}

static void draw_route(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    const struct val *route = serving_route(v);
    int versions = (int)val_len(val_get(route, "arms"));
    char title[120];
    if (!v->rest[0] || r.h < 2) return;
    snprintf(title, sizeof title, "%.60s · %.20s", v->rest, val_get_str(route, "mode", ""));
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), ROLE_TITLE, title, "");
    draw_daemon(val_get(view_data(v, SF_ROUTES), "daemons"), cv,
                rect_make(r.x + r.w / 3, r.y, r.w - r.w / 3, 1), ctx->now_us);
    int h = versions + 1 < r.h - 1 ? versions + 1 : r.h - 1;
    draw_versions(v, cv, rect_make(r.x, r.y + 1, r.w, h), ctx);
    serving_detail_draw(v, cv, rect_make(r.x, r.y + 1 + h, r.w, r.h - 1 - h), ctx);
}

static void draw_hint(struct canvas *cv, struct rect r)
{
    canvas_text(cv, r.x + 2, r.y, ROLE_STRONG, "Serving");
    canvas_wrap(cv, rect_make(r.x + 2, r.y + 1, r.w - 4, r.h - 1), ROLE_DIM,
                "Nothing is in Production, so nothing can answer.\n\n"
                "p in Registry promotes a version; then\nsignalbox serve\nanswers predictions "
                "over HTTP.");
}

static void serving_draw(struct view *v, struct canvas *cv, struct rect r,
                         const struct draw_ctx *ctx)
{
    struct listing_rows rows = serving_rows(v, SP_ROUTES);
    struct listing_look look = { .columns = route_columns,
                                 .sort = -1,
                                 .section = true,
                                 .now_us = ctx->now_us,
                                 .focus = ctx->focus && v->part == SP_ROUTES };
    if (rows.total == 0) {
        if (rows.list || v->feeds[SF_ROUTES].error[0]) draw_hint(cv, r);
        return;
    }
    int list = (int)rows.total + 1;
    if (list > r.h / 4) list = r.h / 4;
    if (list < 2) list = 2;
    if (v->zoom || (r.h < 12 && (v->part == SP_VERSIONS || rows.total == 1))) list = 0;
    else if (r.h < 12) list = r.h;
    if (list) listing_draw(cv, rect_make(r.x, r.y, r.w, list), &v->tables[SP_ROUTES], &rows, &look);
    if (list) list++;
    if (r.h - list > 2) draw_route(v, cv, rect_make(r.x, r.y + list, r.w, r.h - list), ctx);
}

/* -- requests --------------------------------------------------------------------------- */

static const char *serving_why_not(const struct view *v, enum request req)
{
    const struct val *route = serving_route(v), *canary = serving_canary(route);
    bool running = str_eq(val_get_str(canary, "state", ""), "running");
    if (!(binding_of(req)->flags & KEY_SELECTION)) return NULL;
    if (!route) return "no model serves here";
    if (req == REQ_CANARY_START && canary) return "a canary is under way: a aborts it";
    if ((req == REQ_CANARY_STEP || req == REQ_CANARY_HOLD) && !canary)
        return "no canary is under way: c starts one";
    if (req == REQ_TRAFFIC_ABORT && str_eq(val_get_str(route, "mode", ""), "single"))
        return "all traffic goes to Production already";
    if (req == REQ_TRAFFIC_SHIFT && canary)
        return running ? "the canary moves its share itself: s takes the next step"
                       : "a canary is under way: s steps, a aborts";
    return NULL;
}

static bool serving_request(struct view *v, enum request req, struct intent *out)
{
    struct serving *s = v->state;
    const struct val *route = serving_route(v);
    switch ((int)req) {
    case REQ_OPEN:
        if (v->part == SP_VERSIONS) return intent_go(out, VIEW_registry, v->rest);
        v->part = SP_VERSIONS;
        return true;
    case REQ_METRIC_NEXT: s->series = (s->series + 1) % SERVING_SERIES; return true;
    case REQ_METRIC_PREV:
        s->series = (s->series + SERVING_SERIES - 1) % SERVING_SERIES;
        return true;
    case REQ_RANGE: s->range = (s->range + 1) % (int)ARRAY_LEN(windows); return true;
    case REQ_CANARY_START: serving_ask_start(route, out); return true;
    case REQ_CANARY_STEP: serving_ask_step(route, out); return true;
    case REQ_CANARY_HOLD: serving_ask_hold(route, out); return true;
    case REQ_TRAFFIC_ABORT: serving_ask_abort(route, out); return true;
    case REQ_TRAFFIC_SHIFT: serving_ask_shift(route, out); return true;
    default: return false;
    }
}

static const char *serving_model(const struct view *v)
{
    return v->tables[SP_ROUTES].id;
}

static void serving_enter(struct view *v)
{
    const char *model = v->focus->model;
    if (*model && !str_eq(model, v->tables[SP_ROUTES].id)) view_reveal(v, model);
}

static void serving_init(struct view *v)
{
    v->parts = 2;
    v->tables[SP_ROUTES].id_key = "model";
    v->tables[SP_VERSIONS].id_key = "version";
}

const struct view_ops view_serving = {
    .feeds = feeds,
    .state_size = sizeof(struct serving),
    .init = serving_init,
    .enter = serving_enter,
    .model = serving_model,
    .rows = serving_rows,
    .draw = serving_draw,
    .request = serving_request,
    .why_not = serving_why_not,
};
