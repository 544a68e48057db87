/* test_num.c: num_scan gives the bits strtod gives, on hundreds of thousands of random texts of
 * every shape and on the hard cases known from the literature. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rng.h"
#include "codec/num.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The text with something behind it that it must not be confused with. */
static const char *padded(const char *s)
{
    static const char *const behind[] = { "12345678901234567890123456789012",
                                          ",7.5,88888888,,,,,,,,,,,,,,,,,,,",
                                          ".00000000000000000000000000000000", "\"\n-1\n" };
    static char buf[512];
    static unsigned turn;

    memset(buf, 0, sizeof buf);
    snprintf(buf, sizeof buf - NUM_PAD, "%s%s", s, behind[turn++ % ARRAY_LEN(behind)]);
    return buf;
}

static void check_text(const char *s)
{
    double want = strtod(s, NULL), got = 0, padded_got = 1;
    enum num_kind k = num_scan(s, strlen(s), &got);
    const char *copy = padded(s);

    if (k == NUM_NONE || memcmp(&want, &got, sizeof want) != 0)
        fail_msg("%s: kind %d, got %a, strtod gives %a", s, (int)k, got, want);
    assert_int_equal(k == NUM_INF, isinf(want) != 0);
    if (num_scan_padded(copy, strlen(s), &padded_got) != k ||
        memcmp(&padded_got, &got, sizeof got) != 0)
        fail_msg("%s: padded scanner got %a, expected %a", s, padded_got, got);
}

static void add_digits(struct rng *r, char **p, size_t n)
{
    for (; n; n--) *(*p)++ = (char)('0' + rng_below(r, 10));
}

static void t_random_texts(void **state)
{
    struct rng r;

    (void)state;
    rng_seed(&r, 1);
    for (int i = 0; i < 300000; i++) {
        char s[80], *p = s;
        size_t whole = (size_t)rng_below(&r, i % 3 ? 8 : 23);
        size_t frac = (size_t)rng_below(&r, i % 5 ? 9 : 25);
        if (whole + frac == 0) whole = 1;
        if (rng_below(&r, 3) == 0) *p++ = rng_below(&r, 4) ? '-' : '+';
        add_digits(&r, &p, whole);
        if (frac || rng_below(&r, 2)) *p++ = '.';
        add_digits(&r, &p, frac);
        *p = '\0';
        if (rng_below(&r, 4) == 0) {
            int64_t span = i % 7 ? 25 : 340;
            sprintf(p, "%c%+" PRId64, rng_below(&r, 2) ? 'e' : 'E',
                    (int64_t)rng_below(&r, (uint64_t)(2 * span + 1)) - span);
        }
        check_text(s);
    }
}

/* Random bit patterns printed with 15, 16 and 17 digits, as programs do. */
static void t_printed_doubles(void **state)
{
    struct rng r;

    (void)state;
    rng_seed(&r, 2);
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = rng_u64(&r);
        double v;
        char s[64];
        memcpy(&v, &bits, sizeof v);
        if (i % 2) v = rng_normal(&r) * pow(10, (double)rng_below(&r, 12) - 5);
        if (!isfinite(v)) continue;
        sprintf(s, "%.*g", 15 + i % 3, v);
        check_text(s);
    }
}

/* Values half way between two doubles, and one digit beside. */
static void t_half_way(void **state)
{
    struct rng r;

    (void)state;
    rng_seed(&r, 3);
    for (int i = 0; i < 50000; i++) {
        uint64_t m = (rng_u64(&r) >> 10) | ((uint64_t)1 << 53); /* 54 bits */
        char s[64];
        m |= 1;
        sprintf(s, "%" PRIu64, m);
        check_text(s);
        sprintf(s, "%" PRIu64 ".%d", m, i % 3);
        check_text(s);
        sprintf(s, "%" PRIu64 "e%d", m >> 3 | 1, i % 20);
        check_text(s);
    }
}

static void t_known_cases(void **state)
{
    static const char *const cases[] = {
        "0",
        "-0",
        "0.0",
        "-0.0",
        "0e999",
        "1",
        "-1",
        "1.",
        ".5",
        "-.5",
        "+3",
        "007",
        "1.50",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9007199254740993.0",
        "9007199254740992.5",
        "18446744073709551615",
        "18446744073709551616",
        "1e308",
        "1.7976931348623157e308",
        "1e309",
        "-1e309",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.2250738585072011e-308",
        "2.2250738585072014e-308",
        "6929495644600919.5",
        "3.518437208883201171875e13",
        "8.41e21",
        "2.638344616030823e-256",
        "1090544144181609348835077142190",
        "0.000000000000000000000000000000000000000000001234567890123456789",
        "0000000000000000000000000000000000123.456",
        "1e99999999999999999999",
        "1e-99999999999999",
        "12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
        "0",
        "0."
        "5000000000000000000000000000000000000000000000000000000000000000000000000000000000000001",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) check_text(cases[i]);
}

static void t_kinds(void **state)
{
    static const struct {
        const char *text;
        enum num_kind kind;
    } cases[] = {
        { "0", NUM_INT },
        { "-17", NUM_INT },
        { " 17", NUM_INT },
        { "17\t ", NUM_INT },
        { "+5", NUM_INT },
        { "007", NUM_INT },
        { "1.0", NUM_REAL },
        { "1e3", NUM_REAL },
        { "5.", NUM_REAL },
        { "9007199254740992", NUM_INT },
        { "9007199254740993", NUM_BIG },
        { "-9007199254740993", NUM_BIG },
        { "123456789012345678901234567890", NUM_BIG },
        { "inf", NUM_INF },
        { "-Infinity", NUM_INF },
        { "INF", NUM_INF },
        { "1e400", NUM_INF },
        { "", NUM_NONE },
        { " ", NUM_NONE },
        { "-", NUM_NONE },
        { "+", NUM_NONE },
        { ".", NUM_NONE },
        { "-.", NUM_NONE },
        { "e5", NUM_NONE },
        { "1e", NUM_NONE },
        { "1e+", NUM_NONE },
        { "1x", NUM_NONE },
        { "1 2", NUM_NONE },
        { "--1", NUM_NONE },
        { "+-1", NUM_NONE },
        { "0x10", NUM_NONE },
        { "1,5", NUM_NONE },
        { "1_000", NUM_NONE },
        { "nan", NUM_NONE },
        { "NaN", NUM_NONE },
        { "infin", NUM_NONE },
        { "1.2.3", NUM_NONE },
        { "1f", NUM_NONE },
        { "- 1", NUM_NONE },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double v = 42;
        enum num_kind k = num_scan(cases[i].text, strlen(cases[i].text), &v);
        if (k != cases[i].kind) fail_msg("\"%s\": %d", cases[i].text, (int)k);
        if (k == NUM_NONE) assert_true(v == 42);
        if (num_scan_padded(padded(cases[i].text), strlen(cases[i].text), &v) != cases[i].kind)
            fail_msg("padded: \"%s\"", cases[i].text);
    }
}

/* The field ends where the slice ends, whatever stands behind it. */
static void t_slice(void **state)
{
    double v;

    (void)state;
    assert_int_equal(num_scan("12345", 3, &v), NUM_INT);
    assert_true(v == 123);
    assert_int_equal(num_scan("1.5e3", 3, &v), NUM_REAL);
    assert_true(v == 1.5);
    assert_int_equal(num_scan("5", 0, &v), NUM_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t_random_texts), cmocka_unit_test(t_printed_doubles),
        cmocka_unit_test(t_half_way),     cmocka_unit_test(t_known_cases),
        cmocka_unit_test(t_kinds),        cmocka_unit_test(t_slice),
    };

    return cmocka_run_group_tests_name("codec.num", tests, NULL, NULL);
}
