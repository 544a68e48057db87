/* loop.c: libuv behind the names of loop.h; the only file that includes <uv.h>.
 *
 * Every handle is a struct whose first member is the common head with libuv's handle in it, so
 * closing is one function for all: uv_close and, when libuv is done with it a turn later,
 * free. loop_free closes what is left and turns the loop until every close has been heard.
 * A callback that frees its own handle is safe because the memory lives until then.
 *
 * Thread: the loop's own, but for loop_async_send. */
#include "run/loop.h"
#include "base/mem.h"

#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct loop {
    uv_loop_t uv;
    uv_timer_t turn; /* bounds loop_run_once */
};

/* What all handles begin with; uv.data points back to the struct. */
#define HANDLE_HEAD(type)                                                                          \
    union {                                                                                        \
        uv_handle_t handle;                                                                        \
        type uv;                                                                                   \
    }

struct loop_fd {
    HANDLE_HEAD(uv_poll_t);
    void (*cb)(void *user, int events, int error);
    void *user;
};
struct loop_timer {
    HANDLE_HEAD(uv_timer_t);
    void (*cb)(void *user);
    void *user;
};
struct loop_signal {
    HANDLE_HEAD(uv_signal_t);
    void (*cb)(void *user, int signum);
    void *user;
};
struct loop_async {
    HANDLE_HEAD(uv_async_t);
    void (*cb)(void *user);
    void *user;
};
struct loop_child {
    HANDLE_HEAD(uv_process_t);
    void (*exited)(void *user, int64_t status, int signum);
    void *user;
};

static int uv_fail(struct err *e, int rc, const char *what)
{
    enum err_kind kind = rc == UV_ENOMEM ? ERR_NOMEM : rc == UV_ENOENT ? ERR_NOTFOUND : ERR_IO;

    return err_set(e, kind, "%s: %s", what, uv_strerror(rc));
}

static void handle_closed(uv_handle_t *h)
{
    free(h->data);
}

/* self: the struct around the handle, or NULL when libuv refused to make it a handle. */
static void handle_close(uv_handle_t *h, void *self)
{
    assert(!uv_is_closing(h));
    h->data = self;
    uv_close(h, handle_closed);
}

static void close_left(uv_handle_t *h, void *arg)
{
    struct loop *l = arg;

    if (uv_is_closing(h)) return;
    if (h == (uv_handle_t *)&l->turn) uv_close(h, NULL);
    else handle_close(h, h->data);
}

int loop_new(struct loop **ret, struct err *e)
{
    struct loop *l = mem_zalloc(1, sizeof *l);
    int rc = uv_loop_init(&l->uv);

    if (rc < 0) {
        free(l);
        return uv_fail(e, rc, "cannot make an event loop");
    }
    rc = uv_timer_init(&l->uv, &l->turn);
    assert(rc == 0);
    *ret = l;
    return 0;
}

void loop_free(struct loop *l)
{
    int rc;

    if (!l) return;
    uv_walk(&l->uv, close_left, l);
    do {
        uv_run(&l->uv, UV_RUN_DEFAULT);
        rc = uv_loop_close(&l->uv);
    } while (rc == UV_EBUSY);
    assert(rc == 0);
    free(l);
}

int loop_run(struct loop *l)
{
    return uv_run(&l->uv, UV_RUN_DEFAULT);
}

static void turn_over(uv_timer_t *t)
{
    (void)t; /* its only purpose was to end the wait */
}

void loop_run_once(struct loop *l, int timeout_ms)
{
    if (timeout_ms <= 0) {
        uv_run(&l->uv, timeout_ms == 0 ? UV_RUN_NOWAIT : UV_RUN_ONCE);
        return;
    }
    uv_update_time(&l->uv);
    uv_timer_start(&l->turn, turn_over, (uint64_t)timeout_ms, 0);
    uv_run(&l->uv, UV_RUN_ONCE);
    uv_timer_stop(&l->turn);
}

void loop_stop(struct loop *l)
{
    uv_stop(&l->uv);
}

/* -- descriptors ---------------------------------------------------------- */

static int to_uv_events(int events)
{
    return (events & LOOP_READ ? UV_READABLE : 0) | (events & LOOP_WRITE ? UV_WRITABLE : 0) |
           (events & LOOP_HANGUP ? UV_DISCONNECT : 0);
}

static int from_uv_events(int events)
{
    return (events & UV_READABLE ? LOOP_READ : 0) | (events & UV_WRITABLE ? LOOP_WRITE : 0) |
           (events & UV_DISCONNECT ? LOOP_HANGUP : 0);
}

static void fd_ready(uv_poll_t *p, int status, int events)
{
    struct loop_fd *h = p->data;

    h->cb(h->user, from_uv_events(events), status < 0 ? -status : 0);
}

int loop_fd_new(struct loop *l, int fd, int events, void (*cb)(void *user, int events, int error),
                void *user, struct loop_fd **ret, struct err *e)
{
    int flags = fcntl(fd, F_GETFL);
    struct loop_fd *h;
    int rc;

    if (flags < 0) return err_sys(e, ERR_IO, "cannot wait for descriptor %d", fd);
    h = mem_zalloc(1, sizeof *h);
    rc = uv_poll_init(&l->uv, &h->uv, fd);
    fcntl(fd, F_SETFL, flags);
    if (rc < 0) {
        free(h);
        return uv_fail(e, rc, "cannot wait for a descriptor");
    }
    h->uv.data = h;
    h->cb = cb;
    h->user = user;
    loop_fd_events(h, events);
    *ret = h;
    return 0;
}

void loop_fd_events(struct loop_fd *h, int events)
{
    int rc = events ? uv_poll_start(&h->uv, to_uv_events(events), fd_ready) : uv_poll_stop(&h->uv);

    assert(rc == 0);
    (void)rc;
}

void loop_fd_free(struct loop_fd *h)
{
    if (h) handle_close(&h->handle, h);
}

/* -- timers --------------------------------------------------------------- */

static void timer_due(uv_timer_t *t)
{
    struct loop_timer *h = t->data;

    h->cb(h->user);
}

int loop_timer_new(struct loop *l, void (*cb)(void *user), void *user, struct loop_timer **ret,
                   struct err *e)
{
    struct loop_timer *h = mem_zalloc(1, sizeof *h);
    int rc = uv_timer_init(&l->uv, &h->uv);

    if (rc < 0) {
        free(h);
        return uv_fail(e, rc, "cannot make a timer");
    }
    h->uv.data = h;
    h->cb = cb;
    h->user = user;
    *ret = h;
    return 0;
}

void loop_timer_start(struct loop_timer *h, uint64_t after_ms, uint64_t repeat_ms)
{
    uv_update_time(h->uv.loop); /* the loop's idea of now is as old as this turn */
    uv_timer_start(&h->uv, timer_due, after_ms, repeat_ms);
}

void loop_timer_stop(struct loop_timer *h)
{
    uv_timer_stop(&h->uv);
}

void loop_timer_free(struct loop_timer *h)
{
    if (h) handle_close(&h->handle, h);
}

/* -- signals -------------------------------------------------------------- */

static void signal_came(uv_signal_t *s, int signum)
{
    struct loop_signal *h = s->data;

    h->cb(h->user, signum);
}

int loop_signal_new(struct loop *l, int signum, void (*cb)(void *user, int signum), void *user,
                    struct loop_signal **ret, struct err *e)
{
    struct loop_signal *h = mem_zalloc(1, sizeof *h);
    int rc = uv_signal_init(&l->uv, &h->uv);

    if (rc < 0) {
        free(h);
        return uv_fail(e, rc, "cannot watch for signals");
    }
    h->uv.data = h;
    h->cb = cb;
    h->user = user;
    rc = uv_signal_start(&h->uv, signal_came, signum);
    if (rc < 0) {
        handle_close(&h->handle, h);
        return uv_fail(e, rc, "cannot watch for a signal");
    }
    *ret = h;
    return 0;
}

void loop_signal_free(struct loop_signal *h)
{
    if (h) handle_close(&h->handle, h);
}

/* -- wake-ups from other threads ------------------------------------------ */

static void async_came(uv_async_t *a)
{
    struct loop_async *h = a->data;

    h->cb(h->user);
}

int loop_async_new(struct loop *l, void (*cb)(void *user), void *user, struct loop_async **ret,
                   struct err *e)
{
    struct loop_async *h = mem_zalloc(1, sizeof *h);
    int rc = uv_async_init(&l->uv, &h->uv, async_came);

    if (rc < 0) {
        free(h);
        return uv_fail(e, rc, "cannot make a wake-up");
    }
    h->uv.data = h;
    h->cb = cb;
    h->user = user;
    *ret = h;
    return 0;
}

void loop_async_send(struct loop_async *h)
{
    uv_async_send(&h->uv);
}

void loop_async_free(struct loop_async *h)
{
    if (h) handle_close(&h->handle, h);
}

/* -- processes ------------------------------------------------------------ */

enum { SPAWN_FDS = 8 };

static void child_exited(uv_process_t *p, int64_t status, int signum)
{
    struct loop_child *h = p->data;

    h->exited(h->user, status, signum);
}

int loop_child_new(struct loop *l, const struct loop_spawn *s,
                   void (*exited)(void *user, int64_t status, int signum), void *user,
                   struct loop_child **ret, struct err *e)
{
    struct loop_child *h = mem_zalloc(1, sizeof *h);
    uv_stdio_container_t stdio[SPAWN_FDS];
    uv_process_options_t o = { .exit_cb = child_exited,
                               .file = s->file,
                               .cwd = s->cwd,
                               .stdio = stdio,
                               .stdio_count = s->n_fds,
                               .flags = s->session ? UV_PROCESS_DETACHED : 0 };
    int rc;

    assert(s->n_fds <= SPAWN_FDS);
    for (int i = 0; i < s->n_fds; i++) {
        stdio[i].flags = s->fds[i] < 0 ? UV_IGNORE : UV_INHERIT_FD;
        stdio[i].data.fd = s->fds[i];
    }
    memcpy(&o.args, &s->argv, sizeof o.args); /* libuv's type lacks const; it changes nothing */
    h->uv.data = h;
    h->exited = exited;
    h->user = user;
    rc = uv_spawn(&l->uv, &h->uv, &o);
    if (rc < 0) {
        handle_close(&h->handle, h); /* a handle even when the spawn failed */
        return uv_fail(e, rc, s->file);
    }
    *ret = h;
    return 0;
}

int loop_child_pid(const struct loop_child *h)
{
    return uv_process_get_pid(&h->uv);
}

void loop_child_free(struct loop_child *h)
{
    if (h) handle_close(&h->handle, h);
}
