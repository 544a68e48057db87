/* test_user.c: keys of callers as rows: added, listed, revoked by id and by name. */
#include "base/secret.h"
#include "store/user.h"
#include "storetest.h"

static const char *hash_of(struct fx *f, int i)
{
    return arena_printf(&f->a, "%064x", (unsigned)i);
}

static void add(struct fx *f, int i, const char *name, const char *role)
{
    const struct user u = { .id = arena_printf(&f->a, "id%d", i),
                            .name = name,
                            .role = role,
                            .hash = hash_of(f, i),
                            .prefix = "sbx_abcdefgh",
                            .created_us = T0 + i,
                            .expires_us = i * 10,
                            .created_by = "root" };
    OK(user_add(f->s, &u, &f->e));
}

/* "id1:ann:viewer:0 …" with the time of revocation */
static const char *list(struct fx *f)
{
    struct user *u;
    size_t n;
    OK(user_list(f->s, &f->a, &u, &n, &f->e));
    char *text = arena_strdup(&f->a, "");
    for (size_t i = 0; i < n; i++)
        text = arena_printf(&f->a, "%s%s%s:%s:%s:%d", text, i ? " " : "", u[i].id, u[i].name,
                            u[i].role, (int)u[i].revoked_us);
    return text;
}

static void test_what_is_added_is_listed(void **state)
{
    struct fx *f = *state;
    struct user *u;
    size_t n;

    assert_string_equal(list(f), "");
    add(f, 2, "bob", "admin");
    add(f, 1, "ann", "viewer");
    assert_string_equal(list(f), "id1:ann:viewer:0 id2:bob:admin:0");
    OK(user_list(f->s, &f->a, &u, &n, &f->e));
    assert_string_equal(u[0].hash, hash_of(f, 1));
    assert_string_equal(u[0].prefix, "sbx_abcdefgh");
    assert_string_equal(u[0].created_by, "root");
    assert_int_equal(u[0].created_us, T0 + 1);
    assert_int_equal(u[0].expires_us, 10);
}

static void test_bad_rows_are_refused(void **state)
{
    struct fx *f = *state;
    struct user u = { .id = "x",
                      .name = "ann",
                      .role = "viewer",
                      .hash = hash_of(f, 1),
                      .prefix = "p",
                      .created_by = "root" };

    u.name = "";
    FAILS(INVALID, user_add(f->s, &u, &f->e));
    u.name = "ann";
    u.hash = "12";
    FAILS(INVALID, user_add(f->s, &u, &f->e));
    u.hash = hash_of(f, 1);
    u.role = "king";
    assert_true(user_add(f->s, &u, &f->e) < 0);
    u.role = "viewer";
    OK(user_add(f->s, &u, &f->e));
    u.id = "y";
    assert_true(user_add(f->s, &u, &f->e) < 0); /* the same hash twice */
    assert_string_equal(list(f), "x:ann:viewer:0");
}

static void test_revoked_by_id_or_by_name_once(void **state)
{
    struct fx *f = *state;
    int64_t n = -1;

    add(f, 1, "ann", "viewer");
    add(f, 2, "ann", "developer");
    add(f, 3, "bob", "admin");
    OK(user_revoke(f->s, "id2", 7, &n, &f->e));
    assert_int_equal(n, 1);
    OK(user_revoke(f->s, "ann", 8, &n, &f->e));
    assert_int_equal(n, 1); /* the other one only; the first keeps its time */
    assert_string_equal(list(f), "id1:ann:viewer:8 id2:ann:developer:7 id3:bob:admin:0");
    OK(user_revoke(f->s, "ann", 9, &n, &f->e));
    assert_int_equal(n, 0);
    FAILS(NOTFOUND, user_revoke(f->s, "eve", 9, &n, &f->e));
    assert_non_null(strstr(f->e.hint, "user list"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_what_is_added_is_listed),
        STORE_TEST(test_bad_rows_are_refused),
        STORE_TEST(test_revoked_by_id_or_by_name_once),
    };
    return STORE_GROUPS("user", tests);
}
