/* test_alert.c: alerts on a real store in a temporary workspace: snapshots are added and judged
 * as a check does it; operators act through the verbs; a replay must give the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "desk.h"
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
    struct fixture *f = mem_zalloc(1, sizeof *f);
    desk_open(&f->app, f->dir, &f->clock, START + 400 * DAY);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    desk_close(&f->app);
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
    struct snapshot sn = { .model = model,
                           .start_us = START + day * DAY,
                           .end_us = START + (day + 1) * DAY,
                           .data = json };
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
             arena_printf(&f->a, "{\"volume\":500,\"drift\":{\"table_share\":%.3f}}", share_drifted));
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
    assert_int_equal(alert_events(f->app.store, &f->a, get(f, rule).id, true, 0, &ev, &n, &f->e),
                     0);
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
    assert_string_equal(val_get_str(detail(f, "drift"), "metric", ""), "drift.table_share");
    share(f, 4, 0.0);
    is(f, "drift", "incident");
    share(f, 5, 0.0);
    is(f, "drift", "none");
    assert_null(get(f, "drift").group);
    assert_int_equal(get(f, "drift").resolved_us, f->clock.fixed_us);
    assert_string_equal(story(f, "drift"), "none>active active>watch watch>incident incident>none");
}

/* Checks that come late, or all at once, do not blur when things happened. */
static void steps_name_their_window(void **state)
{
    struct fixture *f = *state;
    struct val *in = val_obj(&f->a);
    struct reply r;
    for (int day = 0; day < 5; day++) share(f, day, day < 3 ? 0.5 : 0.1);
    val_set_str(in, "alert", get(f, "drift").id);
    reply_init(&r);
    if (verb_call(&f->app, verb_find("alert show"), in, &r, &f->e)) fail_msg("%s", f->e.msg);
    assert_string_equal(val_get_str(r.v, "about", ""),
                        "share of drifted features, of which the profile sound asks for two at "
                        "least");
    assert_int_equal(val_get_int(r.v, "clean_streak", -1), get(f, "drift").clean);
    const struct val *events = val_get(r.v, "events");
    static const char *const ends[] = { "2026-01-06T00:00:00Z", "2026-01-04T00:00:00Z",
                                        "2026-01-03T00:00:00Z", "2026-01-02T00:00:00Z", NULL };
    assert_int_equal(val_len(events), ARRAY_LEN(ends)); /* the oldest: the rule came in force */
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        const char *end = val_get_str(val_at(events, i), "window_end", NULL);
        if (ends[i]) assert_string_equal(end, ends[i]);
        else assert_null(end);
    }
    assert_non_null(strstr(r.text, "2026-01-04T00:00:00  state    watch -> incident"));
    reply_done(&r);
}

static void the_features_that_moved_most(void **state)
{
    struct fixture *f = *state;
    STR_AUTO s = STR_INIT;
    str_add(&s, "{\"volume\":500,\"drift\":{\"table_share\":0.9,\"features\":[{\"name\":\"none\","
                "\"effect\":null}");
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
                 "{\"volume\":500,\"drift\":{\"table_share\":0.6},\"quality\":{\"schema_issues\":2,"
                 "\"schema\":[\"amount\",\"country\"]}}");
    is(f, "schema", "incident");
    is(f, "drift", "incident");
    assert_string_equal(get(f, "drift").inhibited_by, "schema");
    assert_null(get(f, "schema").inhibited_by);
    assert_string_equal(get(f, "schema").recommended_action, "fix_data");
    assert_int_equal(val_len(val_get(detail(f, "schema"), "columns")), 2);
    for (int day = 3; day < 5; day++)
        measured(f, "fraud", day,
                 "{\"volume\":500,\"drift\":{\"table_share\":0.6},\"quality\":{\"schema_issues\":0}}");
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
    assert_string_equal(story(f, "drift"),
                        "none>active active>watch watch>incident incident>active");
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

/* ---- operators ---------------------------------------------------------------------------- */

static struct val *args_of(struct fixture *f, const char *rule)
{
    struct val *in = val_obj(&f->a);
    if (rule) val_set_str(in, "alert", arena_strndup(&f->a, get(f, rule).id, 12));
    val_set_str(in, "reason", "because");
    f->clock.fixed_us += 1000000;
    return in;
}

static int act(struct fixture *f, const char *verb, const struct val *in)
{
    struct reply r;
    reply_init(&r);
    f->e = (struct err)ERR_INIT;
    int rc = verb_call(&f->app, verb_find(verb), in, &r, &f->e);
    reply_done(&r);
    return rc;
}

static void acks(struct fixture *f, const char *rule)
{
    if (act(f, "alert ack", args_of(f, rule))) fail_msg("%s", f->e.msg);
}

/* Replays everything; prints the differences when there should be none. */
static bool replays(struct fixture *f)
{
    struct reply r;
    reply_init(&r);
    if (verb_call(&f->app, verb_find("alert replay"), NULL, &r, &f->e)) fail_msg("%s", f->e.msg);
    bool ok = val_get_bool(r.v, "ok", false);
    assert_int_equal(r.exit, ok ? 0 : 3);
    assert_int_equal(val_len(val_get(r.v, "differences")) == 0, ok);
    reply_done(&r);
    return ok;
}

static void acknowledged_until_it_clears(void **state)
{
    struct fixture *f = *state;
    share(f, 0, 0.1);
    assert_int_equal(act(f, "alert ack", args_of(f, "drift")), -ERR_STATE);
    share(f, 1, 0.5);
    acks(f, "drift");
    assert_string_equal(get(f, "drift").acked_by, "kim");
    share(f, 2, 0.5);
    assert_string_equal(get(f, "drift").acked_by, "kim");
    is(f, "drift", "watch");
    share(f, 3, 0);
    share(f, 4, 0);
    assert_null(get(f, "drift").acked_by);
    share(f, 5, 0.5);
    assert_null(get(f, "drift").acked_by);
    acks(f, "drift");
    struct val *in = args_of(f, "drift");
    val_set_bool(in, "undo", true);
    assert_int_equal(act(f, "alert ack", in), 0);
    assert_null(get(f, "drift").acked_by);
    assert_true(replays(f));
}

/* The alerts after each window, with what operators did meanwhile, are found again when nothing
 * came late: states, streaks, figures and evidence. */
static void the_past_is_found_as_it_was(void **state)
{
    struct fixture *f = *state;
    static const double shares[] = { 0.1, 0.5, 0.5, 0.6, 0.7, 0, 0, 0.5, 0.4, 0.3 };
    enum { DAYS = ARRAY_LEN(shares) };
    struct alert then[DAYS], *rows;
    size_t n;
    for (int day = 0; day < DAYS; day++) {
        if (day == 4) settings(f, "monitoring: {rules: [{name: drift, value: 0.45}]}\n");
        share(f, day, shares[day]);
        if (day == 2) acks(f, "drift");
        if (day == 8) assert_int_equal(act(f, "alert resolve", args_of(f, "drift")), 0);
        then[day] = get(f, "drift");
    }
    for (int day = 0; day < DAYS; day++) {
        assert_int_equal(
            alert_list_at(&f->app, &f->a, "fraud", START + day * DAY + DAY / 2, &rows, &n, &f->e),
            0);
        size_t at = 0;
        while (at < n && !str_eq(rows[at].rule, "drift")) at++;
        assert_true(at < n);
        const struct alert *now = &rows[at];
        assert_string_equal(now->state, then[day].state);
        assert_true(now->value == then[day].value && now->threshold == then[day].threshold);
        assert_int_equal(now->streak, then[day].streak);
        assert_int_equal(now->since_us, then[day].since_us);
        assert_int_equal(now->window_us, START + day * DAY);
        assert_string_equal(now->recommended_action, then[day].recommended_action);
        assert_true(str_eq(now->acked_by, then[day].acked_by));
    }
    assert_int_equal(alert_list_at(&f->app, &f->a, NULL, START - DAY, &rows, &n, &f->e), 0);
    for (size_t i = 0; i < n; i++) assert_string_equal(rows[i].state, "none");
    assert_true(replays(f)); /* looking changed nothing */
}

static void silence_holds_messages_back(void **state)
{
    struct fixture *f = *state;
    settings(f, "notify: [{name: oncall, url: 'http://127.0.0.1:1/', min_state: active}]\n");
    share(f, 0, 0.1);
    struct val *in = args_of(f, "drift");
    val_set_str(in, "for", "1h");
    assert_int_equal(act(f, "alert silence", in), 0);
    share(f, 1, 0.5);
    share(f, 2, 0.5);
    assert_int_equal(notices(f), 0);
    f->clock.fixed_us +=
        3600 * 1000000LL; /* over: what it held back is told with the next window */
    share(f, 3, 0.1);
    assert_int_equal(notices(f), 1);
    in = args_of(f, "drift");
    val_set_str(in, "for", "soon");
    assert_int_equal(act(f, "alert silence", in), -ERR_INVALID);
    in = args_of(f, "drift");
    val_set_str(in, "for", "1d");
    assert_int_equal(act(f, "alert silence", in), 0);
    in = args_of(f, "drift");
    val_set_bool(in, "end", true);
    assert_int_equal(act(f, "alert silence", in), 0);
    share(f, 4, 0.1);
    assert_int_equal(notices(f), 2); /* cleared */
    assert_true(replays(f));
}

static void resolved_alerts_start_anew(void **state)
{
    struct fixture *f = *state;
    for (int day = 0; day < 3; day++) share(f, day, 0.5);
    assert_int_equal(act(f, "alert resolve", args_of(f, "drift")), 0);
    is(f, "drift", "none");
    assert_int_equal(get(f, "drift").streak, 0);
    assert_int_equal(get(f, "drift").since_us, f->clock.fixed_us);
    assert_int_equal(act(f, "alert resolve", args_of(f, "drift")), -ERR_STATE);
    share(f, 1, 0.7); /* late rows of before do not open it again */
    is(f, "drift", "none");
    share(f, 3, 0.5);
    is(f, "drift", "active");
    assert_int_equal(get(f, "drift").streak, 1);
    struct val *in = args_of(f, "drift");
    val_set(in, "reason", val_null(&f->a));
    assert_true(act(f, "alert resolve", in) < 0); /* a reason is needed */
    assert_true(replays(f));
}

static void resolving_bad_data_lets_drift_speak(void **state)
{
    struct fixture *f = *state;
    settings(f, "notify: [{name: oncall, url: 'http://127.0.0.1:1/', min_state: incident}]\n");
    for (int day = 0; day < 3; day++)
        measured(f, "fraud", day,
                 "{\"volume\":500,\"drift\":{\"table_share\":0.6},\"quality\":{\"schema_issues\":2}}");
    assert_int_equal(notices(f), 1); /* schema alone */
    assert_string_equal(get(f, "drift").inhibited_by, "schema");
    assert_int_equal(act(f, "alert resolve", args_of(f, "schema")), 0);
    assert_null(get(f, "drift").inhibited_by);
    assert_int_equal(notices(f), 3); /* schema is over, and drift is told now */
    assert_true(replays(f));
}

/* Another length of windows: those that overlap with what was counted do not count. */
static void only_disjoint_windows_count(void **state)
{
    struct fixture *f = *state;
    struct val *data;
    const char *json = "{\"volume\":500,\"drift\":{\"table_share\":0.5}}";
    share(f, 0, 0.5);
    assert_int_equal(val_parse_json(&f->a, json, strlen(json), &data, &f->e), 0);
    for (int hour = 22; hour < 26; hour++) {
        struct snapshot sn = { .model = "fraud",
                               .start_us = START + hour * (DAY / 24),
                               .end_us = START + (hour + 1) * (DAY / 24),
                               .data = json };
        assert_int_equal(store_begin(f->app.store, &f->e), 0);
        assert_int_equal(snapshot_add(f->app.store, &sn, 0, NULL, &f->e), 0);
        assert_int_equal(alert_judge(&f->app, &sn, data, &f->e), 0);
        assert_int_equal(store_commit(f->app.store, &f->e), 0);
        assert_int_equal(get(f, "drift").streak, hour < 24 ? 1 : hour - 22);
    }
    assert_true(replays(f));
}

/* ---- budgets and baselines ------------------------------------------------------------------ */

static void accuracy(struct fixture *f, int day, double value, int n)
{
    measured(f, "fraud", day,
             arena_printf(&f->a,
                          "{\"volume\":%d,\"labels\":%d,\"performance\":{\"accuracy\":"
                          "{\"value\":%.4f,\"low\":%.4f,\"high\":1,\"n\":%d}}}",
                          n, n, value, value - 0.01, n));
}

static void budgets_burn_in_both_windows(void **state)
{
    struct fixture *f = *state;
    settings(f, "monitoring:\n  rules:\n    - {name: promise, kind: budget, metric: accuracy,"
                " slo: 0.95, burn: 2, short_windows: 1, long_windows: 4}\n");
    for (int day = 0; day < 4; day++) accuracy(f, day, 0.96, 1000);
    is(f, "promise", "none");
    assert_true(fabs(get(f, "promise").value - 0.8) < 1e-9);
    accuracy(f, 4, 0.80,
             1000); /* 4 in the short one, (3 * 0.04 + 0.2) / 4 / 0.05 = 1.6 in the long */
    is(f, "promise", "none");
    assert_true(fabs(get(f, "promise").value - 1.6) < 1e-9);
    assert_true(fabs(val_get_real(detail(f, "promise"), "burn_short", 0) - 4) < 1e-9);
    accuracy(f, 5, 0.80, 1000);
    is(f, "promise", "active");
    assert_true(get(f, "promise").threshold == 2);
    accuracy(f, 6, 0.99, 1000); /* the long one still burns */
    assert_true(val_get_real(detail(f, "promise"), "burn_long", 0) > 2);
    assert_int_equal(get(f, "promise").streak, 0);
    accuracy(f, 7, 0.5, 10); /* too few to say */
    assert_int_equal(get(f, "promise").window_us, START + 6 * DAY);
    accuracy(f, 3, 0.2, 1000); /* labels that came late burn the past */
    is(f, "promise", "incident");
    assert_true(replays(f));
}

/* A Production version whose run measured that accuracy. */
static void promoted(struct fixture *f, double value)
{
    char digest[65];
    struct run run = { .experiment_id = "0", .name = "r" };
    struct metric_point m = { .key = "accuracy", .value = value };
    struct registry_done done;
    struct registry_moved moved;
    const char *bytes = arena_printf(&f->a, "%g", value);
    assert_int_equal(store_run_create(f->app.store, &f->a, &run, &f->e), 0);
    assert_int_equal(store_run_log_metrics(f->app.store, run.id, &m, 1, &f->e), 0);
    assert_int_equal(blob_put(f->app.store, bytes, strlen(bytes), digest, &f->e), 0);
    struct registry_new in = { .name = "fraud",
                               .run_id = run.id,
                               .digest = digest,
                               .size = 3,
                               .algorithm = "gbdt",
                               .task = "binary",
                               .fp_signature = "s",
                               .fp_architecture = "g",
                               .fp_data = bytes,
                               .fp_params = "p" };
    assert_int_equal(store_begin(f->app.store, &f->e), 0);
    if (registry_register(&f->app, &f->a, &in, &done, &f->e)) fail_msg("%s", f->e.msg);
    assert_int_equal(store_commit(f->app.store, &f->e), 0);
    if (registry_promote(&f->app, &f->a, "fraud", done.version.version, "Production", "good",
                         &moved, &f->e))
        fail_msg("%s", f->e.msg);
}

static void drops_from_the_promoted_version(void **state)
{
    struct fixture *f = *state;
    promoted(f, 0.9);
    accuracy(f, 0, 0.84, 500);
    struct alert al = get(f, "accuracy");
    assert_string_equal(al.state, "active");
    assert_true(fabs(al.threshold - 0.85) < 1e-12);
    assert_true(fabs(val_get_real(detail(f, "accuracy"), "low", 0) - 0.83) < 1e-12);
    accuracy(f, 1, 0.84, 500);
    accuracy(f, 2, 0.84, 500);
    assert_string_equal(get(f, "accuracy").recommended_action, "retrain_dry_run");
    promoted(f, 0.86); /* from the next window on */
    accuracy(f, 3, 0.84, 500);
    assert_int_equal(get(f, "accuracy").streak, 0);
    accuracy(f, 2, 0.82, 500); /* the past keeps its baseline */
    is(f, "accuracy", "incident");
    assert_true(replays(f));
}

/* ---- replay -------------------------------------------------------------------------------------
 */

static void random_data(struct fixture *f, struct rng *g, const char *model, int day)
{
    STR_AUTO s = STR_INIT;
    str_addf(&s, "{\"volume\":%d,\"labels\":%d,", (int)rng_below(g, 300), (int)rng_below(g, 120));
    if (rng_below(g, 8))
        str_addf(&s, "\"drift\":{\"table_share\":%.17g,\"features\":[", rng_unit(g) * 0.4);
    else str_add(&s, "\"drift\":{\"table_share\":null,\"features\":[");
    for (int i = 0; i < 7; i++)
        str_addf(&s, "%s{\"name\":\"f%d\",\"effect\":%.17g,\"p_adjusted\":null,\"drifted\":%s}",
                 i ? "," : "", i, rng_unit(g), rng_below(g, 2) ? "true" : "false");
    str_addf(
        &s,
        "]},\"quality\":{\"schema_issues\":%d,\"schema\":[1.0,2,\"a\"],\"unseen_share\":%.17g},",
        rng_below(g, 4) ? 0 : 2, rng_unit(g) * 0.52);
    str_addf(
        &s,
        "\"latency\":{\"p99_ms\":%d},\"prediction_drift\":{\"effect\":%.17g,\"method\":\"ks\"},",
        (int)rng_below(g, 400), rng_unit(g) * 0.2);
    str_addf(&s, "\"performance\":{\"accuracy\":{\"value\":%.17g,\"n\":%d}}}",
             0.7 + rng_unit(g) * 0.3, (int)rng_below(g, 100));
    measured(f, model, day, str_c(&s));
}

static void random_act(struct fixture *f, struct rng *g)
{
    static const char *const verbs_of[] = { "alert ack", "alert ack", "alert silence",
                                            "alert resolve" };
    static const char *const rules_of[] = { "drift", "schema", "unseen", "latency",
                                            "prediction_drift" };
    static const char *const lengths[] = { "5s", "1m", "1h" };
    const char *verb = verbs_of[rng_below(g, ARRAY_LEN(verbs_of))];
    struct val *in = args_of(f, rules_of[rng_below(g, ARRAY_LEN(rules_of))]);
    if (str_eq(verb, "alert ack")) val_set_bool(in, "undo", rng_below(g, 4) == 0);
    if (str_eq(verb, "alert silence"))
        val_set_str(in, "for", lengths[rng_below(g, ARRAY_LEN(lengths))]);
    int rc = act(f, verb, in);
    if (rc && rc != -ERR_STATE) fail_msg("%s: %s", verb, f->e.msg);
}

/* One step in eight is a promotion or a change of settings. */
static void random_change(struct fixture *f, struct rng *g)
{
    if (rng_below(g, 2)) promoted(f, 0.8 + rng_unit(g) * 0.2);
    else
        settings(f, arena_printf(&f->a,
                                 "monitoring:\n  rules:\n    - {name: drift, value: %.3f}\n"
                                 "    - {name: latency, enabled: %s}\n"
                                 "    - {name: promise, kind: budget, metric: accuracy, slo: 0.9,"
                                 " burn: %d, short_windows: 1, long_windows: 5}\n",
                                 rng_unit(g) * 0.4, rng_below(g, 2) ? "true" : "false",
                                 1 + (int)rng_below(g, 3)));
}

/* What was stepped is what all windows give that are played from the first. */
static void agrees(struct fixture *f)
{
    struct fold fold;
    struct snapshot *list;
    struct val *data;
    size_t n;
    fold_init(&fold, &f->a, "fraud");
    assert_int_equal(alert_load(&f->app, &fold, true, &f->e), 0);
    assert_int_equal(snapshot_list(f->app.store, &f->a, "fraud", 0, INT64_MAX, 0, &list, &n, &f->e),
                     0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(val_parse_json(&f->a, list[i].data, strlen(list[i].data), &data, &f->e),
                         0);
        struct esc_window w = { list[i].start_us, list[i].end_us, list[i].version,
                                list[i].seq,      list[i].at_us,  data };
        fold_put_window(&fold, &w);
    }
    fold_again(&fold);
    for (size_t i = 0; i < fold.alerts.n; i++) {
        const struct fold_alert *al = fold.alerts.p[i];
        struct alert row = get(f, al->row.rule);
        assert_string_equal(row.state, esc_state_name(al->m.state));
        assert_int_equal(row.streak, al->m.streak);
        assert_int_equal(row.clean, al->m.clean);
        assert_int_equal(row.since_us, al->m.since_us);
        assert_true(row.value == al->m.value || (isnan(row.value) && isnan(al->m.value)));
        assert_int_equal(row.n, al->m.n);
        assert_int_equal(row.acked_us, al->row.acked_us);
        assert_true(str_eq(row.acked_by, al->row.acked_by));
        assert_true(str_eq(row.group, al->row.group));
        assert_true(str_eq(row.kind, al->row.kind));
    }
    fold_done(&fold);
}

static void play_at_random(struct fixture *f, uint64_t seed, int steps)
{
    struct rng g;
    int newest = 0;
    rng_seed(&g, seed);
    random_data(f, &g, "fraud", 0);
    for (int i = 0; i < steps; i++) {
        switch (rng_below(&g, 8)) {
        case 0: random_act(f, &g); break;
        case 1: random_change(f, &g); break;
        case 2: random_data(f, &g, "fraud", (int)rng_below(&g, (uint64_t)newest + 1)); break;
        case 3: random_data(f, &g, "other", newest); break;
        default:
            newest += 1 + (int)rng_below(&g, 2); /* gaps are filled late */
            random_data(f, &g, "fraud", newest);
        }
        agrees(f);
    }
}

static void anything_replays_to_the_byte(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        void *own;
        setup(&own);
        struct fixture *f = own;
        play_at_random(f, seed, 40);
        if (!replays(f)) fail_msg("seed %d", (int)seed);
        teardown(&own);
    }
}

/* Any doctored row is found. */
static void replay_finds_what_was_changed(void **state)
{
    struct fixture *f = *state;
    play_at_random(f, 77, 20);
    assert_true(replays(f));
    struct alert al = get(f, "drift"), was = al;
    al.streak++;
    assert_int_equal(alert_put(f->app.store, &al, &f->e), 0);
    assert_false(replays(f));
    assert_int_equal(alert_put(f->app.store, &was, &f->e), 0);
    assert_true(replays(f));
    const struct alert_event ev = {
        .alert_id = al.id, .type = "state", .from = "none", .to = "incident", .snapshot_seq = 1
    };
    assert_int_equal(alert_event_add(f->app.store, &ev, NULL, &f->e), 0);
    assert_false(replays(f));
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test_setup_teardown(breaches_climb_and_clean_windows_clear, setup, teardown),
        cmocka_unit_test_setup_teardown(steps_name_their_window, setup, teardown),
        cmocka_unit_test_setup_teardown(the_features_that_moved_most, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_data_mutes_drift, setup, teardown),
        cmocka_unit_test_setup_teardown(receivers_hear_what_is_not_muted, setup, teardown),
        cmocka_unit_test_setup_teardown(late_labels_change_the_past, setup, teardown),
        cmocka_unit_test_setup_teardown(windows_keep_the_rules_of_their_time, setup, teardown),
        cmocka_unit_test_setup_teardown(acknowledged_until_it_clears, setup, teardown),
        cmocka_unit_test_setup_teardown(the_past_is_found_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(silence_holds_messages_back, setup, teardown),
        cmocka_unit_test_setup_teardown(resolved_alerts_start_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(resolving_bad_data_lets_drift_speak, setup, teardown),
        cmocka_unit_test_setup_teardown(only_disjoint_windows_count, setup, teardown),
        cmocka_unit_test_setup_teardown(budgets_burn_in_both_windows, setup, teardown),
        cmocka_unit_test_setup_teardown(drops_from_the_promoted_version, setup, teardown),
        cmocka_unit_test(anything_replays_to_the_byte),
        cmocka_unit_test_setup_teardown(replay_finds_what_was_changed, setup, teardown),
    };
    return cmocka_run_group_tests_name("app.alert", t, NULL, NULL);
}
