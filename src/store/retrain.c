/* retrain.c: decisions of the retrain policy, as they were made. Rows are only ever added. */
#include "base/id.h"
#include "store/schedule.h"
#include "store/store_priv.h"

#define COLUMNS                                                                                    \
    "id, model, at_us, actor, cause, should_retrain, dry_run, job_id, duplicate_of, dedup_key,"    \
    " decision"

static void read_row(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct retrain_row *)ret = (struct retrain_row){
        .id = db_dup_or(st, 0, a),
        .model = db_dup_or(st, 1, a),
        .at_us = db_i64(st, 2),
        .actor = db_dup_or(st, 3, a),
        .trigger = db_dup_or(st, 4, a),
        .should_retrain = db_i64(st, 5) != 0,
        .dry_run = db_i64(st, 6) != 0,
        .job_id = db_dup(st, 7, a),
        .duplicate_of = db_dup(st, 8, a),
        .dedup_key = db_dup(st, 9, a),
        .decision = db_dup_or(st, 10, a),
    };
}

int retrain_add(struct store *s, const struct retrain_row *r, struct err *e)
{
    bool own;
    char made[ULID_LEN + 1];
    int64_t now = store_now(s);
    int rc = name_check("model", r->model, 500, e);
    if (rc == 0) rc = tx_enter(s, &own, e);
    if (rc < 0) return rc;
    if (!r->id) id_ulid(made, now);
    rc = store_exec(s,
                    "INSERT INTO retrain (" COLUMNS ")"
                    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                    DB_ARGS(db_t(r->id ? r->id : made), db_t(r->model),
                            db_i(r->at_us ? r->at_us : now), db_t(r->actor ? r->actor : ""),
                            db_t(r->trigger ? r->trigger : "policy"), db_i(r->should_retrain),
                            db_i(r->dry_run), db_t(r->job_id), db_t(r->duplicate_of),
                            db_t(r->dedup_key), db_t(r->decision ? r->decision : "{}")),
                    NULL, e);
    return tx_leave(s, own, rc, e);
}

int retrain_list(struct store *s, struct arena *a, const char *model, int64_t limit,
                 struct retrain_row **ret, size_t *n, struct err *e)
{
    if (limit <= 0) limit = 100;
    if (!model)
        return store_all(s, a,
                         "SELECT " COLUMNS " FROM retrain ORDER BY at_us DESC, id DESC LIMIT $1",
                         DB_ARGS(db_i(limit)), sizeof **ret, read_row, ret, n, e);
    return store_all(s, a,
                     "SELECT " COLUMNS " FROM retrain WHERE model = $2"
                     " ORDER BY at_us DESC, id DESC LIMIT $1",
                     DB_ARGS(db_i(limit), db_t(model)), sizeof **ret, read_row, ret, n, e);
}
