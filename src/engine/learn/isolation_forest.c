/* isolation_forest.c: outliers as the rows that random cuts set apart soon (Liu, Ting, Zhou 2008);
 * a learner without a target.
 *
 * Each tree cuts a small sample at random: a column that varies, a threshold between its least and
 * largest value there, until a row is alone or the depth a balanced tree would have is reached.
 * With E the mean depth at which a row ends and c(n) that of a search that fails among n, the
 * score is s = 2^(-E / c(sample)), above 1/2 for rows that are set apart sooner than chance. The
 * model's probability is s with its log-odds shifted so that the share `contamination` of the
 * training rows comes out at 1/2 or more:
 *
 *   logit p = logit s - logit s*,   s* the (1 - contamination) quantile of the training scores
 *
 * Raw values of columns: categories by the number of their level, missing values to the left of
 * every cut. A target, if one is given, is not looked at; it only names the labels. */
#include "base/mem.h"
#include "base/rng.h"
#include "base/val.h"
#include "engine/learn/learner.h"
#include "engine/pool.h"
#include "engine/stats/sample.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORM       1
#define MAX_TREES  10000
#define MAX_SAMPLE 65536
#define SCORED     100000 /* training rows at most that the threshold is taken from */
#define BLOCK      512    /* rows a task scores */

static const struct param params[] = {
    { "n_estimators", PARAM_INT, 0, "100", 1, MAX_TREES, NULL, "trees" },
    { "max_samples", PARAM_INT, 0, "256", 2, MAX_SAMPLE, NULL, "rows each tree is grown from" },
    { "contamination", PARAM_REAL, 0, "0.1", 0.0001, 0.5, NULL,
      "share of the training rows to be called outliers" },
    { 0 },
};

struct node {
    int32_t column; /* -1: an end */
    uint32_t left;  /* the right child follows it */
    double value;   /* threshold: not more goes left; of an end: depth and what is left to go */
};

struct forest {
    size_t d, n_trees, n_nodes;
    uint32_t *root; /* n_trees + 1: first node of each tree, and n_nodes */
    struct node *node;
    double normal;    /* c(sample) */
    double threshold; /* s* */
    double flagged;   /* share of the rows scored */
};

static void drop(void *state)
{
    struct forest *m = state;

    if (!m) return;
    free(m->root);
    free(m->node);
    free(m);
}

/* Mean depth of an unsuccessful search in a binary tree of n rows. */
static double usual_depth(double n)
{
    if (n <= 1) return 0;
    if (n <= 2) return 1;
    return 2 * (log(n - 1) + 0.5772156649015329) - 2 * (n - 1) / n;
}

/* ---- growing ------------------------------------------------------------------------- */

struct tree {
    const struct matrix *x;
    uint32_t *rows;
    struct node *node;
    uint32_t n_nodes;
    unsigned deepest;
    struct rng rng;
};

struct range {
    double low, high;
    bool missing;
};

static struct range range_of(const struct tree *t, size_t column, size_t from, size_t to)
{
    const double *x = t->x->x + column * t->x->n;
    struct range r = { HUGE_VAL, -HUGE_VAL, false };

    for (size_t i = from; i < to; i++) {
        double v = x[t->rows[i]];
        if (isnan(v)) r.missing = true;
        if (v < r.low) r.low = v;
        if (v > r.high) r.high = v;
    }
    return r;
}

/* A threshold that leaves rows on both sides; false: the column does not vary there. */
static bool random_cut(struct tree *t, size_t column, size_t from, size_t to, double *ret)
{
    struct range r = range_of(t, column, from, to);
    double at;

    if (!(r.low <= r.high)) return false;
    if (r.low == r.high) {
        if (!r.missing) return false;
        *ret = -DBL_MAX; /* what is missing, and the rest */
        return true;
    }
    at = r.low + rng_unit(&t->rng) * (r.high - r.low);
    *ret = at < r.high ? at : r.low;
    return isfinite(*ret);
}

/* Tries columns from a random one on, in random order for the first few. */
static bool choose(struct tree *t, size_t from, size_t to, struct node *ret)
{
    size_t d = t->x->d, first;

    for (int tries = 0; tries < 8; tries++) {
        first = rng_below(&t->rng, d);
        if (!random_cut(t, first, from, to, &ret->value)) continue;
        ret->column = (int32_t)first;
        return true;
    }
    first = rng_below(&t->rng, d);
    for (size_t k = 0; k < d; k++) {
        size_t j = (first + k) % d;
        if (!random_cut(t, j, from, to, &ret->value)) continue;
        ret->column = (int32_t)j;
        return true;
    }
    return false;
}

static size_t partition(struct tree *t, const struct node *n, size_t from, size_t to)
{
    const double *x = t->x->x + (size_t)n->column * t->x->n;
    size_t left = from;

    for (size_t i = from; i < to; i++) {
        uint32_t row = t->rows[i];
        if (x[row] > n->value) continue;
        t->rows[i] = t->rows[left];
        t->rows[left++] = row;
    }
    return left;
}

static void grow(struct tree *t, uint32_t at, size_t from, size_t to, unsigned depth)
{
    struct node n = { -1, 0, 0 };
    size_t mid;

    if (depth == t->deepest || to - from < 2 || !choose(t, from, to, &n)) {
        t->node[at] = (struct node){ -1, 0, (double)depth + usual_depth((double)(to - from)) };
        return;
    }
    mid = partition(t, &n, from, to);
    n.left = t->n_nodes;
    t->n_nodes += 2;
    t->node[at] = n;
    grow(t, n.left, from, mid, depth + 1);
    grow(t, n.left + 1, mid, to, depth + 1);
}

struct growing {
    const struct engine *en;
    const struct matrix *x;
    size_t sample, room; /* room: nodes of a tree at most */
    unsigned deepest;
    struct node *node; /* n_trees * room */
    uint32_t *count;   /* nodes of each */
    uint32_t *rows;    /* a sample for every thread */
};

/* Different rows, by Floyd's method; order does not matter to a tree. */
static void draw_rows(struct rng *rng, size_t n, size_t k, uint32_t *out)
{
    for (size_t i = 0; i < k; i++) {
        uint32_t top = (uint32_t)(n - k + i), row = (uint32_t)rng_below(rng, (uint64_t)top + 1);
        for (size_t j = 0; j < i; j++)
            if (out[j] == row) {
                row = top;
                break;
            }
        out[i] = row;
    }
}

static void grow_tree(void *arg, size_t task, int thread)
{
    const struct growing *g = arg;
    struct tree t = { .x = g->x,
                      .rows = g->rows + (size_t)thread * g->sample,
                      .node = g->node + task * g->room,
                      .n_nodes = 1,
                      .deepest = g->deepest };

    if (engine_cancelled(g->en)) return;
    rng_stream(&t.rng, g->en->seed, task);
    draw_rows(&t.rng, g->x->n, g->sample, t.rows);
    grow(&t, 0, 0, g->sample, 0);
    g->count[task] = t.n_nodes;
}

/* ---- scores -------------------------------------------------------------------------- */

/* x: value of column j at x[j * stride]. */
static double score(const struct forest *m, const double *x, size_t stride)
{
    double sum = 0;

    for (size_t t = 0; t < m->n_trees; t++) {
        const struct node *tree = m->node + m->root[t], *n = tree;
        while (n->column >= 0) n = tree + n->left + (x[(size_t)n->column * stride] > n->value);
        sum += n->value;
    }
    return exp2(-sum / (double)m->n_trees / m->normal);
}

static double shifted(const struct forest *m, double s)
{
    double odds = s / (1 - s) * (1 - m->threshold) / m->threshold;

    return isfinite(odds) ? odds / (1 + odds) : 1;
}

struct scoring {
    const struct forest *m;
    const struct matrix *x;
    size_t step, n;
    double *out;
};

static void score_block(void *arg, size_t task, int thread)
{
    const struct scoring *s = arg;

    (void)thread;
    for (size_t i = task * BLOCK; i < s->n && i < (task + 1) * BLOCK; i++)
        s->out[i] = score(s->m, s->x->x + i * s->step, s->x->n);
}

/* Where the share `contamination` of the training scores begins. */
static int find_threshold(const struct engine *en, struct forest *m, const struct matrix *x,
                          double contamination, struct err *e)
{
    size_t step = (x->n + SCORED - 1) / SCORED, n = (x->n + step - 1) / step, at, above = 0;
    MEM_AUTO double *s = mem_try(n, sizeof *s);
    struct sample sorted;

    if (!s) return err_set(e, ERR_NOMEM, "no memory for the scores of %zu rows", n);
    pool_run(en->pool, (n + BLOCK - 1) / BLOCK, score_block, &(struct scoring){ m, x, step, n, s });
    int r = sample_new(s, n, &sorted, e);
    if (r < 0) return r;
    at = (size_t)(contamination * (double)n + 0.5);
    m->threshold = fmin(fmax(sorted.x[n - (at > 0 ? at : 1)], 1e-9), 1 - 1e-9);
    while (above < n && sorted.x[n - 1 - above] >= m->threshold) above++;
    m->flagged = (double)above / (double)n;
    sample_done(&sorted);
    return 0;
}

/* ---- the learner --------------------------------------------------------------------- */

static int gather(struct forest *m, const struct growing *g, struct err *e)
{
    m->root = mem_try(m->n_trees + 1, sizeof *m->root);
    for (size_t t = 0; t < m->n_trees; t++) m->n_nodes += g->count[t];
    m->node = mem_try(m->n_nodes, sizeof *m->node);
    if (!m->root || !m->node) return err_set(e, ERR_NOMEM, "no memory for %zu trees", m->n_trees);
    m->root[0] = 0;
    for (size_t t = 0; t < m->n_trees; t++) {
        memcpy(m->node + m->root[t], g->node + t * g->room, g->count[t] * sizeof *m->node);
        m->root[t + 1] = m->root[t] + g->count[t];
    }
    return 0;
}

static int fit_trees(const struct engine *en, const struct fit_input *in, struct forest *m,
                     struct err *e)
{
    size_t sample = (size_t)val_get_int(in->params, "max_samples", 256);
    struct growing g = { .en = en, .x = &in->train };
    int r = 0;

    g.sample = sample < in->train.n ? sample : in->train.n;
    g.room = 2 * g.sample;
    while (((size_t)1 << g.deepest) < g.sample) g.deepest++;
    m->normal = usual_depth((double)g.sample);
    g.node = mem_try(m->n_trees * g.room, sizeof *g.node);
    g.count = mem_try_zero(m->n_trees, sizeof *g.count);
    g.rows = mem_try((size_t)pool_size(en->pool) * g.sample, sizeof *g.rows);
    if (!g.node || !g.count || !g.rows)
        r = err_set(e, ERR_NOMEM, "no memory for %zu trees of %zu rows", m->n_trees, g.sample);
    else pool_run(en->pool, m->n_trees, grow_tree, &g);
    if (r == 0 && engine_cancelled(en)) r = err_set(e, ERR_CANCELLED, "training was cancelled");
    if (r == 0) r = gather(m, &g, e);
    free(g.node);
    free(g.count);
    free(g.rows);
    return r;
}

static int fit(const struct engine *en, const struct fit_input *in, void **ret, struct err *e)
{
    struct forest *m;
    int r;

    if (in->train.n < 2)
        return err_set(e, ERR_INVALID, "outliers are told among at least 2 rows, not %zu",
                       in->train.n);
    m = mem_zalloc(1, sizeof *m);
    m->d = in->train.d;
    m->n_trees = (size_t)val_get_int(in->params, "n_estimators", 100);
    r = fit_trees(en, in, m, e);
    if (r == 0)
        r = find_threshold(en, m, &in->train, val_get_real(in->params, "contamination", 0.1), e);
    if (r == 0 && engine_cancelled(en)) r = err_set(e, ERR_CANCELLED, "training was cancelled");
    if (r < 0) {
        drop(m);
        return r;
    }
    engine_progress(en, &(struct engine_progress){ .what = "tree",
                                                   .done = m->n_trees,
                                                   .total = m->n_trees,
                                                   .train = (double)NAN,
                                                   .valid = (double)NAN });
    *ret = m;
    return 0;
}

static void predict_row(const void *state, const double *x, double *out)
{
    *out = shifted(state, score(state, x, 1));
}

static void predict(const void *state, const struct matrix *x, size_t from, size_t to, double *out)
{
    for (size_t i = from; i < to; i++) out[i - from] = shifted(state, score(state, x->x + i, x->n));
}

/* How often a column is cut, a cut counting half of one a level above. */
static void importance(const void *state, size_t d, double *out)
{
    const struct forest *m = state;
    MEM_AUTO double *weight = mem_zalloc(m->n_nodes, sizeof *weight);
    double all = 0;

    memset(out, 0, d * sizeof *out);
    for (size_t t = 0; t < m->n_trees; t++) {
        const uint32_t first = m->root[t];
        weight[first] = 1;
        for (uint32_t i = first; i < m->root[t + 1]; i++) {
            const struct node *n = &m->node[i];
            if (n->column < 0) continue;
            out[n->column] += weight[i];
            all += weight[i];
            weight[first + n->left] = weight[first + n->left + 1] = weight[i] / 2;
        }
    }
    for (size_t j = 0; j < d && all > 0; j++) out[j] /= all;
}

static void describe(const void *state, struct val *out)
{
    const struct forest *m = state;

    val_set_int(out, "trees", (int64_t)m->n_trees);
    val_set_real(out, "threshold", m->threshold);
    val_set_real(out, "flagged", m->flagged);
}

static int save(const void *state, struct buf *out, struct err *e)
{
    const struct forest *m = state;

    (void)e;
    buf_u8(out, FORM);
    buf_u32(out, (uint32_t)m->n_trees);
    buf_f64(out, m->normal);
    buf_f64(out, m->threshold);
    buf_f64(out, m->flagged);
    for (size_t t = 0; t < m->n_trees; t++) buf_u32(out, m->root[t + 1] - m->root[t]);
    for (size_t i = 0; i < m->n_nodes; i++) {
        buf_u32(out, (uint32_t)m->node[i].column);
        buf_u32(out, m->node[i].left);
        buf_f64(out, m->node[i].value);
    }
    return 0;
}

#define NODE_BYTES 16

/* Children come behind their parent, so that every walk ends. */
static const char *load_node(const struct forest *m, uint32_t at, uint32_t count, struct cursor *in,
                             struct node *ret)
{
    uint32_t column = cur_u32(in);

    ret->left = cur_u32(in);
    ret->value = cur_f64(in);
    ret->column = column == UINT32_MAX ? -1 : (int32_t)column;
    if (!isfinite(ret->value)) return "a threshold is no number";
    if (ret->column == -1) return ret->value < 0 ? "a depth is negative" : NULL;
    if (column >= m->d) return "a column does not exist";
    if (ret->left <= at || ret->left + 1 >= count || ret->left + 1 == 0)
        return "a child lies outside of its tree";
    return NULL;
}

static const char *load_forest(struct forest *m, struct cursor *in)
{
    const char *why = NULL;

    if (m->n_trees == 0 || m->n_trees > MAX_TREES || m->n_trees > in->left / 4)
        return "the number of trees is impossible";
    m->root = mem_alloc((m->n_trees + 1) * sizeof *m->root);
    m->root[0] = 0;
    for (size_t t = 0; t < m->n_trees; t++) {
        uint32_t n = cur_u32(in);
        if (n == 0 || n > 2 * MAX_SAMPLE || n > in->left / NODE_BYTES) return "a tree is too large";
        m->root[t + 1] = m->root[t] + n;
        if (m->root[t + 1] > in->left / NODE_BYTES) return "it ends early";
    }
    m->n_nodes = m->root[m->n_trees];
    if (in->left != m->n_nodes * NODE_BYTES) return "its length is wrong";
    if (!(m->node = mem_try(m->n_nodes, sizeof *m->node))) return "it does not fit into memory";
    for (size_t t = 0; t < m->n_trees && !why; t++)
        for (uint32_t i = 0, n = m->root[t + 1] - m->root[t]; i < n && !why; i++)
            why = load_node(m, i, n, in, &m->node[m->root[t] + i]);
    return why;
}

static int load(struct cursor *in, enum task task, int n_classes, size_t d, void **ret,
                struct err *e)
{
    struct forest *m = mem_zalloc(1, sizeof *m);
    uint8_t form = cur_u8(in);
    const char *why;

    (void)n_classes;
    m->d = d;
    m->n_trees = cur_u32(in);
    m->normal = cur_f64(in);
    m->threshold = cur_f64(in);
    m->flagged = cur_f64(in);
    if (in->bad || form != FORM || task != TASK_BINARY) why = "its form is unknown";
    else if (!(m->normal > 0 && m->threshold > 0 && m->threshold < 1 && isfinite(m->normal)))
        why = "its threshold makes no sense";
    else why = load_forest(m, in);
    if (why) {
        drop(m);
        return err_set(e, ERR_CORRUPT, "isolation_forest model: %s", why);
    }
    *ret = m;
    return 0;
}

static const char *const *groups(const struct val *o, size_t *ret_n)
{
    static const char *const names[] = { "normal", "outlier" };

    (void)o;
    *ret_n = 2;
    return names;
}

extern const struct learner learner_isolation_forest;
const struct learner learner_isolation_forest = {
    .name = "isolation_forest",
    .title = "isolation forest: outliers, without a target",
    .tasks = TASK_BINARY,
    .encoding = ENC_TREE,
    .params = params,
    .groups = groups,
    .finds = "outlier",
    .takes_labels = true,
    .fit = fit,
    .predict_row = predict_row,
    .predict = predict,
    .importance = importance,
    .describe = describe,
    .save = save,
    .load = load,
    .free = drop,
};
