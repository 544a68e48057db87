/* facts.h: what the daemon tells about the workspace without asking the store for it: gathered
 * every few seconds by whoever may wait for the store, handed out by http_server_facts.
 *   {jobs{counts{}, training}, models[as model list], monitoring[as monitor status]}
 * training: jobs that train or retrain now. The server adds problems[] (serve_problems). */
#pragma once
#include "app/app.h"

int facts_gather(struct app *app, struct arena *a, struct val **ret, struct err *e);
