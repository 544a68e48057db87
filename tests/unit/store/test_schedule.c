/* test_schedule.c: slots and decisions of the retrain policy: one winner a slot, also among
 * processes; the last slot; old slots; decisions as they were made. */
#include "store/schedule.h"
#include "storetest.h"
#include <sys/wait.h>

#define DAY (86400 * 1000000LL)

static bool claim(struct fx *f, const char *name, int64_t slot_us)
{
    bool won;
    OK(schedule_claim(f->s, name, slot_us, &won, &f->e));
    return won;
}

static int64_t last(struct fx *f, const char *name)
{
    int64_t slot = -1;
    OK(schedule_last(f->s, name, &slot, &f->e));
    return slot;
}

static void test_a_slot_is_won_once(void **state)
{
    struct fx *f = *state;
    assert_int_equal(last(f, "check"), 0);
    assert_true(claim(f, "check", T0));
    assert_false(claim(f, "check", T0));
    assert_true(claim(f, "retrain", T0));
    assert_true(claim(f, "check", T0 + 60));
    assert_true(claim(f, "check", T0 + 30)); /* catching up */
    assert_int_equal(last(f, "check"), T0 + 60);
    bool won;
    FAILS(INVALID, schedule_claim(f->s, "", T0, &won, &f->e));
    OK(store_begin(f->s, &f->e));
    assert_true(claim(f, "check", T0 + 90));
    store_rollback(f->s); /* what went with it did not happen, so the slot is free */
    assert_true(claim(f, "check", T0 + 90));
}

static void test_old_slots_go_and_stay_gone(void **state)
{
    struct fx *f = *state;
    assert_true(claim(f, "check", T0));
    assert_true(claim(f, "check", T0 + 91 * DAY));
    assert_int_equal(fx_number(f, "SELECT count(*) FROM schedule_slot"), 1);
    assert_false(claim(f, "check", T0));
    assert_true(claim(f, "check", T0 + 2 * DAY));
    assert_int_equal(last(f, "check"), T0 + 91 * DAY);
}

enum { PROCESSES = 6, SLOTS = 40 };

static int compete(struct fx *f, int64_t *wins)
{
    fx_open(f);
    for (int64_t slot = 1; slot <= SLOTS; slot++) {
        bool won = false;
        if (schedule_claim(f->s, "check", T0 + slot, &won, &f->e) < 0) return 1;
        if (won) __atomic_fetch_add(&wins[slot], 1, __ATOMIC_SEQ_CST);
    }
    store_close(f->s);
    return 0;
}

static void test_processes_share_the_slots(void **state)
{
    struct fx *f = *state;
    size_t size = (SLOTS + 1) * sizeof(int64_t);
    int64_t *wins = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(wins != MAP_FAILED);
    pid_t pids[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) _exit(compete(f, wins));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    for (int slot = 1; slot <= SLOTS; slot++) assert_int_equal(wins[slot], 1);
    munmap(wins, size);
    fx_open(f);
    assert_int_equal(last(f, "check"), T0 + SLOTS);
}

/* -- decisions ---------------------------------------------------------------------------- */
static void test_decisions(void **state)
{
    struct fx *f = *state;
    struct retrain_row yes = { .id = "D1",
                               .model = "m",
                               .actor = "ann",
                               .trigger = "manual",
                               .should_retrain = true,
                               .job_id = "J1",
                               .duplicate_of = "J0",
                               .dedup_key = "k",
                               .decision = "{\"reasons\":[]}" };
    OK(retrain_add(f->s, &yes, &f->e));
    fx_tick(f, 1);
    OK(retrain_add(f->s, &(struct retrain_row){ .model = "m", .dry_run = true }, &f->e));
    OK(retrain_add(f->s, &(struct retrain_row){ .id = "D3", .model = "n", .at_us = T0 - 1 },
                   &f->e));
    struct retrain_row *l;
    size_t n;
    OK(retrain_list(f->s, &f->a, "m", 0, &l, &n, &f->e));
    assert_int_equal(n, 2);
    assert_true(l[0].dry_run && !l[0].should_retrain);
    assert_int_equal(strlen(l[0].id), 26);
    assert_string_equal(l[0].trigger, "policy");
    assert_string_equal(l[0].decision, "{}");
    assert_int_equal(l[0].at_us, T0 + 1);
    assert_null(l[0].job_id);
    assert_null(l[0].duplicate_of);
    assert_null(l[0].dedup_key);
    assert_true(l[1].should_retrain && !l[1].dry_run);
    assert_string_equal(l[1].id, "D1");
    assert_string_equal(l[1].actor, "ann");
    assert_string_equal(l[1].trigger, "manual");
    assert_string_equal(l[1].job_id, "J1");
    assert_string_equal(l[1].duplicate_of, "J0");
    assert_string_equal(l[1].dedup_key, "k");
    assert_string_equal(l[1].decision, "{\"reasons\":[]}");
    OK(retrain_list(f->s, &f->a, NULL, 0, &l, &n, &f->e));
    assert_int_equal(n, 3);
    assert_string_equal(l[2].id, "D3");
    OK(retrain_list(f->s, &f->a, NULL, 1, &l, &n, &f->e));
    assert_int_equal(n, 1);
    FAILS(EXISTS, retrain_add(f->s, &yes, &f->e));
    FAILS(CONFLICT,
          retrain_add(f->s, &(struct retrain_row){ .model = "m", .trigger = "whim" }, &f->e));
    FAILS(INVALID, retrain_add(f->s, &(struct retrain_row){ .model = "" }, &f->e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_slot_is_won_once),
        STORE_TEST(test_old_slots_go_and_stay_gone),
        STORE_TEST_CLOSED(test_processes_share_the_slots),
        STORE_TEST(test_decisions),
    };
    return STORE_GROUPS("schedule", tests);
}
