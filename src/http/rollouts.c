/* rollouts.c: see rollouts.h.
 *
 *   every second or so   canary check --no-labels: counters alone, which is quick; only takes back
 *   every LABELS_US      canary check: also the prediction log, on a thread for long verbs
 *   as soon as seen      a trip of a hard limit: traffic has stopped already, now the document
 *   every hour           counters older than KEEP_US are removed
 *
 * Each is one task that is posted again only when it was answered, so a slow store piles up
 * nothing. Any number of daemons may do this on one workspace: app/rollout.h sees to it that one
 * wins. */
#include "http/rollouts.h"

#include "app/rollout.h"
#include "base/mem.h"

#include <stdatomic.h>
#include <stdlib.h>

#define QUICK_US  1000000LL
#define LABELS_US 5000000LL
#define RETRY_US  5000000LL
#define PRUNE_US  3600000000LL
#define KEEP_US   (14 * 86400000000LL)

struct chore {
    struct verb_task task; /* first */
    struct rollouts *r;
    atomic_bool busy;
    int64_t began_us;
    _Atomic int64_t next_us; /* monotonic */
};

struct rollouts {
    struct verbthreads *threads;
    struct serve *serve;
    struct log *log;
    struct arena arena, trips;
    const struct val *args;
    struct chore quick, labels, trip, prune;
    struct serve_trip tripped; /* the task's; lives in trips */
};

static void say(struct rollouts *r, const struct val *list)
{
    for (size_t i = 0; i < val_len(list); i++) {
        const struct val *o = val_at(list, i);
        const char *action = val_get_str(o, "action", NULL);
        if (action)
            log_line(r->log, LOG_INFO, "canary", "%s version %lld: %s: %s",
                     val_get_str(o, "model", ""), (long long)val_get_int(o, "version", 0), action,
                     val_get_str(o, "why", ""));
    }
}

/* ---- tasks, on verb threads ----------------------------------------------------------------- */

static int look_quickly(struct app *app, void *user, struct err *e)
{
    struct rollouts *r = ((struct chore *)user)->r;
    struct arena a = ARENA_INIT;
    struct val *list = val_list(&a);
    int rc = canary_check(app, &a, NULL, false, list, e);

    say(r, list);
    arena_done(&a);
    return rc;
}

static int take_back(struct app *app, void *user, struct err *e)
{
    const struct serve_trip *t = &((struct chore *)user)->r->tripped;

    return canary_tripped(app, t->model, t->rollout_id, t->reason, e);
}

static int prune(struct app *app, void *user, struct err *e)
{
    (void)user;
    return serving_prune(app->store, clock_now(app->clock) - KEEP_US, e);
}

static void finished(struct chore *t, int rc, const struct err *e, int64_t pause_us)
{
    if (rc) log_line(t->r->log, LOG_WARN, "canary", "%s", e->msg);
    atomic_store(&t->next_us, clock_mono_us() + (rc && pause_us < RETRY_US ? RETRY_US : pause_us));
    atomic_store(&t->busy, false);
}

/* A long canary has many counters to add up: at most a twentieth, or a tenth, of the time. */
static int64_t pause_after(const struct chore *t, int64_t times, int64_t least_us)
{
    int64_t took = clock_mono_us() - t->began_us;

    return times * took > least_us ? times * took : least_us;
}

static void quick_done(struct verb_task *k, int rc, struct reply *reply, struct err *e)
{
    struct chore *t = (struct chore *)k;

    (void)reply;
    finished(t, rc, e, pause_after(t, 20, QUICK_US));
}

static void labels_done(struct verb_task *k, int rc, struct reply *reply, struct err *e)
{
    struct chore *t = (struct chore *)k;

    say(t->r, val_get(reply->v, "canaries"));
    finished(t, rc, e, pause_after(t, 10, LABELS_US));
}

static void trip_done(struct verb_task *k, int rc, struct reply *reply, struct err *e)
{
    struct chore *t = (struct chore *)k;

    (void)reply;
    if (!rc)
        log_line(t->r->log, LOG_WARN, "canary", "%s: a hard limit tripped: %s", t->r->tripped.model,
                 t->r->tripped.reason);
    finished(t, rc, e, QUICK_US); /* until a catalog without it is out */
}

static void prune_done(struct verb_task *k, int rc, struct reply *reply, struct err *e)
{
    (void)reply;
    finished((struct chore *)k, rc, e, PRUNE_US);
}

/* ---- the main thread ------------------------------------------------------------------------ */

static bool due(struct chore *t, int64_t now)
{
    return !atomic_load(&t->busy) && now >= atomic_load(&t->next_us);
}

static void post(struct rollouts *r, struct chore *t, struct verb_task k, int64_t now)
{
    k.actor = "signalbox";
    k.write = true;
    k.user = t;
    t->r = r;
    t->task = k;
    t->began_us = now;
    atomic_store(&t->busy, true);
    verbthreads_submit(r->threads, &t->task);
}

static void look_for_trips(struct rollouts *r, int64_t now)
{
    struct serve_trip *trips;

    if (!due(&r->trip, now)) return;
    arena_reset(&r->trips);
    if (serve_trips(r->serve, &r->trips, &trips) == 0) return;
    r->tripped = trips[0];
    post(r, &r->trip, (struct verb_task){ .fn = take_back, .done = trip_done }, now);
}

struct rollouts *rollouts_new(struct verbthreads *threads, struct serve *serve, struct log *log)
{
    struct rollouts *r = mem_zalloc(1, sizeof *r);

    r->threads = threads;
    r->serve = serve;
    r->log = log;
    struct val *args = val_obj(&r->arena);
    val_set_bool(args, "labels", true);
    r->args = args;
    return r;
}

void rollouts_free(struct rollouts *r)
{
    if (!r) return;
    arena_done(&r->arena);
    arena_done(&r->trips);
    free(r);
}

static bool any_canary(const struct rollouts *r)
{
    const struct catalog *c = serve_catalog(r->serve);

    for (size_t i = 0; c && i < catalog_size(c); i++)
        if (catalog_at(c, i)->rollout->mode == ROLLOUT_canary) return true;
    return false;
}

void rollouts_tick(struct rollouts *r, int64_t mono_us)
{
    bool canary = any_canary(r);

    look_for_trips(r, mono_us);
    if (canary && due(&r->quick, mono_us))
        post(r, &r->quick, (struct verb_task){ .fn = look_quickly, .done = quick_done }, mono_us);
    if (canary && due(&r->labels, mono_us))
        post(r, &r->labels,
             (struct verb_task){
                 .verb = verb_find("canary check"), .args = r->args, .done = labels_done },
             mono_us);
    if (due(&r->prune, mono_us))
        post(r, &r->prune, (struct verb_task){ .fn = prune, .done = prune_done }, mono_us);
}
