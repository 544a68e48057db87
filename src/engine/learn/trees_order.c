/* trees_order.c: in which order a tree sees the levels of a category, so that cutting them as
 * numbers makes sense.
 *
 * One output: in the order of their mean target, in which the best of all two-part groupings is
 * a cut (Fisher 1958). Several: in the order of the first principal component of their class
 * shares (Coppersmith, Hong and Hosking 1999). Ordering once, before the tree, is as good for
 * forests as sorting anew in every node, and does not let a node of few rows pick the grouping
 * that fits them best (Wright and Koenig 2019).
 *
 * A tree of drawn rows is given the order that the rows it did not draw show. Ordered by the
 * very rows the tree then learns from, a category of many levels fits those better than any
 * number can, is cut too soon, and the forest does worse than with the levels in any order at
 * all. A level that no such row has takes the place of their mean. Where orders would take much
 * memory several trees share one, which is that of the first. */
#include "base/mem.h"
#include "engine/learn/trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POWER_STEPS 64
#define RANKS       ((size_t)4 << 20) /* of all orders together */

struct place {
    double key;
    uint32_t bin;
};

static int by_key_then_bin(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return x->bin < y->bin ? -1 : 1;
}

/* What one order is made from: by bin, the weight of each class, or weight and sum of targets. */
struct sums {
    const struct trees_input *in;
    size_t width;
    double *at; /* all categories, one after the other as in the order's ranks */
};

/* The rows that tree number `order` does not learn from; all rows where it learns from all. */
static void count(const struct sums *s, uint32_t order)
{
    const struct trees_input *in = s->in;
    const struct trees_orders *o = &in->orders;
    uint64_t key = trees_draw_key(in, order);

    for (size_t i = 0; i < in->bins->n; i++) {
        if (in->p->bootstrap && trees_drawn(in, key, i) > 0) continue;
        double w = in->w ? in->w[i] : 1;
        for (uint32_t c = 0; c < o->n_cats; c++) {
            uint32_t bin = trees_bin(in->bins, o->cat[c], i);
            double *to = s->at + (o->at[c] + bin) * s->width;
            if (in->k > 1) {
                to[(size_t)in->y[i]] += w;
            } else {
                to[0] += w;
                to[1] += w * in->y[i];
            }
        }
    }
}

/* One power step: v <- sum over bins of weight (share - mean) <share - mean, v>, normalised. */
static void power_step(const double *sums, size_t bins, size_t k, const double *mean, double *v,
                       double *next)
{
    double norm = 0;

    memset(next, 0, k * sizeof *next);
    for (size_t b = 0; b < bins; b++) {
        const double *s = sums + b * k;
        double w = 0, dot = 0;
        for (size_t c = 0; c < k; c++) w += s[c];
        if (!(w > 0)) continue;
        for (size_t c = 0; c < k; c++) dot += (s[c] / w - mean[c]) * v[c];
        for (size_t c = 0; c < k; c++) next[c] += w * dot * (s[c] / w - mean[c]);
    }
    for (size_t c = 0; c < k; c++) norm += next[c] * next[c];
    if (!(norm > 0)) return;
    for (size_t c = 0; c < k; c++) v[c] = next[c] / sqrt(norm);
}

/* First principal component of the bins' class shares, by the power method. */
static void component(const double *sums, size_t bins, size_t k, double *v)
{
    MEM_AUTO double *mean = mem_zalloc(2 * k, sizeof *mean);
    double total = 0;

    for (size_t b = 0; b < bins; b++)
        for (size_t c = 0; c < k; c++) {
            mean[c] += sums[b * k + c];
            total += sums[b * k + c];
        }
    for (size_t c = 0; c < k; c++) {
        mean[c] /= total > 0 ? total : 1;
        v[c] = 1.0 / (double)(c + 1); /* not orthogonal to anything likely */
    }
    for (int i = 0; i < POWER_STEPS; i++) power_step(sums, bins, k, mean, v, mean + k);
}

/* Weight of a bin, and what it is ordered by times that. */
static double weigh(const struct sums *s, const double *bin, const double *v, double *ret)
{
    double w = bin[0], dot = bin[1];

    if (s->in->k == 1) {
        *ret = dot;
        return w;
    }
    w = dot = 0;
    for (size_t c = 0; c < s->width; c++) {
        w += bin[c];
        dot += bin[c] * v[c];
    }
    *ret = dot;
    return w;
}

static void rank_bins(const struct sums *s, const double *at, size_t bins, uint16_t *rank)
{
    MEM_AUTO double *v = mem_zalloc(s->width, sizeof *v);
    MEM_AUTO struct place *places = mem_alloc((bins + 1) * sizeof *places);
    double all = 0, sum = 0, mean, dot;

    if (s->in->k > 1) component(at, bins, s->width, v);
    for (size_t b = 0; b < bins; b++) {
        all += weigh(s, at + b * s->width, v, &dot);
        sum += dot;
    }
    mean = all > 0 ? sum / all : 0;
    for (size_t b = 0; b < bins; b++) {
        double w = weigh(s, at + b * s->width, v, &dot);
        places[b] = (struct place){ w > 0 ? dot / w : mean, (uint32_t)b };
    }
    qsort(places, bins, sizeof *places, by_key_then_bin);
    for (size_t b = 0; b < bins; b++) rank[places[b].bin] = (uint16_t)b;
    rank[bins] = (uint16_t)bins;
}

static void order_task(void *arg, size_t order, int thread)
{
    const struct trees_input *in = arg;
    const struct trees_orders *o = &in->orders;
    struct sums s = { in, in->k > 1 ? (size_t)in->k : 2, NULL };

    (void)thread;
    s.at = mem_zalloc(o->size * s.width, sizeof *s.at);
    count(&s, (uint32_t)order);
    for (uint32_t c = 0; c < o->n_cats; c++)
        rank_bins(&s, s.at + o->at[c] * s.width, in->bins->f[o->cat[c]].n_bins,
                  o->rank + order * o->size + o->at[c]);
    free(s.at);
}

void trees_orders_lay(struct trees_orders *o, const struct gbdt_feature *f, uint32_t m)
{
    o->number = mem_zalloc((size_t)m + 1, sizeof *o->number);
    o->cat = mem_zalloc((size_t)m + 1, sizeof *o->cat);
    o->at = mem_zalloc((size_t)m + 1, sizeof *o->at);
    for (uint32_t j = 0; j < m; j++) {
        if (!f[j].cat) continue;
        o->number[j] = o->n_cats + 1;
        o->at[o->n_cats] = o->size;
        o->cat[o->n_cats++] = j;
        o->size += f[j].n_bins + 1;
    }
}

int trees_order(struct trees_input *in, struct err *e)
{
    struct trees_orders *o = &in->orders;
    size_t n = in->p->bootstrap ? (size_t)in->p->n_estimators : 1;

    trees_orders_lay(o, in->bins->f, in->bins->m);
    if (o->n_cats == 0) return 0;
    if (n > RANKS / o->size) n = RANKS / o->size;
    o->n = n > 0 ? (uint32_t)n : 1;
    o->rank = mem_try(o->n * o->size, sizeof *o->rank);
    if (!o->rank) return err_set(e, ERR_NOMEM, "no memory for %zu orders of categories", n);
    pool_run(in->en->pool, o->n, order_task, in);
    return 0;
}

void trees_orders_done(struct trees_orders *o)
{
    free(o->number);
    free(o->cat);
    free(o->at);
    free(o->rank);
    *o = (struct trees_orders){ 0 };
}
