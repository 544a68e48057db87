/* jobrunner.c: keeps workers running for ready jobs while the console is open.
 *
 *   loop's thread                          clerk (thread with a store handle)
 *   notify, child ended  --wake----------> release of dead workers' jobs, rescue, list of
 *   start workers <------async: ready ids- jobs that are ready; then sleeps up to 5 s
 *
 * The queue is read and written on the clerk's thread because a write may wait for other
 * processes, and the loop must not; processes are started and reaped on the loop's thread
 * because libuv wants it so. The lock guards the letters they exchange: `dead` and `ready`. */
#include "app/app.h"
#include "app/jobs.h"
#include "base/mem.h"
#include "base/vec.h"
#include "run/spawn.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { WAKE_S = 5, ID_LEN = 26, READY_MAX = 64 };
#define HASTY_US 1000000LL

struct slot { /* one worker of ours */
    struct jobrunner *all;
    struct loop_child *child; /* NULL: free */
    char job_id[ID_LEN + 1];
    int pid;
    int64_t started_us; /* monotonic */
};

struct dead { /* a worker that ended, however it did */
    char job_id[ID_LEN + 1];
    int pid;
    int64_t status;
    int signum;
};

struct jobrunner {
    struct loop *loop;
    struct app_config cfg;
    struct loop_async *ready_came;
    struct slot *slots;
    int max, nice;

    pthread_t clerk;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool woken, stop; /* under the lock, as all that follows */
    VEC(struct dead) dead;
    char ready[READY_MAX][ID_LEN + 1];
    int n_ready;
};

static void copy_id(char to[ID_LEN + 1], const char *id)
{
    size_t n = strnlen(id, ID_LEN);

    memcpy(to, id, n);
    to[n] = 0;
}

/* -- the clerk ------------------------------------------------------------- */

/* Waits for a wake-up or the time to look anyway; false: stop. Takes the dead along. */
static bool clerk_wait(struct jobrunner *j, struct dead **ret_dead, size_t *ret_n)
{
    struct timespec until;
    bool go;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += WAKE_S;
    pthread_mutex_lock(&j->lock);
    while (!j->woken && !j->stop)
        if (pthread_cond_timedwait(&j->wake, &j->lock, &until)) break;
    j->woken = false;
    go = !j->stop;
    *ret_dead = j->dead.p;
    *ret_n = j->dead.n;
    j->dead.p = NULL;
    j->dead.n = j->dead.cap = 0;
    pthread_mutex_unlock(&j->lock);
    return go;
}

static int bury(struct store *s, const struct dead *d, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct job job;
    char why[64];
    int rc = store_job_get(s, &a, d->job_id, &job, e);

    if (rc == 0 && str_eq(job.state, "running") && job.worker_pid == d->pid)
        rc = job_release(s, &job, worker_fate(why, d->status, d->signum), e);
    arena_done(&a);
    return rc == -ERR_LEASE ? 0 : rc;
}

/* As a claim would choose: small priority first, then the oldest. */
static int by_turn(const void *a, const void *b)
{
    const struct job *x = a, *y = b;

    if (x->priority != y->priority) return x->priority < y->priority ? -1 : 1;
    return strcmp(x->id, y->id);
}

static int list_ready(struct jobrunner *j, struct store *s, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct job *list = NULL;
    size_t n = 0;
    int rc = store_job_list(s, &a, "ready", 10000, 0, &list, &n, e);
    int64_t now = store_now(s);

    if (n) qsort(list, n, sizeof *list, by_turn);
    pthread_mutex_lock(&j->lock);
    j->n_ready = 0;
    for (size_t i = 0; i < n && j->n_ready < READY_MAX; i++)
        if (list[i].run_at_us <= now) copy_id(j->ready[j->n_ready++], list[i].id);
    pthread_mutex_unlock(&j->lock);
    arena_done(&a);
    return rc;
}

static int clerk_turn(struct jobrunner *j, struct store **s, const struct dead *dead, size_t n,
                      struct err *e)
{
    int64_t rescued;
    int rc = *s ? 0 : store_open(s, j->cfg.dir, 0, j->cfg.clock ? j->cfg.clock : &clock_system, e);

    for (size_t i = 0; rc == 0 && i < n; i++) rc = bury(*s, &dead[i], e);
    if (rc == 0) rc = job_rescue(*s, &rescued, e);
    if (rc == 0) rc = list_ready(j, *s, e);
    return rc;
}

static void *clerk_main(void *arg)
{
    struct jobrunner *j = arg;
    struct store *s = NULL;
    struct dead *dead;
    size_t n;

    while (clerk_wait(j, &dead, &n)) {
        struct err e = ERR_INIT;
        if (clerk_turn(j, &s, dead, n, &e) < 0)
            log_line(j->cfg.log, LOG_WARN, "jobs", "%s", e.msg); /* leases repair it later */
        free(dead);
        loop_async_send(j->ready_came);
    }
    free(dead);
    store_close(s);
    return NULL;
}

/* -- the loop's thread ------------------------------------------------------ */

void jobrunner_notify(struct jobrunner *j)
{
    pthread_mutex_lock(&j->lock);
    j->woken = true;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
}

static void worker_gone(void *user, int64_t status, int signum)
{
    struct slot *s = user;
    struct jobrunner *j = s->all;
    struct dead d = { .pid = s->pid, .status = status, .signum = signum };

    loop_child_free(s->child);
    s->child = NULL;
    copy_id(d.job_id, s->job_id);
    pthread_mutex_lock(&j->lock);
    vec_push(&j->dead, d);
    pthread_mutex_unlock(&j->lock);
    /* One that failed at once is not replaced at once: if it cannot run, neither can the next. */
    if ((status == 0 && signum == 0) || clock_mono_us() - s->started_us > HASTY_US)
        jobrunner_notify(j);
}

static struct slot *free_slot(struct jobrunner *j, const char *job_id)
{
    struct slot *found = NULL;

    for (int i = 0; i < j->max; i++) {
        if (!j->slots[i].child) found = &j->slots[i];
        else if (str_eq(j->slots[i].job_id, job_id))
            return NULL; /* its worker has not claimed it yet */
    }
    return found;
}

static void start_one(struct jobrunner *j, const char *job_id)
{
    struct err e = ERR_INIT;
    struct slot *s = free_slot(j, job_id);

    if (!s) return;
    copy_id(s->job_id, job_id);
    if (worker_spawn(j->loop,
                     &(struct worker_start){ .dir = j->cfg.dir,
                                             .job_id = s->job_id,
                                             .news_fd = -1,
                                             .exited = worker_gone,
                                             .user = s },
                     &s->child, &e) < 0) {
        log_line(j->cfg.log, LOG_ERROR, "jobs", "%s", e.msg);
        return;
    }
    s->pid = loop_child_pid(s->child);
    if (j->nice) setpriority(PRIO_PROCESS, (id_t)s->pid, j->nice); /* its threads inherit it */
    s->started_us = clock_mono_us();
}

static void ready_came(void *user)
{
    struct jobrunner *j = user;
    char ready[READY_MAX][ID_LEN + 1];
    int n;

    pthread_mutex_lock(&j->lock);
    n = j->n_ready;
    memcpy(ready, j->ready, sizeof ready);
    j->n_ready = 0;
    pthread_mutex_unlock(&j->lock);
    for (int i = 0; i < n; i++) start_one(j, ready[i]);
}

static int start_clerk(struct jobrunner *j, struct err *e)
{
    pthread_condattr_t attr;
    sigset_t all, old;
    int rc;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&j->lock, NULL);
    pthread_cond_init(&j->wake, &attr);
    pthread_condattr_destroy(&attr);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(&j->clerk, NULL, clerk_main, j);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc ? err_set(e, ERR_NOMEM, "cannot start a thread for the job queue") : 0;
}

int jobrunner_new(struct loop *l, const struct app_config *cfg, int max, struct jobrunner **ret,
                  struct err *e)
{
    struct jobrunner *j = mem_zalloc(1, sizeof *j);
    int rc;

    j->loop = l;
    j->cfg = *cfg;
    j->max = max;
    j->woken = true; /* look at once */
    j->slots = mem_zalloc((size_t)max, sizeof *j->slots);
    for (int i = 0; i < max; i++) j->slots[i].all = j;
    rc = loop_async_new(l, ready_came, j, &j->ready_came, e);
    if (rc == 0) rc = start_clerk(j, e);
    if (rc < 0) {
        loop_async_free(j->ready_came);
        free(j->slots);
        free(j);
        return rc;
    }
    *ret = j;
    return 0;
}

static int runner_job_start(void *user, const char *dir, const char *job_id, struct err *e)
{
    (void)dir, (void)job_id, (void)e;
    jobrunner_notify(user);
    return 0;
}

void jobrunner_nice(struct jobrunner *j, int nice)
{
    j->nice = nice;
}

struct ports ports_jobrunner(struct jobrunner *j)
{
    return (struct ports){ .user = j, .job_start = runner_job_start };
}

void jobrunner_free(struct jobrunner *j)
{
    if (!j) return;
    pthread_mutex_lock(&j->lock);
    j->stop = true;
    pthread_cond_signal(&j->wake);
    pthread_mutex_unlock(&j->lock);
    pthread_join(j->clerk, NULL);
    for (int i = 0; i < j->max; i++) loop_child_free(j->slots[i].child);
    loop_async_free(j->ready_came);
    vec_done(&j->dead);
    pthread_cond_destroy(&j->wake);
    pthread_mutex_destroy(&j->lock);
    free(j->slots);
    free(j);
}
