/* dataset.c: imported data sets. A name has versions 1, 2, …; bytes that some version of the
 * name has already are that version. Rows are never changed. */
#include "store/dataset.h"
#include "base/id.h"
#include "base/str.h"
#include "store/store_priv.h"
#include <string.h>

#define COLUMNS                                                                                    \
    "d.id, d.name, d.version, d.digest, d.size, d.n_rows, d.n_columns, d.skipped_rows, d.source,"  \
    " d.format, d.schema_json, d.profile_json, d.created_us"

static void read_row(struct db_stmt *st, struct arena *a, void *ret)
{
    struct dataset *d = ret;
    *d = (struct dataset){
        .id = db_dup_or(st, 0, a),
        .name = db_dup_or(st, 1, a),
        .version = db_i64(st, 2),
        .digest = db_dup_or(st, 3, a),
        .size = db_i64(st, 4),
        .rows = db_i64(st, 5),
        .columns = db_i64(st, 6),
        .skipped_rows = db_i64(st, 7),
        .source = db_dup_or(st, 8, a),
        .format = db_dup_or(st, 9, a),
        .schema = db_dup_or(st, 10, a),
        .profile = db_dup_or(st, 11, a),
        .created_us = db_i64(st, 12),
    };
}

static int check(const struct dataset *d, struct err *e)
{
    int r = name_check("data set", d->name, 500, e);
    if (r < 0) return r;
    if (strchr(d->name, ':')) {
        err_set(e, ERR_INVALID, "data set name '%s' has a ':'", d->name);
        return err_hint(e, "NAME:3 means version 3 of NAME");
    }
    return 0;
}

static int insert(struct store *s, const struct dataset *d, int64_t *ret_version, struct err *e)
{
    int64_t version = 0;
    int r = db_number(s->db, "SELECT max(version) FROM dataset WHERE name = $1",
                      DB_ARGS(db_t(d->name)), 0, &version, e);
    if (r < 0) return r;
    char id[ULID_LEN + 1];
    id_ulid(id, store_now(s));
    int64_t created = d->created_us ? d->created_us : store_now(s);
    r = store_exec(s,
                   "INSERT INTO dataset (id, name, version, digest, size, n_rows, n_columns,"
                   " skipped_rows, source, format, schema_json, profile_json, created_us)"
                   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                   DB_ARGS(db_t(d->id ? d->id : id), db_t(d->name), db_i(version + 1),
                           db_t(d->digest), db_i(d->size), db_i(d->rows), db_i(d->columns),
                           db_i(d->skipped_rows), db_t(d->source ? d->source : ""),
                           db_t(d->format ? d->format : ""), db_t(d->schema ? d->schema : "[]"),
                           db_t(d->profile ? d->profile : "{}"), db_i(created)),
                   NULL, e);
    if (r == 0) *ret_version = version + 1;
    return r;
}

int store_dataset_add(struct store *s, struct dataset *d, int64_t *ret_version, struct err *e)
{
    int r = check(d, e);
    if (r < 0) return r;
    bool own;
    r = tx_enter(s, &own, e);
    if (r < 0) return r;
    int64_t version = 0;
    r = db_number(s->db, "SELECT version FROM dataset WHERE name = $1 AND digest = $2",
                  DB_ARGS(db_t(d->name), db_t(d->digest)), 0, &version, e);
    if (r == 0 && version == 0) r = insert(s, d, &version, e);
    r = tx_leave(s, own, r, e);
    if (r < 0) return r;
    d->version = version;
    *ret_version = version;
    return 0;
}

int store_dataset_get(struct store *s, struct arena *a, const char *ref, struct dataset *ret,
                      struct err *e)
{
    const char *colon = strrchr(ref, ':');
    long long version = 0;
    if (colon && !str_to_i64(colon + 1, &version))
        return err_set(e, ERR_INVALID, "'%s': the version after ':' is not a number", ref);
    const char *name = colon ? arena_strndup(a, ref, (size_t)(colon - ref)) : ref;
    int r = colon ? store_one(s, a,
                              "SELECT " COLUMNS " FROM dataset d WHERE name = $1 AND version = $2",
                              DB_ARGS(db_t(name), db_i(version)), read_row, ret, e)
                  : store_one(s, a,
                              "SELECT " COLUMNS " FROM dataset d WHERE name = $1"
                              " ORDER BY version DESC LIMIT 1",
                              DB_ARGS(db_t(name)), read_row, ret, e);
    if (r > 0) return 0;
    if (r < 0) return r;
    err_set(e, ERR_NOTFOUND, "no data set '%s'", ref);
    return err_hint(e, "`signalbox data list` shows them, `signalbox data import` adds one");
}

int store_dataset_list(struct store *s, struct arena *a, struct dataset **ret, size_t *n,
                       struct err *e)
{
    return store_all(s, a,
                     "SELECT " COLUMNS " FROM dataset d WHERE d.version ="
                     " (SELECT max(v.version) FROM dataset v WHERE v.name = d.name)"
                     " ORDER BY d.name",
                     DB_NOARGS, sizeof **ret, read_row, ret, n, e);
}
