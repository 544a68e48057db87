/* hist.h: how long things took: counts in logarithmic buckets, four to a doubling, from one
 * microsecond to about an hour, so a quantile is off by at most 9 %. Plain struct: copy, merge
 * by adding, one writer. Values in seconds (or rows: then read 1e-6 as one row). Any thread. */
#pragma once
#include "base/str.h"
#include <stdint.h>

#define HIST_BUCKETS 128
struct hist {
    uint64_t n;
    double sum;                   /* exact sum of what was added */
    double max;
    uint32_t bucket[HIST_BUCKETS];
};
void hist_add(struct hist *h, double seconds);
void hist_merge(struct hist *into, const struct hist *from);
double hist_quantile(const struct hist *h, double q); /* NaN when empty */
double hist_bound(int bucket);                        /* its upper end, in seconds */
uint64_t hist_below(const struct hist *h, double seconds); /* values <= that, to the bucket */
/* Text "n sum max b:c b:c …", for a row of the store. Reading what is none: -ERR_PARSE, and h
 * stays as it is. */
void hist_write(const struct hist *h, struct str *out);
int hist_read(struct hist *h, const char *text);
