/* test_metric.c: metrics against numbers worked out by hand, and, where the shared reference
 * vectors are at hand, against scikit-learn's (tolerances of the vectors' own README). */
#include "engine/metric/metric.h"
#include "enginetest.h"
#include "pairs.h"

#define ATOL 1e-12
#define RTOL 1e-10

static double measure(const struct metric_input *in, const char *name)
{
    double all[64];
    struct err e = ERR_INIT;
    const struct metric *m = metric_find(name);

    assert_non_null(m);
    check_ok(metric_all(in, all, &e), &e);
    return all[m - metrics];
}

static void check(const struct metric_input *in, const char *name, double want, const char *where)
{
    char what[128];

    snprintf(what, sizeof what, "%s of %s", name, where);
    check_near(measure(in, name), want, ATOL, RTOL, what);
}

static void test_table(void **state)
{
    size_t n = 0;

    (void)state;
    for (const struct metric *m = metrics; m->name; m++, n++) {
        assert_ptr_equal(metric_find(m->name), m);
        assert_true(m->tasks && m->help[0]);
    }
    assert_int_equal(n, 15);
    assert_null(metric_find("magic"));
}

/* y 1 0 1 1 0 with p .9 .8 .4 .5 .1: decisions 1 1 0 1 0. */
static void test_binary_by_hand(void **state)
{
    const double y[] = { 1, 0, 1, 1, 0 }, p[] = { 0.9, 0.8, 0.4, 0.5, 0.1 };
    struct metric_input in = { TASK_BINARY, 2, 5, y, p, NULL };
    size_t counts[4];
    struct calibration_bin bins[10];

    (void)state;
    check(&in, "accuracy", 3.0 / 5, "hand");
    check(&in, "precision", 2.0 / 3, "hand");
    check(&in, "recall", 2.0 / 3, "hand");
    check(&in, "f1", 2.0 / 3, "hand");
    check(&in, "balanced_accuracy", (2.0 / 3 + 1.0 / 2) / 2, "hand");
    check(&in, "mcc", 1.0 / 6, "hand"); /* (2*1 - 1*1) / sqrt(3*3*2*2) */
    check(&in, "auc", 4.0 / 6, "hand"); /* pairs: .9 beats both, .5 and .4 beat .1 */
    check(&in, "average_precision", 1.0 / 3 * (1 + 2.0 / 3 + 3.0 / 4), "hand");
    check(&in, "log_loss", -(log(0.9) + log(0.2) + log(0.4) + log(0.5) + log(0.9)) / 5, "hand");
    check(&in, "brier", (0.01 + 0.64 + 0.36 + 0.25 + 0.01) / 5, "hand");
    check(&in, "ece", (0.1 + 0.8 + 0.6 + 0.5 + 0.1) / 5, "hand");
    assert_true(isnan(measure(&in, "rmse")));
    metric_confusion(&in, counts);
    assert_true(counts[0] == 1 && counts[1] == 1 && counts[2] == 1 && counts[3] == 2);
    metric_calibration(&in, bins);
    assert_int_equal(bins[9].n, 1);
    check_near(bins[8].mean_p, 0.8, 1e-15, 0, "bin 8");
    assert_true(bins[8].rate == 0 && bins[9].rate == 1);
    assert_true(bins[0].n == 0 && isnan(bins[0].rate));
}

static void test_missing_targets_and_weights(void **state)
{
    const double y[] = { 1, 0, NAN, 1, 1, 0, NAN }, p[] = { 0.9, 0.8, 0.1, 0.4, 0.5, 0.1, 1 };
    const double w[] = { 2, 1, 9, 1, 1, 3, 9 };
    const double y2[] = { 1, 1, 0, 1, 1, 0, 0, 0 };
    const double p2[] = { 0.9, 0.9, 0.8, 0.4, 0.5, 0.1, 0.1, 0.1 };
    struct metric_input in = { TASK_BINARY, 2, 7, y, p, w };
    struct metric_input twice = { TASK_BINARY, 2, 8, y2, p2, NULL };
    size_t counts[4];

    (void)state;
    for (const struct metric *m = metrics; m->name; m++)
        if (m->tasks & TASK_BINARY) check(&in, m->name, measure(&twice, m->name), "repeated rows");
    metric_confusion(&in, counts);
    assert_int_equal(counts[0] + counts[1] + counts[2] + counts[3], 5);
    in.n = 0;
    assert_true(isnan(measure(&in, "accuracy")));
}

/* Three classes; decisions 0 1 1 2 (the tie goes to the first). */
static void test_multiclass_by_hand(void **state)
{
    const double y[] = { 0, 1, 2, 2 };
    const double p[] = { 0.6, 0.3, 0.1, 0.2, 0.5, 0.3, 0.2, 0.4, 0.4, 0.1, 0.1, 0.8 };
    struct metric_input in = { TASK_MULTICLASS, 3, 4, y, p, NULL };
    size_t counts[9];

    (void)state;
    check(&in, "accuracy", 0.75, "hand");
    check(&in, "recall", (1 + 1 + 0.5) / 3, "hand");
    check(&in, "precision", (1 + 0.5 + 1) / 3, "hand");
    check(&in, "auc", 1, "hand");
    check(&in, "log_loss", -(log(0.6) + log(0.5) + log(0.4) + log(0.8)) / 4, "hand");
    check(&in, "brier",
          (0.16 + 0.09 + 0.01 + 0.04 + 0.25 + 0.09 + 0.04 + 0.16 + 0.36 + 0.01 + 0.01 + 0.04) / 4,
          "hand");
    check(&in, "ece", (0.4 + fabs(0.5 - 1) + 0.4 + 0.2) / 4, "hand");
    assert_true(isnan(measure(&in, "average_precision")));
    metric_confusion(&in, counts);
    assert_true(counts[0] == 1 && counts[4] == 1 && counts[7] == 1 && counts[8] == 1);
}

static void test_regression_by_hand(void **state)
{
    const double y[] = { 1, 2, 4 }, p[] = { 1.5, 2, 3 }, w[] = { 1, 0, 1 };
    struct metric_input in = { TASK_REGRESSION, 0, 3, y, p, NULL };

    (void)state;
    check(&in, "rmse", sqrt(1.25 / 3), "hand");
    check(&in, "mae", 0.5, "hand");
    check(&in, "mape", (0.5 + 0.25) / 3, "hand");
    check(&in, "r2", 1 - 1.25 / (16.0 / 9 + 1.0 / 9 + 25.0 / 9), "hand");
    in.w = w;
    check(&in, "mae", 0.75, "hand, weighted");
    assert_true(isnan(measure(&in, "auc")));
}

/* AUC does not change under a rising map of the scores, and mirrors under a falling one. */
static void test_auc_is_about_order(void **state)
{
    enum { N = 400 };
    double y[N], p[N], q[N], r[N];
    struct rng rng;
    struct metric_input in = { TASK_BINARY, 2, N, y, p, NULL };

    (void)state;
    rng_seed(&rng, 5);
    for (size_t i = 0; i < N; i++) {
        p[i] = floor(rng_unit(&rng) * 50) / 50;
        y[i] = rng_unit(&rng) < p[i];
        q[i] = p[i] * p[i] * p[i] / 2;
        r[i] = 1 - p[i];
    }
    double auc = measure(&in, "auc");
    in.p = q;
    check_near(measure(&in, "auc"), auc, 1e-15, 0, "auc of cubes");
    in.p = r;
    check_near(measure(&in, "auc"), 1 - auc, 1e-12, 0, "auc of the opposite");
}

/* ---- reference vectors --------------------------------------------------------------- */

static double *numbers(const struct val *list, size_t *ret_n)
{
    double *v = calloc(val_len(list) + 1, sizeof *v);

    *ret_n = val_len(list);
    for (size_t i = 0; i < *ret_n; i++) v[i] = val_as_real(val_at(list, i), NAN);
    return v;
}

static void generate_binary(const struct val *g, double **y, double **p, size_t *n)
{
    int64_t seed = val_get_int(g, "seed", 0);
    double a = val_get_real(g, "a", 0), b = val_get_real(g, "b", 0), q = val_get_real(g, "q", 0);
    bool rare = seed == 9051;

    *n = (size_t)val_get_int(g, "n", 0);
    *y = calloc(*n, sizeof **y);
    *p = calloc(*n, sizeof **p);
    for (size_t i = 0; i < *n; i++) {
        double v = pair_u((uint64_t)seed, i + 1), t;
        if (rare) v = v * v;
        if (q > 0) v = fmin(floor(v / q + 0.5) * q, 1);
        t = rare ? a * v : fmin(fmax(0.5 + a * (v - 0.5) - b, 0), 1);
        (*p)[i] = v;
        (*y)[i] = pair_u((uint64_t)seed + 1, i + 1) < t;
    }
}

static void check_field(const struct metric_input *in, const char *metric, const struct val *c,
                        const char *field)
{
    const struct val *want = val_get(c, field);

    if (val_type(want) == VAL_INT || val_type(want) == VAL_REAL)
        vectors_case(field, measure(in, metric), val_as_real(want, NAN), ATOL, RTOL,
                     val_get_str(c, "name", "?"));
}

static void check_binary_case(const struct val *c)
{
    static const char *const fields[][2] = {
        { "accuracy", "accuracy" }, { "precision", "precision" },
        { "recall", "recall" },     { "f1", "f1_binary" },
        { "mcc", "mcc" },           { "balanced_accuracy", "balanced_accuracy" },
        { "auc", "roc_auc" },       { "average_precision", "average_precision" },
        { "brier", "brier" },       { "log_loss", "log_loss_eps2.22e-16" },
        { "ece", "ece10_width" },
    };
    const struct val *input = val_get(c, "input"), *bins = val_get(c, "bins_width");
    const struct val *want = val_get(c, "tn_fp_fn_tp");
    double *y, *p;
    size_t n, counts[4];
    struct calibration_bin got[10];

    if (val_get(input, "y")) {
        y = numbers(val_get(input, "y"), &n);
        p = numbers(val_get(input, "p"), &n);
    } else {
        generate_binary(input, &y, &p, &n);
    }
    struct metric_input in = { TASK_BINARY, 2, n, y, p, NULL };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) check_field(&in, fields[i][0], c, fields[i][1]);
    metric_confusion(&in, counts);
    for (size_t i = 0; i < 4; i++) assert_int_equal(counts[i], val_as_int(val_at(want, i), -1));
    metric_calibration(&in, got);
    for (size_t b = 0; b < 10; b++) {
        const struct val *bin = val_at(bins, b);
        assert_int_equal(got[b].n, val_as_int(val_at(bin, 0), -1));
        if (!got[b].n) continue;
        check_near(got[b].mean_p, val_as_real(val_at(bin, 1), NAN), ATOL, RTOL, "bin mean");
        check_near(got[b].rate, val_as_real(val_at(bin, 2), NAN), ATOL, RTOL, "bin rate");
    }
    free(y);
    free(p);
}

static void check_multiclass_case(const struct val *c)
{
    static const char *const fields[][2] = {
        { "accuracy", "accuracy" },
        { "precision", "precision_macro" },
        { "recall", "recall_macro" },
        { "f1", "f1_macro" },
        { "mcc", "mcc" },
        { "log_loss", "log_loss" },
        { "brier", "brier_multi" },
        { "auc", "auc_ovr_macro" },
    };
    size_t n = (size_t)val_get_int(c, "n", 0), k = (size_t)val_get_int(c, "K", 0);
    int64_t seed = val_get_int(c, "seed", 0);
    double *y = calloc(n, sizeof *y), *p = calloc(n * k, sizeof *p);
    double occurring = (double)(str_eq(val_get_str(c, "name", ""), "m4_missing_class") ? k - 1 : k);
    size_t *counts = calloc(k * k, sizeof *counts);

    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        y[i] = floor(pair_u((uint64_t)seed, i + 1) * occurring);
        for (size_t j = 0; j < k; j++) {
            p[i * k + j] = pair_u((uint64_t)seed + 1, i * k + 1 + j);
            if (y[i] == (double)j) p[i * k + j] += val_get_real(c, "mix", 0);
            sum += p[i * k + j];
        }
        for (size_t j = 0; j < k; j++) p[i * k + j] /= sum;
    }
    struct metric_input in = { TASK_MULTICLASS, (int)k, n, y, p, NULL };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) check_field(&in, fields[i][0], c, fields[i][1]);
    metric_confusion(&in, counts);
    for (size_t i = 0; i < k * k; i++)
        assert_int_equal(counts[i],
                         val_as_int(val_at(val_at(val_get(c, "confusion"), i / k), i % k), -1));
    free(counts);
    free(y);
    free(p);
}

static void check_regression_case(struct arena *a, const struct val *c)
{
    const struct val *input = val_get(c, "input");
    bool raw = val_type(val_get(input, "y")) == VAL_LIST;
    size_t n, m;
    double *y, *p;

    if (raw) {
        y = numbers(val_get(input, "y"), &n);
        p = numbers(val_get(input, "f"), &m);
    } else {
        y = pair_generate(a, val_get(input, "y"), &n);
        p = pair_generate(a, val_get(input, "e"), &m);
        pair_fingerprint(y, n, val_get_str(input, "fnv_y", ""));
        for (size_t i = 0; i < n; i++) p[i] += y[i];
    }
    assert_int_equal(n, m);
    struct metric_input in = { TASK_REGRESSION, 0, n, y, p, NULL };
    check_field(&in, "rmse", c, "rmse");
    check_field(&in, "mae", c, "mae");
    check_field(&in, "r2", c, "r2");
    check_field(&in, "mape", c, "mape_sklearn");
    if (!raw) return; /* the arena's */
    free(y);
    free(p);
}

static void test_reference_vectors(void **state)
{
    struct arena a = ARENA_INIT;
    const struct val *v = vectors_load(&a, "classif.json"), *cases;

    (void)state;
    if (!v) {
        arena_done(&a);
        skip();
    }
    cases = val_get(v, "binary");
    assert_int_equal(val_len(cases), 16);
    for (size_t i = 0; i < val_len(cases); i++) check_binary_case(val_at(cases, i));
    cases = val_get(v, "multiclass");
    assert_int_equal(val_len(cases), 3);
    for (size_t i = 0; i < val_len(cases); i++) check_multiclass_case(val_at(cases, i));
    cases = val_get(v, "regression");
    assert_int_equal(val_len(cases), 3);
    for (size_t i = 0; i < val_len(cases); i++) check_regression_case(&a, val_at(cases, i));
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_table),
        TEST(test_binary_by_hand),
        TEST(test_missing_targets_and_weights),
        TEST(test_multiclass_by_hand),
        TEST(test_regression_by_hand),
        TEST(test_auc_is_about_order),
        TEST(test_reference_vectors),
    };
    return vectors_report("classif.json",
                          cmocka_run_group_tests_name("engine/metric", tests, NULL, NULL));
}
