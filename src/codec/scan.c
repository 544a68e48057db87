/* scan.c: see scan.h. Two variants: sixteen bytes at a time where the compiler may take SSE2 for
 * granted (byte by byte elsewhere), and 32 with AVX2 where the processor says it has it. It is
 * asked each time; nothing is kept, so there is no state to initialise. */
#include "codec/scan.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define HAVE_AVX2
#endif

/* Clears what lies behind the last byte. */
static inline void cut_tail(uint64_t *mask, size_t n)
{
    if (n % 64) mask[n / 64] &= ((uint64_t)1 << n % 64) - 1;
}

#ifdef __SSE2__
static inline uint64_t marks64(const char *p, char delimiter)
{
    const __m128i d = _mm_set1_epi8(delimiter), lf = _mm_set1_epi8('\n');
    const __m128i cr = _mm_set1_epi8('\r'), quote = _mm_set1_epi8('"');
    uint64_t mask = 0;

    for (int i = 0; i < 4; i++) {
        __m128i v = _mm_loadu_si128((const __m128i_u *)(const void *)(p + 16 * i));
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, d), _mm_cmpeq_epi8(v, lf)),
                                   _mm_or_si128(_mm_cmpeq_epi8(v, cr), _mm_cmpeq_epi8(v, quote)));
        mask |= (uint64_t)(unsigned)_mm_movemask_epi8(hit) << (16 * i);
    }
    return mask;
}
#else
static inline uint64_t marks64(const char *p, char delimiter)
{
    uint64_t mask = 0;

    for (int i = 0; i < 64; i++)
        mask |= (uint64_t)(p[i] == delimiter || p[i] == '\n' || p[i] == '\r' || p[i] == '"') << i;
    return mask;
}
#endif

void scan_marks_plain(const char *p, size_t n, char delimiter, uint64_t *mask)
{
    for (size_t i = 0; i < n; i += 64) mask[i / 64] = marks64(p + i, delimiter);
    cut_tail(mask, n);
}

#ifdef HAVE_AVX2
__attribute__((target("avx2"))) static inline uint64_t
marks32(const char *p, __m256i d, __m256i lf, __m256i cr, __m256i quote)
{
    __m256i v = _mm256_loadu_si256((const __m256i_u *)(const void *)p);
    __m256i a = _mm256_or_si256(_mm256_cmpeq_epi8(v, d), _mm256_cmpeq_epi8(v, lf));
    __m256i b = _mm256_or_si256(_mm256_cmpeq_epi8(v, cr), _mm256_cmpeq_epi8(v, quote));

    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(a, b));
}

__attribute__((target("avx2"))) static void scan_marks_avx2(const char *p, size_t n,
                                                            char delimiter, uint64_t *mask)
{
    const __m256i d = _mm256_set1_epi8(delimiter), lf = _mm256_set1_epi8('\n');
    const __m256i cr = _mm256_set1_epi8('\r'), quote = _mm256_set1_epi8('"');

    for (size_t i = 0; i < n; i += 64)
        mask[i / 64] =
            marks32(p + i, d, lf, cr, quote) | marks32(p + i + 32, d, lf, cr, quote) << 32;
    cut_tail(mask, n);
}
#endif

scan_marks_fn *scan_marks_best(void)
{
#ifdef HAVE_AVX2
    if (__builtin_cpu_supports("avx2")) return scan_marks_avx2;
#endif
    return scan_marks_plain;
}
