/* trees_order.c: renumbers the bins of categories so that cutting them as numbers makes sense.
 *
 * One output: in the order of their mean target, in which the best of all two-part groupings of
 * the whole table is a cut (Fisher 1958). Several: in the order of the first principal
 * component of their class shares (Coppersmith, Hong and Hosking 1999). Ordering once, on the
 * whole table, is as good for forests as sorting anew in every node, and does not let a node of
 * few rows pick the grouping that fits them best (Wright and Koenig 2019). */
#include "base/mem.h"
#include "engine/learn/trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POWER_STEPS 64

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

/* Per bin: weight of each class, or weight and sum of targets. */
static void count(const struct trees_input *in, uint32_t j, size_t width, double *sums)
{
    for (size_t i = 0; i < in->bins->n; i++) {
        double w = in->w ? in->w[i] : 1, *s = sums + trees_bin(in->bins, j, i) * width;
        if (in->k > 1) {
            s[(size_t)in->y[i]] += w;
        } else {
            s[0] += w;
            s[1] += w * in->y[i];
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

static void order_feature(const struct trees_input *in, uint32_t j)
{
    struct gbdt_bins *b = in->bins;
    const struct gbdt_feature *f = &b->f[j];
    size_t k = in->k > 1 ? (size_t)in->k : 2, bins = f->n_bins;
    MEM_AUTO double *sums = mem_zalloc((bins + 1) * k, sizeof *sums);
    MEM_AUTO double *v = mem_zalloc(k, sizeof *v);
    MEM_AUTO struct place *places = mem_alloc(bins * sizeof *places);
    MEM_AUTO uint16_t *to = mem_alloc((bins + 1) * sizeof *to);

    count(in, j, k, sums);
    if (in->k > 1) component(sums, bins, k, v);
    for (size_t i = 0; i < bins; i++) {
        const double *s = sums + i * k;
        double w = in->k > 1 ? 0 : s[0], dot = in->k > 1 ? 0 : s[1];
        for (size_t c = 0; in->k > 1 && c < k; c++) {
            w += s[c];
            dot += s[c] * v[c];
        }
        places[i] = (struct place){ w > 0 ? dot / w : 0, (uint32_t)i };
    }
    qsort(places, bins, sizeof *places, by_key_then_bin);
    for (size_t i = 0; i < bins; i++) to[places[i].bin] = (uint16_t)i;
    to[bins] = (uint16_t)bins;
    for (size_t i = 0; i < b->n; i++) {
        if (j < b->m_bytes) {
            uint8_t *bin = &b->records[i * b->stride + j];
            *bin = (uint8_t)to[*bin];
        } else {
            uint16_t *bin = &b->wide[(j - b->m_bytes) * b->n + i];
            *bin = to[*bin];
        }
    }
    for (uint32_t i = 0; i < f->levels; i++) f->code_bin[i] = to[f->code_bin[i]];
}

static void order_task(void *arg, size_t feature, int thread)
{
    const struct trees_input *in = arg;

    (void)thread;
    if (in->bins->f[feature].cat) order_feature(in, (uint32_t)feature);
}

void trees_order(const struct trees_input *in)
{
    /* a task writes bytes of its own feature only */
    pool_run(in->en->pool, in->bins->m, order_task, (void *)(uintptr_t)in);
}
