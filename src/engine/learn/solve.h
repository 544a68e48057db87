/* solve.h: linear equations with a symmetric positive semidefinite matrix. */
#pragma once
#include <stddef.h>

/* Solves A x = b. a: n * n, row-major, the lower triangle is read, all of it is destroyed;
 * x: b on entry, the solution on return; scratch: 3 n values. Cholesky with the largest pivot
 * first, on the matrix scaled to a unit diagonal: where columns depend on one another the
 * dependent ones get 0 instead of noise. Returns the rank. */
size_t solve_spd(double *a, size_t n, double *x, double *scratch);

/* The same in two steps, for several right sides: a and scratch are to be left alone between,
 * rank is what solve_factor returned. */
size_t solve_factor(double *a, size_t n, double *scratch);
void solve_with(const double *a, size_t n, size_t rank, double *x, double *scratch);
