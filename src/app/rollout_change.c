/* rollout_change.c: the state machine of rollout.h: every way in which a rollout changes.
 *
 * A change is planned from the row as it is inside the write transaction and then written: the
 * document, one audit row, one event; with a promotion also everything the registry writes, in
 * the same transaction. So whoever dies in between has changed nothing, and of two that change
 * at once the second sees what the first did. A dry run stops before writing.
 *
 *   from             set/start  step       hold  resume   abort    advance  pause   rollback
 *   none, over       running    -          -     -        -        -        -       -
 *   running          -          running*   held  -        aborted  running* paused  aborted
 *   held             -          running*   -     running  aborted  -        -       aborted
 *   paused           -          running*   held  running  aborted  -        -       aborted
 *   (* at the last step: promotes, which ends in done) */
#include "app/rollout.h"

#include "app/registry.h"
#include "base/id.h"
#include "base/mem.h"
#include "store/audit.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Which verb's doing a change is, for the audit log. */
static const char *verb_of(const char *type)
{
    static const char *const verbs[][2] = {
        { "set", "route set" },      { "clear", "route clear" },
        { "start", "canary start" }, { "step", "canary step" },
        { "hold", "canary hold" },   { "resume", "canary resume" },
        { "abort", "canary abort" }, { "advance", "canary check" },
        { "pause", "canary check" }, { "rollback", "canary check" },
        { "done", "canary end" },    { "follow", "route follow" },
        { "end", "route end" },
    };
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_eq(verbs[i][0], type)) return verbs[i][1];
    return type;
}

/* ---- writing -------------------------------------------------------------------------------- */

static const char *json_of(struct arena *a, const struct val *v)
{
    STR_AUTO json = STR_INIT;

    val_write_json(&json, v, 0);
    return arena_strdup(a, str_c(&json));
}

/* Where the traffic goes: {mode, state, arms{version: share}, step}. */
static void set_brief(struct arena *a, struct val *o, const char *key, const struct rollout *r)
{
    if (!r) {
        val_set(o, key, val_null(a));
        return;
    }
    struct val *b = val_set_obj(o, key), *arms;
    val_set_str(b, "mode", rollout_mode_name(r->mode));
    val_set_str(b, "state", r->state);
    if (r->n_steps) val_set_int(b, "step", (int64_t)r->step);
    arms = val_set_obj(b, "shares");
    for (size_t i = 0; i < r->n_arms; i++)
        val_set_real(arms, arena_printf(a, "%lld", (long long)r->arms[i].version),
                     r->arms[i].share);
}

static int write_records(struct app *app, struct arena *a, struct rollout_change *c,
                         const char *reason, const struct val *evidence, struct err *e)
{
    const struct rollout *is = c->after ? c->after : c->before;
    struct val *detail = val_obj(a);

    val_set_str(detail, "id", is->id);
    set_brief(a, detail, "before", c->before);
    set_brief(a, detail, "after", c->after);
    if (evidence) val_set(detail, "evidence", val_copy(a, evidence));
    const char *json = json_of(a, detail);
    const struct audit_row row = { .at_us = clock_now(app->clock),
                                   .actor = app->actor,
                                   .verb = verb_of(c->type),
                                   .object = arena_printf(a, "route:%s", is->model),
                                   .reason = reason,
                                   .detail = json };
    int rc = audit_append(app->store, &row, &c->audit_seq, e);
    const struct rollout_event ev = { .at_us = row.at_us,
                                      .model = is->model,
                                      .id = is->id,
                                      .type = c->type,
                                      .actor = app->actor,
                                      .reason = reason,
                                      .detail = json };
    return rc ? rc : rollout_event_add(app->store, &ev, e);
}

/* number: of the row that was read, 0: there was none. */
static int write_change(struct app *app, struct arena *a, struct rollout_change *c, int64_t number,
                        const char *reason, const struct val *evidence, struct err *e)
{
    int rc;

    if (app->dry_run) return 0;
    assert(store_in_tx(app->store));
    if (c->after) {
        const struct rollout_row row = { .model = c->after->model,
                                         .id = c->after->id,
                                         .number = number,
                                         .document = json_of(a, rollout_val(a, c->after)) };
        rc = rollout_put(app->store, &row, e);
    } else {
        rc = rollout_delete(app->store, c->before->model, e);
    }
    return rc ? rc : write_records(app, a, c, reason, evidence, e);
}

static int begin(struct app *app, bool *ret_own, struct err *e)
{
    *ret_own = !app->dry_run && !store_in_tx(app->store);
    return *ret_own ? store_begin(app->store, e) : 0;
}

static int end(struct app *app, bool own, int rc, struct err *e)
{
    if (!own) return rc;
    if (!rc) return store_commit(app->store, e);
    store_rollback(app->store);
    return rc;
}

static int check_reason(const char *reason, struct err *e)
{
    if (reason && reason[strspn(reason, " \t\r\n")]) return 0;
    err_set(e, ERR_INVALID, "this changes what serves and needs a reason");
    return err_hint(e, "add --reason 'why'; it is kept in the audit log");
}

/* The stored document; NULL when there is none or it cannot be read. *number is the row's. */
static int read_stored(struct app *app, struct arena *a, const char *model,
                       const struct rollout **ret, int64_t *number, struct err *e)
{
    struct err local = ERR_INIT;
    struct rollout_row row;
    int rc = rollout_get(app->store, a, model, &row, &local);

    *ret = NULL;
    *number = 0;
    if (rc == -ERR_NOTFOUND) return 0;
    if (rc) {
        if (e) *e = local;
        return rc;
    }
    *number = row.number;
    if (rollout_parse(a, &row, ret, &local)) *ret = NULL;
    return 0;
}

/* A copy that may be changed, arms included. */
static struct rollout *copy_of(struct arena *a, const struct rollout *r, struct rollout_arm **arms)
{
    struct rollout *c = arena_new(a, struct rollout);

    *c = *r;
    *arms = arena_array(a, r->n_arms + 1, struct rollout_arm);
    memcpy(*arms, r->arms, r->n_arms * sizeof **arms);
    c->arms = *arms;
    return c;
}

/* ---- set and clear -------------------------------------------------------------------------- */

static bool is_open_canary(const struct rollout *r)
{
    return r && r->mode == ROLLOUT_canary && rollout_splits(r);
}

static int check_free(const struct rollout *before, const struct rollout *want, struct err *e)
{
    if (is_open_canary(before)) {
        err_set(e, ERR_STATE, "a canary of version %lld of %s is %s",
                (long long)before->arms[1].version, want->model, before->state);
        return err_hint(e, "'canary abort %s --reason WHY' ends it", want->model);
    }
    if (want->mode != ROLLOUT_canary || !before || before->mode == ROLLOUT_canary ||
        before->mode == ROLLOUT_single)
        return 0;
    err_set(e, ERR_STATE, "the route of %s is in mode %s", want->model,
            rollout_mode_name(before->mode));
    return err_hint(e, "'route clear %s --reason WHY' sends everything to Production first",
                    want->model);
}

static int check_registry(struct app *app, struct arena *a, const struct rollout *want,
                          struct err *e)
{
    struct reg_version stable, v;
    const char *why;
    int rc = rollout_fits(app, a, want, &why, e);

    if (rc) return rc;
    if (why) {
        err_set(e, ERR_STATE, "%s: %s", want->model, why);
        return err_hint(e,
                        "the first version must be in Production, none may be archived; "
                        "'model versions %s' lists them",
                        want->model);
    }
    rc = store_version_get(app->store, a, want->model, want->arms[0].version, &stable, e);
    for (size_t i = 1; !rc && i < want->n_arms; i++) {
        rc = store_version_get(app->store, a, want->model, want->arms[i].version, &v, e);
        if (rc || str_eq(v.task, stable.task)) continue;
        rc = err_set(e, ERR_STATE, "version %lld answers %s questions, version %lld %s ones",
                     (long long)v.version, v.task, (long long)stable.version, stable.task);
        err_hint(e, "only versions of one task can share a route");
    }
    return rc;
}

static bool has_version(const struct rollout *r, int64_t version)
{
    for (size_t i = 0; i < r->n_arms; i++)
        if (r->arms[i].version == version) return true;
    return false;
}

/* The same question asked of the same versions: what was counted goes on counting. */
static bool same_question(const struct rollout *x, const struct rollout *y)
{
    if (!x || x->mode == ROLLOUT_canary || x->mode != y->mode || x->n_arms != y->n_arms ||
        x->arms[0].version != y->arms[0].version || !str_eq(x->key, y->key))
        return false;
    for (size_t i = 0; i < y->n_arms; i++)
        if (!has_version(x, y->arms[i].version)) return false;
    return true;
}

static int set_in_tx(struct app *app, struct arena *a, const struct rollout *want,
                     const char *reason, struct rollout_change *c, struct err *e)
{
    const struct rollout *before;
    struct rollout_arm *arms;
    int64_t number, now = clock_now(app->clock);
    int rc = read_stored(app, a, want->model, &before, &number, e);

    if (!rc) rc = check_free(before, want, e);
    if (!rc) rc = check_registry(app, a, want, e);
    if (rc) return rc;
    struct rollout *after = copy_of(a, want, &arms);
    bool same = same_question(before, want);
    char *id = arena_alloc(a, ULID_LEN + 1);
    id_ulid(id, now);
    after->id = same ? before->id : id;
    after->started_us = same ? before->started_us : now;
    after->step_us = now;
    after->reason = reason;
    after->state = want->mode == ROLLOUT_canary ? "running" : "active";
    rc = rollout_check(after, e);
    if (rc) return rc;
    *c = (struct rollout_change){ .type = want->mode == ROLLOUT_canary ? "start" : "set",
                                  .before = before,
                                  .after = after };
    return write_change(app, a, c, number, reason, NULL, e);
}

int rollout_set(struct app *app, struct arena *a, const struct rollout *want, const char *reason,
                struct rollout_change *ret, struct err *e)
{
    struct rollout_change c = { 0 };
    bool own = false;
    int rc = check_reason(reason, e);

    if (!rc) rc = begin(app, &own, e);
    if (rc) return rc;
    rc = end(app, own, set_in_tx(app, a, want, reason, &c, e), e);
    if (!rc) *ret = c;
    return rc;
}

static int clear_in_tx(struct app *app, struct arena *a, const char *model, const char *reason,
                       struct rollout_change *c, struct err *e)
{
    const struct rollout *before;
    int64_t number;
    int rc = read_stored(app, a, model, &before, &number, e);

    if (rc) return rc;
    if (!number) {
        err_set(e, ERR_NOTFOUND, "%s has no rollout", model);
        return err_hint(e, "its traffic goes to the version in Production already");
    }
    if (!before) { /* unreadable: still to be removed */
        struct rollout *r = arena_new(a, struct rollout);
        *r = (struct rollout){ .id = "", .model = model, .state = "active" };
        before = r;
    }
    *c = (struct rollout_change){ .type = "clear", .before = before };
    return write_change(app, a, c, number, reason, NULL, e);
}

int rollout_clear(struct app *app, struct arena *a, const char *model, const char *reason,
                  struct rollout_change *ret, struct err *e)
{
    struct rollout_change c = { 0 };
    bool own = false;
    int rc = check_reason(reason, e);

    if (!rc) rc = begin(app, &own, e);
    if (rc) return rc;
    rc = end(app, own, clear_in_tx(app, a, model, reason, &c, e), e);
    if (!rc) *ret = c;
    return rc;
}

/* ---- moves of a canary ---------------------------------------------------------------------- */

/* state NULL: as it is; share: the candidate's. */
static struct rollout *moved_to(struct app *app, struct arena *a, const struct rollout *r,
                                const char *state, double share, const char *reason)
{
    struct rollout_arm *arms;
    struct rollout *after = copy_of(a, r, &arms);

    if (state) after->state = state;
    arms[0].share = 1 - share;
    arms[1].share = share;
    after->step_us = clock_now(app->clock);
    after->reason = reason;
    return after;
}

/* Who asked and why is written first; the registry's move then ends the canary through
 * rollout_registry_moved, in this transaction. */
static int promote(struct app *app, struct arena *a, struct rollout_change *c, const char *reason,
                   const struct val *evidence, struct err *e)
{
    struct registry_moved moved;
    int64_t number;
    int rc = 0;

    c->after = c->before;
    if (!app->dry_run) rc = write_records(app, a, c, reason, evidence, e);
    if (!rc)
        rc = registry_promote(app, a, c->before->model, c->before->arms[1].version, "Production",
                              reason, &moved, e);
    c->type = "done";
    if (rc) return rc;
    if (app->dry_run) {
        c->after = moved_to(app, a, c->before, "done", 1, reason);
        return 0;
    }
    c->audit_seq = moved.audit_seq;
    return read_stored(app, a, c->before->model, &c->after, &number, e);
}

static int next_step(struct app *app, struct arena *a, struct rollout_change *c, const char *reason,
                     const struct val *evidence, struct err *e)
{
    const struct rollout *r = c->before;

    if (r->step + 1 == r->n_steps) return promote(app, a, c, reason, evidence, e);
    struct rollout *after = moved_to(app, a, r, "running", r->steps[r->step + 1], reason);
    after->step++;
    c->after = after;
    return write_change(app, a, c, r->number, reason, evidence, e);
}

static int read_canary(struct app *app, struct arena *a, const char *model,
                       const struct rollout **ret, struct err *e)
{
    int64_t number;
    int rc = read_stored(app, a, model, ret, &number, e);

    if (rc || (*ret && (*ret)->mode == ROLLOUT_canary)) return rc;
    err_set(e, ERR_NOTFOUND, "there is no canary of %s", model);
    return err_hint(e, "'canary start %s --version V' makes one", model);
}

static int move_in_tx(struct app *app, struct arena *a, const char *model,
                      enum canary_move_kind move, const char *reason, struct rollout_change *c,
                      struct err *e)
{
    static const struct {
        const char *type, *to;
        const char *from[4];
    } moves[] = {
        [CANARY_STEP] = { "step", "running", { "running", "held", "paused" } },
        [CANARY_HOLD] = { "hold", "held", { "running", "paused" } },
        [CANARY_RESUME] = { "resume", "running", { "held", "paused" } },
        [CANARY_ABORT] = { "abort", "aborted", { "running", "held", "paused" } },
    };
    const struct rollout *r;
    bool allowed = false;
    int rc = read_canary(app, a, model, &r, e);

    if (rc) return rc;
    for (const char *const *s = moves[move].from; *s; s++) allowed |= str_eq(*s, r->state);
    if (!allowed) {
        err_set(e, ERR_STATE, "the canary of version %lld of %s is %s: nothing to %s",
                (long long)r->arms[1].version, model, r->state, moves[move].type);
        return err_hint(e, "'route show %s' shows it", model);
    }
    *c = (struct rollout_change){ .type = moves[move].type, .before = r };
    if (move == CANARY_STEP) return next_step(app, a, c, reason, NULL, e);
    c->after =
        moved_to(app, a, r, moves[move].to, move == CANARY_ABORT ? 0 : r->arms[1].share, reason);
    return write_change(app, a, c, r->number, reason, NULL, e);
}

int canary_move(struct app *app, struct arena *a, const char *model, enum canary_move_kind move,
                const char *reason, struct rollout_change *ret, struct err *e)
{
    struct rollout_change c = { 0 };
    bool own = false, needs = move == CANARY_STEP || move == CANARY_ABORT;
    int rc = needs ? check_reason(reason, e) : 0;

    if (!rc) rc = begin(app, &own, e);
    if (rc) return rc;
    rc = end(app, own, move_in_tx(app, a, model, move, reason ? reason : "", &c, e), e);
    if (!rc) *ret = c;
    return rc;
}

/* ---- by evidence ---------------------------------------------------------------------------- */

static int act_in_tx(struct app *app, struct arena *a, const struct rollout *judged,
                     const struct rollout_evidence *ev, struct rollout_change *c, struct err *e)
{
    const char *why = arena_strdup(a, ev->why);
    const struct val *evidence = rollout_evidence_val(a, ev);
    const struct rollout *r;
    int64_t number;
    int rc = read_stored(app, a, judged->model, &r, &number, e);

    if (rc || !r || number != judged->number || !str_eq(r->id, judged->id)) return rc;
    *c = (struct rollout_change){ .type = ev->verdict, .before = r };
    if (str_eq(ev->verdict, "advance")) return next_step(app, a, c, why, evidence, e);
    bool back = str_eq(ev->verdict, "rollback");
    c->after = moved_to(app, a, r, back ? "aborted" : "paused", back ? 0 : r->arms[1].share, why);
    return write_change(app, a, c, number, why, evidence, e);
}

int canary_act(struct app *app, struct arena *a, const struct rollout *judged,
               const struct rollout_evidence *ev, struct rollout_change *ret, struct err *e)
{
    struct rollout_change c = { 0 };
    bool own;
    int rc = begin(app, &own, e);

    if (rc) return rc;
    rc = end(app, own, act_in_tx(app, a, judged, ev, &c, e), e);
    if (!rc) *ret = c;
    return rc;
}

static int trip_in_tx(struct app *app, struct arena *a, const char *model, const char *id,
                      const char *reason, struct err *e)
{
    struct rollout_change c = { .type = "rollback" };
    int64_t number;
    int rc = read_stored(app, a, model, &c.before, &number, e);

    if (rc || !c.before || !is_open_canary(c.before) || !str_eq(c.before->id, id)) return rc;
    c.after = moved_to(app, a, c.before, "aborted", 0, reason);
    return write_change(app, a, &c, number, reason, NULL, e);
}

int canary_tripped(struct app *app, const char *model, const char *rollout_id, const char *reason,
                   struct err *e)
{
    struct arena a = ARENA_INIT;
    bool own = false;
    int rc = begin(app, &own, e);

    if (!rc) rc = end(app, own, trip_in_tx(app, &a, model, rollout_id, reason, e), e);
    arena_done(&a);
    return rc;
}

/* ---- moves of the registry ------------------------------------------------------------------ */

/* Mode single goes with Production; of its fallbacks those stay that still may serve. */
static int follow(struct app *app, struct arena *a, const struct rollout *r, int64_t production,
                  struct rollout **ret, struct err *e)
{
    struct rollout *after = arena_new(a, struct rollout);
    struct rollout_arm *arms = arena_array(a, r->n_arms + 1, struct rollout_arm);
    size_t *fallback = arena_array(a, r->n_arms + 1, size_t);

    *after = *r;
    arms[0] = (struct rollout_arm){ .version = production, .role = "production", .share = 1 };
    after->n_arms = 1;
    after->n_fallback = 0;
    for (size_t i = 0; i < r->n_fallback; i++) {
        const struct rollout_arm *arm = &r->arms[r->fallback[i]];
        struct reg_version v;
        int rc = store_version_get(app->store, a, r->model, arm->version, &v, e);
        if (rc) return rc;
        if (r->fallback[i] == 0 || arm->version == production || str_eq(v.stage, "Archived"))
            continue;
        fallback[after->n_fallback++] = after->n_arms;
        arms[after->n_arms++] = *arm;
    }
    after->arms = arms;
    after->fallback = fallback;
    *ret = after;
    return 0;
}

static int end_of(struct app *app, struct arena *a, const struct rollout *r, const char *why,
                  const char *reason, struct err *e)
{
    struct rollout_change c = { .type = "end", .before = r };
    struct rollout *after = NULL;
    struct reg_version now = { 0 };
    struct err local = ERR_INIT;
    int rc = store_version_by_stage(app->store, a, r->model, "Production", &now, &local);

    if (rc && rc != -ERR_NOTFOUND) {
        if (e) *e = local;
        return rc;
    }
    rc = 0;
    const char *text = arena_printf(a, "%s: %s", why, reason);
    if (r->mode == ROLLOUT_single && now.name) {
        c.type = "follow";
        rc = follow(app, a, r, now.version, &after, e);
        if (after) after->reason = text;
    } else if (r->mode == ROLLOUT_canary) {
        bool done = now.name && now.version == r->arms[1].version;
        c.type = done ? "done" : "end";
        text = done ? reason : text;
        after = moved_to(app, a, r, done ? "done" : "aborted", done, text);
    }
    c.after = after;
    return rc ? rc : write_change(app, a, &c, r->number, text, NULL, e);
}

int rollout_registry_moved(struct app *app, struct arena *a, const char *model, const char *reason,
                           struct err *e)
{
    const struct rollout *r;
    const char *why = NULL;
    int64_t number;
    int rc = read_stored(app, a, model, &r, &number, e);

    if (rc || !r || !rollout_splits(r)) return rc;
    rc = rollout_fits(app, a, r, &why, e);
    return rc || !why ? rc : end_of(app, a, r, why, reason, e);
}
