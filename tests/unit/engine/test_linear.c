/* test_linear.c: the pieces of the linear learners and the learners themselves: equations with
 * known solutions, functions with known minima, gradients that vanish at the fit. */
#include "base/rng.h"
#include "base/val.h"
#include "engine/learn/lbfgs.h"
#include "engine/learn/learner.h"
#include "engine/learn/solve.h"
#include "enginetest.h"

/* ---- equations ----------------------------------------------------------------------- */

/* a = l l' of a random n * r matrix. */
static void random_spd(struct rng *rng, size_t n, size_t r, double *a)
{
    double *l = calloc(n * r, sizeof *l);

    for (size_t i = 0; i < n * r; i++) l[i] = rng_normal(rng);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            a[i * n + j] = 0;
            for (size_t k = 0; k < r; k++) a[i * n + j] += l[i * r + k] * l[j * r + k];
        }
    free(l);
}

static void test_solves_what_it_multiplied(void **state)
{
    enum { MAX = 40 };
    double a[MAX * MAX], kept[MAX * MAX], want[MAX], b[MAX], scratch[3 * MAX];
    struct rng rng;

    (void)state;
    rng_seed(&rng, 3);
    for (size_t n = 1; n <= MAX; n += 3) {
        random_spd(&rng, n, 2 * n, a);
        for (size_t i = 0; i < n; i++) { /* columns of very different sizes */
            double s = i % 3 ? 1 : 1e6;
            for (size_t j = 0; j < n; j++) {
                a[i * n + j] *= s;
                a[j * n + i] *= s;
            }
        }
        memcpy(kept, a, n * n * sizeof *a);
        for (size_t i = 0; i < n; i++) want[i] = rng_normal(&rng);
        for (size_t i = 0; i < n; i++) {
            b[i] = 0;
            for (size_t j = 0; j < n; j++) b[i] += kept[i * n + j] * want[j];
        }
        assert_int_equal(solve_spd(a, n, b, scratch), n);
        for (size_t i = 0; i < n; i++) check_near(b[i], want[i], 1e-7, 1e-7, "solution");
    }
}

/* A singular but consistent system: some solution, with zeros for dependent columns. */
static void test_singular_matrices(void **state)
{
    enum { N = 12, RANK = 5 };
    double a[N * N], kept[N * N], b[N], x[N], scratch[3 * N];
    struct rng rng;
    size_t zeros = 0;

    (void)state;
    rng_seed(&rng, 4);
    random_spd(&rng, N, RANK, a);
    memcpy(kept, a, sizeof a);
    for (size_t i = 0; i < N; i++) {
        b[i] = 0;
        for (size_t j = 0; j < N; j++) b[i] += kept[i * N + j] * (double)(j + 1);
    }
    memcpy(x, b, sizeof b);
    assert_int_equal(solve_spd(a, N, x, scratch), RANK);
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t j = 0; j < N; j++) sum += kept[i * N + j] * x[j];
        check_near(sum, b[i], 1e-7, 1e-7, "left side");
        zeros += x[i] == 0;
    }
    assert_int_equal(zeros, N - RANK);
    memset(a, 0, sizeof a);
    assert_int_equal(solve_spd(a, N, x, scratch), 0);
    for (size_t i = 0; i < N; i++) assert_true(x[i] == 0);
}

/* ---- minima -------------------------------------------------------------------------- */

struct bowl {
    size_t n;
    int evaluations, steps, stop_after;
};

/* sum of c_i (x_i - i)^2 + quartic terms, c_i from 1 to 100 */
static double bowl_eval(void *arg, const double *x, double *g)
{
    struct bowl *b = arg;
    double f = 0;

    b->evaluations++;
    for (size_t i = 0; i < b->n; i++) {
        double c = pow(10, 2.0 * (double)i / (double)(b->n - 1)), d = x[i] - (double)i;
        f += c * d * d + d * d * d * d;
        g[i] = 2 * c * d + 4 * d * d * d;
    }
    return f;
}

static bool bowl_step(void *arg, int iteration, double f, const double *x)
{
    struct bowl *b = arg;

    (void)f;
    (void)x;
    assert_int_equal(iteration, ++b->steps);
    return b->steps != b->stop_after;
}

static void test_lbfgs_finds_the_bottom(void **state)
{
    double x[20] = { 0 };
    struct bowl b = { 20, 0, 0, 0 };
    struct lbfgs p = { 20, 500, 1e-9, bowl_eval, bowl_step, NULL, &b };
    enum lbfgs_end end;
    struct err e = ERR_INIT;

    (void)state;
    check_ok(lbfgs_minimise(&p, x, &end, &e), &e);
    assert_int_equal(end, LBFGS_CONVERGED);
    for (size_t i = 0; i < 20; i++) check_near(x[i], (double)i, 1e-8, 0, "minimum");
    assert_true(b.evaluations < 2 * b.steps + 20);
}

static void test_lbfgs_stops_when_told(void **state)
{
    double x[20] = { 0 };
    struct bowl b = { 20, 0, 0, 3 };
    struct lbfgs p = { 20, 500, 1e-9, bowl_eval, bowl_step, NULL, &b };
    enum lbfgs_end end;
    struct err e = ERR_INIT;

    (void)state;
    check_ok(lbfgs_minimise(&p, x, &end, &e), &e);
    assert_int_equal(end, LBFGS_STOPPED);
    b = (struct bowl){ 20, 0, 0, 0 };
    p.max_iter = 5;
    memset(x, 0, sizeof x);
    check_ok(lbfgs_minimise(&p, x, &end, &e), &e);
    assert_int_equal(end, LBFGS_MAX_ITER);
    assert_int_equal(b.steps, 5);
}

/* ---- learners ------------------------------------------------------------------------ */

struct curve {
    size_t calls;
    double first_train, last_train, last_valid;
};

static void on_progress(void *user, const struct engine_progress *p)
{
    struct curve *c = user;

    assert_true(p->done <= p->total);
    if (c->calls++ == 0) c->first_train = p->train;
    c->last_train = p->train;
    c->last_valid = p->valid;
}

static int threads = 2;

/* Fits a learner to a matrix; params is NULL or an object in a. */
static void *fit(const char *name, enum task task, int classes, const struct matrix *m,
                 const double *y, const double *w, struct val *params, struct curve *curve)
{
    const struct learner *l = learner_find(name);
    struct engine en = { .pool = pool_new(threads),
                         .progress = curve ? on_progress : NULL,
                         .user = curve };
    struct arena a = ARENA_INIT;
    struct val *bound = NULL;
    void *fitted = NULL;
    struct err e = ERR_INIT;

    check_ok(param_bind_val(l->params, &a, params, &bound, &e), &e);
    struct fit_input in = { .task = task,
                            .n_classes = classes,
                            .train = *m,
                            .y = y,
                            .w = w,
                            .valid = *m,
                            .y_valid = y,
                            .params = bound };
    check_ok(l->fit(&en, &in, &fitted, &e), &e);
    arena_done(&a);
    pool_free(en.pool);
    return fitted;
}

static struct val *one_param(struct arena *a, const char *name, double v)
{
    struct val *p = val_obj(a);

    val_set_real(p, name, v);
    return p;
}

/* y = 3 + 2 x0 - x1 exactly, found without a penalty, a copied column notwithstanding. */
static void test_ridge_recovers_a_plane(void **state)
{
    enum { N = 50 };
    double x[N * 3], y[N], out[N];
    struct matrix m = { N, 3, x, NULL };
    struct arena a = ARENA_INIT;
    struct rng rng;

    (void)state;
    rng_seed(&rng, 1);
    for (size_t i = 0; i < N; i++) {
        x[3 * i] = rng_normal(&rng);
        x[3 * i + 1] = x[3 * i + 2] = rng_normal(&rng);
        y[i] = 3 + 2 * x[3 * i] - x[3 * i + 1];
    }
    void *s = fit("linear", TASK_REGRESSION, 0, &m, y, NULL, one_param(&a, "l2", 0), NULL);
    learner_find("linear")->predict(s, &m, 0, N, out);
    for (size_t i = 0; i < N; i++) check_near(out[i], y[i], 1e-9, 1e-9, "plane");
    learner_find("linear")->free(s);
    arena_done(&a);
}

/* One column, by hand: mean-free x = -1, 0, 1 and y = 0, 1, 5: slope = 5 / (2 + l2). */
static void test_ridge_shrinks(void **state)
{
    const double x[] = { -1, 0, 1 }, y[] = { 0, 1, 5 };
    struct matrix m = { 3, 1, x, NULL };
    struct arena a = ARENA_INIT;
    double out;

    (void)state;
    for (double l2 = 0; l2 < 20; l2 += 3) {
        void *s = fit("linear", TASK_REGRESSION, 0, &m, y, NULL, one_param(&a, "l2", l2), NULL);
        learner_find("linear")->predict_row(s, (const double[]){ 1 }, &out);
        check_near(out, 2 + 5 / (2 + l2), 1e-12, 0, "prediction at 1");
        learner_find("linear")->free(s);
    }
    arena_done(&a);
}

static void noisy_classes(size_t n, size_t d, int classes, double *x, double *y, double *w)
{
    struct rng rng;

    rng_seed(&rng, 7);
    for (size_t i = 0; i < n; i++) {
        double z = rng_normal(&rng);
        for (size_t j = 0; j < d; j++) {
            x[i * d + j] = j % 2 ? (double)rng_below(&rng, 2) : rng_normal(&rng);
            z += x[i * d + j] * (j % 3 ? 0.5 : -0.8);
        }
        y[i] = fmin(fmax(floor(z + classes / 2.0), 0), classes - 1);
        w[i] = 0.5 + rng_unit(&rng);
    }
}

/* As noisy_classes, but of the columns from 3 on each row has one or two that are not 0. */
static void one_hot_classes(size_t n, size_t d, int classes, double *x, double *y, double *w)
{
    struct rng rng;

    noisy_classes(n, d, classes, x, y, w);
    rng_seed(&rng, 8);
    for (size_t i = 0; i < n; i++) {
        size_t level = 3 + rng_below(&rng, d - 3);
        memset(x + i * d + 3, 0, (d - 3) * sizeof *x);
        x[i * d + level] = 1;
        x[i * d + 3 + rng_below(&rng, d - 3)] = -0.5;
        if (level % 2) y[i] = level % (unsigned)classes;
    }
}

typedef void fill_fn(size_t n, size_t d, int classes, double *x, double *y, double *w);

/* At the minimum the penalised gradient is 0: intercepts sum of w (p - y) = 0, coefficients
 * sum of w (p - y) x = -l2 c. Only predictions are seen, so c comes from their differences. */
static void check_optimum(fill_fn *fill, size_t n, int classes, size_t d, double l2)
{
    double *x = calloc(n * d, sizeof *x), *y = calloc(n, sizeof *y), *w = calloc(n, sizeof *w);
    size_t k = classes == 2 ? 1 : (size_t)classes;
    double *p = calloc(n * k, sizeof *p), *zero = calloc(d, sizeof *zero), at0[16], at1[16];
    struct matrix m = { n, d, x, NULL };
    struct arena a = ARENA_INIT;
    struct curve curve = { 0 };
    const struct learner *l = learner_find("logistic");
    struct val *params = one_param(&a, "l2", l2);

    val_set_real(params, "tol", 1e-9);
    val_set_int(params, "max_iter", 1000);
    fill(n, d, classes, x, y, w);
    void *s = fit("logistic", classes == 2 ? TASK_BINARY : TASK_MULTICLASS, classes, &m, y, w,
                  params, &curve);
    assert_true(curve.calls >= 3 && curve.last_train < curve.first_train);
    l->predict(s, &m, 0, n, p);
    l->predict_row(s, zero, at0);
    for (size_t c = 0; c < k; c++) {
        double g0 = 0;
        for (size_t i = 0; i < n; i++)
            g0 += w[i] * (p[i * k + c] - (y[i] == (double)(k == 1 ? 1 : c)));
        check_near(g0, 0, 1e-8 * (double)n, 0, "gradient of the intercept");
    }
    for (size_t j = 0; j < d; j++) {
        zero[j] = 1;
        l->predict_row(s, zero, at1);
        zero[j] = 0;
        /* difference of logits; for more classes of those of class 1 and class 0 */
        double c = k == 1 ? log(at1[0] / (1 - at1[0])) - log(at0[0] / (1 - at0[0]))
                          : log(at1[1] / at1[0]) - log(at0[1] / at0[0]);
        double g = 0;
        for (size_t i = 0; i < n; i++) {
            double r1 = p[i * k + (k > 1)] - (y[i] == 1), r0 = k > 1 ? p[i * k] - (y[i] == 0) : 0;
            g += w[i] * (r1 - r0) * x[i * d + j];
        }
        check_near(g + l2 * c, 0, 1e-7 * (double)n, 0, "gradient of a coefficient");
    }
    l->free(s);
    arena_done(&a);
    free(x);
    free(y);
    free(w);
    free(p);
    free(zero);
}

static void test_logistic_is_at_the_minimum(void **state)
{
    (void)state;
    check_optimum(noisy_classes, 1500, 2, 5, 1); /* Newton */
    check_optimum(noisy_classes, 1500, 2, 5, 100);
    check_optimum(one_hot_classes, 3000, 2, 40, 1);
    check_optimum(noisy_classes, 110000, 2, 3, 1); /* Newton, begun on a sample */
    check_optimum(one_hot_classes, 50000, 2, 23, 1);
    check_optimum(noisy_classes, 600, 2, 1020, 5); /* L-BFGS */
    check_optimum(noisy_classes, 1500, 3, 5, 1);
    check_optimum(noisy_classes, 1500, 5, 11, 0.5);
}

/* Enough rows for many chunks: their sums are added in the same order by any number of threads. */
static void test_same_bytes_for_any_thread_count(void **state)
{
    enum { N = 20000, D = 12 };
    static const struct {
        const char *name;
        enum task task;
        int classes;
        fill_fn *fill;
    } kinds[] = { { "logistic", TASK_BINARY, 2, noisy_classes },
                  { "logistic", TASK_BINARY, 2, one_hot_classes },
                  { "logistic", TASK_MULTICLASS, 4, noisy_classes },
                  { "linear", TASK_REGRESSION, 9, noisy_classes } };
    double *x = calloc(N * D, sizeof *x), *y = calloc(N, sizeof *y), *w = calloc(N, sizeof *w);
    struct matrix m = { N, D, x, NULL };

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        const struct learner *l = learner_find(kinds[k].name);
        struct buf bytes[3] = { BUF_INIT, BUF_INIT, BUF_INIT };
        kinds[k].fill(N, D, kinds[k].classes, x, y, w);
        for (threads = 1; threads <= 3; threads++) {
            void *s = fit(kinds[k].name, kinds[k].task, kinds[k].classes, &m, y, w, NULL, NULL);
            struct buf *b = &bytes[threads - 1];
            assert_int_equal(l->save(s, b, NULL), 0);
            assert_int_equal(b->n, bytes[0].n);
            assert_memory_equal(b->p, bytes[0].p, b->n);
            l->free(s);
        }
        for (int i = 0; i < 3; i++) buf_done(&bytes[i]);
    }
    threads = 2;
    free(x);
    free(y);
    free(w);
}

/* Perfectly separable classes without a penalty have no minimum; training still ends. */
static void test_separable_classes(void **state)
{
    const double x[] = { -2, -1, 1, 2 }, y[] = { 0, 0, 1, 1 };
    struct matrix m = { 4, 1, x, NULL };
    struct arena a = ARENA_INIT;
    double out[4];

    (void)state;
    void *s = fit("logistic", TASK_BINARY, 2, &m, y, NULL, one_param(&a, "l2", 0), NULL);
    learner_find("logistic")->predict(s, &m, 0, 4, out);
    assert_true(out[0] < 1e-4 && out[1] < 1e-3 && out[2] > 1 - 1e-3 && out[3] > 1 - 1e-4);
    for (size_t i = 0; i < 4; i++) assert_true(isfinite(out[i]));
    learner_find("logistic")->free(s);
    arena_done(&a);
}

/* A row of weight 2 is the row twice; of weight 0 it is not there. */
static void test_weights_repeat_rows(void **state)
{
    const double x[] = { -1, 0.5, 1, 0.2, 9 }, y[] = { 0, 1, 0, 1, 1 }, w[] = { 1, 2, 1, 1, 0 };
    const double x2[] = { -1, 0.5, 0.5, 1, 0.2 }, y2[] = { 0, 1, 1, 0, 1 };
    struct matrix m = { 5, 1, x, NULL }, m2 = { 5, 1, x2, NULL };
    static const char *const names[] = { "logistic", "linear" };
    double out, out2;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct learner *l = learner_find(names[i]);
        enum task task = i ? TASK_REGRESSION : TASK_BINARY;
        void *a = fit(names[i], task, 2, &m, y, w, NULL, NULL);
        void *b = fit(names[i], task, 2, &m2, y2, NULL, NULL, NULL);
        for (double v = -2; v < 3; v++) {
            l->predict_row(a, &v, &out);
            l->predict_row(b, &v, &out2);
            check_near(out, out2, 1e-9, 1e-9, "weighted");
        }
        l->free(a);
        l->free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_solves_what_it_multiplied),  TEST(test_singular_matrices),
        TEST(test_lbfgs_finds_the_bottom),     TEST(test_lbfgs_stops_when_told),
        TEST(test_ridge_recovers_a_plane),     TEST(test_ridge_shrinks),
        TEST(test_logistic_is_at_the_minimum), TEST(test_same_bytes_for_any_thread_count),
        TEST(test_separable_classes),          TEST(test_weights_repeat_rows),
    };
    return cmocka_run_group_tests_name("engine/linear", tests, NULL, NULL);
}
