/* pane_datasets.c: the tables of the workspace: data sets, and of the one at rest its columns, each
 * with its histogram in one line. Beside them, or in their place with Enter, details of the
 * column under the cursor, of pairs of columns, or of what tells about a target
 * (datasets_detail.c); n goes from one to the next, e makes the column under the cursor the target.
 * The profile is the one made at import, so looking costs nothing; only a target has the rows read.
 */
#include "base/mem.h"
#include "views/datasets.h"
#include "views/widgets/meter.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SPARKS = 40, SETS_MOST = 8 };

/* -- feeds ------------------------------------------------------------------------------ */

/* What the verbs call the data set at rest. */
static bool data_args(const struct view *v, struct val *args)
{
    if (!v->rest[0]) return false;
    val_set_str(args, "data", v->rest);
    return true;
}

static bool target_args(const struct view *v, struct val *args)
{
    const struct data *s = v->state;
    if (!s->target[0] || s->page != PAGE_TARGET) return false;
    val_set_str(args, "target", s->target);
    return data_args(v, args);
}

static const struct feed_ops feeds[] = {
    [DT_LIST] = { "data list", NULL, false },
    [DT_PROFILE] = { "data profile", data_args, true },
    [DT_TARGET] = { "data profile", target_args, true },
    { NULL, NULL, false },
};

/* -- rows ------------------------------------------------------------------------------- */

const struct val *data_column(const struct view *v)
{
    return view_selected(v, PART_COLUMNS);
}

static void data_update(struct view *v, int feed)
{
    struct data *s = v->state;
    if (feed == DT_PROFILE && v->tables[PART_COLUMNS].cursor < 0)
        v->tables[PART_COLUMNS].cursor = 0;
    arena_reset(&s->arena);
    s->sets = val_get(view_data(v, DT_LIST), "datasets");
    s->columns = val_get(view_data(v, DT_PROFILE), "columns");
    if (v->part == PART_COLUMNS) s->columns = view_filter(&s->arena, v->filter, s->columns);
    else s->sets = view_filter(&s->arena, v->filter, s->sets);
}

static struct listing_rows data_rows(const struct view *v, int part)
{
    const struct data *s = v->state;
    const struct val *list = part == PART_SETS ? s->sets : s->columns;
    const char *none =
        part == PART_SETS ? "no data set yet: signalbox data import FILE --name N" : "";
    return (struct listing_rows){ list, 0, (long)val_len(list),
                                  v->filter[0] ? "nothing matches the filter" : none };
}

size_t data_counts(const struct val *column, double *out, size_t max)
{
    const struct val *counts = val_get(val_get(column, "histogram"), "counts");
    const struct val *top = val_get(column, "top"), *list = counts ? counts : top;
    size_t n = val_len(list) < max ? val_len(list) : max;
    for (size_t i = 0; i < n; i++)
        out[i] =
            counts ? val_as_real(val_at(list, i), 0) : val_get_real(val_at(list, i), "count", 0);
    return n;
}

/* -- cells ------------------------------------------------------------------------------ */

static void draw_spark(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    double counts[SPARKS + 1];
    size_t n = data_counts(c->row, counts, SPARKS);
    (void)col;
    if (n == 0) return;
    counts[n] = 0; /* so that the smallest is no zero */
    meter_spark(cv, rect_make(at.x, at.y, (int)n < at.w ? (int)n : at.w, 1), ROLE_S1, counts, n);
}

static void draw_missing(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                         const struct listing_column *col)
{
    const struct view *v = c->user;
    char text[FMT_LEN];
    double rows = val_get_real(view_data(v, DT_PROFILE), "rows", 0);
    double share = rows > 0 ? val_get_real(c->row, "missing", 0) / rows : 0;
    (void)col;
    if (share > 0)
        canvas_right(cv, at, share > .2 ? ROLE_WARN : ROLE_DIM, fmt_percent(text, share));
}

static void draw_note(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                      const struct listing_column *col)
{
    const struct val *flags = val_get(c->row, "flags");
    (void)col;
    if (val_len(flags)) canvas_fit(cv, at, ROLE_WARN, val_as_str(val_at(flags, 0), ""));
}

static const struct listing_column set_columns[] = {
    { .title = "Data sets", .path = "name" },
    { .title = "ver", .path = "version", .width = 4, .right = true },
    { .title = "rows", .path = "rows", .width = 10, .right = true, .format = "count" },
    { .title = "cols", .path = "columns", .width = 5, .right = true, .drop = 2 },
    { .title = "size", .path = "size", .width = 9, .right = true, .drop = 3, .format = "bytes" },
    { .title = "age", .path = "created_at", .width = 5, .right = true, .drop = 1, .format = "age" },
    { .title = NULL },
};
static const struct listing_column column_columns[] = {
    { .title = "Columns", .path = "name" },
    { .title = "type", .path = "type", .width = 9, .drop = 2 },
    { .title = "values", .path = "name", .width = 20, .draw = draw_spark, .drop = 1 },
    { .title = "miss", .path = "missing", .width = 5, .right = true, .draw = draw_missing },
    { .title = "distinct",
      .path = "distinct",
      .width = 8,
      .right = true,
      .drop = 3,
      .format = "count" },
    { .title = "note", .path = "flags", .width = 15, .drop = 4, .draw = draw_note },
    { .title = NULL },
};

/* -- drawing ---------------------------------------------------------------------------- */

static void draw_lists(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    struct listing_rows sets = data_rows(v, PART_SETS), columns = data_rows(v, PART_COLUMNS);
    struct listing_look look = { .columns = set_columns,
                                 .sort = -1,
                                 .section = true,
                                 .now_us = ctx->now_us,
                                 .focus = ctx->focus && v->part == PART_SETS,
                                 .user = v };
    int top = (int)(sets.total < SETS_MOST ? sets.total : SETS_MOST) + 2;
    if (top < 4) top = 4;
    if (r.h < 14) top = v->part == PART_SETS ? r.h : 0;
    if (top) listing_draw(cv, rect_make(r.x, r.y, r.w, top), &v->tables[PART_SETS], &sets, &look);
    if (top >= r.h) return;
    look.columns = column_columns;
    look.focus = ctx->focus && v->part == PART_COLUMNS;
    listing_draw(cv, rect_make(r.x, r.y + top, r.w, r.h - top), &v->tables[PART_COLUMNS], &columns,
                 &look);
}

static void data_draw(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    int right = v->zoom ? r.w : r.w >= 110 ? r.w * 9 / 20 : r.w >= 70 ? r.w / 2 - 6 : 0;
    if (right < r.w)
        draw_lists(v, cv, rect_make(r.x, r.y, r.w - right - (right ? 2 : 0), r.h), ctx);
    if (right) data_detail_draw(v, cv, rect_make(r.x + r.w - right, r.y, right, r.h));
}

/* -- requests --------------------------------------------------------------------------- */

static const char *data_why_not(const struct view *v, enum request req)
{
    if (req == REQ_OPEN && !view_selected(v, v->part)) return "there is nothing here";
    if (req == REQ_SET_TARGET && !data_column(v)) return "there is no column here";
    return NULL;
}

static bool data_request(struct view *v, enum request req, struct intent *out)
{
    struct data *s = v->state;
    switch ((int)req) {
    case REQ_OPEN:
        if (v->part == PART_SETS) v->part = PART_COLUMNS;
        else v->zoom = true;
        return true;
    case REQ_METRIC_NEXT: s->page = (s->page + 1) % DATA_PAGES; return true;
    case REQ_METRIC_PREV: s->page = (s->page + DATA_PAGES - 1) % DATA_PAGES; return true;
    case REQ_SET_TARGET:
        snprintf(s->target, sizeof s->target, "%s", val_get_str(data_column(v), "name", ""));
        s->page = PAGE_TARGET;
        return intent_say(out, "what tells about %s", s->target);
    default: return false;
    }
}

static void data_init(struct view *v)
{
    v->parts = 2;
    v->tables[PART_SETS].id_key = "ref";
    v->tables[PART_COLUMNS].id_key = "name";
}

static void data_done(struct view *v)
{
    arena_done(&((struct data *)v->state)->arena);
}

const struct view_ops view_datasets = {
    .feeds = feeds,
    .state_size = sizeof(struct data),
    .init = data_init,
    .done = data_done,
    .update = data_update,
    .rows = data_rows,
    .draw = data_draw,
    .request = data_request,
    .why_not = data_why_not,
};
