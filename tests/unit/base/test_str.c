/* test_str.c: unit tests of base/str. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/str.h"

#include <math.h>

static void grows_and_terminates(void **state)
{
    (void)state;
    STR_AUTO s = STR_INIT;
    assert_string_equal(str_c(&s), "");
    for (int i = 0; i < 1000; i++) str_addf(&s, "%d,", i % 10);
    assert_int_equal(s.len, 2000);
    assert_int_equal(s.p[s.len], '\0');
    assert_memory_equal(s.p, "0,1,2,", 6);
    str_clear(&s);
    str_addn(&s, "a\0b", 3);
    assert_int_equal(s.len, 3);
    str_pad(&s, '-', 2);
    assert_memory_equal(s.p, "a\0b--", 6);
}

static void steal_never_null(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    char *p = str_steal(&s);
    assert_string_equal(p, "");
    free(p);
}

static void reals_read_back(void **state)
{
    (void)state;
    char buf[32];
    assert_string_equal(str_real(buf, 0.1), "0.1");
    assert_string_equal(str_real(buf, 100), "100");
    assert_string_equal(str_real(buf, NAN), "nan");
    assert_string_equal(str_real(buf, -INFINITY), "-inf");
    struct rng r;
    rng_seed(&r, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = rng_u64(&r);
        double v;
        memcpy(&v, &bits, 8);
        if (!isfinite(v)) continue;
        assert_true(strtod(str_real(buf, v), NULL) == v);
    }
}

static void numbers_must_be_whole(void **state)
{
    (void)state;
    long long i;
    double d;
    assert_true(str_to_i64("-42", &i) && i == -42);
    assert_false(str_to_i64("", &i));
    assert_false(str_to_i64("4x", &i));
    assert_false(str_to_i64(" 4", &i));
    assert_false(str_to_i64("9223372036854775808", &i));
    assert_true(str_to_real("1e-3", &d) && d == 1e-3);
    assert_false(str_to_real("1e999", &d));
    assert_false(str_to_real("1.2.3", &d));
}

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(str_distance("train", "train"), 0);
    assert_int_equal(str_distance("trian", "train"), 2);
    assert_int_equal(str_distance("", "abc"), 3);
    assert_int_equal(str_distance("kitten", "sitting"), 3);
}

static void prefixes(void **state)
{
    (void)state;
    assert_true(str_starts("models:/a", "models:/"));
    assert_false(str_starts("mod", "models:/"));
    assert_true(str_ends("a.csv.gz", ".gz"));
    assert_false(str_ends("z", ".gz"));
    assert_true(str_eq(NULL, NULL));
    assert_false(str_eq("a", NULL));
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(grows_and_terminates), cmocka_unit_test(steal_never_null),
        cmocka_unit_test(reals_read_back),      cmocka_unit_test(numbers_must_be_whole),
        cmocka_unit_test(distance_counts_edits), cmocka_unit_test(prefixes),
    };
    return cmocka_run_group_tests_name("base.str", t, NULL, NULL);
}
