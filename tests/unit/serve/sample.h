/* sample.h: small models to serve, trained in a moment from made-up rows.
 *
 * Columns: age (integer), balance (real), city (category: "Bern", "Genf", "Chur"), member
 * (boolean), since (timestamp). The targets: "buys" yes/no, "kind" of three, "price" a number. */
#pragma once
#include "engine/frame/frame.h"
#include "engine/model/model.h"

#define SAMPLE_ROWS 600
struct frame *sample_frame(void);
/* algorithm "gbdt", "logistic", "linear"; target "buys", "kind", "price"; drop: one feature that
 * the model does without, NULL: none; params: "k=v" pairs, NULL ends, may be NULL. */
struct model *sample_model(const char *algorithm, const char *target, const char *drop,
                           const char *const *params);
