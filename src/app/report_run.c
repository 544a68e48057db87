/* report_run.c: reports of a run and of runs side by side. */
#include "app/report.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SERIES = 6, CURVES = 8 };

/* Metrics in a table: what was held out beside what was trained on. */
void report_metrics(struct doc *d, const struct val *metrics)
{
    struct val *t = NULL;

    for (size_t i = 0; i < val_len(metrics); i++) {
        const char *name = val_key(metrics, i);
        char train[96];
        if (str_starts(name, "train_")) continue;
        if (!t) t = doc_table(d, "Metrics", "metric|>held out|>training");
        struct val *row = doc_row(d, t);
        snprintf(train, sizeof train, "train_%.80s", name);
        doc_cell_str(d, row, name);
        doc_cell(d, row, val_at(metrics, i));
        doc_cell(d, row, val_get(metrics, train));
    }
}

static void add_curve(struct doc *d, struct doc_plot p, const char *name, const struct val *points)
{
    struct val *list = doc_series(p, name);

    for (size_t i = 0; i < val_len(points); i++)
        doc_point(d, list, val_get_real(val_at(points, i), "step", (double)i),
                  val_get_real(val_at(points, i), "value", (double)NAN));
}

/* Of every metric with a history a chart, held out and training together. */
void report_curves(struct doc *d, const struct val *history, const char *title)
{
    int charts = 0;

    for (size_t i = 0; i < val_len(history); i++) {
        const char *name = val_key(history, i);
        char train[96];
        bool is_train = str_starts(name, "train_");
        snprintf(train, sizeof train, "train_%.80s", name);
        if (val_len(val_at(history, i)) < 2 || (is_train && val_get(history, name + 6)) ||
            charts == CURVES)
            continue;
        if (!charts++) doc_section(d, title);
        struct doc_plot p = doc_line(d, name, "step", name);
        add_curve(d, p, is_train ? "training" : "held out", val_at(history, i));
        if (!is_train && val_len(val_get(history, train)) > 1)
            add_curve(d, p, "training", val_get(history, train));
    }
}

static void put_pairs(struct doc *d, const char *title, const struct val *o)
{
    if (!val_len(o)) return;
    doc_section(d, title);
    struct val *facts = doc_facts(d);
    for (size_t i = 0; i < val_len(o); i++)
        doc_fact(facts, val_key(o, i), val_as_str(val_at(o, i), ""));
}

static void put_run_facts(struct doc *d, const struct val *v)
{
    const struct val *params = val_get(v, "params");
    struct val *f;

    doc_section(d, "");
    f = doc_facts(d);
    doc_fact(f, "status", val_get_str(v, "status", ""));
    doc_fact(f, "algorithm", val_get_str(params, "algorithm", ""));
    doc_fact(f, "task", val_get_str(params, "task", ""));
    doc_fact(f, "target", val_get_str(params, "target", ""));
    doc_fact(f, "data", val_get_str(params, "data", ""));
    doc_fact(f, "rows", val_get_str(params, "rows", ""));
    doc_fact(f, "features", val_get_str(params, "features", ""));
    doc_fact(f, "started", val_get_str(v, "start_time", ""));
    if (val_has(v, "duration_s"))
        doc_factf(f, "duration", "%.3g s", val_get_real(v, "duration_s", 0));
    doc_fact(f, "by", val_get_str(v, "user", ""));
    doc_fact(f, "run id", val_get_str(v, "run_id", ""));
}

/* A run without a model of ours (another client's) has no such sections. */
static bool has_model(const struct val *run)
{
    const struct val *list = val_get(run, "artifacts");

    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), "path", ""), "model")) return true;
    return false;
}

int report_run(struct doc *d, const char *run, struct err *e)
{
    struct val *args = val_obj(d->a);
    const struct val *v;
    STR_AUTO sub = STR_INIT, uri = STR_INIT;
    int rc;

    val_set_str(args, "run", run);
    if ((rc = report_ask(d, "run show", args, &v, e))) return rc;
    str_addf(&sub, "Run %s of experiment %s", val_get_str(v, "run_id", ""),
             val_get_str(v, "experiment", ""));
    str_addf(&uri, "runs:/%s/model", val_get_str(v, "run_id", ""));
    doc_begin(d, "run", val_get_str(v, "name", ""), str_c(&sub));
    put_run_facts(d, v);
    report_metrics(d, val_get(v, "metrics"));
    if (has_model(v)) rc = report_evaluation(d, str_c(&uri), e);
    if (rc) return rc;
    report_curves(d, val_get(v, "history"), "Learning curves");
    if (has_model(v)) rc = report_importance(d, str_c(&uri), e);
    if (rc) return rc;
    put_pairs(d, "Parameters", val_get(v, "params"));
    put_pairs(d, "Tags", val_get(v, "tags"));
    return 0;
}

/* ---- side by side ------------------------------------------------------------------------ */

static const char *short_name(struct doc *d, const struct val *v, size_t i)
{
    const char *name = val_as_str(val_at(val_get(v, "names"), i), "");
    const char *id = val_as_str(val_at(val_get(v, "runs"), i), "");

    return *name ? name : arena_printf(d->a, "%.8s", id);
}

static void put_fields(struct doc *d, const struct val *v, const char *kind, const char *title,
                       bool all)
{
    const struct val *fields = val_get(v, "fields");
    size_t n = val_len(val_get(v, "runs"));
    struct val *t = NULL;

    for (size_t i = 0; i < val_len(fields); i++) {
        const struct val *f = val_at(fields, i), *values = val_get(f, "values");
        if (!str_eq(val_get_str(f, "kind", ""), kind) ||
            (!all && !val_get_bool(f, "differs", false)))
            continue;
        if (!t) {
            STR_AUTO columns = STR_INIT;
            str_add(&columns, "name");
            for (size_t k = 0; k < n; k++) {
                str_add(&columns, "|>");
                for (const char *c = short_name(d, v, k); *c; c++)
                    str_addc(&columns, *c == '|' ? '/' : *c);
            }
            t = doc_table(d, title, str_c(&columns));
        }
        struct val *row = doc_row(d, t);
        int64_t best = val_has(f, "best") ? val_get_int(f, "best", -1) : -1;
        doc_cell_str(d, row, val_get_str(f, "name", ""));
        for (size_t k = 0; k < n; k++)
            if ((int64_t)k == best) doc_cell_strong(d, row, val_at(values, k));
            else doc_cell(d, row, val_at(values, k));
    }
}

/* Held-out metrics as bars, one chart each. */
static void put_bars(struct doc *d, const struct val *v)
{
    const struct val *fields = val_get(v, "fields");
    int charts = 0;

    for (size_t i = 0; i < val_len(fields) && charts < CURVES; i++) {
        const struct val *f = val_at(fields, i), *values = val_get(f, "values");
        if (!str_eq(val_get_str(f, "kind", ""), "metric") ||
            str_starts(val_get_str(f, "name", ""), "train_"))
            continue;
        struct val *bars = doc_bars(d, val_get_str(f, "name", ""));
        charts++;
        for (size_t k = 0; k < val_len(values); k++)
            doc_bar(bars, short_name(d, v, k), val_as_real(val_at(values, k), (double)NAN),
                    (double)NAN, (double)NAN);
    }
}

static int put_overlays(struct doc *d, const struct val *v, struct err *e)
{
    const struct val *runs = val_get(v, "runs"), *all[SERIES];
    size_t n = val_len(runs) < SERIES ? val_len(runs) : SERIES;

    for (size_t i = 0; i < n; i++) {
        struct val *args = val_obj(d->a);
        val_set_str(args, "run", val_as_str(val_at(runs, i), ""));
        int rc = report_ask(d, "run show", args, &all[i], e);
        if (rc) return rc;
    }
    const struct val *first = val_get(all[0], "history");
    bool begun = false;
    for (size_t m = 0; m < val_len(first); m++) {
        const char *name = val_key(first, m);
        if (val_len(val_at(first, m)) < 2 || str_starts(name, "train_")) continue;
        if (!begun) doc_section(d, "Learning curves");
        begun = true;
        struct doc_plot p = doc_line(d, name, "step", name);
        for (size_t i = 0; i < n; i++)
            if (val_len(val_get(val_get(all[i], "history"), name)) > 1)
                add_curve(d, p, short_name(d, v, i), val_get(val_get(all[i], "history"), name));
    }
    return 0;
}

int report_comparison(struct doc *d, const struct val *runs, struct err *e)
{
    struct val *args = val_obj(d->a);
    const struct val *v;
    char title[80];
    int rc;

    val_set(args, "runs", val_copy(d->a, runs));
    if ((rc = report_ask(d, "run compare", args, &v, e))) return rc;
    snprintf(title, sizeof title, "%zu runs side by side", val_len(val_get(v, "runs")));
    STR_AUTO sub = STR_INIT;
    for (size_t i = 0; i < val_len(val_get(v, "runs")); i++)
        str_addf(&sub, "%s%s", i ? ", " : "", short_name(d, v, i));
    doc_begin(d, "comparison", title, str_c(&sub));
    doc_section(d, "Metrics");
    put_fields(d, v, "metric", NULL, true);
    put_bars(d, v);
    if ((rc = put_overlays(d, v, e))) return rc;
    doc_section(d, "What differs");
    put_fields(d, v, "param", "Parameters", false);
    put_fields(d, v, "tag", "Tags", false);
    return 0;
}
