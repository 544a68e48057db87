/* test_bins.c: binning with open ends, and the distances on it, by hand and against the shared
 * pairs. */
#include "engine/stats/bins.h"
#include "pairs.h"

static struct sample sample_of(const double *x, size_t n)
{
    struct sample s;
    struct err e = ERR_INIT;
    assert_int_equal(sample_new(x, n, &s, &e), 0);
    return s;
}

static void ends_are_open(void **state)
{
    (void)state;
    const double r[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 10 }, c[] = { -5, 0, 4.9, 5, 10, 99 };
    struct sample ref = sample_of(r, 10), cur = sample_of(c, 6);
    struct bins b;
    double k[BINS_MAX];
    bins_equal_width(&ref, 2, &b);
    assert_int_equal(b.n, 2);
    bins_count(&b, &cur, k);
    assert_true(k[0] == 3 && k[1] == 3); /* 5 belongs to the upper bin */
    bins_quantile(&ref, 2, &b);
    assert_true(b.edge[0] == 4.5);
    bins_count(&b, &cur, k);
    assert_true(k[0] == 2 && k[1] == 4);
    sample_done(&ref);
    sample_done(&cur);
}

static void degenerate_references(void **state)
{
    (void)state;
    const double same[] = { 3, 3, 3 }, heavy[] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 };
    struct sample s = sample_of(same, 3), h = sample_of(heavy, 10);
    struct sample none = sample_of(same, 0);
    struct bins b;
    bins_equal_width(&s, 10, &b);
    assert_int_equal(b.n, 1);
    bins_quantile(&h, 10, &b);
    assert_true(b.n >= 1 && b.n <= 2);
    bins_quantile(&none, 10, &b);
    assert_int_equal(b.n, 1);
    double k[BINS_MAX];
    bins_count(&b, &s, k);
    assert_true(k[0] == 3);
    sample_done(&s);
    sample_done(&h);
    sample_done(&none);
}

static void psi_level_without_drift(void **state)
{
    (void)state;
    enum { RUNS = 300, N = 400 };
    struct rng r;
    rng_seed(&r, 21);
    int below = 0;
    for (int i = 0; i < RUNS; i++) {
        double x[N], y[N], a[BINS_MAX], b[BINS_MAX];
        for (int k = 0; k < N; k++) {
            x[k] = rng_normal(&r);
            y[k] = rng_normal(&r);
        }
        struct sample ref = sample_of(x, N), cur = sample_of(y, N);
        struct bins q;
        bins_quantile(&ref, 10, &q);
        bins_count(&q, &ref, a);
        bins_count(&q, &cur, b);
        below += dist_psi_p(dist_psi_jeffreys(a, b, q.n), N, N, q.n) < 0.05;
        sample_done(&ref);
        sample_done(&cur);
    }
    assert_true(below > 2 && below < 35); /* 5 % of 300 is 15; 3.8 standard deviations */
}

static void compare_counts(const double *got, const struct val *want, size_t k, const char *name)
{
    assert_int_equal(val_len(want), k);
    for (size_t i = 0; i < k; i++)
        vectors_case("bin counts", got[i], vectors_num(val_at(want, i)), 0, 0, name);
}

static void compare_pair(const struct val *o, const struct sample *ref, const struct sample *cur)
{
    const char *name = val_get_str(o, "name", "?");
    const struct val *psi = val_get(o, "psi"), *dist = val_get(o, "binned");
    double a[BINS_MAX], b[BINS_MAX];
    struct bins w, q;
    bins_equal_width(ref, 10, &w);
    if (val_has(psi, "note")) { /* a constant reference has no bins */
        assert_int_equal(w.n, 1);
        return;
    }
    if (!val_has(psi, "seed_ref_counts")) return; /* the range overflows in the reference */
    bins_count(&w, ref, a);
    bins_count(&w, cur, b);
    compare_counts(a, val_get(psi, "seed_ref_counts"), w.n, name);
    compare_counts(b, val_get(psi, "seed_cur_counts_clip"), w.n, name);
    vectors_case("psi.seed_clip", dist_psi_eps(a, b, w.n), vectors_num(val_get(psi, "seed_clip")),
                 1e-12, 1e-9, name);
    vectors_case("binned.js_base2", dist_js(a, b, w.n), vectors_num(val_get(dist, "js_base2")),
                 1e-9, 1e-9, name);
    vectors_case("binned.kl_ref_cur", dist_kl(a, b, w.n), vectors_num(val_get(dist, "kl_ref_cur")),
                 1e-12, 1e-9, name);
    vectors_case("binned.hellinger", dist_hellinger(a, b, w.n),
                 vectors_num(val_get(dist, "hellinger")), 1e-9, 1e-9, name);
    vectors_case("binned.tvd", dist_tvd(a, b, w.n), vectors_num(val_get(dist, "tvd")), 1e-12, 1e-9,
                 name);
    bins_quantile(ref, 10, &q);
    bins_count(&q, ref, a);
    bins_count(&q, cur, b);
    compare_counts(a, val_get(psi, "q10_ref_counts"), q.n, name);
    compare_counts(b, val_get(psi, "q10_cur_counts"), q.n, name);
    double jeffreys = dist_psi_jeffreys(a, b, q.n);
    vectors_case("psi.q10_jeffreys", jeffreys, vectors_num(val_get(psi, "q10_jeffreys")), 1e-12,
                 1e-9, name);
    vectors_case("psi.q10_jeffreys_p", dist_psi_p(jeffreys, (double)ref->n, (double)cur->n, q.n),
                 vectors_num(val_get(psi, "q10_jeffreys_p")), 1e-12, 1e-8, name);
}

static void reference_pairs(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    const struct val *all = vectors_load(&arena, "pairs.json"), *pairs = val_get(all, "pairs");
    if (!all) {
        arena_done(&arena);
        skip();
    }
    for (size_t i = 0; i < val_len(pairs); i++) {
        const struct val *o = val_at(pairs, i);
        size_t n, m;
        double *x = pair_sample(&arena, val_get(o, "ref"), &n);
        double *y = pair_sample(&arena, val_get(o, "cur"), &m);
        struct sample ref = sample_of(x, n), cur = sample_of(y, m);
        compare_pair(o, &ref, &cur);
        sample_done(&ref);
        sample_done(&cur);
    }
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest t[] = { cmocka_unit_test(ends_are_open),
                                    cmocka_unit_test(degenerate_references),
                                    cmocka_unit_test(psi_level_without_drift),
                                    cmocka_unit_test(reference_pairs) };
    return vectors_report("pairs.json", cmocka_run_group_tests_name("stats.bins", t, NULL, NULL));
}
