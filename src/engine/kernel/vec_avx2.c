/* vec_avx2.c: the vector kernels compiled for AVX2, called only where the processor has it
 * (dispatch.c). No fused multiply-add: results equal those of vec_generic.c. Any thread. */
#include "engine/kernel/variants.h"

#ifdef KERNEL_HAVE_AVX2
#include "engine/kernel/vec_body.h"

#define AVX2 __attribute__((target("avx2")))

AVX2 void kernel_exp_avx2(const double *x, size_t n, double *out)
{
    body_exp(x, n, out);
}

AVX2 void kernel_logistic_avx2(struct kernel_logistic *a)
{
    body_logistic(a);
}

AVX2 void kernel_quantise_avx2(const struct kernel_quantise *a)
{
    body_quantise(a);
}

AVX2 void kernel_split_gain_avx2(const int64_t *prefix, size_t n, const struct kernel_gain *a,
                                 double *gain)
{
    body_split_gain(prefix, n, a, gain);
}
#endif
