/* monitor_status.c: how a model is doing: its newest snapshot, its open alerts, and how old its
 * data are right now. Reads only. */
#include "app/alertval.h"
#include "app/monitor.h"
#include "app/verb.h"
#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
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

/* What is asked: a model's state now, or in the window that began by at_us. */
struct ask {
    struct app *app;
    struct arena *a;
    int64_t at_us; /* INT64_MAX: now */
    bool whole;    /* the snapshot too */
};

static void set_age(struct val *o, const char *key, int64_t now_us, int64_t then_us)
{
    if (then_us) val_set_real(o, key, (double)(now_us - then_us) / 1e6);
    else val_set_str(o, key, NULL);
}

/* The worst alert speaks for the model. */
static void set_escalation(struct val *o, const struct val *worst)
{
    struct val *v = val_set_obj(o, "escalation");

    val_set_str(v, "state", val_get_str(worst, "state", "none"));
    val_set_str(v, "rule", val_get_str(worst, "rule", NULL));
    val_set_int(v, "streak", val_get_int(worst, "breach_streak", 0));
    val_set_str(v, "recommended_action", val_get_str(worst, "recommended_action", "none"));
}

static int set_alerts(const struct ask *q, const char *model, struct val *o, struct err *e)
{
    struct val *alerts = NULL;
    const struct alert_query open = { model, true, q->at_us };
    int rc = alerts_to_val(q->app, q->a, &open, &alerts, e);

    if (rc < 0) return rc;
    size_t i = 0, n = val_len(alerts);
    val_set(o, "alerts", alerts);
    while (i < n && str_eq(val_get_str(val_at(alerts, i), "state", "none"), "none")) i++;
    set_escalation(o, i < n ? val_at(alerts, i) : NULL);
    return 0;
}

static int set_snapshot(const struct ask *q, const char *model, struct val *o,
                        const struct val **ret_data, struct err *e)
{
    struct snapshot *list = NULL;
    struct val *data = NULL;
    size_t n = 0;
    int64_t to_us = q->at_us == INT64_MAX ? INT64_MAX : q->at_us + 1;
    int rc = snapshot_list(q->app->store, q->a, model, INT64_MIN, to_us, 1, &list, &n, e);

    if (rc == 0 && n)
        rc = val_parse_json(q->a, list[n - 1].data, strlen(list[n - 1].data), &data, e);
    if (rc < 0) return rc;
    val_set_str(o, "model", model);
    val_set_str(o, "window_start", val_get_str(data, "window_start", NULL));
    val_set_str(o, "window_end", val_get_str(data, "window_end", NULL));
    set_fields(q->a, o, data);
    if (q->whole) val_set(o, "snapshot", data ? data : val_null(q->a));
    *ret_data = data;
    return 0;
}

/* Of the past there is no age but the one that the window's end saw. */
static void set_ages(const struct ask *q, const struct prediction_totals *t, const struct val *data,
                     struct val *o)
{
    int64_t now_us = clock_now(q->app->clock);
    const struct val *then = val_get(val_get(data, "freshness"), "data_s");

    if (q->at_us == INT64_MAX) {
        set_age(o, "data_freshness_s", now_us, t->last_us);
        set_age(o, "pipeline_freshness_s", now_us, t->last_ingest_us);
    } else {
        val_set(o, "data_freshness_s", then ? val_copy(q->a, then) : val_null(q->a));
        val_set_str(o, "pipeline_freshness_s", NULL);
    }
}

static int set_model(const struct ask *q, const char *model, struct val *o, struct err *e)
{
    struct prediction_totals t;
    const struct val *data = NULL;
    int rc = prediction_totals(q->app->store, model, &t, e);

    if (rc == 0 && t.rows == 0 && q->whole) {
        err_set(e, ERR_NOTFOUND, "model '%s' has no predictions", model);
        return err_hint(e, "bring some with `signalbox monitor ingest %s --data FILE`", model);
    }
    if (rc == 0) rc = set_snapshot(q, model, o, &data, e);
    if (rc == 0) rc = set_alerts(q, model, o, e);
    if (rc == 0) set_ages(q, &t, data, o);
    return rc;
}

/* ---- for people ------------------------------------------------------------------------------ */

/* "accuracy  0.9069 (0.8709 to 0.9336)", for the figures there are. */
static void text_figures(struct str *s, const struct val *performance)
{
    for (size_t i = 0; i < val_len(performance); i++) {
        const struct val *v = val_at(performance, i);
        double low = val_get_real(v, "low", (double)NAN);
        if (val_type(v) != VAL_OBJ || !val_has(v, "value")) continue;
        str_addf(s, "  %-10s  %.4f", val_key(performance, i), val_get_real(v, "value", (double)NAN));
        if (!isnan(low)) str_addf(s, " (%.4f to %.4f)", low, val_get_real(v, "high", (double)NAN));
        str_addc(s, '\n');
    }
}

static void text_drift(struct str *s, const struct val *snapshot)
{
    const struct val *drift = val_get(snapshot, "drift"), *list = val_get(drift, "features");
    bool any = false;

    if (val_type(drift) != VAL_OBJ) return;
    str_addf(s, "  %-10s  %" PRId64 " of %" PRId64 " features", "drift",
             val_get_int(drift, "drifted", 0), val_get_int(drift, "tested", 0));
    for (size_t i = 0; i < val_len(list); i++) {
        if (!val_get_bool(val_at(list, i), "drifted", false)) continue;
        str_addf(s, "%s%s", any ? ", " : ": ", val_get_str(val_at(list, i), "name", ""));
        any = true;
    }
    if (val_get_bool(val_get(snapshot, "prediction_drift"), "drifted", false))
        str_add(s, "; predictions too");
    str_addc(s, '\n');
}

static void text_window(struct str *s, const struct val *v)
{
    const struct val *snapshot = val_get(v, "snapshot");
    int64_t issues = val_get_int(val_get(snapshot, "quality"), "issues", 0);

    str_addf(s, "  %-10s  %s to %s\n", "window", val_get_str(v, "window_start", "none yet"),
             val_get_str(v, "window_end", ""));
    str_addf(s, "  %-10s  %" PRId64 ", %" PRId64 " with labels (%.0f %%)\n", "predicted",
             val_get_int(v, "volume", 0), val_get_int(v, "labels", 0),
             100 * val_get_real(v, "label_coverage", 0));
    text_figures(s, val_get(snapshot, "performance"));
    if (val_has(v, "estimated_accuracy"))
        str_addf(s, "  %-10s  %.4f accuracy, without labels\n", "estimated",
                 val_get_real(v, "estimated_accuracy", (double)NAN));
    if (val_has(v, "p50_ms"))
        str_addf(s, "  %-10s  p50 %.4g, p95 %.4g, p99 %.4g ms\n", "latency",
                 val_get_real(v, "p50_ms", 0), val_get_real(v, "p95_ms", 0),
                 val_get_real(v, "p99_ms", 0));
    text_drift(s, snapshot);
    str_addf(s, "  %-10s  ", "quality");
    if (issues) str_addf(s, "%" PRId64 " issues\n", issues);
    else str_add(s, "nothing found\n");
}

static void text_age(struct str *s, const struct val *v, const char *key, const char *title)
{
    char age[16];

    if (val_has(v, key))
        str_addf(s, "  %-10s  %s ago\n", title,
                 clock_age(age, (int64_t)(val_get_real(v, key, 0) * 1e6)));
}

/* What somebody wants to know who is woken: how bad, since when, what to do. The rest is in the
 * other forms of output. */
static char *as_text(struct arena *a, const struct val *v)
{
    STR_AUTO s = STR_INIT;
    const struct val *worst = val_get(v, "escalation"), *alerts = val_get(v, "alerts");
    const char *state = val_get_str(worst, "state", "none");

    str_addf(&s, "%s: %s", val_get_str(v, "model", ""), str_eq(state, "none") ? "ok" : state);
    if (val_has(worst, "rule"))
        str_addf(&s, " (%s), to do: %s", val_get_str(worst, "rule", ""),
                 val_get_str(worst, "recommended_action", ""));
    str_addc(&s, '\n');
    text_window(&s, v);
    text_age(&s, v, "data_freshness_s", "newest");
    text_age(&s, v, "pipeline_freshness_s", "ingested");
    if (val_len(alerts)) str_add(&s, "alerts\n");
    for (size_t i = 0; i < val_len(alerts); i++) {
        const struct val *al = val_at(alerts, i);
        str_addf(&s, "  %-10s  %-18s %10.4g against %-10.4g %3" PRId64 " in a row, since %.16s\n",
                 val_get_str(al, "state", ""), val_get_str(al, "rule", ""),
                 val_get_real(al, "value", (double)NAN), val_get_real(al, "threshold", (double)NAN),
                 val_get_int(al, "breach_streak", 0), val_get_str(al, "since", ""));
    }
    return arena_strdup(a, str_c(&s));
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
    struct ask q = { app, &r->arena, INT64_MAX, name != NULL };
    int rc = monitor_time(args, "at", &q.at_us, e);

    if (rc) return rc;
    r->v = val_obj(&r->arena);
    if (name) {
        rc = set_model(&q, name, r->v, e);
        if (!rc) r->text = as_text(&r->arena, r->v);
        return rc;
    }
    struct val *list = val_set_list(r->v, "models");
    rc = prediction_models(app->store, &r->arena, &models, e);
    for (size_t i = 0; rc == 0 && models[i]; i++)
        rc = set_model(&q, models[i], val_push_obj(list), e);
    reply_table(r, "models", columns);
    return rc;
}
