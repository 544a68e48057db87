/* crash.c: kills the program at random moments, over and over, and looks at what is left.
 *
 * Train, promote, roll back and import take turns in one workspace. Each is first done whole,
 * to learn how long it takes; then it is started again and again and killed by SIGKILL after a
 * delay drawn evenly over that time and a little beyond, so that some get through. A training's
 * worker has a session of its own: killed are the command, its worker, or both. After every
 * kill the workspace is opened and checked (crash_check.h); everything the program acknowledged
 * with exit status 0 must be there to the end.
 *
 * CRASH_ROUNDS: how many kills (40); CRASH_SEED: of the delays (1). Prints both. */
#include "app/jobs.h"
#include "base/file.h"
#include "base/val.h"
#include "crash_check.h"
#include "drive.h"
#include "store/registry.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum action { TRAIN, PROMOTE, ROLLBACK, IMPORT, ACTIONS };
enum { WARM_UPS = 2, WARM_UPS_MAX = 20, CHILDREN = 16 };
static const char *const action_names[] = { "train", "promote", "rollback", "import" };

struct driver {
    struct drive drive;
    char csv[80]; /* the file to import */
    struct promises promises;
    int64_t longest_us[ACTIONS]; /* of the whole ones */
    int killed[ACTIONS], whole[ACTIONS];
    int serial; /* makes every import and every model another one */
};

/* -- the program, as a command --------------------------------------------------- */

/* Workers lead a session of their own; a sanitizer's helper does not. */
static int workers_of(pid_t pid, pid_t *ret)
{
    char path[64];
    FILE *f;
    int n = 0;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    f = fopen(path, "r");
    while (f && n < CHILDREN && fscanf(f, "%d", &ret[n]) == 1)
        if (getsid(ret[n]) == ret[n]) n++;
    if (f) fclose(f);
    return n;
}

/* Kills the command, its workers, or both; a stopped command starts no worker meanwhile. */
static void kill_some(struct driver *d, pid_t pid)
{
    pid_t workers[CHILDREN];
    uint64_t which = rng_below(&d->drive.rng, 4);
    int n;

    kill(pid, SIGSTOP);
    n = workers_of(pid, workers);
    for (int i = 0; i < n && which != 1; i++)
        if (kill(-workers[i], SIGKILL) < 0) kill(workers[i], SIGKILL);
    if (n == 0 || which != 0) kill(-pid, SIGKILL);
    else kill(pid, SIGCONT); /* it has lost its worker and goes on */
}

/* -- actions ----------------------------------------------------------------------- */

/* A version that may move, and where to: archived ones come back through Staging. */
static void pick_move(struct driver *d, char version[24], const char **to)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct reg_version *v = NULL;
    struct store *s;
    size_t n = 0;

    if (store_open(&s, d->drive.ws, 0, &clock_system, &e) < 0 ||
        store_version_list(s, &a, "m", &v, &n, &e) < 0 || n == 0)
        drive_die("versions", e.msg);
    size_t i = rng_below(&d->drive.rng, n);
    if (str_eq(v[i].stage, "Production")) i = (i + 1) % n;
    *to = str_eq(v[i].stage, "Archived")  ? "Staging"
          : str_eq(v[i].stage, "Staging") ? "Production"
          : rng_below(&d->drive.rng, 2)   ? "Staging"
                                          : "Production";
    snprintf(version, 24, "%lld", (long long)v[i].version);
    store_close(s);
    arena_done(&a);
}

/* Another file each time: a header, a few rows, one that never was before. */
static void write_import(struct driver *d)
{
    STR_AUTO text = STR_INIT;
    struct err e = ERR_INIT;

    str_add(&text, "a,b\n");
    for (int i = 0; i < 2000; i++) str_addf(&text, "%d,%d\n", i, i * d->serial % 97);
    str_addf(&text, "%d,0\n", d->serial);
    if (file_write_atomic(d->csv, text.p, text.len, &e) < 0) drive_die("csv", e.msg);
}

static pid_t start_action(struct driver *d, enum action what)
{
    char version[24], seed[24];
    const char *to;

    snprintf(seed, sizeof seed, "%d", ++d->serial);
    switch (what) {
    case TRAIN:
        return drive_start(&d->drive,
                           (const char *const[]){ "train", "--data", d->drive.table, "--target",
                                                  "y", "--algorithm", "gbdt", "--param",
                                                  "n_estimators=20", "--seed", seed, "--register",
                                                  "m", "--threads", "1", NULL });
    case PROMOTE:
        pick_move(d, version, &to);
        return drive_start(&d->drive,
                           (const char *const[]){ "model", "promote", "m", version, "--to", to,
                                                  "--reason", "crash test", NULL });
    case ROLLBACK:
        return drive_start(&d->drive, (const char *const[]){ "model", "rollback", "m", "--reason",
                                                             "crash test", NULL });
    case IMPORT:
        write_import(d);
        return drive_start(&d->drive,
                           (const char *const[]){ "data", "import", d->csv, "--name", "d", NULL });
    case ACTIONS: break;
    }
    return -1;
}

/* The program said it is done: remember what it said. */
static void remember(struct driver *d, enum action what)
{
    struct promise p = { .kind = what == TRAIN    ? PROMISE_RUN
                                 : what == IMPORT ? PROMISE_DATA
                                                  : PROMISE_MOVE };
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    STR_AUTO text = STR_INIT;
    struct val *v = NULL;

    if (file_read(d->drive.out, 1 << 20, &text, &e) < 0 ||
        val_parse_json(&a, str_c(&text), text.len, &v, &e) < 0)
        drive_die("reply", e.msg);
    snprintf(p.name, sizeof p.name, "%s",
             val_get_str(v, p.kind == PROMISE_RUN ? "run_id" : "name", ""));
    p.number = val_get_int(v, p.kind == PROMISE_MOVE ? "audit_seq" : "version", 0);
    if (!*p.name || p.number == 0) drive_die(action_names[what], str_c(&text));
    vec_push(&d->promises.list, p);
    arena_done(&a);
    d->whole[what]++;
}

/* Nothing to roll back to, or moved by somebody else meanwhile, are answers, not crashes. */
static void judge(struct driver *d, enum action what, int code)
{
    struct err e = ERR_INIT;

    if (code == 0) remember(d, what);
    else if (code == 128 + SIGKILL) d->killed[what]++;
    else if (code != 7) drive_die(action_names[what], "it failed by itself");
    if (crash_check(d->drive.ws, &d->promises, &e) < 0) drive_die(action_names[what], e.msg);
}

/* Undisturbed. At first there is nothing to roll back to: that does not count. */
static void do_whole(struct driver *d, enum action what)
{
    int64_t t0 = clock_mono_us(), took;
    int before = d->whole[what];

    judge(d, what, drive_finish(start_action(d, what)));
    took = clock_mono_us() - t0;
    if (d->whole[what] > before && took > d->longest_us[what]) d->longest_us[what] = took;
}

static void do_killed(struct driver *d, enum action what)
{
    int64_t delay = (int64_t)(rng_unit(&d->drive.rng) * 1.2 * (double)d->longest_us[what]);
    pid_t pid = start_action(d, what);

    drive_sleep_us(delay);
    kill_some(d, pid);
    judge(d, what, drive_finish(pid));
}

/* -- the whole ---------------------------------------------------------------------- */

static void warm_up(struct driver *d)
{
    for (int i = 0; i < WARM_UPS_MAX; i++)
        for (int what = 0; what < ACTIONS; what++)
            if (d->whole[what] < WARM_UPS || d->whole[ROLLBACK] < WARM_UPS)
                do_whole(d, (enum action)what);
    if (d->whole[ROLLBACK] < WARM_UPS) drive_die("warming up", "no roll back came about");
}

/* Hands back what killed workers left behind, a minute before their leases would, then works
 * everything off. Workers that outlived their command get three seconds to end by themselves;
 * one that takes longer finds that its job is not its own any more. */
static void work_off(struct driver *d)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct job *jobs = NULL;
    struct store *s;
    size_t n = 1;

    if (store_open(&s, d->drive.ws, 0, &clock_system, &e) < 0) drive_die("open", e.msg);
    for (int i = 0; i < 30 && n > 0; i++) {
        drive_sleep_us(100000);
        if (store_job_list(s, &a, "running", 1000, 0, &jobs, &n, &e) < 0) drive_die("jobs", e.msg);
    }
    for (size_t i = 0; i < n; i++)
        if (job_release(s, &jobs[i], "killed by the crash test", &e) == -ERR_LEASE) err_clear(&e);
        else if (e.kind) drive_die("release", e.msg);
    store_close(s);
    arena_done(&a);
    if (drive_finish(drive_start(&d->drive, (const char *const[]){ "worker", "--once", NULL })) !=
        0)
        drive_die("worker --once", "failed");
}

int main(void)
{
    struct driver d = { 0 };
    long rounds = drive_env("CRASH_ROUNDS", 40), seed = drive_env("CRASH_SEED", 1);
    struct err e = ERR_INIT;

    if (!drive_open(&d.drive, (uint64_t)seed)) {
        puts("skipped: SIGNALBOX does not name the program");
        return 77;
    }
    snprintf(d.csv, sizeof d.csv, "%s/import.csv", d.drive.dir);
    warm_up(&d);
    for (long i = 0; i < rounds; i++) do_killed(&d, (enum action)(i % ACTIONS));
    work_off(&d);
    if (crash_check(d.drive.ws, &d.promises, &e) < 0 || crash_check_quiet(d.drive.ws, &e) < 0)
        drive_die("at the end", e.msg);
    for (int what = 0; what < ACTIONS; what++)
        printf("%-9s %3d killed, %3d whole, %lld ms each\n", action_names[what], d.killed[what],
               d.whole[what], (long long)(d.longest_us[what] / 1000));
    printf("ok: %ld rounds, seed %ld, %zu promises kept\n", rounds, seed, d.promises.list.n);
    vec_done(&d.promises.list);
    drive_close(&d.drive);
    return 0;
}
