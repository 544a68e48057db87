/* hist.c: gradient histograms, the loop in which training spends most of its time.
 *
 * Up to eight features share a pass: their bins are neighbouring bytes of the row's record,
 * fetched with one load, and their histograms (2 KB each) stay in the first-level cache. The
 * cost is one load, add and store per row and feature; vector instructions do not help. Rows
 * come by number in no helpful order, so records are prefetched. Pure; any thread. */
#include "engine/kernel/kernel.h"
#include <string.h>

#define AHEAD  24 /* rows between the prefetch and the use of a record */
#define INLINE static inline __attribute__((always_inline))

INLINE void add_row(const uint8_t *rec, unsigned width, int64_t v, int64_t *hist)
{
    uint64_t b = 0;
    memcpy(&b, rec, width);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    b = __builtin_bswap64(b);
#endif
#pragma GCC unroll 8
    for (unsigned k = 0; k < width; k++) hist[k * KERNEL_BINS + (b >> (8 * k) & 255)] += v;
}

INLINE void add_rows(const struct kernel_hist *a, unsigned width, int64_t *hist)
{
    if (!a->rows) {
        const uint8_t *rec = a->bins + a->first * a->stride;
        for (size_t i = 0; i < a->n; i++, rec += a->stride) add_row(rec, width, a->gh[i], hist);
        return;
    }
    size_t near = a->fetch && a->n > AHEAD ? a->n - AHEAD : 0, i = 0;
    for (; i < near; i++) {
        __builtin_prefetch(a->bins + a->rows[i + AHEAD] * a->stride);
        add_row(a->bins + a->rows[i] * a->stride, width, a->gh[i], hist);
    }
    for (; i < a->n; i++) add_row(a->bins + a->rows[i] * a->stride, width, a->gh[i], hist);
}

void kernel_hist_bytes(const struct kernel_hist *a, int64_t *hist)
{
    switch (a->width) {
    case 1: add_rows(a, 1, hist); break;
    case 2: add_rows(a, 2, hist); break;
    case 3: add_rows(a, 3, hist); break;
    case 4: add_rows(a, 4, hist); break;
    case 5: add_rows(a, 5, hist); break;
    case 6: add_rows(a, 6, hist); break;
    case 7: add_rows(a, 7, hist); break;
    default: add_rows(a, 8, hist); break;
    }
}

void kernel_hist_wide(const uint16_t *col, const struct kernel_hist *a, int64_t *hist)
{
    if (!a->rows)
        for (size_t i = 0; i < a->n; i++) hist[col[a->first + i]] += a->gh[i];
    else
        for (size_t i = 0; i < a->n; i++) hist[col[a->rows[i]]] += a->gh[i];
}
