/* beat.h: the pulse of a running attempt: renews its lease, sends its progress on, and hears
 * that it shall stop. */
#pragma once
#include "app/app.h"
#include "store/job.h"
#include <signal.h>
#include <stdatomic.h>

struct beat;
struct beat_spec {
    const char *dir;
    const struct clock *clock;
    struct log *log;
    const sigset_t *signals; /* blocked in every thread; one of them means: stop the job */
    const struct job *job;   /* just claimed */
    int news_fd;             /* -1: nobody reads */
};
int beat_start(const struct beat_spec *spec, struct beat **ret, struct err *e);
const atomic_bool *beat_cancel(const struct beat *b); /* set once the job shall stop */
/* Remembers it for the next tick; message NULL: unchanged. Any thread. */
void beat_report(struct beat *b, double progress, const char *message);
/* Ends the thread, sending the last report. Returns the signal that told the process to end, 0:
 * none did. */
int beat_stop(struct beat *b);
