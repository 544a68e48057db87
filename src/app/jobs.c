/* jobs.c: the verbs of the queue: list, show, log, cancel, retry; and what becomes of attempts
 * whose worker died.
 *
 * The queue's rows are the store's; here they get their outward form. An attempt's run and its
 * job end in one transaction, so no listing shows a run as RUNNING that nobody works on. */
#include "app/jobs.h"
#include "app/runval.h"
#include "app/sweep_flow.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/run.h"

#include <fcntl.h>
#include <string.h>

enum { LOG_MAX = 64 << 20 };

static const struct reply_column job_columns[] = {
    { "id", "job", "id" },
    { "kind", "kind", NULL },
    { "state", "state", NULL },
    { "progress", "done", "percent" },
    { "message", "message", NULL },
    { "attempt", "attempt", NULL },
    { "created_at", "created", "age" },
    { "duration_s", "seconds", "real" },
    { "run_id", "run", "id" },
    { "error", "error", NULL },
    { NULL, NULL, NULL },
};

/* -- outward form --------------------------------------------------------- */

bool job_ended(const struct job *j)
{
    return !str_eq(j->state, "ready") && !str_eq(j->state, "scheduled") &&
           !str_eq(j->state, "running");
}

struct val *job_to_val(struct arena *a, const struct job *j, int64_t now_us)
{
    struct val *o = val_obj(a);
    int64_t end = j->finished_us ? j->finished_us : now_us;

    val_set_str(o, "id", j->id);
    val_set_str(o, "kind", j->kind);
    val_set_str(o, "state", j->state);
    val_set_int(o, "attempt", j->attempt);
    val_set_int(o, "max_attempts", j->max_attempts);
    val_set_real(o, "progress", j->progress);
    val_set_str(o, "message", j->message);
    val_set_int(o, "priority", j->priority);
    val_set_str(o, "actor", j->actor);
    val_set_time(o, "created_at", j->created_us);
    val_set_time(o, "started_at", j->started_us);
    val_set_time(o, "finished_at", j->finished_us);
    if (j->started_us) val_set_real(o, "duration_s", (double)(end - j->started_us) / 1e6);
    else val_set(o, "duration_s", val_null(a));
    val_set_str(o, "run_id", j->run_id);
    val_set_str(o, "error", j->error);
    val_set_bool(o, "cancel_requested", j->cancel_requested);
    return o;
}

struct val *job_counts_to_val(struct arena *a, const struct job_counts *c)
{
    struct val *o = val_obj(a);

    val_set_int(o, "ready", c->ready);
    val_set_int(o, "scheduled", c->scheduled);
    val_set_int(o, "running", c->running);
    val_set_int(o, "succeeded", c->succeeded);
    val_set_int(o, "dead", c->dead);
    val_set_int(o, "cancelled", c->cancelled);
    return o;
}

const char *job_dir(struct arena *a, const char *dir, const char *id)
{
    return arena_printf(a, "%s/jobs/%s", dir, id);
}

const char *job_log_path(struct arena *a, const char *dir, const char *id)
{
    return arena_printf(a, "%s/jobs/%s/log", dir, id);
}

int job_log_open(const char *dir, const char *id, struct err *e)
{
    struct arena a = ARENA_INIT;
    const char *path = job_log_path(&a, dir, id);
    int fd = file_mkdirs(job_dir(&a, dir, id), e);

    if (fd == 0) {
        fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0) fd = err_sys(e, ERR_IO, "cannot open %s", path);
    }
    arena_done(&a);
    return fd;
}

/* -- attempts without a worker -------------------------------------------- */

int job_end_run(struct store *s, const char *run_id, const char *status, const char *why,
                struct err *e)
{
    struct arena a = ARENA_INIT;
    struct run run = { 0 };
    const struct kv tag = { "signalbox.error", why };
    int rc = run_id ? store_run_get(s, &a, run_id, &run, e) : 0;

    if (rc == 0 && run_id && str_eq(run.status, "RUNNING")) {
        rc = store_run_set_tags(s, run_id, &tag, 1, e);
        if (rc == 0) rc = store_run_finish(s, run_id, status, store_now(s), e);
    }
    arena_done(&a);
    return rc;
}

static int release_in_tx(struct store *s, const struct job *j, const char *why, struct err *e)
{
    struct fence f = { j->id, j->attempt };
    struct arena a = ARENA_INIT;
    struct job now;
    int rc = store_job_get(s, &a, j->id, &now, e);

    if (rc == 0) rc = store_job_release(s, f, why, e); /* cancelled, if that was asked for */
    if (rc == 0)
        rc = job_end_run(s, now.run_id, now.cancel_requested ? "KILLED" : "FAILED", why, e);
    if (rc == 0) rc = sweep_job_moved(s, &now, NULL, e);
    arena_done(&a);
    return rc;
}

int job_release(struct store *s, const struct job *j, const char *why, struct err *e)
{
    int rc = store_begin(s, e);

    if (rc < 0) return rc;
    rc = release_in_tx(s, j, why, e);
    if (rc < 0) {
        store_rollback(s);
        return rc;
    }
    return store_commit(s, e);
}

int job_rescue(struct store *s, int64_t *ret_n, struct err *e)
{
    struct arena a = ARENA_INIT;
    struct job *list = NULL;
    size_t n = 0;
    int64_t rescued = 0;
    int rc = store_job_list(s, &a, "running", 10000, 0, &list, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (list[i].lease_until_us >= store_now(s)) continue;
        rc = job_release(s, &list[i], "the worker was not heard of any more", e);
        if (rc == 0) rescued++;
        if (rc == -ERR_LEASE) rc = 0; /* somebody else was quicker */
    }
    arena_done(&a);
    if (rc == 0) *ret_n = rescued;
    return rc;
}

/* -- verbs ---------------------------------------------------------------- */

int verb_job_list(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct job *list = NULL;
    struct job_counts counts;
    size_t n = 0;
    int rc = store_job_list(app->store, &r->arena, val_get_str(args, "state", NULL),
                            val_get_int(args, "limit", 50), 0, &list, &n, e);

    if (rc == 0) rc = store_job_counts(app->store, &counts, e);
    if (rc < 0) return rc;
    r->v = val_obj(&r->arena);
    struct val *jobs = val_set_list(r->v, "jobs");
    for (size_t i = 0; i < n; i++)
        val_push(jobs, job_to_val(&r->arena, &list[i], clock_now(app->clock)));
    val_set(r->v, "counts", job_counts_to_val(&r->arena, &counts));
    reply_table(r, "jobs", job_columns);
    return 0;
}

/* JSON kept in a row; NULL or what does not parse is null. */
static struct val *parsed(struct arena *a, const char *json)
{
    struct val *v = NULL;

    if (!json || val_parse_json(a, json, strlen(json), &v, NULL) < 0) return val_null(a);
    return v;
}

int verb_job_show(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct job j;
    struct job_event *ev = NULL;
    size_t n = 0;
    int rc = store_job_get(app->store, &r->arena, val_get_str(args, "job", ""), &j, e);

    if (rc == 0) rc = store_job_events(app->store, &r->arena, j.id, &ev, &n, e);
    if (rc < 0) return rc;
    r->v = job_to_val(&r->arena, &j, clock_now(app->clock));
    val_set_str(r->v, "worker", j.worker);
    val_set_int(r->v, "worker_pid", j.worker_pid);
    val_set(r->v, "payload", parsed(&r->arena, j.payload));
    val_set(r->v, "result", parsed(&r->arena, j.result));
    struct val *events = val_set_list(r->v, "events");
    for (size_t i = 0; i < n; i++) {
        struct val *o = val_push_obj(events);
        val_set_time(o, "at", ev[i].at_us);
        val_set_str(o, "type", ev[i].type);
        val_set_str(o, "actor", ev[i].actor);
        val_set_str(o, "detail", ev[i].detail);
        val_set_int(o, "attempt", ev[i].attempt);
    }
    return 0;
}

/* Start of the last `tail` lines of s; tail 0: all. */
static const char *last_lines(const struct str *s, int64_t tail)
{
    const char *p = str_c(s), *at = p + s->len;

    if (tail == 0) return p;
    if (at > p && at[-1] == '\n') at--;
    for (; at > p; at--)
        if (at[-1] == '\n' && --tail == 0) break;
    return at;
}

int verb_job_log(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct job j;
    int rc = store_job_get(app->store, &r->arena, val_get_str(args, "job", ""), &j, e);

    if (rc < 0) return rc;
    STR_AUTO text = STR_INIT;
    const char *path = job_log_path(&r->arena, app->dir, j.id);
    if (file_exists(path)) rc = file_read(path, LOG_MAX, &text, e);
    if (rc < 0) return rc;
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "job_id", j.id);
    struct val *lines = val_set_list(r->v, "lines");
    const char *p = last_lines(&text, val_get_int(args, "tail", 0));
    r->text = arena_strdup(&r->arena, p);
    while (*p) {
        size_t n = strcspn(p, "\n");
        val_push(lines, val_strn(&r->arena, p, n));
        p += n + (p[n] == '\n');
    }
    return 0;
}

static int answer_state(struct app *app, const char *id, struct reply *r, struct err *e)
{
    struct job j;
    int rc = store_job_get(app->store, &r->arena, id, &j, e);

    if (rc < 0) return rc;
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "id", j.id);
    val_set_str(r->v, "state", j.state);
    val_set_bool(r->v, "cancel_requested", j.cancel_requested);
    return 0;
}

/* A job that nobody works on ends here and now, and whatever waits for it hears of that. */
int job_cancel(struct store *s, const struct job *j, struct err *e)
{
    int rc = store_begin(s, e);

    if (rc < 0) return rc;
    rc = store_job_cancel(s, j->id, e);
    if (rc == 0) rc = sweep_job_moved(s, j, NULL, e);
    if (rc == 0) return store_commit(s, e);
    store_rollback(s);
    return rc;
}

int verb_job_cancel(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct job j;
    int rc = store_job_get(app->store, &r->arena, val_get_str(args, "job", ""), &j, e);

    if (rc == 0) rc = job_cancel(app->store, &j, e);
    return rc < 0 ? rc : answer_state(app, j.id, r, e);
}

int verb_job_retry(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct job j;
    int rc = store_job_get(app->store, &r->arena, val_get_str(args, "job", ""), &j, e);

    if (rc == 0) rc = store_job_retry(app->store, j.id, e);
    if (rc == 0 && app->ports->job_start)
        rc = app->ports->job_start(app->ports->user, app->dir, j.id, e);
    return rc < 0 ? rc : answer_state(app, j.id, r, e);
}
