/* pane_runs.c: the list of runs: paged, sorted and filtered by the store, so that a hundred
 * thousand of them cost no more than fifty. Columns of metrics come from what the loaded runs
 * have. Marked runs are compared (runs_compare.c); the resting one is shown (runs_detail.c). */
#include "base/mem.h"
#include "views/runs.h"
#include <stdio.h>
#include <string.h>

enum { WINDOW = 200, EDGE = 40 };

/* -- what to ask ------------------------------------------------------------------------ */

/* A filter with an operator is the search grammar; anything else is part of a name. */
static void set_filter(struct val *args, const char *filter)
{
    if (!filter[0]) return;
    if (strpbrk(filter, "<>='")) {
        val_set_str(args, "filter", filter);
        return;
    }
    val_set_strf(args, "filter", "attributes.run_name ILIKE '%%%s%%'", filter);
}

static const char *order_of(const char *path)
{
    if (str_eq(path, "name")) return "attributes.run_name";
    if (str_eq(path, "start_time")) return "attributes.start_time";
    if (str_eq(path, "status")) return "attributes.status";
    return str_starts(path, "metrics.") || str_starts(path, "params.") ? path : NULL;
}

/* Where the loaded window should begin, given where it begins and where the cursor is. */
static long window_base(const struct runs *s, long cursor)
{
    bool above = cursor < s->base + EDGE && s->base > 0;
    bool below = cursor >= s->base + WINDOW - EDGE && s->base + WINDOW < s->total;
    bool outside = cursor < s->base || cursor >= s->base + WINDOW;
    if (!outside && !above && !below) return s->base;
    long base = cursor - WINDOW / 2;
    return base < 0 ? 0 : base;
}

static bool list_args(const struct view *v, struct val *args)
{
    const struct runs *s = v->state;
    set_filter(args, v->filter);
    if (s->sort >= 0) {
        STR_AUTO order = STR_INIT;
        str_addf(&order, "%s %s", order_of(s->columns[s->sort].path),
                 s->descending ? "DESC" : "ASC");
        val_push_str(val_set_list(args, "order-by"), str_c(&order));
    }
    val_set_int(args, "limit", WINDOW);
    val_set_int(args, "offset", window_base(s, v->tables[RP_LIST].cursor));
    return true;
}

static bool show_args(const struct view *v, struct val *args)
{
    const struct runs *s = v->state;
    if (!v->rest[0] || s->compare) return false;
    val_set_str(args, "run", v->rest);
    return true;
}

static bool compare_args(const struct view *v, struct val *args)
{
    const struct runs *s = v->state;
    const struct listing *t = &v->tables[RP_LIST];
    if (!s->compare) return false;
    struct val *ids = val_set_list(args, "runs");
    for (size_t i = 0; i < t->marks.n && i < RUN_CURVES; i++) val_push_str(ids, t->marks.p[i]);
    return true;
}

static bool curve_args(const struct view *v, struct val *args, size_t i)
{
    const struct runs *s = v->state;
    const struct listing *t = &v->tables[RP_LIST];
    if (!s->compare || i >= t->marks.n) return false;
    val_set_str(args, "run", t->marks.p[i]);
    return true;
}

#define CURVE(i)                                                                                   \
    static bool curve_args_##i(const struct view *v, struct val *args)                             \
    {                                                                                              \
        return curve_args(v, args, i);                                                             \
    }
CURVE(0)
CURVE(1)
CURVE(2)
CURVE(3)
CURVE(4)
CURVE(5)
#undef CURVE

static const struct feed_ops feeds[] = {
    [RF_LIST] = { "run search", list_args, false },
    [RF_SHOW] = { "run show", show_args, false },
    [RF_COMPARE] = { "run compare", compare_args, false },
    [RF_CURVE] = { "run show", curve_args_0, false },
    { "run show", curve_args_1, false },
    { "run show", curve_args_2, false },
    { "run show", curve_args_3, false },
    { "run show", curve_args_4, false },
    { "run show", curve_args_5, false },
    { NULL, NULL, false },
};

/* -- columns ---------------------------------------------------------------------------- */

static void add_column(struct runs *s, struct listing_column c)
{
    if (s->n_columns < RUN_COLUMNS - 1) s->columns[s->n_columns++] = c;
}

static bool has_metric(const struct val *runs, const char *name)
{
    for (size_t i = 0; i < val_len(runs); i++)
        if (val_has(val_get(val_at(runs, i), "metrics"), name)) return true;
    return false;
}

/* The metrics known to matter first, then others of the first run, until there are enough. */
static void add_metric_columns(struct runs *s, const struct val *runs)
{
    static const char *const known[] = { "auc",      "accuracy", "f1",    "rmse", "r2",
                                         "log_loss", "mae",      "brier", "mcc",  "ece" };
    int n = 0;
    for (size_t i = 0; i < ARRAY_LEN(known) && n < RUN_METRICS; i++) {
        if (!has_metric(runs, known[i])) continue;
        snprintf(s->paths[n], sizeof s->paths[n], "metrics.%s", known[i]);
        snprintf(s->titles[n], sizeof s->titles[n], "%s", known[i]);
        add_column(s, (struct listing_column){ .title = s->titles[n],
                                               .path = s->paths[n],
                                               .format = "real",
                                               .width = 9,
                                               .right = true,
                                               .drop = n ? 10 + n : 0 });
        n++;
    }
}

static void build_columns(struct runs *s, const struct val *runs)
{
    s->n_columns = 0;
    add_column(s, (struct listing_column){
                      .title = " ", .path = "status", .width = 1, .draw = draw_status });
    add_column(s, (struct listing_column){ .title = "run", .path = "name" });
    add_column(s, (struct listing_column){
                      .title = "id", .path = "run_id", .format = "id", .width = 8, .drop = 8 });
    add_column(s, (struct listing_column){
                      .title = "algorithm", .path = "params.algorithm", .width = 9, .drop = 5 });
    add_metric_columns(s, runs);
    add_column(s, (struct listing_column){
                      .title = "experiment", .path = "experiment", .width = 11, .drop = 9 });
    add_column(s, (struct listing_column){ .title = "took",
                                           .path = "duration_s",
                                           .format = "duration",
                                           .width = 6,
                                           .right = true,
                                           .drop = 6 });
    add_column(s, (struct listing_column){ .title = "age",
                                           .path = "start_time",
                                           .format = "age",
                                           .width = 5,
                                           .right = true,
                                           .drop = 4 });
    s->columns[s->n_columns] = (struct listing_column){ .title = NULL };
}

/* -- data ------------------------------------------------------------------------------- */

static long asked_offset(const struct feed *f)
{
    struct arena a = ARENA_INIT;
    struct val *args = NULL;
    const char *text = f->asked ? f->asked : "{}";
    val_parse_json(&a, text, strlen(text), &args, NULL);
    long offset = (long)val_get_int(args, "offset", 0);
    arena_done(&a);
    return offset;
}

static void runs_update(struct view *v, int feed)
{
    struct runs *s = v->state;
    if (feed == RF_LIST) {
        const struct val *runs = val_get(view_data(v, RF_LIST), "runs");
        s->base = asked_offset(&v->feeds[RF_LIST]);
        s->total = (long)val_get_int(view_data(v, RF_LIST), "total", (int64_t)val_len(runs));
        if (s->sort < 0 || s->n_columns == 0) build_columns(s, runs);
    } else if (feed == RF_SHOW) {
        runs_detail_update(v);
    }
}

static struct listing_rows runs_rows(const struct view *v, int part)
{
    const struct runs *s = v->state;
    if (part == RP_METRICS)
        return (struct listing_rows){ s->metrics, 0, (long)val_len(s->metrics), "no metrics yet" };
    if (part == RP_COMPARE) {
        const struct val *fields = val_get(view_data(v, RF_COMPARE), "fields");
        return (struct listing_rows){ fields, 0, (long)val_len(fields), "nothing to compare" };
    }
    return (struct listing_rows){ val_get(view_data(v, RF_LIST), "runs"), s->base, s->total,
                                  v->filter[0] ? "no run matches the filter"
                                               : "no runs yet: t starts a training" };
}

/* -- drawing ---------------------------------------------------------------------------- */

static void draw_list_head(const struct view *v, struct canvas *cv, struct rect at)
{
    const struct runs *s = v->state;
    char total[FMT_LEN], text[160];
    const char *order = s->sort >= 0 ? s->columns[s->sort].title : NULL;
    if (!view_data(v, RF_LIST)) return;
    snprintf(text, sizeof text, "%s runs%s%s%s", fmt_count(total, s->total),
             order ? ", by " : ", newest first", order ? order : "",
             !order          ? ""
             : s->descending ? ", highest first"
                             : ", lowest first");
    int used = canvas_text(cv, at.x + 2, at.y, ROLE_DIM, text);
    size_t marks = v->tables[RP_LIST].marks.n;
    if (marks) canvas_printf(cv, at.x + 4 + used, at.y, ROLE_MARK, "● %zu marked", marks);
}

static void runs_draw(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    struct runs *s = v->state;
    struct split_layout at;
    if (s->compare) {
        runs_compare_draw(v, cv, r, ctx);
        return;
    }
    layout_split(r, v->zoom, &at);
    if (!rect_empty(at.list) && s->n_columns) {
        struct listing_rows rows = runs_rows(v, RP_LIST);
        struct listing_look look = { .columns = s->columns,
                                     .sort = s->sort,
                                     .descending = s->descending,
                                     .now_us = ctx->now_us,
                                     .focus = ctx->focus && v->part == RP_LIST };
        int head = at.list.h >= 6 ? 2 : 0;
        if (head) draw_list_head(v, cv, at.list);
        listing_draw(cv, rect_make(at.list.x, at.list.y + head, at.list.w, at.list.h - head),
                     &v->tables[RP_LIST], &rows, &look);
    }
    if (!rect_empty(at.detail)) runs_detail_draw(v, cv, at.detail, ctx);
}

/* -- requests --------------------------------------------------------------------------- */

static void sort_by(struct view *v, int by)
{
    struct runs *s = v->state;
    int n = s->n_columns, i = s->sort;
    for (int step = 0; step <= n; step++) {
        i += by;
        if (i < -1) i = n - 1;
        if (i >= n) i = -1;
        if (i < 0 || order_of(s->columns[i].path)) break;
    }
    s->sort = i;
    if (i >= 0 && str_starts(s->columns[i].path, "metrics."))
        s->descending = metric_info(s->columns[i].path + 8)->higher_is_better;
    v->tables[RP_LIST].id[0] = '\0';
    v->tables[RP_LIST].cursor = v->tables[RP_LIST].top = 0;
}

static const char *runs_why_not(const struct view *v, enum request req)
{
    const struct runs *s = v->state;
    const struct val *row = view_selected(v, RP_LIST);
    bool list_only = req == REQ_MARK || req == REQ_FOCUS || req == REQ_SORT_NEXT ||
                     req == REQ_SORT_PREV || req == REQ_SORT_FLIP || req == REQ_FILTER ||
                     req == REQ_FOCUS_BACK || req == REQ_OPEN || req == REQ_DELETE;
    if (s->compare && list_only) return "leave the comparison first (Esc)";
    if ((binding_of(req)->flags & KEY_SELECTION) && !row) return "there is no run here";
    if (req == REQ_COMPARE && v->tables[RP_LIST].marks.n < 2)
        return "mark two or more runs first (space)";
    if (req == REQ_SORT_FLIP && s->sort < 0) return "choose a column first (>)";
    if (req == REQ_REGISTER && !str_eq(val_get_str(row, "status", ""), "FINISHED"))
        return "the run has not finished";
    return NULL;
}

static void ask_delete(const struct val *row, struct intent *out)
{
    char id[FMT_LEN];
    out->kind = INTENT_CONFIRM;
    out->verb = "run delete";
    out->yes = "delete";
    out->args = val_obj(out->arena);
    val_set_str(out->args, "run", val_get_str(row, "run_id", ""));
    out->text =
        arena_printf(out->arena, "Delete run %s", fmt_id(id, val_get_str(row, "run_id", "")));
    intent_line(
        out, (struct intent_line){
                 .label = "run", .from = arena_strdup(out->arena, val_get_str(row, "name", "")) });
    intent_line(out, (struct intent_line){ .label = "way back", .from = ":run restore ID" });
}

static void step_chart(struct view *v, int by)
{
    struct runs *s = v->state;
    const char *names[16];
    int feed = s->compare ? RF_CURVE : RF_SHOW;
    int n = runs_groups(view_data(v, feed), names, 16);
    if (n) s->chart = (s->chart + by + n) % n;
}

static void set_compare(struct view *v, bool on)
{
    struct runs *s = v->state;
    s->compare = on;
    v->part = on ? RP_COMPARE : RP_LIST;
    v->zoom = false;
}

static bool runs_request(struct view *v, enum request req, struct intent *out)
{
    struct runs *s = v->state;
    const struct val *row = view_selected(v, RP_LIST);
    switch ((int)req) {
    case REQ_OPEN: v->zoom = true; return true;
    case REQ_COMPARE: set_compare(v, !s->compare); return true;
    case REQ_SORT_NEXT: sort_by(v, 1); return true;
    case REQ_SORT_PREV: sort_by(v, -1); return true;
    case REQ_SORT_FLIP: s->descending = !s->descending; return true;
    case REQ_METRIC_NEXT: step_chart(v, 1); return true;
    case REQ_METRIC_PREV: step_chart(v, -1); return true;
    case REQ_DELETE: ask_delete(row, out); return true;
    case REQ_REGISTER:
        out->kind = INTENT_PROMPT;
        out->text = arena_printf(out->arena, "model register  runs:/%s/model",
                                 val_get_str(row, "run_id", ""));
        out->at = strlen("model register ");
        return true;
    case REQ_BACK:
        if (!s->compare) return false;
        set_compare(v, false);
        return true;
    default: return false;
    }
}

static void runs_init(struct view *v)
{
    struct runs *s = v->state;
    v->parts = 2;
    v->tables[RP_LIST].id_key = "run_id";
    v->tables[RP_METRICS].id_key = "name";
    v->tables[RP_COMPARE].id_key = "name";
    s->sort = -1;
    s->descending = true;
}

static void runs_done(struct view *v)
{
    arena_done(&((struct runs *)v->state)->arena);
}

const struct view_ops view_runs = {
    .feeds = feeds,
    .state_size = sizeof(struct runs),
    .init = runs_init,
    .done = runs_done,
    .update = runs_update,
    .rows = runs_rows,
    .draw = runs_draw,
    .request = runs_request,
    .why_not = runs_why_not,
};
