/* test_run.c: experiments and runs: lifecycle, params, metrics and their latest value, tags,
 * artifacts, look-up by prefix. */
#include "store/run.h"
#include "storetest.h"
#include <math.h>

/* A run with a chosen id in the default experiment. */
static void make(struct fx *f, const char *id)
{
    struct run r = { .id = id, .user = "u", .name = "n" };
    OK(store_run_create(f->s, &f->a, &r, &f->e));
}

static struct run get(struct fx *f, const char *id)
{
    struct run r;
    OK(store_run_get(f->s, &f->a, id, &r, &f->e));
    return r;
}

static double latest(struct fx *f, const char *id, const char *key)
{
    struct run r = get(f, id);
    for (size_t i = 0; i < r.n_metrics; i++)
        if (!strcmp(r.metrics[i].key, key)) return r.metrics[i].value;
    fail_msg("no metric %s", key);
    return 0;
}

static void log_point(struct fx *f, const char *id, double value, int64_t step, int64_t time_us)
{
    struct metric_point m = { "loss", value, step, time_us };
    OK(store_run_log_metrics(f->s, id, &m, 1, &f->e));
}

/* -- experiments -------------------------------------------------------------------------- */
static void test_experiments(void **state)
{
    struct fx *f = *state;
    struct experiment x;
    OK(store_experiment_get(f->s, &f->a, "0", &x, &f->e));
    assert_string_equal(x.name, "Default");
    fx_tick(f, 5);
    OK(store_experiment_create(f->s, &f->a, "fraud", &x, &f->e));
    assert_string_equal(x.id, "1");
    assert_string_equal(x.lifecycle, "active");
    assert_int_equal(x.created_us, T0 + 5);
    FAILS(EXISTS, store_experiment_create(f->s, &f->a, "fraud", &x, &f->e));
    FAILS(INVALID, store_experiment_create(f->s, &f->a, "", &x, &f->e));
    FAILS(NOTFOUND, store_experiment_get(f->s, &f->a, "nope", &x, &f->e));
    FAILS(NOTFOUND, store_experiment_get(f->s, &f->a, "17", &x, &f->e));
    /* a name wins over an equal number */
    OK(store_experiment_create(f->s, &f->a, "0", &x, &f->e));
    OK(store_experiment_get(f->s, &f->a, "0", &x, &f->e));
    assert_string_equal(x.id, "2");
    struct experiment *list;
    size_t n;
    OK(store_experiment_list(f->s, &f->a, &list, &n, &f->e));
    assert_int_equal(n, 3);
    assert_string_equal(list[1].name, "fraud");
}

static void test_deleting_an_experiment_takes_its_runs_along(void **state)
{
    struct fx *f = *state;
    struct experiment x;
    OK(store_experiment_create(f->s, &f->a, "x", &x, &f->e));
    struct run r = { .experiment = "x" };
    OK(store_run_create(f->s, &f->a, &r, &f->e));
    OK(store_experiment_get(f->s, &f->a, "x", &x, &f->e));
    assert_int_equal(x.n_runs, 1);
    OK(store_experiment_set_lifecycle(f->s, "x", "deleted", &f->e));
    OK(store_experiment_set_lifecycle(f->s, "x", "deleted", &f->e));
    assert_string_equal(get(f, r.id).lifecycle, "deleted");
    struct run more = { .experiment = "x" };
    FAILS(STATE, store_run_create(f->s, &f->a, &more, &f->e));
    FAILS(STATE, store_run_set_lifecycle(f->s, r.id, "active", &f->e));
    FAILS(EXISTS, store_experiment_create(f->s, &f->a, "x", &x, &f->e));
    OK(store_experiment_set_lifecycle(f->s, "x", "active", &f->e));
    assert_string_equal(get(f, r.id).lifecycle, "active");
    FAILS(INVALID, store_experiment_set_lifecycle(f->s, "x", "paused", &f->e));
}

/* -- runs --------------------------------------------------------------------------------- */
static void test_a_whole_run(void **state)
{
    struct fx *f = *state;
    struct kv params[] = { { "lr", "0.1" }, { "depth", "6" } };
    struct kv tags[] = { { "team", "risk" } };
    struct metric_point m[] = { { "auc", 0.9, 3, 30 }, { "nan", (double)NAN, 0, 0 } };
    struct run r = { .experiment_id = "0",
                     .name = "first",
                     .user = "ann",
                     .start_us = 77,
                     .params = params,
                     .n_params = 2,
                     .tags = tags,
                     .n_tags = 1,
                     .metrics = m,
                     .n_metrics = 2 };
    OK(store_run_create(f->s, &f->a, &r, &f->e));
    assert_int_equal(strlen(r.id), 32);
    struct run g = get(f, r.id);
    assert_string_equal(g.experiment, "Default");
    assert_string_equal(g.experiment_id, "0");
    assert_string_equal(g.name, "first");
    assert_string_equal(g.user, "ann");
    assert_string_equal(g.status, "RUNNING");
    assert_int_equal(g.start_us, 77);
    assert_int_equal(g.end_us, 0);
    assert_int_equal(g.n_params, 2);
    assert_string_equal(g.params[0].key, "depth");
    assert_string_equal(g.params[1].value, "0.1");
    assert_int_equal(g.n_tags, 1);
    assert_int_equal(g.n_metrics, 2);
    assert_true(g.metrics[0].value == 0.9 && g.metrics[0].step == 3 && g.metrics[0].time_us == 30);
    assert_true(isnan(g.metrics[1].value));
    OK(store_run_finish(f->s, r.id, "FINISHED", 99, &f->e));
    g = get(f, r.id);
    assert_string_equal(g.status, "FINISHED");
    assert_int_equal(g.end_us, 99);
}

static void test_creation_is_refused(void **state)
{
    struct fx *f = *state;
    make(f, "aaaa");
    struct run again = { .id = "aaaa" }, odd = { .id = "a b" }, status = { .status = "DONE" },
               lost = { .experiment = "nope" };
    FAILS(EXISTS, store_run_create(f->s, &f->a, &again, &f->e));
    FAILS(INVALID, store_run_create(f->s, &f->a, &odd, &f->e));
    FAILS(INVALID, store_run_create(f->s, &f->a, &status, &f->e));
    FAILS(NOTFOUND, store_run_create(f->s, &f->a, &lost, &f->e));
    struct kv bad[] = { { "ok", "1" }, { "not/../ok", "2" } };
    struct run half = { .id = "half", .params = bad, .n_params = 2 };
    FAILS(INVALID, store_run_create(f->s, &f->a, &half, &f->e));
    FAILS(NOTFOUND, store_run_get(f->s, &f->a, "half", &half, &f->e));
}

static void test_ids_can_be_cut(void **state)
{
    struct fx *f = *state;
    make(f, "abcd1111");
    make(f, "abcd2222");
    make(f, "abcd");
    struct run r;
    assert_string_equal(get(f, "abcd1").id, "abcd1111");
    assert_string_equal(get(f, "abcd").id, "abcd"); /* exact wins */
    make(f, "ffff1111");
    make(f, "ffff2222");
    FAILS(CONFLICT, store_run_get(f->s, &f->a, "ffff", &r, &f->e));
    FAILS(NOTFOUND, store_run_get(f->s, &f->a, "fff", &r, &f->e));
    FAILS(NOTFOUND, store_run_get(f->s, &f->a, "", &r, &f->e));
    FAILS(NOTFOUND, store_run_get(f->s, &f->a, "dead", &r, &f->e));
    OK(store_run_finish(f->s, "ffff1", "KILLED", 1, &f->e));
}

static void test_a_deleted_run_takes_no_writes(void **state)
{
    struct fx *f = *state;
    make(f, "aaaa");
    OK(store_run_set_lifecycle(f->s, "aaaa", "deleted", &f->e));
    OK(store_run_set_lifecycle(f->s, "aaaa", "deleted", &f->e));
    struct kv kv = { "k", "v" };
    struct metric_point m = { "m", 1, 0, 0 };
    struct artifact file = { "model", "d", 1 };
    FAILS(STATE, store_run_log_params(f->s, "aaaa", &kv, 1, &f->e));
    FAILS(STATE, store_run_set_tags(f->s, "aaaa", &kv, 1, &f->e));
    FAILS(STATE, store_run_delete_tag(f->s, "aaaa", "k", &f->e));
    FAILS(STATE, store_run_log_metrics(f->s, "aaaa", &m, 1, &f->e));
    FAILS(STATE, store_run_add_artifact(f->s, "aaaa", &file, &f->e));
    FAILS(STATE, store_run_finish(f->s, "aaaa", "FINISHED", 1, &f->e));
    assert_string_equal(get(f, "aaaa").lifecycle, "deleted");
    OK(store_run_set_lifecycle(f->s, "aaaa", "active", &f->e));
    OK(store_run_log_params(f->s, "aaaa", &kv, 1, &f->e));
}

/* -- params, tags ------------------------------------------------------------------------- */
static void test_a_param_is_written_once(void **state)
{
    struct fx *f = *state;
    make(f, "aaaa");
    struct kv first = { "lr", "0.1" }, other[] = { { "new", "1" }, { "lr", "0.2" } };
    OK(store_run_log_params(f->s, "aaaa", &first, 1, &f->e));
    OK(store_run_log_params(f->s, "aaaa", &first, 1, &f->e));
    FAILS(CONFLICT, store_run_log_params(f->s, "aaaa", other, 2, &f->e));
    assert_non_null(strstr(f->e.msg, "Changing param values is not allowed"));
    struct run r = get(f, "aaaa");
    assert_int_equal(r.n_params, 1); /* the batch is all or nothing */
    assert_string_equal(r.params[0].value, "0.1");
}

static void test_long_values_are_cut(void **state)
{
    struct fx *f = *state;
    make(f, "aaaa");
    char *text = mem_alloc(20001);
    for (int i = 0; i < 20000; i += 2) memcpy(text + i, "\xc3\xa9", 2);
    text[20000] = '\0';
    struct kv kv = { "k", text };
    OK(store_run_log_params(f->s, "aaaa", &kv, 1, &f->e));
    OK(store_run_set_tags(f->s, "aaaa", &kv, 1, &f->e));
    struct run r = get(f, "aaaa");
    assert_int_equal(strlen(r.params[0].value), 12000); /* 6000 characters */
    assert_int_equal(strlen(r.tags[0].value), 16000);
    OK(store_run_log_params(f->s, "aaaa", &kv, 1, &f->e)); /* the same after cutting */
    free(text);
}

static void test_tags(void **state)
{
    struct fx *f = *state;
    make(f, "aaaa");
    struct kv kv[] = { { "a", "1" }, { "b", "2" }, { "a", "3" }, { "mlflow.runName", "renamed" } };
    OK(store_run_set_tags(f->s, "aaaa", kv, 4, &f->e));
    struct run r = get(f, "aaaa");
    assert_int_equal(r.n_tags, 3);
    assert_string_equal(r.tags[0].value, "3");
    assert_string_equal(r.name, "renamed");
    OK(store_run_delete_tag(f->s, "aaaa", "a", &f->e));
    FAILS(NOTFOUND, store_run_delete_tag(f->s, "aaaa", "a", &f->e));
    assert_int_equal(get(f, "aaaa").n_tags, 2);
}

/* -- metrics ------------------------------------------------------------------------------ */
static void test_the_latest_metric(void **state)
{
    struct fx *f = *state;
    make(f, "aaaa");
    log_point(f, "aaaa", 5, 2, 100);
    log_point(f, "aaaa", 9, 1, 200); /* later time, smaller step */
    assert_true(latest(f, "aaaa", "loss") == 5);
    log_point(f, "aaaa", 4, 2, 101); /* same step, later time */
    assert_true(latest(f, "aaaa", "loss") == 4);
    log_point(f, "aaaa", 3, 2, 101); /* same step and time, smaller value */
    assert_true(latest(f, "aaaa", "loss") == 4);
    log_point(f, "aaaa", 4.5, 2, 101);
    assert_true(latest(f, "aaaa", "loss") == 4.5);
    log_point(f, "aaaa", -1, -7, 999);
    assert_true(latest(f, "aaaa", "loss") == 4.5);
    log_point(f, "aaaa", (double)NAN, 3, 1);
    assert_true(isnan(latest(f, "aaaa", "loss")));
    log_point(f, "aaaa", -HUGE_VAL, 4, 1);
    assert_true(isinf(latest(f, "aaaa", "loss")));
}

static void test_history(void **state)
{
    struct fx *f = *state;
    make(f, "aaaa");
    log_point(f, "aaaa", 3, 2, 10);
    log_point(f, "aaaa", 1, 0, 30);
    log_point(f, "aaaa", 2, 1, 20);
    log_point(f, "aaaa", 2, 1, 20); /* identical: once */
    log_point(f, "aaaa", 7, 1, 20);
    log_point(f, "aaaa", (double)NAN, 1, 21);
    struct metric_point *m;
    size_t n;
    OK(store_run_history(f->s, &f->a, "aaaa", "loss", &m, &n, &f->e));
    assert_int_equal(n, 5);
    static const double want[] = { 1, 2, 7, (double)NAN, 3 };
    for (size_t i = 0; i < n; i++)
        assert_true(m[i].value == want[i] || (isnan(m[i].value) && isnan(want[i])));
    assert_string_equal(m[4].key, "loss");
    assert_int_equal(m[4].step, 2);
    OK(store_run_history(f->s, &f->a, "aaaa", "unknown", &m, &n, &f->e));
    assert_int_equal(n, 0);
    FAILS(NOTFOUND, store_run_history(f->s, &f->a, "bbbb", "loss", &m, &n, &f->e));
    struct metric_point early = { "loss", 1, 0, -1 };
    FAILS(INVALID, store_run_log_metrics(f->s, "aaaa", &early, 1, &f->e));
}

/* -- artifacts, inputs -------------------------------------------------------------------- */
static void test_artifacts_and_inputs(void **state)
{
    struct fx *f = *state;
    make(f, "aaaa");
    struct artifact one = { "model", "d1", 10 }, two = { "plots/roc.svg", "d2", 20 },
                    again = { "model", "d3", 30 }, outside = { "../../etc/passwd", "d", 1 };
    OK(store_run_add_artifact(f->s, "aaaa", &two, &f->e));
    OK(store_run_add_artifact(f->s, "aaaa", &one, &f->e));
    OK(store_run_add_artifact(f->s, "aaaa", &again, &f->e));
    FAILS(INVALID, store_run_add_artifact(f->s, "aaaa", &outside, &f->e));
    struct artifact *list;
    size_t n;
    OK(store_run_artifacts(f->s, &f->a, "aaaa", &list, &n, &f->e));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].path, "model");
    assert_string_equal(list[0].digest, "d3");
    assert_int_equal(list[0].size, 30);
    struct run_input in = { "adult", "dg", "training" }, *ins;
    OK(store_run_add_input(f->s, "aaaa", &in, &f->e));
    in.context = "other";
    OK(store_run_add_input(f->s, "aaaa", &in, &f->e));
    OK(store_run_inputs(f->s, &f->a, "aaaa", &ins, &n, &f->e));
    assert_int_equal(n, 1);
    assert_string_equal(ins[0].context, "training");
}

/* Pages are loaded 64 runs at a time; every run gets its own params, tags and metrics. */
static void test_a_page_gets_its_children(void **state)
{
    struct fx *f = *state;
    enum { N = 150 };
    OK(store_begin(f->s, &f->e));
    for (int i = 0; i < N; i++) {
        char text[16], id[16];
        snprintf(text, sizeof text, "%d", i);
        snprintf(id, sizeof id, "run%04d", i);
        struct kv kv[] = { { "i", text }, { "j", text } };
        struct metric_point m = { "m", i, 0, 0 };
        struct run r = { .id = id,
                         .start_us = 1000 - i,
                         .params = kv,
                         .n_params = i % 3 ? 2 : 1,
                         .tags = kv,
                         .n_tags = i % 2,
                         .metrics = &m,
                         .n_metrics = i % 5 != 0 };
        OK(store_run_create(f->s, &f->a, &r, &f->e));
    }
    OK(store_commit(f->s, &f->e));
    struct run_query q = { 0 };
    struct run *list;
    size_t n;
    OK(store_run_search(f->s, &f->a, &q, &list, &n, &f->e));
    assert_int_equal(n, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(list[i].n_params, i % 3 ? 2 : 1);
        assert_int_equal(atoi(list[i].params[0].value), i);
        assert_int_equal(list[i].n_tags, i % 2);
        assert_int_equal(list[i].n_metrics, i % 5 != 0);
        if (i % 5) assert_true(list[i].metrics[0].value == i);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST(test_experiments),
        STORE_TEST(test_deleting_an_experiment_takes_its_runs_along),
        STORE_TEST(test_a_whole_run),
        STORE_TEST(test_creation_is_refused),
        STORE_TEST(test_ids_can_be_cut),
        STORE_TEST(test_a_deleted_run_takes_no_writes),
        STORE_TEST(test_a_param_is_written_once),
        STORE_TEST(test_long_values_are_cut),
        STORE_TEST(test_tags),
        STORE_TEST(test_the_latest_metric),
        STORE_TEST(test_history),
        STORE_TEST(test_artifacts_and_inputs),
        STORE_TEST(test_a_page_gets_its_children),
    };
    return STORE_GROUPS("store.run", tests);
}
