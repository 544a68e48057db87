/* test_retrain_job.c: the job that retrains, on the generator's transactions: a challenger that
 * wins after drift, one that does not, an incumbent that left meanwhile, and workers killed at
 * any moment. Engine, store and registry are the real ones. */
#include "app/feature_pack.h"
#include "app/job.h"
#include "app/jobs.h"
#include "app/registry.h"
#include "app/retrain.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/rng.h"
#include "engine/demo.h"
#include "store/blob.h"
#include "store/prediction.h"
#include "store/run.h"

#include <setjmp.h>
#include <signal.h>
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

#define DAY 86400000000LL
#define NOW (20000 * DAY)

struct bench {
    char dir[64];
    struct app app;
    struct clock clock;
    struct ports ports;
    struct arena arena;
    struct job job;
    atomic_bool cancel;
    double die_at; /* the process kills itself when the progress gets there; < 0: never */
};

static void report(struct job_ctx *c, double progress, const char *message)
{
    const struct bench *b = c->user;

    (void)message;
    if (b->die_at >= 0 && progress >= b->die_at) raise(SIGKILL);
}

static int execute(struct bench *b, const char *id, struct err *e)
{
    struct job_ctx c = { .app = &b->app,
                         .job = &b->job,
                         .arena = &b->arena,
                         .cancel = &b->cancel,
                         .report = report,
                         .user = b };

    int rc = store_job_claim(b->app.store, &b->arena, "default", id, "worker", 4711, &b->job, e);
    if (rc == 0) rc = val_parse_json(&b->arena, b->job.payload, strlen(b->job.payload), &c.args, e);
    return rc ? rc : job_execute(&c, e);
}

/* ---- data ------------------------------------------------------------------------------------ */

static struct frame *transactions(uint64_t seed, size_t rows, double shift)
{
    const struct demo_spec spec = {
        .seed = seed, .rows = rows, .start_us = NOW - 5 * DAY, .fraud_rate = 0.2, .shift = shift
    };
    struct frame *f = NULL;

    assert_int_equal(demo_frame(&spec, &f, NULL), 0);
    return f;
}

static const char *write_csv(struct bench *b, const struct frame *f)
{
    const char *path = arena_printf(&b->arena, "%s/train.csv", b->dir);
    STR_AUTO s = STR_INIT;
    char buf[40];

    for (size_t c = 0; c < f->n_cols; c++) str_addf(&s, "%s%s", c ? "," : "", f->cols[c].name);
    for (size_t i = 0; i < f->n_rows; i++)
        for (size_t c = 0; c < f->n_cols; c++)
            str_addf(&s, "%s%s", c ? "," : "\n", column_text(&f->cols[c], i, buf));
    assert_int_equal(file_write_atomic(path, s.p, s.len, NULL), 0);
    return path;
}

/* Version 1 in Production, trained on that many rows without drift. */
static void train_incumbent(struct bench *b, size_t rows)
{
    struct frame *f = transactions(1, rows, 0);
    struct val *in = val_obj(&b->arena);
    struct registry_moved moved;
    struct reply r;
    struct err e = ERR_INIT;

    val_set_str(in, "data", write_csv(b, f));
    frame_free(f);
    val_set_str(in, "target", "fraud");
    val_set_str(in, "algorithm", "gbdt");
    val_set_str(in, "register", "fraud");
    val_set_str(in, "experiment", "cards");
    val_set_int(in, "seed", 5);
    val_push_str(val_set_list(in, "drop"), "timestamp");
    val_set_str(val_set_obj(in, "param"), "n_estimators", "15");
    reply_init(&r);
    if (verb_call(&b->app, verb_find("train"), in, &r, &e)) fail_msg("%s", e.msg);
    if (execute(b, val_get_str(r.v, "job_id", ""), &e)) fail_msg("%s", e.msg);
    reply_done(&r);
    if (registry_promote(&b->app, &b->arena, "fraud", 1, "Production", "test", &moved, &e))
        fail_msg("%s", e.msg);
}

/* The log: transactions with their truth as labels, which are written as "1.0" by some. */
static void log_rows(struct bench *b, size_t rows, double shift, bool noise)
{
    static const char *const skip[] = { "transaction_id", "timestamp", "fraud", NULL };
    struct frame *f = transactions(2, rows, shift);
    const struct column *at = frame_col(f, "timestamp"), *fraud = frame_col(f, "fraud");
    struct feature_packer *p = feature_packer_new(f, skip);
    struct store *s = b->app.store;
    struct label_effect effect;
    STR_AUTO bytes = STR_INIT;
    int64_t schema;

    assert_int_equal(store_begin(s, NULL), 0);
    assert_int_equal(prediction_schema_id(s, feature_packer_schema(p), &schema, NULL), 0);
    for (size_t i = 0; i < f->n_rows; i++) {
        char id[24];
        snprintf(id, sizeof id, "r%06zu", i);
        str_clear(&bytes);
        feature_pack(p, i, &bytes);
        const struct prediction row = { .request_id = id,
                                        .at_us = (int64_t)at->num[i],
                                        .version = 1,
                                        .answer = "0",
                                        .probability = 0.1,
                                        .latency_ms = NAN,
                                        .schema_id = schema,
                                        .features = bytes.p,
                                        .n_bytes = bytes.len };
        const char *truth = fraud->num[i] > 0 ? (i % 2 ? "1.0" : "1") : "0";
        if (noise) truth = rng_mix(i) % 2 ? "1" : "0";
        const struct label l = { id, truth, NOW };
        assert_int_equal(prediction_add(s, "fraud", &row, NULL, NULL), 0);
        assert_int_equal(label_add(s, "fraud", &l, &effect, NULL), 0);
    }
    assert_int_equal(store_commit(s, NULL), 0);
    feature_packer_free(p);
    frame_free(f);
}

static void log_traffic(struct bench *b, size_t rows, double shift)
{
    log_rows(b, rows, shift, false);
}

/* Labels that have nothing to do with the features. */
static void log_noise(struct bench *b, size_t rows)
{
    log_rows(b, rows, 0, true);
}

/* A retraining somebody asked for; returns its job. */
static const char *queue(struct bench *b)
{
    struct val *in = val_obj(&b->arena);
    struct err e = ERR_INIT;
    struct reply r;

    val_set_str(in, "name", "fraud");
    val_set_bool(in, "dry-run", false);
    val_set_str(in, "trigger", "manual");
    reply_init(&r);
    if (verb_call(&b->app, verb_find("retrain policy"), in, &r, &e)) fail_msg("%s", e.msg);
    if (!val_has(r.v, "job_id")) {
        STR_AUTO s = STR_INIT;
        val_write_json(&s, r.v, 1);
        fail_msg("not queued: %s", str_c(&s));
    }
    const char *id = arena_strdup(&b->arena, val_get_str(r.v, "job_id", ""));
    reply_done(&r);
    return id;
}

static void settings(struct bench *b, const char *yaml)
{
    const char *path = arena_printf(&b->arena, "%s/signalbox.yaml", b->dir);
    assert_int_equal(file_write_atomic(path, yaml, strlen(yaml), NULL), 0);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);

    snprintf(b->dir, sizeof b->dir, "/tmp/sbxrejob.XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    b->clock = clock_fixed(NOW);
    b->die_at = -1;
    const struct app_config cfg = {
        .dir = b->dir, .create = true, .actor = "tester", .clock = &b->clock, .ports = &b->ports
    };
    assert_int_equal(app_open(&b->app, &cfg, NULL), 0);
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

/* ---- what it left -----------------------------------------------------------------------------
 */

static struct job job_now(struct bench *b, const char *id)
{
    struct job j;
    assert_int_equal(store_job_get(b->app.store, &b->arena, id, &j, NULL), 0);
    return j;
}

static const struct val *result_of(struct bench *b, const char *id)
{
    struct job j = job_now(b, id);
    struct val *v = NULL;

    if (!j.result) fail_msg("%s: %s", j.state, j.error);
    assert_int_equal(val_parse_json(&b->arena, j.result, strlen(j.result), &v, NULL), 0);
    return v;
}

static struct reg_model model(struct bench *b)
{
    struct reg_model m;
    assert_int_equal(store_model_get(b->app.store, &b->arena, "fraud", &m, NULL), 0);
    return m;
}

static const char *tag(const struct run *r, const char *key)
{
    for (size_t i = 0; i < r->n_tags; i++)
        if (str_eq(r->tags[i].key, key)) return r->tags[i].value;
    return NULL;
}

static double metric(const struct run *r, const char *key)
{
    for (size_t i = 0; i < r->n_metrics; i++)
        if (str_eq(r->metrics[i].key, key)) return r->metrics[i].value;
    fail_msg("no metric %s", key);
    return 0;
}

static void expect_report(struct bench *b, const char *run_id, const char *text)
{
    struct artifact *f = NULL;
    STR_AUTO report_text = STR_INIT;
    size_t n = 0;

    assert_int_equal(store_run_artifacts(b->app.store, &b->arena, run_id, &f, &n, NULL), 0);
    assert_int_equal(n, 2);
    const struct artifact *r = str_eq(f[0].path, "report.md") ? &f[0] : &f[1];
    assert_string_equal(r->path, "report.md");
    assert_int_equal(blob_get(b->app.store, r->digest, &report_text, NULL), 0);
    if (!strstr(str_c(&report_text), text)) fail_msg("no '%s' in:\n%s", text, str_c(&report_text));
}

static void run_job(struct bench *b, const char *id)
{
    struct err e = ERR_INIT;
    if (execute(b, id, &e)) fail_msg("%s", e.msg);
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void the_challenger_wins_after_drift(void **state)
{
    struct bench *b = *state;

    train_incumbent(b, 500);
    log_traffic(b, 3000, 1);
    const char *id = queue(b);
    run_job(b, id);
    const struct val *v = result_of(b, id);
    const struct val *challenger = val_get(v, "challenger"), *incumbent = val_get(v, "incumbent");
    double new = val_get_real(challenger, "value", 0), old = val_get_real(incumbent, "value", 1);
    assert_true(new > old);
    assert_true(val_get_bool(v, "registered", false));
    assert_int_equal(val_get_int(v, "version", 0), 2);
    assert_string_equal(val_get_str(v, "metric", ""), "auc");
    const struct val *gain = val_get(v, "gain"), *chance = val_get(v, "chance");
    assert_string_equal(val_get_str(gain, "method", ""), "paired DeLong");
    assert_true(fabs(val_get_real(gain, "difference", 0) - (new - old)) < 1e-12);
    assert_true(val_get_real(gain, "low", -1) > 0 && val_get_int(gain, "n", 0) == 600);
    assert_true(val_get_real(chance, "value", 0) == 0.5 && val_get_real(chance, "low", 0) > 0);
    struct reg_model m = model(b);
    assert_int_equal(m.production, 1);
    assert_int_equal(m.staging, 2);
    assert_int_equal(m.n_versions, 2);
    struct run r;
    assert_int_equal(store_run_get(b->app.store, &b->arena, val_get_str(v, "run_id", ""), &r, NULL),
                     0);
    assert_string_equal(r.status, "FINISHED");
    assert_string_equal(r.experiment, "cards");
    assert_true(metric(&r, "auc") == new &&metric(&r, "incumbent_auc") == old);
    assert_string_equal(tag(&r, "signalbox.retrain_of"), "models:/fraud/1");
    assert_non_null(strstr(tag(&r, "signalbox.evidence"), "accuracy_drop"));
    assert_non_null(tag(&r, RUN_TAG_ROLLBACK));
    expect_report(b, r.id, "is version 2 in Staging");
    bool followed = false;
    for (size_t i = 0; i < r.n_params; i++)
        followed |= str_eq(r.params[i].key, "n_estimators") && str_eq(r.params[i].value, "15");
    assert_true(followed);
    struct reply listed;
    reply_init(&listed);
    assert_int_equal(verb_call(&b->app, verb_find("retrain list"), NULL, &listed, NULL), 0);
    const struct val *job = val_get(val_at(val_get(listed.v, "decisions"), 0), "job");
    assert_string_equal(val_get_str(job, "state", ""), "succeeded");
    assert_int_equal(val_get_int(job, "version", 0), 2);
    assert_true(val_get_real(val_get(job, "challenger"), "value", 0) == new);
    assert_non_null(val_get_str(job, "outcome", NULL));
    reply_done(&listed);
}

static void a_challenger_that_is_not_better_is_not_registered(void **state)
{
    struct bench *b = *state;

    settings(b, "retrain: { min_labels: 100, min_minority: 10 }\n");
    train_incumbent(b, 8000);
    log_traffic(b, 1000, 0);
    const char *id = queue(b);
    run_job(b, id);
    const struct val *v = result_of(b, id);
    assert_false(val_get_bool(v, "registered", true));
    assert_false(val_has(v, "version"));
    assert_int_equal(model(b).n_versions, 1);
    expect_report(b, val_get_str(v, "run_id", ""), "not better by the margin");
}

static void better_but_not_by_the_margin(void **state)
{
    struct bench *b = *state;

    settings(b, "retrain: { margin: 0.9 }\n");
    train_incumbent(b, 500);
    log_traffic(b, 1500, 1);
    const char *id = queue(b);
    run_job(b, id);
    assert_false(val_get_bool(result_of(b, id), "registered", true));
    assert_int_equal(model(b).n_versions, 1);
}

/* Few rows and no drift: what looks better may be luck, and luck is not registered. */
static void better_but_not_beyond_doubt(void **state)
{
    struct bench *b = *state;

    settings(b, "retrain: { min_labels: 100, min_minority: 10, margin: 0, cooldown: 1s }\n");
    train_incumbent(b, 500);
    log_traffic(b, 400, 0);
    const char *id = queue(b);
    run_job(b, id);
    const struct val *v = result_of(b, id), *gain = val_get(v, "gain");
    double low = val_get_real(gain, "low", NAN);
    bool better = val_get_real(gain, "difference", NAN) > 0;
    bool doubted = strstr(val_get_str(v, "why", ""), "not better beyond doubt") != NULL;
    assert_true(val_get_int(gain, "n", 0) == 80 && low < 0);
    assert_false(val_get_bool(v, "registered", true));
    assert_true(better == doubted);
    expect_report(b, val_get_str(v, "run_id", ""), "its interval contains no loss");
    assert_int_equal(model(b).n_versions, 1);
}

/* The labels are noise: whatever beats an incumbent that is wrong, it does not beat a guess. */
static void better_than_the_incumbent_but_not_than_a_guess(void **state)
{
    struct bench *b = *state;

    settings(b, "retrain: { metric: log_loss, min_labels: 100, min_minority: 10 }\n");
    train_incumbent(b, 500);
    log_noise(b, 1000);
    const char *id = queue(b);
    run_job(b, id);
    const struct val *v = result_of(b, id);
    assert_true(val_get_real(val_get(v, "gain"), "low", NAN) > 0);
    assert_string_equal(val_get_str(val_get(v, "gain"), "method", ""), "paired bootstrap");
    assert_false(val_get_bool(v, "registered", true));
    assert_non_null(strstr(val_get_str(v, "why", ""), "not better than a guess"));
    assert_int_equal(model(b).n_versions, 1);
}

static void an_incumbent_that_left_decides_nothing(void **state)
{
    struct bench *b = *state;
    struct registry_moved moved;

    train_incumbent(b, 500);
    log_traffic(b, 1500, 1);
    const char *id = queue(b);
    assert_int_equal(registry_archive(&b->app, &b->arena, "fraud", 1, "gone", &moved, NULL), 0);
    run_job(b, id);
    const struct val *v = result_of(b, id);
    assert_false(val_get_bool(v, "registered", true));
    expect_report(b, val_get_str(v, "run_id", ""), "does not serve any more");
    assert_int_equal(model(b).n_versions, 1);
}

static void too_little_is_an_error(void **state)
{
    struct bench *b = *state;
    struct err e = ERR_INIT;

    settings(b, "retrain: { min_labels: 1, min_minority: 1 }\n");
    train_incumbent(b, 500);
    log_traffic(b, 9, 0);
    settings(b, "retrain: { min_labels: 1, min_minority: 1, min_coverage: 0 }\n");
    const struct job j = { .kind = "retrain",
                           .actor = "t",
                           .payload = arena_printf(
                               &b->arena,
                               "{\"model\":\"fraud\",\"version\":1,\"from_us\":0,\"to_us\":%lld}",
                               (long long)NOW) };
    char id[27];
    assert_int_equal(store_job_add(b->app.store, &j, id, NULL, NULL), 0);
    assert_int_equal(execute(b, id, &e), -ERR_STATE);
    assert_string_equal(job_now(b, id).state, "dead");
}

/* A worker of its own; progress kills it, or the parent after some time. */
static void worker_that_dies(struct bench *b, const char *id, double at, unsigned after_us)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct bench mine = { .die_at = at };
        struct clock clock = b->clock;
        const struct app_config cfg = {
            .dir = b->dir, .actor = "worker", .clock = &clock, .ports = &b->ports
        };
        if (app_open(&mine.app, &cfg, NULL)) _exit(9);
        struct err e = ERR_INIT;
        if (execute(&mine, id, &e)) fprintf(stderr, "worker: %s\n", e.msg);
        _exit(e.kind ? 1 : 0);
    }
    if (after_us) {
        usleep(after_us);
        kill(pid, SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status)) assert_int_equal(WEXITSTATUS(status), 0); /* it was quicker */
}

static void killed_workers_leave_one_version(void **state)
{
    static const double moments[] = { 0, 0.1, 0.4, 0.85 };
    struct bench *b = *state;

    settings(b, "retrain: { cooldown: 1s }\n");
    train_incumbent(b, 500);
    log_traffic(b, 2000, 1);
    const char *id = queue(b);
    for (int i = 0; i < 12; i++) {
        bool timed = i >= 4;
        worker_that_dies(b, id, timed ? -1 : moments[i], timed ? 20000u * (unsigned)(i - 3) : 0);
        struct job j = job_now(b, id);
        assert_true(model(b).n_versions <= 2);
        if (str_eq(j.state, "succeeded")) break;
        assert_int_equal(model(b).n_versions, 1);
        if (str_eq(j.state, "running"))
            assert_int_equal(job_release(b->app.store, &j, "killed", NULL), 0);
        if (str_eq(job_now(b, id).state, "dead"))
            assert_int_equal(store_job_retry(b->app.store, id, NULL), 0);
        b->clock.fixed_us += 3600 * 1000000LL; /* past the back-off */
    }
    if (!str_eq(job_now(b, id).state, "succeeded")) run_job(b, id);
    assert_true(val_get_bool(result_of(b, id), "registered", false));
    assert_int_equal(model(b).n_versions, 2);
    assert_int_equal(model(b).staging, 2);
    const struct run_query q = {
        .filter = arena_printf(
            &b->arena, "tags.\"signalbox.job_id\" = '%s' AND attributes.status = 'FINISHED'", id)
    };
    int64_t n = 0;
    assert_int_equal(store_run_count(b->app.store, &q, &n, NULL), 0);
    assert_int_equal(n, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_challenger_wins_after_drift),
        TEST(a_challenger_that_is_not_better_is_not_registered),
        TEST(better_but_not_by_the_margin),
        TEST(better_but_not_beyond_doubt),
        TEST(better_than_the_incumbent_but_not_than_a_guess),
        TEST(an_incumbent_that_left_decides_nothing),
        TEST(too_little_is_an_error),
        TEST(killed_workers_leave_one_version),
    };

    return cmocka_run_group_tests_name("retrain_job", tests, NULL, NULL);
}
