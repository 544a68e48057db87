/* composite_plan.h: what the parameters of voting and stacking ask for. Parameters of a member
 * have its name in front, "gbdt.num_leaves", those of the combiner "combiner.". Pure. */
#pragma once
#include "engine/learn/learner.h"

#define COMPOSITE_MEMBERS 16

struct composite_plan {
    size_t n;
    const struct learner *member[COMPOSITE_MEMBERS];
    const struct val *params[COMPOSITE_MEMBERS];
    double weight[COMPOSITE_MEMBERS]; /* voting: they sum to 1 */
    const struct learner *combiner;   /* NULL: voting */
    const struct val *combiner_params;
    int folds;
    bool passthrough;
};
/* params as model_bind_params gives them. ERR_INVALID for a member that cannot do the task. */
int composite_plan_read(const struct learner *l, struct arena *a, const struct val *params,
                        enum task task, struct composite_plan *ret, struct err *e);

/* Splits "gbdt.num_leaves" and finds whose parameter it is: a member's or the combiner's. own:
 * the composite's own parameters. ERR_INVALID when nobody's. */
int composite_owner(const struct learner *l, const struct val *own, const char *key,
                    const struct learner **ret, const char **ret_name, struct err *e);
/* Whether own parameters make sense whatever the task. */
int composite_check(const struct learner *l, const struct val *own, struct err *e);
