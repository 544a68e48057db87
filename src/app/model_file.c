/* model_file.c: the verbs that move model files: a run's model or a file becomes a version, a
 * version becomes a file, in our form or in one of model_formats.def. Bytes are checked against
 * their digest on the way. */
#include "app/model_file.h"
#include "app/modelform.h"
#include "app/modelref.h"
#include "app/registry.h"
#include "app/verb.h"
#include "base/digest.h"
#include "base/file.h"
#include "store/blob.h"
#include "store/run.h"

/* ---- register ------------------------------------------------------------------------ */

/* Where the data's fingerprint comes from: the run's tag; a bare file has none.
 */
int model_file_data(struct app *app, struct arena *a, const char *run_id, const char **ret,
                    struct err *e)
{
    *ret = "";
    if (!run_id) return 0;
    struct run run;
    int rc = store_run_get(app->store, a, run_id, &run, e);
    for (size_t i = 0; !rc && i < run.n_tags; i++)
        if (str_eq(run.tags[i].key, RUN_TAG_FP_DATA)) *ret = run.tags[i].value;
    return rc;
}

int model_file_blob(struct app *app, struct arena *a, const struct str *bytes,
                    struct registry_new *in, struct err *e)
{
    char *digest = arena_alloc(a, SHA256_HEX + 1);

    sha256_buf(bytes->p, bytes->len, digest);
    in->digest = digest;
    in->size = (int64_t)bytes->len;
    return app->dry_run ? 0 : blob_put(app->store, bytes->p, bytes->len, digest, e);
}

/* The model's own facts and its blob; a file's bytes become a blob here. */
static int candidate(struct app *app, struct arena *a, const char *uri, struct registry_new *in,
                     struct err *e)
{
    struct modelref ref;
    struct model *m = NULL;
    STR_AUTO bytes = STR_INIT;
    int rc = modelref_resolve(app, a, uri, &ref, e);
    if (!rc) rc = modelref_read(app, &ref, &bytes, e);
    if (!rc && (rc = model_open(bytes.p, bytes.len, &m, e))) err_prefix(e, "%.200s", uri);
    if (rc) return rc;
    modelref_describe(a, m, in);
    model_free(m);
    in->run_id = ref.run_id;
    in->digest = ref.digest;
    in->size = (int64_t)bytes.len;
    if (!in->digest) rc = model_file_blob(app, a, &bytes, in, e);
    return rc ? rc : model_file_data(app, a, ref.run_id, &in->fp_data, e);
}

static void registered_reply(struct reply *r, const struct registry_done *done)
{
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "name", done->version.name);
    val_set_int(r->v, "version", done->version.version);
    val_set_str(r->v, "semver", done->version.semver);
    val_set_str(r->v, "stage", done->version.stage);
    val_set_str(r->v, "run_id", done->version.run_id);
    val_set_str(r->v, "digest", done->version.digest);
    if (done->audit_seq) val_set_int(r->v, "audit_seq", done->audit_seq);
    val_set_bool(r->v, "new", done->is_new);
}

int model_file_enter(struct app *app, const struct registry_new *in, struct reply *r, struct err *e)
{
    struct registry_done done;
    int rc = store_begin(app->store, e);

    if (rc) return rc;
    rc = registry_register(app, &r->arena, in, &done, e);
    if (!rc && !app->dry_run) rc = store_commit(app->store, e);
    store_rollback(app->store);
    if (rc) return rc;
    if (app->dry_run) done.audit_seq = 0;
    registered_reply(r, &done);
    if (app->dry_run) val_set_bool(r->v, "dry_run", true);
    return 0;
}

static struct registry_new named(const struct val *args)
{
    return (struct registry_new){ .name = val_get_str(args, "name", ""),
                                  .description = val_get_str(args, "description", NULL),
                                  .reason = val_get_str(args, "reason", NULL),
                                  .fp_data = "" };
}

int verb_model_register(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct registry_new in = named(args);
    int rc = candidate(app, &r->arena, val_get_str(args, "model", ""), &in, e);

    return rc ? rc : model_file_enter(app, &in, r, e);
}

/* ---- import -------------------------------------------------------------------------- */

int verb_model_import(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *path = val_get_str(args, "file", "");
    struct registry_new in = named(args);
    const struct modelform_wish wish = { .format = val_get_str(args, "format", NULL),
                                         .target = val_get_str(args, "target", NULL),
                                         .classes = val_get(args, "classes") };
    STR_AUTO file = STR_INIT;
    STR_AUTO bytes = STR_INIT;
    struct model *m = NULL;
    const char *format = "";
    int rc = file_read(path, MODELFORM_MAX, &file, e);

    if (!rc && (rc = modelform_read(&r->arena, &file, &wish, &m, &format, e)))
        err_prefix(e, "%.200s", path);
    if (!rc) rc = modelform_save(m, &bytes, e);
    if (!rc) rc = model_file_blob(app, &r->arena, &bytes, &in, e);
    if (!rc) modelref_describe(&r->arena, m, &in);
    model_free(m);
    if (!rc) rc = model_file_enter(app, &in, r, e);
    if (!rc) val_set_str(r->v, "format", format);
    return rc;
}

/* ---- export -------------------------------------------------------------------------- */

int verb_model_export(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *uri = val_get_str(args, "model", ""), *out = val_get_str(args, "out", "");
    struct modelref ref;
    const char *format = val_get_str(args, "format", MODELFORM_OWN);
    STR_AUTO bytes = STR_INIT;
    int rc = modelref_resolve(app, &r->arena, uri, &ref, e);
    if (!rc) rc = modelref_read(app, &ref, &bytes, e);
    if (!rc && !str_eq(format, MODELFORM_OWN) && (rc = modelform_write(&bytes, format, e)))
        err_prefix(e, "%.200s", uri);
    if (!rc) rc = file_write_atomic(out, bytes.p, bytes.len, e);
    if (rc) return rc;
    char *digest = arena_alloc(&r->arena, SHA256_HEX + 1);
    sha256_buf(bytes.p, bytes.len, digest);
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "model", uri);
    val_set_str(r->v, "out", out);
    val_set_str(r->v, "format", format);
    val_set_int(r->v, "size", (int64_t)bytes.len);
    val_set_str(r->v, "digest", digest);
    return 0;
}
