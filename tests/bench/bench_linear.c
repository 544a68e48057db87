/* bench_linear.c: how fast logistic regression is, as JSON lines for make bench.
 *
 *   bench_linear                     the sets of $SIGNALBOX_BENCH_DATA (shared/bench/gen.py), if any
 *   bench_linear STEM rows columns [threads]
 *
 * Reads STEM_X.f32 (row-major, NaN missing) and STEM_y.f32, little-endian floats; fits the first
 * 80 % with the mean for missing values and standardised columns, both outside of the time, as the
 * peers get them; the AUC on the rest. Seconds are CPU time of all threads. Not a test. */
#include "base/arena.h"
#include "base/mem.h"
#include "base/val.h"
#include "engine/learn/learner.h"
#include "engine/pool.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS 3

static float *read_floats(const char *stem, const char *suffix, size_t n)
{
    char path[4096];
    float *v = mem_alloc(n * sizeof *v);

    snprintf(path, sizeof path, "%s%s", stem, suffix);
    FILE *f = fopen(path, "rb");
    if (!f || fread(v, sizeof *v, n, f) != n) {
        fprintf(stderr, "bench_linear: cannot read %s\n", path);
        exit(1);
    }
    fclose(f);
    return v;
}

/* Columns become standardised doubles, by the rows [0, train). */
static double *standardised(const float *x, size_t n, size_t d, size_t train)
{
    double *out = mem_alloc(n * d * sizeof *out);

    for (size_t j = 0; j < d; j++) {
        double sum = 0, squares = 0, count = 0;
        for (size_t i = 0; i < train; i++) {
            double v = (double)x[i * d + j];
            if (isnan(v)) continue;
            sum += v;
            squares += v * v;
            count++;
        }
        double mean = sum / count, scale = sqrt(fmax(squares / count - mean * mean, 1e-12));
        for (size_t i = 0; i < n; i++) {
            double v = (double)x[i * d + j];
            out[i * d + j] = isnan(v) ? 0 : (v - mean) / scale;
        }
    }
    return out;
}

struct scored {
    double p, y;
};

static int by_p(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;

    return (x->p > y->p) - (x->p < y->p);
}

static double auc(const double *p, const double *y, size_t n)
{
    struct scored *s = mem_alloc(n * sizeof *s);
    double ranks = 0, positives = 0;

    for (size_t i = 0; i < n; i++) s[i] = (struct scored){ p[i], y[i] };
    qsort(s, n, sizeof *s, by_p);
    for (size_t i = 0; i < n; i++)
        if (s[i].y > 0.5) {
            ranks += (double)(i + 1);
            positives++;
        }
    free(s);
    return (ranks - positives * (positives + 1) / 2) / (positives * ((double)n - positives));
}

static double cpu(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void bench(const char *stem, size_t n, size_t d, int threads)
{
    size_t train = n * 4 / 5;
    float *raw = read_floats(stem, "_X.f32", n * d), *target = read_floats(stem, "_y.f32", n);
    double *x = standardised(raw, n, d, train), *y = mem_alloc(n * sizeof *y), best = 1e9;
    const struct learner *l = learner_find("logistic");
    struct engine en = { .pool = pool_new(threads), .seed = 1 };
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct val *params;
    void *state = NULL;

    for (size_t i = 0; i < n; i++) y[i] = (double)target[i];
    if (param_bind_val(l->params, &a, NULL, &params, &e)) exit(1);
    struct fit_input in = { .task = TASK_BINARY, .n_classes = 2, .train = { train, d, x, NULL },
                            .y = y, .params = params };
    for (int run = 0; run < RUNS; run++) {
        double start = cpu();
        if (state) l->free(state);
        if (l->fit(&en, &in, &state, &e)) {
            fprintf(stderr, "bench_linear: %s\n", e.msg);
            exit(1);
        }
        start = cpu() - start;
        if (start < best) best = start;
    }
    const struct matrix rest = { n - train, d, x + train * d, NULL };
    double *p = mem_alloc(rest.n * sizeof *p);
    l->predict(state, &rest, 0, rest.n, p);
    const char *name = strrchr(stem, '/');
    printf("{\"bench\":\"logistic fit %s, %d threads\",\"value\":%.4f,\"unit\":\"CPU s\",\"auc\":%.5f}\n",
           name ? name + 1 : stem, threads, best, auc(p, y + train, rest.n));
    l->free(state);
    pool_free(en.pool);
    arena_done(&a);
    free(p);
    free(x);
    free(y);
    free(raw);
    free(target);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        size_t n, d;
    } sets[] = { { "small", 45000, 8 }, { "mixed", 100000, 50 }, { "higgs", 1000000, 28 } };
    const char *folder = getenv("SIGNALBOX_BENCH_DATA");
    char stem[4096];

    if (argc > 3) {
        bench(argv[1], strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10),
              argc > 4 ? atoi(argv[4]) : 2);
        return 0;
    }
    for (size_t i = 0; folder && i < ARRAY_LEN(sets); i++) {
        snprintf(stem, sizeof stem, "%s/%s", folder, sets[i].name);
        bench(stem, sets[i].n, sets[i].d, 1);
    }
    return 0;
}
