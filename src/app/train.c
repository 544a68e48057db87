/* train.c: the verb `train`: checks what can be checked at once, queues one job, and answers
 * with its id or, when it waits, with what became of it.
 *
 * Data are pinned before the job is queued: a data set to the version it has now, a file to
 * its absolute path; so a retry in another process and folder reads the same. */
#include "app/train.h"
#include "app/ingest.h"
#include "app/job.h"
#include "app/jobs.h"
#include "app/train_auto.h"
#include "app/verb.h"
#include "base/file.h"
#include "base/mem.h"
#include "store/dataset.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* What is known of the columns before anything is read. */
struct columns {
    const char *const *names;
    size_t n;        /* 0: unknown */
    const char *ref; /* as the user wrote it */
};

/* A misspelt column need not wait for the job to be found out. */
static int check_column(const struct columns *c, const char *column, const char *what,
                        struct err *e)
{
    const char *nearest = NULL;
    int best = 0;

    if (!column) return 0;
    for (size_t i = 0; i < c->n; i++) {
        if (str_eq(c->names[i], column)) return 0;
        if (train_resembles(c->names[i], column, &best)) nearest = c->names[i];
    }
    err_set(e, ERR_INVALID, "%s: %s has no column '%s'", what, c->ref, column);
    return nearest ? err_hint(e, "did you mean '%s'?", nearest)
                   : err_hint(e, "see the columns with: signalbox data profile %s", c->ref);
}

static int check_columns(const struct columns *c, const struct train_plan *p, struct err *e)
{
    int rc = c->n == 0 ? 0 : check_column(c, p->target, "target", e);

    if (rc < 0 || c->n == 0) return rc;
    rc = check_column(c, p->weight, "weight", e);
    if (rc == 0) rc = check_column(c, p->time_column, "split", e);
    for (size_t i = 0; rc == 0 && p->drop[i]; i++) rc = check_column(c, p->drop[i], "drop", e);
    return rc;
}

static void dataset_columns(struct arena *a, const struct dataset *d, struct columns *c)
{
    struct val *schema = NULL;

    if (!d->schema || val_parse_json(a, d->schema, strlen(d->schema), &schema, NULL) < 0) return;
    const char **names = arena_array(a, val_len(schema) + 1, const char *);
    for (size_t i = 0; i < val_len(schema); i++)
        names[i] = val_get_str(val_at(schema, i), "name", "");
    c->names = names;
    c->n = val_len(schema);
}

static int pin_file(struct arena *a, const struct train_plan *p, const char **ret,
                    struct columns *c, struct err *e)
{
    struct ingest_options o;
    char path[PATH_MAX];
    int rc;

    if (str_eq(c->ref, "-")) {
        err_set(e, ERR_INVALID, "data: a job cannot read standard input");
        return err_hint(e, "import it first: signalbox data import - --name NAME");
    }
    if (!file_exists(c->ref)) {
        err_set(e, ERR_NOTFOUND, "data: '%s' is neither a data set nor a file", c->ref);
        return err_hint(e, "see: signalbox data list");
    }
    if (!realpath(c->ref, path)) return err_sys(e, ERR_IO, "data: %s", c->ref);
    *ret = arena_strdup(a, path);
    rc = ingest_options_from(p->args, &o, e);
    return rc < 0 ? rc : ingest_header(path, &o, a, &c->names, &c->n, e);
}

/* Data in a form that means the same in another process, folder and week. */
static int pin(struct app *app, struct arena *a, const struct train_plan *p, const char *ref,
               const char **ret, struct err *e)
{
    struct columns c = { .ref = ref };
    struct dataset d;
    int rc = 0;

    if (ingest_dataset(app, a, ref, &d)) {
        *ret = arena_printf(a, "%s:%lld", d.name, (long long)d.version);
        dataset_columns(a, &d, &c);
    } else {
        rc = pin_file(a, p, ret, &c, e);
    }
    return rc < 0 ? rc : check_columns(&c, p, e);
}

/* NULL when none were named. */
static int pin_labels(struct app *app, struct arena *a, const struct train_plan *p,
                      const char **ret, struct err *e)
{
    const char *labels = val_get_str(p->args, "labels", NULL);
    struct dataset d;
    char path[PATH_MAX];

    if (!labels) return 0;
    if (ingest_dataset(app, a, p->data, &d))
        return err_set(e, ERR_INVALID, "labels: data set %s has all its columns already", d.name);
    if (!realpath(labels, path)) return err_sys(e, ERR_IO, "labels: %s", labels);
    *ret = arena_strdup(a, path);
    return ingest_labels(a, p->data, labels, &labels, e);
}

int train_payload(struct app *app, struct arena *a, const struct train_plan *p, struct str *out,
                  struct err *e)
{
    static const char *const not_for_the_job[] = { "wait", "dedup-key", "priority", "reason" };
    struct val *payload = val_obj(a);
    const char *data = NULL, *valid = NULL, *labels = NULL;
    int rc = pin(app, a, p, p->data, &data, e);

    if (rc == 0 && p->valid) rc = pin(app, a, p, p->valid, &valid, e);
    if (rc == 0) rc = pin_labels(app, a, p, &labels, e);
    if (rc < 0) return rc;
    for (size_t i = 0; i < val_len(p->args); i++) {
        bool skip = false;
        for (size_t k = 0; k < ARRAY_LEN(not_for_the_job); k++)
            skip |= str_eq(val_key(p->args, i), not_for_the_job[k]);
        if (!skip) val_set(payload, val_key(p->args, i), val_copy(a, val_at(p->args, i)));
    }
    val_set_str(payload, "data", data);
    if (valid) val_set_str(payload, "valid", valid);
    if (labels) val_set_str(payload, "labels", labels);
    if (p->threads == 0 && app->threads) val_set_int(payload, "threads", app->threads);
    val_write_json(out, payload, 0);
    return 0;
}

static void pass_on(void *arg, const struct job_news *n)
{
    const struct ports *ports = ((struct app *)arg)->ports;

    if (ports->progress) ports->progress(ports->user, n);
}

/* The result of a job that ended, joined to the reply; or the error that ended it. */
static int answer_ended(struct app *app, const char *id, struct reply *r, struct err *e)
{
    struct job j;
    struct val *result = NULL;
    int rc = store_job_get(app->store, &r->arena, id, &j, e);

    if (rc < 0) return rc;
    if (str_eq(j.state, "cancelled")) {
        err_set(e, ERR_CANCELLED, "job %s was cancelled", id);
        return err_hint(e, "signalbox job retry %s puts it back in the queue", id);
    }
    if (!str_eq(j.state, "succeeded")) {
        rc = job_error(&j, e);
        if (!*e->hint) err_hint(e, "signalbox job log %s shows more", id);
        return rc;
    }
    rc = j.result ? val_parse_json(&r->arena, j.result, strlen(j.result), &result, e) : 0;
    for (size_t i = 0; rc == 0 && i < val_len(result); i++)
        val_set(r->v, val_key(result, i), val_copy(&r->arena, val_at(result, i)));
    return rc;
}

static int queue_job(struct app *app, const struct val *args, const char *payload, struct reply *r,
                     const char **ret_id, struct err *e)
{
    const struct job j = { .kind = "train",
                           .payload = payload,
                           .actor = app->actor,
                           .priority = val_get_int(args, "priority", 100),
                           .dedup_key = val_get_str(args, "dedup-key", NULL) };
    char id[27];
    bool duplicate = false;
    int rc = store_job_add(app->store, &j, id, &duplicate, e);

    if (rc < 0) return rc;
    r->v = val_obj(&r->arena);
    val_set_str(r->v, "job_id", id);
    val_set_bool(r->v, "duplicate", duplicate);
    *ret_id = arena_strdup(&r->arena, id);
    return 0;
}

int verb_train(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    const struct ports *ports = app->ports;
    bool wait = val_get_bool(args, "wait", true) && ports->job_follow;
    struct train_plan plan;
    const char *id = NULL;
    STR_AUTO payload = STR_INIT;
    int rc = train_plan_read(&r->arena, args, &plan, e);

    if (rc == 0) rc = train_payload(app, &r->arena, &plan, &payload, e);
    if (rc == 0) rc = queue_job(app, args, str_c(&payload), r, &id, e);
    if (rc < 0) return rc;
    if (wait) {
        rc = ports->job_follow(ports->user, app->dir, id, pass_on, app, e);
        if (rc == 0) rc = answer_ended(app, id, r, e);
        if (rc == 0 && !plan.learner) auto_table(r);
        return rc;
    }
    return ports->job_start ? ports->job_start(ports->user, app->dir, id, e) : 0;
}
