/* gbdt_train.h: what the files that train gradient-boosted trees share beyond gbdt.h: losses, the
 * search for splits, the growing of trees. Included by them and by tests. */
#pragma once
#include "engine/learn/gbdt.h"

/* ---- loss: gbdt_loss.c ---- */

struct gbdt_loss {
    enum gbdt_objective objective;
    double alpha; /* of huber and quantile */
    int k;
    size_t n;
    const double *y, *w; /* w NULL: all 1 */
    double w_sum;
    double *score;        /* k columns of n */
    float *g, *h;         /* the same */
    float *max_g, *max_h; /* [k] after gbdt_loss_gradients: largest |g| and h */
    double *sum_g;        /* [k] the same: sum of |g| */
    double *chunks;       /* partial results of tasks */
    const struct kernels *kern;
};

/* ERR_INVALID for targets or weights that the objective cannot take. */
int gbdt_loss_init(const struct fit_input *in, const struct gbdt_params *p,
                   const struct kernels *kern, struct gbdt_loss *ret, struct err *e);
void gbdt_loss_done(struct gbdt_loss *l);
int gbdt_loss_base(const struct gbdt_loss *l, double *base, struct err *e); /* starting scores */
/* Gradients for the present scores; returns the mean loss of those scores. */
double gbdt_loss_gradients(struct gbdt_loss *l, struct pool *pool);
const char *gbdt_loss_name(enum gbdt_objective o); /* the metric of the curves */
/* Mean loss of scores (k columns of n), as the metric is defined, with libm. */
struct gbdt_scored {
    enum gbdt_objective objective;
    double alpha;
    int k;
    size_t n;
    const double *y, *score;
};
double gbdt_loss_of(const struct gbdt_scored *s);

/* ---- leaf values that are quantiles: gbdt_renew.c ---- */

/* Whether the objective sets the values of leaves anew, and for which quantile of the
 * residuals. */
bool gbdt_renews(const struct gbdt_loss *l, double *ret_alpha);
/* The alpha quantile of n values (interpolated as LightGBM does), w NULL: weights 1. Both are
 * put in another order. n >= 1. */
double gbdt_quantile(double *v, double *w, size_t n, double alpha);

/* ---- splits: gbdt_split.c ---- */

/* Sums of quantised gradients; exact, also as doubles. */
struct gbdt_sum {
    int64_t g, h;
};
static inline struct gbdt_sum gbdt_sum_of(int64_t packed)
{
    return (struct gbdt_sum){ packed >> 32, packed & INT64_C(0xffffffff) };
}
static inline struct gbdt_sum gbdt_sum_add(struct gbdt_sum a, struct gbdt_sum b)
{
    return (struct gbdt_sum){ a.g + b.g, a.h + b.h };
}
static inline struct gbdt_sum gbdt_sum_sub(struct gbdt_sum a, struct gbdt_sum b)
{
    return (struct gbdt_sum){ a.g - b.g, a.h - b.h };
}

struct gbdt_split {
    double gain;      /* over the parent and min_gain_to_split; 0: there is none */
    uint32_t feature; /* of gbdt_bins */
    bool missing_left;
    uint32_t bin;               /* numeric: bins 0..bin go left */
    uint16_t set[GBDT_MAX_SET]; /* category: these bins go left */
    uint32_t n_set;
    double l2; /* the regularisation of the children's values */
    struct gbdt_sum left;
};

/* What the search needs to know of a leaf. */
struct gbdt_search {
    const struct gbdt_params *p;
    const struct kernels *kern;
    bool exact;            /* histograms have two numbers an entry, else packed ones */
    double g_unit, h_unit; /* one step of gradient and hessian */
    struct gbdt_sum sum;
    uint32_t rows;
    double lo, hi; /* bounds on the values below, from monotone features; infinite: none */
};
void gbdt_find_split(const struct gbdt_search *s, const struct gbdt_feature *f, uint32_t index,
                     const int64_t *hist, struct gbdt_split *ret);
/* The value of a leaf, within the bounds; h includes l2, g and h are in real units. */
double gbdt_value(const struct gbdt_search *s, double g, double h);
double gbdt_leaf_value(const struct gbdt_search *s, struct gbdt_sum sum, double l2);
static inline struct gbdt_sum gbdt_hist_at(const int64_t *hist, size_t bin, bool exact)
{
    return exact ? (struct gbdt_sum){ hist[2 * bin], hist[2 * bin + 1] } : gbdt_sum_of(hist[bin]);
}

/* ---- growing: gbdt_grow.c ---- */

#define GBDT_NARROW_BITS 6 /* of gradients in narrow histograms: -32 .. 32 */
#define GBDT_NARROW_MOST (1 << (GBDT_NARROW_BITS - 1))

static inline bool gbdt_bagging(const struct gbdt_params *p)
{
    return p->bagging_freq > 0 && p->bagging_fraction < 1;
}

struct gbdt_grower;
int gbdt_grower_new(const struct engine *en, const struct gbdt_params *p,
                    const struct gbdt_bins *bins, const struct kernels *kern,
                    struct gbdt_grower **ret, struct err *e);
void gbdt_grower_free(struct gbdt_grower *gr);
/* Grows one tree on the gradients of score c and adds its values to that. x is for the rows
 * that bagging leaves out. *ret_split: whether it has a split at all. */
struct gbdt_round {
    const struct gbdt_loss *loss;
    size_t c;
    const struct matrix *x;
    uint64_t stream; /* random stream of this tree's rounding and features */
    uint64_t bag;    /* random stream of the rows */
};
int gbdt_grow(struct gbdt_grower *gr, const struct gbdt_round *round, struct gbdt_model *m,
              bool *ret_split, struct err *e);
