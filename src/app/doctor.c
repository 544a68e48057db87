/* doctor.c: the verb `doctor`: looks for what could be wrong with the workspace and this
 * machine, and says what to do about it. Every check runs even when an earlier one failed; the
 * exit code is 3 when one says no. It changes nothing. */
#include "app/verb.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/secret.h"
#include "store/audit.h"
#include "store/blob.h"
#include "store/job.h"
#include "store/prediction.h"
#include "store/registry.h"
#include "store/snapshot.h"
#include "store/user.h"
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { JOBS_LOOKED_AT = 1000 };
static const double min_free = 200e6;                  /* bytes */
static const int64_t waits_too_long = 600 * 1000000LL; /* a ready job nobody takes */
static const int64_t recently = 86400 * 1000000LL;

struct exam {
    struct app *app;
    struct store *store; /* the app's, or NULL */
    struct reply *r;
    struct val *checks;
};

/* fix: what to do; NULL when there is nothing to do. */
static void note(struct exam *x, const char *name, bool ok, const char *detail, const char *fix)
{
    struct val *c = val_push_obj(x->checks);
    val_set_str(c, "name", name);
    val_set_bool(c, "ok", ok);
    val_set_str(c, "detail", detail);
    val_set(c, "fix", val_str(&x->r->arena, fix));
    if (!ok) x->r->exit = err_exit(ERR_CHECK);
}

static void note_error(struct exam *x, const char *name, const struct err *e, const char *fix)
{
    note(x, name, false, e->msg, *e->hint ? e->hint : fix);
}

/* ---- the workspace ------------------------------------------------------------------- */

/* The front end opens a workspace if it can; when it could not, this finds out why. */
static void check_workspace(struct exam *x)
{
    struct arena *a = &x->r->arena;
    struct err e = ERR_INIT;
    const char *dir = x->app->dir;
    if (x->store) {
        note(x, "workspace", true,
             arena_printf(a, "%s, schema %d", dir, store_schema_version(x->store)), NULL);
        return;
    }
    if (!dir || !*dir || !file_exists(arena_printf(a, "%s/signalbox.db", dir))) {
        note(x, "workspace", true, arena_printf(a, "there is none at %s yet", dir ? dir : "?"),
             "signalbox init, or signalbox demo for one with sample data");
        return;
    }
    struct store *s = NULL;
    if (store_open(&s, dir, 0, x->app->clock, &e))
        note_error(x, "workspace", &e, "restore the folder from a backup");
    else note(x, "workspace", false, "it could not be opened a moment ago", "try again");
    store_close(s);
}

static void check_database(struct exam *x)
{
    struct err e = ERR_INIT;
    if (store_check(x->store, &e))
        note_error(x, "database", &e, "restore signalbox.db from a backup");
    else note(x, "database", true, "its structure is intact", NULL);
}

static void check_audit(struct exam *x)
{
    struct arena *a = &x->r->arena;
    struct err e = ERR_INIT;
    struct audit_check c;
    const char *fix = "compare with an exported copy: signalbox audit export";
    if (audit_verify(x->store, &c, &e)) {
        note_error(x, "audit", &e, fix);
        return;
    }
    if (c.first_bad)
        note(x, "audit", false,
             arena_printf(a, "the chain of %" PRId64 " rows breaks at row %" PRId64, c.rows,
                          c.first_bad),
             fix);
    else note(x, "audit", true, arena_printf(a, "%" PRId64 " rows, chain intact", c.rows), NULL);
}

/* Reads the model files of one model. Adds to the counts; false: one is bad and was noted. */
static bool check_files(struct exam *x, struct arena *a, const char *name, int64_t *n)
{
    struct reg_version *list = NULL;
    struct err e = ERR_INIT;
    size_t count = 0;
    int rc = store_version_list(x->store, a, name, &list, &count, &e);
    for (size_t i = 0; i < count && !rc; i++) {
        STR_AUTO bytes = STR_INIT;
        rc = blob_get(x->store, list[i].digest, &bytes, &e);
        if (rc) err_prefix(&e, "%s %" PRId64, name, list[i].version);
        else ++*n;
    }
    if (rc) note_error(x, "model files", &e, "restore blobs/ from a backup, or train again");
    return !rc;
}

static void check_models(struct exam *x)
{
    struct arena a = ARENA_INIT;
    struct reg_model *list = NULL;
    struct err e = ERR_INIT;
    size_t n = 0;
    int64_t files = 0;
    bool ok = true;
    if (store_model_list(x->store, &a, &list, &n, &e)) {
        note_error(x, "model files", &e, "see the check of the database");
        ok = false;
    }
    for (size_t i = 0; i < n && ok; i++) ok = check_files(x, &a, list[i].name, &files);
    if (ok)
        note(x, "model files", true,
             arena_printf(&x->r->arena, "%" PRId64 " versions, all present and intact", files),
             NULL);
    arena_done(&a);
}

/* Keys of the daemon's callers and the secret that they are checked with. */
static void check_keys(struct exam *x)
{
    struct arena *a = &x->r->arena;
    struct user *u = NULL;
    struct err e = ERR_INIT;
    unsigned char secret[SECRET_BYTES] = { 0 };
    const char *path = arena_printf(a, "%s/secret", x->app->dir);
    int64_t now = clock_now(x->app->clock);
    size_t n = 0, valid = 0;

    if (user_list(x->store, a, &u, &n, &e)) {
        note_error(x, "keys", &e, "see the check of the database");
        return;
    }
    for (size_t i = 0; i < n; i++)
        valid += !u[i].revoked_us && (!u[i].expires_us || u[i].expires_us > now);
    if ((n || file_exists(path)) && secret_file(path, false, secret, &e))
        note_error(x, "keys", &e, "restore the file, or give every user a new key");
    else note(x, "keys", true, arena_printf(a, "%zu of %zu valid", valid, n), NULL);
    secret_wipe(secret, sizeof secret);
}

/* ---- the queue ----------------------------------------------------------------------- */

struct queue_state {
    int64_t stuck, waiting, dead;
};

static int look_at_queue(struct exam *x, struct arena *a, struct queue_state *q, struct err *e)
{
    struct job *list = NULL;
    size_t n = 0;
    int64_t now = clock_now(x->app->clock);
    int rc = store_job_list(x->store, a, NULL, JOBS_LOOKED_AT, 0, &list, &n, e);
    for (size_t i = 0; i < n && !rc; i++) {
        const struct job *j = &list[i];
        if (str_eq(j->state, "running")) q->stuck += j->lease_until_us < now;
        if (str_eq(j->state, "ready")) q->waiting += now - j->run_at_us > waits_too_long;
        if (str_eq(j->state, "dead")) q->dead += now - j->finished_us < recently;
    }
    return rc;
}

static void check_queue(struct exam *x)
{
    struct arena *a = &x->r->arena;
    struct queue_state q = { 0 };
    struct err e = ERR_INIT;
    if (look_at_queue(x, a, &q, &e)) {
        note_error(x, "jobs", &e, "see the check of the database");
        return;
    }
    const char *detail = arena_printf(
        a, "%" PRId64 " without a living worker, %" PRId64 " waiting for over 10 minutes", q.stuck,
        q.waiting);
    bool moving = !q.stuck && !q.waiting;
    note(x, "jobs", moving, moving ? "the queue moves" : detail,
         moving ? NULL : "signalbox worker --once runs what is left");
    note(x, "failed jobs", !q.dead, arena_printf(a, "%" PRId64 " in the last day", q.dead),
         q.dead ? "signalbox job list --state dead, then job log and job retry" : NULL);
}

/* ---- monitoring ---------------------------------------------------------------------- */

static void check_monitoring(struct exam *x)
{
    struct arena *a = &x->r->arena;
    struct err e = ERR_INIT;
    int64_t yesterday = clock_now(x->app->clock) - recently, windows = 0, orphans = 0;
    int rc = window_backlog(x->store, yesterday, &windows, &e);
    if (!rc) rc = label_orphans(x->store, yesterday, &orphans, &e);
    if (rc) {
        note_error(x, "monitoring", &e, "see the check of the database");
        return;
    }
    note(x, "monitoring", !windows,
         windows ? arena_printf(a, "%" PRId64 " windows have waited for a check for over a day",
                                windows)
                 : "no window has waited for a check for over a day",
         windows ? "signalbox monitor check, or let signalbox serve do it" : NULL);
    note(x, "labels", !orphans,
         orphans
             ? arena_printf(a, "%" PRId64 " have been without a prediction for over a day", orphans)
             : "none has been without a prediction for over a day",
         orphans ? "compare their request_id with those of the predictions" : NULL);
}

/* ---- the machine --------------------------------------------------------------------- */

/* Kinds of file system on which SQLite's locks and shared memory are not to be trusted. */
static const char *remote_kind(const struct statfs *fs)
{
    switch ((unsigned long)fs->f_type) {
    case 0x6969: return "NFS";
    case 0xff534d42: return "CIFS";
    case 0xfe534d42: return "SMB";
    case 0x01021997: return "9p";
    default: return NULL;
    }
}

static void check_disk(struct exam *x)
{
    struct arena *a = &x->r->arena;
    struct statvfs vfs;
    struct statfs fs;
    const char *dir = x->app->dir;
    if (statvfs(dir, &vfs) || statfs(dir, &fs)) {
        note(x, "disk", false, arena_printf(a, "%s: %s", dir, strerror(errno)), "mount it");
        return;
    }
    double left = (double)vfs.f_bavail * (double)vfs.f_frsize;
    note(x, "disk", left >= min_free, arena_printf(a, "%.1f GB free", left / 1e9),
         left >= min_free ? NULL : "free some space: trainings and backups need it");
    const char *kind = remote_kind(&fs);
    note(x, "file system", !kind,
         kind ? arena_printf(a, "%s: locks do not hold over a network", kind) : "local",
         kind ? "keep the workspace on a local disk" : NULL);
    bool writable = !access(dir, W_OK);
    note(x, "permissions", writable,
         arena_printf(a, "%s is %swritable", dir, writable ? "" : "not "),
         writable ? NULL : "chown it to the user who runs signalbox");
}

static void check_terminal(struct exam *x)
{
    struct arena *a = &x->r->arena;
    const char *codeset = nl_langinfo(CODESET), *term = x->app->term;
    bool utf8 = str_eq(codeset, "UTF-8"), dumb = !term || !*term || str_eq(term, "dumb");
    note(x, "locale", true,
         arena_printf(a, "%s: charts are drawn in %s", codeset, utf8 ? "Unicode" : "ASCII"),
         utf8 ? NULL : "export LC_ALL=C.UTF-8");
    note(x, "terminal", true,
         dumb ? "none: the console prints its overview and ends" : arena_printf(a, "%s", term),
         dumb ? "export TERM=xterm-256color" : NULL);
}

int verb_doctor(struct app *app, const struct val *args, struct reply *r, struct err *e)
{
    static const struct reply_column columns[] = {
        { "name", "CHECK", NULL },     { "ok", "OK", NULL }, { "detail", "DETAIL", NULL },
        { "fix", "WHAT TO DO", NULL }, { NULL, NULL, NULL },
    };
    struct exam x = { .app = app, .store = app->store, .r = r };
    (void)args;
    (void)e;
    r->v = val_obj(&r->arena);
    x.checks = val_set_list(r->v, "checks");
    reply_table(r, "checks", columns);
    check_workspace(&x);
    if (x.store) {
        check_database(&x);
        check_audit(&x);
        check_models(&x);
        check_keys(&x);
        check_queue(&x);
        check_monitoring(&x);
        check_disk(&x);
    }
    check_terminal(&x);
    return 0;
}
