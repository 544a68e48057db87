/* listing.c: see listing.h. Columns are placed once a drawing; a column that does not fit is left
 * out whole rather than squeezed to nothing. The first two cells hold the cursor's and the mark's
 * glyph, so both survive a terminal without colour. */
#include "views/widgets/listing.h"
#include "views/fmt.h"
#include <stdlib.h>
#include <string.h>

enum { GUTTER = 2, COLUMNS_MAX = 24 };

void listing_init(struct listing *t, const char *id_key)
{
    *t = (struct listing){ .id_key = id_key, .page = 1 };
}

void listing_done(struct listing *t)
{
    listing_clear_marks(t);
    vec_done(&t->marks);
}

/* -- cursor ----------------------------------------------------------------------------- */

static const struct val *row_at(const struct listing_rows *rows, long i)
{
    if (i < rows->base || i >= rows->base + (long)val_len(rows->list)) return NULL;
    return val_at(rows->list, (size_t)(i - rows->base));
}

static const char *row_id(const struct listing *t, const struct val *row, char buf[LISTING_ID_LEN])
{
    return fmt_val(buf, LISTING_ID_LEN, fmt_path(row, t->id_key), NULL, 0);
}

static void take_id(struct listing *t, const struct listing_rows *rows)
{
    const struct val *row = row_at(rows, t->cursor);
    if (row) row_id(t, row, t->id);
    else t->id[0] = '\0';
}

static void keep_inside(struct listing *t, const struct listing_rows *rows)
{
    if (t->cursor >= rows->total) t->cursor = rows->total - 1;
    if (t->cursor < 0) t->cursor = 0;
}

void listing_update(struct listing *t, const struct listing_rows *rows)
{
    char id[LISTING_ID_LEN];
    if (!rows->list) return; /* nothing known yet: an id put in from outside waits */
    for (size_t i = 0; t->id[0] && i < val_len(rows->list); i++) {
        if (!str_eq(row_id(t, val_at(rows->list, i), id), t->id)) continue;
        long at = rows->base + (long)i;
        /* Keep the row where the eye has it: shift the window by as much as the row moved. */
        t->top += at - t->cursor;
        if (t->top < 0) t->top = 0;
        t->cursor = at;
        return;
    }
    keep_inside(t, rows);
    take_id(t, rows);
}

void listing_move(struct listing *t, const struct listing_rows *rows, long delta)
{
    t->cursor += delta;
    keep_inside(t, rows);
    take_id(t, rows);
}

bool listing_key(struct listing *t, const struct listing_rows *rows, uint32_t key)
{
    long page = t->page > 1 ? t->page - 1 : 1;
    switch (key) {
    case K_UP: listing_move(t, rows, -1); return true;
    case K_DOWN: listing_move(t, rows, 1); return true;
    case K_PGUP: listing_move(t, rows, -page); return true;
    case K_PGDN: listing_move(t, rows, page); return true;
    case K_HOME: listing_move(t, rows, -rows->total); return true;
    case K_END: listing_move(t, rows, rows->total); return true;
    default: return false;
    }
}

const struct val *listing_selected(const struct listing *t, const struct listing_rows *rows)
{
    return row_at(rows, t->cursor);
}

/* -- marks ------------------------------------------------------------------------------ */

static size_t mark_index(const struct listing *t, const char *id)
{
    size_t i = 0;
    while (i < t->marks.n && strcmp(t->marks.p[i], id) != 0) i++;
    return i;
}

bool listing_marked(const struct listing *t, const char *id)
{
    return mark_index(t, id) < t->marks.n;
}

void listing_toggle_mark(struct listing *t)
{
    if (!t->id[0]) return;
    size_t i = mark_index(t, t->id);
    if (i == t->marks.n) {
        vec_push(&t->marks, mem_strdup(t->id));
        return;
    }
    free(t->marks.p[i]);
    memmove(&t->marks.p[i], &t->marks.p[i + 1], (t->marks.n - i - 1) * sizeof *t->marks.p);
    t->marks.n--;
}

void listing_clear_marks(struct listing *t)
{
    for (size_t i = 0; i < t->marks.n; i++) free(t->marks.p[i]);
    t->marks.n = 0;
}

/* -- drawing ---------------------------------------------------------------------------- */

struct placed {
    const struct listing_column *col;
    int index, x, w;
};

static int min_width(const struct listing_column *c)
{
    return c->width ? c->width : 12;
}

/* Chooses the columns that fit; returns how many. */
static int place(const struct listing_column *cols, int x, int w, struct placed *out)
{
    int n = 0, need = 0, flex = 0;
    for (int i = 0; cols[i].title && n < COLUMNS_MAX; i++) {
        out[n++] = (struct placed){ &cols[i], i, 0, min_width(&cols[i]) };
        need += min_width(&cols[i]) + 1;
    }
    while (need - 1 > w && n > 1) {
        int worst = 0;
        for (int i = 1; i < n; i++)
            if (out[i].col->drop >= out[worst].col->drop) worst = i;
        if (out[worst].col->drop == 0) break;
        need -= out[worst].w + 1;
        memmove(&out[worst], &out[worst + 1], (size_t)(n - worst - 1) * sizeof *out);
        n--;
    }
    for (int i = 0; i < n; i++) flex += out[i].col->width == 0;
    int spare = w - (need - 1);
    for (int i = 0; i < n; i++) {
        if (out[i].col->width == 0 && spare > 0) {
            int share = spare / flex;
            out[i].w += share;
            spare -= share;
            flex--;
        }
        out[i].x = x;
        x += out[i].w + 1;
    }
    return n;
}

static void draw_titles(struct canvas *cv, struct rect r, const struct placed *p, int n,
                        const struct listing_look *look)
{
    bool named = false;
    for (int i = 0; i < n; i++) {
        char title[64];
        bool sorted = p[i].index == look->sort;
        size_t len = strlen(p[i].col->title);
        memcpy(title, p[i].col->title, len < 50 ? len + 1 : 50);
        title[50] = '\0';
        if (sorted) strcat(title, look->descending ? "▼" : "▲");
        struct rect at = rect_make(p[i].x, r.y, p[i].w, 1);
        bool name = look->section && *title != ' ' && !named;
        named |= name;
        enum role role = sorted || (name && look->focus) ? ROLE_TITLE
                         : name                          ? ROLE_STRONG
                                                         : ROLE_DIM;
        if (p[i].col->right) canvas_right(cv, at, role, title);
        else canvas_fit(cv, at, role, title);
    }
}

static void draw_cell(struct canvas *cv, struct rect at, const struct listing_ctx *ctx,
                      const struct listing_column *col)
{
    if (col->draw) {
        col->draw(cv, at, ctx, col);
        return;
    }
    char buf[256];
    fmt_val(buf, sizeof buf, fmt_path(ctx->row, col->path), col->format, ctx->now_us);
    enum role role = col->role ? col->role(ctx, col) : ROLE_TEXT;
    if (col->right) canvas_right(cv, at, role, buf);
    else canvas_fit(cv, at, role, buf);
}

static void draw_row(struct canvas *cv, struct rect r, const struct listing *t,
                     const struct listing_ctx *ctx, const struct placed *p, int n)
{
    char id[LISTING_ID_LEN];
    if (t->marks.n && listing_marked(t, row_id(t, ctx->row, id)))
        canvas_put(cv, r.x + 1, r.y, ROLE_MARK, 0x25cf);
    for (int i = 0; i < n; i++) draw_cell(cv, rect_make(p[i].x, r.y, p[i].w, 1), ctx, p[i].col);
}

static void scroll_to_cursor(struct listing *t, int page, long total)
{
    t->page = page > 0 ? page : 1;
    if (t->top > total - t->page) t->top = total - t->page;
    if (t->cursor < t->top) t->top = t->cursor;
    if (t->cursor >= t->top + t->page) t->top = t->cursor - t->page + 1;
    if (t->top < 0) t->top = 0;
}

void listing_draw(struct canvas *cv, struct rect r, struct listing *t,
                  const struct listing_rows *rows, const struct listing_look *look)
{
    struct placed p[COLUMNS_MAX];
    if (rect_empty(r)) return;
    struct rect old = canvas_clip(cv, r);
    int n = place(look->columns, r.x + GUTTER, r.w - GUTTER, p);
    draw_titles(cv, r, p, n, look);
    scroll_to_cursor(t, r.h - 1, rows->total);
    if (rows->total == 0 && rows->list && rows->empty)
        canvas_wrap(cv, rect_make(r.x + GUTTER, r.y + 1, r.w - GUTTER, r.h - 1), ROLE_DIM,
                    rows->empty);
    for (int i = 0; i < r.h - 1; i++) {
        long at = t->top + i;
        struct rect line = rect_make(r.x, r.y + 1 + i, r.w, 1);
        struct listing_ctx ctx = { row_at(rows, at), look->now_us, look->user };
        bool here = at == t->cursor && at < rows->total;
        if (here && look->focus) {
            cv->ground = GROUND_SELECT;
            canvas_fill(cv, line, ROLE_TEXT, ' ');
        }
        if (here) canvas_put(cv, line.x, line.y, look->focus ? ROLE_KEY : ROLE_DIM, 0x25b8);
        if (ctx.row) draw_row(cv, line, t, &ctx, p, n);
        cv->ground = GROUND_PLAIN;
    }
    canvas_unclip(cv, old);
}
