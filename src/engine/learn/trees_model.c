/* trees_model.c: trees of bins as a model: put together, asked, written and read.
 *
 * A row is turned into bins once, then walks all trees. Trees of a forest are far larger than a
 * cache line's worth, so a walk waits for memory at every level; LANES rows of a batch, or trees
 * of one row, are walked at a time and wait together. Bytes that are read are hostile until each
 * tree was walked once: nodes must come in preorder, every one reached exactly once, every number
 * within its bounds. */
#include "base/mem.h"
#include "engine/learn/trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORM      1 /* bins of categories are in order */
#define ORDERED   2 /* trees have orders of their own */
#define LANES     16
#define STEPS     4 /* between two looks whether all have arrived */
#define MAX_TREES 100000
#define MAX_BINS  (GBDT_WIDE_BINS + 1)

/* ---- putting together ---- */

static void feature_done(struct gbdt_feature *f)
{
    free(f->cuts);
    free(f->code_bin);
}

void trees_model_free(void *state)
{
    struct trees_model *m = state;

    if (!m) return;
    for (uint32_t j = 0; j < m->m; j++) feature_done(&m->f[j]);
    free(m->f);
    trees_orders_done(&m->orders);
    free(m->importance);
    free(m->trees);
    free(m->nodes);
    free(m->leaves);
    free(m);
}

static bool room(struct trees_model *m)
{
    m->importance = mem_try_zero(m->m + 1, sizeof *m->importance);
    m->trees = mem_try_zero(m->n_trees + 1, sizeof *m->trees);
    m->nodes = mem_try(m->n_nodes + 1, sizeof *m->nodes);
    m->leaves = mem_try(m->n_leaves + 1, sizeof *m->leaves);
    return m->importance && m->trees && m->nodes && m->leaves;
}

static void append(struct trees_model *m, struct trees_tree *t, struct trees_grown *g)
{
    *t = (struct trees_tree){ .node = m->n_nodes,
                              .leaf = m->n_leaves,
                              .n_nodes = (uint32_t)g->n_nodes,
                              .n_leaves = (uint32_t)(g->n_leaves / (size_t)m->k) };
    memcpy(m->nodes + m->n_nodes, g->nodes, g->n_nodes * sizeof *m->nodes);
    if (g->n_leaves) memcpy(m->leaves + m->n_leaves, g->leaves, g->n_leaves * sizeof *m->leaves);
    for (uint32_t j = 0; j < m->m; j++) m->importance[j] += g->importance[j];
    m->n_nodes += g->n_nodes;
    m->n_leaves += g->n_leaves;
    trees_grown_done(g);
}

/* One order for all trees: a level's bin is then its rank. */
static void put_in_order(struct trees_model *m)
{
    for (uint32_t c = 0; c < m->orders.n_cats; c++) {
        struct gbdt_feature *f = &m->f[m->orders.cat[c]];
        const uint16_t *rank = m->orders.rank + m->orders.at[c];
        for (uint32_t i = 0; i < f->levels; i++) f->code_bin[i] = rank[f->code_bin[i]];
    }
    trees_orders_done(&m->orders);
}

/* In a model what is missing has no rank. */
static void mark_missing(struct trees_model *m)
{
    struct trees_orders *o = &m->orders;

    for (size_t k = 0; k < o->n; k++)
        for (uint32_t c = 0; c < o->n_cats; c++)
            o->rank[k * o->size + o->at[c] + m->f[o->cat[c]].n_bins] = TREES_NONE;
}

static void take_features(struct trees_model *m, struct trees_input *in)
{
    m->f = in->bins->f;
    in->bins->f = NULL;
    in->bins->m = 0;
    m->orders = in->orders;
    in->orders = (struct trees_orders){ 0 };
    if (in->p->bootstrap) mark_missing(m);
    else put_in_order(m);
}

int trees_model_make(struct trees_input *in, enum task task, size_t d, struct trees_grown *grown,
                     size_t n_trees, struct trees_model **ret, struct err *e)
{
    struct trees_model *m = mem_zalloc(1, sizeof *m);

    *m = (struct trees_model){
        .task = task, .d = d, .k = in->k, .m = in->bins->m, .n_trees = n_trees
    };
    for (size_t i = 0; i < n_trees; i++) {
        m->n_nodes += grown[i].n_nodes;
        m->n_leaves += grown[i].n_leaves;
    }
    if (!room(m)) {
        size_t n = m->n_nodes;
        m->m = 0;
        trees_model_free(m);
        err_set(e, ERR_NOMEM, "no memory for trees of %zu nodes", n);
        return err_hint(e, "grow fewer or smaller trees: n_estimators, min_samples_leaf");
    }
    take_features(m, in);
    m->n_nodes = m->n_leaves = 0;
    for (size_t i = 0; i < n_trees; i++) append(m, &m->trees[i], &grown[i]);
    *ret = m;
    return 0;
}

/* ---- asking ---- */

static uint16_t code_of(const struct trees_model *m, uint32_t j, double x)
{
    const struct gbdt_feature *f = &m->f[j];

    if (!f->cat) return x != x ? TREES_NONE : gbdt_cuts_rank1(f->cuts, x, 0);
    return trees_code(m, j, x >= 0 && x < f->levels ? f->code_bin[(uint32_t)x] : f->n_bins);
}

/* The codes of a row's categories as that tree cuts them. */
static inline void order_codes(const struct trees_model *m, size_t tree, const uint16_t *bins,
                               uint16_t *codes)
{
    const struct trees_orders *o = &m->orders;
    const uint16_t *rank = o->rank + tree % o->n * o->size;

    for (uint32_t c = 0; c < o->n_cats; c++) codes[o->cat[c]] = rank[o->at[c] + bins[c]];
}

static void keep_bins(const struct trees_model *m, const uint16_t *codes, uint16_t *bins)
{
    for (uint32_t c = 0; c < m->orders.n_cats; c++) bins[c] = codes[m->orders.cat[c]];
}

void trees_rows_begin(const struct trees_model *m, struct trees_rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        keep_bins(m, r->codes + i * m->m, r->bins + i * m->orders.n_cats);
}

/* Where a row goes from a node: a leaf keeps it. Without branches, as nobody could foretell them.
 */
static inline uint32_t step(const struct trees_node *nodes, uint32_t at, const uint16_t *codes)
{
    const struct trees_node nd = nodes[at];
    unsigned feature = nd.feature & TREES_LEAF, leaf = -(unsigned)(feature == TREES_LEAF);
    unsigned code = codes[feature & ~leaf], missing = nd.feature >> 15;
    unsigned left = -(unsigned)((code <= nd.cut) | ((code == TREES_NONE) & missing));
    uint32_t next = (left & (at + 1)) | (~left & nd.right);

    return (leaf & at) | (~leaf & next);
}

static inline void add_value(const struct trees_model *m, const struct trees_tree *t,
                             uint32_t right, double *out)
{

    if (m->k == 1) {
        float v;
        memcpy(&v, &right, sizeof v);
        out[0] += (double)v;
        return;
    }
    const float *v = m->leaves + t->leaf + (size_t)right * (size_t)m->k;
    for (int c = 0; c < m->k; c++) out[c] += (double)v[c];
}

static inline bool is_leaf(const struct trees_node *nd)
{
    return (nd->feature & TREES_LEAF) == TREES_LEAF;
}

/* A row on its way down a tree. */
struct walker {
    const struct trees_node *nodes;
    const uint16_t *codes;
    uint32_t at;
};

/* All walkers to their leaves. They wait for memory together; the first to arrive wait for the
 * last. */
static void walk(struct walker *w, size_t n)
{
    bool busy = true;

    while (busy) {
        for (int s = 0; s < STEPS; s++)
            for (size_t i = 0; i < n; i++) w[i].at = step(w[i].nodes, w[i].at, w[i].codes);
        busy = false;
        for (size_t i = 0; i < n; i++) busy |= !is_leaf(&w[i].nodes[w[i].at]);
    }
}

static void finish(const struct trees_model *m, double *out)
{
    for (int c = 0; c < m->k; c++) out[c] /= (double)m->n_trees;
}

/* More features than there is room for codes on the stack: only those that are asked for. */
static void wide_row(const struct trees_model *m, const double *x, double *out)
{
    for (size_t t = 0; t < m->n_trees; t++) {
        const struct trees_tree *tree = &m->trees[t];
        const struct trees_node *nodes = m->nodes + tree->node, *nd = nodes;
        while (!is_leaf(nd)) {
            uint32_t j = nd->feature & TREES_LEAF;
            unsigned code = trees_cut_code(m, t, j, code_of(m, j, x[m->f[j].column]));
            bool left = code == TREES_NONE ? nd->feature & TREES_MISSING : code <= nd->cut;
            nd = left ? nd + 1 : nodes + nd->right;
        }
        add_value(m, tree, nd->right, out);
    }
}

void trees_predict_row(const void *state, const double *x, double *out)
{
    const struct trees_model *m = state;
    uint16_t codes[TREES_CODES], bins[TREES_CODES], ordered[TREES_CODES];
    size_t own = 0; /* trees at a time that have codes of their own */

    memset(out, 0, (size_t)m->k * sizeof *out);
    if (m->orders.n) own = TREES_CODES / m->m < LANES ? TREES_CODES / m->m : LANES;
    if (m->m > TREES_CODES) {
        wide_row(m, x, out);
        finish(m, out);
        return;
    }
    codes[0] = 0;
    for (uint32_t j = 0; j < m->m; j++) codes[j] = code_of(m, j, x[m->f[j].column]);
    keep_bins(m, codes, bins);
    for (size_t t = 0, n, lanes = own ? own : LANES; t < m->n_trees; t += n) {
        struct walker w[LANES];
        n = m->n_trees - t < lanes ? m->n_trees - t : lanes;
        for (size_t i = 0; i < n; i++) {
            uint16_t *to = own ? ordered + i * m->m : codes;
            if (own) {
                memcpy(to, codes, m->m * sizeof *to);
                order_codes(m, t + i, bins, to);
            }
            w[i] = (struct walker){ m->nodes + m->trees[t + i].node, to, 0 };
        }
        walk(w, n);
        for (size_t i = 0; i < n; i++)
            add_value(m, &m->trees[t + i], w[i].nodes[w[i].at].right, out);
    }
    finish(m, out);
}

/* LANES rows at a time. skip NULL: all rows. */
void trees_walk(const struct trees_model *m, size_t tree, const struct trees_rows *r,
                const uint8_t *skip, double *out)
{
    const struct trees_tree *t = &m->trees[tree];

    for (size_t i = 0; m->orders.n && i < r->n; i++)
        if (!skip || !skip[i])
            order_codes(m, tree, r->bins + i * m->orders.n_cats, r->codes + i * m->m);
    for (size_t next = 0, active; next < r->n;) {
        struct walker w[LANES];
        size_t row[LANES];
        for (active = 0; active < LANES && next < r->n; next++) {
            row[active] = next;
            w[active] = (struct walker){ m->nodes + t->node, r->codes + next * m->m, 0 };
            active += !skip || !skip[next];
        }
        walk(w, active);
        for (size_t i = 0; i < active; i++)
            add_value(m, t, w[i].nodes[w[i].at].right, out + row[i] * (size_t)m->k);
    }
}

void trees_predict(const void *state, const struct matrix *x, size_t from, size_t to, double *out)
{
    const struct trees_model *m = state;
    uint16_t codes[TREES_CODES], bins[TREES_CODES];
    size_t k = (size_t)m->k, block = m->m ? TREES_CODES / m->m : TREES_CODES;

    for (size_t r = from; block == 0 && r < to; r++) { /* very wide: a row at a time */
        double *row = mem_alloc(m->d * sizeof *row);
        for (size_t j = 0; j < m->d; j++) row[j] = x->x[j * x->n + r];
        trees_predict_row(m, row, out + (r - from) * k);
        free(row);
    }
    if (block == 0) return;
    memset(out, 0, (to - from) * k * sizeof *out);
    for (size_t r = from; r < to; r += block) {
        size_t n = to - r < block ? to - r : block;
        struct trees_rows rows = { n, codes, bins };
        double *o = out + (r - from) * k;
        for (uint32_t j = 0; j < m->m; j++)
            for (size_t i = 0; i < n; i++)
                codes[i * m->m + j] = code_of(m, j, x->x[m->f[j].column * x->n + r + i]);
        trees_rows_begin(m, &rows);
        for (size_t t = 0; t < m->n_trees; t++) trees_walk(m, t, &rows, NULL, o);
        for (size_t i = 0; i < n; i++) finish(m, o + i * k);
    }
}

void trees_importance(const void *state, size_t d, double *out)
{
    const struct trees_model *m = state;
    double sum = 0;

    memset(out, 0, d * sizeof *out);
    for (uint32_t j = 0; j < m->m; j++) sum += m->importance[j];
    for (uint32_t j = 0; sum > 0 && j < m->m; j++) out[m->f[j].column] += m->importance[j] / sum;
}

/* ---- bytes ---- */

static uint32_t float_bits(float v)
{
    uint32_t u;

    memcpy(&u, &v, sizeof u);
    return u;
}

static float bits_float(uint32_t u)
{
    float v;

    memcpy(&v, &u, sizeof v);
    return v;
}

static void save_feature(const struct gbdt_feature *f, double importance, struct buf *out)
{
    buf_u32(out, f->column);
    buf_u32(out, f->n_bins);
    buf_u8(out, f->cat);
    buf_f64(out, importance);
    if (f->cat) {
        buf_u32(out, f->levels);
        for (uint32_t i = 0; i < f->levels; i++) buf_u32(out, f->code_bin[i]);
    } else {
        for (uint32_t i = 0; i + 1 < f->n_bins; i++) buf_f64(out, f->cuts->bound[i]);
    }
}

static void save_tree(const struct trees_model *m, const struct trees_tree *t, struct buf *out)
{
    buf_u32(out, t->n_nodes);
    buf_u32(out, t->n_leaves);
    for (uint32_t i = 0; i < t->n_nodes; i++) {
        const struct trees_node *nd = &m->nodes[t->node + i];
        buf_u32(out, nd->feature | (uint32_t)nd->cut << 16);
        buf_u32(out, nd->right);
    }
    for (size_t i = 0; m->k > 1 && i < (size_t)t->n_leaves * (size_t)m->k; i++)
        buf_u32(out, float_bits(m->leaves[t->leaf + i]));
}

static void save_orders(const struct trees_model *m, struct buf *out)
{
    const struct trees_orders *o = &m->orders;

    buf_u32(out, o->n);
    for (size_t k = 0; k < o->n; k++)
        for (uint32_t c = 0; c < o->n_cats; c++)
            for (uint32_t b = 0; b < m->f[o->cat[c]].n_bins; b++) {
                uint16_t rank = o->rank[k * o->size + o->at[c] + b];
                buf_u8(out, (uint8_t)rank);
                buf_u8(out, (uint8_t)(rank >> 8));
            }
}

int trees_save(const void *state, struct buf *out, struct err *e)
{
    const struct trees_model *m = state;

    (void)e;
    buf_u8(out, m->orders.n ? ORDERED : FORM);
    buf_u32(out, (uint32_t)m->k);
    buf_u32(out, m->m);
    for (uint32_t j = 0; j < m->m; j++) save_feature(&m->f[j], m->importance[j], out);
    if (m->orders.n) save_orders(m, out);
    buf_u32(out, (uint32_t)m->n_trees);
    for (size_t i = 0; i < m->n_trees; i++) save_tree(m, &m->trees[i], out);
    return 0;
}

static const char *load_levels(struct gbdt_feature *f, struct cursor *in)
{
    f->levels = cur_u32(in);
    if (in->bad || f->levels > GBDT_MAX_LEVELS || f->levels > in->left / 4)
        return "a category has more levels than the data";
    f->code_bin = mem_zalloc((size_t)f->levels + 1, sizeof *f->code_bin);
    for (uint32_t i = 0; i < f->levels; i++) {
        uint32_t bin = cur_u32(in);
        if (bin > f->n_bins) return "a level is in no bin";
        f->code_bin[i] = (uint16_t)bin;
    }
    return NULL;
}

static const char *load_bounds(struct gbdt_feature *f, struct cursor *in)
{
    if (f->n_bins > GBDT_BYTE_BINS) return "a number has too many bins";
    f->cuts = mem_zalloc(1, sizeof *f->cuts);
    for (uint32_t i = 0; i + 1 < f->n_bins; i++) {
        double b = f->cuts->bound[i] = cur_f64(in);
        if (isnan(b) || (i > 0 && !(b > f->cuts->bound[i - 1]))) return "bounds do not rise";
    }
    gbdt_cuts_index(f->cuts, f->n_bins - 1);
    return NULL;
}

static const char *load_feature(struct trees_model *m, struct gbdt_feature *f, double *importance,
                                struct cursor *in)
{
    f->column = cur_u32(in);
    f->n_bins = cur_u32(in);
    f->cat = cur_u8(in);
    *importance = cur_f64(in);
    if (in->bad) return "it ends early";
    if (f->column >= m->d) return "a feature does not exist";
    if (f->n_bins < 1 || f->n_bins > GBDT_WIDE_BINS) return "a feature's bins are impossible";
    if (!(*importance >= 0 && isfinite(*importance))) return "an importance is not a number";
    return f->cat ? load_levels(f, in) : load_bounds(f, in);
}

/* The arrays grow while trees are read; in->left bounds what may be asked for. */
struct growing {
    struct trees_model *m;
    size_t cap_nodes, cap_leaves;
};

static bool grow(void *array, size_t size, size_t n, size_t *cap)
{
    void **p = array;

    if (n <= *cap) return true;
    *cap = n > 2 * *cap ? n : 2 * *cap;
    void *q = mem_try_grow(*p, *cap, size);
    if (q) *p = q;
    return q != NULL;
}

static const char *load_node(struct trees_model *m, const struct trees_tree *t, struct cursor *in)
{
    uint32_t head = cur_u32(in);
    struct trees_node nd = { (uint16_t)head, (uint16_t)(head >> 16), cur_u32(in) };

    if (in->bad) return "it ends early";
    m->nodes[m->n_nodes++] = nd;
    if (is_leaf(&nd)) {
        if (m->k > 1) return nd.right < t->n_leaves ? NULL : "a leaf has no values";
        return isfinite(bits_float(nd.right)) ? NULL : "a leaf's value is not a number";
    }
    if ((nd.feature & TREES_LEAF) >= m->m) return "a split is on a feature that does not exist";
    return nd.cut < m->f[nd.feature & TREES_LEAF].n_bins ? NULL : "a cut is beyond the bins";
}

/* Nodes are in preorder: a left child follows its parent, and the right one follows the whole
 * left side. Walking so must end with the last node. */
static bool is_preorder(const struct trees_node *nodes, uint32_t n)
{
    MEM_AUTO uint32_t *open = mem_alloc(((size_t)n + 1) * sizeof *open);
    size_t n_open = 0;

    for (uint32_t at = 0; at < n; at++) {
        if (!is_leaf(&nodes[at])) {
            if (nodes[at].right <= at + 1 || nodes[at].right >= n) return false;
            open[n_open++] = nodes[at].right;
        } else if (n_open == 0) {
            return at + 1 == n;
        } else if (open[--n_open] != at + 1) {
            return false;
        }
    }
    return false;
}

static const char *load_tree(struct growing *g, struct trees_tree *t, struct cursor *in)
{
    struct trees_model *m = g->m;
    const char *why;

    t->node = m->n_nodes;
    t->leaf = m->n_leaves;
    t->n_nodes = cur_u32(in);
    t->n_leaves = cur_u32(in);
    size_t values = m->k > 1 ? (size_t)t->n_leaves * (size_t)m->k : 0;
    if (in->bad || t->n_nodes < 1 || t->n_nodes > in->left / 8 || values > in->left / 4)
        return "a tree is larger than the data";
    if (!grow(&m->nodes, sizeof *m->nodes, m->n_nodes + t->n_nodes, &g->cap_nodes) ||
        !grow(&m->leaves, sizeof *m->leaves, m->n_leaves + values, &g->cap_leaves))
        return "a tree does not fit into memory";
    for (uint32_t i = 0; i < t->n_nodes; i++)
        if ((why = load_node(m, t, in))) return why;
    if (!is_preorder(m->nodes + t->node, t->n_nodes)) return "the nodes of a tree do not form one";
    for (size_t i = 0; i < values; i++) {
        float v = m->leaves[m->n_leaves++] = bits_float(cur_u32(in));
        if (!isfinite(v)) return "a leaf's value is not a number";
    }
    return in->bad ? "it ends early" : NULL;
}

static const char *load_orders(struct trees_model *m, struct cursor *in)
{
    struct trees_orders *o = &m->orders;
    uint32_t n = cur_u32(in);

    trees_orders_lay(o, m->f, m->m);
    if (in->bad || n < 1 || o->n_cats == 0 || n > in->left / 2 / (o->size - o->n_cats))
        return "it has more orders of categories than data";
    o->rank = mem_zalloc(n, o->size * sizeof *o->rank);
    o->n = n;
    for (size_t k = 0; k < n; k++)
        for (uint32_t c = 0; c < o->n_cats; c++)
            for (uint32_t b = 0, bins = m->f[o->cat[c]].n_bins; b < bins; b++) {
                unsigned low = cur_u8(in), rank = low | (unsigned)cur_u8(in) << 8;
                if (rank >= bins) return "a category's rank is beyond its bins";
                o->rank[k * o->size + o->at[c] + b] = (uint16_t)rank;
            }
    mark_missing(m);
    return NULL;
}

static const char *load_model(struct growing *g, struct cursor *in)
{
    struct trees_model *m = g->m;
    uint8_t form = cur_u8(in);
    const char *why;

    if (form != FORM && form != ORDERED) return "its form is unknown";
    if (cur_u32(in) != (uint32_t)m->k) return "the number of outputs does not fit the task";
    uint32_t n = cur_u32(in);
    if (in->bad || n > TREES_FEATURES || n > in->left / 17) return "it has too many features";
    m->f = mem_zalloc((size_t)n + 1, sizeof *m->f);
    m->importance = mem_zalloc((size_t)n + 1, sizeof *m->importance);
    for (uint32_t j = 0; j < n; j++) {
        m->m = j + 1;
        if ((why = load_feature(m, &m->f[j], &m->importance[j], in))) return why;
    }
    if (form == ORDERED && (why = load_orders(m, in))) return why;
    n = cur_u32(in);
    if (in->bad || n < 1 || n > MAX_TREES || n > in->left / 8)
        return "the number of trees is impossible";
    m->trees = mem_zalloc(n, sizeof *m->trees);
    for (m->n_trees = 0; m->n_trees < n; m->n_trees++)
        if ((why = load_tree(g, &m->trees[m->n_trees], in))) return why;
    return in->left > 0 ? "bytes are left over" : NULL;
}

int trees_load(struct cursor *in, enum task task, int n_classes, size_t d, void **ret,
               struct err *e)
{
    if (task == TASK_MULTICLASS && (n_classes < 2 || n_classes > 65536))
        return err_set(e, ERR_CORRUPT, "model of trees: %d classes", n_classes);
    struct trees_model *m = mem_zalloc(1, sizeof *m);
    *m = (struct trees_model){ .task = task, .d = d, .k = task == TASK_MULTICLASS ? n_classes : 1 };
    const char *why = load_model(&(struct growing){ .m = m }, in);
    if (why) {
        trees_model_free(m);
        return err_set(e, ERR_CORRUPT, "model of trees: %s", why);
    }
    *ret = m;
    return 0;
}
