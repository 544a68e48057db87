/* sobol.h: Sobol's sequence: points that fill a cube evenly however many are taken.
 *
 * Directions of Joe and Kuo (2008); the points of a seed are shifted digit by digit, which keeps
 * their evenness and moves them off the centre and the diagonals, where test functions like to
 * have their optimum. Dimensions beyond the table are plain random numbers of the seed. */
#pragma once
#include <stddef.h>
#include <stdint.h>

enum { SOBOL_DIMS = 33 };
/* Point `index` (from 0) of the sequence of this seed: d numbers of [0, 1). */
void sobol_point(uint64_t seed, uint32_t index, size_t d, double *u);
