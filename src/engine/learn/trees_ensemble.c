/* trees_ensemble.c: the trees of a forest as base/ensemble.h has them. Cuts between bins become
 * thresholds or sets of levels, leaves are divided by the number of trees, so that outputs are
 * sums; a level that shares the bin of missing values goes where those go. */
#include "base/ensemble.h"
#include "base/mem.h"
#include "engine/learn/trees.h"

#include <float.h>
#include <math.h>
#include <string.h>

struct giver {
    const struct trees_model *m;
    const struct trees_tree *from;
    struct ensemble_tree *to;
    struct arena *a;
    int32_t *place; /* by node: its number in the ensemble */
};

static bool is_leaf(const struct trees_node *nd)
{
    return (nd->feature & TREES_LEAF) == TREES_LEAF;
}

/* Levels that go left. */
static void give_set(const struct giver *g, const struct trees_node *nd, struct ensemble_node *to)
{
    const struct trees_model *m = g->m;
    uint32_t j = nd->feature & TREES_LEAF;
    const struct gbdt_feature *f = &m->f[j];
    size_t tree = (size_t)(g->from - m->trees);
    uint32_t words = f->levels / 32 + 1, *set = arena_array(g->a, words, uint32_t);

    for (uint32_t l = 0; l < f->levels; l++) {
        unsigned code = trees_cut_code(m, tree, j, trees_code(m, j, f->code_bin[l]));
        if (code == TREES_NONE ? to->missing_left : code <= nd->cut)
            set[l / 32] |= UINT32_C(1) << l % 32;
    }
    to->set = set;
    to->n_words = words;
}

static void give_node(const struct giver *g, uint32_t at, struct ensemble_node *to)
{
    const struct trees_node *nodes = g->m->nodes + g->from->node, *nd = &nodes[at];
    const struct gbdt_feature *f = &g->m->f[nd->feature & TREES_LEAF];

    *to = (struct ensemble_node){ .feature = f->column,
                                  .cat = f->cat,
                                  .missing_left = (nd->feature & TREES_MISSING) != 0,
                                  .left = g->place[at + 1],
                                  .right = g->place[nd->right] };
    if (f->cat) give_set(g, nd, to);
    else to->threshold = fmin(f->cuts->bound[nd->cut], DBL_MAX); /* the last bin has no end */
}

static void give_leaf(const struct giver *g, const struct trees_node *nd, double *to)
{
    double n = (double)g->m->n_trees;

    if (g->m->k == 1) {
        float v;
        memcpy(&v, &nd->right, sizeof v);
        *to = (double)v / n;
        return;
    }
    const float *v = g->m->leaves + g->from->leaf + (size_t)nd->right * (size_t)g->m->k;
    for (int c = 0; c < g->m->k; c++) to[c] = (double)v[c] / n;
}

/* Nodes are in preorder, so children have higher numbers in either form. */
static void give_tree(struct giver *g)
{
    const struct trees_node *nodes = g->m->nodes + g->from->node;
    uint32_t inner = 0, leaves = 0, k = (uint32_t)g->m->k;

    for (uint32_t i = 0; i < g->from->n_nodes; i++)
        g->place[i] = is_leaf(&nodes[i]) ? ~(int32_t)leaves++ : (int32_t)inner++;
    *g->to = (struct ensemble_tree){ .n_leaves = leaves,
                                     .nodes = arena_array(g->a, inner + 1, struct ensemble_node),
                                     .values = arena_array(g->a, leaves * (size_t)k, double),
                                     .covers = arena_array(g->a, leaves, double) };
    for (uint32_t i = 0; i < g->from->n_nodes; i++) {
        if (is_leaf(&nodes[i])) give_leaf(g, &nodes[i], g->to->values + (size_t)~g->place[i] * k);
        else give_node(g, i, &g->to->nodes[g->place[i]]);
    }
}

void trees_to_ensemble(const void *state, struct ensemble *ret)
{
    const struct trees_model *m = state;
    struct giver g = { .m = m, .a = ret->arena };
    uint32_t most = 0;

    ret->link = m->task == TASK_REGRESSION ? ENSEMBLE_IDENTITY : ENSEMBLE_PROBABILITY;
    ret->k = (size_t)m->k;
    ret->vectors = m->k > 1;
    ret->base = arena_array(g.a, ret->k, double);
    ret->n_trees = m->n_trees;
    ret->trees = arena_array(g.a, m->n_trees + 1, struct ensemble_tree);
    for (size_t t = 0; t < m->n_trees; t++)
        if (m->trees[t].n_nodes > most) most = m->trees[t].n_nodes;
    MEM_AUTO int32_t *place = mem_alloc(((size_t)most + 1) * sizeof *place);
    g.place = place;
    for (size_t t = 0; t < m->n_trees; t++) {
        g.from = &m->trees[t];
        g.to = &ret->trees[t];
        give_tree(&g);
    }
}
