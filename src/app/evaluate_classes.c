/* evaluate_classes.c: the part of evaluate about classifiers: who was taken for what, whether
 * probabilities mean what they say, and of two classes what ranking is worth at every threshold
 * and which threshold costs least. */
#include "app/evaluate.h"

#include "base/mem.h"
#include "engine/metric/curve.h"

#include <math.h>
#include <stdlib.h>

enum { CURVE_POINTS = 200, COST_POINTS = 51 };

static void put_confusion(struct evaluation *ev)
{
    size_t k = (size_t)ev->in.n_classes;
    MEM_AUTO size_t *counts = mem_zalloc(k * k, sizeof *counts);
    struct val *rows = val_set_list(ev->r->v, "confusion"), *classes;

    metric_confusion(&ev->decided, counts);
    for (size_t i = 0; i < k; i++) {
        struct val *row = val_list(&ev->r->arena);
        for (size_t j = 0; j < k; j++)
            val_push(row, val_int(&ev->r->arena, (int64_t)counts[i * k + j]));
        val_push(rows, row);
    }
    classes = val_set_list(ev->r->v, "classes");
    for (size_t i = 0; i < k; i++) val_push_str(classes, model_class(ev->s->model, (int)i));
}

static void put_calibration(struct evaluation *ev)
{
    struct calibration_bin bins[10];
    struct val *list = val_set_list(ev->r->v, "calibration");

    metric_calibration(&ev->in, bins);
    for (size_t b = 0; b < ARRAY_LEN(bins); b++) {
        struct val *o = val_push_obj(list);
        val_set_int(o, "n", (int64_t)bins[b].n);
        val_set_real(o, "mean_p", bins[b].mean_p);
        val_set_real(o, "rate", bins[b].rate);
        if (!bins[b].n) continue;
        double n = (double)bins[b].n;
        struct interval i = wilson_interval(round(bins[b].rate * n), n, 0.95);
        val_set_real(o, "low", i.low);
        val_set_real(o, "high", i.high);
    }
}

static void put_lift(struct val *v, const struct curve *c)
{
    struct lift_bin bins[LIFT_BINS];
    struct val *list = val_set_list(v, "lift"), *ks = val_set_obj(v, "ks");
    const struct curve_point *at = &c->at[curve_ks(c)];

    curve_lift(c, bins);
    for (size_t b = 0; b < LIFT_BINS; b++) {
        struct val *o = val_push_obj(list);
        val_set_int(o, "decile", (int64_t)b + 1);
        val_set_int(o, "n", (int64_t)bins[b].n);
        val_set_real(o, "positives", bins[b].positives);
        val_set_real(o, "rate", bins[b].rate);
        val_set_real(o, "lift", bins[b].lift);
        val_set_real(o, "gain", bins[b].gain);
        val_set_real(o, "cumulative_lift", bins[b].cumulative);
        val_set_real(o, "ks", bins[b].ks);
        val_set_real(o, "low", bins[b].low);
        val_set_real(o, "high", bins[b].high);
    }
    val_set_real(ks, "value", curve_tpr(c, at) - curve_fpr(c, at));
    val_set_real(ks, "threshold", at->threshold);
}

static void put_curves(struct val *v, const struct curve *c)
{
    size_t index[CURVE_POINTS], n = curve_thin(c, CURVE_POINTS, index);
    struct val *roc = val_set_list(v, "roc"), *pr = val_set_list(v, "precision_recall");

    for (size_t i = 0; i < n; i++) {
        const struct curve_point *p = &c->at[index[i]];
        struct val *o = val_push_obj(roc);
        val_set_real(o, "threshold", p->threshold);
        val_set_real(o, "fpr", curve_fpr(c, p));
        val_set_real(o, "tpr", curve_tpr(c, p));
        if (index[i] == 0) continue;
        o = val_push_obj(pr);
        val_set_real(o, "threshold", p->threshold);
        val_set_real(o, "recall", curve_tpr(c, p));
        val_set_real(o, "precision", p->tp / (p->tp + p->fp));
    }
}

/* ---- costs ------------------------------------------------------------------------------- */

/* The last point at or above a threshold: the rows decided as positive there. */
static const struct curve_point *point_at(const struct curve *c, double threshold)
{
    size_t i = 0;

    while (i + 1 < c->n && c->at[i + 1].threshold >= threshold) i++;
    return &c->at[i];
}

static void put_point(struct val *o, const struct curve *c, const struct curve_point *p,
                      double threshold, const struct costs *k)
{
    val_set_real(o, "threshold", threshold);
    val_set_real(o, "cost", curve_cost(c, p, k));
    val_set_real(o, "positive_rate", (p->tp + p->fp) / (c->pos + c->neg));
    val_set_real(o, "precision", p->tp / (p->tp + p->fp));
    val_set_real(o, "recall", curve_tpr(c, p));
    val_set_real(o, "fpr", curve_fpr(c, p));
}

static int put_costs(struct evaluation *ev, const struct curve *c, struct err *e)
{
    const struct costs k = { val_get_real(ev->args, "cost-fp", 1),
                             val_get_real(ev->args, "cost-fn", 1) };
    const struct curve_point *best = &c->at[curve_cheapest(c, &k)];
    struct interval threshold = { (double)NAN, (double)NAN }, cost = threshold;
    struct val *o = val_set_obj(ev->r->v, "costs"), *list;
    int rc = 0;

    if (ev->replicates != BOOTSTRAP_NONE)
        rc = curve_cost_intervals(&ev->en, ev->in.y, ev->in.p, ev->in.n, &k, best->threshold,
                                  ev->replicates, &threshold, &cost, e);
    val_set_real(o, "cost_fp", k.fp);
    val_set_real(o, "cost_fn", k.fn);
    struct val *b = val_set_obj(o, "best");
    put_point(b, c, best, best->threshold, &k);
    val_set_real(b, "threshold_low", threshold.low);
    val_set_real(b, "threshold_high", threshold.high);
    val_set_real(b, "cost_low", cost.low);
    val_set_real(b, "cost_high", cost.high);
    put_point(val_set_obj(o, "chosen"), c, point_at(c, ev->threshold), ev->threshold, &k);
    list = val_set_list(o, "curve");
    for (int i = 0; i < COST_POINTS; i++) {
        double t = (double)i / (COST_POINTS - 1);
        put_point(val_push_obj(list), c, point_at(c, t), t, &k);
    }
    return rc;
}

int evaluate_classes(struct evaluation *ev, struct err *e)
{
    struct curve c;
    int rc;

    put_confusion(ev);
    put_calibration(ev);
    if (ev->in.task != TASK_BINARY) return 0;
    val_set_str(ev->r->v, "positive", model_class(ev->s->model, 1));
    val_set_real(ev->r->v, "threshold", ev->threshold);
    if ((rc = curve_make(ev->in.y, ev->in.p, ev->in.n, &c, e))) return rc;
    if (c.pos > 0 && c.neg > 0) {
        put_lift(ev->r->v, &c);
        if (val_get_bool(ev->args, "curves", false)) put_curves(ev->r->v, &c);
    }
    if (val_has(ev->args, "cost-fp") || val_has(ev->args, "cost-fn")) rc = put_costs(ev, &c, e);
    curve_done(&c);
    return rc;
}
