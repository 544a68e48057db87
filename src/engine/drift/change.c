/* change.c: see change.h. Step and ramp are one family: a level until value s, a level from
 * value t on, a straight line between; t = s + 1 is a step. For given s and t the fit is a
 * regression on one variable that runs from 0 to 1. */
#include "engine/drift/change.h"

#include <math.h>
#include <stdbool.h>

#define RAMP_MIN     3
#define MARGIN       6.0
#define LATER_MARGIN 12.0 /* of the newer parts: there are many looks */

struct fit {
    size_t s, t;
    double rest; /* sum of squared residuals */
    double before, after;
};

static double course(size_t i, size_t s, size_t t)
{
    if (i <= s) return 0;
    return i >= t ? 1 : (double)(i - s) / (double)(t - s);
}

static struct fit fit_course(const double *x, size_t n, size_t s, size_t t)
{
    double sx = 0, sf = 0, sff = 0, sfx = 0, rest = 0, m = (double)n;

    for (size_t i = 0; i < n; i++) {
        double f = course(i, s, t);
        sx += x[i];
        sf += f;
        sff += f * f;
        sfx += f * x[i];
    }
    double slope = (sfx - sf * sx / m) / (sff - sf * sf / m), level = (sx - slope * sf) / m;
    for (size_t i = 0; i < n; i++) {
        double r = x[i] - level - slope * course(i, s, t);
        rest += r * r;
    }
    return (struct fit){ s, t, rest, level, level + slope };
}

static double rest_of_level(const double *x, size_t n)
{
    double mean = 0, rest = 0;

    for (size_t i = 0; i < n; i++) mean += x[i] / (double)n;
    for (size_t i = 0; i < n; i++) rest += (x[i] - mean) * (x[i] - mean);
    return rest;
}

/* Best of all courses with t - s in [least, most]; two values stay on each level. */
static struct fit best_course(const double *x, size_t n, size_t least, size_t most)
{
    struct fit best = { .rest = INFINITY };

    for (size_t s = 1; s + least + 1 < n; s++)
        for (size_t t = s + least; t <= s + most && t + 1 < n; t++) {
            struct fit f = fit_course(x, n, s, t);
            if (f.rest < best.rest) best = f;
        }
    return best;
}

/* How much better: n ln(a/b), with rests below rounding taken as rounding. */
static double gain(double a, double b, double rounding, size_t n)
{
    return (double)n * log(fmax(a, rounding) / fmax(b, rounding));
}

struct search {
    double rounding, margin;
};

static bool explains(const double *x, size_t n, const struct fit *f, const struct search *w)
{
    return gain(rest_of_level(x, n), f->rest, w->rounding, n) > 2 * log((double)n) + w->margin;
}

/* Is there still a change without the value that fits worst? One odd value is none. */
static bool holds_without_worst(const double *x, size_t n, const struct fit *f,
                                const struct search *w)
{
    double less[CHANGE_MAX], worst = -1;
    size_t odd = 0, k = 0;

    for (size_t i = 0; i < n; i++) {
        double r = fabs(x[i] - f->before - (f->after - f->before) * course(i, f->s, f->t));
        if (r > worst) {
            worst = r;
            odd = i;
        }
    }
    for (size_t i = 0; i < n; i++)
        if (i != odd) less[k++] = x[i];
    bool step = f->t == f->s + 1;
    struct fit again = best_course(less, k, step ? 1 : RAMP_MIN, step ? 1 : k);
    return explains(less, k, &again, w);
}

static const struct change none = { CHANGE_NONE, 0, 0, NAN, NAN };

/* The one change of x[0..n), n at most CHANGE_MAX. */
static struct change find_one(const double *x, size_t n, double margin)
{
    double size = 0;

    for (size_t i = 0; i < n; i++) size = fmax(size, fabs(x[i]));
    const struct search w = { (double)n * pow(1e-9 * size, 2) + 1e-300, margin };
    struct fit step = best_course(x, n, 1, 1), ramp = best_course(x, n, RAMP_MIN, n);
    bool gradual = gain(step.rest, ramp.rest, w.rounding, n) > log((double)n) + 2;
    const struct fit *f = gradual ? &ramp : &step;

    if (!explains(x, n, f, &w) || !holds_without_worst(x, n, f, &w)) return none;
    return (struct change){ gradual ? CHANGE_GRADUAL : CHANGE_SUDDEN, f->s + 1, f->t, f->before,
                            f->after };
}

struct change change_find(const double *x, size_t n)
{
    size_t all = n < CHANGE_MAX ? n : CHANGE_MAX;
    struct change found = none;

    for (size_t len = all; len >= CHANGE_MIN; len /= 2) {
        struct change c = find_one(x + n - len, len, len == all ? MARGIN : LATER_MARGIN);
        c.at += n - len;
        c.end += n - len;
        if (c.kind != CHANGE_NONE && (found.kind == CHANGE_NONE || c.at > found.end)) found = c;
    }
    return found;
}
