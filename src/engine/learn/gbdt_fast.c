/* gbdt_fast.c: makes the form of a model that prediction runs on.
 *
 * Thresholds of a feature become ranks: x <= threshold exactly when the number of the model's
 * thresholds below x is at most the threshold's own. A tree becomes a list of ops from its
 * leaves up, for blocks of rows, and, if it is small, masks over its leaves for single rows
 * (kernel.h). Nothing changes once it is made, and it holds no pointers to anything that does.
 *
 * A trained model has at most 254 finite thresholds a feature, one bound between two of 255
 * bins each; an infinite one needs no rank of its own. Models with more, with trees of more than
 * 256 leaves or with very many levels keep to the plain walk (m->fast NULL), as they do when
 * memory is short: the results are the same. */
#include "engine/learn/gbdt_fast.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_THRESHOLDS 254 /* ranks and the missing one are bytes */
#define MAX_LEAVES     256
#define MAX_TABLES     (UINT64_C(64) << 20) /* bytes of all tables of levels */
#define PAGE           256                  /* classes of a page; 32 bytes of bits */

struct build {
    const struct gbdt_model *m;
    struct gbdt_fast *f;
    uint32_t *feature_cuts; /* by feature: index + 1 of its cuts, 0: none */
    uint32_t *node_levels;  /* by categorical node: index of its gbdt_levels */
    uint32_t *node_set;     /* by categorical node: first page of its set */
};

void gbdt_fast_free(struct gbdt_fast *f)
{
    if (!f) return;
    for (unsigned i = 0; i < f->n_levels; i++) {
        free(f->levels[i].class_of);
        free(f->levels[i].drop);
    }
    free(f->levels);
    free(f->cuts);
    free(f->bounds);
    free(f->below);
    free(f->ops);
    free(f->sets);
    free(f->rows);
    free(f->row_trees);
    free(f->row_values);
    free(f->row_bias);
    free(f->row_wide);
    free(f->row_levels);
    free(f);
}

/* ---- numbers ---- */

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

/* The nodes of one kind, by feature; *ret_features: how many features have any. */
static struct threshold *list_nodes(const struct gbdt_model *m, enum gbdt_kind kind, size_t *ret_n,
                                    size_t *ret_features)
{
    struct threshold *all = mem_try(m->n_nodes + 1, sizeof *all);
    size_t n = 0;

    *ret_n = *ret_features = 0;
    if (!all) return NULL;
    for (size_t i = 0; i < m->n_nodes; i++) {
        const struct gbdt_node *nd = &m->nodes[i];
        if (nd->kind != kind) continue;
        all[n++] = (struct threshold){ nd->feature, kind == GBDT_NUM ? nd->threshold : (double)i };
    }
    qsort(all, n, sizeof *all, by_feature_then_value);
    for (size_t i = 0; i < n; i++) *ret_features += i == 0 || all[i].feature != all[i - 1].feature;
    *ret_n = n;
    return all;
}

/* The sorted distinct thresholds of each feature. false: too many, or no memory. */
static bool make_cuts(struct build *b)
{
    struct gbdt_fast *f = b->f;
    size_t n, features;
    MEM_AUTO struct threshold *all = list_nodes(b->m, GBDT_NUM, &n, &features);
    uint8_t *below = f->below = mem_try(features + 1, GBDT_BUCKETS);
    double *bound = f->bounds = mem_try(2 * n + 4 * features + 4, sizeof *f->bounds);

    f->cuts = mem_try(features + 1, sizeof *f->cuts);
    if (!all || !below || !bound || !f->cuts) return false;
    for (size_t i = 0; i < n;) {
        uint32_t feature = all[i].feature;
        unsigned k = 0;
        for (; i < n && all[i].feature == feature; i++) {
            if (all[i].value == HUGE_VAL || (k > 0 && bound[k - 1] == all[i].value)) continue;
            if (k == MAX_THRESHOLDS) return false;
            bound[k++] = all[i].value;
        }
        for (size_t pad = k; pad < 2 * (size_t)k + 4; pad++) bound[pad] = HUGE_VAL;
        struct kernel_cuts *c = &f->cuts[f->n_cuts++];
        *c = (struct kernel_cuts){ .column = feature,
                                   .first = GBDT_MISSING + 1,
                                   .missing = GBDT_MISSING };
        below += gbdt_cuts_small(c, bound, k, below);
        bound += 2 * (size_t)k + 4;
        b->feature_cuts[feature] = f->n_cuts;
    }
    f->n_planes = f->n_cuts;
    return true;
}

static const struct kernel_cuts *cuts_of(const struct build *b, const struct gbdt_node *nd)
{
    return &b->f->cuts[b->feature_cuts[nd->feature] - 1];
}

/* The byte of a value equal to the node's threshold. */
static uint8_t threshold_byte(const struct build *b, const struct gbdt_node *nd)
{
    uint8_t byte;

    b->f->kern->ranks(cuts_of(b, nd), &nd->threshold, 1, &byte);
    return byte;
}

/* ---- categories ---- */

struct level { /* what the nodes say of a level: a byte each, 1 for right */
    const uint8_t *says;
    size_t n;
    uint32_t level;
};

static int by_says(const void *a, const void *b)
{
    const struct level *x = a, *y = b;
    int c = memcmp(x->says, y->says, x->n);

    return c ? c : (x->level > y->level) - (x->level < y->level);
}

static void fill_says(const struct gbdt_model *m, const struct threshold *list, size_t n,
                      uint32_t levels, uint8_t *says)
{
    for (size_t v = 0; v < (size_t)levels + 2; v++) {
        double x = v < levels ? (double)v : v == levels ? (double)NAN : -1;
        for (size_t i = 0; i < n; i++)
            says[v * n + i] = !gbdt_goes_left(m, &m->nodes[(size_t)list[i].value], x);
    }
}

/* Numbers the classes, and turns each node into a set of them. */
static bool make_classes(struct build *b, struct gbdt_levels *l, const struct threshold *list,
                         size_t n, size_t *n_pages)
{
    size_t entries = (size_t)l->levels + 2;
    MEM_AUTO uint8_t *says = mem_try(entries, n);
    MEM_AUTO struct level *order = mem_try(entries, sizeof *order);

    l->class_of = mem_try(entries, sizeof *l->class_of);
    if (!says || !order || !l->class_of) return false;
    fill_says(b->m, list, n, l->levels, says);
    for (size_t v = 0; v < entries; v++) order[v] = (struct level){ says + v * n, n, (uint32_t)v };
    qsort(order, entries, sizeof *order, by_says);
    for (size_t v = 0; v < entries; v++) {
        if (v == 0 || memcmp(order[v].says, order[v - 1].says, n) != 0) l->classes++;
        l->class_of[order[v].level] = (uint16_t)(l->classes - 1);
    }
    l->pages = (l->classes + PAGE - 1) / PAGE;
    uint8_t *sets = mem_try_grow(b->f->sets, *n_pages + n * l->pages, PAGE / 8);
    if (!sets) return false;
    b->f->sets = sets;
    for (size_t i = 0; i < n; i++, *n_pages += l->pages) {
        uint8_t *set = sets + *n_pages * (PAGE / 8);
        memset(set, 0, l->pages * (size_t)(PAGE / 8));
        for (size_t v = 0; v < entries; v++) {
            unsigned c = l->class_of[v];
            if (says[v * n + i]) set[c / 8] |= (uint8_t)(1u << c % 8);
        }
        b->node_set[(size_t)list[i].value] = (uint32_t)*n_pages;
        b->node_levels[(size_t)list[i].value] = (uint32_t)(l - b->f->levels);
    }
    return true;
}

static bool make_levels(struct build *b)
{
    const struct gbdt_model *m = b->m;
    struct gbdt_fast *f = b->f;
    size_t n, features, pages = 0;
    MEM_AUTO struct threshold *all = list_nodes(m, GBDT_CAT, &n, &features);

    f->levels = mem_try_zero(features + 1, sizeof *f->levels);
    if (!all || !f->levels) return false;
    for (size_t i = 0, end; i < n; i = end) {
        struct gbdt_levels *l = &f->levels[f->n_levels++];
        l->column = all[i].feature;
        for (end = i; end < n && all[end].feature == l->column; end++) {
            const struct gbdt_node *nd = &m->nodes[(size_t)all[end].value];
            if (nd->set_words * 32 > l->levels) l->levels = nd->set_words * 32;
        }
        if (l->levels > UINT16_MAX - 2 || (l->levels + 2) * (uint64_t)(end - i) > MAX_TABLES)
            return false;
        if (!make_classes(b, l, all + i, end - i, &pages) || l->pages > UINT8_MAX) return false;
        l->plane = f->n_planes;
        f->n_planes += 2 + (l->pages > 1);
    }
    return f->n_planes <= UINT16_MAX;
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

static void test_of(const struct build *b, size_t node, struct kernel_op *op)
{
    const struct gbdt_node *nd = &b->m->nodes[node];

    if (nd->kind == GBDT_NUM) {
        op->plane = (uint16_t)(b->feature_cuts[nd->feature] - 1);
        op->bias = !nd->missing_left;
        op->threshold = (uint8_t)(threshold_byte(b, nd) - op->bias);
    } else {
        const struct gbdt_levels *l = &b->f->levels[b->node_levels[node]];
        op->plane = (uint16_t)l->plane;
        op->pages = (uint8_t)l->pages;
        op->set = b->node_set[node];
    }
}

/* Appends the ops of node `at`; its result goes to slot `out`, and temporary slots from `temp`
 * on are free. Recursion goes as deep as the tree, at most 255. */
static void add_ops(struct op_list *l, int32_t at, uint8_t temp, uint16_t out)
{
    const struct gbdt_node *nd = &l->nodes[at];
    int32_t child[2] = { nd->left, nd->right };
    uint16_t slot[2];
    uint8_t need[2] = { 0, 0 };

    for (int i = 0; i < 2; i++) {
        slot[i] = child[i] < 0 ? (uint16_t)(KERNEL_TEMPS + ~child[i]) : temp;
        if (child[i] >= 0) need[i] = l->need[child[i]];
    }
    int first = need[0] >= need[1] ? 0 : 1;
    if (child[first] >= 0) add_ops(l, child[first], temp, temp);
    if (child[!first] >= 0) {
        slot[!first] = child[first] >= 0 ? (uint16_t)(temp + 1) : temp;
        add_ops(l, child[!first], (uint8_t)slot[!first], slot[!first]);
    }
    struct kernel_op op = { .left = slot[0], .right = slot[1], .out = out };
    test_of(l->b, l->first + (size_t)at, &op);
    *l->next++ = op;
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
        if (t->n_leaves > b->f->most_leaves) b->f->most_leaves = t->n_leaves;
        if (t->n_leaves < 2) continue;
        struct op_list l = { b, m->nodes + t->node, t->node, need, b->f->ops + t->node };
        count_temps(l.nodes, t->n_leaves - 1, need);
        add_ops(&l, 0, 0, (uint16_t)(KERNEL_ROOT + i / (size_t)m->k % KERNEL_ROOTS));
    }
    return true;
}

/* ---- masks ---- */

struct masks {
    const struct build *b;
    size_t tree, stride;
    unsigned leaves; /* met so far, from the left */
    unsigned nodes;  /* on numbers */
};

static void add_number(struct masks *k, const struct gbdt_node *nd, uint32_t left)
{
    struct gbdt_fast *f = k->b->f;
    struct kernel_row_tree *t = &f->row_trees[k->tree];
    unsigned plane = k->b->feature_cuts[nd->feature] - 1;

    if (f->row_wide) f->row_wide[k->tree][k->nodes] = (uint16_t)plane;
    else t->plane[k->nodes] = (uint8_t)plane;
    t->threshold[k->nodes] = threshold_byte(k->b, nd);
    f->row_bias[k->tree][k->nodes] = !nd->missing_left;
    t->drop[kernel_drop(k->nodes++)] = left;
}

static void add_category(struct masks *k, size_t node, uint32_t left)
{
    const struct gbdt_fast *f = k->b->f;
    const struct gbdt_levels *l = &f->levels[k->b->node_levels[node]];
    const uint8_t *set = f->sets + k->b->node_set[node] * (size_t)(PAGE / 8);

    for (unsigned c = 0; c < l->classes; c++)
        if (set[c / 8] >> c % 8 & 1) l->drop[c * k->stride + k->tree] |= left;
}

/* Returns the mask of the leaves below a child index. */
static uint32_t add_masks(struct masks *k, int32_t at)
{
    const struct gbdt_model *m = k->b->m;
    const struct gbdt_tree *t = &m->trees[k->tree];

    if (at < 0) {
        k->b->f->row_values[k->tree][k->leaves] = m->leaves[t->leaf + (uint32_t)~at];
        return UINT32_C(1) << k->leaves++;
    }
    size_t i = t->node + (size_t)at;
    uint32_t left = add_masks(k, m->nodes[i].left);
    if (m->nodes[i].kind == GBDT_NUM) add_number(k, &m->nodes[i], left);
    else add_category(k, i, left);
    return left | add_masks(k, m->nodes[i].right);
}

/* Room for all of it; false: too large, or no memory. */
static bool mask_room(struct gbdt_fast *f, size_t n, size_t stride)
{
    uint64_t room = MAX_TABLES / 4;

    f->row_trees = mem_try_aligned(stride + 1, sizeof *f->row_trees);
    f->row_values = mem_try_zero(n + 1, sizeof *f->row_values);
    f->row_bias = mem_try_zero(stride + 1, sizeof *f->row_bias);
    f->row_levels = mem_try_zero(f->n_levels + 1, sizeof *f->row_levels);
    if (f->n_cuts > KERNEL_FEW_PLANES) {
        f->row_wide = mem_try_zero(stride + 1, sizeof *f->row_wide);
        if (!f->row_wide) return false;
    }
    if (!f->row_trees || !f->row_values || !f->row_bias || !f->row_levels) return false;
    memset(f->row_trees, 0, (stride + 1) * sizeof *f->row_trees);
    for (size_t t = 0; t < stride; t++) memset(f->row_trees[t].threshold, 127, KERNEL_ROW_LEAVES);
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

static void make_rows(struct build *b)
{
    const struct gbdt_model *m = b->m;
    struct gbdt_fast *f = b->f;
    size_t stride = (m->n_trees + 3) / 4 * 4;

    if (f->n_cuts > KERNEL_ROW_PLANES || f->n_levels > KERNEL_ROW_LEVELS ||
        f->most_leaves > KERNEL_ROW_LEAVES || !mask_room(f, m->n_trees, stride))
        return;
    for (size_t i = 0; i < m->n_trees; i++) {
        struct masks k = { .b = b, .tree = i, .stride = stride };
        add_masks(&k, m->trees[i].n_leaves > 1 ? 0 : -1);
    }
    f->rows = mem_zalloc(1, sizeof *f->rows);
    *f->rows =
        (struct kernel_row_model){ .cuts = f->cuts,
                                   .levels = f->row_levels,
                                   .n_cuts = f->n_cuts,
                                   .n_levels = f->n_levels,
                                   .trees = f->row_trees,
                                   .bias = (const uint8_t(*)[KERNEL_ROW_LEAVES])f->row_bias,
                                   .value = (const double(*)[KERNEL_ROW_LEAVES])f->row_values,
                                   .wide = (const uint16_t(*)[KERNEL_ROW_LEAVES])f->row_wide,
                                   .n_trees = m->n_trees,
                                   .stride = stride,
                                   .k = (size_t)m->k };
}

void gbdt_fast_build(struct gbdt_model *m)
{
    struct build b = { .m = m, .f = mem_zalloc(1, sizeof *b.f) };

    b.f->kern = kernels_best();
    b.feature_cuts = mem_try_zero(m->d + 1, sizeof *b.feature_cuts);
    b.node_levels = mem_try(m->n_nodes + 1, sizeof *b.node_levels);
    b.node_set = mem_try(m->n_nodes + 1, sizeof *b.node_set);
    if (b.feature_cuts && b.node_levels && b.node_set && make_cuts(&b) && make_levels(&b) &&
        make_ops(&b)) {
        make_rows(&b);
        m->fast = b.f;
    } else {
        gbdt_fast_free(b.f);
    }
    free(b.feature_cuts);
    free(b.node_levels);
    free(b.node_set);
}
