/* train_run.h: what the parts of a training job share: train_job.c and retrain_job.c compute,
 * train_publish.c keeps their run's rows. Private to them. One training a process at a time, on one thread. */
#pragma once
#include "app/ingest.h"
#include "app/job.h"
#include "app/registry.h"
#include "app/train.h"
#include "base/id.h"
#include "base/vec.h"
#include "engine/metric/metric.h"
#include "engine/model/model.h"
#include "store/run.h"

enum { TRAIN_METRICS_MAX = 64, TRAIN_CURVE_POINTS = 500 };
#define TRAIN_FLUSH_US (250 * 1000LL)

/* The loss per round on its way to the store: at most TRAIN_CURVE_POINTS of each curve, written
 * in batches a few times a second. What a busy store refuses waits for the next batch. */
struct train_curve {
    VEC(struct metric_point) points; /* not yet written */
    const char *metric, *train_key;  /* "log_loss", "train_log_loss" */
    int64_t last_step, flushed_us;
};

struct training {
    struct job_ctx *c;
    struct train_plan plan;
    struct engine en;
    char run_id[RUN_ID_LEN + 1];
    const char *run_name, *experiment_id;
    int64_t started_us;          /* monotonic */
    VEC(struct kv) params;
    size_t params_logged;        /* of them are in the store */
    struct train_curve curve;
    /* data */
    struct frame *train, *valid; /* valid NULL: folds */
    size_t rows;
    const char *fp_data;
    /* progress: the share of the job the running step makes up, what was shown of it (a model
     * may need several passes; it never goes back), and what the step is called */
    double from, to, shown;
    const char *step;            /* "" or "fold 2/5: " */
    bool draws_curve;
    /* outcome; by position in `metrics`, NaN: undefined */
    struct model *model;
    struct val *told; /* by the learner, of its fit */
    double fit_s;
    double measured[TRAIN_METRICS_MAX], deviation[TRAIN_METRICS_MAX], trained[TRAIN_METRICS_MAX];
    struct comparison *comparison; /* of algorithms; NULL: none was asked for */
    /* What becomes of the model, inside the publishing transaction; NULL: it is registered as
     * plan.model. */
    int (*settle)(struct training *t, struct registry_new *in, struct val *result, struct err *e);
    void *settle_arg;
    /* The trial of a sweep (sweep_trial.c), NULL elsewhere: rows of its own in the transaction
     * that makes the run, and in the one that ends it in place of registration and audit. */
    const struct train_trial *trial;
    int fold;       /* under way, from 1; 0: none */
    bool no_model;  /* the run is kept, the model is not */
    bool pruned;    /* stopped early: no metrics, and the run counts as KILLED */
};
struct train_trial {
    int (*begun)(struct training *t, struct err *e);
    int (*ended)(struct training *t, struct val *result, struct err *e);
};

/* The plan is there: engine, and the attempt's run. */
int train_begin(struct training *t, struct err *e);
/* Names the part of the job that follows, from and to as shares of it. */
void train_step(struct training *t, double from, double to, const char *what);
/* Reads and splits: fills in train, valid (NULL with folds), rows and fp_data. */
int train_load(struct training *t, struct err *e);
/* Means and deviations over the folds into measured and deviation. */
int train_cross_validate(struct training *t, struct err *e);
/* The engine's progress, passed on to the job and the curve; user: the training. */
void train_progress(void *user, const struct engine_progress *p);
int train_fit(struct training *t, const struct frame *train, const struct frame *valid,
              struct model **ret, struct err *e);
/* The column that decides which row goes where; NULL where none is needed. */
int train_split_column(const struct training *t, const struct frame *f, const struct column **ret,
                       struct err *e);
/* Mean and standard deviation (n-1) of every metric over the folds that define it. */
void train_summarise(double (*fold)[TRAIN_METRICS_MAX], int k, double *mean, double *deviation);
/* out: one value per row of `metrics`. */
int train_measure(struct training *t, const struct model *m, const struct frame *f, double *out,
                  struct err *e);
/* Frees all of it, whatever has been made. */
void train_done(struct training *t);

/* Makes the attempt's run, status RUNNING, with everything known before the data are read; an
 * earlier attempt's run that was left RUNNING becomes FAILED. One fenced transaction. */
int train_run_begin(struct training *t, struct err *e);
/* Adds to the curve; p->metric may be NULL. Never fails: news only. */
void train_curve_add(struct training *t, const struct engine_progress *p);
/* Model, metrics, tags, registration, audit and the job's end: one fenced transaction. */
int train_publish(struct training *t, struct val *result, struct err *e);
