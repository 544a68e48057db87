/* test_interval.c: intervals of metrics, curves and fairness: values against scikit-learn and
 * Fairlearn on one table and Fawcett's example, how often the intervals contain the truth over
 * many samples (INTERVAL_SETS of them for a closer look), equality over numbers of threads. */
#include "base/rng.h"
#include "engine/metric/curve.h"
#include "engine/metric/fairness.h"
#include "engine/metric/interval.h"
#include "enginetest.h"

#define NEAR(got, want) check_near(got, want, 1e-12, 1e-12, #got)
enum { N = 60, MAX = 64 };

static double y[N], p[N];
static size_t group[N];

static int table(void **state)
{
    (void)state;
    for (size_t i = 0; i < N; i++) {
        y[i] = i * 7 % 10 < 4;
        p[i] = ((double)(i * 37 % 61) / 61 + .3 * y[i]) / 1.3;
        group[i] = i % 3;
    }
    return 0;
}

static struct metric_interval *intervals(int threads, const struct metric_input *in,
                                         double threshold, size_t replicates)
{
    struct metric_interval *out = mem_zalloc(MAX, sizeof *out);
    struct engine en = { .pool = pool_new(threads), .seed = 3 };
    struct err e = ERR_INIT;

    check_ok(metric_intervals(&en, in, threshold, replicates, out, NULL, &e), &e);
    pool_free(en.pool);
    return out;
}

static size_t index_of(const char *name)
{
    return (size_t)(metric_find(name) - metrics);
}

static void test_values(void **state)
{
    static const struct {
        const char *name;
        double value;
    } want[] = {
        { "accuracy", 0.6333333333333333 }, { "balanced_accuracy", 0.6458333333333334 },
        { "precision", 0.53125 },           { "recall", 0.7083333333333334 },
        { "f1", 0.6071428571428571 },       { "mcc", 0.28641098093474 },
        { "auc", 0.787037037037037 },       { "average_precision", 0.7841802542866106 },
        { "log_loss", 0.5353854261443709 }, { "brier", 0.18536511414769946 },
    };
    struct metric_input in = { .task = TASK_BINARY, .n_classes = 2, .n = N, .y = y, .p = p };
    struct metric_interval *out = intervals(1, &in, .4, 200);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct metric_interval *o = &out[index_of(want[i].name)];
        check_near(o->value, want[i].value, 1e-12, 1e-12, want[i].name);
        assert_true(o->low < o->value && o->value < o->high);
    }
    assert_string_equal(out[index_of("auc")].method, "delong");
    assert_string_equal(out[index_of("recall")].method, "wilson");
    assert_string_equal(out[index_of("brier")].method, "bootstrap");
    assert_null(out[index_of("rmse")].method);
    free(out);
}

static void test_threads(void **state)
{
    struct metric_input in = { .task = TASK_BINARY, .n_classes = 2, .n = N, .y = y, .p = p };
    struct metric_interval *one = intervals(1, &in, .5, 300), *four = intervals(4, &in, .5, 300);

    (void)state;
    assert_memory_equal(one, four, MAX * sizeof *one);
    free(four);
    four = intervals(1, &in, .5, BOOTSTRAP_NONE);
    assert_true(isnan(four[index_of("brier")].low) && !isnan(four[index_of("auc")].low));
    assert_true(four[index_of("brier")].value == one[index_of("brier")].value);
    free(one);
    free(four);
}

static void test_moved_threshold(void **state)
{
    double from[] = { 0, .1, nextafter(.3, 0), .3, .9, 1 }, to[6];

    (void)state;
    metric_move_threshold(from, 6, .3, to);
    for (int i = 0; i < 6; i++) assert_true((from[i] >= .3) == (to[i] >= .5));
    for (int i = 1; i < 6; i++) assert_true(to[i] >= to[i - 1]);
    metric_move_threshold(from, 6, 0, to);
    for (int i = 0; i < 6; i++) assert_true(to[i] >= .5);
    metric_move_threshold(from, 6, 1, to);
    for (int i = 0; i < 6; i++) assert_true((to[i] >= .5) == (from[i] >= 1));
}

/* ---- curves ------------------------------------------------------------------------------ */

/* Fawcett, An introduction to ROC analysis (2006): twenty instances, AUC 0.68; the best accuracy,
 * 70 %, is reached at .54. */
static void test_fawcett(void **state)
{
    static const char truth[] = "11011100101010001010";
    static const double score[] = { .9, .8,  .7,  .6,  .55, .54, .53, .52, .51, .505,
                                    .4, .39, .38, .37, .36, .35, .34, .33, .30, .1 };
    const struct costs equal = { 1, 1 };
    struct err e = ERR_INIT;
    struct curve c;
    double t[20];

    (void)state;
    for (int i = 0; i < 20; i++) t[i] = truth[i] == '1';
    check_ok(curve_make(t, score, 20, &c, &e), &e);
    assert_int_equal(c.n, 21);
    double area = 0;
    for (size_t i = 1; i < c.n; i++)
        area += (curve_fpr(&c, &c.at[i]) - curve_fpr(&c, &c.at[i - 1])) *
                (curve_tpr(&c, &c.at[i]) + curve_tpr(&c, &c.at[i - 1])) / 2;
    NEAR(area, .68);
    size_t best = curve_cheapest(&c, &equal);
    NEAR(c.at[best].threshold, .54);
    NEAR(curve_cost(&c, &c.at[best], &equal), .3);
    size_t index[5], n = curve_thin(&c, 5, index);
    assert_true(n <= 5 && index[0] == 0 && index[n - 1] == 20);
    curve_done(&c);
}

static void test_lift(void **state)
{
    static const double positives[] = { 6, 5, 2, 2, 2, 1, 3, 2, 1, 0 };
    struct lift_bin bins[LIFT_BINS];
    struct err e = ERR_INIT;
    struct curve c;

    (void)state;
    check_ok(curve_make(y, p, N, &c, &e), &e);
    curve_lift(&c, bins);
    for (int b = 0; b < LIFT_BINS; b++) {
        NEAR(bins[b].positives, positives[b]);
        NEAR(bins[b].n, 6);
    }
    NEAR(bins[9].gain, 1);
    NEAR(bins[9].cumulative, 1);
    NEAR(bins[0].lift, positives[0] / 6 / (c.pos / N));
    const struct curve_point *ks = &c.at[curve_ks(&c)];
    NEAR(curve_tpr(&c, ks) - curve_fpr(&c, ks), 0.4722222222222222);
    NEAR(ks->threshold, 0.7225725094577554);
    const struct costs k = { 2, 3 };
    NEAR(curve_cost(&c, &c.at[curve_cheapest(&c, &k)], &k), 0.6333333333333333);
    curve_done(&c);
}

/* Rows of one score have no order: each tenth gets its share, and nothing depends on how the
 * rows came. */
static void test_lift_ties(void **state)
{
    const double t[] = { 1, 1, 1, 1, 1, 0, 0, 0, 0, 0 };
    const double s[] = { .5, .5, .5, .5, .5, .5, .5, .5, .5, .5 };
    struct lift_bin bins[LIFT_BINS];
    struct err e = ERR_INIT;
    struct curve c;

    (void)state;
    check_ok(curve_make(t, s, 10, &c, &e), &e);
    curve_lift(&c, bins);
    for (int b = 0; b < LIFT_BINS; b++) NEAR(bins[b].lift, 1);
    NEAR(c.at[curve_ks(&c)].tp, 0);
    curve_done(&c);
}

static void test_cost_intervals(void **state)
{
    struct engine en = { .pool = pool_new(2), .seed = 1 };
    const struct costs k = { 2, 3 };
    struct interval threshold, cost;
    struct err e = ERR_INIT;

    (void)state;
    check_ok(curve_cost_intervals(&en, y, p, N, &k, .4, 500, &threshold, &cost, &e), &e);
    double here = 0;
    for (int i = 0; i < N; i++) here += y[i] > 0 ? 3 * (p[i] < .4) : 2 * (p[i] >= .4);
    assert_true(cost.low < here / N && here / N < cost.high);
    assert_true(threshold.low < threshold.high);
    pool_free(en.pool);
}

/* ---- fairness ---------------------------------------------------------------------------- */

static void test_fairness(void **state)
{
    struct fair_input in = { .n = N,
                             .n_groups = 3,
                             .y = y,
                             .p = p,
                             .group = group,
                             .threshold = .4,
                             .least = 1,
                             .privileged = 0 };
    struct engine en = { .pool = pool_new(2), .seed = 1 };
    struct interval ci[FAIR_COUNT];
    struct group_rates g[3];
    struct err e = ERR_INIT;
    double v[FAIR_COUNT];

    (void)state;
    fair_count(&in, NULL, g);
    fair_measures(&in, g, v);
    NEAR(v[FAIR_demographic_parity_difference], 0.050000000000000044);
    NEAR(v[FAIR_demographic_parity_ratio], 0.9090909090909091);
    NEAR(v[FAIR_equalized_odds_difference], 0.16666666666666669);
    NEAR(v[FAIR_equalized_odds_ratio], 0.6666666666666666);
    NEAR(v[FAIR_equal_opportunity_difference], 0.125);
    NEAR(v[FAIR_equal_opportunity_ratio], 0.8333333333333334);
    NEAR(v[FAIR_predictive_parity_difference], (.6 - 5. / 11));
    NEAR(v[FAIR_predictive_parity_ratio], (5. / 11 / .6));
    NEAR(v[FAIR_accuracy_difference], 0.15);
    NEAR(v[FAIR_statistical_parity_difference], -0.025);
    NEAR(v[FAIR_disparate_impact], 0.9545454545454545);
    NEAR(v[FAIR_true_positive_rate_difference], 0.125);
    NEAR(v[FAIR_average_odds_difference], 0);
    NEAR(v[FAIR_average_abs_odds_difference], 0.125);
    NEAR(v[FAIR_theil_index], 0.18063708376361684);
    check_ok(fair_intervals(&en, &in, 400, ci, &e), &e);
    for (int i = 0; i < FAIR_COUNT; i++) assert_true(ci[i].low < ci[i].high);
    pool_free(en.pool);
}

static void test_fairness_left_out(void **state)
{
    double t[] = { 1, 0, 1, 0, 1 }, s[] = { .9, .1, .9, .9, .1 }, v[FAIR_COUNT];
    size_t of[] = { 0, 0, 1, 1, 2 };
    struct fair_input in = { .n = 5,
                             .n_groups = 3,
                             .y = t,
                             .p = s,
                             .group = of,
                             .threshold = .5,
                             .least = 2,
                             .privileged = 3 };
    struct group_rates g[3];

    (void)state;
    fair_count(&in, NULL, g);
    fair_measures(&in, g, v); /* the third group has one row and does not take part */
    NEAR(v[FAIR_demographic_parity_difference], .5);
    NEAR(v[FAIR_equal_opportunity_difference], 0);
    NEAR(v[FAIR_equalized_odds_difference], 1);
    assert_true(isnan(v[FAIR_disparate_impact])); /* nobody is privileged */
    in.least = 3;
    fair_measures(&in, g, v);
    assert_true(isnan(v[FAIR_demographic_parity_difference]) &&
                isnan(v[FAIR_equalized_odds_ratio]));
}

/* ---- coverage ---------------------------------------------------------------------------- */

enum { SAMPLE = 300, POPULATION = 400000, SETS = 150 };

/* A model that is better than chance and too sure of itself; a regression with a bias that grows.
 */
static void draw(struct rng *r, enum task task, size_t n, double *t, double *s)
{
    for (size_t i = 0; i < n; i++) {
        double x = rng_normal(r);
        if (task == TASK_BINARY) {
            t[i] = rng_unit(r) < 1 / (1 + exp(.5 - 1.2 * x));
            s[i] = 1 / (1 + exp(.2 - 2.2 * x));
        } else {
            t[i] = 20 + 2 * x + rng_normal(r);
            s[i] = 20.2 + 1.7 * x;
        }
    }
}

static void coverage(enum task task)
{
    const char *more = getenv("INTERVAL_SETS");
    int sets = more ? atoi(more) : SETS, hits[MAX] = { 0 };
    double *t = mem_alloc(POPULATION * sizeof *t), *s = mem_alloc(POPULATION * sizeof *s);
    struct metric_input in = {
        .task = task, .n_classes = task == TASK_BINARY ? 2 : 0, .n = POPULATION, .y = t, .p = s
    };
    struct err e = ERR_INIT;
    double truth[MAX];
    struct rng r;

    rng_seed(&r, 11);
    draw(&r, task, POPULATION, t, s);
    check_ok(metric_all(&in, truth, &e), &e);
    in.n = SAMPLE;
    for (int i = 0; i < sets; i++) {
        draw(&r, task, SAMPLE, t, s);
        struct metric_interval *out = intervals(1, &in, .5, more ? 1000 : 300);
        for (size_t m = 0; metrics[m].name; m++)
            hits[m] += out[m].low <= truth[m] && truth[m] <= out[m].high;
        free(out);
    }
    /* three deviations of so many draws around what is promised, 93 to 97 in a hundred */
    double slack = more ? 0 : 3 * sqrt(.05 * .95 / sets) - .02;
    for (size_t m = 0; metrics[m].name; m++) {
        double share = (double)hits[m] / sets;
        if (!(metrics[m].tasks & (unsigned)task)) continue;
        if (more) print_message("%s: %.4f of %d\n", metrics[m].name, share, sets);
        if (share < .93 - slack || share > .97 + slack)
            fail_msg("the interval of %s contains the truth in %.3f of %d samples", metrics[m].name,
                     share, sets);
    }
    free(t);
    free(s);
}

static void test_coverage_classes(void **state)
{
    (void)state;
    coverage(TASK_BINARY);
}

static void test_coverage_values(void **state)
{
    (void)state;
    coverage(TASK_REGRESSION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_values),
        TEST(test_threads),
        TEST(test_moved_threshold),
        TEST(test_fawcett),
        TEST(test_lift),
        TEST(test_lift_ties),
        TEST(test_cost_intervals),
        TEST(test_fairness),
        TEST(test_fairness_left_out),
        TEST(test_coverage_classes),
        TEST(test_coverage_values),
    };

    return cmocka_run_group_tests_name("interval", tests, table, NULL);
}
