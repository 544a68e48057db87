/* test_sched.c: the scheduler on a real loop with real verb threads and the real clock: two of
 * them on one workspace, as in two consoles, do each slot once; a broken setting is survived. */
#include "run/sched.h"
#include "store/prediction.h"
#include "store/schedule.h"
#include "ws.h"

#include <math.h>

enum { RUN_MS = 2600 };

struct bench {
    struct bench_ws ws;
    struct loop *loop;
    struct loop_timer *end;
    struct verbthreads *threads[2];
    struct sched *sched[2];
    struct app_config cfg;
    struct ports ports;
    int done;
};

static void on_news(void *user)
{
    ((struct bench *)user)->done++;
}

static void on_end(void *user)
{
    loop_stop(user);
}

static void settings(struct bench *b, const char *yaml)
{
    char path[128];

    snprintf(path, sizeof path, "%s/signalbox.yaml", b->ws.dir);
    assert_int_equal(file_write_atomic(path, yaml, strlen(yaml), NULL), 0);
}

static void run_for(struct bench *b, uint64_t ms)
{
    loop_timer_start(b->end, ms, 0);
    loop_run(b->loop);
}

static int setup(void **state)
{
    const struct prediction p = { .request_id = "1",
                                  .at_us = 1700000000000000,
                                  .answer = "1",
                                  .probability = 0.5,
                                  .latency_ms = NAN };
    struct bench *b = calloc(1, sizeof *b);

    ws_open(&b->ws);
    assert_int_equal(store_begin(b->ws.store, NULL), 0);
    assert_int_equal(prediction_add(b->ws.store, "m", &p, NULL, NULL), 0);
    assert_int_equal(store_commit(b->ws.store, NULL), 0);
    b->cfg = (struct app_config){
        .dir = b->ws.dir, .actor = "tester", .clock = &clock_system, .ports = &b->ports
    };
    assert_int_equal(loop_new(&b->loop, NULL), 0);
    assert_int_equal(loop_timer_new(b->loop, on_end, b->loop, &b->end, NULL), 0);
    *state = b;
    return 0;
}

static void start(struct bench *b, int n)
{
    for (int i = 0; i < n; i++) {
        assert_int_equal(verbthreads_new(b->loop, &b->cfg, &b->threads[i], NULL), 0);
        assert_int_equal(
            sched_new(b->loop, b->threads[i], &clock_system, 0, on_news, b, &b->sched[i], NULL), 0);
    }
}

static int teardown(void **state)
{
    struct bench *b = *state;

    for (int i = 0; i < 2; i++) {
        sched_free(b->sched[i]);
        verbthreads_free(b->threads[i]);
    }
    loop_timer_free(b->end);
    loop_free(b->loop);
    ws_close(&b->ws);
    free(b);
    return 0;
}

static void two_do_each_slot_once(void **state)
{
    struct bench *b = *state;
    int64_t now = clock_now(&clock_system);
    struct arena a = ARENA_INIT;
    struct slot_state last;

    settings(b, "monitoring: { check_every: 1s }\n");
    start(b, 2);
    run_for(b, RUN_MS);
    int64_t slots = clock_now(&clock_system) / 1000000 - now / 1000000 + 1;
    assert_in_range(b->done, 2, slots);
    assert_int_equal(schedule_last(b->ws.store, &a, "check:m", &last, NULL), 0);
    arena_done(&a);
    assert_true(last.slot_us >= now / 1000000 * 1000000 + 1000000);
    assert_int_equal(last.slot_us % 1000000, 0);
}

static void a_broken_setting_is_survived(void **state)
{
    struct bench *b = *state;

    settings(b, "monitoring: { check_every: nonsense }\n");
    start(b, 1);
    run_for(b, 300);
    assert_int_equal(b->done, 0);
}

static void nothing_to_do_is_fine(void **state)
{
    struct bench *b = *state;

    settings(b, "monitoring: { check_every: '0 0 29 2 *' }\n");
    start(b, 1);
    run_for(b, 300);
    assert_int_equal(b->done, 1); /* the slot of the last leap day was missed */
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(two_do_each_slot_once),
        TEST(a_broken_setting_is_survived),
        TEST(nothing_to_do_is_fine),
    };

    return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
