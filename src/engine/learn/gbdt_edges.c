/* gbdt_edges.c: where the bins of a numeric feature end, from its distinct values and their counts.
 *
 * Bins are of equal frequency; a value that fills one alone gets one of its own. But at the ends of
 * a heavy tail such bins hold values far apart, which no split can tell from each other any more.
 * Where too much of the variance is inside of bins, some of them go where they lower it most: again
 * and again the bin with most to gain is parted at its mean. Bounds are midpoints between
 * neighbouring values. Pure; any thread. */
#include "engine/learn/gbdt.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define MIN_IN_BIN 3
#define PARTED     0.375 /* share of the bins that goes to parting */

/* A bound between two neighbouring values: lo <= bound < hi. */
static double between(double lo, double hi)
{
    double mid = 0.5 * lo + 0.5 * hi;

    return mid >= lo && mid < hi ? mid : lo;
}

/* Bins of equal frequency; edge[i] becomes the number of the first value of bin i + 1. A value at
 * least as frequent as a bin should be is "big" and ends its bin; a bin also ends before a big
 * value once it is half full. Returns the number of edges. */
static uint32_t cut(const struct gbdt_distinct *v, size_t k, uint32_t max_bins, uint32_t *edge)
{
    size_t total = 0, big_rows = 0, n_big = 0;

    for (size_t i = 0; i < k; i++) total += v[i].count;
    double share = (double)total / max_bins;
    for (size_t i = 0; i < k; i++)
        if (v[i].count >= share) {
            n_big++;
            big_rows += v[i].count;
        }
    size_t left = total - big_rows, bins_left = max_bins - n_big, in_bin = 0;
    double want = bins_left ? (double)left / (double)bins_left : 0;
    uint32_t n = 0;
    for (size_t i = 0; i + 1 < k && n + 1 < max_bins; i++) {
        bool big = v[i].count >= share, next_big = v[i + 1].count >= share;
        in_bin += v[i].count;
        if (!big) left -= v[i].count;
        if (!big && !((double)in_bin >= want) && !(next_big && (double)in_bin >= want / 2))
            continue;
        edge[n++] = (uint32_t)(i + 1);
        in_bin = 0;
        if (!big && bins_left > 1) want = (double)left / (double)--bins_left;
    }
    return n;
}

/* Few values: a bin each, joined while they have fewer than MIN_IN_BIN rows. */
static uint32_t each(const struct gbdt_distinct *v, size_t k, uint32_t *edge)
{
    uint32_t n = 0;
    size_t in_bin = 0;

    for (size_t i = 0; i + 1 < k; i++) {
        in_bin += v[i].count;
        if (in_bin < MIN_IN_BIN) continue;
        edge[n++] = (uint32_t)(i + 1);
        in_bin = 0;
    }
    return n;
}

/* ---- parting ---- */

struct sums { /* of the values before one: rows, and sums of v and v * v */
    double rows, values, squares;
};
struct bin {
    uint32_t from, to, at; /* values; where it would be parted */
    double gain;           /* by which the sum of squared distances to the bins' means falls */
};

/* Values are less their median, in units of the largest that then is. */
struct scaled {
    const struct gbdt_distinct *v;
    struct sums *before;
    double centre, unit;
};

static double value_at(const struct scaled *s, size_t i)
{
    return (s->v[i].value - s->centre) / s->unit;
}

/* Sum of squared distances of values [from, to) to their mean. */
static double spread(const struct scaled *s, size_t from, size_t to)
{
    const struct sums *a = &s->before[from], *b = &s->before[to];
    double sum = b->values - a->values;

    return fmax(0, b->squares - a->squares - sum * sum / (b->rows - a->rows));
}

/* False: no memory, or infinite values. */
static bool scale(const struct gbdt_distinct *v, size_t k, struct scaled *s)
{
    double centre = v[k / 2].value, unit = fmax(v[k - 1].value - centre, centre - v[0].value);
    struct sums sum = { 0 };

    *s = (struct scaled){ v, NULL, centre, unit };
    if (!isfinite(unit) || !(s->before = mem_try(k + 1, sizeof *s->before))) return false;
    for (size_t i = 0; i < k; i++) {
        double x = value_at(s, i), n = v[i].count;
        s->before[i] = sum;
        sum = (struct sums){ sum.rows + n, sum.values + n * x, sum.squares + n * x * x };
    }
    s->before[k] = sum;
    return true;
}

/* Share of the variance that is inside of the bins between n edges. */
static double inside(const struct scaled *s, size_t k, const uint32_t *edge, uint32_t n)
{
    double sum = 0, all = spread(s, 0, k);

    for (uint32_t i = 0; i <= n; i++) sum += spread(s, i ? edge[i - 1] : 0, i < n ? edge[i] : k);
    return all > 0 ? sum / all : 0;
}

/* Finds where to part a bin, both parts of MIN_IN_BIN rows at least. */
static void best_parting(const struct scaled *s, struct bin *b)
{
    const struct sums *before = s->before, *first = &before[b->from], *last = &before[b->to];
    double mean = (last->values - first->values) / (last->rows - first->rows);
    uint32_t lo = b->from + 1, hi = b->to;

    b->gain = 0;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (value_at(s, mid) > mean) hi = mid;
        else lo = mid + 1;
    }
    while (lo < b->to && before[lo].rows - first->rows < MIN_IN_BIN) lo++;
    while (lo > b->from && last->rows - before[lo].rows < MIN_IN_BIN) lo--;
    double left = before[lo].rows - first->rows, right = last->rows - before[lo].rows;
    if (left < MIN_IN_BIN || right < MIN_IN_BIN) return;
    double off =
        (before[lo].values - first->values) / left - (last->values - before[lo].values) / right;
    b->at = lo;
    b->gain = left * right / (left + right) * off * off;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Adds edges until there are max_bins - 1 or no parting gains anything. */
static uint32_t part(const struct scaled *s, size_t k, uint32_t max_bins, uint32_t *edge,
                     uint32_t n)
{
    struct bin bins[KERNEL_BINS];

    for (uint32_t i = 0; i <= n; i++) {
        bins[i] = (struct bin){ .from = i ? edge[i - 1] : 0, .to = i < n ? edge[i] : (uint32_t)k };
        best_parting(s, &bins[i]);
    }
    for (; n + 1 < max_bins; n++) {
        struct bin *most = bins;
        for (uint32_t i = 1; i <= n; i++)
            if (bins[i].gain > most->gain) most = &bins[i];
        if (!(most->gain > 0)) break;
        edge[n] = most->at;
        bins[n + 1] = (struct bin){ .from = most->at, .to = most->to };
        most->to = most->at;
        best_parting(s, most);
        best_parting(s, &bins[n + 1]);
    }
    qsort(edge, n, sizeof *edge, by_number);
    return n;
}

static uint32_t cut_and_part(const struct gbdt_distinct *v, size_t k, uint32_t max_bins,
                             double most_inside, uint32_t *edge)
{
    uint32_t n = cut(v, k, max_bins, edge);
    struct scaled s;

    if (scale(v, k, &s) && inside(&s, k, edge, n) > most_inside) {
        n = cut(v, k, max_bins - (uint32_t)(max_bins * PARTED), edge);
        n = part(&s, k, max_bins, edge, n);
    }
    free(s.before);
    return n;
}

uint32_t gbdt_edges(const struct gbdt_distinct *v, size_t k, uint32_t max_bins, double most_inside,
                    double *bound)
{
    uint32_t edge[KERNEL_BINS], n;

    assert(k > 0 && max_bins > 1 && max_bins <= KERNEL_BINS);
    n = k <= max_bins ? each(v, k, edge) : cut_and_part(v, k, max_bins, most_inside, edge);
    for (uint32_t i = 0; i < n; i++) bound[i] = between(v[edge[i] - 1].value, v[edge[i]].value);
    bound[n] = HUGE_VAL;
    return n + 1;
}
