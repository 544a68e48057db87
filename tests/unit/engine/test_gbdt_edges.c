/* test_gbdt_edges.c: where bins end: few values, equal frequency, values that fill a bin alone,
 * heavy tails, values without bounds. */
#include "engine/learn/gbdt.h"
#include "enginetest.h"

enum { MANY = 20000 };
static struct gbdt_distinct values[MANY];
static double bound[KERNEL_BINS];

static uint32_t bin_of(double v)
{
    uint32_t b = 0;

    while (v > bound[b]) b++;
    return b;
}

/* Rows of the smallest and of the largest of n bins; bounds ascend and the last is infinite. */
static void check_bins(size_t k, uint32_t n, uint32_t *least, uint32_t *most)
{
    uint32_t rows[KERNEL_BINS] = { 0 };

    assert_in_range(n, 1, 255);
    for (uint32_t i = 1; i < n; i++) assert_true(bound[i] > bound[i - 1]);
    assert_true(bound[n - 1] == HUGE_VAL);
    for (size_t i = 0; i < k; i++) rows[bin_of(values[i].value)] += values[i].count;
    *least = *most = rows[0];
    for (uint32_t i = 0; i < n; i++) {
        if (rows[i] < *least) *least = rows[i];
        if (rows[i] > *most) *most = rows[i];
    }
}

/* Value i of a distribution with that tail: small is heavy. */
static void fill(size_t k, double tail)
{
    for (size_t i = 0; i < k; i++)
        values[i] = (struct gbdt_distinct){ pow(1 - ((double)i + 0.5) / (double)k, -1 / tail), 1 };
}

static void test_few(void **state)
{
    uint32_t least, most, n;

    (void)state;
    for (size_t i = 0; i < 5; i++) values[i] = (struct gbdt_distinct){ (double)i, i == 1 ? 1 : 10 };
    n = gbdt_edges(values, 5, 255, 1, bound);
    check_bins(5, n, &least, &most);
    assert_int_equal(n, 4); /* the single row is with its neighbour */
    assert_true(bound[0] == 0.5 && bound[1] == 2.5);
}

static void test_equal_frequency(void **state)
{
    uint32_t least, most, n;

    (void)state;
    fill(MANY, 2);
    n = gbdt_edges(values, MANY, 255, 1, bound);
    check_bins(MANY, n, &least, &most);
    assert_int_equal(n, 255);
    assert_in_range(least, MANY / 255 - 1, MANY / 255 + 1);
    assert_in_range(most, MANY / 255, MANY / 255 + 1);
    values[MANY / 2].count = 1000; /* fills a bin alone */
    gbdt_edges(values, MANY, 255, 1, bound);
    assert_true(bin_of(values[MANY / 2].value) < bin_of(values[MANY / 2 + 1].value));
}

/* Largest ratio of two neighbours' values in a bin above the 99th percentile. */
static double widest(size_t k)
{
    double widest = 1;

    for (size_t i = k / 100 * 99, from = i; i < k; i++) {
        if (bin_of(values[i].value) != bin_of(values[from].value)) from = i;
        widest = fmax(widest, values[i].value / values[from].value);
    }
    return widest;
}

static void test_heavy_tail(void **state)
{
    uint32_t least, most, n;

    (void)state;
    fill(MANY, 2);
    gbdt_edges(values, MANY, 255, 1, bound);
    double before = widest(MANY);
    n = gbdt_edges(values, MANY, 255, 0.01, bound);
    check_bins(MANY, n, &least, &most);
    assert_int_equal(n, 255);
    assert_in_range(least, 3, 100);
    assert_true(before > 10);
    assert_true(widest(MANY) < 2.5); /* the last three values lie that far apart */
    assert_true(most < 2.0 * MANY / 255);
}

/* Of an even distribution nothing is left to part; nor where values have no distance. */
static void test_even(void **state)
{
    static double plain[KERNEL_BINS];
    uint32_t least, most;

    (void)state;
    for (size_t i = 0; i < MANY; i++) values[i] = (struct gbdt_distinct){ (double)i, 1 };
    gbdt_edges(values, MANY, 255, 1, plain);
    gbdt_edges(values, MANY, 255, 0.01, bound);
    assert_memory_equal(plain, bound, sizeof plain);
    fill(MANY, 1);
    values[MANY - 1].value = HUGE_VAL;
    check_bins(MANY, gbdt_edges(values, MANY, 255, 0.01, bound), &least, &most);
    fill(MANY, 0.02); /* up to 1e215: squares overflow unless they are scaled */
    check_bins(MANY, gbdt_edges(values, MANY, 255, 0.01, bound), &least, &most);
    assert_true(least >= 3);
    for (uint32_t m = 2; m < 12; m++) assert_in_range(gbdt_edges(values, MANY, m, 0, bound), 2, m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_few),
        TEST(test_equal_frequency),
        TEST(test_heavy_tail),
        TEST(test_even),
    };

    return cmocka_run_group_tests_name("gbdt_edges", tests, NULL, NULL);
}
