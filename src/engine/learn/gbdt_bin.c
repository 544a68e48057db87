/* gbdt_bin.c: turns columns of doubles into small integers, once per fit.
 *
 * Numeric: bounds come from a sample of at most 200,000 rows, sorted by radix (gbdt_edges.c). A
 * bin number is then the count of bounds below the value, found without branches.
 * Categories: levels are numbered by falling frequency (counted on all rows). Up to 255 levels
 * fit a byte; more make the feature wide (16 bits, up to 4095 bins); levels rarer than those
 * share the last bin. A split lists levels, so nothing of this is seen in the model.
 * Missing values, and levels that no row has, get the bin after the last. Tasks are columns, then
 * blocks of rows; results do not depend on the number of threads. */
#include "engine/learn/gbdt.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE 200000
#define DIGIT  11 /* bits of a radix pass */
#define DIGITS 6
#define BLOCK  2048 /* rows binned at a time: a block of all columns stays in cache */

struct scratch {
    uint64_t *keys, *other;
    struct gbdt_distinct *values;
};

struct binning {
    const struct matrix *x;
    const struct gbdt_params *p;
    size_t n_sample;
    const uint32_t *sample;   /* NULL: all rows */
    struct scratch *scratch;  /* one a thread */
    struct gbdt_feature *all; /* one a column; n_bins 0: constant */
    atomic_bool failed;
    struct gbdt_bins *out;
};

/* Order-preserving integer of a double; both zeros give the same. */
static uint64_t key_of(double v)
{
    uint64_t u;

    v += 0.0;
    memcpy(&u, &v, sizeof u);
    return u >> 63 ? ~u : u | UINT64_C(1) << 63;
}

static double value_of(uint64_t key)
{
    double v;
    uint64_t u = key >> 63 ? key & ~(UINT64_C(1) << 63) : ~key;

    memcpy(&v, &u, sizeof v);
    return v;
}

/* Sorts n keys; returns the array that holds the result, s->keys or s->other. Passes in which
 * all keys have the same digit are skipped: most of them when the data were floats. */
static uint64_t *radix_sort(const struct scratch *s, size_t n)
{
    uint32_t count[DIGITS][1 << DIGIT];
    uint64_t *from = s->keys, *to = s->other;
    const uint64_t mask = (1 << DIGIT) - 1;

    memset(count, 0, sizeof count);
    for (size_t i = 0; i < n; i++)
        for (unsigned d = 0; d < DIGITS; d++) count[d][from[i] >> (d * DIGIT) & mask]++;
    for (unsigned d = 0; d < DIGITS; d++) {
        if (count[d][from[0] >> (d * DIGIT) & mask] == n) continue;
        uint32_t sum = 0;
        for (size_t j = 0; j <= mask; j++) {
            uint32_t c = count[d][j];
            count[d][j] = sum;
            sum += c;
        }
        for (size_t i = 0; i < n; i++) to[count[d][from[i] >> (d * DIGIT) & mask]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    return from;
}

/* Distinct values of a column's sample with their counts, ascending; returns how many. */
static size_t distinct_values(const struct binning *b, size_t column, const struct scratch *s)
{
    const double *x = b->x->x + column * b->x->n;
    size_t n = 0, k = 0;

    for (size_t i = 0; i < b->n_sample; i++) {
        double v = x[b->sample ? b->sample[i] : i];
        s->keys[n] = key_of(v);
        n += v == v;
    }
    if (n == 0) return 0;
    const uint64_t *sorted = radix_sort(s, n);
    s->values[0] = (struct gbdt_distinct){ value_of(sorted[0]), 1 };
    for (size_t i = 1; i < n; i++) {
        if (sorted[i] == sorted[i - 1]) s->values[k].count++;
        else s->values[++k] = (struct gbdt_distinct){ value_of(sorted[i]), 1 };
    }
    return k + 1;
}

static bool has_missing(const struct matrix *x, size_t column)
{
    const double *v = x->x + column * x->n;

    for (size_t i = 0; i < x->n; i++)
        if (v[i] != v[i]) return true;
    return false;
}

static bool numeric_bounds(struct binning *b, size_t column, const struct scratch *s)
{
    struct gbdt_feature *f = &b->all[column];
    size_t k = distinct_values(b, column, s);
    uint32_t max_bins = (uint32_t)b->p->max_bin;

    if (k == 0) return true;
    if (k == 1 && !has_missing(b->x, column)) return true;
    f->cuts = mem_try(1, sizeof *f->cuts);
    if (!f->cuts) return false;
    double *bound = f->cuts->bound;
    f->n_bins = gbdt_edges(s->values, k, max_bins, b->p->most_inside, bound);
    gbdt_cuts_index(f->cuts, f->n_bins - 1);
    return true;
}

static int by_count_then_code(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Code of a level, or `levels` for a missing or impossible one. */
static uint32_t code_of(double v, uint32_t levels)
{
    return v >= 0 && v < levels ? (uint32_t)v : levels;
}

static bool category_bins(struct binning *b, size_t column)
{
    struct gbdt_feature *f = &b->all[column];
    const double *x = b->x->x + column * b->x->n;
    uint32_t levels = (uint32_t)b->x->levels[column], present = 0;
    MEM_AUTO uint64_t *order = mem_try_zero((size_t)levels + 1, sizeof *order);

    f->cat = true;
    f->levels = levels;
    f->code_bin = mem_try_zero(levels, sizeof *f->code_bin);
    if (!order || !f->code_bin) return false;
    for (size_t i = 0; i < b->x->n; i++) order[code_of(x[i], levels)]++;
    bool missing = order[levels] > 0;
    /* descending count, then ascending code, in one integer; rows fit in 32 bits */
    for (uint32_t c = 0; c < levels; c++) {
        present += order[c] > 0;
        order[c] = (UINT32_MAX - order[c]) << 32 | c;
    }
    qsort(order, levels, sizeof *order, by_count_then_code);
    f->n_bins = present < GBDT_WIDE_BINS ? present : GBDT_WIDE_BINS;
    for (uint32_t i = 0; i < levels; i++) {
        uint32_t bin = i < GBDT_WIDE_BINS ? i : GBDT_WIDE_BINS - 1;
        f->code_bin[order[i] & UINT32_MAX] = (uint16_t)(i < present ? bin : f->n_bins);
    }
    if (present + missing < 2) f->n_bins = 0;
    return true;
}

static void column_task(void *arg, size_t column, int thread)
{
    struct binning *b = arg;
    bool ok = b->x->levels && b->x->levels[column] > 0
                  ? category_bins(b, column)
                  : numeric_bounds(b, column, &b->scratch[thread]);

    if (!ok) atomic_store(&b->failed, true);
}

/* ---- values to bins ---- */

static uint32_t bin_category(const struct gbdt_feature *f, double v)
{
    uint32_t c = code_of(v, f->levels);

    return c < f->levels ? f->code_bin[c] : f->n_bins;
}

/* Eight columns of n bytes, col[0], col[step] ..., become n words of a record each. */
static void transpose8(const uint8_t *col, size_t step, size_t n, uint8_t *rec, size_t stride)
{
    for (size_t i = 0; i < n; i++, rec += stride) {
        uint8_t word[8];
#pragma GCC unroll 8
        for (size_t k = 0; k < 8; k++) word[k] = col[k * step + i];
        memcpy(rec, word, sizeof word);
    }
}

/* Rows [from, from + n) of all byte columns into records. */
static void transpose(const struct gbdt_bins *o, size_t from, size_t n)
{
    uint32_t g = 0;
    uint8_t *rec = o->records + from * o->stride;

    for (; g + 8 <= o->m_bytes; g += 8)
        transpose8(o->cols + g * o->n + from, o->n, n, rec + g, o->stride);
    for (; g < o->m_bytes; g++)
        for (size_t i = 0; i < n; i++) rec[i * o->stride + g] = o->cols[g * o->n + from + i];
}

static void block_task(void *arg, size_t block, int thread)
{
    const struct binning *b = arg;
    const struct gbdt_bins *o = b->out;
    size_t from = block * BLOCK, n = o->n - from < BLOCK ? o->n - from : BLOCK;

    (void)thread;
    for (uint32_t j = 0; j < o->m; j++) {
        const struct gbdt_feature *f = &o->f[j];
        const double *x = b->x->x + f->column * b->x->n + from;
        if (j >= o->m_bytes) {
            uint16_t *w = o->wide + (j - o->m_bytes) * o->n + from;
            for (size_t i = 0; i < n; i++) w[i] = (uint16_t)bin_category(f, x[i]);
        } else if (f->cat) {
            uint8_t *c = o->cols + j * o->n + from;
            for (size_t i = 0; i < n; i++) c[i] = (uint8_t)bin_category(f, x[i]);
        } else {
            gbdt_cuts_rank(f->cuts, x, n, (uint8_t)f->n_bins, o->cols + j * o->n + from);
        }
    }
    transpose(o, from, n);
}

/* ---- putting it together ---- */

static void feature_done(struct gbdt_feature *f)
{
    free(f->cuts);
    free(f->code_bin);
}

void gbdt_bins_done(struct gbdt_bins *b)
{
    for (uint32_t j = 0; j < b->m; j++) feature_done(&b->f[j]);
    free(b->f);
    free(b->records);
    free(b->cols);
    free(b->wide);
    *b = (struct gbdt_bins){ 0 };
}

/* Every k-th row, at a random place in its stride. NULL with *ret true: take all rows. */
static bool choose_sample(const struct engine *en, size_t n, uint32_t **ret)
{
    struct rng r;

    *ret = NULL;
    if (n <= SAMPLE) return true;
    uint32_t *s = mem_try(SAMPLE, sizeof *s);
    if (!s) return false;
    rng_stream(&r, en->seed, 0);
    for (size_t i = 0; i < SAMPLE; i++) {
        size_t lo = i * n / SAMPLE, hi = (i + 1) * n / SAMPLE;
        s[i] = (uint32_t)(lo + rng_below(&r, hi - lo));
    }
    *ret = s;
    return true;
}

static bool find_bounds(const struct engine *en, struct binning *b)
{
    int threads = pool_size(en->pool);
    bool ok = true;

    b->scratch = mem_zalloc((size_t)threads, sizeof *b->scratch);
    for (int t = 0; t < threads; t++) {
        struct scratch *s = &b->scratch[t];
        s->keys = mem_try(b->n_sample, sizeof *s->keys);
        s->other = mem_try(b->n_sample, sizeof *s->other);
        s->values = mem_try(b->n_sample, sizeof *s->values);
        ok = ok && s->keys && s->other && s->values;
    }
    if (ok) pool_run(en->pool, b->x->d, column_task, b);
    for (int t = 0; t < threads; t++) {
        free(b->scratch[t].keys);
        free(b->scratch[t].other);
        free(b->scratch[t].values);
    }
    free(b->scratch);
    return ok && !atomic_load(&b->failed);
}

static bool is_wide(const struct gbdt_feature *f)
{
    return f->n_bins > GBDT_BYTE_BINS;
}

/* Moves features with something to tell to out->f, byte features first. */
static void select_features(struct binning *b)
{
    struct gbdt_bins *o = b->out;

    for (int wide = 0; wide < 2; wide++) {
        for (size_t j = 0; j < b->x->d; j++) {
            struct gbdt_feature *f = &b->all[j];
            if (f->n_bins == 0 || is_wide(f) != wide) continue;
            f->column = (uint32_t)j;
            f->hist = o->hist_len;
            o->hist_len += wide ? (f->n_bins + 8) / 8 * 8 : KERNEL_BINS;
            o->f[o->m++] = *f;
            f->cuts = NULL;
            f->code_bin = NULL;
        }
        if (!wide) o->m_bytes = o->m;
    }
}

/* A record never straddles more cache lines than it must. */
static size_t record_stride(uint32_t bytes)
{
    size_t s = 8;

    while (s < bytes && s < 64) s *= 2;
    return s >= bytes ? s : (bytes + 63) / 64 * 64;
}

static bool allocate(struct gbdt_bins *o)
{
    o->stride = record_stride(o->m_bytes);
    o->records = mem_try_aligned(o->n + 1, o->stride);
    o->cols = mem_try_aligned(o->n + 1, o->m_bytes ? o->m_bytes : 1);
    o->wide = mem_try_aligned(o->n + 1, (o->m - o->m_bytes + 1) * sizeof *o->wide);
    return o->records && o->cols && o->wide;
}

int gbdt_bin(const struct engine *en, const struct matrix *x, const struct gbdt_params *p,
             struct gbdt_bins *ret, struct err *e)
{
    struct gbdt_bins out = { .n = x->n };
    struct binning b = { .x = x, .p = p, .out = &out };
    MEM_AUTO uint32_t *sample = NULL;
    bool ok = choose_sample(en, x->n, &sample);

    b.sample = sample;
    b.n_sample = sample ? SAMPLE : x->n;
    b.all = mem_try_zero(x->d + 1, sizeof *b.all);
    out.f = mem_try_zero(x->d + 1, sizeof *out.f);
    ok = ok && b.all && out.f && find_bounds(en, &b);
    if (ok) {
        select_features(&b);
        ok = allocate(&out);
    }
    if (ok) pool_run(en->pool, (x->n + BLOCK - 1) / BLOCK, block_task, &b);
    for (size_t j = 0; b.all && j < x->d; j++) feature_done(&b.all[j]);
    free(b.all);
    if (!ok) {
        gbdt_bins_done(&out);
        return err_set(e, ERR_NOMEM, "no memory for the bins of %zu rows x %zu features", x->n,
                       x->d);
    }
    *ret = out;
    return 0;
}
