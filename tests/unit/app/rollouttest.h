/* rollouttest.h: a workspace with a model "fraud" of some versions, the first in Production, and
 * what daemons would have counted, for the tests of rollouts. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "desk.h"
#include "app/registry.h"
#include "app/rollout.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/audit.h"
#include "store/blob.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SECOND 1000000LL
#define T0     (1700000000 * SECOND)

struct fixture {
    char dir[64];
    struct clock clock;
    struct app app;
    struct arena a;
    struct err e;
};

static inline int setup(void **state)
{
    struct fixture *f = mem_zalloc(1, sizeof *f);
    desk_open(&f->app, f->dir, &f->clock, T0);
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    desk_close(&f->app);
    arena_done(&f->a);
    free(f);
    return 0;
}

static inline void ok(struct fixture *f, int rc)
{
    if (rc) fail_msg("%d %s", rc, f->e.msg);
}

/* Versions 1 to n of "fraud", the first in Production. */
static inline void versions(struct fixture *f, int n)
{
    struct registry_done done;
    struct registry_moved moved;
    for (int i = 1; i <= n; i++) {
        char *digest = arena_alloc(&f->a, 65);
        const char *bytes = arena_printf(&f->a, "model %d", i);
        ok(f, blob_put(f->app.store, bytes, strlen(bytes), digest, &f->e));
        struct registry_new in = { .name = "fraud",
                                   .digest = digest,
                                   .algorithm = "gbdt",
                                   .task = "binary",
                                   .fp_signature = "s",
                                   .fp_architecture = "a",
                                   .fp_data = arena_printf(&f->a, "d%d", i),
                                   .fp_params = "p" };
        ok(f, store_begin(f->app.store, &f->e));
        ok(f, registry_register(&f->app, &f->a, &in, &done, &f->e));
        ok(f, store_commit(f->app.store, &f->e));
    }
    ok(f, registry_promote(&f->app, &f->a, "fraud", 1, "Production", "first", &moved, &f->e));
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

static inline void tick(struct fixture *f, int64_t seconds)
{
    f->clock.fixed_us += seconds * SECOND;
}

/* What a daemon adds for an arm in the bucket of now; each request takes ms. */
static inline void served(struct fixture *f, const struct rollout *r, size_t arm, int64_t requests,
                          int64_t errors, double ms)
{
    struct serving_sum d = { .model = r->model,
                             .role = r->arms[arm].role,
                             .rollout_id = r->id,
                             .version = r->arms[arm].version,
                             .from_us = f->clock.fixed_us,
                             .requests = requests,
                             .rows = requests,
                             .errors = errors };
    for (int64_t i = 0; i < requests; i++)
        hist_add(&d.seconds, ms / 1000 * (1 + (double)(i % 10) / 10));
    ok(f, store_begin(f->app.store, &f->e));
    ok(f, serving_add(f->app.store, &d, &f->e));
    ok(f, store_commit(f->app.store, &f->e));
}

/* A verb's reply; lives in the fixture's arena. The exit status must be that of `kind`. */
static inline const struct val *call(struct fixture *f, int kind, const char *verb,
                                     const char *arguments)
{
    struct reply r;
    struct val *in;
    reply_init(&r);
    err_clear(&f->e);
    ok(f, val_parse_json(&f->a, arguments, strlen(arguments), &in, &f->e));
    int rc = verb_call(&f->app, verb_find(verb), in, &r, &f->e);
    if (rc != -kind) fail_msg("%s %s: %d %s", verb, arguments, rc, f->e.msg);
    const struct val *v = r.v ? val_copy(&f->a, r.v) : NULL;
    reply_done(&r);
    return v;
}
