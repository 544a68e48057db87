/* retrain_compare.c: see retrain_compare.h. The rule, all of which must hold:
 *
 *   gain > margin            it is better by as much as the change is worth
 *   lower end of gain >= 0   the 95 % interval of the paired difference contains no loss
 *   lower end of chance > 0  it is better than what needs no features, beyond doubt
 *
 * One test is made a retraining, so a challenger that is truly no better gets through once in
 * forty times at most. Where the metric says nothing about the trivial predictor (precision of a
 * model that never says yes), the usual one of the task does: log loss, or for numbers RMSE. */
#include "app/retrain_compare.h"
#include "base/arena.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

struct answers {
    struct metric_input in;
    double *p, *y;
};

static int answers_new(const struct model *m, const struct frame *f, struct answers *ret,
                       struct err *e)
{
    struct answers s = { .p = mem_try(f->n_rows * (size_t)model_outputs(m) + 1, sizeof *s.p),
                         .y = mem_try(f->n_rows + 1, sizeof *s.y) };
    s.in = (struct metric_input){ model_task(m), model_classes(m), f->n_rows, s.y, s.p, NULL };
    *ret = s;
    if (!s.p || !s.y) return err_set(e, ERR_NOMEM, "no memory to score %zu rows", f->n_rows);
    return model_encode_target(m, f, s.y, e);
}

static void answers_done(struct answers *s)
{
    free(s->p);
    free(s->y);
}

static int value_of(const struct metric *m, const struct metric_input *in, double *ret,
                    struct err *e)
{
    const struct metric *first = metrics;
    size_t n = 0;

    while (first[n].name) n++;
    double *all = mem_zalloc(n, sizeof *all);
    int rc = metric_all(in, all, e);
    *ret = all[m - first];
    free(all);
    return rc;
}

static int compare_chance(const struct retrain_rivals *r, const struct answers *challenger,
                          const struct answers *trivial, struct retrain_verdict *v, struct err *e)
{
    const struct metric *m = r->metric;
    uint64_t seed = r->en->seed;
    int rc = metric_compare(m, &challenger->in, &trivial->in, seed, &v->chance, e);

    if (rc == 0 && isnan(v->chance.low)) {
        m = metric_find(trivial->in.task == TASK_REGRESSION ? "rmse" : "log_loss");
        rc = metric_compare(m, &challenger->in, &trivial->in, seed, &v->chance, e);
    }
    v->chance_metric = m->name;
    return rc ? rc : value_of(m, &trivial->in, &v->trivial, e);
}

static void judge(const struct retrain_rivals *r, struct arena *a, struct retrain_verdict *v)
{
    const struct comparison *g = &v->gain;
    bool margin = g->difference > r->margin, loss = !(g->low >= 0), chance = v->chance.low > 0;

    v->better = margin && !loss && chance;
    if (!margin)
        v->why = arena_printf(a,
                              "not better by the margin: %s differs by %.4g, more than %g is "
                              "asked for",
                              r->metric->name, g->difference, r->margin);
    else if (loss)
        v->why = arena_printf(a,
                              "not better beyond doubt: the difference of %s, %.4g, may be as "
                              "low as %.4g",
                              r->metric->name, g->difference, g->low);
    else if (!chance)
        v->why = arena_printf(a,
                              "not better than a guess beyond doubt: over it %s gains %.4g, "
                              "perhaps only %.4g",
                              v->chance_metric, v->chance.difference, v->chance.low);
    else
        v->why = arena_printf(a, "%s is better by %.4g, at least %.4g", r->metric->name,
                              g->difference, g->low);
}

static int score(const struct retrain_rivals *r, struct answers *c, struct answers *i,
                 struct answers *t, struct err *e)
{
    struct answers learned = { .p = NULL };
    int rc = answers_new(r->challenger, r->holdout, c, e);

    if (rc == 0) rc = model_predict(r->en, r->challenger, r->holdout, c->p, e);
    if (rc == 0) rc = answers_new(r->incumbent, r->holdout, i, e);
    if (rc == 0) rc = model_predict(r->en, r->incumbent, r->holdout, i->p, e);
    if (rc == 0) rc = answers_new(r->challenger, r->holdout, t, e);
    if (rc == 0) rc = answers_new(r->challenger, r->train, &learned, e);
    if (rc == 0) metric_trivial(&learned.in, r->holdout->n_rows, t->p);
    answers_done(&learned);
    return rc;
}

int retrain_compare(const struct retrain_rivals *r, struct arena *a, struct retrain_verdict *ret,
                    struct err *e)
{
    struct retrain_verdict v = { .why = "" };
    struct answers c = { .p = NULL }, i = { .p = NULL }, t = { .p = NULL };
    int rc = score(r, &c, &i, &t, e);

    if (rc == 0) rc = value_of(r->metric, &c.in, &v.challenger, e);
    if (rc == 0) rc = value_of(r->metric, &i.in, &v.incumbent, e);
    if (rc == 0) rc = metric_compare(r->metric, &c.in, &i.in, r->en->seed, &v.gain, e);
    if (rc == 0) rc = compare_chance(r, &c, &t, &v, e);
    if (rc == 0) judge(r, a, &v);
    answers_done(&c);
    answers_done(&i);
    answers_done(&t);
    if (rc == 0) *ret = v;
    return rc;
}
