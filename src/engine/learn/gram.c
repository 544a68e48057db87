/* gram.c: see gram.h. Rows go through in batches that stay in the cache between the function that
 * weighs them and the loops that add them up.
 *
 * A chunk's sums lie behind one another, in the design's order of columns: products of the full
 * columns and 1 with each other, of the sparse ones with those, of the sparse ones with each
 * other, slopes of the full ones and 1, of the sparse ones, the loss. */
#include "engine/learn/gram.h"

#include "base/mem.h"
#include "engine/kernel/kernel.h"
#include "engine/learn/vec.h"
#include "engine/pool.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CHUNKS 32
#define MIN_ROWS   512                /* of a chunk */
#define MAX_BYTES  ((size_t)32 << 20) /* of all chunks, unless one alone is larger */
#define PIECE      4096               /* values of the chunks' sums added up at a time */

static size_t product_doubles(const struct gram *s)
{
    size_t z = s->full + 1;

    return z * z + s->sparse * (z + s->sparse);
}

static size_t chunk_doubles(const struct gram *s)
{
    return product_doubles(s) + s->d + 1 + 1;
}

int gram_init(struct gram *s, const struct design *x, struct err *e)
{
    size_t d = x->full + x->sparse, chunks = x->n / MIN_ROWS, bytes, own;

    *s = (struct gram){ .d = d, .full = x->full, .sparse = x->sparse, .kernels = kernels_best() };
    bytes = chunk_doubles(s) * sizeof(double);
    if (chunks > MAX_CHUNKS) chunks = MAX_CHUNKS;
    if (chunks > MAX_BYTES / bytes) chunks = MAX_BYTES / bytes;
    s->chunks = chunks ? chunks : 1;
    own = s->sparse ? (d + 1) * (d + 2) : 0;
    s->sums = mem_try(s->chunks * chunk_doubles(s) + own, sizeof *s->sums);
    if (!s->sums) return err_set(e, ERR_NOMEM, "no memory for equations of %zu unknowns", d + 1);
    s->h = s->sparse ? s->sums + s->chunks * chunk_doubles(s) : s->sums;
    s->g = s->h + (d + 1) * (d + 1);
    return 0;
}

void gram_done(struct gram *s)
{
    free(s->sums);
    *s = (struct gram){ 0 };
}

struct gram_job {
    struct gram *s;
    const struct design *x;
    gram_row_fn *fn;
    const void *arg;
    bool products; /* H too */
};

/* What a row's sparse columns add to the products; row: its full ones. */
static void add_sparse_products(const struct gram *s, const struct design *x, size_t row,
                                double weight, double *sums)
{
    const double *full = x->x + row * x->full;
    size_t z = x->full + 1;
    double *with_full = sums + z * z, *with_sparse = with_full + s->sparse * z;

    for (uint64_t i = x->start[row]; i < x->start[row + 1]; i++) {
        const struct design_entry *a = &x->entries[i];
        double v = weight * a->value, *out = with_sparse + a->column * s->sparse;
        vec_axpy(with_full + a->column * z, v, full, x->full);
        with_full[a->column * z + x->full] += v;
        for (uint64_t k = x->start[row]; k <= i; k++)
            out[x->entries[k].column] += v * x->entries[k].value;
    }
}

static void add_sparse_slopes(const struct design *x, size_t row, double slope, double *g)
{
    for (uint64_t i = x->start[row]; i < x->start[row + 1]; i++)
        g[x->entries[i].column] += slope * x->entries[i].value;
}

static void add_batch(const struct gram_job *j, size_t from, size_t to, double *sums)
{
    const struct design *x = j->x;
    double weight[GRAM_BATCH], slope[GRAM_BATCH];
    double *g = sums + product_doubles(j->s), *g_sparse = g + x->full + 1;
    const struct kernel_rows rows = { x->x + from * x->full, to - from, x->full };

    j->fn(j->arg, from, to, weight, slope, g_sparse + x->sparse);
    if (j->products) j->s->kernels->products(&rows, weight, sums);
    j->s->kernels->slopes(&rows, slope, g);
    if (!x->sparse) return;
    for (size_t i = from; i < to; i++) {
        if (j->products) add_sparse_products(j->s, x, i, weight[i - from], sums);
        add_sparse_slopes(x, i, slope[i - from], g_sparse);
    }
}

/* Where in a chunk's sums the job begins to write. */
static size_t first_written(const struct gram_job *j)
{
    return j->products ? 0 : product_doubles(j->s);
}

static void add_chunk(void *arg, size_t task, int thread)
{
    const struct gram_job *j = arg;
    size_t n = j->x->n, from = task * n / j->s->chunks, to = (task + 1) * n / j->s->chunks;
    size_t size = chunk_doubles(j->s), first = first_written(j);
    double *sums = j->s->sums + task * size;

    (void)thread;
    memset(sums + first, 0, (size - first) * sizeof *sums);
    for (; from < to; from += GRAM_BATCH)
        add_batch(j, from, from + GRAM_BATCH < to ? from + GRAM_BATCH : to, sums);
}

/* A piece of the chunks' sums, added up in the first's. */
static void add_up(void *arg, size_t task, int thread)
{
    const struct gram_job *j = arg;
    struct gram *s = j->s;
    size_t size = chunk_doubles(s), from = first_written(j) + task * PIECE;
    size_t n = from + PIECE < size ? PIECE : size - from;

    (void)thread;
    for (size_t c = 1; c < s->chunks; c++)
        vec_axpy(s->sums + from, 1, s->sums + c * size + from, n);
}

/* The k-th of the unknowns, as the sums have them, in the matrix's order. */
static size_t unknown(const struct gram *s, const struct design *x, size_t k)
{
    if (k == s->full) return s->d;
    return design_column(x, k < s->full ? k : k - 1);
}

/* A row of products, of unknown k with the n first. */
static void put_products(const struct gram *s, const struct design *x, size_t k, size_t n,
                         const double *from, size_t first)
{
    size_t row = unknown(s, x, k);

    for (size_t i = 0; i < n; i++) {
        size_t column = unknown(s, x, first + i);
        s->h[row > column ? row * (s->d + 1) + column : column * (s->d + 1) + row] = from[i];
    }
}

/* The sums in the matrix's order, to h and g. */
static void put_in_order(const struct gram_job *j)
{
    const struct gram *s = j->s;
    const double *from = s->sums;
    size_t z = s->full + 1;

    for (size_t k = 0; j->products && k <= s->d; k++)
        put_products(s, j->x, k, k < z ? k + 1 : z, from + k * z, 0);
    from += z * (s->d + 1);
    for (size_t k = 0; j->products && k < s->sparse; k++)
        put_products(s, j->x, z + k, k + 1, from + k * s->sparse, z);
    from += s->sparse * s->sparse;
    for (size_t k = 0; k <= s->d; k++) s->g[unknown(s, j->x, k)] = from[k];
}

static void run(struct gram_job *j, const struct engine *en)
{
    struct gram *s = j->s;
    size_t size = chunk_doubles(s);

    pool_run(en->pool, s->chunks, add_chunk, j);
    if (s->chunks > 1) pool_run(en->pool, (size - first_written(j) + PIECE - 1) / PIECE, add_up, j);
    s->loss = s->sums[size - 1];
    if (s->sparse) put_in_order(j);
}

void gram_run(struct gram *s, const struct engine *en, const struct design *x, gram_row_fn *fn,
              const void *arg)
{
    run(&(struct gram_job){ s, x, fn, arg, true }, en);
}

void gram_run_slope(struct gram *s, const struct engine *en, const struct design *x,
                    gram_row_fn *fn, const void *arg)
{
    run(&(struct gram_job){ s, x, fn, arg, false }, en);
}
