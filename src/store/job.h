/* job.h: the job queue: rows, leases, fences.
 *
 *   scheduled --run_at--> ready --claim--> running --finish--> succeeded
 *                           ^                 |--fail--> failed (attempts left: ready, later)
 *                           |                 |          dead   (none left, or not retryable)
 *                           '--release/rescue-'--cancel--> cancelled
 *
 * "scheduled" is state ready with run_at in the future; listings call it so. The row is the
 * truth. Claim is one conditional UPDATE … RETURNING that sets the lease; afterwards every
 * write of the worker carries the fence (id, attempt): when no row matches, the job belongs to
 * somebody else, the worker gets ERR_LEASE, must stop and discard its outputs. */
#pragma once
#include "store/store.h"
#include <stdint.h>

#define JOB_LEASE_US (60 * 1000000LL)
#define JOB_BEAT_US (15 * 1000000LL)

struct job {
    const char *id, *queue, *kind, *state;
    const char *payload;     /* JSON object of the verb's arguments */
    const char *dedup_key, *serial_key; /* may be NULL */
    int64_t priority;        /* small first; 100 is normal */
    int64_t attempt, max_attempts;
    int64_t run_at_us, lease_until_us;
    const char *worker;      /* unique per process start */
    int64_t worker_pid;
    bool cancel_requested;
    double progress;         /* 0..1 */
    const char *message;     /* "round 40/100 log_loss 0.31" */
    const char *result;      /* JSON, NULL until succeeded */
    const char *error;       /* last error, NULL: none */
    const char *actor, *run_id; /* run_id: the run this job writes, may be NULL */
    int64_t created_us, started_us, finished_us;
};

/* In: kind, payload, actor; optional queue ("default"), priority, dedup_key, serial_key,
 * run_at_us, max_attempts (3), run_id. With a dedup_key that an unfinished job has, nothing is
 * added, *ret_id is that job and *ret_duplicate true. id buffers have 27 bytes. */
int store_job_add(struct store *s, const struct job *j, char ret_id[27], bool *ret_duplicate,
                  struct err *e);
int store_job_get(struct store *s, struct arena *a, const char *id, struct job *ret,
                  struct err *e); /* id or unique prefix */
/* The newest job that writes this run; *ret_found false: none. */
int store_job_by_run(struct store *s, struct arena *a, const char *run_id, struct job *ret,
                     bool *ret_found, struct err *e);
/* state NULL: all; newest first. limit 0: 100 */
int store_job_list(struct store *s, struct arena *a, const char *state, int64_t limit,
                   int64_t offset, struct job **ret, size_t *n, struct err *e);
/* Counts by state, in the order ready, scheduled, running, succeeded, failed/dead, cancelled. */
struct job_counts { int64_t ready, scheduled, running, succeeded, dead, cancelled; };
int store_job_counts(struct store *s, struct job_counts *ret, struct err *e);

/* Next ready job of the queue (only `id` when not NULL). ERR_NOTFOUND: nothing to do. */
int store_job_claim(struct store *s, struct arena *a, const char *queue, const char *id,
                    const char *worker, int64_t pid, struct job *ret, struct err *e);
struct fence { const char *id; int64_t attempt; };
/* Renews the lease and reports progress; message NULL: unchanged. *ret_cancel: asked to stop. */
int store_job_beat(struct store *s, struct fence f, double progress, const char *message,
                   bool *ret_cancel, struct err *e);
/* Ends the attempt. Call inside the transaction that publishes the outputs. */
int store_job_finish(struct store *s, struct fence f, const char *result, struct err *e);
int store_job_set_run(struct store *s, struct fence f, const char *run_id, struct err *e);
/* Retryable and attempts left: ready again after a jittered back-off; otherwise dead. */
int store_job_fail(struct store *s, struct fence f, const char *error, bool retryable,
                   struct err *e);
int store_job_cancelled(struct store *s, struct fence f, struct err *e); /* worker obeyed */
/* The worker is known to be dead: ready (or dead) without waiting for the lease. */
int store_job_release(struct store *s, struct fence f, const char *why, struct err *e);
/* Running jobs whose lease ran out -> ready or dead. *ret_n: how many. */
int store_job_rescue(struct store *s, int64_t *ret_n, struct err *e);
/* Not started: cancelled at once; running: flag for the worker; ended: ERR_STATE. */
int store_job_cancel(struct store *s, const char *id, struct err *e);
int store_job_retry(struct store *s, const char *id, struct err *e); /* dead or cancelled -> ready */

struct job_event { int64_t at_us; const char *type, *actor, *detail; int64_t attempt; };
int store_job_events(struct store *s, struct arena *a, const char *id, struct job_event **ret,
                     size_t *n, struct err *e);
