/* io.c: an I/O thread: its loop, what other threads post to it, the deadlines of its connections,
 * and its end. Deadlines are absolute and swept four times a second: a client that sends a byte
 * now and then does not move them.
 *
 * The end: io_drain posts `draining`; the listening socket closes, idle connections go at once,
 * others after their answer; when the last one left, or at the deadline, the loop stops. A
 * request that a prediction is still owed for keeps the thread alive until it came: it goes
 * nowhere, but points into the request. What a verb owes may come after the thread, before
 * io_free. */
#include "http/priv.h"

#include "base/mem.h"
#include "serve/serve.h"

#include <linux/tcp.h> /* the C library's lacks tcpi_bytes_received */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SWEEP_MS = 250, DRAIN_MS = 20 };

/* ---- posts --------------------------------------------------------------------------- */

void http_io_post(struct http_io *io, void (*fn)(void *arg), void *arg)
{
    struct posted *p = mem_alloc(sizeof *p);

    *p = (struct posted){ .fn = fn, .arg = arg };
    pthread_mutex_lock(&io->lock);
    bool first = !io->posts;
    *io->posts_tail = p;
    io->posts_tail = &p->next;
    pthread_mutex_unlock(&io->lock);
    if (first) loop_async_send(io->wake);
}

static void run_posts(void *user)
{
    struct http_io *io = user;
    struct posted *p, *next;

    pthread_mutex_lock(&io->lock);
    p = io->posts;
    io->posts = NULL;
    io->posts_tail = &io->posts;
    pthread_mutex_unlock(&io->lock);
    for (; p; p = next) {
        next = p->next;
        p->fn(p->arg);
        free(p);
    }
}

struct serve_io *http_serve(const struct http_io *io)
{
    return io->serve;
}

struct loop *http_loop(const struct http_io *io)
{
    return io->loop;
}

/* ---- deadlines ----------------------------------------------------------------------- */

/* Has the client sent anything yet? One that did is told why it is cut off. */
static bool has_spoken(const struct http_conn *c)
{
    struct tcp_info info;
    socklen_t n = sizeof info;

    return !getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) && info.tcpi_bytes_received > 0;
}

static void overdue(struct http_conn *c)
{
    static const char late[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                               "Content-Type: application/json\r\nContent-Length: 71\r\n\r\n"
                               "{\"error_code\":\"DEADLINE_EXCEEDED\","
                               "\"message\":\"the request took too long\"}";
    bool asking = c->phase == CONN_BODY || (c->phase == CONN_HEAD && has_spoken(c));

    conn_cut(c, asking ? late : NULL);
}

static void sweep(void *user)
{
    struct http_io *io = user;
    int64_t now = clock_mono_us();

    for (struct http_conn *c = io->conns, *next; c; c = next) {
        next = c->next;
        if (c->deadline_us && now >= c->deadline_us) overdue(c);
    }
    for (struct io_daemon *d = io->daemons, *next; d; d = next) {
        next = d->next;
        if (d->retired && io_daemon_connections(d) == 0) io_daemon_close(d);
    }
}

/* ---- the end ------------------------------------------------------------------------- */

static void drain(void *user)
{
    struct http_io *io = user;
    bool late = clock_mono_us() >= io->ended_by_us;

    for (struct http_conn *c = io->conns, *next; c; c = next) {
        next = c->next;
        bool waits = c->phase == CONN_IDLE || (c->phase == CONN_HEAD && !has_spoken(c));
        if (waits || (late && c->phase != CONN_BUSY)) conn_cut(c, NULL);
        else if (late && c->req && c->req->state == REQ_PENDING) req_abandon(c->req);
    }
    if (io->n_conns) return;
    while (io->daemons) io_daemon_close(io->daemons);
    if (io->n_held == io->n_on_verb) loop_stop(io->loop);
}

static void begin_drain(void *user)
{
    struct http_io *io = user;

    if (io->draining) return;
    io->draining = true;
    for (struct io_daemon *d = io->daemons; d; d = d->next) {
        int fd = d->retired ? -1 : io_daemon_quiesce(d);
        if (fd >= 0) close(fd);
    }
    loop_timer_start(io->sweep, DRAIN_MS, DRAIN_MS);
    drain(io);
}

void io_drain(struct http_io *io, int64_t deadline_mono_us)
{
    atomic_store(&io->ended_by_us, deadline_mono_us);
    http_io_post(io, begin_drain, io);
}

static void on_timer(void *user)
{
    struct http_io *io = user;

    sweep(io);
    if (io->draining) drain(io);
}

/* ---- life ---------------------------------------------------------------------------- */

static void *thread_main(void *arg)
{
    struct http_io *io = arg;

    loop_timer_start(io->sweep, SWEEP_MS, SWEEP_MS);
    loop_run(io->loop);
    serve_io_free(io->serve);
    io->serve = NULL;
    server_io_ended(io->server);
    return NULL;
}

int io_new(struct http_server *s, int index, const struct http_limits *limits, struct http_io **ret,
           struct err *e)
{
    struct http_io *io = mem_zalloc(1, sizeof *io);

    *io = (struct http_io){ .server = s, .index = index, .limits = *limits };
    io->posts_tail = &io->posts;
    pthread_mutex_init(&io->lock, NULL);
    int rc = loop_new(&io->loop, e);
    if (!rc) rc = loop_async_new(io->loop, run_posts, io, &io->wake, e);
    if (!rc) rc = loop_timer_new(io->loop, on_timer, io, &io->sweep, e);
    if (rc) {
        io_free(io);
        return rc;
    }
    *ret = io;
    return 0;
}

int io_start(struct http_io *io, struct err *e)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&io->thread, NULL, thread_main, io);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc) return err_set(e, ERR_NOMEM, "cannot start a thread for connections");
    char name[16];
    snprintf(name, sizeof name, "io-%d", io->index);
    pthread_setname_np(io->thread, name); /* as top and taskset show it */
    io->started = true;
    return 0;
}

void io_join(struct http_io *io)
{
    if (io->started) pthread_join(io->thread, NULL);
    else if (io->serve) serve_io_free(io->serve);
    io->started = false;
    io->serve = NULL;
}

void io_free(struct http_io *io)
{
    if (!io) return;
    while (io->daemons) io_daemon_close(io->daemons);
    run_posts(io);
    while (io->free_reqs) req_destroy(io);
    loop_timer_free(io->sweep);
    loop_async_free(io->wake);
    loop_free(io->loop);
    pthread_mutex_destroy(&io->lock);
    free(io);
}
