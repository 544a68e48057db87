/* rollout_check.c: canaries judged by what the daemons counted, and the evidence as values. */
#include "app/rollout.h"

#include <math.h>

static void set_real(struct arena *a, struct val *o, const char *key, double v)
{
    val_set(o, key, isfinite(v) ? val_real(a, v) : val_null(a));
}

static void set_guard(struct arena *a, struct val *o, const struct rollout_guard *g)
{
    val_set_str(o, "metric", g->name);
    set_real(a, o, "stable", g->value[0]);
    set_real(a, o, "candidate", g->value[1]);
    val_set_int(o, "n_stable", g->n[0]);
    val_set_int(o, "n_candidate", g->n[1]);
    set_real(a, o, "difference", g->s.difference);
    set_real(a, o, "low", g->s.low);
    set_real(a, o, "high", g->s.high);
    set_real(a, o, "margin", g->margin);
    set_real(a, o, "log_ratio", g->s.log_ratio);
    set_real(a, o, "p", g->s.p);
    val_set_bool(o, "reject", g->s.reject);
    val_set_str(o, "state", g->state);
}

struct val *rollout_evidence_val(struct arena *a, const struct rollout_evidence *ev)
{
    struct val *o = val_obj(a), *guards;

    val_set_str(o, "verdict", ev->verdict);
    val_set_str(o, "why", ev->why);
    val_set_int(o, "n_stable", ev->n[0]);
    val_set_int(o, "n_candidate", ev->n[1]);
    val_set_int(o, "errors_stable", ev->errors[0]);
    val_set_int(o, "errors_candidate", ev->errors[1]);
    set_real(a, o, "p99_ms_stable", ev->p99_ms[0]);
    set_real(a, o, "p99_ms_candidate", ev->p99_ms[1]);
    guards = val_set_list(o, "guards");
    for (int i = 0; i < ROLLOUT_GUARDS; i++) set_guard(a, val_push_obj(guards), &ev->guard[i]);
    return o;
}

/* What follows from a verdict in a state: "" is nothing. Nothing moves on before the labels were
 * heard, but what does harm goes back without them. */
static const char *action_of(const struct rollout *r, const struct rollout_evidence *ev,
                             bool with_log)
{
    bool running = str_eq(r->state, "running"), last = r->step + 1 == r->n_steps;

    if (str_eq(ev->verdict, "rollback")) return "rollback";
    if (!running) return "";
    if (str_eq(ev->verdict, "pause")) return "pause";
    if (!str_eq(ev->verdict, "advance") || !with_log) return "";
    if (last) return r->limits.auto_promote ? "promote" : "";
    return r->limits.auto_advance ? "advance" : "";
}

static int check_one(struct app *app, struct arena *a, const struct rollout *r, bool with_log,
                     struct val *o, struct err *e)
{
    struct rollout_evidence ev;
    struct rollout_change c = { 0 };
    struct rollout_facts f;
    const struct rollout *is = r;
    int rc = rollout_facts(app, r, 1, with_log, &f, e);

    if (rc) return rc;
    rollout_judge(r, &f, clock_now(app->clock), &ev);
    const char *action = action_of(r, &ev, with_log);
    if (*action) {
        rc = canary_act(app, a, r, &ev, &c, e);
        if (rc == 0 && !c.type) action = "";
        if (c.after) is = c.after;
    }
    val_set_str(o, "model", r->model);
    val_set_int(o, "version", r->arms[1].version);
    val_set_str(o, "state", is->state);
    val_set_int(o, "step", (int64_t)is->step + 1);
    val_set_real(o, "share", is->arms[1].share);
    val_set_str(o, "verdict", ev.verdict);
    val_set_str(o, "why", ev.why);
    val_set(o, "action", *action ? val_str(a, action) : val_null(a));
    return rc;
}

/* One canary that cannot be judged does not keep the others from it. */
int canary_check(struct app *app, struct arena *a, const char *model, bool with_log,
                 struct val *list, struct err *e)
{
    struct rollout_row *rows;
    size_t n, found = 0;
    int rc = rollout_list(app->store, a, &rows, &n, e), failed = 0;

    for (size_t i = 0; !rc && i < n; i++) {
        const struct rollout *r;
        if (model && !str_eq(rows[i].model, model)) continue;
        int one = rollout_parse(a, &rows[i], &r, failed ? NULL : e);
        if (one == 0 && (r->mode != ROLLOUT_canary || (!model && !rollout_splits(r)))) continue;
        found++;
        if (one == 0) one = check_one(app, a, r, with_log, val_push_obj(list), failed ? NULL : e);
        if (one && !failed) failed = one;
    }
    if (rc || failed) return rc ? rc : failed;
    if (!model || found) return 0;
    err_set(e, ERR_NOTFOUND, "there is no canary of %s to judge", model);
    return err_hint(e, "'canary start %s --version V' makes one; 'route show %s' shows the last",
                    model, model);
}
