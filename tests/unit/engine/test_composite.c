/* test_composite.c: voting and stacking: what they answer follows from their members, their files
 * and rows predict the same bits, their parameters reach the members, hostile files do no harm. */
#include "engine/model/composite.h"
#include "engine/model/params.h"
#include "modeltest.h"

static const char *const targets[] = { "label", "kind", "price" };

static struct model_spec composite(struct arena *a, const char *algorithm, const char *target,
                                   const char *const *params)
{
    struct model_spec s = spec_for(algorithm, target);
    struct val *v = val_obj(a);

    for (; *params; params += 2) val_set_str(v, params[0], params[1]);
    s.params = v;
    return s;
}

/* Small members, so that the tests are quick. */
static const char *const small[] = { "members", "gbdt,naive_bayes,logistic", "gbdt.n_estimators",
                                     "4",       "gbdt.num_leaves",           "5",
                                     NULL };
static const char *const small_numbers[] = { "members", "gbdt,linear",     "gbdt.n_estimators",
                                             "4",       "gbdt.num_leaves", "5",
                                             NULL };

static struct model_spec small_one(struct arena *a, const char *algorithm, const char *target)
{
    bool numbers = !strcmp(target, "price");

    return composite(a, algorithm, target, numbers ? small_numbers : small);
}

/* The mean of the members, each fitted alone with the same parameters. */
static void test_voting_is_the_mean_of_its_members(void **state)
{
    static const char *const weighted[] = {
        "members", "gbdt,logistic", "weights", "3,1", "gbdt.n_estimators", "4", "gbdt.num_leaves",
        "5",       "logistic.l2",   "10",      NULL
    };
    static const char *const gbdt[] = { "n_estimators", "4", "num_leaves", "5", NULL };
    static const char *const logistic[] = { "l2", "10", NULL };
    struct frame *f = sample(1), *g = sample(2);
    struct arena a = ARENA_INIT;

    (void)state;
    for (size_t t = 0; t < 2; t++) {
        struct model_spec s = composite(&a, "voting", targets[t], weighted);
        struct model_spec sg = composite(&a, "gbdt", targets[t], gbdt);
        struct model_spec sl = composite(&a, "logistic", targets[t], logistic);
        struct model *m = fit_on(2, &s, f, NULL), *mg = fit_on(2, &sg, f, NULL);
        struct model *ml = fit_on(2, &sl, f, NULL);
        double *p = predict(2, m, g), *pg = predict(1, mg, g), *pl = predict(1, ml, g);
        for (size_t i = 0; i < N * (size_t)model_outputs(m); i++)
            check_near(p[i], 0.75 * pg[i] + 0.25 * pl[i], 1e-14, 0, "mean");
        free(p);
        free(pg);
        free(pl);
        model_free(m);
        model_free(mg);
        model_free(ml);
    }
    arena_done(&a);
    frame_free(f);
    frame_free(g);
}

/* A combiner learns which member to trust: one that knows next to nothing does little harm. */
static void test_stacking_is_as_good_as_its_best_member(void **state)
{
    static const char *const best[] = { "logistic", "logistic", "linear" };
    struct frame *f = sample(3), *g = sample(4);
    struct arena a = ARENA_INIT;

    (void)state;
    for (size_t t = 0; t < ARRAY_LEN(targets); t++) {
        struct model_spec s = small_one(&a, "stacking", targets[t]);
        struct model_spec alone = spec_for(best[t], targets[t]);
        struct model *m = fit_on(2, &s, f, NULL), *n = fit_on(2, &alone, f, NULL);
        double whole = squared_error(m, g), one = squared_error(n, g);
        if (!(whole < 1.05 * one)) fail_msg("%s: %g, alone %g", targets[t], whole, one);
        model_free(m);
        model_free(n);
    }
    arena_done(&a);
    frame_free(f);
    frame_free(g);
}

static void check_rows(const struct model *m, const struct frame *g, const double *p)
{
    size_t k = (size_t)model_outputs(m);
    double x[8], out[8], *scratch = malloc(model_scratch(m) * sizeof *scratch);

    for (size_t i = 0; i < g->n_rows; i++) {
        raw_row(m, g, i, x);
        model_predict_row(m, x, scratch, out);
        assert_memory_equal(out, p + i * k, k * sizeof *out);
    }
    free(scratch);
}

static void test_files_rows_and_threads_agree(void **state)
{
    static const char *const algorithms[] = { "voting", "stacking" };
    static const char *const drops[][4] = { { "kind", "digit", "price", NULL },
                                            { "label", "digit", "price", NULL },
                                            { "label", "kind", "digit", NULL } };
    struct frame *f = sample(5), *g = sample(6);
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(targets); i++) {
        struct model_spec s = small_one(&a, algorithms[i % 2], targets[i / 2]);
        struct val *v = val_copy(&a, s.params);
        if (i == 1) val_set_str(v, "passthrough", "true");
        if (i == 2) val_set_str(v, "calibrate", "isotonic");
        if (i == 3) val_set_str(v, "gbdt.calibrate", "platt");
        s.params = v;
        s.weight = "w";
        s.drop = drops[i / 2];
        struct model *m = fit_on(1, &s, f, NULL), *other = fit_on(4, &s, f, NULL), *back = NULL;
        struct buf b = BUF_INIT, c = BUF_INIT;
        check_ok(model_save(m, &b, &e), &e);
        check_ok(model_save(other, &c, &e), &e);
        assert_int_equal(b.n, c.n);
        assert_memory_equal(b.p, c.p, b.n);
        check_ok(model_open(b.p, b.n, &back, &e), &e);
        double *p = predict(1, m, g), *q = predict(3, back, g);
        assert_memory_equal(p, q, N * (size_t)model_outputs(m) * sizeof *p);
        check_rows(back, g, p);
        assert_true(model_fp_params(m) == model_fp_params(back));
        assert_true(model_fp_architecture(m) == model_fp_architecture(back));
        assert_true(model_fp_signature(m) == model_fp_signature(back));
        free(p);
        free(q);
        buf_done(&b);
        buf_done(&c);
        model_free(m);
        model_free(other);
        model_free(back);
    }
    arena_done(&a);
    frame_free(f);
    frame_free(g);
}

static void test_says_what_it_looks_at(void **state)
{
    static const char *const algorithms[] = { "voting", "stacking" };
    struct frame *f = sample(7);
    struct arena a = ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < 2 * ARRAY_LEN(targets); i++) {
        struct model_spec s = small_one(&a, algorithms[i % 2], targets[i / 2]);
        struct model *m = fit_on(1, &s, f, NULL);
        double gain[8], sum = 0, phi[32], best = 0;
        const char *name = "";
        struct err e = ERR_INIT;
        assert_int_equal(model_features(m), 3); /* x, flag, colour */
        model_importance(m, gain);
        for (size_t j = 0; j < 3; j++) {
            sum += gain[j];
            if (gain[j] > best) name = model_feature(m, j, NULL);
            best = fmax(best, gain[j]);
        }
        check_near(sum, 1, 1e-12, 0, "sum of importance");
        assert_string_equal(name, "x");
        check_err(model_contributions(m, f, 0, phi, &e), ERR_INVALID, &e, "cannot tell");
        model_free(m);
    }
    arena_done(&a);
    frame_free(f);
}

static void test_fingerprints_know_the_members(void **state)
{
    static const char *const two[] = { "members", "naive_bayes,logistic", NULL };
    static const char *const other[] = { "members", "tree,logistic", NULL };
    static const char *const tuned[] = { "members", "naive_bayes,logistic", "logistic.l2", "2",
                                         NULL };
    struct frame *f = sample(8);
    struct arena a = ARENA_INIT;
    struct model_spec s[] = { composite(&a, "voting", "label", two),
                              composite(&a, "voting", "label", other),
                              composite(&a, "voting", "label", tuned) };
    struct model *m[3];

    (void)state;
    for (size_t i = 0; i < 3; i++) m[i] = fit_on(1, &s[i], f, NULL);
    assert_true(model_fp_architecture(m[0]) != model_fp_architecture(m[1]));
    assert_true(model_fp_architecture(m[0]) == model_fp_architecture(m[2]));
    assert_true(model_fp_params(m[0]) != model_fp_params(m[2]));
    assert_true(model_fp_signature(m[0]) == model_fp_signature(m[1]));
    /* what a model was fitted with can be said again, as retraining does */
    s[2].params = model_params(m[2]);
    struct model *again = fit_on(1, &s[2], f, NULL);
    assert_true(model_fp_params(again) == model_fp_params(m[2]));
    for (size_t i = 0; i < 3; i++) model_free(m[i]);
    model_free(again);
    arena_done(&a);
    frame_free(f);
}

static void test_refusals(void **state)
{
    static const struct {
        const char *algorithm, *target, *params[5], *says;
    } cases[] = {
        { "voting", "label", { "members", "gbdt,magic" }, "no algorithm 'magic'" },
        { "voting", "label", { "members", "gbdt,stacking" }, "cannot be part" },
        { "voting", "label", { "members", "gbdt,gbdt" }, "twice" },
        { "voting", "label", { "members", "" }, "there are none" },
        { "voting", "label", { "members", "gbdt,tree", "weights", "1" }, "as many numbers" },
        { "voting", "label", { "weights", "0,0,0" }, "as many numbers" },
        { "voting", "price", { "members", "gbdt,logistic" }, "logistic does not do regression" },
        { "voting", "label", { "members", "gbdt", "tree.max_depth", "3" }, "tree is no member" },
        { "voting", "label", { "members", "gbdt", "gbdt.num_leaves", "x" }, "gbdt.num_leaves" },
        { "voting", "label", { "members", "gbdt", "gbdt.leaves", "3" }, "leaves" },
        { "stacking", "label", { "combiner.l2", "3" }, "which algorithm combines" },
        { "stacking", "label", { "combiner", "voting" }, "cannot be part" },
        { "stacking", "price", { "combiner", "logistic" }, "logistic does not do regression" },
    };
    struct frame *f = sample(9);
    struct arena a = ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct model_spec s = composite(&a, cases[i].algorithm, cases[i].target, cases[i].params);
        struct engine en = { .pool = pool_new(1) };
        struct model *m = NULL;
        struct err e = ERR_INIT;
        int r = model_fit(&en, &s, f, NULL, &m, &e);
        if (r >= 0 || !strstr(e.msg, cases[i].says))
            fail_msg("case %zu: %d, \"%s\" does not say %s", i, r, e.msg, cases[i].says);
        pool_free(en.pool);
    }
    arena_done(&a);
    frame_free(f);
}

/* ---- progress and cancelling --------------------------------------------------------------- */

struct watch {
    atomic_bool cancel;
    size_t last, steps, stop_at;
    bool back;
};

static void watch(void *user, const struct engine_progress *p)
{
    struct watch *w = user;

    w->back |= p->done < w->last;
    w->last = p->done;
    if (++w->steps == w->stop_at) atomic_store(&w->cancel, true);
}

static void test_progress_goes_on_and_stops_when_asked(void **state)
{
    struct frame *f = sample(10);
    struct arena a = ARENA_INIT;
    struct model_spec s = small_one(&a, "stacking", "label");

    (void)state;
    for (size_t stop = 0; stop <= 6; stop += 3) {
        struct watch w = { .stop_at = stop };
        struct engine en = {
            .pool = pool_new(1), .cancel = &w.cancel, .progress = watch, .user = &w
        };
        struct model *m = NULL;
        struct err e = ERR_INIT;
        int r = model_fit(&en, &s, f, NULL, &m, &e);
        assert_int_equal(r, stop ? -ERR_CANCELLED : 0);
        assert_false(w.back);
        assert_true(w.steps >= stop && w.last <= 100);
        model_free(m);
        pool_free(en.pool);
    }
    arena_done(&a);
    frame_free(f);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void test_hostile_files_do_no_harm(void **state)
{
    static const char *const tiny[] = { "members", "gbdt,naive_bayes", "gbdt.n_estimators",
                                        "1",       "gbdt.num_leaves",  "3",
                                        NULL };
    struct frame *f = sample(11);
    struct arena a = ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct model_spec s = composite(&a, i ? "stacking" : "voting", "label", tiny);
        struct model *m = fit_on(1, &s, f, NULL);
        struct buf b = BUF_INIT;
        struct err e = ERR_INIT;
        forge_everywhere(m);
        check_ok(model_save(m, &b, &e), &e);
        for (size_t n = 0; n < b.n; n += 7) check_refused(b.p, n);
        for (size_t n = 0; n < b.n; n += 5) {
            b.p[n] ^= 4;
            check_refused(b.p, b.n);
            b.p[n] ^= 4;
        }
        buf_done(&b);
        model_free(m);
    }
    arena_done(&a);
    frame_free(f);
}

/* Composites inside one another could be as deep as a file is long. */
static void test_no_composite_inside_another(void **state)
{
    static const char *const one[] = { "members", "naive_bayes", NULL };
    struct frame *f = sample(12);
    struct arena a = ARENA_INIT;
    struct model_spec s = composite(&a, "voting", "label", one);
    struct model *outer = fit_on(1, &s, f, NULL), *inner = fit_on(1, &s, f, NULL), *m = NULL;
    struct buf b = BUF_INIT;
    struct err e = ERR_INIT;

    (void)state;
    struct model *first = outer->composite->member[0].m;
    outer->composite->member[0].m = inner;
    check_ok(model_save(outer, &b, &e), &e);
    assert_int_equal(model_open(b.p, b.n, &m, &e), -ERR_CORRUPT);
    outer->composite->member[0].m = first;
    buf_done(&b);
    model_free(outer);
    model_free(inner);
    arena_done(&a);
    frame_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_voting_is_the_mean_of_its_members),
        TEST(test_stacking_is_as_good_as_its_best_member),
        TEST(test_files_rows_and_threads_agree),
        TEST(test_says_what_it_looks_at),
        TEST(test_fingerprints_know_the_members),
        TEST(test_refusals),
        TEST(test_progress_goes_on_and_stops_when_asked),
        TEST(test_hostile_files_do_no_harm),
        TEST(test_no_composite_inside_another),
    };
    return cmocka_run_group_tests_name("engine/composite", tests, NULL, NULL);
}
