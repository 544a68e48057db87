/* db.c: what all drivers share: statement cache, error vocabulary, transaction discipline.
 *
 * Statements are cached by text and rows, at most CACHE_MAX a handle, least recently used first
 * out. The text is nearly always a literal, so the one that came from the same place is tried
 * first. A statement in use is never shared: asking for the same text again (a query inside a
 * loop over the same query) prepares another one.
 *
 * A transaction is `broken` after a failure that came from outside (no space, lost file): an
 * engine may have rolled back by itself then, and further statements would commit one by one.
 * So they are refused until db_rollback. One owner a handle. */
#include "store/db.h"
#include "base/mem.h"
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_MAX 96

#define DB_DRIVER(id, help) extern const struct db_driver db_driver_##id;
#include "store/drivers.def"
#undef DB_DRIVER

const struct db_driver *const db_drivers[] = {
#define DB_DRIVER(id, help) &db_driver_##id,
#include "store/drivers.def"
#undef DB_DRIVER
    NULL
};

struct db_stmt {
    struct db *db;
    void *st;
    char *sql;        /* as it was asked for */
    size_t rows;      /* that its $rows stands for; 0: it has none */
    const char *from; /* where the text was when it was asked for; a hint, it may be gone */
    int64_t used;     /* tick of the last use */
    bool busy;        /* between db_query and db_end */
    bool cached;      /* in the table; otherwise freed by db_end */
};

struct db {
    const struct db_driver *drv;
    void *conn;
    struct db_stmt *cache[CACHE_MAX];
    size_t n_cache;
    int64_t tick;
    bool in_tx, broken;
    int64_t own_commits, revision, foreign;
};

/* How each class reads to a user. */
static const struct {
    enum err_kind kind;
    const char *what, *hint;
} classes[DB_CLASS_COUNT] = {
    [DB_FINE] = { ERR_INTERNAL, "failed", "" },
    [DB_BUSY] = { ERR_BUSY, "somebody else is writing to it",
                  "try again; `signalbox job list` shows what is running" },
    [DB_UNIQUE] = { ERR_EXISTS, "such a row exists already", "" },
    [DB_FOREIGN] = { ERR_NOTFOUND, "the row refers to one that does not exist", "" },
    [DB_REFUSED] = { ERR_CONFLICT, "the change is refused", "" },
    [DB_FULL] = { ERR_IO, "no space is left", "free space on the workspace's file system" },
    [DB_LOST] = { ERR_BUSY, "it cannot be reached", "check the file system and try again" },
    [DB_CORRUPT] = { ERR_CORRUPT, "it is damaged or not a database",
                     "run `signalbox doctor`, restore a backup if it confirms this" },
    [DB_READONLY] = { ERR_DENIED, "it is read-only", "check the owner of the workspace" },
    [DB_OTHER] = { ERR_INTERNAL, "the statement failed", "" },
};

static int fail_as(enum db_class c, const char *text, struct err *e)
{
    err_set(e, classes[c].kind, "workspace database: %s (%s)", classes[c].what,
            text && *text ? text : "no details");
    if (*classes[c].hint) err_hint(e, "%s", classes[c].hint);
    return -(int)classes[c].kind;
}

static int fail(struct db *db, struct err *e)
{
    const char *text = NULL;
    enum db_class c = db->drv->error(db->conn, &text);
    bool harmless = c == DB_UNIQUE || c == DB_FOREIGN || c == DB_REFUSED;
    if (db->in_tx && !harmless) db->broken = true;
    return fail_as(c, text, e);
}

static const struct db_driver *find_driver(const char *name)
{
    if (!name) return db_drivers[0];
    for (size_t i = 0; db_drivers[i]; i++)
        if (!strcmp(db_drivers[i]->name, name)) return db_drivers[i];
    return NULL;
}

int db_open(struct db **ret, const struct db_config *cfg, struct err *e)
{
    const struct db_driver *drv = find_driver(cfg->driver);
    if (!drv) return err_set(e, ERR_INVALID, "no database driver named '%s'", cfg->driver);
    STR_AUTO why = STR_INIT;
    enum db_class c = DB_OTHER;
    void *conn = NULL;
    if (drv->open(&conn, cfg, &c, &why) < 0) {
        fail_as(c, str_c(&why), e);
        return err_prefix(e, "%s", cfg->path);
    }
    struct db *db = mem_zalloc(1, sizeof *db);
    db->drv = drv;
    db->conn = conn;
    *ret = db;
    return 0;
}

static void stmt_free(struct db_stmt *st)
{
    st->db->drv->finalize(st->st);
    free(st->sql);
    free(st);
}

void db_close(struct db *db)
{
    if (!db) return;
    db_rollback(db);
    for (size_t i = 0; i < db->n_cache; i++) {
        assert(!db->cache[i]->busy);
        stmt_free(db->cache[i]);
    }
    db->drv->close(db->conn);
    free(db);
}

struct db_arg db_t(const char *s)
{
    if (!s) return (struct db_arg){ .type = DB_NULL };
    return (struct db_arg){ .type = DB_TEXT, .p = s, .n = strlen(s) };
}

struct db_arg db_f_or_null(double v)
{
    return isnan(v) ? (struct db_arg){ .type = DB_NULL } : db_f(v);
}

/* -- the cache ---------------------------------------------------------------------------- */
static struct db_stmt *cache_find(struct db *db, const char *sql, size_t rows)
{
    for (int same_place = 1; same_place >= 0; same_place--) {
        for (size_t i = 0; i < db->n_cache; i++) {
            struct db_stmt *st = db->cache[i];
            if ((st->from == sql) != same_place || st->busy || st->rows != rows) continue;
            if (strcmp(st->sql, sql) != 0) continue;
            st->from = sql;
            return st;
        }
    }
    return NULL;
}

/* A slot for one more statement; -1 when every cached one is in use. */
static int cache_slot(struct db *db)
{
    if (db->n_cache < CACHE_MAX) return (int)db->n_cache++;
    int oldest = -1;
    for (int i = 0; i < CACHE_MAX; i++) {
        if (db->cache[i]->busy) continue;
        if (oldest < 0 || db->cache[i]->used < db->cache[oldest]->used) oldest = i;
    }
    if (oldest >= 0) stmt_free(db->cache[oldest]);
    return oldest;
}

/* "VALUES $rows" becomes "VALUES ($1, $2), ($3, $4)" for two rows of two. */
static void expand_rows(struct str *out, const char *sql, size_t rows, size_t width)
{
    const char *at = strstr(sql, "$rows");
    assert(at && width);
    str_addn(out, sql, (size_t)(at - sql));
    for (size_t i = 0; i < rows * width; i++) {
        bool first = i % width == 0, last = i % width == width - 1;
        str_addf(out, "%s$%zu%s", first ? (i ? ", (" : "(") : ", ", i + 1, last ? ")" : "");
    }
    str_add(out, at + strlen("$rows"));
}

/* rows, width: of $rows; 0 where the text has none. */
static int stmt_make(struct db *db, const char *sql, size_t rows, size_t width,
                     struct db_stmt **ret, struct err *e)
{
    void *raw = NULL;
    STR_AUTO whole = STR_INIT;
    if (rows) expand_rows(&whole, sql, rows, width);
    if (db->drv->prepare(db->conn, rows ? str_c(&whole) : sql, &raw) < 0) return fail(db, e);
    struct db_stmt *st = mem_zalloc(1, sizeof *st);
    st->db = db;
    st->st = raw;
    st->sql = mem_strdup(sql);
    st->rows = rows;
    st->from = sql;
    int slot = cache_slot(db);
    if (slot >= 0) {
        db->cache[slot] = st;
        st->cached = true;
    }
    *ret = st;
    return 0;
}

static int bind_one(struct db_stmt *st, int i, const struct db_arg *a)
{
    const struct db_driver *d = st->db->drv;
    switch (a->type) {
    case DB_NULL: return d->bind_null(st->st, i);
    case DB_I64: return d->bind_i64(st->st, i, a->i);
    case DB_F64: return d->bind_f64(st->st, i, a->f);
    case DB_TEXT: return d->bind_text(st->st, i, a->p, a->n);
    case DB_BLOB: return d->bind_blob(st->st, i, a->p, a->n);
    }
    return -1;
}

static int start(struct db *db, struct db_stmt **ret, const char *sql, size_t rows,
                 struct db_args args, struct err *e)
{
    if (db->broken)
        return err_set(e, ERR_STATE,
                       "workspace database: the transaction failed earlier and "
                       "takes no further statement");
    struct db_stmt *st = cache_find(db, sql, rows);
    int r = st ? 0 : stmt_make(db, sql, rows, rows ? args.n / rows : 0, &st, e);
    if (r < 0) return r;
    assert(st);
    st->busy = true;
    st->used = ++db->tick;
    for (size_t i = 0; i < args.n; i++) {
        if (bind_one(st, (int)i + 1, &args.v[i]) < 0) {
            r = fail(db, e);
            db_end(st);
            return r;
        }
    }
    *ret = st;
    return 0;
}

int db_query(struct db *db, struct db_stmt **ret, const char *sql, struct db_args args,
             struct err *e)
{
    return start(db, ret, sql, 0, args, e);
}

int db_step(struct db_stmt *st, struct err *e)
{
    assert(st->busy);
    int r = st->db->drv->step(st->st);
    return r < 0 ? fail(st->db, e) : r;
}

void db_end(struct db_stmt *st)
{
    if (!st) return;
    st->db->drv->reset(st->st);
    st->busy = false;
    if (!st->cached) stmt_free(st);
}

int db_exec_rows(struct db *db, const char *sql, size_t rows, struct db_args args,
                 int64_t *ret_changed, struct err *e)
{
    struct db_stmt *st;
    int r = start(db, &st, sql, rows, args, e);
    if (r < 0) return r;
    do {
        r = db_step(st, e);
    } while (r > 0);
    if (r == 0 && ret_changed) *ret_changed = db->drv->changes(db->conn);
    db_end(st);
    return r;
}

int db_exec(struct db *db, const char *sql, struct db_args args, int64_t *ret_changed,
            struct err *e)
{
    return db_exec_rows(db, sql, 0, args, ret_changed, e);
}

int db_number(struct db *db, const char *sql, struct db_args args, int64_t dflt, int64_t *ret,
              struct err *e)
{
    struct db_stmt *st;
    int r = db_query(db, &st, sql, args, e);
    if (r < 0) return r;
    r = db_step(st, e);
    if (r >= 0) *ret = r > 0 && !db_is_null(st, 0) ? db_i64(st, 0) : dflt;
    db_end(st);
    return r < 0 ? r : 0;
}

bool db_is_null(struct db_stmt *st, int col)
{
    return st->db->drv->is_null(st->st, col);
}
int64_t db_i64(struct db_stmt *st, int col)
{
    return st->db->drv->get_i64(st->st, col);
}
double db_f64(struct db_stmt *st, int col)
{
    return st->db->drv->get_f64(st->st, col);
}

double db_f64_or_nan(struct db_stmt *st, int col)
{
    return db_is_null(st, col) ? (double)NAN : db_f64(st, col);
}

const void *db_blob(struct db_stmt *st, int col, size_t *ret_n)
{
    return st->db->drv->get_text(st->st, col, ret_n);
}

const char *db_text(struct db_stmt *st, int col)
{
    size_t n;
    return st->db->drv->get_text(st->st, col, &n);
}

char *db_dup(struct db_stmt *st, int col, struct arena *a)
{
    size_t n;
    const char *p = st->db->drv->get_text(st->st, col, &n);
    return p ? arena_strndup(a, p, n) : NULL;
}

char *db_dup_or(struct db_stmt *st, int col, struct arena *a)
{
    char *s = db_dup(st, col, a);
    return s ? s : arena_strdup(a, "");
}

/* -- transactions ------------------------------------------------------------------------- */
int db_begin(struct db *db, struct err *e)
{
    assert(!db->in_tx);
    if (db->drv->begin(db->conn) < 0) return fail(db, e);
    db->in_tx = true;
    db->broken = false;
    return 0;
}

int db_commit(struct db *db, struct err *e)
{
    assert(db->in_tx);
    int r = 0;
    if (db->broken)
        r = err_set(e, ERR_STATE,
                    "workspace database: the transaction failed earlier and was "
                    "rolled back");
    else if (db->drv->commit(db->conn) < 0) r = fail(db, e);
    if (r < 0) {
        db_rollback(db);
        return r;
    }
    db->in_tx = false;
    db->own_commits++;
    return 0;
}

void db_rollback(struct db *db)
{
    if (!db->in_tx) return;
    db->drv->rollback(db->conn);
    db->in_tx = db->broken = false;
}

bool db_in_tx(const struct db *db)
{
    return db->in_tx;
}

/* -- the rest ----------------------------------------------------------------------------- */
static const char *word_text(const struct db_word *w, const char *p, size_t n)
{
    for (; w->word; w++)
        if (strlen(w->word) == n && !memcmp(w->word, p, n)) return w->text;
    return NULL;
}

int db_script(struct db *db, const char *sql, struct err *e)
{
    STR_AUTO text = STR_INIT;
    for (const char *p = sql; *p;) {
        const char *open = strchr(p, '{');
        if (!open) {
            str_add(&text, p);
            break;
        }
        const char *close = strchr(open, '}');
        assert(close);
        const char *w = word_text(db->drv->words, open + 1, (size_t)(close - open - 1));
        assert(w);
        str_addn(&text, p, (size_t)(open - p));
        str_add(&text, w);
        p = close + 1;
    }
    return db->drv->script(db->conn, str_c(&text)) < 0 ? fail(db, e) : 0;
}

int db_has_table(struct db *db, const char *name, struct err *e)
{
    int r = db->drv->has_table(db->conn, name);
    return r < 0 ? fail(db, e) : r;
}

int64_t db_revision(struct db *db)
{
    int64_t now = db->drv->foreign_commits(db->conn);
    if (now != db->foreign) {
        db->foreign = now;
        db->revision++;
    }
    return db->revision + db->own_commits;
}

int db_check(struct db *db, struct err *e)
{
    STR_AUTO finding = STR_INIT;
    int r = db->drv->check(db->conn, &finding);
    if (r < 0) return fail(db, e);
    if (r == 0) return fail_as(DB_CORRUPT, str_c(&finding), e);
    return 0;
}

const char *db_dialect(const struct db *db)
{
    return db->drv->dialect;
}
