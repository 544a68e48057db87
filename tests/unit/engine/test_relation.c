/* test_relation.c: columns two at a time against published figures (Anscombe's first set, the
 * usual examples of rank correlation and of the correlation ratio) and values of SciPy and
 * scikit-learn; missing values, bounds; outliers, copies and patterns of missing values. */
#include "engine/frame/quality.h"
#include "engine/frame/relation.h"
#include "enginetest.h"

#define NEAR(got, want) check_near(got, want, 1e-12, 1e-12, #got)

static struct relations *relate(const struct frame *f, const char *target, bool classes)
{
    const struct relations_spec spec = { 1000, 50, target, classes };
    struct relations *r;
    struct err e = ERR_INIT;

    check_ok(relations_new(f, &spec, &r, &e), &e);
    return r;
}

static void test_numbers(void **state)
{
    static const double x[] = { 10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5 };
    static const double y[] = { 8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68 };
    struct frame *f = frame_new();

    (void)state;
    put_nums(f, "x", COL_REAL, x, 11);
    put_nums(f, "y", COL_REAL, y, 11);
    struct relations *r = relate(f, NULL, false);
    check_near(relation_pearson(r, 0, 1), .81642, 5e-6, 0, "Anscombe's first");
    NEAR(relation_spearman(r, 0, 1), 1 - 6 * 40. / (11 * 120)); /* no ties */
    relations_free(r);
    frame_free(f);
}

/* Intelligence and hours of television; rho = -29/165. A row that lacks one value is left out. */
static void test_ranks(void **state)
{
    static const double iq[] = { 106, 100, 86, 101, 99, 103, 97, 113, 112, 110, 500, NAN };
    static const double tv[] = { 7, 27, 2, 50, 28, 29, 20, 12, 6, 17, NAN, 3 };
    struct frame *f = frame_new();

    (void)state;
    put_nums(f, "iq", COL_REAL, iq, 12);
    put_nums(f, "tv", COL_REAL, tv, 12);
    struct relations *r = relate(f, NULL, false);
    NEAR(relation_spearman(r, 0, 1), -29. / 165);
    NEAR(relation_spearman(r, 1, 0), -29. / 165);
    relations_free(r);
    frame_free(f);
}

/* Marks in three subjects: 6,780 of 9,640 lie between them. */
static void test_ratio(void **state)
{
    static const char *const subject[] = { "a", "a", "a", "a", "a", "g", "g", "g",
                                           "g", "s", "s", "s", "s", "s", "s" };
    static const double mark[] = { 45, 70, 29, 15, 21, 40, 20, 30, 42, 65, 95, 80, 70, 85, 73 };
    struct frame *f = frame_new();

    (void)state;
    put_texts(f, "subject", COL_CATEGORY, subject, 15);
    put_nums(f, "mark", COL_REAL, mark, 15);
    struct relations *r = relate(f, "mark", false);
    assert_int_equal(relations_target(r), 0);
    assert_int_equal(relations_n(r), 2);
    NEAR(relation_eta2(r, 1, 0), 6780. / 9640);
    relations_free(r);
    frame_free(f);
}

static void test_levels(void **state)
{
    static const int cell[3][3] = { { 12, 3, 5 }, { 2, 14, 4 }, { 6, 5, 9 } };
    static const char *const names[] = { "p", "q", "r" };
    const char *a[60], *b[60];
    struct frame *f = frame_new();
    size_t n = 0;

    (void)state;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < cell[i][j]; k++) {
                a[n] = names[i];
                b[n++] = names[j];
            }
    put_texts(f, "a", COL_CATEGORY, a, n);
    put_texts(f, "b", COL_CATEGORY, b, n);
    struct relations *r = relate(f, NULL, false);
    NEAR(relation_cramers_v(r, 0, 1), 0.36243999546148153);
    NEAR(relation_information(r, 0, 1), 0.12642357420669276);
    NEAR(relation_cramers_v(r, 0, 0), 1);
    relations_free(r);
    frame_free(f);
}

static void test_classes(void **state)
{
    static const double y[] = { 0, 0, 1, 1, 1, 0 }, x[] = { 1, 2, 2, 3, 4, NAN };
    static const double same[] = { 5, 5, 5, 5, 5, 5 };
    struct frame *f = frame_new();
    struct err e = ERR_INIT;
    char buf[40];

    (void)state;
    put_nums(f, "x", COL_REAL, x, 6);
    put_nums(f, "y", COL_INT, y, 6);
    put_nums(f, "same", COL_INT, same, 6);
    struct relations *r = relate(f, "y", true);
    assert_int_equal(relations_n(r), 2); /* a constant takes no part */
    assert_int_equal(relations_levels(r, 0), 2);
    assert_string_equal(relations_label(r, 0, 1, buf), "1");
    NEAR(relation_auc(r, 0, 1), 5.5 / 6);
    relations_free(r);
    const struct relations_spec spec = { 6, 50, "same", true };
    check_err(relations_new(f, &spec, &r, &e), ERR_INVALID, &e, "one value");
    frame_free(f);
}

static void test_bounds(void **state)
{
    struct frame *f = frame_new();
    struct relations *r;
    struct err e = ERR_INIT;
    char name[8];

    (void)state;
    for (int c = 0; c < 30; c++) {
        snprintf(name, sizeof name, "c%d", c);
        double *v = add_num(f, name, COL_REAL, 500);
        for (int i = 0; i < 500; i++) v[i] = (i * 7 + c * i % 13) % 101;
    }
    const struct relations_spec spec = { 100, 10, "c25", false };
    check_ok(relations_new(f, &spec, &r, &e), &e);
    assert_int_equal(relations_rows(r), 100);
    assert_int_equal(relations_n(r), 11);
    assert_string_equal(relations_column(r, 0)->name, "c25");
    relations_free(r);
    frame_free(f);
}

static void test_outliers(void **state)
{
    double x[103];
    struct frame *f = frame_new();
    struct outliers o;
    struct err e = ERR_INIT;

    (void)state;
    for (int i = 0; i < 100; i++) x[i] = i;
    x[100] = 400;
    x[101] = NAN;
    x[102] = -300;
    put_nums(f, "x", COL_REAL, x, 103);
    check_ok(column_outliers(&f->cols[0], 103, &o, &e), &e);
    assert_int_equal(o.iqr, 2);
    assert_int_equal(o.mad, 2);
    assert_int_equal(o.n, 2);
    assert_int_equal(o.row[0], 100); /* 350 off, the other 350 and a bit less */
    assert_int_equal(o.row[1], 102);
    frame_free(f);
}

static void test_rows(void **state)
{
    static const double x[] = { 1, 1, 0., -0., NAN, NAN, 2 };
    static const char *const t[] = { "a", "a", "b", "b", "c", NULL, NULL };
    struct frame *f = frame_new();
    struct missingness m;
    struct err e = ERR_INIT;
    size_t copies;

    (void)state;
    put_nums(f, "x", COL_REAL, x, 7);
    put_texts(f, "t", COL_CATEGORY, t, 7);
    check_ok(frame_duplicates(f, &copies, &e), &e);
    assert_int_equal(copies, 2);
    check_ok(frame_missingness(f, &m, &e), &e);
    assert_int_equal(m.complete, 4);
    assert_int_equal(m.patterns, 3);
    assert_int_equal(m.n, 3);
    assert_int_equal(m.top[0].example, 4);
    assert_int_equal(m.top[2].example, 6);
    frame_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_numbers), TEST(test_ranks),  TEST(test_ratio),    TEST(test_levels),
        TEST(test_classes), TEST(test_bounds), TEST(test_outliers), TEST(test_rows),
    };

    return cmocka_run_group_tests_name("relation", tests, NULL, NULL);
}
