/* trees.h: what the files of decision trees and forests share; nothing outside learn/ uses it.
 *
 *   tree.c forest.c  learners: parameters, bagging, out-of-bag estimate
 *   trees_order.c    categories in orders worth cutting
 *   trees_grow.c     one tree, depth first
 *   trees_count.c    the search for splits among yes and no
 *   trees_sum.c      the same among numbers and classes
 *   trees_model.c    the model: prediction, bytes
 *   trees_ensemble.c the model as an ensemble
 *
 * Values are seen as bins only, in training and in prediction (gbdt.h says what bins are), so
 * a node is eight bytes: a feature, a bin, and where the right child is; the left child is the
 * next node. The bins of a category are put in an order, each tree's own, and then cut as numbers
 * are. Leaves hold the mean target of their training rows (Breiman 2001): for a binary task the
 * share of class 1, for several classes the share of each. */
#pragma once
#include "engine/learn/gbdt.h"

struct trees_params {
    int n_estimators, max_depth, min_samples_leaf, min_samples_split, max_bin;
    double max_features; /* share of the features looked at in a node; 0: sqrt of their number */
    double max_samples;  /* mean number of times a row is drawn */
    bool bootstrap;
    bool extra; /* cuts at random instead of the best (Geurts, Ernst and Wehenkel 2006) */
};

#define TREES_LEAF     0x7fff /* in place of a feature */
#define TREES_MISSING  0x8000 /* flag on a feature: missing values go left */
#define TREES_FEATURES 0x7ffe /* features at most */
#define TREES_CODES    16384  /* codes kept on the stack in prediction */
#define TREES_NONE     0xffff /* code of a missing value; else it is the bin */

struct trees_node {
    uint16_t feature; /* of trees_model.f, with the flag; or TREES_LEAF */
    uint16_t cut;     /* bins 0..cut go left */
    uint32_t right;   /* the right child's place in the tree; leaf: its value (one output: the
                         bits of a float; several: number of the tree's vector) */
};

struct trees_tree { /* places in the arrays of the model, and how many there are */
    size_t node, leaf;
    uint32_t n_nodes, n_leaves;
};

/* Orders of the bins of categories. Tree t has number t % n. */
struct trees_orders {
    uint32_t n, n_cats;
    uint32_t *cat;    /* n_cats: their features */
    uint32_t *number; /* by feature: its place among them + 1; 0: a number */
    size_t *at;       /* n_cats: where in an order the ranks of its bins begin */
    size_t size;      /* of an order */
    uint16_t *rank;   /* n orders: of each bin its rank; of the missing one itself, in a model
                         TREES_NONE */
};
/* NULL: a number. */
static inline const uint16_t *trees_rank(const struct trees_orders *o, size_t order, uint32_t j)
{
    return o->number[j] ? o->rank + order * o->size + o->at[o->number[j] - 1] : NULL;
}
/* Finds the categories among m features. */
void trees_orders_lay(struct trees_orders *o, const struct gbdt_feature *f, uint32_t m);
void trees_orders_done(struct trees_orders *o);

struct trees_model {
    enum task task;
    size_t d;
    int k; /* outputs: 1 or the number of classes */
    uint32_t m;
    struct gbdt_feature *f;     /* features in use */
    double *importance;         /* m: impurity taken away, summed over trees */
    struct trees_orders orders; /* n 0: the bins are in order */
    struct trees_tree *trees;
    size_t n_trees;
    struct trees_node *nodes;
    size_t n_nodes;
    float *leaves; /* k > 1: vectors of k */
    size_t n_leaves;
};

/* One tree in the making: the same arrays, with room to grow. */
struct trees_grown {
    struct trees_node *nodes;
    float *leaves;
    double *importance;
    size_t n_nodes, cap_nodes, n_leaves, cap_leaves;
};
void trees_grown_done(struct trees_grown *g);

/* ---- growing: trees_grow.c ---- */

#define TREES_DRAWN 64 /* times that a row is drawn for a tree, at most */
struct trees_input {
    const struct engine *en;
    const struct trees_params *p;
    struct gbdt_bins *bins;
    const double *y, *w; /* w NULL: all 1 */
    int k;
    bool binary; /* targets are 0 or 1, and there are no weights */
    const struct kernels *kern;
    double drawn[TREES_DRAWN]; /* chance to be drawn n times or less */
    struct trees_orders orders;
};
void trees_draw_init(struct trees_input *in); /* sets drawn */
static inline unsigned trees_bin(const struct gbdt_bins *b, uint32_t j, size_t row)
{
    return j < b->m_bytes ? b->records[row * b->stride + j]
                          : b->wide[(j - b->m_bytes) * b->n + row];
}
/* Fills in in->orders: trees_order.c. ERR_NOMEM. */
int trees_order(struct trees_input *in, struct err *e);
struct trees_work;                                               /* memory of one thread */
struct trees_work *trees_work_new(const struct trees_input *in); /* NULL: no memory */
void trees_work_free(struct trees_work *w);
/* Tree number `tree`; ERR_CANCELLED. */
int trees_grow(const struct trees_input *in, struct trees_work *w, uint32_t tree,
               struct trees_grown *ret, struct err *e);
/* How often a row is drawn for a tree: Poisson, as for a large sample (Oza and Russell 2001),
 * from the numbers alone, so nobody has to remember it. key: trees_draw_key of the tree. */
static inline uint64_t trees_draw_key(const struct trees_input *in, uint32_t tree)
{
    return rng_mix(in->en->seed ^ rng_mix(tree + UINT64_C(0x9e3779b9)));
}
static inline unsigned trees_drawn(const struct trees_input *in, uint64_t key, size_t row)
{
    double u = (double)(rng_mix(key + row) >> 11) * 0x1p-53;
    unsigned n = 0;

    if (!in->p->bootstrap) return 1;
    for (unsigned i = 0; i < 4; i++) n += u >= in->drawn[i];
    while (n >= 4 && n < TREES_DRAWN && u >= in->drawn[n]) n++;
    return n;
}

/* ---- model: trees_model.c ---- */

/* Puts the trees together with the features and orders that it takes out of in; grown trees are
 * emptied. */
int trees_model_make(struct trees_input *in, enum task task, size_t d, struct trees_grown *grown,
                     size_t n_trees, struct trees_model **ret, struct err *e);
void trees_model_free(void *state);
/* What a feature sees of a value in that bin. A category that trees have in orders of their own
 * is seen as the bin; what a tree then cuts is trees_cut_code. */
static inline bool trees_ordered(const struct trees_model *m, uint32_t j)
{
    return m->orders.n && m->orders.number[j];
}
static inline uint16_t trees_code(const struct trees_model *m, uint32_t j, unsigned bin)
{
    return bin == m->f[j].n_bins && !trees_ordered(m, j) ? TREES_NONE : (uint16_t)bin;
}
static inline uint16_t trees_cut_code(const struct trees_model *m, size_t tree, uint32_t j,
                                      uint16_t code)
{
    return trees_ordered(m, j) ? trees_rank(&m->orders, tree % m->orders.n, j)[code] : code;
}
/* Rows on their way through the trees: m codes each, and the bins of their categories, from which
 * each tree makes the codes that it cuts. */
struct trees_rows {
    size_t n;
    uint16_t *codes; /* n * m */
    uint16_t *bins;  /* n * orders.n_cats */
};
/* Sets bins, the codes being there. */
void trees_rows_begin(const struct trees_model *m, struct trees_rows *r);
/* Adds a tree's k outputs for each row into out; not for rows that skip (may be NULL) marks. */
void trees_walk(const struct trees_model *m, size_t tree, const struct trees_rows *r,
                const uint8_t *skip, double *out);
void trees_predict_row(const void *state, const double *x, double *out);
void trees_predict(const void *state, const struct matrix *x, size_t from, size_t to, double *out);
void trees_importance(const void *state, size_t d, double *out);
/* As learner.h's to_ensemble: trees_ensemble.c. */
void trees_to_ensemble(const void *state, struct ensemble *ret);
int trees_save(const void *state, struct buf *out, struct err *e);
int trees_load(struct cursor *in, enum task task, int n_classes, size_t d, void **ret,
               struct err *e);
