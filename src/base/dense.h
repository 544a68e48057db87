/* dense.h: a feed-forward net as plain data: what linear models and perceptrons of ours are.
 * learner.h's to_dense makes one, codecs write it; neither knows the other.
 *
 * Inputs are features, encoded as engine/model/encoder.h says of ENC_DENSE: a number becomes
 * (x - mean) / scale, 0 where missing, and with `indicator` a second input that is 1 there; a
 * category one input a level and one for everything else. Each layer is act(w' x + b); link turns
 * the last one's k outputs into answers. Everything lives in the arena. */
#pragma once
#include "base/ensemble.h"

enum dense_act { DENSE_LINEAR, DENSE_RELU, DENSE_TANH, DENSE_SIGMOID };

struct dense_scaling { /* of a number */
    double mean, scale;
    bool indicator;
};

struct dense_layer {
    size_t in, out;
    const double *w; /* in * out: from input i to output o is w[i * out + o] */
    const double *b; /* out */
    enum dense_act act;
};

struct dense {
    struct arena *arena;
    enum ensemble_link link;
    size_t n_features;
    const struct ensemble_feature *features;
    const struct dense_scaling *scaling;
    size_t n_layers;
    struct dense_layer *layers;
    const char *target;
    const char *const *classes; /* labels in class order */
    size_t n_classes;           /* 0: regression */
};
