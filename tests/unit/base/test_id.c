/* test_id.c: unit tests of base/id. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/id.h"

static void ulids_sort_by_time(void **state)
{
    (void)state;
    char prev[27] = "", cur[27];
    for (int64_t ms = 1700000000000; ms < 1700000000200; ms++)
        for (int k = 0; k < 20; k++) {
            id_ulid(cur, ms * 1000);
            assert_true(id_is_ulid(cur));
            assert_true(strcmp(prev, cur) < 0);
            strcpy(prev, cur);
        }
    id_ulid(cur, 0);
    assert_memory_equal(cur, "0000000000", 10);
    id_ulid(cur, 1469918176385LL * 1000); /* the time part of the specification's example */
    assert_memory_equal(cur, "01ARYZ6S41", 10);
}

static void run_ids_are_hex(void **state)
{
    (void)state;
    char a[33], b[33];
    id_run(a);
    id_run(b);
    assert_true(id_is_run(a));
    assert_string_not_equal(a, b);
    assert_false(id_is_run("xyz"));
    assert_false(id_is_run("0123456789ABCDEF0123456789ABCDEF"));
    assert_false(id_is_ulid("0123"));
}

int main(void)
{
    const struct CMUnitTest t[] = { cmocka_unit_test(ulids_sort_by_time),
                                    cmocka_unit_test(run_ids_are_hex) };
    return cmocka_run_group_tests_name("base.id", t, NULL, NULL);
}
