/* snapshot.c: windows and what was measured in them.
 *
 * A window is dirty while its mark, which every batch of rows raises, is above `measured`, the
 * mark that the newest snapshot saw. The mark is read before measuring and comes back with the
 * snapshot, so rows that arrive in between leave the window dirty without any lock being held
 * while it is measured. A snapshot that saw less than one already there is refused: a process
 * that was overtaken must not have the last word. A window nobody touched has mark 0 and no row. */
#include "store/snapshot.h"
#include "store/monitor_priv.h"
#include <assert.h>
#include <inttypes.h>

/* -- windows ------------------------------------------------------------------------------ */
static int touch(struct store *s, const char *model, struct window w, struct err *e)
{
    struct monitored m;
    int r = monitored_ensure(s, model, &m, e);
    if (r < 0 || (m.pruned && w.start_us < m.pruned_us)) return r;
    return store_exec(s,
                      "INSERT INTO monitor_window AS w (model, start_us, end_us, mark, touched_us)"
                      " VALUES ($1, $2, $3, 1, $4) ON CONFLICT (model, start_us, end_us)"
                      " DO UPDATE SET mark = w.mark + 1, touched_us = excluded.touched_us",
                      DB_ARGS(db_i(m.id), db_i(w.start_us), db_i(w.end_us), db_i(store_now(s))),
                      NULL, e);
}

int window_touch(struct store *s, const char *model, struct window w, struct err *e)
{
    assert(w.start_us < w.end_us);
    bool own;
    int r = tx_enter(s, &own, e);
    return r < 0 ? r : tx_leave(s, own, touch(s, model, w, e), e);
}

static void read_window(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(struct window *)ret = (struct window){ db_i64(st, 0), db_i64(st, 1) };
}

int window_dirty(struct store *s, struct arena *a, const char *model, int64_t until_us,
                 struct window **ret, size_t *n, struct err *e)
{
    return store_all(s, a,
                     "SELECT start_us, end_us FROM monitor_window"
                     " WHERE model = (SELECT id FROM monitored WHERE name = $1)"
                     " AND mark > measured AND end_us <= $2 ORDER BY start_us, end_us",
                     DB_ARGS(db_t(model), db_i(until_us)), sizeof **ret, read_window, ret, n, e);
}

int window_mark(struct store *s, const char *model, struct window w, int64_t *ret_seen,
                struct err *e)
{
    return db_number(s->db,
                     "SELECT mark FROM monitor_window"
                     " WHERE model = (SELECT id FROM monitored WHERE name = $1)"
                     " AND start_us = $2 AND end_us = $3",
                     DB_ARGS(db_t(model), db_i(w.start_us), db_i(w.end_us)), 0, ret_seen, e);
}

int window_backlog(struct store *s, int64_t until_us, int64_t *ret, struct err *e)
{
    return db_number(s->db,
                     "SELECT count(*) FROM monitor_window"
                     " WHERE mark > measured AND end_us <= $1 AND touched_us <= $1",
                     DB_ARGS(db_i(until_us)), 0, ret, e);
}

/* -- snapshots ---------------------------------------------------------------------------- */
struct place {
    int64_t seq, version;
};

static void read_place(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(struct place *)ret = (struct place){ db_i64(st, 0), db_i64(st, 1) };
}

static int insert(struct store *s, int64_t model, const struct snapshot *sn, int64_t *ret_version,
                  struct err *e)
{
    struct place p = { 0 };
    int r =
        store_one(s, NULL,
                  "SELECT (SELECT coalesce(max(seq), 0) + 1 FROM snapshot),"
                  " (SELECT coalesce(max(version), 0) + 1 FROM snapshot"
                  "  WHERE model = $1 AND start_us = $2 AND end_us = $3)",
                  DB_ARGS(db_i(model), db_i(sn->start_us), db_i(sn->end_us)), read_place, &p, e);
    if (r < 0) return r;
    *ret_version = p.version;
    return store_exec(s,
                      "INSERT INTO snapshot (seq, model, start_us, end_us, version, at_us, data)"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7)",
                      DB_ARGS(db_i(p.seq), db_i(model), db_i(sn->start_us), db_i(sn->end_us),
                              db_i(p.version), db_i(sn->at_us ? sn->at_us : store_now(s)),
                              db_t(sn->data ? sn->data : "{}")),
                      NULL, e);
}

/* Refuses what was measured before rows that a stored snapshot has seen. */
static int check_seen(struct store *s, int64_t model, const struct snapshot *sn, int64_t seen,
                      struct err *e)
{
    int64_t measured = 0;
    int r = db_number(s->db,
                      "SELECT measured FROM monitor_window"
                      " WHERE model = $1 AND start_us = $2 AND end_us = $3",
                      DB_ARGS(db_i(model), db_i(sn->start_us), db_i(sn->end_us)), 0, &measured, e);
    if (r < 0 || seen >= measured) return r;
    err_set(e, ERR_BUSY, "model '%s': somebody else measured the same window with newer rows",
            sn->model);
    return err_hint(e, "its snapshot stands; check again when more is to be measured");
}

static int add(struct store *s, const struct snapshot *sn, int64_t seen, int64_t *ret_version,
               struct err *e)
{
    struct monitored m;
    int r = monitored_ensure(s, sn->model, &m, e);
    if (r == 0) r = check_seen(s, m.id, sn, seen, e);
    if (r == 0) r = insert(s, m.id, sn, ret_version, e);
    if (r < 0) return r;
    return store_exec(s,
                      "UPDATE monitor_window SET measured = $4"
                      " WHERE model = $1 AND start_us = $2 AND end_us = $3",
                      DB_ARGS(db_i(m.id), db_i(sn->start_us), db_i(sn->end_us), db_i(seen)), NULL,
                      e);
}

int snapshot_add(struct store *s, const struct snapshot *sn, int64_t seen, int64_t *ret_version,
                 struct err *e)
{
    assert(sn->start_us < sn->end_us);
    bool own;
    int64_t version = 0;
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = tx_leave(s, own, add(s, sn, seen, &version, e), e);
    if (r == 0 && ret_version) *ret_version = version;
    return r;
}

#define COLUMNS "m.name, n.start_us, n.end_us, n.version, n.at_us, n.seq, n.data"

static void read_snapshot(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct snapshot *)ret = (struct snapshot){
        .model = db_dup_or(st, 0, a),
        .start_us = db_i64(st, 1),
        .end_us = db_i64(st, 2),
        .version = db_i64(st, 3),
        .at_us = db_i64(st, 4),
        .seq = db_i64(st, 5),
        .data = db_dup_or(st, 6, a),
    };
}

static void reverse(struct snapshot *list, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        struct snapshot t = list[i];
        list[i] = list[n - 1 - i];
        list[n - 1 - i] = t;
    }
}

int snapshot_list(struct store *s, struct arena *a, const char *model, int64_t from_us,
                  int64_t to_us, int64_t limit, struct snapshot **ret, size_t *n, struct err *e)
{
    struct snapshot *list = NULL;
    size_t count = 0;
    int r = store_all(
        s, a,
        "SELECT " COLUMNS " FROM snapshot n JOIN monitored m ON m.id = n.model"
        " WHERE m.name = $1 AND n.start_us >= $2 AND n.start_us < $3"
        " AND n.version = (SELECT max(v.version) FROM snapshot v"
        "  WHERE v.model = n.model AND v.start_us = n.start_us"
        "  AND v.end_us = n.end_us)"
        " ORDER BY n.start_us DESC, n.end_us DESC LIMIT $4",
        DB_ARGS(db_t(model), db_i(from_us), db_i(to_us), db_i(limit > 0 ? limit : INT64_MAX)),
        sizeof *list, read_snapshot, &list, &count, e);
    if (r < 0) return r;
    reverse(list, count);
    *ret = list;
    *n = count;
    return 0;
}

int snapshot_get(struct store *s, struct arena *a, const char *model, struct window w,
                 int64_t version, struct snapshot *ret, struct err *e)
{
    int r = store_one(s, a,
                      "SELECT " COLUMNS " FROM snapshot n JOIN monitored m ON m.id = n.model"
                      " WHERE m.name = $1 AND n.start_us = $2 AND n.end_us = $3"
                      " AND n.version = $4",
                      DB_ARGS(db_t(model), db_i(w.start_us), db_i(w.end_us), db_i(version)),
                      read_snapshot, ret, e);
    if (r == 0)
        return err_set(e, ERR_NOTFOUND, "%s has no version %" PRId64 " of that window", model,
                       version);
    return r < 0 ? r : 0;
}

int snapshot_window(struct store *s, int64_t seq, struct window *ret, struct err *e)
{
    int r = store_one(s, NULL, "SELECT start_us, end_us FROM snapshot WHERE seq = $1",
                      DB_ARGS(db_i(seq)), read_window, ret, e);
    if (r == 0) return err_set(e, ERR_NOTFOUND, "there is no snapshot %" PRId64, seq);
    return r < 0 ? r : 0;
}

int snapshot_history(struct store *s, struct arena *a, const char *model, struct snapshot **ret,
                     size_t *n, struct err *e)
{
    if (!model)
        return store_all(s, a,
                         "SELECT " COLUMNS " FROM snapshot n JOIN monitored m ON m.id = n.model"
                         " ORDER BY n.seq",
                         DB_NOARGS, sizeof **ret, read_snapshot, ret, n, e);
    return store_all(s, a,
                     "SELECT " COLUMNS " FROM snapshot n JOIN monitored m ON m.id = n.model"
                     " WHERE m.name = $1 ORDER BY n.seq",
                     DB_ARGS(db_t(model)), sizeof **ret, read_snapshot, ret, n, e);
}
