/* bench_store.c: what the store costs: durable commits, the job queue, and listing and searching
 * runs.
 *
 *   bench_store [RUNS]     RUNS in the workspace, 100,000 when not said otherwise
 *
 * Works in a folder under $TMPDIR or /tmp, which decides what an fsync costs. Prints JSON lines;
 * the best of five for reads, the mean for writes. */
#include "base/clock.h"
#include "base/file.h"
#include "store/audit.h"
#include "store/job.h"
#include "store/run.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { WRITES = 200, REPEATS = 5 };

static struct err err;

static void need(int r)
{
    if (r >= 0) return;
    fprintf(stderr, "bench_store: %s\n", err.msg);
    exit(1);
}

static void print(const char *name, double value, const char *unit)
{
    printf("{\"bench\":\"store.%s\",\"value\":%.4g,\"unit\":\"%s\"}\n", name, value, unit);
    fflush(stdout);
}

static void fill(struct store *s, long runs)
{
    struct arena a = ARENA_INIT;
    int64_t start = clock_mono_us();
    need(store_begin(s, &err));
    for (long i = 0; i < runs; i++) {
        struct kv params[] = { { "algorithm", i % 3 ? "gbdt" : "mlp" }, { "lr", "0.1" } };
        struct metric_point m[] = { { "auc", sin((double)i), 1, 1 },
                                    { "loss", cos((double)i), 1, 1 } };
        struct run r = { .params = params,
                         .n_params = 2,
                         .metrics = m,
                         .n_metrics = 2,
                         .start_us = 1 + i * 7919 % runs };
        need(store_run_create(s, &a, &r, &err));
        arena_reset(&a);
    }
    need(store_commit(s, &err));
    arena_done(&a);
    print("create_run", (double)(clock_mono_us() - start) / (double)runs, "us");
}

static void bench_commits(struct store *s)
{
    struct audit_row row = { .actor = "bench", .verb = "bench", .object = "bench" };
    int64_t start = clock_mono_us();
    for (int i = 0; i < WRITES; i++) need(audit_append(s, &row, NULL, &err));
    print("commit", (double)(clock_mono_us() - start) / WRITES, "us");
}

/* Claim and finish, two transactions a job. */
static void bench_jobs(struct store *s)
{
    struct arena a = ARENA_INIT;
    struct job j = { .kind = "bench" }, got;
    char id[27];
    need(store_begin(s, &err));
    for (int i = 0; i < WRITES; i++) need(store_job_add(s, &j, id, NULL, &err));
    need(store_commit(s, &err));
    int64_t start = clock_mono_us();
    for (int i = 0; i < WRITES; i++) {
        need(store_job_claim(s, &a, NULL, NULL, "w", 1, &got, &err));
        need(store_job_finish(s, (struct fence){ got.id, got.attempt }, NULL, &err));
    }
    print("jobs", WRITES * 1e6 / (double)(clock_mono_us() - start), "jobs/s");
    arena_done(&a);
}

static void bench_search(struct store *s, const char *name, const struct run_query *q)
{
    struct arena a = ARENA_INIT;
    int64_t best = INT64_MAX;
    for (int i = 0; i < REPEATS; i++) {
        struct run *runs;
        size_t n;
        int64_t start = clock_mono_us();
        need(store_run_search(s, &a, q, &runs, &n, &err));
        int64_t took = clock_mono_us() - start;
        if (took < best) best = took;
        arena_reset(&a);
    }
    arena_done(&a);
    print(name, (double)best / 1e3, "ms");
}

static void bench_count(struct store *s)
{
    int64_t best = INT64_MAX, n;
    for (int i = 0; i < REPEATS; i++) {
        int64_t start = clock_mono_us();
        need(store_run_count(s, &(struct run_query){ 0 }, &n, &err));
        int64_t took = clock_mono_us() - start;
        if (took < best) best = took;
    }
    print("count", (double)best / 1e3, "ms");
}

int main(int argc, char **argv)
{
    const char *tmp = getenv("TMPDIR");
    const char *const by_auc[] = { "metrics.auc DESC", NULL };
    char dir[256];
    struct store *s;
    long runs = argc > 1 ? atol(argv[1]) : 100000;
    snprintf(dir, sizeof dir, "%.200s/bench_store.XXXXXX", tmp ? tmp : "/tmp");
    if (runs < 1 || !mkdtemp(dir)) return 2;
    need(store_open(&s, dir, STORE_CREATE, &clock_system, &err));
    fill(s, runs);
    bench_commits(s);
    bench_jobs(s);
    bench_count(s);
    bench_search(s, "list_50", &(struct run_query){ .limit = 50 });
    bench_search(s, "list_50_at_the_end", &(struct run_query){ .limit = 50, .offset = runs - 50 });
    bench_search(s, "filter_50",
                 &(struct run_query){ .filter = "metrics.auc > 0.9 AND params.algorithm = 'mlp'",
                                      .limit = 50 });
    bench_search(s, "order_by_metric_50", &(struct run_query){ .order_by = by_auc, .limit = 50 });
    store_close(s);
    need(file_remove_tree(dir, &err));
    return 0;
}
