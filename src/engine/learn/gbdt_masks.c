/* gbdt_masks.c: trees as masks over their leaves, for single rows (kernel_row_model).
 *
 * A mask has room for KERNEL_ROW_LEAVES leaves. A larger tree is cut into pieces: a piece is a
 * subtree, less the pieces cut from below it, with the nodes on the way down to it. Where a row
 * leaves the piece it finds the value 0, so exactly one piece of a tree adds something, and the
 * pieces' sum is the tree's value to the bit. With too many pieces a tree walking down is faster,
 * and rows is NULL. What a feature's nodes put out is looked up by its rank where the tables for
 * that are small, else node by node. */
#include "base/mem.h"
#include "engine/learn/gbdt_fast.h"

#include <stdlib.h>
#include <string.h>

/* Pieces a tree, on average: with vectors of bytes one costs a tenth of a way down. */
#define MOST_PIECES         16
#define MOST_GENERIC_PIECES 2

#define MOST_RANKS (UINT64_C(4) << 20) /* bytes of tables by rank: no more are near */

/* A tree in pieces. */
struct pieces {
    unsigned n;
    uint16_t of[GBDT_FAST_LEAVES];   /* by node: its piece */
    uint16_t root[GBDT_FAST_LEAVES]; /* by piece: the subtree's root */
    uint16_t parent[GBDT_FAST_LEAVES];
};

/* Cuts where a subtree and the way to it outgrow the room: the larger child goes. A subtree that
 * remains has at most the room less its depth, so its sibling and a cut's 0 fit beside it. false:
 * the tree is too deep. */
static bool cut_tree(const struct gbdt_model *m, const struct gbdt_tree *t, struct pieces *p)
{
    const struct gbdt_node *nodes = m->nodes + t->node;
    uint16_t depth[GBDT_FAST_LEAVES] = { 0 }, leaves[GBDT_FAST_LEAVES];
    bool cut[GBDT_FAST_LEAVES] = { true };
    uint32_t n = t->n_leaves - 1;

    p->n = 0;
    for (uint32_t i = 0; i < n; i++)
        for (int side = 0; side < 2; side++) {
            int32_t child = side ? nodes[i].right : nodes[i].left;
            if (child < 0) continue;
            depth[child] = (uint16_t)(depth[i] + 1);
            p->parent[child] = (uint16_t)i;
        }
    for (uint32_t i = n; i-- > 0;) {
        int32_t l = nodes[i].left, r = nodes[i].right;
        unsigned nl = l < 0 ? 1 : leaves[l], nr = r < 0 ? 1 : leaves[r];
        unsigned room = KERNEL_ROW_LEAVES - depth[i];
        if (depth[i] + 2 > KERNEL_ROW_LEAVES) return false;
        if (nl + nr > room) {
            cut[nl >= nr ? l : r] = true;
            *(nl >= nr ? &nl : &nr) = 1;
        }
        leaves[i] = (uint16_t)(nl + nr);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (cut[i]) p->root[p->n] = (uint16_t)i;
        p->of[i] = cut[i] ? (uint16_t)p->n++ : p->of[p->parent[i]];
    }
    return true;
}

/* ---- a piece ---- */

struct masks {
    const struct gbdt_build *b;
    const struct gbdt_tree *tree;
    const struct pieces *pieces;
    unsigned piece;
    bool above[GBDT_FAST_LEAVES]; /* nodes on the way down to it */
    size_t at, stride;            /* where it goes */
    unsigned leaves;              /* met so far, from the left */
    unsigned nodes;               /* on numbers */
};

/* Ranks above the threshold's go right, and missing values where the node says so. */
static void add_ranks(const struct masks *k, unsigned cut, const struct gbdt_node *nd,
                      uint32_t left)
{
    const struct kernel_cuts *c = &k->b->f->cuts[cut];
    uint32_t *table = k->b->f->row_by_rank[cut] + k->at;
    unsigned rank = (uint8_t)(gbdt_threshold_byte(k->b, nd) - c->first);

    if (!nd->missing_left) table[0] |= left;
    for (unsigned r = rank + 1; r <= c->n; r++) table[(1 + r) * k->stride] |= left;
}

static void add_number(struct masks *k, const struct gbdt_node *nd, uint32_t left)
{
    struct gbdt_fast *f = k->b->f;
    unsigned cut = k->b->feature_cuts[nd->feature] - 1;

    if (f->row_by_rank) {
        add_ranks(k, cut, nd, left);
        return;
    }
    struct kernel_row_tree *t = &f->row_trees[k->at];
    if (f->row_wide) f->row_wide[k->at][k->nodes] = (uint16_t)cut;
    else t->plane[k->nodes] = (uint8_t)cut;
    t->threshold[k->nodes] = gbdt_threshold_byte(k->b, nd);
    f->row_bias[k->at][k->nodes] = !nd->missing_left;
    t->drop[kernel_drop(k->nodes++)] = left;
}

static void add_category(struct masks *k, size_t node, uint32_t left)
{
    const struct gbdt_fast *f = k->b->f;
    const struct gbdt_levels *l = &f->levels[k->b->node_levels[node]];
    const uint8_t *set = f->sets + k->b->node_set[node] * (size_t)(GBDT_PAGE / 8);

    for (unsigned c = 0; c < l->classes; c++)
        if (set[c / 8] >> c % 8 & 1) l->drop[c * k->stride + k->at] |= left;
}

static uint32_t add_leaf(struct masks *k, double value)
{
    k->b->f->row_values[k->at][k->leaves] = value;
    return UINT32_C(1) << k->leaves++;
}

/* Returns the mask of the leaves below a child index; mine: its parent is in the piece. */
static uint32_t add_masks(struct masks *k, int32_t at, bool mine)
{
    const struct gbdt_model *m = k->b->m;

    if (at < 0) return add_leaf(k, mine ? m->leaves[k->tree->leaf + (uint32_t)~at] : 0);
    mine = k->pieces->of[at] == k->piece;
    if (!mine && !k->above[at]) return add_leaf(k, 0);
    size_t i = k->tree->node + (size_t)at;
    uint32_t left = add_masks(k, m->nodes[i].left, mine);
    if (m->nodes[i].kind == GBDT_NUM) add_number(k, &m->nodes[i], left);
    else add_category(k, i, left);
    return left | add_masks(k, m->nodes[i].right, mine);
}

static void add_piece(struct masks *k)
{
    if (k->tree->n_leaves < 2) {
        add_masks(k, -1, true);
        return;
    }
    for (unsigned i = k->pieces->root[k->piece]; i > 0;) k->above[i = k->pieces->parent[i]] = true;
    add_masks(k, 0, true);
}

/* ---- all of them ---- */

/* Tables by rank, if they are not too large. */
static bool rank_room(struct gbdt_fast *f, size_t stride)
{
    uint64_t rows = 0;

    for (unsigned i = 0; i < f->n_cuts; i++) rows += f->cuts[i].n + 2U;
    if (f->n_cuts > KERNEL_RANKED || rows * stride > MOST_RANKS / sizeof *f->row_ranks)
        return false;
    f->row_ranks = mem_try_zero(rows * stride + 1, sizeof *f->row_ranks);
    if (!f->row_ranks) return false;
    f->row_by_rank = mem_try(f->n_cuts + 1, sizeof *f->row_by_rank);
    if (!f->row_by_rank) return false;
    rows = 0;
    for (unsigned i = 0; i < f->n_cuts; i++) {
        f->row_by_rank[i] = f->row_ranks + rows * stride;
        rows += f->cuts[i].n + 2U;
    }
    return true;
}

static bool node_room(struct gbdt_fast *f, size_t stride)
{
    f->row_trees = mem_try_aligned(stride + 1, sizeof *f->row_trees);
    f->row_bias = mem_try_zero(stride + 1, sizeof *f->row_bias);
    if (f->n_cuts > KERNEL_FEW_PLANES) {
        f->row_wide = mem_try_zero(stride + 1, sizeof *f->row_wide);
        if (!f->row_wide) return false;
    }
    if (!f->row_trees || !f->row_bias) return false;
    memset(f->row_trees, 0, (stride + 1) * sizeof *f->row_trees);
    for (size_t t = 0; t < stride; t++) memset(f->row_trees[t].threshold, 127, KERNEL_ROW_LEAVES);
    return true;
}

/* Room for n pieces; false: too large, or no memory. */
static bool mask_room(struct gbdt_fast *f, size_t n, size_t stride)
{
    uint64_t room = GBDT_FAST_TABLES / 4;

    f->row_values = mem_try_zero(n + 1, sizeof *f->row_values);
    f->row_levels = mem_try_zero(f->n_levels + 1, sizeof *f->row_levels);
    if (!f->row_values || !f->row_levels) return false;
    if (!rank_room(f, stride) && !node_room(f, stride)) return false;
    for (struct gbdt_levels *l = f->levels; l < f->levels + f->n_levels; l++) {
        if (l->classes * (uint64_t)stride > room) return false;
        room -= l->classes * (uint64_t)stride;
        if (!(l->drop = mem_try_zero(l->classes, stride * sizeof *l->drop))) return false;
        f->row_levels[l - f->levels] = (struct kernel_levels){
            .column = l->column, .levels = l->levels, .class_of = l->class_of, .drop = l->drop
        };
    }
    return true;
}

/* Pieces of the k trees of each round: all have as many as the largest, so that piece i adds to
 * score i % k. false: too many, or too deep. */
static bool count_pieces(const struct gbdt_model *m, uint16_t *most, size_t *ret)
{
    size_t k = (size_t)m->k, n = 0;
    size_t most_a_tree =
        kernels_best() == kernels_for(KERNEL_GENERIC) ? MOST_GENERIC_PIECES : MOST_PIECES;
    struct pieces p;

    for (size_t t = 0; t < m->n_trees; t++) {
        if (t % k == 0) most[t / k] = 1;
        if (m->trees[t].n_leaves < 2) continue;
        if (!cut_tree(m, &m->trees[t], &p)) return false;
        if (p.n > most[t / k]) most[t / k] = (uint16_t)p.n;
    }
    for (size_t t = 0; t < m->n_trees; t += k) n += most[t / k] * k;
    *ret = n;
    return n <= most_a_tree * (m->n_trees + k);
}

static void add_tree(const struct gbdt_build *b, size_t tree, size_t first, size_t stride)
{
    const struct gbdt_tree *t = &b->m->trees[tree];
    struct pieces p = { .n = 1 };

    if (t->n_leaves > 1) cut_tree(b->m, t, &p);
    for (unsigned i = 0; i < p.n; i++) {
        struct masks k = { .b = b, .tree = t, .pieces = &p, .piece = i };
        k.at = first + i * (size_t)b->m->k;
        k.stride = stride;
        add_piece(&k);
    }
}

void gbdt_masks_make(struct gbdt_build *b)
{
    const struct gbdt_model *m = b->m;
    struct gbdt_fast *f = b->f;
    size_t k = (size_t)m->k, n = 0, at = 0, stride;
    MEM_AUTO uint16_t *most = mem_try(m->n_trees / k + 1, sizeof *most);

    if (!most || f->n_cuts > KERNEL_ROW_PLANES || f->n_levels > KERNEL_ROW_LEVELS ||
        !count_pieces(m, most, &n))
        return;
    stride = (n + 7) / 8 * 8;
    if (!mask_room(f, n, stride)) return;
    for (size_t t = 0; t < m->n_trees; t++) {
        add_tree(b, t, at + t % k, stride);
        if (t % k == k - 1) at += most[t / k] * k;
    }
    f->rows = mem_zalloc(1, sizeof *f->rows);
    *f->rows =
        (struct kernel_row_model){ .cuts = f->cuts,
                                   .levels = f->row_levels,
                                   .n_cuts = f->n_cuts,
                                   .n_levels = f->n_levels,
                                   .by_rank = (const uint32_t *const *)f->row_by_rank,
                                   .trees = f->row_trees,
                                   .bias = (const uint8_t(*)[KERNEL_ROW_LEAVES])f->row_bias,
                                   .value = (const double(*)[KERNEL_ROW_LEAVES])f->row_values,
                                   .wide = (const uint16_t(*)[KERNEL_ROW_LEAVES])f->row_wide,
                                   .n_trees = n,
                                   .stride = stride,
                                   .k = k };
}
