/* schedule.c: the verbs of recurring work: what is due, and running it.
 *
 * Every monitored model is checked each `monitoring.check_every` and, where `prune_every` says so,
 * freed of old predictions; one that serves is asked about retraining at each slot of
 * `retrain.schedule`. A slot is claimed before its work begins
 * and marked done after it, so of all consoles, daemons and cron jobs on a workspace exactly one
 * does it, and when that one dies on the way one other takes over once the lease has ended; all
 * of this work can be done again without harm. What fails for a reason that passes is tried
 * again a little later. Of slots missed while nobody was there only the newest counts. */
#include "store/schedule.h"
#include "app/cron.h"
#include "app/runval.h"
#include "app/settings.h"
#include "app/verb.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/vec.h"
#include "store/prediction.h"
#include "store/registry.h"

#include <string.h>

#define RETRY_US (60 * 1000000LL) /* times the number of tries */

struct entry {
    const char *name; /* "check:fraud" */
    const char *model, *verb, *every;
    struct cron cron;
    int64_t from_us;        /* slots until then are none */
    struct slot_state last; /* newest slot claimed */
    int64_t slot_us;        /* newest slot */
    bool due;
};
typedef VEC(struct entry) entries;

static int add_entry(struct app *app, struct arena *a, entries *list, struct entry x, struct err *e)
{
    int64_t now = clock_now(app->clock);
    int rc = cron_parse(x.every, &x.cron, e);

    if (rc == 0) rc = schedule_last(app->store, a, x.name, &x.last, e);
    if (rc) return err_prefix(e, "schedule of %s", x.name);
    x.model = arena_strdup(a, x.model);
    x.slot_us = cron_previous(&x.cron, now);
    x.due = x.slot_us > x.from_us && (x.slot_us > x.last.slot_us ||
                                      (x.slot_us == x.last.slot_us && schedule_left(&x.last, now)));
    vec_push(list, x);
    return 0;
}

/* When the version in Production got there; INT64_MAX: none is. */
static int promoted(struct app *app, struct arena *a, const char *model, int64_t *ret,
                    struct err *e)
{
    struct reg_version v;
    struct stage_event *ev = NULL;
    size_t n = 0;
    struct err local = ERR_INIT;
    int rc = store_version_by_stage(app->store, a, model, "Production", &v, &local);

    *ret = INT64_MAX;
    if (rc == -ERR_NOTFOUND) return 0;
    if (rc == 0) rc = store_stage_events(app->store, a, model, 1000, &ev, &n, &local);
    if (rc && e) *e = local;
    for (size_t i = 0; rc == 0 && i < n && *ret == INT64_MAX; i++)
        if (ev[i].version == v.version && str_eq(ev[i].to, "Production")) *ret = ev[i].at_us;
    return rc;
}

static struct entry entry_of(struct arena *a, const char *kind, const char *model, const char *verb,
                             const char *every)
{
    return (struct entry){
        .name = arena_printf(a, "%s:%s", kind, model), .model = model, .verb = verb, .every = every
    };
}

static int add_model(struct app *app, struct arena *a, const struct val *settings,
                     const char *model, entries *list, struct err *e)
{
    const struct val *own = settings_model(settings, model);
    struct entry of[] = {
        entry_of(a, "check", model, "monitor check", val_get_str(own, "check_every", "5m")),
        entry_of(a, "prune", model, "monitor prune", val_get_str(own, "prune_every", "off")),
        entry_of(a, "retrain", model, "retrain policy",
                 val_get_str(val_get(settings, "retrain"), "schedule", "off")),
    };
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(of); i++) {
        if (str_eq(of[i].every, "off")) continue;
        if (str_eq(of[i].verb, "retrain policy")) rc = promoted(app, a, model, &of[i].from_us, e);
        if (rc == 0 && of[i].from_us != INT64_MAX) rc = add_entry(app, a, list, of[i], e);
    }
    return rc;
}

/* Everything that recurs, by model; the checks of a model before its retraining. */
static int read_entries(struct app *app, struct arena *a, entries *list, struct err *e)
{
    const char *const *models = NULL;
    struct val *settings;
    int rc = settings_load(a, app->dir, &settings, e);

    if (rc == 0) rc = prediction_models(app->store, a, &models, e);
    for (size_t i = 0; rc == 0 && models[i]; i++)
        rc = add_model(app, a, settings, models[i], list, e);
    return rc;
}

/* When something is due next: a slot, or the end of a lease that may have to be taken over. */
static int64_t next_slot(const entries *list, int64_t now_us)
{
    int64_t next = INT64_MAX;

    for (size_t i = 0; i < list->n; i++) {
        const struct slot_state *last = &list->p[i].last;
        int64_t at = cron_next(&list->p[i].cron, now_us);
        if (at < next) next = at;
        at = last->lease_until_us;
        if (last->slot_us == list->p[i].slot_us && at > now_us && at < next &&
            schedule_left(last, at))
            next = at;
    }
    return next == INT64_MAX ? 0 : next;
}

/* ---- schedule list -------------------------------------------------------------------------- */

static const struct reply_column schedule_columns[] = {
    { "name", "name", NULL },      { "verb", "runs", NULL },      { "every", "every", NULL },
    { "last_at", "last", "time" }, { "next_at", "next", "time" }, { "due", "due", NULL },
    { "state", "state", NULL },    { NULL, NULL, NULL },
};

/* Of the newest slot claimed. */
static const char *state_of(const struct slot_state *last, int64_t now)
{
    if (!last->slot_us) return "never";
    if (last->done_us) return "done";
    return last->lease_until_us > now ? "claimed" : schedule_left(last, now) ? "left" : "given up";
}

int verb_schedule_list(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    int64_t now = clock_now(app->clock);
    entries list = VEC_INIT;
    int rc = read_entries(app, &r->arena, &list, e);

    (void)args;
    r->v = val_obj(&r->arena);
    struct val *rows = val_set_list(r->v, "schedules");
    for (size_t i = 0; rc == 0 && i < list.n; i++) {
        const struct entry *x = &list.p[i];
        struct val *o = val_push_obj(rows);
        val_set_str(o, "name", x->name);
        val_set_str(o, "model", x->model);
        val_set_str(o, "verb", x->verb);
        val_set_str(o, "every", x->every);
        val_set_time(o, "last_at", x->last.slot_us);
        val_set_time(o, "next_at", cron_next(&x->cron, now));
        val_set_bool(o, "due", x->due);
        val_set_str(o, "state", state_of(&x->last, now));
        val_set_int(o, "tries", x->last.tries);
        val_set_str(o, "claimed_by", x->last.slot_us ? x->last.claimant : NULL);
    }
    vec_done(&list);
    reply_table(r, "schedules", schedule_columns);
    return rc;
}

/* ---- schedule run ---------------------------------------------------------------------------- */

/* What the verb answers does not matter here, only whether it could. 0 or -kind. */
static int call_verb(struct app *app, struct arena *a, const struct entry *x, struct err *e)
{
    struct val *args = val_obj(a);
    struct reply r;

    val_set_str(args, "name", x->model);
    if (str_eq(x->verb, "retrain policy")) {
        val_set_bool(args, "dry-run", false);
        val_set_str(args, "trigger", "schedule");
    }
    reply_init(&r);
    int rc = verb_call(app, verb_find(x->verb), args, &r, e);
    reply_done(&r);
    return rc;
}

/* Marks the slot done, or for later. Failing here costs no more than the work done twice. */
static void settle(struct app *app, const struct slot_claim *c, bool again)
{
    struct err e = ERR_INIT;
    int64_t later = clock_now(app->clock) + c->tries * RETRY_US;
    int rc = again && c->tries < SCHEDULE_TRIES ? schedule_postpone(app->store, c, later, &e)
                                                : schedule_done(app->store, c, &e);

    if (rc) log_line(app->log, LOG_WARN, "schedule", "%s", e.msg);
}

static bool run_entry(struct app *app, struct arena *a, const struct entry *x,
                      const struct slot_claim *c, struct val *row)
{
    struct err e = ERR_INIT;
    int rc = call_verb(app, a, x, &e);

    settle(app, c, rc && err_retryable((enum err_kind) - rc));
    val_set_str(row, "name", x->name);
    val_set_str(row, "model", x->model);
    val_set_str(row, "verb", x->verb);
    val_set_time(row, "slot", x->slot_us);
    val_set_int(row, "tries", c->tries);
    val_set_bool(row, "ok", rc == 0);
    val_set_str(row, "error", rc ? e.msg : NULL);
    if (rc) log_line(app->log, LOG_WARN, "schedule", "%s: %s", x->name, e.msg);
    return rc == 0;
}

static const struct reply_column ran_columns[] = {
    { "name", "name", NULL }, { "slot", "slot", "time" }, { "verb", "ran", NULL },
    { "ok", "ok", NULL },     { "error", "error", NULL }, { NULL, NULL, NULL },
};

int verb_schedule_run(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    size_t limit = (size_t)val_get_int(args, "limit", 0), ran = 0;
    int64_t due = 0;
    entries list = VEC_INIT;
    struct slot_claim c;
    char id[ULID_LEN + 1];
    int rc = read_entries(app, &r->arena, &list, e);

    id_ulid(id, clock_now(app->clock));
    const char *claimant = arena_printf(&r->arena, "%s/%s", app->actor, id);
    r->v = val_obj(&r->arena);
    struct val *rows = val_set_list(r->v, "ran");
    for (size_t i = 0; rc == 0 && i < list.n; i++) {
        const struct entry *x = &list.p[i];
        bool won = false;
        if (!x->due) continue;
        if (limit && ran == limit) {
            due++;
            continue;
        }
        rc = schedule_claim(app->store, x->name, x->slot_us, claimant, &c, &won, e);
        if (rc || !won) continue;
        ran++;
        if (!run_entry(app, &r->arena, x, &c, val_push_obj(rows))) r->exit = 1;
    }
    val_set_int(r->v, "due", due);
    val_set_time(r->v, "next_at", next_slot(&list, clock_now(app->clock)));
    vec_done(&list);
    reply_table(r, "ran", ran_columns);
    return rc;
}
