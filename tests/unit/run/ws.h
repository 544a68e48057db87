/* ws.h: a workspace in a temporary folder, for the tests of run/. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include "store/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bench_ws {
    char dir[64];
    struct store *store;
};

static inline void ws_open(struct bench_ws *w)
{
    snprintf(w->dir, sizeof w->dir, "%s/sbxrun.XXXXXX", getenv("TMPDIR") ? "." : "/tmp");
    assert_non_null(mkdtemp(w->dir));
    assert_int_equal(store_open(&w->store, w->dir, STORE_CREATE, &clock_system, NULL), 0);
}

static inline void ws_close(struct bench_ws *w)
{
    store_close(w->store);
    assert_int_equal(file_remove_tree(w->dir, NULL), 0);
}

static inline void ws_add_job(struct bench_ws *w, const char *payload, int max_attempts,
                              char ret_id[27])
{
    struct job j = { .kind = "test",
                     .payload = payload,
                     .actor = "tester",
                     .priority = 100,
                     .max_attempts = max_attempts };
    bool duplicate;

    assert_int_equal(store_job_add(w->store, &j, ret_id, &duplicate, NULL), 0);
}
