/* sweep_past.h: the trials of a sweep as samplers and pruners see them. Memory is the arena's. */
#pragma once
#include "app/sweep_flow.h"
#include "engine/search/search.h"

/* Trials that ended with a value, were pruned, or are under way, without trial `except` (-1: all).
 * Values are negated when the sweep maximises. */
int sweep_past(struct arena *a, const struct sweep *w, const struct space *space,
               const struct trial *all, size_t n, int64_t except, struct search_past *ret,
               struct err *e);
