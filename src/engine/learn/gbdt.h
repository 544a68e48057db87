/* gbdt.h: what the files of the gradient-boosted trees share; nothing outside learn/ uses it.
 *
 *   gbdt.c        learner: parameters, boosting rounds, early stopping
 *   gbdt_bin.c    columns -> bins               gbdt_loss.c   scores -> gradients, loss curves
 *   gbdt_grow.c   one tree, leaf by leaf        gbdt_split.c  the best split of one leaf
 *   gbdt_rows.c   the rows of each leaf
 *   gbdt_hist.c   histograms of leaves          gbdt_renew.c  leaf values that are quantiles
 *   gbdt_tree.c   the model: trees, bytes       gbdt_predict.c  rows -> outputs
 *   gbdt_cuts.c   values -> bins, ranks         gbdt_fast.c     form for prediction
 *   gbdt_edges.c  where bins end                gbdt_masks.c    the same for single rows
 *   gbdt_shap.c   what each feature of a row did  gbdt_train.h  what only training shares
 *
 * Training sees bins only: bin b of a numeric feature holds the values in
 * (bound[b-1], bound[b]], the last bound being infinite, and the bin after the last is for
 * missing values. A split "bins 0..b go left" becomes "x <= bound[b]": by construction the
 * same rows as in training. Features of at most 256 bins are bytes, others ("wide", only
 * categories) are 16-bit columns. */
#pragma once
#include "base/rng.h"
#include "engine/kernel/kernel.h"
#include "engine/learn/learner.h"
#include "engine/pool.h"

extern const struct learner learner_gbdt;

#define GBDT_BYTE_BINS  (KERNEL_BINS - 1) /* bins of a byte feature besides the missing one */
#define GBDT_WIDE_BINS  4095              /* the same of a wide one; rarer levels share a bin */
#define GBDT_MAX_SET    64                /* bins in a categorical split's set */
#define GBDT_MAX_LEAVES 65536
#define GBDT_MAX_LEVELS (1 << 24)
#define GBDT_CHUNK      8192 /* rows of one task */

/* What is minimised; the names of the parameter are in gbdt.c. */
enum gbdt_objective {
    GBDT_LOGISTIC, /* binary */
    GBDT_SOFTMAX,  /* multiclass */
    GBDT_L2,       /* the others: regression */
    GBDT_L1,
    GBDT_HUBER,
    GBDT_QUANTILE,
    GBDT_POISSON,
    GBDT_OBJECTIVES
};

struct gbdt_params {
    int n_estimators, num_leaves, max_depth, max_bin, min_data_in_leaf;
    int max_cat_threshold, max_cat_to_onehot, min_data_per_group;
    int bagging_freq, early_stopping_rounds, gradient_bits;
    double learning_rate, min_sum_hessian, lambda_l1, lambda_l2, min_gain_to_split;
    double feature_fraction, bagging_fraction, cat_smooth, cat_l2, alpha;
    double most_inside; /* gbdt_edges */
    enum gbdt_objective objective;
    bool depth_wise;
    const int8_t *monotone; /* by column of the matrix: +1, -1, 0; NULL: none */
};

/* ---- bins ---- */

/* Bounds of a numeric feature and the way to find a value among them (kernel.h). */
#define GBDT_BUCKETS 1024
struct gbdt_cuts {
    double bound[2 * KERNEL_BINS]; /* ascending, then infinite */
    double lo, scale;
    unsigned half, near;
    uint8_t below[GBDT_BUCKETS];
};
/* The first n <= 255 bounds are set; fills in the rest. */
void gbdt_cuts_index(struct gbdt_cuts *c, unsigned n);
/* The same for n sorted bounds, followed by n + 4 infinite ones, with fewer buckets if these
 * will do: below has room for GBDT_BUCKETS; returns how many are in use. */
size_t gbdt_cuts_small(struct kernel_cuts *c, const double *bound, unsigned n, uint8_t *below);
/* Number of bounds below x, or `missing` for a missing one. */
void gbdt_cuts_rank(const struct gbdt_cuts *c, const double *x, size_t n, uint8_t missing,
                    uint8_t *out);
uint8_t gbdt_cuts_rank1(const struct gbdt_cuts *c, double x, uint8_t missing);

struct gbdt_feature {
    uint32_t column; /* of the matrix */
    uint32_t n_bins; /* without the missing bin, whose number is n_bins */
    bool cat;
    struct gbdt_cuts *cuts; /* numeric */
    uint16_t *code_bin;     /* category: bin of each level */
    uint32_t levels;
    size_t hist; /* where its histogram starts in a leaf's: n_bins + 1 entries; byte features
                    have KERNEL_BINS of them each, those of neighbours follow one another */
};

struct gbdt_bins {
    size_t n;
    uint32_t m, m_bytes; /* features in use; the first m_bytes are byte features */
    struct gbdt_feature *f;
    size_t stride;    /* bytes of a record: a row's byte bins, padded */
    uint8_t *records; /* row-major, for histograms */
    uint8_t *cols;    /* m_bytes columns, for partitions */
    uint16_t *wide;   /* m - m_bytes columns */
    size_t hist_len;  /* entries of a leaf's histogram */
};

/* Bounds of at most max_bins bins, 2 to KERNEL_BINS, for k > 0 distinct values, ascending; the last
 * is infinite. most_inside: share of the variance that may be inside of bins of equal frequency; in
 * 255 bins of a normal it is .0008, of an exponential .004, of fares and distances .006 to .4.
 * Returns how many. */
#define GBDT_TAIL       0.005 /* for targets that are numbers and may follow a tail */
#define GBDT_HEAVY_TAIL 0.01
struct gbdt_distinct {
    double value;
    uint32_t count; /* rows */
};
uint32_t gbdt_edges(const struct gbdt_distinct *v, size_t k, uint32_t max_bins, double most_inside,
                    double *bound);

/* Columns with one bin only are left out. ERR_NOMEM. */
int gbdt_bin(const struct engine *en, const struct matrix *x, const struct gbdt_params *p,
             struct gbdt_bins *ret, struct err *e);
void gbdt_bins_done(struct gbdt_bins *b);

/* ---- model ---- */

enum gbdt_kind { GBDT_NUM, GBDT_CAT };

/* Inner node. Children: >= 0 a node of the same tree, < 0 the leaf ~child. */
struct gbdt_node {
    double threshold; /* GBDT_NUM: x <= threshold goes left */
    uint32_t feature; /* column of the matrix */
    uint8_t kind;
    uint8_t missing_left;
    int32_t left, right;
    uint32_t set, set_words; /* GBDT_CAT: levels in this bit set go left, others right */
    double gain;             /* reduction of the regularised loss, for importances */
    double cover;                /* sum of hessians of the training rows that came by; 0: not known */
};

struct gbdt_tree {
    uint32_t node, n_leaves; /* first node; it has n_leaves - 1 */
    uint32_t leaf;           /* first leaf value */
};

struct gbdt_fast;

struct gbdt_model {
    enum task task;
    enum gbdt_objective objective; /* only its link matters in prediction */
    int n_classes;
    size_t d;
    int k;        /* trees a round, scores a row: n_classes or 1 */
    double *base; /* k starting scores */
    struct gbdt_tree *trees;
    size_t n_trees, cap_trees; /* tree t adds to score t % k */
    struct gbdt_node *nodes;
    size_t n_nodes, cap_nodes;
    double *leaves, *covers; /* value and cover of each leaf */
    size_t n_leaves, cap_leaves;
    uint32_t *sets;
    size_t n_sets, cap_sets;
    struct gbdt_fast *fast; /* NULL: not built, or the model does not fit its limits */
};

enum gbdt_objective gbdt_usual_objective(enum task task);
/* Its objective is the usual one of the task. */
struct gbdt_model *gbdt_model_new(enum task task, int n_classes, size_t d);
void gbdt_model_free(struct gbdt_model *m);
void gbdt_model_truncate(struct gbdt_model *m, size_t n_trees);
/* Starts a tree of one leaf; each split turns leaf `leaf` into a node whose left child keeps
 * the leaf's number and whose right child is a new leaf. *parent is where the child index of
 * `leaf` is stored; gbdt_tree_split returns the node's index in the tree. */
struct gbdt_tree *gbdt_tree_begin(struct gbdt_model *m);
int32_t gbdt_tree_split(struct gbdt_model *m, const struct gbdt_node *node, int32_t leaf,
                        int32_t parent, bool parent_left);
uint32_t gbdt_sets_add(struct gbdt_model *m, uint32_t words); /* zeroed; returns the offset */
int gbdt_model_save(const void *state, struct buf *out, struct err *e);
int gbdt_model_load(struct cursor *in, enum task task, int n_classes, size_t d, void **ret,
                    struct err *e);
void gbdt_importance(const void *state, size_t d, double *out);

static inline bool gbdt_goes_left(const struct gbdt_model *m, const struct gbdt_node *nd, double x)
{
    if (x != x) return nd->missing_left;
    if (nd->kind == GBDT_NUM) return x <= nd->threshold;
    if (!(x >= 0 && x < nd->set_words * 32.0)) return false;
    uint32_t code = (uint32_t)x;
    return m->sets[nd->set + code / 32] >> (code % 32) & 1;
}

/* Value of the leaf that a row reaches; feature j of the row is x[j * step]. */
double gbdt_tree_value(const struct gbdt_model *m, const struct gbdt_tree *t, const double *x,
                       size_t step);

/* ---- explanation: gbdt_shap.c ---- */

/* As learner.h's contributions. */
int gbdt_contributions(const void *state, const double *x, double *out, struct err *e);

/* ---- prediction ---- */

/* Sets m->fast (gbdt_fast.h) where the model allows; results are the same without. */
void gbdt_fast_build(struct gbdt_model *m);
void gbdt_fast_free(struct gbdt_fast *f);
void gbdt_predict_row(const void *state, const double *x, double *out);
void gbdt_predict(const void *state, const struct matrix *x, size_t from, size_t to, double *out);
void gbdt_link(const struct gbdt_model *m, double *scores); /* k scores -> outputs, in place */
