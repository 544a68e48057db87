/* test_digest.c: unit tests of base/digest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/digest.h"

static void sha256_known_answers(void **state)
{
    (void)state;
    char hex[65];
    sha256_buf("abc", 3, hex); /* FIPS 180-4 example */
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    struct sha256 s;
    sha256_init(&s);
    sha256_add(&s, "a", 1);
    sha256_add(&s, "bc", 2);
    sha256_hex(&s, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void hmac_known_answers(void **state)
{
    (void)state;
    char hex[65]; /* RFC 4231, test case 2 */
    hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, hex);
    assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

static void crc32c_known_answers(void **state)
{
    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u); /* RFC 3720, B.4 style check value */
    unsigned char zeros[32] = { 0 };
    assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aau);
    char text[1000];
    for (int i = 0; i < 1000; i++) text[i] = (char)(i * 31);
    for (size_t cut = 0; cut < 40; cut++) /* in pieces as in one go */
        assert_int_equal(crc32c(crc32c(0, text, cut), text + cut, 1000 - cut), crc32c(0, text, 1000));
}

static void fnv_known_answers(void **state)
{
    (void)state;
    assert_int_equal(fnv1a64("", 0), 0xcbf29ce484222325u);
    assert_int_equal(fnv1a64("a", 1), 0xaf63dc4c8601ec8cu);
}

int main(void)
{
    const struct CMUnitTest t[] = { cmocka_unit_test(sha256_known_answers),
                                    cmocka_unit_test(hmac_known_answers),
                                    cmocka_unit_test(crc32c_known_answers),
                                    cmocka_unit_test(fnv_known_answers) };
    return cmocka_run_group_tests_name("base.digest", t, NULL, NULL);
}
