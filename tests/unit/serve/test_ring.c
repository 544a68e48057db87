/* test_ring.c: records between two threads: none lost, none changed, order kept, full said. */
#include "serve/ring.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { RECORDS = 200000 };

struct number {
    uint64_t i, n; /* n bytes follow, each of the value i */
};

static size_t bytes_of(uint64_t i)
{
    return (size_t)(i * 2654435761u >> 7) % 300;
}

static bool put(struct ring *r, uint64_t i)
{
    struct number *x = ring_begin(r, sizeof *x + bytes_of(i));

    if (!x) return false;
    *x = (struct number){ i, bytes_of(i) };
    memset(x + 1, (int)(i & 0xff), x->n);
    ring_commit(r);
    return true;
}

static bool is(const struct number *x, uint64_t i)
{
    const unsigned char *b = (const unsigned char *)(x + 1);

    if (!x || x->i != i || x->n != bytes_of(i)) return false;
    for (size_t k = 0; k < x->n; k++)
        if (b[k] != (i & 0xff)) return false;
    return true;
}

static void *producer(void *arg)
{
    for (uint64_t i = 0; i < RECORDS; i++)
        while (!put(arg, i)) sched_yield();
    return NULL;
}

static void two_threads(void **state)
{
    struct ring *r = ring_new(1);
    pthread_t t;
    uint64_t next = 0, wrong = 0;

    (void)state;
    assert_int_equal(ring_size(r), 4096);
    assert_int_equal(pthread_create(&t, NULL, producer, r), 0);
    while (next < RECORDS) {
        const struct number *x = ring_read(r);
        if (!x) {
            ring_release(r);
            sched_yield();
            continue;
        }
        wrong += !is(x, next++);
        if (next % 3 == 0) ring_release(r);
    }
    pthread_join(t, NULL);
    ring_release(r);
    assert_true(ring_empty(r));
    assert_int_equal(wrong, 0);
    ring_free(r);
}

static void read_again(void **state)
{
    struct ring *r = ring_new(4096);
    uint64_t n = 0;

    (void)state;
    while (put(r, n)) n++;
    assert_true(n > 10);
    for (int round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < n; i++) assert_true(is(ring_read(r), i));
        assert_null(ring_read(r));
        assert_false(put(r, n)); /* what was read still has its place */
        ring_rewind(r);
    }
    for (uint64_t i = 0; i < n; i++) assert_true(is(ring_read(r), i));
    ring_release(r);
    assert_true(ring_empty(r));
    assert_true(put(r, n));
    assert_true(is(ring_read(r), n));
    ring_free(r);
}

static void too_large(void **state)
{
    struct ring *r = ring_new(5000);

    (void)state;
    assert_int_equal(ring_size(r), 8192);
    assert_null(ring_begin(r, 4096));
    assert_null(ring_begin(r, SIZE_MAX - 8));
    assert_non_null(ring_begin(r, 4096 - 8));
    assert_null(ring_read(r)); /* begun is not there yet */
    ring_commit(r);
    assert_non_null(ring_read(r));
    ring_free(r);
}

int main(void)
{
    const struct CMUnitTest t[] = { cmocka_unit_test(two_threads), cmocka_unit_test(read_again),
                                    cmocka_unit_test(too_large) };

    return cmocka_run_group_tests_name("serve.ring", t, NULL, NULL);
}
