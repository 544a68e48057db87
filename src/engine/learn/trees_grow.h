/* trees_grow.h: what trees_grow.c, trees_count.c and trees_sum.c share: the memory of a thread that
 * grows trees.
 *
 * For yes-or-no targets without weights the sums of a bin are three small integers, which fit a
 * word: see trees_count.c. Items then have that word in place of the target. */
#pragma once
#include "engine/learn/trees.h"

#define TREES_GROUP 8 /* features a pass */

struct item {     /* a row of the tree */
    uint32_t row; /* among the records in use */
    float w;
    union {
        double y;
        uint64_t add; /* trees_input.binary */
    };
};

struct span { /* a node still to be made */
    size_t begin, end;
    int depth;
    bool near;      /* its items' rows are places in trees_work.near */
    int64_t parent; /* node whose right child this is; -1: none */
};

struct cand { /* the best split so far */
    double score;
    uint32_t feature;
    uint32_t cut;
    bool missing_left;
};

struct trees_count {  /* of trees_count.c */
    uint64_t *hist;   /* TREES_GROUP histograms */
    uint64_t *ranked; /* one of them, by rank */
    uint64_t *mark;   /* bit set of bins */
    uint64_t *prefix; /* sums of the bins in use, up to and with each */
    uint32_t *bin;    /* their numbers */
    double *score;    /* of the cut after each */
    size_t stride;    /* words from one histogram to the next */
    uint64_t total;   /* of the node */
};

struct trees_work {
    struct item *items, *other;
    const uint8_t *records; /* of the node: gbdt_bins.records, or near */
    uint8_t *near;          /* records of a small node and those below, side by side */
    uint32_t *origin;       /* their rows */
    uint32_t *order;        /* features, the drawn ones first */
    const uint16_t **rank;  /* of each feature's bins, as the tree orders them; NULL: a number */
    double *hist;           /* TREES_GROUP histograms of channels * bins: trees_sum.c */
    double *ranked;         /* one of them, by rank */
    size_t stride;          /* doubles from one histogram to the next */
    uint32_t *used;         /* bins in use, ascending */
    uint64_t *mark;         /* bit set of bins */
    double *left;           /* channels: sums of the left side */
    double *total;          /* channels: sums of the node */
    struct trees_count count;
    struct span *stack;
    size_t cap_stack;
};

struct search {
    const struct trees_input *in;
    struct trees_work *w;
    struct rng *rng;
    struct cand best;
    double node_weight;
    bool counted; /* this node's sums fit the words of trees_count.c */
};

/* Of a row the bin, or the rank that the tree gives it; records that are near have ranks. */
static inline unsigned item_bin(const struct gbdt_bins *b, const struct trees_work *w, uint32_t j,
                                uint32_t row)
{
    const bool near = w->records == w->near;
    unsigned bin;

    if (j < b->m_bytes) {
        bin = w->records[row * b->stride + j];
        if (near) return bin;
    } else {
        bin = b->wide[(j - b->m_bytes) * b->n + (near ? w->origin[row] : row)];
    }
    return w->rank[j] ? w->rank[j][bin] : bin;
}

/* Numbers of a bin: weight, weighted sum of targets and rows, and one that is not used, as four are
 * added faster than three; or the weight of each of k classes and rows. */
#define TREES_ROWS1 2
static inline size_t trees_rows_at(int k)
{
    return k > 1 ? (size_t)k : TREES_ROWS1;
}
static inline size_t trees_channels(int k)
{
    return k > 1 ? (size_t)k + 1 : 4;
}

/* A cut at random between the lowest and the highest bin in use. */
uint32_t trees_random_cut(struct search *s, uint32_t j, uint32_t lo, uint32_t hi);

/* ---- trees_count.c ---- */

/* most: bins of a feature, with the missing one. false: no memory. */
bool trees_count_init(const struct trees_input *in, size_t most, struct trees_count *ret);
void trees_count_free(struct trees_count *c);
uint64_t trees_count_of(unsigned weight, bool yes); /* of one row */
/* Sums of the node into w->total. false, with nothing done: it is too large. */
bool trees_count_sum(struct trees_work *w, const struct span *t);
/* The best split over n <= TREES_GROUP features into s->best; returns how many vary. */
size_t trees_count_search(struct search *s, const struct span *t, const uint32_t *features,
                          size_t n);

/* ---- trees_sum.c ---- */

/* The same from sums of doubles. */
size_t trees_sum_search(struct search *s, const struct span *t, const uint32_t *features, size_t n);
