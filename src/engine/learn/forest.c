/* forest.c: forests of trees on drawn rows and drawn features, the learners.
 *
 *   forest       the best cut among a few features, rows drawn with replacement (Breiman 2001)
 *   extra_trees  cuts at random, all rows (Geurts, Ernst and Wehenkel 2006)
 *
 * The answer is the mean of the trees' answers, so for classes it is a probability. Rows that a
 * tree did not draw tell how well it does on rows it has not seen: averaged over all such trees
 * that is the out-of-bag estimate, which the log gets. Parameter names are scikit-learn's.
 * Trees are grown one a thread; which thread makes no difference. */
#include "engine/learn/forest.h"

#include "base/mem.h"
#include "base/val.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static double get(const struct learner *l, const struct val *v, const char *name, double dflt)
{
    const struct param *p = param_find(l->params, name);

    if (!p) return dflt;
    if (p->type == PARAM_BOOL) return val_get_bool(v, name, p->dflt[0] == 't');
    return val_get_real(v, name, strtod(p->dflt, NULL));
}

static struct trees_params params_of(const struct learner *l, const struct val *v)
{
    return (struct trees_params){
        .n_estimators = (int)get(l, v, "n_estimators", 1),
        .max_depth = (int)get(l, v, "max_depth", 0),
        .min_samples_leaf = (int)get(l, v, "min_samples_leaf", 1),
        .min_samples_split = (int)get(l, v, "min_samples_split", 2),
        .max_bin = (int)get(l, v, "max_bin", GBDT_BYTE_BINS),
        .max_features = get(l, v, "max_features", 1),
        .max_samples = get(l, v, "max_samples", 1),
        .bootstrap = get(l, v, "bootstrap", 0) != 0,
    };
}

/* ---- growing ---- */

struct forest {
    struct trees_input in;
    struct trees_work **work; /* one a thread */
    struct trees_grown *grown;
    struct err *errs; /* one a thread */
    uint32_t first;   /* tree of task 0 */
    atomic_int failed;
};

static void tree_task(void *arg, size_t task, int thread)
{
    struct forest *f = arg;
    uint32_t tree = f->first + (uint32_t)task;

    if (atomic_load(&f->failed)) return;
    int r = trees_grow(&f->in, f->work[thread], tree, &f->grown[tree], &f->errs[thread]);
    if (r < 0) atomic_store(&f->failed, thread + 1);
}

/* A few trees at a time, so that progress can be told on this thread. */
static int grow_all(struct forest *f, struct err *e)
{
    const struct engine *en = f->in.en;
    uint32_t n = (uint32_t)f->in.p->n_estimators, at_once = 2 * (uint32_t)pool_size(en->pool);

    for (uint32_t at = 0; at < n; at += at_once) {
        uint32_t here = n - at < at_once ? n - at : at_once;
        f->first = at;
        pool_run(en->pool, here, tree_task, f);
        int failed = atomic_load(&f->failed);
        if (failed) {
            if (e) *e = f->errs[failed - 1];
            return -(int)f->errs[failed - 1].kind;
        }
        engine_progress(en, &(struct engine_progress){ .what = "tree",
                                                       .done = at + here,
                                                       .total = n,
                                                       .train = (double)NAN,
                                                       .valid = (double)NAN });
    }
    return 0;
}

static bool make_work(struct forest *f)
{
    int threads = pool_size(f->in.en->pool);

    f->work = mem_zalloc((size_t)threads, sizeof(struct trees_work *));
    f->errs = mem_zalloc((size_t)threads, sizeof *f->errs);
    f->grown = mem_zalloc((size_t)f->in.p->n_estimators, sizeof *f->grown);
    for (int t = 0; t < threads; t++)
        if (!(f->work[t] = trees_work_new(&f->in))) return false;
    return true;
}

static void forest_done(struct forest *f)
{
    for (int t = 0; f->work && t < pool_size(f->in.en->pool); t++) trees_work_free(f->work[t]);
    for (int i = 0; f->grown && i < f->in.p->n_estimators; i++) trees_grown_done(&f->grown[i]);
    free(f->work);
    free(f->grown);
    free(f->errs);
}

/* ---- out of bag ---- */

#define CHUNK 1024

struct oob { /* sums of one chunk, added up in order */
    double n, loss;
};

struct oob_job {
    const struct trees_input *in;
    const struct trees_model *m;
    struct oob *chunks;
};

/* Squared error, or 1 for a wrong class. */
static double loss_of(const struct trees_model *m, double y, const double *p)
{
    if (m->task == TASK_REGRESSION) return (p[0] - y) * (p[0] - y);
    if (m->k == 1) return (p[0] >= 0.5) != (y >= 0.5);
    int best = 0;
    for (int c = 1; c < m->k; c++)
        if (p[c] > p[best]) best = c;
    return best != (int)y;
}

static void oob_task(void *arg, size_t chunk, int thread)
{
    const struct oob_job *job = arg;
    const struct trees_model *m = job->m;
    const struct gbdt_bins *b = job->in->bins;
    size_t from = chunk * CHUNK, n = b->n - from < CHUNK ? b->n - from : CHUNK, k = (size_t)m->k;
    struct oob *o = &job->chunks[chunk];
    MEM_AUTO double *p = mem_zalloc(n * k, sizeof *p);
    MEM_AUTO uint16_t *codes = mem_alloc((n * m->m + 1) * sizeof *codes);
    uint32_t trees[CHUNK] = { 0 };
    uint8_t drawn[CHUNK];

    (void)thread;
    MEM_AUTO uint16_t *cats = mem_alloc((n * m->orders.n_cats + 1) * sizeof *cats);
    struct trees_rows rows = { n, codes, cats };

    for (size_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < m->m; j++)
            codes[i * m->m + j] = trees_code(m, j, trees_bin(b, j, from + i));
    trees_rows_begin(m, &rows);
    for (uint32_t t = 0; t < m->n_trees; t++) {
        uint64_t key = trees_draw_key(job->in, t);
        for (size_t i = 0; i < n; i++) {
            drawn[i] = trees_drawn(job->in, key, from + i) > 0;
            trees[i] += !drawn[i];
        }
        trees_walk(m, t, &rows, drawn, p);
    }
    for (size_t i = 0; i < n; i++) {
        if (trees[i] == 0) continue;
        for (size_t c = 0; c < k; c++) p[i * k + c] /= trees[i];
        double w = job->in->w ? job->in->w[from + i] : 1;
        o->n += w;
        o->loss += w * loss_of(m, job->in->y[from + i], p + i * k);
    }
}

static void tell_oob(const struct trees_input *in, const struct trees_model *m)
{
    size_t n = (in->bins->n + CHUNK - 1) / CHUNK;
    struct oob all = { 0, 0 };
    struct oob_job job = { in, m, mem_zalloc(n, sizeof *job.chunks) };

    pool_run(in->en->pool, n, oob_task, &job);
    for (size_t i = 0; i < n; i++) {
        all.n += job.chunks[i].n;
        all.loss += job.chunks[i].loss;
    }
    free(job.chunks);
    if (!(all.n > 0)) return;
    if (m->task == TASK_REGRESSION)
        engine_note(in->en, "out-of-bag rmse %.6g", sqrt(all.loss / all.n));
    else engine_note(in->en, "out-of-bag accuracy %.6g", 1 - all.loss / all.n);
}

/* ---- learners ---- */

static int check(const struct fit_input *in, const struct learner *l, struct err *e)
{
    if (in->train.n == 0)
        return err_set(e, ERR_INVALID, "%s: there are no rows to train on", l->name);
    if (in->train.n > UINT32_MAX / 2)
        return err_set(e, ERR_LIMIT, "%s: %zu rows are more than it can take", l->name,
                       in->train.n);
    if (in->train.d > TREES_FEATURES)
        return err_set(e, ERR_LIMIT, "%s: %zu features, at most %d are possible", l->name,
                       in->train.d, TREES_FEATURES);
    return 0;
}

/* Trees that end at a few rows follow the ends of a numeric target's features as far as they go. */
static double most_inside(enum task task)
{
    return task == TASK_REGRESSION ? 1e-4 : GBDT_HEAVY_TAIL;
}

int forest_fit(const struct learner *l, bool extra, const struct engine *en,
               const struct fit_input *in, void **ret, struct err *e)
{
    struct trees_params p = params_of(l, in->params);
    struct gbdt_params binning = { .max_bin = p.max_bin, .most_inside = most_inside(in->task) };
    struct gbdt_bins bins = { 0 };
    struct forest f = { .in = { .en = en,
                                .p = &p,
                                .bins = &bins,
                                .y = in->y,
                                .w = in->w,
                                .k = in->task == TASK_MULTICLASS ? in->n_classes : 1,
                                .binary = in->task == TASK_BINARY && !in->w,
                                .kern = kernels_best() } };
    struct trees_model *m = NULL;
    int r = check(in, l, e);

    p.extra = extra;
    if (p.max_features <= 0 && in->task == TASK_REGRESSION) p.max_features = 1.0 / 3;
    if (r == 0) r = gbdt_bin(en, &in->train, &binning, &bins, e);
    trees_draw_init(&f.in);
    if (r == 0) r = trees_order(&f.in, e);
    if (r == 0 && !make_work(&f))
        r = err_set(e, ERR_NOMEM, "%s: no memory for %zu rows", l->name, bins.n);
    if (r == 0) r = grow_all(&f, e);
    if (r == 0)
        r = trees_model_make(&f.in, in->task, in->train.d, f.grown, (size_t)p.n_estimators, &m, e);
    if (r == 0 && p.bootstrap) tell_oob(&f.in, m);
    forest_done(&f);
    trees_orders_done(&f.in.orders);
    gbdt_bins_done(&bins);
    if (r == 0) *ret = m;
    return r;
}

/* clang-format off */
#define FOREST_PARAMS(leaf, bootstrap)                                                             \
    { "n_estimators", PARAM_INT, 0, "100", 1, 100000, NULL, "trees" },                             \
    { "max_depth", PARAM_INT, 0, "0", 0, 10000, NULL, "depth of a tree at most; 0: any" },         \
    { "min_samples_leaf", PARAM_INT, 0, leaf, 1, 1e9, NULL, "rows of a leaf at least" },           \
    { "min_samples_split", PARAM_INT, 0, "2", 2, 1e9, NULL, "rows of a node that is split" },      \
    { "max_features", PARAM_REAL, 0, "0", 0, 1, NULL,                                              \
      "share of features looked at in a node; 0: their root for classes, a third for numbers" },   \
    { "max_bin", PARAM_INT, 0, "255", 2, GBDT_BYTE_BINS, NULL, "bins of a numeric feature" },      \
    { "bootstrap", PARAM_BOOL, 0, bootstrap, 0, 0, NULL, "draw rows with replacement" },           \
    { "max_samples", PARAM_REAL, 0, "1", 0.001, 1, NULL, "rows drawn, as a share of all" },        \
    { 0 }
/* clang-format on */

static const struct param forest_params[] = { FOREST_PARAMS("2", "true") };
static const struct param extra_params[] = { FOREST_PARAMS("2", "false") };

static int fit_forest(const struct engine *en, const struct fit_input *in, void **ret,
                      struct err *e)
{
    return forest_fit(&learner_forest, false, en, in, ret, e);
}

static int fit_extra(const struct engine *en, const struct fit_input *in, void **ret, struct err *e)
{
    return forest_fit(&learner_extra_trees, true, en, in, ret, e);
}

const struct learner learner_forest = {
    .name = "forest",
    .title = "random forest",
    .tasks = TASK_BINARY | TASK_MULTICLASS | TASK_REGRESSION,
    .encoding = ENC_TREE,
    .params = forest_params,
    .fit = fit_forest,
    FOREST_MODEL,
};

const struct learner learner_extra_trees = {
    .name = "extra_trees",
    .title = "extremely randomised trees",
    .tasks = TASK_BINARY | TASK_MULTICLASS | TASK_REGRESSION,
    .encoding = ENC_TREE,
    .params = extra_params,
    .fit = fit_extra,
    FOREST_MODEL,
};
