/* stacking.c: a model over what other models say (Wolpert 1992). The combiner learns from
 * predictions of the members for rows they did not see, so it knows how far each can be
 * trusted; the members that answer are fitted on all rows. Probabilities reach it as log-odds, of
 * which a logistic combiner can make a probability again. A learner of learners: see
 * model/composite.c; this is what it may be told. */
#include "engine/learn/learner.h"

static const struct param params[] = {
    { "members", PARAM_STR, 0, NULL, 0, 0, NULL,
      "algorithms, as gbdt,forest; their --param as gbdt.num_leaves=15; default gbdt, forest and "
      "logistic or linear" },
    { "folds", PARAM_INT, 0, "5", 2, 50, NULL, "parts of the rows, predicted from the others" },
    { "combiner", PARAM_STR, 0, NULL, 0, 0, NULL,
      "algorithm over the members; its --param as combiner.l2=10; default logistic or linear" },
    { "passthrough", PARAM_BOOL, 0, "false", 0, 0, NULL, "the combiner sees the columns, too" },
    { 0 },
};

const struct learner learner_stacking = {
    .name = "stacking",
    .title = "learned combinations of other models",
    .tasks = TASK_BINARY | TASK_MULTICLASS | TASK_REGRESSION,
    .encoding = ENC_TREE,
    .params = params,
    .composite = true,
    .combines = true,
};
