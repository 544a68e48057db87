/* route.c: the verbs of rollouts. They bind rollout_change.c's moves to arguments and replies; what
 * is allowed and what is written is decided there. */
#include "app/rollout_args.h"
#include "app/verb.h"

#include <math.h>

static void set_arms(struct val *o, const struct rollout *r)
{
    struct val *list = val_set_list(o, "arms");

    for (size_t i = 0; i < r->n_arms; i++) {
        struct val *arm = val_push_obj(list);
        val_set_int(arm, "version", r->arms[i].version);
        val_set_str(arm, "role", r->arms[i].role);
        val_set_real(arm, "share", r->arms[i].share);
    }
}

/* "3 95 %, 4 5 %". */
static void add_shares(struct str *out, const struct rollout *r)
{
    for (size_t i = 0; i < r->n_arms; i++)
        if (!str_eq(r->arms[i].role, "fallback"))
            str_addf(out, "%s%lld %g %%", i ? ", " : "", (long long)r->arms[i].version,
                     r->arms[i].share * 100);
}

static void describe(struct str *out, const struct rollout *r)
{
    if (!r) {
        str_add(out, "no rollout: everything to Production");
        return;
    }
    str_addf(out, "%s %s", rollout_mode_name(r->mode), r->state);
    if (r->n_steps) str_addf(out, ", step %zu of %zu", r->step + 1, r->n_steps);
    str_add(out, ": ");
    add_shares(out, r);
}

static void changed_reply(struct app *app, struct reply *r, const char *name,
                          const struct rollout_change *c)
{
    const struct rollout *is = c->after ? c->after : c->before;
    STR_AUTO text = STR_INIT;

    r->v = val_obj(&r->arena);
    val_set_str(r->v, "name", name);
    val_set_str(r->v, "id", is->id);
    val_set_str(r->v, "change", c->type);
    val_set_str(r->v, "mode", c->after ? rollout_mode_name(c->after->mode) : "single");
    val_set_str(r->v, "state", c->after ? c->after->state : "active");
    if (c->after && c->after->n_steps) {
        val_set_int(r->v, "version", c->after->arms[1].version);
        val_set_int(r->v, "step", (int64_t)c->after->step + 1);
        val_set_int(r->v, "steps", (int64_t)c->after->n_steps);
        val_set_real(r->v, "share", c->after->arms[1].share);
    }
    if (c->after) set_arms(r->v, c->after);
    else val_set_list(r->v, "arms");
    if (app->dry_run) val_set_bool(r->v, "dry_run", true);
    else val_set_int(r->v, "audit_seq", c->audit_seq);
    str_addf(&text, "%s%s: ", app->dry_run ? "would change " : "", name);
    describe(&text, c->before);
    str_add(&text, " -> ");
    describe(&text, c->after);
    str_addc(&text, '\n');
    r->text = arena_strdup(&r->arena, str_c(&text));
}

/* ---- changes -------------------------------------------------------------------------------- */

int verb_route_set(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const struct rollout *want;
    struct rollout_change c;
    int rc = rollout_from_args(app, &r->arena, args, &want, e);

    if (!rc) rc = rollout_set(app, &r->arena, want, val_get_str(args, "reason", NULL), &c, e);
    if (!rc) changed_reply(app, r, want->model, &c);
    return rc;
}

int verb_route_clear(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const char *name = val_get_str(args, "name", "");
    struct rollout_change c;
    int rc = rollout_clear(app, &r->arena, name, val_get_str(args, "reason", NULL), &c, e);

    if (!rc) changed_reply(app, r, name, &c);
    return rc;
}

int verb_canary_start(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const struct rollout *want;
    struct rollout_change c;
    int rc = canary_from_args(app, &r->arena, args, &want, e);

    if (!rc) rc = rollout_set(app, &r->arena, want, val_get_str(args, "reason", NULL), &c, e);
    if (!rc) changed_reply(app, r, want->model, &c);
    return rc;
}

static int move(struct app *app, const struct val *args, enum canary_move_kind kind,
                struct reply *r, struct err *e)
{
    const char *name = val_get_str(args, "name", "");
    struct rollout_change c;
    int rc = canary_move(app, &r->arena, name, kind, val_get_str(args, "reason", NULL), &c, e);

    if (!rc) changed_reply(app, r, name, &c);
    return rc;
}

int verb_canary_step(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    return move(app, args, CANARY_STEP, r, e);
}

int verb_canary_hold(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    return move(app, args, CANARY_HOLD, r, e);
}

int verb_canary_resume(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    return move(app, args, CANARY_RESUME, r, e);
}

int verb_canary_abort(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    return move(app, args, CANARY_ABORT, r, e);
}

/* ---- judging -------------------------------------------------------------------------------- */

int verb_canary_check(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    static const struct reply_column columns[] = {
        { "model", "model", NULL },
        { "version", "version", NULL },
        { "state", "state", NULL },
        { "step", "step", NULL },
        { "share", "share", "percent" },
        { "verdict", "verdict", NULL },
        { "action", "action", NULL },
        { "why", "why", NULL },
        { NULL, NULL, NULL },
    };

    r->v = val_obj(&r->arena);
    reply_table(r, "canaries", columns);
    if (app->dry_run) val_set_bool(r->v, "dry_run", true);
    return canary_check(app, &r->arena, val_get_str(args, "name", NULL),
                        val_get_bool(args, "labels", true), val_set_list(r->v, "canaries"), e);
}
