/* gram.c: see gram.h. Rows go through in batches that stay in the cache between the function that
 * weighs them and the kernels that add them up. */
#include "engine/learn/gram.h"

#include "base/mem.h"
#include "engine/kernel/kernel.h"
#include "engine/learn/vec.h"
#include "engine/pool.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CHUNKS 32
#define MIN_ROWS   512                /* of a chunk */
#define MAX_BYTES  ((size_t)64 << 20) /* of all chunks, unless one alone is larger */

/* H, g and the loss of a chunk lie behind one another. */
static size_t chunk_doubles(size_t d)
{
    return (d + 1) * (d + 1) + (d + 1) + 1;
}

int gram_init(struct gram *s, size_t n, size_t d, struct err *e)
{
    size_t bytes = chunk_doubles(d) * sizeof(double);
    size_t chunks = n / MIN_ROWS < MAX_CHUNKS ? n / MIN_ROWS : MAX_CHUNKS;

    if (chunks > MAX_BYTES / bytes) chunks = MAX_BYTES / bytes;
    if (chunks == 0) chunks = 1;
    *s = (struct gram){ .d = d, .chunks = chunks, .kernels = kernels_best() };
    s->sums = mem_try(chunks, bytes);
    if (!s->sums) return err_set(e, ERR_NOMEM, "no memory for equations of %zu unknowns", d + 1);
    s->h = s->sums;
    s->g = s->sums + (d + 1) * (d + 1);
    return 0;
}

void gram_done(struct gram *s)
{
    free(s->sums);
    *s = (struct gram){ 0 };
}

struct gram_job {
    struct gram *s;
    const struct matrix *m;
    gram_row_fn *fn;
    const void *arg;
    bool products; /* H too */
};

static void add_batch(const struct gram_job *j, size_t from, size_t to, double *sums)
{
    size_t d = j->s->d;
    double weight[GRAM_BATCH], slope[GRAM_BATCH];
    double *h = sums, *g = h + (d + 1) * (d + 1), *loss = g + d + 1;
    const struct kernel_rows rows = { j->m->x + from * d, to - from, d };

    j->fn(j->arg, from, to, weight, slope, loss);
    if (j->products) j->s->kernels->products(&rows, weight, h);
    j->s->kernels->slopes(&rows, slope, g);
}

/* Where in a chunk's sums the job begins to write. */
static size_t first_written(const struct gram_job *j)
{
    return j->products ? 0 : (j->s->d + 1) * (j->s->d + 1);
}

static void add_chunk(void *arg, size_t task, int thread)
{
    const struct gram_job *j = arg;
    size_t n = j->m->n, from = task * n / j->s->chunks, to = (task + 1) * n / j->s->chunks;
    size_t size = chunk_doubles(j->s->d), first = first_written(j);
    double *sums = j->s->sums + task * size;

    (void)thread;
    memset(sums + first, 0, (size - first) * sizeof *sums);
    for (; from < to; from += GRAM_BATCH)
        add_batch(j, from, from + GRAM_BATCH < to ? from + GRAM_BATCH : to, sums);
}

static void run(struct gram_job *j, const struct engine *en)
{
    struct gram *s = j->s;
    size_t size = chunk_doubles(s->d), first = first_written(j);

    pool_run(en->pool, s->chunks, add_chunk, j);
    for (size_t c = 1; c < s->chunks; c++)
        vec_axpy(s->sums + first, 1, s->sums + c * size + first, size - first);
    s->loss = s->sums[size - 1];
}

void gram_run(struct gram *s, const struct engine *en, const struct matrix *m, gram_row_fn *fn,
              const void *arg)
{
    run(&(struct gram_job){ s, m, fn, arg, true }, en);
}

void gram_run_slope(struct gram *s, const struct engine *en, const struct matrix *m,
                    gram_row_fn *fn, const void *arg)
{
    run(&(struct gram_job){ s, m, fn, arg, false }, en);
}
