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
#include "engine/kernel/tree.h"
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
