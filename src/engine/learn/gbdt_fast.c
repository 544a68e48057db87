/* gbdt_fast.c: makes the form of a model that prediction runs on.
 *
 * Thresholds of a feature become ranks: x <= threshold exactly when the number of the model's
 * thresholds below x is at most the threshold's own. A tree becomes a list of ops from its
 * leaves up, for blocks of rows, and masks over its leaves for single rows (gbdt_masks.c). Nothing
 * changes once it is made, and it holds no pointers to anything that does.
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
    free(f->trees);
    free(f->sets);
    free(f->rows);
    free(f->row_ranks);
    free(f->row_by_rank);
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
static bool make_cuts(struct gbdt_build *b)
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

static const struct kernel_cuts *cuts_of(const struct gbdt_build *b, const struct gbdt_node *nd)
{
    return &b->f->cuts[b->feature_cuts[nd->feature] - 1];
}

uint8_t gbdt_threshold_byte(const struct gbdt_build *b, const struct gbdt_node *nd)
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
static bool make_classes(struct gbdt_build *b, struct gbdt_levels *l, const struct threshold *list,
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
    l->pages = (l->classes + GBDT_PAGE - 1) / GBDT_PAGE;
    uint8_t *sets = mem_try_grow(b->f->sets, *n_pages + n * l->pages, GBDT_PAGE / 8);
    if (!sets) return false;
    b->f->sets = sets;
    for (size_t i = 0; i < n; i++, *n_pages += l->pages) {
        uint8_t *set = sets + *n_pages * (GBDT_PAGE / 8);
        memset(set, 0, l->pages * (size_t)(GBDT_PAGE / 8));
        for (size_t v = 0; v < entries; v++) {
            unsigned c = l->class_of[v];
            if (says[v * n + i]) set[c / 8] |= (uint8_t)(1u << c % 8);
        }
        b->node_set[(size_t)list[i].value] = (uint32_t)*n_pages;
        b->node_levels[(size_t)list[i].value] = (uint32_t)(l - b->f->levels);
    }
    return true;
}

static bool make_levels(struct gbdt_build *b)
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
        if (l->levels > UINT16_MAX - 2 || (l->levels + 2) * (uint64_t)(end - i) > GBDT_FAST_TABLES)
            return false;
        if (!make_classes(b, l, all + i, end - i, &pages) || l->pages > UINT8_MAX) return false;
        l->plane = f->n_planes;
        f->n_planes += 2 + (l->pages > 1);
    }
    return f->n_planes <= UINT16_MAX;
}

/* ---- ops, from the leaves up ---- */

static void test_of(const struct gbdt_build *b, size_t node, struct kernel_op *op)
{
    const struct gbdt_node *nd = &b->m->nodes[node];

    if (nd->kind == GBDT_NUM) {
        op->plane = (uint16_t)(b->feature_cuts[nd->feature] - 1);
        op->bias = !nd->missing_left;
        op->plain = gbdt_threshold_byte(b, nd);
        op->threshold = (uint8_t)(op->plain - op->bias);
    } else {
        const struct gbdt_levels *l = &b->f->levels[b->node_levels[node]];
        op->plane = (uint16_t)l->plane;
        op->pages = (uint8_t)l->pages;
        op->set = b->node_set[node];
    }
}

/* Where a child's result stands. */
static uint16_t slot_of(int32_t child, const uint8_t *temp)
{
    return child < 0 ? (uint16_t)(KERNEL_TEMPS + ~child) : temp[child];
}

/* The ops of a tree, pairs of leaves first, then from the last node up: children have higher
 * numbers than their parents. A pair's result has a temporary slot of its own, which its
 * ancestors take over; there are half as many pairs as leaves at most. */
static void tree_ops(const struct gbdt_build *b, const struct gbdt_tree *t, uint16_t out,
                     struct kernel_ops *ret)
{
    const struct gbdt_node *nodes = b->m->nodes + t->node;
    struct kernel_op *op = b->f->ops + t->node;
    uint8_t temp[GBDT_FAST_LEAVES];
    uint32_t n = t->n_leaves - 1;

    *ret = (struct kernel_ops){ .op = op, .n = n };
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = n; i-- > 0;) {
            int32_t l = nodes[i].left, r = nodes[i].right;
            bool pair = l < 0 && r < 0;
            if (pair != (pass == 0)) continue;
            temp[i] = pair ? (uint8_t)ret->pairs++ : temp[l >= 0 ? l : r];
            *op = (struct kernel_op){ .left = slot_of(l, temp),
                                      .right = slot_of(r, temp),
                                      .out = i == 0 ? out : temp[i] };
            test_of(b, t->node + i, op++);
        }
}

static bool make_ops(struct gbdt_build *b)
{
    const struct gbdt_model *m = b->m;
    struct gbdt_fast *f = b->f;

    f->ops = mem_try(m->n_nodes + 1, sizeof *f->ops);
    f->trees = mem_try_zero(m->n_trees + 1, sizeof *f->trees);
    if (!f->ops || !f->trees) return false;
    for (size_t i = 0; i < m->n_trees; i++) {
        const struct gbdt_tree *t = &m->trees[i];
        if (t->n_leaves > GBDT_FAST_LEAVES) return false;
        if (t->n_leaves > f->most_leaves) f->most_leaves = t->n_leaves;
        size_t root = KERNEL_ROOT + i / (size_t)m->k % KERNEL_ROOTS;
        if (t->n_leaves > 1) tree_ops(b, t, (uint16_t)root, &f->trees[i]);
    }
    return true;
}

void gbdt_fast_build(struct gbdt_model *m)
{
    struct gbdt_build b = { .m = m, .f = mem_zalloc(1, sizeof *b.f) };

    b.f->kern = kernels_best();
    b.feature_cuts = mem_try_zero(m->d + 1, sizeof *b.feature_cuts);
    b.node_levels = mem_try(m->n_nodes + 1, sizeof *b.node_levels);
    b.node_set = mem_try(m->n_nodes + 1, sizeof *b.node_set);
    if (b.feature_cuts && b.node_levels && b.node_set && make_cuts(&b) && make_levels(&b) &&
        make_ops(&b)) {
        gbdt_masks_make(&b);
        m->fast = b.f;
    } else {
        gbdt_fast_free(b.f);
    }
    free(b.feature_cuts);
    free(b.node_levels);
    free(b.node_set);
}
