/* net_plan.c: the list of layers of a net, from text or from a file, with every shape worked out
 * and every size bounded in one place: net_plan_add. Any thread. */
#include "base/mem.h"
#include "base/str.h"
#include "engine/learn/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t padded(size_t n)
{
    return (n + KERNEL_LANES - 1) / KERNEL_LANES * KERNEL_LANES;
}

void net_plan_init(struct net_plan *p, size_t h, size_t w, size_t c)
{
    *p = (struct net_plan){ .input = { h, w, c, c } };
}

/* ---- shapes -------------------------------------------------------------------------- */

static const char *shape_dense(struct net_layer *l, size_t units)
{
    if (units < 1 || units > NET_MAX_UNITS) return "units must be 1 to 65536";
    l->rows = net_size(&l->in);
    l->out = (struct net_shape){ 1, 1, units, padded(units) };
    return NULL;
}

static const char *shape_conv(struct net_layer *l, size_t units)
{
    if (units < 1 || units > NET_MAX_UNITS) return "channels must be 1 to 65536";
    if (l->side < 1 || l->border >= l->side) return "the window has no sensible size";
    if (l->side > l->in.h + 2 * l->border || l->side > l->in.w + 2 * l->border)
        return "the window is larger than the image that reaches it";
    l->rows = l->side * l->side * l->in.stride;
    l->out = (struct net_shape){ l->in.h + 2 * l->border - l->side + 1,
                                 l->in.w + 2 * l->border - l->side + 1, units, padded(units) };
    return NULL;
}

static const char *shape_pool(struct net_layer *l)
{
    if (l->side < 2) return "the side must be 2 or more";
    if (l->side > l->in.h || l->side > l->in.w)
        return "the window is larger than the image that reaches it";
    l->out = (struct net_shape){ l->in.h / l->side, l->in.w / l->side, l->in.c, l->in.stride };
    return NULL;
}

static bool has_weights(enum net_op op)
{
    return op == NET_DENSE || op == NET_CONV;
}

static const char *shape(const struct net_plan *p, struct net_layer *l, size_t units)
{
    l->out = l->in;
    if (p->n == 0 && !has_weights(l->op)) return "the first layer must be conv or dense";
    switch (l->op) {
    case NET_DENSE: return shape_dense(l, units);
    case NET_CONV: return shape_conv(l, units);
    case NET_POOL: return shape_pool(l);
    case NET_DROPOUT: return l->rate > 0 && l->rate < 1 ? NULL : "the rate must be between 0 and 1";
    case NET_NORM:
        return has_weights(p->layer[p->n - 1].op) ? NULL : "it must come right after conv or dense";
    case NET_RELU:
    case NET_TANH: break;
    }
    return NULL;
}

const char *net_plan_add(struct net_plan *p, const struct net_layer *l, size_t units)
{
    struct net_layer made = {
        .op = l->op, .side = l->side, .border = l->border, .rate = l->rate, .in = *net_plan_shape(p)
    };
    const char *why;

    if (p->n == NET_LAYERS) return "there are too many layers";
    if (l->side > NET_MAX_UNITS || l->border > NET_MAX_UNITS) return "the window is too large";
    if ((why = shape(p, &made, units))) return why;
    if (made.out.h * made.out.w > NET_MAX_SIZE / made.out.stride ||
        (made.in.h + 2 * made.border) * (made.in.w + 2 * made.border) >
            NET_MAX_SIZE / made.in.stride)
        return "its images are too large";
    if (has_weights(made.op)) {
        if (made.rows > NET_MAX_PARAMS / made.out.stride) return "it has too many weights";
        made.weights = p->n_params;
        made.bias = made.weights + made.rows * made.out.stride;
        p->n_params = made.bias + made.out.stride;
    } else if (made.op == NET_NORM) {
        made.weights = p->n_params;
        made.bias = made.weights + made.out.stride;
        p->n_params = made.bias + made.out.stride;
    }
    if (p->n_params > NET_MAX_PARAMS) return "the net has too many weights";
    p->layer[p->n++] = made;
    return NULL;
}

void net_plan_strip(const struct net_plan *p, struct net_plan *ret)
{
    net_plan_init(ret, p->input.h, p->input.w, p->input.c);
    for (size_t i = 0; i < p->n; i++)
        if (p->layer[i].op != NET_NORM && p->layer[i].op != NET_DROPOUT)
            net_plan_add(ret, &p->layer[i], p->layer[i].out.c);
}

/* ---- text ---------------------------------------------------------------------------- */

struct word {
    enum net_op op;
    size_t units;
    struct net_layer layer;
};

#define WORD_MAX 40

static bool read_size(const char *s, size_t *ret)
{
    char *end;
    long v = strtol(s, &end, 10);

    *ret = (size_t)v;
    return *s >= '0' && *s <= '9' && !*end && v <= NET_MAX_UNITS;
}

static bool read_rate(const char *s, double *ret)
{
    char *end;

    *ret = strtod(s, &end);
    return *s && !*end && *ret > 0 && *ret < 1;
}

/* part[0] is the word's name; unused parts are NULL. */
static const char *read_word(char *const part[4], struct word *w)
{
    size_t *side = &w->layer.side;

    if (str_eq(part[0], "conv")) {
        w->layer.op = NET_CONV;
        if (!part[2] || !read_size(part[1], &w->units) || !read_size(part[2], side))
            return "expected conv:CHANNELS:SIDE or conv:CHANNELS:SIDE:same";
        if (part[3] && (!str_eq(part[3], "same") || *side % 2 == 0))
            return "only \"same\" may follow the side, and the side must be odd";
        if (part[3]) w->layer.border = *side / 2;
        return NULL;
    }
    if (part[3] || (part[2] && part[1])) return "it has too many numbers";
    if (str_eq(part[0], "dense")) {
        w->layer.op = NET_DENSE;
        return part[1] && read_size(part[1], &w->units) ? NULL : "expected dense:UNITS";
    }
    if (str_eq(part[0], "pool")) {
        w->layer.op = NET_POOL;
        return part[1] && read_size(part[1], side) ? NULL : "expected pool:SIDE";
    }
    if (str_eq(part[0], "dropout")) {
        w->layer.op = NET_DROPOUT;
        return part[1] && read_rate(part[1], &w->layer.rate)
                   ? NULL
                   : "expected dropout:RATE, a share between 0 and 1";
    }
    if (str_eq(part[0], "bn")) {
        w->layer.op = NET_NORM;
        return part[1] ? "bn takes no number" : NULL;
    }
    return "there are conv, pool, dense, bn and dropout";
}

static const char *split_word(const char *s, size_t n, char *buf, struct word *ret)
{
    char *part[4] = { buf };
    size_t parts = 1;

    if (n >= WORD_MAX) return "it is too long";
    memcpy(buf, s, n);
    buf[n] = 0;
    for (char *p = buf; *p; p++)
        if (*p == ':') {
            if (parts == ARRAY_LEN(part)) return "it has too many numbers";
            *p = 0;
            part[parts++] = p + 1;
        }
    *ret = (struct word){ 0 };
    return read_word(part, ret);
}

/* The activation that is still owed goes before the next layer, but behind a pool: it does not
 * change which value is the largest, and there are fewer of them then. And behind bn. */
static const char *add_word(struct net_plan *p, const struct word *w, enum net_op activation,
                            bool *owed)
{
    const struct net_layer act = { .op = activation };
    const char *why = NULL;

    if (*owed && w->layer.op != NET_NORM && w->layer.op != NET_POOL) {
        why = net_plan_add(p, &act, 0);
        *owed = false;
    }
    if (!why) why = net_plan_add(p, &w->layer, w->units);
    if (has_weights(w->layer.op)) *owed = true;
    return why;
}

int net_plan_parse(struct net_plan *p, const char *text, enum net_op activation, struct err *e)
{
    const struct net_layer act = { .op = activation };
    bool owed = false;

    for (const char *s = text; *s;) {
        size_t n = strcspn(s, ",");
        char buf[WORD_MAX];
        struct word w;
        const char *why = split_word(s, n, buf, &w);
        if (!why) why = add_word(p, &w, activation, &owed);
        if (why)
            return err_set(e, ERR_INVALID, "layer '%.*s' at position %zu: %s", n > 60 ? 60 : (int)n,
                           s, (size_t)(s - text) + 1, why);
        s += n + (s[n] == ',');
    }
    const char *why = owed ? net_plan_add(p, &act, 0) : NULL;
    return why ? err_set(e, ERR_INVALID, "%s", why) : 0;
}
