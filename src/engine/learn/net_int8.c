/* net_int8.c: see net_int8.h.
 *
 *   float input -> bytes q = x / step + zero -> sums of q * w in int32 -> float
 *   output = (sum - zero * sum of w) * step * weight scale + bias
 *
 * 0 is always exactly representable, so a border of zeros is one. A line of a window is filled
 * up to a multiple of four bytes with weights of 0, which multiply whatever lies there; the
 * buffer of bytes is longer than its contents for their sake. */
#include "engine/learn/net_int8.h"

#include "base/mem.h"
#include "engine/learn/net_vec.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TOP      127               /* of a byte in use */
#define MAX_ROWS ((size_t)1 << 17) /* products of a sum that cannot overflow */
#define SLACK    64

typedef uint8_t v8b __attribute__((vector_size(8)));

struct part {
    float step;
    int32_t zero;
    float *scale, *bias; /* per output: of the weights; of the result */
    int32_t *shift;      /* zero * sum of weights */
    int8_t *w;           /* packed for kernel_gemm8 */
};

struct net8 {
    struct part part[NET_LAYERS];
};

void net8_free(struct net8 *q)
{
    if (!q) return;
    for (size_t i = 0; i < NET_LAYERS; i++) {
        free(q->part[i].scale);
        free(q->part[i].bias);
        free(q->part[i].shift);
        free(q->part[i].w);
    }
    free(q);
}

static bool is_weighted(const struct net_layer *l)
{
    return l->op == NET_DENSE || l->op == NET_CONV;
}

/* ---- layout -------------------------------------------------------------------------- */

static size_t lines(const struct net_layer *l)
{
    return l->op == NET_CONV ? l->side : 1;
}

static size_t span(const struct net_layer *l)
{
    return l->rows / lines(l);
}

static size_t packed_span(const struct net_layer *l)
{
    return (span(l) + 3) / 4 * 4;
}

/* Place of weight (row, output) among the packed ones. */
static size_t packed(const struct net_layer *l, size_t row, size_t c)
{
    size_t k = row / span(l) * packed_span(l) + row % span(l);

    return (k / 4 * l->out.stride + c) * 4 + k % 4;
}

static bool is_real(const struct net_layer *l, size_t row)
{
    return row % l->in.stride < l->in.c;
}

static bool make_part(const struct net_layer *l, struct part *p)
{
    size_t n = l->out.stride;

    p->scale = mem_try_zero(n, sizeof *p->scale);
    p->bias = mem_try_zero(n, sizeof *p->bias);
    p->shift = mem_try_zero(n, sizeof *p->shift);
    p->w = mem_try_zero(lines(l) * packed_span(l), n);
    return p->scale && p->bias && p->shift && p->w;
}

static void sum_weights(const struct net_layer *l, struct part *p)
{
    for (size_t c = 0; c < l->out.stride; c++) {
        int32_t sum = 0;
        for (size_t row = 0; row < l->rows; row++) sum += p->w[packed(l, row, c)];
        p->shift[c] = p->zero * sum;
    }
}

/* ---- quantising ---------------------------------------------------------------------- */

struct range {
    float least, most;
};

static void widen(struct range *r, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (x[i] < r->least) r->least = x[i];
        if (x[i] > r->most) r->most = x[i];
    }
}

/* What goes into each layer, over the rows given; 0 belongs to every range. */
static void find_ranges(const struct net *net, const struct matrix *m, float *work,
                        struct range ranges[NET_LAYERS])
{
    const struct net_plan *plan = &net->plan;
    struct net_pass p = { .net = net, .kernels = kernels_best(), .rows = 1 };
    size_t d = net_size(&plan->input), half = 0;

    for (size_t i = 0; i < plan->n; i++)
        if (net_size(&plan->layer[i].out) > half) half = net_size(&plan->layer[i].out);
    p.border = work + d + 2 * half;
    for (size_t r = 0; r < m->n; r++) {
        const float *x = work;
        for (size_t i = 0; i < d; i++) work[i] = (float)m->x[r * d + i];
        for (size_t i = 0; i < plan->n; i++) {
            float *to = work + d + i % 2 * half;
            if (is_weighted(&plan->layer[i])) widen(&ranges[i], x, net_size(&plan->layer[i].in));
            net_layer_forward(&p, i, x, to);
            x = to;
        }
    }
}

static void quantise_part(const struct net *net, const struct net_layer *l, struct range r,
                          struct part *p)
{
    const float *w = net->params + l->weights, *bias = net->params + l->bias;
    size_t n = l->out.stride;

    p->step = (r.most - r.least) / TOP;
    if (!(p->step > 0)) p->step = 1;
    p->zero = (int32_t)lroundf(-r.least / p->step);
    for (size_t c = 0; c < l->out.c; c++) {
        float top = 0;
        for (size_t row = 0; row < l->rows; row++) top = fmaxf(top, fabsf(w[row * n + c]));
        p->scale[c] = top > 0 ? top / TOP : 1;
        p->bias[c] = bias[c];
        for (size_t row = 0; row < l->rows; row++)
            p->w[packed(l, row, c)] = (int8_t)lroundf(w[row * n + c] / p->scale[c]);
    }
    sum_weights(l, p);
}

static int too_long(struct err *e)
{
    return err_set(e, ERR_INVALID, "a layer adds more than %zu products: too many for 32 bits",
                   MAX_ROWS);
}

int net8_make(struct net *net, const struct matrix *x, struct err *e)
{
    const struct net_plan *plan = &net->plan;
    struct range ranges[NET_LAYERS] = { 0 };
    size_t room = net_size(&plan->input) + net_work(plan, 1);
    MEM_AUTO float *work = mem_try(room, sizeof *work);
    struct net8 *q;
    bool ok = work != NULL;

    if (net->int8) return err_set(e, ERR_INVALID, "the net is in int8 already");
    for (size_t i = 0; i < plan->n; i++)
        if (is_weighted(&plan->layer[i]) && plan->layer[i].rows > MAX_ROWS) return too_long(e);
    q = mem_zalloc(1, sizeof *q);
    for (size_t i = 0; ok && i < plan->n; i++)
        if (is_weighted(&plan->layer[i])) ok = make_part(&plan->layer[i], &q->part[i]);
    if (!ok) {
        net8_free(q);
        return err_set(e, ERR_NOMEM, "no memory for a net in int8");
    }
    find_ranges(net, x, work, ranges);
    for (size_t i = 0; i < plan->n; i++)
        if (is_weighted(&plan->layer[i]))
            quantise_part(net, &plan->layer[i], ranges[i], &q->part[i]);
    net->int8 = q;
    free(net->params);
    net->params = NULL;
    return 0;
}

/* ---- prediction ---------------------------------------------------------------------- */

static size_t bordered(const struct net_layer *l)
{
    return (l->in.h + 2 * l->border) * (l->in.w + 2 * l->border) * l->in.stride;
}

size_t net8_work(const struct net *net, size_t rows)
{
    size_t most = 0;

    for (size_t i = 0; i < net->plan.n; i++)
        if (bordered(&net->plan.layer[i]) > most) most = bordered(&net->plan.layer[i]);
    return net_work(&net->plan, rows) + (rows * most + SLACK) / sizeof(float) + 1;
}

static inline uint8_t to_byte(const struct part *p, float inverse, float x)
{
    float v = x * inverse + ((float)p->zero + 0.5f);

    return v > 0 ? v < TOP ? (uint8_t)v : TOP : 0;
}

static void to_bytes(const struct part *p, const float *x, size_t n, uint8_t *out)
{
    const float inverse = 1 / p->step, offset = (float)p->zero + 0.5f;
    const v8f zero = { 0 }, top = NET_SPLAT((float)TOP);
    size_t i = 0;

    for (; i + KERNEL_LANES <= n; i += KERNEL_LANES) {
        v8f v;
        NET_GET(v, x + i);
        v = v * inverse + offset;
        v = NET_PICK(v > zero, v, zero);
        v = NET_PICK(v < top, v, top);
        v8b b = __builtin_convertvector(__builtin_convertvector(v, v8m), v8b);
        memcpy(out + i, &b, sizeof b);
    }
    for (; i < n; i++) out[i] = to_byte(p, inverse, x[i]);
}

/* The image in bytes, with the byte of 0 around it. */
static void to_image(const struct net_layer *l, const struct part *p, const float *x, uint8_t *out)
{
    size_t line = l->in.w * l->in.stride, side = l->border * l->in.stride;

    if (!l->border) {
        to_bytes(p, x, net_size(&l->in), out);
        return;
    }
    memset(out, p->zero, bordered(l));
    out += l->border * (line + 2 * side) + side;
    for (size_t y = 0; y < l->in.h; y++, out += line + 2 * side, x += line)
        to_bytes(p, x, line, out);
}

/* Sums to numbers, in place. */
static void to_floats(const struct net_layer *l, const struct part *p, size_t pixels, float *out)
{
    const v8f step = NET_SPLAT(p->step);

    for (size_t i = 0; i < pixels; i++, out += l->out.stride)
        for (size_t c = 0; c < l->out.stride; c += KERNEL_LANES) {
            v8m sum, shift;
            v8f scale, bias, v;
            memcpy(&sum, out + c, sizeof sum);
            memcpy(&shift, p->shift + c, sizeof shift);
            NET_GET(scale, p->scale + c);
            NET_GET(bias, p->bias + c);
            v = __builtin_convertvector(sum - shift, v8f) * (step * scale) + bias;
            NET_PUT(out + c, v);
        }
}

static void weighted(const struct net_pass *p, size_t layer, const float *in, uint8_t *bytes,
                     float *out)
{
    const struct net_layer *l = &p->net->plan.layer[layer];
    const struct part *part = &p->net->int8->part[layer];
    size_t images = l->op == NET_CONV ? p->rows : 1, pixels = l->out.h * l->out.w;
    struct kernel_gemm8 g = {
        .m = l->op == NET_CONV ? pixels : p->rows,
        .n = l->out.stride,
        .k1 = lines(l),
        .k2 = packed_span(l),
        .row = p->net->row[layer],
        .a1 = (ptrdiff_t)((l->in.w + 2 * l->border) * l->in.stride),
        .b = part->w,
        .ldc = (ptrdiff_t)l->out.stride,
    };

    for (size_t r = 0; r < p->rows; r++)
        to_image(l, part, in + r * net_size(&l->in), bytes + r * bordered(l));
    for (size_t i = 0; i < images; i++) {
        g.a = bytes + i * bordered(l);
        g.c = (int32_t *)(void *)(out + i * net_size(&l->out));
        p->kernels->gemm8(&g);
    }
    to_floats(l, part, p->rows * pixels, out);
}

const float *net8_run(struct net_pass *p, const float *x, float *work)
{
    const struct net_plan *plan = &p->net->plan;
    size_t size = (net_work(plan, p->rows) - net_border(plan)) / 2;
    uint8_t *bytes = (uint8_t *)(work + net_work(plan, p->rows));

    p->border = work + 2 * size;
    for (size_t i = 0; i < plan->n; i++) {
        float *to = work + i % 2 * size;
        if (is_weighted(&plan->layer[i])) weighted(p, i, x, bytes, to);
        else net_layer_forward(p, i, x, to);
        x = to;
    }
    return x;
}

/* ---- bytes --------------------------------------------------------------------------- */

static void save_float(struct buf *out, float v)
{
    uint32_t bits;

    memcpy(&bits, &v, sizeof bits);
    buf_u32(out, bits);
}

static float load_float(struct cursor *in)
{
    uint32_t bits = cur_u32(in);
    float v;

    memcpy(&v, &bits, sizeof v);
    if (!isfinite(v)) in->bad = true;
    return v;
}

void net8_save(const struct net *net, struct buf *out)
{
    for (size_t i = 0; i < net->plan.n; i++) {
        const struct net_layer *l = &net->plan.layer[i];
        const struct part *p = &net->int8->part[i];
        if (!is_weighted(l)) continue;
        save_float(out, p->step);
        buf_u8(out, (uint8_t)p->zero);
        for (size_t c = 0; c < l->out.c; c++) save_float(out, p->scale[c]);
        for (size_t c = 0; c < l->out.c; c++) save_float(out, p->bias[c]);
        for (size_t row = 0; row < l->rows; row++)
            for (size_t c = 0; is_real(l, row) && c < l->out.c; c++)
                buf_u8(out, (uint8_t)p->w[packed(l, row, c)]);
    }
}

static const char *load_part(struct cursor *in, const struct net_layer *l, struct part *p)
{
    if (l->rows > MAX_ROWS) return "a layer is too long for int8";
    if (!make_part(l, p)) return "it does not fit into memory";
    p->step = load_float(in);
    p->zero = cur_u8(in);
    if (in->bad || !(p->step > 0) || p->zero > TOP) return "a range makes no sense";
    for (size_t c = 0; c < l->out.c; c++) p->scale[c] = load_float(in);
    for (size_t c = 0; c < l->out.c; c++) p->bias[c] = load_float(in);
    for (size_t row = 0; row < l->rows && !in->bad; row++)
        for (size_t c = 0; is_real(l, row) && c < l->out.c; c++) {
            int8_t w = (int8_t)cur_u8(in);
            if (w == INT8_MIN) in->bad = true;
            p->w[packed(l, row, c)] = w;
        }
    sum_weights(l, p);
    return in->bad ? "a weight is no number" : NULL;
}

const char *net8_load(struct cursor *in, struct net *net)
{
    const char *why = NULL;

    net->int8 = mem_zalloc(1, sizeof *net->int8);
    for (size_t i = 0; !why && i < net->plan.n; i++)
        if (is_weighted(&net->plan.layer[i]))
            why = load_part(in, &net->plan.layer[i], &net->int8->part[i]);
    free(net->params);
    net->params = NULL;
    return why;
}
