/* test_settings.c: signalbox.yaml: defaults, per-model values, lists, and errors that name the
 * file and the place. */
#include "app/settings.h"
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* needs the headers above */

static char dir[64];
static struct arena arena;

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/signalbox-settings-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return file_remove_tree(dir, NULL);
}

static int load(const char *yaml, struct val **ret, struct err *e)
{
    char path[128];
    snprintf(path, sizeof path, "%s/signalbox.yaml", dir);
    if (yaml) assert_int_equal(file_write_atomic(path, yaml, strlen(yaml), e), 0);
    return settings_load(&arena, dir, ret, e);
}

static const struct val *loaded(const char *yaml)
{
    struct val *v = NULL;
    struct err e = ERR_INIT;
    if (load(yaml, &v, &e)) fail_msg("%s", e.msg);
    return v;
}

static void refused(const char *yaml, const char *text)
{
    struct val *v = NULL;
    struct err e = ERR_INIT;
    assert_true(load(yaml, &v, &e) < 0);
    if (!strstr(e.msg, text)) fail_msg("\"%s\" lacks \"%s\"", e.msg, text);
    assert_non_null(strstr(e.msg, "signalbox.yaml"));
}

static void without_a_file_defaults_hold(void **state)
{
    (void)state;
    const struct val *s = loaded(NULL), *m = settings_model(s, "any");
    assert_string_equal(val_get_str(m, "window", ""), "1d");
    assert_int_equal(val_get_int(m, "incident_after", 0), 3);
    assert_int_equal(val_len(val_get(m, "rules")), 0);
    assert_int_equal(val_len(val_get(s, "notify")), 0);
    assert_true(val_get_real(val_get(s, "retrain"), "accuracy_drop", 0) == 0.05);
}

static void models_change_the_general_values(void **state)
{
    (void)state;
    const struct val *s = loaded("monitoring:\n  window: 1h\n  min_rows: 20\n"
                                 "  rules: [{name: auc_low, metric: performance.auc.value, value: 0.8}]\n"
                                 "  models:\n    fraud: {window: 15m}\n");
    const struct val *fraud = settings_model(s, "fraud"), *other = settings_model(s, "other");
    assert_string_equal(val_get_str(fraud, "window", ""), "15m");
    assert_int_equal(val_get_int(fraud, "min_rows", 0), 20);
    assert_string_equal(val_get_str(other, "window", ""), "1h");
    const struct val *rule = val_at(val_get(fraud, "rules"), 0);
    assert_false(val_has(rule, "op")); /* unsaid: a default rule keeps its own */
    assert_true(val_get_bool(rule, "enabled", false));
}

static void the_daemon_has_settings_per_model(void **state)
{
    (void)state;
    const struct val *s = loaded("serve:\n  timeout_ms: 50\n  models:\n    fraud: {log: false}\n");
    const struct val *fraud = settings_serve(s, "fraud"), *other = settings_serve(s, "other");
    assert_int_equal(val_get_int(fraud, "timeout_ms", 0), 50);
    assert_false(val_get_bool(fraud, "log", true));
    assert_true(val_get_bool(other, "log", false));
    assert_ptr_equal(other, settings_serve(s, NULL));
    refused("serve: {timeout: 1}\n", "timeout");
    refused("serve: {cache_ttl: soon}\n", "is no duration");
    refused("serve: {models: {a: {log: perhaps}}}\n", "serve.models.a");
}

static void receivers(void **state)
{
    (void)state;
    const struct val *s = loaded("notify:\n- {name: oncall, url: 'http://127.0.0.1:1/x'}\n"
                                 "- {name: pd, type: pagerduty, url: 'http://127.0.0.1:1/y',"
                                 " secret_env: PD_KEY, min_state: incident}\n");
    const struct val *first = val_at(val_get(s, "notify"), 0);
    assert_string_equal(val_get_str(first, "type", ""), "webhook");
    assert_string_equal(val_get_str(first, "min_state", ""), "watch");
    assert_string_equal(val_get_str(val_at(val_get(s, "notify"), 1), "type", ""), "pagerduty");
}

static void mistakes_are_named(void **state)
{
    (void)state;
    refused("monitor: {}\n", "no section 'monitor'");
    refused("monitoring: {windw: 1h}\n", "windw");
    refused("monitoring: {window: 1 hour}\n", "is no duration");
    refused("monitoring: {models: {a: {min_rows: many}}}\n", "monitoring.models.a");
    refused("monitoring: {rules: [{value: 1}]}\n", "'name' is missing");
    refused("notify: {name: x}\n", "must be a list");
    refused("notify: [{name: x, url: y, type: fax}]\n", "fax");
    refused("retrain: {accuracy_drop: 7}\n", "accuracy_drop");
    refused("retrain: [1\n", "line");
}

static void durations(void **state)
{
    (void)state;
    int64_t us;
    assert_true(settings_duration("90s", &us) && us == 90000000);
    assert_true(settings_duration("2w", &us) && us == 14 * 86400000000LL);
    assert_false(settings_duration("1", &us) || settings_duration("", &us) ||
                 settings_duration("0d", &us) || settings_duration("1y", &us) ||
                 settings_duration("-1d", &us) || settings_duration(NULL, &us) ||
                 settings_duration("99999999999999w", &us));
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(without_a_file_defaults_hold),
        cmocka_unit_test(models_change_the_general_values),
        cmocka_unit_test(the_daemon_has_settings_per_model),
        cmocka_unit_test(receivers),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(durations),
    };
    return cmocka_run_group_tests_name("app.settings", t, setup, teardown);
}
