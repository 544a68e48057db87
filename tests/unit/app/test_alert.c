/* test_alert.c: alerts on a real store in a temporary workspace: snapshots are added and judged
 * as a check does it; operators act through the verbs; a replay must give the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/alert_fold.h"
#include "app/notify.h"
#include "app/registry.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "store/blob.h"
#include "store/job.h"
#include "store/run.h"
#include "store/snapshot.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY   (86400 * 1000000LL)
#define START (1767225600 * 1000000LL) /* 2026-01-01 */

struct fixture {
    char dir[64];
    struct clock clock;
    struct app app;
    struct arena a;
    struct err e;
};

static int setup(void **state)
{
    static const struct ports none;
    struct fixture *f = mem_zalloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/test_alert.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->clock = clock_fixed(START + 400 * DAY);
    f->app = (struct app){
        .dir = f->dir, .clock = &f->clock, .actor = "kim", .role = "admin", .ports = &none
    };
    if (store_open(&f->app.store, f->dir, STORE_CREATE, &f->clock, &f->e)) fail_msg("%s", f->e.msg);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->app.store);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    arena_done(&f->a);
    free(f);
    return 0;
}

static void settings(struct fixture *f, const char *yaml)
{
    const char *path = arena_printf(&f->a, "%s/signalbox.yaml", f->dir);
    assert_int_equal(file_write_atomic(path, yaml, strlen(yaml), &f->e), 0);
}

/* Adds the next version of the window of a day, and judges it. */
static void measured(struct fixture *f, const char *model, int day, const char *json)
{
    struct val *data;
    struct snapshot sn = { .model = model, .start_us = START + day * DAY,
                           .end_us = START + (day + 1) * DAY, .data = json };
    f->clock.fixed_us += 1000000;
    if (val_parse_json(&f->a, json, strlen(json), &data, &f->e)) fail_msg("%s", f->e.msg);
    assert_int_equal(store_begin(f->app.store, &f->e), 0);
    assert_int_equal(snapshot_add(f->app.store, &sn, 0, NULL, &f->e), 0);
    if (alert_judge(&f->app, &sn, data, &f->e)) fail_msg("%s", f->e.msg);
    assert_int_equal(store_commit(f->app.store, &f->e), 0);
}

static void share(struct fixture *f, int day, double share_drifted)
{
    measured(f, "fraud", day,
             arena_printf(&f->a, "{\"volume\":500,\"drift\":{\"share\":%.3f}}", share_drifted));
}

static struct alert get(struct fixture *f, const char *rule)
{
    char id[ALERT_ID_LEN + 1];
    struct alert al;
    alert_make_id(id, "fraud", rule);
    if (alert_get(f->app.store, &f->a, id, &al, &f->e)) fail_msg("%s", f->e.msg);
    return al;
}

static void is(struct fixture *f, const char *rule, const char *state)
{
    struct alert al = get(f, rule);
    if (!str_eq(al.state, state)) fail_msg("%s is %s, not %s", rule, al.state, state);
}

static const struct val *detail(struct fixture *f, const char *rule)
{
    struct val *v;
    struct alert al = get(f, rule);
    assert_int_equal(val_parse_json(&f->a, al.detail, strlen(al.detail), &v, &f->e), 0);
    return v;
}

/* State events of an alert, oldest first: "none>active active>watch". */
static const char *story(struct fixture *f, const char *rule)
{
    struct alert_event *ev;
    size_t n;
    STR_AUTO s = STR_INIT;
    assert_int_equal(alert_events(f->app.store, &f->a, get(f, rule).id, true, 0, &ev, &n, &f->e), 0);
    for (size_t i = 0; i < n; i++)
        if (str_eq(ev[i].type, "state"))
            str_addf(&s, "%s%s>%s", s.len ? " " : "", ev[i].from, ev[i].to);
    return arena_strdup(&f->a, str_c(&s));
}

static void breaches_climb_and_clean_windows_clear(void **state)
{
    struct fixture *f = *state;
    static const char *const climb[] = { "none", "active", "watch", "incident" };
    static const char *const severity[] = { "info", "info", "warning", "critical" };
    static const char *const action[] = { "none", "observe", "investigate", "investigate" };
    for (int day = 0; day < 4; day++) {
        share(f, day, day ? 0.5 : 0.1);
        is(f, "drift", climb[day]);
        assert_string_equal(get(f, "drift").severity, severity[day]);
        assert_string_equal(get(f, "drift").recommended_action, action[day]);
    }
    struct alert al = get(f, "drift");
    assert_true(al.value == 0.5 && al.threshold == 0.2 && al.n == 500 && al.streak == 3);
    assert_int_equal(al.since_us, START + 3 * DAY);
    assert_int_equal(al.window_us, START + 3 * DAY);
    assert_string_equal(al.group, "fraud/drift/2026-01-02T00:00:00Z");
    assert_string_equal(val_get_str(detail(f, "drift"), "metric", ""), "drift.share");
    share(f, 4, 0.0);
    is(f, "drift", "incident");
    share(f, 5, 0.0);
    is(f, "drift", "none");
    assert_null(get(f, "drift").group);
    assert_int_equal(get(f, "drift").resolved_us, f->clock.fixed_us);
    assert_string_equal(story(f, "drift"), "none>active active>watch watch>incident incident>none");
}

static void the_features_that_moved_most(void **state)
{
    struct fixture *f = *state;
    STR_AUTO s = STR_INIT;
    str_add(&s, "{\"volume\":500,\"drift\":{\"share\":0.9,\"features\":[{\"name\":\"none\",\"effect\":null}");
    for (int i = 0; i < 9; i++)
        str_addf(&s, ",{\"name\":\"f%d\",\"effect\":%d,\"drifted\":true}", i, (i * 4) % 9);
    str_add(&s, "]}}");
    measured(f, "fraud", 0, str_c(&s));
    const struct val *top = val_get(detail(f, "drift"), "features");
    static const char *const names[] = { "f2", "f4", "f6", "f8", "f1" };
    assert_int_equal(val_len(top), 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(val_get_str(val_at(top, i), "name", ""), names[i]);
    assert_true(val_get_bool(val_at(top, 0), "drifted", false));
}

/* Data that is broken explains drift: those alerts are muted, and told when it is over. */
static void broken_data_mutes_drift(void **state)
{
    struct fixture *f = *state;
    for (int day = 0; day < 3; day++)
        measured(f, "fraud", day,
                 "{\"volume\":500,\"drift\":{\"share\":0.6},\"quality\":{\"schema_issues\":2,"
                 "\"schema\":[\"amount\",\"country\"]}}");
    is(f, "schema", "incident");
    is(f, "drift", "incident");
    assert_string_equal(get(f, "drift").inhibited_by, "schema");
    assert_null(get(f, "schema").inhibited_by);
    assert_string_equal(get(f, "schema").recommended_action, "fix_data");
    assert_int_equal(val_len(val_get(detail(f, "schema"), "columns")), 2);
    for (int day = 3; day < 5; day++)
        measured(f, "fraud", day,
                 "{\"volume\":500,\"drift\":{\"share\":0.6},\"quality\":{\"schema_issues\":0}}");
    is(f, "schema", "none");
    assert_null(get(f, "drift").inhibited_by);
}

static int64_t notices(struct fixture *f)
{
    struct job *jobs;
    size_t n;
    assert_int_equal(store_job_list(f->app.store, &f->a, NULL, 100, 0, &jobs, &n, &f->e), 0);
    return (int64_t)n;
}

static void receivers_hear_what_is_not_muted(void **state)
{
    struct fixture *f = *state;
    settings(f, "notify: [{name: oncall, url: 'http://127.0.0.1:1/', min_state: watch}]\n");
    share(f, 0, 0.5);
    assert_int_equal(notices(f), 0); /* below what this receiver wants */
    share(f, 1, 0.5);
    assert_int_equal(notices(f), 1);
    share(f, 2, 0.5);
    assert_int_equal(notices(f), 2);
    share(f, 3, 0.5);
    assert_int_equal(notices(f), 2); /* nothing new */
    share(f, 4, 0);
    share(f, 5, 0);
    assert_int_equal(notices(f), 3); /* over */
}

static void late_labels_change_the_past(void **state)
{
    struct fixture *f = *state;
    for (int day = 0; day < 3; day++) share(f, day, 0.5);
    is(f, "drift", "incident");
    share(f, 1, 0.1); /* measured again: there was no breach */
    is(f, "drift", "active");
    assert_int_equal(get(f, "drift").streak, 1);
    assert_string_equal(story(f, "drift"), "none>active active>watch watch>incident incident>active");
    share(f, 1, 0.6); /* and again */
    is(f, "drift", "incident");
    assert_int_equal(get(f, "drift").since_us, START + 2 * DAY);
    share(f, 3, 0.6);
    assert_int_equal(get(f, "drift").streak, 4);
}

static void windows_keep_the_rules_of_their_time(void **state)
{
    struct fixture *f = *state;
    share(f, 0, 0.3);
    is(f, "drift", "active");
    settings(f, "monitoring: {rules: [{name: drift, value: 0.4}]}\n");
    share(f, 0, 0.35); /* late, under the old threshold */
    is(f, "drift", "active");
    assert_true(get(f, "drift").threshold == 0.2);
    share(f, 1, 0.35); /* under the new one: no breach */
    assert_true(get(f, "drift").threshold == 0.4);
    assert_int_equal(get(f, "drift").streak, 0);
    share(f, 0, 0.5);
    assert_true(get(f, "drift").threshold == 0.4);
    settings(f, "monitoring: {rules: [{name: drift, enabled: false}]}\n");
    share(f, 2, 0.9);
    is(f, "drift", "none");
    assert_string_equal(story(f, "drift"), "none>active active>none");
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test_setup_teardown(breaches_climb_and_clean_windows_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(the_features_that_moved_most, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_data_mutes_drift, setup, teardown),
        cmocka_unit_test_setup_teardown(receivers_hear_what_is_not_muted, setup, teardown),
        cmocka_unit_test_setup_teardown(late_labels_change_the_past, setup, teardown),
        cmocka_unit_test_setup_teardown(windows_keep_the_rules_of_their_time, setup, teardown),
    };
    return cmocka_run_group_tests_name("app.alert", t, NULL, NULL);
}
