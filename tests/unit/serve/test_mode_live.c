/* test_mode_live.c: rollouts on the real thing: models trained here, a workspace, workers, the
 * store. What modes do in every order of events is in test_mode and test_mode_mix; here it is
 * seen that it happens. */
#include "base/clock.h"
#include "base/mem.h"
#include "sample.h"
#include "store/rollout.h"
#include "workspace.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROLLOUT_ID "01JROLLOUT0000000000000000"

static const char body[] = "{\"age\":40,\"balance\":512.5,\"city\":\"Genf\",\"member\":true,"
                           "\"since\":\"2026-01-31T10:00:00Z\"}";

/* Three versions: logistic, boosted trees, trees of another depth. */
static void setup(struct bench *b)
{
    static const char *const deeper[] = { "max_depth", "2", NULL };

    bench_open(b);
    bench_register(b, "m", sample_model("logistic", "buys", NULL, NULL), "Production");
    bench_register(b, "m", sample_model("gbdt", "buys", NULL, NULL), NULL);
    bench_register(b, "m", sample_model("gbdt", "buys", NULL, deeper), NULL);
}

/* The document's number counts up from call to call. */
static void put_rollout(struct bench *b, const char *id, const char *document)
{
    struct rollout_row row = { 0 };
    struct err e = ERR_INIT;

    if (rollout_get(b->app.store, &b->arena, "m", &row, NULL)) row.number = 0;
    row.model = "m";
    row.id = id;
    row.document = document;
    row.updated_us = clock_now(&clock_system);
    if (rollout_put(b->app.store, &row, &e)) fail_msg("%s", e.msg);
    if (b->serve) bench_reload(b);
}

static const char *canary(struct bench *b, double share, const char *more)
{
    return arena_printf(&b->arena,
                        "{\"mode\":\"canary\",\"state\":\"running\",\"steps\":[0.3,1],\"step\":0,"
                        "\"arms\":[{\"version\":1,\"role\":\"production\",\"share\":%g},"
                        "{\"version\":2,\"role\":\"canary\",\"share\":%g}]%s}",
                        1 - share, share, more);
}

/* Asks and forgets the copy of the answer. */
static double ask(struct bench *b, const char *text, const char *key, struct predict_call *c)
{
    *c = (struct predict_call){ .key = key, .n_key = key ? strlen(key) : 0 };
    if (bench_predict(b, "m", text, c)) return (double)NAN;
    double p = c->p[0];
    free((void *)(uintptr_t)c->p);
    c->p = NULL;
    return p;
}

static double of_version(struct bench *b, int64_t version)
{
    struct predict_call c = { .version = version, .no_cache = true };

    for (int i = 0; i < 100 && bench_predict(b, "m", body, &c) == -ERR_BUSY; i++) bench_reload(b);
    assert_int_equal(c.rc, 0);
    double p = c.p[0];
    free((void *)(uintptr_t)c.p);
    return p;
}

static struct serve_count count_of(struct bench *b, int64_t version, const char *role)
{
    struct serve_count *all, none = { 0 };
    size_t n = serve_counts(b->serve, &b->arena, &all);

    for (size_t i = 0; i < n; i++)
        if (all[i].version == version && strcmp(all[i].role, role) == 0) return all[i];
    return none;
}

/* ---- the tests -------------------------------------------------------------------------- */

static void a_canary_gets_its_share(void **state)
{
    struct bench b;
    struct predict_call c;
    bool first[300];
    size_t n = 0;
    char key[32];

    (void)state;
    setup(&b);
    put_rollout(&b, ROLLOUT_ID, canary(&b, 0.3, ""));
    bench_start(&b);
    double p[3] = { 0, of_version(&b, 1), of_version(&b, 2) };
    assert_true(fabs(p[1] - p[2]) > 1e-6);
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "customer %d", i);
        double got = ask(&b, body, key, &c);
        first[i] = c.arm->by->version == 2;
        assert_true(got == p[c.arm->by->version] && c.sticky);
        n += first[i];
    }
    assert_in_range(n, 90 - 4 * 8, 90 + 4 * 8);
    assert_int_equal(count_of(&b, 2, "canary").requests, n);
    put_rollout(&b, ROLLOUT_ID, canary(&b, 0.6, "")); /* the next step */
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof key, "customer %d", i);
        ask(&b, body, key, &c);
        assert_true(!first[i] || c.arm->by->version == 2);
    }
    struct serve_count a = count_of(&b, 1, "production"), k = count_of(&b, 2, "canary");
    assert_int_equal(a.requests + k.requests, 600);
    bench_stop(&b);
    struct serving_sum *sums;
    size_t n_sums;
    int64_t total = 0;
    assert_int_equal(serving_sums(b.app.store, &b.arena, "m", 0, INT64_MAX, &sums, &n_sums, NULL),
                     0);
    for (size_t i = 0; i < n_sums; i++) {
        if (strcmp(sums[i].role, "version") == 0 || strcmp(sums[i].role, "named") == 0) continue;
        assert_string_equal(sums[i].rollout_id, ROLLOUT_ID);
        assert_int_equal(sums[i].seconds.n, sums[i].requests - sums[i].cached);
        total += sums[i].requests;
    }
    assert_int_equal(total, 600);
    bench_close(&b);
}

/* A candidate that needs a column which nobody sends. */
static void a_broken_canary_trips(void **state)
{
    static const char short_body[] = "{\"age\":40,\"balance\":512.5,\"member\":true,"
                                     "\"since\":\"2026-01-31T10:00:00Z\"}";
    struct bench b;
    struct predict_call c;
    struct serve_trip *trips;

    (void)state;
    bench_open(&b);
    bench_register(&b, "m", sample_model("gbdt", "buys", "city", NULL), "Production");
    bench_register(&b, "m", sample_model("gbdt", "buys", NULL, NULL), NULL);
    put_rollout(&b, ROLLOUT_ID, canary(&b, 1, ",\"limits\":{\"consecutive_errors\":4}"));
    bench_start(&b);
    assert_int_equal(serve_trips(b.serve, &b.arena, &trips), 0);
    for (int i = 0; i < 4; i++) {
        assert_false(isnan(ask(&b, short_body, "u", &c)));
        assert_int_equal(c.arm->by->version, 1);
        assert_string_equal(c.fallback, "error");
    }
    assert_int_equal(serve_trips(b.serve, &b.arena, &trips), 1);
    assert_string_equal(trips[0].model, "m");
    assert_string_equal(trips[0].reason, "4 requests in a row failed");
    bench_reload(&b);
    for (int i = 0; i < 10; i++) {
        ask(&b, short_body, "u", &c);
        assert_null(c.fallback);
    }
    assert_int_equal(count_of(&b, 2, "canary").errors, 4);
    bench_close(&b);
}

/* Thousands of rows for a model of many trees take a worker seconds; the answer of the version
 * behind it is there long before. */
static void a_timeout_holds(void **state)
{
    static const char *const many[] = { "n_estimators", "6000", "min_data_in_leaf", "2", NULL };
    struct bench b;
    struct predict_call c;
    STR_AUTO rows = STR_INIT;

    (void)state;
    bench_open(&b);
    bench_register(&b, "m", sample_model("logistic", "buys", NULL, NULL), "Production");
    bench_register(&b, "m", sample_model("gbdt", "buys", NULL, many), NULL);
    bench_settings(&b, "serve:\n  timeout_ms: 20000\n");
    put_rollout(&b, ROLLOUT_ID, canary(&b, 1, ",\"timeout_us\":30000"));
    bench_start(&b);
    const struct serve_route *r = catalog_route(serve_io_catalog(b.io), "m", 1);
    double row_us = r->arms[1].by->row_us;
    size_t n = (size_t)(1e6 / row_us);
    if (n > 9000) n = 9000;
    for (size_t i = 0; i < n; i++) str_addf(&rows, "%s%s", i ? "," : "[", body);
    str_addc(&rows, ']');
    int64_t began = clock_mono_us();
    c = (struct predict_call){ .version = 1, .no_cache = true };
    assert_int_equal(bench_predict(&b, "m", rows.p, &c), 0);
    free((void *)(uintptr_t)c.p);
    double alone = (double)(clock_mono_us() - began); /* what these rows cost without a canary */
    began = clock_mono_us();
    assert_false(isnan(ask(&b, rows.p, "u", &c)));
    double took = (double)(clock_mono_us() - began);
    assert_int_equal(c.arm->by->version, 1);
    assert_string_equal(c.fallback, "timeout");
    assert_true(took < 2 * alone + (double)n * row_us / 2);
    assert_int_equal(count_of(&b, 2, "canary").errors, 1);
    assert_int_equal(count_of(&b, 2, "canary").fallbacks, 1);
    bench_close(&b);
}

static const char shadow_of_1[] = "{\"mode\":\"shadow\",\"state\":\"active\",\"arms\":["
                                  "{\"version\":1,\"role\":\"production\",\"share\":1},"
                                  "{\"version\":2,\"role\":\"shadow\",\"share\":1}]}";

static void a_shadow_is_not_seen(void **state)
{
    struct bench b;
    struct predict_call c;
    enum { CALLS = 200 };

    (void)state;
    setup(&b);
    bench_start(&b);
    double want = of_version(&b, 1);
    put_rollout(&b, ROLLOUT_ID, shadow_of_1);
    for (int i = 0; i < CALLS; i++) {
        assert_true(ask(&b, body, NULL, &c) == want);
        assert_null(c.fallback);
        assert_int_equal(c.arm->by->version, 1);
    }
    struct serve_count s = { 0 };
    for (int i = 0; i < 6000 && s.requests + s.dropped < CALLS; i++) {
        loop_run_once(b.loop, 10);
        s = count_of(&b, 2, "shadow");
    }
    assert_int_equal(s.requests + s.dropped, CALLS);
    assert_int_equal(s.errors, 0);
    bench_stop(&b);
    struct serving_sum *sums;
    size_t n;
    bool seen = false;
    serving_sums(b.app.store, &b.arena, "m", 0, INT64_MAX, &sums, &n, NULL);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(sums[i].role, "shadow") != 0) continue;
        seen = true;
        assert_int_equal(sums[i].compared, s.requests);
        assert_true(sums[i].max_abs_dp > 0);
        assert_int_equal(sums[i].abs_dp.n, s.requests);
    }
    assert_true(seen);
    bench_close(&b);
}

/* A burst of a tenth of a second's rows, then the rate: the rest is counted, not asked. */
static void a_shadow_keeps_to_its_rate(void **state)
{
    enum { CALLS = 3000, RATE = 1000 };
    struct bench b;
    struct predict_call c;

    (void)state;
    setup(&b);
    bench_settings(&b, "serve: {shadow_rows: 1000, cache_entries: 0}\n");
    bench_start(&b);
    put_rollout(&b, ROLLOUT_ID, shadow_of_1);
    int64_t begin = clock_mono_ns();
    for (int i = 0; i < CALLS; i++) ask(&b, body, NULL, &c);
    double seconds = (double)(clock_mono_ns() - begin) / 1e9;
    struct serve_count s = { 0 };
    for (int i = 0; i < 6000 && s.requests + s.dropped < CALLS; i++) {
        loop_run_once(b.loop, 10);
        s = count_of(&b, 2, "shadow");
    }
    assert_int_equal(s.requests + s.dropped, CALLS);
    assert_true(s.rows >= RATE / 10 && (double)s.rows <= RATE / 10 + RATE * seconds + 1);
    bench_close(&b);
}

/* More rows than the ring takes, and an end with some of them in it: what was not asked is counted. */
static void shadows_that_find_no_room(void **state)
{
    enum { CALLS = 40, ROWS = 1000 };
    STR_AUTO many = STR_INIT;
    struct bench b;
    struct predict_call c;

    (void)state;
    setup(&b);
    bench_settings(&b, "serve: {shadow_rows: 0}\n"); /* no limit */
    bench_start(&b);
    put_rollout(&b, ROLLOUT_ID, shadow_of_1);
    for (int i = 0; i < ROWS; i++) str_addf(&many, "%s%s", i ? "," : "[", body);
    str_addc(&many, ']');
    for (int i = 0; i < CALLS * 4; i++) {
        ask(&b, str_c(&many), NULL, &c);
        assert_int_equal(c.rc, 0);
        assert_int_equal(c.arm->by->version, 1);
    }
    struct serve_count s = count_of(&b, 2, "shadow");
    struct serve_totals t;
    serve_totals(b.serve, &t); /* later than s */
    assert_true(t.shadow_dropped >= s.dropped);
    assert_true(s.requests + s.dropped <= CALLS * 4);
    bench_close(&b);
}

static void several_make_one_answer(void **state)
{
    struct bench b;
    struct predict_call c;
    double p[4];

    (void)state;
    setup(&b);
    bench_start(&b);
    for (int64_t v = 1; v <= 3; v++) p[v] = of_version(&b, v);
    put_rollout(&b, ROLLOUT_ID,
                "{\"mode\":\"ensemble\",\"state\":\"active\",\"combine\":\"weighted\",\"arms\":["
                "{\"version\":1,\"role\":\"production\",\"share\":0.5},"
                "{\"version\":2,\"role\":\"member\",\"share\":0.25},"
                "{\"version\":3,\"role\":\"member\",\"share\":0.25}]}");
    assert_true(fabs(ask(&b, body, NULL, &c) - (0.5 * p[1] + 0.25 * p[2] + 0.25 * p[3])) < 1e-12);
    assert_string_equal(c.arm_role, "ensemble");
    bool sure = fmax(p[1], 1 - p[1]) >= 0.99;
    put_rollout(&b, "01JROLLOUT0000000000000001",
                "{\"mode\":\"tiered\",\"state\":\"active\",\"threshold\":0.99,\"arms\":["
                "{\"version\":1,\"role\":\"fast\",\"share\":1},"
                "{\"version\":3,\"role\":\"complex\",\"share\":1}]}");
    assert_true(ask(&b, body, NULL, &c) == (sure ? p[1] : p[3]));
    put_rollout(&b, "01JROLLOUT0000000000000002",
                "{\"mode\":\"rules\",\"state\":\"active\",\"rules\":["
                "{\"feature\":\"city\",\"op\":\"=\",\"value\":\"Genf\",\"arm\":1}],\"arms\":["
                "{\"version\":1,\"role\":\"production\",\"share\":1},"
                "{\"version\":2,\"role\":\"member\",\"share\":1}]}");
    assert_true(ask(&b, body, NULL, &c) == p[2]);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_canary_gets_its_share),
        cmocka_unit_test(a_broken_canary_trips),
        cmocka_unit_test(a_timeout_holds),
        cmocka_unit_test(a_shadow_is_not_seen),
        cmocka_unit_test(a_shadow_keeps_to_its_rate),
        cmocka_unit_test(shadows_that_find_no_room),
        cmocka_unit_test(several_make_one_answer),
    };
    return cmocka_run_group_tests_name("mode_live", tests, NULL, NULL);
}
