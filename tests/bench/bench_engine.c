/* bench_engine.c: speed and quality of a learner on a table, through the engine's own interface.
 *
 *   bench_engine STEM LEARNER [threads] [parameter=value]…     one JSON object on one line
 *   bench_engine                                               gbdt on $SIGNALBOX_BENCH_DATA's sets
 *
 * A table is STEM.json {"n": rows, "f": columns, "cats": [columns of codes], "task": "binary" or
 * "regression", "train": rows to learn from, "fit_rows": of those only so many}, STEM_X.f32 (row
 * by row, NaN missing) and STEM_y.f32, little-endian floats. The rows after `train` are predicted.
 *
 *   fit_s, cpu_s    seconds of the fit with everything it does, by the clock and by processors
 *   bin_s           of these, before the first round (gbdt)
 *   peak_mb         most memory during the fit, over what was there before: the matrix of doubles
 *   batch_rows_s    rows a second of processor time, one thread, median of several passes
 *   row_us, p99_us  one row, median and 99th percentile
 *   auc or rmse     on the rows that were not learned from
 *
 * Learners that want dense rows get numbers standardised (mean for missing) and a column a level.
 * Not a test. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/val.h"
#include "engine/learn/learner.h"
#include "engine/pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PASSES   200
#define BATCH_US 500000 /* time after which no other pass begins */
#define SINGLE 20000
#define GROUP  10 /* single rows between two looks at the clock, which has microseconds */

struct table {
    size_t n, d, train, fit_rows;
    enum task task;
    float *x, *y;
    int32_t *levels;
};

static void __attribute__((noreturn)) die(const char *what, const char *which)
{
    fprintf(stderr, "bench_engine: %s %s\n", what, which);
    exit(1);
}

static void *room(size_t n, size_t size)
{
    void *p = mem_try(n + 1, size);

    if (!p) die("no memory for", "the table");
    return p;
}

/* ---- the table ---- */

static float *read_floats(const char *stem, const char *suffix, size_t n)
{
    char path[4096];
    float *v = room(n, sizeof *v);

    snprintf(path, sizeof path, "%s%s", stem, suffix);
    FILE *f = fopen(path, "rb");
    if (!f || fread(v, sizeof *v, n, f) != n) die("cannot read", path);
    fclose(f);
    return v;
}

static void read_meta(const char *stem, struct table *t)
{
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct val *v;
    char path[4096], text[16384];

    snprintf(path, sizeof path, "%s.json", stem);
    FILE *f = fopen(path, "rb");
    if (!f) die("cannot read", path);
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    if (val_parse_json(&a, text, n, &v, &e) < 0) die(path, e.msg);
    t->n = (size_t)val_get_int(v, "n", 0);
    t->d = (size_t)val_get_int(v, "f", 0);
    t->train = (size_t)val_get_int(v, "train", (int64_t)(t->n * 4 / 5));
    t->fit_rows = (size_t)val_get_int(v, "fit_rows", (int64_t)t->train);
    if (!task_parse(val_get_str(v, "task", "binary"), &t->task)) die("unknown task in", path);
    if (t->fit_rows > t->train || t->train >= t->n || t->d == 0) die("impossible sizes in", path);
    t->levels = mem_zalloc(t->d, sizeof *t->levels);
    const struct val *cats = val_get(v, "cats");
    for (size_t i = 0; i < val_len(cats); i++) {
        size_t j = (size_t)val_as_int(val_at(cats, i), -1);
        if (j >= t->d) die("a category is no column in", path);
        t->levels[j] = 1;
    }
    arena_done(&a);
}

static void read_table(const char *stem, struct table *t)
{
    read_meta(stem, t);
    t->x = read_floats(stem, "_X.f32", t->n * t->d);
    t->y = read_floats(stem, "_y.f32", t->n);
    for (size_t j = 0; j < t->d; j++)
        for (size_t i = 0; t->levels[j] && i < t->n; i++)
            if (t->x[i * t->d + j] >= (float)t->levels[j])
                t->levels[j] = (int32_t)t->x[i * t->d + j] + 1;
}

static double *targets(const struct table *t, size_t from, size_t to)
{
    double *y = room(to - from, sizeof *y);

    for (size_t i = from; i < to; i++) y[i - from] = (double)t->y[i];
    return y;
}

/* Rows [from, to) as columns of doubles. */
static struct matrix columns(const struct table *t, size_t from, size_t to)
{
    struct matrix m = { .n = to - from, .d = t->d, .levels = t->levels };
    double *x = room(m.n * m.d, sizeof *x);

    for (size_t i = 0; i < m.n; i++)
        for (size_t j = 0; j < m.d; j++) x[j * m.n + i] = (double)t->x[(from + i) * t->d + j];
    m.x = x;
    return m;
}

/* Mean and deviation of a column's rows to learn from. */
static void moments(const struct table *t, size_t j, double *mean, double *deviation)
{
    double n = 0, sum = 0, squares = 0;

    for (size_t i = 0; i < t->fit_rows; i++) {
        double v = (double)t->x[i * t->d + j];
        if (v != v) continue;
        n++;
        sum += v;
        squares += v * v;
    }
    *mean = n > 0 ? sum / n : 0;
    double variance = n > 0 ? squares / n - *mean * *mean : 0;
    *deviation = variance > 1e-12 ? sqrt(variance) : 1;
}

static struct matrix dense(const struct table *t, size_t from, size_t to)
{
    struct matrix m = { .n = to - from };
    double *mean = room(t->d, sizeof *mean), *dev = room(t->d, sizeof *dev);

    for (size_t j = 0; j < t->d; j++) {
        m.d += t->levels[j] ? (size_t)t->levels[j] : 1;
        moments(t, j, &mean[j], &dev[j]);
    }
    double *x = mem_zalloc(m.n * m.d + 1, sizeof *x), *at = x;
    for (size_t i = from; i < to; i++)
        for (size_t j = 0; j < t->d; j++) {
            double v = (double)t->x[i * t->d + j];
            if (!t->levels[j]) *at++ = v != v ? 0 : (v - mean[j]) / dev[j];
            else if (v >= 0) at[(size_t)v] = 1;
            at += t->levels[j];
        }
    free(mean);
    free(dev);
    m.x = x;
    return m;
}

/* ---- measures ---- */

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
    struct scored *s = room(n, sizeof *s);
    double ranks = 0, pos = 0;

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

static double rmse(const double *p, const double *y, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++) sum += (p[i] - y[i]) * (p[i] - y[i]);
    return sqrt(sum / (double)n);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int64_t cpu_us(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Kilobytes in a line of /proc/self/status. */
static long status_kb(const char *name)
{
    char line[256];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");

    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0) kb = strtol(line + strlen(name) + 1, NULL, 10);
    if (f) fclose(f);
    return kb;
}

/* Makes the highest mark of memory the present one, where the kernel allows. */
static void forget_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");

    if (!f) return;
    fputs("5", f);
    fclose(f);
}

/* ---- a run ---- */

struct result {
    double fit_s, cpu_s, bin_s, peak_mb, quality, batch, row_us, p99_us;
};

struct times {
    int64_t start, first_round, end;
    size_t rounds;
};

static void on_progress(void *user, const struct engine_progress *p)
{
    struct times *t = user;

    if (p->done == 1) t->first_round = clock_mono_us();
    t->rounds = p->total;
}

static void single_rows(const struct learner *l, const void *model, const struct matrix *m,
                        struct result *r)
{
    size_t n = m->n < SINGLE ? m->n / GROUP * GROUP : SINGLE, k = 0;
    double *rows = room(n * m->d, sizeof *rows), *us = room(n / GROUP, sizeof *us), out[64];
    int64_t begin = clock_mono_us();

    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m->d; j++)
            rows[i * m->d + j] = l->encoding == ENC_TREE ? m->x[j * m->n + i] : m->x[i * m->d + j];
    for (; k < n / GROUP && clock_mono_us() - begin < 5000000; k++) {
        int64_t start = clock_mono_us();
        for (size_t i = 0; i < GROUP; i++)
            l->predict_row(model, rows + (k * GROUP + i) * m->d, out);
        us[k] = (double)(clock_mono_us() - start) / GROUP;
    }
    qsort(us, k, sizeof *us, by_value);
    r->row_us = us[k / 2];
    r->p99_us = us[k * 99 / 100];
    free(rows);
    free(us);
}

static void measure_predictions(const struct learner *l, const void *model, const struct table *t,
                                struct result *r)
{
    struct matrix test = (l->encoding == ENC_TREE ? columns : dense)(t, t->train, t->n);
    double *p = room(test.n, sizeof *p), *y = targets(t, t->train, t->n);
    double passes[PASSES];
    size_t n = 0;

    for (int64_t all = 0; n < PASSES && all < BATCH_US; n++) {
        int64_t start = cpu_us(CLOCK_THREAD_CPUTIME_ID);
        l->predict(model, &test, 0, test.n, p);
        int64_t took = cpu_us(CLOCK_THREAD_CPUTIME_ID) - start;
        all += took;
        passes[n] = (double)took / 1e6;
    }
    qsort(passes, n, sizeof *passes, by_value);
    r->batch = (double)test.n / passes[n / 2];
    r->quality = (t->task == TASK_BINARY ? auc : rmse)(p, y, test.n);
    single_rows(l, model, &test, r);
    free(p);
    free(y);
    free((double *)(uintptr_t)test.x);
}

static struct result run(const struct table *t, const struct learner *l, const struct val *params,
                         int threads)
{
    struct times times = { 0 };
    struct engine en = {
        .pool = pool_new(threads), .seed = 1, .progress = on_progress, .user = &times
    };
    double *y = targets(t, 0, t->fit_rows);
    struct fit_input in = { .task = t->task,
                            .n_classes = t->task == TASK_BINARY ? 2 : 0,
                            .train = (l->encoding == ENC_TREE ? columns : dense)(t, 0, t->fit_rows),
                            .y = y,
                            .params = params };
    struct result r = { 0 };
    struct err e = ERR_INIT;
    void *model;

    if (!en.pool) die("no memory for", "threads");
    forget_peak();
    long before = status_kb("VmRSS:");
    int64_t cpu = cpu_us(CLOCK_PROCESS_CPUTIME_ID);
    times.start = times.first_round = clock_mono_us();
    if (l->fit(&en, &in, &model, &e) < 0) die(l->name, e.msg);
    times.end = clock_mono_us();
    r.cpu_s = (double)(cpu_us(CLOCK_PROCESS_CPUTIME_ID) - cpu) / 1e6;
    r.peak_mb = (double)(status_kb("VmHWM:") - before) / 1024;
    r.fit_s = (double)(times.end - times.start) / 1e6;
    if (times.rounds > 1) {
        double round = (double)(times.end - times.first_round) / (double)(times.rounds - 1);
        r.bin_s = fmax(0, ((double)(times.first_round - times.start) - round) / 1e6);
    }
    free((double *)(uintptr_t)in.train.x);
    free(y);
    pool_free(en.pool);
    measure_predictions(l, model, t, &r);
    l->free(model);
    return r;
}

static const struct learner *find(const char *name)
{
    const struct learner *l = learner_find(name);

    if (!l) die("no such learner:", name);
    return l;
}

/* name=value words as the learner's parameters. */
static struct val *bind(const struct learner *l, struct arena *a, int n, char **words)
{
    struct val *given = val_obj(a), *bound;
    struct err e = ERR_INIT;

    for (int i = 0; i < n; i++) {
        char *value = strchr(words[i], '=');
        if (!value) die("not parameter=value:", words[i]);
        *value++ = '\0';
        val_set_str(given, words[i], value);
    }
    if (param_bind_val(l->params, a, given, &bound, &e) < 0) die(l->name, e.msg);
    return bound;
}

static void one(int argc, char **argv)
{
    struct arena a = ARENA_INIT;
    const struct learner *l = find(argv[2]);
    int threads = argc > 3 ? atoi(argv[3]) : 0;
    struct val *params = bind(l, &a, argc > 4 ? argc - 4 : 0, argv + 4);
    struct table t;

    read_table(argv[1], &t);
    struct result r = run(&t, l, params, threads);
    printf("{\"by\":\"signalbox\",\"threads\":%d,\"fit_s\":%.4f,\"cpu_s\":%.4f,\"bin_s\":%.4f,"
           "\"peak_mb\":%.1f,\"%s\":%.5f,\"batch_rows_s\":%.0f,\"row_us\":%.3f,\"p99_us\":%.3f}\n",
           threads, r.fit_s, r.cpu_s, r.bin_s, r.peak_mb, t.task == TASK_BINARY ? "auc" : "rmse",
           r.quality, r.batch, r.row_us, r.p99_us);
    free(t.x);
    free(t.y);
    free(t.levels);
    arena_done(&a);
}

/* For make bench: a few figures of one learner. */
static void figures(const char *folder, const char *set)
{
    struct arena a = ARENA_INIT;
    const struct learner *l = find("gbdt");
    struct table t;
    char stem[4096];

    snprintf(stem, sizeof stem, "%s/%s", folder, set);
    read_table(stem, &t);
    struct result r = run(&t, l, bind(l, &a, 0, NULL), 0);
    printf("{\"bench\":\"gbdt fit %s\",\"value\":%.3f,\"unit\":\"s\",\"cpu_s\":%.3f,\"bin_s\":%.3f,"
           "\"auc\":%.5f}\n",
           set, r.fit_s, r.cpu_s, r.bin_s, r.quality);
    printf("{\"bench\":\"gbdt batch %s\",\"value\":%.0f,\"unit\":\"rows/s\"}\n", set, r.batch);
    printf("{\"bench\":\"gbdt row %s\",\"value\":%.2f,\"unit\":\"us\",\"p99\":%.2f}\n", set,
           r.row_us, r.p99_us);
    fflush(stdout);
    free(t.x);
    free(t.y);
    free(t.levels);
    arena_done(&a);
}

int main(int argc, char **argv)
{
    static const char *const sets[] = { "higgs", "mixed", "small" };
    const char *folder = getenv("SIGNALBOX_BENCH_DATA");

    if (argc == 2)
        die("usage: bench_engine [STEM LEARNER [threads] [parameter=value]…], not", argv[1]);
    if (argc > 2) {
        one(argc, argv);
        return 0;
    }
    if (!folder) puts("bench_engine: SIGNALBOX_BENCH_DATA is not set, nothing to train on");
    for (size_t i = 0; folder && i < ARRAY_LEN(sets); i++) figures(folder, sets[i]);
    return 0;
}
