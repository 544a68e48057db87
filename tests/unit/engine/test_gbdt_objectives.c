/* test_gbdt_objectives.c: what gradient-boosted trees can be asked for beyond the usual: other
 * losses, monotone features, growth by levels, exact gradients. Each on data whose answer is
 * known; and the same bytes for any number of threads over all of them. */
#include "gbdttest.h"

/* y = 3 sin(x0) + x1 + noise whose size grows with x2; exponential, so not symmetric. */
static struct data skewed(size_t n, uint64_t seed)
{
    struct data a = data_new(n, 3);
    struct rng r;

    rng_seed(&r, seed);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < 3; j++) *cell(&a, i, j) = 3 * rng_unit(&r);
        double noise = -log(1 - rng_unit(&r)) * (0.2 + *cell(&a, i, 2));
        a.y[i] = 3 * sin(*cell(&a, i, 0)) + *cell(&a, i, 1) + noise;
    }
    return a;
}

static void test_quantile_coverage(void **state)
{
    static const char *const params[] = {
#define SMALL "\"num_leaves\":7,\"n_estimators\":60,\"min_data_in_leaf\":100"
        "{\"objective\":\"quantile\",\"alpha\":0.1," SMALL "}",
        "{\"objective\":\"quantile\",\"alpha\":0.5," SMALL "}",
        "{\"objective\":\"quantile\",\"alpha\":0.9," SMALL "}",
        "{\"objective\":\"l1\"," SMALL "}",
#undef SMALL
    };
    static const double want[] = { 0.1, 0.5, 0.9, 0.5 };
    struct data a = skewed(8000, 1), v = skewed(8000, 2);

    (void)state;
    for (int weighted = 0; weighted < 2; weighted++) {
        if (weighted) {
            a.w = mem_zalloc(a.n, sizeof *a.w);
            for (size_t i = 0; i < a.n; i++) a.w[i] = 1 + (double)(i % 3);
        }
        for (size_t c = 0; c < ARRAY_LEN(params); c++) {
            struct fitted f = { .task = TASK_REGRESSION, .params = params[c] };
            double below = 0, half = 0;
            fit_ok(&f, &a);
            double *p = predict_all(f.m, &v);
            for (size_t i = 0; i < v.n; i++) {
                below += v.y[i] <= p[i];
                half += v.y[i] <= p[i] && *cell(&v, i, 2) < 1.5;
            }
            check_near(below / (double)v.n, want[c], 0.025, 0, "share below");
            check_near(half / (double)v.n, want[c] / 2, 0.025, 0, "share below, little noise");
            free(p);
            fitted_free(&f);
        }
    }
    data_free(&a);
    data_free(&v);
}

/* One leaf's value is the quantile of its rows. */
static void test_quantile_of_a_leaf(void **state)
{
    double v[] = { 5, 1, 4, 2, 3, 10, 9, 8, 7, 6 }, w[10], u[10];

    (void)state;
    for (int i = 0; i < 10; i++) {
        w[i] = 0.5;
        u[i] = v[i];
    }
    assert_true(gbdt_quantile(u, NULL, 10, 0.5) == 6);
    memcpy(u, v, sizeof u);
    assert_true(gbdt_quantile(u, NULL, 10, 0.95) == 10);
    memcpy(u, v, sizeof u);
    assert_true(gbdt_quantile(u, w, 10, 0.75) == 8);
    memcpy(u, v, sizeof u);
    for (int i = 0; i < 10; i++) w[i] = v[i] > 8 ? 100 : 0.001;
    assert_true(gbdt_quantile(u, w, 10, 0.25) >= 8);
    assert_true(gbdt_quantile(v, NULL, 1, 0.25) == 5);
}

/* Quickselect against sorting, ties and all. */
static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void test_quantile_by_sorting(void **state)
{
    double v[300], s[300];
    struct rng r;

    (void)state;
    rng_seed(&r, 3);
    for (size_t n = 2; n <= 300; n += 1 + n / 7)
        for (int kind = 0; kind < 3; kind++) {
            for (size_t i = 0; i < n; i++)
                v[i] = kind == 0   ? rng_normal(&r)
                       : kind == 1 ? (double)rng_below(&r, 4)
                                   : (double)(n - i);
            memcpy(s, v, n * sizeof *s);
            qsort(s, n, sizeof *s, rising);
            for (double alpha = 0.05; alpha < 1; alpha += 0.15) {
                double at = (1 - alpha) * (double)n, want;
                size_t k = (size_t)at;
                if (k < 1) want = s[n - 1];
                else want = s[n - k] - (s[n - k] - s[n - 1 - k]) * (at - (double)k);
                check_near(gbdt_quantile(v, NULL, n, alpha), want, 1e-12, 1e-12, "quantile");
            }
        }
}

static size_t poisson_draw(struct rng *r, double mean)
{
    double left = exp(-mean), p = rng_unit(r);
    size_t k = 0;

    for (; p > left; k++) p *= rng_unit(r);
    return k;
}

static void test_poisson(void **state)
{
    struct data a = data_new(8000, 2);
    struct fitted f = { .task = TASK_REGRESSION,
                        .params = "{\"objective\":\"poisson\",\"n_estimators\":80}" };
    struct rng r;
    double sum = 0, predicted = 0, worst = 0;

    (void)state;
    rng_seed(&r, 7);
    for (size_t i = 0; i < a.n; i++) {
        *cell(&a, i, 0) = (double)rng_below(&r, 5);
        *cell(&a, i, 1) = rng_normal(&r);
        a.y[i] = (double)poisson_draw(&r, exp(0.4 * *cell(&a, i, 0) - 0.5));
        sum += a.y[i];
    }
    fit_ok(&f, &a);
    double *p = predict_all(f.m, &a);
    for (size_t i = 0; i < a.n; i++) {
        assert_true(p[i] > 0);
        predicted += p[i];
        worst = fmax(worst, fabs(log(p[i]) - 0.4 * *cell(&a, i, 0) + 0.5));
    }
    check_near(predicted, sum, 0, 0.02, "sum of predictions");
    assert_true(worst < 0.9);
    assert_true(f.train[f.rounds - 1] < 0.8 * f.train[0]);
    struct buf b = bytes_of(f.m);
    struct cursor in = { b.p, b.n, false };
    struct err e = ERR_INIT;
    void *again = NULL;
    check_ok(learner_gbdt.load(&in, TASK_REGRESSION, 0, a.d, &again, &e), &e);
    double *q = predict_all(again, &a);
    assert_memory_equal(p, q, a.n * sizeof *p);
    learner_gbdt.free(again);
    a.y[4] = -1;
    fitted_free(&f);
    check_err(try_fit(&f, &a, &e), ERR_INVALID, &e, "target of row 5 is -1");
    free(p);
    free(q);
    buf_done(&b);
    data_free(&a);
}

/* One row in twenty is far off; the truth of the others is known. */
static void test_outliers(void **state)
{
    static const char *const params[] = {
        "{\"objective\":\"l2\"}",
        "{\"objective\":\"huber\",\"alpha\":0.5}",
        "{\"objective\":\"l1\"}",
    };
    struct data a = data_new(6000, 2);
    double rmse[3];
    struct rng r;

    (void)state;
    rng_seed(&r, 4);
    for (size_t i = 0; i < a.n; i++) {
        for (size_t j = 0; j < 2; j++) *cell(&a, i, j) = rng_normal(&r);
        a.y[i] = *cell(&a, i, 0) + sin(2 * *cell(&a, i, 1)) + 0.1 * rng_normal(&r);
        if (i % 20 == 7) a.y[i] += 40;
    }
    for (size_t c = 0; c < 3; c++) {
        struct fitted f = { .task = TASK_REGRESSION, .params = params[c] };
        fit_ok(&f, &a);
        double *p = predict_all(f.m, &a), sum = 0;
        for (size_t i = 0; i < a.n; i++) {
            double d = p[i] - *cell(&a, i, 0) - sin(2 * *cell(&a, i, 1));
            sum += d * d;
        }
        rmse[c] = sqrt(sum / (double)a.n);
        free(p);
        fitted_free(&f);
    }
    assert_true(rmse[0] > 2);
    assert_true(rmse[1] < rmse[0] / 4);
    assert_true(rmse[2] < rmse[0] / 4);
    data_free(&a);
}

/* The curves are the losses of the scores, for rows of training and of validation. */
static void test_curves(void **state)
{
    static const char *const names[] = { "l1", "huber", "quantile", "poisson" };
    struct data a = skewed(3000, 1), v = skewed(2000, 2);

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(names); c++) {
        char params[100];
        struct fitted f = { .task = TASK_REGRESSION, .valid = &v, .params = params };
        snprintf(params, sizeof params, "{\"objective\":\"%s\",\"alpha\":0.7,\"n_estimators\":20}",
                 names[c]);
        fit_ok(&f, &a);
        for (int set = 0; set < 2; set++) {
            const struct data *d = set ? &v : &a;
            struct gbdt_scored s = {
                .objective = f.m->objective, .alpha = 0.7, .k = 1, .n = d->n, .y = d->y
            };
            double *p = predict_all(f.m, d);
            for (size_t i = 0; i < d->n && c == 3; i++) p[i] = log(p[i]);
            s.score = p;
            check_near(set ? f.valid_curve[19] : f.train[19], gbdt_loss_of(&s), 1e-12, 1e-9,
                       "curve");
            free(p);
        }
        assert_true(f.train[19] < f.train[0]);
        fitted_free(&f);
    }
    data_free(&a);
    data_free(&v);
}

static void test_objective_fits_task(void **state)
{
    struct data a = mixed_data(200, TASK_BINARY, 2, 1);
    struct fitted f = { .task = TASK_BINARY, .params = "{\"objective\":\"poisson\"}" };
    struct err e = ERR_INIT;

    (void)state;
    check_err(try_fit(&f, &a, &e), ERR_INVALID, &e, "objective poisson is not for a binary");
    f.task = TASK_REGRESSION;
    f.params = "{\"objective\":\"binary\"}";
    check_err(try_fit(&f, &a, &e), ERR_INVALID, &e, "objective binary is not for a regression");
    f.params = "{\"objective\":\"quantile\",\"alpha\":1.5}";
    check_err(try_fit(&f, &a, &e), ERR_INVALID, &e, "alpha is 1.5");
    f.params = "{\"objective\":\"l2\"}";
    fit_ok(&f, &a);
    fitted_free(&f);
    data_free(&a);
}

/* ---- monotone ---- */

/* How often the answer goes against `sign` when feature j of a row walks up a grid. */
static size_t violations(const struct gbdt_model *m, const struct data *a, size_t j, int sign)
{
    size_t n = 0;

    for (size_t i = 0; i < a->n; i += 3) {
        double row[6], last = 0, out[3];
        for (size_t c = 0; c < a->d; c++) row[c] = *cell(a, i, c);
        for (int step = 0; step <= 60; step++) {
            row[j] = -3 + step * 0.1;
            learner_gbdt.predict_row(m, row, out);
            if (step > 0 && (out[0] - last) * sign < 0) n++;
            last = out[0];
        }
    }
    return n;
}

static void test_monotone(void **state)
{
    static const enum task tasks[] = { TASK_REGRESSION, TASK_BINARY };
    static const char *const extra[] = { "", ",\"objective\":\"l1\"", ",\"gradient_bits\":0",
                                         ",\"lambda_l1\":2,\"lambda_l2\":1" };

    (void)state;
    for (size_t c = 0; c < 2 * ARRAY_LEN(extra); c++) {
        enum task task = tasks[c % 2];
        char params[200];
        struct data a = mixed_data(1500, task, 2, 6);
        struct fitted f = { .task = task, .params = params };
        if (task == TASK_BINARY && strstr(extra[c / 2], "l1\"")) {
            data_free(&a);
            continue;
        }
        snprintf(params, sizeof params, "{\"n_estimators\":40%s}", extra[c / 2]);
        fit_ok(&f, &a);
        assert_true(violations(f.m, &a, 0, 1) > 100);
        fitted_free(&f);
        snprintf(params, sizeof params, "{\"n_estimators\":40,\"monotone\":\"0:+1,1:-1,3:1\"%s}",
                 extra[c / 2]);
        fit_ok(&f, &a);
        assert_int_equal(violations(f.m, &a, 0, 1), 0);
        assert_int_equal(violations(f.m, &a, 1, -1), 0);
        assert_int_equal(violations(f.m, &a, 3, 1), 0);
        assert_true(f.train[f.rounds - 1] < f.train[0]);
        fitted_free(&f);
        data_free(&a);
    }
}

static void test_monotone_spec(void **state)
{
    static const struct {
        const char *spec, *says;
    } cases[] = {
        { "nosuch:+1", "monotone names nosuch, which is no feature" },
        { "6:+1", "monotone names 6, which is no feature" },
        { "0", "monotone has 0; it wants" },
        { "0:2", "monotone has 0:2; it wants" },
        { "0:+1,1:--1", "monotone has 1:--1; it wants" },
        { "4:+1", "monotone names 4, which is a category" },
    };
    struct data a = mixed_data(300, TASK_REGRESSION, 0, 1);
    struct err e = ERR_INIT;

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        char params[100];
        struct fitted f = { .task = TASK_REGRESSION, .params = params };
        snprintf(params, sizeof params, "{\"monotone\":\"%s\"}", cases[c].spec);
        check_err(try_fit(&f, &a, &e), ERR_INVALID, &e, cases[c].says);
    }
    data_free(&a);
}

/* ---- growth ---- */

static int depth_below(const struct gbdt_node *nodes, int32_t at)
{
    if (at < 0) return 0;
    int l = depth_below(nodes, nodes[at].left), r = depth_below(nodes, nodes[at].right);

    return 1 + (l > r ? l : r);
}

static int deepest(const struct gbdt_model *m)
{
    int most = 0;

    for (size_t t = 0; t < m->n_trees; t++) {
        int d = depth_below(m->nodes + m->trees[t].node, m->trees[t].n_leaves > 1 ? 0 : -1);
        if (d > most) most = d;
    }
    return most;
}

static void test_growth(void **state)
{
    struct data a = mixed_data(4000, TASK_REGRESSION, 0, 2);
    struct fitted f = { .task = TASK_REGRESSION,
                        .params = "{\"n_estimators\":10,\"num_leaves\":16}" };

    (void)state;
    fit_ok(&f, &a);
    assert_true(deepest(f.m) > 5);
    fitted_free(&f);
    f.params = "{\"n_estimators\":10,\"num_leaves\":16,\"grow_policy\":\"depth_wise\"}";
    fit_ok(&f, &a);
    assert_int_equal(deepest(f.m), 4);
    for (size_t t = 0; t < f.m->n_trees; t++) assert_int_equal(f.m->trees[t].n_leaves, 16);
    fitted_free(&f);
    f.params = "{\"n_estimators\":10,\"num_leaves\":1000,\"max_depth\":3,"
               "\"grow_policy\":\"depth_wise\"}";
    fit_ok(&f, &a);
    assert_int_equal(deepest(f.m), 3);
    for (size_t t = 0; t < f.m->n_trees; t++) assert_int_equal(f.m->trees[t].n_leaves, 8);
    fitted_free(&f);
    data_free(&a);
}

/* ---- gradients ---- */

/* Exact sums: a mean per leaf to the last bit but a few; quantised ones are near. */
static void test_exact(void **state)
{
    struct data a = mixed_data(3000, TASK_REGRESSION, 0, 2), b = data_new(1000, 1);
    struct fitted f = { .task = TASK_REGRESSION, .params = "{\"n_estimators\":50}" };
    struct fitted x = { .task = TASK_REGRESSION,
                        .params = "{\"n_estimators\":50,\"gradient_bits\":0}" };
    double mean[2] = { 0, 0 };

    (void)state;
    fit_ok(&f, &a);
    fit_ok(&x, &a);
    check_near(rmse_of(f.m, &a), rmse_of(x.m, &a), 0, 0.02, "rmse, quantised and exact");
    fitted_free(&f);
    fitted_free(&x);
    for (size_t i = 0; i < b.n; i++) {
        *cell(&b, i, 0) = (double)(i % 2);
        b.y[i] = (double)(i % 2) * 10 + sin((double)i);
        mean[i % 2] += b.y[i] / 500;
    }
    x.params = "{\"n_estimators\":1,\"learning_rate\":1,\"gradient_bits\":0}";
    fit_ok(&x, &b);
    double *p = predict_all(x.m, &b);
    check_near(p[0], mean[0], 2e-6, 0, "mean of the even rows");
    check_near(p[1], mean[1], 2e-6, 0, "mean of the odd rows");
    free(p);
    fitted_free(&x);
    data_free(&a);
    data_free(&b);
}

/* 1, 2, 4 and 8 threads: the same bytes, whatever is minimised, however trees grow and gradients
 * are kept. */
static void test_threads(void **state)
{
    static const struct {
        const char *name;
        enum task task;
    } objectives[] = {
        { "l2", TASK_REGRESSION },         { "l1", TASK_REGRESSION },
        { "huber", TASK_REGRESSION },      { "quantile", TASK_REGRESSION },
        { "poisson", TASK_REGRESSION },    { "binary", TASK_BINARY },
        { "multiclass", TASK_MULTICLASS },
    };
    static const char *const growth[] = { "leaf_wise", "depth_wise" };
    static const int bits[] = { 16, 0 };

    (void)state;
    for (size_t c = 0; c < 4 * ARRAY_LEN(objectives); c++) {
        size_t o = c / 4;
        char params[300];
        struct data a = mixed_data(20000, objectives[o].task, 3, 3);
        struct fitted f = { .task = objectives[o].task, .classes = 3, .seed = 5, .params = params };
        struct buf first = BUF_INIT;
        for (size_t i = 0; i < a.n && o < 5; i++) a.y[i] = fabs(a.y[i]);
        snprintf(params, sizeof params,
                 "{\"n_estimators\":3,\"num_leaves\":12,\"alpha\":0.6,\"objective\":\"%s\","
                 "\"grow_policy\":\"%s\",\"gradient_bits\":%d,\"monotone\":\"%s\"}",
                 objectives[o].name, growth[c / 2 % 2], bits[c % 2], c % 3 ? "" : "1:+1");
        for (int threads = 1; threads <= 8; threads *= 2) {
            f.threads = threads;
            fit_ok(&f, &a);
            struct buf b = bytes_of(f.m);
            if (threads == 1) {
                first = b;
            } else {
                assert_int_equal(b.n, first.n);
                assert_memory_equal(b.p, first.p, b.n);
                buf_done(&b);
            }
            fitted_free(&f);
        }
        buf_done(&first);
        data_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_quantile_coverage),
        TEST(test_quantile_of_a_leaf),
        TEST(test_quantile_by_sorting),
        TEST(test_poisson),
        TEST(test_outliers),
        TEST(test_curves),
        TEST(test_objective_fits_task),
        TEST(test_monotone),
        TEST(test_monotone_spec),
        TEST(test_growth),
        TEST(test_exact),
        TEST(test_threads),
    };

    return cmocka_run_group_tests_name("gbdt objectives", tests, NULL, NULL);
}
