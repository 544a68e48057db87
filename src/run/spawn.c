/* spawn.c: starting a worker process: its words, its descriptors, its log.
 *
 * A worker inherits the environment, the working directory, /dev/null as input, the job's log
 * as output and the news pipe as descriptor 3; every other descriptor of this program is
 * opened close-on-exec. Thread: the loop's. */
#include "run/spawn.h"
#include "app/jobs.h"

#include <stdio.h>
#include <unistd.h>

const char *worker_fate(char buf[64], int64_t status, int signum)
{
    if (signum) snprintf(buf, 64, "the worker was killed by signal %d", signum);
    else snprintf(buf, 64, "the worker ended with status %d", (int)status);
    return buf;
}

int worker_spawn(struct loop *l, const struct worker_start *w, struct loop_child **ret,
                 struct err *e)
{
    int log = job_log_open(w->dir, w->job_id, e);
    const int fds[] = { -1, log, log, w->news_fd };
    const char *const argv[] = {
        "signalbox", "-w", w->dir, "worker", "--job", w->job_id, w->news_fd < 0 ? NULL : "--news=3",
        NULL
    };
    struct loop_spawn s = { .file = w->exe ? w->exe : "/proc/self/exe",
                            .argv = argv,
                            .fds = fds,
                            .n_fds = w->news_fd < 0 ? 3 : 4,
                            .session = true };
    int rc = log < 0 ? log : loop_child_new(l, &s, w->exited, w->user, ret, e);

    if (log >= 0) close(log);
    if (rc < 0) err_prefix(e, "cannot start a worker for job %s", w->job_id);
    return rc;
}
