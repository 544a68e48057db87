/* net.h: feed-forward nets of dense and convolution layers: what mlp.c and cnn.c share.
 *
 * An activation is an image of h x w pixels, each of c channels, in float32; a flat vector is an
 * image of one pixel. Behind the input every pixel takes `stride` floats, c rounded up to
 * KERNEL_LANES, and what fills up is 0 throughout: weights that lead there or come from there
 * start at 0 and get no gradient. A plan is the list of layers with their shapes, checked; a net
 * is a plan with weights, does not change once made, and serves any number of threads, each with
 * working memory of its own. Training (net_train.h) has batch norm and dropout too; the net it
 * returns has not: norms are folded into the weights before them. */
#pragma once
#include "engine/kernel/kernel.h"
#include "engine/learn/learner.h"

#define NET_LAYERS     64                /* at most */
#define NET_BLOCK      16                /* rows that go through the layers together */
#define NET_MAX_UNITS  65536             /* channels of a layer */
#define NET_MAX_SIZE   ((size_t)1 << 24) /* floats of an activation */
#define NET_MAX_PARAMS ((size_t)1 << 24)

enum net_op {
    NET_DENSE,
    NET_CONV,
    NET_POOL,
    NET_RELU,
    NET_TANH,
    NET_NORM,    /* training alone */
    NET_DROPOUT, /* training alone */
};

struct net_shape {
    size_t h, w, c, stride;
};
static inline size_t net_size(const struct net_shape *s)
{
    return s->h * s->w * s->stride;
}

struct net_layer {
    enum net_op op;
    struct net_shape in, out;
    size_t side;    /* CONV, POOL: of the window */
    size_t border;  /* CONV: zeros on each side of the image */
    double rate;    /* DROPOUT: share set to 0 */
    size_t weights; /* DENSE, CONV: in the parameters, rows() x out.stride; NORM: factors */
    size_t rows;    /* DENSE, CONV: inputs of an output */
    size_t bias;    /* out.stride of them; NORM: shifts */
};

struct net_plan {
    struct net_shape input;
    size_t n, n_params;
    struct net_layer layer[NET_LAYERS];
};

/* Starts a plan for images of h x w x c, or h = w = 1 for rows of c columns. */
void net_plan_init(struct net_plan *p, size_t h, size_t w, size_t c);
static inline const struct net_shape *net_plan_shape(const struct net_plan *p)
{
    return p->n ? &p->layer[p->n - 1].out : &p->input;
}
/* Adds a layer whose op, side, border, rate and units (DENSE, CONV) are given, and works out the
 * rest. NULL, or what is wrong. */
const char *net_plan_add(struct net_plan *p, const struct net_layer *l, size_t units);
/* Adds the layers of a text such as "conv:8:5,pool:2,dense:84", each conv and dense followed by
 * the activation. ERR_INVALID names the place. */
int net_plan_parse(struct net_plan *p, const char *text, enum net_op activation, struct err *e);
/* The plan without what is for training alone; parameters have other places. */
void net_plan_strip(const struct net_plan *p, struct net_plan *ret);

struct net8; /* net_int8.h */

struct net {
    struct net_plan plan;
    enum task task;
    size_t outputs;           /* 1, or classes */
    double mean, scale;       /* REGRESSION: of the target */
    float *params;            /* aligned */
    int32_t *row[NET_LAYERS]; /* DENSE, CONV: where kernel_gemm finds its rows */
    struct net8 *int8;        /* NULL: computes in float32 */
};

/* Room for parameters, zeroed, and tables; NULL: no memory. */
struct net *net_new(const struct net_plan *plan, enum task task, size_t outputs);
void net_free(void *net); /* NULL is fine */

/* Working memory in floats for up to `rows` rows at once, see net_run. */
size_t net_work(const struct net_plan *plan, size_t rows);
/* What a layer and its pass work with. */
struct net_pass {
    const struct net *net;
    const struct kernels *kernels;
    size_t rows;   /* at most NET_BLOCK */
    float *border; /* NET_CONV with a border: an image with it */
};
size_t net_border(const struct net_plan *plan); /* floats for net_pass.border */
void net_layer_forward(const struct net_pass *p, size_t layer, const float *in, float *out);
/* The image with zeros around, where the layer has a border. */
const float *net_with_border(const struct net_pass *p, const struct net_layer *l, const float *in);
/* Scores of p->rows rows at x (net_size(input) floats each), last layer's stride apart; in
 * `work`. p->border need not be set. */
const float *net_run(struct net_pass *p, const float *x, float *work);
/* Scores of a row to what a learner answers. */
void net_answer(const struct net *net, const float *scores, double *out);

/* The slots of a learner. */
size_t net_predict_work(const void *state, size_t rows);
void net_predict(const void *state, const struct matrix *m, size_t from, size_t to, double *work,
                 double *out);
int net_quantise(void *state, const struct matrix *m, struct err *e);
/* Of a net without convolutions: net_dense.c. */
void net_to_dense(const void *state, struct dense *ret);
int net_save(const void *state, struct buf *out, struct err *e);
int net_load(struct cursor *in, enum task task, int n_classes, size_t d, void **ret, struct err *e);
