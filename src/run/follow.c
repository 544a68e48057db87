/* follow.c: starting a job and following it to its end, for the command line.
 *
 *             .---------------- row is ready again, its time has come -------------.
 *             v                                                                    |
 *   ready: start a worker --> running here: news from the pipe --> worker gone --> release
 *      '--> running elsewhere: news from the row --> lease expired --> rescue --> (ready)
 *   any --> ended (succeeded, dead, cancelled): done
 *
 * Ten times a second the row is read and decides what to do; the pipe only makes news quicker.
 * So two processes may follow one job, and one of them, or the worker, may be killed at any
 * moment. An interrupt asks for cancellation and goes on following; a second one kills a
 * worker that is ours, or gives up following one that is not.
 *
 * Thread: the caller's, with a loop and a store handle of its own. */
#include "app/jobs.h"
#include "base/mem.h"
#include "run/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 100, FRUITLESS_MAX = 3, NEWS_LINE = 4096, NEWS_TEXT = 512 };
#define RESCUE_EVERY_US (5 * 1000000LL)

struct told { /* what news() heard last */
    double progress;
    char message[NEWS_TEXT], state[16];
};

struct follow {
    const struct follower *f;
    const char *dir, *id;
    struct loop *loop;
    struct store *store;
    struct loop_child *child; /* NULL: no worker of ours is alive */
    int pid;                  /* of the last one */
    int64_t status;           /* how it ended */
    int signum;
    int fruitless; /* workers in a row that ended without claiming the job */
    int news_fd;   /* read end; -1: none */
    struct loop_fd *news_watch;
    struct str line; /* bytes of an unfinished frame */
    struct told told;
    void (*news)(void *arg, const struct job_news *n);
    void *arg;
    int obeyed; /* interrupts acted on */
    int64_t next_rescue_us;
    bool ended;
    int rc;
    struct err *err;
};

static void end(struct follow *w, int rc)
{
    w->rc = rc;
    w->ended = true;
    loop_stop(w->loop);
}

/* -- news ----------------------------------------------------------------- */

/* Row and pipe each may lag behind the other: while an attempt runs, neither takes progress
 * back. */
static void tell(struct follow *w, double progress, const char *message, const char *state)
{
    struct told *t = &w->told;
    bool on = str_eq(state, "running") && str_eq(t->state, "running");

    if (on && progress < t->progress) return;
    if (t->progress == progress && str_eq(t->message, message) && str_eq(t->state, state)) return;
    t->progress = progress;
    snprintf(t->message, sizeof t->message, "%s", message);
    snprintf(t->state, sizeof t->state, "%s", state);
    if (w->news)
        w->news(w->arg, &(struct job_news){
                            .progress = t->progress, .message = t->message, .state = t->state });
}

static void tell_row(struct follow *w, const struct job *j)
{
    tell(w, j->progress, j->message ? j->message : "", j->state);
}

static void tell_line(struct follow *w, const char *text, size_t n)
{
    struct arena a = ARENA_INIT;
    struct val *v = NULL;

    if (val_parse_json(&a, text, n, &v, NULL) == 0)
        tell(w, val_get_real(v, "progress", w->told.progress),
             val_get_str(v, "message", w->told.message), "running");
    arena_done(&a);
}

static void news_close(struct follow *w)
{
    if (w->news_fd < 0) return;
    loop_fd_free(w->news_watch);
    close(w->news_fd);
    w->news_fd = -1;
    str_clear(&w->line);
}

static void news_came(void *user, int events, int error)
{
    struct follow *w = user;
    char buf[NEWS_LINE];
    ssize_t n = error ? 0 : read(w->news_fd, buf, sizeof buf);

    (void)events;
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        news_close(w);
        return;
    }
    str_addn(&w->line, buf, (size_t)n);
    char *p = w->line.p, *nl;
    while ((nl = memchr(p, '\n', w->line.len - (size_t)(p - w->line.p)))) {
        tell_line(w, p, (size_t)(nl - p));
        p = nl + 1;
    }
    size_t rest = w->line.len - (size_t)(p - w->line.p);
    memmove(w->line.p, p, rest);
    w->line.len = rest > NEWS_LINE ? 0 : rest; /* no frame is that long: not ours */
    w->line.p[w->line.len] = 0;
}

/* Makes the pipe; *ret_write is to be closed once the worker has it. Without a pipe the row
 * still tells, so failure is not an error. */
static void news_open(struct follow *w, int *ret_write)
{
    int p[2];

    *ret_write = -1;
    news_close(w);
    if (pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0) return;
    if (loop_fd_new(w->loop, p[0], LOOP_READ, news_came, w, &w->news_watch, NULL) < 0) {
        close(p[0]);
        close(p[1]);
        return;
    }
    w->news_fd = p[0];
    *ret_write = p[1];
}

static void tick(void *user);

/* -- workers -------------------------------------------------------------- */

static void worker_gone(void *user, int64_t status, int signum)
{
    struct follow *w = user;

    loop_child_free(w->child);
    w->child = NULL;
    w->status = status;
    w->signum = signum;
    tick(w); /* the row tells more; nobody need wait for the next tick */
}

static int start_worker(struct follow *w, struct err *e)
{
    int news_write, rc;

    if (++w->fruitless > FRUITLESS_MAX) {
        err_set(e, ERR_INTERNAL, "the worker of job %s ended %d times without taking the job",
                w->id, FRUITLESS_MAX);
        return err_hint(e, "see %s/jobs/%s/log", w->dir, w->id);
    }
    news_open(w, &news_write);
    rc = worker_spawn(w->loop,
                      &(struct worker_start){ .exe = w->f->exe,
                                              .dir = w->dir,
                                              .job_id = w->id,
                                              .news_fd = news_write,
                                              .exited = worker_gone,
                                              .user = w },
                      &w->child, e);
    if (news_write >= 0) close(news_write);
    if (rc == 0) w->pid = loop_child_pid(w->child);
    return rc;
}

static int on_running(struct follow *w, const struct job *j, struct err *e)
{
    char why[64];
    int64_t n, now = store_now(w->store);

    w->fruitless = 0;
    if (w->child) return 0;
    if (w->pid && j->worker_pid == w->pid)
        return job_release(w->store, j, worker_fate(why, w->status, w->signum), e);
    if (j->lease_until_us >= now || now < w->next_rescue_us) return 0;
    w->next_rescue_us = now + RESCUE_EVERY_US;
    return job_rescue(w->store, &n, e);
}

/* -- the turn of the wheel ------------------------------------------------- */

static int obey_interrupt(struct follow *w, const struct job *j, struct err *e)
{
    int asked = w->f->interrupt ? *w->f->interrupt : 0;
    int rc = 0;

    if (asked == w->obeyed) return 0;
    if (w->obeyed == 0) {
        rc = store_job_cancel(w->store, w->id, e);
        if (rc == -ERR_STATE) rc = 0; /* it has just ended */
    } else if (w->child) {
        kill(w->pid, SIGKILL);
    } else {
        return err_set(e, ERR_CANCELLED, "job %s is not followed any more; it is %s", w->id,
                       j->state);
    }
    if (rc == 0) w->obeyed = asked;
    return rc;
}

static int turn(struct follow *w, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct job j;
    int rc = store_job_get(w->store, &a, w->id, &j, e);

    if (rc == 0) tell_row(w, &j);
    if (rc == 0 && job_ended(&j)) {
        end(w, 0);
        goto out;
    }
    if (rc == 0) rc = obey_interrupt(w, &j, e);
    if (rc < 0) goto out;
    if (str_eq(j.state, "running")) rc = on_running(w, &j, e);
    else if (!w->child && j.run_at_us <= store_now(w->store)) rc = start_worker(w, e);
out:
    arena_done(&a);
    return rc;
}

static void tick(void *user)
{
    struct follow *w = user;
    int rc = w->ended ? 0 : turn(w, w->err);

    if (rc == -ERR_BUSY || rc == -ERR_LEASE) {
        err_clear(w->err);
        rc = 0; /* the next turn sees how things stand */
    }
    if (rc < 0) end(w, rc);
}

static int job_follow(void *user, const char *dir, const char *job_id,
                      void (*news)(void *arg, const struct job_news *n), void *arg, struct err *e)
{
    struct err ignored = ERR_INIT;
    struct follow w = { .f = user,
                        .dir = dir,
                        .id = job_id,
                        .news_fd = -1,
                        .line = STR_INIT,
                        .told.progress = -1,
                        .news = news,
                        .arg = arg,
                        .err = e ? e : &ignored };
    struct loop_timer *timer = NULL;
    int rc = loop_new(&w.loop, e);

    if (rc < 0) return rc;
    rc = store_open(&w.store, dir, 0, &clock_system, e);
    if (rc == 0) rc = loop_timer_new(w.loop, tick, &w, &timer, e);
    if (rc == 0) {
        loop_timer_start(timer, 0, TICK_MS);
        while (!w.ended) loop_run(w.loop);
        rc = w.rc;
    }
    news_close(&w);
    loop_free(w.loop);
    store_close(w.store);
    str_done(&w.line);
    return rc;
}

static void nobody_waits(void *user, int64_t status, int signum)
{
    (void)user, (void)status, (void)signum;
}

static int job_start(void *user, const char *dir, const char *job_id, struct err *e)
{
    const struct follower *f = user;
    struct loop *l = NULL;
    struct loop_child *child;
    int rc = loop_new(&l, e);

    if (rc < 0) return rc;
    rc = worker_spawn(
        l,
        &(struct worker_start){
            .exe = f->exe, .dir = dir, .job_id = job_id, .news_fd = -1, .exited = nobody_waits },
        &child, e);
    loop_free(l);
    return rc;
}

static void progress(void *user, const struct job_news *n)
{
    const struct follower *f = user;

    if (f->progress) f->progress(f->user, n);
}

static bool interrupted(void *user)
{
    const struct follower *f = user;

    return f->interrupt && *f->interrupt;
}

struct ports ports_process(struct follower *f)
{
    return (struct ports){ .user = f,
                           .job_start = job_start,
                           .job_follow = job_follow,
                           .interrupted = interrupted,
                           .progress = progress };
}
