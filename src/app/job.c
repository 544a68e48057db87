/* job.c: running a claimed job: the table of kinds, the fence around publishing, and what is
 * recorded when a handler fails. Called by the worker process on its main thread.
 *
 * Exactly once: outputs and the state "succeeded" are one transaction. job_publish_begin opens
 * it and touches the row under the fence (id, attempt), so a worker whose lease was taken away
 * learns it before it writes anything; job_publish_end checks the fence again and commits. */
#include "app/job.h"
#include "base/mem.h"
#include <assert.h>

#define JOB(name, help) int job_##name(struct job_ctx *c, struct val *result, struct err *e);
#include "app/jobs.def"
#undef JOB

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

/* Records why the attempt ended. The handler's error is what the caller gets, whatever happens
 * here; a lost lease means there is nothing left to record. */
static void record_failure(struct job_ctx *c, const struct err *why)
{
    struct err ignored = ERR_INIT;
    int rc;
    store_rollback(c->app->store);
    if (why->kind == ERR_LEASE) return;
    if (why->kind == ERR_CANCELLED) {
        rc = store_job_cancelled(c->app->store, fence_of(c), &ignored);
    } else {
        STR_AUTO text = STR_INIT;
        str_add(&text, why->msg);
        if (*why->hint) str_addf(&text, " (%s)", why->hint);
        rc = store_job_fail(c->app->store, fence_of(c), str_c(&text), err_retryable(why->kind),
                            &ignored);
    }
    if (rc)
        log_line(c->app->log, LOG_ERROR, "job", "the end of %s could not be recorded: %s",
                 c->job->id, ignored.msg);
}

int job_execute(struct job_ctx *c, struct err *e)
{
    struct err local = ERR_INIT;
    struct err *why = e ? e : &local;
    const struct job_kind *k = job_kind_find(c->job->kind);
    int rc;
    if (!k) {
        rc = err_set(why, ERR_INVALID, "no job of kind '%s' is known", c->job->kind);
        err_hint(why, "this program may be older than the one that queued the job");
    } else {
        rc = k->fn(c, val_obj(c->arena), why);
    }
    if (rc) record_failure(c, why);
    return rc;
}
