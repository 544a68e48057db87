/* canvas.h: a grid of cells that every view draws on.
 *
 * A cell is one code point with a role and a ground (theme.h); a wide character takes two cells,
 * the right one with cp 0. Drawing is clipped to canvas.clip, never fails and never allocates;
 * text from data cannot smuggle control characters to the terminal. With canvas.ascii set,
 * drawn characters are replaced through glyphs.def. What shows a canvas: canvas_curses.c (a
 * terminal), canvas_mem.c (golden screens), canvas_text.c (plain text). One owner, one thread.
 * Coordinates are cells from the top left; all rectangles may lie partly or wholly outside. */
#pragma once
#include "base/str.h"
#include "views/theme.h"
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

struct rect {
    int x, y, w, h;
};

struct cell {
    uint32_t cp; /* ' ' when empty, 0: right half of a wide character */
    uint8_t role, ground, width;
};

struct canvas {
    int w, h;
    struct cell *cells; /* row after row */
    struct rect clip;
    bool ascii;
    uint8_t ground;         /* of everything drawn from now on */
    int cursor_x, cursor_y; /* where the terminal shows its cursor; x -1: nowhere */
};

#define CANVAS_MAX 1000 /* columns and rows; a larger terminal is used in part */

void canvas_init(struct canvas *cv, int w, int h, bool ascii);
void canvas_resize(struct canvas *cv, int w, int h); /* empties it */
void canvas_done(struct canvas *cv);
void canvas_clear(struct canvas *cv); /* blanks, plain ground, whole clip, no cursor */
const struct cell *canvas_at(const struct canvas *cv, int x, int y); /* must be inside */

struct rect rect_make(int x, int y, int w, int h);
struct rect rect_cut(struct rect a, struct rect b);    /* intersection, w and h >= 0 */
struct rect rect_inset(struct rect r, int dx, int dy); /* smaller by dx left and right … */
struct rect rect_centre(struct rect in, int w, int h); /* at most as large as `in` */
bool rect_empty(struct rect r);

/* Restricts drawing to the part of r inside the present clip; returns the old clip, to be
 * restored with canvas_unclip. */
struct rect canvas_clip(struct canvas *cv, struct rect r);
void canvas_unclip(struct canvas *cv, struct rect old);

void canvas_put(struct canvas *cv, int x, int y, enum role role, uint32_t cp);
/* Text from x on; returns the columns it takes (also of clipped parts). */
int canvas_text(struct canvas *cv, int x, int y, enum role role, const char *s);
/* Text in exactly w columns: cut with an ellipsis when longer. Returns the columns used. */
int canvas_fit(struct canvas *cv, struct rect at, enum role role, const char *s);
int canvas_right(struct canvas *cv, struct rect at, enum role role, const char *s);
int canvas_printf(struct canvas *cv, int x, int y, enum role role, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
/* Words broken into lines of r; returns the lines needed (also when r has fewer). */
int canvas_wrap(struct canvas *cv, struct rect r, enum role role, const char *s);

void canvas_fill(struct canvas *cv, struct rect r, enum role role, uint32_t cp);
void canvas_hline(struct canvas *cv, int x, int y, int w, enum role role);
void canvas_vline(struct canvas *cv, int x, int y, int h, enum role role);
/* Frame around r, inside left as it is; title may be NULL. */
void canvas_box(struct canvas *cv, struct rect r, enum role role, const char *title);
/* "Title ───────── right" in one line; right may be NULL. */
void canvas_heading(struct canvas *cv, struct rect r, enum role role, const char *title,
                    const char *right);
/* Changes the ground of cells already drawn: the selection bar. */
void canvas_reground(struct canvas *cv, struct rect r, enum ground g);

/* canvas_text.c: rows as UTF-8 text, trailing blanks and trailing empty rows cut. */
void canvas_write_text(const struct canvas *cv, struct str *out);
/* canvas_mem.c: as a golden file: the text in full width between bars, then the runs of cells
 * whose role or ground is not the default. */
void canvas_write_golden(const struct canvas *cv, const char *name, struct str *out);
bool canvas_equal(const struct canvas *a, const struct canvas *b);
/* True when s occurs within one row: for tests and for finding things on a screen. */
bool canvas_find(const struct canvas *cv, const char *s, int *ret_x, int *ret_y);
