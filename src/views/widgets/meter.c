/* meter.c: see meter.h. Eighth blocks give eight steps a cell; on an ASCII canvas the glyph
 * table turns them into '#' or '-'. */
#include "views/widgets/meter.h"
#include <math.h>

static double clamp01(double f)
{
    return isnan(f) || f < 0 ? 0 : f > 1 ? 1 : f;
}

/* Left part of a row filled in eighths; returns the cells used. */
static int fill_eighths(struct canvas *cv, struct rect at, enum role role, double fraction)
{
    int eighths = (int)lround(clamp01(fraction) * 8 * at.w);
    int full = eighths / 8, rest = eighths % 8;
    canvas_fill(cv, rect_make(at.x, at.y, full, 1), role, 0x2588);
    if (rest == 0 || full >= at.w) return full;
    canvas_put(cv, at.x + full, at.y, role, 0x2590u - (uint32_t)rest);
    return full + 1;
}

void meter_gauge(struct canvas *cv, struct rect at, enum role role, double fraction)
{
    if (at.w <= 0) return;
    int used = fill_eighths(cv, at, role, fraction);
    uint32_t trough = cv->ascii ? '-' : 0x2591;
    canvas_fill(cv, rect_make(at.x + used, at.y, at.w - used, 1), ROLE_RULE, trough);
}

void meter_bar(struct canvas *cv, struct rect at, enum role role, double fraction)
{
    if (at.w > 0) fill_eighths(cv, at, role, fraction);
}

/* Mean of the values that fall into column i of cols. */
static double bin_mean(const double *v, size_t n, size_t i, size_t cols)
{
    if (n <= cols) return i < n ? v[i] : (double)NAN;
    size_t from = i * n / cols, to = (i + 1) * n / cols;
    double sum = 0;
    size_t got = 0;
    for (size_t k = from; k < to; k++) {
        if (isnan(v[k])) continue;
        sum += v[k];
        got++;
    }
    return got ? sum / (double)got : (double)NAN;
}

void meter_spark(struct canvas *cv, struct rect at, enum role role, const double *v, size_t n)
{
    if (at.w <= 0 || n == 0) return;
    size_t cols = (size_t)at.w;
    double lo = INFINITY, hi = -INFINITY;
    for (size_t i = 0; i < cols; i++) {
        double m = bin_mean(v, n, i, cols);
        if (isnan(m)) continue;
        lo = fmin(lo, m);
        hi = fmax(hi, m);
    }
    for (size_t i = 0; i < cols; i++) {
        double m = bin_mean(v, n, i, cols);
        if (isnan(m)) continue;
        int step = hi > lo ? (int)lround((m - lo) / (hi - lo) * 7) : 3;
        canvas_put(cv, at.x + (int)i, at.y, role, 0x2581u + (uint32_t)step);
    }
}
