/* trees_count.c: the search for splits where targets are yes or no and rows count whole times.
 *
 * The sums of a bin are then integers: rows, times they were drawn, and the same of those that
 * say yes. Three fields of 21 bits make one word, so a row is added to a bin by one addition,
 * and prefix sums of words are prefix sums of all three. Nodes with more than 2^20 draws are left
 * to trees_grow.c's doubles; the sums are the same. Rows of a small node mark their bins, so
 * that only those are looked at, and the histogram is cleared while it is read. */
#include "base/mem.h"
#include "engine/learn/trees_grow.h"

#include <stdlib.h>
#include <string.h>

#define FIELD KERNEL_COUNT_BITS
#define MASK  ((UINT64_C(1) << FIELD) - 1)
#define LIMIT (UINT64_C(1) << (FIELD - 1))
#define SAFE  (LIMIT / TREES_DRAWN) /* so many rows do not have more draws */
#define AHEAD 16

bool trees_count_init(const struct trees_input *in, size_t most, struct trees_count *ret)
{
    if (!in->binary) return true;
    ret->stride = most;
    ret->hist = mem_try_zero(TREES_GROUP * most, sizeof *ret->hist);
    ret->ranked = mem_try_zero(most, sizeof *ret->ranked);
    ret->mark = mem_try_zero(most / 64 + 1, sizeof *ret->mark);
    ret->prefix = mem_try(most + 4, sizeof *ret->prefix);
    ret->bin = mem_try(most + 4, sizeof *ret->bin);
    ret->score = mem_try(most + 4, sizeof *ret->score);
    return ret->hist && ret->ranked && ret->mark && ret->prefix && ret->bin && ret->score;
}

void trees_count_free(struct trees_count *c)
{
    free(c->hist);
    free(c->ranked);
    free(c->mark);
    free(c->prefix);
    free(c->bin);
    free(c->score);
}

uint64_t trees_count_of(unsigned weight, bool yes)
{
    return 1 | (uint64_t)weight << FIELD | (uint64_t)(yes ? weight : 0) << (2 * FIELD);
}

bool trees_count_sum(struct trees_work *w, const struct span *t)
{
    uint64_t sum = 0;

    for (size_t i = t->begin, stop; i < t->end;) { /* no field overflows before it is looked at */
        stop = t->end - i < SAFE ? t->end : i + SAFE;
        for (; i < stop; i++) sum += w->items[i].add;
        if ((sum >> FIELD & MASK) >= LIMIT) return false;
    }
    w->count.total = sum;
    w->total[0] = (double)(sum >> FIELD & MASK);
    w->total[1] = (double)(sum >> (2 * FIELD));
    w->total[2] = (double)(sum & MASK);
    return true;
}

/* ---- histograms ---- */

/* A large node: all byte features at once, one visit of each record. By bin, not by rank. */
static void fill_group(const struct search *s, const struct span *t, const uint32_t *f, size_t n)
{
    const struct trees_work *w = s->w;
    const struct gbdt_bins *b = s->in->bins;
    const size_t step = b->stride, stride = w->count.stride;
    const struct item *end = w->items + t->end;
    uint32_t at[TREES_GROUP];
    uint64_t *hist[TREES_GROUP];
    size_t bytes = 0;

    for (size_t g = 0; g < n; g++) {
        if (f[g] >= b->m_bytes) continue;
        at[bytes] = f[g];
        hist[bytes++] = w->count.hist + g * stride;
    }
    for (const struct item *i = w->items + t->begin; i < end; i++) {
        if (end - i > AHEAD) __builtin_prefetch(b->records + i[AHEAD].row * step);
        const uint8_t *rec = b->records + i->row * step;
        uint64_t add = i->add;
        for (size_t g = 0; g < bytes; g++) hist[g][rec[at[g]]] += add;
    }
}

static void fill_bytes(const uint8_t *bins, size_t step, const struct item *i,
                       const struct item *end, uint64_t *h)
{
    for (; i < end; i++) h[bins[i->row * step]] += i->add;
}

/* The same, and marks the bins. */
static void mark_bytes(const uint8_t *bins, size_t step, const struct item *i,
                       const struct item *end, uint64_t *h, uint64_t *mark)
{
    for (; i < end; i++) {
        unsigned b = bins[i->row * step];
        h[b] += i->add;
        mark[b / 64] |= UINT64_C(1) << b % 64;
    }
}

static void mark_wide(const struct search *s, const struct span *t, uint32_t j, uint64_t *h,
                      uint64_t *mark)
{
    const struct trees_work *w = s->w;

    for (size_t i = t->begin, end = t->end; i < end; i++) {
        unsigned b = item_bin(s->in->bins, w, j, w->items[i].row);
        h[b] += w->items[i].add;
        mark[b / 64] |= UINT64_C(1) << b % 64;
    }
}

/* One feature of a small node; returns whether bins were marked. */
static bool fill_one(const struct search *s, const struct span *t, uint32_t j, uint64_t *h)
{
    const struct trees_work *w = s->w;
    const struct gbdt_bins *b = s->in->bins;
    const struct item *i = w->items + t->begin, *end = w->items + t->end;

    if (j >= b->m_bytes) mark_wide(s, t, j, h, w->count.mark);
    else if (end - i >= b->f[j].n_bins) fill_bytes(w->records + j, b->stride, i, end, h);
    else mark_bytes(w->records + j, b->stride, i, end, h, w->count.mark);
    return j >= b->m_bytes || end - i < b->f[j].n_bins;
}

/* The bins in use without the missing one, with sums up to each; clears the histogram. */
static size_t collect_all(const struct trees_count *c, uint32_t bins, uint64_t *h)
{
    uint64_t sum = 0, *prefix = c->prefix;
    uint32_t *bin = c->bin;
    size_t n = 0;

    for (uint32_t b = 0; b < bins; b++) {
        uint64_t v = h[b];
        h[b] = 0;
        prefix[n] = sum += v;
        bin[n] = b;
        n += v != 0;
    }
    return n;
}

static size_t collect_marked(const struct trees_count *c, uint32_t bins, uint64_t *h)
{
    uint64_t sum = 0, *prefix = c->prefix, *mark = c->mark;
    uint32_t *bin = c->bin;
    size_t n = 0;

    for (size_t i = 0; i * 64 <= bins; i++) {
        for (uint64_t m = mark[i]; m; m &= m - 1) {
            uint32_t b = (uint32_t)(i * 64 + (unsigned)__builtin_ctzll(m));
            prefix[n] = sum += h[b];
            bin[n++] = b;
            h[b] = 0;
        }
        mark[i] = 0;
    }
    return n;
}

/* The histogram of a category by rank; what was by bin is cleared. */
static uint64_t *by_rank(const struct trees_count *c, const uint16_t *rank, uint32_t bins,
                         uint64_t *h)
{
    for (uint32_t b = 0; b <= bins; b++) {
        c->ranked[rank[b]] = h[b];
        h[b] = 0;
    }
    return c->ranked;
}

/* ---- the search ---- */

static void keep_best(struct search *s, uint32_t j, size_t n, size_t values, bool missing_left)
{
    const struct trees_count *c = &s->w->count;
    double best = s->best.score;
    size_t at = n;

    for (size_t i = 0; i < n; i++)
        if (c->score[i] > best) {
            best = c->score[i];
            at = i;
        }
    if (at == n) return;
    uint32_t b = c->bin[at], gap = at + 1 < values ? c->bin[at + 1] - b : 1;
    s->best = (struct cand){
        .score = best, .feature = j, .cut = b + gap / 2, .missing_left = missing_left
    };
}

/* All cuts of a number; missing: the sums of its missing values. */
static void best_cut(struct search *s, uint32_t j, size_t values, uint64_t missing)
{
    const struct trees_count *c = &s->w->count;
    struct kernel_count a = { .total = (int64_t)c->total, .least = s->in->p->min_samples_leaf };

    for (int left = 0; left <= (missing != 0); left++) {
        size_t n = missing && !left ? values : values - 1;
        a.extra = left ? (int64_t)missing : 0;
        s->in->kern->count_score((const int64_t *)c->prefix, n, &a, c->score);
        keep_best(s, j, n, values, left);
    }
}

static void random_cut(struct search *s, uint32_t j, size_t values, uint64_t missing)
{
    const struct trees_count *c = &s->w->count;
    struct kernel_count a = { .total = (int64_t)c->total, .least = s->in->p->min_samples_leaf };
    uint32_t lo = values ? c->bin[0] : 0, hi = values ? c->bin[values - 1] : lo;
    bool missing_left = missing && rng_u64(s->rng) >> 63;
    uint32_t cut = trees_random_cut(s, j, lo, hi);
    int64_t left[4] = { missing_left ? (int64_t)missing : 0 };
    double score[4];
    size_t n = 0;

    while (n < values && c->bin[n] <= cut) n++;
    if (n > 0) left[0] += (int64_t)c->prefix[n - 1];
    s->in->kern->count_score(left, 1, &a, score);
    if (score[0] > s->best.score)
        s->best = (struct cand){
            .score = score[0], .feature = j, .cut = cut, .missing_left = missing_left
        };
}

/* Searches one filled histogram and clears it. False: the feature is constant here. */
static bool search_feature(struct search *s, uint32_t j, uint64_t *h, bool marked)
{
    const struct trees_count *c = &s->w->count;
    uint32_t bins = s->in->bins->f[j].n_bins;
    uint64_t missing = h[bins];

    h[bins] = 0;
    if (marked) c->mark[bins / 64] &= ~(UINT64_C(1) << bins % 64);
    size_t values = marked ? collect_marked(c, bins, h) : collect_all(c, bins, h);
    if (values + (missing != 0) < 2) return false;
    if (s->in->p->extra) random_cut(s, j, values, missing);
    else best_cut(s, j, values, missing);
    return true;
}

size_t trees_count_search(struct search *s, const struct span *t, const uint32_t *features,
                          size_t n)
{
    const struct trees_count *c = &s->w->count;
    bool group = s->w->records != s->w->near;
    size_t varied = 0;

    if (group) fill_group(s, t, features, n);
    for (size_t g = 0; g < n; g++) {
        uint32_t j = features[g];
        uint64_t *h = c->hist + g * c->stride;
        bool marked = false;
        if (!group || j >= s->in->bins->m_bytes) marked = fill_one(s, t, j, h);
        else if (s->w->rank[j]) h = by_rank(c, s->w->rank[j], s->in->bins->f[j].n_bins, h);
        varied += search_feature(s, j, h, marked);
    }
    return varied;
}
