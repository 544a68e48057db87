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
