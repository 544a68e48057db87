/* store_priv.h: what the aggregates of src/store share, and nobody else includes (its tests do).
 *
 * A writing function wraps its statements in tx_enter … tx_leave: inside a transaction of the
 * caller it joins that one, otherwise it is one of its own. When it fails inside the caller's
 * transaction, the caller rolls back. Functions check what can be refused before they write. */
#pragma once
#include "store/db.h"
#include "store/store.h"

struct monitored_memo;
struct store {
    struct db *db;
    char *dir;
    const struct clock *clock;
    struct monitored_memo *memo; /* monitor_priv.h; NULL outside transactions */
};

/* How a test opens a store on another driver. Zero and NULL: the defaults. */
struct store_driver {
    const char *driver;
    struct db_fault *fault;
    int wait_ms;
};
int store_open_on(struct store **ret, const char *dir, unsigned flags, const struct clock *clock,
                  const struct store_driver *on, struct err *e);

int tx_enter(struct store *s, bool *ret_own, struct err *e);
/* r: outcome so far. Commits or rolls back when own; returns r or the commit's failure. */
int tx_leave(struct store *s, bool own, int r, struct err *e);

/* Reads one row of a result into a struct; texts go into the arena. */
typedef void (*row_fn)(struct db_stmt *st, struct arena *a, void *ret);
/* First row into *ret. 1, 0 when there is none, or -kind. */
int store_one(struct store *s, struct arena *a, const char *sql, struct db_args args, row_fn row,
              void *ret, struct err *e);
/* All rows into an arena array; ret is the address of the caller's array pointer. */
int store_all(struct store *s, struct arena *a, const char *sql, struct db_args args, size_t size,
              row_fn row, void *ret, size_t *ret_n, struct err *e);
static inline int store_exec(struct store *s, const char *sql, struct db_args args,
                             int64_t *ret_changed, struct err *e)
{
    return db_exec(s->db, sql, args, ret_changed, e);
}

/* Keys of params, metrics and tags: letters, digits, _ / . - : and space, at most 250 bytes,
 * a clean relative path. */
int key_check(const char *what, const char *key, struct err *e);
/* Names of experiments, models, data sets: not empty, at most max bytes, no control characters. */
int name_check(const char *what, const char *name, size_t max, struct err *e);

/* Highest schema version this program knows, and moving a database there. */
int schema_latest(void);
int schema_migrate(struct store *s, struct err *e);
int schema_version(struct store *s, int64_t *ret, struct err *e);
