/* evaluate_residuals.c: the part of evaluate about regressions: how prediction - target is
 * distributed, whether it depends on how large the prediction is, and which rows are worst. */
#include "app/evaluate.h"

#include "base/mem.h"
#include "engine/stats/sample.h"

#include <math.h>
#include <stdlib.h>

#define Z95 1.959963984540054
enum { TENTHS = 10, BINS = 20, WORST = 10 };

struct pair {
    double p, y;
    size_t row;
};

static int by_prediction(const void *pa, const void *pb)
{
    const struct pair *a = pa, *b = pb;

    if (a->p != b->p) return a->p < b->p ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static int by_error(const void *pa, const void *pb)
{
    const struct pair *a = pa, *b = pb;
    double x = fabs(a->p - a->y), z = fabs(b->p - b->y);

    if (x != z) return x > z ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

static void put_histogram(struct arena *a, struct val *o, const struct sample *s)
{
    double lo = s->x[0], width = (s->x[s->n - 1] - lo) / BINS;
    size_t count[BINS] = { 0 };
    struct val *h = val_set_obj(o, "histogram"), *list;

    for (size_t i = 0; i < s->n; i++) {
        size_t b = width > 0 ? (size_t)((s->x[i] - lo) / width) : 0;
        count[b < BINS ? b : BINS - 1]++;
    }
    val_set_real(h, "lo", lo);
    val_set_real(h, "width", width);
    list = val_set_list(h, "counts");
    for (size_t b = 0; b < (width > 0 ? BINS : 1); b++)
        val_push(list, val_int(a, (int64_t)count[b]));
}

static int put_summary(struct evaluation *ev, const struct pair *r, size_t n, struct err *e)
{
    static const struct {
        const char *name;
        double p;
    } quantiles[] = {
        { "p05", .05 }, { "p25", .25 }, { "p50", .5 }, { "p75", .75 }, { "p95", .95 },
    };
    struct val *o = val_set_obj(ev->r->v, "residuals"), *q;
    MEM_AUTO double *x = mem_try(n + 1, sizeof *x);
    struct sample s = { 0 };
    int rc = x ? 0 : err_set(e, ERR_NOMEM, "no memory to measure %zu rows", n);

    for (size_t i = 0; !rc && i < n; i++) x[i] = r[i].p - r[i].y;
    if (!rc) rc = sample_new(x, n, &s, e);
    if (rc) return rc;
    struct moments m = sample_moments(&s);
    double half = Z95 * m.std / sqrt((double)s.n);
    evaluate_put_figure(o, "bias", m.mean, m.mean - half, m.mean + half);
    val_set_real(o, "std", m.std);
    val_set_real(o, "skew", m.skew);
    val_set_real(o, "kurtosis", m.kurt);
    val_set_real(o, "mad", sample_mad(&s, e));
    val_set_real(o, "min", s.x[0]);
    val_set_real(o, "max", s.x[s.n - 1]);
    q = val_set_obj(o, "quantiles");
    for (size_t i = 0; i < ARRAY_LEN(quantiles); i++)
        val_set_real(q, quantiles[i].name, sample_quantile(&s, quantiles[i].p));
    put_histogram(&ev->r->arena, o, &s);
    sample_done(&s);
    return 0;
}

/* Rows of one tenth of the predictions. */
static void put_tenth(struct val *o, const struct pair *r, size_t n)
{
    double p = 0, y = 0, squares = 0, spread = 0, k = (double)n;

    for (size_t i = 0; i < n; i++) {
        p += r[i].p / k;
        y += r[i].y / k;
        squares += (r[i].p - r[i].y) * (r[i].p - r[i].y) / k;
    }
    for (size_t i = 0; i < n; i++) spread += (r[i].p - r[i].y - p + y) * (r[i].p - r[i].y - p + y);
    double half = n > 1 ? Z95 * sqrt(spread / (k - 1) / k) : (double)NAN;
    val_set_int(o, "n", (int64_t)n);
    val_set_real(o, "from", r[0].p);
    val_set_real(o, "to", r[n - 1].p);
    val_set_real(o, "mean_prediction", p);
    val_set_real(o, "mean_target", y);
    val_set_real(o, "rmse", sqrt(squares));
    evaluate_put_figure(o, "bias", p - y, p - y - half, p - y + half);
}

/* Equal predictions stay in one tenth, so there may be fewer than ten. */
static void put_tenths(struct val *v, const struct pair *r, size_t n)
{
    struct val *list = val_set_list(v, "by_decile");

    for (size_t from = 0, b = 1; from < n; b++) {
        size_t to = n * b / TENTHS;
        while (to < n && to > 0 && r[to].p == r[to - 1].p) to++;
        if (to <= from) continue;
        put_tenth(val_push_obj(list), r + from, to - from);
        from = to;
    }
}

static void put_worst(struct val *v, struct pair *r, size_t n)
{
    struct val *list = val_set_list(v, "worst");

    qsort(r, n, sizeof *r, by_error);
    for (size_t i = 0; i < n && i < WORST; i++) {
        struct val *o = val_push_obj(list);
        val_set_int(o, "row", (int64_t)r[i].row + 1);
        val_set_real(o, "target", r[i].y);
        val_set_real(o, "prediction", r[i].p);
    }
}

int evaluate_residuals(struct evaluation *ev, struct err *e)
{
    MEM_AUTO struct pair *r = mem_try(ev->in.n + 1, sizeof *r);
    size_t n = 0;

    if (!r) return err_set(e, ERR_NOMEM, "no memory to measure %zu rows", ev->in.n);
    for (size_t i = 0; i < ev->in.n; i++)
        if (!isnan(ev->in.y[i])) r[n++] = (struct pair){ ev->in.p[i], ev->in.y[i], i };
    int rc = put_summary(ev, r, n, e);
    if (rc) return rc;
    qsort(r, n, sizeof *r, by_prediction);
    put_tenths(ev->r->v, r, n);
    put_worst(ev->r->v, r, n);
    return 0;
}
