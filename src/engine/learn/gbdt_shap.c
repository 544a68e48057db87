/* gbdt_shap.c: exact Shapley values of one row, tree by tree.
 *
 * The value of a set of features is the tree's expectation when only those are known: at a split
 * on another feature both sides count, by their cover (the path-dependent expectation of
 * Lundberg, Erion and Lee 2018, whose polynomial-time recursion this is). A path keeps, for each
 * feature met on the way, the share of zero-paths and one-paths that flow through it and the
 * weights of all subset sizes; a split extends the path, a second split on a feature unwinds
 * the first. Cost: leaves * depth^2 a tree. Pure; any thread. */
#include "base/mem.h"
#include "engine/learn/gbdt.h"

#include <string.h>

#define MAX_DEPTH 1024 /* the recursion's, too */

struct step {
    int64_t feature; /* -1: the root's */
    double zero, one, weight;
};

struct shap {
    const struct gbdt_model *m;
    const struct gbdt_tree *t;
    const double *x;
    double *phi; /* d + 1 */
};

static void extend(struct step *path, size_t n, double zero, double one, int64_t feature)
{
    path[n] = (struct step){ feature, zero, one, n == 0 };
    for (size_t i = n; i-- > 0;) {
        path[i + 1].weight += one * path[i].weight * (double)(i + 1) / (double)(n + 1);
        path[i].weight = zero * path[i].weight * (double)(n - i) / (double)(n + 1);
    }
}

/* Takes step `at` out of a path of last index n. */
static void unwind(struct step *path, size_t n, size_t at)
{
    double one = path[at].one, zero = path[at].zero, next = path[n].weight;

    for (size_t i = n; i-- > 0;) {
        if (one != 0) {
            double old = path[i].weight;
            path[i].weight = next * (double)(n + 1) / ((double)(i + 1) * one);
            next = old - path[i].weight * zero * (double)(n - i) / (double)(n + 1);
        } else {
            path[i].weight = path[i].weight * (double)(n + 1) / (zero * (double)(n - i));
        }
    }
    for (size_t i = at; i < n; i++) {
        path[i].feature = path[i + 1].feature;
        path[i].zero = path[i + 1].zero;
        path[i].one = path[i + 1].one;
    }
}

/* Sum of the weights after taking step `at` out, which stays. */
static double unwound_sum(const struct step *path, size_t n, size_t at)
{
    double one = path[at].one, zero = path[at].zero, next = path[n].weight, sum = 0;

    for (size_t i = n; i-- > 0;) {
        if (one != 0) {
            double w = next * (double)(n + 1) / ((double)(i + 1) * one);
            sum += w;
            next = path[i].weight - w * zero * (double)(n - i) / (double)(n + 1);
        } else if (zero != 0) {
            sum += path[i].weight / zero * (double)(n + 1) / (double)(n - i);
        }
    }
    return sum;
}

static double cover_of(const struct shap *s, int32_t at)
{
    return at >= 0 ? s->m->nodes[s->t->node + (uint32_t)at].cover
                   : s->m->covers[s->t->leaf + (uint32_t)~at];
}

static void leaf(const struct shap *s, int32_t at, const struct step *path, size_t n)
{
    double v = s->m->leaves[s->t->leaf + (uint32_t)~at];

    for (size_t i = 1; i <= n; i++)
        s->phi[path[i].feature] += unwound_sum(path, n, i) * (path[i].one - path[i].zero) * v;
}

/* parent has n steps before this one; the copy follows it in memory. */
static void descend(const struct shap *s, int32_t at, const struct step *parent, size_t n,
                    const struct step *edge)
{
    struct step *path = (struct step *)(uintptr_t)parent + n;

    if (n > 0) memcpy(path, parent, n * sizeof *path);
    extend(path, n, edge->zero, edge->one, edge->feature);
    if (at < 0) {
        leaf(s, at, path, n);
        return;
    }
    const struct gbdt_node *nd = &s->m->nodes[s->t->node + (uint32_t)at];
    bool left = gbdt_goes_left(s->m, nd, s->x[nd->feature]);
    int32_t hot = left ? nd->left : nd->right, cold = left ? nd->right : nd->left;
    struct step was = { .zero = 1, .one = 1 };
    size_t i = 1;

    while (i <= n && path[i].feature != (int64_t)nd->feature) i++;
    if (i <= n) {
        was = path[i];
        unwind(path, n, i);
        n--;
    }
    double total = cover_of(s, hot) + cover_of(s, cold);
    double hot_share = total > 0 ? cover_of(s, hot) / total : 0.5;
    struct step to_hot = { nd->feature, hot_share * was.zero, was.one, 0 };
    struct step to_cold = { nd->feature, (1 - hot_share) * was.zero, 0, 0 };
    descend(s, hot, path, n + 1, &to_hot);
    descend(s, cold, path, n + 1, &to_cold);
}

/* Expectation of a tree, and how deep it is; children come after their parents. */
static double expectation(const struct gbdt_model *m, const struct gbdt_tree *t, double *value,
                          uint32_t *depth, uint32_t *ret_depth)
{
    const struct shap s = { .m = m, .t = t };
    uint32_t n = t->n_leaves - 1;

    *ret_depth = 0;
    if (n == 0) return m->leaves[t->leaf];
    depth[0] = 1;
    for (uint32_t i = 0; i < n; i++) {
        const struct gbdt_node *nd = &m->nodes[t->node + i];
        if (depth[i] > *ret_depth) *ret_depth = depth[i];
        if (nd->left >= 0) depth[nd->left] = depth[i] + 1;
        if (nd->right >= 0) depth[nd->right] = depth[i] + 1;
    }
    for (uint32_t i = n; i-- > 0;) {
        const struct gbdt_node *nd = &m->nodes[t->node + i];
        double l = nd->left >= 0 ? value[nd->left] : m->leaves[t->leaf + (uint32_t)~nd->left];
        double r = nd->right >= 0 ? value[nd->right] : m->leaves[t->leaf + (uint32_t)~nd->right];
        double cl = cover_of(&s, nd->left), cr = cover_of(&s, nd->right);
        value[i] = cl + cr > 0 ? (cl * l + cr * r) / (cl + cr) : (l + r) / 2;
    }
    return value[0];
}

static bool has_covers(const struct gbdt_model *m)
{
    return m->n_nodes == 0 || m->nodes[0].cover > 0;
}

int gbdt_contributions(const void *state, const double *x, double *out, struct err *e)
{
    const struct gbdt_model *m = state;
    size_t width = m->d + 1, cap = (MAX_DEPTH + 2) * (MAX_DEPTH + 3) / 2;
    uint32_t most = 1;

    if (!has_covers(m)) {
        err_set(e, ERR_INVALID, "the model does not say how many rows came by each split");
        return err_hint(e, "train it again with this version of signalbox");
    }
    for (size_t t = 0; t < m->n_trees; t++)
        if (m->trees[t].n_leaves > most) most = m->trees[t].n_leaves;
    MEM_AUTO double *value = mem_alloc(most * sizeof *value);
    MEM_AUTO uint32_t *depth = mem_alloc(most * sizeof *depth);
    MEM_AUTO struct step *paths = mem_alloc(cap * sizeof *paths);
    memset(out, 0, width * (size_t)m->k * sizeof *out);
    for (int c = 0; c < m->k; c++) out[(size_t)c * width + m->d] = m->base[c];
    for (size_t t = 0; t < m->n_trees; t++) {
        struct shap s = { m, &m->trees[t], x, out + t % (size_t)m->k * width };
        uint32_t deep;
        s.phi[m->d] += expectation(m, s.t, value, depth, &deep);
        if (deep > MAX_DEPTH)
            return err_set(e, ERR_LIMIT, "a tree is %u splits deep; contributions go to %d", deep,
                           MAX_DEPTH);
        if (s.t->n_leaves > 1) descend(&s, 0, paths, 0, &(struct step){ -1, 1, 1, 0 });
    }
    return 0;
}
