/* prediction_request.c: which requests are in the prediction log, and when they were.
 *
 * An index by the ids themselves would be as large as a third of the log, and with random ids
 * every row would touch a page of its own. So the table prediction_request maps the FNV-1a hash
 * of an id to the time of its prediction, 24 bytes a row, and the log, whose key is (model,
 * time, request), confirms it: two ids of one hash are told apart, the second gets n = 1 and so
 * on. A row may outlive its prediction when another of its hash exists; it then confirms
 * nothing. Rows with n > 0 never stand without the one of n = 0, so a hash that can be inserted
 * with n = 0 is a new request. */
#include "base/digest.h"
#include "base/mem.h"
#include "base/vec.h"
#include "store/monitor_priv.h"
#include <stdlib.h>
#include <string.h>

#define FILL_CHUNK 100000

int64_t request_hash(const char *request)
{
    return (int64_t)fnv1a64(request, strlen(request));
}

static int known(struct store *s, int64_t model, const struct request *q, bool *ret, struct err *e)
{
    int64_t n = 0;
    int r = db_number(s->db, "SELECT count(*)" REQUEST_JOIN("$3"),
                      DB_ARGS(db_i(model), db_t(q->id), db_i(q->hash)), 0, &n, e);
    if (r == 0) *ret = n > 0;
    return r;
}

int request_claim(struct store *s, int64_t model, const struct request *q, bool *ret_new,
                  struct err *e)
{
    bool is_known = false;
    int64_t changed = 0;
    int r = store_exec(s,
                       "INSERT INTO prediction_request (model, hash, n, at_us)"
                       " VALUES ($1, $2, 0, $3) ON CONFLICT DO NOTHING",
                       DB_ARGS(db_i(model), db_i(q->hash), db_i(q->at_us)), &changed, e);
    if (r == 0 && !changed) r = known(s, model, q, &is_known, e);
    if (r == 0 && !changed && !is_known)
        r = store_exec(s,
                       "INSERT INTO prediction_request (model, hash, n, at_us)"
                       " VALUES ($1, $2, (SELECT max(n) + 1 FROM prediction_request"
                       "  WHERE model = $1 AND hash = $2), $3)",
                       DB_ARGS(db_i(model), db_i(q->hash), db_i(q->at_us)), NULL, e);
    if (r == 0) *ret_new = !is_known;
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

void request_sort(struct request *q, size_t n)
{
    if (n) qsort(q, n, sizeof *q, by_hash);
}

/* -- the logs of workspaces made before there was the table -------------------------------- */
struct fill {
    struct arena a;
    VEC(struct request) rows;
    int64_t model;
};

static int add_all(struct store *s, struct fill *f, struct err *e)
{
    int r = 0;
    bool added;
    request_sort(f->rows.p, f->rows.n);
    for (size_t i = 0; r == 0 && i < f->rows.n; i++)
        r = request_claim(s, f->model, &f->rows.p[i], &added, e);
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
        f.model = model;
        vec_push(&f.rows, ((struct request){ id, request_hash(id), db_i64(st, 1), f.rows.n }));
    }
    db_end(st);
    if (r == 0) r = add_all(s, &f, e);
    vec_done(&f.rows);
    arena_done(&f.a);
    return r;
}
