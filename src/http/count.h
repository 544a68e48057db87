/* count.h: what metrics.h's counters hold, for those who merge them. */
#pragma once
#include "http/metrics.h"

enum { COUNT_BOUNDS = 14, COUNT_STATUSES = 32 };
extern const double count_bounds[COUNT_BOUNDS]; /* seconds, of the buckets */

struct count_row { /* one route and method, over any number of threads */
    const char *route, *method;
    struct count_status {
        int status;
        uint64_t n;
    } statuses[COUNT_STATUSES]; /* n > 0, by status */
    size_t n_statuses;
    uint64_t buckets[COUNT_BOUNDS + 1]; /* each alone */
    double sum;
};
/* Merged, by route and method. The arena owns it; any thread. */
size_t http_counts_merge(struct http_count *const *counts, size_t n, struct arena *a,
                         struct count_row **ret);
