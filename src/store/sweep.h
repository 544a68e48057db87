/* sweep.h: sweeps and their trials.
 *
 *   sweep:  running --> finished           all trials that were planned have ended
 *             '--> stopping --> stopped    no more trials are made; those under way go on
 *             '--> cancelling -> cancelled likewise, and those under way are told to end
 *           (stopping with an error: failed); stopped, cancelled, failed --resume--> running
 *   trial:  waiting --> running --> complete | pruned | failed | cancelled
 *
 * A trial is known by its sweep and number, whatever becomes of the processes that work on it;
 * it has one job, whose fence decides who may end it. Its parameters are chosen when its job
 * begins and stay the same in every attempt. Which state follows when is the business of
 * app/sweep_flow.c. */
#pragma once
#include "store/store.h"
#include <stdint.h>

struct sweep_counts {
    int64_t trials, waiting, running, complete, pruned, failed, cancelled;
};
struct sweep {
    const char *id, *name, *state, *actor;
    const char *spec;            /* JSON: the sweep file as it was read */
    const char *args;            /* JSON: arguments of a training that all trials share */
    const char *method, *metric; /* metric "": not known before a trial has ended */
    bool maximise;
    int64_t seed, parallel;
    int64_t planned;   /* how many trials at most */
    const char *error; /* NULL: none */
    int64_t created_us, finished_us;
    struct sweep_counts n;
};
struct trial {
    const char *sweep_id;
    int64_t number; /* from 0 */
    const char *state, *job_id;
    const char *params;                     /* JSON object by path; NULL: not chosen yet */
    const char *unit;                       /* JSON list: the same as a point of the unit cube */
    const char *algorithm, *run_id, *error; /* NULL: none */
    double value;                           /* of the metric; NaN: none */
    int64_t step;                           /* the last one that was reported */
    int64_t created_us, started_us, finished_us;
};

/* In: name, spec, args, method, metric, maximise, seed, parallel, planned, actor. State running. */
int store_sweep_add(struct store *s, const struct sweep *w, char ret_id[27], struct err *e);
/* Id or the unique beginning of one; ERR_NOTFOUND, ERR_CONFLICT. */
int store_sweep_get(struct store *s, struct arena *a, const char *id, struct sweep *ret,
                    struct err *e);
int store_sweep_list(struct store *s, struct arena *a, int64_t limit, struct sweep **ret,
                     size_t *ret_n, struct err *e); /* newest first */
/* An ended state sets the time of the end, another clears it. error NULL: none. */
int store_sweep_set_state(struct store *s, const char *id, const char *state, const char *error,
                          struct err *e);
int store_sweep_set_metric(struct store *s, const char *id, const char *metric, bool maximise,
                           struct err *e);
int store_sweep_set_planned(struct store *s, const char *id, int64_t planned, struct err *e);

/* A trial in state waiting. ERR_EXISTS: there is one of that number. */
int store_trial_add(struct store *s, const char *sweep_id, int64_t number, const char *job_id,
                    struct err *e);
int store_trial_by_job(struct store *s, struct arena *a, const char *job_id, struct trial *ret,
                       struct err *e); /* ERR_NOTFOUND */
int store_trial_list(struct store *s, struct arena *a, const char *sweep_id, struct trial **ret,
                     size_t *ret_n, struct err *e); /* by number */
/* In: sweep_id, number, params, unit, algorithm, run_id: state running, without value. */
int store_trial_begin(struct store *s, const struct trial *t, struct err *e);
/* Back to waiting: its job was put back in the queue. */
int store_trial_again(struct store *s, const char *sweep_id, int64_t number, struct err *e);
/* In: sweep_id, number, state, value, error. */
int store_trial_end(struct store *s, const struct trial *t, struct err *e);

/* What a running trial reports for early termination. The same step again replaces. */
struct trial_step {
    int64_t number, step;
    double value;
};
int store_trial_report(struct store *s, const char *sweep_id, const struct trial_step *p,
                       struct err *e);
/* Of all trials of the algorithm, by number and step. */
int store_trial_steps(struct store *s, struct arena *a, const char *sweep_id, const char *algorithm,
                      struct trial_step **ret, size_t *ret_n, struct err *e);
