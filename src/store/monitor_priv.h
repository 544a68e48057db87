/* monitor_priv.h: what the aggregates of monitoring share: the row that stands for a model, so
 * that the big tables carry a small number instead of its name, and that counts its rows. It is
 * made by the first prediction, label or window of a model, and never removed.
 *
 * Ingestion asks for the same row a hundred thousand times a second, so the store remembers the
 * one used last for as long as the transaction lasts, and writes what was counted once, before
 * the commit or before somebody reads it. */
#pragma once
#include "store/store_priv.h"

struct monitored {
    int64_t id;      /* 0: not monitored yet */
    int64_t orphans; /* labels without a prediction */
    bool pruned;
    int64_t pruned_us; /* rows before this time may have been removed */
};
int monitored_find(struct store *s, const char *model, struct monitored *ret, struct err *e);
/* Inside a transaction. */
int monitored_ensure(struct store *s, const char *model, struct monitored *ret, struct err *e);

struct monitored_news {
    int64_t rows, labels, orphans; /* by how much they changed */
};
/* Inside a transaction, of the model that monitored_ensure gave last. */
void monitored_count(struct store *s, struct monitored_news news);
/* Writes what was counted; store.c calls it before every commit. Nothing counted: does nothing. */
int monitored_flush(struct store *s, struct err *e);
/* Ends the memory; store.c calls it at the end of every transaction. */
void monitored_forget(struct store *s);

/* A request id on its way into or out of the log. */
struct request {
    const char *id;
    int64_t hash, at_us;
    size_t row; /* of the caller's */
};
int64_t request_hash(const char *request);
/* By hash, then row: neighbours in the table follow each other. */
void request_sort(struct request *q, size_t n);
void request_sort_by_time(struct request *q, size_t n);
/* Notes that these predictions come into the log in this transaction. ret_new[q.row] is false for
 * those that are there already, at whatever time, and for all but the first of one request. The
 * new ones are left in q, sorted by hash, and counted in *n. */
int request_claim(struct store *s, int64_t model, struct request *q, size_t *n, bool *ret_new,
                  struct err *e);
/* Its prediction leaves the log. */
int request_drop(struct store *s, int64_t model, const struct request *q, struct err *e);
/* Migration: notes everything in the log. */
int request_fill(struct store *s, struct err *e);
/* FROM … WHERE of a request's prediction p: $1 is the model, $2 the request, `hash` the parameter
 * with its hash. */
#define REQUEST_JOIN(hash)                                                                         \
    " FROM prediction_request q JOIN prediction p ON p.model = q.model AND p.at_us = q.at_us"      \
    " AND p.request = $2 WHERE q.model = $1 AND q.hash = " hash
