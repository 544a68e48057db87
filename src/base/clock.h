/* clock.h: time as a value that is passed in, so tests freeze it and replays are exact.
 * Times are int64 microseconds since 1970-01-01 UTC; text is RFC 3339 with 'Z'. Any thread. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock {
    int64_t (*now_us)(const struct clock *c); /* wall clock */
    int64_t fixed_us;                         /* for clock_fixed: the answer */
};

extern const struct clock clock_system;
struct clock clock_fixed(int64_t us);
static inline int64_t clock_now(const struct clock *c) { return c->now_us(c); }
int64_t clock_mono_us(void); /* monotonic; only for measuring durations */
int64_t clock_mono_ns(void); /* the same, for short ones */
int64_t clock_thread_ns(void); /* CPU time of this thread: durations that a busy machine leaves alone */

/* "2026-01-31T23:59:59.123456Z", shorter when the fraction is zero; buf has 32 bytes. */
const char *clock_format(char buf[32], int64_t us);
/* RFC 3339, also "YYYY-MM-DD" and "YYYY-MM-DD HH:MM[:SS[.f]]" (taken as UTC). The whole text
 * of n bytes must match. */
bool clock_parse(const char *s, size_t n, int64_t *ret_us);
/* "3s", "2m", "5h", "12d": age for a screen; buf has 16 bytes. */
const char *clock_age(char buf[16], int64_t us);
