/* vec_boost.h: the vector kernels of boosting, in the manner of vec_body.h: gradients of the
 * logistic loss, their rounding to integers, histograms made wider, their best cut. */
#pragma once
#include "engine/kernel/vec_body.h"

/* What runs along over the rows: largest values, sums, and the loss of rows without weights as
 * a product of likelihoods, whose binary exponents are taken off as it grows: one logarithm at
 * the end will do. */
struct logistic_state {
    v4d max_g, max_h, sum_g, prod, loss;
    v4q exponents;
};

BODY body_max4(v4d *max, const v4d *v)
{
    *max = PICK(*v > *max, *v, *max);
}

/* Gradients of four rows of weight 1; like: how likely their targets are. */
BODY body_logistic4(const v4d *s, const v4d *y, v4d *g, v4d *h, v4d *like)
{
    const v4d one = SPLAT(v4d, 1.0), eps = SPLAT(v4d, 1e-15);
    v4d e = -*s;
    body_exp4(&e);
    v4d p = one / (one + e);
    *g = p - *y;
    *h = p * (one - p);
    *like = one - ABS(*g);
    *like = PICK(*like < eps, eps, *like);
}

BODY body_logistic_keep(struct logistic_state *st, const v4d *g, const v4d *h, size_t m, float *gf,
                        float *hf)
{
    v4d abs_g = ABS(*g);
    body_max4(&st->max_g, &abs_g);
    body_max4(&st->max_h, h);
    st->sum_g += abs_g;
    v4f g4 = __builtin_convertvector(*g, v4f), h4 = __builtin_convertvector(*h, v4f);
    memcpy(gf, &g4, m * sizeof(float));
    memcpy(hf, &h4, m * sizeof(float));
}

/* m <= 4 rows from i on, with weights; missing ones are padded with rows of weight 0. */
BODY body_logistic_some(struct kernel_logistic *a, struct logistic_state *st, size_t i, size_t m)
{
    v4d s = SPLAT(v4d, 0.0), y = s, w, g, h, like;
    double ws[4] = { 0, 0, 0, 0 };
    memcpy(&s, a->score + i, m * sizeof(double));
    memcpy(&y, a->y + i, m * sizeof(double));
    for (size_t j = 0; j < m; j++) ws[j] = a->w ? a->w[i + j] : 1.0;
    LOAD(w, ws);
    body_logistic4(&s, &y, &g, &h, &like);
    g *= w;
    h *= w;
    st->loss += (v4d){ -log(like[0]), -log(like[1]), -log(like[2]), -log(like[3]) } * w;
    body_logistic_keep(st, &g, &h, m, a->g + i, a->h + i);
}

/* Four rows of weight 1. */
BODY body_logistic_plain(struct kernel_logistic *a, struct logistic_state *st, size_t i)
{
    v4d s, y, g, h, like;
    LOAD(s, a->score + i);
    LOAD(y, a->y + i);
    body_logistic4(&s, &y, &g, &h, &like);
    body_logistic_keep(st, &g, &h, 4, a->g + i, a->h + i);
    v4q bits = (v4q)(st->prod * like);
    st->exponents += bits >> 52;
    st->prod = (v4d)((bits & ((UINT64_C(1) << 52) - 1)) | (UINT64_C(1023) << 52));
}

BODY body_logistic(struct kernel_logistic *a)
{
    struct logistic_state st = { .prod = SPLAT(v4d, 1.0) };
    size_t i = 0;
    if (!a->w)
        for (; i + 4 <= a->n; i += 4) body_logistic_plain(a, &st, i);
    for (int j = 0; j < 4; j++) {
        double exponent = (double)(int64_t)st.exponents[j] - 1023.0 * (double)(i / 4);
        st.loss[j] -= log(st.prod[j]) + exponent * 0.693147180559945309417;
    }
    for (; i + 4 <= a->n; i += 4) body_logistic_some(a, &st, i, 4);
    if (i < a->n) body_logistic_some(a, &st, i, a->n - i);
    double mg = 0, mh = 0;
    for (int j = 0; j < 4; j++) {
        if (st.max_g[j] > mg) mg = st.max_g[j];
        if (st.max_h[j] > mh) mh = st.max_h[j];
    }
    a->max_g = (float)mg;
    a->max_h = (float)mh;
    a->sum_g = (st.sum_g[0] + st.sum_g[1]) + (st.sum_g[2] + st.sum_g[3]);
    a->loss = (st.loss[0] + st.loss[1]) + (st.loss[2] + st.loss[3]);
}

/* 32 mixed bits a row (multiplications and shifts of MurmurHash3's finaliser), used as two
 * 16-bit fractions. */
BODY body_mix8(v8u *x)
{
    v8u v = *x;
    v ^= v >> 16;
    v *= 0x85ebca6bu;
    v ^= v >> 13;
    v *= 0xc2b2ae35u;
    *x = v ^ (v >> 16);
}

BODY body_quantise8(const struct kernel_quantise *a, size_t i, const v8f *g, const v8f *h,
                    int32_t *out)
{
    const float bias = 0x1p15f; /* makes the truncation a floor */
    v8u row = (v8u){ 0, 1, 2, 3, 4, 5, 6, 7 } + (a->row + (uint32_t)i);
    v8u x = row * 0x9e3779b1u ^ a->seed;
    body_mix8(&x);
    v8f u = __builtin_convertvector((v8i)(x & 0xffffu), v8f) * 0x1p-16f + 0x1p-17f;
    v8f v = __builtin_convertvector((v8i)(x >> 16), v8f) * 0x1p-16f + 0x1p-17f;
    v8i gi = __builtin_convertvector(*g * a->g_mul + u + bias, v8i) - 32768;
    v8i hi = __builtin_convertvector(*h * a->h_mul + v, v8i);
    v8u q = (v8u)gi << 16 | (v8u)hi;
    STORE(out, q);
}

BODY body_quantise(const struct kernel_quantise *a)
{
    size_t i = 0;
    v8f g, h;
    int32_t tail[8];
    for (; i + 8 <= a->n; i += 8) {
        LOAD(g, a->g + i);
        LOAD(h, a->h + i);
        body_quantise8(a, i, &g, &h, a->gh + i);
    }
    if (i == a->n) return;
    g = h = (v8f){ 0 };
    memcpy(&g, a->g + i, (a->n - i) * sizeof(float));
    memcpy(&h, a->h + i, (a->n - i) * sizeof(float));
    body_quantise8(a, i, &g, &h, tail);
    memcpy(a->gh + i, tail, (a->n - i) * sizeof *tail);
}

/* Sums of |gradient| and hessian of quantised gradients; each below 2^31. */
BODY body_weigh(const int32_t *gh, size_t n, uint32_t *sum_g, uint32_t *sum_h)
{
    v8i g8 = { 0 }, h8 = g8, v;
    int32_t g = 0, h = 0;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        LOAD(v, gh + i);
        v8i d = v >> 16, sign = v >> 31;
        g8 += (d ^ sign) - sign;
        h8 += v & 0xffff;
    }
    for (; i < n; i++) {
        int32_t d = gh[i] >> 16;
        g += d < 0 ? -d : d;
        h += gh[i] & 0xffff;
    }
    for (int j = 0; j < 8; j++) {
        g += g8[j];
        h += h8[j];
    }
    *sum_g = (uint32_t)g;
    *sum_h = (uint32_t)h;
}

/* Adds n narrow entries to packed ones, and clears them. n is a multiple of 8. */
BODY body_widen(int32_t *narrow, size_t n, int64_t *hist)
{
    const v8i zero = { 0 };

    for (size_t i = 0; i < n; i += 8) {
        v8i v;
        v4l first, last;
        LOAD(v, narrow + i);
        LOAD(first, hist + i);
        LOAD(last, hist + i + 4);
        v8i g = v >> 16, h = v & 0xffff;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        first += (v4l)__builtin_shufflevector(h, g, 0, 8, 1, 9, 2, 10, 3, 11);
        last += (v4l)__builtin_shufflevector(h, g, 4, 12, 5, 13, 6, 14, 7, 15);
#else
        first += (v4l)__builtin_shufflevector(g, h, 0, 8, 1, 9, 2, 10, 3, 11);
        last += (v4l)__builtin_shufflevector(g, h, 4, 12, 5, 13, 6, 14, 7, 15);
#endif
        STORE(hist + i, first);
        STORE(hist + i + 4, last);
        STORE(narrow + i, zero);
    }
}

/* Gradient, shrunk by l1, and hessian of four packed sums. */
BODY body_sums4(const v4l *s, double l1, v4d *ret_g, v4d *ret_h)
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
    *ret_h = __builtin_convertvector(lo, v4d);
    if (l1 > 0) {
        g = ABS(g) - l1;
        g = PICK(g > SPLAT(v4d, 0.0), g, SPLAT(v4d, 0.0));
    }
    *ret_g = g;
}

/* One division for both sides: A^2/a + B^2/b = (A^2 b + B^2 a) / (a b). */
BODY body_best_cut(const int64_t *prefix, size_t n, struct kernel_cut *a)
{
    v4d best = SPLAT(v4d, a->gain);
    v4l at = SPLAT(v4l, -1), bin = { 0, 1, 2, 3 };
    for (size_t i = 0; i < n; i += 4, bin += 4) {
        v4l left, right;
        LOAD(left, prefix + i);
        left += a->extra;
        right = a->total - left;
        v4d gl, hl, gr, hr;
        body_sums4(&left, a->l1, &gl, &hl);
        body_sums4(&right, a->l1, &gr, &hr);
        v4l ok = (hl >= a->min_h) & (hr >= a->min_h);
        hl += a->l2;
        hr += a->l2;
        v4d gain = (gl * gl * hr + gr * gr * hl) / (hl * hr);
        ok &= gain > best;
        best = PICK(ok, gain, best);
        at = (ok & bin) | (~ok & at);
    }
    for (int j = 0; j < 4; j++) {
        if (at[j] < 0 || best[j] < a->gain) continue;
        if (best[j] > a->gain || (size_t)at[j] < a->bin) a->bin = (size_t)at[j];
        a->gain = best[j];
    }
}
