/* vectors.h: the shared reference vectors as a value tree, for tests of engine/stats.
 * They lie in $SIGNALBOX_SHARED/vectors, or ../shared/vectors beside the source tree; a test
 * that needs them skips, saying so, where they are absent. */
#pragma once
#include "base/file.h"
#include "base/val.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h> /* needs the headers above */

/* NULL: absent. Text and tree live in the arena. */
static inline const struct val *vectors_load(struct arena *a, const char *name)
{
    const char *shared = getenv("SIGNALBOX_SHARED"), *src = getenv("top_srcdir");
    const char *path = shared
                           ? arena_printf(a, "%s/vectors/%s", shared, name)
                           : arena_printf(a, "%s/../shared/vectors/%s", src ? src : ".", name);
    if (!file_exists(path)) {
        printf("skipped: no reference vectors at %s\n", path);
        return NULL;
    }
    STR_AUTO text = STR_INIT;
    struct val *v = NULL;
    struct err e = ERR_INIT;
    if (file_read(path, 64u << 20, &text, &e) || val_parse_json(a, text.p, text.len, &v, &e))
        fail_msg("%s: %s", path, e.msg);
    return v;
}

/* A number of the vectors; "nan", "inf" and "-inf" stand for what JSON cannot say. */
static inline double vectors_num(const struct val *v)
{
    if (val_type(v) == VAL_STR) return strtod(val_as_str(v, "nan"), NULL);
    return val_as_real(v, NAN);
}

static inline void vectors_near(double got, double want, double atol, double rtol,
                                const char *what)
{
    if (isnan(want) && isnan(got)) return;
    if (isinf(want) && got == want) return;
    if (!(fabs(got - want) <= atol + rtol * fabs(want)))
        fail_msg("%s: got %.17g, expected %.17g (off by %.3g)", what, got, want, got - want);
}
