/* test_doctor.c: init, doctor and overview on real workspaces, healthy and damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/verb.h"
#include "base/file.h"
#include "store/audit.h"
#include "store/blob.h"
#include "store/job.h"
#include "store/prediction.h"
#include "store/registry.h"
#include "store/snapshot.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct ports none;
static char dir[64];
static struct clock now;
static struct app app;
static struct reply r;
static struct err e;

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test_doctor.XXXXXX");
    if (!mkdtemp(dir)) return -1;
    now = clock_fixed(1700000000LL * 1000000);
    app =
        (struct app){ .dir = dir, .clock = &now, .actor = "kim", .role = "admin", .ports = &none };
    err_clear(&e);
    reply_init(&r);
    return store_open(&app.store, dir, STORE_CREATE, &now, &e);
}

static int teardown(void **state)
{
    (void)state;
    reply_done(&r);
    store_close(app.store);
    return file_remove_tree(dir, NULL);
}

static void call(const char *verb)
{
    reply_done(&r);
    reply_init(&r);
    if (verb_call(&app, verb_find(verb), NULL, &r, &e)) fail_msg("%s: %s", verb, e.msg);
}

/* The check of that name, as doctor answered it. */
static const struct val *check(const char *name)
{
    const struct val *checks = val_get(r.v, "checks");
    for (size_t i = 0; i < val_len(checks); i++)
        if (str_eq(val_get_str(val_at(checks, i), "name", ""), name)) return val_at(checks, i);
    fail_msg("no check '%s'", name);
    return NULL;
}

static bool ok(const char *name)
{
    return val_get_bool(check(name), "ok", false);
}

static void sql(const char *text)
{
    sqlite3 *db = NULL;
    char *path = arena_printf(&r.arena, "%s/signalbox.db", dir), *why = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &why)) fail_msg("%s: %s", text, why);
    sqlite3_close(db);
}

static void t_init_twice(void **state)
{
    (void)state;
    struct val *in = val_obj(&r.arena);
    char *sub = arena_printf(&r.arena, "%s/new/ws", dir);
    val_set_str(in, "dir", sub);
    assert_int_equal(verb_call(&app, verb_find("init"), in, &r, &e), 0);
    assert_true(val_get_bool(r.v, "created", false));
    assert_string_equal(val_get_str(r.v, "workspace", ""), sub);
    assert_int_equal(verb_call(&app, verb_find("init"), in, &r, &e), 0);
    assert_false(val_get_bool(r.v, "created", true));
}

static void t_healthy(void **state)
{
    (void)state;
    call("doctor");
    const struct val *checks = val_get(r.v, "checks");
    for (size_t i = 0; i < val_len(checks); i++) {
        assert_true(val_get_bool(val_at(checks, i), "ok", false));
        assert_non_null(val_get_str(val_at(checks, i), "detail", NULL));
    }
    assert_int_equal(r.exit, 0);
    assert_true(val_len(checks) >= 10);
}

static void t_no_workspace(void **state)
{
    (void)state;
    struct store *s = app.store;
    app.store = NULL;
    app.dir = "/nonexistent/ws";
    call("doctor");
    assert_true(ok("workspace"));
    assert_non_null(strstr(val_get_str(check("workspace"), "fix", ""), "signalbox init"));
    assert_int_equal(r.exit, 0);
    app.store = s;
}

static void t_a_workspace_that_does_not_open(void **state)
{
    (void)state;
    store_close(app.store);
    app.store = NULL;
    const char *path = arena_printf(&r.arena, "%s/signalbox.db", dir);
    assert_int_equal(file_write_atomic(path, "this is no database at all......", 32, &e), 0);
    call("doctor");
    assert_false(ok("workspace"));
    assert_int_equal(r.exit, 3);
}

static void t_broken_audit(void **state)
{
    (void)state;
    const struct audit_row row = {
        .actor = "kim", .verb = "x", .object = "y", .reason = "", .detail = "{}"
    };
    int64_t seq;
    assert_int_equal(audit_append(app.store, &row, &seq, &e), 0);
    assert_int_equal(audit_append(app.store, &row, &seq, &e), 0);
    call("doctor");
    assert_true(ok("audit"));
    sql("DROP TRIGGER IF EXISTS audit_no_update; UPDATE audit SET actor = 'eve' WHERE seq = 2");
    call("doctor");
    assert_false(ok("audit"));
    assert_non_null(strstr(val_get_str(check("audit"), "detail", ""), "breaks at row 2"));
    assert_int_equal(r.exit, 3);
}

static void t_keys_need_their_secret(void **state)
{
    (void)state;
    struct val *args = val_obj(&r.arena);
    const char *path = arena_printf(&r.arena, "%s/secret", dir);
    val_set_str(args, "name", "shop");
    if (verb_call(&app, verb_find("user add"), args, &r, &e)) fail_msg("%s", e.msg);
    call("doctor");
    assert_true(ok("keys"));
    assert_string_equal(val_get_str(check("keys"), "detail", ""), "1 of 1 valid");
    path = arena_printf(&r.arena, "%s/secret", dir);
    assert_int_equal(chmod(path, 0644), 0);
    call("doctor");
    assert_false(ok("keys"));
    assert_non_null(strstr(val_get_str(check("keys"), "fix", ""), "chmod 600"));
    path = arena_printf(&r.arena, "%s/secret", dir);
    assert_int_equal(unlink(path), 0);
    call("doctor");
    assert_false(ok("keys"));
    assert_int_equal(r.exit, 3);
}

static void add_version(const char *digest)
{
    struct reg_version v = { .name = "m",
                             .semver = "1.0.0",
                             .stage = "None",
                             .digest = digest,
                             .size = 5,
                             .algorithm = "gbdt",
                             .task = "binary",
                             .description = "",
                             .created_by = "kim",
                             .fp_signature = "a",
                             .fp_architecture = "b",
                             .fp_data = "c",
                             .fp_params = "d",
                             .aliases = "" };
    int64_t n;
    assert_int_equal(store_begin(app.store, &e), 0);
    assert_int_equal(store_model_ensure(app.store, "m", &e), 0);
    if (store_version_create(app.store, &v, &n, &e)) fail_msg("%s", e.msg);
    assert_int_equal(store_commit(app.store, &e), 0);
}

static void t_damaged_model_file(void **state)
{
    (void)state;
    char digest[65];
    const char *path = NULL;
    assert_int_equal(blob_put(app.store, "model", 5, digest, &e), 0);
    add_version(digest);
    call("doctor");
    assert_true(ok("model files"));
    assert_int_equal(blob_path(app.store, &r.arena, digest, &path, &e), 0);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(file_write_atomic(path, "modle", 5, &e), 0);
    call("doctor");
    assert_false(ok("model files"));
    assert_int_equal(blob_path(app.store, &r.arena, digest, &path, &e), 0);
    assert_int_equal(unlink(path), 0);
    call("doctor");
    assert_false(ok("model files"));
}

static void t_stuck_queue(void **state)
{
    (void)state;
    const struct job j = { .kind = "train", .payload = "{}", .actor = "kim" };
    struct job got;
    struct fence f;
    char id[27];
    bool dup;
    assert_int_equal(store_job_add(app.store, &j, id, &dup, &e), 0);
    call("doctor");
    assert_true(ok("jobs"));
    now = clock_fixed((1700000000LL + 3600) * 1000000);
    call("doctor");
    assert_false(ok("jobs")); /* ready for an hour */
    assert_int_equal(store_job_claim(app.store, &r.arena, "default", id, "w", 1, &got, &e), 0);
    f = (struct fence){ id, got.attempt };
    call("doctor");
    assert_true(ok("jobs"));
    now = clock_fixed((1700000000LL + 7200) * 1000000);
    call("doctor");
    assert_false(ok("jobs")); /* its lease ran out */
    assert_int_equal(store_job_fail(app.store, f, "no", false, &e), 0);
    call("doctor");
    assert_true(ok("jobs"));
    assert_false(ok("failed jobs"));
    now = clock_fixed((1700000000LL + 7200 + 86401) * 1000000);
    call("doctor");
    assert_true(ok("failed jobs"));
}

static void t_monitoring_nobody_looks_after(void **state)
{
    (void)state;
    const struct window w = { 1699999200LL * 1000000, 1700002800LL * 1000000 };
    const struct label l = { "r1", "1", w.start_us };
    const struct prediction p = { .request_id = "r1", .at_us = w.start_us, .answer = "1" };
    assert_int_equal(window_touch(app.store, "m", w, &e), 0);
    assert_int_equal(label_add(app.store, "m", &l, NULL, &e), 0);
    call("doctor");
    assert_true(ok("monitoring") && ok("labels"));
    now = clock_fixed((1700002800LL + 86401) * 1000000);
    call("doctor");
    assert_false(ok("monitoring"));
    assert_non_null(strstr(val_get_str(check("monitoring"), "fix", ""), "monitor check"));
    assert_false(ok("labels"));
    assert_int_equal(r.exit, 3);
    const struct snapshot sn = {
        .model = "m", .start_us = w.start_us, .end_us = w.end_us, .data = "{}"
    };
    assert_int_equal(snapshot_add(app.store, &sn, 1, NULL, &e), 0);
    assert_int_equal(prediction_add(app.store, "m", &p, NULL, &e), 0);
    call("doctor");
    assert_true(ok("monitoring") && ok("labels"));
    assert_int_equal(r.exit, 0);
}

static void t_overview(void **state)
{
    (void)state;
    const struct job j = { .kind = "train", .payload = "{}", .actor = "kim" };
    const struct audit_row row = {
        .actor = "kim", .verb = "x", .object = "y", .reason = "", .detail = "{}"
    };
    char digest[65], id[27];
    bool dup;
    int64_t seq;
    assert_int_equal(blob_put(app.store, "model", 5, digest, &e), 0);
    add_version(digest);
    assert_int_equal(store_job_add(app.store, &j, id, &dup, &e), 0);
    assert_int_equal(audit_append(app.store, &row, &seq, &e), 0);
    call("overview");
    assert_string_equal(val_get_str(r.v, "workspace", ""), dir);
    assert_string_equal(val_get_str(r.v, "now", ""), "2023-11-14T22:13:20Z");
    assert_int_equal(val_len(val_get(r.v, "models")), 1);
    const struct val *jobs = val_get(r.v, "jobs");
    assert_int_equal(val_get_int(val_get(jobs, "counts"), "ready", 0), 1);
    assert_int_equal(val_len(val_get(jobs, "running")), 0);
    assert_int_equal(val_get_int(val_get(r.v, "runs"), "total", -1), 0);
    assert_int_equal(val_get_int(r.v, "datasets", -1), 0);
    assert_int_equal(val_get_int(val_get(r.v, "audit"), "rows", 0), 1);
    assert_int_equal(strlen(val_get_str(val_get(r.v, "audit"), "head", "")), 64);
    assert_int_equal(val_type(val_get(val_get(r.v, "audit"), "ok")), VAL_NULL);
    assert_non_null(strstr(r.text, "models    1\n  m "));
    assert_non_null(strstr(r.text, "1 ready"));
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(t_init_twice),
        T(t_healthy),
        T(t_no_workspace),
        T(t_broken_audit),
        T(t_keys_need_their_secret),
        T(t_damaged_model_file),
        T(t_a_workspace_that_does_not_open),
        T(t_stuck_queue),
        T(t_monitoring_nobody_looks_after),
        T(t_overview),
    };
    return cmocka_run_group_tests_name("app.doctor", tests, NULL, NULL);
}
