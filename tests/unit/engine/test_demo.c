/* test_demo.c: the made-up transactions are what share/doc/DEMO_DATA says: reproducible,
 * sensible in every column, hard for a linear model and easier for trees. */
#include "base/clock.h"
#include "engine/demo.h"
#include "engine/frame/split.h"
#include "engine/metric/metric.h"
#include "engine/model/model.h"
#include "enginetest.h"

static struct frame *make(uint64_t seed, size_t rows, double rate, double shift)
{
    struct demo_spec spec = { seed, rows, 1735689600000000, rate, shift };
    struct frame *f = NULL;
    struct err e = ERR_INIT;

    check_ok(demo_frame(&spec, &f, &e), &e);
    return f;
}

static double mean(const struct frame *f, const char *name)
{
    const struct column *c = frame_col(f, name);
    double sum = 0;

    for (size_t i = 0; i < f->n_rows; i++) sum += c->num[i];
    return sum / (double)f->n_rows;
}

static void test_same_seed_same_rows(void **state)
{
    struct frame *a = make(7, 500, 0, 0), *b = make(7, 500, 0, 0), *c = make(8, 500, 0, 0);
    struct frame *longer = make(7, 800, 0, 0), *head = NULL;
    uint32_t rows[500];
    struct err e = ERR_INIT;

    (void)state;
    for (uint32_t i = 0; i < 500; i++) rows[i] = i;
    check_ok(frame_take(longer, rows, 500, &head, &e), &e);
    assert_true(frame_fingerprint(a) == frame_fingerprint(b));
    assert_true(frame_fingerprint(a) == frame_fingerprint(head));
    assert_true(frame_fingerprint(a) != frame_fingerprint(c));
    /* fixed for good: these rows are in data/ and in what users have seen */
    char buf[40];
    assert_string_equal(column_text(frame_col(a, "transaction_id"), 0, buf), "tb8b4c2977eabce45");
    assert_string_equal(column_text(frame_col(a, "timestamp"), 0, buf), "2025-01-01T00:05:57.316Z");
    assert_string_equal(column_text(frame_col(a, "amount"), 0, buf), "32.38");
    frame_free(a);
    frame_free(b);
    frame_free(c);
    frame_free(longer);
    frame_free(head);
}

static void test_columns_make_sense(void **state)
{
    struct frame *f = make(3, 20000, 0, 0);
    const double *t = frame_col(f, "timestamp")->num, *hour = frame_col(f, "hour")->num;
    const double *weekend = frame_col(f, "is_weekend")->num;

    (void)state;
    assert_int_equal(f->n_cols, 13);
    for (size_t j = 0; j < f->n_cols; j++)
        assert_int_equal(column_missing(&f->cols[j], f->n_rows), 0);
    assert_int_equal(dict_len(frame_col(f, "transaction_id")->dict), 20000);
    for (size_t i = 0; i < f->n_rows; i++) {
        int64_t h = (int64_t)t[i] / 3600000000 % 24, day = (int64_t)t[i] / 86400000000;
        assert_true(i == 0 || t[i] > t[i - 1]);
        assert_int_equal((int64_t)hour[i], h);
        assert_int_equal(weekend[i] != 0, (day + 4) % 7 == 0 || (day + 4) % 7 == 6);
    }
    check_near(mean(f, "fraud"), 0.03, 0.005, 0, "share of fraud");
    assert_true(mean(f, "amount") > 10 && mean(f, "amount") < 200);
    frame_free(f);
}

static void test_rate_and_shift(void **state)
{
    struct frame *f = make(4, 20000, 0.1, 0), *g = make(4, 20000, 0, 1);
    struct demo_spec bad = { .rows = 10, .shift = 2 };
    struct frame *none = NULL;
    struct err e = ERR_INIT;

    (void)state;
    check_near(mean(f, "fraud"), 0.1, 0.01, 0, "share of fraud");
    assert_true(mean(g, "amount_ratio") > 1.4 * mean(f, "amount_ratio"));
    assert_true(mean(g, "fraud") > 0.05);
    check_err(demo_frame(&bad, &none, &e), ERR_INVALID, &e, "shift 2");
    assert_null(none);
    frame_free(f);
    frame_free(g);
}

static double holdout_auc(const char *algorithm, const struct frame *train,
                          const struct frame *test)
{
    static const char *const drop[] = { "timestamp", NULL };
    struct model_spec spec = { .algorithm = algorithm, .target = "fraud", .drop = drop };
    struct engine en = { .pool = pool_new(2) };
    struct model *m = NULL;
    struct err e = ERR_INIT;
    double *p = malloc(2 * test->n_rows * sizeof *p), *y = p + test->n_rows, auc;

    check_ok(model_fit(&en, &spec, train, NULL, &m, &e), &e);
    check_ok(model_predict(&en, m, test, p, &e), &e);
    check_ok(model_encode_target(m, test, y, &e), &e);
    auc =
        metric_find("auc")->fn(&(struct metric_input){ TASK_BINARY, 2, test->n_rows, y, p, NULL });
    print_message("%s: AUC %.4f\n", algorithm, auc);
    free(p);
    model_free(m);
    pool_free(en.pool);
    return auc;
}

static void test_trees_see_more_than_lines(void **state)
{
    struct frame *f = make(7, 20000, 0, 0), *train = NULL, *test = NULL;
    struct split s;
    struct err e = ERR_INIT;

    (void)state;
    check_ok(split_holdout(f->n_rows, SPLIT_TIME, 0.25, NULL, 0, &s, &e), &e);
    check_ok(frame_take(f, s.train, s.n_train, &train, &e), &e);
    check_ok(frame_take(f, s.test, s.n_test, &test, &e), &e);
    double line = holdout_auc("logistic", train, test), trees = holdout_auc("gbdt", train, test);
    assert_true(line > 0.84 && line < 0.90);
    assert_true(trees > 0.93 && trees < 0.98);
    split_done(&s);
    frame_free(f);
    frame_free(train);
    frame_free(test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_same_seed_same_rows),
        TEST(test_columns_make_sense),
        TEST(test_rate_and_shift),
        TEST(test_trees_see_more_than_lines),
    };
    return cmocka_run_group_tests_name("engine/demo", tests, NULL, NULL);
}
