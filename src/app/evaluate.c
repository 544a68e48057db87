/* evaluate.c: the verb that measures a model on rows whose answers are known: all metrics of
 * its task with 95 % intervals, and by parts of their own what a classifier's decisions and
 * probabilities are worth, where a regression errs, and how groups of rows are treated. Rows
 * without a known answer do not count and are reported. */
#include "app/evaluate.h"

#include "app/verb.h"
#include "base/mem.h"
#include "engine/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define METRICS_MAX 64

void evaluate_put_figure(struct val *o, const char *key, double value, double low, double high)
{
    if (isnan(value)) return;
    o = val_set_obj(o, key);
    val_set_real(o, "value", value);
    val_set_real(o, "low", low);
    val_set_real(o, "high", high);
}

int evaluate_put_metrics(struct val *into, const struct metric_input *in,
                         const struct metric_input *decided, struct err *e)
{
    double v[METRICS_MAX], d[METRICS_MAX];
    int rc = metric_all(in, v, e);

    if (!rc) rc = metric_all(decided, d, e);
    for (size_t i = 0; !rc && metrics[i].name; i++)
        if (metrics[i].tasks & (unsigned)in->task)
            val_set_real(into, metrics[i].name, metric_is_decision(&metrics[i]) ? d[i] : v[i]);
    return rc;
}

static int put_intervals(struct evaluation *ev, struct err *e)
{
    struct metric_interval all[METRICS_MAX];
    struct val *v = ev->r->v, *values = val_set_obj(v, "metrics"), *list;
    size_t replicates = 0;
    int rc = metric_intervals(&ev->en, &ev->in, ev->threshold, ev->replicates, all, &replicates, e);

    if (rc) return rc;
    list = val_set_obj(v, "intervals");
    for (size_t i = 0; metrics[i].name; i++) {
        if (!all[i].method) continue;
        val_set_real(values, metrics[i].name, all[i].value);
        if (isnan(all[i].low)) continue;
        struct val *o = val_set_obj(list, metrics[i].name);
        val_set_real(o, "low", all[i].low);
        val_set_real(o, "high", all[i].high);
        val_set_str(o, "method", all[i].method);
    }
    val_set_int(v, "bootstrap", (int64_t)replicates);
    return 0;
}

static int measure(struct evaluation *ev, struct err *e)
{
    const char *group = val_get_str(ev->args, "group", NULL);
    struct val *v = ev->r->v = val_obj(&ev->r->arena);
    size_t known = 0;
    int rc;

    for (size_t i = 0; i < ev->in.n; i++) known += !isnan(ev->in.y[i]);
    if (!known) {
        err_set(e, ERR_INVALID, "no row has a known value of %s", model_target(ev->s->model));
        return err_hint(e, "a classifier knows the labels it was trained on");
    }
    val_set_str(v, "model", ev->s->ref.uri);
    val_set_str(v, "target", model_target(ev->s->model));
    val_set_int(v, "rows", (int64_t)known);
    val_set_int(v, "unlabelled_rows", (int64_t)(ev->in.n - known));
    val_set_str(v, "task", task_name(ev->in.task));
    rc = put_intervals(ev, e);
    if (!rc && ev->in.task == TASK_REGRESSION) rc = evaluate_residuals(ev, e);
    else if (!rc) rc = evaluate_classes(ev, e);
    if (!rc && group) rc = evaluate_groups(ev, group, e);
    if (!rc) ev->r->text = evaluate_text(ev->r);
    return rc;
}

/* The options that only mean something for two classes. */
static int check_options(const struct val *args, enum task task, struct err *e)
{
    static const char *const two[] = { "threshold", "cost-fp", "cost-fn", "privileged" };

    for (size_t i = 0; task != TASK_BINARY && i < ARRAY_LEN(two); i++)
        if (val_has(args, two[i]))
            return err_set(e, ERR_INVALID, "--%s is for models of two classes; this one is %s",
                           two[i], task_name(task));
    if (val_has(args, "privileged") && !val_has(args, "group")) {
        err_set(e, ERR_USAGE, "--privileged needs --group, the column it is a value of");
        return err_hint(e, "signalbox evaluate … --group sex --privileged Male");
    }
    return 0;
}

static int run(struct evaluation *ev, struct app *app, struct err *e)
{
    const struct val *args = ev->args;
    const struct scoring *s = ev->s;
    size_t n = s->rows->n_rows;
    int threads = (int)val_get_int(args, "threads", 0);
    MEM_AUTO double *y = mem_try(n + 1, sizeof *y);
    MEM_AUTO double *moved = NULL;
    int rc = check_options(args, model_task(s->model), e);

    if (rc) return rc;
    if (!y) return err_set(e, ERR_NOMEM, "no memory to measure %zu rows", n);
    if ((rc = model_encode_target(s->model, s->rows, y, e))) return rc;
    ev->in = (struct metric_input){ .task = model_task(s->model),
                                    .n_classes = model_classes(s->model),
                                    .n = n,
                                    .y = y,
                                    .p = s->p };
    ev->decided = ev->in;
    ev->threshold = val_get_real(args, "threshold", .5);
    if (ev->in.task == TASK_BINARY && ev->threshold != .5) {
        if (!(moved = mem_try(n + 1, sizeof *moved)))
            return err_set(e, ERR_NOMEM, "no memory to measure %zu rows", n);
        metric_move_threshold(s->p, n, ev->threshold, moved);
        ev->decided.p = moved;
    }
    int64_t asked = val_get_int(args, "bootstrap", -1);
    ev->replicates = asked < 0 ? 0 : asked == 0 ? BOOTSTRAP_NONE : (size_t)asked;
    ev->en = (struct engine){ .pool = pool_new(threads ? threads : app->threads),
                              .seed = (uint64_t)val_get_int(args, "seed", 0) };
    rc = ev->en.pool ? measure(ev, e) : err_set(e, ERR_NOMEM, "no memory for threads");
    pool_free(ev->en.pool);
    return rc;
}

int verb_evaluate(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct scoring s;
    struct evaluation ev = { .r = r, .s = &s, .args = args };
    int rc = scoring_run(app, &r->arena, args, &s, e);

    if (rc) return rc;
    rc = run(&ev, app, e);
    scoring_done(&s);
    return rc;
}
