/* test_err.c: unit tests of base/err. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"

#include <errno.h>

static void set_returns_minus_kind(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    assert_int_equal(err_set(&e, ERR_NOTFOUND, "no model %s", "fraud"), -ERR_NOTFOUND);
    assert_string_equal(e.msg, "no model fraud");
    assert_int_equal(err_hint(&e, "see model list"), -ERR_NOTFOUND);
    assert_string_equal(e.hint, "see model list");
    assert_int_equal(err_prefix(&e, "promote"), -ERR_NOTFOUND);
    assert_string_equal(e.msg, "promote: no model fraud");
    assert_int_equal(err_set(NULL, ERR_BUSY, "nobody listens"), -ERR_BUSY);
    err_set(&e, ERR_IO, "again");
    assert_string_equal(e.hint, ""); /* a new error drops the old hint */
}

static void errno_chooses_the_kind(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    errno = ENOENT;
    assert_int_equal(err_sys(&e, ERR_IO, "%s", "x.csv"), -ERR_NOTFOUND);
    assert_string_equal(e.msg, "x.csv: No such file or directory");
    errno = EACCES;
    assert_int_equal(err_sys(&e, ERR_IO, "x"), -ERR_DENIED);
    errno = EIO;
    assert_int_equal(err_sys(&e, ERR_IO, "x"), -ERR_IO);
}

static void long_messages_are_cut(void **state)
{
    (void)state;
    struct err e = ERR_INIT;
    char big[4096];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    err_set(&e, ERR_PARSE, "%s", big);
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    err_prefix(&e, "file");
    assert_int_equal(strlen(e.msg), sizeof e.msg - 1);
    assert_memory_equal(e.msg, "file: xxx", 9);
}

static void table_is_complete(void **state)
{
    (void)state;
    for (int k = 0; k < ERR_COUNT; k++) {
        assert_non_null(err_code(k));
        assert_true(strlen(err_help(k)) > 3);
        assert_true(err_exit(k) >= 0 && err_exit(k) < 256);
        assert_true(err_http(k) >= 200 && err_http(k) < 600);
    }
    assert_int_equal(err_exit(ERR_OK), 0);
    assert_int_equal(err_exit(ERR_CHECK), 3);
    assert_int_equal(err_exit(ERR_NOTFOUND), 5);
    assert_int_equal(err_exit(ERR_BUSY), 75);
    assert_true(err_retryable(ERR_BUSY));
    assert_false(err_retryable(ERR_INVALID));
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(set_returns_minus_kind),
        cmocka_unit_test(errno_chooses_the_kind),
        cmocka_unit_test(long_messages_are_cut),
        cmocka_unit_test(table_is_complete),
    };
    return cmocka_run_group_tests_name("base.err", t, NULL, NULL);
}
