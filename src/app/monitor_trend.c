/* monitor_trend.c: a metric of the snapshots over time, with its threshold, the promoted
 * version's figure, and whether and how it changed.
 *
 * Sudden and gradual are told apart by engine/drift/change.h. After a change the newest window
 * is compared with those before it: the distance of two windows is the mean over the features
 * and the score of the Jensen-Shannon distance of their counts in the reference's bins. Is one
 * of the windows before the change at most half as far as their median, the change is a
 * recurring one, and `like` names that window. */
#include "app/escalate.h"
#include "app/monitor_priv.h"
#include "app/verb.h"
#include "base/mem.h"
#include "engine/drift/change.h"
#include "engine/stats/bins.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Short names, as monitor status has them. */
static const struct {
    const char *name, *path;
} metrics[] = {
    { "label_coverage", "label_coverage" },
    { "volume", "volume" },
    { "labels", "labels" },
    { "accuracy", "performance.accuracy" },
    { "brier", "performance.brier" },
    { "log_loss", "performance.log_loss" },
    { "auc", "performance.auc" },
    { "precision", "performance.precision" },
    { "recall", "performance.recall" },
    { "ece", "performance.ece" },
    { "rmse", "performance.rmse" },
    { "mae", "performance.mae" },
    { "p50_ms", "latency.p50_ms" },
    { "p95_ms", "latency.p95_ms" },
    { "p99_ms", "latency.p99_ms" },
    { "data_freshness_s", "freshness.data_s" },
    { "share_drifted", "drift.share" },
    { "prediction_drift", "prediction_drift.effect_raw" },
    { "multivariate", "multivariate.effect_raw" },
    { "estimated_accuracy", "estimated.accuracy" },
    { "estimated_auc", "estimated.auc" },
    { "unseen_share", "quality.unseen_share" },
    { "quality_issues", "quality.issues" },
};

struct trend {
    struct arena *a;
    const char *metric, *path;   /* path NULL: of a feature */
    const char *feature;         /* NULL: none */
    const struct esc_rule *rule; /* NULL: no rule looks at it */
    double threshold;
    struct snapshot *snapshots;
    const struct val **data; /* of each snapshot */
    size_t n;
};

/* ---- reading ---------------------------------------------------------------------------- */

static const struct val *follow(const struct val *v, const char *path)
{
    char key[64];

    while (v && *path) {
        size_t len = strcspn(path, ".");
        if (len >= sizeof key) return NULL;
        memcpy(key, path, len);
        key[len] = '\0';
        v = val_get(v, key);
        path += len + (path[len] == '.');
    }
    return v;
}

static const struct val *find_feature(const struct val *data, const char *name)
{
    const struct val *list = val_get(val_get(data, "drift"), "features");

    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), "name", ""), name)) return val_at(list, i);
    return NULL;
}

static int choose_metric(struct trend *t, struct err *e)
{
    STR_AUTO known = STR_INIT;

    if (str_starts(t->metric, "feature:")) {
        t->feature = t->metric + strlen("feature:");
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(metrics); i++) {
        str_addf(&known, "%s%s", i ? ", " : "", metrics[i].name);
        if (str_eq(metrics[i].name, t->metric)) t->path = metrics[i].path;
    }
    if (!t->path && strchr(t->metric, '.')) t->path = t->metric;
    if (t->path) return 0;
    err_set(e, ERR_INVALID, "--metric: there is no metric '%s'", t->metric);
    return err_hint(e, "%.250s, feature:NAME, or a path into a snapshot", str_c(&known));
}

static const struct esc_rule *rule_on(const char *path, const struct esc_rule *rules, size_t n)
{
    size_t len = strlen(path);

    for (size_t i = 0; i < n; i++) {
        const char *m = rules[i].metric;
        if (str_starts(m, path) && (!m[len] || str_eq(m + len, ".value"))) return &rules[i];
    }
    return NULL;
}

/* The rule that judges the metric. That on drift looks at the share as a drift of the table. */
static const struct esc_rule *find_rule(const struct trend *t, const struct esc_rule *rules,
                                        size_t n)
{
    const struct esc_rule *r = t->path ? rule_on(t->path, rules, n) : NULL;

    if (!r && str_eq(t->path, "drift.share")) r = rule_on("drift.table_share", rules, n);
    return r;
}

static int load(struct app *app, struct trend *t, const char *model, int64_t last, struct err *e)
{
    int rc =
        snapshot_list(app->store, t->a, model, INT64_MIN, INT64_MAX, last, &t->snapshots, &t->n, e);

    t->data = arena_array(t->a, t->n + 1, const struct val *);
    for (size_t i = 0; rc == 0 && i < t->n; i++) {
        struct val *v;
        rc = val_parse_json(t->a, t->snapshots[i].data, strlen(t->snapshots[i].data), &v, e);
        if (rc == 0) t->data[i] = v;
    }
    if (rc == 0 && t->n == 0) {
        err_set(e, ERR_NOTFOUND, "model '%s' has no snapshots", model);
        rc = err_hint(e, "`signalbox monitor check %s` measures what is in its log", model);
    }
    return rc;
}

/* ---- points ----------------------------------------------------------------------------- */

struct point {
    double value, low, high;
    int64_t n;
    bool breach;
};

static struct point point_of_feature(struct trend *t, const struct val *data)
{
    const struct val *f = find_feature(data, t->feature);

    if (isnan(t->threshold)) t->threshold = val_get_real(f, "effect_floor", (double)NAN);
    return (struct point){ val_get_real(f, "effect", (double)NAN), NAN, NAN,
                           val_get_int(f, "n_current", 0), val_get_bool(f, "drifted", false) };
}

static struct point point_of(struct trend *t, size_t i)
{
    const struct val *data = t->data[i], *v;
    const char *dot = t->path ? strrchr(t->path, '.') : NULL;
    struct point p = { NAN, NAN, NAN, val_get_int(data, "volume", 0), false };

    if (t->feature) return point_of_feature(t, data);
    v = follow(data, t->path);
    if (dot) {
        const char *group = arena_strndup(t->a, t->path, (size_t)(dot - t->path));
        p.n = val_get_int(follow(data, group), "n", p.n);
    }
    p.value = val_as_real(v, (double)NAN);
    if (val_type(v) == VAL_OBJ)
        p = (struct point){ val_get_real(v, "value", (double)NAN),
                            val_get_real(v, "low", (double)NAN),
                            val_get_real(v, "high", (double)NAN), val_get_int(v, "n", 0), false };
    if (!t->rule) return p;
    struct esc_sample s = esc_read(t->rule, data, t->snapshots[i].start_us);
    p.breach = s.n >= t->rule->min_rows && esc_breach(t->rule, &s);
    return p;
}

static void write_point(const struct trend *t, size_t i, const struct point *p, struct val *list)
{
    struct val *o = val_push_obj(list);
    char text[32];

    val_set_str(o, "window_start", clock_format(text, t->snapshots[i].start_us));
    monitor_set_real(o, "value", p->value);
    monitor_set_real(o, "low", p->low);
    monitor_set_real(o, "high", p->high);
    val_set_int(o, "n", p->n);
    val_set_int(o, "version", t->snapshots[i].version);
    val_set_bool(o, "breach", p->breach);
}

/* ---- recurring -------------------------------------------------------------------------- */

/* Counts in bins of the same labels; false when they cannot be compared. */
static bool read_counts(const struct val *bins, const struct val *other, double *p, double *q,
                        size_t *ret_k)
{
    const struct val *l1 = val_get(bins, "labels"), *l2 = val_get(other, "labels");
    const struct val *c1 = val_get(bins, "current"), *c2 = val_get(other, "current");
    size_t k = val_len(l1);
    double sum1 = 0, sum2 = 0;

    if (!k || k > BINS_MAX || k != val_len(l2)) return false;
    for (size_t i = 0; i < k; i++) {
        if (!str_eq(val_as_str(val_at(l1, i), ""), val_as_str(val_at(l2, i), ""))) return false;
        sum1 += p[i] = val_as_real(val_at(c1, i), 0);
        sum2 += q[i] = val_as_real(val_at(c2, i), 0);
    }
    *ret_k = k;
    return sum1 > 0 && sum2 > 0;
}

/* Mean distance of the features and the score of two windows; NaN: nothing in common. */
static double distance(const struct val *a, const struct val *b)
{
    const struct val *list = val_get(val_get(a, "drift"), "features");
    double p[BINS_MAX], q[BINS_MAX], sum = 0;
    size_t n = 0, k;

    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *f = val_at(list, i);
        const struct val *g = find_feature(b, val_get_str(f, "name", ""));
        if (!read_counts(val_get(f, "bins"), val_get(g, "bins"), p, q, &k)) continue;
        sum += dist_js(p, q, k);
        n++;
    }
    if (read_counts(val_get(val_get(a, "prediction_drift"), "bins"),
                    val_get(val_get(b, "prediction_drift"), "bins"), p, q, &k)) {
        sum += dist_js(p, q, k);
        n++;
    }
    return n ? sum / (double)n : (double)NAN;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The window before `change` that the newest one is back at; t->n: none. */
static size_t find_like(const struct trend *t, size_t change)
{
    double *d = arena_array(t->a, t->n + 1, double), least = INFINITY;
    size_t n = 0, best = t->n;

    for (size_t i = 0; i < change; i++) {
        double x = distance(t->data[t->n - 1], t->data[i]);
        if (isnan(x)) continue;
        if (x < least) {
            least = x;
            best = i;
        }
        d[n++] = x;
    }
    if (n < 3) return t->n;
    qsort(d, n, sizeof *d, by_value);
    return least <= d[n / 2] / 2 ? best : t->n;
}

static void write_change(const struct trend *t, const double *x, const size_t *at, size_t n,
                         struct val *o)
{
    struct change c = change_find(x, n);
    char text[32];

    val_set_str(o, "change", NULL);
    if (c.kind == CHANGE_NONE) return;
    struct val *v = val_set_obj(o, "change");
    size_t like = find_like(t, at[c.at]);
    const char *kind = c.kind == CHANGE_SUDDEN ? "sudden" : "gradual";
    val_set_str(v, "at", clock_format(text, t->snapshots[at[c.at]].start_us));
    val_set_str(v, "kind", like < t->n ? "recurring" : kind);
    val_set_str(v, "course", kind);
    monitor_set_real(v, "before", c.before);
    monitor_set_real(v, "after", c.after);
    val_set_str(v, "like", like < t->n ? clock_format(text, t->snapshots[like].start_us) : NULL);
}

/* ---- the verb --------------------------------------------------------------------------- */

static const struct reply_column columns[] = {
    { "window_start", "window", "time" },
    { "value", "value", "real" },
    { "low", "low", "real" },
    { "high", "high", "real" },
    { "n", "n", NULL },
    { "breach", "breach", NULL },
    { NULL, NULL, NULL },
};

static double baseline_of(const struct trend *t, const struct val *baseline)
{
    const char *prefix = "performance.";

    if (!t->path || !str_starts(t->path, prefix)) return (double)NAN;
    return val_get_real(baseline, t->path + strlen(prefix), (double)NAN);
}

static void write_trend(struct trend *t, const struct val *baseline, struct val *o)
{
    struct val *list = val_list(t->a);
    double *x = arena_array(t->a, t->n + 1, double);
    size_t *at = arena_array(t->a, t->n + 1, size_t), n = 0;

    for (size_t i = 0; i < t->n; i++) {
        struct point p = point_of(t, i);
        write_point(t, i, &p, list);
        if (isnan(p.value)) continue;
        x[n] = p.value;
        at[n++] = i;
    }
    val_set_str(o, "metric", t->metric);
    val_set(o, "points", list);
    monitor_set_real(o, "threshold", t->threshold);
    monitor_set_real(o, "baseline", baseline_of(t, baseline));
    write_change(t, x, at, n, o);
}

int verb_monitor_trend(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *model = val_get_str(args, "name", "");
    struct trend t = { .a = &r->arena,
                       .metric = val_get_str(args, "metric", "accuracy"),
                       .threshold = (double)NAN };
    const struct val *settings;
    struct val *baseline;
    struct esc_rule *rules = NULL;
    int64_t length_us;
    size_t n = 0;
    int rc = choose_metric(&t, e);

    if (rc == 0) rc = monitor_settings(app, t.a, model, &settings, &length_us, e);
    if (rc == 0) rc = monitor_baseline(app, t.a, model, &baseline, e);
    if (rc == 0) rc = esc_rules(t.a, settings, baseline, &rules, &n, e);
    if (rc == 0) rc = load(app, &t, model, val_get_int(args, "last", 200), e);
    if (rc < 0) return rc;
    t.rule = find_rule(&t, rules, n);
    if (t.rule) t.threshold = esc_threshold(t.rule);
    r->v = val_obj(t.a);
    val_set_str(r->v, "model", model);
    write_trend(&t, baseline, r->v);
    reply_table(r, "points", columns);
    return 0;
}
