/* driftval.h: the comparison of a feature as the verbs answer it and snapshots keep it; the
 * fields are those of the verb drift in share/doc/REPLIES. Any thread. */
#pragma once
#include "base/val.h"
#include "engine/drift/drift.h"

/* A new object at the end of the list. */
struct val *drift_feature_to_val(struct val *list, const struct drift_profile *p,
                                 const struct drift_feature *f);
