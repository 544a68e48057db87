/* hist.c: gradient histograms, the loop in which training spends most of its time.
 *
 * Up to eight features share a pass: their bins are neighbouring bytes of the row's record,
 * fetched with one load, and their histograms (2 KB each) stay in the first-level cache. The
 * cost is one load, add and store per row and feature; vector instructions do not help. Rows
 * that are not neighbours are first copied together (kernel_gather), so that the passes over
 * the groups of features read memory in sequence; the caller prefetches the records of the
 * next block meanwhile. Pure; any thread. */
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

INLINE void add_rows(const struct kernel_hist *a, unsigned width, int64_t *hist)
{
    const uint8_t *rec = a->bins;
    const int64_t *gh = a->gh, *end = gh + a->n;
    size_t stride = a->stride;

    for (; gh < end; rec += stride) {
        uint64_t b = load_bytes(rec);
        int64_t v = *gh++;
#pragma GCC unroll 8
        for (unsigned k = 0; k < width; k++) hist[k * KERNEL_BINS + (b >> (8 * k) & 255)] += v;
    }
}

/* Both sums of an entry with one vector addition. */
typedef int64_t v2l __attribute__((vector_size(16), may_alias));

INLINE void add_pairs(const struct kernel_hist *a, unsigned width, int64_t *hist)
{
    const uint8_t *rec = a->bins;
    const int64_t *gh = a->gh, *end = gh + 2 * a->n;
    size_t stride = a->stride;

    for (; gh < end; gh += 2, rec += stride) {
        uint64_t b = load_bytes(rec);
        v2l v = { gh[0], gh[1] };
#pragma GCC unroll 8
        for (unsigned k = 0; k < width; k++) {
            int64_t *to = hist + 2 * (k * KERNEL_BINS + (b >> (8 * k) & 255));
            v2l sum = { to[0], to[1] };
            sum += v;
            memcpy(to, &sum, sizeof sum);
        }
    }
}

void kernel_hist_bytes(const struct kernel_hist *a, int64_t *hist)
{
    switch (a->width * 2 + a->exact) {
#define WIDTH(w)                                                                                   \
    case 2 * (w): add_rows(a, (w), hist); break;                                                   \
    case 2 * (w) + 1: add_pairs(a, (w), hist); break;
        WIDTH(1)
        WIDTH(2)
        WIDTH(3)
        WIDTH(4)
        WIDTH(5)
        WIDTH(6)
        WIDTH(7)
        WIDTH(8)
#undef WIDTH
    default: break;
    }
}

void kernel_hist_wide(const uint16_t *col, const uint64_t *items, const struct kernel_hist *a,
                      int64_t *hist)
{
    const int64_t *gh = a->gh;
    size_t n = a->n;

    if (a->exact)
        for (size_t i = 0; i < n; i++) {
            size_t at = 2 * (size_t)col[(uint32_t)items[i]];
            hist[at] += gh[2 * i];
            hist[at + 1] += gh[2 * i + 1];
        }
    else
        for (size_t i = 0; i < n; i++) hist[col[(uint32_t)items[i]]] += gh[i];
}

/* Both halves of an entry at once: they do not touch, since hessians are not negative. */
typedef int32_t v4i __attribute__((vector_size(16)));

void kernel_unpack(const uint64_t *items, size_t n, int64_t *gh)
{
    size_t i = 0;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const v4i low = { 0xffff, 0, 0xffff, 0 }, high = { 0, -1, 0, -1 };
    for (; i + 2 <= n; i += 2) {
        v4i v;
        memcpy(&v, items + i, sizeof v);
        v = __builtin_shufflevector(v, v, 1, 1, 3, 3);
        v = (v & low) | (v >> 16 & high);
        memcpy(gh + i, &v, sizeof v);
    }
#endif
    for (; i < n; i++) gh[i] = kernel_packed(items[i]);
}

INLINE void gather(const uint64_t *items, size_t n, const uint8_t *records, size_t stride,
                   uint8_t *out)
{
    for (size_t i = 0; i < n; i++, out += stride)
        memcpy(out, records + (uint32_t)items[i] * stride, stride);
}

void kernel_gather(const uint64_t *items, size_t n, const uint8_t *records, size_t stride,
                   uint8_t *out)
{
    switch (stride) {
    case 8: gather(items, n, records, 8, out); break;
    case 16: gather(items, n, records, 16, out); break;
    case 32: gather(items, n, records, 32, out); break;
    case 64: gather(items, n, records, 64, out); break;
    default: gather(items, n, records, stride, out); break;
    }
}
