/* decision.c: metrics of decided classes, all from one weighted confusion matrix.
 *
 * Definitions are scikit-learn's with zero_division=0: a ratio 0/0 counts as 0, and the means
 * of precision, recall and f1 go over all classes of the model; only balanced accuracy goes
 * over the classes that occur. */
#include "base/mem.h"
#include "engine/metric/fns.h"

#include <math.h>
#include <stdlib.h>

/* Row sums (actual), column sums (predicted) and the diagonal, per class. */
struct totals {
    size_t k;
    double n, right;
    double *actual, *predicted, *hit;
};

static struct totals add_up(const struct metric_input *in)
{
    struct totals t = { .k = metric_n_classes(in) };

    t.actual = mem_zalloc(3 * t.k, sizeof *t.actual);
    t.predicted = t.actual + t.k;
    t.hit = t.predicted + t.k;
    for (size_t i = 0; i < in->n; i++) {
        size_t y = (size_t)in->y[i], p = metric_decision(in, i);
        double w = metric_weight(in, i);
        t.n += w;
        t.actual[y] += w;
        t.predicted[p] += w;
        if (y == p) {
            t.hit[y] += w;
            t.right += w;
        }
    }
    return t;
}

static void totals_done(struct totals *t)
{
    free(t->actual);
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static double class_precision(const struct totals *t, size_t c)
{
    return ratio(t->hit[c], t->predicted[c]);
}

static double class_recall(const struct totals *t, size_t c)
{
    return ratio(t->hit[c], t->actual[c]);
}

static double class_f1(const struct totals *t, size_t c)
{
    return ratio(2 * t->hit[c], t->actual[c] + t->predicted[c]);
}

/* Of the positive class, or the mean over the classes. */
static double averaged(const struct metric_input *in, double (*fn)(const struct totals *, size_t))
{
    struct totals t = add_up(in);
    double sum = 0;

    if (in->task == TASK_BINARY) sum = fn(&t, 1);
    else
        for (size_t c = 0; c < t.k; c++) sum += fn(&t, c) / (double)t.k;
    totals_done(&t);
    return sum;
}

double metric_fn_precision(const struct metric_input *in)
{
    return averaged(in, class_precision);
}
double metric_fn_recall(const struct metric_input *in)
{
    return averaged(in, class_recall);
}
double metric_fn_f1(const struct metric_input *in)
{
    return averaged(in, class_f1);
}

double metric_fn_accuracy(const struct metric_input *in)
{
    struct totals t = add_up(in);
    double v = ratio(t.right, t.n);

    totals_done(&t);
    return v;
}

double metric_fn_balanced_accuracy(const struct metric_input *in)
{
    struct totals t = add_up(in);
    double sum = 0, classes = 0;

    for (size_t c = 0; c < t.k; c++) {
        if (!(t.actual[c] > 0)) continue;
        sum += class_recall(&t, c);
        classes++;
    }
    totals_done(&t);
    return ratio(sum, classes);
}

double metric_fn_mcc(const struct metric_input *in)
{
    struct totals t = add_up(in);
    double both = 0, actual = 0, predicted = 0, under;

    for (size_t c = 0; c < t.k; c++) {
        both += t.actual[c] * t.predicted[c];
        actual += t.actual[c] * t.actual[c];
        predicted += t.predicted[c] * t.predicted[c];
    }
    under = (t.n * t.n - actual) * (t.n * t.n - predicted);
    both = under > 0 ? (t.right * t.n - both) / sqrt(under) : 0;
    totals_done(&t);
    return both;
}

void metric_confusion(const struct metric_input *in, size_t *counts)
{
    size_t k = metric_n_classes(in);

    for (size_t i = 0; i < k * k; i++) counts[i] = 0;
    for (size_t i = 0; i < in->n; i++)
        if (!isnan(in->y[i])) counts[(size_t)in->y[i] * k + metric_decision(in, i)]++;
}
