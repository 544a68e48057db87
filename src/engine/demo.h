/* demo.h: a deterministic generator of card transactions, for the demo workspace and tests.
 * Described in share/doc/DEMO_DATA. Same seed, same rows, on every machine. */
#pragma once
#include "engine/frame/frame.h"

struct demo_spec {
    uint64_t seed;
    size_t rows;
    int64_t start_us;    /* time of the first transaction */
    double fraud_rate;   /* about this share is fraud; 0: the default 0.03 */
    double shift;        /* 0: reference behaviour … 1: strongly drifted (amounts, channels) */
};
/* Columns: transaction_id text, timestamp, amount, hour, merchant_category, country, channel,
 * card_age_days, transactions_24h, distance_km, amount_ratio, is_weekend, fraud (0/1). */
int demo_frame(const struct demo_spec *spec, struct frame **ret, struct err *e);
