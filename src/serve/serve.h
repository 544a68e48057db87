/* serve.h: answers predictions. The HTTP protocols (http/) turn bodies into rows and answers
 * into bodies; everything between is here and knows no HTTP.
 *
 *   body --rows.h--> rows --serve_predict--> cache? --> route's mode (mode.h): which arms
 *        --> score (inline when cheap, else a worker thread that batches) --> answer
 *        --> counters, prediction log (ring, group commit), shadow
 *
 * Threads: one struct serve_io per I/O thread, used on that thread alone. The main thread owns
 * struct serve: it reloads, collects counters, and runs what is periodic. */
#pragma once
#include "base/hist.h"
#include "run/loop.h"
#include "serve/served.h"

struct serve;
struct serve_io;

struct serve_config {
    const struct app_config *app; /* workspace; outlives serve */
    const struct val *settings;   /* bound signalbox.yaml: section serve */
    int workers;                  /* scoring threads; 0: by number of CPUs */
    const char *listen;           /* for the row of the daemon; NULL: unknown */
};
/* Loads what is in Production (or behind a rollout) and warms it up. A model that cannot be
 * loaded is left out, logged, and named by serve_problems. Main thread. */
int serve_new(struct loop *main_loop, const struct serve_config *cfg, struct serve **ret,
              struct err *e);
void serve_free(struct serve *s); /* after all I/O threads ended; flushes the log */
/* Looks whether the registry, a rollout or the settings changed, and publishes a new catalog in
 * that case. Called by a timer (a few times a second) and at once after verbs that write and
 * on SIGHUP. Loading happens on a thread of serve's own, so this returns at once; then() is
 * called on the main loop when the new catalog is out (or nothing had to be done). May be NULL. */
void serve_reload(struct serve *s, void (*then)(void *user), void *user);
bool serve_ready(const struct serve *s); /* a first catalog is out and the log's writer lives */
/* The newest catalog, valid until the main loop turns; main thread. NULL before the first. */
struct catalog *serve_catalog(struct serve *s);
/* What is wrong, as a list of {model, version, error}; empty when all is well. Main thread. */
struct val *serve_problems(struct serve *s, struct arena *a);

int serve_io_new(struct serve *s, struct loop *io_loop, struct serve_io **ret, struct err *e);
void serve_io_free(struct serve_io *io); /* on its thread, when no call is pending */
/* The catalog of this turn; valid until the handler returns (take a reference to keep it). */
const struct catalog *serve_io_catalog(struct serve_io *io);
struct rows *serve_io_rows(struct serve_io *io); /* to fill for the next call, after rows_clear */
/* An exact version for a request that names one. ERR_BUSY: it is being loaded, try again in a
 * moment; ERR_NOTFOUND. */
int serve_version(struct serve_io *io, const struct serve_route *r, int64_t version,
                  const struct arm **ret, struct err *e);

enum predict_outcome { PREDICT_OK, PREDICT_FALLBACK, PREDICT_ERROR };

struct predict_call {
    /* in; pointers must live until done */
    const struct serve_route *route;
    int64_t version;          /* 0: as the rollout says; else exactly this version */
    const char *key;          /* assignment key; NULL: the request id, not sticky */
    size_t n_key;
    const char *request_id;   /* ends up in the prediction log; one row: as is, more: "ID/0" … */
    const struct rows *rows;
    int64_t began_us;         /* monotonic, when the request came; 0: now */
    int64_t deadline_us;      /* monotonic; 0: after the setting serve.timeout_ms */
    bool no_log, no_cache;
    void (*done)(struct predict_call *c); /* only after serve_predict returned 1; I/O thread */
    void *user;
    /* out */
    int rc;                   /* 0, or -kind with err */
    struct err err;
    const struct arm *arm;    /* who answered (ensemble: the stable arm) */
    const char *arm_role;     /* "production" "canary" "ensemble" "constant" … */
    const double *p;          /* rows * model_outputs(arm->by->model), until done returned */
    const struct arm *const *row_arm; /* who answered each row, where it was not one arm for all
                               * (tiered, rules); p is in arm's order of classes. NULL: arm */
    const char *fallback;     /* why somebody else answered: "timeout" "breaker" "error"; NULL */
    bool cached, sticky;
    double model_us, queue_us; /* time in the model and time waited, for this request */
    /* serve's own */
    void *impl;
};
/* 0: answered, look at rc; 1: done() will be called. Never both. The caller keeps the call until
 * then. Rows are those of serve_io_rows: when the call is pending they are its own from then on
 * (c->rows, independent of the body) and serve_io_rows gives others. */
int serve_predict(struct serve_io *io, struct predict_call *c);

/* -- counters: written by their I/O thread or worker, merged by whoever reads ------------------ */

struct serve_count { /* of one arm since the process began */
    const char *model, *role;
    int64_t version;
    uint64_t requests, rows; /* assigned to the arm (or asked as member, shadow) */
    uint64_t errors;         /* of these: the arm failed, was late, or its breaker was open */
    uint64_t cached;
    uint64_t fallbacks;      /* of the errors: somebody else answered the caller */
    uint64_t dropped;        /* shadow: not asked, for its rate or for want of room or time */
    uint64_t compared, disagreed; /* rows held against the stable arm's answers */
    struct hist seconds_request, seconds_model, seconds_queue, batch_rows;
};
struct serve_totals {
    uint64_t cache_hits, cache_misses, cache_entries, cache_bytes;
    uint64_t log_written, log_dropped, log_queued, log_room;
    uint64_t batches_full, batches_deadline, batches_drained; /* why a batch was run */
    uint64_t shadow_dropped, reloads, reload_failures;
    size_t queued; /* rows waiting for a worker */
};
/* A consistent-enough copy for /metrics; any thread; arena owns it. */
size_t serve_counts(struct serve *s, struct arena *a, struct serve_count **ret);
void serve_totals(struct serve *s, struct serve_totals *ret);

/* Canaries that tripped a hard limit: they get no request any more, but nothing is stored yet.
 * The main loop looks a few times a second, calls the verb `canary abort MODEL --reason R` for
 * each, then serve_reload; one is reported until a catalog without it is out. Main thread. */
struct serve_trip { const char *model, *rollout_id, *reason; };
size_t serve_trips(struct serve *s, struct arena *a, struct serve_trip **ret);
