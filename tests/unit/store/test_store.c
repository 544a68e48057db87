/* test_store.c: opening, migrating, creating at once from several processes, transactions
 * against faults at every call, waiting for a writer. */
#include "store/audit.h"
#include "store/dataset.h"
#include "store/job.h"
#include "store/prediction.h"
#include "store/registry.h"
#include "store/run.h"
#include "store/schedule.h"
#include "storetest.h"
#include <errno.h>
#include <sqlite3.h>
#include <sys/wait.h>

static int open_plain(struct fx *f, unsigned flags, struct store **ret)
{
    return store_open(ret, f->dir, flags, &f->clock->clock, &f->e);
}

static void test_open_needs_a_workspace(void **state)
{
    struct fx *f = *state;
    struct store *s = NULL;
    FAILS(NOTFOUND, open_plain(f, 0, &s));
    assert_null(s);
    assert_non_null(strstr(f->e.hint, "init"));
    FAILS(NOTFOUND, open_plain(f, STORE_READONLY, &s));
    OK(open_plain(f, STORE_CREATE, &s));
    assert_string_equal(store_dir(s), f->dir);
    assert_int_equal(store_now(s), T0);
    assert_int_equal(store_schema_version(s), schema_latest());
    store_close(s);
    OK(open_plain(f, 0, &s));
    store_close(s);
    store_close(NULL);
}

static void test_read_only(void **state)
{
    struct fx *f = *state;
    struct store *s = NULL;
    OK(open_plain(f, STORE_READONLY, &s));
    struct experiment x;
    OK(store_experiment_get(s, &f->a, "Default", &x, &f->e));
    FAILS(DENIED, store_experiment_create(s, &f->a, "new", &x, &f->e));
    store_close(s);
}

static void raw(struct fx *f, const char *sql)
{
    sqlite3 *db;
    char path[128];
    snprintf(path, sizeof path, "%s/signalbox.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void test_a_newer_schema_is_refused(void **state)
{
    struct fx *f = *state;
    struct store *s = NULL;
    raw(f, "INSERT INTO schema_version (version, at_us) VALUES (99, 0)");
    FAILS(STATE, open_plain(f, 0, &s));
    assert_non_null(strstr(f->e.msg, "99"));
    assert_null(s);
}

static void test_an_old_schema_is_moved_forward(void **state)
{
    struct fx *f = *state;
    struct store *s = NULL;
    char path[128];
    snprintf(path, sizeof path, "%s/signalbox.db", f->dir);
    assert_int_equal(file_write_atomic(path, "", 0, &f->e), 0); /* schema 0: an empty file */
    FAILS(STATE, open_plain(f, STORE_READONLY, &s));
    OK(open_plain(f, 0, &s));
    assert_int_equal(store_schema_version(s), schema_latest());
    OK(store_check(s, &f->e));
    store_close(s);
}

/* What an earlier release wrote is there after the move, and the new tables work beside it. */
static void make_old(struct fx *f, int schema)
{
    const char *top = getenv("top_srcdir");
    STR_AUTO sql = STR_INIT, path = STR_INIT;
    str_addf(&path, "%s/tests/unit/store/workspace_v%d.sql", top ? top : "..", schema);
    OK(file_read(str_c(&path), 1 << 20, &sql, &f->e));
    raw(f, str_c(&sql));
}

static void test_a_workspace_of_schema_1_is_moved_forward(void **state)
{
    struct fx *f = *state;
    struct store *s = NULL;
    make_old(f, 1);
    FAILS(STATE, open_plain(f, STORE_READONLY, &s));
    fx_open(f);
    assert_int_equal(store_schema_version(f->s), schema_latest());
    OK(store_check(f->s, &f->e));
    struct audit_check c;
    OK(audit_verify(f->s, &c, &f->e));
    assert_int_equal(c.rows, 1);
    assert_int_equal(c.first_bad, 0);
    struct run run;
    OK(store_run_get(f->s, &f->a, "0123", &run, &f->e));
    assert_string_equal(run.experiment, "old");
    assert_true(run.n_metrics == 1 && run.metrics[0].value == 0.75);
    struct job job;
    OK(store_job_claim(f->s, &f->a, NULL, NULL, "w", 1, &job, &f->e));
    bool added = false;
    struct prediction p = { .request_id = "r", .at_us = T0, .answer = "1" };
    OK(prediction_add(f->s, "fraud", &p, &added, &f->e));
    assert_true(added);
    fx_reopen(f); /* nothing left to move */
    assert_int_equal(fx_number(f, "SELECT count(*) FROM schema_version"), schema_latest());
}

/* Requests were found by another hash once. */
static void test_a_workspace_of_schema_4_is_moved_forward(void **state)
{
    struct fx *f = *state;
    struct prediction p = { .request_id = "01ARYZ6S41TSV4RRFFQ69G5FAV", .at_us = T0, .answer = "1" };
    struct label_effect effect;
    bool added = true;
    fx_open(f);
    OK(prediction_add(f->s, "m", &p, NULL, &f->e));
    OK(db_exec(f->s->db, "UPDATE prediction_request SET hash = 1234567", DB_NOARGS, NULL, &f->e));
    OK(db_exec(f->s->db, "DELETE FROM schema_version WHERE version = 5", DB_NOARGS, NULL, &f->e));
    fx_reopen(f);
    assert_int_equal(store_schema_version(f->s), schema_latest());
    OK(prediction_add(f->s, "m", &p, &added, &f->e));
    assert_false(added);
    OK(label_add(f->s, "m", &(struct label){ p.request_id, "1", T0 }, &effect, &f->e));
    assert_true(effect.joined);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM prediction_request"), 1);
}

/* Its log is known by request as before, and a slot that was claimed is done. */
static void test_a_workspace_of_schema_2_is_moved_forward(void **state)
{
    struct fx *f = *state;
    struct prediction p = { .at_us = T0, .answer = "1" };
    struct label_effect effect;
    struct slot_state slot;
    bool added = true;
    make_old(f, 2);
    fx_open(f);
    assert_int_equal(store_schema_version(f->s), schema_latest());
    OK(store_check(f->s, &f->e));
    for (const char *id = "abc"; *id; id++) {
        char text[] = { *id, 0 };
        p.request_id = text;
        OK(prediction_add(f->s, "m", &p, &added, &f->e));
        assert_false(added);
    }
    p.request_id = "d"; /* of the other model */
    OK(prediction_add(f->s, "m", &p, &added, &f->e));
    assert_true(added);
    OK(prediction_add(f->s, "other", &p, &added, &f->e));
    assert_false(added);
    OK(label_add(f->s, "m", &(struct label){ "c", "1", T0 }, &effect, &f->e));
    assert_true(effect.joined);
    assert_int_equal(effect.prediction_us, 1793491202000000);
    OK(schedule_last(f->s, &f->a, "check:m", &slot, &f->e));
    assert_int_equal(slot.slot_us, 1794000000000000);
    assert_true(slot.done_us > 0 && !schedule_left(&slot, INT64_MAX));
}

static void test_not_a_database(void **state)
{
    struct fx *f = *state;
    struct store *s = NULL;
    char path[128], junk[4096];
    memset(junk, 'x', sizeof junk);
    snprintf(path, sizeof path, "%s/signalbox.db", f->dir);
    assert_int_equal(file_write_atomic(path, junk, sizeof junk, &f->e), 0);
    FAILS(CORRUPT, open_plain(f, 0, &s));
}

static void test_damage_is_found(void **state)
{
    struct fx *f = *state;
    struct arena a = ARENA_INIT;
    struct experiment x;
    char name[40], path[128];
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "experiment number %d", i);
        OK(store_experiment_create(f->s, &a, name, &x, &f->e));
    }
    arena_done(&a);
    store_close(f->s);
    f->s = NULL;
    snprintf(path, sizeof path, "%s/signalbox.db", f->dir);
    /* overwrite the middle of the file, page by page headers included */
    int64_t size = file_size(path);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, (long)(size / 4), SEEK_SET);
    for (int64_t i = size / 4; i < size * 3 / 4; i++) fputc('Z', file);
    fclose(file);
    struct store *s = NULL;
    err_clear(&f->e);
    int r = open_plain(f, 0, &s);
    if (r == 0) r = store_check(s, &f->e);
    store_close(s);
    assert_int_equal(r, -ERR_CORRUPT);
    assert_non_null(strstr(f->e.hint, "doctor"));
}

/* -- several processes -------------------------------------------------------------------- */
static _Noreturn void child_creates(struct fx *f, int n)
{
    struct store *s;
    struct arena a = ARENA_INIT;
    struct experiment x;
    char name[40];
    snprintf(name, sizeof name, "by %d", n);
    if (open_plain(f, STORE_CREATE, &s) < 0) _exit(1);
    if (store_experiment_create(s, &a, name, &x, &f->e) < 0) _exit(2);
    store_close(s);
    _exit(0);
}

static void test_many_create_at_once(void **state)
{
    struct fx *f = *state;
    enum { N = 6 };
    pid_t pid[N];
    for (int i = 0; i < N; i++) {
        pid[i] = fork();
        assert_true(pid[i] >= 0);
        if (pid[i] == 0) child_creates(f, i);
    }
    for (int i = 0; i < N; i++) {
        int status;
        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    fx_open(f);
    struct experiment *x;
    size_t n;
    OK(store_experiment_list(f->s, &f->a, &x, &n, &f->e));
    assert_int_equal(n, N + 1);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM schema_version"), schema_latest());
}

/* A writer that holds on is waited for, not an error. */
static void test_writers_wait_for_each_other(void **state)
{
    struct fx *f = *state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct store *s;
        if (open_plain(f, STORE_CREATE, &s) < 0 || store_begin(s, &f->e) < 0) _exit(1);
        if (write(ready[1], "x", 1) != 1) _exit(2);
        usleep(300000);
        if (store_commit(s, &f->e) < 0) _exit(3);
        store_close(s);
        _exit(0);
    }
    char c;
    assert_int_equal(read(ready[0], &c, 1), 1);
    fx_open(f); /* reading does not wait */
    int64_t start = clock_mono_us();
    OK(store_begin(f->s, &f->e));
    int64_t waited = clock_mono_us() - start;
    OK(store_commit(f->s, &f->e));
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_true(waited > 100000 && waited < 8000000);
    close(ready[0]);
    close(ready[1]);
}

/* Waiting has an end, which is an error that says "try again"; nothing is left open. */
static void test_waiting_has_an_end(void **state)
{
    struct fx *f = *state;
    struct store_driver on = { .wait_ms = 150 };
    struct store *other;
    struct experiment x;
    OK(store_open_on(&other, f->dir, 0, &f->clock->clock, &on, &f->e));
    OK(store_begin(f->s, &f->e));
    int64_t start = clock_mono_us();
    FAILS(BUSY, store_begin(other, &f->e));
    assert_true(clock_mono_us() - start > 100000);
    assert_true(err_retryable(f->e.kind));
    assert_false(store_in_tx(other));
    FAILS(BUSY, store_experiment_create(other, &f->a, "x", &x, &f->e));
    OK(store_experiment_get(other, &f->a, "Default", &x, &f->e)); /* reading goes on */
    OK(store_commit(f->s, &f->e));
    OK(store_experiment_create(other, &f->a, "x", &x, &f->e));
    store_close(other);
}

static void test_revision_moves_with_every_commit(void **state)
{
    struct fx *f = *state;
    struct store *other;
    OK(open_plain(f, 0, &other));
    int64_t here = store_revision(f->s), there = store_revision(other);
    assert_int_equal(store_revision(f->s), here);
    struct experiment x;
    OK(store_experiment_create(f->s, &f->a, "one", &x, &f->e));
    assert_true(store_revision(f->s) != here);
    assert_true(store_revision(other) != there);
    here = store_revision(f->s);
    there = store_revision(other);
    OK(store_begin(other, &f->e));
    store_rollback(other);
    assert_int_equal(store_revision(f->s), here);
    OK(store_experiment_create(other, &f->a, "two", &x, &f->e));
    assert_true(store_revision(f->s) != here);
    assert_true(store_revision(other) != there);
    store_close(other);
}

static void test_closing_rolls_back(void **state)
{
    struct fx *f = *state;
    struct experiment x;
    OK(store_begin(f->s, &f->e));
    assert_true(store_in_tx(f->s));
    OK(store_experiment_create(f->s, &f->a, "gone", &x, &f->e));
    fx_reopen(f);
    FAILS(NOTFOUND, store_experiment_get(f->s, &f->a, "gone", &x, &f->e));
}

/* -- a fault at every call ---------------------------------------------------------------- */
/* What a promotion does: several aggregates in one transaction. */
static int promote(struct fx *f, struct store *s)
{
    struct reg_version v = { .name = "m", .semver = "1.0.0", .digest = "d" };
    struct run run = { .user = "u" };
    struct metric_point m = { .key = "auc", .value = 0.9, .time_us = 1 };
    int64_t version, seq;
    int r = store_begin(s, &f->e);
    if (r == 0) r = store_run_create(s, &f->a, &run, &f->e);
    if (r == 0) r = store_run_log_metrics(s, run.id, &m, 1, &f->e);
    if (r == 0) r = store_model_ensure(s, "m", &f->e);
    if (r == 0) r = store_version_create(s, &v, &version, &f->e);
    if (r == 0) r = store_version_set_stage(s, "m", version, "None", "Production", &f->e);
    if (r == 0) r = store_alias_set(s, "m", "best", version, &f->e);
    struct audit_row row = { .actor = "u", .verb = "model promote", .object = "model:m/1" };
    if (r == 0) r = audit_append(s, &row, &seq, &f->e);
    if (r == 0) r = store_commit(s, &f->e);
    else store_rollback(s);
    return r;
}

static int64_t rows_of(struct fx *f)
{
    return fx_number(f, "SELECT (SELECT count(*) FROM run) + (SELECT count(*) FROM metric)"
                        " + (SELECT count(*) FROM metric_latest) + (SELECT count(*) FROM model)"
                        " + (SELECT count(*) FROM model_version) + (SELECT count(*) FROM alias)"
                        " + (SELECT count(*) FROM audit) + (SELECT count(*) FROM audit_head)");
}

static void test_all_or_nothing_at_every_fault(void **state)
{
    struct fx *f = *state;
    static const enum db_class kinds[] = { DB_BUSY, DB_FULL, DB_LOST };
    int64_t before = rows_of(f);
    int call = 0, r = -1;
    for (; r < 0; call++) {
        assert_true(call < 500);
        f->fault = (struct db_fault){ DB_OP_ANY, call + 1, kinds[call % 3], 0 };
        r = promote(f, f->s);
        f->fault.call = 0;
        if (f->fault.error == DB_LOST) fx_reopen(f);
        assert_false(store_in_tx(f->s));
        if (r < 0) assert_int_equal(rows_of(f), before);
    }
    assert_true(call > 20); /* so many calls were made to fail, one after the other */
    assert_int_equal(rows_of(f), before + 8);
    OK(store_check(f->s, &f->e));
    struct audit_check c;
    OK(audit_verify(f->s, &c, &f->e));
    assert_int_equal(c.rows, 1);
    assert_int_equal(c.first_bad, 0);
}

static void test_opening_survives_faults(void **state)
{
    struct fx *f = *state;
    struct store_driver on = { .driver = "script", .fault = &f->fault };
    int r = -1, call = 1;
    for (; r < 0 && call < 100; call++) {
        f->fault = (struct db_fault){ DB_OP_ANY, call, DB_BUSY, 0 };
        r = store_open_on(&f->s, f->dir, STORE_CREATE, &f->clock->clock, &on, &f->e);
        if (r < 0) assert_int_equal(r, -ERR_BUSY);
    }
    assert_true(r == 0 && call > 5);
    f->fault.call = 0;
    assert_int_equal(store_schema_version(f->s), schema_latest());
    assert_int_equal(fx_number(f, "SELECT count(*) FROM experiment"), 1);
}

/* -- names and keys ----------------------------------------------------------------------- */
static void test_keys(void **state)
{
    struct fx *f = *state;
    static const char *const good[] = { "a",   "train/loss", "a b", "x-1.2:y",   "\xc3\xa9",
                                        "...", "a/.b",       ".a",  "system/cpu" };
    static const char *const bad[] = { "",   "/a",  "a/", "a//b", "./a",  "a/..",
                                       "..", "a\n", "a#", "a'b",  "\xff", "a/./b" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) OK(key_check("metric", good[i], &f->e));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) FAILS(INVALID, key_check("metric", bad[i], &f->e));
    char longest[252];
    memset(longest, 'k', sizeof longest);
    longest[250] = '\0';
    OK(key_check("tag", longest, &f->e));
    longest[250] = 'k';
    longest[251] = '\0';
    FAILS(INVALID, key_check("tag", longest, &f->e));
    FAILS(INVALID, name_check("model", "a\tb", 10, &f->e));
    FAILS(INVALID, name_check("model", "elevenbytes", 10, &f->e));
    OK(name_check("model", "tenbytes10", 10, &f->e));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST_CLOSED(test_open_needs_a_workspace),
        STORE_TEST(test_read_only),
        STORE_TEST(test_a_newer_schema_is_refused),
        STORE_TEST_CLOSED(test_an_old_schema_is_moved_forward),
        STORE_TEST_CLOSED(test_a_workspace_of_schema_1_is_moved_forward),
        STORE_TEST_CLOSED(test_a_workspace_of_schema_2_is_moved_forward),
        STORE_TEST_CLOSED(test_a_workspace_of_schema_4_is_moved_forward),
        STORE_TEST_CLOSED(test_not_a_database),
        STORE_TEST(test_damage_is_found),
        STORE_TEST_CLOSED(test_many_create_at_once),
        STORE_TEST_CLOSED(test_writers_wait_for_each_other),
        STORE_TEST(test_waiting_has_an_end),
        STORE_TEST(test_revision_moves_with_every_commit),
        STORE_TEST(test_closing_rolls_back),
        STORE_TEST(test_keys),
    };
    static const struct CMUnitTest faults[] = {
        STORE_TEST(test_all_or_nothing_at_every_fault),
        STORE_TEST_CLOSED(test_opening_survives_faults),
    };
    int failed = cmocka_run_group_tests_name("store.store", tests, NULL, NULL);
    fx_driver = "script";
    return failed + cmocka_run_group_tests_name("store.faults", faults, NULL, NULL);
}
