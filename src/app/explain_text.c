/* explain_text.c: see explain_text.h. Trees are read in the neutral form that model files of
 * other programs use (base/ensemble.h), linear models as a net of one layer (base/dense.h). Of a
 * tree, rows given count where they end; of a linear model, coefficients are undone of the
 * standardising, so that they are per unit of the column. */
#include "app/explain_text.h"

#include "base/mem.h"
#include "engine/model/exchange.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SET_SHOWN = 6, TERMS = 60, CLASSES_SHOWN = 3 };

struct reading {
    const struct model *m;
    const struct ensemble *in;
    const struct ensemble_tree *tree;
    struct str *out;
    double factor;  /* of leaf values: forests hold shares of a mean */
    size_t output;  /* class a boosted tree is about */
    int depth;      /* levels shown */
    size_t *counts; /* rows in each leaf; NULL: not counted */
};

static const char *class_name(const struct model *m, size_t c)
{
    return model_classes(m) > 0 ? model_class(m, (int)c) : "";
}

/* ---- a tree ------------------------------------------------------------------------------ */

static bool in_set(const struct ensemble_node *nd, size_t code)
{
    return code / 32 < nd->n_words && nd->set[code / 32] >> code % 32 & 1;
}

static void add_condition(const struct reading *t, const struct ensemble_node *nd)
{
    const struct ensemble_feature *f = &t->in->features[nd->feature];
    size_t shown = 0, more = 0;

    str_add(t->out, f->name);
    if (!nd->cat) {
        str_addf(t->out, " <= %.6g", nd->threshold);
    } else {
        str_add(t->out, " in {");
        for (size_t l = 0; l < f->n_levels; l++) {
            if (!in_set(nd, l)) continue;
            if (shown == SET_SHOWN) more++;
            else str_addf(t->out, "%s%s", shown++ ? ", " : "", f->levels[l]);
        }
        if (more) str_addf(t->out, ", and %zu more", more);
        str_addc(t->out, '}');
    }
    if (nd->missing_left) str_add(t->out, " or missing");
}

static size_t leaves_below(const struct reading *t, int32_t at)
{
    if (at < 0) return 1;
    const struct ensemble_node *nd = &t->tree->nodes[at];
    return leaves_below(t, nd->left) + leaves_below(t, nd->right);
}

static size_t rows_below(const struct reading *t, int32_t at)
{
    if (at < 0) return t->counts[~at];
    const struct ensemble_node *nd = &t->tree->nodes[at];
    return rows_below(t, nd->left) + rows_below(t, nd->right);
}

/* Of several classes the most probable ones. */
static void add_vector(const struct reading *t, const double *v)
{
    double used[CLASSES_SHOWN];
    size_t best[CLASSES_SHOWN], n = 0;

    for (size_t c = 0; c < t->in->k; c++) {
        double p = v[c] * t->factor;
        size_t i = n < CLASSES_SHOWN ? n++ : CLASSES_SHOWN;
        for (; i > 0 && used[i - 1] < p; i--)
            if (i < CLASSES_SHOWN) {
                used[i] = used[i - 1];
                best[i] = best[i - 1];
            }
        if (i < CLASSES_SHOWN) {
            used[i] = p;
            best[i] = c;
        }
    }
    for (size_t i = 0; i < n && (i == 0 || used[i] >= .005); i++)
        str_addf(t->out, "%s%s %.3g", i ? ", " : "", class_name(t->m, best[i]), used[i]);
}

static void add_rows(const struct reading *t, int32_t at)
{
    if (t->counts) str_addf(t->out, "  (%zu rows)", rows_below(t, at));
}

static void add_leaf(const struct reading *t, int32_t at)
{
    str_add(t->out, "→ ");
    if (t->in->vectors) add_vector(t, t->tree->values + (size_t)~at * t->in->k);
    else str_addf(t->out, "%.6g", t->tree->values[~at] * t->factor);
    add_rows(t, at);
    str_addc(t->out, '\n');
}

static void add_node(const struct reading *t, int32_t at, int depth, const char *indent)
{
    if (at < 0) {
        add_leaf(t, at);
        return;
    }
    if (depth >= t->depth) {
        str_addf(t->out, "… %zu leaves below", leaves_below(t, at));
        add_rows(t, at);
        str_addc(t->out, '\n');
        return;
    }
    const struct ensemble_node *nd = &t->tree->nodes[at];
    STR_AUTO left = STR_INIT;
    STR_AUTO right = STR_INIT;
    add_condition(t, nd);
    add_rows(t, at);
    str_addf(&left, "%s│  ", indent);
    str_addf(&right, "%s   ", indent);
    str_addf(t->out, "\n%s├─ yes: ", indent);
    add_node(t, nd->left, depth + 1, str_c(&left));
    str_addf(t->out, "%s└─ no: ", indent);
    add_node(t, nd->right, depth + 1, str_c(&right));
}

/* ---- rows in leaves ---------------------------------------------------------------------- */

static double cell(const struct reading *t, const struct column *c, size_t feature, size_t row)
{
    char buf[40];

    if (t->in->features[feature].n_levels == 0)
        return c && !col_is_coded(c->type) ? c->num[row] : (double)NAN;
    const char *s = c ? column_text(c, row, buf) : "";
    return model_code(t->m, feature, s, strlen(s));
}

static bool goes_left(const struct ensemble_node *nd, double v)
{
    if (isnan(v)) return nd->missing_left;
    return nd->cat ? in_set(nd, (size_t)v) : v <= nd->threshold;
}

static void count_rows(struct reading *t, const struct frame *f)
{
    MEM_AUTO const struct column **cols = mem_zalloc(t->in->n_features + 1, sizeof *cols);

    for (size_t i = 0; i < t->in->n_features; i++) cols[i] = frame_col(f, t->in->features[i].name);
    for (size_t row = 0; row < f->n_rows; row++) {
        int32_t at = t->tree->n_leaves > 1 ? 0 : ~0;
        while (at >= 0) {
            const struct ensemble_node *nd = &t->tree->nodes[at];
            at = goes_left(nd, cell(t, cols[nd->feature], nd->feature, row)) ? nd->left : nd->right;
        }
        t->counts[~at]++;
    }
}

static void add_head(const struct reading *t, size_t number)
{
    str_addf(t->out, "tree %zu of %zu, %u leaves", number, t->in->n_trees,
             (unsigned)t->tree->n_leaves);
    if (model_classes(t->m) == 0) str_addf(t->out, "; leaves: %s", model_target(t->m));
    else if (t->in->vectors)
        str_addf(t->out, "; leaves: shares of the classes of %s", model_target(t->m));
    else
        str_addf(t->out, "; leaves: %s of %s = %s",
                 t->in->link == ENSEMBLE_PROBABILITY ? "probability" : "added to the log-odds",
                 model_target(t->m), class_name(t->m, t->in->k > 1 ? t->output : 1));
    if (t->in->n_trees > 1 && t->in->link != ENSEMBLE_PROBABILITY && !t->in->vectors && t->in->base)
        str_addf(t->out, "; all trees add to %.6g", t->in->base[t->output]);
    str_add(t->out, "\n\n");
}

static int read_tree(const struct model *m, const struct frame *rows, const struct val *args,
                     struct reply *r, struct err *e)
{
    struct ensemble in = { 0 };
    int64_t number = val_get_int(args, "tree", 1);
    STR_AUTO out = STR_INIT;
    bool forest = str_eq(model_algorithm(m), "forest") || str_eq(model_algorithm(m), "extra_trees");

    model_to_ensemble(m, &r->arena, &in);
    if (number > (int64_t)in.n_trees)
        return err_set(e, ERR_INVALID, "--tree: there is no tree %lld; the model has %zu",
                       (long long)number, in.n_trees);
    struct reading t = { .m = m,
                         .in = &in,
                         .tree = &in.trees[number - 1],
                         .out = &out,
                         .factor = forest ? (double)in.n_trees : 1,
                         .output = in.k ? (size_t)(number - 1) % in.k : 0,
                         .depth = (int)val_get_int(args, "depth", 4) };
    if (rows) {
        t.counts = arena_array(&r->arena, t.tree->n_leaves + 1, size_t);
        count_rows(&t, rows);
    }
    add_head(&t, (size_t)number);
    add_node(&t, t.tree->n_leaves > 1 ? 0 : ~0, 0, "");
    val_set_str(r->v, "form", "tree");
    val_set_int(r->v, "tree", number);
    val_set_int(r->v, "trees", (int64_t)in.n_trees);
    val_set_int(r->v, "leaves", t.tree->n_leaves);
    r->text = arena_strdup(&r->arena, str_c(&out));
    return 0;
}

/* ---- a formula --------------------------------------------------------------------------- */

struct term {
    double weight, size; /* per unit or for a level; in standard deviations, for sorting */
    char text[160];
};

static int by_size(const void *pa, const void *pb)
{
    const struct term *a = pa, *b = pb;

    return (fabs(a->size) < fabs(b->size)) - (fabs(a->size) > fabs(b->size));
}

/* Terms of output c; *constant becomes the intercept in the table's units. */
static size_t terms_of(const struct dense *in, size_t c, struct term *terms, double *constant)
{
    const struct dense_layer *l = &in->layers[0];
    size_t n = 0, at = 0;

    *constant = l->b[c];
    for (size_t i = 0; i < in->n_features; i++) {
        const struct ensemble_feature *f = &in->features[i];
        const struct dense_scaling *s = &in->scaling[i];
        for (size_t k = 0; f->n_levels && k <= f->n_levels; k++, at++) {
            struct term *t = &terms[n++];
            t->weight = t->size = l->w[at * l->out + c];
            if (k < f->n_levels)
                snprintf(t->text, sizeof t->text, "if %.60s is %.60s", f->name, f->levels[k]);
            else snprintf(t->text, sizeof t->text, "if %.60s is anything else or missing", f->name);
        }
        if (f->n_levels) continue;
        struct term *t = &terms[n++];
        t->size = l->w[at++ * l->out + c];
        t->weight = t->size / s->scale;
        *constant -= t->weight * s->mean;
        snprintf(t->text, sizeof t->text, "× %.60s", f->name);
        if (!s->indicator) continue;
        t = &terms[n++];
        t->weight = t->size = l->w[at++ * l->out + c];
        snprintf(t->text, sizeof t->text, "if %.60s is missing (which counts as %.6g)", f->name,
                 s->mean);
    }
    qsort(terms, n, sizeof *terms, by_size);
    return n;
}

static void add_formula(struct str *out, const struct model *m, const struct dense *in, size_t c,
                        struct term *terms)
{
    double constant;
    size_t n = terms_of(in, c, terms, &constant), shown = 0;

    if (model_classes(m) == 0)
        str_addf(out, "%s%s =\n", in->link == ENSEMBLE_EXP ? "log of " : "", model_target(m));
    else if (in->link == ENSEMBLE_LOGISTIC)
        str_addf(out, "log-odds of %s = %s:\n", model_target(m), class_name(m, 1));
    else str_addf(out, "score of %s = %s:\n", model_target(m), class_name(m, c));
    str_addf(out, "%14.6g\n", constant);
    for (size_t i = 0; i < n && shown < TERMS; i++) {
        if (terms[i].weight == 0) continue;
        str_addf(out, "%+14.6g  %s\n", terms[i].weight, terms[i].text);
        shown++;
    }
    if (shown == TERMS && n > TERMS) str_addf(out, "  … and %zu smaller ones\n", n - TERMS);
    str_addc(out, '\n');
}

static int read_formula(const struct model *m, struct reply *r, struct err *e)
{
    struct dense in = { 0 };
    STR_AUTO out = STR_INIT;

    model_to_dense(m, &r->arena, &in);
    if (in.n_layers != 1)
        return err_set(e, ERR_INVALID, "--text: a net of %zu layers cannot be read", in.n_layers);
    MEM_AUTO struct term *terms = mem_zalloc(in.layers[0].in + 1, sizeof *terms);
    for (size_t c = 0; c < in.layers[0].out; c++) add_formula(&out, m, &in, c, terms);
    val_set_str(r->v, "form", "formula");
    r->text = arena_strdup(&r->arena, str_c(&out));
    return 0;
}

int explain_text(const struct model *m, const struct frame *rows, const struct val *args,
                 struct reply *r, struct err *e)
{
    int rc;

    if (model_has_ensemble(m)) rc = read_tree(m, rows, args, r, e);
    else if (model_has_dense(m)) rc = read_formula(m, r, e);
    else {
        err_set(e, ERR_INVALID, "--text: a model of %s is neither trees nor a formula",
                model_algorithm(m));
        return err_hint(e, "tree, forest, gbdt, linear and logistic can be read");
    }
    if (rc) return rc;
    struct err changed = ERR_INIT;
    if (model_exchangeable(m, &changed)) {
        r->text = arena_printf(&r->arena, "%s\nAfterwards: %s\n", r->text, changed.msg);
        val_set_str(r->v, "afterwards", changed.msg);
    }
    val_set_str(r->v, "text", r->text);
    return 0;
}
