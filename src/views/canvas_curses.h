/* canvas_curses.h: a terminal to show canvases on and take keys from.
 *
 * One at a time per process (curses keeps globals); main thread only. Showing writes only cells
 * that changed since the last showing: the same canvas again costs no byte. */
#pragma once
#include "base/err.h"
#include "views/canvas.h"
#include <stdio.h>

struct screen;
struct screen_options {
    const char *term; /* NULL or unknown: xterm-256color, then vt100 */
    bool no_color;
    FILE *out; /* NULL: standard output */
    int in_fd; /* -1: /dev/tty is opened, so that making input non-blocking does not
                  touch the output's open file description */
};

int screen_open(struct screen **ret, const struct screen_options *opt, struct err *e);
void screen_close(struct screen *s); /* gives the terminal back as it was; NULL is fine */
/* The terminal type really used, when it is not the one asked for; else NULL. */
const char *screen_fallback(const struct screen *s);
int screen_fd(const struct screen *s); /* readable when there are keys */
/* Asks the terminal for its size and takes it over. */
void screen_resize(struct screen *s, int *ret_w, int *ret_h);
void screen_set_size(struct screen *s, int w, int h); /* for tests without a terminal */
bool screen_ready(const struct screen *s); /* the terminal takes output without blocking */
/* Returns the number of cells written. */
size_t screen_show(struct screen *s, const struct canvas *cv);
void screen_redraw(struct screen *s); /* the next showing paints everything */
/* Next key, K_NONE: none waiting. */
uint32_t screen_key(struct screen *s);
bool screen_gone(const struct screen *s); /* the terminal was hung up */
