/* test_audit.c: the hash chain: it verifies when untouched, and names the first wrong row after
 * every kind of tampering with the file behind the program's back. */
#include "store/audit.h"
#include "storetest.h"
#include <sqlite3.h>
#include <sys/wait.h>

enum { ROWS = 12 };

static void append(struct fx *f, int i)
{
    char object[40];
    snprintf(object, sizeof object, i % 2 ? "model:fraud/%d" : "run:%d", i);
    struct audit_row row = { .actor = "ann",
                             .verb = "model promote",
                             .object = object,
                             .reason = i % 3 ? "because" : "",
                             .detail = "{\"n\":1}" };
    int64_t seq = 0;
    fx_tick(f, 1000);
    OK(audit_append(f->s, &row, &seq, &f->e));
    assert_int_equal(seq, i);
}

static void fill(struct fx *f)
{
    for (int i = 1; i <= ROWS; i++) append(f, i);
}

/* Changes the file without the program: no triggers, no foreign keys. */
static void tamper(struct fx *f, const char *sql)
{
    sqlite3 *db;
    char path[128], *why = NULL;
    snprintf(path, sizeof path, "%s/signalbox.db", f->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    const char *unguard = "DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete";
    assert_int_equal(sqlite3_exec(db, unguard, NULL, NULL, &why), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) fail_msg("%s: %s", sql, why);
    assert_true(sqlite3_total_changes(db) > 0);
    sqlite3_close(db);
}

static struct audit_check verify(struct fx *f)
{
    struct audit_check c;
    OK(audit_verify(f->s, &c, &f->e));
    return c;
}

static void test_an_empty_log(void **state)
{
    struct audit_check c = verify(*state);
    assert_int_equal(c.rows, 0);
    assert_int_equal(c.first_bad, 0);
    assert_int_equal(strspn(c.head, "0"), 64);
}

static void test_the_chain(void **state)
{
    struct fx *f = *state;
    fill(f);
    struct audit_check c = verify(f);
    assert_int_equal(c.rows, ROWS);
    assert_int_equal(c.first_bad, 0);
    struct audit_row *rows;
    size_t n;
    OK(audit_page(f->s, &f->a, 0, 0, &rows, &n, &f->e));
    assert_int_equal(n, ROWS);
    for (size_t i = 1; i < n; i++) assert_string_equal(rows[i].prev, rows[i - 1].hash);
    assert_string_equal(rows[n - 1].hash, c.head);
    assert_int_equal(rows[0].at_us, T0 + 1000);
    fx_reopen(f);
    assert_string_equal(verify(f).head, c.head);
}

/* The format of the chain must never change: known rows, known head. */
static void test_the_chain_is_reproducible(void **state)
{
    struct fx *f = *state;
    struct audit_row row = {
        .at_us = 1, .actor = "a", .verb = "v", .object = "o", .reason = "r", .detail = "{}"
    };
    OK(audit_append(f->s, &row, NULL, &f->e));
    /* printf '64:000…0,1:1,1:1,1:a,1:v,1:o,1:r,2:{},' | sha256sum */
    assert_string_equal(verify(f).head,
                        "2cef1582e847b4dd13efd227301b8daeeb49ad071e9625df448684c84c982ae5");
}

static void test_triggers_refuse(void **state)
{
    struct fx *f = *state;
    fill(f);
    FAILS(CONFLICT, db_exec(f->s->db, "UPDATE audit SET actor = 'eve' WHERE seq = 3", DB_NOARGS,
                            NULL, &f->e));
    assert_non_null(strstr(f->e.msg, "cannot be changed"));
    FAILS(CONFLICT, db_exec(f->s->db, "DELETE FROM audit WHERE seq = 3", DB_NOARGS, NULL, &f->e));
    assert_int_equal(verify(f).first_bad, 0);
}

static void test_tampering_is_found(void **state)
{
    static const struct {
        const char *sql;
        int64_t bad;
    } cases[] = {
        { "UPDATE audit SET actor = 'eve' WHERE seq = 1", 1 },
        { "UPDATE audit SET reason = reason || ' ' WHERE seq = 7", 7 },
        { "UPDATE audit SET at_us = at_us + 1 WHERE seq = 12", 12 },
        { "UPDATE audit SET detail = '{\"n\":2}' WHERE seq = 5", 5 },
        { "UPDATE audit SET hash = prev WHERE seq = 4", 4 },
        { "DELETE FROM audit WHERE seq = 6", 6 },
        { "DELETE FROM audit WHERE seq = 1", 1 },
        { "DELETE FROM audit WHERE seq = 12", 12 }, /* the end cut off */
        { "DELETE FROM audit WHERE seq > 9", 10 },
        { "DELETE FROM audit", 1 },
        { "UPDATE audit SET seq = 100 WHERE seq = 8", 8 },
        { "UPDATE audit SET seq = 100 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4;"
          "UPDATE audit SET seq = 4 WHERE seq = 100",
          3 }, /* two rows swapped */
        { "UPDATE audit SET seq = 0 WHERE seq = 1", 1 },
        { "UPDATE audit SET seq = -5 WHERE seq = 12", 1 },
        { "INSERT INTO audit SELECT 13, at_us, actor, verb, object, reason, detail, prev, hash"
          " FROM audit WHERE seq = 12",
          13 },
        { "UPDATE audit_head SET seq = 11", 0 },
        { "UPDATE audit_head SET hash = 'x'", 12 },
        { "UPDATE audit SET actor = 'an', verb = 'nmodel promote' WHERE seq = 2", 2 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fx *f;
        void *own = NULL;
        fx_setup(&own);
        f = own;
        fill(f);
        tamper(f, cases[i].sql);
        fx_reopen(f);
        struct audit_check c = verify(f);
        if (c.first_bad != cases[i].bad)
            fail_msg("%s: first bad %lld, expected %lld", cases[i].sql, (long long)c.first_bad,
                     (long long)cases[i].bad);
        fx_teardown(&own);
    }
}

static void test_listing(void **state)
{
    struct fx *f = *state;
    struct audit_row *rows;
    size_t n;
    fill(f);
    OK(audit_list(f->s, &f->a, NULL, 0, 5, &rows, &n, &f->e));
    assert_int_equal(n, 5);
    assert_int_equal(rows[0].seq, 12);
    OK(audit_list(f->s, &f->a, NULL, rows[4].seq, 5, &rows, &n, &f->e));
    assert_int_equal(rows[0].seq, 7);
    OK(audit_list(f->s, &f->a, "model:fraud/3", 0, 0, &rows, &n, &f->e));
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].seq, 3);
    OK(audit_list(f->s, &f->a, "model:*", 0, 0, &rows, &n, &f->e));
    assert_int_equal(n, 6);
    OK(audit_list(f->s, &f->a, "model:fraud/1*", 0, 0, &rows, &n, &f->e));
    assert_int_equal(n, 2); /* 1 and 11 */
    OK(audit_list(f->s, &f->a, "*", 0, 0, &rows, &n, &f->e));
    assert_int_equal(n, 12);
    OK(audit_list(f->s, &f->a, "job:*", 0, 0, &rows, &n, &f->e));
    assert_int_equal(n, 0);
    OK(audit_page(f->s, &f->a, 10, 0, &rows, &n, &f->e));
    assert_int_equal(n, 2);
    assert_int_equal(rows[0].seq, 11);
}

/* More rows than a page of the verifier. */
static void test_a_long_log(void **state)
{
    struct fx *f = *state;
    OK(store_begin(f->s, &f->e));
    for (int i = 1; i <= 2500; i++) append(f, i);
    OK(store_commit(f->s, &f->e));
    assert_int_equal(verify(f).rows, 2500);
    tamper(f, "UPDATE audit SET actor = 'eve' WHERE seq = 2001");
    assert_int_equal(verify(f).first_bad, 2001);
}

static void test_appending_joins_the_transaction(void **state)
{
    struct fx *f = *state;
    append(f, 1);
    OK(store_begin(f->s, &f->e));
    append(f, 2);
    store_rollback(f->s);
    append(f, 2);
    assert_int_equal(verify(f).rows, 2);
    assert_int_equal(verify(f).first_bad, 0);
}

/* Processes that append at once make one chain. */
static void test_many_append_at_once(void **state)
{
    enum { PROCESSES = 4, EACH = 25 };
    struct fx *f = *state;
    pid_t pid[PROCESSES];
    fx_open(f);
    store_close(f->s);
    f->s = NULL;
    for (int i = 0; i < PROCESSES; i++) {
        pid[i] = fork();
        assert_true(pid[i] >= 0);
        if (pid[i] != 0) continue;
        struct store *s;
        struct audit_row row = { .actor = "a", .verb = "v", .object = "o" };
        if (store_open(&s, f->dir, 0, &f->clock->clock, &f->e) < 0) _exit(1);
        for (int k = 0; k < EACH; k++)
            if (audit_append(s, &row, NULL, &f->e) < 0) _exit(2);
        store_close(s);
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_int_equal(status, 0);
    }
    fx_open(f);
    assert_int_equal(verify(f).rows, PROCESSES * EACH);
    assert_int_equal(verify(f).first_bad, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST(test_an_empty_log),
        STORE_TEST(test_the_chain),
        STORE_TEST(test_the_chain_is_reproducible),
        STORE_TEST(test_triggers_refuse),
        cmocka_unit_test(test_tampering_is_found),
        STORE_TEST(test_listing),
        STORE_TEST(test_a_long_log),
        STORE_TEST(test_appending_joins_the_transaction),
        STORE_TEST_CLOSED(test_many_append_at_once),
    };
    return STORE_GROUPS("store.audit", tests);
}
