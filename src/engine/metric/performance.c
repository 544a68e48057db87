/* performance.c: see performance.h. Rows are sorted by score once; ties form one block. */
#include "engine/metric/performance.h"

#include "base/mem.h"
#include "engine/stats/table.h"

#include <math.h>
#include <stdlib.h>

#define Z95  1.959963984540054
#define BINS 10

struct row {
    double p, y;
};

static int by_score(const void *a, const void *b)
{
    const struct row *x = a, *z = b;
    return (x->p > z->p) - (x->p < z->p);
}

static int sorted_rows(const double *y, const double *p, size_t n, struct row **ret,
                       struct err *e)
{
    struct row *r = mem_try(n ? n : 1, sizeof *r);
    if (!r) return err_set(e, ERR_NOMEM, "no memory for %zu predictions", n);
    for (size_t i = 0; i < n; i++) r[i] = (struct row){ p[i], y ? y[i] : 0 };
    qsort(r, n, sizeof *r, by_score);
    *ret = r;
    return 0;
}

static size_t block_end(const struct row *r, size_t n, size_t i)
{
    size_t k = i;
    while (k < n && r[k].p == r[i].p) k++;
    return k;
}

static const struct figure undefined = { NAN, NAN, NAN, 0 };

static struct figure share(double k, double n)
{
    if (!(n > 0)) return undefined;
    struct interval i = wilson_interval(k, n, 0.95);
    return (struct figure){ k / n, fmax(0, i.low), fmin(1, i.high), (size_t)n };
}

/* Mean of a loss with the normal interval. */
static struct figure mean_of(double sum, double squares, size_t n)
{
    if (n == 0) return undefined;
    double m = sum / (double)n, half = NAN;
    if (n > 1) half = Z95 * sqrt(fmax(0, squares / (double)n - m * m) / (double)(n - 1));
    return (struct figure){ m, m - half, m + half, n };
}

/* Sums of placements: for each positive the share of negatives below it, and the other way
 * round, from one walk over the sorted rows. */
static struct figure delong(const struct row *r, size_t n, double pos)
{
    double neg = (double)n - pos, seen_pos = 0, seen_neg = 0;
    double v10 = 0, v10_sq = 0, v01_sq = 0;
    if (!(pos > 0) || !(neg > 0)) return undefined;
    for (size_t i = 0; i < n;) {
        size_t end = block_end(r, n, i);
        double k1 = 0;
        for (size_t k = i; k < end; k++) k1 += r[k].y;
        double k0 = (double)(end - i) - k1;
        double below = (seen_neg + k0 / 2) / neg, above = (pos - seen_pos - k1 / 2) / pos;
        v10 += k1 * below;
        v10_sq += k1 * below * below;
        v01_sq += k0 * above * above;
        seen_pos += k1;
        seen_neg += k0;
        i = end;
    }
    double auc = v10 / pos, var = 0;
    if (pos > 1) var += fmax(0, v10_sq - pos * auc * auc) / (pos - 1) / pos;
    if (neg > 1) var += fmax(0, v01_sq - neg * auc * auc) / (neg - 1) / neg;
    double half = Z95 * sqrt(var);
    return (struct figure){ auc, fmax(0, auc - half), fmin(1, auc + half), n };
}

static void calibration_terms(const struct row *r, size_t n, double base, struct performance *f)
{
    double count[BINS] = { 0 }, hits[BINS] = { 0 }, scores[BINS] = { 0 }, ece = 0;
    for (size_t i = 0; i < n; i++) {
        int b = (int)floor(r[i].p * BINS);
        b = b < 0 ? 0 : b >= BINS ? BINS - 1 : b;
        count[b]++;
        hits[b] += r[i].y;
        scores[b] += r[i].p;
    }
    for (int b = 0; b < BINS; b++) {
        if (count[b] == 0) continue;
        double rate = hits[b] / count[b], mean = scores[b] / count[b], w = count[b] / (double)n;
        ece += w * fabs(mean - rate);
        f->reliability += w * (mean - rate) * (mean - rate);
        f->resolution += w * (rate - base) * (rate - base);
    }
    f->uncertainty = base * (1 - base);
    f->ece = (struct figure){ ece, NAN, NAN, n };
}

int performance_measure(const double *y, const double *p, size_t n, struct performance *ret,
                        struct err *e)
{
    struct performance f = { .accuracy = undefined, .precision = undefined, .recall = undefined,
                             .brier = undefined, .log_loss = undefined, .auc = undefined,
                             .ece = undefined };
    double tp = 0, fp = 0, fn = 0, tn = 0, sq = 0, sq2 = 0, ll = 0, ll2 = 0;
    struct row *r;
    int rc = sorted_rows(y, p, n, &r, e);
    if (rc) return rc;
    for (size_t i = 0; i < n; i++) {
        double err = p[i] - y[i], loss = err * err;
        double clipped = fmin(1 - 1e-15, fmax(1e-15, p[i]));
        double right = y[i] > 0 ? clipped : 1 - clipped;
        *(p[i] >= 0.5 ? (y[i] > 0 ? &tp : &fp) : (y[i] > 0 ? &fn : &tn)) += 1;
        sq += loss;
        sq2 += loss * loss;
        ll -= log(right);
        ll2 += log(right) * log(right);
    }
    if (n > 0) {
        f.positives = (size_t)(tp + fn);
        f.accuracy = share(tp + tn, (double)n);
        f.precision = share(tp, tp + fp);
        f.recall = share(tp, tp + fn);
        f.brier = mean_of(sq, sq2, n);
        f.log_loss = mean_of(ll, ll2, n);
        f.auc = delong(r, n, tp + fn);
        calibration_terms(r, n, (tp + fn) / (double)n, &f);
    }
    free(r);
    *ret = f;
    return 0;
}

static double over(double a, double b)
{
    return b > 0 ? a / b : (double)NAN;
}

int performance_expect(const double *p, size_t n, struct expected *ret, struct err *e)
{
    struct expected x = { 0 };
    struct row *r;
    int rc = sorted_rows(NULL, p, n, &r, e);
    if (rc) return rc;
    for (size_t i = 0; i < n; i++) {
        double c = fmin(1, fmax(0, p[i]));
        *(p[i] >= 0.5 ? &x.tp : &x.fn) += c;
        *(p[i] >= 0.5 ? &x.fp : &x.tn) += 1 - c;
        x.brier += c * (1 - c);
    }
    double pos = 0, neg = 0, area = 0; /* walking up: expected pairs in the right order */
    for (size_t i = 0; i < n;) {
        size_t end = block_end(r, n, i);
        double k1 = 0;
        for (size_t k = i; k < end; k++) k1 += fmin(1, fmax(0, r[k].p));
        double k0 = (double)(end - i) - k1;
        area += k1 * (neg + k0 / 2);
        pos += k1;
        neg += k0;
        i = end;
    }
    free(r);
    x.accuracy = over(x.tp + x.tn, (double)n);
    x.precision = over(x.tp, x.tp + x.fp);
    x.recall = over(x.tp, x.tp + x.fn);
    x.brier = over(x.brier, (double)n);
    x.auc = over(area, pos * neg);
    *ret = x;
    return 0;
}
