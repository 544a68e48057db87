/* gbdt_hist.c: histograms of leaves, and the search for their best splits.
 *
 * The rows of a leaf are taken in blocks: their gradients are brought together, then all their
 * records are added up, as many features at a time as have histograms that stay in the nearest
 * caches. Narrow entries are half the size. They may overflow: each block is counted against
 * what room they have at least, and they are added to the packed ones before it is used up.
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
#define BLOCK       512                   /* rows; see GBDT_NARROW_MOST */
#define BATCH       4096                  /* rows found before they are added up */
#define SCAN        2048                  /* rows looked at for more of them */
#define GROUP_BYTES 32768 /* of histograms a pass, in entries of the form added to */
#define ROOM_G      32767 /* of a narrow entry */
#define ROOM_H      65535
#define WORTHWHILE  8000  /* updates below which other threads are not asked */
#define FEW_BINS    1000  /* of all features: one thread searches them faster */
#define TASKS       8     /* a thread, of a large leaf */
#define FEATURES    2     /* of a search task */

static_assert(BLOCK * GBDT_NARROW_MOST <= ROOM_G, "a block fits narrow entries");

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

    gr->n_slots = count_slots(gr);
    gr->slots = mem_try_aligned((size_t)gr->n_slots, len * sizeof *gr->slots);
    gr->slot_used = mem_try_zero((size_t)gr->n_slots, sizeof *gr->slot_used);
    gr->found = mem_try(2 * (size_t)b->m + 1, sizeof *gr->found);
    gr->work = mem_try_zero((size_t)threads, sizeof *gr->work);
    if (!gr->slots || !gr->slot_used || !gr->found || !gr->work) return false;
    for (int t = 0; t < threads; t++) {
        struct gbdt_work *w = &gr->work[t];
        if (t > 0) w->hist = mem_try_zero(len, sizeof *w->hist);
        if (gr->entry == 1) w->narrow = mem_try_zero(len, sizeof *w->narrow);
        w->rows = mem_try_zero(BATCH + SCAN + KERNEL_AHEAD, sizeof *w->rows);
        if (gr->gh) w->rows_gh = mem_try(BATCH + SCAN + KERNEL_AHEAD, sizeof *w->rows_gh);
        w->gh = mem_try_aligned(BLOCK, gr->entry * sizeof *w->gh);
        w->room_g = ROOM_G;
        w->room_h = ROOM_H;
        if ((t > 0 && !w->hist) || (gr->entry == 1 && !w->narrow) || !w->rows || !w->gh ||
            (gr->gh && !w->rows_gh))
            return false;
    }
    gr->numbers = mem_try(BLOCK + KERNEL_AHEAD, sizeof *gr->numbers);
    for (uint32_t i = 0; gr->numbers && i < BLOCK + KERNEL_AHEAD; i++) gr->numbers[i] = i;
    return gr->numbers;
}

void gbdt_hist_free(struct gbdt_grower *gr)
{
    for (int t = 0; gr->work && t < pool_size(gr->en->pool); t++) {
        free(gr->work[t].hist);
        free(gr->work[t].narrow);
        free(gr->work[t].rows);
        free(gr->work[t].rows_gh);
        free(gr->work[t].gh);
    }
    free(gr->work);
    free(gr->numbers);
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

/* A leaf's histogram in the making, on one thread. */
struct build {
    struct gbdt_grower *gr;
    struct gbdt_work *w;
    int64_t *hist; /* the leaf's, or the thread's own */
};

/* Some rows of the leaf: numbers from `base` on. */
struct rows {
    const uint32_t *row;
    const int32_t *gh; /* their gradients one after the other; NULL: to be looked up */
    size_t n, base;
};

/* Gradients as fixed-point numbers; the bias makes the truncation a floor. */
static void exact_gradients(const struct gbdt_grower *gr, const struct rows *r, int64_t *gh)
{
    const struct gbdt_loss *l = gr->round->loss;
    const float *g = l->g + gr->round->c * l->n + r->base;
    const float *h = l->h + gr->round->c * l->n + r->base;
    const double bias = 0x1p33;

    for (size_t i = 0; i < r->n; i++) {
        uint32_t row = r->row[i];
        gh[2 * i] = (int64_t)((double)g[row] / gr->g_unit + 0.5 + bias) - (INT64_C(1) << 33);
        gh[2 * i + 1] = (int64_t)((double)h[row] / gr->h_unit + 0.5);
    }
}

/* Adds narrow entries to the packed ones. */
static void widen(const struct build *b)
{
    if (b->w->hist) b->w->dirty = true;
    b->gr->kern->widen(b->w->narrow, b->gr->bins->hist_len, b->hist);
    b->w->narrow_dirty = false;
    b->w->room_g = ROOM_G;
    b->w->room_h = ROOM_H;
}

/* The gradients of a block as narrow entries, for which there is room afterwards. */
static const int32_t *narrow_gradients(const struct build *b, const struct rows *r)
{
    int32_t *gh = (void *)b->w->gh;
    uint32_t sum_g, sum_h;

    if (!r->gh)
        for (size_t i = 0; i < r->n; i++) gh[i] = b->gr->gh[r->base + r->row[i]];
    const int32_t *ret = r->gh ? r->gh : gh;
    b->gr->kern->weigh(ret, r->n, &sum_g, &sum_h);
    if (sum_g > b->w->room_g || sum_h > b->w->room_h) widen(b);
    b->w->room_g -= sum_g;
    b->w->room_h -= sum_h;
    b->w->narrow_dirty = true;
    return ret;
}

static const int64_t *packed_gradients(const struct build *b, const struct rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        b->w->gh[i] = kernel_packed(r->gh ? r->gh[i] : b->gr->gh[r->base + r->row[i]]);
    return b->w->gh;
}

static enum kernel_entry entry_of(const struct gbdt_grower *gr)
{
    return gr->narrow ? KERNEL_NARROW : gr->entry > 1 ? KERNEL_EXACT : KERNEL_PACKED;
}

static void add_block(const struct build *b, const struct rows *r)
{
    static const size_t sizes[] = { [KERNEL_NARROW] = sizeof(int32_t),
                                    [KERNEL_PACKED] = sizeof(int64_t),
                                    [KERNEL_EXACT] = 2 * sizeof(int64_t) };
    const struct gbdt_grower *gr = b->gr;
    const struct gbdt_bins *bins = gr->bins;
    struct kernel_hist a = {
        .rows = r->row, .n = r->n, .stride = bins->stride, .gh = b->w->gh, .entry = entry_of(gr)
    };
    size_t size = sizes[a.entry], group = GROUP_BYTES / (KERNEL_BINS * size);
    char *hist = gr->narrow ? (void *)b->w->narrow : (void *)b->hist;

    if (gr->narrow) a.gh = narrow_gradients(b, r);
    else if (gr->entry > 1) exact_gradients(gr, r, b->w->gh);
    else a.gh = packed_gradients(b, r);
    for (size_t g = 0; g < bins->m_bytes; g += group) {
        a.records = bins->records + r->base * bins->stride + g;
        a.width = (unsigned)(bins->m_bytes - g < group ? bins->m_bytes - g : group);
        kernel_hist_bytes(&a, hist + g * KERNEL_BINS * size);
    }
    for (uint32_t j = bins->m_bytes; j < bins->m; j++)
        kernel_hist_wide(&a, bins->wide + (j - bins->m_bytes) * bins->n + r->base,
                         hist + bins->f[j].hist * size);
}

static size_t block_of(size_t left)
{
    return left < BLOCK ? left : BLOCK;
}

/* gh: NULL, or the gradients of these rows. */
static void add_rows(const struct build *b, const uint32_t *rows, const int32_t *gh, size_t n)
{
    for (size_t i = 0; i < n; i += BLOCK)
        add_block(b, &(struct rows){ rows + i, gh ? gh + i : NULL, block_of(n - i), 0 });
}

/* All rows of [from, end). */
static void add_all(const struct build *b, size_t from, size_t end)
{
    const int32_t *gh = b->gr->gh;

    for (size_t i = from; i < end; i += BLOCK)
        add_block(b, &(struct rows){ b->gr->numbers, gh ? gh + i : NULL, block_of(end - i), i });
}

/* The rows marked `mark` among [from, end). */
static void add_marked(const struct build *b, uint8_t mark, size_t from, size_t end)
{
    const struct gbdt_grower *gr = b->gr;
    uint32_t *rows = b->w->rows;
    int32_t *gh = b->w->rows_gh;
    size_t n = 0;

    for (size_t to; from < end; from = to) {
        to = end - from < SCAN ? end : from + SCAN;
        struct kernel_marked a = { .marks = gr->marks + from,
                                   .gh = gh ? gr->gh + from : NULL,
                                   .n = to - from,
                                   .mark = mark,
                                   .row = (uint32_t)from,
                                   .rows = rows + n,
                                   .rows_gh = gh ? gh + n : NULL };
        gr->kern->marked(&a);
        n += a.found;
        if (n < BATCH) continue;
        add_rows(b, rows, gh, BATCH);
        n -= BATCH;
        memmove(rows, rows + BATCH, n * sizeof *rows);
        if (gh) memmove(gh, gh + BATCH, n * sizeof *gh);
    }
    add_rows(b, rows, gh, n);
}

struct build_job {
    struct gbdt_grower *gr;
    const struct gbdt_leaf *leaf;
    size_t n, share; /* rows to look at, of a task */
};

static void build_task(void *arg, size_t task, int thread)
{
    const struct build_job *job = arg;
    struct gbdt_grower *gr = job->gr;
    const struct gbdt_leaf *l = job->leaf;
    struct build b = { gr, &gr->work[thread], gr->work[thread].hist };
    size_t from = task * job->share;
    size_t end = job->n - from < job->share ? job->n : from + job->share;

    if (thread == 0) b.hist = gbdt_slot(gr, l->slot);
    else if (!gr->narrow) b.w->dirty = true;
    if (l->rows == gr->bins->n) add_all(&b, from, end);
    else if (l->mark >= 0) add_marked(&b, (uint8_t)l->mark, from, end);
    else add_rows(&b, gr->lists[l->buf] + l->begin + from, NULL, end - from);
}

/* Tasks are as many as keep all threads busy to the end: their bounds change nothing, since
 * sums of integers are the same in any order. */
void gbdt_hist_build(struct gbdt_grower *gr, const struct gbdt_leaf *l)
{
    struct build_job job = { gr, l, l->mark >= 0 ? gr->bins->n : l->rows, 0 };
    bool serial = l->rows * gr->bins->m < WORTHWHILE;

    job.share = job.n / (TASKS * (size_t)pool_size(gr->en->pool)) + 1;
    if (job.share < SCAN || serial) job.share = serial ? job.n : SCAN;
    memset(gbdt_slot(gr, l->slot), 0, gr->bins->hist_len * gr->entry * sizeof(int64_t));
    if (job.n > 0)
        gbdt_run(gr, (job.n + job.share - 1) / job.share, serial, build_task, &job);
}

/* Adds what threads hold of feature j to out, and clears it there. */
static void collect(struct gbdt_grower *gr, uint32_t j, int64_t *out)
{
    const struct gbdt_feature *f = &gr->bins->f[j];
    size_t n = (f->n_bins + 1) * gr->entry;

    for (int t = 0; t < pool_size(gr->en->pool); t++) {
        const struct gbdt_work *w = &gr->work[t];
        if (w->narrow_dirty) gr->kern->widen(w->narrow + f->hist, (n + 7) / 8 * 8, out);
        if (!w->dirty) continue;
        int64_t *mine = w->hist + f->hist * gr->entry;
        for (size_t i = 0; i < n; i++) out[i] += mine[i];
        memset(mine, 0, n * sizeof *mine);
    }
}

static void all_clean(struct gbdt_grower *gr)
{
    for (int t = 0; t < pool_size(gr->en->pool); t++) {
        struct gbdt_work *w = &gr->work[t];
        w->dirty = w->narrow_dirty = false;
        w->room_g = ROOM_G;
        w->room_h = ROOM_H;
    }
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
    gbdt_run(gr, tasks, gr->bins->hist_len < FEW_BINS, search_task, &job);
    all_clean(gr);
    choose(gr, small, 0);
    if (large) choose(gr, large, 1);
}
