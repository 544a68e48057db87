/* gbdt_grow.h: the tree in the making, shared by gbdt_grow.c (which leaf next, moving its rows)
 * and gbdt_hist.c (histograms and the search in them). */
#pragma once
#include "engine/learn/gbdt_train.h"

struct gbdt_leaf {
    size_t begin, rows;
    int buf;  /* which buffer its rows are in */
    bool all; /* its rows are all rows in order */
    int slot; /* histogram; -1: none */
    int depth;
    struct gbdt_sum sum;
    int32_t parent; /* node; -1: it is the root */
    bool parent_left;
    double l2;     /* for its value */
    double lo, hi; /* bounds on its value */
    struct gbdt_split best;
};

/* Memory of one thread. */
struct gbdt_work {
    int64_t *hist;    /* as a slot; zero between passes; NULL for the first thread */
    bool dirty;       /* it is not */
    uint8_t *records; /* of a block of rows */
    int64_t *gh;      /* their gradients */
};

struct gbdt_grower {
    const struct engine *en;
    const struct gbdt_params *p;
    const struct gbdt_bins *bins;
    const struct kernels *kern;
    uint64_t *items[2]; /* rows with their gradients: see kernel_quantise */
    uint8_t *bits;      /* by chunk of rows: goes left */
    size_t *chunk_left; /* rows going left before a chunk */
    double *values;     /* scratch for quantiles, by position; NULL until needed */
    double *weights;
    struct gbdt_leaf *leaves;
    int n_leaves;
    size_t entry;   /* numbers in a histogram's entry: 2 in exact mode, else 1 */
    int64_t *slots; /* n_slots histograms of bins->hist_len entries */
    int n_slots;
    bool *slot_used;
    struct gbdt_work *work;   /* one a thread */
    size_t block;             /* rows of a block */
    struct gbdt_split *found; /* 2 * m: of both children of a split, by feature */
    uint8_t *use;             /* by feature: may be split on in this tree */
    uint8_t *lut;             /* by bin: goes left */
    double g_unit, h_unit;
    const struct gbdt_round *round;
};

static inline int64_t *gbdt_slot(const struct gbdt_grower *gr, int i)
{
    return gr->slots + (size_t)i * gr->bins->hist_len * gr->entry;
}
static inline size_t gbdt_chunks(size_t rows)
{
    return (rows + GBDT_CHUNK - 1) / GBDT_CHUNK;
}
/* Rows of a chunk among n. */
static inline size_t gbdt_chunk_rows(size_t n, size_t chunk)
{
    size_t from = chunk * GBDT_CHUNK;

    return n - from < GBDT_CHUNK ? n - from : GBDT_CHUNK;
}
/* Calls for all of n tasks, on one thread when `serial`. */
void gbdt_run(struct gbdt_grower *gr, size_t n, bool serial,
              void (*fn)(void *arg, size_t task, int thread), void *arg);

/* gbdt_hist.c */
bool gbdt_hist_allocate(struct gbdt_grower *gr);
void gbdt_hist_free(struct gbdt_grower *gr);
void gbdt_hist_reset(struct gbdt_grower *gr); /* all slots are free */
/* A free slot, if need be that of the leaf with the least gain that is not a or b. */
int gbdt_hist_take(struct gbdt_grower *gr, const struct gbdt_leaf *a, const struct gbdt_leaf *b);
/* Histogram of l's rows into its slot, complete but for what other threads hold: see
 * gbdt_hist_search. */
void gbdt_hist_build(struct gbdt_grower *gr, const struct gbdt_leaf *l);
/* Adds what threads hold to l's slot. */
void gbdt_hist_collect(struct gbdt_grower *gr, const struct gbdt_leaf *l);
/* Collects small's histogram, takes it away from large's slot (when that holds the parent's),
 * and finds the best split of both. large may be NULL. */
void gbdt_hist_search(struct gbdt_grower *gr, struct gbdt_leaf *small, struct gbdt_leaf *large,
                      bool subtract);
bool gbdt_may_split(const struct gbdt_grower *gr, const struct gbdt_leaf *l);
