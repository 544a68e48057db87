/* test_job.c: the job queue in one process: every transition of the drawing in job.h, fences,
 * leases, retries with back-off, duplicates, serial keys, priorities, cancellation. */
#include "store/job.h"
#include "storetest.h"

#define SECOND 1000000LL

static void add(struct fx *f, const struct job *j, char id[27])
{
    bool duplicate = true;
    OK(store_job_add(f->s, j, id, &duplicate, &f->e));
    assert_false(duplicate);
}

static struct job get(struct fx *f, const char *id)
{
    struct job j;
    OK(store_job_get(f->s, &f->a, id, &j, &f->e));
    return j;
}

static struct fence claim(struct fx *f, const char *id)
{
    struct job j;
    OK(store_job_claim(f->s, &f->a, NULL, id, "w1", 42, &j, &f->e));
    return (struct fence){ j.id, j.attempt };
}

static int try_claim(struct fx *f)
{
    struct job j;
    return store_job_claim(f->s, &f->a, NULL, NULL, "w1", 42, &j, &f->e);
}

/* "added claimed succeeded" */
static const char *history(struct fx *f, const char *id)
{
    struct job_event *ev;
    size_t n;
    OK(store_job_events(f->s, &f->a, id, &ev, &n, &f->e));
    char *text = arena_strdup(&f->a, "");
    for (size_t i = 0; i < n; i++)
        text = arena_printf(&f->a, "%s%s%s", text, i ? ", " : "", ev[i].type);
    return text;
}

static void state_is(struct fx *f, const char *id, const char *state)
{
    assert_string_equal(get(f, id).state, state);
}

static const struct job plain = { .kind = "train", .payload = "{\"a\":1}", .actor = "ann" };

static void test_from_ready_to_succeeded(void **state)
{
    struct fx *f = *state;
    char id[27];
    bool cancel = true;
    add(f, &plain, id);
    struct job j = get(f, id);
    assert_string_equal(j.state, "ready");
    assert_string_equal(j.queue, "default");
    assert_int_equal(j.priority, 100);
    assert_int_equal(j.max_attempts, 3);
    assert_int_equal(j.attempt, 0);
    assert_string_equal(j.payload, "{\"a\":1}");
    assert_null(j.result);
    fx_tick(f, SECOND);
    struct fence w = claim(f, NULL);
    assert_string_equal(w.id, id);
    j = get(f, id);
    assert_string_equal(j.state, "running");
    assert_string_equal(j.worker, "w1");
    assert_int_equal(j.worker_pid, 42);
    assert_int_equal(j.attempt, 1);
    assert_int_equal(j.lease_until_us, T0 + SECOND + JOB_LEASE_US);
    assert_int_equal(j.started_us, T0 + SECOND);
    fx_tick(f, SECOND);
    OK(store_job_beat(f->s, w, 0.25, "round 1", &cancel, &f->e));
    assert_false(cancel);
    OK(store_job_beat(f->s, w, 0.5, NULL, NULL, &f->e));
    OK(store_job_set_run(f->s, w, "run1", &f->e));
    j = get(f, id);
    assert_true(j.progress == 0.5);
    assert_string_equal(j.message, "round 1");
    assert_int_equal(j.lease_until_us, T0 + 2 * SECOND + JOB_LEASE_US);
    bool found = false;
    OK(store_job_by_run(f->s, &f->a, "run1", &j, &found, &f->e));
    assert_true(found);
    OK(store_job_by_run(f->s, &f->a, "run2", &j, &found, &f->e));
    assert_false(found);
    fx_tick(f, SECOND);
    OK(store_job_finish(f->s, w, "{\"ok\":true}", &f->e));
    j = get(f, id);
    assert_string_equal(j.state, "succeeded");
    assert_string_equal(j.result, "{\"ok\":true}");
    assert_true(j.progress == 1);
    assert_int_equal(j.finished_us, T0 + 3 * SECOND);
    assert_string_equal(history(f, id), "added, claimed, succeeded");
    assert_int_equal(try_claim(f), -ERR_NOTFOUND);
}

static void test_progress_stays_within_bounds(void **state)
{
    struct fx *f = *state;
    char id[27];
    add(f, &plain, id);
    struct fence w = claim(f, NULL);
    OK(store_job_beat(f->s, w, 7, NULL, NULL, &f->e));
    assert_true(get(f, id).progress == 1);
    OK(store_job_beat(f->s, w, -1, NULL, NULL, &f->e));
    assert_true(get(f, id).progress == 0);
    OK(store_job_beat(f->s, w, 0.0 / (double)(f->clock->now == 0), NULL, NULL, &f->e)); /* NaN */
    assert_true(get(f, id).progress == 0);
}

static void test_a_stale_worker_is_told(void **state)
{
    struct fx *f = *state;
    char id[27];
    bool cancel;
    int64_t n;
    add(f, &plain, id);
    struct fence old = claim(f, NULL);
    fx_tick(f, JOB_LEASE_US + 1);
    OK(store_job_rescue(f->s, &n, &f->e));
    assert_int_equal(n, 1);
    FAILS(LEASE, store_job_beat(f->s, old, 0.5, NULL, &cancel, &f->e));
    struct fence now = claim(f, NULL);
    assert_int_equal(now.attempt, 2);
    FAILS(LEASE, store_job_beat(f->s, old, 0.5, NULL, &cancel, &f->e));
    FAILS(LEASE, store_job_finish(f->s, old, "{}", &f->e));
    FAILS(LEASE, store_job_fail(f->s, old, "x", true, &f->e));
    FAILS(LEASE, store_job_cancelled(f->s, old, &f->e));
    FAILS(LEASE, store_job_release(f->s, old, "x", &f->e));
    FAILS(LEASE, store_job_set_run(f->s, old, "r", &f->e));
    state_is(f, id, "running");
    OK(store_job_finish(f->s, now, NULL, &f->e));
    FAILS(LEASE, store_job_finish(f->s, now, NULL, &f->e)); /* only once */
    FAILS(LEASE, store_job_fail(f->s, now, "x", true, &f->e));
    state_is(f, id, "succeeded");
    assert_string_equal(history(f, id), "added, claimed, rescued, claimed, succeeded");
}

static void test_finishing_is_part_of_the_transaction(void **state)
{
    struct fx *f = *state;
    char id[27];
    add(f, &plain, id);
    struct fence w = claim(f, NULL);
    OK(store_begin(f->s, &f->e));
    OK(store_job_finish(f->s, w, "{}", &f->e));
    store_rollback(f->s);
    state_is(f, id, "running");
    OK(store_job_finish(f->s, w, "{}", &f->e));
}

/* -- failing ------------------------------------------------------------------------------ */
static void test_retries_wait_longer_and_longer(void **state)
{
    struct fx *f = *state;
    char id[27];
    struct job j = plain;
    j.max_attempts = 4;
    add(f, &j, id);
    for (int attempt = 1; attempt <= 4; attempt++) {
        struct fence w = claim(f, NULL);
        assert_int_equal(w.attempt, attempt);
        OK(store_job_fail(f->s, w, "disk on fire", true, &f->e));
        j = get(f, id);
        assert_string_equal(j.error, "disk on fire");
        if (attempt == 4) break;
        assert_string_equal(j.state, "scheduled");
        int64_t wait = j.run_at_us - f->clock->now, base = 2 * SECOND << (attempt - 1);
        assert_true(wait >= base / 2 && wait < base);
        assert_int_equal(try_claim(f), -ERR_NOTFOUND);
        fx_tick(f, wait - 1);
        assert_int_equal(try_claim(f), -ERR_NOTFOUND);
        fx_tick(f, 1);
    }
    assert_string_equal(j.state, "dead");
    assert_int_equal(j.attempt, 4);
    assert_int_equal(j.finished_us, f->clock->now);
    assert_string_equal(history(f, id), "added, claimed, failed, claimed, failed, claimed, failed, "
                                        "claimed, failed, dead");
}

static void test_the_back_off_has_a_cap(void **state)
{
    struct fx *f = *state;
    char id[27];
    struct job j = plain;
    j.max_attempts = 60;
    add(f, &j, id);
    for (int i = 0; i < 59; i++) {
        OK(store_job_fail(f->s, claim(f, NULL), "x", true, &f->e));
        int64_t wait = get(f, id).run_at_us - f->clock->now;
        assert_true(wait >= SECOND && wait <= 300 * SECOND);
        if (i > 10) assert_true(wait >= 150 * SECOND);
        fx_tick(f, wait);
    }
}

static void test_some_failures_are_final(void **state)
{
    struct fx *f = *state;
    char id[27];
    add(f, &plain, id);
    OK(store_job_fail(f->s, claim(f, NULL), "no such column", false, &f->e));
    state_is(f, id, "dead");
    assert_string_equal(history(f, id), "added, claimed, failed, dead");
}

static void test_success_clears_the_error(void **state)
{
    struct fx *f = *state;
    char id[27];
    add(f, &plain, id);
    OK(store_job_fail(f->s, claim(f, NULL), "x", true, &f->e));
    fx_tick(f, 10 * SECOND);
    OK(store_job_finish(f->s, claim(f, NULL), NULL, &f->e));
    assert_null(get(f, id).error);
}

static void test_release_is_at_once(void **state)
{
    struct fx *f = *state;
    char id[27];
    add(f, &plain, id);
    for (int i = 0; i < 3; i++) OK(store_job_release(f->s, claim(f, NULL), "killed", &f->e));
    state_is(f, id, "dead");
    assert_string_equal(get(f, id).error, "killed");
    OK(store_job_retry(f->s, id, &f->e));
    struct fence w = claim(f, id);
    assert_int_equal(w.attempt, 4); /* numbers go on: old fences stay dead */
    OK(store_job_finish(f->s, w, NULL, &f->e));
    FAILS(STATE, store_job_retry(f->s, id, &f->e));
    FAILS(NOTFOUND, store_job_retry(f->s, "nope", &f->e));
}

static void test_rescue_leaves_the_living_alone(void **state)
{
    struct fx *f = *state;
    char a[27], b[27];
    int64_t n = -1;
    add(f, &plain, a);
    add(f, &plain, b);
    struct fence wa = claim(f, a);
    claim(f, b);
    fx_tick(f, JOB_LEASE_US - 1);
    OK(store_job_rescue(f->s, &n, &f->e));
    assert_int_equal(n, 0);
    OK(store_job_beat(f->s, wa, 0.1, NULL, NULL, &f->e));
    fx_tick(f, 2);
    OK(store_job_rescue(f->s, &n, &f->e));
    assert_int_equal(n, 1);
    state_is(f, a, "running");
    state_is(f, b, "ready");
}

/* -- cancelling --------------------------------------------------------------------------- */
static void test_cancel_before_the_start(void **state)
{
    struct fx *f = *state;
    char id[27];
    add(f, &plain, id);
    OK(store_job_cancel(f->s, id, &f->e));
    state_is(f, id, "cancelled");
    assert_int_equal(try_claim(f), -ERR_NOTFOUND);
    FAILS(STATE, store_job_cancel(f->s, id, &f->e));
    FAILS(NOTFOUND, store_job_cancel(f->s, "nope", &f->e));
    OK(store_job_retry(f->s, id, &f->e));
    assert_false(get(f, id).cancel_requested);
    bool cancel = true;
    OK(store_job_beat(f->s, claim(f, NULL), 0, NULL, &cancel, &f->e));
    assert_false(cancel);
}

static void test_cancel_while_running(void **state)
{
    struct fx *f = *state;
    char id[27];
    bool cancel = false;
    add(f, &plain, id);
    struct fence w = claim(f, NULL);
    OK(store_job_cancel(f->s, id, &f->e));
    OK(store_job_cancel(f->s, id, &f->e));
    state_is(f, id, "running");
    OK(store_job_beat(f->s, w, 0, NULL, &cancel, &f->e));
    assert_true(cancel);
    OK(store_job_cancelled(f->s, w, &f->e));
    state_is(f, id, "cancelled");
    assert_string_equal(history(f, id),
                        "added, claimed, cancel requested, cancel requested, cancelled");
}

/* However the attempt ends, a cancelled job does not start again. */
static void test_cancel_wins_over_retry(void **state)
{
    struct fx *f = *state;
    char id[4][27];
    struct fence w[4];
    int64_t n;
    for (int i = 0; i < 4; i++) {
        add(f, &plain, id[i]);
        w[i] = claim(f, id[i]);
        OK(store_job_cancel(f->s, id[i], &f->e));
    }
    OK(store_job_fail(f->s, w[0], "x", true, &f->e));
    OK(store_job_release(f->s, w[1], "x", &f->e));
    OK(store_job_finish(f->s, w[2], NULL, &f->e)); /* was quicker */
    fx_tick(f, JOB_LEASE_US + 1);
    OK(store_job_rescue(f->s, &n, &f->e));
    state_is(f, id[0], "cancelled");
    state_is(f, id[1], "cancelled");
    state_is(f, id[2], "succeeded");
    state_is(f, id[3], "cancelled");
}

/* -- choosing ----------------------------------------------------------------------------- */
static void test_order_of_claims(void **state)
{
    struct fx *f = *state;
    char low[27], first[27], second[27], later[27], other[27];
    struct job j = plain;
    j.priority = 200;
    add(f, &j, low);
    j.priority = 50;
    add(f, &j, first);
    add(f, &j, second);
    j.priority = 1;
    j.run_at_us = T0 + SECOND;
    add(f, &j, later);
    j.run_at_us = 0;
    j.queue = "gpu";
    add(f, &j, other);
    state_is(f, later, "scheduled");
    assert_string_equal(claim(f, NULL).id, first);
    fx_tick(f, SECOND);
    state_is(f, later, "ready");
    assert_string_equal(claim(f, NULL).id, later);
    assert_string_equal(claim(f, NULL).id, second);
    assert_string_equal(claim(f, NULL).id, low);
    assert_int_equal(try_claim(f), -ERR_NOTFOUND);
    struct job got;
    OK(store_job_claim(f->s, &f->a, "gpu", NULL, "w", 1, &got, &f->e));
    assert_string_equal(got.id, other);
}

static void test_claim_by_id(void **state)
{
    struct fx *f = *state;
    char a[27], b[27];
    struct job j;
    add(f, &plain, a);
    add(f, &plain, b);
    OK(store_job_claim(f->s, &f->a, NULL, b, "w", 1, &j, &f->e));
    assert_string_equal(j.id, b);
    FAILS(NOTFOUND, store_job_claim(f->s, &f->a, NULL, b, "w", 1, &j, &f->e));
    FAILS(NOTFOUND, store_job_claim(f->s, &f->a, NULL, "nope", "w", 1, &j, &f->e));
}

static void test_duplicates(void **state)
{
    struct fx *f = *state;
    char a[27], b[27];
    bool duplicate = false;
    struct job j = plain;
    j.dedup_key = "retrain fraud";
    add(f, &j, a);
    OK(store_job_add(f->s, &j, b, &duplicate, &f->e));
    assert_true(duplicate);
    assert_string_equal(a, b);
    struct fence w = claim(f, NULL);
    OK(store_job_add(f->s, &j, b, &duplicate, &f->e)); /* running counts too */
    assert_true(duplicate);
    OK(store_job_fail(f->s, w, "x", true, &f->e));
    OK(store_job_add(f->s, &j, b, &duplicate, &f->e)); /* and waiting for a retry */
    assert_true(duplicate);
    OK(store_job_cancel(f->s, a, &f->e));
    OK(store_job_add(f->s, &j, b, &duplicate, &f->e));
    assert_false(duplicate);
    assert_string_not_equal(a, b);
    FAILS(CONFLICT, store_job_retry(f->s, a, &f->e)); /* b does that work now */
    assert_int_equal(fx_number(f, "SELECT count(*) FROM job"), 2);
}

static void test_serial_keys(void **state)
{
    struct fx *f = *state;
    char a[27], b[27], c[27];
    struct job j = plain;
    j.serial_key = "model fraud";
    add(f, &j, a);
    add(f, &j, b);
    j.serial_key = "model churn";
    add(f, &j, c);
    struct fence wa = claim(f, NULL);
    assert_string_equal(wa.id, a);
    assert_string_equal(claim(f, NULL).id, c); /* b has to wait */
    assert_int_equal(try_claim(f), -ERR_NOTFOUND);
    FAILS(NOTFOUND, store_job_claim(f->s, &f->a, NULL, b, "w", 1, &j, &f->e));
    OK(store_job_finish(f->s, wa, NULL, &f->e));
    assert_string_equal(claim(f, NULL).id, b);
}

/* -- looking ------------------------------------------------------------------------------ */
static void test_lists_and_counts(void **state)
{
    struct fx *f = *state;
    char id[7][27];
    struct job_counts c;
    struct job *list, j = plain;
    size_t n;
    for (int i = 0; i < 7; i++) {
        fx_tick(f, 2000);
        j.run_at_us = i == 6 ? T0 + 1000 * SECOND : 0;
        add(f, &j, id[i]);
    }
    OK(store_job_finish(f->s, claim(f, id[0]), NULL, &f->e));
    OK(store_job_fail(f->s, claim(f, id[1]), "x", false, &f->e));
    OK(store_job_cancel(f->s, id[2], &f->e));
    claim(f, id[3]);
    OK(store_job_counts(f->s, &c, &f->e));
    assert_int_equal(c.ready, 2);
    assert_int_equal(c.scheduled, 1);
    assert_int_equal(c.running, 1);
    assert_int_equal(c.succeeded, 1);
    assert_int_equal(c.dead, 1);
    assert_int_equal(c.cancelled, 1);
    OK(store_job_list(f->s, &f->a, NULL, 0, 0, &list, &n, &f->e));
    assert_int_equal(n, 7);
    assert_string_equal(list[0].id, id[6]);
    assert_string_equal(list[0].state, "scheduled");
    OK(store_job_list(f->s, &f->a, "ready", 0, 0, &list, &n, &f->e));
    assert_int_equal(n, 2);
    OK(store_job_list(f->s, &f->a, "scheduled", 0, 0, &list, &n, &f->e));
    assert_int_equal(n, 1);
    OK(store_job_list(f->s, &f->a, "dead", 0, 0, &list, &n, &f->e));
    assert_string_equal(list[0].id, id[1]);
    OK(store_job_list(f->s, &f->a, NULL, 2, 3, &list, &n, &f->e));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].id, id[3]);
}

static void test_ids_can_be_cut(void **state)
{
    struct fx *f = *state;
    char a[27], b[27], cut[27];
    struct job j;
    add(f, &plain, a);
    add(f, &plain, b);
    snprintf(cut, sizeof cut, "%.25s", a);
    FAILS(CONFLICT, store_job_get(f->s, &f->a, "01", &j, &f->e));
    FAILS(NOTFOUND, store_job_get(f->s, &f->a, "ZZZ", &j, &f->e));
    FAILS(INVALID, store_job_get(f->s, &f->a, "", &j, &f->e));
    for (char *p = a; *p; p++) *p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
    OK(store_job_get(f->s, &f->a, a, &j, &f->e)); /* any case */
}

static void test_adding_is_checked(void **state)
{
    struct fx *f = *state;
    char id[27];
    bool d;
    struct job none = { .actor = "a" }, many = { .kind = "k", .max_attempts = 5000 };
    FAILS(INVALID, store_job_add(f->s, &none, id, &d, &f->e));
    FAILS(INVALID, store_job_add(f->s, &many, id, &d, &f->e));
    size_t n = 2 * 1024 * 1024;
    char *big = mem_alloc(n);
    memset(big, 'x', n - 1);
    big[n - 1] = '\0';
    struct job large = { .kind = "k", .payload = big };
    FAILS(LIMIT, store_job_add(f->s, &large, id, &d, &f->e));
    free(big);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST(test_from_ready_to_succeeded),
        STORE_TEST(test_progress_stays_within_bounds),
        STORE_TEST(test_a_stale_worker_is_told),
        STORE_TEST(test_finishing_is_part_of_the_transaction),
        STORE_TEST(test_retries_wait_longer_and_longer),
        STORE_TEST(test_the_back_off_has_a_cap),
        STORE_TEST(test_some_failures_are_final),
        STORE_TEST(test_success_clears_the_error),
        STORE_TEST(test_release_is_at_once),
        STORE_TEST(test_rescue_leaves_the_living_alone),
        STORE_TEST(test_cancel_before_the_start),
        STORE_TEST(test_cancel_while_running),
        STORE_TEST(test_cancel_wins_over_retry),
        STORE_TEST(test_order_of_claims),
        STORE_TEST(test_claim_by_id),
        STORE_TEST(test_duplicates),
        STORE_TEST(test_serial_keys),
        STORE_TEST(test_lists_and_counts),
        STORE_TEST(test_ids_can_be_cut),
        STORE_TEST(test_adding_is_checked),
    };
    return STORE_GROUPS("store.job", tests);
}
