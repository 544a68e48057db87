/* model.c: the verbs that read and move registered models. They bind registry.c's moves to
 * arguments and replies; which moves are allowed and what they write is decided there. */
#include "app/modelval.h"
#include "app/registry.h"
#include "app/verb.h"

static const struct reply_column model_columns[] = {
    { "name", "model", NULL },
    { "latest", "latest", NULL },
    { "production.version", "production", NULL },
    { "production.semver", "semver", NULL },
    { "staging.version", "staging", NULL },
    { "n_versions", "versions", NULL },
    { "updated_at", "updated", "age" },
    { NULL, NULL, NULL },
};
static const struct reply_column version_columns[] = {
    { "version", "version", NULL },     { "semver", "semver", NULL },
    { "stage", "stage", NULL },         { "algorithm", "algorithm", NULL },
    { "metrics.auc", "auc", "real" },   { "metrics.rmse", "rmse", "real" },
    { "run_id", "run", "id" },          { "created_by", "by", NULL },
    { "created_at", "created", "age" }, { NULL, NULL, NULL },
};
static const struct reply_column history_columns[] = {
    { "at", "when", "age" },  { "name", "model", NULL },    { "version", "version", NULL },
    { "from", "from", NULL }, { "to", "to", NULL },         { "verb", "verb", NULL },
    { "actor", "by", NULL },  { "reason", "reason", NULL }, { NULL, NULL, NULL },
};

/* ---- reads --------------------------------------------------------------------------- */

int verb_model_list(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    (void)args;
    r->v = val_obj(&r->arena);
    reply_table(r, "models", model_columns);
    return models_to_val(app, &r->arena, val_set_list(r->v, "models"), e);
}

int verb_model_show(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct arena *a = &r->arena;
    struct reg_model m;
    int rc = store_model_get(app->store, a, val_get_str(args, "name", ""), &m, e);
    if (rc) return rc;
    r->v = val_obj(a);
    rc = model_to_val(app, a, r->v, &m, e);
    if (!rc) rc = model_set_versions(app, a, r->v, m.name, e);
    return rc ? rc : model_set_history(app, a, r->v, m.name, 20, e);
}

int verb_model_versions(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct arena *a = &r->arena;
    struct reg_model m;
    int rc = store_model_get(app->store, a, val_get_str(args, "name", ""), &m, e);
    if (rc) return rc;
    r->v = val_obj(a);
    reply_table(r, "versions", version_columns);
    return model_set_versions(app, a, r->v, m.name, e);
}

int verb_model_history(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct arena *a = &r->arena;
    const char *name = val_get_str(args, "name", NULL);
    struct reg_model m;
    int rc = name ? store_model_get(app->store, a, name, &m, e) : 0;
    if (rc) return rc;
    r->v = val_obj(a);
    reply_table(r, "history", history_columns);
    return model_set_history(app, a, r->v, name, val_get_int(args, "limit", 50), e);
}

/* ---- moves --------------------------------------------------------------------------- */

static void moved_reply(struct app *app, struct reply *r, const struct registry_moved *m)
{
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "name", m->version.name);
    val_set_int(r->v, "version", m->version.version);
    val_set_str(r->v, "semver", m->version.semver);
    val_set_str(r->v, "stage", m->version.stage);
    val_set_str(r->v, "previous_stage", m->previous_stage);
    if (m->replaced.name) {
        struct val *o = val_set_obj(r->v, "replaced");
        val_set_int(o, "version", m->replaced.version);
        val_set_str(o, "semver", m->replaced.semver);
        val_set_str(o, "stage", m->replaced_to);
    } else {
        val_set(r->v, "replaced", val_null(&r->arena));
    }
    if (app->dry_run) val_set_bool(r->v, "dry_run", true);
    else val_set_int(r->v, "audit_seq", m->audit_seq);
    r->text = arena_printf(
        &r->arena, "%s%s %lld (%s): %s -> %s%s\n", app->dry_run ? "would move " : "",
        m->version.name, (long long)m->version.version, m->version.semver, m->previous_stage,
        m->version.stage,
        m->replaced.name
            ? arena_printf(&r->arena, ", replacing version %lld (%s), now %s",
                           (long long)m->replaced.version, m->replaced.semver, m->replaced_to)
            : "");
}

int verb_model_promote(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct reg_version v;
    struct registry_moved moved;
    const char *name = val_get_str(args, "name", "");
    int rc = registry_version(app, &r->arena, name, val_get_str(args, "version", ""), &v, e);
    if (!rc)
        rc =
            registry_promote(app, &r->arena, name, v.version, val_get_str(args, "to", "Production"),
                             val_get_str(args, "reason", NULL), &moved, e);
    if (!rc) moved_reply(app, r, &moved);
    return rc;
}

int verb_model_rollback(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct registry_moved moved;
    int rc = registry_rollback(app, &r->arena, val_get_str(args, "name", ""),
                               val_get_str(args, "reason", NULL), &moved, e);
    if (!rc) moved_reply(app, r, &moved);
    return rc;
}

int verb_model_archive(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct reg_version v;
    struct registry_moved moved;
    const char *name = val_get_str(args, "name", "");
    int rc = registry_version(app, &r->arena, name, val_get_str(args, "version", ""), &v, e);
    if (!rc)
        rc = registry_archive(app, &r->arena, name, v.version, val_get_str(args, "reason", NULL),
                              &moved, e);
    if (!rc) moved_reply(app, r, &moved);
    return rc;
}

int verb_model_alias(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *name = val_get_str(args, "name", ""), *alias = val_get_str(args, "alias", "");
    int64_t version = val_get_int(args, "version", 0);
    int rc =
        registry_alias(app, &r->arena, name, alias, version, val_get_str(args, "reason", NULL), e);
    if (rc) return rc;
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "name", name);
    val_set_str(r->v, "alias", alias);
    val_set(r->v, "version", version ? val_int(&r->arena, version) : val_null(&r->arena));
    if (app->dry_run) val_set_bool(r->v, "dry_run", true);
    return 0;
}
