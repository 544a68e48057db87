/* pane_overview.c: the pane an on-call engineer lands on: what needs attention first, then what
 * serves, what runs, what changed, what ran. Five parts with one cursor each; Enter goes to the
 * pane that has the details. */
#include "base/mem.h"
#include "views/escalation.h"
#include "views/layout.h"
#include "views/tile.h"
#include "views/view.h"
#include "views/widgets/meter.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { F_OVERVIEW, F_CHANGES, F_VERIFY, F_ALERTS, F_MONITOR, VERIFY_AFTER_US = 3000000 };
enum { P_ATTENTION, P_MODELS, P_JOBS, P_RUNS, P_CHANGES };

struct overview {
    struct arena arena;
    int64_t opened_us;     /* when the first data came */
    bool alerted;          /* the first alerts have been seen */
    struct val *attention; /* rows {id, level, text, view, object, age} */
    struct val *models;    /* of the overview, each with `monitoring` where it is monitored */
};

/* Verifying reads the whole chain, so it waits until the first screen has long been painted. */
static bool verify_args(const struct view *v, struct val *args)
{
    const struct overview *s = v->state;
    (void)args;
    return s->opened_us && v->now_us - s->opened_us > VERIFY_AFTER_US;
}

static bool changes_args(const struct view *v, struct val *args)
{
    (void)v;
    val_set_int(args, "limit", 20);
    return true;
}

static const struct feed_ops feeds[] = {
    [F_OVERVIEW] = { "overview", NULL, false },
    [F_CHANGES] = { "model history", changes_args, false },
    [F_VERIFY] = { "audit verify", verify_args, true },
    [F_ALERTS] = { "alert list", NULL, false },
    [F_MONITOR] = { "monitor status", NULL, false },
    { NULL, NULL, false },
};

/* -- what needs attention --------------------------------------------------------------- */

static struct val *concern(struct overview *s, const char *level, enum view_id view,
                           const char *object, const char *age)
{
    struct val *row = val_push_obj(s->attention);
    val_set_strf(row, "id", "%s %s %s", level, view_infos[view].id, object);
    val_set_str(row, "level", level);
    val_set_int(row, "view", view);
    val_set_str(row, "object", object);
    if (age) val_set_str(row, "age", age);
    return row;
}

static void concern_jobs(struct overview *s, const struct val *o)
{
    const struct val *failed = fmt_path(o, "jobs.failed");
    for (size_t i = 0; i < val_len(failed); i++) {
        const struct val *j = val_at(failed, i);
        const char *why = val_get_str(j, "error", NULL);
        struct val *row = concern(s, "bad", VIEW_jobs, val_get_str(j, "id", ""),
                                  val_get_str(j, "finished_at", NULL));
        val_set_strf(row, "text", "%s job failed: %s", val_get_str(j, "kind", "a"),
                     why && *why ? why : val_get_str(j, "message", "no reason given"));
    }
}

/* Incidents and what is on watch; who acknowledged one has said that he looks after it. */
static void concern_alerts(struct overview *s, const struct val *alerts, const char *state)
{
    const struct val *list = val_get(alerts, "alerts");
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *a = val_at(list, i);
        const char *who = val_get_str(a, "acked_by", NULL);
        char text[160];
        if (!str_eq(val_get_str(a, "state", ""), state) || alert_is_muted(a)) continue;
        bool bad = str_eq(state, "incident");
        struct val *row =
            concern(s,
                    who   ? "info"
                    : bad ? "bad"
                          : "warn",
                    VIEW_alerts, val_get_str(a, "id", ""), val_get_str(a, "since", NULL));
        alert_sentence(text, sizeof text, a);
        /* What to do comes first: a narrow screen cuts the end. */
        val_set_strf(row, "text", "%s %s → %s%s%s: %s", val_get_str(a, "model", ""), state,
                     action_text(val_get_str(a, "recommended_action", NULL)), who ? ", with " : "",
                     who ? who : "", text);
    }
}

/* The challenger's gain in the main metric, in the good direction; NAN when unknown. */
static double gain(const struct val *model, const char **ret_metric)
{
    const struct val *p = fmt_path(model, "production.metrics");
    const struct val *q = fmt_path(model, "staging.metrics");
    *ret_metric = metric_main(q);
    if (!*ret_metric || !val_has(p, *ret_metric)) return (double)NAN;
    double d = val_get_real(q, *ret_metric, 0) - val_get_real(p, *ret_metric, 0);
    return metric_info(*ret_metric)->higher_is_better ? d : -d;
}

static void concern_models(struct overview *s, const struct val *o)
{
    const struct val *models = val_get(o, "models");
    for (size_t i = 0; i < val_len(models); i++) {
        const struct val *m = val_at(models, i);
        const char *name = val_get_str(m, "name", ""), *metric;
        const struct val *p = val_get(m, "production"), *q = val_get(m, "staging");
        double d = gain(m, &metric);
        char buf[FMT_LEN];
        if (val_type(p) != VAL_OBJ) {
            val_set_strf(concern(s, "warn", VIEW_registry, name, NULL), "text",
                         "%s has no version in Production", name);
        } else if (val_type(q) == VAL_OBJ && d > 5e-5) {
            struct val *row =
                concern(s, "info", VIEW_registry, name, val_get_str(q, "since", NULL));
            val_set_strf(row, "text", "%s v%lld in Staging beats Production v%lld: %s %s better",
                         name, (long long)val_get_int(q, "version", 0),
                         (long long)val_get_int(p, "version", 0), metric, fmt_delta(buf, d));
        }
    }
}

/* Models with what monitoring says about them. */
static void join_monitoring(struct overview *s, const struct val *o, const struct val *status)
{
    const struct val *models = val_get(o, "models"), *list = val_get(status, "models");
    s->models = val_list(&s->arena);
    for (size_t i = 0; i < val_len(models); i++) {
        struct val *m = val_copy(&s->arena, val_at(models, i));
        for (size_t k = 0; k < val_len(list); k++)
            if (str_eq(val_get_str(val_at(list, k), "model", ""), val_get_str(m, "name", NULL)))
                val_set(m, "monitoring", val_copy(&s->arena, val_at(list, k)));
        val_push(s->models, m);
    }
}

static void collect(struct view *v)
{
    struct overview *s = v->state;
    const struct val *o = view_data(v, F_OVERVIEW), *audit = view_data(v, F_VERIFY);
    arena_reset(&s->arena);
    s->attention = val_list(&s->arena);
    join_monitoring(s, o, view_data(v, F_MONITOR));
    concern_alerts(s, view_data(v, F_ALERTS), "incident");
    if (val_has(audit, "ok") && !val_get_bool(audit, "ok", true))
        val_set_str(concern(s, "bad", VIEW_audit, "", NULL), "text",
                    "the audit chain is broken: a row was changed outside signalbox");
    concern_jobs(s, o);
    concern_alerts(s, view_data(v, F_ALERTS), "watch");
    concern_models(s, o);
}

/* -- columns -------------------------------------------------------------------------------------
 */

static void draw_level(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    const char *level = val_as_str(fmt_path(c->row, col->path), "");
    if (str_eq(level, "bad")) canvas_text(cv, at.x, at.y, ROLE_BAD, "✗");
    else
        canvas_text(cv, at.x, at.y, str_eq(level, "warn") ? ROLE_WARN : ROLE_STAGING,
                    str_eq(level, "warn") ? "!" : "▲");
}

static const struct listing_column attention_columns[] = {
    { .title = " ", .path = "level", .width = 1, .draw = draw_level },
    { .title = "Attention", .path = "text" },
    { .title = " ", .path = "age", .format = "age", .width = 5, .drop = 1, .right = true },
    { .title = NULL },
};

/* "v3 1.2.0" of the object at the column's path. */
static void draw_version(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                         const struct listing_column *col)
{
    const struct val *v = fmt_path(c->row, col->path);
    char text[64];
    if (val_type(v) != VAL_OBJ) {
        canvas_text(cv, at.x, at.y, ROLE_DIM, "–");
        return;
    }
    snprintf(text, sizeof text, "v%lld %.20s", (long long)val_get_int(v, "version", 0),
             val_get_str(v, "semver", ""));
    canvas_fit(cv, at, str_eq(col->path, "production") ? ROLE_PROD : ROLE_STAGING, text);
}

static void draw_model_metric(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                              const struct listing_column *col)
{
    const struct val *m = fmt_path(c->row, col->path);
    const char *name = metric_main(m);
    char text[80], num[FMT_LEN];
    if (!name) return;
    snprintf(text, sizeof text, "%s %s", name, fmt_metric(num, val_get_real(m, name, (double)NAN)));
    canvas_fit(cv, at, ROLE_TEXT, text);
}

/* Of a monitored model also what the metric is now: "auc 0.8953→0.8613". */
static void draw_live_metric(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                             const struct listing_column *col)
{
    const struct val *m = fmt_path(c->row, col->path);
    const char *name = metric_main(m);
    double now = val_get_real(val_get(c->row, "monitoring"), name ? name : "", (double)NAN);
    double then = val_get_real(m, name ? name : "", (double)NAN);
    char text[80], a[FMT_LEN], b[FMT_LEN];
    if (!isfinite(now)) {
        draw_model_metric(cv, at, c, col);
        return;
    }
    double worse = metric_info(name)->higher_is_better ? then - now : now - then;
    snprintf(text, sizeof text, "%s %s→%s", name, fmt_metric(a, then), fmt_metric(b, now));
    canvas_fit(cv, at, worse > 0.05 ? ROLE_WARN : ROLE_TEXT, text);
}

static void draw_gain(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                      const struct listing_column *col)
{
    const char *metric;
    char num[FMT_LEN], text[64];
    double d = gain(c->row, &metric);
    (void)col;
    if (!isfinite(d)) return;
    bool same = fabs(d) < 5e-5;
    snprintf(text, sizeof text, "%s %s", same ? "=" : d > 0 ? "▲" : "▼", fmt_metric(num, fabs(d)));
    canvas_fit(cv, at, same ? ROLE_DIM : d > 0 ? ROLE_OK : ROLE_WARN, text);
}

/* State and share of drifted features, where there is room for both. */
static void draw_monitoring(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                            const struct listing_column *col)
{
    const struct val *m = fmt_path(c->row, col->path);
    char num[FMT_LEN], text[80];
    if (val_type(m) != VAL_OBJ) {
        canvas_text(cv, at.x, at.y, ROLE_DIM, "–");
        return;
    }
    struct status_look look =
        escalation_look(val_get_str(val_get(m, "escalation"), "state", "none"));
    double share = val_get_real(m, "share_drifted", (double)NAN);
    snprintf(text, sizeof text, "%s %s", look.glyph, look.role == ROLE_OK ? "ok" : look.word);
    int used = canvas_fit(cv, at, look.role, text) + 1;
    snprintf(text, sizeof text, "%s drift", fmt_percent(num, share));
    if (isfinite(share) && used + 11 <= at.w)
        canvas_fit(cv, rect_make(at.x + used, at.y, at.w - used, 1), ROLE_DIM, text);
}

static const struct listing_column model_columns[] = {
    { .title = "Models", .path = "name" },
    { .title = "Production", .path = "production", .width = 10, .draw = draw_version },
    { .title = "age",
      .path = "production.since",
      .format = "age",
      .width = 4,
      .drop = 3,
      .right = true },
    { .title = "metric",
      .path = "production.metrics",
      .width = 18,
      .drop = 2,
      .draw = draw_live_metric },
    { .title = "monitoring",
      .path = "monitoring",
      .width = 10,
      .drop = 1,
      .draw = draw_monitoring },
    { .title = "Staging", .path = "staging", .width = 10, .draw = draw_version, .drop = 1 },
    { .title = "gain", .path = "staging", .width = 8, .drop = 1, .draw = draw_gain },
    { .title = NULL },
};

static void draw_job_progress(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                              const struct listing_column *col)
{
    (void)col;
    draw_progress(cv, at, c->row);
}

static const struct listing_column job_columns[] = {
    { .title = "Running", .path = "kind", .width = 8 },
    { .title = "progress", .path = "progress", .width = 20, .draw = draw_job_progress },
    { .title = " ", .path = "message", .drop = 1 },
    { .title = NULL },
};

static const struct listing_column run_columns[] = {
    { .title = " ", .path = "status", .width = 1, .draw = draw_status },
    { .title = "Recent runs", .path = "name" },
    { .title = "algorithm", .path = "params.algorithm", .width = 9, .drop = 2 },
    { .title = "metric", .path = "metrics", .width = 16, .draw = draw_model_metric },
    { .title = "experiment", .path = "experiment", .width = 14, .drop = 4 },
    { .title = "took",
      .path = "duration_s",
      .format = "duration",
      .width = 6,
      .drop = 3,
      .right = true },
    { .title = "age", .path = "start_time", .format = "age", .width = 4, .drop = 1, .right = true },
    { .title = NULL },
};

static void draw_change(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                        const struct listing_column *col)
{
    const char *to = val_get_str(c->row, "to", ""), *verb = val_get_str(c->row, "verb", "");
    char text[160];
    (void)col;
    snprintf(text, sizeof text, "%.60s v%lld ", val_get_str(c->row, "name", ""),
             (long long)val_get_int(c->row, "version", 0));
    int used = canvas_fit(cv, at, ROLE_TEXT, text);
    struct rect rest = rect_make(at.x + used, at.y, at.w - used, 1);
    if (str_eq(verb, "register")) {
        canvas_fit(cv, rest, ROLE_DIM, "registered");
        return;
    }
    snprintf(text, sizeof text, "→ %s%s", to, str_eq(verb, "rollback") ? " (rolled back)" : "");
    canvas_fit(cv, rest, stage_role(to), text);
}

static const struct listing_column change_columns[] = {
    { .title = "Changes", .path = "name", .draw = draw_change },
    { .title = "reason", .path = "reason", .width = 14, .drop = 2 },
    { .title = "by", .path = "actor", .width = 6, .drop = 1 },
    { .title = "age", .path = "at", .format = "age", .width = 4, .right = true },
    { .title = NULL },
};

/* -- drawing ---------------------------------------------------------------------------- */

static struct listing_rows overview_rows(const struct view *v, int part)
{
    const struct overview *s = v->state;
    const struct val *o = view_data(v, 0);
    static const char *const paths[] = { NULL, "models", "jobs.running", "runs.recent" };
    static const char *const empty[] = { NULL, "no models yet: t trains one", "nothing is running",
                                         "no runs yet", "no version was moved yet" };
    const struct val *list = part == P_ATTENTION ? (o ? s->attention : NULL)
                             : part == P_MODELS  ? (o ? s->models : NULL)
                             : part == P_CHANGES ? val_get(view_data(v, F_CHANGES), "history")
                                                 : fmt_path(o, paths[part]);
    return (struct listing_rows){ list, 0, (long)val_len(list), empty[part] };
}

static void draw_part(struct view *v, struct canvas *cv, struct rect r, int part,
                      const struct listing_column *columns, const struct draw_ctx *ctx)
{
    if (rect_empty(r)) return;
    struct listing_rows rows = v->ops->rows(v, part);
    struct listing_look look = { .columns = columns,
                                 .sort = -1,
                                 .section = true,
                                 .now_us = ctx->now_us,
                                 .focus = ctx->focus && v->part == part };
    listing_draw(cv, r, &v->tables[part], &rows, &look);
}

/* Main metric of the recent runs, oldest first, in the title line. */
static void draw_trend(const struct view *v, struct canvas *cv, struct rect r)
{
    const struct val *recent = fmt_path(view_data(v, 0), "runs.recent");
    const char *metric = NULL;
    double y[32];
    size_t n = 0, rows = val_len(recent);
    for (size_t i = 0; !metric && i < rows; i++)
        metric = metric_main(val_get(val_at(recent, i), "metrics"));
    for (size_t i = rows; metric && i-- > 0 && n < ARRAY_LEN(y);)
        y[n++] = val_get_real(val_get(val_at(recent, i), "metrics"), metric, (double)NAN);
    if (n < 2 || r.w < 60) return;
    char total[FMT_LEN], text[80];
    fmt_count(total, val_get_int(fmt_path(view_data(v, 0), "runs"), "total", 0));
    snprintf(text, sizeof text, "%.20s of %.12s runs", metric, total);
    /* Between the title and the first right-hand column. */
    int x = r.x + 2 + 2 + 14;
    meter_spark(cv, rect_make(x, r.y, (int)n, 1), ROLE_S1, y, n);
    if (r.w > 110) canvas_text(cv, x + (int)n + 1, r.y, ROLE_DIM, text);
}

/* "7 runs · 6 jobs done, 1 queued · audit intact, 11 rows", at the right of the first line. */
static void draw_summary(const struct view *v, struct canvas *cv, struct rect at)
{
    const struct val *o = view_data(v, F_OVERVIEW), *audit = view_data(v, F_VERIFY);
    char runs[FMT_LEN], done[FMT_LEN], rows[FMT_LEN], queued[32] = "", text[160];
    if (!o || at.w < 60) return;
    int64_t ready = val_get_int(fmt_path(o, "jobs.counts"), "ready", 0);
    if (ready) snprintf(queued, sizeof queued, ", %" PRId64 " queued", ready);
    fmt_count(runs, val_get_int(val_get(o, "runs"), "total", 0));
    fmt_count(done, val_get_int(fmt_path(o, "jobs.counts"), "succeeded", 0));
    fmt_count(rows, val_get_int(val_get(o, "audit"), "rows", 0));
    snprintf(text, sizeof text, "%.12s runs · %.12s jobs done%s · audit%s %.12s rows", runs, done,
             queued, val_get_bool(audit, "ok", false) ? " ✓" : "", rows);
    canvas_right(cv, at, ROLE_DIM, text);
}

/* A tile a monitored model, in the order of the models; those without room are in the list. */
static void draw_tiles(const struct view *v, struct canvas *cv, struct rect r)
{
    const struct overview *s = v->state;
    struct rect at[8];
    size_t n = 0;
    for (size_t i = 0; i < val_len(s->models); i++)
        n += val_has(val_at(s->models, i), "monitoring");
    int fit = layout_columns(r, n > ARRAY_LEN(at) ? (int)ARRAY_LEN(at) : (int)n, TILE_W, at);
    for (size_t i = 0, k = 0; i < val_len(s->models) && (int)k < fit; i++) {
        const struct val *m = val_at(s->models, i);
        if (val_has(m, "monitoring")) tile_draw(cv, at[k++], m);
    }
}

static void overview_draw(struct view *v, struct canvas *cv, struct rect r,
                          const struct draw_ctx *ctx)
{
    struct overview_layout at;
    struct listing_rows a = overview_rows(v, P_ATTENTION), m = overview_rows(v, P_MODELS);
    struct listing_rows j = overview_rows(v, P_JOBS), n = overview_rows(v, P_RUNS);
    struct listing_rows h = overview_rows(v, P_CHANGES);
    struct overview_want want = {
        a.total ? (int)a.total : 1, m.total ? (int)m.total : 1,
        j.total ? (int)j.total : 1, h.total ? (int)h.total : 1,
        n.total ? (int)n.total : 1, val_len(val_get(view_data(v, F_MONITOR), "models")) ? TILE_H : 0
    };
    layout_overview(r, &want, &at);
    if (!rect_empty(at.tiles)) draw_tiles(v, cv, at.tiles);
    if (a.list && a.total == 0) {
        canvas_text(cv, at.attention.x + 2, at.attention.y, ROLE_STRONG, "Attention");
        canvas_text(cv, at.attention.x + 2, at.attention.y + 1, ROLE_OK, "✓ ");
        canvas_fit(cv, rect_make(at.attention.x + 4, at.attention.y + 1, r.w - 4, 1), ROLE_TEXT,
                   "nothing needs attention");
    } else {
        draw_part(v, cv, at.attention, P_ATTENTION, attention_columns, ctx);
    }
    draw_summary(v, cv, rect_make(r.x + 14, at.attention.y, r.w - 14, 1));
    draw_part(v, cv, at.models, P_MODELS, model_columns, ctx);
    draw_part(v, cv, at.jobs, P_JOBS, job_columns, ctx);
    draw_part(v, cv, at.changes, P_CHANGES, change_columns, ctx);
    draw_part(v, cv, at.runs, P_RUNS, run_columns, ctx);
    if (!rect_empty(at.runs)) draw_trend(v, cv, at.runs);
}

/* -- requests --------------------------------------------------------------------------- */

static bool overview_open(const struct view *v, struct intent *out)
{
    const struct val *row = view_selected(v, v->part);
    if (!row) return true;
    switch (v->part) {
    case P_ATTENTION:
        return intent_go(out, (enum view_id)val_get_int(row, "view", 0),
                         val_get_str(row, "object", ""));
    case P_MODELS: return intent_go(out, VIEW_registry, val_get_str(row, "name", ""));
    case P_CHANGES: return intent_go(out, VIEW_registry, val_get_str(row, "name", ""));
    case P_JOBS: return intent_go(out, VIEW_jobs, val_get_str(row, "id", ""));
    default: return intent_go(out, VIEW_runs, val_get_str(row, "run_id", ""));
    }
}

static const char *overview_why_not(const struct view *v, enum request req)
{
    const struct val *row = view_selected(v, v->part);
    const struct binding *b = binding_of(req);
    if (req == REQ_PROMOTE || req == REQ_ROLLBACK) {
        if (v->part != P_MODELS || !row) return "put the cursor on a model first (Tab)";
        if (req == REQ_PROMOTE && !val_has(row, "staging")) return "nothing is in Staging";
        if (req == REQ_ROLLBACK && !val_has(row, "production")) return "nothing is in Production";
        return NULL;
    }
    if (req == REQ_CANCEL && (v->part != P_JOBS || !row))
        return "put the cursor on a running job first (Tab)";
    if ((b->flags & KEY_SELECTION) && !row) return "the list is empty";
    return NULL;
}

static bool overview_request(struct view *v, enum request req, struct intent *out)
{
    const struct val *row = view_selected(v, v->part);
    switch ((int)req) {
    case REQ_OPEN: return overview_open(v, out);
    case REQ_PROMOTE: {
        struct val *version = val_copy(out->arena, val_get(row, "staging"));
        val_set_str(version, "stage", "Staging");
        const struct val *p = val_has(row, "production") ? val_get(row, "production") : NULL;
        intent_move(out, val_get_str(row, "name", ""), version, p, "Production");
        return true;
    }
    case REQ_ROLLBACK:
        intent_rollback(out, val_get_str(row, "name", ""), val_get(row, "production"), NULL);
        return true;
    case REQ_CANCEL: intent_job(out, "job cancel", row); return true;
    default: return false;
    }
}

static void overview_update(struct view *v, int feed)
{
    struct overview *s = v->state;
    bool first = s->opened_us == 0;
    collect(v);
    /* The worst comes in last: who has not moved yet looks at it, not at what was first before. */
    struct listing *t = &v->tables[P_ATTENTION];
    if (feed == F_ALERTS && !s->alerted && t->cursor == 0) t->id[0] = '\0';
    s->alerted |= feed == F_ALERTS;
    if (!first) return;
    s->opened_us = v->now_us;
    if (val_len(s->attention) == 0) v->part = P_MODELS;
}

static void overview_init(struct view *v)
{
    v->parts = 5;
    v->tables[P_CHANGES].id_key = "audit_seq";
    v->tables[P_MODELS].id_key = "name";
    v->tables[P_RUNS].id_key = "run_id";
}

static void overview_done(struct view *v)
{
    arena_done(&((struct overview *)v->state)->arena);
}

const struct view_ops view_overview = {
    .feeds = feeds,
    .state_size = sizeof(struct overview),
    .init = overview_init,
    .done = overview_done,
    .update = overview_update,
    .rows = overview_rows,
    .draw = overview_draw,
    .request = overview_request,
    .why_not = overview_why_not,
};
