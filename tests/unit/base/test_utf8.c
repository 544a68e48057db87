/* test_utf8.c: unit tests of base/utf8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static void decodes_and_encodes(void **state)
{
    (void)state;
    for (uint32_t cp = 1; cp < 0x110000; cp += cp < 0x3000 ? 1 : 97) {
        if (cp >= 0xd800 && cp < 0xe000) continue;
        char buf[4];
        size_t n = utf8_put(buf, cp);
        uint32_t back;
        assert_int_equal(utf8_next(buf, n, &back), n);
        assert_int_equal(back, cp);
    }
}

static void refuses_malformed(void **state)
{
    (void)state;
    static const char *const bad[] = { "\x80", "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80",
                                       "\xf4\x90\x80\x80", "\xc3", "a\xe2\x82" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    assert_true(utf8_valid("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10));
}

static void measures_columns(void **state)
{
    (void)state;
    assert_int_equal(utf8_width("abc"), 3);
    assert_int_equal(utf8_width("\xe6\xbc\xa2" "a"), 3);   /* wide + 1 */
    assert_int_equal(utf8_width("e\xcc\x81"), 1);           /* combining accent */
    assert_int_equal(utf8_width("\xe2\xa3\xbf"), 1);        /* braille */
    assert_int_equal(utf8_fit("a\xe6\xbc\xa2" "b", 2), 1);  /* a wide one is not halved */
    assert_int_equal(utf8_fit("a\xe6\xbc\xa2" "b", 3), 4);
    assert_int_equal(utf8_fit("abc", 10), 3);
}

int main(void)
{
    const struct CMUnitTest t[] = { cmocka_unit_test(decodes_and_encodes),
                                    cmocka_unit_test(refuses_malformed),
                                    cmocka_unit_test(measures_columns) };
    return cmocka_run_group_tests_name("base.utf8", t, NULL, NULL);
}
