/* server.c: the daemon around the I/O threads: start, main loop, end.
 *
 *   start:   settings -> listen -> workspace (verb threads, jobs, schedule, keys, models)
 *            -> I/O threads -> say where
 *   a tick:  changed keys and models are looked for, watchdog, facts, the daemon's row
 *   SIGHUP:  settings and certificate are read again; what is wrong with them is logged and
 *            the old ones stay
 *   end:     SIGTERM or SIGINT -> no new connections, answers close theirs -> all left, or the
 *            deadline (a second signal makes it now) -> log and queued writes are flushed
 *
 * The main thread never waits for the network; what waits for the store happens on verb threads,
 * except looking for changed keys. */
#include "http/server_priv.h"

#include "base/id.h"
#include "base/mem.h"
#include "http/listen.h"
#include "http/notify.h"
#include "http/openapi.h"
#include "serve/serve.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TICK_MS = 250, END_MS = 20, FACTS_US = 5000000, LONG_VERBS = 2 };
enum { SCHEDULE_MS = 2000 };

/* ---- what requests ask of it --------------------------------------------------------- */

const struct router *server_router(const struct http_server *s)
{
    return s->router;
}

struct log *server_log(const struct http_server *s)
{
    return s->cfg.log;
}

const struct clock *server_clock(const struct http_server *s)
{
    return s->cfg.clock;
}

struct serve *http_server_serve(const struct http_server *s)
{
    return s->serve;
}

struct auth *http_server_auth(const struct http_server *s)
{
    return s->auth;
}

bool http_server_ready(const struct http_server *s)
{
    return atomic_load(&s->ready);
}

size_t http_server_counts(const struct http_server *s, struct http_count *const **ret)
{
    *ret = s->counts;
    return (size_t)s->n_ios;
}

/* What is left of a limit; nothing is said where there is none. */
static void say_limit(struct http_req *q, int limit, int left)
{
    if (left < 0) return;
    http_answer_header(q, "RateLimit-Limit", arena_printf(&q->arena, "%d", limit));
    http_answer_header(q, "RateLimit-Remaining", arena_printf(&q->arena, "%d", left));
}

static int too_often(struct http_req *q, int after_s, struct err *e)
{
    http_answer_header(q, "Retry-After", arena_printf(&q->arena, "%d", after_s));
    http_answer_header(q, "RateLimit-Reset", arena_printf(&q->arena, "%d", after_s));
    err_set(e, ERR_LIMIT, "too many requests");
    err_hint(e, "wait %d s; the limits are rate_key and rate_address of signalbox.yaml", after_s);
    return 429;
}

/* Wrong keys cost a token of the address, so that nobody can try many. */
int server_admit(struct http_req *q, struct err *e)
{
    struct auth_io *io = q->io->auth;
    int after = 0, left = 0;
    int rc =
        auth_identify(io, &q->arena, http_header(q, "X-API-Key"), http_header(q, "Authorization"),
                      clock_now(server_clock(q->io->server)), &q->who, e);

    bool ok = auth_rate(io, &q->who, q->address, q->began_us, &after, &left);
    say_limit(q, auth_limit(io, &q->who), left);
    if (!ok) return too_often(q, after, e);
    if (!rc) rc = auth_allow(io, &q->who, q->route, e);
    if (rc == -ERR_UNAUTH) http_answer_header(q, "WWW-Authenticate", "Bearer");
    return rc ? err_http(e->kind) : 0;
}

void server_answered(struct http_req *q, size_t bytes, double seconds)
{
    http_count_add(q->io->counts, q->route, q->method, q->status, seconds);
    if (!q->io->limits.access_log) return;
    log_line(server_log(q->io->server), LOG_INFO, "access", "%s %s %s %d %zu B %.3f ms %s %s",
             q->address, q->method, http_path(q), q->status, bytes, seconds * 1e3, q->id,
             q->who.name ? q->who.name : "-");
}

void server_wrote(struct http_server *s, struct verb_call *c)
{
    pthread_mutex_lock(&s->lock);
    c->next = s->wrote;
    s->wrote = c;
    pthread_mutex_unlock(&s->lock);
    loop_async_send(s->wake);
}

/* ---- the main loop ------------------------------------------------------------------- */

static void look_for_changes(struct http_server *s)
{
    struct err e = ERR_INIT;

    if (auth_reload(s->auth, &e)) log_line(s->cfg.log, LOG_WARN, "auth", "%s; trying again", e.msg);
    if (s->serve) serve_reload(s->serve, NULL, NULL);
}

/* Something was written by a request, or an I/O thread is through. */
static void on_wake(void *user)
{
    struct http_server *s = user;

    pthread_mutex_lock(&s->lock);
    struct verb_call *list = s->wrote;
    s->wrote = NULL;
    pthread_mutex_unlock(&s->lock);
    if (list) {
        look_for_changes(s);
        if (s->runner) jobrunner_notify(s->runner);
        verbs_pass_on(list);
    }
    if (s->stopping && atomic_load(&s->n_ended) == s->n_ios) loop_stop(s->loop);
}

void server_io_ended(struct http_server *s)
{
    atomic_fetch_add(&s->n_ended, 1);
    loop_async_send(s->wake);
}

static void on_tick(void *user)
{
    struct http_server *s = user;
    int64_t now = clock_mono_us();

    look_for_changes(s);
    if (!s->stopping) rollouts_tick(s->rollouts, now);
    atomic_store(&s->ready, !s->stopping && serve_ready(s->serve));
    if (s->watchdog_us && now - s->last_watchdog_us >= s->watchdog_us / 2) {
        notify_send(s->notify, "WATCHDOG=1");
        s->last_watchdog_us = now;
    }
    if (now - s->last_facts_us >= FACTS_US) {
        server_gather(s);
        s->last_facts_us = now;
    }
}

static void on_schedule(void *user)
{
    struct http_server *s = user;

    if (s->runner) jobrunner_notify(s->runner);
}

/* ---- signals ------------------------------------------------------------------------- */

struct reload {
    struct http_io *io;
    struct http_limits limits;
    struct str cert, key;
};

static void reload_io(void *arg)
{
    struct reload *r = arg;
    struct http_io *io = r->io;
    const struct io_tls tls = { str_c(&r->cert), r->key.len ? str_c(&r->key) : NULL };
    struct err e = ERR_INIT;

    io->limits = r->limits;
    if (!io->draining && tls.key && io_daemon_renew(io, &tls, &e))
        log_line(server_log(io->server), LOG_ERROR, "serve", "%s", e.msg);
    if (r->key.p) explicit_bzero(r->key.p, r->key.len);
    str_done(&r->key);
    str_done(&r->cert);
    free(r);
}

static void reload(struct http_server *s)
{
    struct serve_conf c;
    struct err e = ERR_INIT;
    int rc = conf_read(&s->cfg, s->args, &c, &e);

    notify_send(s->notify, "RELOADING=1");
    if (!rc && c.key.len) {
        rc = io_tls_check(&(struct io_tls){ str_c(&c.cert), str_c(&c.key) }, &e);
        if (rc) conf_done(&c);
    }
    if (rc) {
        log_line(s->cfg.log, LOG_ERROR, "serve", "nothing reloaded: %s", e.msg);
    } else {
        for (int i = 0; i < s->n_ios; i++) {
            struct reload *r = mem_zalloc(1, sizeof *r);
            r->io = s->ios[i];
            r->limits = c.limits;
            str_addn(&r->cert, str_c(&c.cert), c.cert.len);
            str_addn(&r->key, str_c(&c.key), c.key.len);
            http_io_post(s->ios[i], reload_io, r);
        }
        conf_done(&s->conf);
        s->conf = c;
        look_for_changes(s);
        log_line(s->cfg.log, LOG_INFO, "serve", "settings%s read again",
                 c.key.len ? " and certificate" : "");
    }
    notify_send(s->notify, "READY=1");
}

static void stop(struct http_server *s, int64_t patience_us)
{
    if (!s->stopping) notify_send(s->notify, "STOPPING=1");
    s->stopping = true;
    s->end_by_us = clock_mono_us() + patience_us;
    atomic_store(&s->ready, false);
    for (int i = 0; i < s->n_ios; i++) io_drain(s->ios[i], s->end_by_us);
}

static void on_signal(void *user, int signum)
{
    struct http_server *s = user;

    if (signum == SIGHUP) {
        if (!s->stopping) reload(s);
        return;
    }
    log_line(s->cfg.log, LOG_INFO, "serve", "stopping: %s", strsignal(signum));
    stop(s, s->stopping ? 0 : s->conf.stop_us);
}

/* ---- start --------------------------------------------------------------------------- */

static int open_workspace(struct http_server *s, struct err *e)
{
    const struct auth_config ac = { .app = &s->cfg,
                                    .settings = s->conf.settings,
                                    .off = s->conf.no_auth,
                                    .io_threads = s->conf.io_threads };
    const struct serve_config sc = { .app = &s->cfg,
                                     .settings = s->conf.settings,
                                     .listen = s->bound };
    int rc = 0;

    s->ports = *s->cfg.ports;
    if (s->conf.jobs) {
        rc = jobrunner_new(s->loop, &s->cfg, s->conf.jobs, &s->runner, e);
        if (rc) return rc;
        jobrunner_nice(s->runner, s->conf.job_nice);
        struct ports jobs = ports_jobrunner(s->runner);
        s->ports.user = jobs.user;
        s->ports.job_start = jobs.job_start;
    }
    s->cfg.ports = &s->ports;
    rc = verbthreads_new_lanes(s->loop, &s->cfg, LONG_VERBS, &s->threads, e);
    if (!rc)
        rc =
            sched_new(s->loop, s->threads, s->cfg.clock, SCHEDULE_MS, on_schedule, s, &s->sched, e);
    if (!rc) rc = auth_new(&ac, &s->auth, e);
    if (!rc) rc = serve_new(s->loop, &sc, &s->serve, e);
    if (!rc) s->rollouts = rollouts_new(s->threads, s->serve, s->cfg.log);
    return rc;
}

static int open_io(struct http_server *s, int i, int fd, struct err *e)
{
    const struct io_tls tls = { str_c(&s->conf.cert),
                                s->conf.key.len ? str_c(&s->conf.key) : NULL };
    int rc = io_new(s, i, &s->conf.limits, &s->ios[i], e);

    if (rc) return rc;
    s->n_ios++;
    s->ios[i]->auth = auth_io_new(s->auth);
    s->ios[i]->counts = s->counts[i] = http_count_new();
    rc = serve_io_new(s->serve, s->ios[i]->loop, &s->ios[i]->serve, e);
    return rc ? rc : io_daemon_open(s->ios[i], fd, &tls, e);
}

static int open_listeners(struct http_server *s, int *fds, struct err *e)
{
    int rc = listen_open(s->conf.listen, s->conf.io_threads, fds, s->bound, &s->loopback, e);

    if (rc || s->loopback || !s->conf.no_auth) return rc;
    for (int i = 0; i < s->conf.io_threads; i++) close(fds[i]);
    err_set(e, ERR_USAGE, "--no-auth would let everybody who reaches %s do anything", s->bound);
    return err_hint(e, "listen on a loopback address, or ask for keys: signalbox user add NAME");
}

static int open_threads(struct http_server *s, int *fds, struct err *e)
{
    int rc = 0, i = 0;

    for (; i < s->conf.io_threads && !rc; i++) rc = open_io(s, i, fds[i], e);
    for (; i < s->conf.io_threads; i++) close(fds[i]);
    for (i = 0; i < s->n_ios && !rc; i++) rc = io_start(s->ios[i], e);
    return rc;
}

static int open_loop(struct http_server *s, struct err *e)
{
    static const int signums[N_SIGNALS] = { SIGTERM, SIGINT, SIGHUP };
    int rc = loop_new(&s->loop, e);

    if (!rc) rc = loop_timer_new(s->loop, on_tick, s, &s->tick, e);
    if (!rc) rc = loop_async_new(s->loop, on_wake, s, &s->wake, e);
    for (int i = 0; i < N_SIGNALS && !rc; i++)
        rc = loop_signal_new(s->loop, signums[i], on_signal, s, &s->signals[i], e);
    return rc;
}

static int open_all(struct http_server *s, struct err *e)
{
    int fds[CONF_MAX_IO];
    int rc = conf_read(&s->cfg, s->args, &s->conf, e);

    if (!rc) rc = open_loop(s, e);
    if (!rc) rc = open_listeners(s, fds, e);
    if (rc) return rc;
    rc = open_workspace(s, e);
    if (!rc) return open_threads(s, fds, e);
    for (int i = 0; i < s->conf.io_threads; i++) close(fds[i]);
    return rc;
}

static const char *from_environment(const struct app_config *cfg, const char *name)
{
    return cfg->ports->secret ? cfg->ports->secret(cfg->ports->user, name) : NULL;
}

static void say_where(struct http_server *s)
{
    const char *scheme = s->conf.key.len ? "https" : "http";

    printf("listening on %s://%s\n", scheme, s->bound);
    fflush(stdout);
    log_line(s->cfg.log, LOG_INFO, "serve", "listening on %s://%s, %d I/O threads, workspace %s",
             scheme, s->bound, s->n_ios, s->cfg.dir);
    if (!s->loopback && !s->conf.key.len)
        log_line(s->cfg.log, LOG_WARN, "serve",
                 "keys cross the network in the clear: use --tls-cert, or a proxy with TLS");
    notify_send(s->notify, "READY=1");
}

/* ---- end ----------------------------------------------------------------------------- */

/* A verb may go on for minutes. Every change is a transaction, so the process may end in the
 * middle of it like after a crash. */
static void wait_for_verbs(struct http_server *s)
{
    while (verbthreads_busy(s->threads)) {
        if (clock_mono_us() >= s->end_by_us) {
            log_line(s->cfg.log, LOG_WARN, "serve",
                     "a verb was left unfinished; running it again completes it");
            fflush(NULL);
            _exit(0);
        }
        loop_run_once(s->loop, END_MS);
    }
}

static void close_all(struct http_server *s)
{
    for (int i = 0; i < s->n_ios; i++) io_join(s->ios[i]);
    serve_free(s->serve);
    s->serve = NULL;
    if (s->threads) {
        sched_free(s->sched);
        wait_for_verbs(s);
        verbthreads_free(s->threads);
        on_wake(s); /* their last words */
    }
    rollouts_free(s->rollouts);
    for (int i = 0; i < s->n_ios; i++) {
        auth_io_free(s->ios[i]->auth);
        http_count_free(s->counts[i]);
        io_free(s->ios[i]);
    }
    jobrunner_free(s->runner);
    auth_free(s->auth);
    facts_free(s->facts);
    for (int i = 0; i < N_SIGNALS; i++) loop_signal_free(s->signals[i]);
    loop_timer_free(s->tick);
    loop_async_free(s->wake);
    loop_free(s->loop);
    router_free(s->router);
    str_done(&s->openapi);
    conf_done(&s->conf);
    pthread_mutex_destroy(&s->lock);
}

int serve_main(const struct app_config *cfg, const struct val *args, struct err *e)
{
    struct http_server s = { .cfg = *cfg, .args = args };
    const char *watchdog = from_environment(cfg, "WATCHDOG_USEC");
    long long us = 0;

    pthread_mutex_init(&s.lock, NULL);
    s.router = router_new();
    openapi_write(s.router, &s.openapi);
    s.notify = from_environment(cfg, "NOTIFY_SOCKET");
    if (watchdog && str_to_i64(watchdog, &us)) s.watchdog_us = us;
    s.started_us = clock_now(cfg->clock);
    id_ulid(s.id, s.started_us);
    int rc = open_all(&s, e);
    if (!rc) {
        say_where(&s);
        on_tick(&s);
        loop_timer_start(s.tick, TICK_MS, TICK_MS);
        loop_run(s.loop);
        log_line(cfg->log, LOG_INFO, "serve", "stopped");
    } else if (s.loop) {
        stop(&s, 0);
    }
    close_all(&s);
    return rc ? err_exit(e->kind) : 0;
}
