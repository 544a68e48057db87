/* test_runs.c: the verbs of experiments, runs and the audit log, called as every front end calls
 * them, on a real workspace: the fields of their replies as share/doc/REPLIES names them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "desk.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/job.h"
#include "store/run.h"
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define T0 (1700000000LL * 1000000)

struct fx {
    char dir[64];
    struct clock clock;
    struct app app;
    struct reply r; /* of the last call */
    struct err e;
};


static int setup(void **state)
{
    struct fx *f = mem_zalloc(1, sizeof *f);
    desk_open(&f->app, f->dir, &f->clock, T0);
    reply_init(&f->r);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fx *f = *state;
    reply_done(&f->r);
    desk_close(&f->app);
    free(f);
    return 0;
}

/* Calls a verb with arguments written as JSON; the reply's tree, NULL on failure. */
static const struct val *call(struct fx *f, const char *name, const char *json)
{
    struct val *args = NULL;
    const struct verb *v = verb_find(name);
    assert_non_null(v);
    reply_done(&f->r);
    reply_init(&f->r);
    err_clear(&f->e);
    assert_int_equal(val_parse_json(&f->r.arena, json, strlen(json), &args, &f->e), 0);
    return verb_call(&f->app, v, args, &f->r, &f->e) < 0 ? NULL : f->r.v;
}

static const struct val *ok(struct fx *f, const char *name, const char *json)
{
    const struct val *v = call(f, name, json);
    if (!v) fail_msg("%s: %s", name, f->e.msg);
    return v;
}

static void fails(struct fx *f, const char *name, const char *json, enum err_kind kind)
{
    assert_null(call(f, name, json));
    if (f->e.kind != kind) fail_msg("%s: %s", name, f->e.msg);
}

/* "a.0.b": keys and indexes. */
static const struct val *at(const struct val *v, const char *path)
{
    char part[64];
    while (v && *path) {
        size_t n = strcspn(path, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        v = val_type(v) == VAL_LIST ? val_at(v, (size_t)atoi(part)) : val_get(v, part);
        path += n + (path[n] == '.');
    }
    return v;
}

static void is(const struct val *v, const char *path, const char *want)
{
    STR_AUTO s = STR_INIT;
    val_write_json(&s, at(v, path), 0);
    if (strcmp(str_c(&s), want) != 0) fail_msg("%s is %s, expected %s", path, str_c(&s), want);
}

/* Two runs: aaaa1111 (ended, better) and bbbb2222 (running). */
static void two_runs(struct fx *f)
{
    struct arena a = ARENA_INIT;
    struct kv params[] = { { "algorithm", "gbdt" }, { "lr", "0.1" } };
    struct kv other[] = { { "algorithm", "gbdt" }, { "depth", "6" } };
    struct metric_point good[] = { { "auc", 0.7, 0, 1 },
                                   { "auc", 0.9, 1, 2 },
                                   { "log_loss", 0.3, 0, 1 } };
    struct metric_point bad[] = { { "auc", 0.8, 0, 1 }, { "log_loss", (double)NAN, 0, 1 } };
    struct run one = { .id = "aaaa1111",
                       .name = "one",
                       .user = "ann",
                       .status = "FINISHED",
                       .start_us = T0 - 5000000,
                       .end_us = T0 - 2000000,
                       .params = params,
                       .n_params = 2,
                       .metrics = good,
                       .n_metrics = 3 };
    struct run two = { .id = "bbbb2222",
                       .name = "two",
                       .user = "bob",
                       .start_us = T0 - 1000000,
                       .params = other,
                       .n_params = 2,
                       .metrics = bad,
                       .n_metrics = 2 };
    struct artifact file = { "model", "d1", 77 };
    assert_int_equal(store_run_create(f->app.store, &a, &one, &f->e), 0);
    assert_int_equal(store_run_create(f->app.store, &a, &two, &f->e), 0);
    assert_int_equal(store_run_add_artifact(f->app.store, "aaaa1111", &file, &f->e), 0);
    arena_done(&a);
}

static void test_experiments(void **state)
{
    struct fx *f = *state;
    const struct val *v = ok(f, "experiment create", "{\"name\":\"fraud\"}");
    is(v, "id", "\"1\"");
    is(v, "created_at", "\"2023-11-14T22:13:20Z\"");
    fails(f, "experiment create", "{\"name\":\"fraud\"}", ERR_EXISTS);
    fails(f, "experiment show", "{\"experiment\":\"nope\"}", ERR_NOTFOUND);
    two_runs(f);
    v = ok(f, "experiment list", "{}");
    is(v, "experiments.0.name", "\"Default\"");
    is(v, "experiments.0.n_runs", "2");
    is(v, "experiments.1.lifecycle", "\"active\"");
    assert_string_equal(f->r.rows, "experiments");
    v = ok(f, "experiment show", "{\"experiment\":\"Default\"}");
    is(v, "runs.0.run_id", "\"bbbb2222\"");
    assert_int_equal(val_len(at(v, "runs")), 2);
}

static void test_run_list_and_search(void **state)
{
    struct fx *f = *state;
    two_runs(f);
    const struct val *v = ok(f, "run list", "{\"limit\":1}");
    is(v, "total", "2");
    assert_int_equal(val_len(at(v, "runs")), 1);
    is(v, "runs.0.name", "\"two\"");
    is(v, "runs.0.duration_s", "1.0"); /* still running */
    is(v, "runs.0.end_time", "null");
    is(v, "runs.0.metrics", "{\"auc\":0.8,\"log_loss\":null}");
    v = ok(f, "run search", "{\"filter\":\"metrics.auc > 0.85\",\"order-by\":[\"metrics.auc\"]}");
    is(v, "total", "1");
    is(v, "runs.0.run_id", "\"aaaa1111\"");
    is(v, "runs.0.params", "{\"algorithm\":\"gbdt\",\"lr\":\"0.1\"}");
    is(v, "runs.0.duration_s", "3.0");
    is(v, "runs.0.experiment", "\"Default\"");
    fails(f, "run search", "{\"filter\":\"metrics.auc >\"}", ERR_INVALID);
    fails(f, "run list", "{\"experiment\":[\"nope\"]}", ERR_NOTFOUND);
    /* the metrics most runs have are columns */
    ok(f, "run list", "{}");
    size_t n = 0;
    bool auc = false;
    for (; f->r.columns[n].key; n++) auc |= str_eq(f->r.columns[n].key, "metrics.auc");
    assert_true(auc && n == 8);
    assert_string_equal(f->r.columns[6].key, "metrics.auc");
}

static void test_run_show(void **state)
{
    struct fx *f = *state;
    two_runs(f);
    const struct val *v = ok(f, "run show", "{\"run\":\"aaaa\"}");
    is(v, "run_id", "\"aaaa1111\"");
    is(v, "history.auc", "[{\"step\":0,\"value\":0.7},{\"step\":1,\"value\":0.9}]");
    is(v, "artifacts", "[{\"path\":\"model\",\"size\":77,\"digest\":\"d1\"}]");
    is(v, "job", "null");
    struct job j = { .kind = "train", .run_id = "aaaa1111" };
    char id[27];
    bool duplicate;
    assert_int_equal(store_job_add(f->app.store, &j, id, &duplicate, &f->e), 0);
    v = ok(f, "run show", "{\"run\":\"aaaa1111\"}");
    is(v, "job.state", "\"ready\"");
    assert_string_equal(val_get_str(at(v, "job"), "job_id", ""), id);
    fails(f, "run show", "{\"run\":\"cccc\"}", ERR_NOTFOUND);
}

static const struct val *field(const struct val *v, const char *kind, const char *name)
{
    const struct val *fields = at(v, "fields");
    for (size_t i = 0; i < val_len(fields); i++) {
        const struct val *o = val_at(fields, i);
        if (str_eq(val_get_str(o, "kind", ""), kind) && str_eq(val_get_str(o, "name", ""), name))
            return o;
    }
    fail_msg("no field %s %s", kind, name);
    return NULL;
}

static void test_run_compare(void **state)
{
    struct fx *f = *state;
    two_runs(f);
    const struct val *v = ok(f, "run compare", "{\"runs\":[\"bbbb\",\"aaaa\"]}");
    is(v, "runs", "[\"bbbb2222\",\"aaaa1111\"]");
    is(v, "names", "[\"two\",\"one\"]");
    const struct val *o = field(v, "metric", "auc");
    is(o, "values", "[0.8,0.9]");
    is(o, "best", "1");
    is(o, "differs", "true");
    o = field(v, "metric", "log_loss");
    is(o, "values", "[null,0.3]"); /* NaN has no place in JSON and is never best */
    is(o, "best", "1");
    o = field(v, "param", "algorithm");
    is(o, "differs", "false");
    is(o, "best", "null");
    is(field(v, "param", "lr"), "values", "[null,\"0.1\"]");
    /* what differs comes first within its kind */
    bool alike = false;
    const char *kind = "";
    for (size_t i = 0; i < val_len(at(v, "fields")); i++) {
        const struct val *row = val_at(at(v, "fields"), i);
        if (!str_eq(kind, val_get_str(row, "kind", ""))) alike = false;
        kind = val_get_str(row, "kind", "");
        if (!val_get_bool(row, "differs", false)) alike = true;
        else assert_false(alike);
    }
    is(field(v, "attribute", "status"), "values", "[\"RUNNING\",\"FINISHED\"]");
    o = field(ok(f, "run compare", "{\"runs\":[\"aaaa\",\"aaaa\"]}"), "metric", "auc");
    is(o, "best", "null"); /* a tie has no best */
    fails(f, "run compare", "{\"runs\":[\"aaaa\",\"cccc\"]}", ERR_NOTFOUND);
}

static void test_run_changes_are_audited(void **state)
{
    struct fx *f = *state;
    two_runs(f);
    const struct val *v = ok(f, "run delete", "{\"run\":\"aaaa\",\"reason\":\"noise\"}");
    is(v, "run_id", "\"aaaa1111\"");
    is(v, "lifecycle", "\"deleted\"");
    is(ok(f, "run list", "{}"), "total", "1");
    is(ok(f, "run search", "{\"view\":\"deleted\"}"), "runs.0.run_id", "\"aaaa1111\"");
    fails(f, "run tag", "{\"run\":\"aaaa\",\"tag\":{\"a\":\"b\"}}", ERR_STATE);
    is(ok(f, "run restore", "{\"run\":\"aaaa\"}"), "lifecycle", "\"active\"");
    is(ok(f, "run tag", "{\"run\":\"aaaa\",\"tag\":{\"a\":\"b\",\"c\":\"d\"}}"), "tags",
       "{\"a\":\"b\",\"c\":\"d\"}");
    v = ok(f, "audit list", "{}");
    assert_int_equal(val_len(at(v, "rows")), 3);
    is(v, "rows.0.verb", "\"run tag\"");
    is(v, "rows.2.verb", "\"run delete\"");
    is(v, "rows.2.object", "\"run:aaaa1111\"");
    is(v, "rows.2.reason", "\"noise\"");
    is(v, "rows.2.actor", "\"kim\"");
    is(v, "rows.2.detail.arguments.run", "\"aaaa\"");
    is(ok(f, "audit list", "{\"before\":2}"), "rows.0.seq", "1");
    is(ok(f, "audit list", "{\"object\":\"model:*\"}"), "rows", "[]");
}

static void test_audit_verify_and_export(void **state)
{
    struct fx *f = *state;
    char path[128], json[200];
    for (int i = 0; i < 3; i++) {
        snprintf(json, sizeof json, "{\"name\":\"x%d\"}", i);
        ok(f, "experiment create", json);
    }
    const struct val *v = ok(f, "audit verify", "{}");
    is(v, "ok", "true");
    is(v, "rows", "3");
    is(v, "first_bad", "null");
    assert_int_equal(f->r.exit, 0);
    char head[65];
    snprintf(head, sizeof head, "%s", val_get_str(v, "head", ""));
    snprintf(path, sizeof path, "%s/audit.jsonl", f->dir);
    snprintf(json, sizeof json, "{\"out\":\"%s\"}", path);
    v = ok(f, "audit export", json);
    is(v, "rows", "3");
    assert_string_equal(val_get_str(v, "head", ""), head);
    STR_AUTO text = STR_INIT;
    assert_int_equal(file_read(path, 1 << 20, &text, &f->e), 0);
    size_t lines = 0;
    for (const char *p = str_c(&text); (p = strchr(p, '\n')); p++) lines++;
    assert_int_equal(lines, 3);
    assert_non_null(strstr(str_c(&text), head));

    sqlite3 *db;
    snprintf(path, sizeof path, "%s/signalbox.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    const char *tamper = "DROP TRIGGER audit_no_update;"
                         "UPDATE audit SET actor = 'eve' WHERE seq = 2";
    assert_int_equal(sqlite3_exec(db, tamper, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    v = ok(f, "audit verify", "{}");
    is(v, "ok", "false");
    is(v, "first_bad", "2");
    assert_int_equal(f->r.exit, 3);
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(test_experiments),
        TEST(test_run_list_and_search),
        TEST(test_run_show),
        TEST(test_run_compare),
        TEST(test_run_changes_are_audited),
        TEST(test_audit_verify_and_export),
    };
    return cmocka_run_group_tests_name("app.runs", tests, NULL, NULL);
}
