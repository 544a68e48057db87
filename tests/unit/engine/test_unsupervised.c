/* test_unsupervised.c: k-means and isolation forests through the model: groups that are there are
 * found, rows that lie apart are flagged, in the share asked for; equal bytes for any number of
 * threads, files that come back the same, hostile ones refused, cancellation, and what happens
 * with a target. scikit-learn's figures are compared by the integration test. */
#include "enginetest.h"

#include "base/rng.h"
#include "base/val.h"
#include "engine/model/model.h"

enum { ROWS = 900, GROUPS = 5, COLUMNS = 4 };

/* Blobs far apart, in turn; of the rows every 50th is put far out when asked. */
static struct frame *blobs(bool outliers)
{
    struct frame *f = frame_new();
    struct rng rng;
    double *col[COLUMNS];

    rng_seed(&rng, 9);
    for (size_t j = 0; j < COLUMNS; j++) {
        char name[8];
        snprintf(name, sizeof name, "x%zu", j);
        col[j] = add_num(f, name, COL_REAL, ROWS);
    }
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < COLUMNS; j++) {
            double centre = outliers ? 0 : 12 * (double)((i % GROUPS) * (j + 1) % GROUPS);
            col[j][i] = centre + rng_normal(&rng);
            if (outliers && i % 50 == 0) col[j][i] += j % 2 ? -7 : 7;
        }
    return f;
}

static struct model *fit(const struct frame *f, const char *algorithm, struct val *params,
                         int threads)
{
    struct engine en = { .pool = pool_new(threads), .seed = 4 };
    const struct model_spec spec = { .algorithm = algorithm, .params = params };
    struct err e = ERR_INIT;
    struct model *m = NULL;

    check_ok(model_fit(&en, &spec, f, NULL, &m, &e), &e);
    pool_free(en.pool);
    return m;
}

static double *predict(const struct model *m, const struct frame *f)
{
    struct engine en = { .pool = pool_new(1) };
    double *out = mem_alloc(f->n_rows * (size_t)model_outputs(m) * sizeof *out);
    struct err e = ERR_INIT;

    check_ok(model_predict(&en, m, f, out, &e), &e);
    pool_free(en.pool);
    return out;
}

static void test_blobs_are_found(void **state)
{
    struct arena a = ARENA_INIT;
    struct frame *f = blobs(false);
    struct val *params = val_obj(&a), *told = val_obj(&a);
    int group_of[GROUPS];

    (void)state;
    val_set_int(params, "k", GROUPS);
    struct model *m = fit(f, "kmeans", params, 2);
    assert_int_equal(model_classes(m), GROUPS);
    assert_string_equal(model_class(m, 3), "3");
    assert_string_equal(model_target(m), "cluster");
    double *p = predict(m, f);
    for (size_t i = 0; i < ROWS; i++) {
        int group = model_decide(m, p + i * GROUPS);
        double sum = 0;
        for (size_t c = 0; c < GROUPS; c++) sum += p[i * GROUPS + c];
        check_near(sum, 1, 1e-12, 0, "memberships");
        if (i < GROUPS) group_of[i] = group;
        assert_int_equal(group, group_of[i % GROUPS]); /* adjusted Rand index 1 */
    }
    for (size_t i = 0; i < GROUPS; i++)
        for (size_t k = 0; k < i; k++) assert_int_not_equal(group_of[i], group_of[k]);
    model_describe(m, told);
    assert_true(val_get_real(told, "silhouette", 0) > 0.8);
    assert_int_equal(val_len(val_get(told, "groups")), GROUPS);
    free(p);
    model_free(m);
    frame_free(f);
    arena_done(&a);
}

static void test_outliers_are_flagged(void **state)
{
    struct arena a = ARENA_INIT;
    struct frame *f = blobs(true);
    struct val *params = val_obj(&a), *told = val_obj(&a);
    size_t flagged = 0;

    (void)state;
    val_set_real(params, "contamination", 0.02);
    struct model *m = fit(f, "isolation_forest", params, 2);
    assert_string_equal(model_class(m, 1), "outlier");
    double *p = predict(m, f);
    for (size_t i = 0; i < ROWS; i++) {
        flagged += p[i] >= 0.5;
        assert_true(p[i] > 0 && p[i] < 1);
        assert_int_equal(p[i] >= 0.5, i % 50 == 0);
    }
    assert_int_equal(flagged, 18);
    model_describe(m, told);
    check_near(val_get_real(told, "flagged", 0), 0.02, 1e-9, 0, "flagged");
    free(p);
    model_free(m);
    frame_free(f);
    arena_done(&a);
}

static const char *const both[] = { "kmeans", "isolation_forest" };

static void test_bytes(void **state)
{
    struct frame *f = blobs(false);

    (void)state;
    f->cols[2].num[17] = (double)NAN;
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        struct buf one = BUF_INIT, many = BUF_INIT;
        struct err e = ERR_INIT;
        struct model *m = fit(f, both[i], NULL, 1), *m3 = fit(f, both[i], NULL, 3), *again;
        check_ok(model_save(m, &one, &e), &e);
        check_ok(model_save(m3, &many, &e), &e);
        assert_int_equal(one.n, many.n);
        assert_memory_equal(one.p, many.p, one.n);
        check_ok(model_open(one.p, one.n, &again, &e), &e);
        double *p = predict(m, f), *q = predict(again, f);
        assert_memory_equal(p, q, ROWS * (size_t)model_outputs(m) * sizeof *p);
        double *gain = mem_alloc(model_features(m) * sizeof *gain), sum = 0;
        model_importance(again, gain);
        for (size_t j = 0; j < model_features(m); j++) sum += gain[j];
        check_near(sum, 1, 1e-9, 0, "importance");
        free(gain);
        free(p);
        free(q);
        model_free(m);
        model_free(m3);
        model_free(again);
        buf_done(&one);
        buf_done(&many);
    }
    frame_free(f);
}

/* Any byte of a learner's section may be anything: load refuses it or predict survives it. */
static void test_hostile_bytes(void **state)
{
    struct frame *f = blobs(true);
    struct rng rng;

    (void)state;
    rng_seed(&rng, 2);
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        const struct learner *l = learner_find(both[i]);
        struct engine en = { .pool = pool_new(1) };
        struct arena a = ARENA_INIT;
        struct err e = ERR_INIT;
        struct buf b = BUF_INIT;
        struct val *params;
        void *fitted;
        double x[ROWS * COLUMNS], out[8];
        for (size_t k = 0; k < ROWS * COLUMNS; k++) x[k] = rng_normal(&rng);
        check_ok(param_bind_val(l->params, &a, NULL, &params, &e), &e);
        struct fit_input in = { .task = (enum task)l->tasks, .n_classes = i ? 2 : 8,
                                .train = { ROWS, COLUMNS, x, NULL }, .params = params };
        check_ok(l->fit(&en, &in, &fitted, &e), &e);
        check_ok(l->save(fitted, &b, &e), &e);
        l->free(fitted);
        for (int round = 0; round < 3000; round++) {
            uint8_t *copy = mem_alloc(b.n);
            void *loaded;
            memcpy(copy, b.p, b.n);
            for (uint64_t k = rng_below(&rng, 3) + 1; k; k--)
                copy[rng_below(&rng, round % 2 || b.n < 600 ? b.n : 600)] = (uint8_t)rng_u64(&rng);
            struct cursor cur = { .p = copy,
                                  .left = round % 5 ? b.n : (size_t)rng_below(&rng, b.n) };
            if (l->load(&cur, (enum task)l->tasks, in.n_classes, COLUMNS, &loaded, &e) == 0) {
                l->predict_row(loaded, x, out);
                l->free(loaded);
            }
            free(copy);
        }
        buf_done(&b);
        arena_done(&a);
        pool_free(en.pool);
    }
    frame_free(f);
}

static void test_cancelled(void **state)
{
    const atomic_bool cancel = true;
    struct engine en = { .pool = pool_new(1), .cancel = &cancel };
    struct frame *f = blobs(false);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        const struct model_spec spec = { .algorithm = both[i] };
        struct err e = ERR_INIT;
        struct model *m;
        check_err(model_fit(&en, &spec, f, NULL, &m, &e), ERR_CANCELLED, &e, "cancelled");
    }
    pool_free(en.pool);
    frame_free(f);
}

static void test_targets(void **state)
{
    struct engine en = { .pool = pool_new(1) };
    struct frame *f = blobs(true);
    struct err e = ERR_INIT;
    struct model *m;
    double *odd = add_num(f, "odd", COL_INT, ROWS);

    (void)state;
    for (size_t i = 0; i < ROWS; i++) odd[i] = i % 50 == 0;
    struct model_spec spec = { .algorithm = "kmeans", .target = "odd" };
    check_err(model_fit(&en, &spec, f, NULL, &m, &e), ERR_INVALID, &e, "without a target");
    spec.algorithm = "gbdt";
    spec.target = NULL;
    check_err(model_fit(&en, &spec, f, NULL, &m, &e), ERR_INVALID, &e, "no target");
    spec = (struct model_spec){ .algorithm = "isolation_forest", .target = "odd" };
    check_ok(model_fit(&en, &spec, f, NULL, &m, &e), &e);
    assert_string_equal(model_target(m), "odd");
    assert_int_equal(model_features(m), COLUMNS);
    model_free(m);
    pool_free(en.pool);
    frame_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_blobs_are_found), TEST(test_outliers_are_flagged), TEST(test_bytes),
        TEST(test_hostile_bytes),   TEST(test_cancelled),            TEST(test_targets),
    };

    return cmocka_run_group_tests_name("engine.unsupervised", tests, NULL, NULL);
}
