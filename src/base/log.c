/* log.c: see log.h. */
#include "base/log.h"

#include <stdio.h>
#include <unistd.h>

static const char *const names[] = { "debug", "info", "warn", "error" };

const char *log_level_name(enum log_level lv) { return names[lv]; }

static void write_fd(struct log *l, enum log_level lv, const char *line, size_t n)
{
    (void)lv;
    ssize_t rc = write(l->fd, line, n); /* a diagnostic that cannot be written is dropped */
    (void)rc;
}

static void write_nothing(struct log *l, enum log_level lv, const char *line, size_t n)
{
    (void)l;
    (void)lv;
    (void)line;
    (void)n;
}

void log_fd(struct log *l, int fd, enum log_level min, const struct clock *clock)
{
    *l = (struct log){ .write = write_fd, .min = min, .fd = fd, .clock = clock };
}

void log_none(struct log *l)
{
    *l = (struct log){ .write = write_nothing, .min = LOG_ERROR, .fd = -1 };
}

void log_line(struct log *l, enum log_level lv, const char *topic, const char *fmt, ...)
{
    if (!l || lv < l->min) return;
    char line[1200], when[32] = "";
    if (l->clock) clock_format(when, clock_now(l->clock));
    int n = snprintf(line, sizeof line, "%s%s%s %s: ", when, *when ? " " : "", names[lv], topic);
    if (n < 0 || (size_t)n >= sizeof line) return;
    va_list ap;
    va_start(ap, fmt);
    int m = vsnprintf(line + n, sizeof line - (size_t)n - 1, fmt, ap);
    va_end(ap);
    if (m < 0) return;
    size_t len = (size_t)n + (size_t)m;
    if (len > sizeof line - 2) len = sizeof line - 2;
    line[len++] = '\n';
    l->write(l, lv, line, len);
}
