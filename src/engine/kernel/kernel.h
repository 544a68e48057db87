/* kernel.h: the innermost loops of the engine, with one variant per instruction set.
 *
 * A kernel is pure arithmetic over arrays: no allocation, no branches on the environment. The
 * variant is chosen once per fit from what the processor can do (kernels_best), and all
 * variants give the same bits, so results never depend on the machine's instruction set: they
 * are compiled from one body (vec_body.h) in which the number of lanes is fixed and every
 * operation is written out; contraction into fused multiply-add is off for the whole build.
 *
 * Histograms hold packed sums: one int64 = gradient * 2^32 + hessian, both small integers, the
 * hessian's sum in [0, 2^31) and the gradient's in (-2^31, 2^31). One 64-bit addition adds
 * both; the upper half of a sum is the gradient exactly. Integer additions commute, so any
 * split of the rows between threads gives equal histograms. */
#pragma once
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
    double loss;        /* out: sum of w * log loss, p clipped to [1e-15, 1 - 1e-15] */
};

/* gh[i] = packed floor(g*g_mul + u), floor(h*h_mul + v), with u, v in (0,1) drawn from the
 * row number and the seed: unbiased rounding that does not depend on who does which row. */
struct kernel_quantise {
    const float *g, *h;
    size_t n;
    uint32_t row; /* number of the first row */
    uint32_t seed;
    double g_mul, h_mul;
    int64_t *gh;
};

/* gain[i] = T(L)^2/(HL+l2) + T(R)^2/(HR+l2) for the left sum prefix[i]+extra and the right sum
 * total-left; T(G) = max(|G|-l1, 0). The arrays have room for n rounded up to 4. Where an
 * empty side makes a denominator 0 the gain is infinite or NaN: not to be looked at. */
struct kernel_gain {
    int64_t total, extra;
    double l1, l2;
};

/* Trees on a block of KERNEL_ROWS rows, from the leaves up, without branches. A slot has a byte
 * a row: the number of the leaf that the row would reach below some node. Slots 0 ..
 * KERNEL_TEMPS - 1 are results; slot KERNEL_TEMPS + i holds i in every byte. An op does
 *   out = plane <= threshold ? left : right      byte by byte
 * and the last op of a tree has out = 0. */
#define KERNEL_ROWS  64
#define KERNEL_TEMPS 16
#define KERNEL_SLOTS (KERNEL_TEMPS + 256)
struct kernel_op {
    uint16_t plane, left, right;
    uint8_t out, threshold;
};

/* Trees of up to 32 leaves on one row, all nodes at once: node i's byte is the row's at
 * plane[i], and unless it is <= threshold[i] the leaves of keep[i] (all but those below its
 * left child) remain. The leaf reached is the lowest one left; leaves are numbered from the
 * left. Unused nodes have threshold 255. */
#define KERNEL_ROW_LEAVES 32
#define KERNEL_FEW_PLANES 64 /* so many fit in registers */
struct kernel_row_tree {
    uint8_t near[KERNEL_ROW_LEAVES]; /* plane in a byte, where there are few */
    uint8_t threshold[KERNEL_ROW_LEAVES];
    uint32_t keep[KERNEL_ROW_LEAVES];
    double value[KERNEL_ROW_LEAVES];
    uint16_t plane[KERNEL_ROW_LEAVES];
};
/* score[t % k] += value of the leaf in tree t, in the order of trees. */
struct kernel_row {
    const uint8_t *bytes; /* at least KERNEL_FEW_PLANES readable */
    unsigned n_planes;
    size_t k;
    double *score;
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

/* Histograms of byte bins. Row r's bins are at bins[r * stride ...], `width` of them (1..8);
 * hist has width * KERNEL_BINS entries. rows NULL: rows first .. first + n - 1. */
struct kernel_hist {
    const uint8_t *bins;
    size_t stride;
    unsigned width;
    const uint32_t *rows;
    size_t first, n;
    bool fetch;        /* the records are not in the cache yet */
    const int64_t *gh; /* per position, not per row number */
};
void kernel_hist_bytes(const struct kernel_hist *a, int64_t *hist);
/* The same for one column of 16-bit bins. */
void kernel_hist_wide(const uint16_t *col, const struct kernel_hist *a, int64_t *hist);
