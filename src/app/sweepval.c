/* sweepval.c: see sweepval.h. */
#include "app/sweepval.h"
#include "app/runval.h"
#include "app/sweep_past.h"
#include "app/sweep_plan.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { IMPORTANCE_LEAST = 10 };

struct val *sweep_to_val(struct arena *a, const struct sweep *w, int64_t now_us)
{
    struct val *o = val_obj(a), *n;
    int64_t ended = w->n.complete + w->n.pruned + w->n.failed + w->n.cancelled;
    int64_t until = w->finished_us ? w->finished_us : now_us;

    val_set_str(o, "sweep_id", w->id);
    val_set_str(o, "name", w->name);
    val_set_str(o, "state", w->state);
    val_set_str(o, "method", w->method);
    val_set_str(o, "metric", *w->metric ? w->metric : NULL);
    val_set_str(o, "goal", w->maximise ? "maximize" : "minimize");
    val_set_int(o, "planned", w->planned);
    val_set_real(o, "progress", w->planned ? (double)ended / (double)w->planned : 0);
    n = val_set_obj(o, "counts");
    val_set_int(n, "trials", w->n.trials);
    val_set_int(n, "waiting", w->n.waiting);
    val_set_int(n, "running", w->n.running);
    val_set_int(n, "complete", w->n.complete);
    val_set_int(n, "pruned", w->n.pruned);
    val_set_int(n, "failed", w->n.failed);
    val_set_int(n, "cancelled", w->n.cancelled);
    val_set_int(o, "seed", w->seed);
    val_set_int(o, "parallel", w->parallel);
    val_set_str(o, "actor", w->actor);
    val_set_str(o, "error", w->error);
    val_set_time(o, "created_at", w->created_us);
    val_set_time(o, "finished_at", w->finished_us);
    val_set_real(o, "duration_s", (double)(until - w->created_us) / 1e6);
    return o;
}

static void set_value(struct val *o, const char *key, double v)
{
    if (isfinite(v)) val_set_real(o, key, v);
    else val_set_str(o, key, NULL);
}

static struct val *params_of(struct arena *a, const struct trial *t)
{
    struct val *v = NULL;

    if (!t->params || val_parse_json(a, t->params, strlen(t->params), &v, NULL) < 0)
        return val_obj(a);
    return v;
}

static void push_trial(struct val *list, struct arena *a, const struct trial *t)
{
    struct val *o = val_push_obj(list);

    val_set_int(o, "trial", t->number);
    val_set_str(o, "state", t->state);
    set_value(o, "value", t->value);
    val_set(o, "params", params_of(a, t));
    val_set_str(o, "algorithm", t->algorithm);
    val_set_str(o, "run_id", t->run_id);
    val_set_str(o, "job_id", t->job_id);
    val_set_int(o, "step", t->step);
    if (t->finished_us && t->started_us)
        val_set_real(o, "duration_s", (double)(t->finished_us - t->started_us) / 1e6);
    else val_set_str(o, "duration_s", NULL);
    val_set_str(o, "error", t->error);
}

static int by_end(const void *a, const void *b)
{
    const struct trial *x = *(const struct trial *const *)a, *y = *(const struct trial *const *)b;

    if (x->finished_us != y->finished_us) return x->finished_us < y->finished_us ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* The best value after each finished trial, in the order in which they finished. */
static void set_best(struct val *out, struct arena *a, const struct sweep *w,
                     const struct trial *all, size_t n)
{
    const struct trial **done = arena_array(a, n + 1, const struct trial *), *best = NULL;
    struct val *curve = val_set_list(out, "best_so_far");
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        if (str_eq(all[i].state, "complete") && isfinite(all[i].value)) done[k++] = &all[i];
    if (k) qsort(done, k, sizeof *done, by_end);
    for (size_t i = 0; i < k; i++) {
        if (!best || sweep_is_better(w, done[i]->value, best->value)) best = done[i];
        val_push(curve, val_real(a, best->value));
    }
    if (!best) {
        val_set_str(out, "best", NULL);
        return;
    }
    struct val *o = val_set_obj(out, "best");
    val_set_str(o, "run_id", best->run_id);
    val_set_int(o, "trial", best->number);
    val_set_str(o, "algorithm", best->algorithm);
    val_set(o, "params", params_of(a, best));
    val_set_real(o, "metric", best->value);
}

struct share {
    const char *name;
    double part;
};

static int by_part(const void *a, const void *b)
{
    const struct share *x = a, *y = b;

    return x->part > y->part ? -1 : x->part < y->part;
}

/* Nothing is said while too little is known. */
static void set_importance(struct val *out, struct arena *a, const struct sweep *w,
                           const struct space *space, const struct search_past *past)
{
    struct engine en = { .seed = (uint64_t)w->seed };
    struct share *s = arena_array(a, space->n + 1, struct share);
    double *part = arena_array(a, space->n + 1, double);
    struct val *list = val_set_list(out, "importance");

    if (w->n.complete < IMPORTANCE_LEAST || space->n == 0) return;
    en.pool = pool_new(1);
    if (en.pool && search_importance(&en, space, past, part, NULL) == 0) {
        for (size_t i = 0; i < space->n; i++) s[i] = (struct share){ space->dims[i].name, part[i] };
        qsort(s, space->n, sizeof *s, by_part);
        for (size_t i = 0; i < space->n; i++) {
            struct val *o = val_push_obj(list);
            val_set_str(o, "parameter", s[i].name);
            val_set_real(o, "share", s[i].part);
        }
    }
    pool_free(en.pool);
}

int sweep_show_val(struct app *app, struct arena *a, const struct sweep *w, struct val *out,
                   struct err *e)
{
    struct sweep_plan plan;
    struct search_past past;
    struct val *doc = NULL;
    struct trial *all = NULL;
    size_t n = 0;
    int rc = store_trial_list(app->store, a, w->id, &all, &n, e);

    if (rc == 0) rc = val_parse_json(a, w->spec, strlen(w->spec), &doc, e);
    if (rc == 0) rc = sweep_plan_read(a, doc, w->planned, &plan, e);
    if (rc == 0) rc = sweep_past(a, w, &plan.space, all, n, -1, &past, e);
    if (rc < 0) return rc;
    set_best(out, a, w, all, n);
    set_importance(out, a, w, &plan.space, &past);
    val_set_str(out, "importance_method", "first-order functional ANOVA of a random forest");
    if (val_len(plan.notes)) val_set(out, "notes", val_copy(a, plan.notes));
    struct val *list = val_set_list(out, "trials");
    for (size_t i = 0; i < n; i++) push_trial(list, a, &all[i]);
    return 0;
}
