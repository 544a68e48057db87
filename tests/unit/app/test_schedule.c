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
#include <signal.h>
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

/* Old predictions go only where somebody asked for it. */
static void pruning_is_asked_for(void **state)
{
    struct bench *b = *state;
    const char *path = arena_printf(&b->arena, "%s/signalbox.yaml", b->dir);
    const char *yaml = "monitoring: { models: { m: { prune_every: 1d, retention: 2d } } }\n"
                       "retrain: { schedule: 'off' }\n";
    struct prediction_totals t;

    add_traffic(b, "m");
    add_traffic(b, "other");
    assert_int_equal(file_write_atomic(path, yaml, strlen(yaml), NULL), 0);
    const struct val *v = call(b, &b->app, "schedule run", 0);
    assert_int_equal(val_len(val_get(v, "ran")), 3);
    assert_string_equal(field(v, "ran", 1, "name"), "prune:m");
    assert_int_equal(prediction_totals(b->app.store, "m", &t, NULL), 0);
    assert_int_equal(t.rows, 0);
    assert_int_equal(prediction_totals(b->app.store, "other", &t, NULL), 0);
    assert_int_equal(t.rows, 1);
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
    struct slot_state last;
    assert_int_equal(schedule_last(b->app.store, &b->arena, "check:m", &last, NULL), 0);
    assert_int_equal(last.slot_us, 20000 * DAY + (5 + 5 * (SLOTS - 1)) * MINUTE);
}

/* ---- processes that are killed ----------------------------------------------------------------
 */

/* A clock that kills whoever asks it for the n-th time. */
struct deadly_clock {
    struct clock clock; /* first */
    int64_t now_us;
    int *left;
};

static int64_t deadly_now(const struct clock *c)
{
    const struct deadly_clock *d = (const struct deadly_clock *)(const void *)c;

    if (--*d->left == 0) raise(SIGKILL);
    return d->now_us;
}

/* True: it came to the end before its n-th look at the clock. */
static bool run_killed_at(struct bench *b, int n)
{
    pid_t pid = fork();
    int status = 0;

    assert_true(pid >= 0);
    if (pid == 0) {
        struct deadly_clock clock = { { deadly_now, 0 }, clock_now(b->app.clock), &n };
        const struct app_config cfg = {
            .dir = b->dir, .actor = "other", .clock = &clock.clock, .ports = &b->ports
        };
        struct bench mine = { 0 };
        if (app_open(&mine.app, &cfg, NULL)) _exit(9);
        call(&mine, &mine.app, "schedule run", 0);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status)) assert_int_equal(status, 0);
    return !WIFSIGNALED(status);
}

static struct slot_state last_of(struct bench *b, const char *name)
{
    struct slot_state st;
    assert_int_equal(schedule_last(b->app.store, &b->arena, name, &st, NULL), 0);
    return st;
}

static bool is_left(struct bench *b, const char *name)
{
    struct slot_state st = last_of(b, name);
    return st.slot_us && !st.done_us;
}

/* Whatever the moment: while the lease lasts nobody takes what was begun, after it one does. */
static void a_killed_process_loses_no_slot(void **state)
{
    struct bench *b = *state;
    const char *path = arena_printf(&b->arena, "%s/signalbox.yaml", b->dir);
    const char *daily = "monitoring: { check_every: 1d }\nretrain: { schedule: '0 0 * * *' }\n";
    int taken_over = 0;
    bool whole = false;

    assert_int_equal(file_write_atomic(path, daily, strlen(daily), NULL), 0);
    add_traffic(b, "m");
    for (int n = 1; !whole; n++) {
        b->clock.fixed_us += DAY;
        whole = run_killed_at(b, n);
        bool check = is_left(b, "check:m"), retrain = is_left(b, "retrain:m");
        size_t begun =
            (check || last_of(b, "check:m").slot_us == b->clock.fixed_us / DAY * DAY) +
            (retrain || last_of(b, "retrain:m").slot_us == b->clock.fixed_us / DAY * DAY);
        const struct val *v = call(b, &b->app, "schedule run", 0);
        assert_int_equal(val_len(val_get(v, "ran")), 2 - begun);
        b->clock.fixed_us += SCHEDULE_LEASE_US;
        v = call(b, &b->app, "schedule run", 0);
        assert_int_equal(val_len(val_get(v, "ran")), check + retrain);
        taken_over += check + retrain;
        if (check + retrain)
            assert_int_equal(val_get_int(val_at(val_get(v, "ran"), 0), "tries", 0), 2);
        assert_false(is_left(b, "check:m") || is_left(b, "retrain:m"));
        assert_int_equal(val_len(val_get(call(b, &b->app, "schedule run", 0), "ran")), 0);
        assert_true(n < 1000);
    }
    assert_true(taken_over > 3);
}

/* What another process could not do for now is done when its time comes. */
static void a_postponed_slot_waits(void **state)
{
    struct bench *b = *state;
    const char *path = arena_printf(&b->arena, "%s/signalbox.yaml", b->dir);
    const char *daily = "monitoring: { check_every: 1d }\nretrain: { schedule: 'off' }\n";

    assert_int_equal(file_write_atomic(path, daily, strlen(daily), NULL), 0);
    add_traffic(b, "m");
    struct store *other;
    assert_int_equal(store_open(&other, b->dir, 0, &b->clock, NULL), 0);
    struct slot_claim c;
    bool won;
    int64_t slot = 20000 * DAY;
    assert_int_equal(schedule_claim(other, "check:m", slot, "x", &c, &won, NULL), 0);
    assert_int_equal(schedule_postpone(other, &c, NOW + MINUTE, NULL), 0);
    store_close(other);
    const struct val *v = call(b, &b->app, "schedule run", 0);
    assert_int_equal(val_len(val_get(v, "ran")), 0);
    assert_string_equal(val_get_str(v, "next_at", ""), "2024-10-04T00:08:00Z");
    b->clock.fixed_us += MINUTE;
    v = call(b, &b->app, "schedule list", 0);
    assert_string_equal(field(v, "schedules", 0, "state"), "left");
    v = call(b, &b->app, "schedule run", 0);
    assert_int_equal(val_len(val_get(v, "ran")), 1);
    v = call(b, &b->app, "schedule list", 0);
    assert_string_equal(field(v, "schedules", 0, "state"), "done");
    assert_non_null(strstr(field(v, "schedules", 0, "claimed_by"), "tester/"));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_due_without_traffic),
        TEST(a_slot_is_done_once),
        TEST(a_promotion_after_the_slot_waits_for_the_next),
        TEST(settings_say_when),
        TEST(pruning_is_asked_for),
        TEST(many_processes_share_the_slots),
        TEST(a_killed_process_loses_no_slot),
        TEST(a_postponed_slot_waits),
    };

    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
