/* gbdt_predict.c: scores of rows.
 *
 * A score is base + value of tree 0 + value of tree 1 + ... in that order, in doubles, on every
 * path: a row gives the same bits alone, in a batch, and during training. Rows are taken in
 * blocks of KERNEL_ROWS; features become bytes (planes) once, then trees run over the block.
 * No allocation, no state: any thread. */
#include "engine/learn/gbdt_fast.h"

#include <math.h>
#include <string.h>

#define MAX_SCORES 64 /* scores a row for which a block's sums are on the stack */

void gbdt_link(const struct gbdt_model *m, double *s)
{
    double top = s[0], sum = 0;

    if (m->task == TASK_BINARY) s[0] = 1 / (1 + exp(-s[0]));
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
    uint8_t bytes[GBDT_MAX_PLANES];

    if (!f || !f->rows) {
        walk(m, x, 1, out);
        gbdt_link(m, out);
        return;
    }
    memset(bytes, 0, KERNEL_FEW_PLANES);
    for (unsigned i = 0; i < f->n_numeric; i++) {
        const struct gbdt_plane *p = &f->planes[i];
        bytes[i] = gbdt_cuts_rank1(p->cuts, x[p->feature], p->missing);
    }
    for (const struct gbdt_levels *l = f->levels; l < f->levels + f->n_levels; l++)
        memcpy(bytes + l->first, l->by_level + (size_t)gbdt_entry(l, x[l->feature]) * l->nodes,
               l->nodes);
    struct kernel_row row = { bytes, f->n_planes, (size_t)m->k, out };
    for (int c = 0; c < m->k; c++) out[c] = m->base[c];
    f->kern->tree_rows(f->rows, m->n_trees, &row);
    gbdt_link(m, out);
}

static void fill_levels(const struct gbdt_levels *l, const double *v, size_t n, uint8_t *planes)
{
    uint32_t at[KERNEL_ROWS];
    const uint8_t *table = l->by_node;

    for (size_t r = 0; r < n; r++) at[r] = gbdt_entry(l, v[r]);
    for (unsigned i = 0; i < l->nodes; i++, planes += KERNEL_ROWS, table += l->levels + 2)
        for (size_t r = 0; r < n; r++) planes[r] = table[at[r]];
}

/* Bytes of n <= KERNEL_ROWS rows from `row` on. */
static void fill_planes(const struct gbdt_model *m, const struct matrix *x, size_t row, size_t n,
                        uint8_t *planes)
{
    const struct gbdt_fast *f = m->fast;

    if (n < KERNEL_ROWS) memset(planes, 0, f->n_planes * (size_t)KERNEL_ROWS);
    for (unsigned i = 0; i < f->n_numeric; i++) {
        const struct gbdt_plane *p = &f->planes[i];
        gbdt_cuts_rank(p->cuts, x->x + p->feature * x->n + row, n, p->missing,
                       planes + (size_t)i * KERNEL_ROWS);
    }
    for (const struct gbdt_levels *l = f->levels; l < f->levels + f->n_levels; l++)
        fill_levels(l, x->x + l->feature * x->n + row, n, planes + (size_t)l->first * KERNEL_ROWS);
}

/* Adds the trees' values to sum, m->k columns of KERNEL_ROWS. */
static void add_trees(const struct gbdt_model *m, const uint8_t *planes, uint8_t *slots,
                      double *sum)
{
    size_t c = 0, k = (size_t)m->k;

    for (size_t i = 0; i < m->n_trees; i++) {
        const struct gbdt_tree *t = &m->trees[i];
        const double *value = m->leaves + t->leaf;
        double *s = sum + c * KERNEL_ROWS;
        if (t->n_leaves > 1) {
            m->fast->kern->tree_block(m->fast->ops + t->node, t->n_leaves - 1, planes, slots);
            for (size_t r = 0; r < KERNEL_ROWS; r++) s[r] += value[slots[r]];
        } else {
            for (size_t r = 0; r < KERNEL_ROWS; r++) s[r] += value[0];
        }
        if (++c == k) c = 0;
    }
}

static void by_blocks(const struct gbdt_model *m, const struct matrix *x, size_t from, size_t to,
                      double *out)
{
    uint8_t slots[KERNEL_SLOTS * KERNEL_ROWS], planes[GBDT_MAX_PLANES * KERNEL_ROWS];
    double sum[MAX_SCORES * KERNEL_ROWS];
    size_t k = (size_t)m->k;

    for (size_t i = KERNEL_TEMPS; i < KERNEL_SLOTS; i++)
        memset(slots + i * KERNEL_ROWS, (int)(i - KERNEL_TEMPS), KERNEL_ROWS);
    for (size_t row = from; row < to; row += KERNEL_ROWS) {
        size_t n = to - row < KERNEL_ROWS ? to - row : KERNEL_ROWS;
        fill_planes(m, x, row, n, planes);
        for (size_t i = 0; i < k * KERNEL_ROWS; i++) sum[i] = m->base[i / KERNEL_ROWS];
        add_trees(m, planes, slots, sum);
        for (size_t r = 0; r < n; r++, out += k) {
            for (size_t c = 0; c < k; c++) out[c] = sum[c * KERNEL_ROWS + r];
            gbdt_link(m, out);
        }
    }
}

void gbdt_predict(const void *state, const struct matrix *x, size_t from, size_t to, double *out)
{
    const struct gbdt_model *m = state;

    if (m->fast && m->k <= MAX_SCORES) {
        by_blocks(m, x, from, to, out);
        return;
    }
    for (size_t i = from; i < to; i++, out += m->k) {
        walk(m, x->x + i, x->n, out);
        gbdt_link(m, out);
    }
}
