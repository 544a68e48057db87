/* monitor_window.h: a stretch of a model's log beside its monitoring reference, for the verb
 * drift: the same rows and the same reference as a check would compare. Reads only, except that
 * the reference may be kept in the workspace's cache. The caller's thread. */
#pragma once
#include "app/app.h"
#include "store/snapshot.h"

struct frame;

struct monitor_window {
    struct window w;
    size_t rows;                     /* predictions in it, before sampling */
    struct frame *reference, *current; /* reference: numbers are sorted, rows mean nothing */
    struct frame *sample;            /* whole rows of the reference */
    const char *data;                /* what the reference was read from */
    int64_t version;                 /* in Production; 0: none */
    size_t reference_rows;           /* before sampling */
    const char *profile, *multivariate; /* the model's settings */
};

/* window: NULL or "last": the newest window that has predictions and is over; a time: the
 * window it lies in; a duration: so long back from the newest prediction. ERR_NOTFOUND without
 * predictions there or without a reference, ERR_INVALID for a window that is none of those. */
int monitor_window_read(struct app *app, struct arena *a, const char *model, const char *window,
                        struct monitor_window *ret, struct err *e);
/* Only which window that is; length_us: how long the model's windows are. */
int monitor_window_choose(struct app *app, const char *model, const char *text, int64_t length_us,
                          struct window *ret, struct err *e);
void monitor_window_done(struct monitor_window *w);
