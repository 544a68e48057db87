/* sample.c: see sample.h. Sums are in long double over sorted values, two passes, so that large
 * offsets do not cancel the spread away. */
#include "engine/stats/sample.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

int sample_new(const double *x, size_t n, struct sample *ret, struct err *e)
{
    double *v = mem_try(n ? n : 1, sizeof *v);
    if (!v) return err_set(e, ERR_NOMEM, "no memory for a sample of %zu values", n);
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(x[i])) v[k++] = x[i];
    qsort(v, k, sizeof *v, ascending);
    *ret = (struct sample){ v, k, n - k };
    return 0;
}

void sample_done(struct sample *s)
{
    free(s->x);
    *s = (struct sample){ 0 };
}

struct moments sample_moments(const struct sample *s)
{
    struct moments m = { NAN, NAN, NAN, NAN, NAN };
    if (s->n == 0) return m;
    long double n = (long double)s->n, sum = 0, c2 = 0, c3 = 0, c4 = 0;
    for (size_t i = 0; i < s->n; i++) sum += s->x[i];
    long double mean = sum / n;
    for (size_t i = 0; i < s->n; i++) {
        long double d = s->x[i] - mean, d2 = d * d;
        c2 += d2;
        c3 += d2 * d;
        c4 += d2 * d2;
    }
    long double var = c2 / n;
    m.mean = (double)mean;
    m.var = (double)var;
    if (s->n > 1) m.std = (double)sqrtl(c2 / (n - 1));
    if (s->x[0] != s->x[s->n - 1] && var > 0) {
        m.skew = (double)(c3 / n / (var * sqrtl(var)));
        m.kurt = (double)(c4 / n / (var * var) - 3);
    }
    return m;
}

double sample_quantile(const struct sample *s, double p)
{
    if (s->n == 0 || !(p >= 0 && p <= 1)) return NAN;
    double at = p * (double)(s->n - 1), low = floor(at);
    size_t i = (size_t)low;
    if (i + 1 >= s->n) return s->x[s->n - 1];
    double a = s->x[i], b = s->x[i + 1], f = at - low;
    /* from the nearer end, so that f = 1 would give b exactly */
    return f < 0.5 ? a + f * (b - a) : b - (1 - f) * (b - a);
}

double sample_mad(const struct sample *s, struct err *e)
{
    double median = sample_quantile(s, 0.5);
    struct sample d = { mem_try(s->n ? s->n : 1, sizeof(double)), s->n, 0 };
    if (!d.x) {
        err_set(e, ERR_NOMEM, "no memory for %zu deviations", s->n);
        return NAN;
    }
    for (size_t i = 0; i < s->n; i++) d.x[i] = fabs(s->x[i] - median);
    qsort(d.x, d.n, sizeof *d.x, ascending);
    double mad = sample_quantile(&d, 0.5);
    sample_done(&d);
    return mad;
}

size_t sample_distinct(const struct sample *s)
{
    size_t n = s->n > 0;
    for (size_t i = 1; i < s->n; i++) n += s->x[i] != s->x[i - 1];
    return n;
}
