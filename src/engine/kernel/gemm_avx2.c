/* gemm_avx2.c: the kernels of neural nets for AVX2 with fused multiply-add, called only where
 * the processor has both (dispatch.c). The integer kernel multiplies bytes in pairs
 * (vpmaddubsw): 127 * 127 * 2 fits in 16 bits, so nothing saturates and sums are exact. */
#include "engine/kernel/variants.h"

#ifdef KERNEL_HAVE_AVX2
#include <immintrin.h>

#define GEMM_TARGET       __attribute__((target("avx2,fma")))
#define GEMM_FMA(s, x, y) (s) = _mm256_fmadd_ps((x), (y), (s))
#define GEMM_SQRT(to, x)  (to) = _mm256_sqrt_ps(x)
#define GEMM_WIDE         1
#include "engine/kernel/gemm_body.h"

GEMM_TARGET void kernel_gemm_avx2(const struct kernel_gemm *g)
{
    body_gemm(g);
}

GEMM_TARGET void kernel_adam_avx2(const struct kernel_adam *a)
{
    body_adam(a);
}

#define BYTES_ROW(r)                                                                               \
    size_t at##r = first + (r) < g->m ? first + (r) : g->m - 1;                                    \
    const uint8_t *a##r = g->a + g->row[at##r];                                                    \
    __m256i s##r = _mm256_setzero_si256();
#define BYTES_STEP(r)                                                                              \
    memcpy(&four, a##r + at, sizeof four);                                                         \
    pairs = _mm256_maddubs_epi16(_mm256_set1_epi32(four), b);                                      \
    s##r = _mm256_add_epi32(s##r, _mm256_madd_epi16(pairs, ones));
#define BYTES_STORE(r)                                                                             \
    _mm256_storeu_si256((__m256i_u *)(g->c + (ptrdiff_t)at##r * g->ldc + (ptrdiff_t)j), s##r);

GEMM_TILE bytes_4x8(const struct kernel_gemm8 *g, size_t first, size_t j)
{
    const __m256i ones = _mm256_set1_epi16(1);
    const int8_t *packed = g->b + j * 4;

    ROWS_4(BYTES_ROW)
    for (size_t o = 0; o < g->k1; o++)
        for (size_t i = 0; i < g->k2; i += 4, packed += g->n * 4) {
            ptrdiff_t at = (ptrdiff_t)o * g->a1 + (ptrdiff_t)i;
            __m256i b = _mm256_loadu_si256((const __m256i_u *)packed), pairs;
            int32_t four;
            ROWS_4(BYTES_STEP)
        }
    ROWS_4(BYTES_STORE)
}

GEMM_TARGET void kernel_gemm8_avx2(const struct kernel_gemm8 *g)
{
    for (size_t j = 0; j < g->n; j += KERNEL_LANES)
        for (size_t first = 0; first < g->m; first += 4) bytes_4x8(g, first, j);
}

GEMM_TARGET void kernel_pool_avx2(const struct kernel_pool *p)
{
    body_pool(p);
}

GEMM_TARGET void kernel_pool_back_avx2(const struct kernel_pool *p)
{
    body_pool_back(p);
}

GEMM_TARGET void kernel_relu_avx2(const float *x, size_t n, float *out)
{
    body_relu(x, n, out);
}

GEMM_TARGET void kernel_relu_back_avx2(const float *y, size_t n, float *d)
{
    body_relu_back(y, n, d);
}
#endif
