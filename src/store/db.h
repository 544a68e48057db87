/* db.h: the seam between the store and a database engine, at the level of one statement.
 *
 * SQL is written once, in the subset SQLite and PostgreSQL share: $1 parameters (bound by their
 * number, whatever order they appear in), ON CONFLICT … RETURNING, FILTER, window functions.
 * A driver is a file and a row in drivers.def; it knows nothing of tables. This layer adds what
 * every driver needs: a statement cache, one error vocabulary, and the rule that a transaction
 * in which a statement failed for an outside reason takes no further statement.
 *
 * Only the aggregates of src/store include this. A handle belongs to one thread. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include <stdint.h>

struct db;
struct db_stmt;

/* What went wrong, in words every engine has. */
enum db_class {
    DB_FINE,
    DB_BUSY,     /* somebody else writes */
    DB_UNIQUE,   /* the row is there already */
    DB_FOREIGN,  /* the row it refers to is not */
    DB_REFUSED,  /* another constraint or trigger says no */
    DB_FULL,     /* no space left */
    DB_LOST,     /* connection or file is gone */
    DB_CORRUPT,  /* the file is damaged or not a database */
    DB_READONLY, /* opened or mounted read-only */
    DB_OTHER,
    DB_CLASS_COUNT
};

enum db_flag { DB_CREATE = 1, DB_READ = 2 };

/* Which call of the script driver fails, and how: the call-th use of `op`, counted from 1. */
enum db_op { DB_OP_ANY, DB_OP_OPEN, DB_OP_PREPARE, DB_OP_STEP, DB_OP_BEGIN, DB_OP_COMMIT };
struct db_fault {
    enum db_op op;
    int call;            /* 0: never */
    enum db_class error; /* DB_LOST stays lost until the handle is closed */
    int seen;            /* calls of `op` so far; the test reads and resets it */
};

struct db_config {
    const char *driver; /* NULL: the first row of drivers.def */
    const char *path;
    unsigned flags;
    int wait_ms;            /* how long to wait for another writer; 0: 10 s */
    struct db_fault *fault; /* for the script driver */
};

struct db_word {
    const char *word, *text;
};

/* One engine. Functions returning int give 0 (step: 1 for a row), or -1 and the reason through
 * error(). Column numbers start at 0, parameter numbers at 1. */
struct db_driver {
    const char *name;
    const char *dialect; /* which SQL overrides apply */
    const struct db_word
        *words; /* column types and table options, for migrations; word NULL ends */
    int (*open)(void **ret, const struct db_config *cfg, enum db_class *ret_class, struct str *why);
    void (*close)(void *conn);
    int (*prepare)(void *conn, const char *sql, void **ret);
    void (*finalize)(void *st);
    int (*bind_null)(void *st, int i);
    int (*bind_i64)(void *st, int i, int64_t v);
    int (*bind_f64)(void *st, int i, double v);
    int (*bind_text)(void *st, int i, const char *p, size_t n); /* borrowed until reset */
    int (*bind_blob)(void *st, int i, const void *p, size_t n); /* borrowed until reset */
    int (*step)(void *st);
    void (*reset)(void *st); /* also forgets the parameters */
    bool (*is_null)(void *st, int col);
    int64_t (*get_i64)(void *st, int col);
    double (*get_f64)(void *st, int col);
    const char *(*get_text)(void *st, int col, size_t *ret_n); /* also blobs */
    int64_t (*changes)(void *conn);                            /* rows of the last write */
    int (*begin)(void *conn);                                  /* a write transaction */
    int (*commit)(void *conn);
    void (*rollback)(void *conn);                   /* nothing open: does nothing */
    int (*script)(void *conn, const char *sql);     /* several statements without parameters */
    int (*has_table)(void *conn, const char *name); /* 1, 0 or -1 */
    int64_t (*foreign_commits)(void *conn); /* a number that changes when another handle commits */
    int (*check)(void *conn, struct str *finding); /* 1: sound, 0: finding, -1 */
    enum db_class (*error)(void *conn, const char **ret_text);
};
extern const struct db_driver *const db_drivers[]; /* NULL ends */
extern const struct db_word db_sqlite_words[];

int db_open(struct db **ret, const struct db_config *cfg, struct err *e);
void db_close(struct db *db); /* NULL is fine; rolls back */

/* -- statements --------------------------------------------------------------------------- */
enum db_type { DB_NULL, DB_I64, DB_F64, DB_TEXT, DB_BLOB };
struct db_arg {
    enum db_type type;
    int64_t i;
    double f;
    const void *p;
    size_t n;
};
struct db_args {
    const struct db_arg *v;
    size_t n;
};
static inline struct db_arg db_i(int64_t v)
{
    return (struct db_arg){ .type = DB_I64, .i = v };
}
static inline struct db_arg db_f(double v)
{
    return (struct db_arg){ .type = DB_F64, .f = v };
}
struct db_arg db_t(const char *s); /* NULL gives a null */
static inline struct db_arg db_b(const void *p, size_t n)
{
    return (struct db_arg){ .type = DB_BLOB, .p = n ? p : "", .n = n };
}
struct db_arg db_f_or_null(double v); /* NaN gives a null, since not every engine has NaN */
/* db_exec(db, sql, DB_ARGS(db_t(name), db_i(3)), …): the n-th is $n. */
#define DB_ARGS(...)                                                                               \
    ((struct db_args){ (const struct db_arg[]){ __VA_ARGS__ },                                     \
                       sizeof((const struct db_arg[]){ __VA_ARGS__ }) / sizeof(struct db_arg) })
#define DB_NOARGS ((struct db_args){ NULL, 0 })

/* Starts a statement; step it, then give it back with db_end, whatever happened. Texts of
 * parameters must live until db_end. */
int db_query(struct db *db, struct db_stmt **ret, const char *sql, struct db_args args,
             struct err *e);
int db_step(struct db_stmt *st, struct err *e); /* 1: a row, 0: no more, or -kind */
void db_end(struct db_stmt *st);                /* NULL is fine */
/* Runs a write to its end. ret_changed may be NULL. */
int db_exec(struct db *db, const char *sql, struct db_args args, int64_t *ret_changed,
            struct err *e);
/* The same with `rows` rows of values where the text says $rows; args holds them one after the
 * other: "INSERT INTO t (a, b) VALUES $rows" and 2 rows take 4. Several rows in one statement
 * spare most of what a statement costs. Each number of rows is a statement in the cache, so there
 * are few: db_rows says how many of the rows that are left to take next, at most DB_ROWS. */
enum { DB_ROWS = 16 };
static inline size_t db_rows(size_t left)
{
    return left >= DB_ROWS ? DB_ROWS : left >= 4 ? 4 : 1;
}
int db_exec_rows(struct db *db, const char *sql, size_t rows, struct db_args args,
                 int64_t *ret_changed, struct err *e);
/* One integer: the first column of the first row; dflt when there is none or it is null. */
int db_number(struct db *db, const char *sql, struct db_args args, int64_t dflt, int64_t *ret,
              struct err *e);

bool db_is_null(struct db_stmt *st, int col);
int64_t db_i64(struct db_stmt *st, int col);
double db_f64(struct db_stmt *st, int col);
double db_f64_or_nan(struct db_stmt *st, int col); /* NaN for null */
const char *db_text(struct db_stmt *st, int col);           /* until the next step; may be NULL */
const void *db_blob(struct db_stmt *st, int col, size_t *ret_n); /* the same for blobs */
char *db_dup(struct db_stmt *st, int col, struct arena *a); /* NULL for null */
char *db_dup_or(struct db_stmt *st, int col, struct arena *a); /* "" for null */

/* -- transactions and the rest ------------------------------------------------------------ */
int db_begin(struct db *db, struct err *e);
int db_commit(struct db *db, struct err *e); /* on failure everything is rolled back */
void db_rollback(struct db *db);
bool db_in_tx(const struct db *db);
/* Several statements; {words} of the driver are replaced first. */
int db_script(struct db *db, const char *sql, struct err *e);
int db_has_table(struct db *db, const char *name, struct err *e); /* 1, 0 or -kind */
int64_t db_revision(struct db *db);
int db_check(struct db *db, struct err *e);
const char *db_dialect(const struct db *db);
