/* onnx_graph.h: what the writers of ONNX files share: operators, constants, attributes, and the
 * way from scores to answers. Nothing outside codec/onnx_*.c includes it.
 *
 * A graph is appended to in the order of computation; values are known by names, which callers
 * choose. "a,b" names two inputs. */
#pragma once
#include "codec/onnx.h"

struct onnx_graph {
    struct str body; /* fields of GraphProto */
};
#define ONNX_GRAPH_INIT                                                                            \
    {                                                                                              \
        STR_INIT                                                                                   \
    }

/* op may have its domain before it: "ai.onnx.ml:TreeEnsembleRegressor". attributes may be NULL. */
void onnx_op(struct onnx_graph *g, const char *op, const char *inputs, const char *output,
             const struct str *attributes);

void onnx_attr_int(struct str *a, const char *name, int64_t v);
void onnx_attr_ints(struct str *a, const char *name, const int64_t *v, size_t n);
void onnx_attr_floats(struct str *a, const char *name, const float *v, size_t n);
void onnx_attr_text(struct str *a, const char *name, const char *v);
/* n texts, each one of names, by number */
void onnx_attr_texts(struct str *a, const char *name, const char *const *names, const uint8_t *v,
                     size_t n);

/* Constants. rows 0: a list of cols. */
void onnx_floats(struct onnx_graph *g, const char *name, size_t rows, size_t cols, const float *v);
void onnx_ints(struct onnx_graph *g, const char *name, size_t n, const int64_t *v);
void onnx_texts(struct onnx_graph *g, const char *name, size_t n, const char *const *v);

struct onnx_model { /* what a file says beside its graph */
    enum ensemble_link link;
    size_t n_features, n_classes, k;
    const struct ensemble_feature *features;
    const char *target, *const *classes;
};
/* Turns the value "scores" [N, k] into outputs, and everything into a file. */
void onnx_finish(struct onnx_graph *g, const struct onnx_model *m, struct str *out);
