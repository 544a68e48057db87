/* gbdt_ensemble.h: a gbdt's state from a neutral ensemble and back, for model/exchange.c. */
#pragma once
#include "base/ensemble.h"

/* The ensemble passed ensemble_check. The state is as learner_gbdt.fit makes it. */
void *gbdt_from_ensemble(const struct ensemble *m);
/* Fills in link, k, base, trees and n_classes; arrays live in ret->arena. */
void gbdt_to_ensemble(const void *state, struct ensemble *ret);
