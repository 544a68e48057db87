/* db_sqlite.c: the SQLite driver: one file, WAL, any number of processes.
 *
 * Why the settings are what they are:
 *   - WAL with synchronous=FULL: readers never wait, and what was committed survives a power cut.
 *   - Write transactions begin IMMEDIATE, so a transaction never turns from reader into writer
 *     (which fails at once when somebody else wrote in between).
 *   - Our own busy handler: SQLite's sleeps in fixed, growing steps, and under load the process
 *     that just committed gets the lock again and again while others wait for seconds. Short
 *     random sleeps are fair.
 *   - LIKE is replaced by a case-sensitive one that counts characters, so the same SQL text
 *     means the same on every engine.
 * SQLite numbers $n parameters by first appearance, so a statement keeps a map from n to its
 * index. A connection belongs to one thread. */
#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/utf8.h"
#include "store/db.h"
#include <assert.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUSY_WAIT_MS    10000
#define BUSY_MIN_US     300
#define BUSY_SPREAD_US  700
#define BUSY_MAX_FACTOR 8 /* the longest sleep is this many times the first */

struct conn {
    sqlite3 *db;
    struct rng rng;
    int64_t wait_us;    /* for another writer, at most */
    int64_t busy_since; /* monotonic; start of the present wait */
    sqlite3_stmt *version;
};

struct stmt {
    sqlite3_stmt *st;
    int n;      /* parameters */
    int *index; /* $i -> SQLite's index; 0: not in the text */
};

/* -- waiting ------------------------------------------------------------------------------ */
static void nap(struct conn *c, int tries)
{
    int factor = 1 + tries / 16;
    if (factor > BUSY_MAX_FACTOR) factor = BUSY_MAX_FACTOR;
    uint64_t us = BUSY_MIN_US + rng_below(&c->rng, BUSY_SPREAD_US * (uint64_t)factor);
    struct timespec ts = { 0, (long)us * 1000 };
    nanosleep(&ts, NULL);
}

static int on_busy(void *arg, int tries)
{
    struct conn *c = arg;
    if (tries == 0) c->busy_since = clock_mono_us();
    if (clock_mono_us() - c->busy_since > c->wait_us) return 0;
    nap(c, tries);
    return 1;
}

/* -- LIKE --------------------------------------------------------------------------------- */
static size_t char_len(const unsigned char *p, const unsigned char *end)
{
    uint32_t cp;
    return utf8_next((const char *)p, (size_t)(end - p), &cp);
}

/* % any run of characters, _ one character, everything else itself. Backtracks only to the
 * last %, so it is quadratic at worst. */
static bool like(const unsigned char *p, size_t np, const unsigned char *t, size_t nt)
{
    const unsigned char *pe = p + np, *te = t + nt;
    const unsigned char *star = NULL, *mark = NULL;
    while (t < te) {
        if (p < pe && *p == '%') {
            star = ++p;
            mark = t;
        } else if (p < pe && *p == '_') {
            p++;
            t += char_len(t, te);
        } else if (p < pe && *p == *t) {
            p++;
            t++;
        } else if (star) {
            mark += char_len(mark, te);
            t = mark;
            p = star;
        } else {
            return false;
        }
    }
    while (p < pe && *p == '%') p++;
    return p == pe;
}

static void sql_like(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
    (void)argc;
    const unsigned char *p = sqlite3_value_text(argv[0]), *t = sqlite3_value_text(argv[1]);
    if (!p || !t) return;
    sqlite3_result_int(ctx, like(p, (size_t)sqlite3_value_bytes(argv[0]), t,
                                 (size_t)sqlite3_value_bytes(argv[1])));
}

/* -- opening ------------------------------------------------------------------------------ */
static enum db_class class_of(int code)
{
    switch (code) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID: return DB_UNIQUE;
    case SQLITE_CONSTRAINT_FOREIGNKEY: return DB_FOREIGN;
    default: break;
    }
    switch (code & 0xff) {
    case SQLITE_OK: return DB_FINE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return DB_BUSY;
    case SQLITE_CONSTRAINT: return DB_REFUSED;
    case SQLITE_FULL: return DB_FULL;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PROTOCOL: return DB_LOST;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return DB_CORRUPT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH: return DB_READONLY;
    default: return DB_OTHER;
    }
}

/* Turning WAL on needs the file for itself for a moment, and SQLite does not call the busy
 * handler there: two processes making the same workspace meet exactly here. */
static int enable_wal(struct conn *c)
{
    int64_t start = clock_mono_us();
    for (int tries = 0;; tries++) {
        int rc = sqlite3_exec(c->db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
        if ((rc & 0xff) != SQLITE_BUSY || clock_mono_us() - start > c->wait_us) return rc;
        nap(c, tries);
    }
}

static int configure(struct conn *c, unsigned flags)
{
    static const char settings[] = "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                                   "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000;"
                                   "PRAGMA wal_autocheckpoint=1000; PRAGMA trusted_schema=OFF";
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_handler(c->db, on_busy, c);
    int rc = flags & DB_READ ? SQLITE_OK : enable_wal(c);
    if (rc == SQLITE_OK) rc = sqlite3_exec(c->db, settings, NULL, NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function(c->db, "like", 2, SQLITE_UTF8 | SQLITE_DETERMINISTIC, NULL,
                                     sql_like, NULL, NULL);
    return rc;
}

static void lite_close(void *conn)
{
    struct conn *c = conn;
    sqlite3_finalize(c->version);
    int rc = sqlite3_close(c->db);
    assert(rc == SQLITE_OK);
    (void)rc;
    free(c);
}

static int lite_open(void **ret, const struct db_config *cfg, enum db_class *ret_class,
                     struct str *why)
{
    struct conn *c = mem_zalloc(1, sizeof *c);
    uint64_t seed;
    c->wait_us = 1000LL * (cfg->wait_ms ? cfg->wait_ms : BUSY_WAIT_MS);
    id_random(&seed, sizeof seed);
    rng_seed(&c->rng, seed);
    int mode = cfg->flags & DB_READ     ? SQLITE_OPEN_READONLY
               : cfg->flags & DB_CREATE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                        : SQLITE_OPEN_READWRITE;
    int rc = sqlite3_open_v2(cfg->path, &c->db, mode | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) rc = configure(c, cfg->flags);
    if (rc != SQLITE_OK) {
        *ret_class = class_of(c->db ? sqlite3_extended_errcode(c->db) : rc);
        str_add(why, c->db ? sqlite3_errmsg(c->db) : "out of memory");
        lite_close(c);
        return -1;
    }
    *ret = c;
    return 0;
}

/* -- statements --------------------------------------------------------------------------- */
static void map_parameters(struct stmt *s)
{
    int n = sqlite3_bind_parameter_count(s->st);
    for (int i = 1; i <= n; i++) {
        const char *name = sqlite3_bind_parameter_name(s->st, i);
        int number = name && name[0] == '$' ? atoi(name + 1) : 0;
        assert(number > 0);
        if (number > s->n) {
            s->index = mem_realloc(s->index, ((size_t)number + 1) * sizeof *s->index);
            for (int k = s->n + 1; k < number; k++) s->index[k] = 0;
            s->n = number;
        }
        s->index[number] = i;
    }
}

static int lite_prepare(void *conn, const char *sql, void **ret)
{
    struct conn *c = conn;
    sqlite3_stmt *raw = NULL;
    if (sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, NULL) != SQLITE_OK)
        return -1;
    struct stmt *s = mem_zalloc(1, sizeof *s);
    s->st = raw;
    map_parameters(s);
    *ret = s;
    return 0;
}

static void lite_finalize(void *st)
{
    struct stmt *s = st;
    sqlite3_finalize(s->st);
    free(s->index);
    free(s);
}

static int at(const struct stmt *s, int i)
{
    assert(i >= 1 && i <= s->n && s->index[i] > 0);
    return s->index[i];
}

static int done(int rc)
{
    return rc == SQLITE_OK ? 0 : -1;
}

static int lite_bind_null(void *st, int i)
{
    struct stmt *s = st;
    return done(sqlite3_bind_null(s->st, at(s, i)));
}

static int lite_bind_i64(void *st, int i, int64_t v)
{
    struct stmt *s = st;
    return done(sqlite3_bind_int64(s->st, at(s, i), v));
}

static int lite_bind_f64(void *st, int i, double v)
{
    struct stmt *s = st;
    return done(sqlite3_bind_double(s->st, at(s, i), v));
}

static int lite_bind_text(void *st, int i, const char *p, size_t n)
{
    struct stmt *s = st;
    return done(sqlite3_bind_text64(s->st, at(s, i), p, n, SQLITE_STATIC, SQLITE_UTF8));
}

static int lite_bind_blob(void *st, int i, const void *p, size_t n)
{
    struct stmt *s = st;
    return done(sqlite3_bind_blob64(s->st, at(s, i), p, n, SQLITE_STATIC));
}

static int lite_step(void *st)
{
    struct stmt *s = st;
    int rc = sqlite3_step(s->st);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

static void lite_reset(void *st)
{
    struct stmt *s = st;
    sqlite3_reset(s->st);
    sqlite3_clear_bindings(s->st);
}

static bool lite_is_null(void *st, int col)
{
    return sqlite3_column_type(((struct stmt *)st)->st, col) == SQLITE_NULL;
}

static int64_t lite_get_i64(void *st, int col)
{
    return sqlite3_column_int64(((struct stmt *)st)->st, col);
}

static double lite_get_f64(void *st, int col)
{
    return sqlite3_column_double(((struct stmt *)st)->st, col);
}

static const char *lite_get_text(void *st, int col, size_t *ret_n)
{
    struct stmt *s = st;
    /* asking for text of a blob would copy it */
    const void *p = sqlite3_column_type(s->st, col) == SQLITE_BLOB
                        ? sqlite3_column_blob(s->st, col)
                        : sqlite3_column_text(s->st, col);
    *ret_n = (size_t)sqlite3_column_bytes(s->st, col);
    return p;
}

static int64_t lite_changes(void *conn)
{
    return sqlite3_changes64(((struct conn *)conn)->db);
}

/* -- transactions and the rest ------------------------------------------------------------ */
static int lite_script(void *conn, const char *sql)
{
    return done(sqlite3_exec(((struct conn *)conn)->db, sql, NULL, NULL, NULL));
}

static int lite_begin(void *conn)
{
    return lite_script(conn, "BEGIN IMMEDIATE");
}
static int lite_commit(void *conn)
{
    return lite_script(conn, "COMMIT");
}

static void lite_rollback(void *conn)
{
    struct conn *c = conn;
    if (!sqlite3_get_autocommit(c->db)) lite_script(c, "ROLLBACK");
}

static int lite_has_table(void *conn, const char *name)
{
    struct conn *c = conn;
    sqlite3_stmt *st;
    int rc = sqlite3_prepare_v2(
        c->db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1", -1, &st, NULL);
    if (rc != SQLITE_OK) return -1;
    sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
    rc = sqlite3_step(st);
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : -1;
}

static int64_t lite_foreign_commits(void *conn)
{
    struct conn *c = conn;
    if (!c->version && sqlite3_prepare_v2(c->db, "PRAGMA data_version", -1, &c->version, NULL))
        return 0;
    int64_t v = sqlite3_step(c->version) == SQLITE_ROW ? sqlite3_column_int64(c->version, 0) : 0;
    sqlite3_reset(c->version);
    return v;
}

/* Runs a checking PRAGMA; its first row that is not "ok" is the finding. */
static int check_with(struct conn *c, const char *pragma, struct str *finding)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(c->db, pragma, -1, &st, NULL) != SQLITE_OK) return -1;
    int rc = sqlite3_step(st);
    const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
    bool sound = rc == SQLITE_DONE || (text && !strcmp(text, "ok"));
    if (!sound && rc == SQLITE_ROW) str_addf(finding, "%s: %s", pragma + 7, text ? text : "?");
    sqlite3_finalize(st);
    return sound ? 1 : rc == SQLITE_ROW ? 0 : -1;
}

static int lite_check(void *conn, struct str *finding)
{
    int r = check_with(conn, "PRAGMA integrity_check(1)", finding);
    return r == 1 ? check_with(conn, "PRAGMA foreign_key_check", finding) : r;
}

static enum db_class lite_error(void *conn, const char **ret_text)
{
    struct conn *c = conn;
    *ret_text = sqlite3_errmsg(c->db);
    return class_of(sqlite3_extended_errcode(c->db));
}

const struct db_word db_sqlite_words[] = {
    { "i64", "INTEGER" },
    { "f64", "REAL" },
    { "text", "TEXT" },
    { "blob", "BLOB" },
    { "table", "STRICT" },                       /* ends CREATE TABLE */
    { "table_by_key", "STRICT, WITHOUT ROWID" }, /* the same, stored in order of its key */
    { NULL, NULL },
};

const struct db_driver db_driver_sqlite = {
    .name = "sqlite",
    .dialect = "sqlite",
    .words = db_sqlite_words,
    .open = lite_open,
    .close = lite_close,
    .prepare = lite_prepare,
    .finalize = lite_finalize,
    .bind_null = lite_bind_null,
    .bind_i64 = lite_bind_i64,
    .bind_f64 = lite_bind_f64,
    .bind_text = lite_bind_text,
    .bind_blob = lite_bind_blob,
    .step = lite_step,
    .reset = lite_reset,
    .is_null = lite_is_null,
    .get_i64 = lite_get_i64,
    .get_f64 = lite_get_f64,
    .get_text = lite_get_text,
    .changes = lite_changes,
    .begin = lite_begin,
    .commit = lite_commit,
    .rollback = lite_rollback,
    .script = lite_script,
    .has_table = lite_has_table,
    .foreign_commits = lite_foreign_commits,
    .check = lite_check,
    .error = lite_error,
};
