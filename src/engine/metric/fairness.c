/* fairness.c: see fairness.h. The Theil index is the generalized entropy index of order 1 of
 * b = decision - truth + 1 (Speicher et al. 2018), from the counts alone: b is 1 where the model
 * is right, 2 for a wrong yes and 0 for a wrong no. */
#include "engine/metric/fairness.h"

#include "base/mem.h"
#include "engine/metric/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct fair_info fair_infos[FAIR_COUNT] = {
#define FAIR(name, help) { #name, help },
#include "engine/metric/fairness.def"
#undef FAIR
};

void fair_count(const struct fair_input *in, const double *w, struct group_rates *ret)
{
    memset(ret, 0, in->n_groups * sizeof *ret);
    for (size_t i = 0; i < in->n; i++) {
        if (in->group[i] >= in->n_groups) continue;
        struct group_rates *g = &ret[in->group[i]];
        double one = w ? w[i] : 1;
        bool yes = in->p[i] >= in->threshold;
        g->n += one;
        *(in->y[i] > 0 ? (yes ? &g->tp : &g->fn) : (yes ? &g->fp : &g->tn)) += one;
    }
}

struct spread {
    double difference, ratio;
};

/* fmax and fmin would let an undefined rate pass. */
static double larger(double a, double b)
{
    return isnan(a) || isnan(b) ? (double)NAN : fmax(a, b);
}

static double smaller(double a, double b)
{
    return isnan(a) || isnan(b) ? (double)NAN : fmin(a, b);
}

static struct spread spread_of(const struct fair_input *in, const struct group_rates *g,
                               double (*rate)(const struct group_rates *))
{
    double low = (double)INFINITY, high = -(double)INFINITY;
    size_t n = 0;

    for (size_t i = 0; i < in->n_groups; i++) {
        double r = g[i].n >= in->least && g[i].n > 0 ? rate(&g[i]) : (double)NAN;
        if (isnan(r)) continue;
        low = fmin(low, r);
        high = fmax(high, r);
        n++;
    }
    if (n < 2) return (struct spread){ (double)NAN, (double)NAN };
    return (struct spread){ high - low, high > 0 ? low / high : (double)NAN };
}

static struct group_rates others(const struct fair_input *in, const struct group_rates *g)
{
    struct group_rates o = { 0 };

    for (size_t i = 0; i < in->n_groups; i++) {
        if (i == in->privileged || g[i].n < in->least) continue;
        o.n += g[i].n;
        o.tp += g[i].tp;
        o.fp += g[i].fp;
        o.fn += g[i].fn;
        o.tn += g[i].tn;
    }
    return o;
}

static double theil(const struct fair_input *in, const struct group_rates *g)
{
    double n = 0, fp = 0, fn = 0;

    for (size_t i = 0; i < in->n_groups; i++) {
        n += g[i].n;
        fp += g[i].fp;
        fn += g[i].fn;
    }
    double mean = (n + fp - fn) / n, right = n - fp - fn;
    if (!(mean > 0)) return (double)NAN;
    return (right / mean * log(1 / mean) + fp * 2 / mean * log(2 / mean)) / n;
}

void fair_measures(const struct fair_input *in, const struct group_rates *g, double *out)
{
    struct spread parity = spread_of(in, g, group_selected), tpr = spread_of(in, g, group_tpr),
                  fpr = spread_of(in, g, group_fpr), precision = spread_of(in, g, group_precision);

    for (size_t i = 0; i < FAIR_COUNT; i++) out[i] = (double)NAN;
    out[FAIR_demographic_parity_difference] = parity.difference;
    out[FAIR_demographic_parity_ratio] = parity.ratio;
    out[FAIR_equal_opportunity_difference] = tpr.difference;
    out[FAIR_equal_opportunity_ratio] = tpr.ratio;
    out[FAIR_equalized_odds_difference] = larger(tpr.difference, fpr.difference);
    out[FAIR_equalized_odds_ratio] = smaller(tpr.ratio, fpr.ratio);
    out[FAIR_predictive_parity_difference] = precision.difference;
    out[FAIR_predictive_parity_ratio] = precision.ratio;
    out[FAIR_accuracy_difference] = spread_of(in, g, group_accuracy).difference;
    out[FAIR_theil_index] = theil(in, g);
    if (in->privileged >= in->n_groups) return;
    const struct group_rates p = g[in->privileged], u = others(in, g);
    double dt = group_tpr(&u) - group_tpr(&p), df = group_fpr(&u) - group_fpr(&p);
    out[FAIR_statistical_parity_difference] = group_selected(&u) - group_selected(&p);
    out[FAIR_disparate_impact] = group_selected(&u) / group_selected(&p);
    out[FAIR_true_positive_rate_difference] = dt;
    out[FAIR_average_odds_difference] = (dt + df) / 2;
    out[FAIR_average_abs_odds_difference] = (fabs(dt) + fabs(df)) / 2;
}

struct again {
    const struct fair_input *in;
    bool *part; /* which groups take part: as in the whole table, whatever was drawn */
};

static void measures_again(const void *user, const double *w, double *out)
{
    const struct again *a = user;
    struct fair_input in = *a->in;
    struct group_rates *g = mem_zalloc(in.n_groups + 1, sizeof *g);

    fair_count(&in, w, g);
    double unequal = theil(&in, g);
    for (size_t i = 0; i < in.n_groups; i++)
        if (!a->part[i]) g[i] = (struct group_rates){ 0 };
    in.least = 1;
    fair_measures(&in, g, out);
    out[FAIR_theil_index] = unequal;
    free(g);
}

int fair_intervals(const struct engine *en, const struct fair_input *in, size_t replicates,
                   struct interval *out, struct err *e)
{
    if (!replicates) replicates = bootstrap_replicates(in->n);
    struct group_rates *g = mem_zalloc(in->n_groups + 1, sizeof *g);
    struct again a = { in, mem_zalloc(in->n_groups + 1, sizeof(bool)) };
    const struct bootstrap b = { in->n, FAIR_COUNT, replicates, en->seed, measures_again, &a };
    double *v = mem_try(FAIR_COUNT * replicates, sizeof *v), all[FAIR_COUNT];
    int rc;

    fair_count(in, NULL, g);
    fair_measures(in, g, all);
    for (size_t i = 0; i < in->n_groups; i++) a.part[i] = g[i].n >= in->least;
    rc = v ? bootstrap_run(en, &b, v, e)
           : err_set(e, ERR_NOMEM, "no memory for %zu replicates", replicates);
    for (size_t i = 0; rc == 0 && i < FAIR_COUNT; i++)
        out[i] = bootstrap_bca(v + i * replicates, replicates, all[i], 0);
    free(v);
    free(a.part);
    free(g);
    return rc;
}
