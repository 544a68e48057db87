/* vec_avx2.c: the vector kernels compiled for AVX2, called only where the processor has it
 * (dispatch.c). No fused multiply-add: results equal those of vec_generic.c. Any thread. */
#include "engine/kernel/variants.h"

#ifdef KERNEL_HAVE_AVX2
#include "engine/kernel/vec_body.h"
#include "engine/kernel/vec_boost.h"
#include "engine/kernel/vec_mixture.h"

#include <immintrin.h>

#define AVX2  __attribute__((target("avx2,popcnt")))
#define AHEAD 512 /* rows between looking for lines of gradients and reading them */
#define MANY  16  /* of 64 rows: to look at each of them is cheaper than to find those */

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

AVX2 void kernel_weigh_avx2(const int32_t *gh, size_t n, uint32_t *sum_g, uint32_t *sum_h)
{
    body_weigh(gh, n, sum_g, sum_h);
}

AVX2 void kernel_widen_avx2(int32_t *narrow, size_t n, int64_t *hist)
{
    body_widen(narrow, n, hist);
}

/* Which of four words come first, and in what order, when the bits of some are set. */
#define WORD(i) 4 * (i), 4 * (i) + 1, 4 * (i) + 2, 4 * (i) + 3
static const uint8_t pack[16][16] = {
    { WORD(0), WORD(1), WORD(2), WORD(3) }, { WORD(0), WORD(1), WORD(2), WORD(3) },
    { WORD(1), WORD(0), WORD(2), WORD(3) }, { WORD(0), WORD(1), WORD(2), WORD(3) },
    { WORD(2), WORD(0), WORD(1), WORD(3) }, { WORD(0), WORD(2), WORD(1), WORD(3) },
    { WORD(1), WORD(2), WORD(0), WORD(3) }, { WORD(0), WORD(1), WORD(2), WORD(3) },
    { WORD(3), WORD(0), WORD(1), WORD(2) }, { WORD(0), WORD(3), WORD(1), WORD(2) },
    { WORD(1), WORD(3), WORD(0), WORD(2) }, { WORD(0), WORD(1), WORD(3), WORD(2) },
    { WORD(2), WORD(3), WORD(0), WORD(1) }, { WORD(0), WORD(2), WORD(3), WORD(1) },
    { WORD(1), WORD(2), WORD(3), WORD(0) }, { WORD(0), WORD(1), WORD(2), WORD(3) },
};

/* Those of four rows that are in the set, to *to. A whole vector is written where there is
 * room for one before the end. */
AVX2 static inline void put(__m128i rows, unsigned set, uint32_t **to, const uint32_t *end)
{
    __m128i at;
    uint32_t one[4];

    LOAD(at, pack[set]);
    rows = _mm_shuffle_epi8(rows, at);
    unsigned n = (unsigned)__builtin_popcount(set);
    if (end - *to >= 4) {
        STORE(*to, rows);
    } else {
        STORE(one, rows);
        memcpy(*to, one, n * sizeof *one);
    }
    *to += n;
}

AVX2 void kernel_move_avx2(const struct kernel_move *a)
{
    uint32_t *left = a->left, *right = a->right;
    const uint32_t *left_end = left + a->n_left, *right_end = right + (a->n - a->n_left);
    size_t i = 0;

    for (; i + 4 <= a->n; i += 4) {
        unsigned set = a->bits[i / 8] >> (i & 4) & 15;
        __m128i rows;
        LOAD(rows, a->rows + i);
        put(rows, set, &left, left_end);
        put(rows, set ^ 15, &right, right_end);
    }
    for (; i < a->n; i++) {
        if (a->bits[i / 8] >> (i % 8) & 1) *left++ = a->rows[i];
        else *right++ = a->rows[i];
    }
}

/* A byte of the set is looked up by bits 3..6 of the bin in either half of it, bit 7 says in
 * which; the bit by the lowest three. */
AVX2 void kernel_split_avx2(struct kernel_split *a)
{
    const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)a->left);
    const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(a->left + 16));
    const __m256i set_low = _mm256_broadcastsi128_si256(low);
    const __m256i set_high = _mm256_broadcastsi128_si256(high);
    const __m256i bit = _mm256_set1_epi64x(INT64_C(-0x7fbfdfeff7fbfdff));
    const __m256i mark = _mm256_set1_epi8((char)a->mark), right = _mm256_set1_epi8((char)a->right);
    const __m256i seven = _mm256_set1_epi8(7), fifteen = _mm256_set1_epi8(15);
    struct kernel_split rest = *a;
    size_t i = 0, moved = 0;

    for (; i + 32 <= a->n; i += 32) {
        __m256i marks, bins;
        LOAD(marks, a->marks + i);
        LOAD(bins, a->bins + i);
        __m256i byte = _mm256_and_si256(_mm256_srli_epi16(bins, 3), fifteen);
        __m256i bytes = _mm256_blendv_epi8(_mm256_shuffle_epi8(set_low, byte),
                                           _mm256_shuffle_epi8(set_high, byte), bins);
        __m256i bits = _mm256_shuffle_epi8(bit, _mm256_and_si256(bins, seven));
        __m256i stays = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bits), bits);
        __m256i moves = _mm256_andnot_si256(stays, _mm256_cmpeq_epi8(marks, mark));
        marks = _mm256_blendv_epi8(marks, right, moves);
        STORE(a->marks + i, marks);
        moved += (size_t)__builtin_popcount((unsigned)_mm256_movemask_epi8(moves));
    }
    rest.marks += i;
    rest.bins += i;
    rest.n -= i;
    kernel_split_generic(&rest);
    a->n_right = moved + rest.n_right;
}

/* Where the next row that is found goes. */
struct found {
    uint32_t *rows;
    int32_t *gh;
};

/* 64 rows of which many are in the set: four at a time, in the set or not. */
AVX2 static inline void find_many(const struct kernel_marked *a, size_t i, uint64_t set,
                                  struct found *to)
{
    __m128i four = _mm_set1_epi32(4), rows, gh, at;
    const int32_t *from = a->gh ? a->gh + i : NULL;

    rows = _mm_set1_epi32((int32_t)(a->row + (uint32_t)i));
    rows = _mm_add_epi32(rows, _mm_set_epi32(3, 2, 1, 0));
    for (unsigned k = 0; k < 64; k += 4, rows = _mm_add_epi32(rows, four)) {
        unsigned some = set >> k & 15;
        unsigned n = (unsigned)__builtin_popcount(some);
        LOAD(at, pack[some]);
        __m128i packed = _mm_shuffle_epi8(rows, at);
        STORE(to->rows, packed);
        to->rows += n;
        if (!from) continue;
        LOAD(gh, from + k);
        gh = _mm_shuffle_epi8(gh, at);
        STORE(to->gh, gh);
        to->gh += n;
    }
}

AVX2 static inline void find_few(const struct kernel_marked *a, size_t i, uint64_t set,
                                 struct found *to)
{
    for (; set; set &= set - 1) {
        size_t at = i + (size_t)__builtin_ctzll(set);
        *to->rows++ = a->row + (uint32_t)at;
        if (a->gh) *to->gh++ = a->gh[at];
    }
}

/* Which of 64 rows are marked. */
AVX2 static inline uint64_t marked64(const uint8_t *marks, __m256i mark)
{
    __m256i first, last;

    LOAD(first, marks);
    LOAD(last, marks + 32);
    first = _mm256_cmpeq_epi8(first, mark);
    last = _mm256_cmpeq_epi8(last, mark);
    uint64_t low = (uint32_t)_mm256_movemask_epi8(first);
    return low | (uint64_t)(uint32_t)_mm256_movemask_epi8(last) << 32;
}

/* Fetches the lines of gradients that some rows ahead will be looked up in. */
AVX2 static inline void fetch_ahead(const struct kernel_marked *a, size_t i, __m256i mark)
{
    if (i + 64 > a->n) return;
    uint64_t set = marked64(a->marks + i, mark);
    for (unsigned k = 0; k < 64; k += 16)
        if (set >> k & 0xffff) __builtin_prefetch(a->gh + i + k);
}

AVX2 void kernel_marked_avx2(struct kernel_marked *a)
{
    const __m256i mark = _mm256_set1_epi8((char)a->mark);
    struct kernel_marked rest = *a;
    struct found to = { a->rows, a->rows_gh };
    size_t i = 0;

    for (; i + 64 <= a->n; i += 64) {
        uint64_t set = marked64(a->marks + i, mark);
        if (a->gh) fetch_ahead(a, i + AHEAD, mark);
        if (__builtin_popcountll(set) > MANY) find_many(a, i, set, &to);
        else find_few(a, i, set, &to);
    }
    rest.marks += i;
    rest.row += (uint32_t)i;
    rest.n -= i;
    rest.rows = to.rows;
    if (a->gh) {
        rest.gh += i;
        rest.rows_gh = to.gh;
    }
    kernel_marked_generic(&rest);
    a->found = (size_t)(to.rows - a->rows) + rest.found;
}
#endif
