/* http_probe.c: what the daemon does with requests that are hostile, broken, slow or many: every
 * probe is a test with a name. Byte for byte over plain sockets, since no HTTP library would
 * send most of it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "daemon.h"

/* short deadlines, small limits; the daemon is one for all probes */
static const char settings[] = "serve:\n"
                               "  io_threads: 1\n"
                               "  head_timeout: 1s\n"
                               "  body_timeout: 1s\n"
                               "  idle_timeout: 2s\n"
                               "  write_timeout: 2s\n"
                               "  max_body_mb: 1\n"
                               "  body_memory_mb: 4\n"
                               "  connections: 700\n";

#define GET      "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST     "POST /api/v1/experiment/create?dry_run=true HTTP/1.1\r\nHost: localhost\r\n"
#define BODY     "{\"name\": \"x\"}"
#define BODY_LEN "Content-Length: 13\r\n"

static struct daemon d;

static void expect(const char *request, int status, bool closes)
{
    int fd = dial(&d);

    say(fd, request);
    struct answer a = hear(fd, 5000);
    if (a.status != status)
        fail_msg("status %d instead of %d for: %.200s", a.status, status, request);
    if (closes && !hears_end(fd, 3000)) fail_msg("left open after: %.200s", request);
    if (!closes) {
        say(fd, GET);
        struct answer more = hear(fd, 5000);
        if (more.status != 200) fail_msg("no second answer after: %.200s", request);
        answer_done(&more);
    }
    answer_done(&a);
    close(fd);
}

static void alive(void)
{
    assert_int_equal(ask(&d, GET), 200);
}

/* ---- order and pieces ---------------------------------------------------------------- */

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct str s = STR_INIT;
    int fd = dial(&d);
    char id[16];
    (void)state;

    for (int i = 0; i < 5; i++) str_addf(&s, POST "X-Request-Id: n%d\r\n" BODY_LEN "\r\n" BODY, i);
    assert_true(say(fd, str_c(&s)));
    for (int i = 0; i < 5; i++) {
        struct answer a = hear(fd, 5000);
        snprintf(id, sizeof id, "n%d", i);
        assert_int_equal(a.status, 200);
        assert_string_equal(answer_field(&a, "X-Request-Id"), id);
        answer_done(&a);
    }
    str_done(&s);
    close(fd);
}

/* Quick answers behind slow ones keep their place. */
static void mixed_handlers_keep_the_order(void **state)
{
    static const char *const wanted[] = { "/health", "/models", "/health", "/nothing", "/health" };
    struct str s = STR_INIT;
    int fd = dial(&d);
    (void)state;

    for (int i = 0; i < 5; i++)
        str_addf(&s, "GET %s HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: m%d\r\n\r\n", wanted[i],
                 i);
    assert_true(say(fd, str_c(&s)));
    for (int i = 0; i < 5; i++) {
        struct answer a = hear(fd, 5000);
        assert_int_equal(a.status, i == 3 ? 404 : 200);
        assert_int_equal(answer_field(&a, "X-Request-Id")[1], '0' + i);
        answer_done(&a);
    }
    str_done(&s);
    close(fd);
}

static void byte_by_byte(void **state)
{
    static const char text[] = POST BODY_LEN "\r\n" BODY;
    int fd = dial(&d);
    (void)state;

    for (const char *c = text; *c; c++) {
        assert_true(say_n(fd, c, 1));
        usleep(500);
    }
    struct answer a = hear(fd, 5000);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    close(fd);
}

/* ---- slow and silent clients --------------------------------------------------------- */

/* Says a byte a quarter second; how long until the end came. */
static int64_t trickle(int fd, const char *bytes, int *ret_status)
{
    int64_t began = now_ms();
    bool more = true;
    struct answer a = { .status = -1 };

    for (size_t i = 0; now_ms() - began < 8000 && a.status < 0; i++) {
        if (more) more = say_n(fd, bytes + i % strlen(bytes), 1);
        a = hear(fd, 250);
    }
    *ret_status = a.status;
    assert_true(hears_end(fd, 1000));
    answer_done(&a);
    return now_ms() - began;
}

static void a_slow_head_is_cut_off(void **state)
{
    int fd = dial(&d), status;
    (void)state;

    say(fd, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    assert_in_range(trickle(fd, "a", &status), 500, 3000);
    assert_int_equal(status, 408);
    close(fd);
    fd = dial(&d); /* the very first line */
    assert_in_range(trickle(fd, "GET /aaaaaaaaaaaaaaaaaaa", &status), 500, 3000);
    assert_int_equal(status, 408);
    close(fd);
}

static void a_slow_head_behind_a_request_is_cut_off(void **state)
{
    int fd = dial(&d), status;
    (void)state;

    say(fd, GET);
    struct answer a = hear(fd, 5000);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    say(fd, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
    assert_in_range(trickle(fd, "a", &status), 500, 3500);
    close(fd);
}

static void a_slow_body_is_cut_off(void **state)
{
    int fd = dial(&d), status;
    (void)state;

    say(fd, POST "Content-Length: 1000\r\n\r\n{");
    assert_in_range(trickle(fd, " ", &status), 500, 3000);
    assert_int_equal(status, 408);
    close(fd);
    fd = dial(&d);
    say(fd, POST "Transfer-Encoding: chunked\r\n\r\n");
    assert_in_range(trickle(fd, "1\r\n \r\n", &status), 500, 3000);
    assert_int_equal(status, 408);
    close(fd);
}

static void idle_connections_are_closed(void **state)
{
    int fresh = dial(&d), used = dial(&d);
    int64_t began = now_ms();
    (void)state;

    say(used, GET);
    struct answer a = hear(used, 5000);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    a = hear(fresh, 4000);
    assert_int_equal(a.status, 0); /* closed without a word: it asked nothing */
    assert_in_range(now_ms() - began, 500, 2500);
    assert_true(hears_end(used, 4000));
    assert_in_range(now_ms() - began, 1500, 4000);
    close(fresh);
    close(used);
}

static void a_client_that_does_not_read_is_cut_off(void **state)
{
    int fd = dial(&d), small = 4096, n = 0;
    (void)state;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    for (int i = 0; i < 400; i++)
        if (!say(fd, "GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n")) break;
    usleep(5000000);
    for (;; n++) {
        struct answer a = hear(fd, 2000);
        size_t want = (size_t)atol(answer_field(&a, "Content-Length"));
        bool whole = a.status == 200 && a.n == want;
        answer_done(&a);
        if (!whole) break;
    }
    assert_in_range(n, 0, 399);
    close(fd);
    alive();
}

/* ---- too large ----------------------------------------------------------------------- */

static void a_large_body_is_refused(void **state)
{
    struct str s = STR_INIT;
    (void)state;

    expect(POST "Content-Length: 1048577\r\n\r\n", 413, true);
    expect(POST "Content-Length: 99999999999999999\r\n\r\n", 413, true);
    str_add(&s, POST "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 17; i++) { /* over the limit, and not by much: read and answered */
        str_add(&s, "10000\r\n");
        str_pad(&s, ' ', 0x10000);
        str_add(&s, "\r\n");
    }
    str_add(&s, "0\r\n\r\n");
    expect(str_c(&s), 413, false);
    str_done(&s);
}

static void an_endless_body_is_cut_off(void **state)
{
    struct str chunk = STR_INIT;
    int fd = dial(&d), n = 0;
    (void)state;

    str_add(&chunk, "10000\r\n");
    str_pad(&chunk, ' ', 0x10000);
    str_add(&chunk, "\r\n");
    say(fd, POST "Transfer-Encoding: chunked\r\n\r\n");
    while (n < 1000 && say_n(fd, chunk.p, chunk.len)) n++;
    assert_in_range(n, 16, 999);
    assert_true(hears_end(fd, 3000));
    close(fd);
    str_done(&chunk);
    alive();
}

/* Four megabytes for all bodies together: who comes too late is asked to come again. */
static void many_large_bodies_are_too_much(void **state)
{
    struct str body = STR_INIT;
    int fds[6];
    (void)state;

    str_add(&body, POST "Content-Length: 1000000\r\n\r\n");
    str_pad(&body, ' ', 990000);
    for (int i = 0; i < 5; i++) {
        fds[i] = dial(&d);
        say_n(fds[i], body.p, body.len);
        usleep(20000);
    }
    str_pad(&body, ' ', 10000);
    fds[5] = dial(&d);
    say_n(fds[5], body.p, body.len);
    struct answer a = hear(fds[5], 5000);
    assert_int_equal(a.status, 503);
    assert_string_equal(answer_field(&a, "Retry-After"), "1");
    answer_done(&a);
    for (int i = 0; i < 6; i++) close(fds[i]);
    str_done(&body);
    usleep(200000);
    expect(POST BODY_LEN "\r\n" BODY, 200, false);
}

static void a_body_where_none_belongs_is_refused(void **state)
{
    (void)state;
    expect("GET /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", 413, false);
}

static void a_200_kb_head_is_refused(void **state)
{
    struct str s = STR_INIT;
    (void)state;

    str_add(&s, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Large: ");
    str_pad(&s, 'a', 200000);
    str_add(&s, "\r\n\r\n");
    int fd = dial(&d);
    say_n(fd, s.p, s.len);
    struct answer a = hear(fd, 5000);
    assert_int_equal(a.status, 431);
    assert_true(hears_end(fd, 3000));
    answer_done(&a);
    close(fd);
    str_done(&s);
}

static void a_long_address_is_refused(void **state)
{
    struct str s = STR_INIT;
    (void)state;

    for (size_t n = 4100; n < 300000; n *= 8) {
        str_clear(&s);
        str_add(&s, "GET /");
        str_pad(&s, 'a', n);
        str_add(&s, " HTTP/1.1\r\nHost: localhost\r\n\r\n");
        expect(str_c(&s), 414, true);
    }
    str_done(&s);
}

/* Near the limits, too, a head is answered and never just dropped. */
static void heads_of_every_size_are_answered(void **state)
{
    struct str s = STR_INIT;
    int ok = 0, refused = 0;
    (void)state;

    for (int fields = 1; fields < 100; fields += 14) {
        for (size_t n = 200; n < 10000; n += 211) {
            str_clear(&s);
            str_add(&s, "GET /health HTTP/1.1\r\nHost: localhost\r\n");
            for (int i = 0; i < fields; i++) {
                str_addf(&s, "X-%d: ", i);
                str_pad(&s, 'a', n / (size_t)fields);
                str_add(&s, "\r\n");
            }
            str_add(&s, "\r\n");
            int status = ask(&d, str_c(&s));
            if (status != 200 && status != 431)
                fail_msg("%d fields, %zu bytes: %d", fields, n, status);
            ok += status == 200;
            refused += status == 431;
        }
    }
    assert_in_range(ok, 100, 10000);
    assert_in_range(refused, 100, 10000);
    str_done(&s);
}

/* ---- one request that could be two --------------------------------------------------- */

static void two_content_lengths(void **state)
{
    (void)state;
    expect(POST "Content-Length: 13\r\nContent-Length: 13\r\n\r\n" BODY, 400, true);
    expect(POST "Content-Length: 13\r\nContent-Length: 0\r\n\r\n" BODY, 400, true);
    expect(POST "Content-Length: 13, 13\r\n\r\n" BODY, 400, true);
}

static void a_smuggled_request_is_not_answered(void **state)
{
    int fd = dial(&d);
    (void)state;

    say(fd, POST "Content-Length: 0\r\nContent-Length: 44\r\n\r\n" GET);
    struct answer a = hear(fd, 5000);
    assert_int_equal(a.status, 400);
    answer_done(&a);
    a = hear(fd, 2000);
    assert_int_equal(a.status, 0);
    answer_done(&a);
    close(fd);
}

static void transfer_encoding_and_content_length(void **state)
{
    (void)state;
    expect(POST "Transfer-Encoding: chunked\r\nContent-Length: 13\r\n\r\nd\r\n" BODY
                "\r\n0\r\n\r\n",
           400, true);
}

static void unknown_transfer_encodings(void **state)
{
    (void)state;
    expect(POST "Transfer-Encoding: gzip\r\n\r\n", 501, true);
    expect(POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 501, true);
    expect(POST "Transfer-Encoding: xchunked\r\n\r\n", 501, true);
    expect(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
           true);
}

static void a_blank_before_the_colon(void **state)
{
    (void)state;
    expect(POST "Content-Length : 13\r\n\r\n" BODY, 400, true);
    expect("GET /health HTTP/1.1\r\nHost : localhost\r\n\r\n", 400, true);
    expect("GET /health HTTP/1.1\r\nHost: localhost\r\nX Y: 1\r\n\r\n", 400, true);
}

static void numbers_that_are_none(void **state)
{
    (void)state;
    expect(POST "Content-Length: -1\r\n\r\n", 400, true);
    expect(POST "Content-Length: +13\r\n\r\n" BODY, 400, true);
    expect(POST "Content-Length: 0x0d\r\n\r\n" BODY, 400, true);
    expect(POST "Content-Length: \r\n\r\n", 400, true);
    expect(POST "Content-Length: 13 13\r\n\r\n" BODY, 400, true);
}

static void host_is_there_once(void **state)
{
    (void)state;
    expect("GET /health HTTP/1.1\r\n\r\n", 400, true);
    expect("GET /health HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400, true);
    expect("GET /health HTTP/1.1\r\nHost: loc al/host\r\n\r\n", 400, true);
    expect("GET /health HTTP/1.0\r\n\r\n", 200, true);
}

static void without_keys_only_this_machine_is_meant(void **state)
{
    (void)state;
    expect("GET /models HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, false);
    expect("GET /models HTTP/1.1\r\nHost: 127.0.0.1.evil.example\r\n\r\n", 403, false);
    expect("GET /models HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n", 403,
           false);
    expect("GET /models HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost:3000\r\n\r\n", 200,
           false);
    expect("GET /models HTTP/1.1\r\nHost: 127.0.0.1:5000\r\n\r\n", 200, false);
    expect("GET /models HTTP/1.1\r\nHost: [::1]:5000\r\n\r\n", 200, false);
}

/* ---- not HTTP ------------------------------------------------------------------------ */

#define JUNK(text)                                                                                 \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

static void garbage_is_refused_or_closed(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
    } junk[] = {
        JUNK("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a hello of TLS \r\n\r\n"),
        JUNK("\0\0\0\0\0\0\0\0\r\n\r\n"),
        JUNK("hello\r\n\r\n"),
        JUNK("GET\r\n\r\n"),
        JUNK("GET /health\r\n\r\n"),
        JUNK("GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n"),
        JUNK("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        JUNK("GET /health HTTP/1.1\r\nno colon here\r\n\r\n"),
        JUNK("GET /health HTTP/1.1\r\n: nameless\r\nHost: localhost\r\n\r\n"),
    };
    (void)state;

    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
        int fd = dial(&d);
        say_n(fd, junk[i].bytes, junk[i].n);
        struct answer a = hear(fd, 5000);
        if (a.status == 200 || a.status >= 506 || a.status == 500 || a.status < 0)
            fail_msg("junk %zu: %d", i, a.status);
        if (!hears_end(fd, 4000)) fail_msg("junk %zu leaves the connection open", i);
        answer_done(&a);
        close(fd);
    }
    alive();
}

static void bad_chunks_are_refused(void **state)
{
    static const char *const bodies[] = { "zz\r\n{}\r\n0\r\n\r\n", "-1\r\n\r\n",
                                          "fffffffffffffffff\r\n", "2\r\n{}0\r\n\r\n" };
    (void)state;

    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct str s = STR_INIT;
        str_addf(&s, POST "Transfer-Encoding: chunked\r\n\r\n%s", bodies[i]);
        int fd = dial(&d);
        say(fd, str_c(&s));
        struct answer a = hear(fd, 5000);
        if (a.status == 200 || a.status >= 500) fail_msg("chunks %zu: %d", i, a.status);
        assert_true(hears_end(fd, 4000));
        answer_done(&a);
        close(fd);
        str_done(&s);
    }
}

/* ---- addresses ----------------------------------------------------------------------- */

static void addresses(void **state)
{
    (void)state;
#define OF(target) "GET " target " HTTP/1.1\r\nHost: localhost\r\n\r\n"
    expect(OF("http://localhost/health"), 200, false);
    expect(OF("/health/"), 200, false);
    expect(OF("/health?a=1&b"), 200, false);
    expect(OF("/heal%74h"), 200, false);
    expect(OF("/health%00"), 400, false);
    expect(OF("/health%zz"), 400, false);
    expect(OF("/health%4"), 400, false);
    expect(OF("health"), 400, false);
    expect(OF("/a b"), 400, false);
    expect(OF("/../../etc/passwd"), 404, false);
    expect(OF("/%2e%2e/%2e%2e/etc/passwd"), 404, false);
    expect(OF("//health"), 404, false);
    expect(OF("/train/status/..%2f..%2fetc%2fpasswd"), 404, false);
    expect(OF("/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4/5/6/7/8/9/0/1/2/3/4"), 414, false);
#undef OF
}

static void methods(void **state)
{
    (void)state;
    int fd = dial(&d);
    say(fd, "HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n" GET);
    struct answer a = hear_head(fd, 5000);
    assert_int_equal(a.status, 200);
    assert_true(atoi(answer_field(&a, "Content-Length")) > 10);
    a = hear(fd, 5000);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    say(fd, "PUT /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
    a = hear(fd, 5000);
    assert_int_equal(a.status, 405);
    assert_string_equal(answer_field(&a, "Allow"), "GET, HEAD");
    answer_done(&a);
    close(fd);
    expect("BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, false);
    expect("OPTIONS /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 405, false);
}

static void a_request_id_is_kept_when_it_is_fit(void **state)
{
    int fd = dial(&d);
    (void)state;

    say(fd, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: abc-1.2_3:4\r\n\r\n");
    struct answer a = hear(fd, 5000);
    assert_string_equal(answer_field(&a, "X-Request-Id"), "abc-1.2_3:4");
    answer_done(&a);
    say(fd, "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\"b<c>\r\n\r\n");
    a = hear(fd, 5000);
    assert_int_equal(strlen(answer_field(&a, "X-Request-Id")), 26);
    answer_done(&a);
    close(fd);
}

/* ---- bodies that are right ----------------------------------------------------------- */

static void chunked_bodies(void **state)
{
    (void)state;
    expect(POST "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"nam\r\n8\r\ne\": \"x\"}\r\n0\r\n\r\n",
           200, false);
    expect(POST "Transfer-Encoding: Chunked\r\n\r\nd;ext=1\r\n" BODY "\r\n0\r\nTrailer: x\r\n\r\n",
           200, false);
}

static void expect_100_continue(void **state)
{
    int fd = dial(&d);
    (void)state;

    say(fd, POST BODY_LEN "Expect: 100-continue\r\n\r\n");
    struct answer a = hear_head(fd, 3000);
    assert_int_equal(a.status, 100);
    say(fd, BODY);
    a = hear(fd, 3000);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    say(fd, POST "Content-Length: 2000000\r\nExpect: 100-continue\r\n\r\n");
    a = hear(fd, 3000);
    assert_int_equal(a.status, 413); /* without asking for the body first */
    answer_done(&a);
    assert_true(hears_end(fd, 3000));
    close(fd);
}

static void bodies_that_are_no_arguments(void **state)
{
    (void)state;
    expect(POST "Content-Length: 1\r\n\r\n{", 400, false);
    expect(POST "Content-Length: 2\r\n\r\n[]", 400, false);
    expect(POST "Content-Length: 2\r\n\r\n{}", 400, false);
    expect(POST "Content-Length: 14\r\n\r\n{\"nix\": \"nix\"}", 400, false);
    expect(POST "Content-Length: 5\r\n\r\n\xff\xfe\xfd\xfc\xfb", 400, false);
}

/* ---- many ---------------------------------------------------------------------------- */

static void resets_with_a_request_in_flight(void **state)
{
    const struct linger hard = { .l_onoff = 1, .l_linger = 0 };
    (void)state;

    for (int i = 0; i < 200; i++) {
        int fd = dial(&d);
        say(fd, i % 2 ? "GET /models HTTP/1.1\r\nHost: localhost\r\n\r\n" : POST BODY_LEN "\r\n{");
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(fd);
    }
    alive();
}

/* The very numbers at which an epoll set is full to the brim. */
static void bursts(int n, const char *request)
{
    int fds[600];
    int64_t began = 0;

    for (int i = 0; i < n; i++) fds[i] = dial(&d);
    for (int round = 0; round < 3; round++) {
        began = now_ms();
        for (int i = 0; i < n; i++) assert_true(say(fds[i], request));
        for (int i = 0; i < n; i++) {
            struct answer a = hear(fds[i], 5000);
            if (a.status != 200) fail_msg("%d of %d connections: %d", i, n, a.status);
            answer_done(&a);
        }
        if (now_ms() - began > 3000)
            fail_msg("%d connections took %d ms", n, (int)(now_ms() - began));
    }
    for (int i = 0; i < n; i++) close(fds[i]);
}

static void bursts_of_128_256_512_are_answered_at_once(void **state)
{
    (void)state;
    for (int n = 128; n <= 512; n *= 2) {
        bursts(n, GET);
        bursts(n, "GET /models HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
}

static void connections_over_the_cap_are_told(void **state)
{
    int fds[720], told = 0;
    (void)state;

    for (int i = 0; i < 720; i++) fds[i] = dial(&d);
    for (int i = 0; i < 720; i++) say(fds[i], GET);
    for (int i = 0; i < 720; i++) {
        struct answer a = hear(fds[i], 5000);
        if (i < 690) assert_int_equal(a.status, 200);
        told += a.status == 503 && a.close;
        answer_done(&a);
    }
    assert_in_range(told, 10, 30);
    for (int i = 0; i < 720; i++) close(fds[i]);
    usleep(300000);
    alive();
}

static long resident_kb(void)
{
    char path[64], line[256];
    long kb = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)d.pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmRSS: %ld", &kb) == 1) break;
    if (f) fclose(f);
    return kb;
}

static void an_idle_connection_costs_little(void **state)
{
    int fds[500];
    long before;
    (void)state;

    bursts(500, GET); /* so that the allocator has had its peak */
    before = resident_kb();
    for (int i = 0; i < 500; i++) fds[i] = dial(&d);
    usleep(200000);
    assert_in_range(resident_kb() + 8000 - before, 0, 16000); /* under 16 KiB each */
    for (int i = 0; i < 500; i++) close(fds[i]);
}

static int open_daemon(void **state)
{
    (void)state;
    daemon_start(&d, (const char *const[]){ "--no-auth", NULL });
    return 0;
}

/* After all of it the daemon still ends in good order. */
static int close_daemon(void **state)
{
    (void)state;
    kill(d.pid, 15);
    int code = daemon_wait(&d, 15000);
    daemon_close(&d);
    if (code) print_error("the daemon ended with %d\n", code);
    return code != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(mixed_handlers_keep_the_order),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(a_slow_head_is_cut_off),
        cmocka_unit_test(a_slow_head_behind_a_request_is_cut_off),
        cmocka_unit_test(a_slow_body_is_cut_off),
        cmocka_unit_test(idle_connections_are_closed),
        cmocka_unit_test(a_client_that_does_not_read_is_cut_off),
        cmocka_unit_test(a_large_body_is_refused),
        cmocka_unit_test(an_endless_body_is_cut_off),
        cmocka_unit_test(many_large_bodies_are_too_much),
        cmocka_unit_test(a_body_where_none_belongs_is_refused),
        cmocka_unit_test(a_200_kb_head_is_refused),
        cmocka_unit_test(a_long_address_is_refused),
        cmocka_unit_test(heads_of_every_size_are_answered),
        cmocka_unit_test(two_content_lengths),
        cmocka_unit_test(a_smuggled_request_is_not_answered),
        cmocka_unit_test(transfer_encoding_and_content_length),
        cmocka_unit_test(unknown_transfer_encodings),
        cmocka_unit_test(a_blank_before_the_colon),
        cmocka_unit_test(numbers_that_are_none),
        cmocka_unit_test(host_is_there_once),
        cmocka_unit_test(without_keys_only_this_machine_is_meant),
        cmocka_unit_test(garbage_is_refused_or_closed),
        cmocka_unit_test(bad_chunks_are_refused),
        cmocka_unit_test(addresses),
        cmocka_unit_test(methods),
        cmocka_unit_test(a_request_id_is_kept_when_it_is_fit),
        cmocka_unit_test(chunked_bodies),
        cmocka_unit_test(expect_100_continue),
        cmocka_unit_test(bodies_that_are_no_arguments),
        cmocka_unit_test(resets_with_a_request_in_flight),
        cmocka_unit_test(bursts_of_128_256_512_are_answered_at_once),
        cmocka_unit_test(connections_over_the_cap_are_told),
        cmocka_unit_test(an_idle_connection_costs_little),
    };

    if (!daemon_open(&d, settings)) return 77;
    return cmocka_run_group_tests_name("http_probe", tests, open_daemon, close_daemon);
}
