/* vec_avx2.c: the vector kernels compiled for AVX2, called only where the processor has it
 * (dispatch.c). No fused multiply-add: results equal those of vec_generic.c. Any thread. */
#include "engine/kernel/variants.h"

#ifdef KERNEL_HAVE_AVX2
#include "engine/kernel/vec_body.h"
#include "engine/kernel/vec_tree.h"

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

AVX2 void kernel_exp_avx2(const double *x, size_t n, double *out)
{
    body_exp(x, n, out);
}

AVX2 void kernel_logistic_avx2(struct kernel_logistic *a)
{
    body_logistic(a);
}

AVX2 void kernel_quantise_avx2(const struct kernel_quantise *a)
{
    body_quantise(a);
}

AVX2 void kernel_split_gain_avx2(const int64_t *prefix, size_t n, const struct kernel_gain *a,
                                 double *gain)
{
    body_split_gain(prefix, n, a, gain);
}

AVX2 void kernel_tree_block_avx2(const struct kernel_op *ops, size_t n, const uint8_t *planes,
                                 uint8_t *slots)
{
    body_tree_block(ops, n, planes, slots);
}

/* Bytes at[i] of 64, held as four quarters of 16 in both halves of a register: a shuffle looks
 * up the low four bits in each quarter, then bits 4 and 5 choose. */
AVX2 static inline __m256i pick64(const __m256i q[4], __m256i at)
{
    __m256i bit4 = _mm256_slli_epi16(at, 3), bit5 = _mm256_slli_epi16(at, 2);
    __m256i lo =
        _mm256_blendv_epi8(_mm256_shuffle_epi8(q[0], at), _mm256_shuffle_epi8(q[1], at), bit4);
    __m256i hi =
        _mm256_blendv_epi8(_mm256_shuffle_epi8(q[2], at), _mm256_shuffle_epi8(q[3], at), bit4);
    return _mm256_blendv_epi8(lo, hi, bit5);
}

/* Number of the leaf reached when the nodes' bytes are x. */
AVX2 static inline unsigned exit_leaf(const struct kernel_row_tree *t, __m256i x)
{
    __m256i threshold, a, b, c, d;

    LOAD(threshold, t->threshold);
    LOAD(a, t->keep);
    LOAD(b, t->keep + 8);
    LOAD(c, t->keep + 16);
    LOAD(d, t->keep + 24);
    __m256i yes = _mm256_cmpeq_epi8(_mm256_min_epu8(x, threshold), x);
    __m128i lo = _mm256_castsi256_si128(yes), hi = _mm256_extracti128_si256(yes, 1);
    a = _mm256_or_si256(_mm256_cvtepi8_epi32(lo), a);
    b = _mm256_or_si256(_mm256_cvtepi8_epi32(_mm_srli_si128(lo, 8)), b);
    c = _mm256_or_si256(_mm256_cvtepi8_epi32(hi), c);
    d = _mm256_or_si256(_mm256_cvtepi8_epi32(_mm_srli_si128(hi, 8)), d);
    a = _mm256_and_si256(_mm256_and_si256(a, b), _mm256_and_si256(c, d));
    lo = _mm_and_si128(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    uint64_t both = (uint64_t)_mm_cvtsi128_si64(_mm_and_si128(lo, _mm_srli_si128(lo, 8)));
    return (unsigned)__builtin_ctz((uint32_t)both & (uint32_t)(both >> 32));
}

AVX2 static void few_planes(const struct kernel_row_tree *trees, size_t n,
                            const struct kernel_row *row)
{
    __m256i q[4];
    size_t c = 0;

    for (int i = 0; i < 4; i++) {
        __m128i half;
        LOAD(half, row->bytes + 16 * i);
        q[i] = _mm256_broadcastsi128_si256(half);
    }
    for (const struct kernel_row_tree *t = trees; t < trees + n; t++) {
        __m256i at;
        LOAD(at, t->near);
        row->score[c] += t->value[exit_leaf(t, pick64(q, at))];
        if (++c == row->k) c = 0;
    }
}

/* The bytes of nodes [i, i + 8). Put together in a register: a vector read right after bytes
 * written singly would wait for them. */
AVX2 static inline int64_t eight_bytes(const struct kernel_row_tree *t, int i, const uint8_t *bytes)
{
    uint64_t w = 0;

#pragma GCC unroll 8
    for (int j = 0; j < 8; j++) w |= (uint64_t)bytes[t->plane[i + j]] << (8 * j);
    return (int64_t)w;
}

AVX2 static void many_planes(const struct kernel_row_tree *trees, size_t n,
                             const struct kernel_row *row)
{
    const uint8_t *b = row->bytes;
    size_t c = 0;

    for (const struct kernel_row_tree *t = trees; t < trees + n; t++) {
        __m256i x = _mm256_set_epi64x(eight_bytes(t, 24, b), eight_bytes(t, 16, b),
                                      eight_bytes(t, 8, b), eight_bytes(t, 0, b));
        row->score[c] += t->value[exit_leaf(t, x)];
        if (++c == row->k) c = 0;
    }
}

AVX2 void kernel_tree_rows_avx2(const struct kernel_row_tree *trees, size_t n,
                                const struct kernel_row *row)
{
    if (row->n_planes <= KERNEL_FEW_PLANES) few_planes(trees, n, row);
    else many_planes(trees, n, row);
}
#endif
