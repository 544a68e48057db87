/* knn.c: k nearest neighbours, a baseline without a model: the training rows are the model.
 *
 * Distances are Euclidean on the encoder's standardised columns, of pixels on columns scaled
 * alike (a border pixel that is hardly ever set would otherwise decide), and found by looking at
 * every row kept, which is exact and, for the tens of thousands of rows that are kept at most,
 * quick enough; more rows are thinned out evenly. Of rows equally far the earlier one counts.
 * Rows are kept in single precision, a block of LANES side by side, so that a block's distances
 * are computed together. */
#include "base/mem.h"
#include "base/str.h"
#include "base/val.h"
#include "engine/learn/learner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORM        1
#define LANES       8
#define MAX_K       1024
#define MAX_CLASSES 1000
#define STRIDE      16 /* columns between two looks whether a block is too far already */

typedef float lanes __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

static const struct param params[] = {
    { "n_neighbors", PARAM_INT, 0, "15", 1, MAX_K, NULL, "rows that are asked" },
    { "weights", PARAM_ENUM, 0, "uniform", 0, 0, "uniform|distance",
      "all count the same, or by the inverse of their distance" },
    { "max_rows", PARAM_INT, 0, "20000", 1, 10000000, NULL,
      "rows kept at most; more are thinned out evenly" },
    INPUT_PARAM,
    { 0 },
};

struct knn {
    size_t n, d, blocks;
    int k;         /* neighbours */
    int n_classes; /* 0: a number */
    bool by_distance;
    float *x; /* blocks * d * LANES */
    double *y, *w;
};

static void drop(void *state)
{
    struct knn *m = state;

    if (!m) return;
    free(m->x);
    free(m->y);
    free(m->w);
    free(m);
}

static bool room(struct knn *m)
{
    m->blocks = (m->n + LANES - 1) / LANES;
    m->x = mem_try_zero(m->blocks * LANES, (m->d + 1) * sizeof *m->x);
    m->y = mem_try(m->n + 1, sizeof *m->y);
    m->w = mem_try(m->n + 1, sizeof *m->w);
    return m->x && m->y && m->w;
}

static float *place(const struct knn *m, size_t row, size_t j)
{
    return &m->x[(row / LANES * m->d + j) * LANES + row % LANES];
}

static int fit(const struct engine *en, const struct fit_input *in, void **ret, struct err *e)
{
    size_t most = (size_t)val_get_int(in->params, "max_rows", 20000), n = in->train.n;
    struct knn *m = mem_zalloc(1, sizeof *m);

    if (n == 0) {
        drop(m);
        return err_set(e, ERR_INVALID, "knn: there are no rows to keep");
    }
    *m = (struct knn){ .n = n < most ? n : most,
                       .d = in->train.d,
                       .k = (int)val_get_int(in->params, "n_neighbors", 15),
                       .n_classes = in->n_classes,
                       .by_distance =
                           str_eq(val_get_str(in->params, "weights", "uniform"), "distance") };
    if ((size_t)m->k > m->n) m->k = (int)m->n;
    if (!room(m)) {
        drop(m);
        return err_set(e, ERR_NOMEM, "knn: no memory for %zu rows", n);
    }
    if (m->n < n) engine_note(en, "knn: %zu of %zu rows are kept", m->n, n);
    for (size_t i = 0; i < m->n; i++) {
        size_t row = (size_t)((double)i * (double)n / (double)m->n);
        for (size_t j = 0; j < m->d; j++) *place(m, i, j) = (float)in->train.x[row * m->d + j];
        m->y[i] = in->y[row];
        m->w[i] = in->w ? in->w[row] : 1;
    }
    if (engine_cancelled(en)) {
        drop(m);
        return err_set(e, ERR_CANCELLED, "training was cancelled");
    }
    *ret = m;
    return 0;
}

/* ---- prediction ---- */

struct near {
    float d2;
    uint32_t row;
};

static bool farther(struct near a, struct near b)
{
    return a.d2 > b.d2 || (a.d2 == b.d2 && a.row > b.row);
}

/* A heap whose first is the farthest of n. */
static void sink(struct near *h, size_t n, size_t at, struct near v)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n) break;
        if (child + 1 < n && farther(h[child + 1], h[child])) child++;
        if (!farther(h[child], v)) break;
        h[at] = h[child];
        at = child;
    }
    h[at] = v;
}

static void add_near(struct near *h, size_t *n, size_t k, struct near v)
{
    if (*n == k) {
        if (farther(h[0], v)) sink(h, k, 0, v);
        return;
    }
    h[(*n)++] = v;
    if (*n == k)
        for (size_t i = k / 2; i-- > 0;) sink(h, k, i, h[i]);
}

/* Squared distances to a block's rows. Sums only grow: once all exceed `most`, any sum that does
 * will do. */
static void distances(const struct knn *m, const float *rows, const double *x, float most,
                      lanes *ret)
{
    lanes sum = { 0 };

    for (size_t from = 0; from < m->d; from += STRIDE) {
        size_t to = m->d - from < STRIDE ? m->d : from + STRIDE;
        bool near = false;
        for (size_t j = from; j < to; j++) {
            lanes diff = *(const lanes *)(rows + j * LANES) - (float)x[j];
            sum += diff * diff;
        }
        for (size_t i = 0; i < LANES; i++) near |= sum[i] <= most;
        if (!near) break;
    }
    *ret = sum;
}

static void find_near(const struct knn *m, const double *x, struct near *h)
{
    size_t n = 0, k = (size_t)m->k;

    for (size_t b = 0; b < m->blocks; b++) {
        float most = n == k ? h[0].d2 : HUGE_VALF;
        lanes sum;
        distances(m, m->x + b * m->d * LANES, x, most, &sum);
        for (size_t i = 0; i < LANES && b * LANES + i < m->n; i++)
            if (sum[i] <= most)
                add_near(h, &n, k, (struct near){ sum[i], (uint32_t)(b * LANES + i) });
    }
}

static int by_row(const void *a, const void *b)
{
    const struct near *x = a, *y = b;

    return x->row < y->row ? -1 : x->row > y->row;
}

static void predict_row(const void *state, const double *x, double *out)
{
    const struct knn *m = state;
    struct near h[MAX_K];
    double votes[MAX_CLASSES] = { 0 }, total = 0;
    bool exact = false; /* a row at distance 0 outvotes all others */

    find_near(m, x, h);
    qsort(h, (size_t)m->k, sizeof *h, by_row); /* sums in an order of their own */
    for (int i = 0; i < m->k; i++) exact |= m->by_distance && h[i].d2 <= 0;
    for (int i = 0; i < m->k; i++) {
        double w = m->w[h[i].row], y = m->y[h[i].row];
        if (exact && h[i].d2 > 0) continue;
        if (m->by_distance && !exact) w /= sqrt((double)h[i].d2);
        votes[m->n_classes > 0 ? (size_t)y : 0] += m->n_classes > 0 ? w : w * y;
        total += w;
    }
    if (!(total > 0)) total = 1;
    if (m->n_classes == 2) out[0] = votes[1] / total;
    else
        for (int c = 0; c == 0 || c < m->n_classes; c++) out[c] = votes[c] / total;
}

static void predict(const void *state, const struct matrix *x, size_t from, size_t to, double *out)
{
    const struct knn *m = state;
    size_t k = m->n_classes > 2 ? (size_t)m->n_classes : 1;

    for (size_t i = from; i < to; i++) predict_row(m, x->x + i * x->d, out + (i - from) * k);
}

/* ---- bytes ---- */

static int save(const void *state, struct buf *out, struct err *e)
{
    const struct knn *m = state;

    (void)e;
    buf_u8(out, FORM);
    buf_u32(out, (uint32_t)m->n);
    buf_u32(out, (uint32_t)m->k);
    buf_u8(out, m->by_distance);
    for (size_t i = 0; i < m->n; i++) {
        buf_f64(out, m->y[i]);
        buf_f64(out, m->w[i]);
        for (size_t j = 0; j < m->d; j++) {
            uint32_t u;
            memcpy(&u, place(m, i, j), sizeof u);
            buf_u32(out, u);
        }
    }
    return 0;
}

static const char *load_rows(struct knn *m, struct cursor *in)
{
    for (size_t i = 0; i < m->n; i++) {
        double y = m->y[i] = cur_f64(in);
        m->w[i] = cur_f64(in);
        if (!isfinite(y) || !(m->w[i] >= 0 && isfinite(m->w[i]))) return "a row is not of numbers";
        if (m->n_classes > 0 && !(y >= 0 && y < m->n_classes && y == floor(y)))
            return "a row is of no class";
        for (size_t j = 0; j < m->d; j++) {
            uint32_t u = cur_u32(in);
            memcpy(place(m, i, j), &u, sizeof u);
            if (!isfinite(*place(m, i, j))) return "a row is not of numbers";
        }
    }
    return in->bad ? "it ends early" : in->left > 0 ? "bytes are left over" : NULL;
}

static const char *load_model(struct knn *m, struct cursor *in)
{
    if (cur_u8(in) != FORM) return "its form is unknown";
    m->n = cur_u32(in);
    uint32_t k = cur_u32(in);
    m->by_distance = cur_u8(in);
    if (in->bad || m->n < 1 || m->n > in->left / (16 + 4 * m->d)) return "it ends early";
    if (k < 1 || k > MAX_K || k > m->n) return "the number of neighbours is impossible";
    m->k = (int)k;
    return room(m) ? load_rows(m, in) : "it does not fit into memory";
}

static int load(struct cursor *in, enum task task, int n_classes, size_t d, void **ret,
                struct err *e)
{
    if (n_classes > MAX_CLASSES) return err_set(e, ERR_CORRUPT, "knn model: %d classes", n_classes);
    struct knn *m = mem_zalloc(1, sizeof *m);
    *m = (struct knn){ .d = d,
                       .n_classes = task == TASK_REGRESSION ? 0
                                    : task == TASK_BINARY   ? 2
                                                            : n_classes };
    const char *why = load_model(m, in);
    if (why) {
        drop(m);
        return err_set(e, ERR_CORRUPT, "knn model: %s", why);
    }
    *ret = m;
    return 0;
}

extern const struct learner learner_knn;
const struct learner learner_knn = {
    .name = "knn",
    .title = "k nearest neighbours",
    .tasks = TASK_BINARY | TASK_MULTICLASS | TASK_REGRESSION,
    .encoding = ENC_DENSE,
    .encoding_of = input_encoding,
    .params = params,
    .fit = fit,
    .predict_row = predict_row,
    .predict = predict,
    .save = save,
    .load = load,
    .free = drop,
};
