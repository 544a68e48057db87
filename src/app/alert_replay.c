/* alert_replay.c: the verb `alert replay`: every alert once more from what is stored, in memory,
 * and compared to the byte with the stored rows and events.
 *
 * Input are the snapshots in the order in which they were made and, between them, what
 * operators did and which rules were in force (events `rule`); settings, registry and clock are
 * not asked, so the answer is the same on any day. Nothing is written. */
#include "app/alert_fold.h"
#include "app/alertval.h"
#include "app/retrain.h"
#include "app/verb.h"
#include "base/map.h"
#include "store/snapshot.h"

#include <inttypes.h>
#include <string.h>

struct replay {
    struct app *app;
    struct arena *a; /* the reply's */
    struct val *differences;
    int64_t snapshots, alerts;
};

struct history { /* one model's */
    struct alert *rows;
    struct alert_event *events; /* of all its alerts, oldest first */
    struct snapshot *snapshots; /* likewise */
    size_t n_rows, n_events, n_snapshots;
};

/* ---- what is stored ---------------------------------------------------------------------------
 */

static int oldest_first(const void *x, const void *y)
{
    const struct alert_event *a = x, *b = y;
    return (a->seq > b->seq) - (a->seq < b->seq);
}

static int load(struct app *app, struct arena *a, const char *model, struct history *h,
                struct err *e)
{
    VEC(struct alert_event) all = VEC_INIT;
    struct alert *rows = NULL;
    size_t n_rows = 0;
    int rc = alert_list(app->store, a, model, false, &rows, &n_rows, e);

    h->rows = rows;
    for (size_t i = 0; rc == 0 && i < n_rows; i++) /* retrain_watch follows promotions, no rules */
        if (!str_eq(rows[i].rule, RETRAIN_WATCH_RULE)) rows[h->n_rows++] = rows[i];
    if (!rc) rc = snapshot_history(app->store, a, model, &h->snapshots, &h->n_snapshots, e);
    for (size_t i = 0; rc == 0 && i < h->n_rows; i++) {
        struct alert_event *list = NULL;
        size_t n = 0;
        rc = alert_events(app->store, a, h->rows[i].id, true, 0, &list, &n, e);
        for (size_t k = 0; rc == 0 && k < n; k++) vec_push(&all, list[k]);
    }
    if (all.n) qsort(all.p, all.n, sizeof *all.p, oldest_first);
    h->events = arena_array(a, all.n + 1, struct alert_event);
    if (all.n) memcpy(h->events, all.p, all.n * sizeof *all.p);
    h->n_events = all.n;
    vec_done(&all);
    return rc;
}

static const char *rule_of(const struct history *h, const char *alert_id)
{
    for (size_t i = 0; i < h->n_rows; i++)
        if (str_eq(h->rows[i].id, alert_id)) return h->rows[i].rule;
    return "";
}

/* ---- playing it again ---------------------------------------------------------------------------
 */

typedef VEC(struct fold_rule) rules_in_force;

/* The definitions that the snapshot brought into force. */
static void follow_rules(struct arena *a, const struct history *h, int64_t seq, rules_in_force *now)
{
    for (size_t i = 0; i < h->n_events; i++) {
        const struct alert_event *ev = &h->events[i];
        struct val *def = NULL;
        size_t k = 0;
        if (ev->snapshot_seq != seq || !str_eq(ev->type, "rule")) continue;
        const char *name = rule_of(h, ev->alert_id);
        while (k < now->n && !str_eq(now->p[k].name, name)) k++;
        if (k == now->n) vec_push(now, ((struct fold_rule){ name, NULL }));
        if (val_parse_json(a, ev->reason, strlen(ev->reason), &def, NULL) ||
            val_type(def) != VAL_OBJ)
            def = NULL;
        now->p[k].def = def;
    }
}

/* What operators did before the next snapshot was judged. */
static void follow_operators(struct fold *f, const struct history *h, int64_t seq)
{
    for (size_t i = 0; i < h->n_events; i++) {
        struct alert_event ev = h->events[i];
        bool act =
            str_eq(ev.type, "silence") || (fold_is_input(ev.type) && !str_eq(ev.type, "rule"));
        struct fold_alert *al = fold_find(f, ev.alert_id);
        if (ev.snapshot_seq == seq && act && al) fold_operate(f, al, &ev);
    }
}

typedef VEC(struct alert_event) made_events;

static int play(struct fold *f, const struct history *h, made_events *made, struct err *e)
{
    rules_in_force rules = VEC_INIT;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < h->n_snapshots; i++) {
        const struct snapshot *sn = &h->snapshots[i];
        struct arena parsed = ARENA_INIT;
        struct val *data = NULL;
        rc = val_parse_json(&parsed, sn->data, strlen(sn->data), &data, e);
        if (rc) err_prefix(e, "snapshot %" PRId64, sn->seq);
        struct esc_window w = { sn->start_us, sn->end_us, sn->version,
                                sn->seq,      sn->at_us,  rc ? NULL : alert_slim(f->a, data) };
        arena_done(&parsed);
        if (rc) break;
        follow_rules(f->a, h, sn->seq, &rules);
        fold_judge(f, &w, rules.p, rules.n);
        for (size_t k = 0; k < f->out.n; k++) vec_push(made, f->out.p[k]);
        follow_operators(f, h, sn->seq);
    }
    fold_finish(f);
    vec_done(&rules);
    return rc;
}

/* ---- comparing
 * ------------------------------------------------------------------------------------ */

static char *text_of(struct arena *a, const struct val *v)
{
    STR_AUTO s = STR_INIT;
    val_write_json(&s, v, 0);
    return arena_strdup(a, str_c(&s));
}

static void differ(struct replay *rp, const struct alert *al, const char *field, const char *stored,
                   const char *replayed)
{
    struct val *o = val_push_obj(rp->differences);
    val_set_str(o, "alert", al->id);
    val_set_str(o, "model", al->model);
    val_set_str(o, "rule", al->rule);
    val_set_str(o, "field", field);
    val_set(o, "stored", val_str(rp->a, stored));
    val_set(o, "replayed", val_str(rp->a, replayed));
}

/* Field by field, as text: what is shown of a row is all of it but two columns, so those are
 * put beside. */
static struct val *all_fields(struct arena *a, const struct alert *al)
{
    struct val *o = alert_to_val(a, al, INT64_MIN);
    val_set_int(o, "clean", al->clean);
    val_set_int(o, "silenced_until_us", al->silenced_until_us);
    val_set_str(o, "detail", al->detail);
    return o;
}

static void compare_row(struct replay *rp, const struct alert *stored, const struct alert *made)
{
    struct arena a = ARENA_INIT;
    const struct val *x = all_fields(&a, stored), *y = all_fields(&a, made);

    for (size_t i = 0; i < val_len(x); i++) {
        const char *s = text_of(&a, val_at(x, i)), *m = text_of(&a, val_get(y, val_key(x, i)));
        if (!str_eq(s, m)) differ(rp, stored, val_key(x, i), s, m);
    }
    arena_done(&a);
}

static const char *event_text(struct arena *a, const struct alert_event *ev)
{
    struct val *o = alert_event_to_val(a, ev);
    val_set(o, "seq", val_null(a)); /* events of other models come in between */
    val_set_int(o, "until_us", ev->until_us);
    return text_of(a, o);
}

/* The events that the machine makes, one after the other. */
static void compare_events(struct replay *rp, const struct history *h, const struct alert *al,
                           const made_events *made)
{
    struct arena a = ARENA_INIT;
    size_t i = 0, k = 0;

    for (;;) {
        while (i < h->n_events &&
               (!str_eq(h->events[i].alert_id, al->id) ||
                (!str_eq(h->events[i].type, "state") && !str_eq(h->events[i].type, "rule"))))
            i++;
        while (k < made->n && !str_eq(made->p[k].alert_id, al->id)) k++;
        const char *s = i < h->n_events ? event_text(&a, &h->events[i++]) : NULL;
        const char *m = k < made->n ? event_text(&a, &made->p[k++]) : NULL;
        if (!s && !m) break;
        if (!str_eq(s, m)) differ(rp, al, "event", s, m);
    }
    arena_done(&a);
}

static const struct alert *row_in(const struct history *h, const char *id)
{
    for (size_t i = 0; i < h->n_rows; i++)
        if (str_eq(h->rows[i].id, id)) return &h->rows[i];
    return NULL;
}

static void compare(struct replay *rp, const struct history *h, struct fold *f,
                    const made_events *made)
{
    for (size_t i = 0; i < f->alerts.n; i++)
        if (!row_in(h, f->alerts.p[i]->row.id))
            differ(rp, &f->alerts.p[i]->row, "row", NULL, f->alerts.p[i]->row.state);
    for (size_t i = 0; i < h->n_rows; i++) {
        const struct fold_alert *al = fold_find(f, h->rows[i].id);
        if (al) compare_row(rp, &h->rows[i], &al->row);
        else differ(rp, &h->rows[i], "row", h->rows[i].state, NULL);
        compare_events(rp, h, &h->rows[i], made);
    }
}

/* ---- the verb
 * -------------------------------------------------------------------------------------- */

static int replay_model(struct replay *rp, const char *model, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct history h = { 0 };
    made_events made = VEC_INIT;
    struct fold f;
    int rc = load(rp->app, &a, model, &h, e);

    fold_init(&f, &a, model);
    if (!rc) rc = play(&f, &h, &made, e);
    if (!rc) compare(rp, &h, &f, &made);
    rp->snapshots += (int64_t)h.n_snapshots;
    rp->alerts += (int64_t)h.n_rows;
    vec_done(&made);
    fold_done(&f);
    arena_done(&a);
    return rc;
}

static int replay_all(struct replay *rp, struct err *e)
{
    struct alert *rows = NULL;
    size_t n = 0, len;
    struct map *seen = map_new();
    int rc = alert_list(rp->app->store, rp->a, NULL, false, &rows, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++)
        map_at(seen, rows[i].model, strlen(rows[i].model), NULL);
    for (size_t i = 0; rc == 0 && i < map_len(seen); i++)
        rc = replay_model(rp, map_key(seen, i, &len), e);
    map_free(seen);
    return rc;
}

static const struct reply_column columns[] = {
    { "model", "model", NULL },   { "rule", "rule", NULL },         { "field", "field", NULL },
    { "stored", "stored", NULL }, { "replayed", "replayed", NULL }, { NULL, NULL, NULL },
};

int verb_alert_replay(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *model = val_get_str(args, "model", NULL);
    struct replay rp = { .app = app, .a = &r->arena, .differences = val_list(&r->arena) };
    int rc = model ? replay_model(&rp, model, e) : replay_all(&rp, e);

    if (!rc && model && rp.snapshots == 0 && rp.alerts == 0) {
        err_set(e, ERR_NOTFOUND, "nothing was ever measured of a model '%s'", model);
        return err_hint(e, "`signalbox monitor status` lists those that are watched");
    }
    if (rc) return rc;
    bool ok = val_len(rp.differences) == 0;
    r->v = val_obj(&r->arena);
    val_set_bool(r->v, "ok", ok);
    val_set_int(r->v, "snapshots", rp.snapshots);
    val_set_int(r->v, "alerts", rp.alerts);
    val_set(r->v, "differences", rp.differences);
    r->exit = ok ? 0 : err_exit(ERR_CHECK);
    if (ok)
        r->text = arena_printf(
            &r->arena, "%" PRId64 " alerts follow from %" PRId64 " snapshots, to the byte\n",
            rp.alerts, rp.snapshots);
    else reply_table(r, "differences", columns);
    return 0;
}
