/* test_trees.c: decision tree, random forest and extra trees: what they learn on data whose
 * answer is known, equal bytes for any number of threads, bytes and back, hostile bytes. */
#include "engine/learn/forest.h"
#include "gbdttest.h"

static char notes[512];

static void keep_note(void *user, const char *line)
{
    (void)user;
    snprintf(notes, sizeof notes, "%s", line);
}

struct ask {
    const struct learner *l;
    enum task task;
    int classes, threads;
    const char *params;
    const atomic_bool *cancel;
};

static int fit(const struct ask *q, const struct data *a, void **ret, struct err *e)
{
    struct arena arena = ARENA_INIT;
    struct val *given = NULL, *bound = NULL;
    const char *text = q->params ? q->params : "{}";
    struct engine en = { .pool = pool_new(q->threads ? q->threads : 1),
                         .seed = 11,
                         .cancel = q->cancel,
                         .note = keep_note };
    struct fit_input in = { .task = q->task,
                            .n_classes = q->task == TASK_BINARY ? 2 : q->classes,
                            .train = matrix_of(a),
                            .y = a->y,
                            .w = a->w };

    assert_non_null(en.pool);
    check_ok(val_parse_json(&arena, text, strlen(text), &given, e), e);
    check_ok(param_bind_val(q->l->params, &arena, given, &bound, e), e);
    in.params = bound;
    int r = q->l->fit(&en, &in, ret, e);
    pool_free(en.pool);
    arena_done(&arena);
    return r;
}

static void *fit_or_fail(const struct ask *q, const struct data *a)
{
    struct err e = ERR_INIT;
    void *state = NULL;

    check_ok(fit(q, a, &state, &e), &e);
    return state;
}

static double *answers(const struct ask *q, const void *state, const struct data *a)
{
    struct matrix x = matrix_of(a);
    size_t k = q->task == TASK_MULTICLASS ? (size_t)q->classes : 1;
    double *p = mem_zalloc(a->n * k + 1, sizeof *p);

    q->l->predict(state, &x, 0, a->n, p);
    return p;
}

static double error_of(const struct ask *q, const void *state, const struct data *a)
{
    double *p = answers(q, state, a), sum = 0;

    for (size_t i = 0; i < a->n; i++) {
        if (q->task == TASK_REGRESSION) {
            sum += (p[i] - a->y[i]) * (p[i] - a->y[i]);
        } else if (q->task == TASK_BINARY) {
            sum += (p[i] >= 0.5) != (a->y[i] > 0);
        } else {
            size_t best = 0, k = (size_t)q->classes;
            for (size_t c = 1; c < k; c++)
                if (p[i * k + c] > p[i * k + best]) best = c;
            sum += best != (size_t)a->y[i];
        }
    }
    free(p);
    return sum / (double)a->n;
}

static struct buf bytes(const struct ask *q, const void *state)
{
    struct buf b = BUF_INIT;
    struct err e = ERR_INIT;

    check_ok(q->l->save(state, &b, &e), &e);
    return b;
}

/* One cut must find the step; the tree has three nodes. */
static void test_step(void **state)
{
    struct data a = data_new(400, 1);
    struct ask q = { .l = &learner_tree,
                     .task = TASK_REGRESSION,
                     .params = "{\"min_samples_leaf\":1}" };

    (void)state;
    for (size_t i = 0; i < a.n; i++) {
        *cell(&a, i, 0) = (double)(i / 4);
        a.y[i] = *cell(&a, i, 0) > 30 ? 5 : 2;
    }
    struct trees_model *m = fit_or_fail(&q, &a);
    assert_int_equal(m->n_nodes, 3);
    assert_true(m->f[0].cuts->bound[m->nodes[0].cut] == 30.5);
    assert_true(error_of(&q, m, &a) == 0);
    trees_model_free(m);
    data_free(&a);
}

/* Levels without an order of their own; missing values with either side. */
static void test_categories_and_missing(void **state)
{
    static const struct learner *const all[] = { &learner_tree, &learner_forest,
                                                 &learner_extra_trees };

    (void)state;
    for (size_t l = 0; l < ARRAY_LEN(all); l++)
        for (int missing_is = 0; missing_is < 2; missing_is++) {
            struct data a = data_new(6000, 1);
            struct ask q = { .l = all[l], .task = TASK_BINARY };
            a.levels[0] = 20;
            for (size_t i = 0; i < a.n; i++) {
                *cell(&a, i, 0) = i % 21 == 20 ? (double)NAN : (double)(i % 21);
                a.y[i] = i % 21 == 20 ? missing_is : i % 21 % 3 == 0;
            }
            void *m = fit_or_fail(&q, &a);
            assert_true(error_of(&q, m, &a) == 0);
            q.l->free(m);
            data_free(&a);
        }
}

/* 3,000 levels, more than fit a byte: the odd ones mean 1. */
static void test_many_levels(void **state)
{
    struct data a = data_new(30000, 2);
    struct ask q = { .l = &learner_forest,
                     .task = TASK_REGRESSION,
                     .params = "{\"n_estimators\":10,\"max_features\":1}" };
    struct rng r;

    (void)state;
    rng_seed(&r, 9);
    a.levels[0] = 3000;
    for (size_t i = 0; i < a.n; i++) {
        *cell(&a, i, 0) = (double)rng_below(&r, 3000);
        *cell(&a, i, 1) = rng_normal(&r);
        a.y[i] = fmod(*cell(&a, i, 0), 2);
    }
    void *m = fit_or_fail(&q, &a);
    assert_true(error_of(&q, m, &a) < 0.01);
    q.l->free(m);
    data_free(&a);
}

/* A number with much noise, and a category of 300 levels that says nothing. */
static struct data noisy_data(uint64_t seed)
{
    struct data a = data_new(3000, 2);
    struct rng r;

    rng_seed(&r, seed);
    a.levels[1] = 300;
    for (size_t i = 0; i < a.n; i++) {
        *cell(&a, i, 0) = rng_normal(&r);
        *cell(&a, i, 1) = (double)rng_below(&r, 300);
        a.y[i] = *cell(&a, i, 0) + rng_normal(&r);
    }
    return a;
}

/* The noise's square is 1; levels in the order that the rows show from which a tree learns would
 * make it 1.09. */
static void test_category_of_noise(void **state)
{
    struct data a = noisy_data(1), b = noisy_data(2);
    struct ask q = { .l = &learner_forest,
                     .task = TASK_REGRESSION,
                     .params = "{\"max_features\":1,\"min_samples_leaf\":30}" };

    (void)state;
    void *m = fit_or_fail(&q, &a);
    assert_true(error_of(&q, m, &b) < 1.03);
    q.l->free(m);
    data_free(&a);
    data_free(&b);
}

/* Three classes told apart by levels only a principal component puts in order. */
static void test_category_of_classes(void **state)
{
    struct data a = data_new(9000, 1);
    struct ask q = { .l = &learner_forest, .task = TASK_MULTICLASS, .classes = 3 };

    (void)state;
    a.levels[0] = 30;
    for (size_t i = 0; i < a.n; i++) {
        *cell(&a, i, 0) = (double)(i % 30);
        a.y[i] = (double)(i % 30 % 3);
    }
    void *m = fit_or_fail(&q, &a);
    assert_true(error_of(&q, m, &a) == 0);
    q.l->free(m);
    data_free(&a);
}

struct form {
    const struct learner *l;
    enum task task;
    double peer; /* scikit-learn's error with these parameters on data of the same law */
};

static const struct form forms[] = {
    { &learner_tree, TASK_REGRESSION, 1.159 },        { &learner_tree, TASK_BINARY, 0.2325 },
    { &learner_tree, TASK_MULTICLASS, 0.467 },        { &learner_forest, TASK_REGRESSION, 0.767 },
    { &learner_forest, TASK_BINARY, 0.1095 },         { &learner_forest, TASK_MULTICLASS, 0.3045 },
    { &learner_extra_trees, TASK_REGRESSION, 0.698 }, { &learner_extra_trees, TASK_BINARY, 0.138 },
    { &learner_extra_trees, TASK_MULTICLASS, 0.356 },
};

/* On new rows; a row alone answers as in a batch; bytes and back change nothing. */
static void test_generalises(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct ask q = { .l = forms[i].l, .task = forms[i].task, .classes = 4 };
        struct data a = mixed_data(4000, q.task, 4, 1), b = mixed_data(2000, q.task, 4, 2);
        struct err e = ERR_INIT;
        void *m = fit_or_fail(&q, &a), *again = NULL;
        double error = error_of(&q, m, &b);
        if (!(error < 1.15 * forms[i].peer))
            fail_msg("%s, %s: error %.4f on new rows", q.l->name, task_name(q.task), error);
        struct buf by = bytes(&q, m);
        struct cursor c = { by.p, by.n, false };
        check_ok(q.l->load(&c, q.task, 4, a.d, &again, &e), &e);
        double *p = answers(&q, m, &b), *p2 = answers(&q, again, &b), x[6], one[4];
        size_t k = q.task == TASK_MULTICLASS ? 4 : 1;
        assert_memory_equal(p, p2, b.n * k * sizeof *p);
        for (size_t r = 0; r < 50; r++) {
            for (size_t j = 0; j < b.d; j++) x[j] = *cell(&b, r, j);
            q.l->predict_row(m, x, one);
            assert_memory_equal(one, p + r * k, k * sizeof *one);
        }
        free(p);
        free(p2);
        buf_done(&by);
        q.l->free(m);
        q.l->free(again);
        data_free(&a);
        data_free(&b);
    }
}

static void test_same_for_any_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct data a = mixed_data(1500, forms[i].task, 4, 3);
        struct buf first = BUF_INIT;
        for (int threads = 1; threads <= 8; threads *= 2) {
            struct ask q = {
                .l = forms[i].l, .task = forms[i].task, .classes = 4, .threads = threads
            };
            void *m = fit_or_fail(&q, &a);
            struct buf b = bytes(&q, m);
            q.l->free(m);
            if (threads == 1) {
                first = b;
                continue;
            }
            assert_int_equal(b.n, first.n);
            assert_memory_equal(b.p, first.p, b.n);
            buf_done(&b);
        }
        buf_done(&first);
        data_free(&a);
    }
}

/* The estimate of rows that were left out agrees with new rows. */
static void test_out_of_bag(void **state)
{
    struct data a = mixed_data(4000, TASK_BINARY, 2, 5), b = mixed_data(4000, TASK_BINARY, 2, 6);
    struct ask q = { .l = &learner_forest, .task = TASK_BINARY };
    double oob = -1;

    (void)state;
    notes[0] = '\0';
    void *m = fit_or_fail(&q, &a);
    assert_int_equal(sscanf(notes, "out-of-bag accuracy %lf", &oob), 1);
    check_near(oob, 1 - error_of(&q, m, &b), 0.02, 0, "out-of-bag accuracy");
    q.l->free(m);
    data_free(&a);
    data_free(&b);
}

/* A row of weight 0 is no row; all weights doubled change nothing. */
static void test_weights(void **state)
{
    struct data a = mixed_data(1000, TASK_REGRESSION, 0, 7),
                b = mixed_data(1000, TASK_REGRESSION, 0, 7);
    struct ask q = { .l = &learner_tree, .task = TASK_REGRESSION };

    (void)state;
    a.w = mem_zalloc(a.n, sizeof *a.w);
    b.w = mem_zalloc(b.n, sizeof *b.w);
    for (size_t i = 0; i < a.n; i++) {
        a.w[i] = i % 10 ? 1 : 0;
        b.w[i] = i % 10 ? 2 : 0;
        if (i % 10 == 0) b.y[i] = 1e6;
    }
    struct trees_model *m = fit_or_fail(&q, &a), *m2 = fit_or_fail(&q, &b);
    double *p = answers(&q, m, &a), *p2 = answers(&q, m2, &a);
    assert_int_equal(m->n_nodes, m2->n_nodes);
    for (size_t i = 0; i < a.n; i++) check_near(p2[i], p[i], 1e-6, 0, "prediction");
    free(p);
    free(p2);
    trees_model_free(m);
    trees_model_free(m2);
    data_free(&a);
    data_free(&b);
}

/* Weights of 1 change nothing, though rows are then summed otherwise (trees_count.c). */
static void test_counts(void **state)
{
    static const struct learner *const l[] = { &learner_tree, &learner_forest,
                                               &learner_extra_trees };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(l); i++) {
        struct data a = mixed_data(20000, TASK_BINARY, 2, 4);
        struct ask q = { .l = l[i],
                         .task = TASK_BINARY,
                         .params = i ? "{\"n_estimators\":4,\"max_depth\":7}" : "{}" };
        for (size_t j = 0; j < a.n; j += 3) *cell(&a, j, 5) = (double)NAN;
        void *m = fit_or_fail(&q, &a);
        a.w = mem_zalloc(a.n, sizeof *a.w);
        for (size_t j = 0; j < a.n; j++) a.w[j] = 1;
        void *m2 = fit_or_fail(&q, &a);
        double *p = answers(&q, m, &a), *p2 = answers(&q, m2, &a);
        assert_memory_equal(p, p2, a.n * sizeof *p);
        free(p);
        free(p2);
        q.l->free(m);
        q.l->free(m2);
        data_free(&a);
    }
}

static void test_limits_and_cancel(void **state)
{
    struct data a = mixed_data(2000, TASK_BINARY, 2, 8), none = data_new(0, 1);
    atomic_bool stop = true;
    struct ask q = { .l = &learner_forest, .task = TASK_BINARY, .cancel = &stop };
    struct err e = ERR_INIT;
    void *m = NULL;

    (void)state;
    check_err(fit(&q, &a, &m, &e), ERR_CANCELLED, &e, "cancelled");
    q.cancel = NULL;
    check_err(fit(&q, &none, &m, &e), ERR_INVALID, &e, "no rows");
    q.params = "{\"max_depth\":3,\"n_estimators\":5}";
    struct trees_model *t = fit_or_fail(&q, &a);
    for (size_t i = 0; i < t->n_trees; i++) assert_true(t->trees[i].n_nodes <= 15);
    trees_model_free(t);
    data_free(&a);
    data_free(&none);
}

/* Every byte changed, every length: an error or a model that answers, never a crash. */
static void test_hostile_bytes(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 3; i < 6; i++) {
        struct ask q = { .l = forms[i].l,
                         .task = forms[i].task,
                         .classes = 4,
                         .params = "{\"n_estimators\":2,\"max_depth\":3,\"max_bin\":5}" };
        struct data a = mixed_data(300, q.task, 4, 9);
        void *m = fit_or_fail(&q, &a);
        struct buf b = bytes(&q, m);
        q.l->free(m);
        for (size_t at = 0; at < b.n; at++) {
            for (int bit = 0; bit < 8; bit++) {
                struct cursor c = { b.p, b.n, false };
                b.p[at] ^= (uint8_t)(1 << bit);
                void *bad = NULL;
                if (q.l->load(&c, q.task, 4, a.d, &bad, &e) == 0) {
                    double *p = answers(&q, bad, &a);
                    free(p);
                    q.l->free(bad);
                }
                b.p[at] ^= (uint8_t)(1 << bit);
            }
            struct cursor cut = { b.p, at, false };
            void *bad = NULL;
            assert_int_equal(q.l->load(&cut, q.task, 4, a.d, &bad, &e), -ERR_CORRUPT);
        }
        buf_done(&b);
        data_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_step),
        TEST(test_categories_and_missing),
        TEST(test_many_levels),
        TEST(test_category_of_classes),
        TEST(test_category_of_noise),
        TEST(test_generalises),
        TEST(test_same_for_any_threads),
        TEST(test_out_of_bag),
        TEST(test_weights),
        TEST(test_counts),
        TEST(test_limits_and_cancel),
        TEST(test_hostile_bytes),
    };

    return cmocka_run_group_tests_name("trees", tests, NULL, NULL);
}
