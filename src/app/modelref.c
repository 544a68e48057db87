/* modelref.c: model URIs, resolved against the registry, the runs or the file system. */
#include "app/modelref.h"
#include "base/file.h"
#include "store/blob.h"
#include "store/registry.h"
#include "store/run.h"
#include <string.h>

#define MODEL_FILE_MAX ((size_t)4 << 30)

static int malformed(const char *uri, struct err *e)
{
    err_set(e, ERR_INVALID, "'%.200s' is no model URI", uri);
    return err_hint(e, "models:/NAME/3, models:/NAME/Production, models:/NAME@alias, "
                       "runs:/RUN_ID/model, or a file");
}

static int need_store(const struct app *app, const char *uri, struct err *e)
{
    if (app->store) return 0;
    err_set(e, ERR_NOTFOUND, "'%s' needs a workspace and there is none", uri);
    return err_hint(e, "choose one with --workspace DIR, or name a model file");
}

static int from_version(struct app *app, struct arena *a, const struct reg_version *v,
                        struct modelref *ref, struct err *e)
{
    ref->name = v->name;
    ref->version = v->version;
    ref->semver = v->semver;
    ref->run_id = v->run_id;
    ref->digest = v->digest;
    ref->size = v->size;
    return blob_path(app->store, a, v->digest, &ref->path, e);
}

/* NAME/VERSION, NAME/STAGE, NAME/latest */
static int version_of(struct app *app, struct arena *a, const char *name, const char *which,
                      struct reg_version *ret, struct err *e)
{
    long long number;
    if (str_to_i64(which, &number)) return store_version_get(app->store, a, name, number, ret, e);
    if (!str_eq(which, "latest")) return store_version_by_stage(app->store, a, name, which, ret, e);
    struct reg_model m;
    int rc = store_model_get(app->store, a, name, &m, e);
    return rc ? rc : store_version_get(app->store, a, name, m.latest, ret, e);
}

static int resolve_registered(struct app *app, struct arena *a, const char *rest,
                              struct modelref *ref, struct err *e)
{
    struct reg_version v;
    const char *at = strchr(rest, '@'), *slash = strchr(rest, '/');
    const char *cut = at ? at : slash;
    if (!cut || cut == rest || !cut[1] || (at && slash) || (slash && strchr(slash + 1, '/')))
        return malformed(ref->uri, e);
    const char *name = arena_strndup(a, rest, (size_t)(cut - rest));
    int rc = at ? store_version_by_alias(app->store, a, name, at + 1, &v, e)
                : version_of(app, a, name, slash + 1, &v, e);
    if (!rc) rc = from_version(app, a, &v, ref, e);
    if (rc == -ERR_NOTFOUND)
        err_hint(e, "'model list' and 'model versions %s' show what there is", name);
    return rc;
}

/* The artifact at the path, or the first one below it. */
static const struct artifact *find_artifact(const struct artifact *f, size_t n, const char *path)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < n; i++)
        if (str_eq(f[i].path, path)) return &f[i];
    for (size_t i = 0; i < n; i++)
        if (str_starts(f[i].path, path) && f[i].path[len] == '/') return &f[i];
    return NULL;
}

static int resolve_run(struct app *app, struct arena *a, const char *rest, struct modelref *ref,
                       struct err *e)
{
    const char *slash = strchr(rest, '/');
    if (!slash || slash == rest || !slash[1]) return malformed(ref->uri, e);
    struct run run;
    struct artifact *files = NULL;
    size_t n = 0;
    int rc = store_run_get(app->store, a, arena_strndup(a, rest, (size_t)(slash - rest)), &run, e);
    if (!rc) rc = store_run_artifacts(app->store, a, run.id, &files, &n, e);
    if (rc) return rc;
    const struct artifact *f = find_artifact(files, n, slash + 1);
    if (!f) {
        err_set(e, ERR_NOTFOUND, "run %s has no artifact '%s'", run.id, slash + 1);
        return err_hint(e, "'run show %.8s' lists its artifacts; a run that failed has none",
                        run.id);
    }
    ref->run_id = run.id;
    ref->digest = f->digest;
    ref->size = f->size;
    return blob_path(app->store, a, f->digest, &ref->path, e);
}

int modelref_resolve(struct app *app, struct arena *a, const char *uri, struct modelref *ret,
                     struct err *e)
{
    struct modelref ref = { .uri = uri };
    bool registered = str_starts(uri, "models:/"), of_run = str_starts(uri, "runs:/");
    int rc = registered || of_run ? need_store(app, uri, e) : 0;
    if (rc) return rc;
    if (registered) {
        rc = resolve_registered(app, a, uri + strlen("models:/"), &ref, e);
    } else if (of_run) {
        rc = resolve_run(app, a, uri + strlen("runs:/"), &ref, e);
    } else if (app->remote) {
        err_set(e, ERR_INVALID, "'%.200s' is no models:/ or runs:/ address, and HTTP opens no files",
                uri);
        rc = err_hint(e, "models:/NAME/3, models:/NAME/Production, models:/NAME@alias or "
                         "runs:/RUN_ID/model");
    } else {
        ref.path = arena_strdup(a, uri);
        ref.size = file_size(uri);
        if (ref.size < 0) {
            err_set(e, ERR_NOTFOUND, "there is no model file '%.300s'", uri);
            rc = err_hint(e, "a file, models:/NAME/3, models:/NAME/Production, models:/NAME@alias "
                             "or runs:/RUN_ID/model");
        }
    }
    if (!rc) *ret = ref;
    return rc;
}

int modelref_read(struct app *app, const struct modelref *ref, struct str *out, struct err *e)
{
    return ref->digest ? blob_get(app->store, ref->digest, out, e)
                       : file_read(ref->path, MODEL_FILE_MAX, out, e);
}

int modelref_open(struct app *app, struct arena *a, const char *uri, struct modelref *ret,
                  struct model **ret_model, struct err *e)
{
    STR_AUTO bytes = STR_INIT;
    int rc = modelref_resolve(app, a, uri, ret, e);
    if (!rc) rc = modelref_read(app, ret, &bytes, e);
    if (!rc) rc = model_open(bytes.p, bytes.len, ret_model, e);
    return rc ? err_prefix(e, "%.200s", uri) : 0;
}

void modelref_describe(struct arena *a, const struct model *m, struct registry_new *in)
{
    in->algorithm = arena_strdup(a, model_algorithm(m));
    in->task = task_name(model_task(m));
    in->fp_signature = arena_printf(a, "%016llx", (unsigned long long)model_fp_signature(m));
    in->fp_architecture = arena_printf(a, "%016llx", (unsigned long long)model_fp_architecture(m));
    in->fp_params = arena_printf(a, "%016llx", (unsigned long long)model_fp_params(m));
}
