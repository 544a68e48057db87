/* params.h: the parameters of a model: its learner's own, and those that every classifier has
 * because they concern the model and not the learner:
 *
 *   calibrate        platt or isotonic: probabilities are calibrated (see calibration.h)
 *   calibrate_folds  folds whose predictions it is fitted on
 *   class_weight     weights of the classes (see class_weight.h)
 *
 * General parameters that are not given are not there, so that models without them keep the
 * fingerprints they have always had. Pure; any thread. */
#pragma once
#include "engine/learn/learner.h"

extern const struct param model_general_params[]; /* name NULL ends */

/* in: k=v strings or typed values, NULL: none; also what an earlier call has returned. *ret is
 * in the arena. ERR_USAGE, ERR_INVALID. */
int model_bind_params(const struct learner *l, struct arena *a, const struct val *in,
                      struct val **ret, struct err *e);
/* A copy without the parameters of calibration: those of a model of one fold. */
const struct val *model_params_uncalibrated(struct arena *a, const struct val *params);
