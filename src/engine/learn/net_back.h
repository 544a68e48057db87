/* net_back.h: the layers of a net in training: forwards with norm and dropout, and backwards.
 *
 * A group is a part of a batch that is always done by one task, and has its own activations
 * and gradient, so that sums do not depend on who does what. Between the halves of a norm all
 * groups of a batch meet: its statistics are those of the batch. */
#pragma once
#include "engine/learn/net.h"

struct net_group {
    size_t rows;
    float *act[NET_LAYERS + 1]; /* act[i] goes into layer i; RELU works in place */
    float *delta, *other;       /* gradient by an activation, and room for the next */
    uint8_t *mask[NET_LAYERS];  /* DROPOUT: 1 where kept */
    float *grad;                /* by the parameters: n_params */
    double *sum[NET_LAYERS];    /* NORM: two a channel, of this group */
    float *border, *wide;       /* an image with its border; gradients with one */
    double loss, weight;
    uint64_t seed; /* of this group in this step */
};

/* What a norm knows, per channel: of the present batch, and of all so far. */
struct net_norm {
    float *mean, *inverse;       /* mean, 1 / deviation */
    float *mean_grad, *dot_grad; /* means of dy, and of dy times normalised x */
    double *all_mean, *all_var;  /* running */
};
#define NET_NORM_EPSILON 1e-5 /* added to variances */

struct net_train {
    const struct net *net; /* with norm and dropout; its weights change */
    const struct kernels *kernels;
    float *turned;                 /* weights for the way back, in the places of params */
    int32_t *grad_row[NET_LAYERS]; /* rows of kernel_gemm for gradients by weights */
    int32_t *back_row[NET_LAYERS]; /* and for gradients by inputs */
    struct net_norm norm[NET_LAYERS];
};

size_t net_wide(const struct net_plan *plan); /* floats for net_group.wide */
/* Tables and norms, for a net that is set; false: no memory. */
bool net_train_make(struct net_train *t);
void net_train_done(struct net_train *t);

/* Layers [from, to) of a group. A norm is its second half; net_norm_sums, the first, comes
 * before all groups meet. */
void net_forward(const struct net_train *t, struct net_group *g, size_t from, size_t to);
void net_norm_sums(const struct net_train *t, struct net_group *g, size_t layer);
void net_norm_meet(const struct net_train *t, const struct net_group *g, size_t groups,
                   size_t layer);
/* One layer backwards: g->delta is the gradient by act[layer + 1] before and by act[layer] after
 * (nothing for layer 0). Of a norm, net_norm_back_sums comes first. */
void net_back(const struct net_train *t, struct net_group *g, size_t layer);
void net_norm_back_sums(const struct net_train *t, struct net_group *g, size_t layer);
void net_norm_back_meet(const struct net_train *t, const struct net_group *g, size_t groups,
                        size_t layer);
/* Brings rows [from, to) of a layer's weights into the turned ones: dense transposed, the windows
 * of conv turned round. */
void net_turn(const struct net_train *t, size_t layer, size_t from, size_t to);
