/* rollout.c: rollout documents, their events, what served and which daemons live.
 *
 * Rows only; what a document means is app/rollout.h's business. A bucket of counters is read,
 * added to and written back inside the caller's write transaction, so several daemons may add to
 * the same one; histograms are text (base/hist.h) and merged here, not in SQL. */
#include "store/rollout.h"

#include "base/vec.h"
#include "store/store_priv.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define EVENTS_DEFAULT 50

static const char *text_or(const char *s, const char *dflt)
{
    return s ? s : dflt;
}

/* -- documents ---------------------------------------------------------------------------- */
#define COLUMNS "model, id, number, document, updated_us"

static void read_rollout(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct rollout_row *)ret = (struct rollout_row){
        .model = db_dup_or(st, 0, a),
        .id = db_dup_or(st, 1, a),
        .number = db_i64(st, 2),
        .document = db_dup_or(st, 3, a),
        .updated_us = db_i64(st, 4),
    };
}

int rollout_get(struct store *s, struct arena *a, const char *model, struct rollout_row *ret,
                struct err *e)
{
    int r = store_one(s, a, "SELECT " COLUMNS " FROM rollout WHERE model = $1",
                      DB_ARGS(db_t(model)), read_rollout, ret, e);
    if (r != 0) return r < 0 ? r : 0;
    err_set(e, ERR_NOTFOUND, "%s has no rollout", model);
    return err_hint(e,
                    "its traffic goes to the version in Production; 'canary start %s' or "
                    "'route set %s' makes a rollout",
                    model, model);
}

int rollout_list(struct store *s, struct arena *a, struct rollout_row **ret, size_t *n,
                 struct err *e)
{
    return store_all(s, a, "SELECT " COLUMNS " FROM rollout ORDER BY model", DB_NOARGS,
                     sizeof **ret, read_rollout, ret, n, e);
}

static int write_rollout(struct store *s, const struct rollout_row *row, struct err *e)
{
    int64_t changed = 0;
    struct db_args args = DB_ARGS(db_t(row->model), db_t(row->id), db_i(row->number),
                                  db_t(row->document), db_i(store_now(s)));
    int r = row->number == 0
                ? store_exec(s,
                             "INSERT INTO rollout (" COLUMNS ") VALUES ($1, $2, $3 + 1, $4, $5)"
                             " ON CONFLICT (model) DO NOTHING",
                             args, &changed, e)
                : store_exec(s,
                             "UPDATE rollout SET id = $2, number = $3 + 1, document = $4,"
                             " updated_us = $5 WHERE model = $1 AND number = $3",
                             args, &changed, e);
    if (r < 0 || changed) return r;
    err_set(e, ERR_CONFLICT, "somebody else changed the rollout of %s first", row->model);
    return err_hint(e, "'route show %s' shows how it is now", row->model);
}

int rollout_put(struct store *s, const struct rollout_row *row, struct err *e)
{
    bool own;
    int r = name_check("model", row->model, 500, e);
    if (r == 0 && (!row->document || !row->id))
        r = err_set(e, ERR_INVALID, "a rollout needs an id and a document");
    if (r == 0) r = tx_enter(s, &own, e);
    return r < 0 ? r : tx_leave(s, own, write_rollout(s, row, e), e);
}

static int remove_rollout(struct store *s, const char *model, struct err *e)
{
    int64_t changed = 0;
    int r =
        store_exec(s, "DELETE FROM rollout WHERE model = $1", DB_ARGS(db_t(model)), &changed, e);
    if (r < 0 || changed) return r;
    return err_set(e, ERR_NOTFOUND, "%s has no rollout", model);
}

int rollout_delete(struct store *s, const char *model, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);
    return r < 0 ? r : tx_leave(s, own, remove_rollout(s, model, e), e);
}

/* -- events ------------------------------------------------------------------------------- */
#define EVENT_COLUMNS "seq, at_us, model, id, type, actor, reason, detail"

static void read_event(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct rollout_event *)ret = (struct rollout_event){
        .seq = db_i64(st, 0),
        .at_us = db_i64(st, 1),
        .model = db_dup_or(st, 2, a),
        .id = db_dup_or(st, 3, a),
        .type = db_dup_or(st, 4, a),
        .actor = db_dup_or(st, 5, a),
        .reason = db_dup_or(st, 6, a),
        .detail = db_dup_or(st, 7, a),
    };
}

static int add_event(struct store *s, const struct rollout_event *ev, struct err *e)
{
    int64_t seq = 0;
    int r = db_number(s->db, "SELECT max(seq) + 1 FROM rollout_event", DB_NOARGS, 1, &seq, e);
    if (r < 0) return r;
    return store_exec(s,
                      "INSERT INTO rollout_event (" EVENT_COLUMNS ")"
                      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                      DB_ARGS(db_i(seq), db_i(ev->at_us ? ev->at_us : store_now(s)),
                              db_t(ev->model), db_t(text_or(ev->id, "")), db_t(ev->type),
                              db_t(text_or(ev->actor, "")), db_t(text_or(ev->reason, "")),
                              db_t(text_or(ev->detail, "{}"))),
                      NULL, e);
}

int rollout_event_add(struct store *s, const struct rollout_event *ev, struct err *e)
{
    bool own;
    if (!ev->model || !ev->type)
        return err_set(e, ERR_INVALID, "an event of a rollout needs a model and a type");
    int r = tx_enter(s, &own, e);
    return r < 0 ? r : tx_leave(s, own, add_event(s, ev, e), e);
}

int rollout_events(struct store *s, struct arena *a, const char *model, int64_t limit,
                   struct rollout_event **ret, size_t *n, struct err *e)
{
    struct db_arg args[] = { db_i(limit > 0 ? limit : EVENTS_DEFAULT), db_t(model) };
    return store_all(s, a,
                     model ? "SELECT " EVENT_COLUMNS " FROM rollout_event WHERE model = $2"
                             " ORDER BY seq DESC LIMIT $1"
                           : "SELECT " EVENT_COLUMNS " FROM rollout_event"
                             " ORDER BY seq DESC LIMIT $1",
                     (struct db_args){ args, model ? 2 : 1 }, sizeof **ret, read_event, ret, n, e);
}

/* -- what served -------------------------------------------------------------------------- */
#define SUM_COLUMNS                                                                                \
    "model, start_us, version, role, rollout_id, requests, n_rows, errors, cached, fallbacks,"     \
    " seconds, compared, agreed, sum_abs_dp, max_abs_dp, abs_dp, confusion00, confusion01,"        \
    " confusion10, confusion11"

static void read_sum(struct db_stmt *st, struct arena *a, void *ret)
{
    struct serving_sum *d = ret;

    *d = (struct serving_sum){
        .model = db_dup_or(st, 0, a),
        .from_us = db_i64(st, 1),
        .to_us = db_i64(st, 1) + SERVING_BUCKET_US,
        .version = db_i64(st, 2),
        .role = db_dup_or(st, 3, a),
        .rollout_id = db_dup_or(st, 4, a),
        .requests = db_i64(st, 5),
        .rows = db_i64(st, 6),
        .errors = db_i64(st, 7),
        .cached = db_i64(st, 8),
        .fallbacks = db_i64(st, 9),
        .compared = db_i64(st, 11),
        .agreed = db_i64(st, 12),
        .sum_abs_dp = db_f64(st, 13),
        .max_abs_dp = db_f64(st, 14),
        .confusion = { db_i64(st, 16), db_i64(st, 17), db_i64(st, 18), db_i64(st, 19) },
    };
    /* a histogram nobody can read counts as none; the sums beside it stand */
    (void)hist_read(&d->seconds, db_text(st, 10));
    (void)hist_read(&d->abs_dp, db_text(st, 15));
}

static void add_up(struct serving_sum *into, const struct serving_sum *d)
{
    if (d->from_us < into->from_us) into->from_us = d->from_us;
    if (d->to_us > into->to_us) into->to_us = d->to_us;
    into->requests += d->requests;
    into->rows += d->rows;
    into->errors += d->errors;
    into->cached += d->cached;
    into->fallbacks += d->fallbacks;
    hist_merge(&into->seconds, &d->seconds);
    into->compared += d->compared;
    into->agreed += d->agreed;
    into->sum_abs_dp += d->sum_abs_dp;
    if (d->max_abs_dp > into->max_abs_dp) into->max_abs_dp = d->max_abs_dp;
    hist_merge(&into->abs_dp, &d->abs_dp);
    for (int i = 0; i < 4; i++) into->confusion[i] += d->confusion[i];
}

static int64_t bucket_start(int64_t us)
{
    int64_t rest = us % SERVING_BUCKET_US;
    return us - (rest < 0 ? rest + SERVING_BUCKET_US : rest);
}

static int write_sum(struct store *s, const struct serving_sum *d, struct err *e)
{
    STR_AUTO seconds = STR_INIT;
    STR_AUTO abs_dp = STR_INIT;

    hist_write(&d->seconds, &seconds);
    hist_write(&d->abs_dp, &abs_dp);
    return store_exec(
        s,
        "INSERT INTO serving_bucket (" SUM_COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,"
        " $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)"
        " ON CONFLICT (model, start_us, version, role, rollout_id) DO UPDATE SET"
        " requests = excluded.requests, n_rows = excluded.n_rows, errors = excluded.errors,"
        " cached = excluded.cached, fallbacks = excluded.fallbacks, seconds = excluded.seconds,"
        " compared = excluded.compared, agreed = excluded.agreed,"
        " sum_abs_dp = excluded.sum_abs_dp, max_abs_dp = excluded.max_abs_dp,"
        " abs_dp = excluded.abs_dp, confusion00 = excluded.confusion00,"
        " confusion01 = excluded.confusion01, confusion10 = excluded.confusion10,"
        " confusion11 = excluded.confusion11",
        DB_ARGS(db_t(d->model), db_i(d->from_us), db_i(d->version), db_t(d->role),
                db_t(d->rollout_id), db_i(d->requests), db_i(d->rows), db_i(d->errors),
                db_i(d->cached), db_i(d->fallbacks), db_t(str_c(&seconds)), db_i(d->compared),
                db_i(d->agreed), db_f(d->sum_abs_dp), db_f(d->max_abs_dp), db_t(str_c(&abs_dp)),
                db_i(d->confusion[0]), db_i(d->confusion[1]), db_i(d->confusion[2]),
                db_i(d->confusion[3])),
        NULL, e);
}

int serving_add(struct store *s, const struct serving_sum *d, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct serving_sum at = *d, old;

    assert(store_in_tx(s));
    if (!d->model) return err_set(e, ERR_INVALID, "counts of serving need a model");
    at.role = text_or(d->role, "production");
    at.rollout_id = text_or(d->rollout_id, "");
    at.from_us = bucket_start(d->from_us);
    at.to_us = at.from_us + SERVING_BUCKET_US;
    int r = store_one(s, &a,
                      "SELECT " SUM_COLUMNS " FROM serving_bucket WHERE model = $1"
                      " AND start_us = $2 AND version = $3 AND role = $4 AND rollout_id = $5",
                      DB_ARGS(db_t(at.model), db_i(at.from_us), db_i(at.version), db_t(at.role),
                              db_t(at.rollout_id)),
                      read_sum, &old, e);
    if (r > 0) add_up(&at, &old);
    if (r >= 0) r = write_sum(s, &at, e);
    arena_done(&a);
    return r;
}

int serving_buckets(struct store *s, struct arena *a, const char *model, int64_t from_us,
                    int64_t to_us, struct serving_sum **ret, size_t *n, struct err *e)
{
    return store_all(s, a,
                     model ? "SELECT " SUM_COLUMNS " FROM serving_bucket WHERE model = $3"
                             " AND start_us >= $1 AND start_us < $2"
                             " ORDER BY start_us, model, version, role, rollout_id"
                           : "SELECT " SUM_COLUMNS " FROM serving_bucket WHERE $3 = ''"
                             " AND start_us >= $1 AND start_us < $2"
                             " ORDER BY start_us, model, version, role, rollout_id",
                     DB_ARGS(db_i(bucket_start(from_us)), db_i(to_us), db_t(text_or(model, ""))),
                     sizeof **ret, read_sum, ret, n, e);
}

static bool same_arm(const struct serving_sum *x, const struct serving_sum *y)
{
    return x->version == y->version && str_eq(x->model, y->model) && str_eq(x->role, y->role) &&
           str_eq(x->rollout_id, y->rollout_id);
}

/* Rows come arm by arm and are not kept: a day of a canary is some 17,000 of them. */
static int sum_rows(struct db_stmt *st, struct arena *a, struct serving_sum **ret, size_t *ret_n,
                    struct err *e)
{
    VEC(struct serving_sum) sums = VEC_INIT;
    struct arena text = ARENA_INIT;
    struct serving_sum row;
    int r;

    while ((r = db_step(st, e)) > 0) {
        arena_reset(&text);
        read_sum(st, &text, &row);
        struct serving_sum *last = sums.n ? &sums.p[sums.n - 1] : NULL;
        if (last && same_arm(last, &row)) {
            add_up(last, &row);
            continue;
        }
        row.model = arena_strdup(a, row.model);
        row.role = arena_strdup(a, row.role);
        row.rollout_id = arena_strdup(a, row.rollout_id);
        vec_push(&sums, row);
    }
    if (r == 0) {
        *ret = arena_array(a, sums.n + 1, struct serving_sum);
        if (sums.n) memcpy(*ret, sums.p, sums.n * sizeof row);
        *ret_n = sums.n;
    }
    vec_done(&sums);
    arena_done(&text);
    return r;
}

int serving_sums(struct store *s, struct arena *a, const char *model, int64_t from_us,
                 int64_t to_us, struct serving_sum **ret, size_t *n, struct err *e)
{
    struct db_stmt *st;
    int r =
        db_query(s->db, &st,
                 model ? "SELECT " SUM_COLUMNS " FROM serving_bucket WHERE model = $3"
                         " AND start_us >= $1 AND start_us < $2"
                         " ORDER BY model, version, role, rollout_id, start_us"
                       : "SELECT " SUM_COLUMNS " FROM serving_bucket WHERE $3 = ''"
                         " AND start_us >= $1 AND start_us < $2"
                         " ORDER BY model, version, role, rollout_id, start_us",
                 DB_ARGS(db_i(bucket_start(from_us)), db_i(to_us), db_t(text_or(model, ""))), e);
    if (r < 0) return r;
    r = sum_rows(st, a, ret, n, e);
    db_end(st);
    return r;
}

static void read_stretch(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(struct serving_sum *)ret = (struct serving_sum){ .from_us = db_i64(st, 0),
                                                       .version = db_i64(st, 1),
                                                       .requests = db_i64(st, 2),
                                                       .errors = db_i64(st, 3) };
}

int serving_stretches(struct store *s, struct arena *a, const char *model, const char *rollout_id,
                      int64_t from_us, int64_t width_us, struct serving_sum **ret, size_t *n,
                      struct err *e)
{
    assert(width_us > 0);
    from_us = bucket_start(from_us);
    int r = store_all(s, a,
                      "SELECT (start_us - $3) / $4 AS stretch, version, sum(requests), sum(errors)"
                      " FROM serving_bucket WHERE model = $1 AND rollout_id = $2"
                      " AND start_us >= $3 GROUP BY stretch, version ORDER BY stretch, version",
                      DB_ARGS(db_t(model), db_t(rollout_id), db_i(from_us), db_i(width_us)),
                      sizeof **ret, read_stretch, ret, n, e);
    for (size_t i = 0; r == 0 && i < *n; i++)
        (*ret)[i].from_us = from_us + (*ret)[i].from_us * width_us;
    return r;
}

int serving_prune(struct store *s, int64_t before_us, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = store_exec(s, "DELETE FROM serving_bucket WHERE start_us < $1",
                   DB_ARGS(db_i(bucket_start(before_us))), NULL, e);
    if (r == 0)
        r = store_exec(s, "DELETE FROM serving_daemon WHERE seen_us < $1", DB_ARGS(db_i(before_us)),
                       NULL, e);
    return tx_leave(s, own, r, e);
}

/* -- daemons ------------------------------------------------------------------------------ */
static void read_daemon(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct serving_daemon *)ret = (struct serving_daemon){
        .id = db_dup_or(st, 0, a),
        .listen = db_dup_or(st, 1, a),
        .detail = db_dup_or(st, 2, a),
        .pid = db_i64(st, 3),
        .started_us = db_i64(st, 4),
        .seen_us = db_i64(st, 5),
    };
}

int serving_daemon_put(struct store *s, const struct serving_daemon *d, struct err *e)
{
    bool own;
    if (!d->id) return err_set(e, ERR_INVALID, "a daemon needs an id");
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = store_exec(s,
                   "INSERT INTO serving_daemon (id, listen, detail, pid, started_us, seen_us)"
                   " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO UPDATE SET"
                   " listen = excluded.listen, detail = excluded.detail, pid = excluded.pid,"
                   " started_us = excluded.started_us, seen_us = excluded.seen_us",
                   DB_ARGS(db_t(d->id), db_t(text_or(d->listen, "")),
                           db_t(text_or(d->detail, "{}")), db_i(d->pid), db_i(d->started_us),
                           db_i(d->seen_us ? d->seen_us : store_now(s))),
                   NULL, e);
    return tx_leave(s, own, r, e);
}

int serving_daemons(struct store *s, struct arena *a, struct serving_daemon **ret, size_t *n,
                    struct err *e)
{
    return store_all(s, a,
                     "SELECT id, listen, detail, pid, started_us, seen_us FROM serving_daemon"
                     " ORDER BY started_us, id",
                     DB_NOARGS, sizeof **ret, read_daemon, ret, n, e);
}
