/* test_escalate.c: the alert state machine as a pure function: streaks, clearing, windows that
 * do not count, critical values, rules from settings, and what is recommended. */
#include "app/escalate.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* needs the headers above */

static struct arena arena;

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static const struct esc_rule high = {
    .name = "high", .kind = "drift", .metric = "drift.share", .op = ">", .value = 0.2,
    .critical = 0.9, .min_rows = 50, .watch_after = 2, .incident_after = 3, .clear_after = 2,
    .for_windows = 1, .action = "investigate",
};

/* Letters of a run: b breach, c clean, C critical, n no data, f too few rows; the state after
 * each is compared with the digit under it. */
static void plays(const struct esc_rule *r, const char *windows, const char *states)
{
    struct esc_memory m = { 0 };
    assert_int_equal(strlen(windows), strlen(states));
    for (size_t i = 0; windows[i]; i++) {
        struct esc_sample s = { .window_us = (int64_t)(i + 1) * 1000, .n = 100 };
        s.value = windows[i] == 'C' ? 0.95 : windows[i] == 'n' ? (double)NAN : windows[i] == 'c' ? 0.1 : 0.3;
        if (windows[i] == 'f') s.n = 10;
        bool changed;
        enum esc_state before = m.state;
        m = esc_step(r, m, &s, &changed);
        if ((int)m.state != states[i] - '0')
            fail_msg("%s: after window %zu the state is %s", windows, i, esc_state_name(m.state));
        assert_int_equal(changed, m.state != before);
        if (changed) assert_int_equal(m.since_us, s.window_us);
    }
}

static void breaches_escalate_and_clean_windows_clear(void **state)
{
    (void)state;
    plays(&high, "bbbb", "1233");
    plays(&high, "bc", "11");
    plays(&high, "bcc", "110");
    plays(&high, "bbbccb", "123301");
    plays(&high, "bbcbb", "12222"); /* the streak starts anew, the state stays */
    plays(&high, "bbcbbb", "122223");
}

static void windows_that_do_not_count(void **state)
{
    (void)state;
    plays(&high, "bnb", "112");   /* silence neither breaks nor extends */
    plays(&high, "bfb", "112");
    plays(&high, "bbnnnb", "122223");
    plays(&high, "bbcnc", "12220");
    struct esc_memory m = { 0 };
    struct esc_sample s = { .window_us = 5, .value = 0.3, .n = 100 };
    m = esc_step(&high, m, &s, NULL);
    struct esc_memory again = esc_step(&high, m, &s, NULL); /* the same window once more */
    assert_int_equal(again.streak, 1);
}

static void critical_values_are_incidents_at_once(void **state)
{
    (void)state;
    plays(&high, "C", "3");
    plays(&high, "Ccc", "330");
}

static void waiting_before_and_after(void **state)
{
    (void)state;
    struct esc_rule r = high;
    r.for_windows = 2;
    plays(&r, "bcbb", "0002");
    r = high;
    r.keep_windows = 2;
    plays(&r, "bcccc", "11110");
}

static void drops_refer_to_the_baseline(void **state)
{
    (void)state;
    struct esc_rule r = { .op = "drop", .value = 0.05, .critical = (double)NAN, .baseline = 0.9 };
    struct esc_sample s = { .value = 0.86, .n = 1 };
    assert_false(esc_breach(&r, &s));
    s.value = 0.84;
    assert_true(esc_breach(&r, &s));
    assert_true(fabs(esc_threshold(&r) - 0.85) < 1e-12);
    r.op = "rise";
    s.value = 0.96;
    assert_true(esc_breach(&r, &s));
}

static void replay_equals_play(void **state)
{
    (void)state;
    struct rng g;
    rng_seed(&g, 3);
    for (int run = 0; run < 200; run++) {
        struct esc_sample s[60];
        struct esc_memory a = { 0 }, b = { 0 };
        for (int i = 0; i < 60; i++)
            s[i] = (struct esc_sample){ .window_us = i + 1, .n = (int64_t)rng_below(&g, 120),
                                        .value = rng_below(&g, 8) ? rng_unit(&g) * 0.5 : (double)NAN };
        for (int i = 0; i < 60; i++) a = esc_step(&high, a, &s[i], NULL);
        for (int i = 0; i < 60; i++) b = esc_step(&high, b, &s[i], NULL);
        assert_int_equal(a.state, b.state);
        assert_int_equal(a.streak, b.streak);
        assert_int_equal(a.since_us, b.since_us);
        assert_true(a.state <= ESC_INCIDENT && a.clean < high.clear_after + 1);
    }
}

static struct val *json(const char *text)
{
    struct val *v = NULL;
    struct err e = ERR_INIT;
    if (val_parse_json(&arena, text, strlen(text), &v, &e)) fail_msg("%s", e.msg);
    return v;
}

static const struct esc_rule *find(const struct esc_rule *r, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(r[i].name, name)) return &r[i];
    return NULL;
}

static const struct esc_rule *need(const struct esc_rule *r, size_t n, const char *name)
{
    const struct esc_rule *found = find(r, n, name);
    if (!found) {
        fail_msg("there is no rule %s", name);
        abort();
    }
    return found;
}

static void settings_change_and_add_rules(void **state)
{
    (void)state;
    struct esc_rule *r;
    size_t n;
    struct err e = ERR_INIT;
    const struct val *m = json(
        "{\"min_rows\":70,\"min_labels\":30,\"watch_after\":2,\"incident_after\":4,\"clear_after\":1,"
        "\"rules\":[{\"name\":\"drift\",\"value\":0.5},{\"name\":\"latency\",\"enabled\":false},"
        "{\"name\":\"slow\",\"kind\":\"latency\",\"metric\":\"latency.p50_ms\",\"op\":\">\",\"value\":10}]}");
    assert_int_equal(esc_rules(&arena, m, json("{\"auc\":0.9}"), &r, &n, &e), 0);
    assert_true(need(r, n, "drift")->value == 0.5);
    assert_int_equal(need(r, n, "drift")->min_rows, 70);
    assert_int_equal(need(r, n, "drift")->incident_after, 4);
    assert_null(find(r, n, "latency"));
    assert_non_null(find(r, n, "slow"));
    assert_true(need(r, n, "auc")->baseline == 0.9);
    assert_int_equal(need(r, n, "auc")->min_rows, 30);
    assert_null(find(r, n, "accuracy")); /* the run has no such figure */
    m = json("{\"rules\":[{\"name\":\"own\",\"value\":1}]}");
    assert_int_equal(esc_rules(&arena, m, NULL, &r, &n, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "own"));
}

static void budgets_and_short_names(void **state)
{
    (void)state;
    struct esc_rule *r;
    size_t n;
    struct err e = ERR_INIT;
    const struct val *m = json(
        "{\"rules\":[{\"name\":\"low\",\"metric\":\"auc\",\"value\":0.8},"
        "{\"name\":\"good\",\"kind\":\"budget\",\"metric\":\"accuracy\",\"slo\":0.9,\"burn\":3},"
        "{\"name\":\"bad\",\"kind\":\"budget\",\"metric\":\"quality.unseen_share\",\"op\":\">\","
        "\"slo\":0.99,\"burn\":2,\"short_windows\":2,\"long_windows\":3}]}");
    assert_int_equal(esc_rules(&arena, m, NULL, &r, &n, &e), 0);
    assert_string_equal(need(r, n, "low")->metric, "performance.auc.value");
    assert_string_equal(need(r, n, "low")->op, "<");
    assert_true(need(r, n, "good")->good && need(r, n, "good")->value == 3);
    assert_string_equal(need(r, n, "good")->op, ">");
    const struct esc_rule *bad = need(r, n, "bad");
    assert_false(bad->good);
    const struct esc_window w[] = {
        { .start_us = 0, .end_us = 10, .data = json("{\"volume\":100,\"quality\":{\"unseen_share\":0.5}}") },
        { .start_us = 10, .end_us = 20, .data = json("{\"volume\":100,\"quality\":{\"unseen_share\":0.03}}") },
        { .start_us = 20, .end_us = 30, .data = json("{\"volume\":0,\"quality\":{\"unseen_share\":null}}") },
        { .start_us = 30, .end_us = 40, .data = json("{\"volume\":300,\"quality\":{\"unseen_share\":0.05}}") },
    };
    struct esc_sample s = esc_sample(bad, w, 4);
    assert_true(fabs(s.value - 4.5) < 1e-12); /* short: 5; long: 18 of 400 */
    assert_int_equal(s.n, 300);
    assert_true(isnan(esc_sample(bad, w, 3).value));
    assert_true(fabs(esc_sample(bad, w, 2).value - 26.5) < 1e-12);
    m = json("{\"rules\":[{\"name\":\"x\",\"kind\":\"budget\",\"metric\":\"accuracy\",\"burn\":3}]}");
    assert_int_equal(esc_rules(&arena, m, NULL, &r, &n, &e), -ERR_INVALID);
    assert_non_null(strstr(e.msg, "slo"));
}

/* What is kept of a rule judges as the rule does. */
static void rules_survive_as_values(void **state)
{
    (void)state;
    struct esc_rule *r;
    size_t n;
    struct err e = ERR_INIT;
    const struct val *m = json("{\"min_rows\":50,\"min_labels\":30,\"rules\":[{\"name\":\"good\","
                               "\"kind\":\"budget\",\"metric\":\"accuracy\",\"slo\":0.9,\"burn\":3}]}");
    const struct val *b = json("{\"auc\":0.91234567890123,\"accuracy\":0.9,\"brier\":0.1}");
    assert_int_equal(esc_rules(&arena, m, b, &r, &n, &e), 0);
    for (size_t i = 0; i < n; i++) {
        STR_AUTO once = STR_INIT;
        STR_AUTO twice = STR_INIT;
        val_write_json(&once, esc_rule_to_val(&arena, &r[i]), 0);
        struct esc_rule back = esc_rule_from_val(json(str_c(&once)), r[i].name);
        val_write_json(&twice, esc_rule_to_val(&arena, &back), 0);
        assert_string_equal(str_c(&once), str_c(&twice));
        assert_true(back.value == r[i].value && back.min_rows == r[i].min_rows);
        assert_true(isnan(back.baseline) ? isnan(r[i].baseline) : back.baseline == r[i].baseline);
        assert_int_equal(back.good, r[i].good);
    }
}

static void samples_count_their_rows(void **state)
{
    (void)state;
    const struct val *s = json("{\"volume\":500,\"labels\":40,\"drift\":{\"share\":0.3},"
                               "\"performance\":{\"auc\":{\"value\":0.8,\"n\":38},\"brier\":null}}");
    struct esc_rule r = { .metric = "drift.share" };
    struct esc_sample x = esc_read(&r, s, 7);
    assert_true(x.value == 0.3 && x.n == 500 && x.window_us == 7);
    r.metric = "performance.auc.value";
    x = esc_read(&r, s, 7);
    assert_true(x.value == 0.8 && x.n == 38);
    r.metric = "performance.brier.value";
    x = esc_read(&r, s, 7);
    assert_true(isnan(x.value) && x.n == 40);
}

static void bad_data_blocks_retraining(void **state)
{
    (void)state;
    struct esc_rule r = { .action = "retrain_dry_run" };
    assert_string_equal(esc_action(&r, ESC_NONE, false), "none");
    assert_string_equal(esc_action(&r, ESC_ACTIVE, false), "observe");
    assert_string_equal(esc_action(&r, ESC_WATCH, true), "investigate");
    assert_string_equal(esc_action(&r, ESC_INCIDENT, false), "retrain_dry_run");
    assert_string_equal(esc_action(&r, ESC_INCIDENT, true), "fix_data");
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(breaches_escalate_and_clean_windows_clear),
        cmocka_unit_test(windows_that_do_not_count),
        cmocka_unit_test(critical_values_are_incidents_at_once),
        cmocka_unit_test(waiting_before_and_after),
        cmocka_unit_test(drops_refer_to_the_baseline),
        cmocka_unit_test(replay_equals_play),
        cmocka_unit_test(settings_change_and_add_rules),
        cmocka_unit_test(budgets_and_short_names),
        cmocka_unit_test(rules_survive_as_values),
        cmocka_unit_test(samples_count_their_rows),
        cmocka_unit_test(bad_data_blocks_retraining),
    };
    return cmocka_run_group_tests_name("app.escalate", t, NULL, teardown);
}
