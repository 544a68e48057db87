/* evaluate.c: the verb that measures a model on rows whose answers are known: all metrics of
 * its task, and for a classifier the confusion matrix and how well probabilities are
 * calibrated; on demand the metrics per value of a column. Rows without a known answer do not
 * count and are reported. */
#include "app/scoring.h"
#include "app/verb.h"
#include "base/map.h"
#include "base/mem.h"
#include "engine/metric/metric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_GROUPS  1000
#define MAX_METRICS 64

static struct metric_input input_of(const struct scoring *s, const double *y)
{
    return (struct metric_input){
        model_task(s->model), model_classes(s->model), s->rows->n_rows, y, s->p, NULL
    };
}

static int put_metrics(struct val *into, const struct metric_input *in, struct err *e)
{
    double v[MAX_METRICS];
    int rc = metric_all(in, v, e);

    for (size_t i = 0; !rc && metrics[i].name; i++)
        if (metrics[i].tasks & (unsigned)in->task) val_set_real(into, metrics[i].name, v[i]);
    return rc;
}

static void put_confusion(struct reply *r, const struct scoring *s, const struct metric_input *in)
{
    size_t k = (size_t)in->n_classes;
    size_t *counts = mem_zalloc(k * k, sizeof *counts);
    struct val *rows = val_set_list(r->v, "confusion"), *classes;

    metric_confusion(in, counts);
    for (size_t i = 0; i < k; i++) {
        struct val *row = val_list(&r->arena);
        for (size_t j = 0; j < k; j++)
            val_push(row, val_int(&r->arena, (int64_t)counts[i * k + j]));
        val_push(rows, row);
    }
    free(counts);
    classes = val_set_list(r->v, "classes");
    for (size_t i = 0; i < k; i++) val_push_str(classes, model_class(s->model, (int)i));
}

static void put_calibration(struct val *v, const struct metric_input *in)
{
    struct calibration_bin bins[10];
    struct val *list = val_set_list(v, "calibration");

    metric_calibration(in, bins);
    for (size_t b = 0; b < ARRAY_LEN(bins); b++) {
        struct val *o = val_push_obj(list);
        val_set_int(o, "n", (int64_t)bins[b].n);
        val_set_real(o, "mean_p", bins[b].mean_p);
        val_set_real(o, "rate", bins[b].rate);
    }
}

/* ---- groups -------------------------------------------------------------------------- */

/* Rows sorted by group: rows of group g are order[start[g]] to order[start[g + 1] - 1]. */
struct groups {
    struct map *names; /* value -> group */
    size_t *start, *order;
};

static void groups_done(struct groups *g)
{
    map_free(g->names);
    free(g->start);
    free(g->order);
}

static int find_groups(const struct column *c, size_t n_rows, struct groups *g, struct err *e)
{
    size_t *of = mem_try(n_rows + 1, sizeof *of);

    g->names = map_new();
    g->order = mem_try(n_rows + 1, sizeof *g->order);
    g->start = mem_zalloc(MAX_GROUPS + 2, sizeof *g->start);
    for (size_t i = 0; of && g->order && i < n_rows; i++) {
        char buf[40];
        const char *s = column_text(c, i, buf);
        bool is_new;
        int64_t *id = map_at(g->names, s, strlen(s), &is_new);
        if (is_new) *id = (int64_t)map_len(g->names) - 1;
        if (map_len(g->names) > MAX_GROUPS) {
            free(of);
            return err_set(e, ERR_INVALID, "--group: column %s has more than %d values", c->name,
                           MAX_GROUPS);
        }
        of[i] = (size_t)*id;
        g->start[of[i] + 1]++;
    }
    if (!of || !g->order) {
        free(of);
        return err_set(e, ERR_NOMEM, "no memory to group %zu rows", n_rows);
    }
    for (size_t k = 0; k < MAX_GROUPS; k++) g->start[k + 1] += g->start[k];
    size_t *next = mem_zalloc(MAX_GROUPS + 1, sizeof *next);
    for (size_t i = 0; i < n_rows; i++) g->order[g->start[of[i]] + next[of[i]]++] = i;
    free(next);
    free(of);
    return 0;
}

/* Measures the n rows listed; y and p are room for them. */
static int put_group(struct val *into, const struct metric_input *all, const size_t *rows, size_t n,
                     double *y, double *p, struct err *e)
{
    size_t k = all->task == TASK_MULTICLASS ? (size_t)all->n_classes : 1;
    struct metric_input in = *all;

    for (size_t i = 0; i < n; i++) {
        y[i] = all->y[rows[i]];
        memcpy(p + i * k, all->p + rows[i] * k, k * sizeof *p);
    }
    in.n = n;
    in.y = y;
    in.p = p;
    val_set_int(into, "n", (int64_t)n);
    return put_metrics(val_set_obj(into, "metrics"), &in, e);
}

static int put_groups(struct reply *r, const struct scoring *s, const struct metric_input *all,
                      const char *name, struct err *e)
{
    const struct column *c = frame_col(s->rows, name);
    size_t k = (size_t)model_outputs(s->model);
    MEM_AUTO double *room = mem_try(all->n + 1, (k + 1) * sizeof *room);
    struct groups g = { 0 };
    int rc;

    if (!c) return err_set(e, ERR_INVALID, "--group: the data have no column %s", name);
    if (!room) return err_set(e, ERR_NOMEM, "no memory to group %zu rows", all->n);
    rc = find_groups(c, all->n, &g, e);
    if (!rc) {
        struct val *by = val_set_obj(r->v, "by_group");
        for (size_t i = 0; !rc && i < map_len(g.names); i++) {
            const char *value = map_key(g.names, i, NULL);
            rc = put_group(val_set_obj(by, *value ? value : "(missing)"), all, g.order + g.start[i],
                           g.start[i + 1] - g.start[i], room, room + all->n, e);
        }
    }
    groups_done(&g);
    return rc;
}

/* ---- the verb ------------------------------------------------------------------------ */

/* What a person wants to see first. */
static const char *as_text(struct reply *r)
{
    const struct val *m = val_get(r->v, "metrics"), *rows = val_get(r->v, "confusion");
    const struct val *classes = val_get(r->v, "classes");
    STR_AUTO s = STR_INIT;

    for (size_t i = 0; i < val_len(m); i++)
        str_addf(&s, "%-18s %.6g\n", val_key(m, i), val_as_real(val_at(m, i), (double)NAN));
    if (val_len(rows)) str_add(&s, "\nactual \\ predicted\n");
    for (size_t i = 0; i < val_len(rows); i++) {
        str_addf(&s, "%-18.18s", val_as_str(val_at(classes, i), ""));
        for (size_t j = 0; j < val_len(rows); j++)
            str_addf(&s, " %8lld", (long long)val_as_int(val_at(val_at(rows, i), j), 0));
        str_addc(&s, '\n');
    }
    return arena_strdup(&r->arena, str_c(&s));
}

static int measure(struct reply *r, const struct scoring *s, const double *y, const char *group,
                   struct err *e)
{
    struct metric_input in = input_of(s, y);
    size_t known = 0;
    int rc;

    for (size_t i = 0; i < in.n; i++) known += !isnan(y[i]);
    if (!known) {
        err_set(e, ERR_INVALID, "no row has a known value of %s", model_target(s->model));
        return err_hint(e, "a classifier knows the labels it was trained on");
    }
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "model", s->ref.uri);
    val_set_int(r->v, "rows", (int64_t)known);
    val_set_int(r->v, "unlabelled_rows", (int64_t)(in.n - known));
    val_set_str(r->v, "task", task_name(in.task));
    rc = put_metrics(val_set_obj(r->v, "metrics"), &in, e);
    if (!rc && in.task != TASK_REGRESSION) {
        put_confusion(r, s, &in);
        put_calibration(r->v, &in);
    }
    if (!rc && group) rc = put_groups(r, s, &in, group, e);
    if (!rc && !group) r->text = as_text(r);
    return rc;
}

int verb_evaluate(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct scoring s;
    double *y;
    int rc = scoring_run(app, &r->arena, args, &s, e);

    if (rc) return rc;
    y = mem_try(s.rows->n_rows + 1, sizeof *y);
    rc = y ? model_encode_target(s.model, s.rows, y, e)
           : err_set(e, ERR_NOMEM, "no memory to measure %zu rows", s.rows->n_rows);
    if (!rc) rc = measure(r, &s, y, val_get_str(args, "group", NULL), e);
    free(y);
    scoring_done(&s);
    return rc;
}
