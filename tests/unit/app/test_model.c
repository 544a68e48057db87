/* test_model.c: the verbs of the registry and model URIs, called the way front ends call them, on
 * a workspace with a real model that a real run left behind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "desk.h"
#include "app/modelref.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/pool.h"
#include "store/audit.h"
#include "store/blob.h"
#include "store/run.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
    char dir[64];
    struct clock clock;
    struct app app;
    struct arena a;
    struct err e;
    struct reply r;
    char run_id[2][33];
};

/* A logistic model of y = x > 5, as the bytes of its file. */
static void fit_model(const char *l2, struct buf *out)
{
    struct frame *f = frame_new();
    struct column *x, *y;
    struct err e = ERR_INIT;
    enum { N = 40 };
    assert_int_equal(frame_add(f, "x", COL_REAL, N, &x, &e), 0);
    for (int i = 0; i < N; i++) x->num[i] = i * 0.25;
    assert_int_equal(frame_add(f, "y", COL_INT, N, &y, &e), 0);
    for (int i = 0; i < N; i++) y->num[i] = i > 20;
    struct arena a = ARENA_INIT;
    struct val *params = val_obj(&a);
    val_set_str(params, "l2", l2);
    struct engine en = { .pool = pool_new(1), .seed = 1 };
    assert_non_null(en.pool);
    const struct model_spec spec = { .algorithm = "logistic", .target = "y", .params = params };
    struct model *m = NULL;
    if (model_fit(&en, &spec, f, NULL, &m, &e)) fail_msg("%s", e.msg);
    assert_int_equal(model_save(m, out, &e), 0);
    model_free(m);
    pool_free(en.pool);
    frame_free(f);
    arena_done(&a);
}

/* A finished run whose artifact "model" is such a model. */
static void add_run(struct fixture *f, int i, const char *l2)
{
    struct buf bytes = { 0 };
    fit_model(l2, &bytes);
    char digest[65];
    assert_int_equal(blob_put(f->app.store, bytes.p, bytes.n, digest, &f->e), 0);
    struct run run = { .experiment_id = "0", .name = "fit", .status = "RUNNING", .user = "kim" };
    assert_int_equal(store_run_create(f->app.store, &f->a, &run, &f->e), 0);
    snprintf(f->run_id[i], sizeof f->run_id[i], "%s", run.id);
    const struct metric_point auc = { .key = "auc", .value = 0.75, .time_us = 1 };
    const struct kv tag = { RUN_TAG_FP_DATA, "da7a" };
    const struct artifact file = { "model", digest, (int64_t)bytes.n };
    assert_int_equal(store_run_log_metrics(f->app.store, run.id, &auc, 1, &f->e), 0);
    assert_int_equal(store_run_set_tags(f->app.store, run.id, &tag, 1, &f->e), 0);
    assert_int_equal(store_run_add_artifact(f->app.store, run.id, &file, &f->e), 0);
    assert_int_equal(store_run_finish(f->app.store, run.id, "FINISHED", 5, &f->e), 0);
    buf_done(&bytes);
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(1, sizeof *f);
    desk_open(&f->app, f->dir, &f->clock, 1700000000LL * 1000000);
    add_run(f, 0, "1");
    add_run(f, 1, "2");
    reply_init(&f->r);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    reply_done(&f->r);
    desk_close(&f->app);
    arena_done(&f->a);
    free(f);
    return 0;
}

/* Calls a verb with name, value, … NULL as text arguments. */
static int call(struct fixture *f, const char *verb, ...)
{
    struct val *in = val_obj(&f->a);
    va_list ap;
    va_start(ap, verb);
    for (const char *key; (key = va_arg(ap, const char *));)
        val_set_str(in, key, va_arg(ap, const char *));
    va_end(ap);
    reply_done(&f->r);
    reply_init(&f->r);
    err_clear(&f->e);
    return verb_call(&f->app, verb_find(verb), in, &f->r, &f->e);
}
static void good(int rc, const struct fixture *f)
{
    if (rc) fail_msg("%s", f->e.msg);
}
static const char *uri(struct fixture *f, int run)
{
    return arena_printf(&f->a, "runs:/%s/model", f->run_id[run]);
}
static void register_both(struct fixture *f)
{
    for (int i = 0; i < 2; i++)
        good(call(f, "model register", "name", "fraud", "model", uri(f, i), NULL), f);
}
static const char *text(const struct val *v, const char *key)
{
    return val_get_str(v, key, "-");
}

static void register_takes_a_run(void **state)
{
    struct fixture *f = *state;
    good(call(f, "model register", "name", "fraud", "model", uri(f, 0), "description", "d", NULL),
         f);
    assert_int_equal(val_get_int(f->r.v, "version", 0), 1);
    assert_string_equal(text(f->r.v, "semver"), "1.0.0");
    assert_string_equal(text(f->r.v, "stage"), "None");
    assert_string_equal(text(f->r.v, "run_id"), f->run_id[0]);
    assert_true(val_get_bool(f->r.v, "new", false));
    good(call(f, "model register", "name", "fraud", "model", uri(f, 0), NULL), f);
    assert_false(val_get_bool(f->r.v, "new", true));
    assert_int_equal(val_get_int(f->r.v, "version", 0), 1);
    good(call(f, "model register", "name", "fraud", "model", uri(f, 1), NULL), f);
    assert_string_equal(text(f->r.v, "semver"), "1.0.1"); /* other parameters */
}

static void register_dry_run_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    f->app.dry_run = true;
    good(call(f, "model register", "name", "fraud", "model", uri(f, 0), NULL), f);
    assert_string_equal(text(f->r.v, "semver"), "1.0.0");
    assert_true(val_get_bool(f->r.v, "dry_run", false));
    f->app.dry_run = false;
    good(call(f, "model list", NULL), f);
    assert_int_equal(val_len(val_get(f->r.v, "models")), 0);
}

static void register_says_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *uri;
        int rc;
    } bad[] = {
        { "runs:/ffffffffffffffffffffffffffffffff/model", -ERR_NOTFOUND },
        { "runs:/", -ERR_INVALID },
        { "runs:/abc", -ERR_INVALID },
        { "models:/fraud", -ERR_INVALID },
        { "models:/fraud/1/2", -ERR_INVALID },
        { "models:/nobody/1", -ERR_NOTFOUND },
        { "/nowhere/model", -ERR_NOTFOUND },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(call(f, "model register", "name", "m", "model", bad[i].uri, NULL),
                         bad[i].rc);
        assert_true(f->e.hint[0] != 0);
    }
    const char *file = arena_printf(&f->a, "%s/not-a-model", f->dir);
    assert_int_equal(file_write_atomic(file, "hello", 5, &f->e), 0);
    assert_true(call(f, "model register", "name", "m", "model", file, NULL) < 0);
    good(call(f, "model list", NULL), f);
    assert_int_equal(val_len(val_get(f->r.v, "models")), 0);
}

static void reads_show_stages_metrics_and_history(void **state)
{
    struct fixture *f = *state;
    register_both(f);
    good(call(f, "model promote", "name", "fraud", "version", "1", "reason", "first", NULL), f);
    good(call(f, "model promote", "name", "fraud", "version", "2", "to", "Staging", "reason", "try",
              NULL),
         f);
    good(call(f, "model list", NULL), f);
    const struct val *m = val_at(val_get(f->r.v, "models"), 0);
    assert_string_equal(text(m, "name"), "fraud");
    assert_int_equal(val_get_int(m, "latest", 0), 2);
    assert_int_equal(val_get_int(val_get(m, "production"), "version", 0), 1);
    assert_int_equal(val_get_int(val_get(m, "staging"), "version", 0), 2);
    const struct val *metrics = val_get(val_get(m, "production"), "metrics");
    assert_true(val_get_real(metrics, "auc", 0) == 0.75);
    good(call(f, "model show", "name", "fraud", NULL), f);
    assert_int_equal(val_len(val_get(f->r.v, "versions")), 2);
    const struct val *newest = val_at(val_get(f->r.v, "versions"), 0);
    assert_string_equal(text(newest, "stage"), "Staging");
    assert_string_equal(val_as_str(val_at(val_get(newest, "aliases"), 0), "-"), "staging");
    assert_int_equal(val_len(val_get(f->r.v, "history")), 4);
    good(call(f, "model history", "limit", "1", NULL), f);
    const struct val *event = val_at(val_get(f->r.v, "history"), 0);
    assert_string_equal(text(event, "to"), "Staging");
    assert_string_equal(text(event, "reason"), "try");
    assert_string_equal(text(event, "at"), "2023-11-14T22:13:20Z");
    assert_int_equal(call(f, "model show", "name", "nobody", NULL), -ERR_NOTFOUND);
    assert_int_equal(call(f, "model versions", "name", "nobody", NULL), -ERR_NOTFOUND);
    assert_int_equal(call(f, "model history", "name", "nobody", NULL), -ERR_NOTFOUND);
}

static void moves_answer_what_they_did(void **state)
{
    struct fixture *f = *state;
    register_both(f);
    assert_true(call(f, "model promote", "name", "fraud", "version", "1", NULL) <
                0); /* no reason */
    good(call(f, "model promote", "name", "fraud", "version", "1", "reason", "first", NULL), f);
    assert_int_equal(val_type(val_get(f->r.v, "replaced")), VAL_NULL);
    good(call(f, "model alias", "name", "fraud", "alias", "next", "version", "2", NULL), f);
    good(call(f, "model promote", "name", "fraud", "version", "@next", "reason", "r", NULL), f);
    assert_int_equal(val_get_int(val_get(f->r.v, "replaced"), "version", 0), 1);
    assert_string_equal(text(f->r.v, "previous_stage"), "None");
    good(call(f, "model rollback", "name", "fraud", "reason", "slow", NULL), f);
    assert_int_equal(val_get_int(f->r.v, "version", 0), 1);
    assert_string_equal(text(f->r.v, "previous_stage"), "Archived");
    good(call(f, "model archive", "name", "fraud", "version", "1", "reason", "gone", NULL), f);
    assert_string_equal(text(f->r.v, "stage"), "Archived");
    good(call(f, "model alias", "name", "fraud", "alias", "next", NULL), f);
    assert_int_equal(val_type(val_get(f->r.v, "version")), VAL_NULL);
    f->app.role = "developer";
    assert_int_equal(call(f, "model promote", "name", "fraud", "version", "2", "reason", "r", NULL),
                     -ERR_DENIED);
}

static void uris_name_what_they_say(void **state)
{
    struct fixture *f = *state;
    register_both(f);
    good(call(f, "model promote", "name", "fraud", "version", "1", "reason", "first", NULL), f);
    static const struct {
        const char *uri;
        int64_t version;
    } cases[] = {
        { "models:/fraud/1", 1 },          { "models:/fraud/2", 2 },
        { "models:/fraud/Production", 1 }, { "models:/fraud@production", 1 },
        { "models:/fraud/latest", 2 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct modelref ref;
        struct model *m = NULL;
        good(modelref_open(&f->app, &f->a, cases[i].uri, &ref, &m, &f->e), f);
        assert_int_equal(ref.version, cases[i].version);
        assert_string_equal(ref.name, "fraud");
        assert_string_equal(ref.run_id, f->run_id[cases[i].version - 1]);
        assert_string_equal(model_target(m), "y");
        model_free(m);
    }
    struct modelref ref;
    assert_int_equal(modelref_resolve(&f->app, &f->a, "models:/fraud/Staging", &ref, &f->e),
                     -ERR_NOTFOUND);
    assert_int_equal(modelref_resolve(&f->app, &f->a, "models:/fraud@none", &ref, &f->e),
                     -ERR_NOTFOUND);
}

static void export_writes_checked_bytes(void **state)
{
    struct fixture *f = *state;
    register_both(f);
    const char *out = arena_printf(&f->a, "%s/out.model", f->dir);
    good(call(f, "model export", "model", "models:/fraud/2", "out", out, NULL), f);
    assert_int_equal(val_get_int(f->r.v, "size", 0), file_size(out));
    good(call(f, "model register", "name", "copy", "model", out, NULL), f);
    assert_true(val_get_bool(f->r.v, "new", false));
    /* a blob whose bytes changed is refused and the file stays as it was */
    struct modelref ref;
    good(modelref_resolve(&f->app, &f->a, "models:/fraud/1", &ref, &f->e), f);
    STR_AUTO bytes = STR_INIT;
    good(file_read(ref.path, 1 << 20, &bytes, &f->e), f);
    bytes.p[bytes.len / 2] ^= 1;
    assert_int_equal(remove(ref.path), 0);
    good(file_write_atomic(ref.path, bytes.p, bytes.len, &f->e), f);
    int64_t before = file_size(out);
    assert_int_equal(call(f, "model export", "model", "models:/fraud/1", "out", out, NULL),
                     -ERR_CORRUPT);
    assert_int_equal(file_size(out), before);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(register_takes_a_run),        TEST(register_dry_run_leaves_nothing),
        TEST(register_says_what_is_wrong), TEST(reads_show_stages_metrics_and_history),
        TEST(moves_answer_what_they_did),  TEST(uris_name_what_they_say),
        TEST(export_writes_checked_bytes),
    };
    return cmocka_run_group_tests_name("app.model", tests, NULL, NULL);
}
