/* net_layer.c: the layers forwards, over a block of rows. Any thread with its own memory. */
#include "engine/learn/net.h"

#include <assert.h>
#include <math.h>
#include <string.h>

size_t net_border(const struct net_plan *plan)
{
    size_t most = 0;

    for (size_t i = 0; i < plan->n; i++) {
        const struct net_layer *l = &plan->layer[i];
        size_t b = 2 * l->border, n = (l->in.h + b) * (l->in.w + b) * l->in.stride;
        if (l->op == NET_CONV && b && n > most) most = n;
    }
    return most;
}

const float *net_with_border(const struct net_pass *p, const struct net_layer *l, const float *in)
{
    size_t line = l->in.w * l->in.stride, side = l->border * l->in.stride;
    size_t wide = line + 2 * side;
    float *to = p->border;

    if (!l->border) return in;
    memset(to, 0, wide * l->border * sizeof *to);
    to += wide * l->border;
    for (size_t y = 0; y < l->in.h; y++, to += wide, in += line) {
        memset(to, 0, side * sizeof *to);
        memcpy(to + side, in, line * sizeof *to);
        memset(to + side + line, 0, side * sizeof *to);
    }
    memset(to, 0, wide * l->border * sizeof *to);
    return p->border;
}

static void conv(const struct net_pass *p, size_t layer, const float *in, float *out)
{
    const struct net_layer *l = &p->net->plan.layer[layer];
    size_t line = (l->in.w + 2 * l->border) * l->in.stride, n = l->out.stride;
    struct kernel_gemm g = {
        .m = l->out.h * l->out.w,
        .n = n,
        .k1 = l->side,
        .k2 = l->side * l->in.stride,
        .row = p->net->row[layer],
        .a1 = (ptrdiff_t)line,
        .a2 = 1,
        .b = p->net->params + l->weights,
        .b1 = (ptrdiff_t)(l->side * l->in.stride * n),
        .b2 = (ptrdiff_t)n,
        .ldc = (ptrdiff_t)n,
        .bias = p->net->params + l->bias,
    };

    for (size_t r = 0; r < p->rows; r++) {
        g.a = net_with_border(p, l, in + r * net_size(&l->in));
        g.c = out + r * net_size(&l->out);
        p->kernels->gemm(&g);
    }
}

static void dense(const struct net_pass *p, size_t layer, const float *in, float *out)
{
    const struct net_layer *l = &p->net->plan.layer[layer];

    p->kernels->gemm(&(struct kernel_gemm){
        .m = p->rows,
        .n = l->out.stride,
        .k1 = 1,
        .k2 = l->rows,
        .a = in,
        .row = p->net->row[layer],
        .a2 = 1,
        .b = p->net->params + l->weights,
        .b2 = (ptrdiff_t)l->out.stride,
        .c = out,
        .ldc = (ptrdiff_t)l->out.stride,
        .bias = p->net->params + l->bias,
    });
}

static void pool(const struct net_pass *p, const struct net_layer *l, const float *in, float *out)
{
    p->kernels->pool(&(struct kernel_pool){ .oh = l->out.h,
                                            .ow = l->out.w,
                                            .w = l->in.w,
                                            .stride = l->in.stride,
                                            .side = l->side,
                                            .x = in,
                                            .y = out });
}

void net_layer_forward(const struct net_pass *p, size_t layer, const float *in, float *out)
{
    const struct net_layer *l = &p->net->plan.layer[layer];
    size_t n = p->rows * net_size(&l->out);

    switch (l->op) {
    case NET_DENSE: dense(p, layer, in, out); break;
    case NET_CONV: conv(p, layer, in, out); break;
    case NET_RELU: p->kernels->relu(in, n, out); break;
    case NET_TANH:
        for (size_t i = 0; i < n; i++) out[i] = tanhf(in[i]);
        break;
    case NET_POOL:
        for (size_t r = 0; r < p->rows; r++)
            pool(p, l, in + r * net_size(&l->in), out + r * net_size(&l->out));
        break;
    case NET_NORM:
    case NET_DROPOUT: assert(false); break; /* layers of training, folded away since */
    }
}
