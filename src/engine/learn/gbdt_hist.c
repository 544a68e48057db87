/* gbdt_hist.c: histograms of leaves, and the search for their best splits.
 *
 * Rows are taken in blocks whose records, or copies of them, fit the first-level cache; within a
 * block the features are done eight at a time, so that their histograms stay there too. While a
 * block is added up the records of the next one are prefetched, a few at a time.
 *
 * The first thread adds into the leaf's slot, others into memory of their own, which is added to
 * the slot feature by feature when all are done: sums of integers, the same in any order.
 * Histograms of leaves live in a limited number of slots; when they run out the least
 * promising leaf loses its own. */
#include "engine/learn/gbdt_grow.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_BYTES  (UINT64_C(512) << 20) /* for histograms of leaves */
#define BLOCK_BYTES 16384                 /* of records in a block */
#define BLOCK_LEAST 64
#define BLOCK_MOST  512
#define GROUP       8           /* features a pass */
#define PIECE       128         /* rows between two rounds of prefetching */
#define LINE        64          /* bytes of a cache line */
#define NEAR        (256 << 10) /* bytes of all records that stay in a cache anyway */
#define WORTHWHILE  40000       /* updates below which other threads are not asked */
#define TASKS       8           /* a thread, of a large leaf */
#define FEATURES    4           /* of a search task */

/* ---- memory ---- */

static int count_slots(const struct gbdt_grower *gr)
{
    uint64_t fit = SLOT_BYTES / (gr->bins->hist_len * gr->entry * sizeof(int64_t) + 1);
    uint64_t want = (uint64_t)gr->p->num_leaves + 1;

    if (fit > want) fit = want;
    return fit < 4 ? 4 : (int)fit;
}

bool gbdt_hist_allocate(struct gbdt_grower *gr)
{
    const struct gbdt_bins *b = gr->bins;
    int threads = pool_size(gr->en->pool);
    size_t len = (b->hist_len + 1) * gr->entry;

    gr->block = BLOCK_BYTES / b->stride;
    if (gr->block < BLOCK_LEAST) gr->block = BLOCK_LEAST;
    if (gr->block > BLOCK_MOST) gr->block = BLOCK_MOST;
    gr->n_slots = count_slots(gr);
    gr->slots = mem_try_aligned((size_t)gr->n_slots, len * sizeof *gr->slots);
    gr->slot_used = mem_try_zero((size_t)gr->n_slots, sizeof *gr->slot_used);
    gr->found = mem_try(2 * (size_t)b->m + 1, sizeof *gr->found);
    gr->work = mem_try_zero((size_t)threads, sizeof *gr->work);
    if (!gr->slots || !gr->slot_used || !gr->found || !gr->work) return false;
    for (int t = 0; t < threads; t++) {
        struct gbdt_work *w = &gr->work[t];
        if (t > 0) w->hist = mem_try_aligned(1, len * sizeof *w->hist);
        w->records = mem_try_aligned(gr->block, b->stride);
        w->gh = mem_try_aligned(gr->block, gr->entry * sizeof *w->gh);
        if ((t > 0 && !w->hist) || !w->records || !w->gh) return false;
        if (w->hist) memset(w->hist, 0, len * sizeof *w->hist);
    }
    return true;
}

void gbdt_hist_free(struct gbdt_grower *gr)
{
    for (int t = 0; gr->work && t < pool_size(gr->en->pool); t++) {
        free(gr->work[t].hist);
        free(gr->work[t].records);
        free(gr->work[t].gh);
    }
    free(gr->work);
    free(gr->slots);
    free(gr->slot_used);
    free(gr->found);
}

void gbdt_hist_reset(struct gbdt_grower *gr)
{
    memset(gr->slot_used, 0, (size_t)gr->n_slots * sizeof *gr->slot_used);
}

int gbdt_hist_take(struct gbdt_grower *gr, const struct gbdt_leaf *a, const struct gbdt_leaf *b)
{
    struct gbdt_leaf *poor = NULL;

    for (int i = 0; i < gr->n_slots; i++)
        if (!gr->slot_used[i]) {
            gr->slot_used[i] = true;
            return i;
        }
    for (int i = 0; i < gr->n_leaves; i++) {
        struct gbdt_leaf *l = &gr->leaves[i];
        if (l == a || l == b || l->slot < 0) continue;
        if (!poor || l->best.gain < poor->best.gain) poor = l;
    }
    assert(poor);
    int i = poor->slot;
    poor->slot = -1;
    return i;
}

void gbdt_run(struct gbdt_grower *gr, size_t n, bool serial,
              void (*fn)(void *arg, size_t task, int thread), void *arg)
{
    if (!serial) {
        pool_run(gr->en->pool, n, fn, arg);
        return;
    }
    for (size_t i = 0; i < n; i++) fn(arg, i, 0);
}

/* ---- building ---- */

/* The rows of a block, and of the one after it, whose records are to be fetched meanwhile. */
struct block {
    const uint64_t *items, *next;
    size_t n, n_next;
    struct kernel_hist a;
};

static void prefetch(const struct gbdt_bins *b, const uint64_t *items, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t at = 0; at < b->stride; at += LINE)
            __builtin_prefetch(b->records + (uint32_t)items[i] * b->stride + at, 0, 2);
}

/* Gradients as fixed-point numbers; the bias makes the truncation a floor. */
static void exact_gradients(const struct gbdt_grower *gr, const uint64_t *items, size_t n,
                            int64_t *gh)
{
    const struct gbdt_loss *l = gr->round->loss;
    const float *g = l->g + gr->round->c * l->n, *h = l->h + gr->round->c * l->n;
    const double bias = 0x1p33;

    for (size_t i = 0; i < n; i++) {
        uint32_t row = (uint32_t)items[i];
        gh[2 * i] = (int64_t)((double)g[row] / gr->g_unit + 0.5 + bias) - (INT64_C(1) << 33);
        gh[2 * i + 1] = (int64_t)((double)h[row] / gr->h_unit + 0.5);
    }
}

/* All features of the block's rows, group by group. */
static void add_block(const struct gbdt_grower *gr, struct block *k, int64_t *hist)
{
    const struct gbdt_bins *b = gr->bins;
    const uint8_t *records = k->a.bins;
    const int64_t *gh = k->a.gh;
    size_t groups = (b->m_bytes + GROUP - 1) / GROUP, pieces = (k->n + PIECE - 1) / PIECE;
    size_t share = groups ? k->n_next / (groups * pieces) + 1 : 0, fetched = 0;

    for (uint32_t g = 0; g < b->m_bytes; g += GROUP) {
        k->a.width = b->m_bytes - g < GROUP ? b->m_bytes - g : GROUP;
        for (size_t i = 0; i < k->n; i += PIECE) {
            size_t n = k->n_next - fetched < share ? k->n_next - fetched : share;
            prefetch(b, k->next + fetched, n);
            fetched += n;
            k->a.bins = records + i * b->stride + g;
            k->a.gh = gh + i * gr->entry;
            k->a.n = k->n - i < PIECE ? k->n - i : PIECE;
            kernel_hist_bytes(&k->a, hist + g * KERNEL_BINS * gr->entry);
        }
    }
    k->a.gh = gh;
    k->a.n = k->n;
    for (uint32_t j = b->m_bytes; j < b->m; j++)
        kernel_hist_wide(b->wide + (j - b->m_bytes) * b->n, k->items, &k->a,
                         hist + b->f[j].hist * gr->entry);
}

struct build_job {
    struct gbdt_grower *gr;
    const struct gbdt_leaf *leaf;
    size_t share; /* rows of a task */
};

static void build_task(void *arg, size_t task, int thread)
{
    const struct build_job *job = arg;
    struct gbdt_grower *gr = job->gr;
    const struct gbdt_bins *b = gr->bins;
    const struct gbdt_leaf *l = job->leaf;
    struct gbdt_work *w = &gr->work[thread];
    size_t from = task * job->share;
    size_t end = l->rows - from < job->share ? l->rows : from + job->share;
    const uint64_t *items = gr->items[l->buf] + l->begin;
    int64_t *hist = thread ? w->hist : gbdt_slot(gr, l->slot);
    struct block k = { .a = { .stride = b->stride, .exact = gr->entry > 1, .gh = w->gh } };

    bool near = l->all || b->n * b->stride <= NEAR;

    if (thread) w->dirty = true;
    if (!near) prefetch(b, items + from, end - from < gr->block ? end - from : gr->block);
    for (size_t to; from < end; from = to) {
        to = end - from < gr->block ? end : from + gr->block;
        k.items = items + from;
        k.n = to - from;
        k.next = items + to;
        k.n_next = near ? 0 : end - to < gr->block ? end - to : gr->block;
        if (l->all) {
            k.a.bins = b->records + from * b->stride;
        } else {
            kernel_gather(k.items, k.n, b->records, b->stride, w->records);
            k.a.bins = w->records;
        }
        k.a.gh = w->gh;
        if (gr->entry > 1) exact_gradients(gr, k.items, k.n, w->gh);
        else kernel_unpack(k.items, k.n, w->gh);
        add_block(gr, &k, hist);
    }
}

/* Tasks are as many as keep all threads busy to the end: their bounds change nothing, since
 * sums of integers are the same in any order. */
void gbdt_hist_build(struct gbdt_grower *gr, const struct gbdt_leaf *l)
{
    struct build_job job = { gr, l, l->rows / (TASKS * (size_t)pool_size(gr->en->pool)) + 1 };
    bool serial = l->rows * gr->bins->m < WORTHWHILE;

    if (job.share < GBDT_CHUNK / 4) job.share = GBDT_CHUNK / 4;
    memset(gbdt_slot(gr, l->slot), 0, gr->bins->hist_len * gr->entry * sizeof(int64_t));
    gbdt_run(gr, (l->rows + job.share - 1) / job.share, serial, build_task, &job);
}

/* Adds what threads hold of feature j to out, and clears it there. */
static void collect(struct gbdt_grower *gr, uint32_t j, int64_t *out)
{
    const struct gbdt_feature *f = &gr->bins->f[j];
    size_t n = (f->n_bins + 1) * gr->entry;

    for (int t = 1; t < pool_size(gr->en->pool); t++) {
        if (!gr->work[t].dirty) continue;
        int64_t *mine = gr->work[t].hist + f->hist * gr->entry;
        for (size_t i = 0; i < n; i++) out[i] += mine[i];
        memset(mine, 0, n * sizeof *mine);
    }
}

static void all_clean(struct gbdt_grower *gr)
{
    for (int t = 1; t < pool_size(gr->en->pool); t++) gr->work[t].dirty = false;
}

void gbdt_hist_collect(struct gbdt_grower *gr, const struct gbdt_leaf *l)
{
    int64_t *hist = gbdt_slot(gr, l->slot);

    for (uint32_t j = 0; j < gr->bins->m; j++)
        collect(gr, j, hist + gr->bins->f[j].hist * gr->entry);
    all_clean(gr);
}

/* ---- searching ---- */

struct search_job {
    struct gbdt_grower *gr;
    struct gbdt_leaf *leaf[2]; /* the second may be NULL */
    bool subtract, search[2];
};

static void search_feature(const struct search_job *job, uint32_t j)
{
    struct gbdt_grower *gr = job->gr;
    const struct gbdt_feature *f = &gr->bins->f[j];
    int64_t *hist[2] = { NULL, NULL };

    for (int side = 0; side < 2 && job->leaf[side]; side++)
        hist[side] = gbdt_slot(gr, job->leaf[side]->slot) + f->hist * gr->entry;
    collect(gr, j, hist[0]);
    if (job->subtract)
        for (size_t i = 0; i < (f->n_bins + 1) * gr->entry; i++) hist[1][i] -= hist[0][i];
    for (int side = 0; side < 2; side++) {
        const struct gbdt_leaf *l = job->leaf[side];
        struct gbdt_split *out = &gr->found[(size_t)side * gr->bins->m + j];
        out->gain = 0;
        if (!job->search[side] || !gr->use[j]) continue;
        struct gbdt_search s = { .p = gr->p,
                                 .kern = gr->kern,
                                 .exact = gr->entry > 1,
                                 .g_unit = gr->g_unit,
                                 .h_unit = gr->h_unit,
                                 .sum = l->sum,
                                 .rows = (uint32_t)l->rows,
                                 .lo = l->lo,
                                 .hi = l->hi };
        gbdt_find_split(&s, f, j, hist[side], out);
    }
}

static void search_task(void *arg, size_t task, int thread)
{
    const struct search_job *job = arg;
    uint32_t from = (uint32_t)task * FEATURES, m = job->gr->bins->m;

    (void)thread;
    for (uint32_t j = from; j < from + FEATURES && j < m; j++) search_feature(job, j);
}

bool gbdt_may_split(const struct gbdt_grower *gr, const struct gbdt_leaf *l)
{
    const struct gbdt_params *p = gr->p;

    return l && l->rows >= 2 * (size_t)p->min_data_in_leaf && l->rows >= 2 &&
           (p->max_depth <= 0 || l->depth < p->max_depth);
}

/* The best over features, the lowest of equals. */
static void choose(const struct gbdt_grower *gr, struct gbdt_leaf *l, int side)
{
    const struct gbdt_split *found = gr->found + (size_t)side * gr->bins->m, *best = NULL;

    for (uint32_t j = 0; j < gr->bins->m; j++)
        if (found[j].gain > (best ? best->gain : 0)) best = &found[j];
    if (best) l->best = *best;
    else l->best.gain = 0;
}

void gbdt_hist_search(struct gbdt_grower *gr, struct gbdt_leaf *small, struct gbdt_leaf *large,
                      bool subtract)
{
    struct search_job job = { gr, { small, large }, subtract, { false, false } };
    size_t tasks = (gr->bins->m + FEATURES - 1) / FEATURES;

    job.search[0] = gbdt_may_split(gr, small);
    job.search[1] = gbdt_may_split(gr, large);
    gbdt_run(gr, tasks, gr->bins->hist_len * 4 < WORTHWHILE / 4, search_task, &job);
    all_clean(gr);
    choose(gr, small, 0);
    if (large) choose(gr, large, 1);
}
