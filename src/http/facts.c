/* facts.c: see facts.h. */
#include "http/facts.h"
#include "app/jobs.h"
#include "app/modelval.h"
#include "app/verb.h"

#define RUNNING_MAX 1000

static int add_jobs(struct app *app, struct arena *a, struct val *v, struct err *e)
{
    struct val *o = val_set_obj(v, "jobs");
    struct job_counts counts;
    struct job *list = NULL;
    size_t n = 0;
    int64_t training = 0;
    int rc = store_job_counts(app->store, &counts, e);

    if (!rc) rc = store_job_list(app->store, a, "running", RUNNING_MAX, 0, &list, &n, e);
    if (rc) return rc;
    for (size_t i = 0; i < n; i++)
        training += str_eq(list[i].kind, "train") || str_eq(list[i].kind, "retrain");
    val_set(o, "counts", job_counts_to_val(a, &counts));
    val_set_int(o, "training", training);
    return 0;
}

static int add_monitoring(struct app *app, struct arena *a, struct val *v, struct err *e)
{
    struct reply r;

    reply_init(&r);
    int rc = verb_call(app, verb_find("monitor status"), NULL, &r, e);
    const struct val *models = rc ? NULL : val_get(r.v, "models");
    val_set(v, "monitoring", models ? val_copy(a, models) : val_list(a));
    reply_done(&r);
    return rc;
}

int facts_gather(struct app *app, struct arena *a, struct val **ret, struct err *e)
{
    struct val *v = val_obj(a);
    int rc = add_jobs(app, a, v, e);

    if (!rc) rc = models_to_val(app, a, val_set_list(v, "models"), e);
    if (!rc) rc = add_monitoring(app, a, v, e);
    if (!rc) *ret = v;
    return rc;
}
