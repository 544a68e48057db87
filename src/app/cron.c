/* cron.c: see cron.h. A cron expression is one set of bits a field. The next slot is found day
 * by day (a matching day comes within eight years or never, because of 29 February and the
 * centuries) and then within the day, so no search is longer than some three thousand steps. */
#include "app/cron.h"
#include "app/settings.h"
#include "base/mem.h"
#include "base/str.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define MINUTE_US 60000000LL
#define DAY_US    (1440 * MINUTE_US)
#define WEEK_US   (7 * DAY_US)
enum { DAYS_TO_LOOK = 366 * 9, TEXT_MAX = 200 };

struct field {
    const char *name;
    int low, high;
    const char *const *names; /* of low, low + 1 …; NULL: none */
};
static const char *const month_names[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul",
                                           "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const day_names[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };
static const struct field fields[] = {
    { "minute", 0, 59, NULL },          { "hour", 0, 23, NULL },
    { "day of month", 1, 31, NULL },    { "month", 1, 12, month_names },
    { "day of week", 0, 7, day_names },
};
static const struct {
    const char *name, *expression;
} nicknames[] = {
    { "@hourly", "0 * * * *" },   { "@daily", "0 0 * * *" },   { "@midnight", "0 0 * * *" },
    { "@weekly", "0 0 * * 0" },   { "@monthly", "0 0 1 * *" }, { "@yearly", "0 0 1 1 *" },
    { "@annually", "0 0 1 1 *" },
};

/* ---- parsing ---------------------------------------------------------------------------- */

/* A number or name at *p, which moves behind it; -1: neither. */
static int number(const struct field *f, const char **p)
{
    int v = 0, digits = 0;

    for (; digits < 4 && isdigit((unsigned char)**p); ++*p, digits++) v = v * 10 + (**p - '0');
    if (digits) return v;
    for (int i = 0; f->names && f->names[i]; i++) {
        if (strncasecmp(*p, f->names[i], 3) != 0) continue;
        *p += 3;
        return f->low + i;
    }
    return -1;
}

/* One item of a list: star, number or range, with or without a step. */
static bool item(const struct field *f, const char **p, uint64_t *bits)
{
    int from = f->low, to = f->high, step = 1;
    bool single = false;

    if (**p == '*') {
        ++*p;
    } else {
        from = to = number(f, p);
        single = **p != '-';
        if (!single) {
            ++*p;
            to = number(f, p);
        }
    }
    if (**p == '/') {
        ++*p;
        step = number(&fields[0], p);
        if (single) to = f->high;
    }
    if (from < f->low || to < from || to > f->high || step < 1) return false;
    for (int i = from; i <= to; i += step) *bits |= 1ULL << i;
    return true;
}

static bool field_parse(const struct field *f, const char **p, uint64_t *bits)
{
    *bits = 0;
    for (;;) {
        if (!item(f, p, bits)) return false;
        if (**p != ',') break;
        ++*p;
    }
    return **p == '\0' || **p == ' ' || **p == '\t';
}

static int refuse(const char *text, const char *why, struct err *e)
{
    err_set(e, ERR_INVALID, "'%.80s': %s", text, why);
    return err_hint(e, "an interval such as 15m or 1d, or minute hour day month weekday, for "
                       "example \"0 3 * * 1\" for Mondays at 03:00 UTC");
}

static int expression_parse(const char *text, const char *source, struct cron *c, struct err *e)
{
    uint64_t bits[ARRAY_LEN(fields)];
    bool star[ARRAY_LEN(fields)];
    const char *p = source;

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        p += strspn(p, " \t");
        star[i] = *p == '*';
        if (!*p) return refuse(text, "a cron expression has five fields", e);
        if (field_parse(&fields[i], &p, &bits[i])) continue;
        STR_AUTO why = STR_INIT;
        str_addf(&why, "the field '%s' is wrong", fields[i].name);
        return refuse(text, str_c(&why), e);
    }
    if (p[strspn(p, " \t")]) return refuse(text, "a cron expression has five fields", e);
    *c = (struct cron){ .minutes = bits[0],
                        .hours = (uint32_t)bits[1],
                        .days = (uint32_t)bits[2],
                        .months = (uint32_t)bits[3],
                        .weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f),
                        .any_day = star[2],
                        .any_weekday = star[4] };
    return 0;
}

int cron_parse(const char *text, struct cron *ret, struct err *e)
{
    struct cron c = { 0 };
    const char *source = text;

    if (strlen(text) > TEXT_MAX) return refuse(text, "that is too long", e);
    if (settings_duration(text, &c.every_us)) {
        *ret = c;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(nicknames); i++)
        if (strcasecmp(text, nicknames[i].name) == 0) source = nicknames[i].expression;
    int rc = expression_parse(text, source, &c, e);
    if (rc) return rc;
    if (cron_next(&c, 0) == INT64_MAX) return refuse(text, "no such day ever comes", e);
    *ret = c;
    return 0;
}

/* ---- the calendar ----------------------------------------------------------------------- */

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Month and day of month of a day since 1970 in the Gregorian calendar; eras of 400 years that
 * begin on 1 March, so that the leap day comes last. */
static void civil(int64_t day, int *ret_month, int *ret_day)
{
    int64_t z = day + 719468;
    int64_t doe = z - floor_div(z, 146097) * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;

    *ret_day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *ret_month = (int)(mp < 10 ? mp + 3 : mp - 9);
}

static bool day_matches(const struct cron *c, int64_t day)
{
    int month, mday, wday = (int)(day + 4 - floor_div(day + 4, 7) * 7); /* 1970-01-01: Thursday */

    civil(day, &month, &mday);
    if (!(c->months >> month & 1)) return false;
    bool d = c->days >> mday & 1, w = c->weekdays >> wday & 1;
    return c->any_day || c->any_weekday ? d && w : d || w;
}

static bool minute_matches(const struct cron *c, int minute)
{
    return (c->hours >> (minute / 60) & 1) && (c->minutes >> (minute % 60) & 1);
}

/* Whole weeks begin on a Monday, as monitoring windows do. */
static int64_t interval_slot(int64_t every_us, int64_t until_us)
{
    int64_t origin = every_us % WEEK_US == 0 ? -3 * DAY_US : 0;

    return origin + floor_div(until_us - origin, every_us) * every_us;
}

int64_t cron_previous(const struct cron *c, int64_t until_us)
{
    if (c->every_us) return interval_slot(c->every_us, until_us);
    int64_t at = floor_div(until_us, MINUTE_US), day = floor_div(at, 1440);
    int minute = (int)(at - day * 1440);
    for (int i = 0; i < DAYS_TO_LOOK; i++, day--, minute = 1439) {
        if (!day_matches(c, day)) continue;
        for (int m = minute; m >= 0; m--)
            if (minute_matches(c, m)) return day * DAY_US + m * MINUTE_US;
    }
    return INT64_MIN;
}

int64_t cron_next(const struct cron *c, int64_t after_us)
{
    if (c->every_us) return interval_slot(c->every_us, after_us) + c->every_us;
    int64_t at = floor_div(after_us, MINUTE_US) + 1, day = floor_div(at, 1440);
    int minute = (int)(at - day * 1440);
    for (int i = 0; i < DAYS_TO_LOOK; i++, day++, minute = 0) {
        if (!day_matches(c, day)) continue;
        for (int m = minute; m < 1440; m++)
            if (minute_matches(c, m)) return day * DAY_US + m * MINUTE_US;
    }
    return INT64_MAX;
}
