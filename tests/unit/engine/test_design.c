/* test_design.c: matrices with sparse columns apart: every value is kept, products with vectors and
 * sums of products are those of the matrix. */
#include "base/rng.h"
#include "engine/kernel/kernel.h"
#include "engine/learn/gram.h"
#include "enginetest.h"

enum { ROWS = 3001 };

/* Columns whose number is a multiple of `full` are full; the others 0 but in one row of 20. */
static struct matrix sample(size_t d, size_t full)
{
    double *x = calloc(ROWS * d, sizeof *x);
    struct rng rng;

    rng_seed(&rng, d);
    for (size_t i = 0; i < ROWS * d; i++)
        if (i % d % full == 0 || rng_below(&rng, 20) == 0) x[i] = rng_normal(&rng);
    return (struct matrix){ ROWS, d, x, NULL };
}

static struct design made(const struct engine *en, const struct matrix *m)
{
    struct design x;
    struct err e = ERR_INIT;

    check_ok(design_sparse(en, m, &x, &e), &e);
    return x;
}

static void test_keeps_every_value(void **state)
{
    struct engine en = { .pool = pool_new(2) };
    const struct matrix m = sample(13, 4);
    struct design x = made(&en, &m);
    double *again = calloc(m.n * m.d, sizeof *again);

    (void)state;
    assert_int_equal(x.full, 4);
    assert_int_equal(x.sparse, 9);
    for (size_t i = 0; i < m.n; i++) {
        for (size_t k = 0; k < x.full; k++)
            again[i * m.d + design_column(&x, k)] = x.x[i * x.full + k];
        for (size_t k = x.start[i]; k < x.start[i + 1]; k++)
            again[i * m.d + design_column(&x, x.full + x.entries[k].column)] = x.entries[k].value;
    }
    assert_memory_equal(again, m.x, m.n * m.d * sizeof *again);
    free(again);
    design_done(&x);
    free((double *)(uintptr_t)m.x);
    pool_free(en.pool);
}

/* Too few sparse columns, or none: the matrix itself. */
static void test_full_matrices_stay(void **state)
{
    struct engine en = { .pool = pool_new(2) };

    (void)state;
    for (size_t full = 1; full <= 2; full++) {
        const struct matrix m = sample(7, full);
        struct design x = made(&en, &m);
        assert_ptr_equal(x.x, m.x);
        assert_int_equal(x.full, 7);
        assert_int_equal(x.sparse, 0);
        design_done(&x);
        free((double *)(uintptr_t)m.x);
    }
    pool_free(en.pool);
}

static void weigh(const void *arg, size_t from, size_t to, double *weight, double *slope,
                  double *loss)
{
    (void)arg;
    for (size_t i = from; i < to; i++) {
        weight[i - from] = 1 + (double)(i % 7);
        slope[i - from] = (double)(i % 5) - 2;
        *loss += 1;
    }
}

static void check_sums(const struct gram *a, const struct gram *b)
{
    for (size_t i = 0; i <= a->d; i++) {
        check_near(a->g[i], b->g[i], 1e-8, 1e-10, "slope");
        for (size_t j = 0; j <= i; j++)
            check_near(a->h[i * (a->d + 1) + j], b->h[i * (a->d + 1) + j], 1e-8, 1e-10, "product");
    }
    assert_true(a->loss == ROWS && b->loss == ROWS);
}

/* Also without any full column. */
static void test_sums_are_those_of_the_matrix(void **state)
{
    static const size_t sizes[][2] = { { 13, 4 }, { 30, 9 }, { 12, 100 } };
    struct engine en = { .pool = pool_new(2) };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct matrix m = sample(sizes[i][0], sizes[i][1]);
        if (i == 2)
            for (size_t r = 0; r < m.n; r++) ((double *)(uintptr_t)m.x)[r * m.d] = r % 16 == 0;
        const struct design plain = design_plain(&m);
        struct design x = made(&en, &m);
        struct gram a = { 0 }, b = { 0 };
        struct err e = ERR_INIT;
        assert_true(x.sparse > m.d / 2);
        check_ok(gram_init(&a, &plain, &e), &e);
        check_ok(gram_init(&b, &x, &e), &e);
        gram_run(&a, &en, &plain, weigh, NULL);
        gram_run(&b, &en, &x, weigh, NULL);
        check_sums(&a, &b);
        memset(b.g, 0, (m.d + 1) * sizeof *b.g);
        gram_run_slope(&b, &en, &x, weigh, NULL);
        check_sums(&a, &b);
        gram_done(&a);
        gram_done(&b);
        design_done(&x);
        free((double *)(uintptr_t)m.x);
    }
    pool_free(en.pool);
}

static void test_products_with_a_vector(void **state)
{
    struct engine en = { .pool = pool_new(2) };
    const struct matrix m = sample(30, 9);
    struct design x = made(&en, &m);
    double w[30], ordered[30], out[100];
    struct rng rng;

    (void)state;
    rng_seed(&rng, 5);
    for (size_t j = 0; j < m.d; j++) w[j] = rng_normal(&rng);
    design_order(&x, w, ordered);
    design_dots(&x, kernels_best(), 1000, 1100, ordered, out);
    for (size_t i = 0; i < 100; i++) {
        double sum = 0;
        for (size_t j = 0; j < m.d; j++) sum += m.x[(1000 + i) * m.d + j] * w[j];
        check_near(out[i], sum, 1e-12, 1e-12, "product");
    }
    design_done(&x);
    free((double *)(uintptr_t)m.x);
    pool_free(en.pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_keeps_every_value),
        TEST(test_full_matrices_stay),
        TEST(test_sums_are_those_of_the_matrix),
        TEST(test_products_with_a_vector),
    };
    return cmocka_run_group_tests_name("engine/design", tests, NULL, NULL);
}
