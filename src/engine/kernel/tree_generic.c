/* tree_generic.c: the kernels of prediction for any processor. See tree_body.h; any thread. */
#include "engine/kernel/tree_body.h"
#include "engine/kernel/variants.h"

void kernel_ranks_generic(const struct kernel_cuts *c, const double *x, size_t n, uint8_t *out)
{
    body_ranks(c, x, n, out);
}

void kernel_tree_block_generic(const struct kernel_ops *ops, const struct kernel_block *block)
{
    body_tree_block(ops, block);
}

void kernel_tree_row_generic(const struct kernel_row_model *m, const double *x, double *score)
{
    body_tree_row(m, x, score);
}

void kernel_count_score_generic(const int64_t *prefix, size_t n, const struct kernel_count *a,
                                double *score)
{
    body_count_score(prefix, n, a, score);
}
