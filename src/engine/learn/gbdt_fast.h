/* gbdt_fast.h: a model as bytes and masks, for gbdt_fast.c and gbdt_masks.c, which make it, and
 * gbdt_predict.c.
 *
 * Rows become bytes once, and all trees look at bytes (tree.h). A number's byte is its rank
 * among the model's thresholds of that feature, 128 + 1 + the rank or 128 when it is missing.
 * The levels of a category that all nodes treat alike are a class; nodes are sets of classes. */
#pragma once
#include "engine/learn/gbdt.h"

#define GBDT_MAX_PLANES 2048 /* planes of a block are on the stack */
#define GBDT_MISSING    128  /* byte of a missing number */
#define GBDT_FAST_LEAVES 256  /* of a tree */
#define GBDT_FAST_TABLES (UINT64_C(64) << 20) /* bytes of all tables of levels */
#define GBDT_PAGE        256                  /* classes of a page; 32 bytes of bits */

struct gbdt_levels {
    uint32_t column, levels;
    uint16_t *class_of; /* [levels + 2]: the classes of levels, of missing and of other values */
    unsigned classes, pages;
    unsigned plane; /* the first of its planes in a block */
    uint32_t *drop; /* as kernel_levels */
};

struct gbdt_fast {
    const struct kernels *kern;
    struct kernel_cuts *cuts; /* one a feature with thresholds: the first planes */
    double *bounds;           /* of all cuts */
    uint8_t *below;
    struct gbdt_levels *levels; /* one a feature with categorical nodes */
    unsigned n_cuts, n_levels, n_planes;
    struct kernel_op *ops;    /* of all trees */
    struct kernel_ops *trees; /* those of each; of one leaf: none */
    uint8_t *sets;
    uint32_t most_leaves;          /* of a tree */
    struct kernel_row_model *rows; /* NULL: too large, rows go down the trees */
    uint32_t *row_ranks;           /* all tables by rank, … */
    uint32_t **row_by_rank;        /* … by cut; NULL: too large, then row_trees */
    struct kernel_row_tree *row_trees;
    double (*row_values)[KERNEL_ROW_LEAVES];
    uint8_t (*row_bias)[KERNEL_ROW_LEAVES];
    uint16_t (*row_wide)[KERNEL_ROW_LEAVES];
    struct kernel_levels *row_levels;
};

/* While it is made. */
struct gbdt_build {
    const struct gbdt_model *m;
    struct gbdt_fast *f;
    uint32_t *feature_cuts; /* by feature: index + 1 of its cuts, 0: none */
    uint32_t *node_levels;  /* by categorical node: index of its gbdt_levels */
    uint32_t *node_set;     /* by categorical node: first page of its set */
};

/* The byte of a value equal to the node's threshold. */
uint8_t gbdt_threshold_byte(const struct gbdt_build *b, const struct gbdt_node *nd);
/* Fills in what begins with `row` where the model allows. Planes, levels and sets stand. */
void gbdt_masks_make(struct gbdt_build *b);
