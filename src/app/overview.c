/* overview.c: the verb `overview`: everything on one page: models and where they are, jobs,
 * the newest runs, data sets, the head of the audit log. The console's first pane, and what is
 * printed where there is no terminal to open it on. Reads only rows that a screen shows, so it
 * may be called at every change; the audit chain is not recomputed here. */
#include "app/jobs.h"
#include "app/modelval.h"
#include "app/runval.h"
#include "app/verb.h"
#include "base/clock.h"
#include "store/audit.h"
#include "store/dataset.h"
#include <inttypes.h>

enum { RECENT = 10, JOBS_SHOWN = 10 };

static int add_jobs_in(struct app *app, struct arena *a, struct val *jobs, const char *key,
                       const char *state, struct err *e)
{
    struct job *list = NULL;
    size_t n = 0;
    int rc = store_job_list(app->store, a, state, JOBS_SHOWN, 0, &list, &n, e);
    if (rc) return rc;
    struct val *out = val_set_list(jobs, key);
    for (size_t i = 0; i < n; i++) val_push(out, job_to_val(a, &list[i], clock_now(app->clock)));
    return 0;
}

static int add_jobs(struct app *app, struct arena *a, struct val *v, struct err *e)
{
    struct job_counts counts;
    int rc = store_job_counts(app->store, &counts, e);
    if (rc) return rc;
    struct val *jobs = val_set_obj(v, "jobs");
    val_set(jobs, "counts", job_counts_to_val(a, &counts));
    rc = add_jobs_in(app, a, jobs, "running", "running", e);
    return rc ? rc : add_jobs_in(app, a, jobs, "failed", "dead", e);
}

static int add_runs(struct app *app, struct arena *a, struct val *v, struct err *e)
{
    const struct run_query q = { .view = RUNS_ACTIVE, .limit = RECENT };
    struct run *list = NULL;
    size_t n = 0;
    int64_t total = 0;
    int rc = store_run_search(app->store, a, &q, &list, &n, e);
    if (!rc) rc = store_run_count(app->store, &q, &total, e);
    if (rc) return rc;
    struct val *runs = val_set_obj(v, "runs");
    val_set_int(runs, "total", total);
    val_set(runs, "recent", runs_to_val(a, list, n, clock_now(app->clock)));
    return 0;
}

static int add_datasets(struct app *app, struct arena *a, struct val *v, struct err *e)
{
    struct dataset *list = NULL;
    size_t n = 0;
    int rc = store_dataset_list(app->store, a, &list, &n, e);
    if (!rc) val_set_int(v, "datasets", (int64_t)n);
    return rc;
}

static int add_audit(struct app *app, struct arena *a, struct val *v, struct err *e)
{
    struct audit_row *row = NULL;
    size_t n = 0;
    int rc = audit_list(app->store, a, NULL, 0, 1, &row, &n, e);
    if (rc) return rc;
    struct val *audit = val_set_obj(v, "audit");
    val_set(audit, "ok", val_null(a));
    val_set_int(audit, "rows", n ? row[0].seq : 0);
    val_set_str(audit, "head", n ? row[0].hash : "");
    return 0;
}

/* ---- as text ------------------------------------------------------------------------- */

static void text_stage(struct str *s, const struct val *model, const char *key, const char *stage)
{
    const struct val *v = val_get(model, key);
    if (val_type(v) != VAL_OBJ) return;
    str_addf(s, "  %s %" PRId64 " (%s)", stage, val_get_int(v, "version", 0),
             val_get_str(v, "semver", ""));
}

static void text_models(struct str *s, const struct val *v)
{
    const struct val *models = val_get(v, "models");
    str_addf(s, "models    %zu\n", val_len(models));
    for (size_t i = 0; i < val_len(models); i++) {
        const struct val *m = val_at(models, i);
        str_addf(s, "  %-20s", val_get_str(m, "name", ""));
        text_stage(s, m, "production", "Production");
        text_stage(s, m, "staging", "Staging");
        str_addc(s, '\n');
    }
}

static void text_jobs(struct str *s, const struct val *v)
{
    const struct val *jobs = val_get(v, "jobs"), *counts = val_get(jobs, "counts");
    const char *sep = "jobs      ";
    for (size_t i = 0; i < val_len(counts); i++, sep = ", ")
        str_addf(s, "%s%" PRId64 " %s", sep, val_as_int(val_at(counts, i), 0), val_key(counts, i));
    str_addc(s, '\n');
    for (int failed = 0; failed < 2; failed++) {
        const struct val *list = val_get(jobs, failed ? "failed" : "running");
        for (size_t i = 0; i < val_len(list); i++) {
            const struct val *j = val_at(list, i);
            str_addf(s, "  %s %s  %s", val_get_str(j, "id", ""), val_get_str(j, "kind", ""),
                     val_get_str(j, "state", ""));
            if (!failed) str_addf(s, " %.0f%%", val_get_real(j, "progress", 0) * 100);
            str_addf(s, "  %s\n", val_get_str(j, failed ? "error" : "message", ""));
        }
    }
}

static void text_runs(struct str *s, const struct val *v)
{
    const struct val *runs = val_get(v, "runs"), *recent = val_get(runs, "recent");
    str_addf(s, "runs      %" PRId64 "\n", val_get_int(runs, "total", 0));
    for (size_t i = 0; i < val_len(recent); i++) {
        const struct val *r = val_at(recent, i);
        str_addf(s, "  %.12s  %-9s %s\n", val_get_str(r, "run_id", ""),
                 val_get_str(r, "status", ""), val_get_str(r, "name", ""));
    }
}

static char *as_text(struct arena *a, const struct val *v)
{
    STR_AUTO s = STR_INIT;
    str_addf(&s, "workspace %s at %s\n", val_get_str(v, "workspace", ""),
             val_get_str(v, "now", ""));
    text_models(&s, v);
    text_jobs(&s, v);
    text_runs(&s, v);
    str_addf(&s, "data sets %" PRId64 "\n", val_get_int(v, "datasets", 0));
    str_addf(&s, "audit     %" PRId64 " rows\n", val_get_int(val_get(v, "audit"), "rows", 0));
    return arena_strdup(a, str_c(&s));
}

int verb_overview(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    struct arena *a = &r->arena;
    char now[32];
    (void)args;
    r->v = val_obj(a);
    val_set_str(r->v, "workspace", app->dir);
    val_set_str(r->v, "now", clock_format(now, clock_now(app->clock)));
    int rc = models_to_val(app, a, val_set_list(r->v, "models"), e);
    if (!rc) rc = add_jobs(app, a, r->v, e);
    if (!rc) rc = add_runs(app, a, r->v, e);
    if (!rc) rc = add_datasets(app, a, r->v, e);
    if (!rc) rc = add_audit(app, a, r->v, e);
    if (!rc) r->text = as_text(a, r->v);
    return rc;
}
