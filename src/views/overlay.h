/* overlay.h: windows over the panes: questions, help, output, the command line. They stack; the
 * topmost gets the keys. While one that freezes is open, data behind it does not move, so that
 * what the question is about stays in sight and in place. */
#pragma once
#include "views/layout.h"

struct ui;
struct intent;
struct verb;
struct reply;
struct overlay;
struct overlay_ops {
    void (*draw)(struct overlay *o, struct ui *ui, struct canvas *cv, const struct frame_layout *f);
    void (*key)(struct overlay *o, struct ui *ui, uint32_t key);
    void (*done)(struct overlay *o); /* frees it */
    bool freezes;
};
struct overlay {
    const struct overlay_ops *ops;
    struct overlay *below;
};

struct overlay *help_new(void);
/* Text in a window that scrolls; a `question`-less dialog. Both strings are copied. */
struct overlay *popup_new(const char *title, const char *text);
/* Takes over the intent's arena (and with it all its strings). */
struct overlay *confirm_new(struct ui *ui, const struct intent *in);
struct overlay *prompt_new(const char *text, size_t at);
struct overlay *filter_new(const char *text);
/* Asks for a line; id, label, text and take are those of an INTENT_ASK. */
struct overlay *ask_new(struct ui *ui, const struct intent *in);
/* A form for some arguments of a verb; names ends with NULL. */
struct overlay *form_new(struct ui *ui, const struct verb *verb, const char *const *names);

/* A window frame in the middle of the body; returns its inside. */
struct rect window_draw(struct canvas *cv, struct rect screen, int w, int h, enum role role,
                        const char *title);
/* "key label" pairs in one line; returns the columns used. */
int hint_draw(struct canvas *cv, struct rect at, const char *key, const char *label);
/* show.c: a reply as text for a window: its text, its table, or JSON. */
void show_reply(struct str *out, const struct reply *r, int64_t now_us);
