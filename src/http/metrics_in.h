/* metrics_in.h: everything that GET /metrics shows, brought together, and the page made of it. */
#pragma once
#include "codec/promtext.h"
#include "http/metrics.h"

struct metrics_arm { /* an arm of a rollout as it is now */
    const char *model, *role;
    int64_t version;
    double share, row_us;
    bool broken; /* its breaker is open */
};
struct metrics_process { /* NaN: not known here */
    double cpu_s, resident_bytes, open_fds, start_s;
};
struct metrics_in {
    struct http_count *const *counts;
    size_t n_counts;
    uint64_t rate_rejections;
    const struct serve_count *arms; /* what was counted */
    size_t n_arms;
    const struct metrics_arm *live;
    size_t n_live;
    const struct serve_totals *totals; /* NULL: nothing is served */
    const struct val *facts;           /* facts.h; NULL: not gathered yet */
    bool ready;
    const char *version; /* of the program */
    struct metrics_process process;
};
void metrics_render(const struct metrics_in *in, enum prom_format format, struct str *out);
