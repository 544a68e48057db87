/* crash_check.c: the invariants of a workspace, read through the store as any program would.
 *
 *   database   its pages are sound; the audit chain is intact
 *   runs       FINISHED means: ended, with a model whose bytes have their digest
 *              RUNNING means: a job that is running names it
 *   versions   the model's bytes are there; at most one in Production, one in Staging
 *   stages     stage = where the version's newest stage event went = what the aliases
 *              `production` and `staging` say; the event's audit row is of that model
 *   data sets  the bytes are there
 *   promises   whatever was acknowledged is there */
#include "crash_check.h"
#include "store/audit.h"
#include "store/blob.h"
#include "store/dataset.h"
#include "store/job.h"
#include "store/registry.h"
#include "store/run.h"

#include <string.h>

enum { MANY = 50000 };

struct check {
    struct store *s;
    struct arena a;
    struct job *jobs;
    size_t n_jobs;
    struct stage_event *events; /* newest first, all models */
    size_t n_events;
    struct audit_row *audit; /* oldest first */
    size_t n_audit;
};

static int broken(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static int broken(struct err *e, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_vset(e, ERR_CHECK, fmt, ap);
    va_end(ap);
    return -ERR_CHECK;
}

static int check_blob(struct check *c, const char *digest, int64_t size, const char *whose,
                      struct err *e)
{
    STR_AUTO bytes = STR_INIT;
    int rc = blob_get(c->s, digest, &bytes, e);

    if (rc < 0) return err_prefix(e, "bytes of %s", whose);
    if ((int64_t)bytes.len != size) return broken(e, "bytes of %s: size %zu", whose, bytes.len);
    return 0;
}

/* -- runs --------------------------------------------------------------------- */

static bool has_running_job(const struct check *c, const char *run_id)
{
    for (size_t i = 0; i < c->n_jobs; i++)
        if (str_eq(c->jobs[i].run_id, run_id) && str_eq(c->jobs[i].state, "running")) return true;
    return false;
}

static int check_run(struct check *c, const struct run *r, struct err *e)
{
    struct artifact *f = NULL;
    size_t n = 0;
    int rc;

    if (str_eq(r->status, "RUNNING"))
        return has_running_job(c, r->id) ? 0 : broken(e, "run %s is RUNNING without a job", r->id);
    if (!str_eq(r->status, "FINISHED")) return 0;
    if (r->end_us == 0) return broken(e, "run %s is FINISHED but has not ended", r->id);
    rc = store_run_artifacts(c->s, &c->a, r->id, &f, &n, e);
    if (rc < 0) return rc;
    if (n != 1 || !str_eq(f[0].path, "model"))
        return broken(e, "run %s is FINISHED with %zu artifacts", r->id, n);
    return check_blob(c, f[0].digest, f[0].size, r->id, e);
}

static int check_runs(struct check *c, struct err *e)
{
    const struct run_query q = { .limit = MANY };
    struct run *runs = NULL;
    size_t n = 0;
    int rc = store_run_search(c->s, &c->a, &q, &runs, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) rc = check_run(c, &runs[i], e);
    return rc;
}

/* -- registry ------------------------------------------------------------------ */

static const struct stage_event *newest_event(const struct check *c, const struct reg_version *v)
{
    for (size_t i = 0; i < c->n_events; i++)
        if (str_eq(c->events[i].name, v->name) && c->events[i].version == v->version)
            return &c->events[i];
    return NULL;
}

static bool has_alias(const struct reg_version *v, const char *alias)
{
    const char *at = strstr(v->aliases, alias);
    size_t n = strlen(alias);

    return at && (at == v->aliases || at[-1] == ',') && (at[n] == 0 || at[n] == ',');
}

static int check_version(struct check *c, const struct reg_version *v, struct err *e)
{
    const struct stage_event *ev = newest_event(c, v);
    const char *of = arena_printf(&c->a, "%s/%lld", v->name, (long long)v->version);
    const char *prefix = arena_printf(&c->a, "model:%s/", v->name);

    if (!ev) return broken(e, "version %s has no stage event", of);
    if (!str_eq(ev->to, v->stage))
        return broken(e, "version %s is in %s, its history says %s", of, v->stage, ev->to);
    if (ev->audit_seq < 1 || (size_t)ev->audit_seq > c->n_audit ||
        !str_starts(c->audit[ev->audit_seq - 1].object, prefix))
        return broken(e, "version %s: audit row %lld is not of it", of, (long long)ev->audit_seq);
    if (has_alias(v, "production") != str_eq(v->stage, "Production") ||
        has_alias(v, "staging") != str_eq(v->stage, "Staging"))
        return broken(e, "version %s is in %s with aliases '%s'", of, v->stage, v->aliases);
    return check_blob(c, v->digest, v->size, of, e);
}

static int check_model(struct check *c, const struct reg_model *m, struct err *e)
{
    struct reg_version *v = NULL;
    size_t n = 0, production = 0, staging = 0;
    int rc = store_version_list(c->s, &c->a, m->name, &v, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        production += str_eq(v[i].stage, "Production");
        staging += str_eq(v[i].stage, "Staging");
        rc = check_version(c, &v[i], e);
    }
    if (rc == 0 && (production > 1 || staging > 1))
        rc = broken(e, "model %s: %zu in Production, %zu in Staging", m->name, production, staging);
    return rc;
}

static int check_registry(struct check *c, struct err *e)
{
    struct reg_model *models = NULL;
    size_t n = 0;
    int rc = store_stage_events(c->s, &c->a, NULL, MANY, &c->events, &c->n_events, e);

    if (rc == 0) rc = audit_page(c->s, &c->a, 0, MANY, &c->audit, &c->n_audit, e);
    if (rc == 0) rc = store_model_list(c->s, &c->a, &models, &n, e);
    for (size_t i = 0; rc == 0 && i < n; i++) rc = check_model(c, &models[i], e);
    return rc;
}

/* -- promises ------------------------------------------------------------------- */

static int check_data(struct check *c, const char *name, int64_t version, struct err *e)
{
    struct dataset d;
    const char *ref = arena_printf(&c->a, "%s:%lld", name, (long long)version);
    int rc = store_dataset_get(c->s, &c->a, ref, &d, e);

    return rc < 0 ? rc : check_blob(c, d.digest, d.size, ref, e);
}

static int check_promise(struct check *c, const struct promise *p, struct err *e)
{
    struct run r;
    int rc;

    switch (p->kind) {
    case PROMISE_RUN:
        rc = store_run_get(c->s, &c->a, p->name, &r, e);
        if (rc == 0 && !str_eq(r.status, "FINISHED"))
            rc = broken(e, "run %s was acknowledged and is %s", p->name, r.status);
        return rc;
    case PROMISE_MOVE:
        for (size_t i = 0; i < c->n_events; i++)
            if (c->events[i].audit_seq == p->number) return 0;
        return broken(e, "the move of audit row %lld was acknowledged and is lost",
                      (long long)p->number);
    case PROMISE_DATA: return check_data(c, p->name, p->number, e);
    }
    return 0;
}

static int check_datasets(struct check *c, struct err *e)
{
    struct dataset *list = NULL;
    size_t n = 0;
    int rc = store_dataset_list(c->s, &c->a, &list, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) rc = check_data(c, list[i].name, list[i].version, e);
    return rc;
}

int crash_check(const char *dir, const struct promises *p, struct err *e)
{
    struct check c = { .a = ARENA_INIT };
    struct audit_check chain = { 0 };
    int rc = store_open(&c.s, dir, 0, &clock_system, e);

    if (rc < 0) return rc;
    rc = store_check(c.s, e);
    if (rc == 0) rc = store_begin(c.s, e); /* one moment: a worker may have outlived its command */
    if (rc == 0) rc = audit_verify(c.s, &chain, e);
    if (rc == 0 && chain.first_bad)
        rc = broken(e, "audit row %lld is bad", (long long)chain.first_bad);
    if (rc == 0) rc = store_job_list(c.s, &c.a, NULL, MANY, 0, &c.jobs, &c.n_jobs, e);
    if (rc == 0) rc = check_runs(&c, e);
    if (rc == 0) rc = check_registry(&c, e);
    if (rc == 0) rc = check_datasets(&c, e);
    for (size_t i = 0; rc == 0 && i < p->list.n; i++) rc = check_promise(&c, &p->list.p[i], e);
    store_close(c.s);
    arena_done(&c.a);
    return rc;
}

int crash_check_quiet(const char *dir, struct err *e)
{
    const struct run_query q = { .filter = "attributes.status = 'RUNNING'" };
    struct job_counts n;
    struct store *s;
    int64_t running;
    int rc = store_open(&s, dir, 0, &clock_system, e);

    if (rc < 0) return rc;
    rc = store_job_counts(s, &n, e);
    if (rc == 0) rc = store_run_count(s, &q, &running, e);
    if (rc == 0 && n.running + n.ready + n.scheduled + running > 0)
        rc = broken(e, "%lld jobs and %lld runs are left running",
                    (long long)(n.running + n.ready + n.scheduled), (long long)running);
    store_close(s);
    return rc;
}
