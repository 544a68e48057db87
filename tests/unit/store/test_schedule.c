/* test_schedule.c: slots and decisions of the retrain policy: one winner a slot, also among
 * processes, and one heir of each that was killed; the last slot; old slots; decisions as they
 * were made. */
#include "store/schedule.h"
#include "storetest.h"
#include <signal.h>
#include <sys/wait.h>

#define DAY (86400 * 1000000LL)

static bool claim(struct fx *f, const char *name, int64_t slot_us)
{
    struct slot_claim c;
    bool won;
    OK(schedule_claim(f->s, name, slot_us, "me", &c, &won, &f->e));
    return won;
}

static int64_t last(struct fx *f, const char *name)
{
    struct slot_state st = { .slot_us = -1 };
    OK(schedule_last(f->s, &f->a, name, &st, &f->e));
    return st.slot_us;
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
    struct slot_claim c;
    bool won;
    FAILS(INVALID, schedule_claim(f->s, "", T0, "me", &c, &won, &f->e));
    FAILS(INVALID, schedule_claim(f->s, "check", T0, "", &c, &won, &f->e));
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

/* -- leases ------------------------------------------------------------------------------- */
static struct slot_claim claim_as(struct fx *f, const char *who)
{
    struct slot_claim c = { .name = "" };
    bool won = false;
    OK(schedule_claim(f->s, "check", T0, who, &c, &won, &f->e));
    assert_true(won);
    return c;
}

static struct slot_state state_of(struct fx *f)
{
    struct slot_state st;
    OK(schedule_last(f->s, &f->a, "check", &st, &f->e));
    return st;
}

static void test_done_is_done(void **state)
{
    struct fx *f = *state;
    struct slot_claim c = claim_as(f, "ann");
    struct slot_state st = state_of(f);
    assert_string_equal(st.claimant, "ann");
    assert_true(st.done_us == 0 && st.tries == 1);
    assert_int_equal(st.lease_until_us, T0 + SCHEDULE_LEASE_US);
    assert_false(schedule_left(&st, T0));
    OK(schedule_done(f->s, &c, &f->e));
    FAILS(LEASE, schedule_done(f->s, &c, &f->e));
    fx_tick(f, 2 * SCHEDULE_LEASE_US);
    assert_false(claim(f, "check", T0));
    st = state_of(f);
    assert_int_equal(st.done_us, T0);
    assert_false(schedule_left(&st, T0 + 2 * SCHEDULE_LEASE_US));
}

static void test_what_was_left_is_taken_over(void **state)
{
    struct fx *f = *state;
    struct slot_claim ann = claim_as(f, "ann");
    fx_tick(f, SCHEDULE_LEASE_US - 1);
    assert_false(claim(f, "check", T0));
    fx_tick(f, 1);
    struct slot_state st = state_of(f);
    assert_true(schedule_left(&st, T0 + SCHEDULE_LEASE_US));
    struct slot_claim ben = claim_as(f, "ben");
    assert_int_equal(ben.tries, 2);
    assert_false(claim(f, "check", T0));
    FAILS(LEASE, schedule_done(f->s, &ann, &f->e)); /* ann was only slow */
    FAILS(LEASE, schedule_postpone(f->s, &ann, T0, &f->e));
    OK(schedule_postpone(f->s, &ben, T0 + SCHEDULE_LEASE_US + 5, &f->e));
    assert_false(claim(f, "check", T0));
    fx_tick(f, 5);
    claim_as(f, "cid");
    fx_tick(f, 2 * SCHEDULE_LEASE_US);
    assert_false(claim(f, "check", T0)); /* three were enough */
    st = state_of(f);
    assert_string_equal(st.claimant, "cid");
    assert_false(schedule_left(&st, T0 + 100 * SCHEDULE_LEASE_US));
    assert_true(claim(f, "check", T0 + 1));
}

enum { PROCESSES = 6, SLOTS = 40 };

static int compete(struct fx *f, int64_t *wins)
{
    fx_open(f);
    for (int64_t slot = 1; slot <= SLOTS; slot++) {
        struct slot_claim c;
        bool won = false;
        if (schedule_claim(f->s, "check", T0 + slot, "me", &c, &won, &f->e) < 0) return 1;
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

/* Each process works on slot after slot and is killed at a moment of its own; the rest take over
 * what it left. done[slot] counts how often a slot was brought to its end, begun[slot] how often
 * it was begun. */
struct tallies {
    int64_t begun[SLOTS + 1], done[SLOTS + 1];
};

static int work(struct fx *f, struct tallies *t, int dies_at)
{
    int begun = 0;
    fx_open(f);
    for (int64_t slot = 1; slot <= SLOTS; slot++) {
        struct slot_claim c;
        bool won = false;
        if (schedule_claim(f->s, "check", T0 + slot, "me", &c, &won, &f->e) < 0) return 1;
        if (!won) continue;
        __atomic_fetch_add(&t->begun[slot], 1, __ATOMIC_SEQ_CST);
        if (++begun == dies_at) raise(SIGKILL);
        if (schedule_done(f->s, &c, &f->e) < 0) return 1;
        __atomic_fetch_add(&t->done[slot], 1, __ATOMIC_SEQ_CST);
    }
    store_close(f->s);
    return 0;
}

/* How many were killed. */
static int work_together(struct fx *f, struct tallies *t, bool die)
{
    pid_t pids[PROCESSES];
    int killed = 0;
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) _exit(work(f, t, die && i % 2 ? 1 + i / 2 : 0));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        if (WIFSIGNALED(status)) killed++;
        else assert_int_equal(status, 0);
    }
    return killed;
}

static void test_slots_of_the_killed_are_done_once(void **state)
{
    struct fx *f = *state;
    struct tallies *t =
        mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(t != MAP_FAILED);
    int killed = work_together(f, t, true), left = 0;
    for (int slot = 1; slot <= SLOTS; slot++) {
        assert_int_equal(t->begun[slot], 1);
        left += !t->done[slot];
    }
    assert_int_equal(left, killed);
    fx_tick(f, SCHEDULE_LEASE_US);
    assert_int_equal(work_together(f, t, false), 0);
    for (int slot = 1; slot <= SLOTS; slot++) assert_int_equal(t->done[slot], 1);
    munmap(t, sizeof *t);
    fx_open(f);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM schedule_slot WHERE done_us = 0"), 0);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM schedule_slot WHERE tries = 2"), killed);
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
        STORE_TEST(test_done_is_done),
        STORE_TEST(test_what_was_left_is_taken_over),
        STORE_TEST_CLOSED(test_processes_share_the_slots),
        STORE_TEST_CLOSED(test_slots_of_the_killed_are_done_once),
        STORE_TEST(test_decisions),
    };
    return STORE_GROUPS("schedule", tests);
}
