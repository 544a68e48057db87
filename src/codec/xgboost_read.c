/* xgboost_read.c: XGBoost's JSON or UBJSON, which are the same document, into an ensemble.
 *
 * A tree is parallel arrays over its nodes: children (-1: a leaf), split_indices,
 * split_conditions (threshold, or the leaf's value), default_left, split_type. Numbers go left
 * when float32(x) < threshold, categories go right when in the set. Readers of these files take
 * right = left + 1 for granted, so a file without that is refused. Nodes are numbered anew,
 * breadth first, which also finds files whose nodes do not form a tree. Sets and levels are
 * larger here than in the file, so both are bounded for the whole model. */
#include "codec/xgboost.h"

#include "base/utf8.h"
#include "base/val.h"
#include "codec/ubjson.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TREES  1000000
#define MAX_CODE   (1 << 16)

struct reader {
    struct arena *a;
    struct ensemble *m;
    uint32_t *levels; /* by feature: highest code in a set, plus 1; 0: a number */
    size_t words;
    const struct val *weights; /* dart: what each tree counts */
    struct err *e;
};

static const struct val *path(const struct val *v, const char *a, const char *b)
{
    v = val_get(v, a);
    return b ? val_get(v, b) : v;
}

/* Parameters are texts: "num_class": "3". */
static bool number(const struct val *v, double *ret)
{
    if (val_type(v) == VAL_STR) return str_to_real(val_as_str(v, ""), ret);
    *ret = val_as_real(v, (double)NAN);
    return !isnan(*ret);
}

static int count(struct reader *r, const struct val *params, const char *name, size_t most,
                 size_t *ret)
{
    double v;

    if (!number(val_get(params, name), &v) || !(v >= 0 && v <= (double)most) || v != floor(v))
        return err_set(r->e, ERR_PARSE, "learner_model_param: %s is not between 0 and %zu", name,
                       most);
    *ret = (size_t)v;
    return 0;
}

static int read_objective(struct reader *r, const struct val *learner, size_t n_classes)
{
    static const char *const identity[] = { "reg:squarederror", "reg:linear", "reg:absoluteerror",
                                            "reg:pseudohubererror", "reg:quantileerror" };
    const char *name = val_as_str(path(val_get(learner, "objective"), "name", NULL), "");
    struct ensemble *m = r->m;

    m->k = 1;
    if (str_eq(name, "binary:logistic")) {
        m->link = ENSEMBLE_LOGISTIC;
        m->n_classes = 2;
        return 0;
    }
    if ((str_eq(name, "multi:softprob") || str_eq(name, "multi:softmax")) && n_classes >= 2) {
        m->link = ENSEMBLE_SOFTMAX;
        m->k = m->n_classes = n_classes;
        return 0;
    }
    m->link = ENSEMBLE_EXP;
    if (str_eq(name, "count:poisson")) return 0;
    m->link = ENSEMBLE_IDENTITY;
    for (size_t i = 0; i < sizeof identity / sizeof *identity; i++)
        if (str_eq(name, identity[i])) return 0;
    err_set(r->e, ERR_INVALID, "models of the objective '%.60s' cannot be taken over", name);
    return err_hint(r->e, "binary:logistic, reg:squarederror, reg:absoluteerror, "
                          "reg:pseudohubererror, reg:quantileerror, count:poisson, multi:softprob "
                          "and multi:softmax can");
}

/* "5E-1", "[5E-1]" or "[a,b,c]", in the space of answers. */
static int read_base(struct reader *r, const struct val *params)
{
    struct ensemble *m = r->m;
    const char *s = val_get_str(params, "base_score", "5E-1"), *at = s + (*s == '[');

    m->base = arena_array(r->a, m->k, double);
    for (size_t c = 0; c < m->k; c++) {
        char *end;
        double v = (double)strtof(at, &end);
        if (end == at || !isfinite(v))
            return err_set(r->e, ERR_PARSE, "base_score '%.60s' is not a number", s);
        if (m->link == ENSEMBLE_LOGISTIC) {
            v = v < 1e-6 ? 1e-6 : v > 1 - 1e-6 ? 1 - 1e-6 : v;
            v = (double)(float)-log(1 / v - 1);
        }
        if (m->link == ENSEMBLE_EXP) {
            if (!(v > 0)) return err_set(r->e, ERR_PARSE, "base_score '%.60s' is not above 0", s);
            v = (double)(float)log(v);
        }
        m->base[c] = v;
        if (*end == ',') at = end + 1; /* else the one holds for all */
    }
    return 0;
}

static int read_features(struct reader *r, const struct val *learner, size_t n)
{
    const struct val *names = val_get(learner, "feature_names");
    const struct val *types = val_get(learner, "feature_types");
    struct ensemble *m = r->m;

    if (n < 1) return err_set(r->e, ERR_PARSE, "the model has no features");
    if (val_len(names) != 0 && val_len(names) != n)
        return err_set(r->e, ERR_PARSE, "%zu feature names for %zu features", val_len(names), n);
    m->n_features = n;
    m->features = arena_array(r->a, n, struct ensemble_feature);
    r->levels = arena_array(r->a, n, uint32_t);
    for (size_t i = 0; i < n; i++) {
        const char *given = val_as_str(val_at(names, i), NULL);
        m->features[i].name = given ? given : arena_printf(r->a, "f%zu", i);
        if (str_eq(val_as_str(val_at(types, i), ""), "c")) r->levels[i] = 1;
    }
    return 0;
}

/* ---- trees --------------------------------------------------------------------------- */

struct arrays {
    size_t n;
    const struct val *left, *right, *feature, *condition, *default_left, *type, *hessian, *gain;
    const struct val *cat_nodes, *cat_from, *cat_size, *cats;
    int32_t *set_of; /* by node: place in cat_nodes; -1: none */
};

static int64_t at(const struct val *list, size_t i)
{
    const struct val *v = val_at(list, i);

    return val_type(v) == VAL_BOOL ? val_as_bool(v, false) : val_as_int(v, INT64_MIN);
}

static int find_arrays(struct reader *r, const struct val *tree, struct arrays *ret)
{
    struct arrays x = { .left = val_get(tree, "left_children"),
                        .right = val_get(tree, "right_children"),
                        .feature = val_get(tree, "split_indices"),
                        .condition = val_get(tree, "split_conditions"),
                        .default_left = val_get(tree, "default_left"),
                        .type = val_get(tree, "split_type"),
                        .hessian = val_get(tree, "sum_hessian"),
                        .gain = val_get(tree, "loss_changes"),
                        .cat_nodes = val_get(tree, "categories_nodes"),
                        .cat_from = val_get(tree, "categories_segments"),
                        .cat_size = val_get(tree, "categories_sizes"),
                        .cats = val_get(tree, "categories") };
    size_t n = x.n = val_len(x.left), sets = val_len(x.cat_nodes);

    if (n < 1 || n > 2 * ENSEMBLE_MAX_LEAVES)
        return err_set(r->e, ERR_LIMIT, "it has %zu nodes; 1 to %d are possible", n,
                       2 * ENSEMBLE_MAX_LEAVES);
    if (val_len(x.right) != n || val_len(x.feature) != n || val_len(x.condition) != n ||
        val_len(x.default_left) != n || (x.type && val_len(x.type) != n))
        return err_set(r->e, ERR_PARSE, "its arrays differ in length");
    if (val_len(x.cat_from) != sets || val_len(x.cat_size) != sets)
        return err_set(r->e, ERR_PARSE, "its arrays of categories differ in length");
    x.set_of = arena_array(r->a, n, int32_t);
    memset(x.set_of, -1, n * sizeof *x.set_of);
    for (size_t i = 0; i < sets; i++) {
        int64_t node = at(x.cat_nodes, i);
        if (node < 0 || (size_t)node >= n)
            return err_set(r->e, ERR_PARSE, "categories_nodes names a node that does not exist");
        x.set_of[node] = (int32_t)i;
    }
    *ret = x;
    return 0;
}

/* x <= the result, for doubles, where XGBoost asks (float)x < c. */
static double threshold(double condition)
{
    float c = (float)condition, below = nextafterf(c, -HUGE_VALF);
    double middle = ((double)below + (double)c) / 2;

    return (float)middle < c ? middle : nextafter(middle, -HUGE_VAL);
}

/* In the set goes right there and left here, so the children change places. */
static int read_set(struct reader *r, const struct arrays *x, size_t node, uint32_t feature,
                    struct ensemble_node *nd)
{
    int32_t which = x->set_of[node];

    if (which < 0) return err_set(r->e, ERR_PARSE, "node %zu has no categories", node);
    int64_t from = at(x->cat_from, (size_t)which), n = at(x->cat_size, (size_t)which), most = 0;
    if (from < 0 || n < 0 || from > (int64_t)val_len(x->cats) ||
        n > (int64_t)val_len(x->cats) - from)
        return err_set(r->e, ERR_PARSE, "node %zu: its categories are out of bounds", node);
    for (int64_t i = 0; i < n; i++) {
        int64_t code = at(x->cats, (size_t)(from + i));
        if (code < 0 || code >= MAX_CODE)
            return err_set(r->e, ERR_PARSE, "node %zu: a category is not between 0 and %d", node,
                           MAX_CODE);
        if (code > most) most = code;
    }
    uint32_t words = (uint32_t)(most / 32 + 1);
    if ((r->words += words) > ENSEMBLE_MAX_WORDS)
        return err_set(r->e, ERR_LIMIT, "the model's sets of categories are too large");
    uint32_t *set = arena_array(r->a, words, uint32_t);
    for (int64_t i = 0; i < n; i++) {
        int64_t code = at(x->cats, (size_t)(from + i));
        set[code / 32] |= UINT32_C(1) << code % 32;
    }
    if (r->levels[feature] < (uint32_t)most + 1) r->levels[feature] = (uint32_t)most + 1;
    nd->cat = true;
    nd->set = set;
    nd->n_words = words;
    nd->missing_left = !nd->missing_left;
    int32_t left = nd->left;
    nd->left = nd->right;
    nd->right = left;
    return 0;
}

struct walk { /* breadth first: queue of node numbers, new numbers as they are met */
    uint32_t *queue;
    size_t n;
    uint32_t inner, leaves;
    struct ensemble_tree *t;
};

/* New number of a child: the next inner node, or ~ the next leaf. */
static int32_t meet(const struct arrays *x, struct walk *w, int64_t node)
{
    w->queue[w->n++] = (uint32_t)node;
    return at(x->left, (size_t)node) == -1 ? ~(int32_t)w->leaves++ : (int32_t)w->inner++;
}

static int read_inner(struct reader *r, const struct arrays *x, struct walk *w, size_t node,
                      struct ensemble_node *nd)
{
    int64_t left = at(x->left, node), right = at(x->right, node), feature = at(x->feature, node);

    if (left <= 0 || right != left + 1 || (size_t)right >= x->n)
        return err_set(r->e, ERR_PARSE, "node %zu: its children are not neighbours", node);
    if (feature < 0 || (size_t)feature >= r->m->n_features)
        return err_set(r->e, ERR_PARSE, "node %zu splits on a feature that does not exist", node);
    if (w->n + 2 > x->n) return err_set(r->e, ERR_PARSE, "its nodes do not form a tree");
    double gain = val_as_real(val_at(x->gain, node), 0);
    *nd = (struct ensemble_node){ .feature = (uint32_t)feature,
                                  .gain = gain > 0 ? gain : 0,
                                  .cover = val_as_real(val_at(x->hessian, node), 0),
                                  .missing_left = at(x->default_left, node) == 1 };
    nd->left = meet(x, w, left);
    nd->right = meet(x, w, right);
    if (x->type && at(x->type, node) == 1) return read_set(r, x, node, nd->feature, nd);
    double c = val_as_real(val_at(x->condition, node), (double)NAN);
    if (isnan(c)) return err_set(r->e, ERR_PARSE, "node %zu: its threshold is no number", node);
    nd->threshold = threshold(c);
    return 0;
}

static int read_tree(struct reader *r, const struct val *tree, float weight,
                     struct ensemble_tree *t)
{
    struct arrays x = { 0 };
    struct walk w = { .t = t };
    uint32_t inner = 0, leaf = 0;
    int rc = find_arrays(r, tree, &x);

    if (rc) return rc;
    t->nodes = arena_array(r->a, x.n, struct ensemble_node);
    t->values = arena_array(r->a, x.n, double);
    t->covers = arena_array(r->a, x.n, double);
    w.queue = arena_array(r->a, x.n + 2, uint32_t);
    meet(&x, &w, 0);
    for (size_t i = 0; i < w.n && !rc; i++) {
        size_t node = w.queue[i];
        if (at(x.left, node) == -1) {
            float v = (float)val_as_real(val_at(x.condition, node), (double)NAN);
            t->values[leaf] = (double)(v * weight);
            t->covers[leaf++] = val_as_real(val_at(x.hessian, node), 0);
        } else {
            rc = read_inner(r, &x, &w, node, &t->nodes[inner++]);
        }
    }
    t->n_leaves = leaf;
    return rc;
}

static int read_trees(struct reader *r, const struct val *model)
{
    const struct val *trees = val_get(model, "trees"), *info = val_get(model, "tree_info");
    struct ensemble *m = r->m;

    m->n_trees = val_len(trees);
    if (m->n_trees > MAX_TREES || val_type(trees) != VAL_LIST)
        return err_set(r->e, ERR_PARSE, "there are no trees, or more than %d", MAX_TREES);
    if (val_len(info) != m->n_trees)
        return err_set(r->e, ERR_PARSE, "tree_info has %zu entries for %zu trees", val_len(info),
                       m->n_trees);
    m->trees = arena_array(r->a, m->n_trees + 1, struct ensemble_tree);
    size_t *seen = arena_array(r->a, m->k, size_t);
    for (size_t t = 0; t < m->n_trees; t++) {
        int64_t c = at(info, t);
        if (c < 0 || c >= (int64_t)m->k || seen[c] >= m->n_trees / m->k)
            return err_set(r->e, ERR_PARSE, "tree %zu is of output %lld; the model has %zu of %zu",
                           t, (long long)c, m->k, m->n_trees / m->k);
        /* several trees an iteration come class by class; here classes take turns */
        struct ensemble_tree *to = &m->trees[seen[c]++ * m->k + (size_t)c];
        float weight = r->weights ? (float)val_as_real(val_at(r->weights, t), (double)NAN) : 1;
        if (read_tree(r, val_at(trees, t), weight, to)) return err_prefix(r->e, "tree %zu", t);
    }
    return 0;
}

/* ---- levels -------------------------------------------------------------------------- */

/* Texts lie one after another in `values`, as numbers because JSON has no bytes. */
static const char *level_bytes(struct reader *r, const struct val *enc, size_t i)
{
    const struct val *offsets = val_get(enc, "offsets"), *values = val_get(enc, "values");
    int64_t from = at(offsets, i), to = at(offsets, i + 1);

    if (from < 0 || to < from || to > (int64_t)val_len(values)) return NULL;
    char *s = arena_alloc(r->a, (size_t)(to - from) + 1);
    for (int64_t k = from; k < to; k++) s[k - from] = (char)at(values, (size_t)k);
    s[to - from] = '\0';
    return strlen(s) == (size_t)(to - from) && utf8_valid(s, strlen(s)) ? s : NULL;
}

static const char *level_text(struct reader *r, const struct val *enc, size_t i)
{
    const struct val *v = val_at(val_get(enc, "values"), i);
    char buf[32];

    if (val_has(enc, "offsets")) return level_bytes(r, enc, i);
    if (val_type(v) != VAL_INT && val_type(v) != VAL_REAL) return NULL;
    return arena_strdup(r->a, str_real(buf, val_as_real(v, 0)));
}

/* The levels of feature i: as the file's `cats` has them (version 3 on), else their codes. */
static int name_levels(struct reader *r, const struct val *enc, size_t i, size_t *total)
{
    bool texts = val_has(enc, "offsets");
    size_t named = val_len(val_get(enc, texts ? "offsets" : "values")), n = r->levels[i];

    if (texts && named > 0) named--;
    if (n == 0 && named == 0) return 0;
    if (named > 0 && n > named && n > 1)
        return err_set(r->e, ERR_PARSE, "feature %zu has %zu categories, but %zu names", i, n,
                       named);
    if (named > 0) n = named;
    if ((*total += n) > ENSEMBLE_MAX_LEVELS)
        return err_set(r->e, ERR_LIMIT, "the features have more than %d categories", ENSEMBLE_MAX_LEVELS);
    const char **levels = arena_array(r->a, n, const char *);
    for (size_t l = 0; l < n; l++) {
        levels[l] = named > 0 ? level_text(r, enc, l) : arena_printf(r->a, "%zu", l);
        if (!levels[l])
            return err_set(r->e, ERR_PARSE, "feature %zu: category %zu is no text", i, l);
    }
    r->m->features[i].levels = levels;
    r->m->features[i].n_levels = n;
    return 0;
}

static int read_levels(struct reader *r, const struct val *model)
{
    const struct val *enc = path(model, "cats", "enc");
    size_t total = 0;
    int rc = 0;

    if (val_len(enc) != 0 && val_len(enc) != r->m->n_features)
        return err_set(r->e, ERR_PARSE, "categories of %zu features for %zu", val_len(enc),
                       r->m->n_features);
    for (size_t i = 0; i < r->m->n_features && !rc; i++)
        rc = name_levels(r, val_at(enc, i), i, &total);
    return rc;
}

/* ---- document ------------------------------------------------------------------------ */

/* The trees of either booster; dart's have weights. */
static int find_booster(struct reader *r, const struct val *booster, const struct val **ret)
{
    const char *name = val_get_str(booster, "name", "");

    *ret = val_get(booster, "model");
    if (str_eq(name, "gbtree")) return 0;
    if (!str_eq(name, "dart")) {
        err_set(r->e, ERR_INVALID, "the booster '%.60s' cannot be taken over", name);
        return err_hint(r->e, "gbtree and dart can");
    }
    *ret = path(booster, "gbtree", "model");
    r->weights = val_get(booster, "weight_drop");
    if (val_len(r->weights) == val_len(val_get(*ret, "trees"))) return 0;
    return err_set(r->e, ERR_PARSE, "weight_drop has %zu entries for %zu trees",
                   val_len(r->weights), val_len(val_get(*ret, "trees")));
}

static int read_learner(struct reader *r, const struct val *learner)
{
    const struct val *params = val_get(learner, "learner_model_param"), *model = NULL;
    size_t n_classes = 0, n_features = 0, n_targets = 1;
    int rc = find_booster(r, val_get(learner, "gradient_booster"), &model);

    if (!rc) rc = count(r, params, "num_class", ENSEMBLE_MAX_CLASSES, &n_classes);
    if (!rc) rc = count(r, params, "num_feature", ENSEMBLE_MAX_FEATURES, &n_features);
    if (!rc && val_has(params, "num_target"))
        rc = count(r, params, "num_target", ENSEMBLE_MAX_CLASSES, &n_targets);
    if (!rc && n_targets > 1)
        rc = err_set(r->e, ERR_INVALID, "models of %zu targets cannot be taken over", n_targets);
    if (!rc) rc = read_objective(r, learner, n_classes);
    if (!rc) rc = read_base(r, params);
    if (!rc) rc = read_features(r, learner, n_features);
    if (!rc) rc = read_trees(r, model);
    return rc ? rc : read_levels(r, model);
}

static int read_document(struct arena *a, const struct val *doc, struct ensemble *ret,
                         struct err *e)
{
    struct ensemble m = { .arena = a };
    struct reader r = { .a = a, .m = &m, .e = e };

    if (!val_get(doc, "learner"))
        return err_set(e, ERR_PARSE, "this is not an XGBoost model: it has no \"learner\"");
    int rc = read_learner(&r, val_get(doc, "learner"));
    if (!rc) rc = ensemble_check(&m, e);
    if (!rc) *ret = m;
    return rc;
}

int xgboost_read(struct arena *a, const char *text, size_t n, struct ensemble *ret, struct err *e)
{
    struct err mine = ERR_INIT;
    struct val *doc;
    int rc = val_parse_json(a, text, n, &doc, e ? e : &mine);

    return rc ? rc : read_document(a, doc, ret, e ? e : &mine);
}

int xgboost_ubj_read(struct arena *a, const char *bytes, size_t n, struct ensemble *ret,
                     struct err *e)
{
    struct err mine = ERR_INIT;
    struct val *doc;
    int rc = ubjson_parse(a, bytes, n, &doc, e ? e : &mine);

    return rc ? rc : read_document(a, doc, ret, e ? e : &mine);
}
