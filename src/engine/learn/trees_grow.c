/* trees_grow.c: grows one classification or regression tree on bins, depth first.
 *
 * A node is an interval of the tree's rows; splitting it puts the left rows first. Splits are
 * searched among as many randomly chosen features as asked for (more, as long as all of them
 * are constant in the node), eight at a time: trees_count.c where sums are small whole numbers,
 * trees_sum.c elsewhere.
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

void trees_work_free(struct trees_work *w)
{
    if (!w) return;
    free(w->items);
    free(w->other);
    free(w->order);
    free(w->rank);
    free(w->hist);
    free(w->ranked);
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
    size_t most = KERNEL_BINS, c = trees_channels(in->k);

    for (uint32_t j = 0; j < b->m; j++)
        if (b->f[j].n_bins + 1 > most) most = b->f[j].n_bins + 1;
    w->stride = most * c;
    w->items = mem_try(b->n + 1, sizeof *w->items);
    w->other = mem_try(b->n + 1, sizeof *w->other);
    w->order = mem_try(b->m + 1, sizeof *w->order);
    w->rank = mem_try(b->m + 1, sizeof *w->rank);
    w->hist = mem_try_zero(TREES_GROUP * w->stride, sizeof *w->hist);
    w->ranked = mem_try_zero(w->stride, sizeof *w->ranked);
    w->used = mem_try(most + 1, sizeof *w->used);
    w->mark = mem_try_zero(most / 64 + 1, sizeof *w->mark);
    w->left = mem_try(c, sizeof *w->left);
    w->total = mem_try(c, sizeof *w->total);
    w->near = mem_try_aligned(NEAR / b->stride + 1, b->stride);
    w->origin = mem_try(NEAR / b->stride + 1, sizeof *w->origin);
    if (w->items && w->other && w->order && w->rank && w->hist && w->ranked && w->used && w->mark &&
        w->left && w->total && w->near && w->origin && trees_count_init(in, most, &w->count))
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

/* ---- the search ---- */

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

uint32_t trees_random_cut(struct search *s, uint32_t j, uint32_t lo, uint32_t hi)
{
    const struct gbdt_cuts *cuts = s->in->bins->f[j].cuts;

    if (hi <= lo + 1) return lo;
    if (!cuts) return lo + (uint32_t)rng_below(s->rng, hi - lo);
    double a = cuts->bound[lo], b = cuts->bound[hi - 1];
    uint32_t cut = gbdt_cuts_rank1(cuts, a + rng_unit(s->rng) * (b - a), 0);
    return cut < lo ? lo : cut > hi - 1 ? hi - 1 : cut;
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
        varied += s->counted ? trees_count_search(s, t, w->order + drawn, n)
                             : trees_sum_search(s, t, w->order + drawn, n);
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
    memset(w->total, 0, trees_channels(in->k) * sizeof *w->total);
    w->total[trees_rows_at(in->k)] = (double)(t->end - t->begin);
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
        .feature = (uint16_t)(c.feature | (c.missing_left ? TREES_MISSING : 0)),
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
    size_t order = in->orders.n ? tree % in->orders.n : 0;
    for (uint32_t j = 0; j < in->bins->m; j++) {
        w->order[j] = j;
        w->rank[j] = trees_rank(&in->orders, order, j);
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
