/* desk.h: where a verb is tested: an app with a store in a folder of its own, a clock that stands
 * still, and an administrator at work. */
#pragma once
#include "app/app.h"
#include "base/clock.h"
#include "base/file.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* dir gets the folder's name; app points to it and to the clock. */
static inline void desk_open(struct app *app, char dir[64], struct clock *clock, int64_t now_us)
{
    static const struct ports none;
    struct err e = ERR_INIT;

    /* memory where there is some: a store waits for its disk at every commit */
    strcpy(dir, access("/dev/shm", W_OK) ? "/tmp/test_app.XXXXXX" : "/dev/shm/test_app.XXXXXX");
    assert_non_null(mkdtemp(dir));
    *clock = clock_fixed(now_us);
    *app = (struct app){ .dir = dir,
                         .clock = clock,
                         .actor = "kim",
                         .role = "admin",
                         .ports = &none,
                         .threads = 1 };
    if (store_open(&app->store, dir, STORE_CREATE, clock, &e)) fail_msg("%s", e.msg);
}

static inline void desk_close(struct app *app)
{
    store_close(app->store);
    assert_int_equal(file_remove_tree(app->dir, NULL), 0);
}
