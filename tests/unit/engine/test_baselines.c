/* test_baselines.c: naive Bayes and k nearest neighbours against their definitions, worked out
 * here in the plainest way; equal bytes for any threads; bytes and back; hostile bytes. */
#include "gbdttest.h"

extern const struct learner learner_naive_bayes, learner_knn;

static void *fit(const struct learner *l, const struct data *a, enum task task, int classes,
                 int threads, const char *params)
{
    struct arena arena = ARENA_INIT;
    struct val *given = NULL, *bound = NULL;
    struct engine en = { .pool = pool_new(threads) };
    struct err e = ERR_INIT;
    struct fit_input in = { .task = task,
                            .n_classes = task == TASK_REGRESSION ? 0 : classes,
                            .train = matrix_of(a),
                            .y = a->y,
                            .w = a->w };
    void *state = NULL;

    check_ok(val_parse_json(&arena, params, strlen(params), &given, &e), &e);
    check_ok(param_bind_val(l->params, &arena, given, &bound, &e), &e);
    in.params = bound;
    check_ok(l->fit(&en, &in, &state, &e), &e);
    pool_free(en.pool);
    arena_done(&arena);
    return state;
}

/* Two numbers (one with missing values) and a category of four levels; three classes. */
static struct data columns(size_t n, uint64_t seed)
{
    struct data a = data_new(n, 3);
    struct rng r;

    rng_seed(&r, seed);
    a.levels[2] = 4;
    for (size_t i = 0; i < n; i++) {
        double c = a.y[i] = (double)rng_below(&r, 3);
        *cell(&a, i, 0) = c + rng_normal(&r);
        *cell(&a, i, 1) = rng_unit(&r) < 0.2 ? (double)NAN : 3 - 2 * c + 2 * rng_normal(&r);
        *cell(&a, i, 2) = rng_unit(&r) < 0.1 ? (double)NAN : (double)rng_below(&r, 2 + (c > 0) * 2);
    }
    return a;
}

/* log p(class) + sum of log p(value | class), summed row by row. */
static void bayes_by_hand(const struct data *a, const double *x, double *out)
{
    double logs[3], sum = 0, top = -HUGE_VAL;

    for (int c = 0; c < 3; c++) {
        double n = 0;
        for (size_t i = 0; i < a->n; i++) n += (int)a->y[i] == c;
        logs[c] = log(n / (double)a->n);
        for (size_t j = 0; j < 2; j++) {
            double m = 0, v = 0, k = 0;
            for (size_t i = 0; i < a->n; i++) {
                double t = a->x[j * a->n + i];
                if ((int)a->y[i] == c && !isnan(t)) {
                    m += t;
                    v += t * t;
                    k++;
                }
            }
            m /= k;
            v = v / k - m * m;
            if (!isnan(x[j]))
                logs[c] -=
                    0.5 * log(2 * 3.14159265358979323846 * v) + (x[j] - m) * (x[j] - m) / (2 * v);
        }
        double hits = 1, all = 4;
        for (size_t i = 0; i < a->n; i++) {
            double t = a->x[2 * a->n + i];
            if ((int)a->y[i] != c || isnan(t)) continue;
            all++;
            hits += t == x[2];
        }
        if (!isnan(x[2]) && x[2] < 4) logs[c] += log(hits / all);
        top = fmax(top, logs[c]);
    }
    for (int c = 0; c < 3; c++) sum += out[c] = exp(logs[c] - top);
    for (int c = 0; c < 3; c++) out[c] /= sum;
}

static void test_bayes(void **state)
{
    struct data a = columns(800, 4), b = columns(50, 5);
    void *m = fit(&learner_naive_bayes, &a, TASK_MULTICLASS, 3, 2, "{\"var_smoothing\":0}");
    struct matrix x = matrix_of(&b);
    double p[150], want[3], one[3];

    (void)state;
    *cell(&b, 0, 2) = 7; /* a level training did not have */
    *cell(&b, 1, 0) = (double)NAN;
    learner_naive_bayes.predict(m, &x, 0, b.n, p);
    for (size_t i = 0; i < b.n; i++) {
        double row[3] = { *cell(&b, i, 0), *cell(&b, i, 1), *cell(&b, i, 2) };
        bayes_by_hand(&a, row, want);
        learner_naive_bayes.predict_row(m, row, one);
        for (int c = 0; c < 3; c++) {
            check_near(p[i * 3 + (size_t)c], want[c], 1e-9, 1e-9, "probability");
            assert_true(one[c] == p[i * 3 + (size_t)c]);
        }
    }
    learner_naive_bayes.free(m);
    data_free(&a);
    data_free(&b);
}

/* A class that never has a value, numbers that are constant: probabilities, never NaN. */
static void test_bayes_degenerate(void **state)
{
    struct data a = columns(60, 6);

    (void)state;
    for (size_t i = 0; i < a.n; i++) {
        *cell(&a, i, 0) = 1;
        if (a.y[i] > 1) *cell(&a, i, 1) = (double)NAN;
    }
    void *m = fit(&learner_naive_bayes, &a, TASK_MULTICLASS, 3, 1, "{}");
    for (size_t i = 0; i < 20; i++) {
        double row[3] = { i % 2 ? 1 : 5, i % 3 ? 1e300 : -2, (double)(i % 5) }, p[3];
        learner_naive_bayes.predict_row(m, row, p);
        check_near(p[0] + p[1] + p[2], 1, 1e-12, 0, "sum");
    }
    learner_naive_bayes.free(m);
    data_free(&a);
}

/* Dense rows of two columns for nearest neighbours; y by quadrant, or a plane. */
static struct data points(size_t n, enum task task, uint64_t seed)
{
    struct data a = data_new(n, 20);
    struct rng r;

    rng_seed(&r, seed);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < 20; j++) a.x[i * 20 + j] = rng_normal(&r) * (j < 2 ? 3 : 0.3);
        const double *x = &a.x[i * 20];
        a.y[i] = task == TASK_REGRESSION ? x[0] - x[1] : (x[0] > 0) + 2 * (x[1] > 0);
        if (task == TASK_BINARY) a.y[i] = (x[0] > 0) != (x[1] > 0);
    }
    return a;
}

static const double *sort_by;
static int by_distance(const void *a, const void *b)
{
    uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;

    if (sort_by[i] != sort_by[j]) return sort_by[i] < sort_by[j] ? -1 : 1;
    return i < j ? -1 : 1;
}

static void test_neighbours(void **state)
{
    static const enum task tasks[] = { TASK_REGRESSION, TASK_BINARY, TASK_MULTICLASS };

    (void)state;
    for (size_t t = 0; t < 3; t++)
        for (int weighted = 0; weighted < 2; weighted++) {
            struct data a = points(501, tasks[t], 1), b = points(40, tasks[t], 2);
            void *m = fit(&learner_knn, &a, tasks[t], tasks[t] == TASK_BINARY ? 2 : 4, 2,
                          weighted ? "{\"n_neighbors\":7,\"weights\":\"distance\"}"
                                   : "{\"n_neighbors\":7}");
            for (size_t i = 0; i < b.n; i++) {
                double d2[501], want[4] = { 0 }, total = 0, p[4];
                uint32_t order[501];
                for (uint32_t r = 0; r < a.n; r++) {
                    d2[r] = 0;
                    order[r] = r;
                    for (size_t j = 0; j < 20; j++) {
                        double diff = (double)((float)a.x[r * 20 + j] - (float)b.x[i * 20 + j]);
                        d2[r] += diff * diff;
                    }
                }
                sort_by = d2;
                qsort(order, a.n, sizeof *order, by_distance);
                for (int k = 0; k < 7; k++) {
                    double w = weighted ? 1 / sqrt(d2[order[k]]) : 1, y = a.y[order[k]];
                    if (tasks[t] == TASK_REGRESSION) want[0] += w * y;
                    else if (tasks[t] == TASK_BINARY) want[0] += w * (y > 0);
                    else want[(int)y] += w;
                    total += w;
                }
                learner_knn.predict_row(m, &b.x[i * 20], p);
                for (int c = 0; c < (tasks[t] == TASK_MULTICLASS ? 4 : 1); c++)
                    check_near(p[c], want[c] / total, 1e-5, 1e-5, "neighbours");
            }
            learner_knn.free(m);
            data_free(&a);
            data_free(&b);
        }
}

/* More rows than are kept; a row of the training data asked for again is at distance 0. */
static void test_thinned(void **state)
{
    struct data a = points(1000, TASK_REGRESSION, 3);
    void *m = fit(&learner_knn, &a, TASK_REGRESSION, 0, 1,
                  "{\"n_neighbors\":5,\"weights\":\"distance\",\"max_rows\":100}");
    double p;

    (void)state;
    learner_knn.predict_row(m, &a.x[20 * 10 * 20], &p);
    assert_true(p == a.y[200]);
    learner_knn.free(m);
    data_free(&a);
}

static void test_bytes(void **state)
{
    static const struct learner *const both[] = { &learner_naive_bayes, &learner_knn };

    (void)state;
    for (size_t l = 0; l < 2; l++) {
        struct data a = l ? points(30, TASK_MULTICLASS, 7) : columns(30, 7);
        int classes = l ? 4 : 3;
        struct buf first = BUF_INIT;
        struct err e = ERR_INIT;
        for (int threads = 1; threads <= 8; threads *= 2) {
            struct buf b = BUF_INIT;
            void *m = fit(both[l], &a, TASK_MULTICLASS, classes, threads, "{}");
            check_ok(both[l]->save(m, &b, &e), &e);
            both[l]->free(m);
            if (threads == 1) {
                first = b;
                continue;
            }
            assert_int_equal(b.n, first.n);
            assert_memory_equal(b.p, first.p, b.n);
            buf_done(&b);
        }
        for (size_t at = 0; at < first.n; at++) {
            double out[4];
            for (int bit = 0; bit < 8; bit++) {
                struct cursor c = { first.p, first.n, false };
                void *bad = NULL;
                first.p[at] ^= (uint8_t)(1 << bit);
                if (both[l]->load(&c, TASK_MULTICLASS, classes, a.d, &bad, &e) == 0) {
                    both[l]->predict_row(bad, a.x, out);
                    both[l]->free(bad);
                }
                first.p[at] ^= (uint8_t)(1 << bit);
            }
            struct cursor cut = { first.p, at, false };
            void *bad = NULL;
            assert_int_equal(both[l]->load(&cut, TASK_MULTICLASS, classes, a.d, &bad, &e),
                             -ERR_CORRUPT);
        }
        struct cursor whole = { first.p, first.n, false };
        struct buf again = BUF_INIT;
        void *m = NULL;
        check_ok(both[l]->load(&whole, TASK_MULTICLASS, classes, a.d, &m, &e), &e);
        check_ok(both[l]->save(m, &again, &e), &e);
        assert_int_equal(again.n, first.n);
        assert_memory_equal(again.p, first.p, first.n);
        both[l]->free(m);
        buf_done(&again);
        buf_done(&first);
        data_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bayes), TEST(test_bayes_degenerate), TEST(test_neighbours), TEST(test_thinned),
        TEST(test_bytes),
    };

    return cmocka_run_group_tests_name("baselines", tests, NULL, NULL);
}
