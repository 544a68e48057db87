/* vec_avx2.c: the vector kernels compiled for AVX2, called only where the processor has it
 * (dispatch.c). No fused multiply-add: results equal those of vec_generic.c. Any thread. */
#include "engine/kernel/variants.h"

#ifdef KERNEL_HAVE_AVX2
#include "engine/kernel/vec_body.h"

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

/* At most 32 planes: a shuffle fetches the bytes of all nodes. It picks among 16 bytes by the
 * low four bits, so both halves are looked up and bit 4 chooses. */
AVX2 static void few_planes(const struct kernel_row_tree *trees, size_t n,
                            const struct kernel_row *row)
{
    __m128i half[2];
    size_t c = 0;

    LOAD(half, row->bytes);
    __m256i lo = _mm256_broadcastsi128_si256(half[0]);
    __m256i hi = _mm256_broadcastsi128_si256(half[1]);

    for (const struct kernel_row_tree *t = trees; t < trees + n; t++) {
        __m256i at;
        LOAD(at, t->near);
        __m256i high = _mm256_slli_epi16(at, 3); /* bit 4 becomes the top bit of its byte */
        v32b x = (v32b)_mm256_blendv_epi8(_mm256_shuffle_epi8(lo, at), _mm256_shuffle_epi8(hi, at),
                                          high);
        row->score[c] += t->value[body_exit_leaf(t, &x)];
        if (++c == row->k) c = 0;
    }
}

AVX2 void kernel_tree_rows_avx2(const struct kernel_row_tree *trees, size_t n,
                                const struct kernel_row *row)
{
    if (row->n_planes <= 32) few_planes(trees, n, row);
    else body_tree_rows(trees, n, row);
}
#endif
