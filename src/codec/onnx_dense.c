/* onnx_dense.c: linear models and perceptrons as ONNX: operators that encode the features, then a
 * Gemm a layer.
 *
 *   numbers    Gather, missing ones replaced by the mean, standardised     -> [N, numbers]
 *   missing    1 where a number of `indicator` was missing                 -> [N, indicators]
 *   levels     1 for a row's level, of all categories together             -> [N, levels]
 *   others     1 for each category whose row is none of its levels         -> [N, categories]
 *
 * These blocks are put side by side and the rows of the first layer's weights brought into the
 * same order; a kind of feature that does not occur leaves no operators. */
#include "codec/onnx_graph.h"

#include "base/mem.h"

#include <stdio.h>

struct plan {
    size_t numbers, indicators, levels, cats; /* how many of each */
    int64_t *number, *indicator;              /* feature; place among the numbers */
    int64_t *level_feature;                   /* by level */
    float *mean, *scale, *code;               /* by number; by level */
    float *same;     /* levels x cats: 1 where the level is the category's */
    int64_t *source; /* by input of the graph's first layer: ours */
};

static void plan_feature(const struct dense *m, size_t i, struct plan *p)
{
    const struct ensemble_feature *f = &m->features[i];

    if (f->n_levels == 0) {
        p->number[p->numbers] = (int64_t)i;
        p->mean[p->numbers] = (float)m->scaling[i].mean;
        p->scale[p->numbers] = (float)m->scaling[i].scale;
        if (m->scaling[i].indicator) p->indicator[p->indicators++] = (int64_t)p->numbers;
        p->numbers++;
        return;
    }
    for (size_t l = 0; l < f->n_levels; l++) {
        p->level_feature[p->levels] = (int64_t)i;
        p->code[p->levels++] = (float)l;
    }
    p->cats++;
}

static size_t width(const struct dense *m, size_t i)
{
    size_t levels = m->features[i].n_levels;

    return levels ? levels + 1 : 1 + (size_t)m->scaling[i].indicator;
}

/* In the graph all numbers come first, then indicators, levels, others. */
static void order(const struct dense *m, struct plan *p)
{
    size_t number = 0, indicator = p->numbers, level = indicator + p->indicators;
    size_t other = level + p->levels, ours = 0;

    for (size_t i = 0; i < m->n_features; ours += width(m, i++)) {
        size_t n = m->features[i].n_levels;
        if (n == 0) {
            p->source[number++] = (int64_t)ours;
            if (m->scaling[i].indicator) p->source[indicator++] = (int64_t)ours + 1;
            continue;
        }
        for (size_t l = 0; l < n; l++) p->source[level++] = (int64_t)(ours + l);
        p->source[other++] = (int64_t)(ours + n);
    }
}

static void make_plan(const struct dense *m, struct arena *a, struct plan *p)
{
    size_t inputs = m->layers[0].in, n = m->n_features, cat = 0;

    *p = (struct plan){ .number = arena_array(a, n, int64_t),
                        .indicator = arena_array(a, n, int64_t),
                        .level_feature = arena_array(a, inputs, int64_t),
                        .mean = arena_array(a, n, float),
                        .scale = arena_array(a, n, float),
                        .code = arena_array(a, inputs, float),
                        .source = arena_array(a, inputs, int64_t) };
    for (size_t i = 0; i < n; i++) plan_feature(m, i, p);
    p->same = arena_array(a, p->levels * p->cats + 1, float);
    for (size_t l = 0; l < p->levels; l++) {
        if (l > 0 && p->level_feature[l] != p->level_feature[l - 1]) cat++;
        p->same[l * p->cats + cat] = 1;
    }
    order(m, p);
}

static void gather(struct onnx_graph *g, const char *from, const char *which, const char *output)
{
    STR_AUTO axis = STR_INIT;
    STR_AUTO names = STR_INIT;

    onnx_attr_int(&axis, "axis", 1);
    str_addf(&names, "%s,%s", from, which);
    onnx_op(g, "Gather", str_c(&names), output, &axis);
}

static void as_float(struct onnx_graph *g, const char *from, const char *output)
{
    STR_AUTO to = STR_INIT;

    onnx_attr_int(&to, "to", 1);
    onnx_op(g, "Cast", from, output, &to);
}

static void write_numbers(struct onnx_graph *g, const struct plan *p)
{
    onnx_ints(g, "number_columns", p->numbers, p->number);
    onnx_floats(g, "mean", 0, p->numbers, p->mean);
    onnx_floats(g, "scale", 0, p->numbers, p->scale);
    gather(g, "input", "number_columns", "given");
    onnx_op(g, "IsNaN", "given", "is_nan", NULL);
    onnx_op(g, "IsInf", "given", "is_inf", NULL);
    onnx_op(g, "Or", "is_nan,is_inf", "is_missing", NULL);
    onnx_op(g, "Where", "is_missing,mean,given", "filled", NULL);
    onnx_op(g, "Sub", "filled,mean", "centred", NULL);
    onnx_op(g, "Div", "centred,scale", "numbers", NULL);
    if (p->indicators == 0) return;
    onnx_ints(g, "indicator_columns", p->indicators, p->indicator);
    gather(g, "is_missing", "indicator_columns", "is_missing_there");
    as_float(g, "is_missing_there", "missing");
}

static void write_categories(struct onnx_graph *g, const struct plan *p)
{
    static const float one = 1;

    onnx_ints(g, "level_columns", p->levels, p->level_feature);
    onnx_floats(g, "codes", 0, p->levels, p->code);
    onnx_floats(g, "of_category", p->levels, p->cats, p->same);
    onnx_floats(g, "whole", 0, 1, &one);
    gather(g, "input", "level_columns", "given_code");
    onnx_op(g, "Equal", "given_code,codes", "is_level", NULL);
    as_float(g, "is_level", "levels");
    onnx_op(g, "MatMul", "levels,of_category", "known", NULL);
    onnx_op(g, "Sub", "whole,known", "others", NULL);
}

static void write_encoding(struct onnx_graph *g, const struct plan *p)
{
    STR_AUTO names = STR_INIT;
    STR_AUTO axis = STR_INIT;

    if (p->numbers) write_numbers(g, p);
    if (p->cats) write_categories(g, p);
    if (p->numbers) str_add(&names, "numbers");
    if (p->indicators) str_add(&names, ",missing");
    if (p->cats) str_add(&names, p->numbers ? ",levels,others" : "levels,others");
    onnx_attr_int(&axis, "axis", 1);
    onnx_op(g, "Concat", str_c(&names), "layer0", &axis);
}

/* source NULL: inputs as they are. */
static void write_layer(struct onnx_graph *g, const struct dense *m, size_t at,
                        const int64_t *source)
{
    static const char *const acts[] = { NULL, "Relu", "Tanh", "Sigmoid" };
    const struct dense_layer *l = &m->layers[at];
    const char *act = acts[l->act];
    bool last = at + 1 == m->n_layers;
    MEM_AUTO float *w = mem_alloc((l->in * l->out + 1) * sizeof *w);
    MEM_AUTO float *b = mem_alloc((l->out + 1) * sizeof *b);
    char names[100], sum[40], out[40];

    for (size_t i = 0; i < l->in; i++)
        for (size_t o = 0; o < l->out; o++)
            w[i * l->out + o] = (float)l->w[(source ? (size_t)source[i] : i) * l->out + o];
    for (size_t o = 0; o < l->out; o++) b[o] = (float)l->b[o];
    snprintf(names, sizeof names, "weights%zu", at + 1);
    onnx_floats(g, names, l->in, l->out, w);
    snprintf(names, sizeof names, "intercept%zu", at + 1);
    onnx_floats(g, names, 0, l->out, b);
    if (last) snprintf(out, sizeof out, "scores");
    else snprintf(out, sizeof out, "layer%zu", at + 1);
    snprintf(sum, sizeof sum, "sum%zu", at + 1);
    snprintf(names, sizeof names, "layer%zu,weights%zu,intercept%zu", at, at + 1, at + 1);
    onnx_op(g, "Gemm", names, act ? sum : out, NULL);
    if (act) onnx_op(g, act, sum, out, NULL);
}

void onnx_write_dense(const struct dense *m, struct str *out)
{
    struct onnx_graph g = ONNX_GRAPH_INIT;
    const struct onnx_model about = { m->link,      m->n_features,
                                      m->n_classes, m->layers[m->n_layers - 1].out,
                                      m->features,  m->target,
                                      m->classes };
    struct arena a = ARENA_INIT;
    struct plan p;

    make_plan(m, &a, &p);
    write_encoding(&g, &p);
    for (size_t i = 0; i < m->n_layers; i++) write_layer(&g, m, i, i == 0 ? p.source : NULL);
    onnx_finish(&g, &about, out);
    arena_done(&a);
}
