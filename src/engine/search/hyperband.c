/* hyperband.c: early termination as the sweeps of W&B do it.
 *
 * Bands are min_iter * eta^k, or max_iter / eta^1 … max_iter / eta^s. At a band a trial goes on
 * while its value there (strict), or its best so far, is not worse than the element number
 * n / eta of the sorted values of all n trials that reached the band, itself among them. */
#include "base/mem.h"
#include "engine/search/search.h"

#include <math.h>
#include <stdlib.h>

extern const struct pruner pruner_hyperband, pruner_asha;

static int check(const struct pruner_options *o, struct err *e)
{
    if (!o->min_iter == !o->max_iter) {
        err_set(e, ERR_INVALID, "early_terminate: hyperband needs %s",
                o->min_iter ? "only one of min_iter and max_iter" : "min_iter, or max_iter and s");
        return err_hint(e,
                        "min_iter: 3 looks at rounds 3, 9, 27 …; max_iter: 27 with s: 2 at 9, 3");
    }
    if (o->max_iter && !o->s)
        return err_set(e, ERR_INVALID, "early_terminate.s: max_iter needs it, the number of bands");
    return 0;
}

static int64_t next_from_min(const struct pruner_options *o, int64_t step)
{
    double band = (double)(o->min_iter > 0 ? o->min_iter : 1);

    while (floor(band) <= (double)step) band *= o->eta;
    return band < 1e15 ? (int64_t)band : 0;
}

static int64_t next_band(const struct pruner_options *o, int64_t step)
{
    if (!o->max_iter) return next_from_min(o, step);
    double band = (double)o->max_iter / pow(o->eta, (double)o->s);
    for (int64_t i = 0; i < o->s; i++, band *= o->eta)
        if (floor(band + 1e-9) > (double)step) return (int64_t)floor(band + 1e-9);
    return 0;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

/* Values at the step of all that reached it, sorted; *ret_own: that of the trial itself. */
static double *gather(bool best, const struct search_curve *own, const struct search_curve *others,
                      size_t n, size_t *ret_n, double *ret_own)
{
    int64_t step = own->step[own->n - 1];
    double *v = mem_alloc((n + 1) * sizeof *v);
    size_t k = 0;

    *ret_own = best ? curve_best(own, step) : curve_at(own, step);
    v[k++] = *ret_own;
    for (size_t i = 0; i < n; i++) {
        const struct search_curve *c = &others[i];
        if (c->n == 0 || c->step[c->n - 1] < step) continue;
        double x = best ? curve_best(c, step) : curve_at(c, step);
        if (!isnan(x)) v[k++] = x;
    }
    qsort(v, k, sizeof *v, ascending);
    *ret_n = k;
    return v;
}

static bool stop(const struct pruner_options *o, const struct search_curve *own,
                 const struct search_curve *others, size_t n, size_t done)
{
    size_t reached;
    double mine;
    double *v = gather(!o->strict, own, others, n, &reached, &mine);
    size_t limit = (size_t)((double)reached / o->eta);
    bool worse = mine > v[limit < reached ? limit : reached - 1];

    (void)done;
    free(v);
    return worse || isnan(mine);
}

/* Among the best 1/eta of those that have reached the rung so far, or the best of all. */
static bool stop_asha(const struct pruner_options *o, const struct search_curve *own,
                      const struct search_curve *others, size_t n, size_t done)
{
    size_t reached;
    double mine;
    double *v = gather(false, own, others, n, &reached, &mine);
    size_t keep = (size_t)((double)reached / o->eta);
    bool worse = mine > v[keep ? keep - 1 : 0];

    (void)done;
    free(v);
    return worse || isnan(mine);
}

static const char *const hyperband_keys[] = { "min_iter", "max_iter", "s", "eta", "strict", NULL };
const struct pruner pruner_hyperband = {
    .name = "hyperband", .keys = hyperband_keys, .check = check, .next = next_band, .stop = stop
};

static const char *const asha_keys[] = { "min_iter", "eta", NULL };
const struct pruner pruner_asha = {
    .name = "asha", .keys = asha_keys, .next = next_from_min, .stop = stop_asha
};
