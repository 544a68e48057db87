/* test_error_rates.c: every test of drifts.def over a thousand pairs of samples: how often it
 * calls equal samples different at 5 %, and how often it finds a known shift, beside SciPy's.
 *
 * Protocol: pair r has 250 values a side, normals made of twelve uniforms (pairs.h) with seeds
 * 7,000,000 + 2 r and the one after; the current side is moved by 0.25 standard deviations, or
 * widened by a quarter. Levels: five with weights 0.4 0.3 0.15 0.1 0.05, moved to 0.33 0.3 0.19
 * 0.12 0.06. Features of two values: share 0.3, moved to 0.42. The figures of SciPy 1.17.1 below
 * are shares of the same 1,000 pairs found at 5 %: ks_2samp, cramervonmises_2samp, anderson_ksamp
 * (midranks), mannwhitneyu, ttest_ind (equal_var=False), chi2_contingency without (also for z) and
 * with lambda_="log-likelihood", fisher_exact. SciPy has no test for the index of population
 * stability. */
#include "engine/drift/drift.h"
#include "engine/stats/bins.h"
#include "pairs.h"

enum { PAIRS = 1000, N = 250, LEVELS = 5, BIN_COUNT = 10 };
#define ALPHA 0.05

enum change { NOTHING, MOVED, WIDENED, CHANGES }; /* levels have one change only, twice */

/* Found among 1,000: nothing to find, moved, widened. -1: SciPy has no such test. */
static const struct known {
    const char *test;
    int scipy[CHANGES];
} numeric[] = {
    { "ks", { 41, 646, 187 } },
    { "cvm", { 47, 762, 218 } },
    { "ad", { 49, 779, 473 } },
    { "mwu", { 44, 790, 48 } },
    { "welch", { 43, 796, 43 } },
    { "psi", { 42, -1, -1 } },
}, levels[] = {
    { "chi2", { 49, 311, 311 } },
    { "g", { 51, 318, 318 } },
    { "psi", { 49, -1, -1 } },
}, two[] = {
    { "z", { 44, 786, 786 } },
    { "fisher", { 38, 756, 756 } },
};

static void normal_sample(uint64_t seed, enum change c, double *x)
{
    for (uint64_t i = 0; i < N; i++) {
        double z = pair_ih(seed, i * 12 + 1);
        x[i] = c == MOVED ? z + 0.25 : c == WIDENED ? z * 1.25 : z;
    }
}

static void level_counts(uint64_t seed, enum change c, double *counts)
{
    static const double even[LEVELS] = { 0.4, 0.3, 0.15, 0.1, 0.05 };
    static const double odd[LEVELS] = { 0.33, 0.3, 0.19, 0.12, 0.06 };
    const double *w = c == NOTHING ? even : odd;

    memset(counts, 0, LEVELS * sizeof *counts);
    for (uint64_t i = 0; i < N; i++) {
        double u = pair_u(seed, i + 1);
        int l = 0;
        while (l + 1 < LEVELS && u >= w[l]) u -= w[l++];
        counts[l]++;
    }
}

static void two_counts(uint64_t seed, enum change c, double *counts)
{
    counts[0] = counts[1] = 0;
    for (uint64_t i = 0; i < N; i++) counts[pair_u(seed, i + 1) >= (c == NOTHING ? 0.3 : 0.42)]++;
}

/* What compare_numeric of drift.c hands to a test. */
static void numeric_pair(uint64_t r, enum change c, struct drift_pair *p,
                         double counts[2][BINS_MAX])
{
    double x[N], y[N];
    struct bins q;

    normal_sample(7000000 + 2 * r, NOTHING, x);
    normal_sample(7000001 + 2 * r, c, y);
    assert_int_equal(sample_new(x, N, &p->ref, NULL), 0);
    assert_int_equal(sample_new(y, N, &p->cur, NULL), 0);
    two_sample_merge(&p->ref, &p->cur, &p->merged);
    bins_quantile(&p->ref, BIN_COUNT, &q);
    bins_count(&q, &p->ref, counts[0]);
    bins_count(&q, &p->cur, counts[1]);
    *p = (struct drift_pair){ .kind = DRIFT_NUMERIC,
                              .ref = p->ref,
                              .cur = p->cur,
                              .merged = p->merged,
                              .k = q.n,
                              .p = counts[0],
                              .q = counts[1],
                              .n_ref = N,
                              .n_cur = N };
}

static bool found(const struct drift_test *t, const struct drift_pair *p)
{
    struct drift_value v;

    t->measure(p, &v);
    return v.p < ALPHA;
}

static void judge(const char *name, const int *ours, const int *scipy)
{
    printf("error rates %-6s equal %4.1f %%, moved %4.1f %%, widened or mixed anew %4.1f %%\n",
           name, ours[NOTHING] / 10.0, ours[MOVED] / 10.0, ours[WIDENED] / 10.0);
    if (ours[NOTHING] > PAIRS * 6 / 100) fail_msg("%s: %d false alarms", name, ours[NOTHING]);
    for (int c = MOVED; c < CHANGES; c++)
        if (ours[c] < scipy[c]) fail_msg("%s: finds %d, SciPy %d", name, ours[c], scipy[c]);
}

static void numeric_tests(void **state)
{
    static int hits[sizeof numeric / sizeof *numeric][CHANGES];

    (void)state;
    for (uint64_t r = 0; r < PAIRS; r++)
        for (int c = NOTHING; c < CHANGES; c++) {
            struct drift_pair p = { 0 };
            double counts[2][BINS_MAX];
            numeric_pair(r, (enum change)c, &p, counts);
            for (size_t t = 0; t < sizeof numeric / sizeof *numeric; t++)
                hits[t][c] += found(drift_test_find(numeric[t].test), &p);
            sample_done(&p.ref);
            sample_done(&p.cur);
        }
    for (size_t t = 0; t < sizeof numeric / sizeof *numeric; t++)
        judge(numeric[t].test, hits[t], numeric[t].scipy);
}

static void count_levels(uint64_t r, enum change c, size_t k, double *a, double *b)
{
    if (k == 2) {
        two_counts(9000000 + 2 * r, NOTHING, a);
        two_counts(9000001 + 2 * r, c, b);
    } else {
        level_counts(8000000 + 2 * r, NOTHING, a);
        level_counts(8000001 + 2 * r, c, b);
    }
}

static void measure_levels(size_t k, const struct known *tests, size_t n)
{
    int hits[4][CHANGES] = { { 0 } };

    assert_true(n <= 4);
    for (uint64_t r = 0; r < PAIRS; r++)
        for (int c = NOTHING; c < CHANGES; c++) {
            double a[LEVELS], b[LEVELS];
            count_levels(r, (enum change)c, k, a, b);
            struct drift_pair p = {
                .kind = DRIFT_CATEGORICAL, .k = k, .p = a, .q = b, .n_ref = N, .n_cur = N
            };
            for (size_t t = 0; t < n; t++) hits[t][c] += found(drift_test_find(tests[t].test), &p);
        }
    for (size_t t = 0; t < n; t++) judge(tests[t].test, hits[t], tests[t].scipy);
}

static void level_tests(void **state)
{
    (void)state;
    measure_levels(LEVELS, levels, sizeof levels / sizeof *levels);
}

static void two_value_tests(void **state)
{
    (void)state;
    measure_levels(2, two, sizeof two / sizeof *two);
}

/* A test that gets a p-value is measured above. */
static void none_is_left_out(void **state)
{
    double a[] = { 30, 30 }, b[] = { 30, 31 };
    double x[] = { 1, 2, 3, 4 }, y[] = { 1, 2, 3, 5 };
    struct drift_pair n = { .kind = DRIFT_NUMERIC, .k = 2, .p = a, .q = b, .n_ref = 4, .n_cur = 4 };
    struct drift_pair l = {
        .kind = DRIFT_CATEGORICAL, .k = 2, .p = a, .q = b, .n_ref = 60, .n_cur = 61
    };

    (void)state;
    assert_int_equal(sample_new(x, 4, &n.ref, NULL), 0);
    assert_int_equal(sample_new(y, 4, &n.cur, NULL), 0);
    two_sample_merge(&n.ref, &n.cur, &n.merged);
    for (const struct drift_test *t = drift_tests; t->name; t++) {
        struct drift_value v;
        size_t listed = 0, wanted = 0;
        for (size_t i = 0; i < sizeof numeric / sizeof *numeric; i++)
            listed += str_eq(numeric[i].test, t->name);
        for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
            listed += str_eq(levels[i].test, t->name);
        for (size_t i = 0; i < sizeof two / sizeof *two; i++)
            listed += str_eq(two[i].test, t->name);
        if (t->kinds & DRIFT_NUMERIC) {
            t->measure(&n, &v);
            wanted += !isnan(v.p);
        }
        if (t->kinds & DRIFT_CATEGORICAL) {
            t->measure(&l, &v);
            wanted += !isnan(v.p);
        }
        assert_int_equal(listed, wanted);
    }
    sample_done(&n.ref);
    sample_done(&n.cur);
}

int main(void)
{
    const struct CMUnitTest t[] = { cmocka_unit_test(none_is_left_out),
                                    cmocka_unit_test(numeric_tests),
                                    cmocka_unit_test(level_tests),
                                    cmocka_unit_test(two_value_tests) };
    return cmocka_run_group_tests_name("drift.error_rates", t, NULL, NULL);
}
