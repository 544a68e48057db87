/* held_out.h: what models say of rows they did not see: the rows are parted into folds, and
 * each fold is predicted by a model fitted on the others. Calibration and stacking learn from
 * such predictions; those for rows of the training would be too good. */
#pragma once
#include "engine/model/parts.h"

struct held_out {
    const struct model_spec *spec;
    const struct target *target; /* of the whole: folds without a class still have its output */
    const struct frame *rows;    /* all with a known target */
    const struct frame *valid;   /* for early stopping; NULL: none */
    int folds;
    const char *what; /* in progress: "calibration" */
};
/* out: rows * outputs values. The folds are stratified by the target and depend on the seed
 * alone. ERR_INVALID for too few rows, ERR_NOMEM, ERR_CANCELLED. */
int held_out_predict(const struct engine *en, const struct held_out *h, double *out,
                     struct err *e);
