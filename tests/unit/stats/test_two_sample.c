/* test_two_sample.c: two-sample statistics and their p-values: by hand, by enumeration, and
 * against SciPy's values of the shared vectors, with the tolerances stated there. */
#include "engine/stats/exact.h"
#include "engine/stats/two_sample.h"
#include "pairs.h"

#include <float.h>

struct pair {
    struct sample a, b;
    struct two_sample t;
};

static struct pair pair_of(const double *x, size_t n, const double *y, size_t m)
{
    struct pair p;
    struct err e = ERR_INIT;
    assert_int_equal(sample_new(x, n, &p.a, &e), 0);
    assert_int_equal(sample_new(y, m, &p.b, &e), 0);
    two_sample_merge(&p.a, &p.b, &p.t);
    return p;
}

static void pair_done(struct pair *p)
{
    sample_done(&p->a);
    sample_done(&p->b);
}

static void by_hand(void **state)
{
    (void)state;
    static const double x[] = { 3, 1, 2, NAN }, y[] = { 2, 4, 4, 5 };
    struct pair p = pair_of(x, 4, y, 4);
    assert_int_equal(p.a.n, 3);
    assert_int_equal(p.a.missing, 1);
    assert_int_equal(p.t.ks_steps, 9); /* at 3: 1 against 1/4 */
    vectors_near(p.t.ks, 0.75, 0, 1e-15, "D");
    assert_true(p.t.ks_at == 3 && p.t.ks_sign == 1);
    /* gaps: 1/3 on [1,2), 5/12 on [2,3), 3/4 on [3,4), 1/4 on [4,5) */
    vectors_near(p.t.wasserstein, 1.0 / 3 + 5.0 / 12 + 0.75 + 0.25, 0, 1e-15, "W1");
    vectors_near(p.t.u1, 1.5, 0, 0, "U: 3 beats 2, 2 ties 2");
    assert_true(p.t.tie_sum == 12);
    pair_done(&p);
}

static void equal_samples_do_not_differ(void **state)
{
    (void)state;
    static const double x[] = { 1, 2, 2, 5, 9, -3 };
    struct pair p = pair_of(x, 6, x, 6);
    bool exact;
    assert_true(p.t.ks == 0 && p.t.wasserstein == 0 && p.t.energy == 0);
    assert_true(ks_p(&p.a, &p.b, &p.t, 0, &exact) == 1 && exact);
    assert_true(ks_p_asymptotic(&p.t) == 1);
    vectors_near(mwu_auc(&p.t), 0.5, 0, 1e-15, "auc");
    pair_done(&p);
    static const double c[] = { 4, 4, 4, 4 };
    p = pair_of(c, 4, c, 3);
    assert_true(isnan(p.t.ad) && isnan(ad_p(&p.t)));
    assert_true(mwu_p(&p.t) == 1 && isnan(mwu_p_exact(&p.t)));
    assert_true(isnan(welch_t(&p.a, &p.b).t) && isnan(cohens_d(&p.a, &p.b)));
    pair_done(&p);
}

/* Every way to choose which of n + m places belong to the first sample. */
static void exact_laws_by_enumeration(void **state)
{
    (void)state;
    enum { N = 4, M = 5, ALL = 126 };
    double x[N] = { 1, 3, 4, 7 }, y[M] = { 2, 5, 6, 8, 9 };
    struct pair seen = pair_of(x, N, y, M);
    int ks = 0, cvm = 0, mwu = 0, all = 0;
    double u_seen = fmax(seen.t.u1, N * M - seen.t.u1);
    for (unsigned mask = 0; mask < 1u << (N + M); mask++) {
        if (__builtin_popcount(mask) != N) continue;
        size_t i = 0, j = 0;
        for (int k = 0; k < N + M; k++)
            if (mask >> k & 1) x[i++] = k;
            else y[j++] = k;
        struct pair p = pair_of(x, N, y, M);
        ks += p.t.ks_steps >= seen.t.ks_steps;
        cvm += p.t.cvm >= seen.t.cvm - 1e-12;
        mwu += p.t.u1 >= u_seen;
        all++;
        pair_done(&p);
    }
    assert_int_equal(all, ALL);
    vectors_near(ks_p_untied(&seen.t), (double)ks / ALL, 0, 1e-14, "KS");
    vectors_near(cvm_p(&seen.t), (double)cvm / ALL, 0, 1e-14, "CvM");
    vectors_near(mwu_p_exact(&seen.t), fmin(1, 2.0 * mwu / ALL), 0, 1e-14, "MWU");
    pair_done(&seen);
}

static void p_values_are_uniform_without_drift(void **state)
{
    (void)state;
    enum { RUNS = 400, N = 60 };
    struct rng r;
    rng_seed(&r, 77);
    double ks[RUNS], ad[RUNS];
    for (int k = 0; k < RUNS; k++) {
        double x[N], y[N];
        for (int i = 0; i < N; i++) {
            x[i] = rng_normal(&r);
            y[i] = rng_normal(&r);
        }
        struct pair p = pair_of(x, N, y, N);
        ks[k] = cvm_p(&p.t);
        ad[k] = mwu_p(&p.t);
        pair_done(&p);
    }
    double uniform[RUNS];
    for (int k = 0; k < RUNS; k++) uniform[k] = (k + 0.5) / RUNS;
    struct pair p = pair_of(ks, RUNS, uniform, RUNS), q = pair_of(ad, RUNS, uniform, RUNS);
    assert_true(p.t.ks < 0.1 && q.t.ks < 0.1); /* one-sample 0.1 % point at n = 400 is 0.097 */
    pair_done(&p);
    pair_done(&q);
}

/* ---- the shared vectors ---------------------------------------------------------------- */

static double field(const struct val *o, const char *group, const char *key)
{
    return vectors_num(val_get(val_get(o, group), key));
}

static void compare_ks(const struct pair *p, const struct val *o, const char *name)
{
    STR_AUTO w = STR_INIT;
    str_addf(&w, "%s ks", name);
    const struct val *ks = val_get(o, "ks");
    vectors_case("ks.D", p->t.ks, field(o, "ks", "D"), 1e-15, 0, w.p);
    vectors_case("ks.p_asymp_scipy", ks_p_asymptotic(&p->t), field(o, "ks", "p_asymp_scipy"),
                 1e-300, 1e-8, w.p);
    bool exact;
    if (val_has(ks, "p_exact_int")) {
        vectors_case("ks.p_exact_int", ks_p_untied(&p->t), field(o, "ks", "p_exact_int"), 0, 1e-12,
                     w.p);
        vectors_case("ks.p_exact_int_ties", ks_p(&p->a, &p->b, &p->t, 0, &exact),
                     field(o, "ks", "p_exact_int_ties"), 0, 1e-12, w.p);
        assert_true(exact);
    } else if (str_eq(val_get_str(ks, "auto_is", ""), "exact") &&
               (double)p->t.n1 * (double)p->t.n2 <= 4e6) {
        vectors_case("ks.p_auto", ks_p_untied(&p->t), field(o, "ks", "p_auto"), 0, 1e-11, w.p);
    }
}

static void compare_ranks(const struct pair *p, const struct val *o, const char *name)
{
    STR_AUTO w = STR_INIT;
    str_addf(&w, "%s ranks", name);
    if (val_type(val_get(o, "anderson")) == VAL_OBJ) {
        vectors_case("anderson.A2_norm", p->t.ad, field(o, "anderson", "A2_norm"), 1e-9, 1e-8, w.p);
        vectors_case("anderson.p_clipped", ad_p(&p->t), field(o, "anderson", "p_clipped"), 1e-4, 0,
                     w.p);
    }
    vectors_case("cvm.T", p->t.cvm, field(o, "cvm", "T"), 1e-12, 1e-10, w.p);
    /* the reference stops its series at 1e-7: it says 2.2e-7 where nothing is left */
    vectors_case("cvm.p_asymptotic", cvm_p_asymptotic(&p->t), field(o, "cvm", "p_asymptotic"),
                 2.3e-7, 0, w.p);
    if (str_eq(val_get_str(val_get(o, "cvm"), "auto_is", ""), "exact"))
        vectors_case("cvm.p_auto", cvm_p(&p->t), field(o, "cvm", "p_auto"), 0, 1e-12, w.p);
    const struct val *mwu = val_get(o, "mwu");
    vectors_case("mwu.U1", p->t.u1, field(o, "mwu", "U1"), 0.25, 0, w.p);
    if (!isnan(field(o, "mwu", "p_two_sided_asymp_cc"))) {
        vectors_case("mwu.p_two_sided_asymp_cc", mwu_p(&p->t),
                     field(o, "mwu", "p_two_sided_asymp_cc"), 1e-300, 1e-10, w.p);
        vectors_case("mwu.p_less_asymp_cc", mwu_p_less(&p->t), field(o, "mwu", "p_less_asymp_cc"),
                     1e-300, 1e-10, w.p);
    }
    if (val_has(mwu, "p_exact"))
        vectors_case("mwu.p_exact", mwu_p_exact(&p->t), field(o, "mwu", "p_exact"), 0, 1e-12, w.p);
    vectors_case("mwu.auc", mwu_auc(&p->t), field(o, "mwu", "auc"), 1e-15, 1e-12, w.p);
}

static void compare_moments(const struct sample *s, const struct val *want, const char *name)
{
    static const double probs[] = { 0, .01, .05, .25, .5, .75, .95, .99, 1 };
    struct moments m = sample_moments(s);
    double scale = fmax(fabs(s->x[0]), fabs(s->x[s->n - 1])), at = 1e-13 * scale;
    if (scale > 1e150 || (scale > 0 && scale < 1e-150)) return; /* squares overflow or vanish */
    vectors_case("basic.mean", m.mean, vectors_num(val_get(want, "mean")), at, 1e-10, name);
    vectors_case("basic.var", m.var, vectors_num(val_get(want, "var0")), at * at, 1e-10, name);
    vectors_case("basic.std", m.std, vectors_num(val_get(want, "std1")), at, 1e-10, name);
    /* the smallest variances of the set are rounding noise in the reference */
    if (m.var > 1e-20 * scale * scale && !isnan(m.skew)) {
        vectors_case("basic.skew", m.skew, vectors_num(val_get(want, "skew")), 1e-8, 1e-8, name);
        vectors_case("basic.kurt", m.kurt, vectors_num(val_get(want, "kurt_excess")), 1e-8, 1e-8,
                     name);
    }
    for (size_t i = 0; i < 9; i++)
        vectors_case("basic.q_type7", sample_quantile(s, probs[i]),
                     vectors_num(val_at(val_get(want, "q_type7"), i)), at, 1e-10, name);
    assert_int_equal(sample_distinct(s), val_get_int(want, "distinct", -1));
    vectors_case("basic.mad", sample_mad(s, NULL), vectors_num(val_get(want, "mad")), at, 1e-10,
                 name);
}

static void compare_t(const struct pair *p, const struct val *o, const char *name)
{
    double scale = fmax(fabs(p->a.x[0]), fabs(p->b.x[p->b.n - 1]));
    if (scale > 1e150 || scale < 1e-150) return;
    struct t_test w = welch_t(&p->a, &p->b), s = student_t(&p->a, &p->b);
    if (isfinite(field(o, "welch", "t"))) { /* a zero variance is "not applicable" here */
        /* means are doubles: far from zero their difference has few digits left, ours and
         * the reference's alike */
        double diff = fabs(sample_moments(&p->a).mean - sample_moments(&p->b).mean);
        double r = 1e-10 + (diff > 0 ? 4 * scale * DBL_EPSILON / diff : 1);
        vectors_case("welch.t", w.t, field(o, "welch", "t"), 1e-13, r, name);
        vectors_case("welch.p", w.p, field(o, "welch", "p"), 1e-300, 1e-9 + r * w.t * w.t, name);
        vectors_case("student_t.p", s.p, field(o, "student_t", "p"), 1e-300, 1e-9 + r * s.t * s.t,
                     name);
        vectors_case("effect.cohens_d", cohens_d(&p->a, &p->b), field(o, "effect", "cohens_d"),
                     1e-13, r, name);
    }
}

static void reference_pairs(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    const struct val *all = vectors_load(&a, "pairs.json"), *pairs = val_get(all, "pairs");
    if (!all) {
        arena_done(&a);
        skip();
    }
    assert_true(val_len(pairs) >= 77);
    for (size_t i = 0; i < val_len(pairs); i++) {
        const struct val *o = val_at(pairs, i);
        const char *name = val_get_str(o, "name", "?");
        size_t n, m;
        double *x = pair_sample(&a, val_get(o, "ref"), &n);
        double *y = pair_sample(&a, val_get(o, "cur"), &m);
        struct pair p = pair_of(x, n, y, m);
        assert_int_equal(p.a.n, val_get_int(o, "n_ref", -1));
        assert_int_equal(p.a.missing, val_get_int(o, "nan_ref", -1));
        compare_ks(&p, o, name);
        vectors_case("wasserstein", p.t.wasserstein, vectors_num(val_get(o, "wasserstein")), 0,
                     1e-12, name);
        vectors_case("energy", p.t.energy, vectors_num(val_get(o, "energy")), 0, 1e-12, name);
        compare_ranks(&p, o, name);
        compare_moments(&p.a, val_get(o, "basic_ref"), name);
        compare_moments(&p.b, val_get(o, "basic_cur"), name);
        compare_t(&p, o, name);
        pair_done(&p);
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(equal_samples_do_not_differ),
        cmocka_unit_test(exact_laws_by_enumeration),
        cmocka_unit_test(p_values_are_uniform_without_drift),
        cmocka_unit_test(reference_pairs),
    };
    return vectors_report("pairs.json",
                          cmocka_run_group_tests_name("stats.two_sample", t, NULL, NULL));
}
