/* ui_priv.h: the interface's state, shared by ui.c (life, keys), ui_feed.c (data) and
 * ui_draw.c (frame). Nobody else includes it. */
#pragma once
#include "views/ui.h"

struct ui_call {
    struct ui *ui;
    struct ui_call *next;
    const struct verb *verb;
    ui_done *done; /* NULL: nobody waits any more */
    void *ctx;
};
/* A change counter means something only within one connection, and reads are spread over
 * several: remember the last one of each. */
struct seen_revision {
    int64_t handle, revision;
};
enum { HANDLES = 8, HISTORY = 100 };

struct ui {
    struct ui_options opt;
    struct ui_host host;
    struct view views[VIEW_COUNT];
    struct focus focus; /* of all views */
    enum view_id current;
    struct overlay *top;
    struct ui_call *calls; /* under way */
    /* data */
    uint64_t revision; /* counts up whenever the workspace may have changed */
    struct seen_revision seen[HANDLES];
    struct ui_call *revision_call;
    int64_t now_us, asked_us, moved_us, input_us;
    /* screen */
    bool dirty, quit, quit_asked, g_pending;
    bool hidden; /* the screen is too small to show anything: keys but q do nothing */
    char message[512];
    enum role message_role;
    char *history[HISTORY]; /* newest first */
};

void ui_draw_frame(struct ui *ui, struct canvas *cv);
bool ui_frozen(const struct ui *ui);
int ui_feeds_poll(struct ui *ui);
bool ui_jobs_running(const struct ui *ui);
const struct val *ui_alerts_data(const struct ui *ui); /* of verb alert list, or NULL */
const struct val *ui_audit_data(const struct ui *ui); /* of verb audit verify, or NULL */
