/* report_eval.c: the sections of a report about a model on data: what evaluate answers as tiles,
 * curves and tables, and what explain answers as bars. */
#include "app/report.h"

#include "app/svg.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { IMPORTANT = 20, GROUPS = 40 };

static double number(const struct val *o, const char *key)
{
    return val_get_real(o, key, (double)NAN);
}

static double value(const struct val *o, const char *key)
{
    return number(val_get(o, key), "value");
}

int report_importance(struct doc *d, const char *uri, struct err *e)
{
    struct val *args = val_obj(d->a);
    const struct val *v, *list;
    const char *data = val_get_str(d->args, "data", NULL);
    int rc;

    val_set_str(args, "model", uri);
    if (data) val_set_str(args, "data", data);
    if ((rc = report_ask(d, "explain", args, &v, e))) return rc;
    list = val_get(v, "importance");
    doc_section(d, "What the model looks at");
    struct val *bars = doc_bars(d, "Importance (share of gain)");
    for (size_t i = 0; i < val_len(list) && i < IMPORTANT; i++)
        doc_bar(bars, val_get_str(val_at(list, i), "feature", ""), number(val_at(list, i), "gain"),
                (double)NAN, (double)NAN);
    if (!val_has(val_at(list, 0), "permutation")) return 0;
    STR_AUTO title = STR_INIT;
    str_addf(&title, "Loss of %s when shuffled", val_get_str(v, "metric", "the metric"));
    bars = doc_bars(d, str_c(&title));
    for (size_t i = 0; i < val_len(list) && i < IMPORTANT; i++)
        doc_bar(bars, val_get_str(val_at(list, i), "feature", ""),
                number(val_at(list, i), "permutation"), (double)NAN, (double)NAN);
    return 0;
}

/* ---- classifiers ------------------------------------------------------------------------- */

static void put_tiles(struct doc *d, const struct val *v)
{
    const struct val *m = val_get(v, "metrics"), *in = val_get(v, "intervals");
    struct val *tiles = val_set_list(doc_block(d, "tiles", NULL), "items");

    for (size_t i = 0; i < val_len(m); i++) {
        const struct val *ci = val_get(in, val_key(m, i));
        doc_tile(tiles, val_key(m, i), val_as_real(val_at(m, i), (double)NAN), number(ci, "low"),
                 number(ci, "high"));
    }
}

static void unit_square(struct val *chart)
{
    static const char *const sides[] = { "x_min", "y_min", "x_max", "y_max" };

    for (size_t i = 0; i < ARRAY_LEN(sides); i++) val_set_real(chart, sides[i], i < 2 ? 0 : 1);
}

static void put_roc(struct doc *d, const struct val *v)
{
    const struct val *roc = val_get(v, "roc"), *pr = val_get(v, "precision_recall");
    struct doc_plot p;
    char title[80], buf[48];

    if (!val_len(roc)) return;
    snprintf(title, sizeof title, "ROC, AUC %s",
             report_number(buf, number(val_get(v, "metrics"), "auc")));
    p = doc_line(d, title, "false positive rate", "true positive rate");
    unit_square(p.chart);
    val_set_bool(p.chart, "diagonal", true);
    struct val *points = doc_series(p, "model");
    for (size_t i = 0; i < val_len(roc); i++)
        doc_point(d, points, number(val_at(roc, i), "fpr"), number(val_at(roc, i), "tpr"));
    snprintf(title, sizeof title, "Precision and recall, AP %s",
             report_number(buf, number(val_get(v, "metrics"), "average_precision")));
    p = doc_line(d, title, "recall", "precision");
    unit_square(p.chart);
    points = doc_series(p, "model");
    for (size_t i = 0; i < val_len(pr); i++)
        doc_point(d, points, number(val_at(pr, i), "recall"), number(val_at(pr, i), "precision"));
}

static void put_calibration(struct doc *d, const struct val *v)
{
    const struct val *bins = val_get(v, "calibration");
    char title[80], buf[48];

    if (!val_len(bins)) return;
    snprintf(title, sizeof title, "Calibration, ECE %s",
             report_number(buf, number(val_get(v, "metrics"), "ece")));
    struct doc_plot p = doc_line(d, title, "predicted probability", "observed share");
    unit_square(p.chart);
    val_set_bool(p.chart, "diagonal", true);
    struct val *s = val_push_obj(p.series), *points;
    val_set_str(s, "name", "bins");
    val_set_bool(s, "dots", true);
    points = val_set_list(s, "points");
    for (size_t i = 0; i < val_len(bins); i++) {
        const struct val *b = val_at(bins, i);
        if (val_get_int(b, "n", 0) > 0)
            doc_point_range(d, points, number(b, "mean_p"), number(b, "rate"), number(b, "low"),
                            number(b, "high"));
    }
}

static void put_lift(struct doc *d, const struct val *v)
{
    const struct val *list = val_get(v, "lift");

    if (!val_len(list)) return;
    struct doc_plot p = doc_line(d, "Cumulative gain", "share of rows, highest scores first",
                                 "share of positives found");
    unit_square(p.chart);
    val_set_bool(p.chart, "diagonal", true);
    struct val *points = doc_series(p, "model");
    doc_point(d, points, 0, 0);
    for (size_t i = 0; i < val_len(list); i++)
        doc_point(d, points, (double)(i + 1) / (double)val_len(list),
                  number(val_at(list, i), "gain"));
    struct val *t =
        doc_table(d, "Lift by decile", ">decile|>rows|>positives|>rate|>lift|>gain|>KS");
    static const char *const keys[] = { "decile", "n", "positives", "rate", "lift", "gain", "ks" };
    for (size_t i = 0; i < val_len(list); i++) {
        struct val *row = doc_row(d, t);
        for (size_t k = 0; k < ARRAY_LEN(keys); k++)
            doc_cell(d, row, val_get(val_at(list, i), keys[k]));
    }
}

static void put_confusion(struct doc *d, const struct val *v)
{
    const struct val *classes = val_get(v, "classes");
    char title[80];

    if (val_len(classes) < 2 || val_len(classes) > 40) return;
    snprintf(title, sizeof title, "Confusion: actual (rows) by predicted");
    if (val_has(v, "threshold"))
        snprintf(title, sizeof title, "Confusion at %.4g: actual (rows) by predicted",
                 number(v, "threshold"));
    struct val *c = doc_chart(d, "heat", title);
    val_set(c, "columns", val_copy(d->a, classes));
    val_set(c, "rows", val_copy(d->a, classes));
    val_set(c, "matrix", val_copy(d->a, val_get(v, "confusion")));
}

static void put_costs(struct doc *d, const struct val *v)
{
    const struct val *c = val_get(v, "costs"), *curve = val_get(c, "curve"),
                     *best = val_get(c, "best");
    char label[80], buf[48];

    if (!c) return;
    struct doc_plot p = doc_line(d, "Cost of a row by threshold", "threshold", "cost");
    val_set_real(p.chart, "x_min", 0);
    val_set_real(p.chart, "x_max", 1);
    struct val *points = doc_series(p, "cost");
    for (size_t i = 0; i < val_len(curve); i++)
        doc_point(d, points, number(val_at(curve, i), "threshold"),
                  number(val_at(curve, i), "cost"));
    struct val *m = val_push_obj(val_set_list(p.chart, "marks"));
    snprintf(label, sizeof label, "cheapest %s", report_number(buf, number(best, "threshold")));
    val_set_real(m, "x", number(best, "threshold"));
    val_set_str(m, "label", label);
}

/* ---- regression, groups ------------------------------------------------------------------ */

static void put_residuals(struct doc *d, const struct val *v)
{
    const struct val *h = val_get(val_get(v, "residuals"), "histogram"),
                     *list = val_get(v, "by_decile");

    if (!h) return;
    struct val *c = doc_chart(d, "histogram", "Prediction - target");
    val_set(c, "lo", val_copy(d->a, val_get(h, "lo")));
    val_set(c, "width", val_copy(d->a, val_get(h, "width")));
    val_set(c, "counts", val_copy(d->a, val_get(h, "counts")));
    val_set_str(c, "x_label", "prediction - target");
    val_set_str(c, "y_label", "rows");
    struct doc_plot p =
        doc_line(d, "Bias by size of prediction", "mean prediction of a tenth", "bias");
    struct val *s = val_push_obj(p.series), *points;
    val_set_str(s, "name", "bias");
    val_set_bool(s, "dots", true);
    points = val_set_list(s, "points");
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *o = val_at(list, i), *b = val_get(o, "bias");
        doc_point_range(d, points, number(o, "mean_prediction"), number(b, "value"),
                        number(b, "low"), number(b, "high"));
    }
}

static void put_groups(struct doc *d, const struct val *v)
{
    static const char *const rates[] = { "base_rate", "selection_rate", "tpr",
                                         "fpr",       "precision",      "accuracy" };
    const struct val *by = val_get(v, "by_group"), *fair = val_get(v, "fairness"),
                     *m = val_get(fair, "measures");
    struct val *t;

    if (!val_len(by)) return;
    doc_section(d, "Groups");
    if (!fair) {
        const char *first = val_key(val_get(val_at(by, 0), "metrics"), 0);
        t = doc_table(d, NULL, arena_printf(d->a, "group|>rows|>bias|>%s|note", first));
        for (size_t i = 0; i < val_len(by) && i < GROUPS; i++) {
            struct val *row = doc_row(d, t);
            doc_cell_str(d, row, val_key(by, i));
            doc_cell(d, row, val_get(val_at(by, i), "n"));
            doc_cell_real(d, row, value(val_at(by, i), "bias"));
            doc_cell(d, row, val_at(val_get(val_at(by, i), "metrics"), 0));
            doc_cell_str(d, row, val_get_bool(val_at(by, i), "small", false) ? "small" : "");
        }
        return;
    }
    t = doc_table(d, NULL, "group|>rows|>positives|>selected|>TPR|>FPR|>precision|>accuracy|note");
    for (size_t i = 0; i < val_len(by) && i < GROUPS; i++) {
        struct val *row = doc_row(d, t);
        doc_cell_str(d, row, val_key(by, i));
        doc_cell(d, row, val_get(val_at(by, i), "n"));
        for (size_t k = 0; k < ARRAY_LEN(rates); k++)
            doc_cell_real(d, row, value(val_get(val_at(by, i), "rates"), rates[k]));
        doc_cell_str(d, row,
                     val_get_bool(val_at(by, i), "small", false) ? "small, not compared" : "");
    }
    struct val *bars = doc_bars(d, "Share decided as positive");
    for (size_t i = 0; i < val_len(by) && i < GROUPS; i++) {
        const struct val *o = val_get(val_get(val_at(by, i), "rates"), "selection_rate");
        if (o)
            doc_bar(bars, val_key(by, i), number(o, "value"), number(o, "low"), number(o, "high"));
    }
    t = doc_table(d, "Fairness", "measure|>value|>low|>high");
    for (size_t i = 0; i < val_len(m); i++) {
        struct val *row = doc_row(d, t);
        doc_cell_str(d, row, val_key(m, i));
        doc_cell_real(d, row, number(val_at(m, i), "value"));
        doc_cell_real(d, row, number(val_at(m, i), "low"));
        doc_cell_real(d, row, number(val_at(m, i), "high"));
    }
}

int report_evaluation(struct doc *d, const char *uri, struct err *e)
{
    static const char *const passed[] = { "data",    "group",   "threshold",
                                          "cost-fp", "cost-fn", "threads" };
    struct val *args = val_obj(d->a);
    const struct val *v;
    STR_AUTO title = STR_INIT;
    int rc;

    if (!val_has(d->args, "data")) return 0;
    val_set_str(args, "model", uri);
    val_set_bool(args, "curves", true);
    for (size_t i = 0; i < ARRAY_LEN(passed); i++)
        if (val_has(d->args, passed[i]))
            val_set(args, passed[i], val_copy(d->a, val_get(d->args, passed[i])));
    if ((rc = report_ask(d, "evaluate", args, &v, e))) return rc;
    str_addf(&title, "On %s, %lld rows", val_get_str(d->args, "data", ""),
             (long long)val_get_int(v, "rows", 0));
    doc_section(d, str_c(&title));
    put_tiles(d, v);
    put_roc(d, v);
    put_calibration(d, v);
    put_costs(d, v);
    put_confusion(d, v);
    put_residuals(d, v);
    put_lift(d, v);
    put_groups(d, v);
    return 0;
}
