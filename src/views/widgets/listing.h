/* listing.h: a list of rows with columns, cursor, marks and sorting, drawn from a reply.
 *
 * The cursor is bound to the id of its row, not to a position: when new data moves the row, the
 * cursor goes with it, and a request always acts on the id. Rows may be a window on a longer
 * list (base, total). Column widths depend on the width of the table only, never on the data,
 * so nothing jumps when values change. One owner. */
#pragma once
#include "base/val.h"
#include "base/vec.h"
#include "views/canvas.h"
#include "views/key.h"

struct listing_ctx {
    const struct val *row;
    int64_t now_us;
    void *user; /* of the look */
};
struct listing_column {
    const char *title; /* NULL ends a list of columns */
    const char *path;  /* into the row; what a sort is by */
    const char *format;
    int width;  /* cells; 0: shares what is left */
    int drop;   /* left out when narrow: highest first; 0: never */
    bool right; /* numbers */
    enum role (*role)(const struct listing_ctx *c, const struct listing_column *col); /* or NULL */
    /* Draws the cell itself; NULL: the value at path by format. */
    void (*draw)(struct canvas *cv, struct rect at, const struct listing_ctx *c,
                 const struct listing_column *col);
};

struct listing_rows {
    const struct val *list; /* NULL: nothing yet */
    long base, total;       /* list is rows base … of total */
    const char *empty;      /* what to say when total is 0 */
};

#define LISTING_ID_LEN 80
struct listing {
    const char *id_key; /* path of a row's id */
    long cursor, top;
    char id[LISTING_ID_LEN]; /* of the row under the cursor; "" none */
    int page;                /* rows visible at the last drawing */
    bool no_marks;
    VEC(char *) marks; /* ids */
};

void listing_init(struct listing *t, const char *id_key);
void listing_done(struct listing *t);
/* New data: the cursor follows its id, else stays where it was, inside the list. */
void listing_update(struct listing *t, const struct listing_rows *rows);
void listing_move(struct listing *t, const struct listing_rows *rows, long delta);
/* Moves by one of the keys Up Down PgUp PgDn Home End; false: another key. */
bool listing_key(struct listing *t, const struct listing_rows *rows, uint32_t key);
const struct val *listing_selected(const struct listing *t, const struct listing_rows *rows);
void listing_toggle_mark(struct listing *t);
bool listing_marked(const struct listing *t, const char *id);
void listing_clear_marks(struct listing *t);

struct listing_look {
    const struct listing_column *columns;
    int sort; /* index of the sorted column, -1 none */
    bool descending, focus;
    bool section; /* the first title names the list: drawn so */
    int64_t now_us;
    void *user; /* for the columns that draw themselves; may be NULL */
};
void listing_draw(struct canvas *cv, struct rect r, struct listing *t,
                  const struct listing_rows *rows, const struct listing_look *look);
