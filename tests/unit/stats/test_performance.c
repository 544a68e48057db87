/* test_performance.c: performance of a window with intervals, expectation without labels, and
 * calibration: by hand, by simulation, and against the shared vectors. */
#include "engine/metric/performance.h"
#include "engine/stats/isotonic.h"
#include "pairs.h"

#define Z95 1.959963984540054

static struct performance measured(const double *y, const double *p, size_t n)
{
    struct performance f;
    struct err e = ERR_INIT;
    assert_int_equal(performance_measure(y, p, n, &f, &e), 0);
    return f;
}

static void degenerate_windows(void **state)
{
    (void)state;
    struct performance f = measured(NULL, NULL, 0);
    assert_true(isnan(f.accuracy.value) && isnan(f.auc.value) && isnan(f.brier.value));
    const double y[] = { 1, 1 }, p[] = { 0.2, 0.9 };
    f = measured(y, p, 2);
    assert_true(isnan(f.auc.value) && f.recall.value == 0.5 && f.positives == 2);
    const double none[] = { 0, 0 }, low[] = { 0.1, 0.2 };
    f = measured(none, low, 2);
    assert_true(isnan(f.precision.value) && isnan(f.recall.value) && f.accuracy.value == 1);
}

static void brier_decomposes(void **state)
{
    (void)state;
    double y[1000], p[1000];
    for (uint64_t i = 0; i < 1000; i++) { /* scores on a grid: within-bin variance is zero */
        p[i] = 0.05 + 0.1 * floor(pair_u(1, i + 1) * 10);
        y[i] = pair_u(2, i + 1) < p[i] * p[i];
    }
    struct performance f = measured(y, p, 1000);
    vectors_near(f.reliability - f.resolution + f.uncertainty, f.brier.value, 1e-12, 0, "Murphy");
}

static void intervals_cover(void **state)
{
    (void)state;
    enum { RUNS = 400, N = 300 };
    int auc = 0, brier = 0;
    /* y ~ Bernoulli(p), p uniform: AUC 5/6, Brier 1/6 */
    for (uint64_t run = 0; run < RUNS; run++) {
        double y[N], p[N];
        for (uint64_t i = 0; i < N; i++) {
            p[i] = pair_u(1000 + run, 2 * i + 1);
            y[i] = pair_u(1000 + run, 2 * i + 2) < p[i];
        }
        struct performance f = measured(y, p, N);
        auc += f.auc.low <= 5.0 / 6 && 5.0 / 6 <= f.auc.high;
        brier += f.brier.low <= 1.0 / 6 && 1.0 / 6 <= f.brier.high;
    }
    assert_true(auc > RUNS * 91 / 100 && auc < RUNS * 99 / 100);
    assert_true(brier > RUNS * 91 / 100 && brier < RUNS * 99 / 100);
}

static void calibration_is_monotone(void **state)
{
    (void)state;
    const double s[] = { 1, 2, 3, 4, 5, 6 }, y[] = { 0, 1, 0, 0, 1, 1 };
    struct isotonic f;
    assert_int_equal(isotonic_fit(s, y, NULL, 6, &f, NULL), 0);
    assert_int_equal(f.n, 5); /* 0 | 1 0 0 | 1 1, both ends of a pool */
    for (double x = 2; x <= 4; x++) vectors_near(isotonic_at(&f, x), 1.0 / 3, 0, 1e-15, "pooled");
    vectors_near(isotonic_at(&f, 1.5), 1.0 / 6, 0, 1e-15, "between pools");
    vectors_near(isotonic_at(&f, 0), 0, 0, 0, "below");
    vectors_near(isotonic_at(&f, 9), 1, 0, 0, "above");
    double last = 0;
    for (double x = 0; x < 7; x += 0.1) {
        double v = isotonic_at(&f, x);
        assert_true(v >= last);
        last = v;
    }
    isotonic_done(&f);
}

/* ---- the shared vectors ---------------------------------------------------------------- */

static size_t load_case(struct arena *a, const struct val *in, double **y, double **p)
{
    const struct val *raw = val_get(in, "y");
    size_t n = raw ? val_len(raw) : (size_t)val_get_int(in, "n", 0);
    *y = arena_array(a, n, double);
    *p = arena_array(a, n, double);
    uint64_t seed = (uint64_t)val_get_int(in, "seed", 0);
    double al = val_get_real(in, "a", 0), b = val_get_real(in, "b", 0), q = val_get_real(in, "q", 0);
    for (uint64_t i = 0; i < n; i++) {
        if (raw) {
            (*y)[i] = vectors_num(val_at(raw, i));
            (*p)[i] = vectors_num(val_at(val_get(in, "p"), i));
            continue;
        }
        double u = pair_u(seed, i + 1), rate;
        bool rare = n == 20000;
        if (rare) u = u * u;
        if (q > 0) u = fmin(floor(u / q + 0.5) * q, 1);
        rate = rare ? al * u : fmin(1, fmax(0, 0.5 + al * (u - 0.5) - b));
        (*p)[i] = u;
        (*y)[i] = pair_u(seed + 1, i + 1) < rate;
    }
    if (!raw) pair_fingerprint(*p, n, val_get_str(in, "fnv_p", ""));
    return n;
}

static void near(double got, const struct val *o, const char *key, const char *name)
{
    if (!val_has(o, key)) return; /* undefined there */
    vectors_case(key, got, vectors_num(val_get(o, key)), 1e-12, 1e-10, name);
}

static void reference_cases(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    const struct val *all = vectors_load(&a, "classif.json"), *cases = val_get(all, "binary");
    if (!all) {
        arena_done(&a);
        skip();
    }
    assert_true(val_len(cases) >= 16);
    for (size_t i = 0; i < val_len(cases); i++) {
        const struct val *o = val_at(cases, i), *c = val_get(o, "cbpe");
        const char *name = val_get_str(o, "name", "?");
        double *y, *p;
        size_t n = load_case(&a, val_get(o, "input"), &y, &p);
        struct performance f = measured(y, p, n);
        near(f.accuracy.value, o, "accuracy", name);
        near(f.brier.value, o, "brier", name);
        near(f.log_loss.value, o, "log_loss_eps1e-15", name);
        near(f.auc.value, o, "roc_auc", name);
        near(f.ece.value, o, "ece10_width", name);
        if (val_has(o, "auc_se_delong") && f.auc.low > 0 && f.auc.high < 1)
            near((f.auc.high - f.auc.low) / 2 / Z95, o, "auc_se_delong", name);
        struct expected x;
        assert_int_equal(performance_expect(p, n, &x, NULL), 0);
        near(x.accuracy, c, "accuracy", name);
        near(x.tp, c, "tp", name);
        near(x.fp, c, "fp", name);
        near(x.fn, c, "fn", name);
        near(x.tn, c, "tn", name);
        near(x.brier, c, "brier", name);
        near(x.auc, c, "roc_auc", name);
    }
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(degenerate_windows),      cmocka_unit_test(brier_decomposes),
        cmocka_unit_test(intervals_cover),         cmocka_unit_test(calibration_is_monotone),
        cmocka_unit_test(reference_cases),
    };
    return vectors_report("classif.json",
                          cmocka_run_group_tests_name("metric.performance", t, NULL, NULL));
}
