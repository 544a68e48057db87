/* ui.h: the whole interface without terminal, threads or clock: keys and replies in, cells out.
 *
 * console.c gives it a terminal, verb threads and time; tests give it keys, recorded replies
 * and a frozen clock. All of it runs on one thread and never blocks: a verb is posted to the
 * host and answers later through ui_call_done. */
#pragma once
#include "views/overlay.h"
#include "views/view.h"

struct ui;
struct ui_call;

struct ui_host {
    void *user;
    /* Queues the verb; args are copied. Must not answer before it returns. */
    void (*post)(void *user, const struct verb *v, const struct val *args, struct ui_call *call);
    void (*redraw)(void *user); /* paint the terminal from scratch; may be NULL */
};
struct ui_options {
    const char *workspace, *actor, *reason;
    int64_t now_us;
};

struct ui *ui_new(const struct ui_options *opt, const struct ui_host *host);
void ui_free(struct ui *ui); /* answers still under way are the host's to drop */

void ui_key(struct ui *ui, uint32_t key, int64_t now_us);
void ui_call_done(struct ui_call *call, int rc, const struct reply *r, const struct err *e);
void *ui_call_host(const struct ui_call *call); /* user of the host it was posted to */
/* Asks for what is missing or may have changed. Returns in how many ms it wants to be called
 * again; sooner is harmless. */
int ui_poll(struct ui *ui, int64_t now_us);
bool ui_dirty(const struct ui *ui);   /* something on the screen may have changed */
bool ui_dialog(const struct ui *ui);  /* a window is open over the pane */
bool ui_loading(const struct ui *ui); /* the pane on show still waits for its first data */
/* Name of a long verb still under way (a demo, an import), NULL: none. */
const char *ui_busy(const struct ui *ui);
bool ui_quitting(const struct ui *ui);
void ui_draw(struct ui *ui, struct canvas *cv);
void ui_draw_pane(struct ui *ui, struct canvas *cv); /* without tabs and footer: for --once */
void ui_show(struct ui *ui, enum view_id view);
void ui_welcome(struct ui *ui); /* first run: says what is happening */

/* -- for overlays and ui_*.c ------------------------------------------------------------ */

typedef void ui_done(struct ui *ui, void *ctx, int rc, const struct reply *r, const struct err *e);
/* NULL: there is no such verb in this build (a message says so). */
struct ui_call *ui_post(struct ui *ui, const char *verb, const struct val *args, ui_done *done,
                        void *ctx);
void ui_forget(struct ui *ui, const void *ctx); /* drops the answers meant for ctx */
void ui_say(struct ui *ui, enum role role, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void ui_say_err(struct ui *ui, const struct err *e);
void ui_push(struct ui *ui, struct overlay *o); /* takes it over */
/* What a verb answered: one line goes to the footer, more into a window below open ones. */
void ui_output(struct ui *ui, const char *title, const char *text);
void ui_close(struct ui *ui, struct overlay *o); /* frees it */
void ui_touch(struct ui *ui);                    /* the workspace has changed: read again */
void ui_changed(struct ui *ui);                  /* draw again */
struct view *ui_view(struct ui *ui);
/* Why a request is not possible in the pane on show, NULL when it is. */
const char *ui_why_not(const struct ui *ui, enum request req);
const struct ui_options *ui_opt(const struct ui *ui);
void ui_apply_filter(struct ui *ui, const char *filter);
void ui_quit(struct ui *ui);
int64_t ui_now(const struct ui *ui);
const struct val *ui_overview_data(const struct ui *ui); /* last reply of verb overview */
/* command.c: runs a command line as typed after ':'. */
void ui_command(struct ui *ui, const char *line);
/* Calls a verb with bound arguments and shows what it answers; a job is not waited for. */
void ui_run(struct ui *ui, const struct verb *v, struct val *args);
/* One entry of the prompt's history, newest first; NULL: no more. */
const char *ui_history(const struct ui *ui, size_t i);
void ui_history_add(struct ui *ui, const char *line);
