/* search.h: who proposes the next trial of a sweep (samplers.def), and who ends one early
 * (pruners.def).
 *
 * Both are functions of what is known: the space, the trials so far in the order of their
 * numbers, the seed and the number of the trial. Nothing is kept between calls, so a sweep goes
 * on after a crash as if nothing had been, and a sequential one repeats itself. Trials under way
 * are part of what is known: samplers that learn keep away from them. Values are lower-is-better
 * here; whoever maximises negates. Any thread. */
#pragma once
#include "engine/search/space.h"

enum search_state { SEARCH_DONE, SEARCH_PRUNED, SEARCH_RUNNING };

struct search_trial {
    const double *u; /* space->n numbers, snapped */
    double value;    /* DONE: finite; PRUNED: at its last step, or NaN */
    enum search_state state;
    int64_t step; /* PRUNED: the last one */
};

struct search_past {
    const struct search_trial *trials; /* failed ones are left out */
    size_t n;
};

struct sampler {
    const char *name, *title;
    bool learns; /* looks at the past: more at once mean less known */
    /* How many different trials there are; NULL: no end. ERR_INVALID: not with this space. */
    int (*size)(const struct space *s, int64_t *ret, struct err *e);
    /* The point of trial `number`, counted from 0, into u. ERR_NOMEM. */
    int (*suggest)(const struct space *s, const struct search_past *past, uint64_t seed,
                   uint64_t number, double *u, struct err *e);
};
struct sampler_name {
    const char *name; /* in sweep files */
    const struct sampler *sampler;
};
extern const struct sampler_name samplers[]; /* name NULL ends; in the order of samplers.def */
const struct sampler *sampler_find(const char *name); /* NULL: unknown */

/* What trials report at steps (rounds, epochs), and what ends one. */
struct search_curve {
    const int64_t *step; /* ascending, from 1 */
    const double *value;
    size_t n;
};
struct pruner_options {
    int64_t min_iter, max_iter, s; /* 0: not said */
    double eta;
    bool strict;
    int64_t startup;          /* trials that end before any is judged */
    int64_t warmup, interval; /* steps */
};
struct pruner {
    const char *name;
    const char *const *keys; /* of early_terminate that it understands; NULL ends */
    int (*check)(const struct pruner_options *o, struct err *e);
    /* The first step after `step` at which it wants to look; 0: none any more. */
    int64_t (*next)(const struct pruner_options *o, int64_t step);
    /* Whether the trial whose curve is own ends at its last step. others: the curves of the
     * other comparable trials, running or ended; done: how many of them ran to their end. */
    bool (*stop)(const struct pruner_options *o, const struct search_curve *own,
                 const struct search_curve *others, size_t n, size_t done);
};
extern const struct pruner *const pruners[]; /* NULL ends */
const struct pruner *pruner_find(const char *name);
/* Value at the last step that is not after `step`; NaN: there is none. */
double curve_at(const struct search_curve *c, int64_t step);
/* The smallest value up to step; NaN: there is none. */
double curve_best(const struct search_curve *c, int64_t step);

/* Share of the variance of the values that each dimension explains alone: the variance of its
 * marginal mean over the space, in a random forest fitted to the trials that ended, by the
 * total variance of that forest (functional ANOVA, Hutter, Hoos and Leyton-Brown 2014, first
 * order, integrals by Monte Carlo). out: space->n numbers. ERR_STATE: fewer than 4 trials. */
struct engine;
int search_importance(const struct engine *en, const struct space *s,
                      const struct search_past *past, double *out, struct err *e);
/* Where nothing is continuous: whether a trial has this very point already. Else false. */
bool search_seen(const struct space *s, const struct search_past *past, const double *u);
