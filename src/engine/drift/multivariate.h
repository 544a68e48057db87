/* multivariate.h: has the joint distribution of the features changed, also where every feature
 * alone looks as before.
 *
 * A test of multivariates.def sees the columns both tables have (numbers and categories; times
 * and free text tell any two tables apart and are left out) on rows taken evenly from each side,
 * so many that a verdict gets no better by more. It answers one figure with a 95 % interval and
 * the figure to be expected had nothing changed; p belongs to the difference of the two. The
 * verdict is drift.h's: drifted means significant and an effect of at least the test's floor.
 * Every choice comes from the engine's seed; results do not depend on threads. */
#pragma once
#include "engine/drift/drift.h"

#define MULTI_ROWS  10000   /* of each side at most */
#define MULTI_CELLS 2000000 /* rows times columns of each side at most, above MULTI_ROWS_MIN */
#define MULTI_ROWS_MIN 1000
#define MULTI_LEAST 50      /* rows of each side at least, whatever the profile says */
#define MULTI_LIST  10      /* features named in a result */

struct multi_rows {
    size_t d;
    const struct column **ref, **cur; /* d each, of the same kind; names are the reference's */
    uint32_t *rows_ref, *rows_cur;    /* ascending */
    size_t n_ref, n_cur;
};

struct multi_feature {
    const char *name;        /* the reference frame's */
    double share;            /* of what told the sides apart; all features sum to 1, or 0 */
};
struct multi_figure {
    double value, low, high;
    size_t n;                /* rows behind it */
};
struct multi_test;
struct multi_result {
    const struct multi_test *test;
    struct multi_figure figure;    /* NaN: not tested */
    struct multi_figure expected;  /* if nothing changed; low, high: where the figure lies then */
    double p, effect;
    enum drift_state state;
    size_t n_ref, n_cur;     /* rows used */
    struct multi_feature features[MULTI_LIST]; /* largest share first */
    size_t n_features;
    char note[128];
};
struct multi_test {
    const char *name, *title;
    const char *figure;      /* what it is called: "auc" */
    double effect_floor;
    /* Fills figure, expected, p and effect; shares: d values, zero before. */
    int (*measure)(const struct engine *en, const struct multi_rows *m, struct multi_result *ret,
                   double *shares, struct err *e);
    const char *help;
};
#define MULTI(id, title, figure, floor, help)                                                      \
    int measure_multi_##id(const struct engine *en, const struct multi_rows *m,                    \
                           struct multi_result *ret, double *shares, struct err *e);
#include "engine/drift/multivariates.def"
#undef MULTI
extern const struct multi_test multi_tests[]; /* name NULL ends; the first is default */
const struct multi_test *multi_test_find(const char *name);

/* Compares rows of two tables; `skip` as for drift_compare. Rows of `ref` must be rows: columns
 * sorted one by one have lost what is tested here. ERR_NOMEM, ERR_CANCELLED. */
int multi_compare(const struct engine *en, const struct multi_test *test, const struct frame *ref,
                  const struct frame *cur, const struct drift_profile *profile,
                  const char *const *skip, struct multi_result *ret, struct err *e);
/* 0, s, 2 s … or rather i n / k: k of n rows, evenly. */
void multi_even_rows(uint32_t *rows, size_t n, size_t k);
size_t multi_rows_wanted(size_t n, size_t d); /* how many of n rows of d columns are used */
