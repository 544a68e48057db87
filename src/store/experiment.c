/* experiment.c: experiments: named folders of runs. Numbers are assigned in order; 0 is
 * "Default" and made with the schema. Deleting marks the experiment and its runs, restoring
 * brings all of them back, so an active run is always in an active experiment. A name stays
 * taken while its experiment is deleted. */
#include "store/run_priv.h"
#include <string.h>

#define NAME_MAX_BYTES 500
#define COLUMNS                                                                                    \
    "x.id, x.name, x.lifecycle, x.created_us, x.updated_us,"                                       \
    " (SELECT count(*) FROM run r WHERE r.experiment_id = x.id AND r.lifecycle = 'active')"

static void read_row(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct experiment *)ret = (struct experiment){
        .id = db_dup_or(st, 0, a),
        .name = db_dup_or(st, 1, a),
        .lifecycle = db_dup_or(st, 2, a),
        .created_us = db_i64(st, 3),
        .updated_us = db_i64(st, 4),
        .n_runs = db_i64(st, 5),
    };
}

struct found {
    int64_t id;
    bool active;
};

static void read_found(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    const char *lifecycle = db_text(st, 1);
    *(struct found *)ret = (struct found){ db_i64(st, 0), str_eq(lifecycle, "active") };
}

int experiment_find(struct store *s, const char *name_or_id, int64_t *ret, bool *ret_active,
                    struct err *e)
{
    struct found f;
    long long number = -1;
    if (!str_to_i64(name_or_id, &number)) number = -1;
    /* A name wins over an equal number. */
    int r = store_one(s, NULL,
                      "SELECT id, lifecycle FROM experiment WHERE name = $1 OR id = $2"
                      " ORDER BY CASE WHEN name = $1 THEN 0 ELSE 1 END LIMIT 1",
                      DB_ARGS(db_t(name_or_id), db_i(number)), read_found, &f, e);
    if (r < 0) return r;
    if (r == 0) {
        err_set(e, ERR_NOTFOUND, "no experiment '%s'", name_or_id);
        return err_hint(e, "`signalbox experiment list` shows them");
    }
    *ret = f.id;
    if (ret_active) *ret_active = f.active;
    return 0;
}

static int get(struct store *s, struct arena *a, int64_t id, struct experiment *ret, struct err *e)
{
    int r = store_one(s, a, "SELECT " COLUMNS " FROM experiment x WHERE x.id = $1",
                      DB_ARGS(db_i(id)), read_row, ret, e);
    if (r == 0) return err_set(e, ERR_NOTFOUND, "no experiment %lld", (long long)id);
    return r < 0 ? r : 0;
}

static int create(struct store *s, struct arena *a, const char *name, struct experiment *ret,
                  struct err *e)
{
    int64_t id = 0;
    int r = db_number(s->db, "SELECT max(id) + 1 FROM experiment", DB_NOARGS, 0, &id, e);
    if (r < 0) return r;
    r = store_exec(s,
                   "INSERT INTO experiment (id, name, created_us, updated_us)"
                   " VALUES ($1, $2, $3, $3)",
                   DB_ARGS(db_i(id), db_t(name), db_i(store_now(s))), NULL, e);
    if (r == -ERR_EXISTS) return err_set(e, ERR_EXISTS, "experiment '%s' exists already", name);
    return r < 0 ? r : get(s, a, id, ret, e);
}

int store_experiment_create(struct store *s, struct arena *a, const char *name,
                            struct experiment *ret, struct err *e)
{
    bool own;
    struct experiment x;
    int r = name_check("experiment", name, NAME_MAX_BYTES, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = tx_leave(s, own, create(s, a, name, &x, e), e);
    if (r == 0) *ret = x;
    return r;
}

int store_experiment_get(struct store *s, struct arena *a, const char *name_or_id,
                         struct experiment *ret, struct err *e)
{
    int64_t id;
    int r = experiment_find(s, name_or_id, &id, NULL, e);
    return r < 0 ? r : get(s, a, id, ret, e);
}

int store_experiment_list(struct store *s, struct arena *a, struct experiment **ret, size_t *n,
                          struct err *e)
{
    return store_all(s, a, "SELECT " COLUMNS " FROM experiment x ORDER BY x.id", DB_NOARGS,
                     sizeof **ret, read_row, ret, n, e);
}

static int set_lifecycle(struct store *s, const char *id, const char *lifecycle, struct err *e)
{
    int64_t number;
    bool active;
    int r = experiment_find(s, id, &number, &active, e);
    if (r < 0) return r;
    if (active == !strcmp(lifecycle, "active")) return 0;
    r = store_exec(s, "UPDATE experiment SET lifecycle = $2, updated_us = $3 WHERE id = $1",
                   DB_ARGS(db_i(number), db_t(lifecycle), db_i(store_now(s))), NULL, e);
    if (r < 0) return r;
    return store_exec(s, "UPDATE run SET lifecycle = $2 WHERE experiment_id = $1",
                      DB_ARGS(db_i(number), db_t(lifecycle)), NULL, e);
}

int store_experiment_set_lifecycle(struct store *s, const char *id, const char *lifecycle,
                                   struct err *e)
{
    if (strcmp(lifecycle, "active") != 0 && strcmp(lifecycle, "deleted") != 0)
        return err_set(e, ERR_INVALID, "lifecycle '%s' is neither active nor deleted", lifecycle);
    bool own;
    int r = tx_enter(s, &own, e);
    return r < 0 ? r : tx_leave(s, own, set_lifecycle(s, id, lifecycle, e), e);
}
