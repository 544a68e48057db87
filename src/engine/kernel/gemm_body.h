/* gemm_body.h: the kernels of neural nets, written once in GCC's vector extension.
 *
 * Included by gemm_generic.c as it is, and by gemm_avx2.c, which says before how a product is added
 * (GEMM_FMA), how a root is taken (GEMM_SQRT), whether registers hold tiles of 16 columns
 * (GEMM_WIDE) and which function attribute names the instruction set (GEMM_TARGET). A tile of c
 * stays in registers over the whole sum; its rows are spelled out by macros, because arrays of
 * vectors are not kept in registers at -O2. Tiles that stick out at the bottom compute their last
 * row several times and store it once. */
#pragma once
#include "engine/kernel/kernel.h"
#include <string.h>

#ifndef GEMM_TARGET /* any processor: product and addition are two roundings */
#include <math.h>
#define GEMM_TARGET
#define GEMM_WIDE         0
#define GEMM_FMA(s, x, y) (s) += (x) * (y)
#define GEMM_SQRT(to, x)                                                                           \
    do {                                                                                           \
        v8f of_ = (x);                                                                             \
        for (int l_ = 0; l_ < KERNEL_LANES; l_++) (to)[l_] = sqrtf(of_[l_]);                       \
    } while (0)
#endif

typedef float v8f __attribute__((vector_size(32)));
typedef int32_t v8m __attribute__((vector_size(32)));

#define GEMM_SPLAT(x)      ((v8f){ (x), (x), (x), (x), (x), (x), (x), (x) })
#define GEMM_GET(v, p)     memcpy(&(v), (p), sizeof(v8f))
#define GEMM_PUT(p, v)     memcpy((p), &(v), sizeof(v8f))
#define GEMM_PICK(m, a, b) ((v8f)(((m) & (v8m)(a)) | (~(m) & (v8m)(b))))
#define GEMM_TILE          GEMM_TARGET static inline __attribute__((always_inline)) void

#define ROWS_4(X) X(0) X(1) X(2) X(3)
#define ROWS_6(X) ROWS_4(X) X(4) X(5)
#define ROWS_8(X) ROWS_6(X) X(6) X(7)

/* Row r of the tile at row `first`, column j: its pointers; the last row again below the end. */
#define TILE_ROW(r)                                                                                \
    size_t at##r = first + (r) < g->m ? first + (r) : g->m - 1;                                    \
    const float *a##r = g->a + g->row[at##r];                                                      \
    float *c##r = g->c + (ptrdiff_t)at##r * g->ldc + j;

#define START(s, p, off)                                                                           \
    if (g->add) GEMM_GET(s, (p) + (off));                                                          \
    else if (g->bias) GEMM_GET(s, g->bias + j + (off));                                            \
    else s = GEMM_SPLAT(0.0f);

#define WIDE_START(r)                                                                              \
    v8f s##r, t##r;                                                                                \
    START(s##r, c##r, 0) START(t##r, c##r, KERNEL_LANES)
#define WIDE_STEP(r)                                                                               \
    x = GEMM_SPLAT(a##r[at]);                                                                      \
    GEMM_FMA(s##r, x, b0);                                                                         \
    GEMM_FMA(t##r, x, b1);
#define WIDE_STORE(r)                                                                              \
    GEMM_PUT(c##r, s##r);                                                                          \
    GEMM_PUT(c##r + KERNEL_LANES, t##r);

#define THIN_START(r)                                                                              \
    v8f s##r;                                                                                      \
    START(s##r, c##r, 0)
#define THIN_STEP(r)                                                                               \
    x = GEMM_SPLAT(a##r[at]);                                                                      \
    GEMM_FMA(s##r, x, b0);
#define THIN_STORE(r) GEMM_PUT(c##r, s##r);

/* The sums of a tile: two nested loops, the inner one of contiguous or strided steps. */
#define TILE_SUM(ROWS, LOAD_B, STEP)                                                               \
    for (size_t o = 0; o < g->k1; o++) {                                                           \
        const float *b = g->b + (ptrdiff_t)o * g->b1 + j;                                          \
        ptrdiff_t at = (ptrdiff_t)o * g->a1;                                                       \
        for (size_t i = 0; i < g->k2; i++, at += g->a2, b += g->b2) {                              \
            v8f x;                                                                                 \
            LOAD_B                                                                                 \
            ROWS(STEP)                                                                             \
        }                                                                                          \
    }
#define LOAD_WIDE                                                                                  \
    v8f b0, b1;                                                                                    \
    GEMM_GET(b0, b);                                                                               \
    GEMM_GET(b1, b + KERNEL_LANES);
#define LOAD_THIN                                                                                  \
    v8f b0;                                                                                        \
    GEMM_GET(b0, b);

/* Sixteen columns of 6 or 4 rows, eight columns of 8 or 4. */
GEMM_TILE tile_6x16(const struct kernel_gemm *g, size_t first,
                    size_t j){ ROWS_6(TILE_ROW) ROWS_6(WIDE_START)
                                   TILE_SUM(ROWS_6, LOAD_WIDE, WIDE_STEP) ROWS_6(WIDE_STORE) }

GEMM_TILE tile_4x16(const struct kernel_gemm *g, size_t first,
                    size_t j){ ROWS_4(TILE_ROW) ROWS_4(WIDE_START)
                                   TILE_SUM(ROWS_4, LOAD_WIDE, WIDE_STEP) ROWS_4(WIDE_STORE) }

GEMM_TILE tile_8x8(const struct kernel_gemm *g, size_t first,
                   size_t j){ ROWS_8(TILE_ROW) ROWS_8(THIN_START)
                                  TILE_SUM(ROWS_8, LOAD_THIN, THIN_STEP) ROWS_8(THIN_STORE) }

GEMM_TILE tile_4x8(const struct kernel_gemm *g, size_t first,
                   size_t j){ ROWS_4(TILE_ROW) ROWS_4(THIN_START)
                                  TILE_SUM(ROWS_4, LOAD_THIN, THIN_STEP) ROWS_4(THIN_STORE) }

/* Six rows at a time where they fill tiles better than four do. */
GEMM_TILE strip_16(const struct kernel_gemm *g, size_t j)
{
    for (size_t first = 0; first < g->m;) {
        size_t left = g->m - first;
        bool six = left == 5 || left == 6 || left > 8;
        if (six) tile_6x16(g, first, j);
        else tile_4x16(g, first, j);
        first += six ? 6 : 4;
    }
}

GEMM_TILE strip_8(const struct kernel_gemm *g, size_t j)
{
    for (size_t first = 0; first < g->m;) {
        bool eight = g->m - first > 4;
        if (eight) tile_8x8(g, first, j);
        else tile_4x8(g, first, j);
        first += eight ? 8 : 4;
    }
}

GEMM_TILE body_gemm(const struct kernel_gemm *g)
{
    size_t j = 0;

    if (g->m == 0) return;
    if (GEMM_WIDE)
        for (; j + 2 * KERNEL_LANES <= g->n; j += 2 * KERNEL_LANES) strip_16(g, j);
    for (; j < g->n; j += KERNEL_LANES) strip_8(g, j);
}

GEMM_TILE body_adam(const struct kernel_adam *a)
{
    const v8f beta1 = GEMM_SPLAT(a->beta1), beta2 = GEMM_SPLAT(a->beta2);
    const v8f rest1 = GEMM_SPLAT(1.0f - a->beta1), rest2 = GEMM_SPLAT(1.0f - a->beta2);
    const v8f scale = GEMM_SPLAT(a->scale), keep = GEMM_SPLAT(1.0f - a->decay);
    const v8f rate = GEMM_SPLAT(a->rate * a->fix1), fix2 = GEMM_SPLAT(a->fix2);
    const v8f epsilon = GEMM_SPLAT(a->epsilon);
    const v8f tiny1 = GEMM_SPLAT(1e-20f), tiny2 = GEMM_SPLAT(1e-25f);

    for (size_t i = 0; i < a->n; i += KERNEL_LANES) {
        v8f g, w, m, v, root;
        GEMM_GET(g, a->grad[0] + i);
        for (size_t p = 1; p < a->parts; p++) {
            v8f more;
            GEMM_GET(more, a->grad[p] + i);
            g += more;
        }
        g *= scale;
        GEMM_GET(w, a->w + i);
        GEMM_GET(m, a->m + i);
        GEMM_GET(v, a->v + i);
        m = (beta1 * m + rest1 * g + tiny1) - tiny1;
        v = (beta2 * v + rest2 * (g * g) + tiny2) - tiny2;
        GEMM_SQRT(root, v * fix2);
        w = w * keep - rate * m / (root + epsilon);
        GEMM_PUT(a->w + i, w);
        GEMM_PUT(a->m + i, m);
        GEMM_PUT(a->v + i, v);
    }
}

GEMM_TILE body_pool(const struct kernel_pool *p)
{
    size_t line = p->w * p->stride;
    float *out = p->y;

    for (size_t py = 0; py < p->oh; py++)
        for (size_t px = 0; px < p->ow; px++) {
            const float *at = p->x + py * p->side * line + px * p->side * p->stride;
            for (size_t c = 0; c < p->stride; c += KERNEL_LANES, out += KERNEL_LANES) {
                v8f top, v;
                GEMM_GET(top, at + c);
                for (size_t dy = 0; dy < p->side; dy++)
                    for (size_t dx = 0; dx < p->side; dx++) {
                        GEMM_GET(v, at + dy * line + dx * p->stride + c);
                        top = GEMM_PICK(v > top, v, top);
                    }
                GEMM_PUT(out, top);
            }
        }
}

GEMM_TILE body_pool_back(const struct kernel_pool *p)
{
    size_t line = p->w * p->stride;
    const float *y = p->y, *dy = p->dy;

    for (size_t py = 0; py < p->oh; py++)
        for (size_t px = 0; px < p->ow; px++) {
            size_t at = py * p->side * line + px * p->side * p->stride;
            for (size_t c = 0; c < p->stride; c += KERNEL_LANES) {
                v8f top, left, v;
                GEMM_GET(top, y);
                GEMM_GET(left, dy);
                y += KERNEL_LANES;
                dy += KERNEL_LANES;
                for (size_t i = 0; i < p->side; i++)
                    for (size_t k = 0; k < p->side; k++) {
                        size_t off = at + i * line + k * p->stride + c;
                        GEMM_GET(v, p->x + off);
                        v8m here = v == top;
                        v8f part = (v8f)(here & (v8m)left);
                        GEMM_PUT(p->dx + off, part);
                        left = (v8f)(~here & (v8m)left);
                    }
            }
        }
}

GEMM_TILE body_relu(const float *x, size_t n, float *out)
{
    const v8f zero = { 0 };

    for (size_t i = 0; i < n; i += KERNEL_LANES) {
        v8f v;
        GEMM_GET(v, x + i);
        v = (v8f)((v > zero) & (v8m)v);
        GEMM_PUT(out + i, v);
    }
}

GEMM_TILE body_relu_back(const float *y, size_t n, float *d)
{
    const v8f zero = { 0 };

    for (size_t i = 0; i < n; i += KERNEL_LANES) {
        v8f v, g;
        GEMM_GET(v, y + i);
        GEMM_GET(g, d + i);
        g = (v8f)((v > zero) & (v8m)g);
        GEMM_PUT(d + i, g);
    }
}
