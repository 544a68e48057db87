/* trees_sum.c: the search for splits on sums of numbers: targets that are numbers, several classes,
 * rows with weights.
 *
 * The sums of a bin are its weight, its weighted sum of targets and its rows, or the weight of
 * each class and the rows. The score of a side is |sum of targets|^2 / weight: maximising it is
 * least squares for numbers and the Gini index for classes, where the targets are indicator
 * vectors. From cut to cut only what the bin between them holds moves from right to left, so the
 * squares of classes are kept up rather than added up anew.
 *
 * As in trees_count.c the rows of a small node mark their bins, so that only those are looked
 * at: the cost of a node follows its rows, not the number of bins. */
#include "base/mem.h"
#include "engine/learn/trees_grow.h"

#include <string.h>

#define AHEAD  16
#define INLINE static inline __attribute__((always_inline))

/* ---- histograms ---- */

/* One row; k is in->k, so that the compiler sees it where it is 1. */
INLINE void add(int k, double *h, unsigned bin, const struct item *i)
{
    double w = (double)i->w;

    h += bin * trees_channels(k);
    if (k == 1) {
        h[0] += w;
        h[1] += w * i->y;
        h[TREES_ROWS1] += 1;
    } else {
        h[(unsigned)i->y] += w;
        h[k] += 1;
    }
}

INLINE void mark_bin(uint64_t *mark, unsigned bin)
{
    mark[bin / 64] |= UINT64_C(1) << bin % 64;
}

/* A large node: all byte features at once, one visit of each record. By bin, not by rank. */
INLINE void fill_group(const struct search *s, const struct span *t, const uint32_t *f, size_t n,
                       int k)
{
    const struct trees_work *w = s->w;
    const struct gbdt_bins *b = s->in->bins;
    const size_t step = b->stride;
    const struct item *end = w->items + t->end;
    uint32_t at[TREES_GROUP];
    double *hist[TREES_GROUP];
    size_t bytes = 0;

    for (size_t g = 0; g < n; g++) {
        if (f[g] >= b->m_bytes) continue;
        at[bytes] = f[g];
        hist[bytes++] = w->hist + g * w->stride;
    }
    for (const struct item *i = w->items + t->begin; i < end; i++) {
        if (end - i > AHEAD) __builtin_prefetch(b->records + i[AHEAD].row * step);
        const uint8_t *rec = b->records + i->row * step;
        for (size_t g = 0; g < bytes; g++) add(k, hist[g], rec[at[g]], i);
    }
}

/* One feature, with marks where there are fewer rows than bins. */
INLINE void fill_bytes(const struct search *s, const struct span *t, uint32_t j, double *h,
                       bool marked, int k)
{
    const struct trees_work *w = s->w;
    const uint8_t *bins = w->records + j;
    const size_t step = s->in->bins->stride;
    const struct item *end = w->items + t->end;

    for (const struct item *i = w->items + t->begin; i < end; i++) {
        unsigned bin = bins[i->row * step];
        add(k, h, bin, i);
        if (marked) mark_bin(w->mark, bin);
    }
}

static void fill_wide(const struct search *s, const struct span *t, uint32_t j, double *h)
{
    const struct trees_work *w = s->w;

    for (size_t i = t->begin; i < t->end; i++) {
        unsigned bin = item_bin(s->in->bins, w, j, w->items[i].row);
        add(s->in->k, h, bin, &w->items[i]);
        mark_bin(w->mark, bin);
    }
}

/* Returns whether bins were marked. */
static bool fill_one(const struct search *s, const struct span *t, uint32_t j, double *h)
{
    const struct gbdt_bins *b = s->in->bins;
    bool marked = j >= b->m_bytes || t->end - t->begin < b->f[j].n_bins;

    if (j >= b->m_bytes) fill_wide(s, t, j, h);
    else if (s->in->k > 1) fill_bytes(s, t, j, h, marked, s->in->k);
    else if (marked) fill_bytes(s, t, j, h, true, 1);
    else fill_bytes(s, t, j, h, false, 1);
    return marked;
}

/* The histogram of a category by rank; what was by bin is cleared. */
static double *by_rank(const struct search *s, uint32_t j, double *h)
{
    const size_t c = trees_channels(s->in->k), bins = s->in->bins->f[j].n_bins;
    const uint16_t *rank = s->w->rank[j];

    for (size_t b = 0; b <= bins; b++) memcpy(s->w->ranked + rank[b] * c, h + b * c, c * sizeof *h);
    memset(h, 0, (bins + 1) * c * sizeof *h);
    return s->w->ranked;
}

/* Ascending list of the bins that rows of the node are in. */
static size_t bins_in_use(const struct search *s, uint32_t j, const double *h, bool marked)
{
    const struct trees_work *w = s->w;
    size_t bins = s->in->bins->f[j].n_bins + 1, n = 0, c = trees_channels(s->in->k);
    const double *rows = h + trees_rows_at(s->in->k);

    for (uint32_t b = 0; !marked && b < bins; b++) {
        w->used[n] = b;
        n += rows[b * c] > 0;
    }
    for (size_t i = 0; marked && i <= (bins - 1) / 64; i++) {
        for (uint64_t m = w->mark[i]; m; m &= m - 1)
            w->used[n++] = (uint32_t)(i * 64 + (unsigned)__builtin_ctzll(m));
        w->mark[i] = 0;
    }
    return n;
}

/* ---- the search ---- */

/* What is left of a cut, and the squares of both sides. */
struct left {
    double weight, sum, rows;
    double square, other; /* several classes: of the left and of the right side */
};

static void begin(const struct search *s, struct left *l)
{
    const struct trees_work *w = s->w;

    *l = (struct left){ 0 };
    if (s->in->k == 1) return;
    memset(w->left, 0, (size_t)s->in->k * sizeof *w->left);
    for (int c = 0; c < s->in->k; c++) l->other += w->total[c] * w->total[c];
}

/* A bin's rows go from right to left. */
INLINE void take(const struct search *s, struct left *l, const double *bin, int k)
{
    double *left = s->w->left;
    const double *total = s->w->total;

    l->rows += bin[trees_rows_at(k)];
    if (k == 1) {
        l->weight += bin[0];
        l->sum += bin[1];
        return;
    }
    for (int c = 0; c < k; c++) {
        double v = bin[c];
        if (!(v > 0)) continue;
        l->square += v * (2 * left[c] + v);
        l->other += v * (v - 2 * (total[c] - left[c]));
        l->weight += v;
        left[c] += v;
    }
}

/* Negative where a side is too small. */
INLINE double score(const struct search *s, const struct left *l, int k)
{
    const double *total = s->w->total, least = s->in->p->min_samples_leaf;
    double other = s->node_weight - l->weight, rows = total[trees_rows_at(k)] - l->rows;

    if (l->rows < least || rows < least || !(l->weight > 0) || !(other > 0)) return -1;
    if (k > 1) return l->square / l->weight + l->other / other;
    double sum = total[1] - l->sum;
    return (l->sum * l->sum * other + sum * sum * l->weight) / (l->weight * other);
}

/* All cuts of a number. values: bins in use without the missing one. */
INLINE void best_cut(struct search *s, uint32_t j, const double *h, size_t values,
                     const double *missing, int k)
{
    const uint32_t *used = s->w->used;
    const size_t c = trees_channels(k);

    for (int left = 0; left <= (missing != NULL); left++) {
        struct left l;
        begin(s, &l);
        if (left) take(s, &l, missing, k);
        size_t last = missing && !left ? values : values - 1;
        for (size_t i = 0; i < last; i++) {
            take(s, &l, h + used[i] * c, k);
            double found = score(s, &l, k);
            if (!(found > s->best.score)) continue;
            uint32_t gap = i + 1 < values ? used[i + 1] - used[i] : 1;
            s->best = (struct cand){
                .score = found, .feature = j, .cut = used[i] + gap / 2, .missing_left = left
            };
        }
    }
}

/* One cut of a number, at random between its extremes in the node. */
static void random_cut(struct search *s, uint32_t j, const double *h, size_t values,
                       const double *missing)
{
    const uint32_t *used = s->w->used;
    uint32_t lo = used[0], hi = values ? used[values - 1] : lo;
    bool missing_left = missing && rng_u64(s->rng) >> 63;
    uint32_t cut = trees_random_cut(s, j, lo, hi);
    const int k = s->in->k;
    struct left l;

    begin(s, &l);
    if (missing_left) take(s, &l, missing, k);
    for (size_t i = 0; i < values && used[i] <= cut; i++)
        take(s, &l, h + used[i] * trees_channels(k), k);
    double found = score(s, &l, k);
    if (found > s->best.score)
        s->best =
            (struct cand){ .score = found, .feature = j, .cut = cut, .missing_left = missing_left };
}

/* Searches one filled histogram and clears it. False: the feature is constant here. */
static bool search_feature(struct search *s, uint32_t j, double *h, bool marked)
{
    const uint32_t bins = s->in->bins->f[j].n_bins, *used = s->w->used;
    const size_t c = trees_channels(s->in->k), n = bins_in_use(s, j, h, marked);

    if (n > 1) {
        bool missing = used[n - 1] == bins;
        const double *m = missing ? h + bins * c : NULL;
        if (s->in->p->extra) random_cut(s, j, h, n - missing, m);
        else if (s->in->k == 1) best_cut(s, j, h, n - missing, m, 1);
        else best_cut(s, j, h, n - missing, m, s->in->k);
    }
    for (size_t i = 0; i < n; i++)
        for (size_t at = used[i] * c; at < (used[i] + 1) * c; at++) h[at] = 0;
    return n > 1;
}

size_t trees_sum_search(struct search *s, const struct span *t, const uint32_t *features, size_t n)
{
    const struct trees_work *w = s->w;
    bool group = w->records != w->near;
    size_t varied = 0;

    if (group && s->in->k == 1) fill_group(s, t, features, n, 1);
    else if (group) fill_group(s, t, features, n, s->in->k);
    for (size_t g = 0; g < n; g++) {
        uint32_t j = features[g];
        double *h = w->hist + g * w->stride;
        bool marked = false;
        if (!group || j >= s->in->bins->m_bytes) marked = fill_one(s, t, j, h);
        else if (w->rank[j]) h = by_rank(s, j, h);
        varied += search_feature(s, j, h, marked);
    }
    return varied;
}
