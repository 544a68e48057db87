/* sweep_plan.h: what a sweep was asked to do: the file in the form that W&B's sweeps have, read
 * and checked without looking at data, and how the point of a trial becomes a training.
 *
 * Keys of W&B that decide something mean here what they mean there; those that only say how its
 * agents start a program are passed over with a note. What W&B leaves to the program is under
 * the key `signalbox`, or given as options of the verb. Any thread. */
#pragma once
#include "base/val.h"
#include "engine/search/search.h"

enum { SWEEP_TRIALS_MAX = 100000, SWEEP_PARALLEL_MAX = 64 };

struct sweep_plan {
    const char *name, *method;
    const struct sampler *sampler;
    struct space space;
    const struct pruner *pruner; /* NULL: trials run to their end */
    struct pruner_options prune;
    const char *metric; /* "": log_loss, or rmse for numbers */
    bool maximise;
    double target;           /* value that is good enough; NaN: none */
    int64_t planned;         /* trials at most */
    const struct val *ours;  /* the object `signalbox`; NULL: none */
    const struct val *notes; /* list of texts: what was passed over */
};
/* doc: the document. run_cap: over the file's; 0: not given. ERR_INVALID, whose message begins
 * with the path of the key. Strings of doc are used, so it must live as long. */
int sweep_plan_read(struct arena *a, const struct val *doc, int64_t run_cap, struct sweep_plan *ret,
                    struct err *e);
/* Reads a file of YAML or, by its name, JSON, and the plan in it; messages name the line. */
int sweep_plan_file(struct arena *a, const char *path, int64_t run_cap, struct val **ret_doc,
                    struct sweep_plan *ret, struct err *e);

/* Puts the file and, where the text has it, the line of the key before a message that begins with
 * the path of a key. */
void sweep_where(const char *path, const char *text, struct err *e);

/* The arguments of a trial's training: base with the algorithm and parameters of params (by
 * path). "gbdt.learning_rate" is for trials of gbdt only; the last word of other paths is the
 * parameter's name. Parameters the trial's learner does not have are left out. */
struct val *sweep_trial_args(struct arena *a, const struct val *base, const struct val *params);
/* Whether every parameter is one of a learner that the sweep can choose, and whether trials all
 * over the space are trainings that could begin. */
int sweep_check(struct arena *a, const struct sweep_plan *p, const struct val *base, struct err *e);
