/* log.h: where diagnostics go. Library code logs only through a struct log it was given;
 * front ends choose the sink (stderr, a job's log file, a ring for a pane). Lines are
 * "2026-01-31T23:59:59.123Z info train: text". Any thread: one write(2) a line. */
#pragma once
#include <stdarg.h>
#include "base/clock.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log {
    void (*write)(struct log *l, enum log_level lv, const char *line, size_t n);
    enum log_level min;
    int fd;                    /* for log_fd */
    const struct clock *clock;
    void *user;
};

void log_fd(struct log *l, int fd, enum log_level min, const struct clock *clock);
void log_none(struct log *l);
void log_line(struct log *l, enum log_level lv, const char *topic, const char *fmt, ...)
    __attribute__((format(printf, 4, 5))); /* l may be NULL */
const char *log_level_name(enum log_level lv);
