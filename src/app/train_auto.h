/* train_auto.h: the algorithms a training compares before it decides; train_auto.c compares,
 * train_auto_runs.c writes down. Private to training, on its thread. */
#pragma once
#include "app/reply.h"
#include "app/train_run.h"

struct auto_row {
    const char *name, *algorithm;
    unsigned tasks;
    size_t max_rows; /* 0: any number */
    int growth;
    const char *params;
};
extern const struct auto_row auto_rows[]; /* name NULL ends */

struct candidate {
    const struct auto_row *row;
    const struct learner *learner;
    const struct val *params;
    int folds; /* measured */
    double (*fold)[TRAIN_METRICS_MAX];
    double mean[TRAIN_METRICS_MAX], deviation[TRAIN_METRICS_MAX];
    double score, low, high; /* NaN: not measured, see note */
    double fit_s, row_us;    /* of a fold; of one row alone */
    size_t bytes;            /* as a file */
    const char *note;        /* why it was left out or cut short; NULL */
    const char *run_id;      /* once it is written down */
};

struct comparison {
    struct training *t;
    const struct metric *metric;
    struct frame *sample; /* NULL: all rows */
    size_t rows;          /* compared on */
    double used_s, share; /* seconds; rows measured for each row fitted on */
    struct candidate *c;
    size_t n;
    const struct candidate *best;
};

/* Compares, decides and sets the plan's learner and parameters; the data are read. */
int auto_compare(struct comparison *x, struct err *e);
void auto_done(struct comparison *x);
/* A run for every candidate, children of the training's; in its publishing transaction. */
int auto_write_runs(struct training *t, struct val *result, struct err *e);
/* Shows the candidates of the answer as its table. */
void auto_table(struct reply *r);
