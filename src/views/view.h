/* view.h: what a pane is: where its data comes from, and how it is drawn, kept apart.
 *
 * A pane names the read verbs it shows (feeds) and builds their arguments; the interface (ui.c)
 * calls them whenever something may have changed and keeps the last good reply. Drawing looks
 * only at replies and at the pane's own state, so a pane can be drawn from recorded JSON. A
 * request that changes something is not executed by the pane: it answers an intent, and the
 * interface confirms, executes and reports it. Everything runs on the loop's thread. */
#pragma once
#include "app/verb.h"
#include "views/canvas.h"
#include "views/fmt.h"
#include "views/request.h"
#include "views/widgets/listing.h"

struct view;
struct ui_call;

/* -- data source ------------------------------------------------------------------------ */

struct feed_ops {
    const char *verb; /* NULL ends a list */
    /* Fills the object with arguments; false: not needed now (the last reply is kept). NULL:
     * no arguments. */
    bool (*args)(const struct view *v, struct val *args);
    bool once; /* dear to ask: only when arguments change or view_ask_again says so */
};
struct feed {
    struct arena arena;
    const struct val *data; /* last good reply; NULL: none yet */
    char *asked;            /* arguments of the last call, as JSON */
    uint64_t revision;      /* of the workspace when it was called */
    struct ui_call *call;   /* under way; NULL: none */
    int64_t retry_us;       /* after a failure: not before */
    char error[160];        /* why data is old; "" while it is fresh */
};

/* -- what several panes look at --------------------------------------------------------------- */

/* The time cursor and the model in question: one for all panes about monitoring, so that moving
 * it in one moves the others. Times are starts of windows. Owned by the interface. */
struct focus {
    int64_t at_us;   /* where the cursor is; 0: now, also when newer windows come */
    int64_t rest_us; /* where it has come to rest: what feeds ask for */
    char model[80];  /* "": none was chosen yet */
};

/* -- pane ------------------------------------------------------------------------------- */

enum { VIEW_FEEDS = 10, VIEW_PARTS = 5 };

struct draw_ctx {
    int64_t now_us;
    bool focus; /* false under a dialog */
};

struct intent;
struct view_ops {
    const struct feed_ops *feeds;
    size_t state_size;
    void (*init)(struct view *v);
    void (*done)(struct view *v);             /* may be NULL */
    void (*update)(struct view *v, int feed); /* data of this feed is new; may be NULL */
    void (*enter)(struct view *v);            /* it is shown from now on; may be NULL */
    const char *(*model)(
        const struct view *v); /* the one it is about, for the next pane; or NULL */
    /* Rows of a part that has a cursor. */
    struct listing_rows (*rows)(const struct view *v, int part);
    void (*draw)(struct view *v, struct canvas *cv, struct rect r, const struct draw_ctx *ctx);
    /* Handles what the interface does not; false: nothing happens. */
    bool (*request)(struct view *v, enum request req, struct intent *out);
    /* Why a request is not possible now, NULL when it is; may be NULL. */
    const char *(*why_not)(const struct view *v, enum request req);
};
struct view {
    const struct view_ops *ops;
    enum view_id id;
    struct feed feeds[VIEW_FEEDS];
    struct listing tables[VIEW_PARTS]; /* one a part */
    int parts, part;                   /* parts that can have the focus; which has it */
    bool zoom;                         /* the details fill the pane */
    char filter[200];
    char rest[LISTING_ID_LEN]; /* row of part 0 on which the cursor has come to rest:
                                what details are about, so that moving stays cheap */
    int64_t now_us;            /* as of the last poll, for why_not and intents */
    struct focus *focus;       /* shared with the other panes */
    void *state;
};

struct view_info {
    const char *id, *title;
    uint32_t letter;
    const char *help;
    const struct view_ops *ops;
};
extern const struct view_info view_infos[VIEW_COUNT];
const struct view_info *view_find(const char *id); /* by id, or a prefix of it; NULL */

uint32_t view_key(int i); /* on the tab of a pane: its digit, its letter where digits end */

void view_init(struct view *v, enum view_id id);
void view_done(struct view *v);
const struct val *view_data(const struct view *v, int feed);
const struct val *view_selected(const struct view *v, int part);
/* First error among the feeds, NULL: everything shown is fresh. */
const char *view_stale(const struct view *v);
void view_ask_again(struct view *v, int feed);
/* New data of a feed: tables follow their rows. */
void view_refresh(struct view *v, int feed);
void view_reveal(struct view *v, const char *id); /* puts the cursor of part 0 on this row */
/* Case-insensitive: does any text of the row contain the filter? */
bool view_matches(const char *filter, const struct val *row);
/* Rows of list that match the filter; the list itself when there is none. */
const struct val *view_filter(struct arena *a, const char *filter, const struct val *list);

/* -- intents ---------------------------------------------------------------------------- */

enum intent_kind {
    INTENT_NONE,
    INTENT_SAY,     /* text in the footer */
    INTENT_GO,      /* to the pane `view`, on the row `id` */
    INTENT_PROMPT,  /* the command line opens with text; the cursor at `at` */
    INTENT_ASK,     /* asks for a line of text: ask_label, ask_text, then take */
    INTENT_SHOW,    /* calls verb, shows the reply in a window */
    INTENT_CONFIRM, /* asks, then calls verb */
    INTENT_PREPARE, /* calls verb, which reads; `then` makes a question of its reply */
};
struct intent_line {
    const char *label, *from, *to; /* to NULL: only one value */
    const char *note;
    enum role role; /* of `to` and note */
};
enum { INTENT_LINES = 14 };
struct intent {
    enum intent_kind kind;
    struct arena *arena; /* for everything in here; lives as long as the question */
    const char *text;    /* or the title of the question */
    size_t at;
    enum view_id view;
    const char *id;
    const char *verb;
    struct val *args;
    /* PREPARE: the reply lives in the arena of `out`. */
    void (*then)(const struct val *reply, struct intent *out);
    /* ASK: for the row `id`; both strings live during the call */
    void (*take)(struct view *v, const char *id, const char *text);
    /* CONFIRM */
    const char *yes; /* what the confirming key does: "promote"; NULL: there is nothing to do */
    bool production; /* changes what serves: drawn so, wants a reason */
    bool reason;     /* wants one although the verb can do without */
    /* One argument to be typed first; ask_label NULL: none. */
    const char *ask_label, *ask_arg, *ask_text;
    struct intent_line lines[INTENT_LINES];
    int n_lines;
    /* Before executing, this read must still answer this value at this path. */
    const char *check_verb;
    struct val *check_args;
    const char *check_path;
    const struct val *check_value; /* NULL: absent or null */
};
bool intent_say(struct intent *out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool intent_go(struct intent *out, enum view_id view, const char *id);
void intent_line(struct intent *out, struct intent_line line);
/* One line per metric of the new version, against the one in Production (may be NULL). */
void intent_metrics(struct intent *out, const struct val *from, const struct val *to);
/* The questions about models, shared by Registry and Overview. Versions are objects of the
 * replies of model show or overview; production may be NULL. */
void intent_move(struct intent *out, const char *model, const struct val *version,
                 const struct val *production, const char *to);
/* target: the version that comes back, NULL when it is not known here. */
void intent_rollback(struct intent *out, const char *model, const struct val *production,
                     const struct val *target);
/* Reads the model first, then asks. */
void intent_rollback_of(struct intent *out, const char *model);
/* Of a reply of model show; NULL: none. The target of a rollback is the last version in
 * Production before the present one. */
const struct val *model_version_in(const struct val *model, const char *stage);
const struct val *model_rollback_target(const struct val *model);
void intent_job(struct intent *out, const char *verb, const struct val *job);

/* -- shared looks ----------------------------------------------------------------------- */

struct status_look {
    const char *glyph, *word;
    enum role role;
};
struct status_look status_look(const char *status); /* of runs and jobs */
enum role stage_role(const char *stage);
void draw_status(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                 const struct listing_column *col); /* column whose path is a status or state */
void draw_progress(struct canvas *cv, struct rect at, const struct val *job); /* gauge and % */
