/* test_mode.c: which arms of a route are asked, in which order, and what becomes of it: shares,
 * the fallback chain, deadlines, breakers, hard limits, counters. The scorer is scripted
 * (modetest.h); models are real. */
#include "base/clock.h"
#include "base/mem.h"
#include "modetest.h"
#include "sample.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct model *binary, *kinds, *price;

static int make_models(void **state)
{
    (void)state;
    binary = sample_model("logistic", "buys", NULL, NULL);
    kinds = sample_model("logistic", "kind", NULL, NULL);
    price = sample_model("linear", "price", NULL, NULL);
    return 0;
}

static int drop_models(void **state)
{
    (void)state;
    model_free(binary);
    model_free(kinds);
    model_free(price);
    return 0;
}

static void start(enum rollout_mode mode, size_t n)
{
    const struct model *models[] = { binary, binary, binary, binary };

    fake_setup(mode, n, models);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < FAKE_ROWS; k++) fake.script[i].p[k] = 0.1 * (double)(i + 1);
    fake_rows(1);
}

static void start_canary(double share)
{
    start(ROLLOUT_canary, 2);
    fake.docs[0].share = 1 - share;
    fake.docs[1] = (struct rollout_arm){ 2, "canary", share };
    fake_ready();
}

static void answered_by(size_t arm)
{
    assert_int_equal(fake.call.rc, 0);
    assert_ptr_equal(fake.call.arm, &fake.arms[arm]);
    assert_true(fabs(fake.call.p[0] - fake.script[arm].p[0]) < 1e-15);
}

/* ---- who is asked ----------------------------------------------------------------------- */

static void single(void **state)
{
    (void)state;
    start(ROLLOUT_single, 1);
    fake_ready();
    assert_int_equal(fake_ask(NULL), 0);
    answered_by(0);
    assert_string_equal(fake.call.arm_role, "production");
    assert_null(fake.call.fallback);
    assert_false(fake.call.sticky);
    assert_int_equal(fake.script[0].asked_now, 1);
    assert_int_equal(fake.cached_puts, 1);
    assert_int_equal(fake_count(1, "production").requests, 1);
    fake_done();
}

/* A version named in the request answers whatever the rollout says, and is no evidence. */
static void named(void **state)
{
    (void)state;
    start_canary(0.5);
    for (int64_t version = 1; version <= 2; version++) {
        fake_ask("u");
        fake.call.version = version;
        assert_int_equal(mode_run((struct serve_io *)(void *)&fake.rows, &fake.call), 0);
        answered_by((size_t)version - 1);
    }
    assert_int_equal(fake_count(1, "named").requests, 1);
    assert_int_equal(fake_count(2, "named").requests, 1);
    fake.call.version = 9;
    assert_int_equal(mode_run((struct serve_io *)(void *)&fake.rows, &fake.call), 0);
    assert_int_equal(fake.call.rc, -ERR_BUSY);
    fake_done();
}

static void shares(void **state)
{
    int by[3] = { 0 };
    char key[32];

    (void)state;
    start(ROLLOUT_ab, 3);
    fake.docs[0].share = 0.5;
    fake.docs[1] = (struct rollout_arm){ 2, "b", 0.3 };
    fake.docs[2] = (struct rollout_arm){ 3, "c", 0.2 };
    fake_ready();
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "user-%d", i);
        assert_int_equal(fake_ask(key), 0);
        assert_true(fake.call.sticky);
        by[fake.call.arm - fake.arms]++;
        const struct arm *first = fake.call.arm;
        if (i % 100) continue;
        fake_ask(key); /* again: the same */
        assert_ptr_equal(fake.call.arm, first);
        by[fake.call.arm - fake.arms] += 0;
    }
    /* four standard deviations of a binomial */
    assert_true(abs(by[0] - 10000) < 4 * 71 && abs(by[1] - 6000) < 4 * 65 &&
                abs(by[2] - 4000) < 4 * 57);
    fake_done();
}

/* A canary that grows takes nobody back; the evidence of its steps is one. */
static void grows(void **state)
{
    enum { KEYS = 2000 };
    static bool in[KEYS];
    static const double steps[] = { 0.01, 0.05, 0.25, 0.5, 1 };
    char key[32];
    size_t before = 0;

    (void)state;
    memset(in, 0, sizeof in);
    start_canary(0);
    for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
        size_t n = 0;
        fake.docs[0].share = 1 - steps[s];
        fake.docs[1].share = steps[s];
        fake_ready();
        for (int i = 0; i < KEYS; i++) {
            snprintf(key, sizeof key, "user-%d", i);
            fake_ask(key);
            bool canary = fake.call.arm == &fake.arms[1];
            assert_true(canary || !in[i]);
            in[i] = canary;
            n += canary;
        }
        assert_true(n > before);
        before = n;
    }
    assert_int_equal(before, KEYS);
    assert_int_equal(fake_count(2, "canary").requests + fake_count(1, "production").requests,
                     KEYS * ARRAY_LEN(steps));
    fake.rollout.state = "aborted"; /* whatever the shares still say */
    fake_ready();
    fake_ask("user-1");
    answered_by(0);
    fake_done();
}

static void cached(void **state)
{
    (void)state;
    start(ROLLOUT_single, 1);
    fake.cache = true;
    fake_ready();
    assert_int_equal(fake_ask(NULL), 0);
    assert_true(fake.call.cached && fake.call.p[0] == 0.125);
    assert_int_equal(fake.script[0].asked_now, 0);
    assert_int_equal(fake.cached_puts, 0);
    struct serve_count c = fake_count(1, "production");
    assert_int_equal(c.cached, 1);
    assert_int_equal(c.seconds_request.n, 1);
    struct serving_sum s = fake_flush(1); /* a warm cache is no evidence of a fast model */
    assert_int_equal(s.requests, 1);
    assert_int_equal(s.seconds.n, 0);
    fake.call.no_cache = true;
    mode_run((struct serve_io *)(void *)&fake.rows, &fake.call);
    assert_false(fake.call.cached);
    assert_int_equal(fake.cached_puts, 0);
    fake_done();
}

/* ---- when an arm fails ------------------------------------------------------------------ */

static void chain(void **state)
{
    static const size_t order[] = { 2, 1 };

    (void)state;
    start(ROLLOUT_single, 3);
    fake.docs[1].role = fake.docs[2].role = "fallback";
    fake.rollout.fallback = order;
    fake.rollout.n_fallback = 2;
    fake_ready();
    fake.script[0].rc = -ERR_INTERNAL;
    assert_int_equal(fake_ask("u"), 0);
    answered_by(2); /* in the order of the chain, not of the arms */
    assert_string_equal(fake.call.fallback, "error");
    fake.script[2].rc = -ERR_IO;
    assert_int_equal(fake_ask("u"), 0);
    answered_by(1);
    fake.script[1].rc = -ERR_INTERNAL;
    assert_int_equal(fake_ask("u"), 0);
    assert_int_equal(fake.call.rc, -ERR_INTERNAL);
    assert_null(fake.call.p);
    struct serve_count c = fake_count(1, "production");
    assert_int_equal(c.requests, 3);
    assert_int_equal(c.errors, 3);
    assert_int_equal(c.fallbacks, 2);
    assert_int_equal(fake_count(3, "fallback").requests, 0); /* counted where it was assigned */
    fake_done();
}

static void constant(void **state)
{
    (void)state;
    start(ROLLOUT_single, 1);
    struct arena a = ARENA_INIT;
    struct val *v = val_obj(&a);
    val_set_str(v, "prediction", "yes");
    fake.rollout.constant = v;
    fake_rows(3);
    fake_ready();
    assert_null(mode_problem(&fake.route));
    fake.script[0].rc = -ERR_INTERNAL;
    assert_int_equal(fake_ask("u"), 0);
    assert_int_equal(fake.call.rc, 0);
    assert_string_equal(fake.call.arm_role, "constant");
    assert_string_equal(fake.call.fallback, "error");
    for (int i = 0; i < 3; i++) assert_true(fake.call.p[i] == 1);

    struct val *p = val_set_obj(v, "probabilities");
    val_set_real(p, "yes", 0.25);
    val_set_real(p, "no", 0.75);
    fake_ready();
    fake_ask("u");
    assert_true(fake.call.p[2] == 0.25);

    val_set_real(p, "perhaps", 0.25);
    val_set_real(p, "no", 0.5); /* do not add up */
    fake_ready();
    assert_non_null(strstr(mode_problem(&fake.route), "constant"));
    fake_ask("u");
    assert_int_equal(fake.call.rc, -ERR_INTERNAL);
    fake_done();
    arena_done(&a);
}

/* What is not finite is no answer. */
static void not_finite(void **state)
{
    (void)state;
    start_canary(1);
    fake_rows(3);
    fake.script[1].p[2] = (double)NAN;
    fake_ask("u");
    answered_by(0);
    assert_string_equal(fake.call.fallback, "error");
    assert_non_null(mode_tripped(&fake.route)); /* and for a canary the end */
    fake_ask("u");
    assert_int_equal(fake.script[1].asked_now, 1);
    fake_done();
}

/* Rows that no version could score are the caller's mistake, and say nothing about a canary;
 * rows that only the canary cannot score are the canary's. */
static void blame(void **state)
{
    (void)state;
    start_canary(1);
    fake.script[1].rc = -ERR_INVALID;
    fake_ask("u");
    answered_by(0);
    assert_int_equal(fake_count(2, "canary").errors, 1);
    rows_clear(&fake.rows, fake.route.schema);
    struct cell *c;
    assert_int_equal(rows_add(&fake.rows, &c, NULL), 0);
    fake_ask("u");
    assert_int_equal(fake.call.rc, -ERR_INVALID);
    assert_int_equal(fake_count(2, "canary").requests, 1);
    assert_int_equal(fake_count(1, "production").requests, 0);
    fake_done();
}

static void breaker(void **state)
{
    (void)state;
    start(ROLLOUT_single, 2);
    fake.docs[1].role = "fallback";
    fake.rollout.fallback = (const size_t[]){ 1 };
    fake.rollout.n_fallback = 1;
    fake.rollout.breaker_failures = 3;
    fake.rollout.breaker_us = 30000;
    fake_ready();
    fake.script[0].rc = -ERR_INTERNAL;
    for (int i = 0; i < 2; i++) fake_ask("u");
    fake.script[0].rc = 0;
    fake_ask("u"); /* good: the count begins anew */
    assert_null(fake.call.fallback);
    fake.script[0].rc = -ERR_INTERNAL;
    for (int i = 0; i < 3; i++) {
        fake_ask("u");
        assert_string_equal(fake.call.fallback, "error");
    }
    assert_int_equal(fake.script[0].asked_now, 6);
    fake_ready(); /* the catalog was built anew: still open */
    for (int i = 0; i < 5; i++) {
        fake_ask("u");
        answered_by(1);
        assert_string_equal(fake.call.fallback, "breaker");
    }
    assert_int_equal(fake.script[0].asked_now, 6);
    usleep(35000); /* half open: one probe, which fails */
    fake_ask("u");
    assert_string_equal(fake.call.fallback, "error");
    fake_ask("u");
    assert_string_equal(fake.call.fallback, "breaker");
    assert_int_equal(fake.script[0].asked_now, 7);
    fake.script[0].rc = 0;
    usleep(35000); /* and one that succeeds closes it */
    for (int i = 0; i < 3; i++) {
        fake_ask("u");
        answered_by(0);
    }
    fake_done();
}

/* While a probe is under way the others go round. */
static void one_probe(void **state)
{
    struct predict_call probe;

    (void)state;
    start(ROLLOUT_single, 2);
    fake.docs[1].role = "fallback";
    fake.rollout.breaker_failures = 1;
    fake.rollout.breaker_us = 20000;
    fake.rollout.fallback = (const size_t[]){ 1 };
    fake.rollout.n_fallback = 1;
    fake.served[0].cheap = false;
    fake_ready();
    assert_int_equal(fake_ask("u"), 1);
    fake_let_go_arm(0, -ERR_TIMEOUT);
    answered_by(1);
    assert_string_equal(fake.call.fallback, "timeout");
    usleep(25000);
    assert_int_equal(fake_ask("u"), 1); /* the probe waits */
    probe = fake.call;
    (void)probe;
    assert_int_equal(fake.script[0].asked_later, 2);
    struct predict_call other = fake.call;
    assert_int_equal(mode_run((struct serve_io *)(void *)&fake.rows, &other), 0);
    assert_string_equal(other.fallback, "breaker");
    fake_let_go_arm(0, 0);
    answered_by(0);
    assert_int_equal(fake_ask("u"), 1); /* closed */
    fake_let_go();
    fake_done();
}

/* ---- deadlines -------------------------------------------------------------------------- */

static void deadlines(void **state)
{
    (void)state;
    start(ROLLOUT_ab, 3);
    fake.docs[0].share = 0;
    fake.docs[1] = (struct rollout_arm){ 2, "b", 1 };
    fake.docs[2] = (struct rollout_arm){ 3, "fallback", 0 };
    fake.rollout.fallback = (const size_t[]){ 2, 0 };
    fake.rollout.n_fallback = 2;
    for (int i = 0; i < 3; i++) fake.served[i].cheap = false;
    fake_ready();
    int64_t began = clock_mono_us();
    assert_int_equal(fake_ask("u"), 1);
    int64_t after = clock_mono_us(), end = fake.call.deadline_us; /* half of it is kept */
    assert_in_range(fake.script[1].deadline_us, began + (end - began) / 2,
                    after + (end - after) / 2);
    fake_let_go_arm(1, -ERR_TIMEOUT);
    assert_true(fake.script[2].deadline_us < fake.call.deadline_us); /* somebody still follows */
    fake_let_go_arm(2, -ERR_TIMEOUT);
    assert_int_equal(fake.script[0].deadline_us, fake.call.deadline_us);
    fake_let_go_arm(0, 0);
    assert_int_equal(fake.answered, 1);
    answered_by(0);
    assert_string_equal(fake.call.fallback, "timeout");

    fake.rollout.timeout_us = 20000; /* an arm's own limit is shorter */
    fake_ready();
    began = clock_mono_us();
    fake_ask("u");
    assert_in_range(fake.script[1].deadline_us, began + 20000, clock_mono_us() + 20000);
    fake_let_go();
    answered_by(1);
    fake_done();
}

/* A cheap version with a timeout is asked on a worker, as a fallback at once: the workers may be
 * what is stuck. */
static void stuck_workers(void **state)
{
    (void)state;
    start_canary(1);
    fake.rollout.timeout_us = 10000;
    fake_ready();
    assert_int_equal(fake_ask("u"), 1);
    assert_int_equal(fake.script[1].asked_later, 1);
    assert_int_equal(fake.answered, 0);
    fake_let_go_arm(1, -ERR_TIMEOUT);
    assert_int_equal(fake.answered, 1);
    assert_int_equal(fake.script[0].asked_now, 1);
    answered_by(0);
    fake.script[1].rc = -ERR_BUSY; /* the queue is full: the same, without waiting */
    assert_int_equal(fake_ask("u"), 0);
    answered_by(0);
    assert_string_equal(fake.call.fallback, "error");
    fake_done();
}

static void too_late(void **state)
{
    (void)state;
    start(ROLLOUT_single, 1);
    fake.served[0].cheap = false;
    fake_ready();
    fake_ask("u");
    fake_let_go();
    fake.call.deadline_us = clock_mono_us() - 1;
    assert_int_equal(mode_run((struct serve_io *)(void *)&fake.rows, &fake.call), 0);
    assert_int_equal(fake.call.rc, -ERR_TIMEOUT);
    fake_done();
}

/* Many rows of a cheap model are not scored on a thread that has sockets to read. */
static void many_rows(void **state)
{
    (void)state;
    start(ROLLOUT_single, 1);
    fake.served[0].row_us = 900;
    fake_ready();
    fake_rows(2);
    assert_int_equal(fake_ask(NULL), 0);
    fake_rows(3);
    assert_int_equal(fake_ask(NULL), 1);
    fake_let_go();
    assert_int_equal(fake_count(1, "production").rows, 5);
    assert_int_equal(fake_count(1, "production").batch_rows.n, 1);
    fake_done();
}

/* ---- hard limits ------------------------------------------------------------------------ */

static void trips_on_errors(void **state)
{
    (void)state;
    start_canary(1);
    fake.rollout.limits.consecutive_errors = 5;
    fake_ready();
    fake.script[1].rc = -ERR_INTERNAL;
    for (int i = 0; i < 4; i++) fake_ask("u");
    fake.script[1].rc = 0;
    fake_ask("u");
    assert_null(mode_tripped(&fake.route));
    fake.script[1].rc = -ERR_INTERNAL;
    for (int i = 0; i < 5; i++) fake_ask("u");
    assert_string_equal(mode_tripped(&fake.route), "5 requests in a row failed");
    int asked = fake.script[1].asked_now;
    fake_ready(); /* another catalog of the same rollout */
    for (int i = 0; i < 20; i++) {
        fake_ask("u");
        answered_by(0);
        assert_null(fake.call.fallback);
    }
    assert_int_equal(fake.script[1].asked_now, asked);

    struct serve_trip *trips;
    struct arena a = ARENA_INIT;
    assert_int_equal(serve_trips((struct serve *)(void *)&fake, &a, &trips), 1);
    assert_string_equal(trips[0].model, "adult");
    assert_string_equal(trips[0].reason, "5 requests in a row failed");
    fake.rollout.state = "aborted";
    fake_ready();
    assert_int_equal(serve_trips((struct serve *)(void *)&fake, &a, &trips), 0);
    arena_done(&a);

    fake.rollout.id = "01ANOTHER"; /* started again: a new question */
    fake.rollout.state = "running";
    fake_ready();
    assert_null(mode_tripped(&fake.route));
    fake.script[1].rc = 0;
    fake_ask("u");
    answered_by(1);
    fake_done();
}

static void trips_on_breaker(void **state)
{
    (void)state;
    start_canary(1);
    fake.rollout.limits.consecutive_errors = 5;
    fake.rollout.breaker_failures = 2;
    fake_ready();
    fake.script[1].rc = -ERR_INTERNAL;
    for (int i = 0; i < 5; i++) fake_ask("u");
    assert_int_equal(fake.script[1].asked_now, 2);
    assert_non_null(mode_tripped(&fake.route));
    fake_done();
}

static void trips_on_p99(void **state)
{
    (void)state;
    start_canary(1);
    fake.rollout.limits.max_p99_ms = 2;
    fake.served[1].cheap = false;
    fake_ready();
    for (int i = 0; i < 300 && !mode_tripped(&fake.route); i++) {
        assert_int_equal(fake_ask("u"), 1);
        if (i % 10 == 0) usleep(2500); /* one in ten is too slow */
        fake_let_go();
        assert_true(i < 99 || mode_tripped(&fake.route));
    }
    assert_non_null(strstr(mode_tripped(&fake.route), "max_p99_ms"));
    fake_done();
}

/* ---- counters --------------------------------------------------------------------------- */

static void flushes(void **state)
{
    (void)state;
    start_canary(1);
    fake_ask("u");
    fake_ask("u");
    struct serving_sum s = fake_flush(2);
    assert_int_equal(s.requests, 2);
    assert_int_equal(s.seconds.n, 2);
    assert_string_equal(s.role, "canary");
    assert_string_equal(s.rollout_id, "01ROLLOUT");
    assert_string_equal(s.model, "adult");
    assert_int_equal(fake_flush(2).requests, 0); /* only what is new */
    fake_ask("u");
    assert_int_equal(fake_flush(2).requests, 1);
    assert_int_equal(fake_count(2, "canary").requests, 3); /* since the beginning */
    fake_ask("u");
    fake.docs[1].role = "other"; /* the rollout is another; what is not flushed stays known */
    fake.rollout.mode = ROLLOUT_single;
    fake.rollout.id = "01ANOTHER";
    fake_ready();
    assert_int_equal(fake_count(2, "canary").requests, 4);
    assert_int_equal(fake_flush(2).requests, 1);
    fake_flush(2);
    assert_int_equal(fake_count(2, "canary").requests, 0); /* gone with its rollout */
    fake_done();
}

/* ---- threads ---------------------------------------------------------------------------- */

enum { THREADS = 4, CALLS = 3000 };
static const struct serve_route *shared_route;

static void *hammer(void *arg)
{
    static char io[THREADS];
    size_t me = (size_t)(uintptr_t)arg;
    char key[32];

    for (int i = 0; i < CALLS; i++) {
        snprintf(key, sizeof key, "%zu-%d", me, i);
        struct predict_call c = { .route = shared_route,
                                  .key = key,
                                  .n_key = strlen(key),
                                  .rows = &fake.rows,
                                  .no_cache = true,
                                  .version = 0 };
        (void)mode_run((struct serve_io *)(void *)&io[me], &c);
    }
    return NULL;
}

/* Breakers, trips and counters under four threads while the main thread reads. */
static void threads(void **state)
{
    pthread_t t[THREADS];

    (void)state;
    start_canary(0.5);
    fake.rollout.breaker_failures = 3;
    fake.rollout.breaker_us = 50;
    fake.rollout.limits.consecutive_errors = 100000;
    fake.script[1].rc = -ERR_INTERNAL;
    fake_ready();
    shared_route = &fake.route;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, hammer, (void *)(uintptr_t)i), 0);
    int64_t flushed = 0;
    for (int i = 0; i < 20; i++) {
        flushed += fake_flush(2).requests;
        (void)fake_count(1, "production");
        usleep(500);
    }
    for (size_t i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
    flushed += fake_flush(2).requests;
    struct serve_count a = fake_count(1, "production"), b = fake_count(2, "canary");
    assert_int_equal(a.requests + b.requests, THREADS * CALLS);
    assert_int_equal(flushed, b.requests);
    assert_int_equal(b.errors, b.requests);
    assert_int_equal(b.fallbacks, b.requests);
    fake_done();
}

/* From the trip on no thread asks the candidate: what it still gets are the calls that were under
 * way, at most one a thread. */
static void trips_for_all_threads(void **state)
{
    pthread_t t[THREADS];

    (void)state;
    start_canary(1);
    fake.rollout.limits.consecutive_errors = 5;
    fake.script[1].rc = -ERR_INTERNAL;
    fake_ready();
    shared_route = &fake.route;
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, hammer, (void *)(uintptr_t)i), 0);
    for (size_t i = 0; i < THREADS; i++) pthread_join(t[i], NULL);
    assert_in_range(fake.script[1].asked_now, 5, 5 + THREADS - 1);
    assert_non_null(mode_tripped(&fake.route));
    assert_int_equal(fake_count(2, "canary").requests, fake.script[1].asked_now);
    fake_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single),
        cmocka_unit_test(named),
        cmocka_unit_test(shares),
        cmocka_unit_test(grows),
        cmocka_unit_test(cached),
        cmocka_unit_test(chain),
        cmocka_unit_test(constant),
        cmocka_unit_test(not_finite),
        cmocka_unit_test(blame),
        cmocka_unit_test(breaker),
        cmocka_unit_test(one_probe),
        cmocka_unit_test(deadlines),
        cmocka_unit_test(stuck_workers),
        cmocka_unit_test(too_late),
        cmocka_unit_test(many_rows),
        cmocka_unit_test(trips_on_errors),
        cmocka_unit_test(trips_on_breaker),
        cmocka_unit_test(trips_on_p99),
        cmocka_unit_test(flushes),
        cmocka_unit_test(threads),
        cmocka_unit_test(trips_for_all_threads),
    };
    return cmocka_run_group_tests_name("mode", tests, make_models, drop_models);
}
