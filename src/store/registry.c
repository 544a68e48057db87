/* registry.c: registered models, versions, stages, aliases and the history of stages: rows in
 * and out. Which moves are allowed is decided above; here only what can never be true is held:
 * one version in Production and one in Staging per model, aliases of existing versions. */
#include "store/registry.h"
#include "store/store_priv.h"
#include <string.h>

#define MODEL_COLUMNS                                                                              \
    "m.name, m.description, m.created_us, m.updated_us,"                                           \
    " (SELECT count(*) FROM model_version v WHERE v.name = m.name),"                               \
    " (SELECT max(version) FROM model_version v WHERE v.name = m.name),"                           \
    " (SELECT version FROM model_version v WHERE v.name = m.name AND v.stage = 'Production'),"     \
    " (SELECT version FROM model_version v WHERE v.name = m.name AND v.stage = 'Staging')"
#define VERSION_COLUMNS                                                                            \
    "v.name, v.version, v.semver, v.stage, v.run_id, v.digest, v.size, v.algorithm, v.task,"       \
    " v.description, v.created_by, v.fp_signature, v.fp_architecture, v.fp_data, v.fp_params,"     \
    " v.created_us, v.updated_us"
#define EVENT_COLUMNS "name, version, from_stage, to_stage, actor, reason, verb, at_us, audit_seq"

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static void read_model(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct reg_model *)ret = (struct reg_model){
        .name = db_dup_or(st, 0, a),
        .description = db_dup_or(st, 1, a),
        .created_us = db_i64(st, 2),
        .updated_us = db_i64(st, 3),
        .n_versions = db_i64(st, 4),
        .latest = db_i64(st, 5),
        .production = db_i64(st, 6),
        .staging = db_i64(st, 7),
    };
}

static void read_version(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct reg_version *)ret = (struct reg_version){
        .name = db_dup_or(st, 0, a),
        .version = db_i64(st, 1),
        .semver = db_dup_or(st, 2, a),
        .stage = db_dup_or(st, 3, a),
        .run_id = db_dup(st, 4, a),
        .digest = db_dup_or(st, 5, a),
        .size = db_i64(st, 6),
        .algorithm = db_dup_or(st, 7, a),
        .task = db_dup_or(st, 8, a),
        .description = db_dup_or(st, 9, a),
        .created_by = db_dup_or(st, 10, a),
        .fp_signature = db_dup_or(st, 11, a),
        .fp_architecture = db_dup_or(st, 12, a),
        .fp_data = db_dup_or(st, 13, a),
        .fp_params = db_dup_or(st, 14, a),
        .created_us = db_i64(st, 15),
        .updated_us = db_i64(st, 16),
        .aliases = "",
    };
}

static int no_model(const char *name, struct err *e)
{
    err_set(e, ERR_NOTFOUND, "Registered Model with name=%s not found", name);
    return err_hint(e, "`signalbox model list` shows the registered models");
}

static int no_version(const char *name, int64_t version, struct err *e)
{
    err_set(e, ERR_NOTFOUND, "Model Version (name=%s, version=%lld) not found", name,
            (long long)version);
    return err_hint(e, "`signalbox model versions %s` shows its versions", name);
}

static int has_model(struct store *s, const char *name, struct err *e)
{
    int64_t n = 0;
    int r = db_number(s->db, "SELECT count(*) FROM model WHERE name = $1", DB_ARGS(db_t(name)), 0,
                      &n, e);
    if (r < 0) return r;
    return n ? 0 : no_model(name, e);
}

static int touch_model(struct store *s, const char *name, struct err *e)
{
    return store_exec(s, "UPDATE model SET updated_us = $2 WHERE name = $1",
                      DB_ARGS(db_t(name), db_i(store_now(s))), NULL, e);
}

/* -- models ------------------------------------------------------------------------------- */
static int check_model_name(const char *name, struct err *e)
{
    int r = name_check("model", name, 256, e);
    if (r < 0) return r;
    if (!strpbrk(name, "/:@")) return 0;
    err_set(e, ERR_INVALID, "model name '%s' has a '/', ':' or '@'", name);
    return err_hint(e, "those separate name and version in models:/NAME/VERSION");
}

int store_model_ensure(struct store *s, const char *name, struct err *e)
{
    bool own;
    int r = check_model_name(name, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = store_exec(s,
                   "INSERT INTO model (name, description, created_us, updated_us)"
                   " VALUES ($1, '', $2, $2) ON CONFLICT (name) DO NOTHING",
                   DB_ARGS(db_t(name), db_i(store_now(s))), NULL, e);
    return tx_leave(s, own, r, e);
}

int store_model_get(struct store *s, struct arena *a, const char *name, struct reg_model *ret,
                    struct err *e)
{
    int r = store_one(s, a, "SELECT " MODEL_COLUMNS " FROM model m WHERE m.name = $1",
                      DB_ARGS(db_t(name)), read_model, ret, e);
    if (r == 0) return no_model(name, e);
    return r < 0 ? r : 0;
}

int store_model_list(struct store *s, struct arena *a, struct reg_model **ret, size_t *n,
                     struct err *e)
{
    return store_all(s, a, "SELECT " MODEL_COLUMNS " FROM model m ORDER BY m.name", DB_NOARGS,
                     sizeof **ret, read_model, ret, n, e);
}

/* -- versions ----------------------------------------------------------------------------- */
static int insert_version(struct store *s, const struct reg_version *v, struct err *e)
{
    int64_t now = store_now(s);
    return store_exec(
        s,
        "INSERT INTO model_version (name, version, semver, stage, run_id, digest, size, algorithm,"
        " task, description, created_by, fp_signature, fp_architecture, fp_data, fp_params,"
        " created_us, updated_us)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $16)",
        DB_ARGS(db_t(v->name), db_i(v->version), db_t(or_empty(v->semver)),
                db_t(v->stage ? v->stage : "None"), db_t(v->run_id), db_t(or_empty(v->digest)),
                db_i(v->size), db_t(or_empty(v->algorithm)), db_t(or_empty(v->task)),
                db_t(or_empty(v->description)), db_t(or_empty(v->created_by)),
                db_t(or_empty(v->fp_signature)), db_t(or_empty(v->fp_architecture)),
                db_t(or_empty(v->fp_data)), db_t(or_empty(v->fp_params)), db_i(now)),
        NULL, e);
}

static int create_version(struct store *s, struct reg_version *v, struct err *e)
{
    int64_t latest = 0;
    int r = has_model(s, v->name, e);
    if (r == 0)
        r = db_number(s->db, "SELECT max(version) FROM model_version WHERE name = $1",
                      DB_ARGS(db_t(v->name)), 0, &latest, e);
    if (r < 0) return r;
    v->version = latest + 1;
    r = insert_version(s, v, e);
    return r < 0 ? r : touch_model(s, v->name, e);
}

int store_version_create(struct store *s, struct reg_version *v, int64_t *ret, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = tx_leave(s, own, create_version(s, v, e), e);
    if (r == 0) *ret = v->version;
    return r;
}

/* Comma-separated aliases of a version. */
static int load_aliases(struct store *s, struct arena *a, struct reg_version *v, struct err *e)
{
    struct db_stmt *st;
    int r = db_query(s->db, &st,
                     "SELECT alias FROM alias WHERE name = $1 AND version = $2 ORDER BY alias",
                     DB_ARGS(db_t(v->name), db_i(v->version)), e);
    if (r < 0) return r;
    STR_AUTO list = STR_INIT;
    while ((r = db_step(st, e)) > 0) {
        if (list.len) str_addc(&list, ',');
        str_add(&list, db_text(st, 0));
    }
    db_end(st);
    if (r == 0) v->aliases = arena_strdup(a, str_c(&list));
    return r;
}

/* The version the statement finds, with aliases: 1, 0 or -kind. */
static int one_version(struct store *s, struct arena *a, const char *sql, struct db_args args,
                       struct reg_version *ret, struct err *e)
{
    struct reg_version v;
    int r = store_one(s, a, sql, args, read_version, &v, e);
    if (r <= 0) return r;
    r = load_aliases(s, a, &v, e);
    if (r < 0) return r;
    *ret = v;
    return 1;
}

int store_version_get(struct store *s, struct arena *a, const char *name, int64_t version,
                      struct reg_version *ret, struct err *e)
{
    int r = one_version(s, a,
                        "SELECT " VERSION_COLUMNS " FROM model_version v"
                        " WHERE v.name = $1 AND v.version = $2",
                        DB_ARGS(db_t(name), db_i(version)), ret, e);
    if (r == 0) {
        r = has_model(s, name, e);
        return r < 0 ? r : no_version(name, version, e);
    }
    return r < 0 ? r : 0;
}

int store_version_by_stage(struct store *s, struct arena *a, const char *name, const char *stage,
                           struct reg_version *ret, struct err *e)
{
    int r = one_version(s, a,
                        "SELECT " VERSION_COLUMNS " FROM model_version v"
                        " WHERE v.name = $1 AND v.stage = $2 ORDER BY v.version DESC LIMIT 1",
                        DB_ARGS(db_t(name), db_t(stage)), ret, e);
    if (r == 0) {
        r = has_model(s, name, e);
        return r < 0 ? r : err_set(e, ERR_NOTFOUND, "model %s has no version in %s", name, stage);
    }
    return r < 0 ? r : 0;
}

int store_version_by_alias(struct store *s, struct arena *a, const char *name, const char *alias,
                           struct reg_version *ret, struct err *e)
{
    int r = one_version(s, a,
                        "SELECT " VERSION_COLUMNS " FROM alias x JOIN model_version v"
                        " ON v.name = x.name AND v.version = x.version"
                        " WHERE x.name = $1 AND x.alias = $2",
                        DB_ARGS(db_t(name), db_t(alias)), ret, e);
    if (r == 0) {
        r = has_model(s, name, e);
        return r < 0 ? r : err_set(e, ERR_NOTFOUND, "model %s has no alias '%s'", name, alias);
    }
    return r < 0 ? r : 0;
}

int store_version_list(struct store *s, struct arena *a, const char *name, struct reg_version **ret,
                       size_t *n, struct err *e)
{
    struct reg_version *v = NULL;
    size_t count = 0;
    int r = has_model(s, name, e);
    if (r == 0)
        r = store_all(s, a,
                      "SELECT " VERSION_COLUMNS " FROM model_version v WHERE v.name = $1"
                      " ORDER BY v.version DESC",
                      DB_ARGS(db_t(name)), sizeof *v, read_version, &v, &count, e);
    for (size_t i = 0; r == 0 && i < count; i++) r = load_aliases(s, a, &v[i], e);
    if (r < 0) return r;
    *ret = v;
    *n = count;
    return 0;
}

/* -- stages ------------------------------------------------------------------------------- */
static int set_stage(struct store *s, const char *name, int64_t version, const char *from,
                     const char *to, struct err *e)
{
    int64_t changed = 0, exists = 0;
    int r = store_exec(s,
                       "UPDATE model_version SET stage = $4, updated_us = $5"
                       " WHERE name = $1 AND version = $2 AND stage = $3",
                       DB_ARGS(db_t(name), db_i(version), db_t(from), db_t(to), db_i(store_now(s))),
                       &changed, e);
    if (r == -ERR_EXISTS)
        return err_set(e, ERR_CONFLICT, "another version of %s is in %s", name, to);
    if (r < 0) return r;
    if (changed) return touch_model(s, name, e);
    r = db_number(s->db, "SELECT count(*) FROM model_version WHERE name = $1 AND version = $2",
                  DB_ARGS(db_t(name), db_i(version)), 0, &exists, e);
    if (r < 0) return r;
    if (!exists) return no_version(name, version, e);
    err_set(e, ERR_CONFLICT, "version %lld of %s is not in stage %s any more", (long long)version,
            name, from);
    return err_hint(e, "somebody else moved it; look at `signalbox model history %s`", name);
}

int store_version_set_stage(struct store *s, const char *name, int64_t version, const char *from,
                            const char *to, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);
    return r < 0 ? r : tx_leave(s, own, set_stage(s, name, version, from, to, e), e);
}

int store_stage_event_add(struct store *s, const struct stage_event *ev, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = store_exec(s,
                   "INSERT INTO stage_event (seq, " EVENT_COLUMNS ")"
                   " SELECT COALESCE(max(seq), 0) + 1, $1, $2, $3, $4, $5, $6, $7, $8, $9"
                   " FROM stage_event",
                   DB_ARGS(db_t(ev->name), db_i(ev->version), db_t(or_empty(ev->from)),
                           db_t(or_empty(ev->to)), db_t(or_empty(ev->actor)),
                           db_t(or_empty(ev->reason)), db_t(or_empty(ev->verb)),
                           db_i(ev->at_us ? ev->at_us : store_now(s)), db_i(ev->audit_seq)),
                   NULL, e);
    if (r == -ERR_NOTFOUND) r = no_version(ev->name, ev->version, e);
    return tx_leave(s, own, r, e);
}

static void read_stage_event(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct stage_event *)ret = (struct stage_event){
        .name = db_dup_or(st, 0, a),
        .version = db_i64(st, 1),
        .from = db_dup_or(st, 2, a),
        .to = db_dup_or(st, 3, a),
        .actor = db_dup_or(st, 4, a),
        .reason = db_dup_or(st, 5, a),
        .verb = db_dup_or(st, 6, a),
        .at_us = db_i64(st, 7),
        .audit_seq = db_i64(st, 8),
    };
}

int store_stage_events(struct store *s, struct arena *a, const char *name, int64_t limit,
                       struct stage_event **ret, size_t *n, struct err *e)
{
    if (limit <= 0) limit = 100;
    if (!name)
        return store_all(s, a,
                         "SELECT " EVENT_COLUMNS " FROM stage_event ORDER BY seq DESC LIMIT $1",
                         DB_ARGS(db_i(limit)), sizeof **ret, read_stage_event, ret, n, e);
    int r = has_model(s, name, e);
    if (r < 0) return r;
    return store_all(s, a,
                     "SELECT " EVENT_COLUMNS " FROM stage_event WHERE name = $1"
                     " ORDER BY seq DESC LIMIT $2",
                     DB_ARGS(db_t(name), db_i(limit)), sizeof **ret, read_stage_event, ret, n, e);
}

/* -- aliases ------------------------------------------------------------------------------ */
static int check_alias(const char *alias, struct err *e)
{
    int r = name_check("alias", alias, 256, e);
    if (r < 0) return r;
    bool digits = strspn(alias, "0123456789") == strlen(alias);
    if (!digits && !strpbrk(alias, "/:@ ,") && strcmp(alias, "latest") != 0) return 0;
    err_set(e, ERR_INVALID, "'%s' cannot be an alias", alias);
    return err_hint(e, "an alias is not a number, not 'latest', and has no space, comma, / : or @");
}

int store_alias_set(struct store *s, const char *name, const char *alias, int64_t version,
                    struct err *e)
{
    bool own;
    int r = check_alias(alias, e);
    if (r == 0) r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = store_exec(s,
                   "INSERT INTO alias (name, alias, version) VALUES ($1, $2, $3)"
                   " ON CONFLICT (name, alias) DO UPDATE SET version = excluded.version",
                   DB_ARGS(db_t(name), db_t(alias), db_i(version)), NULL, e);
    if (r == -ERR_NOTFOUND) r = no_version(name, version, e);
    if (r == 0) r = touch_model(s, name, e);
    return tx_leave(s, own, r, e);
}

int store_alias_delete(struct store *s, const char *name, const char *alias, struct err *e)
{
    bool own;
    int64_t changed = 0;
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = store_exec(s, "DELETE FROM alias WHERE name = $1 AND alias = $2",
                   DB_ARGS(db_t(name), db_t(alias)), &changed, e);
    if (r == 0 && changed == 0)
        r = err_set(e, ERR_NOTFOUND, "model %s has no alias '%s'", name, alias);
    if (r == 0) r = touch_model(s, name, e);
    return tx_leave(s, own, r, e);
}
