/* test_verbthread.c: real verbs on real threads over a real workspace. */
#include "base/clock.h"
#include "run/verbthread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "ws.h"

struct bench {
    struct bench_ws ws;
    struct app_config cfg;
    struct loop *loop;
    struct verbthreads *t;
    pthread_t self;
    int answers, want;
    int rc[64];
    char state[64][16];
    char msg[1024];
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    ws_open(&b->ws);
    b->cfg = (struct app_config){ .dir = b->ws.dir, .actor = "tester", .clock = &clock_system };
    b->self = pthread_self();
    assert_int_equal(loop_new(&b->loop, NULL), 0);
    assert_int_equal(verbthreads_new(b->loop, &b->cfg, &b->t, NULL), 0);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    verbthreads_free(b->t);
    loop_free(b->loop);
    ws_close(&b->ws);
    free(b);
    return 0;
}

static void answered(void *user, int rc, const struct reply *r, const struct err *e)
{
    struct bench *b = user;

    assert_true(pthread_equal(pthread_self(), b->self));
    b->rc[b->answers] = rc;
    snprintf(b->state[b->answers], 16, "%s", val_get_str(r->v, "state", "-"));
    snprintf(b->msg, sizeof b->msg, "%s", e->msg);
    if (++b->answers == b->want) loop_stop(b->loop);
}

static uint64_t post(struct bench *b, const char *verb, const char *job)
{
    struct arena a = ARENA_INIT;
    struct val *args = val_obj(&a);
    uint64_t ticket;

    if (job) val_set_str(args, "job", job);
    ticket = verbthreads_post(b->t, verb_find(verb), args, answered, b);
    arena_done(&a); /* the arguments were copied */
    return ticket;
}

static void wait_for(struct bench *b, int n)
{
    b->want = n;
    if (b->answers < n) loop_run(b->loop);
    assert_int_equal(b->answers, n);
}

static void reads_answer_on_the_loop(void **state)
{
    struct bench *b = *state;

    for (int i = 0; i < 20; i++) assert_true(post(b, "job list", NULL) > 0);
    wait_for(b, 20);
    for (int i = 0; i < 20; i++) assert_int_equal(b->rc[i], 0);
}

static void errors_come_back(void **state)
{
    struct bench *b = *state;

    post(b, "job show", "01ARZ3NDEKTSV4RRFFQ69G5FAV");
    wait_for(b, 1);
    assert_int_equal(b->rc[0], -ERR_NOTFOUND);
    assert_true(b->msg[0]);
    post(b, "job show", NULL); /* a required argument is missing */
    wait_for(b, 2);
    assert_int_equal(b->rc[1], -ERR_USAGE);
}

static void writes_keep_their_order(void **state)
{
    struct bench *b = *state;
    char id[27];

    ws_add_job(&b->ws, "{}", 3, id);
    for (int i = 0; i < 5; i++) {
        post(b, "job cancel", id);
        post(b, "job retry", id);
    }
    wait_for(b, 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(b->rc[i], 0);
        assert_string_equal(b->state[i], i % 2 ? "ready" : "cancelled");
    }
}

static void a_dropped_read_is_not_answered(void **state)
{
    struct bench *b = *state;
    uint64_t dropped = post(b, "job list", NULL);

    verbthreads_cancel(b->t, dropped);
    verbthreads_cancel(b->t, 0);
    verbthreads_cancel(b->t, 12345);
    post(b, "job list", NULL);
    wait_for(b, 1);
    loop_run_once(b->loop, 50);
    assert_int_equal(b->answers, 1);
}

static void a_queued_write_is_done_before_the_end(void **state)
{
    struct bench *b = *state;
    char id[27];
    struct arena a = ARENA_INIT;
    struct job j;

    ws_add_job(&b->ws, "{}", 3, id);
    for (int i = 0; i < 20; i++) post(b, "job list", NULL);
    verbthreads_cancel(b->t, post(b, "job cancel", id));
    verbthreads_free(b->t);
    b->t = NULL;
    assert_int_equal(b->answers, 0);
    assert_int_equal(store_job_get(b->ws.store, &a, id, &j, NULL), 0);
    assert_string_equal(j.state, "cancelled");
    arena_done(&a);
}

static void no_workspace_is_an_error_at_once(void **state)
{
    struct bench *b = *state;
    struct app_config cfg = b->cfg;
    struct verbthreads *t;
    struct err e = ERR_INIT;

    cfg.dir = "/nonexistent/workspace";
    assert_int_equal(verbthreads_new(b->loop, &cfg, &t, &e), -ERR_NOTFOUND);
    assert_non_null(strstr(e.msg, "/nonexistent/workspace"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(reads_answer_on_the_loop),
        T(errors_come_back),
        T(writes_keep_their_order),
        T(a_dropped_read_is_not_answered),
        T(a_queued_write_is_done_before_the_end),
        T(no_workspace_is_an_error_at_once),
    };
    return cmocka_run_group_tests_name("run.verbthread", tests, NULL, NULL);
}
