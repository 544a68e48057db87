/* metric.c: the table, all metrics at once, and decisions. Rows without a target are taken out
 * once, here, so that no metric has to think of them. */
#include "engine/metric/metric.h"

#include "base/mem.h"
#include "base/str.h"
#include "engine/metric/fns.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct metric metrics[] = {
#define METRIC(name, tasks, greater, help) { #name, tasks, greater, metric_fn_##name, help },
#include "engine/metric/metrics.def"
#undef METRIC
    { NULL, 0, false, NULL, NULL },
};

const struct metric *metric_find(const char *name)
{
    for (const struct metric *m = metrics; m->name; m++)
        if (str_eq(m->name, name)) return m;
    return NULL;
}

size_t metric_n_classes(const struct metric_input *in)
{
    return in->n_classes > 2 ? (size_t)in->n_classes : 2;
}

size_t metric_decision(const struct metric_input *in, size_t i)
{
    const double *p = in->p + i * (size_t)(in->task == TASK_MULTICLASS ? in->n_classes : 1);
    size_t best = 0;

    if (in->task == TASK_BINARY) return *p >= 0.5;
    for (size_t c = 1; c < (size_t)in->n_classes; c++)
        if (p[c] > p[best]) best = c;
    return best;
}

/* A copy of the rows that have a target; memory is what the caller frees. */
static int labelled(const struct metric_input *in, struct metric_input *ret, double **memory,
                    struct err *e)
{
    size_t k = in->task == TASK_MULTICLASS ? (size_t)in->n_classes : 1, n = 0;
    double *y = mem_try(in->n + 1, (k + 2) * sizeof *y), *w = y + in->n, *p = w + in->n;

    if (!y) return err_set(e, ERR_NOMEM, "no memory to measure %zu rows", in->n);
    for (size_t i = 0; i < in->n; i++) {
        if (isnan(in->y[i])) continue;
        y[n] = in->y[i];
        w[n] = metric_weight(in, i);
        memcpy(p + n * k, in->p + i * k, k * sizeof *p);
        n++;
    }
    *ret = *in;
    ret->n = n;
    ret->y = y;
    ret->p = p;
    ret->w = in->w ? w : NULL;
    *memory = y;
    return 0;
}

int metric_all(const struct metric_input *in, double *out, struct err *e)
{
    struct metric_input all = *in;
    double *memory = NULL;
    size_t missing = 0;

    for (size_t i = 0; i < in->n; i++) missing += isnan(in->y[i]) != 0;
    if (missing) {
        int r = labelled(in, &all, &memory, e);
        if (r < 0) return r;
    }
    for (size_t i = 0; metrics[i].name; i++) {
        bool defined = all.n > 0 && (metrics[i].tasks & (unsigned)in->task);
        out[i] = defined ? metrics[i].fn(&all) : (double)NAN;
    }
    free(memory);
    return 0;
}
