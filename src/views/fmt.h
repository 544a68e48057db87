/* fmt.h: numbers, times and ids as an operator wants to read them: short, aligned, stable in
 * width so that a changed digit changes one cell. All write into the caller's buffer and return
 * it. Any thread. */
#pragma once
#include "base/val.h"
#include <stdint.h>

#define FMT_LEN 40

const char *fmt_metric(char buf[FMT_LEN], double v);   /* "0.9432", "12.46", "3.1e-05", "–" */
const char *fmt_delta(char buf[FMT_LEN], double d);    /* "+0.0120" */
const char *fmt_count(char buf[FMT_LEN], int64_t n);   /* "950", "12,400", "1.25M" */
const char *fmt_bytes(char buf[FMT_LEN], int64_t n);   /* "1.2 MB" */
const char *fmt_duration(char buf[FMT_LEN], double s); /* "0.42s", "12s", "3m10s", "2h05m" */
const char *fmt_age(char buf[FMT_LEN], const char *rfc3339, int64_t now_us); /* "3m", "–" */
const char *fmt_ago(char buf[FMT_LEN], const char *rfc3339, int64_t now_us); /* "3m ago" */
const char *fmt_time(char buf[FMT_LEN], const char *rfc3339); /* "2026-01-31 23:59" */
const char *fmt_id(char buf[FMT_LEN], const char *id);        /* the digits that tell ids apart */
const char *fmt_percent(char buf[FMT_LEN], double fraction);  /* "62 %" */
/* A scalar by its format name, as in reply_column; NULL is text. */
const char *fmt_val(char *buf, size_t cap, const struct val *v, const char *format, int64_t now_us);
/* Follows "a.b.c" into objects. */
const struct val *fmt_path(const struct val *v, const char *path);

/* What a metric is worth: its place in the list of what to show first, and its direction. */
struct metric_info {
    const char *name;
    bool higher_is_better;
};
const struct metric_info *metric_info(const char *name); /* never NULL */
/* Name of the metric that says most about an object of metrics; NULL when it is empty. */
const char *metric_main(const struct val *metrics);
