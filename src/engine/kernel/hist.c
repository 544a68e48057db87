/* hist.c: gradient histograms, the loop in which training spends most of its time.
 *
 * Bins of up to eight features are fetched with one load: they are neighbouring bytes of the
 * row's record. The cost is one load, add and store per row and feature; vector instructions do
 * not help, small entries do, since more of them stay in the first-level cache. Rows are listed,
 * mostly far apart, so records are prefetched some rows ahead. Pure; any thread. */
#include "engine/kernel/kernel.h"
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

INLINE uint64_t load_bytes(const uint8_t *rec)
{
    uint64_t b;

    memcpy(&b, rec, sizeof b);
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
    b = __builtin_bswap64(b);
#endif
    return b;
}

/* Both sums of an exact entry are added with one vector addition. */
typedef int64_t pair __attribute__((vector_size(16), aligned(8), may_alias));

#define ENTRY   int32_t
#define NAME(x) x##_narrow
#include "engine/kernel/hist_body.h"

#define ENTRY   int64_t
#define NAME(x) x##_packed
#include "engine/kernel/hist_body.h"

#define ENTRY   pair
#define NAME(x) x##_exact
#include "engine/kernel/hist_body.h"

void kernel_hist_bytes(const struct kernel_hist *a, void *hist)
{
    switch (a->entry) {
    case KERNEL_NARROW: bytes_narrow(a, hist); break;
    case KERNEL_PACKED: bytes_packed(a, hist); break;
    case KERNEL_EXACT: bytes_exact(a, hist); break;
    }
}

void kernel_hist_wide(const struct kernel_hist *a, const uint16_t *col, void *hist)
{
    switch (a->entry) {
    case KERNEL_NARROW: wide_narrow(a, col, hist); break;
    case KERNEL_PACKED: wide_packed(a, col, hist); break;
    case KERNEL_EXACT: wide_exact(a, col, hist); break;
    }
}
