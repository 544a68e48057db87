/* test_app.c: which folder is the workspace, and opening it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "app/app.h"
#include "base/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char dir[64];
static struct arena a = ARENA_INIT;

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test_app.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&a);
    return file_remove_tree(dir, NULL);
}

static const char *find(const char *option, const char *env, const char *cwd, const char *xdg,
                        const char *home)
{
    const char *ret = NULL;
    struct err e = ERR_INIT;
    return app_find_workspace(&a, option, env, cwd, xdg, home, &ret, &e) ? arena_strdup(&a, e.msg) : ret;
}

static void t_order(void **state)
{
    (void)state;
    assert_string_equal(find("/o", "/e", dir, "/x", "/h"), "/o");
    assert_string_equal(find(NULL, "/e", dir, "/x", "/h"), "/e");
    assert_string_equal(find(NULL, "", dir, "/x", "/h"), "/x/signalbox");
    assert_string_equal(find(NULL, NULL, dir, "", "/h"), "/h/.local/share/signalbox");
    assert_string_equal(find(NULL, NULL, dir, "relative", "/h"), "/h/.local/share/signalbox");
    assert_string_equal(find("o", NULL, "/c", NULL, NULL), "/c/o");
    assert_string_equal(find(NULL, NULL, NULL, NULL, NULL),
                        "no workspace: neither $XDG_DATA_HOME nor $HOME names a folder");
    assert_string_equal(find("", "/e", dir, NULL, NULL), "--workspace is empty");
}

static void t_nearest_upward(void **state)
{
    (void)state;
    const char *deep = arena_printf(&a, "%s/a/b/c", dir);
    const char *ws = arena_printf(&a, "%s/a/.signalbox", dir);
    assert_int_equal(file_mkdirs(deep, NULL), 0);
    assert_int_equal(file_mkdirs(ws, NULL), 0);
    assert_string_equal(find(NULL, NULL, deep, "/x", NULL), "/x/signalbox"); /* empty folder */
    assert_int_equal(file_write_atomic(arena_printf(&a, "%s/signalbox.db", ws), "", 0, NULL), 0);
    assert_string_equal(find(NULL, NULL, deep, "/x", NULL), ws);
    assert_string_equal(find(NULL, NULL, arena_printf(&a, "%s/a/", dir), "/x", NULL), ws);
    assert_string_equal(find(NULL, NULL, dir, "/x", NULL), "/x/signalbox");
}

static void t_open(void **state)
{
    (void)state;
    const char *ws = arena_printf(&a, "%s/deep/ws", dir);
    struct app_config cfg = { .dir = ws };
    struct app app;
    struct err e = ERR_INIT;
    assert_int_equal(app_open(&app, &cfg, &e), -ERR_NOTFOUND);
    assert_null(app.store);
    assert_false(file_exists(ws));
    app_close(&app);
    cfg.create = true;
    cfg.actor = "kim";
    assert_int_equal(app_open(&app, &cfg, &e), 0);
    assert_non_null(app.store);
    assert_string_equal(app.actor, "kim");
    assert_non_null(app.ports);
    app_close(&app);
    assert_null(app.store);
    cfg.create = false;
    assert_int_equal(app_open(&app, &cfg, &e), 0);
    app_close(&app);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(t_order, setup, teardown),
        cmocka_unit_test_setup_teardown(t_nearest_upward, setup, teardown),
        cmocka_unit_test_setup_teardown(t_open, setup, teardown),
    };
    return cmocka_run_group_tests_name("app.app", tests, NULL, NULL);
}
