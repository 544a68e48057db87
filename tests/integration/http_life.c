/* http_life.c: the daemon from start to end: where it listens and where it refuses to, what it
 * answers while it stops, what it reads again on SIGHUP, what it tells systemd, and keys that
 * are revoked while requests come in. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/str.h"
#include "daemon.h"
#include "store/store.h"

#define GET  "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define POST "POST /api/v1/experiment/create HTTP/1.1\r\nHost: localhost\r\n"

static const char settings[] =
    "serve:\n  stop_timeout: 2s\n  idle_timeout: 30s\n  head_timeout: 30s\n";
static const char *const no_auth[] = { "--no-auth", NULL };

static int open_it(void **state)
{
    static struct daemon d;

    if (!daemon_open(&d, settings)) return -1;
    *state = &d;
    return 0;
}

static int close_it(void **state)
{
    daemon_close(*state);
    return 0;
}

/* ---- start --------------------------------------------------------------------------- */

static void addresses_that_cannot_be(void **state)
{
    struct daemon *d = *state;
    static const char *const bad[] = { "127.0.0.1", "127.0.0.1:x", "127.0.0.1:70000", ":5000",
                                       "::1:5000" };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(daemon_run(d, (const char *const[]){ "serve", "--listen", bad[i], NULL }),
                         2);
}

static void without_keys_only_on_loopback(void **state)
{
    struct daemon *d = *state;

    assert_int_equal(
        daemon_run(d, (const char *const[]){ "serve", "--no-auth", "--listen", "0.0.0.0:0", NULL }),
        2);
    assert_true(daemon_said(d, "--no-auth"));
}

static void a_port_is_not_shared(void **state)
{
    struct daemon *d = *state;
    char address[32];

    daemon_start(d, (const char *const[]){ "--no-auth", "--io-threads", "2", NULL });
    snprintf(address, sizeof address, "127.0.0.1:%d", d->port);
    assert_int_equal(daemon_run(d, (const char *const[]){ "serve", "--io-threads", "2", "--listen",
                                                          address, NULL }),
                     7);
    assert_int_equal(ask(d, GET), 200);
}

static void settings_that_are_wrong(void **state)
{
    struct daemon *d = *state;

    daemon_settings(d, "serve:\n  head_timeout: soon\n");
    assert_int_equal(
        daemon_run(d, (const char *const[]){ "serve", "--listen", "127.0.0.1:0", NULL }), 2);
    daemon_settings(d, "serve:\n  conections: 5\n");
    assert_int_equal(
        daemon_run(d, (const char *const[]){ "serve", "--listen", "127.0.0.1:0", NULL }), 2);
    assert_true(daemon_said(d, "connections"));
}

/* ---- end ----------------------------------------------------------------------------- */

static void idle_connections_do_not_hold_up_the_end(void **state)
{
    struct daemon *d = *state;
    int fresh, used;

    daemon_start(d, no_auth);
    fresh = dial(d);
    used = dial(d);
    say(used, GET);
    struct answer a = hear(used, 5000);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    kill(d->pid, SIGTERM);
    assert_int_equal(daemon_wait(d, 1500), 0);
    assert_true(hears_end(fresh, 100));
    assert_true(hears_end(used, 100));
    close(fresh);
    close(used);
}

static void a_request_under_way_is_still_answered(void **state)
{
    struct daemon *d = *state;
    int fd;

    daemon_start(d, no_auth);
    fd = dial(d);
    say(fd, POST "Content-Length: 13\r\n\r\n{\"name\"");
    usleep(200000);
    kill(d->pid, SIGTERM);
    usleep(300000);
    assert_int_equal(daemon_wait(d, 0), -1);
    say(fd, ": \"x\"}");
    struct answer a = hear(fd, 3000);
    assert_int_equal(a.status, 200);
    assert_true(a.close);
    answer_done(&a);
    close(fd);
    assert_int_equal(daemon_wait(d, 1500), 0);
}

static void patience_has_an_end(void **state)
{
    struct daemon *d = *state;
    int64_t began;
    int fd;

    daemon_start(d, no_auth);
    fd = dial(d);
    say(fd, POST "Content-Length: 13\r\n\r\n{\"name\"");
    usleep(200000);
    kill(d->pid, SIGTERM);
    began = now_ms();
    assert_int_equal(daemon_wait(d, 6000), 0);
    assert_in_range(now_ms() - began, 1500, 4000);
    close(fd);
}

static void a_second_signal_ends_the_patience(void **state)
{
    struct daemon *d = *state;
    int fd;

    daemon_start(d, no_auth);
    fd = dial(d);
    say(fd, POST "Content-Length: 13\r\n\r\n{\"name\"");
    usleep(200000);
    kill(d->pid, SIGINT);
    usleep(200000);
    kill(d->pid, SIGTERM);
    assert_int_equal(daemon_wait(d, 1000), 0);
    close(fd);
}

/* Somebody holds the store: a write cannot come through, and the end does not wait for it. */
static void what_a_verb_owes_does_not_hold_up_the_end(void **state)
{
    struct daemon *d = *state;
    struct store *s = NULL;
    struct err e = ERR_INIT;
    int64_t began;
    int fd;

    daemon_start(d, no_auth);
    assert_int_equal(store_open(&s, d->ws, 0, &clock_system, &e), 0);
    assert_int_equal(store_begin(s, &e), 0);
    fd = dial(d);
    say(fd, POST "Content-Length: 13\r\n\r\n{\"name\": \"x\"}");
    usleep(300000);
    kill(d->pid, SIGTERM);
    began = now_ms();
    struct answer a = hear(fd, 6000);
    assert_int_equal(a.status, 503);
    assert_true(a.close);
    assert_in_range(now_ms() - began, 1500, 4000);
    answer_done(&a);
    store_rollback(s);
    store_close(s);
    assert_int_equal(daemon_wait(d, 15000), 0);
    close(fd);
}

/* ---- SIGHUP -------------------------------------------------------------------------- */

static bool wait_said(const struct daemon *d, const char *text)
{
    for (int i = 0; i < 300; i++) {
        if (daemon_said(d, text)) return true;
        usleep(10000);
    }
    return false;
}

static void limits_are_read_again(void **state)
{
    struct daemon *d = *state;
    int fd;

    daemon_start(d, no_auth);
    fd = dial(d);
    say(fd, GET);
    struct answer a = hear(fd, 5000);
    answer_done(&a);
    daemon_settings(d, "serve:\n  max_body_mb: 1\n  access_log: true\n");
    kill(d->pid, SIGHUP);
    assert_true(wait_said(d, "settings read again"));
    usleep(50000);
    say(fd, POST "Content-Length: 1500000\r\n\r\n"); /* the connection lives on */
    a = hear(fd, 5000);
    assert_int_equal(a.status, 413);
    answer_done(&a);
    close(fd);
    assert_true(wait_said(d, "POST /api/v1/experiment/create 413"));
    daemon_settings(d, "serve:\n  max_body_mb: many\n");
    kill(d->pid, SIGHUP);
    assert_true(wait_said(d, "nothing reloaded"));
    assert_int_equal(ask(d, GET), 200);
}

/* ---- systemd ------------------------------------------------------------------------- */

static void systemd_is_told(void **state)
{
    struct daemon *d = *state;
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    const struct timeval limit = { .tv_sec = 5 };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), seen = 0;
    char text[256];

    snprintf(at.sun_path, sizeof at.sun_path, "%s/notify", d->dir);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof at), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    setenv("WATCHDOG_USEC", "600000", 1);
    daemon_start(d, no_auth);
    for (int i = 0; i < 6; i++) {
        ssize_t n = recv(fd, text, sizeof text - 1, 0);
        assert_true(n > 0);
        text[n] = 0;
        if (i == 0) assert_string_equal(text, "READY=1");
        if (!strcmp(text, "WATCHDOG=1") && ++seen == 2) kill(d->pid, SIGTERM);
        if (!strcmp(text, "STOPPING=1")) seen |= 64;
        if (seen & 64) break;
    }
    assert_true(seen & 64);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(daemon_wait(d, 5000), 0);
    close(fd);
}

/* ---- keys ---------------------------------------------------------------------------- */

/* `user add` of that role; the key that it prints. */
static void new_key(const struct daemon *d, const char *name, const char *role, char key[80])
{
    struct str s = STR_INIT;

    assert_int_equal(
        daemon_run(d, (const char *const[]){ "user", "add", name, "--role", role, NULL }), 0);
    assert_int_equal(file_read(d->out, 8192, &s, NULL), 0);
    const char *at = strstr(str_c(&s), "sbx_");
    for (const char *next = at; next; next = strstr(next + 1, "sbx_"))
        at = next; /* not the prefix */
    assert_non_null(at);
    snprintf(key, 80, "%.*s", (int)strcspn(at, "\" \n"), at);
    str_done(&s);
}

static int create(int fd, const char *key, const char *name)
{
    char text[512], body[64];

    snprintf(body, sizeof body, "{\"name\": \"%s\"}", name);
    snprintf(text, sizeof text, POST "Authorization: Bearer %s\r\nContent-Length: %zu\r\n\r\n%s",
             key, strlen(body), body);
    assert_true(say(fd, text));
    struct answer a = hear(fd, 5000);
    int status = a.status;
    answer_done(&a);
    return status;
}

static void keys_come_and_go(void **state)
{
    struct daemon *d = *state;
    char worker[80], admin[80], viewer[80], text[512];
    int fd;

    new_key(d, "ann", "developer", worker);
    new_key(d, "root", "admin", admin);
    daemon_start(d, NULL);
    assert_int_equal(ask(d, "GET /models HTTP/1.1\r\nHost: h\r\n\r\n"), 403);
    assert_int_equal(ask(d, "GET /experiments HTTP/1.1\r\nHost: h\r\n\r\n"), 200);
    assert_int_equal(ask(d, "GET /models HTTP/1.1\r\nHost: h\r\nX-API-Key: sbx_no\r\n\r\n"), 401);
    fd = dial(d);
    assert_int_equal(create(fd, worker, "a"), 200);
    new_key(d, "eve", "viewer", viewer); /* by another process: seen within a moment */
    usleep(800000);
    assert_int_equal(create(fd, viewer, "b"), 403);
    /* revoked through the daemon: no request after that answer gets in */
    snprintf(text, sizeof text,
             "POST /api/v1/user/revoke HTTP/1.1\r\nHost: h\r\nX-API-Key: %s\r\n"
             "Content-Length: 16\r\n\r\n{\"which\": \"ann\"}",
             admin);
    int other = dial(d);
    say(other, text);
    struct answer a = hear(other, 5000);
    if (a.status != 200) fail_msg("revoke: %d %s", a.status, a.body);
    assert_int_equal(create(fd, worker, "c"), 401);
    answer_done(&a);
    close(other);
    close(fd);
}

static void who_asks_too_often_waits(void **state)
{
    struct daemon *d = *state;
    int refused = 0, fd;

    daemon_settings(d, "serve:\n  rate_address: 2\n  burst_address: 5\n");
    daemon_start(d, no_auth);
    fd = dial(d);
    for (int i = 0; i < 12; i++) {
        say(fd, GET);
        struct answer a = hear(fd, 5000);
        assert_string_equal(answer_field(&a, "RateLimit-Limit"), "5");
        refused += a.status == 429;
        if (a.status == 429) assert_in_range(atoi(answer_field(&a, "Retry-After")), 1, 2);
        else assert_int_equal(a.status, 200);
        answer_done(&a);
    }
    assert_in_range(refused, 4, 7);
    usleep(1200000);
    say(fd, GET);
    struct answer a = hear(fd, 5000);
    assert_int_equal(a.status, 200);
    answer_done(&a);
    close(fd);
}

/* All threads listen on one port, and the kernel spreads the connections. */
static void several_threads_share_the_port(void **state)
{
    struct daemon *d = *state;
    int fds[200];

    daemon_start(d, (const char *const[]){ "--no-auth", "--io-threads", "4", NULL });
    for (int i = 0; i < 200; i++) fds[i] = dial(d);
    for (int i = 0; i < 200; i++)
        say(fds[i], i % 2 ? GET : "GET /models HTTP/1.1\r\nHost: localhost\r\n\r\n");
    for (int i = 0; i < 200; i++) {
        struct answer a = hear(fds[i], 10000);
        assert_int_equal(a.status, 200);
        answer_done(&a);
        close(fds[i]);
    }
    kill(d->pid, SIGTERM);
    assert_int_equal(daemon_wait(d, 3000), 0);
}

static void the_audit_log_names_the_key_s_owner(void **state)
{
    struct daemon *d = *state;
    char key[80];
    struct str s = STR_INIT;
    int fd;

    new_key(d, "ann", "developer", key);
    daemon_start(d, NULL);
    fd = dial(d);
    assert_int_equal(create(fd, key, "a"), 200);
    close(fd);
    assert_int_equal(daemon_run(d, (const char *const[]){ "-o", "json", "audit", "list", NULL }),
                     0);
    assert_int_equal(file_read(d->out, 1 << 20, &s, NULL), 0);
    assert_non_null(strstr(str_c(&s), "\"ann\""));
    assert_non_null(strstr(str_c(&s), "experiment create"));
    str_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_it, close_it)
        TEST(addresses_that_cannot_be),
        TEST(without_keys_only_on_loopback),
        TEST(a_port_is_not_shared),
        TEST(settings_that_are_wrong),
        TEST(idle_connections_do_not_hold_up_the_end),
        TEST(a_request_under_way_is_still_answered),
        TEST(patience_has_an_end),
        TEST(a_second_signal_ends_the_patience),
        TEST(what_a_verb_owes_does_not_hold_up_the_end),
        TEST(limits_are_read_again),
        TEST(systemd_is_told),
        TEST(keys_come_and_go),
        TEST(who_asks_too_often_waits),
        TEST(several_threads_share_the_port),
        TEST(the_audit_log_names_the_key_s_owner),
#undef TEST
    };

    if (!getenv("SIGNALBOX")) return 77;
    return cmocka_run_group_tests_name("http_life", tests, NULL, NULL);
}
