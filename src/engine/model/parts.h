/* parts.h: what a model consists of; for the files of this folder alone. */
#pragma once
#include "engine/model/calibration.h"
#include "engine/model/encoder.h"
#include "engine/model/model.h"
#include "engine/model/target.h"

struct model {
    const struct learner *learner;
    struct target target;
    bool found; /* in the fit: nobody gave a target */
    struct encoder *enc;
    void *state; /* the learner's; NULL: composite */
    struct composite *composite; /* models this one is made of; NULL: none */
    struct calibration *calibration; /* NULL: answers are as the learner gives them */
    struct arena arena;
    struct val *params; /* all parameters of the learner; in arena */
};

/* model_fit for a target that is understood already: name, task and classes are those of like,
 * also where the rows have fewer of them. NULL: as the spec says. */
int model_fit_like(const struct engine *en, const struct model_spec *spec,
                   const struct target *like, const struct frame *train, const struct frame *valid,
                   struct model **ret, struct err *e);

/* Sections of the file form that say what was learned rather than what the result is; the
 * fingerprints hash them too. */
void model_write_params(const struct model *m, struct buf *out);
