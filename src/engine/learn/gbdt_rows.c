/* gbdt_rows.c: which rows each leaf of the growing tree has.
 *
 * A large leaf is a mark: every row has a byte, and those with the leaf's mark are its rows.
 * Splitting it goes over the bytes of all rows and over the feature's column, both in sequence
 * and 32 rows an instruction: less work than moving the leaf's rows about, as long as they are
 * not few among all. A leaf with few rows, or one for which no mark is left, has them in a list,
 * an interval of positions in one of two buffers; splitting it writes them, stably, to the same
 * interval of the other buffer. A marked leaf becomes listed when it is split; its rows keep
 * the mark, which then means nothing. Rows are always ascending, so all results are the same
 * for both forms and any number of threads. */
#include "engine/learn/gbdt_grow.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define FEW        32    /* a leaf with less than one in so many rows is split as a list */
#define MARKS      255   /* GBDT_OUT is none */
#define FEW_CHUNKS 2     /* of a list, that one thread moves faster than several */
#define FEW_MARKS  65536 /* rows that one thread looks at faster */

bool gbdt_rows_allocate(struct gbdt_grower *gr)
{
    size_t n = gr->bins->n, chunks = gbdt_chunks(n) + 1;

    gr->marks = mem_try_aligned(n + 1, 1);
    for (int i = 0; i < 2; i++) {
        gr->lists[i] = mem_try_zero(n + KERNEL_AHEAD, sizeof *gr->lists[i]);
        if (!gr->lists[i]) return false;
    }
    gr->bits = mem_try(chunks, GBDT_CHUNK / 8);
    gr->count = mem_try(chunks, sizeof *gr->count);
    return gr->marks && gr->bits && gr->count;
}

void gbdt_rows_free(struct gbdt_grower *gr)
{
    free(gr->marks);
    free(gr->lists[0]);
    free(gr->lists[1]);
    free(gr->bits);
    free(gr->count);
}

static size_t sum_of_counts(const struct gbdt_grower *gr, size_t chunks)
{
    size_t sum = 0;

    for (size_t c = 0; c < chunks; c++) sum += gr->count[c];
    return sum;
}

/* ---- the root ---- */

static bool in_bag(const struct gbdt_grower *gr, size_t row)
{
    uint64_t x = rng_mix(rng_mix(gr->en->seed ^ gr->round->bag) + row);

    return (double)(x >> 11) * 0x1p-53 < gr->p->bagging_fraction;
}

static void bag_task(void *arg, size_t chunk, int thread)
{
    struct gbdt_grower *gr = arg;
    size_t from = chunk * GBDT_CHUNK, to = from + gbdt_chunk_rows(gr->bins->n, chunk), n = 0;

    (void)thread;
    for (size_t i = from; i < to; i++) {
        bool in = in_bag(gr, i);
        gr->marks[i] = in ? 0 : GBDT_OUT;
        n += in;
    }
    gr->count[chunk] = n;
}

void gbdt_rows_root(struct gbdt_grower *gr, struct gbdt_leaf *root)
{
    size_t n = gr->bins->n, chunks = gbdt_chunks(n);

    gr->n_marks = 1;
    gr->listed = 0;
    root->mark = 0;
    root->rows = n;
    if (!gbdt_bagging(gr->p)) {
        memset(gr->marks, 0, n);
        return;
    }
    pool_run(gr->en->pool, chunks, bag_task, gr);
    root->rows = sum_of_counts(gr, chunks);
}

/* ---- marked leaves ---- */

struct rows_job {
    struct gbdt_grower *gr;
    const struct gbdt_leaf *leaf;
    uint8_t right;                /* mark of the right child */
    uint8_t set[KERNEL_BINS / 8]; /* gr->lut as bits */
    size_t n_left;
};

static void mark_task(void *arg, size_t chunk, int thread)
{
    const struct rows_job *job = arg;
    struct gbdt_grower *gr = job->gr;
    const struct gbdt_bins *b = gr->bins;
    size_t from = chunk * GBDT_CHUNK, j = job->leaf->best.feature;
    struct kernel_split a = { .bins = b->cols + j * b->n + from,
                              .marks = gr->marks + from,
                              .n = gbdt_chunk_rows(b->n, chunk),
                              .mark = (uint8_t)job->leaf->mark,
                              .right = job->right };

    (void)thread;
    memcpy(a.left, job->set, sizeof a.left);
    gr->kern->split(&a);
    gr->count[chunk] = a.n_right;
}

static void mark_wide_task(void *arg, size_t chunk, int thread)
{
    const struct rows_job *job = arg;
    struct gbdt_grower *gr = job->gr;
    const struct gbdt_bins *b = gr->bins;
    const uint16_t *col = b->wide + (job->leaf->best.feature - b->m_bytes) * b->n;
    uint32_t rows[GBDT_CHUNK];
    size_t from = chunk * GBDT_CHUNK, right = 0;
    struct kernel_marked a = { .marks = gr->marks + from,
                               .n = gbdt_chunk_rows(b->n, chunk),
                               .mark = (uint8_t)job->leaf->mark,
                               .row = (uint32_t)from,
                               .rows = rows };

    (void)thread;
    gr->kern->marked(&a);
    for (size_t i = 0; i < a.found; i++) {
        bool left = gr->lut[col[rows[i]]];
        gr->marks[rows[i]] = left ? a.mark : job->right;
        right += !left;
    }
    gr->count[chunk] = right;
}

/* The right child's rows get a new mark; returns how many stay. */
static size_t split_marked(struct gbdt_grower *gr, const struct gbdt_leaf *l)
{
    struct rows_job job = { .gr = gr, .leaf = l, .right = (uint8_t)gr->n_marks++ };
    size_t n = gr->bins->n, chunks = gbdt_chunks(n);
    bool wide = l->best.feature >= gr->bins->m_bytes;

    for (size_t i = 0; !wide && i < KERNEL_BINS; i++)
        job.set[i / 8] |= (uint8_t)(gr->lut[i] << i % 8);
    gbdt_run(gr, chunks, n <= FEW_MARKS, wide ? mark_wide_task : mark_task, &job);
    return l->rows - sum_of_counts(gr, chunks);
}

/* ---- listed leaves ---- */

static void flag_task(void *arg, size_t chunk, int thread)
{
    const struct rows_job *job = arg;
    struct gbdt_grower *gr = job->gr;
    const struct gbdt_bins *b = gr->bins;
    const struct gbdt_leaf *l = job->leaf;
    const uint32_t *rows = gr->lists[l->buf] + l->begin + chunk * GBDT_CHUNK;
    uint8_t *bits = gr->bits + chunk * (GBDT_CHUNK / 8);
    size_t n = gbdt_chunk_rows(l->rows, chunk), j = l->best.feature;

    (void)thread;
    gr->count[chunk] =
        j < b->m_bytes
            ? kernel_flags(b->cols + j * b->n, rows, n, gr->lut, bits)
            : kernel_flags_wide(b->wide + (j - b->m_bytes) * b->n, rows, n, gr->lut, bits);
}

static void move_task(void *arg, size_t chunk, int thread)
{
    const struct rows_job *job = arg;
    struct gbdt_grower *gr = job->gr;
    const struct gbdt_leaf *l = job->leaf;
    size_t offset = chunk * GBDT_CHUNK, left = gr->count[chunk];
    uint32_t *to = gr->lists[!l->buf] + l->begin;
    struct kernel_move a = { .rows = gr->lists[l->buf] + l->begin + offset,
                             .bits = gr->bits + chunk * (GBDT_CHUNK / 8),
                             .n = gbdt_chunk_rows(l->rows, chunk),
                             .n_left = gr->count[chunk + 1] - left,
                             .left = to + left,
                             .right = to + job->n_left + offset - left };

    (void)thread;
    gr->kern->move(&a);
}

/* Moves the leaf's rows to the other buffer; returns how many go left. */
static size_t split_listed(struct gbdt_grower *gr, const struct gbdt_leaf *l)
{
    struct rows_job job = { .gr = gr, .leaf = l };
    size_t chunks = gbdt_chunks(l->rows), left = 0;
    bool serial = chunks <= FEW_CHUNKS;

    gbdt_run(gr, chunks, serial, flag_task, &job);
    for (size_t c = 0; c < chunks; c++) {
        size_t here = gr->count[c];
        gr->count[c] = left;
        left += here;
    }
    gr->count[chunks] = job.n_left = left;
    gbdt_run(gr, chunks, serial, move_task, &job);
    return left;
}

void gbdt_rows_list(struct gbdt_grower *gr, struct gbdt_leaf *l)
{
    struct kernel_marked a = { .marks = gr->marks,
                               .n = GBDT_CHUNK,
                               .mark = (uint8_t)l->mark };
    size_t end = gr->listed + l->rows;

    if (l->mark < 0) return;
    l->mark = -1;
    l->buf = 0;
    l->begin = gr->listed;
    while (gr->listed < end) {
        a.rows = gr->lists[0] + gr->listed;
        if (gr->bins->n - a.row < a.n) a.n = gr->bins->n - a.row;
        gr->kern->marked(&a);
        gr->listed += a.found;
        a.marks += a.n;
        a.row += (uint32_t)a.n;
    }
}

void gbdt_rows_split(struct gbdt_grower *gr, struct gbdt_leaf *old, struct gbdt_leaf *l,
                     struct gbdt_leaf *r)
{
    if (gr->n_marks == MARKS || old->rows < gr->bins->n / FEW) gbdt_rows_list(gr, old);
    bool marked = old->mark >= 0;

    l->rows = marked ? split_marked(gr, old) : split_listed(gr, old);
    r->rows = old->rows - l->rows;
    l->mark = old->mark;
    r->mark = marked ? gr->n_marks - 1 : -1;
    l->buf = r->buf = !old->buf;
    l->begin = old->begin;
    r->begin = old->begin + l->rows;
}

/* ---- scores ---- */

struct score_job {
    const struct gbdt_grower *gr;
    const double *value; /* by leaf */
    double *score;
    double of_mark[GBDT_OUT + 1];
};

static void marked_score_task(void *arg, size_t chunk, int thread)
{
    const struct score_job *job = arg;
    const uint8_t *marks = job->gr->marks;
    size_t from = chunk * GBDT_CHUNK, to = from + gbdt_chunk_rows(job->gr->bins->n, chunk);

    (void)thread;
    for (size_t i = from; i < to; i++) job->score[i] += job->of_mark[marks[i]];
}

/* Positions of a chunk may belong to several leaves. */
static void listed_score_task(void *arg, size_t chunk, int thread)
{
    const struct score_job *job = arg;
    const struct gbdt_grower *gr = job->gr;
    size_t from = chunk * GBDT_CHUNK, to = from + GBDT_CHUNK;

    (void)thread;
    for (int i = 0; i < gr->n_leaves; i++) {
        const struct gbdt_leaf *l = &gr->leaves[i];
        if (l->mark >= 0) continue;
        size_t end = l->begin + l->rows, a = l->begin > from ? l->begin : from;
        const uint32_t *rows = gr->lists[l->buf];
        if (end > to) end = to;
        for (; a < end; a++) job->score[rows[a]] += job->value[i];
    }
}

void gbdt_rows_score(struct gbdt_grower *gr, const double *value, double *score)
{
    struct score_job job = { .gr = gr, .value = value, .score = score };
    size_t chunks = gbdt_chunks(gr->bins->n);

    for (int i = 0; i < gr->n_leaves; i++)
        if (gr->leaves[i].mark >= 0) job.of_mark[gr->leaves[i].mark] = value[i];
    gbdt_run(gr, chunks, chunks <= FEW_CHUNKS, marked_score_task, &job);
    chunks = gbdt_chunks(gr->listed);
    gbdt_run(gr, chunks, chunks <= FEW_CHUNKS, listed_score_task, &job);
}
