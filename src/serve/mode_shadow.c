/* mode_shadow.c: asking other versions beside the answer, and comparing what two versions say.
 *
 * A shadow is asked after the stable version has answered, with low priority and never on the
 * I/O thread, from a queue that is bounded: when it is full the question is dropped and counted.
 * Its answer is compared and forgotten; it touches neither cache nor log. A question that
 * nobody had time for until its deadline was dropped, too: that says nothing about the version.
 *
 * Compared are the decisions, by label, and the probabilities: |dp| is the largest difference
 * over the classes, for numbers the absolute difference. Numbers agree when they differ by at
 * most one percent. On the thread of the call's serve_io. */
#include "base/clock.h"
#include "base/mem.h"
#include "serve/mode_priv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MIRROR_ROWS = 1000 }; /* of one call */
static const int64_t MIRROR_US = 10000000;
static const double CLOSE = 0.01;

struct mirror {
    struct ask ask;
    struct err err;
    size_t arm, n;
    double p[]; /* the shadow's, then the stable version's */
};

/* -- comparing --------------------------------------------------------------------------------- */

static void compare_number(const double *a, const double *b, struct agreement *ret, double *dp)
{
    *dp = fabs(*a - *b);
    ret->agreed += *dp <= CLOSE * fmax(fabs(*a), fabs(*b));
}

static void compare_classes(const struct model *m, const double *a, const double *b,
                            struct agreement *ret, double *dp)
{
    int x = model_decide(m, a), y = model_decide(m, b);

    *dp = 0;
    for (int c = 0; c < model_outputs(m); c++) *dp = fmax(*dp, fabs(a[c] - b[c]));
    ret->agreed += x == y;
    if (model_task(m) == TASK_BINARY) ret->confusion[2 * x + y]++;
}

void mode_compare(const struct serve_route *r, size_t arm, const double *stable, const double *p,
                  size_t n, struct agreement *ret)
{
    const struct model *m = r->arms[0].by->model;
    size_t k = mode_outputs(&r->arms[0]);
    double *other = mem_alloc((n * k + 1) * sizeof *other);

    memset(ret, 0, sizeof *ret);
    mode_align(r, arm, p, n, other);
    for (size_t i = 0; i < n; i++) {
        double dp;
        if (model_task(m) == TASK_REGRESSION) compare_number(stable + i, other + i, ret, &dp);
        else compare_classes(m, stable + i * k, other + i * k, ret, &dp);
        ret->compared++;
        ret->sum_abs_dp += dp;
        ret->max_abs_dp = fmax(ret->max_abs_dp, dp);
        hist_add(&ret->abs_dp, dp);
    }
    free(other);
}

/* -- asking ------------------------------------------------------------------------------------ */

static void mirror_came(struct ask *k, int rc, const struct err *e)
{
    struct mirror *m = k->user;
    const struct serve_route *r = k->route;
    const struct mode_state *s = r->state;
    const struct mode_arm *arm = &s->arms[m->arm];
    size_t own = mode_outputs(k->arm);
    struct agreement agreement;
    struct tally_add add = { .rows = m->n,
                             .batch = k->batch,
                             .error = rc != 0,
                             .dropped = rc == -ERR_TIMEOUT || rc == -ERR_BUSY,
                             /* it waited on purpose: what counts is what it would have cost */
                             .seconds = k->model_us * 1e-6,
                             .model_us = k->model_us,
                             .queue_us = k->queue_us };

    (void)e;
    for (size_t i = 0; i < m->n * own && rc == 0; i++)
        if (!isfinite(m->p[i])) add.error = true;
    if (!add.error && arm->fits) {
        mode_compare(r, m->arm, m->p + m->n * own, m->p, m->n, &agreement);
        add.agreement = &agreement;
    }
    tally_count(arm->tally, k->io, &add);
    free(m);
}

static void mirror_arm(struct flight *f, size_t arm, const struct rows *rows, const double *p)
{
    size_t own = rows->n * mode_outputs(&f->route->arms[arm]);
    size_t stable = rows->n * mode_outputs(&f->route->arms[0]);
    struct mirror *m = mem_alloc(sizeof *m + (own + stable) * sizeof *m->p);

    memset(m, 0, sizeof *m);
    m->arm = arm;
    m->n = rows->n;
    memcpy(m->p + own, p, stable * sizeof *p);
    m->ask = (struct ask){ .io = f->io,
                           .route = f->route,
                           .arm = &f->route->arms[arm],
                           .rows = rows,
                           .p = m->p,
                           .deadline_us = clock_mono_us() + MIRROR_US,
                           .low = true,
                           .done = mirror_came,
                           .user = m };
    if (score_later(&m->ask, &m->err) == 0) return;
    tally_count(f->state->arms[arm].tally, f->io,
                &(struct tally_add){ .rows = m->n,
                                     .dropped = m->err.kind == ERR_BUSY,
                                     .error = m->err.kind != ERR_BUSY });
    free(m);
}

int mode_some_rows(const struct rows *all, const uint32_t *pick, size_t n, struct rows *ret,
                   struct err *e)
{
    size_t width = schema_width(all->schema);
    int rc = 0;

    rows_clear(ret, all->schema);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct cell *c;
        rc = rows_add(ret, &c, e);
        if (rc == 0)
            memcpy(c, all->cells + (pick != NULL ? pick[i] : i) * width, width * sizeof *c);
    }
    return rc;
}

void mode_mirror(struct flight *f, const double *p)
{
    const struct rollout *r = f->route->rollout;
    const char *id = f->c->request_id != NULL ? f->c->request_id : "";
    const struct rows *rows = f->c->rows;
    struct rows some;

    if (r->sample < 1 && rollout_bucket_salted(f->state->salt, id, strlen(id)) >= r->sample * 10000)
        return;
    rows_init(&some);
    if (rows->n > MIRROR_ROWS) {
        if (mode_some_rows(rows, NULL, MIRROR_ROWS, &some, NULL) != 0) return rows_done(&some);
        rows = &some;
    }
    for (size_t i = 1; i < f->state->n_arms; i++)
        if (!f->state->arms[i].fallback_only) mirror_arm(f, i, rows, p);
    rows_done(&some);
}
