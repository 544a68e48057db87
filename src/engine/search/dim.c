/* dim.c: one dimension of a sweep's space: from [0, 1] to values by quantile functions, and the
 * cells that discrete values make of [0, 1].
 *
 * A rounded value v stands for the x nearer to it than to its neighbours, so its cell ends at
 * the distribution function of v - q/2 and v + q/2; at the bounds of a range cells are cut.
 * Tails are cut at EDGE, so quantiles are finite. */
#include "engine/search/space.h"
#include "engine/stats/special.h"

#include <assert.h>
#include <math.h>

#define EDGE 1e-9

static double clip(double u)
{
    return u < 0 ? 0 : u > 1 ? 1 : u;
}

static double inside(double u)
{
    return u < EDGE ? EDGE : u > 1 - EDGE ? 1 - EDGE : u;
}

/* ---- quantile and distribution functions ---------------------------------------------------- */

/* By bisection: the distribution function is all there is, and sweeps draw few numbers. */
static double beta_quantile(double a, double b, double p)
{
    double lo = 0, hi = 1;

    for (int i = 0; i < 60; i++) {
        double mid = (lo + hi) / 2;
        if (beta_inc(a, b, mid) < p) lo = mid;
        else hi = mid;
    }
    return (lo + hi) / 2;
}

static double quantile(const struct dim *d, double u)
{
    double a = d->a, b = d->b;

    switch (d->dist->family) {
    case DIST_INT: return a + floor(fmin(u * (b - a + 1), b - a));
    case DIST_LINEAR: return a + u * (b - a);
    case DIST_EXP: return exp(a + u * (b - a));
    case DIST_INVEXP: return exp(-(b - u * (b - a)));
    case DIST_LOG:
    case DIST_INVLOG: return fmin(b, fmax(a, exp(log(a) + u * (log(b) - log(a)))));
    case DIST_NORMAL: return a + b * norm_ppf(inside(u));
    case DIST_LOGNORMAL: return exp(a + b * norm_ppf(inside(u)));
    case DIST_BETA: return beta_quantile(a, b, u);
    }
    return (double)NAN;
}

static double share(double x, double lo, double hi)
{
    return hi > lo ? clip((x - lo) / (hi - lo)) : x < lo ? 0 : 1;
}

/* P(X < x) of the distribution before rounding. */
static double cumulated(const struct dim *d, double x)
{
    double a = d->a, b = d->b;

    switch (d->dist->family) {
    case DIST_INT: return share(x - a, 0, b - a + 1);
    case DIST_LINEAR: return share(x, a, b);
    case DIST_EXP: return x <= 0 ? 0 : share(log(x), a, b);
    case DIST_INVEXP: return x <= 0 ? 0 : share(log(x), -b, -a);
    case DIST_LOG:
    case DIST_INVLOG: return x <= 0 ? 0 : share(log(x), log(a), log(b));
    case DIST_NORMAL: return norm_cdf((x - a) / b);
    case DIST_LOGNORMAL: return x <= 0 ? 0 : norm_cdf((log(x) - a) / b);
    case DIST_BETA: return beta_inc(a, b, clip(x));
    }
    return (double)NAN;
}

/* ---- steps ---------------------------------------------------------------------------------- */

/* k * q without the noise of binary fractions: 3 * 0.1 is 0.3. */
static double multiple(double k, double q)
{
    double per = 1 / q;

    return fabs(per - rint(per)) < 1e-9 * per ? k / rint(per) : k * q;
}

static double step_of(const struct dim *d, double u)
{
    return rint(quantile(d, u) / d->q);
}

double dim_number(const struct dim *d, double u)
{
    assert(!d->values);
    return d->dist->quantised ? multiple(step_of(d, u), d->q) : quantile(d, u);
}

/* ---- choices -------------------------------------------------------------------------------- */

static size_t choice_at(const struct dim *d, double u)
{
    size_t i = 0;

    while (i + 1 < d->levels && u >= d->upto[i]) i++;
    return i;
}

/* ---- all of them ---------------------------------------------------------------------------- */

struct val *dim_value(const struct dim *d, struct arena *a, double u)
{
    double v;

    if (d->values) return val_copy(a, val_at(d->values, choice_at(d, u)));
    v = dim_number(d, u);
    if (dim_is_discrete(d) && v == rint(v) && d->q == rint(d->q) && fabs(v) < 9e15)
        return val_int(a, (int64_t)v);
    return val_real(a, v);
}

bool dim_cell(const struct dim *d, double u, double *lo, double *hi)
{
    if (d->values) {
        size_t i = choice_at(d, u);
        *lo = i ? d->upto[i - 1] : 0;
        *hi = d->upto[i];
        return true;
    }
    if (d->dist->family == DIST_INT) {
        double n = d->b - d->a + 1, k = quantile(d, u) - d->a;
        *lo = k / n;
        *hi = (k + 1) / n;
        return true;
    }
    if (!d->dist->quantised) return false;
    double k = step_of(d, u);
    *lo = cumulated(d, (k - 0.5) * d->q);
    *hi = cumulated(d, (k + 0.5) * d->q);
    return true;
}

double dim_snap(const struct dim *d, double u)
{
    double lo, hi;

    u = clip(u);
    return dim_cell(d, u, &lo, &hi) ? (lo + hi) / 2 : u;
}

size_t dim_level(const struct dim *d, double u)
{
    if (d->values) return choice_at(d, u);
    if (d->dist->family == DIST_INT) return (size_t)(quantile(d, u) - d->a);
    return (size_t)(step_of(d, u) - step_of(d, 0));
}

double dim_middle(const struct dim *d, size_t level)
{
    double lo, hi;

    if (d->values) return ((level ? d->upto[level - 1] : 0) + d->upto[level]) / 2;
    if (d->dist->family == DIST_INT) return ((double)level + 0.5) / (d->b - d->a + 1);
    double k = step_of(d, 0) + (double)level;
    lo = cumulated(d, (k - 0.5) * d->q);
    hi = cumulated(d, (k + 0.5) * d->q);
    return (lo + hi) / 2;
}
