/* test_serve.c: from a body to an answer and to the log, on a real workspace: answers as the
 * model gives them, hot reload, versions that are named, failed loads, the batch way, deadlines. */
#include "app/registry.h"
#include "base/file.h"
#include "base/mem.h"
#include "sample.h"
#include "store/prediction.h"
#include "workspace.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static const char one[] = "{\"age\":40,\"balance\":512.5,\"city\":\"Genf\",\"member\":true,"
                          "\"since\":\"2026-01-31T10:00:00Z\"}";
static const char other[] =
    "{\"since\":null,\"city\":\"Lugano\",\"age\":\"22\",\"balance\":null,\"member\":\"false\"}";

static struct bench *setup(struct bench *b, const char *algorithm, const char *target)
{
    bench_open(b);
    bench_register(b, "m", sample_model(algorithm, target, NULL, NULL), "Production");
    return b;
}

/* What the model says of the two bodies, by the way that training uses. */
static double expected(const struct model *m, const char *body)
{
    double x[8], scratch[256], p[8];
    bool first = body == one;

    for (size_t i = 0; i < model_features(m); i++) {
        const char *name = model_feature(m, i, NULL);
        if (strcmp(name, "age") == 0) x[i] = first ? 40 : 22;
        else if (strcmp(name, "balance") == 0) x[i] = first ? 512.5 : (double)NAN;
        else if (strcmp(name, "city") == 0)
            x[i] = first ? model_code(m, i, "Genf", 4) : (double)NAN;
        else if (strcmp(name, "member") == 0) x[i] = first;
        else x[i] = first ? 1769853600e6 : (double)NAN;
    }
    model_predict_row(m, x, scratch, p);
    return p[0];
}

static void answers_are_the_models(void **state)
{
    static const char *const algorithms[] = { "gbdt", "logistic" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        struct bench b;
        struct predict_call c = { .no_cache = true };
        bench_start(setup(&b, algorithms[i], "buys"));
        assert_true(serve_ready(b.serve));
        assert_int_equal(bench_predict(&b, "m", one, &c), 0);
        double p = expected(c.arm->by->model, one);
        assert_memory_equal(c.p, &p, sizeof p);
        assert_int_equal(c.arm->by->version, 1);
        assert_string_equal(c.arm_role, "production");
        assert_true(c.model_us > 0 && !c.cached);
        free((void *)(uintptr_t)c.p);
        assert_int_equal(bench_predict(&b, "", other, &c), 0); /* the only one: no name needed */
        p = expected(c.arm->by->model, other);
        assert_memory_equal(c.p, &p, sizeof p);
        free((void *)(uintptr_t)c.p);
        bench_close(&b);
    }
}

static void wrong_requests_are_named(void **state)
{
    struct bench b;
    struct predict_call c = { 0 };

    (void)state;
    bench_start(setup(&b, "gbdt", "buys"));
    assert_int_equal(bench_predict(&b, "m", "{\"age\":1}", &c), -ERR_INVALID);
    assert_non_null(strstr(c.err.msg, "'balance' is missing"));
    assert_int_equal(bench_predict(&b, "m",
                                   "{\"age\":\"old\",\"balance\":1,\"city\":\"x\","
                                   "\"member\":0,\"since\":null}",
                                   &c),
                     -ERR_INVALID);
    assert_non_null(strstr(c.err.msg, "'age' is a number, \"old\" is none"));
    assert_int_equal(bench_predict(&b, "m",
                                   "{\"age\":1,\"balance\":1,\"city\":\"x\","
                                   "\"member\":0,\"since\":12}",
                                   &c),
                     -ERR_INVALID);
    assert_non_null(strstr(c.err.hint, "2026-01-31"));
    assert_int_equal(bench_predict(&b, "m", "[]", &c), 0);
    assert_null(c.p);
    bench_close(&b);
}

static void equal_requests_are_remembered(void **state)
{
    struct bench b;
    struct predict_call c = { 0 }, fresh = { .no_cache = true };
    struct serve_totals t;

    (void)state;
    bench_start(setup(&b, "gbdt", "buys"));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bench_predict(&b, "m", one, &c), 0);
        assert_int_equal(c.cached, i > 0);
        assert_int_equal(bench_predict(&b, "m", one, &fresh), 0);
        assert_false(fresh.cached);
        assert_memory_equal(c.p, fresh.p, sizeof *c.p);
        free((void *)(uintptr_t)c.p);
        free((void *)(uintptr_t)fresh.p);
    }
    serve_totals(b.serve, &t);
    assert_int_equal(t.cache_hits, 2);
    assert_int_equal(t.cache_misses, 1);
    assert_int_equal(t.cache_entries, 1);
    bench_close(&b);
}

struct logged {
    size_t n, labelled;
    struct prediction last;
    char id[64], answer[64];
    unsigned char features[256];
};

static int see(void *user, const struct prediction *p)
{
    struct logged *l = user;

    l->n++;
    l->last = *p;
    snprintf(l->id, sizeof l->id, "%s", p->request_id);
    snprintf(l->answer, sizeof l->answer, "%s", p->answer);
    assert_true(p->n_bytes <= sizeof l->features);
    memcpy(l->features, p->features, p->n_bytes);
    return 0;
}

static struct logged read_log(struct bench *b)
{
    struct logged l = { 0 };

    assert_int_equal(prediction_each(b->app.store, "m", 0, INT64_MAX, see, &l, NULL), 0);
    return l;
}

static void the_log_has_every_answer(void **state)
{
    struct bench b;
    struct predict_call c = { .request_id = "first" }, quiet = { .no_log = true };

    (void)state;
    bench_start(setup(&b, "gbdt", "buys"));
    assert_int_equal(bench_predict(&b, "m", one, &c), 0);
    double p = c.p[0];
    free((void *)(uintptr_t)c.p);
    assert_int_equal(bench_predict(&b, "m", one, &quiet), 0);
    free((void *)(uintptr_t)quiet.p);
    bench_stop(&b);
    struct logged l = read_log(&b);
    assert_int_equal(l.n, 1);
    assert_string_equal(l.id, "first");
    assert_string_equal(l.answer, p >= 0.5 ? "yes" : "no");
    assert_true(l.last.probability == p && l.last.version == 1 && l.last.latency_ms >= 0);
    /* four numbers of 8 bytes, "Genf" with its length */
    assert_int_equal(l.last.n_bytes, 4 * 8 + 5);
    bench_start(&b);
    char body[512];
    snprintf(body, sizeof body, "[%s,%s]", one, other);
    c.request_id = "list";
    assert_int_equal(bench_predict(&b, "m", body, &c), 0);
    free((void *)(uintptr_t)c.p);
    bench_stop(&b);
    l = read_log(&b);
    assert_int_equal(l.n, 3);
    assert_string_equal(l.id, "list/1");
    bench_close(&b);
}

static void a_promotion_changes_who_answers(void **state)
{
    struct bench b;
    struct predict_call c = { .no_cache = true };
    struct serve_totals t;

    (void)state;
    bench_start(setup(&b, "gbdt", "buys"));
    int64_t v2 = bench_register(&b, "m", sample_model("logistic", "buys", "age", NULL), NULL);
    bench_reload(&b);
    assert_int_equal(bench_predict(&b, "m", one, &c), 0);
    assert_int_equal(c.arm->by->version, 1);
    free((void *)(uintptr_t)c.p);
    bench_promote(&b, "m", v2);
    bench_reload(&b);
    assert_int_equal(bench_predict(&b, "m", one, &c), 0);
    assert_int_equal(c.arm->by->version, 2);
    free((void *)(uintptr_t)c.p);
    bench_reload(&b); /* nothing changed */
    serve_totals(b.serve, &t);
    assert_int_equal(t.reloads, 1);
    bench_close(&b);
}

static void a_version_can_be_named(void **state)
{
    struct bench b;
    struct predict_call c = { .version = 2 };

    (void)state;
    bench_start(setup(&b, "gbdt", "buys"));
    bench_register(&b, "m", sample_model("logistic", "buys", NULL, NULL), NULL);
    assert_int_equal(bench_predict(&b, "m", one, &c), -ERR_BUSY);
    bench_reload(&b);
    assert_int_equal(bench_predict(&b, "m", one, &c), 0);
    assert_int_equal(c.arm->by->version, 2);
    free((void *)(uintptr_t)c.p);
    c.version = 7;
    assert_int_equal(bench_predict(&b, "m", one, &c), -ERR_BUSY);
    bench_reload(&b);
    assert_int_equal(bench_predict(&b, "m", one, &c), -ERR_NOTFOUND);
    c.version = 1;
    assert_int_equal(bench_predict(&b, "m", one, &c), 0);
    free((void *)(uintptr_t)c.p);
    bench_close(&b);
}

static void spoil_newest_blob(struct bench *b, const char *digest)
{
    char path[256];

    snprintf(path, sizeof path, "%s/blobs/%.2s/%s", b->dir, digest, digest);
    chmod(path, 0600);
    assert_int_equal(file_write_atomic(path, "junk", 4, NULL), 0);
}

static void a_model_that_cannot_be_loaded_leaves_the_old_one(void **state)
{
    struct bench b;
    struct predict_call c = { .no_cache = true };
    struct reg_version v;

    (void)state;
    bench_start(setup(&b, "gbdt", "buys"));
    assert_int_equal(val_len(serve_problems(b.serve, &b.arena)), 0);
    int64_t v2 = bench_register(&b, "m", sample_model("logistic", "buys", NULL, NULL), NULL);
    assert_int_equal(store_version_get(b.app.store, &b.arena, "m", v2, &v, NULL), 0);
    spoil_newest_blob(&b, v.digest);
    bench_promote(&b, "m", v2);
    bench_reload(&b);
    assert_int_equal(bench_predict(&b, "m", one, &c), 0);
    assert_int_equal(c.arm->by->version, 1);
    free((void *)(uintptr_t)c.p);
    const struct val *problems = serve_problems(b.serve, &b.arena);
    assert_int_equal(val_len(problems), 1);
    assert_int_equal(val_get_int(val_at(problems, 0), "version", 0), 2);
    struct registry_moved moved;
    assert_int_equal(registry_rollback(&b.app, &b.arena, "m", "bad", &moved, NULL), 0);
    bench_reload(&b);
    assert_int_equal(val_len(serve_problems(b.serve, &b.arena)), 0);
    bench_close(&b);
}

static void costly_models_are_batched(void **state)
{
    struct bench b;
    struct predict_call c = { .no_cache = true };
    struct serve_totals t;

    (void)state;
    setup(&b, "gbdt", "kind");
    bench_settings(&b, "serve: {inline_us: 0, timeout_ms: 20000}\n");
    bench_start(&b);
    assert_int_equal(bench_predict(&b, "m", one, &c), 0);
    assert_false(c.arm->by->cheap);
    assert_true(c.model_us > 0 && c.queue_us > 0);
    double p = expected(c.arm->by->model, one);
    assert_memory_equal(c.p, &p, sizeof p);
    free((void *)(uintptr_t)c.p);
    serve_totals(b.serve, &t);
    assert_int_equal(t.batches_drained, 1);
    bench_stop(&b);
    assert_int_equal(read_log(&b).n, 1);
    bench_close(&b);
}

/* Thousands of rows take longer than a millisecond; the caller does not wait for them. */
static void a_deadline_holds(void **state)
{
    STR_AUTO body = STR_INIT;
    struct bench b;
    struct predict_call c = { .no_cache = true };

    (void)state;
    setup(&b, "gbdt", "kind");
    bench_settings(&b, "serve: {inline_us: 0, timeout_ms: 5}\n");
    bench_start(&b);
    str_add(&body, "[");
    for (int i = 0; i < 20000; i++) str_addf(&body, "%s%s", i ? "," : "", one);
    str_add(&body, "]");
    assert_int_equal(bench_predict(&b, "m", str_c(&body), &c), -ERR_TIMEOUT);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(answers_are_the_models),
        cmocka_unit_test(wrong_requests_are_named),
        cmocka_unit_test(equal_requests_are_remembered),
        cmocka_unit_test(the_log_has_every_answer),
        cmocka_unit_test(a_promotion_changes_who_answers),
        cmocka_unit_test(a_version_can_be_named),
        cmocka_unit_test(a_model_that_cannot_be_loaded_leaves_the_old_one),
        cmocka_unit_test(costly_models_are_batched),
        cmocka_unit_test(a_deadline_holds),
    };
    return cmocka_run_group_tests_name("serve.serve", t, NULL, NULL);
}
