/* retrain.h: when to train again, and what becomes of the result.
 *
 *   snapshots, labels, alerts, queue --facts--> decision --> job `retrain` --> Staging
 *                                                 |                              | promote
 *                                           row `retrain`               retrain_watch, each check
 *
 * A decision is a function of stored rows and the time: evidence votes, blockers forbid; it says
 * yes when something votes and nothing forbids. Deciding reads only; queueing writes decision,
 * job and audit row in one transaction in which the queue was looked at, so two processes that
 * decide at once queue one job and the second is told which. Times of data are event times. A
 * window speaks for the promoted version when that version answered in it; where the log names
 * no version, when it began after the promotion, or always for a model's first promotion. */
#pragma once
#include "app/app.h"

struct retrain_settings {
    double accuracy_drop, brier_rise, share_drifted, min_coverage, margin;
    int64_t drift_windows, min_labels, min_minority, watch_windows;
    int64_t cooldown_us, train_window_us;
    const char *schedule; /* NULL: off */
    const char *metric;
    bool auto_rollback;
};
int retrain_settings_read(struct app *app, struct arena *a, struct retrain_settings *ret,
                          struct err *e);

struct figure {            /* of a snapshot; NaN: unknown */
    double value, low, high;
    int64_t n;
};
struct retrain_window {
    int64_t start_us, end_us, volume;
    struct figure accuracy, brier;
    double share;          /* of drifted features, 0 where they are too few for a drift of the
                              table; NaN: not compared */
};
/* The version that serves and the windows that speak for it, oldest first. */
struct retrain_promoted {
    int64_t version, promoted_us; /* promoted_us 0: unknown */
    int64_t since_us;      /* windows before are of an earlier time in Production; INT64_MIN: none */
    bool first;            /* no other version was in Production before */
    const char *task, *run_id; /* run_id NULL: imported */
    double accuracy, brier; /* as its run measured it; NaN: unknown */
    int64_t n;             /* rows behind that; 0: unknown */
    double rollback_below; /* accuracy agreed on when it was trained; NaN: nothing */
    struct retrain_window *window;
    size_t n_windows;
    int64_t newest_us;     /* end of the newest window with predictions; 0: none */
};
/* ERR_STATE when no version is in Production. */
int retrain_promoted_read(struct app *app, struct arena *a, const char *model,
                          struct retrain_promoted *ret, struct err *e);

struct retrain_facts {
    const char *model, *trigger; /* trigger: policy | schedule | manual */
    int64_t now_us;
    struct retrain_settings set;
    struct retrain_promoted now;
    int64_t slot_us;       /* newest slot of the schedule; INT64_MIN: none */
    int64_t from_us, to_us; /* data window */
    int64_t rows, labels, new_labels;
    int64_t minority;      /* labels of the rarest class; -1: a regression */
    int64_t trained_us;    /* last retraining queued; 0: never */
    int64_t trained_to_us; /* end of its data */
    const char *job, *job_key; /* unfinished retraining of this model; NULL: none */
    const char *bad_data;  /* rule of an open data-quality incident; NULL: none */
};
/* What takes long to read: snapshots and the prediction log. */
int retrain_facts_measured(struct app *app, struct arena *a, const char *model,
                           struct retrain_facts *ret, struct err *e);
/* What others may change meanwhile: decisions, queue, alerts. Inside the transaction that
 * queues. */
int retrain_facts_queue(struct app *app, struct arena *a, struct retrain_facts *f, struct err *e);

/* The reply of `retrain policy` without job_id; *ret_key: the dedup key. Pure. */
struct val *retrain_decide(struct arena *a, const struct retrain_facts *f, const char **ret_key);

/* Judges the first watch_windows labelled windows of the promoted version against the rollback
 * criteria: keeps the alert `promotion_watch` and, if the settings say so, rolls back. Called
 * after each check, outside a transaction. A model without a version in Production, or whose
 * first promotion this is (there is nothing to go back to), is not watched. */
int retrain_watch(struct app *app, const char *model, struct err *e);

/* Tag of a retrained version's run: roll back when accuracy falls below. */
#define RUN_TAG_ROLLBACK "signalbox.rollback_below"
#define RETRAIN_WATCH_RULE "promotion_watch"
