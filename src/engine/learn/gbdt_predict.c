/* gbdt_predict.c: scores of rows.
 *
 * A score is base + value of tree 0 + value of tree 1 + ... in that order, in doubles, on every
 * path: a row gives the same bits alone, in a batch, and during training. Rows are taken in
 * blocks of up to KERNEL_ROWS; features become bytes (planes) once, then trees run over the
 * block. Blocks are shorter where planes would not stay in the nearest cache.
 * No allocation, no state: any thread. */
#include "engine/learn/gbdt_fast.h"

#include <math.h>
#include <string.h>

#define LEAST_ROWS  64
#define MAX_SCORES  64    /* scores a row for which a block's sums are on the stack */
#define NEAR_BYTES  14000 /* of planes: what the cache holds beside the slots */
#define BLOCK_BYTES (GBDT_MAX_PLANES * LEAST_ROWS)
#define BLOCK_SUMS  (MAX_SCORES * LEAST_ROWS)

/* Log odds to probabilities. The kernel's exp, so that one is as many. */
static void probabilities(const struct gbdt_model *m, double *s, size_t n)
{
    const struct kernels *kern = m->fast ? m->fast->kern : kernels_best();

    for (size_t i = 0; i < n; i++) s[i] = -s[i];
    kern->exp(s, n, s);
    for (size_t i = 0; i < n; i++) s[i] = 1 / (1 + s[i]);
}

void gbdt_link(const struct gbdt_model *m, double *s)
{
    double top = s[0], sum = 0;

    if (m->task == TASK_BINARY) probabilities(m, s, 1);
    if (m->objective == GBDT_POISSON) s[0] = exp(s[0]);
    if (m->task != TASK_MULTICLASS) return;
    for (int c = 1; c < m->k; c++)
        if (s[c] > top) top = s[c];
    for (int c = 0; c < m->k; c++) sum += s[c] = exp(s[c] - top);
    for (int c = 0; c < m->k; c++) s[c] /= sum;
}

static void walk(const struct gbdt_model *m, const double *x, size_t step, double *out)
{
    size_t k = (size_t)m->k;

    for (size_t c = 0; c < k; c++) out[c] = m->base[c];
    for (size_t t = 0; t < m->n_trees; t++) out[t % k] += gbdt_tree_value(m, &m->trees[t], x, step);
}

void gbdt_predict_row(const void *state, const double *x, double *out)
{
    const struct gbdt_model *m = state;
    const struct gbdt_fast *f = m->fast;

    if (!f || !f->rows) {
        walk(m, x, 1, out);
    } else {
        for (int c = 0; c < m->k; c++) out[c] = m->base[c];
        f->kern->tree_row(f->rows, x, out);
    }
    gbdt_link(m, out);
}

/* ---- blocks ---- */

struct block {
    struct kernel_block b;
    uint8_t *planes;
    double *sum; /* m->k columns of b.rows */
};

static void fill_levels(const struct gbdt_levels *l, const double *v, size_t n, size_t rows,
                        uint8_t *planes)
{
    for (size_t r = 0; r < n; r++, planes++) {
        uint32_t c = kernel_class(l->class_of, l->levels, v[r]);
        planes[0] = c / 8 % 32;
        planes[rows] = (uint8_t)(1u << c % 8);
        if (l->pages > 1) planes[2 * rows] = (uint8_t)(c / 256);
    }
}

/* Fetches what the next block will look at: columns are far apart, and each is short of the length
 * at which processors see by themselves where it goes on. */
static void fetch_next(const struct matrix *x, size_t column, size_t row, size_t n)
{
    const double *next = x->x + column * x->n + row + n;
    size_t left = x->n - row - n;

    for (size_t i = 0; i < (left < n ? left : n); i += 64 / sizeof *next)
        __builtin_prefetch(next + i);
}

/* Bytes of n <= b.rows rows from `row` on. */
static void fill_planes(const struct gbdt_model *m, const struct matrix *x, size_t row, size_t n,
                        struct block *b)
{
    const struct gbdt_fast *f = m->fast;
    size_t rows = b->b.rows;

    if (n < rows) memset(b->planes, 0, f->n_planes * rows);
    for (unsigned i = 0; i < f->n_cuts; i++) {
        fetch_next(x, f->cuts[i].column, row, n);
        f->kern->ranks(&f->cuts[i], x->x + f->cuts[i].column * x->n + row, n, b->planes + i * rows);
    }
    b->b.missing = f->n_cuts > 0 && memchr(b->planes, GBDT_MISSING, f->n_cuts * rows);
    for (const struct gbdt_levels *l = f->levels; l < f->levels + f->n_levels; l++)
        fill_levels(l, x->x + l->column * x->n + row, n, rows, b->planes + l->plane * rows);
}

/* Adds the values of up to KERNEL_ROOTS trees, whose leaves are in the last slots. Sum after sum,
 * so that each stays in a register while trees are added in their order. */
static void add_values(const struct kernel_block *b, const double *const *value, size_t n,
                       double *sum)
{
    const uint8_t *leaf = b->slots + KERNEL_ROOT * KERNEL_ROWS;

    for (size_t r = 0; r < b->rows && n == KERNEL_ROOTS; r++) {
        double s = sum[r];
#pragma GCC unroll 8
        for (int i = 0; i < KERNEL_ROOTS; i++) s += value[i][leaf[i * KERNEL_ROWS + r]];
        sum[r] = s;
    }
    for (size_t i = 0; i < n && n < KERNEL_ROOTS; i++)
        for (size_t r = 0; r < b->rows; r++) sum[r] += value[i][leaf[i * KERNEL_ROWS + r]];
}

/* Adds the values of all trees of score c. */
static void add_trees(const struct gbdt_model *m, size_t c, const struct kernel_block *b,
                      double *sum)
{
    const double *value[KERNEL_ROOTS];
    size_t n = 0;

    for (size_t i = c; i < m->n_trees; i += (size_t)m->k) {
        const struct gbdt_tree *t = &m->trees[i];
        value[n] = m->leaves + t->leaf;
        if (t->n_leaves < 2) memset(b->slots + (KERNEL_ROOT + n) * KERNEL_ROWS, 0, b->rows);
        else m->fast->kern->tree_block(&m->fast->trees[i], b);
        if (++n < KERNEL_ROOTS) continue;
        add_values(b, value, n, sum);
        n = 0;
    }
    add_values(b, value, n, sum);
}

static void start_blocks(const struct gbdt_model *m, size_t rows, struct block *b)
{
    b->b.rows = rows;
    for (size_t i = 0; i < m->fast->most_leaves; i++)
        memset(b->b.slots + (KERNEL_TEMPS + i) * KERNEL_ROWS, (int)i, rows);
}

/* Rows of a block, of which n are wanted. */
static size_t block_rows(const struct gbdt_model *m, size_t n)
{
    size_t rows = KERNEL_ROWS;

    while (rows > LEAST_ROWS &&
           (m->fast->n_planes * rows > NEAR_BYTES || (size_t)m->k * rows > BLOCK_SUMS))
        rows /= 2;
    return n < rows ? (n + 31) / 32 * 32 : rows;
}

/* Outputs of n rows from the sums of a block. */
static void give(const struct gbdt_model *m, double *sum, size_t rows, size_t n, double *out)
{
    size_t k = (size_t)m->k;

    if (m->task == TASK_BINARY) {
        memcpy(out, sum, n * sizeof *out);
        probabilities(m, out, n);
        return;
    }
    for (size_t r = 0; r < n; r++, out += k) {
        for (size_t c = 0; c < k; c++) out[c] = sum[c * rows + r];
        gbdt_link(m, out);
    }
}

static void by_blocks(const struct gbdt_model *m, const struct matrix *x, size_t from, size_t to,
                      double *out)
{
    _Alignas(64) uint8_t slots[KERNEL_SLOTS * KERNEL_ROWS]; /* loads in one cache line each */
    _Alignas(64) uint8_t planes[BLOCK_BYTES];
    _Alignas(64) double sum[BLOCK_SUMS];
    struct block b = { { .planes = planes, .sets = m->fast->sets, .slots = slots }, planes, sum };
    size_t k = (size_t)m->k;

    for (size_t row = from, n; row < to; row += n) {
        size_t rows = block_rows(m, to - row);
        if (rows != b.b.rows) start_blocks(m, rows, &b);
        n = to - row < rows ? to - row : rows;
        fill_planes(m, x, row, n, &b);
        for (size_t c = 0; c < k; c++) {
            for (size_t r = 0; r < rows; r++) sum[c * rows + r] = m->base[c];
            add_trees(m, c, &b.b, sum + c * rows);
        }
        give(m, sum, rows, n, out);
        out += n * k;
    }
}

void gbdt_predict(const void *state, const struct matrix *x, size_t from, size_t to, double *out)
{
    const struct gbdt_model *m = state;

    if (m->fast && m->k <= MAX_SCORES && m->fast->n_planes <= GBDT_MAX_PLANES) {
        by_blocks(m, x, from, to, out);
        return;
    }
    for (size_t i = from; i < to; i++, out += m->k) {
        walk(m, x->x + i, x->n, out);
        gbdt_link(m, out);
    }
}
