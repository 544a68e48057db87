/* jobs.h: jobs as the verbs answer them, and the ends of attempts that nobody worked to their
 * end. Any thread with its own store handle. */
#pragma once
#include "base/val.h"
#include "store/job.h"

/* The object of `job list`; state "scheduled" for a ready job whose time has not come. */
struct val *job_to_val(struct arena *a, const struct job *j, int64_t now_us);
struct val *job_counts_to_val(struct arena *a, const struct job_counts *c);
bool job_ended(const struct job *j); /* succeeded, dead or cancelled */

/* dir/jobs/ID and the log in it, to which every attempt appends. */
const char *job_dir(struct arena *a, const char *dir, const char *id);
const char *job_log_path(struct arena *a, const char *dir, const char *id);
/* Opens the log for appending, making its folder: a descriptor or -kind. */
int job_log_open(const char *dir, const char *id, struct err *e);

/* Cancels it: at once when nobody works on it, else the worker is told. */
int job_cancel(struct store *s, const struct job *j, struct err *e);

/* The worker of this attempt is known to be dead: the job is ready again, dead when no attempt
 * is left, cancelled when that had been asked for, and the attempt's run is no longer
 * RUNNING; one transaction. ERR_LEASE: the job has moved on by itself. */
int job_release(struct store *s, const struct job *j, const char *why, struct err *e);
/* The same for every running job whose lease ran out. *ret_n: how many. */
int job_rescue(struct store *s, int64_t *ret_n, struct err *e);
/* A RUNNING run that will not be continued: status FAILED or KILLED and a tag that says why.
 * run_id NULL or a run that has ended: nothing happens. */
int job_end_run(struct store *s, const char *run_id, const char *status, const char *why,
                struct err *e);
