/* queue.c: several real workers on one queue, some of them killed or told to end at random
 * moments, some jobs cancelled, until every job has ended. Then each job that succeeded has
 * exactly one finished run and each attempt was claimed once; cancelled ones have none.
 *
 * A worker killed by SIGKILL leaves its job to whoever started it, as in the console: the job is
 * released at once. QUEUE_JOBS: how many (24); QUEUE_SEED (1). */
#include "app/jobs.h"
#include "base/vec.h"
#include "crash_check.h"
#include "drive.h"
#include "store/run.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 3, JOBS_MAX = 500, ATTEMPTS = 50, KILLS_MAX = 40, TURNS_MAX = 4000 };

struct queue {
    struct drive drive;
    struct store *store;
    char ids[JOBS_MAX][27];
    long n_jobs;
    pid_t workers[WORKERS];
    int kills, ends, cancels;
};

static void add_jobs(struct queue *q)
{
    struct err e = ERR_INIT;

    for (long i = 0; i < q->n_jobs; i++) {
        STR_AUTO payload = STR_INIT;
        bool duplicate;
        str_addf(&payload,
                 "{\"data\":\"%s\",\"target\":\"y\",\"algorithm\":\"gbdt\",\"seed\":%ld,"
                 "\"threads\":1,\"param\":{\"n_estimators\":\"400\"}}",
                 q->drive.table, i);
        const struct job j = { .kind = "train",
                               .payload = str_c(&payload),
                               .actor = "tester",
                               .priority = 100 + (int64_t)rng_below(&q->drive.rng, 3),
                               .max_attempts = ATTEMPTS };
        if (store_job_add(q->store, &j, q->ids[i], &duplicate, &e) < 0) drive_die("add", e.msg);
    }
}

static void start_worker(struct queue *q, int i)
{
    q->workers[i] = drive_start(&q->drive, (const char *const[]){ "worker", NULL });
}

/* What the one who started a worker does when it dies. */
static void release_jobs_of(struct queue *q, pid_t pid)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct job *jobs = NULL;
    size_t n = 0;

    if (store_job_list(q->store, &a, "running", JOBS_MAX, 0, &jobs, &n, &e) < 0)
        drive_die("jobs", e.msg);
    for (size_t i = 0; i < n; i++)
        if (jobs[i].worker_pid == pid && job_release(q->store, &jobs[i], "killed", &e) < 0)
            drive_die("release", e.msg);
    arena_done(&a);
}

static void kill_one(struct queue *q)
{
    int i = (int)rng_below(&q->drive.rng, WORKERS);

    kill(q->workers[i], SIGKILL);
    drive_finish(q->workers[i]);
    release_jobs_of(q, q->workers[i]);
    start_worker(q, i);
    q->kills++;
}

static void end_one(struct queue *q)
{
    int i = (int)rng_below(&q->drive.rng, WORKERS);

    kill(q->workers[i], SIGTERM);
    int code = drive_finish(q->workers[i]);
    /* before it has blocked the signal, that is simply the end of it */
    if (code != 128 + SIGTERM) drive_die("SIGTERM", "the worker ended in another way");
    release_jobs_of(q, q->workers[i]);
    start_worker(q, i);
    q->ends++;
}

static void cancel_one(struct queue *q)
{
    struct err e = ERR_INIT;
    int rc = store_job_cancel(q->store, q->ids[rng_below(&q->drive.rng, (uint64_t)q->n_jobs)], &e);

    if (rc < 0 && rc != -ERR_STATE) drive_die("cancel", e.msg);
    q->cancels += rc == 0;
}

static bool all_ended(struct queue *q)
{
    struct job_counts n;
    struct err e = ERR_INIT;

    if (store_job_counts(q->store, &n, &e) < 0) drive_die("counts", e.msg);
    return n.ready + n.scheduled + n.running == 0;
}

static void disturb(struct queue *q)
{
    for (int turn = 0; !all_ended(q); turn++) {
        if (turn == TURNS_MAX) drive_die("queue", "the jobs did not end");
        drive_sleep_us(5000 + (int64_t)rng_below(&q->drive.rng, 60000));
        uint64_t dice = rng_below(&q->drive.rng, 20);
        if (q->kills + q->ends < KILLS_MAX && dice < 7) kill_one(q);
        else if (q->kills + q->ends < KILLS_MAX && dice < 10) end_one(q);
        else if (dice >= 18) cancel_one(q);
    }
}

static void check_job(struct queue *q, const char *id, int *succeeded)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct job j;
    struct job_event *ev = NULL;
    size_t n = 0, claims = 0;
    int64_t finished = 0;
    const struct run_query runs = {
        .filter = arena_printf(
            &a, "tags.\"signalbox.job_id\" = '%s' and attributes.status = 'FINISHED'", id)
    };

    if (store_job_get(q->store, &a, id, &j, &e) < 0 ||
        store_job_events(q->store, &a, id, &ev, &n, &e) < 0 ||
        store_run_count(q->store, &runs, &finished, &e) < 0)
        drive_die(id, e.msg);
    for (size_t i = 0; i < n; i++) claims += str_eq(ev[i].type, "claimed");
    if ((int64_t)claims != j.attempt) drive_die(id, "claims and attempts differ");
    if (finished != str_eq(j.state, "succeeded")) drive_die(id, "runs do not fit its state");
    if (str_eq(j.state, "dead")) drive_die(id, j.error);
    *succeeded += str_eq(j.state, "succeeded");
    arena_done(&a);
}

int main(void)
{
    struct queue q = { .n_jobs = drive_env("QUEUE_JOBS", 24) };
    struct promises none = { .list = VEC_INIT };
    struct err e = ERR_INIT;
    int succeeded = 0;

    if (!drive_open(&q.drive, (uint64_t)drive_env("QUEUE_SEED", 1))) {
        puts("skipped: SIGNALBOX does not name the program");
        return 77;
    }
    if (q.n_jobs > JOBS_MAX || store_open(&q.store, q.drive.ws, 0, &clock_system, &e) < 0)
        drive_die("open", e.msg);
    add_jobs(&q);
    for (int i = 0; i < WORKERS; i++) start_worker(&q, i);
    disturb(&q);
    for (int i = 0; i < WORKERS; i++) kill(q.workers[i], SIGTERM);
    for (int i = 0; i < WORKERS; i++) drive_finish(q.workers[i]);
    for (long i = 0; i < q.n_jobs; i++) check_job(&q, q.ids[i], &succeeded);
    if (crash_check(q.drive.ws, &none, &e) < 0 || crash_check_quiet(q.drive.ws, &e) < 0)
        drive_die("at the end", e.msg);
    store_close(q.store);
    drive_close(&q.drive);
    printf("ok: %d of %ld jobs succeeded, %d cancelled; %d workers killed, %d told to end\n",
           succeeded, q.n_jobs, q.cancels, q.kills, q.ends);
    return 0;
}
