/* vec_body.h: the vector kernels, written once in GCC's vector extension.
 *
 * Included by vec_generic.c and vec_avx2.c, which wrap each body in a function of their
 * instruction set. Vectors always have four doubles: a machine with narrower registers does
 * the same lanes in several steps, so sums and products over lanes associate the same way
 * everywhere. Bodies are always inlined and take vectors by pointer: how vectors would be passed
 * depends on the instruction set. Tails shorter than four
 * rows are padded into small arrays and go through the same code. */
#pragma once
#include "engine/kernel/kernel.h"
#include <math.h>
#include <string.h>

#define BODY static inline __attribute__((always_inline)) void

typedef double v4d __attribute__((vector_size(32)));
typedef float v4f __attribute__((vector_size(16)));
typedef int64_t v4l __attribute__((vector_size(32)));
typedef uint64_t v4q __attribute__((vector_size(32)));
typedef int32_t v4i __attribute__((vector_size(16)));
typedef uint32_t v8u __attribute__((vector_size(32)));
typedef float v8f __attribute__((vector_size(32)));
typedef uint8_t v32b __attribute__((vector_size(32)));
typedef int32_t v8i __attribute__((vector_size(32)));

#define SPLAT(type, x)   ((type){ (x), (x), (x), (x) })
#define PICK(mask, a, b) ((v4d)(((mask) & (v4l)(a)) | (~(mask) & (v4l)(b))))
#define ABS(v)           ((v4d)((v4l)(v) & SPLAT(v4l, INT64_MAX)))
#define LOAD(v, p)       memcpy(&(v), (p), sizeof(v))
#define STORE(p, v)      memcpy((p), &(v), sizeof(v))

/* *x becomes e^*x: x = k ln2 + r, |r| <= ln2/2, Taylor polynomial of degree 11 in r (odd and even
 * powers apart: they do not wait for each other), then k is added to the exponent. k comes out of the low mantissa bits of x*log2(e) + 1.5*2^52. */
BODY body_exp4(v4d *x)
{
    static const double c[] = { 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
                                1.0 / 5040,     1.0 / 720,     1.0 / 120,    1.0 / 24,
                                1.0 / 6,        1.0 / 2,       1.0,          1.0 };
    const v4d top = SPLAT(v4d, 700.0), magic = SPLAT(v4d, 0x1.8p52);
    v4d v = *x;
    v = PICK(v > top, top, v);
    v = PICK(v < -top, -top, v);
    v4d t = v * 0x1.71547652b82fep0 + magic;
    v4d k = t - magic;
    v4d r = v - k * 0x1.62e42fee00000p-1;
    r = r - k * 0x1.a39ef35793c76p-33;
    v4d r2 = r * r, odd = SPLAT(v4d, c[0]), even = SPLAT(v4d, c[1]);
#pragma GCC unroll 5
    for (unsigned i = 2; i < sizeof c / sizeof *c; i += 2) {
        odd = odd * r2 + c[i];
        even = even * r2 + c[i + 1];
    }
    v4d s = odd * r + even;
    *x = (v4d)((v4l)s + ((v4l)t << 52));
}

BODY body_exp(const double *x, size_t n, double *out)
{
    size_t i = 0;
    v4d v;
    for (; i + 4 <= n; i += 4) {
        LOAD(v, x + i);
        body_exp4(&v);
        STORE(out + i, v);
    }
    if (i == n) return;
    double tail[4] = { 0, 0, 0, 0 };
    memcpy(tail, x + i, (n - i) * sizeof *x);
    LOAD(v, tail);
    body_exp4(&v);
    STORE(tail, v);
    memcpy(out + i, tail, (n - i) * sizeof *x);
}
