/* sweep_flow.h: which trials a sweep has and when it is over: the one place that makes trials and
 * moves a sweep's state. Every function runs inside the transaction of whatever happened, so a
 * sweep that is not over has, at every commit, an unfinished job for each trial it may run at
 * once: whoever works off the queue carries it on, and nobody has to watch it. */
#pragma once
#include "app/job.h"
#include "store/sweep.h"

/* Makes trials up to the sweep's number at once, or ends it when nothing is left to do. worker:
 * the first new trial's job is claimed for it and its id left in claimed; NULL: all are left
 * ready. Inside a transaction. */
struct sweep_claim {
    const char *worker;
    int64_t pid;
    char job_id[27]; /* out: "" none */
};
int sweep_advance(struct store *s, const char *sweep_id, struct sweep_claim *claim, struct err *e);

/* The best finished trial; *ret_found false: none has finished. */
int sweep_best(struct store *s, struct arena *a, const struct sweep *w, struct trial *ret,
               bool *ret_found, struct err *e);
bool sweep_is_better(const struct sweep *w, double value, double than);
/* Running, stopping or cancelling. */
bool sweep_open(const struct sweep *w);

/* A job of kind trial may have become dead or cancelled: then its trial has ended, and the sweep
 * goes on without it. Other jobs and states: nothing. c NULL, or the worker that goes on. Inside
 * the transaction in which the job moved. */
int sweep_job_moved(struct store *s, const struct job *j, struct job_ctx *c, struct err *e);
