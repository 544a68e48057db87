/* modelval.h: registered models, versions and stage changes as the verbs answer them; the fields
 * are those of share/doc/REPLIES. Everything made here lives in the arena. Any thread with its
 * own app. */
#pragma once
#include "app/app.h"
#include "store/registry.h"

/* Fills in {name, description, latest, n_versions, production{…}|null, staging{…}|null,
 * updated_at}; the versions in a stage carry their run's metrics. */
int model_to_val(struct app *app, struct arena *a, struct val *o, const struct reg_model *m,
                 struct err *e);
int models_to_val(struct app *app, struct arena *a, struct val *list, struct err *e); /* all */
int model_set_versions(struct app *app, struct arena *a, struct val *obj, const char *name,
                       struct err *e); /* versions[…], newest first */
/* history[…], newest first; name NULL: of all models. */
int model_set_history(struct app *app, struct arena *a, struct val *obj, const char *name,
                      int64_t limit, struct err *e);
