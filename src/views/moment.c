/* moment.c: see moment.h. */
#include "views/moment.h"
#include "base/clock.h"
#include <stdio.h>
#include <string.h>

int64_t moment_us(const char *rfc3339)
{
    int64_t us;
    return rfc3339 && clock_parse(rfc3339, strlen(rfc3339), &us) ? us : INT64_MIN;
}

const char *moment_text(char buf[FMT_LEN], const char *rfc3339)
{
    char text[FMT_LEN];
    fmt_time(text, rfc3339);
    snprintf(buf, FMT_LEN, "%s", strlen(text) > 5 ? text + 5 : text);
    return buf;
}

bool moment_args(const struct view *v, struct val *args)
{
    char text[32];
    if (v->focus->rest_us) val_set_str(args, "at", clock_format(text, v->focus->rest_us));
    return true;
}

static int64_t start_of(const struct val *list, const char *path, long i)
{
    return moment_us(val_as_str(fmt_path(val_at(list, (size_t)i), path), NULL));
}

long moment_index(const struct focus *f, const struct val *list, const char *path)
{
    long low = 0, high = (long)val_len(list); /* the answer is before high */
    if (!f->at_us) return high - 1;
    while (low < high) {
        long mid = low + (high - low) / 2;
        if (start_of(list, path, mid) > f->at_us) high = mid;
        else low = mid + 1;
    }
    return low - 1;
}

bool moment_step(struct focus *f, const struct val *list, const char *path, long by, long first)
{
    long n = (long)val_len(list), was = moment_index(f, list, path), now = was + by;
    if (n == 0) return false;
    if (now < first) now = first;
    if (now > n - 1) now = n - 1;
    f->at_us = now == n - 1 ? 0 : start_of(list, path, now);
    return now != was;
}
