/* test_spawn.c: starting, following and the console's runner, with real processes.
 *
 * The workers are this very program: called as `… worker --job ID` it claims the job through
 * the store and does what the payload says: finish, die by SIGKILL (always, or in the first
 * attempt only), never claim, or run until cancellation is asked for. */
#include "app/app.h"
#include "app/jobs.h"
#include "run/spawn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "ws.h"

/* -- the worker ------------------------------------------------------------ */

static void until_cancelled(struct store *s, struct fence f, int news)
{
    bool cancel = false;

    if (write(news, "{\"progress\":0.5,\"message\":\"half\"}\n", 34) < 0) _exit(9);
    for (int i = 0; i < 1000 && !cancel; i++) {
        usleep(10000);
        if (store_job_beat(s, f, 0.25, "quarter", &cancel, NULL) < 0) _exit(8);
    }
    store_job_cancelled(s, f, NULL);
}

static int worker(const char *dir, const char *id, bool followed)
{
    struct arena a = ARENA_INIT;
    struct store *s;
    struct job j, before;

    if (store_open(&s, dir, 0, &clock_system, NULL) < 0) return 7;
    if (store_job_get(s, &a, id, &before, NULL) < 0 || strstr(before.payload, "never")) return 6;
    if (store_job_claim(s, &a, "default", id, "test-worker", getpid(), &j, NULL) < 0) return 75;
    struct fence f = { j.id, j.attempt };
    printf("attempt %d\n", (int)j.attempt);
    fflush(stdout);
    if (strstr(j.payload, "die-always") || (strstr(j.payload, "die-once") && j.attempt == 1))
        kill(getpid(), SIGKILL);
    if (strstr(j.payload, "until-cancelled")) until_cancelled(s, f, followed ? 3 : 1);
    else if (store_job_finish(s, f, "{\"ok\":true}", NULL) < 0) return 5;
    store_close(s);
    arena_done(&a);
    return 0;
}

/* -- the tests -------------------------------------------------------------- */

struct bench {
    struct bench_ws ws;
    volatile int interrupt;
    struct follower f;
    struct ports ports;
    int news;
    bool half;
    char last_state[16];
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    ws_open(&b->ws);
    b->f = (struct follower){ .interrupt = &b->interrupt };
    b->ports = ports_process(&b->f);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    ws_close(&b->ws);
    free(b);
    return 0;
}

static void heard(void *arg, const struct job_news *n)
{
    struct bench *b = arg;

    b->news++;
    if (n->progress == 0.5 && str_eq(n->message, "half")) b->half = true;
    snprintf(b->last_state, sizeof b->last_state, "%s", n->state);
    if (str_eq(n->message, "quarter")) b->interrupt = 1; /* Ctrl-C once it runs */
}

static struct job job_now(struct bench *b, struct arena *a, const char *id)
{
    struct job j;

    assert_int_equal(store_job_get(b->ws.store, a, id, &j, NULL), 0);
    return j;
}

static void followed_to_the_end(void **state)
{
    struct bench *b = *state;
    struct arena a = ARENA_INIT;
    STR_AUTO log = STR_INIT;
    char id[27];

    ws_add_job(&b->ws, "{}", 3, id);
    assert_int_equal(b->ports.job_follow(&b->f, b->ws.dir, id, heard, b, NULL), 0);
    assert_string_equal(job_now(b, &a, id).state, "succeeded");
    assert_string_equal(b->last_state, "succeeded");
    assert_int_equal(file_read(job_log_path(&a, b->ws.dir, id), 1 << 20, &log, NULL), 0);
    assert_non_null(strstr(str_c(&log), "attempt 1"));
    /* an ended job is followed to where it is */
    assert_int_equal(b->ports.job_follow(&b->f, b->ws.dir, id, heard, b, NULL), 0);
    arena_done(&a);
}

static void a_killed_worker_costs_one_attempt(void **state)
{
    struct bench *b = *state;
    struct arena a = ARENA_INIT;
    char id[27];

    ws_add_job(&b->ws, "{\"do\":\"die-once\"}", 3, id);
    assert_int_equal(b->ports.job_follow(&b->f, b->ws.dir, id, heard, b, NULL), 0);
    assert_string_equal(job_now(b, &a, id).state, "succeeded");
    assert_int_equal(job_now(b, &a, id).attempt, 2);
    arena_done(&a);
}

static void attempts_run_out(void **state)
{
    struct bench *b = *state;
    struct arena a = ARENA_INIT;
    char id[27];

    ws_add_job(&b->ws, "{\"do\":\"die-always\"}", 2, id);
    assert_int_equal(b->ports.job_follow(&b->f, b->ws.dir, id, heard, b, NULL), 0);
    assert_string_equal(job_now(b, &a, id).state, "dead");
    assert_int_equal(job_now(b, &a, id).attempt, 2);
    assert_non_null(strstr(job_now(b, &a, id).error, "signal 9"));
    arena_done(&a);
}

static void a_worker_that_cannot_start_is_an_error(void **state)
{
    struct bench *b = *state;
    struct err e = ERR_INIT;
    char id[27];

    ws_add_job(&b->ws, "{\"do\":\"never\"}", 3, id);
    assert_int_equal(b->ports.job_follow(&b->f, b->ws.dir, id, heard, b, &e), -ERR_INTERNAL);
    assert_non_null(strstr(e.hint, "log"));
}

static void an_interrupt_cancels(void **state)
{
    struct bench *b = *state;
    struct arena a = ARENA_INIT;
    char id[27];

    ws_add_job(&b->ws, "{\"do\":\"until-cancelled\"}", 3, id);
    assert_int_equal(b->ports.job_follow(&b->f, b->ws.dir, id, heard, b, NULL), 0);
    assert_string_equal(job_now(b, &a, id).state, "cancelled");
    assert_true(b->half); /* came through the pipe */
    arena_done(&a);
}

static void *follow_in_thread(void *arg)
{
    void **x = arg;
    struct bench *b = x[0];

    x[2] = (void *)(intptr_t)b->ports.job_follow(&b->f, b->ws.dir, x[1], NULL, NULL, NULL);
    return NULL;
}

static void two_may_follow(void **state)
{
    struct bench *b = *state;
    struct arena a = ARENA_INIT;
    char id[27];
    void *x[3] = { b, id, (void *)1 };
    pthread_t t;

    ws_add_job(&b->ws, "{\"do\":\"die-once\"}", 3, id);
    assert_int_equal(pthread_create(&t, NULL, follow_in_thread, x), 0);
    assert_int_equal(b->ports.job_follow(&b->f, b->ws.dir, id, heard, b, NULL), 0);
    pthread_join(t, NULL);
    assert_null(x[2]);
    assert_string_equal(job_now(b, &a, id).state, "succeeded");
    assert_int_equal(job_now(b, &a, id).attempt, 2);
    arena_done(&a);
}

static void wait_ended(struct bench *b, struct loop *l, struct jobrunner *r, char ids[][27], int n)
{
    for (int turn = 0; turn < 400; turn++) {
        struct arena a = ARENA_INIT;
        int ended = 0;
        for (int i = 0; i < n; i++) {
            struct job j = job_now(b, &a, ids[i]);
            ended += job_ended(&j);
        }
        arena_done(&a);
        if (ended == n) return;
        if (l && turn % 10 == 9) jobrunner_notify(r); /* not to wait 5 s after a hasty death */
        if (l) loop_run_once(l, 20);
        else usleep(20000);
    }
    fail_msg("the jobs did not end");
}

static void started_and_left_alone(void **state)
{
    struct bench *b = *state;
    char id[1][27];

    ws_add_job(&b->ws, "{}", 3, id[0]);
    assert_int_equal(b->ports.job_start(&b->f, b->ws.dir, id[0], NULL), 0);
    wait_ended(b, NULL, NULL, id, 1);
}

static void the_runner_works_the_queue_off(void **state)
{
    struct bench *b = *state;
    struct app_config cfg = { .dir = b->ws.dir, .actor = "tester", .clock = &clock_system };
    struct arena a = ARENA_INIT;
    struct jobrunner *r;
    struct loop *l;
    char ids[5][27];

    for (int i = 0; i < 4; i++) ws_add_job(&b->ws, "{}", 3, ids[i]);
    assert_int_equal(loop_new(&l, NULL), 0);
    assert_int_equal(jobrunner_new(l, &cfg, 2, &r, NULL), 0);
    wait_ended(b, l, r, ids, 4);
    ws_add_job(&b->ws, "{\"do\":\"die-once\"}", 3, ids[4]);
    struct ports p = ports_jobrunner(r);
    assert_int_equal(p.job_start(p.user, b->ws.dir, ids[4], NULL), 0);
    wait_ended(b, l, r, ids, 5);
    assert_int_equal(job_now(b, &a, ids[4]).attempt, 2);
    for (int i = 0; i < 5; i++) assert_string_equal(job_now(b, &a, ids[i]).state, "succeeded");
    jobrunner_free(r);
    loop_free(l);
    arena_done(&a);
}

int main(int argc, char **argv)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(followed_to_the_end),    T(a_killed_worker_costs_one_attempt),
        T(attempts_run_out),       T(a_worker_that_cannot_start_is_an_error),
        T(an_interrupt_cancels),   T(two_may_follow),
        T(started_and_left_alone), T(the_runner_works_the_queue_off),
    };
    /* -w DIR worker --job ID [--news=3] */
    if (argc >= 6 && str_eq(argv[3], "worker")) return worker(argv[2], argv[5], argc > 6);
    return cmocka_run_group_tests_name("run.spawn", tests, NULL, NULL);
}
