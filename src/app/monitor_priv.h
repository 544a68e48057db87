/* monitor_priv.h: what the parts of measuring share, and nobody else includes (its tests do).
 *
 * monitor_check.c goes through the dirty windows, monitor_measure.c puts a snapshot together
 * from the rows (monitor_rows.c), the reference (monitor_reference.c) and one part a file:
 * monitor_performance.c, monitor_drift.c, monitor_quality.c. A struct monitor serves one model
 * during one check, on one thread; the reference is read once for all its windows. */
#pragma once
#include "app/feature_pack.h"
#include "app/monitor.h"
#include "base/vec.h"
#include "engine/drift/multivariate.h"

/* Counts of one feature by which windows are compared and drawn. */
struct reference_bins {
    struct bins bins;         /* numeric: ten quantile bins of the reference */
    int32_t levels[BINS_MAX]; /* coded: codes of its most frequent levels; the rest is one more */
    size_t k;                 /* bins, or levels and the rest; 0: none */
    double count[BINS_MAX];
};

struct reference {
    const char *data;         /* data set or file; NULL: there is no reference */
    int64_t version;          /* in Production; 0: none */
    const char *task, *positive; /* of that version; NULL: unknown, told from the labels */
    const struct val *baseline;  /* metrics of its run, {} */
    struct frame *features;   /* NULL: no reference. Columns are sorted: rows mean nothing */
    struct frame *sample;     /* the same columns of whole rows, as they are, taken evenly */
    struct frame *scores;     /* one column, "prediction", of rows the model has not learned from;
                                 NULL: unknown */
    bool probable;            /* the scores are probabilities */
    size_t rows;              /* before sampling */
    struct reference_bins *feature_bins, *score_bins; /* one a column */
};

struct monitor {
    struct app *app;
    struct arena *a;
    const char *model;
    const struct val *settings;
    int64_t length_us, season_us; /* season 0: none */
    size_t min_rows, min_labels, max_rows;
    const struct drift_profile *profile;
    const struct multi_test *together; /* NULL: features are not tested together */
    struct engine en;
    struct reference ref;
};
int monitor_open(struct app *app, struct arena *a, const char *model, struct monitor *ret,
                 struct err *e);
void monitor_done(struct monitor *m);

/* max_rows: sampled evenly above that. Never fails for lack of a reference. */
int reference_load(struct monitor *m, struct reference *ret, struct err *e);
void reference_done(struct reference *r);
/* Frames, rows and probable from the workspace's cache, where they are kept for this key. */
bool reference_recall(const struct monitor *m, const char *key, struct reference *r);
void reference_remember(const struct monitor *m, const char *key, const struct reference *r);
int reference_bins_new(const struct frame *f, struct reference_bins **ret, struct err *e);
/* Counts of a column that has the reference's kind; 0 or -ERR_NOMEM. */
int reference_bins_count(const struct reference_bins *b, const struct column *ref,
                         const struct column *cur, size_t n_rows, double *counts, struct err *e);

/* ---- rows ------------------------------------------------------------------------------- */

struct monitor_row {
    int64_t at_us, label_us, version;
    double p, latency_ms;
    int32_t answer, label; /* codes in texts, -1: none. Equal meaning, equal code */
};
struct monitor_rows {
    VEC(struct monitor_row) row; /* in the order of events */
    size_t labels;
    struct dict *texts;
    struct feature_rows *packed; /* NULL: features were not asked for */
    struct frame *features;      /* of every stride-th row */
    size_t stride;
};
/* like NULL: without features. */
int monitor_rows_read(struct monitor *m, struct window w, const struct frame *like,
                      struct monitor_rows *ret, struct err *e);
void monitor_rows_done(struct monitor_rows *r);
/* Column "prediction" of what was answered: probabilities, else numbers, else classes.
 * *ret NULL: not comparable with the reference's scores. */
int monitor_scores(const struct monitor_rows *r, const struct reference *ref, struct frame **ret,
                   struct err *e);

/* ---- parts of a snapshot ---------------------------------------------------------------- */

struct measurement {
    struct monitor *m;
    struct window w;
    struct monitor_rows rows, before; /* before: the window before, without features */
    struct val *data;
    struct arena *a;
};
/* All of it into ms->data; m, w and a are given. */
int measurement_make(struct measurement *ms, struct err *e);
void measurement_done(struct measurement *ms);
int measure_performance(struct measurement *ms, struct err *e); /* and estimated, concept */
int measure_drift(struct measurement *ms, struct err *e);       /* and prediction_drift */
int measure_quality(struct measurement *ms, struct err *e);

/* A number, or null where it is not finite. */
void monitor_set_real(struct val *o, const char *key, double v);
void monitor_set_time(struct val *o, const char *key, int64_t us); /* 0: null */
