/* test_retrain.c: the decision to retrain: every vote and every blocker on made-up facts; what
 * the verb reads from a workspace, what a dry run leaves alone, what queueing writes, and two
 * processes that decide at the same moment. The store is the real one, the clock is fixed. */
#include "app/job.h"
#include "app/registry.h"
#include "app/retrain.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/alert.h"
#include "store/prediction.h"
#include "store/run.h"
#include "store/schedule.h"
#include "store/snapshot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DAY  86400000000LL
#define NOW  (20000 * DAY)
#define HOUR 3600000000LL

static void assert_near(double a, double b, double tolerance)
{
    if (!(fabs(a - b) <= tolerance)) fail_msg("%.17g is not %.17g", a, b);
}

/* ---- the decision, on facts ---------------------------------------------------------------- */

static struct retrain_window window(int64_t day, double accuracy, int64_t n, double share)
{
    return (struct retrain_window){ .start_us = NOW - (day + 1) * DAY,
                                    .end_us = NOW - day * DAY,
                                    .volume = 1000,
                                    .accuracy = { accuracy, accuracy, accuracy, n },
                                    .brier = { NAN, NAN, NAN, 0 },
                                    .share = share };
}

/* Everything is well: no vote, no blocker. */
static struct retrain_facts well(struct retrain_window *w, size_t n)
{
    return (struct retrain_facts){
        .model = "m",
        .trigger = "policy",
        .now_us = NOW,
        .set = { .accuracy_drop = 0.05,
                 .brier_rise = 0.02,
                 .share_drifted = 0.2,
                 .min_coverage = 0.2,
                 .drift_windows = 3,
                 .min_labels = 500,
                 .min_minority = 30,
                 .watch_windows = 5,
                 .cooldown_us = DAY,
                 .train_window_us = 30 * DAY },
        .now = { .version = 1,
                 .promoted_us = NOW - 40 * DAY,
                 .first = true,
                 .task = "binary",
                 .accuracy = 0.9,
                 .brier = 0.08,
                 .n = 1000,
                 .rollback_below = NAN,
                 .window = w,
                 .n_windows = n,
                 .newest_us = NOW },
        .slot_us = INT64_MIN,
        .from_us = NOW - 30 * DAY,
        .to_us = NOW,
        .rows = 3000,
        .labels = 1500,
        .new_labels = 1500,
        .minority = 100,
        .trained_to_us = INT64_MIN,
    };
}

static const struct val *named(const struct val *list, const char *key, const char *name)
{
    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), key, ""), name)) return val_at(list, i);
    return NULL;
}

static bool votes(const struct val *d, const char *rule)
{
    const struct val *v = named(val_get(d, "evidence"), "rule", rule);
    assert_non_null(v);
    return val_get_bool(v, "vote", false);
}

/* Exactly this rule votes (NULL: none), and the decision follows. */
static void expect_vote(const struct retrain_facts *f, const char *rule)
{
    static const char *const all[] = { "accuracy_drop", "brier_rise", "drift", "manual",
                                       "schedule" };
    struct arena a = ARENA_INIT;
    const char *key;
    struct val *d = retrain_decide(&a, f, &key);

    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (votes(d, all[i]) != str_eq(all[i], rule)) fail_msg("%s, not %s", all[i], rule);
    assert_int_equal(val_len(val_get(d, "blockers")), 0);
    assert_int_equal(val_get_bool(d, "should_retrain", !rule), rule != NULL);
    assert_int_equal(val_len(val_get(d, "reasons")), 1);
    arena_done(&a);
}

static void each_rule_votes(void **state)
{
    struct retrain_window w[3] = { window(2, 0.9, 300, 0), window(1, 0.9, 300, 0),
                                   window(0, 0.89, 300, 0) };
    struct retrain_facts f = well(w, 3);

    (void)state;
    expect_vote(&f, NULL);
    w[2].accuracy.value = 0.80;
    expect_vote(&f, "accuracy_drop");
    w[2].accuracy.n = 20; /* as large, but it may be chance */
    expect_vote(&f, NULL);
    w[2] = window(0, 0.89, 300, 0);
    w[2].brier = (struct figure){ 0.11, 0.09, 0.13, 300 };
    expect_vote(&f, "brier_rise");
    w[2].brier.low = 0.07;
    expect_vote(&f, NULL);
    f.trigger = "manual";
    expect_vote(&f, "manual");
    f.trigger = "policy";
    f.slot_us = NOW - HOUR;
    expect_vote(&f, "schedule");
    f.slot_us = NOW - 50 * DAY; /* before the promotion */
    expect_vote(&f, NULL);
}

static void drift_votes_only_when_it_lasts_and_no_label_speaks(void **state)
{
    struct retrain_window w[4];
    struct retrain_facts f = well(w, 4);

    (void)state;
    for (int i = 0; i < 4; i++) w[i] = window(3 - i, NAN, 0, i ? 0.4 : 0);
    expect_vote(&f, "drift");
    w[2].share = 0.1;
    expect_vote(&f, NULL);
    w[2] = window(1, 0.9, 300, 0.4);
    expect_vote(&f, NULL);
    f.now.n_windows = 3;
    w[2] = window(1, NAN, 0, 0.4); /* two windows with drift and one without */
    expect_vote(&f, NULL);
}

static void each_blocker_blocks(void **state)
{
    static const struct {
        const char *name;
        size_t at;
        int64_t value;
    } numbers[] = {
        { "label_coverage", offsetof(struct retrain_facts, rows), 100000 },
        { "min_labels", offsetof(struct retrain_facts, new_labels), 499 },
        { "min_minority", offsetof(struct retrain_facts, minority), 29 },
        { "cooldown", offsetof(struct retrain_facts, trained_us), NOW - DAY + 1 },
    };
    struct retrain_window w = window(0, 0.7, 300, 0);
    struct arena a = ARENA_INIT;
    const char *key;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(numbers) + 3; i++) {
        struct retrain_facts f = well(&w, 1);
        const char *name = i < ARRAY_LEN(numbers) ? numbers[i].name : NULL;
        if (name) {
            memcpy((char *)&f + numbers[i].at, &numbers[i].value, sizeof(int64_t));
        } else if (i == ARRAY_LEN(numbers)) {
            f.bad_data = "nulls";
            name = "data_quality";
        } else if (i == ARRAY_LEN(numbers) + 1) {
            f.job = "J";
            name = "duplicate";
        } else { /* promoted lately, and not for the first time */
            f.now.first = false;
            f.now.promoted_us = NOW - HOUR;
            name = "cooldown";
        }
        struct val *d = retrain_decide(&a, &f, &key);
        assert_false(val_get_bool(d, "should_retrain", true));
        assert_true(votes(d, "accuracy_drop"));
        assert_int_equal(val_len(val_get(d, "blockers")), 1);
        if (!named(val_get(d, "blockers"), "name", name)) fail_msg("%s does not block", name);
        assert_int_equal(val_len(val_get(d, "reasons")), 2);
    }
    arena_done(&a);
}

static void limits_themselves_do_not_block(void **state)
{
    struct retrain_window w = window(0, 0.7, 300, 0);
    struct retrain_facts f = well(&w, 1);

    (void)state;
    f.new_labels = 500;
    f.minority = 30;
    f.rows = f.labels * 5;
    f.trained_us = NOW - DAY;
    expect_vote(&f, "accuracy_drop");
    f.minority = -1; /* a regression has no classes */
    expect_vote(&f, "accuracy_drop");
}

static void numbers_of_the_decision(void **state)
{
    struct retrain_window w[2] = { window(1, 0.95, 100, 0), window(0, 0.80, 400, 0) };
    struct retrain_facts f = well(w, 2);
    struct arena a = ARENA_INIT;
    const char *key, *again, *other;
    struct val *d = retrain_decide(&a, &f, &key);
    const struct val *v = named(val_get(d, "evidence"), "rule", "accuracy_drop");

    (void)state;
    assert_near(val_get_real(d, "avoidable_misclassifications", 0), 40, 1e-9);
    /* Newcombe's interval of 900/1000 - 320/400 */
    assert_near(val_get_real(v, "value", 0), 0.1, 1e-12);
    assert_near(val_get_real(v, "low", 0), 0.0589, 5e-4);
    assert_near(val_get_real(v, "high", 0), 0.1455, 5e-4);
    const struct val *c = val_get(d, "rollback_criteria");
    assert_near(val_get_real(c, "threshold", 0), 0.80, 1e-12);
    assert_int_equal(val_get_int(c, "watch_windows", 0), 5);
    retrain_decide(&a, &f, &again);
    assert_string_equal(key, again);
    f.to_us++;
    retrain_decide(&a, &f, &other);
    assert_string_not_equal(key, other);
    f.to_us--;
    f.trigger = "manual";
    retrain_decide(&a, &f, &other);
    assert_string_not_equal(key, other);
    arena_done(&a);
}

/* ---- a workspace ---------------------------------------------------------------------------- */

struct bench {
    char dir[64];
    struct app app;
    struct clock clock;
    struct ports ports;
    struct arena arena;
};

static void add_version(struct bench *b, double accuracy)
{
    struct store *s = b->app.store;
    struct run run = { .experiment_id = "0",
                       .name = "r",
                       .status = "FINISHED",
                       .user = "u",
                       .start_us = NOW - 40 * DAY };
    const struct metric_point m = { "accuracy", accuracy, 0, NOW - 40 * DAY };
    const struct kv rows = { "rows_valid", "1000" };
    struct registry_done done;
    struct registry_moved moved;

    assert_int_equal(store_begin(s, NULL), 0);
    assert_int_equal(store_run_create(s, &b->arena, &run, NULL), 0);
    assert_int_equal(store_run_log_metrics(s, run.id, &m, 1, NULL), 0);
    assert_int_equal(store_run_log_params(s, run.id, &rows, 1, NULL), 0);
    const struct registry_new in = {
        .name = "m",
        .run_id = run.id,
        .size = 1,
        .algorithm = "logistic",
        .task = "binary",
        .digest = "0000000000000000000000000000000000000000000000000000000000000000",
        .fp_signature = "1",
        .fp_architecture = "1",
        .fp_data = run.id,
        .fp_params = "1",
    };
    assert_int_equal(registry_register(&b->app, &b->arena, &in, &done, NULL), 0);
    assert_int_equal(store_commit(s, NULL), 0);
    assert_int_equal(registry_promote(&b->app, &b->arena, "m", done.version.version, "Production",
                                      "test", &moved, NULL),
                     0);
}

/* A window of the day that begins `day` days before NOW. */
static void add_window(struct bench *b, int64_t day, int64_t version, double accuracy)
{
    struct store *s = b->app.store;
    const char *data = arena_printf(
        &b->arena,
        "{\"volume\":600,\"labels\":600,\"model_versions\":{\"%lld\":600},\"performance\":"
        "{\"accuracy\":{\"value\":%g,\"low\":%g,\"high\":%g,\"n\":600},\"brier\":null},"
        "\"drift\":{\"share\":0.0}}",
        (long long)version, accuracy, accuracy - 0.03, accuracy + 0.03);
    const struct snapshot sn = { .model = "m",
                                 .start_us = NOW - day * DAY,
                                 .end_us = NOW - (day - 1) * DAY,
                                 .at_us = NOW,
                                 .data = data };

    assert_int_equal(store_begin(s, NULL), 0);
    assert_int_equal(snapshot_add(s, &sn, 0, NULL, NULL), 0);
    assert_int_equal(store_commit(s, NULL), 0);
}

static void add_log(struct bench *b, int64_t day, int n)
{
    struct store *s = b->app.store;

    assert_int_equal(store_begin(s, NULL), 0);
    for (int i = 0; i < n; i++) {
        struct label_effect effect;
        const char *id = arena_printf(&b->arena, "%lld-%d", (long long)day, i);
        const struct prediction p = { .request_id = id,
                                      .at_us = NOW - day * DAY + i,
                                      .version = 1,
                                      .answer = "0",
                                      .probability = 0.1,
                                      .latency_ms = NAN };
        const struct label l = { id, i % 4 ? "0" : "1", NOW };
        assert_int_equal(prediction_add(s, "m", &p, NULL, NULL), 0);
        assert_int_equal(label_add(s, "m", &l, &effect, NULL), 0);
    }
    assert_int_equal(store_commit(s, NULL), 0);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    snprintf(b->dir, sizeof b->dir, "/tmp/sbxretrain.XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    b->clock = clock_fixed(NOW - 40 * DAY);
    const struct app_config cfg = {
        .dir = b->dir, .create = true, .actor = "tester", .clock = &b->clock, .ports = &b->ports
    };
    assert_int_equal(app_open(&b->app, &cfg, NULL), 0);
    add_version(b, 0.9);
    b->clock.fixed_us = NOW;
    add_window(b, 2, 1, 0.9);
    add_window(b, 1, 1, 0.8);
    add_log(b, 1, 800);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    app_close(&b->app);
    arena_done(&b->arena);
    assert_int_equal(file_remove_tree(b->dir, NULL), 0);
    free(b);
    return 0;
}

static const struct val *policy(struct bench *b, struct app *app, bool dry, const char *trigger)
{
    struct val *in = val_obj(&b->arena);
    struct err e = ERR_INIT;
    struct reply r;

    val_set_str(in, "name", "m");
    val_set_bool(in, "dry-run", dry);
    val_set_str(in, "trigger", trigger);
    reply_init(&r);
    if (verb_call(app, verb_find("retrain policy"), in, &r, &e)) fail_msg("%s", e.msg);
    const struct val *v = val_copy(&b->arena, r.v);
    reply_done(&r);
    return v;
}

static size_t count_decisions(struct bench *b)
{
    struct retrain_row *row;
    size_t n = 0;
    assert_int_equal(retrain_list(b->app.store, &b->arena, NULL, 0, &row, &n, NULL), 0);
    return n;
}

static size_t count_jobs(struct bench *b)
{
    struct job *j;
    size_t n = 0;
    assert_int_equal(store_job_list(b->app.store, &b->arena, NULL, 0, 0, &j, &n, NULL), 0);
    return n;
}

static void a_dry_run_writes_nothing(void **state)
{
    struct bench *b = *state;
    int64_t before = store_revision(b->app.store);
    const struct val *d = policy(b, &b->app, true, "policy");

    assert_true(val_get_bool(d, "should_retrain", false));
    assert_true(val_get_bool(d, "dry_run", false));
    assert_true(votes(d, "accuracy_drop"));
    assert_false(val_has(d, "job_id"));
    const struct val *w = val_get(d, "data_window");
    assert_int_equal(val_get_int(w, "labels", 0), 800);
    assert_int_equal(val_get_int(w, "minority", 0), 200);
    assert_int_equal(store_revision(b->app.store), before);
    assert_int_equal(count_decisions(b) + count_jobs(b), 0);
}

static void queueing_writes_once(void **state)
{
    struct bench *b = *state;
    const struct val *first = policy(b, &b->app, false, "policy");
    const char *id = val_get_str(first, "job_id", NULL);
    struct retrain_row *row;
    struct job j;
    size_t n;

    assert_non_null(id);
    assert_int_equal(store_job_get(b->app.store, &b->arena, id, &j, NULL), 0);
    assert_string_equal(j.kind, "retrain");
    const struct val *second = policy(b, &b->app, false, "manual");
    assert_false(val_get_bool(second, "should_retrain", true));
    assert_string_equal(val_get_str(second, "duplicate_of", ""), id);
    assert_non_null(named(val_get(second, "blockers"), "name", "duplicate"));
    assert_int_equal(count_jobs(b), 1);
    assert_int_equal(retrain_list(b->app.store, &b->arena, "m", 0, &row, &n, NULL), 0);
    assert_int_equal(n, 2);
    size_t yes = row[0].should_retrain ? 0 : 1;
    assert_string_equal(row[yes].job_id, id);
    assert_string_equal(row[yes].dedup_key, j.dedup_key);
    assert_string_equal(row[1 - yes].duplicate_of, id);
    /* a job that was given up is no reason to wait */
    assert_int_equal(store_job_cancel(b->app.store, id, NULL), 0);
    assert_true(val_get_bool(policy(b, &b->app, true, "policy"), "should_retrain", false));
}

static void two_processes_queue_one_job(void **state)
{
    struct bench *b = *state;
    int gate[2];

    assert_int_equal(pipe(gate), 0);
    for (int i = 0; i < 4; i++) {
        if (fork()) continue;
        char c;
        struct app app;
        struct clock clock = clock_fixed(NOW + 1000 * (i + 1)); /* as no two forks make one id */
        const struct app_config cfg = {
            .dir = b->dir, .actor = "other", .clock = &clock, .ports = &b->ports
        };
        struct bench mine = { 0 };
        close(gate[1]);
        if (read(gate[0], &c, 1) != 0 || app_open(&app, &cfg, NULL)) _exit(9);
        const struct val *d = policy(&mine, &app, false, i % 2 ? "policy" : "schedule");
        bool job = val_has(d, "job_id"), duplicate = val_has(d, "duplicate_of");
        app_close(&app);
        _exit(job == duplicate ? 8 : job);
    }
    close(gate[0]);
    close(gate[1]);
    int jobs = 0;
    for (int i = 0; i < 4; i++) {
        int status;
        assert_true(wait(&status) > 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) > 1) fail_msg("status %x", status);
        jobs += WEXITSTATUS(status);
    }
    assert_int_equal(jobs, 1);
    assert_int_equal(count_jobs(b), 1);
    assert_int_equal(count_decisions(b), 4);
}

static void an_incident_of_the_data_blocks(void **state)
{
    struct bench *b = *state;
    const struct alert al = { .id = "AAAAAAAAAAAAAAAAAAAAAAAAAA",
                              .model = "m",
                              .rule = "nulls",
                              .kind = "data_quality",
                              .state = "incident",
                              .severity = "critical",
                              .recommended_action = "fix_data",
                              .since_us = NOW,
                              .detail = "{}",
                              .updated_us = NOW };

    assert_int_equal(store_begin(b->app.store, NULL), 0);
    assert_int_equal(alert_put(b->app.store, &al, NULL), 0);
    assert_int_equal(store_commit(b->app.store, NULL), 0);
    const struct val *d = policy(b, &b->app, false, "policy");
    assert_false(val_get_bool(d, "should_retrain", true));
    assert_non_null(named(val_get(d, "blockers"), "name", "data_quality"));
    assert_int_equal(count_jobs(b), 0);
    assert_int_equal(count_decisions(b), 1); /* a no is kept too */
}

/* ---- the watch after a promotion --------------------------------------------------------------
 */

static struct alert watch_alert(struct bench *b, size_t *ret_n)
{
    struct alert *al = NULL;
    assert_int_equal(alert_list(b->app.store, &b->arena, "m", false, &al, ret_n, NULL), 0);
    return *ret_n ? al[0] : (struct alert){ 0 };
}

static int64_t production(struct bench *b)
{
    struct reg_model m;
    assert_int_equal(store_model_get(b->app.store, &b->arena, "m", &m, NULL), 0);
    return m.production;
}

static void a_first_promotion_is_not_watched(void **state)
{
    struct bench *b = *state;
    size_t n;

    assert_int_equal(retrain_watch(&b->app, "m", NULL), 0);
    assert_int_equal(retrain_watch(&b->app, "nobody", NULL), 0);
    watch_alert(b, &n);
    assert_int_equal(n, 0);
}

static void the_watch_recommends_a_rollback(void **state)
{
    struct bench *b = *state;
    size_t n;

    add_version(b, 0.92);
    assert_int_equal(production(b), 2);
    add_window(b, 0, 2, 0.90);
    assert_int_equal(retrain_watch(&b->app, "m", NULL), 0);
    watch_alert(b, &n);
    assert_int_equal(n, 0); /* all is well, nothing to say */
    add_window(b, -1, 2, 0.70);
    b->clock.fixed_us = NOW + DAY;
    for (int i = 0; i < 2; i++) assert_int_equal(retrain_watch(&b->app, "m", NULL), 0);
    struct alert al = watch_alert(b, &n);
    assert_int_equal(n, 1);
    assert_string_equal(al.rule, RETRAIN_WATCH_RULE);
    assert_string_equal(al.state, "incident");
    assert_string_equal(al.recommended_action, "rollback");
    assert_near(al.value, 0.70, 1e-12);
    assert_near(al.threshold, 0.87, 1e-12);
    struct alert_event *ev;
    assert_int_equal(alert_events(b->app.store, &b->arena, al.id, true, 0, &ev, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(production(b), 2);
    struct registry_moved moved;
    assert_int_equal(registry_rollback(&b->app, &b->arena, "m", "as told", &moved, NULL), 0);
    assert_int_equal(retrain_watch(&b->app, "m", NULL), 0);
    al = watch_alert(b, &n);
    assert_string_equal(al.state, "none");
}

static void the_watch_rolls_back_if_told_to(void **state)
{
    struct bench *b = *state;
    const char *yaml = "retrain:\n  auto_rollback: true\n";
    size_t n;

    assert_int_equal(file_write_atomic(arena_printf(&b->arena, "%s/signalbox.yaml", b->dir), yaml,
                                       strlen(yaml), NULL),
                     0);
    add_version(b, 0.92);
    add_window(b, 0, 2, 0.70);
    b->clock.fixed_us = NOW + DAY;
    assert_int_equal(retrain_watch(&b->app, "m", NULL), 0);
    assert_int_equal(production(b), 1);
    struct alert al = watch_alert(b, &n);
    assert_string_equal(al.state, "incident");
    assert_non_null(strstr(al.detail, "rolled back to version 1"));
    /* version 1 is back; its windows of before do not take it out again */
    assert_int_equal(retrain_watch(&b->app, "m", NULL), 0);
    assert_int_equal(production(b), 1);
    assert_string_equal(watch_alert(b, &n).state, "none");
}

static void operate(struct bench *b, const char *verb, const char *id)
{
    struct val *in = val_obj(&b->arena);
    struct err e = ERR_INIT;
    struct reply r;

    val_set_str(in, "alert", id);
    val_set_str(in, "reason", "seen");
    reply_init(&r);
    if (verb_call(&b->app, verb_find(verb), in, &r, &e)) fail_msg("%s: %s", verb, e.msg);
    reply_done(&r);
}

static void operators_may_answer_the_watch(void **state)
{
    struct bench *b = *state;
    struct reply r;
    size_t n;

    add_version(b, 0.92);
    add_window(b, 0, 2, 0.70);
    b->clock.fixed_us = NOW + DAY;
    assert_int_equal(retrain_watch(&b->app, "m", NULL), 0);
    const char *id = watch_alert(b, &n).id;
    operate(b, "alert ack", id);
    assert_string_equal(watch_alert(b, &n).acked_by, "tester");
    operate(b, "alert resolve", id);
    assert_string_equal(watch_alert(b, &n).state, "none");
    assert_int_equal(retrain_watch(&b->app, "m", NULL), 0);
    assert_string_equal(watch_alert(b, &n).state, "none"); /* nothing new */
    add_window(b, -1, 2, 0.69);
    assert_int_equal(retrain_watch(&b->app, "m", NULL), 0);
    assert_string_equal(watch_alert(b, &n).state, "incident");
    reply_init(&r); /* the rules' replay does not miss or find it */
    assert_int_equal(verb_call(&b->app, verb_find("alert replay"), NULL, &r, NULL), 0);
    for (size_t i = 0; i < val_len(val_get(r.v, "differences")); i++)
        assert_string_not_equal(val_get_str(val_at(val_get(r.v, "differences"), i), "rule", ""),
                                RETRAIN_WATCH_RULE);
    reply_done(&r);
}

static void the_watch_ends(void **state)
{
    struct bench *b = *state;
    size_t n;

    add_version(b, 0.92);
    for (int i = 0; i < 5; i++) add_window(b, -i, 2, 0.91);
    add_window(b, -5, 2, 0.5);
    b->clock.fixed_us = NOW + 6 * DAY;
    assert_int_equal(retrain_watch(&b->app, "m", NULL), 0);
    watch_alert(b, &n);
    assert_int_equal(n, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_votes),
        cmocka_unit_test(drift_votes_only_when_it_lasts_and_no_label_speaks),
        cmocka_unit_test(each_blocker_blocks),
        cmocka_unit_test(limits_themselves_do_not_block),
        cmocka_unit_test(numbers_of_the_decision),
        TEST(a_dry_run_writes_nothing),
        TEST(queueing_writes_once),
        TEST(two_processes_queue_one_job),
        TEST(an_incident_of_the_data_blocks),
        TEST(a_first_promotion_is_not_watched),
        TEST(the_watch_recommends_a_rollback),
        TEST(the_watch_rolls_back_if_told_to),
        TEST(operators_may_answer_the_watch),
        TEST(the_watch_ends),
    };

    return cmocka_run_group_tests_name("retrain", tests, NULL, NULL);
}
