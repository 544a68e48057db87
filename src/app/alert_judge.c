/* alert_judge.c: judging a new snapshot: one step of the fold of its model's alerts
 * (app/alert_fold.h), read from the store and written back inside the caller's transaction.
 *
 * The rules are those of the settings with the figures of the version in Production as the
 * baseline; what is in force is kept as an event, so a replay needs neither of them. Any
 * thread with its own app. */
#include "app/alert_fold.h"

#include "app/notify.h"
#include "app/retrain.h"
#include "app/runval.h"
#include "app/settings.h"
#include "store/registry.h"
#include "store/snapshot.h"

#include <assert.h>
#include <string.h>

/* ---- between the store and the fold --------------------------------------------------------- */

static int load_inputs(struct app *app, struct fold *f, struct fold_alert *al, struct err *e)
{
    struct alert_event *list = NULL;
    size_t n = 0;
    int rc = alert_events(app->store, f->a, al->row.id, true, 0, &list, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++)
        if (fold_is_input(list[i].type)) vec_push(&al->inputs, list[i]);
    return rc;
}

int alert_load(struct app *app, struct fold *f, bool inputs, struct err *e)
{
    struct alert *rows = NULL;
    size_t n = 0;
    int rc = alert_list(app->store, f->a, f->model, false, &rows, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (str_eq(rows[i].rule, RETRAIN_WATCH_RULE)) continue; /* kept by retrain_watch */
        struct fold_alert *al = fold_take(f, &rows[i]);
        if (inputs) rc = load_inputs(app, f, al, e);
    }
    return rc;
}

int alert_save(struct app *app, struct fold *f, struct err *e)
{
    int rc = 0;

    assert(store_in_tx(app->store));
    fold_finish(f);
    for (size_t i = 0; rc == 0 && i < f->alerts.n; i++)
        rc = alert_put(app->store, &f->alerts.p[i]->row, e);
    for (size_t i = 0; rc == 0 && i < f->out.n; i++)
        rc = alert_event_add(app->store, &f->out.p[i], NULL, e);
    for (size_t i = 0; rc == 0 && i < f->due.n; i++)
        rc = notify_queue(app, &f->due.p[i].alert->row, f->due.p[i].from, e);
    return rc;
}

/* ---- rules in force ---------------------------------------------------------------------------
 */

/* Metrics of the run that the version in Production came from; NULL: there is none. */
static int find_baseline(struct app *app, struct arena *a, const char *model,
                         const struct val **ret, struct err *e)
{
    struct reg_version v;
    struct run run;
    int rc = store_version_by_stage(app->store, a, model, "Production", &v, e);

    if (rc == 0 && v.run_id) {
        rc = store_run_get(app->store, a, v.run_id, &run, e);
        if (rc == 0) *ret = run_metrics_to_val(a, &run);
    }
    if (rc != -ERR_NOTFOUND) return rc;
    err_clear(e);
    return 0;
}

static int find_rules(struct app *app, struct fold *f, struct fold_rule **ret, size_t *ret_n,
                      int *ret_windows, struct err *e)
{
    const struct val *baseline = NULL;
    struct val *settings = NULL;
    struct esc_rule *rules = NULL;
    size_t n = 0;
    int rc = settings_load(f->a, app->dir, &settings, e);

    if (!rc) rc = find_baseline(app, f->a, f->model, &baseline, e);
    if (!rc) rc = esc_rules(f->a, settings_model(settings, f->model), baseline, &rules, &n, e);
    if (rc) return rc;
    *ret = arena_array(f->a, n + 1, struct fold_rule);
    *ret_n = n;
    for (size_t i = 0; i < n; i++) {
        (*ret)[i] = (struct fold_rule){ rules[i].name, esc_rule_to_val(f->a, &rules[i]) };
        if (str_eq(rules[i].kind, "budget") && rules[i].long_windows > *ret_windows)
            *ret_windows = rules[i].long_windows;
    }
    return 0;
}

/* ---- windows ------------------------------------------------------------------------------------
 */

static struct esc_window window_of(const struct snapshot *sn, const struct val *data)
{
    return (struct esc_window){ sn->start_us, sn->end_us, sn->version, sn->seq, sn->at_us, data };
}

/* Newest versions of the windows with start in [from, to), without the one to be judged. */
static int load_windows(struct app *app, struct fold *f, int64_t from_us, int64_t to_us,
                        const struct esc_window *judged, struct err *e)
{
    struct arena texts = ARENA_INIT;
    struct snapshot *list = NULL;
    size_t n = 0;
    int rc = snapshot_list(app->store, &texts, f->model, from_us, to_us, 0, &list, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct val *data;
        struct arena parsed = ARENA_INIT;
        if (list[i].seq == judged->seq) continue;
        rc = val_parse_json(&parsed, list[i].data, strlen(list[i].data), &data, e);
        struct esc_window w = window_of(&list[i], rc ? NULL : alert_slim(f->a, data));
        if (rc == 0) fold_put_window(f, &w);
        arena_done(&parsed);
    }
    arena_done(&texts);
    return rc;
}

/* The stored row of a snapshot that its maker knows only by its window. */
static int complete(struct app *app, struct arena *a, const struct snapshot *sn,
                    struct snapshot *ret, struct err *e)
{
    struct snapshot *list = NULL;
    size_t n = 0;

    *ret = *sn;
    if (sn->seq && sn->at_us && sn->version) return 0;
    int rc =
        snapshot_list(app->store, a, sn->model, sn->start_us, sn->start_us + 1, 0, &list, &n, e);
    if (rc) return rc;
    for (size_t i = 0; i < n; i++)
        if (list[i].end_us == sn->end_us) {
            *ret = list[i];
            return 0;
        }
    return err_set(e, ERR_NOTFOUND, "the window of %s to be judged has no snapshot", sn->model);
}

/* The next later window: one step by today's rules. */
static int judge_next(struct app *app, struct fold *f, const struct esc_window *w, struct err *e)
{
    struct fold_rule *rules = NULL;
    size_t n = 0;
    int windows = 0;
    int rc = find_rules(app, f, &rules, &n, &windows, e);

    if (!rc && windows)
        rc = load_windows(app, f, w->end_us - windows * (w->end_us - w->start_us), w->start_us, w,
                          e);
    if (!rc) fold_judge(f, w, rules, n);
    return rc;
}

/* The version of a window that was judged before. */
static int load_old(struct app *app, struct fold *f, const struct esc_window *w, struct err *e)
{
    struct arena parsed = ARENA_INIT;
    struct snapshot sn;
    struct val *data = NULL;
    int rc = snapshot_get(app->store, &parsed, f->model, (struct window){ w->start_us, w->end_us },
                          w->version - 1, &sn, e);

    if (!rc) rc = val_parse_json(&parsed, sn.data, strlen(sn.data), &data, e);
    if (!rc) {
        struct esc_window old = window_of(&sn, alert_slim(f->a, data));
        fold_put_window(f, &old);
    }
    arena_done(&parsed);
    return rc;
}

/* A window of the past, by the rules of its time; all others are read only when they must be. */
static int judge_past(struct app *app, struct fold *f, const struct esc_window *w, struct err *e)
{
    int rc = w->version > 1 ? load_old(app, f, w, e) : 0, windows = 0;

    for (size_t i = 0; rc == 0 && i < f->alerts.n; i++) rc = load_inputs(app, f, f->alerts.p[i], e);
    for (size_t i = 0; rc == 0 && i < f->alerts.n; i++)
        if (str_eq(f->alerts.p[i]->row.kind, "budget") && f->alerts.p[i]->r.long_windows > windows)
            windows = f->alerts.p[i]->r.long_windows;
    int64_t around = windows * (w->end_us - w->start_us);
    if (!rc && around) rc = load_windows(app, f, w->end_us - around, w->end_us + around, w, e);
    if (!rc && fold_needs_past(f, w)) rc = load_windows(app, f, INT64_MIN, INT64_MAX, w, e);
    if (!rc) fold_judge(f, w, NULL, 0);
    return rc;
}

int alert_judge(struct app *app, const struct snapshot *sn, const struct val *data, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct fold f;
    struct snapshot full;
    int rc;

    fold_init(&f, &a, sn->model);
    rc = complete(app, &a, sn, &full, e);
    if (!rc) rc = alert_load(app, &f, false, e);
    if (!rc) {
        struct esc_window w = window_of(&full, data);
        rc = fold_is_next(&f, w.start_us) ? judge_next(app, &f, &w, e) : judge_past(app, &f, &w, e);
    }
    if (!rc) rc = alert_save(app, &f, e);
    fold_done(&f);
    arena_done(&a);
    return rc;
}
