/* gbdt_grow.c: grows one tree, always splitting the leaf with the largest gain (leaf-wise), or
 * the one with the largest gain of the least depth (depth-wise).
 *
 * Only the smaller child's histogram is built from rows; the other one is the parent's minus
 * that, in the parent's place. If the parent lost its place to others (gbdt_hist.c), both
 * are built from rows.
 *
 * Gradients are rounded, without bias, to integers: a step is max_g / top. Where rows are many
 * and their gradients spread well over the range, top is 32: that adds little to what they vary
 * by anyway, and histograms become small (narrow, gbdt_hist.c). Else it is up to 32000, the
 * largest for which no sum over all rows leaves 31 bits. So histograms are sums of integers:
 * equal for any order of rows and any number of threads, and the difference of two is exact. In
 * exact mode gradients are fixed-point numbers of 31 bits with sums below 2^52.
 *
 * Features with a monotone constraint bound the values of the leaves below their splits at the
 * middle of the children's values. */
#include "engine/learn/gbdt_grow.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ROWS (UINT32_C(1) << 27)
#define FEW_ROWS 16384 /* up to so many precision costs little: values of leaves come from unrounded
                          gradients, and those of histograms are not narrow */
#define SPREAD   4     /* steps of narrow gradients that the mean must be away from 0 */

static bool allocate(struct gbdt_grower *gr)
{
    const struct gbdt_bins *b = gr->bins;

    if (gr->entry == 1) gr->gh = mem_try_aligned(b->n + 1, sizeof *gr->gh);
    gr->leaves = mem_try((size_t)gr->p->num_leaves, sizeof *gr->leaves);
    gr->use = mem_try((size_t)b->m + 1, 1);
    gr->lut = mem_try_zero(GBDT_WIDE_BINS + 1, 1);
    return (gr->gh || gr->entry > 1) && gr->leaves && gr->use && gr->lut &&
           gbdt_rows_allocate(gr) && gbdt_hist_allocate(gr);
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
    gbdt_rows_free(gr);
    free(gr->gh);
    free(gr->values);
    free(gr->weights);
    free(gr->leaves);
    free(gr->use);
    free(gr->lut);
    free(gr);
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
    *l = (struct gbdt_leaf){ .slot = -1,
                             .depth = old.depth + 1,
                             .sum = old.best.left,
                             .parent = id,
                             .parent_left = true,
                             .l2 = old.best.l2 };
    *r = *l;
    r->sum = gbdt_sum_sub(old.sum, l->sum);
    r->parent_left = false;
    gbdt_rows_split(gr, &old, l, r);
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
    a.gh += from;
    a.row = (uint32_t)from;
    a.n = gbdt_chunk_rows(a.n, chunk);
    job->gr->kern->quantise(&a);
}

/* Largest quantised number whose rounded sum stays below 2^31, when the largest of n numbers is
 * max and they add up to sum. */
static double top_of(double n, double max, double sum, double most)
{
    double top = ((double)(UINT32_C(1) << 31) - 2 * n) / (max > 0 ? sum / max * 1.0001 + 1 : 1);

    return top < most ? floor(top) : most;
}

/* The largest number that a gradient may become. */
static double most_of(const struct gbdt_grower *gr, double mean_g, double max_g)
{
    int bits = gr->p->gradient_bits;
    bool spread = mean_g * GBDT_NARROW_MOST >= max_g * SPREAD, many = gr->bins->n > FEW_ROWS;

    if (bits > GBDT_NARROW_BITS && spread && many) bits = GBDT_NARROW_BITS;
    return bits > 1 ? fmin((double)(1 << (bits - 1)), 32000) : 1;
}

/* Chooses the steps of this tree's gradients, and rounds them unless they are exact. */
static void quantise(struct gbdt_grower *gr)
{
    const struct gbdt_loss *l = gr->round->loss;
    size_t n = gr->bins->n, c = gr->round->c;
    double max_g = (double)l->max_g[c], max_h = (double)l->max_h[c], sum_g = l->sum_g[c];
    double most = most_of(gr, sum_g / (double)n, max_g), top_g, top_h;

    if (gr->entry > 1) {
        top_g = top_h = fmin((double)(INT64_C(1) << 31), (double)(INT64_C(1) << 52) / (double)n);
    } else {
        top_g = top_of((double)n, max_g, sum_g, most);
        top_h = top_of((double)n, max_h, (double)n * max_h, most);
    }
    gr->g_unit = (max_g > 0 ? max_g : 1) / top_g;
    gr->h_unit = (max_h > 0 ? max_h : 1) / top_h;
    gr->narrow = gr->entry == 1 && most <= GBDT_NARROW_MOST;
    if (gr->entry > 1) return;
    struct quantise_job job = { gr,
                                { .g = l->g + c * n,
                                  .h = l->h + c * n,
                                  .n = n,
                                  .g_mul = (float)(1 / gr->g_unit),
                                  .h_mul = (float)(1 / gr->h_unit),
                                  .gh = gr->gh,
                                  .seed = (uint32_t)rng_mix(gr->en->seed ^
                                                            rng_mix(gr->round->stream)) } };
    pool_run(gr->en->pool, gbdt_chunks(n), quantise_task, &job);
}

/* The root leaf: all rows, or those in the bag; its sums are those of any feature's bins. */
static void make_root(struct gbdt_grower *gr, struct gbdt_leaf *root)
{
    const struct gbdt_bins *b = gr->bins;

    *root = (struct gbdt_leaf){ .parent = -1,
                                .lo = -HUGE_VAL,
                                .hi = HUGE_VAL,
                                .l2 = gr->p->lambda_l2 };
    gbdt_rows_root(gr, root);
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
        if (gr->marks[i] == GBDT_OUT)
            score[i] += gbdt_tree_value(m, &m->trees[m->n_trees - 1], x->x + i, x->n);
}

/* The leaf's value becomes a quantile of what its rows still lack. */
static void renew_task(void *arg, size_t leaf, int thread)
{
    const struct score_job *job = arg;
    const struct gbdt_grower *gr = job->gr;
    const struct gbdt_loss *loss = gr->round->loss;
    const struct gbdt_leaf *l = &gr->leaves[leaf];
    const uint32_t *rows = gr->lists[l->buf] + l->begin;
    double *v = gr->values + l->begin, *w = loss->w ? gr->weights + l->begin : NULL;
    const double *score = score_of(gr);

    (void)thread;
    if (l->rows == 0) return;
    for (size_t i = 0; i < l->rows; i++) {
        uint32_t row = rows[i];
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
    for (int i = 0; i < gr->n_leaves; i++) gbdt_rows_list(gr, &gr->leaves[i]);
    pool_run(gr->en->pool, (size_t)gr->n_leaves, renew_task, job);
    return 0;
}

/* The leaf's value from its rows' gradients before rounding. */
static double unrounded(struct gbdt_grower *gr, struct gbdt_leaf *l)
{
    const struct gbdt_loss *loss = gr->round->loss;
    const float *g = loss->g + gr->round->c * loss->n, *h = loss->h + gr->round->c * loss->n;
    double sum_g = 0, sum_h = l->l2;

    gbdt_rows_list(gr, l);
    const uint32_t *rows = gr->lists[l->buf] + l->begin;
    for (size_t i = 0; i < l->rows; i++) {
        sum_g += (double)g[rows[i]];
        sum_h += (double)h[rows[i]];
    }
    struct gbdt_search s = search_of(gr, l);
    return gbdt_value(&s, sum_g, sum_h);
}

static int add_scores(struct gbdt_grower *gr, struct gbdt_model *m, struct err *e)
{
    const struct gbdt_tree *t = &m->trees[m->n_trees - 1];
    struct score_job job = { .gr = gr, .m = m };

    for (int i = 0; i < gr->n_leaves; i++) {
        struct gbdt_leaf *l = &gr->leaves[i];
        struct gbdt_search s = search_of(gr, l);
        double v = gr->bins->n <= FEW_ROWS ? unrounded(gr, l) : gbdt_leaf_value(&s, l->sum, l->l2);
        m->leaves[t->leaf + (uint32_t)i] = v * gr->p->learning_rate;
        m->covers[t->leaf + (uint32_t)i] = (double)l->sum.h * gr->h_unit;
    }
    int r = renew(&job, e);
    if (r < 0) return r;
    gbdt_rows_score(gr, m->leaves + t->leaf, score_of(gr));
    if (gbdt_bagging(gr->p))
        pool_run(gr->en->pool, gbdt_chunks(gr->bins->n), rest_task, &job);
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
