/* test_calibration.c: probabilities of a model that is too sure of itself are mended, in its
 * batches, its rows and its file; classes are weighted through the weights of rows. */
#include "engine/model/calibration.h"
#include "engine/model/class_weight.h"
#include "engine/model/exchange.h"
#include "engine/model/params.h"
#include "modeltest.h"

static double logistic(double z)
{
    return 1 / (1 + exp(-z));
}

/* Scores z ~ N(0, 2) said as sigmoid(z), of which sigmoid(a z + b) is true. */
static void draw(size_t n, double a, double b, double *p, double *y)
{
    struct rng rng;

    rng_seed(&rng, 5);
    for (size_t i = 0; i < n; i++) {
        double z = 2 * rng_normal(&rng);
        p[i] = logistic(z);
        y[i] = rng_unit(&rng) < logistic(a * z + b);
    }
}

static struct calibration *fitted(enum calibration_method how, int outputs, size_t n,
                                  const double *p, const double *y, const double *w)
{
    const struct calibration_input in = { .n = n, .outputs = outputs, .p = p, .y = y, .w = w };
    struct calibration *c = NULL;
    struct err e = ERR_INIT;

    check_ok(calibration_fit(how, &in, &c, &e), &e);
    return c;
}

static void test_both_find_the_true_map(void **state)
{
    enum { MANY = 40000 };
    double *p = malloc(MANY * sizeof *p), *y = malloc(MANY * sizeof *y);

    (void)state;
    draw(MANY, 0.5, -1, p, y);
    for (enum calibration_method how = CALIBRATE_PLATT; how <= CALIBRATE_ISOTONIC; how++) {
        struct calibration *c = fitted(how, 1, MANY, p, y, NULL);
        for (double z = -3; z <= 3; z += 0.25) {
            double v = logistic(z);
            calibration_apply(c, &v, 1);
            check_near(v, logistic(0.5 * z - 1), how == CALIBRATE_PLATT ? 0.01 : 0.035, 0, "map");
        }
        calibration_free(c);
    }
    free(p);
    free(y);
}

/* A weight of 2 is the row twice; a weight of 0 is no row. */
static void test_weights_are_repeated_rows(void **state)
{
    enum { ROWS = 300 };
    double p[2 * ROWS], y[2 * ROWS], w[ROWS];

    (void)state;
    draw(ROWS, 2, 0.5, p, y);
    size_t n = 0;
    double q[2 * ROWS], z[2 * ROWS];
    for (size_t i = 0; i < ROWS; i++) {
        w[i] = (double)(i % 3);
        for (size_t k = 0; k < i % 3; k++, n++) {
            q[n] = p[i];
            z[n] = y[i];
        }
    }
    for (enum calibration_method how = CALIBRATE_PLATT; how <= CALIBRATE_ISOTONIC; how++) {
        struct calibration *a = fitted(how, 1, ROWS, p, y, w), *b = fitted(how, 1, n, q, z, NULL);
        for (double v = 0.01; v < 1; v += 0.01) {
            double va = v, vb = v;
            calibration_apply(a, &va, 1);
            calibration_apply(b, &vb, 1);
            check_near(va, vb, 1e-9, 0, "weighted");
        }
        calibration_free(a);
        calibration_free(b);
    }
}

/* Rows that are told apart perfectly, or are all of one class, still give probabilities. */
static void test_extremes_stay_finite(void **state)
{
    double p[20], y[20], ones[20];

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        p[i] = i < 10 ? 0 : 1;
        y[i] = i >= 10;
        ones[i] = 1;
    }
    for (enum calibration_method how = CALIBRATE_PLATT; how <= CALIBRATE_ISOTONIC; how++) {
        struct calibration *c = fitted(how, 1, 20, p, y, NULL),
                           *d = fitted(how, 1, 20, p, ones, NULL);
        for (double v = 0; v <= 1; v += 0.125) {
            double vc = v, vd = v;
            calibration_apply(c, &vc, 1);
            calibration_apply(d, &vd, 1);
            assert_true(vc >= 0 && vc <= 1 && vd > 0.5 && vd <= 1);
        }
        calibration_free(c);
        calibration_free(d);
    }
    struct calibration *c = fitted(CALIBRATE_PLATT, 1, 20, p, y, NULL);
    double low = 0, high = 1;
    calibration_apply(c, &low, 1);
    calibration_apply(c, &high, 1);
    check_near(low, 1.0 / 12, 1e-4, 0, "Platt's target for no"); /* 1 / (10 + 2) */
    check_near(high, 11.0 / 12, 1e-4, 0, "Platt's target for yes");
    calibration_free(c);
}

/* ---- models ----------------------------------------------------------------------------- */

/* label follows x; x is there four times, which naive Bayes takes for four opinions. */
static struct frame *echoes(uint64_t seed)
{
    static const char *const names[] = { "x1", "x2", "x3", "x4" };
    struct frame *f = frame_new();
    const char *label[N], *kind[N];
    double *x[4], *w = add_num(f, "w", COL_REAL, N);
    struct rng rng;

    rng_seed(&rng, seed);
    for (size_t k = 0; k < 4; k++) x[k] = add_num(f, names[k], COL_REAL, N);
    for (size_t i = 0; i < N; i++) {
        double v = rng_normal(&rng), z = v + rng_normal(&rng);
        for (size_t k = 0; k < 4; k++) x[k][i] = v + 0.01 * rng_normal(&rng);
        label[i] = z > 0.5 ? "yes" : "no";
        kind[i] = z > 0.7 ? "much" : z > -0.7 ? "some" : "little";
        w[i] = i % 4 < 2 ? 1 : 2;
    }
    put_texts(f, "label", COL_CATEGORY, label, N);
    put_texts(f, "kind", COL_CATEGORY, kind, N);
    return f;
}

static struct model_spec naive(struct arena *a, const char *target, const char *key,
                               const char *value)
{
    static const char *const drop[] = { "kind", "w", NULL }, *const drop_kind[] = { "label", "w",
                                                                                    NULL };
    struct val *params = val_obj(a);

    if (key) val_set_str(params, key, value);
    return (struct model_spec){ .algorithm = "naive_bayes",
                                .target = target,
                                .drop = strcmp(target, "kind") ? drop : drop_kind,
                                .params = params };
}

static void test_overconfidence_is_mended(void **state)
{
    static const char *const targets[] = { "label", "kind" }, *const how[] = { "platt",
                                                                               "isotonic" };
    struct frame *f = echoes(1), *g = echoes(2);
    struct arena a = ARENA_INIT;

    (void)state;
    for (size_t t = 0; t < 2; t++) {
        struct model_spec plain = naive(&a, targets[t], NULL, NULL);
        struct model *sure = fit_on(1, &plain, f, NULL);
        for (size_t h = 0; h < 2; h++) {
            struct model_spec spec = naive(&a, targets[t], "calibrate", how[h]);
            struct model *m = fit_on(1, &spec, f, NULL);
            double before = squared_error(sure, g), after = squared_error(m, g);
            if (!(after < 0.93 * before))
                fail_msg("%s %s: %g %g", targets[t], how[h], before, after);
            assert_true(model_fp_params(m) != model_fp_params(sure));
            assert_true(model_fp_architecture(m) == model_fp_architecture(sure));
            model_free(m);
        }
        model_free(sure);
    }
    arena_done(&a);
    frame_free(f);
    frame_free(g);
}

static void test_file_rows_and_threads_agree(void **state)
{
    static const char *const targets[] = { "label", "kind" }, *const how[] = { "platt",
                                                                               "isotonic" };
    struct frame *f = echoes(3), *g = echoes(4);
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        struct model_spec spec = naive(&a, targets[i / 2], "calibrate", how[i % 2]);
        struct model *m = fit_on(1, &spec, f, NULL), *other = fit_on(4, &spec, f, NULL), *back;
        struct buf b = BUF_INIT, c = BUF_INIT;
        size_t k = (size_t)model_outputs(m);
        check_ok(model_save(m, &b, &e), &e);
        check_ok(model_save(other, &c, &e), &e);
        assert_int_equal(b.n, c.n);
        assert_memory_equal(b.p, c.p, b.n);
        check_ok(model_open(b.p, b.n, &back, &e), &e);
        double *p = predict(1, m, g), *q = predict(3, back, g), x[4], out[3];
        double *scratch = malloc(model_scratch(back) * sizeof *scratch);
        assert_memory_equal(p, q, N * k * sizeof *p);
        for (size_t r = 0; r < N; r++) {
            double sum = 0;
            raw_row(back, g, r, x);
            model_predict_row(back, x, scratch, out);
            assert_memory_equal(out, p + r * k, k * sizeof *out);
            for (size_t j = 0; j < k; j++) sum += out[j];
            if (k > 1) check_near(sum, 1, 1e-12, 0, "sum of probabilities");
        }
        forge_everywhere(m);
        free(scratch);
        free(p);
        free(q);
        buf_done(&b);
        buf_done(&c);
        model_free(m);
        model_free(other);
        model_free(back);
    }
    arena_done(&a);
    frame_free(f);
    frame_free(g);
}

static void test_damage_is_seen(void **state)
{
    struct frame *f = echoes(5);
    struct arena a = ARENA_INIT;
    struct model_spec spec = naive(&a, "label", "calibrate", "platt");
    struct model *m = fit_on(1, &spec, f, NULL);
    struct buf b = BUF_INIT;
    struct err e = ERR_INIT;

    (void)state;
    check_ok(model_save(m, &b, &e), &e);
    for (size_t n = 0; n < b.n; n++) check_refused(b.p, n);
    for (size_t i = 0; i < b.n; i++) {
        b.p[i] ^= 1;
        check_refused(b.p, b.n);
        b.p[i] ^= 1;
    }
    buf_done(&b);
    model_free(m);
    arena_done(&a);
    frame_free(f);
}

static int try_fit(const struct model_spec *spec, const struct frame *f, struct err *e)
{
    struct engine en = { .pool = pool_new(1) };
    struct model *m = NULL;
    int r = model_fit(&en, spec, f, NULL, &m, e);

    model_free(m);
    pool_free(en.pool);
    return r;
}

static void test_refusals(void **state)
{
    struct frame *f = echoes(6), *g = sample(1);
    struct arena a = ARENA_INIT;
    struct model_spec spec = naive(&a, "label", "calibrate", "magic");
    struct err e = ERR_INIT;

    (void)state;
    check_err(try_fit(&spec, f, &e), ERR_INVALID, &e, "calibrate");
    spec = naive(&a, "label", "class_weight", "yes");
    check_err(try_fit(&spec, f, &e), ERR_INVALID, &e, "LABEL:WEIGHT");
    spec = naive(&a, "label", "class_weight", "yes:-1");
    check_err(try_fit(&spec, f, &e), ERR_INVALID, &e, "LABEL:WEIGHT");
    spec = naive(&a, "label", "class_weight", "maybe:2");
    check_err(try_fit(&spec, f, &e), ERR_INVALID, &e, "no label 'maybe'");
    spec = naive(&a, "label", "class_weight", "yes:0,no:0");
    check_err(try_fit(&spec, f, &e), ERR_INVALID, &e, "weight 0");
    spec = spec_for("gbdt", "price");
    spec.params = naive(&a, "label", "calibrate", "platt").params;
    check_err(try_fit(&spec, g, &e), ERR_INVALID, &e, "is for classes");
    spec = spec_for("linear", "price");
    spec.params = naive(&a, "label", "calibrate", "platt").params;
    assert_true(try_fit(&spec, g, &e) < 0);
    arena_done(&a);
    frame_free(f);
    frame_free(g);
}

/* Other programs' forms have no place for it. */
static void test_other_forms_refuse(void **state)
{
    struct frame *f = echoes(7);
    struct arena a = ARENA_INIT;
    struct model_spec spec = naive(&a, "label", "calibrate", "isotonic");
    struct err e = ERR_INIT;

    (void)state;
    spec.algorithm = "gbdt";
    struct model *m = fit_on(2, &spec, f, NULL);
    check_err(model_exchangeable(m, &e), ERR_INVALID, &e, "calibrated");
    model_free(m);
    arena_done(&a);
    frame_free(f);
}

/* ---- class weights ---------------------------------------------------------------------- */

/* Rows of a class that weighs 3 are rows with weight 3. */
static void test_class_weights_are_row_weights(void **state)
{
    struct frame *f = echoes(8), *g = echoes(8);
    struct arena a = ARENA_INIT;
    const struct column *label = frame_col(g, "label");
    double *w = g->cols[frame_index(g, "w")].num, *own = f->cols[frame_index(f, "w")].num;

    (void)state;
    for (size_t i = 0; i < N; i++)
        w[i] = own[i] * (strcmp(dict_str(label->dict, label->code[i], NULL), "yes") ? 1 : 3);
    struct model_spec by_class = naive(&a, "label", "class_weight", "yes:3");
    struct model_spec by_row = naive(&a, "label", NULL, NULL);
    by_class.weight = by_row.weight = "w";
    struct model *m = fit_on(1, &by_class, f, NULL), *n = fit_on(1, &by_row, g, NULL);
    double *p = predict(1, m, f), *q = predict(1, n, f);
    assert_memory_equal(p, q, N * sizeof *p);
    free(p);
    free(q);
    model_free(m);
    model_free(n);
    arena_done(&a);
    frame_free(f);
    frame_free(g);
}

static void test_balanced_classes_weigh_the_same(void **state)
{
    const double y[] = { 0, 1, 1, 2, 2, 2 }, w[] = { 1, 1, 1, 2, 2, 2 };
    struct target t = { .name = mem_strdup("kind"),
                        .task = TASK_MULTICLASS,
                        .classes = dict_new() };
    double *got = NULL;
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < 3; i++) dict_add(t.classes, &"abc"[i], 1);
    check_ok(class_weight_apply("balanced", &t, y, NULL, 6, &got, &e), &e);
    for (size_t i = 0; i < 6; i++) check_near(got[i], 6 / (3 * (y[i] + 1)), 1e-15, 0, "balanced");
    free(got);
    check_ok(class_weight_apply("b:0.5,a:4", &t, y, w, 6, &got, &e), &e);
    check_near(got[0], 4, 0, 0, "a");
    check_near(got[1], 0.5, 0, 0, "b");
    check_near(got[5], 2, 0, 0, "c");
    free(got);
    target_done(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_both_find_the_true_map),
        TEST(test_weights_are_repeated_rows),
        TEST(test_extremes_stay_finite),
        TEST(test_overconfidence_is_mended),
        TEST(test_file_rows_and_threads_agree),
        TEST(test_damage_is_seen),
        TEST(test_refusals),
        TEST(test_other_forms_refuse),
        TEST(test_class_weights_are_row_weights),
        TEST(test_balanced_classes_weigh_the_same),
    };
    return cmocka_run_group_tests_name("engine/calibration", tests, NULL, NULL);
}
