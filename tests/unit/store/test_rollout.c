/* test_rollout.c: documents change only from what was read, events are kept in order, counters of
 * several daemons add up, buckets and daemons are found again and go when they are old. */
#include "store/rollout.h"
#include "storetest.h"
#include <sys/wait.h>

static struct rollout_row row(const char *model, int64_t number, const char *document)
{
    return (
        struct rollout_row){ .model = model, .id = "R1", .number = number, .document = document };
}

static void test_a_change_names_what_it_read(void **state)
{
    struct fx *f = *state;
    struct rollout_row r = row("fraud", 0, "{}"), got;
    FAILS(NOTFOUND, rollout_get(f->s, &f->a, "fraud", &got, &f->e));
    OK(rollout_put(f->s, &r, &f->e));
    FAILS(CONFLICT, rollout_put(f->s, &r, &f->e)); /* there is one now */
    OK(rollout_get(f->s, &f->a, "fraud", &got, &f->e));
    assert_int_equal(got.number, 1);
    assert_string_equal(got.document, "{}");
    assert_string_equal(got.id, "R1");
    assert_int_equal(got.updated_us, T0);
    r = row("fraud", 1, "{\"a\":1}");
    fx_tick(f, 5);
    OK(rollout_put(f->s, &r, &f->e));
    FAILS(CONFLICT, rollout_put(f->s, &r, &f->e)); /* somebody else was first */
    OK(rollout_get(f->s, &f->a, "fraud", &got, &f->e));
    assert_int_equal(got.number, 2);
    assert_string_equal(got.document, "{\"a\":1}");
    assert_int_equal(got.updated_us, T0 + 5);
    r = row("churn", 0, "{}");
    OK(rollout_put(f->s, &r, &f->e));
    struct rollout_row *list;
    size_t n;
    OK(rollout_list(f->s, &f->a, &list, &n, &f->e));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].model, "churn");
    OK(rollout_delete(f->s, "churn", &f->e));
    FAILS(NOTFOUND, rollout_delete(f->s, "churn", &f->e));
    r = row("", 0, "{}");
    FAILS(INVALID, rollout_put(f->s, &r, &f->e));
    r = row("x", 0, NULL);
    FAILS(INVALID, rollout_put(f->s, &r, &f->e));
}

static void test_events(void **state)
{
    struct fx *f = *state;
    struct rollout_event *l;
    size_t n;
    for (int i = 0; i < 3; i++) {
        const struct rollout_event ev = {
            .model = i == 1 ? "b" : "a", .id = "R", .type = "step", .actor = "ann", .reason = "why"
        };
        fx_tick(f, 1);
        OK(rollout_event_add(f->s, &ev, &f->e));
    }
    OK(rollout_events(f->s, &f->a, "a", 0, &l, &n, &f->e));
    assert_int_equal(n, 2);
    assert_int_equal(l[0].seq, 3);
    assert_int_equal(l[0].at_us, T0 + 3);
    assert_string_equal(l[0].detail, "{}");
    assert_string_equal(l[0].actor, "ann");
    assert_string_equal(l[0].reason, "why");
    assert_int_equal(l[1].seq, 1);
    OK(rollout_events(f->s, &f->a, NULL, 2, &l, &n, &f->e));
    assert_int_equal(n, 2);
    assert_string_equal(l[1].model, "b");
    FAILS(INVALID, rollout_event_add(f->s, &(struct rollout_event){ .model = "a" }, &f->e));
}

static struct serving_sum counts(const char *model, int64_t version, int64_t at, int64_t requests)
{
    struct serving_sum d = { .model = model,
                             .role = "canary",
                             .rollout_id = "R",
                             .version = version,
                             .from_us = at,
                             .requests = requests,
                             .rows = 2 * requests,
                             .errors = 1,
                             .cached = 2,
                             .fallbacks = 3,
                             .compared = 4,
                             .agreed = 3,
                             .sum_abs_dp = 0.5,
                             .max_abs_dp = 0.1 * (double)requests,
                             .confusion = { 1, 2, 3, 4 } };
    for (int64_t i = 0; i < requests; i++) hist_add(&d.seconds, 0.001 * (double)version);
    hist_add(&d.abs_dp, 0.25);
    return d;
}

static void add(struct fx *f, struct serving_sum d)
{
    OK(store_begin(f->s, &f->e));
    OK(serving_add(f->s, &d, &f->e));
    OK(store_commit(f->s, &f->e));
}

static void test_counters_add_up(void **state)
{
    struct fx *f = *state;
    struct serving_sum *l;
    size_t n;
    add(f, counts("m", 1, T0 + 1, 5));
    add(f, counts("m", 1, T0 + 2, 3)); /* the same bucket, another daemon */
    add(f, counts("m", 1, T0 + SERVING_BUCKET_US, 2));
    add(f, counts("m", 2, T0, 7));
    add(f, counts("other", 2, T0, 1));
    OK(serving_sums(f->s, &f->a, "m", T0, T0 + 3 * SERVING_BUCKET_US, &l, &n, &f->e));
    assert_int_equal(n, 2);
    assert_int_equal(l[0].version, 1);
    assert_int_equal(l[0].requests, 10);
    assert_int_equal(l[0].rows, 20);
    assert_int_equal(l[0].errors, 3);
    assert_int_equal(l[0].cached, 6);
    assert_int_equal(l[0].fallbacks, 9);
    assert_int_equal(l[0].compared, 12);
    assert_int_equal(l[0].agreed, 9);
    assert_true(l[0].sum_abs_dp == 1.5);
    assert_true(l[0].max_abs_dp == 0.5);
    assert_int_equal(l[0].confusion[3], 12);
    assert_int_equal(l[0].seconds.n, 10);
    assert_int_equal(l[0].abs_dp.n, 3);
    assert_int_equal(l[0].from_us, T0);
    assert_int_equal(l[0].to_us, T0 + 2 * SERVING_BUCKET_US);
    assert_string_equal(l[0].role, "canary");
    assert_string_equal(l[0].rollout_id, "R");
    assert_int_equal(l[1].requests, 7);
    OK(serving_sums(f->s, &f->a, NULL, T0, T0 + 1, &l, &n, &f->e));
    assert_int_equal(n, 3);
    assert_int_equal(l[0].requests, 8); /* only the first bucket */
    OK(serving_buckets(f->s, &f->a, "m", T0, T0 + 3 * SERVING_BUCKET_US, &l, &n, &f->e));
    assert_int_equal(n, 3);
    assert_int_equal(l[0].from_us, T0);
    assert_int_equal(l[0].requests, 8);
    assert_int_equal(l[1].version, 2);
    assert_int_equal(l[2].from_us, T0 + SERVING_BUCKET_US);
    OK(serving_buckets(f->s, &f->a, NULL, T0, T0 + 1, &l, &n, &f->e));
    assert_int_equal(n, 3);
    OK(serving_prune(f->s, T0 + SERVING_BUCKET_US, &f->e));
    OK(serving_sums(f->s, &f->a, NULL, 0, INT64_MAX, &l, &n, &f->e));
    assert_int_equal(n, 1);
    assert_int_equal(l[0].requests, 2);
}

enum { PROCESSES = 4, ROUNDS = 25 };

static int count_away(struct fx *f)
{
    fx_open(f);
    for (int i = 0; i < ROUNDS; i++) {
        struct serving_sum d = counts("m", 1, T0, 1);
        if (store_begin(f->s, &f->e) < 0) return 1;
        if (serving_add(f->s, &d, &f->e) < 0) return 1;
        if (store_commit(f->s, &f->e) < 0) return 1;
    }
    store_close(f->s);
    return 0;
}

static void test_daemons_share_a_bucket(void **state)
{
    struct fx *f = *state;
    pid_t pids[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) _exit(count_away(f));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    fx_open(f);
    struct serving_sum *l;
    size_t n;
    OK(serving_sums(f->s, &f->a, "m", T0, T0 + 1, &l, &n, &f->e));
    assert_int_equal(n, 1);
    assert_int_equal(l[0].requests, PROCESSES * ROUNDS);
    assert_int_equal(l[0].seconds.n, PROCESSES * ROUNDS);
}

static void test_daemons(void **state)
{
    struct fx *f = *state;
    struct serving_daemon d = { .id = "D1", .listen = "127.0.0.1:5000", .pid = 7 }, *l;
    size_t n;
    OK(serving_daemon_put(f->s, &d, &f->e));
    fx_tick(f, 9);
    d.detail = "{\"queue\":1}";
    OK(serving_daemon_put(f->s, &d, &f->e));
    d = (struct serving_daemon){ .id = "D0", .started_us = 1 };
    OK(serving_daemon_put(f->s, &d, &f->e));
    OK(serving_daemons(f->s, &f->a, &l, &n, &f->e));
    assert_int_equal(n, 2);
    assert_string_equal(l[0].id, "D1");
    assert_string_equal(l[0].detail, "{\"queue\":1}");
    assert_string_equal(l[0].listen, "127.0.0.1:5000");
    assert_int_equal(l[0].pid, 7);
    assert_int_equal(l[0].seen_us, T0 + 9);
    FAILS(INVALID, serving_daemon_put(f->s, &(struct serving_daemon){ 0 }, &f->e));
    OK(serving_prune(f->s, T0 + 20 * SERVING_BUCKET_US, &f->e));
    OK(serving_daemons(f->s, &f->a, &l, &n, &f->e));
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_a_change_names_what_it_read),
        STORE_TEST(test_events),
        STORE_TEST(test_counters_add_up),
        STORE_TEST_CLOSED(test_daemons_share_a_bucket),
        STORE_TEST(test_daemons),
    };
    return STORE_GROUPS("rollout", tests);
}
