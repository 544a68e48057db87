/* test_db.c: the driver contract, run over every driver, and the faults of the script driver. */
#include "storetest.h"
#include <math.h>

static void exec(struct fx *f, const char *sql)
{
    OK(db_exec(f->s->db, sql, DB_NOARGS, NULL, &f->e));
}

static void make_table(struct fx *f)
{
    OK(db_script(f->s->db,
                 "CREATE TABLE t (k {i64} PRIMARY KEY, s {text}, r {f64}, b {blob}) {table};"
                 "CREATE TABLE child (k {i64} NOT NULL REFERENCES t (k),"
                 " v {text} NOT NULL CHECK (v <> 'no')) {table};",
                 &f->e));
}

/* $n is the n-th argument in whatever order the text names them, also repeated. */
static void test_parameters_by_number(void **state)
{
    struct fx *f = *state;
    struct db_stmt *st;
    OK(db_query(f->s->db, &st, "SELECT $3, $1, $2, $1", DB_ARGS(db_t("one"), db_i(2), db_f(3.5)),
                &f->e));
    assert_int_equal(db_step(st, &f->e), 1);
    assert_true(db_f64(st, 0) == 3.5);
    assert_string_equal(db_text(st, 1), "one");
    assert_int_equal(db_i64(st, 2), 2);
    assert_string_equal(db_text(st, 3), "one");
    assert_int_equal(db_step(st, &f->e), 0);
    db_end(st);
}

static void test_values_come_back(void **state)
{
    struct fx *f = *state;
    make_table(f);
    const char bytes[] = { 'a', 0, 'b', (char)0xff };
    struct db_arg blob = { .type = DB_BLOB, .p = bytes, .n = sizeof bytes };
    OK(db_exec(f->s->db, "INSERT INTO t (k, s, r, b) VALUES ($1, $2, $3, $4)",
               DB_ARGS(db_i(INT64_MIN), db_t("h\xc3\xa9'; DROP TABLE t; --"), db_f(HUGE_VAL), blob),
               NULL, &f->e));
    OK(db_exec(f->s->db, "INSERT INTO t (k, s) VALUES ($1, $2)",
               DB_ARGS(db_i(INT64_MAX), db_t(NULL)), NULL, &f->e));
    struct db_stmt *st;
    OK(db_query(f->s->db, &st, "SELECT k, s, r, b FROM t ORDER BY k", DB_NOARGS, &f->e));
    assert_int_equal(db_step(st, &f->e), 1);
    assert_true(db_i64(st, 0) == INT64_MIN);
    assert_string_equal(db_text(st, 1), "h\xc3\xa9'; DROP TABLE t; --");
    assert_true(isinf(db_f64(st, 2)));
    assert_memory_equal(db_dup(st, 3, &f->a), bytes, sizeof bytes);
    assert_int_equal(db_step(st, &f->e), 1);
    assert_true(db_i64(st, 0) == INT64_MAX);
    assert_true(db_is_null(st, 1));
    assert_null(db_dup(st, 1, &f->a));
    assert_string_equal(db_dup_or(st, 1, &f->a), "");
    assert_int_equal(db_step(st, &f->e), 0);
    db_end(st);
}

static void test_a_wrong_type_is_refused(void **state)
{
    struct fx *f = *state;
    make_table(f);
    FAILS(CONFLICT, db_exec(f->s->db, "INSERT INTO t (k, r) VALUES (1, $1)", DB_ARGS(db_t("word")),
                            NULL, &f->e));
}

static void test_constraints_have_kinds(void **state)
{
    struct fx *f = *state;
    make_table(f);
    exec(f, "INSERT INTO t (k) VALUES (1)");
    FAILS(EXISTS, db_exec(f->s->db, "INSERT INTO t (k) VALUES (1)", DB_NOARGS, NULL, &f->e));
    FAILS(NOTFOUND,
          db_exec(f->s->db, "INSERT INTO child (k, v) VALUES (2, 'x')", DB_NOARGS, NULL, &f->e));
    FAILS(CONFLICT,
          db_exec(f->s->db, "INSERT INTO child (k, v) VALUES (1, 'no')", DB_NOARGS, NULL, &f->e));
    FAILS(INTERNAL, db_exec(f->s->db, "SELECT nothing FROM nowhere", DB_NOARGS, NULL, &f->e));
}

static void test_transactions(void **state)
{
    struct fx *f = *state;
    make_table(f);
    OK(db_begin(f->s->db, &f->e));
    assert_true(db_in_tx(f->s->db));
    exec(f, "INSERT INTO t (k) VALUES (1)");
    db_rollback(f->s->db);
    assert_false(db_in_tx(f->s->db));
    assert_int_equal(fx_number(f, "SELECT count(*) FROM t"), 0);
    OK(db_begin(f->s->db, &f->e));
    exec(f, "INSERT INTO t (k) VALUES (1)");
    /* a refused row does not spoil the rest */
    FAILS(EXISTS, db_exec(f->s->db, "INSERT INTO t (k) VALUES (1)", DB_NOARGS, NULL, &f->e));
    exec(f, "INSERT INTO t (k) VALUES (2)");
    OK(db_commit(f->s->db, &f->e));
    assert_int_equal(fx_number(f, "SELECT count(*) FROM t"), 2);
    db_rollback(f->s->db); /* nothing open: nothing happens */
}

static void test_changes_and_returning(void **state)
{
    struct fx *f = *state;
    make_table(f);
    int64_t n = -1, k = -1;
    OK(db_exec(f->s->db, "INSERT INTO t (k) VALUES (1), (2), (3)", DB_NOARGS, &n, &f->e));
    assert_int_equal(n, 3);
    OK(db_exec(f->s->db, "UPDATE t SET s = 'x' WHERE k > $1", DB_ARGS(db_i(5)), &n, &f->e));
    assert_int_equal(n, 0);
    OK(db_exec(f->s->db, "INSERT INTO t (k) VALUES (1) ON CONFLICT DO NOTHING", DB_NOARGS, &n,
               &f->e));
    assert_int_equal(n, 0);
    OK(db_number(f->s->db,
                 "INSERT INTO t (k, s) VALUES (1, 'z') ON CONFLICT (k) DO UPDATE SET s = excluded.s"
                 " RETURNING k + 10",
                 DB_NOARGS, 0, &k, &f->e));
    assert_int_equal(k, 11);
    assert_int_equal(fx_number(f, "SELECT count(*) FILTER (WHERE s = 'z') FROM t"), 1);
}

static void test_several_rows_at_once(void **state)
{
    static const char sql[] = "INSERT INTO t (k, s) VALUES $rows ON CONFLICT DO NOTHING";
    struct fx *f = *state;
    struct db_arg v[2 * DB_ROWS];
    int64_t n = 0;
    make_table(f);
    for (int i = 0; i < DB_ROWS; i++) {
        v[2 * i] = db_i(i);
        v[2 * i + 1] = db_t(i % 2 ? "odd" : "even");
    }
    for (size_t rows = 1; rows <= DB_ROWS; rows *= 4) { /* each a statement of its own */
        OK(db_exec_rows(f->s->db, sql, rows, (struct db_args){ v, 2 * rows }, &n, &f->e));
        assert_int_equal(n, rows == 1 ? 1 : rows - rows / 4); /* less those that were there */
    }
    assert_int_equal(fx_number(f, "SELECT count(*) FROM t WHERE s = 'odd' AND k % 2 = 1"),
                     DB_ROWS / 2);
    size_t left = 2 * DB_ROWS + 6, statements = 0;
    for (; left; left -= db_rows(left)) statements++;
    assert_int_equal(statements, 5); /* 16 + 16 + 4 + 1 + 1 */
}

/* The same text while it is being stepped is another statement. */
static void test_a_statement_in_use_is_not_shared(void **state)
{
    struct fx *f = *state;
    make_table(f);
    exec(f, "INSERT INTO t (k) VALUES (1), (2), (3)");
    struct db_stmt *outer, *inner;
    int pairs = 0;
    OK(db_query(f->s->db, &outer, "SELECT k FROM t ORDER BY k", DB_NOARGS, &f->e));
    while (db_step(outer, &f->e) > 0) {
        OK(db_query(f->s->db, &inner, "SELECT k FROM t ORDER BY k", DB_NOARGS, &f->e));
        assert_ptr_not_equal(inner, outer);
        while (db_step(inner, &f->e) > 0) pairs++;
        db_end(inner);
    }
    db_end(outer);
    assert_int_equal(pairs, 9);
}

static void test_the_cache_has_an_end(void **state)
{
    struct fx *f = *state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 300; i++) {
            char sql[40];
            snprintf(sql, sizeof sql, "SELECT %d", i);
            assert_int_equal(fx_number(f, sql), i);
        }
    }
}

static bool likes(struct fx *f, const char *text, const char *pattern)
{
    int64_t n = -1;
    OK(db_number(f->s->db, "SELECT CASE WHEN $1 LIKE $2 THEN 1 ELSE 0 END",
                 DB_ARGS(db_t(text), db_t(pattern)), 0, &n, &f->e));
    return n == 1;
}

static void test_like_is_case_sensitive_and_counts_characters(void **state)
{
    struct fx *f = *state;
    assert_true(likes(f, "gbdt", "gbdt"));
    assert_false(likes(f, "gbdt", "GBDT"));
    assert_true(likes(f, "gbdt", "%"));
    assert_true(likes(f, "", "%"));
    assert_false(likes(f, "", "_"));
    assert_true(likes(f, "gbdt", "g%t"));
    assert_true(likes(f, "gbdt", "%b%"));
    assert_false(likes(f, "gbdt", "b%"));
    assert_true(likes(f, "gbdt", "____"));
    assert_false(likes(f, "gbdt", "___"));
    assert_true(likes(f, "h\xc3\xa9h", "h_h"));
    assert_true(likes(f, "h\xc3\xa9\xc3\xa9h", "h%\xc3\xa9h"));
    assert_true(likes(f, "mississippi", "m%iss%ip%i"));
    assert_false(likes(f, "mississippi", "m%iss%ix%i"));
    assert_true(likes(f, "50%", "50%"));
    assert_true(likes(f, "a\\b", "a\\b"));
    assert_true(likes(f, "aaa", "%a%a%"));
    assert_false(likes(f, "aaa", "%a%a%a%a%"));
}

static void test_has_table_and_check(void **state)
{
    struct fx *f = *state;
    assert_int_equal(db_has_table(f->s->db, "t", &f->e), 0);
    make_table(f);
    assert_int_equal(db_has_table(f->s->db, "t", &f->e), 1);
    OK(db_check(f->s->db, &f->e));
}

static void test_unknown_driver(void **state)
{
    struct fx *f = *state;
    struct db *db = NULL;
    struct db_config cfg = { .driver = "oracle", .path = "x" };
    FAILS(INVALID, db_open(&db, &cfg, &f->e));
}

/* -- faults ------------------------------------------------------------------------------- */
static void arm(struct fx *f, enum db_op op, int call, enum db_class error)
{
    f->fault = (struct db_fault){ .op = op, .call = call, .error = error };
}

static void test_faults_have_kinds(void **state)
{
    struct fx *f = *state;
    make_table(f);
    static const struct {
        enum db_class c;
        enum err_kind kind;
    } table[] = { { DB_BUSY, ERR_BUSY },
                  { DB_FULL, ERR_IO },
                  { DB_CORRUPT, ERR_CORRUPT },
                  { DB_READONLY, ERR_DENIED },
                  { DB_UNIQUE, ERR_EXISTS } };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        arm(f, DB_OP_STEP, 1, table[i].c);
        int r = db_exec(f->s->db, "INSERT INTO t (k) VALUES (1)", DB_NOARGS, NULL, &f->e);
        assert_int_equal(r, -(int)table[i].kind);
        assert_int_equal(fx_number(f, "SELECT count(*) FROM t"), 0);
    }
    assert_true(err_retryable(ERR_BUSY));
}

/* After a failure from outside, the transaction takes nothing more. */
static void test_a_broken_transaction_commits_nothing(void **state)
{
    struct fx *f = *state;
    make_table(f);
    OK(db_begin(f->s->db, &f->e));
    exec(f, "INSERT INTO t (k) VALUES (1)");
    arm(f, DB_OP_STEP, 1, DB_FULL);
    FAILS(IO, db_exec(f->s->db, "INSERT INTO t (k) VALUES (2)", DB_NOARGS, NULL, &f->e));
    FAILS(STATE, db_exec(f->s->db, "INSERT INTO t (k) VALUES (3)", DB_NOARGS, NULL, &f->e));
    FAILS(STATE, db_commit(f->s->db, &f->e));
    assert_false(db_in_tx(f->s->db));
    assert_int_equal(fx_number(f, "SELECT count(*) FROM t"), 0);
}

static void test_a_failed_commit_is_rolled_back(void **state)
{
    struct fx *f = *state;
    make_table(f);
    OK(db_begin(f->s->db, &f->e));
    exec(f, "INSERT INTO t (k) VALUES (1)");
    arm(f, DB_OP_COMMIT, 1, DB_BUSY);
    FAILS(BUSY, db_commit(f->s->db, &f->e));
    assert_int_equal(fx_number(f, "SELECT count(*) FROM t"), 0);
    OK(db_begin(f->s->db, &f->e));
    exec(f, "INSERT INTO t (k) VALUES (1)");
    OK(db_commit(f->s->db, &f->e));
    assert_int_equal(fx_number(f, "SELECT count(*) FROM t"), 1);
}

static void test_a_lost_connection_stays_lost(void **state)
{
    struct fx *f = *state;
    make_table(f);
    arm(f, DB_OP_ANY, 2, DB_LOST);
    int64_t n;
    int r = 0;
    for (int i = 0; i < 3; i++) r = db_number(f->s->db, "SELECT 1", DB_NOARGS, 0, &n, &f->e);
    assert_int_equal(r, -ERR_BUSY);
    FAILS(BUSY, db_begin(f->s->db, &f->e));
    fx_reopen(f);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM t"), 0);
}

int main(void)
{
    static const struct CMUnitTest contract[] = {
        STORE_TEST(test_parameters_by_number),
        STORE_TEST(test_values_come_back),
        STORE_TEST(test_a_wrong_type_is_refused),
        STORE_TEST(test_constraints_have_kinds),
        STORE_TEST(test_transactions),
        STORE_TEST(test_changes_and_returning),
        STORE_TEST(test_several_rows_at_once),
        STORE_TEST(test_a_statement_in_use_is_not_shared),
        STORE_TEST(test_the_cache_has_an_end),
        STORE_TEST(test_like_is_case_sensitive_and_counts_characters),
        STORE_TEST(test_has_table_and_check),
        STORE_TEST(test_unknown_driver),
    };
    static const struct CMUnitTest faults[] = {
        STORE_TEST(test_faults_have_kinds),
        STORE_TEST(test_a_broken_transaction_commits_nothing),
        STORE_TEST(test_a_failed_commit_is_rolled_back),
        STORE_TEST(test_a_lost_connection_stays_lost),
    };
    fx_driver = "script";
    int failed = cmocka_run_group_tests_name("store.db.faults", faults, NULL, NULL);
    return failed + STORE_GROUPS("store.db", contract);
}
