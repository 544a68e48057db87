/* console.h: the console: one screen on one workspace.
 *
 * console_main opens the terminal, paints, and runs until the user leaves, the terminal goes
 * away or a signal asks for it; jobs it started go on. It must be called on the main thread,
 * before any other thread exists, and restores the terminal on every way out. Returns the
 * process's exit code; what went wrong is on standard error. */
#pragma once
#include "app/app.h"

struct console_options {
    const char *term;   /* $TERM; NULL or "": unknown. "dumb": prints the overview, exits 0 */
    bool no_color;      /* --no-color or $NO_COLOR */
    bool no_bootstrap;  /* do not start the demo training in an empty workspace */
    const char *once;   /* --once PANE: print this pane as text and exit; "" is the overview */
    const char *reason; /* --reason: pre-filled where a reason is asked for; may be NULL */
    int width, height;  /* for once: 0 is the terminal's width, else 100, and 40 rows */
};

int console_main(const struct app_config *cfg, const struct console_options *opt);
