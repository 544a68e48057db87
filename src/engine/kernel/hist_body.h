/* hist_body.h: the loops of hist.c for one form of an entry: ENTRY is its type, NAME(x) the name
 * of a function for it. Included once for each form; nothing without one. */
#ifdef ENTRY

/* The gradients of row i, into as many bins as one load fetches. */
INLINE void NAME(add)(const uint8_t *rec, unsigned width, const ENTRY *v, ENTRY *hist)
{
    uint64_t bins = load_bytes(rec);

#pragma GCC unroll 8
    for (unsigned k = 0; k < width; k++) hist[k * KERNEL_BINS + (bins >> (8 * k) & 255)] += *v;
}

INLINE void NAME(rows)(const struct kernel_hist *a, unsigned last, ENTRY *hist)
{
    const struct kernel_hist k = *a; /* a copy: stores to hist cannot change it */
    const ENTRY *gh = k.gh;
    unsigned words = (k.width - 1) / 8;

    for (size_t i = 0; i < k.n; i++) {
        const uint8_t *rec = k.records + k.rows[i] * k.stride;
        ENTRY v = gh[i], *to = hist;
        __builtin_prefetch(k.records + k.rows[i + KERNEL_AHEAD] * k.stride);
        for (unsigned w = 0; w < words; w++, rec += 8, to += 8 * KERNEL_BINS)
            NAME(add)(rec, 8, &v, to);
        NAME(add)(rec, last, &v, to);
    }
}

static void NAME(bytes)(const struct kernel_hist *a, void *hist)
{
    switch ((a->width - 1) % 8 + 1) {
    case 1: NAME(rows)(a, 1, hist); break;
    case 2: NAME(rows)(a, 2, hist); break;
    case 3: NAME(rows)(a, 3, hist); break;
    case 4: NAME(rows)(a, 4, hist); break;
    case 5: NAME(rows)(a, 5, hist); break;
    case 6: NAME(rows)(a, 6, hist); break;
    case 7: NAME(rows)(a, 7, hist); break;
    default: NAME(rows)(a, 8, hist); break;
    }
}

static void NAME(wide)(const struct kernel_hist *a, const uint16_t *col, void *hist)
{
    const ENTRY *gh = a->gh;
    ENTRY *to = hist;

    for (size_t i = 0; i < a->n; i++) to[col[a->rows[i]]] += gh[i];
}

#undef ENTRY
#undef NAME
#endif
