/* pane_retrain.c: decisions whether to train a model again, newest first, and of the one at rest
 * everything it rests on: evidence and votes, what forbade it, on which data, when to go back;
 * then the job it queued, how the challenger compared, and where its version is now. x asks
 * again and shows the answer before anything is queued. Decisions later than the time cursor
 * are dim. */
#include "base/mem.h"
#include "views/escalation.h"
#include "views/layout.h"
#include "views/moment.h"
#include "views/page.h"
#include "views/widgets/meter.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { F_LIST, F_MODELS, F_MODEL, F_ALERTS };

struct retrain {
    struct arena arena;
    const struct val *shown; /* filtered */
    int64_t placed_us;       /* time cursor for which the row was chosen last; 0: now */
};

static const struct val *at_rest(const struct view *v)
{
    const struct val *list = val_get(view_data(v, F_LIST), "decisions");
    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), "id", ""), v->rest)) return val_at(list, i);
    return NULL;
}

/* Only where there is a version to ask after: the model may not be registered here. */
static bool model_args(const struct view *v, struct val *args)
{
    const struct val *d = at_rest(v);
    if (!val_has(val_get(d, "job"), "version")) return false;
    val_set_str(args, "name", val_get_str(d, "model", ""));
    return true;
}

static const struct feed_ops feeds[] = {
    [F_LIST] = { "retrain list", NULL, false },
    [F_MODELS] = { "monitor status", NULL, false },
    [F_MODEL] = { "model show", model_args, false },
    [F_ALERTS] = { "alert list", NULL, false },
    { NULL, NULL, false },
};

/* -- looks ------------------------------------------------------------------------------ */

static bool has_vote(const struct val *decision)
{
    const struct val *list = val_get(decision, "evidence");
    for (size_t i = 0; i < val_len(list); i++)
        if (val_get_bool(val_at(list, i), "vote", false)) return true;
    return false;
}

static struct status_look decision_look(const struct val *d)
{
    if (val_has(d, "duplicate_of"))
        return (struct status_look){ "=", "queued before", ROLE_STAGING };
    if (val_get_bool(d, "should_retrain", false))
        return (struct status_look){ "!", "retrain", ROLE_WARN };
    if (has_vote(d) && val_len(val_get(d, "blockers")))
        return (struct status_look){ "✗", "blocked", ROLE_BAD };
    return (struct status_look){ "✓", "leave it", ROLE_OK };
}

/* What came of it, in words; "" while nothing has. */
static void outcome_text(const struct val *d, char *buf, size_t cap)
{
    const struct val *job = val_get(d, "job");
    const char *error = val_get_str(job, "error", NULL), *state = val_get_str(job, "state", "");
    char a[FMT_LEN], b[FMT_LEN], said[60];
    double new = val_get_real(val_get(job, "challenger"), "value", (double)NAN);
    double old = val_get_real(val_get(job, "incumbent"), "value", (double)NAN);
    buf[0] = '\0';
    if (val_has(job, "outcome")) {
        snprintf(said, sizeof said, "%.20s %s against %s", val_get_str(job, "metric", ""),
                 fmt_metric(a, new), fmt_metric(b, old));
        if (val_has(job, "version"))
            snprintf(buf, cap, "v%lld in %.12s, %s", (long long)val_get_int(job, "version", 0),
                     val_get_str(job, "stage", "None"), said);
        else snprintf(buf, cap, "not better: %s", said);
    } else if (error && *error) {
        snprintf(buf, cap, "%.120s", error);
    } else if (str_eq(state, "running")) {
        snprintf(buf, cap, "%.0f %% %.80s", 100 * val_get_real(job, "progress", 0),
                 val_get_str(job, "message", ""));
    }
}

static enum role row_role(const struct listing_ctx *c, enum role role)
{
    const struct view *v = c->user;
    int64_t at = v->focus->at_us;
    return at && moment_us(val_get_str(c->row, "at", NULL)) > at ? ROLE_RULE : role;
}

static void draw_plain(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    char text[FMT_LEN + 60];
    fmt_val(text, sizeof text, fmt_path(c->row, col->path), col->format, c->now_us);
    canvas_fit(cv, at, row_role(c, ROLE_TEXT), text);
}

static void draw_decision(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                          const struct listing_column *col)
{
    struct status_look look = decision_look(c->row);
    char text[60];
    (void)col;
    snprintf(text, sizeof text, "%s %s", look.glyph, look.word);
    canvas_fit(cv, at, row_role(c, look.role), text);
}

static void draw_job(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                     const struct listing_column *col)
{
    const char *state = val_get_str(val_get(c->row, "job"), "state", NULL);
    struct status_look look = status_look(state);
    char text[60];
    (void)col;
    if (!state) return;
    snprintf(text, sizeof text, "%s %s", look.glyph, look.word);
    canvas_fit(cv, at, row_role(c, look.role), text);
}

static void draw_outcome(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                         const struct listing_column *col)
{
    char text[200];
    const struct val *reasons = val_get(c->row, "reasons");
    (void)col;
    outcome_text(c->row, text, sizeof text);
    canvas_fit(cv, at, row_role(c, ROLE_TEXT), text[0] ? text : val_as_str(val_at(reasons, 0), ""));
}

static const struct listing_column columns[] = {
    { .title = "decided", .path = "at", .format = "stamp", .width = 11, .draw = draw_plain },
    { .title = "model", .path = "model", .width = 9, .draw = draw_plain, .drop = 1 },
    { .title = "decision", .path = "should_retrain", .width = 11, .draw = draw_decision },
    { .title = "trigger", .path = "trigger", .width = 8, .draw = draw_plain, .drop = 3 },
    { .title = "job", .path = "job.state", .width = 9, .draw = draw_job, .drop = 2 },
    { .title = "outcome, or why", .path = "job.outcome", .draw = draw_outcome, .drop = 1 },
    { .title = NULL },
};

/* -- details ---------------------------------------------------------------------------- */

/* "0.0646 of 0.0500  95 % 0.02 to 0.11  n 333". */
static void add_figures(struct str *s, const struct val *e)
{
    char value[FMT_LEN], limit[FMT_LEN], low[FMT_LEN], high[FMT_LEN], n[FMT_LEN];
    str_addf(s, "%s of %s", fmt_metric(value, val_get_real(e, "value", (double)NAN)),
             fmt_metric(limit, val_get_real(e, "threshold", (double)NAN)));
    if (!val_has(e, "low")) return;
    str_addf(s, "  95 %% %s to %s", fmt_metric(low, val_get_real(e, "low", 0)),
             fmt_metric(high, val_get_real(e, "high", 0)));
    str_addf(s, "  n %s", fmt_count(n, val_get_int(e, "n", 0)));
}

/* "! accuracy_drop  0.0646 of 0.0500 …", then what it says where the figures do not: of what
 * nobody counted (somebody asked, a slot came) the words are all. */
static void draw_vote(struct page *p, const struct val *e)
{
    bool vote = val_get_bool(e, "vote", false), counted = val_get_int(e, "n", 0) > 0;
    const char *words = val_get_str(e, "detail", "");
    STR_AUTO s = STR_INIT;
    if (p->r.h <= 0) return;
    if (counted) add_figures(&s, e);
    if (!counted || !val_has(e, "low")) str_addf(&s, "%s%s", counted ? "  " : "", words);
    struct rect at = page_take(p, 1);
    canvas_text(p->cv, at.x, at.y, vote ? ROLE_WARN : ROLE_DIM, vote ? "!" : "·");
    canvas_fit(p->cv, rect_make(at.x + 2, at.y, 14, 1), vote ? ROLE_STRONG : ROLE_TEXT,
               val_get_str(e, "rule", ""));
    canvas_fit(p->cv, rect_make(at.x + 17, at.y, at.w - 17, 1),
               vote      ? ROLE_WARN
               : counted ? ROLE_TEXT
                         : ROLE_DIM,
               str_c(&s));
}

static void draw_evidence(struct page *p, const struct val *d)
{
    const struct val *list = val_get(d, "evidence");
    if (val_len(list) == 0 || p->r.h < 2) return;
    page_section(p, "Evidence", "value of limit");
    for (int vote = 1; vote >= 0; vote--) /* what speaks for it first */
        for (size_t i = 0; i < val_len(list); i++)
            if (val_get_bool(val_at(list, i), "vote", false) == vote) draw_vote(p, val_at(list, i));
}

static void draw_blockers(struct page *p, const struct val *d)
{
    const struct val *list = val_get(d, "blockers");
    for (size_t i = 0; i < val_len(list) && p->r.h > 0; i++) {
        char text[260];
        snprintf(text, sizeof text, "✗ %.40s: %.200s", val_get_str(val_at(list, i), "name", ""),
                 val_get_str(val_at(list, i), "detail", ""));
        page_fact(p, i ? "" : "blocked by", ROLE_BAD, text);
    }
}

static void draw_data(struct page *p, const struct val *d)
{
    const struct val *w = val_get(d, "data_window"), *c = val_get(d, "rollback_criteria");
    char text[200], a[FMT_LEN], b[FMT_LEN], n[FMT_LEN], m[FMT_LEN];
    snprintf(text, sizeof text, "%s to %s, %s rows, %s labelled",
             moment_text(a, val_get_str(w, "from", NULL)),
             moment_text(b, val_get_str(w, "to", NULL)), fmt_count(n, val_get_int(w, "rows", 0)),
             fmt_count(m, val_get_int(w, "labels", 0)));
    page_fact(p, "data", ROLE_TEXT, val_has(w, "to") ? text : NULL);
    double avoidable = val_get_real(d, "avoidable_misclassifications", (double)NAN);
    snprintf(text, sizeof text, "%.0f misclassifications so far", avoidable);
    page_fact(p, "avoidable", ROLE_TEXT, avoidable >= 0.5 ? text : NULL);
    snprintf(text, sizeof text, "%.40s %.4s %s within %lld windows, %s",
             val_get_str(c, "metric", ""), val_get_str(c, "op", "<"),
             fmt_metric(a, val_get_real(c, "threshold", (double)NAN)),
             (long long)val_get_int(c, "watch_windows", 0),
             val_get_bool(c, "automatic", false) ? "by itself" : "by hand");
    page_fact(p, "go back if", ROLE_TEXT, val_has(c, "threshold") ? text : NULL);
}

/* The challenger's version as it is now: the job only says where it put it. NULL: there is none,
 * or the reply is still of another model. */
static const struct val *challenger(const struct view *v, const struct val *d)
{
    const struct val *model = view_data(v, F_MODEL), *list = val_get(model, "versions");
    int64_t version = val_get_int(val_get(d, "job"), "version", -1);
    if (!str_eq(val_get_str(model, "name", ""), val_get_str(d, "model", NULL))) return NULL;
    for (size_t i = 0; i < val_len(list); i++)
        if (val_get_int(val_at(list, i), "version", 0) == version) return val_at(list, i);
    return NULL;
}

static void draw_version(struct page *p, const struct view *v, const struct val *d)
{
    const struct val *version = challenger(v, d);
    const char *stage = val_get_str(version, "stage", "None");
    char text[120];
    snprintf(text, sizeof text, "v%lld %.20s is in %.12s%s",
             (long long)val_get_int(version, "version", 0), val_get_str(version, "semver", ""),
             stage, str_eq(stage, "Staging") ? ": p promotes it" : "");
    page_fact(p, "now", stage_role(stage), version ? text : NULL);
}

/* After a promotion each window is held against the rollback criteria; an alert says when one
 * fell below. */
static void draw_watch(struct page *p, const struct view *v, const struct val *d)
{
    const struct val *list = val_get(view_data(v, F_ALERTS), "alerts");
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *a = val_at(list, i);
        char text[200];
        if (!str_eq(val_get_str(a, "rule", ""), "promotion_watch") ||
            !str_eq(val_get_str(a, "model", ""), val_get_str(d, "model", NULL)) ||
            escalation_rank(val_get_str(a, "state", NULL)) <= 0)
            continue;
        alert_sentence(text, sizeof text, a);
        page_fact(p, "watch", ROLE_BAD, text);
    }
}

/* The job, how far it is, and what came of it. */
static void draw_job_facts(struct page *p, const struct view *v, const struct val *d)
{
    const struct val *job = val_get(d, "job");
    struct status_look look = status_look(val_get_str(job, "state", NULL));
    char text[260], id[FMT_LEN], a[FMT_LEN];
    const char *same = val_get_str(d, "duplicate_of", NULL);
    const char *end = val_get_str(job, "finished_at", NULL);
    if (same) page_fact(p, "queued as", ROLE_STAGING, fmt_id(id, same));
    if (val_type(job) != VAL_OBJ) return;
    snprintf(text, sizeof text, "%s %s%s%s · %s", look.glyph, look.word, end ? " " : "",
             end ? moment_text(a, end) : "", fmt_id(id, val_get_str(d, "job_id", NULL)));
    page_fact(p, "job", look.role, text);
    if (str_eq(val_get_str(job, "state", ""), "running") && p->r.h > 0) {
        struct rect at = page_take(p, 1);
        meter_gauge(p->cv, rect_make(at.x + 12, at.y, at.w > 45 ? 30 : at.w - 12, 1), ROLE_S1,
                    val_get_real(job, "progress", (double)NAN));
    }
    outcome_text(d, text, sizeof text);
    page_fact(p, "outcome", ROLE_STRONG, text);
    draw_version(p, v, d);
    draw_watch(p, v, d);
}

static void draw_detail(const struct view *v, struct canvas *cv, struct rect r)
{
    const struct val *d = at_rest(v);
    struct page p = { cv, r };
    char title[160], at[FMT_LEN];
    if (!d || rect_empty(r)) return;
    struct status_look look = decision_look(d);
    snprintf(title, sizeof title, "%.50s · %s", val_get_str(d, "model", ""),
             moment_text(at, val_get_str(d, "at", NULL)));
    canvas_heading(cv, page_take(&p, 1), ROLE_TITLE, title, val_get_str(d, "actor", NULL));
    snprintf(title, sizeof title, "%s %s", look.glyph, look.word);
    page_fact(&p, "decision", look.role, title);
    draw_job_facts(&p, v, d);
    draw_blockers(&p, d);
    draw_evidence(&p, d);
    if (p.r.h > 4) page_take(&p, 1);
    draw_data(&p, d);
}

/* -- pane ------------------------------------------------------------------------------- */

static struct listing_rows retrain_rows(const struct view *v, int part)
{
    const struct retrain *s = v->state;
    (void)part;
    return (struct listing_rows){ s->shown, 0, (long)val_len(s->shown),
                                  v->filter[0] ? "no decision matches the filter" : NULL };
}

/* Where nothing was decided yet, the model in most trouble. */
static const char *retrain_model(const struct view *v)
{
    const struct val *d = view_selected(v, 0);
    const struct val *list = val_get(view_data(v, F_MODELS), "models"), *worst = NULL;
    int most = -2;
    if (d) return val_get_str(d, "model", "");
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *m = val_at(list, i);
        int rank = escalation_rank(val_get_str(val_get(m, "escalation"), "state", NULL));
        if (str_eq(val_get_str(m, "model", ""), v->focus->model)) rank = 9;
        if (rank > most) worst = m;
        if (rank > most) most = rank;
    }
    return val_get_str(worst, "model", "");
}

static void draw_hint(const struct view *v, struct canvas *cv, struct rect r)
{
    const char *model = retrain_model(v);
    char text[300];
    snprintf(text, sizeof text,
             "Nothing was decided yet. %s%s\n\nDecisions are made by schedule (retrain.schedule in "
             "signalbox.yaml), by hand with x, or with\nsignalbox retrain policy NAME "
             "--no-dry-run",
             *model ? "x shows whether to retrain " : "No model is monitored yet.",
             *model ? model : "");
    canvas_text(cv, r.x + 2, r.y, ROLE_STRONG, "Retraining");
    canvas_wrap(cv, rect_make(r.x + 2, r.y + 1, r.w - 4, r.h - 1), ROLE_DIM, text);
}

static void retrain_draw(struct view *v, struct canvas *cv, struct rect r,
                         const struct draw_ctx *ctx)
{
    struct split_layout at;
    struct listing_rows rows = retrain_rows(v, 0);
    if (rows.total == 0 && !v->filter[0]) {
        if (rows.list || v->feeds[F_LIST].error[0]) draw_hint(v, cv, r);
        return;
    }
    layout_split(r, v->zoom, &at);
    layout_shrink(&at, (int)rows.total + 2 < 5 ? 5 : (int)rows.total + 2);
    struct listing_look look = {
        .columns = columns, .sort = -1, .now_us = ctx->now_us, .focus = ctx->focus, .user = v
    };
    if (!rect_empty(at.list)) listing_draw(cv, at.list, &v->tables[0], &rows, &look);
    draw_detail(v, cv, at.detail);
}

/* With the cursor in the past, to the last decision that had been made by then. */
static void retrain_enter(struct view *v)
{
    struct retrain *s = v->state;
    int64_t at = v->focus->at_us;
    if (!s->shown || s->placed_us == at) return;
    s->placed_us = at;
    for (size_t i = 0; at && i < val_len(s->shown); i++) {
        const struct val *d = val_at(s->shown, i);
        if (moment_us(val_get_str(d, "at", NULL)) > at) continue;
        view_reveal(v, val_get_str(d, "id", ""));
        return;
    }
}

static void retrain_update(struct view *v, int feed)
{
    struct retrain *s = v->state;
    const struct val *list = val_get(view_data(v, F_LIST), "decisions");
    if (feed != F_LIST) return;
    arena_reset(&s->arena);
    s->shown = view_filter(&s->arena, v->filter, list);
    retrain_enter(v);
}

static const char *retrain_why_not(const struct view *v, enum request req)
{
    const char *stage = val_get_str(challenger(v, at_rest(v)), "stage", NULL);
    if (req == REQ_PROMOTE && !stage) return "this decision gave no version";
    if (req == REQ_PROMOTE && !str_eq(stage, "Staging")) return "its version is not in Staging";
    if (req == REQ_ROLLBACK && !at_rest(v)) return "there is no decision here";
    if (req == REQ_RETRAIN || req == REQ_SHOW_DRIFT)
        return *retrain_model(v) ? NULL : "no model is monitored yet";
    if (req == REQ_OPEN && !view_selected(v, 0)) return "there is no decision here";
    return NULL;
}

static void ask_promotion(const struct view *v, struct intent *out)
{
    const struct val *d = at_rest(v), *model = view_data(v, F_MODEL);
    intent_move(out, val_get_str(d, "model", ""), challenger(v, d),
                model_version_in(model, "Production"), "Production");
}

static bool retrain_request(struct view *v, enum request req, struct intent *out)
{
    const struct val *d = view_selected(v, 0);
    const char *job = val_get_str(d, "job_id", NULL);
    switch ((int)req) {
    case REQ_OPEN:
        if (v->zoom && job) return intent_go(out, VIEW_jobs, job);
        if (v->zoom) return intent_say(out, "this decision started no job");
        v->zoom = true;
        return true;
    case REQ_RETRAIN: intent_retrain(out, retrain_model(v)); return true;
    case REQ_SHOW_DRIFT: return intent_go(out, VIEW_drift, NULL);
    case REQ_PROMOTE: ask_promotion(v, out); return true;
    case REQ_ROLLBACK: intent_rollback_of(out, val_get_str(d, "model", "")); return true;
    default: return false;
    }
}

static void retrain_init(struct view *v)
{
    (void)v;
}

static void retrain_done(struct view *v)
{
    arena_done(&((struct retrain *)v->state)->arena);
}

const struct view_ops view_retrain = {
    .feeds = feeds,
    .state_size = sizeof(struct retrain),
    .init = retrain_init,
    .done = retrain_done,
    .update = retrain_update,
    .enter = retrain_enter,
    .model = retrain_model,
    .rows = retrain_rows,
    .draw = retrain_draw,
    .request = retrain_request,
    .why_not = retrain_why_not,
};
