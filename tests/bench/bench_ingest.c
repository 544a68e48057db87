/* bench_ingest.c: how fast predictions and labels enter the store, and windows are read.
 *
 *   bench_ingest [ROWS]     ROWS for each case, 300,000 when not said otherwise
 *
 * A row has a request id of 36 characters and 120 bytes of packed features. Ids that begin with
 * their time (UUIDs of version 7, ULIDs) extend the index by request; random ones fall anywhere
 * in it, which is the worst case. Works in a folder under $TMPDIR or /tmp, which decides what an
 * fsync costs. Prints JSON lines: rows per second by the clock, and by the CPU time of the
 * process, which says the same on a busy machine. */
#include "base/clock.h"
#include "base/file.h"
#include "base/rng.h"
#include "store/prediction.h"
#include "store/snapshot.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { FEATURES = 15, REPEATS = 5, BATCH = 20000 };
#define START_US (1700000000LL * 1000000)
#define STEP_US  250000 /* four predictions a second */

static struct err err;

static void need(int r)
{
    if (r >= 0) return;
    fprintf(stderr, "bench_ingest: %s\n", err.msg);
    exit(1);
}

struct timer {
    int64_t wall;
    clock_t cpu;
};

static struct timer timer_start(void)
{
    return (struct timer){ clock_mono_us(), clock() };
}

static void report(const char *name, long rows, struct timer t, const char *unit)
{
    double wall = (double)(clock_mono_us() - t.wall) / 1e6;
    double cpu = (double)(clock() - t.cpu) / CLOCKS_PER_SEC;
    printf("{\"bench\":\"ingest.%s\",\"value\":%.4g,\"unit\":\"%s\",\"per_cpu_s\":%.4g,"
           "\"rows\":%ld}\n",
           name, (double)rows / wall, unit, (double)rows / cpu, rows);
    fflush(stdout);
}

/* The id of row i: one that begins with the row's time, or scattered by a bijection, so that it
 * can be made again. */
static void make_id(char id[37], long i, bool scattered)
{
    unsigned long long k = (unsigned long long)i * 0x9e3779b97f4a7c15ULL,
                       ms = (unsigned long long)(START_US + i * STEP_US) / 1000;
    if (scattered) snprintf(id, 37, "%016llx-%019ld", k, i);
    else
        snprintf(id, 37, "%08llx-%04llx-7%03llx-8%03llx-%012llx", ms >> 16 & 0xffffffff,
                 ms & 0xffff, k >> 52, k & 0xfff, (unsigned long long)i & 0xffffffffffff);
}

/* One batch of the caller's, as monitor ingest makes them. */
struct rows {
    struct prediction p[BATCH];
    char id[BATCH][37];
    double features[BATCH][FEATURES];
    bool added[BATCH];
};

static void make_row(struct rows *rows, long at, long i, bool scattered, int64_t schema,
                     struct rng *r)
{
    double *x = rows->features[at];
    for (int k = 0; k < FEATURES; k++) x[k] = rng_unit(r);
    make_id(rows->id[at], i, scattered);
    rows->p[at] = (struct prediction){ .request_id = rows->id[at],
                                       .at_us = START_US + i * STEP_US,
                                       .version = 1,
                                       .answer = x[0] > 0.5 ? "1" : "0",
                                       .probability = x[0],
                                       .latency_ms = 1 + x[1],
                                       .schema_id = schema,
                                       .features = x,
                                       .n_bytes = sizeof rows->features[at] };
}

static void add_rows(struct store *s, const char *model, long n, bool scattered)
{
    static struct rows rows;
    int64_t schema;
    struct rng r;
    rng_seed(&r, 1);
    need(prediction_schema_id(s, "[\"packed\"]", &schema, &err));
    for (long from = 0; from < n; from += BATCH) {
        long size = n - from < BATCH ? n - from : BATCH;
        for (long i = 0; i < size; i++) make_row(&rows, i, from + i, scattered, schema, &r);
        need(store_begin(s, &err));
        need(prediction_add_all(s, model, rows.p, (size_t)size, rows.added, &err));
        need(store_commit(s, &err));
    }
}

/* A call a row, all in one transaction. */
static void add_singly(struct store *s, const char *model, long n)
{
    static struct rows rows;
    int64_t schema;
    struct rng r;
    rng_seed(&r, 1);
    need(prediction_schema_id(s, "[\"packed\"]", &schema, &err));
    need(store_begin(s, &err));
    for (long i = 0; i < n; i++) {
        make_row(&rows, 0, i, false, schema, &r);
        need(prediction_add(s, model, rows.p, NULL, &err));
    }
    need(store_commit(s, &err));
}

static void add_labels(struct store *s, const char *model, long rows, bool scattered)
{
    char id[37];
    for (long i = 0; i < rows; i++) {
        make_id(id, i, scattered);
        struct label l = { id, i % 3 ? "1" : "0", START_US + i * STEP_US + 1 };
        if (i % BATCH == 0) need(store_begin(s, &err));
        need(label_add(s, model, &l, NULL, &err));
        if (i % BATCH == BATCH - 1 || i == rows - 1) need(store_commit(s, &err));
    }
}

static int sum(void *user, const struct prediction *p)
{
    double first;
    memcpy(&first, p->features, sizeof first);
    *(double *)user += first + p->probability + (p->label ? p->label[0] : 0);
    return 0;
}

static void bench_reading(struct store *s, const char *model, long rows)
{
    double total = 0;
    struct timer t = timer_start();
    for (int i = 0; i < REPEATS; i++)
        need(prediction_each(s, model, INT64_MIN, INT64_MAX, sum, &total, &err));
    report("read", rows * REPEATS, t, "rows/s");
    if (!isfinite(total)) exit(1);
}

static void bench_pruning(struct store *s, const char *model, long rows)
{
    int64_t n;
    struct timer t = timer_start();
    need(prediction_prune(s, model, START_US + rows / 2 * STEP_US, &n, &err));
    report("prune", (long)n, t, "rows/s");
}

static void run(struct store *s, long rows)
{
    struct timer t = timer_start();
    add_singly(s, "rising", rows);
    report("one_transaction", rows, t, "rows/s");
    t = timer_start();
    add_rows(s, "batches", rows, false);
    report("batches", rows, t, "rows/s");
    t = timer_start();
    add_rows(s, "scattered", rows, true);
    report("scattered", rows, t, "rows/s");
    t = timer_start();
    add_rows(s, "scattered", rows, true);
    report("again", rows, t, "rows/s");
    t = timer_start();
    add_labels(s, "rising", rows, false);
    report("labels", rows, t, "labels/s");
    t = timer_start();
    add_labels(s, "scattered", rows, true);
    report("scattered_labels", rows, t, "labels/s");
    bench_reading(s, "rising", rows);
    bench_pruning(s, "batches", rows);
}

int main(int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    char dir[256];
    struct store *s;
    long rows = argc > 1 ? atol(argv[1]) : 300000;
    snprintf(dir, sizeof dir, "%.200s/bench_ingest.XXXXXX", tmp ? tmp : "/tmp");
    if (rows < 2 || !mkdtemp(dir)) return 2;
    need(store_open(&s, dir, STORE_CREATE, &clock_system, &err));
    run(s, rows);
    store_close(s);
    return file_remove_tree(dir, &err) < 0;
}
