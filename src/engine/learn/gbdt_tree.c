/* gbdt_tree.c: the model as a list of trees, and its bytes.
 *
 * Nodes of a tree are numbered in the order of splitting, so a child always has a higher
 * number than its parent; with every node and leaf referenced exactly once that makes each
 * list of nodes a tree, and a walk down it ends. Loading checks just that, and every index,
 * length and number besides: the bytes may come from anywhere.
 *
 * Section, little-endian: u8 form, u8 objective, u32 k, k f64 base scores, u32 trees, then for each tree
 * u32 leaves, leaves-1 nodes, leaves times f64 value and f64 cover. A node: u32 feature, u8 kind
 * + 2 * missing goes left, u32 left, u32 right (two's complement), f64 gain, f64 cover, then f64
 * threshold or u32 words and that many u32 of the set. Form 1 has no covers,
 * forms 1 and 2 no objective. */
#include "engine/learn/gbdt.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORM      3
#define MAX_TREES 1000000u

enum gbdt_objective gbdt_usual_objective(enum task task)
{
    return task == TASK_BINARY       ? GBDT_LOGISTIC
           : task == TASK_MULTICLASS ? GBDT_SOFTMAX
                                     : GBDT_L2;
}

struct gbdt_model *gbdt_model_new(enum task task, int n_classes, size_t d)
{
    struct gbdt_model *m = mem_zalloc(1, sizeof *m);

    m->task = task;
    m->objective = gbdt_usual_objective(task);
    m->n_classes = n_classes;
    m->d = d;
    m->k = task == TASK_MULTICLASS ? n_classes : 1;
    m->base = mem_zalloc((size_t)m->k, sizeof *m->base);
    return m;
}

void gbdt_model_free(struct gbdt_model *m)
{
    if (!m) return;
    gbdt_fast_free(m->fast);
    free(m->base);
    free(m->trees);
    free(m->nodes);
    free(m->leaves);
    free(m->covers);
    free(m->sets);
    free(m);
}

/* Room for `more` items after n; the size of a model is bounded by its parameters. */
static void *grown(void *p, size_t n, size_t more, size_t *cap, size_t size)
{
    if (n + more <= *cap) return p;
    *cap = *cap < 64 ? 64 : *cap * 2;
    if (*cap < n + more) *cap = n + more;
    return mem_realloc(p, *cap * size);
}

static void add_leaf(struct gbdt_model *m)
{
    size_t cap = m->cap_leaves;

    m->leaves = grown(m->leaves, m->n_leaves, 1, &m->cap_leaves, sizeof *m->leaves);
    m->covers = grown(m->covers, m->n_leaves, 1, &cap, sizeof *m->covers);
    m->covers[m->n_leaves] = 0;
    m->leaves[m->n_leaves++] = 0;
}

struct gbdt_tree *gbdt_tree_begin(struct gbdt_model *m)
{
    m->trees = grown(m->trees, m->n_trees, 1, &m->cap_trees, sizeof *m->trees);
    struct gbdt_tree *t = &m->trees[m->n_trees++];
    *t = (struct gbdt_tree){ .node = (uint32_t)m->n_nodes,
                             .leaf = (uint32_t)m->n_leaves,
                             .n_leaves = 1 };
    add_leaf(m);
    return t;
}

int32_t gbdt_tree_split(struct gbdt_model *m, const struct gbdt_node *node, int32_t leaf,
                        int32_t parent, bool parent_left)
{
    struct gbdt_tree *t = &m->trees[m->n_trees - 1];
    int32_t id = (int32_t)(m->n_nodes - t->node);

    m->nodes = grown(m->nodes, m->n_nodes, 1, &m->cap_nodes, sizeof *m->nodes);
    if (parent >= 0) {
        struct gbdt_node *up = &m->nodes[t->node + (uint32_t)parent];
        *(parent_left ? &up->left : &up->right) = id;
    }
    m->nodes[m->n_nodes] = *node;
    m->nodes[m->n_nodes].left = ~leaf;
    m->nodes[m->n_nodes].right = ~(int32_t)t->n_leaves;
    m->n_nodes++;
    t->n_leaves++;
    add_leaf(m);
    return id;
}

uint32_t gbdt_sets_add(struct gbdt_model *m, uint32_t words)
{
    uint32_t at = (uint32_t)m->n_sets;

    m->sets = grown(m->sets, m->n_sets, words, &m->cap_sets, sizeof *m->sets);
    if (words) memset(m->sets + at, 0, words * sizeof *m->sets);
    m->n_sets += words;
    return at;
}

void gbdt_model_truncate(struct gbdt_model *m, size_t n_trees)
{
    if (n_trees >= m->n_trees) return;
    m->n_nodes = m->trees[n_trees].node;
    m->n_leaves = m->trees[n_trees].leaf;
    m->n_trees = n_trees;
}

double gbdt_tree_value(const struct gbdt_model *m, const struct gbdt_tree *t, const double *x,
                       size_t step)
{
    const struct gbdt_node *nodes = m->nodes + t->node;
    int32_t at = t->n_leaves > 1 ? 0 : -1;

    while (at >= 0) {
        const struct gbdt_node *nd = &nodes[at];
        at = gbdt_goes_left(m, nd, x[nd->feature * step]) ? nd->left : nd->right;
    }
    return m->leaves[t->leaf + (uint32_t)~at];
}

void gbdt_importance(const void *state, size_t d, double *out)
{
    const struct gbdt_model *m = state;
    double sum = 0;

    for (size_t j = 0; j < d; j++) out[j] = 0;
    for (size_t i = 0; i < m->n_nodes; i++) {
        out[m->nodes[i].feature] += m->nodes[i].gain;
        sum += m->nodes[i].gain;
    }
    for (size_t j = 0; sum > 0 && j < d; j++) out[j] /= sum;
}

/* ---- bytes ---- */

static void save_node(const struct gbdt_model *m, const struct gbdt_node *nd, struct buf *out)
{
    buf_u32(out, nd->feature);
    buf_u8(out, (uint8_t)(nd->kind + 2 * nd->missing_left));
    buf_u32(out, (uint32_t)nd->left);
    buf_u32(out, (uint32_t)nd->right);
    buf_f64(out, nd->gain);
    buf_f64(out, nd->cover);
    if (nd->kind == GBDT_NUM) {
        buf_f64(out, nd->threshold);
        return;
    }
    buf_u32(out, nd->set_words);
    for (uint32_t i = 0; i < nd->set_words; i++) buf_u32(out, m->sets[nd->set + i]);
}

int gbdt_model_save(const void *state, struct buf *out, struct err *e)
{
    const struct gbdt_model *m = state;

    (void)e;
    buf_u8(out, FORM);
    buf_u8(out, (uint8_t)m->objective);
    buf_u32(out, (uint32_t)m->k);
    for (int c = 0; c < m->k; c++) buf_f64(out, m->base[c]);
    buf_u32(out, (uint32_t)m->n_trees);
    for (size_t i = 0; i < m->n_trees; i++) {
        const struct gbdt_tree *t = &m->trees[i];
        buf_u32(out, t->n_leaves);
        for (uint32_t j = 0; j + 1 < t->n_leaves; j++) save_node(m, &m->nodes[t->node + j], out);
        for (uint32_t j = 0; j < t->n_leaves; j++) {
            buf_f64(out, m->leaves[t->leaf + j]);
            buf_f64(out, m->covers[t->leaf + j]);
        }
    }
    return 0;
}

/* 0 where the form has none; in->bad when it is no cover. */
static double load_cover(struct cursor *in, int form)
{
    double cover = form > 1 ? cur_f64(in) : 0;

    if (!(cover >= 0 && isfinite(cover))) in->bad = true;
    return cover;
}

static const char *load_node(struct gbdt_model *m, struct cursor *in, int form,
                             struct gbdt_node *nd)
{
    *nd = (struct gbdt_node){ .feature = cur_u32(in) };
    uint8_t kind = cur_u8(in);
    nd->left = (int32_t)cur_u32(in);
    nd->right = (int32_t)cur_u32(in);
    nd->gain = cur_f64(in);
    nd->cover = load_cover(in, form);
    if (in->bad) return "it ends early";
    if (nd->feature >= m->d) return "a split is on a feature that does not exist";
    if (kind > 3) return "a split is of an unknown kind";
    if (!(nd->gain >= 0 && isfinite(nd->gain))) return "a split's gain is not a number";
    nd->kind = kind & 1;
    nd->missing_left = kind >> 1;
    if (nd->kind == GBDT_NUM) {
        nd->threshold = cur_f64(in);
        return isnan(nd->threshold) ? "a threshold is not a number" : NULL;
    }
    nd->set_words = cur_u32(in);
    if (nd->set_words > GBDT_MAX_LEVELS / 32 || nd->set_words > in->left / 4)
        return "a set of categories is longer than the data";
    nd->set = gbdt_sets_add(m, nd->set_words);
    for (uint32_t i = 0; i < nd->set_words; i++) m->sets[nd->set + i] = cur_u32(in);
    return NULL;
}

/* Marks what a child index refers to; false when that is impossible or was seen before. */
static bool mark_child(int32_t child, uint32_t parent, uint32_t n_leaves, uint8_t *seen)
{
    uint32_t at;

    if (child >= 0) {
        at = (uint32_t)child;
        if (at <= parent || at >= n_leaves - 1) return false;
    } else {
        if ((uint32_t)~child >= n_leaves) return false;
        at = n_leaves - 1 + (uint32_t)~child;
    }
    return !seen[at]++;
}

static bool is_tree(const struct gbdt_node *nodes, uint32_t n_leaves)
{
    /* 2 * n_leaves - 1 nodes and leaves; all but the root need a parent, and there are
     * 2 * (n_leaves - 1) child indices: no repetition means that none is left out */
    MEM_AUTO uint8_t *seen = mem_zalloc(2 * (size_t)n_leaves, 1);

    for (uint32_t i = 0; i + 1 < n_leaves; i++)
        if (!mark_child(nodes[i].left, i, n_leaves, seen) ||
            !mark_child(nodes[i].right, i, n_leaves, seen))
            return false;
    return true;
}

static const char *load_tree(struct gbdt_model *m, struct cursor *in, int form)
{
    uint32_t n_leaves = cur_u32(in);
    const char *why;

    if (in->bad) return "it ends early";
    if (n_leaves < 1 || n_leaves > GBDT_MAX_LEAVES || n_leaves > in->left / sizeof(double))
        return "a tree has an impossible number of leaves";
    struct gbdt_tree *t = gbdt_tree_begin(m);
    uint32_t node = t->node, leaf = t->leaf;
    for (uint32_t i = 0; i + 1 < n_leaves; i++) {
        struct gbdt_node nd;
        why = load_node(m, in, form, &nd);
        if (why) return why;
        int32_t left = nd.left, right = nd.right;
        gbdt_tree_split(m, &nd, 0, -1, false);
        m->nodes[m->n_nodes - 1].left = left;
        m->nodes[m->n_nodes - 1].right = right;
    }
    if (!is_tree(m->nodes + node, n_leaves)) return "the nodes of a tree do not form one";
    for (uint32_t i = 0; i < n_leaves; i++) {
        m->leaves[leaf + i] = cur_f64(in);
        m->covers[leaf + i] = load_cover(in, form);
        if (!isfinite(m->leaves[leaf + i])) return "a leaf's value is not a number";
    }
    return in->bad ? "it ends early" : NULL;
}

static const char *load_model(struct gbdt_model *m, struct cursor *in)
{
    int form = cur_u8(in);

    if (form < 1 || form > FORM) return "its form is unknown";
    if (form > 2) {
        uint8_t o = cur_u8(in);
        bool usual = o == (uint8_t)m->objective;
        if (!usual && (m->task != TASK_REGRESSION || o < GBDT_L2 || o >= GBDT_OBJECTIVES))
            return "its objective does not fit the task";
        m->objective = (enum gbdt_objective)o;
    }
    if (cur_u32(in) != (uint32_t)m->k) return "the number of scores does not fit the task";
    for (int c = 0; c < m->k; c++) {
        m->base[c] = cur_f64(in);
        if (!isfinite(m->base[c])) return "a base score is not a number";
    }
    uint32_t n = cur_u32(in);
    if (in->bad || n > MAX_TREES) return "the number of trees is impossible";
    if (n % (uint32_t)m->k != 0) return "the last round has too few trees";
    for (uint32_t i = 0; i < n; i++) {
        const char *why = load_tree(m, in, form);
        if (why) return why;
    }
    return in->left > 0 ? "bytes are left over" : NULL;
}

int gbdt_model_load(struct cursor *in, enum task task, int n_classes, size_t d, void **ret,
                    struct err *e)
{
    if (task == TASK_MULTICLASS && (n_classes < 2 || n_classes > 65536))
        return err_set(e, ERR_CORRUPT, "gbdt model: %d classes", n_classes);
    struct gbdt_model *m = gbdt_model_new(task, n_classes, d);
    const char *why = load_model(m, in);
    if (why) {
        gbdt_model_free(m);
        return err_set(e, ERR_CORRUPT, "gbdt model: %s", why);
    }
    gbdt_fast_build(m);
    *ret = m;
    return 0;
}
