/* notify.c: see notify.h: which receivers hear of a change, and the job that tells one of them.
 *
 * A delivery's serial key is the receiver and the alert, so an all-clear never overtakes the
 * alarm it ends. The job does nothing to the workspace but end: whether the receiver has heard
 * is known only from its answer, and after a crash between answer and end it hears twice,
 * which the alert's id makes harmless. */
#include "app/notify.h"

#include "app/job.h"
#include "app/settings.h"
#include "store/job.h"

#include <math.h>
#include <string.h>

#define TRIES    10
#define PRIORITY 10 /* before training */

static int level_of(const char *state)
{
    static const char *const states[] = { "none", "active", "watch", "incident" };

    for (int i = 0; i < 4; i++)
        if (str_eq(states[i], state)) return i;
    return 0;
}

/* The change crosses, in either direction, what the receiver wants to hear of. */
static bool wants(const struct val *receiver, const char *from, const char *to)
{
    int least = level_of(val_get_str(receiver, "min_state", "watch"));
    int before = level_of(from), after = level_of(to);

    if (after >= least && after > before) return true;
    return before >= least && after == 0 && val_get_bool(receiver, "send_resolved", true);
}

static void write_notice(struct val *o, const struct alert *al, const char *from, int64_t at_us)
{
    val_set_str(o, "id", al->id);
    val_set_str(o, "model", al->model);
    val_set_str(o, "rule", al->rule);
    val_set_str(o, "kind", al->kind);
    val_set_str(o, "state", al->state);
    val_set_str(o, "from", from);
    val_set_str(o, "severity", al->severity);
    val_set_str(o, "action", al->recommended_action);
    val_set_real(o, "value", al->value);
    val_set_real(o, "threshold", al->threshold);
    val_set_int(o, "n", al->n);
    val_set_int(o, "since_us", al->since_us);
    val_set_int(o, "at_us", at_us);
}

static struct notice read_notice(const struct val *o)
{
    return (struct notice){
        .id = val_get_str(o, "id", ""), .model = val_get_str(o, "model", ""),
        .rule = val_get_str(o, "rule", ""), .kind = val_get_str(o, "kind", ""),
        .state = val_get_str(o, "state", ""), .from = val_get_str(o, "from", ""),
        .severity = val_get_str(o, "severity", "info"), .action = val_get_str(o, "action", ""),
        .value = val_get_real(o, "value", NAN), .threshold = val_get_real(o, "threshold", NAN),
        .n = val_get_int(o, "n", 0), .since_us = val_get_int(o, "since_us", 0),
        .at_us = val_get_int(o, "at_us", 0),
        .resolved = str_eq(val_get_str(o, "state", ""), "none"),
    };
}

static int queue_one(struct app *app, struct arena *a, const struct val *receiver,
                     const struct alert *al, const char *from, struct err *e)
{
    const char *name = val_get_str(receiver, "name", "");
    struct val *payload = val_obj(a);
    STR_AUTO text = STR_INIT;
    char id[27];
    bool duplicate;

    val_set_str(payload, "receiver", name);
    write_notice(val_set_obj(payload, "alert"), al, from, clock_now(app->clock));
    val_write_json(&text, payload, 0);
    struct job j = {
        .kind = "notify", .payload = str_c(&text), .actor = app->actor, .priority = PRIORITY,
        .max_attempts = TRIES, .serial_key = arena_printf(a, "notify:%s:%s", name, al->id),
    };
    return store_job_add(app->store, &j, id, &duplicate, e);
}

int notify_queue(struct app *app, const struct alert *al, const char *from_state, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct val *settings;
    int rc = settings_load(&a, app->dir, &settings, e);
    const struct val *list = rc ? NULL : val_get(settings, "notify");

    for (size_t i = 0; i < val_len(list) && rc == 0; i++)
        if (wants(val_at(list, i), from_state, al->state))
            rc = queue_one(app, &a, val_at(list, i), al, from_state, e);
    arena_done(&a);
    return rc;
}

/* ---- the job ---------------------------------------------------------------------------- */

static int find_receiver(struct job_ctx *c, const char *name, const struct val **ret,
                         struct err *e)
{
    struct val *settings;
    int rc = settings_load(c->arena, c->app->dir, &settings, e);

    if (rc) return rc;
    const struct val *list = val_get(settings, "notify");
    for (size_t i = 0; i < val_len(list); i++)
        if (str_eq(val_get_str(val_at(list, i), "name", ""), name)) {
            *ret = val_at(list, i);
            return 0;
        }
    return err_set(e, ERR_NOTFOUND, "the settings name no receiver '%s' any more", name);
}

static int secret_of(struct job_ctx *c, const struct val *receiver, const char **ret,
                     struct err *e)
{
    const char *name = val_get_str(receiver, "secret_env", NULL);
    const struct ports *p = c->app->ports;

    *ret = NULL;
    if (!name) return 0;
    *ret = p->secret ? p->secret(p->user, name) : NULL;
    if (*ret && **ret) return 0;
    err_set(e, ERR_INVALID, "the environment variable %s, secret of receiver '%s', is not set",
            name, val_get_str(receiver, "name", ""));
    return err_hint(e, "set it where signalbox runs, then: signalbox job retry ID");
}

/* Answers that a later try can change are temporary, the others are final. */
static int judge(const char *name, const struct http_response *r, struct err *e)
{
    if (r->status >= 200 && r->status < 300) return 0;
    bool later = r->status == 408 || r->status == 429 || r->status >= 500;
    return err_set(e, later ? ERR_BUSY : ERR_INVALID, "receiver '%s' answered %ld: %.200s", name,
                   r->status, str_c(&r->body));
}

static int deliver(struct job_ctx *c, const struct val *receiver, struct val *result,
                   struct err *e)
{
    const struct ports *p = c->app->ports;
    const char *name = val_get_str(receiver, "name", ""), *secret;
    const struct notify_format *f = notify_format_find(val_get_str(receiver, "type", ""));
    struct notice n = read_notice(val_get(c->args, "alert"));
    struct http_request q = { 0 };
    struct http_response r = { .body = STR_INIT };
    int rc = secret_of(c, receiver, &secret, e);

    if (rc == 0 && !f) rc = err_set(e, ERR_INVALID, "receiver '%s' has an unknown type", name);
    if (rc == 0 && !p->http_post) rc = err_set(e, ERR_INTERNAL, "no way to send from here");
    if (rc == 0) rc = f->write(c->arena, &n, val_get_str(receiver, "url", ""), secret, &q, e);
    if (rc) return rc;
    q.timeout_s = (int)val_get_int(receiver, "timeout", 10);
    rc = p->http_post(p->user, &q, &r, e);
    if (rc == 0) rc = judge(name, &r, e);
    else err_prefix(e, "receiver '%s'", name);
    val_set_str(result, "receiver", name);
    val_set_int(result, "status", r.status);
    str_done(&r.body);
    return rc;
}

int job_notify(struct job_ctx *c, struct val *result, struct err *e)
{
    const struct val *receiver = NULL;
    int rc = find_receiver(c, val_get_str(c->args, "receiver", ""), &receiver, e);

    if (rc == 0) rc = deliver(c, receiver, result, e);
    if (rc == 0) rc = job_publish_begin(c, e);
    if (rc == 0) rc = job_publish_end(c, result, e);
    return rc;
}
