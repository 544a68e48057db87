/* train.h: what `train` was asked to do, between the verb that checks and queues it and the job
 * that does it. Both read the same arguments through train_plan_read, so whatever the job could
 * refuse about them the verb has refused before. Any thread. */
#pragma once
#include "app/app.h"
#include "engine/frame/split.h"
#include "engine/learn/learner.h"

struct train_plan {
    const char *data, *valid;     /* file or data set; valid NULL: a part of data */
    const char *target; /* NULL: the learner needs none */
    const char *task, *positive, *weight; /* NULL: not said */
    const char *const *drop;      /* NULL-terminated */
    const struct learner *learner; /* NULL: found out by comparing, see train_auto.c */
    const struct val *params;     /* bound against the learner's table: all, typed; without a
                                   * learner those of every classifier, as given */
    double holdout;               /* share measured on, when neither valid nor folds */
    int folds;                    /* 0: none */
    enum split_kind split;
    const char *time_column;      /* for SPLIT_TIME; NULL: row order */
    uint64_t seed;
    int threads;
    const char *metric;           /* what decides between algorithms; NULL: the task's usual one */
    double budget_s;              /* to compare algorithms in; 0: no limit */
    const char *experiment, *run_name, *model; /* the last two may be NULL */
    const struct val *args;       /* all of it */
};
/* args as bound by the verb's row. ERR_INVALID with the argument's name. Strings stay where
 * they are; lists and parameters are in the arena. */
int train_plan_read(struct arena *a, const struct val *args, struct train_plan *ret,
                    struct err *e);
/* "did you mean": whether name resembles what was asked for, and more than any before it.
 * *best starts as 0. */
bool train_resembles(const char *name, const char *asked, int *best);
const char *train_algorithm(const struct train_plan *p); /* "gbdt"; "auto" until it is known */
const char *train_split_name(enum split_kind k); /* "random", "stratified", "time" */
/* The arguments as a job gets them: data pinned to what they are now, so that a retry in another
 * process and folder reads the same; columns checked where they are known. */
struct str;
int train_payload(struct app *app, struct arena *a, const struct train_plan *p, struct str *out,
                  struct err *e);
