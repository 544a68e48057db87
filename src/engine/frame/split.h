/* split.h: holdout and k-fold splits, as row index lists. Deterministic in the seed. */
#pragma once
#include "engine/frame/frame.h"

enum split_kind { SPLIT_RANDOM, SPLIT_STRATIFIED, SPLIT_TIME };

struct split {
    uint32_t *train, *test; /* row numbers, ascending; free() by split_done */
    size_t n_train, n_test;
};
void split_done(struct split *s);

/* share: fraction of rows that goes to test, in (0,1).
 * by: STRATIFIED: the target (numbers of more than 20 values: ten quantile groups; missing
 * values: a group of their own); TIME: the ordering column, not coded, or
 * NULL for row order (the last rows are the test; equal times stay on one side, rows with a
 * missing time count as oldest). ERR_INVALID when a side would be empty. */
int split_holdout(size_t n_rows, enum split_kind kind, double share, const struct column *by,
                  uint64_t seed, struct split *ret, struct err *e);
/* k folds: fold i's rows are the test of split i. RANDOM and STRATIFIED partition the rows;
 * TIME gives expanding windows: fold i trains on blocks 0..i, tests on block i+1. */
int split_folds(size_t n_rows, enum split_kind kind, int k, const struct column *by,
                uint64_t seed, struct split *ret /* [k] */, struct err *e);
