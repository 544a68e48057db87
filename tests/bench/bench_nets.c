/* bench_nets.c: speed and accuracy of nets on MNIST, as JSON lines for make bench.
 *
 *   bench_nets [mlp|cnn] [epochs] [threads] [parameter=value …]
 *
 * Reads $SIGNALBOX_SHARED/data/mnist-*, trains on the 60,000 images, and answers the 10,000 of
 * the test set: seconds of an epoch (by the clock, and of processor time), accuracy, images a
 * second in batches and microseconds of a single one, each in float32 and in int8. Without the
 * data it says so and ends well. Not a test. */
#include "app/ingest.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "engine/model/model.h"
#include "engine/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SINGLE 2000

static void __attribute__((noreturn)) die(const struct err *e)
{
    fprintf(stderr, "bench_nets: %s\n", e->msg);
    exit(1);
}

static struct frame *images(const char *part)
{
    const char *shared = getenv("SIGNALBOX_SHARED");
    char path[4096];
    struct err e = ERR_INIT;
    struct frame *f;

    snprintf(path, sizeof path, "%s/data/mnist-%s-images-idx3-ubyte.gz",
             shared ? shared : "../shared", part);
    FILE *there = fopen(path, "rb");
    if (!there) {
        printf("bench_nets: no %s\n", path);
        exit(0);
    }
    fclose(there);
    if (ingest_frame(path, NULL, &f, NULL, &e) < 0) die(&e);
    return f;
}

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double wall_seconds(void)
{
    return (double)clock_mono_ns() / 1e9;
}

static void put(const char *name, const char *what, double value, const char *unit)
{
    printf("{\"bench\":\"%s %s\",\"value\":%.6g,\"unit\":\"%s\"}\n", name, what, value, unit);
}

static double accuracy(const struct engine *en, const struct model *m, const struct frame *f,
                       double *seconds)
{
    size_t k = (size_t)model_outputs(m), right = 0;
    double *p = mem_zalloc(f->n_rows * k, sizeof *p), *y = mem_zalloc(f->n_rows, sizeof *y);
    struct err e = ERR_INIT;
    double before = cpu_seconds();

    if (model_predict(en, m, f, p, &e) < 0) die(&e);
    *seconds = cpu_seconds() - before;
    if (model_encode_target(m, f, y, &e) < 0) die(&e);
    for (size_t i = 0; i < f->n_rows; i++) right += model_decide(m, p + i * k) == (int)y[i];
    free(p);
    free(y);
    return (double)right / (double)f->n_rows;
}

static double single_us(const struct model *m, const struct frame *f)
{
    size_t d = model_features(m);
    double *x = mem_zalloc(d, sizeof *x), *scratch = mem_zalloc(model_scratch(m), sizeof *scratch);
    double p[10], before, spent = 0;

    for (size_t i = 0; i < SINGLE; i++) {
        for (size_t j = 0; j < d; j++) x[j] = f->cols[j].num[i];
        before = cpu_seconds();
        model_predict_row(m, x, scratch, p);
        spent += cpu_seconds() - before;
    }
    free(x);
    free(scratch);
    return spent / SINGLE * 1e6;
}

static void answers(const struct engine *en, const struct model *m, const struct frame *test,
                    const char *name)
{
    double seconds, share = accuracy(en, m, test, &seconds);

    put(name, "accuracy", share, "");
    put(name, "batch", (double)test->n_rows / seconds, "images/s of a core");
    put(name, "single", single_us(m, test), "us");
}

int main(int argc, char **argv)
{
    const char *algorithm = argc > 1 ? argv[1] : "cnn", *epochs = argc > 2 ? argv[2] : "1";
    struct engine en = { .pool = pool_new(argc > 3 ? atoi(argv[3]) : 0), .seed = 1 };
    struct frame *train = images("train"), *test = images("t10k");
    struct arena a = ARENA_INIT;
    struct val *params = val_obj(&a);
    struct model_spec spec = { .algorithm = algorithm, .target = "label", .params = params };
    struct model *m, *small;
    struct err e = ERR_INIT;
    char name[64];
    double wall, cpu, n = atof(epochs);

    val_set_str(params, "epochs", epochs);
    for (int i = 4; i < argc; i++) {
        const char *eq = strchr(argv[i], '=');
        if (eq) val_set_str(params, arena_strndup(&a, argv[i], (size_t)(eq - argv[i])), eq + 1);
    }
    snprintf(name, sizeof name, "nets: %s MNIST", algorithm);
    wall = wall_seconds();
    cpu = cpu_seconds();
    if (model_fit(&en, &spec, train, NULL, &m, &e) < 0) die(&e);
    put(name, "epoch", (wall_seconds() - wall) / n, "s");
    put(name, "epoch, processor", (cpu_seconds() - cpu) / n, "s");
    answers(&en, m, test, name);
    if (model_quantise(&en, m, test, &small, &e) < 0) die(&e);
    snprintf(name, sizeof name, "nets: %s int8 MNIST", algorithm);
    answers(&en, small, test, name);
    model_free(m);
    model_free(small);
    frame_free(train);
    frame_free(test);
    pool_free(en.pool);
    arena_done(&a);
    return 0;
}
