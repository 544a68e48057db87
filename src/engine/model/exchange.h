/* exchange.h: models of other programs as ours, and ours as theirs, through the plain data of
 * base/ensemble.h and base/dense.h. The bytes are the codecs'. */
#pragma once
#include "base/dense.h"
#include "engine/model/model.h"

/* A gbdt that answers as the ensemble does; one that passed ensemble_check. Where it does not
 * say, the target is named "target" and classes are 0, 1, … ERR_LIMIT, ERR_INVALID. */
int model_from_ensemble(const struct ensemble *in, struct model **ret, struct err *e);

/* ERR_INVALID: something is done to the answers that no other form can say. */
int model_exchangeable(const struct model *m, struct err *e);
/* Whether a model is trees, or layers; most are one of them. */
bool model_has_ensemble(const struct model *m);
bool model_has_dense(const struct model *m);
/* Only where it has that; what is returned lives in the arena. */
void model_to_ensemble(const struct model *m, struct arena *a, struct ensemble *ret);
void model_to_dense(const struct model *m, struct arena *a, struct dense *ret);
/* How many splits of its trees are on each of model_features(m) features, into out; false: it is
 * not made of trees. */
bool model_splits(const struct model *m, size_t *out);
