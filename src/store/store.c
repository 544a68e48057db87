/* store.c: opening and closing a workspace, transactions, and helpers of the aggregates.
 *
 * Any number of processes may open, and even create, the same workspace at once: the driver
 * waits for the file, and migration happens in a write transaction that looks at the schema
 * again before changing it. One handle a thread. */
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "store/monitor_priv.h"
#include "store/store_priv.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 250

static int open_db(struct store *s, unsigned flags, const struct store_driver *on, struct err *e)
{
    STR_AUTO path = STR_INIT;
    str_addf(&path, "%s/signalbox.db", s->dir);
    if (flags & STORE_CREATE) {
        int r = file_mkdirs(s->dir, e);
        if (r < 0) return r;
    } else if (!file_exists(str_c(&path))) {
        err_set(e, ERR_NOTFOUND, "no workspace in %s", s->dir);
        return err_hint(e, "make one with `signalbox init %s`", s->dir);
    }
    struct db_config cfg = { .path = str_c(&path) };
    if (flags & STORE_CREATE) cfg.flags |= DB_CREATE;
    if (flags & STORE_READONLY) cfg.flags |= DB_READ;
    if (on) {
        cfg.driver = on->driver;
        cfg.fault = on->fault;
        cfg.wait_ms = on->wait_ms;
    }
    return db_open(&s->db, &cfg, e);
}

static int check_schema(struct store *s, unsigned flags, struct err *e)
{
    int64_t version = 0;
    int r = schema_version(s, &version, e);
    if (r < 0) return r;
    if (version > schema_latest()) {
        err_set(e, ERR_STATE, "workspace %s has schema %lld, this program knows up to %d", s->dir,
                (long long)version, schema_latest());
        return err_hint(e, "use the newer signalbox that made it");
    }
    if (version == schema_latest()) return 0;
    if (flags & STORE_READONLY)
        return err_set(e, ERR_STATE,
                       "workspace %s has schema %lld and cannot be moved to %d while "
                       "opened read-only",
                       s->dir, (long long)version, schema_latest());
    return schema_migrate(s, e);
}

int store_open_on(struct store **ret, const char *dir, unsigned flags, const struct clock *clock,
                  const struct store_driver *on, struct err *e)
{
    struct store *s = mem_zalloc(1, sizeof *s);
    s->dir = mem_strdup(dir);
    s->clock = clock;
    int r = open_db(s, flags, on, e);
    if (r == 0) r = check_schema(s, flags, e);
    if (r == 0 && flags & STORE_CREATE) r = file_sync_dir(dir, e);
    if (r < 0) {
        store_close(s);
        return r;
    }
    *ret = s;
    return 0;
}

int store_open(struct store **ret, const char *dir, unsigned flags, const struct clock *clock,
               struct err *e)
{
    return store_open_on(ret, dir, flags, clock, NULL, e);
}

void store_close(struct store *s)
{
    if (!s) return;
    monitored_forget(s);
    db_close(s->db);
    free(s->dir);
    free(s);
}

const char *store_dir(const struct store *s)
{
    return s->dir;
}
int64_t store_now(const struct store *s)
{
    return clock_now(s->clock);
}

int store_begin(struct store *s, struct err *e)
{
    return db_begin(s->db, e);
}
int store_commit(struct store *s, struct err *e)
{
    int r = monitored_flush(s, e);
    if (r == 0) r = db_commit(s->db, e);
    store_rollback(s); /* ends the memory, and what is left of a failed transaction */
    return r;
}
void store_rollback(struct store *s)
{
    monitored_forget(s);
    db_rollback(s->db);
}
bool store_in_tx(const struct store *s)
{
    return db_in_tx(s->db);
}
int64_t store_revision(struct store *s)
{
    return db_revision(s->db);
}
int store_check(struct store *s, struct err *e)
{
    return db_check(s->db, e);
}

int store_schema_version(struct store *s)
{
    int64_t v = 0;
    return schema_version(s, &v, NULL) < 0 ? 0 : (int)v;
}

int tx_enter(struct store *s, bool *ret_own, struct err *e)
{
    *ret_own = !db_in_tx(s->db);
    return *ret_own ? db_begin(s->db, e) : 0;
}

int tx_leave(struct store *s, bool own, int r, struct err *e)
{
    if (!own) return r;
    if (r >= 0) {
        int c = store_commit(s, e);
        return c < 0 ? c : r;
    }
    store_rollback(s);
    return r;
}

int store_one(struct store *s, struct arena *a, const char *sql, struct db_args args, row_fn row,
              void *ret, struct err *e)
{
    struct db_stmt *st;
    int r = db_query(s->db, &st, sql, args, e);
    if (r < 0) return r;
    r = db_step(st, e);
    if (r > 0) {
        row(st, a, ret);
        int more = db_step(st, e); /* a RETURNING statement takes effect at its end */
        while (more > 0) more = db_step(st, e);
        if (more < 0) r = more;
    }
    db_end(st);
    return r;
}

int store_all(struct store *s, struct arena *a, const char *sql, struct db_args args, size_t size,
              row_fn row, void *ret, size_t *ret_n, struct err *e)
{
    struct db_stmt *st;
    int r = db_query(s->db, &st, sql, args, e);
    if (r < 0) return r;
    VEC(char) rows = VEC_INIT;
    size_t n = 0;
    while ((r = db_step(st, e)) > 0) {
        vec_reserve(&rows, (n + 1) * size);
        memset(rows.p + n * size, 0, size);
        row(st, a, rows.p + n * size);
        n++;
    }
    db_end(st);
    if (r == 0) {
        void *out = arena_zalloc(a, n ? n : 1, size);
        if (n) memcpy(out, rows.p, n * size);
        memcpy(ret, &out, sizeof out);
        *ret_n = n;
    }
    vec_done(&rows);
    return r;
}

static bool key_char(unsigned char c)
{
    return c >= 0x80 || isalnum(c) || strchr("_/.-: ", c);
}

/* No empty, "." or ".." part, no leading or trailing slash. */
static bool clean_path(const char *key)
{
    for (const char *p = key;; p++) {
        size_t n = strcspn(p, "/");
        if (n == 0 || (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        p += n;
        if (!*p) return true;
    }
}

int key_check(const char *what, const char *key, struct err *e)
{
    size_t n = key ? strlen(key) : 0;
    if (n == 0) return err_set(e, ERR_INVALID, "a %s needs a name", what);
    if (n > KEY_MAX)
        return err_set(e, ERR_INVALID, "name of %s '%.40s…' exceeds the maximum length of %d bytes",
                       what, key, KEY_MAX);
    for (const char *p = key; *p; p++) {
        if (key_char((unsigned char)*p)) continue;
        err_set(e, ERR_INVALID, "name of %s '%s' has a character at %d that is not allowed", what,
                key, (int)(p - key) + 1);
        return err_hint(e, "use letters, digits, _ - . : / and spaces");
    }
    if (!utf8_valid(key, n)) return err_set(e, ERR_INVALID, "name of %s is not UTF-8", what);
    if (!clean_path(key)) {
        err_set(e, ERR_INVALID, "name of %s '%s' is not a clean path", what, key);
        return err_hint(e, "leave out empty, '.' and '..' parts and slashes at the ends");
    }
    return 0;
}

int name_check(const char *what, const char *name, size_t max, struct err *e)
{
    size_t n = name ? strlen(name) : 0;
    if (n == 0) return err_set(e, ERR_INVALID, "%s name is empty", what);
    if (n > max)
        return err_set(e, ERR_INVALID, "%s name '%.40s…' exceeds the maximum length of %zu bytes",
                       what, name, max);
    if (!utf8_valid(name, n)) return err_set(e, ERR_INVALID, "%s name is not UTF-8", what);
    for (const char *p = name; *p; p++)
        if (iscntrl((unsigned char)*p))
            return err_set(e, ERR_INVALID, "%s name has a control character at %d", what,
                           (int)(p - name) + 1);
    return 0;
}
