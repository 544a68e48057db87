/* foresttest.h: random ensembles of trees and what they answer, for the tests of model files. */
#pragma once
#include "base/ensemble.h"
#include "base/mem.h"
#include "base/rng.h"

#include <math.h>

/* Random trees over two numbers and a category of 40 levels. */
static inline void grow(struct arena *a, struct rng *r, struct ensemble_tree *t)
{
    uint32_t n = 1 + (uint32_t)rng_below(r, 9);

    *t = (struct ensemble_tree){ .n_leaves = n,
                                 .nodes = arena_array(a, n, struct ensemble_node),
                                 .values = arena_array(a, n, double),
                                 .covers = arena_array(a, n, double) };
    for (uint32_t i = 0; i < n; i++) {
        t->values[i] = (double)(float)rng_normal(r);
        t->covers[i] = (double)rng_below(r, 100);
    }
    for (uint32_t i = 0; i + 1 < n; i++) { /* a chain, turned at random */
        int32_t next = i + 2 < n ? (int32_t)i + 1 : ~(int32_t)(n - 1), leaf = ~(int32_t)i;
        bool turn = rng_below(r, 2);
        struct ensemble_node *nd = &t->nodes[i];
        *nd = (struct ensemble_node){ .threshold = (double)(float)rng_normal(r),
                                      .gain = 1 + (double)rng_below(r, 9),
                                      .cover = 10,
                                      .feature = (uint32_t)rng_below(r, 3),
                                      .missing_left = rng_below(r, 2),
                                      .left = turn ? leaf : next,
                                      .right = turn ? next : leaf };
        nd->cat = nd->feature == 2;
        if (!nd->cat) continue;
        uint32_t *set = arena_array(a, 2, uint32_t);
        if (rng_below(r, 8)) { /* else only missing values */
            set[0] = (uint32_t)rng_u64(r);
            set[1] = (uint32_t)rng_u64(r) & 0xff;
        }
        nd->set = set;
        nd->n_words = 2;
        if (!nd->missing_left && !set[0] && !set[1]) set[0] = 1;
    }
}

static inline struct ensemble make(struct arena *a, enum ensemble_link link, uint64_t seed)
{
    static const char *const names[] = { "x", "y \"quoted\"", "kind" };
    struct ensemble m = { .arena = a, .link = link, .k = 1, .n_features = 3, .n_trees = 12 };
    struct rng r;

    rng_seed(&r, seed);
    m.n_classes = link == ENSEMBLE_LOGISTIC ? 2 : link == ENSEMBLE_SOFTMAX ? 3 : 0;
    if (link == ENSEMBLE_SOFTMAX) m.k = 3;
    m.features = arena_array(a, 3, struct ensemble_feature);
    for (size_t i = 0; i < 3; i++) m.features[i].name = names[i];
    const char **levels = arena_array(a, 40, const char *);
    for (int i = 0; i < 40; i++) levels[i] = arena_printf(a, "%d", i);
    m.features[2].levels = levels;
    m.features[2].n_levels = 40;
    m.base = arena_array(a, m.k, double);
    for (size_t c = 0; c < m.k; c++) m.base[c] = 0.25 * (double)c + 0.5;
    m.trees = arena_array(a, m.n_trees, struct ensemble_tree);
    for (size_t t = 0; t < m.n_trees; t++) grow(a, &r, &m.trees[t]);
    return m;
}

static inline double score(const struct ensemble *m, size_t c, const double *x)
{
    double sum = m->base[c];

    for (size_t t = c; t < m->n_trees; t += m->k) {
        const struct ensemble_tree *tree = &m->trees[t];
        int32_t at = tree->n_leaves > 1 ? 0 : -1;
        while (at >= 0) {
            const struct ensemble_node *nd = &tree->nodes[at];
            double v = x[nd->feature];
            bool left = isnan(v)   ? nd->missing_left
                        : !nd->cat ? v <= nd->threshold
                                   : (size_t)v / 32 < nd->n_words &&
                                         (nd->set[(size_t)v / 32] >> (size_t)v % 32 & 1);
            at = left ? nd->left : nd->right;
        }
        sum += tree->values[~at];
    }
    return sum;
}
