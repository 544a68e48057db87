/* pane_sweeps.c: sweeps, and of the one at rest its trials while they come in: how far it is, the
 * best so far as a curve over all trials, which parameters mattered, and the table of trials,
 * newest first. Enter goes from a sweep to its trials and from a trial to its run. */
#include "base/mem.h"
#include "views/layout.h"
#include "views/page.h"
#include "views/view.h"
#include "views/widgets/chart.h"
#include "views/widgets/meter.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { F_LIST, F_SHOW };
enum { P_LIST, P_TRIALS };
enum { CHART_H = 9, BARS_W = 34 };

struct sweeps {
    struct arena arena, trials_arena;
    const struct val *shown;  /* the list after filtering */
    const struct val *trials; /* of the sweep at rest, newest first */
};

static bool show_args(const struct view *v, struct val *args)
{
    if (!v->rest[0]) return false;
    val_set_str(args, "sweep", v->rest);
    return true;
}

static const struct feed_ops feeds[] = {
    [F_LIST] = { "sweep list", NULL, false },
    [F_SHOW] = { "sweep show", show_args, false },
    { NULL, NULL, false },
};

/* -- looks ------------------------------------------------------------------------------ */

static struct status_look state_look(const char *state)
{
    static const struct {
        const char *state;
        struct status_look look;
    } looks[] = {
        { "running", { "●", "running", ROLE_S1 } },
        { "waiting", { "◌", "waiting", ROLE_DIM } },
        { "stopping", { "●", "stopping", ROLE_WARN } },
        { "cancelling", { "●", "cancelling", ROLE_WARN } },
        { "finished", { "✓", "finished", ROLE_OK } },
        { "complete", { "✓", "complete", ROLE_OK } },
        { "pruned", { "-", "pruned", ROLE_DIM } },
        { "stopped", { "-", "stopped", ROLE_DIM } },
        { "cancelled", { "-", "cancelled", ROLE_DIM } },
        { "failed", { "✗", "failed", ROLE_BAD } },
    };
    for (size_t i = 0; i < ARRAY_LEN(looks); i++)
        if (str_eq(looks[i].state, state)) return looks[i].look;
    return (struct status_look){ " ", state ? state : "", ROLE_DIM };
}

static void draw_state(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    struct status_look look = state_look(val_get_str(c->row, "state", NULL));
    char text[60];
    (void)col;
    snprintf(text, sizeof text, "%s %s", look.glyph, look.word);
    canvas_fit(cv, at, look.role, text);
}

static void draw_done(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                      const struct listing_column *col)
{
    long long n = val_get_int(val_get(c->row, "counts"), "trials", 0);
    char text[60];
    (void)col;
    snprintf(text, sizeof text, "%lld/%lld", n, (long long)val_get_int(c->row, "planned", 0));
    canvas_right(cv, at, ROLE_TEXT, text);
}

/* "learning_rate=0.12 num_leaves=31": the last words of their paths. */
static void params_text(const struct val *params, struct str *out)
{
    for (size_t i = 0; i < val_len(params); i++) {
        const char *path = val_key(params, i), *dot = strrchr(path, '.');
        const struct val *value = val_at(params, i);
        char number[FMT_LEN];
        if (str_eq(path, "algorithm")) continue;
        str_addf(out, "%s%s=", out->len ? " " : "", dot ? dot + 1 : path);
        if (val_type(value) == VAL_REAL)
            str_addf(out, "%s", fmt_metric(number, val_as_real(value, 0)));
        else val_write_text(out, value);
    }
}

static void draw_params(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                        const struct listing_column *col)
{
    const char *error = val_get_str(c->row, "error", NULL);
    STR_AUTO text = STR_INIT;
    (void)col;
    params_text(val_get(c->row, "params"), &text);
    if (error) canvas_fit(cv, at, ROLE_WARN, error);
    else canvas_fit(cv, at, ROLE_TEXT, str_c(&text));
}

static void draw_value(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    const struct val *best = val_get(c->user, "best");
    bool is = val_has(best, "trial") &&
              val_get_int(best, "trial", -1) == val_get_int(c->row, "trial", -2);
    char number[FMT_LEN];
    (void)col;
    canvas_right(cv, at, is ? ROLE_OK : ROLE_TEXT,
                 fmt_metric(number, val_get_real(c->row, "value", (double)NAN)));
}

static const struct listing_column sweep_columns[] = {
    { .title = "state", .path = "state", .width = 11, .draw = draw_state },
    { .title = "name", .path = "name" },
    { .title = "method", .path = "method", .width = 6, .drop = 2 },
    { .title = "metric", .path = "metric", .width = 8, .drop = 3 },
    { .title = "best",
      .path = "best.metric",
      .format = "real",
      .width = 8,
      .right = true,
      .drop = 1 },
    { .title = "trials", .path = "counts.trials", .width = 9, .right = true, .draw = draw_done },
    { .title = "age", .path = "created_at", .format = "age", .width = 4, .right = true, .drop = 4 },
    { .title = NULL },
};
static const struct listing_column trial_columns[] = {
    { .title = "trial", .path = "trial", .width = 5, .right = true },
    { .title = "state", .path = "state", .width = 11, .draw = draw_state },
    { .title = "value", .path = "value", .width = 8, .right = true, .draw = draw_value },
    { .title = "algorithm", .path = "algorithm", .width = 9, .drop = 3 },
    { .title = "parameters", .path = "params", .draw = draw_params, .drop = 4 },
    { .title = "took",
      .path = "duration_s",
      .format = "duration",
      .width = 6,
      .right = true,
      .drop = 2 },
    { .title = NULL },
};

/* -- details ---------------------------------------------------------------------------- */

static void draw_counts(struct page *p, const struct val *w)
{
    static const char *const names[] = { "running", "waiting", "complete",
                                         "pruned",  "failed",  "cancelled" };
    const struct val *n = val_get(w, "counts");
    struct rect at = page_take(p, 1);
    int x = at.x, room = at.w > 60 ? 24 : 12;
    if (rect_empty(at)) return;
    meter_gauge(p->cv, rect_make(x, at.y, room, 1), ROLE_S1, val_get_real(w, "progress", 0));
    x += room + 2;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        long long k = val_get_int(n, names[i], 0);
        struct status_look look = state_look(names[i]);
        if (k == 0 || x > at.x + at.w - 14) continue;
        x += canvas_text(p->cv, x, at.y, look.role, look.glyph) + 1;
        x += canvas_printf(p->cv, x, at.y, ROLE_TEXT, "%lld ", k);
        x += canvas_text(p->cv, x, at.y, ROLE_DIM, look.word) + 2;
    }
}

static void draw_facts(struct page *p, const struct val *w)
{
    const struct val *best = val_get(w, "best");
    char text[200], number[FMT_LEN];
    STR_AUTO params = STR_INIT;
    snprintf(text, sizeof text, "%.20s, %.8s %.30s, seed %lld, %lld at once",
             val_get_str(w, "method", ""), val_get_str(w, "goal", ""),
             val_get_str(w, "metric", "the loss"), (long long)val_get_int(w, "seed", 0),
             (long long)val_get_int(w, "parallel", 1));
    page_fact(p, "method", ROLE_TEXT, text);
    page_fact(p, "error", ROLE_BAD, val_get_str(w, "error", NULL));
    if (!val_has(w, "best")) return;
    str_addf(&params,
             "%s %s by trial %lld: ", fmt_metric(number, val_get_real(best, "metric", (double)NAN)),
             val_get_str(w, "metric", ""), (long long)val_get_int(best, "trial", 0));
    STR_AUTO with = STR_INIT;
    params_text(val_get(best, "params"), &with);
    str_add(&params, str_c(&with));
    page_fact(p, "best", ROLE_OK, str_c(&params));
}

/* The best so far as a line, with the trials' number as x. */
static void draw_curve(struct canvas *cv, struct rect r, const struct val *w)
{
    const struct val *list = val_get(w, "best_so_far");
    struct arena a = ARENA_INIT;
    size_t n = val_len(list);
    struct chart_point *p = arena_array(&a, n + 1, struct chart_point);
    const char *metric = val_get_str(w, "metric", "loss");
    for (size_t i = 0; i < n; i++)
        p[i] = (struct chart_point){ (double)i + 1, val_as_real(val_at(list, i), (double)NAN) };
    struct chart_series one = { p, n, arena_printf(&a, "best %s", metric), theme_series(0), NULL };
    struct chart c = {
        .series = &one, .n_series = 1, .threshold = (double)NAN, .x_label = "finished trials"
    };
    if (n && r.h >= 4) chart_draw(cv, r, &c);
    else if (r.h > 0) canvas_text(cv, r.x, r.y, ROLE_DIM, "no trial has finished yet");
    arena_done(&a);
}

static void draw_importance(struct canvas *cv, struct rect r, const struct val *w)
{
    const struct val *list = val_get(w, "importance");
    struct page p = { cv, r };
    canvas_heading(cv, page_take(&p, 1), ROLE_DIM, "What mattered", "share of variance");
    if (val_len(list) == 0) {
        struct rect at = page_take(&p, 1);
        if (!rect_empty(at)) canvas_fit(cv, at, ROLE_DIM, "known from ten finished trials on");
    }
    for (size_t i = 0; i < val_len(list) && p.r.h > 0; i++) {
        const char *path = val_get_str(val_at(list, i), "parameter", "");
        const char *dot = strrchr(path, '.');
        double share = val_get_real(val_at(list, i), "share", 0);
        char text[FMT_LEN];
        struct rect at = page_take(&p, 1);
        int name = at.w / 2 < 16 ? at.w / 2 : 16;
        canvas_fit(cv, rect_make(at.x, at.y, name, 1), ROLE_TEXT, dot ? dot + 1 : path);
        meter_bar(cv, rect_make(at.x + name + 1, at.y, at.w - name - 8, 1), ROLE_S1, share);
        canvas_right(cv, rect_make(at.x + at.w - 6, at.y, 6, 1), ROLE_DIM,
                     fmt_percent(text, share));
    }
}

static void draw_charts(struct page *p, const struct val *w)
{
    int h = p->r.h >= 26 ? CHART_H + 3 : p->r.h >= 16 ? CHART_H : p->r.h >= 11 ? 6 : 0;
    struct rect at = page_take(p, h);
    bool beside = at.w >= 64;
    if (h == 0) return;
    int curve = beside ? at.w - BARS_W - 2 : at.w;
    draw_curve(p->cv, rect_make(at.x, at.y, curve, h), w);
    if (beside) draw_importance(p->cv, rect_make(at.x + curve + 2, at.y, BARS_W, h), w);
    else if (p->r.h >= 8) draw_importance(p->cv, page_take(p, 4), w);
}

static struct listing_rows sweeps_rows(const struct view *v, int part)
{
    const struct sweeps *s = v->state;
    const struct val *list = part == P_LIST ? s->shown : s->trials;
    return (struct listing_rows){ list, 0, (long)val_len(list),
                                  part == P_TRIALS ? "no trials yet"
                                  : v->filter[0]   ? "no sweep matches the filter"
                                                   : "no sweeps yet: signalbox sweep FILE.yaml, "
                                                     "or :sweep FILE" };
}

static void draw_detail(struct view *v, struct canvas *cv, struct rect r,
                        const struct draw_ctx *ctx)
{
    const struct val *w = view_data(v, F_SHOW);
    struct page p = { cv, r };
    char title[120], id[FMT_LEN];
    if (rect_empty(r) || !w) return;
    struct status_look look = state_look(val_get_str(w, "state", NULL));
    snprintf(title, sizeof title, "%.60s · %s %s", val_get_str(w, "name", ""), look.glyph,
             look.word);
    canvas_heading(cv, page_take(&p, 1), ROLE_TITLE, title, fmt_id(id, v->rest));
    draw_counts(&p, w);
    if (r.h >= 8) draw_facts(&p, w);
    draw_charts(&p, w);
    if (p.r.h < 2) return;
    struct listing_rows rows = sweeps_rows(v, P_TRIALS);
    struct listing_look looks = { .columns = trial_columns,
                                  .sort = -1,
                                  .now_us = ctx->now_us,
                                  .focus = ctx->focus && v->part == P_TRIALS,
                                  .user = (void *)(uintptr_t)w };
    listing_draw(cv, p.r, &v->tables[P_TRIALS], &rows, &looks);
}

/* -- pane ------------------------------------------------------------------------------- */

static void sweeps_update(struct view *v, int feed)
{
    struct sweeps *s = v->state;
    if (feed == F_LIST) {
        arena_reset(&s->arena);
        s->shown = view_filter(&s->arena, v->filter, val_get(view_data(v, F_LIST), "sweeps"));
    }
    if (feed == F_SHOW) {
        const struct val *list = val_get(view_data(v, F_SHOW), "trials");
        arena_reset(&s->trials_arena);
        struct val *out = val_list(&s->trials_arena);
        for (size_t i = val_len(list); i-- > 0;)
            val_push(out, val_copy(&s->trials_arena, val_at(list, i)));
        s->trials = out;
    }
}

static void sweeps_draw(struct view *v, struct canvas *cv, struct rect r,
                        const struct draw_ctx *ctx)
{
    struct split_layout at;
    layout_split(r, v->zoom, &at);
    if (!rect_empty(at.list) && !at.beside && !v->zoom) layout_shrink(&at, 8);
    if (!rect_empty(at.list)) {
        struct listing_rows rows = sweeps_rows(v, P_LIST);
        struct listing_look look = { .columns = sweep_columns,
                                     .sort = -1,
                                     .now_us = ctx->now_us,
                                     .focus = ctx->focus && v->part == P_LIST };
        listing_draw(cv, at.list, &v->tables[P_LIST], &rows, &look);
    }
    if (v->tables[P_LIST].id[0]) draw_detail(v, cv, at.detail, ctx);
}

/* -- requests --------------------------------------------------------------------------- */

static bool is_open(const struct val *row)
{
    const char *state = val_get_str(row, "state", "");
    return str_eq(state, "running") || str_eq(state, "stopping") || str_eq(state, "cancelling");
}

static const char *sweeps_why_not(const struct view *v, enum request req)
{
    const struct val *row = view_selected(v, P_LIST), *trial = view_selected(v, P_TRIALS);
    if ((binding_of(req)->flags & KEY_SELECTION) && !row) return "there is no sweep here";
    if (req == REQ_OPEN && v->part == P_TRIALS && !val_has(trial, "run_id"))
        return "the trial has no run yet";
    if (req == REQ_SWEEP_STOP && !str_eq(val_get_str(row, "state", ""), "running"))
        return "the sweep is not running";
    if (req == REQ_SWEEP_CANCEL && !is_open(row)) return "the sweep has ended";
    if (req == REQ_SWEEP_RESUME &&
        (is_open(row) || str_eq(val_get_str(row, "state", ""), "finished")))
        return is_open(row) ? "the sweep is under way"
                            : "it is finished; :sweep resume ID --run-cap N adds trials";
    if (req == REQ_REGISTER && !val_has(row, "best")) return "no trial has finished yet";
    return NULL;
}

static void ask_sweep(const struct val *row, const char *verb, const char *yes, struct intent *out)
{
    const struct val *n = val_get(row, "counts");
    struct status_look look = state_look(val_get_str(row, "state", NULL));
    char id[FMT_LEN];
    out->kind = INTENT_CONFIRM;
    out->verb = verb;
    out->yes = yes;
    out->args = val_obj(out->arena);
    val_set_str(out->args, "sweep", val_get_str(row, "sweep_id", ""));
    out->text = arena_printf(out->arena, "%c%s sweep %s", yes[0] - 'a' + 'A', yes + 1,
                             fmt_id(id, val_get_str(row, "sweep_id", "")));
    intent_line(out, (struct intent_line){
                         .label = "sweep",
                         .from = arena_strdup(out->arena, val_get_str(row, "name", "")) });
    intent_line(out, (struct intent_line){ .label = "state", .from = look.word });
    intent_line(out, (struct intent_line){
                         .label = "trials",
                         .from = arena_printf(out->arena, "%lld of %lld, %lld under way",
                                              (long long)val_get_int(n, "trials", 0),
                                              (long long)val_get_int(row, "planned", 0),
                                              (long long)(val_get_int(n, "running", 0) +
                                                          val_get_int(n, "waiting", 0))) });
}

static bool sweeps_request(struct view *v, enum request req, struct intent *out)
{
    const struct val *row = view_selected(v, P_LIST), *trial = view_selected(v, P_TRIALS);
    switch ((int)req) {
    case REQ_OPEN:
        if (v->part == P_TRIALS) return intent_go(out, VIEW_runs, val_get_str(trial, "run_id", ""));
        v->zoom = true;
        v->part = P_TRIALS;
        return true;
    case REQ_SWEEP_STOP: ask_sweep(row, "sweep stop", "stop", out); return true;
    case REQ_SWEEP_CANCEL: ask_sweep(row, "sweep cancel", "cancel", out); return true;
    case REQ_SWEEP_RESUME:
        ask_sweep(row, "sweep resume", "resume", out);
        val_set_bool(out->args, "wait", false);
        return true;
    case REQ_REGISTER:
        out->kind = INTENT_PROMPT;
        out->text = arena_printf(out->arena, "model register  runs:/%s/model",
                                 val_get_str(val_get(row, "best"), "run_id", ""));
        out->at = strlen("model register ");
        return true;
    case REQ_BACK:
        if (!v->zoom) return false;
        v->zoom = false;
        v->part = P_LIST;
        return true;
    default: return false;
    }
}

static void sweeps_init(struct view *v)
{
    v->parts = 2;
    v->tables[P_LIST].id_key = "sweep_id";
    v->tables[P_LIST].no_marks = true;
    v->tables[P_TRIALS].id_key = "job_id";
    v->tables[P_TRIALS].no_marks = true;
}

static void sweeps_done(struct view *v)
{
    struct sweeps *s = v->state;
    arena_done(&s->arena);
    arena_done(&s->trials_arena);
}

const struct view_ops view_sweeps = {
    .feeds = feeds,
    .state_size = sizeof(struct sweeps),
    .init = sweeps_init,
    .done = sweeps_done,
    .update = sweeps_update,
    .rows = sweeps_rows,
    .draw = sweeps_draw,
    .request = sweeps_request,
    .why_not = sweeps_why_not,
};
