/* onnx_graph.c: see onnx_graph.h. Numbers of fields and enumerators are those of onnx.proto.
 *
 * The classifiers of ai.onnx.ml have post-transforms of their own, which runtimes read
 * differently for two classes (what is the score of the other class, when is 0.5 the border).
 * So trees give plain scores, and operators that leave no choice make answers of them. */
#include "codec/onnx_graph.h"

#include "base/mem.h"
#include "base/val.h"
#include "codec/protobuf.h"

#include <string.h>

enum { IR_VERSION = 7, OPSET = 13, OPSET_ML = 3 };
enum { ATTR_INT = 2, ATTR_TEXT = 3, ATTR_FLOATS = 6, ATTR_INTS = 7, ATTR_TEXTS = 8 };
enum { TYPE_FLOAT = 1, TYPE_INT64 = 7, TYPE_TEXT = 8 };
/* fields of GraphProto */
enum { GRAPH_NODE = 1, GRAPH_NAME = 2, GRAPH_CONSTANT = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };

/* ---- operators ----------------------------------------------------------------------- */

void onnx_op(struct onnx_graph *g, const char *op, const char *inputs, const char *output,
             const struct str *attributes)
{
    STR_AUTO node = STR_INIT;
    const char *colon = strchr(op, ':');

    while (*inputs) {
        size_t n = strcspn(inputs, ",");
        pb_bytes(&node, 1, inputs, n);
        inputs += n + (inputs[n] == ',');
    }
    pb_text(&node, 2, output);
    pb_text(&node, 3, output); /* the operator is called as what it makes */
    pb_text(&node, 4, colon ? colon + 1 : op);
    if (attributes) str_addn(&node, str_c(attributes), attributes->len);
    if (colon) pb_bytes(&node, 7, op, (size_t)(colon - op));
    pb_message(&g->body, GRAPH_NODE, &node);
}

static void attribute(struct str *a, const char *name, int type, struct str *value)
{
    pb_text(value, 1, name);
    pb_int(value, 20, type);
    pb_message(a, 5, value);
}

void onnx_attr_int(struct str *a, const char *name, int64_t v)
{
    STR_AUTO one = STR_INIT;

    pb_int(&one, 3, v);
    attribute(a, name, ATTR_INT, &one);
}

void onnx_attr_ints(struct str *a, const char *name, const int64_t *v, size_t n)
{
    STR_AUTO one = STR_INIT;

    pb_ints(&one, 8, v, n);
    attribute(a, name, ATTR_INTS, &one);
}

void onnx_attr_floats(struct str *a, const char *name, const float *v, size_t n)
{
    STR_AUTO one = STR_INIT;

    pb_floats(&one, 7, v, n);
    attribute(a, name, ATTR_FLOATS, &one);
}

void onnx_attr_text(struct str *a, const char *name, const char *v)
{
    STR_AUTO one = STR_INIT;

    pb_text(&one, 4, v);
    attribute(a, name, ATTR_TEXT, &one);
}

void onnx_attr_texts(struct str *a, const char *name, const char *const *names, const uint8_t *v,
                     size_t n)
{
    STR_AUTO one = STR_INIT;

    for (size_t i = 0; i < n; i++) pb_text(&one, 9, names[v[i]]);
    attribute(a, name, ATTR_TEXTS, &one);
}

/* ---- constants ----------------------------------------------------------------------- */

static void constant(struct onnx_graph *g, const char *name, int type, struct str *tensor)
{
    pb_int(tensor, 2, type);
    pb_text(tensor, 8, name);
    pb_message(&g->body, GRAPH_CONSTANT, tensor);
}

void onnx_floats(struct onnx_graph *g, const char *name, size_t rows, size_t cols, const float *v)
{
    STR_AUTO tensor = STR_INIT;

    if (rows) pb_int(&tensor, 1, (int64_t)rows);
    pb_int(&tensor, 1, (int64_t)cols);
    pb_floats(&tensor, 4, v, (rows ? rows : 1) * cols);
    constant(g, name, TYPE_FLOAT, &tensor);
}

void onnx_ints(struct onnx_graph *g, const char *name, size_t n, const int64_t *v)
{
    STR_AUTO tensor = STR_INIT;

    pb_int(&tensor, 1, (int64_t)n);
    pb_ints(&tensor, 7, v, n);
    constant(g, name, TYPE_INT64, &tensor);
}

void onnx_texts(struct onnx_graph *g, const char *name, size_t n, const char *const *v)
{
    STR_AUTO tensor = STR_INIT;

    pb_int(&tensor, 1, (int64_t)n);
    for (size_t i = 0; i < n; i++) pb_text(&tensor, 6, v[i]);
    constant(g, name, TYPE_TEXT, &tensor);
}

/* ---- answers ------------------------------------------------------------------------- */

/* cols 0: a list of N. */
static void port(struct onnx_graph *g, unsigned field, const char *name, int type, size_t cols)
{
    STR_AUTO rows = STR_INIT;
    STR_AUTO shape = STR_INIT;
    STR_AUTO tensor = STR_INIT;
    STR_AUTO any = STR_INIT;
    STR_AUTO info = STR_INIT;

    pb_text(&rows, 2, "N");
    pb_message(&shape, 1, &rows);
    if (cols) {
        STR_AUTO dim = STR_INIT;
        pb_int(&dim, 1, (int64_t)cols);
        pb_message(&shape, 1, &dim);
    }
    pb_int(&tensor, 1, type);
    pb_message(&tensor, 2, &shape);
    pb_message(&any, 1, &tensor);
    pb_text(&info, 1, name);
    pb_message(&info, 2, &any);
    pb_message(&g->body, field, &info);
}

/* The labels as a constant; integers when all of them are. Returns the type. */
static int write_labels(struct onnx_graph *g, const struct onnx_model *m)
{
    MEM_AUTO int64_t *numbers = mem_zalloc(m->n_classes + 1, sizeof *numbers);
    bool integers = true;

    for (size_t c = 0; c < m->n_classes; c++) {
        long long v = (long long)c;
        if (m->classes && !str_to_i64(m->classes[c], &v)) integers = false;
        numbers[c] = v;
    }
    if (integers) onnx_ints(g, "labels", m->n_classes, numbers);
    else onnx_texts(g, "labels", m->n_classes, m->classes);
    return integers ? TYPE_INT64 : TYPE_TEXT;
}

/* p [N, 1]: class 1 from 0.5 on, as everywhere here. */
static void write_two(struct onnx_graph *g, const struct onnx_model *m)
{
    static const float half = 0.5f, one = 1;
    static const int64_t list = -1;
    const char *p = m->link == ENSEMBLE_LOGISTIC ? "p" : "scores";
    STR_AUTO axis = STR_INIT;
    STR_AUTO type = STR_INIT;
    STR_AUTO names = STR_INIT;

    if (m->link == ENSEMBLE_LOGISTIC) onnx_op(g, "Sigmoid", "scores", "p", NULL);
    onnx_floats(g, "half", 0, 1, &half);
    onnx_floats(g, "one", 0, 1, &one);
    onnx_ints(g, "list", 1, &list);
    str_addf(&names, "one,%s", p);
    onnx_op(g, "Sub", str_c(&names), "q", NULL);
    onnx_attr_int(&axis, "axis", 1);
    str_clear(&names);
    str_addf(&names, "q,%s", p);
    onnx_op(g, "Concat", str_c(&names), "probabilities", &axis);
    str_clear(&names);
    str_addf(&names, "%s,half", p);
    onnx_op(g, "GreaterOrEqual", str_c(&names), "is_one", NULL);
    onnx_attr_int(&type, "to", TYPE_INT64);
    onnx_op(g, "Cast", "is_one", "class_column", &type);
    onnx_op(g, "Reshape", "class_column,list", "class", NULL);
}

static void write_many(struct onnx_graph *g, const struct onnx_model *m)
{
    STR_AUTO axis = STR_INIT;
    STR_AUTO best = STR_INIT;

    onnx_attr_int(&axis, "axis", 1);
    onnx_op(g, m->link == ENSEMBLE_SOFTMAX ? "Softmax" : "Identity", "scores", "probabilities",
            m->link == ENSEMBLE_SOFTMAX ? &axis : NULL);
    onnx_attr_int(&best, "axis", 1);
    onnx_attr_int(&best, "keepdims", 0);
    onnx_op(g, "ArgMax", "probabilities", "class", &best);
}

static void write_answers(struct onnx_graph *g, const struct onnx_model *m)
{
    port(g, GRAPH_INPUT, "input", TYPE_FLOAT, m->n_features);
    if (m->n_classes == 0) {
        onnx_op(g, m->link == ENSEMBLE_EXP ? "Exp" : "Identity", "scores", "variable", NULL);
        port(g, GRAPH_OUTPUT, "variable", TYPE_FLOAT, m->k);
        return;
    }
    int type = write_labels(g, m);
    if (m->k == 1) write_two(g, m);
    else write_many(g, m);
    onnx_op(g, "Gather", "labels,class", "label", NULL);
    port(g, GRAPH_OUTPUT, "label", type, 0);
    port(g, GRAPH_OUTPUT, "probabilities", TYPE_FLOAT, m->n_classes);
}

/* ---- file ---------------------------------------------------------------------------- */

static void opset(struct str *out, const char *domain, int version)
{
    STR_AUTO one = STR_INIT;

    pb_text(&one, 1, domain);
    pb_int(&one, 2, version);
    pb_message(out, 8, &one);
}

static void property(struct str *out, const char *name, const char *text)
{
    STR_AUTO one = STR_INIT;

    pb_text(&one, 1, name);
    pb_text(&one, 2, text);
    pb_message(out, 14, &one);
}

static void describe_features(const struct onnx_model *m, struct str *out)
{
    struct arena a = ARENA_INIT;
    struct val *list = val_list(&a);
    STR_AUTO text = STR_INIT;

    for (size_t i = 0; i < m->n_features; i++) {
        struct val *o = val_push_obj(list);
        val_set_str(o, "name", m->features[i].name);
        if (m->features[i].n_levels == 0) continue;
        struct val *levels = val_set_list(o, "levels");
        for (size_t l = 0; l < m->features[i].n_levels; l++)
            val_push_str(levels, m->features[i].levels[l]);
    }
    val_write_json(&text, list, 0);
    property(out, "signalbox.features", str_c(&text));
    arena_done(&a);
}

void onnx_finish(struct onnx_graph *g, const struct onnx_model *m, struct str *out)
{
    write_answers(g, m);
    pb_text(&g->body, GRAPH_NAME, "signalbox");
    pb_int(out, 1, IR_VERSION);
    opset(out, "", OPSET);
    opset(out, "ai.onnx.ml", OPSET_ML);
    pb_text(out, 2, "signalbox");
    pb_text(out, 6,
            "input: one row a case, features in the order of the property signalbox.features; a "
            "missing value is NaN, a category the place of its level in that list");
    pb_message(out, 7, &g->body);
    describe_features(m, out);
    if (m->target) property(out, "signalbox.target", m->target);
    str_done(&g->body);
}
