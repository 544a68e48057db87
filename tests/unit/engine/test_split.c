/* test_split.c: every row is on one side, shares are kept, times are not mixed. */
#include "engine/frame/split.h"
#include "enginetest.h"

static struct column numbers(double *v, enum col_type type)
{
    return (struct column){ .name = (char *)(uintptr_t) "y", .type = type, .num = v };
}

static void check_partition(const struct split *s, size_t n_rows)
{
    uint8_t *seen = calloc(n_rows, 1);

    assert_int_equal(s->n_train + s->n_test, n_rows);
    for (size_t i = 0; i < s->n_train; i++) {
        assert_true(i == 0 || s->train[i - 1] < s->train[i]);
        seen[s->train[i]]++;
    }
    for (size_t i = 0; i < s->n_test; i++) {
        assert_true(i == 0 || s->test[i - 1] < s->test[i]);
        seen[s->test[i]]++;
    }
    for (size_t i = 0; i < n_rows; i++) assert_int_equal(seen[i], 1);
    free(seen);
}

static void test_random_holdout(void **state)
{
    struct split a, b, c;
    struct err e = ERR_INIT;

    (void)state;
    check_ok(split_holdout(1001, SPLIT_RANDOM, 0.2, NULL, 7, &a, &e), &e);
    check_ok(split_holdout(1001, SPLIT_RANDOM, 0.2, NULL, 7, &b, &e), &e);
    check_ok(split_holdout(1001, SPLIT_RANDOM, 0.2, NULL, 8, &c, &e), &e);
    assert_int_equal(a.n_test, 200);
    check_partition(&a, 1001);
    assert_memory_equal(a.test, b.test, a.n_test * sizeof *a.test);
    assert_memory_not_equal(a.test, c.test, a.n_test * sizeof *a.test);
    split_done(&a);
    split_done(&b);
    split_done(&c);
}

static size_t count_value(const struct split *s, const double *y, double v)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_test; i++) n += y[s->test[i]] == v;
    return n;
}

static void test_stratified_holdout_keeps_rare_classes(void **state)
{
    double y[1000];
    struct column by = numbers(y, COL_INT);
    struct split s;
    struct err e = ERR_INIT;

    (void)state;
    for (int i = 0; i < 1000; i++) y[i] = i % 100 == 0 ? 1 : i % 100 == 1 ? NAN : 0;
    check_ok(split_holdout(1000, SPLIT_STRATIFIED, 0.3, &by, 3, &s, &e), &e);
    check_partition(&s, 1000);
    assert_int_equal(s.n_test, 300);
    assert_int_equal(count_value(&s, y, 1), 3);
    assert_int_equal(count_value(&s, y, 0), 294);
    split_done(&s);
}

static void test_stratified_by_quantiles(void **state)
{
    double y[1000], lowest = 0;
    struct column by = numbers(y, COL_REAL);
    struct split s;
    struct err e = ERR_INIT;

    (void)state;
    for (int i = 0; i < 1000; i++) y[i] = (i * 37) % 1000;
    check_ok(split_holdout(1000, SPLIT_STRATIFIED, 0.2, &by, 3, &s, &e), &e);
    check_partition(&s, 1000);
    for (size_t i = 0; i < s.n_test; i++) lowest += y[s.test[i]] < 100;
    assert_int_equal(lowest, 20); /* a fifth of the lowest tenth */
    split_done(&s);
}

static void test_stratified_by_text(void **state)
{
    struct frame *f = frame_new();
    const char *t[90];
    struct split s;
    struct err e = ERR_INIT;
    size_t rare = 0;

    (void)state;
    for (int i = 0; i < 90; i++) t[i] = i % 9 == 0 ? "rare" : i % 2 ? "a" : NULL;
    put_texts(f, "y", COL_TEXT, t, 90);
    check_ok(split_holdout(90, SPLIT_STRATIFIED, 0.5, &f->cols[0], 1, &s, &e), &e);
    for (size_t i = 0; i < s.n_test; i++) rare += s.test[i] % 9 == 0;
    assert_int_equal(rare, 5);
    split_done(&s);
    check_err(split_holdout(90, SPLIT_TIME, 0.5, &f->cols[0], 1, &s, &e), ERR_INVALID, &e, "text");
    frame_free(f);
}

static void test_time_holdout(void **state)
{
    double y[10] = { 5, 1, 2, 9, 9, NAN, 3, 9, 4, 0 };
    struct column by = numbers(y, COL_TIME);
    struct split s;
    struct err e = ERR_INIT;

    (void)state;
    check_ok(split_holdout(10, SPLIT_TIME, 0.2, &by, 0, &s, &e), &e);
    check_partition(&s, 10);
    assert_int_equal(s.n_test, 3); /* all three nines, not two of them */
    assert_true(s.test[0] == 3 && s.test[1] == 4 && s.test[2] == 7);
    split_done(&s);
    check_ok(split_holdout(10, SPLIT_TIME, 0.3, NULL, 0, &s, &e), &e);
    assert_int_equal(s.n_test, 3);
    assert_int_equal(s.test[0], 7);
    split_done(&s);
}

static void test_refusals(void **state)
{
    double same[5] = { 1, 1, 1, 1, 1 };
    struct column by = numbers(same, COL_TIME);
    struct split s, many[9];
    struct err e = ERR_INIT;

    (void)state;
    check_err(split_holdout(5, SPLIT_RANDOM, 1.5, NULL, 0, &s, &e), ERR_INVALID, &e, "share");
    check_err(split_holdout(5, SPLIT_RANDOM, NAN, NULL, 0, &s, &e), ERR_INVALID, &e, "share");
    check_err(split_holdout(1, SPLIT_RANDOM, 0.2, NULL, 0, &s, &e), ERR_INVALID, &e, "too few");
    check_err(split_holdout(0, SPLIT_RANDOM, 0.2, NULL, 0, &s, &e), ERR_INVALID, &e, "too few");
    check_err(split_holdout(5, SPLIT_TIME, 0.4, &by, 0, &s, &e), ERR_INVALID, &e, "too few");
    check_err(split_holdout(5, SPLIT_STRATIFIED, 0.4, NULL, 0, &s, &e), ERR_INVALID, &e, "column");
    check_err(split_folds(5, SPLIT_RANDOM, 6, NULL, 0, many, &e), ERR_INVALID, &e, "folds");
    check_err(split_folds(5, SPLIT_TIME, 3, &by, 0, many, &e), ERR_INVALID, &e, "too few");
}

static void test_folds_partition_the_rows(void **state)
{
    double y[103];
    struct column by = numbers(y, COL_INT);
    struct split s[5];
    struct err e = ERR_INIT;

    (void)state;
    for (int i = 0; i < 103; i++) y[i] = i % 10 == 0;
    for (int kind = SPLIT_RANDOM; kind <= SPLIT_STRATIFIED; kind++) {
        int seen[103] = { 0 };
        check_ok(split_folds(103, (enum split_kind)kind, 5, &by, 11, s, &e), &e);
        for (int k = 0; k < 5; k++) {
            check_partition(&s[k], 103);
            assert_in_range(s[k].n_test, 20, 21);
            if (kind == SPLIT_STRATIFIED) assert_in_range(count_value(&s[k], y, 1), 2, 3);
            for (size_t i = 0; i < s[k].n_test; i++) seen[s[k].test[i]]++;
            split_done(&s[k]);
        }
        for (int i = 0; i < 103; i++) assert_int_equal(seen[i], 1);
    }
}

static void test_time_folds_expand(void **state)
{
    double t[100];
    struct column by = numbers(t, COL_TIME);
    struct split s[4];
    struct err e = ERR_INIT;

    (void)state;
    for (int i = 0; i < 100; i++) t[i] = 99 - i;
    check_ok(split_folds(100, SPLIT_TIME, 4, &by, 0, s, &e), &e);
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(s[k].n_train, 20 * (k + 1));
        assert_int_equal(s[k].n_test, 20);
        for (size_t i = 0; i < 20; i++) assert_true(t[s[k].test[i]] >= 20.0 * (double)(k + 1));
        for (size_t i = 0; i < s[k].n_train; i++)
            assert_true(t[s[k].train[i]] < 20.0 * (double)(k + 1));
        split_done(&s[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_random_holdout),
        TEST(test_stratified_holdout_keeps_rare_classes),
        TEST(test_stratified_by_quantiles),
        TEST(test_stratified_by_text),
        TEST(test_time_holdout),
        TEST(test_refusals),
        TEST(test_folds_partition_the_rows),
        TEST(test_time_folds_expand),
    };
    return cmocka_run_group_tests_name("engine/split", tests, NULL, NULL);
}
