/* alertval.h: alerts as the verbs answer them; the fields are those of share/doc/REPLIES.
 * Everything made here lives in the arena; strings are copied. Any thread. */
#pragma once
#include "app/app.h"
#include "app/reply.h"
#include "store/alert.h"

/* now_us decides whether a silence still holds. */
struct val *alert_to_val(struct arena *a, const struct alert *al, int64_t now_us);
struct val *alert_event_to_val(struct arena *a, const struct alert_event *ev);
struct alert_query {
    const char *model; /* NULL: of all */
    bool only_open;    /* as in store/alert.h; of the past: not in state none */
    int64_t at_us;     /* as they stood after the window that began by then; INT64_MAX: now */
};
/* alerts[…], worst first. */
int alerts_to_val(struct app *app, struct arena *a, const struct alert_query *q, struct val **ret,
                  struct err *e);
extern const struct reply_column alert_columns[];
