/* linmodel.c: see linmodel.h. Zero entries of a row are passed over: behind one-hot encoding
 * and in images they are most of it. */
#include "engine/learn/linmodel.h"

#include "base/dense.h"
#include "base/mem.h"
#include "engine/learn/vec.h"
#include "engine/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct linmodel *linmodel_new(size_t d, size_t k)
{
    struct linmodel *m = mem_zalloc(1, sizeof *m);

    m->d = d;
    m->k = k;
    m->w = mem_try_zero(d * k + k + d, sizeof *m->w);
    if (!m->w) {
        free(m);
        return NULL;
    }
    m->b = m->w + d * k;
    m->influence = m->b + k;
    return m;
}

void linmodel_free(struct linmodel *m)
{
    if (!m) return;
    free(m->path);
    free(m->w);
    free(m);
}

struct path *linmodel_path(struct linmodel *m, size_t n)
{
    free(m->path);
    m->path = mem_try_zero(1, sizeof *m->path + n * sizeof m->path->step[0]);
    if (m->path) m->path->n = n;
    return m->path;
}

void linmodel_describe(const void *state, struct val *out)
{
    const struct path *p = ((const struct linmodel *)state)->path;
    struct val *list;

    if (!p) return;
    val_set_real(out, "lambda", p->step[p->chosen].lambda);
    val_set_int(out, "nonzero", (int64_t)p->step[p->chosen].nonzero);
    list = val_set_list(out, "path");
    for (size_t i = 0; i < p->n; i++) {
        struct val *row = val_push_obj(list);
        val_set_real(row, "lambda", p->step[i].lambda);
        val_set_int(row, "nonzero", (int64_t)p->step[i].nonzero);
        if (isfinite(p->step[i].loss)) val_set_real(row, "loss", p->step[i].loss);
        if (isfinite(p->step[i].error)) val_set_real(row, "se", p->step[i].error);
    }
}

void linmodel_scores(const struct linmodel *m, const double *x, double *z)
{
    if (m->k == 1) {
        *z = m->b[0] + vec_dot(m->w, x, m->d);
        return;
    }
    memcpy(z, m->b, m->k * sizeof *z);
    for (size_t j = 0; j < m->d; j++)
        if (x[j] != 0) vec_axpy(z, x[j], m->w + j * m->k, m->k);
}

#define CHUNKS 64 /* of rows, for the deviations */

struct moments {
    const struct matrix *x;
    double *sums; /* CHUNKS times: d sums, d sums of squares */
};

static void add_moments(void *arg, size_t task, int thread)
{
    const struct moments *m = arg;
    size_t n = m->x->n, d = m->x->d;
    double *sum = m->sums + task * 2 * d, *squares = sum + d;

    (void)thread;
    for (size_t r = task * n / CHUNKS; r < (task + 1) * n / CHUNKS; r++) {
        const double *x = m->x->x + r * d, *shift = m->x->x;
        size_t j = 0;
        for (; j + 4 <= d; j += 4) {
            vec4 v = *vec_in(x + j) - *vec_in(shift + j);
            *vec_at(sum + j) += v;
            *vec_at(squares + j) += v * v;
        }
        for (; j < d; j++) {
            double v = x[j] - shift[j];
            sum[j] += v;
            squares[j] += v * v;
        }
    }
}

/* Deviation of every column, from moments about the first row. */
static void deviations(const struct engine *en, const struct matrix *x, double *dev)
{
    size_t d = x->d;
    struct moments m = { x, mem_zalloc(CHUNKS * 2 * d, sizeof *m.sums) };

    pool_run(en->pool, CHUNKS, add_moments, &m);
    for (size_t c = 1; c < CHUNKS; c++) vec_axpy(m.sums, 1, m.sums + c * 2 * d, 2 * d);
    for (size_t j = 0; j < d; j++) {
        double mean = m.sums[j] / (double)x->n;
        dev[j] = sqrt(fmax(0, m.sums[d + j] / (double)x->n - mean * mean));
    }
    free(m.sums);
}

void linmodel_weigh(struct linmodel *m, const struct engine *en, const struct matrix *train)
{
    deviations(en, train, m->influence);
    for (size_t j = 0; j < m->d; j++) {
        double sum = 0;
        for (size_t c = 0; c < m->k; c++) sum += fabs(m->w[j * m->k + c]);
        m->influence[j] *= sum / (double)m->k;
    }
}

void linmodel_importance(const struct linmodel *m, size_t d, double *out)
{
    double total = 0;

    for (size_t j = 0; j < d; j++) total += m->influence[j];
    for (size_t j = 0; j < d; j++) out[j] = total > 0 ? m->influence[j] / total : 0;
}

int linmodel_contributions(const void *state, const double *x, double *out, struct err *e)
{
    const struct linmodel *m = state;

    (void)e;
    for (size_t c = 0; c < m->k; c++) {
        for (size_t j = 0; j < m->d; j++) out[c * (m->d + 1) + j] = m->w[j * m->k + c] * x[j];
        out[c * (m->d + 1) + m->d] = m->b[c];
    }
    return 0;
}

void linmodel_to_dense(const void *state, struct dense *ret)
{
    const struct linmodel *m = state;
    double *w = arena_array(ret->arena, m->d * m->k, double);
    double *b = arena_array(ret->arena, m->k, double);

    memcpy(w, m->w, m->d * m->k * sizeof *w);
    memcpy(b, m->b, m->k * sizeof *b);
    ret->n_layers = 1;
    ret->layers = arena_new(ret->arena, struct dense_layer);
    *ret->layers = (struct dense_layer){ .in = m->d, .out = m->k, .w = w, .b = b };
}

int linmodel_save(const struct linmodel *m, struct buf *out, struct err *e)
{
    (void)e;
    buf_u64(out, m->d);
    buf_u32(out, (uint32_t)m->k);
    for (size_t i = 0; i < m->d * m->k + m->k + m->d; i++) buf_f64(out, m->w[i]);
    if (!m->path) return 0;
    buf_u32(out, (uint32_t)m->path->n);
    buf_u32(out, (uint32_t)m->path->chosen);
    for (size_t i = 0; i < m->path->n; i++) {
        const struct path_step *step = &m->path->step[i];
        buf_f64(out, step->lambda);
        buf_f64(out, step->loss);
        buf_f64(out, step->error);
        buf_u32(out, step->nonzero);
    }
    return 0;
}

#define STEP_BYTES (3 * sizeof(double) + 4)

/* What lies behind the coefficients: nothing, or the path. */
static int load_path(struct cursor *in, struct linmodel *m, struct err *e)
{
    struct path *p;
    uint32_t n, chosen;

    if (in->left == 0) return 0;
    n = cur_u32(in);
    chosen = cur_u32(in);
    if (in->bad || chosen >= n || in->left != n * STEP_BYTES)
        return err_set(e, ERR_CORRUPT, "the model file's path of penalties makes no sense");
    p = linmodel_path(m, n);
    if (!p) return err_set(e, ERR_NOMEM, "no memory for a path of %u penalties", (unsigned)n);
    p->chosen = chosen;
    for (size_t i = 0; i < n; i++) {
        p->step[i].lambda = cur_f64(in);
        p->step[i].loss = cur_f64(in);
        p->step[i].error = cur_f64(in);
        p->step[i].nonzero = cur_u32(in);
        if (!isfinite(p->step[i].lambda))
            return err_set(e, ERR_CORRUPT, "the model file has a penalty that is no number");
    }
    return 0;
}

int linmodel_load(struct cursor *in, size_t d, size_t want_k, struct linmodel **ret, struct err *e)
{
    uint64_t has_d = cur_u64(in);
    uint32_t has_k = cur_u32(in);
    struct linmodel *m;
    size_t n = d * want_k + want_k + d;
    bool finite = true;
    int r;

    if (in->bad || has_d != d || has_k != want_k || in->left < n * sizeof(double))
        return err_set(e, ERR_CORRUPT, "the model file has coefficients for another model");
    m = linmodel_new(d, want_k);
    if (!m) return err_set(e, ERR_NOMEM, "no memory for %zu coefficients", n);
    for (size_t i = 0; i < n; i++) {
        m->w[i] = cur_f64(in);
        finite = finite && isfinite(m->w[i]);
    }
    if (!finite) {
        linmodel_free(m);
        return err_set(e, ERR_CORRUPT, "the model file has coefficients that are no numbers");
    }
    r = load_path(in, m, e);
    if (r < 0) linmodel_free(m);
    else *ret = m;
    return r;
}
