/* alert.c: the verbs of alerts: list, show, and what an operator does about one: acknowledge,
 * silence, resolve. An act is an event of the alert and one step of its model's fold
 * (app/alert_fold.h), written together, since other alerts may change with it: resolving the
 * incident that says the data is broken lets drift speak again. */
#include "app/alert_fold.h"
#include "app/alertval.h"
#include "app/monitor.h"
#include "app/retrain.h"
#include "app/runval.h"
#include "app/settings.h"
#include "app/verb.h"
#include "store/snapshot.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { EVENTS_SHOWN = 50 };

int verb_alert_list(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct val *list = NULL;
    struct alert_query q = { .model = val_get_str(args, "model", NULL),
                             .only_open = !val_get_bool(args, "all", false),
                             .at_us = INT64_MAX };
    int rc = monitor_time(args, "at", &q.at_us, e);

    if (!rc) rc = alerts_to_val(app, &r->arena, &q, &list, e);
    if (rc) return rc;
    r->v = val_obj(&r->arena);
    val_set(r->v, "alerts", list);
    reply_table(r, "alerts", alert_columns);
    return 0;
}

/* ---- one alert ------------------------------------------------------------------------------ */

static void text_features(struct str *s, const struct val *list)
{
    for (size_t i = 0; i < val_len(list); i++)
        str_addf(s, "  %-24s effect %.4g%s\n", val_get_str(val_at(list, i), "name", ""),
                 val_get_real(val_at(list, i), "effect", (double)NAN),
                 val_get_bool(val_at(list, i), "drifted", false) ? "  drifted" : "");
}

/* A definition is read by programs; people want to know what it asks for. */
static void text_rule(struct str *s, struct arena *a, const char *json)
{
    struct val *def = NULL;

    if (val_parse_json(a, json, strlen(json), &def, NULL) || val_type(def) != VAL_OBJ) {
        str_add(s, "no longer in force");
        return;
    }
    str_addf(s, "in force: %s %s %.6g", val_get_str(def, "metric", ""), val_get_str(def, "op", ""),
             val_get_real(def, "value", (double)NAN));
    if (val_has(def, "baseline"))
        str_addf(s, " from %.6g", val_get_real(def, "baseline", (double)NAN));
}

static void text_events(struct str *s, struct arena *a, const struct val *events)
{
    for (size_t i = 0; i < val_len(events); i++) {
        const struct val *ev = val_at(events, i);
        str_addf(s, "  %.19s  %-8s", val_get_str(ev, "window_end", val_get_str(ev, "at", "")),
                 val_get_str(ev, "type", ""));
        if (val_has(ev, "to"))
            str_addf(s, " %s -> %s", val_get_str(ev, "from", ""), val_get_str(ev, "to", ""));
        str_addf(s, "  %s: ", val_get_str(ev, "actor", ""));
        if (str_eq(val_get_str(ev, "type", ""), "rule"))
            text_rule(s, a, val_get_str(ev, "reason", ""));
        else str_add(s, val_get_str(ev, "reason", ""));
        str_addc(s, '\n');
    }
}

static char *as_text(struct arena *a, const struct val *v)
{
    STR_AUTO s = STR_INIT;

    str_addf(&s, "%s  %s  %s (%s)\n", val_get_str(v, "model", ""), val_get_str(v, "rule", ""),
             val_get_str(v, "state", ""), val_get_str(v, "severity", ""));
    if (val_has(v, "about")) str_addf(&s, "%s\n", val_get_str(v, "about", ""));
    str_addf(&s, "%s %.6g against %.6g, n %" PRId64 ", %" PRId64 " in a row\n",
             val_get_str(val_get(v, "detail"), "metric", "value"),
             val_get_real(v, "value", (double)NAN), val_get_real(v, "threshold", (double)NAN),
             val_get_int(v, "n", 0), val_get_int(v, "breach_streak", 0));
    str_addf(&s, "to do: %s\n", val_get_str(v, "recommended_action", ""));
    if (val_has(v, "acked_by"))
        str_addf(&s, "acknowledged by %s\n", val_get_str(v, "acked_by", ""));
    if (val_has(v, "silenced_until"))
        str_addf(&s, "silenced until %s\n", val_get_str(v, "silenced_until", ""));
    if (val_has(v, "inhibited_by"))
        str_addf(&s, "explained by %s\n", val_get_str(v, "inhibited_by", ""));
    text_features(&s, val_get(val_get(v, "detail"), "features"));
    text_events(&s, a, val_get(v, "events"));
    return arena_strdup(a, str_c(&s));
}

/* The window that made a step: checks may come late or all at once, so the time of the event
 * says little. */
static int set_window(struct app *app, struct val *o, const struct alert_event *ev, struct err *e)
{
    struct window w = { 0 };
    int rc = ev->snapshot_seq > 0 ? snapshot_window(app->store, ev->snapshot_seq, &w, e) : 0;

    if (rc == -ERR_NOTFOUND) rc = 0;
    val_set_time(o, "window_end", str_eq(ev->type, "state") ? w.end_us : 0);
    return rc;
}

int verb_alert_show(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct arena *a = &r->arena;
    struct alert al;
    struct alert_event *events = NULL;
    size_t n = 0;
    int rc = alert_get(app->store, a, val_get_str(args, "alert", ""), &al, e);

    if (!rc) rc = alert_events(app->store, a, al.id, false, EVENTS_SHOWN, &events, &n, e);
    if (rc) return rc;
    r->v = alert_to_val(a, &al, clock_now(app->clock));
    struct val *list = val_set_list(r->v, "events");
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct val *o = alert_event_to_val(a, &events[i]);
        rc = set_window(app, o, &events[i], e);
        val_push(list, o);
    }
    r->text = as_text(a, r->v);
    return rc;
}

/* ---- what operators do ------------------------------------------------------------------------
 */

/* The alert that retrain_watch keeps: no rule stands behind it, so the row is all there is. */
static int operate_on_watch(struct app *app, struct alert al, const struct alert_event *ev,
                            struct reply *r, struct err *e)
{
    bool ack = str_eq(ev->type, "ack");

    if (ack || str_eq(ev->type, "unack")) {
        al.acked_by = ack ? ev->actor : NULL;
        al.acked_us = ack ? ev->at_us : 0;
    } else if (str_eq(ev->type, "silence")) {
        al.silenced_until_us = ev->until_us;
    } else {
        al.state = "none";
        al.severity = "info";
        al.recommended_action = "none";
        al.since_us = al.resolved_us = ev->at_us;
    }
    al.updated_us = ev->at_us;
    r->v = alert_to_val(&r->arena, &al, ev->at_us);
    return alert_put(app->store, &al, e);
}

static int operate_on_rule(struct app *app, const struct alert *al, struct alert_event *ev,
                           struct reply *r, struct err *e)
{
    struct fold f;

    fold_init(&f, &r->arena, al->model);
    int rc = alert_load(app, &f, false, e);
    if (!rc) {
        struct fold_alert *mine = fold_find(&f, al->id);
        fold_operate(&f, mine, ev);
        rc = alert_save(app, &f, e);
        if (!rc) r->v = alert_to_val(&r->arena, &mine->row, ev->at_us);
    }
    fold_done(&f);
    return rc;
}

static int operate_in_tx(struct app *app, const struct alert *al, struct alert_event *ev,
                         struct reply *r, struct err *e)
{
    int rc = str_eq(al->rule, RETRAIN_WATCH_RULE) ? operate_on_watch(app, *al, ev, r, e)
                                                  : operate_on_rule(app, al, ev, r, e);

    return rc ? rc : alert_event_add(app->store, ev, NULL, e);
}

static int check_open(const struct alert *al, struct err *e)
{
    if (!str_eq(al->state, "none")) return 0;
    err_set(e, ERR_STATE, "alert %s (%s of %s) is not open", al->id, al->rule, al->model);
    return err_hint(e, "`signalbox alert list` shows those that are");
}

/* One act on the alert that the arguments name; the reply is that alert. */
static int operate(struct app *app, const struct val *args, struct alert_event *ev, bool open_only,
                   struct reply *r, struct err *e)
{
    struct alert al;
    int rc = store_begin(app->store, e);

    if (rc) return rc;
    rc = alert_get(app->store, &r->arena, val_get_str(args, "alert", ""), &al, e);
    if (!rc && open_only) rc = check_open(&al, e);
    if (!rc) {
        ev->at_us = clock_now(app->clock);
        ev->actor = app->actor;
        ev->reason = val_get_str(args, "reason", "");
        ev->alert_id = al.id;
        if (str_eq(ev->type, "resolve")) ev->from = al.state;
        rc = operate_in_tx(app, &al, ev, r, e);
    }
    if (!rc) rc = store_commit(app->store, e);
    if (rc) store_rollback(app->store);
    return rc;
}

int verb_alert_ack(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    bool undo = val_get_bool(args, "undo", false);
    struct alert_event ev = { .type = undo ? "unack" : "ack" };
    return operate(app, args, &ev, !undo, r, e);
}

int verb_alert_silence(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *length = val_get_str(args, "for", "");
    int64_t us = 0, now = clock_now(app->clock);
    bool end = val_get_bool(args, "end", false);

    if (!end && (!settings_duration(length, &us) || us > INT64_MAX - now)) {
        err_set(e, ERR_INVALID, "'%s' is no duration", length);
        return err_hint(e, "--for 30m, 2h, 1d");
    }
    struct alert_event ev = { .type = "silence", .until_us = end ? now : now + us };
    return operate(app, args, &ev, false, r, e);
}

int verb_alert_resolve(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct alert_event ev = { .type = "resolve", .to = "none" };
    return operate(app, args, &ev, true, r, e);
}
