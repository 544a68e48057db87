/* parts.h: what a model consists of; for the files of this folder alone. */
#pragma once
#include "engine/model/encoder.h"
#include "engine/model/model.h"
#include "engine/model/target.h"

struct model {
    const struct learner *learner;
    struct target target;
    struct encoder *enc;
    void *state; /* the learner's */
    struct arena arena;
    struct val *params; /* all parameters of the learner; in arena */
};

/* Sections of the file form that say what was learned rather than what the result is; the
 * fingerprints hash them too. */
void model_write_params(const struct model *m, struct buf *out);
