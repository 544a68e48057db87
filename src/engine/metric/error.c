/* error.c: metrics of numeric predictions. r2 of a constant target is 1 for a perfect
 * prediction and 0 otherwise; mape takes |target| as at least 2^-52 (both as scikit-learn). */
#include "engine/metric/fns.h"

#include <float.h>
#include <math.h>

static double mean_of(const struct metric_input *in, double (*fn)(double y, double p))
{
    double sum = 0, total = 0;

    for (size_t i = 0; i < in->n; i++) {
        double w = metric_weight(in, i);
        sum += w * fn(in->y[i], in->p[i]);
        total += w;
    }
    return total > 0 ? sum / total : (double)NAN;
}

static double squared(double y, double p)
{
    return (y - p) * (y - p);
}
static double absolute(double y, double p)
{
    return fabs(y - p);
}
static double relative(double y, double p)
{
    return fabs(y - p) / fmax(fabs(y), DBL_EPSILON);
}
static double target(double y, double p)
{
    (void)p;
    return y;
}

double metric_fn_rmse(const struct metric_input *in)
{
    return sqrt(mean_of(in, squared));
}
double metric_fn_mae(const struct metric_input *in)
{
    return mean_of(in, absolute);
}
double metric_fn_mape(const struct metric_input *in)
{
    return mean_of(in, relative);
}

double metric_fn_r2(const struct metric_input *in)
{
    double mean = mean_of(in, target), error = 0, spread = 0;

    if (in->n < 2) return (double)NAN;
    for (size_t i = 0; i < in->n; i++) {
        double w = metric_weight(in, i);
        error += w * squared(in->y[i], in->p[i]);
        spread += w * squared(in->y[i], mean);
    }
    if (spread > 0) return 1 - error / spread;
    return error > 0 ? 0 : 1;
}
