/* bench_gbdt.c: speed of the gradient-boosted trees, as JSON lines for make bench.
 *
 *   bench_gbdt                     the sets of $SIGNALBOX_BENCH_DATA (shared/bench/gen.py), if any
 *   bench_gbdt STEM rows columns [categorical columns, comma-separated] [threads] [rounds] [leaves]
 *
 * Reads STEM_X.f32 (row-major, NaN missing) and STEM_y.f32, little-endian floats, trains on the
 * first 80 % (binary target) and predicts the rest: seconds of the fit, rows a second of
 * processor time in batches on one thread, microseconds of single rows; and the AUC on the
 * rest, so that speed is never compared at another quality. Not a test. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/val.h"
#include "engine/learn/gbdt.h"
#include "engine/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SINGLE 20000

struct table {
    size_t n, d;
    float *x, *y;
    int32_t *levels;
};

static void __attribute__((noreturn)) die(const char *what, const char *which)
{
    fprintf(stderr, "bench_gbdt: %s %s\n", what, which);
    exit(1);
}

static float *read_floats(const char *stem, const char *suffix, size_t n)
{
    char path[4096];
    float *v = mem_try(n, sizeof *v);

    snprintf(path, sizeof path, "%s%s", stem, suffix);
    FILE *f = fopen(path, "rb");
    if (!f || !v || fread(v, sizeof *v, n, f) != n) die("cannot read", path);
    fclose(f);
    return v;
}

/* Rows [from, to) as columns of doubles. */
static struct matrix columns(const struct table *t, size_t from, size_t to)
{
    struct matrix m = { .n = to - from, .d = t->d, .levels = t->levels };
    double *x = mem_try(m.n * m.d, sizeof *x);

    if (!x) die("no memory for", "columns");
    for (size_t i = 0; i < m.n; i++)
        for (size_t j = 0; j < m.d; j++) x[j * m.n + i] = (double)t->x[(from + i) * t->d + j];
    m.x = x;
    return m;
}

static double *targets(const struct table *t, size_t from, size_t to)
{
    double *y = mem_try(to - from, sizeof *y);

    if (!y) die("no memory for", "targets");
    for (size_t i = from; i < to; i++) y[i - from] = (double)t->y[i];
    return y;
}

struct scored {
    double p, y;
};

static int by_p(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;

    return (x->p > y->p) - (x->p < y->p);
}

/* Area under the ROC curve by ranks, ties shared. */
static double auc(const double *p, const double *y, size_t n)
{
    struct scored *s = mem_try(n, sizeof *s);
    double ranks = 0, pos = 0;

    if (!s) die("no memory for", "auc");
    for (size_t i = 0; i < n; i++) s[i] = (struct scored){ p[i], y[i] };
    qsort(s, n, sizeof *s, by_p);
    for (size_t i = 0, j; i < n; i = j) {
        double hits = 0;
        for (j = i; j < n && !(s[j].p > s[i].p); j++) hits += s[j].y;
        ranks += hits * (double)(i + j + 1) / 2;
        pos += hits;
    }
    free(s);
    return (ranks - pos * (pos + 1) / 2) / (pos * ((double)n - pos));
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Microseconds of a row, measured in groups of ten because the clock has microseconds. */
static void single_rows(const struct learner *l, const void *model, const struct matrix *m,
                        double *median, double *p99)
{
    static double us[SINGLE / 10];
    double *rows = mem_try(SINGLE * m->d, sizeof *rows), out;

    if (!rows) die("no memory for", "rows");
    for (size_t i = 0; i < SINGLE; i++)
        for (size_t j = 0; j < m->d; j++) rows[i * m->d + j] = m->x[j * m->n + i % m->n];
    for (size_t i = 0; i < SINGLE / 10; i++) {
        int64_t start = clock_mono_us();
        for (size_t k = 0; k < 10; k++) l->predict_row(model, rows + (i * 10 + k) * m->d, &out);
        us[i] = (double)(clock_mono_us() - start) / 10;
    }
    qsort(us, SINGLE / 10, sizeof *us, by_value);
    *median = us[SINGLE / 20];
    *p99 = us[SINGLE / 10 * 99 / 100];
    free(rows);
}

/* Processor time of all threads: what remains comparable on a busy machine. */
static int64_t cpu_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

struct times {
    int64_t first_round; /* end of round 1 */
};

static void on_progress(void *user, const struct engine_progress *p)
{
    struct times *t = user;

    if (p->done == 1) t->first_round = clock_mono_us();
}

static void run(const char *name, const struct table *t, int threads, int rounds, int leaves)
{
    struct arena a = ARENA_INIT;
    struct val *params = val_obj(&a);
    struct times times = { 0 };
    struct engine en = {
        .pool = pool_new(threads), .seed = 1, .progress = on_progress, .user = &times
    };
    size_t cut = t->n * 4 / 5;
    struct matrix test = columns(t, cut, t->n);
    double *y = targets(t, 0, cut), *yt = targets(t, cut, t->n), median, p99;
    double *p = mem_try(test.n, sizeof *p);
    struct fit_input in = {
        .task = TASK_BINARY, .n_classes = 2, .train = columns(t, 0, cut), .y = y, .params = params
    };
    const struct learner *l = &learner_gbdt;
    struct err e = ERR_INIT;
    void *model;

    if (!en.pool || !p) die("no memory for", "predictions");
    val_set_int(params, "n_estimators", rounds);
    val_set_int(params, "num_leaves", leaves);
    int64_t start = clock_mono_us(), cpu_start = cpu_us();
    if (l->fit(&en, &in, &model, &e) < 0) die("fit:", e.msg);
    int64_t end = clock_mono_us(), cpu = cpu_us() - cpu_start;
    l->predict(model, &test, 0, test.n, p);
    int64_t predicted = cpu_us() - cpu_start - cpu;
    single_rows(l, model, &test, &median, &p99);
    double round = (double)(end - times.first_round) / (rounds > 1 ? rounds - 1 : 1);
    printf("{\"bench\":\"gbdt fit %s\",\"value\":%.3f,\"unit\":\"s\",\"threads\":%d,\"rounds\":%d,"
           "\"leaves\":%d,\"cpu_s\":%.3f,\"bin_s\":%.3f,\"train_s\":%.3f,\"auc\":%.5f}\n",
           name, (double)(end - start) / 1e6, pool_size(en.pool), rounds, leaves, (double)cpu / 1e6,
           ((double)(times.first_round - start) - round) / 1e6, round * rounds / 1e6,
           auc(p, yt, test.n));
    printf("{\"bench\":\"gbdt batch %s\",\"value\":%.0f,\"unit\":\"rows/s\"}\n", name,
           (double)test.n / ((double)predicted / 1e6));
    printf("{\"bench\":\"gbdt row %s\",\"value\":%.2f,\"unit\":\"us\",\"p99\":%.2f}\n", name,
           median, p99);
    fflush(stdout);
    free((double *)(uintptr_t)test.x);
    free((double *)(uintptr_t)in.train.x);
    free(y);
    free(yt);
    free(p);
    l->free(model);
    pool_free(en.pool);
    arena_done(&a);
}

struct set {
    const char *name;
    size_t n, d;
    const char *cats;
};

/* One set: its files read, run, and freed. */
static void run_set(const struct set *set, const char *stem, int threads, int rounds, int leaves)
{
    struct table t = { .n = set->n, .d = set->d };
    char *cats = mem_strdup(set->cats);

    t.x = read_floats(stem, "_X.f32", t.n * t.d);
    t.y = read_floats(stem, "_y.f32", t.n);
    t.levels = mem_zalloc(t.d, sizeof *t.levels);
    for (char *c = strtok(cats, ","); c; c = strtok(NULL, ",")) {
        size_t j = strtoul(c, NULL, 10);
        if (j >= t.d) die("no such column:", c);
        for (size_t i = 0; i < t.n; i++)
            if ((int32_t)t.x[i * t.d + j] >= t.levels[j])
                t.levels[j] = (int32_t)t.x[i * t.d + j] + 1;
    }
    run(set->name, &t, threads, rounds, leaves);
    free(cats);
    free(t.x);
    free(t.y);
    free(t.levels);
}

static const struct set sets[] = { { "higgs", 1000000, 28, "" },
                                   { "mixed", 100000, 50, "44,45,46,47,48,49" },
                                   { "small", 45000, 8, "" } };

int main(int argc, char **argv)
{
    const char *folder = getenv("SIGNALBOX_BENCH_DATA");
    char stem[4096];

    if (argc > 3) {
        struct set s = { argv[1], strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10),
                         argc > 4 ? argv[4] : "" };
        run_set(&s, argv[1], argc > 5 ? atoi(argv[5]) : 0, argc > 6 ? atoi(argv[6]) : 100,
                argc > 7 ? atoi(argv[7]) : 31);
        return 0;
    }
    if (!folder) puts("bench_gbdt: SIGNALBOX_BENCH_DATA is not set, nothing to train on");
    for (size_t i = 0; folder && i < ARRAY_LEN(sets); i++) {
        snprintf(stem, sizeof stem, "%s/%s", folder, sets[i].name);
        run_set(&sets[i], stem, 0, 100, 31);
    }
    return 0;
}
