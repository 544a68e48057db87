/* snapshot.h: what a check measured, one row per model and window, versioned.
 *
 * Windows are half-open [start, end), disjoint, aligned by the caller. A window is dirty when
 * rows arrived in it since its newest snapshot. Late labels make it dirty again and its next
 * snapshot gets the next version; older versions stay, so a replay sees what was known when. */
#pragma once
#include "store/store.h"
#include <stdint.h>

struct snapshot {
    const char *model;
    int64_t start_us, end_us;
    int64_t version;          /* 1, 2, … of this window */
    int64_t at_us;            /* when it was computed */
    int64_t seq;              /* order of computation over the whole workspace; for replay */
    const char *data;         /* JSON object; app/monitor.h says its fields */
};
struct window { int64_t start_us, end_us; };

/* Inside a transaction. Marks or makes the window, unless it began before what prediction_prune
 * has removed. */
int window_touch(struct store *s, const char *model, struct window w, struct err *e);
/* Dirty windows with end <= until, oldest first. */
int window_dirty(struct store *s, struct arena *a, const char *model, int64_t until_us,
                 struct window **ret, size_t *n, struct err *e);
/* How many windows of any model ended before then and have been dirty since: nobody checks. */
int window_backlog(struct store *s, int64_t until_us, int64_t *ret, struct err *e);
/* The mark's counter, read before measuring; 0: no row ever came. */
int window_mark(struct store *s, const char *model, struct window w, int64_t *ret_seen,
                struct err *e);
/* Adds the next version and clears the window's mark, unless `seen` (from window_mark, before
 * measuring) shows that rows came in between: then the mark stays. ERR_BUSY when a stored
 * snapshot has seen more than `seen`: somebody else was faster. version and seq of `sn` are
 * assigned. */
int snapshot_add(struct store *s, const struct snapshot *sn, int64_t seen, int64_t *ret_version,
                 struct err *e);
/* Newest version of each window with start in [from, to), oldest window first; limit 0: all,
 * else the newest `limit` windows. */
int snapshot_list(struct store *s, struct arena *a, const char *model, int64_t from_us,
                  int64_t to_us, int64_t limit, struct snapshot **ret, size_t *n, struct err *e);
/* One version of a window; ERR_NOTFOUND. */
int snapshot_get(struct store *s, struct arena *a, const char *model, struct window w,
                 int64_t version, struct snapshot *ret, struct err *e);
/* The window that the snapshot of this seq measured; ERR_NOTFOUND. */
int snapshot_window(struct store *s, int64_t seq, struct window *ret, struct err *e);
/* Every version in order of seq, for replay. model NULL: all. */
int snapshot_history(struct store *s, struct arena *a, const char *model, struct snapshot **ret,
                     size_t *n, struct err *e);
