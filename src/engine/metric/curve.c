/* curve.c: see curve.h. */
#include "engine/metric/curve.h"

#include "base/mem.h"
#include "engine/metric/bootstrap.h"

#include <math.h>
#include <stdlib.h>

struct scored {
    double p, y;
};

static int by_falling_score(const void *pa, const void *pb)
{
    const struct scored *a = pa, *b = pb;

    return (a->p < b->p) - (a->p > b->p);
}

/* NULL: no memory. */
static struct scored *ranked(const double *y, const double *p, size_t n, size_t *ret_n)
{
    struct scored *s = mem_try(n + 1, sizeof *s);
    size_t k = 0;

    for (size_t i = 0; s && i < n; i++)
        if (!isnan(y[i])) s[k++] = (struct scored){ p[i], y[i] };
    if (s) qsort(s, k, sizeof *s, by_falling_score);
    *ret_n = k;
    return s;
}

int curve_make(const double *y, const double *p, size_t n, struct curve *ret, struct err *e)
{
    struct curve c = { 0 };
    struct scored *s = ranked(y, p, n, &n);

    c.at = mem_try(n + 2, sizeof *c.at);
    if (!s || !c.at) {
        free(s);
        free(c.at);
        return err_set(e, ERR_NOMEM, "no memory for the curve of %zu rows", n);
    }
    c.at[c.n++] = (struct curve_point){ n ? nextafter(s[0].p, (double)INFINITY) : 1, 0, 0 };
    for (size_t i = 0; i < n;) {
        double score = s[i].p;
        for (; i < n && s[i].p == score; i++) *(s[i].y > 0 ? &c.pos : &c.neg) += 1;
        c.at[c.n++] = (struct curve_point){ score, c.pos, c.neg };
    }
    free(s);
    *ret = c;
    return 0;
}

void curve_done(struct curve *c)
{
    free(c->at);
    *c = (struct curve){ 0 };
}

double curve_tpr(const struct curve *c, const struct curve_point *p)
{
    return c->pos > 0 ? p->tp / c->pos : (double)NAN;
}

double curve_fpr(const struct curve *c, const struct curve_point *p)
{
    return c->neg > 0 ? p->fp / c->neg : (double)NAN;
}

size_t curve_ks(const struct curve *c)
{
    size_t best = 0;

    for (size_t i = 1; i < c->n; i++)
        if (curve_tpr(c, &c->at[i]) - curve_fpr(c, &c->at[i]) >
            curve_tpr(c, &c->at[best]) - curve_fpr(c, &c->at[best]))
            best = i;
    return best;
}

size_t curve_thin(const struct curve *c, size_t max, size_t *ret)
{
    double pos = fmax(c->pos, 1), neg = fmax(c->neg, 1), next = 0, step = 2 / (double)(max - 1);
    size_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        double along = c->at[i].tp / pos + c->at[i].fp / neg;
        bool last = i + 1 == c->n;
        if (c->n > max && !last && (along < next || n + 1 == max)) continue;
        ret[n++] = i;
        next = along + step;
    }
    return n;
}

/* Positives among the `rows` highest scores. */
static double positives_to(const struct curve *c, double rows, size_t *at)
{
    while (*at + 1 < c->n && c->at[*at].tp + c->at[*at].fp < rows) ++*at;
    if (*at == 0) return 0;
    const struct curve_point *b = &c->at[*at], *a = b - 1;
    double from = a->tp + a->fp, to = b->tp + b->fp;
    return a->tp + (b->tp - a->tp) * (rows - from) / (to - from);
}

void curve_lift(const struct curve *c, struct lift_bin out[LIFT_BINS])
{
    double n = c->pos + c->neg, rate = n > 0 ? c->pos / n : 0, rows = 0, before = 0;
    size_t at = 0;

    for (size_t b = 0; b < LIFT_BINS; b++) {
        struct lift_bin *o = &out[b];
        double to = floor(n * (double)(b + 1) / LIFT_BINS);
        size_t first = at;
        while (first + 1 < c->n && c->at[first].tp + c->at[first].fp <= rows) first++;
        double positives = positives_to(c, to, &at);
        o->n = to - rows;
        o->positives = positives - before;
        o->high = c->at[first].threshold;
        o->low = c->at[at].threshold;
        o->rate = o->n > 0 ? o->positives / o->n : (double)NAN;
        o->lift = o->rate / rate;
        o->gain = positives / c->pos;
        o->cumulative = positives / to / rate;
        o->ks = o->gain - (to - positives) / c->neg;
        rows = to;
        before = positives;
    }
}

/* ---- costs ------------------------------------------------------------------------------- */

double curve_cost(const struct curve *c, const struct curve_point *p, const struct costs *k)
{
    return (p->fp * k->fp + (c->pos - p->tp) * k->fn) / (c->pos + c->neg);
}

size_t curve_cheapest(const struct curve *c, const struct costs *k)
{
    size_t best = 0;

    for (size_t i = 1; i < c->n; i++) {
        double now = curve_cost(c, &c->at[i], k), least = curve_cost(c, &c->at[best], k);
        bool nearer = fabs(c->at[i].threshold - .5) < fabs(c->at[best].threshold - .5);
        if (now < least || (now == least && nearer)) best = i;
    }
    return best;
}

struct again {
    const struct scored *s;
    size_t n;
    struct costs k;
    double threshold;
};

/* Out: the threshold that is cheapest for these rows, and the cost at the one asked about. */
static void cheapest_again(const void *user, const double *w, double *out)
{
    const struct again *a = user;
    double pos = 0, all = 0, tp = 0, fp = 0, least, here;

    for (size_t i = 0; i < a->n; i++) {
        all += w[i];
        pos += a->s[i].y > 0 ? w[i] : 0;
    }
    least = here = pos * a->k.fn;
    out[0] = a->n ? nextafter(a->s[0].p, (double)INFINITY) : 1;
    for (size_t i = 0; i < a->n;) {
        double score = a->s[i].p;
        for (; i < a->n && a->s[i].p == score; i++) *(a->s[i].y > 0 ? &tp : &fp) += w[i];
        double cost = fp * a->k.fp + (pos - tp) * a->k.fn;
        if (score >= a->threshold) here = cost;
        if (cost < least || (cost == least && fabs(score - .5) < fabs(out[0] - .5))) {
            least = cost;
            out[0] = score;
        }
    }
    out[1] = here / all;
}

int curve_cost_intervals(const struct engine *en, const double *y, const double *p, size_t n,
                         const struct costs *k, double threshold, size_t replicates,
                         struct interval *ret_threshold, struct interval *ret_cost, struct err *e)
{
    struct again a = { NULL, 0, *k, threshold };
    struct scored *s = ranked(y, p, n, &a.n);
    double *v = NULL, all[2], *w = mem_try(n + 1, sizeof *w);
    int rc;

    if (!replicates) replicates = bootstrap_replicates(a.n);
    v = mem_try(2 * replicates, sizeof *v);
    a.s = s;
    const struct bootstrap b = { a.n, 2, replicates, en->seed, cheapest_again, &a };
    if (s && v && w) rc = bootstrap_run(en, &b, v, e);
    else rc = err_set(e, ERR_NOMEM, "no memory for %zu replicates", replicates);
    if (rc == 0) {
        for (size_t i = 0; i < a.n; i++) w[i] = 1;
        cheapest_again(&a, w, all);
        *ret_threshold = bootstrap_percentile(v, replicates, all[0]);
        *ret_cost = bootstrap_percentile(v + replicates, replicates, all[1]);
    }
    free(s);
    free(v);
    free(w);
    return rc;
}
