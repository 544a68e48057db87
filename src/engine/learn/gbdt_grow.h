/* gbdt_grow.h: the tree in the making, shared by gbdt_grow.c (which leaf next), gbdt_rows.c
 * (which rows a leaf has) and gbdt_hist.c (histograms and the search in them). */
#pragma once
#include "engine/learn/gbdt_train.h"

#define GBDT_OUT 255 /* mark of rows that are in no leaf: those out of the bag */

struct gbdt_leaf {
    size_t rows;
    int mark;     /* its rows bear it in gr->marks; -1: they are in a list */
    int buf;      /* of a list: the buffer it is in */
    size_t begin; /* and its first position there */
    int slot;     /* histogram; -1: none */
    int depth;
    struct gbdt_sum sum;
    int32_t parent; /* node; -1: it is the root */
    bool parent_left;
    double l2;     /* for its value */
    double lo, hi; /* bounds on its value */
    struct gbdt_split best;
};

/* Memory of one thread. The first one adds to the leaf's slot and has no histogram. */
struct gbdt_work {
    int64_t *hist;   /* as a slot; zero unless dirty */
    int32_t *narrow; /* the same with narrow entries; NULL in exact mode */
    bool dirty, narrow_dirty;
    uint32_t room_g, room_h; /* what may still be added to narrow entries, however it falls */
    uint32_t *rows;          /* of a leaf that is marked: those found last */
    int32_t *rows_gh;        /* and their gradients; NULL in exact mode */
    int64_t *gh;             /* gradients of a block of rows, in the form of an entry */
};

struct gbdt_grower {
    const struct engine *en;
    const struct gbdt_params *p;
    const struct gbdt_bins *bins;
    const struct kernels *kern;
    int32_t *gh;        /* quantised gradients of each row: see kernel_quantise */
    uint8_t *marks;     /* by row: the leaf it is in */
    int n_marks;        /* in use in this tree */
    uint32_t *lists[2]; /* rows of the other leaves */
    size_t listed;      /* positions in use */
    uint8_t *bits;      /* by chunk of a list: goes left */
    size_t *count;      /* by chunk: rows of some kind, or those before it */
    double *values;     /* scratch for quantiles, by position; NULL until needed */
    double *weights;
    struct gbdt_leaf *leaves;
    int n_leaves;
    size_t entry;   /* numbers in a histogram's entry: 2 in exact mode, else 1 */
    bool narrow;    /* gradients of this tree are small enough for narrow entries */
    int64_t *slots; /* n_slots histograms of bins->hist_len entries */
    int n_slots;
    bool *slot_used;
    struct gbdt_work *work;   /* one a thread */
    uint32_t *numbers;        /* 0, 1, 2 ... for the rows of a block */
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

/* gbdt_rows.c */
bool gbdt_rows_allocate(struct gbdt_grower *gr);
void gbdt_rows_free(struct gbdt_grower *gr);
/* All rows, or those in the bag, become the root's. */
void gbdt_rows_root(struct gbdt_grower *gr, struct gbdt_leaf *root);
/* Parts the rows of `old` by gr->lut: sets rows, mark and list of both children. */
void gbdt_rows_split(struct gbdt_grower *gr, struct gbdt_leaf *old, struct gbdt_leaf *l,
                     struct gbdt_leaf *r);
/* Puts the rows of a leaf in a list, ascending, unless they are in one. */
void gbdt_rows_list(struct gbdt_grower *gr, struct gbdt_leaf *l);
/* score[row] += value[leaf of the row]. */
void gbdt_rows_score(struct gbdt_grower *gr, const double *value, double *score);

/* gbdt_hist.c */
bool gbdt_hist_allocate(struct gbdt_grower *gr);
void gbdt_hist_free(struct gbdt_grower *gr);
void gbdt_hist_reset(struct gbdt_grower *gr); /* all slots are free */
/* A free slot, if need be that of the leaf with the least gain that is not a or b. */
int gbdt_hist_take(struct gbdt_grower *gr, const struct gbdt_leaf *a, const struct gbdt_leaf *b);
/* Histogram of l's rows into its slot, complete but for what threads hold: see
 * gbdt_hist_search. */
void gbdt_hist_build(struct gbdt_grower *gr, const struct gbdt_leaf *l);
/* Adds what threads hold to l's slot. */
void gbdt_hist_collect(struct gbdt_grower *gr, const struct gbdt_leaf *l);
/* Collects small's histogram, takes it away from large's slot (when that holds the parent's),
 * and finds the best split of both. large may be NULL. */
void gbdt_hist_search(struct gbdt_grower *gr, struct gbdt_leaf *small, struct gbdt_leaf *large,
                      bool subtract);
bool gbdt_may_split(const struct gbdt_grower *gr, const struct gbdt_leaf *l);
