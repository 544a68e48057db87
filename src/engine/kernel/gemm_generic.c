/* gemm_generic.c: the kernels of neural nets for any processor: product and addition are two
 * roundings. See gemm_body.h; any thread. */
#include "engine/kernel/gemm_body.h"
#include "engine/kernel/variants.h"

void kernel_gemm_generic(const struct kernel_gemm *g)
{
    body_gemm(g);
}

void kernel_adam_generic(const struct kernel_adam *a)
{
    body_adam(a);
}

static int32_t dot_bytes(const struct kernel_gemm8 *g, size_t r, size_t j)
{
    int32_t sum = 0;

    for (size_t o = 0; o < g->k1; o++) {
        const uint8_t *a = g->a + g->row[r] + (ptrdiff_t)o * g->a1;
        for (size_t i = 0; i < g->k2; i++)
            sum += a[i] * g->b[((o * g->k2 + i) / 4 * g->n + j) * 4 + i % 4];
    }
    return sum;
}

void kernel_gemm8_generic(const struct kernel_gemm8 *g)
{
    for (size_t r = 0; r < g->m; r++)
        for (size_t j = 0; j < g->n; j++)
            g->c[(ptrdiff_t)r * g->ldc + (ptrdiff_t)j] = dot_bytes(g, r, j);
}

void kernel_pool_generic(const struct kernel_pool *p)
{
    body_pool(p);
}

void kernel_pool_back_generic(const struct kernel_pool *p)
{
    body_pool_back(p);
}

void kernel_relu_generic(const float *x, size_t n, float *out)
{
    body_relu(x, n, out);
}

void kernel_relu_back_generic(const float *y, size_t n, float *d)
{
    body_relu_back(y, n, d);
}
