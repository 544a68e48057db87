/* test_train.c: the training job in this process: what it leaves behind when it ends well, is
 * cancelled, fails, or loses its lease, and what becomes of attempts nobody worked to the end.
 * The engine, the reader and the store are the real ones; the clock is fixed where time counts. */
#include "app/job.h"
#include "app/jobs.h"
#include "app/train.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "store/audit.h"
#include "store/blob.h"
#include "store/registry.h"
#include "store/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 400 };

struct bench {
    char dir[64], csv[96];
    struct app app;
    struct clock clock;
    struct ports ports;
    struct arena arena;
    struct job job; /* the claimed one */
    atomic_bool cancel;
    /* what report() does when progress gets there */
    double act_at;
    void (*act)(struct bench *b);
    int reports;
};

static void write_csv(struct bench *b)
{
    STR_AUTO s = STR_INIT;
    struct rng r;

    rng_seed(&r, 5);
    str_add(&s, "x,colour,label\n");
    for (int i = 0; i < ROWS; i++) {
        double x = rng_normal(&r);
        bool red = rng_unit(&r) < 0.5;
        str_addf(&s, "%.4f,%s,%s\n", x, red ? "red" : "blue",
                 x + red + 0.3 * rng_normal(&r) > 0.5 ? "yes" : "no");
    }
    snprintf(b->csv, sizeof b->csv, "%s/t.csv", b->dir);
    assert_int_equal(file_write_atomic(b->csv, s.p, s.len, NULL), 0);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    snprintf(b->dir, sizeof b->dir, "/tmp/sbxtrain.XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    b->clock = clock_fixed(1700000000000000);
    const struct app_config cfg = {
        .dir = b->dir, .create = true, .actor = "tester", .clock = &b->clock, .ports = &b->ports
    };
    assert_int_equal(app_open(&b->app, &cfg, NULL), 0);
    write_csv(b);
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

/* -- helpers ----------------------------------------------------------------- */

/* Arguments as "name=value" words; "param.n_estimators=7" is a hyper-parameter. */
static struct val *arguments(struct bench *b, const char *const *words)
{
    struct val *v = val_obj(&b->arena);

    val_set_str(v, "data", b->csv);
    val_set_str(v, "target", "label");
    val_set_str(v, "algorithm", "logistic");
    for (; *words; words++) {
        const char *eq = strchr(*words, '=');
        const char *key = arena_strndup(&b->arena, *words, (size_t)(eq - *words));
        if (str_starts(key, "param.")) val_set_str(val_set_obj(v, "param"), key + 6, eq + 1);
        else val_set_str(v, key, eq + 1);
    }
    return v;
}
#define ARGS(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static int call_train(struct bench *b, const char *const *words, char id[27], bool *duplicate,
                      struct err *e)
{
    struct err local = ERR_INIT;
    struct reply r;
    int rc;

    reply_init(&r);
    rc = verb_call(&b->app, verb_find("train"), arguments(b, words), &r, e ? e : &local);
    if (!e && rc < 0) print_error("%s\n", local.msg);
    if (rc == 0) snprintf(id, 27, "%s", val_get_str(r.v, "job_id", ""));
    if (rc == 0 && duplicate) *duplicate = val_get_bool(r.v, "duplicate", false);
    reply_done(&r);
    return rc;
}

static void report(struct job_ctx *c, double progress, const char *message)
{
    struct bench *b = c->user;

    assert_non_null(message);
    b->reports++;
    if (b->act && progress >= b->act_at) {
        void (*act)(struct bench *) = b->act;
        b->act = NULL;
        act(b);
    }
}

static void claim(struct bench *b, const char *id)
{
    assert_int_equal(
        store_job_claim(b->app.store, &b->arena, "default", id, "worker", 4711, &b->job, NULL), 0);
}

static int execute(struct bench *b, struct err *e)
{
    struct job_ctx c = { .app = &b->app,
                         .job = &b->job,
                         .arena = &b->arena,
                         .cancel = &b->cancel,
                         .report = report,
                         .user = b };

    assert_int_equal(
        val_parse_json(&b->arena, b->job.payload, strlen(b->job.payload), &c.args, NULL), 0);
    return job_execute(&c, e);
}

/* Queues, claims and runs one training. */
static int train(struct bench *b, const char *const *words, struct err *e)
{
    char id[27];

    assert_int_equal(call_train(b, words, id, NULL, NULL), 0);
    claim(b, id);
    return execute(b, e);
}

static struct job job_now(struct bench *b)
{
    struct job j;

    assert_int_equal(store_job_get(b->app.store, &b->arena, b->job.id, &j, NULL), 0);
    return j;
}

static struct run run_of(struct bench *b, const char *id)
{
    struct run r;

    assert_non_null(id);
    assert_int_equal(store_run_get(b->app.store, &b->arena, id, &r, NULL), 0);
    return r;
}

static const char *kv_get(const struct kv *kv, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(kv[i].key, key)) return kv[i].value;
    return NULL;
}

static double metric(const struct run *r, const char *key)
{
    for (size_t i = 0; i < r->n_metrics; i++)
        if (str_eq(r->metrics[i].key, key)) return r->metrics[i].value;
    fail_msg("no metric %s", key);
    return 0;
}

static int64_t count_runs(struct bench *b, const char *status)
{
    const struct run_query q = { .filter =
                                     arena_printf(&b->arena, "attributes.status = '%s'", status) };
    int64_t n = 0;

    assert_int_equal(store_run_count(b->app.store, &q, &n, NULL), 0);
    return n;
}

/* -- tests -------------------------------------------------------------------- */

static void leaves_a_whole_run(void **state)
{
    struct bench *b = *state;
    struct artifact *f = NULL;
    struct audit_check check;
    struct reg_version v;
    STR_AUTO bytes = STR_INIT;
    size_t n = 0;

    assert_int_equal(train(b, ARGS("register=m", "run-name=first", "experiment=exp"), NULL), 0);
    struct job j = job_now(b);
    struct run r = run_of(b, j.run_id);
    assert_string_equal(j.state, "succeeded");
    assert_string_equal(r.status, "FINISHED");
    assert_string_equal(r.name, "first");
    assert_string_equal(r.experiment, "exp");
    assert_string_equal(r.user, "tester");
    assert_string_equal(kv_get(r.params, r.n_params, "rows"), "400");
    assert_string_equal(kv_get(r.params, r.n_params, "rows_valid"), "80");
    assert_string_equal(kv_get(r.params, r.n_params, "algorithm"), "logistic");
    assert_string_equal(kv_get(r.params, r.n_params, "positive"), "yes");
    assert_string_equal(kv_get(r.tags, r.n_tags, "mlflow.user"), "tester");
    assert_string_equal(kv_get(r.tags, r.n_tags, "signalbox.job_id"), j.id);
    assert_true(metric(&r, "auc") > 0.9);
    assert_true(metric(&r, "train_auc") > 0.9);
    assert_int_equal(store_run_artifacts(b->app.store, &b->arena, r.id, &f, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_string_equal(f[0].path, "model");
    assert_int_equal(blob_get(b->app.store, f[0].digest, &bytes, NULL), 0);
    assert_int_equal(bytes.len, f[0].size);
    assert_int_equal(store_version_get(b->app.store, &b->arena, "m", 1, &v, NULL), 0);
    assert_string_equal(v.run_id, r.id);
    assert_string_equal(v.digest, f[0].digest);
    assert_int_equal(audit_verify(b->app.store, &check, NULL), 0);
    assert_int_equal(check.first_bad, 0);
    assert_true(check.rows >= 2); /* train and register */
}

static void same_seed_same_model(void **state)
{
    struct bench *b = *state;
    const char *digest[2];

    for (int i = 0; i < 2; i++) {
        struct artifact *f = NULL;
        size_t n = 0;
        assert_int_equal(
            train(b, i ? ARGS("seed=3", "threads=2") : ARGS("seed=3", "threads=1"), NULL), 0);
        assert_int_equal(
            store_run_artifacts(b->app.store, &b->arena, job_now(b).run_id, &f, &n, NULL), 0);
        digest[i] = f[0].digest;
    }
    assert_string_equal(digest[0], digest[1]);
}

static void folds_give_mean_and_deviation(void **state)
{
    struct bench *b = *state;
    struct val *result;

    assert_int_equal(train(b, ARGS("folds=4", "split=stratified"), NULL), 0);
    struct job j = job_now(b);
    struct run r = run_of(b, j.run_id);
    assert_true(metric(&r, "auc") > 0.9);
    assert_true(metric(&r, "auc_std") > 0 && metric(&r, "auc_std") < 0.1);
    assert_string_equal(kv_get(r.params, r.n_params, "rows_train"), "400");
    assert_null(kv_get(r.params, r.n_params, "rows_valid"));
    assert_int_equal(val_parse_json(&b->arena, j.result, strlen(j.result), &result, NULL), 0);
    assert_true(val_get_real(val_get(result, "metrics_std"), "auc", -1) > 0);
}

static void other_data_are_measured_on(void **state)
{
    struct bench *b = *state;

    assert_int_equal(train(b, ARGS(arena_printf(&b->arena, "valid=%s", b->csv)), NULL), 0);
    struct run r = run_of(b, job_now(b).run_id);
    assert_true(metric(&r, "auc") == metric(&r, "train_auc"));
}

static void the_curve_is_bounded(void **state)
{
    struct bench *b = *state;
    struct metric_point *p = NULL;
    size_t n = 0;

    assert_int_equal(train(b, ARGS("algorithm=gbdt", "param.n_estimators=1300"), NULL), 0);
    struct run r = run_of(b, job_now(b).run_id);
    for (int i = 0; i < 2; i++) {
        const char *key = i ? "train_log_loss" : "log_loss";
        assert_int_equal(store_run_history(b->app.store, &b->arena, r.id, key, &p, &n, NULL), 0);
        assert_in_range(n, 400, 502);
        assert_int_equal(p[n - 2].step, 1300); /* the last round, then the final value */
        assert_int_equal(p[n - 1].step, 1301);
        assert_true(p[n - 1].value == metric(&r, key));
    }
    assert_true(p[0].value > p[n - 1].value); /* it learned something */
}

static void ask_cancel(struct bench *b)
{
    assert_int_equal(store_job_cancel(b->app.store, b->job.id, NULL), 0);
    atomic_store(&b->cancel, true);
}

static void cancelled_means_killed(void **state)
{
    struct bench *b = *state;

    b->act_at = 0.05;
    b->act = ask_cancel;
    assert_int_equal(train(b, ARGS(), NULL), -ERR_CANCELLED);
    struct job j = job_now(b);
    assert_string_equal(j.state, "cancelled");
    assert_string_equal(run_of(b, j.run_id).status, "KILLED");
    assert_int_equal(count_runs(b, "FINISHED"), 0);
}

static void ask_cancel_in_the_row_only(struct bench *b)
{
    assert_int_equal(store_job_cancel(b->app.store, b->job.id, NULL), 0);
}

static void cancelled_at_the_last_moment(void **state)
{
    struct bench *b = *state;

    b->act_at = 0.9; /* the beat has not seen it; publishing does */
    b->act = ask_cancel_in_the_row_only;
    assert_int_equal(train(b, ARGS("register=m"), NULL), -ERR_CANCELLED);
    assert_string_equal(job_now(b).state, "cancelled");
    assert_int_equal(count_runs(b, "FINISHED"), 0);
    struct err e = ERR_INIT;
    struct reg_model m;
    assert_int_equal(store_model_get(b->app.store, &b->arena, "m", &m, &e), -ERR_NOTFOUND);
}

static void told_to_end(struct bench *b)
{
    atomic_store(&b->cancel, true);
}

static void a_worker_told_to_end_hands_back(void **state)
{
    struct bench *b = *state;

    b->act_at = 0.05;
    b->act = told_to_end;
    assert_int_equal(train(b, ARGS(), NULL), -ERR_CANCELLED);
    struct job j = job_now(b);
    assert_string_equal(j.state, "ready");
    assert_string_equal(run_of(b, j.run_id).status, "FAILED");
}

static void lose_lease(struct bench *b)
{
    assert_int_equal(job_release(b->app.store, &b->job, "presumed dead", NULL), 0);
}

static void a_lost_lease_publishes_nothing(void **state)
{
    struct bench *b = *state;
    struct err e = ERR_INIT;
    char id[27];

    b->act_at = 0.9;
    b->act = lose_lease;
    assert_int_equal(train(b, ARGS("register=m"), &e), -ERR_LEASE);
    assert_string_equal(job_now(b).state, "ready");
    assert_int_equal(count_runs(b, "FINISHED"), 0);
    assert_int_equal(count_runs(b, "RUNNING"), 0);
    snprintf(id, sizeof id, "%s", b->job.id);
    claim(b, id); /* the next attempt */
    assert_int_equal(execute(b, NULL), 0);
    assert_int_equal(job_now(b).attempt, 2);
    assert_int_equal(count_runs(b, "FINISHED"), 1);
    assert_int_equal(count_runs(b, "FAILED"), 1);
}

static void a_dead_lease_is_rescued(void **state)
{
    struct bench *b = *state;
    char id[27];
    int64_t n = -1;

    assert_int_equal(call_train(b, ARGS(), id, NULL, NULL), 0);
    claim(b, id);
    assert_int_equal(job_rescue(b->app.store, &n, NULL), 0);
    assert_int_equal(n, 0);
    b->clock.fixed_us += JOB_LEASE_US + 1;
    assert_int_equal(job_rescue(b->app.store, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_string_equal(job_now(b).state, "ready");
    assert_int_equal(execute(b, NULL), -ERR_LEASE); /* the first worker wakes up */
    claim(b, id);
    assert_int_equal(execute(b, NULL), 0);
    assert_int_equal(count_runs(b, "FINISHED"), 1);
}

static void a_killed_attempt_leaves_no_running_run(void **state)
{
    struct bench *b = *state;
    struct run dead = { .id = "0123456789abcdef0123456789abcdef",
                        .experiment_id = "0",
                        .name = "dead",
                        .status = "RUNNING",
                        .user = "tester",
                        .start_us = b->clock.fixed_us };
    char id[27];

    assert_int_equal(call_train(b, ARGS(), id, NULL, NULL), 0);
    claim(b, id);
    assert_int_equal(store_run_create(b->app.store, &b->arena, &dead, NULL), 0);
    struct fence f = { id, 1 };
    assert_int_equal(store_job_set_run(b->app.store, f, dead.id, NULL), 0);
    assert_int_equal(store_job_release(b->app.store, f, "killed", NULL), 0);
    claim(b, id);
    assert_int_equal(execute(b, NULL), 0);
    assert_string_equal(run_of(b, dead.id).status, "FAILED");
    assert_int_equal(count_runs(b, "RUNNING"), 0);
}

static void failure_is_recorded(void **state)
{
    static const char text[] = "x,label\n1,yes\n2,no,3\n";
    struct bench *b = *state;
    struct err e = ERR_INIT, told = ERR_INIT;

    assert_int_equal(file_write_atomic(b->csv, text, sizeof text - 1, NULL), 0);
    assert_int_equal(train(b, ARGS(), &e), -ERR_PARSE);
    assert_non_null(strstr(e.msg, "line 3"));
    struct job j = job_now(b);
    assert_string_equal(j.state, "dead"); /* trying again would not help */
    struct run r = run_of(b, j.run_id);
    assert_string_equal(r.status, "FAILED");
    assert_non_null(strstr(kv_get(r.tags, r.n_tags, "signalbox.error"), "line 3"));
    job_error(&j, &told);
    assert_int_equal(told.kind, ERR_PARSE);
    assert_non_null(strstr(told.msg, "line 3"));
    assert_string_equal(told.hint, e.hint);
}

static void a_misspelt_column_is_told_at_once(void **state)
{
    struct bench *b = *state;
    struct err e = ERR_INIT;
    char id[27];

    assert_int_equal(call_train(b, ARGS("target=labell"), id, NULL, &e), -ERR_INVALID);
    assert_non_null(strstr(e.hint, "'label'"));
    assert_int_equal(call_train(b, ARGS("drop=qqqqqqq"), id, NULL, &e), -ERR_INVALID);
    assert_non_null(strstr(e.hint, "profile"));
    assert_int_equal(call_train(b, ARGS("split=time:when"), id, NULL, &e), -ERR_INVALID);
}

static void bad_arguments_are_refused_at_once(void **state)
{
    static const char *const bad[][2] = {
        { "algorithm=magic", "magic" },    { "split=sideways", "sideways" },
        { "split=random:x", "random:x" },  { "split=time:", "time:" },
        { "task=regression", "logistic" }, { "weight=label", "weight" },
        { "drop=label", "drop" },          { "target=", "target" },
    };
    struct bench *b = *state;
    struct job_counts n;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct err e = ERR_INIT;
        char id[27];
        assert_int_equal(call_train(b, ARGS(bad[i][0]), id, NULL, &e), -ERR_INVALID);
        if (!strstr(e.msg, bad[i][1])) fail_msg("%s: %s", bad[i][0], e.msg);
    }
    struct err e = ERR_INIT;
    char id[27];
    assert_int_equal(call_train(b, ARGS("folds=3", "holdout=0.3"), id, NULL, &e), -ERR_INVALID);
    assert_int_equal(call_train(b, ARGS("data=/no/such/file"), id, NULL, &e), -ERR_NOTFOUND);
    assert_int_equal(call_train(b, ARGS("data=-"), id, NULL, &e), -ERR_INVALID);
    assert_int_equal(store_job_counts(b->app.store, &n, NULL), 0);
    assert_int_equal(n.ready + n.scheduled + n.dead, 0);
}

static void a_key_queues_once(void **state)
{
    struct bench *b = *state;
    char first[27], second[27];
    bool duplicate;

    assert_int_equal(call_train(b, ARGS("dedup-key=k"), first, &duplicate, NULL), 0);
    assert_false(duplicate);
    assert_int_equal(call_train(b, ARGS("dedup-key=k"), second, &duplicate, NULL), 0);
    assert_true(duplicate);
    assert_string_equal(first, second);
}

/* -- comparing algorithms ------------------------------------------------------- */

static const struct val *result_of(struct bench *b)
{
    struct job j = job_now(b);
    struct val *v = NULL;

    assert_int_equal(val_parse_json(&b->arena, j.result, strlen(j.result), &v, NULL), 0);
    return v;
}

/* Student's t with 2 degrees of freedom, 97.5 % */
#define T_2 4.302652729749464

/* The child of a row of the table: a whole run that says the same. */
static void check_child(struct bench *b, const struct val *row, const char *parent)
{
    struct run r = run_of(b, val_get_str(row, "run_id", NULL));
    double score = val_get_real(row, "score", -1), half = score - val_get_real(row, "low", -1);

    assert_string_equal(r.status, "FINISHED");
    assert_string_equal(kv_get(r.tags, r.n_tags, "mlflow.parentRunId"), parent);
    assert_string_equal(kv_get(r.params, r.n_params, "algorithm"),
                        val_get_str(row, "algorithm", ""));
    assert_true(metric(&r, "auc") == score);
    assert_true(metric(&r, "model_bytes") == val_get_real(row, "bytes", -1));
    assert_true(metric(&r, "row_us") > 0 && metric(&r, "fit_s") > 0);
    /* three folds: a fold measures on half as many rows as it is fitted on, nearly */
    double want = T_2 * metric(&r, "auc_std") * sqrt(1.0 / 3 + 0.5);
    assert_true(fabs(half - want) < 0.01 * want + 1e-12);
}

static void algorithms_are_compared(void **state)
{
    struct bench *b = *state;
    const char *digest[2];
    double scores[2][16];
    size_t n = 0;

    for (int i = 0; i < 2; i++) {
        struct artifact *f = NULL;
        size_t n_files = 0, best = 0;
        assert_int_equal(train(b,
                               ARGS("algorithm=auto", "folds=3", "budget=0", "register=m",
                                    i ? "threads=2" : "threads=1"),
                               NULL),
                         0);
        const struct val *result = result_of(b), *rows = val_get(result, "candidates");
        struct run r = run_of(b, job_now(b).run_id);
        n = val_len(rows);
        assert_in_range(n, 8, 16);
        for (size_t k = 0; k < n; k++) {
            const struct val *row = val_at(rows, k);
            scores[i][k] = val_get_real(row, "score", -1);
            check_child(b, row, r.id);
            best = scores[i][k] > scores[i][best] ? k : best;
        }
        const struct val *chosen = val_at(rows, best);
        assert_true(val_get_bool(chosen, "chosen", false));
        assert_string_equal(val_get_str(result, "algorithm", ""),
                            val_get_str(chosen, "algorithm", "?"));
        assert_string_equal(kv_get(r.params, r.n_params, "algorithm"),
                            val_get_str(chosen, "algorithm", "?"));
        assert_true(metric(&r, "auc") == scores[i][best]);
        assert_int_equal(val_get_int(result, "version", 0), 1); /* the same model is no new one */
        assert_int_equal(val_get_int(result, "rows_compared", 0), ROWS);
        assert_int_equal(count_runs(b, "FINISHED"), (int64_t)(n + 1) * (1 + i));
        assert_int_equal(store_run_artifacts(b->app.store, &b->arena, r.id, &f, &n_files, NULL), 0);
        digest[i] = f[0].digest;
    }
    assert_memory_equal(scores[0], scores[1], n * sizeof **scores);
    assert_string_equal(digest[0], digest[1]);
}

/* In the middle of it, nothing is left but the training's own run. */
static void a_cancelled_comparison_leaves_nothing(void **state)
{
    struct bench *b = *state;

    b->act_at = 0.3;
    b->act = ask_cancel;
    assert_int_equal(train(b, ARGS("algorithm=auto", "folds=3", "budget=0"), NULL),
                     -ERR_CANCELLED);
    assert_string_equal(run_of(b, job_now(b).run_id).status, "KILLED");
    assert_int_equal(count_runs(b, "FINISHED"), 0);
    assert_int_equal(count_runs(b, "RUNNING"), 0);
}

static void a_used_up_budget_still_decides(void **state)
{
    struct bench *b = *state;
    size_t left_out = 0;

    assert_int_equal(train(b, ARGS("algorithm=auto", "folds=3", "budget=0.000001"), NULL), 0);
    const struct val *rows = val_get(result_of(b), "candidates"), *first = val_at(rows, 0);
    for (size_t i = 1; i < val_len(rows); i++) {
        left_out += strstr(val_get_str(val_at(rows, i), "note", ""), "left out") != NULL;
        assert_false(val_has(val_at(rows, i), "score"));
    }
    assert_int_equal(left_out, val_len(rows) - 1);
    assert_true(val_get_bool(first, "chosen", false));
    assert_int_equal(val_get_int(first, "folds", 0), 2);
    assert_non_null(strstr(val_get_str(first, "note", ""), "2 of 3 folds"));
}

static void comparing_has_arguments_of_its_own(void **state)
{
    struct bench *b = *state;
    const char *const *bad[] = {
        ARGS("algorithm=auto", "param.l2=1"),     ARGS("algorithm=auto", "holdout=0.3"),
        ARGS("algorithm=auto", "metric=beauty"),  ARGS("metric=auc"),
        ARGS("budget=3"),                         ARGS("algorithm=auto", "class-weight=x"),
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err e = ERR_INIT;
        char id[27];
        assert_int_equal(call_train(b, bad[i], id, NULL, &e), -ERR_INVALID);
        assert_true(*e.hint);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(leaves_a_whole_run),
        T(same_seed_same_model),
        T(folds_give_mean_and_deviation),
        T(other_data_are_measured_on),
        T(the_curve_is_bounded),
        T(cancelled_means_killed),
        T(cancelled_at_the_last_moment),
        T(a_worker_told_to_end_hands_back),
        T(a_lost_lease_publishes_nothing),
        T(a_dead_lease_is_rescued),
        T(a_killed_attempt_leaves_no_running_run),
        T(failure_is_recorded),
        T(a_misspelt_column_is_told_at_once),
        T(bad_arguments_are_refused_at_once),
        T(a_key_queues_once),
        T(algorithms_are_compared),
        T(a_cancelled_comparison_leaves_nothing),
        T(a_used_up_budget_still_decides),
        T(comparing_has_arguments_of_its_own),
    };
    return cmocka_run_group_tests_name("app.train", tests, NULL, NULL);
}
