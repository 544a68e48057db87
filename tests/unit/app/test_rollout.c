/* test_rollout.c: documents of rollouts: what is refused, what reads back, which one holds for a
 * model; and the assignment of keys: even, independent between rollouts, never moved back. */
#include "rollouttest.h"

static const char canary[] =
    "{\"mode\":\"canary\",\"state\":\"running\",\"arms\":["
    "{\"version\":1,\"role\":\"production\",\"share\":0.95},"
    "{\"version\":2,\"role\":\"canary\",\"share\":0.05}],"
    "\"steps\":[0.01,0.05,1],\"step\":1,\"fallback\":[0],\"constant\":{\"prediction\":\"0\"},"
    "\"key\":\"customer\",\"timeout_us\":20000,\"limits\":{\"alpha\":0.05,\"min_samples\":10,"
    "\"max_p99_ms\":40,\"auto_promote\":true},\"started_us\":5,\"step_us\":6,\"reason\":\"try\"}";

static int parse(struct fixture *f, const char *document, const struct rollout **ret)
{
    const struct rollout_row row = {
        .model = "fraud", .id = "R1", .number = 4, .document = document
    };
    err_clear(&f->e);
    return rollout_parse(&f->a, &row, ret, &f->e);
}

static void documents_read_back(void **state)
{
    struct fixture *f = *state;
    const struct rollout *r, *again;
    ok(f, parse(f, canary, &r));
    for (int round = 0; round < 2; round++) {
        assert_int_equal(r->mode, ROLLOUT_canary);
        assert_string_equal(r->state, "running");
        assert_string_equal(r->id, "R1");
        assert_int_equal(r->number, 4);
        assert_int_equal(r->n_arms, 2);
        assert_int_equal(r->arms[1].version, 2);
        assert_string_equal(r->arms[1].role, "canary");
        assert_true(r->arms[1].share == 0.05);
        assert_int_equal(r->n_steps, 3);
        assert_int_equal(r->step, 1);
        assert_int_equal(r->n_fallback, 1);
        assert_string_equal(val_get_str(r->constant, "prediction", ""), "0");
        assert_string_equal(r->key, "customer");
        assert_int_equal(r->timeout_us, 20000);
        assert_int_equal(r->breaker_failures, 5);
        assert_true(r->limits.alpha == 0.05);
        assert_true(r->limits.tau == 0.01);
        assert_int_equal(r->limits.min_samples, 10);
        assert_true(r->limits.max_p99_ms == 40);
        assert_true(isnan(r->limits.slo_ms));
        assert_true(r->limits.auto_promote && r->limits.auto_advance);
        assert_int_equal(r->started_us, 5);
        assert_int_equal(r->step_us, 6);
        assert_string_equal(r->reason, "try");
        STR_AUTO s = STR_INIT;
        val_write_json(&s, rollout_val(&f->a, r), 0);
        ok(f, parse(f, str_c(&s), &again));
        r = again;
    }
}

static void rules_read_back(void **state)
{
    struct fixture *f = *state;
    const struct rollout *r;
    ok(f, parse(f,
                "{\"mode\":\"rules\",\"arms\":[{\"version\":1},{\"version\":2}],\"rules\":["
                "{\"feature\":\"amount\",\"op\":\">=\",\"value\":100.5,\"arm\":1},"
                "{\"feature\":\"country\",\"op\":\"=\",\"value\":\"NL\",\"arm\":0}]}",
                &r));
    assert_int_equal(r->n_rules, 2);
    assert_true(r->rules[0].num == 100.5);
    assert_true(isnan(r->rules[1].num));
    assert_string_equal(r->rules[1].text, "NL");
    assert_int_equal(r->rules[0].arm, 1);
    STR_AUTO s = STR_INIT;
    val_write_json(&s, rollout_val(&f->a, r), 0);
    ok(f, parse(f, str_c(&s), &r));
    assert_string_equal(r->rules[1].op, "=");
}

/* The text with one part replaced. */
static const char *with(struct fixture *f, const char *part, const char *by)
{
    const char *at = strstr(canary, part);
    assert_non_null(at);
    return arena_printf(&f->a, "%.*s%s%s", (int)(at - canary), canary, by, at + strlen(part));
}

static void what_is_wrong_is_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const wrong[][2] = {
        { "\"canary\"", "\"blue\"" },
        { "\"running\"", "\"active\"" },
        { "0.95", "0.9" },
        { "0.95", "-0.5" },
        { "\"version\":2", "\"version\":1" },
        { "\"version\":2", "\"version\":0" },
        { "[0.01,0.05,1]", "[0.05,0.01,1]" },
        { "[0.01,0.05,1]", "[0,0.05,1]" },
        { "[0.01,0.05,1]", "[0.01,0.05,2]" },
        { "[0.01,0.05,1]", "[]" },
        { "[0.01,0.05,1]", "7" },
        { "\"step\":1", "\"step\":3" },
        { "\"step\":1", "\"step\":-1" },
        { "\"fallback\":[0]", "\"fallback\":[2]" },
        { "\"fallback\":[0]", "\"fallback\":[-1]" },
        { "\"fallback\":[0]", "\"fallback\":[0.5]" },
        { "20000", "-1" },
        { "\"alpha\":0.05", "\"alpha\":0" },
        { "\"min_samples\":10", "\"min_samples\":0" },
        { "\"max_p99_ms\":40", "\"max_p99_ms\":-4" },
        { "\"key\":", "\"combine\":\"sum\",\"key\":" },
        { "\"key\":", "\"threshold\":2,\"key\":" },
        { "\"key\":", "\"sample\":-1,\"key\":" },
    };
    const struct rollout *r;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        int rc = parse(f, with(f, wrong[i][0], wrong[i][1]), &r);
        if (rc != -ERR_INVALID) fail_msg("%s -> %s: %d", wrong[i][0], wrong[i][1], rc);
        assert_true(str_starts(f->e.msg, "rollout of fraud: "));
    }
    assert_int_equal(parse(f, "{", &r), -ERR_INVALID);
    assert_int_equal(parse(f, "[]", &r), -ERR_INVALID);
    assert_int_equal(
        parse(f, "{\"mode\":\"rules\",\"arms\":[{\"version\":1},{\"version\":2}]}", &r),
        -ERR_INVALID);
    assert_int_equal(
        parse(f,
              "{\"mode\":\"rules\",\"arms\":[{\"version\":1},{\"version\":2}],\"rules\":["
              "{\"feature\":\"c\",\"op\":\"<\",\"value\":\"NL\",\"arm\":0}]}",
              &r),
        -ERR_INVALID);
    assert_int_equal(parse(f, "{\"mode\":\"shadow\",\"arms\":[{\"version\":1}]}", &r),
                     -ERR_INVALID);
}

static void put(struct fixture *f, int64_t number, const char *document)
{
    const struct rollout_row row = {
        .model = "fraud", .id = "R1", .number = number, .document = document
    };
    ok(f, rollout_put(f->app.store, &row, &f->e));
}

static const struct rollout *current(struct fixture *f)
{
    const struct rollout *r;
    ok(f, rollout_current(&f->app, &f->a, "fraud", &r, &f->e));
    return r;
}

static void without_a_rollout_production_serves(void **state)
{
    struct fixture *f = *state;
    const struct rollout *r;
    assert_int_equal(rollout_current(&f->app, &f->a, "fraud", &r, &f->e), -ERR_NOTFOUND);
    versions(f, 1);
    r = current(f);
    assert_int_equal(r->mode, ROLLOUT_single);
    assert_int_equal(r->n_arms, 1);
    assert_int_equal(r->arms[0].version, 1);
    assert_true(r->arms[0].share == 1);
    assert_string_equal(r->id, "");
    ok(f, rollout_check(r, &f->e));
}

static void a_rollout_holds_while_it_fits(void **state)
{
    struct fixture *f = *state;
    struct registry_moved moved;
    versions(f, 3);
    put(f, 0, canary);
    assert_string_equal(current(f)->id, "R1");
    assert_int_equal(current(f)->mode, ROLLOUT_canary);
    ok(f, registry_promote(&f->app, &f->a, "fraud", 3, "Production", "hand", &moved, &f->e));
    const struct rollout *r = current(f);
    assert_int_equal(r->mode, ROLLOUT_single);
    assert_int_equal(r->arms[0].version, 3);
    assert_int_equal(r->timeout_us, 20000);
    assert_non_null(strstr(r->reason, "version 1 is not in Production"));
    ok(f, registry_rollback(&f->app, &f->a, "fraud", "back", &moved, &f->e));
    assert_int_equal(current(f)->mode, ROLLOUT_single); /* what ended stays so */
    put(f, 2, canary);
    assert_int_equal(current(f)->mode, ROLLOUT_canary);
    ok(f, registry_archive(&f->app, &f->a, "fraud", 2, "bad", &moved, &f->e));
    r = current(f);
    assert_int_equal(r->mode, ROLLOUT_single);
    assert_int_equal(r->arms[0].version, 1);
}

static void over_or_unreadable_means_production(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    put(f, 0, with(f, "running", "aborted"));
    assert_int_equal(current(f)->mode, ROLLOUT_single);
    put(f, 1, with(f, "running", "paused"));
    assert_int_equal(current(f)->mode, ROLLOUT_canary);
    put(f, 2, "{\"mode\":");
    const struct rollout *r = current(f);
    assert_int_equal(r->mode, ROLLOUT_single);
    assert_int_equal(r->arms[0].version, 1);
    assert_true(strlen(r->reason) > 0);
}

/* ---- assignment ---------------------------------------------------------------------------- */

enum { KEYS = 1000000 };

static unsigned bucket(const char *salt, int i)
{
    char key[24];
    int n = snprintf(key, sizeof key, "customer-%d", i);
    return rollout_bucket(salt, key, (size_t)n);
}

static void buckets_are_even(void **state)
{
    (void)state;
    static const char *const salts[] = { "01HF0000000000000000000000", "a", "" };
    static uint32_t count[10000];
    for (size_t s = 0; s < ARRAY_LEN(salts); s++) {
        double chi2 = 0, expect = KEYS / 10000.0;
        memset(count, 0, sizeof count);
        for (int i = 0; i < KEYS; i++) count[bucket(salts[s], i)]++;
        for (int b = 0; b < 10000; b++) chi2 += (count[b] - expect) * (count[b] - expect) / expect;
        printf("salt '%s': chi2/df %.4f\n", salts[s], chi2 / 9999);
        assert_true(chi2 / 9999 > 0.9 && chi2 / 9999 < 1.1);
    }
}

static void rollouts_are_independent(void **state)
{
    (void)state;
    int a = 0, b = 0, both = 0;
    for (int i = 0; i < KEYS; i++) {
        bool in_a = bucket("01HF0000000000000000000000", i) < 1000;
        bool in_b = bucket("01HF0000000000000000000001", i) < 1000;
        a += in_a;
        b += in_b;
        both += in_a && in_b;
    }
    double joint = (double)both / KEYS, expect = (double)a / KEYS * b / KEYS;
    printf("joint %.5f, expected %.5f\n", joint, expect);
    assert_true(fabs(joint / 0.01 - 1) < 0.05);
    assert_true(fabs(joint / expect - 1) < 0.05);
}

static void a_growing_share_moves_nobody_out(void **state)
{
    (void)state;
    struct rollout_arm arms[] = { { .version = 1 }, { .version = 2 } };
    struct rollout r = { .mode = ROLLOUT_canary, .n_arms = 2, .arms = arms };
    static const double steps[] = { 0.01, 0.05, 0.25, 0.5, 1 };
    uint64_t salt = rollout_salt("R1");
    for (int i = 0; i < 20000; i++) {
        char key[24];
        size_t n = (size_t)snprintf(key, sizeof key, "k%d", i), before = 0;
        for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
            arms[1].share = steps[s];
            arms[0].share = 1 - steps[s];
            size_t now = rollout_arm_of(&r, salt, key, n);
            assert_true(now >= before);
            assert_int_equal(now, rollout_bucket("R1", key, n) < steps[s] * 10000 - 1e-6);
            before = now;
        }
        assert_int_equal(before, 1); /* at 100 % everybody is there */
    }
}

static void shares_are_kept(void **state)
{
    (void)state;
    const struct rollout_arm arms[] = { { .version = 1, .share = 0.5 },
                                        { .version = 2, .share = 0.3 },
                                        { .version = 3, .share = 0.2 } };
    const struct rollout r = { .mode = ROLLOUT_ab, .n_arms = 3, .arms = arms };
    uint64_t salt = rollout_salt("R2");
    int count[3] = { 0 };
    for (int i = 0; i < 100000; i++) {
        char key[24];
        count[rollout_arm_of(&r, salt, key, (size_t)snprintf(key, sizeof key, "%d", i))]++;
    }
    for (int i = 0; i < 3; i++) assert_true(fabs(count[i] / 1e5 - arms[i].share) < 0.005);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(documents_read_back),
        T(rules_read_back),
        T(what_is_wrong_is_refused),
        T(without_a_rollout_production_serves),
        T(a_rollout_holds_while_it_fits),
        T(over_or_unreadable_means_production),
        cmocka_unit_test(buckets_are_even),
        cmocka_unit_test(rollouts_are_independent),
        cmocka_unit_test(a_growing_share_moves_nobody_out),
        cmocka_unit_test(shares_are_kept),
    };
    return cmocka_run_group_tests_name("rollout", tests, NULL, NULL);
}
