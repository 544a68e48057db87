/* reply.h: what a verb answers: a value tree plus how to show it as a table. Front ends render
 * it: table, JSON, JSON lines, CSV, a pane. The reply owns its arena. */
#pragma once
#include "base/val.h"

struct reply_column {
    const char *key;    /* field of a row; "metrics.auc" reaches into objects, "values.0" into lists */
    const char *title;
    const char *format; /* NULL text; "time", "age", "bytes", "real", "percent", "id" */
};
struct reply {
    struct arena arena;
    struct val *v;              /* object; NULL: nothing to say */
    const char *rows;           /* key of the list that is the table; NULL: v itself */
    const struct reply_column *columns; /* key NULL ends; NULL: all scalar fields */
    const char *text;           /* human text printed instead of the table (in the arena) */
    const char *note;           /* said below the table, for people only (in the arena) */
    int exit;                   /* 0, or 3 for "the check says no" with a full reply */
};
void reply_init(struct reply *r);
void reply_done(struct reply *r);
void reply_table(struct reply *r, const char *rows, const struct reply_column *columns);
