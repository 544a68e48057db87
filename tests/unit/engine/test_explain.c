/* test_explain.c: contributions against the definition of Shapley values, all subsets of the
 * features one by one; linear contributions; what shuffling a column costs. */
#include "engine/explain/dependence.h"
#include "engine/explain/permutation.h"
#include "gbdttest.h"

#define D 6

/* Expectation of a tree when only the features of `known` are known. */
static double expectation(const struct gbdt_model *m, const struct gbdt_tree *t, int32_t at,
                          const double *x, unsigned known)
{
    if (at < 0) return m->leaves[t->leaf + (uint32_t)~at];
    const struct gbdt_node *nd = &m->nodes[t->node + (uint32_t)at];
    if (known >> nd->feature & 1)
        return expectation(m, t, gbdt_goes_left(m, nd, x[nd->feature]) ? nd->left : nd->right, x,
                           known);
    double cover[2], value[2];
    for (int side = 0; side < 2; side++) {
        int32_t child = side ? nd->right : nd->left;
        cover[side] = child >= 0 ? m->nodes[t->node + (uint32_t)child].cover
                                 : m->covers[t->leaf + (uint32_t)~child];
        value[side] = expectation(m, t, child, x, known);
    }
    return (cover[0] * value[0] + cover[1] * value[1]) / (cover[0] + cover[1]);
}

static double factorial(int n)
{
    return n < 2 ? 1 : n * factorial(n - 1);
}

/* Output c of the model with only `known`; v[subset]. */
static void by_definition(const struct gbdt_model *m, const double *x, int c, double *phi)
{
    double v[1 << D];

    for (unsigned s = 0; s < 1 << D; s++) {
        v[s] = m->base[c];
        for (size_t t = 0; t < m->n_trees; t++) {
            const struct gbdt_tree *tree = &m->trees[t];
            if (t % (size_t)m->k != (size_t)c) continue;
            v[s] += expectation(m, tree, tree->n_leaves > 1 ? 0 : -1, x, s);
        }
    }
    phi[D] = v[0];
    for (int j = 0; j < D; j++) {
        phi[j] = 0;
        for (unsigned s = 0; s < 1 << D; s++) {
            int n = __builtin_popcount(s);
            if (s >> j & 1) continue;
            phi[j] += factorial(n) * factorial(D - n - 1) / factorial(D) * (v[s | 1u << j] - v[s]);
        }
    }
}

static void test_trees(void **state)
{
    static const enum task tasks[] = { TASK_REGRESSION, TASK_BINARY, TASK_MULTICLASS };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
        struct data a = mixed_data(1500, tasks[i], 3, 1);
        struct fitted f = { .task = tasks[i], .classes = 3, .params = "{\"n_estimators\":8}" };
        fit_ok(&f, &a);
        for (size_t r = 0; r < 40; r++) {
            double x[D], got[3 * (D + 1)], want[D + 1], out[3], sum;
            for (size_t j = 0; j < D; j++) x[j] = *cell(&a, r * 7, j);
            if (r == 3) x[4] = 99; /* a level nobody saw */
            check_ok(learner_gbdt.contributions(f.m, x, got, &e), &e);
            for (int c = 0; c < f.m->k; c++) {
                by_definition(f.m, x, c, want);
                for (int j = 0; j <= D; j++)
                    check_near(got[c * (D + 1) + j], want[j], 1e-9, 1e-9, "contribution");
            }
            if (f.m->k > 1) continue;
            learner_gbdt.predict_row(f.m, x, out);
            sum = 0;
            for (int j = 0; j <= D; j++) sum += got[j];
            check_near(tasks[i] == TASK_BINARY ? 1 / (1 + exp(-sum)) : sum, out[0], 1e-9, 1e-9,
                       "their sum is the score");
        }
        fitted_free(&f);
        data_free(&a);
    }
}

/* A model without covers says so; one split on the same feature twice is unwound. */
static void test_edges(void **state)
{
    struct data a = data_new(600, 6);
    struct fitted f = { .task = TASK_REGRESSION,
                        .params = "{\"n_estimators\":1,\"num_leaves\":16,\"learning_rate\":1}" };
    struct err e = ERR_INIT;
    double x[D] = { 0 }, got[D + 1], want[D + 1];

    (void)state;
    for (size_t i = 0; i < a.n; i++) {
        *cell(&a, i, 0) = (double)i;
        a.y[i] = sin((double)i / 60);
    }
    fit_ok(&f, &a);
    x[0] = 321;
    check_ok(learner_gbdt.contributions(f.m, x, got, &e), &e);
    by_definition(f.m, x, 0, want);
    for (int j = 0; j <= D; j++) check_near(got[j], want[j], 1e-12, 1e-9, "one feature");
    f.m->nodes[0].cover = 0;
    check_err(learner_gbdt.contributions(f.m, x, got, &e), ERR_INVALID, &e, "does not say");
    fitted_free(&f);
    data_free(&a);
}

/* Column "a" decides, "b" helps a little, "noise" does nothing; "kind" is a category. */
static struct frame *table(size_t n, bool classes)
{
    static const char *const kinds[] = { "red", "green", "blue" };
    struct frame *f = frame_new();
    double *a = add_num(f, "a", COL_REAL, n), *b = add_num(f, "b", COL_REAL, n);
    double *noise = add_num(f, "noise", COL_REAL, n), *y = add_num(f, "y", COL_REAL, n);
    const char **kind = mem_alloc(n * sizeof *kind);
    struct rng r;

    rng_seed(&r, 3);
    for (size_t i = 0; i < n; i++) {
        size_t k = rng_below(&r, 3);
        kind[i] = kinds[k];
        a[i] = rng_normal(&r);
        b[i] = rng_normal(&r);
        noise[i] = rng_normal(&r);
        y[i] = 3 * a[i] + 0.7 * b[i] + (double)k + 0.1 * rng_normal(&r);
        if (classes) y[i] = y[i] > 1;
    }
    put_texts(f, "kind", COL_CATEGORY, kind, n);
    free(kind);
    return f;
}

static struct model *train(const struct engine *en, const struct frame *f, const char *algorithm)
{
    struct model_spec spec = { .algorithm = algorithm, .target = "y" };
    struct model *m = NULL;
    struct err e = ERR_INIT;

    check_ok(model_fit(en, &spec, f, NULL, &m, &e), &e);
    return m;
}

static size_t feature_at(const struct model *m, const char *name)
{
    for (size_t i = 0; i < model_features(m); i++)
        if (!strcmp(model_feature(m, i, NULL), name)) return i;
    fail_msg("no feature %s", name);
    return 0;
}

static void test_models(void **state)
{
    static const char *const algorithms[] = { "gbdt", "linear", "logistic" };
    struct engine en = { .pool = pool_new(2) };
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct frame *f = table(800, i == 2);
        struct model *m = train(&en, f, algorithms[i]);
        double *p = mem_alloc(f->n_rows * sizeof *p), phi[5], sum = 0;
        check_ok(model_predict(&en, m, f, p, &e), &e);
        assert_int_equal(model_features(m), 4);
        check_ok(model_contributions(m, f, 17, phi, &e), &e);
        for (int j = 0; j < 5; j++) sum += phi[j];
        check_near(i == 2 ? 1 / (1 + exp(-sum)) : sum, p[17], 1e-9, 1e-9, algorithms[i]);
        assert_true(fabs(phi[feature_at(m, "a")]) > fabs(phi[feature_at(m, "noise")]));
        free(p);
        model_free(m);
        frame_free(f);
    }
    struct frame *f = table(200, true);
    struct model *m = train(&en, f, "knn");
    double phi[5];
    check_err(model_contributions(m, f, 0, phi, &e), ERR_INVALID, &e, "cannot tell");
    model_free(m);
    frame_free(f);
    pool_free(en.pool);
}

static void test_permutation(void **state)
{
    struct engine en = { .pool = pool_new(2), .seed = 5 }, one = { .pool = pool_new(1), .seed = 5 };
    struct err e = ERR_INIT;

    (void)state;
    for (int classes = 0; classes < 2; classes++) {
        struct frame *f = table(3000, classes);
        struct model *m = train(&en, f, "gbdt");
        uint64_t before = frame_fingerprint(f);
        double got[4], again[4];
        struct permutation p;
        check_ok(permutation_importance(&en, m, f, 3, got, &p, &e), &e);
        check_ok(permutation_importance(&one, m, f, 3, again, &p, &e), &e);
        assert_memory_equal(got, again, sizeof got);
        assert_int_equal(frame_fingerprint(f), before);
        assert_string_equal(p.metric, classes ? "auc" : "rmse");
        assert_int_equal(p.rows, 3000);
        double a = got[feature_at(m, "a")], b = got[feature_at(m, "b")];
        assert_true(a > 3 * b && b > 0);
        assert_true(got[feature_at(m, "kind")] > fabs(got[feature_at(m, "noise")]));
        assert_true(fabs(got[feature_at(m, "noise")]) < 0.05 * a);
        model_free(m);
        frame_free(f);
    }
    pool_free(en.pool);
    pool_free(one.pool);
}

/* ---- dependence ---------------------------------------------------------------------- */

static struct frame *plane(size_t n, bool product)
{
    struct frame *f = frame_new();
    double *a = add_num(f, "a", COL_REAL, n), *b = add_num(f, "b", COL_REAL, n);
    double *y = add_num(f, "y", COL_REAL, n);
    struct rng r;

    rng_seed(&r, 5);
    for (size_t i = 0; i < n; i++) {
        a[i] = rng_normal(&r);
        b[i] = rng_normal(&r);
        y[i] = product ? a[i] * b[i] : 2 * a[i] + 3 * b[i] + 1;
    }
    return f;
}

static struct model *model_of(const char *algorithm, const struct frame *f)
{
    const char *const none[] = { NULL };
    const struct model_spec spec = { .algorithm = algorithm, .target = "y", .drop = none };
    struct engine en = { .pool = pool_new(1) };
    struct err e = ERR_INIT;
    struct model *m = NULL;

    check_ok(model_fit(&en, &spec, f, NULL, &m, &e), &e);
    pool_free(en.pool);
    return m;
}

/* A sum of columns depends on each as it says, and equally for all rows. */
static void test_dependence_linear(void **state)
{
    struct frame *f = plane(500, false);
    struct model *m = model_of("linear", f);
    struct engine en = { .pool = pool_new(2) };
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct dependence_wish wish = {
        .column = { "a" }, .grid = { 9, 9 }, .rows = 200, .output = -1
    };
    struct dependence d;

    (void)state;
    check_ok(dependence_measure(&en, m, f, &wish, &a, &d, &e), &e);
    assert_int_equal(d.axis[0].n, 9);
    assert_int_equal(d.n_rows, 200);
    for (size_t i = 1; i < 9; i++) {
        double dx = d.axis[0].value[i] - d.axis[0].value[0];
        check_near((d.mean[i] - d.mean[0]) / dx, 2, 0.05, 0, "slope");
        check_near(d.spread[i], 0, 1e-9, 0, "spread");
    }
    double first = 0;
    for (size_t r = 0; r < 200; r++) first += d.curve[r * 9] / 200;
    check_near(first, d.mean[0], 1e-9, 0, "mean of the rows' curves");
    wish.column[1] = "b";
    check_ok(dependence_measure(&en, m, f, &wish, &a, &d, &e), &e);
    check_near(d.interaction, 0, 1e-9, 0, "interaction of a sum");
    wish.column[0] = "y";
    check_err(dependence_measure(&en, m, f, &wish, &a, &d, &e), ERR_INVALID, &e, "does not use");
    pool_free(en.pool);
    model_free(m);
    frame_free(f);
    arena_done(&a);
}

/* A product depends on neither on average, and wholly on both together. */
static void test_dependence_product(void **state)
{
    struct frame *f = plane(4000, true);
    struct model *m = model_of("gbdt", f);
    struct engine en = { .pool = pool_new(1) };
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct dependence_wish wish = {
        .column = { "a", "b" }, .grid = { 7, 7 }, .rows = 500, .output = -1
    };
    struct dependence d, again;

    (void)state;
    check_ok(dependence_measure(&en, m, f, &wish, &a, &d, &e), &e);
    assert_true(d.interaction > 0.9);
    assert_true(d.mean[0] > 1 && d.mean[6] < -1);
    wish.column[1] = NULL;
    check_ok(dependence_measure(&en, m, f, &wish, &a, &d, &e), &e);
    assert_true(d.spread[0] > 0.8 && fabs(d.mean[0]) < 0.5);
    pool_free(en.pool);
    en.pool = pool_new(4);
    check_ok(dependence_measure(&en, m, f, &wish, &a, &again, &e), &e);
    assert_memory_equal(d.mean, again.mean, 7 * sizeof *d.mean);
    assert_memory_equal(d.spread, again.spread, 7 * sizeof *d.spread);
    pool_free(en.pool);
    model_free(m);
    frame_free(f);
    arena_done(&a);
}

/* Few values are all tried; levels by frequency; missing last. */
static void test_dependence_grid(void **state)
{
    static const double v[] = { 3, 1, NAN, 1, 2, 3, 3, 2 }, y[] = { 3, 1, 0, 1, 2, 3, 3, 2 };
    static const char *const texts[] = { "z", "y", "y", NULL, "y", "z", "x", "y" };
    struct frame *f = frame_new();
    struct engine en = { .pool = pool_new(1) };
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct dependence_wish wish = {
        .column = { "v" }, .grid = { 5, 5 }, .rows = 100, .output = -1
    };
    struct dependence d;

    (void)state;
    put_nums(f, "v", COL_INT, v, 8);
    put_texts(f, "t", COL_CATEGORY, texts, 8);
    put_nums(f, "y", COL_REAL, y, 8);
    struct model *m = model_of("linear", f);
    check_ok(dependence_measure(&en, m, f, &wish, &a, &d, &e), &e);
    assert_int_equal(d.axis[0].n, 4);
    assert_true(d.axis[0].value[0] == 1 && d.axis[0].value[2] == 3 && isnan(d.axis[0].value[3]));
    wish.column[0] = "t";
    wish.grid[0] = 2;
    check_ok(dependence_measure(&en, m, f, &wish, &a, &d, &e), &e);
    assert_int_equal(d.axis[0].n, 3);
    const struct dict *dict = d.axis[0].column->dict;
    assert_string_equal(dict_str(dict, (int32_t)d.axis[0].value[0], NULL), "y");
    assert_true(isnan(d.axis[0].value[2]));
    pool_free(en.pool);
    model_free(m);
    frame_free(f);
    arena_done(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_trees),
        TEST(test_edges),
        TEST(test_models),
        TEST(test_permutation),
        TEST(test_dependence_linear),
        TEST(test_dependence_product),
        TEST(test_dependence_grid),
    };

    return cmocka_run_group_tests_name("explain", tests, NULL, NULL);
}
