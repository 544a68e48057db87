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
typedef int32_t v4i __attribute__((vector_size(16)));
typedef uint32_t v4u __attribute__((vector_size(16)));
typedef uint8_t v32b __attribute__((vector_size(32)));
typedef int32_t v8i __attribute__((vector_size(32)));

#define SPLAT(type, x)   ((type){ (x), (x), (x), (x) })
#define PICK(mask, a, b) ((v4d)(((mask) & (v4l)(a)) | (~(mask) & (v4l)(b))))
#define LOAD(v, p)       memcpy(&(v), (p), sizeof(v))
#define STORE(p, v)      memcpy((p), &(v), sizeof(v))

/* *x becomes e^*x: x = k ln2 + r, |r| <= ln2/2, Taylor polynomial of degree 11 in r, then k is
 * added to the exponent. k comes out of the low mantissa bits of x*log2(e) + 1.5*2^52. */
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
    v4d s = SPLAT(v4d, c[0]);
    for (unsigned i = 1; i < sizeof c / sizeof *c; i++) s = s * r + c[i];
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

/* What runs along over the rows: largest values, and the loss as a product of likelihoods
 * whose logarithm is taken every 16 steps (1e-15^16 is far above the smallest double). */
struct logistic_state {
    v4d max_g, max_h, prod, loss;
};

BODY body_logistic4(struct logistic_state *st, const v4d *s, const v4d *y, v4d *g, v4d *h)
{
    const v4d one = SPLAT(v4d, 1.0), eps = SPLAT(v4d, 1e-15);
    const v4l sign = SPLAT(v4l, INT64_MAX);
    v4d e = -*s;
    body_exp4(&e);
    v4d p = one / (one + e);
    *g = p - *y;
    *h = p * (one - p);
    v4d like = one - (v4d)((v4l)*g & sign);
    like = PICK(like < eps, eps, like);
    st->prod *= like;
}

BODY body_logistic_max(struct logistic_state *st, const v4d *g, const v4d *h)
{
    v4d abs_g = (v4d)((v4l)*g & SPLAT(v4l, INT64_MAX));
    st->max_g = PICK(abs_g > st->max_g, abs_g, st->max_g);
    st->max_h = PICK(*h > st->max_h, *h, st->max_h);
}

BODY body_logistic_log(struct logistic_state *st, const v4d *w)
{
    double p[4];
    STORE(p, st->prod);
    v4d l = { -log(p[0]), -log(p[1]), -log(p[2]), -log(p[3]) };
    st->loss += l * *w;
    st->prod = SPLAT(v4d, 1.0);
}

/* Four rows from i on; fewer at the end, padded with rows of weight 0. */
BODY body_logistic_step(struct kernel_logistic *a, struct logistic_state *st, size_t i, size_t m)
{
    v4d s = SPLAT(v4d, 0.0), y = s, w = s, g, h;
    double ws[4] = { 0, 0, 0, 0 };
    memcpy(&s, a->score + i, m * sizeof(double));
    memcpy(&y, a->y + i, m * sizeof(double));
    for (size_t j = 0; j < m; j++) ws[j] = a->w ? a->w[i + j] : 1.0;
    LOAD(w, ws);
    body_logistic4(st, &s, &y, &g, &h);
    if (a->w || m < 4) {
        g *= w;
        h *= w;
        body_logistic_log(st, &w);
    }
    body_logistic_max(st, &g, &h);
    v4f gf = __builtin_convertvector(g, v4f), hf = __builtin_convertvector(h, v4f);
    memcpy(a->g + i, &gf, m * sizeof(float));
    memcpy(a->h + i, &hf, m * sizeof(float));
}

BODY body_logistic(struct kernel_logistic *a)
{
    struct logistic_state st = { .prod = SPLAT(v4d, 1.0) };
    const v4d one = SPLAT(v4d, 1.0);
    size_t i = 0;
    for (unsigned steps = 0; i + 4 <= a->n; i += 4) {
        body_logistic_step(a, &st, i, 4);
        if (!a->w && ++steps == 16) {
            body_logistic_log(&st, &one);
            steps = 0;
        }
    }
    if (!a->w) body_logistic_log(&st, &one);
    if (i < a->n) body_logistic_step(a, &st, i, a->n - i);
    double mg = 0, mh = 0;
    for (int j = 0; j < 4; j++) {
        if (st.max_g[j] > mg) mg = st.max_g[j];
        if (st.max_h[j] > mh) mh = st.max_h[j];
    }
    a->max_g = (float)mg;
    a->max_h = (float)mh;
    a->loss = (st.loss[0] + st.loss[1]) + (st.loss[2] + st.loss[3]);
}

/* 32 mixed bits a row (finaliser of MurmurHash3), used as two 16-bit fractions. */
BODY body_mix4(v4u *x)
{
    v4u v = *x * 0x9e3779b1u;
    v ^= v >> 16;
    v *= 0x85ebca6bu;
    v ^= v >> 13;
    v *= 0xc2b2ae35u;
    *x = v ^ (v >> 16);
}

BODY body_quantise4(const struct kernel_quantise *a, size_t i, v4f gf, v4f hf, v4l *out)
{
    const double bias = 0x1p30; /* makes the truncation a floor */
    v4u lane = { 0, 1, 2, 3 };
    v4u x = lane + (a->row + (uint32_t)i);
    body_mix4(&x);
    x ^= a->seed;
    body_mix4(&x);
    v4d u = __builtin_convertvector((v4i)(x & 0xffffu), v4d) * 0x1p-16 + 0x1p-17;
    v4d v = __builtin_convertvector((v4i)(x >> 16), v4d) * 0x1p-16 + 0x1p-17;
    v4d g = __builtin_convertvector(gf, v4d) * a->g_mul + u + bias;
    v4d h = __builtin_convertvector(hf, v4d) * a->h_mul + v;
    v4i gi = __builtin_convertvector(g, v4i) - (1 << 30);
    v4i hi = __builtin_convertvector(h, v4i);
    v4l gl = __builtin_convertvector(gi, v4l), hl = __builtin_convertvector(hi, v4l);
    *out = (gl << 32) + hl;
}

BODY body_quantise(const struct kernel_quantise *a)
{
    size_t i = 0;
    v4f g, h;
    v4l q;
    for (; i + 4 <= a->n; i += 4) {
        LOAD(g, a->g + i);
        LOAD(h, a->h + i);
        body_quantise4(a, i, g, h, &q);
        STORE(a->gh + i, q);
    }
    if (i == a->n) return;
    g = h = SPLAT(v4f, 0.0f);
    memcpy(&g, a->g + i, (a->n - i) * sizeof(float));
    memcpy(&h, a->h + i, (a->n - i) * sizeof(float));
    body_quantise4(a, i, g, h, &q);
    memcpy(a->gh + i, &q, (a->n - i) * sizeof(int64_t));
}

/* Gain of one side, whose packed sums are s. */
BODY body_side4(const v4l *s, double l1, double l2, v4d *ret)
{
    v8i w = (v8i)*s;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    v4i hi = __builtin_shufflevector(w, w, 1, 3, 5, 7);
    v4i lo = __builtin_shufflevector(w, w, 0, 2, 4, 6);
#else
    v4i hi = __builtin_shufflevector(w, w, 0, 2, 4, 6);
    v4i lo = __builtin_shufflevector(w, w, 1, 3, 5, 7);
#endif
    v4d g = __builtin_convertvector(hi, v4d);
    v4d h = __builtin_convertvector(lo, v4d) + l2;
    g = (v4d)((v4l)g & SPLAT(v4l, INT64_MAX)) - l1;
    g = PICK(g > SPLAT(v4d, 0.0), g, SPLAT(v4d, 0.0));
    *ret = g * g / h;
}

BODY body_split_gain(const int64_t *prefix, size_t n, const struct kernel_gain *a, double *gain)
{
    for (size_t i = 0; i < n; i += 4) {
        v4l left;
        LOAD(left, prefix + i);
        left += a->extra;
        v4d l, r;
        body_side4(&left, a->l1, a->l2, &l);
        left = a->total - left;
        body_side4(&left, a->l1, a->l2, &r);
        l += r;
        STORE(gain + i, l);
    }
}
