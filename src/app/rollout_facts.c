/* rollout_facts.c: what the store knows of a candidate and of the stable version beside it: the
 * daemons' counters and, where asked for, the prediction log with its labels. */
#include "app/rollout.h"
#include "store/prediction.h"
#include "store/registry.h"

#include <math.h>
#include <string.h>
#include <strings.h>

static bool belongs(const struct serving_sum *d, const struct rollout *r, size_t i)
{
    return d->version == r->arms[i].version && str_eq(d->role, r->arms[i].role) &&
           str_eq(d->rollout_id, r->id);
}

/* Only whole buckets of the step: its first one began in the step before. */
static int step_requests(struct app *app, struct arena *a, const struct rollout *r, size_t i,
                         int64_t until, struct rollout_facts *f, struct err *e)
{
    struct serving_sum *sums;
    size_t n;
    int rc = serving_sums(app->store, a, r->model, r->step_us + SERVING_BUCKET_US - 1, until, &sums,
                          &n, e);

    f->step_requests[0] = f->step_requests[1] = 0; /* a step without traffic has no row */
    for (size_t k = 0; !rc && k < n; k++) {
        if (belongs(&sums[k], r, 0)) f->step_requests[0] = sums[k].requests;
        if (belongs(&sums[k], r, i)) f->step_requests[1] = sums[k].requests;
    }
    return rc;
}

static int counters(struct app *app, struct arena *a, const struct rollout *r, size_t i,
                    struct rollout_facts *f, struct err *e)
{
    int64_t until = clock_now(app->clock) + SERVING_BUCKET_US;
    struct serving_sum *sums;
    size_t n;
    int rc = serving_sums(app->store, a, r->model, r->started_us, until, &sums, &n, e);

    for (size_t k = 0; !rc && k < n; k++) {
        if (belongs(&sums[k], r, 0)) f->sum[0] = sums[k];
        if (belongs(&sums[k], r, i)) f->sum[1] = sums[k];
    }
    for (int k = 0; k < 2; k++) {
        f->step_requests[k] = f->sum[k].requests;
        f->sum[k].model = f->sum[k].role = f->sum[k].rollout_id = NULL; /* the arena's, not ours */
    }
    return rc || r->step_us == r->started_us ? rc : step_requests(app, a, r, i, until, f, e);
}

/* ---- the prediction log --------------------------------------------------------------------- */

struct reading {
    int64_t version[2];
    bool classes; /* answers are right or wrong */
    struct rollout_answers *answers;
    double sum[2], sq[2];
};

static bool same_class(const char *x, const char *y)
{
    double a, b;

    if (str_eq(x, y)) return true;
    if (str_to_real(x, &a) && str_to_real(y, &b)) return a == b;
    return (strcasecmp(x, "true") == 0 || strcasecmp(x, "false") == 0) && strcasecmp(x, y) == 0;
}

static int read_answer(void *user, const struct prediction *p)
{
    struct reading *rd = user;
    int i = p->version == rd->version[1] ? 1 : p->version == rd->version[0] ? 0 : -1;
    double v = p->probability;

    if (i < 0) return 0;
    struct rollout_answers *to = &rd->answers[i];
    if (rd->classes && p->label) {
        to->labelled++;
        to->wrong += !same_class(p->label, p->answer);
    }
    if (!rd->classes && !str_to_real(p->answer, &v)) v = (double)NAN;
    if (!isfinite(v)) return 0;
    to->n++;
    rd->sum[i] += v;
    rd->sq[i] += v * v;
    return 0;
}

static int answers(struct app *app, struct arena *a, const struct rollout *r, size_t i,
                   struct rollout_facts *f, struct err *e)
{
    struct reading rd = { .version = { r->arms[0].version, r->arms[i].version },
                          .answers = f->answers };
    struct reg_version v;
    int rc = store_version_get(app->store, a, r->model, r->arms[0].version, &v, e);

    rd.classes = !rc && !str_eq(v.task, "regression");
    if (!rc)
        rc = prediction_each(app->store, r->model, r->started_us,
                             clock_now(app->clock) + SERVING_BUCKET_US, read_answer, &rd, e);
    for (int k = 0; !rc && k < 2; k++) {
        struct rollout_answers *to = &f->answers[k];
        if (to->n == 0) continue;
        to->mean = rd.sum[k] / (double)to->n;
        to->variance = fmax(0, rd.sq[k] / (double)to->n - to->mean * to->mean);
    }
    f->with_log = !rc;
    return rc;
}

int rollout_facts(struct app *app, const struct rollout *r, size_t i, bool with_log,
                  struct rollout_facts *ret, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct rollout_facts f = { 0 };
    int rc = counters(app, &a, r, i, &f, e);

    if (!rc && with_log) rc = answers(app, &a, r, i, &f, e);
    if (!rc) *ret = f;
    arena_done(&a);
    return rc;
}
