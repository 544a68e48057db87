/* test_file.c: unit tests of base/file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/signalbox-file-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return file_remove_tree(dir, NULL);
}

static const char *at(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static int entries(void)
{
    DIR *d = opendir(dir);
    int n = 0;
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}

static void replaces_whole_files(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(file_write_atomic(at("a"), "one", 3, &e), 0);
    assert_int_equal(file_write_atomic(at("a"), "two!", 4, &e), 0);
    STR_AUTO s = STR_INIT;
    assert_int_equal(file_read(at("a"), 100, &s, &e), 0);
    assert_string_equal(s.p, "two!");
    assert_int_equal(file_size(at("a")), 4);
    assert_int_equal(entries(), 1); /* no temporary file left */
    assert_int_equal(file_read(at("a"), 3, &s, &e), -ERR_LIMIT);
    assert_int_equal(file_read(at("none"), 3, &s, &e), -ERR_NOTFOUND);
    assert_non_null(strstr(e.msg, "none"));
    assert_int_equal(file_write_atomic(at("no/such/dir"), "x", 1, &e), -ERR_NOTFOUND);
}

static void makes_and_removes_folders(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(file_mkdirs(at("x/y/z"), &e), 0);
    assert_int_equal(file_mkdirs(at("x/y/z"), &e), 0);
    assert_int_equal(file_write_atomic(at("x/y/f"), "1", 1, &e), 0);
    assert_int_equal(file_mkdirs(at("x/y/f"), &e), -ERR_EXISTS);
    assert_int_equal(file_remove_tree(at("x"), &e), 0);
    assert_false(file_exists(at("x")));
    assert_int_equal(file_size(at("x")), -1);
}

static void locks_exclude(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    int a = -1, b = -1;
    assert_int_equal(file_lock(at("lock"), false, &a, &e), 0);
    assert_int_equal(file_lock(at("lock"), false, &b, &e), -ERR_BUSY);
    file_unlock(a);
    assert_int_equal(file_lock(at("lock"), false, &b, &e), 0);
    file_unlock(b);
}

int main(void)
{
    const struct CMUnitTest t[] = { cmocka_unit_test(replaces_whole_files),
                                    cmocka_unit_test(makes_and_removes_folders),
                                    cmocka_unit_test(locks_exclude) };
    return cmocka_run_group_tests_name("base.file", t, setup, teardown);
}
