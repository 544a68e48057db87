/* gbdt_split.c: the best split of one leaf on one feature, from its histogram.
 *
 * All sums are integers in quantised units; the regularisation is brought to the same units, so
 * a gain is T(GL)^2/(HL+l2) + T(GR)^2/(HR+l2) up to one constant factor. The number of rows of
 * a side is not stored: it is taken as proportional to the hessian, which is exact for squared
 * loss without weights. Thresholds on it are therefore thresholds on the hessian's sum.
 *
 * With monotone features the values of both sides are first brought within the leaf's bounds,
 * and the gain is what those values bring: -(2 G v + (H+l2) v^2) each; a split that turns the
 * wrong way does not count. That, and exact mode, take the plain loop; packed histograms
 * without bounds take the vector kernel.
 * Ties go to the lower bin, and to missing values on the right. Pure; any thread. */
#include "engine/learn/gbdt_train.h"

#include <math.h>
#include <string.h>

/* A leaf in quantised units. */
struct units {
    double l1, l2, scale; /* gain in real units = scale * gain here */
    double min_h;         /* least hessian of a side */
    double row_h;         /* hessian of an average row */
    double shift;         /* gain to beat: of the unsplit leaf, plus min_gain_to_split */
    bool bounded;         /* some feature is monotone */
    double lo, hi;        /* bounds on values */
    int sign;             /* right value minus left one must have it; 0: any */
};

static double shrink(double g, double l1)
{
    double a = fabs(g) - l1;

    return a > 0 ? a : 0;
}

/* The best value for sums, within the bounds. */
static double value_of(struct gbdt_sum sum, const struct units *u, double l2)
{
    double h = (double)sum.h + l2, t = shrink((double)sum.g, u->l1);
    double v = !(h > 0) ? 0 : sum.g > 0 ? -t / h : t / h;

    return v < u->lo ? u->lo : v > u->hi ? u->hi : v;
}

static double side_gain(struct gbdt_sum sum, const struct units *u, double l2)
{
    double t = shrink((double)sum.g, u->l1), h = (double)sum.h + l2;

    if (!u->bounded) return t * t / h;
    double v = value_of(sum, u, l2);
    return -(2 * (sum.g > 0 ? t : -t) * v + h * v * v);
}

static double pair_gain(struct gbdt_sum left, struct gbdt_sum right, const struct units *u,
                        double l2)
{
    if (u->sign && (value_of(right, u, l2) - value_of(left, u, l2)) * u->sign < 0) return -HUGE_VAL;
    return side_gain(left, u, l2) + side_gain(right, u, l2);
}

static struct units units_of(const struct gbdt_search *s, const struct gbdt_feature *f)
{
    double unit = s->h_unit / s->g_unit; /* of values: v here = v in real units * unit */
    struct units u = { .l1 = s->p->lambda_l1 / s->g_unit,
                       .l2 = s->p->lambda_l2 / s->h_unit,
                       .bounded = s->p->monotone != NULL,
                       .lo = s->lo * unit,
                       .hi = s->hi * unit };
    double h = (double)s->sum.h, of_h = s->p->min_sum_hessian / s->h_unit;

    if (u.bounded && !f->cat) u.sign = s->p->monotone[f->column];
    u.scale = s->g_unit * s->g_unit / s->h_unit;
    u.row_h = h / s->rows;
    /* half a row of slack, so that 20 rows of average hessian count as 20 */
    u.min_h = u.row_h * (s->p->min_data_in_leaf - 0.5);
    if (of_h > u.min_h) u.min_h = of_h;
    if (u.min_h < 1) u.min_h = 1;
    u.shift = h + u.l2 > 0 ? side_gain(s->sum, &u, u.l2) : 0;
    u.shift += s->p->min_gain_to_split / u.scale + 1e-12 * fabs(u.shift);
    return u;
}

static bool big_enough(struct gbdt_sum sum, double min_h)
{
    return (double)sum.h >= min_h;
}

/* ---- numbers ---- */

static double packed_cuts(const struct gbdt_search *s, const struct units *u,
                          const struct gbdt_feature *f, const int64_t *hist, struct gbdt_split *ret)
{
    int64_t prefix[KERNEL_BINS + 4], sum = 0, missing = hist[f->n_bins];
    struct kernel_cut a = { .l1 = u->l1, .l2 = u->l2, .min_h = u->min_h, .gain = u->shift };
    size_t n = f->n_bins;

    for (size_t i = 0; i < n; i++) prefix[i] = sum += hist[i];
    for (size_t i = n; i < n + 4; i++) prefix[i] = sum;
    a.total = sum + missing;
    for (int left = 0; left <= (missing != 0); left++) {
        double best = a.gain;
        a.extra = left ? missing : 0;
        s->kern->best_cut(prefix, n, &a);
        if (!(a.gain > best)) continue;
        ret->bin = (uint32_t)a.bin;
        ret->left = gbdt_sum_of(prefix[a.bin] + a.extra);
        ret->missing_left = left;
    }
    return a.gain;
}

static double plain_cuts(const struct gbdt_search *s, const struct units *u,
                         const struct gbdt_feature *f, const int64_t *hist, struct gbdt_split *ret)
{
    struct gbdt_sum missing = gbdt_hist_at(hist, f->n_bins, s->exact);
    double best = u->shift;

    for (int to_left = 0; to_left <= (missing.h != 0 || missing.g != 0); to_left++) {
        struct gbdt_sum left = to_left ? missing : (struct gbdt_sum){ 0, 0 };
        for (uint32_t i = 0; i < f->n_bins; i++) {
            left = gbdt_sum_add(left, gbdt_hist_at(hist, i, s->exact));
            struct gbdt_sum right = gbdt_sum_sub(s->sum, left);
            if (!big_enough(left, u->min_h)) continue;
            if (!big_enough(right, u->min_h)) break;
            double gain = pair_gain(left, right, u, u->l2);
            if (!(gain > best)) continue;
            best = gain;
            ret->bin = i;
            ret->left = left;
            ret->missing_left = to_left;
        }
    }
    return best;
}

static void numeric(const struct gbdt_search *s, const struct units *u,
                    const struct gbdt_feature *f, const int64_t *hist, struct gbdt_split *ret)
{
    struct gbdt_sum missing = gbdt_hist_at(hist, f->n_bins, s->exact);
    double best =
        s->exact || u->bounded ? plain_cuts(s, u, f, hist, ret) : packed_cuts(s, u, f, hist, ret);

    if (!(best > u->shift)) return;
    ret->gain = (best - u->shift) * u->scale;
    ret->l2 = s->p->lambda_l2;
    if (missing.h == 0 && missing.g == 0) ret->missing_left = 2 * ret->left.h > s->sum.h;
}

/* ---- categories ---- */

/* Categories of a leaf worth looking at, in order of their mean gradient. */
struct group {
    double key;
    struct gbdt_sum sum;
    uint16_t bin;
};

static bool before(const struct group *a, const struct group *b)
{
    return a->key != b->key ? a->key < b->key : a->bin < b->bin;
}

#define RUN 12 /* groups sorted by insertion */

/* Merge sort of n groups; other has as much room. */
static void sort_groups(struct group *g, struct group *other, uint32_t n)
{
    struct group *from = g, *to = other;

    for (uint32_t at = 0; at < n; at += RUN) {
        uint32_t end = n - at < RUN ? n : at + RUN;
        for (uint32_t i = at + 1; i < end; i++) {
            struct group x = g[i];
            uint32_t j = i;
            for (; j > at && before(&x, &g[j - 1]); j--) g[j] = g[j - 1];
            g[j] = x;
        }
    }
    for (uint32_t width = RUN; width < n; width *= 2) {
        for (uint32_t at = 0; at < n; at += 2 * width) {
            uint32_t mid = n - at < width ? n : at + width, end = n - mid < width ? n : mid + width;
            for (uint32_t k = at, i = at, j = mid; k < end; k++)
                to[k] = j == end || (i < mid && before(&from[i], &from[j])) ? from[i++] : from[j++];
        }
        struct group *swap = from;
        from = to;
        to = swap;
    }
    if (from != g) memcpy(g, from, n * sizeof *g);
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

static void one_against_rest(const struct gbdt_search *s, const struct units *u,
                             const struct gbdt_feature *f, const struct group *g, uint32_t n,
                             struct gbdt_split *ret)
{
    double best = u->shift;

    for (uint32_t i = 0; i < n; i++) {
        struct gbdt_sum rest = gbdt_sum_sub(s->sum, g[i].sum);
        if (!big_enough(g[i].sum, u->min_h) || !big_enough(rest, u->min_h)) continue;
        double gain = pair_gain(g[i].sum, rest, u, u->l2);
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
    struct gbdt_sum left = { 0, 0 };

    if (limit > (uint32_t)s->p->max_cat_threshold) limit = (uint32_t)s->p->max_cat_threshold;
    for (uint32_t i = 0; i < limit; i++) {
        left = gbdt_sum_add(left, g[i].sum);
        group_h += (double)g[i].sum.h;
        struct gbdt_sum right = gbdt_sum_sub(s->sum, left);
        if (!big_enough(left, u->min_h)) continue;
        if (!big_enough(right, u->min_h) || !big_enough(right, min_group)) break;
        if (group_h < min_group) continue;
        group_h = 0;
        double gain = pair_gain(left, right, u, l2);
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
    struct group g[GBDT_WIDE_BINS + 1], other[GBDT_WIDE_BINS + 1];
    bool few = f->n_bins <= (uint32_t)s->p->max_cat_to_onehot;
    double smooth = s->p->cat_smooth, least = few ? 0 : u->row_h * (smooth - 0.5), best = u->shift;
    uint32_t n = 0;

    /* smoothing as if `smooth` more units of hessian without gradient had been seen */
    for (uint32_t b = 0; b <= f->n_bins; b++) {
        struct gbdt_sum sum = gbdt_hist_at(hist, b, s->exact);
        if (sum.h <= 0 || (double)sum.h < least) continue;
        g[n].sum = sum;
        g[n].key = (double)sum.g / ((double)sum.h + smooth / s->h_unit);
        g[n++].bin = (uint16_t)b;
    }
    if (few) {
        one_against_rest(s, u, f, g, n, ret);
        return;
    }
    sort_groups(g, other, n);
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
    ret->gain = 0;
    ret->feature = index;
    ret->n_set = 0;
    if (s->sum.h <= 0) return;
    struct units u = units_of(s, f);
    if (f->cat) category(s, &u, f, hist, ret);
    else numeric(s, &u, f, hist, ret);
}

double gbdt_value(const struct gbdt_search *s, double g, double h)
{
    double t = shrink(g, s->p->lambda_l1), v = g > 0 ? -t / h : t / h;

    if (!(h > 0)) v = 0;
    return v < s->lo ? s->lo : v > s->hi ? s->hi : v;
}

double gbdt_leaf_value(const struct gbdt_search *s, struct gbdt_sum sum, double l2)
{
    return gbdt_value(s, (double)sum.g * s->g_unit, (double)sum.h * s->h_unit + l2);
}
