/* metrics.h: GET /metrics. Counters of HTTP per I/O thread, merged when asked; everything else is
 * asked of serve.h, the store and auth.h at scrape time (what needs the store is gathered by the
 * main loop every few seconds, so a scrape never waits for it). Names: metrics.def. */
#pragma once
#include "http/http.h"

struct http_count;      /* one I/O thread's counters by route, method, status */
struct http_count *http_count_new(void);
void http_count_free(struct http_count *c);
/* Once an answer was handed over. route NULL: none matched. */
void http_count_add(struct http_count *c, const struct http_route *route, const char *method,
                    int status, double seconds);
