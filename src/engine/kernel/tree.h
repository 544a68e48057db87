/* tree.h: what the kernels of prediction with trees work on; part of kernel.h, which says what
 * holds for all kernels. Values become bytes or ranks once, then trees look at those: many rows in
 * blocks, or one row. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How many of up to 255 sorted bounds a value exceeds. A bucket says how many bounds lie in lower
 * buckets; halving leaves at most four of its own, `near` of which are compared. half + 4
 * infinite ones follow the bounds. Bucket of x: (x - lo) * scale, clipped to [0, top]. */
struct kernel_cuts {
    const double *bound;
    const uint8_t *below; /* by bucket */
    double lo, scale, top;
    uint32_t half;   /* first step of the halving, a power of 2 >= 4; 0: none is needed */
    uint32_t near;   /* 4, or 1 or 2 where no bucket has more */
    uint32_t column; /* of a row, for tree_row */
    uint8_t n;       /* bounds */
    uint8_t first;   /* added to each count, modulo 256 */
    uint8_t missing; /* result for a missing value */
};

/* Trees on a block of rows, from the leaves up, without branches. A plane and a slot have a
 * byte a row; slots lie KERNEL_ROWS bytes apart. A slot holds the number of the leaf that the row
 * would reach below some node: slots 0 .. KERNEL_TEMPS - 1 are results, so are the last
 * KERNEL_ROOTS; slot KERNEL_TEMPS + i holds i in every byte. An op does, byte by byte,
 *   out = (int8_t)(plane - bias) > (int8_t)threshold ? right : left               pages == 0
 *   out = bit of the set at the row's code ? right : left                          otherwise
 * A code below 256 * pages is in three planes: which byte of its page (0..31), which bit (as a
 * power of 2), and, where there is more than one page, which page. A page of a set has 32
 * bytes. */
#define KERNEL_ROWS  256 /* at most; a multiple of 32 */
#define KERNEL_TEMPS 128
#define KERNEL_ROOTS 8
#define KERNEL_ROOT  (KERNEL_TEMPS + 256)
#define KERNEL_SLOTS (KERNEL_ROOT + KERNEL_ROOTS)
struct kernel_op {
    uint16_t plane, left, right, out;
    uint8_t threshold, bias, pages;
    uint8_t plain; /* threshold + bias: where no number is missing it can be compared with */
    uint32_t set;  /* number of the first of its pages */
};
/* Of a tree: first those of which both children are leaves. */
struct kernel_ops {
    const struct kernel_op *op;
    uint32_t n, pairs;
};
struct kernel_block {
    size_t rows;  /* also the bytes of a plane */
    bool missing; /* some number may be: its byte is 128, which no other has */
    const uint8_t *planes, *sets;
    uint8_t *slots;
};

/* Trees of up to 32 leaves on one row. A tree's leaves are numbered from the left; a node that
 * sends the row right puts those below its left child out, and the leaf reached is the lowest one
 * left.
 *
 * With by_rank, what a feature puts out has been looked up for all its ranks: the table of a cut
 * has a row for missing values, then one for each rank. It is fast while it stays in a cache.
 * Without, all nodes of a tree are looked at at once. A feature's byte is 128 + 1 + its rank, or
 * 128 when it is missing. Node i sends the row right when, as signed bytes, byte - bias[i] >
 * threshold[i] - bias[i], and then the leaves of drop[kernel_drop(i)] are out. bias is 1 where
 * missing values go right. Unused nodes have threshold 127 and bias 0. */
#define KERNEL_ROW_LEAVES 32
#define KERNEL_FEW_PLANES 64   /* so many fit in registers */
#define KERNEL_ROW_PLANES 4096 /* at most */
#define KERNEL_ROW_LEVELS 256  /* categorical features at most */
#define KERNEL_RANKED     256  /* cuts with tables at most */
struct kernel_row_tree {
    uint8_t plane[KERNEL_ROW_LEAVES]; /* where there are few; 0 otherwise */
    uint8_t threshold[KERNEL_ROW_LEAVES];
    uint32_t drop[KERNEL_ROW_LEAVES];
};
/* Fours of bytes of either half of a register become eight words. */
static inline unsigned kernel_drop(unsigned node)
{
    return node % 16 / 4 * 8 + node / 16 * 4 + node % 4;
}
/* A categorical feature: its level's class, and the leaves of each tree that are out with it.
 * Classes of levels, then of missing, then of any other value. */
struct kernel_levels {
    uint32_t column, levels;
    const uint16_t *class_of;
    const uint32_t *drop; /* [class][stride] */
};
struct kernel_row_model {
    const struct kernel_cuts *cuts;
    const struct kernel_levels *levels;
    unsigned n_cuts, n_levels;
    const uint32_t *const *by_rank;           /* [cut][row][stride], n_cuts <= KERNEL_RANKED */
    const struct kernel_row_tree *trees;      /* stride of them: n_trees, then trees of one leaf */
    const uint8_t (*bias)[KERNEL_ROW_LEAVES]; /* apart: most rows have nothing missing */
    const double (*value)[KERNEL_ROW_LEAVES];
    const uint16_t (*wide)[KERNEL_ROW_LEAVES]; /* planes, when they are not few */
    size_t n_trees, stride, k; /* stride: a multiple of 8; tree t adds to score t % k */
};
static inline uint32_t kernel_class(const uint16_t *class_of, uint32_t levels, double v)
{
    if (v != v) return class_of[levels];
    return class_of[v >= 0 && v < levels ? (uint32_t)v : levels + 1];
}
