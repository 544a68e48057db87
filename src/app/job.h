/* job.h: what a job process runs. A kind of job is a row in jobs.def and a function.
 *
 * The worker claims the row and calls job_execute; the handler computes, reports through the
 * context, and publishes its outputs in one transaction opened by job_publish_begin, which
 * fails with ERR_LEASE when the job meanwhile belongs to somebody else: effects are exactly
 * once. Handlers never write to the store outside that transaction except run metrics. */
#pragma once
#include "app/app.h"
#include "engine/engine.h"
#include "store/job.h"

/* What a worker keeps from one job to the next, so that it need not be read again. */
struct job_keep {
    void *p;
    void (*free)(void *p);
};

struct job_ctx {
    struct app *app;
    const struct job *job;
    struct val *args;               /* payload, parsed */
    struct arena *arena;
    const atomic_bool *cancel;      /* set on SIGTERM, cancel request or lost lease */
    /* Thread-safe progress: the worker's beat thread sends it on. */
    void (*report)(struct job_ctx *c, double progress, const char *message);
    void *user;
    struct job_keep *keep;          /* the worker's; NULL: it keeps nothing */
    /* Set by the handler: a job it has claimed for this worker, to be run next. "": none. */
    char next[27];
};
struct job_kind {
    const char *name;
    int (*fn)(struct job_ctx *c, struct val *result, struct err *e);
    const char *help;
};
#define JOB(name, help) int job_##name(struct job_ctx *c, struct val *result, struct err *e);
#include "app/jobs.def"
#undef JOB

extern const struct job_kind job_kinds[]; /* name NULL ends */
const struct job_kind *job_kind_find(const char *name);
int job_publish_begin(struct job_ctx *c, struct err *e);
/* Marks the job succeeded with the result and commits. */
int job_publish_end(struct job_ctx *c, const struct val *result, struct err *e);
/* Runs the handler and records the outcome; succeeded is the handler's. A failed attempt and
 * its run end together. Cancelled without anybody asking for it (the worker was told to end)
 * hands the job back. -ERR_LEASE: it had become somebody else's. */
int job_execute(struct job_ctx *c, struct err *e);
/* The error of a dead job as it was when its last attempt failed. */
int job_error(const struct job *j, struct err *e);
