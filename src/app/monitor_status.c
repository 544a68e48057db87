/* monitor_status.c: how a model is doing: its newest snapshot, its open alerts, and how old its
 * data are right now. Reads only. */
#include "app/alertval.h"
#include "app/monitor.h"
#include "app/verb.h"
#include "base/mem.h"

#include <string.h>

/* Fields of the reply, and where a snapshot has them; figures are objects with a value. */
static const struct {
    const char *name, *group, *field;
} fields[] = {
    { "volume", NULL, "volume" },
    { "labels", NULL, "labels" },
    { "label_coverage", NULL, "label_coverage" },
    { "accuracy", "performance", "accuracy" },
    { "brier", "performance", "brier" },
    { "log_loss", "performance", "log_loss" },
    { "auc", "performance", "auc" },
    { "precision", "performance", "precision" },
    { "recall", "performance", "recall" },
    { "ece", "performance", "ece" },
    { "p50_ms", "latency", "p50_ms" },
    { "p95_ms", "latency", "p95_ms" },
    { "p99_ms", "latency", "p99_ms" },
    { "share_drifted", "drift", "share" },
    { "estimated_accuracy", "estimated", "accuracy" },
};

static void set_fields(struct arena *a, struct val *o, const struct val *data)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct val *v = fields[i].group ? val_get(data, fields[i].group) : data;
        v = val_get(v, fields[i].field);
        if (val_type(v) == VAL_OBJ) v = val_get(v, "value");
        val_set(o, fields[i].name, v ? val_copy(a, v) : val_null(a));
    }
}

static void set_age(struct val *o, const char *key, int64_t now_us, int64_t then_us)
{
    if (then_us) val_set_real(o, key, (double)(now_us - then_us) / 1e6);
    else val_set_str(o, key, NULL);
}

/* The worst alert speaks for the model. */
static void set_escalation(struct val *o, const struct alert *worst)
{
    struct val *v = val_set_obj(o, "escalation");

    val_set_str(v, "state", worst ? worst->state : "none");
    val_set_str(v, "rule", worst ? worst->rule : NULL);
    val_set_int(v, "streak", worst ? worst->streak : 0);
    val_set_str(v, "recommended_action", worst ? worst->recommended_action : "none");
}

static int set_alerts(struct app *app, struct arena *a, const char *model, struct val *o,
                      struct err *e)
{
    struct alert *list = NULL;
    size_t n = 0, i = 0;
    int rc = alert_list(app->store, a, model, true, &list, &n, e);

    if (rc < 0) return rc;
    struct val *alerts = val_set_list(o, "alerts");
    for (size_t k = 0; k < n; k++)
        val_push(alerts, alert_to_val(a, &list[k], clock_now(app->clock)));
    while (i < n && str_eq(list[i].state, "none")) i++;
    set_escalation(o, i < n ? &list[i] : NULL);
    return 0;
}

static int set_snapshot(struct app *app, struct arena *a, const char *model, bool whole,
                        struct val *o, struct err *e)
{
    struct snapshot *list = NULL;
    struct val *data = NULL;
    size_t n = 0;
    int rc = snapshot_list(app->store, a, model, INT64_MIN, INT64_MAX, 1, &list, &n, e);

    if (rc == 0 && n) rc = val_parse_json(a, list[n - 1].data, strlen(list[n - 1].data), &data, e);
    if (rc < 0) return rc;
    val_set_str(o, "model", model);
    val_set_str(o, "window_start", val_get_str(data, "window_start", NULL));
    val_set_str(o, "window_end", val_get_str(data, "window_end", NULL));
    set_fields(a, o, data);
    if (whole) val_set(o, "snapshot", data ? data : val_null(a));
    return 0;
}

static int set_model(struct app *app, struct arena *a, const char *model, bool whole, struct val *o,
                     struct err *e)
{
    int64_t now_us = clock_now(app->clock);
    struct prediction_totals t;
    int rc = prediction_totals(app->store, model, &t, e);

    if (rc == 0 && t.rows == 0 && whole) {
        err_set(e, ERR_NOTFOUND, "model '%s' has no predictions", model);
        return err_hint(e, "bring some with `signalbox monitor ingest %s --data FILE`", model);
    }
    if (rc == 0) rc = set_snapshot(app, a, model, whole, o, e);
    if (rc == 0) rc = set_alerts(app, a, model, o, e);
    if (rc < 0) return rc;
    set_age(o, "data_freshness_s", now_us, t.last_us);
    set_age(o, "pipeline_freshness_s", now_us, t.last_ingest_us);
    return 0;
}

static const struct reply_column columns[] = {
    { "model", "model", NULL },
    { "escalation.state", "state", NULL },
    { "escalation.rule", "rule", NULL },
    { "window_start", "window", "time" },
    { "volume", "volume", NULL },
    { "label_coverage", "labels", "percent" },
    { "accuracy", "accuracy", "real" },
    { "auc", "auc", "real" },
    { "share_drifted", "drifted", "percent" },
    { "p99_ms", "p99 ms", "real" },
    { NULL, NULL, NULL },
};

int verb_monitor_status(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *name = val_get_str(args, "name", NULL);
    const char *const *models = NULL;

    r->v = val_obj(&r->arena);
    if (name) return set_model(app, &r->arena, name, true, r->v, e);
    struct val *list = val_set_list(r->v, "models");
    int rc = prediction_models(app->store, &r->arena, &models, e);
    for (size_t i = 0; rc == 0 && models[i]; i++)
        rc = set_model(app, &r->arena, models[i], false, val_push_obj(list), e);
    reply_table(r, "models", columns);
    return rc;
}
