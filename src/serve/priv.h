/* priv.h: what the files of serve/ share, but for the modes (mode.h).
 *
 *   serve.c   threads, catalogs, calls        batch.c   rows that wait for a worker
 *   served.c  catalogs and models             cache.c   answers remembered by an I/O thread
 *   score.c   cells into numbers, scores      plog.c    predictions on their way to the store
 *   ring.h    records between two threads     aside.c   rows that shadows score */
#pragma once
#include "serve/mode.h"
#include <pthread.h>

/* -- served.c ---------------------------------------------------------------------------------- */

struct batcher;
struct loaded { /* one model file in memory */
    atomic_int refs;
    uint64_t uid; /* never used again; key of the cache */
    struct model *model;
    char digest[65];
    double row_us;
    size_t features, outputs;
    struct batcher *batcher;
};
struct loaded *loaded_ref(struct loaded *l);
void loaded_unref(struct loaded *l);

/* Versions somebody named that are no arms; shared by all threads. */
struct wanted {
    pthread_mutex_t lock;
    struct wanted_version {
        char *model;
        int64_t version, asked_us;
    } at[16];
    size_t n;
    atomic_uint_fast64_t wishes; /* so far */
};
bool wanted_add(struct wanted *w, const char *model, int64_t version, int64_t now_us);
void wanted_done(struct wanted *w);

struct batch_pool;
struct plog;
struct catalog_source {
    struct app *app;
    const struct val *settings;
    struct batch_pool *pool;
    struct plog *plog;
    struct wanted *wanted;
    struct catalog *before; /* NULL: the first */
};
/* *ret NULL: nothing changed since `before`. A model that cannot be loaded is a problem of the
 * catalog and not an error. Thread of the reload. */
int catalog_build(const struct catalog_source *src, struct catalog **ret, struct err *e);
/* Did the newest build look for that version in vain? The reason, or NULL. */
const char *catalog_absent(const struct catalog *c, const char *model, int64_t version);

/* -- score.c ----------------------------------------------------------------------------------- */

struct rows_memo { /* made and freed by rows.c */
    const struct arm *arm; /* NULL: nothing yet */
    uint64_t uid;
    double *x;
    size_t room;
};
/* The rows as numbers of the arm's model, rows * features, valid until the rows change or are
 * asked for another arm. ERR_INVALID names the row and column. */
int rows_encode(const struct rows *r, const struct arm *arm, const double **ret, struct err *e);
/* One cell as a number or time (NaN: missing); false: it holds neither. */
bool cell_number(const struct cell *c, enum arm_input input, double *ret);
/* Its text as a category; NULL: missing. */
const char *cell_text(const struct cell *c, char buf[32], size_t *ret_n);
/* Scores n rows of x. */
void loaded_score(const struct loaded *l, const double *x, size_t n, double *p);
void loaded_warm_up(struct loaded *l);

/* -- cache.c ----------------------------------------------------------------------------------- */

struct predict_cache;
struct predict_cache *predict_cache_new(size_t entries, size_t bytes, int64_t ttl_us);
void predict_cache_free(struct predict_cache *c); /* NULL is fine */
struct cache_key {
    uint64_t uid;
    const double *x;
    size_t n, outputs;
};
bool predict_cache_get(struct predict_cache *c, const struct cache_key *k, int64_t now_us,
                       double *p);
void predict_cache_put(struct predict_cache *c, const struct cache_key *k, int64_t now_us,
                       const double *p);
struct cache_counts { /* read by any thread */
    atomic_uint_fast64_t hits, misses, entries, bytes;
};
const struct cache_counts *predict_cache_counts(const struct predict_cache *c);

/* -- batch.c ----------------------------------------------------------------------------------- */

struct batch_pool *batch_pool_new(int workers, struct err *e);
void batch_pool_free(struct batch_pool *p); /* after all batchers are gone; joins the workers */
struct batcher *batcher_new(struct batch_pool *p);
void batcher_free(struct batcher *b); /* empty */
void batch_pool_totals(struct batch_pool *p, struct serve_totals *add);

/* The I/O thread's side: asks that wait, and the way back to it. */
struct batch_io;
int batch_io_new(struct loop *l, struct batch_io **ret, struct err *e);
void batch_io_free(struct batch_io *io); /* no ask waits any more; late results are dropped */

/* -- aside.c ----------------------------------------------------------------------------------- */

struct aside_pool *aside_pool_new(struct err *e);
void aside_pool_free(struct aside_pool *p); /* all its rings were freed; NULL is fine */
/* For the rate, for want of room or time; any thread. */
uint64_t aside_pool_dropped(struct aside_pool *p);
/* Of an I/O thread that hands over so many rows a second at most; 0: no limit. */
struct aside_ring *aside_ring_new(struct aside_pool *p, double rows_per_s);
void aside_ring_free(struct aside_ring *r);              /* what is in it is still scored */

/* -- plog.c ------------------------------------------------------------------------------------ */

struct plog_config {
    const struct app_config *app;
    int64_t flush_us;
    size_t flush_rows, ring_bytes;
    const char *listen;
};
int plog_new(const struct plog_config *cfg, struct plog **ret, struct err *e);
void plog_free(struct plog *l); /* writes what is left; rings are gone */
/* A kind of row: the same numbers for the same three. Any thread. */
int plog_target(struct plog *l, const char *model, int64_t version, const char *schema_json);
struct plog_ring;
struct plog_ring *plog_ring_new(struct plog *l);
void plog_ring_free(struct plog_ring *r); /* its rows are still written */
/* Room for n bytes of a row, not counting the zeros; NULL: the ring is full and the row is counted as dropped. */
struct plog_row {
    int32_t target;
    uint16_t n_id, n_answer;
    uint32_t n_features;
    int64_t at_us;
    double probability, latency_ms, value; /* value: the answer of a regression */
    char bytes[]; /* id, 0, answer, 0, features */
};
struct plog_row *plog_begin(struct plog_ring *r, size_t n_bytes);
void plog_commit(struct plog_ring *r);
/* Counters for the store's buckets; taken over by the writer. Main thread. */
void plog_sums(struct plog *l, const struct serving_sum *sums, size_t n, int64_t from_us,
               int64_t to_us, const struct serve_totals *gauges);
bool plog_alive(const struct plog *l);
/* What is wrong with the log now, appended to a list of problems. */
void plog_problems(struct plog *l, struct arena *a, struct val *list);
void plog_totals(struct plog *l, struct serve_totals *add);

/* -- serve.c ----------------------------------------------------------------------------------- */

struct call_rows { /* the rows of a call, and what it keeps alive while it waits */
    struct rows rows;
    struct call_rows *next;  /* spare ones */
    struct catalog *catalog; /* NULL: not waiting */
};
struct serve_io {
    struct serve *s;
    struct serve_io *next; /* of s */
    struct catalog *catalog;
    uint64_t generation;
    struct call_rows *rows, *spare; /* of the next call; empty ones */
    size_t n_spare;
    struct batch_io *batch;
    struct predict_cache *cache;
    struct plog_ring *ring;
    struct aside_ring *aside;
    struct loop_async *news;
    double *room;
    size_t n_room;
    int64_t now_us; /* monotonic, when the last call came */
};
