/* canvas.c: drawing on the grid of cells. Everything is built on canvas_put, which alone knows
 * clipping, wide characters and the ASCII replacement; so no drawing function can write outside
 * its rectangle or tear a wide character apart. */
#include "views/canvas.h"
#include "base/mem.h"
#include "base/utf8.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct glyph {
    uint32_t cp;
    char ascii;
} glyphs[] = {
#define GLYPH(cp, ascii) { cp, ascii },
#include "views/glyphs.def"
#undef GLYPH
};

static int clamp_side(int n)
{
    return n < 0 ? 0 : n > CANVAS_MAX ? CANVAS_MAX : n;
}

void canvas_init(struct canvas *cv, int w, int h, bool ascii)
{
    *cv = (struct canvas){ .ascii = ascii };
    canvas_resize(cv, w, h);
}

void canvas_resize(struct canvas *cv, int w, int h)
{
    cv->w = clamp_side(w);
    cv->h = clamp_side(h);
    free(cv->cells);
    cv->cells = mem_zalloc((size_t)cv->w * (size_t)cv->h + 1, sizeof *cv->cells);
    canvas_clear(cv);
}

void canvas_done(struct canvas *cv)
{
    free(cv->cells);
    *cv = (struct canvas){ 0 };
}

void canvas_clear(struct canvas *cv)
{
    size_t n = (size_t)cv->w * (size_t)cv->h;
    for (size_t i = 0; i < n; i++) cv->cells[i] = (struct cell){ ' ', ROLE_TEXT, GROUND_PLAIN, 1 };
    cv->clip = rect_make(0, 0, cv->w, cv->h);
    cv->ground = GROUND_PLAIN;
    cv->cursor_x = cv->cursor_y = -1;
}

const struct cell *canvas_at(const struct canvas *cv, int x, int y)
{
    assert(x >= 0 && y >= 0 && x < cv->w && y < cv->h);
    return &cv->cells[(size_t)y * (size_t)cv->w + (size_t)x];
}

/* -- rectangles ------------------------------------------------------------------------- */

struct rect rect_make(int x, int y, int w, int h)
{
    return (struct rect){ x, y, w < 0 ? 0 : w, h < 0 ? 0 : h };
}

struct rect rect_cut(struct rect a, struct rect b)
{
    int x0 = a.x > b.x ? a.x : b.x, y0 = a.y > b.y ? a.y : b.y;
    int x1 = a.x + a.w < b.x + b.w ? a.x + a.w : b.x + b.w;
    int y1 = a.y + a.h < b.y + b.h ? a.y + a.h : b.y + b.h;
    return rect_make(x0, y0, x1 - x0, y1 - y0);
}

struct rect rect_inset(struct rect r, int dx, int dy)
{
    return rect_make(r.x + dx, r.y + dy, r.w - 2 * dx, r.h - 2 * dy);
}

struct rect rect_centre(struct rect in, int w, int h)
{
    if (w > in.w) w = in.w;
    if (h > in.h) h = in.h;
    return rect_make(in.x + (in.w - w) / 2, in.y + (in.h - h) / 2, w, h);
}

bool rect_empty(struct rect r)
{
    return r.w <= 0 || r.h <= 0;
}

struct rect canvas_clip(struct canvas *cv, struct rect r)
{
    struct rect old = cv->clip;
    cv->clip = rect_cut(old, r);
    return old;
}

void canvas_unclip(struct canvas *cv, struct rect old)
{
    cv->clip = old;
}

/* -- cells ------------------------------------------------------------------------------ */

static struct cell *cell_at(struct canvas *cv, int x, int y)
{
    return &cv->cells[(size_t)y * (size_t)cv->w + (size_t)x];
}

static bool inside(const struct canvas *cv, int x, int y)
{
    const struct rect *c = &cv->clip;
    return x >= c->x && y >= c->y && x < c->x + c->w && y < c->y + c->h;
}

static uint32_t to_ascii(uint32_t cp)
{
    for (size_t i = 0; i < ARRAY_LEN(glyphs); i++)
        if (glyphs[i].cp == cp) return (uint32_t)glyphs[i].ascii;
    return '?';
}

/* A half of a wide character that lost its other half becomes a blank. */
static void mend(struct canvas *cv, int x, int y)
{
    struct cell *c = cell_at(cv, x, y);
    if (c->width == 2 && x + 1 < cv->w) {
        struct cell *right = cell_at(cv, x + 1, y);
        if (right->cp == 0) *right = (struct cell){ ' ', right->role, right->ground, 1 };
    } else if (c->cp == 0 && x > 0) {
        struct cell *left = cell_at(cv, x - 1, y);
        if (left->width == 2) *left = (struct cell){ ' ', left->role, left->ground, 1 };
    }
}

void canvas_put(struct canvas *cv, int x, int y, enum role role, uint32_t cp)
{
    int width = utf8_cp_width(cp);
    if (width == 0) {
        cp = ' ';
        width = 1;
    }
    if (cv->ascii && cp > 126) {
        cp = width == 2 ? '?' : to_ascii(cp);
        width = 1;
    }
    if (!inside(cv, x, y)) return;
    if (width == 2 && !inside(cv, x + 1, y)) {
        cp = ' ';
        width = 1;
    }
    mend(cv, x, y);
    *cell_at(cv, x, y) = (struct cell){ cp, (uint8_t)role, cv->ground, (uint8_t)width };
    if (width == 2) {
        mend(cv, x + 1, y);
        *cell_at(cv, x + 1, y) = (struct cell){ 0, (uint8_t)role, cv->ground, 0 };
    }
}

/* -- text ------------------------------------------------------------------------------- */

/* Draws n bytes; returns columns. Zero-width code points (combining marks, controls) are left
 * out; a tab is a blank. */
static int put_bytes(struct canvas *cv, int x, int y, enum role role, const char *s, size_t n)
{
    int at = x;
    while (n) {
        uint32_t cp;
        size_t used = utf8_next(s, n, &cp);
        s += used;
        n -= used;
        if (cp == '\t') cp = ' ';
        int width = utf8_cp_width(cp);
        if (width == 0) continue;
        canvas_put(cv, at, y, role, cp);
        at += cv->ascii && cp > 126 ? 1 : width;
    }
    return at - x;
}

int canvas_text(struct canvas *cv, int x, int y, enum role role, const char *s)
{
    return s ? put_bytes(cv, x, y, role, s, strlen(s)) : 0;
}

int canvas_fit(struct canvas *cv, struct rect at, enum role role, const char *s)
{
    if (!s || at.w <= 0) return 0;
    size_t all = strlen(s);
    size_t n = utf8_fit(s, (size_t)at.w);
    if (n == all) return put_bytes(cv, at.x, at.y, role, s, n);
    n = utf8_fit(s, (size_t)at.w - 1);
    int used = put_bytes(cv, at.x, at.y, role, s, n);
    canvas_put(cv, at.x + used, at.y, role, 0x2026);
    return used + 1;
}

int canvas_right(struct canvas *cv, struct rect at, enum role role, const char *s)
{
    int width = s ? (int)utf8_width(s) : 0;
    if (width >= at.w) return canvas_fit(cv, at, role, s);
    return canvas_text(cv, at.x + at.w - width, at.y, role, s);
}

int canvas_printf(struct canvas *cv, int x, int y, enum role role, const char *fmt, ...)
{
    char buf[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(buf, sizeof buf, fmt, ap);
    va_end(ap);
    return canvas_text(cv, x, y, role, buf);
}

/* Bytes of the first line of s that fits w columns; *ret_skip: bytes to pass over as well. */
static size_t line_break(const char *s, int w, size_t *ret_skip)
{
    size_t eol = strcspn(s, "\n");
    size_t fit = utf8_fit(s, (size_t)w);
    *ret_skip = 0;
    if (fit >= eol) {
        *ret_skip = s[eol] == '\n';
        return eol;
    }
    size_t n = fit;
    while (n && s[n] != ' ') n--;
    if (n == 0) return fit ? fit : 1;
    *ret_skip = 1;
    return n;
}

int canvas_wrap(struct canvas *cv, struct rect r, enum role role, const char *s)
{
    int line = 0;
    if (!s || r.w <= 0) return 0;
    while (*s) {
        size_t skip, n = line_break(s, r.w, &skip);
        if (line < r.h) put_bytes(cv, r.x, r.y + line, role, s, n);
        s += n + skip;
        line++;
    }
    return line;
}

/* -- shapes ----------------------------------------------------------------------------- */

void canvas_fill(struct canvas *cv, struct rect r, enum role role, uint32_t cp)
{
    r = rect_cut(r, cv->clip);
    for (int y = r.y; y < r.y + r.h; y++)
        for (int x = r.x; x < r.x + r.w; x++) canvas_put(cv, x, y, role, cp);
}

void canvas_hline(struct canvas *cv, int x, int y, int w, enum role role)
{
    canvas_fill(cv, rect_make(x, y, w, 1), role, 0x2500);
}

void canvas_vline(struct canvas *cv, int x, int y, int h, enum role role)
{
    canvas_fill(cv, rect_make(x, y, 1, h), role, 0x2502);
}

void canvas_box(struct canvas *cv, struct rect r, enum role role, const char *title)
{
    if (r.w < 2 || r.h < 2) return;
    int x1 = r.x + r.w - 1, y1 = r.y + r.h - 1;
    canvas_hline(cv, r.x + 1, r.y, r.w - 2, role);
    canvas_hline(cv, r.x + 1, y1, r.w - 2, role);
    canvas_vline(cv, r.x, r.y + 1, r.h - 2, role);
    canvas_vline(cv, x1, r.y + 1, r.h - 2, role);
    canvas_put(cv, r.x, r.y, role, 0x250c);
    canvas_put(cv, x1, r.y, role, 0x2510);
    canvas_put(cv, r.x, y1, role, 0x2514);
    canvas_put(cv, x1, y1, role, 0x2518);
    if (!title || r.w < 8) return;
    int used = canvas_fit(cv, rect_make(r.x + 3, r.y, r.w - 6, 1), role, title);
    canvas_put(cv, r.x + 2, r.y, role, ' ');
    canvas_put(cv, r.x + 3 + used, r.y, role, ' ');
}

void canvas_heading(struct canvas *cv, struct rect r, enum role role, const char *title,
                    const char *right)
{
    if (rect_empty(r)) return;
    int used = canvas_fit(cv, rect_make(r.x, r.y, r.w, 1), role, title);
    int end = r.x + r.w;
    int width = right && *right ? (int)utf8_width(right) : 0;
    if (width && used + width + 4 <= r.w) {
        canvas_text(cv, end - width, r.y, ROLE_DIM, right);
        end -= width + 1;
    }
    canvas_hline(cv, r.x + used + 1, r.y, end - (r.x + used + 1), ROLE_RULE);
}

void canvas_reground(struct canvas *cv, struct rect r, enum ground g)
{
    r = rect_cut(r, cv->clip);
    for (int y = r.y; y < r.y + r.h; y++)
        for (int x = r.x; x < r.x + r.w; x++) cell_at(cv, x, y)->ground = (uint8_t)g;
}
