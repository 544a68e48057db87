/* test_schedule.c: recurring work: what is due, that each slot is done once however many
 * processes run it, and that what fails stops nothing else. */
#include "app/registry.h"
#include "app/verb.h"
#include "base/file.h"
#include "store/prediction.h"
#include "store/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MINUTE 60000000LL
#define DAY    (1440 * MINUTE)
#define NOW    (20000 * DAY + 7 * MINUTE) /* Friday 2024-10-04, 00:07 */

struct bench {
    char dir[64];
    struct app app;
    struct clock clock;
    struct ports ports;
    struct arena arena;
};

static void add_traffic(struct bench *b, const char *model)
{
    const struct prediction p = { .request_id = "1",
                                  .at_us = NOW - 3 * DAY,
                                  .answer = "1",
                                  .probability = 0.5,
                                  .latency_ms = NAN };

    assert_int_equal(store_begin(b->app.store, NULL), 0);
    assert_int_equal(prediction_add(b->app.store, model, &p, NULL, NULL), 0);
    assert_int_equal(store_commit(b->app.store, NULL), 0);
}

static void promote(struct bench *b, const char *model)
{
    const struct registry_new in = {
        .name = model,
        .size = 1,
        .algorithm = "logistic",
        .task = "binary",
        .digest = "0000000000000000000000000000000000000000000000000000000000000000",
        .fp_signature = "1",
        .fp_architecture = "1",
        .fp_data = "1",
        .fp_params = "1",
    };
    struct registry_done done;
    struct registry_moved moved;

    assert_int_equal(store_begin(b->app.store, NULL), 0);
    assert_int_equal(registry_register(&b->app, &b->arena, &in, &done, NULL), 0);
    assert_int_equal(store_commit(b->app.store, NULL), 0);
    assert_int_equal(
        registry_promote(&b->app, &b->arena, model, 1, "Production", "test", &moved, NULL), 0);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    snprintf(b->dir, sizeof b->dir, "/tmp/sbxsched.XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    b->clock = clock_fixed(NOW - 10 * DAY);
    const struct app_config cfg = {
        .dir = b->dir, .create = true, .actor = "tester", .clock = &b->clock, .ports = &b->ports
    };
    assert_int_equal(app_open(&b->app, &cfg, NULL), 0);
    promote(b, "m");
    b->clock.fixed_us = NOW;
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    app_close(&b->app);
    arena_done(&b->arena);
    assert_int_equal(file_remove_tree(b->dir, NULL), 0);
    free(b);
    return 0;
}

static const struct val *call(struct bench *b, struct app *app, const char *verb, int64_t limit)
{
    struct val *in = val_obj(&b->arena);
    struct err e = ERR_INIT;
    struct reply r;

    if (limit) val_set_int(in, "limit", limit);
    reply_init(&r);
    if (verb_call(app, verb_find(verb), in, &r, &e)) fail_msg("%s: %s", verb, e.msg);
    const struct val *v = val_copy(&b->arena, r.v);
    reply_done(&r);
    return v;
}

static const char *field(const struct val *v, const char *list, size_t i, const char *key)
{
    return val_get_str(val_at(val_get(v, list), i), key, "");
}

static void nothing_is_due_without_traffic(void **state)
{
    struct bench *b = *state;

    assert_int_equal(val_len(val_get(call(b, &b->app, "schedule list", 0), "schedules")), 0);
    const struct val *v = call(b, &b->app, "schedule run", 0);
    assert_int_equal(val_len(val_get(v, "ran")), 0);
    assert_false(val_has(v, "next_at"));
}

static void a_slot_is_done_once(void **state)
{
    struct bench *b = *state;

    add_traffic(b, "m");
    const struct val *v = call(b, &b->app, "schedule list", 0);
    assert_int_equal(val_len(val_get(v, "schedules")), 2);
    assert_string_equal(field(v, "schedules", 0, "name"), "check:m");
    assert_string_equal(field(v, "schedules", 0, "next_at"), "2024-10-04T00:10:00Z");
    assert_string_equal(field(v, "schedules", 1, "name"), "retrain:m");
    assert_string_equal(field(v, "schedules", 1, "next_at"), "2024-10-07T03:00:00Z");
    v = call(b, &b->app, "schedule run", 1);
    assert_int_equal(val_len(val_get(v, "ran")), 1);
    assert_int_equal(val_get_int(v, "due", 0), 1);
    assert_string_equal(field(v, "ran", 0, "slot"), "2024-10-04T00:05:00Z");
    v = call(b, &b->app, "schedule run", 0);
    assert_int_equal(val_len(val_get(v, "ran")), 1);
    assert_string_equal(field(v, "ran", 0, "verb"), "retrain policy");
    assert_true(val_get_bool(val_at(val_get(v, "ran"), 0), "ok", false));
    assert_int_equal(val_len(val_get(call(b, &b->app, "schedule run", 0), "ran")), 0);
    struct retrain_row *row;
    size_t n;
    assert_int_equal(retrain_list(b->app.store, &b->arena, "m", 0, &row, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_string_equal(row[0].trigger, "schedule");
    b->clock.fixed_us += 60 * MINUTE; /* twelve slots were missed, one is made up for */
    v = call(b, &b->app, "schedule run", 0);
    assert_int_equal(val_len(val_get(v, "ran")), 1);
    assert_string_equal(field(v, "ran", 0, "slot"), "2024-10-04T01:05:00Z");
}

static void a_promotion_after_the_slot_waits_for_the_next(void **state)
{
    struct bench *b = *state;

    add_traffic(b, "new");
    promote(b, "new");
    const struct val *v = call(b, &b->app, "schedule run", 0);
    assert_int_equal(val_len(val_get(v, "ran")), 1);
    assert_string_equal(field(v, "ran", 0, "name"), "check:new");
}

static void settings_say_when(void **state)
{
    struct bench *b = *state;
    const char *path = arena_printf(&b->arena, "%s/signalbox.yaml", b->dir);
    const char *off = "monitoring: { models: { m: { check_every: '30 * * * *' } } }\n"
                      "retrain: { schedule: 'off' }\n";
    const char *wrong = "monitoring: { check_every: '61 * * * *' }\n";
    struct reply r;
    struct err e = ERR_INIT;

    add_traffic(b, "m");
    assert_int_equal(file_write_atomic(path, off, strlen(off), NULL), 0);
    const struct val *v = call(b, &b->app, "schedule list", 0);
    assert_int_equal(val_len(val_get(v, "schedules")), 1);
    assert_string_equal(field(v, "schedules", 0, "next_at"), "2024-10-04T00:30:00Z");
    assert_int_equal(file_write_atomic(path, wrong, strlen(wrong), NULL), 0);
    reply_init(&r);
    assert_int_equal(verb_call(&b->app, verb_find("schedule run"), NULL, &r, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "check:m"));
    reply_done(&r);
}

/* Processes that all come at the same slots: each slot is won once. */
static void many_processes_share_the_slots(void **state)
{
    enum { PROCESSES = 5, SLOTS = 6, SLOT_LEN = 20 };
    struct bench *b = *state;
    char done[SLOTS * PROCESSES + 1][SLOT_LEN];
    int news[2], gate[2], ran = 0;

    add_traffic(b, "m");
    assert_int_equal(pipe(news) | pipe(gate), 0);
    for (int i = 0; i < PROCESSES; i++) {
        if (fork()) continue;
        char c;
        struct bench mine = { 0 };
        struct clock clock = b->clock;
        const struct app_config cfg = {
            .dir = b->dir, .actor = "other", .clock = &clock, .ports = &b->ports
        };
        close(gate[1]);
        if (read(gate[0], &c, 1) != 0 || app_open(&mine.app, &cfg, NULL)) _exit(9);
        for (int k = 0; k < SLOTS; k++, clock.fixed_us += 5 * MINUTE + i) {
            const struct val *v = call(&mine, &mine.app, "schedule run", 0);
            for (size_t j = 0; j < val_len(val_get(v, "ran")); j++) {
                if (str_eq(field(v, "ran", j, "name"), "retrain:m")) continue;
                if (!val_get_bool(val_at(val_get(v, "ran"), j), "ok", false)) _exit(7);
                if (write(news[1], field(v, "ran", j, "slot"), SLOT_LEN) != SLOT_LEN) _exit(8);
            }
        }
        app_close(&mine.app);
        _exit(0);
    }
    close(gate[0]);
    close(gate[1]);
    close(news[1]);
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_true(wait(&status) > 0);
        if (status) fail_msg("status %x", status);
    }
    while (ran <= SLOTS * PROCESSES && read(news[0], done[ran], SLOT_LEN) == SLOT_LEN) ran++;
    close(news[0]);
    for (int i = 0; i < ran; i++)
        for (int k = 0; k < i; k++) assert_memory_not_equal(done[i], done[k], SLOT_LEN);
    /* a process that is ahead claims the newer slot, and the older one is then nobody's */
    assert_in_range(ran, 1, SLOTS);
    int64_t last;
    assert_int_equal(schedule_last(b->app.store, "check:m", &last, NULL), 0);
    assert_int_equal(last, 20000 * DAY + (5 + 5 * (SLOTS - 1)) * MINUTE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_due_without_traffic),
        TEST(a_slot_is_done_once),
        TEST(a_promotion_after_the_slot_waits_for_the_next),
        TEST(settings_say_when),
        TEST(many_processes_share_the_slots),
    };

    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
