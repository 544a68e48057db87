/* test_multivariate.c: tests of the features together: principal components against the shared
 * vectors, error rates over a thousand pairs of equal tables, power on a change that no feature
 * shows alone, what is left out, and any number of threads. */
#include "base/rng.h"
#include "engine/drift/multivariate.h"
#include "engine/pool.h"
#include "engine/stats/principal.h"
#include "pairs.h"

static struct engine engine;

static int setup(void **state)
{
    (void)state;
    engine = (struct engine){ .pool = pool_new(1) };
    return engine.pool ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pool_free(engine.pool);
    return 0;
}

/* d normal columns; the second has that correlation with the first. */
static struct frame *normals(size_t n, size_t d, double correlation, struct rng *r)
{
    struct frame *f = frame_new();
    struct column *c;
    char name[24];
    for (size_t j = 0; j < d; j++) {
        snprintf(name, sizeof name, "f%zu", j);
        assert_int_equal(frame_add(f, name, COL_REAL, n, &c, NULL), 0);
        for (size_t i = 0; i < n; i++) c->num[i] = rng_normal(r);
    }
    double rest = sqrt(1 - correlation * correlation);
    for (size_t i = 0; i < n; i++)
        f->cols[1].num[i] = correlation * f->cols[0].num[i] + rest * f->cols[1].num[i];
    return f;
}

static struct multi_result compare(const char *test, const struct frame *a, const struct frame *b)
{
    struct multi_result r;
    struct err e = ERR_INIT;
    if (multi_compare(&engine, multi_test_find(test), a, b, drift_profile_find("sound"), NULL, &r,
                      &e))
        fail_msg("%s", e.msg);
    return r;
}

/* ---- principal components --------------------------------------------------------------- */

enum { ROWS = 200, COLS = 5 };

/* The five columns of the vectors' PCA, made of its three generators. */
static void vector_columns(const struct val *gens, double *x)
{
    double raw[3][ROWS];
    for (size_t g = 0; g < 3; g++) {
        const struct val *gen = val_at(gens, g), *p = val_get(gen, "p");
        double par[5] = { vectors_num(val_at(p, 0)), vectors_num(val_at(p, 1)) };
        for (size_t i = 0; i < ROWS; i++)
            raw[g][i] = pair_value(val_get_str(gen, "dist", ""), par,
                                   (uint64_t)val_get_int(gen, "seed", 0), i);
    }
    for (size_t i = 0; i < ROWS; i++) {
        double a = raw[0][i], b = raw[1][i], c = raw[2][i];
        double row[COLS] = { a, 0.8 * a + 0.6 * b, b - 0.3 * c, c, a + b + c };
        for (size_t j = 0; j < COLS; j++) x[j * ROWS + i] = row[j];
    }
}

static void components_of_the_vectors(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    const struct val *all = vectors_load(&a, "misc.json"), *v = val_get(all, "pca_reconstruction");
    double x[COLS * ROWS], error[ROWS], squares[COLS];
    struct principal p;
    struct sample s;
    if (!all) {
        arena_done(&a);
        skip();
    }
    vector_columns(val_get(v, "gen"), x);
    assert_int_equal(principal_fit(&engine, x, ROWS, COLS, 0.65, &p, NULL), 0);
    vectors_case("pca k", (double)p.k, val_get_real(v, "k", NAN), 0, 0, "components");
    for (size_t c = 0; c < COLS; c++) {
        double want = vectors_num(val_at(val_get(v, "explained_variance_ratio_full"), c));
        if (want > 1e-20) vectors_case("pca explained variance", p.ratio[c], want, 1e-12, 1e-10, "");
        else vectors_near(p.ratio[c], 0, 1e-12, 0, "only three of the columns are independent");
    }
    assert_int_equal(principal_distance(&p, x, ROWS, error, squares, NULL), 0);
    assert_int_equal(sample_new(error, ROWS, &s, NULL), 0);
    struct moments m = sample_moments(&s);
    vectors_case("pca error", m.mean, val_get_real(v, "ref_mean_error", NAN), 1e-12, 1e-10,
                 "reference");
    vectors_case("pca error s.d.", m.std, val_get_real(v, "ref_std_error_ddof1", NAN), 1e-12,
                 1e-10, "reference");
    double sum = 0;
    for (size_t j = 0; j < COLS; j++) sum += squares[j];
    vectors_near(sum / ROWS, m.mean * m.mean + m.var, 0, 1e-12, "squares add up");
    sample_done(&s);
    for (size_t i = 0; i < ROWS; i++) x[ROWS + i] = -x[ROWS + i];
    assert_int_equal(principal_distance(&p, x, ROWS, error, NULL, NULL), 0);
    assert_int_equal(sample_new(error, ROWS, &s, NULL), 0);
    vectors_case("pca error", sample_moments(&s).mean,
                 val_get_real(v, "drifted(column 2 negated)_mean_error", NAN), 1e-12, 1e-10,
                 "column 2 negated");
    sample_done(&s);
    principal_done(&p);
    arena_done(&a);
}

static void components_by_hand(void **state)
{
    (void)state;
    /* two columns that are one, a constant, and one that is orthogonal to them */
    const double x[] = { -1, 1, -1, 1, -2, 2, -2, 2, 7, 7, 7, 7, -3, -3, 3, 3 };
    double error[4];
    struct principal p;
    assert_int_equal(principal_fit(&engine, x, 4, 4, 0.5, &p, NULL), 0);
    assert_int_equal(p.k, 1);
    vectors_near(p.ratio[0], 2.0 / 3, 1e-15, 0, "two of three");
    vectors_near(p.ratio[1], 1.0 / 3, 1e-15, 0, "one of three");
    assert_true(p.scale[2] == 0 && p.ratio[2] < 1e-15 && p.ratio[3] < 1e-15);
    vectors_near(p.axes[0], sqrt(0.5), 1e-15, 0, "equal parts");
    vectors_near(p.axes[1], sqrt(0.5), 1e-15, 0, "equal parts");
    assert_int_equal(principal_distance(&p, x, 4, error, NULL, NULL), 0);
    for (int i = 0; i < 4; i++) vectors_near(error[i], 1, 1e-14, 0, "the fourth column is left");
    principal_done(&p);
}

/* ---- error rates ------------------------------------------------------------------------ */

static void judge_rate(const char *test, size_t n, size_t d, int pairs)
{
    int significant = 0, drifted = 0;
    for (int run = 0; run < pairs; run++) {
        struct rng r;
        rng_stream(&r, 2026, (uint64_t)run);
        struct frame *a = normals(n, d, 0.5, &r), *b = normals(n, d, 0.5, &r);
        engine.seed = (uint64_t)run;
        struct multi_result m = compare(test, a, b);
        assert_true(m.n_ref == n && m.p >= 0 && m.p <= 1);
        significant += m.p < 0.05;
        drifted += m.state == DRIFT_DRIFTED;
        frame_free(a);
        frame_free(b);
    }
    printf("error rates %-17s %d pairs of %zu x %zu: equal %4.1f %%, called drifted %4.1f %%\n",
           test, pairs, n, d, 100.0 * significant / pairs, 100.0 * drifted / pairs);
    assert_true(significant * 100 <= 6 * pairs);
    assert_true(significant * 100 >= pairs); /* a test that never says yes holds any rate */
    assert_true(drifted <= significant);
}

static void false_alarms_of_the_classifier(void **state)
{
    (void)state;
    judge_rate("domain_classifier", 60, 2, 1000);
}

static void false_alarms_of_the_components(void **state)
{
    (void)state;
    judge_rate("pca", 60, 4, 1000);
    judge_rate("pca", 300, 6, 1000);
}

/* ---- power ------------------------------------------------------------------------------ */

/* Two features that went together do so no more: alone, each is what it was. */
static void a_correlation_that_is_gone(void **state)
{
    (void)state;
    enum { RUNS = 25, N = 600 };
    int alone = 0, found[2] = { 0 };
    for (uint64_t run = 0; run < RUNS; run++) {
        struct rng r;
        rng_stream(&r, 9, run);
        struct frame *a = normals(N, 5, 0.8, &r), *b = normals(N, 5, 0, &r);
        struct drift_report s;
        assert_int_equal(drift_compare(&engine, a, b, drift_profile_find("sound"), NULL, &s, NULL),
                         0);
        alone += s.drifted > 0;
        drift_report_done(&s);
        engine.seed = run;
        for (int t = 0; t < 2; t++) {
            struct multi_result m = compare(multi_tests[t].name, a, b);
            found[t] += m.state == DRIFT_DRIFTED;
            if (m.state != DRIFT_DRIFTED) continue;
            bool both = str_eq(m.features[0].name, "f0") || str_eq(m.features[0].name, "f1");
            assert_true(both);
            assert_true(str_eq(m.features[1].name, "f0") || str_eq(m.features[1].name, "f1"));
            assert_true(m.features[0].share >= m.features[1].share);
            assert_true(m.figure.low <= m.figure.value && m.figure.value <= m.figure.high);
            assert_true(m.figure.value > m.expected.high);
        }
        frame_free(a);
        frame_free(b);
    }
    printf("correlation 0.8 -> 0, %d pairs: by a feature alone %d, domain classifier %d, pca %d\n",
           RUNS, alone, found[0], found[1]);
    assert_true(alone <= 1);
    assert_int_equal(found[0], RUNS);
    assert_int_equal(found[1], RUNS);
}

static void add_levels(struct frame *f, const char *name, const double *like, bool turned)
{
    struct column *c;
    assert_int_equal(frame_add(f, name, COL_CATEGORY, f->n_rows, &c, NULL), 0);
    for (size_t i = 0; i < f->n_rows; i++)
        c->code[i] = (like[i] > 0) != turned ? dict_add(c->dict, "up", 2)
                                             : dict_add(c->dict, "down", 4);
}

/* A category that followed a number and now goes against it; its dictionary has another order. */
static void categories_count_by_their_text(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 31);
    struct frame *a = normals(500, 2, 0, &r), *b = normals(500, 2, 0, &r);
    struct frame *c = normals(500, 2, 0, &r);
    add_levels(a, "level", a->cols[0].num, false);
    add_levels(b, "level", b->cols[0].num, true);
    add_levels(c, "level", c->cols[0].num, false);
    for (size_t i = 0; i < 500; i += 5) c->cols[2].code[i] = -1;
    struct multi_result m = compare("domain_classifier", a, b);
    assert_int_equal(m.state, DRIFT_DRIFTED);
    assert_true(m.figure.value > 0.99 && m.features[0].share + m.features[1].share > 0.95);
    m = compare("domain_classifier", a, c); /* missing values are a change as well */
    assert_int_equal(m.state, DRIFT_DRIFTED);
    assert_string_equal(m.features[0].name, "level");
    assert_true(m.figure.value > 0.55 && m.figure.value < 0.7);
    frame_free(a);
    frame_free(b);
    frame_free(c);
}

/* ---- edges ------------------------------------------------------------------------------ */

static void times_and_texts_are_left_out(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 6);
    struct frame *a = normals(200, 2, 0, &r), *b = normals(200, 2, 0, &r);
    struct column *c;
    for (int side = 0; side < 2; side++) {
        struct frame *f = side ? b : a;
        assert_int_equal(frame_add(f, "at", COL_TIME, 200, &c, NULL), 0);
        for (size_t i = 0; i < 200; i++) c->num[i] = (double)(side * 1000 + (int)i);
        assert_int_equal(frame_add(f, "text", COL_TEXT, 200, &c, NULL), 0);
        for (size_t i = 0; i < 200; i++) c->code[i] = dict_add(c->dict, side ? "b" : "a", 1);
    }
    for (const struct multi_test *t = multi_tests; t->name; t++) {
        struct multi_result m = compare(t->name, a, b);
        assert_true(m.p > 1e-4); /* seen, they would tell every row's side */
        const char *const skip[] = { "f0", "f1", NULL };
        assert_int_equal(multi_compare(&engine, t, a, b, drift_profile_find("sound"), skip, &m,
                                       NULL),
                         0);
        assert_int_equal(m.state, DRIFT_SKIPPED);
        assert_true(isnan(m.p) && m.n_features == 0 && strstr(m.note, "no column"));
    }
    frame_free(a);
    frame_free(b);
}

static void constants_and_few_rows(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 7);
    struct frame *a = normals(100, 2, 0, &r), *b = normals(49, 2, 0, &r);
    struct frame *c = normals(100, 2, 0, &r), *d = normals(100, 2, 0, &r);
    for (size_t i = 0; i < 100; i++)
        for (int j = 0; j < 2; j++) c->cols[j].num[i] = d->cols[j].num[i] = 3;
    for (const struct multi_test *t = multi_tests; t->name; t++) {
        struct multi_result m = compare(t->name, a, b);
        assert_int_equal(m.state, DRIFT_TOO_FEW);
        assert_non_null(strstr(m.note, "at least 50"));
        m = compare(t->name, c, d);
        assert_int_equal(m.state, DRIFT_OK);
        assert_true(m.p == 1 && m.effect == 0 && m.n_features == 0);
        m = compare(t->name, c, a); /* what was constant is no more */
        if (str_eq(t->name, "domain_classifier")) assert_int_equal(m.state, DRIFT_DRIFTED);
        m = compare(t->name, a, c);
        assert_int_equal(m.state, DRIFT_DRIFTED);
        for (size_t i = 0; i < 100; i++) d->cols[1].num[i] = NAN;
        compare(t->name, d, a);
        compare(t->name, a, d);
        for (size_t i = 0; i < 100; i++) d->cols[1].num[i] = 3;
    }
    frame_free(a);
    frame_free(b);
    frame_free(c);
    frame_free(d);
}

static void large_tables_are_sampled_evenly(void **state)
{
    (void)state;
    uint32_t rows[4];
    multi_even_rows(rows, 10, 4);
    assert_true(rows[0] == 0 && rows[1] == 2 && rows[2] == 5 && rows[3] == 7);
    assert_int_equal(multi_rows_wanted(500, 3), 500);
    assert_int_equal(multi_rows_wanted(1000000, 3), MULTI_ROWS);
    assert_int_equal(multi_rows_wanted(1000000, 400), MULTI_CELLS / 400);
    assert_int_equal(multi_rows_wanted(1000000, 100000), MULTI_ROWS_MIN);
    struct rng r;
    rng_seed(&r, 8);
    struct frame *a = normals(25000, 2, 0, &r), *b = normals(300, 2, 0, &r);
    struct multi_result m = compare("pca", a, b);
    assert_true(m.n_ref == MULTI_ROWS && m.n_cur == 300);
    frame_free(a);
    frame_free(b);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    struct pool *one = engine.pool, *three = pool_new(3);
    struct rng r;
    rng_seed(&r, 10);
    struct frame *a = normals(3000, 8, 0.3, &r), *b = normals(2000, 8, 0.1, &r);
    for (const struct multi_test *t = multi_tests; t->name; t++) {
        engine.seed = 5;
        struct multi_result m = compare(t->name, a, b);
        engine.pool = three;
        struct multi_result k = compare(t->name, a, b);
        engine.pool = one;
        assert_memory_equal(&m.figure, &k.figure, sizeof m.figure);
        assert_memory_equal(&m.expected, &k.expected, sizeof m.expected);
        assert_true(m.p == k.p && m.effect == k.effect && m.n_features == k.n_features);
        for (size_t i = 0; i < m.n_features; i++) {
            assert_string_equal(m.features[i].name, k.features[i].name);
            assert_true(m.features[i].share == k.features[i].share);
        }
    }
    pool_free(three);
    frame_free(a);
    frame_free(b);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(components_of_the_vectors),
        cmocka_unit_test(components_by_hand),
        cmocka_unit_test(false_alarms_of_the_classifier),
        cmocka_unit_test(false_alarms_of_the_components),
        cmocka_unit_test(a_correlation_that_is_gone),
        cmocka_unit_test(categories_count_by_their_text),
        cmocka_unit_test(times_and_texts_are_left_out),
        cmocka_unit_test(constants_and_few_rows),
        cmocka_unit_test(large_tables_are_sampled_evenly),
        cmocka_unit_test(threads_do_not_matter),
    };
    int status = cmocka_run_group_tests_name("drift.multivariate", t, setup, teardown);
    return vectors_report("misc.json", status);
}
