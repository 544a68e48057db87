/* class_weight.h: weights of classes, as they reach a learner: through the weights of rows.
 *
 * "balanced" gives every class the same total, n / (classes * rows of the class), counted in
 * rows whatever their own weights are (scikit-learn's rule). A list LABEL:WEIGHT,… gives the
 * named classes their weight and the others 1; a label may contain colons but no comma. The
 * weight of a row's class and the row's own weight multiply. */
#pragma once
#include "engine/model/target.h"

/* Whether the text can be meant; NULL can. ERR_INVALID. */
int class_weight_check(const char *text, struct err *e);
/* *ret: n weights made of w (NULL: all 1) and of the classes y, freed by the caller; NULL when
 * text is NULL. ERR_INVALID for a label that the target does not have, ERR_NOMEM. */
int class_weight_apply(const char *text, const struct target *t, const double *y, const double *w,
                       size_t n, double **ret, struct err *e);
