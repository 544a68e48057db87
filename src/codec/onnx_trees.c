/* onnx_trees.c: ensembles of trees as ONNX: one TreeEnsembleRegressor, which is arrays over all
 * nodes of all trees.
 *
 * Numbers are float32 there, so a threshold is rounded down to one: for float32 inputs the same
 * rows are below it. There is no node for a set of categories before version 5, so a set becomes
 * a chain of "equals" whose yes-branches lead to one child; of the set and its complement the
 * smaller one is asked for. That one child has several parents is how other writers do it, and
 * what runtimes provide for. */
#include "codec/onnx_graph.h"

#include "base/mem.h"
#include "base/vec.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum mode { LEAF, LEQ, EQ };
static const char *const mode_names[] = { "LEAF", "BRANCH_LEQ", "BRANCH_EQ" };

typedef VEC(int64_t) ints;
typedef VEC(float) floats;

struct arrays {
    ints tree, node, feature, yes, no, missing_yes;
    VEC(uint8_t) mode;
    floats value;
    ints leaf_tree, leaf_node, leaf_target;
    floats leaf_weight;
};

static void arrays_done(struct arrays *x)
{
    vec_done(&x->tree);
    vec_done(&x->node);
    vec_done(&x->feature);
    vec_done(&x->yes);
    vec_done(&x->no);
    vec_done(&x->missing_yes);
    vec_done(&x->mode);
    vec_done(&x->value);
    vec_done(&x->leaf_tree);
    vec_done(&x->leaf_node);
    vec_done(&x->leaf_target);
    vec_done(&x->leaf_weight);
}

struct writer {
    const struct ensemble *m;
    struct arrays x;
    size_t tree;
    const struct ensemble_tree *t;
    uint32_t *first; /* by inner node of ours: its first node there; leaves follow all of them */
    uint32_t n_inner;
};

struct chain {     /* the categories that an inner node asks for, one after another */
    bool inverted; /* they go right */
    size_t n;
};

static bool in_set(const struct ensemble_node *nd, size_t code)
{
    return code / 32 < nd->n_words && nd->set[code / 32] >> code % 32 & 1;
}

static struct chain chain_of(const struct ensemble *m, const struct ensemble_node *nd)
{
    size_t levels = m->features[nd->feature].n_levels, in = 0;

    for (size_t c = 0; c < levels; c++) in += in_set(nd, c);
    bool inverted = in > levels - in;
    return (struct chain){ inverted, inverted ? levels - in : in };
}

static size_t nodes_for(const struct ensemble *m, const struct ensemble_node *nd)
{
    return nd->cat ? 1 + chain_of(m, nd).n : 1;
}

static int64_t place(const struct writer *w, int32_t child)
{
    return child >= 0 ? w->first[child] : (int64_t)w->n_inner + ~child;
}

struct cell {
    enum mode mode;
    uint32_t feature;
    float value;
    int64_t yes, no;
    bool missing_yes;
};

static void put(struct writer *w, int64_t id, const struct cell *c)
{
    struct arrays *x = &w->x;

    vec_push(&x->tree, (int64_t)w->tree);
    vec_push(&x->node, id);
    vec_push(&x->mode, (uint8_t)c->mode);
    vec_push(&x->feature, (int64_t)c->feature);
    vec_push(&x->value, c->value);
    vec_push(&x->yes, c->yes);
    vec_push(&x->no, c->no);
    vec_push(&x->missing_yes, (int64_t)c->missing_yes);
}

static float rounded_down(double v)
{
    float f = (float)v;

    return (double)f > v ? nextafterf(f, -HUGE_VALF) : f;
}

/* Before the chain comes a node whose yes-branch only missing values take. It says where those go
 * and keeps chains apart: a runtime that fuses equals-nodes into sets also fuses what belongs to
 * the next split on the same feature (seen with ONNX Runtime 1.31). That runtime also wants a
 * child that is reached by a no-branch to be reached so once only; other parents say yes. */
static void put_set(struct writer *w, const struct ensemble_node *nd, int64_t id)
{
    struct chain ch = chain_of(w->m, nd);
    int64_t left = place(w, nd->left), right = place(w, nd->right);
    int64_t yes = ch.inverted ? right : left, end = ch.inverted ? left : right;
    struct cell c = {
        LEQ, nd->feature, -FLT_MAX, nd->missing_left ? left : right, ch.n ? id + 1 : end, true
    };

    put(w, id++, &c);
    for (size_t code = 0, done = 0; done < ch.n; code++) {
        if (in_set(nd, code) == ch.inverted) continue;
        c = (struct cell){ EQ, nd->feature, (float)code, yes, ++done < ch.n ? id + 1 : end, false };
        put(w, id++, &c);
    }
}

static void put_leaf(struct writer *w, int64_t id, const double *values)
{
    const struct cell c = { .mode = LEAF };
    size_t k = w->m->k, n = w->m->vectors ? k : 1;

    put(w, id, &c);
    for (size_t i = 0; i < n; i++) {
        vec_push(&w->x.leaf_tree, (int64_t)w->tree);
        vec_push(&w->x.leaf_node, id);
        vec_push(&w->x.leaf_target, (int64_t)(w->m->vectors ? i : w->tree % k));
        vec_push(&w->x.leaf_weight, (float)values[i]);
    }
}

static void put_tree(struct writer *w)
{
    const struct ensemble_tree *t = w->t;
    uint32_t inner = t->n_leaves - 1;
    MEM_AUTO uint32_t *first = mem_zalloc((size_t)inner + 1, sizeof *first);

    w->first = first;
    w->n_inner = 0;
    for (uint32_t i = 0; i < inner; i++) {
        first[i] = w->n_inner;
        w->n_inner += (uint32_t)nodes_for(w->m, &t->nodes[i]);
    }
    for (uint32_t i = 0; i < inner; i++) {
        const struct ensemble_node *nd = &t->nodes[i];
        if (nd->cat) {
            put_set(w, nd, first[i]);
            continue;
        }
        struct cell c = { LEQ,
                          nd->feature,
                          rounded_down(nd->threshold),
                          place(w, nd->left),
                          place(w, nd->right),
                          nd->missing_left };
        put(w, first[i], &c);
    }
    for (uint32_t l = 0; l < t->n_leaves; l++)
        put_leaf(w, place(w, ~(int32_t)l), t->values + l * (w->m->vectors ? w->m->k : 1));
}

static void write_arrays(const struct ensemble *m, const struct arrays *x, struct str *out)
{
    MEM_AUTO float *base = mem_zalloc(m->k, sizeof *base);

    for (size_t c = 0; c < m->k; c++) base[c] = (float)m->base[c];
    onnx_attr_floats(out, "base_values", base, m->k);
    onnx_attr_int(out, "n_targets", (int64_t)m->k);
    onnx_attr_text(out, "aggregate_function", "SUM");
    onnx_attr_text(out, "post_transform", "NONE");
    onnx_attr_ints(out, "nodes_treeids", x->tree.p, x->tree.n);
    onnx_attr_ints(out, "nodes_nodeids", x->node.p, x->node.n);
    onnx_attr_ints(out, "nodes_featureids", x->feature.p, x->feature.n);
    onnx_attr_texts(out, "nodes_modes", mode_names, x->mode.p, x->mode.n);
    onnx_attr_floats(out, "nodes_values", x->value.p, x->value.n);
    onnx_attr_ints(out, "nodes_truenodeids", x->yes.p, x->yes.n);
    onnx_attr_ints(out, "nodes_falsenodeids", x->no.p, x->no.n);
    onnx_attr_ints(out, "nodes_missing_value_tracks_true", x->missing_yes.p, x->missing_yes.n);
    onnx_attr_ints(out, "target_treeids", x->leaf_tree.p, x->leaf_tree.n);
    onnx_attr_ints(out, "target_nodeids", x->leaf_node.p, x->leaf_node.n);
    onnx_attr_ints(out, "target_ids", x->leaf_target.p, x->leaf_target.n);
    onnx_attr_floats(out, "target_weights", x->leaf_weight.p, x->leaf_weight.n);
}

void onnx_write_ensemble(const struct ensemble *m, struct str *out)
{
    MEM_AUTO double *zeros = mem_zalloc(m->k, sizeof *zeros);
    const struct ensemble_tree constant = { .n_leaves = 1, .values = zeros };
    struct onnx_graph g = ONNX_GRAPH_INIT;
    const struct onnx_model about = { m->link,     m->n_features, m->n_classes, m->k,
                                      m->features, m->target,     m->classes };
    struct writer w = { .m = m };
    STR_AUTO attributes = STR_INIT;

    for (; w.tree < m->n_trees; w.tree++) {
        w.t = &m->trees[w.tree];
        put_tree(&w);
    }
    for (; m->n_trees == 0 && w.tree < m->k; w.tree++) { /* an ensemble needs a tree */
        w.t = &constant;
        put_tree(&w);
    }
    write_arrays(m, &w.x, &attributes);
    arrays_done(&w.x);
    onnx_op(&g, "ai.onnx.ml:TreeEnsembleRegressor", "input", "scores", &attributes);
    onnx_finish(&g, &about, out);
}
