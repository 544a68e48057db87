/* test_verbtask.c: verbs on somebody's behalf: as whom they run, what they may open, that long ones
 * hold up nothing quick, and that each is answered exactly once. */
#include "base/clock.h"
#include "run/verbthread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <semaphore.h>
#include <time.h>
#include <unistd.h>

#include "ws.h"

enum { LONG_MS = 300, MANY = 200 };

struct bench {
    struct bench_ws ws;
    struct app_config cfg;
    struct loop *loop;
    struct verbthreads *t;
    struct arena arena;
};

struct task {
    struct verb_task task; /* first */
    sem_t done;
    int times, rc;
    struct reply reply;
    struct err err;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    ws_open(&b->ws);
    b->cfg = (struct app_config){ .dir = b->ws.dir, .actor = "owner", .clock = &clock_system };
    assert_int_equal(loop_new(&b->loop, NULL), 0);
    assert_int_equal(verbthreads_new_lanes(b->loop, &b->cfg, 2, &b->t, NULL), 0);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    verbthreads_free(b->t);
    loop_free(b->loop);
    ws_close(&b->ws);
    arena_done(&b->arena);
    free(b);
    return 0;
}

static void ran(struct verb_task *k, int rc, struct reply *r, struct err *e)
{
    struct task *t = (struct task *)k;

    t->times++;
    t->rc = rc;
    t->err = *e;
    t->reply = *r;
    reply_init(r);
    sem_post(&t->done);
}

static void submit(struct bench *b, struct task *t)
{
    t->task.done = ran;
    t->times = 0;
    sem_init(&t->done, 0, 0);
    verbthreads_submit(b->t, &t->task);
}

/* Within a second; its error kind. */
static int result(struct task *t, int ms)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    if (sem_timedwait(&t->done, &until)) fail_msg("no answer in %d ms", ms);
    reply_done(&t->reply);
    assert_int_equal(t->times, 1);
    return t->rc;
}

static int run(struct bench *b, const char *verb, const char *args, struct verb_task as)
{
    struct task t = { .task = as };
    struct val *v = NULL;

    assert_int_equal(val_parse_json(&b->arena, args, strlen(args), &v, NULL), 0);
    t.task.verb = verb_find(verb);
    t.task.args = v;
    submit(b, &t);
    return result(&t, 10000);
}

static void a_task_runs_as_whoever_it_is_for(void **state)
{
    struct bench *b = *state;
    const struct verb_task viewer = { .actor = "eve", .role = "viewer" };
    const struct verb_task developer = { .actor = "ann", .role = "developer" };
    struct verb_task dry = developer;

    dry.dry_run = true;
    assert_int_equal(run(b, "experiment create", "{\"name\": \"a\"}", viewer), -ERR_DENIED);
    assert_int_equal(run(b, "experiment create", "{\"name\": \"a\"}", dry), 0);
    assert_int_equal(run(b, "experiment create", "{\"name\": \"a\"}", developer), 0);
    assert_int_equal(run(b, "experiment create", "{\"name\": \"a\"}", developer), -ERR_EXISTS);
    /* and the next is again as configured */
    assert_int_equal(run(b, "init", "{}", (struct verb_task){ .dry_run = true }), 0);
}

static void a_remote_caller_opens_no_file(void **state)
{
    struct bench *b = *state;
    const struct verb_task remote = { .role = "admin", .remote = true },
                           local = { .role = "admin" };
    STR_AUTO file = STR_INIT;
    STR_AUTO args = STR_INIT;

    str_addf(&file, "%s/table.csv", b->ws.dir);
    assert_int_equal(file_write_atomic(str_c(&file), "x,y\n1,2\n3,4\n", 12, NULL), 0);
    str_addf(&args, "{\"data\": \"%s\"}", str_c(&file));
    assert_int_equal(run(b, "data profile", str_c(&args), local), 0);
    assert_int_equal(run(b, "data profile", str_c(&args), remote), -ERR_INVALID);
    assert_int_equal(run(b, "data profile", "{\"data\": \"-\"}", remote), -ERR_INVALID);
    assert_int_equal(run(b, "data profile", "{\"data\": \"/dev/stdin\"}", remote), -ERR_INVALID);
    str_clear(&args);
    str_addf(&args, "{\"file\": \"%s\", \"name\": \"t\"}", str_c(&file));
    assert_int_equal(run(b, "data import", str_c(&args), remote), -ERR_INVALID);
    assert_int_equal(run(b, "data import", str_c(&args), local), 0);
    assert_int_equal(run(b, "data profile", "{\"data\": \"t\"}", remote), 0);
    str_clear(&args);
    str_addf(&args, "{\"model\": \"%s\"}", str_c(&file));
    assert_int_equal(run(b, "explain", str_c(&args), remote), -ERR_INVALID);
    assert_int_equal(run(b, "explain", str_c(&args), local), -ERR_PARSE);
    assert_int_equal(run(b, "audit export", "{}", remote), -ERR_INVALID);
}

static int sleepy(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    (void)app, (void)args, (void)r, (void)e;
    usleep(LONG_MS * 1000);
    return 0;
}

static const struct param none[] = { { .name = NULL } };
static const struct verb long_write = {
    .name = "long write", .fn = sleepy, .params = none, .flags = VERB_WRITE | VERB_LONG
};
static const struct verb long_read = {
    .name = "long read", .fn = sleepy, .params = none, .flags = VERB_LONG
};
static const struct verb queueing = {
    .name = "queueing", .fn = sleepy, .params = none, .flags = VERB_WRITE | VERB_LONG | VERB_JOB
};

static void long_verbs_hold_up_nothing_quick(void **state)
{
    struct bench *b = *state;
    struct task slow[6] = { 0 };
    int64_t began = clock_mono_us();

    for (int i = 0; i < 6; i++) {
        slow[i].task = (struct verb_task){ .verb = i % 2 ? &long_read : &long_write };
        submit(b, &slow[i]);
    }
    for (int i = 0; i < 5; i++) {
        assert_int_equal(run(b, "job list", "{}", (struct verb_task){ .role = NULL }), 0);
        run(b, "experiment create", "{\"name\": \"x\"}", (struct verb_task){ .role = NULL });
    }
    assert_in_range(clock_mono_us() - began, 0, 2 * LONG_MS * 1000);
    assert_true(verbthreads_busy(b->t));
    for (int i = 0; i < 6; i++) assert_int_equal(result(&slow[i], 10000), 0);
    /* six of them on two threads */
    assert_in_range(clock_mono_us() - began, 3 * LONG_MS * 1000, 60000000);
}

/* A verb that only queues a job is no long one, and keeps its place among the writes. */
static void a_verb_that_queues_is_quick(void **state)
{
    struct bench *b = *state;
    struct task slow[2] = { 0 }, quick = { .task = { .verb = &queueing } };

    for (int i = 0; i < 2; i++) {
        slow[i].task = (struct verb_task){ .verb = &long_write };
        submit(b, &slow[i]);
    }
    int64_t began = clock_mono_us();
    submit(b, &quick);
    assert_int_equal(
        run(b, "experiment create", "{\"name\": \"x\"}", (struct verb_task){ .role = NULL }), 0);
    assert_int_equal(result(&quick, 1), 0); /* it came first */
    assert_in_range(clock_mono_us() - began, LONG_MS * 1000, 60000000);
    for (int i = 0; i < 2; i++) assert_int_equal(result(&slow[i], 10000), 0);
}

static int count(struct app *app, void *user, struct err *e)
{
    assert_non_null(app->store);
    *(int *)user += 1;
    return err_set(e, ERR_BUSY, "as told");
}

static void a_function_runs_with_the_store(void **state)
{
    struct bench *b = *state;
    int n = 0;
    struct task t = { .task = { .fn = count, .user = &n, .write = true } };

    submit(b, &t);
    assert_int_equal(result(&t, 10000), -ERR_BUSY);
    assert_int_equal(n, 1);
}

/* The end: what runs is waited for, writes are done, the rest is told. */
static void each_is_answered_once_at_the_end(void **state)
{
    struct bench *b = *state;
    static struct task t[MANY];
    int n = 0, told = 0, done = 0;

    for (int i = 0; i < MANY; i++) {
        t[i].task = i % 3 == 0   ? (struct verb_task){ .fn = count, .user = &n, .write = true }
                    : i % 3 == 1 ? (struct verb_task){ .verb = verb_find("job list") }
                                 : (struct verb_task){ .verb = &long_read };
        submit(b, &t[i]);
    }
    verbthreads_free(b->t);
    b->t = NULL;
    for (int i = 0; i < MANY; i++) {
        int rc = result(&t[i], 1);
        if (i % 3 == 0) assert_int_equal(rc, -ERR_BUSY);
        else told += rc == -ERR_BUSY;
        done += rc == 0;
    }
    assert_int_equal(n, (MANY + 2) / 3);
    assert_int_equal(told + done, MANY - n);
    assert_in_range(told, MANY / 3 - 2, MANY);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_task_runs_as_whoever_it_is_for), T(a_remote_caller_opens_no_file),
        T(long_verbs_hold_up_nothing_quick), T(a_verb_that_queues_is_quick),
        T(a_function_runs_with_the_store),   T(each_is_answered_once_at_the_end),
    };
    return cmocka_run_group_tests_name("run.verbtask", tests, NULL, NULL);
}
