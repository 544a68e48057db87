/* test_elastic.c: elastic nets: the conditions for a minimum (Karush, Kuhn, Tucker) on the rows
 * themselves, the path and the choice on it, files, threads, cancellation; and the coefficients of
 * scikit-learn where $SIGNALBOX_PEERS is a virtual environment that has it. */
#include "enginetest.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/val.h"
#include "engine/learn/elastic.h"

#include <unistd.h>

enum { ROWS = 400, COLUMNS = 12 };

struct sample {
    double x[ROWS * COLUMNS], y[ROWS], w[ROWS];
};

/* Three columns matter; two are nearly the same, one is 0 mostly. */
static void make(struct sample *s, int classes)
{
    struct rng rng;

    rng_seed(&rng, 3);
    for (size_t i = 0; i < ROWS; i++) {
        double *x = s->x + i * COLUMNS, z = rng_normal(&rng);
        for (size_t j = 0; j < COLUMNS; j++) x[j] = rng_normal(&rng);
        x[5] = x[4] + 0.1 * x[5];
        x[7] = rng_below(&rng, 10) == 0;
        z += 2 * x[0] - 1.5 * x[4] + 3 * x[7];
        s->y[i] = classes ? fmin(fmax(floor(z / 2 + classes / 2.0), 0), classes - 1) : 10 + z;
        s->w[i] = 0.5 + rng_unit(&rng);
    }
}

static const struct learner *of(int classes)
{
    return learner_find(classes ? "logistic" : "linear");
}

static struct linmodel *fit(const struct sample *s, int classes, bool weighted, struct val *params,
                            int threads)
{
    struct engine en = { .pool = pool_new(threads), .seed = 1 };
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;
    struct val *bound;
    void *state = NULL;

    check_ok(param_bind_val(of(classes)->params, &a, params, &bound, &e), &e);
    struct fit_input in = { .task = classes == 0   ? TASK_REGRESSION
                                    : classes == 2 ? TASK_BINARY
                                                   : TASK_MULTICLASS,
                            .n_classes = classes,
                            .train = { ROWS, COLUMNS, s->x, NULL },
                            .y = s->y,
                            .w = weighted ? s->w : NULL,
                            .params = bound };
    check_ok(of(classes)->fit(&en, &in, &state, &e), &e);
    arena_done(&a);
    pool_free(en.pool);
    return state;
}

static struct val *asked(struct arena *a, double l1_ratio, double lambda)
{
    struct val *p = val_obj(a);

    val_set_real(p, "l1_ratio", l1_ratio);
    if (!isnan(lambda)) val_set_real(p, "lambda", lambda);
    return p;
}

/* Gradient of the mean loss by the coefficient of column j (COLUMNS: intercept) for class c. */
static double gradient(const struct sample *s, const struct linmodel *m, int classes, bool weighted,
                       size_t j, size_t c)
{
    double sum = 0, total = 0, out[8];

    for (size_t i = 0; i < ROWS; i++) {
        const double *x = s->x + i * COLUMNS;
        double w = weighted ? s->w[i] : 1;
        of(classes)->predict_row(m, x, out);
        double hit = classes == 0 ? s->y[i] : s->y[i] == (double)(m->k == 1 ? 1 : c);
        sum += w * (out[c] - hit) * (j < COLUMNS ? x[j] : 1);
        total += w;
    }
    return sum / total;
}

static void check_conditions(int classes, bool weighted, double l1_ratio, double lambda)
{
    static struct sample s;
    const double near = classes > 2 ? 1e-4 : 1e-6;
    struct arena a = ARENA_INIT;

    make(&s, classes);
    struct linmodel *m = fit(&s, classes, weighted, asked(&a, l1_ratio, lambda), 2);
    for (size_t c = 0; c < m->k; c++) {
        for (size_t j = 0; j < COLUMNS; j++) {
            double v = m->w[j * m->k + c], g = gradient(&s, m, classes, weighted, j, c);
            double l1 = lambda * l1_ratio, l2 = lambda * (1 - l1_ratio);
            if (v == 0) assert_true(fabs(g) <= l1 + near);
            else if (fabs(g + l2 * v + copysign(l1, v)) > near)
                fail_msg("%d classes, weighted %d, l1_ratio %g, lambda %g, class %zu, column %zu: %g",
                         classes, weighted, l1_ratio, lambda, c, j, g + l2 * v + copysign(l1, v));
        }
        check_near(gradient(&s, m, classes, weighted, COLUMNS, c), 0, near, 0, "intercept");
    }
    of(classes)->free(m);
    arena_done(&a);
}

static void test_conditions(void **state)
{
    static const int classes[] = { 0, 2, 3 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        for (double lambda = 0.3; lambda > 0.005; lambda /= 4) {
            check_conditions(classes[i], false, 1, lambda);
            check_conditions(classes[i], true, 0.5, lambda);
            check_conditions(classes[i], false, 0, lambda);
        }
}

/* From nothing to everything; the choice keeps the columns that matter. */
static void test_path(void **state)
{
    static const int classes[] = { 0, 2, 3 };
    static struct sample s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        struct arena a = ARENA_INIT;
        struct val *params = asked(&a, 1, (double)NAN);
        val_set_int(params, "n_lambda", classes[i] > 2 ? 12 : 50);
        make(&s, classes[i]);
        struct linmodel *m = fit(&s, classes[i], false, params, 2);
        const struct path *p = m->path;
        assert_true(p->n > 10 && p->chosen > 0 && p->chosen < p->n);
        assert_int_equal(p->step[0].nonzero, 0);
        assert_true(p->step[p->n - 1].nonzero > p->step[5].nonzero);
        for (size_t k = 0; k < p->n; k++) {
            if (k) assert_true(p->step[k].lambda < p->step[k - 1].lambda);
            assert_true(p->step[k].loss >= p->step[p->chosen].loss && p->step[k].error > 0);
        }
        assert_int_equal(p->step[p->chosen].nonzero, elastic_nonzero(m->w, m->d * m->k));
        for (size_t c = 0; c < m->k; c++) assert_true(m->w[0 * m->k + c] != 0 || m->k > 1);
        if (classes[i] == 0) {
            check_near(m->w[0], 2, 0.15, 0, "column 0");
            check_near(m->w[4] + m->w[5], -1.5, 0.2, 0, "columns 4 and 5");
            check_near(p->step[p->chosen].loss, 1, 0.15, 0, "squared noise");
        }
        struct val *told = val_obj(&a);
        of(classes[i])->describe(m, told);
        assert_int_equal(val_len(val_get(told, "path")), p->n);
        of(classes[i])->free(m);
        arena_done(&a);
    }
}

static void saved(const struct linmodel *m, int classes, struct buf *ret)
{
    struct err e = ERR_INIT;

    *ret = (struct buf)BUF_INIT;
    check_ok(of(classes)->save(m, ret, &e), &e);
}

static void test_same_bytes_and_back(void **state)
{
    static const int classes[] = { 0, 2, 3 };
    static struct sample s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        struct arena a = ARENA_INIT;
        struct err e = ERR_INIT;
        struct buf one, many, again;
        make(&s, classes[i]);
        struct val *params = asked(&a, 0.7, (double)NAN);
        val_set_int(params, "n_lambda", 6);
        val_set_int(params, "folds", 3);
        struct linmodel *m = fit(&s, classes[i], true, params, 1);
        saved(m, classes[i], &one);
        of(classes[i])->free(m);
        m = fit(&s, classes[i], true, params, 3);
        saved(m, classes[i], &many);
        of(classes[i])->free(m);
        assert_int_equal(one.n, many.n);
        assert_memory_equal(one.p, many.p, one.n);
        enum task task = classes[i] == 0   ? TASK_REGRESSION
                         : classes[i] == 2 ? TASK_BINARY
                                           : TASK_MULTICLASS;
        void *loaded;
        struct cursor in = { .p = one.p, .left = one.n };
        check_ok(of(classes[i])->load(&in, task, classes[i], COLUMNS, &loaded, &e), &e);
        saved(loaded, classes[i], &again);
        assert_memory_equal(one.p, again.p, one.n);
        of(classes[i])->free(loaded);
        in = (struct cursor){ .p = one.p, .left = one.n - 3 };
        check_err(of(classes[i])->load(&in, task, classes[i], COLUMNS, &loaded, &e), ERR_CORRUPT,
                  &e, "path");
        buf_done(&one);
        buf_done(&many);
        buf_done(&again);
        arena_done(&a);
    }
}

static void test_cancelled(void **state)
{
    const atomic_bool cancel = true;
    struct engine en = { .pool = pool_new(1), .seed = 1, .cancel = &cancel };
    static struct sample s;
    struct arena a = ARENA_INIT;

    (void)state;
    for (int classes = 0; classes <= 3; classes += classes ? 1 : 2) {
        struct err e = ERR_INIT;
        void *model;
        make(&s, classes);
        struct fit_input in = { .task = classes == 0   ? TASK_REGRESSION
                                        : classes == 2 ? TASK_BINARY
                                                       : TASK_MULTICLASS,
                                .n_classes = classes,
                                .train = { ROWS, COLUMNS, s.x, NULL },
                                .y = s.y,
                                .params = asked(&a, 1, (double)NAN) };
        check_err(of(classes)->fit(&en, &in, &model, &e), ERR_CANCELLED, &e, "cancelled");
    }
    arena_done(&a);
    pool_free(en.pool);
}

/* -- scikit-learn --------------------------------------------------------------------------- */

static const char script[] =
    "import sys, numpy as np, warnings\n"
    "warnings.simplefilter('ignore')\n"
    "from sklearn.linear_model import ElasticNet, LogisticRegression\n"
    "a = np.loadtxt(sys.argv[1], delimiter=',')\n"
    "x, y, r, lam = a[:, :-1], a[:, -1], float(sys.argv[3]), float(sys.argv[4])\n"
    "if sys.argv[2] == '0':\n"
    "    m = ElasticNet(alpha=lam, l1_ratio=r, tol=1e-12, max_iter=100000)\n"
    "else:\n"
    "    m = LogisticRegression(penalty='elasticnet', solver='saga', l1_ratio=r,\n"
    "                           C=1 / (lam * len(y)), tol=1e-10, max_iter=100000)\n"
    "m.fit(x, y)\n"
    "for v in np.atleast_2d(m.coef_).T.ravel(): print('%.17g' % v)\n";

static void compare(const char *python, const char *folder, int classes, double l1_ratio,
                    double lambda)
{
    static struct sample s;
    STR_AUTO rows = STR_INIT;
    STR_AUTO path = STR_INIT;
    STR_AUTO command = STR_INIT;
    struct arena a = ARENA_INIT;
    struct err e = ERR_INIT;

    make(&s, classes);
    for (size_t i = 0; i < ROWS; i++) {
        for (size_t j = 0; j < COLUMNS; j++) str_addf(&rows, "%.17g,", s.x[i * COLUMNS + j]);
        str_addf(&rows, "%.17g\n", s.y[i]);
    }
    str_addf(&path, "%s/rows.csv", folder);
    check_ok(file_write_atomic(str_c(&path), rows.p, rows.len, &e), &e);
    str_addf(&command, "%s/bin/python %s/fit.py %s %d %g %g", python, folder, str_c(&path), classes, l1_ratio,
             lambda);
    struct linmodel *m = fit(&s, classes, false, asked(&a, l1_ratio, lambda), 2);
    FILE *f = popen(str_c(&command), "r");
    assert_non_null(f);
    for (size_t i = 0; i < m->d * m->k; i++) {
        double want;
        assert_int_equal(fscanf(f, "%lf", &want), 1);
        check_near(m->w[i], want, 1e-4, 1e-4, "coefficient");
    }
    assert_int_equal(pclose(f), 0);
    of(classes)->free(m);
    unlink(str_c(&path));
    arena_done(&a);
}

static void test_peers(void **state)
{
    const char *python = getenv("SIGNALBOX_PEERS");
    char folder[] = "/tmp/test_elastic_XXXXXX";
    STR_AUTO path = STR_INIT;
    struct err e = ERR_INIT;

    (void)state;
    if (!python || system(NULL) == 0) {
        print_message("skipped: SIGNALBOX_PEERS names no virtual environment\n");
        skip();
    }
    assert_non_null(mkdtemp(folder));
    str_addf(&path, "%s/fit.py", folder);
    check_ok(file_write_atomic(str_c(&path), script, sizeof script - 1, &e), &e);
    compare(python, folder, 0, 1, 0.05);
    compare(python, folder, 0, 0.4, 0.2);
    compare(python, folder, 2, 1, 0.01);
    compare(python, folder, 2, 0.5, 0.03);
    compare(python, folder, 3, 0.5, 0.02);
    unlink(str_c(&path));
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_conditions), TEST(test_path),  TEST(test_same_bytes_and_back),
        TEST(test_cancelled),  TEST(test_peers),
    };

    return cmocka_run_group_tests_name("engine.elastic", tests, NULL, NULL);
}
