/* pane_jobs.c: the queue: states and progress at a glance, and of the job under the cursor its
 * facts, events and the end of its log. */
#include "base/mem.h"
#include "views/layout.h"
#include "views/view.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { F_LIST, F_SHOW, F_LOG };
enum { P_LIST, P_LOG };

struct jobs {
    struct arena arena;
    const struct val *shown; /* the list after filtering */
};

static bool list_args(const struct view *v, struct val *args)
{
    (void)v;
    val_set_int(args, "limit", 200);
    return true;
}

static bool selected_args(const struct view *v, struct val *args)
{
    if (!v->rest[0]) return false;
    val_set_str(args, "job", v->rest);
    return true;
}

static bool log_args(const struct view *v, struct val *args)
{
    val_set_int(args, "tail", 500);
    return selected_args(v, args);
}

static const struct feed_ops feeds[] = {
    [F_LIST] = { "job list", list_args, false },
    [F_SHOW] = { "job show", selected_args, false },
    [F_LOG] = { "job log", log_args, false },
    { NULL, NULL, false },
};

/* -- list ------------------------------------------------------------------------------- */

static void draw_gauge(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                       const struct listing_column *col)
{
    (void)col;
    draw_progress(cv, at, c->row);
}

/* What to say in one line: the error of a failed job, else its last message. */
static void draw_message(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                         const struct listing_column *col)
{
    const char *error = val_get_str(c->row, "error", NULL);
    bool failed = status_look(val_get_str(c->row, "state", NULL)).role == ROLE_BAD;
    if (failed && error && *error) canvas_fit(cv, at, ROLE_WARN, error);
    else canvas_fit(cv, at, ROLE_DIM, val_as_str(fmt_path(c->row, col->path), ""));
}

static const struct listing_column columns[] = {
    { .title = "state", .path = "state", .width = 11, .draw = draw_status },
    { .title = "job", .path = "id", .format = "id", .width = 8, .drop = 3 },
    { .title = "kind", .path = "kind", .width = 7 },
    { .title = "progress", .path = "progress", .width = 14, .draw = draw_gauge, .drop = 1 },
    { .title = "message", .path = "message", .draw = draw_message, .drop = 5 },
    { .title = "by", .path = "actor", .width = 8, .drop = 6 },
    { .title = "took",
      .path = "duration_s",
      .format = "duration",
      .width = 6,
      .right = true,
      .drop = 4 },
    { .title = "age", .path = "created_at", .format = "age", .width = 4, .right = true, .drop = 2 },
    { .title = NULL },
};

static struct listing_rows jobs_rows(const struct view *v, int part)
{
    const struct jobs *s = v->state;
    const struct val *list = part == P_LIST ? s->shown : val_get(view_data(v, F_LOG), "lines");
    return (struct listing_rows){ list, 0, (long)val_len(list),
                                  v->filter[0] ? "no job matches the filter"
                                               : "no jobs yet: t starts a training" };
}

static void jobs_update(struct view *v, int feed)
{
    struct jobs *s = v->state;
    struct listing *log = &v->tables[P_LOG];
    if (feed == F_LIST) {
        arena_reset(&s->arena);
        s->shown = view_filter(&s->arena, v->filter, val_get(view_data(v, F_LIST), "jobs"));
    }
    /* The log follows its end unless somebody reads further up. */
    if (feed == F_LOG && v->part != P_LOG)
        log->cursor = (long)val_len(val_get(view_data(v, F_LOG), "lines")) - 1;
}

/* -- details -------------------------------------------------------------------------------------
 */

static int draw_fact(struct canvas *cv, struct rect at, enum role role, const char *label,
                     const char *text)
{
    if (!text || !*text || rect_empty(at)) return 0;
    canvas_fit(cv, rect_make(at.x, at.y, 9, 1), ROLE_DIM, label);
    canvas_fit(cv, rect_make(at.x + 10, at.y, at.w - 10, 1), role, text);
    return 1;
}

static int draw_facts(const struct val *job, struct canvas *cv, struct rect r, int64_t now_us)
{
    char a[FMT_LEN], b[FMT_LEN], text[128];
    struct status_look look = status_look(val_get_str(job, "state", NULL));
    int y = r.y, end = r.y + r.h;
#define ROW rect_make(r.x, y, r.w, y < end)
    snprintf(text, sizeof text, "%s %s, attempt %lld of %lld, priority %lld", look.glyph, look.word,
             (long long)val_get_int(job, "attempt", 0),
             (long long)val_get_int(job, "max_attempts", 0),
             (long long)val_get_int(job, "priority", 0));
    y += draw_fact(cv, ROW, look.role, "state", text);
    snprintf(
        text, sizeof text, "%s, %s, by %.40s", fmt_time(a, val_get_str(job, "created_at", NULL)),
        fmt_ago(b, val_get_str(job, "created_at", NULL), now_us), val_get_str(job, "actor", "?"));
    y += draw_fact(cv, ROW, ROLE_TEXT, "created", text);
    y += draw_fact(cv, ROW, ROLE_TEXT, "message", val_get_str(job, "message", NULL));
    y += draw_fact(cv, ROW, ROLE_BAD, "error", val_get_str(job, "error", NULL));
    y += draw_fact(cv, ROW, ROLE_TEXT, "run", val_get_str(job, "run_id", NULL));
    STR_AUTO payload = STR_INIT;
    const struct val *p = val_get(job, "payload");
    for (size_t i = 0; i < val_len(p); i++) {
        if (val_type(val_at(p, i)) == VAL_NULL) continue;
        str_addf(&payload, "%s%s=", payload.len ? " " : "", val_key(p, i));
        if (val_type(val_at(p, i)) == VAL_OBJ || val_type(val_at(p, i)) == VAL_LIST)
            val_write_json(&payload, val_at(p, i), 0);
        else val_write_text(&payload, val_at(p, i));
    }
    y += draw_fact(cv, ROW, ROLE_TEXT, "with", str_c(&payload));
#undef ROW
    return y - r.y;
}

static int draw_events(const struct val *events, struct canvas *cv, struct rect r, int64_t now_us)
{
    int n = (int)val_len(events), room = r.h < 6 ? r.h : 6;
    int first = n > room ? n - room : 0, y = r.y;
    for (int i = first; i < n; i++, y++) {
        const struct val *e = val_at(events, (size_t)i);
        char age[FMT_LEN];
        const char *detail = val_get_str(e, "detail", "");
        canvas_right(cv, rect_make(r.x, y, 5, 1), ROLE_DIM,
                     fmt_age(age, val_get_str(e, "at", NULL), now_us));
        canvas_fit(cv, rect_make(r.x + 7, y, 16, 1), ROLE_TEXT, val_get_str(e, "type", ""));
        canvas_fit(cv, rect_make(r.x + 24, y, r.w - 24, 1), ROLE_DIM, detail);
    }
    return y - r.y;
}

static void draw_log(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    struct listing *t = &v->tables[P_LOG];
    struct listing_rows rows = jobs_rows(v, P_LOG);
    bool focus = ctx->focus && v->part == P_LOG;
    char right[48];
    snprintf(right, sizeof right, "%ld lines", rows.total);
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), focus ? ROLE_TITLE : ROLE_DIM, "Log", right);
    int room = r.h - 1;
    t->page = room > 1 ? room : 1;
    if (!focus || t->cursor >= rows.total) t->cursor = rows.total - 1;
    if (t->cursor < 0) t->cursor = 0;
    if (t->cursor < t->top) t->top = t->cursor;
    if (t->cursor >= t->top + room) t->top = t->cursor - room + 1;
    if (t->top > rows.total - room) t->top = rows.total - room;
    if (t->top < 0) t->top = 0;
    for (int i = 0; i < room && t->top + i < rows.total; i++) {
        const char *line = val_as_str(val_at(rows.list, (size_t)(t->top + i)), "");
        bool here = focus && t->top + i == t->cursor;
        if (here) cv->ground = GROUND_SELECT;
        if (here) canvas_fill(cv, rect_make(r.x, r.y + 1 + i, r.w, 1), ROLE_TEXT, ' ');
        enum role role = strstr(line, " error ") ? ROLE_WARN : ROLE_TEXT;
        canvas_fit(cv, rect_make(r.x, r.y + 1 + i, r.w, 1), role, line);
        cv->ground = GROUND_PLAIN;
    }
    if (rows.total == 0) canvas_text(cv, r.x, r.y + 1, ROLE_DIM, "empty so far");
}

static void draw_detail(struct view *v, struct canvas *cv, struct rect r,
                        const struct draw_ctx *ctx)
{
    const struct val *job = view_data(v, F_SHOW);
    char title[80], id[FMT_LEN];
    if (rect_empty(r) || !job) return;
    snprintf(title, sizeof title, "%.30s %s", val_get_str(job, "kind", "job"),
             fmt_id(id, val_get_str(job, "id", NULL)));
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), ROLE_TITLE, title, NULL);
    int y = r.y + 1, log = r.h >= 14 ? r.h / 2 : r.h / 3, end = r.y + r.h - log;
    y += draw_facts(job, cv, rect_make(r.x, y, r.w, end - y), ctx->now_us) + 1;
    if (y < end)
        y += draw_events(val_get(job, "events"), cv, rect_make(r.x, y, r.w, end - y), ctx->now_us) +
             1;
    if (y > end) y = end;
    if (log >= 2) draw_log(v, cv, rect_make(r.x, y, r.w, r.y + r.h - y), ctx);
}

static void draw_counts(const struct val *counts, struct canvas *cv, struct rect at)
{
    static const char *const names[] = { "running",   "ready", "scheduled",
                                         "succeeded", "dead",  "cancelled" };
    int x = at.x + 2;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        long long n = val_get_int(counts, names[i], 0);
        struct status_look look = status_look(names[i]);
        if (n == 0 || x > at.x + at.w) continue;
        x += canvas_text(cv, x, at.y, look.role, look.glyph) + 1;
        x += canvas_printf(cv, x, at.y, ROLE_TEXT, "%lld ", n);
        x += canvas_text(cv, x, at.y, ROLE_DIM, look.word) + 3;
    }
}

static void jobs_draw(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    struct split_layout at;
    layout_split(r, v->zoom, &at);
    if (!rect_empty(at.list)) {
        struct listing_rows rows = jobs_rows(v, P_LIST);
        struct listing_look look = { .columns = columns,
                                     .sort = -1,
                                     .now_us = ctx->now_us,
                                     .focus = ctx->focus && v->part == P_LIST };
        int head = at.list.h >= 6 ? 2 : 0;
        if (head) draw_counts(val_get(view_data(v, F_LIST), "counts"), cv, at.list);
        listing_draw(cv, rect_make(at.list.x, at.list.y + head, at.list.w, at.list.h - head),
                     &v->tables[P_LIST], &rows, &look);
    }
    if (v->tables[P_LIST].id[0]) draw_detail(v, cv, at.detail, ctx);
}

/* -- requests --------------------------------------------------------------------------- */

static const char *jobs_why_not(const struct view *v, enum request req)
{
    const struct val *row = view_selected(v, P_LIST);
    const char *state = val_get_str(row, "state", "");
    if ((binding_of(req)->flags & KEY_SELECTION) && !row) return "there is no job here";
    bool open = str_eq(state, "running") || str_eq(state, "ready") || str_eq(state, "scheduled");
    if (req == REQ_CANCEL && !open) return "the job has ended";
    if (req == REQ_RETRY && !str_eq(state, "dead") && !str_eq(state, "cancelled"))
        return "only a failed or cancelled job can be retried";
    return NULL;
}

static bool jobs_request(struct view *v, enum request req, struct intent *out)
{
    const struct val *row = view_selected(v, P_LIST);
    switch ((int)req) {
    case REQ_OPEN:
        v->zoom = true;
        v->part = P_LOG;
        return true;
    case REQ_CANCEL: intent_job(out, "job cancel", row); return true;
    case REQ_RETRY: intent_job(out, "job retry", row); return true;
    case REQ_BACK:
        if (!v->zoom) return false;
        v->zoom = false;
        v->part = P_LIST;
        return true;
    default: return false;
    }
}

static void jobs_init(struct view *v)
{
    v->parts = 2;
}
static void jobs_done(struct view *v)
{
    arena_done(&((struct jobs *)v->state)->arena);
}

const struct view_ops view_jobs = {
    .feeds = feeds,
    .state_size = sizeof(struct jobs),
    .init = jobs_init,
    .done = jobs_done,
    .update = jobs_update,
    .rows = jobs_rows,
    .draw = jobs_draw,
    .request = jobs_request,
    .why_not = jobs_why_not,
};
