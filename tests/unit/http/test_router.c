/* test_router.c: the routes of the daemon: every one is found by its own pattern and by no other
 * method, names win over parameters, verbs have their addresses; the description names them all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/openapi.h"
#include "http/router.h"

static struct router *router;
static struct arena a = ARENA_INIT;

static int setup(void **state)
{
    (void)state;
    router = router_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    router_free(router);
    arena_done(&a);
    return 0;
}

static int find(const char *method, const char *path, const struct http_route **ret,
                struct route_params *params, const char **allow)
{
    struct err e = ERR_INIT;
    struct target t;

    assert_int_equal(target_parse(&a, path, &t, &e), 0);
    return router_find(router, &a, method, &t, ret, params, allow, &e);
}

/* A path that the pattern fits. */
static const char *example(const char *pattern)
{
    char *s = arena_strdup(&a, pattern);

    for (char *c = s; *c; c++)
        if (strchr("{}*", *c)) *c = '0';
    return s;
}

static void every_route_is_found_by_its_pattern(void **state)
{
    size_t n;
    const struct http_route *const *all = router_routes(router, &n), *r;
    (void)state;

    assert_in_range(n, 100, 10000);
    for (size_t i = 0; i < n; i++) {
        struct route_params p;
        const char *allow = NULL;
        assert_int_equal(find(all[i]->method, example(all[i]->pattern), &r, &p, &allow), 0);
        if (r != all[i]) fail_msg("%s finds %s", all[i]->pattern, r->pattern);
        assert_non_null(r->handler);
        assert_non_null(r->help);
        assert_int_equal(find("BREW", example(all[i]->pattern), &r, &p, &allow), -ERR_STATE);
        assert_non_null(strstr(allow, all[i]->method));
    }
}

static void every_verb_has_an_address(void **state)
{
    (void)state;
    for (const struct verb *v = verbs; v->name; v++) {
        const struct http_route *r;
        struct route_params p;
        const char *allow = NULL;
        char *path = arena_printf(&a, "/api/v1/%s", v->name);
        for (char *c = path; *c; c++)
            if (*c == ' ') *c = '/';
        assert_int_equal(find("POST", path, &r, &p, &allow), 0);
        assert_string_equal(r->verb, v->name);
        assert_int_equal(r->perm, v->perm);
        int rc = find("GET", path, &r, &p, &allow);
        assert_int_equal(rc, v->flags & VERB_WRITE ? -ERR_STATE : 0);
        if (v->flags & VERB_WRITE) assert_string_equal(allow, "POST");
    }
}

/* What changes anything is never public, and reads that are, are those of experiments. */
static void only_harmless_routes_are_public(void **state)
{
    size_t n;
    const struct http_route *const *all = router_routes(router, &n);
    (void)state;

    for (size_t i = 0; i < n; i++) {
        const struct verb *v = all[i]->verb ? verb_find(all[i]->verb) : NULL;
        if (all[i]->verb) assert_non_null(v);
        if (all[i]->auth != HTTP_PUBLIC) continue;
        if (v) assert_false(v->flags & VERB_WRITE);
        if (v) assert_true(str_starts(v->name, "experiment ") || str_starts(v->name, "run "));
    }
}

static void head_is_get_without_a_body(void **state)
{
    const struct http_route *r;
    struct route_params p;
    const char *allow = NULL;
    (void)state;

    assert_int_equal(find("HEAD", "/health", &r, &p, &allow), 0);
    assert_string_equal(r->method, "GET");
    assert_int_equal(find("HEAD", "/train", &r, &p, &allow), -ERR_STATE);
    assert_string_equal(allow, "POST");
}

static void parameters_are_taken_from_the_path(void **state)
{
    const struct http_route *r;
    struct route_params p;
    const char *allow = NULL;
    (void)state;

    assert_int_equal(find("GET", "/train/status/a%2Fb", &r, &p, &allow), 0);
    assert_int_equal(p.n, 1);
    assert_string_equal(p.names[0], "job");
    assert_string_equal(p.values[0], "a/b");
    assert_int_equal(find("GET", "/train/status/", &r, &p, &allow), -ERR_NOTFOUND);
    assert_int_equal(find("GET", "/train/status//", &r, &p, &allow), -ERR_NOTFOUND);
    assert_int_equal(find("GET", "/train/status/a/b", &r, &p, &allow), -ERR_NOTFOUND);
    assert_int_equal(find("GET", "/Health", &r, &p, &allow), -ERR_NOTFOUND);
}

static void the_description_names_every_route(void **state)
{
    size_t n;
    const struct http_route *const *all = router_routes(router, &n);
    STR_AUTO text = STR_INIT;
    struct val *doc = NULL;
    (void)state;

    openapi_write(router, &text);
    assert_int_equal(val_parse_json(&a, text.p, text.len, &doc, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        char *path = arena_strdup(&a, all[i]->pattern), *star = strchr(path, '*');
        if (star) memmove(star, star + 1, strlen(star));
        char *method = arena_strdup(&a, all[i]->method);
        for (char *c = method; *c; c++) *c = (char)(*c | 0x20);
        const struct val *op = val_get(val_get(val_get(doc, "paths"), path), method);
        if (!op) fail_msg("%s %s is not described", method, path);
        assert_string_equal(val_get_str(op, "summary", ""), all[i]->help);
        assert_int_equal(val_len(val_get(op, "security")), all[i]->auth == HTTP_PUBLIC ? 0 : 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_found_by_its_pattern),
        cmocka_unit_test(every_verb_has_an_address),
        cmocka_unit_test(only_harmless_routes_are_public),
        cmocka_unit_test(head_is_get_without_a_body),
        cmocka_unit_test(parameters_are_taken_from_the_path),
        cmocka_unit_test(the_description_names_every_route),
    };

    return cmocka_run_group_tests_name("router", tests, setup, teardown);
}
