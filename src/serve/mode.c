/* mode.c: a call's way through a route: asking an arm, and who is asked when it fails.
 *
 *   leg_start --> breaker? --> cache? --> here (cheap) or on a worker (may be late)
 *                    |            |            |
 *                    '------ failed <----------+------ good --> then() --> flight_answer
 *                              |                                  ^
 *                     next of the chain, in the end the constant -'
 *
 * The chain is the rollout's `fallback`; when that is empty, the stable version stands in for the
 * others. Every ask has a deadline of its own, so that those behind it in the chain still have
 * time: the arm's timeout, and never more than half of what is left of the call's while another
 * version can follow. A fallback that is cheap is scored on the I/O thread even when arms have a
 * timeout: the workers may be what is stuck.
 *
 * What is counted: a leg counts for the version it was assigned to, whoever answers in the end,
 * so the shares of a rollout compare like with like. A request that lacks columns which even
 * the stable version needs is the caller's mistake and counts for nobody.
 *
 * A flight lives on the stack of mode_run as long as it needs nobody to wait for. On the thread
 * of its serve_io. */
#include "base/clock.h"
#include "base/mem.h"
#include "serve/mode_priv.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Timers tick in milliseconds: left for the constant before the call's deadline. */
static const int64_t CONSTANT_US = 2000;

size_t flight_rows(const struct flight *f)
{
    return f->c->rows->n;
}

/* -- memory ------------------------------------------------------------------------------------ */

static void flight_free(struct flight *f)
{
    for (size_t i = 0; i < f->n_legs; i++) {
        free(f->legs[i].p);
        free(f->legs[i].pick);
        rows_done(&f->legs[i].sub);
    }
    if (f->legs != &f->one) free(f->legs);
    free(f->p);
    free(f->row_arm);
    free(f);
}

struct flight *flight_grow(struct flight *f, size_t n_legs)
{
    struct flight *h = f;
    struct leg *legs = n_legs > 1 ? mem_zalloc(n_legs, sizeof *legs) : NULL;
    size_t n = f->one.n * (f->one.p != NULL ? mode_outputs(f->one.arm) : 0);

    assert(f->legs == &f->one);
    if (!f->heap) {
        h = mem_alloc(sizeof *h);
        *h = *f;
        h->heap = true;
        h->one.p = NULL;
        if (n > 0) h->one.p = memcpy(mem_alloc(n * sizeof(double)), f->one.p, n * sizeof(double));
    }
    h->legs = &h->one;
    if (legs != NULL) {
        legs[0] = h->one;
        memset(&h->one, 0, sizeof h->one);
        h->legs = legs;
    }
    h->n_legs = n_legs;
    for (size_t i = 0; i < n_legs; i++) h->legs[i].f = h;
    return h;
}

/* Room for the answer of l->arm. On the stack: the thread's own. */
static int leg_room(struct leg *l, struct err *e)
{
    size_t n = l->n * mode_outputs(l->arm);

    if (!l->f->heap) {
        l->p = serve_io_room(l->f->io, n);
        return 0;
    }
    free(l->p);
    l->p = mem_try(n + 1, sizeof *l->p);
    return l->p != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for the answers to %zu rows", l->n);
}

/* The rows the leg is about. Made anew for each arm: the call's may have moved meanwhile. */
static int leg_rows(struct leg *l, struct err *e)
{
    if (l->pick == NULL) return 0;
    return mode_some_rows(l->f->c->rows, l->pick, l->n, &l->sub, e);
}

static const struct rows *rows_of(const struct leg *l)
{
    return l->pick != NULL ? &l->sub : l->f->c->rows;
}

/* -- the answer -------------------------------------------------------------------------------- */

static void sum_times(struct flight *f)
{
    struct predict_call *c = f->c;

    c->model_us = c->queue_us = 0;
    for (size_t i = 0; i < f->n_legs; i++) {
        c->model_us += f->legs[i].model_us;
        if (f->legs[i].queue_us > c->queue_us) c->queue_us = f->legs[i].queue_us;
    }
}

/* An answer at once lives in the thread's room, not in the flight. */
static void keep_answer(struct flight *f)
{
    struct predict_call *c = f->c;
    size_t n = c->p != NULL ? flight_rows(f) * mode_outputs(c->arm) : 0;
    size_t rows = c->row_arm != NULL ? flight_rows(f) : 0;
    double *room;

    if (n == 0) return;
    room = serve_io_room(f->io, n + rows);
    memcpy(room, c->p, n * sizeof *room);
    c->p = room;
    if (rows == 0) return;
    memcpy(room + n, c->row_arm, rows * sizeof(const struct arm *));
    c->row_arm = (const struct arm *const *)(void *)(room + n);
}

static int flight_end(struct flight *f)
{
    sum_times(f);
    f->c->sticky = f->c->key != NULL;
    if (f->state->degraded && f->c->rc == 0 && f->c->fallback == NULL) f->c->fallback = "error";
    if (f->later) {
        serve_answer(f->io, f->c);
        flight_free(f);
        return 1;
    }
    if (f->heap) {
        keep_answer(f);
        flight_free(f);
    }
    return 0;
}

int flight_answer(struct flight *f, const struct arm *arm, const char *role, const double *p)
{
    struct predict_call *c = f->c;

    c->rc = 0;
    if (c->err.kind != ERR_OK) err_clear(&c->err); /* of those that failed before */
    c->arm = arm;
    c->arm_role = role;
    c->p = p;
    c->row_arm = f->row_arm;
    return flight_end(f);
}

int flight_fail(struct flight *f, int rc)
{
    if (f->c->err.kind != ERR_OK) rc = -(int)f->c->err.kind; /* the last of several */
    f->c->rc = rc;
    f->c->p = NULL;
    return flight_end(f);
}

int flight_answer_leg(struct flight *f, struct leg *l)
{
    f->c->arm = l->arm;
    f->c->arm_role = l->arm->role;
    if (l->why != NULL) f->c->fallback = l->why;
    if (l->rc != 0) return flight_fail(f, l->rc);
    f->c->cached = l->cached;
    return flight_answer(f, l->arm, l->constant ? "constant" : l->arm->role, l->p);
}

/* -- one arm ----------------------------------------------------------------------------------- */

static bool all_finite(const double *p, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) sum += p[i] * 0; /* NaN for NaN and the infinities */
    return sum == 0;
}

/* Whether the rows are what is wrong: then nobody is to blame for the failure. */
static bool refused(struct leg *l)
{
    const struct arm *stable = &l->f->route->arms[0];

    return l->index == 0 || l->index == MODE_NONE ||
           rows_check(rows_of(l), stable->by->model, NULL) != 0;
}

/* The reason that stays is the first one. */
static int leg_failed(struct leg *l, const char *why, int rc)
{
    if (l->why == NULL) l->why = why;
    return l->rc = rc;
}

/* What came of asking l->arm. 0: good. */
static int leg_judge(struct leg *l, int rc, int64_t now_us)
{
    struct flight *f = l->f;
    const struct rollout *r = f->route->rollout;

    if (rc == 0 && !all_finite(l->p, l->n * mode_outputs(l->arm))) {
        rc = err_set(&f->c->err, ERR_INTERNAL, "version %lld of %s answered with no finite number",
                     (long long)l->arm->by->version, l->arm->by->name);
        if (l->index != MODE_NONE && l->index == f->state->candidate)
            guard_trip(f->state->guard, "it answered with no finite number");
    }
    l->rc = rc;
    l->refused = rc == -ERR_INVALID && refused(l);
    if (l->refused) return rc;
    if (rc != 0) leg_failed(l, rc == -ERR_TIMEOUT ? "timeout" : "error", rc);
    if (l->index != MODE_NONE) {
        struct asked w = { rc == 0, l->probe, now_us };
        guard_result(f->state->guard, l->index, r, &w);
    }
    if (rc == 0 && !f->c->no_cache && !l->cached) serve_io_cache(f->io, l->arm, rows_of(l), l->p);
    return rc;
}

/* The version that was chosen has the rollout's timeout; who stands in for it has it only while
 * others follow, and a version that the caller named has none. */
static bool chosen(const struct leg *l)
{
    return l->index != MODE_NONE && l->index == l->assigned;
}

static bool here(const struct leg *l)
{
    bool timed = l->f->route->rollout->timeout_us > 0 && chosen(l);

    return !timed && served_inline(l->arm->by, l->n);
}

/* Arms that could still follow. */
static bool more_arms(const struct leg *l)
{
    const struct rollout *r = l->f->route->rollout;

    if (l->alone || l->index == MODE_NONE) return false;
    if (r->n_fallback == 0) return (l->tried & 1) == 0;
    for (size_t i = 0; i < r->n_fallback; i++)
        if (r->fallback[i] < l->f->state->n_arms && !(l->tried >> r->fallback[i] & 1)) return true;
    return false;
}

static int64_t ask_deadline(const struct leg *l, int64_t now_us)
{
    const struct flight *f = l->f;
    int64_t timeout = f->route->rollout->timeout_us;
    int64_t left = f->c->deadline_us > 0 ? f->c->deadline_us - now_us : INT64_MAX / 2;
    bool arms = more_arms(l), constant = f->state->constant != NULL && !l->alone;

    if (arms) left /= 2;
    else if (constant && left > 2 * CONSTANT_US) left -= CONSTANT_US;
    if (timeout > 0 && timeout < left && (arms || constant || chosen(l))) left = timeout;
    return now_us + left;
}

static void ask_came(struct ask *k, int rc, const struct err *e);

static int leg_later(struct leg *l, int64_t now_us)
{
    struct flight *f = l->f;
    int rc;

    l->ask = (struct ask){ .io = f->io,
                           .route = f->route,
                           .arm = l->arm,
                           .rows = rows_of(l),
                           .p = l->p,
                           .deadline_us = ask_deadline(l, now_us),
                           .done = ask_came,
                           .user = l };
    if (l->ask.deadline_us <= now_us) {
        rc = err_set(&f->c->err, ERR_TIMEOUT, "no time was left to ask version %lld of %s",
                     (long long)l->arm->by->version, l->arm->by->name);
        return leg_failed(l, "timeout", rc);
    }
    rc = score_later(&l->ask, &f->c->err);
    if (rc != 0) return leg_judge(l, rc, now_us);
    f->later = l->waits = true;
    return 1;
}

static int leg_now(struct leg *l, int64_t now_us)
{
    struct predict_call *c = l->f->c;
    double us = 0;
    int rc = score_now(l->arm, rows_of(l), l->p, &us, &c->err);

    l->model_us += us;
    return leg_judge(l, rc, now_us);
}

/* Asks l->arm: 0 good, 1 later, else it failed. A flight that has to wait moves to the heap. */
static int leg_try(struct leg **pl)
{
    struct leg *l = *pl;
    struct flight *f = l->f;
    struct err *e = &f->c->err;
    int64_t now = f->later || !here(l) ? clock_mono_us() : f->began_us;
    int rc;

    l->cached = l->probe = false;
    if (l->index != MODE_NONE) {
        l->tried |= (uint64_t)1 << l->index;
        if (!guard_allow(f->state->guard, l->index, f->route->rollout, now, &l->probe)) {
            rc = err_set(e, ERR_BUSY, "version %lld of %s failed too often and rests",
                         (long long)l->arm->by->version, l->arm->by->name);
            return leg_failed(l, "breaker", rc);
        }
    }
    if (!f->heap && !here(l)) {
        l->p = NULL;
        *pl = l = flight_grow(f, 1)->legs;
        f = l->f;
    }
    if ((rc = leg_rows(l, e)) != 0 || (rc = leg_room(l, e)) != 0) return leg_failed(l, "error", rc);
    if (!f->c->no_cache && serve_io_cached(f->io, l->arm, rows_of(l), l->p)) {
        l->cached = true;
        return leg_judge(l, 0, now);
    }
    return here(l) ? leg_now(l, now) : leg_later(l, now);
}

/* -- the chain --------------------------------------------------------------------------------- */

static bool leg_next(struct leg *l)
{
    const struct rollout *r = l->f->route->rollout;
    size_t next = 0;

    if (l->refused || !more_arms(l)) return false;
    if (r->n_fallback > 0) {
        size_t i = 0;
        while (r->fallback[i] >= l->f->state->n_arms || (l->tried >> r->fallback[i] & 1)) i++;
        next = r->fallback[i];
    }
    l->index = next;
    l->arm = &l->f->route->arms[next];
    return true;
}

static void leg_constant(struct leg *l)
{
    struct flight *f = l->f;
    const double *constant = f->state->constant;
    size_t k = mode_outputs(&f->route->arms[0]);

    if (constant == NULL || l->alone || l->refused || l->index == MODE_NONE) return;
    l->arm = &f->route->arms[0];
    if (leg_room(l, &f->c->err) != 0) return;
    for (size_t i = 0; i < l->n; i++) memcpy(l->p + i * k, constant, k * sizeof *constant);
    l->constant = true;
    l->rc = 0;
}

static void leg_count(const struct leg *l)
{
    const struct flight *f = l->f;
    double seconds = (double)(l->ended_us - l->began_us) * 1e-6;
    struct tally_add add = { .rows = l->n,
                             .batch = l->batch,
                             .error = l->why != NULL,
                             .cached = l->cached,
                             .fallback = l->why != NULL && l->rc == 0,
                             .seconds = seconds,
                             .model_us = l->model_us,
                             .queue_us = l->queue_us };

    if (l->refused || l->uncounted) return;
    if (l->assigned == MODE_NONE) {
        struct tally *t = book_tally(f->state->book, "named", l->arm->by->version, "");
        tally_count(t, f->io, &add);
        tally_unref(t);
        return;
    }
    tally_count(f->state->arms[l->assigned].tally, f->io, &add);
    if (l->assigned == f->state->candidate)
        guard_candidate(f->state->guard, f->route->rollout, l->why == NULL, seconds);
}

static int leg_through(struct leg *l)
{
    struct flight *f = l->f;

    l->ended_us = clock_mono_us();
    leg_count(l);
    f->open--;
    return f->then(f, l);
}

int leg_resume(struct leg *l)
{
    while (leg_next(l)) {
        int rc = leg_try(&l);
        if (rc > 0) return 1;
        if (rc == 0) return leg_through(l);
    }
    leg_constant(l);
    return leg_through(l);
}

static int leg_run(struct leg *l)
{
    int rc = leg_try(&l);

    if (rc > 0) return 1;
    return rc == 0 ? leg_through(l) : leg_resume(l);
}

int leg_start(struct leg *l, size_t arm)
{
    l->index = l->assigned = arm;
    l->arm = &l->f->route->arms[arm];
    l->began_us = l->f->later ? clock_mono_us() : l->f->began_us;
    if (l->pick == NULL) l->n = flight_rows(l->f);
    l->f->open++;
    return leg_run(l);
}

static void ask_came(struct ask *k, int rc, const struct err *e)
{
    struct leg *l = k->user;

    l->waits = false;
    l->model_us += k->model_us;
    l->queue_us += k->queue_us;
    l->batch += k->batch;
    if (rc != 0 && e != NULL) l->f->c->err = *e;
    if (leg_judge(l, rc, clock_mono_us()) == 0) (void)leg_through(l);
    else (void)leg_resume(l);
}

/* -- a call ------------------------------------------------------------------------------------ */

/* A version that the caller named: it answers, or nobody does. No evidence for a rollout. */
static int run_named(struct flight *f)
{
    struct predict_call *c = f->c;
    const struct arm *arm = NULL;
    int rc;

    for (size_t i = 0; i < f->state->n_arms && arm == NULL; i++)
        if (f->route->arms[i].by->version == c->version) arm = &f->route->arms[i];
    if (arm == NULL) arm = catalog_version(serve_io_catalog(f->io), f->route, c->version);
    if (arm == NULL) {
        rc = err_set(&c->err, ERR_BUSY, "version %lld of %s is not loaded", (long long)c->version,
                     f->route->name);
        err_hint(&c->err, "it is being loaded if it exists: ask again");
        return flight_fail(f, rc);
    }
    f->one.alone = true;
    f->one.index = f->one.assigned = MODE_NONE;
    f->one.arm = arm;
    f->one.began_us = f->began_us;
    f->one.n = flight_rows(f);
    f->open = 1;
    return leg_run(&f->one);
}

static mode_run_fn *const modes[ROLLOUT_MODES] = {
#define MODE(id, help) [ROLLOUT_##id] = mode_run_##id,
#include "app/modes.def"
#undef MODE
};

int mode_run(struct serve_io *io, struct predict_call *c)
{
    struct flight f = { .io = io,
                        .c = c,
                        .route = c->route,
                        .state = c->route->state,
                        .began_us = c->began_us > 0 ? c->began_us : clock_mono_us(),
                        .n_legs = 1,
                        .then = flight_answer_leg };

    f.legs = &f.one;
    f.one.f = &f;
    c->arm = &c->route->arms[0];
    c->arm_role = c->arm->role;
    c->p = NULL;
    c->row_arm = NULL;
    c->fallback = NULL;
    c->cached = c->sticky = false;
    if (c->version != 0) return run_named(&f);
    if (f.state->degraded) return mode_run_single(&f);
    return modes[c->route->rollout->mode](&f);
}
