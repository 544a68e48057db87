/* worker.h: main of a worker process: claims jobs, runs them, ends.
 *
 * Two threads: the caller's runs the job, a second one beats (renews the lease, sends progress,
 * hears of cancellation). SIGTERM and SIGINT ask the job to stop; the job then counts as
 * cancelled only when its row says so, else the attempt is handed back. */
#pragma once
#include "app/app.h"
#include "base/param.h"

struct worker_options {
    const char *job_id; /* this job only; NULL: whatever is ready in the queue */
    const char *queue;  /* NULL: "default" */
    bool once;          /* end when nothing is ready instead of waiting for more */
    int news_fd;        /* somebody reads progress here, one JSON object a line; -1: nobody */
};
extern const struct param worker_params[]; /* arguments of `signalbox worker` */
void worker_options_bind(const struct val *args, struct worker_options *ret);

/* Returns the process's exit code: 0 done, 1 the job failed, 75 the job is somebody else's or
 * failed in a way that a retry may cure, 130 cancelled, else that of the error that kept the
 * worker from starting. Diagnostics go to cfg->log. */
int worker_main(const struct app_config *cfg, const struct worker_options *opt);
