/* job.c: the job queue: adding, looking, claiming, and what callers from outside may ask.
 * What a running attempt reports is in job_attempt.c; the states are drawn in job.h.
 *
 * Every state change is one conditional statement in a write transaction with its row in
 * job_event, so the history of a job is complete. Only one unfinished job can have a dedup key
 * and only one running job a serial key: unique partial indexes hold that. */
#include "store/job.h"
#include "base/id.h"
#include "store/job_priv.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAX_ATTEMPTS 3
#define PRIORITY     100
#define PAYLOAD_MAX  (1024 * 1024)
#define CLAIM_CHANGES                                                                              \
    "UPDATE job SET state = 'running', attempt = attempt + 1, worker = $1, worker_pid = $2,"       \
    " lease_until_us = $3, started_us = $4, finished_us = 0, progress = 0, message = '' "
#define CLAIMABLE                                                                                  \
    "j.state = 'ready' AND j.run_at_us <= $4 AND (j.serial_key IS NULL OR NOT EXISTS"              \
    " (SELECT 1 FROM job r WHERE r.serial_key = j.serial_key AND r.state = 'running'))"

void job_read(struct db_stmt *st, struct arena *a, void *ret)
{
    struct job *j = ret;
    *j = (struct job){
        .id = db_dup_or(st, 0, a),
        .queue = db_dup_or(st, 1, a),
        .kind = db_dup_or(st, 2, a),
        .state = db_dup_or(st, 3, a),
        .payload = db_dup_or(st, 4, a),
        .dedup_key = db_dup(st, 5, a),
        .serial_key = db_dup(st, 6, a),
        .priority = db_i64(st, 7),
        .attempt = db_i64(st, 8),
        .max_attempts = db_i64(st, 9),
        .run_at_us = db_i64(st, 10),
        .lease_until_us = db_i64(st, 11),
        .worker = db_dup(st, 12, a),
        .worker_pid = db_i64(st, 13),
        .cancel_requested = db_i64(st, 14) != 0,
        .progress = db_f64(st, 15),
        .message = db_dup_or(st, 16, a),
        .result = db_dup(st, 17, a),
        .error = db_dup(st, 18, a),
        .actor = db_dup_or(st, 19, a),
        .run_id = db_dup(st, 20, a),
        .created_us = db_i64(st, 21),
        .started_us = db_i64(st, 22),
        .finished_us = db_i64(st, 23),
    };
}

/* A ready job whose time has not come is called scheduled. */
static void name_state(struct job *j, int64_t now)
{
    if (!strcmp(j->state, "ready") && j->run_at_us > now) j->state = "scheduled";
}

int job_note(struct store *s, const char *id, const struct job_event *ev, struct err *e)
{
    return store_exec(s,
                      "INSERT INTO job_event (job_id, seq, at_us, type, actor, detail, attempt)"
                      " SELECT $1, COALESCE(max(seq), 0) + 1, $2, $3, $4, $5, $6"
                      " FROM job_event WHERE job_id = $1",
                      DB_ARGS(db_t(id), db_i(store_now(s)), db_t(ev->type),
                              db_t(ev->actor ? ev->actor : ""), db_t(ev->detail ? ev->detail : ""),
                              db_i(ev->attempt)),
                      NULL, e);
}

/* -- adding ------------------------------------------------------------------------------- */
static int check_new(const struct job *j, struct err *e)
{
    if (!j->kind || !*j->kind) return err_set(e, ERR_INVALID, "a job needs a kind");
    if (j->payload && strlen(j->payload) > PAYLOAD_MAX)
        return err_set(e, ERR_LIMIT, "the job's arguments are longer than %d bytes", PAYLOAD_MAX);
    if (j->max_attempts < 0 || j->max_attempts > 1000)
        return err_set(e, ERR_INVALID, "max_attempts %lld is not within 1..1000",
                       (long long)j->max_attempts);
    return 0;
}

static int insert(struct store *s, const struct job *j, const char *id, bool *ret_added,
                  struct err *e)
{
    int64_t now = store_now(s), changed = 0;
    int r = store_exec(
        s,
        "INSERT INTO job (id, queue, kind, state, payload, dedup_key, serial_key, priority,"
        " max_attempts, run_at_us, actor, run_id, created_us)"
        " VALUES ($1, $2, $3, 'ready', $4, $5, $6, $7, $8, $9, $10, $11, $12)"
        " ON CONFLICT (dedup_key) WHERE state IN ('ready', 'running') DO NOTHING",
        DB_ARGS(db_t(id), db_t(j->queue ? j->queue : "default"), db_t(j->kind),
                db_t(j->payload ? j->payload : "{}"), db_t(j->dedup_key), db_t(j->serial_key),
                db_i(j->priority ? j->priority : PRIORITY),
                db_i(j->max_attempts ? j->max_attempts : MAX_ATTEMPTS),
                db_i(j->run_at_us ? j->run_at_us : now), db_t(j->actor ? j->actor : ""),
                db_t(j->run_id), db_i(now)),
        &changed, e);
    if (r == 0) *ret_added = changed > 0;
    return r;
}

static void read_id(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    const char *id = db_text(st, 0);
    snprintf(ret, ULID_LEN + 1, "%s", id ? id : "");
}

static int add(struct store *s, const struct job *j, char id[27], bool *ret_added, struct err *e)
{
    int r = insert(s, j, id, ret_added, e);
    if (r < 0) return r;
    if (*ret_added)
        return job_note(s, id, &(struct job_event){ .type = "added", .actor = j->actor }, e);
    r = store_one(s, NULL,
                  "SELECT id FROM job WHERE dedup_key = $1 AND state IN ('ready', 'running')",
                  DB_ARGS(db_t(j->dedup_key)), read_id, id, e);
    return r == 0 ? err_set(e, ERR_INTERNAL, "the job with this dedup key vanished") : r;
}

int store_job_add(struct store *s, const struct job *j, char ret_id[27], bool *ret_duplicate,
                  struct err *e)
{
    int r = check_new(j, e);
    if (r < 0) return r;
    char id[ULID_LEN + 1];
    id_ulid(id, store_now(s));
    bool own, added = false;
    r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = tx_leave(s, own, add(s, j, id, &added, e), e);
    if (r < 0) return r;
    memcpy(ret_id, id, sizeof id);
    if (ret_duplicate) *ret_duplicate = !added;
    return 0;
}

/* -- looking ------------------------------------------------------------------------------ */
int store_job_get(struct store *s, struct arena *a, const char *id, struct job *ret, struct err *e)
{
    struct job *found = NULL;
    size_t n = 0;
    char *low = arena_strdup(a, id);
    for (char *p = low; *p; p++) *p = (char)toupper((unsigned char)*p);
    if (!*low) return err_set(e, ERR_INVALID, "a job id is needed");
    int r = store_all(s, a,
                      "SELECT " JOB_COLUMNS " FROM job WHERE id >= $1 AND id < $2"
                      " ORDER BY id LIMIT 2",
                      DB_ARGS(db_t(low), db_t(arena_printf(a, "%s~", low))), sizeof *found,
                      job_read, &found, &n, e);
    if (r < 0) return r;
    if (n == 0) {
        err_set(e, ERR_NOTFOUND, "no job '%s'", id);
        return err_hint(e, "`signalbox job list` shows them");
    }
    if (n > 1)
        return err_set(e, ERR_CONFLICT, "'%s' is the beginning of several job ids, %s and %s", id,
                       found[0].id, found[1].id);
    name_state(&found[0], store_now(s));
    *ret = found[0];
    return 0;
}

int store_job_by_run(struct store *s, struct arena *a, const char *run_id, struct job *ret,
                     bool *ret_found, struct err *e)
{
    int r = store_one(s, a,
                      "SELECT " JOB_COLUMNS " FROM job WHERE run_id = $1 ORDER BY id DESC LIMIT 1",
                      DB_ARGS(db_t(run_id)), job_read, ret, e);
    if (r < 0) return r;
    *ret_found = r > 0;
    if (r > 0) name_state(ret, store_now(s));
    return 0;
}

int store_job_list(struct store *s, struct arena *a, const char *state, int64_t limit,
                   int64_t offset, struct job **ret, size_t *n, struct err *e)
{
    int64_t now = store_now(s);
    struct job *jobs = NULL;
    if (limit <= 0) limit = 100;
    int r;
    if (!state)
        r = store_all(s, a, "SELECT " JOB_COLUMNS " FROM job ORDER BY id DESC LIMIT $1 OFFSET $2",
                      DB_ARGS(db_i(limit), db_i(offset)), sizeof *jobs, job_read, &jobs, n, e);
    else if (!strcmp(state, "ready") || !strcmp(state, "scheduled"))
        r = store_all(s, a,
                      "SELECT " JOB_COLUMNS " FROM job WHERE state = 'ready'"
                      " AND (run_at_us > $1) = ($2 = 1) ORDER BY id DESC LIMIT $3 OFFSET $4",
                      DB_ARGS(db_i(now), db_i(state[0] == 's'), db_i(limit), db_i(offset)),
                      sizeof *jobs, job_read, &jobs, n, e);
    else
        r = store_all(s, a,
                      "SELECT " JOB_COLUMNS " FROM job WHERE state = $1"
                      " ORDER BY id DESC LIMIT $2 OFFSET $3",
                      DB_ARGS(db_t(state), db_i(limit), db_i(offset)), sizeof *jobs, job_read,
                      &jobs, n, e);
    if (r < 0) return r;
    for (size_t i = 0; i < *n; i++) name_state(&jobs[i], now);
    *ret = jobs;
    return 0;
}

static void read_counts(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    *(struct job_counts *)ret = (struct job_counts){
        .ready = db_i64(st, 0),
        .scheduled = db_i64(st, 1),
        .running = db_i64(st, 2),
        .succeeded = db_i64(st, 3),
        .dead = db_i64(st, 4),
        .cancelled = db_i64(st, 5),
    };
}

int store_job_counts(struct store *s, struct job_counts *ret, struct err *e)
{
    int r = store_one(s, NULL,
                      "SELECT count(*) FILTER (WHERE state = 'ready' AND run_at_us <= $1),"
                      " count(*) FILTER (WHERE state = 'ready' AND run_at_us > $1),"
                      " count(*) FILTER (WHERE state = 'running'),"
                      " count(*) FILTER (WHERE state = 'succeeded'),"
                      " count(*) FILTER (WHERE state = 'dead'),"
                      " count(*) FILTER (WHERE state = 'cancelled') FROM job",
                      DB_ARGS(db_i(store_now(s))), read_counts, ret, e);
    return r < 0 ? r : 0;
}

static void read_event(struct db_stmt *st, struct arena *a, void *ret)
{
    *(struct job_event *)ret = (struct job_event){
        .at_us = db_i64(st, 0),
        .type = db_dup_or(st, 1, a),
        .actor = db_dup_or(st, 2, a),
        .detail = db_dup_or(st, 3, a),
        .attempt = db_i64(st, 4),
    };
}

int store_job_events(struct store *s, struct arena *a, const char *id, struct job_event **ret,
                     size_t *n, struct err *e)
{
    return store_all(s, a,
                     "SELECT at_us, type, actor, detail, attempt FROM job_event"
                     " WHERE job_id = $1 ORDER BY seq",
                     DB_ARGS(db_t(id)), sizeof **ret, read_event, ret, n, e);
}

/* -- claiming ----------------------------------------------------------------------------- */
static int claim(struct store *s, struct arena *a, const char *queue, const char *id,
                 const char *worker, int64_t pid, struct job *ret, struct err *e)
{
    int64_t now = store_now(s);
    int r = id ? store_one(s, a,
                           CLAIM_CHANGES "WHERE id = (SELECT j.id FROM job j WHERE j.id = $5"
                                         " AND " CLAIMABLE ") AND state = 'ready'"
                                         " RETURNING " JOB_COLUMNS,
                           DB_ARGS(db_t(worker), db_i(pid), db_i(now + JOB_LEASE_US), db_i(now),
                                   db_t(id)),
                           job_read, ret, e)
               : store_one(s, a,
                           CLAIM_CHANGES "WHERE id = (SELECT j.id FROM job j WHERE j.queue = $5"
                                         " AND " CLAIMABLE " ORDER BY j.priority, j.id LIMIT 1)"
                                         " AND state = 'ready' RETURNING " JOB_COLUMNS,
                           DB_ARGS(db_t(worker), db_i(pid), db_i(now + JOB_LEASE_US), db_i(now),
                                   db_t(queue ? queue : "default")),
                           job_read, ret, e);
    if (r < 0) return r;
    if (r == 0)
        return id ? err_set(e, ERR_NOTFOUND, "job %s is not ready to run", id)
                  : err_set(e, ERR_NOTFOUND, "no job is ready");
    return job_note(
        s, ret->id,
        &(struct job_event){ .type = "claimed", .actor = worker, .attempt = ret->attempt }, e);
}

int store_job_claim(struct store *s, struct arena *a, const char *queue, const char *id,
                    const char *worker, int64_t pid, struct job *ret, struct err *e)
{
    bool own;
    struct job j;
    int r = tx_enter(s, &own, e);
    if (r < 0) return r;
    r = tx_leave(s, own, claim(s, a, queue, id, worker, pid, &j, e), e);
    if (r == 0) *ret = j;
    return r;
}

/* -- asked from outside ------------------------------------------------------------------- */
struct brief {
    char state[16];
    int64_t attempt;
};

static void read_brief(struct db_stmt *st, struct arena *a, void *ret)
{
    (void)a;
    struct brief *b = ret;
    const char *state = db_text(st, 0);
    snprintf(b->state, sizeof b->state, "%s", state ? state : "");
    b->attempt = db_i64(st, 1);
}

static int get_brief(struct store *s, const char *id, struct brief *ret, struct err *e)
{
    int r = store_one(s, NULL, "SELECT state, attempt FROM job WHERE id = $1", DB_ARGS(db_t(id)),
                      read_brief, ret, e);
    if (r == 0) return err_set(e, ERR_NOTFOUND, "no job '%s'", id);
    return r < 0 ? r : 0;
}

static int cancel(struct store *s, const char *id, struct err *e)
{
    struct brief b;
    int r = get_brief(s, id, &b, e);
    if (r < 0) return r;
    bool running = !strcmp(b.state, "running");
    if (!running && strcmp(b.state, "ready") != 0)
        return err_set(e, ERR_STATE, "job %s is %s and cannot be cancelled", id, b.state);
    r = running ? store_exec(s, "UPDATE job SET cancel_requested = 1 WHERE id = $1",
                             DB_ARGS(db_t(id)), NULL, e)
                : store_exec(s,
                             "UPDATE job SET state = 'cancelled', cancel_requested = 1,"
                             " finished_us = $2 WHERE id = $1 AND state = 'ready'",
                             DB_ARGS(db_t(id), db_i(store_now(s))), NULL, e);
    if (r < 0) return r;
    return job_note(s, id,
                    &(struct job_event){ .type = running ? "cancel requested" : "cancelled",
                                         .attempt = b.attempt },
                    e);
}

int store_job_cancel(struct store *s, const char *id, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);
    return r < 0 ? r : tx_leave(s, own, cancel(s, id, e), e);
}

static int retry(struct store *s, const char *id, struct err *e)
{
    struct brief b;
    int r = get_brief(s, id, &b, e);
    if (r < 0) return r;
    if (strcmp(b.state, "dead") != 0 && strcmp(b.state, "cancelled") != 0) {
        err_set(e, ERR_STATE, "job %s is %s; only dead and cancelled jobs can be retried", id,
                b.state);
        return -ERR_STATE;
    }
    /* Attempts are numbered on, so an old worker's fence can never match again. */
    r = store_exec(s,
                   "UPDATE job SET state = 'ready', max_attempts = attempt + $2, run_at_us = $3,"
                   " cancel_requested = 0, finished_us = 0, progress = 0, message = ''"
                   " WHERE id = $1 AND state IN ('dead', 'cancelled')",
                   DB_ARGS(db_t(id), db_i(MAX_ATTEMPTS), db_i(store_now(s))), NULL, e);
    if (r == -ERR_EXISTS) {
        err_set(e, ERR_CONFLICT, "another unfinished job does the same work as %s", id);
        return err_hint(e, "follow that one, or cancel it first");
    }
    if (r < 0) return r;
    return job_note(s, id, &(struct job_event){ .type = "retried", .attempt = b.attempt }, e);
}

int store_job_retry(struct store *s, const char *id, struct err *e)
{
    bool own;
    int r = tx_enter(s, &own, e);
    return r < 0 ? r : tx_leave(s, own, retry(s, id, e), e);
}
