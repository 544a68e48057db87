/* test_space.c: parameters of sweep files: every distribution against its definition, cells of
 * discrete values, nested parameters, and what is refused with which words. */
#include "base/rng.h"
#include "engine/search/search.h"
#include "engine/search/space.h"
#include "enginetest.h"

struct fixture {
    struct arena a;
    struct space s;
    struct err e;
};

static int setup(void **state)
{
    *state = mem_zalloc(1, sizeof(struct fixture));
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    arena_done(&f->a);
    free(f);
    return 0;
}

static int parse(struct fixture *f, const char *json)
{
    struct val *v;

    err_clear(&f->e);
    check_ok(val_parse_json(&f->a, json, strlen(json), &v, &f->e), &f->e);
    return space_parse(&f->a, v, &f->s, &f->e);
}

static const struct dim *one(struct fixture *f, const char *json)
{
    STR_AUTO text = STR_INIT;

    str_addf(&text, "{\"x\":%s}", json);
    check_ok(parse(f, str_c(&text)), &f->e);
    assert_int_equal(f->s.n, 1);
    return f->s.dims;
}

/* Values at u = 0.25, 0.5 and 0.75. */
static void check_quartiles(struct fixture *f, const char *json, double a, double b, double c)
{
    const struct dim *d = one(f, json);

    check_near(dim_number(d, 0.25), a, 1e-9, 1e-7, json);
    check_near(dim_number(d, 0.5), b, 1e-9, 1e-7, json);
    check_near(dim_number(d, 0.75), c, 1e-9, 1e-7, json);
}

#define Z 0.67448975019608171 /* upper quartile of the normal distribution */

static void every_distribution_has_its_quartiles(void **state)
{
    struct fixture *f = *state;

#define DIST_(name, rest) "{\"distribution\":\"" name "\"," rest "}"
    check_quartiles(f, "{\"min\":0.0,\"max\":4}", 1, 2, 3);
    check_quartiles(f, "{\"min\":1,\"max\":8}", 3, 5, 7);
    check_quartiles(f, DIST_("q_uniform", "\"min\":0,\"max\":1,\"q\":0.1"), 0.2, 0.5, 0.8);
    check_quartiles(f, DIST_("log_uniform", "\"min\":0,\"max\":4"), exp(1), exp(2), exp(3));
    check_quartiles(f, DIST_("q_log_uniform", "\"min\":0,\"max\":4"), 3, 7, 20);
    check_quartiles(f, DIST_("inv_log_uniform", "\"min\":0,\"max\":4"), exp(-3), exp(-2), exp(-1));
    check_quartiles(f, DIST_("log_uniform_values", "\"min\":1,\"max\":16"), 2, 4, 8);
    check_quartiles(f, DIST_("q_log_uniform_values", "\"min\":2,\"max\":32,\"q\":4"), 4, 8, 16);
    check_quartiles(f, DIST_("inv_log_uniform_values", "\"min\":1,\"max\":16"), 2, 4, 8);
    check_quartiles(f, DIST_("normal", "\"mu\":10,\"sigma\":2"), 10 - 2 * Z, 10, 10 + 2 * Z);
    check_quartiles(f, "{\"distribution\":\"normal\"}", -Z, 0, Z);
    check_quartiles(f, DIST_("q_normal", "\"sigma\":10,\"q\":5"), -5, 0, 5);
    check_quartiles(f, DIST_("log_normal", "\"mu\":1,\"sigma\":2"), exp(1 - 2 * Z), exp(1),
                    exp(1 + 2 * Z));
    check_quartiles(f, DIST_("q_log_normal", "\"mu\":1,\"sigma\":1,\"q\":1"), 1, 3, 5);
    /* Beta(2, 1): F(x) = x^2 */
    check_quartiles(f, DIST_("beta", "\"a\":2,\"b\":1"), 0.5, sqrt(0.5), sqrt(0.75));
    check_quartiles(f, DIST_("q_beta", "\"a\":2,\"b\":1,\"q\":0.5"), 0.5, 0.5, 1);
}

/* The middle of a cell means the same value, cells follow each other and fill [0, 1]. */
static void check_cells(const struct dim *d)
{
    double lo, hi, end = 0;

    assert_true(d->levels > 1);
    for (size_t k = 0; k < d->levels; k++) {
        double u = dim_middle(d, k);
        assert_int_equal(dim_level(d, u), k);
        assert_true(dim_cell(d, u, &lo, &hi));
        check_near(lo, end, 1e-12, 0, "cells touch");
        check_near(dim_snap(d, lo + 0.9 * (hi - lo)), u, 1e-12, 0, "one middle");
        end = hi;
    }
    check_near(end, 1, 1e-12, 0, "cells fill");
}

static void discrete_values_have_cells(void **state)
{
    struct fixture *f = *state;

    check_cells(one(f, "{\"min\":-3,\"max\":4}"));
    check_cells(one(f, DIST_("q_uniform", "\"min\":0,\"max\":1,\"q\":0.25")));
    check_cells(one(f, DIST_("q_log_uniform_values", "\"min\":1,\"max\":100")));
    check_cells(one(f, DIST_("q_beta", "\"a\":2,\"b\":3,\"q\":0.1")));
    check_cells(one(f, "{\"values\":[\"a\",2,null,true]}"));
    check_cells(one(f, "{\"values\":[1,2,3],\"probabilities\":[0.7,0.1,0.2]}"));
    const struct dim *d = one(f, "{\"values\":[1,2,3],\"probabilities\":[0.7,0.1,0.2]}");
    assert_int_equal(dim_level(d, 0.69), 0);
    assert_int_equal(dim_level(d, 0.71), 1);
    assert_int_equal(dim_level(d, 0.81), 2);
    assert_false(dim_is_discrete(one(f, "{\"min\":0.5,\"max\":2}")));
    assert_int_equal(one(f, DIST_("q_normal", "\"q\":1"))->levels, 0);
}

static void values_keep_their_types(void **state)
{
    struct fixture *f = *state;
    struct val *v = val_obj(&f->a);
    double u[3] = { 0.5, 0.9, 0.5 };

    check_ok(parse(f, "{\"n\":{\"min\":1,\"max\":9},\"kind\":{\"values\":[1.5,\"two\"]},"
                      "\"rate\":{\"distribution\":\"q_uniform\",\"min\":0,\"max\":0.6,\"q\":0.1},"
                      "\"fixed\":{\"value\":[1,2]},\"same\":{\"min\":3,\"max\":3}}"),
             &f->e);
    assert_int_equal(f->s.n, 3);
    space_values(&f->s, &f->a, u, v);
    STR_AUTO text = STR_INIT;
    val_write_json(&text, v, 0);
    assert_string_equal(str_c(&text),
                        "{\"fixed\":[1,2],\"same\":3,\"n\":5,\"kind\":\"two\",\"rate\":0.3}");
}

static void nested_parameters_have_paths(void **state)
{
    struct fixture *f = *state;

    check_ok(parse(f, "{\"gbdt\":{\"parameters\":{\"rate\":{\"min\":0.1,\"max\":1},"
                      "\"deep\":{\"parameters\":{\"x\":{\"values\":[1,2]}}}}}}"),
             &f->e);
    assert_int_equal(f->s.n, 2);
    assert_string_equal(f->s.dims[0].name, "gbdt.rate");
    assert_string_equal(f->s.dims[1].name, "gbdt.deep.x");
}

static void bad_parameters_are_named(void **state)
{
    static const char *const cases[][2] = {
        { "{}", "parameters: must be an object" },
        { "{\"x\":3}", "parameters.x: is not an object" },
        { "{\"x\":{}}", "parameters.x: says nothing" },
        { "{\"x\":{\"min\":1}}", "parameters.x: says nothing" },
        { "{\"x\":{\"min\":2,\"max\":1}}", "min 2 is above max 1" },
        { "{\"x\":{\"min\":1,\"max\":2,\"mu\":1}}", "parameters.x.mu: is not used here" },
        { "{\"x\":{\"values\":[]}}", "parameters.x.values: must be a list" },
        { "{\"x\":{\"values\":[1,2,1]}}", "parameters.x.values: 1 is given twice" },
        { "{\"x\":{\"values\":[1,2],\"probabilities\":[1]}}", "as many as the values" },
        { "{\"x\":{\"values\":[1,2],\"probabilities\":[0.5,0.4]}}", "add up to 0.9" },
        { "{\"x\":{\"distribution\":\"unifrom\",\"min\":1,\"max\":2}}", "'unifrom' is none" },
        { "{\"x\":{\"distribution\":\"uniform\",\"min\":\"1\",\"max\":2}}", "is not a number" },
        { "{\"x\":{\"distribution\":\"uniform\",\"max\":2}}", "parameters.x.min: is missing" },
        { "{\"x\":{\"distribution\":\"log_uniform_values\",\"min\":0,\"max\":2}}", "no logarithm" },
        { "{\"x\":{\"distribution\":\"log_uniform\",\"min\":1,\"max\":1000}}", "exp of 1000" },
        { "{\"x\":{\"distribution\":\"normal\",\"sigma\":0}}",
          "parameters.x.sigma: must be above" },
        { "{\"x\":{\"distribution\":\"q_uniform\",\"min\":1,\"max\":2,\"q\":0}}", "x.q: must be" },
        { "{\"x\":{\"distribution\":\"int_uniform\",\"min\":1.5,\"max\":2}}", "whole numbers" },
        { "{\"g\":{\"parameters\":{}}}", "parameters.g: must be an object" },
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_err(parse(f, cases[i][0]), ERR_INVALID, &f->e, cases[i][1]);
    parse(f, "{\"x\":{\"distribution\":\"unifrom\",\"min\":1,\"max\":2}}");
    assert_non_null(strstr(f->e.hint, "did you mean uniform"));
}

static void a_grid_goes_through_everything_in_order(void **state)
{
    static const char *const want[] = { "{\"a\":1,\"b\":\"x\"}", "{\"a\":1,\"b\":\"y\"}",
                                        "{\"a\":2,\"b\":\"x\"}", "{\"a\":2,\"b\":\"y\"}",
                                        "{\"a\":3,\"b\":\"x\"}", "{\"a\":3,\"b\":\"y\"}" };
    struct fixture *f = *state;
    const struct sampler *grid = sampler_find("grid");
    struct search_past none = { NULL, 0 };
    int64_t n;
    double u[2];

    check_ok(parse(f, "{\"a\":{\"min\":1,\"max\":3},\"b\":{\"values\":[\"x\",\"y\"]}}"), &f->e);
    check_ok(grid->size(&f->s, &n, &f->e), &f->e);
    assert_int_equal(n, 6);
    for (uint64_t i = 0; i < 6; i++) {
        struct val *v = val_obj(&f->a);
        STR_AUTO text = STR_INIT;
        check_ok(grid->suggest(&f->s, &none, 0, i, u, &f->e), &f->e);
        space_values(&f->s, &f->a, u, v);
        val_write_json(&text, v, 0);
        assert_string_equal(str_c(&text), want[i]);
    }
    check_ok(parse(f, "{\"a\":{\"min\":0.5,\"max\":3}}"), &f->e);
    check_err(grid->size(&f->s, &n, &f->e), ERR_INVALID, &f->e, "parameters.a: a grid cannot");
    check_ok(parse(f, "{\"a\":{\"min\":1,\"max\":100000},\"b\":{\"min\":1,\"max\":100000}}"),
             &f->e);
    check_err(grid->size(&f->s, &n, &f->e), ERR_INVALID, &f->e, "more than 1e9 points");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_distribution_has_its_quartiles, setup, teardown),
        cmocka_unit_test_setup_teardown(discrete_values_have_cells, setup, teardown),
        cmocka_unit_test_setup_teardown(values_keep_their_types, setup, teardown),
        cmocka_unit_test_setup_teardown(nested_parameters_have_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(bad_parameters_are_named, setup, teardown),
        cmocka_unit_test_setup_teardown(a_grid_goes_through_everything_in_order, setup, teardown),
    };
    return cmocka_run_group_tests_name("space", tests, NULL, NULL);
}
