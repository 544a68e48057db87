/* test_pool.c: every task runs exactly once, on a thread of the pool, for many sizes of job. */
#include "enginetest.h"

#include <pthread.h>
#include <unistd.h>

struct job {
    atomic_int ran[5000];
    atomic_int wrong_thread;
    int size;
};

static void count(void *arg, size_t task, int thread)
{
    struct job *j = arg;

    atomic_fetch_add(&j->ran[task], 1);
    if (thread < 0 || thread >= j->size) atomic_store(&j->wrong_thread, 1);
}

static void test_every_task_once(void **state)
{
    static struct job j;
    static const size_t sizes[] = { 0, 1, 2, 3, 7, 64, 5000 };

    (void)state;
    for (int threads = 1; threads <= 5; threads++) {
        struct pool *p = pool_new(threads);
        assert_non_null(p);
        assert_int_equal(pool_size(p), threads);
        j.size = threads;
        for (int round = 0; round < 60; round++) {
            size_t n = sizes[(size_t)round % ARRAY_LEN(sizes)];
            for (size_t i = 0; i < ARRAY_LEN(j.ran); i++) atomic_store(&j.ran[i], 0);
            pool_run(p, n, count, &j);
            for (size_t i = 0; i < ARRAY_LEN(j.ran); i++)
                assert_int_equal(atomic_load(&j.ran[i]), i < n);
            if (round % 20 == 19) usleep(2000); /* let the workers fall asleep */
        }
        pool_free(p);
    }
    assert_int_equal(atomic_load(&j.wrong_thread), 0);
}

static void nap(void *arg, size_t task, int thread)
{
    (void)task;
    (void)thread;
    usleep(3000);
    atomic_fetch_add((atomic_int *)arg, 1);
}

/* The owner outlasts its spinning and sleeps until the last worker wakes it. */
static void test_owner_sleeps_until_done(void **state)
{
    atomic_int done = 0;
    struct pool *p = pool_new(3);

    (void)state;
    for (int i = 1; i <= 20; i++) {
        pool_run(p, 3, nap, &done);
        assert_int_equal(atomic_load(&done), 3 * i);
    }
    pool_free(p);
}

static void test_sizes(void **state)
{
    struct pool *p = pool_new(0);

    (void)state;
    assert_int_equal(pool_size(p), pool_cpus());
    assert_true(pool_cpus() >= 1);
    pool_free(p);
    pool_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_every_task_once),
        TEST(test_owner_sleeps_until_done),
        TEST(test_sizes),
    };
    return cmocka_run_group_tests_name("engine/pool", tests, NULL, NULL);
}
