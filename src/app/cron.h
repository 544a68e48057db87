/* cron.h: when recurring work is due: "15m" or a five-field cron expression, in UTC.
 *
 *   minute hour day-of-month month day-of-week
 *   each is a list of: *  5  1-5  10-50/20, and a star with a step; months and days of the
 *   week also by three-letter name;
 *   Sunday is 0 or 7; @hourly @daily @weekly @monthly @yearly
 * As in every cron, a day matches when the day of month or the day of week does, if both are
 * restricted (neither begins with *). Slots of an interval are its multiples since 1970, of
 * whole weeks since Monday 1969-12-29. Pure functions; any thread. */
#pragma once
#include "base/err.h"
#include <stdint.h>

struct cron {
    int64_t every_us;                       /* > 0: an interval, and nothing else counts */
    uint64_t minutes;                       /* bit 0 to 59 */
    uint32_t hours, days, months, weekdays; /* bits 0-23, 1-31, 1-12, 0-6 */
    bool any_day, any_weekday;
};
/* ERR_INVALID with the field that is wrong; also for dates that never come (30 February). */
int cron_parse(const char *text, struct cron *ret, struct err *e);
int64_t cron_next(const struct cron *c, int64_t after_us);     /* first slot > after */
int64_t cron_previous(const struct cron *c, int64_t until_us); /* last slot <= until */
