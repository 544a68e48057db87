/* gbdt_grow.c: grows one tree, always splitting the leaf with the largest gain.
 *
 * A leaf is an interval of positions in one of two buffers of (row number, packed gradient);
 * splitting it writes its rows, stably, to the same interval of the other buffer, left rows
 * first. Gradients travel with their rows, so histograms read them in sequence. The root needs
 * no row numbers unless rows were left out by bagging.
 *
 * Only the smaller child's histogram is built from rows; the other one is the parent's minus
 * that, in the parent's place. Histograms of leaves live in a limited number of slots; when
 * they run out the least promising leaf loses its own, and if that leaf is split after all,
 * both children are built from rows.
 *
 * Gradients are integers (gbdt_round.max_g is the largest |g|, and a step is max_g / top): top
 * is the largest number for which no sum over all rows leaves 31 bits. So histograms are sums
 * of integers: equal for any order of rows and any number of threads, and the difference of two
 * is exact. Small data get up to 29 bits, a million rows 11; rounding is unbiased.
 *
 * Work is cut into tasks of GBDT_CHUNK rows, or of one feature; the pool's threads add into
 * private histograms which are summed per feature. */
#include "engine/learn/gbdt.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLOT_BYTES (UINT64_C(512) << 20) /* for histograms of leaves */
#define PASS       1024                  /* rows whose records stay cached between groups */
#define GROUP      8                     /* features a pass */
#define MAX_ROWS   (UINT32_C(1) << 27)

struct leaf {
    size_t begin, rows;
    int buf;  /* where its rows are */
    bool all; /* rows are all rows in order; only gradients are stored */
    int slot; /* histogram; -1: none */
    int depth;
    int64_t sum;    /* packed */
    int32_t parent; /* node; -1: it is the root */
    bool parent_left;
    double l2; /* for its value */
    struct gbdt_split best;
};

struct gbdt_grower {
    const struct engine *en;
    const struct gbdt_params *p;
    const struct gbdt_bins *bins;
    const struct kernels *kern;
    uint32_t *rows[2];
    int64_t *gh[2];
    uint8_t *flags;     /* by position: goes left */
    size_t *chunk_left; /* rows going left before a chunk */
    struct leaf *leaves;
    int n_leaves;
    int64_t *slots; /* n_slots histograms of bins->hist_len */
    int n_slots;
    bool *slot_used;
    int64_t *private_hist; /* one a thread; zero between passes */
    size_t private_len;
    bool *dirty;              /* by thread: private histogram in use */
    struct gbdt_split *found; /* 2 * m: of both children of a split, by feature */
    uint8_t *use;             /* by feature: may be split on in this tree */
    uint8_t *lut;             /* by bin: goes left */
    double g_unit, h_unit;
    const struct gbdt_round *round;
};

/* ---- memory ---- */

static size_t wide_bins(const struct gbdt_bins *b)
{
    size_t n = 0;

    for (uint32_t j = b->m_bytes; j < b->m; j++) n += b->f[j].n_bins + 1;
    return n;
}

static int count_slots(const struct gbdt_grower *gr)
{
    uint64_t fit = SLOT_BYTES / (gr->bins->hist_len * sizeof(int64_t) + 1);
    uint64_t want = (uint64_t)gr->p->num_leaves + 1;

    if (fit > want) fit = want;
    return fit < 4 ? 4 : (int)fit;
}

static bool allocate(struct gbdt_grower *gr)
{
    const struct gbdt_bins *b = gr->bins;
    size_t threads = (size_t)pool_size(gr->en->pool), m = b->m;

    for (int i = 0; i < 2; i++) {
        gr->rows[i] = mem_try_aligned(b->n + 1, sizeof *gr->rows[i]);
        gr->gh[i] = mem_try_aligned(b->n + 1, sizeof *gr->gh[i]);
        if (!gr->rows[i] || !gr->gh[i]) return false;
    }
    gr->n_slots = count_slots(gr);
    gr->private_len = m * KERNEL_BINS + wide_bins(b);
    gr->flags = mem_try_aligned(b->n + 1, 1);
    gr->chunk_left = mem_try(b->n / GBDT_CHUNK + 2, sizeof *gr->chunk_left);
    gr->leaves = mem_try((size_t)gr->p->num_leaves, sizeof *gr->leaves);
    gr->slots = mem_try_aligned((size_t)gr->n_slots, (b->hist_len + 1) * sizeof *gr->slots);
    gr->slot_used = mem_try_zero((size_t)gr->n_slots, sizeof *gr->slot_used);
    gr->private_hist = mem_try_zero(threads, (gr->private_len + 1) * sizeof *gr->private_hist);
    gr->dirty = mem_try_zero(threads, sizeof *gr->dirty);
    gr->found = mem_try(2 * m + 1, sizeof *gr->found);
    gr->use = mem_try(m + 1, 1);
    gr->lut = mem_try(GBDT_WIDE_BINS + 1, 1);
    return gr->flags && gr->chunk_left && gr->leaves && gr->slots && gr->slot_used &&
           gr->private_hist && gr->dirty && gr->found && gr->use && gr->lut;
}

int gbdt_grower_new(const struct engine *en, const struct gbdt_params *p,
                    const struct gbdt_bins *bins, const struct kernels *kern,
                    struct gbdt_grower **ret, struct err *e)
{
    if (bins->n > MAX_ROWS)
        return err_set(e, ERR_LIMIT, "gbdt: %zu rows; at most %u can be trained on", bins->n,
                       MAX_ROWS);
    struct gbdt_grower *gr = mem_zalloc(1, sizeof *gr);
    *gr = (struct gbdt_grower){ .en = en, .p = p, .bins = bins, .kern = kern };
    if (!allocate(gr)) {
        gbdt_grower_free(gr);
        return err_set(e, ERR_NOMEM, "no memory to grow trees on %zu rows x %u features", bins->n,
                       bins->m);
    }
    *ret = gr;
    return 0;
}

void gbdt_grower_free(struct gbdt_grower *gr)
{
    if (!gr) return;
    for (int i = 0; i < 2; i++) {
        free(gr->rows[i]);
        free(gr->gh[i]);
    }
    free(gr->flags);
    free(gr->chunk_left);
    free(gr->leaves);
    free(gr->slots);
    free(gr->slot_used);
    free(gr->private_hist);
    free(gr->dirty);
    free(gr->found);
    free(gr->use);
    free(gr->lut);
    free(gr);
}

static int64_t *slot(const struct gbdt_grower *gr, int i)
{
    return gr->slots + (size_t)i * gr->bins->hist_len;
}

/* A free slot, if need be that of the leaf with the least gain that is not a or b. */
static int take_slot(struct gbdt_grower *gr, const struct leaf *a, const struct leaf *b)
{
    struct leaf *poor = NULL;

    for (int i = 0; i < gr->n_slots; i++)
        if (!gr->slot_used[i]) {
            gr->slot_used[i] = true;
            return i;
        }
    for (int i = 0; i < gr->n_leaves; i++) {
        struct leaf *l = &gr->leaves[i];
        if (l == a || l == b || l->slot < 0) continue;
        if (!poor || l->best.gain < poor->best.gain) poor = l;
    }
    assert(poor);
    int i = poor->slot;
    poor->slot = -1;
    return i;
}

static size_t chunks_of(size_t rows)
{
    return (rows + GBDT_CHUNK - 1) / GBDT_CHUNK;
}

/* Interval of a chunk inside n rows. */
static size_t chunk_rows(size_t n, size_t chunk)
{
    size_t from = chunk * GBDT_CHUNK;

    return n - from < GBDT_CHUNK ? n - from : GBDT_CHUNK;
}

/* ---- histograms ---- */

struct hist_job {
    struct gbdt_grower *gr;
    const struct leaf *leaf;
};

static void wide_features(const struct gbdt_grower *gr, const struct kernel_hist *a, int64_t *hist)
{
    const struct gbdt_bins *b = gr->bins;

    for (uint32_t j = b->m_bytes; j < b->m; j++) {
        kernel_hist_wide(b->wide + (j - b->m_bytes) * b->n, a, hist);
        hist += b->f[j].n_bins + 1;
    }
}

static void hist_task(void *arg, size_t chunk, int thread)
{
    const struct hist_job *job = arg;
    struct gbdt_grower *gr = job->gr;
    const struct gbdt_bins *b = gr->bins;
    const struct leaf *l = job->leaf;
    size_t from = chunk * GBDT_CHUNK, end = from + chunk_rows(l->rows, chunk);
    int64_t *hist = gr->private_hist + (size_t)thread * gr->private_len;

    gr->dirty[thread] = true;
    for (; from < end; from += PASS) {
        size_t at = l->begin + from;
        struct kernel_hist a = { .stride = b->stride,
                                 .first = at,
                                 .gh = gr->gh[l->buf] + at,
                                 .rows = l->all ? NULL : gr->rows[l->buf] + at,
                                 .n = end - from < PASS ? end - from : PASS };
        for (uint32_t g = 0; g < b->m_bytes; g += GROUP) {
            a.bins = b->records + g;
            a.fetch = g == 0;
            a.width = b->m_bytes - g < GROUP ? b->m_bytes - g : GROUP;
            kernel_hist_bytes(&a, hist + g * KERNEL_BINS);
        }
        wide_features(gr, &a, hist + b->m_bytes * KERNEL_BINS);
    }
}

/* Adds the leaf's rows into the private histograms. */
static void accumulate(struct gbdt_grower *gr, const struct leaf *l)
{
    struct hist_job job = { gr, l };

    pool_run(gr->en->pool, chunks_of(l->rows), hist_task, &job);
}

/* Where feature j's histogram begins in a private one. */
static size_t private_at(const struct gbdt_bins *b, uint32_t j)
{
    if (j < b->m_bytes) return j * KERNEL_BINS;
    return b->m_bytes * KERNEL_BINS + (b->f[j].hist - b->f[b->m_bytes].hist);
}

/* Sums the private histograms of feature j into out and clears them. */
static void collect(struct gbdt_grower *gr, uint32_t j, int64_t *out)
{
    const struct gbdt_bins *b = gr->bins;
    size_t n = b->f[j].n_bins + 1, at = private_at(b, j);

    memset(out, 0, n * sizeof *out);
    for (int t = 0; t < pool_size(gr->en->pool); t++) {
        if (!gr->dirty[t]) continue;
        int64_t *mine = gr->private_hist + (size_t)t * gr->private_len + at;
        for (size_t i = 0; i < n; i++) out[i] += mine[i];
        memset(mine, 0, n * sizeof *mine);
    }
}

struct search_job {
    struct gbdt_grower *gr;
    struct leaf *small, *large; /* large NULL: there is one leaf only */
    bool collect;               /* small's histogram is in the private ones */
    bool subtract;              /* large's slot holds the parent's */
    bool search[2];             /* whether they may be split */
};

static void search_task(void *arg, size_t feature, int thread)
{
    const struct search_job *job = arg;
    struct gbdt_grower *gr = job->gr;
    uint32_t j = (uint32_t)feature;
    const struct gbdt_feature *f = &gr->bins->f[j];
    int64_t *small = slot(gr, job->small->slot) + f->hist;
    int64_t *large = job->large ? slot(gr, job->large->slot) + f->hist : NULL;

    (void)thread;
    if (job->collect) collect(gr, j, small);
    if (job->subtract)
        for (uint32_t i = 0; i <= f->n_bins; i++) large[i] -= small[i];
    for (int side = 0; side < 2; side++) {
        const struct leaf *l = side ? job->large : job->small;
        struct gbdt_split *out = &gr->found[(size_t)side * gr->bins->m + j];
        out->gain = 0;
        if (!job->search[side] || !gr->use[j]) continue;
        struct gbdt_search s = {
            gr->p, gr->kern, gr->g_unit, gr->h_unit, l->sum, (uint32_t)l->rows
        };
        gbdt_find_split(&s, f, j, side ? large : small, out);
    }
}

static bool may_split(const struct gbdt_grower *gr, const struct leaf *l)
{
    const struct gbdt_params *p = gr->p;

    return l && l->rows >= 2 * (size_t)p->min_data_in_leaf && l->rows >= 2 &&
           (p->max_depth <= 0 || l->depth < p->max_depth);
}

/* The best over features, the lowest of equals. */
static void choose(const struct gbdt_grower *gr, struct leaf *l, int side)
{
    const struct gbdt_split *found = gr->found + (size_t)side * gr->bins->m;

    l->best.gain = 0;
    for (uint32_t j = 0; j < gr->bins->m; j++)
        if (found[j].gain > l->best.gain) l->best = found[j];
}

static void find_splits(struct search_job *job)
{
    struct gbdt_grower *gr = job->gr;

    job->search[0] = may_split(gr, job->small);
    job->search[1] = may_split(gr, job->large);
    pool_run(gr->en->pool, gr->bins->m, search_task, job);
    memset(gr->dirty, 0, (size_t)pool_size(gr->en->pool) * sizeof *gr->dirty);
    choose(gr, job->small, 0);
    if (job->large) choose(gr, job->large, 1);
}

/* ---- rows ---- */

struct rows_job {
    struct gbdt_grower *gr;
    const struct leaf *leaf;
    const uint8_t *col; /* bins of the split's feature, one of the two */
    const uint16_t *wide;
    size_t n_left;
};

static void flag_task(void *arg, size_t chunk, int thread)
{
    const struct rows_job *job = arg;
    struct gbdt_grower *gr = job->gr;
    const struct leaf *l = job->leaf;
    size_t at = l->begin + chunk * GBDT_CHUNK, n = chunk_rows(l->rows, chunk), left = 0;
    const uint32_t *rows = gr->rows[l->buf] + at;
    const uint8_t *lut = gr->lut, *col = job->col;
    uint8_t *flags = gr->flags + at;

    (void)thread;
    for (size_t i = 0; i < n; i++) {
        size_t row = l->all ? at + i : rows[i];
        flags[i] = lut[col ? col[row] : job->wide[row]];
        left += flags[i];
    }
    gr->chunk_left[chunk] = left;
}

static void move_task(void *arg, size_t chunk, int thread)
{
    const struct rows_job *job = arg;
    struct gbdt_grower *gr = job->gr;
    const struct leaf *l = job->leaf;
    size_t offset = chunk * GBDT_CHUNK, at = l->begin + offset, n = chunk_rows(l->rows, chunk);
    const uint32_t *rows = gr->rows[l->buf] + at;
    const int64_t *gh = gr->gh[l->buf] + at;
    uint32_t *to_rows = gr->rows[!l->buf] + l->begin;
    int64_t *to_gh = gr->gh[!l->buf] + l->begin;
    size_t left = gr->chunk_left[chunk], right = job->n_left + offset - left;

    (void)thread;
    for (size_t i = 0; i < n; i++) {
        uint8_t f = gr->flags[at + i];
        size_t to = f ? left : right;
        to_rows[to] = l->all ? (uint32_t)(at + i) : rows[i];
        to_gh[to] = gh[i];
        left += f;
        right += !f;
    }
}

/* Moves the leaf's rows to the other buffer, by gr->lut; returns how many go left. */
static size_t partition(struct gbdt_grower *gr, const struct leaf *l)
{
    const struct gbdt_bins *b = gr->bins;
    const struct gbdt_split *s = &l->best;
    struct rows_job job = { .gr = gr, .leaf = l };
    size_t chunks = chunks_of(l->rows), left = 0;

    if (s->feature < b->m_bytes) job.col = b->cols + s->feature * b->n;
    else job.wide = b->wide + (s->feature - b->m_bytes) * b->n;
    pool_run(gr->en->pool, chunks, flag_task, &job);
    for (size_t c = 0; c < chunks; c++) {
        size_t here = gr->chunk_left[c];
        gr->chunk_left[c] = left;
        left += here;
    }
    job.n_left = left;
    pool_run(gr->en->pool, chunks, move_task, &job);
    return left;
}

/* ---- the tree ---- */

/* Which bins go left. */
static void fill_lut(struct gbdt_grower *gr, const struct gbdt_split *s)
{
    const struct gbdt_feature *f = &gr->bins->f[s->feature];

    memset(gr->lut, 0, f->n_bins + 1);
    if (f->cat)
        for (uint32_t i = 0; i < s->n_set; i++) gr->lut[s->set[i]] = 1;
    else memset(gr->lut, 1, s->bin + 1);
    gr->lut[f->n_bins] = s->missing_left;
}

static void node_of(const struct gbdt_grower *gr, const struct gbdt_split *s, struct gbdt_model *m,
                    struct gbdt_node *ret)
{
    const struct gbdt_feature *f = &gr->bins->f[s->feature];

    *ret = (struct gbdt_node){ .feature = f->column,
                               .missing_left = s->missing_left,
                               .gain = s->gain };
    if (!f->cat) {
        ret->kind = GBDT_NUM;
        ret->threshold = f->cuts->bound[s->bin];
        return;
    }
    ret->kind = GBDT_CAT;
    ret->set_words = (f->levels + 31) / 32;
    ret->set = gbdt_sets_add(m, ret->set_words);
    for (uint32_t c = 0; c < f->levels; c++)
        m->sets[ret->set + c / 32] |= (uint32_t)gr->lut[f->code_bin[c]] << c % 32;
}

/* Splits leaf number `at` and searches its children. */
static void split_leaf(struct gbdt_grower *gr, int at, struct gbdt_model *m)
{
    struct leaf *l = &gr->leaves[at], *r = &gr->leaves[gr->n_leaves];
    struct leaf old = *l;
    struct gbdt_node node;

    fill_lut(gr, &old.best);
    node_of(gr, &old.best, m, &node);
    node.cover = (double)gbdt_sum_h(old.sum) * gr->h_unit;
    int32_t id = gbdt_tree_split(m, &node, at, old.parent, old.parent_left);
    size_t n_left = partition(gr, &old);
    *l = (struct leaf){ .begin = old.begin,
                        .rows = n_left,
                        .buf = !old.buf,
                        .slot = -1,
                        .depth = old.depth + 1,
                        .sum = old.best.left,
                        .parent = id,
                        .parent_left = true,
                        .l2 = old.best.l2 };
    *r = *l;
    r->begin += n_left;
    r->rows = old.rows - n_left;
    r->sum = old.sum - l->sum;
    r->parent_left = false;
    gr->n_leaves++;

    bool left_small = l->rows <= r->rows;
    struct search_job job = { .gr = gr,
                              .small = left_small ? l : r,
                              .large = left_small ? r : l,
                              .collect = true,
                              .subtract = old.slot >= 0 };
    job.large->slot = old.slot >= 0 ? old.slot : take_slot(gr, l, r);
    job.small->slot = take_slot(gr, l, r);
    if (!may_split(gr, l) && !may_split(gr, r)) return;
    if (!job.subtract) {
        accumulate(gr, job.large);
        for (uint32_t j = 0; j < gr->bins->m; j++)
            collect(gr, j, slot(gr, job.large->slot) + gr->bins->f[j].hist);
    }
    accumulate(gr, job.small);
    find_splits(&job);
}

/* Features of this tree: a random share of them, all when the share is 1. */
static void choose_features(struct gbdt_grower *gr)
{
    uint32_t m = gr->bins->m, want = (uint32_t)((double)m * gr->p->feature_fraction + 0.5);
    struct rng r;

    memset(gr->use, 1, m);
    if (want >= m) return;
    if (want < 1) want = 1;
    rng_stream(&r, gr->en->seed, gr->round->stream);
    memset(gr->use, 0, m);
    for (uint32_t left = m, j = 0; j < m; j++, left--)
        if (rng_below(&r, left) < want) {
            gr->use[j] = 1;
            want--;
        }
}

struct quantise_job {
    struct gbdt_grower *gr;
    struct kernel_quantise a;
};

static void quantise_task(void *arg, size_t chunk, int thread)
{
    const struct quantise_job *job = arg;
    struct kernel_quantise a = job->a;
    size_t from = chunk * GBDT_CHUNK;

    (void)thread;
    a.g += from;
    a.h += from;
    a.gh += from;
    a.row = (uint32_t)from;
    a.n = chunk_rows(a.n, chunk);
    job->gr->kern->quantise(&a);
}

/* Fills gh[0] with the packed gradients of all rows. */
static void quantise(struct gbdt_grower *gr)
{
    const struct gbdt_round *r = gr->round;
    size_t n = gr->bins->n;
    double top = (double)((INT64_C(1) << 31) / (int64_t)(n + 1)) - 1;
    double most = gr->p->gradient_bits > 0 ? (double)(1 << gr->p->gradient_bits) : 1 << 29;

    if (top > most) top = most;
    gr->g_unit = (r->max_g > 0 ? (double)r->max_g : 1.0) / top;
    gr->h_unit = (r->max_h > 0 ? (double)r->max_h : 1.0) / top;
    struct quantise_job job = { gr,
                                { .g = r->g,
                                  .h = r->h,
                                  .n = n,
                                  .g_mul = 1 / gr->g_unit,
                                  .h_mul = 1 / gr->h_unit,
                                  .gh = gr->gh[0],
                                  .seed = (uint32_t)rng_mix(gr->en->seed ^ rng_mix(r->stream)) } };
    pool_run(gr->en->pool, chunks_of(n), quantise_task, &job);
}

static bool in_bag(const struct gbdt_grower *gr, size_t row)
{
    uint64_t x = rng_mix(rng_mix(gr->en->seed ^ gr->round->bag) + row);

    return (double)(x >> 11) * 0x1p-53 < gr->p->bagging_fraction;
}

static bool bagging(const struct gbdt_params *p)
{
    return p->bagging_freq > 0 && p->bagging_fraction < 1;
}

/* The root leaf: all rows, or those in the bag, their gradients moved together. */
static void make_root(struct gbdt_grower *gr, struct leaf *root)
{
    size_t n = gr->bins->n, k = 0;

    *root =
        (struct leaf){ .all = !bagging(gr->p), .rows = n, .parent = -1, .l2 = gr->p->lambda_l2 };
    if (!root->all) {
        for (size_t i = 0; i < n; i++) {
            gr->rows[0][k] = (uint32_t)i;
            gr->gh[0][k] = gr->gh[0][i];
            k += in_bag(gr, i);
        }
        root->rows = k;
    }
    for (size_t i = 0; i < root->rows; i++) root->sum += gr->gh[0][i];
    root->slot = take_slot(gr, root, root);
}

/* ---- scores ---- */

struct score_job {
    struct gbdt_grower *gr;
    const struct leaf *leaf;
    double value;
    const struct gbdt_model *m;
};

static void score_task(void *arg, size_t chunk, int thread)
{
    const struct score_job *job = arg;
    const struct leaf *l = job->leaf;
    size_t at = l->begin + chunk * GBDT_CHUNK, n = chunk_rows(l->rows, chunk);
    const uint32_t *rows = job->gr->rows[l->buf] + at;
    double *score = job->gr->round->score;

    (void)thread;
    for (size_t i = 0; i < n; i++) score[l->all ? at + i : rows[i]] += job->value;
}

/* Rows out of the bag walk down the tree. */
static void rest_task(void *arg, size_t chunk, int thread)
{
    const struct score_job *job = arg;
    const struct gbdt_grower *gr = job->gr;
    const struct gbdt_model *m = job->m;
    const struct matrix *x = gr->round->x;
    size_t from = chunk * GBDT_CHUNK, to = from + chunk_rows(x->n, chunk);

    (void)thread;
    for (size_t i = from; i < to; i++)
        if (!in_bag(gr, i))
            gr->round->score[i] += gbdt_tree_value(m, &m->trees[m->n_trees - 1], x->x + i, x->n);
}

static void add_scores(struct gbdt_grower *gr, struct gbdt_model *m)
{
    const struct gbdt_tree *t = &m->trees[m->n_trees - 1];

    for (int i = 0; i < gr->n_leaves; i++) {
        const struct leaf *l = &gr->leaves[i];
        struct gbdt_search s = { .p = gr->p, .g_unit = gr->g_unit, .h_unit = gr->h_unit };
        double v = gbdt_leaf_value(&s, l->sum, l->l2) * gr->p->learning_rate;
        struct score_job job = { .gr = gr, .leaf = l, .value = v };
        m->leaves[t->leaf + (uint32_t)i] = v;
        m->covers[t->leaf + (uint32_t)i] = (double)gbdt_sum_h(l->sum) * gr->h_unit;
        pool_run(gr->en->pool, chunks_of(l->rows), score_task, &job);
    }
    if (!bagging(gr->p)) return;
    struct score_job job = { .gr = gr, .m = m };
    pool_run(gr->en->pool, chunks_of(gr->bins->n), rest_task, &job);
}

int gbdt_grow(struct gbdt_grower *gr, const struct gbdt_round *round, struct gbdt_model *m,
              bool *ret_split, struct err *e)
{
    gr->round = round;
    gr->n_leaves = 1;
    memset(gr->slot_used, 0, (size_t)gr->n_slots * sizeof *gr->slot_used);
    gbdt_tree_begin(m);
    choose_features(gr);
    quantise(gr);
    make_root(gr, &gr->leaves[0]);
    struct search_job job = { .gr = gr, .small = &gr->leaves[0], .collect = true };
    accumulate(gr, job.small);
    find_splits(&job);
    while (gr->n_leaves < gr->p->num_leaves) {
        int at = 0;
        for (int i = 1; i < gr->n_leaves; i++)
            if (gr->leaves[i].best.gain > gr->leaves[at].best.gain) at = i;
        if (!(gr->leaves[at].best.gain > 0)) break;
        if (engine_cancelled(gr->en)) return err_set(e, ERR_CANCELLED, "training was cancelled");
        split_leaf(gr, at, m);
    }
    *ret_split = gr->n_leaves > 1;
    add_scores(gr, m);
    return 0;
}
