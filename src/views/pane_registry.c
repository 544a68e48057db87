/* pane_registry.c: models, and of the one under the cursor its versions on the ladder None,
 * Staging, Production, Archived; the table of versions to act on; and who moved what when. */
#include "base/mem.h"
#include "views/layout.h"
#include "views/view.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { F_LIST, F_SHOW };
enum { P_MODELS, P_VERSIONS };

struct registry {
    struct arena arena;
    const struct val *shown;
};

static bool show_args(const struct view *v, struct val *args)
{
    if (!v->rest[0]) return false;
    val_set_str(args, "name", v->rest);
    return true;
}

static const struct feed_ops feeds[] = {
    [F_LIST] = { "model list", NULL, false },
    [F_SHOW] = { "model show", show_args, false },
    { NULL, NULL, false },
};

/* -- ladder ---------------------------------------------------------------------------------------
 */

static void draw_card(struct canvas *cv, struct rect r, const struct val *version, bool here,
                      int64_t now_us)
{
    char text[96], num[FMT_LEN];
    const struct val *metrics = val_get(version, "metrics");
    const char *metric = metric_main(metrics), *stage = val_get_str(version, "stage", "None");
    if (here) {
        cv->ground = GROUND_SELECT;
        canvas_fill(cv, r, ROLE_TEXT, ' ');
    }
    snprintf(text, sizeof text, "v%lld %.20s", (long long)val_get_int(version, "version", 0),
             val_get_str(version, "semver", ""));
    canvas_fit(cv, rect_make(r.x + 1, r.y, r.w - 1, 1), stage_role(stage), text);
    if (here) canvas_put(cv, r.x, r.y, ROLE_KEY, 0x25b8);
    if (metric && r.h >= 2) {
        snprintf(text, sizeof text, "%.40s %s", metric,
                 fmt_metric(num, val_get_real(metrics, metric, (double)NAN)));
        canvas_fit(cv, rect_make(r.x + 1, r.y + 1, r.w - 1, 1), ROLE_TEXT, text);
    }
    if (r.h >= 3) {
        snprintf(text, sizeof text, "%.30s · %s", val_get_str(version, "algorithm", "–"),
                 fmt_age(num, val_get_str(version, "created_at", NULL), now_us));
        canvas_fit(cv, rect_make(r.x + 1, r.y + 2, r.w - 1, 1), ROLE_DIM, text);
    }
    cv->ground = GROUND_PLAIN;
}

static void draw_stage(const struct view *v, struct canvas *cv, struct rect r, const char *stage,
                       int64_t now_us)
{
    const struct val *list = val_get(view_data(v, F_SHOW), "versions");
    char count[24];
    int y = r.y + 1, n = 0, shown = 0;
    for (size_t i = 0; i < val_len(list); i++)
        n += str_eq(val_get_str(val_at(list, i), "stage", "None"), stage);
    snprintf(count, sizeof count, "%d", n);
    bool many = str_eq(stage, "None") || str_eq(stage, "Archived");
    enum role role = str_eq(stage, "None") ? ROLE_DIM : stage_role(stage);
    canvas_heading(cv, rect_make(r.x, r.y, r.w - 1, 1), role, stage, many && n ? count : NULL);
    for (size_t i = 0; i < val_len(list) && y < r.y + r.h; i++) {
        const struct val *version = val_at(list, i);
        char id[LISTING_ID_LEN];
        if (!str_eq(val_get_str(version, "stage", "None"), stage)) continue;
        int room = r.y + r.h - y;
        if (n - shown > 1 && room < 4 && shown) {
            canvas_printf(cv, r.x + 1, y, ROLE_DIM, "+ %d more", n - shown);
            return;
        }
        fmt_val(id, sizeof id, val_get(version, "version"), NULL, 0);
        bool here = str_eq(id, v->tables[P_VERSIONS].id);
        draw_card(cv, rect_make(r.x, y, r.w - 1, room < 3 ? room : 3), version, here, now_us);
        shown++;
        y += 3;
    }
    if (n == 0 && r.h > 1) canvas_text(cv, r.x + 1, r.y + 1, ROLE_RULE, "–");
}

static void draw_ladder(const struct view *v, struct canvas *cv, struct rect r, int64_t now_us)
{
    static const char *const stages[] = { "None", "Staging", "Production", "Archived" };
    struct rect at[4];
    int n = layout_columns(r, 4, 11, at);
    /* With less room for columns, the ones that matter. */
    int first = n >= 4 ? 0 : 1;
    for (int i = 0; i < n && first + i < 4; i++)
        draw_stage(v, cv, at[i], stages[first + i], now_us);
}

/* -- tables ----------------------------------------------------------------------------- */

static void draw_model_state(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                             const struct listing_column *col)
{
    const struct val *p = val_get(c->row, col->path);
    if (val_type(p) != VAL_OBJ) return;
    char text[24];
    snprintf(text, sizeof text, "v%lld", (long long)val_get_int(p, "version", 0));
    canvas_fit(cv, at, str_eq(col->path, "production") ? ROLE_PROD : ROLE_STAGING, text);
}

static const struct listing_column model_columns[] = {
    { .title = "model", .path = "name" },
    { .title = "Prod", .path = "production", .width = 4, .draw = draw_model_state },
    { .title = "Stag", .path = "staging", .width = 4, .draw = draw_model_state, .drop = 1 },
    { .title = NULL },
};

static void draw_stage_cell(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                            const struct listing_column *col)
{
    const char *stage = val_as_str(fmt_path(c->row, col->path), "None");
    canvas_fit(cv, at, stage_role(stage), stage);
}

static void draw_metric_cell(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                             const struct listing_column *col)
{
    const struct val *m = val_get(c->row, col->path);
    const char *name = metric_main(m);
    char text[96], num[FMT_LEN];
    if (!name) return;
    snprintf(text, sizeof text, "%.40s %s", name,
             fmt_metric(num, val_get_real(m, name, (double)NAN)));
    canvas_fit(cv, at, ROLE_TEXT, text);
}

static const struct listing_column version_columns[] = {
    { .title = "v", .path = "version", .width = 4, .right = true },
    { .title = "semver", .path = "semver", .width = 8 },
    { .title = "stage", .path = "stage", .width = 10, .draw = draw_stage_cell },
    { .title = "metric", .path = "metrics", .width = 14, .drop = 1, .draw = draw_metric_cell },
    { .title = "algorithm", .path = "algorithm", .width = 9, .drop = 3 },
    { .title = "run", .path = "run_id", .format = "id", .width = 8, .drop = 5 },
    { .title = "by", .path = "created_by", .drop = 4 },
    { .title = "size", .path = "size", .format = "bytes", .width = 7, .right = true, .drop = 6 },
    { .title = "age", .path = "created_at", .format = "age", .width = 4, .right = true, .drop = 2 },
    { .title = NULL },
};

static void draw_history(const struct val *history, struct canvas *cv, struct rect r,
                         int64_t now_us)
{
    if (r.h < 2) return;
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), ROLE_DIM, "History", NULL);
    for (int i = 0; i + 1 < r.h && (size_t)i < val_len(history); i++) {
        const struct val *e = val_at(history, (size_t)i);
        char age[FMT_LEN], text[64];
        int y = r.y + 1 + i, x = r.x;
        canvas_right(cv, rect_make(x, y, 4, 1), ROLE_DIM,
                     fmt_age(age, val_get_str(e, "at", NULL), now_us));
        canvas_printf(cv, x + 6, y, ROLE_TEXT, "v%lld", (long long)val_get_int(e, "version", 0));
        const char *to = val_get_str(e, "to", "");
        if (str_eq(val_get_str(e, "verb", ""), "register")) {
            canvas_text(cv, x + 11, y, ROLE_DIM, "registered");
        } else {
            snprintf(text, sizeof text, "%.12s → ", val_get_str(e, "from", "–"));
            int used = canvas_text(cv, x + 11, y, ROLE_DIM, text);
            canvas_text(cv, x + 11 + used, y, stage_role(to), to);
        }
        canvas_fit(cv, rect_make(x + 36, y, 10, 1), ROLE_DIM, val_get_str(e, "actor", ""));
        canvas_fit(cv, rect_make(x + 47, y, r.w - 47, 1), ROLE_TEXT, val_get_str(e, "reason", ""));
    }
}

static struct listing_rows registry_rows(const struct view *v, int part)
{
    const struct registry *s = v->state;
    const struct val *list =
        part == P_MODELS ? s->shown : val_get(view_data(v, F_SHOW), "versions");
    return (struct listing_rows){ list, 0, (long)val_len(list),
                                  part == P_VERSIONS ? "no versions"
                                  : v->filter[0]     ? "no model matches"
                                                     : "no models yet" };
}

static void registry_update(struct view *v, int feed)
{
    struct registry *s = v->state;
    if (feed != F_LIST) return;
    arena_reset(&s->arena);
    s->shown = view_filter(&s->arena, v->filter, val_get(view_data(v, F_LIST), "models"));
}

/* -- drawing ---------------------------------------------------------------------------- */

/* Rows the ladder can use: its fullest column, three a card. */
static int ladder_want(const struct val *model)
{
    static const char *const stages[] = { "None", "Staging", "Production", "Archived" };
    const struct val *list = val_get(model, "versions");
    int most = 1;
    for (size_t s = 0; s < ARRAY_LEN(stages); s++) {
        int n = 0;
        for (size_t i = 0; i < val_len(list); i++)
            n += str_eq(val_get_str(val_at(list, i), "stage", "None"), stages[s]);
        if (n > most) most = n;
    }
    return 2 + 3 * most;
}

static void draw_model(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    const struct val *model = view_data(v, F_SHOW);
    if (!model || !v->tables[P_MODELS].id[0]) return;
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), ROLE_TITLE, val_get_str(model, "name", ""),
                   val_get_str(model, "description", NULL));
    struct rect rest = rect_make(r.x, r.y + 1, r.w, r.h - 1);
    int ladder = rest.h >= 26 ? 10 : rest.h >= 16 ? 7 : rest.h >= 8 ? 4 : 0;
    if (ladder > ladder_want(model)) ladder = ladder_want(model);
    int history = rest.h >= 18 ? rest.h / 3 : 0;
    if (ladder) {
        draw_ladder(v, cv, rect_make(rest.x, rest.y, rest.w, ladder), ctx->now_us);
        rest = rect_make(rest.x, rest.y + ladder, rest.w, rest.h - ladder);
    }
    struct listing_rows rows = registry_rows(v, P_VERSIONS);
    struct listing_look look = { .columns = version_columns,
                                 .sort = -1,
                                 .now_us = ctx->now_us,
                                 .focus = ctx->focus && v->part == P_VERSIONS };
    int need = (int)rows.total + 2;
    int h = rest.h - history;
    if (history && need < h) {
        history += h - need;
        h = need;
    }
    listing_draw(cv, rect_make(rest.x, rest.y, rest.w, history ? h - 1 : h), &v->tables[P_VERSIONS],
                 &rows, &look);
    draw_history(val_get(model, "history"), cv, rect_make(rest.x, rest.y + h, rest.w, rest.h - h),
                 ctx->now_us);
}

static void registry_draw(struct view *v, struct canvas *cv, struct rect r,
                          const struct draw_ctx *ctx)
{
    struct listing_rows rows = registry_rows(v, P_MODELS);
    struct listing_look look = { .columns = model_columns,
                                 .sort = -1,
                                 .now_us = ctx->now_us,
                                 .focus = ctx->focus && v->part == P_MODELS };
    int left = r.w >= 110 ? 32 : r.w >= 70 ? 24 : 0;
    if (left && !v->zoom) {
        listing_draw(cv, rect_make(r.x, r.y, left, r.h), &v->tables[P_MODELS], &rows, &look);
        draw_model(v, cv, rect_make(r.x + left + 2, r.y, r.w - left - 2, r.h), ctx);
    } else if (v->part == P_MODELS && !v->zoom) {
        listing_draw(cv, r, &v->tables[P_MODELS], &rows, &look);
    } else {
        draw_model(v, cv, r, ctx);
    }
}

/* -- requests --------------------------------------------------------------------------- */

/* The version a request is about: the one under the cursor, or from the list of models the one
 * in Staging, which is what promoting a model means. */
static const struct val *subject(const struct view *v, enum request req)
{
    const struct val *model = view_data(v, F_SHOW);
    if (v->part == P_VERSIONS) return view_selected(v, P_VERSIONS);
    return req == REQ_PROMOTE ? model_version_in(model, "Staging") : NULL;
}

static const char *registry_why_not(const struct view *v, enum request req)
{
    const struct val *model = view_data(v, F_SHOW), *version = subject(v, req);
    const char *stage = val_get_str(version, "stage", "None");
    if (!(binding_of(req)->flags & KEY_SELECTION)) return NULL;
    if (!view_selected(v, P_MODELS)) return "there is no model here";
    if (req == REQ_ROLLBACK)
        return !model_version_in(model, "Production") ? "nothing is in Production"
               : !model_rollback_target(model)        ? "no version was in Production before"
                                                      : NULL;
    if (req == REQ_OPEN) return NULL;
    if (!version)
        return req == REQ_PROMOTE ? "nothing is in Staging; Tab goes to the versions"
                                  : "choose a version first (Tab)";
    if (req == REQ_PROMOTE && str_eq(stage, "Production")) return "it is in Production already";
    if (req == REQ_STAGE && str_eq(stage, "Staging")) return "it is in Staging already";
    if (req == REQ_ARCHIVE && str_eq(stage, "Archived")) return "it is archived already";
    return NULL;
}

static bool registry_open(struct view *v, struct intent *out)
{
    const struct val *version = view_selected(v, P_VERSIONS);
    if (v->part == P_MODELS) {
        v->part = P_VERSIONS;
        return true;
    }
    const char *run = val_get_str(version, "run_id", NULL);
    return run ? intent_go(out, VIEW_runs, run)
               : intent_say(out, "this version was imported: it has no run here");
}

static void step_model(struct view *v, long by)
{
    struct listing_rows rows = registry_rows(v, P_MODELS);
    listing_move(&v->tables[P_MODELS], &rows, by);
    v->tables[P_VERSIONS].id[0] = '\0';
    v->tables[P_VERSIONS].cursor = v->tables[P_VERSIONS].top = 0;
}

static bool registry_request(struct view *v, enum request req, struct intent *out)
{
    const struct val *model = view_data(v, F_SHOW), *version = subject(v, req);
    const struct val *production = model_version_in(model, "Production");
    const char *name = val_get_str(model, "name", "");
    switch ((int)req) {
    case REQ_OPEN: return registry_open(v, out);
    case REQ_PROMOTE: intent_move(out, name, version, production, "Production"); return true;
    case REQ_STAGE: intent_move(out, name, version, production, "Staging"); return true;
    case REQ_ARCHIVE: intent_move(out, name, version, production, "Archived"); return true;
    case REQ_ROLLBACK:
        intent_rollback(out, name, production, model_rollback_target(model));
        return true;
    case REQ_LEFT: step_model(v, -1); return true;
    case REQ_RIGHT: step_model(v, 1); return true;
    default: return false;
    }
}

static void registry_init(struct view *v)
{
    v->parts = 2;
    v->tables[P_MODELS].id_key = "name";
    v->tables[P_VERSIONS].id_key = "version";
}

static void registry_done(struct view *v)
{
    arena_done(&((struct registry *)v->state)->arena);
}

const struct view_ops view_registry = {
    .feeds = feeds,
    .state_size = sizeof(struct registry),
    .init = registry_init,
    .done = registry_done,
    .update = registry_update,
    .rows = registry_rows,
    .draw = registry_draw,
    .request = registry_request,
    .why_not = registry_why_not,
};
