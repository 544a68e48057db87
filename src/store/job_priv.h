/* job_priv.h: shared by job.c and job_attempt.c: the row of a job and its events. */
#pragma once
#include "store/job.h"
#include "store/store_priv.h"

/* In the order job_read expects. */
#define JOB_COLUMNS                                                                                \
    "id, queue, kind, state, payload, dedup_key, serial_key, priority, attempt, max_attempts,"     \
    " run_at_us, lease_until_us, worker, worker_pid, cancel_requested, progress, message, result," \
    " error, actor, run_id, created_us, started_us, finished_us"

void job_read(struct db_stmt *st, struct arena *a, void *ret);
/* Appends to the job's history; at_us is filled in. Inside a transaction. */
int job_note(struct store *s, const char *id, const struct job_event *ev, struct err *e);
