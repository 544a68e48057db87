/* test_map.c: unit tests of base/map. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/map.h"

#include <stdio.h>

static void finds_what_was_added(void **state)
{
    (void)state;
    struct map *m = map_new();
    char key[32];
    for (int i = 0; i < 20000; i++) {
        int n = snprintf(key, sizeof key, "key-%d", i * 37);
        bool fresh;
        int64_t *v = map_at(m, key, (size_t)n, &fresh);
        assert_true(fresh);
        assert_int_equal(*v, 0);
        *v = i;
    }
    assert_int_equal(map_len(m), 20000);
    for (int i = 0; i < 20000; i++) {
        int n = snprintf(key, sizeof key, "key-%d", i * 37);
        const int64_t *v = map_find(m, key, (size_t)n);
        assert_non_null(v);
        assert_int_equal(*v, i);
        assert_string_equal(map_key(m, (size_t)i, NULL), key);
    }
    assert_null(map_find(m, "key-1", 5));
    bool fresh = true;
    map_at(m, "key-37", 6, &fresh);
    assert_false(fresh);
    map_free(m);
}

static void keys_are_bytes(void **state)
{
    (void)state;
    struct map *m = map_new();
    *map_at(m, "a\0b", 3, NULL) = 1;
    *map_at(m, "a", 1, NULL) = 2;
    *map_at(m, "", 0, NULL) = 3;
    assert_int_equal(*map_find(m, "a\0b", 3), 1);
    assert_int_equal(*map_find(m, "a", 1), 2);
    assert_int_equal(*map_find(m, "", 0), 3);
    size_t len;
    map_key(m, 0, &len);
    assert_int_equal(len, 3);
    map_free(m);
    map_free(NULL);
}

int main(void)
{
    const struct CMUnitTest t[] = { cmocka_unit_test(finds_what_was_added),
                                    cmocka_unit_test(keys_are_bytes) };
    return cmocka_run_group_tests_name("base.map", t, NULL, NULL);
}
