/* dense.c: the kernels over rows of a dense matrix, in every instruction set. See kernel.h and
 * vec_body.h; any thread. */
#include "engine/kernel/dense_body.h"
#include "engine/kernel/variants.h"

#define ROWS_KERNELS(isa, attributes)                                                              \
    attributes void kernel_dots_##isa(const struct kernel_rows *a, const double *w, size_t k,      \
                                      double *out)                                                 \
    {                                                                                              \
        body_dots(a, w, k, out);                                                                   \
    }                                                                                              \
    attributes void kernel_slopes_##isa(const struct kernel_rows *a, const double *slope,          \
                                        double *g)                                                 \
    {                                                                                              \
        body_slopes(a, slope, g);                                                                  \
    }                                                                                              \
    attributes void kernel_products_##isa(const struct kernel_rows *a, const double *weight,       \
                                          double *h)                                               \
    {                                                                                              \
        body_products(a, weight, h);                                                               \
    }

ROWS_KERNELS(generic, )
#ifdef KERNEL_HAVE_AVX2
ROWS_KERNELS(avx2, __attribute__((target("avx2"))))
#endif
