/* vec_avx2.c: the vector kernels compiled for AVX2, called only where the processor has it
 * (dispatch.c). No fused multiply-add: results equal those of vec_generic.c. Any thread. */
#include "engine/kernel/variants.h"

#ifdef KERNEL_HAVE_AVX2
#include "engine/kernel/vec_body.h"
#include "engine/kernel/vec_boost.h"
#include "engine/kernel/vec_mixture.h"

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

AVX2 void kernel_mixture_avx2(const struct kernel_mixture *m, const double *x, double *log_shares,
                            double *ret)
{
    body_mixture(m, x, log_shares, ret);
}

AVX2 void kernel_best_cut_avx2(const int64_t *prefix, size_t n, struct kernel_cut *a)
{
    body_best_cut(prefix, n, a);
}

/* Places, in words of four bytes, that bring the items whose bits are set to the front. */
static const int32_t pack[16][8] = {
    { 0, 1, 2, 3, 4, 5, 6, 7 }, { 0, 1, 2, 3, 4, 5, 6, 7 }, { 2, 3, 0, 1, 4, 5, 6, 7 },
    { 0, 1, 2, 3, 4, 5, 6, 7 }, { 4, 5, 0, 1, 2, 3, 6, 7 }, { 0, 1, 4, 5, 2, 3, 6, 7 },
    { 2, 3, 4, 5, 0, 1, 6, 7 }, { 0, 1, 2, 3, 4, 5, 6, 7 }, { 6, 7, 0, 1, 2, 3, 4, 5 },
    { 0, 1, 6, 7, 2, 3, 4, 5 }, { 2, 3, 6, 7, 0, 1, 4, 5 }, { 0, 1, 2, 3, 6, 7, 4, 5 },
    { 4, 5, 6, 7, 0, 1, 2, 3 }, { 0, 1, 4, 5, 6, 7, 2, 3 }, { 2, 3, 4, 5, 6, 7, 0, 1 },
    { 0, 1, 2, 3, 4, 5, 6, 7 },
};

/* Those of the four items that are in the set, to *to. A whole vector is written where there
 * is room for one before the end. */
AVX2 static inline void put(__m256i items, unsigned set, uint64_t **to, const uint64_t *end)
{
    __m256i at;
    uint64_t one[4];

    LOAD(at, pack[set]);
    items = _mm256_permutevar8x32_epi32(items, at);
    unsigned n = (unsigned)__builtin_popcount(set);
    if (end - *to >= 4) {
        STORE(*to, items);
    } else {
        STORE(one, items);
        memcpy(*to, one, n * sizeof *one);
    }
    *to += n;
}

AVX2 void kernel_move_avx2(const struct kernel_move *a)
{
    uint64_t *left = a->left, *right = a->right;
    const uint64_t *left_end = left + a->n_left, *right_end = right + (a->n - a->n_left);
    size_t i = 0;

    for (; i + 4 <= a->n; i += 4) {
        unsigned set = a->bits[i / 8] >> (i & 4) & 15;
        __m256i items;
        LOAD(items, a->items + i);
        put(items, set, &left, left_end);
        put(items, set ^ 15, &right, right_end);
    }
    for (; i < a->n; i++) {
        if (a->bits[i / 8] >> (i % 8) & 1) *left++ = a->items[i];
        else *right++ = a->items[i];
    }
}
#endif
