/* bench_shadow.c: what a shadow costs the version that answers. One I/O thread with real models
 * takes calls at a steady rate, in blocks with and without a shadow by turns, so that what else
 * runs on the machine disturbs both alike. A latency runs from the moment the call was due, so a
 * thread that is kept busy shows. Prints the median over the blocks of the 99th percentile, both,
 * and their ratio; the shadow is a model of 300 trees, asked about every call.
 *
 *   bench_shadow [CALLS A SECOND [BLOCKS]] */
#include "../unit/serve/sample.h"
#include "../unit/serve/workspace.h"
#include "base/clock.h"
#include "base/mem.h"
#include "store/rollout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum { BLOCK = 2000 };

static const char body[] = "{\"age\":40,\"balance\":512.5,\"city\":\"Genf\",\"member\":true,"
                           "\"since\":\"2026-01-31T10:00:00Z\"}";
static int rate = 1000, blocks = 10;

static void put(struct bench *b, bool shadow)
{
    struct rollout_row row = { 0 };
    struct err e = ERR_INIT;

    if (rollout_get(b->app.store, &b->arena, "m", &row, NULL)) row.number = 0;
    row.model = "m";
    row.id = shadow ? "01JSHADOW00000000000000000" : "01JSINGLE00000000000000000";
    row.document = shadow ? "{\"mode\":\"shadow\",\"state\":\"active\",\"arms\":["
                            "{\"version\":1,\"role\":\"production\",\"share\":1},"
                            "{\"version\":2,\"role\":\"shadow\",\"share\":1}]}"
                          : "{\"mode\":\"single\",\"state\":\"active\",\"arms\":["
                            "{\"version\":1,\"role\":\"production\",\"share\":1}]}";
    if (rollout_put(b->app.store, &row, &e)) fail_msg("%s", e.msg);
    bench_reload(b);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void on_due(void *user)
{
    *(bool *)user = true;
}

/* 99th percentile of a block in microseconds. */
static double block(struct bench *b)
{
    static double took[BLOCK];
    struct loop_timer *timer;
    bool due = false;
    int64_t start = clock_mono_us() + 1000;

    assert_int_equal(loop_timer_new(b->loop, on_due, &due, &timer, NULL), 0);
    loop_timer_start(timer, 1, 1);
    for (int i = 0; i < BLOCK; i++) {
        int64_t at = start + (int64_t)i * 1000000 / rate;
        struct predict_call c = { .no_cache = true };
        while (clock_mono_us() < at) loop_run_once(b->loop, at - clock_mono_us() > 1000 ? -1 : 0);
        if (bench_predict(b, "m", body, &c)) fail_msg("%s", c.err.msg);
        took[i] = (double)(clock_mono_us() - at);
        free((void *)(uintptr_t)c.p);
    }
    loop_timer_free(timer);
    qsort(took, BLOCK, sizeof *took, by_value);
    return took[BLOCK * 99 / 100];
}

/* Processor time of the I/O thread for a call, one after the other: what a busy machine cannot
 * blur. */
static double cpu_of_call(struct bench *b)
{
    struct timespec from, to;

    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from), 0);
    for (int i = 0; i < BLOCK; i++) {
        struct predict_call c = { .no_cache = true };
        if (bench_predict(b, "m", body, &c)) fail_msg("%s", c.err.msg);
        free((void *)(uintptr_t)c.p);
        loop_run_once(b->loop, 0);
    }
    assert_int_equal(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to), 0);
    return ((double)(to.tv_sec - from.tv_sec) * 1e6 + (double)(to.tv_nsec - from.tv_nsec) / 1e3) /
           BLOCK;
}

static double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return v[n / 2];
}

static void measure(void **state)
{
    static const char *const trees[] = { "n_estimators", "300", NULL };
    struct bench b;
    struct serve_count *counts;
    double *p99[2] = { mem_zalloc((size_t)blocks, sizeof(double)),
                       mem_zalloc((size_t)blocks, sizeof(double)) };
    double *cpu[2] = { mem_zalloc((size_t)blocks, sizeof(double)),
                       mem_zalloc((size_t)blocks, sizeof(double)) };
    uint64_t asked = 0, dropped = 0;

    (void)state;
    bench_open(&b);
    bench_register(&b, "m", sample_model("gbdt", "buys", NULL, NULL), "Production");
    bench_register(&b, "m", sample_model("gbdt", "buys", NULL, trees), NULL);
    bench_start(&b);
    for (int i = -1; i < blocks; i++) { /* the first pair warms up */
        for (int k = 0; k < 2; k++) {
            bool shadow = (i + k) % 2 != 0;
            put(&b, shadow);
            double x = block(&b), y = cpu_of_call(&b);
            if (i >= 0) p99[shadow][i] = x;
            if (i >= 0) cpu[shadow][i] = y;
            size_t n = serve_counts(b.serve, &b.arena, &counts);
            for (size_t c = 0; c < n; c++) {
                if (strcmp(counts[c].role, "shadow") != 0) continue;
                asked = counts[c].requests;
                dropped = counts[c].dropped;
            }
        }
    }
    bench_close(&b);
    double without = median(p99[0], blocks), with = median(p99[1], blocks);
    printf("{\"bench\":\"serve_p99_alone\",\"value\":%.1f,\"unit\":\"us\",\"rate\":%d}\n", without,
           rate);
    printf("{\"bench\":\"serve_p99_shadowed\",\"value\":%.1f,\"unit\":\"us\",\"asked\":%llu,"
           "\"dropped\":%llu}\n",
           with, (unsigned long long)asked, (unsigned long long)dropped);
    printf("{\"bench\":\"serve_p99_shadow_ratio\",\"value\":%.3f,\"unit\":\"x\",\"blocks\":%d}\n",
           with / without, blocks);
    double cpu_without = median(cpu[0], blocks), cpu_with = median(cpu[1], blocks);
    printf("{\"bench\":\"serve_io_cpu_alone\",\"value\":%.2f,\"unit\":\"us\"}\n", cpu_without);
    printf("{\"bench\":\"serve_io_cpu_shadowed\",\"value\":%.2f,\"unit\":\"us\"}\n", cpu_with);
    for (int k = 0; k < 2; k++) {
        free(p99[k]);
        free(cpu[k]);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(measure) };

    if (argc > 1) rate = atoi(argv[1]);
    if (argc > 2) blocks = atoi(argv[2]);
    if (rate < 1 || blocks < 1) return 2;
    return cmocka_run_group_tests_name("shadow", tests, NULL, NULL);
}
