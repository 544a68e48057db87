/* test_special.c: distribution functions against tabled values, identities and, where they are
 * at hand, the shared reference vectors (50-digit evaluations). */
#include "base/rng.h"
#include "engine/stats/special.h"
#include "vectors.h"

static void textbook_values(void **state)
{
    (void)state;
    vectors_near(norm_ppf(0.975), 1.959963984540054, 0, 1e-15, "norm_ppf");
    vectors_near(norm_sf(1.6448536269514729), 0.05, 0, 1e-14, "norm_sf");
    vectors_near(chi2_sf(3.841458820694124, 1), 0.05, 0, 1e-14, "chi2_sf");
    vectors_near(t_sf(2.5705818366147395, 5), 0.025, 0, 1e-8, "t_sf");
    vectors_near(t_isf(0.025, 2), 4.302652729749464, 0, 1e-12, "t_isf");
    vectors_near(t_isf(0.95, 9), -1.8331129326562374, 0, 1e-12, "t_isf");
    vectors_near(f_sf(3.3258, 5, 10), 0.05000140148269156, 0, 1e-13, "f_sf");
    vectors_near(binom_sf(5, 10, 0.5), 0.376953125, 0, 1e-15, "binom_sf");
    vectors_near(kolmogorov_sf(1.3581), 0.04999963043166741, 0, 1e-13, "kolmogorov_sf");
    vectors_near(ks_one_sample_sf(0.3, 5), 0.664, 0, 1e-13, "ks_one_sample_sf");
    vectors_near(cvm_limit_sf(0.46136), 0.0500003831326529, 0, 1e-10, "cvm_limit_sf");
    vectors_near(gamma_p(1, 2), 1 - exp(-2), 0, 1e-15, "gamma_p");
    vectors_near(beta_inc(1, 3, 0.25), 1 - pow(0.75, 3), 0, 1e-15, "beta_inc");
}

static void complements_and_symmetries(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 9);
    for (int i = 0; i < 2000; i++) {
        double a = exp(8 * rng_unit(&r) - 2), b = exp(8 * rng_unit(&r) - 2), x = rng_unit(&r);
        vectors_near(gamma_p(a, a * 2 * x) + gamma_q(a, a * 2 * x), 1, 1e-15, 0, "p + q");
        vectors_near(beta_inc(a, b, x) + beta_inc(b, a, 1 - x), 1, 1e-12, 0, "I + I'");
        vectors_near(norm_cdf(norm_ppf(x)), x, 0, 1e-14, "cdf(ppf)");
        vectors_near(t_sf(x, a) + t_sf(-x, a), 1, 1e-15, 0, "t symmetric");
        vectors_near(t_sf(t_isf(x, a), a), x, 0, 1e-12, "sf(isf)");
        vectors_near(f_sf(x, a, b), 1 - f_sf(1 / x, b, a), 1e-12, 0, "f reciprocal");
    }
}

static double exact_two_point(double d, int n) /* P(D_n > d) for d >= 1/2, closed form n = 1, 2 */
{
    return n == 1 ? 2 * (1 - d) : 2 * (1 - d) * (1 - d);
}

static void laws_join_without_steps(void **state)
{
    (void)state;
    for (double d = 0.5; d < 1; d += 0.01) {
        vectors_near(ks_one_sample_sf(d, 1), exact_two_point(d, 1), 1e-15, 1e-13, "n = 1");
        vectors_near(ks_one_sample_sf(d, 2), exact_two_point(d, 2), 1e-15, 1e-13, "n = 2");
    }
    static const double sizes[] = { 10, 139, 141, 500, 5000, 99999, 100001 };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        double before = 1;
        for (double z = 0.3; z < 3; z += 0.01) { /* falls everywhere, also where methods change */
            double p = ks_one_sample_sf(z / sqrt(sizes[i]), sizes[i]);
            assert_true(p <= before * (1 + 1e-9) + 1e-12);
            before = p;
        }
        double limit = kolmogorov_sf(1.2);
        double p = ks_one_sample_sf(1.2 / sqrt(sizes[i]), sizes[i]);
        assert_true(fabs(p - limit) < 0.2 / sqrt(sizes[i]));
    }
}

static void outside_the_domain(void **state)
{
    (void)state;
    assert_true(isnan(norm_ppf(-0.1)) && isnan(norm_ppf(1.1)) && isnan(norm_ppf(NAN)));
    assert_true(isnan(gamma_q(0, 1)) && isnan(gamma_q(1, -1)));
    assert_true(isnan(beta_inc(1, 1, 2)) && isnan(t_sf(NAN, 3)) && isnan(t_isf(2, 3)) && t_isf(0, 3) > 1e300 && isnan(chi2_sf(NAN, 3)));
    assert_true(isinf(norm_ppf(0)) && isinf(norm_ppf(1)));
    assert_true(ks_one_sample_sf(0, 10) == 1 && ks_one_sample_sf(1, 10) == 0);
    assert_true(chi2_sf(0, 3) == 1 && chi2_sf(-1, 3) == 1 && binom_sf(10, 10, 0.5) == 0);
}

/* One function of special.json: how to call it with a row's arguments. */
typedef double row_fn(const struct val *row);
static double at(const struct val *row, size_t i) { return vectors_num(val_at(row, i)); }
static double row_kolmogorov(const struct val *r) { return kolmogorov_sf(at(r, 0)); }
static double row_ks(const struct val *r) { return ks_one_sample_sf(at(r, 0), at(r, 1)); }
static double row_chi2(const struct val *r) { return chi2_sf(at(r, 0), at(r, 1)); }
static double row_ppf(const struct val *r) { return norm_ppf(at(r, 0)); }
static double row_norm(const struct val *r) { return norm_sf(at(r, 0)); }
static double row_beta(const struct val *r) { return beta_inc(at(r, 1), at(r, 2), at(r, 0)); }
static double row_t(const struct val *r) { return t_sf(at(r, 0), at(r, 1)); }
static double row_f(const struct val *r) { return f_sf(at(r, 0), at(r, 1), at(r, 2)); }
static double row_binom(const struct val *r) { return binom_sf(at(r, 0), at(r, 1), at(r, 2)); }
static double row_cvm(const struct val *r) { return 1 - cvm_limit_sf(at(r, 0)); }

static const struct {
    const char *key;
    row_fn *fn;
    size_t want; /* column of the reference value */
    double atol;
} tables[] = {
    { "kolmogorov_sf", row_kolmogorov, 1, 0 },
    { "kstwo_sf_scipy", row_ks, 2, 0 },
    { "kstwo_sf_exact_rational", row_ks, 2, 0 },
    { "chi2_sf", row_chi2, 2, 0 },
    { "norm_ppf", row_ppf, 1, 0 },
    { "norm_sf", row_norm, 1, 0 },
    { "beta_cdf", row_beta, 3, 0 },
    { "t_sf", row_t, 2, 0 },
    { "f_sf", row_f, 3, 0 },
    { "binom_sf_gt", row_binom, 3, 0 },
    { "cvm_limit_cdf", row_cvm, 1, 1e-15 }, /* a difference from 1 here */
};

static void reference_vectors(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    const struct val *all = vectors_load(&a, "special.json");
    if (!all) {
        arena_done(&a);
        skip();
    }
    size_t checked = 0;
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        const struct val *rows = val_get(all, tables[t].key);
        assert_true(val_len(rows) > 0);
        for (size_t i = 0; i < val_len(rows); i++, checked++) {
            const struct val *row = val_at(rows, i);
            STR_AUTO what = STR_INIT;
            str_addf(&what, "%s ", tables[t].key);
            val_write_json(&what, row, 0);
            vectors_case(tables[t].key, tables[t].fn(row), at(row, tables[t].want), tables[t].atol,
                         1e-12, what.p);
        }
    }
    assert_true(checked > 150);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(textbook_values),         cmocka_unit_test(complements_and_symmetries),
        cmocka_unit_test(laws_join_without_steps), cmocka_unit_test(outside_the_domain),
        cmocka_unit_test(reference_vectors),
    };
    return vectors_report("special.json",
                          cmocka_run_group_tests_name("stats.special", t, NULL, NULL));
}
