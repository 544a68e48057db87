/* retrain_watch.c: the time after a promotion: the new version against the rollback criteria.
 *
 *   none --a window is below the criterion--> incident (recommended: rollback)
 *     ^                                          |
 *     '-- rolled back, promoted anew, or a better window
 *
 * The alert is one row like any other, but it is not one of the rules: what it compares with
 * changes with each promotion, so it is written here and not replayed from snapshots. A window
 * is below only when the upper end of its interval is: a rollback on noise would be worse than
 * waiting one window more. */
#include "app/alert_fold.h"
#include "app/notify.h"
#include "app/registry.h"
#include "app/retrain.h"

#include <math.h>
#include <string.h>

struct verdict {
    double threshold;
    const struct retrain_window *worst; /* the newest one below; NULL: none */
    const struct retrain_window *last;  /* newest judged; NULL: none */
    int64_t judged;
};

/* NaN: nothing is known to compare with. */
static double criterion(const struct retrain_promoted *p, const struct retrain_settings *s)
{
    return isnan(p->rollback_below) ? p->accuracy - s->accuracy_drop : p->rollback_below;
}

static struct verdict judge(const struct retrain_promoted *p, const struct retrain_settings *s)
{
    struct verdict v = { .threshold = criterion(p, s) };

    for (size_t i = 0; i < p->n_windows && v.judged < s->watch_windows; i++) {
        const struct retrain_window *w = &p->window[i];
        double high = isnan(w->accuracy.high) ? w->accuracy.value : w->accuracy.high;
        if (isnan(w->accuracy.value) || w->end_us <= p->since_us) continue;
        v.judged++;
        v.last = w;
        v.worst = high < v.threshold ? w : NULL;
    }
    return v;
}

/* ---- the alert ------------------------------------------------------------------------------ */

static const char *detail_of(struct arena *a, const struct retrain_promoted *p,
                             const struct verdict *v, const char *action)
{
    struct val *o = val_obj(a);
    STR_AUTO json = STR_INIT;

    val_set_int(o, "version", p->version);
    val_set_str(o, "metric", "accuracy");
    val_set_real(o, "threshold", v->threshold);
    val_set_int(o, "windows", v->judged);
    val_set_real(o, "low", v->last ? v->last->accuracy.low : (double)NAN);
    val_set_real(o, "high", v->last ? v->last->accuracy.high : (double)NAN);
    if (action) val_set_str(o, "action", action);
    val_write_json(&json, o, 0);
    return arena_strdup(a, str_c(&json));
}

/* The row as it should be, over the row as it is (zeroed: none yet). */
static struct alert next_row(struct app *app, struct arena *a, const char *model,
                             const struct retrain_promoted *p, const struct verdict *v,
                             const struct alert *old)
{
    bool bad = v->worst != NULL, was = str_eq(old->state, "incident");
    int64_t now = clock_now(app->clock);
    char id[ALERT_ID_LEN + 1];
    struct alert al = *old;

    alert_make_id(id, model, RETRAIN_WATCH_RULE);
    al.id = arena_strdup(a, id);
    al.model = model;
    al.rule = RETRAIN_WATCH_RULE;
    al.kind = "performance";
    al.state = bad ? "incident" : "none";
    al.severity = bad ? "critical" : "info";
    al.recommended_action = bad ? "rollback" : "none";
    al.value = v->last ? v->last->accuracy.value : (double)NAN;
    al.n = v->last ? v->last->accuracy.n : 0;
    al.threshold = v->threshold;
    al.window_us = v->last ? v->last->start_us : 0;
    al.streak = bad;
    al.clean = !bad;
    al.detail = detail_of(a, p, v, NULL);
    if (bad == was && old->id) return al;
    al.since_us = now;
    al.resolved_us = bad ? 0 : now;
    if (!bad) {
        al.acked_by = NULL;
        al.acked_us = 0;
    }
    return al;
}

static bool same(const struct alert *x, const struct alert *y)
{
    return y->id && str_eq(x->state, y->state) && x->window_us == y->window_us && x->n == y->n &&
           str_eq(x->detail, y->detail) &&
           (x->value == y->value || (isnan(x->value) && isnan(y->value)));
}

/* An operator resolved it, and nothing new is known since. */
static bool settled(const struct alert *x, const struct alert *y)
{
    return str_eq(y->state, "none") && y->resolved_us && y->window_us == x->window_us &&
           y->n == x->n && str_eq(y->detail, x->detail);
}

static int put(struct app *app, struct alert *al, const char *from, const char *reason,
               struct err *e)
{
    int rc;

    al->updated_us = clock_now(app->clock);
    rc = alert_put(app->store, al, e);
    if (rc || str_eq(from, al->state)) return rc;
    const struct alert_event ev = { .at_us = al->updated_us,
                                    .alert_id = al->id,
                                    .type = "state",
                                    .from = from,
                                    .to = al->state,
                                    .actor = "signalbox",
                                    .reason = reason };
    rc = alert_event_add(app->store, &ev, NULL, e);
    return rc ? rc : notify_queue(app, al, from, e);
}

/* Takes the version out of Production; a second process that saw the same finds another version
 * there and does nothing. */
static int roll_back(struct app *app, struct arena *a, const struct retrain_promoted *p,
                     const struct verdict *v, struct alert *al, struct err *e)
{
    struct registry_moved moved;
    const char *reason = arena_printf(
        a, "accuracy %.4f of version %lld is below the criterion %.4f of the watch after promotion",
        v->worst->accuracy.value, (long long)p->version, v->threshold);
    int rc = registry_rollback(app, a, al->model, reason, &moved, e);

    if (rc) return rc;
    al->detail = detail_of(
        a, p, v, arena_printf(a, "rolled back to version %lld", (long long)moved.version.version));
    al->recommended_action = "observe";
    return put(app, al, al->state, reason, e);
}

/* ---- the watch ------------------------------------------------------------------------------ */

static int watch_in_tx(struct app *app, struct arena *a, const char *model,
                       const struct retrain_promoted *p, const struct retrain_settings *s,
                       struct err *e)
{
    struct verdict v = judge(p, s);
    struct alert old = { 0 };
    struct reg_version serving;
    char id[ALERT_ID_LEN + 1];
    int rc = store_version_by_stage(app->store, a, model, "Production", &serving, e);

    if (rc || serving.version != p->version) return rc; /* moved meanwhile: next time */
    alert_make_id(id, model, RETRAIN_WATCH_RULE);
    rc = alert_get(app->store, a, id, &old, e);
    if (rc == -ERR_NOTFOUND) {
        err_clear(e);
        rc = 0;
        if (!v.worst) return 0;
    }
    if (rc) return rc;
    struct alert al = next_row(app, a, model, p, &v, &old);
    if (same(&al, &old) || settled(&al, &old)) return 0;
    const char *from = old.state ? old.state : "none";
    rc = put(app, &al, from, v.worst ? "below the rollback criterion" : "within the criterion", e);
    if (rc || !v.worst || !s->auto_rollback) return rc;
    return roll_back(app, a, p, &v, &al, e);
}

static int watch(struct app *app, struct arena *a, const char *model,
                 const struct retrain_promoted *p, const struct retrain_settings *s, struct err *e)
{
    int rc = store_begin(app->store, e);

    if (rc) return rc;
    rc = watch_in_tx(app, a, model, p, s, e);
    if (rc) {
        store_rollback(app->store);
        return rc;
    }
    return store_commit(app->store, e);
}

/* What is not there is told by the kind of an error, so there is always one to look at. */
static int watch_model(struct app *app, struct arena *a, const char *model, struct err *e)
{
    struct retrain_settings s;
    struct retrain_promoted p;
    int rc = retrain_settings_read(app, a, &s, e);

    if (rc == 0) rc = retrain_promoted_read(app, a, model, &p, e);
    if (rc == -ERR_STATE) {
        err_clear(e);
        return 0;
    }
    if (rc || p.first || isnan(criterion(&p, &s))) return rc;
    return watch(app, a, model, &p, &s, e);
}

int retrain_watch(struct app *app, const char *model, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct err local = ERR_INIT;
    int rc = watch_model(app, &a, model, &local);

    if (rc && e) *e = local;
    arena_done(&a);
    return rc;
}
