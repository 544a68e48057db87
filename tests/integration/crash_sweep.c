/* crash_sweep.c: a sweep whose processes are killed five times, and every trial counted once.
 *
 * A grid is started with two trials at once. Each time another share of the trials has ended,
 * SIGKILL hits whoever follows the sweep, its workers, or both; what dead workers had is handed
 * back a minute before their leases would do it, and `sweep resume` goes on where nobody does.
 * At the end each number has one finished trial, with parameters, a job and a run of its own.
 *
 * SWEEP_TRIALS: how many (60). With 1000 the table is adult, where the shared data are at hand.
 * CRASH_SEED: who is hit (1). */
#include "app/jobs.h"
#include "base/file.h"
#include "base/val.h"
#include "drive.h"
#include "store/job.h"
#include "store/run.h"
#include "store/sweep.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { KILLS = 5, LEVELS = 10, WAIT_TURNS = 60000 };

struct test {
    struct drive drive;
    struct store *store;
    char file[80], data[200], id[27];
    const char *target;
    long trials;
    pid_t follower;         /* 0: nobody follows */
    pid_t dead[KILLS * 64]; /* workers hit */
    int killed_workers, killed_followers, resumed;
};

/* -- the sweep -------------------------------------------------------------------------- */

static void write_file(struct test *t)
{
    struct err e = ERR_INIT;
    STR_AUTO text = STR_INIT;
    long deep = t->trials / LEVELS;

    str_add(&text, "method: grid\nmetric: {name: auc, goal: maximize}\nparameters:\n"
                   "  algorithm: {value: tree}\n  max_depth: {min: 1, max: 10}\n");
    str_addf(&text, "  min_samples_leaf: {min: 1, max: %ld}\n", deep);
    if (file_write_atomic(t->file, text.p, text.len, &e) < 0) drive_die("sweep file", e.msg);
}

static void choose_data(struct test *t)
{
    const char *shared = getenv("SIGNALBOX_SHARED"), *top = getenv("top_srcdir");

    snprintf(t->data, sizeof t->data, "%s", t->drive.table);
    t->target = "y";
    if (t->trials < 1000) return;
    if (shared) snprintf(t->data, sizeof t->data, "%.150s/data/adult.csv.gz", shared);
    else snprintf(t->data, sizeof t->data, "%.150s/../shared/data/adult.csv.gz", top ? top : ".");
    t->target = "income";
    if (file_exists(t->data)) return;
    snprintf(t->data, sizeof t->data, "%s", t->drive.table);
    t->target = "y";
}

static void get(struct test *t, struct arena *a, struct sweep *ret)
{
    struct err e = ERR_INIT;
    struct sweep *list = NULL;
    size_t n = 0;

    if (store_sweep_list(t->store, a, 1, &list, &n, &e) < 0) drive_die("sweeps", e.msg);
    *ret = n ? list[0] : (struct sweep){ .id = "", .state = "" };
    if (n) snprintf(t->id, sizeof t->id, "%s", list[0].id);
}

static int64_t ended(struct test *t)
{
    struct arena a = ARENA_INIT;
    struct sweep w;

    get(t, &a, &w);
    int64_t n = w.n.complete + w.n.pruned + w.n.failed + w.n.cancelled;
    arena_done(&a);
    return n;
}

static bool open_still(struct test *t)
{
    struct arena a = ARENA_INIT;
    struct sweep w;

    get(t, &a, &w);
    bool is = str_eq(w.state, "running");
    arena_done(&a);
    return is;
}

/* -- killing ---------------------------------------------------------------------------- */

static bool was_hit(const struct test *t, int64_t pid)
{
    for (int i = 0; i < t->killed_workers && i < KILLS * 64; i++)
        if (t->dead[i] == pid) return true;
    return false;
}

/* Kills the workers of all running trials and hands their jobs back. */
static void kill_workers(struct test *t)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct job *jobs = NULL;
    size_t n = 0;

    if (store_job_list(t->store, &a, "running", 1000, 0, &jobs, &n, &e) < 0)
        drive_die("jobs", e.msg);
    for (size_t i = 0; i < n; i++)
        if (kill((pid_t)jobs[i].worker_pid, SIGKILL) == 0)
            t->dead[t->killed_workers++ % (KILLS * 64)] = (pid_t)jobs[i].worker_pid;
    drive_sleep_us(50000);
    /* what they did up to their end is there now; a worker may have gone on to another job */
    if (store_job_list(t->store, &a, "running", 1000, 0, &jobs, &n, &e) < 0)
        drive_die("jobs", e.msg);
    for (size_t i = 0; i < n; i++) {
        if (!was_hit(t, jobs[i].worker_pid)) continue;
        if (job_release(t->store, &jobs[i], "killed by the crash test", &e) == -ERR_LEASE)
            err_clear(&e);
        else if (e.kind) drive_die("release", e.msg);
    }
    arena_done(&a);
}

static void kill_follower(struct test *t)
{
    if (!t->follower) return;
    kill(-t->follower, SIGKILL);
    drive_finish(t->follower);
    t->follower = 0;
    t->killed_followers++;
}

static void carry_on(struct test *t)
{
    if (t->follower || !open_still(t)) return;
    t->follower = drive_start(&t->drive, (const char *const[]){ "sweep", "resume", t->id, NULL });
    t->resumed++;
}

static void wait_for(struct test *t, int64_t n)
{
    for (int i = 0; i < WAIT_TURNS; i++) {
        if (ended(t) >= n) return;
        drive_sleep_us(10000);
    }
    drive_die("waiting", "the sweep does not get on");
}

static void one_kill(struct test *t, int round)
{
    uint64_t which = rng_below(&t->drive.rng, 3);

    wait_for(t, t->trials * (round + 1) / (KILLS + 2));
    if (which != 0) kill_follower(t);
    if (which != 1) kill_workers(t);
    carry_on(t);
}

/* -- the count -------------------------------------------------------------------------- */

static void check_trials(struct test *t)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct trial *all = NULL;
    struct sweep w;
    size_t n = 0;

    get(t, &a, &w);
    if (!str_eq(w.state, "finished")) drive_die("state of the sweep", w.state);
    if (w.n.complete != t->trials || w.n.trials != t->trials)
        drive_die("finished trials",
                  arena_printf(&a, "%lld of %lld, not %ld", (long long)w.n.complete,
                               (long long)w.n.trials, t->trials));
    if (store_trial_list(t->store, &a, w.id, &all, &n, &e) < 0) drive_die("trials", e.msg);
    for (size_t i = 0; i < n; i++) {
        struct run r;
        const char *want = arena_printf(
            &a, "{\"algorithm\":\"tree\",\"max_depth\":%zu,\"min_samples_leaf\":%zu}",
            1 + i / ((size_t)t->trials / LEVELS), 1 + i % ((size_t)t->trials / LEVELS));
        if (all[i].number != (int64_t)i || !str_eq(all[i].params, want))
            drive_die("parameters of a trial", all[i].params ? all[i].params : "none");
        if (store_run_get(t->store, &a, all[i].run_id, &r, &e) < 0) drive_die("run", e.msg);
        if (!str_eq(r.status, "FINISHED")) drive_die("status of a trial's run", r.status);
    }
    arena_done(&a);
}

/* Finished runs and succeeded jobs are as many as trials: none was counted twice. */
static void check_counts(struct test *t)
{
    struct err e = ERR_INIT;
    struct job_counts jobs;
    int64_t finished = 0, running = 0;

    if (store_run_count(t->store, &(struct run_query){ .filter = "attributes.status = 'FINISHED'" },
                        &finished, &e) < 0 ||
        store_run_count(t->store, &(struct run_query){ .filter = "attributes.status = 'RUNNING'" },
                        &running, &e) < 0 ||
        store_job_counts(t->store, &jobs, &e) < 0)
        drive_die("counts", e.msg);
    if (finished != t->trials) drive_die("finished runs", "not as many as trials");
    if (running) drive_die("runs", "some are still RUNNING");
    if (jobs.succeeded != t->trials || jobs.running || jobs.ready || jobs.dead)
        drive_die("jobs", "not one succeeded job a trial");
}

int main(void)
{
    struct test t = { .trials = drive_env("SWEEP_TRIALS", 60) / LEVELS * LEVELS };
    long seed = drive_env("CRASH_SEED", 1);
    struct err e = ERR_INIT;

    if (!drive_open(&t.drive, (uint64_t)seed)) {
        puts("skipped: SIGNALBOX does not name the program");
        return 77;
    }
    snprintf(t.file, sizeof t.file, "%s/sweep.yaml", t.drive.dir);
    choose_data(&t);
    write_file(&t);
    if (store_open(&t.store, t.drive.ws, 0, &clock_system, &e) < 0) drive_die("open", e.msg);
    t.follower =
        drive_start(&t.drive, (const char *const[]){ "sweep", t.file, "--data", t.data, "--target",
                                                     t.target, "--parallel", "2", NULL });
    for (int i = 0; i < KILLS; i++) one_kill(&t, i);
    if (t.follower && drive_finish(t.follower) != 0) drive_die("the sweep", "ended with an error");
    wait_for(&t, t.trials);
    check_trials(&t);
    check_counts(&t);
    store_close(t.store);
    printf("ok: %ld trials, each counted once; %d kills hit %d workers and %d followers, resumed %d"
           " times, seed %ld\n",
           t.trials, KILLS, t.killed_workers, t.killed_followers, t.resumed, seed);
    drive_close(&t.drive);
    return 0;
}
