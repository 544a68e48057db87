/* lightgbm.c: see lightgbm.h.
 *
 * A file is lines key=value: a head, then a block for each tree between "Tree=i" and a blank
 * line, then "end of trees" and things that do not matter for answers. Arrays of a tree are
 * numbers between blanks. A split's decision_type: bit 0 category, bit 1 missing goes left,
 * bits 2-3 what counts as missing (0 nothing: NaN is compared as 0; 1 zero; 2 NaN). In a
 * category split missing goes right, so a set that holds "missing" is written as its
 * complement with the sides changed. There are no base scores: the first tree of each output
 * carries them. */
#include "codec/lightgbm.h"

#include "base/val.h"
#include "codec/num.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TREES 1000000

enum { TYPE_CAT = 1, TYPE_LEFT = 2, MISSING_SHIFT = 2, MISSING_NONE = 0, MISSING_ZERO = 1 };

/* ---- lines --------------------------------------------------------------------------- */

struct reader {
    struct arena *a;
    const char *p, *end;
    const char *key, *value; /* of the present line, in the arena */
    struct ensemble *m;
    double scale; /* on values of leaves */
    size_t words; /* in sets so far */
    struct err *e;
};

/* The next line, cut at its first '='; value NULL: it has none. False at the end. */
static bool next_line(struct reader *r)
{
    if (r->p >= r->end) return false;
    const char *nl = memchr(r->p, '\n', (size_t)(r->end - r->p));
    const char *stop = nl ? nl : r->end;
    size_t n = (size_t)(stop - r->p);
    if (n > 0 && r->p[n - 1] == '\r') n--;
    char *line = arena_strndup(r->a, r->p, n), *eq = strchr(line, '=');
    if (eq) *eq = '\0';
    r->key = line;
    r->value = eq ? eq + 1 : NULL;
    r->p = nl ? nl + 1 : r->end;
    return true;
}

static bool is(const struct reader *r, const char *key)
{
    return r->value && str_eq(r->key, key);
}

static const char *word(struct reader *r, const char **at)
{
    while (**at == ' ') ++*at;
    if (!**at) return NULL;
    const char *from = *at;
    while (**at && **at != ' ') ++*at;
    return arena_strndup(r->a, from, (size_t)(*at - from));
}

static size_t count_words(const char *s)
{
    size_t n = 0;

    for (bool in = false; *s; s++) {
        n += *s != ' ' && !in;
        in = *s != ' ';
    }
    return n;
}

/* n numbers between blanks. */
static int numbers(struct reader *r, size_t n, double **ret)
{
    const char *at = r->value, *w;
    double *v = arena_array(r->a, n + 1, double);

    for (size_t i = 0; i < n; i++) {
        w = word(r, &at);
        if (!w || num_scan(w, strlen(w), &v[i]) == NUM_NONE)
            return err_set(r->e, ERR_PARSE, "%s has no number at place %zu of %zu", r->key, i + 1,
                           n);
    }
    if (word(r, &at)) return err_set(r->e, ERR_PARSE, "%s has more than %zu numbers", r->key, n);
    *ret = v;
    return 0;
}

static int whole(struct reader *r, long long lo, long long hi, size_t *ret)
{
    long long v;

    if (!str_to_i64(r->value, &v) || v < lo || v > hi)
        return err_set(r->e, ERR_PARSE, "%s=%.60s is not between %lld and %lld", r->key, r->value,
                       lo, hi);
    *ret = (size_t)v;
    return 0;
}

/* ---- the head ------------------------------------------------------------------------ */

struct head {
    size_t n_classes, per_iteration, max_feature;
    const char *objective, *names;
    bool average, has_features;
};

static int read_head_line(struct reader *r, struct head *h)
{
    if (is(r, "num_class")) return whole(r, 1, ENSEMBLE_MAX_CLASSES, &h->n_classes);
    if (is(r, "num_tree_per_iteration"))
        return whole(r, 1, ENSEMBLE_MAX_CLASSES, &h->per_iteration);
    if (is(r, "max_feature_idx")) {
        h->has_features = true;
        return whole(r, 0, ENSEMBLE_MAX_FEATURES - 1, &h->max_feature);
    }
    if (is(r, "objective")) h->objective = r->value;
    if (is(r, "feature_names")) h->names = r->value;
    if (str_eq(r->key, "average_output")) h->average = true;
    if (is(r, "linear_tree") && str_eq(r->value, "1"))
        return err_set(r->e, ERR_INVALID, "trees with linear leaves cannot be taken over");
    return 0;
}

static int unknown_objective(struct reader *r, const char *objective)
{
    err_set(r->e, ERR_INVALID, "models of the objective '%.60s' cannot be taken over", objective);
    return err_hint(r->e, "binary, regression, regression_l1, huber, fair, quantile, mape and "
                          "multiclass can");
}

static int read_objective(struct reader *r, const struct head *h)
{
    static const char *const identity[] = {
        "regression", "regression_l2",     "regression_l1", "huber", "fair", "quantile", "mape",
        "l2",         "mean_squared_error"
    };
    const char *at = h->objective ? h->objective : "regression", *all = at;
    const char *name = word(r, &at), *w;
    struct ensemble *m = r->m;

    r->scale = 1;
    m->link = ENSEMBLE_IDENTITY;
    m->n_classes = 0;
    if (str_eq(name, "multiclass") || str_eq(name, "softmax")) {
        m->link = ENSEMBLE_SOFTMAX;
        m->n_classes = h->n_classes;
        if (h->n_classes < 2) return unknown_objective(r, all);
    } else if (str_eq(name, "binary")) {
        m->link = ENSEMBLE_LOGISTIC;
        m->n_classes = 2;
    } else if (str_eq(name, "poisson")) {
        m->link = ENSEMBLE_EXP;
    } else {
        bool known = false;
        for (size_t i = 0; name && i < sizeof identity / sizeof *identity; i++)
            known |= str_eq(name, identity[i]);
        if (!known) return unknown_objective(r, all);
    }
    while ((w = word(r, &at))) {
        if (str_starts(w, "sigmoid:")) {
            if (!str_to_real(w + 8, &r->scale) || !(r->scale > 0))
                return err_set(r->e, ERR_PARSE, "objective: '%.60s' is not positive", w);
        } else if (str_eq(w, "sqrt")) {
            return unknown_objective(r, all);
        }
    }
    return 0;
}

static int read_features(struct reader *r, const struct head *h)
{
    struct ensemble *m = r->m;
    const char *at = h->names;

    if (!h->has_features || !h->names)
        return err_set(r->e, ERR_PARSE, "the head names no features");
    m->n_features = h->max_feature + 1;
    if (count_words(h->names) != m->n_features)
        return err_set(r->e, ERR_PARSE, "%zu feature names for %zu features", count_words(h->names),
                       m->n_features);
    m->features = arena_array(r->a, m->n_features, struct ensemble_feature);
    for (size_t i = 0; i < m->n_features; i++) m->features[i].name = word(r, &at);
    return 0;
}

/* ---- trees --------------------------------------------------------------------------- */

struct block { /* the arrays of one tree as they stand in the file */
    size_t n_leaves, n_cat;
    double *feature, *gain, *threshold, *type, *left, *right, *value, *weight, *inner_weight;
    double *bounds, *words;
    size_t n_words;
    bool linear;
};

static int read_block_line(struct reader *r, struct block *b)
{
    size_t n = b->n_leaves ? b->n_leaves - 1 : 0;
    const struct {
        const char *key;
        double **to;
        size_t n;
    } arrays[] = {
        { "split_feature", &b->feature, n },
        { "split_gain", &b->gain, n },
        { "threshold", &b->threshold, n },
        { "decision_type", &b->type, n },
        { "left_child", &b->left, n },
        { "right_child", &b->right, n },
        { "leaf_value", &b->value, b->n_leaves },
        { "leaf_weight", &b->weight, b->n_leaves },
        { "internal_weight", &b->inner_weight, n },
        { "cat_boundaries", &b->bounds, b->n_cat + 1 },
    };

    if (is(r, "num_leaves") && !b->n_leaves) return whole(r, 1, ENSEMBLE_MAX_LEAVES, &b->n_leaves);
    if (is(r, "num_cat") && !b->bounds) return whole(r, 0, ENSEMBLE_MAX_LEAVES, &b->n_cat);
    /* arrays are as long as these say, so they come first and once */
    if (is(r, "num_leaves") || is(r, "num_cat") || !b->n_leaves)
        return err_set(r->e, ERR_PARSE, "'%.40s' is not where it belongs", r->key);
    if (is(r, "is_linear")) b->linear = !str_eq(r->value, "0");
    if (is(r, "cat_threshold")) {
        b->n_words = count_words(r->value);
        return numbers(r, b->n_words, &b->words);
    }
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        if (!is(r, arrays[i].key)) continue;
        /* weights are left empty in some files */
        if (!*r->value && (arrays[i].to == &b->weight || arrays[i].to == &b->inner_weight))
            return 0;
        return numbers(r, arrays[i].n, arrays[i].to);
    }
    return 0;
}

static int read_set(struct reader *r, const struct block *b, double which, struct ensemble_node *nd)
{
    if (!b->bounds || !b->words || !(which >= 0 && which < (double)b->n_cat))
        return err_set(r->e, ERR_PARSE, "a split has no set of categories");
    double from = b->bounds[(size_t)which], to = b->bounds[(size_t)which + 1];
    if (!(from >= 0 && to >= from && to <= (double)b->n_words))
        return err_set(r->e, ERR_PARSE, "cat_boundaries point outside cat_threshold");
    r->words += (size_t)(to - from) + 1;
    if (r->words > ENSEMBLE_MAX_WORDS)
        return err_set(r->e, ERR_LIMIT, "the model's sets of categories are too large");
    uint32_t *set = arena_array(r->a, (size_t)(to - from) + 1, uint32_t);
    for (size_t i = 0; i < (size_t)(to - from); i++) {
        double w = b->words[(size_t)from + i];
        if (!(w >= 0 && w <= (double)UINT32_MAX))
            return err_set(r->e, ERR_PARSE, "cat_threshold: %g is no word of 32 bits", w);
        set[i] = (uint32_t)w;
    }
    nd->cat = true;
    nd->set = set;
    nd->n_words = (uint32_t)(to - from);
    nd->missing_left = false;
    return 0;
}

static bool index_ok(double v)
{
    return v >= -(double)ENSEMBLE_MAX_LEAVES && v < (double)ENSEMBLE_MAX_LEAVES && v == floor(v);
}

static int read_node(struct reader *r, const struct block *b, size_t i, struct ensemble_node *nd)
{
    double type = b->type[i];

    if (!(b->feature[i] >= 0 && b->feature[i] < (double)r->m->n_features) ||
        !index_ok(b->left[i]) || !index_ok(b->right[i]) || !(type >= 0 && type < 16))
        return err_set(r->e, ERR_PARSE, "split %zu is out of bounds", i);
    int t = (int)type, missing = t >> MISSING_SHIFT;
    *nd = (struct ensemble_node){ .threshold = b->threshold[i],
                                  .gain = b->gain && b->gain[i] > 0 ? b->gain[i] : 0,
                                  .cover = b->inner_weight ? b->inner_weight[i] : 0,
                                  .feature = (uint32_t)b->feature[i],
                                  .left = (int32_t)b->left[i],
                                  .right = (int32_t)b->right[i] };
    if (t & TYPE_CAT) return read_set(r, b, b->threshold[i], nd);
    if (missing == MISSING_ZERO)
        return err_set(r->e, ERR_INVALID,
                       "split %zu takes zero for missing, which cannot be "
                       "taken over",
                       i);
    nd->missing_left = missing == MISSING_NONE ? 0 <= nd->threshold : (t & TYPE_LEFT) != 0;
    return 0;
}

static int finish_tree(struct reader *r, const struct block *b, struct ensemble_tree *t)
{
    size_t n = b->n_leaves - 1;
    int rc = 0;

    if (b->linear) return err_set(r->e, ERR_INVALID, "linear leaves cannot be taken over");
    if (!b->value || (n > 0 && (!b->feature || !b->threshold || !b->type || !b->left || !b->right)))
        return err_set(r->e, ERR_PARSE, "an array is missing");
    *t = (struct ensemble_tree){ .n_leaves = (uint32_t)b->n_leaves,
                                 .nodes = arena_array(r->a, n + 1, struct ensemble_node),
                                 .values = b->value,
                                 .covers =
                                     b->weight ? b->weight : arena_array(r->a, n + 1, double) };
    for (size_t i = 0; i < b->n_leaves; i++) t->values[i] *= r->scale;
    for (size_t i = 0; i < n && !rc; i++) rc = read_node(r, b, i, &t->nodes[i]);
    return rc;
}

static int read_tree(struct reader *r, struct ensemble_tree *t)
{
    struct block b = { 0 };
    bool inside = false;

    while (next_line(r)) {
        if (!*r->key && !r->value) {
            if (inside) break;
            continue;
        }
        inside = true;
        int rc = read_block_line(r, &b);
        if (rc) return rc;
    }
    if (b.n_leaves < 1) return err_set(r->e, ERR_PARSE, "num_leaves is missing");
    return finish_tree(r, &b, t);
}

static int read_trees(struct reader *r)
{
    struct ensemble *m = r->m;
    size_t cap = 0;

    do {
        if (str_eq(r->key, "end of trees")) return 0;
        if (!is(r, "Tree")) continue;
        if (m->n_trees == cap) { /* old arrays stay in the arena until all is read */
            struct ensemble_tree *more =
                arena_array(r->a, cap ? 2 * cap : 64, struct ensemble_tree);
            if (cap) memcpy(more, m->trees, cap * sizeof *more);
            m->trees = more;
            cap = cap ? 2 * cap : 64;
        }
        if (m->n_trees >= MAX_TREES)
            return err_set(r->e, ERR_LIMIT, "more than %d trees", MAX_TREES);
        if (read_tree(r, &m->trees[m->n_trees])) return err_prefix(r->e, "tree %zu", m->n_trees);
        m->n_trees++;
    } while (next_line(r));
    return err_set(r->e, ERR_PARSE, "the file is cut off: there is no 'end of trees'");
}

/* ---- categories ---------------------------------------------------------------------- */

/* By feature: codes that its splits know of. */
static uint32_t *levels_in_sets(struct reader *r)
{
    const struct ensemble *m = r->m;
    uint32_t *most = arena_array(r->a, m->n_features, uint32_t);

    for (size_t t = 0; t < m->n_trees; t++)
        for (uint32_t i = 0; i + 1 < m->trees[t].n_leaves; i++) {
            const struct ensemble_node *nd = &m->trees[t].nodes[i];
            if (nd->cat && nd->n_words * 32 > most[nd->feature])
                most[nd->feature] = nd->n_words * 32;
        }
    return most;
}

/* A category's codes are texts "0", "1" … until the file says what they stand for. */
static void plain_levels(struct reader *r, struct ensemble_feature *f, uint32_t n)
{
    const char **levels = arena_array(r->a, n + 1, const char *);

    for (uint32_t i = 0; i < n; i++) levels[i] = arena_printf(r->a, "%u", i);
    f->levels = levels;
    f->n_levels = n;
}

static void named_levels(struct reader *r, struct ensemble_feature *f, const struct val *list)
{
    size_t n = val_len(list);
    const char **levels = arena_array(r->a, n + 1, const char *);

    for (size_t i = 0; i < n; i++) {
        STR_AUTO text = STR_INIT;
        val_write_text(&text, val_at(list, i));
        levels[i] = arena_strdup(r->a, str_c(&text));
    }
    f->levels = levels;
    f->n_levels = n;
}

/* pandas_categorical lists the levels of the categorical columns, in the order of columns. */
static int read_levels(struct reader *r, const bool *cat)
{
    static const char tag[] = "pandas_categorical:";
    struct val *lists = NULL;
    struct ensemble *m = r->m;
    size_t n = 0, at = 0, total = 0;
    const uint32_t *used = levels_in_sets(r);

    while (next_line(r)) {
        if (!str_starts(r->key, tag) || r->value) continue;
        if (val_parse_json(r->a, r->key + sizeof tag - 1, strlen(r->key) - sizeof tag + 1, &lists,
                           NULL))
            lists = NULL;
    }
    for (size_t i = 0; i < m->n_features; i++) n += cat[i];
    if (val_len(lists) != n) lists = NULL; /* of other columns: the codes stand for themselves */
    for (size_t i = 0; i < m->n_features; i++) {
        if (!cat[i]) continue;
        const struct val *list = lists ? val_at(lists, at++) : NULL;
        if ((total += used[i]) > ENSEMBLE_MAX_LEVELS)
            return err_set(r->e, ERR_LIMIT, "the features have more than %d categories",
                           ENSEMBLE_MAX_LEVELS);
        if (val_len(list) > 0) named_levels(r, &m->features[i], list);
        else plain_levels(r, &m->features[i], used[i] ? used[i] : 1);
    }
    return 0;
}

/* Categories: those that splits treat so, and those whose info is a list a:b:c. */
static bool *find_categories(struct reader *r, const char *infos)
{
    struct ensemble *m = r->m;
    bool *cat = arena_array(r->a, m->n_features, bool);
    const char *at = infos ? infos : "", *w;

    for (size_t i = 0; i < m->n_features && (w = word(r, &at)); i++)
        cat[i] = *w != '[' && !str_eq(w, "none");
    for (size_t t = 0; t < m->n_trees; t++)
        for (uint32_t i = 0; i + 1 < m->trees[t].n_leaves; i++)
            if (m->trees[t].nodes[i].cat) cat[m->trees[t].nodes[i].feature] = true;
    return cat;
}

/* ---- reading ------------------------------------------------------------------------- */

static int read_file(struct reader *r)
{
    struct head h = { .n_classes = 1, .per_iteration = 1 };
    const char *infos = NULL;
    struct ensemble *m = r->m;
    int rc = 0;

    if (!next_line(r) || !str_eq(r->key, "tree"))
        return err_set(r->e, ERR_PARSE,
                       "this is not a LightGBM model file: it does not begin "
                       "with 'tree'");
    while (!rc && next_line(r) && !is(r, "Tree") && !str_eq(r->key, "end of trees")) {
        if (is(r, "feature_infos")) infos = r->value;
        rc = read_head_line(r, &h);
    }
    if (!rc) rc = read_features(r, &h);
    if (!rc) rc = read_objective(r, &h);
    if (rc) return rc;
    m->k = m->link == ENSEMBLE_SOFTMAX ? m->n_classes : 1;
    if (h.per_iteration != m->k)
        return err_set(r->e, ERR_PARSE, "%zu trees an iteration do not fit %zu outputs",
                       h.per_iteration, m->k);
    m->base = arena_array(r->a, m->k, double);
    if ((rc = read_trees(r))) return rc;
    for (size_t t = 0; h.average && t < m->n_trees; t++)
        for (uint32_t i = 0; i < m->trees[t].n_leaves; i++)
            m->trees[t].values[i] /= (double)(m->n_trees / m->k);
    return read_levels(r, find_categories(r, infos));
}

int lightgbm_read(struct arena *a, const char *text, size_t n, struct ensemble *ret, struct err *e)
{
    struct err mine = ERR_INIT;
    struct ensemble m = { .arena = a };
    struct reader r = { .a = a, .p = text, .end = text + n, .m = &m, .e = e ? e : &mine };
    int rc = memchr(text, '\0', n) ? err_set(r.e, ERR_PARSE, "the file holds a NUL byte")
                                   : read_file(&r);

    if (!rc) rc = ensemble_check(&m, r.e);
    if (!rc) *ret = m;
    return rc;
}

/* ---- writing ------------------------------------------------------------------------- */

static bool needs_swap(const struct ensemble_node *nd)
{
    return nd->cat && nd->missing_left;
}

static uint32_t words_of(const struct ensemble *m, const struct ensemble_node *nd)
{
    return needs_swap(nd) ? (uint32_t)(m->features[nd->feature].n_levels + 31) / 32 : nd->n_words;
}

/* Word i of the set that goes left: for a set with the missing value, what is not in it. */
static uint32_t set_word(const struct ensemble *m, const struct ensemble_node *nd, uint32_t i)
{
    uint32_t w = i < nd->n_words ? nd->set[i] : 0;

    if (!needs_swap(nd)) return w;
    size_t left = m->features[nd->feature].n_levels - (size_t)i * 32;
    uint32_t known = left >= 32 ? UINT32_MAX : (UINT32_C(1) << left) - 1;
    return ~w & known;
}

/* Codes beyond the set count as missing and go right here, as they do for LightGBM, unless
 * missing goes left: then they are outside the complement and end up where missing does. */
static void write_sets(const struct ensemble *m, const struct ensemble_tree *t, struct str *out)
{
    uint32_t at = 0;

    str_add(out, "cat_boundaries=0");
    for (uint32_t i = 0; i + 1 < t->n_leaves; i++)
        if (t->nodes[i].cat) str_addf(out, " %u", at += words_of(m, &t->nodes[i]));
    str_add(out, "\ncat_threshold=");
    at = 0;
    for (uint32_t i = 0; i + 1 < t->n_leaves; i++)
        for (uint32_t w = 0; t->nodes[i].cat && w < words_of(m, &t->nodes[i]); w++)
            str_addf(out, "%s%u", at++ ? " " : "", set_word(m, &t->nodes[i], w));
    str_addc(out, '\n');
}

enum column { COL_FEATURE, COL_GAIN, COL_THRESHOLD, COL_TYPE, COL_LEFT, COL_RIGHT, COL_WEIGHT };

static void write_column(const struct ensemble_tree *t, const char *name, enum column c,
                         struct str *out)
{
    uint32_t cat = 0;

    str_addf(out, "%s=", name);
    for (uint32_t i = 0; i + 1 < t->n_leaves; i++) {
        const struct ensemble_node *nd = &t->nodes[i];
        bool swap = needs_swap(nd);
        if (i) str_addc(out, ' ');
        switch (c) {
        case COL_FEATURE: str_addf(out, "%u", nd->feature); break;
        case COL_GAIN: str_addf(out, "%g", nd->gain); break;
        case COL_THRESHOLD:
            if (nd->cat) str_addf(out, "%u", cat++);
            else str_addf(out, "%.17g", nd->threshold);
            break;
        case COL_TYPE:
            str_addf(out, "%d",
                     nd->cat ? TYPE_CAT
                             : (2 << MISSING_SHIFT) + (nd->missing_left ? TYPE_LEFT : 0));
            break;
        case COL_LEFT: str_addf(out, "%d", swap ? nd->right : nd->left); break;
        case COL_RIGHT: str_addf(out, "%d", swap ? nd->left : nd->right); break;
        case COL_WEIGHT: str_addf(out, "%g", nd->cover); break;
        }
    }
    str_addc(out, '\n');
}

static void write_leaves(const char *name, const double *v, uint32_t n, double base,
                         struct str *out)
{
    str_addf(out, "%s=", name);
    for (uint32_t i = 0; i < n; i++) str_addf(out, "%s%.17g", i ? " " : "", v[i] + base);
    str_addc(out, '\n');
}

static void write_tree(const struct ensemble *m, const struct ensemble_tree *t, size_t number,
                       double base, struct str *out)
{
    uint32_t cats = 0;

    for (uint32_t i = 0; i + 1 < t->n_leaves; i++) cats += t->nodes[i].cat;
    str_addf(out, "Tree=%zu\nnum_leaves=%u\nnum_cat=%u\n", number, t->n_leaves, cats);
    if (t->n_leaves > 1) {
        write_column(t, "split_feature", COL_FEATURE, out);
        write_column(t, "split_gain", COL_GAIN, out);
        write_column(t, "threshold", COL_THRESHOLD, out);
        write_column(t, "decision_type", COL_TYPE, out);
        write_column(t, "left_child", COL_LEFT, out);
        write_column(t, "right_child", COL_RIGHT, out);
    }
    write_leaves("leaf_value", t->values, t->n_leaves, base, out);
    if (t->n_leaves > 1) {
        write_leaves("leaf_weight", t->covers, t->n_leaves, 0, out);
        write_column(t, "internal_weight", COL_WEIGHT, out);
        if (cats) write_sets(m, t, out);
    }
    str_add(out, "is_linear=0\nshrinkage=1\n\n\n");
}

/* A name without blanks, which separate names. */
static void write_name(const char *name, struct str *out)
{
    for (; *name; name++) str_addc(out, *name == ' ' || *name == '=' ? '_' : *name);
}

static void write_head(const struct ensemble *m, struct str *out)
{
    str_addf(out, "tree\nversion=v4\nnum_class=%zu\nnum_tree_per_iteration=%zu\n", m->k, m->k);
    str_addf(out, "label_index=0\nmax_feature_idx=%zu\nobjective=", m->n_features - 1);
    if (m->link == ENSEMBLE_SOFTMAX) str_addf(out, "multiclass num_class:%zu", m->k);
    else str_add(out, m->link == ENSEMBLE_LOGISTIC ? "binary sigmoid:1"
                      : m->link == ENSEMBLE_EXP    ? "poisson"
                                                   : "regression");
    str_add(out, "\nfeature_names=");
    for (size_t i = 0; i < m->n_features; i++) {
        if (i) str_addc(out, ' ');
        write_name(m->features[i].name, out);
    }
    str_add(out, "\nfeature_infos=");
    for (size_t i = 0; i < m->n_features; i++) {
        if (i) str_addc(out, ' ');
        if (m->features[i].n_levels == 0) str_add(out, "[-1e308:1e308]");
        for (size_t l = 0; l < m->features[i].n_levels; l++)
            str_addf(out, "%s%zu", l ? ":" : "", l);
    }
    str_addc(out, '\n');
}

static void write_levels(const struct ensemble *m, struct str *out)
{
    struct arena a = ARENA_INIT;
    struct val *lists = val_list(&a);

    for (size_t i = 0; i < m->n_features; i++) {
        if (m->features[i].n_levels == 0) continue;
        struct val *list = val_list(&a);
        for (size_t l = 0; l < m->features[i].n_levels; l++)
            val_push_str(list, m->features[i].levels[l]);
        val_push(lists, list);
    }
    str_add(out, "\npandas_categorical:");
    val_write_json(out, lists, 0);
    str_addc(out, '\n');
    arena_done(&a);
}

void lightgbm_write(const struct ensemble *m, struct str *out)
{
    STR_AUTO trees = STR_INIT;
    STR_AUTO sizes = STR_INIT;
    double zero = 0;
    struct ensemble_tree constant = { .n_leaves = 1, .values = &zero, .covers = &zero };
    size_t n = m->n_trees ? m->n_trees : m->k; /* without trees: one leaf an output */

    for (size_t t = 0; t < n; t++) {
        size_t before = trees.len;
        write_tree(m, m->n_trees ? &m->trees[t] : &constant, t, t < m->k ? m->base[t] : 0, &trees);
        str_addf(&sizes, "%s%zu", t ? " " : "", trees.len - before);
    }
    write_head(m, out);
    str_addf(out, "tree_sizes=%s\n\n%s", str_c(&sizes), str_c(&trees));
    str_add(out, "end of trees\n\nfeature_importances:\n\nparameters:\nend of parameters\n");
    write_levels(m, out);
}
