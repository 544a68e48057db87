/* test_cache.c: the answers an I/O thread remembers: never another input's, bounded in number,
 * memory and age. */
#include "base/mem.h"
#include "base/rng.h"
#include "serve/priv.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct cache_key key(uint64_t uid, const double *x, size_t n)
{
    return (struct cache_key){ .uid = uid, .x = x, .n = n, .outputs = 2 };
}

static void put(struct predict_cache *c, uint64_t uid, double x, int64_t now, double answer)
{
    const double v[2] = { x, (double)NAN }, p[2] = { answer, 1 - answer };
    const struct cache_key k = key(uid, v, 2);

    predict_cache_put(c, &k, now, p);
}

static double get(struct predict_cache *c, uint64_t uid, double x, int64_t now)
{
    const double v[2] = { x, (double)NAN };
    const struct cache_key k = key(uid, v, 2);
    double p[2];

    return predict_cache_get(c, &k, now, p) ? p[0] : -1;
}

static void an_answer_belongs_to_input_and_model(void **state)
{
    struct predict_cache *c = predict_cache_new(100, 1 << 20, 1000);
    const double three[3] = { 1, (double)NAN, 2 };
    const struct cache_key longer = key(1, three, 3);
    double p[2];

    (void)state;
    put(c, 1, 1, 0, 0.25);
    put(c, 2, 1, 0, 0.5);
    assert_true(get(c, 1, 1, 0) == 0.25 && get(c, 2, 1, 0) == 0.5);
    assert_true(get(c, 3, 1, 0) < 0 && get(c, 1, 2, 0) < 0);
    assert_false(predict_cache_get(c, &longer, 0, p));
    put(c, 1, 1, 0, 0.75); /* it is there: models are deterministic */
    assert_true(get(c, 1, 1, 0) == 0.25);
    assert_int_equal(predict_cache_counts(c)->hits, 3);
    assert_int_equal(predict_cache_counts(c)->misses, 3);
    predict_cache_free(c);
}

static void answers_grow_old(void **state)
{
    struct predict_cache *c = predict_cache_new(100, 1 << 20, 1000);

    (void)state;
    put(c, 1, 1, 0, 0.25);
    assert_true(get(c, 1, 1, 999) == 0.25);
    assert_true(get(c, 1, 1, 1000) < 0);
    assert_int_equal(predict_cache_counts(c)->entries, 0);
    assert_int_equal(predict_cache_counts(c)->bytes, 0);
    predict_cache_free(c);
}

static void the_least_used_goes_first(void **state)
{
    struct predict_cache *c = predict_cache_new(3, 1 << 20, 1000);

    (void)state;
    for (int i = 0; i < 3; i++) put(c, 1, i, 0, i / 10.0);
    assert_true(get(c, 1, 0, 0) == 0); /* used: now 1 is the oldest */
    put(c, 1, 3, 0, 0.3);
    assert_true(get(c, 1, 1, 0) < 0);
    assert_true(get(c, 1, 0, 0) == 0 && get(c, 1, 2, 0) == 0.2 && get(c, 1, 3, 0) == 0.3);
    assert_int_equal(predict_cache_counts(c)->entries, 3);
    predict_cache_free(c);
}

static void memory_is_bounded(void **state)
{
    struct predict_cache *c = predict_cache_new(1000000, 4096, 1000);
    struct predict_cache *none = predict_cache_new(0, 4096, 1000);

    (void)state;
    for (int i = 0; i < 1000; i++) put(c, 1, i, 0, 0.5);
    assert_true(predict_cache_counts(c)->bytes <= 4096 && predict_cache_counts(c)->entries > 10);
    assert_true(get(c, 1, 999, 0) == 0.5);
    put(none, 1, 1, 0, 0.5);
    assert_true(get(none, 1, 1, 0) < 0);
    predict_cache_free(c);
    predict_cache_free(none);
}

/* Against a plain array over a long random run. */
static void many_of_many_models(void **state)
{
    enum { MODELS = 3, INPUTS = 50 };
    struct predict_cache *c = predict_cache_new(40, 1 << 20, 50);
    int64_t put_at[MODELS][INPUTS];
    struct rng r;

    (void)state;
    rng_seed(&r, 5);
    for (int i = 0; i < MODELS * INPUTS; i++) put_at[i / INPUTS][i % INPUTS] = -1000;
    for (int64_t now = 0; now < 20000; now++) {
        size_t m = rng_below(&r, MODELS), i = rng_below(&r, INPUTS);
        double got = get(c, m, (double)i, now), right = (double)(m * 100 + i) + 0.5;
        if (got >= 0) assert_true(got == right && now - put_at[m][i] < 50);
        else {
            put(c, m, (double)i, now, right);
            put_at[m][i] = now;
        }
        assert_true(predict_cache_counts(c)->entries <= 40);
    }
    assert_true(predict_cache_counts(c)->hits > 100);
    predict_cache_free(c);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(an_answer_belongs_to_input_and_model),
        cmocka_unit_test(answers_grow_old),
        cmocka_unit_test(the_least_used_goes_first),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(many_of_many_models),
    };
    return cmocka_run_group_tests_name("serve.cache", t, NULL, NULL);
}
