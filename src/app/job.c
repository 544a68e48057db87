/* job.c: running a claimed job: the table of kinds, the fence around publishing, and what is
 * recorded when a handler fails. Called by the worker process on its main thread.
 *
 * Exactly once: outputs and the state "succeeded" are one transaction. job_publish_begin opens
 * it and touches the row under the fence (id, attempt), so a worker whose lease was taken away
 * learns it before it writes anything; job_publish_end checks the fence again and commits. */
#include "app/job.h"
#include "app/jobs.h"
#include "app/sweep_flow.h"
#include "base/mem.h"
#include <assert.h>
#include <string.h>

/* A job's error is kept as "CODE: message; hint: what to do". */
#define JOB_ERROR_HINT "; hint: "

const struct job_kind job_kinds[] = {
#define JOB(name, help) { #name, job_##name, help },
#include "app/jobs.def"
#undef JOB
    { NULL, NULL, NULL },
};

const struct job_kind *job_kind_find(const char *name)
{
    for (const struct job_kind *k = job_kinds; k->name; k++)
        if (str_eq(k->name, name)) return k;
    return NULL;
}

static struct fence fence_of(const struct job_ctx *c)
{
    return (struct fence){ c->job->id, c->job->attempt };
}

int job_publish_begin(struct job_ctx *c, struct err *e)
{
    struct store *s = c->app->store;
    int rc = store_begin(s, e);
    if (rc) return rc;
    bool cancel = false;
    rc = store_job_beat(s, fence_of(c), 1.0, NULL, &cancel, e);
    if (!rc && cancel) rc = err_set(e, ERR_CANCELLED, "job %s was cancelled", c->job->id);
    if (rc) store_rollback(s);
    return rc;
}

int job_publish_end(struct job_ctx *c, const struct val *result, struct err *e)
{
    struct store *s = c->app->store;
    STR_AUTO text = STR_INIT;
    assert(store_in_tx(s));
    val_write_json(&text, result, 0);
    int rc = store_job_finish(s, fence_of(c), str_c(&text), e);
    if (rc) {
        store_rollback(s);
        return rc;
    }
    return store_commit(s, e);
}

static int end_attempt(struct job_ctx *c, const struct err *why, bool asked, struct err *e)
{
    struct store *s = c->app->store;
    struct fence f = fence_of(c);
    STR_AUTO text = STR_INIT;

    if (why->kind == ERR_CANCELLED)
        return asked ? store_job_cancelled(s, f, e)
                     : store_job_release(s, f, "the worker was told to end", e);
    str_addf(&text, "%s: %s", err_code(why->kind), why->msg);
    if (*why->hint) str_addf(&text, JOB_ERROR_HINT "%s", why->hint);
    return store_job_fail(s, f, str_c(&text), err_retryable(why->kind), e);
}

/* The end of an attempt and of its run, one transaction. */
static int record_in_tx(struct job_ctx *c, const struct err *why, struct err *e)
{
    struct store *s = c->app->store;
    struct job now;
    bool asked = false;
    int rc = store_job_beat(s, fence_of(c), 0, NULL, &asked, e);

    if (rc == 0) rc = store_job_get(s, c->arena, c->job->id, &now, e);
    if (rc == 0) rc = end_attempt(c, why, asked, e);
    if (rc == 0) rc = job_end_run(s, now.run_id, asked ? "KILLED" : "FAILED", why->msg, e);
    if (rc == 0) rc = sweep_job_moved(s, &now, c, e);
    return rc;
}

/* Records why the attempt ended. The handler's error is what the caller gets, unless the job
 * turns out to be somebody else's: then there is nothing to record. */
static int record_failure(struct job_ctx *c, int rc, struct err *why)
{
    struct store *s = c->app->store;
    struct err e = ERR_INIT;
    int done;

    store_rollback(s);
    if (rc == -ERR_LEASE) return rc;
    done = store_begin(s, &e);
    if (done == 0) {
        done = record_in_tx(c, why, &e);
        if (done == 0) done = store_commit(s, &e);
        store_rollback(s);
    }
    if (done == -ERR_LEASE) {
        *why = e;
        return done;
    }
    if (done < 0)
        log_line(c->app->log, LOG_ERROR, "job", "the end of %s could not be recorded: %s",
                 c->job->id, e.msg);
    return rc;
}

int job_execute(struct job_ctx *c, struct err *e)
{
    struct err local = ERR_INIT;
    struct err *why = e ? e : &local;
    const struct job_kind *k = job_kind_find(c->job->kind);

    if (!k) {
        err_set(why, ERR_INVALID, "no job of kind '%s' is known", c->job->kind);
        err_hint(why, "this program may be older than the one that queued the job");
        return record_failure(c, -ERR_INVALID, why);
    }
    int rc = k->fn(c, val_obj(c->arena), why);
    return rc < 0 ? record_failure(c, rc, why) : 0;
}

int job_error(const struct job *j, struct err *e)
{
    const char *text = j->error ? j->error : "no reason is known";
    const char *hint = strstr(text, JOB_ERROR_HINT), *msg = text;
    enum err_kind kind = ERR_INTERNAL;

    for (enum err_kind k = ERR_INTERNAL; k < ERR_COUNT; k++) {
        size_t n = strlen(err_code(k));
        /* INVALID and PARSE share a code; what the arguments allow was checked before. */
        if (k == ERR_INVALID || strncmp(text, err_code(k), n) != 0 || text[n] != ':') continue;
        kind = k;
        msg = text + n + 2;
        break;
    }
    err_set(e, kind, "job %s: %.*s", j->id, hint ? (int)(hint - msg) : (int)strlen(msg), msg);
    return hint ? err_hint(e, "%s", hint + strlen(JOB_ERROR_HINT)) : -(int)kind;
}
