/* ports.h: what the verbs need from the layers above, as function slots. run/ fills them in;
 * tests fill in their own. A NULL slot means "not available here". */
#pragma once
#include "base/val.h"

struct job_news { double progress; const char *message; const char *state; };

struct ports {
    void *user;
    /* Starts a worker process for the job; returns at once. The worker outlives this process. */
    int (*job_start)(void *user, const char *dir, const char *job_id, struct err *e);
    /* Starts it if needed and follows it to its end, calling news() on every change. A worker
     * that dies is restarted while attempts are left. Interrupt requests cancellation of the
     * job and goes on following. */
    int (*job_follow)(void *user, const char *dir, const char *job_id,
                      void (*news)(void *arg, const struct job_news *n), void *arg,
                      struct err *e);
    /* A progress line for the user of this front end; may be NULL. */
    void (*progress)(void *user, const struct job_news *n);
};
