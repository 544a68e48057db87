/* mode_priv.h: what the files of the modes share.
 *
 *   mode.c           a call's way through: asking an arm, the fallback chain, the answer
 *   mode_pick.c      modes where one arm answers: single, ab, canary, shadow
 *   mode_rows.c      modes that look at each row: rules, tiered
 *   mode_ensemble.c  several arms, one answer
 *   mode_shadow.c    asking others beside the answer; comparing two arms' answers
 *   mode_guard.c     breakers and hard limits: atomics, shared by all threads and all catalogs
 *                    of one rollout
 *   mode_tally.c     counters and evidence: a lock for each I/O thread, taken by nobody else
 *                    except for the moment in which they are read
 *   mode_state.c     what can be known of a route before the first call
 *
 * A leg is one arm to be asked for some rows, and who is asked after it when it fails. A flight
 * is a call on its way: one or more legs and what follows when they are through. A flight of
 * one leg begins on the stack of mode_run and moves to the heap when it has to wait. */
#pragma once
#include "serve/mode.h"

/* -- mode_tally.c ------------------------------------------------------------------------------ */

struct agreement { /* of an arm with the stable one, over the same rows */
    int64_t compared, agreed, confusion[4];
    double sum_abs_dp, max_abs_dp;
    struct hist abs_dp;
};
struct tally_add { /* one leg, for the counters */
    size_t rows, batch;
    bool error, cached, fallback, dropped;
    double seconds, model_us, queue_us;
    const struct agreement *agreement; /* NULL: none */
};
struct book;  /* the tallies of one name; lives through all its catalogs */
struct tally; /* of one version in one role of one rollout */
struct book *book_new(const char *model);
struct book *book_ref(struct book *b);
void book_unref(struct book *b); /* NULL is fine */
/* Found or made; referenced. Any thread. */
struct tally *book_tally(struct book *b, const char *role, int64_t version, const char *rollout);
void tally_unref(struct tally *t); /* NULL is fine */
/* Agreement of requests that are counted elsewhere. */
void tally_agree(struct tally *t, const struct serve_io *io, const struct agreement *a);
/* io NULL: the thread that scores shadows. */
void tally_count(struct tally *t, const struct serve_io *io, const struct tally_add *add);
void book_flush(struct book *b, struct arena *a, struct serving_sum **sums, size_t *n);
void book_counts(struct book *b, struct arena *a, struct serve_count **counts, size_t *n);

/* -- mode_guard.c ------------------------------------------------------------------------------ */

struct guard; /* breakers of the arms and the hard limits of a rollout */
struct guard *guard_new(const struct serve_route *r);
struct guard *guard_ref(struct guard *g);
void guard_unref(struct guard *g);
bool guard_fits(const struct guard *g, const struct serve_route *r); /* same rollout and arms */
bool guard_broken(const struct guard *g, size_t arm); /* its breaker is open */
/* May the arm be asked? *ret_probe: this request tries a broken arm again. */
bool guard_allow(struct guard *g, size_t arm, const struct rollout *r, int64_t now_us,
                 bool *ret_probe);
struct asked { /* what came of asking it */
    bool good, probe;
    int64_t now_us;
};
void guard_result(struct guard *g, size_t arm, const struct rollout *r, const struct asked *w);
/* Hard limits of a candidate, after each of its requests. */
void guard_candidate(struct guard *g, const struct rollout *r, bool good, double seconds);
void guard_trip(struct guard *g, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool guard_tripped(const struct guard *g);
const char *guard_reason(const struct guard *g); /* NULL while not tripped */

/* -- mode_state.c ------------------------------------------------------------------------------ */

#define MODE_NONE SIZE_MAX
struct mode_rule {
    size_t slot, arm;
    int op; /* index into the table of mode_rows.c; -1: can never match */
    const char *text;
    size_t n_text;
    double num; /* NaN: text */
};
struct mode_arm {
    struct tally *tally;
    const int32_t *align; /* its class i is class align[i] of the stable arm; NULL: the same */
    bool fits;            /* task and classes are those of the stable arm */
    bool fallback_only;
};
struct mode_state {
    struct arena arena;
    struct book *book;
    struct guard *guard;
    struct mode_arm *arms;
    size_t n_arms;
    uint64_t salt;
    size_t candidate;     /* canary: its arm; else MODE_NONE */
    bool ended;           /* the canary gets nothing any more */
    size_t fast, complex; /* tiered */
    struct mode_rule *rules; /* as many as the rollout has */
    const double *constant; /* one row in the stable arm's outputs; NULL: none */
    const char *problem;
    bool degraded;        /* the mode cannot be carried out: the stable arm answers */
};
/* p of an arm in the stable arm's order of classes. */
void mode_align(const struct serve_route *r, size_t arm, const double *p, size_t n, double *out);

/* -- mode.c ------------------------------------------------------------------------------------ */

struct flight;
struct leg {
    struct flight *f;
    const struct arm *arm;  /* being asked; in the end who answered */
    size_t index;           /* of arm in the route; MODE_NONE: a version that is no arm */
    size_t assigned;        /* index of the first one */
    uint32_t *pick;         /* rows of the call it is about; NULL: all; the leg's own */
    size_t n;               /* how many */
    struct rows sub;        /* the picked rows, made anew for each arm */
    double *p;              /* on the heap when the flight is */
    bool alone;             /* nobody else is asked when it fails */
    bool probe, cached, constant;
    bool uncounted;         /* other legs of the flight counted for it */
    bool refused;           /* the rows lack what any version needs: the caller's mistake */
    bool waits;             /* its ask is under way */
    uint64_t tried;         /* arms, as bits */
    const char *why;        /* of the first failure; NULL: none */
    int rc;                 /* 0: p holds the answer of arm */
    int64_t began_us, ended_us;
    double model_us, queue_us;
    size_t batch;
    struct ask ask;
};
typedef int leg_then(struct flight *f, struct leg *l);
struct flight {
    struct serve_io *io;
    struct predict_call *c;
    const struct serve_route *route;
    struct mode_state *state;
    int64_t began_us;
    bool heap, later;        /* not on the stack of mode_run; mode_run returns 1 */
    size_t n_legs, open;     /* legs there are; not through yet */
    struct leg *legs;
    struct leg one;
    leg_then *then;          /* a leg is through: goes on, in the end to flight_answer */
    double *p;               /* a combined answer; freed with the flight */
    const struct arm **row_arm; /* freed with the flight */
};
enum { LEG_MAX_ARMS = 64 };

/* These and what they end in: 0 the call is answered, 1 it will be. */
int leg_start(struct leg *l, size_t arm);   /* first arm of the leg */
int leg_resume(struct leg *l);              /* goes on with its next fallback, or is through */
int flight_answer(struct flight *f, const struct arm *arm, const char *role, const double *p);
int flight_answer_leg(struct flight *f, struct leg *l); /* as the leg has it, or its error */
int flight_fail(struct flight *f, int rc);              /* the error is in c->err */
/* The flight, moved to the heap if it was not there, with n legs; its first leg is kept. */
struct flight *flight_grow(struct flight *f, size_t n_legs);
size_t flight_rows(const struct flight *f);
size_t mode_outputs(const struct arm *arm);

typedef int mode_run_fn(struct flight *f);
mode_run_fn mode_run_single, mode_run_ab, mode_run_canary, mode_run_shadow, mode_run_rules,
    mode_run_tiered, mode_run_ensemble;
bool mode_combines(const char *combine, enum task task); /* mode_ensemble.c */
int mode_rule_op(const char *op);                        /* mode_rows.c; -1 */

/* -- mode_shadow.c ----------------------------------------------------------------------------- */

/* Some rows of all, as rows of their own: rows_done frees them. They point to all's text. */
int mode_some_rows(const struct rows *all, const uint32_t *pick, size_t n, struct rows *ret,
                   struct err *e);
/* Two answers over the same rows, each in the order of its own arm's classes. */
void mode_compare(const struct serve_route *r, size_t arm, const double *stable, const double *p,
                  size_t n, struct agreement *ret);
/* Asks the shadows of a call that the stable arm has just answered with p. */
void mode_mirror(struct flight *f, const double *p);
