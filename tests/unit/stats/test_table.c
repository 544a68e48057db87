/* test_table.c: tests on counts, intervals and corrections for many tests: by hand and against
 * the shared vectors (SciPy 1.10, statsmodels' conventions). */
#include "engine/stats/bins.h"
#include "engine/stats/table.h"
#include "vectors.h"

static void by_hand(void **state)
{
    (void)state;
    const double a[] = { 10, 20, 0, 30 }, b[] = { 20, 20, 0, 20 };
    struct table_test t = table_chi2(a, b, 4, 0);
    assert_int_equal(t.df, 2); /* the empty column does not count */
    vectors_near(t.stat, 2 * 25.0 / 15 + 2 * 25.0 / 25, 0, 1e-14, "chi2");
    assert_true(t.min_expected == 15);
    const double one[] = { 5, 0 }, same[] = { 7, 0 };
    assert_true(table_chi2(one, same, 2, 0).p == 1 && table_chi2(one, same, 2, 0).df == 0);
    assert_true(table_g(one, same, 2).p == 1);
    vectors_near(table_fisher(3, 1, 1, 3), 34.0 / 70, 0, 1e-12, "tea tasting, two-sided");
    assert_true(isnan(two_proportion_z(0, 10, 0, 20).z) && two_proportion_z(0, 10, 0, 20).p == 1);
}

static void corrections_keep_order_and_nan(void **state)
{
    (void)state;
    const double p[] = { 0.04, NAN, 0.01, 0.03 };
    double out[4];
    assert_int_equal(p_adjust(P_BH, p, 4, out), 0);
    vectors_near(out[2], 0.03, 0, 1e-15, "BH of the smallest");
    vectors_near(out[3], 0.04, 0, 1e-15, "BH is monotone");
    vectors_near(out[0], 0.04, 0, 1e-15, "BH of the largest");
    assert_true(isnan(out[1]));
    assert_int_equal(p_adjust(P_HOLM, p, 4, out), 0);
    vectors_near(out[3], 0.06, 0, 1e-15, "Holm");
    assert_int_equal(p_adjust(P_BONFERRONI, p, 0, out), 0);
}

static void intervals_cover(void **state)
{
    (void)state;
    struct interval w = wilson_interval(0, 10, 0.95), c = clopper_interval(0, 10, 0.95);
    vectors_near(c.high, 1 - pow(0.025, 0.1), 0, 1e-14, "rule of exact zero");
    assert_true(c.low == 0 && fabs(w.low) < 1e-15 && w.high < c.high);
    c = clopper_interval(10, 10, 0.95);
    assert_true(c.high == 1);
    w = wilson_interval(0, 0, 0.95);
    assert_true(w.low == 0 && w.high == 1);
}

/* ---- the shared vectors ---------------------------------------------------------------- */

#define MAX_K 128

/* A row of counts without the columns that are zero in both rows. */
static size_t counts_of(const struct val *o, double *a, double *b)
{
    const struct val *ref = val_get(o, "ref"), *cur = val_get(o, "cur");
    size_t k = 0;
    for (size_t i = 0; i < val_len(ref); i++) {
        a[k] = vectors_num(val_at(ref, i));
        b[k] = vectors_num(val_at(cur, i));
        k += a[k] + b[k] > 0;
    }
    return k;
}

static double num(const struct val *o, const char *group, const char *key)
{
    return vectors_num(group ? val_get(val_get(o, group), key) : val_get(o, key));
}

/* p below 1e-250 is compared more loosely, as the vectors' notes say */
static void near_p(const char *quantity, double got, double want, const char *what)
{
    vectors_case(quantity, got, want, 1e-300, want < 1e-250 ? 1e-7 : 1e-10, what);
}

static void compare_tests(const struct val *o, const double *a, const double *b, size_t k,
                          const char *name)
{
    struct table_test t = table_chi2(a, b, k, 0), y = table_chi2(a, b, k, 1);
    vectors_case("chi2.stat", t.stat, num(o, "chi2", "stat"), 1e-12, 1e-10, name);
    near_p("chi2.p", t.p, num(o, "chi2", "p"), name);
    assert_int_equal(t.df, val_get_int(val_get(o, "chi2"), "dof", -1));
    vectors_case("chi2_yates.stat", y.stat, num(o, "chi2_yates", "stat"), 1e-12, 1e-10, name);
    near_p("chi2_yates.p", y.p, num(o, "chi2_yates", "p"), name);
    if (k < 2) return;
    vectors_case("chi2.min_expected", t.min_expected, num(o, "chi2", "min_expected"), 1e-12, 1e-10,
                 name);
    vectors_case("cramers_v", t.cramers_v, num(o, NULL, "cramers_v"), 1e-12, 1e-10, name);
    struct table_test g = table_g(a, b, k);
    /* log-likelihood sums cancel: the reference itself is off by about n * 1e-16 */
    vectors_case("g_test.stat", g.stat, num(o, "g_test", "stat"), 1e-8, 1e-9, name);
    vectors_case("g_test.p", g.p, num(o, "g_test", "p"), 1e-9, 1e-7, name);
}

static void compare_distances(const struct val *o, const double *a, const double *b, size_t k,
                              const char *name)
{
    const struct {
        const char *key;
        double got, atol;
    } rows[] = {
        { "js_base2", dist_js(a, b, k), 1e-9 },
        { "kl_ref_cur", dist_kl(a, b, k), 1e-14 },
        { "kl_cur_ref", dist_kl(b, a, k), 1e-14 },
        { "kl_ref_cur_eps", dist_kl_eps(a, b, k), 1e-14 },
        { "psi_eps", dist_psi_eps(a, b, k), 1e-14 },
        { "psi_jeffreys", dist_psi_jeffreys(a, b, k), 1e-14 },
        { "hellinger", dist_hellinger(a, b, k), 1e-14 },
        { "tvd", dist_tvd(a, b, k), 1e-14 },
        { "linf", dist_linf(a, b, k), 1e-14 },
        { "entropy_ref_bits", dist_entropy(a, k), 1e-14 },
        { "entropy_cur_bits", dist_entropy(b, k), 1e-14 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        STR_AUTO what = STR_INIT;
        str_addf(&what, "%s %s", name, rows[i].key);
        /* a divergence near zero is a cancelled sum in the reference too */
        double want = num(o, NULL, rows[i].key), atol = rows[i].atol;
        vectors_case(rows[i].key, rows[i].got, want, want < 1e-4 ? 1e-13 + atol : atol, 1e-10,
                     what.p);
    }
}

static void compare_two_by_two(const struct val *o, const char *name)
{
    const struct val *ref = val_get(o, "ref"), *cur = val_get(o, "cur");
    if (val_len(ref) != 2) return;
    double a = vectors_num(val_at(ref, 0)), b = vectors_num(val_at(ref, 1));
    double c = vectors_num(val_at(cur, 0)), d = vectors_num(val_at(cur, 1));
    struct z_test z = two_proportion_z(b, a + b, d, c + d);
    vectors_case("two_prop_z.z", z.z, num(o, "two_prop_z", "z"), 1e-12, 1e-10, name);
    vectors_case("two_prop_z.p", z.p, num(o, "two_prop_z", "p"), 1e-300, 1e-9, name);
    if (val_has(o, "fisher_two_sided"))
        vectors_case("fisher_two_sided", table_fisher(a, b, c, d), num(o, NULL, "fisher_two_sided"),
                     0, 1e-8, name);
    struct interval w = wilson_interval(d, c + d, 0.95), e = clopper_interval(d, c + d, 0.95);
    vectors_case("wilson95", w.low, vectors_num(val_at(val_get(o, "wilson95_cur"), 0)), 1e-13,
                 1e-10, name);
    vectors_case("wilson95", w.high, vectors_num(val_at(val_get(o, "wilson95_cur"), 1)), 1e-13,
                 1e-10, name);
    vectors_case("clopper95", e.low, vectors_num(val_at(val_get(o, "clopper95_cur"), 0)), 1e-13,
                 1e-9, name);
    vectors_case("clopper95", e.high, vectors_num(val_at(val_get(o, "clopper95_cur"), 1)), 1e-13,
                 1e-9, name);
}

static void reference_tables(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    const struct val *all = vectors_load(&arena, "tables.json"), *tables = val_get(all, "tables");
    if (!all) {
        arena_done(&arena);
        skip();
    }
    assert_true(val_len(tables) >= 24);
    for (size_t i = 0; i < val_len(tables); i++) {
        const struct val *o = val_at(tables, i);
        const char *name = val_get_str(o, "name", "?");
        double a[MAX_K], b[MAX_K];
        size_t k = counts_of(o, a, b);
        assert_int_equal(k, val_get_int(o, "k_used", -1));
        compare_tests(o, a, b, k, name);
        compare_distances(o, a, b, k, name);
        compare_two_by_two(o, name);
    }
    arena_done(&arena);
}

static void reference_corrections(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        enum p_adjust method;
    } methods[] = { { "bonferroni", P_BONFERRONI }, { "holm", P_HOLM }, { "hochberg", P_HOCHBERG },
                    { "bh", P_BH },                 { "by", P_BY },     { "sidak", P_SIDAK } };
    struct arena arena = ARENA_INIT;
    const struct val *all = vectors_load(&arena, "misc.json"), *sets = val_get(all, "p_adjust");
    if (!all) {
        arena_done(&arena);
        skip();
    }
    assert_true(val_len(sets) > 0);
    for (size_t s = 0; s < val_len(sets); s++) {
        const struct val *o = val_at(sets, s), *raw = val_get(o, "p");
        size_t n = val_len(raw);
        double *p = arena_array(&arena, n, double), *out = arena_array(&arena, n, double);
        for (size_t i = 0; i < n; i++) p[i] = vectors_num(val_at(raw, i));
        for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
            assert_int_equal(p_adjust(methods[m].method, p, n, out), 0);
            for (size_t i = 0; i < n; i++)
                vectors_case(methods[m].key, out[i],
                             vectors_num(val_at(val_get(o, methods[m].key), i)), 1e-12, 1e-10,
                             methods[m].key);
        }
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(by_hand),          cmocka_unit_test(corrections_keep_order_and_nan),
        cmocka_unit_test(intervals_cover),  cmocka_unit_test(reference_tables),
        cmocka_unit_test(reference_corrections),
    };
    return vectors_report("tables, misc",
                          cmocka_run_group_tests_name("stats.table", t, NULL, NULL));
}
