/* permutation.h: how much worse a model does when a column is shuffled (Breiman 2001; Fisher,
 * Rudin and Dominici 2019), for any model. The metric is auc for two classes, log loss for
 * more, rmse for numbers; the importance is the loss of quality, positive when the column
 * helps. Rows without a target do not count; at most PERMUTATION_ROWS rows, evenly spaced. */
#pragma once
#include "engine/model/model.h"

#define PERMUTATION_ROWS 20000

struct permutation {
    const char *metric; /* its name */
    double baseline;    /* of the table as it is */
    size_t rows;        /* that counted */
};
/* out: a mean over `repeats` shuffles for each input column. Columns the table does not have are
 * ERR_INVALID as in model_predict. Deterministic for the engine's seed. */
int permutation_importance(const struct engine *en, const struct model *m, const struct frame *f,
                           int repeats, double *out, struct permutation *ret, struct err *e);
