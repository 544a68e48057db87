/* net_back.c: see net_back.h.
 *
 *   dense  grad by weights = in^T dy          grad by input = dy W^T
 *   conv   grad by weights = windows^T dy     grad by input = windows of dy, with a border of
 *                                             zeros, times the weights turned round
 * all by the same kernel: a table of rows and two strides say what is transposed. Lines of dy
 * outside the image are not multiplied, columns are. */
#include "engine/learn/net_back.h"

#include "base/mem.h"
#include "base/rng.h"
#include "engine/learn/net_vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NORM_SHARE 0.1 /* of the newest batch in the running statistics */

static const struct net_layer *layer_of(const struct net_train *t, size_t layer)
{
    return &t->net->plan.layer[layer];
}

static size_t wide_line(const struct net_layer *l)
{
    return (l->out.w + 2 * (l->side - 1)) * l->out.stride;
}

size_t net_wide(const struct net_plan *plan)
{
    size_t most = 0;

    for (size_t i = 1; i < plan->n; i++) {
        const struct net_layer *l = &plan->layer[i];
        if (l->op == NET_CONV && l->out.h * wide_line(l) > most) most = l->out.h * wide_line(l);
    }
    return most;
}

/* ---- tables -------------------------------------------------------------------------- */

static int32_t weight_row(const struct net_layer *l, size_t i)
{
    size_t span = l->side * l->in.stride, line = (l->in.w + 2 * l->border) * l->in.stride;

    return (int32_t)(l->op == NET_DENSE ? i : i / span * line + i % span);
}

static bool make_rows(struct net_train *t, size_t k)
{
    const struct net_layer *l = layer_of(t, k);
    size_t n = l->op == NET_DENSE ? NET_BLOCK : l->in.w;

    t->grad_row[k] = mem_try(l->rows, sizeof *t->grad_row[k]);
    t->back_row[k] = mem_try(n, sizeof *t->back_row[k]);
    if (!t->grad_row[k] || !t->back_row[k]) return false;
    for (size_t i = 0; i < l->rows; i++) t->grad_row[k][i] = weight_row(l, i);
    for (size_t i = 0; i < n; i++) t->back_row[k][i] = (int32_t)((i + l->border) * l->out.stride);
    return true;
}

static bool make_norm(struct net_train *t, size_t k)
{
    size_t c = layer_of(t, k)->in.stride;
    struct net_norm *n = &t->norm[k];

    n->mean = mem_try_zero(4 * c, sizeof *n->mean);
    n->all_mean = mem_try_zero(2 * c, sizeof *n->all_mean);
    if (!n->mean || !n->all_mean) return false;
    n->inverse = n->mean + c;
    n->mean_grad = n->mean + 2 * c;
    n->dot_grad = n->mean + 3 * c;
    n->all_var = n->all_mean + c;
    for (size_t i = 0; i < c; i++) n->all_var[i] = 1;
    return true;
}

bool net_train_make(struct net_train *t)
{
    size_t n = t->net->plan.n_params;
    bool ok = true;

    t->turned = mem_try_aligned(n, sizeof *t->turned);
    if (!t->turned) return false;
    memset(t->turned, 0, n * sizeof *t->turned);
    for (size_t k = 0; ok && k < t->net->plan.n; k++) {
        enum net_op op = layer_of(t, k)->op;
        if (op == NET_DENSE || op == NET_CONV) ok = make_rows(t, k);
        else if (op == NET_NORM) ok = make_norm(t, k);
    }
    return ok;
}

void net_train_done(struct net_train *t)
{
    for (size_t i = 0; i < NET_LAYERS; i++) {
        free(t->grad_row[i]);
        free(t->back_row[i]);
        free(t->norm[i].mean);
        free(t->norm[i].all_mean);
    }
    free(t->turned);
}

static void turn_conv(const struct net_layer *l, const float *w, float *to, size_t row)
{
    size_t in = l->in.stride, out = l->out.stride, last = l->side * l->side - 1;
    size_t tap = last - row / in, channel = row % in;

    for (size_t o = 0; o < out; o++) to[(tap * out + o) * in + channel] = w[row * out + o];
}

static void turn_dense(const struct net_layer *l, const float *w, float *to, size_t row)
{
    for (size_t o = 0; o < l->out.stride; o++) to[o * l->rows + row] = w[row * l->out.stride + o];
}

void net_turn(const struct net_train *t, size_t layer, size_t from, size_t to)
{
    const struct net_layer *l = layer_of(t, layer);
    const float *w = t->net->params + l->weights;

    if (layer == 0) return; /* nothing goes back to the input */
    for (size_t row = from; row < to; row++)
        if (l->op == NET_DENSE) turn_dense(l, w, t->turned + l->weights, row);
        else turn_conv(l, w, t->turned + l->weights, row);
}

/* ---- norm ---------------------------------------------------------------------------- */

static size_t pixels(const struct net_group *g, const struct net_layer *l)
{
    return g->rows * l->in.h * l->in.w;
}

void net_norm_sums(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);
    const float *x = g->act[layer];
    size_t c = l->in.stride, n = pixels(g, l);
    double *sum = g->sum[layer], *squares = sum + c;

    memset(sum, 0, 2 * c * sizeof *sum);
    for (size_t i = 0; i < n; i++, x += c)
        for (size_t j = 0; j < c; j++) {
            double v = (double)x[j];
            sum[j] += v;
            squares[j] += v * v;
        }
}

static void norm_forward(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);
    const struct net_norm *norm = &t->norm[layer];
    const float *factor = t->net->params + l->weights, *shift = t->net->params + l->bias;
    const float *x = g->act[layer];
    float *y = g->act[layer + 1];
    size_t c = l->in.stride, n = pixels(g, l);

    for (size_t i = 0; i < n; i++, x += c, y += c)
        for (size_t j = 0; j < c; j += KERNEL_LANES) {
            v8f v, mean, inverse, f, s;
            NET_GET(v, x + j);
            NET_GET(mean, norm->mean + j);
            NET_GET(inverse, norm->inverse + j);
            NET_GET(f, factor + j);
            NET_GET(s, shift + j);
            v = (v - mean) * inverse * f + s;
            NET_PUT(y + j, v);
        }
}

/* Sums of dy and of dy times normalised x: the gradients by shift and factor, too. */
void net_norm_back_sums(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);
    const struct net_norm *norm = &t->norm[layer];
    const float *x = g->act[layer], *dy = g->delta;
    size_t c = l->in.stride, n = pixels(g, l);
    double *sum = g->sum[layer], *dot = sum + c;

    memset(sum, 0, 2 * c * sizeof *sum);
    for (size_t i = 0; i < n; i++, x += c, dy += c)
        for (size_t j = 0; j < c; j++) {
            sum[j] += (double)dy[j];
            dot[j] += (double)dy[j] * (double)((x[j] - norm->mean[j]) * norm->inverse[j]);
        }
    for (size_t j = 0; j < c; j++) {
        g->grad[l->bias + j] = (float)sum[j];
        g->grad[l->weights + j] = (float)dot[j];
    }
}

static void norm_back(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);
    const struct net_norm *norm = &t->norm[layer];
    const float *factor = t->net->params + l->weights, *x = g->act[layer];
    float *d = g->delta;
    size_t c = l->in.stride, n = pixels(g, l);

    for (size_t i = 0; i < n; i++, x += c, d += c)
        for (size_t j = 0; j < c; j += KERNEL_LANES) {
            v8f v, dy, mean, inverse, f, mean_grad, dot_grad;
            NET_GET(v, x + j);
            NET_GET(dy, d + j);
            NET_GET(mean, norm->mean + j);
            NET_GET(inverse, norm->inverse + j);
            NET_GET(f, factor + j);
            NET_GET(mean_grad, norm->mean_grad + j);
            NET_GET(dot_grad, norm->dot_grad + j);
            v = (v - mean) * inverse;
            dy = f * inverse * (dy - mean_grad - v * dot_grad);
            NET_PUT(d + j, dy);
        }
}

/* What the groups know together, summed in their order: pixels, and the two sums of a channel. */
static double total_pixels(const struct net_group *g, size_t groups, const struct net_layer *l)
{
    size_t n = 0;

    for (size_t i = 0; i < groups; i++) n += pixels(&g[i], l);
    return (double)n;
}

static void totals(const struct net_group *g, size_t groups, size_t layer, size_t at[2],
                   double ret[2])
{
    ret[0] = ret[1] = 0;
    for (size_t i = 0; i < groups; i++) {
        ret[0] += g[i].sum[layer][at[0]];
        ret[1] += g[i].sum[layer][at[1]];
    }
}

void net_norm_meet(const struct net_train *t, const struct net_group *g, size_t groups,
                   size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);
    const struct net_norm *norm = &t->norm[layer];
    double n = total_pixels(g, groups, l), sum[2];

    for (size_t c = 0; c < l->in.stride; c++) {
        totals(g, groups, layer, (size_t[2]){ c, l->in.stride + c }, sum);
        double mean = sum[0] / n, var = fmax(sum[1] / n - mean * mean, 0);
        norm->mean[c] = (float)mean;
        norm->inverse[c] = (float)(1 / sqrt(var + NET_NORM_EPSILON));
        norm->all_mean[c] += NORM_SHARE * (mean - norm->all_mean[c]);
        norm->all_var[c] += NORM_SHARE * (var * n / fmax(n - 1, 1) - norm->all_var[c]);
    }
}

void net_norm_back_meet(const struct net_train *t, const struct net_group *g, size_t groups,
                        size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);
    double n = total_pixels(g, groups, l), sum[2];

    for (size_t c = 0; c < l->in.stride; c++) {
        totals(g, groups, layer, (size_t[2]){ c, l->in.stride + c }, sum);
        t->norm[layer].mean_grad[c] = (float)(sum[0] / n);
        t->norm[layer].dot_grad[c] = (float)(sum[1] / n);
    }
}

/* ---- dropout ------------------------------------------------------------------------- */

static void dropout_forward(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);
    size_t n = g->rows * net_size(&l->in);
    const float *x = g->act[layer];
    float *y = g->act[layer + 1], grow = (float)(1 / (1 - l->rate));
    uint32_t least = (uint32_t)(l->rate * 65536);
    struct rng rng;
    uint64_t bits = 0;

    rng_stream(&rng, g->seed, layer);
    for (size_t i = 0; i < n; i++, bits >>= 16) {
        if (i % 4 == 0) bits = rng_u64(&rng);
        g->mask[layer][i] = (bits & 0xffff) >= least;
        y[i] = g->mask[layer][i] ? x[i] * grow : 0;
    }
}

static void dropout_back(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);
    size_t n = g->rows * net_size(&l->in);
    float grow = (float)(1 / (1 - l->rate));

    for (size_t i = 0; i < n; i++) g->delta[i] = g->mask[layer][i] ? g->delta[i] * grow : 0;
}

/* ---- activations and pool ------------------------------------------------------------ */

static void tanh_back(const float *y, float *d, size_t n)
{
    for (size_t i = 0; i < n; i++) d[i] *= 1 - y[i] * y[i];
}

/* Behind a RELU in place y is not the largest but 0 where that was negative; dy is 0 there. */
static void pool_back(const struct net_train *t, const struct net_layer *l, struct net_group *g,
                      size_t layer, size_t row)
{
    size_t in = net_size(&l->in), out = net_size(&l->out);
    float *dx = g->other + row * in;

    if (l->in.h % l->side || l->in.w % l->side) memset(dx, 0, in * sizeof *dx);
    t->kernels->pool_back(&(struct kernel_pool){ .oh = l->out.h,
                                                 .ow = l->out.w,
                                                 .w = l->in.w,
                                                 .stride = l->in.stride,
                                                 .side = l->side,
                                                 .x = g->act[layer] + row * in,
                                                 .y = g->act[layer + 1] + row * out,
                                                 .dy = g->delta + row * out,
                                                 .dx = dx });
}

/* ---- products ------------------------------------------------------------------------ */

static void bias_grad(const float *d, size_t n, size_t stride, float *out)
{
    for (size_t j = 0; j < stride; j += KERNEL_LANES) {
        v8f sum = { 0 }, v;
        for (size_t i = 0; i < n; i++) {
            NET_GET(v, d + i * stride + j);
            sum += v;
        }
        NET_PUT(out + j, sum);
    }
}

static void dense_grad(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);

    t->kernels->gemm(&(struct kernel_gemm){
        .m = l->rows,
        .n = l->out.stride,
        .k1 = 1,
        .k2 = g->rows,
        .a = g->act[layer],
        .row = t->grad_row[layer],
        .a2 = (ptrdiff_t)l->rows,
        .b = g->delta,
        .b2 = (ptrdiff_t)l->out.stride,
        .c = g->grad + l->weights,
        .ldc = (ptrdiff_t)l->out.stride,
    });
}

static void dense_back(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);

    for (size_t r = 0; r < g->rows; r += NET_BLOCK)
        t->kernels->gemm(&(struct kernel_gemm){
            .m = g->rows - r < NET_BLOCK ? g->rows - r : NET_BLOCK,
            .n = l->rows,
            .k1 = 1,
            .k2 = l->out.stride,
            .a = g->delta + r * l->out.stride,
            .row = t->back_row[layer],
            .a2 = 1,
            .b = t->turned + l->weights,
            .b2 = (ptrdiff_t)l->rows,
            .c = g->other + r * l->rows,
            .ldc = (ptrdiff_t)l->rows,
        });
}

static void conv_grad(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);
    const struct net_pass p = { .border = g->border };
    size_t out = l->out.stride, line = (l->in.w + 2 * l->border) * l->in.stride;
    struct kernel_gemm k = {
        .m = l->rows,
        .n = out,
        .k1 = l->out.h,
        .k2 = l->out.w,
        .row = t->grad_row[layer],
        .a1 = (ptrdiff_t)line,
        .a2 = (ptrdiff_t)l->in.stride,
        .b1 = (ptrdiff_t)(l->out.w * out),
        .b2 = (ptrdiff_t)out,
        .c = g->grad + l->weights,
        .ldc = (ptrdiff_t)out,
    };

    for (size_t r = 0; r < g->rows; r++) {
        k.a = net_with_border(&p, l, g->act[layer] + r * net_size(&l->in));
        k.b = g->delta + r * net_size(&l->out);
        k.add = r > 0;
        t->kernels->gemm(&k);
    }
}

/* The gradients of an image with zeros left and right, so that every window of them exists. */
static const float *widen(const struct net_layer *l, const float *d, float *wide)
{
    size_t line = l->out.w * l->out.stride, side = (l->side - 1) * l->out.stride;
    float *to = wide;

    for (size_t y = 0; y < l->out.h; y++, d += line, to += line + 2 * side) {
        memset(to, 0, side * sizeof *to);
        memcpy(to + side, d, line * sizeof *to);
        memset(to + side + line, 0, side * sizeof *to);
    }
    return wide;
}

/* One line y of the input at a time: only lines of the output whose windows reach it. */
static void conv_back_line(const struct net_train *t, size_t layer, size_t y, const float *wide,
                           float *dx)
{
    const struct net_layer *l = layer_of(t, layer);
    size_t at = y + l->border, line = wide_line(l), in = l->in.stride, out = l->out.stride;
    size_t first = at + 1 > l->side ? at + 1 - l->side : 0;
    size_t end = at < l->out.h ? at + 1 : l->out.h;
    size_t tap = l->side - 1 - at + first, window = l->side * out * in;

    t->kernels->gemm(&(struct kernel_gemm){
        .m = l->in.w,
        .n = in,
        .k1 = end - first,
        .k2 = l->side * out,
        .a = wide + first * line,
        .row = t->back_row[layer],
        .a1 = (ptrdiff_t)line,
        .a2 = 1,
        .b = t->turned + l->weights + tap * window,
        .b1 = (ptrdiff_t)window,
        .b2 = (ptrdiff_t)in,
        .c = dx + y * l->in.w * in,
        .ldc = (ptrdiff_t)in,
    });
}

static void conv_back(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);

    for (size_t r = 0; r < g->rows; r++) {
        const float *wide = widen(l, g->delta + r * net_size(&l->out), g->wide);
        for (size_t y = 0; y < l->in.h; y++)
            conv_back_line(t, layer, y, wide, g->other + r * net_size(&l->in));
    }
}

/* ---- layers -------------------------------------------------------------------------- */

static void block_forward(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);
    size_t in = net_size(&l->in), out = net_size(&l->out);
    struct net_pass p = { .net = t->net, .kernels = t->kernels, .border = g->border };

    for (size_t r = 0; r < g->rows; r += NET_BLOCK) {
        p.rows = g->rows - r < NET_BLOCK ? g->rows - r : NET_BLOCK;
        net_layer_forward(&p, layer, g->act[layer] + r * in, g->act[layer + 1] + r * out);
    }
}

void net_forward(const struct net_train *t, struct net_group *g, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        enum net_op op = layer_of(t, i)->op;
        if (op == NET_NORM) norm_forward(t, g, i);
        else if (op == NET_DROPOUT) dropout_forward(t, g, i);
        else block_forward(t, g, i);
    }
}

static void swap(struct net_group *g)
{
    float *d = g->delta;

    g->delta = g->other;
    g->other = d;
}

static void weighted_back(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);

    bias_grad(g->delta, g->rows * l->out.h * l->out.w, l->out.stride, g->grad + l->bias);
    if (l->op == NET_DENSE) dense_grad(t, g, layer);
    else conv_grad(t, g, layer);
    if (layer == 0) return;
    if (l->op == NET_DENSE) dense_back(t, g, layer);
    else conv_back(t, g, layer);
    swap(g);
}

void net_back(const struct net_train *t, struct net_group *g, size_t layer)
{
    const struct net_layer *l = layer_of(t, layer);
    size_t out = net_size(&l->out);

    switch (l->op) {
    case NET_DENSE:
    case NET_CONV: weighted_back(t, g, layer); break;
    case NET_RELU: t->kernels->relu_back(g->act[layer + 1], g->rows * out, g->delta); break;
    case NET_TANH: tanh_back(g->act[layer + 1], g->delta, g->rows * out); break;
    case NET_NORM: norm_back(t, g, layer); break;
    case NET_DROPOUT: dropout_back(t, g, layer); break;
    case NET_POOL:
        for (size_t r = 0; r < g->rows; r++) pool_back(t, l, g, layer, r);
        swap(g);
        break;
    }
}
