/* crash_monitor.c: kills the monitoring loop at random moments, over and over, and counts.
 *
 * Ingesting predictions, ingesting labels, checking, asking for retraining and retraining take
 * turns in one workspace whose model is in Production. Each is first done whole, to learn how
 * long it takes; then it is started again and again and killed by SIGKILL after a delay drawn
 * evenly over that time and a little beyond. What was faster than its killer is counted apart,
 * and time goes on being learned from it. The worker that a queued retraining starts has a
 * session of its own; it is killed as well, or waited for, as chance has it, and what it leaves
 * goes back into the queue. After every kill, read from the workspace as any program would:
 *
 *   predictions  those acknowledged with exit status 0 are there; of a killed file any number;
 *                none is there twice, labels likewise
 *   snapshots    volume and labels of the newest version of every window that is not dirty are
 *                those of the log; versions count 1, 2, 3 …
 *   alerts       a replay from the snapshots gives the stored rows byte for byte
 *   jobs         at most one job `retrain` is unfinished; no two ever had one dedup key; each
 *                has one decision that queued it
 *   versions     one for each retraining that says it registered one, and no other
 *   audit        the chain of hashes is whole
 * At the end every file that was killed is given again, which must complete it, and every job is
 * brought to its end.
 *
 * CRASH_ROUNDS: how many kills that hit (20); CRASH_SEED: of the delays (1). Prints both. */
#include "app/jobs.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/val.h"
#include "base/vec.h"
#include "crash_check.h"
#include "drive.h"
#include "store/audit.h"
#include "store/prediction.h"
#include "store/registry.h"
#include "store/schedule.h"
#include "store/snapshot.h"

#include <ctype.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum action { INGEST, LABEL, CHECK, RETRAIN, WORK, ACTIONS };
enum { WARM_UPS = 2, ROWS = 500, DAY_S = 86400, WORKERS = 16, JOBS = 10000, MISSES = 10 };
static const char *const action_names[] = { "ingest", "label", "check", "retrain", "work" };
static const char settings[] = "retrain: { cooldown: 1s, min_coverage: 0.01, min_labels: 100 }\n";
#define DAY_US  (DAY_S * 1000000LL)
#define EPOCH_S 1750000000LL /* 2025-06-15: everything in the log is in the past */

struct batch {
    bool sent, labelled; /* acknowledged */
};

struct driver {
    struct drive drive;
    char csv[80];
    VEC(struct batch) batches;
    size_t current; /* the batch at work */
    int64_t usual_us[ACTIONS], usual_worker_us; /* how long each takes, as of late */
    int killed[ACTIONS], whole[ACTIONS];
    int workers_killed;
};

/* Machines are busy for a while and idle for a while: what counts is how long it took lately. */
static void learn(int64_t *usual_us, int64_t took_us)
{
    *usual_us = *usual_us ? (*usual_us + took_us) / 2 : took_us;
}

static int hits(const struct driver *d)
{
    int n = d->workers_killed;

    for (int what = 0; what < ACTIONS; what++) n += d->killed[what];
    return n;
}

/* -- what is sent ----------------------------------------------------------------- */

/* Batch b: rows b-0 … b-499, spread over the two days from day b on, so windows overlap. */
static void write_file(struct driver *d, size_t b, bool labels)
{
    STR_AUTO text = STR_INIT;
    struct err e = ERR_INIT;
    struct rng r;
    char at[32];

    rng_stream(&r, 7, b);
    str_add(&text, labels ? "request_id,label,timestamp\n"
                          : "request_id,timestamp,prediction,probability,version,x,z\n");
    for (int i = 0; i < ROWS; i++) {
        double x = rng_normal(&r) + (double)b / 4, z = rng_normal(&r), p = rng_unit(&r);
        clock_format(at, (EPOCH_S + (int64_t)b * DAY_S + i * 300) * 1000000);
        /* not what the model learned, so that a challenger is better */
        if (labels) str_addf(&text, "%zu-%d,%d,%s\n", b, i, (z > 0) == (p < 0.9), at);
        else str_addf(&text, "%zu-%d,%s,%d,%.4f,1,%.3f,%.3f\n", b, i, at, p >= 0.5, p, x, z);
    }
    if (file_write_atomic(d->csv, text.p, text.len, &e) < 0) drive_die("csv", e.msg);
}

/* The next batch for an action: the first that lacks it; ingestion may begin a new one. */
static size_t next_batch(struct driver *d, enum action what)
{
    for (size_t b = 0; b < d->batches.n; b++)
        if (what == INGEST ? !d->batches.p[b].sent : !d->batches.p[b].labelled) return b;
    vec_push(&d->batches, ((struct batch){ 0 }));
    return d->batches.n - 1;
}

static pid_t start_action(struct driver *d, enum action what)
{
    if (what == CHECK)
        return drive_start(&d->drive, (const char *const[]){ "monitor", "check", "m", NULL });
    if (what == RETRAIN)
        return drive_start(&d->drive, (const char *const[]){ "retrain", "policy", "m",
                                                             "--no-dry-run", "--trigger", "manual",
                                                             "--reason", "crash test", NULL });
    if (what == WORK)
        return drive_start(&d->drive, (const char *const[]){ "worker", "--once", NULL });
    d->current = next_batch(d, what);
    write_file(d, d->current, what == LABEL);
    return drive_start(&d->drive,
                       (const char *const[]){ "monitor", what == LABEL ? "label" : "ingest", "m",
                                              "--data", d->csv, NULL });
}

/* -- what must hold ---------------------------------------------------------------- */

struct tally {
    const struct driver *d;
    int32_t *rows, *labels; /* a batch each */
    int64_t n, n_labels;
};

static int count_row(void *user, const struct prediction *p)
{
    struct tally *t = user;
    size_t b = strtoul(p->request_id, NULL, 10);

    if (b >= t->d->batches.n) drive_die("log", "a prediction that was never sent");
    t->rows[b]++;
    t->labels[b] += p->label != NULL;
    t->n++;
    t->n_labels += p->label != NULL;
    return 0;
}

static void count_log(struct store *s, struct tally *t, int64_t from, int64_t to)
{
    struct err e = ERR_INIT;
    size_t n = t->d->batches.n + 1;

    t->rows = calloc(n, sizeof *t->rows);
    t->labels = calloc(n, sizeof *t->labels);
    t->n = t->n_labels = 0;
    if (!t->rows || !t->labels) drive_die("memory", "none");
    if (prediction_each(s, "m", from, to, count_row, t, &e) < 0) drive_die("log", e.msg);
}

static void end_count(struct tally *t)
{
    free(t->rows);
    free(t->labels);
}

static void check_log(const struct driver *d, struct store *s)
{
    struct tally t = { .d = d };
    struct prediction_totals totals;
    struct err e = ERR_INIT;

    count_log(s, &t, INT64_MIN, INT64_MAX);
    for (size_t b = 0; b < d->batches.n; b++) {
        const struct batch *k = &d->batches.p[b];
        if (t.rows[b] > ROWS || t.labels[b] > ROWS) drive_die("log", "something is there twice");
        if (k->sent && t.rows[b] != ROWS) drive_die("log", "acknowledged predictions are lost");
        if (k->sent && k->labelled && t.labels[b] != ROWS)
            drive_die("log", "acknowledged labels are lost");
    }
    if (prediction_totals(s, "m", &totals, &e) < 0) drive_die("totals", e.msg);
    if (totals.rows != t.n || totals.labels != t.n_labels)
        drive_die("totals", "the counters differ from the log");
    end_count(&t);
}

static bool is_dirty(const struct window *w, size_t n, int64_t start_us)
{
    for (size_t i = 0; i < n; i++)
        if (w[i].start_us == start_us) return true;
    return false;
}

static void check_snapshot(const struct driver *d, struct store *s, struct arena *a,
                           const struct snapshot *sn)
{
    struct tally t = { .d = d };
    struct val *v;
    struct err e = ERR_INIT;

    if (val_parse_json(a, sn->data, strlen(sn->data), &v, &e) < 0) drive_die("snapshot", e.msg);
    count_log(s, &t, sn->start_us, sn->end_us);
    if (val_get_int(v, "volume", -1) != t.n || val_get_int(v, "labels", -1) != t.n_labels)
        drive_die("snapshot", "a window that is not dirty was counted wrongly");
    if (val_get_int(v, "version", -1) != sn->version) drive_die("snapshot", "wrong version");
    end_count(&t);
}

static void check_snapshots(const struct driver *d, struct store *s)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct window *dirty;
    struct snapshot *sn;
    size_t n_dirty, n;

    if (window_dirty(s, &a, "m", INT64_MAX, &dirty, &n_dirty, &e) < 0 ||
        snapshot_list(s, &a, "m", INT64_MIN, INT64_MAX, 0, &sn, &n, &e) < 0)
        drive_die("snapshots", e.msg);
    for (size_t i = 0; i < n; i++)
        if (!is_dirty(dirty, n_dirty, sn[i].start_us)) check_snapshot(d, s, &a, &sn[i]);
    arena_done(&a);
}

static int64_t registered_by(struct arena *a, const struct job *j)
{
    struct val *v;
    struct err e = ERR_INIT;

    if (!j->result) return 0;
    if (val_parse_json(a, j->result, strlen(j->result), &v, &e) < 0) drive_die("result", e.msg);
    return val_get_bool(v, "registered", false);
}

static void check_decisions(struct store *s, struct arena *a, const struct job *j)
{
    struct retrain_row *row;
    struct err e = ERR_INIT;
    size_t n;
    int queued = 0;

    if (retrain_list(s, a, "m", JOBS, &row, &n, &e) < 0) drive_die("decisions", e.msg);
    for (size_t i = 0; i < n; i++) queued += str_eq(row[i].job_id, j->id);
    if (queued != 1) drive_die("decisions", "a job was not queued by one decision");
}

static void check_jobs(const struct driver *d, struct store *s)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct job *jobs;
    struct reg_model m;
    size_t n;
    int64_t open = 0, all = 0, registered = 0;

    if (store_job_list(s, &a, NULL, JOBS, 0, &jobs, &n, &e) < 0) drive_die("jobs", e.msg);
    for (size_t i = 0; i < n; i++) {
        if (!str_eq(jobs[i].kind, "retrain")) continue;
        all++;
        open += !job_ended(&jobs[i]);
        registered += registered_by(&a, &jobs[i]);
        check_decisions(s, &a, &jobs[i]);
        for (size_t k = 0; k < i; k++)
            if (str_eq(jobs[i].dedup_key, jobs[k].dedup_key))
                drive_die("jobs", "a retraining was queued twice");
    }
    if (open > 1) drive_die("jobs", "a second retraining is queued");
    if (d->whole[RETRAIN] > 0 && all == 0) drive_die("jobs", "an acknowledged retraining is lost");
    if (store_model_get(s, &a, "m", &m, &e) < 0) drive_die("model", e.msg);
    if (m.n_versions != 1 + registered)
        drive_die("versions", "they are not those that retrainings registered");
    arena_done(&a);
}

static void check_audit(struct store *s)
{
    struct audit_check c;
    struct err e = ERR_INIT;

    if (audit_verify(s, &c, &e) < 0) drive_die("audit", e.msg);
    if (c.first_bad) drive_die("audit", "the chain is broken");
}

static void check_all(const struct driver *d)
{
    struct err e = ERR_INIT;
    struct store *s;

    if (store_open(&s, d->drive.ws, 0, &clock_system, &e) < 0) drive_die("open", e.msg);
    check_log(d, s);
    check_snapshots(d, s);
    check_jobs(d, s);
    check_audit(s);
    store_close(s);
    if (drive_finish(drive_start(&d->drive, (const char *const[]){ "alert", "replay", NULL })) != 0)
        drive_die("alerts", "the replay differs from the stored rows");
}

/* -- workers --------------------------------------------------------------------------- */

/* Processes that have the workspace on their command line. */
static int processes(const struct driver *d, pid_t *ret)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    int n = 0;

    while (proc && n < WORKERS && (entry = readdir(proc))) {
        char path[300], line[1024];
        if (!isdigit((unsigned char)entry->d_name[0])) continue;
        snprintf(path, sizeof path, "/proc/%s/cmdline", entry->d_name);
        FILE *f = fopen(path, "r");
        size_t got = f ? fread(line, 1, sizeof line, f) : 0;
        if (f) fclose(f);
        if (memmem(line, got, d->drive.ws, strlen(d->drive.ws)))
            ret[n++] = (pid_t)strtol(entry->d_name, NULL, 10);
    }
    if (proc) closedir(proc);
    return n;
}

/* Those that retrain policy has started: killed after a while, or waited for. */
static void end_workers(struct driver *d)
{
    pid_t pid[WORKERS];
    bool deadly = rng_below(&d->drive.rng, 3) > 0 && d->usual_worker_us;
    int64_t t0 = clock_mono_us();

    if (processes(d, pid) == 0) return;
    if (deadly)
        drive_sleep_us((int64_t)(rng_unit(&d->drive.rng) * 1.2 * (double)d->usual_worker_us));
    for (int n = processes(d, pid), tries = 0; n > 0; n = processes(d, pid), tries++) {
        for (int i = 0; deadly && i < n; i++)
            if (kill(pid[i], SIGKILL) == 0 && tries == 0) d->workers_killed++;
        drive_sleep_us(deadly ? 10000 : 1000);
        if (tries > 60000) drive_die("workers", "one does not end");
    }
    if (!deadly) learn(&d->usual_worker_us, clock_mono_us() - t0);
}

/* Nobody works now: what is running has lost its worker. A job that has none of its attempts
 * left gets new ones, or the next decision would rightly queue another one. */
static void give_back(struct driver *d)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct store *s;
    struct job *jobs;
    size_t n;

    if (store_open(&s, d->drive.ws, 0, &clock_system, &e) < 0) drive_die("open", e.msg);
    if (store_job_list(s, &a, "running", JOBS, 0, &jobs, &n, &e) < 0) drive_die("jobs", e.msg);
    for (size_t i = 0; i < n; i++) {
        struct job now;
        if (job_release(s, &jobs[i], "killed", &e) < 0) drive_die("release", e.msg);
        if (store_job_get(s, &a, jobs[i].id, &now, &e) < 0) drive_die("job", e.msg);
        if (str_eq(now.state, "dead") && store_job_retry(s, now.id, &e) < 0)
            drive_die("retry", e.msg);
    }
    store_close(s);
    arena_done(&a);
}

/* -- turns --------------------------------------------------------------------------- */

static void judge(struct driver *d, enum action what, int code)
{
    int before = hits(d);

    if (code == 0) {
        d->whole[what]++;
        if (what == INGEST) d->batches.p[d->current].sent = true;
        if (what == LABEL) d->batches.p[d->current].labelled = true;
    } else if (code == 128 + SIGKILL) {
        d->killed[what]++;
    } else if (what != RETRAIN || (code != 3 && code != 7)) { /* no, or not now */
        drive_die(action_names[what], "it failed by itself");
    }
    end_workers(d);
    give_back(d);
    if (hits(d) > before) check_all(d);
}

static bool has_open_job(const struct driver *d)
{
    struct job_counts c;
    struct err e = ERR_INIT;
    struct store *s;

    if (store_open(&s, d->drive.ws, 0, &clock_system, &e) < 0 || store_job_counts(s, &c, &e) < 0)
        drive_die("open", e.msg);
    store_close(s);
    return c.ready + c.scheduled + c.running > 0;
}

/* Started, killed after the delay if it is still there (negative: let alone), judged. */
static void take_turn(struct driver *d, enum action what, int64_t delay_us)
{
    int64_t t0 = clock_mono_us();
    pid_t pid = start_action(d, what);

    if (delay_us >= 0 && !drive_ends_within(pid, delay_us)) kill(-pid, SIGKILL);
    int code = drive_finish(pid);
    if (code != 128 + SIGKILL) learn(&d->usual_us[what], clock_mono_us() - t0);
    else d->usual_us[what] += d->usual_us[what] / 4; /* it may take longer than thought */
    judge(d, what, code);
}

static void do_whole(struct driver *d, enum action what)
{
    take_turn(d, what, -1);
}

/* New labels in measured windows: without them nothing asks for retraining. */
static void bring_labels(struct driver *d)
{
    size_t b = next_batch(d, LABEL);

    while (!d->batches.p[b].sent) do_whole(d, INGEST);
    while (!d->batches.p[b].labelled) do_whole(d, LABEL);
    do_whole(d, CHECK);
}

/* Where no job waits there is no work to kill, and a retraining needs something to decide on; as
 * often as not only the worker that it starts may be killed. */
static void do_killed(struct driver *d, enum action what)
{
    bool idle = (what == RETRAIN || what == WORK) && !has_open_job(d);

    if (idle && what == WORK) return;
    if (idle) bring_labels(d);
    if (idle && rng_below(&d->drive.rng, 2)) {
        do_whole(d, RETRAIN);
        return;
    }
    take_turn(d, what, (int64_t)(rng_unit(&d->drive.rng) * 1.2 * (double)d->usual_us[what]));
}

static void need(struct driver *d, const char *const *words)
{
    if (drive_finish(drive_start(&d->drive, words)) != 0) drive_die(words[0], "failed");
}

static void put_in_production(struct driver *d)
{
    char path[100];
    struct err e = ERR_INIT;

    snprintf(path, sizeof path, "%s/signalbox.yaml", d->drive.ws);
    if (file_write_atomic(path, settings, strlen(settings), &e) < 0) drive_die("settings", e.msg);
    need(d, (const char *const[]){ "train", "--data", d->drive.table, "--target", "y",
                                   "--algorithm", "logistic", "--register", "m", NULL });
    need(d, (const char *const[]){ "model", "promote", "m", "1", "--to", "Staging", "--reason",
                                   "crash test", NULL });
    need(d, (const char *const[]){ "model", "promote", "m", "1", "--to", "Production", "--reason",
                                   "crash test", NULL });
}

/* Everything killed is given again: the same rows, which must not count twice. */
static void complete(struct driver *d)
{
    struct err e = ERR_INIT;

    for (size_t b = 0; b < d->batches.n; b++)
        while (!d->batches.p[b].sent) do_whole(d, INGEST);
    for (size_t b = 0; b < d->batches.n; b++)
        while (!d->batches.p[b].labelled) do_whole(d, LABEL);
    do_whole(d, CHECK);
    do_whole(d, RETRAIN);
    for (int i = 0; i < 10 && has_open_job(d); i++) {
        do_whole(d, WORK);
        drive_sleep_us(100000);
    }
    if (has_open_job(d)) drive_die("jobs", "a retraining does not come to its end");
    check_all(d);
    if (crash_check_quiet(d->drive.ws, &e) < 0) drive_die("the end", e.msg);
}

static void report(const struct driver *d, long rounds, long seed)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct store *s;
    struct reg_model m;
    struct job_counts c;

    if (store_open(&s, d->drive.ws, 0, &clock_system, &e) < 0 ||
        store_model_get(s, &a, "m", &m, &e) < 0 || store_job_counts(s, &c, &e) < 0)
        drive_die("open", e.msg);
    for (int what = 0; what < ACTIONS; what++)
        printf("%-8s %3d killed, %3d whole, %lld ms each\n", action_names[what], d->killed[what],
               d->whole[what], (long long)(d->usual_us[what] / 1000));
    printf("workers  %3d more killed that retrain policy had started, %lld ms each\n",
           d->workers_killed, (long long)(d->usual_worker_us / 1000));
    printf("ok: %d kills, %ld asked for, seed %ld, %zu predictions and their labels kept, "
           "%lld jobs done, %lld versions\n",
           hits(d), rounds, seed, d->batches.n * ROWS, (long long)c.succeeded,
           (long long)m.n_versions);
    store_close(s);
    arena_done(&a);
}

int main(void)
{
    struct driver d = { 0 };
    long rounds = drive_env("CRASH_ROUNDS", 20), seed = drive_env("CRASH_SEED", 1);

    if (!drive_open(&d.drive, (uint64_t)seed)) {
        puts("skipped: SIGNALBOX does not name the program");
        return 77;
    }
    snprintf(d.csv, sizeof d.csv, "%s/batch.csv", d.drive.dir);
    put_in_production(&d);
    for (int i = 0; i < WARM_UPS; i++)
        for (int what = 0; what < ACTIONS; what++) do_whole(&d, (enum action)what);
    for (long i = 0; hits(&d) < rounds; i++) {
        if (i > MISSES * rounds) drive_die("kills", "they come too late");
        do_killed(&d, (enum action)(i % ACTIONS));
    }
    complete(&d);
    report(&d, rounds, seed);
    vec_done(&d.batches);
    drive_close(&d.drive);
    return 0;
}
