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

static void ids_tell_their_time(void **state)
{
    static const struct {
        const char *id;
        int64_t ms;
    } cases[] = {
        { "01ARYZ6S41TSV4RRFFQ69G5FAV", 1469918176385 }, /* the specifications' examples */
        { "01ARYZ6S41TSV4RRFFQ69G5FAV/17", 1469918176385 },
        { "017f22e2-79b0-7cc3-98c4-dc0c0c07398f", 1645557742000 },
        { "017F22E2-79B0-7CC3-98C4-DC0C0C07398F", 1645557742000 },
        { "7ZZZZZZZZZ0000000000000000", (1LL << 48) - 1 },
        { "8000000000TSV4RRFFQ69G5FAV", -1 },            /* beyond 48 bits */
        { "01ARYZ6S41TSV4RRFFQ69G5FA", -1 },             /* too short */
        { "01ARYZ6S41TSV4RRFFQ69G5FAVX", -1 },           /* too long */
        { "01ARYZ6S41TSV4RRFFQ69G5FAVi", -1 },
        { "01aryz6s41tsv4rrffq69g5fav", -1 },
        { "017f22e2-79b0-4cc3-98c4-dc0c0c07398f", -1 },  /* random, not by time */
        { "017f22e2-79b0-7cc3-98c4-dc0c0c07398f0", -1 },
        { "017f22e2-79b0-7cc3-98c4-dc0c0c07398", -1 },
        { "017f22e2x79b0-7cc3-98c4-dc0c0c07398f", -1 },
        { "", -1 },
    };
    char id[27];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (id_time_ms(cases[i].id) != cases[i].ms)
            fail_msg("%s: %lld", cases[i].id, (long long)id_time_ms(cases[i].id));
    id_ulid(id, 1700000000123999);
    assert_int_equal(id_time_ms(id), 1700000000123);
}

int main(void)
{
    const struct CMUnitTest t[] = { cmocka_unit_test(ulids_sort_by_time),
                                    cmocka_unit_test(run_ids_are_hex),
                                    cmocka_unit_test(ids_tell_their_time) };
    return cmocka_run_group_tests_name("base.id", t, NULL, NULL);
}
