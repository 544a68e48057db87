/* tests.c: the tests of drifts.def: each reads a prepared pair and fills in statistic, p-value
 * and effect. The work is in engine/stats; here it gets a name and an effect size. */
#include "engine/drift/drift.h"

#include "base/str.h"
#include "engine/stats/table.h"

#include <math.h>

static void measure_ks(const struct drift_pair *p, struct drift_value *v)
{
    *v = (struct drift_value){ p->merged.ks, ks_p(&p->ref, &p->cur, &p->merged, 0, NULL),
                               p->merged.ks };
}

static void measure_cvm(const struct drift_pair *p, struct drift_value *v)
{
    *v = (struct drift_value){ p->merged.cvm, cvm_p(&p->merged), p->merged.ks };
}

static void measure_ad(const struct drift_pair *p, struct drift_value *v)
{
    *v = (struct drift_value){ p->merged.ad, ad_p(&p->merged), p->merged.ks };
}

static void measure_mwu(const struct drift_pair *p, struct drift_value *v)
{
    *v = (struct drift_value){ p->merged.u1, mwu_p(&p->merged),
                               fabs(1 - 2 * mwu_auc(&p->merged)) };
}

static void measure_welch(const struct drift_pair *p, struct drift_value *v)
{
    struct t_test t = welch_t(&p->ref, &p->cur);
    *v = (struct drift_value){ t.t, t.p, fabs(cohens_d(&p->ref, &p->cur)) };
}

/* The scale of a feature that outliers do not move: the interquartile range, else the
 * standard deviation, else 1. */
static double scale_of(const struct sample *s)
{
    double iqr = sample_quantile(s, 0.75) - sample_quantile(s, 0.25);
    if (iqr > 0) return iqr;
    double std = sqrt(sample_moments(s).var);
    return std > 0 ? std : 1;
}

static void measure_wasserstein(const struct drift_pair *p, struct drift_value *v)
{
    double w = p->merged.wasserstein / scale_of(&p->ref);
    *v = (struct drift_value){ w, NAN, w };
}

static void measure_energy(const struct drift_pair *p, struct drift_value *v)
{
    *v = (struct drift_value){ p->merged.energy, NAN, NAN };
}

static void measure_chi2(const struct drift_pair *p, struct drift_value *v)
{
    struct table_test t = table_chi2(p->p, p->q, p->k, 0);
    *v = (struct drift_value){ t.stat, t.p, dist_balanced_v(p->p, p->q, p->k) };
    if (p->k == 2 && t.min_expected < 1) /* too thin for the chi-square law */
        v->p = table_fisher(p->p[0], p->p[1], p->q[0], p->q[1]);
}

static void measure_g(const struct drift_pair *p, struct drift_value *v)
{
    struct table_test t = table_g(p->p, p->q, p->k);
    *v = (struct drift_value){ t.stat, t.p, dist_balanced_v(p->p, p->q, p->k) };
}

/* How often the second of two values occurs in a sorted sample: false when there are others. */
static bool count_second(const struct sample *s, double first, double second, double *ret)
{
    size_t low = 0, high = s->n;
    while (low < high) { /* values equal to the first end here */
        size_t mid = low + (high - low) / 2;
        if (s->x[mid] <= first) low = mid + 1;
        else high = mid;
    }
    *ret = (double)(s->n - low);
    return low == s->n || (s->x[low] == second && s->x[s->n - 1] == second);
}

/* A feature of two values as a table {first, second} of each side. */
static bool two_values(const struct drift_pair *p, double ref[2], double cur[2])
{
    if (p->kind == DRIFT_CATEGORICAL) {
        for (size_t i = 0; i < 2; i++) {
            ref[i] = i < p->k ? p->p[i] : 0;
            cur[i] = i < p->k ? p->q[i] : 0;
        }
        return p->k <= 2;
    }
    double first = fmin(p->ref.x[0], p->cur.x[0]);
    double second = fmax(p->ref.x[p->ref.n - 1], p->cur.x[p->cur.n - 1]);
    if (!count_second(&p->ref, first, second, &ref[1])) return false;
    if (!count_second(&p->cur, first, second, &cur[1])) return false;
    ref[0] = p->n_ref - ref[1];
    cur[0] = p->n_cur - cur[1];
    return true;
}

static void measure_z(const struct drift_pair *p, struct drift_value *v)
{
    double a[2], b[2];
    *v = (struct drift_value){ NAN, NAN, NAN };
    if (!two_values(p, a, b)) return;
    struct z_test t = two_proportion_z(a[1], p->n_ref, b[1], p->n_cur);
    *v = (struct drift_value){ isnan(t.z) ? 0 : t.z, t.p, dist_balanced_v(a, b, 2) };
}

static void measure_fisher(const struct drift_pair *p, struct drift_value *v)
{
    double a[2], b[2];
    *v = (struct drift_value){ NAN, NAN, NAN };
    if (!two_values(p, a, b)) return;
    *v = (struct drift_value){ b[1] / p->n_cur - a[1] / p->n_ref,
                               table_fisher(a[0], a[1], b[0], b[1]), dist_balanced_v(a, b, 2) };
}

static void measure_psi(const struct drift_pair *p, struct drift_value *v)
{
    double psi = dist_psi_jeffreys(p->p, p->q, p->k);
    *v = (struct drift_value){ psi, dist_psi_p(psi, p->n_ref, p->n_cur, p->k), psi };
}

static void measure_js(const struct drift_pair *p, struct drift_value *v)
{
    double d = dist_js(p->p, p->q, p->k);
    *v = (struct drift_value){ d, NAN, d };
}

static void measure_kl(const struct drift_pair *p, struct drift_value *v)
{
    double d = dist_kl_eps(p->p, p->q, p->k);
    *v = (struct drift_value){ d, NAN, d };
}

static void measure_hellinger(const struct drift_pair *p, struct drift_value *v)
{
    double d = dist_hellinger(p->p, p->q, p->k);
    *v = (struct drift_value){ d, NAN, d };
}

static void measure_tvd(const struct drift_pair *p, struct drift_value *v)
{
    double d = dist_tvd(p->p, p->q, p->k);
    *v = (struct drift_value){ d, NAN, d };
}

const struct drift_test drift_tests[] = {
#define DRIFT(id, title, kinds, threshold, floor, help)                                            \
    { #id, title, kinds, measure_##id, threshold, floor, help },
#include "engine/drift/drifts.def"
#undef DRIFT
    { .name = NULL },
};

const struct drift_test *drift_test_find(const char *name)
{
    for (const struct drift_test *t = drift_tests; t->name; t++)
        if (str_eq(t->name, name)) return t;
    return NULL;
}
