/* pane_alerts.c: what is wrong, worst model first: how far each alert has climbed, for how long,
 * who looks after it; of the alert under the cursor the evidence and what to do. */
#include "base/mem.h"
#include "views/escalation.h"
#include "views/layout.h"
#include "views/moment.h"
#include "views/page.h"
#include "views/widgets/meter.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { F_LIST, F_SHOW, F_MAP };
enum { P_LIST };
enum { DEPLOYS = 3 }; /* shown among what changed */

struct alerts {
    struct arena arena;
    const struct val *shown;     /* grouped and filtered; `first`: leads its model's group */
    struct page_scroll scroll;   /* of the alert that is opened */
    char opened[LISTING_ID_LEN]; /* its id: another one begins at its top */
};

static const struct val *at_rest(const struct view *v)
{
    const struct val *list = val_get(view_data(v, F_LIST), "alerts");
    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), "id", ""), v->rest)) return val_at(list, i);
    return NULL;
}

static bool show_args(const struct view *v, struct val *args)
{
    if (!at_rest(v)) return false;
    val_set_str(args, "alert", v->rest);
    return true;
}

/* What moved when: alerts come of measured windows, so the model has some. */
static bool map_args(const struct view *v, struct val *args)
{
    const struct val *alert = at_rest(v);
    if (!val_has(alert, "window_start")) return false;
    val_set_str(args, "name", val_get_str(alert, "model", ""));
    return true;
}

static const struct feed_ops feeds[] = {
    [F_LIST] = { "alert list", moment_args, false },
    [F_SHOW] = { "alert show", show_args, false },
    [F_MAP] = { "monitor heatmap", map_args, false },
    { NULL, NULL, false },
};

/* -- order ------------------------------------------------------------------------------ */

struct ranked {
    const struct val *v;
    const char *model;
    int rank, model_rank; /* of the alert, of the worst of its model; muted ones count half */
    size_t at;
};

static int badness(const struct val *alert)
{
    int rank = escalation_rank(val_get_str(alert, "state", NULL));
    return 2 * rank - (alert_is_muted(alert) ? 1 : 0);
}

static int worse_first(const void *x, const void *y)
{
    const struct ranked *a = x, *b = y;
    if (a->model_rank != b->model_rank) return b->model_rank - a->model_rank;
    int by_model = strcmp(a->model, b->model);
    if (by_model) return by_model;
    if (a->rank != b->rank) return b->rank - a->rank;
    return a->at < b->at ? -1 : 1;
}

static void group(struct alerts *s, const struct val *list)
{
    size_t n = val_len(list);
    struct ranked *r = mem_zalloc(n + 1, sizeof *r);
    struct val *out = val_list(&s->arena);
    for (size_t i = 0; i < n; i++) {
        const struct val *v = val_at(list, i);
        r[i] = (struct ranked){ v, val_get_str(v, "model", ""), badness(v), badness(v), i };
    }
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (r[k].rank > r[i].model_rank && str_eq(r[k].model, r[i].model))
                r[i].model_rank = r[k].rank;
    qsort(r, n, sizeof *r, worse_first);
    for (size_t i = 0; i < n; i++) {
        struct val *row = val_copy(&s->arena, r[i].v);
        val_set_bool(row, "first", i == 0 || !str_eq(r[i].model, r[i - 1].model));
        val_push(out, row);
    }
    free(r);
    s->shown = out;
}

static void alerts_update(struct view *v, int feed)
{
    struct alerts *s = v->state;
    const struct val *list = val_get(view_data(v, F_LIST), "alerts");
    if (feed != F_LIST) return;
    arena_reset(&s->arena);
    s->shown = NULL;
    if (list) group(s, view_filter(&s->arena, v->filter, list));
}

static struct listing_rows alerts_rows(const struct view *v, int part)
{
    const struct alerts *s = v->state;
    (void)part;
    return (struct listing_rows){ s->shown, 0, (long)val_len(s->shown),
                                  v->filter[0] ? "no alert matches the filter"
                                               : "no alert: every rule is within its threshold" };
}

/* -- list ------------------------------------------------------------------------------- */

static void draw_model(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    bool first = val_get_bool(c->row, "first", true);
    canvas_fit(cv, at, first ? ROLE_STRONG : ROLE_DIM,
               first ? val_as_str(fmt_path(c->row, col->path), "") : "·");
}

/* One letter each: a acknowledged, s silenced, i explained by another alert. */
static void draw_marks(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    (void)col;
    if (val_has(c->row, "acked_by")) canvas_put(cv, at.x, at.y, ROLE_MARK, 'a');
    if (val_has(c->row, "silenced_until")) canvas_put(cv, at.x + 1, at.y, ROLE_MARK, 's');
    if (val_has(c->row, "inhibited_by")) canvas_put(cv, at.x + 2, at.y, ROLE_MARK, 'i');
}

static void draw_action(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                        const struct listing_column *col)
{
    canvas_fit(cv, at, ROLE_TEXT, action_text(val_as_str(fmt_path(c->row, col->path), NULL)));
}

static void draw_number(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                        const struct listing_column *col)
{
    char text[FMT_LEN];
    canvas_right(cv, at, ROLE_TEXT, alert_number(text, c->row, col->path));
}

static const struct listing_column columns[] = {
    { .title = "model", .path = "model", .width = 9, .draw = draw_model },
    { .title = "state", .path = "state", .width = 12, .draw = draw_escalation },
    { .title = "asi", .path = "acked_by", .width = 3, .draw = draw_marks, .drop = 3 },
    { .title = "rule", .path = "rule" },
    { .title = "value",
      .path = "value",
      .width = 7,
      .right = true,
      .drop = 4,
      .draw = draw_number },
    { .title = "limit",
      .path = "threshold",
      .width = 7,
      .right = true,
      .drop = 5,
      .draw = draw_number },
    { .title = "row",
      .path = "breach_streak",
      .format = "int",
      .width = 3,
      .right = true,
      .drop = 2 },
    { .title = "since", .path = "since", .format = "age", .width = 5, .right = true, .drop = 1 },
    { .title = "do", .path = "recommended_action", .width = 24, .drop = 6, .draw = draw_action },
    { .title = NULL },
};

/* -- details ---------------------------------------------------------------------------- */

/* An alert outlasts its breach: what must still come to end it. */
static void draw_clearing(struct page *p, const struct val *alert)
{
    const struct val *rule = val_get(val_get(alert, "detail"), "rule");
    long long need = val_get_int(rule, "clear_after", 0);
    long long keep = val_get_int(rule, "keep_firing_for", 0);
    long long clean = val_get_int(alert, "clean_streak", 0);
    char text[100];
    if (clean <= 0 || need <= 0 || escalation_rank(val_get_str(alert, "state", NULL)) <= 0) return;
    snprintf(text, sizeof text, "%lld of %lld clean windows in a row", clean, need + keep);
    page_fact(p, "clears at", ROLE_OK, text);
}

static void draw_standing(struct page *p, const struct val *alert, int64_t now_us)
{
    char text[200], a[FMT_LEN], b[FMT_LEN];
    const char *since = val_get_str(alert, "since", NULL);
    if (p->r.h >= 12) page_fact(p, "about", ROLE_TEXT, val_get_str(alert, "about", NULL));
    alert_sentence(text, sizeof text, alert);
    page_fact(p, "measured", ROLE_STRONG, text);
    draw_clearing(p, alert);
    snprintf(text, sizeof text, "%s, %s", fmt_time(a, since), fmt_ago(b, since, now_us));
    page_fact(p, "since", ROLE_TEXT, since ? text : NULL);
    page_fact(p, "do", ROLE_STRONG, action_text(val_get_str(alert, "recommended_action", NULL)));
    snprintf(text, sizeof text, "by %.60s", val_get_str(alert, "acked_by", ""));
    page_fact(p, "ack", ROLE_MARK, val_has(alert, "acked_by") ? text : NULL);
    snprintf(text, sizeof text, "until %s",
             fmt_time(a, val_get_str(alert, "silenced_until", NULL)));
    page_fact(p, "silenced", ROLE_MARK, val_has(alert, "silenced_until") ? text : NULL);
    snprintf(text, sizeof text, "%.60s explains it, so nobody is told",
             val_get_str(alert, "inhibited_by", ""));
    page_fact(p, "inhibited", ROLE_MARK, val_has(alert, "inhibited_by") ? text : NULL);
}

/* Alerts of one group began in the same window: "began 11-21 04:00, with brier, auc". */
static void draw_cause(struct page *p, const struct val *reply, const struct val *alert)
{
    const struct val *list = val_get(reply, "alerts");
    const char *group = val_get_str(alert, "group", NULL), *at = group ? strrchr(group, '/') : NULL;
    char text[200], when[FMT_LEN];
    STR_AUTO others = STR_INIT;
    if (!at || moment_us(at + 1) == INT64_MIN) return;
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *o = val_at(list, i);
        if (!str_eq(val_get_str(o, "group", ""), group) ||
            str_eq(val_get_str(o, "id", ""), val_get_str(alert, "id", NULL)))
            continue;
        str_addf(&others, "%s%s", others.len ? ", " : ", with ", val_get_str(o, "rule", ""));
    }
    snprintf(text, sizeof text, "%s%.150s", moment_text(when, at + 1), str_c(&others));
    page_fact(p, "began", ROLE_TEXT, text);
}

static void draw_feature(struct page *p, const struct val *f)
{
    char num[FMT_LEN];
    bool drifted = val_get_bool(f, "drifted", false);
    double effect = fabs(val_get_real(f, "effect", (double)NAN));
    struct rect at = page_take(p, 1);
    int name = at.w > 50 ? 22 : at.w / 2 - 8;
    canvas_text(p->cv, at.x, at.y, drifted ? ROLE_WARN : ROLE_DIM, drifted ? "!" : "·");
    canvas_fit(p->cv, rect_make(at.x + 2, at.y, name, 1), ROLE_TEXT, val_get_str(f, "name", "?"));
    canvas_right(p->cv, rect_make(at.x + 2 + name, at.y, 8, 1), ROLE_TEXT, fmt_metric(num, effect));
    int x = at.x + name + 11, w = at.w - name - 11;
    meter_gauge(p->cv, rect_make(x, at.y, w < 20 ? w : 20, 1), drifted ? ROLE_WARN : ROLE_S1,
                effect);
    if (w > 32)
        canvas_fit(p->cv, rect_make(x + 22, at.y, w - 22, 1), ROLE_DIM,
                   val_get_str(f, "method", ""));
}

/* Anything else of the evidence as "name value", one line each. */
static void draw_rest(struct page *p, const struct val *detail)
{
    static const char *const said[] = { "window_start", "window_end", "version", "snapshot_seq",
                                        "low",          "high",       "metric" };
    for (size_t i = 0; i < val_len(detail) && p->r.h > 0; i++) {
        const struct val *v = val_at(detail, i);
        char text[120];
        bool known = val_type(v) == VAL_LIST || val_type(v) == VAL_OBJ || val_type(v) == VAL_NULL;
        for (size_t k = 0; k < ARRAY_LEN(said); k++) known |= str_eq(val_key(detail, i), said[k]);
        if (!known)
            page_fact(p, val_key(detail, i), ROLE_TEXT,
                      fmt_val(text, sizeof text, v, val_type(v) == VAL_REAL ? "real" : NULL, 0));
    }
}

static void draw_columns(struct page *p, const struct val *list)
{
    for (size_t i = 0; i < val_len(list) && p->r.h > 0; i++) {
        const struct val *v = val_at(list, i);
        STR_AUTO s = STR_INIT;
        for (size_t k = 0; k < val_len(v); k++) {
            char text[100];
            const struct val *x = val_at(v, k);
            fmt_val(text, sizeof text, x, val_type(x) == VAL_REAL ? "real" : NULL, 0);
            str_addf(&s, "%s%s%s%s", s.len ? ", " : "", k ? val_key(v, k) : "", k ? " " : "", text);
        }
        canvas_text(p->cv, p->r.x, p->r.y, ROLE_WARN, "!");
        canvas_fit(p->cv, rect_make(p->r.x + 2, p->r.y, p->r.w - 2, 1), ROLE_TEXT,
                   val_type(v) == VAL_STR ? val_as_str(v, "") : str_c(&s));
        page_take(p, 1);
    }
}

static void draw_evidence(struct page *p, const struct val *detail)
{
    char text[100], a[FMT_LEN], b[FMT_LEN];
    if (val_type(detail) != VAL_OBJ || p->r.h < 3) return;
    page_section(p, "Evidence", val_get_str(detail, "metric", NULL));
    snprintf(text, sizeof text, "%s to %s", fmt_time(a, val_get_str(detail, "window_start", NULL)),
             fmt_time(b, val_get_str(detail, "window_end", NULL)));
    page_fact(p, "window", ROLE_TEXT, val_has(detail, "window_start") ? text : NULL);
    snprintf(text, sizeof text, "%s to %s, 95 %%",
             fmt_metric(a, val_get_real(detail, "low", (double)NAN)),
             fmt_metric(b, val_get_real(detail, "high", (double)NAN)));
    page_fact(p, "between", ROLE_TEXT, val_has(detail, "low") ? text : NULL);
    draw_rest(p, detail);
    const struct val *features = val_get(detail, "features");
    if (val_len(features) && p->r.h > 2) page_take(p, 1);
    for (size_t i = 0; i < val_len(features) && p->r.h > 0; i++)
        draw_feature(p, val_at(features, i));
    draw_columns(p, val_get(detail, "columns"));
}

/* -- what changed ----------------------------------------------------------------------- */

/* Windows in a row, up to the cursor's, in which a row of the heat map drifted. */
static long drifting(const struct val *row, long at)
{
    const struct val *states = val_get(row, "states");
    long n = 0;
    while (at >= n && str_eq(val_as_str(val_at(states, (size_t)(at - n)), ""), "drifted")) n++;
    return n;
}

/* Features that drift now, those that began together in one line: a shared beginning is a shared
 * cause. */
static void draw_moved(struct page *p, const struct val *map, long at)
{
    const struct val *rows = val_get(map, "rows"), *windows = val_get(map, "windows");
    long done = -1; /* beginnings up to this many windows ago are written */
    for (;;) {
        long next = -1;
        int n = 0;
        STR_AUTO names = STR_INIT;
        char text[300], since[FMT_LEN];
        for (size_t i = 0; i < val_len(rows); i++) {
            long k = drifting(val_at(rows, i), at);
            if (k > (done < 0 ? 0 : done) && (next < 0 || k < next)) next = k;
        }
        if (next < 0 || p->r.h <= 0) return;
        for (size_t i = 0; i < val_len(rows); i++) {
            const struct val *row = val_at(rows, i);
            if (drifting(row, at) != next) continue;
            bool score = str_eq(val_get_str(row, "kind", ""), "score");
            str_addf(&names, "%s%s", n++ ? ", " : "",
                     score ? "predictions" : val_get_str(row, "name", ""));
        }
        const struct val *w = val_at(windows, (size_t)(at - next + 1));
        snprintf(text, sizeof text, "! %d drift since: %.240s", n, str_c(&names));
        page_fact(p, moment_text(since, val_get_str(w, "start", NULL)), ROLE_WARN, text);
        done = next;
    }
}

/* Newest first, those that had been made by then; returns how many. */
static size_t draw_deploys(struct page *p, const struct val *deploys, const struct focus *focus)
{
    size_t n = 0;
    for (size_t i = val_len(deploys); i-- > 0 && n < DEPLOYS;) {
        const struct val *d = val_at(deploys, i);
        const char *at = val_get_str(d, "at", NULL);
        char text[200], when[FMT_LEN];
        if (focus->at_us && moment_us(at) > focus->at_us) continue;
        snprintf(text, sizeof text, "▲ v%lld %s by %.30s: %.90s",
                 (long long)val_get_int(d, "version", 0),
                 str_eq(val_get_str(d, "verb", ""), "rollback") ? "rolled back to" : "promoted",
                 val_get_str(d, "actor", "?"), val_get_str(d, "reason", ""));
        page_fact(p, moment_text(when, at), ROLE_PROD, text);
        n++;
    }
    return n;
}

static void draw_changed(struct page *p, const struct val *map, const struct focus *focus)
{
    const struct val *rows = val_get(map, "rows");
    long at = moment_index(focus, val_get(map, "windows"), "start");
    bool moved = false;
    if (p->r.h < 2 || at < 0) return;
    for (size_t i = 0; i < val_len(rows); i++) moved |= drifting(val_at(rows, i), at) > 0;
    page_section(p, "What changed", "d drift");
    size_t deploys = draw_deploys(p, val_get(map, "deploys"), focus);
    if (!deploys && !moved)
        page_fact(p, "nothing", ROLE_DIM, "no feature drifts, no version was promoted");
    draw_moved(p, map, at);
}

/* The reason of a step begins with "METRIC = ", which is said above already. */
static const char *after_metric(const char *reason, const char *metric)
{
    size_t n = metric ? strlen(metric) : 0;
    return n && strncmp(reason, metric, n) == 0 && str_starts(reason + n, " = ") ? reason + n + 3
                                                                                 : reason;
}

/* The newest steps of the ladder, each with the end of the window that made it, and what people
 * did about it. */
static void draw_history(struct page *p, const struct val *show, const struct focus *focus,
                         int64_t now_us)
{
    const struct val *events = val_get(show, "events");
    const char *metric = val_get_str(val_get(show, "detail"), "metric", NULL);
    bool begun = false;
    for (size_t i = 0; i < val_len(events) && p->r.h > 1; i++) {
        const struct val *e = val_at(events, i);
        const char *type = val_get_str(e, "type", ""), *at = val_get_str(e, "at", NULL);
        char text[300], when[FMT_LEN], step[80];
        bool state = str_eq(type, "state");
        const char *window = val_get_str(e, "window_end", NULL);
        if (str_eq(type, "rule") || (focus->at_us && moment_us(at) > focus->at_us)) continue;
        if (!begun) page_section(p, "History", "newest first");
        begun = true;
        snprintf(step, sizeof step, "%.12s → %.12s", val_get_str(e, "from", ""),
                 val_get_str(e, "to", ""));
        snprintf(text, sizeof text, "%s%s%.30s: %.160s", state ? step : type, state ? "" : " by ",
                 state ? "" : val_get_str(e, "actor", "?"),
                 after_metric(val_get_str(e, "reason", ""), metric));
        page_fact(p, window ? moment_text(when, window) : fmt_ago(when, at, now_us),
                  state ? escalation_look(val_get_str(e, "to", NULL)).role : ROLE_TEXT, text);
    }
}

static void draw_detail(struct view *v, struct canvas *cv, struct rect r,
                        const struct draw_ctx *ctx)
{
    const struct val *alert = at_rest(v);
    const struct val *map = view_data(v, F_MAP), *show = view_data(v, F_SHOW);
    struct alerts *a = v->state;
    char title[120];
    if (!alert || rect_empty(r)) return;
    if (!v->zoom || !str_eq(a->opened, v->rest)) a->scroll = (struct page_scroll){ 0 };
    snprintf(a->opened, sizeof a->opened, "%s", v->rest);
    struct page p = v->zoom ? page_begin(cv, r, &a->scroll) : (struct page){ cv, r };
    snprintf(title, sizeof title, "%.50s · %.50s", val_get_str(alert, "model", ""),
             val_get_str(alert, "rule", ""));
    canvas_heading(cv, page_take(&p, 1), ROLE_TITLE, title, val_get_str(alert, "severity", NULL));
    draw_ladder(cv, page_take(&p, 1), val_get_str(alert, "state", NULL));
    if (p.r.h >= 10) page_take(&p, 1);
    draw_standing(&p, alert, ctx->now_us);
    draw_cause(&p, view_data(v, F_LIST), alert);
    if (str_eq(val_get_str(map, "model", ""), val_get_str(alert, "model", NULL)))
        draw_changed(&p, map, v->focus);
    draw_evidence(&p, val_get(alert, "detail"));
    if (str_eq(val_get_str(show, "id", ""), val_get_str(alert, "id", NULL)))
        draw_history(&p, show, v->focus, ctx->now_us);
    if (v->zoom) page_end(&p, r, &a->scroll);
}

/* -- drawing ---------------------------------------------------------------------------- */

static void draw_counts(const struct val *reply, struct canvas *cv, struct rect at)
{
    static const char *const names[] = { "incident", "watch", "active" };
    int x = at.x + 2, any = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        int n = alerts_in(reply, names[i]);
        struct status_look look = escalation_look(names[i]);
        any += n;
        if (n) x += canvas_printf(cv, x, at.y, look.role, "%s %d %s", look.glyph, n, look.word) + 3;
    }
    if (!any) x += canvas_text(cv, x, at.y, ROLE_OK, "✓ nothing to do") + 3;
    if (at.x + at.w - x > 40)
        canvas_right(cv, rect_make(x, at.y, at.x + at.w - x, 1), ROLE_DIM,
                     "a acknowledged s silenced i inhibited");
}

static void draw_hint(struct canvas *cv, struct rect r)
{
    canvas_text(cv, r.x + 2, r.y, ROLE_STRONG, "Alerts");
    canvas_text(cv, r.x + 2, r.y + 1, ROLE_OK, "✓ ");
    canvas_fit(cv, rect_make(r.x + 4, r.y + 1, r.w - 4, 1), ROLE_TEXT,
               "no alert has ever been raised");
    canvas_wrap(cv, rect_make(r.x + 2, r.y + 3, r.w - 4, r.h - 3), ROLE_DIM,
                "Rules are judged when a window of predictions is measured:\n"
                "signalbox monitor ingest NAME --data PREDICTIONS.csv\nsignalbox monitor check");
}

static void alerts_draw(struct view *v, struct canvas *cv, struct rect r,
                        const struct draw_ctx *ctx)
{
    struct split_layout at;
    struct listing_rows rows = alerts_rows(v, P_LIST);
    if (rows.total == 0 && !v->filter[0]) {
        if (rows.list || v->feeds[F_LIST].error[0]) draw_hint(cv, r);
        return;
    }
    layout_split(r, v->zoom, &at);
    layout_shrink(&at, (int)rows.total + 4 < 8 ? 8 : (int)rows.total + 4);
    if (!rect_empty(at.list)) {
        struct listing_look look = {
            .columns = columns, .sort = -1, .now_us = ctx->now_us, .focus = ctx->focus
        };
        int head = at.list.h >= 6 ? 2 : 0;
        if (head) draw_counts(view_data(v, F_LIST), cv, at.list);
        listing_draw(cv, rect_make(at.list.x, at.list.y + head, at.list.w, at.list.h - head),
                     &v->tables[P_LIST], &rows, &look);
    }
    draw_detail(v, cv, at.detail, ctx);
}

/* -- requests --------------------------------------------------------------------------- */

static const char *alerts_why_not(const struct view *v, enum request req)
{
    const struct val *row = view_selected(v, P_LIST);
    bool open = escalation_rank(val_get_str(row, "state", NULL)) > 0;
    if (!(binding_of(req)->flags & KEY_SELECTION)) return NULL;
    if (!row) return "there is no alert here";
    if (req == REQ_ACK && val_has(row, "acked_by")) return "somebody looks after it already";
    if ((req == REQ_ACK || req == REQ_RESOLVE) && !open) return "the alert is over";
    return NULL;
}

static bool alerts_request(struct view *v, enum request req, struct intent *out)
{
    const struct val *row = view_selected(v, P_LIST);
    struct alerts *a = v->state;
    switch ((int)req) {
    case REQ_PAGE_UP:
    case REQ_PAGE_DOWN:
        if (v->zoom) page_move(&a->scroll, req == REQ_PAGE_UP ? -1 : 1);
        return v->zoom;
    case REQ_OPEN:
        if (v->zoom) return intent_go(out, VIEW_monitor, val_get_str(row, "model", ""));
        v->zoom = true;
        return true;
    case REQ_ACK: intent_alert(out, "alert ack", row); return true;
    case REQ_SILENCE: intent_alert(out, "alert silence", row); return true;
    case REQ_RESOLVE: intent_alert(out, "alert resolve", row); return true;
    case REQ_RETRAIN: intent_retrain(out, val_get_str(row, "model", "")); return true;
    case REQ_ROLLBACK: intent_rollback_of(out, val_get_str(row, "model", "")); return true;
    case REQ_SHOW_DRIFT: return intent_go(out, VIEW_drift, NULL);
    default: return false;
    }
}

static const char *alerts_model(const struct view *v)
{
    return val_get_str(view_selected(v, P_LIST), "model", NULL);
}

static void alerts_init(struct view *v)
{
    (void)v;
}

static void alerts_done(struct view *v)
{
    arena_done(&((struct alerts *)v->state)->arena);
}

const struct view_ops view_alerts = {
    .feeds = feeds,
    .state_size = sizeof(struct alerts),
    .init = alerts_init,
    .done = alerts_done,
    .update = alerts_update,
    .model = alerts_model,
    .rows = alerts_rows,
    .draw = alerts_draw,
    .request = alerts_request,
    .why_not = alerts_why_not,
};
