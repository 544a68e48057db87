/* test_user.c: the verbs of keys: what they answer, what they keep to themselves, who may. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "desk.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/secret.h"
#include "store/audit.h"
#include "store/user.h"
#include <stdlib.h>
#include <string.h>

#define T0  (1700000000LL * 1000000)
#define DAY (86400 * 1000000LL)

struct fx {
    char dir[64];
    struct clock clock;
    struct app app;
    struct reply r;
    struct err e;
};

static int setup(void **state)
{
    struct fx *f = mem_zalloc(1, sizeof *f);
    desk_open(&f->app, f->dir, &f->clock, T0);
    reply_init(&f->r);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fx *f = *state;
    store_close(f->app.store);
    reply_done(&f->r);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    free(f);
    return 0;
}

static int call(struct fx *f, const char *verb, const char *json)
{
    struct arena a = ARENA_INIT;
    struct val *in = NULL;
    assert_int_equal(val_parse_json(&a, json, strlen(json), &in, NULL), 0);
    reply_done(&f->r);
    reply_init(&f->r);
    err_clear(&f->e);
    int rc = verb_call(&f->app, verb_find(verb), in, &f->r, &f->e);
    arena_done(&a);
    return rc;
}

static const struct val *listed(struct fx *f, const char *json)
{
    assert_int_equal(call(f, "user list", json), 0);
    return val_get(f->r.v, "users");
}

static void the_key_is_in_the_reply_and_nowhere_else(void **state)
{
    struct fx *f = *state;
    struct arena a = ARENA_INIT;
    struct user *u;
    struct audit_row *rows;
    size_t n;
    unsigned char secret[SECRET_BYTES], hash[SECRET_BYTES];
    char hex[SECRET_HEX + 1];

    assert_int_equal(
        call(f, "user add", "{\"name\": \"ann\", \"role\": \"operator\", \"reason\": \"on call\"}"),
        0);
    const char *key = arena_strdup(&a, val_get_str(f->r.v, "key", ""));
    assert_true(secret_key_formed(key, strlen(key)));
    assert_non_null(strstr(f->r.text, key));
    assert_string_equal(val_get_str(f->r.v, "role", ""), "operator");
    assert_true(val_get_int(f->r.v, "audit_seq", 0) > 0);

    assert_int_equal(user_list(f->app.store, &a, &u, &n, &f->e), 0);
    assert_int_equal(n, 1);
    assert_int_equal(secret_file(arena_printf(&a, "%s/secret", f->dir), false, secret, &f->e), 0);
    secret_hash(secret, key, strlen(key), hash);
    secret_to_hex(hash, hex);
    assert_string_equal(u->hash, hex);
    assert_memory_equal(u->prefix, key, SECRET_PREFIX);
    assert_int_equal(strlen(u->prefix), SECRET_PREFIX);
    assert_string_equal(u->created_by, "kim");

    assert_int_equal(audit_list(f->app.store, &a, NULL, 0, 10, &rows, &n, &f->e), 0);
    assert_int_equal(n, 1);
    assert_string_equal(rows->verb, "user add");
    assert_string_equal(rows->object, "user:ann");
    assert_string_equal(rows->reason, "on call");
    assert_null(strstr(rows->detail, key));
    assert_null(strstr(rows->detail, u->hash));
    STR_AUTO text = STR_INIT;
    val_write_json(&text, listed(f, "{}"), 0);
    assert_null(strstr(text.p, key));
    assert_null(strstr(text.p, u->hash));
    arena_done(&a);
}

static void keys_expire_after_a_time_or_at_one(void **state)
{
    struct fx *f = *state;

    assert_int_equal(call(f, "user add", "{\"name\": \"a\", \"expires\": \"90d\"}"), 0);
    assert_string_equal(val_get_str(f->r.v, "expires_at", ""), "2024-02-12T22:13:20Z");
    assert_string_equal(val_get_str(f->r.v, "role", ""), "viewer");
    assert_int_equal(call(f, "user add", "{\"name\": \"b\", \"expires\": \"2024-01-01\"}"), 0);
    assert_string_equal(val_get_str(f->r.v, "expires_at", ""), "2024-01-01T00:00:00Z");
    assert_int_equal(call(f, "user add", "{\"name\": \"c\", \"expires\": \"2023-01-01\"}"),
                     -ERR_INVALID);
    assert_int_equal(call(f, "user add", "{\"name\": \"c\", \"expires\": \"soon\"}"), -ERR_INVALID);
    assert_non_null(strstr(f->e.hint, "90d"));

    assert_int_equal(val_len(listed(f, "{}")), 2);
    f->clock = clock_fixed(T0 + 60 * DAY);
    const struct val *l = listed(f, "{}");
    assert_int_equal(val_len(l), 1);
    assert_string_equal(val_get_str(val_at(l, 0), "name", ""), "a");
    l = listed(f, "{\"all\": true}");
    assert_int_equal(val_len(l), 2);
    assert_string_equal(val_get_str(val_at(l, 1), "state", ""), "expired");
}

static void revoking_says_how_many(void **state)
{
    struct fx *f = *state;

    assert_int_equal(call(f, "user add", "{\"name\": \"ann\"}"), 0);
    assert_int_equal(call(f, "user add", "{\"name\": \"ann\"}"), 0);
    assert_int_equal(call(f, "user revoke", "{\"which\": \"eve\"}"), -ERR_NOTFOUND);
    assert_int_equal(call(f, "user revoke", "{\"which\": \"ann\"}"), 0);
    assert_int_equal(val_get_int(f->r.v, "revoked", 0), 2);
    int64_t seq = val_get_int(f->r.v, "audit_seq", 0);
    assert_int_equal(seq, 3);
    assert_int_equal(call(f, "user revoke", "{\"which\": \"ann\"}"), 0);
    assert_int_equal(val_get_int(f->r.v, "revoked", 9), 0);
    assert_int_equal(val_len(listed(f, "{}")), 0);
    const struct val *l = listed(f, "{\"all\": true}");
    assert_string_equal(val_get_str(val_at(l, 0), "state", ""), "revoked");
}

static void only_admins_make_keys_and_auditors_see_them(void **state)
{
    struct fx *f = *state;

    f->app.role = "approver";
    assert_int_equal(call(f, "user add", "{\"name\": \"ann\"}"), -ERR_DENIED);
    assert_int_equal(call(f, "user revoke", "{\"which\": \"ann\"}"), -ERR_DENIED);
    assert_int_equal(call(f, "user list", "{}"), -ERR_DENIED);
    f->app.role = "auditor";
    assert_int_equal(call(f, "user add", "{\"name\": \"ann\"}"), -ERR_DENIED);
    assert_int_equal(call(f, "user list", "{}"), 0);
}

static void a_dry_run_makes_nothing(void **state)
{
    struct fx *f = *state;
    STR_AUTO path = STR_INIT;

    f->app.dry_run = true;
    assert_int_equal(call(f, "user add", "{\"name\": \"ann\"}"), 0);
    assert_null(val_get(f->r.v, "key"));
    f->app.dry_run = false;
    assert_int_equal(val_len(listed(f, "{\"all\": true}")), 0);
    str_addf(&path, "%s/secret", f->dir);
    assert_false(file_exists(path.p));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest t[] = {
        TEST(the_key_is_in_the_reply_and_nowhere_else),
        TEST(keys_expire_after_a_time_or_at_one),
        TEST(revoking_says_how_many),
        TEST(only_admins_make_keys_and_auditors_see_them),
        TEST(a_dry_run_makes_nothing),
    };
    return cmocka_run_group_tests_name("app.user", t, NULL, NULL);
}
