/* enginetest.h: what the engine's tests share: an engine on a small pool, short ways to build
 * frames, and comparison with a tolerance that prints both values. */
#pragma once
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/frame/frame.h"
#include "engine/pool.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* needs the headers above */

#define TEST(fn) cmocka_unit_test(fn)

/* Fails with the message of e unless r is 0. */
static inline void check_ok(int r, const struct err *e)
{
    if (r != 0) fail_msg("unexpected error %d: %s (%s)", r, e->msg, e->hint);
}

/* Fails unless r is -kind and the message contains text. */
static inline void check_err(int r, enum err_kind kind, const struct err *e, const char *text)
{
    if (r != -(int)kind) fail_msg("got %d (%s), expected %s", r, e->msg, err_code(kind));
    if (!strstr(e->msg, text)) fail_msg("\"%s\" does not contain \"%s\"", e->msg, text);
}

static inline void check_near(double got, double want, double atol, double rtol, const char *what)
{
    if (isnan(want) && isnan(got)) return;
    if (!(fabs(got - want) <= atol + rtol * fabs(want)))
        fail_msg("%s: got %.17g, expected %.17g (off by %.3g)", what, got, want, got - want);
}

static inline double *add_num(struct frame *f, const char *name, enum col_type type, size_t n)
{
    struct column *c;
    struct err e = ERR_INIT;

    check_ok(frame_add(f, name, type, n, &c, &e), &e);
    return c->num;
}

static inline void put_nums(struct frame *f, const char *name, enum col_type type, const double *v,
                            size_t n)
{
    memcpy(add_num(f, name, type, n), v, n * sizeof *v);
}

/* Texts; NULL is a missing value. */
static inline void put_texts(struct frame *f, const char *name, enum col_type type,
                             const char *const *v, size_t n)
{
    struct column *c;
    struct err e = ERR_INIT;

    check_ok(frame_add(f, name, type, n, &c, &e), &e);
    for (size_t i = 0; i < n; i++) c->code[i] = v[i] ? dict_add(c->dict, v[i], strlen(v[i])) : -1;
}
