/* clock.c: see clock.h. Calendar arithmetic is done here (days from civil date, Hinnant 2013),
 * so text and time agree on every machine whatever its time zone files say. */
#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND 1000000LL
#define DAY (86400 * SECOND)

static int64_t system_now(const struct clock *c)
{
    (void)c;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * SECOND + t.tv_nsec / 1000;
}

static int64_t fixed_now(const struct clock *c) { return c->fixed_us; }

const struct clock clock_system = { system_now, 0 };

struct clock clock_fixed(int64_t us) { return (struct clock){ fixed_now, us }; }

int64_t clock_mono_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t clock_thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * SECOND * 1000 + t.tv_nsec;
}

int64_t clock_mono_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec / 1000;
}

static int64_t days_of(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void civil_of(int64_t days, int *y, int *m, int *d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = (int)(yoe + era * 400 + (*m <= 2));
}

const char *clock_format(char buf[32], int64_t us)
{
    int64_t days = us / DAY, rest = us % DAY;
    if (rest < 0) {
        rest += DAY;
        days--;
    }
    int y, mo, d;
    civil_of(days, &y, &mo, &d);
    int secs = (int)(rest / SECOND), frac = (int)(rest % SECOND);
    int n = snprintf(buf, 32, "%04d-%02d-%02dT%02d:%02d:%02d", y, mo, d, secs / 3600,
                     secs / 60 % 60, secs % 60);
    if (n < 0 || n > 24) n = 0;
    if (frac % 1000 == 0 && frac)
        snprintf(buf + n, 32 - (size_t)n, ".%03dZ", frac / 1000);
    else if (frac)
        snprintf(buf + n, 32 - (size_t)n, ".%06dZ", frac);
    else
        snprintf(buf + n, 32 - (size_t)n, "Z");
    return buf;
}

struct scan {
    const char *p, *end;
};

static bool number(struct scan *s, int digits, int *ret)
{
    int v = 0;
    for (int i = 0; i < digits; i++, s->p++) {
        if (s->p == s->end || *s->p < '0' || *s->p > '9') return false;
        v = v * 10 + (*s->p - '0');
    }
    *ret = v;
    return true;
}

static bool literal(struct scan *s, char c)
{
    if (s->p == s->end || *s->p != c) return false;
    s->p++;
    return true;
}

static bool date(struct scan *s, int64_t *ret)
{
    static const int len[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    int y, m, d;
    if (!number(s, 4, &y) || !literal(s, '-') || !number(s, 2, &m) || !literal(s, '-') ||
        !number(s, 2, &d))
        return false;
    if (m < 1 || m > 12) return false;
    int leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (d < 1 || d > len[m - 1] + (m == 2 && leap)) return false;
    *ret = days_of(y, m, d) * DAY;
    return true;
}

static bool fraction(struct scan *s, int64_t *us)
{
    int64_t unit = SECOND / 10;
    const char *start = s->p;
    for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++, unit /= 10)
        *us += (*s->p - '0') * unit;
    return s->p > start;
}

static bool zone(struct scan *s, int64_t *us)
{
    if (s->p == s->end || literal(s, 'Z') || literal(s, 'z')) return true;
    int sign = *s->p == '+' ? -1 : *s->p == '-' ? 1 : 0;
    int h, m;
    if (!sign) return false;
    s->p++;
    if (!number(s, 2, &h)) return false;
    literal(s, ':');
    if (!number(s, 2, &m) || h > 23 || m > 59) return false;
    *us += sign * (h * 60 + m) * 60 * SECOND;
    return true;
}

bool clock_parse(const char *text, size_t n, int64_t *ret_us)
{
    struct scan s = { text, text + n };
    int64_t us;
    int h, m, sec = 0;
    if (!date(&s, &us)) return false;
    if (s.p == s.end) {
        *ret_us = us;
        return true;
    }
    if (!literal(&s, 'T') && !literal(&s, 't') && !literal(&s, ' ')) return false;
    if (!number(&s, 2, &h) || !literal(&s, ':') || !number(&s, 2, &m)) return false;
    if (literal(&s, ':')) {
        if (!number(&s, 2, &sec)) return false;
        if (literal(&s, '.') && !fraction(&s, &us)) return false;
    }
    if (h > 23 || m > 59 || sec > 60) return false;
    us += ((h * 60 + m) * 60 + sec) * SECOND;
    if (!zone(&s, &us) || s.p != s.end) return false;
    *ret_us = us;
    return true;
}

const char *clock_age(char buf[16], int64_t us)
{
    int64_t s = us < 0 ? 0 : us / SECOND;
    if (s < 120) snprintf(buf, 16, "%ds", (int)s);
    else if (s < 120 * 60) snprintf(buf, 16, "%dm", (int)(s / 60));
    else if (s < 48 * 3600) snprintf(buf, 16, "%dh", (int)(s / 3600));
    else snprintf(buf, 16, "%dd", (int)(s / 86400 % 1000000));
    return buf;
}
