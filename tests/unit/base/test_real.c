/* test_real.c: str_real against printf and strtod, digit for digit. */
#include "base/rng.h"
#include "base/str.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void same(double v)
{
    char expected[64], buf[32];

    for (int digits = 15; digits <= 17; digits++) {
        snprintf(expected, sizeof expected, "%.*g", digits, v);
        if (strtod(expected, NULL) == v) break;
    }
    if (strcmp(str_real(buf, v), expected) != 0) fail_msg("%a: %s, not %s", v, buf, expected);
}

static void both(double v)
{
    same(v);
    same(-v);
}

static void edges(void **state)
{
    (void)state;
    for (int e = -1074; e <= 1023; e++) {
        double v = ldexp(1, e);
        both(v);
        both(nextafter(v, INFINITY));
        both(nextafter(v, 0));
    }
    for (int e = -30; e <= 30; e++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", e);
        double v = strtod(text, NULL), w = v;
        both(v);
        for (int i = 0; i < 50; i++) both(w = nextafter(w, INFINITY));
        for (int i = 0, sign = 0; i < 50; i++, sign = 1) both(v = nextafter(v, sign * 0.0));
    }
    both(0);
    both(0.1 + 0.2);
    both(5e-324);
    both(1.7976931348623157e308);
    both(999999999999999.9);
    both(99999999999999.99);
    both(0.99999999999999989);
    both(0.00099999999999999998);
}

static void random_numbers(void **state)
{
    struct rng r;

    (void)state;
    rng_seed(&r, 11);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = rng_u64(&r);
        double v, u = rng_unit(&r);
        same(u);
        same(u * u * u);
        same(u * pow(10, (double)rng_below(&r, 20)));
        same(round(u * 1e6) / pow(10, (double)rng_below(&r, 12)));
        memcpy(&v, &bits, sizeof v);
        if (isfinite(v) && i % 10 == 0) same(v);
    }
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(edges),
        cmocka_unit_test(random_numbers),
    };
    return cmocka_run_group_tests_name("base.real", t, NULL, NULL);
}
