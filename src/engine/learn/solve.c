/* solve.c: Cholesky decomposition with diagonal pivoting (Higham, Accuracy and Stability of
 * Numerical Algorithms, section 10.3).
 *
 * One algorithm for regular and singular matrices: with pivoting the decomposition simply ends
 * at the numerical rank, so one-hot columns that add up to the intercept, or a column given
 * twice, need no special case. Serial; the matrix is small next to the data it came from. */
#include "engine/learn/solve.h"

#include "engine/learn/vec.h"

#include <float.h>
#include <math.h>

static void swap(double *a, double *b)
{
    double t = *a;

    *a = *b;
    *b = t;
}

/* Exchanges rows and columns k < p of the lower triangle. */
static void exchange(double *a, size_t n, size_t k, size_t p)
{
    for (size_t j = 0; j < k; j++) swap(&a[k * n + j], &a[p * n + j]);
    swap(&a[k * n + k], &a[p * n + p]);
    for (size_t i = k + 1; i < p; i++) swap(&a[i * n + k], &a[p * n + i]);
    for (size_t i = p + 1; i < n; i++) swap(&a[i * n + k], &a[i * n + p]);
}

/* A := S A S with a unit diagonal; zero diagonals stay. */
static void equilibrate(double *a, size_t n, double *s)
{
    for (size_t i = 0; i < n; i++) {
        double d = a[i * n + i];
        s[i] = d > 0 ? 1 / sqrt(d) : 0;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) a[i * n + j] *= s[i] * s[j];
}

/* Decomposes in place; order[k] gets the original index of pivot k. column: n values. */
static size_t decompose(double *a, size_t n, double *order, double *column)
{
    const double tiny = (double)n * DBL_EPSILON;

    for (size_t k = 0; k < n; k++) order[k] = (double)k;
    for (size_t k = 0; k < n; k++) {
        size_t p = k;
        double root;
        for (size_t i = k + 1; i < n; i++)
            if (a[i * n + i] > a[p * n + p]) p = i;
        if (!(a[p * n + p] > tiny)) return k;
        if (p != k) {
            exchange(a, n, k, p);
            swap(&order[k], &order[p]);
        }
        root = sqrt(a[k * n + k]);
        a[k * n + k] = root;
        for (size_t i = k + 1; i < n; i++) column[i] = a[i * n + k] /= root;
        for (size_t i = k + 1; i < n; i++)
            if (column[i] != 0) vec_axpy(a + i * n + k + 1, -column[i], column + k + 1, i - k);
    }
    return n;
}

/* scratch: the scale, the order of pivots, and room for a vector. */
size_t solve_factor(double *a, size_t n, double *scratch)
{
    equilibrate(a, n, scratch);
    return decompose(a, n, scratch + n, scratch + 2 * n);
}

void solve_with(const double *a, size_t n, size_t rank, double *x, double *scratch)
{
    const double *scale = scratch, *order = scratch + n;
    double *y = scratch + 2 * n;

    for (size_t k = 0; k < rank; k++) {
        size_t o = (size_t)order[k];
        y[k] = (x[o] * scale[o] - vec_dot(a + k * n, y, k)) / a[k * n + k];
    }
    for (size_t i = 0; i < n; i++) x[i] = 0;
    for (size_t k = rank; k-- > 0;) {
        size_t o = (size_t)order[k];
        y[k] /= a[k * n + k];
        vec_axpy(y, -y[k], a + k * n, k);
        x[o] = y[k] * scale[o];
    }
}

size_t solve_spd(double *a, size_t n, double *x, double *scratch)
{
    size_t rank = solve_factor(a, n, scratch);

    solve_with(a, n, rank, x, scratch);
    return rank;
}
