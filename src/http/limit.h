/* limit.h: how often something may happen, per name: a token bucket for each of a bounded
 * number of names. A bucket is one number (the time at which it is full again), so a name that was
 * forgotten because others came, or that never was there, has a full bucket.
 * Any thread: a lock is held for a look-up, and only where a limit is set at all. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIMIT_NAME 32 /* bytes of a name that count */

struct limit;
/* rate: tokens a second, 0: no limit; burst: tokens of a full bucket, below 1: those of one
 * second, at least one. names: how many are remembered; the one unused the longest goes. */
struct limit *limit_new(double rate, double burst, size_t names);
void limit_free(struct limit *l); /* NULL is fine */
bool limit_set(const struct limit *l); /* is there a limit? */
int limit_burst(const struct limit *l);
/* Takes a token. *ret_left: those that are left; *ret_after_s: whole seconds until the next one,
 * at least 1, when there was none. Without a limit: true, and -1 left. */
bool limit_take(struct limit *l, const char *name, int64_t mono_us, int *ret_after_s,
                int *ret_left);
