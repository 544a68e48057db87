/* mode.h: inside serve_predict: which arms of a route are asked, and what becomes of their
 * answers. A mode is a function in mode.c's table (rows: app/modes.def); what all share
 * (deadlines, breaker, fallback chain, shadow, counters) is here once.
 *
 * A call passes through:  choose arm --> ask --> good? --yes--> finish
 *                                         ^        | error, breaker, late
 *                                         '- next of the fallback chain, in the end the constant
 * The deadline holds for the caller whatever the model does: a model that is cheap is scored
 * on the I/O thread; one that is not, or whose arm has a timeout, runs on a worker, and when
 * the time is up the caller gets the next answer while the late one is thrown away. */
#pragma once
#include "serve/serve.h"

struct ask;
/* One version asked for rows of a call (all of them, or a part). p: rows * outputs, the ask's
 * own memory. Mode code owns the ask; once done was called nobody else touches it or its p any
 * more (a worker that is still busy writes to memory of its own), so it may be freed there. */
typedef void ask_done(struct ask *k, int rc, const struct err *e);
struct ask {
    struct serve_io *io;
    const struct serve_route *route;
    const struct arm *arm;
    const struct rows *rows;
    double *p;
    int64_t deadline_us;
    double model_us, queue_us; /* set before done */
    size_t batch;    /* rows of the batch it ran in, set on the first ask of each batch, else 0 */
    ask_done *done;
    void *user;
    void *impl;
};

/* -- provided by score.c ---------------------------------------------------------------------- */
/* Scores here and now: fills p; no malloc. ERR_INVALID: the rows lack a column of this model. */
int score_now(const struct arm *arm, const struct rows *rows, double *p, double *ret_model_us,
              struct err *e);
/* Puts the rows into the arm's batch queue; done is called on io's thread, at the latest shortly
 * after the deadline (ERR_TIMEOUT; the worker's late result is dropped). ERR_BUSY: queue full.
 * Never calls done before it returned, nor at all when it failed. Takes what it needs of the
 * rows: they may be cleared as soon as it returned. Until done returned it holds a reference to
 * the catalog of k->route (which is not always the newest one: a fallback is asked later). */
int score_later(struct ask *k, struct err *e);

/* -- provided by aside.c ---------------------------------------------------------------------- */
/* Whether n shadows may be asked about so many rows now, which are then taken as asked; false: more
 * than serve.shadow_rows a second, and counted as n questions that were not asked. On io's thread,
 * while a call is being answered. */
bool aside_may(struct serve_io *io, size_t rows, size_t n);
/* Has the rows scored by another arm beside the answer, on a thread that runs when nobody else
 * wants the processor, and calls mode_mirrored there. stable: what the stable arm answered.
 * Takes what it needs. ERR_BUSY: no room; ERR_INVALID: the rows lack a column of this model. */
int score_aside(struct serve_io *io, const struct serve_route *r, size_t arm,
                const struct rows *rows, const double *stable, struct err *e);

/* -- provided by serve.c ---------------------------------------------------------------------- */
/* Room for n doubles, for a call that is answered at once: valid until the next call of
 * serve_predict or of this on the thread. */
double *serve_io_room(struct serve_io *io, size_t n);
/* The cache's answer of an arm for all these rows into p; false: none, or no cache. */
bool serve_io_cached(struct serve_io *io, const struct arm *arm, const struct rows *rows,
                     double *p);
void serve_io_cache(struct serve_io *io, const struct arm *arm, const struct rows *rows,
                    const double *p);
/* For a call for which mode_run returned 1: it has its answer (rc, err, arm, p … are set). Does
 * what serve_predict does after an answer at once (log, …), then calls done. */
void serve_answer(struct serve_io *io, struct predict_call *c);

/* -- provided by mode.c ----------------------------------------------------------------------- */
/* Answers the call or arranges that it will be. As serve_predict: 0 answered, 1 later. The call's
 * deadline is set. serve_predict copies the rows of a call for which 1 was returned and lets
 * c->rows point to the copy until done; a mode reads c->rows anew each time it needs them. */
int mode_run(struct serve_io *io, struct predict_call *c);
struct aside { /* what came of score_aside; its catalog is alive */
    const struct serve_route *route;
    size_t arm, n;
    const double *stable, *p; /* n rows of the stable arm's outputs, and of the arm's */
    double model_us, queue_us;
    bool late; /* nobody had time for it; no p */
};
void mode_mirrored(const struct aside *a); /* thread of aside.c */
/* State shared by the threads for one route; taken over from `before`, the state of the route
 * of the same name in the catalog before it (NULL: none), where the rollout is the same: call
 * it once the route's arms and rollout stand, and store it in r->state. Any one thread. */
void *mode_state_new(const struct serve_route *r, void *before);
void mode_state_free(void *state); /* with its route, when no call uses it; NULL is fine */
/* What of the rollout cannot be carried out with these models ("vote" over numbers, arms that
 * answer other classes, …): text for serve_problems; the stable version answers instead. NULL:
 * all can. */
const char *mode_problem(const struct serve_route *r);
/* Evidence since the last call, for the flush to the store; main thread. Appends one serving_sum
 * per version and role that has some; from_us and to_us are left to the caller. *sums is grown
 * in the arena. */
void mode_flush(struct serve *s, struct arena *a, struct serving_sum **sums, size_t *n);
/* The counters of a route's arms since the process began, appended as mode_flush does; any
 * thread that holds the catalog. */
void mode_counts(const struct serve_route *r, struct arena *a, struct serve_count **counts,
                 size_t *n);
/* Hard limits: a canary that trips one gets no further request from this moment on, on all
 * threads; the reason is for the audit log. NULL: none tripped. Main thread. */
const char *mode_tripped(const struct serve_route *r);
/* Is the arm's breaker open? Any thread. */
bool mode_broken(const struct serve_route *r, const struct arm *arm);
