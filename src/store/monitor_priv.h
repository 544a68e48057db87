/* monitor_priv.h: what the aggregates of monitoring share: the row that stands for a model, so
 * that the big tables carry a small number instead of its name. It is made by the first
 * prediction, label or window of a model, and never removed. */
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
