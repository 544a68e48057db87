/* progress.h: showing a running job on standard error: a bar that redraws itself on a
 * terminal, a JSON line a change for programs, or nothing. One thread. */
#pragma once
#include "app/ports.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum progress_mode { PROGRESS_NONE, PROGRESS_BAR, PROGRESS_JSON };

struct progress {
    enum progress_mode mode;
    int fd;
    size_t width; /* columns of the terminal */
    bool ascii;
    bool drawn;       /* a bar stands on the screen's current line */
    int64_t drawn_us; /* when, on the monotonic clock */
};
/* Fits the slots of struct ports and struct follower: user is a struct progress. */
void progress_news(void *user, const struct job_news *n);
void progress_end(struct progress *p); /* wipes the bar */
