/* test_model_forms.c: LightGBM's and XGBoost's model files: what is written reads back as trees
 * that answer the same, errors name what is wrong, damaged files never do harm. The real
 * programs are asked in tests/integration/test_model_forms.sh. */
#include "base/mem.h"
#include "base/rng.h"
#include "codec/lightgbm.h"
#include "codec/xgboost.h"
#include "foresttest.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void ok(int rc, const struct err *e)
{
    if (rc) fail_msg("unexpected error %d: %s (%s)", rc, e->msg, e->hint);
}

struct form {
    int (*read)(struct arena *a, const char *text, size_t n, struct ensemble *ret, struct err *e);
    void (*write)(const struct ensemble *m, struct str *out);
    double tolerance;
};
static const struct form forms[] = { { lightgbm_read, lightgbm_write, 1e-12 },
                                     { xgboost_read, xgboost_write, 1e-5 } };

static void test_round(void **state)
{
    (void)state;
    for (size_t f = 0; f < 2; f++)
        for (uint64_t seed = 0; seed < 60; seed++) {
            struct arena a = ARENA_INIT;
            struct err e = ERR_INIT;
            struct rng r;
            struct ensemble m = make(&a, (enum ensemble_link)(seed % 4), seed), back;
            STR_AUTO text = STR_INIT;
            ok(ensemble_check(&m, &e), &e);
            forms[f].write(&m, &text);
            ok(forms[f].read(&a, str_c(&text), text.len, &back, &e), &e);
            assert_int_equal(back.k, m.k);
            assert_int_equal(back.link, m.link);
            assert_int_equal(back.n_trees, m.n_trees);
            rng_seed(&r, seed);
            for (int i = 0; i < 200; i++) {
                double x[3] = { (double)(float)rng_normal(&r), (double)(float)rng_normal(&r),
                                (double)rng_below(&r, 40) };
                if (rng_below(&r, 4) == 0) x[rng_below(&r, 3)] = (double)NAN;
                if (rng_below(&r, 4) == 0)
                    x[0] = m.trees[0].n_leaves > 1 ? m.trees[0].nodes[0].threshold : 0;
                for (size_t c = 0; c < m.k; c++) {
                    double want = score(&m, c, x), got = score(&back, c, x), shift = 0;
                    /* a constant on all classes changes nothing */
                    if (m.k > 1) shift = back.base[0] - 0;
                    assert_true(fabs(got - shift - want) <= forms[f].tolerance);
                }
            }
            arena_done(&a);
        }
}

/* The rounding that XGBoost does before it compares is in the thresholds. */
static void test_float_compare(void **state)
{
    static const char head[] =
        "{\"learner\":{\"feature_names\":[],\"feature_types\":[],\"gradient_booster\":{\"name\":"
        "\"gbtree\",\"model\":{\"tree_info\":[0],\"trees\":[{\"left_children\":[1,-1,-1],"
        "\"right_children\":[2,-1,-1],\"split_indices\":[0,0,0],\"split_conditions\":[%.9g,1,2],"
        "\"default_left\":[0,0,0],\"sum_hessian\":[2,1,1],\"loss_changes\":[1,0,0]}]}},"
        "\"learner_model_param\":{\"base_score\":\"[0E0]\",\"num_class\":\"0\",\"num_feature\":"
        "\"1\"},\"objective\":{\"name\":\"reg:squarederror\"}},\"version\":[3,2,0]}";
    struct rng r;

    (void)state;
    rng_seed(&r, 1);
    for (int i = 0; i < 2000; i++) {
        struct arena a = ARENA_INIT;
        struct err e = ERR_INIT;
        struct ensemble m;
        float c = (float)(rng_normal(&r) * pow(10, (double)rng_below(&r, 20) - 10));
        char *text = arena_printf(&a, head, (double)c);
        ok(xgboost_read(&a, text, strlen(text), &m, &e), &e);
        double near = (double)c * (1 + (double)((int)rng_below(&r, 9) - 4) * 0x1p-25);
        assert_true(score(&m, 0, &near) == ((float)near < c ? 1 : 2));
        arena_done(&a);
    }
}

static void expect(size_t f, const char *text, enum err_kind kind, const char *part)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct ensemble m;
    int rc = forms[f].read(&a, text, strlen(text), &m, &e);

    if (rc != -(int)kind) fail_msg("got %d (%s), expected %s", rc, e.msg, err_code(kind));
    if (!strstr(e.msg, part)) fail_msg("\"%s\" does not contain \"%s\"", e.msg, part);
    arena_done(&a);
}

static void test_errors(void **state)
{
    (void)state;
    expect(0, "", ERR_PARSE, "not a LightGBM model");
    expect(0, "tree\nversion=v4\n", ERR_PARSE, "names no features");
    expect(0, "tree\nmax_feature_idx=0\nfeature_names=a\nobjective=tweedie\n\nTree=0\n",
           ERR_INVALID, "tweedie");
    expect(0, "tree\nmax_feature_idx=1\nfeature_names=a\n\nTree=0\n", ERR_PARSE, "1 feature names");
    expect(0, "tree\nmax_feature_idx=0\nfeature_names=a\n\nTree=0\nnum_leaves=1\nleaf_value=3\n",
           ERR_PARSE, "cut off");
    expect(0,
           "tree\nmax_feature_idx=0\nfeature_names=a\n\nTree=0\nnum_leaves=2\nsplit_feature=0\n"
           "threshold=1\ndecision_type=6\nleft_child=-1\nright_child=-2\nleaf_value=1 2\n\n"
           "end of trees\n",
           ERR_INVALID, "zero for missing");
    expect(0,
           "tree\nmax_feature_idx=0\nfeature_names=a\n\nTree=0\nnum_leaves=2\nsplit_feature=0\n"
           "threshold=1\ndecision_type=2\nleft_child=0\nright_child=-2\nleaf_value=1 2\n\n"
           "end of trees\n",
           ERR_PARSE, "leads back up");
    expect(0,
           "tree\nmax_feature_idx=0\nfeature_names=a\n\nTree=0\nnum_leaves=1\nleaf_value=3\n"
           "num_leaves=900\n\nend of trees\n",
           ERR_PARSE, "not where it belongs");
    expect(0, "tree\nmax_feature_idx=0\nfeature_names=a\n\nTree=0\nleaf_value=3\nnum_leaves=9\n",
           ERR_PARSE, "not where it belongs");
    expect(0,
           "tree\nmax_feature_idx=0\nfeature_names=a\n\nTree=0\nnum_leaves=1\ncat_boundaries=0\n"
           "num_cat=70\n",
           ERR_PARSE, "not where it belongs");
    expect(1, "{", ERR_PARSE, "");
    expect(1, "{}", ERR_PARSE, "no \"learner\"");
    expect(1, "{\"learner\":{\"gradient_booster\":{\"name\":\"gblinear\"}}}", ERR_INVALID,
           "gblinear");
    expect(1,
           "{\"learner\":{\"gradient_booster\":{\"name\":\"gbtree\"},\"learner_model_param\":"
           "{\"num_class\":\"-1\"}}}",
           ERR_PARSE, "num_class");
}

/* Bytes changed, cut out and doubled at random. */
static void test_hostile(void **state)
{
    (void)state;
    for (size_t f = 0; f < 2; f++) {
        struct arena a = ARENA_INIT;
        struct err e = ERR_INIT;
        struct rng r;
        struct ensemble m = make(&a, ENSEMBLE_SOFTMAX, 7);
        size_t taken = 0;
        STR_AUTO text = STR_INIT;
        forms[f].write(&m, &text);
        rng_seed(&r, 3);
        for (int i = 0; i < 3000; i++) {
            struct arena mine = ARENA_INIT;
            struct ensemble back;
            STR_AUTO bad = STR_INIT;
            str_addn(&bad, str_c(&text), text.len);
            for (int k = 1 + (int)rng_below(&r, 3); k > 0; k--) {
                static const char odd[] = "0123456789-.eE ,[]{}\"\n=:";
                bad.p[rng_below(&r, bad.len)] = odd[rng_below(&r, sizeof odd - 1)];
            }
            if (rng_below(&r, 4) == 0) bad.p[bad.len = rng_below(&r, bad.len)] = '\0';
            if (forms[f].read(&mine, str_c(&bad), bad.len, &back, &e) == 0) {
                double x[3] = { 0.5, (double)NAN, 39 };
                for (size_t c = 0; c < back.k && back.n_features == 3; c++)
                    assert_false(isnan(score(&back, c, x)));
                taken++;
            }
            arena_done(&mine);
        }
        assert_true(taken > 0 && taken < 3000);
        arena_done(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),
        cmocka_unit_test(test_float_compare),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests_name("model forms", tests, NULL, NULL);
}
