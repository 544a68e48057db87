/* prediction_request.c: which requests are in the prediction log, and when they were.
 *
 * An index by the ids themselves would be as large as a third of the log. So the table
 * prediction_request maps a hash of an id to the time of its prediction, 24 bytes a row, and the
 * log, whose key is (model, time, request), confirms it: two ids of one hash are told apart, the
 * second gets n = 1 and so on. A row may outlive its prediction when another of its hash exists;
 * it then confirms nothing. Rows with n > 0 never stand without the one of n = 0, so a hash that
 * can be inserted with n = 0 is a new request. Ids of one hash and one time may share a row.
 *
 * The hash is FNV-1a of the id. With it each row falls on a page of its own once the table is
 * large, and all of the page is written. So the hash of an id that begins with its time begins
 * with that time, and its rows fall on the last pages: a fifth of the work for the ids that the
 * daemon makes. */
#include "base/digest.h"
#include "base/id.h"
#include "base/mem.h"
#include "base/vec.h"
#include "store/monitor_priv.h"
#include <stdlib.h>
#include <string.h>

#define FILL_CHUNK 100000
/* Of the time in a hash: 128 ms. So 8 million hashes are left for the ids of such a stretch. */
#define TIME_SHIFT 7
#define HASH_BITS  23
/* 2010 to 2100. What looks like a time outside of these is more likely none, and numbers in the
 * guise of ids would share one stretch. */
#define EARLIEST_MS 1262304000000
#define LATEST_MS   4102444800000

int64_t request_hash(const char *request)
{
    uint64_t hash = fnv1a64(request, strlen(request));
    int64_t ms = id_time_ms(request);
    if (ms < EARLIEST_MS || ms > LATEST_MS) return (int64_t)hash;
    uint64_t low = (hash ^ hash >> HASH_BITS) & ((1U << HASH_BITS) - 1);
    return ms >> TIME_SHIFT << HASH_BITS | (int64_t)low;
}

static int known(struct store *s, int64_t model, const struct request *q, bool *ret, struct err *e)
{
    int64_t n = 0;
    int r = db_number(s->db, "SELECT count(*)" REQUEST_JOIN("$3"),
                      DB_ARGS(db_i(model), db_t(q->id), db_i(q->hash)), 0, &n, e);
    if (r == 0) *ret = n > 0;
    return r;
}

/* Claims one whose hash is there, and may have been put there by claim_some. */
static int claim_slowly(struct store *s, int64_t model, const struct request *q, bool *ret_new,
                        struct err *e)
{
    bool is_known = false;
    int r = known(s, model, q, &is_known, e);
    if (r == 0 && !is_known)
        r = store_exec(s,
                       "INSERT INTO prediction_request (model, hash, n, at_us)"
                       " SELECT $1, $2, (SELECT coalesce(max(n) + 1, 0) FROM prediction_request"
                       "  WHERE model = $1 AND hash = $2), $3"
                       " WHERE NOT EXISTS (SELECT 1 FROM prediction_request"
                       "  WHERE model = $1 AND hash = $2 AND at_us = $3)",
                       DB_ARGS(db_i(model), db_i(q->hash), db_i(q->at_us)), NULL, e);
    *ret_new = !is_known;
    return r;
}

/* One statement does when all of them are new, which is the rule. */
static int claim_some(struct store *s, int64_t model, const struct request *q, size_t n,
                      bool *ret_new, struct err *e)
{
    enum { WIDTH = 4 };
    struct db_arg v[DB_ROWS * WIDTH], *at = v;
    int64_t added = 0;
    for (size_t i = 0; i < n; i++) {
        *at++ = db_i(model);
        *at++ = db_i(q[i].hash);
        *at++ = db_i(0);
        *at++ = db_i(q[i].at_us);
        ret_new[q[i].row] = true;
    }
    int r = db_exec_rows(s->db,
                         "INSERT INTO prediction_request (model, hash, n, at_us) VALUES $rows"
                         " ON CONFLICT DO NOTHING",
                         n, (struct db_args){ v, n * WIDTH }, &added, e);
    if (added == (int64_t)n) return r;
    for (size_t i = 0; r == 0 && i < n; i++)
        r = claim_slowly(s, model, &q[i], &ret_new[q[i].row], e);
    return r;
}

/* Is it the request of one of the n, which are sorted? */
static bool repeats(const struct request *again, const struct request *q, size_t n)
{
    while (n-- > 0 && q[n].hash == again->hash)
        if (!strcmp(q[n].id, again->id)) return true;
    return false;
}

int request_claim(struct store *s, int64_t model, struct request *q, size_t *n, bool *ret_new,
                  struct err *e)
{
    size_t once = 0, fresh = 0;
    int r = 0;
    request_sort(q, *n);
    for (size_t i = 0; i < *n; i++) {
        ret_new[q[i].row] = false;
        if (!repeats(&q[i], q, once)) q[once++] = q[i];
    }
    for (size_t i = 0, k; r == 0 && i < once; i += k) {
        k = db_rows(once - i);
        r = claim_some(s, model, &q[i], k, ret_new, e);
    }
    for (size_t i = 0; i < once; i++)
        if (ret_new[q[i].row]) q[fresh++] = q[i];
    *n = fresh;
    return r;
}

int request_drop(struct store *s, int64_t model, const struct request *q, struct err *e)
{
    return store_exec(s,
                      "DELETE FROM prediction_request WHERE model = $1 AND hash = $2"
                      " AND at_us = $3 AND n = (SELECT max(n) FROM prediction_request"
                      "  WHERE model = $1 AND hash = $2)",
                      DB_ARGS(db_i(model), db_i(q->hash), db_i(q->at_us)), NULL, e);
}

static int by_hash(const void *a, const void *b)
{
    const struct request *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static int by_time(const void *a, const void *b)
{
    const struct request *x = a, *y = b;
    if (x->at_us != y->at_us) return x->at_us < y->at_us ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* They come in order more often than not. */
static void sort(struct request *q, size_t n, int (*cmp)(const void *, const void *))
{
    for (size_t i = 1; i < n; i++) {
        if (cmp(&q[i - 1], &q[i]) <= 0) continue;
        qsort(q, n, sizeof *q, cmp);
        return;
    }
}

void request_sort(struct request *q, size_t n)
{
    sort(q, n, by_hash);
}

void request_sort_by_time(struct request *q, size_t n)
{
    sort(q, n, by_time);
}

/* -- the logs of workspaces made before there was the table -------------------------------- */
struct fill {
    struct arena a;
    VEC(struct request) rows;
    int64_t model;
};

static int add_all(struct store *s, struct fill *f, struct err *e)
{
    size_t n = f->rows.n;
    bool *added = mem_alloc((n ? n : 1) * sizeof *added);
    int r = request_claim(s, f->model, f->rows.p, &n, added, e);
    free(added);
    f->rows.n = 0;
    arena_reset(&f->a);
    return r;
}

int request_fill(struct store *s, struct err *e)
{
    struct fill f = { .a = ARENA_INIT };
    struct db_stmt *st;
    int r = db_query(s->db, &st,
                     "SELECT model, at_us, request FROM prediction"
                     " ORDER BY model, at_us, request",
                     DB_NOARGS, e);
    if (r < 0) return r;
    while ((r = db_step(st, e)) > 0) {
        int64_t model = db_i64(st, 0);
        if (model != f.model || f.rows.n == FILL_CHUNK) r = add_all(s, &f, e);
        if (r < 0) break;
        const char *id = db_dup_or(st, 2, &f.a);
        const struct request q = { id, request_hash(id), db_i64(st, 1), f.rows.n };
        f.model = model;
        vec_push(&f.rows, q);
    }
    db_end(st);
    if (r == 0) r = add_all(s, &f, e);
    vec_done(&f.rows);
    arena_done(&f.a);
    return r;
}
