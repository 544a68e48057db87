/* test_target.c: addresses taken apart: cutting before decoding, limits, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"
#include "http/target.h"

static struct arena a = ARENA_INIT;

static int teardown(void **state)
{
    (void)state;
    arena_done(&a);
    return 0;
}

static struct target good(const char *text)
{
    struct err e = ERR_INIT;
    struct target t;

    if (target_parse(&a, text, &t, &e)) fail_msg("%s: %s", text, e.msg);
    return t;
}

static void bad(const char *text, int kind)
{
    struct err e = ERR_INIT;
    struct target t;

    if (target_parse(&a, text, &t, &e) != -kind) fail_msg("%s was not refused", text);
}

static void paths(void **state)
{
    (void)state;
    assert_int_equal(good("/").n_segments, 0);
    assert_int_equal(good("/?").n_segments, 0);
    struct target t = good("/a/bc/?x");
    assert_int_equal(t.n_segments, 2);
    assert_string_equal(t.segments[0].p, "a");
    assert_string_equal(t.segments[1].p, "bc");
    assert_string_equal(t.path, "/a/bc/");
    t = good("/a//b");
    assert_int_equal(t.n_segments, 3);
    assert_int_equal(t.segments[1].n, 0);
}

static void escapes_are_data(void **state)
{
    struct target t = good("/a%2Fb/%3f/+%20?q%3D1=a%26b+c&%c3%A9");
    (void)state;

    assert_int_equal(t.n_segments, 3);
    assert_string_equal(t.segments[0].p, "a/b");
    assert_string_equal(t.segments[1].p, "?");
    assert_string_equal(t.segments[2].p, "+ ");
    assert_int_equal(t.n_fields, 2);
    assert_string_equal(t.fields[0].name.p, "q=1");
    assert_string_equal(t.fields[0].value.p, "a&b c");
    assert_string_equal(t.fields[1].name.p, "\xc3\xa9");
    assert_string_equal(t.fields[1].value.p, "");
}

static void fields(void **state)
{
    struct target t = good("/?a=1&&b=&c&a=2&d=e=f");
    (void)state;

    assert_int_equal(t.n_fields, 5);
    assert_string_equal(target_field(&t, "a"), "1");
    assert_string_equal(target_field(&t, "b"), "");
    assert_string_equal(target_field(&t, "c"), "");
    assert_string_equal(target_field(&t, "d"), "e=f");
    assert_null(target_field(&t, "e"));
    assert_string_equal(t.fields[3].value.p, "2");
}

static void absolute_addresses(void **state)
{
    (void)state;
    assert_string_equal(good("http://host:80/a?b").segments[0].p, "a");
    assert_int_equal(good("https://host").n_segments, 0);
    bad("http://host?a", ERR_INVALID);
    bad("ftp://host/a", ERR_INVALID);
}

static void malformed(void **state)
{
    static const char *const texts[] = {
        "",      "a",     "*",    "/%",    "/%1", "/%g0", "/%00",
        "/?%00", "/?a=%", "/a b", "/\x7f", "/\n", "?a",   "/?=%zz"
    };
    (void)state;

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) bad(texts[i], ERR_INVALID);
}

static void limits(void **state)
{
    STR_AUTO s = STR_INIT;
    (void)state;

    for (int i = 0; i < TARGET_SEGMENTS; i++) str_add(&s, "/a");
    assert_int_equal(good(str_c(&s)).n_segments, TARGET_SEGMENTS);
    str_add(&s, "/a");
    bad(str_c(&s), ERR_LIMIT);
    str_clear(&s);
    str_add(&s, "/?a");
    for (int i = 1; i < TARGET_FIELDS; i++) str_add(&s, "&a");
    assert_int_equal(good(str_c(&s)).n_fields, TARGET_FIELDS);
    str_add(&s, "&a");
    bad(str_c(&s), ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),     cmocka_unit_test(escapes_are_data),
        cmocka_unit_test(fields),    cmocka_unit_test(absolute_addresses),
        cmocka_unit_test(malformed), cmocka_unit_test(limits),
    };

    return cmocka_run_group_tests_name("target", tests, NULL, teardown);
}
