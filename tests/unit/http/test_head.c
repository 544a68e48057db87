/* test_head.c: the rules for the head of a request, one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/head.h"

struct field {
    const char *name, *value;
};

static int check(const char *version, const struct field *f)
{
    struct err e = ERR_INIT;
    struct head h;

    head_init(&h);
    for (; f->name; f++) head_field(&h, f->name, strlen(f->name), f->value, strlen(f->value));
    int status = head_check(&h, version, &e);
    assert_int_equal(status != 0, e.msg[0] != 0);
    return status;
}

#define CHECK(version, ...) check(version, (const struct field[]){ __VA_ARGS__, { NULL, NULL } })
#define HOST                                                                                       \
    {                                                                                              \
        "Host", "a"                                                                                \
    }

static void good_heads_pass(void **state)
{
    (void)state;
    assert_int_equal(CHECK("HTTP/1.1", HOST), 0);
    assert_int_equal(CHECK("HTTP/1.1", { "hOST", "a:80" }, { "content-length", "0" }), 0);
    assert_int_equal(
        CHECK("HTTP/1.1", { "Host", "[::1]:5000" }, { "Transfer-Encoding", "CHUNKED" }), 0);
    assert_int_equal(CHECK("HTTP/1.1", { "Host", "" }, { "X-A", "tab\there" }), 0);
    assert_int_equal(CHECK("HTTP/1.0", { "X", "y" }), 0);
}

static void lengths_are_one_number(void **state)
{
    (void)state;
    static const char *const bad[] = { "",    "-1",  "+1",  "1 1",
                                       "1,1", "0x1", "1.0", "9999999999999999999" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(CHECK("HTTP/1.1", HOST, { "Content-Length", bad[i] }), 400);
    assert_int_equal(CHECK("HTTP/1.1", HOST, { "Content-Length", "1" }, { "Content-Length", "1" }),
                     400);
}

static void a_length_is_read(void **state)
{
    struct head h;
    (void)state;

    head_init(&h);
    assert_int_equal(h.length, -1);
    head_field(&h, "Content-Length", 14, "000123", 6);
    assert_int_equal(h.length, 123);
}

static void encodings(void **state)
{
    (void)state;
    assert_int_equal(CHECK("HTTP/1.1", HOST, { "Transfer-Encoding", "gzip" }), 501);
    assert_int_equal(CHECK("HTTP/1.1", HOST, { "Transfer-Encoding", "chunked, gzip" }), 501);
    assert_int_equal(
        CHECK("HTTP/1.1", HOST, { "Transfer-Encoding", "chunked" }, { "Content-Length", "1" }),
        400);
    assert_int_equal(CHECK("HTTP/1.1", HOST, { "Transfer-Encoding", "chunked" },
                           { "Transfer-Encoding", "chunked" }),
                     400);
    assert_int_equal(CHECK("HTTP/1.0", { "Transfer-Encoding", "chunked" }), 400);
}

static void hosts(void **state)
{
    (void)state;
    assert_int_equal(CHECK("HTTP/1.1", { "X", "y" }), 400);
    assert_int_equal(CHECK("HTTP/1.1", HOST, HOST), 400);
    assert_int_equal(CHECK("HTTP/1.1", { "Host", "a/b" }), 400);
    assert_int_equal(CHECK("HTTP/1.1", { "Host", "a b" }), 400);
}

static void names_and_values(void **state)
{
    struct head h;
    struct err e = ERR_INIT;
    (void)state;

    assert_int_equal(CHECK("HTTP/1.1", HOST, { "Content-Length ", "1" }), 400);
    assert_int_equal(CHECK("HTTP/1.1", HOST, { "", "1" }), 400);
    assert_int_equal(CHECK("HTTP/1.1", HOST, { "a:b", "1" }), 400);
    assert_int_equal(CHECK("HTTP/1.1", HOST, { "a", "1\x01" }), 400);
    assert_int_equal(CHECK("HTTP/1.1", HOST, { "a", "1\x7f" }), 400);
    head_init(&h);
    head_field(&h, "Host", 4, "a", 1);
    head_field(&h, "X", 1, "a\0b", 3);
    assert_int_equal(head_check(&h, "HTTP/1.1", &e), 400);
}

static void versions(void **state)
{
    (void)state;
    assert_int_equal(CHECK("HTTP/1.2", HOST), 505);
    assert_int_equal(CHECK("HTTP/2.0", HOST), 505);
    assert_int_equal(CHECK("http/1.1", HOST), 505);
}

static void loopback_names(void **state)
{
    static const char *const here[] = { "localhost",    "LOCALHOST:1", "127.0.0.1",
                                        "127.1.2.3:80", "[::1]",       "[::1]:80" };
    static const char *const not_here[] = {
        "",      "localhost.evil.org", "127.0.0.1.evil.org", "127.evil",
        "[::2]", "[::1].evil.org",     "128.0.0.1",          "example.org",
        "127."
    };
    (void)state;

    for (size_t i = 0; i < sizeof here / sizeof *here; i++)
        if (!head_host_is_loopback(here[i])) fail_msg("%s is here", here[i]);
    for (size_t i = 0; i < sizeof not_here / sizeof *not_here; i++)
        if (head_host_is_loopback(not_here[i])) fail_msg("%s is not here", not_here[i]);
}

static void request_ids(void **state)
{
    char text[80];
    (void)state;

    memset(text, 'a', sizeof text);
    text[64] = 0;
    assert_true(head_id_is_fit(text));
    assert_true(head_id_is_fit("0"));
    assert_true(head_id_is_fit("a.b_c:d-E9"));
    text[64] = 'a';
    text[65] = 0;
    assert_false(head_id_is_fit(text));
    assert_false(head_id_is_fit(""));
    assert_false(head_id_is_fit("a b"));
    assert_false(head_id_is_fit("a\r\nb"));
    assert_false(head_id_is_fit("a\"b"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_heads_pass),
        cmocka_unit_test(lengths_are_one_number),
        cmocka_unit_test(a_length_is_read),
        cmocka_unit_test(encodings),
        cmocka_unit_test(hosts),
        cmocka_unit_test(names_and_values),
        cmocka_unit_test(versions),
        cmocka_unit_test(loopback_names),
        cmocka_unit_test(request_ids),
    };

    return cmocka_run_group_tests_name("head", tests, NULL, NULL);
}
