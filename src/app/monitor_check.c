/* monitor_check.c: which windows are measured, and how a measurement becomes a snapshot.
 *
 *   mark read -> rows read, measured -> one transaction: snapshot, alerts, mark cleared
 *
 * Nothing is locked while a window is measured. Rows that arrive meanwhile raise the mark, and
 * the window stays dirty; another process that measured the same window meanwhile has added a
 * version, and then this measurement is dropped. A crash leaves the window dirty. */
#include "app/escalate.h"
#include "app/monitor_priv.h"
#include "app/retrain.h"
#include "app/settings.h"
#include "app/verb.h"
#include "engine/pool.h"
#include "store/alert.h"

#include <math.h>
#include <string.h>

#define DAY_US  (86400 * 1000000LL)
#define WEEK_US (7 * DAY_US)

struct window monitor_window(int64_t at_us, int64_t length_us)
{
    int64_t monday = length_us % WEEK_US == 0 ? 4 * DAY_US : 0; /* day 0 was a Thursday */
    int64_t into = (at_us - monday) % length_us;

    if (into < 0) into += length_us;
    return (struct window){ at_us - into, at_us - into + length_us };
}

static int duration(const struct val *settings, const char *name, int64_t *ret, struct err *e)
{
    const char *text = val_get_str(settings, name, NULL);

    if (!text || (settings_duration(text, ret) && *ret > 0)) return 0;
    err_set(e, ERR_INVALID, "signalbox.yaml: monitoring: %s '%s' is no duration", name, text);
    return err_hint(e, "for example 15m, 1h, 1d or 1w");
}

int monitor_settings(struct app *app, struct arena *a, const char *model, const struct val **ret,
                     int64_t *ret_length_us, struct err *e)
{
    struct val *all;
    int rc = settings_load(a, app->dir, &all, e);

    if (rc < 0) return rc;
    *ret = settings_model(all, model);
    *ret_length_us = DAY_US;
    return duration(*ret, "window", ret_length_us, e);
}

int monitor_open(struct app *app, struct arena *a, const char *model, struct monitor *ret,
                 struct err *e)
{
    struct monitor m = { .app = app, .a = a, .model = model };
    int rc = monitor_settings(app, a, model, &m.settings, &m.length_us, e);

    if (rc == 0) rc = duration(m.settings, "season", &m.season_us, e);
    if (rc < 0) return rc;
    m.min_rows = (size_t)val_get_int(m.settings, "min_rows", 50);
    m.min_labels = (size_t)val_get_int(m.settings, "min_labels", 30);
    m.max_rows = (size_t)val_get_int(m.settings, "max_rows", 200000);
    m.profile = drift_profile_find(val_get_str(m.settings, "profile", "sound"));
    m.together = multi_test_find(val_get_str(m.settings, "multivariate", "off"));
    m.en = (struct engine){ .pool = pool_new(app->threads) };
    if (!m.profile) rc = err_set(e, ERR_INVALID, "signalbox.yaml: no such drift profile");
    else if (!m.en.pool) rc = err_set(e, ERR_NOMEM, "cannot start threads");
    if (rc == 0) rc = reference_load(&m, &m.ref, e);
    if (rc < 0) pool_free(m.en.pool);
    else *ret = m;
    return rc;
}

void monitor_done(struct monitor *m)
{
    reference_done(&m->ref);
    pool_free(m->en.pool);
}

/* ---- one window -------------------------------------------------------------------------- */

/* The window's newest snapshot; version 0: none. */
static int newest(struct store *s, struct arena *a, const char *model, struct window w,
                  struct snapshot *ret, struct err *e)
{
    struct snapshot *list = NULL;
    size_t n = 0;
    int rc = snapshot_list(s, a, model, w.start_us, w.start_us + 1, 0, &list, &n, e);

    *ret = (struct snapshot){ 0 };
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (list[i].end_us == w.end_us) *ret = list[i];
    return rc;
}

struct measuring {
    int64_t mark, version; /* as they were before the rows were read */
};

static int add_snapshot(struct measurement *ms, const struct measuring *before, bool *ret_stored,
                        struct err *e)
{
    struct store *s = ms->m->app->store;
    struct snapshot sn = { 0 };
    int64_t version;
    int rc = newest(s, ms->a, ms->m->model, ms->w, &sn, e);

    *ret_stored = rc == 0 && sn.version == before->version;
    if (!*ret_stored) return rc;
    val_set_int(ms->data, "version", before->version + 1);
    STR_AUTO json = STR_INIT;
    val_write_json(&json, ms->data, 0);
    sn = (struct snapshot){ .model = ms->m->model,
                            .start_us = ms->w.start_us,
                            .end_us = ms->w.end_us,
                            .at_us = clock_now(ms->m->app->clock),
                            .data = str_c(&json) };
    rc = snapshot_add(s, &sn, before->mark, &version, e);
    if (rc == 0) rc = newest(s, ms->a, ms->m->model, ms->w, &sn, e); /* with its seq */
    if (rc == 0) rc = alert_judge(ms->m->app, &sn, ms->data, e);
    return rc;
}

static int store_measurement(struct measurement *ms, const struct measuring *before,
                             bool *ret_stored, struct err *e)
{
    struct store *s = ms->m->app->store;
    int rc = store_begin(s, e);

    if (rc < 0) return rc;
    rc = add_snapshot(ms, before, ret_stored, e);
    if (rc < 0 || !*ret_stored) {
        store_rollback(s);
        return rc;
    }
    return store_commit(s, e);
}

static int measure_window(struct monitor *m, struct window w, struct arena *a,
                          struct val **ret_data, bool *ret_stored, struct err *e)
{
    struct measurement ms = { .m = m, .w = w, .a = a };
    struct measuring before;
    struct snapshot sn = { 0 };
    int rc = window_mark(m->app->store, m->model, w, &before.mark, e);

    if (rc == 0) rc = newest(m->app->store, a, m->model, w, &sn, e);
    before.version = sn.version;
    if (rc == 0) rc = measurement_make(&ms, e);
    if (rc == 0) rc = store_measurement(&ms, &before, ret_stored, e);
    if (rc == 0 && ret_data) *ret_data = ms.data;
    measurement_done(&ms);
    return rc;
}

int monitor_measure(struct app *app, const char *model, struct window w, struct val **ret_data,
                    struct arena *a, struct err *e)
{
    struct monitor m;
    bool stored;
    int rc = monitor_open(app, a, model, &m, e);

    if (rc < 0) return rc;
    rc = measure_window(&m, w, a, ret_data, &stored, e);
    monitor_done(&m);
    return rc;
}

/* ---- all windows ------------------------------------------------------------------------- */

/* Marks the closed windows behind the newest prediction that nobody looked at yet. */
static int mark_silent(struct app *app, struct arena *a, const char *model, int64_t length_us,
                       int64_t until_us, struct err *e)
{
    struct prediction_totals t;
    struct snapshot sn = { 0 };
    int rc = prediction_totals(app->store, model, &t, e);

    if (rc < 0 || t.rows == 0) return rc;
    struct window w = monitor_window(t.last_us, length_us);
    if ((until_us - w.end_us) / length_us > MONITOR_SILENT) return 0;
    rc = store_begin(app->store, e);
    if (rc < 0) return rc;
    for (;;) {
        w = (struct window){ w.end_us, w.end_us + length_us };
        if (rc < 0 || w.end_us > until_us) break;
        rc = newest(app->store, a, model, w, &sn, e);
        if (rc == 0 && !sn.version) rc = window_touch(app->store, model, w, e);
    }
    if (rc == 0) return store_commit(app->store, e);
    store_rollback(app->store);
    return rc;
}

static int check_model(struct app *app, const char *model, int64_t until_us, int64_t *windows,
                       struct err *e)
{
    struct arena a = ARENA_INIT, each = ARENA_INIT;
    const struct val *settings;
    struct window *w = NULL;
    struct monitor m;
    int64_t length_us;
    size_t n = 0;
    int rc = monitor_settings(app, &a, model, &settings, &length_us, e);

    if (rc == 0) rc = mark_silent(app, &a, model, length_us, until_us, e);
    if (rc == 0) rc = window_dirty(app->store, &a, model, until_us, &w, &n, e);
    if (rc == 0 && n > 0) {
        rc = monitor_open(app, &a, model, &m, e);
        bool opened = rc == 0;
        for (size_t i = 0; rc == 0 && i < n; i++) {
            bool stored = false;
            rc = measure_window(&m, w[i], &each, NULL, &stored, e);
            *windows += stored;
            arena_reset(&each);
        }
        if (opened) monitor_done(&m);
        if (rc == 0) rc = retrain_watch(app, model, e);
    }
    arena_done(&each);
    arena_done(&a);
    return rc ? err_prefix(e, "model %s", model) : 0;
}

int monitor_check(struct app *app, const char *model, int64_t until_us, int64_t *ret_windows,
                  struct err *e)
{
    const char *const one[] = { model, NULL }, *const *models = one;
    struct arena a = ARENA_INIT;
    int64_t windows = 0;
    int rc = model ? 0 : prediction_models(app->store, &a, &models, e);

    if (!until_us) until_us = clock_now(app->clock);
    for (size_t i = 0; rc == 0 && models[i]; i++)
        rc = check_model(app, models[i], until_us, &windows, e);
    arena_done(&a);
    if (rc == 0 && ret_windows) *ret_windows = windows;
    return rc;
}

/* ---- the verbs --------------------------------------------------------------------------- */

static int states_of(struct app *app, struct arena *a, const char *model, struct alert **ret,
                     size_t *n, struct err *e)
{
    return alert_list(app->store, a, model, false, ret, n, e);
}

static int64_t count_changed(const struct alert *before, size_t n, const struct alert *after,
                             size_t m)
{
    int64_t changed = 0;

    for (size_t i = 0; i < m; i++) {
        const char *was = "none";
        for (size_t k = 0; k < n; k++)
            if (str_eq(before[k].id, after[i].id)) was = before[k].state;
        changed += !str_eq(was, after[i].state);
    }
    return changed;
}

static int check_one(struct app *app, struct arena *a, const char *model, int64_t until_us,
                     struct val *list, struct err *e)
{
    struct alert *before = NULL, *after = NULL;
    size_t n = 0, m = 0;
    int64_t windows = 0;
    int rc = states_of(app, a, model, &before, &n, e);

    if (rc == 0) rc = monitor_check(app, model, until_us, &windows, e);
    if (rc == 0) rc = states_of(app, a, model, &after, &m, e);
    if (rc < 0) return rc;
    struct val *o = val_push_obj(list);
    val_set_str(o, "model", model);
    val_set_int(o, "windows", windows);
    val_set_int(o, "snapshots", windows);
    val_set_int(o, "alerts_changed", count_changed(before, n, after, m));
    return 0;
}

/* The model named, or all that have predictions. */
static int models_named(struct app *app, struct arena *a, const struct val *args,
                        const char *const **ret, struct err *e)
{
    const char *name = val_get_str(args, "name", NULL);
    struct prediction_totals t;
    const char **one = arena_array(a, 2, const char *);

    if (!name) return prediction_models(app->store, a, ret, e);
    int rc = prediction_totals(app->store, name, &t, e);
    if (rc < 0) return rc;
    if (t.rows == 0) {
        err_set(e, ERR_NOTFOUND, "model '%s' has no predictions", name);
        return err_hint(e, "bring some with `signalbox monitor ingest %s --data FILE`", name);
    }
    one[0] = name;
    *ret = one;
    return 0;
}

int monitor_time(const struct val *args, const char *key, int64_t *ret_us, struct err *e)
{
    const char *text = val_get_str(args, key, NULL);

    if (!text || clock_parse(text, strlen(text), ret_us)) return 0;
    err_set(e, ERR_INVALID, "--%s '%s' is no time", key, text);
    return err_hint(e, "write it as 2026-01-31 or 2026-01-31T23:59:59Z");
}

int verb_monitor_check(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    static const struct reply_column columns[] = {
        { "model", "model", NULL },
        { "windows", "windows measured", NULL },
        { "alerts_changed", "alerts changed", NULL },
        { NULL, NULL, NULL },
    };
    const char *const *models = NULL;
    int64_t until_us = 0;
    int rc = monitor_time(args, "until", &until_us, e);

    if (rc == 0) rc = models_named(app, &r->arena, args, &models, e);

    r->v = val_obj(&r->arena);
    struct val *list = val_set_list(r->v, "models");
    for (size_t i = 0; rc == 0 && models[i]; i++)
        rc = check_one(app, &r->arena, models[i], until_us, list, e);
    reply_table(r, "models", columns);
    return rc;
}

/* Whole windows only: a window is either all there or closed for good. */
static int prune_one(struct app *app, struct arena *a, const char *model, struct val *list,
                     struct err *e)
{
    const struct val *settings;
    int64_t length_us, keep_us = 90 * DAY_US, removed = 0;
    int rc = monitor_settings(app, a, model, &settings, &length_us, e);

    if (rc == 0) rc = duration(settings, "retention", &keep_us, e);
    if (rc < 0) return rc;
    int64_t before_us = monitor_window(clock_now(app->clock) - keep_us, length_us).start_us;
    rc = prediction_prune(app->store, model, before_us, &removed, e);
    if (rc < 0) return rc;
    struct val *o = val_push_obj(list);
    val_set_str(o, "model", model);
    monitor_set_time(o, "before", before_us);
    val_set_int(o, "removed", removed);
    return 0;
}

int verb_monitor_prune(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    static const struct reply_column columns[] = {
        { "model", "model", NULL },
        { "before", "before", "time" },
        { "removed", "predictions removed", NULL },
        { NULL, NULL, NULL },
    };
    const char *const *models = NULL;
    int rc = models_named(app, &r->arena, args, &models, e);

    r->v = val_obj(&r->arena);
    struct val *list = val_set_list(r->v, "models");
    for (size_t i = 0; rc == 0 && models[i]; i++)
        rc = prune_one(app, &r->arena, models[i], list, e);
    reply_table(r, "models", columns);
    return rc;
}
