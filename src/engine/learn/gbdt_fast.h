/* gbdt_fast.h: a model as bytes and masks, for gbdt_fast.c and gbdt_predict.c.
 *
 * A plane holds one byte a row, and every decision is "byte <= threshold" (kernel.h). A numeric
 * feature has a plane, or two where nodes differ on missing values: the rank of the value among
 * the model's thresholds, missing ones 0 or 255. A categorical node has a plane of its own, 0
 * for left and 1 for right; those of one feature are neighbours, and tables hold their bytes
 * for every level, by node for blocks of rows and by level for single rows. */
#pragma once
#include "engine/learn/gbdt.h"

#define GBDT_MISSING    255
#define GBDT_MAX_PLANES 4096 /* planes of a block are on the stack: 64 bytes each */

struct gbdt_plane {
    uint32_t feature;
    uint8_t missing; /* byte of a missing value */
    const struct gbdt_cuts *cuts;
};

/* The categorical nodes of one feature. Entries of a table: levels, then missing, then any
 * other value. */
struct gbdt_levels {
    uint32_t feature, levels;
    unsigned first, nodes; /* planes */
    uint8_t *by_node;      /* [nodes][levels + 2] */
    uint8_t *by_level;     /* [levels + 2][nodes] */
};

struct gbdt_fast {
    const struct kernels *kern;
    struct gbdt_plane *planes; /* numeric ones, the first n_numeric */
    unsigned n_planes, n_numeric;
    struct gbdt_levels *levels;
    unsigned n_levels;
    struct gbdt_cuts *cuts;       /* one a feature with thresholds */
    struct kernel_op *ops;        /* of all trees; tree t's begin at its first node */
    struct kernel_row_tree *rows; /* NULL: a tree is too large for it */
};

static inline uint32_t gbdt_entry(const struct gbdt_levels *l, double v)
{
    if (v != v) return l->levels;
    return v >= 0 && v < l->levels ? (uint32_t)v : l->levels + 1;
}
