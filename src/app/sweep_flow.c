/* sweep_flow.c: see sweep_flow.h. */
#include "app/sweep_flow.h"
#include "app/sweep_plan.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

/* As many trials may fail before one has succeeded. */
enum { HOPELESS = 3 };

bool sweep_open(const struct sweep *w)
{
    return str_eq(w->state, "running") || str_eq(w->state, "stopping") ||
           str_eq(w->state, "cancelling");
}

bool sweep_is_better(const struct sweep *w, double value, double than)
{
    return isnan(than) || (w->maximise ? value > than : value < than);
}

int sweep_best(struct store *s, struct arena *a, const struct sweep *w, struct trial *ret,
               bool *ret_found, struct err *e)
{
    struct trial *all = NULL, *best = NULL;
    size_t n = 0;
    int rc = store_trial_list(s, a, w->id, &all, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++)
        if (str_eq(all[i].state, "complete") && !isnan(all[i].value) &&
            (!best || sweep_is_better(w, all[i].value, best->value)))
            best = &all[i];
    if (rc < 0) return rc;
    *ret_found = best != NULL;
    if (best) *ret = *best;
    return 0;
}

/* ---- new trials ------------------------------------------------------------------------- */

static int add_trial(struct store *s, struct arena *a, const struct sweep *w, int64_t number,
                     char id[27], struct err *e)
{
    const char *key = arena_printf(a, "trial:%s:%lld", w->id, (long long)number);
    const struct job j = { .kind = "trial",
                           .payload = arena_printf(a, "{\"sweep\":\"%s\",\"trial\":%lld}", w->id,
                                                   (long long)number),
                           .actor = w->actor,
                           .dedup_key = key };
    int rc = store_job_add(s, &j, id, NULL, e);

    return rc < 0 ? rc : store_trial_add(s, w->id, number, id, e);
}

static int claim_it(struct store *s, struct arena *a, const char *id, struct sweep_claim *c,
                    struct err *e)
{
    struct job j;
    int rc = store_job_claim(s, a, NULL, id, c->worker, c->pid, &j, e);

    if (rc == 0) memcpy(c->job_id, id, sizeof c->job_id);
    return rc;
}

static int top_up(struct store *s, struct arena *a, const struct sweep *w, struct sweep_claim *c,
                  struct err *e)
{
    int64_t open = w->n.waiting + w->n.running, number = w->n.trials;
    int rc = 0;

    for (; rc == 0 && open < w->parallel && number < w->planned; open++, number++) {
        char id[27];
        rc = add_trial(s, a, w, number, id, e);
        if (rc == 0 && c && !*c->job_id) rc = claim_it(s, a, id, c, e);
    }
    return rc;
}

/* ---- the end ---------------------------------------------------------------------------- */

/* Why no further trials are to be made; NULL: go on. */
static int reason_to_stop(struct store *s, struct arena *a, const struct sweep *w, bool *ret_stop,
                          const char **ret_error, struct err *e)
{
    struct sweep_plan plan;
    struct val *doc = NULL;
    struct trial best;
    bool found = false;
    int rc = val_parse_json(a, w->spec, strlen(w->spec), &doc, e);

    *ret_stop = false;
    *ret_error = NULL;
    if (w->n.complete + w->n.pruned == 0 && w->n.failed >= HOPELESS) {
        *ret_stop = true;
        *ret_error = "the first trials failed, all of them";
        return 0;
    }
    if (rc == 0) rc = sweep_plan_read(a, doc, w->planned, &plan, e);
    if (rc < 0 || isnan(plan.target)) return rc;
    rc = sweep_best(s, a, w, &best, &found, e);
    if (rc == 0 && found)
        *ret_stop = w->maximise ? best.value >= plan.target : best.value <= plan.target;
    return rc;
}

static int advance(struct store *s, struct arena *a, const char *id, struct sweep_claim *c,
                   struct err *e)
{
    struct sweep w;
    bool stop = false;
    const char *error = NULL;
    int rc = store_sweep_get(s, a, id, &w, e);

    if (rc < 0 || !sweep_open(&w)) return rc;
    if (str_eq(w.state, "running")) {
        rc = reason_to_stop(s, a, &w, &stop, &error, e);
        if (rc == 0 && stop) {
            w.state = "stopping";
            w.error = error;
            rc = store_sweep_set_state(s, w.id, w.state, w.error, e);
        } else if (rc == 0) {
            rc = top_up(s, a, &w, c, e);
        }
    }
    if (rc == 0) rc = store_sweep_get(s, a, w.id, &w, e);
    if (rc < 0 || w.n.waiting + w.n.running > 0) return rc;
    const char *end = str_eq(w.state, "running")      ? "finished"
                      : str_eq(w.state, "cancelling") ? "cancelled"
                      : w.error                       ? "failed"
                                                      : "stopped";
    return store_sweep_set_state(s, w.id, end, w.error, e);
}

int sweep_advance(struct store *s, const char *sweep_id, struct sweep_claim *claim, struct err *e)
{
    struct arena a = ARENA_INIT;
    int rc;

    if (claim) claim->job_id[0] = '\0';
    rc = advance(s, &a, sweep_id, claim, e);
    arena_done(&a);
    return rc;
}

/* ---- jobs that ended without a result ------------------------------------------------------- */

static int trial_lost(struct store *s, struct arena *a, const struct job *j, struct job_ctx *c,
                      struct err *e)
{
    struct trial t;
    struct sweep_claim claim = { .worker = c ? c->job->worker : NULL,
                                 .pid = c ? c->job->worker_pid : 0 };
    int rc = store_trial_by_job(s, a, j->id, &t, e);

    if (rc < 0) return rc;
    t.state = str_eq(j->state, "dead") ? "failed" : "cancelled";
    t.error = j->error;
    t.value = (double)NAN;
    rc = store_trial_end(s, &t, e);
    if (rc == 0) rc = sweep_advance(s, t.sweep_id, c ? &claim : NULL, e);
    if (rc == 0 && c) memcpy(c->next, claim.job_id, sizeof c->next);
    return rc;
}

int sweep_job_moved(struct store *s, const struct job *j, struct job_ctx *c, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct job now;
    int rc = 0;

    if (str_eq(j->kind, "trial")) rc = store_job_get(s, &a, j->id, &now, e);
    if (rc == 0 && str_eq(j->kind, "trial") &&
        (str_eq(now.state, "dead") || str_eq(now.state, "cancelled")))
        rc = trial_lost(s, &a, &now, c, e);
    arena_done(&a);
    return rc;
}
