/* trees_grow.c: grows one classification or regression tree on bins, depth first.
 *
 * A node is an interval of the tree's rows; splitting it puts the left rows first. Its
 * histograms are built for as many randomly chosen features as asked for (more, as long as all
 * of them are constant in the node), eight at a time in one pass over the rows. A small node's
 * histogram is mostly empty, so the bins in use are found from the rows and only those are
 * visited and cleared: the cost of a node follows its rows, not the number of bins.
 *
 * The score of a side is |sum of targets|^2 / weight: maximising it is least squares for
 * numbers and the Gini index for classes, where the targets are indicator vectors. A bin thus
 * has a weight and a sum of targets, or the weight of each class.
 *
 * One tree is one thread's work; everything random comes from the seed and the tree's number. */
#include "engine/learn/trees_grow.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AHEAD     16  /* rows between the prefetch and the use of a record */
#define LOOK      256 /* nodes between two looks whether to stop */
#define MAX_NODES (UINT32_C(1) << 30)
#define NEAR      (64 << 10) /* bytes of records that are worth having side by side */

/* Numbers a bin has; the last one is that of its rows. */
static int channels(const struct trees_input *in)
{
    return in->k > 1 ? in->k + 1 : 3;
}

static double rows_of(const struct trees_input *in, const double *sums)
{
    return sums[channels(in) - 1];
}

void trees_work_free(struct trees_work *w)
{
    if (!w) return;
    free(w->items);
    free(w->other);
    free(w->order);
    free(w->rank);
    free(w->hist);
    free(w->used);
    free(w->mark);
    free(w->left);
    free(w->total);
    free(w->stack);
    free(w->near);
    free(w->origin);
    trees_count_free(&w->count);
    free(w);
}

struct trees_work *trees_work_new(const struct trees_input *in)
{
    struct trees_work *w = mem_zalloc(1, sizeof *w);
    const struct gbdt_bins *b = in->bins;
    size_t most = KERNEL_BINS, c = (size_t)channels(in);

    for (uint32_t j = 0; j < b->m; j++)
        if (b->f[j].n_bins + 1 > most) most = b->f[j].n_bins + 1;
    w->stride = most * c;
    w->items = mem_try(b->n + 1, sizeof *w->items);
    w->other = mem_try(b->n + 1, sizeof *w->other);
    w->order = mem_try(b->m + 1, sizeof *w->order);
    w->rank = mem_try(b->m + 1, sizeof *w->rank);
    w->hist = mem_try_zero(TREES_GROUP * w->stride, sizeof *w->hist);
    w->used = mem_try(most, sizeof *w->used);
    w->mark = mem_try_zero(most / 64 + 1, sizeof *w->mark);
    w->left = mem_try(c, sizeof *w->left);
    w->total = mem_try(c, sizeof *w->total);
    w->near = mem_try_aligned(NEAR / b->stride + 1, b->stride);
    w->origin = mem_try(NEAR / b->stride + 1, sizeof *w->origin);
    if (w->items && w->other && w->order && w->rank && w->hist && w->used && w->mark && w->left &&
        w->total && w->near && w->origin && trees_count_init(in, most, &w->count))
        return w;
    trees_work_free(w);
    return NULL;
}

void trees_draw_init(struct trees_input *in)
{
    double p = exp(-in->p->max_samples), sum = p;

    for (unsigned n = 0; n < TREES_DRAWN; n++) {
        in->drawn[n] = sum;
        sum += p *= in->p->max_samples / (n + 1);
    }
}

/* ---- histograms ---- */

/* Adds the rows into the histograms of features order[from, from + n). */
static void fill(const struct trees_input *in, struct trees_work *w, const struct span *t,
                 size_t from, size_t n)
{
    const struct gbdt_bins *b = in->bins;
    const struct item *end = w->items + t->end,
                      *near = end - t->begin > w->items + AHEAD ? end - AHEAD : w->items + t->begin;

    for (const struct item *i = w->items + t->begin; i < end; i++) {
        if (i < near) __builtin_prefetch(w->records + i[AHEAD].row * b->stride);
        for (size_t g = 0; g < n; g++) {
            unsigned bin = item_bin(b, w, w->order[from + g], i->row);
            double *h = w->hist + g * w->stride;
            if (in->k > 1) {
                h += bin * ((unsigned)in->k + 1);
                h[(unsigned)i->y] += (double)i->w;
                h[in->k] += 1;
            } else {
                h += 3 * bin;
                h[0] += (double)i->w;
                h[1] += (double)i->w * i->y;
                h[2] += 1;
            }
        }
    }
}

static double weight_of(const struct trees_input *in, const double *sums)
{
    if (in->k == 1) return sums[0];
    double s = 0;
    for (int c = 0; c < in->k; c++) s += sums[c];
    return s;
}

static double score_of(const struct trees_input *in, const double *sums, double weight)
{
    if (in->k == 1) return sums[1] * sums[1] / weight;
    double s = 0;
    for (int c = 0; c < in->k; c++) s += sums[c] * sums[c];
    return s / weight;
}

/* Ascending list of the bins that rows of the node are in. */
static size_t bins_in_use(const struct trees_input *in, struct trees_work *w, const struct span *t,
                          uint32_t j, const double *h)
{
    size_t bins = in->bins->f[j].n_bins + 1, n = 0;

    if (t->end - t->begin >= bins) {
        for (uint32_t b = 0; b < bins; b++)
            if (rows_of(in, h + b * (size_t)channels(in)) > 0) w->used[n++] = b;
        return n;
    }
    for (size_t i = t->begin; i < t->end; i++) {
        unsigned b = item_bin(in->bins, w, j, w->items[i].row);
        w->mark[b / 64] |= UINT64_C(1) << b % 64;
    }
    for (size_t i = 0; i <= (bins - 1) / 64; i++) {
        for (uint64_t m = w->mark[i]; m; m &= m - 1)
            w->used[n++] = (uint32_t)(i * 64 + (unsigned)__builtin_ctzll(m));
        w->mark[i] = 0;
    }
    return n;
}

static void clear(const struct trees_input *in, const struct trees_work *w, size_t n_used,
                  double *h)
{
    size_t c = (size_t)channels(in);

    for (size_t i = 0; i < n_used; i++) memset(h + w->used[i] * c, 0, c * sizeof *h);
}

/* ---- the search ---- */

static void add_to(const struct trees_input *in, double *left, const double *bin)
{
    for (int c = 0; c < channels(in); c++) left[c] += bin[c];
}

/* Score of the split whose left side is w->left; negative where a side is too small. */
static double both_sides(const struct search *s)
{
    const struct trees_input *in = s->in;
    const double *l = s->w->left, *total = s->w->total;
    double lw = weight_of(in, l), rw = s->node_weight - lw, least = in->p->min_samples_leaf;
    double rows = rows_of(in, l);

    if (rows < least || rows_of(in, total) - rows < least || lw <= 0 || rw <= 0) return -1;
    if (in->k == 1) {
        double r = total[1] - l[1];
        return l[1] * l[1] / lw + r * r / rw;
    }
    double a = 0, b = 0;
    for (int c = 0; c < in->k; c++) {
        a += l[c] * l[c];
        b += (total[c] - l[c]) * (total[c] - l[c]);
    }
    return a / lw + b / rw;
}

/* All cuts of a number. values: bins in use without the missing one. */
static void best_cut(struct search *s, uint32_t j, const double *h, size_t values,
                     const double *missing)
{
    const struct trees_input *in = s->in;
    struct trees_work *w = s->w;
    size_t c = (size_t)channels(in);

    for (int left = 0; left <= (missing != NULL); left++) {
        memset(w->left, 0, c * sizeof *w->left);
        if (left) add_to(in, w->left, missing);
        size_t last = missing && !left ? values : values - 1;
        for (size_t i = 0; i < last; i++) {
            add_to(in, w->left, h + w->used[i] * c);
            double score = both_sides(s);
            if (!(score > s->best.score)) continue;
            uint32_t b = w->used[i], gap = i + 1 < values ? w->used[i + 1] - b : 1;
            s->best = (struct cand){
                .score = score, .feature = j, .cut = b + gap / 2, .missing_left = left
            };
        }
    }
}

uint32_t trees_random_cut(struct search *s, uint32_t j, uint32_t lo, uint32_t hi)
{
    const struct gbdt_cuts *cuts = s->in->bins->f[j].cuts;

    if (hi <= lo + 1) return lo;
    if (!cuts) return lo + (uint32_t)rng_below(s->rng, hi - lo);
    double a = cuts->bound[lo], b = cuts->bound[hi - 1];
    uint32_t cut = gbdt_cuts_rank1(cuts, a + rng_unit(s->rng) * (b - a), 0);
    return cut < lo ? lo : cut > hi - 1 ? hi - 1 : cut;
}

/* One cut of a number, at random between its extremes in the node. */
static void random_cut(struct search *s, uint32_t j, const double *h, size_t values,
                       const double *missing)
{
    const struct trees_input *in = s->in;
    struct trees_work *w = s->w;
    size_t c = (size_t)channels(in);
    uint32_t lo = w->used[0], hi = values ? w->used[values - 1] : lo;
    bool missing_left = missing && rng_u64(s->rng) >> 63;
    uint32_t cut = trees_random_cut(s, j, lo, hi);

    memset(w->left, 0, c * sizeof *w->left);
    if (missing_left) add_to(in, w->left, missing);
    for (size_t i = 0; i < values && w->used[i] <= cut; i++)
        add_to(in, w->left, h + w->used[i] * c);
    double score = both_sides(s);
    if (score > s->best.score)
        s->best =
            (struct cand){ .score = score, .feature = j, .cut = cut, .missing_left = missing_left };
}

/* Searches one filled histogram and clears it. False: the feature is constant here. */
static bool search_feature(struct search *s, const struct span *t, uint32_t j, double *h)
{
    const struct trees_input *in = s->in;
    const struct gbdt_feature *f = &in->bins->f[j];
    size_t n = bins_in_use(in, s->w, t, j, h);

    if (n > 1) {
        bool missing = s->w->used[n - 1] == f->n_bins;
        const double *m = missing ? h + f->n_bins * (size_t)channels(in) : NULL;
        if (in->p->extra) random_cut(s, j, h, n - missing, m);
        else best_cut(s, j, h, n - missing, m);
    }
    clear(in, s->w, n, h);
    return n > 1;
}

static size_t features_wanted(const struct trees_input *in, size_t m)
{
    double share = in->p->max_features;
    double want = share > 0 ? share * (double)m : sqrt((double)m);
    size_t n = (size_t)(want + 1e-9); /* of 7 features the root is 2, as others have it */

    return n < 1 ? 1 : n > m ? m : n;
}

/* The best split over features drawn without replacement. */
static void search_node(struct search *s, const struct span *t)
{
    const struct trees_input *in = s->in;
    struct trees_work *w = s->w;
    size_t m = in->bins->m, want = features_wanted(in, m), varied = 0, drawn = 0;

    while (drawn < m && (drawn < want || varied == 0)) {
        size_t n = drawn >= want ? 1 : want - drawn < TREES_GROUP ? want - drawn : TREES_GROUP;
        if (n > m - drawn) n = m - drawn;
        for (size_t i = drawn; want < m && i < drawn + n; i++) {
            size_t at = i + rng_below(s->rng, m - i);
            uint32_t f = w->order[at];
            w->order[at] = w->order[i];
            w->order[i] = f;
        }
        if (s->counted) {
            varied += trees_count_search(s, t, w->order + drawn, n);
        } else {
            fill(in, w, t, drawn, n);
            for (size_t g = 0; g < n; g++)
                varied += search_feature(s, t, w->order[drawn + g], w->hist + g * w->stride);
        }
        drawn += n;
    }
}

/* ---- the tree ---- */

#define GROW(g, array, n, cap)                                                                     \
    do {                                                                                           \
        if ((g)->n == (g)->cap) {                                                                  \
            (g)->cap = (g)->cap ? (g)->cap * 2 : 256;                                              \
            (g)->array = mem_realloc((g)->array, (g)->cap * sizeof *(g)->array);                   \
        }                                                                                          \
    } while (0)

void trees_grown_done(struct trees_grown *g)
{
    free(g->nodes);
    free(g->leaves);
    free(g->importance);
    *g = (struct trees_grown){ 0 };
}

static void add_leaf(const struct trees_input *in, const struct trees_work *w, double weight,
                     struct trees_grown *g)
{
    struct trees_node nd = { .feature = TREES_LEAF };

    if (in->k == 1) {
        float v = (float)(w->total[1] / weight);
        memcpy(&nd.right, &v, sizeof v);
    } else {
        nd.right = (uint32_t)(g->n_leaves / (size_t)in->k);
        for (int c = 0; c < in->k; c++) {
            GROW(g, leaves, n_leaves, cap_leaves);
            g->leaves[g->n_leaves++] = (float)(w->total[c] / weight);
        }
    }
    GROW(g, nodes, n_nodes, cap_nodes);
    g->nodes[g->n_nodes++] = nd;
}

/* Left rows first, both sides in their order; returns where the right ones begin. */
static size_t partition(const struct trees_input *in, struct trees_work *w, const struct span *t,
                        const struct cand *c)
{
    const struct gbdt_bins *b = in->bins;
    const unsigned missing = c->missing_left ? b->f[c->feature].n_bins : TREES_NONE, cut = c->cut;
    struct item *left = w->items + t->begin, *right = w->other, *end = w->items + t->end;
    const bool bytes = c->feature < b->m_bytes && (t->near || !w->rank[c->feature]);
    const uint8_t *bins = w->records + (bytes ? c->feature : 0);
    const size_t step = b->stride;

    for (const struct item *i = left; i < end; i++) {
        struct item it = *i;
        unsigned bin = bytes ? bins[it.row * step] : item_bin(b, w, c->feature, it.row);
        bool to_left = (bin <= cut) | (bin == missing);
        *left = it;
        *right = it;
        left += to_left;
        right += !to_left;
    }
    memcpy(left, w->other, (size_t)(right - w->other) * sizeof *w->other);
    return (size_t)(left - w->items);
}

static void rank_column(uint8_t *bins, size_t stride, size_t n, const uint16_t *rank)
{
    for (size_t i = 0; i < n; i++) bins[i * stride] = (uint8_t)rank[bins[i * stride]];
}

/* Puts the records of a node that is small enough side by side, for all nodes below it. */
static void come_near(const struct trees_input *in, struct trees_work *w, struct span *t)
{
    const struct gbdt_bins *b = in->bins;
    const struct trees_orders *o = &in->orders;
    size_t n = t->end - t->begin;

    if (t->near) return;
    w->records = b->records;
    if (n > NEAR / b->stride) return;
    for (size_t i = 0; i < n; i++) {
        struct item *it = &w->items[t->begin + i];
        if (i + AHEAD < n) __builtin_prefetch(b->records + it[AHEAD].row * b->stride);
        memcpy(w->near + i * b->stride, b->records + it->row * b->stride, b->stride);
        w->origin[i] = it->row;
        it->row = (uint32_t)i;
    }
    for (uint32_t c = 0; c < o->n_cats && o->cat[c] < b->m_bytes; c++)
        rank_column(w->near + o->cat[c], b->stride, n, w->rank[o->cat[c]]);
    w->records = w->near;
    t->near = true;
}

static void push(struct trees_work *w, size_t *n, const struct span *t)
{
    if (*n == w->cap_stack) {
        w->cap_stack = w->cap_stack ? 2 * w->cap_stack : 64;
        w->stack = mem_realloc(w->stack, w->cap_stack * sizeof *w->stack);
    }
    w->stack[(*n)++] = *t;
}

/* Sums of the node into w->total; true when all targets are equal. */
static bool sum_node(struct search *s, const struct span *t)
{
    const struct trees_input *in = s->in;
    struct trees_work *w = s->w;
    bool same = true;

    s->counted = in->binary && trees_count_sum(w, t);
    if (s->counted) return w->total[1] <= 0 || w->total[1] >= w->total[0];
    memset(w->total, 0, (size_t)channels(in) * sizeof *w->total);
    w->total[channels(in) - 1] = (double)(t->end - t->begin);
    for (size_t i = t->begin; i < t->end; i++) {
        const struct item *it = &w->items[i];
        same &= it->y == w->items[t->begin].y;
        if (in->k > 1) {
            w->total[(unsigned)it->y] += (double)it->w;
        } else {
            w->total[0] += (double)it->w;
            w->total[1] += (double)it->w * it->y;
        }
    }
    return same;
}

/* Makes the task's node and its children's tasks. */
static void grow_node(struct search *s, struct span *t, struct trees_grown *g, size_t *n_stack)
{
    const struct trees_input *in = s->in;
    struct trees_work *w = s->w;
    const struct trees_params *p = in->p;
    bool done = sum_node(s, t);
    double weight = s->node_weight = weight_of(in, w->total);
    double before = score_of(in, w->total, weight), least = before + 1e-10 * fabs(before);

    if (t->parent >= 0) g->nodes[t->parent].right = (uint32_t)g->n_nodes;
    done |= p->max_depth > 0 && t->depth >= p->max_depth;
    done |= t->end - t->begin < (size_t)p->min_samples_split;
    done |= t->end - t->begin < 2 * (size_t)p->min_samples_leaf;
    done |= g->n_nodes >= MAX_NODES;
    s->best = (struct cand){ .score = least };
    if (!done) come_near(in, w, t);
    if (!done) search_node(s, t);
    if (done || !(s->best.score > least)) {
        add_leaf(in, w, weight, g);
        return;
    }
    const struct cand c = s->best;
    struct trees_node nd = {
        .feature = (uint16_t)(trees_feature(&in->orders, in->bins->m, s->order, c.feature) |
                              (c.missing_left ? TREES_MISSING : 0)),
        .cut = (uint16_t)c.cut,
    };
    size_t middle = partition(in, w, t, &c);
    g->importance[c.feature] += c.score - before;
    GROW(g, nodes, n_nodes, cap_nodes);
    push(w, n_stack, &(struct span){ middle, t->end, t->depth + 1, t->near, (int64_t)g->n_nodes });
    push(w, n_stack, &(struct span){ t->begin, middle, t->depth + 1, t->near, -1 });
    g->nodes[g->n_nodes++] = nd;
}

static size_t draw_rows(const struct trees_input *in, struct trees_work *w, uint32_t tree)
{
    uint64_t key = trees_draw_key(in, tree);
    size_t n = 0;

    for (size_t i = 0; i < in->bins->n; i++) {
        double weight = trees_drawn(in, key, i) * (in->w ? in->w[i] : 1.0);
        w->items[n] = (struct item){ (uint32_t)i, (float)weight, { in->y[i] } };
        if (in->binary) w->items[n].add = trees_count_of((unsigned)weight, in->y[i] > 0);
        n += weight > 0;
    }
    return n;
}

int trees_grow(const struct trees_input *in, struct trees_work *w, uint32_t tree,
               struct trees_grown *ret, struct err *e)
{
    struct rng rng;
    struct search s = { .in = in, .w = w, .rng = &rng };
    struct span root = { .end = draw_rows(in, w, tree), .parent = -1 };
    size_t n_stack = 0;

    rng_stream(&rng, in->en->seed, tree + UINT64_C(1));
    s.order = in->orders.n ? tree % in->orders.n : 0;
    for (uint32_t j = 0; j < in->bins->m; j++) {
        w->order[j] = j;
        w->rank[j] = trees_rank(&in->orders, s.order, j);
    }
    *ret = (struct trees_grown){ .importance = mem_zalloc(in->bins->m + 1, sizeof(double)) };
    if (root.end == 0) { /* nothing was drawn: the rows as they are */
        for (size_t i = 0; i < in->bins->n; i++)
            w->items[i] = (struct item){ (uint32_t)i, 1, { in->y[i] } };
        for (size_t i = 0; in->binary && i < in->bins->n; i++)
            w->items[i].add = trees_count_of(1, in->y[i] > 0);
        root.end = in->bins->n;
    }
    push(w, &n_stack, &root);
    while (n_stack > 0) {
        struct span t = w->stack[--n_stack];
        if (ret->n_nodes % LOOK == 0 && engine_cancelled(in->en)) {
            trees_grown_done(ret);
            return err_set(e, ERR_CANCELLED, "training was cancelled");
        }
        grow_node(&s, &t, ret, &n_stack);
    }
    ret->nodes = mem_realloc(ret->nodes, ret->n_nodes * sizeof *ret->nodes);
    ret->cap_nodes = ret->n_nodes;
    return 0;
}
