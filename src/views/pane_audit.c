/* pane_audit.c: who changed what, newest first; the state of the hash chain; and of the row under
 * the cursor everything it holds. */
#include "base/mem.h"
#include "views/layout.h"
#include "views/view.h"
#include <stdio.h>
#include <string.h>

enum { F_LIST, F_VERIFY };

struct audit {
    struct arena arena;
    const struct val *shown;
};

static bool list_args(const struct view *v, struct val *args)
{
    (void)v;
    val_set_int(args, "limit", 300);
    return true;
}

/* Verification reads the whole chain: asked once when the pane opens, then by key. */
static const struct feed_ops feeds[] = {
    [F_LIST] = { "audit list", list_args, false },
    [F_VERIFY] = { "audit verify", NULL, true },
    { NULL, NULL, false },
};

static enum role verb_role(const struct listing_ctx *c, const struct listing_column *col)
{
    const char *verb = val_as_str(fmt_path(c->row, col->path), "");
    bool serves = str_starts(verb, "model promote") || str_starts(verb, "model rollback");
    return serves ? ROLE_PROD : ROLE_TEXT;
}

static enum role dim(const struct listing_ctx *c, const struct listing_column *col)
{
    (void)c;
    (void)col;
    return ROLE_DIM;
}

static const struct listing_column columns[] = {
    { .title = "seq", .path = "seq", .width = 5, .right = true, .role = dim },
    { .title = "time UTC", .path = "at", .format = "stamp", .width = 11 },
    { .title = "who", .path = "actor", .width = 8 },
    { .title = "verb", .path = "verb", .width = 14, .role = verb_role },
    { .title = "object", .path = "object", .width = 16, .drop = 1 },
    { .title = "reason", .path = "reason", .drop = 3 },
    { .title = NULL },
};

static struct listing_rows audit_rows(const struct view *v, int part)
{
    const struct audit *s = v->state;
    (void)part;
    return (struct listing_rows){ s->shown, 0, (long)val_len(s->shown),
                                  v->filter[0] ? "no row matches the filter"
                                               : "nothing was changed yet" };
}

static void audit_update(struct view *v, int feed)
{
    struct audit *s = v->state;
    if (feed != F_LIST) return;
    arena_reset(&s->arena);
    s->shown = view_filter(&s->arena, v->filter, val_get(view_data(v, F_LIST), "rows"));
}

static void draw_chain(const struct view *v, struct canvas *cv, struct rect at)
{
    const struct val *c = view_data(v, F_VERIFY);
    char rows[FMT_LEN], text[160];
    if (!c) return;
    fmt_count(rows, val_get_int(c, "rows", 0));
    bool ok = val_get_bool(c, "ok", false);
    if (ok)
        snprintf(text, sizeof text, "✓ chain intact: %s rows, head %.12s", rows,
                 val_get_str(c, "head", "–"));
    else
        snprintf(text, sizeof text,
                 "✗ chain BROKEN at row %lld: rows were changed outside signalbox",
                 (long long)val_get_int(c, "first_bad", 0));
    canvas_fit(cv, rect_make(at.x + 2, at.y, at.w - 2, 1), ok ? ROLE_OK : ROLE_BAD, text);
}

static const struct val *resting_row(const struct view *v)
{
    const struct audit *s = v->state;
    char id[LISTING_ID_LEN];
    for (size_t i = 0; i < val_len(s->shown); i++) {
        const struct val *row = val_at(s->shown, i);
        if (str_eq(fmt_val(id, sizeof id, val_get(row, "seq"), NULL, 0), v->rest)) return row;
    }
    return NULL;
}

static void draw_detail(struct view *v, struct canvas *cv, struct rect r)
{
    const struct val *row = resting_row(v);
    if (rect_empty(r) || !row) return;
    char title[64];
    snprintf(title, sizeof title, "Row %lld", (long long)val_get_int(row, "seq", 0));
    canvas_heading(cv, rect_make(r.x, r.y, r.w, 1), ROLE_TITLE, title, NULL);
    int y = r.y + 1;
    for (size_t i = 0; i < val_len(row) && y < r.y + r.h; i++) {
        const struct val *item = val_at(row, i);
        STR_AUTO text = STR_INIT;
        if (val_type(item) == VAL_OBJ || val_type(item) == VAL_LIST) val_write_json(&text, item, 2);
        else val_write_text(&text, item);
        canvas_fit(cv, rect_make(r.x, y, 9, 1), ROLE_DIM, val_key(row, i));
        y += canvas_wrap(cv, rect_make(r.x + 10, y, r.w - 10, r.y + r.h - y), ROLE_TEXT,
                         text.len ? str_c(&text) : "–");
    }
}

static void audit_draw(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx)
{
    struct split_layout at;
    layout_split(r, v->zoom, &at);
    if (!rect_empty(at.list)) {
        struct listing_rows rows = audit_rows(v, 0);
        struct listing_look look = {
            .columns = columns, .sort = -1, .now_us = ctx->now_us, .focus = ctx->focus
        };
        int head = at.list.h >= 6 ? 2 : 1;
        draw_chain(v, cv, at.list);
        listing_draw(cv, rect_make(at.list.x, at.list.y + head, at.list.w, at.list.h - head),
                     &v->tables[0], &rows, &look);
    }
    draw_detail(v, cv, at.detail);
}

static const char *audit_why_not(const struct view *v, enum request req)
{
    if ((binding_of(req)->flags & KEY_SELECTION) && !view_selected(v, 0)) return "there is no row";
    return NULL;
}

static bool audit_request(struct view *v, enum request req, struct intent *out)
{
    switch ((int)req) {
    case REQ_OPEN: v->zoom = !v->zoom; return true;
    case REQ_VERIFY:
        out->kind = INTENT_SHOW;
        out->verb = "audit verify";
        view_ask_again(v, F_VERIFY);
        return true;
    default: return false;
    }
}

static void audit_init(struct view *v)
{
    v->tables[0].id_key = "seq";
}
static void audit_done(struct view *v)
{
    arena_done(&((struct audit *)v->state)->arena);
}

const struct view_ops view_audit = {
    .feeds = feeds,
    .state_size = sizeof(struct audit),
    .init = audit_init,
    .done = audit_done,
    .update = audit_update,
    .rows = audit_rows,
    .draw = audit_draw,
    .request = audit_request,
    .why_not = audit_why_not,
};
