/* gbdt.c: gradient-boosted decision trees, the learner.
 *
 *   bins (once) -> [ gradients -> one tree per score -> scores ] x rounds -> best round
 *
 * Histogram-based and grown leaf by leaf, in the manner of LightGBM (Ke et al. 2017), whose
 * parameter names and defaults are kept. Gradients are quantised (see gbdt_grow.c) to integers
 * of 6 bits or of as many as the number of rows allows, at most param gradient_bits; 0 is the
 * exact mode beside it. Memory beside the input is about 2 bytes a value, 21 bytes a row, and
 * the histograms.
 * With a validation set its loss is measured each round; early_stopping_rounds > 0 stops after
 * that many rounds without a lower one. Then, and also when all rounds were run with it on,
 * only the rounds up to the best are kept. */
#include "engine/learn/gbdt_train.h"

#include "base/mem.h"
#include "base/val.h"
#include "engine/learn/gbdt_ensemble.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct param params[] = {
    { "n_estimators", PARAM_INT, 0, "100", 1, 100000, NULL, "boosting rounds at most" },
    { "learning_rate", PARAM_REAL, 0, "0.1", 1e-6, 10, NULL, "factor on the trees' values" },
    { "num_leaves", PARAM_INT, 0, "31", 2, GBDT_MAX_LEAVES, NULL, "leaves of a tree at most" },
    { "max_depth", PARAM_INT, 0, "0", -1, 10000, NULL, "depth of a tree at most; 0: any" },
    { "max_bin", PARAM_INT, 0, "255", 2, GBDT_BYTE_BINS, NULL, "bins of a numeric feature" },
    { "min_data_in_leaf", PARAM_INT, 0, "20", 0, 1e9, NULL,
      "rows of a leaf at least (counted by hessian)" },
    { "min_sum_hessian", PARAM_REAL, 0, "0.001", 0, 1e9, NULL, "hessian of a leaf at least" },
    { "lambda_l1", PARAM_REAL, 0, "0", 0, 1e9, NULL, "L1 penalty on the values of leaves" },
    { "lambda_l2", PARAM_REAL, 0, "0", 0, 1e9, NULL, "L2 penalty on the values of leaves" },
    { "min_gain_to_split", PARAM_REAL, 0, "0", 0, 1e9, NULL, "gain a split must exceed" },
    { "feature_fraction", PARAM_REAL, 0, "1", 0.001, 1, NULL, "share of features for each tree" },
    { "bagging_fraction", PARAM_REAL, 0, "1", 0.001, 1, NULL, "share of rows for each tree" },
    { "bagging_freq", PARAM_INT, 0, "0", 0, 100000, NULL,
      "draw those rows anew every so many rounds; 0: use all rows" },
    { "cat_smooth", PARAM_REAL, 0, "12", 0, 1e9, NULL,
      "smoothing of categories; rarer ones stay together" },
    { "cat_l2", PARAM_REAL, 0, "10", 0, 1e9, NULL, "L2 penalty added in categorical splits" },
    { "max_cat_threshold", PARAM_INT, 0, "32", 1, GBDT_MAX_SET, NULL,
      "categories on one side of a split at most" },
    { "max_cat_to_onehot", PARAM_INT, 0, "4", 0, GBDT_MAX_SET, NULL,
      "up to so many levels one is split from the rest" },
    { "min_data_per_group", PARAM_INT, 0, "100", 1, 1e9, NULL,
      "rows by which sets of categories must differ" },
    { "early_stopping_rounds", PARAM_INT, 0, "0", 0, 100000, NULL,
      "stop after so many rounds without a lower validation loss; 0: never" },
    { "gradient_bits", PARAM_INT, 0, "16", 0, 16, NULL,
      "gradients are rounded, without bias, to integers of at most so many bits; to 6 where rows "
      "are many and gradients are spread well; 0: exact (31 bits, slower)" },
    { "objective", PARAM_ENUM, 0, "auto", 0, 0,
      "auto|binary|multiclass|l2|l1|huber|quantile|poisson",
      "what is minimised; auto: binary, multiclass or l2, by the task" },
    { "alpha", PARAM_REAL, 0, "0.9", 1e-9, 1e9, NULL,
      "huber: errors beyond it count linearly; quantile: which one, below 1" },
    { "grow_policy", PARAM_ENUM, 0, "leaf_wise", 0, 0, "leaf_wise|depth_wise",
      "which leaf is split next: the one with most gain, or that among the shallowest" },
    { "monotone", PARAM_STR, 0, "", 0, 0, NULL,
      "features the answer may only rise or fall with: name:+1,name:-1 (or column numbers)" },
    { 0 },
};

/* A parameter as bound, or its default when the caller left it out. */
static double get(const struct val *v, const char *name)
{
    return val_get_real(v, name, strtod(param_find(params, name)->dflt, NULL));
}

/* The objective by its name; the task has the last word on what fits. */
static int objective_of(const struct val *v, enum task task, double alpha, enum gbdt_objective *ret,
                        struct err *e)
{
    static const char *const names[GBDT_OBJECTIVES] = {
        [GBDT_LOGISTIC] = "binary", [GBDT_SOFTMAX] = "multiclass", [GBDT_L2] = "l2",
        [GBDT_L1] = "l1",           [GBDT_HUBER] = "huber",        [GBDT_QUANTILE] = "quantile",
        [GBDT_POISSON] = "poisson",
    };
    const char *name = val_get_str(v, "objective", "auto");
    enum gbdt_objective usual = gbdt_usual_objective(task), o = usual;

    for (int i = 0; i < GBDT_OBJECTIVES; i++)
        if (strcmp(name, names[i]) == 0) o = (enum gbdt_objective)i;
    if (o != usual && (task != TASK_REGRESSION || o < GBDT_L2))
        return err_set(e, ERR_INVALID, "gbdt: objective %s is not for a %s target", name,
                       task_name(task));
    if (o == GBDT_QUANTILE && !(alpha < 1))
        return err_set(e, ERR_INVALID, "gbdt: alpha is %g; a quantile is between 0 and 1", alpha);
    *ret = o;
    return 0;
}

static struct gbdt_params params_of(const struct val *v)
{
    struct gbdt_params p = { .objective = GBDT_L2 };

#define INT(name)  p.name = (int)get(v, #name)
#define REAL(name) p.name = get(v, #name)
    INT(n_estimators);
    INT(num_leaves);
    INT(max_depth);
    INT(max_bin);
    INT(min_data_in_leaf);
    INT(max_cat_threshold);
    INT(max_cat_to_onehot);
    INT(min_data_per_group);
    INT(bagging_freq);
    INT(early_stopping_rounds);
    INT(gradient_bits);
    REAL(learning_rate);
    REAL(min_sum_hessian);
    REAL(lambda_l1);
    REAL(lambda_l2);
    REAL(min_gain_to_split);
    REAL(feature_fraction);
    REAL(bagging_fraction);
    REAL(cat_smooth);
    REAL(cat_l2);
    REAL(alpha);
#undef INT
#undef REAL
    p.depth_wise = strcmp(val_get_str(v, "grow_policy", "leaf_wise"), "depth_wise") == 0;
    return p;
}

/* ---- monotone features ---- */

/* Column of the feature that s (n characters) names, or numbers from 0; -1: none. */
static long column_of(const struct fit_input *in, const char *s, size_t n)
{
    char *end;

    for (size_t j = 0; in->features && j < in->train.d; j++)
        if (strlen(in->features[j]) == n && memcmp(in->features[j], s, n) == 0) return (long)j;
    if (n == 0 || *s < '0' || *s > '9') return -1;
    long j = strtol(s, &end, 10);
    return end == s + n && (size_t)j < in->train.d ? j : -1;
}

/* One "name:+1" of n characters. */
static int add_monotone(const struct fit_input *in, const char *s, size_t n, int8_t *signs,
                        struct err *e)
{
    const char *colon = memrchr(s, ':', n);
    size_t name = colon ? (size_t)(colon - s) : 0, rest = colon ? n - name - 1 : 0;
    bool up = rest > 0 && colon[rest] == '1' && (rest == 1 || (rest == 2 && colon[1] == '+'));
    bool down = rest == 2 && memcmp(colon, ":-1", 3) == 0;

    if (!up && !down)
        return err_set(e, ERR_INVALID, "gbdt: monotone has %.*s; it wants feature:+1 or feature:-1",
                       (int)n, s);
    long j = column_of(in, s, name);
    if (j < 0)
        return err_set(e, ERR_INVALID, "gbdt: monotone names %.*s, which is no feature", (int)name,
                       s);
    if (in->train.levels && in->train.levels[j] > 0)
        return err_set(e, ERR_INVALID, "gbdt: monotone names %.*s, which is a category", (int)name,
                       s);
    signs[j] = up ? 1 : -1;
    return 0;
}

/* *ret: a sign for each column, for free(); NULL when nothing is monotone. */
static int monotone_of(const struct fit_input *in, int8_t **ret, struct err *e)
{
    const char *s = val_get_str(in->params, "monotone", "");

    *ret = NULL;
    if (!*s) return 0;
    *ret = mem_zalloc(in->train.d + 1, sizeof **ret);
    for (size_t n; *s; s += n + (s[n] == ',')) {
        n = strcspn(s, ",");
        int r = n > 0 ? add_monotone(in, s, n, *ret, e) : 0;
        if (r < 0) return r;
    }
    return 0;
}

struct boosting {
    const struct engine *en;
    const struct fit_input *in;
    struct gbdt_params p;
    struct gbdt_bins bins;
    struct gbdt_loss loss;
    struct gbdt_grower *grower;
    struct gbdt_model *m;
    double *valid_score; /* k columns of valid.n; NULL: no validation set */
    double best;         /* lowest validation loss */
    int best_round;
};

/* ---- validation ---- */

struct valid_job {
    struct boosting *b;
    size_t tree;
};

static void valid_task(void *arg, size_t chunk, int thread)
{
    const struct valid_job *job = arg;
    const struct gbdt_model *m = job->b->m;
    const struct matrix *x = &job->b->in->valid;
    double *score = job->b->valid_score + job->tree % (size_t)m->k * x->n;
    size_t from = chunk * GBDT_CHUNK, to = from + GBDT_CHUNK < x->n ? from + GBDT_CHUNK : x->n;

    (void)thread;
    for (size_t i = from; i < to; i++)
        score[i] += gbdt_tree_value(m, &m->trees[job->tree], x->x + i, x->n);
}

static double valid_loss(struct boosting *b)
{
    const struct fit_input *in = b->in;
    size_t chunks = (in->valid.n + GBDT_CHUNK - 1) / GBDT_CHUNK;

    if (!b->valid_score) return (double)NAN;
    for (size_t t = b->m->n_trees - (size_t)b->m->k; t < b->m->n_trees; t++) {
        struct valid_job job = { b, t };
        pool_run(b->en->pool, chunks, valid_task, &job);
    }
    return gbdt_loss_of(&(struct gbdt_scored){ b->p.objective, b->p.alpha, b->m->k, in->valid.n,
                                               in->y_valid, b->valid_score });
}

/* ---- rounds ---- */

/* One tree for each score. *ret_more: whether any of them has a split. */
static int grow_round(struct boosting *b, int round, bool *ret_more, struct err *e)
{
    size_t k = (size_t)b->m->k;
    uint64_t draw = b->p.bagging_freq > 0 ? (uint64_t)(round / b->p.bagging_freq) : 0;

    *ret_more = false;
    for (size_t c = 0; c < k; c++) {
        struct gbdt_round r = { .loss = &b->loss,
                                .c = c,
                                .x = &b->in->train,
                                .stream = 1 + (uint64_t)round * k + c,
                                .bag = rng_mix(draw + 1) };
        bool split;
        int err = gbdt_grow(b->grower, &r, b->m, &split, e);
        if (err < 0) return err;
        *ret_more |= split;
    }
    return 0;
}

static bool gradients_ok(const struct gbdt_loss *l)
{
    for (int c = 0; c < l->k; c++)
        if (!isfinite(l->max_g[c]) || !isfinite(l->max_h[c])) return false;
    return true;
}

/* True when the validation loss has not improved for long enough. */
static bool should_stop(struct boosting *b, int round, double loss)
{
    if (b->p.early_stopping_rounds <= 0 || !b->valid_score) return false;
    if (round == 0 || loss < b->best) {
        b->best = loss;
        b->best_round = round;
    }
    return round - b->best_round >= b->p.early_stopping_rounds;
}

static int boost(struct boosting *b, struct err *e)
{
    gbdt_loss_gradients(&b->loss, b->en->pool);
    for (int round = 0; round < b->p.n_estimators; round++) {
        bool more;
        if (!gradients_ok(&b->loss))
            return err_set(e, ERR_INVALID,
                           "gbdt: the loss overflows in round %d; scale the "
                           "target or lower learning_rate",
                           round + 1);
        if (engine_cancelled(b->en)) return err_set(e, ERR_CANCELLED, "training was cancelled");
        int r = grow_round(b, round, &more, e);
        if (r < 0) return r;
        if (!more) {
            gbdt_model_truncate(b->m, b->m->n_trees - (size_t)b->m->k);
            engine_note(b->en, "gbdt: no further split after %d rounds", round);
            break;
        }
        double train = gbdt_loss_gradients(&b->loss, b->en->pool), valid = valid_loss(b);
        engine_progress(b->en, &(struct engine_progress){ .what = "round",
                                                          .done = (size_t)round + 1,
                                                          .total = (size_t)b->p.n_estimators,
                                                          .metric = gbdt_loss_name(b->p.objective),
                                                          .train = train,
                                                          .valid = valid });
        if (should_stop(b, round, valid)) break;
    }
    if (b->p.early_stopping_rounds > 0 && b->valid_score)
        gbdt_model_truncate(b->m, (size_t)(b->best_round + 1) * (size_t)b->m->k);
    return 0;
}

static int start_scores(struct boosting *b, struct err *e)
{
    size_t n = b->in->train.n, nv = b->in->valid.n;

    int r = gbdt_loss_base(&b->loss, b->m->base, e);

    if (r < 0) return r;
    if (nv > 0) {
        b->valid_score = mem_try(nv * (size_t)b->m->k, sizeof *b->valid_score);
        if (!b->valid_score) return err_set(e, ERR_NOMEM, "no memory for %zu scores", nv);
    }
    for (int c = 0; c < b->m->k; c++) {
        for (size_t i = 0; i < n; i++) b->loss.score[(size_t)c * n + i] = b->m->base[c];
        for (size_t i = 0; i < nv; i++) b->valid_score[(size_t)c * nv + i] = b->m->base[c];
    }
    return 0;
}

static int fit(const struct engine *en, const struct fit_input *in, void **ret, struct err *e)
{
    const struct kernels *kern = kernels_best();
    struct boosting b = { .en = en, .in = in, .p = params_of(in->params) };
    MEM_AUTO int8_t *monotone = NULL;
    int r;

    if (in->train.n == 0) return err_set(e, ERR_INVALID, "gbdt: there are no rows to train on");
    r = objective_of(in->params, in->task, b.p.alpha, &b.p.objective, e);
    if (r == 0) r = monotone_of(in, &monotone, e);
    if (r == 0) r = gbdt_loss_init(in, &b.p, kern, &b.loss, e);
    if (r < 0) return r;
    b.p.monotone = monotone;
    b.p.most_inside = in->task == TASK_REGRESSION ? GBDT_TAIL : GBDT_HEAVY_TAIL;
    b.m = gbdt_model_new(in->task, in->n_classes, in->train.d);
    b.m->objective = b.p.objective;
    r = start_scores(&b, e);
    if (r == 0) r = gbdt_bin(en, &in->train, &b.p, &b.bins, e);
    if (r == 0) r = gbdt_grower_new(en, &b.p, &b.bins, kern, &b.grower, e);
    if (r == 0) r = boost(&b, e);
    gbdt_grower_free(b.grower);
    gbdt_bins_done(&b.bins);
    gbdt_loss_done(&b.loss);
    free(b.valid_score);
    if (r < 0) {
        gbdt_model_free(b.m);
        return r;
    }
    gbdt_fast_build(b.m);
    *ret = b.m;
    return 0;
}

static void drop(void *state)
{
    gbdt_model_free(state);
}

const struct learner learner_gbdt = {
    .name = "gbdt",
    .title = "gradient-boosted trees",
    .tasks = TASK_BINARY | TASK_MULTICLASS | TASK_REGRESSION,
    .encoding = ENC_TREE,
    .params = params,
    .fit = fit,
    .predict_row = gbdt_predict_row,
    .predict = gbdt_predict,
    .importance = gbdt_importance,
    .contributions = gbdt_contributions,
    .to_ensemble = gbdt_to_ensemble,
    .save = gbdt_model_save,
    .load = gbdt_model_load,
    .free = drop,
};
