/* ensemble.c: see ensemble.h. */
#include "base/ensemble.h"

#include "base/mem.h"

#include <math.h>

static const char *check_node(const struct ensemble *m, const struct ensemble_node *nd)
{
    if (nd->feature >= m->n_features) return "a split is on a feature that does not exist";
    if (!isfinite(nd->gain) || !(nd->cover >= 0 && isfinite(nd->cover)))
        return "a gain or cover is not a number";
    if (!nd->cat) return isnan(nd->threshold) ? "a threshold is not a number" : NULL;
    if (nd->n_words > 0 && !nd->set) return "a set of categories is missing";
    return nd->n_words > 1u << 19 ? "a set of categories is too large" : NULL;
}

/* Nodes first, then leaves; all but the root are referred to once, by a lower node. */
static const char *check_links(const struct ensemble_tree *t, uint8_t *seen)
{
    int32_t n = (int32_t)t->n_leaves - 1;

    for (int32_t i = 0; i < n; i++) {
        const int32_t child[2] = { t->nodes[i].left, t->nodes[i].right };
        for (int s = 0; s < 2; s++) {
            if (child[s] >= n || child[s] < -(int32_t)t->n_leaves)
                return "a split leads to nothing";
            if (child[s] >= 0 && child[s] <= i) return "a split leads back up";
            int32_t at = child[s] >= 0 ? child[s] : n + ~child[s];
            if (seen[at]++) return "two splits lead to the same place";
        }
    }
    return NULL;
}

static const char *check_tree(const struct ensemble *m, const struct ensemble_tree *t)
{
    const char *why = NULL;

    if (t->n_leaves < 1 || t->n_leaves > ENSEMBLE_MAX_LEAVES)
        return "it has an impossible number of leaves";
    for (uint32_t i = 0; i < t->n_leaves; i++)
        if (!(t->covers[i] >= 0 && isfinite(t->covers[i])))
            return "the cover of a leaf is not a number";
    for (size_t i = 0; i < t->n_leaves * (m->vectors ? m->k : 1); i++)
        if (!isfinite(t->values[i])) return "the value of a leaf is not a number";
    for (uint32_t i = 0; i + 1 < t->n_leaves && !why; i++) why = check_node(m, &t->nodes[i]);
    if (why) return why;
    MEM_AUTO uint8_t *seen = mem_zalloc(2 * (size_t)t->n_leaves, 1);
    return check_links(t, seen);
}

int ensemble_check(const struct ensemble *m, struct err *e)
{
    size_t k = m->link == ENSEMBLE_SOFTMAX || m->vectors ? m->n_classes : 1;

    if (m->n_features < 1 || m->n_features > ENSEMBLE_MAX_FEATURES)
        return err_set(e, ERR_LIMIT, "the model has %zu features; 1 to %d are possible",
                       m->n_features, ENSEMBLE_MAX_FEATURES);
    if (m->n_classes > ENSEMBLE_MAX_CLASSES || m->k != k || k == 0 || (!m->vectors && m->n_trees % k != 0))
        return err_set(e, ERR_PARSE, "the model's %zu trees do not fit its %zu classes", m->n_trees,
                       m->n_classes);
    for (size_t c = 0; c < m->k; c++)
        if (!isfinite(m->base[c])) return err_set(e, ERR_PARSE, "a base score is not a number");
    for (size_t t = 0; t < m->n_trees; t++) {
        const char *why = check_tree(m, &m->trees[t]);
        if (why) return err_set(e, ERR_PARSE, "tree %zu: %s", t, why);
    }
    return 0;
}
