/* exchange.h: models of other programs as ours, and ours as theirs; only ensembles of trees.
 * The bytes are the codecs' (codec/lightgbm.h, codec/xgboost.h). */
#pragma once
#include "base/ensemble.h"
#include "engine/model/model.h"

/* A gbdt that answers as the ensemble does; one that passed ensemble_check. Where it does not
 * say, the target is named "target" and classes are 0, 1, … ERR_LIMIT, ERR_INVALID. */
int model_from_ensemble(const struct ensemble *in, struct model **ret, struct err *e);
/* Lives in the arena. ERR_INVALID: the model is of another learner. */
int model_to_ensemble(const struct model *m, struct arena *a, struct ensemble *ret,
                      struct err *e);
