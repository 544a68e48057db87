/* interval.c: see interval.h. Two-class rows are ordered by falling score once, so that the
 * metrics of ranking find them sorted in every replicate. */
#include "engine/metric/interval.h"

#include "base/mem.h"
#include "base/str.h"
#include "engine/metric/fns.h"
#include "engine/metric/performance.h"
#include "engine/stats/special.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define METRICS_MAX 64
#define Z95         1.959963984540054

bool metric_is_decision(const struct metric *m)
{
    static const char *const names[] = { "accuracy",  "balanced_accuracy",
                                         "precision", "recall",
                                         "f1",        "mcc" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(m->name, names[i])) return true;
    return false;
}

void metric_move_threshold(const double *p, size_t n, double threshold, double *out)
{
    double half = nextafter(.5, 0);

    for (size_t i = 0; i < n; i++) {
        double v = p[i];
        if (v < threshold) out[i] = fmin(half, v / threshold / 2);
        else out[i] = threshold < 1 ? .5 + fmin(1, (v - threshold) / (1 - threshold)) / 2 : 1;
    }
}

struct scored {
    double y, p;
};

static int by_falling_score(const void *pa, const void *pb)
{
    const struct scored *a = pa, *b = pb;

    return (a->p < b->p) - (a->p > b->p);
}

/* What the replicates are computed from: the rows as they are, and as they are decided. */
struct rows {
    struct metric_input in, decided;
    const struct metric *of[METRICS_MAX]; /* those that need replicates */
    size_t k;
    double *memory;
};

static double norm_pdf(double z)
{
    return exp(-z * z / 2) / 2.5066282746310002;
}

static int prepare(const struct metric_input *in, double threshold, struct rows *r, struct err *e)
{
    size_t k = in->task == TASK_MULTICLASS ? (size_t)in->n_classes : 1, n = 0;
    double *m = mem_try(in->n + 1, (k + 3) * sizeof *m);

    if (!m) return err_set(e, ERR_NOMEM, "no memory to measure %zu rows", in->n);
    double *y = m, *p = y + in->n, *moved = p + in->n * k;
    for (size_t i = 0; i < in->n; i++) {
        if (isnan(in->y[i])) continue;
        y[n] = in->y[i];
        memcpy(p + n++ * k, in->p + i * k, k * sizeof *p);
    }
    r->in = *in;
    r->in.n = n;
    r->in.y = y;
    r->in.p = p;
    r->in.w = NULL;
    r->memory = m;
    r->decided = r->in;
    if (in->task != TASK_BINARY) return 0;
    struct scored *s = mem_try(n + 1, sizeof *s);
    if (!s) {
        free(m);
        return err_set(e, ERR_NOMEM, "no memory to measure %zu rows", in->n);
    }
    for (size_t i = 0; i < n; i++) s[i] = (struct scored){ y[i], p[i] };
    qsort(s, n, sizeof *s, by_falling_score);
    for (size_t i = 0; i < n; i++) y[i] = s[i].y;
    for (size_t i = 0; i < n; i++) p[i] = s[i].p;
    free(s);
    metric_move_threshold(p, n, threshold, moved);
    r->decided.p = moved;
    return 0;
}

static double value_of(const struct metric *m, const struct rows *r, const double *w)
{
    struct metric_input in = metric_is_decision(m) ? r->decided : r->in;

    in.w = w;
    return in.n ? m->fn(&in) : (double)NAN;
}

static void figures(const void *user, const double *w, double *out)
{
    const struct rows *r = user;

    for (size_t i = 0; i < r->k; i++) out[i] = value_of(r->of[i], r, w);
}

static struct metric_interval share(double k, double n)
{
    if (!(n > 0)) return (struct metric_interval){ 0, (double)NAN, (double)NAN, "wilson" };
    struct interval i = wilson_interval(k, n, 0.95);
    return (struct metric_interval){ k / n, fmax(0, i.low), fmin(1, i.high), "wilson" };
}

/* Those with an interval of their own; false: by bootstrap. */
static bool closed_form(const struct metric *m, const struct rows *r, const size_t *c,
                        const struct performance *f, struct metric_interval *ret)
{
    bool two = r->in.task == TASK_BINARY;

    if (str_eq(m->name, "accuracy")) {
        double n = (double)r->in.n;
        *ret = share(round(value_of(m, r, NULL) * n), n);
    } else if (two && str_eq(m->name, "precision")) {
        *ret = share((double)c[3], (double)(c[1] + c[3]));
    } else if (two && str_eq(m->name, "recall")) {
        *ret = share((double)c[3], (double)(c[2] + c[3]));
    } else if (two && str_eq(m->name, "auc")) {
        *ret = (struct metric_interval){ f->auc.value, f->auc.low, f->auc.high, "delong" };
    } else {
        return false;
    }
    return true;
}

/* The calibration error is too large by the noise of its bins, which add up as sizes. Replicates
 * see that only in part, as they start from the noisy bins, so they set the upper end, less half
 * of the bias they show; the lower end takes off more: of each bin the mean size of a normal
 * deviation around what is left of its gap without noise, so that it reaches 0 where probabilities
 * are right. Simulated: 95 to 97 in a hundred. */
static struct interval ece_interval(const struct rows *r, double *values, size_t replicates,
                                    double estimate)
{
    struct calibration_bin bins[10];
    double bias = 0, mean = 0, squares = 0, n = (double)r->in.n;

    metric_calibration(&r->in, bins);
    for (size_t b = 0; b < ARRAY_LEN(bins); b++) {
        if (bins[b].n == 0) continue;
        double k = (double)bins[b].n, rate = (bins[b].rate * k + .5) / (k + 1);
        double noise = sqrt(rate * (1 - rate) / k), gap = fabs(bins[b].rate - bins[b].mean_p);
        double left = sqrt(fmax(0, gap * gap - noise * noise));
        double folded =
            noise * 2 * norm_pdf(left / noise) + left * (1 - 2 * norm_cdf(-left / noise));
        bias += k / n * (folded - left);
    }
    for (size_t i = 0; i < replicates; i++) mean += values[i] / (double)replicates;
    for (size_t i = 0; i < replicates; i++) squares += (values[i] - mean) * (values[i] - mean);
    double half = Z95 * sqrt(squares / (double)(replicates - 1));
    return (struct interval){ fmax(0, estimate - bias - half),
                              fmax(estimate, estimate - (mean - estimate) / 2 + half) };
}

static int by_bootstrap(const struct engine *en, struct rows *r, size_t replicates,
                        struct metric_interval *out, struct err *e)
{
    struct bootstrap b = { r->in.n, r->k, replicates, en->seed, figures, r };
    double *values = mem_try(r->k * replicates + 1, sizeof *values), bend[METRICS_MAX];
    int rc = values ? bootstrap_run(en, &b, values, e)
                    : err_set(e, ERR_NOMEM, "no memory for %zu replicates", replicates);

    if (rc == 0) rc = bootstrap_acceleration(en, &b, bend, e);
    for (size_t f = 0; rc == 0 && f < r->k; f++) {
        struct metric_interval *o = &out[r->of[f] - metrics];
        double *mine = values + f * replicates;
        struct interval i = str_eq(r->of[f]->name, "ece")
                                ? ece_interval(r, mine, replicates, o->value)
                                : bootstrap_bca(mine, replicates, o->value, bend[f]);
        o->low = i.low;
        o->high = i.high;
    }
    free(values);
    return rc;
}

int metric_intervals(const struct engine *en, const struct metric_input *in, double threshold,
                     size_t replicates, struct metric_interval *out, size_t *ret_replicates,
                     struct err *e)
{
    const struct metric_interval none = { (double)NAN, (double)NAN, (double)NAN, NULL };
    struct performance f = { 0 };
    struct rows r = { 0 };
    size_t counts[4] = { 0 };
    int rc = prepare(in, threshold, &r, e);

    if (rc) return rc;
    if (in->task == TASK_BINARY) {
        metric_confusion(&r.decided, counts);
        rc = performance_measure(r.in.y, r.in.p, r.in.n, &f, e);
    }
    for (size_t i = 0; metrics[i].name; i++) {
        out[i] = none;
        if (!(metrics[i].tasks & (unsigned)in->task)) continue;
        if (closed_form(&metrics[i], &r, counts, &f, &out[i])) continue;
        out[i] = (struct metric_interval){ value_of(&metrics[i], &r, NULL), (double)NAN,
                                           (double)NAN, "bootstrap" };
        r.of[r.k++] = &metrics[i];
    }
    if (replicates == BOOTSTRAP_NONE) replicates = 0;
    else if (!replicates) replicates = bootstrap_replicates(r.in.n);
    if (rc == 0 && replicates) rc = by_bootstrap(en, &r, replicates, out, e);
    if (rc == 0 && ret_replicates) *ret_replicates = replicates;
    free(r.memory);
    return rc;
}
