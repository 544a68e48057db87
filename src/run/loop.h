/* loop.h: the event loop, a thin face on libuv so that nothing above run/ includes <uv.h>.
 *
 * One loop a thread, and every call for it on that thread; only loop_async_send may come from
 * elsewhere. Handles are freed by their _free function or, those still there, by loop_free;
 * a callback may free its own handle. Times are milliseconds. */
#pragma once
#include "base/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_fd;
struct loop_timer;
struct loop_signal;
struct loop_async;
struct loop_child;

int loop_new(struct loop **ret, struct err *e);
void loop_free(struct loop *l); /* NULL is fine */
int loop_run(struct loop *l);   /* until loop_stop or nothing is left to wait for */
void loop_run_once(struct loop *l, int timeout_ms); /* one turn; -1 waits */
void loop_stop(struct loop *l);

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };
/* Level-triggered readiness of a terminal, pipe or socket (not of a plain file: ERR_IO). One
 * handle a descriptor. The flags of the descriptor stay as they are: libuv would set O_NONBLOCK,
 * which stdin and stdout of a terminal share. error: 0 or an errno; after an error no more
 * callbacks come. Free the handle before closing the descriptor. */
int loop_fd_new(struct loop *l, int fd, int events, void (*cb)(void *user, int events, int error),
                void *user, struct loop_fd **ret, struct err *e);
void loop_fd_events(struct loop_fd *h, int events); /* waits for these from now on; 0: nothing */
void loop_fd_free(struct loop_fd *h);
int loop_timer_new(struct loop *l, void (*cb)(void *user), void *user, struct loop_timer **ret,
                   struct err *e);
void loop_timer_start(struct loop_timer *h, uint64_t after_ms, uint64_t repeat_ms);
void loop_timer_stop(struct loop_timer *h);
void loop_timer_free(struct loop_timer *h);
int loop_signal_new(struct loop *l, int signum, void (*cb)(void *user, int signum), void *user,
                    struct loop_signal **ret, struct err *e);
void loop_signal_free(struct loop_signal *h);
/* loop_async_send may be called from any thread; calls may be merged into one. */
int loop_async_new(struct loop *l, void (*cb)(void *user), void *user, struct loop_async **ret,
                   struct err *e);
void loop_async_send(struct loop_async *h);
void loop_async_free(struct loop_async *h);

/* A process. It inherits the environment and exactly the descriptors of the table: fds[i]
 * becomes descriptor i, -1 is /dev/null (0..2) or closed. exited tells the exit status, or the
 * signal that ended it (status 0). Freeing the handle forgets the process, which goes on. */
struct loop_spawn {
    const char *file;
    const char *const *argv;  /* NULL-terminated */
    const char *cwd;          /* NULL: as here */
    const int *fds;
    int n_fds;
    bool session;             /* a session of its own: no signals of this terminal */
};
int loop_child_new(struct loop *l, const struct loop_spawn *s,
                   void (*exited)(void *user, int64_t status, int signum), void *user,
                   struct loop_child **ret, struct err *e);
int loop_child_pid(const struct loop_child *h);
void loop_child_free(struct loop_child *h);
