/* pane_whatif.c: what if a row were another one: a row of a model's log of predictions, changed
 * column by column, before the version in Production and the one in Staging: their answers as
 * they were and as they would be, and what each column adds to the score of either, as bars
 * about a middle. The verb whatif computes all of it; the changes are this pane's alone and are
 * gone with another row or model. */
#include "base/mem.h"
#include "base/vec.h"
#include "views/layout.h"
#include "views/view.h"
#include "views/widgets/meter.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { F_MODELS, F_WHATIF };
enum { ARMS = 2, NUMBER_W = 8 };

struct change {
    char *name, *text;
};
struct whatif {
    VEC(struct change) changes;
    long row;       /* of the log, from 1 */
    char model[80]; /* the changes are about */
    double largest; /* contribution, either way: the length of a bar */
};

/* -- changes ---------------------------------------------------------------------------- */

static void forget(struct whatif *s, size_t at)
{
    free(s->changes.p[at].name);
    free(s->changes.p[at].text);
    memmove(&s->changes.p[at], &s->changes.p[at + 1],
            (s->changes.n - at - 1) * sizeof *s->changes.p);
    s->changes.n--;
}

static ptrdiff_t change_of(const struct whatif *s, const char *name)
{
    for (size_t i = 0; i < s->changes.n; i++)
        if (str_eq(s->changes.p[i].name, name)) return (ptrdiff_t)i;
    return -1;
}

static void put_change(struct whatif *s, const char *name, const char *text)
{
    ptrdiff_t at = change_of(s, name);
    if (at >= 0) forget(s, (size_t)at);
    const struct change c = { mem_strdup(name), mem_strdup(text) };
    vec_push(&s->changes, c);
}

static void start_again(struct whatif *s)
{
    while (s->changes.n) forget(s, s->changes.n - 1);
}

/* -- what is asked ---------------------------------------------------------------------- */

static const struct val *models(const struct view *v)
{
    return val_get(view_data(v, F_MODELS), "models");
}

/* The one other panes look at, where it is registered; else the first in Production. */
static const char *chosen(const struct view *v)
{
    const struct val *list = models(v), *best = NULL;
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *m = val_at(list, i);
        if (str_eq(val_get_str(m, "name", ""), v->focus->model)) return v->focus->model;
        if (!best || (!val_has(best, "production") && val_has(m, "production"))) best = m;
    }
    return val_get_str(best, "name", "");
}

static bool whatif_args(const struct view *v, struct val *args)
{
    const struct whatif *s = v->state;
    const char *model = chosen(v);
    if (!*model) return false;
    val_set_str(args, "model", model);
    val_set_int(args, "row", s->row);
    if (s->changes.n == 0 || !str_eq(s->model, model)) return true;
    struct val *set = val_set_obj(args, "set");
    for (size_t i = 0; i < s->changes.n; i++)
        val_set_str(set, s->changes.p[i].name, s->changes.p[i].text);
    return true;
}

static const struct feed_ops feeds[] = {
    [F_MODELS] = { "model list", NULL, false },
    [F_WHATIF] = { "whatif", whatif_args, true },
    { NULL, NULL, false },
};

static const struct val *arms(const struct view *v)
{
    return val_get(view_data(v, F_WHATIF), "arms");
}

static double after_of(const struct val *feature, size_t arm, const char *when)
{
    return val_get_real(val_at(val_get(feature, "contributions"), arm), when, (double)NAN);
}

static void whatif_update(struct view *v, int feed)
{
    struct whatif *s = v->state;
    const struct val *list = val_get(view_data(v, F_WHATIF), "features");
    if (feed != F_WHATIF) return;
    s->largest = 0;
    for (size_t i = 0; i < val_len(list); i++)
        for (size_t a = 0; a < ARMS; a++) {
            double x = fabs(after_of(val_at(list, i), a, "after"));
            if (x > s->largest) s->largest = x;
        }
}

static struct listing_rows whatif_rows(const struct view *v, int part)
{
    const struct val *list = val_get(view_data(v, F_WHATIF), "features");
    (void)part;
    return (struct listing_rows){ list, 0, (long)val_len(list), "no columns" };
}

/* -- drawing ---------------------------------------------------------------------------- */

/* A bar from the middle of r to the right or to the left. */
static void draw_bar(struct canvas *cv, struct rect r, double fraction)
{
    int side = (r.w - 1) / 2, middle = r.x + side;
    int halves = (int)(fmin(fabs(fraction), 1) * side * 2 + 0.5);
    bool up = fraction > 0;
    for (int i = 0; i < halves / 2; i++)
        canvas_put(cv, up ? middle + 1 + i : middle - 1 - i, r.y, up ? ROLE_S2 : ROLE_S1, 0x2588);
    if (halves % 2)
        canvas_put(cv, up ? middle + 1 + halves / 2 : middle - 1 - halves / 2, r.y,
                   up ? ROLE_S2 : ROLE_S1, up ? 0x258c : 0x2590);
    canvas_put(cv, middle, r.y, ROLE_RULE, 0x2502);
}

static void draw_contribution(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                              const struct listing_column *col)
{
    const struct whatif *s = ((const struct view *)c->user)->state;
    size_t arm = (size_t)(col->format[0] - '0');
    double was = after_of(c->row, arm, "before"), is = after_of(c->row, arm, "after");
    char text[FMT_LEN];
    if (isnan(is)) {
        canvas_right(cv, rect_make(at.x, at.y, NUMBER_W, 1), ROLE_DIM, "–");
        return;
    }
    bool moved = fabs(is - was) > 5e-5;
    canvas_right(cv, rect_make(at.x, at.y, NUMBER_W, 1), moved ? ROLE_MARK : ROLE_TEXT,
                 fmt_delta(text, is));
    struct rect bar = rect_make(at.x + NUMBER_W + 1, at.y, at.w - NUMBER_W - 2, 1);
    if (bar.w >= 5) draw_bar(cv, bar, s->largest > 0 ? is / s->largest : 0);
}

static void draw_name(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                      const struct listing_column *col)
{
    bool changed = val_get_bool(c->row, "changed", false);
    canvas_fit(cv, at, changed ? ROLE_MARK : ROLE_TEXT,
               val_as_str(fmt_path(c->row, col->path), ""));
}

/* Values as they are typed; long numbers as short as still tells. */
static void draw_value(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    const char *text = val_get_str(c->row, col->path, NULL);
    bool now = str_eq(col->path, "now"), changed = val_get_bool(c->row, "changed", false);
    enum role role = !text ? ROLE_DIM : now && changed ? ROLE_MARK : ROLE_TEXT;
    char number[FMT_LEN];
    double x;
    if (text && (int)strlen(text) > at.w && str_to_real(text, &x)) {
        snprintf(number, sizeof number, "%.5g", x);
        text = number;
    }
    if (now && val_get_bool(c->row, "unseen", false)) role = ROLE_WARN;
    canvas_fit(cv, at, role, text ? text : "missing");
}

/* One line a version: who it is, its answer as it was and as it would be. */
static void draw_arm(struct canvas *cv, struct rect r, const struct val *arm)
{
    const struct val *was = val_get(arm, "before"), *is = val_get(arm, "after");
    const char *role = val_get_str(arm, "role", ""), *class = val_get_str(arm, "class", NULL);
    const char *key = class ? "probability" : "prediction";
    double from = val_get_real(was, key, (double)NAN), to = val_get_real(is, key, (double)NAN);
    char text[120], a[FMT_LEN], b[FMT_LEN];
    int x = r.x + 2;
    snprintf(text, sizeof text, "%.11s v%lld", role, (long long)val_get_int(arm, "version", 0));
    canvas_fit(cv, rect_make(x, r.y, 16, 1), stage_role(role), text);
    if (r.w >= 70)
        canvas_fit(cv, rect_make(x + 17, r.y, 11, 1), ROLE_DIM, val_get_str(arm, "algorithm", ""));
    x += r.w >= 70 ? 29 : 17;
    if (class) snprintf(text, sizeof text, "P(%.12s) ", class);
    else snprintf(text, sizeof text, "%.20s ", val_get_str(arm, "target", ""));
    x += canvas_text(cv, x, r.y, ROLE_DIM, text);
    bool moved = fabs(to - from) > 5e-5;
    x += canvas_text(cv, x, r.y, ROLE_TEXT, fmt_metric(a, from));
    if (moved) {
        x += canvas_text(cv, x, r.y, ROLE_DIM, " → ");
        x += canvas_text(cv, x, r.y, ROLE_STRONG, fmt_metric(b, to));
    }
    if (!class || r.x + r.w - x < 26) return;
    int bar = (r.x + r.w - x) / 2 < 30 ? (r.x + r.w - x) / 2 : 30;
    meter_gauge(cv, rect_make(x + 2, r.y, bar, 1), stage_role(role), to);
    const char *old = val_get_str(was, "prediction", ""), *new = val_get_str(is, "prediction", "");
    if (str_eq(old, new)) snprintf(text, sizeof text, "%.20s", new);
    else snprintf(text, sizeof text, "%.20s → %.20s", old, new);
    canvas_fit(cv, rect_make(x + bar + 4, r.y, r.x + r.w - x - bar - 4, 1),
               str_eq(old, new) ? ROLE_DIM : ROLE_WARN, text);
}

static void draw_head(const struct view *v, struct canvas *cv, struct rect r)
{
    const struct val *reply = view_data(v, F_WHATIF);
    const struct whatif *s = v->state;
    char title[120], right[80];
    snprintf(title, sizeof title, "What if · %.60s", chosen(v));
    if (s->changes.n)
        snprintf(right, sizeof right, "row %ld of the log · %zu changed", s->row, s->changes.n);
    else
        snprintf(right, sizeof right, "row %ld of the log · %.20s", s->row,
                 val_get_str(reply, "request_id", ""));
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), ROLE_TITLE, title, right);
    for (size_t i = 0; i < val_len(arms(v)) && (int)i + 1 < r.h; i++)
        draw_arm(cv, rect_make(r.x, r.y + 1 + (int)i, r.w, 1), val_at(arms(v), i));
}

static void draw_hint(const struct view *v, struct canvas *cv, struct rect r)
{
    const struct feed *feed = &v->feeds[F_WHATIF];
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), ROLE_TITLE, "What if", NULL);
    if (!models(v)) return;
    const char *why = !val_len(models(v)) ? "There are no registered models yet."
                      : feed->error[0]    ? feed->error
                                          : "…";
    struct rect text = rect_make(r.x + 2, r.y + 2, r.w - 4, r.h - 2);
    int used = canvas_wrap(cv, text, ROLE_TEXT, why);
    if (!feed->error[0]) return;
    text.y += used + 1;
    text.h -= used + 1;
    canvas_wrap(cv, text, ROLE_DIM,
                "Rows come from the log of predictions. A row of a file can be asked about with "
                ":whatif MODEL --data FILE --row N --set COLUMN=VALUE");
}

static void whatif_draw(struct view *v, struct canvas *cv, struct rect r,
                        const struct draw_ctx *ctx)
{
    const char *names[ARMS] = { "", "" };
    size_t n = val_len(arms(v));
    if (n == 0) {
        draw_hint(v, cv, r);
        return;
    }
    for (size_t i = 0; i < n && i < ARMS; i++)
        names[i] = val_get_str(val_at(arms(v), i), "role", "");
    int value = r.w >= 110 ? 16 : r.w >= 70 ? 11 : 10;
    int bar = n > 1 ? (r.w - 2 * value - (r.w >= 110 ? 32 : 26)) / 2 : r.w / 3;
    if (r.w < 60) bar = NUMBER_W + 1;
    const struct listing_column columns[] = {
        { .title = "column", .path = "feature", .draw = draw_name },
        { .title = "value", .path = "value", .width = value, .drop = 2, .draw = draw_value },
        { .title = "now", .path = "now", .width = value, .draw = draw_value },
        { .title = names[0],
          .path = "contributions",
          .format = "0",
          .width = bar,
          .draw = draw_contribution },
        { .title = n > 1 ? names[1] : NULL,
          .path = "contributions",
          .format = "1",
          .width = bar,
          .drop = 1,
          .draw = draw_contribution },
        { .title = NULL },
    };
    struct listing_rows rows = whatif_rows(v, 0);
    const struct listing_look look = {
        .columns = columns, .sort = -1, .now_us = ctx->now_us, .focus = ctx->focus, .user = v
    };
    int head = (int)n + (r.h >= 16 ? 2 : 1);
    draw_head(v, cv, rect_make(r.x, r.y, r.w, head));
    listing_draw(cv, rect_make(r.x, r.y + head, r.w, r.h - head), &v->tables[0], &rows, &look);
}

/* -- requests --------------------------------------------------------------------------- */

static void change(struct view *v, const char *id, const char *text)
{
    struct whatif *s = v->state;
    snprintf(s->model, sizeof s->model, "%s", chosen(v));
    put_change(s, id, text);
}

static bool edit(struct view *v, struct intent *out)
{
    const struct val *feature = view_selected(v, 0);
    const char *name = val_get_str(feature, "feature", "");
    out->kind = INTENT_ASK;
    out->id = arena_strdup(out->arena, name);
    out->ask_label = arena_printf(out->arena, "%s =", name);
    out->ask_text = arena_strdup(out->arena, val_get_str(feature, "now", ""));
    out->take = change;
    return true;
}

/* The level before or after; missing lies between the last and the first. */
static void step_level(struct view *v, const struct val *feature, const struct val *levels, long by)
{
    const char *now = val_get_str(feature, "now", NULL);
    long n = (long)val_len(levels), at = n;
    for (long i = 0; i < n; i++)
        if (str_eq(val_as_str(val_at(levels, (size_t)i), ""), now)) at = i;
    at = (at + by + n + 1) % (n + 1);
    change(v, val_get_str(feature, "feature", ""),
           at == n ? "" : val_as_str(val_at(levels, (size_t)at), ""));
}

/* Integers by one, others by a twentieth of their size. */
static void step_number(struct view *v, const struct val *feature, long by)
{
    const char *now = val_get_str(feature, "now", NULL), *type = val_get_str(feature, "type", "");
    char text[FMT_LEN];
    double x = 0;
    if (str_eq(type, "boolean")) {
        change(v, val_get_str(feature, "feature", ""), str_eq(now, "true") ? "false" : "true");
        return;
    }
    if (now && !str_to_real(now, &x)) return; /* a time: to be typed */
    bool whole = str_eq(type, "integer");
    double step = whole || x == 0 ? 1 : fabs(x) / 20;
    if (!whole && x != 0) { /* rounded down to 1 or 5 times a power of ten */
        double power = pow(10, floor(log10(step)));
        step = step >= 5 * power ? 5 * power : power;
    }
    snprintf(text, sizeof text, "%.10g", x + (double)by * step);
    change(v, val_get_str(feature, "feature", ""), text);
}

static void step_value(struct view *v, long by)
{
    const struct val *feature = view_selected(v, 0), *levels = val_get(feature, "levels");
    if (!feature) return;
    if (val_len(levels)) step_level(v, feature, levels, by);
    else step_number(v, feature, by);
}

static void step_model(struct view *v, long by)
{
    struct whatif *s = v->state;
    const struct val *list = models(v);
    long n = (long)val_len(list), at = 0;
    for (long i = 0; i < n; i++)
        if (str_eq(val_get_str(val_at(list, (size_t)i), "name", ""), chosen(v))) at = i;
    snprintf(v->focus->model, sizeof v->focus->model, "%s",
             val_get_str(val_at(list, (size_t)((at + by + n) % n)), "name", ""));
    start_again(s);
    s->row = 1;
}

static void step_row(struct whatif *s, long by)
{
    if (s->row + by < 1) return;
    s->row += by;
    start_again(s);
}

static bool whatif_request(struct view *v, enum request req, struct intent *out)
{
    struct whatif *s = v->state;
    const struct val *feature = view_selected(v, 0);
    ptrdiff_t at = change_of(s, val_get_str(feature, "feature", ""));
    switch ((int)req) {
    case REQ_OPEN:
    case REQ_EDIT: return edit(v, out);
    case REQ_UNDO:
        if (at >= 0) forget(s, (size_t)at);
        return true;
    case REQ_BACK:
        if (s->changes.n == 0) return false;
        start_again(s);
        return true;
    case REQ_LEFT: step_value(v, -1); return true;
    case REQ_RIGHT: step_value(v, 1); return true;
    case REQ_MODEL_NEXT: step_model(v, 1); return true;
    case REQ_MODEL_PREV: step_model(v, -1); return true;
    case REQ_ROW_NEXT: step_row(s, 1); return true;
    case REQ_ROW_PREV: step_row(s, -1); return true;
    default: return false;
    }
}

static const char *whatif_why_not(const struct view *v, enum request req)
{
    const struct whatif *s = v->state;
    const struct val *feature = view_selected(v, 0);
    if ((req == REQ_MODEL_NEXT || req == REQ_MODEL_PREV) && val_len(models(v)) < 2)
        return "there is no other model";
    if (req == REQ_ROW_PREV && s->row == 1) return "this is the newest row";
    if (!(binding_of(req)->flags & KEY_SELECTION)) return NULL;
    if (!feature) return "there is no row to change";
    if (req == REQ_UNDO && change_of(s, val_get_str(feature, "feature", "")) < 0)
        return "this column is as it was";
    return NULL;
}

static void whatif_init(struct view *v)
{
    struct whatif *s = v->state;
    v->parts = 1;
    v->tables[0].id_key = "feature";
    v->tables[0].no_marks = true;
    s->row = 1;
}

static void whatif_done(struct view *v)
{
    struct whatif *s = v->state;
    start_again(s);
    vec_done(&s->changes);
}

const struct view_ops view_whatif = {
    .feeds = feeds,
    .state_size = sizeof(struct whatif),
    .init = whatif_init,
    .done = whatif_done,
    .update = whatif_update,
    .model = chosen,
    .rows = whatif_rows,
    .draw = whatif_draw,
    .request = whatif_request,
    .why_not = whatif_why_not,
};
