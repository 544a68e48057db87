/* sweepval.h: sweeps and trials as the verbs answer them. */
#pragma once
#include "app/app.h"
#include "store/sweep.h"

/* The object of `sweep list`: without trials. */
struct val *sweep_to_val(struct arena *a, const struct sweep *w, int64_t now_us);
/* All of `sweep show` into out: trials, best, best_so_far, importance. */
int sweep_show_val(struct app *app, struct arena *a, const struct sweep *w, struct val *out,
                   struct err *e);
