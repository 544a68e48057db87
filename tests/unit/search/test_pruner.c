/* test_pruner.c: when trials are looked at and which of them end, against the rules by hand. */
#include "engine/search/search.h"
#include "enginetest.h"

static const struct pruner_options plain = {
    .eta = 3, .strict = true, .startup = 2, .interval = 5
};

static struct search_curve curve(const int64_t *step, const double *value, size_t n)
{
    return (struct search_curve){ step, value, n };
}

static void steps_are_those_of_the_rules(void **state)
{
    struct pruner_options o = plain;
    const struct pruner *h = pruner_find("hyperband"), *a = pruner_find("asha"),
                        *m = pruner_find("median");
    struct err e = ERR_INIT;

    (void)state;
    o.min_iter = 3;
    assert_int_equal(h->next(&o, 0), 3);
    assert_int_equal(h->next(&o, 3), 9);
    assert_int_equal(h->next(&o, 10), 27);
    assert_int_equal(a->next(&o, 8), 9);
    o.min_iter = 0;
    assert_int_equal(a->next(&o, 0), 1);
    check_err(h->check(&o, &e), ERR_INVALID, &e, "min_iter, or max_iter and s");
    o.max_iter = 27;
    check_err(h->check(&o, &e), ERR_INVALID, &e, "early_terminate.s");
    o.s = 2;
    check_ok(h->check(&o, &e), &e);
    assert_int_equal(h->next(&o, 0), 3);
    assert_int_equal(h->next(&o, 3), 9);
    assert_int_equal(h->next(&o, 9), 0);
    o.min_iter = 1;
    check_err(h->check(&o, &e), ERR_INVALID, &e, "only one");
    assert_int_equal(m->next(&o, 0), 5);
    assert_int_equal(m->next(&o, 5), 10);
    o.warmup = 12;
    assert_int_equal(m->next(&o, 0), 15);
}

/* Six trials at step 3 with values 1 … 6: of n = 6 the limit of hyperband is element 2. */
static void the_worse_end_at_a_band(void **state)
{
    static const int64_t at[2] = { 1, 3 };
    static const double v[6][2] = { { 9, 1 }, { 9, 2 }, { 9, 3 }, { 2, 4 }, { 9, 5 }, { 9, 6 } };
    const struct pruner *h = pruner_find("hyperband"), *a = pruner_find("asha");
    struct pruner_options o = plain;

    (void)state;
    for (int own = 0; own < 6; own++) {
        struct search_curve c = curve(at, v[own], 2), others[5];
        size_t n = 0;
        for (int i = 0; i < 6; i++)
            if (i != own) others[n++] = curve(at, v[i], 2);
        o.strict = true;
        assert_int_equal(h->stop(&o, &c, others, n, 0), own > 2);
        assert_int_equal(a->stop(&o, &c, others, n, 0), own > 1); /* the best third */
        /* by the best so far the fourth is second: 1 2 2 3 5 6, limit 2 */
        o.strict = false;
        assert_int_equal(h->stop(&o, &c, others, n, 0), own == 2 || own > 3);
    }
}

static void the_first_goes_on(void **state)
{
    static const int64_t at[1] = { 3 };
    static const double v[1] = { 5 }, better[1] = { 4 }, bad[1] = { NAN };
    struct search_curve own = curve(at, v, 1), other = curve(at, better, 1),
                        nan = curve(at, bad, 1);
    const struct pruner *a = pruner_find("asha"), *h = pruner_find("hyperband");

    (void)state;
    assert_false(a->stop(&plain, &own, NULL, 0, 0));
    assert_false(h->stop(&plain, &own, NULL, 0, 0));
    assert_true(a->stop(&plain, &own, &other, 1, 0));
    assert_false(a->stop(&plain, &other, &own, 1, 0));
    assert_true(h->stop(&plain, &nan, &own, 1, 0));
}

static void the_median_is_that_of_others_at_the_step(void **state)
{
    static const int64_t at[3] = { 5, 10, 15 };
    static const double a[3] = { 3, 2, 1 }, b[3] = { 5, 4, 3 }, c[3] = { 9, 8, 7 };
    static const double low[2] = { 9, 3.9 }, high[2] = { 9, 4.1 };
    struct search_curve others[3] = { curve(at, a, 3), curve(at, b, 3), curve(at, c, 3) };
    struct search_curve good = curve(at, low, 2), bad = curve(at, high, 2);
    const struct pruner *m = pruner_find("median");

    (void)state;
    assert_false(m->stop(&plain, &good, others, 3, 3));
    assert_true(m->stop(&plain, &bad, others, 3, 3));
    assert_false(m->stop(&plain, &bad, others, 3, 1)); /* too few have ended */
    assert_false(m->stop(&plain, &bad, NULL, 0, 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(steps_are_those_of_the_rules),
        TEST(the_worse_end_at_a_band),
        TEST(the_first_goes_on),
        TEST(the_median_is_that_of_others_at_the_step),
    };
    return cmocka_run_group_tests_name("pruner", tests, NULL, NULL);
}
