/* fill_runs.c: fills a workspace with many runs, through the store as trainings do.
 * Usage: fill_runs DIR [RUNS [SEED]]. 100,000 runs when not said otherwise, in 20 experiments,
 * started a minute apart up to now: params, final metrics, tags, every hundredth with a loss
 * curve, a few failed. Same seed, same content but for ids and times. For the console's and the
 * search's measurements; prints one line of the bench format. */
#include "base/id.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/vec.h"
#include "store/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { EXPERIMENTS = 20, BATCH = 2000, CURVE = 100, CURVE_EVERY = 100 };
#define STEP_US (60 * 1000000LL)

struct fill {
    struct store *s;
    struct arena a; /* one run */
    struct rng rng;
    char experiments[EXPERIMENTS][24];
    int64_t start_us;
};

static const char *real(struct fill *f, double v)
{
    char buf[32];

    return arena_strdup(&f->a, str_real(buf, v));
}

static int add_details(struct fill *f, const char *id, long i, double auc, struct err *e)
{
    bool boosted = rng_below(&f->rng, 3) > 0;
    const struct kv params[] = {
        { "algorithm", boosted ? "gbdt" : "logistic" },
        { "data", arena_printf(&f->a, "transactions:%ld", 1 + i % 7) },
        { "target", "fraud" },
        { "seed", arena_printf(&f->a, "%ld", i) },
        { "learning_rate", real(f, 0.01 + 0.2 * rng_unit(&f->rng)) },
        { "num_leaves", boosted ? "31" : "0" },
        { "rows", "284807" },
        { "features", "30" },
    };
    const struct metric_point metrics[] = {
        { "auc", auc, 1, f->start_us },
        { "accuracy", 0.9 + auc / 20, 1, f->start_us },
        { "log_loss", 1.2 - auc, 1, f->start_us },
        { "brier", 0.3 - auc / 4, 1, f->start_us },
        { "f1", auc * 0.8, 1, f->start_us },
        { "train_auc", 0.5 + auc / 2, 1, f->start_us },
        { "train_log_loss", 1.1 - auc, 1, f->start_us },
    };
    const struct kv tags[] = {
        { "mlflow.user", i % 3 ? "ada" : "grace" },
        { "mlflow.source.name", "signalbox train" },
        { "signalbox.fp_data", arena_printf(&f->a, "%016lx", (unsigned long)i % 7) },
    };
    int rc = store_run_log_params(f->s, id, params, ARRAY_LEN(params), e);

    if (rc == 0) rc = store_run_log_metrics(f->s, id, metrics, ARRAY_LEN(metrics), e);
    if (rc == 0) rc = store_run_set_tags(f->s, id, tags, ARRAY_LEN(tags), e);
    return rc;
}

static int add_curve(struct fill *f, const char *id, double auc, struct err *e)
{
    struct metric_point p[CURVE];

    for (int k = 0; k < CURVE; k++)
        p[k] = (struct metric_point){ .key = "log_loss",
                                      .value = 1.2 - auc + exp(-k / 20.0),
                                      .step = k - CURVE,
                                      .time_us = f->start_us };
    return store_run_log_metrics(f->s, id, p, CURVE, e);
}

static int add_run(struct fill *f, long i, struct err *e)
{
    char id[RUN_ID_LEN + 1];
    double auc = 0.5 + 0.49 * sqrt(rng_unit(&f->rng));
    bool failed = rng_below(&f->rng, 50) == 0;

    id_run(id);
    arena_reset(&f->a);
    struct run r = { .id = id,
                     .experiment_id = f->experiments[rng_below(&f->rng, EXPERIMENTS)],
                     .name = arena_printf(&f->a, "gbdt-%.8s", id),
                     .status = "RUNNING",
                     .user = i % 3 ? "ada" : "grace",
                     .start_us = f->start_us };
    int rc = store_run_create(f->s, &f->a, &r, e);

    if (rc == 0) rc = add_details(f, id, i, auc, e);
    if (rc == 0 && i % CURVE_EVERY == 0) rc = add_curve(f, id, auc, e);
    if (rc == 0)
        rc = store_run_finish(f->s, id, failed ? "FAILED" : "FINISHED",
                              f->start_us + 1000000 + (int64_t)rng_below(&f->rng, 50000000), e);
    f->start_us += STEP_US;
    return rc;
}

static int add_experiments(struct fill *f, struct err *e)
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < EXPERIMENTS; i++) {
        struct experiment x;
        const char *name = arena_printf(&f->a, "bench-%02d", i);
        rc = store_experiment_get(f->s, &f->a, name, &x, e);
        if (rc == -ERR_NOTFOUND) rc = store_experiment_create(f->s, &f->a, name, &x, e);
        if (rc == 0) snprintf(f->experiments[i], sizeof f->experiments[i], "%s", x.id);
    }
    return rc;
}

static int fill(struct fill *f, long runs, struct err *e)
{
    int rc = add_experiments(f, e);

    for (long i = 0; rc == 0 && i < runs; i++) {
        if (i % BATCH == 0) rc = store_begin(f->s, e);
        if (rc == 0) rc = add_run(f, i, e);
        if (rc == 0 && (i % BATCH == BATCH - 1 || i == runs - 1)) rc = store_commit(f->s, e);
    }
    return rc;
}

int main(int argc, char **argv)
{
    long long runs = 100000, seed = 1;
    struct fill f = { .a = ARENA_INIT };
    struct err e = ERR_INIT;
    int64_t t0 = clock_mono_us();

    if (argc < 2 || (argc > 2 && !str_to_i64(argv[2], &runs)) ||
        (argc > 3 && !str_to_i64(argv[3], &seed)) || runs < 1) {
        fprintf(stderr, "usage: fill_runs DIR [RUNS [SEED]]\n");
        return 2;
    }
    rng_seed(&f.rng, (uint64_t)seed);
    f.start_us = clock_now(&clock_system) - runs * STEP_US;
    int rc = store_open(&f.s, argv[1], STORE_CREATE, &clock_system, &e);
    if (rc == 0) rc = fill(&f, (long)runs, &e);
    store_close(f.s);
    arena_done(&f.a);
    if (rc < 0) {
        fprintf(stderr, "fill_runs: %s\n", e.msg);
        return 1;
    }
    printf("{\"bench\":\"store.fill_runs\",\"value\":%.0f,\"unit\":\"runs/s\",\"runs\":%lld}\n",
           (double)runs * 1e6 / (double)(clock_mono_us() - t0), runs);
    return 0;
}
