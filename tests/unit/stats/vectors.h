/* vectors.h: the shared reference vectors as a value tree, for tests of engine/stats.
 * They lie in $SIGNALBOX_SHARED/vectors, or ../shared/vectors beside the source tree; a test
 * that needs them skips, saying so, where they are absent. Every comparison with a vector is
 * counted under its quantity (vectors_case); vectors_report prints the counts and the worst
 * errors of a test program as lines that make vectors gathers in one table. */
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

/* How one quantity of the vectors compared so far. */
struct vectors_tally {
    const char *quantity; /* a literal */
    size_t cases;
    double relative;  /* worst |got - want| / |want| where want is not 0 */
    double tolerance; /* worst |got - want| as a share of what is allowed */
};
enum { VECTORS_QUANTITIES = 64 };
static struct vectors_tally vectors_tallies[VECTORS_QUANTITIES];

static inline struct vectors_tally *vectors_tally(const char *quantity)
{
    for (size_t i = 0; i < VECTORS_QUANTITIES; i++) {
        struct vectors_tally *t = &vectors_tallies[i];
        if (!t->quantity) t->quantity = quantity;
        if (str_eq(t->quantity, quantity)) return t;
    }
    fail_msg("more than %d quantities", VECTORS_QUANTITIES);
    return NULL;
}

/* Compares like vectors_near and counts the case under `quantity`. */
static inline void vectors_case(const char *quantity, double got, double want, double atol,
                                double rtol, const char *what)
{
    struct vectors_tally *t = vectors_tally(quantity);
    STR_AUTO text = STR_INIT;

    str_addf(&text, "%s, %s", quantity, what);
    vectors_near(got, want, atol, rtol, str_c(&text));
    t->cases++;
    if (!isfinite(want) || got == want) return;
    double off = fabs(got - want);
    if (want != 0) t->relative = fmax(t->relative, off / fabs(want));
    t->tolerance = fmax(t->tolerance, off / (atol + rtol * fabs(want)));
}

/* For the end of main: prints one line a quantity and hands the exit status through. */
static inline int vectors_report(const char *file, int status)
{
    for (size_t i = 0; i < VECTORS_QUANTITIES && vectors_tallies[i].quantity; i++) {
        const struct vectors_tally *t = &vectors_tallies[i];
        printf("vector %-14s %-26s %6zu %10.1e %9.1e\n", file, t->quantity, t->cases, t->relative,
               t->tolerance);
    }
    return status;
}
