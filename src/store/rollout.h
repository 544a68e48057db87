/* rollout.h: one rollout document a model, the history of its changes, and what the arms did.
 *
 * Counters come from daemons: each adds what it counted since its last flush, so several may
 * serve the same workspace. Buckets are SERVING_BUCKET_US long. */
#pragma once
#include "base/hist.h"
#include "store/store.h"
#include <stdint.h>

#define SERVING_BUCKET_US 10000000

struct rollout_row {
    const char *model, *id;
    int64_t number;       /* counts up; an update names the number it read */
    const char *document; /* JSON as app/rollout.h has it */
    int64_t updated_us;
};
int rollout_get(struct store *s, struct arena *a, const char *model, struct rollout_row *ret,
                struct err *e); /* ERR_NOTFOUND: none */
int rollout_list(struct store *s, struct arena *a, struct rollout_row **ret, size_t *n,
                 struct err *e);
/* number 0: there must be none yet. ERR_CONFLICT: somebody else changed it first. */
int rollout_put(struct store *s, const struct rollout_row *row, struct err *e);
int rollout_delete(struct store *s, const char *model, struct err *e);

struct rollout_event {
    int64_t seq, at_us;
    const char *model, *id, *type, *actor, *reason, *detail;
};
int rollout_event_add(struct store *s, const struct rollout_event *ev, struct err *e);
int rollout_events(struct store *s, struct arena *a, const char *model, int64_t limit,
                   struct rollout_event **ret, size_t *n, struct err *e); /* newest first */

struct serving_sum { /* of one version in one role, over buckets */
    const char *model, *role, *rollout_id;
    int64_t version, from_us, to_us;
    int64_t requests, rows, errors, cached, fallbacks;
    struct hist seconds;      /* of whole requests that the cache did not answer */
    /* shadow and other comparisons with the stable arm, over compared rows */
    int64_t compared, agreed;
    double sum_abs_dp, max_abs_dp;
    struct hist abs_dp;   /* of |dp| as seconds */
    int64_t confusion[4]; /* binary: stable x candidate; else 0 */
};
/* Adds to the bucket that from_us falls in. Inside a transaction. */
int serving_add(struct store *s, const struct serving_sum *d, struct err *e);
/* Sums over [from, to) of a model (NULL: all) by (model, version, role, rollout id). */
int serving_sums(struct store *s, struct arena *a, const char *model, int64_t from_us,
                 int64_t to_us, struct serving_sum **ret, size_t *n, struct err *e);
/* The buckets themselves, oldest first, for sparklines. */
int serving_buckets(struct store *s, struct arena *a, const char *model, int64_t from_us,
                    int64_t to_us, struct serving_sum **ret, size_t *n, struct err *e);
/* Counts of one rollout summed over stretches of width_us from from_us on, oldest first; only
 * version, from_us, requests and errors. For curves over days. */
int serving_stretches(struct store *s, struct arena *a, const char *model, const char *rollout_id,
                      int64_t from_us, int64_t width_us, struct serving_sum **ret, size_t *n,
                      struct err *e);
int serving_prune(struct store *s, int64_t before_us, struct err *e);

/* A daemon that is alive: what it listens on, gauges (cache, queue, log) as JSON; a row that was
 * not touched for 10 s is of one that died. */
struct serving_daemon {
    const char *id, *listen, *detail;
    int64_t pid, started_us, seen_us;
};
int serving_daemon_put(struct store *s, const struct serving_daemon *d, struct err *e);
int serving_daemons(struct store *s, struct arena *a, struct serving_daemon **ret, size_t *n,
                    struct err *e);
