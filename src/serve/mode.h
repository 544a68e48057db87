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
/* One version asked for all rows of a call. p: rows * outputs, the ask's own memory. */
typedef void ask_done(struct ask *k, int rc, const struct err *e);
struct ask {
    struct serve_io *io;
    const struct serve_route *route;
    const struct arm *arm;
    const struct rows *rows;
    double *p;
    int64_t deadline_us;
    double model_us, queue_us;
    bool low;        /* shadow: runs after everything else, dropped when the queue is full */
    ask_done *done;
    void *user;
    void *impl;
};

/* -- provided by score.c ---------------------------------------------------------------------- */
/* Scores here and now: fills p; no malloc but for what p needs. */
int score_now(const struct arm *arm, const struct rows *rows, double *p, double *ret_model_us,
              struct err *e);
/* Puts the rows into the arm's batch queue; done is called on io's thread, at the latest shortly
 * after the deadline (ERR_TIMEOUT; the worker's late result is dropped). ERR_BUSY: queue full. */
int score_later(struct ask *k, struct err *e);

/* -- provided by mode.c ----------------------------------------------------------------------- */
/* Answers the call or arranges that it will be. As serve_predict. */
int mode_run(struct serve_io *io, struct predict_call *c);
/* State shared by the threads for one route; taken over from the route of the same name in the
 * catalog before it where the rollout is the same. */
void *mode_state_new(const struct serve_route *r, void *before);
void mode_state_free(void *state);
/* Evidence and breakers since the last call, for the flush to the store; main thread. Appends
 * one serving_sum per arm. */
void mode_flush(struct serve *s, struct arena *a, struct serving_sum **sums, size_t *n);
/* Hard limits: a canary that trips one gets no further request from this moment on, on all
 * threads; the reason is for the audit log. NULL: none tripped. Main thread. */
const char *mode_tripped(const struct serve_route *r);
