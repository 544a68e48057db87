/* http_auth.c: who may do what, asked of the real daemon: every route with every role, without a
 * key and with a wrong one; keys that expire and keys that are revoked while requests come in;
 * limits per key and per address. Requests that pass are malformed, so that none changes anything.
 */
#include "daemon.h"

#include <setjmp.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "http/router.h"

enum { ROLES = 6, WAIT_MS = 20000 };

static const char *const roles[ROLES] = { "viewer",   "auditor",  "developer",
                                          "operator", "approver", "admin" };
/* Written out, not computed: a row a role, a column what is asked for, in the same order. */
static const char matrix[ROLES][ROLES + 1] = {
    "V.....", "VA....", "V.D...", "V.DO..", "V.DOP.", "VADOP*",
};

struct fx {
    struct daemon d;
    struct arena a;
};

static int setup(void **state)
{
    struct fx *f = mem_zalloc(1, sizeof *f);
    if (!daemon_open(&f->d, "serve:\n  log: false\n")) {
        free(f);
        return -1;
    }
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fx *f = *state;
    daemon_close(&f->d);
    arena_done(&f->a);
    free(f);
    return 0;
}

/* user add with these words; the key. */
static const char *new_key(struct fx *f, const char *name, const char *role, const char *expires)
{
    STR_AUTO line = STR_INIT;
    char text[4096] = "";

    str_addf(&line, "%s --quiet -w %s -o json user add %s --role %s %s %s", getenv("SIGNALBOX"),
             f->d.ws, name, role, expires ? "--expires" : "", expires ? expires : "");
    FILE *p = popen(line.p, "r");
    assert_non_null(p);
    size_t n = fread(text, 1, sizeof text - 1, p);
    text[n] = '\0';
    assert_int_equal(pclose(p), 0);
    const char *key = strstr(text, "\"key\":");
    if (key) key = strstr(key, "sbx_");
    assert_non_null(key);
    return arena_strndup(&f->a, key, 47);
}

static int status_on(int fd, const char *method, const char *path, const char *key,
                     struct answer *ret)
{
    const char *body = strcmp(method, "GET") == 0 ? "" : "{";
    STR_AUTO text = STR_INIT;

    str_addf(&text, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path);
    if (key) str_addf(&text, "X-API-Key: %s\r\n", key);
    if (*body)
        str_addf(&text, "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
    str_addf(&text, "\r\n%s", body);
    if (!say(fd, text.p)) return 0;
    struct answer a = hear(fd, WAIT_MS);
    if (ret) *ret = a;
    else answer_done(&a);
    return a.status;
}

/* On a connection that is kept; a new one when the daemon closed it. */
static int status_of(struct fx *f, int *fd, const char *method, const char *path, const char *key)
{
    struct answer a = { .status = 0 };

    for (int try = 0; try < 2; try++) {
        if (*fd < 0) *fd = dial(&f->d);
        int status = status_on(*fd, method, path, key, &a);
        bool closed = status <= 0 || a.close;
        answer_done(&a);
        if (closed) {
            close(*fd);
            *fd = -1;
        }
        if (status > 0) return status;
    }
    return 0;
}

/* ---- the matrix ------------------------------------------------------------------------------ */

/* The pattern with something in the place of its names. */
static const char *path_of(struct fx *f, const struct http_route *r)
{
    STR_AUTO path = STR_INIT;

    for (const char *p = r->pattern; *p; p++) {
        if (*p != '{') {
            str_addc(&path, *p);
            continue;
        }
        str_add(&path, "nothing");
        p = strchr(p, '}');
    }
    return arena_strdup(&f->a, path.p);
}

static bool allowed(const struct http_route *r, int role)
{
    if (r->auth == HTTP_PUBLIC) return true;
    const struct verb *v = r->verb ? verb_find(r->verb) : NULL;
    return matrix[role][r->perm] != '.' && (!v || matrix[role][v->perm] != '.');
}

static void check(const struct http_route *r, const char *who, int got, bool may, int refusal)
{
    if (got == 0) fail_msg("%s %s as %s: no answer", r->method, r->pattern, who);
    bool refused = got == 401 || got == 403;
    if (may ? refused : got != refusal)
        fail_msg("%s %s as %s: %d", r->method, r->pattern, who, got);
}

static void test_every_route_with_every_role(void **state)
{
    struct fx *f = *state;
    struct router *router = router_new();
    size_t n = 0, asked = 0;
    const struct http_route *const *routes = router_routes(router, &n);
    const char *keys[ROLES];
    int fd = -1;

    for (int i = 0; i < ROLES; i++) keys[i] = new_key(f, roles[i], roles[i], NULL);
    char *wrong = arena_strdup(&f->a, keys[ROLES - 1]);
    wrong[46] = wrong[46] == 'A' ? 'E' : 'A';
    daemon_start(&f->d, NULL);
    for (size_t i = 0; i < n; i++) {
        const struct http_route *r = routes[i];
        const char *path = path_of(f, r);
        check(r, "nobody", status_of(f, &fd, r->method, path, NULL), r->auth == HTTP_PUBLIC, 403);
        check(r, "stranger", status_of(f, &fd, r->method, path, wrong), false, 401);
        for (int k = 0; k < ROLES; k++)
            check(r, roles[k], status_of(f, &fd, r->method, path, keys[k]), allowed(r, k), 403);
        asked += 2 + ROLES;
    }
    print_message("%zu routes, %zu requests\n", n, asked);
    assert_true(n > 100);
    if (fd >= 0) close(fd);
    router_free(router);
}

/* ---- keys that end --------------------------------------------------------------------------- */

#define NEEDS_KEY "/v2/models/nothing"

struct asker {
    struct fx *f;
    const char *key;
    atomic_bool *revoked, *stop;
    int asked, late, odd;
};

static void *keep_asking(void *arg)
{
    struct asker *k = arg;
    int fd = -1;

    while (!atomic_load(k->stop)) {
        bool before = atomic_load(k->revoked);
        int status = status_of(k->f, &fd, "GET", NEEDS_KEY, k->key);
        k->asked++;
        if (status != 404 && status != 401) k->odd++;
        if (before && status != 401) k->late++;
    }
    if (fd >= 0) close(fd);
    return NULL;
}

static void nap(int ms)
{
    nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
}

static int revoke_by(struct fx *f, const char *admin, const char *which)
{
    STR_AUTO body = STR_INIT, text = STR_INIT;
    int fd = dial(&f->d);

    str_addf(&body, "{\"which\": \"%s\", \"reason\": \"lost\"}", which);
    str_addf(&text,
             "POST /api/v1/user/revoke HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             admin, body.len, body.p);
    assert_true(say(fd, text.p));
    struct answer a = hear(fd, WAIT_MS);
    answer_done(&a);
    close(fd);
    return a.status;
}

static void test_revoking_under_load_holds_from_the_answer_on(void **state)
{
    struct fx *f = *state;
    enum { ROUNDS = 5, THREADS = 4 };
    const char *admin = new_key(f, "root", "admin", NULL), *keys[ROUNDS];

    for (int i = 0; i < ROUNDS; i++)
        keys[i] = new_key(f, arena_printf(&f->a, "u%d", i), "viewer", NULL);
    daemon_start(&f->d, (const char *const[]){ "--io-threads", "2", NULL });
    for (int i = 0; i < ROUNDS; i++) {
        atomic_bool revoked = false, stop = false;
        struct asker k[THREADS];
        pthread_t t[THREADS];
        for (int j = 0; j < THREADS; j++) {
            k[j] = (struct asker){ f, keys[i], &revoked, &stop, 0, 0, 0 };
            assert_int_equal(pthread_create(&t[j], NULL, keep_asking, &k[j]), 0);
        }
        nap(100);
        assert_int_equal(revoke_by(f, admin, arena_printf(&f->a, "u%d", i)), 200);
        atomic_store(&revoked, true);
        nap(100);
        atomic_store(&stop, true);
        for (int j = 0; j < THREADS; j++) {
            pthread_join(t[j], NULL);
            assert_true(k[j].asked > 10);
            assert_int_equal(k[j].odd, 0);
            assert_int_equal(k[j].late, 0);
        }
    }
}

static bool soon(struct fx *f, const char *key, int want)
{
    int fd = -1, status = 0;

    for (int i = 0; i < 200 && status != want; i++) {
        status = status_of(f, &fd, "GET", NEEDS_KEY, key);
        if (status != want) nap(20);
    }
    if (fd >= 0) close(fd);
    return status == want;
}

static void test_other_processes_are_noticed_and_time_too(void **state)
{
    struct fx *f = *state;
    const char *brief = new_key(f, "brief", "viewer", "2s");

    daemon_start(&f->d, NULL);
    assert_true(soon(f, brief, 404));
    const char *late = new_key(f, "late", "viewer", NULL);
    assert_true(soon(f, late, 404));
    assert_int_equal(daemon_run(&f->d, (const char *const[]){ "user", "revoke", "late", NULL }), 0);
    assert_true(soon(f, late, 401));
    assert_true(soon(f, brief, 401));
}

/* ---- limits ---------------------------------------------------------------------------------- */

static int dial_from(const struct daemon *d, const char *address)
{
    struct sockaddr_in from = { .sin_family = AF_INET }, to = from;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    inet_pton(AF_INET, address, &from.sin_addr);
    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    to.sin_port = htons((uint16_t)d->port);
    assert_int_equal(bind(fd, (const struct sockaddr *)&from, sizeof from), 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Requests that pass before the first 429, at most 100. */
static int granted(struct fx *f, const char *from, const char *key)
{
    int n = 0, fd = dial_from(&f->d, from), status;
    struct answer a;

    while ((status = status_on(fd, "GET", NEEDS_KEY, key, &a)) != 429 && n < 100) {
        assert_int_equal(status, key ? 404 : 403);
        bool closed = a.close;
        answer_done(&a);
        n++;
        if (!closed) continue;
        close(fd);
        fd = dial_from(&f->d, from);
    }
    if (status == 429) {
        int after = atoi(answer_field(&a, "Retry-After"));
        assert_in_range(after, 1, 100);
        assert_string_equal(answer_field(&a, "RateLimit-Remaining"), "0");
        assert_non_null(strstr(a.body, "RESOURCE_EXHAUSTED"));
    }
    answer_done(&a);
    close(fd);
    return n;
}

static void test_limits_per_key_and_per_address(void **state)
{
    struct fx *f = *state;
    const char *a = new_key(f, "a", "viewer", NULL), *b = new_key(f, "b", "viewer", NULL);

    daemon_settings(&f->d, "serve:\n  rate_key: 0.02\n  burst_key: 8\n"
                           "  rate_address: 0.02\n  burst_address: 5\n");
    daemon_start(&f->d, (const char *const[]){ "--io-threads", "2", NULL });
    assert_int_equal(granted(f, "127.0.0.1", a), 8);
    assert_int_equal(granted(f, "127.0.0.2", a), 0); /* the key is the same wherever it is used */
    assert_int_equal(granted(f, "127.0.0.1", b), 8);
    assert_int_equal(granted(f, "127.0.0.3", NULL), 5);
    assert_int_equal(granted(f, "127.0.0.3", NULL), 0);
    assert_int_equal(granted(f, "127.0.0.4", NULL), 5);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest t[] = {
        TEST(test_every_route_with_every_role),
        TEST(test_revoking_under_load_holds_from_the_answer_on),
        TEST(test_other_processes_are_noticed_and_time_too),
        TEST(test_limits_per_key_and_per_address),
    };
    if (!getenv("SIGNALBOX")) {
        print_message("SIGNALBOX names no program: skipped\n");
        return 77;
    }
    return cmocka_run_group_tests_name("http_auth", t, NULL, NULL);
}
