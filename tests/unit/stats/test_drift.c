/* test_drift.c: comparing tables: verdict states, false alarms without drift, power with it,
 * levels that are new or rare, tables that do not match, and any number of threads.
 * DRIFT_SEEDS: pairs of tables for false alarms and power (200). */
#include "base/rng.h"
#include "engine/drift/drift.h"
#include "engine/pool.h"
#include "vectors.h"

#include <stdlib.h>

static struct pool *pool;
static struct engine engine;

static int setup(void **state)
{
    (void)state;
    pool = pool_new(2);
    engine = (struct engine){ .pool = pool };
    return pool ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    pool_free(pool);
    return 0;
}

static void add_normal(struct frame *f, const char *name, size_t n, double mean, struct rng *r)
{
    struct column *c;
    assert_int_equal(frame_add(f, name, COL_REAL, n, &c, NULL), 0);
    for (size_t i = 0; i < n; i++) c->num[i] = mean + rng_normal(r);
}

/* Levels "l0" … with the given weights, drawn at random. */
static void add_levels(struct frame *f, const char *name, size_t n, const double *weight, size_t k,
                       struct rng *r)
{
    struct column *c;
    assert_int_equal(frame_add(f, name, COL_CATEGORY, n, &c, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        double u = rng_unit(r);
        size_t l = 0;
        while (l + 1 < k && u >= weight[l]) u -= weight[l++];
        char text[16];
        int len = snprintf(text, sizeof text, "l%zu", l);
        c->code[i] = dict_add(c->dict, text, (size_t)len);
    }
}

static struct drift_report compare(const struct frame *a, const struct frame *b,
                                   const char *profile)
{
    struct drift_report r;
    struct err e = ERR_INIT;
    if (drift_compare(&engine, a, b, drift_profile_find(profile), NULL, &r, &e))
        fail_msg("%s", e.msg);
    return r;
}

static void tables_are_complete(void **state)
{
    (void)state;
    for (const struct drift_test *t = drift_tests; t->name; t++) {
        assert_ptr_equal(drift_test_find(t->name), t);
        assert_true(t->kinds && t->measure && strlen(t->help) > 10);
    }
    for (const struct drift_profile *p = drift_profiles; p->name; p++) {
        assert_true(drift_test_find(p->numeric)->kinds & DRIFT_NUMERIC);
        assert_true(drift_test_find(p->categorical)->kinds & DRIFT_CATEGORICAL);
    }
}

static void states_are_told_apart(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 5);
    struct frame *a = frame_new(), *b = frame_new();
    enum { N = 20000 };
    add_normal(a, "same", N, 0, &r);
    add_normal(b, "same", N, 0, &r);
    add_normal(a, "tiny", N, 0, &r);
    add_normal(b, "tiny", N, 0.06, &r);
    add_normal(a, "moved", N, 0, &r);
    add_normal(b, "moved", N, 1, &r);
    const double even[] = { 0.25, 0.25, 0.25, 0.25 }, odd[] = { 0.4, 0.3, 0.2, 0.1 };
    add_levels(a, "levels", N, even, 4, &r);
    add_levels(b, "levels", N, odd, 4, &r);
    struct drift_report s = compare(a, b, "sound");
    assert_int_equal(s.features[0].state, DRIFT_OK);
    assert_int_equal(s.features[1].state, DRIFT_NEGLIGIBLE);
    assert_int_equal(s.features[2].state, DRIFT_DRIFTED);
    assert_int_equal(s.features[3].state, DRIFT_DRIFTED);
    assert_true(s.drift && s.share == 0.5 && s.tested == 4);
    assert_true(s.features[1].p_adjusted < 0.05 && s.features[1].value.effect < 0.1);
    vectors_near(s.features[2].wasserstein, 1 / 1.349, 0, 0.05, "one sigma over the IQR");
    drift_report_done(&s);
    s = compare(a, b, "seed"); /* significance alone: the tiny shift counts */
    assert_int_equal(s.features[1].state, DRIFT_DRIFTED);
    drift_report_done(&s);
    frame_free(a);
    frame_free(b);
}

static void false_alarms_and_power(void **state)
{
    (void)state;
    enum { FEATURES = 10, N = 200 };
    const char *said = getenv("DRIFT_SEEDS");
    int runs = said ? atoi(said) : 200, table = 0, feature = 0, found = 0;
    for (uint64_t run = 0; run < (uint64_t)runs; run++) {
        struct rng r;
        rng_stream(&r, 42, run);
        struct frame *a = frame_new(), *b = frame_new(), *c = frame_new();
        char name[8];
        for (int k = 0; k < FEATURES; k++) {
            snprintf(name, sizeof name, "f%d", k);
            add_normal(a, name, N, 0, &r);
            add_normal(b, name, N, 0, &r);
            add_normal(c, name, N, k < 3 ? 0.8 : 0, &r);
        }
        struct drift_report s = compare(a, b, "sound"), t = compare(a, c, "sound");
        table += s.drift;
        feature += (int)s.drifted;
        found += t.drift;
        drift_report_done(&s);
        drift_report_done(&t);
        frame_free(a);
        frame_free(b);
        frame_free(c);
    }
    printf("sound, %d pairs of tables with %d equal features: %.1f %% drifted; 3 of them moved: "
           "%.1f %% found\n",
           runs, FEATURES, 100.0 * table / runs, 100.0 * found / runs);
    assert_true(table <= runs / 100);
    assert_true(feature <= runs * FEATURES / 100);
    assert_true(found >= runs * 99 / 100);
}

static void rare_and_new_levels(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 8);
    double zipf[200], sum = 0;
    for (int i = 0; i < 200; i++) sum += zipf[i] = 1.0 / (i + 1);
    for (int i = 0; i < 200; i++) zipf[i] /= sum;
    int alarms = 0, unseen = 0;
    for (int run = 0; run < 100; run++) {
        struct frame *a = frame_new(), *b = frame_new();
        add_levels(a, "merchant", 1000, zipf, 200, &r);
        add_levels(b, "merchant", 1000, zipf, 200, &r);
        struct drift_report s = compare(a, b, "sound");
        alarms += s.features[0].state == DRIFT_DRIFTED;
        unseen += s.features[0].unseen > 0;
        assert_non_null(strstr(s.features[0].note, "rare levels"));
        drift_report_done(&s);
        frame_free(a);
        frame_free(b);
    }
    assert_true(unseen > 90); /* nearly every window has a level the reference lacks … */
    assert_true(alarms <= 3); /* … which by itself is no drift */
    const double before[] = { 1 }, after[] = { 0.6, 0.4 };
    struct frame *a = frame_new(), *b = frame_new();
    add_levels(a, "channel", 500, before, 1, &r);
    add_levels(b, "channel", 500, after, 2, &r);
    struct drift_report s = compare(a, b, "sound");
    assert_int_equal(s.features[0].state, DRIFT_DRIFTED);
    vectors_near(s.features[0].unseen, 0.4, 0.08, 0, "unseen share");
    drift_report_done(&s);
    frame_free(a);
    frame_free(b);
}

/* A small window against a large reference: everything in one of four levels is a large effect,
 * however few rows say so. */
static void small_windows_keep_their_effect(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 12);
    const double even[] = { 0.25, 0.25, 0.25, 0.25 }, one[] = { 1 };
    struct frame *a = frame_new(), *b = frame_new();
    add_levels(a, "channel", 20000, even, 4, &r);
    add_levels(b, "channel", 200, one, 1, &r);
    struct drift_report s = compare(a, b, "sound");
    assert_int_equal(s.features[0].state, DRIFT_DRIFTED);
    vectors_near(s.features[0].value.effect, sqrt(0.6), 0.01, 0, "shares 1 and 1/4");
    drift_report_done(&s);
    frame_free(a);
    frame_free(b);
}

static void features_of_two_values(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 21);
    struct frame *a = frame_new(), *b = frame_new();
    enum { N = 400 };
    const double before[] = { 0.7, 0.3 }, after[] = { 0.4, 0.6 };
    add_levels(a, "level", N, before, 2, &r);
    add_levels(b, "level", N, after, 2, &r);
    add_normal(a, "flag", N, 0, &r);
    add_normal(b, "flag", N, 0, &r);
    add_normal(a, "real", N, 0, &r);
    add_normal(b, "real", N, 0, &r);
    for (int i = 0; i < N; i++) { /* the same two columns as numbers */
        a->cols[1].num[i] = dict_str(a->cols[0].dict, a->cols[0].code[i], NULL)[1] == '1';
        b->cols[1].num[i] = dict_str(b->cols[0].dict, b->cols[0].code[i], NULL)[1] == '1';
    }
    struct drift_profile profile = *drift_profile_find("sound");
    double p[2];
    for (int i = 0; i < 2; i++) {
        struct drift_report s;
        profile.numeric = profile.categorical = i ? "fisher" : "z";
        assert_int_equal(drift_compare(&engine, a, b, &profile, NULL, &s, NULL), 0);
        assert_int_equal(s.features[0].state, DRIFT_DRIFTED);
        assert_int_equal(s.features[1].state, DRIFT_DRIFTED);
        vectors_near(s.features[0].value.p, s.features[1].value.p, 0, 1e-12, "level and flag");
        vectors_near(s.features[0].value.effect, s.features[1].value.effect, 0, 1e-12, "effects");
        assert_int_equal(s.features[2].state, DRIFT_SKIPPED);
        assert_non_null(strstr(s.features[2].note, "says nothing"));
        assert_int_equal(s.tested, 2);
        p[i] = s.features[0].value.p;
        drift_report_done(&s);
    }
    assert_true(p[0] < 1e-10 && p[1] < 1e-10 && p[0] != p[1]);
    frame_free(a);
    frame_free(b);
}

static void values_outside_the_range_count(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 3);
    struct frame *a = frame_new(), *b = frame_new();
    struct column *x, *y;
    assert_int_equal(frame_add(a, "x", COL_REAL, 1000, &x, NULL), 0);
    assert_int_equal(frame_add(b, "x", COL_REAL, 1000, &y, NULL), 0);
    for (int i = 0; i < 1000; i++) {
        x->num[i] = rng_unit(&r);
        y->num[i] = 5 + rng_unit(&r);
    }
    struct drift_report s = compare(a, b, "seed");
    assert_int_equal(s.features[0].state, DRIFT_DRIFTED);
    assert_true(s.features[0].psi > 10); /* dropping what lies outside would give 0.007 */
    drift_report_done(&s);
    frame_free(a);
    frame_free(b);
}

static void tables_that_do_not_match(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 4);
    struct frame *a = frame_new(), *b = frame_new();
    const double w[] = { 0.5, 0.5 };
    struct column *c;
    add_normal(a, "gone", 100, 0, &r);
    add_normal(a, "kind", 100, 0, &r);
    add_levels(b, "kind", 60, w, 2, &r);
    add_normal(a, "few", 100, 0, &r);
    add_normal(b, "few", 60, 0, &r);
    assert_int_equal(frame_add(a, "empty", COL_REAL, 100, &c, NULL), 0);
    for (int i = 0; i < 100; i++) c->num[i] = NAN;
    add_normal(b, "empty", 60, 0, &r);
    for (int i = 0; i < 30; i++) b->cols[frame_index(b, "few")].num[i] = NAN;
    struct drift_report s = compare(a, b, "sound");
    assert_int_equal(s.features[0].state, DRIFT_SKIPPED);
    assert_non_null(strstr(s.features[0].note, "no such column"));
    assert_int_equal(s.features[1].state, DRIFT_SKIPPED);
    assert_int_equal(s.features[2].state, DRIFT_TOO_FEW);
    assert_true(s.features[2].missing_cur == 0.5 && s.features[2].n_cur == 30);
    assert_int_equal(s.features[3].state, DRIFT_TOO_FEW);
    assert_true(!s.drift && s.tested == 0 && s.share == 0);
    drift_report_done(&s);
    frame_free(a);
    frame_free(b);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 6);
    struct frame *a = frame_new(), *b = frame_new();
    char name[8];
    for (int k = 0; k < 7; k++) {
        snprintf(name, sizeof name, "f%d", k);
        add_normal(a, name, 3000, 0, &r);
        add_normal(b, name, 2500, k * 0.05, &r);
    }
    struct drift_report one, many;
    struct engine alone = { .pool = pool_new(1) };
    assert_int_equal(drift_compare(&alone, a, b, &drift_profiles[0], NULL, &one, NULL), 0);
    many = compare(a, b, "sound");
    assert_int_equal(one.n, many.n);
    for (size_t i = 0; i < one.n; i++) {
        assert_memory_equal(&one.features[i].value, &many.features[i].value,
                            sizeof one.features[i].value);
        assert_true(one.features[i].p_adjusted == many.features[i].p_adjusted);
    }
    drift_report_done(&one);
    drift_report_done(&many);
    pool_free(alone.pool);
    frame_free(a);
    frame_free(b);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(tables_are_complete),
        cmocka_unit_test(states_are_told_apart),
        cmocka_unit_test(false_alarms_and_power),
        cmocka_unit_test(rare_and_new_levels),
        cmocka_unit_test(small_windows_keep_their_effect),
        cmocka_unit_test(features_of_two_values),
        cmocka_unit_test(values_outside_the_range_count),
        cmocka_unit_test(tables_that_do_not_match),
        cmocka_unit_test(threads_do_not_matter),
    };
    return cmocka_run_group_tests_name("drift.drift", t, setup, teardown);
}
