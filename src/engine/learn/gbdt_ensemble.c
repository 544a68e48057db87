/* gbdt_ensemble.c: see gbdt_ensemble.h. The two forms differ in little: here a set of categories
 * covers all levels of its feature, so that a level it does not name goes right. */
#include "engine/learn/gbdt_ensemble.h"

#include "base/mem.h"
#include "engine/learn/gbdt.h"

#include <string.h>

static void take_set(struct gbdt_model *m, const struct ensemble *in,
                     const struct ensemble_node *nd, struct gbdt_node *ret)
{
    size_t words = (in->features[nd->feature].n_levels + 31) / 32;

    ret->kind = GBDT_CAT;
    ret->set_words = (uint32_t)words;
    ret->set = gbdt_sets_add(m, ret->set_words);
    for (uint32_t w = 0; w < words && w < nd->n_words; w++) m->sets[ret->set + w] = nd->set[w];
}

static void take_tree(struct gbdt_model *m, const struct ensemble *in,
                      const struct ensemble_tree *t)
{
    uint32_t node = (uint32_t)m->n_nodes, leaf = (uint32_t)m->n_leaves;

    gbdt_tree_begin(m);
    for (uint32_t i = 0; i + 1 < t->n_leaves; i++) {
        const struct ensemble_node *nd = &t->nodes[i];
        struct gbdt_node to = { .threshold = nd->threshold,
                                .feature = nd->feature,
                                .missing_left = nd->missing_left,
                                .gain = nd->gain,
                                .cover = nd->cover };
        if (nd->cat) take_set(m, in, nd, &to);
        gbdt_tree_split(m, &to, 0, -1, false);
        m->nodes[node + i].left = nd->left;
        m->nodes[node + i].right = nd->right;
    }
    memcpy(m->leaves + leaf, t->values, t->n_leaves * sizeof *t->values);
    memcpy(m->covers + leaf, t->covers, t->n_leaves * sizeof *t->covers);
}

void *gbdt_from_ensemble(const struct ensemble *in)
{
    enum task task = in->link == ENSEMBLE_SOFTMAX    ? TASK_MULTICLASS
                     : in->link == ENSEMBLE_LOGISTIC ? TASK_BINARY
                                                     : TASK_REGRESSION;
    struct gbdt_model *m = gbdt_model_new(task, (int)in->n_classes, in->n_features);

    if (in->link == ENSEMBLE_EXP) m->objective = GBDT_POISSON;
    memcpy(m->base, in->base, in->k * sizeof *in->base);
    for (size_t t = 0; t < in->n_trees; t++) take_tree(m, in, &in->trees[t]);
    gbdt_fast_build(m);
    return m;
}

static void give_tree(const struct gbdt_model *m, const struct gbdt_tree *t, struct arena *a,
                      struct ensemble_tree *ret)
{
    *ret = (struct ensemble_tree){ .n_leaves = t->n_leaves,
                                   .nodes = arena_array(a, t->n_leaves, struct ensemble_node),
                                   .values = arena_array(a, t->n_leaves, double),
                                   .covers = arena_array(a, t->n_leaves, double) };
    memcpy(ret->values, m->leaves + t->leaf, t->n_leaves * sizeof *ret->values);
    memcpy(ret->covers, m->covers + t->leaf, t->n_leaves * sizeof *ret->covers);
    for (uint32_t i = 0; i + 1 < t->n_leaves; i++) {
        const struct gbdt_node *nd = &m->nodes[t->node + i];
        ret->nodes[i] = (struct ensemble_node){ .threshold = nd->threshold,
                                                .gain = nd->gain,
                                                .cover = nd->cover,
                                                .feature = nd->feature,
                                                .cat = nd->kind == GBDT_CAT,
                                                .missing_left = nd->missing_left,
                                                .left = nd->left,
                                                .right = nd->right };
        if (nd->kind != GBDT_CAT) continue;
        uint32_t *set = arena_array(a, nd->set_words + 1, uint32_t);
        memcpy(set, m->sets + nd->set, nd->set_words * sizeof *set);
        ret->nodes[i].set = set;
        ret->nodes[i].n_words = nd->set_words;
    }
}

void gbdt_to_ensemble(const void *state, struct ensemble *ret)
{
    const struct gbdt_model *m = state;
    struct arena *a = ret->arena;

    ret->link = m->task == TASK_MULTICLASS     ? ENSEMBLE_SOFTMAX
                : m->task == TASK_BINARY       ? ENSEMBLE_LOGISTIC
                : m->objective == GBDT_POISSON ? ENSEMBLE_EXP
                                               : ENSEMBLE_IDENTITY;
    ret->n_classes = m->task == TASK_REGRESSION ? 0 : (size_t)m->n_classes;
    ret->k = (size_t)m->k;
    ret->base = arena_array(a, ret->k, double);
    memcpy(ret->base, m->base, ret->k * sizeof *ret->base);
    ret->n_trees = m->n_trees;
    ret->trees = arena_array(a, m->n_trees + 1, struct ensemble_tree);
    for (size_t t = 0; t < m->n_trees; t++) give_tree(m, &m->trees[t], a, &ret->trees[t]);
}
