/* test_verb.c: the gate every call passes: binding, role, workspace, dry run, audit; and that
 * the table of verbs is in order. The verbs called here are the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/verb.h"
#include "base/file.h"
#include "store/audit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ports none;
static char dir[64];
static struct clock now;
static struct app app;
static struct reply r;
static struct err e;
static int calls;

static int answer(struct app *unused, const struct val *args, struct reply *reply, struct err *err)
{
    (void)unused;
    calls++;
    if (str_eq(val_get_str(args, "thing", ""), "bad"))
        return err_set(err, ERR_STATE, "not in this state");
    reply->v = val_obj(&reply->arena);
    val_set_str(reply->v, "id", "J1");
    val_set_str(reply->v, "name", "given name");
    val_set_list(reply->v, "long");
    return 0;
}

static const struct param params[] = {
    { .name = "thing", .type = PARAM_STR, .flags = PARAM_POSITIONAL | PARAM_REQUIRED, .help = "x" },
    { .name = "n", .type = PARAM_INT, .dflt = "3", .help = "n" },
    { .name = "reason", .type = PARAM_STR, .flags = PARAM_HIDDEN, .help = "why" },
    { .name = NULL },
};
static const struct verb change = {
    "thing change", answer, PERM_OPERATOR, VERB_WRITE | VERB_AUDIT, "change", params,
};

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test_verb.XXXXXX");
    if (!mkdtemp(dir)) return -1;
    now = clock_fixed(1700000000LL * 1000000);
    app =
        (struct app){ .dir = dir, .clock = &now, .actor = "kim", .role = "admin", .ports = &none };
    calls = 0;
    err_clear(&e);
    reply_init(&r);
    return store_open(&app.store, dir, STORE_CREATE, &now, &e);
}

static int teardown(void **state)
{
    (void)state;
    reply_done(&r);
    store_close(app.store);
    return file_remove_tree(dir, NULL);
}

static int call(const struct verb *v, const char *thing, const char *reason)
{
    struct val *in = val_obj(&r.arena);
    if (thing) val_set_str(in, "thing", thing);
    if (reason) val_set_str(in, "reason", reason);
    return verb_call(&app, v, in, &r, &e);
}

static size_t audit_rows(struct audit_row **ret)
{
    size_t n = 0;
    assert_int_equal(audit_list(app.store, &r.arena, NULL, 0, 10, ret, &n, &e), 0);
    return n;
}

static void t_success_is_audited(void **state)
{
    (void)state;
    struct audit_row *row = NULL;
    assert_int_equal(call(&change, "door", "it creaks"), 0);
    assert_int_equal(audit_rows(&row), 1);
    assert_string_equal(row->actor, "kim");
    assert_string_equal(row->verb, "thing change");
    assert_string_equal(row->object, "thing:given name");
    assert_string_equal(row->reason, "it creaks");
    assert_string_equal(row->detail, "{\"arguments\":{\"thing\":\"door\",\"n\":3},"
                                     "\"result\":{\"id\":\"J1\",\"name\":\"given name\"}}");
    assert_int_equal(row->at_us, 1700000000LL * 1000000);
}

static void t_jobs_and_runs_are_named_by_id(void **state)
{
    (void)state;
    struct verb v = change;
    struct audit_row *row = NULL;
    v.name = "job change";
    assert_int_equal(call(&v, "door", NULL), 0);
    assert_int_equal(audit_rows(&row), 1);
    assert_string_equal(row->object, "job:J1");
}

static void t_failure_leaves_no_row(void **state)
{
    (void)state;
    struct audit_row *row = NULL;
    assert_int_equal(call(&change, "bad", NULL), -ERR_STATE);
    assert_int_equal(calls, 1);
    assert_int_equal(audit_rows(&row), 0);
}

static void t_arguments_are_checked_first(void **state)
{
    (void)state;
    assert_int_equal(call(&change, NULL, NULL), -ERR_USAGE);
    assert_int_equal(calls, 0);
}

static void t_roles(void **state)
{
    (void)state;
    static const struct {
        const char *role;
        bool may;
    } cases[] = {
        { "viewer", false },  { "auditor", false }, { "developer", false }, { "operator", true },
        { "approver", true }, { "admin", true },    { "root", false },      { NULL, false },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        app.role = cases[i].role;
        assert_int_equal(call(&change, "door", NULL), cases[i].may ? 0 : -ERR_DENIED);
    }
    assert_int_equal(calls, 3);
    app.role = "viewer";
    call(&change, "door", NULL);
    assert_string_equal(e.msg, "'thing change' needs the role operator; kim has viewer");
    assert_string_equal(perm_name(PERM_ADMIN), "admin");
}

static void t_needs_a_workspace(void **state)
{
    (void)state;
    struct store *s = app.store;
    struct verb v = change;
    app.store = NULL;
    assert_int_equal(call(&v, "door", NULL), -ERR_NOTFOUND);
    assert_int_equal(calls, 0);
    v.flags |= VERB_NO_WORKSPACE;
    assert_int_equal(call(&v, "door", NULL), 0);
    app.store = s;
}

static void t_dry_run(void **state)
{
    (void)state;
    struct audit_row *row = NULL;
    struct verb v = change;
    app.dry_run = true;
    assert_int_equal(call(&v, "door", NULL), 0);
    assert_int_equal(calls, 0);
    assert_true(val_get_bool(r.v, "dry_run", false));
    assert_string_equal(val_get_str(r.v, "verb", ""), "thing change");
    v.flags |= VERB_DRY;
    assert_int_equal(call(&v, "door", NULL), 0);
    assert_int_equal(calls, 1);
    v.flags = 0;
    assert_int_equal(call(&v, "door", NULL), 0);
    assert_int_equal(calls, 2);
    assert_int_equal(audit_rows(&row), 0);
}

static void t_find_and_match(void **state)
{
    (void)state;
    int words = 9;
    char *argv[] = { (char[]){ "job" }, (char[]){ "list" }, (char[]){ "x" } };
    assert_ptr_equal(verb_match(3, argv, &words), verb_find("job list"));
    assert_int_equal(words, 2);
    assert_null(verb_match(1, argv, &words));
    assert_int_equal(words, 0);
    assert_null(verb_match(0, argv, &words));
    assert_null(verb_find("job"));
    assert_null(verb_find("job lis"));
}

/* Names unique, helps there, arguments distinct, required bare words before optional ones. */
static void t_table(void **state)
{
    (void)state;
    for (const struct verb *v = verbs; v->name; v++) {
        bool optional = false, rest = false;
        assert_ptr_equal(verb_find(v->name), v);
        assert_true(v->help && *v->help && !str_ends(v->help, "."));
        assert_non_null(v->fn);
        if (v->flags & (VERB_REASON | VERB_AUDIT | VERB_CREATES))
            assert_true(v->flags & VERB_WRITE);
        for (const struct param *p = v->params; p->name; p++) {
            assert_ptr_equal(param_find(v->params, p->name), p);
            assert_true(p->help && *p->help);
            assert_true((p->type == PARAM_ENUM) == (p->choices != NULL));
            if (!(p->flags & PARAM_POSITIONAL)) continue;
            assert_false(rest);
            assert_false(optional && p->flags & PARAM_REQUIRED);
            optional |= !(p->flags & PARAM_REQUIRED);
            rest |= p->flags & PARAM_REST;
        }
        const struct param *reason = param_find(v->params, "reason");
        assert_true(!reason == !(v->flags & (VERB_WRITE | VERB_REASON)));
        if (v->flags & VERB_REASON) assert_true(reason->flags & PARAM_REQUIRED);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(t_success_is_audited),
        T(t_jobs_and_runs_are_named_by_id),
        T(t_failure_leaves_no_row),
        T(t_arguments_are_checked_first),
        T(t_roles),
        T(t_needs_a_workspace),
        T(t_dry_run),
        T(t_find_and_match),
        T(t_table),
    };
    return cmocka_run_group_tests_name("app.verb", tests, NULL, NULL);
}
