/* test_target.c: which task a target column asks for, in which order its classes stand, and how
 * the targets of other tables are read. */
#include "engine/model/target.h"

#include "enginetest.h"

#define N 40

static const struct learner *learner(const char *name)
{
    return learner_find(name);
}

/* A numeric column of N rows that repeats the k values given. */
static struct frame *numbers(enum col_type type, const double *v, size_t k)
{
    struct frame *f = frame_new();
    double *num = add_num(f, "y", type, N);

    for (size_t i = 0; i < N; i++) num[i] = v[i % k];
    return f;
}

static struct frame *texts(const char *const *v, size_t k)
{
    struct frame *f = frame_new();
    const char *t[N];

    for (size_t i = 0; i < N; i++) t[i] = v[i % k];
    put_texts(f, "y", COL_CATEGORY, t, N);
    return f;
}

static int try_fit(const struct frame *f, const char *task, const char *positive,
                   const char *algorithm, struct target *t, struct err *e)
{
    struct target_wish wish = { task, positive, learner(algorithm) };

    return target_fit(&f->cols[0], f->n_rows, &wish, t, e);
}

static void check_task(struct frame *f, const char *algorithm, enum task want, int classes)
{
    struct target t;
    struct err e = ERR_INIT;

    check_ok(try_fit(f, NULL, NULL, algorithm, &t, &e), &e);
    assert_int_equal(t.task, want);
    assert_int_equal(target_n_classes(&t), classes);
    target_done(&t);
    frame_free(f);
}

static void test_task_follows_from_the_column(void **state)
{
    const double zero_one[] = { 0, 1 }, one_two[] = { 1, 2 }, half[] = { 0.5, 1.5 };
    const double digits[] = { 0, 1, 2, 3, 4, 5, 6 }, gap[] = { 1, 0, NAN };
    const char *const two[] = { "<=50K", ">50K" }, *const three[] = { "a", "b", "c", NULL };
    double many[N];

    (void)state;
    for (size_t i = 0; i < N; i++) many[i] = (double)(i * 1000);
    check_task(numbers(COL_INT, zero_one, 2), "gbdt", TASK_BINARY, 2);
    check_task(numbers(COL_REAL, zero_one, 2), "gbdt", TASK_BINARY, 2);
    check_task(numbers(COL_INT, one_two, 2), "gbdt", TASK_BINARY, 2);
    check_task(numbers(COL_REAL, half, 2), "gbdt", TASK_REGRESSION, 0);
    check_task(numbers(COL_INT, gap, 3), "gbdt", TASK_BINARY, 2);
    check_task(numbers(COL_BOOL, zero_one, 2), "gbdt", TASK_BINARY, 2);
    check_task(numbers(COL_INT, digits, 7), "gbdt", TASK_MULTICLASS, 7);
    check_task(numbers(COL_REAL, digits, 7), "gbdt", TASK_REGRESSION, 0);
    check_task(numbers(COL_INT, digits, 7), "linear", TASK_REGRESSION, 0);
    /* whole prices: each value once, so not classes */
    check_task(numbers(COL_INT, many, N), "gbdt", TASK_REGRESSION, 0);
    check_task(numbers(COL_INT, many, 10), "gbdt", TASK_REGRESSION, 0);
    check_task(texts(two, 2), "gbdt", TASK_BINARY, 2);
    check_task(texts(three, 4), "gbdt", TASK_MULTICLASS, 3);
}

static void test_order_of_classes(void **state)
{
    const double numeric[] = { 10, 9, -1 };
    const char *const votes[] = { "UP", "DOWN" };
    struct frame *f = numbers(COL_INT, numeric, 3), *g = texts(votes, 2);
    struct target t;
    struct err e = ERR_INIT;

    (void)state;
    check_ok(try_fit(f, NULL, NULL, "gbdt", &t, &e), &e);
    assert_string_equal(dict_str(t.classes, 0, NULL), "-1");
    assert_string_equal(dict_str(t.classes, 1, NULL), "9");
    assert_string_equal(dict_str(t.classes, 2, NULL), "10");
    target_done(&t);
    check_ok(try_fit(g, NULL, NULL, "gbdt", &t, &e), &e);
    assert_string_equal(dict_str(t.classes, 1, NULL), "UP");
    target_done(&t);
    check_ok(try_fit(g, NULL, "DOWN", "gbdt", &t, &e), &e);
    assert_string_equal(dict_str(t.classes, 1, NULL), "DOWN");
    target_done(&t);
    frame_free(f);
    frame_free(g);
}

static void check_refused(struct frame *f, const char *task, const char *positive,
                          const char *algorithm, const char *text)
{
    struct target t = { 0 };
    struct err e = ERR_INIT;

    check_err(try_fit(f, task, positive, algorithm, &t, &e), ERR_INVALID, &e, text);
    assert_null(t.name);
    frame_free(f);
}

static void test_refusals(void **state)
{
    const double one[] = { 3 }, none[] = { NAN }, reals[] = { 0.5, 1.5, 2.5 };
    const char *const three[] = { "a", "b", "c" };
    static char names[1200][8];
    const char *many[1200];
    struct frame *f = frame_new();

    (void)state;
    check_refused(numbers(COL_INT, one, 1), NULL, NULL, "gbdt", "one value only");
    check_refused(numbers(COL_REAL, none, 1), NULL, NULL, "gbdt", "no values");
    check_refused(numbers(COL_TIME, reals, 3), NULL, NULL, "gbdt", "timestamp");
    check_refused(numbers(COL_REAL, reals, 3), NULL, NULL, "logistic", "regression");
    check_refused(numbers(COL_REAL, reals, 3), "binary", NULL, "gbdt", "3 labels");
    check_refused(texts(three, 3), "regression", NULL, "gbdt", "needs numbers");
    check_refused(texts(three, 3), "guess", NULL, "gbdt", "no task guess");
    check_refused(texts(three, 3), NULL, "a", "gbdt", "multiclass");
    check_refused(texts(three, 2), NULL, "c", "gbdt", "no label c");
    for (size_t i = 0; i < 1200; i++) {
        snprintf(names[i], sizeof names[i], "l%zu", i);
        many[i] = names[i];
    }
    put_texts(f, "y", COL_TEXT, many, 1200);
    check_refused(f, NULL, NULL, "gbdt", "more than 1000 labels");
}

static void test_other_tables(void **state)
{
    const double train[] = { 0, 1 }, whole[] = { 1, 0, NAN, 7 };
    const char *const words[] = { "1", "0", NULL, "yes" };
    struct frame *f = numbers(COL_INT, train, 2), *g = frame_new(), *h = frame_new();
    struct frame *none = frame_new();
    struct target t;
    struct err e = ERR_INIT;
    double out[4];

    (void)state;
    check_ok(try_fit(f, NULL, NULL, "gbdt", &t, &e), &e);
    put_nums(g, "y", COL_REAL, whole, 4);
    put_texts(h, "y", COL_CATEGORY, words, 4);
    check_ok(target_encode(&t, g, out, &e), &e);
    assert_true(out[0] == 1 && out[1] == 0 && isnan(out[2]) && isnan(out[3]));
    check_ok(target_encode(&t, h, out, &e), &e);
    assert_true(out[0] == 1 && out[1] == 0 && isnan(out[2]) && isnan(out[3]));
    check_err(target_encode(&t, none, out, &e), ERR_INVALID, &e, "no column y");
    target_done(&t);
    check_ok(try_fit(f, "regression", NULL, "gbdt", &t, &e), &e);
    check_ok(target_encode(&t, g, out, &e), &e);
    assert_true(out[0] == 1 && isnan(out[2]) && out[3] == 7);
    check_err(target_encode(&t, h, out, &e), ERR_INVALID, &e, "needs numbers");
    target_done(&t);
    frame_free(f);
    frame_free(g);
    frame_free(h);
    frame_free(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_task_follows_from_the_column),
        TEST(test_order_of_classes),
        TEST(test_refusals),
        TEST(test_other_tables),
    };
    return cmocka_run_group_tests_name("engine/target", tests, NULL, NULL);
}
