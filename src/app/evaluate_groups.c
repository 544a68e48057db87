/* evaluate_groups.c: the part of evaluate about groups of rows: the metrics of each, its rates
 * with intervals, and how far apart they are. A group too small to say anything is shown, marked
 * and not compared. Rows of unknown answer do not count. */
#include "app/evaluate.h"

#include "base/map.h"
#include "base/mem.h"
#include "engine/metric/fairness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_GROUPS  1000
#define FOUR_FIFTHS 0.8

/* Labelled rows in order of their groups: group g has from start[g] up to start[g + 1]. */
struct groups {
    struct map *names; /* value -> group */
    size_t *start, *group, *fill;
    double *y, *p, *decided;
    size_t k; /* outputs */
};

static void groups_done(struct groups *g)
{
    map_free(g->names);
    free(g->start);
    free(g->group);
    free(g->fill);
    free(g->y);
    free(g->p);
    free(g->decided);
}

static int find_groups(const struct evaluation *ev, const struct column *c, size_t *of,
                       struct groups *g, struct err *e)
{
    for (size_t i = 0; i < ev->in.n; i++) {
        char buf[40];
        bool is_new;
        const char *s = column_text(c, i, buf);
        int64_t *id = map_at(g->names, s, strlen(s), &is_new);
        if (is_new) *id = (int64_t)map_len(g->names) - 1;
        if (map_len(g->names) > MAX_GROUPS)
            return err_set(e, ERR_INVALID, "--group: column %s has more than %d values", c->name,
                           MAX_GROUPS);
        of[i] = (size_t)*id;
        g->start[of[i] + 1] += !isnan(ev->in.y[i]);
    }
    for (size_t k = 0; k < MAX_GROUPS; k++) g->start[k + 1] += g->start[k];
    return 0;
}

static int arrange(const struct evaluation *ev, const struct column *c, struct groups *g,
                   struct err *e)
{
    size_t n = ev->in.n, k = ev->in.task == TASK_MULTICLASS ? (size_t)ev->in.n_classes : 1;
    MEM_AUTO size_t *of = mem_try(n + 1, sizeof *of);
    int rc;

    g->k = k;
    g->names = map_new();
    g->start = mem_zalloc(MAX_GROUPS + 2, sizeof *g->start);
    g->fill = mem_zalloc(MAX_GROUPS + 1, sizeof *g->fill);
    g->group = mem_try(n + 1, sizeof *g->group);
    g->y = mem_try(n + 1, sizeof *g->y);
    g->p = mem_try(n + 1, k * sizeof *g->p);
    g->decided = mem_try(n + 1, k * sizeof *g->decided);
    if (!of || !g->group || !g->y || !g->p || !g->decided)
        return err_set(e, ERR_NOMEM, "no memory to group %zu rows", n);
    if ((rc = find_groups(ev, c, of, g, e))) return rc;
    for (size_t i = 0; i < n; i++) {
        if (isnan(ev->in.y[i])) continue;
        size_t at = g->start[of[i]] + g->fill[of[i]]++;
        g->group[at] = of[i];
        g->y[at] = ev->in.y[i];
        memcpy(g->p + at * k, ev->in.p + i * k, k * sizeof *g->p);
        memcpy(g->decided + at * k, ev->decided.p + i * k, k * sizeof *g->decided);
    }
    return 0;
}

/* ---- one group --------------------------------------------------------------------------- */

static void put_share(struct val *o, const char *key, double k, double n)
{
    if (!(n > 0)) return;
    struct interval i = wilson_interval(k, n, 0.95);
    evaluate_put_figure(o, key, k / n, fmax(0, i.low), fmin(1, i.high));
}

static void put_rates(struct val *o, const struct group_rates *g)
{
    o = val_set_obj(o, "rates");
    put_share(o, "base_rate", g->tp + g->fn, g->n);
    put_share(o, "selection_rate", g->tp + g->fp, g->n);
    put_share(o, "tpr", g->tp, g->tp + g->fn);
    put_share(o, "fpr", g->fp, g->fp + g->tn);
    put_share(o, "precision", g->tp, g->tp + g->fp);
    put_share(o, "accuracy", g->tp + g->tn, g->n);
}

/* Mean of prediction - target with the normal interval of a mean. */
static void put_bias(struct val *o, const double *y, const double *p, size_t n)
{
    double mean = 0, squares = 0;

    for (size_t i = 0; i < n; i++) mean += (p[i] - y[i]) / (double)n;
    for (size_t i = 0; i < n; i++) squares += (p[i] - y[i] - mean) * (p[i] - y[i] - mean);
    double half =
        n > 1 ? 1.959963984540054 * sqrt(squares / (double)(n - 1) / (double)n) : (double)NAN;
    evaluate_put_figure(o, "bias", mean, mean - half, mean + half);
}

static int put_group(struct evaluation *ev, const struct groups *g, size_t i, struct val *o,
                     struct err *e)
{
    size_t from = g->start[i], n = g->start[i + 1] - from;
    struct metric_input in = ev->in, decided = ev->in;

    in.n = decided.n = n;
    in.y = decided.y = g->y + from;
    in.p = g->p + from * g->k;
    decided.p = g->decided + from * g->k;
    val_set_int(o, "n", (int64_t)n);
    val_set_bool(o, "small", (int64_t)n < val_get_int(ev->args, "min-group", 30));
    if (in.task == TASK_REGRESSION) put_bias(o, in.y, in.p, n);
    return evaluate_put_metrics(val_set_obj(o, "metrics"), &in, &decided, e);
}

/* ---- between groups ---------------------------------------------------------------------- */

static int find_privileged(const struct evaluation *ev, const struct groups *g, size_t *ret,
                           struct err *e)
{
    const char *name = val_get_str(ev->args, "privileged", NULL);
    const int64_t *id = name ? map_find(g->names, name, strlen(name)) : NULL;

    *ret = id ? (size_t)*id : map_len(g->names);
    if (name && !id)
        return err_set(e, ERR_INVALID, "--privileged: no row has the value %.80s in that column",
                       name);
    return 0;
}

static int put_fairness(struct evaluation *ev, const struct groups *g, struct val **each,
                        struct err *e)
{
    double least = (double)val_get_int(ev->args, "min-group", 30), v[FAIR_COUNT];
    struct interval ci[FAIR_COUNT];
    struct fair_input in = { .n = g->start[map_len(g->names)],
                             .n_groups = map_len(g->names),
                             .y = g->y,
                             .p = g->p,
                             .group = g->group,
                             .threshold = ev->threshold,
                             .least = least };
    MEM_AUTO struct group_rates *rates = mem_zalloc(in.n_groups + 1, sizeof *rates);
    int compared = 0, rc = find_privileged(ev, g, &in.privileged, e);

    if (rc) return rc;
    fair_count(&in, NULL, rates);
    fair_measures(&in, rates, v);
    for (size_t i = 0; i < FAIR_COUNT; i++) ci[i] = (struct interval){ (double)NAN, (double)NAN };
    if (ev->replicates != BOOTSTRAP_NONE &&
        (rc = fair_intervals(&ev->en, &in, ev->replicates, ci, e)))
        return rc;
    for (size_t i = 0; i < in.n_groups; i++) {
        compared += rates[i].n >= least;
        put_rates(each[i], &rates[i]);
    }
    struct val *o = val_set_obj(ev->r->v, "fairness");
    val_set_str(o, "group", val_get_str(ev->args, "group", NULL));
    val_set_int(o, "groups", (int64_t)in.n_groups);
    val_set_int(o, "compared", compared);
    val_set_int(o, "min_group", (int64_t)least);
    val_set_str(o, "privileged", val_get_str(ev->args, "privileged", NULL));
    if (!isnan(v[FAIR_demographic_parity_ratio]))
        val_set_bool(o, "four_fifths", v[FAIR_demographic_parity_ratio] >= FOUR_FIFTHS);
    o = val_set_obj(o, "measures");
    for (size_t i = 0; i < FAIR_COUNT; i++)
        evaluate_put_figure(o, fair_infos[i].name, v[i], ci[i].low, ci[i].high);
    return 0;
}

int evaluate_groups(struct evaluation *ev, const char *name, struct err *e)
{
    const struct column *c = frame_col(ev->s->rows, name);
    struct groups g = { 0 };
    int rc;

    if (!c) return err_set(e, ERR_INVALID, "--group: the data have no column %s", name);
    rc = arrange(ev, c, &g, e);
    struct val *by = rc ? NULL : val_set_obj(ev->r->v, "by_group");
    struct val **each = arena_array(&ev->r->arena, MAX_GROUPS + 1, struct val *);
    for (size_t i = 0; !rc && i < map_len(g.names); i++) {
        const char *value = map_key(g.names, i, NULL);
        each[i] = val_set_obj(by, *value ? value : "(missing)");
        rc = put_group(ev, &g, i, each[i], e);
    }
    if (!rc && ev->in.task == TASK_BINARY) rc = put_fairness(ev, &g, each, e);
    groups_done(&g);
    return rc;
}
