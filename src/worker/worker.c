/* worker.c: the life of a worker process.
 *
 *   claim --> job_execute (beat beside it) --> exit code, or the next claim
 *     '-- nothing ready: --job and --once end, else wait a second, rescue, again
 *
 * A worker's name is a ULID made at its start, so a restarted process is never taken for its
 * predecessor. The signals that stop it are blocked at the start, before any thread exists, and
 * are waited for: by the beat while a job runs, here between jobs. SIGPIPE is blocked too: a
 * follower that goes away must not end the job. */
#include "worker/worker.h"
#include "app/job.h"
#include "app/jobs.h"
#include "base/id.h"
#include "worker/beat.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NICE = 10, IDLE_S = 1 };

const struct param worker_params[] = {
    { .name = "job", .type = PARAM_STR, .help = "run this job only" },
    { .name = "queue", .type = PARAM_STR, .dflt = "default", .help = "queue to take jobs from" },
    { .name = "once",
      .type = PARAM_BOOL,
      .dflt = "false",
      .help = "end when nothing is ready instead of waiting for more" },
    { .name = "news",
      .type = PARAM_INT,
      .flags = PARAM_HIDDEN,
      .min = 3,
      .max = 1023,
      .help = "descriptor to write progress to" },
    { 0 },
};

void worker_options_bind(const struct val *args, struct worker_options *ret)
{
    ret->job_id = val_get_str(args, "job", NULL);
    ret->queue = val_get_str(args, "queue", NULL);
    ret->once = val_get_bool(args, "once", false);
    ret->news_fd = (int)val_get_int(args, "news", -1);
}

struct worker {
    const struct app_config *cfg;
    const struct worker_options *opt;
    struct app app;
    struct log *log; /* of the process; app.log is that of the job */
    char name[ULID_LEN + 1];
    sigset_t stop; /* signals that end it */
    int signum;    /* the one that came, 0: none */
    struct job_keep keep; /* what jobs leave for the next ones */
    char next[ULID_LEN + 1]; /* a job claimed by the one before; "": none */
};

static void block_signals(struct worker *w)
{
    static const int stop[] = { SIGTERM, SIGINT, SIGHUP };
    sigset_t blocked;

    sigemptyset(&w->stop);
    for (size_t i = 0; i < sizeof stop / sizeof *stop; i++) sigaddset(&w->stop, stop[i]);
    blocked = w->stop;
    sigaddset(&blocked, SIGUSR1);
    sigaddset(&blocked, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

/* -- one job --------------------------------------------------------------- */

static void report(struct job_ctx *c, double progress, const char *message)
{
    beat_report(c->user, progress, message);
}

/* The attempt failed before it began. */
static void give_up(struct worker *w, const struct job *j, const struct err *why)
{
    store_job_fail(w->app.store, (struct fence){ j->id, j->attempt }, why->msg,
                   err_retryable(why->kind), NULL);
}

/* Payload and beat; what fails here counts as the attempt's failure. */
static int prepare(struct worker *w, struct job_ctx *c, struct beat **ret, struct err *e)
{
    const char *text = c->job->payload ? c->job->payload : "{}";
    const struct beat_spec spec = { .dir = w->cfg->dir,
                                    .clock = w->app.clock,
                                    .log = w->app.log,
                                    .signals = &w->stop,
                                    .job = c->job,
                                    .news_fd = w->opt->news_fd };
    int rc = val_parse_json(c->arena, text, strlen(text), &c->args, e);

    if (rc < 0) err_prefix(e, "payload of job %s", c->job->id);
    if (rc == 0) rc = beat_start(&spec, ret, e);
    if (rc < 0) give_up(w, c->job, e);
    return rc;
}

static int run_with_beat(struct worker *w, struct arena *a, const struct job *j, struct err *e)
{
    struct job_ctx c = {
        .app = &w->app, .job = j, .arena = a, .report = report, .keep = &w->keep
    };
    struct beat *beat;
    int rc = prepare(w, &c, &beat, e);

    if (rc < 0) return rc;
    c.cancel = beat_cancel(beat);
    c.user = beat;
    rc = job_execute(&c, e);
    int signum = beat_stop(beat);
    if (signum) w->signum = signum;
    memcpy(w->next, c.next, sizeof w->next);
    return rc;
}

static int run_job(struct worker *w, struct arena *a, const struct job *j, struct err *e)
{
    const char *actor = w->app.actor;
    struct log log;
    int64_t t0 = clock_mono_us();
    int fd = job_log_open(w->cfg->dir, j->id, e), rc;

    if (fd < 0) {
        give_up(w, j, e);
        return fd;
    }
    log_fd(&log, fd, LOG_INFO, w->app.clock);
    w->app.log = &log;
    if (j->actor) w->app.actor = j->actor;
    log_line(&log, LOG_INFO, "job", "%s: attempt %lld of %lld, worker %s, process %d", j->kind,
             (long long)j->attempt, (long long)j->max_attempts, w->name, (int)getpid());
    rc = run_with_beat(w, a, j, e);
    if (rc == 0)
        log_line(&log, LOG_INFO, "job", "done in %.3f s", (double)(clock_mono_us() - t0) / 1e6);
    else log_line(&log, LOG_ERROR, "job", "%s%s%s", e->msg, *e->hint ? "; " : "", e->hint);
    w->app.log = w->log;
    w->app.actor = actor;
    close(fd);
    return rc;
}

/* -- the queue -------------------------------------------------------------- */

static int claim(struct worker *w, struct arena *a, struct job *ret, struct err *e)
{
    int rc = store_job_claim(w->app.store, a, w->opt->queue ? w->opt->queue : "default",
                             w->opt->job_id, w->name, getpid(), ret, e);

    if (rc == -ERR_NOTFOUND && w->opt->job_id)
        return err_set(e, ERR_LEASE, "job %s is not ready: somebody else has it or it has ended",
                       w->opt->job_id);
    return rc;
}

/* The job the last one left claimed for this worker; ERR_NOTFOUND: none. A worker that was told
 * to end hands it back. */
static int take_next(struct worker *w, struct arena *a, struct job *ret, struct err *e)
{
    char id[ULID_LEN + 1];

    memcpy(id, w->next, sizeof id);
    w->next[0] = '\0';
    if (!*id) return err_set(e, ERR_NOTFOUND, "no job is left to go on with");
    int rc = store_job_get(w->app.store, a, id, ret, e);
    if (rc < 0) return rc;
    if (!str_eq(ret->state, "running") || !str_eq(ret->worker, w->name))
        return err_set(e, ERR_NOTFOUND, "job %s is somebody else's", id);
    if (!w->signum) return 0;
    rc = job_release(w->app.store, ret, "the worker was told to end", e);
    return rc < 0 ? rc : err_set(e, ERR_NOTFOUND, "job %s was handed back", id);
}

/* Nothing is ready: sleeps; false when told to end. */
static bool idle(struct worker *w)
{
    const struct timespec wait = { .tv_sec = IDLE_S };
    struct err e = ERR_INIT;
    int64_t n;
    int sig = sigtimedwait(&w->stop, NULL, &wait);

    if (sig > 0) {
        w->signum = sig;
        return false;
    }
    if (job_rescue(w->app.store, &n, &e) < 0) log_line(w->log, LOG_WARN, "worker", "%s", e.msg);
    return true;
}

/* Exit code of the one job asked for. A failure that will be tried again is temporary. */
static int exit_of(struct worker *w, int rc)
{
    struct arena a = ARENA_INIT;
    struct job j;
    bool ended = rc == 0 || rc == -ERR_LEASE ||
                 store_job_get(w->app.store, &a, w->opt->job_id, &j, NULL) < 0 || job_ended(&j);

    arena_done(&a);
    if (rc == 0) return 0;
    if (!ended && w->signum) return 128 + w->signum;
    if (!ended || rc == -ERR_LEASE || rc == -ERR_BUSY) return err_exit(ERR_BUSY);
    return rc == -ERR_CANCELLED ? err_exit(ERR_CANCELLED) : 1;
}

/* The jobs that follow from one, for as long as there are any. */
static void go_on(struct worker *w)
{
    while (*w->next) {
        struct arena a = ARENA_INIT;
        struct err e = ERR_INIT;
        struct job job;
        int rc = take_next(w, &a, &job, &e);
        if (rc == 0) rc = run_job(w, &a, &job, &e);
        if (rc < 0 && rc != -ERR_NOTFOUND) log_line(w->log, LOG_WARN, "worker", "%s", e.msg);
        arena_done(&a);
    }
}

static int work(struct worker *w)
{
    for (;;) {
        struct arena a = ARENA_INIT;
        struct err e = ERR_INIT;
        struct job job;
        int rc = claim(w, &a, &job, &e);
        bool none = rc == -ERR_NOTFOUND;
        if (rc == 0) rc = run_job(w, &a, &job, &e);
        arena_done(&a);
        go_on(w);
        if (w->opt->job_id) {
            if (rc < 0) log_line(w->log, LOG_WARN, "worker", "%s", e.msg);
            return exit_of(w, rc);
        }
        if (rc < 0 && !none) log_line(w->log, LOG_WARN, "worker", "%s", e.msg);
        if (none && w->opt->once) return 0;
        if (w->signum || (none && !idle(w))) return 128 + w->signum;
    }
}

int worker_main(const struct app_config *cfg, const struct worker_options *opt)
{
    struct worker w = { .cfg = cfg, .opt = opt, .log = cfg->log };
    struct err e = ERR_INIT;
    int64_t n;
    int rc, code;

    block_signals(&w);
    setpriority(PRIO_PROCESS, 0, NICE);
    rc = app_open(&w.app, cfg, &e);
    if (rc == 0) {
        id_ulid(w.name, clock_now(w.app.clock));
        if (!opt->job_id) rc = job_rescue(w.app.store, &n, &e);
    }
    if (rc < 0) log_line(w.log, LOG_ERROR, "worker", "%s", e.msg);
    code = rc < 0 ? err_exit(e.kind) : work(&w);
    if (w.keep.p) w.keep.free(w.keep.p);
    app_close(&w.app);
    return code;
}
