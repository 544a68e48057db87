/* test_ubjson.c: every type of value, both spellings of lists and objects, and what hostile
 * documents are answered. Documents are written here letter by letter. */
#include "codec/ubjson.h"

#include "base/mem.h"
#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Parses and compares with JSON text. */
static void same(const char *bytes, size_t n, const char *json)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct val *v = NULL;
    STR_AUTO out = STR_INIT;

    if (ubjson_parse(&a, bytes, n, &v, &e)) fail_msg("%s", e.msg);
    val_write_json(&out, v, 0);
    assert_string_equal(str_c(&out), json);
    arena_done(&a);
}
#define SAME(text, json) same(text, sizeof(text) - 1, json)

static void refused(const char *bytes, size_t n, enum err_kind kind, const char *part)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct val *v = NULL;

    assert_int_equal(ubjson_parse(&a, bytes, n, &v, &e), -(int)kind);
    if (!strstr(e.msg, part)) fail_msg("\"%s\" does not contain \"%s\"", e.msg, part);
    arena_done(&a);
}
#define REFUSED(text, kind, part) refused(text, sizeof(text) - 1, kind, part)

static void test_scalars(void **state)
{
    (void)state;
    SAME("Z", "null");
    SAME("T", "true");
    SAME("F", "false");
    SAME("i\x80", "-128");
    SAME("U\xff", "255");
    SAME("I\xff\xfe", "-2");
    SAME("l\x7f\xff\xff\xff", "2147483647");
    SAME("L\x80\0\0\0\0\0\0\1", "-9223372036854775807");
    SAME("d\x3f\xc0\0\0", "1.5");
    SAME("D\xc0\x04\0\0\0\0\0\0", "-2.5");
    SAME("Cx", "\"x\"");
    SAME("SU\2\xc3\xa4", "\"\xc3\xa4\"");
    SAME("SL\0\0\0\0\0\0\0\3abc", "\"abc\"");
}

static void test_containers(void **state)
{
    (void)state;
    SAME("[]", "[]");
    SAME("{}", "{}");
    SAME("[i\1NNi\2]", "[1,2]");
    SAME("[#i\2i\1Z", "[1,null]");
    SAME("[$d#L\0\0\0\0\0\0\0\2\x3f\x80\0\0\x40\0\0\0", "[1.0,2.0]");
    SAME("[$i#U\3\1\2\xff", "[1,2,-1]");
    SAME("[$[#i\2]i\1]", "[[],[1]]");
    SAME("{U\1ai\1U\1b{}}", "{\"a\":1,\"b\":{}}");
    SAME("{#i\1U\1a[]", "{\"a\":[]}");
    SAME("{$i#i\2U\1a\5U\1b\6", "{\"a\":5,\"b\":6}");
}

static void test_refused(void **state)
{
    (void)state;
    REFUSED("", ERR_PARSE, "too early");
    REFUSED("X", ERR_PARSE, "no such type");
    REFUSED("HU\0011", ERR_PARSE, "no such type");
    REFUSED("i\1i", ERR_PARSE, "something follows");
    REFUSED("l\0\0", ERR_PARSE, "inside a number");
    REFUSED("SU\5abc", ERR_PARSE, "inside a text");
    REFUSED("Si\xff", ERR_PARSE, "below 0");
    REFUSED("Sd\0\0\0\0", ERR_PARSE, "no integer");
    REFUSED("SU\1\xff", ERR_PARSE, "not UTF-8");
    REFUSED("SU\1\0", ERR_PARSE, "not UTF-8");
    REFUSED("[i\1", ERR_PARSE, "no end");
    REFUSED("[$Z#L\0\0\0\0\x7f\xff\xff\xff", ERR_PARSE, "no list can have this type");
    REFUSED("[$i]", ERR_PARSE, "no count");
    REFUSED("[#L\x7f\xff\xff\xff\xff\xff\xff\xff", ERR_PARSE, "exceeds the document");
    REFUSED("{U\1ai\1U\1ai\1}", ERR_PARSE, "twice");
    char deep[200];
    memset(deep, '[', sizeof deep);
    refused(deep, sizeof deep, ERR_LIMIT, "deeper than 128");
}

static void test_hostile(void **state)
{
    static const char good[] = "{U\1a[$d#L\0\0\0\0\0\0\0\2\x3f\x80\0\0\x40\0\0\0U\1b[#i\2i\1SU\3xyz"
                               "U\1c{$l#i\1U\1d\0\0\0\1}";
    struct rng r;
    size_t taken = 0;

    (void)state;
    rng_seed(&r, 1);
    for (int i = 0; i < 20000; i++) {
        struct arena a = ARENA_INIT;
        struct err e = ERR_INIT;
        struct val *v;
        size_t n = rng_below(&r, 4) ? sizeof good - 1 : rng_below(&r, sizeof good);
        char *bad = mem_alloc(n + !n); /* of its own size: one byte too many is seen */
        memcpy(bad, good, n);
        for (int k = (int)rng_below(&r, 3); k >= 0 && n; k--)
            bad[rng_below(&r, n)] = "ZTFNiUIlLdDCS[]{}$#\0\1\2\xff"[rng_below(&r, 23)];
        int rc = ubjson_parse(&a, bad, n, &v, &e);
        assert_true(rc == 0 || rc == -(int)ERR_PARSE || rc == -(int)ERR_LIMIT);
        taken += rc == 0;
        mem_freep(&bad);
        arena_done(&a);
    }
    assert_true(taken > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hostile),
    };

    return cmocka_run_group_tests_name("ubjson", tests, NULL, NULL);
}
