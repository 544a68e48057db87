/* test_auth.c: who calls: keys made by the verb, found, expired, revoked, also while threads ask;
 * which role may use which route, for every verb; limits per key and per address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "http/auth.h"
#include <pthread.h>
#include <stdatomic.h>

#define T0  (1700000000LL * 1000000)
#define DAY (86400 * 1000000LL)

static const struct ports no_ports;

struct fx {
    char dir[64];
    struct clock clock;
    struct app_config cfg;
    struct app app;
    struct arena a;
    struct auth *auth;
    struct auth_io *io;
    struct err e;
};

static struct auth *open_auth(struct fx *f, bool off, const char *settings)
{
    struct val *s = NULL;
    struct auth *a = NULL;
    assert_int_equal(val_parse_json(&f->a, settings, strlen(settings), &s, NULL), 0);
    const struct auth_config cfg = { .app = &f->cfg, .settings = s, .off = off, .io_threads = 1 };
    if (auth_new(&cfg, &a, &f->e)) fail_msg("%s", f->e.msg);
    return a;
}

static int setup(void **state)
{
    struct fx *f = mem_zalloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/sb-auth-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->clock = clock_fixed(T0);
    f->cfg = (struct app_config){
        .dir = f->dir, .create = true, .actor = "root", .clock = &f->clock, .ports = &no_ports
    };
    assert_int_equal(app_open(&f->app, &f->cfg, &f->e), 0);
    f->app.role = "admin";
    f->auth = open_auth(f, false, "{}");
    f->io = auth_io_new(f->auth);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fx *f = *state;
    auth_io_free(f->io);
    auth_free(f->auth);
    app_close(&f->app);
    arena_done(&f->a);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    free(f);
    return 0;
}

/* Calls a verb with texts "name", "value", …, NULL; the reply is copied into the arena. */
static const struct val *call(struct fx *f, const char *verb, ...)
{
    struct val *args = val_obj(&f->a);
    struct reply r;
    va_list ap;
    va_start(ap, verb);
    for (const char *k; (k = va_arg(ap, const char *));)
        val_set_str(args, k, va_arg(ap, const char *));
    va_end(ap);
    reply_init(&r);
    if (verb_call(&f->app, verb_find(verb), args, &r, &f->e)) fail_msg("%s: %s", verb, f->e.msg);
    struct val *v = val_copy(&f->a, r.v);
    reply_done(&r);
    return v;
}

static const char *new_key(struct fx *f, const char *name, const char *role, const char *expires)
{
    const struct val *v =
        expires ? call(f, "user add", "name", name, "role", role, "expires", expires, (char *)NULL)
                : call(f, "user add", "name", name, "role", role, (char *)NULL);
    return val_get_str(v, "key", NULL);
}

static int ask(struct fx *f, const char *api_key, const char *authorization, int64_t at,
               struct identity *who)
{
    err_clear(&f->e);
    return auth_identify(f->io, &f->a, api_key, authorization, at, who, &f->e);
}

static void a_key_is_known_by_either_header(void **state)
{
    struct fx *f = *state;
    struct identity who;
    const char *key = new_key(f, "ann", "developer", NULL);

    assert_int_equal(auth_reload(f->auth, &f->e), 0);
    assert_int_equal(ask(f, key, NULL, T0, &who), 0);
    assert_string_equal(who.name, "ann");
    assert_string_equal(who.role, "developer");
    assert_non_null(who.key_id);
    assert_int_equal(ask(f, NULL, arena_printf(&f->a, "Bearer %s", key), T0, &who), 0);
    assert_string_equal(who.name, "ann");
    assert_int_equal(ask(f, NULL, arena_printf(&f->a, "bearer  %s", key), T0, &who), 0);
    assert_string_equal(who.name, "ann");
    /* a proxy's own user name and password say nothing about the key */
    assert_int_equal(ask(f, key, "Basic eDp5", T0, &who), 0);
    assert_string_equal(who.name, "ann");
}

static void without_a_key_one_is_anonymous(void **state)
{
    struct fx *f = *state;
    struct identity who;

    assert_int_equal(ask(f, NULL, NULL, T0, &who), 0);
    assert_string_equal(who.name, "anonymous");
    assert_null(who.role);
    assert_null(who.key_id);
    assert_int_equal(ask(f, NULL, "Basic eDp5", T0, &who), 0);
    assert_null(who.role);
}

static void a_wrong_key_is_refused(void **state)
{
    struct fx *f = *state;
    struct identity who;
    char *key = arena_strdup(&f->a, new_key(f, "ann", "admin", NULL));

    assert_int_equal(auth_reload(f->auth, &f->e), 0);
    const char *wrong[] = {
        "", "x", "sbx_", "ann", arena_printf(&f->a, "%s=", key), arena_printf(&f->a, " %s", key)
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(ask(f, wrong[i], NULL, T0, &who), -ERR_UNAUTH);
        assert_null(who.role);
        assert_int_equal(ask(f, NULL, arena_printf(&f->a, "Bearer %s!", wrong[i]), T0, &who),
                         -ERR_UNAUTH);
    }
    /* the same first characters, which are stored in the clear, are not enough */
    key[46] = key[46] == 'A' ? 'E' : 'A';
    assert_int_equal(ask(f, key, NULL, T0, &who), -ERR_UNAUTH);
    key[5] ^= 1;
    assert_int_equal(ask(f, key, NULL, T0, &who), -ERR_UNAUTH);
}

static void a_key_expires(void **state)
{
    struct fx *f = *state;
    struct identity who;
    const char *key = new_key(f, "ann", "viewer", "90d");

    assert_int_equal(auth_reload(f->auth, &f->e), 0);
    assert_int_equal(ask(f, key, NULL, T0 + 90 * DAY - 1, &who), 0);
    assert_int_equal(ask(f, key, NULL, T0 + 90 * DAY, &who), -ERR_UNAUTH);
    assert_non_null(strstr(f->e.msg, "expired"));
}

static void a_revoked_key_is_refused_from_the_next_request(void **state)
{
    struct fx *f = *state;
    struct identity who;
    const char *key = new_key(f, "ann", "viewer", NULL), *other = new_key(f, "bob", "viewer", NULL);

    assert_int_equal(auth_reload(f->auth, &f->e), 0);
    assert_int_equal(ask(f, key, NULL, T0, &who), 0);
    call(f, "user revoke", "which", "ann", (char *)NULL);
    assert_int_equal(auth_reload(f->auth, &f->e), 0);
    assert_int_equal(ask(f, key, NULL, T0, &who), -ERR_UNAUTH);
    assert_non_null(strstr(f->e.msg, "revoked"));
    assert_int_equal(ask(f, other, NULL, T0, &who), 0);
}

struct asker {
    struct auth *auth;
    const char *key;
    atomic_bool *revoked, *stop;
    atomic_int *accepted;
    int late; /* accepted though it was revoked before the question */
};

static void *keep_asking(void *arg)
{
    struct asker *k = arg;
    struct auth_io *io = auth_io_new(k->auth);
    struct arena a = ARENA_INIT;

    while (!atomic_load(k->stop)) {
        struct identity who;
        bool before = atomic_load(k->revoked);
        bool ok = auth_identify(io, &a, k->key, NULL, T0, &who, NULL) == 0;
        if (ok) atomic_fetch_add(k->accepted, 1);
        if (ok && before) k->late++;
        arena_reset(&a);
    }
    arena_done(&a);
    auth_io_free(io);
    return NULL;
}

static void revoking_under_load_is_never_late(void **state)
{
    struct fx *f = *state;
    for (int round = 0; round < 20; round++) {
        const char *name = arena_printf(&f->a, "u%d", round);
        atomic_bool revoked = false, stop = false;
        atomic_int accepted = 0;
        struct asker k[3];
        pthread_t t[3];
        const char *key = new_key(f, name, "viewer", NULL);
        assert_int_equal(auth_reload(f->auth, &f->e), 0);
        for (int i = 0; i < 3; i++) {
            k[i] = (struct asker){ f->auth, key, &revoked, &stop, &accepted, 0 };
            assert_int_equal(pthread_create(&t[i], NULL, keep_asking, &k[i]), 0);
        }
        while (atomic_load(&accepted) < 100) usleep(100);
        call(f, "user revoke", "which", name, (char *)NULL);
        assert_int_equal(auth_reload(f->auth, &f->e), 0);
        atomic_store(&revoked, true);
        usleep(2000);
        atomic_store(&stop, true);
        for (int i = 0; i < 3; i++) {
            pthread_join(t[i], NULL);
            assert_int_equal(k[i].late, 0);
        }
    }
}

static void a_lost_secret_refuses_every_key(void **state)
{
    struct fx *f = *state;
    struct identity who;
    const char *key = new_key(f, "ann", "admin", NULL);

    assert_int_equal(unlink(arena_printf(&f->a, "%s/secret", f->dir)), 0);
    assert_int_equal(auth_reload(f->auth, &f->e), -ERR_NOTFOUND);
    assert_int_equal(ask(f, key, NULL, T0, &who), -ERR_UNAUTH);
    const char *fresh = new_key(f, "bob", "admin", NULL); /* makes another secret */
    assert_int_equal(auth_reload(f->auth, &f->e), 0);
    assert_int_equal(ask(f, key, NULL, T0, &who), -ERR_UNAUTH);
    assert_int_equal(ask(f, fresh, NULL, T0, &who), 0);
}

static void a_readable_secret_is_reported(void **state)
{
    struct fx *f = *state;
    struct identity who;
    const char *path = arena_printf(&f->a, "%s/secret", f->dir);
    const char *key = new_key(f, "ann", "admin", NULL);

    assert_int_equal(chmod(path, 0644), 0);
    assert_int_equal(auth_reload(f->auth, &f->e), -ERR_DENIED);
    assert_int_equal(ask(f, key, NULL, T0, &who), -ERR_UNAUTH);
    call(f, "experiment create", "name", "a", (char *)NULL);
    assert_int_equal(auth_reload(f->auth, &f->e), 0); /* said once */
    assert_int_equal(ask(f, key, NULL, T0, &who), -ERR_UNAUTH);
    assert_int_equal(chmod(path, 0600), 0);
    call(f, "experiment create", "name", "b", (char *)NULL);
    assert_int_equal(auth_reload(f->auth, &f->e), 0);
    assert_int_equal(ask(f, key, NULL, T0, &who), 0);
}

static void no_auth_makes_everybody_admin(void **state)
{
    struct fx *f = *state;
    struct identity who;
    struct auth *a = open_auth(f, true, "{}");
    struct auth_io *io = auth_io_new(a);
    const struct http_route r = {
        .method = "POST", .pattern = "/x", .auth = HTTP_VERB, .perm = PERM_ADMIN, .verb = "user add"
    };

    assert_int_equal(auth_identify(io, &f->a, "junk", NULL, T0, &who, &f->e), 0);
    assert_string_equal(who.role, "admin");
    assert_int_equal(auth_allow(io, &who, &r, &f->e), 0);
    auth_io_free(io);
    auth_free(a);
}

/* What roles may do, written out: rows are roles, columns what a verb asks for. */
static const char *const roles[] = { "viewer",   "auditor",  "developer",
                                     "operator", "approver", "admin" };
static const char matrix[6][7] = {
    "V.....", /* viewer */
    "VA....", /* auditor */
    "V.D...", /* developer */
    "V.DO..", /* operator */
    "V.DOP.", /* approver */
    "VADOP*", /* admin */
};

static void every_role_on_every_verb(void **state)
{
    struct fx *f = *state;
    for (const struct verb *v = verbs; v->name; v++) {
        const struct http_route r = { .method = "POST",
                                      .pattern = "/v",
                                      .auth = HTTP_VERB,
                                      .perm = PERM_VIEWER,
                                      .verb = v->name };
        struct identity who = { .name = "anonymous" };
        assert_int_equal(auth_allow(f->io, &who, &r, &f->e), -ERR_DENIED);
        assert_non_null(strstr(f->e.msg, "needs a key"));
        for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
            who = (struct identity){ .name = "ann", .role = roles[i], .key_id = "k" };
            int want = matrix[i][v->perm] == '.' ? -ERR_DENIED : 0;
            if (auth_allow(f->io, &who, &r, &f->e) != want) fail_msg("%s as %s", v->name, roles[i]);
            if (perm_allows(roles[i], v->perm) != (want == 0))
                fail_msg("perm_allows: %s as %s", v->name, roles[i]);
        }
    }
}

static void routes_ask_for_what_they_say(void **state)
{
    struct fx *f = *state;
    struct identity nobody = { .name = "anonymous" };
    struct http_route r = {
        .method = "GET", .pattern = "/p", .auth = HTTP_PUBLIC, .perm = PERM_ADMIN
    };

    assert_int_equal(auth_allow(f->io, &nobody, &r, &f->e), 0);
    r.auth = HTTP_KEY;
    for (int perm = PERM_VIEWER; perm <= PERM_ADMIN; perm++) {
        r.perm = (enum perm)perm;
        assert_int_equal(auth_allow(f->io, &nobody, &r, &f->e), -ERR_DENIED);
        assert_int_equal(err_http(f->e.kind), 403);
        for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
            struct identity who = { .name = "ann", .role = roles[i], .key_id = "k" };
            assert_int_equal(auth_allow(f->io, &who, &r, &f->e),
                             matrix[i][perm] == '.' ? -ERR_DENIED : 0);
        }
        struct identity odd = { .name = "ann", .role = "king", .key_id = "k" };
        assert_int_equal(auth_allow(f->io, &odd, &r, &f->e), -ERR_DENIED);
    }
    /* the stricter of route and verb holds */
    r = (struct http_route){ .method = "POST",
                             .pattern = "/p",
                             .auth = HTTP_VERB,
                             .perm = PERM_OPERATOR,
                             .verb = "model list" };
    struct identity viewer = { .name = "ann", .role = "viewer", .key_id = "k" };
    assert_int_equal(auth_allow(f->io, &viewer, &r, &f->e), -ERR_DENIED);
}

static int granted(struct auth_io *io, const struct identity *who, const char *address)
{
    int after, left, n = 0;
    while (n < 1000 && auth_rate(io, who, address, T0, &after, &left)) n++;
    return n;
}

static void limits_are_per_key_and_per_address(void **state)
{
    struct fx *f = *state;
    struct auth *a = open_auth(f, false,
                               "{\"serve\": {\"rate_key\": 20, \"rate_address\": 2,"
                               " \"burst_address\": 5}}");
    struct auth_io *io = auth_io_new(a), *io2 = auth_io_new(a);
    const struct identity ann = { .name = "ann", .role = "viewer", .key_id = "01A" };
    const struct identity bob = { .name = "bob", .role = "viewer", .key_id = "01B" };
    const struct identity nobody = { .name = "anonymous" };

    assert_int_equal(granted(io, &ann, "10.0.0.1"), 20);
    assert_int_equal(granted(io2, &ann, "10.0.0.2"), 0); /* the other thread knows */
    assert_int_equal(granted(io, &bob, "10.0.0.1"), 20);
    assert_int_equal(granted(io, &nobody, "10.0.0.1"), 5);
    assert_int_equal(granted(io, NULL, "10.0.0.1"), 0);
    assert_int_equal(granted(io, &nobody, "::ffff:10.0.0.1"), 0); /* the same machine */
    assert_int_equal(granted(io, &nobody, "10.0.0.2"), 5);
    assert_int_equal(granted(io, &nobody, "2001:db8:1:2:3::4"), 5);
    assert_int_equal(granted(io, &nobody, "2001:db8:1:2:ffff::1"), 0); /* one subscriber */
    assert_int_equal(granted(io, &nobody, "2001:db8:1:3::1"), 5);
    assert_int_equal(auth_limit(io, &ann), 20);
    assert_int_equal(auth_limit(io, &nobody), 5);
    assert_int_equal(auth_rejections(a), 10);
    auth_io_free(io);
    auth_io_free(io2);
    auth_free(a);
    assert_int_equal(granted(f->io, &nobody, "10.0.0.1"), 1000); /* no limit unless set */
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest t[] = {
        TEST(a_key_is_known_by_either_header),
        TEST(without_a_key_one_is_anonymous),
        TEST(a_wrong_key_is_refused),
        TEST(a_key_expires),
        TEST(a_revoked_key_is_refused_from_the_next_request),
        TEST(revoking_under_load_is_never_late),
        TEST(a_lost_secret_refuses_every_key),
        TEST(a_readable_secret_is_reported),
        TEST(no_auth_makes_everybody_admin),
        TEST(every_role_on_every_verb),
        TEST(routes_ask_for_what_they_say),
        TEST(limits_are_per_key_and_per_address),
    };
    return cmocka_run_group_tests_name("http.auth", t, NULL, NULL);
}
