/* gbdttest.h: what the tests of the gradient-boosted trees share: small data sets made by a
 * seeded generator, fits with parameters given as text, curves and bytes of models. */
#pragma once
#include "base/arena.h"
#include "base/val.h"
#include "engine/learn/gbdt_train.h"
#include "enginetest.h"

#define MAX_ROUNDS 4096

/* A column-major data set with room for n rows and d features. */
struct data {
    size_t n, d;
    double *x, *y, *w; /* w NULL: unweighted */
    int32_t *levels;
};

static inline struct data data_new(size_t n, size_t d)
{
    return (struct data){ .n = n,
                          .d = d,
                          .x = mem_zalloc(n * d, sizeof(double)),
                          .y = mem_zalloc(n, sizeof(double)),
                          .levels = mem_zalloc(d, sizeof(int32_t)) };
}

static inline void data_free(struct data *a)
{
    free(a->x);
    free(a->y);
    free(a->w);
    free(a->levels);
}

static inline double *cell(const struct data *a, size_t row, size_t j)
{
    return &a->x[j * a->n + row];
}

static inline struct matrix matrix_of(const struct data *a)
{
    return (struct matrix){ .n = a->n, .d = a->d, .x = a->x, .levels = a->levels };
}

/* A fit and what it reported. */
struct fitted {
    enum task task;
    int classes, k;
    int threads;
    uint64_t seed;
    const char *params; /* JSON object */
    const struct data *valid;
    const atomic_bool *cancel;
    size_t cancel_after; /* rounds; 0: never */
    atomic_bool *cancel_flag;
    struct gbdt_model *m;
    size_t rounds;
    double train[MAX_ROUNDS], valid_curve[MAX_ROUNDS];
};

static inline void keep_curve(void *user, const struct engine_progress *p)
{
    struct fitted *f = user;

    assert_true(f->rounds < MAX_ROUNDS);
    f->train[f->rounds] = p->train;
    f->valid_curve[f->rounds++] = p->valid;
    if (f->cancel_after && f->rounds == f->cancel_after) atomic_store(f->cancel_flag, true);
}

static inline int try_fit(struct fitted *f, const struct data *a, struct err *e)
{
    struct arena arena = ARENA_INIT;
    struct val *given = NULL, *bound = NULL;
    const char *text = f->params ? f->params : "{}";
    struct engine en = { .pool = pool_new(f->threads ? f->threads : 1),
                         .seed = f->seed,
                         .cancel = f->cancel,
                         .progress = keep_curve,
                         .user = f };
    struct fit_input in = { .task = f->task,
                            .n_classes = f->task == TASK_BINARY ? 2 : f->classes,
                            .train = matrix_of(a),
                            .y = a->y,
                            .w = a->w };
    void *state = NULL;

    f->rounds = 0;
    f->m = NULL;
    f->k = f->task == TASK_MULTICLASS ? f->classes : 1;
    assert_non_null(en.pool);
    check_ok(val_parse_json(&arena, text, strlen(text), &given, e), e);
    check_ok(param_bind_val(learner_gbdt.params, &arena, given, &bound, e), e);
    in.params = bound;
    if (f->valid) {
        in.valid = matrix_of(f->valid);
        in.y_valid = f->valid->y;
    }
    int r = learner_gbdt.fit(&en, &in, &state, e);
    f->m = state;
    pool_free(en.pool);
    arena_done(&arena);
    return r;
}

static inline void fit_ok(struct fitted *f, const struct data *a)
{
    struct err e = ERR_INIT;

    check_ok(try_fit(f, a, &e), &e);
}

static inline void fitted_free(struct fitted *f)
{
    learner_gbdt.free(f->m);
    f->m = NULL;
}

/* Predictions of all rows in one batch; n * k values, the caller frees. */
static inline double *predict_all(const struct gbdt_model *m, const struct data *a)
{
    struct matrix x = matrix_of(a);
    double *p = mem_zalloc(a->n * (size_t)m->k + 1, sizeof *p);

    learner_gbdt.predict(m, &x, 0, a->n, p);
    return p;
}

static inline double rmse_of(const struct gbdt_model *m, const struct data *a)
{
    double *p = predict_all(m, a), sum = 0;

    for (size_t i = 0; i < a->n; i++) sum += (p[i] - a->y[i]) * (p[i] - a->y[i]);
    free(p);
    return sqrt(sum / (double)a->n);
}

static inline struct buf bytes_of(const struct gbdt_model *m)
{
    struct buf b = BUF_INIT;
    struct err e = ERR_INIT;

    check_ok(learner_gbdt.save(m, &b, &e), &e);
    return b;
}

/* Four numeric features, one with missing values; a category of six levels; noise. */
static inline struct data mixed_data(size_t n, enum task task, int classes, uint64_t seed)
{
    struct data a = data_new(n, 6);
    struct rng r;

    rng_seed(&r, seed);
    a.levels[4] = 6;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < 4; j++) *cell(&a, i, j) = rng_normal(&r);
        double c = (double)rng_below(&r, 6), z;
        *cell(&a, i, 5) = floor(3 * rng_normal(&r));
        z = sin(2 * *cell(&a, i, 0)) + *cell(&a, i, 1) * *cell(&a, i, 2) + (c < 2 || c == 5);
        if (rng_unit(&r) < 0.2) {
            *cell(&a, i, 3) = (double)NAN;
            z -= 0.7;
        }
        *cell(&a, i, 4) = rng_unit(&r) < 0.05 ? (double)NAN : c;
        z += 0.3 * rng_normal(&r);
        if (task == TASK_REGRESSION) a.y[i] = z;
        else if (task == TASK_BINARY) a.y[i] = z > 0.3;
        else a.y[i] = fmin(fmax(floor(z + classes / 2.0), 0), classes - 1);
    }
    return a;
}
