/* test_route.c: `route set`, `route clear` and `route show`: what each mode takes and refuses, what
 * keeps its evidence, how routes follow the registry, and what is shown. */
#include "rollouttest.h"

#include "store/prediction.h"

static const struct rollout *stored(struct fixture *f)
{
    struct rollout_row row;
    const struct rollout *r;
    ok(f, rollout_get(f->app.store, &f->a, "fraud", &row, &f->e));
    ok(f, rollout_parse(&f->a, &row, &r, &f->e));
    return r;
}

/* route set fraud with the given arguments (JSON members). */
static const struct val *set(struct fixture *f, int kind, const char *members)
{
    return call(f, kind, "route set",
                arena_printf(&f->a, "{\"name\":\"fraud\",\"reason\":\"r\",%s}", members));
}

static void modes_take_versions(void **state)
{
    struct fixture *f = *state;
    versions(f, 4);
    set(f, 0, "\"mode\":\"ab\",\"split\":\"2:0.3,1:0.7\",\"key\":\"customer\"");
    const struct rollout *r = stored(f);
    assert_int_equal(r->arms[0].version, 1); /* the stable one is first, whatever the order */
    assert_true(r->arms[0].share == 0.7 && r->arms[1].share == 0.3);
    assert_string_equal(r->arms[0].role, "a");
    assert_string_equal(r->arms[1].role, "b");
    assert_string_equal(r->key, "customer");
    set(f, 0, "\"mode\":\"shadow\",\"split\":\"3\",\"sample\":0.5");
    r = stored(f);
    assert_int_equal(r->n_arms, 2);
    assert_string_equal(r->arms[1].role, "shadow");
    assert_true(r->sample == 0.5);
    assert_string_equal(r->key, "customer"); /* stays until it is said anew */
    set(f, 0,
        "\"mode\":\"ensemble\",\"split\":\"1:2,2:1,3:0.5\",\"combine\":\"weighted\",\"key\":"
        "\"none\"");
    r = stored(f);
    assert_int_equal(r->n_arms, 3);
    assert_true(r->arms[0].share == 2);
    assert_string_equal(r->combine, "weighted");
    assert_null(r->key);
    set(f, 0, "\"mode\":\"tiered\",\"split\":\"4,1\",\"threshold\":0.9,\"timeout\":\"20ms\"");
    r = stored(f);
    assert_string_equal(r->arms[0].role, "complex");
    assert_string_equal(r->arms[1].role, "fast");
    assert_true(r->threshold == 0.9);
    assert_int_equal(r->timeout_us, 20000);
    set(f, 0,
        "\"fallback\":\"2,3\",\"breaker-failures\":7,\"breaker-time\":\"1m\",\"timeout\":\"0\"");
    r = stored(f);
    assert_int_equal(r->mode, ROLLOUT_single);
    assert_int_equal(r->n_arms, 3);
    assert_string_equal(r->arms[2].role, "fallback");
    assert_int_equal(r->n_fallback, 2);
    assert_int_equal(r->arms[r->fallback[0]].version, 2);
    assert_int_equal(r->breaker_failures, 7);
    assert_int_equal(r->breaker_us, 60 * SECOND);
    assert_int_equal(r->timeout_us, 0);
}

static void route_set_makes_canaries_too(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    set(f, 0, "\"mode\":\"canary\",\"split\":\"1:0.8,2:0.2\"");
    const struct rollout *r = stored(f);
    assert_int_equal(r->mode, ROLLOUT_canary);
    assert_string_equal(r->state, "running");
    assert_int_equal(r->n_steps, 1);
    assert_true(r->arms[1].share == 0.2);
    call(f, 0, "canary abort", "{\"name\":\"fraud\",\"reason\":\"r\"}");
    set(f, 0, "\"mode\":\"canary\",\"split\":\"2\",\"steps\":\"5,20\"");
    assert_int_equal(stored(f)->n_steps, 2);
}

static void what_cannot_be_honoured_is_refused(void **state)
{
    struct fixture *f = *state;
    versions(f, 3);
    static const char *const bad[] = {
        "\"mode\":\"ab\"",
        "\"mode\":\"ab\",\"split\":\"2:0.5,3:0.5\"", /* without Production */
        "\"mode\":\"ab\",\"split\":\"1:0.5,2:0.6\"",
        "\"mode\":\"ab\",\"split\":\"1:0.5,2\"",
        "\"mode\":\"ab\",\"split\":\"1:0.5,2:0.25,2:0.25\"",
        "\"mode\":\"ab\",\"split\":\"1:0.5,1:0.5\"",
        "\"mode\":\"ab\",\"split\":\"1:x,2:0.5\"",
        "\"mode\":\"ab\",\"split\":\"1:-1,2:2\"",
        "\"mode\":\"ab\",\"split\":\"1,two\"",
        "\"mode\":\"single\",\"split\":\"2\"",
        "\"mode\":\"shadow\"",
        "\"mode\":\"tiered\",\"split\":\"1,2,3\"",
        "\"mode\":\"tiered\",\"split\":\"1\"",
        "\"mode\":\"rules\",\"split\":\"1,2\"",
        "\"mode\":\"rules\",\"split\":\"1,2\",\"rule\":\"amount\"",
        "\"mode\":\"rules\",\"split\":\"1,2\",\"rule\":\"amount>5\"",
        "\"mode\":\"rules\",\"split\":\"1,2\",\"rule\":\"amount>5:3\"",
        "\"mode\":\"rules\",\"split\":\"1,2\",\"rule\":\"amount=>5:2\"",
        "\"mode\":\"canary\",\"split\":\"1,2,3\"",
        "\"timeout\":\"5\"",
        "\"constant\":\"{\"",
        "\"mode\":\"nonsense\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct rollout_row row;
        struct reply r;
        struct val *in;
        const char *text = arena_printf(&f->a, "{\"name\":\"fraud\",\"reason\":\"r\",%s}", bad[i]);
        reply_init(&r);
        ok(f, val_parse_json(&f->a, text, strlen(text), &in, &f->e));
        int rc = verb_call(&f->app, verb_find("route set"), in, &r, &f->e);
        if (rc >= 0 || rc == -ERR_INTERNAL) fail_msg("%s: %d", bad[i], rc);
        reply_done(&r);
        assert_int_equal(rollout_get(f->app.store, &f->a, "fraud", &row, &f->e), -ERR_NOTFOUND);
    }
    set(f, ERR_NOTFOUND, "\"mode\":\"ab\",\"split\":\"1:0.5,9:0.5\"");
    call(f, ERR_NOTFOUND, "route clear", "{\"name\":\"fraud\",\"reason\":\"r\"}");
    call(f, ERR_STATE, "route set", "{\"name\":\"nobody\",\"reason\":\"r\"}");
}

static void shifting_shares_keeps_the_evidence(void **state)
{
    struct fixture *f = *state;
    versions(f, 3);
    set(f, 0, "\"mode\":\"ab\",\"split\":\"1:0.9,2:0.1\"");
    const struct rollout *first = stored(f);
    tick(f, 100);
    set(f, 0, "\"mode\":\"ab\",\"split\":\"1:0.5,2:0.5\"");
    const struct rollout *r = stored(f);
    assert_string_equal(r->id, first->id);
    assert_int_equal(r->started_us, first->started_us);
    assert_int_equal(r->number, 2);
    set(f, 0, "\"mode\":\"ab\",\"split\":\"1:0.5,3:0.5\"");
    assert_string_not_equal(stored(f)->id, first->id);
    first = stored(f);
    set(f, 0, "\"mode\":\"ab\",\"split\":\"1:0.5,3:0.5\",\"key\":\"user\"");
    assert_string_not_equal(stored(f)->id, first->id); /* others are asked now */
}

static void routes_follow_the_registry(void **state)
{
    struct fixture *f = *state;
    struct registry_moved moved;
    struct rollout_row row;
    versions(f, 4);
    set(f, 0, "\"fallback\":\"2,4\",\"timeout\":\"50ms\"");
    ok(f, registry_archive(&f->app, &f->a, "fraud", 4, "old", &moved, &f->e));
    const struct rollout *r = stored(f);
    assert_int_equal(r->n_arms, 2); /* an archived version serves nobody */
    ok(f, registry_promote(&f->app, &f->a, "fraud", 3, "Production", "new", &moved, &f->e));
    r = stored(f);
    assert_int_equal(r->arms[0].version, 3);
    assert_int_equal(r->n_fallback, 1);
    assert_int_equal(r->arms[1].version, 2);
    assert_int_equal(r->timeout_us, 50000);
    set(f, 0, "\"mode\":\"ab\",\"split\":\"3:0.5,2:0.5\"");
    ok(f, registry_rollback(&f->app, &f->a, "fraud", "back", &moved, &f->e));
    assert_int_equal(rollout_get(f->app.store, &f->a, "fraud", &row, &f->e), -ERR_NOTFOUND);
    struct rollout_event *ev;
    size_t n;
    ok(f, rollout_events(f->app.store, &f->a, "fraud", 0, &ev, &n, &f->e));
    assert_string_equal(ev[0].type, "end");
    assert_non_null(strstr(ev[0].reason, "version 3 is not in Production any more: back"));
}

/* ---- show ----------------------------------------------------------------------------------- */

static const struct val *show(struct fixture *f)
{
    return call(f, 0, "route show", "{\"name\":\"fraud\",\"window\":\"10m\"}");
}

static void shows_what_serves(void **state)
{
    struct fixture *f = *state;
    const struct rollout *r;
    versions(f, 2);
    ok(f, rollout_current(&f->app, &f->a, "fraud", &r, &f->e));
    for (int i = 0; i < 30; i++) {
        tick(f, 10);
        served(f, r, 0, 100, 1, 2);
    }
    ok(f, serving_daemon_put(
              f->app.store,
              &(struct serving_daemon){
                  .id = "D", .listen = "127.0.0.1:5000", .detail = "{\"queued\":3}", .pid = 7 },
              &f->e));
    const struct val *v = show(f), *arm = val_at(val_get(v, "arms"), 0);
    assert_string_equal(val_get_str(v, "mode", ""), "single");
    assert_false(val_has(v, "verdict"));
    assert_int_equal(val_get_int(arm, "version", 0), 1);
    assert_int_equal(val_get_int(arm, "requests", 0), 3000);
    assert_int_equal(val_get_int(arm, "errors", 0), 30);
    assert_true(fabs(val_get_real(arm, "error_rate", 0) - 0.01) < 1e-9);
    assert_true(fabs(val_get_real(arm, "rps", 0) - 5) < 0.2); /* of ten minutes */
    assert_true(val_get_real(arm, "p95_ms", 0) > 3 && val_get_real(arm, "p95_ms", 0) < 4.5);
    const struct val *series = val_get(arm, "series");
    assert_int_equal(val_len(val_get(series, "rps")), 60);
    int64_t errors = 0;
    for (size_t i = 0; i < 60; i++) errors += val_as_int(val_at(val_get(series, "errors"), i), 0);
    assert_int_equal(errors, 30);
    const struct val *daemon = val_at(val_get(v, "daemons"), 0);
    assert_true(val_get_bool(daemon, "alive", false));
    assert_int_equal(val_get_int(val_get(daemon, "detail"), "queued", 0), 3);
    tick(f, 11);
    daemon = val_at(val_get(show(f), "daemons"), 0);
    assert_false(val_get_bool(daemon, "alive", true));
    v = call(f, 0, "route show", "{}");
    assert_int_equal(val_len(val_get(v, "models")), 1);
    assert_string_equal(val_get_str(val_at(val_get(v, "models"), 0), "shares", ""), "1 100%");
    call(f, ERR_NOTFOUND, "route show", "{\"name\":\"nobody\"}");
    call(f, ERR_INVALID, "route show", "{\"name\":\"fraud\",\"window\":\"1s\"}");
}

static const struct val *guard(const struct val *list, const char *metric)
{
    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), "metric", ""), metric)) return val_at(list, i);
    fail_msg("no %s", metric);
    return NULL;
}

static void predict(struct fixture *f, int64_t version, int i, bool right)
{
    bool is_new;
    struct label_effect effect;
    const char *id = arena_printf(&f->a, "%lld-%d", (long long)version, i);
    struct prediction p = { .request_id = id,
                            .at_us = f->clock.fixed_us,
                            .version = version,
                            .answer = "1",
                            .probability =
                                version == 1 ? 0.6 + 0.001 * (i % 10) : 0.8 + 0.001 * (i % 10),
                            .latency_ms = 1 };
    struct label l = { .request_id = id, .text = right ? "1.0" : "0", .at_us = p.at_us };
    ok(f, prediction_add(f->app.store, "fraud", &p, &is_new, &f->e));
    ok(f, label_add(f->app.store, "fraud", &l, &effect, &f->e));
}

static void shows_the_differences_of_an_ab_test(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    set(f, 0, "\"mode\":\"ab\",\"split\":\"1:0.5,2:0.5\"");
    const struct rollout *r = stored(f);
    for (int i = 0; i < 20; i++) {
        tick(f, 10);
        served(f, r, 0, 500, 5, 2);
        served(f, r, 1, 500, 50, 2);
    }
    ok(f, store_begin(f->app.store, &f->e));
    for (int i = 0; i < 400; i++) {
        predict(f, 1, i, i % 10 != 0);
        predict(f, 2, i, i % 2 != 0);
    }
    ok(f, store_commit(f->app.store, &f->e));
    const struct val *v = show(f), *d = val_get(v, "differences");
    assert_int_equal(val_len(d), ROLLOUT_GUARDS);
    assert_string_equal(val_get_str(v, "verdict", ""), "different");
    const struct val *g = guard(d, "error_rate");
    assert_int_equal(val_get_int(g, "version", 0), 2);
    assert_int_equal(val_get_int(g, "against", 0), 1);
    assert_true(fabs(val_get_real(g, "difference", 0) - 0.09) < 1e-3);
    assert_true(val_get_real(g, "low", 0) > 0 && val_get_real(g, "high", 1) < 0.15);
    assert_true(val_get_bool(g, "reject", false));
    g = guard(d, "latency");
    assert_false(val_get_bool(g, "reject", true));
    g = guard(d, "label_error");
    assert_int_equal(val_get_int(g, "n_candidate", 0), 400);
    assert_true(fabs(val_get_real(g, "stable", 0) - 0.1) < 1e-9);
    assert_true(fabs(val_get_real(g, "candidate", 0) - 0.5) < 1e-9);
    g = guard(d, "prediction");
    assert_true(fabs(val_get_real(g, "difference", 0) - 0.2) < 1e-6);
    assert_true(val_get_bool(g, "reject", false));
}

static void shows_the_ladder_and_the_curve(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    call(f, 0, "canary start",
         "{\"name\":\"fraud\",\"version\":\"2\",\"steps\":\"50,100\",\"reason\":\"why not\"}");
    const struct rollout *r = stored(f);
    for (int i = 0; i < 100; i++) {
        tick(f, 30);
        served(f, r, 0, 50, 1, 2);
        served(f, r, 1, 50, 2, 2);
    }
    const struct val *v = show(f), *c = val_get(v, "canary"), *curve = val_get(c, "curve");
    assert_int_equal(val_get_int(c, "version", 0), 2);
    assert_int_equal(val_get_int(c, "step", 0), 1);
    assert_int_equal(val_len(val_get(c, "steps")), 2);
    assert_int_equal(val_get_int(val_get(c, "evidence"), "n_candidate", 0), 5000);
    assert_int_equal(val_get_int(val_get(c, "evidence"), "errors_candidate", 0), 200);
    size_t n = val_len(val_get(curve, "log_ratio"));
    assert_true(n > 40 && n <= 121);
    assert_int_equal(val_len(val_get(curve, "at")), n);
    double last = val_as_real(val_at(val_get(curve, "log_ratio"), n - 1), 0);
    const struct val *g = guard(val_get(val_get(c, "evidence"), "guards"), "error_rate");
    assert_true(fabs(last - val_get_real(g, "log_ratio", 0)) < 1e-9);
    assert_true(fabs(val_get_real(curve, "bound", 0) - log(100)) < 1e-9);
    assert_true(val_has(v, "verdict"));
    call(f, 0, "canary abort", "{\"name\":\"fraud\",\"reason\":\"enough\"}");
    v = show(f);
    assert_string_equal(val_get_str(v, "mode", ""), "single");
    assert_string_equal(val_get_str(v, "verdict", ""), "aborted");
    assert_string_equal(val_get_str(v, "why", ""), "enough");
    assert_string_equal(val_get_str(val_at(val_get(v, "events"), 0), "type", ""), "abort");
    assert_int_equal(val_len(val_get(v, "events")), 2);
}

static void shows_how_shadows_agree(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    set(f, 0, "\"mode\":\"shadow\",\"split\":\"2\"");
    const struct rollout *r = stored(f);
    struct serving_sum d = { .model = "fraud",
                             .role = "shadow",
                             .rollout_id = r->id,
                             .version = 2,
                             .from_us = T0,
                             .requests = 100,
                             .rows = 100,
                             .errors = 1,
                             .compared = 99,
                             .agreed = 90,
                             .sum_abs_dp = 9.9,
                             .max_abs_dp = 0.7,
                             .confusion = { 50, 4, 5, 40 } };
    for (int i = 0; i < 99; i++) hist_add(&d.abs_dp, 0.1);
    ok(f, store_begin(f->app.store, &f->e));
    ok(f, serving_add(f->app.store, &d, &f->e));
    ok(f, store_commit(f->app.store, &f->e));
    const struct val *s = val_at(val_get(show(f), "shadow"), 0);
    assert_int_equal(val_get_int(s, "version", 0), 2);
    assert_true(fabs(val_get_real(s, "agreement", 0) - 90.0 / 99) < 1e-9);
    assert_true(val_get_real(s, "low", 0) > 0.83 && val_get_real(s, "high", 0) < 0.96);
    assert_true(fabs(val_get_real(s, "mean_abs_dp", 0) - 0.1) < 1e-9);
    assert_true(val_get_real(s, "max_abs_dp", 0) == 0.7);
    assert_int_equal(val_as_int(val_at(val_get(s, "confusion"), 2), 0), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(modes_take_versions),
        T(route_set_makes_canaries_too),
        T(what_cannot_be_honoured_is_refused),
        T(shifting_shares_keeps_the_evidence),
        T(routes_follow_the_registry),
        T(shows_what_serves),
        T(shows_the_differences_of_an_ab_test),
        T(shows_the_ladder_and_the_curve),
        T(shows_how_shadows_agree),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
