/* driftval.h: the comparison of a feature as the verbs answer it and snapshots keep it; the
 * fields are those of the verb drift in share/doc/REPLIES. Any thread. */
#pragma once
#include "base/val.h"
#include "engine/drift/multivariate.h"

/* A new object at the end of the list. */
struct val *drift_feature_to_val(struct val *list, const struct drift_profile *p,
                                 const struct drift_feature *f);
/* Fills an object with what a test of the features together found. Of the figure's interval each
 * bound holds as multivariate.h says. */
void drift_multi_to_val(struct val *o, const struct drift_profile *p,
                        const struct multi_result *m);
/* The same as a row of the table of features, so that every output format shows it. */
void drift_multi_to_row(struct val *list, const struct drift_profile *p,
                        const struct multi_result *m);
