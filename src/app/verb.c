/* verb.c: the table of verbs, and the one way to call them.
 *
 * The rows of verbs.def become an array of arguments per verb and an array of verbs. A verb
 * that changes something gets one argument more than its row says: `reason`, required where
 * the row has VERB_REASON; it reaches the verb in its arguments and from there the audit log.
 * Every call passes the same gate: arguments, role, workspace, dry run, the verb, audit. */
#include "app/verb.h"
#include "app/ingest.h"
#include "base/mem.h"
#include "store/audit.h"
#include "store/dataset.h"
#include <assert.h>
#include <string.h>

#define POS(n, t, f, d, h)                                                                         \
    {                                                                                              \
        .name = n, .type = PARAM_##t, .flags = (f) | PARAM_POSITIONAL, .dflt = d, .help = h        \
    }
#define OPT(n, t, f, d, h)                                                                         \
    {                                                                                              \
        .name = n, .type = PARAM_##t, .flags = (f), .dflt = d, .help = h                           \
    }
#define NUM(n, t, f, d, lo, hi, h)                                                                 \
    {                                                                                              \
        .name = n, .type = PARAM_##t, .flags = (f), .dflt = d, .min = lo, .max = hi, .help = h     \
    }
#define ONE(n, d, c, h)                                                                            \
    {                                                                                              \
        .name = n, .type = PARAM_ENUM, .dflt = d, .choices = c, .help = h                          \
    }
#define REASON(f)                                                                                  \
    {                                                                                              \
        .name = (f) & (VERB_REASON | VERB_WRITE) ? "reason" : NULL, .type = PARAM_STR,             \
        .flags = (f)&VERB_REASON ? PARAM_REQUIRED : PARAM_HIDDEN,                                  \
        .help = "why; kept in the audit log"                                                       \
    }
#define VERB(id, name, perm, flags, help, ...)                                                     \
    static const struct param params_##id[] = { __VA_ARGS__ __VA_OPT__(, ) REASON(flags), { 0 } };
#include "app/verbs.def"
#undef VERB

const struct verb verbs[] = {
#define VERB(id, name, perm, flags, help, ...)                                                     \
    { name, verb_##id, PERM_##perm, (flags), help, params_##id },
#include "app/verbs.def"
#undef VERB
    { NULL, NULL, PERM_VIEWER, 0, NULL, NULL },
};

const struct verb *verb_find(const char *name)
{
    for (const struct verb *v = verbs; v->name; v++)
        if (str_eq(v->name, name)) return v;
    return NULL;
}

/* Words of the name when argv begins with them, else 0. */
static int matching_words(const char *name, int argc, char *const *argv)
{
    int words = 0;
    for (const char *at = name; at; words++) {
        size_t n = strcspn(at, " ");
        if (words >= argc || strlen(argv[words]) != n || memcmp(argv[words], at, n)) return 0;
        at = at[n] ? at + n + 1 : NULL;
    }
    return words;
}

const struct verb *verb_match(int argc, char *const *argv, int *ret_words)
{
    const struct verb *best = NULL;
    int words = 0;
    for (const struct verb *v = verbs; v->name; v++) {
        int n = matching_words(v->name, argc, argv);
        if (n > words) {
            words = n;
            best = v;
        }
    }
    *ret_words = words;
    return best;
}

/* ---- the gate ------------------------------------------------------------------------ */

static const char *const perm_names[] = {
    [PERM_VIEWER] = "viewer",     [PERM_AUDITOR] = "auditor",   [PERM_DEVELOPER] = "developer",
    [PERM_OPERATOR] = "operator", [PERM_APPROVER] = "approver", [PERM_ADMIN] = "admin",
};

const char *perm_name(enum perm p)
{
    assert((size_t)p < ARRAY_LEN(perm_names));
    return perm_names[p];
}

bool perm_find(const char *role, enum perm *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(perm_names); i++) {
        if (!str_eq(perm_names[i], role)) continue;
        *ret = (enum perm)i;
        return true;
    }
    return false;
}

bool perm_allows(const char *role, enum perm need)
{
    enum perm has;

    if (!perm_find(role, &has)) return false;
    if (has == PERM_ADMIN || has == need) return true;
    if (has == PERM_AUDITOR || need == PERM_AUDITOR) return need == PERM_VIEWER;
    return has > need;
}

static int check_role(const struct app *app, const struct verb *v, struct err *e)
{
    if (perm_allows(app->role, v->perm)) return 0;
    err_set(e, ERR_DENIED, "'%s' needs the role %s; %s has %s", v->name, perm_name(v->perm),
            app->actor, app->role ? app->role : "none");
    return err_hint(e, "ask an admin for the role %s", perm_name(v->perm));
}

static int check_workspace(const struct app *app, const struct verb *v, struct err *e)
{
    if (app->store || (v->flags & VERB_NO_WORKSPACE)) return 0;
    err_set(e, ERR_NOTFOUND, "'%s' needs a workspace and %s is none", v->name,
            app->dir ? app->dir : "there");
    return err_hint(e, "make one with 'signalbox init', or choose one with --workspace DIR");
}

/* Over the network an argument may name a data set where it could name a file here, and nothing
 * that would open, make or overwrite a file. */
static int check_remote(struct app *app, const struct verb *v, const struct val *args,
                        struct err *e)
{
    struct dataset d;
    struct arena a = ARENA_INIT;
    int rc = 0;
    if (!app->remote) return 0;
    if (v->flags & VERB_LOCAL) {
        err_set(e, ERR_INVALID, "'%s' works on files of the machine it runs on; it is not for HTTP",
                v->name);
        return err_hint(e, "run it there: signalbox %s", v->name);
    }
    for (const struct param *p = v->params; p->name && !rc; p++) {
        const char *text = p->flags & PARAM_PATH ? val_get_str(args, p->name, NULL) : NULL;
        if (!text || ingest_dataset(app, &a, text, &d)) continue;
        err_set(e, ERR_INVALID, "%s: there is no data set '%.200s', and HTTP opens no files",
                p->name, text);
        rc = err_hint(e, "GET /api/v1/data/list shows the data sets; 'signalbox data import' "
                         "makes one of a file");
    }
    arena_done(&a);
    return rc;
}

/* What a changing verb answers under --dry-run unless it can say more itself. */
static int dry_reply(const struct verb *v, const struct val *args, struct reply *r)
{
    r->v = val_obj(&r->arena);
    val_set_bool(r->v, "dry_run", true);
    val_set_str(r->v, "verb", v->name);
    val_set(r->v, "arguments", val_copy(&r->arena, args));
    r->text = arena_printf(&r->arena, "would run: %s\n", v->name);
    return 0;
}

/* ---- audit --------------------------------------------------------------------------- */

/* What the call was about: "run:ID", "job:ID", "experiment:NAME" … Runs, jobs and alerts are
 * known by their id, everything else by name; failing that, the first bare word. */
static const char *audit_object(struct arena *a, const struct verb *v, const struct val *args,
                                const struct val *reply)
{
    const char *noun = arena_strndup(a, v->name, strcspn(v->name, " "));
    bool by_id = str_eq(noun, "run") || str_eq(noun, "job") || str_eq(noun, "alert");
    const char *what = val_get_str(reply, by_id ? "id" : "name", NULL);
    const struct param *p = v->params;
    while (p->name && !(p->flags & PARAM_POSITIONAL)) p++;
    if (!what && p->name) what = val_get_str(args, p->name, NULL);
    return what ? arena_printf(a, "%s:%s", noun, what) : noun;
}

static const char *audit_detail(struct arena *a, const struct val *args, const struct reply *r)
{
    struct val *d = val_obj(a), *in = val_set_obj(d, "arguments"), *out = val_set_obj(d, "result");
    for (size_t i = 0; i < val_len(args); i++)
        if (!str_eq(val_key(args, i), "reason"))
            val_set(in, val_key(args, i), val_copy(a, val_at(args, i)));
    for (size_t i = 0; i < val_len(r->v); i++)
        if (val_type(val_at(r->v, i)) != VAL_LIST && val_type(val_at(r->v, i)) != VAL_OBJ)
            val_set(out, val_key(r->v, i), val_copy(a, val_at(r->v, i)));
    STR_AUTO s = STR_INIT;
    val_write_json(&s, d, 0);
    return arena_strdup(a, str_c(&s));
}

static int audit(struct app *app, const struct verb *v, const struct val *args,
                 const struct reply *r, struct err *e)
{
    struct arena a = ARENA_INIT;
    const struct audit_row row = {
        .at_us = clock_now(app->clock),
        .actor = app->actor,
        .verb = v->name,
        .object = audit_object(&a, v, args, r->v),
        .reason = val_get_str(args, "reason", ""),
        .detail = audit_detail(&a, args, r),
    };
    int64_t seq = 0;
    int rc = audit_append(app->store, &row, &seq, e);
    if (rc) err_prefix(e, "'%s' was done, but its audit row could not be written", v->name);
    arena_done(&a);
    return rc;
}

/* ---- calls --------------------------------------------------------------------------- */

int verb_call_bound(struct app *app, const struct verb *v, const struct val *args, struct reply *r,
                    struct err *e)
{
    int rc = check_role(app, v, e);
    if (!rc) rc = check_workspace(app, v, e);
    if (!rc) rc = check_remote(app, v, args, e);
    if (rc) return rc;
    if (app->dry_run && (v->flags & VERB_WRITE) && !(v->flags & VERB_DRY))
        return dry_reply(v, args, r);
    rc = v->fn(app, args, r, e);
    if (!rc && (v->flags & VERB_AUDIT) && !app->dry_run && app->store)
        rc = audit(app, v, args, r, e);
    return rc;
}

int verb_call(struct app *app, const struct verb *v, const struct val *in, struct reply *r,
              struct err *e)
{
    struct val *args = NULL;
    int rc = param_bind_val(v->params, &r->arena, in, &args, e);
    return rc ? rc : verb_call_bound(app, v, args, r, e);
}
