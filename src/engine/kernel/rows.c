/* rows.c: which rows of a leaf go left. One table look-up a row, without branches; the bits are
 * used by the move kernels. Pure; any thread. */
#include "engine/kernel/kernel.h"

#define INLINE static inline __attribute__((always_inline))

/* Bin of a row, from the one of the two columns that there is. */
INLINE unsigned bin_of(const uint8_t *col, const uint16_t *wide, uint32_t row)
{
    return col ? col[row] : wide[row];
}

/* Eight bytes of 0 or 1 in a word: their number, and a byte of the eight as bits. */
#define COUNT(word) ((size_t)((word)*UINT64_C(0x0101010101010101) >> 56))
#define BITS(word)  ((uint8_t)((word)*UINT64_C(0x0102040810204080) >> 56))

INLINE size_t flags(const uint8_t *col, const uint16_t *wide, const uint32_t *rows, size_t n,
                    const uint8_t *lut, uint8_t *bits)
{
    size_t i = 0, left = 0;

    for (; i + 8 <= n; i += 8) {
        uint64_t w = 0;
#pragma GCC unroll 8
        for (unsigned k = 0; k < 8; k++)
            w |= (uint64_t)lut[bin_of(col, wide, rows[i + k])] << (8 * k);
        *bits++ = BITS(w);
        left += COUNT(w);
    }
    if (i == n) return left;
    uint64_t w = 0;
    for (unsigned k = 0; i + k < n; k++)
        w |= (uint64_t)lut[bin_of(col, wide, rows[i + k])] << (8 * k);
    *bits = BITS(w);
    return left + COUNT(w);
}

size_t kernel_flags(const uint8_t *col, const uint32_t *rows, size_t n, const uint8_t *lut,
                    uint8_t *bits)
{
    return flags(col, NULL, rows, n, lut, bits);
}

size_t kernel_flags_wide(const uint16_t *col, const uint32_t *rows, size_t n, const uint8_t *lut,
                         uint8_t *bits)
{
    return flags(NULL, col, rows, n, lut, bits);
}
