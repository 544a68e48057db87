/* linmodel.c: see linmodel.h. Zero entries of a row are passed over: behind one-hot encoding
 * and in images they are most of it. */
#include "engine/learn/linmodel.h"

#include "base/dense.h"
#include "base/mem.h"
#include "engine/learn/vec.h"

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
    free(m->w);
    free(m);
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

/* Deviation of every column. */
static void deviations(const struct matrix *x, double *mean, double *dev)
{
    for (size_t r = 0; r < x->n; r++) vec_axpy(mean, 1 / (double)x->n, x->x + r * x->d, x->d);
    for (size_t r = 0; r < x->n; r++)
        for (size_t j = 0; j < x->d; j++) {
            double delta = x->x[r * x->d + j] - mean[j];
            dev[j] += delta * delta;
        }
    for (size_t j = 0; j < x->d; j++) dev[j] = sqrt(dev[j] / (double)x->n);
}

void linmodel_weigh(struct linmodel *m, const struct matrix *train)
{
    double *mean = mem_zalloc(m->d, sizeof *mean);

    deviations(train, mean, m->influence);
    for (size_t j = 0; j < m->d; j++) {
        double sum = 0;
        for (size_t c = 0; c < m->k; c++) sum += fabs(m->w[j * m->k + c]);
        m->influence[j] *= sum / (double)m->k;
    }
    free(mean);
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
    return 0;
}

int linmodel_load(struct cursor *in, size_t d, size_t want_k, struct linmodel **ret, struct err *e)
{
    uint64_t has_d = cur_u64(in);
    uint32_t has_k = cur_u32(in);
    struct linmodel *m;
    size_t n = d * want_k + want_k + d;
    bool finite = true;

    if (in->bad || has_d != d || has_k != want_k || in->left != n * sizeof(double))
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
    *ret = m;
    return 0;
}
