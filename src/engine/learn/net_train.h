/* net_train.h: fitting a net: Adam over shuffled batches, in parallel and reproducible. */
#pragma once
#include "engine/learn/net.h"

struct net_recipe {
    size_t epochs, batch;
    double rate; /* of Adam; with `cosine` it falls to 0 along a half cosine */
    bool cosine;
    double decay;    /* of weights, a step: rate * decay */
    size_t patience; /* epochs without a better validation loss; 0: all epochs, last weights */
    size_t shift;    /* images are moved by up to so many pixels each way */
};

/* Parameters that mlp and cnn share, and how they are read. */
#define NET_PARAMS                                                                                 \
    { "activation", PARAM_ENUM, 0, "relu", 0, 0, "relu|tanh", "of the hidden layers" },            \
        { "epochs", PARAM_INT, 0, "10", 1, 100000, NULL, "passes over the rows" },                 \
        { "batch_size", PARAM_INT, 0, "64", 1, 65536, NULL, "rows of a step" },                    \
        { "learning_rate", PARAM_REAL, 0, "0.002", 1e-9, 10, NULL, "step size of Adam" },          \
        { "schedule",                                                                              \
          PARAM_ENUM,                                                                              \
          0,                                                                                       \
          "cosine",                                                                                \
          0,                                                                                       \
          0,                                                                                       \
          "cosine|constant",                                                                       \
          "learning rate over the epochs: falling to 0, or staying" },                             \
        { "weight_decay",                                                                          \
          PARAM_REAL,                                                                              \
          0,                                                                                       \
          "0.0001",                                                                                \
          0,                                                                                       \
          1,                                                                                       \
          NULL,                                                                                    \
          "share of the learning rate by which weights shrink a step" },                           \
    {                                                                                              \
        "early_stopping_rounds", PARAM_INT, 0, "0", 0, 100000, NULL,                               \
            "stop when the validation loss has not improved for so many epochs and keep the "      \
            "best; 0: "                                                                            \
            "never"                                                                                \
    }

/* What they have in common besides: the model. */
#define NET_MODEL                                                                                  \
    .single = true, .work = net_predict_work, .predict_in = net_predict, .quantise = net_quantise, \
    .save = net_save, .load = net_load, .free = net_free

void net_recipe_read(const struct val *params, struct net_recipe *ret);
enum net_op net_activation(const struct val *params);

/* plan: everything but the last dense layer, which the task decides. in->train_f and valid_f
 * have the rows. ERR_NOMEM, ERR_CANCELLED, ERR_INVALID for a plan that does not end. */
int net_fit(const struct engine *en, const struct fit_input *in, const struct net_plan *plan,
            const struct net_recipe *recipe, void **ret, struct err *e);
