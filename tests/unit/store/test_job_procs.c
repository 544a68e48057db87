/* test_job_procs.c: the job queue among processes. Workers are forked before anybody opens the
 * store and are killed with SIGKILL at random moments; they share a clock in memory with the
 * test, which lets leases run out in an instant. What must hold: no job is worked on by two at
 * once, none is lost, every attempt is counted, effects happen once. */
#include "base/rng.h"
#include "store/job.h"
#include "store/run.h"
#include "storetest.h"
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

enum { JOBS_MAX = 256 };

/* Shared by all processes of a test. */
struct arena_of_jobs {
    _Atomic int holder[JOBS_MAX]; /* pid that works on job n, 0: nobody */
    _Atomic int clashes;          /* a job had two holders */
    _Atomic int done[JOBS_MAX];   /* acknowledged finishes */
    _Atomic int stop;
};

static struct arena_of_jobs *share(void)
{
    struct arena_of_jobs *m =
        mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(m != MAP_FAILED);
    return m;
}

static void unshare_jobs(struct arena_of_jobs *m)
{
    munmap(m, sizeof *m);
}

static int index_of(const struct job *j)
{
    return atoi(j->payload);
}

static void add_jobs(struct fx *f, int n, int max_attempts)
{
    fx_open(f);
    OK(store_begin(f->s, &f->e));
    for (int i = 0; i < n; i++) {
        char payload[16], id[27];
        bool d;
        snprintf(payload, sizeof payload, "%d", i);
        struct job j = { .kind = "test", .payload = payload, .max_attempts = max_attempts };
        OK(store_job_add(f->s, &j, id, &d, &f->e));
    }
    OK(store_commit(f->s, &f->e));
    store_close(f->s);
    f->s = NULL;
}

static void nap_us(long us)
{
    struct timespec ts = { 0, us * 1000 };
    nanosleep(&ts, NULL);
}

/* One job from claim to finish. A row of a run is the job's effect. */
static int work_once(struct fx *f, struct store *s, struct arena *a, struct arena_of_jobs *m,
                     struct rng *r)
{
    struct job j;
    char me[32];
    snprintf(me, sizeof me, "w%d", (int)getpid());
    int rc = store_job_claim(s, a, NULL, NULL, me, getpid(), &j, &f->e);
    if (rc < 0) return rc;
    struct fence fence = { j.id, j.attempt };
    int n = index_of(&j), nobody = 0;
    if (!atomic_compare_exchange_strong(&m->holder[n], &nobody, (int)getpid())) m->clashes++;
    nap_us((long)rng_below(r, 3000));
    rc = store_job_beat(s, fence, 0.5, "half", NULL, &f->e);
    m->holder[n] = 0;
    if (rc == 0) rc = store_begin(s, &f->e);
    if (rc < 0) return rc;
    struct run run = { .name = j.payload };
    rc = store_run_create(s, a, &run, &f->e);
    if (rc == 0) rc = store_job_finish(s, fence, "{}", &f->e);
    if (rc == 0) rc = store_commit(s, &f->e);
    else store_rollback(s);
    if (rc == 0) m->done[n]++;
    return rc;
}

static _Noreturn void worker(struct fx *f, struct arena_of_jobs *m, uint64_t seed)
{
    struct store *s = NULL;
    struct arena a = ARENA_INIT;
    struct rng r;
    rng_seed(&r, seed);
    if (store_open(&s, f->dir, 0, &f->clock->clock, &f->e) < 0) _exit(1);
    while (!m->stop) {
        arena_reset(&a);
        int rc = work_once(f, s, &a, m, &r);
        if (rc == -ERR_NOTFOUND) nap_us(1000);
        else if (rc < 0 && rc != -ERR_LEASE) _exit(2);
    }
    store_close(s);
    arena_done(&a);
    _exit(0);
}

static pid_t start(struct fx *f, struct arena_of_jobs *m, uint64_t seed)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) worker(f, m, seed);
    return pid;
}

/* The number of jobs that are not at their end. */
static int64_t unfinished(struct fx *f)
{
    return fx_number(f, "SELECT count(*) FROM job WHERE state IN ('ready', 'running')");
}

static void reap(pid_t pid, bool killed)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (killed) assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    else assert_int_equal(status, 0);
}

static void wait_for_all(struct fx *f, int seconds)
{
    int64_t end = clock_mono_us() + seconds * 1000000LL;
    while (unfinished(f) > 0) {
        if (clock_mono_us() > end) fail_msg("jobs are left: %lld", (long long)unfinished(f));
        nap_us(5000);
    }
}

/* N workers, M jobs, nobody dies: each job once, by one worker. */
static void test_no_job_twice_and_none_lost(void **state)
{
    enum { WORKERS = 4, JOBS = 120 };
    struct fx *f = *state;
    struct arena_of_jobs *m = share();
    pid_t pid[WORKERS];
    add_jobs(f, JOBS, 3);
    for (int i = 0; i < WORKERS; i++) pid[i] = start(f, m, (uint64_t)i);
    fx_open(f);
    wait_for_all(f, 30);
    m->stop = 1;
    for (int i = 0; i < WORKERS; i++) reap(pid[i], false);
    assert_int_equal(m->clashes, 0);
    for (int i = 0; i < JOBS; i++) assert_int_equal(m->done[i], 1);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM job WHERE state = 'succeeded'"), JOBS);
    assert_int_equal(fx_number(f, "SELECT sum(attempt) FROM job"), JOBS);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM run"), JOBS);
    assert_int_equal(fx_number(f, "SELECT count(DISTINCT worker) > 1 FROM job"), 1);
    unshare_jobs(m);
}

/* Workers are killed at random and replaced; leases run out by the shared clock. */
static void test_kill_9_at_random_moments(void **state)
{
    enum { WORKERS = 3, JOBS = 60, KILLS = 40 };
    struct fx *f = *state;
    struct arena_of_jobs *m = share();
    struct rng r;
    pid_t pid[WORKERS];
    int64_t rescued = 0, n;
    rng_seed(&r, 11);
    add_jobs(f, JOBS, 1000);
    for (int i = 0; i < WORKERS; i++) pid[i] = start(f, m, (uint64_t)i);
    fx_open(f);
    for (int k = 0; k < KILLS; k++) {
        int i = (int)rng_below(&r, WORKERS);
        nap_us((long)rng_below(&r, 20000));
        kill(pid[i], SIGKILL);
        reap(pid[i], true);
        for (int j = 0; j < JOBS; j++) { /* what it held is held no more */
            int dead = pid[i];
            atomic_compare_exchange_strong(&m->holder[j], &dead, 0);
        }
        pid[i] = start(f, m, (uint64_t)(100 + k));
        if (k % 8 == 7) {
            fx_tick(f, JOB_LEASE_US + 1); /* all leases run out, also of the living */
            for (int j = 0; j < JOBS; j++) m->holder[j] = 0;
            OK(store_job_rescue(f->s, &n, &f->e));
            rescued += n;
        }
    }
    int64_t end = clock_mono_us() + 30 * 1000000LL;
    while (unfinished(f) > 0 && clock_mono_us() < end) {
        nap_us(20000);
        fx_tick(f, JOB_LEASE_US / 2);
        OK(store_job_rescue(f->s, &n, &f->e));
        rescued += n;
    }
    m->stop = 1;
    for (int i = 0; i < WORKERS; i++) reap(pid[i], false);
    assert_int_equal(unfinished(f), 0);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM job WHERE state = 'succeeded'"), JOBS);
    /* effects exactly once, though attempts were lost */
    assert_int_equal(fx_number(f, "SELECT count(*) FROM run"), JOBS);
    assert_int_equal(fx_number(f, "SELECT count(DISTINCT name) FROM run"), JOBS);
    assert_int_equal(fx_number(f, "SELECT sum(attempt) FROM job"), JOBS + rescued);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM job_event WHERE type = 'claimed'"),
                     JOBS + rescued);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM job_event WHERE type = 'rescued'"),
                     rescued);
    OK(store_check(f->s, &f->e));
    unshare_jobs(m);
}

/* A worker that always dies uses its attempts up; then the job is dead. */
static void test_attempts_run_out(void **state)
{
    struct fx *f = *state;
    int64_t n;
    add_jobs(f, 1, 3);
    for (int k = 0; k < 3; k++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct store *s;
            struct job j;
            if (store_open(&s, f->dir, 0, &f->clock->clock, &f->e) < 0) _exit(1);
            if (store_job_claim(s, &f->a, NULL, NULL, "w", getpid(), &j, &f->e) < 0) _exit(2);
            kill(getpid(), SIGKILL);
        }
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status));
        fx_tick(f, JOB_LEASE_US + 1);
        fx_open(f);
        OK(store_job_rescue(f->s, &n, &f->e));
        assert_int_equal(n, 1);
        store_close(f->s);
        f->s = NULL;
    }
    fx_open(f);
    assert_int_equal(fx_number(f, "SELECT attempt FROM job WHERE state = 'dead'"), 3);
    FAILS(NOTFOUND, store_job_claim(f->s, &f->a, NULL, NULL, "w", 1, &(struct job){ 0 }, &f->e));
}

/* Many add the same work at once: one job. */
static void test_duplicates_among_processes(void **state)
{
    enum { N = 6, ROUNDS = 10 };
    struct fx *f = *state;
    pid_t pid[N];
    fx_open(f);
    store_close(f->s);
    f->s = NULL;
    struct arena_of_jobs *m = share();
    for (int i = 0; i < N; i++) {
        pid[i] = fork();
        if (pid[i] != 0) continue;
        struct store *s;
        if (store_open(&s, f->dir, 0, &f->clock->clock, &f->e) < 0) _exit(1);
        for (int k = 0; k < ROUNDS; k++) {
            char key[16], id[27];
            bool duplicate;
            snprintf(key, sizeof key, "key %d", k);
            struct job j = { .kind = "t", .dedup_key = key };
            if (store_job_add(s, &j, id, &duplicate, &f->e) < 0) _exit(2);
            if (!duplicate) m->done[k]++;
        }
        store_close(s);
        _exit(0);
    }
    for (int i = 0; i < N; i++) reap(pid[i], false);
    for (int k = 0; k < ROUNDS; k++) assert_int_equal(m->done[k], 1);
    fx_open(f);
    assert_int_equal(fx_number(f, "SELECT count(*) FROM job"), ROUNDS);
    unshare_jobs(m);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        STORE_TEST_CLOSED(test_no_job_twice_and_none_lost),
        STORE_TEST_CLOSED(test_kill_9_at_random_moments),
        STORE_TEST_CLOSED(test_attempts_run_out),
        STORE_TEST_CLOSED(test_duplicates_among_processes),
    };
    return cmocka_run_group_tests_name("store.job.procs", tests, NULL, NULL);
}
