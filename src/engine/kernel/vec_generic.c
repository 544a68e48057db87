/* vec_generic.c: the vector kernels for any processor (on x86-64 that means SSE2).
 * See vec_body.h; any thread. */
#include "engine/kernel/variants.h"
#include "engine/kernel/vec_body.h"
#include "engine/kernel/vec_tree.h"

void kernel_exp_generic(const double *x, size_t n, double *out)
{
    body_exp(x, n, out);
}

void kernel_logistic_generic(struct kernel_logistic *a)
{
    body_logistic(a);
}

void kernel_quantise_generic(const struct kernel_quantise *a)
{
    body_quantise(a);
}

void kernel_split_gain_generic(const int64_t *prefix, size_t n, const struct kernel_gain *a,
                               double *gain)
{
    body_split_gain(prefix, n, a, gain);
}

void kernel_tree_block_generic(const struct kernel_op *ops, size_t n, const uint8_t *planes,
                               uint8_t *slots)
{
    body_tree_block(ops, n, planes, slots);
}

/* Leaves that remain after every node has spoken; the lowest is the one reached. */
static uint32_t remaining(const struct kernel_row_tree *t, const uint8_t *bytes)
{
    uint32_t left = UINT32_MAX;

    for (int i = 0; i < KERNEL_ROW_LEAVES; i++)
        left &= t->keep[i] | -(uint32_t)(bytes[t->plane[i]] <= t->threshold[i]);
    return left;
}

void kernel_tree_rows_generic(const struct kernel_row_tree *trees, size_t n,
                              const struct kernel_row *row)
{
    size_t c = 0;

    for (const struct kernel_row_tree *t = trees; t < trees + n; t++) {
        row->score[c] += t->value[__builtin_ctz(remaining(t, row->bytes))];
        if (++c == row->k) c = 0;
    }
}
