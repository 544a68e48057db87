/* gbdt_renew.c: leaf values that are quantiles of residuals.
 *
 * The gradients of absolute errors say on which side of a row the score is and not how far, so
 * for l1 and quantile the value of a leaf is the median or quantile of what its rows lack
 * (Friedman 2001; LightGBM does the same, and its interpolation is kept). Any thread. */
#include "engine/learn/gbdt_train.h"

#include <assert.h>

bool gbdt_renews(const struct gbdt_loss *l, double *ret_alpha)
{
    *ret_alpha = l->objective == GBDT_L1 ? 0.5 : l->alpha;
    return l->objective == GBDT_L1 || l->objective == GBDT_QUANTILE;
}

static void swap(double *v, size_t i, size_t j)
{
    double x = v[i];

    v[i] = v[j];
    v[j] = x;
}

/* The k-th smallest of v comes to v[k], no larger ones before and no smaller ones after it. */
static double nth(double *v, size_t n, size_t k)
{
    size_t lo = 0, hi = n - 1;

    while (lo < hi) {
        size_t i = lo, j = hi, mid = lo + (hi - lo) / 2;
        if (v[mid] < v[lo]) swap(v, mid, lo);
        if (v[hi] < v[lo]) swap(v, hi, lo);
        if (v[hi] < v[mid]) swap(v, hi, mid);
        double pivot = v[mid];
        while (i <= j) {
            while (v[i] < pivot) i++;
            while (v[j] > pivot) j--;
            if (i > j) break;
            swap(v, i++, j);
            if (j == 0) break;
            j--;
        }
        if (k <= j) hi = j;
        else if (k >= i) lo = i;
        else break;
    }
    return v[k];
}

static double smallest(const double *v, size_t n)
{
    double x = v[0];

    for (size_t i = 1; i < n; i++)
        if (v[i] < x) x = v[i];
    return x;
}

static double unweighted(double *v, size_t n, double alpha)
{
    double at = (1 - alpha) * (double)n; /* from the largest down */
    size_t k = (size_t)at;

    if (k < 1) return nth(v, n, n - 1);
    if (k >= n) return nth(v, n, 0);
    double below = nth(v, n, n - 1 - k), above = smallest(v + n - k, k);
    return above - (above - below) * (at - (double)k);
}

static void sift(double *v, double *w, size_t at, size_t n)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && v[child + 1] > v[child]) child++;
        if (!(v[child] > v[at])) return;
        swap(v, at, child);
        swap(w, at, child);
    }
}

/* By value; heapsort, since two arrays move together. */
static void sort_both(double *v, double *w, size_t n)
{
    for (size_t i = n / 2; i-- > 0;) sift(v, w, i, n);
    for (size_t i = n; i-- > 1;) {
        swap(v, 0, i);
        swap(w, 0, i);
        sift(v, w, 0, i);
    }
}

/* The first value at which the weight passed reaches alpha of all; between it and the one
 * before in proportion, when that one's weight allows. */
static double weighted(double *v, double *w, size_t n, double alpha)
{
    double want = 0, passed = 0;

    sort_both(v, w, n);
    for (size_t i = 0; i < n; i++) want += w[i] * alpha;
    for (size_t i = 0; i < n; i++) {
        passed += w[i];
        if (!(passed > want)) continue;
        if (i == 0 || i + 1 == n || w[i] < 1) return v[i];
        double share = (want - (passed - w[i])) / w[i];
        return v[i - 1] + (v[i] - v[i - 1]) * share;
    }
    return v[n - 1];
}

double gbdt_quantile(double *v, double *w, size_t n, double alpha)
{
    assert(n > 0);
    if (n == 1) return v[0];
    return w ? weighted(v, w, n, alpha) : unweighted(v, n, alpha);
}
