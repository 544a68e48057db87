/* drift.h: has a table changed against a reference, feature by feature and as a whole.
 *
 * Every feature is measured by a test of drifts.def and judged by a profile. A verdict always
 * carries what it rests on: method, rows, statistic, threshold, corrected p-value, effect.
 * "sound" (default): drifted = significant after Benjamini-Hochberg AND an effect of at least
 * the floor AND enough rows; significant but small is a state of its own, so is too few rows.
 * "seed": the classic thresholds of monitoring tools, uncorrected, kept for comparison; its end
 * bins are open, unlike the classic definition's, which loses values outside the range.
 * The table drifted when more than a share of the tested features did, and at least some. */
#pragma once
#include "engine/engine.h"
#include "engine/frame/frame.h"
#include "engine/stats/bins.h"
#include "engine/stats/two_sample.h"

enum drift_kind { DRIFT_NUMERIC = 1, DRIFT_CATEGORICAL = 2 };

/* What a test may look at. Numeric features have both samples, their merge and ten bins of
 * each kind; categorical ones have counts per level with rare levels pooled. */
struct drift_pair {
    enum drift_kind kind;
    struct sample ref, cur;
    struct two_sample merged;
    size_t k;                /* quantile bins, or levels */
    const double *p, *q;     /* k counts each */
    size_t width_k;          /* numeric: equal-width bins */
    const double *width_p, *width_q;
    double n_ref, n_cur;     /* values that are not missing */
};
struct drift_value {
    double statistic, p;     /* p NaN: a distance without one */
    double effect;           /* size in the test's own scale-free unit; NaN: none */
};
struct drift_test {
    const char *name, *title;
    unsigned kinds;
    void (*measure)(const struct drift_pair *pair, struct drift_value *ret);
    double threshold;        /* of the statistic, where there is no p-value */
    double effect_floor;     /* effects below do not matter; 0: no floor */
    const char *help;        /* with the source of the formula */
};
extern const struct drift_test drift_tests[]; /* name NULL ends */
const struct drift_test *drift_test_find(const char *name);

struct drift_profile {
    const char *name;
    const char *numeric, *categorical; /* tests */
    double alpha;
    bool corrected;          /* Benjamini-Hochberg over the features */
    bool floors;             /* effect floors apply */
    double psi;              /* PSI on equal-width bins that alone means drift; 0: unused */
    size_t min_rows;         /* of each side */
    double share;            /* the table drifted above this share of tested features … */
    size_t min_features;     /* … and at least so many */
};
extern const struct drift_profile drift_profiles[]; /* name NULL ends; the first is default */
const struct drift_profile *drift_profile_find(const char *name);

enum drift_state { DRIFT_OK, DRIFT_DRIFTED, DRIFT_NEGLIGIBLE, DRIFT_TOO_FEW, DRIFT_SKIPPED };
const char *drift_state_name(enum drift_state s); /* "ok" "drifted" "negligible" "too few rows" "not tested" */

struct drift_feature {
    const char *name;        /* the reference frame's */
    enum drift_kind kind;
    const struct drift_test *test; /* NULL: not tested */
    struct drift_value value;
    double p_adjusted;       /* p where nothing is corrected */
    double psi, js, wasserstein; /* W1 over the reference's interquartile range; NaN: n/a */
    double unseen;           /* share of current rows whose level the reference lacks */
    double missing_ref, missing_cur; /* shares */
    size_t n_ref, n_cur;     /* values that are not missing */
    enum drift_state state;
    char note[128];
};
struct drift_report {
    struct drift_feature *features;
    size_t n, tested, drifted;
    size_t rows_ref, rows_cur;
    double share;            /* drifted / tested */
    bool drift;              /* of the table */
};

/* Compares the reference's columns, in its order; `skip` (NULL-terminated, may be NULL) names
 * columns left out. Columns the current table lacks, or has with another kind, are reported as
 * not tested. Parallel over columns; results do not depend on threads. */
int drift_compare(const struct engine *en, const struct frame *ref, const struct frame *cur,
                  const struct drift_profile *profile, const char *const *skip,
                  struct drift_report *ret, struct err *e);
void drift_report_done(struct drift_report *r);
