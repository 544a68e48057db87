/* test_arena.c: unit tests of base/arena. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/vec.h"

static void aligned_and_separate(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    unsigned char *p[500];
    for (int i = 0; i < 500; i++) {
        p[i] = arena_alloc(&a, (size_t)(i * 7 % 300 + 1));
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        memset(p[i], i & 255, (size_t)(i * 7 % 300 + 1));
    }
    for (int i = 0; i < 500; i++)
        for (int k = 0; k < i * 7 % 300 + 1; k++) assert_int_equal(p[i][k], i & 255);
    arena_done(&a);
    assert_int_equal(a.used, 0);
}

static void big_allocations_and_reset(void **state)
{
    (void)state;
    struct arena a = ARENA_INIT;
    char *big = arena_zalloc(&a, 3, 1 << 20);
    big[(3 << 20) - 1] = 1;
    arena_reset(&a);
    assert_string_equal(arena_printf(&a, "%d-%s", 7, "x"), "7-x");
    assert_null(arena_strdup(&a, NULL));
    assert_string_equal(arena_strndup(&a, "abcdef", 3), "abc");
    arena_done(&a);
}

static void oversized_requests_are_refused(void **state)
{
    (void)state;
    assert_null(mem_try(SIZE_MAX / 2, 16));
    assert_null(mem_try_zero(SIZE_MAX, 2));
    assert_null(mem_try_aligned(SIZE_MAX / 4, 8));
    void *p = mem_try_aligned(3, 5);
    assert_int_equal((uintptr_t)p % 64, 0);
    free(p);
}

static void vectors_grow(void **state)
{
    (void)state;
    VEC(int) v = VEC_INIT;
    for (int i = 0; i < 1000; i++) vec_push(&v, i);
    assert_int_equal(v.n, 1000);
    for (int i = 0; i < 1000; i++) assert_int_equal(v.p[i], i);
    vec_done(&v);
    assert_null(v.p);
}

int main(void)
{
    const struct CMUnitTest t[] = {
        cmocka_unit_test(aligned_and_separate),
        cmocka_unit_test(big_allocations_and_reset),
        cmocka_unit_test(oversized_requests_are_refused),
        cmocka_unit_test(vectors_grow),
    };
    return cmocka_run_group_tests_name("base.arena", t, NULL, NULL);
}
