/* test_gbdt.c: what the gradient-boosted trees learn, on data whose answer is known, and the
 * laws of training: same bytes for any number of threads, curves, early stopping, weights,
 * cancellation, tiny data. */
#include "gbdttest.h"

/* One split must find the step exactly. */
static void test_step(void **state)
{
    struct data a = data_new(400, 1);
    struct fitted f = { .task = TASK_REGRESSION,
                        .params = "{\"n_estimators\":1,\"learning_rate\":1,\"num_leaves\":2}" };

    (void)state;
    for (size_t i = 0; i < a.n; i++) {
        *cell(&a, i, 0) = (double)(i / 4); /* a bin each */
        a.y[i] = *cell(&a, i, 0) > 30 ? 5 : 2;
    }
    fit_ok(&f, &a);
    assert_int_equal(f.m->n_nodes, 1);
    assert_true(f.m->nodes[0].threshold == 30.5);
    check_near(rmse_of(f.m, &a), 0, 1e-5, 0, "rmse");
    fitted_free(&f);
    data_free(&a);
}

/* Neither feature tells anything alone. */
static void test_interaction(void **state)
{
    struct data a = data_new(4000, 2);
    struct fitted f = { .task = TASK_BINARY, .params = "{\"n_estimators\":60}" };
    struct rng r;

    (void)state;
    rng_seed(&r, 5);
    for (size_t i = 0; i < a.n; i++) {
        *cell(&a, i, 0) = rng_normal(&r);
        *cell(&a, i, 1) = rng_normal(&r);
        a.y[i] = (*cell(&a, i, 0) > 0) != (*cell(&a, i, 1) > 0);
    }
    fit_ok(&f, &a);
    double *p = predict_all(f.m, &a);
    size_t right = 0;
    for (size_t i = 0; i < a.n; i++) right += (p[i] >= 0.5) == (a.y[i] > 0);
    assert_true(right > 3900);
    free(p);
    fitted_free(&f);
    data_free(&a);
}

/* Missing values belong with the high ones, then with the low ones, then apart from both. */
static void test_missing_direction(void **state)
{
    static const char one[] = "{\"n_estimators\":1,\"learning_rate\":1,\"num_leaves\":2}";
    static const char two[] = "{\"n_estimators\":1,\"learning_rate\":1,\"num_leaves\":3}";

    (void)state;
    for (int kind = 0; kind < 3; kind++) {
        struct data a = data_new(900, 1);
        struct fitted f = { .task = TASK_REGRESSION, .params = kind < 2 ? one : two };
        for (size_t i = 0; i < a.n; i++) {
            double v = (double)(i % 3);
            *cell(&a, i, 0) = i % 3 == 2 ? (double)NAN : v + 1e-3 * (double)i;
            a.y[i] = i % 3 == 2 ? (kind == 0 ? 1 : kind == 1 ? 0 : -3) : v;
        }
        fit_ok(&f, &a);
        check_near(rmse_of(f.m, &a), 0, kind < 2 ? 0.41 : 1e-5, 0, "rmse");
        double out, x = (double)NAN;
        learner_gbdt.predict_row(f.m, &x, &out);
        if (kind == 2) check_near(out, -3, 1e-5, 0, "missing");
        fitted_free(&f);
        data_free(&a);
    }
}

/* A level's code says nothing; only sets of levels separate the classes. */
static void test_categories(void **state)
{
    struct data a = data_new(6000, 1);
    const char *params = "{\"n_estimators\":1,\"learning_rate\":1,\"num_leaves\":2,"
                         "\"cat_l2\":0,\"cat_smooth\":1}";
    struct fitted as_cat = { .task = TASK_REGRESSION, .params = params };
    struct fitted as_num = { .task = TASK_REGRESSION, .params = params };

    (void)state;
    for (size_t i = 0; i < a.n; i++) {
        *cell(&a, i, 0) = (double)(i % 20);
        a.y[i] = i % 20 % 3 == 0;
    }
    fit_ok(&as_num, &a);
    a.levels[0] = 20;
    fit_ok(&as_cat, &a);
    assert_int_equal(as_cat.m->nodes[0].kind, GBDT_CAT);
    check_near(rmse_of(as_cat.m, &a), 0, 1e-5, 0, "rmse of one categorical split");
    assert_true(rmse_of(as_num.m, &a) > 0.4);
    fitted_free(&as_cat);
    fitted_free(&as_num);
    data_free(&a);
}

/* 3,000 levels: more than fit a byte; the odd ones mean 1. */
static void test_many_levels(void **state)
{
    struct data a = data_new(30000, 2);
    struct fitted f = { .task = TASK_REGRESSION,
                        .params = "{\"n_estimators\":200,\"learning_rate\":0.3,"
                                  "\"min_data_in_leaf\":5,\"min_data_per_group\":5,"
                                  "\"cat_smooth\":1,\"max_cat_threshold\":64}" };
    struct rng r;

    (void)state;
    rng_seed(&r, 9);
    a.levels[0] = 3000;
    for (size_t i = 0; i < a.n; i++) {
        double c = (double)rng_below(&r, 3000);
        *cell(&a, i, 0) = c;
        *cell(&a, i, 1) = rng_normal(&r);
        a.y[i] = fmod(c, 2);
    }
    fit_ok(&f, &a);
    assert_true(rmse_of(f.m, &a) < 0.1);
    fitted_free(&f);
    data_free(&a);
}

static void test_loss_falls(void **state)
{
    static const enum task tasks[] = { TASK_REGRESSION, TASK_BINARY, TASK_MULTICLASS };

    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(tasks); t++) {
        struct data a = mixed_data(3000, tasks[t], 4, 1);
        struct fitted f = { .task = tasks[t], .classes = 4, .params = "{\"n_estimators\":50}" };
        fit_ok(&f, &a);
        assert_int_equal(f.rounds, 50);
        for (size_t i = 1; i < f.rounds; i++) assert_true(f.train[i] < f.train[i - 1]);
        assert_true(f.train[49] < 0.5 * f.train[0]);
        fitted_free(&f);
        data_free(&a);
    }
}

/* The curves are the losses of what predict gives. */
static void test_curves(void **state)
{
    static const enum task tasks[] = { TASK_REGRESSION, TASK_BINARY, TASK_MULTICLASS };

    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(tasks); t++) {
        struct data a = mixed_data(3000, tasks[t], 3, 1), v = mixed_data(2000, tasks[t], 3, 2);
        struct fitted f = {
            .task = tasks[t], .classes = 3, .valid = &v, .params = "{\"n_estimators\":20}"
        };
        fit_ok(&f, &a);
        for (int set = 0; set < 2; set++) {
            const struct data *d = set ? &v : &a;
            double *p = predict_all(f.m, d), loss = 0;
            for (size_t i = 0; i < d->n; i++) {
                if (tasks[t] == TASK_REGRESSION) loss += (p[i] - d->y[i]) * (p[i] - d->y[i]);
                else if (tasks[t] == TASK_BINARY) loss -= log(d->y[i] > 0 ? p[i] : 1 - p[i]);
                else loss -= log(p[i * 3 + (size_t)d->y[i]]);
            }
            loss /= (double)d->n;
            if (tasks[t] == TASK_REGRESSION) loss = sqrt(loss);
            check_near(set ? f.valid_curve[19] : f.train[19], loss, 0, 1e-10, "curve");
            free(p);
        }
        fitted_free(&f);
        data_free(&a);
        data_free(&v);
    }
}

static void test_early_stopping(void **state)
{
    struct data a = mixed_data(600, TASK_BINARY, 2, 1), v = mixed_data(600, TASK_BINARY, 2, 2);
    struct fitted f = { .task = TASK_BINARY,
                        .valid = &v,
                        .params = "{\"n_estimators\":2000,\"learning_rate\":0.3,"
                                  "\"early_stopping_rounds\":15}" };

    (void)state;
    fit_ok(&f, &a);
    size_t best = 0;
    for (size_t i = 1; i < f.rounds; i++)
        if (f.valid_curve[i] < f.valid_curve[best]) best = i;
    assert_true(f.rounds < 2000);
    assert_int_equal(f.rounds, best + 16);
    assert_int_equal(f.m->n_trees, best + 1);
    struct matrix x = matrix_of(&v);
    double *score = mem_zalloc(v.n, sizeof *score);
    for (size_t i = 0; i < v.n; i++) {
        score[i] = f.m->base[0];
        for (size_t t = 0; t < f.m->n_trees; t++)
            score[i] += gbdt_tree_value(f.m, &f.m->trees[t], x.x + i, x.n);
    }
    struct gbdt_scored scored = { GBDT_LOGISTIC, 0, 1, v.n, v.y, score };
    assert_true(gbdt_loss_of(&scored) == f.valid_curve[best]);
    free(score);
    fitted_free(&f);
    data_free(&a);
    data_free(&v);
}

/* Same bytes for any number of threads, whatever is switched on; another seed, other bytes. */
static void test_threads(void **state)
{
    static const char *const params[] = {
        "{\"n_estimators\":8}",
        "{\"n_estimators\":8,\"bagging_fraction\":0.5,\"bagging_freq\":2,"
        "\"feature_fraction\":0.6,\"lambda_l1\":1,\"lambda_l2\":2,\"max_depth\":4}",
    };
    static const enum task tasks[] = { TASK_REGRESSION, TASK_BINARY, TASK_MULTICLASS };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(params) * ARRAY_LEN(tasks); c++) {
        enum task task = tasks[c / 2];
        struct data a = mixed_data(30000, task, 3, 3);
        struct fitted f = {
            .task = task, .classes = 3, .threads = 1, .seed = 11, .params = params[c % 2]
        };
        fit_ok(&f, &a);
        struct buf first = bytes_of(f.m);
        fitted_free(&f);
        for (f.threads = 2; f.threads <= 4; f.threads++) {
            fit_ok(&f, &a);
            struct buf b = bytes_of(f.m);
            assert_int_equal(b.n, first.n);
            assert_memory_equal(b.p, first.p, b.n);
            buf_done(&b);
            fitted_free(&f);
        }
        f.seed = 12;
        fit_ok(&f, &a);
        struct buf b = bytes_of(f.m);
        assert_true(b.n != first.n || memcmp(b.p, first.p, b.n) != 0);
        buf_done(&b);
        buf_done(&first);
        fitted_free(&f);
        data_free(&a);
    }
}

static double coarse(double v)
{
    return v < -2 ? -2 : v > 2 ? 2 : round(v * 4) / 4;
}

/* Rows with weight 3 and the same rows three times: the same up to the rounding of gradients
 * (hardly any on so few rows). */
static void test_weights(void **state)
{
    struct data a = mixed_data(2000, TASK_REGRESSION, 0, 4), b = data_new(4000, 6);
    struct fitted fa = { .task = TASK_REGRESSION,
                         .params = "{\"n_estimators\":30,\"min_data_in_leaf\":0,"
                                   "\"min_sum_hessian\":30.5,\"min_data_per_group\":1,"
                                   "\"cat_smooth\":0}" };
    struct fitted fb = fa;
    size_t n = 0;

    (void)state;
    b.levels[4] = 6;
    a.w = mem_zalloc(a.n, sizeof *a.w);
    for (size_t i = 0; i < a.n; i++) {
        a.w[i] = i % 2 ? 1 : 3;
        for (int copy = 0; copy < (i % 2 ? 1 : 3); copy++, n++) {
            for (size_t j = 0; j < 6; j++) *cell(&b, n, j) = *cell(&a, i, j);
            b.y[n] = a.y[i];
        }
    }
    assert_int_equal(n, 4000);
    /* the same bins for both: few distinct values */
    for (size_t j = 0; j < 4; j++) {
        for (size_t i = 0; i < a.n; i++) *cell(&a, i, j) = coarse(*cell(&a, i, j));
        for (size_t i = 0; i < b.n; i++) *cell(&b, i, j) = coarse(*cell(&b, i, j));
    }
    fit_ok(&fa, &a);
    fit_ok(&fb, &b);
    double *pa = predict_all(fa.m, &a), *pb = predict_all(fb.m, &a), worst = 0;
    for (size_t i = 0; i < a.n; i++) worst = fmax(worst, fabs(pa[i] - pb[i]));
    check_near(worst, 0, 1e-3, 0, "largest difference");
    free(pa);
    free(pb);
    fitted_free(&fa);
    fitted_free(&fb);
    data_free(&a);
    data_free(&b);
}

static void test_cancel(void **state)
{
    struct data a = mixed_data(3000, TASK_BINARY, 2, 1);
    atomic_bool cancel = true;
    struct fitted f = { .task = TASK_BINARY, .cancel = &cancel };
    struct err e = ERR_INIT;

    (void)state;
    check_err(try_fit(&f, &a, &e), ERR_CANCELLED, &e, "cancelled");
    assert_null(f.m);
    assert_int_equal(f.rounds, 0);
    cancel = false;
    f.cancel_after = 7;
    f.cancel_flag = &cancel;
    check_err(try_fit(&f, &a, &e), ERR_CANCELLED, &e, "cancelled");
    assert_null(f.m);
    assert_int_equal(f.rounds, 7);
    data_free(&a);
}

/* Shapes at the edge: every one trains, predicts a finite value, and saves. */
static void test_tiny(void **state)
{
    static const struct {
        size_t n, d;
        bool missing, constant;
        const char *params;
    } cases[] = {
        { 1, 1, false, false, "{}" },
        { 1, 1, true, true, "{\"min_data_in_leaf\":0}" },
        { 2, 1, false, false, "{\"min_data_in_leaf\":0,\"min_sum_hessian\":0}" },
        { 3, 2, true, false, "{\"min_data_in_leaf\":1,\"num_leaves\":1000}" },
        { 50, 1, false, true, "{}" },
        { 50, 3, true, false, "{\"min_data_in_leaf\":1,\"num_leaves\":4096}" },
        { 100, 0, false, false, "{}" },
        { 40, 2, false, false, "{\"bagging_fraction\":0.01,\"bagging_freq\":1}" },
    };
    static const enum task tasks[] = { TASK_REGRESSION, TASK_BINARY, TASK_MULTICLASS };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases) * ARRAY_LEN(tasks); c++) {
        size_t i = c / 3, n = cases[i].n, d = cases[i].d;
        struct data a = data_new(n, d);
        struct fitted f = { .task = tasks[c % 3], .classes = 3, .params = cases[i].params };
        for (size_t row = 0; row < n; row++) {
            for (size_t j = 0; j < d; j++)
                *cell(&a, row, j) =
                    cases[i].missing && j == 0 ? (double)NAN : (double)(row * j + row);
            a.y[row] = cases[i].constant ? 1 : (double)(row % (f.task == TASK_BINARY ? 2 : 3));
        }
        fit_ok(&f, &a);
        double *p = predict_all(f.m, &a);
        for (size_t row = 0; row < n * (size_t)f.m->k; row++) assert_true(isfinite(p[row]));
        struct buf b = bytes_of(f.m);
        assert_true(b.n > 0);
        buf_done(&b);
        free(p);
        fitted_free(&f);
        data_free(&a);
    }
}

static void test_bad_input(void **state)
{
    struct data a = mixed_data(100, TASK_BINARY, 2, 1);
    struct fitted f = { .task = TASK_BINARY };
    struct err e = ERR_INIT;

    (void)state;
    a.y[7] = 2;
    check_err(try_fit(&f, &a, &e), ERR_INVALID, &e, "target of row 8 is 2");
    f.task = TASK_REGRESSION;
    a.y[7] = (double)NAN;
    check_err(try_fit(&f, &a, &e), ERR_INVALID, &e, "target of row 8");
    a.y[7] = 1e300;
    check_err(try_fit(&f, &a, &e), ERR_INVALID, &e, "overflows");
    a.y[7] = 1;
    a.w = mem_zalloc(a.n, sizeof *a.w);
    check_err(try_fit(&f, &a, &e), ERR_INVALID, &e, "add up to 0");
    a.w[3] = -1;
    check_err(try_fit(&f, &a, &e), ERR_INVALID, &e, "weight of row 4");
    a.n = 0;
    check_err(try_fit(&f, &a, &e), ERR_INVALID, &e, "no rows");
    data_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_step),       TEST(test_interaction),    TEST(test_missing_direction),
        TEST(test_categories), TEST(test_many_levels),    TEST(test_loss_falls),
        TEST(test_curves),     TEST(test_early_stopping), TEST(test_threads),
        TEST(test_weights),    TEST(test_cancel),         TEST(test_tiny),
        TEST(test_bad_input),
    };

    return cmocka_run_group_tests_name("gbdt", tests, NULL, NULL);
}
