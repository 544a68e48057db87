/* test_loop.c: the loop's handles against real timers, pipes, signals, threads and processes. */
#include "base/clock.h"
#include "run/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct seen {
    struct loop *loop;
    struct loop_timer *timer;
    struct loop_fd *fd;
    struct loop_async *async;
    struct loop_child *child;
    int calls, events, error, signum;
    int64_t status;
};

static int setup(void **state)
{
    struct seen *s = calloc(1, sizeof *s);

    assert_int_equal(loop_new(&s->loop, NULL), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct seen *s = *state;

    loop_free(s->loop);
    free(s);
    return 0;
}

static void count_three(void *user)
{
    struct seen *s = user;

    if (++s->calls == 3) {
        loop_timer_free(s->timer); /* from its own callback */
        s->timer = NULL;
    }
}

static void timer_repeats_and_ends(void **state)
{
    struct seen *s = *state;
    int64_t t0 = clock_mono_us();

    assert_int_equal(loop_timer_new(s->loop, count_three, s, &s->timer, NULL), 0);
    loop_timer_start(s->timer, 5, 5);
    loop_run(s->loop); /* returns: nothing is left */
    assert_int_equal(s->calls, 3);
    assert_true(clock_mono_us() - t0 >= 14000);
}

static void run_once_is_bounded(void **state)
{
    struct seen *s = *state;
    int64_t t0 = clock_mono_us();

    assert_int_equal(loop_timer_new(s->loop, count_three, s, &s->timer, NULL), 0);
    loop_timer_start(s->timer, 60000, 0);
    loop_run_once(s->loop, 0);
    assert_true(clock_mono_us() - t0 < 1000000);
    loop_run_once(s->loop, 20);
    assert_in_range(clock_mono_us() - t0, 19000, 5000000);
    assert_int_equal(s->calls, 0);
}

static void ready(void *user, int events, int error)
{
    struct seen *s = user;

    s->calls++;
    s->events = events;
    s->error = error;
    loop_stop(s->loop);
}

static void pipe_tells_of_bytes_and_keeps_flags(void **state)
{
    struct seen *s = *state;
    int p[2];
    char c;

    assert_int_equal(pipe(p), 0);
    assert_int_equal(loop_fd_new(s->loop, p[0], LOOP_READ | LOOP_HANGUP, ready, s, &s->fd, NULL),
                     0);
    assert_int_equal(fcntl(p[0], F_GETFL) & O_NONBLOCK, 0);
    loop_run_once(s->loop, 0);
    assert_int_equal(s->calls, 0);
    assert_int_equal(write(p[1], "x", 1), 1);
    loop_run(s->loop);
    assert_int_equal(s->calls, 1);
    assert_true(s->events & LOOP_READ);
    assert_int_equal(read(p[0], &c, 1), 1);
    close(p[1]);
    loop_run(s->loop);
    assert_int_equal(read(p[0], &c, 1), 0);
    loop_fd_events(s->fd, 0);
    s->calls = 0;
    loop_run_once(s->loop, 0);
    assert_int_equal(s->calls, 0);
    loop_fd_free(s->fd);
    loop_run_once(s->loop, 0);
    close(p[0]);
}

static void plain_file_is_refused(void **state)
{
    struct seen *s = *state;
    FILE *f = tmpfile();
    struct err e = ERR_INIT;

    assert_non_null(f);
    assert_int_equal(loop_fd_new(s->loop, fileno(f), LOOP_READ, ready, s, &s->fd, &e), -ERR_IO);
    assert_true(e.msg[0]);
    fclose(f);
    assert_int_equal(loop_fd_new(s->loop, 9999, LOOP_READ, ready, s, &s->fd, &e), -ERR_IO);
}

static void signal_seen(void *user, int signum)
{
    struct seen *s = user;

    s->signum = signum;
    loop_stop(s->loop);
}

static void signal_arrives(void **state)
{
    struct seen *s = *state;
    struct loop_signal *h;

    assert_int_equal(loop_signal_new(s->loop, SIGUSR1, signal_seen, s, &h, NULL), 0);
    assert_int_equal(raise(SIGUSR1), 0);
    loop_run(s->loop);
    assert_int_equal(s->signum, SIGUSR1);
    loop_signal_free(h);
}

static void woken(void *user)
{
    struct seen *s = user;

    s->calls++;
    loop_stop(s->loop);
}

static void *send_many(void *arg)
{
    struct seen *s = arg;

    for (int i = 0; i < 1000; i++) loop_async_send(s->async);
    return NULL;
}

static void async_wakes_from_another_thread(void **state)
{
    struct seen *s = *state;
    pthread_t t;

    assert_int_equal(loop_async_new(s->loop, woken, s, &s->async, NULL), 0);
    assert_int_equal(pthread_create(&t, NULL, send_many, s), 0);
    loop_run(s->loop);
    pthread_join(t, NULL);
    loop_run_once(s->loop, 0);
    assert_in_range(s->calls, 1, 1000);
}

static void child_gone(void *user, int64_t status, int signum)
{
    struct seen *s = user;

    s->calls++;
    s->status = status;
    s->signum = signum;
    loop_child_free(s->child);
}

static void child_gets_its_descriptors(void **state)
{
    struct seen *s = *state;
    int p[2];
    char buf[64];
    const char *const argv[] = { "sh", "-c", "echo \"$PWD $$\" >&3; cut -d' ' -f6 /proc/$$/stat >&3; exit 7",
                                 NULL };
    int fds[4] = { -1, -1, -1, 0 };
    struct loop_spawn sp = {
        .file = "/bin/sh", .argv = argv, .cwd = "/", .fds = fds, .n_fds = 4, .session = true
    };
    int pid, dollar, sid;
    ssize_t n;

    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    fds[3] = p[1];
    assert_int_equal(loop_child_new(s->loop, &sp, child_gone, s, &s->child, NULL), 0);
    close(p[1]);
    pid = loop_child_pid(s->child);
    loop_run(s->loop);
    assert_int_equal(s->calls, 1);
    assert_int_equal(s->status, 7);
    assert_int_equal(s->signum, 0);
    n = read(p[0], buf, sizeof buf - 1);
    assert_true(n > 0);
    buf[n] = 0;
    assert_int_equal(sscanf(buf, "/ %d %d", &dollar, &sid), 2);
    assert_int_equal(dollar, pid);
    assert_int_equal(sid, pid); /* leads a session of its own */
    close(p[0]);
}

static void missing_program_is_an_error(void **state)
{
    struct seen *s = *state;
    const char *const argv[] = { "nothing", NULL };
    struct loop_spawn sp = { .file = "/nonexistent/nothing", .argv = argv };
    struct err e = ERR_INIT;

    assert_int_equal(loop_child_new(s->loop, &sp, child_gone, s, &s->child, &e), -ERR_NOTFOUND);
    assert_non_null(strstr(e.msg, "/nonexistent/nothing"));
}

static void handles_left_are_freed_with_the_loop(void **state)
{
    struct seen *s = *state;
    const char *const argv[] = { "sleep", "0.2", NULL };
    struct loop_spawn sp = { .file = "/bin/sleep", .argv = argv };
    struct loop_signal *sig;

    assert_int_equal(loop_timer_new(s->loop, count_three, s, &s->timer, NULL), 0);
    loop_timer_start(s->timer, 1, 1);
    assert_int_equal(loop_signal_new(s->loop, SIGUSR2, signal_seen, s, &sig, NULL), 0);
    assert_int_equal(loop_async_new(s->loop, woken, s, &s->async, NULL), 0);
    assert_int_equal(loop_child_new(s->loop, &sp, child_gone, s, &s->child, NULL), 0);
    /* teardown frees the loop with all of them; the leak checker looks on */
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(timer_repeats_and_ends),
        T(run_once_is_bounded),
        T(pipe_tells_of_bytes_and_keeps_flags),
        T(plain_file_is_refused),
        T(signal_arrives),
        T(async_wakes_from_another_thread),
        T(child_gets_its_descriptors),
        T(missing_program_is_an_error),
        T(handles_left_are_freed_with_the_loop),
    };
    return cmocka_run_group_tests_name("run.loop", tests, NULL, NULL);
}
