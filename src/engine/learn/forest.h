/* forest.h: the learners that grow trees by forest_fit: forest.c's own and the single tree. */
#pragma once
#include "engine/learn/trees.h"

extern const struct learner learner_forest, learner_extra_trees, learner_tree;

/* Grows l's parameters' number of trees; l may leave out parameters of a forest. extra: cuts at
 * random. As a learner's fit. */
int forest_fit(const struct learner *l, bool extra, const struct engine *en,
               const struct fit_input *in, void **ret, struct err *e);

/* What these learners have in common: the model. */
#define FOREST_MODEL                                                                               \
    .predict_row = trees_predict_row, .predict = trees_predict, .importance = trees_importance,    \
    .to_ensemble = trees_to_ensemble, .save = trees_save, .load = trees_load, .free = trees_model_free
