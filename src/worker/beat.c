/* beat.c: one thread that ticks five times a second.
 *
 * A tick sends what was reported since the last one to the row and to whoever follows; when
 * nothing was reported it beats every JOB_BEAT_US, a quarter of the lease, and meanwhile looks
 * for a cancellation whenever somebody committed something. Waiting is sigtimedwait: the
 * signals that mean "stop" are blocked everywhere and are taken here, so there is no handler
 * and nothing global. When the row belongs to somebody else, or could not be renewed until the
 * lease ran out, the job is told to stop: its outputs would be refused anyway.
 *
 * Threads: the job's thread calls in; the lock guards the report, `end` and `told`. */
#include "worker/beat.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 200, MESSAGE = 256, ID_LEN = 26 };
#define LOG_EVERY_US 1000000LL

struct report {
    double progress;
    char message[MESSAGE];
    unsigned version; /* grows with every report */
};

struct beat {
    struct beat_spec spec;
    char job_id[ID_LEN + 1];
    struct fence fence;
    sigset_t waited; /* the stop signals and the one that ends a tick early */
    struct store *store;
    pthread_t thread;
    atomic_bool cancel;
    pthread_mutex_t lock;
    struct report report;
    bool end;
    int told; /* the signal, 0: none */
    /* the thread's own */
    unsigned sent; /* version of the report last sent */
    int64_t beaten_us, revision, logged_us;
};

const atomic_bool *beat_cancel(const struct beat *b)
{
    return &b->cancel;
}

void beat_report(struct beat *b, double progress, const char *message)
{
    pthread_mutex_lock(&b->lock);
    b->report.progress = progress;
    if (message) snprintf(b->report.message, sizeof b->report.message, "%s", message);
    b->report.version++;
    pthread_mutex_unlock(&b->lock);
}

static void stop_job(struct beat *b, const char *why)
{
    if (!atomic_exchange(&b->cancel, true)) log_line(b->spec.log, LOG_WARN, "job", "%s", why);
}

/* One JSON object a line, never blocking and never in pieces: a reader too slow misses news. */
static void send_news(struct beat *b, const struct report *r)
{
    STR_AUTO line = STR_INIT;

    if (b->spec.news_fd < 0) return;
    str_addf(&line, "{\"progress\":%.4f,\"message\":", r->progress);
    val_write_json_str(&line, r->message, strlen(r->message));
    str_add(&line, "}\n");
    if (write(b->spec.news_fd, line.p, line.len) < 0) return; /* the row tells as well */
}

static void send_beat(struct beat *b, const struct report *r)
{
    struct err e = ERR_INIT;
    bool cancel = false, news = r->version != b->sent;
    int rc = store_job_beat(b->store, b->fence, r->progress, news ? r->message : NULL, &cancel, &e);
    int64_t now = clock_now(b->spec.clock);

    if (rc == 0) {
        b->beaten_us = now;
        b->sent = r->version;
        if (cancel) stop_job(b, "cancellation was asked for");
        return;
    }
    if (rc == -ERR_LEASE) stop_job(b, "the job belongs to somebody else now");
    else if (now - b->beaten_us > JOB_LEASE_US)
        stop_job(b, "the lease ran out and could not be renewed");
    log_line(b->spec.log, LOG_WARN, "job", "beat: %s", e.msg);
}

/* Reads the flag when anybody wrote anything since the last look. */
static void look_for_cancel(struct beat *b)
{
    int64_t revision = store_revision(b->store);
    struct arena a = ARENA_INIT;
    struct job j;

    if (revision == b->revision) return;
    b->revision = revision;
    if (store_job_get(b->store, &a, b->job_id, &j, NULL) == 0) {
        if (j.cancel_requested) stop_job(b, "cancellation was asked for");
        if (j.attempt != b->fence.attempt) stop_job(b, "the job belongs to somebody else now");
    }
    arena_done(&a);
}

static void tick(struct beat *b, const struct report *r)
{
    int64_t now = clock_now(b->spec.clock);

    if (r->version != b->sent) {
        send_news(b, r);
        if (now - b->logged_us > LOG_EVERY_US && *r->message) {
            log_line(b->spec.log, LOG_INFO, "job", "%3.0f %% %s", r->progress * 100, r->message);
            b->logged_us = now;
        }
        send_beat(b, r);
    } else if (now - b->beaten_us >= JOB_BEAT_US) {
        send_beat(b, r);
    } else {
        look_for_cancel(b);
    }
}

static void *beat_main(void *arg)
{
    struct beat *b = arg;
    const struct timespec wait = { .tv_nsec = TICK_MS * 1000000L };
    bool end = false;

    while (!end) {
        int sig = sigtimedwait(&b->waited, NULL, &wait);
        bool told = sig > 0 && sigismember(b->spec.signals, sig);
        struct report r;
        pthread_mutex_lock(&b->lock);
        if (told) b->told = sig;
        end = b->end;
        r = b->report;
        pthread_mutex_unlock(&b->lock);
        if (told) stop_job(b, strsignal(sig));
        if (!end) tick(b, &r);
    }
    return NULL;
}

int beat_start(const struct beat_spec *spec, struct beat **ret, struct err *e)
{
    struct beat *b = mem_zalloc(1, sizeof *b);
    int rc;

    b->spec = *spec;
    snprintf(b->job_id, sizeof b->job_id, "%.*s", ID_LEN, spec->job->id);
    b->fence = (struct fence){ b->job_id, spec->job->attempt };
    b->beaten_us = clock_now(spec->clock);
    b->waited = *spec->signals;
    sigaddset(&b->waited, SIGUSR1); /* ends a wait early */
    pthread_mutex_init(&b->lock, NULL);
    rc = store_open(&b->store, spec->dir, 0, spec->clock, e);
    if (rc == 0 && pthread_create(&b->thread, NULL, beat_main, b) != 0)
        rc = err_set(e, ERR_NOMEM, "cannot start the beat of job %s", b->job_id);
    if (rc < 0) {
        store_close(b->store);
        free(b);
        return rc;
    }
    *ret = b;
    return 0;
}

int beat_stop(struct beat *b)
{
    int told;

    pthread_mutex_lock(&b->lock);
    b->end = true;
    pthread_mutex_unlock(&b->lock);
    pthread_kill(b->thread, SIGUSR1);
    pthread_join(b->thread, NULL);
    if (b->report.version != b->sent) send_news(b, &b->report);
    told = b->told;
    store_close(b->store);
    pthread_mutex_destroy(&b->lock);
    free(b);
    return told;
}
