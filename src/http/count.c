/* count.c: requests and their durations by route, method and status, one table per I/O thread
 * (metrics.h). Only that thread writes; a scrape reads from another thread meanwhile, so fields
 * are atomic, without any order but one: a place's key is stored last, after what it is about.
 * The table does not grow: what comes when it is full is not counted, which takes more routes
 * than routes.def can name. */
#include "http/count.h"
#include "base/vec.h"
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 1024, ANY_METHOD = 0 };

const double count_bounds[COUNT_BOUNDS] = { .0001, .00025, .0005, .001, .0025, .005, .01,
                                            .025,  .05,    .1,    .25,  .5,    1,    2.5 };

static const char *const methods[] = { "other", "GET",   "HEAD",   "POST",
                                       "PUT",   "PATCH", "DELETE", "OPTIONS" };
static const int statuses[] = { 0,   200, 201, 202, 204, 206, 304, 400, 401, 403,
                                404, 405, 408, 409, 411, 413, 414, 415, 417, 422,
                                429, 431, 499, 500, 501, 502, 503, 504, 505 };
_Static_assert(ARRAY_LEN(statuses) <= COUNT_STATUSES, "room for every status");

struct place {
    atomic_uint key; /* 0: free; method + 1 */
    const struct http_route *_Atomic route;
    atomic_uint_fast64_t statuses[ARRAY_LEN(statuses)]; /* [0]: any other */
    atomic_uint_fast64_t buckets[COUNT_BOUNDS + 1];
    _Atomic double sum;
};
struct http_count {
    unsigned used;
    struct place places[PLACES];
};

struct http_count *http_count_new(void)
{
    return mem_zalloc(1, sizeof(struct http_count));
}

void http_count_free(struct http_count *c)
{
    free(c);
}

/* ---- counting -------------------------------------------------------------------------------- */

static unsigned method_of(const char *method)
{
    for (unsigned i = 1; i < ARRAY_LEN(methods); i++)
        if (str_eq(methods[i], method)) return i;
    return ANY_METHOD;
}

static size_t status_of(int status)
{
    for (size_t i = 1; i < ARRAY_LEN(statuses); i++)
        if (statuses[i] == status) return i;
    return 0;
}

static void add(atomic_uint_fast64_t *n)
{
    atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* One place stays free, so that a search ends. */
static struct place *place_of(struct http_count *c, const struct http_route *route, unsigned key)
{
    uint64_t hash = ((uint64_t)(uintptr_t)route >> 3) + key * 0x9e3779b97f4a7c15u;

    hash = (hash ^ hash >> 29) * 0xbf58476d1ce4e5b9u >> 32;
    for (size_t i = hash;; i++) {
        struct place *p = &c->places[i % PLACES];
        unsigned has = atomic_load_explicit(&p->key, memory_order_relaxed);
        if (has == key && atomic_load_explicit(&p->route, memory_order_relaxed) == route) return p;
        if (has) continue;
        if (c->used == PLACES - 1) return NULL;
        c->used++;
        atomic_store_explicit(&p->route, route, memory_order_relaxed);
        atomic_store_explicit(&p->key, key, memory_order_release);
        return p;
    }
}

void http_count_add(struct http_count *c, const struct http_route *route, const char *method,
                    int status, double seconds)
{
    struct place *p = place_of(c, route, method_of(method) + 1);
    size_t b = 0;

    if (!p) return;
    while (b < COUNT_BOUNDS && !(seconds <= count_bounds[b])) b++;
    add(&p->statuses[status_of(status)]);
    add(&p->buckets[b]);
    double sum = atomic_load_explicit(&p->sum, memory_order_relaxed);
    atomic_store_explicit(&p->sum, sum + seconds, memory_order_relaxed);
}

/* ---- merging --------------------------------------------------------------------------------- */

static int by_route(const void *a, const void *b)
{
    const struct count_row *x = a, *y = b;
    int c = strcmp(x->route, y->route);
    return c ? c : strcmp(x->method, y->method);
}

static void add_status(struct count_row *row, struct count_status x)
{
    size_t i = 0;

    while (i < row->n_statuses && row->statuses[i].status != x.status) i++;
    if (i == row->n_statuses) {
        assert(row->n_statuses < COUNT_STATUSES);
        row->statuses[row->n_statuses++] = (struct count_status){ x.status, 0 };
    }
    row->statuses[i].n += x.n;
}

static struct count_row row_of(struct place *p, unsigned key)
{
    const struct http_route *r = atomic_load_explicit(&p->route, memory_order_relaxed);
    struct count_row row = { .route = r ? r->pattern : "unmatched", .method = methods[key - 1] };

    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        uint64_t n = atomic_load_explicit(&p->statuses[i], memory_order_relaxed);
        if (n) add_status(&row, (struct count_status){ statuses[i], n });
    }
    for (size_t i = 0; i <= COUNT_BOUNDS; i++)
        row.buckets[i] = atomic_load_explicit(&p->buckets[i], memory_order_relaxed);
    row.sum = atomic_load_explicit(&p->sum, memory_order_relaxed);
    return row;
}

static void merge_row(struct count_row *into, const struct count_row *from)
{
    for (size_t i = 0; i < from->n_statuses; i++) add_status(into, from->statuses[i]);
    for (size_t i = 0; i <= COUNT_BOUNDS; i++) into->buckets[i] += from->buckets[i];
    into->sum += from->sum;
}

size_t http_counts_merge(struct http_count *const *counts, size_t n, struct arena *a,
                         struct count_row **ret)
{
    VEC(struct count_row) rows = VEC_INIT;
    size_t merged = 0;

    for (size_t t = 0; t < n; t++) {
        for (size_t i = 0; i < PLACES; i++) {
            struct place *p = &counts[t]->places[i];
            unsigned key = atomic_load_explicit(&p->key, memory_order_acquire);
            if (key) vec_push(&rows, row_of(p, key));
        }
    }
    if (rows.n) qsort(rows.p, rows.n, sizeof *rows.p, by_route);
    for (size_t i = 0; i < rows.n; i++) {
        if (merged && by_route(&rows.p[merged - 1], &rows.p[i]) == 0)
            merge_row(&rows.p[merged - 1], &rows.p[i]);
        else rows.p[merged++] = rows.p[i];
    }
    *ret = arena_array(a, merged, struct count_row);
    if (merged) memcpy(*ret, rows.p, merged * sizeof **ret);
    vec_done(&rows);
    return merged;
}
