/* test_gbdt_tree.c: the model of the gradient-boosted trees: bytes out and in, hostile bytes,
 * rows alone and in batches, importances. */
#include "engine/learn/gbdt_fast.h"
#include "gbdttest.h"

static const enum task tasks[] = { TASK_REGRESSION, TASK_BINARY, TASK_MULTICLASS };

static void *load_ok(const struct buf *b, const struct fitted *f, size_t d)
{
    struct cursor in = { b->p, b->n, false };
    struct err e = ERR_INIT;
    void *m = NULL;

    check_ok(learner_gbdt.load(&in, f->task, f->classes, d, &m, &e), &e);
    return m;
}

static void test_save_load(void **state)
{
    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(tasks); t++) {
        struct data a = mixed_data(2000, tasks[t], 4, 1);
        struct fitted f = { .task = tasks[t], .classes = 4, .params = "{\"n_estimators\":12}" };
        fit_ok(&f, &a);
        struct buf b = bytes_of(f.m);
        struct gbdt_model *m = load_ok(&b, &f, a.d);
        struct buf again = bytes_of(m);
        double *p = predict_all(f.m, &a), *q = predict_all(m, &a);
        assert_memory_equal(p, q, a.n * (size_t)m->k * sizeof *p);
        assert_int_equal(again.n, b.n);
        assert_memory_equal(again.p, b.p, b.n);
        buf_done(&b);
        buf_done(&again);
        free(p);
        free(q);
        learner_gbdt.free(m);
        fitted_free(&f);
        data_free(&a);
    }
}

/* Row by row, in one batch, and in odd pieces: the same bits. Also for values never seen. */
static void test_row_is_batch(void **state)
{
    static const double odd[] = { HUGE_VAL, -HUGE_VAL, 1e308, -0.0, -1, 5.5, 6, 1e9, (double)NAN };

    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(tasks); t++) {
        struct data a = mixed_data(3000, tasks[t], 3, 1), v = mixed_data(1003, tasks[t], 3, 8);
        struct fitted f = { .task = tasks[t], .classes = 3, .params = "{\"n_estimators\":15}" };
        struct matrix x = matrix_of(&v);
        double row[6], out[3];
        fit_ok(&f, &a);
        size_t k = (size_t)f.m->k;
        for (size_t i = 0; i < 200; i++) *cell(&v, i, i % 6) = odd[i / 6 % ARRAY_LEN(odd)];
        double *p = predict_all(f.m, &v), *q = mem_zalloc(v.n * k, sizeof *q);
        for (size_t i = 0, n; i < v.n; i += n) {
            n = 1 + i * 7 % 130;
            if (i + n > v.n) n = v.n - i;
            learner_gbdt.predict(f.m, &x, i, i + n, q + i * k);
        }
        assert_memory_equal(p, q, v.n * k * sizeof *p);
        for (size_t i = 0; i < v.n; i++) {
            double sum = 0;
            for (size_t j = 0; j < 6; j++) row[j] = *cell(&v, i, j);
            learner_gbdt.predict_row(f.m, row, out);
            assert_memory_equal(out, p + i * k, k * sizeof *out);
            for (size_t c = 0; c < k; c++) sum += out[c];
            if (tasks[t] == TASK_MULTICLASS) check_near(sum, 1, 1e-12, 0, "sum of probabilities");
        }
        free(p);
        free(q);
        fitted_free(&f);
        data_free(&a);
        data_free(&v);
    }
}

/* The plain walk down the trees gives the same bits as the form made for prediction, for many
 * rows and for one. Frees that form. */
static void check_walk(struct fitted *f, const struct data *v)
{
    double *p = predict_all(f->m, v), *q, row[6], out[3];
    size_t k = (size_t)f->m->k;

    for (size_t i = 0; i < v->n; i++) {
        for (size_t j = 0; j < v->d; j++) row[j] = *cell(v, i, j);
        learner_gbdt.predict_row(f->m, row, out);
        assert_memory_equal(out, p + i * k, k * sizeof *out);
    }
    gbdt_fast_free(f->m->fast);
    f->m->fast = NULL;
    q = predict_all(f->m, v);
    assert_memory_equal(p, q, v->n * k * sizeof *p);
    free(p);
    free(q);
}

/* Shapes that do not fit have no such form. */
static void test_fast_is_walk(void **state)
{
    static const struct {
        const char *params;
        bool fast, large; /* large: three classes have no tables by rank */
    } cases[] = {
        { "{\"n_estimators\":30}", true, false },
        { "{\"n_estimators\":6,\"num_leaves\":50,\"min_data_in_leaf\":1}", true, false },
        { "{\"n_estimators\":5,\"num_leaves\":64,\"grow_policy\":\"depth_wise\"}", true, false },
        { "{\"n_estimators\":5,\"num_leaves\":120,\"min_data_in_leaf\":1}", true, false },
        { "{\"n_estimators\":500,\"min_data_in_leaf\":2}", true, true },
        { "{\"n_estimators\":3,\"num_leaves\":900,\"min_data_in_leaf\":1}", false, false },
        { "{\"n_estimators\":40,\"num_leaves\":2,\"min_data_in_leaf\":1}", true, false },
    };

    (void)state;
    for (size_t c = 0; c < ARRAY_LEN(cases) * 3; c++) {
        enum task task = tasks[c % 3];
        struct data a = mixed_data(4000, task, 3, 1), v = mixed_data(777, task, 3, 8);
        struct fitted f = { .task = task, .classes = 3, .params = cases[c / 3].params };
        fit_ok(&f, &a);
        for (size_t i = 0; i < 300; i++)
            *cell(&v, i, i % 6) = i % 4 ? (double)NAN : i % 8 ? HUGE_VAL : -HUGE_VAL;
        assert_int_equal(f.m->fast != NULL, cases[c / 3].fast);
        if (f.m->fast) assert_non_null(f.m->fast->rows);
        if (f.m->fast)
            assert_int_equal(!f.m->fast->row_by_rank,
                             cases[c / 3].large && task == TASK_MULTICLASS);
        check_walk(&f, &v);
        fitted_free(&f);
        data_free(&a);
        data_free(&v);
    }
}

/* x <= n - 1, else x <= n - 2 ...: the pieces of masks have no room for so long a way down. */
static void check_chain(int32_t n, bool rows)
{
    struct fitted f = { .m = gbdt_model_new(TASK_REGRESSION, 0, 1) };
    struct data v = data_new(300, 1);

    for (size_t i = 0; i < v.n; i++) *cell(&v, i, 0) = (double)i / 3 - 10;
    gbdt_tree_begin(f.m);
    for (int32_t i = 0; i < n; i++) {
        const struct gbdt_node node = { .threshold = n - i, .missing_left = true };
        gbdt_tree_split(f.m, &node, 0, i - 1, true);
    }
    for (size_t i = 0; i < f.m->n_leaves; i++) f.m->leaves[i] = (double)(i * i);
    gbdt_fast_build(f.m);
    assert_non_null(f.m->fast);
    assert_int_equal(f.m->fast->rows != NULL, rows);
    check_walk(&f, &v);
    fitted_free(&f);
    data_free(&v);
}

static void test_chain(void **state)
{
    (void)state;
    check_chain(31, true);
    check_chain(32, false);
    check_chain(60, false);
}

/* A feature that is missing or not, and nothing else: the threshold is infinite. */
static void test_infinite_threshold(void **state)
{
    struct data a = data_new(1000, 1);
    struct fitted f = { .task = TASK_REGRESSION,
                        .params = "{\"n_estimators\":1,\"learning_rate\":1,\"num_leaves\":2}" };
    static const double x[] = { -HUGE_VAL, 0, 999, HUGE_VAL, (double)NAN };

    (void)state;
    for (size_t i = 0; i < a.n; i++) {
        *cell(&a, i, 0) = i % 2 ? (double)NAN : (double)i;
        a.y[i] = (double)(i % 2);
    }
    fit_ok(&f, &a);
    assert_true(f.m->nodes[0].threshold == HUGE_VAL);
    for (size_t i = 0; i < ARRAY_LEN(x); i++) {
        double out;
        learner_gbdt.predict_row(f.m, &x[i], &out);
        check_near(out, i == 4, 1e-5, 0, "prediction");
    }
    fitted_free(&f);
    data_free(&a);
}

/* Training and prediction agree on every row: the scores of training are the predictions. */
static void test_bins_are_thresholds(void **state)
{
    struct data a = mixed_data(3000, TASK_REGRESSION, 0, 6);
    struct fitted f = { .task = TASK_REGRESSION,
                        .params = "{\"n_estimators\":1,\"num_leaves\":200,\"max_bin\":63,"
                                  "\"min_data_in_leaf\":1}" };

    (void)state;
    fit_ok(&f, &a);
    check_near(f.train[0], rmse_of(f.m, &a), 0, 1e-13, "train curve");
    fitted_free(&f);
    data_free(&a);
}

static void test_importance(void **state)
{
    struct data a = mixed_data(3000, TASK_REGRESSION, 0, 6);
    struct fitted f = { .task = TASK_REGRESSION, .params = "{\"n_estimators\":20}" };
    double imp[6], sum = 0;

    (void)state;
    fit_ok(&f, &a);
    learner_gbdt.importance(f.m, 6, imp);
    for (size_t j = 0; j < 6; j++) sum += imp[j];
    check_near(sum, 1, 1e-12, 0, "sum of importances");
    assert_true(imp[1] > imp[5] && imp[2] > imp[5] && imp[4] > imp[5]);
    fitted_free(&f);
    data_free(&a);
}

/* Loads bytes that may be wrong; what loads must predict without harm. */
static bool survives(const struct buf *b, const struct fitted *f, const struct data *a)
{
    struct cursor in = { b->p, b->n, false };
    struct err e = ERR_INIT;
    void *m = NULL;
    int r = learner_gbdt.load(&in, f->task, f->classes, a->d, &m, &e);

    if (r < 0) {
        assert_int_equal(r, -ERR_CORRUPT);
        assert_true(strlen(e.msg) > 10);
        assert_null(m);
        return false;
    }
    free(predict_all(m, a));
    learner_gbdt.free(m);
    return true;
}

static void test_hostile_bytes(void **state)
{
    struct data a = mixed_data(300, TASK_MULTICLASS, 3, 1);
    struct fitted f = { .task = TASK_MULTICLASS,
                        .classes = 3,
                        .params = "{\"n_estimators\":3,\"num_leaves\":8}" };
    struct rng r;

    (void)state;
    rng_seed(&r, 77);
    fit_ok(&f, &a);
    struct buf b = bytes_of(f.m);
    for (size_t n = 0; n < b.n; n++) {
        struct buf cut = { b.p, n, n };
        assert_false(survives(&cut, &f, &a));
    }
    for (int i = 0; i < 20000; i++) {
        struct buf bad = BUF_INIT;
        buf_bytes(&bad, b.p, b.n);
        for (int j = 0; j <= i % 3; j++) {
            size_t at = rng_below(&r, bad.n);
            bad.p[at] = i % 2 ? (uint8_t)rng_u64(&r) : (uint8_t)(bad.p[at] ^ 1 << rng_below(&r, 8));
        }
        survives(&bad, &f, &a);
        buf_done(&bad);
    }
    buf_done(&b);
    fitted_free(&f);
    data_free(&a);
}

/* One node whose child indices are anything but its two leaves. */
static void test_bad_links(void **state)
{
    static const uint32_t links[][2] = {
        { 0, ~1u },   { ~0u, 0 }, { ~0u, ~0u },        { ~1u, ~1u },
        { ~0u, ~2u }, { 1, ~0u }, { 0x7fffffff, ~0u }, { 0x80000000u, ~0u },
    };
    struct data a = data_new(4, 2);
    struct fitted f = { .task = TASK_REGRESSION };

    (void)state;
    for (size_t i = 0; i <= ARRAY_LEN(links); i++) {
        struct buf b = BUF_INIT;
        buf_u8(&b, 1);
        buf_u32(&b, 1);
        buf_f64(&b, 0.5);
        buf_u32(&b, 1);
        buf_u32(&b, 2);
        buf_u32(&b, 1);
        buf_u8(&b, 0);
        buf_u32(&b, i < ARRAY_LEN(links) ? links[i][0] : ~1u);
        buf_u32(&b, i < ARRAY_LEN(links) ? links[i][1] : ~0u);
        buf_f64(&b, 1);
        buf_f64(&b, 0.25);
        buf_f64(&b, 10);
        buf_f64(&b, 20);
        assert_int_equal(survives(&b, &f, &a), i == ARRAY_LEN(links));
        buf_done(&b);
    }
    data_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_save_load),    TEST(test_row_is_batch),  TEST(test_bins_are_thresholds),
        TEST(test_fast_is_walk), TEST(test_chain),         TEST(test_infinite_threshold),
        TEST(test_importance),   TEST(test_hostile_bytes), TEST(test_bad_links),
    };

    return cmocka_run_group_tests_name("gbdt_tree", tests, NULL, NULL);
}
