/* retrain_facts.c: the stored rows a retrain decision rests on: settings, the promoted version
 * and its windows, the labelled part of the prediction log, earlier decisions, queue, alerts.
 * Reads only. */
#include "app/cron.h"
#include "app/retrain.h"
#include "app/settings.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/alert.h"
#include "store/job.h"
#include "store/prediction.h"
#include "store/registry.h"
#include "store/run.h"
#include "store/schedule.h"
#include "store/snapshot.h"

#include <math.h>
#include <string.h>

enum {
    WINDOWS_MAX = 1000,
    DECISIONS_MAX = 200,
    JOBS_MAX = 10000,
    EVENTS_MAX = 100000,
    CLASSES_MAX = 10000
};

int retrain_settings_read(struct app *app, struct arena *a, struct retrain_settings *ret,
                          struct err *e)
{
    struct val *all;
    int rc = settings_load(a, app->dir, &all, e);
    if (rc) return rc;
    const struct val *v = val_get(all, "retrain");
    const char *schedule = val_get_str(v, "schedule", "off");
    struct retrain_settings s = {
        .accuracy_drop = val_get_real(v, "accuracy_drop", 0),
        .brier_rise = val_get_real(v, "brier_rise", 0),
        .share_drifted = val_get_real(v, "share_drifted", 0),
        .min_coverage = val_get_real(v, "min_coverage", 0),
        .margin = val_get_real(v, "margin", 0),
        .drift_windows = val_get_int(v, "drift_windows", 1),
        .min_labels = val_get_int(v, "min_labels", 1),
        .min_minority = val_get_int(v, "min_minority", 1),
        .watch_windows = val_get_int(v, "watch_windows", 1),
        .schedule = str_eq(schedule, "off") ? NULL : schedule,
        .metric = val_get_str(v, "metric", "auc"),
        .auto_rollback = val_get_bool(v, "auto_rollback", false),
    };
    if (!settings_duration(val_get_str(v, "cooldown", ""), &s.cooldown_us) ||
        !settings_duration(val_get_str(v, "train_window", ""), &s.train_window_us))
        return err_set(e, ERR_INVALID, "retrain: cooldown and train_window must be durations");
    *ret = s;
    return 0;
}

/* ---- the promoted version ---------------------------------------------------------------- */

static double metric_of(const struct run *r, const char *key)
{
    for (size_t i = 0; i < r->n_metrics; i++)
        if (str_eq(r->metrics[i].key, key)) return r->metrics[i].value;
    return NAN;
}

static const char *kv_of(const struct kv *kv, size_t n, const char *key)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(kv[i].key, key)) return kv[i].value;
    return NULL;
}

static int read_baseline(struct app *app, struct arena *a, struct retrain_promoted *p,
                         struct err *e)
{
    struct run run;
    long long n = 0;

    p->accuracy = p->brier = p->rollback_below = NAN;
    if (!p->run_id) return 0;
    int rc = store_run_get(app->store, a, p->run_id, &run, e);
    if (rc == -ERR_NOTFOUND) { /* imported from elsewhere */
        err_clear(e);
        return 0;
    }
    if (rc) return rc;
    p->accuracy = metric_of(&run, "accuracy");
    p->brier = metric_of(&run, "brier");
    const char *rows = kv_of(run.params, run.n_params, "rows_valid");
    if (rows && str_to_i64(rows, &n)) p->n = n;
    const char *below = kv_of(run.tags, run.n_tags, RUN_TAG_ROLLBACK);
    if (below && !str_to_real(below, &p->rollback_below)) p->rollback_below = NAN;
    return 0;
}

/* When the version came into Production last, and whether another one had been there. */
static int read_promotion(struct app *app, struct arena *a, const char *model,
                          struct retrain_promoted *p, struct err *e)
{
    struct stage_event *ev = NULL;
    size_t n = 0;
    int rc = store_stage_events(app->store, a, model, EVENTS_MAX, &ev, &n, e);

    p->first = true;
    p->since_us = INT64_MIN;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (!str_eq(ev[i].to, "Production")) continue;
        if (ev[i].version != p->version) p->first = false;
        else if (p->promoted_us) p->since_us = p->promoted_us;
        else p->promoted_us = ev[i].at_us;
    }
    return rc;
}

static struct figure figure_of(const struct val *v)
{
    return (struct figure){ .value = val_get_real(v, "value", NAN),
                            .low = val_get_real(v, "low", NAN),
                            .high = val_get_real(v, "high", NAN),
                            .n = val_get_int(v, "n", 0) };
}

/* Whether the window's predictions are the promoted version's. */
static bool speaks_for(const struct retrain_promoted *p, const struct snapshot *sn,
                       const struct val *data)
{
    const struct val *versions = val_get(data, "model_versions");
    STR_AUTO own = STR_INIT;

    str_addf(&own, "%lld", (long long)p->version);
    if (val_get_int(versions, str_c(&own), 0) > 0) return true;
    for (size_t i = 0; i < val_len(versions); i++)
        if (!str_eq(val_key(versions, i), "unknown") && val_as_int(val_at(versions, i), 0))
            return false;
    return p->first || sn->start_us >= p->promoted_us;
}

static int read_window(struct arena *a, const struct snapshot *sn, struct retrain_promoted *p,
                       struct err *e)
{
    struct val *data = NULL;
    int rc = val_parse_json(a, sn->data, strlen(sn->data), &data, e);

    if (rc) return err_prefix(e, "snapshot of %s", sn->model);
    const struct val *performance = val_get(data, "performance");
    const struct val *drift = val_get(data, "drift");
    /* of a table, as the alert sees it; early snapshots lack that */
    const char *share = val_has(drift, "table_share") ? "table_share" : "share";
    const struct retrain_window w = {
        .start_us = sn->start_us,
        .end_us = sn->end_us,
        .volume = val_get_int(data, "volume", 0),
        .accuracy = figure_of(val_get(performance, "accuracy")),
        .brier = figure_of(val_get(performance, "brier")),
        .share = val_get_real(drift, share, NAN),
    };
    if (!w.volume) return 0;
    p->newest_us = w.end_us;
    if (speaks_for(p, sn, data)) p->window[p->n_windows++] = w;
    return 0;
}

/* Of a snapshot only some numbers are kept, so each is parsed in memory that is used again. */
static int read_windows(struct app *app, struct arena *a, const char *model,
                        struct retrain_promoted *p, struct err *e)
{
    struct arena rows = ARENA_INIT, each = ARENA_INIT;
    struct snapshot *sn = NULL;
    size_t n = 0;
    int rc = snapshot_list(app->store, &rows, model, INT64_MIN, INT64_MAX, WINDOWS_MAX, &sn, &n, e);

    p->window = arena_array(a, n + 1, struct retrain_window);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = read_window(&each, &sn[i], p, e);
        arena_reset(&each);
    }
    arena_done(&each);
    arena_done(&rows);
    return rc;
}

int retrain_promoted_read(struct app *app, struct arena *a, const char *model,
                          struct retrain_promoted *ret, struct err *e)
{
    struct retrain_promoted p = { 0 };
    struct reg_version v;
    int rc = store_version_by_stage(app->store, a, model, "Production", &v, e);

    if (rc == -ERR_NOTFOUND) {
        err_set(e, ERR_STATE, "no version of %s is in Production", model);
        return err_hint(e, "signalbox model promote %s VERSION --reason 'why'", model);
    }
    if (rc) return rc;
    p.version = v.version;
    p.task = v.task;
    p.run_id = v.run_id;
    rc = read_baseline(app, a, &p, e);
    if (rc == 0) rc = read_promotion(app, a, model, &p, e);
    if (rc == 0) rc = read_windows(app, a, model, &p, e);
    if (rc == 0) *ret = p;
    return rc;
}

/* ---- the log ------------------------------------------------------------------------------- */

struct tally {
    struct retrain_facts *f;
    struct map *classes;
};

static int tally_row(void *user, const struct prediction *p)
{
    struct tally *t = user;
    size_t n;

    t->f->rows++;
    if (!p->label) return 0;
    t->f->labels++;
    if (p->at_us >= t->f->trained_to_us) t->f->new_labels++;
    n = strlen(p->label);
    if (map_len(t->classes) < CLASSES_MAX || map_find(t->classes, p->label, n))
        ++*map_at(t->classes, p->label, n, NULL);
    return 0;
}

static int64_t rarest(const struct map *classes)
{
    int64_t least = INT64_MAX;

    if (map_len(classes) < 2) return 0;
    for (size_t i = 0; i < map_len(classes); i++) {
        size_t n;
        const char *key = map_key(classes, i, &n);
        int64_t count = *map_find(classes, key, n);
        if (count < least) least = count;
    }
    return least;
}

static int read_log(struct app *app, struct retrain_facts *f, struct err *e)
{
    struct tally t = { f, map_new() };
    int rc = prediction_each(app->store, f->model, f->from_us, f->to_us, tally_row, &t, e);

    f->minority = str_eq(f->now.task, "regression") ? -1 : rarest(t.classes);
    map_free(t.classes);
    return rc;
}

/* ---- earlier decisions --------------------------------------------------------------------- */

/* The newest retraining that was queued and not given up. */
static int read_decisions(struct app *app, struct arena *a, struct retrain_facts *f, struct err *e)
{
    struct retrain_row *row = NULL;
    size_t n = 0;
    int rc = retrain_list(app->store, a, f->model, DECISIONS_MAX, &row, &n, e);

    f->trained_us = 0;
    f->trained_to_us = INT64_MIN;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct job j;
        struct val *v = NULL;
        if (!row[i].job_id || row[i].dry_run) continue;
        rc = store_job_get(app->store, a, row[i].job_id, &j, e);
        if (rc || str_eq(j.state, "dead") || str_eq(j.state, "cancelled")) continue;
        f->trained_us = row[i].at_us;
        rc = val_parse_json(a, row[i].decision, strlen(row[i].decision), &v, e);
        const char *to = val_get_str(val_get(v, "data_window"), "to", "");
        if (!clock_parse(to, strlen(to), &f->trained_to_us)) f->trained_to_us = INT64_MIN;
        return rc;
    }
    return rc;
}

static int read_queue(struct app *app, struct arena *a, struct retrain_facts *f, struct err *e)
{
    static const char *const states[] = { "running", "ready", "scheduled" };
    const char *serial = arena_printf(a, "retrain:%s", f->model);

    f->job = f->job_key = NULL;
    for (size_t k = 0; k < ARRAY_LEN(states); k++) {
        struct job *j = NULL;
        size_t n = 0;
        int rc = store_job_list(app->store, a, states[k], JOBS_MAX, 0, &j, &n, e);
        if (rc) return rc;
        for (size_t i = 0; i < n; i++) {
            if (!str_eq(j[i].kind, "retrain") || !str_eq(j[i].serial_key, serial)) continue;
            f->job = j[i].id;
            f->job_key = j[i].dedup_key;
            return 0;
        }
    }
    return 0;
}

static int read_alerts(struct app *app, struct arena *a, struct retrain_facts *f, struct err *e)
{
    struct alert *al = NULL;
    size_t n = 0;
    int rc = alert_list(app->store, a, f->model, true, &al, &n, e);

    f->bad_data = NULL;
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (str_eq(al[i].kind, "data_quality") && str_eq(al[i].state, "incident"))
            f->bad_data = al[i].rule;
    return rc;
}

int retrain_facts_queue(struct app *app, struct arena *a, struct retrain_facts *f, struct err *e)
{
    int rc = read_decisions(app, a, f, e);

    if (rc == 0) rc = read_queue(app, a, f, e);
    return rc ? rc : read_alerts(app, a, f, e);
}

static int read_slot(struct retrain_facts *f, struct err *e)
{
    struct cron c;

    f->slot_us = INT64_MIN;
    if (!f->set.schedule) return 0;
    if (cron_parse(f->set.schedule, &c, e)) return err_prefix(e, "retrain.schedule");
    f->slot_us = cron_previous(&c, f->now_us);
    return 0;
}

int retrain_facts_measured(struct app *app, struct arena *a, const char *model,
                           struct retrain_facts *ret, struct err *e)
{
    struct retrain_facts f = { .model = arena_strdup(a, model),
                               .trigger = "policy",
                               .now_us = clock_now(app->clock) };
    struct prediction_totals totals;
    int rc = retrain_settings_read(app, a, &f.set, e);

    if (rc == 0) rc = read_slot(&f, e);
    if (rc == 0) rc = retrain_promoted_read(app, a, model, &f.now, e);
    if (rc == 0) rc = read_decisions(app, a, &f, e);
    if (rc == 0) rc = prediction_totals(app->store, model, &totals, e);
    if (rc) return rc;
    f.to_us = f.now.newest_us ? f.now.newest_us : totals.rows ? totals.last_us + 1 : f.now_us;
    f.from_us = f.to_us - f.set.train_window_us;
    rc = read_log(app, &f, e);
    if (rc == 0) *ret = f;
    return rc;
}
