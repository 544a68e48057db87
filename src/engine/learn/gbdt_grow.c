/* gbdt_grow.c: grows one tree, always splitting the leaf with the largest gain (leaf-wise), or
 * the one with the largest gain of the least depth (depth-wise).
 *
 * A leaf is an interval of positions in one of two buffers of items: row number and quantised
 * gradient in eight bytes. Splitting it writes its items, stably, to the same interval of the
 * other buffer, left rows first; gradients travel with their rows, so histograms read them in
 * sequence.
 *
 * Only the smaller child's histogram is built from rows; the other one is the parent's minus
 * that, in the parent's place. If the parent lost its place to others (gbdt_hist.c), both
 * are built from rows.
 *
 * Gradients are integers of 16 bits at most (a step is max_g / top): top is the largest number
 * for which no sum over all rows leaves 31 bits. So histograms are sums of integers: equal for
 * any order of rows and any number of threads, and the difference of two is exact. Rounding is
 * unbiased. In exact mode they are fixed-point numbers of 31 bits with sums below 2^52.
 *
 * Features with a monotone constraint bound the values of the leaves below their splits at the
 * middle of the children's values. */
#include "engine/learn/gbdt_grow.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROWS   (UINT32_C(1) << 27)
#define FEW_CHUNKS 2     /* that one thread moves faster than several */
#define FEW_ROWS   16384 /* up to so many the values of leaves come from unrounded gradients */

static bool allocate(struct gbdt_grower *gr)
{
    const struct gbdt_bins *b = gr->bins;
    size_t chunks = gbdt_chunks(b->n) + 1;

    for (int i = 0; i < 2; i++) {
        gr->items[i] = mem_try_aligned(b->n + 1, sizeof *gr->items[i]);
        if (!gr->items[i]) return false;
    }
    gr->bits = mem_try(chunks, GBDT_CHUNK / 8);
    gr->chunk_left = mem_try(chunks, sizeof *gr->chunk_left);
    gr->leaves = mem_try((size_t)gr->p->num_leaves, sizeof *gr->leaves);
    gr->use = mem_try((size_t)b->m + 1, 1);
    gr->lut = mem_try(GBDT_WIDE_BINS + 1, 1);
    return gr->bits && gr->chunk_left && gr->leaves && gr->use && gr->lut && gbdt_hist_allocate(gr);
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
    gr->entry = p->gradient_bits == 0 ? 2 : 1;
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
    gbdt_hist_free(gr);
    free(gr->items[0]);
    free(gr->items[1]);
    free(gr->bits);
    free(gr->chunk_left);
    free(gr->values);
    free(gr->weights);
    free(gr->leaves);
    free(gr->use);
    free(gr->lut);
    free(gr);
}

/* ---- rows ---- */

struct rows_job {
    struct gbdt_grower *gr;
    const struct gbdt_leaf *leaf;
    size_t n_left;
};

static void flag_task(void *arg, size_t chunk, int thread)
{
    const struct rows_job *job = arg;
    struct gbdt_grower *gr = job->gr;
    const struct gbdt_bins *b = gr->bins;
    const struct gbdt_leaf *l = job->leaf;
    const uint64_t *items = gr->items[l->buf] + l->begin + chunk * GBDT_CHUNK;
    uint8_t *bits = gr->bits + chunk * (GBDT_CHUNK / 8);
    size_t n = gbdt_chunk_rows(l->rows, chunk), j = l->best.feature;

    (void)thread;
    gr->chunk_left[chunk] =
        j < b->m_bytes
            ? kernel_flags(b->cols + j * b->n, items, n, gr->lut, bits)
            : kernel_flags_wide(b->wide + (j - b->m_bytes) * b->n, items, n, gr->lut, bits);
}

static void move_task(void *arg, size_t chunk, int thread)
{
    const struct rows_job *job = arg;
    struct gbdt_grower *gr = job->gr;
    const struct gbdt_leaf *l = job->leaf;
    size_t offset = chunk * GBDT_CHUNK, left = gr->chunk_left[chunk];
    uint64_t *to = gr->items[!l->buf] + l->begin;
    struct kernel_move a = { .items = gr->items[l->buf] + l->begin + offset,
                             .bits = gr->bits + chunk * (GBDT_CHUNK / 8),
                             .n = gbdt_chunk_rows(l->rows, chunk),
                             .n_left = gr->chunk_left[chunk + 1] - left,
                             .left = to + left,
                             .right = to + job->n_left + offset - left };

    (void)thread;
    gr->kern->move(&a);
}

/* Moves the leaf's rows to the other buffer, by gr->lut; returns how many go left. */
static size_t partition(struct gbdt_grower *gr, const struct gbdt_leaf *l)
{
    struct rows_job job = { .gr = gr, .leaf = l };
    size_t chunks = gbdt_chunks(l->rows), left = 0;
    bool serial = chunks <= FEW_CHUNKS;

    gbdt_run(gr, chunks, serial, flag_task, &job);
    for (size_t c = 0; c < chunks; c++) {
        size_t here = gr->chunk_left[c];
        gr->chunk_left[c] = left;
        left += here;
    }
    gr->chunk_left[chunks] = job.n_left = left;
    gbdt_run(gr, chunks, serial, move_task, &job);
    return left;
}

/* ---- the tree ---- */

static struct gbdt_search search_of(const struct gbdt_grower *gr, const struct gbdt_leaf *l)
{
    return (struct gbdt_search){
        .p = gr->p, .g_unit = gr->g_unit, .h_unit = gr->h_unit, .lo = l->lo, .hi = l->hi
    };
}

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

/* Below a split on a monotone feature no value may cross the middle of the children's. */
static void bound_children(const struct gbdt_grower *gr, const struct gbdt_leaf *old,
                           struct gbdt_leaf *l, struct gbdt_leaf *r)
{
    const struct gbdt_feature *f = &gr->bins->f[old->best.feature];
    int sign = gr->p->monotone && !f->cat ? gr->p->monotone[f->column] : 0;

    l->lo = r->lo = old->lo;
    l->hi = r->hi = old->hi;
    if (sign == 0) return;
    struct gbdt_search s = search_of(gr, old);
    double mid = 0.5 * (gbdt_leaf_value(&s, l->sum, l->l2) + gbdt_leaf_value(&s, r->sum, r->l2));
    *(sign > 0 ? &l->hi : &l->lo) = mid;
    *(sign > 0 ? &r->lo : &r->hi) = mid;
}

static void search_children(struct gbdt_grower *gr, const struct gbdt_leaf *old,
                            struct gbdt_leaf *l, struct gbdt_leaf *r)
{
    bool left_small = l->rows <= r->rows, subtract = old->slot >= 0;
    struct gbdt_leaf *small = left_small ? l : r, *large = left_small ? r : l;

    large->slot = subtract ? old->slot : gbdt_hist_take(gr, l, r);
    small->slot = gbdt_hist_take(gr, l, r);
    if (!subtract) {
        gbdt_hist_build(gr, large);
        gbdt_hist_collect(gr, large);
    }
    gbdt_hist_build(gr, small);
    gbdt_hist_search(gr, small, large, subtract);
}

/* Splits leaf number `at` and searches its children, unless no more splits are wanted. */
static void split_leaf(struct gbdt_grower *gr, int at, struct gbdt_model *m)
{
    struct gbdt_leaf *l = &gr->leaves[at], *r = &gr->leaves[gr->n_leaves];
    struct gbdt_leaf old = *l;
    struct gbdt_node node;

    fill_lut(gr, &old.best);
    node_of(gr, &old.best, m, &node);
    node.cover = (double)old.sum.h * gr->h_unit;
    int32_t id = gbdt_tree_split(m, &node, at, old.parent, old.parent_left);
    size_t n_left = partition(gr, &old);
    *l = (struct gbdt_leaf){ .begin = old.begin,
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
    r->sum = gbdt_sum_sub(old.sum, l->sum);
    r->parent_left = false;
    bound_children(gr, &old, l, r);
    gr->n_leaves++;
    if (gr->n_leaves == gr->p->num_leaves) return;
    if (gbdt_may_split(gr, l) || gbdt_may_split(gr, r)) search_children(gr, &old, l, r);
    else if (old.slot >= 0) gr->slot_used[old.slot] = false;
}

/* The leaf to be split next; -1: none. */
static int next_leaf(const struct gbdt_grower *gr)
{
    int at = -1;

    for (int i = 0; i < gr->n_leaves; i++) {
        const struct gbdt_leaf *l = &gr->leaves[i], *best = &gr->leaves[at < 0 ? 0 : at];
        if (!(l->best.gain > 0)) continue;
        if (at >= 0 && gr->p->depth_wise && l->depth > best->depth) continue;
        if (at < 0 || l->best.gain > best->best.gain ||
            (gr->p->depth_wise && l->depth < best->depth))
            at = i;
    }
    return at;
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
    a.items += from;
    a.row = (uint32_t)from;
    a.n = gbdt_chunk_rows(a.n, chunk);
    job->gr->kern->quantise(&a);
}

static void number_task(void *arg, size_t chunk, int thread)
{
    struct gbdt_grower *gr = arg;
    size_t from = chunk * GBDT_CHUNK, n = gbdt_chunk_rows(gr->bins->n, chunk);

    (void)thread;
    for (size_t i = from; i < from + n; i++) gr->items[0][i] = i;
}

/* Largest quantised number whose rounded sum stays below 2^31, when the largest of n numbers is
 * max and they add up to sum. */
static double top_of(double n, double max, double sum, double most)
{
    double top = ((double)(UINT32_C(1) << 31) - 2 * n) / (max > 0 ? sum / max * 1.0001 + 1 : 1);

    return top < most ? floor(top) : most;
}

/* Fills the first buffer with all rows and their gradients. */
static void quantise(struct gbdt_grower *gr)
{
    const struct gbdt_loss *l = gr->round->loss;
    size_t n = gr->bins->n, c = gr->round->c;
    double max_g = (double)l->max_g[c], max_h = (double)l->max_h[c];
    double most = gr->p->gradient_bits > 1 ? (double)(1 << (gr->p->gradient_bits - 1)) : 1;
    double top_g, top_h;

    if (gr->entry > 1) {
        top_g = top_h = fmin((double)(INT64_C(1) << 31), (double)(INT64_C(1) << 52) / (double)n);
    } else {
        top_g = top_of((double)n, max_g, l->sum_g[c], fmin(most, 32000));
        top_h = top_of((double)n, max_h, (double)n * max_h, fmin(most, 32000));
    }
    gr->g_unit = (max_g > 0 ? max_g : 1) / top_g;
    gr->h_unit = (max_h > 0 ? max_h : 1) / top_h;
    if (gr->entry > 1) {
        pool_run(gr->en->pool, gbdt_chunks(n), number_task, gr);
        return;
    }
    struct quantise_job job = { gr,
                                { .g = l->g + c * n,
                                  .h = l->h + c * n,
                                  .n = n,
                                  .g_mul = (float)(1 / gr->g_unit),
                                  .h_mul = (float)(1 / gr->h_unit),
                                  .items = gr->items[0],
                                  .seed = (uint32_t)rng_mix(gr->en->seed ^
                                                            rng_mix(gr->round->stream)) } };
    pool_run(gr->en->pool, gbdt_chunks(n), quantise_task, &job);
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

/* The root leaf: all rows, or those in the bag; its sums are those of any feature's bins. */
static void make_root(struct gbdt_grower *gr, struct gbdt_leaf *root)
{
    const struct gbdt_bins *b = gr->bins;
    size_t k = 0;

    *root = (struct gbdt_leaf){ .all = !bagging(gr->p),
                                .rows = b->n,
                                .parent = -1,
                                .lo = -HUGE_VAL,
                                .hi = HUGE_VAL,
                                .l2 = gr->p->lambda_l2 };
    if (!root->all) {
        for (size_t i = 0; i < b->n; i++) {
            gr->items[0][k] = gr->items[0][i];
            k += in_bag(gr, i);
        }
        root->rows = k;
    }
    root->slot = gbdt_hist_take(gr, root, root);
    if (b->m == 0) return;
    gbdt_hist_build(gr, root);
    gbdt_hist_collect(gr, root);
    const int64_t *hist = gbdt_slot(gr, root->slot) + b->f[0].hist * gr->entry;
    for (uint32_t i = 0; i <= b->f[0].n_bins; i++)
        root->sum = gbdt_sum_add(root->sum, gbdt_hist_at(hist, i, gr->entry > 1));
    gbdt_hist_search(gr, root, NULL, false);
}

/* ---- values and scores ---- */

struct score_job {
    struct gbdt_grower *gr;
    const struct gbdt_model *m;
    double alpha; /* quantile that the values become */
};

static double *score_of(const struct gbdt_grower *gr)
{
    const struct gbdt_round *r = gr->round;

    return r->loss->score + r->c * r->loss->n;
}

/* Positions of a chunk may belong to several leaves. */
static void score_task(void *arg, size_t chunk, int thread)
{
    const struct score_job *job = arg;
    const struct gbdt_grower *gr = job->gr;
    const double *value = job->m->leaves + job->m->trees[job->m->n_trees - 1].leaf;
    size_t from = chunk * GBDT_CHUNK, to = from + GBDT_CHUNK;
    double *score = score_of(gr);

    (void)thread;
    for (int i = 0; i < gr->n_leaves; i++) {
        const struct gbdt_leaf *l = &gr->leaves[i];
        size_t end = l->begin + l->rows, a = l->begin > from ? l->begin : from;
        const uint64_t *items = gr->items[l->buf];
        double v = value[i];
        if (end > to) end = to;
        for (; a < end; a++) score[(uint32_t)items[a]] += v;
    }
}

/* Rows out of the bag walk down the tree. */
static void rest_task(void *arg, size_t chunk, int thread)
{
    const struct score_job *job = arg;
    const struct gbdt_grower *gr = job->gr;
    const struct gbdt_model *m = job->m;
    const struct matrix *x = gr->round->x;
    size_t from = chunk * GBDT_CHUNK, to = from + gbdt_chunk_rows(x->n, chunk);
    double *score = score_of(gr);

    (void)thread;
    for (size_t i = from; i < to; i++)
        if (!in_bag(gr, i))
            score[i] += gbdt_tree_value(m, &m->trees[m->n_trees - 1], x->x + i, x->n);
}

/* The leaf's value becomes a quantile of what its rows still lack. */
static void renew_task(void *arg, size_t leaf, int thread)
{
    const struct score_job *job = arg;
    const struct gbdt_grower *gr = job->gr;
    const struct gbdt_loss *loss = gr->round->loss;
    const struct gbdt_leaf *l = &gr->leaves[leaf];
    const uint64_t *items = gr->items[l->buf] + l->begin;
    double *v = gr->values + l->begin, *w = loss->w ? gr->weights + l->begin : NULL;
    const double *score = score_of(gr);

    (void)thread;
    if (l->rows == 0) return;
    for (size_t i = 0; i < l->rows; i++) {
        uint32_t row = (uint32_t)items[i];
        v[i] = loss->y[row] - score[row];
        if (w) w[i] = loss->w[row];
    }
    double value = gbdt_quantile(v, w, l->rows, job->alpha);
    value = value < l->lo ? l->lo : value > l->hi ? l->hi : value;
    job->m->leaves[job->m->trees[job->m->n_trees - 1].leaf + leaf] = value * gr->p->learning_rate;
}

static int renew(struct score_job *job, struct err *e)
{
    struct gbdt_grower *gr = job->gr;
    const struct gbdt_loss *loss = gr->round->loss;

    if (!gbdt_renews(loss, &job->alpha)) return 0;
    if (!gr->values) gr->values = mem_try(gr->bins->n + 1, sizeof *gr->values);
    if (loss->w && !gr->weights) gr->weights = mem_try(gr->bins->n + 1, sizeof *gr->weights);
    if (!gr->values || (loss->w && !gr->weights))
        return err_set(e, ERR_NOMEM, "no memory for the residuals of %zu rows", gr->bins->n);
    pool_run(gr->en->pool, (size_t)gr->n_leaves, renew_task, job);
    return 0;
}

/* The leaf's value from its rows' gradients before rounding. */
static double unrounded(const struct gbdt_grower *gr, const struct gbdt_leaf *l)
{
    const struct gbdt_loss *loss = gr->round->loss;
    const uint64_t *items = gr->items[l->buf] + l->begin;
    const float *g = loss->g + gr->round->c * loss->n, *h = loss->h + gr->round->c * loss->n;
    double sum_g = 0, sum_h = l->l2;

    for (size_t i = 0; i < l->rows; i++) {
        sum_g += (double)g[(uint32_t)items[i]];
        sum_h += (double)h[(uint32_t)items[i]];
    }
    struct gbdt_search s = search_of(gr, l);
    return gbdt_value(&s, sum_g, sum_h);
}

static int add_scores(struct gbdt_grower *gr, struct gbdt_model *m, struct err *e)
{
    const struct gbdt_tree *t = &m->trees[m->n_trees - 1];
    struct score_job job = { .gr = gr, .m = m };

    for (int i = 0; i < gr->n_leaves; i++) {
        const struct gbdt_leaf *l = &gr->leaves[i];
        struct gbdt_search s = search_of(gr, l);
        double v = gr->bins->n <= FEW_ROWS ? unrounded(gr, l) : gbdt_leaf_value(&s, l->sum, l->l2);
        m->leaves[t->leaf + (uint32_t)i] = v * gr->p->learning_rate;
        m->covers[t->leaf + (uint32_t)i] = (double)l->sum.h * gr->h_unit;
    }
    int r = renew(&job, e);
    if (r < 0) return r;
    size_t chunks = gbdt_chunks(gr->bins->n);
    gbdt_run(gr, chunks, chunks <= FEW_CHUNKS, score_task, &job);
    if (bagging(gr->p)) pool_run(gr->en->pool, chunks, rest_task, &job);
    return 0;
}

int gbdt_grow(struct gbdt_grower *gr, const struct gbdt_round *round, struct gbdt_model *m,
              bool *ret_split, struct err *e)
{
    gr->round = round;
    gr->n_leaves = 1;
    gbdt_hist_reset(gr);
    gbdt_tree_begin(m);
    choose_features(gr);
    quantise(gr);
    make_root(gr, &gr->leaves[0]);
    while (gr->n_leaves < gr->p->num_leaves) {
        int at = next_leaf(gr);
        if (at < 0) break;
        if (engine_cancelled(gr->en)) return err_set(e, ERR_CANCELLED, "training was cancelled");
        split_leaf(gr, at, m);
    }
    *ret_split = gr->n_leaves > 1;
    return add_scores(gr, m, e);
}
