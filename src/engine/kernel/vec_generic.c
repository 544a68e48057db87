/* vec_generic.c: the vector kernels for any processor (on x86-64 that means SSE2).
 * See vec_body.h; any thread. */
#include "engine/kernel/variants.h"
#include "engine/kernel/vec_body.h"
#include "engine/kernel/vec_boost.h"
#include "engine/kernel/vec_mixture.h"

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

void kernel_mixture_generic(const struct kernel_mixture *m, const double *x, double *log_shares,
                            double *ret)
{
    body_mixture(m, x, log_shares, ret);
}

void kernel_best_cut_generic(const int64_t *prefix, size_t n, struct kernel_cut *a)
{
    body_best_cut(prefix, n, a);
}

void kernel_move_generic(const struct kernel_move *a)
{
    uint32_t *left = a->left, *right = a->right;

    for (size_t i = 0; i < a->n; i++) {
        if (a->bits[i / 8] >> (i % 8) & 1) *left++ = a->rows[i];
        else *right++ = a->rows[i];
    }
}

void kernel_split_generic(struct kernel_split *a)
{
    a->n_right = 0;
    for (size_t i = 0; i < a->n; i++) {
        bool moves = a->marks[i] == a->mark && !(a->left[a->bins[i] / 8] >> a->bins[i] % 8 & 1);
        if (moves) a->marks[i] = a->right;
        a->n_right += moves;
    }
}

void kernel_marked_generic(struct kernel_marked *a)
{
    a->found = 0;
    for (size_t i = 0; i < a->n; i++) {
        a->rows[a->found] = a->row + (uint32_t)i;
        if (a->gh) a->rows_gh[a->found] = a->gh[i];
        a->found += a->marks[i] == a->mark;
    }
}

void kernel_weigh_generic(const int32_t *gh, size_t n, uint32_t *sum_g, uint32_t *sum_h)
{
    body_weigh(gh, n, sum_g, sum_h);
}

void kernel_widen_generic(int32_t *narrow, size_t n, int64_t *hist)
{
    body_widen(narrow, n, hist);
}
