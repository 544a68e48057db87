/* user.c: keys of callers, one row each. A key is revoked, never removed, so that the audit log's
 * names keep their meaning and a revoked key can be told from one that never was. */
#include "store/user.h"
#include "base/secret.h"
#include "store/store_priv.h"

#define COLUMNS "id, name, role, hash, prefix, created_us, expires_us, revoked_us, created_by"

static void read_user(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct user *)ret = (struct user){
        .id = db_dup_or(st, 0, a),
        .name = db_dup_or(st, 1, a),
        .role = db_dup_or(st, 2, a),
        .hash = db_dup_or(st, 3, a),
        .prefix = db_dup_or(st, 4, a),
        .created_us = db_i64(st, 5),
        .expires_us = db_i64(st, 6),
        .revoked_us = db_i64(st, 7),
        .created_by = db_dup_or(st, 8, a),
    };
}

int user_add(struct store *s, const struct user *u, struct err *e)
{
    unsigned char bin[SECRET_BYTES];
    bool own;
    int r = name_check("user", u->name, 100, e);

    if (r < 0) return r;
    if (!secret_from_hex(u->hash, bin))
        return err_set(e, ERR_INVALID, "the hash of a key has %d hex digits", SECRET_HEX);
    r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = store_exec(
        s, "INSERT INTO api_key (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        DB_ARGS(db_t(u->id), db_t(u->name), db_t(u->role), db_t(u->hash), db_t(u->prefix),
                db_i(u->created_us), db_i(u->expires_us), db_i(u->revoked_us), db_t(u->created_by)),
        NULL, e);
    return tx_leave(s, own, r, e);
}

int user_list(struct store *s, struct arena *a, struct user **ret, size_t *n, struct err *e)
{
    return store_all(s, a, "SELECT " COLUMNS " FROM api_key ORDER BY created_us, id", DB_NOARGS,
                     sizeof **ret, read_user, ret, n, e);
}

static int revoke(struct store *s, const char *which, int64_t at_us, int64_t *ret_n, struct err *e)
{
    int64_t known = 0;
    int r = db_number(s->db, "SELECT count(*) FROM api_key WHERE id = $1 OR name = $1",
                      DB_ARGS(db_t(which)), 0, &known, e);
    if (r < 0) return r;
    if (!known) {
        err_set(e, ERR_NOTFOUND, "there is no user or key '%s'", which);
        return err_hint(e, "'signalbox user list' shows names and ids");
    }
    return store_exec(s,
                      "UPDATE api_key SET revoked_us = $2"
                      " WHERE (id = $1 OR name = $1) AND revoked_us = 0",
                      DB_ARGS(db_t(which), db_i(at_us)), ret_n, e);
}

int user_revoke(struct store *s, const char *which, int64_t at_us, int64_t *ret_n, struct err *e)
{
    bool own;
    int64_t n = 0;
    int r = tx_enter(s, &own, e);

    if (r < 0) return r;
    r = tx_leave(s, own, revoke(s, which, at_us, &n, e), e);
    if (r == 0) *ret_n = n;
    return r;
}
