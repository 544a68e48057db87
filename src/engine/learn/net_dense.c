/* net_dense.c: a net of dense layers as base/dense.h has it. What fills vectors up to whole
 * lanes is left out, and the scale of a regression's target goes into the last layer. */
#include "base/dense.h"
#include "engine/learn/net.h"

/* Weights and intercepts of one layer, times scale, plus shift. */
static void give_layer(const struct net *net, const struct net_layer *l, struct dense *ret)
{
    bool last = l->out.c == net->outputs && l == &net->plan.layer[net->plan.n - 1];
    bool scaled = last && net->task == TASK_REGRESSION;
    double scale = scaled ? net->scale : 1, shift = scaled ? net->mean : 0;
    size_t in = l->in.c, out = l->out.c;
    double *w = arena_array(ret->arena, in * out, double);
    double *b = arena_array(ret->arena, out, double);

    for (size_t i = 0; i < in; i++)
        for (size_t o = 0; o < out; o++)
            w[i * out + o] = (double)net->params[l->weights + i * l->out.stride + o] * scale;
    for (size_t o = 0; o < out; o++) b[o] = (double)net->params[l->bias + o] * scale + shift;
    ret->layers[ret->n_layers++] = (struct dense_layer){ .in = in, .out = out, .w = w, .b = b };
}

void net_to_dense(const void *state, struct dense *ret)
{
    const struct net *net = state;

    ret->layers = arena_array(ret->arena, net->plan.n, struct dense_layer);
    for (size_t i = 0; i < net->plan.n; i++) {
        const struct net_layer *l = &net->plan.layer[i];
        if (l->op == NET_DENSE) give_layer(net, l, ret);
        else ret->layers[ret->n_layers - 1].act = l->op == NET_TANH ? DENSE_TANH : DENSE_RELU;
    }
}
