/* gbdt_split.c: the best split of one leaf on one feature, from its histogram.
 *
 * All sums are integers in quantised units; the regularisation is brought to the same units, so
 * a gain is T(GL)^2/(HL+l2) + T(GR)^2/(HR+l2) up to one constant factor. The number of rows of
 * a side is not stored: it is taken as proportional to the hessian, which is exact for squared
 * loss without weights. Thresholds on it are therefore thresholds on the hessian's sum, and
 * since that sum only grows along the bins the allowed splits are one interval.
 * Ties go to the lower bin, and to missing values on the right. Pure; any thread. */
#include "engine/learn/gbdt.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A leaf in quantised units. */
struct units {
    double l1, l2, scale; /* gain in real units = scale * gain here */
    double min_h;         /* least hessian of a side */
    double row_h;         /* hessian of an average row */
    double shift;         /* gain to beat: of the unsplit leaf, plus min_gain_to_split */
};

static double shrink(double g, double l1)
{
    double a = fabs(g) - l1;

    return a > 0 ? a : 0;
}

static double side_gain(int64_t sum, const struct units *u, double l2)
{
    double t = shrink((double)gbdt_sum_g(sum), u->l1);

    return t * t / ((double)gbdt_sum_h(sum) + l2);
}

static struct units units_of(const struct gbdt_search *s)
{
    struct units u = { .l1 = s->p->lambda_l1 / s->g_unit, .l2 = s->p->lambda_l2 / s->h_unit };
    double h = (double)gbdt_sum_h(s->sum);
    double of_h = s->p->min_sum_hessian / s->h_unit;

    u.scale = s->g_unit * s->g_unit / s->h_unit;
    u.row_h = h / s->rows;
    /* half a row of slack, so that 20 rows of average hessian count as 20 */
    u.min_h = u.row_h * (s->p->min_data_in_leaf - 0.5);
    if (of_h > u.min_h) u.min_h = of_h;
    if (u.min_h < 1) u.min_h = 1;
    u.shift = h + u.l2 > 0 ? side_gain(s->sum, &u, u.l2) : 0;
    u.shift += s->p->min_gain_to_split / u.scale + 1e-12 * u.shift;
    return u;
}

/* The largest of gain[from, to), if above *best. */
static bool best_of(const double *gain, size_t from, size_t to, double *best, uint32_t *ret)
{
    bool found = false;

    for (size_t i = from; i < to; i++)
        if (gain[i] > *best) {
            *best = gain[i];
            *ret = (uint32_t)i;
            found = true;
        }
    return found;
}

/* Positions [*from, *to) whose left hessian and right hessian are both large enough. */
static void allowed(const int64_t *prefix, size_t n, int64_t extra, int64_t total, double min_h,
                    size_t *from, size_t *to)
{
    size_t a = 0, b = n;

    while (a < n && (double)gbdt_sum_h(prefix[a] + extra) < min_h) a++;
    while (b > a && (double)gbdt_sum_h(total - prefix[b - 1] - extra) < min_h) b--;
    *from = a;
    *to = b;
}

static void numeric(const struct gbdt_search *s, const struct units *u,
                    const struct gbdt_feature *f, const int64_t *hist, struct gbdt_split *ret)
{
    int64_t prefix[KERNEL_BINS + 4], sum = 0, missing = hist[f->n_bins];
    double gain[KERNEL_BINS + 4], best = u->shift;
    size_t n = f->n_bins, from, to;
    uint32_t bin = 0;

    for (size_t i = 0; i < n; i++) prefix[i] = sum += hist[i];
    for (size_t i = n; i < n + 4; i++) prefix[i] = sum;
    for (int left = 0; left <= (missing != 0); left++) {
        struct kernel_gain a = { s->sum, left ? missing : 0, u->l1, u->l2 };
        allowed(prefix, n, a.extra, s->sum, u->min_h, &from, &to);
        if (from >= to) continue;
        size_t at = from / 4 * 4;
        s->kern->split_gain(prefix + at, to - at, &a, gain + at);
        if (!best_of(gain, from, to, &best, &bin)) continue;
        ret->left = prefix[bin] + a.extra;
        ret->missing_left = left;
    }
    if (best <= u->shift) return;
    ret->bin = bin;
    ret->gain = (best - u->shift) * u->scale;
    ret->l2 = s->p->lambda_l2;
    if (missing == 0) ret->missing_left = 2 * gbdt_sum_h(ret->left) > gbdt_sum_h(s->sum);
}

/* Categories of a leaf worth looking at, in order of their mean gradient. */
struct group {
    double key;
    int64_t sum;
    uint16_t bin;
};

static int by_key_then_bin(const void *a, const void *b)
{
    const struct group *x = a, *y = b;

    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (int)x->bin - (int)y->bin;
}

static void take(const struct gbdt_feature *f, const struct group *g, uint32_t n,
                 struct gbdt_split *ret)
{
    ret->missing_left = false;
    ret->n_set = n;
    for (uint32_t i = 0; i < n; i++) {
        ret->set[i] = g[i].bin;
        if (g[i].bin == f->n_bins) ret->missing_left = true;
    }
}

static bool big_enough(int64_t sum, double min_h)
{
    return (double)gbdt_sum_h(sum) >= min_h;
}

static void one_against_rest(const struct gbdt_search *s, const struct units *u,
                             const struct gbdt_feature *f, const struct group *g, uint32_t n,
                             struct gbdt_split *ret)
{
    double best = u->shift;

    for (uint32_t i = 0; i < n; i++) {
        int64_t rest = s->sum - g[i].sum;
        if (!big_enough(g[i].sum, u->min_h) || !big_enough(rest, u->min_h)) continue;
        double gain = side_gain(g[i].sum, u, u->l2) + side_gain(rest, u, u->l2);
        if (!(gain > best)) continue;
        best = gain;
        ret->left = g[i].sum;
        ret->l2 = s->p->lambda_l2;
        take(f, g + i, 1, ret);
    }
    if (best > u->shift) ret->gain = (best - u->shift) * u->scale;
}

/* Sets that are a prefix of the sorted groups, or (g reversed by the caller) a suffix. */
static void prefixes(const struct gbdt_search *s, const struct units *u,
                     const struct gbdt_feature *f, const struct group *g, uint32_t n, double *best,
                     struct gbdt_split *ret)
{
    double l2 = u->l2 + s->p->cat_l2 / s->h_unit, group_h = 0;
    double min_group = u->row_h * (s->p->min_data_per_group - 0.5);
    uint32_t limit = (n + 1) / 2, chosen = 0;
    int64_t left = 0;

    if (limit > (uint32_t)s->p->max_cat_threshold) limit = (uint32_t)s->p->max_cat_threshold;
    for (uint32_t i = 0; i < limit; i++) {
        left += g[i].sum;
        group_h += (double)gbdt_sum_h(g[i].sum);
        int64_t right = s->sum - left;
        if (!big_enough(left, u->min_h)) continue;
        if (!big_enough(right, u->min_h) || !big_enough(right, min_group)) break;
        if (group_h < min_group) continue;
        group_h = 0;
        double gain = side_gain(left, u, l2) + side_gain(right, u, l2);
        if (!(gain > *best)) continue;
        *best = gain;
        ret->left = left;
        chosen = i + 1;
    }
    if (chosen > 0) take(f, g, chosen, ret);
}

static void category(const struct gbdt_search *s, const struct units *u,
                     const struct gbdt_feature *f, const int64_t *hist, struct gbdt_split *ret)
{
    struct group g[GBDT_WIDE_BINS + 1];
    bool few = f->n_bins <= (uint32_t)s->p->max_cat_to_onehot;
    double smooth = s->p->cat_smooth, least = few ? 0 : u->row_h * (smooth - 0.5), best = u->shift;
    uint32_t n = 0;

    /* smoothing as if `smooth` more units of hessian without gradient had been seen */
    for (uint32_t b = 0; b <= f->n_bins; b++) {
        double h = (double)gbdt_sum_h(hist[b]);
        if (h <= 0 || h < least) continue;
        g[n].sum = hist[b];
        g[n].key = (double)gbdt_sum_g(hist[b]) / (h + smooth / s->h_unit);
        g[n++].bin = (uint16_t)b;
    }
    if (few) {
        one_against_rest(s, u, f, g, n, ret);
        return;
    }
    qsort(g, n, sizeof *g, by_key_then_bin);
    prefixes(s, u, f, g, n, &best, ret);
    for (uint32_t i = 0; i < n / 2; i++) {
        struct group swap = g[i];
        g[i] = g[n - 1 - i];
        g[n - 1 - i] = swap;
    }
    prefixes(s, u, f, g, n, &best, ret);
    if (best <= u->shift) return;
    ret->gain = (best - u->shift) * u->scale;
    ret->l2 = s->p->lambda_l2 + s->p->cat_l2;
}

void gbdt_find_split(const struct gbdt_search *s, const struct gbdt_feature *f, uint32_t index,
                     const int64_t *hist, struct gbdt_split *ret)
{
    struct units u = units_of(s);

    ret->gain = 0;
    ret->feature = index;
    ret->n_set = 0;
    if (gbdt_sum_h(s->sum) <= 0) return;
    if (f->cat) category(s, &u, f, hist, ret);
    else numeric(s, &u, f, hist, ret);
}

double gbdt_leaf_value(const struct gbdt_search *s, int64_t sum, double l2)
{
    double g = (double)gbdt_sum_g(sum) * s->g_unit, h = (double)gbdt_sum_h(sum) * s->h_unit + l2;
    double t = shrink(g, s->p->lambda_l1);

    if (!(h > 0)) return 0;
    return g > 0 ? -t / h : t / h;
}
