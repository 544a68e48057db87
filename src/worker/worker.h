/* worker.h: main of a worker process: claims jobs, runs them, ends.
 *
 * Two threads: the caller's runs the job, a second one beats (renews the lease, sends progress,
 * hears of cancellation). SIGTERM, SIGINT and SIGHUP ask the job to stop; it then counts as
 * cancelled only when that had been asked for, else the attempt is handed back. Must be called
 * before the process has other threads. */
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

/* Returns the process's exit code: 0 done, 1 the job failed for good, 75 the job is somebody
 * else's or will be tried again, 130 cancelled, 128+n ended by a signal, else that of the error
 * that kept the worker from starting. Every job's diagnostics go to its log file; what concerns
 * the worker itself to cfg->log. */
int worker_main(const struct app_config *cfg, const struct worker_options *opt);
