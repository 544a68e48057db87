/* voting.c: the weighted mean of what other models say: of their probabilities (soft voting), or
 * of their values. A learner of learners: model/composite.c fits and asks the members; this is
 * what it may be told. */
#include "engine/learn/learner.h"

static const struct param params[] = {
    { "members", PARAM_STR, 0, NULL, 0, 0, NULL,
      "algorithms, as gbdt,forest; their --param as gbdt.num_leaves=15; default gbdt, forest and "
      "logistic or linear" },
    { "weights", PARAM_STR, 0, NULL, 0, 0, NULL, "of the members, as 2,1; default all the same" },
    { 0 },
};

const struct learner learner_voting = {
    .name = "voting",
    .title = "averaged answers of other models",
    .tasks = TASK_BINARY | TASK_MULTICLASS | TASK_REGRESSION,
    .encoding = ENC_TREE,
    .params = params,
    .composite = true,
};
