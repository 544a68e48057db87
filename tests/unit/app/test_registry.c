/* test_registry.c: the registry's moves on a real store in a temporary folder: semantic versions,
 * which moves are allowed, what is displaced, rolling back and walking back, dry runs, audit,
 * and several processes promoting at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/registry.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/audit.h"
#include "store/blob.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    char dir[64];
    struct clock clock;
    struct app app;
    struct arena a;
    struct err e;
};

static struct app open_app(const char *dir, const struct clock *clock)
{
    static const struct ports none;
    struct err e = ERR_INIT;
    struct app app = {
        .dir = dir, .clock = clock, .actor = "kim", .role = "admin", .ports = &none
    };
    if (store_open(&app.store, dir, STORE_CREATE, clock, &e)) fail_msg("%s", e.msg);
    return app;
}

static int setup(void **state)
{
    struct fixture *f = mem_zalloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/test_registry.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->clock = clock_fixed(1700000000LL * 1000000);
    f->app = open_app(f->dir, &f->clock);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    store_close(f->app.store);
    assert_int_equal(file_remove_tree(f->dir, NULL), 0);
    arena_done(&f->a);
    free(f);
    return 0;
}

static struct registry_new model(struct fixture *f, const char *sig, const char *arch,
                                 const char *data, const char *params)
{
    char *digest = arena_alloc(&f->a, 65);
    const char *bytes = arena_printf(&f->a, "%s%s%s%s", sig, arch, data, params);
    assert_int_equal(blob_put(f->app.store, bytes, strlen(bytes), digest, &f->e), 0);
    return (struct registry_new){
        .name = "fraud",
        .digest = digest,
        .size = (int64_t)strlen(bytes),
        .algorithm = arch,
        .task = "binary",
        .fp_signature = sig,
        .fp_architecture = arch,
        .fp_data = data,
        .fp_params = params,
    };
}

static struct registry_done put(struct fixture *f, const struct registry_new *in)
{
    struct registry_done done;
    assert_int_equal(store_begin(f->app.store, &f->e), 0);
    if (registry_register(&f->app, &f->a, in, &done, &f->e)) fail_msg("%s", f->e.msg);
    assert_int_equal(store_commit(f->app.store, &f->e), 0);
    return done;
}

/* Versions 1 to n, each with other data. */
static void versions(struct fixture *f, int n)
{
    for (int i = 1; i <= n; i++) {
        struct registry_new in = model(f, "s", "gbdt", arena_printf(&f->a, "d%d", i), "p");
        assert_int_equal(put(f, &in).version.version, i);
    }
}

static struct registry_moved promote(struct fixture *f, int64_t version, const char *to)
{
    struct registry_moved m;
    if (registry_promote(&f->app, &f->a, "fraud", version, to, "because", &m, &f->e))
        fail_msg("%s", f->e.msg);
    return m;
}

static int64_t roll_back(struct fixture *f)
{
    struct registry_moved m;
    if (registry_rollback(&f->app, &f->a, "fraud", "it fails", &m, &f->e)) fail_msg("%s", f->e.msg);
    assert_string_equal(m.version.stage, "Production");
    return m.version.version;
}

static const char *stage(struct fixture *f, int64_t version)
{
    struct reg_version v;
    assert_int_equal(store_version_get(f->app.store, &f->a, "fraud", version, &v, &f->e), 0);
    return v.stage;
}

/* The version an alias points at, 0: none. */
static int64_t alias(struct fixture *f, const char *name)
{
    struct reg_version v;
    int rc = store_version_by_alias(f->app.store, &f->a, "fraud", name, &v, &f->e);
    if (rc == -ERR_NOTFOUND) return 0;
    assert_int_equal(rc, 0);
    return v.version;
}

static int64_t audit_rows(struct fixture *f)
{
    struct audit_check c;
    assert_int_equal(audit_verify(f->app.store, &c, &f->e), 0);
    assert_int_equal(c.first_bad, 0);
    return c.rows;
}

/* ---- semantic versions ----------------------------------------------------------------- */

static void semver_follows_what_differs(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *sig, *arch, *data, *params, *semver;
    } steps[] = {
        { "s", "logistic", "d", "p", "1.0.0" }, { "s", "logistic", "d", "q", "1.0.1" },
        { "s", "logistic", "e", "q", "1.1.0" }, { "s", "logistic", "e", "r", "1.1.1" },
        { "s", "logistic", "f", "p", "1.2.0" }, { "s", "gbdt", "f", "p", "2.0.0" },
        { "t", "gbdt", "f", "p", "3.0.0" },     { "t", "gbdt", "g", "q", "3.1.0" },
        { "u", "logistic", "h", "r", "4.0.0" },
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct registry_new in =
            model(f, steps[i].sig, steps[i].arch, steps[i].data, steps[i].params);
        struct registry_done done = put(f, &in);
        assert_true(done.is_new);
        assert_int_equal(done.version.version, i + 1);
        assert_string_equal(done.version.semver, steps[i].semver);
        assert_string_equal(done.version.stage, "None");
    }
}

static void same_model_is_found_again(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    int64_t rows = audit_rows(f);
    struct registry_new in = model(f, "s", "gbdt", "d1", "p");
    struct registry_done done = put(f, &in);
    assert_false(done.is_new);
    assert_int_equal(done.version.version, 1);
    assert_int_equal(audit_rows(f), rows);
    /* the same description but other bytes, as another seed makes: a patch */
    char digest[65];
    assert_int_equal(blob_put(f->app.store, "other", 5, digest, &f->e), 0);
    in = model(f, "s", "gbdt", "d2", "p");
    in.digest = digest;
    done = put(f, &in);
    assert_true(done.is_new);
    assert_string_equal(done.version.semver, "1.1.1");
}

static void register_vanishes_with_its_transaction(void **state)
{
    struct fixture *f = *state;
    struct registry_new in = model(f, "s", "gbdt", "d", "p");
    struct registry_done done;
    struct reg_model m;
    assert_int_equal(store_begin(f->app.store, &f->e), 0);
    assert_int_equal(registry_register(&f->app, &f->a, &in, &done, &f->e), 0);
    store_rollback(f->app.store);
    assert_int_equal(store_model_get(f->app.store, &f->a, "fraud", &m, &f->e), -ERR_NOTFOUND);
    assert_int_equal(audit_rows(f), 0);
}

static void bad_names_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = { "", "a/b", "a:b", "a@b" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct registry_new in = model(f, "s", "gbdt", "d", "p");
        struct registry_done done;
        in.name = bad[i];
        assert_int_equal(store_begin(f->app.store, &f->e), 0);
        assert_int_equal(registry_register(&f->app, &f->a, &in, &done, &f->e), -ERR_INVALID);
        store_rollback(f->app.store);
    }
}

/* ---- promotion --------------------------------------------------------------------------- */

static void promotion_displaces_and_moves_aliases(void **state)
{
    struct fixture *f = *state;
    versions(f, 3);
    struct registry_moved m = promote(f, 1, "Production");
    assert_string_equal(m.previous_stage, "None");
    assert_string_equal(m.version.stage, "Production");
    assert_null(m.replaced.name);
    promote(f, 2, "Staging");
    assert_int_equal(alias(f, "staging"), 2);
    m = promote(f, 2, "Production");
    assert_string_equal(m.previous_stage, "Staging");
    assert_int_equal(m.replaced.version, 1);
    assert_string_equal(m.replaced_to, "Archived");
    assert_string_equal(stage(f, 1), "Archived");
    assert_int_equal(alias(f, "production"), 2);
    assert_int_equal(alias(f, "staging"), 0);
    promote(f, 3, "Staging");
    promote(f, 1, "Staging"); /* an archived one may come back to Staging */
    assert_string_equal(stage(f, 3), "None");
    assert_int_equal(alias(f, "staging"), 1);
}

static void promotion_writes_events_and_one_audit_row(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    promote(f, 1, "Production");
    int64_t rows = audit_rows(f);
    struct registry_moved m = promote(f, 2, "Production");
    assert_int_equal(audit_rows(f), rows + 1);
    assert_int_equal(m.audit_seq, rows + 1);
    struct stage_event *ev;
    size_t n;
    assert_int_equal(store_stage_events(f->app.store, &f->a, "fraud", 2, &ev, &n, &f->e), 0);
    assert_int_equal(n, 2);
    assert_int_equal(ev[0].version, 2);
    assert_string_equal(ev[0].to, "Production");
    assert_string_equal(ev[0].reason, "because");
    assert_string_equal(ev[0].actor, "kim");
    assert_int_equal(ev[0].audit_seq, m.audit_seq);
    assert_int_equal(ev[1].version, 1);
    assert_string_equal(ev[1].to, "Archived");
    struct audit_row *row;
    assert_int_equal(audit_list(f->app.store, &f->a, "model:fraud/2", 0, 1, &row, &n, &f->e), 0);
    assert_int_equal(n, 1);
    assert_string_equal(row->verb, "model promote");
    assert_non_null(strstr(row->detail, "\"replaced\":1"));
}

static void impossible_moves_say_so(void **state)
{
    struct fixture *f = *state;
    struct registry_moved m;
    versions(f, 3);
    promote(f, 1, "Production");
    promote(f, 2, "Production");
    static const struct {
        int64_t version;
        const char *to, *reason;
        int rc;
    } cases[] = {
        { 2, "Production", "r", -ERR_STATE }, /* there already */
        { 2, "Staging", "r", -ERR_STATE },    /* serving */
        { 1, "Production", "r", -ERR_STATE }, /* archived */
        { 9, "Production", "r", -ERR_NOTFOUND },  { 3, "Shadow", "r", -ERR_INVALID },
        { 3, "None", "r", -ERR_INVALID },         { 3, "Production", NULL, -ERR_INVALID },
        { 3, "Production", " \n", -ERR_INVALID },
    };
    int64_t rows = audit_rows(f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int rc = registry_promote(&f->app, &f->a, "fraud", cases[i].version, cases[i].to,
                                  cases[i].reason, &m, &f->e);
        assert_int_equal(rc, cases[i].rc);
        assert_false(store_in_tx(f->app.store));
    }
    assert_int_equal(registry_promote(&f->app, &f->a, "nobody", 1, "Staging", "r", &m, &f->e),
                     -ERR_NOTFOUND);
    assert_int_equal(registry_archive(&f->app, &f->a, "fraud", 1, "r", &m, &f->e), -ERR_STATE);
    assert_int_equal(audit_rows(f), rows);
    assert_string_equal(stage(f, 2), "Production");
}

/* ---- rolling back ------------------------------------------------------------------------ */

static void roll_back_walks_back(void **state)
{
    struct fixture *f = *state;
    struct registry_moved m;
    versions(f, 4);
    assert_int_equal(registry_rollback(&f->app, &f->a, "fraud", "r", &m, &f->e), -ERR_STATE);
    for (int64_t v = 1; v <= 3; v++) promote(f, v, "Production");
    assert_int_equal(roll_back(f), 2);
    assert_string_equal(stage(f, 3), "Archived");
    assert_int_equal(alias(f, "production"), 2);
    promote(f, 4, "Production"); /* piles on what is left: 1 2 4 */
    assert_int_equal(roll_back(f), 2);
    assert_int_equal(roll_back(f), 1);
    assert_int_equal(registry_rollback(&f->app, &f->a, "fraud", "r", &m, &f->e), -ERR_STATE);
    assert_string_equal(stage(f, 1), "Production");
}

static void roll_back_undone_by_way_of_staging(void **state)
{
    struct fixture *f = *state;
    versions(f, 2);
    promote(f, 1, "Production");
    promote(f, 2, "Production");
    assert_int_equal(roll_back(f), 1);
    promote(f, 2, "Staging");
    promote(f, 2, "Production");
    assert_int_equal(roll_back(f), 1);
}

static void archived_versions_are_passed_over(void **state)
{
    struct fixture *f = *state;
    struct registry_moved m;
    versions(f, 3);
    for (int64_t v = 1; v <= 3; v++) promote(f, v, "Production");
    assert_int_equal(registry_archive(&f->app, &f->a, "fraud", 3, "wrong labels", &m, &f->e), 0);
    assert_string_equal(m.previous_stage, "Production");
    assert_int_equal(alias(f, "production"), 0);
    assert_int_equal(roll_back(f), 2);
    promote(f, 1, "Staging");
    assert_int_equal(registry_archive(&f->app, &f->a, "fraud", 1, "too old", &m, &f->e), 0);
    assert_int_equal(registry_rollback(&f->app, &f->a, "fraud", "r", &m, &f->e), -ERR_STATE);
}

static void dry_run_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct registry_moved m;
    versions(f, 2);
    promote(f, 1, "Production");
    int64_t rows = audit_rows(f), revision = store_revision(f->app.store);
    f->app.dry_run = true;
    m = promote(f, 2, "Production");
    assert_string_equal(m.version.stage, "Production");
    assert_int_equal(m.replaced.version, 1);
    assert_int_equal(m.audit_seq, 0);
    assert_int_equal(registry_rollback(&f->app, &f->a, "fraud", "r", &m, &f->e), -ERR_STATE);
    assert_string_equal(stage(f, 1), "Production");
    assert_string_equal(stage(f, 2), "None");
    assert_int_equal(audit_rows(f), rows);
    assert_int_equal(store_revision(f->app.store), revision);
}

/* ---- aliases ------------------------------------------------------------------------------ */

static void aliases_are_set_moved_and_removed(void **state)
{
    struct fixture *f = *state;
    struct reg_version v;
    versions(f, 2);
    assert_int_equal(registry_alias(&f->app, &f->a, "fraud", "champion", 1, NULL, &f->e), 0);
    assert_int_equal(registry_alias(&f->app, &f->a, "fraud", "champion", 2, NULL, &f->e), 0);
    assert_int_equal(registry_version(&f->app, &f->a, "fraud", "@champion", &v, &f->e), 0);
    assert_int_equal(v.version, 2);
    assert_int_equal(registry_version(&f->app, &f->a, "fraud", "1", &v, &f->e), 0);
    assert_int_equal(v.version, 1);
    assert_int_equal(registry_version(&f->app, &f->a, "fraud", "first", &v, &f->e), -ERR_INVALID);
    int64_t rows = audit_rows(f);
    assert_int_equal(registry_alias(&f->app, &f->a, "fraud", "champion", 0, NULL, &f->e), 0);
    assert_int_equal(audit_rows(f), rows + 1);
    assert_int_equal(alias(f, "champion"), 0);
    assert_int_equal(registry_alias(&f->app, &f->a, "fraud", "champion", 0, NULL, &f->e),
                     -ERR_NOTFOUND);
    static const char *const kept[] = { "production", "staging", "latest", "3", "v3", "", "a,b" };
    for (size_t i = 0; i < ARRAY_LEN(kept); i++)
        assert_int_equal(registry_alias(&f->app, &f->a, "fraud", kept[i], 1, NULL, &f->e),
                         -ERR_INVALID);
    assert_int_equal(registry_alias(&f->app, &f->a, "fraud", "champion", 9, NULL, &f->e),
                     -ERR_NOTFOUND);
}

/* ---- several processes ---------------------------------------------------------------------- */

enum { WORKERS = 4, EACH = 10 };

/* Promotes its own versions one after the other; exits with the number that failed. */
static void __attribute__((noreturn)) promote_all(const char *dir, int worker)
{
    struct arena a = ARENA_INIT;
    struct app app = open_app(dir, &clock_system);
    int failed = 0;
    for (int i = 0; i < EACH; i++) {
        struct registry_moved m;
        struct err e = ERR_INIT;
        int64_t version = 1 + worker * EACH + i;
        if (registry_promote(&app, &a, "fraud", version, "Production", "race", &m, &e)) {
            fprintf(stderr, "%s\n", e.msg);
            failed++;
        }
    }
    store_close(app.store);
    arena_done(&a);
    _exit(failed);
}

static void processes_promoting_at_once_leave_one(void **state)
{
    struct fixture *f = *state;
    versions(f, WORKERS * EACH);
    int64_t rows = audit_rows(f);
    store_close(f->app.store);
    pid_t pid[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        pid[i] = fork();
        assert_true(pid[i] >= 0);
        if (!pid[i]) promote_all(f->dir, i);
    }
    for (int i = 0; i < WORKERS; i++) {
        int status;
        assert_int_equal(waitpid(pid[i], &status, 0), pid[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    f->app = open_app(f->dir, &f->clock);
    struct reg_version *v;
    size_t n;
    int serving = 0;
    assert_int_equal(store_version_list(f->app.store, &f->a, "fraud", &v, &n, &f->e), 0);
    assert_int_equal(n, WORKERS * EACH);
    for (size_t i = 0; i < n; i++) {
        serving += str_eq(v[i].stage, "Production");
        if (str_eq(v[i].stage, "Production"))
            assert_int_equal(alias(f, "production"), v[i].version);
        else assert_string_equal(v[i].stage, "Archived");
    }
    assert_int_equal(serving, 1);
    assert_int_equal(audit_rows(f), rows + WORKERS * EACH);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(semver_follows_what_differs),
        TEST(same_model_is_found_again),
        TEST(register_vanishes_with_its_transaction),
        TEST(bad_names_are_refused),
        TEST(promotion_displaces_and_moves_aliases),
        TEST(promotion_writes_events_and_one_audit_row),
        TEST(impossible_moves_say_so),
        TEST(roll_back_walks_back),
        TEST(roll_back_undone_by_way_of_staging),
        TEST(archived_versions_are_passed_over),
        TEST(dry_run_changes_nothing),
        TEST(aliases_are_set_moved_and_removed),
        TEST(processes_promoting_at_once_leave_one),
    };
    return cmocka_run_group_tests_name("app.registry", tests, NULL, NULL);
}
