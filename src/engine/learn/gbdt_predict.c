/* gbdt_predict.c: scores of rows.
 *
 * A score is base + value of tree 0 + value of tree 1 + ... in that order, in doubles, on every
 * path: a row gives the same bits alone, in a batch, and during training. No allocation, no
 * state: any thread. */
#include "engine/learn/gbdt.h"

#include <math.h>

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

static void scores(const struct gbdt_model *m, const double *x, size_t step, double *out)
{
    size_t k = (size_t)m->k;

    for (size_t c = 0; c < k; c++) out[c] = m->base[c];
    for (size_t t = 0; t < m->n_trees; t++) out[t % k] += gbdt_tree_value(m, &m->trees[t], x, step);
}

void gbdt_predict_row(const void *state, const double *x, double *out)
{
    const struct gbdt_model *m = state;

    scores(m, x, 1, out);
    gbdt_link(m, out);
}

void gbdt_predict(const void *state, const struct matrix *x, size_t from, size_t to, double *out)
{
    const struct gbdt_model *m = state;

    for (size_t i = from; i < to; i++, out += m->k) {
        scores(m, x->x + i, x->n, out);
        gbdt_link(m, out);
    }
}
