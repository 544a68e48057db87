/* modelval.c: registered models, versions and moves as value trees, for the verbs of the registry
 * and the overview. */
#include "app/modelval.h"
#include "app/runval.h"
#include "store/run.h"
#include <string.h>

/* metrics{} of the run a version came from; empty when it has none. */
static int set_metrics(struct app *app, struct arena *a, struct val *obj, const char *run_id,
                       struct err *e)
{
    struct run run;
    int rc = run_id ? store_run_get(app->store, a, run_id, &run, e) : -ERR_NOTFOUND;
    if (rc && rc != -ERR_NOTFOUND) return rc;
    if (rc && run_id) err_clear(e);
    val_set(obj, "metrics", rc ? val_obj(a) : run_metrics_to_val(a, &run));
    return 0;
}

static void set_aliases(struct arena *a, struct val *obj, const char *aliases)
{
    struct val *list = val_set_list(obj, "aliases");
    char *rest = arena_strdup(a, aliases ? aliases : ""), *one, *save = NULL;
    for (one = strtok_r(rest, ",", &save); one; one = strtok_r(NULL, ",", &save))
        val_push_str(list, one);
}

static int version_val(struct app *app, struct arena *a, struct val *o, const struct reg_version *v,
                       struct err *e)
{
    val_set_int(o, "version", v->version);
    val_set_str(o, "semver", v->semver);
    val_set_str(o, "stage", v->stage);
    val_set_str(o, "algorithm", v->algorithm);
    val_set_str(o, "task", v->task);
    val_set_str(o, "run_id", v->run_id);
    val_set_time(o, "created_at", v->created_us);
    val_set_str(o, "created_by", v->created_by);
    val_set_str(o, "description", v->description);
    val_set_int(o, "size", v->size);
    val_set_str(o, "digest", v->digest);
    set_aliases(a, o, v->aliases);
    return set_metrics(app, a, o, v->run_id, e);
}

/* When the version came to the stage it is in; its creation when no event says. */
static int stage_since(struct app *app, struct arena *a, const struct reg_version *v, int64_t *ret,
                       struct err *e)
{
    struct stage_event *ev = NULL;
    size_t n = 0;
    int rc = store_stage_events(app->store, a, v->name, 0, &ev, &n, e);
    if (rc) return rc;
    *ret = v->created_us;
    for (size_t i = 0; i < n; i++) {
        if (ev[i].version != v->version || !str_eq(ev[i].to, v->stage)) continue;
        *ret = ev[i].at_us;
        break;
    }
    return 0;
}

/* production or staging of a model: an object, or null when the stage is empty. */
static int set_serving(struct app *app, struct arena *a, struct val *obj, const char *key,
                       const char *name, int64_t version, struct err *e)
{
    if (!version) {
        val_set(obj, key, val_null(a));
        return 0;
    }
    struct reg_version v;
    int64_t since = 0;
    int rc = store_version_get(app->store, a, name, version, &v, e);
    if (!rc) rc = stage_since(app, a, &v, &since, e);
    if (rc) return rc;
    struct val *o = val_set_obj(obj, key);
    val_set_int(o, "version", v.version);
    val_set_str(o, "semver", v.semver);
    val_set_str(o, "run_id", v.run_id);
    val_set_time(o, "since", since);
    return set_metrics(app, a, o, v.run_id, e);
}

int model_to_val(struct app *app, struct arena *a, struct val *o, const struct reg_model *m,
                 struct err *e)
{
    val_set_str(o, "name", m->name);
    val_set_str(o, "description", m->description);
    val_set_int(o, "latest", m->latest);
    val_set_int(o, "n_versions", m->n_versions);
    int rc = set_serving(app, a, o, "production", m->name, m->production, e);
    if (!rc) rc = set_serving(app, a, o, "staging", m->name, m->staging, e);
    val_set_time(o, "updated_at", m->updated_us);
    return rc;
}

int model_set_versions(struct app *app, struct arena *a, struct val *obj, const char *name,
                       struct err *e)
{
    struct reg_version *v = NULL;
    size_t n = 0;
    int rc = store_version_list(app->store, a, name, &v, &n, e);
    struct val *list = val_set_list(obj, "versions");
    for (size_t i = 0; !rc && i < n; i++) rc = version_val(app, a, val_push_obj(list), &v[i], e);
    return rc;
}

int model_set_history(struct app *app, struct arena *a, struct val *obj, const char *name,
                      int64_t limit, struct err *e)
{
    struct stage_event *ev = NULL;
    size_t n = 0;
    int rc = store_stage_events(app->store, a, name, limit, &ev, &n, e);
    struct val *list = val_set_list(obj, "history");
    for (size_t i = 0; !rc && i < n; i++) {
        struct val *o = val_push_obj(list);
        val_set_str(o, "name", ev[i].name);
        val_set_int(o, "version", ev[i].version);
        val_set_str(o, "from", ev[i].from);
        val_set_str(o, "to", ev[i].to);
        val_set_str(o, "verb", ev[i].verb);
        val_set_str(o, "actor", ev[i].actor);
        val_set_str(o, "reason", ev[i].reason);
        val_set_time(o, "at", ev[i].at_us);
        val_set_int(o, "audit_seq", ev[i].audit_seq);
    }
    return rc;
}

int models_to_val(struct app *app, struct arena *a, struct val *list, struct err *e)
{
    struct reg_model *m = NULL;
    size_t n = 0;
    int rc = store_model_list(app->store, a, &m, &n, e);
    for (size_t i = 0; !rc && i < n; i++) rc = model_to_val(app, a, val_push_obj(list), &m[i], e);
    return rc;
}
