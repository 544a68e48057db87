/* tree.c: one decision tree on all rows and features (Breiman and others 1984), the learner. Its
 * default depth is what a person can read; without a limit it fits its training rows. */
#include "engine/learn/forest.h"

static const struct param params[] = {
    { "max_depth", PARAM_INT, 0, "6", 0, 10000, NULL, "depth at most; 0: any" },
    { "min_samples_leaf", PARAM_INT, 0, "20", 1, 1e9, NULL, "rows of a leaf at least" },
    { "min_samples_split", PARAM_INT, 0, "2", 2, 1e9, NULL, "rows of a node that is split" },
    { "max_bin", PARAM_INT, 0, "255", 2, GBDT_BYTE_BINS, NULL, "bins of a numeric feature" },
    { 0 },
};

static int fit(const struct engine *en, const struct fit_input *in, void **ret, struct err *e)
{
    return forest_fit(&learner_tree, false, en, in, ret, e);
}

const struct learner learner_tree = {
    .name = "tree",
    .title = "decision tree",
    .tasks = TASK_BINARY | TASK_MULTICLASS | TASK_REGRESSION,
    .encoding = ENC_TREE,
    .params = params,
    .fit = fit,
    FOREST_MODEL,
};
