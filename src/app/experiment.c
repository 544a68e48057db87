/* experiment.c: the verbs of experiments: list, create, show. */
#include "app/runval.h"
#include "app/verb.h"
#include "store/run.h"

#define RECENT 10

static const struct reply_column columns[] = {
    { "id", "id", NULL },       { "name", "name", NULL },        { "lifecycle", "state", NULL },
    { "n_runs", "runs", NULL }, { "created_at", "made", "age" }, { NULL, NULL, NULL },
};

int verb_experiment_list(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    (void)args;
    struct experiment *x = NULL;
    size_t n = 0;
    int rc = store_experiment_list(app->store, &r->arena, &x, &n, e);
    if (rc < 0) return rc;
    r->v = val_obj(&r->arena);
    struct val *list = val_set_list(r->v, "experiments");
    for (size_t i = 0; i < n; i++) val_push(list, experiment_to_val(&r->arena, &x[i]));
    reply_table(r, "experiments", columns);
    return 0;
}

int verb_experiment_create(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct experiment x;
    int rc = store_experiment_create(app->store, &r->arena, val_get_str(args, "name", ""), &x, e);
    if (rc < 0) return rc;
    r->v = experiment_to_val(&r->arena, &x);
    return 0;
}

int verb_experiment_show(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct experiment x;
    struct run *runs = NULL;
    size_t n = 0;
    int rc =
        store_experiment_get(app->store, &r->arena, val_get_str(args, "experiment", ""), &x, e);
    if (rc < 0) return rc;
    const char *const only[] = { x.name, NULL };
    const struct run_query q = { .experiments = only, .limit = RECENT };
    rc = store_run_search(app->store, &r->arena, &q, &runs, &n, e);
    if (rc < 0) return rc;
    r->v = experiment_to_val(&r->arena, &x);
    val_set(r->v, "runs", runs_to_val(&r->arena, runs, n, clock_now(app->clock)));
    return 0;
}
