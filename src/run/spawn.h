/* spawn.h: worker processes. Fills in the job slots of struct ports.
 *
 * A worker is /proc/self/exe -w DIR worker --job ID in a session of its own (it survives the
 * terminal and its Ctrl-C), with output on DIR/jobs/ID/log and, when somebody follows, the
 * write end of a progress pipe as descriptor 3. The job's row is the truth, the pipe only
 * news: a follower that loses the pipe reads the row. */
#pragma once
#include "app/ports.h"
#include "run/loop.h"

struct app_config;

/* Starts one. news_fd: where it shall write progress, -1: nowhere; stays the caller's. exited
 * as in loop_child_new. exe NULL: this very program. */
struct worker_start {
    const char *exe, *dir, *job_id;
    int news_fd;
    void (*exited)(void *user, int64_t status, int signum);
    void *user;
};
int worker_spawn(struct loop *l, const struct worker_start *w, struct loop_child **ret,
                 struct err *e);

/* How one ended, in words; as exited was told. */
const char *worker_fate(char buf[64], int64_t status, int signum);

/* Starts and follows jobs on a private loop: for the command line. interrupt: counts SIGINTs,
 * set by main's signal handler; the first asks for cancellation, the second kills the worker.
 * May be NULL. exe NULL: this very program. */
struct follower {
    volatile int *interrupt;
    const char *exe;
    void *user;
    void (*progress)(void *user, const struct job_news *n);
};
struct ports ports_process(struct follower *f); /* f must outlive the ports */

/* In the console and the daemon: keeps up to max workers running for ready jobs, rescues
 * expired leases, restarts after crashes. Wakes on notify and every 5 s. Loop's thread, but
 * jobrunner_notify, which any thread may call. */
struct jobrunner;
int jobrunner_new(struct loop *l, const struct app_config *cfg, int max, struct jobrunner **ret,
                  struct err *e);
/* Workers started from now on yield the processor to others (nice(1)). Loop's thread. */
void jobrunner_nice(struct jobrunner *j, int nice);
void jobrunner_notify(struct jobrunner *j);
/* job_start wakes the runner; there is no job_follow (verbs answer with the job's id). Fill a
 * struct app_config's ports with these before verbthreads_new. */
struct ports ports_jobrunner(struct jobrunner *j);
void jobrunner_free(struct jobrunner *j); /* workers go on; NULL is fine */
