/* registry.c: the moves of registry.h. A move is planned from the rows (what goes where, what is
 * displaced) and then applied; a dry run stops between the two. Planning happens inside the
 * write transaction, so two people promoting at once are one after the other and the second
 * sees what the first did. */
#include "app/registry.h"
#include "app/rollout.h"
#include "base/mem.h"
#include "store/audit.h"
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { ALIAS_MAX_LEN = 100, REASON_MAX_LEN = 2000, ALL_EVENTS = 1000000 };

/* ---- register -------------------------------------------------------------------------- */

static bool same_model(const struct reg_version *v, const struct registry_new *in)
{
    return str_eq(v->fp_signature, in->fp_signature) &&
           str_eq(v->fp_architecture, in->fp_architecture) && str_eq(v->fp_data, in->fp_data) &&
           str_eq(v->fp_params, in->fp_params) && str_eq(v->digest, in->digest);
}

const char *registry_next_semver(struct arena *a, const struct reg_version *before,
                                 const struct registry_new *in)
{
    if (!before) return "1.0.0";
    int major = 0, minor = 0, patch = 0;
    int got = sscanf(before->semver, "%d.%d.%d", &major, &minor, &patch);
    assert(got == 3);
    (void)got;
    if (!str_eq(before->fp_signature, in->fp_signature) ||
        !str_eq(before->fp_architecture, in->fp_architecture))
        return arena_printf(a, "%d.0.0", major + 1);
    if (!str_eq(before->fp_data, in->fp_data)) return arena_printf(a, "%d.%d.0", major, minor + 1);
    return arena_printf(a, "%d.%d.%d", major, minor, patch + 1);
}

/* The audit row of a change to a version; detail is an object. */
static int audit(struct app *app, const char *verb, const char *name, int64_t version,
                 const char *reason, const struct val *detail, int64_t *ret_seq, struct err *e)
{
    STR_AUTO json = STR_INIT;
    STR_AUTO object = STR_INIT;
    val_write_json(&json, detail, 0);
    str_addf(&object, "model:%s/%lld", name, (long long)version);
    const struct audit_row row = {
        .at_us = clock_now(app->clock),
        .actor = app->actor,
        .verb = verb,
        .object = str_c(&object),
        .reason = reason ? reason : "",
        .detail = str_c(&json),
    };
    return audit_append(app->store, &row, ret_seq, e);
}

static int write_version(struct app *app, struct arena *a, const struct registry_new *in,
                         const struct reg_version *newest, struct registry_done *done,
                         struct err *e)
{
    struct reg_version v = {
        .name = in->name,
        .semver = registry_next_semver(a, newest, in),
        .stage = "None",
        .run_id = in->run_id,
        .digest = in->digest,
        .size = in->size,
        .algorithm = in->algorithm,
        .task = in->task,
        .description = in->description ? in->description : "",
        .created_by = app->actor,
        .fp_signature = in->fp_signature,
        .fp_architecture = in->fp_architecture,
        .fp_data = in->fp_data,
        .fp_params = in->fp_params,
    };
    int64_t number = 0;
    int rc = store_version_create(app->store, &v, &number, e);
    if (rc) return rc;
    struct val *detail = val_obj(a);
    val_set_str(detail, "semver", v.semver);
    val_set_str(detail, "run_id", in->run_id);
    val_set_str(detail, "digest", in->digest);
    rc = audit(app, "model register", in->name, number, in->reason, detail, &done->audit_seq, e);
    if (rc) return rc;
    const struct stage_event ev = {
        .name = in->name,
        .version = number,
        .from = "None",
        .to = "None",
        .actor = app->actor,
        .reason = in->reason ? in->reason : "",
        .verb = "register",
        .at_us = clock_now(app->clock),
        .audit_seq = done->audit_seq,
    };
    rc = store_stage_event_add(app->store, &ev, e);
    return rc ? rc : store_version_get(app->store, a, in->name, number, &done->version, e);
}

int registry_register(struct app *app, struct arena *a, const struct registry_new *in,
                      struct registry_done *ret, struct err *e)
{
    assert(store_in_tx(app->store));
    int rc = store_model_ensure(app->store, in->name, e);
    struct reg_version *old = NULL;
    size_t n = 0;
    if (!rc) rc = store_version_list(app->store, a, in->name, &old, &n, e);
    if (rc) return rc;
    for (size_t i = 0; i < n; i++) {
        if (!same_model(&old[i], in)) continue;
        *ret = (struct registry_done){ .version = old[i] };
        return 0;
    }
    struct registry_done done = { .is_new = true };
    rc = write_version(app, a, in, n ? &old[0] : NULL, &done, e);
    if (!rc) *ret = done;
    return rc;
}

/* ---- moves ------------------------------------------------------------------------------- */

struct plan {
    const char *verb; /* "promote", "rollback", "archive" */
    const char *reason;
    struct reg_version version; /* what moves */
    const char *to;
    struct reg_version replaced; /* what it displaces; name NULL: nothing */
    const char *replaced_to;
};

/* The alias that follows a stage; NULL: none does. */
static const char *stage_alias(const char *stage)
{
    if (str_eq(stage, "Production")) return "production";
    if (str_eq(stage, "Staging")) return "staging";
    return NULL;
}

static int check_reason(const char *reason, struct err *e)
{
    size_t n = reason ? strlen(reason) : 0;
    size_t blank = reason ? strspn(reason, " \t\r\n") : 0;
    if (n == blank) {
        err_set(e, ERR_INVALID, "this changes what serves and needs a reason");
        return err_hint(e, "add --reason 'why'; it is kept in the audit log");
    }
    if (n > REASON_MAX_LEN)
        return err_set(e, ERR_INVALID, "the reason has %zu characters; at most %d are kept", n,
                       (int)REASON_MAX_LEN);
    return 0;
}

/* The version in a stage; *ret is zeroed when there is none. */
static int in_stage(struct app *app, struct arena *a, const char *name, const char *stage,
                    struct reg_version *ret, struct err *e)
{
    *ret = (struct reg_version){ 0 };
    int rc = store_version_by_stage(app->store, a, name, stage, ret, e);
    if (rc != -ERR_NOTFOUND) return rc;
    err_clear(e);
    *ret = (struct reg_version){ 0 };
    return 0;
}

static int plan_promote(struct app *app, struct arena *a, struct plan *p, struct err *e)
{
    const struct reg_version *v = &p->version;
    long long number = (long long)v->version;
    if (str_eq(v->stage, p->to)) {
        err_set(e, ERR_STATE, "version %lld of %s is in %s already", number, v->name, p->to);
        return err_hint(e, "nothing to do; 'model show %s' shows the stages", v->name);
    }
    if (str_eq(v->stage, "Production")) {
        err_set(e, ERR_STATE, "version %lld of %s serves in Production and cannot go to %s", number,
                v->name, p->to);
        return err_hint(e, "promote another version, or use 'model rollback %s'", v->name);
    }
    if (str_eq(v->stage, "Archived") && !str_eq(p->to, "Staging")) {
        err_set(e, ERR_STATE, "version %lld of %s is archived and cannot go straight to %s", number,
                v->name, p->to);
        return err_hint(e,
                        "'model promote %s %lld --to Staging' first, or 'model rollback %s' for "
                        "the version before",
                        v->name, number, v->name);
    }
    p->replaced_to = str_eq(p->to, "Production") ? "Archived" : "None";
    return in_stage(app, a, v->name, p->to, &p->replaced, e);
}

/* The pile of versions that were in Production, oldest first, as the stage events tell it. */
static size_t production_pile(const struct stage_event *ev, size_t n, int64_t *pile)
{
    size_t top = 0;
    for (size_t i = n; i-- > 0;) {
        int64_t version = ev[i].version;
        if (str_eq(ev[i].verb, "archive")) {
            size_t kept = 0;
            for (size_t k = 0; k < top; k++)
                if (pile[k] != version) pile[kept++] = pile[k];
            top = kept;
        } else if (str_eq(ev[i].to, "Production")) {
            if (str_eq(ev[i].verb, "rollback"))
                while (top && pile[top - 1] != version) top--;
            if (!top || pile[top - 1] != version) pile[top++] = version;
        }
    }
    return top;
}

static int plan_rollback(struct app *app, struct arena *a, const char *name, struct plan *p,
                         struct err *e)
{
    struct reg_model m;
    int rc = store_model_get(app->store, a, name, &m, e);
    struct stage_event *ev = NULL;
    size_t n = 0;
    if (!rc) rc = store_stage_events(app->store, a, name, ALL_EVENTS, &ev, &n, e);
    if (!rc) rc = in_stage(app, a, name, "Production", &p->replaced, e);
    if (rc) return rc;
    int64_t *pile = arena_array(a, n + 1, int64_t);
    size_t top = production_pile(ev, n, pile);
    if (top && p->replaced.name && pile[top - 1] == p->replaced.version) top--;
    if (!top) {
        if (p->replaced.name)
            err_set(e, ERR_STATE, "version %lld of %s is the first in Production: none before it",
                    (long long)p->replaced.version, name);
        else err_set(e, ERR_STATE, "%s never had a version in Production to go back to", name);
        return err_hint(e, "'model history %s' shows the moves; 'model promote' makes one", name);
    }
    p->to = "Production";
    p->replaced_to = "Archived";
    return store_version_get(app->store, a, name, pile[top - 1], &p->version, e);
}

static int plan_archive(struct plan *p, struct err *e)
{
    p->to = "Archived";
    if (!str_eq(p->version.stage, "Archived")) return 0;
    err_set(e, ERR_STATE, "version %lld of %s is archived already", (long long)p->version.version,
            p->version.name);
    return err_hint(e, "nothing to do");
}

static int move_one(struct app *app, const struct plan *p, const struct reg_version *v,
                    const char *to, int64_t audit_seq, struct err *e)
{
    int rc = store_version_set_stage(app->store, v->name, v->version, v->stage, to, e);
    const char *left = stage_alias(v->stage);
    if (!rc && left) {
        rc = store_alias_delete(app->store, v->name, left, e);
        if (rc == -ERR_NOTFOUND) {
            err_clear(e);
            rc = 0;
        }
    }
    const char *entered = stage_alias(to);
    if (!rc && entered) rc = store_alias_set(app->store, v->name, entered, v->version, e);
    if (rc) return rc;
    const struct stage_event ev = {
        .name = v->name,
        .version = v->version,
        .from = v->stage,
        .to = to,
        .actor = app->actor,
        .reason = p->reason,
        .verb = p->verb,
        .at_us = clock_now(app->clock),
        .audit_seq = audit_seq,
    };
    return store_stage_event_add(app->store, &ev, e);
}

/* The displaced version leaves first: a stage never holds two. */
static int apply(struct app *app, struct arena *a, const struct plan *p, int64_t *ret_seq,
                 struct err *e)
{
    struct val *detail = val_obj(a);
    val_set_str(detail, "semver", p->version.semver);
    val_set_str(detail, "digest", p->version.digest);
    val_set_str(detail, "from", p->version.stage);
    val_set_str(detail, "to", p->to);
    if (p->replaced.name) {
        val_set_int(detail, "replaced", p->replaced.version);
        val_set_str(detail, "replaced_to", p->replaced_to);
    }
    const char *verb = arena_printf(a, "model %s", p->verb);
    int rc = audit(app, verb, p->version.name, p->version.version, p->reason, detail, ret_seq, e);
    if (!rc && p->replaced.name) rc = move_one(app, p, &p->replaced, p->replaced_to, *ret_seq, e);
    if (!rc) rc = move_one(app, p, &p->version, p->to, *ret_seq, e);
    return rc ? rc : rollout_registry_moved(app, a, p->version.name, p->reason, e);
}

/* Plans and applies in one transaction, the caller's if one is open; the plan's kind is in its
 * verb. */
static int move(struct app *app, struct arena *a, const char *name, int64_t version, struct plan *p,
                struct registry_moved *ret, struct err *e)
{
    bool own = !app->dry_run && !store_in_tx(app->store);
    int rc = check_reason(p->reason, e);
    if (!rc && own) rc = store_begin(app->store, e);
    if (rc) return rc;
    bool rollback = str_eq(p->verb, "rollback");
    if (!rollback) rc = store_version_get(app->store, a, name, version, &p->version, e);
    if (!rc)
        rc = rollback                     ? plan_rollback(app, a, name, p, e)
             : str_eq(p->verb, "promote") ? plan_promote(app, a, p, e)
                                          : plan_archive(p, e);
    struct registry_moved done = { .replaced = p->replaced, .replaced_to = p->replaced_to };
    if (!rc && !app->dry_run) rc = apply(app, a, p, &done.audit_seq, e);
    if (!rc && own) rc = store_commit(app->store, e);
    if (rc) {
        if (own) store_rollback(app->store);
        return rc;
    }
    done.version = p->version;
    done.previous_stage = p->version.stage;
    done.version.stage = p->to;
    *ret = done;
    return 0;
}

int registry_promote(struct app *app, struct arena *a, const char *name, int64_t version,
                     const char *to, const char *reason, struct registry_moved *ret, struct err *e)
{
    if (!stage_alias(to)) {
        err_set(e, ERR_INVALID, "'%s' is no stage to promote to", to);
        return err_hint(e, "Staging or Production");
    }
    struct plan p = { .verb = "promote", .reason = reason, .to = to };
    return move(app, a, name, version, &p, ret, e);
}

int registry_rollback(struct app *app, struct arena *a, const char *name, const char *reason,
                      struct registry_moved *ret, struct err *e)
{
    struct plan p = { .verb = "rollback", .reason = reason };
    return move(app, a, name, 0, &p, ret, e);
}

int registry_archive(struct app *app, struct arena *a, const char *name, int64_t version,
                     const char *reason, struct registry_moved *ret, struct err *e)
{
    struct plan p = { .verb = "archive", .reason = reason };
    return move(app, a, name, version, &p, ret, e);
}

/* ---- aliases ------------------------------------------------------------------------------- */

static int check_alias(const char *alias, struct err *e)
{
    static const char *const kept[] = { "production", "staging", "latest" };
    size_t n = strlen(alias);
    bool bad = n == 0 || n > ALIAS_MAX_LEN;
    for (size_t i = 0; i < n && !bad; i++)
        bad = !isalnum((unsigned char)alias[i]) && !strchr("_-.", alias[i]);
    if (bad) {
        err_set(e, ERR_INVALID, "'%.80s' cannot be an alias", alias);
        return err_hint(e, "1 to %d letters, digits, '_', '-' or '.'", (int)ALIAS_MAX_LEN);
    }
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        if (!str_eq(alias, kept[i])) continue;
        err_set(e, ERR_INVALID, "the alias '%s' follows the registry and cannot be set", alias);
        return err_hint(e, "use 'model promote', or another name such as champion");
    }
    const char *digits = alias[0] == 'v' ? alias + 1 : alias;
    if (*digits && digits[strspn(digits, "0123456789")] == 0) {
        err_set(e, ERR_INVALID, "the alias '%s' would read as a version number", alias);
        return err_hint(e, "choose a name such as champion");
    }
    return 0;
}

/* The version an alias points at, 0: none. */
static int alias_target(struct app *app, struct arena *a, const char *name, const char *alias,
                        int64_t *ret, struct err *e)
{
    struct reg_version v;
    int rc = store_version_by_alias(app->store, a, name, alias, &v, e);
    if (rc && rc != -ERR_NOTFOUND) return rc;
    if (rc) err_clear(e);
    *ret = rc ? 0 : v.version;
    return 0;
}

static int write_alias(struct app *app, struct arena *a, const char *name, const char *alias,
                       int64_t version, const char *reason, struct err *e)
{
    struct reg_version v;
    struct reg_model m;
    int64_t before = 0, seq;
    int rc = store_model_get(app->store, a, name, &m, e);
    if (!rc && version) rc = store_version_get(app->store, a, name, version, &v, e);
    if (!rc) rc = alias_target(app, a, name, alias, &before, e);
    if (rc) return rc;
    if (!version && !before) {
        err_set(e, ERR_NOTFOUND, "%s has no alias '%s'", name, alias);
        return err_hint(e, "'model versions %s' lists the aliases", name);
    }
    if (app->dry_run || before == version) return 0;
    struct val *detail = val_obj(a);
    val_set_str(detail, "alias", alias);
    if (before) val_set_int(detail, "from", before);
    if (version) val_set_int(detail, "to", version);
    rc = version ? store_alias_set(app->store, name, alias, version, e)
                 : store_alias_delete(app->store, name, alias, e);
    if (rc) return rc;
    return audit(app, "model alias", name, version ? version : before, reason, detail, &seq, e);
}

int registry_alias(struct app *app, struct arena *a, const char *name, const char *alias,
                   int64_t version, const char *reason, struct err *e)
{
    int rc = check_alias(alias, e);
    if (!rc && !app->dry_run) rc = store_begin(app->store, e);
    if (rc) return rc;
    rc = write_alias(app, a, name, alias, version, reason, e);
    if (!rc && !app->dry_run) rc = store_commit(app->store, e);
    if (rc) store_rollback(app->store);
    return rc;
}

int registry_version(struct app *app, struct arena *a, const char *name, const char *which,
                     struct reg_version *ret, struct err *e)
{
    if (which[0] == '@') return store_version_by_alias(app->store, a, name, which + 1, ret, e);
    long long number;
    if (!str_to_i64(which, &number) || number < 1) {
        err_set(e, ERR_INVALID, "'%s' is no version of %s", which, name);
        return err_hint(e, "a number such as 3, or an alias such as @champion");
    }
    return store_version_get(app->store, a, name, number, ret, e);
}
