/* loop.h: the event loop, a thin face on libuv so that nothing above run/ includes <uv.h>.
 * One loop a thread; handles are freed by their _free function or by loop_free. */
#pragma once
#include "base/err.h"
#include <stdint.h>

struct loop;
struct loop_fd;
struct loop_timer;
struct loop_signal;
struct loop_async;

int loop_new(struct loop **ret, struct err *e);
void loop_free(struct loop *l);
int loop_run(struct loop *l);  /* until loop_stop or nothing is left to wait for */
void loop_run_once(struct loop *l, int timeout_ms); /* one turn; -1 waits */
void loop_stop(struct loop *l);

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HANGUP = 4 };
int loop_fd_new(struct loop *l, int fd, int events, void (*cb)(void *user, int events, int error),
                void *user, struct loop_fd **ret, struct err *e);
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
