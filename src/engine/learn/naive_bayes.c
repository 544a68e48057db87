/* naive_bayes.c: naive Bayes, a baseline that needs one pass over the data.
 *
 * Given the class, features are taken as independent: numbers as normal, categories as drawn
 * from smoothed shares (Lidstone). A missing value says nothing and is left out, which for
 * this model is exact, not a guess; so is a level that training did not have. Variances are
 * kept from zero by a share of the greatest one, as scikit-learn's GaussianNB does. */
#include "base/mem.h"
#include "base/val.h"
#include "engine/learn/learner.h"
#include "engine/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORM   1
#define LN_2PI 1.8378770664093454836

static const struct param params[] = {
    { "alpha", PARAM_REAL, 0, "1", 1e-10, 1e9, NULL, "rows added to every level of a category" },
    { "var_smoothing", PARAM_REAL, 0, "1e-9", 0, 1, NULL,
      "share of the greatest variance added to all" },
    { 0 },
};

/* A feature has k rows of numbers: mean and variance; or log shares of its levels. */
struct nb {
    size_t d;
    int k;         /* classes */
    double *prior; /* k logs */
    int32_t *levels;
    size_t *at; /* d + 1: where feature j's numbers begin */
    double *v;
};

static size_t width(int32_t levels)
{
    return levels > 0 ? (size_t)levels : 2;
}

static void drop(void *state)
{
    struct nb *m = state;

    if (!m) return;
    free(m->prior);
    free(m->levels);
    free(m->at);
    free(m->v);
    free(m);
}

/* levels of all features are set by the caller; NULL: no memory. */
static bool room(struct nb *m)
{
    m->at = mem_try(m->d + 1, sizeof *m->at);
    m->prior = mem_try_zero((size_t)m->k, sizeof *m->prior);
    if (!m->at || !m->prior) return false;
    m->at[0] = 0;
    for (size_t j = 0; j < m->d; j++) m->at[j + 1] = m->at[j] + (size_t)m->k * width(m->levels[j]);
    m->v = mem_try_zero(m->at[m->d] + 1, sizeof *m->v);
    return m->v != NULL;
}

/* ---- training ---- */

struct job {
    const struct fit_input *in;
    struct nb *m;
    double alpha;
    double *variance; /* of feature j over all classes; 0 for categories */
};

static double weight(const struct fit_input *in, size_t i)
{
    return in->w ? in->w[i] : 1;
}

/* Means, then squares about them: two passes, so that no digits are lost. */
static void numbers(const struct job *job, size_t j, const double *x)
{
    const struct fit_input *in = job->in;
    size_t k = (size_t)job->m->k;
    double *v = job->m->v + job->m->at[j], all = 0, mean = 0, square = 0;
    MEM_AUTO double *n = mem_zalloc(k, sizeof *n);

    for (size_t i = 0; i < in->train.n; i++) {
        size_t c = (size_t)in->y[i];
        if (isnan(x[i])) continue;
        n[c] += weight(in, i);
        v[2 * c] += weight(in, i) * x[i];
    }
    for (size_t c = 0; c < k; c++) {
        all += n[c];
        mean += v[2 * c];
        v[2 * c] = n[c] > 0 ? v[2 * c] / n[c] : (double)NAN;
    }
    mean = all > 0 ? mean / all : 0;
    for (size_t i = 0; i < in->train.n; i++) {
        size_t c = (size_t)in->y[i];
        if (isnan(x[i])) continue;
        v[2 * c + 1] += weight(in, i) * (x[i] - v[2 * c]) * (x[i] - v[2 * c]);
        square += weight(in, i) * (x[i] - mean) * (x[i] - mean);
    }
    for (size_t c = 0; c < k; c++) v[2 * c + 1] = n[c] > 0 ? v[2 * c + 1] / n[c] : (double)NAN;
    job->variance[j] = all > 0 ? square / all : 0;
}

static void shares(const struct job *job, size_t j, const double *x)
{
    const struct fit_input *in = job->in;
    size_t k = (size_t)job->m->k, levels = (size_t)job->m->levels[j];
    double *v = job->m->v + job->m->at[j];

    for (size_t i = 0; i < in->train.n; i++)
        if (x[i] >= 0 && x[i] < (double)levels)
            v[(size_t)in->y[i] * levels + (size_t)x[i]] += weight(in, i);
    for (size_t c = 0; c < k; c++) {
        double sum = 0;
        for (size_t l = 0; l < levels; l++) sum += v[c * levels + l] + job->alpha;
        for (size_t l = 0; l < levels; l++)
            v[c * levels + l] = log((v[c * levels + l] + job->alpha) / sum);
    }
}

static void feature_task(void *arg, size_t j, int thread)
{
    const struct job *job = arg;
    const double *x = job->in->train.x + j * job->in->train.n;

    (void)thread;
    if (job->m->levels[j] > 0) shares(job, j, x);
    else numbers(job, j, x);
}

/* A class without a value of a feature takes the feature as saying nothing: NaN is left out. */
static void smooth_variances(const struct job *job, double share)
{
    struct nb *m = job->m;
    double most = 0;

    for (size_t j = 0; j < m->d; j++)
        if (job->variance[j] > most) most = job->variance[j];
    for (size_t j = 0; j < m->d; j++)
        for (int c = 0; m->levels[j] <= 0 && c < m->k; c++) {
            double *v = &m->v[m->at[j] + 2 * (size_t)c + 1];
            *v += share * most;
            if (!(*v > 0)) *v = 1e-300; /* all numbers are constant */
        }
}

static void priors(const struct fit_input *in, struct nb *m)
{
    double sum = 0;

    for (size_t i = 0; i < in->train.n; i++) m->prior[(size_t)in->y[i]] += weight(in, i);
    for (int c = 0; c < m->k; c++) sum += m->prior[c];
    for (int c = 0; c < m->k; c++) m->prior[c] = log(m->prior[c] / sum);
}

static int fit(const struct engine *en, const struct fit_input *in, void **ret, struct err *e)
{
    size_t d = in->train.d;
    struct nb *m = mem_zalloc(1, sizeof *m);
    MEM_AUTO double *variance = mem_zalloc(d + 1, sizeof *variance);
    struct job job = { in, m, val_get_real(in->params, "alpha", 1), variance };

    *m = (struct nb){ .d = d, .k = in->n_classes, .levels = mem_zalloc(d + 1, sizeof(int32_t)) };
    memcpy(m->levels, in->train.levels, d * sizeof *m->levels);
    if (in->train.n == 0 || !room(m)) {
        drop(m);
        return in->train.n == 0
                   ? err_set(e, ERR_INVALID, "naive_bayes: there are no rows to train on")
                   : err_set(e, ERR_NOMEM, "naive_bayes: no memory for %zu features", d);
    }
    priors(in, m);
    pool_run(en->pool, d, feature_task, &job);
    smooth_variances(&job, val_get_real(in->params, "var_smoothing", 1e-9));
    if (engine_cancelled(en)) {
        drop(m);
        return err_set(e, ERR_CANCELLED, "training was cancelled");
    }
    *ret = m;
    return 0;
}

/* ---- prediction ---- */

static void add_feature(const struct nb *m, size_t j, double x, double *logs)
{
    const double *v = m->v + m->at[j];
    size_t levels = (size_t)m->levels[j];

    if (isnan(x)) return;
    if (m->levels[j] > 0) {
        if (!(x >= 0 && x < (double)levels)) return;
        for (int c = 0; c < m->k; c++) logs[c] += v[(size_t)c * levels + (size_t)x];
        return;
    }
    for (int c = 0; c < m->k; c++) {
        double mean = v[2 * c], var = v[2 * c + 1];
        if (!isnan(mean)) logs[c] -= 0.5 * (LN_2PI + log(var) + (x - mean) * (x - mean) / var);
    }
}

/* Logs to probabilities, in place; binary keeps that of class 1. */
static void finish(const struct nb *m, double *logs, double *out)
{
    double top = logs[0], sum = 0;

    for (int c = 1; c < m->k; c++) top = fmax(top, logs[c]);
    for (int c = 0; c < m->k; c++) sum += logs[c] = isfinite(top) ? exp(logs[c] - top) : 1;
    if (m->k == 2) out[0] = logs[1] / sum;
    else
        for (int c = 0; c < m->k; c++) out[c] = logs[c] / sum;
}

#define MAX_CLASSES 1000 /* as TARGET_MAX_CLASSES of model/target.h */

static void predict_strided(const struct nb *m, const double *x, size_t step, double *out)
{
    double logs[MAX_CLASSES];

    memcpy(logs, m->prior, (size_t)m->k * sizeof *logs);
    for (size_t j = 0; j < m->d; j++) add_feature(m, j, x[j * step], logs);
    finish(m, logs, out);
}

static void predict_row(const void *state, const double *x, double *out)
{
    predict_strided(state, x, 1, out);
}

static void predict(const void *state, const struct matrix *x, size_t from, size_t to, double *out)
{
    const struct nb *m = state;
    size_t k = m->k == 2 ? 1 : (size_t)m->k;

    for (size_t i = from; i < to; i++) predict_strided(m, x->x + i, x->n, out + (i - from) * k);
}

/* ---- bytes ---- */

static int save(const void *state, struct buf *out, struct err *e)
{
    const struct nb *m = state;

    (void)e;
    buf_u8(out, FORM);
    buf_u32(out, (uint32_t)m->k);
    for (int c = 0; c < m->k; c++) buf_f64(out, m->prior[c]);
    for (size_t j = 0; j < m->d; j++) buf_u32(out, (uint32_t)m->levels[j]);
    for (size_t i = 0; i < m->at[m->d]; i++) buf_f64(out, m->v[i]);
    return 0;
}

static const char *load_model(struct nb *m, struct cursor *in, uint32_t classes)
{
    MEM_AUTO double *prior = mem_alloc(classes * sizeof *prior);
    size_t total = 0;

    if (cur_u8(in) != FORM) return "its form is unknown";
    if (cur_u32(in) != classes) return "the number of classes does not fit the task";
    for (uint32_t c = 0; c < classes; c++) prior[c] = cur_f64(in);
    if (m->d > in->left / 4) return "it ends early";
    m->levels = mem_alloc((m->d + 1) * sizeof *m->levels);
    for (size_t j = 0; j < m->d; j++) {
        uint32_t levels = cur_u32(in);
        if (levels > 1 << 24) return "a category has too many levels";
        m->levels[j] = (int32_t)levels;
        total += width(m->levels[j]) * classes;
        if (total > in->left / 8) return "it ends early";
    }
    if (!room(m)) return "it does not fit into memory";
    memcpy(m->prior, prior, classes * sizeof *prior);
    for (uint32_t c = 0; c < classes; c++)
        if (isnan(prior[c])) return "a prior is not a number";
    for (size_t j = 0; j < m->d; j++)
        for (size_t i = m->at[j]; i < m->at[j + 1]; i++) {
            m->v[i] = cur_f64(in);
            bool variance = m->levels[j] <= 0 && (i - m->at[j]) % 2 == 1;
            if (variance && !isnan(m->v[i - 1]) && !(m->v[i] > 0))
                return "a variance is not positive";
        }
    return in->bad ? "it ends early" : in->left > 0 ? "bytes are left over" : NULL;
}

static int load(struct cursor *in, enum task task, int n_classes, size_t d, void **ret,
                struct err *e)
{
    int k = task == TASK_BINARY ? 2 : n_classes;

    if (k < 2 || k > MAX_CLASSES)
        return err_set(e, ERR_CORRUPT, "naive_bayes model: %d classes", k);
    struct nb *m = mem_zalloc(1, sizeof *m);
    *m = (struct nb){ .d = d, .k = k };
    const char *why = load_model(m, in, (uint32_t)k);
    if (why) {
        drop(m);
        return err_set(e, ERR_CORRUPT, "naive_bayes model: %s", why);
    }
    *ret = m;
    return 0;
}

extern const struct learner learner_naive_bayes;
const struct learner learner_naive_bayes = {
    .name = "naive_bayes",
    .title = "naive Bayes",
    .tasks = TASK_BINARY | TASK_MULTICLASS,
    .encoding = ENC_TREE,
    .params = params,
    .fit = fit,
    .predict_row = predict_row,
    .predict = predict,
    .save = save,
    .load = load,
    .free = drop,
};
