/* job_attempt.c: what a running attempt does to its row: beat, finish, fail, and its end from
 * outside (release, rescue).
 *
 * Each statement carries the fence: it matches only while the job is running this attempt.
 * Otherwise nothing changes and the worker learns ERR_LEASE. A job whose cancellation was asked
 * for never goes back to ready: however its attempt ends, short of success, it is cancelled.
 * A failed attempt waits min(cap, base·2^(attempt-1)) times a factor in [0.5, 1), which depends
 * on job and attempt alone; an attempt whose worker died is repeated at once. */
#include "base/digest.h"
#include "base/rng.h"
#include "store/job_priv.h"
#include <math.h>
#include <string.h>

#define BACKOFF_US     (2 * 1000000LL)
#define BACKOFF_CAP_US (300 * 1000000LL)

static int lost(struct fence f, struct err *e)
{
    return err_set(e, ERR_LEASE, "job %s: attempt %lld is not the running one any more", f.id,
                   (long long)f.attempt);
}

/* Runs one fenced UPDATE; ERR_LEASE when it matched nothing. */
static int fenced(struct store *s, struct fence f, const char *sql, struct db_args args,
                  struct err *e)
{
    int64_t changed = 0;
    int r = store_exec(s, sql, args, &changed, e);
    if (r < 0) return r;
    return changed == 0 ? lost(f, e) : 0;
}

static int64_t backoff(struct fence f)
{
    double base = (double)BACKOFF_US * exp2((double)(f.attempt > 40 ? 40 : f.attempt - 1));
    if (base > (double)BACKOFF_CAP_US) base = (double)BACKOFF_CAP_US;
    uint64_t bits = rng_mix(fnv1a64(f.id, strlen(f.id)) + (uint64_t)f.attempt);
    double u = (double)(bits >> 11) * 0x1p-53;
    return (int64_t)(base * (0.5 + u / 2));
}

static void read_flag(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(bool *)ret = db_i64(st, 0) != 0;
}

static int beat(struct store *s, struct fence f, double progress, const char *message,
                bool *ret_cancel, struct err *e)
{
    if (!(progress >= 0)) progress = 0;
    if (progress > 1) progress = 1;
    int r = store_one(s, NULL,
                      "UPDATE job SET lease_until_us = $3, progress = $4,"
                      " message = COALESCE($5, message)"
                      " WHERE id = $1 AND attempt = $2 AND state = 'running'"
                      " RETURNING cancel_requested",
                      DB_ARGS(db_t(f.id), db_i(f.attempt), db_i(store_now(s) + JOB_LEASE_US),
                              db_f(progress), db_t(message)),
                      read_flag, ret_cancel, e);
    if (r < 0) return r;
    return r == 0 ? lost(f, e) : 0;
}

int store_job_beat(struct store *s, struct fence f, double progress, const char *message,
                   bool *ret_cancel, struct err *e)
{
    bool own, cancel = false;
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = tx_leave(s, own, beat(s, f, progress, message, &cancel, e), e);
    if (r == 0 && ret_cancel) *ret_cancel = cancel;
    return r;
}

static int finish(struct store *s, struct fence f, const char *result, struct err *e)
{
    int r = fenced(
        s, f,
        "UPDATE job SET state = 'succeeded', progress = 1, result = $3, error = NULL,"
        " finished_us = $4, lease_until_us = 0"
        " WHERE id = $1 AND attempt = $2 AND state = 'running'",
        DB_ARGS(db_t(f.id), db_i(f.attempt), db_t(result ? result : "{}"), db_i(store_now(s))), e);
    if (r < 0) return r;
    return job_note(s, f.id, &(struct job_event){ .type = "succeeded", .attempt = f.attempt }, e);
}

int store_job_finish(struct store *s, struct fence f, const char *result, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);
    return r < 0 ? r : tx_leave(s, own, finish(s, f, result, e), e);
}

int store_job_set_run(struct store *s, struct fence f, const char *run_id, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = fenced(s, f,
               "UPDATE job SET run_id = $3 WHERE id = $1 AND attempt = $2 AND state = 'running'",
               DB_ARGS(db_t(f.id), db_i(f.attempt), db_t(run_id)), e);
    return tx_leave(s, own, r, e);
}

/* -- ends without success ----------------------------------------------------------------- */
struct ending {
    const char *type;   /* of the event: failed, released, rescued, cancelled */
    const char *detail; /* becomes the job's last error */
    bool again;         /* may run again, if attempts are left */
    bool stop;          /* cancelled, whatever else */
    int64_t delay_us;
};

struct left {
    int64_t attempt, max;
    bool cancel;
};

static void read_left(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(struct left *)ret = (struct left){ db_i64(st, 0), db_i64(st, 1), db_i64(st, 2) != 0 };
}

static const char *next_state(const struct left *l, const struct ending *how)
{
    if (how->stop || l->cancel) return "cancelled";
    return how->again && l->attempt < l->max ? "ready" : "dead";
}

static int end_attempt(struct store *s, struct fence f, const struct ending *how, struct err *e)
{
    struct left left;
    int r = store_one(s, NULL,
                      "SELECT attempt, max_attempts, cancel_requested FROM job"
                      " WHERE id = $1 AND attempt = $2 AND state = 'running'",
                      DB_ARGS(db_t(f.id), db_i(f.attempt)), read_left, &left, e);
    if (r < 0) return r;
    if (r == 0) return lost(f, e);
    const char *to = next_state(&left, how);
    bool over = strcmp(to, "ready") != 0;
    int64_t now = store_now(s);
    r = fenced(s, f,
               "UPDATE job SET state = $3, error = COALESCE($4, error), run_at_us = $5,"
               " finished_us = $6, lease_until_us = 0, worker_pid = 0"
               " WHERE id = $1 AND attempt = $2 AND state = 'running'",
               DB_ARGS(db_t(f.id), db_i(f.attempt), db_t(to), db_t(how->detail),
                       db_i(now + how->delay_us), db_i(over ? now : 0)),
               e);
    if (r == 0)
        r = job_note(
            s, f.id,
            &(struct job_event){ .type = how->type, .detail = how->detail, .attempt = f.attempt },
            e);
    if (r < 0 || !over || !strcmp(how->type, to)) return r;
    return job_note(s, f.id, &(struct job_event){ .type = to, .attempt = f.attempt }, e);
}

static int end_in_tx(struct store *s, struct fence f, const struct ending *how, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);
    return r < 0 ? r : tx_leave(s, own, end_attempt(s, f, how, e), e);
}

int store_job_fail(struct store *s, struct fence f, const char *error, bool retryable,
                   struct err *e)
{
    struct ending how = { .type = "failed",
                          .detail = error ? error : "failed",
                          .again = retryable,
                          .delay_us = backoff(f) };
    return end_in_tx(s, f, &how, e);
}

int store_job_cancelled(struct store *s, struct fence f, struct err *e)
{
    return end_in_tx(s, f, &(struct ending){ .type = "cancelled", .stop = true }, e);
}

int store_job_release(struct store *s, struct fence f, const char *why, struct err *e)
{
    struct ending how = { .type = "released",
                          .detail = why ? why : "the worker ended without a result",
                          .again = true };
    return end_in_tx(s, f, &how, e);
}

static void read_fence(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct fence *)ret = (struct fence){ db_dup_or(st, 0, a), db_i64(st, 1) };
}

static int rescue(struct store *s, struct arena *a, size_t *ret_n, struct err *e)
{
    static const struct ending how = { .type = "rescued",
                                       .detail = "the worker's lease ran out",
                                       .again = true };
    struct fence *f = NULL;
    int r = store_all(s, a,
                      "SELECT id, attempt FROM job WHERE state = 'running'"
                      " AND lease_until_us < $1 ORDER BY id",
                      DB_ARGS(db_i(store_now(s))), sizeof *f, read_fence, &f, ret_n, e);
    for (size_t i = 0; r == 0 && i < *ret_n; i++) r = end_attempt(s, f[i], &how, e);
    return r;
}

int store_job_rescue(struct store *s, int64_t *ret_n, struct err *e)
{
    bool own;
    size_t n = 0;
    int64_t late = 0;
    /* A look without a write lock: this is called often and mostly finds nothing. */
    int r =
        db_number(s->db, "SELECT count(*) FROM job WHERE state = 'running' AND lease_until_us < $1",
                  DB_ARGS(db_i(store_now(s))), 0, &late, e);
    if (r == 0 && late > 0) r = tx_enter(s, &own, e);
    if (r == 0 && late > 0) {
        struct arena a = ARENA_INIT;
        r = tx_leave(s, own, rescue(s, &a, &n, e), e);
        arena_done(&a);
    }
    if (r == 0 && ret_n) *ret_n = (int64_t)n;
    return r;
}
