/* ports.h: what the verbs need from the layers above, as function slots. run/ fills them in;
 * tests fill in their own. A NULL slot means "not available here". */
#pragma once
#include "base/val.h"
#include "base/str.h"

struct http_request {
    const char *url;               /* http or https */
    const char *const *headers;    /* "Name: value", NULL ends */
    const char *body;
    size_t n_body;                 /* posted */
    int timeout_s;                 /* for the whole exchange */
};
struct http_response {
    long status;
    struct str body;               /* cut at 64 KiB; the caller's to free */
    int64_t retry_after_s;         /* -1: not said */
};

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
    /* Whether the user has asked to stop; for verbs that follow several jobs. May be NULL. */
    bool (*interrupted)(void *user);
    /* A progress line for the user of this front end; may be NULL. */
    void (*progress)(void *user, const struct job_news *n);
    /* Posts and waits for the answer. ERR_BUSY: nobody there, cut off or too slow; an answer of
     * any status is no error. */
    int (*http_post)(void *user, const struct http_request *q, struct http_response *r,
                     struct err *e);
    /* A secret by its name in the environment; NULL: not set. */
    const char *(*secret)(void *user, const char *name);
};
