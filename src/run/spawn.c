/* spawn.c: starting a worker process: its words, its descriptors, its log.
 *
 * A worker inherits the environment, the working directory, /dev/null as input, the job's log
 * as output and the news pipe as descriptor 3; every other descriptor of this program is
 * opened close-on-exec. Thread: the loop's. */
#include "run/spawn.h"
#include "app/jobs.h"
#include "base/file.h"

#include <fcntl.h>
#include <unistd.h>

static int open_log(struct arena *a, const struct worker_start *w, struct err *e)
{
    const char *path = job_log_path(a, w->dir, w->job_id);
    int rc = file_mkdirs(job_dir(a, w->dir, w->job_id), e);
    int fd = rc < 0 ? -1 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    if (rc < 0) return rc;
    return fd < 0 ? err_sys(e, ERR_IO, "cannot open %s", path) : fd;
}

int worker_spawn(struct loop *l, const struct worker_start *w, struct loop_child **ret,
                 struct err *e)
{
    struct arena a = ARENA_INIT;
    int log = open_log(&a, w, e);
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
    arena_done(&a);
    return rc;
}
