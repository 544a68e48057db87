/* test_model.c: a model as a whole: fit, predict, rows without a target, task inference,
 * refusals, equal bytes for any number of threads, and the file form with every byte flipped. */
#include "modeltest.h"

static void test_describes_itself(void **state)
{
    struct frame *f = sample(1);
    struct model_spec spec = spec_for("logistic", "label");
    struct notes notes = { "" };
    struct model *m = fit_on(1, &spec, f, &notes);
    enum col_type type;
    double gain[8], sum = 0;

    (void)state;
    assert_int_equal(model_task(m), TASK_BINARY);
    assert_int_equal(model_classes(m), 2);
    assert_int_equal(model_outputs(m), 1);
    assert_string_equal(model_class(m, 0), "no");
    assert_string_equal(model_class(m, 1), "yes");
    assert_string_equal(model_target(m), "label");
    assert_string_equal(model_algorithm(m), "logistic");
    assert_int_equal(model_features(m), 3);
    assert_string_equal(model_feature(m, 2, &type), "colour");
    assert_int_equal(type, COL_CATEGORY);
    assert_non_null(strstr(notes.text, "column id is left out: free text"));
    assert_non_null(strstr(notes.text, "column same is left out: one value only"));
    assert_true(val_get_real(model_params(m), "l2", 0) == 1);
    model_importance(m, gain);
    for (size_t i = 0; i < 3; i++) sum += gain[i];
    check_near(sum, 1, 1e-12, 0, "sum of importance");
    assert_true(gain[0] > gain[1] && gain[0] > gain[2]);
    assert_true(share_right(m, f) > 0.75);
    model_free(m);
    frame_free(f);
}

static void test_tasks_follow_from_the_target(void **state)
{
    static const struct {
        const char *algorithm, *target, *task;
        enum task want;
        double at_least;
    } cases[] = {
        { "logistic", "label", NULL, TASK_BINARY, 0.75 },
        { "logistic", "kind", NULL, TASK_MULTICLASS, 0.8 },
        { "logistic", "digit", NULL, TASK_MULTICLASS, 0.6 },
        { "logistic", "flag", NULL, TASK_BINARY, 0.5 },
        { "logistic", "label", "multiclass", TASK_MULTICLASS, 0.75 },
        { "linear", "digit", NULL, TASK_REGRESSION, 0 },
        { "linear", "price", NULL, TASK_REGRESSION, 0 },
    };
    struct frame *f = sample(2);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct model_spec spec = spec_for(cases[i].algorithm, cases[i].target);
        spec.task = cases[i].task;
        struct model *m = fit_on(1, &spec, f, NULL);
        assert_int_equal(model_task(m), cases[i].want);
        if (cases[i].want != TASK_REGRESSION) assert_true(share_right(m, f) >= cases[i].at_least);
        model_free(m);
    }
    frame_free(f);
}

static void test_positive_label_is_chosen(void **state)
{
    struct frame *f = sample(3);
    struct model_spec spec = spec_for("logistic", "label");
    struct model *yes = fit_on(1, &spec, f, NULL);
    spec.positive = "no";
    struct model *no = fit_on(1, &spec, f, NULL);
    double *a = predict(1, yes, f), *b = predict(1, no, f);

    (void)state;
    assert_string_equal(model_class(no, 1), "no");
    for (size_t i = 0; i < N; i++) check_near(a[i] + b[i], 1, 1e-9, 0, "p(yes) + p(no)");
    free(a);
    free(b);
    model_free(yes);
    model_free(no);
    frame_free(f);
}

static void test_refusals(void **state)
{
    struct frame *f = sample(4);
    struct engine en = { .pool = pool_new(1) };
    struct model *m = NULL;
    struct err e = ERR_INIT;
    struct model_spec s = spec_for("logistic", "label");
    const char *const wrong[] = { "nothing", NULL };
    atomic_bool cancel = true;

    (void)state;
#define REFUSED(kind, text) check_err(model_fit(&en, &s, f, NULL, &m, &e), kind, &e, text)
    s.algorithm = "magic";
    REFUSED(ERR_INVALID, "no algorithm magic");
    assert_non_null(strstr(e.hint, "logistic"));
    s = spec_for("logistic", "nowhere");
    REFUSED(ERR_INVALID, "nowhere");
    s = spec_for("logistic", "price");
    REFUSED(ERR_INVALID, "regression");
    s = spec_for("linear", "label");
    REFUSED(ERR_INVALID, "linear does not do binary");
    s = spec_for("logistic", "same");
    REFUSED(ERR_INVALID, "one value only");
    s = spec_for("logistic", "label");
    s.positive = "maybe";
    REFUSED(ERR_INVALID, "no label maybe");
    assert_non_null(strstr(e.hint, "no and yes"));
    s = spec_for("logistic", "kind");
    s.task = "binary";
    REFUSED(ERR_INVALID, "binary needs two");
    s = spec_for("logistic", "label");
    s.weight = "colour";
    REFUSED(ERR_INVALID, "not a number");
    s.weight = "price";
    f->cols[4].num[3] = -1;
    REFUSED(ERR_INVALID, "row 4 has weight -1");
    s = spec_for("logistic", "label");
    s.drop = wrong;
    REFUSED(ERR_INVALID, "no column nothing");
    s = spec_for("logistic", "label");
    en.cancel = &cancel;
    REFUSED(ERR_CANCELLED, "cancelled");
    assert_null(m);
    pool_free(en.pool);
    frame_free(f);
}

static void test_rows_without_target_are_dropped(void **state)
{
    struct frame *f = sample(5), *g = NULL;
    struct model_spec spec = spec_for("logistic", "label");
    struct notes notes = { "" };
    struct err e = ERR_INIT;
    uint32_t rows[N];
    size_t n = 0;
    struct column *label = &f->cols[frame_index(f, "label")];

    (void)state;
    for (uint32_t i = 0; i < N; i++)
        if (i % 3) rows[n++] = i;
    check_ok(frame_take(f, rows, n, &g, &e), &e);
    for (uint32_t i = 0; i < N; i += 3) label->code[i] = -1;
    struct model *a = fit_on(1, &spec, f, &notes), *b = fit_on(1, &spec, g, NULL);
    struct buf x = BUF_INIT, y = BUF_INIT;
    check_ok(model_save(a, &x, &e), &e);
    check_ok(model_save(b, &y, &e), &e);
    assert_int_equal(x.n, y.n);
    assert_memory_equal(x.p, y.p, x.n);
    assert_non_null(strstr(notes.text, "200 of 600 rows"));
    buf_done(&x);
    buf_done(&y);
    model_free(a);
    model_free(b);
    frame_free(f);
    frame_free(g);
}

static const struct {
    const char *algorithm, *target;
} all_kinds[] = { { "logistic", "label" }, { "logistic", "kind" }, { "linear", "price" },
                  { "gbdt", "label" },     { "gbdt", "kind" },     { "gbdt", "price" } };

static void test_same_bytes_for_any_thread_count(void **state)
{
    struct frame *f = sample(6);
    struct err e = ERR_INIT;

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(all_kinds); k++) {
        struct model_spec spec = spec_for(all_kinds[k].algorithm, all_kinds[k].target);
        struct buf first = BUF_INIT;
        spec.weight = "w";
        for (int round = 0; round < 6; round++) {
            struct model *m = fit_on(1 + round % 3, &spec, f, NULL);
            struct buf b = BUF_INIT;
            check_ok(model_save(m, round ? &b : &first, &e), &e);
            if (round) {
                assert_int_equal(b.n, first.n);
                assert_memory_equal(b.p, first.p, b.n);
            }
            buf_done(&b);
            model_free(m);
        }
        buf_done(&first);
    }
    frame_free(f);
}

static void test_file_and_rows_predict_the_same_bits(void **state)
{
    struct frame *f = sample(7), *g = sample(8);
    struct err e = ERR_INIT;

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(all_kinds); k++) {
        struct model_spec spec = spec_for(all_kinds[k].algorithm, all_kinds[k].target);
        struct model *m = fit_on(2, &spec, f, NULL), *back = NULL;
        struct buf b = BUF_INIT, again = BUF_INIT;
        size_t outputs = (size_t)model_outputs(m);
        check_ok(model_save(m, &b, &e), &e);
        check_ok(model_open(b.p, b.n, &back, &e), &e);
        check_ok(model_save(back, &again, &e), &e);
        assert_int_equal(b.n, again.n);
        assert_memory_equal(b.p, again.p, b.n);
        double *p = predict(1, m, g), *q = predict(3, back, g);
        assert_memory_equal(p, q, N * outputs * sizeof *p);
        double x[8], out[8], *scratch = malloc(model_scratch(back) * sizeof *scratch);
        for (size_t i = 0; i < N; i++) {
            raw_row(back, g, i, x);
            model_predict_row(back, x, scratch, out);
            assert_memory_equal(out, p + i * outputs, outputs * sizeof *out);
        }
        assert_true(model_fp_signature(m) == model_fp_signature(back));
        assert_true(model_fp_params(m) == model_fp_params(back));
        assert_true(model_fp_architecture(m) == model_fp_architecture(back));
        assert_string_equal(model_target(back), spec.target);
        free(scratch);
        free(p);
        free(q);
        buf_done(&b);
        buf_done(&again);
        model_free(m);
        model_free(back);
    }
    frame_free(f);
    frame_free(g);
}

static void test_damaged_files_are_refused(void **state)
{
    struct frame *f = sample(9);
    struct model_spec spec = spec_for("logistic", "label");
    struct model *m = fit_on(1, &spec, f, NULL);
    struct buf b = BUF_INIT;
    struct err e = ERR_INIT;

    (void)state;
    check_ok(model_save(m, &b, &e), &e);
    for (size_t n = 0; n < b.n; n++) check_refused(b.p, n);
    for (size_t i = 0; i < b.n; i++)
        for (int bit = 0; bit < 8; bit++) {
            b.p[i] ^= (uint8_t)(1 << bit);
            check_refused(b.p, b.n);
            b.p[i] ^= (uint8_t)(1 << bit);
        }
    buf_u8(&b, 0);
    check_refused(b.p, b.n);
    buf_done(&b);
    model_free(m);
    frame_free(f);
}

/* Behind right checksums any byte may be anything: no crash, no leak, no overrun. */
static void test_forged_files_do_no_harm(void **state)
{
    struct frame *f = sample(10);

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(all_kinds); k++) {
        struct model_spec spec = spec_for(all_kinds[k].algorithm, all_kinds[k].target);
        struct model *m = fit_on(1, &spec, f, NULL);
        forge_everywhere(m);
        model_free(m);
    }
    frame_free(f);
}

/* Metamorphic: the order of rows, and the units of a number, do not matter. */
static void test_row_order_and_units_do_not_matter(void **state)
{
    struct frame *f = sample(11), *shuffled = NULL;
    uint32_t rows[N];
    struct rng rng;
    struct err e = ERR_INIT;

    (void)state;
    rng_seed(&rng, 1);
    for (uint32_t i = 0; i < N; i++) rows[i] = i;
    rng_shuffle(&rng, rows, N);
    check_ok(frame_take(f, rows, N, &shuffled, &e), &e);
    for (size_t k = 0; k < ARRAY_LEN(all_kinds); k++) {
        struct model_spec spec = spec_for(all_kinds[k].algorithm, all_kinds[k].target);
        struct model *a = fit_on(1, &spec, f, NULL), *b = fit_on(1, &spec, shuffled, NULL);
        size_t n = N * (size_t)model_outputs(a);
        double *p = predict(1, a, f), *q = predict(1, b, f), *x = f->cols[0].num;
        for (size_t i = 0; i < n; i++) check_near(q[i], p[i], 1e-6, 1e-7, "other order");
        for (size_t i = 0; i < N; i++) x[i] = 1e5 + 1000 * x[i];
        struct model *c = fit_on(1, &spec, f, NULL);
        double *r = predict(1, c, f);
        for (size_t i = 0; i < n; i++) check_near(r[i], p[i], 1e-6, 1e-7, "other units");
        for (size_t i = 0; i < N; i++) x[i] = (x[i] - 1e5) / 1000;
        free(p);
        free(q);
        free(r);
        model_free(a);
        model_free(b);
        model_free(c);
    }
    frame_free(f);
    frame_free(shuffled);
}

static void test_fingerprints_tell_what_changed(void **state)
{
    struct frame *f = sample(12);
    struct arena arena = ARENA_INIT;
    struct model_spec spec = spec_for("logistic", "label"), other = spec;
    struct val *params = val_obj(&arena);

    (void)state;
    val_set_str(params, "l2", "0.5");
    other.params = params;
    struct model *a = fit_on(1, &spec, f, NULL), *b = fit_on(1, &other, f, NULL);
    assert_true(val_get_real(model_params(b), "l2", 0) == 0.5);
    assert_true(model_fp_signature(a) == model_fp_signature(b));
    assert_true(model_fp_architecture(a) == model_fp_architecture(b));
    assert_true(model_fp_params(a) != model_fp_params(b));
    spec = spec_for("logistic", "kind");
    struct model *c = fit_on(1, &spec, f, NULL);
    assert_true(model_fp_signature(a) != model_fp_signature(c));
    assert_true(model_fp_params(a) == model_fp_params(c));
    spec = spec_for("linear", "price");
    struct model *d = fit_on(1, &spec, f, NULL);
    assert_true(model_fp_architecture(a) != model_fp_architecture(d));
    model_free(a);
    model_free(b);
    model_free(c);
    model_free(d);
    arena_done(&arena);
    frame_free(f);
}

static struct arena shared_arena;

static int setup(void **state)
{
    struct val *v = val_obj(&shared_arena);

    (void)state;
    val_set_int(v, "n_estimators", 3);
    val_set_int(v, "num_leaves", 6);
    few_trees = v;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&shared_arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_describes_itself),
        TEST(test_tasks_follow_from_the_target),
        TEST(test_positive_label_is_chosen),
        TEST(test_refusals),
        TEST(test_rows_without_target_are_dropped),
        TEST(test_same_bytes_for_any_thread_count),
        TEST(test_file_and_rows_predict_the_same_bits),
        TEST(test_damaged_files_are_refused),
        TEST(test_forged_files_do_no_harm),
        TEST(test_row_order_and_units_do_not_matter),
        TEST(test_fingerprints_tell_what_changed),
    };
    return cmocka_run_group_tests_name("engine/model", tests, setup, teardown);
}
