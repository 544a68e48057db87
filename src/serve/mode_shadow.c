/* mode_shadow.c: asking other versions beside the answer, and comparing what two versions say.
 *
 * A shadow is asked after the stable version has answered, by a thread of its own that takes no
 * time from anybody (aside.c), through a ring that is bounded: when it is full, or more come than
 * serve.shadow_rows a second, the question is dropped and counted. Its answer is compared there and
 * forgotten; it touches neither cache nor log nor the I/O thread. A question that nobody had time
 * for is dropped, too: that says nothing about the version.
 *
 * Compared are the decisions, by label, and the probabilities: |dp| is the largest difference
 * over the classes, for numbers the absolute difference. Numbers agree when they differ by at
 * most one percent. */
#include "base/mem.h"
#include "serve/mode_priv.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MIRROR_ROWS = 1000 }; /* of one call */
static const double CLOSE = 0.01;

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

void mode_mirrored(const struct aside *a)
{
    const struct mode_state *s = a->route->state;
    const struct mode_arm *arm = &s->arms[a->arm];
    size_t own = mode_outputs(&a->route->arms[a->arm]);
    struct agreement agreement;
    struct tally_add add = { .rows = a->n,
                             .batch = a->n,
                             .dropped = a->late,
                             /* it waited on purpose: what counts is what it would have cost */
                             .seconds = a->model_us * 1e-6,
                             .model_us = a->model_us,
                             .queue_us = a->queue_us };

    for (size_t i = 0; !a->late && i < a->n * own; i++)
        if (!isfinite(a->p[i])) add.error = true;
    if (!a->late && !add.error && arm->fits) {
        mode_compare(a->route, a->arm, a->stable, a->p, a->n, &agreement);
        add.agreement = &agreement;
    }
    tally_count(arm->tally, NULL, &add);
}

static void mirror_arm(struct flight *f, size_t arm, const struct rows *rows, const double *p)
{
    struct err e = ERR_INIT;

    if (score_aside(f->io, f->route, arm, rows, p, &e) == 0) return;
    tally_count(f->state->arms[arm].tally, f->io,
                &(struct tally_add){ .rows = rows->n,
                                     .dropped = e.kind == ERR_BUSY,
                                     .error = e.kind != ERR_BUSY });
}

static size_t shadows(const struct flight *f)
{
    size_t n = 0;

    for (size_t i = 1; i < f->state->n_arms; i++) n += !f->state->arms[i].fallback_only;
    return n;
}

static void drop_all(struct flight *f, size_t rows)
{
    for (size_t i = 1; i < f->state->n_arms; i++)
        if (!f->state->arms[i].fallback_only)
            tally_count(f->state->arms[i].tally, f->io,
                        &(struct tally_add){ .rows = rows, .dropped = true });
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
    size_t n = rows->n < MIRROR_ROWS ? rows->n : MIRROR_ROWS;
    struct rows some;

    if (r->sample < 1 && rollout_bucket_salted(f->state->salt, id, strlen(id)) >= r->sample * 10000)
        return;
    if (!aside_may(f->io, n, shadows(f))) return drop_all(f, n);
    rows_init(&some);
    if (rows->n > n) {
        if (mode_some_rows(rows, NULL, n, &some, NULL) != 0) return rows_done(&some);
        rows = &some;
    }
    for (size_t i = 1; i < f->state->n_arms; i++)
        if (!f->state->arms[i].fallback_only) mirror_arm(f, i, rows, p);
    rows_done(&some);
}
