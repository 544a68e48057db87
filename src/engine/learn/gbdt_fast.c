/* gbdt_fast.c: makes the form of a model that prediction runs on.
 *
 * Thresholds of a feature become ranks: x <= threshold exactly when the number of the model's
 * thresholds below x is at most the threshold's own. So rows turn into bytes once and all trees
 * compare bytes. A tree becomes a list of ops from its leaves up, for blocks of rows, and, if
 * it is small, masks over its leaves for single rows (kernel.h).
 *
 * A trained model has at most 254 finite thresholds a feature, one bound between two of 255
 * bins each; an infinite one needs no rank of its own. Models with more, with trees of more than
 * 256 leaves or with too many categorical nodes keep to the plain walk (m->fast NULL), as they
 * do when memory is short: the results are the same. */
#include "engine/learn/gbdt_fast.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THRESHOLDS 254 /* rank 255 is GBDT_MISSING */
#define MAX_LEAVES     256
#define MAX_TABLES     (UINT64_C(64) << 20) /* bytes of all tables of levels */

struct build {
    const struct gbdt_model *m;
    struct gbdt_fast *f;
    uint32_t *feature_cuts;  /* by feature: index + 1 of its cuts, 0: none */
    int32_t *plane[2];       /* by feature and where missing values go: plane, -1: none */
    uint16_t *node_plane;    /* by node */
    uint8_t *node_threshold; /* by node */
};

void gbdt_fast_free(struct gbdt_fast *f)
{
    if (!f) return;
    for (unsigned i = 0; i < f->n_levels; i++) {
        free(f->levels[i].by_node);
        free(f->levels[i].by_level);
    }
    free(f->levels);
    free(f->planes);
    free(f->cuts);
    free(f->ops);
    free(f->rows);
    free(f);
}

/* A node's feature, with its threshold or (categorical) its number. */
struct threshold {
    uint32_t feature;
    double value;
};

static int by_feature_then_value(const void *a, const void *b)
{
    const struct threshold *x = a, *y = b;

    if (x->feature != y->feature) return x->feature < y->feature ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

/* The sorted distinct thresholds of each feature. false: too many, or no memory. */
static bool make_cuts(struct build *b)
{
    const struct gbdt_model *m = b->m;
    MEM_AUTO struct threshold *all = mem_try(m->n_nodes + 1, sizeof *all);
    size_t n = 0, features = 0;

    if (!all) return false;
    for (size_t i = 0; i < m->n_nodes; i++)
        if (m->nodes[i].kind == GBDT_NUM)
            all[n++] = (struct threshold){ m->nodes[i].feature, m->nodes[i].threshold };
    qsort(all, n, sizeof *all, by_feature_then_value);
    for (size_t i = 0; i < n; i++) features += i == 0 || all[i].feature != all[i - 1].feature;
    b->f->cuts = mem_try(features + 1, sizeof *b->f->cuts);
    if (!b->f->cuts) return false;
    struct gbdt_cuts *c = b->f->cuts;
    for (size_t i = 0; i < n; c++) {
        uint32_t feature = all[i].feature;
        unsigned k = 0;
        for (; i < n && all[i].feature == feature; i++) {
            if (all[i].value == HUGE_VAL || (k > 0 && c->bound[k - 1] == all[i].value)) continue;
            if (k == MAX_THRESHOLDS) return false;
            c->bound[k++] = all[i].value;
        }
        gbdt_cuts_index(c, k);
        b->feature_cuts[feature] = (uint32_t)(c - b->f->cuts) + 1;
    }
    return true;
}

static bool add_plane(struct build *b, uint16_t *ret)
{
    if (b->f->n_planes == GBDT_MAX_PLANES) return false;
    *ret = (uint16_t)b->f->n_planes++;
    return true;
}

/* The plane and the threshold byte of every numeric node. */
static bool numeric_planes(struct build *b)
{
    const struct gbdt_model *m = b->m;

    for (size_t i = 0; i < m->n_nodes; i++) {
        const struct gbdt_node *nd = &m->nodes[i];
        if (nd->kind != GBDT_NUM) continue;
        int32_t *known = &b->plane[nd->missing_left][nd->feature];
        struct gbdt_plane p = { nd->feature, nd->missing_left ? 0 : GBDT_MISSING,
                                &b->f->cuts[b->feature_cuts[nd->feature] - 1] };
        b->node_threshold[i] = gbdt_cuts_rank1(p.cuts, nd->threshold, 0);
        if (*known < 0) {
            if (!add_plane(b, &b->node_plane[i])) return false;
            *known = b->node_plane[i];
            b->f->planes[*known] = p;
        }
        b->node_plane[i] = (uint16_t)*known;
    }
    b->f->n_numeric = b->f->n_planes;
    return true;
}

/* Tables of one feature, whose nodes are list[0, n). */
static bool make_levels(struct build *b, const struct threshold *list, size_t n, uint64_t *room)
{
    const struct gbdt_model *m = b->m;
    struct gbdt_levels *l = &b->f->levels[b->f->n_levels];

    *l = (struct gbdt_levels){ .feature = list[0].feature,
                               .first = b->f->n_planes,
                               .nodes = (unsigned)n };
    for (size_t i = 0; i < n; i++) {
        const struct gbdt_node *nd = &m->nodes[(size_t)list[i].value];
        if (nd->set_words * 32 > l->levels) l->levels = nd->set_words * 32;
    }
    size_t entries = (size_t)l->levels + 2;
    if (2 * n * entries > *room) return false;
    *room -= 2 * n * entries;
    l->by_node = mem_try(n, entries);
    l->by_level = mem_try(n, entries);
    b->f->n_levels++;
    if (!l->by_node || !l->by_level) return false;
    for (size_t i = 0; i < n; i++) {
        size_t node = (size_t)list[i].value;
        if (!add_plane(b, &b->node_plane[node])) return false;
        b->node_threshold[node] = 0;
        for (size_t v = 0; v < entries; v++) {
            double x = v < l->levels ? (double)v : v == l->levels ? (double)NAN : -1;
            uint8_t right = !gbdt_goes_left(m, &m->nodes[node], x);
            l->by_node[i * entries + v] = right;
            l->by_level[v * n + i] = right;
        }
    }
    return true;
}

/* The planes of every categorical node, those of a feature together. */
static bool level_planes(struct build *b)
{
    const struct gbdt_model *m = b->m;
    MEM_AUTO struct threshold *all = mem_try(m->n_nodes + 1, sizeof *all);
    uint64_t room = MAX_TABLES;
    size_t n = 0, features = 0;

    if (!all) return false;
    for (size_t i = 0; i < m->n_nodes; i++)
        if (m->nodes[i].kind == GBDT_CAT)
            all[n++] = (struct threshold){ m->nodes[i].feature, (double)i };
    qsort(all, n, sizeof *all, by_feature_then_value);
    for (size_t i = 0; i < n; i++) features += i == 0 || all[i].feature != all[i - 1].feature;
    b->f->levels = mem_try_zero(features + 1, sizeof *b->f->levels);
    if (!b->f->levels) return false;
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && all[end].feature == all[i].feature;) end++;
        if (!make_levels(b, all + i, end - i, &room)) return false;
    }
    return true;
}

/* ---- ops, from the leaves up ---- */

/* Temporary slots that a subtree needs when its hungrier child goes first: at most
 * 1 + log2(leaves). Children have higher numbers than their parents. */
static void count_temps(const struct gbdt_node *nodes, uint32_t n, uint8_t *need)
{
    for (uint32_t i = n; i-- > 0;) {
        uint8_t l = nodes[i].left >= 0 ? need[nodes[i].left] : 0;
        uint8_t r = nodes[i].right >= 0 ? need[nodes[i].right] : 0;
        uint8_t most = l > r ? l : r;
        need[i] = l == r ? (uint8_t)(l + 1) : most;
    }
}

struct op_list {
    const struct build *b;
    const struct gbdt_node *nodes;
    size_t first; /* number of nodes[0] in the model */
    const uint8_t *need;
    struct kernel_op *next;
};

/* Appends the ops of node `at`; its result goes to slot `out`, and slots from `out` on are
 * free. Recursion goes as deep as the tree, at most 255. */
static void add_ops(struct op_list *l, int32_t at, uint8_t out)
{
    const struct gbdt_node *nd = &l->nodes[at];
    int32_t child[2] = { nd->left, nd->right };
    uint16_t slot[2];
    uint8_t need[2] = { 0, 0 };

    for (int i = 0; i < 2; i++) {
        slot[i] = child[i] < 0 ? (uint16_t)(KERNEL_TEMPS + ~child[i]) : out;
        if (child[i] >= 0) need[i] = l->need[child[i]];
    }
    int first = need[0] >= need[1] ? 0 : 1;
    if (child[first] >= 0) add_ops(l, child[first], out);
    if (child[!first] >= 0) {
        slot[!first] = child[first] >= 0 ? (uint16_t)(out + 1) : out;
        add_ops(l, child[!first], (uint8_t)slot[!first]);
    }
    *l->next++ = (struct kernel_op){ .plane = l->b->node_plane[l->first + (size_t)at],
                                     .threshold = l->b->node_threshold[l->first + (size_t)at],
                                     .left = slot[0],
                                     .right = slot[1],
                                     .out = out };
}

static bool make_ops(struct build *b)
{
    const struct gbdt_model *m = b->m;
    uint8_t need[MAX_LEAVES];

    b->f->ops = mem_try(m->n_nodes + 1, sizeof *b->f->ops);
    if (!b->f->ops) return false;
    for (size_t i = 0; i < m->n_trees; i++) {
        const struct gbdt_tree *t = &m->trees[i];
        if (t->n_leaves > MAX_LEAVES) return false;
        if (t->n_leaves < 2) continue;
        struct op_list l = { b, m->nodes + t->node, t->node, need, b->f->ops + t->node };
        count_temps(l.nodes, t->n_leaves - 1, need);
        add_ops(&l, 0, 0);
    }
    return true;
}

/* ---- masks ---- */

struct masks {
    const struct build *b;
    const struct gbdt_tree *t;
    struct kernel_row_tree *row;
    unsigned leaves; /* met so far, from the left */
};

/* Returns the mask of the leaves below a child index. */
static uint32_t add_masks(struct masks *k, int32_t at)
{
    const struct gbdt_model *m = k->b->m;

    if (at < 0) {
        k->row->value[k->leaves] = m->leaves[k->t->leaf + (uint32_t)~at];
        return UINT32_C(1) << k->leaves++;
    }
    size_t i = k->t->node + (size_t)at;
    uint32_t left = add_masks(k, m->nodes[i].left);
    k->row->keep[at] = ~left;
    k->row->plane[at] = k->b->node_plane[i];
    k->row->near[at] = (uint8_t)k->b->node_plane[i];
    k->row->threshold[at] = k->b->node_threshold[i];
    return left | add_masks(k, m->nodes[i].right);
}

static void make_masks(struct build *b)
{
    const struct gbdt_model *m = b->m;

    for (size_t i = 0; i < m->n_trees; i++)
        if (m->trees[i].n_leaves > KERNEL_ROW_LEAVES) return;
    b->f->rows = mem_try_aligned(m->n_trees + 1, sizeof *b->f->rows);
    if (!b->f->rows) return;
    memset(b->f->rows, 0, (m->n_trees + 1) * sizeof *b->f->rows);
    for (size_t i = 0; i < m->n_trees; i++) {
        struct masks k = { b, &m->trees[i], &b->f->rows[i], 0 };
        memset(k.row->threshold, 255, sizeof k.row->threshold);
        add_masks(&k, k.t->n_leaves > 1 ? 0 : -1);
    }
}

static bool allocate(struct build *b)
{
    size_t d = b->m->d + 1, n = b->m->n_nodes + 1;

    b->feature_cuts = mem_try_zero(d, sizeof *b->feature_cuts);
    b->plane[0] = mem_try(d, sizeof *b->plane[0]);
    b->plane[1] = mem_try(d, sizeof *b->plane[1]);
    b->node_plane = mem_try(n, sizeof *b->node_plane);
    b->node_threshold = mem_try(n, sizeof *b->node_threshold);
    b->f->planes = mem_try(GBDT_MAX_PLANES, sizeof *b->f->planes);
    if (!b->feature_cuts || !b->plane[0] || !b->plane[1] || !b->node_plane || !b->node_threshold ||
        !b->f->planes)
        return false;
    for (size_t j = 0; j < d; j++) b->plane[0][j] = b->plane[1][j] = -1;
    return true;
}

void gbdt_fast_build(struct gbdt_model *m)
{
    struct build b = { .m = m, .f = mem_zalloc(1, sizeof *b.f) };

    b.f->kern = kernels_best();
    if (allocate(&b) && make_cuts(&b) && numeric_planes(&b) && level_planes(&b) && make_ops(&b)) {
        make_masks(&b);
        m->fast = b.f;
    } else {
        gbdt_fast_free(b.f);
    }
    free(b.feature_cuts);
    free(b.plane[0]);
    free(b.plane[1]);
    free(b.node_plane);
    free(b.node_threshold);
}
