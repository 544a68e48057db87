/* storetest.h: a workspace in a temporary folder for the tests of src/store, with a clock the
 * test moves, on the driver whose turn it is. STORE_GROUPS runs a list of tests once for every
 * row of drivers.def, so the aggregates' tests are a contract every driver keeps. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/store_priv.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define T0 (1700000000LL * 1000000) /* where the clocks of tests begin */

/* A clock in memory that forked processes share. */
struct test_clock {
    struct clock clock; /* first: what the store sees */
    _Atomic int64_t now;
};

struct fx {
    char dir[64];
    struct test_clock *clock;
    struct store *s;
    struct arena a;
    struct err e;
    struct db_fault fault;
};

static const char *fx_driver = "sqlite";

/* A call that must succeed; the error's text is shown otherwise. */
#define OK(call)                                                                                   \
    do {                                                                                           \
        int ok_r_ = (call);                                                                        \
        if (ok_r_ < 0) fail_msg("%s: %d %s", #call, ok_r_, f->e.msg);                              \
    } while (0)
/* A call that must fail with this kind. */
#define FAILS(kind_, call)                                                                         \
    do {                                                                                           \
        err_clear(&f->e);                                                                          \
        int fails_r_ = (call);                                                                     \
        if (fails_r_ != -ERR_##kind_) fail_msg("%s: %d %s", #call, fails_r_, f->e.msg);            \
        assert_int_equal(f->e.kind, ERR_##kind_);                                                  \
        assert_true(strlen(f->e.msg) > 0);                                                         \
    } while (0)

static int64_t test_now(const struct clock *c)
{
    return ((const struct test_clock *)(const void *)c)->now;
}

static inline void fx_tick(struct fx *f, int64_t us)
{
    f->clock->now += us;
}

static inline void fx_open(struct fx *f)
{
    struct store_driver on = { .driver = fx_driver, .fault = &f->fault };
    OK(store_open_on(&f->s, f->dir, STORE_CREATE, &f->clock->clock, &on, &f->e));
}

static inline void fx_reopen(struct fx *f)
{
    store_close(f->s);
    f->s = NULL;
    fx_open(f);
}

static inline struct fx *fx_new(void)
{
    struct fx *f = mem_zalloc(1, sizeof *f);
    /* memory where there is some: fsync is not what is tested, and many tests commit a lot */
    const char *tmp = getenv("TMPDIR");
    if (!tmp && access("/dev/shm", W_OK) == 0) tmp = "/dev/shm";
    snprintf(f->dir, sizeof f->dir, "%.40s/sbxstore.XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(f->dir));
    f->clock =
        mmap(NULL, sizeof *f->clock, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(f->clock != MAP_FAILED);
    f->clock->clock.now_us = test_now;
    f->clock->now = T0;
    return f;
}

static inline int fx_setup(void **state)
{
    struct fx *f = fx_new();
    fx_open(f);
    *state = f;
    return 0;
}

/* The same without an open store, for tests that fork before they open. */
static inline int fx_setup_closed(void **state)
{
    *state = fx_new();
    return 0;
}

static inline int fx_teardown(void **state)
{
    struct fx *f = *state;
    f->fault.call = 0;
    store_close(f->s);
    arena_done(&f->a);
    munmap(f->clock, sizeof *f->clock);
    int r = file_remove_tree(f->dir, NULL);
    free(f);
    return r;
}

#define STORE_TEST(fn)        cmocka_unit_test_setup_teardown(fn, fx_setup, fx_teardown)
#define STORE_TEST_CLOSED(fn) cmocka_unit_test_setup_teardown(fn, fx_setup_closed, fx_teardown)

/* Every test on every driver; the number of failures. */
static inline int store_groups(const char *name, const struct CMUnitTest *tests, size_t n)
{
    int failed = 0;
    for (size_t i = 0; db_drivers[i]; i++) {
        fx_driver = db_drivers[i]->name;
        failed += _cmocka_run_group_tests(name, tests, n, NULL, NULL);
    }
    return failed;
}
#define STORE_GROUPS(name, tests) store_groups(name, tests, ARRAY_LEN(tests))

/* One integer from the database, for looking behind the functions. */
static inline int64_t fx_number(struct fx *f, const char *sql)
{
    int64_t n = -1;
    OK(db_number(f->s->db, sql, DB_NOARGS, 0, &n, &f->e));
    return n;
}
