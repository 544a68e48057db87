/* net.c: a trained net: memory, prediction, file form.
 *
 * The file form has the layers as numbers and then the weights in float32, without those that
 * only fill up vectors. The layers go through net_plan_add like those of a user, so a file cannot
 * ask for shapes a user could not; every weight must be finite. */
#include "engine/learn/net.h"

#include "base/mem.h"
#include "engine/learn/net_int8.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FORM       1
#define CACHE_LINE 16 /* floats */

/* ---- memory -------------------------------------------------------------------------- */

static bool is_weighted(const struct net_layer *l)
{
    return l->op == NET_DENSE || l->op == NET_CONV;
}

/* Where the rows of a product start: at the rows of a block, or at the windows of an image. */
static int32_t *row_table(const struct net_layer *l)
{
    size_t n = l->op == NET_DENSE ? NET_BLOCK : l->out.h * l->out.w;
    size_t line = (l->in.w + 2 * l->border) * l->in.stride;
    int32_t *row = mem_try(n, sizeof *row);

    for (size_t i = 0; row && i < n; i++)
        row[i] = (int32_t)(l->op == NET_DENSE ? i * l->rows
                                              : i / l->out.w * line + i % l->out.w * l->in.stride);
    return row;
}

struct net *net_new(const struct net_plan *plan, enum task task, size_t outputs)
{
    struct net *net = mem_zalloc(1, sizeof *net);
    bool ok;

    net->plan = *plan;
    net->task = task;
    net->outputs = outputs;
    net->scale = 1;
    net->params = mem_try_aligned(plan->n_params + CACHE_LINE, sizeof *net->params);
    ok = net->params != NULL;
    if (ok) memset(net->params, 0, plan->n_params * sizeof *net->params);
    for (size_t i = 0; ok && i < plan->n; i++)
        if (is_weighted(&plan->layer[i])) ok = (net->row[i] = row_table(&plan->layer[i])) != NULL;
    if (ok) return net;
    net_free(net);
    return NULL;
}

void net_free(void *state)
{
    struct net *net = state;

    if (!net) return;
    for (size_t i = 0; i < NET_LAYERS; i++) free(net->row[i]);
    net8_free(net->int8);
    free(net->params);
    free(net);
}

/* ---- prediction ---------------------------------------------------------------------- */

static size_t widest(const struct net_plan *plan)
{
    size_t most = 0;

    for (size_t i = 0; i < plan->n; i++) {
        size_t n = net_size(&plan->layer[i].out);
        if (n > most) most = n;
    }
    return most;
}

/* Two activations in turn, and a border. */
size_t net_work(const struct net_plan *plan, size_t rows)
{
    return 2 * rows * widest(plan) + net_border(plan);
}

const float *net_run(struct net_pass *p, const float *x, float *work)
{
    const struct net_plan *plan = &p->net->plan;
    size_t size = p->rows * widest(plan), next = 0;

    p->border = work + 2 * size;
    for (size_t i = 0; i < plan->n; i++) {
        float *to = work + next * size;
        net_layer_forward(p, i, x, to);
        x = to;
        next = !next;
    }
    return x;
}

static void softmax(const float *scores, size_t k, double *out)
{
    double sum = 0;
    float top = scores[0];

    for (size_t c = 1; c < k; c++)
        if (scores[c] > top) top = scores[c];
    for (size_t c = 0; c < k; c++) sum += out[c] = exp((double)(scores[c] - top));
    for (size_t c = 0; c < k; c++) out[c] /= sum;
}

void net_answer(const struct net *net, const float *scores, double *out)
{
    if (net->task == TASK_REGRESSION) *out = net->mean + net->scale * (double)scores[0];
    else if (net->task == TASK_BINARY) *out = 1 / (1 + exp(-(double)scores[0]));
    else softmax(scores, net->outputs, out);
}

static size_t block_of(size_t rows)
{
    return rows < NET_BLOCK ? rows : NET_BLOCK;
}

size_t net_predict_work(const void *state, size_t rows)
{
    const struct net *net = state;
    size_t block = block_of(rows),
           floats = block * net_size(&net->plan.input) +
                    (net->int8 ? net8_work(net, block) : net_work(&net->plan, block));

    return (floats + CACHE_LINE) / 2 + 1;
}

void net_predict(const void *state, const struct matrix *m, size_t from, size_t to, double *work,
                 double *out)
{
    const struct net *net = state;
    struct net_pass p = { .net = net, .kernels = kernels_best() };
    size_t stride = net->plan.layer[net->plan.n - 1].out.stride;
    float *x = (float *)(void *)work, *rest = x + block_of(to - from) * m->d;

    for (; from < to; from += p.rows) {
        const double *in = m->x + from * m->d;
        const float *scores;
        p.rows = block_of(to - from);
        for (size_t i = 0; i < p.rows * m->d; i++) x[i] = (float)in[i];
        scores = net->int8 ? net8_run(&p, x, rest) : net_run(&p, x, rest);
        for (size_t r = 0; r < p.rows; r++, out += net->outputs)
            net_answer(net, scores + r * stride, out);
    }
}

int net_quantise(void *state, const struct matrix *m, struct err *e)
{
    return net8_make(state, m, e);
}

/* ---- bytes --------------------------------------------------------------------------- */

static void save_float(struct buf *out, float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof bits);
    buf_u32(out, bits);
}

static void save_layer(const struct net_layer *l, struct buf *out)
{
    buf_u8(out, (uint8_t)l->op);
    buf_u32(out, is_weighted(l) ? (uint32_t)l->out.c : 0);
    buf_u32(out, (uint32_t)l->side);
    buf_u32(out, (uint32_t)l->border);
}

static void save_weights(const struct net *net, const struct net_layer *l, struct buf *out)
{
    const float *w = net->params + l->weights;

    for (size_t i = 0; i < l->rows; i++, w += l->out.stride)
        for (size_t c = 0; i % l->in.stride < l->in.c && c < l->out.c; c++) save_float(out, w[c]);
    for (size_t c = 0; c < l->out.c; c++) save_float(out, net->params[l->bias + c]);
}

int net_save(const void *state, struct buf *out, struct err *e)
{
    const struct net *net = state;
    const struct net_plan *p = &net->plan;

    (void)e;
    buf_u8(out, FORM);
    buf_u32(out, (uint32_t)p->input.h);
    buf_u32(out, (uint32_t)p->input.w);
    buf_u32(out, (uint32_t)p->input.c);
    buf_f64(out, net->mean);
    buf_f64(out, net->scale);
    buf_u8(out, (uint8_t)p->n);
    for (size_t i = 0; i < p->n; i++) save_layer(&p->layer[i], out);
    buf_u8(out, net->int8 != NULL);
    if (net->int8) net8_save(net, out);
    else
        for (size_t i = 0; i < p->n; i++)
            if (is_weighted(&p->layer[i])) save_weights(net, &p->layer[i], out);
    return 0;
}

static const char *load_layer(struct cursor *in, struct net_plan *p)
{
    struct net_layer l = { .op = (enum net_op)cur_u8(in) };
    uint32_t units = cur_u32(in);

    l.side = cur_u32(in);
    l.border = cur_u32(in);
    if (in->bad) return "it ends early";
    if (l.op > NET_TANH) return "a layer is of an unknown kind";
    return net_plan_add(p, &l, units);
}

static const char *load_plan(struct cursor *in, size_t d, size_t outputs, struct net_plan *p)
{
    size_t h = cur_u32(in), w = cur_u32(in), c = cur_u32(in);

    if (in->bad || h < 1 || w < 1 || c < 1 || h > d || w > d / h || c != d / h / w ||
        h * w * c != d || d > NET_MAX_SIZE)
        return "its input has another size than the columns";
    net_plan_init(p, h, w, c);
    return outputs ? NULL : "it has no outputs";
}

static const char *load_layers(struct cursor *in, size_t outputs, struct net_plan *p)
{
    const struct net_shape *last;
    size_t n = cur_u8(in);
    const char *why;

    for (size_t i = 0; i < n; i++)
        if ((why = load_layer(in, p))) return why;
    if (in->bad || n == 0) return "it has no layers";
    last = net_plan_shape(p);
    if (p->layer[n - 1].op != NET_DENSE || last->c != outputs) return "its outputs do not fit";
    return NULL;
}

static float load_float(struct cursor *in)
{
    uint32_t bits = cur_u32(in);
    float v;

    memcpy(&v, &bits, sizeof v);
    if (!isfinite(v)) in->bad = true;
    return v;
}

static void load_weights(struct cursor *in, struct net *net, const struct net_layer *l)
{
    float *w = net->params + l->weights;

    for (size_t i = 0; i < l->rows && !in->bad; i++, w += l->out.stride)
        for (size_t c = 0; i % l->in.stride < l->in.c && c < l->out.c; c++) w[c] = load_float(in);
    for (size_t c = 0; c < l->out.c && !in->bad; c++) net->params[l->bias + c] = load_float(in);
}

/* Real weights of a plan, in number. */
static size_t count_weights(const struct net_plan *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n; i++) {
        const struct net_layer *l = &p->layer[i];
        if (is_weighted(l)) n += (l->rows / l->in.stride * l->in.c + 1) * l->out.c;
    }
    return n;
}

static const char *load_params(struct cursor *in, struct net *net)
{
    bool is_int8 = cur_u8(in) == 1;

    if (is_int8) return net8_load(in, net);
    if (in->bad || in->left != count_weights(&net->plan) * sizeof(float))
        return "it has another number of weights than its layers";
    for (size_t i = 0; i < net->plan.n; i++)
        if (is_weighted(&net->plan.layer[i])) load_weights(in, net, &net->plan.layer[i]);
    return in->bad ? "a weight is no number" : NULL;
}

int net_load(struct cursor *in, enum task task, int n_classes, size_t d, void **ret, struct err *e)
{
    size_t outputs = task == TASK_MULTICLASS ? (size_t)n_classes : 1;
    uint8_t form = cur_u8(in);
    struct net *net = NULL;
    struct net_plan plan;
    double mean = 0, scale = 1;
    const char *why = form == FORM ? load_plan(in, d, outputs, &plan) : "its form is unknown";

    if (!why) {
        mean = cur_f64(in);
        scale = cur_f64(in);
        if (!isfinite(mean) || !(scale > 0 && isfinite(scale))) why = "its scale makes no sense";
    }
    if (!why) why = load_layers(in, outputs, &plan);
    if (!why && plan.n_params / 64 > in->left) why = "it ends early";
    if (!why && !(net = net_new(&plan, task, outputs)))
        return err_set(e, ERR_NOMEM, "no memory for a net of %zu weights", plan.n_params);
    if (!why) {
        net->mean = mean;
        net->scale = scale;
        why = load_params(in, net);
    }
    if (why) {
        net_free(net);
        return err_set(e, ERR_CORRUPT, "net: %s", why);
    }
    *ret = net;
    return 0;
}
