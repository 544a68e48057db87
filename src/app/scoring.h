/* scoring.h: a model applied to a table: what evaluate and predict share. */
#pragma once
#include "app/app.h"
#include "app/ingest.h"
#include "app/modelref.h"
#include "engine/engine.h"
#include "engine/model/model.h"

struct scoring {
    struct modelref ref;
    struct model *model;
    struct frame *rows;
    struct ingest_report report;
    double *p; /* rows * outputs: probabilities or values */
};
/* Arguments `model`, `data` and `threads` of the verb. Columns the model knows as categories
 * are read as text whatever they look like. Strings of ref live in the arena. On failure
 * nothing is left to free. */
int scoring_run(struct app *app, struct arena *a, const struct val *args, struct scoring *ret,
                struct err *e);
void scoring_done(struct scoring *s);
