/* alert.h: alerts as they stand, and every event that made them so. An alert is one (model,
 * rule); it is found by that pair for ever. The row is derived: app/escalate.h recomputes it
 * from snapshots and from the operator events kept here, byte for byte. */
#pragma once
#include "store/store.h"
#include <stdint.h>

struct alert {
    const char *id;            /* 26 characters made from model and rule; also the dedup key */
    const char *model, *rule;
    const char *kind;          /* data_quality | drift | performance | freshness | latency | budget */
    const char *state;         /* none | active | watch | incident */
    const char *severity;      /* info | warning | critical */
    double value, threshold;   /* NaN: no data yet */
    int64_t n;                 /* rows behind the value */
    int64_t streak, clean;
    int64_t since_us;          /* the present state's beginning */
    int64_t window_us;         /* start of the newest window judged */
    const char *recommended_action; /* none | observe | investigate | retrain_dry_run | rollback | fix_data */
    const char *acked_by;      /* NULL: nobody */
    int64_t acked_us, silenced_until_us, resolved_us;
    const char *inhibited_by;  /* rule of the alert that explains this one; NULL */
    const char *group;         /* cause it shares with others, e.g. a column's source; NULL */
    const char *detail;        /* JSON: evidence, top features */
    int64_t updated_us;
};
int alert_put(struct store *s, const struct alert *a, struct err *e); /* insert or replace; in a tx */
int alert_get(struct store *s, struct arena *a, const char *id_or_prefix, struct alert *ret,
              struct err *e);
/* model NULL: all. only_open: state other than none, or resolved less than a day ago. Worst
 * first, then newest. */
int alert_list(struct store *s, struct arena *a, const char *model, bool only_open,
               struct alert **ret, size_t *n, struct err *e);

/* Newest first when listed, oldest first for replay. alert_id NULL: of all; limit 0: all. An
 * event needs its alert: alert_put first. seq is assigned; at_us 0: now. */
struct alert_event {
    int64_t seq, at_us;
    const char *alert_id, *type; /* state | rule | ack | unack | silence | resolve */
    const char *from, *to, *actor, *reason;
    int64_t until_us;          /* silence: its end; rule, ack, unack, resolve: start of the latest
                                  window judged by then (rule: the first one it is for) */
    int64_t snapshot_seq;      /* the snapshot that caused it, or the newest one judged by then */
};
int alert_event_add(struct store *s, const struct alert_event *ev, int64_t *ret_seq,
                    struct err *e);
int alert_events(struct store *s, struct arena *a, const char *alert_id, bool oldest_first,
                 int64_t limit, struct alert_event **ret, size_t *n, struct err *e);
