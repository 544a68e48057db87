/* kmeans.c: k-means, a learner without a target: rows in k groups about their means.
 *
 * Starts are drawn by k-means++ (Arthur, Vassilvitskii 2007), each centre the best of a few
 * candidates, and run on at most SAMPLE rows; the best of them goes on over all rows (Lloyd 1982).
 * Distances come from products of rows and centres, a batch at a time, by vector kernels. Rows are
 * summed in fixed chunks, chunks in order: the same bytes for any number of threads.
 *
 * The model answers with memberships, which add up to 1 (Bezdek 1981, exponent 2): the inverse
 * squared distances to the centres, as shares. The largest is that of the nearest centre. Columns
 * are the encoder's: standardised numbers, one-hot categories. */
#include "base/mem.h"
#include "base/rng.h"
#include "base/val.h"
#include "engine/kernel/kernel.h"
#include "engine/learn/learner.h"
#include "engine/learn/vec.h"
#include "engine/pool.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORM       1
#define MAX_K      1000
#define BATCH      64 /* rows whose distances are computed together */
#define CHUNKS     64
#define CHUNK_ROWS 256  /* at least */
#define SAMPLE     40000
#define SILHOUETTE 1000 /* rows it is measured on */

static const struct param params[] = {
    { "k", PARAM_INT, 0, "8", 2, MAX_K, NULL, "groups" },
    { "n_init", PARAM_INT, 0, "5", 1, 100, NULL, "starts, of which the best goes on" },
    { "max_iter", PARAM_INT, 0, "300", 1, 100000, NULL, "iterations at most" },
    { "tol", PARAM_REAL, 0, "1e-4", 0, 1, NULL,
      "stop when the centres move less, squared, as a share of the columns' variance" },
    { 0 },
};

struct kmeans {
    size_t d, k;
    double *c;     /* k * d centres, then k squares of their lengths */
    double *share; /* k: shares of the rows; then d: of the variance between the groups */
    double inertia, silhouette;
    uint32_t iterations;
};

static void drop(void *state)
{
    struct kmeans *m = state;

    if (!m) return;
    free(m->c);
    free(m->share);
    free(m);
}

static struct kmeans *fresh(size_t d, size_t k)
{
    struct kmeans *m = mem_zalloc(1, sizeof *m);

    *m = (struct kmeans){ .d = d, .k = k };
    m->c = mem_try_zero(k * (d + 1), sizeof *m->c);
    m->share = mem_try_zero(k + d, sizeof *m->share);
    if (m->c && m->share) return m;
    drop(m);
    return NULL;
}

static void square_centres(struct kmeans *m)
{
    for (size_t c = 0; c < m->k; c++)
        m->c[m->k * m->d + c] = vec_dot(m->c + c * m->d, m->c + c * m->d, m->d);
}

/* ---- one pass over the rows ---------------------------------------------------------- */

struct rows {
    const double *x, *w; /* w NULL: all 1 */
    size_t n, d, chunks;
};

/* Sums of a chunk: k * d of the rows of each group, k weights, inertia. */
struct pass {
    const struct kmeans *m;
    const struct rows *rows;
    const struct kernels *kernels;
    double *sums;
    size_t size;
    struct far {
        double distance;
        size_t row;
    } far[CHUNKS]; /* the row farthest from its centre */
};

static double weight(const struct rows *r, size_t i)
{
    return r->w ? r->w[i] : 1;
}

/* Nearest centre of a row and the squared distance. dots: products with all centres. */
static size_t nearest(const struct kmeans *m, const double *x, const double *dots, double *ret)
{
    const double *length = m->c + m->k * m->d;
    double best = HUGE_VAL;
    size_t at = 0;

    for (size_t c = 0; c < m->k; c++) {
        double v = length[c] - 2 * dots[c];
        if (v < best) {
            best = v;
            at = c;
        }
    }
    *ret = fmax(best + vec_dot(x, x, m->d), 0);
    return at;
}

static void add_batch(struct pass *p, const struct kernel_rows *rows, size_t first, double *dots,
                      size_t task)
{
    const struct kmeans *m = p->m;
    double *sums = p->sums + task * p->size, *weights = sums + m->k * m->d;

    p->kernels->dots(rows, m->c, m->k, dots);
    for (size_t i = 0; i < rows->n; i++) {
        const double *x = rows->x + i * m->d;
        double distance, w = weight(p->rows, first + i);
        size_t c = nearest(m, x, dots + i * m->k, &distance);
        vec_axpy(sums + c * m->d, w, x, m->d);
        weights[c] += w;
        weights[m->k] += w * distance;
        if (w * distance > p->far[task].distance)
            p->far[task] = (struct far){ w * distance, first + i };
    }
}

static void add_chunk(void *arg, size_t task, int thread)
{
    struct pass *p = arg;
    const struct rows *r = p->rows;
    size_t from = task * r->n / r->chunks, to = (task + 1) * r->n / r->chunks;
    MEM_AUTO double *dots = mem_alloc(BATCH * p->m->k * sizeof *dots);

    (void)thread;
    memset(p->sums + task * p->size, 0, p->size * sizeof *p->sums);
    p->far[task] = (struct far){ 0, from };
    for (; from < to; from += BATCH) {
        size_t n = to - from < BATCH ? to - from : BATCH;
        const struct kernel_rows rows = { r->x + from * r->d, n, r->d };
        add_batch(p, &rows, from, dots, task);
    }
}

/* Assigns all rows; returns the inertia. */
static double run_pass(struct pass *p, const struct engine *en)
{
    size_t chunks = p->rows->chunks;

    pool_run(en->pool, chunks, add_chunk, p);
    for (size_t t = 1; t < chunks; t++) {
        vec_axpy(p->sums, 1, p->sums + t * p->size, p->size);
        if (p->far[t].distance > p->far[0].distance) p->far[0] = p->far[t];
    }
    return p->sums[p->size - 1];
}

/* Centres become the means of their rows; one without rows goes to the row farthest from its own.
 * Returns the sum of squares by which they moved. */
static double move_centres(struct kmeans *m, const struct pass *p)
{
    const double *weights = p->sums + m->k * m->d;
    bool far_taken = false;
    double moved = 0;

    for (size_t c = 0; c < m->k; c++) {
        const double *from = p->sums + c * m->d;
        double scale = 1 / weights[c];
        if (!(weights[c] > 0)) {
            if (far_taken) continue;
            from = p->rows->x + p->far[0].row * m->d;
            scale = 1;
            far_taken = true;
        }
        for (size_t j = 0; j < m->d; j++) {
            double v = from[j] * scale, delta = v - m->c[c * m->d + j];
            moved += delta * delta;
            m->c[c * m->d + j] = v;
        }
    }
    square_centres(m);
    return moved;
}

static int lloyd(const struct engine *en, struct kmeans *m, struct pass *p, const struct val *o,
                 double tol, bool tell, struct err *e)
{
    size_t most = (size_t)val_get_int(o, "max_iter", 300);

    p->m = m;
    for (m->iterations = 0; m->iterations < most;) {
        m->inertia = run_pass(p, en);
        double moved = move_centres(m, p);
        m->iterations++;
        if (tell)
            engine_progress(en, &(struct engine_progress){ .what = "iteration",
                                                           .done = m->iterations,
                                                           .total = most,
                                                           .metric = "inertia",
                                                           .train = m->inertia,
                                                           .valid = (double)NAN });
        if (engine_cancelled(en)) return err_set(e, ERR_CANCELLED, "training was cancelled");
        if (moved <= tol) break;
    }
    m->inertia = run_pass(p, en);
    return 0;
}

/* ---- starts -------------------------------------------------------------------------- */

static double distance_to(const double *a, const double *b, size_t d)
{
    double sum = 0;

    for (size_t j = 0; j < d; j++) sum += (a[j] - b[j]) * (a[j] - b[j]);
    return sum;
}

/* A row drawn with probability proportional to weight times distance. */
static size_t draw(const struct rows *r, const double *distance, double total, struct rng *rng)
{
    double at = rng_unit(rng) * total;

    for (size_t i = 0; i < r->n; i++) {
        at -= weight(r, i) * (distance ? distance[i] : 1);
        if (at < 0) return i;
    }
    return r->n - 1;
}

/* What the distances would add up to with row `at` as another centre; next: those distances. */
static double with_centre(const struct rows *r, const double *distance, size_t at, double *next)
{
    double sum = 0;

    for (size_t i = 0; i < r->n; i++) {
        double v = distance_to(r->x + i * r->d, r->x + at * r->d, r->d);
        next[i] = v < distance[i] ? v : distance[i];
        sum += weight(r, i) * next[i];
    }
    return sum;
}

/* Greedy k-means++: of a few rows drawn far from the centres there are, the most useful. scratch:
 * 3 n values. */
static void plus_plus(struct kmeans *m, const struct rows *r, struct rng *rng, double *scratch)
{
    double *distance = scratch, *next = scratch + r->n, *best = scratch + 2 * r->n, total = 0;
    int tries = 2 + (int)log((double)m->k);

    for (size_t i = 0; i < r->n; i++) {
        distance[i] = HUGE_VAL;
        total += weight(r, i);
    }
    for (size_t c = 0; c < m->k; c++) {
        double least = HUGE_VAL;
        size_t chosen = 0;
        for (int t = 0; t < (c ? tries : 1); t++) {
            size_t at = draw(r, c ? distance : NULL, total, rng);
            double sum = with_centre(r, distance, at, next);
            if (sum >= least) continue;
            least = sum;
            chosen = at;
            memcpy(best, next, r->n * sizeof *best);
        }
        memcpy(distance, best, r->n * sizeof *best);
        total = least;
        memcpy(m->c + c * m->d, r->x + chosen * m->d, m->d * sizeof *m->c);
    }
    square_centres(m);
}

/* Every so many-th row; owned by *ret_x, *ret_w where it is not all of them. */
static int thin(const struct rows *all, struct rows *ret, double **ret_x, struct err *e)
{
    size_t step = (all->n + SAMPLE - 1) / SAMPLE, n = (all->n + step - 1) / step;
    double *x;

    *ret = *all;
    *ret_x = NULL;
    if (step == 1) return 0;
    if (!(x = mem_try(n, (all->d + 1) * sizeof *x)))
        return err_set(e, ERR_NOMEM, "no memory for a sample of %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        memcpy(x + i * all->d, all->x + i * step * all->d, all->d * sizeof *x);
        x[n * all->d + i] = weight(all, i * step);
    }
    *ret = (struct rows){ x, x + n * all->d, n, all->d, all->chunks };
    *ret_x = x;
    return 0;
}

/* The best of several starts, each run to its end on these rows. */
static int best_start(const struct engine *en, struct kmeans *m, struct pass *p,
                      const struct val *o, double tol, struct err *e)
{
    int64_t starts = val_get_int(o, "n_init", 5);
    struct kmeans *trial = fresh(m->d, m->k);
    MEM_AUTO double *scratch = mem_try(p->rows->n, 3 * sizeof *scratch);
    int r = trial && scratch ? 0 : err_set(e, ERR_NOMEM, "no memory for %zu groups", m->k);

    m->inertia = HUGE_VAL;
    for (int64_t s = 0; r == 0 && s < starts; s++) {
        struct rng rng;
        rng_stream(&rng, en->seed, (uint64_t)s);
        plus_plus(trial, p->rows, &rng, scratch);
        r = lloyd(en, trial, p, o, tol, false, e);
        if (r < 0 || trial->inertia >= m->inertia) continue;
        m->inertia = trial->inertia;
        memcpy(m->c, trial->c, m->k * (m->d + 1) * sizeof *m->c);
    }
    drop(trial);
    return r;
}

/* ---- what is told -------------------------------------------------------------------- */

/* Mean silhouette (Rousseeuw 1987) of evenly spaced rows among themselves; NaN where there is
 * but one group among them. */
static double silhouette(const struct kmeans *m, const struct rows *r)
{
    size_t n = r->n < SILHOUETTE ? r->n : SILHOUETTE;
    MEM_AUTO size_t *group = mem_alloc(n * sizeof *group);
    MEM_AUTO double *sum = mem_alloc(m->k * sizeof *sum);
    MEM_AUTO size_t *count = mem_zalloc(m->k, sizeof *count);
    double total = 0;
    size_t groups = 0;

    for (size_t i = 0; i < n; i++) {
        const double *x = r->x + i * r->n / n * r->d;
        double least = HUGE_VAL;
        for (size_t c = 0; c < m->k; c++) {
            double v = distance_to(x, m->c + c * m->d, m->d);
            if (v >= least) continue;
            least = v;
            group[i] = c;
        }
        groups += count[group[i]]++ == 0;
    }
    if (groups < 2) return (double)NAN;
    for (size_t i = 0; i < n; i++) {
        double other = HUGE_VAL, own;
        if (count[group[i]] < 2) continue; /* alone: 0 by definition */
        memset(sum, 0, m->k * sizeof *sum);
        for (size_t j = 0; j < n; j++)
            sum[group[j]] += sqrt(distance_to(r->x + i * r->n / n * r->d,
                                              r->x + j * r->n / n * r->d, r->d));
        own = sum[group[i]] / (double)(count[group[i]] - 1);
        for (size_t c = 0; c < m->k; c++)
            if (c != group[i] && count[c]) other = fmin(other, sum[c] / (double)count[c]);
        if (fmax(own, other) > 0) total += (other - own) / fmax(own, other);
    }
    return total / (double)n;
}

/* Shares of the rows, and of what the columns add to the distances between the centres. */
static void shares(struct kmeans *m, const struct pass *p)
{
    const double *weights = p->sums + m->k * m->d;
    double rows = 0, all = 0, *between = m->share + m->k;

    for (size_t c = 0; c < m->k; c++) rows += weights[c];
    for (size_t c = 0; c < m->k; c++) m->share[c] = rows > 0 ? weights[c] / rows : 0;
    for (size_t j = 0; j < m->d; j++) {
        double mean = 0;
        for (size_t c = 0; c < m->k; c++) mean += m->share[c] * m->c[c * m->d + j];
        for (size_t c = 0; c < m->k; c++) {
            double delta = m->c[c * m->d + j] - mean;
            between[j] += m->share[c] * delta * delta;
        }
        all += between[j];
    }
    for (size_t j = 0; j < m->d && all > 0; j++) between[j] /= all;
}

/* Mean variance of a column. */
static double spread(const struct rows *r)
{
    MEM_AUTO double *mean = mem_zalloc(r->d + 1, sizeof *mean);
    double sum = 0;

    for (size_t i = 0; i < r->n; i++) vec_axpy(mean, 1 / (double)r->n, r->x + i * r->d, r->d);
    for (size_t i = 0; i < r->n; i++) sum += distance_to(r->x + i * r->d, mean, r->d);
    return sum / (double)r->n / (double)r->d;
}

static int fit_groups(const struct engine *en, const struct fit_input *in, struct kmeans *m,
                      struct err *e)
{
    struct rows all = { in->train.x, in->w, in->train.n, in->train.d, 0 }, sample;
    struct pass p = { .kernels = kernels_best(), .size = m->k * (m->d + 1) + 1 };
    double *owned = NULL, tol;
    int r;

    all.chunks = all.n / CHUNK_ROWS;
    all.chunks = all.chunks < 1 ? 1 : all.chunks > CHUNKS ? CHUNKS : all.chunks;
    p.sums = mem_try(all.chunks * p.size, sizeof *p.sums);
    r = p.sums ? thin(&all, &sample, &owned, e)
               : err_set(e, ERR_NOMEM, "no memory for %zu groups of %zu columns", m->k, m->d);
    if (r == 0) {
        tol = val_get_real(in->params, "tol", 1e-4) * spread(&sample);
        p.rows = &sample;
        r = best_start(en, m, &p, in->params, tol, e);
        p.rows = &all;
        if (r == 0) r = lloyd(en, m, &p, in->params, tol, true, e);
    }
    if (r == 0) {
        shares(m, &p);
        m->silhouette = silhouette(m, &all);
    }
    free(owned);
    free(p.sums);
    return r;
}

static int fit(const struct engine *en, const struct fit_input *in, void **ret, struct err *e)
{
    size_t k = (size_t)val_get_int(in->params, "k", 8);
    struct kmeans *m;
    int r;

    if (in->train.n < k)
        return err_set(e, ERR_INVALID, "%zu rows cannot make %zu groups", in->train.n, k);
    if (!(m = fresh(in->train.d, k)))
        return err_set(e, ERR_NOMEM, "no memory for %zu groups of %zu columns", k, in->train.d);
    r = fit_groups(en, in, m, e);
    if (r < 0) drop(m);
    else *ret = m;
    return r;
}

/* ---- the learner --------------------------------------------------------------------- */

static void predict_row(const void *state, const double *x, double *out)
{
    const struct kmeans *m = state;
    double sum = 0;

    for (size_t c = 0; c < m->k; c++) {
        double v = distance_to(x, m->c + c * m->d, m->d);
        out[c] = 1 / fmax(v, 1e-30);
        sum += out[c];
    }
    for (size_t c = 0; c < m->k; c++) out[c] /= sum;
}

static void predict(const void *state, const struct matrix *x, size_t from, size_t to, double *out)
{
    const struct kmeans *m = state;

    for (size_t i = from; i < to; i++) predict_row(m, x->x + i * m->d, out + (i - from) * m->k);
}

static void importance(const void *state, size_t d, double *out)
{
    const struct kmeans *m = state;

    memcpy(out, m->share + m->k, d * sizeof *out);
}

static void describe(const void *state, struct val *out)
{
    const struct kmeans *m = state;
    struct val *list;

    val_set_int(out, "k", (int64_t)m->k);
    val_set_real(out, "inertia", m->inertia);
    if (isfinite(m->silhouette)) val_set_real(out, "silhouette", m->silhouette);
    val_set_int(out, "iterations", m->iterations);
    list = val_set_list(out, "groups");
    for (size_t c = 0; c < m->k; c++) {
        struct val *o = val_push_obj(list);
        val_set_strf(o, "group", "%zu", c);
        val_set_real(o, "share", m->share[c]);
    }
}

static int save(const void *state, struct buf *out, struct err *e)
{
    const struct kmeans *m = state;

    (void)e;
    buf_u8(out, FORM);
    buf_u32(out, (uint32_t)m->k);
    buf_u64(out, m->d);
    buf_u32(out, m->iterations);
    buf_f64(out, m->inertia);
    buf_f64(out, m->silhouette);
    for (size_t i = 0; i < m->k * m->d; i++) buf_f64(out, m->c[i]);
    for (size_t i = 0; i < m->k + m->d; i++) buf_f64(out, m->share[i]);
    return 0;
}

static const char *load_groups(struct kmeans *m, struct cursor *in)
{
    m->iterations = cur_u32(in);
    m->inertia = cur_f64(in);
    m->silhouette = cur_f64(in);
    if (in->left != (m->k * m->d + m->k + m->d) * sizeof(double)) return "its length is wrong";
    for (size_t i = 0; i < m->k * m->d; i++)
        if (!isfinite(m->c[i] = cur_f64(in))) return "a centre is no number";
    for (size_t i = 0; i < m->k + m->d; i++)
        if (!isfinite(m->share[i] = cur_f64(in))) return "a share is no number";
    square_centres(m);
    return NULL;
}

static int load(struct cursor *in, enum task task, int n_classes, size_t d, void **ret,
                struct err *e)
{
    uint8_t form = cur_u8(in);
    uint32_t k = cur_u32(in);
    uint64_t has_d = cur_u64(in);
    struct kmeans *m;
    const char *why;

    if (in->bad || form != FORM || task != TASK_MULTICLASS || (int64_t)k != n_classes ||
        has_d != d || k > MAX_K || k < 2)
        return err_set(e, ERR_CORRUPT, "kmeans model: its groups or columns are not the model's");
    if (!(m = fresh(d, k))) return err_set(e, ERR_NOMEM, "no memory for %u groups", (unsigned)k);
    if ((why = load_groups(m, in))) {
        drop(m);
        return err_set(e, ERR_CORRUPT, "kmeans model: %s", why);
    }
    *ret = m;
    return 0;
}

static const char *const *groups(const struct val *o, size_t *ret_n)
{
    *ret_n = (size_t)val_get_int(o, "k", 8);
    return NULL; /* their numbers */
}

extern const struct learner learner_kmeans;
const struct learner learner_kmeans = {
    .name = "kmeans",
    .title = "k-means: groups of rows, without a target",
    .tasks = TASK_MULTICLASS,
    .encoding = ENC_DENSE,
    .params = params,
    .groups = groups,
    .finds = "cluster",
    .fit = fit,
    .predict_row = predict_row,
    .predict = predict,
    .importance = importance,
    .describe = describe,
    .save = save,
    .load = load,
    .free = drop,
};
