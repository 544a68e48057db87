/* test_mode_mix.c: answers that several versions make: ensembles against numbers worked out by
 * hand, tiers and rules row by row, shadows that change nothing. Scripted arms (modetest.h), real
 * models. */
#include "base/mem.h"
#include "base/val.h"
#include "engine/pool.h"
#include "modetest.h"
#include "sample.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct model *binary, *inverse, *kinds, *price;

/* The same labels, the other one positive. */
static struct model *inverse_model(void)
{
    static const char *const drop[] = { "kind", "price", NULL };
    struct engine en = { .pool = pool_new(1) };
    struct model_spec spec = {
        .algorithm = "logistic", .target = "buys", .drop = drop, .positive = "no"
    };
    struct frame *f = sample_frame();
    struct model *m = NULL;

    assert_int_equal(model_fit(&en, &spec, f, NULL, &m, NULL), 0);
    frame_free(f);
    pool_free(en.pool);
    return m;
}

static int make_models(void **state)
{
    (void)state;
    binary = sample_model("logistic", "buys", NULL, NULL);
    inverse = inverse_model();
    kinds = sample_model("logistic", "kind", NULL, NULL);
    price = sample_model("linear", "price", NULL, NULL);
    assert_string_equal(model_class(binary, 1), "yes");
    assert_string_equal(model_class(inverse, 1), "no");
    return 0;
}

static int drop_models(void **state)
{
    (void)state;
    model_free(binary);
    model_free(inverse);
    model_free(kinds);
    model_free(price);
    return 0;
}

static void start(enum rollout_mode mode, size_t n, const struct model *m)
{
    const struct model *models[] = { m, m, m, m };

    fake_setup(mode, n, models);
    fake_rows(1);
}

static void script(size_t arm, size_t n, const double *p)
{
    memcpy(fake.script[arm].p, p, n * sizeof *p);
}
#define SCRIPT(arm, ...)                                                                           \
    script((arm), ARRAY_LEN(((const double[]){ __VA_ARGS__ })), (const double[]){ __VA_ARGS__ })

static void near(double got, double want)
{
    if (!(fabs(got - want) < 1e-12)) fail_msg("%.17g, expected %.17g", got, want);
}

/* ---- ensembles -------------------------------------------------------------------------- */

static void three_members(const char *combine, const struct model *m)
{
    start(ROLLOUT_ensemble, 3, m);
    fake.rollout.combine = combine;
    fake.docs[0].share = 0.5;
    fake.docs[1].share = 0.3;
    fake.docs[2].share = 0.2;
    fake_ready();
    assert_null(mode_problem(&fake.route));
}

static void mean(void **state)
{
    (void)state;
    three_members("mean", binary);
    fake_rows(2);
    SCRIPT(0, 0.9, 0.1);
    SCRIPT(1, 0.6, 0.2);
    SCRIPT(2, 0.3, 0.6);
    assert_int_equal(fake_ask("u"), 0);
    near(fake.call.p[0], 0.6);
    near(fake.call.p[1], 0.3);
    assert_string_equal(fake.call.arm_role, "ensemble");
    assert_ptr_equal(fake.call.arm, &fake.arms[0]);
    assert_null(fake.call.fallback);
    for (int64_t v = 1; v <= 3; v++)
        assert_int_equal(fake_count(v, v == 1 ? "production" : "member").requests, 1);
    fake_done();
}

static void weighted(void **state)
{
    (void)state;
    three_members("weighted", kinds);
    SCRIPT(0, 0.5, 0.3, 0.2);
    SCRIPT(1, 0.1, 0.8, 0.1);
    SCRIPT(2, 0.2, 0.2, 0.6);
    fake_ask("u");
    near(fake.call.p[0], 0.5 * 0.5 + 0.3 * 0.1 + 0.2 * 0.2);
    near(fake.call.p[1], 0.5 * 0.3 + 0.3 * 0.8 + 0.2 * 0.2);
    near(fake.call.p[2], 0.5 * 0.2 + 0.3 * 0.1 + 0.2 * 0.6);
    fake_done();

    three_members("weighted", price);
    SCRIPT(0, 10);
    SCRIPT(1, 20);
    SCRIPT(2, -5);
    fake_ask("u");
    near(fake.call.p[0], 10);
    fake.script[0].rc = -ERR_INTERNAL; /* the weights of the others add up to 1 again */
    fake_ask("u");
    near(fake.call.p[0], (0.3 * 20 - 0.2 * 5) / 0.5);
    assert_string_equal(fake.call.fallback, "error");
    fake_done();
}

static void vote(void **state)
{
    (void)state;
    three_members("vote", binary);
    fake_rows(2);
    SCRIPT(0, 0.1, 0.9);
    SCRIPT(1, 0.7, 0.4);
    SCRIPT(2, 0.6, 0.4);
    fake_ask("u");
    near(fake.call.p[0], 2.0 / 3);
    near(fake.call.p[1], 1.0 / 3);
    fake.script[2].rc = -ERR_IO; /* one to one: the stable version's class wins */
    fake_ask("u");
    assert_int_equal(model_decide(binary, &fake.call.p[0]), 0);
    assert_int_equal(model_decide(binary, &fake.call.p[1]), 1);
    near(fake.call.p[0], 0.5);
    fake_done();

    three_members("vote", kinds);
    SCRIPT(0, 0.2, 0.2, 0.6);
    SCRIPT(1, 0.5, 0.4, 0.1);
    SCRIPT(2, 0.1, 0.8, 0.1);
    fake_ask("u");
    assert_int_equal(model_decide(kinds, fake.call.p), 2); /* one each */
    near(fake.call.p[0], 1.0 / 3);
    SCRIPT(2, 0.8, 0.1, 0.1);
    fake_ask("u");
    assert_int_equal(model_decide(kinds, fake.call.p), 0);
    fake_done();
}

static double logit(double p)
{
    return log(p / (1 - p));
}

static void stack(void **state)
{
    (void)state;
    three_members("stack", binary);
    SCRIPT(0, 0.9);
    SCRIPT(1, 0.6);
    SCRIPT(2, 0.3);
    fake_ask("u");
    near(fake.call.p[0], 1 / (1 + exp(-(0.5 * logit(0.9) + 0.3 * logit(0.6) + 0.2 * logit(0.3)))));
    SCRIPT(1, 0.0); /* a certain member does not make infinities */
    fake_ask("u");
    assert_true(fake.call.p[0] > 0 && fake.call.p[0] < 0.01);
    fake.script[1].rc = -ERR_IO; /* it was fitted to all members */
    fake_ask("u");
    near(fake.call.p[0], 0.9);
    assert_string_equal(fake.call.fallback, "error");
    fake_done();

    three_members("stack", kinds);
    SCRIPT(0, 0.5, 0.3, 0.2);
    SCRIPT(1, 0.1, 0.8, 0.1);
    SCRIPT(2, 0.2, 0.2, 0.6);
    fake_ask("u");
    double e[3], sum = 0;
    for (size_t c = 0; c < 3; c++) {
        e[c] = pow(fake.script[0].p[c], 0.5) * pow(fake.script[1].p[c], 0.3) *
               pow(fake.script[2].p[c], 0.2);
        sum += e[c];
    }
    for (size_t c = 0; c < 3; c++) near(fake.call.p[c], e[c] / sum);
    fake_done();

    three_members("stack", price);
    SCRIPT(0, 10);
    SCRIPT(1, 20);
    SCRIPT(2, 100);
    fake_ask("u");
    near(fake.call.p[0], 31);
    fake_done();
}

/* Versions that name the classes in another order. */
static void aligned(void **state)
{
    const struct model *models[] = { binary, inverse };

    (void)state;
    fake_setup(ROLLOUT_ensemble, 2, models);
    fake_rows(1);
    fake_ready();
    SCRIPT(0, 0.9);
    SCRIPT(1, 0.3); /* of "no", so 0.7 of "yes" */
    fake_ask("u");
    near(fake.call.p[0], 0.8);
    struct serving_sum s = fake_flush(2);
    assert_int_equal(s.compared, 1);
    assert_int_equal(s.agreed, 1);
    near(s.max_abs_dp, 0.2);
    assert_int_equal(s.confusion[3], 1);
    fake_done();
}

static void later_members(void **state)
{
    (void)state;
    three_members("mean", binary);
    fake.served[1].cheap = fake.served[2].cheap = false;
    SCRIPT(0, 0.9);
    SCRIPT(1, 0.6);
    SCRIPT(2, 0.3);
    assert_int_equal(fake_ask("u"), 1);
    assert_int_equal(fake_waiting(), 2);
    fake_let_go_arm(2, 0);
    assert_int_equal(fake.answered, 0);
    fake_let_go_arm(1, -ERR_TIMEOUT);
    assert_int_equal(fake.answered, 1);
    near(fake.call.p[0], 0.6);
    assert_string_equal(fake.call.fallback, "timeout");
    fake_done();
}

static void rescued(void **state)
{
    struct arena a = ARENA_INIT;
    struct val *v = val_obj(&a);

    (void)state;
    start(ROLLOUT_ensemble, 3, binary);
    fake.docs[2].role = "fallback";
    fake.rollout.fallback = (const size_t[]){ 2 };
    fake.rollout.n_fallback = 1;
    val_set_str(v, "prediction", "no");
    fake.rollout.constant = v;
    fake_ready();
    SCRIPT(2, 0.77);
    fake.script[0].rc = fake.script[1].rc = -ERR_INTERNAL;
    fake_ask("u");
    near(fake.call.p[0], 0.77);
    assert_ptr_equal(fake.call.arm, &fake.arms[2]);
    assert_int_equal(fake_count(1, "production").requests, 1);
    fake.script[2].rc = -ERR_INTERNAL;
    fake_ask("u");
    near(fake.call.p[0], 0);
    assert_string_equal(fake.call.arm_role, "constant");
    fake_done();
    arena_done(&a);
}

/* What cannot be honoured is refused: the stable version answers, every answer says so. */
static void refused(void **state)
{
    const struct model *mixed[] = { binary, kinds };

    (void)state;
    start(ROLLOUT_ensemble, 2, price);
    fake.rollout.combine = "vote";
    fake_ready();
    assert_non_null(strstr(mode_problem(&fake.route), "vote"));
    SCRIPT(0, 12);
    fake_ask("u");
    near(fake.call.p[0], 12);
    assert_string_equal(fake.call.fallback, "error");
    assert_int_equal(fake.script[1].asked_now, 0);
    fake_done();

    start(ROLLOUT_tiered, 2, price);
    fake_ready();
    assert_non_null(mode_problem(&fake.route));
    fake_done();

    fake_setup(ROLLOUT_ensemble, 2, mixed);
    fake_rows(1);
    fake_ready();
    assert_non_null(strstr(mode_problem(&fake.route), "other classes"));
    SCRIPT(0, 0.3);
    fake_ask("u");
    near(fake.call.p[0], 0.3);
    fake_done();
}

/* ---- tiered ----------------------------------------------------------------------------- */

static void start_tiered(const struct model *m)
{
    start(ROLLOUT_tiered, 2, m);
    fake.docs[0].role = "fast";
    fake.docs[1].role = "complex";
    fake_ready();
    assert_null(mode_problem(&fake.route));
}

static void tiered(void **state)
{
    (void)state;
    start_tiered(binary);
    fake_rows(4);
    SCRIPT(0, 0.95, 0.05, 0.1, 0.85); /* all sure */
    assert_int_equal(fake_ask("u"), 0);
    assert_int_equal(fake.script[1].asked_now, 0);
    assert_null(fake.call.row_arm);
    assert_string_equal(fake.call.arm_role, "fast");

    SCRIPT(0, 0.95, 0.6, 0.1, 0.3); /* the second and fourth are not */
    SCRIPT(1, 0.21, 0.22);
    assert_int_equal(fake_ask("u"), 0);
    assert_int_equal(fake.script[1].rows, 2);
    near(fake.call.p[0], 0.95);
    near(fake.call.p[1], 0.21);
    near(fake.call.p[2], 0.1);
    near(fake.call.p[3], 0.22);
    assert_non_null(fake.call.row_arm);
    for (size_t i = 0; i < 4; i++) assert_ptr_equal(fake.call.row_arm[i], &fake.arms[i % 2]);
    assert_int_equal(fake_count(2, "complex").rows, 2);

    fake_rows(1);
    SCRIPT(0, 0.6); /* one row, unsure: the complex version's answer */
    fake_ask("u");
    near(fake.call.p[0], 0.21);
    assert_ptr_equal(fake.call.arm, &fake.arms[1]);
    assert_null(fake.call.row_arm);
    fake_done();

    start_tiered(kinds);
    fake_rows(2);
    SCRIPT(0, 0.4, 0.4, 0.2, 0.05, 0.9, 0.05);
    SCRIPT(1, 0.1, 0.2, 0.7);
    fake_ask("u");
    near(fake.call.p[2], 0.7);
    near(fake.call.p[4], 0.9);
    fake_done();
}

static void tiered_late(void **state)
{
    (void)state;
    start_tiered(binary);
    fake.served[1].cheap = false;
    fake_rows(2);
    SCRIPT(0, 0.6, 0.9);
    SCRIPT(1, 0.33);
    assert_int_equal(fake_ask("u"), 1);
    fake_let_go();
    near(fake.call.p[0], 0.33);
    near(fake.call.p[1], 0.9);
    assert_null(fake.call.fallback);
    assert_int_equal(fake_ask("u"), 1);
    fake_let_go_arm(1, -ERR_TIMEOUT); /* the fast answer is still there */
    near(fake.call.p[0], 0.6);
    near(fake.call.p[1], 0.9);
    assert_string_equal(fake.call.fallback, "timeout");
    assert_string_equal(fake.call.arm_role, "fast");
    assert_int_equal(fake.call.rc, 0);

    fake.served[0].cheap = false; /* both wait */
    assert_int_equal(fake_ask("u"), 1);
    fake_let_go_arm(0, 0);
    assert_int_equal(fake_waiting(), 1);
    fake_let_go_arm(1, 0);
    near(fake.call.p[0], 0.33);
    near(fake.call.p[1], 0.9);
    assert_true(fake.call.queue_us > 0);

    fake.script[1].rc = 0; /* the fast one is broken: its fallback is the stable version, itself */
    assert_int_equal(fake_ask("u"), 1);
    fake_let_go_arm(0, -ERR_IO);
    assert_int_equal(fake.call.rc, -ERR_IO);
    fake_done();
}

/* ---- rules ------------------------------------------------------------------------------ */

static void start_rules(const struct rollout_rule *rules, size_t n)
{
    start(ROLLOUT_rules, 3, binary);
    fake.rollout.rules = rules;
    fake.rollout.n_rules = n;
    SCRIPT(0, 0.01, 0.02, 0.03, 0.04, 0.05);
    SCRIPT(1, 0.11, 0.12, 0.13, 0.14, 0.15);
    SCRIPT(2, 0.21, 0.22, 0.23, 0.24, 0.25);
    fake_ready();
}

static void rules(void **state)
{
    static const struct rollout_rule list[] = {
        { "age", ">=", "3", 3, 2 }, { "city", "=", "Bern", (double)NAN, 1 }, /* the odd ages */
    };

    (void)state;
    start_rules(list, 2);
    assert_null(mode_problem(&fake.route));
    fake_rows(5);
    assert_int_equal(fake_ask("u"), 0);
    static const size_t by[] = { 0, 1, 0, 2, 2 };
    static const double want[] = { 0.01, 0.11, 0.02, 0.21, 0.22 };
    for (size_t i = 0; i < 5; i++) {
        near(fake.call.p[i], want[i]);
        assert_ptr_equal(fake.call.row_arm[i], &fake.arms[by[i]]);
    }
    assert_int_equal(fake_count(1, "production").rows, 2);

    fake_rows(1); /* one version for all: nothing is put together */
    assert_int_equal(fake_ask("u"), 0);
    assert_null(fake.call.row_arm);
    assert_ptr_equal(fake.call.arm, &fake.arms[0]);

    fake.served[1].cheap = fake.served[2].cheap = false;
    fake_rows(5);
    assert_int_equal(fake_ask("u"), 1);
    assert_int_equal(fake_waiting(), 2);
    fake_let_go_arm(2, 0);
    fake_let_go_arm(1, -ERR_TIMEOUT); /* its row goes to the stable version */
    near(fake.call.p[1], 0.01);
    near(fake.call.p[4], 0.22);
    assert_string_equal(fake.call.fallback, "timeout");
    fake_done();
}

static void operators(void **state)
{
    static const struct {
        const char *op;
        double num;
        const char *text;
        int rows[3]; /* age 0, 1, 2: does it hold */
    } cases[] = {
        { "=", 1, "", { 0, 1, 0 } },    { "!=", 1, "", { 1, 0, 1 } }, { "<", 1, "", { 1, 0, 0 } },
        { "<=", 1, "", { 1, 1, 0 } },   { ">", 1, "", { 0, 0, 1 } },  { ">=", 1, "", { 0, 1, 1 } },
        { "=", NAN, "1", { 0, 1, 0 } },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rollout_rule rule = { "age", cases[i].op, cases[i].text, cases[i].num, 1 };
        start_rules(&rule, 1);
        fake_rows(3);
        fake_ask("u");
        for (size_t k = 0; k < 3; k++) {
            const struct arm *by = fake.call.row_arm ? fake.call.row_arm[k] : fake.call.arm;
            assert_ptr_equal(by, &fake.arms[cases[i].rows[k]]);
        }
        fake_done();
    }
    static const struct rollout_rule unknown = { "no such column", "=", "1", 1, 1 };
    start_rules(&unknown, 1);
    assert_non_null(strstr(mode_problem(&fake.route), "no such column"));
    fake_done();
    static const struct rollout_rule missing = { "balance", "!=", "5", 5, 1 };
    start_rules(&missing, 1); /* null fulfils nothing */
    fake_ask("u");
    assert_ptr_equal(fake.call.arm, &fake.arms[0]);
    fake_done();
}

/* ---- shadows ---------------------------------------------------------------------------- */

static void shadow(void **state)
{
    (void)state;
    start(ROLLOUT_shadow, 2, binary);
    fake.docs[1].role = "shadow";
    fake_ready();
    fake_rows(3);
    SCRIPT(0, 0.9, 0.2, 0.6);
    SCRIPT(1, 0.8, 0.1, 0.4);
    assert_int_equal(fake_ask("u"), 0); /* answered although the shadow is not through */
    near(fake.call.p[2], 0.6);
    assert_int_equal(fake.script[1].asked_aside, 1);
    assert_int_equal(fake.script[1].asked_now + fake.script[1].asked_later, 0);
    assert_int_equal(fake.cached_puts, 1);
    fake_mirror(false);
    assert_int_equal(fake.cached_puts, 1); /* no trace of it but the comparison */
    struct serving_sum s = fake_flush(2);
    assert_int_equal(s.requests, 1);
    assert_int_equal(s.compared, 3);
    assert_int_equal(s.agreed, 2);
    near(s.sum_abs_dp, 0.1 + 0.1 + 0.2);
    near(s.max_abs_dp, 0.2);
    assert_int_equal(s.abs_dp.n, 3);
    assert_int_equal(s.confusion[0], 1);
    assert_int_equal(s.confusion[1], 0);
    assert_int_equal(s.confusion[2], 1); /* stable yes, candidate no */
    assert_int_equal(s.confusion[3], 1);
    fake_done();
}

/* Whatever becomes of the shadow, the answers are the same. */
static void shadow_alone(void **state)
{
    (void)state;
    start(ROLLOUT_shadow, 2, binary);
    fake.docs[1].role = "shadow";
    fake.aside_room = 2;
    fake_ready();
    SCRIPT(0, 0.9);
    SCRIPT(1, 0.1);
    for (int i = 0; i < 5; i++) {
        fake_ask("u");
        near(fake.call.p[0], 0.9);
        assert_null(fake.call.fallback);
    }
    assert_int_equal(fake_count(2, "shadow").dropped, 3);
    fake.aside_room = 10000;
    fake.script[1].rc = -ERR_INVALID; /* the rows lack what it needs */
    fake_ask("u");
    near(fake.call.p[0], 0.9);
    assert_int_equal(fake_count(2, "shadow").errors, 1);
    fake.script[1].rc = 0;
    fake_mirror(false);
    struct serve_count c = fake_count(2, "shadow");
    assert_int_equal(c.requests, 3);
    assert_int_equal(c.compared, 2);
    fake_flush(2);
    fake_ask("u");
    fake_mirror(true); /* nobody had time */
    assert_int_equal(fake_count(2, "shadow").dropped, 4);
    fake.script[1].p[0] = (double)NAN;
    fake_ask("u");
    fake_mirror(false);
    assert_int_equal(fake_count(2, "shadow").errors, 2);
    assert_int_equal(fake_flush(2).compared, 0);
    fake.script[0].rc = -ERR_INTERNAL; /* nothing to compare with */
    int asked = fake.script[1].asked_aside;
    fake_ask("u");
    assert_int_equal(fake.script[1].asked_aside, asked);
    fake_done();
}

static void sampled(void **state)
{
    char id[32];

    (void)state;
    start(ROLLOUT_shadow, 2, binary);
    fake.docs[1].role = "shadow";
    fake.rollout.sample = 0.1;
    fake_ready();
    SCRIPT(0, 0.9);
    for (int i = 0; i < 5000; i++) {
        snprintf(id, sizeof id, "request-%d", i);
        fake.id = id;
        fake_ask(NULL);
        fake_mirror(false);
    }
    int n = fake.script[1].asked_aside;
    assert_in_range(n, 500 - 4 * 21, 500 + 4 * 21);
    fake_done();
}

static void close_numbers(void **state)
{
    (void)state;
    start(ROLLOUT_shadow, 2, price);
    fake.docs[1].role = "shadow";
    fake_ready();
    fake_rows(3);
    SCRIPT(0, 100, -10, 0);
    SCRIPT(1, 100.5, -11, 0);
    fake_ask("u");
    fake_mirror(false);
    struct serving_sum s = fake_flush(2);
    assert_int_equal(s.agreed, 2);
    near(s.sum_abs_dp, 1.5);
    fake_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean),    cmocka_unit_test(weighted),
        cmocka_unit_test(vote),    cmocka_unit_test(stack),
        cmocka_unit_test(aligned), cmocka_unit_test(later_members),
        cmocka_unit_test(rescued), cmocka_unit_test(refused),
        cmocka_unit_test(tiered),  cmocka_unit_test(tiered_late),
        cmocka_unit_test(rules),   cmocka_unit_test(operators),
        cmocka_unit_test(shadow),  cmocka_unit_test(shadow_alone),
        cmocka_unit_test(sampled), cmocka_unit_test(close_numbers),
    };
    return cmocka_run_group_tests_name("mode_mix", tests, make_models, drop_models);
}
