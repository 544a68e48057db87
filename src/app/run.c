/* run.c: the verbs of runs: list, search, show, delete, restore, tag. Comparing is in
 * run_compare.c. Listing is searching without a filter. */
#include "store/run.h"
#include "app/jobs.h"
#include "app/runval.h"
#include "app/verb.h"

/* -- list, search ------------------------------------------------------------------------- */
static enum run_view view_of(const struct val *args)
{
    const char *view = val_get_str(args, "view", "active");
    return str_eq(view, "all") ? RUNS_ALL : str_eq(view, "deleted") ? RUNS_DELETED : RUNS_ACTIVE;
}

int verb_run_search(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct arena *a = &r->arena;
    const struct run_query q = {
        .experiments = val_strings(a, val_get(args, "experiment")),
        .filter = val_get_str(args, "filter", NULL),
        .order_by = val_strings(a, val_get(args, "order-by")),
        .view = view_of(args),
        .limit = val_get_int(args, "limit", 50),
        .offset = val_get_int(args, "offset", 0),
    };
    struct run *runs = NULL;
    size_t n = 0;
    int64_t total = 0;
    int rc = store_run_search(app->store, a, &q, &runs, &n, e);
    if (rc == 0) rc = store_run_count(app->store, &q, &total, e);
    if (rc < 0) return rc;
    r->v = val_obj(a);
    val_set(r->v, "runs", runs_to_val(a, runs, n, clock_now(app->clock)));
    val_set_int(r->v, "total", total);
    reply_table(r, "runs", run_columns(a, runs, n));
    return 0;
}

int verb_run_list(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    return verb_run_search(app, args, r, e);
}

/* -- show --------------------------------------------------------------------------------- */
static int set_history(struct app *app, struct arena *a, const struct run *run, struct val *into,
                       struct err *e)
{
    for (size_t i = 0; i < run->n_metrics; i++) {
        struct metric_point *m = NULL;
        size_t n = 0;
        int rc = store_run_history(app->store, a, run->id, run->metrics[i].key, &m, &n, e);
        if (rc < 0) return rc;
        struct val *list = val_set_list(into, run->metrics[i].key);
        for (size_t k = 0; k < n; k++) {
            struct val *o = val_push_obj(list);
            val_set_int(o, "step", m[k].step);
            val_set_real(o, "value", m[k].value);
        }
    }
    return 0;
}

static int set_artifacts(struct app *app, struct arena *a, const char *id, struct val *list,
                         struct err *e)
{
    struct artifact *f = NULL;
    size_t n = 0;
    int rc = store_run_artifacts(app->store, a, id, &f, &n, e);
    if (rc < 0) return rc;
    for (size_t i = 0; i < n; i++) {
        struct val *o = val_push_obj(list);
        val_set_str(o, "path", f[i].path);
        val_set_int(o, "size", f[i].size);
        val_set_str(o, "digest", f[i].digest);
    }
    return 0;
}

static int set_job(struct app *app, struct arena *a, const char *id, struct val *o, struct err *e)
{
    struct job j;
    bool found = false;
    int rc = store_job_by_run(app->store, a, id, &j, &found, e);
    if (rc < 0) return rc;
    if (!found) {
        val_set(o, "job", val_null(a));
        return 0;
    }
    struct val *job = val_set_obj(o, "job");
    val_set_str(job, "job_id", j.id);
    val_set_str(job, "state", j.state);
    val_set_real(job, "progress", j.progress);
    val_set_str(job, "message", j.message);
    return 0;
}

int verb_run_show(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct arena *a = &r->arena;
    struct run run;
    int rc = store_run_get(app->store, a, val_get_str(args, "run", ""), &run, e);
    if (rc < 0) return rc;
    struct val *o = run_to_val(a, &run, clock_now(app->clock));
    rc = set_history(app, a, &run, val_set_obj(o, "history"), e);
    if (rc == 0) rc = set_artifacts(app, a, run.id, val_set_list(o, "artifacts"), e);
    if (rc == 0) rc = set_job(app, a, run.id, o, e);
    if (rc < 0) return rc;
    r->v = o;
    return 0;
}

/* -- changes ------------------------------------------------------------------------------ */
/* Answers {id, run_id, lifecycle, tags} of the run as it is now. */
static int answer(struct app *app, const char *id, struct reply *r, struct err *e)
{
    struct run run;
    int rc = store_run_get(app->store, &r->arena, id, &run, e);
    if (rc < 0) return rc;
    const struct val *whole = run_to_val(&r->arena, &run, clock_now(app->clock));
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "id", run.id);
    val_set_str(r->v, "run_id", run.id);
    val_set_str(r->v, "name", run.name);
    val_set_str(r->v, "lifecycle", run.lifecycle);
    val_set(r->v, "tags", val_copy(&r->arena, val_get(whole, "tags")));
    return 0;
}

static int set_lifecycle(struct app *app, const struct val *args, const char *lifecycle,
                         struct reply *r, struct err *e)
{
    struct run run;
    int rc = store_run_get(app->store, &r->arena, val_get_str(args, "run", ""), &run, e);
    if (rc == 0) rc = store_run_set_lifecycle(app->store, run.id, lifecycle, e);
    return rc < 0 ? rc : answer(app, run.id, r, e);
}

int verb_run_delete(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    return set_lifecycle(app, args, "deleted", r, e);
}

int verb_run_restore(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    return set_lifecycle(app, args, "active", r, e);
}

int verb_run_tag(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct run run;
    const struct val *tags = val_get(args, "tag");
    size_t n = val_len(tags);
    struct kv *kv = arena_array(&r->arena, n + 1, struct kv);
    for (size_t i = 0; i < n; i++)
        kv[i] = (struct kv){ val_key(tags, i), val_as_str(val_at(tags, i), "") };
    int rc = store_run_get(app->store, &r->arena, val_get_str(args, "run", ""), &run, e);
    if (rc == 0) rc = store_run_set_tags(app->store, run.id, kv, n, e);
    return rc < 0 ? rc : answer(app, run.id, r, e);
}
