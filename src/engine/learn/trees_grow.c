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
#include "base/mem.h"
#include "engine/learn/trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GROUP     8   /* features a pass */
#define AHEAD     16  /* rows between the prefetch and the use of a record */
#define LOOK      256 /* nodes between two looks whether to stop */
#define MAX_NODES (UINT32_C(1) << 30)

struct item { /* a row of the tree */
    uint32_t row;
    float w;
    double y;
};

struct span { /* a node still to be made */
    size_t begin, end;
    int depth;
    int64_t parent; /* node whose right child this is; -1: none */
};

struct cand { /* the best split so far */
    double score;
    uint32_t feature;
    uint32_t cut;
    bool missing_left;
};

struct trees_work {
    struct item *items, *other;
    uint32_t *order; /* features, the drawn ones first */
    double *hist;    /* GROUP histograms of channels * bins */
    size_t stride;   /* doubles from one histogram to the next */
    uint32_t *used;  /* bins in use, ascending */
    uint64_t *mark;  /* bit set of bins */
    double *left;    /* channels: sums of the left side */
    double *total;   /* channels: sums of the node */
    struct span *stack;
    size_t cap_stack;
};

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
    free(w->hist);
    free(w->used);
    free(w->mark);
    free(w->left);
    free(w->total);
    free(w->stack);
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
    w->hist = mem_try_zero(GROUP * w->stride, sizeof *w->hist);
    w->used = mem_try(most, sizeof *w->used);
    w->mark = mem_try_zero(most / 64 + 1, sizeof *w->mark);
    w->left = mem_try(c, sizeof *w->left);
    w->total = mem_try(c, sizeof *w->total);
    if (w->items && w->other && w->order && w->hist && w->used && w->mark && w->left && w->total)
        return w;
    trees_work_free(w);
    return NULL;
}

unsigned trees_drawn(const struct trees_input *in, uint32_t tree, size_t row)
{
    uint64_t x = rng_mix(rng_mix(in->en->seed ^ rng_mix(tree + UINT64_C(0x9e3779b9))) + row);
    double u = (double)(x >> 11) * 0x1p-53, p = exp(-in->p->max_samples), sum = p;
    unsigned n = 0;

    if (!in->p->bootstrap) return 1;
    while (u >= sum && n < 64) sum += p *= in->p->max_samples / ++n;
    return n;
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
        if (i < near) __builtin_prefetch(b->records + i[AHEAD].row * b->stride);
        for (size_t g = 0; g < n; g++) {
            unsigned bin = trees_bin(b, w->order[from + g], i->row);
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
        unsigned b = trees_bin(in->bins, j, w->items[i].row);
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

struct search {
    const struct trees_input *in;
    struct trees_work *w;
    struct rng *rng;
    struct cand best;
    double node_weight;
};

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

/* One cut of a number, at random between its extremes in the node. */
static void random_cut(struct search *s, uint32_t j, const double *h, size_t values,
                       const double *missing)
{
    const struct trees_input *in = s->in;
    struct trees_work *w = s->w;
    const struct gbdt_cuts *cuts = in->bins->f[j].cuts;
    size_t c = (size_t)channels(in);
    uint32_t lo = w->used[0], hi = values ? w->used[values - 1] : lo, cut = lo;
    bool missing_left = missing && rng_u64(s->rng) >> 63;

    if (hi > lo + 1 && !cuts) {
        cut = lo + (uint32_t)rng_below(s->rng, hi - lo);
    } else if (hi > lo + 1) {
        double a = cuts->bound[lo], b = cuts->bound[hi - 1];
        cut = gbdt_cuts_rank1(cuts, a + rng_unit(s->rng) * (b - a), 0);
        if (cut < lo) cut = lo;
        if (cut > hi - 1) cut = hi - 1;
    }
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
        size_t n = drawn >= want ? 1 : want - drawn < GROUP ? want - drawn : GROUP;
        if (n > m - drawn) n = m - drawn;
        for (size_t i = drawn; want < m && i < drawn + n; i++) {
            size_t at = i + rng_below(s->rng, m - i);
            uint32_t f = w->order[at];
            w->order[at] = w->order[i];
            w->order[i] = f;
        }
        fill(in, w, t, drawn, n);
        for (size_t g = 0; g < n; g++)
            varied += search_feature(s, t, w->order[drawn + g], w->hist + g * w->stride);
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

static bool goes_left(const struct trees_input *in, const struct cand *c, unsigned bin)
{
    return bin == in->bins->f[c->feature].n_bins ? c->missing_left : bin <= c->cut;
}

/* Left rows first, both sides in their order; returns where the right ones begin. */
static size_t partition(const struct trees_input *in, struct trees_work *w, const struct span *t,
                        const struct cand *c)
{
    size_t left = t->begin, right = 0;

    for (size_t i = t->begin; i < t->end; i++) {
        struct item it = w->items[i];
        bool to_left = goes_left(in, c, trees_bin(in->bins, c->feature, it.row));
        w->items[left] = it;
        w->other[right] = it;
        left += to_left;
        right += !to_left;
    }
    memcpy(w->items + left, w->other, right * sizeof *w->other);
    return left;
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
static bool sum_node(const struct trees_input *in, struct trees_work *w, const struct span *t)
{
    bool same = true;

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
static void grow_node(struct search *s, const struct span *t, struct trees_grown *g,
                      size_t *n_stack)
{
    const struct trees_input *in = s->in;
    struct trees_work *w = s->w;
    const struct trees_params *p = in->p;
    bool done = sum_node(in, w, t);
    double weight = s->node_weight = weight_of(in, w->total);
    double before = score_of(in, w->total, weight), least = before + 1e-10 * fabs(before);

    if (t->parent >= 0) g->nodes[t->parent].right = (uint32_t)g->n_nodes;
    done |= p->max_depth > 0 && t->depth >= p->max_depth;
    done |= t->end - t->begin < (size_t)p->min_samples_split;
    done |= t->end - t->begin < 2 * (size_t)p->min_samples_leaf;
    done |= g->n_nodes >= MAX_NODES;
    s->best = (struct cand){ .score = least };
    if (!done) search_node(s, t);
    if (done || !(s->best.score > least)) {
        add_leaf(in, w, weight, g);
        return;
    }
    const struct cand c = s->best;
    struct trees_node nd = {
        .feature = (uint16_t)(c.feature | (c.missing_left ? TREES_MISSING : 0)),
        .cut = (uint16_t)c.cut,
    };
    size_t middle = partition(in, w, t, &c);
    g->importance[c.feature] += c.score - before;
    GROW(g, nodes, n_nodes, cap_nodes);
    push(w, n_stack, &(struct span){ middle, t->end, t->depth + 1, (int64_t)g->n_nodes });
    push(w, n_stack, &(struct span){ t->begin, middle, t->depth + 1, -1 });
    g->nodes[g->n_nodes++] = nd;
}

static size_t draw_rows(const struct trees_input *in, struct trees_work *w, uint32_t tree)
{
    size_t n = 0;

    for (size_t i = 0; i < in->bins->n; i++) {
        double weight = trees_drawn(in, tree, i) * (in->w ? in->w[i] : 1.0);
        w->items[n] = (struct item){ (uint32_t)i, (float)weight, in->y[i] };
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
    for (uint32_t j = 0; j < in->bins->m; j++) w->order[j] = j;
    *ret = (struct trees_grown){ .importance = mem_zalloc(in->bins->m + 1, sizeof(double)) };
    if (root.end == 0) { /* nothing was drawn: the rows as they are */
        for (size_t i = 0; i < in->bins->n; i++)
            w->items[i] = (struct item){ (uint32_t)i, 1, in->y[i] };
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
    return 0;
}
