/* vec_generic.c: the vector kernels for any processor (on x86-64 that means SSE2).
 * See vec_body.h; any thread. */
#include "engine/kernel/variants.h"
#include "engine/kernel/vec_body.h"

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
