/* kernel.h: the innermost loops of the engine, with one variant per instruction set.
 *
 * A kernel is pure arithmetic over arrays: no allocation, no branches on the environment. The
 * variant is chosen once per fit from what the processor can do (kernels_best), and all
 * variants give the same bits, so results never depend on the machine's instruction set: they
 * are compiled from one body (vec_body.h) in which the number of lanes is fixed and every
 * operation is written out; contraction into fused multiply-add is off for the whole build.
 * (The products of nets do fuse where they can; see gemm.h.)
 *
 * Histograms hold packed sums: one int64 = gradient * 2^32 + hessian, both small integers, the
 * hessian's sum in [0, 2^31) and the gradient's in (-2^31, 2^31). One 64-bit addition adds
 * both; the upper half of a sum is the gradient exactly. Narrow ones are the same in an int32:
 * gradient * 2^16 + hessian. Integer additions commute, so any split of the rows between
 * threads gives equal histograms. */
#pragma once
#include "engine/kernel/gemm.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KERNEL_BINS 256 /* entries of a byte-binned feature's histogram */

/* Gradients of the logistic loss for n rows: p = 1/(1+exp(-score)), g = w(p-y), h = w p(1-p). */
struct kernel_logistic {
    const double *score, *y, *w; /* w NULL: all 1 */
    size_t n;
    float *g, *h;
    float max_g, max_h; /* out: largest |g| and h */
    double sum_g;       /* out: sum of |g| */
    double loss;        /* out: sum of w * log loss, p clipped to [1e-15, 1 - 1e-15] */
};

/* gh[i] = quantised gradient * 2^16 + quantised hessian: floor(g*g_mul + u) and
 * floor(h*h_mul + v), with u, v in (0,1) drawn from the row number and the seed: unbiased
 * rounding that does not depend on who does which row. |g*g_mul| <= 32000, 0 <= h*h_mul <=
 * 65000. */
struct kernel_quantise {
    const float *g, *h;
    size_t n;
    uint32_t row; /* number of the first row */
    uint32_t seed;
    float g_mul, h_mul;
    int32_t *gh;
};
/* Quantised gradients in the form of a packed histogram's entry. */
static inline int64_t kernel_packed(int32_t gh)
{
    return (int64_t)((uint64_t)(int64_t)(gh >> 16) << 32) + (gh & 0xffff);
}

/* The best of n cuts: the left sum is prefix[i] + extra, the right one total - left, the gain
 * T(L)^2/(HL+l2) + T(R)^2/(HR+l2) with T(G) = max(|G|-l1, 0). Cuts with less hessian than
 * min_h >= 1 on a side do not count. In: gain to beat. Out: the largest gain if above that, and
 * the lowest bin that has it. prefix has room for n rounded up to 4, the last sum repeated. */
struct kernel_cut {
    int64_t total, extra;
    double l1, l2, min_h;
    double gain;
    size_t bin;
};

/* Splits n rows, stably: row i goes to left when bit i % 8 of bits[i / 8] is set, else to
 * right. Exactly n_left rows are written to left, n - n_left to right; the areas must not
 * overlap each other or the rows. */
struct kernel_move {
    const uint32_t *rows;
    const uint8_t *bits;
    size_t n, n_left;
    uint32_t *left, *right;
};

/* Of n rows those marked `mark` get the mark `right` instead, unless the bit of their bin is set:
 * bit b % 8 of left[b / 8]. */
struct kernel_split {
    const uint8_t *bins;
    uint8_t *marks;
    size_t n;
    uint8_t mark, right;
    uint8_t left[KERNEL_BINS / 8];
    size_t n_right; /* out: rows marked anew */
};

/* The rows marked `mark`, ascending, with their gradients if these are asked for. Both outputs
 * have room for three more than are found. */
struct kernel_marked {
    const uint8_t *marks;
    const int32_t *gh; /* of all n rows; NULL: not asked for */
    size_t n;
    uint8_t mark;
    uint32_t row; /* number of the first */
    uint32_t *rows;
    int32_t *rows_gh;
    size_t found; /* out */
};

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
 * KERNEL_ROOTS; slot KERNEL_TEMPS + i holds i in every byte. An op does, byte by byte, out =
 * (int8_t)(plane - bias) > (int8_t)threshold ? right : left               pages == 0 out = bit of
 * the set at the row's code ? right : left                          otherwise A code below 256 *
 * pages is in three planes: which byte of its page (0..31), which bit (as a power of 2), and, where
 * there is more than one page, which page. A page of a set has 32 bytes. */
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

/* score[i] = yesL^2 / drawsL + yesR^2 / drawsR for the left sum prefix[i] + extra and the right
 * sum total - left; negative where a side has fewer than `least` rows. A sum is three fields of
 * KERNEL_COUNT_BITS: rows, draws (0 only without rows), draws that say yes. The arrays have room
 * for n rounded up to 4. */
#define KERNEL_COUNT_BITS 21
struct kernel_count {
    int64_t total, extra, least;
};

/* Rows of a dense row-major matrix.
 *   dots      out[i * k + c] = x_i . w_c for k vectors of d values
 *   slopes    g[j] += sum of slope[i] x_i[j]; g[d] += sum of slope[i]
 *   products  h += sum of weight[i] z_i z_i', z = (x, 1): (d + 1)^2 values, lower triangle */
struct kernel_rows {
    const double *x;
    size_t n, d;
};

/* A mixture of n normal kernels over d numbers, n a multiple of 8: ret becomes the logarithm of
 * its density at x. log_shares: what each kernel has before its distance counts, the logarithms
 * of weight and scale; -infinity for kernels that only fill up the last eight. Overwritten. */
struct kernel_mixture {
    size_t n, d;
    const double *mu, *c; /* [d][n]: where it lies, and 1 / (2 sigma^2) */
};

struct kernels {
    const char *isa;
#define KERNEL(name, args) void(*name) args;
#include "engine/kernel/kernels.def"
#undef KERNEL
};

/* exp: e^x for |x| <= 700 (clamped), relative error below 1e-14. */

enum kernel_isa { KERNEL_GENERIC, KERNEL_AVX2, KERNEL_ISAS };
const struct kernels *kernels_for(enum kernel_isa isa); /* NULL: not on this processor */
const struct kernels *kernels_best(void);

/* Histograms of the rows listed. Byte bins: `width` of them from records[row * stride] on (the
 * last eight bytes that hold any are read); their histograms of KERNEL_BINS entries follow one
 * another. gh[i] goes with rows[i]: int32_t narrow, int64_t packed, two of these exact; an entry
 * is the same. KERNEL_AHEAD rows after the last are read, and their records prefetched. */
#define KERNEL_AHEAD 24
enum kernel_entry { KERNEL_NARROW, KERNEL_PACKED, KERNEL_EXACT };
struct kernel_hist {
    const uint8_t *records;
    const uint32_t *rows;
    size_t n, stride;
    const void *gh;
    unsigned width;
    enum kernel_entry entry;
};
void kernel_hist_bytes(const struct kernel_hist *a, void *hist);
/* The same for one column of 16-bit bins. */
void kernel_hist_wide(const struct kernel_hist *a, const uint16_t *col, void *hist);
/* bits of kernel_move: set where lut[column of the row]; returns how many. */
size_t kernel_flags(const uint8_t *col, const uint32_t *rows, size_t n, const uint8_t *lut,
                    uint8_t *bits);
size_t kernel_flags_wide(const uint16_t *col, const uint32_t *rows, size_t n, const uint8_t *lut,
                         uint8_t *bits);
