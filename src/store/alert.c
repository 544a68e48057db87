/* alert.c: alerts as they stand, and the events that made them so.
 *
 * Rows only: what an alert means, and whether the rows agree with what was measured, is
 * app/escalate.h's business. Events are only ever added; their numbers rise without gaps, since
 * they are given inside write transactions. A figure that is not known (NaN) is a null. */
#include "store/alert.h"
#include "store/store_priv.h"
#include <ctype.h>
#include <string.h>

#define ID_LEN      26
#define OPEN_FOR_US (24 * 3600 * 1000000LL) /* a resolved alert is listed as open this long */

#define COLUMNS                                                                                    \
    "id, model, rule, kind, state, severity, value, threshold, n, streak, clean, since_us,"        \
    " window_us, action, acked_by, acked_us, silenced_until_us, resolved_us, inhibited_by,"        \
    " group_key, detail, updated_us"

static void read_alert(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct alert *)ret = (struct alert){
        .id = db_dup_or(st, 0, a),
        .model = db_dup_or(st, 1, a),
        .rule = db_dup_or(st, 2, a),
        .kind = db_dup_or(st, 3, a),
        .state = db_dup_or(st, 4, a),
        .severity = db_dup_or(st, 5, a),
        .value = db_f64_or_nan(st, 6),
        .threshold = db_f64_or_nan(st, 7),
        .n = db_i64(st, 8),
        .streak = db_i64(st, 9),
        .clean = db_i64(st, 10),
        .since_us = db_i64(st, 11),
        .window_us = db_i64(st, 12),
        .recommended_action = db_dup_or(st, 13, a),
        .acked_by = db_dup(st, 14, a),
        .acked_us = db_i64(st, 15),
        .silenced_until_us = db_i64(st, 16),
        .resolved_us = db_i64(st, 17),
        .inhibited_by = db_dup(st, 18, a),
        .group = db_dup(st, 19, a),
        .detail = db_dup_or(st, 20, a),
        .updated_us = db_i64(st, 21),
    };
}

static const char * or (const char *s, const char *dflt)
{
    return s ? s : dflt;
}

static int check(const struct alert *a, struct err *e)
{
    int r = name_check("model", a->model, 500, e);
    if (r == 0) r = name_check("rule", a->rule, 500, e);
    if (r < 0) return r;
    if (a->id && strlen(a->id) == ID_LEN) return 0;
    return err_set(e, ERR_INVALID, "'%.40s' is not an id of an alert: %d characters are needed",
                   or (a->id, ""), ID_LEN);
}

int alert_put(struct store *s, const struct alert *a, struct err *e)
{
    bool own;
    int r = check(a, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = store_exec(
        s,
        "INSERT INTO alert (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11,"
        " $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)"
        " ON CONFLICT (id) DO UPDATE SET model = excluded.model, rule = excluded.rule,"
        " kind = excluded.kind, state = excluded.state, severity = excluded.severity,"
        " value = excluded.value, threshold = excluded.threshold, n = excluded.n,"
        " streak = excluded.streak, clean = excluded.clean, since_us = excluded.since_us,"
        " window_us = excluded.window_us, action = excluded.action,"
        " acked_by = excluded.acked_by, acked_us = excluded.acked_us,"
        " silenced_until_us = excluded.silenced_until_us, resolved_us = excluded.resolved_us,"
        " inhibited_by = excluded.inhibited_by, group_key = excluded.group_key,"
        " detail = excluded.detail, updated_us = excluded.updated_us",
        DB_ARGS(db_t(a->id), db_t(a->model), db_t(a->rule), db_t(or (a->kind, "")),
                db_t(or (a->state, "none")), db_t(or (a->severity, "info")), db_f_or_null(a->value),
                db_f_or_null(a->threshold), db_i(a->n), db_i(a->streak), db_i(a->clean),
                db_i(a->since_us), db_i(a->window_us), db_t(or (a->recommended_action, "none")),
                db_t(a->acked_by), db_i(a->acked_us), db_i(a->silenced_until_us),
                db_i(a->resolved_us), db_t(a->inhibited_by), db_t(a->group),
                db_t(or (a->detail, "{}")), db_i(a->updated_us)),
        NULL, e);
    return tx_leave(s, own, r, e);
}

int alert_get(struct store *s, struct arena *a, const char *id, struct alert *ret, struct err *e)
{
    struct alert *found = NULL;
    size_t n = 0;
    if (!id || !*id) return err_set(e, ERR_INVALID, "an alert's id is needed");
    int r = store_all(s, a,
                      "SELECT " COLUMNS " FROM alert"
                      " WHERE upper(substr(id, 1, length($1))) = upper($1) ORDER BY id LIMIT 2",
                      DB_ARGS(db_t(id)), sizeof *found, read_alert, &found, &n, e);
    if (r < 0) return r;
    if (n == 0) {
        err_set(e, ERR_NOTFOUND, "no alert '%s'", id);
        return err_hint(e, "`signalbox alert list` shows them");
    }
    if (n > 1)
        return err_set(e, ERR_CONFLICT, "'%s' is the beginning of several alert ids, %s and %s", id,
                       found[0].id, found[1].id);
    *ret = found[0];
    return 0;
}

#define WORST_FIRST                                                                                \
    " ORDER BY CASE state WHEN 'incident' THEN 0 WHEN 'watch' THEN 1 WHEN 'active' THEN 2"         \
    " ELSE 3 END, CASE severity WHEN 'critical' THEN 0 WHEN 'warning' THEN 1 ELSE 2 END,"          \
    " since_us DESC, model, rule"

int alert_list(struct store *s, struct arena *a, const char *model, bool only_open,
               struct alert **ret, size_t *n, struct err *e)
{
    struct db_arg open_since = db_i(only_open ? store_now(s) - OPEN_FOR_US : INT64_MIN);
    struct db_arg all = db_i(!only_open);
    if (!model)
        return store_all(s, a,
                         "SELECT " COLUMNS " FROM alert"
                         " WHERE $1 = 1 OR state <> 'none' OR resolved_us > $2" WORST_FIRST,
                         DB_ARGS(all, open_since), sizeof **ret, read_alert, ret, n, e);
    return store_all(s, a,
                     "SELECT " COLUMNS " FROM alert WHERE model = $3"
                     " AND ($1 = 1 OR state <> 'none' OR resolved_us > $2)" WORST_FIRST,
                     DB_ARGS(all, open_since, db_t(model)), sizeof **ret, read_alert, ret, n, e);
}

/* -- events ------------------------------------------------------------------------------- */
#define EVENT_COLUMNS                                                                              \
    "seq, at_us, alert_id, type, from_state, to_state, actor, reason, until_us, snapshot_seq"

static void read_event(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct alert_event *)ret = (struct alert_event){
        .seq = db_i64(st, 0),
        .at_us = db_i64(st, 1),
        .alert_id = db_dup_or(st, 2, a),
        .type = db_dup_or(st, 3, a),
        .from = db_dup(st, 4, a),
        .to = db_dup(st, 5, a),
        .actor = db_dup_or(st, 6, a),
        .reason = db_dup_or(st, 7, a),
        .until_us = db_i64(st, 8),
        .snapshot_seq = db_i64(st, 9),
    };
}

static int add_event(struct store *s, const struct alert_event *ev, int64_t *ret_seq, struct err *e)
{
    int64_t seq = 0;
    int r = db_number(s->db, "SELECT max(seq) + 1 FROM alert_event", DB_NOARGS, 1, &seq, e);
    if (r < 0) return r;
    r = store_exec(s,
                   "INSERT INTO alert_event (" EVENT_COLUMNS ")"
                   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                   DB_ARGS(db_i(seq), db_i(ev->at_us ? ev->at_us : store_now(s)),
                           db_t(ev->alert_id), db_t(ev->type), db_t(ev->from), db_t(ev->to),
                           db_t(or (ev->actor, "")), db_t(or (ev->reason, "")), db_i(ev->until_us),
                           db_i(ev->snapshot_seq)),
                   NULL, e);
    if (r == -ERR_NOTFOUND) return err_set(e, ERR_NOTFOUND, "no alert '%s'", ev->alert_id);
    if (r == 0) *ret_seq = seq;
    return r;
}

int alert_event_add(struct store *s, const struct alert_event *ev, int64_t *ret_seq, struct err *e)
{
    if (!ev->alert_id || !ev->type)
        return err_set(e, ERR_INVALID, "an event needs an alert and a type");
    bool own;
    int64_t seq = 0;
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = tx_leave(s, own, add_event(s, ev, &seq, e), e);
    if (r == 0 && ret_seq) *ret_seq = seq;
    return r;
}

int alert_events(struct store *s, struct arena *a, const char *alert_id, bool oldest_first,
                 int64_t limit, struct alert_event **ret, size_t *n, struct err *e)
{
    static const char *const sql[2][2] = {
        { "SELECT " EVENT_COLUMNS " FROM alert_event ORDER BY seq DESC LIMIT $1",
          "SELECT " EVENT_COLUMNS " FROM alert_event ORDER BY seq LIMIT $1" },
        { "SELECT " EVENT_COLUMNS " FROM alert_event WHERE alert_id = $2"
          " ORDER BY seq DESC LIMIT $1",
          "SELECT " EVENT_COLUMNS " FROM alert_event WHERE alert_id = $2 ORDER BY seq LIMIT $1" },
    };
    struct db_arg args[] = { db_i(limit > 0 ? limit : INT64_MAX), db_t(alert_id) };
    return store_all(s, a, sql[alert_id != NULL][oldest_first],
                     (struct db_args){ args, alert_id ? 2 : 1 }, sizeof **ret, read_event, ret, n,
                     e);
}
