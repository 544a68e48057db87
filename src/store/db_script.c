/* db_script.c: a driver for tests: SQLite that fails where a test says so.
 *
 * It forwards every call to the sqlite driver, counts them by kind, and at the chosen one
 * answers with the chosen error instead of forwarding. So the code above meets a busy database,
 * a full disk or a lost connection at any point it could meet one for real. A lost connection
 * stays lost: every later call fails too. One owner, as every driver. */
#include "base/mem.h"
#include "store/db.h"
#include <stdlib.h>

extern const struct db_driver db_driver_sqlite;
static const struct db_driver *const real = &db_driver_sqlite;

struct conn {
    void *inner;
    struct db_fault *fault; /* NULL: never fails */
    enum db_class fired;    /* error of the last injected failure, DB_FINE: the inner one's */
    bool lost;
};

struct stmt {
    struct conn *c;
    void *inner;
};

static bool strikes(struct db_fault *f, enum db_op op)
{
    if (!f || (f->op != DB_OP_ANY && f->op != op)) return false;
    return ++f->seen == f->call;
}

static bool fails(struct conn *c, enum db_op op)
{
    c->fired = DB_FINE;
    bool hit = strikes(c->fault, op);
    if (hit && c->fault->error == DB_LOST) c->lost = true;
    if (hit || c->lost) c->fired = c->lost ? DB_LOST : c->fault->error;
    return hit || c->lost;
}

static int script_open(void **ret, const struct db_config *cfg, enum db_class *ret_class,
                       struct str *why)
{
    if (strikes(cfg->fault, DB_OP_OPEN)) {
        *ret_class = cfg->fault->error;
        str_add(why, "injected");
        return -1;
    }
    void *inner = NULL;
    if (real->open(&inner, cfg, ret_class, why) < 0) return -1;
    struct conn *c = mem_zalloc(1, sizeof *c);
    c->inner = inner;
    c->fault = cfg->fault;
    *ret = c;
    return 0;
}

static void script_close(void *conn)
{
    struct conn *c = conn;
    real->close(c->inner);
    free(c);
}

static int script_prepare(void *conn, const char *sql, void **ret)
{
    struct conn *c = conn;
    void *inner = NULL;
    if (fails(c, DB_OP_PREPARE) || real->prepare(c->inner, sql, &inner) < 0) return -1;
    struct stmt *s = mem_zalloc(1, sizeof *s);
    s->c = c;
    s->inner = inner;
    *ret = s;
    return 0;
}

static void script_finalize(void *st)
{
    real->finalize(((struct stmt *)st)->inner);
    free(st);
}

static int script_bind_null(void *st, int i)
{
    return real->bind_null(((struct stmt *)st)->inner, i);
}

static int script_bind_i64(void *st, int i, int64_t v)
{
    return real->bind_i64(((struct stmt *)st)->inner, i, v);
}

static int script_bind_f64(void *st, int i, double v)
{
    return real->bind_f64(((struct stmt *)st)->inner, i, v);
}

static int script_bind_text(void *st, int i, const char *p, size_t n)
{
    return real->bind_text(((struct stmt *)st)->inner, i, p, n);
}

static int script_bind_blob(void *st, int i, const void *p, size_t n)
{
    return real->bind_blob(((struct stmt *)st)->inner, i, p, n);
}

static int script_step(void *st)
{
    struct stmt *s = st;
    return fails(s->c, DB_OP_STEP) ? -1 : real->step(s->inner);
}

static void script_reset(void *st)
{
    real->reset(((struct stmt *)st)->inner);
}
static bool script_is_null(void *st, int col)
{
    return real->is_null(((struct stmt *)st)->inner, col);
}
static int64_t script_get_i64(void *st, int col)
{
    return real->get_i64(((struct stmt *)st)->inner, col);
}
static double script_get_f64(void *st, int col)
{
    return real->get_f64(((struct stmt *)st)->inner, col);
}

static const char *script_get_text(void *st, int col, size_t *ret_n)
{
    return real->get_text(((struct stmt *)st)->inner, col, ret_n);
}

static int64_t script_changes(void *conn)
{
    return real->changes(((struct conn *)conn)->inner);
}

static int script_begin(void *conn)
{
    struct conn *c = conn;
    return fails(c, DB_OP_BEGIN) ? -1 : real->begin(c->inner);
}

static int script_commit(void *conn)
{
    struct conn *c = conn;
    return fails(c, DB_OP_COMMIT) ? -1 : real->commit(c->inner);
}

static void script_rollback(void *conn)
{
    real->rollback(((struct conn *)conn)->inner);
}

static int script_script(void *conn, const char *sql)
{
    struct conn *c = conn;
    return fails(c, DB_OP_STEP) ? -1 : real->script(c->inner, sql);
}

static int script_has_table(void *conn, const char *name)
{
    struct conn *c = conn;
    return fails(c, DB_OP_STEP) ? -1 : real->has_table(c->inner, name);
}

static int64_t script_foreign_commits(void *conn)
{
    return real->foreign_commits(((struct conn *)conn)->inner);
}

static int script_check(void *conn, struct str *finding)
{
    struct conn *c = conn;
    return fails(c, DB_OP_STEP) ? -1 : real->check(c->inner, finding);
}

static enum db_class script_error(void *conn, const char **ret_text)
{
    struct conn *c = conn;
    if (c->fired == DB_FINE) return real->error(c->inner, ret_text);
    *ret_text = "injected";
    return c->fired;
}

const struct db_driver db_driver_script = {
    .name = "script",
    .dialect = "sqlite",
    .words = db_sqlite_words,
    .open = script_open,
    .close = script_close,
    .prepare = script_prepare,
    .finalize = script_finalize,
    .bind_null = script_bind_null,
    .bind_i64 = script_bind_i64,
    .bind_f64 = script_bind_f64,
    .bind_text = script_bind_text,
    .bind_blob = script_bind_blob,
    .step = script_step,
    .reset = script_reset,
    .is_null = script_is_null,
    .get_i64 = script_get_i64,
    .get_f64 = script_get_f64,
    .get_text = script_get_text,
    .changes = script_changes,
    .begin = script_begin,
    .commit = script_commit,
    .rollback = script_rollback,
    .script = script_script,
    .has_table = script_has_table,
    .foreign_commits = script_foreign_commits,
    .check = script_check,
    .error = script_error,
};
