/* test_fmt.c: numbers, durations, ids and the order of metrics as the screen shows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "views/fmt.h"
#include "views/key.h"
#include <math.h>

static void test_numbers(void **state)
{
    (void)state;
    char b[FMT_LEN];
    assert_string_equal(fmt_metric(b, 0.94321), "0.9432");
    assert_string_equal(fmt_metric(b, 12.456), "12.46");
    assert_string_equal(fmt_metric(b, 48213.4), "48213");
    assert_string_equal(fmt_metric(b, 0), "0.0000");
    assert_string_equal(fmt_metric(b, 3.1e-7), "3.1e-07");
    assert_string_equal(fmt_metric(b, NAN), "–");
    assert_string_equal(fmt_delta(b, 0.012), "+0.0120");
    assert_string_equal(fmt_delta(b, -1.5), "−1.5000");
    assert_string_equal(fmt_count(b, 950), "950");
    assert_string_equal(fmt_count(b, 100000), "100,000");
    assert_string_equal(fmt_count(b, 1254000), "1.25M");
    assert_string_equal(fmt_bytes(b, 999), "999 B");
    assert_string_equal(fmt_bytes(b, 1234567), "1.2 MB");
    assert_string_equal(fmt_percent(b, 0.999), " 99 %");
}

static void test_times(void **state)
{
    (void)state;
    char b[FMT_LEN];
    int64_t now = 1767225600LL * 1000000; /* 2026-01-01T00:00:00Z */
    assert_string_equal(fmt_duration(b, 0.4212), "0.42s");
    assert_string_equal(fmt_duration(b, 59), "59s");
    assert_string_equal(fmt_duration(b, 190), "3m10s");
    assert_string_equal(fmt_duration(b, 7500), "2h05m");
    assert_string_equal(fmt_duration(b, 90000), "1d01h");
    assert_string_equal(fmt_age(b, "2025-12-31T23:59:30Z", now), "now");
    assert_string_equal(fmt_age(b, "2025-12-31T23:57:00Z", now), "3m");
    assert_string_equal(fmt_age(b, "2026-01-01T00:00:09Z", now), "now");
    assert_string_equal(fmt_age(b, NULL, now), "–");
    assert_string_equal(fmt_time(b, "2026-01-31T23:59:59.1Z"), "2026-01-31 23:59");
}

static void test_ids(void **state)
{
    (void)state;
    char b[FMT_LEN];
    assert_string_equal(fmt_id(b, "3f2a9c0d4e5f60718293a4b5c6d7e8f9"), "3f2a9c0d");
    assert_string_equal(fmt_id(b, "01JCZX5E8K7Q2M4N6P8R0S1T2V"), "8R0S1T2V");
    assert_string_equal(fmt_id(b, NULL), "–");
}

static void test_values_and_paths(void **state)
{
    (void)state;
    char b[64];
    struct arena a = ARENA_INIT;
    struct val *v = NULL;
    const char json[] = "{\"a\":{\"b\":{\"c\":0.5}},\"s\":\"x\",\"n\":null,\"m\":{\"a.b\":3}}";
    assert_int_equal(val_parse_json(&a, json, sizeof json - 1, &v, NULL), 0);
    assert_string_equal(fmt_val(b, sizeof b, fmt_path(v, "a.b.c"), "real", 0), "0.5000");
    assert_string_equal(fmt_val(b, sizeof b, fmt_path(v, "m.a.b"), NULL, 0), "3");
    assert_string_equal(fmt_val(b, sizeof b, fmt_path(v, "s"), NULL, 0), "x");
    assert_string_equal(fmt_val(b, sizeof b, fmt_path(v, "n"), "age", 0), "–");
    assert_null(fmt_path(v, "a.x.c"));
    arena_done(&a);
}

static void test_metrics(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    struct val *m = val_obj(&a);
    assert_null(metric_main(m));
    val_set_real(m, "zeta", 1);
    assert_string_equal(metric_main(m), "zeta");
    val_set_real(m, "log_loss", 1);
    val_set_real(m, "auc", 1);
    assert_string_equal(metric_main(m), "auc");
    assert_true(metric_info("valid_auc")->higher_is_better);
    assert_false(metric_info("train_rmse")->higher_is_better);
    assert_false(metric_info("my_loss")->higher_is_better);
    arena_done(&a);
}

static void test_key_names(void **state)
{
    (void)state;
    char b[KEY_NAME_LEN];
    assert_string_equal(key_label(b, K_ENTER), "Enter");
    assert_string_equal(key_label(b, K_CTRL('l')), "^L");
    assert_string_equal(key_label(b, ' '), "space");
    assert_string_equal(key_label(b, 'R'), "R");
    assert_string_equal(key_label(b, K_BACKTAB), "S-Tab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers), cmocka_unit_test(test_times),
        cmocka_unit_test(test_ids),     cmocka_unit_test(test_values_and_paths),
        cmocka_unit_test(test_metrics), cmocka_unit_test(test_key_names),
    };
    return cmocka_run_group_tests_name("views.fmt", tests, NULL, NULL);
}
