/* xgboost_write.c: an ensemble as XGBoost's JSON.
 *
 * Nodes are numbered breadth first with siblings next to each other, which its readers take for
 * granted. Base scores go into the first trees, and base_score is what means 0, spelled so that
 * old and new versions read it. A threshold t for "x <= t" becomes the next float32 above, for
 * "x < t"; in a category split the children change places. */
#include "codec/xgboost.h"

#include "base/mem.h"
#include "base/val.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool in_set(const struct ensemble_node *nd, size_t code)
{
    return code / 32 < nd->n_words && nd->set[code / 32] >> code % 32 & 1;
}

/* What goes right there: the set, its children changing places; or, since no set may be empty
 * there, all levels in their places when only missing values are in ours. */
static bool swaps(const struct ensemble_node *nd)
{
    bool any = false;

    for (uint32_t w = 0; nd->cat && w < nd->n_words; w++) any |= nd->set[w] != 0;
    return any;
}

struct place {  /* a node of the file */
    int32_t id; /* >= 0: inner node of ours; < 0: ~leaf */
    int32_t parent, left;
};

/* Breadth first; at most 2 * leaves - 1. */
static size_t lay_out(const struct ensemble_tree *t, struct place *p)
{
    size_t n = 1;

    p[0] = (struct place){ t->n_leaves > 1 ? 0 : -1, INT32_MAX, -1 };
    for (size_t i = 0; i < n; i++) {
        if (p[i].id < 0) continue;
        const struct ensemble_node *nd = &t->nodes[p[i].id];
        p[i].left = (int32_t)n;
        p[n++] = (struct place){ swaps(nd) ? nd->right : nd->left, (int32_t)i, -1 };
        p[n++] = (struct place){ swaps(nd) ? nd->left : nd->right, (int32_t)i, -1 };
    }
    return n;
}

static float condition(double threshold)
{
    float f = (float)threshold;

    if ((double)f > threshold) f = nextafterf(f, -HUGE_VALF);
    f = nextafterf(f, HUGE_VALF);
    return isfinite(f) ? f : f > 0 ? 3.4028234e38f : -3.4028234e38f;
}

/* Floats need a point or an exponent, or they are taken for integers. */
static void write_float(double v, struct str *out)
{
    str_addf(out, "%.8E", (double)(float)v);
}

enum column { LEFT, RIGHT, PARENT, FEATURE, CONDITION, DEFAULT, TYPE, WEIGHT, GAIN, HESSIAN };

static void write_cell(const struct ensemble_tree *t, const struct place *p, double base,
                       enum column c, struct str *out)
{
    const struct ensemble_node *nd = p->id >= 0 ? &t->nodes[p->id] : NULL;
    double value = nd ? 0 : t->values[~p->id] + base;

    switch (c) {
    case LEFT: str_addf(out, "%d", p->left); break;
    case RIGHT: str_addf(out, "%d", p->left < 0 ? -1 : p->left + 1); break;
    case PARENT: str_addf(out, "%d", p->parent); break;
    case FEATURE: str_addf(out, "%u", nd ? nd->feature : 0); break;
    case CONDITION:
        if (nd) write_float(nd->cat ? 0 : (double)condition(nd->threshold), out);
        else write_float(value, out);
        break;
    case DEFAULT:
        str_addc(out, nd && nd->missing_left != swaps(nd) ? '1' : '0');
        break;
    case TYPE: str_addc(out, nd && nd->cat ? '1' : '0'); break;
    case WEIGHT: write_float(value, out); break;
    case GAIN: write_float(nd ? nd->gain : 0, out); break;
    case HESSIAN: write_float(nd ? nd->cover : t->covers[~p->id], out); break;
    }
}

/* Four arrays: the nodes that split categories, where theirs begin, how many, and which. */
static void write_sets(const struct ensemble *m, const struct ensemble_tree *t,
                       const struct place *p, size_t n, struct str *out)
{
    STR_AUTO nodes = STR_INIT;
    STR_AUTO from = STR_INIT;
    STR_AUTO sizes = STR_INIT;
    STR_AUTO cats = STR_INIT;
    size_t total = 0;

    for (size_t i = 0; i < n; i++) {
        if (p[i].id < 0 || !t->nodes[p[i].id].cat) continue;
        const struct ensemble_node *nd = &t->nodes[p[i].id];
        const char *comma = nodes.len ? "," : "";
        size_t before = total;
        for (size_t c = 0; c < m->features[nd->feature].n_levels; c++)
            if (in_set(nd, c) || !swaps(nd)) str_addf(&cats, "%s%zu", total++ ? "," : "", c);
        str_addf(&nodes, "%s%zu", comma, i);
        str_addf(&from, "%s%zu", comma, before);
        str_addf(&sizes, "%s%zu", comma, total - before);
    }
    str_addf(out, "\"categories_nodes\":[%s],\"categories_segments\":[%s],", str_c(&nodes),
             str_c(&from));
    str_addf(out, "\"categories_sizes\":[%s],\"categories\":[%s],", str_c(&sizes), str_c(&cats));
}

static void write_tree(const struct ensemble *m, const struct ensemble_tree *t, size_t id,
                       double base, struct str *out)
{
    static const struct {
        const char *name;
        enum column c;
    } columns[] = {
        { "left_children", LEFT },
        { "right_children", RIGHT },
        { "parents", PARENT },
        { "split_indices", FEATURE },
        { "split_conditions", CONDITION },
        { "default_left", DEFAULT },
        { "split_type", TYPE },
        { "base_weights", WEIGHT },
        { "loss_changes", GAIN },
        { "sum_hessian", HESSIAN },
    };
    MEM_AUTO struct place *p = mem_alloc(2 * (size_t)t->n_leaves * sizeof *p);
    size_t n = lay_out(t, p);

    str_addc(out, '{');
    for (size_t c = 0; c < ARRAY_LEN(columns); c++) {
        str_addf(out, "\"%s\":[", columns[c].name);
        for (size_t i = 0; i < n; i++) {
            if (i) str_addc(out, ',');
            write_cell(t, &p[i], base, columns[c].c, out);
        }
        str_add(out, "],");
    }
    write_sets(m, t, p, n, out);
    str_addf(out,
             "\"id\":%zu,\"tree_param\":{\"num_nodes\":\"%zu\",\"num_feature\":\"%zu\","
             "\"size_leaf_vector\":\"1\",\"num_deleted\":\"0\"}}",
             id, n, m->n_features);
}

static void write_names(const struct ensemble *m, struct str *out)
{
    str_add(out, "\"feature_names\":[");
    for (size_t i = 0; i < m->n_features; i++) {
        if (i) str_addc(out, ',');
        val_write_json_str(out, m->features[i].name, strlen(m->features[i].name));
    }
    str_add(out, "],\"feature_types\":[");
    for (size_t i = 0; i < m->n_features; i++)
        str_addf(out, "%s\"%s\"", i ? "," : "", m->features[i].n_levels ? "c" : "float");
    str_add(out, "],");
}

static void write_objective(const struct ensemble *m, struct str *out)
{
    size_t classes = m->link == ENSEMBLE_SOFTMAX ? m->k : 0;

    str_addf(out,
             "\"learner_model_param\":{\"base_score\":\"%s\",\"num_class\":\"%zu\","
             "\"num_feature\":\"%zu\",\"num_target\":\"1\",\"boost_from_average\":\"1\"},",
             m->link == ENSEMBLE_IDENTITY ? "0E0"
             : m->link == ENSEMBLE_EXP    ? "1E0"
                                          : "5E-1",
             classes, m->n_features);
    if (m->link == ENSEMBLE_SOFTMAX)
        str_addf(out,
                 "\"objective\":{\"name\":\"multi:softprob\",\"softmax_multiclass_param\":"
                 "{\"num_class\":\"%zu\"}}",
                 classes);
    else if (m->link == ENSEMBLE_EXP)
        str_add(out, "\"objective\":{\"name\":\"count:poisson\",\"poisson_regression_param\":"
                     "{\"max_delta_step\":\"0.7\"}}");
    else
        str_addf(out,
                 "\"objective\":{\"name\":\"%s\",\"reg_loss_param\":{\"scale_pos_weight\":"
                 "\"1\"}}",
                 m->link == ENSEMBLE_LOGISTIC ? "binary:logistic" : "reg:squarederror");
}

void xgboost_write(const struct ensemble *m, struct str *out)
{
    double zero = 0;
    const struct ensemble_tree constant = { .n_leaves = 1, .values = &zero, .covers = &zero };
    size_t n = m->n_trees ? m->n_trees : m->k; /* without trees: one leaf an output */

    str_add(out, "{\"learner\":{\"attributes\":{},");
    write_names(m, out);
    str_addf(out,
             "\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{\"gbtree_model_param\":"
             "{\"num_trees\":\"%zu\",\"num_parallel_tree\":\"1\"},\"tree_info\":[",
             n);
    for (size_t t = 0; t < n; t++) str_addf(out, "%s%zu", t ? "," : "", t % m->k);
    str_add(out, "],\"trees\":[");
    for (size_t t = 0; t < n; t++) {
        if (t) str_addc(out, ',');
        write_tree(m, m->n_trees ? &m->trees[t] : &constant, t, t < m->k ? m->base[t] : 0, out);
    }
    str_add(out, "],\"iteration_indptr\":[0");
    for (size_t t = m->k; t <= n; t += m->k) str_addf(out, ",%zu", t);
    str_add(out, "]}},");
    write_objective(m, out);
    str_add(out, "},\"version\":[1,7,6]}\n");
}
