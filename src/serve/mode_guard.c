/* mode_guard.c: breakers and hard limits, all atomics: every I/O thread looks here before it
 * asks an arm, and none waits for another.
 *
 * Breaker of an arm:
 *     closed --k failures in a row--> open --back-off over--> one request probes
 *        ^                              ^                        |
 *        '------------ good ------------|------------------------+
 *                                       '------- failed ---------'
 * until_us is the whole state: 0 closed; in the future open; in the past due for a probe. Who
 * probes is decided by a compare-and-swap that moves until_us one back-off ahead, so a probe
 * that never comes back costs one back-off and nothing else. While a breaker is open only the
 * probe's result counts.
 *
 * Hard limits concern the candidate of a canary: failures in a row, an answer that is not a
 * number, 99th percentile of its requests over the limit. The first thread that sees one claims
 * the trip; from then on no thread sends the candidate anything, whatever the stored document
 * says, as long as it is the same rollout. A guard is shared by all catalogs of one rollout. */
#include "base/mem.h"
#include "serve/mode_priv.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIP_NO, TRIP_CLAIMED, TRIP_YES };
enum { SLOW_LEAST = 100, SLOW_WINDOW = 2000 }; /* requests that a percentile is taken over */

struct breaker {
    atomic_int failures; /* in a row, while closed */
    _Atomic int64_t until_us;
};
struct guard {
    atomic_int refs;
    size_t n;
    char *id;
    int64_t *versions;
    struct breaker *breakers;
    atomic_int tripped;
    char reason[200];        /* valid once tripped is TRIP_YES */
    atomic_int streak;       /* of the candidate: failures in a row */
    atomic_int recent, slow; /* its requests lately; of these over the limit */
};

struct guard *guard_new(const struct serve_route *r)
{
    struct guard *g = mem_zalloc(1, sizeof *g);

    atomic_init(&g->refs, 1);
    g->n = r->n_arms;
    g->id = mem_strdup(r->rollout->id != NULL ? r->rollout->id : "");
    g->versions = mem_zalloc(g->n + 1, sizeof *g->versions);
    g->breakers = mem_zalloc(g->n + 1, sizeof *g->breakers);
    for (size_t i = 0; i < g->n; i++) g->versions[i] = r->arms[i].by->version;
    return g;
}

struct guard *guard_ref(struct guard *g)
{
    atomic_fetch_add(&g->refs, 1);
    return g;
}

void guard_unref(struct guard *g)
{
    if (g == NULL || atomic_fetch_sub(&g->refs, 1) > 1) return;
    free(g->id);
    free(g->versions);
    free(g->breakers);
    free(g);
}

bool guard_fits(const struct guard *g, const struct serve_route *r)
{
    if (g->n != r->n_arms || strcmp(g->id, r->rollout->id != NULL ? r->rollout->id : "") != 0)
        return false;
    for (size_t i = 0; i < g->n; i++)
        if (g->versions[i] != r->arms[i].by->version) return false;
    return true;
}

/* -- breakers ---------------------------------------------------------------------------------- */

bool guard_allow(struct guard *g, size_t arm, const struct rollout *r, int64_t now_us,
                 bool *ret_probe)
{
    struct breaker *b = &g->breakers[arm];
    int64_t until;

    *ret_probe = false;
    if (r->breaker_failures <= 0) return true;
    until = atomic_load_explicit(&b->until_us, memory_order_relaxed);
    if (until == 0) return true;
    if (now_us < until) return false;
    *ret_probe = atomic_compare_exchange_strong(&b->until_us, &until, now_us + r->breaker_us);
    return *ret_probe;
}

bool guard_broken(const struct guard *g, size_t arm)
{
    return atomic_load_explicit(&g->breakers[arm].until_us, memory_order_relaxed) != 0;
}

void guard_result(struct guard *g, size_t arm, const struct rollout *r, const struct asked *w)
{
    struct breaker *b = &g->breakers[arm];
    bool closed = atomic_load_explicit(&b->until_us, memory_order_relaxed) == 0;

    if (r->breaker_failures <= 0 || (!closed && !w->probe)) return;
    if (w->good) {
        if (atomic_load_explicit(&b->failures, memory_order_relaxed) != 0)
            atomic_store(&b->failures, 0);
        if (!closed) atomic_store(&b->until_us, 0);
    } else if (w->probe || atomic_fetch_add(&b->failures, 1) + 1 >= r->breaker_failures) {
        atomic_store(&b->until_us, w->now_us + r->breaker_us);
    }
}

/* -- hard limits ------------------------------------------------------------------------------- */

void guard_trip(struct guard *g, const char *fmt, ...)
{
    int expected = TRIP_NO;
    va_list ap;

    if (!atomic_compare_exchange_strong(&g->tripped, &expected, TRIP_CLAIMED)) return;
    va_start(ap, fmt);
    (void)vsnprintf(g->reason, sizeof g->reason, fmt, ap);
    va_end(ap);
    atomic_store(&g->tripped, TRIP_YES);
}

bool guard_tripped(const struct guard *g)
{
    return atomic_load_explicit(&g->tripped, memory_order_relaxed) != TRIP_NO;
}

const char *guard_reason(const struct guard *g)
{
    return atomic_load(&g->tripped) == TRIP_YES ? g->reason : NULL;
}

/* More of the late requests are slow than 1 %, by two standard errors of that number: a few
 * slow ones among the first hundred say nothing about the 99th percentile. */
static void judge_slow(struct guard *g, const struct rollout *r, double seconds)
{
    bool slow = seconds * 1e3 > r->limits.max_p99_ms;
    int n = atomic_fetch_add(&g->recent, 1) + 1;
    int over = slow ? atomic_fetch_add(&g->slow, 1) + 1 : atomic_load(&g->slow);
    double expected = n * 0.01;

    if (n >= SLOW_LEAST && over > expected + 2 * sqrt(expected))
        guard_trip(g, "%d of the last %d requests took longer than max_p99_ms %g", over, n,
                   r->limits.max_p99_ms);
    if (n == SLOW_WINDOW) { /* exactly one thread gets here */
        atomic_fetch_sub(&g->recent, SLOW_WINDOW / 2);
        atomic_fetch_sub(&g->slow, over / 2);
    }
}

void guard_candidate(struct guard *g, const struct rollout *r, bool good, double seconds)
{
    int64_t most = r->limits.consecutive_errors;

    if (good) {
        if (atomic_load_explicit(&g->streak, memory_order_relaxed) != 0)
            atomic_store(&g->streak, 0);
    } else {
        int row = atomic_fetch_add(&g->streak, 1) + 1;
        if (most > 0 && row >= most) guard_trip(g, "%d requests in a row failed", row);
    }
    if (!isnan(r->limits.max_p99_ms)) judge_slow(g, r, seconds);
}
