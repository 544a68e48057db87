/* gemm.h: what the kernels of neural nets are given; included by kernel.h.
 *
 * Matrices are float32, row-major, and every row that is written has a multiple of KERNEL_LANES
 * columns. A sum is built up in one order, from its start value over k ascending, whatever the
 * shape of the call: the result of a row does not depend on the rows beside it. Unlike the other
 * kernels these fuse multiplication and addition where the processor does, so instruction sets
 * differ in the last bits; the integer kernel is equal everywhere. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KERNEL_LANES 8

/* c[r][j] = start + sum over o < k1, i < k2 of a[row[r] + o a1 + i a2] * b[o b1 + i b2 + j] for
 * r < m, j < n. Start is c itself where `add`, else bias[j], else 0. With its two strides and a
 * table of rows one kernel does plain and transposed products and, without a copy, convolution:
 * rows are windows, which overlap; o goes over the lines of a window, i along a line. */
struct kernel_gemm {
    size_t m, n; /* n: a multiple of KERNEL_LANES */
    size_t k1, k2;
    const float *a;
    const int32_t *row;
    ptrdiff_t a1, a2;
    const float *b;
    ptrdiff_t b1, b2;
    float *c;
    ptrdiff_t ldc;
    const float *bias;
    bool add;
};

/* A step of Adam (Kingma and Ba 2015) with decoupled weight decay. The gradient is scale times
 * the sum of `parts` arrays, added in order. Means too small to matter become 0: they would end as
 * denormal numbers, which processors are slow with. */
struct kernel_adam {
    float *w, *m, *v;
    const float *const *grad;
    size_t parts;
    size_t n; /* a multiple of KERNEL_LANES */
    float scale, rate, beta1, beta2, epsilon;
    float decay;      /* w is first multiplied by 1 - decay */
    float fix1, fix2; /* 1 / (1 - beta1^t), 1 / (1 - beta2^t) */
};

/* c[r][j] = sum over o < k1, i < k2 of a[row[r] + o a1 + i] * b, in integers, exactly: a in
 * [0, 127], b in [-127, 127] and no more than 2^17 products a sum. k2 is a multiple of 4 and b
 * is packed: four successive i of one column j are four successive bytes, at
 * b[((o k2 + i) / 4 * n + j) * 4 + i % 4]. */
struct kernel_gemm8 {
    size_t m, n;
    size_t k1, k2;
    const uint8_t *a;
    const int32_t *row;
    ptrdiff_t a1;
    const int8_t *b;
    int32_t *c;
    ptrdiff_t ldc;
};

/* Largest values of side x side windows of an image of w pixels a line, `stride` channels a pixel,
 * a multiple of KERNEL_LANES; oh x ow windows. Backwards the gradient dy of a window goes to the
 * first pixel that is equal to y, and nowhere if none is; the others of dx in windows become 0. */
struct kernel_pool {
    size_t oh, ow, w, stride, side;
    const float *x;
    float *y;        /* out; backwards in, where RELU may have set what was negative to 0 */
    const float *dy; /* backwards */
    float *dx;
};
/* relu: out[i] = max(x[i], 0); relu_back: d[i] = 0 unless y[i] > 0. n: a multiple of
 * KERNEL_LANES. Like pool, equal everywhere. */
